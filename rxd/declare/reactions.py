"""Reaction, Rate and MultiCompartmentReaction: how quantities change one another."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import sympy

from rxd.declare.region import Region
from rxd.declare.species import Parameter, Quantity, Species, State
from rxd.declare.symbols import NodeSymbol, as_expression
from rxd.errors import DeclarationError


class Conversion:
    """What reactions inside a region and across a membrane share: two sides, two constants of mass action or custom rates."""

    __slots__ = ("custom_dynamics", "kb", "kf", "lhs", "rhs")
    kind = "reaction"

    def __init__(self, lhs: Any, rhs: Any) -> None:
        self.lhs = stoichiometry(lhs, f"lhs of the {self.kind}")
        self.rhs = stoichiometry(rhs, f"rhs of the {self.kind}")
        if not self.lhs and not self.rhs:
            message = f"A {self.kind} needs at least one species on one side; both sides are empty."
            raise DeclarationError(message)

    def set_rates(self, kf: Any, kb: Any, custom_dynamics: bool, mass_action: bool | None) -> None:
        """Take the two constants or rates; a missing `kb` is zero."""
        self.kf = as_expression(kf, f"kf of {self.label}")
        self.kb = sympy.Integer(0) if kb is None else as_expression(kb, f"kb of {self.label}")
        self.custom_dynamics = _dynamics(custom_dynamics, mass_action, self.label)

    @property
    def label(self) -> str:
        """What error messages and recordings call it: ``membrane reaction ca[cyt] <-> ca[er]``."""
        return f"{self.kind} {side_text(self.lhs)} <-> {side_text(self.rhs)}"

    def rate(self) -> sympy.Expr:
        """Net rate, ``kf prod(lhs) - kb prod(rhs)`` or custom ``kf - kb``: mM/ms, through membranes molecules/um2/ms."""
        if self.custom_dynamics:
            return self.kf - self.kb
        forward = sympy.Mul(self.kf, *(symbol**count for symbol, count in self.lhs.items()))
        backward = sympy.Mul(self.kb, *(symbol**count for symbol, count in self.rhs.items()))
        return forward - backward

    def net(self) -> dict[NodeSymbol, int]:
        """Net stoichiometric number of each species per forward reaction; a catalyst, the same on both sides, is left out."""
        net = {symbol: -number for symbol, number in self.lhs.items()}
        for symbol, number in self.rhs.items():
            net[symbol] = net.get(symbol, 0) + number
        return {symbol: number for symbol, number in net.items() if number}


class Reaction(Conversion):
    """Change of species by a reaction inside each region: ``lhs <-> rhs``.

    The rate is in mM/ms: mass action ``kf * product(lhs) - kb * product(rhs)``, or ``kf - kb`` as given if `custom_dynamics`.

    Parameters
    ----------
    lhs, rhs : expression
        Sums of species with whole-number coefficients, ``ca + 2 * buf``; 0 or None for nothing.
    kf, kb : expression
        Forward and backward rate constant (mass action) or rate (custom); `kb` defaults to 0.
    regions : Region or sequence, optional
        Restricts a reaction of bare species (``ca``, not ``ca[cyt]``) to some of their common regions.
    custom_dynamics : bool
        Take `kf` and `kb` as rates, not as constants of mass action.
    """

    __slots__ = ("regions",)

    def __init__(
        self,
        lhs: Any,
        rhs: Any,
        kf: Any,
        kb: Any = None,
        regions: Any = None,
        custom_dynamics: bool = False,
        mass_action: bool | None = None,
    ) -> None:
        super().__init__(lhs, rhs)
        self.set_rates(kf, kb, custom_dynamics, mass_action)
        self.regions = as_region_tuple(regions, self.label)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({side_text(self.lhs)} <-> {side_text(self.rhs)}, kf={self.kf}, kb={self.kb})"


class MultiCompartmentReaction(Conversion):
    """A reaction across a membrane: ``ca[er] <-> ca[cyt]`` at a rate per membrane area.

    The rate is in molecules/um2/ms of the membrane region's area. With `membrane_flux` the charge that crosses is a current
    of the cable equation, positive outward: ``i = F sum(z n) J``; species on regions with ``side="o"`` or outside count as
    outside.

    Parameters
    ----------
    lhs, rhs : expression
        Sums of species on named regions.
    kf, kb : expression
        Constants of mass action or, with `custom_dynamics`, rates.
    membrane : Region
        A region with an area: ``rxd.membrane``, ``rxd.DistributedBoundary`` ...
    membrane_flux : bool
        Count the charge as membrane current.
    """

    __slots__ = ("membrane", "membrane_flux")
    kind = "membrane reaction"

    def __init__(
        self,
        lhs: Any,
        rhs: Any,
        kf: Any,
        kb: Any = None,
        membrane: Region | None = None,
        custom_dynamics: bool = False,
        membrane_flux: bool = False,
        mass_action: bool | None = None,
    ) -> None:
        super().__init__(lhs, rhs)
        for symbol in (*self.lhs, *self.rhs):
            if symbol.region is None and len(symbol.owner.regions) != 1:
                message = f"{self.label}: say on which region: {symbol.owner.name}[region]."
                raise DeclarationError(message)
        self.set_rates(kf, kb, custom_dynamics, mass_action)
        if not isinstance(membrane, Region):
            message = (
                f"{self.label} needs membrane=, a rxd.Region with shape rxd.membrane or rxd.DistributedBoundary(...); "
                f"got {membrane!r}."
            )
            raise DeclarationError(message)
        if not membrane.shape.is_area:
            message = (
                f"{self.label}: region '{membrane.name}' has no area; its shape is {membrane.shape!r}. "
                f"Give it shape=rxd.membrane."
            )
            raise DeclarationError(message)
        self.membrane = membrane
        self.membrane_flux = bool(membrane_flux)
        if self.membrane_flux and self.charge_out() == 0:
            charges = ", ".join(f"{s.owner.name}: {getattr(s.owner, 'charge', 0)}" for s in (*self.lhs, *self.rhs))
            message = (
                f"{self.label}: membrane_flux=True, but no net charge crosses: the species' charges are {charges}. "
                f"Give the species its charge (Species(..., charge=2)) or leave out membrane_flux."
            )
            raise DeclarationError(message)

    def charges_out(self) -> dict[str, int]:
        """Elementary charges that leave the inside per forward reaction, by the species that carry them."""
        charges: dict[str, int] = {}
        for symbol, number in self._net_inside().items():
            charge = getattr(symbol.owner, "charge", 0)
            if charge:
                charges[symbol.owner.name] = charges.get(symbol.owner.name, 0) - number * charge
        return charges

    def charge_out(self) -> int:
        """Elementary charges that leave the inside per forward reaction."""
        return sum(self.charges_out().values())

    def _net_inside(self) -> dict[NodeSymbol, int]:
        """Net numbers on the inner side: regions with side 'i'; without one, whatever is not on a region with side 'o'."""
        net = self.net()
        inside = {s: n for s, n in net.items() if region_of(s).side == "i"}
        if inside:
            return inside
        outside = {s: n for s, n in net.items() if region_of(s).side == "o"}
        if outside:
            return {s: n for s, n in net.items() if s not in outside} or {s: -n for s, n in outside.items()}
        return {s: n for s, n in net.items() if s in self.lhs}

    def __repr__(self) -> str:
        flux = ", membrane_flux=True" if self.membrane_flux else ""
        return (
            f"MultiCompartmentReaction({side_text(self.lhs)} <-> {side_text(self.rhs)}, membrane={self.membrane.name!r}{flux})"
        )


class Rate:
    """Adds a term to the time derivative of a species (mM/ms) or state (1/ms); several Rates add up.

    Parameters
    ----------
    unknown : Species, State or ``species[region]``
        What changes.
    expression : expression
        Its rate of change.
    regions : Region or sequence, optional
        Restricts a bare species to some of its regions.
    """

    __slots__ = ("expression", "regions", "unknown")

    def __init__(self, unknown: Any, expression: Any, regions: Any = None) -> None:
        symbol = as_expression(unknown, "The unknown of a Rate") if isinstance(unknown, (Quantity, sympy.Basic)) else None
        if not isinstance(symbol, NodeSymbol):
            message = f"The unknown of a Rate is a species or state, or one of them on a region (ca[cyt]); got {unknown!r}."
            raise DeclarationError(message)
        if isinstance(symbol.owner, Parameter):
            message = (
                f"Parameter '{symbol.owner.name}' never changes, so it cannot have a Rate. Declare it as a State or Species."
            )
            raise DeclarationError(message)
        self.unknown = symbol
        self.expression = as_expression(expression, f"The rate of {symbol.name}")
        self.regions = as_region_tuple(regions, f"Rate of {symbol.name}")

    @property
    def label(self) -> str:
        """What error messages call it: ``rate of ca[cyt]``."""
        return f"rate of {self.unknown.name}"

    def __repr__(self) -> str:
        return f"Rate({self.unknown.name}, {self.expression})"


def stoichiometry(side: Any, what: str) -> dict[NodeSymbol, int]:
    """Species and their whole, positive numbers from a sum such as ``ca[cyt] + 2 * buf[cyt]``."""
    if side is None:
        return {}
    expression = sympy.expand(as_expression(side, what))
    if expression == 0:
        return {}
    numbers: dict[NodeSymbol, int] = {}
    for term in sympy.Add.make_args(expression):
        coefficient, symbol = term.as_coeff_Mul()
        if not isinstance(symbol, NodeSymbol) or not isinstance(symbol.owner, (Species, State)):
            message = f"{what} is a sum of species with whole-number coefficients, such as ca + 2 * buf; got the term {term}."
            raise DeclarationError(message)
        if coefficient != int(coefficient) or coefficient <= 0:
            message = f"{what}: the number of {symbol.name} must be a whole, positive number; got {coefficient}."
            raise DeclarationError(message)
        numbers[symbol] = int(coefficient)
    return numbers


def region_of(symbol: NodeSymbol) -> Region:
    """Region of a symbol; a bare species with one region means that region."""
    return symbol.owner.regions[0] if symbol.region is None else symbol.region


def side_text(side: dict[NodeSymbol, int]) -> str:
    """One side of a reaction as it is written: ``ca + 2 buf``."""
    return " + ".join(symbol.name if number == 1 else f"{number} {symbol.name}" for symbol, number in side.items()) or "nothing"


def as_region_tuple(regions: Any, what: str) -> tuple[Region, ...] | None:
    """The regions of a ``regions=`` argument, None where nothing is restricted; ``what`` names it in the error."""
    if regions is None:
        return None
    found = (regions,) if isinstance(regions, Region) else tuple(regions) if isinstance(regions, Iterable) else (regions,)
    for region in found:
        if not isinstance(region, Region):
            message = f"{what}: regions= takes rxd.Region objects; got {region!r}."
            raise DeclarationError(message)
    return found


def _dynamics(custom_dynamics: bool, mass_action: bool | None, what: str) -> bool:
    if mass_action is None:
        return bool(custom_dynamics)
    if mass_action and custom_dynamics:
        message = f"{what}: mass_action=True and custom_dynamics=True contradict each other; give one of them."
        raise DeclarationError(message)
    return not mass_action
