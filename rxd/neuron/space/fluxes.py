"""Sources and sinks on nodes (`node.include_flux`).

In: a node and a number, function, pointer or variable. Out: `Flux` records, read at every step.
"""

from __future__ import annotations

import weakref
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from geometry.records import dataclass
from rxd.neuron.errors import RxDException, caution
from rxd.neuron.rxd.constants import NA_modern, molecules_per_mM_um3
from rxd.neuron.rxd.formula import Formula, Mathable
from rxd.neuron.vectors.pointers import AttributePointer, Pointer

__all__ = ["UNITS", "Flux", "add_flux"]

UNITS: Mapping[str, float] = MappingProxyType(
    {
        "molecule/ms": 1.0,
        "molecules/ms": 1.0,
        "mol/ms": NA_modern,
        "mol/s": 1e-3 * NA_modern,
        "mmol/ms": 1e-3 * NA_modern,
        "millimol/ms": 1e-3 * NA_modern,
        "fmol/ms": 1e-15 * NA_modern,
        "mmol/s": 1e-6 * NA_modern,
    }
)


@dataclass(slots=True)
class Flux:
    """A source: `scale * read()` molecules/ms into each of some nodes; it does not keep the species alive.

    Attributes
    ----------
    species : weak reference to the species
    region, table, index
        What nodes are made of; ``index`` is an ndarray of int.
    read : callable
    scale : float
        Molecules/ms that 1 of what is read is.
    constant : bool
        Whether it never changes.
    pointer : Pointer or None
        What is read, once for all nodes; functions are asked for each node.
    """

    species: weakref.ref[Any]
    region: Any
    table: Any
    index: np.ndarray
    read: Callable[[], Any]
    scale: float
    constant: bool
    pointer: Pointer | None

    def follow(self) -> bool:
        """Find the nodes in the present table; whether there are any left."""
        species = self.species()
        if species is None:
            return False
        try:
            table = species.table(self.region)
        except (RxDException, ReferenceError):
            return False
        if table is not self.table:
            found = [table.by_key.get(self.table.key(i)) for i in self.index.tolist()]
            self.table, self.index = table, np.array([i for i in found if i is not None], dtype=np.int64)
        return len(self.index) > 0

    def rates_of_one(self) -> np.ndarray:
        """What 1 of what is read gives each node, mM/ms."""
        return self.scale / (self.table.volume[self.index] * molecules_per_mM_um3())


def add_flux(parts: Sequence[tuple[Any, Any, Any, np.ndarray]], args: tuple[Any, ...], units: str | None) -> None:
    """Let a source act on nodes: species, region, table and indices of each part.

    Raises
    ------
    RxDException
        For an unknown unit or form.
    """
    if units is not None and units not in UNITS:
        raise RxDException(f"unknown unit: {units!r}; there are: {', '.join(UNITS)}")
    if units is None and len(args) == 2:
        caution("include_flux: no units given for the variable; molecule/ms is assumed.")
    scale = UNITS[units or "molecule/ms"]
    source = args[0] if args else None
    read: Callable[[], Any]
    pointer: Pointer | None = None
    constant = False
    if len(args) == 2 and isinstance(args[1], str):
        pointer = shown = getattr(source, f"_ref_{args[1]}", None) or AttributePointer(source, args[1])
        _refuse_unknown(source, args[1])
        read = lambda kept=source: shown.get()  # type: ignore[misc]  # noqa: E731  # the source lives as long as it acts
    elif len(args) == 1 and isinstance(source, Pointer):
        read, pointer = source.get, source
    elif len(args) == 1 and isinstance(source, Formula) and source.expression.is_number:
        number = float(source.expression)
        read, constant = (lambda: number), True
    elif len(args) == 1 and isinstance(source, Mathable):
        _add_formula(parts, source)
        return
    elif len(args) == 1 and isinstance(source, (int, float)) and not isinstance(source, bool):
        number = float(source)
        read, constant = (lambda: number), True
    elif len(args) == 1 and callable(source):
        read = source
    else:
        raise RxDException(
            "unsupported flux form: give a number, a function, a pointer, or a point process and a variable name"
        )
    for species, region, table, index in parts:
        flux = Flux(weakref.ref(species), region, table, index, read, scale, constant, pointer)
        species.session.chemistry.fluxes.append(flux)
        species.session.run.source_added()
        if hasattr(region, "depends_on") and region.depends_on(species):
            region.changed()  # a volume fraction that nothing changed until now


def _refuse_unknown(source: Any, name: str) -> None:
    """Refuse a variable that is not there, when it is given and not in the run.

    Raises
    ------
    RxDException
        With what NEURON says, the object and the name.
    """
    try:
        getattr(source, name)
    except AttributeError as error:
        raise RxDException(
            f"include_flux: Invalid two parameter form: {source!r} has no variable {name!r} ({error})"
        ) from error


def _add_formula(parts: Sequence[tuple[Any, Any, Any, np.ndarray]], formula: Mathable) -> None:
    """A formula is a rate in mM/ms at the nodes, whatever the units: as in NEURON."""
    from rxd.neuron.rxd.reactions import Source
    from rxd.neuron.rxd.species import Parameter

    for species, region, table, index in parts:
        times = Counter(map(tuple, table.position[index].tolist()))
        here = Parameter(region, initial=lambda other, times=times: times[other.x3d, other.y3d, other.z3d])
        # by its expression alone: a formula of the species itself would keep it, and it this source
        rate = Source(species[region], Formula((here[region] * formula).expression))
        species.sources.append((here, rate))
