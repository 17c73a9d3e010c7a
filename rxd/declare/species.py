"""Species, State and Parameter: what lives on regions. ``ca[cyt]`` is a SymPy symbol, ``ca`` stands for any of its regions."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import sympy

from geometry.grid import SIDES
from rxd.declare.region import Extracellular, Region, check_name
from rxd.declare.symbols import NodeSymbol
from rxd.errors import DeclarationError, UnitsError
from rxd.units import as_number


class Quantity:
    """Base of Species, State and Parameter: a named field on one or more regions, usable in SymPy expressions."""

    __slots__ = ("_symbols", "initial", "name", "regions")
    kind = "quantity"
    unit = ""

    def __init__(self, regions: Region | Iterable[Region], name: str, initial: Any = None) -> None:
        self.name = check_name(name, type(self).__name__)
        self.regions = _as_regions(regions, f"{type(self).__name__} '{name}'")
        self.initial = self._checked_initial(initial)
        self._symbols = {region: NodeSymbol(self, region) for region in self.regions}
        self._symbols[None] = NodeSymbol(self, None)  # type: ignore[index]

    def __getitem__(self, region: Region) -> NodeSymbol:
        symbol = self._symbols.get(region) if isinstance(region, Region) else None
        if symbol is None:
            given = region.name if isinstance(region, Region) else str(region)
            here = ", ".join(r.name for r in self.regions)
            message = (
                f"{type(self).__name__} '{self.name}' is not defined on region '{given}'. It is on: {here}. "
                f"Add {given} to {type(self).__name__}('{self.name}', regions=...), or use one of its regions."
            )
            raise DeclarationError(message)
        return symbol

    def __iter__(self) -> Any:
        message = f"{type(self).__name__} '{self.name}' is not a sequence; index it with a region: {self.name}[region]."
        raise TypeError(message)

    def _sympy_(self) -> NodeSymbol:
        return self._symbols[None]  # type: ignore[index]

    def _checked_initial(self, initial: Any) -> Any:
        what = f"initial of {type(self).__name__} '{self.name}'"
        if initial is None or callable(initial):
            return initial
        if isinstance(initial, Mapping):
            for region in initial:
                if region not in self.regions:
                    message = f"{what}: {region!r} is not one of its regions ({', '.join(r.name for r in self.regions)})."
                    raise DeclarationError(message)
            missing = [region.name for region in self.regions if region not in initial]
            if missing:
                message = (
                    f"{what}: no value for region {', '.join(missing)}. Give a value for every region, or one number for all."
                )
                raise DeclarationError(message)
            return {region: self._checked_initial(value) for region, value in initial.items()}
        if isinstance(initial, (np.ndarray, list, tuple)) and not hasattr(initial, "magnitude"):
            message = (
                f"{what} is a number, a dict of regions, or a function of the nodes (initial=lambda nodes: numbers, of "
                f"nodes.x, nodes.position, nodes.path_distance ...); got a {type(initial).__name__} of {len(initial)}."
            )
            raise UnitsError(message)
        return as_number(initial, what, self.unit)

    def __add__(self, other: Any) -> sympy.Expr:
        return self._sympy_() + other

    def __radd__(self, other: Any) -> sympy.Expr:
        return other + self._sympy_()

    def __sub__(self, other: Any) -> sympy.Expr:
        return self._sympy_() - other

    def __rsub__(self, other: Any) -> sympy.Expr:
        return other - self._sympy_()

    def __mul__(self, other: Any) -> sympy.Expr:
        return self._sympy_() * other

    def __rmul__(self, other: Any) -> sympy.Expr:
        return other * self._sympy_()

    def __truediv__(self, other: Any) -> sympy.Expr:
        return self._sympy_() / other

    def __rtruediv__(self, other: Any) -> sympy.Expr:
        return other / self._sympy_()

    def __pow__(self, other: Any) -> sympy.Expr:
        return self._sympy_() ** other

    def __rpow__(self, other: Any) -> sympy.Expr:
        return other ** self._sympy_()

    def __neg__(self) -> sympy.Expr:
        return -self._sympy_()

    def __pos__(self) -> NodeSymbol:
        return self._sympy_()

    def __abs__(self) -> sympy.Expr:
        return abs(self._sympy_())

    def __lt__(self, other: Any) -> Any:
        return self._sympy_() < other

    def __le__(self, other: Any) -> Any:
        return self._sympy_() <= other

    def __gt__(self, other: Any) -> Any:
        return self._sympy_() > other

    def __ge__(self, other: Any) -> Any:
        return self._sympy_() >= other

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r} on {', '.join(r.name for r in self.regions)})"


class Species(Quantity):
    """Something with a concentration (mM) that reacts and may diffuse.

    Parameters
    ----------
    regions : Region or sequence of Region
        Where it lives.
    name : str
        Unique in a model. A charged species named as an ion ("ca", "na", "k") on a region with ``side="i"`` or ``"o"`` takes
        part in that ion's currents and reversal potential.
    d : float, three floats, or dict of Region to either
        Diffusion coefficient in um2/ms, not negative; three are those along x, y and z, where space is in voxels.
    charge : int
        Valence.
    initial : float, dict of Region to float, or callable
        Initial concentration in mM; a callable gets a `rxd.Nodes` view (arrays ``x, path_distance, position, section, region``)
        and returns an array or a number. Default 0, or the ion's usual concentration when the model knows the ion.
    atolscale : float
        Multiplies the absolute tolerance of adaptive steps for this species.
    boundary : dict of Extracellular to float, or to dict of side to float
        Concentration in mM that is held at all six sides of a box, or at those named (``"xlo", "xhi", "ylo", "yhi", "zlo",
        "zhi"``); other sides let nothing through. It is that of the side itself, half a voxel from the middles of its voxels.

    Attributes
    ----------
    d, axes : dict of Region to float, to tuple of three floats
        The largest diffusion coefficient in a region, and the fractions of it along x, y, z.
    """

    __slots__ = ("atolscale", "axes", "boundary", "charge", "d")
    kind = "species"
    unit = "mM"

    def __init__(
        self,
        regions: Region | Iterable[Region],
        name: str,
        d: Any = 0.0,
        charge: int = 0,
        initial: float | Mapping[Region, Any] | Callable[[Any], Any] | None = None,
        atolscale: float = 1.0,
        boundary: Mapping[Region, Any] | None = None,
    ) -> None:
        super().__init__(regions, name, initial)
        for region in self.regions:
            if region.is_membrane:
                message = (
                    f"Species '{name}' cannot live on region '{region.name}': it is a membrane and has no volume. "
                    f"Use rxd.State for something on a membrane, or give the region a volume shape."
                )
                raise DeclarationError(message)
        values = dict(d) if isinstance(d, Mapping) else dict.fromkeys(self.regions, d)
        along = {region: _along_axes(values.get(region, 0.0), name, region) for region in self.regions}
        self.d = {region: max(three) for region, three in along.items()}
        self.axes = {r: tuple(d / self.d[r] for d in three) if self.d[r] else (1.0, 1.0, 1.0) for r, three in along.items()}
        unknown = [getattr(region, "name", repr(region)) for region in values if region not in self.regions]
        if unknown:
            here = ", ".join(region.name for region in self.regions)
            message = f"d of species '{name}': {', '.join(unknown)} is not one of its regions ({here})."
            raise DeclarationError(message)
        self.charge = _charge(charge, f"species '{name}'")
        self.atolscale = _atolscale(atolscale, f"species '{name}'")
        if boundary is not None and not isinstance(boundary, Mapping):
            message = f"boundary of species '{name}' is by box: boundary={{ecs: {boundary}}}; got {boundary!r}."
            raise DeclarationError(message)
        self.boundary = {region: self._held(region, given) for region, given in (boundary or {}).items()}

    def _held(self, region: Any, given: Any) -> tuple[tuple[str, float], ...]:
        """Concentration behind each side of a box that is not closed."""
        what = f"boundary of species '{self.name}'"
        if not isinstance(region, Extracellular) or region not in self.regions:
            boxes = ", ".join(r.name for r in self.regions if isinstance(r, Extracellular)) or "none of its regions is one"
            message = (
                f"{what}: {region!r} is not an extracellular box of the species (boxes: {boxes}). Use boundary={{ecs: 140.0}}."
            )
            raise DeclarationError(message)
        if self.d[region] == 0:
            message = (
                f"{what}: nothing crosses the sides of '{region.name}', where d is 0. Give the species a diffusion coefficient."
            )
            raise DeclarationError(message)
        sides = dict(given) if isinstance(given, Mapping) else dict.fromkeys(SIDES, given)
        unknown = [side for side in sides if side not in SIDES]
        if unknown:
            message = f"{what}: a box has the sides {', '.join(SIDES)}, not {unknown[0]!r}."
            raise DeclarationError(message)
        return tuple((side, as_number(value, f"{what} at {side}", "mM")) for side, value in sides.items())


class State(Quantity):
    """A number per node that neither diffuses nor has a volume: a gate, an open probability, an integrator."""

    __slots__ = ("atolscale",)
    kind = "state"

    def __init__(self, regions: Region | Iterable[Region], name: str, initial: Any = None, atolscale: float = 1.0) -> None:
        super().__init__(regions, name, initial)
        self.atolscale = _atolscale(atolscale, f"state '{name}'")


class Parameter(Quantity):
    """A number per node that reactions read and nothing changes."""

    __slots__ = ("charge",)
    kind = "parameter"

    def __init__(
        self, regions: Region | Iterable[Region], name: str, initial: Any = None, value: Any = None, charge: int = 0
    ) -> None:
        if initial is not None and value is not None:
            message = f"Parameter '{name}': give initial or value, not both."
            raise DeclarationError(message)
        if initial is None and value is None:
            message = f"Parameter '{name}' needs a value: a number, a dict by region, or a function of the nodes."
            raise DeclarationError(message)
        super().__init__(regions, name, value if initial is None else initial)
        self.charge = _charge(charge, f"parameter '{name}'")


def _charge(value: Any, what: str) -> int:
    number = as_number(value, f"charge of {what}")
    if number != int(number):
        message = f"charge of {what} is a whole number such as 2; got {value!r}."
        raise DeclarationError(message)
    return int(number)


def _atolscale(value: Any, what: str) -> float:
    number = as_number(value, f"atolscale of {what}")
    if number <= 0:
        message = f"atolscale of {what} must be positive; got {value!r}."
        raise DeclarationError(message)
    return number


def _diffusion(value: Any, name: str, region: Region) -> float:
    number = as_number(value, f"d of species '{name}' on region '{region.name}'", "um2/ms")
    if number < 0 or math.isnan(number):
        message = (
            f"d of species '{name}' on region '{region.name}' is a diffusion coefficient in um2/ms and cannot be negative; "
            f"got {value!r}. Use d=0 for something that does not diffuse."
        )
        raise DeclarationError(message)
    return number


def _along_axes(value: Any, name: str, region: Region) -> tuple[float, float, float]:
    """Diffusion coefficients along x, y, z from one or three."""
    if not isinstance(value, (tuple, list, np.ndarray)):
        one = _diffusion(value, name, region)
        return one, one, one
    what = f"d of species '{name}' on region '{region.name}'"
    if len(value) != 3:
        message = f"{what} is one number, or three for x, y and z; got {value!r}."
        raise DeclarationError(message)
    if not isinstance(region, Extracellular):
        morphology = region.selection.morphology
        flat = [morphology.names[i] for i in region.selection.sections if i not in region.voxel_sections]
        if flat:
            more = f" and {len(flat) - 5} more" if len(flat) > 5 else ""
            message = (
                f"{what} has a value for each axis, but {', '.join(flat[:5])}{more} are one-dimensional there. Use dimension=3."
            )
            raise DeclarationError(message)
    x, y, z = (_diffusion(number, name, region) for number in value)
    return x, y, z


def _as_regions(regions: Any, what: str) -> tuple[Region, ...]:
    if isinstance(regions, Region):
        return (regions,)
    if not isinstance(regions, Iterable) or isinstance(regions, (str, bytes)):
        message = f"{what}: regions must be a rxd.Region or a list of them; got {regions!r}."
        raise DeclarationError(message)
    found = tuple(regions)
    for region in found:
        if not isinstance(region, Region):
            message = (
                f"{what}: regions must be rxd.Region objects; got {region!r}. "
                f"Wrap a selection: rxd.Region(selection, name=...)."
            )
            raise DeclarationError(message)
    if not found:
        message = f"{what}: it must live on at least one region."
        raise DeclarationError(message)
    if len(set(found)) != len(found):
        message = f"{what}: a region is listed twice."
        raise DeclarationError(message)
    return found
