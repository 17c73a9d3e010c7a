"""Reaction, Rate and MultiCompartmentReaction under NEURON's names.

In: schemes and rates as scripts write them. Out: declarations the session's chemistry keeps; wrong ones fail here.
"""

from __future__ import annotations

from collections.abc import Sized
from typing import Any

import sympy

from rxd.neuron.errors import RxDException, caution
from rxd.neuron.rxd.formula import Mathable, NodeSymbol, Scheme, as_sympy, stoichiometry
from rxd.neuron.rxd.region import Extracellular, Region
from rxd.neuron.rxd.species import Quantity, SpeciesOnRegion
from rxd.neuron.session import current_session

__all__ = ["GeneralizedReaction", "MultiCompartmentReaction", "Rate", "Reaction", "Source"]


class GeneralizedReaction:
    """What all kinds of reactions share."""

    is_source = False  # made by `include_flux` of a formula, which NEURON does not compile

    def __init__(self) -> None:
        self.session = current_session()
        if not self.is_source:
            self.session.chemistry.in_force.settle()  # what new species have let NEURON compile does not have this one yet
        for quantity in filter(None, (symbol.quantity() for symbol in self.symbols())):
            self.session.own(quantity.session, f"{quantity.kind} {quantity.label}")
        self.number = self.session.chemistry.add(self)
        self.session.chemistry.boxes.register()

    def symbols(self) -> set[NodeSymbol]:
        """The species, states and parameters it reads or changes."""
        return {symbol for part in self.parts() for symbol in part.free_symbols if isinstance(symbol, NodeSymbol)}

    def parts(self) -> list[sympy.Expr]:
        """All its expressions."""
        return []


class _Scheme(GeneralizedReaction):
    """Sides and rates, as `(lhs, rhs, kf, kb)` or `(lhs > rhs, kf, kb)`."""

    def __init__(self, args: tuple[Any, ...], settings: dict[str, Any], what: str) -> None:
        lhs, rhs, forward, backward, arrow = _sides(args, settings, what)
        self.lhs, self.rhs = stoichiometry(lhs, "lhs"), stoichiometry(rhs, "rhs")
        self._written = lhs, rhs  # species without a region live as long as their reactions, as in NEURON
        self._shown = f"{lhs}{arrow}{rhs}"
        self._custom = _custom(settings)
        self._f_rate, self._b_rate = forward, backward
        self._kf, self._kb = as_sympy(forward), as_sympy(0 if backward is None else backward)
        super().__init__()

    @property
    def custom_dynamics(self) -> bool:
        """Whether the rates are taken as they are, not as constants of mass action."""
        return self._custom

    @custom_dynamics.setter
    def custom_dynamics(self, value: bool) -> None:
        self._custom = bool(value)
        self.session.touch()

    @property
    def f_rate(self) -> Any:
        """Forward rate."""
        return self._f_rate

    @f_rate.setter
    def f_rate(self, value: Any) -> None:
        self._kf = as_sympy(value)
        self._f_rate = value
        self._rate_set()

    @property
    def b_rate(self) -> Any:
        """Backward rate."""
        return self._b_rate

    @b_rate.setter
    def b_rate(self, value: Any) -> None:
        self._kb = as_sympy(0 if value is None else value)
        self._b_rate = value
        self._rate_set()

    def _rate_set(self) -> None:
        self.session.touch()

    @property
    def kf(self) -> sympy.Expr:
        """Forward rate as an expression."""
        return self._kf

    @property
    def kb(self) -> sympy.Expr:
        """Backward rate as an expression."""
        return self._kb

    def parts(self) -> list[sympy.Expr]:
        """Sides and rates."""
        return [*self.lhs, *self.rhs, self._kf, self._kb]


class Reaction(_Scheme):
    """A reaction inside each region: `Reaction(lhs, rhs, kf, kb=0, regions=None, ...)`, or `Reaction(a + b > c, kf)`."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        self.regions = _regions(settings.pop("regions", None))
        super().__init__(args, settings, "Reaction")
        self._b_rate = (
            0 if self._b_rate is None else self._b_rate
        )  # None is what a MultiCompartmentReaction shows that goes one way, as in NEURON

    def _rate_set(self) -> None:
        super()._rate_set()
        self.session.chemistry.in_force.add(self)

    def __repr__(self) -> str:
        regions = f", regions={_names(self.regions)}" if self.regions else ""
        return f"Reaction({self._shown}, {self._f_rate}, rate_b={self._b_rate}{regions}, custom_dynamics={self._custom})"


class MultiCompartmentReaction(_Scheme):
    """A reaction across a membrane, in molecules/um2/ms: `MultiCompartmentReaction(ca[er], ca[cyt], kf, kb, membrane=m)`.

    Parameters
    ----------
    membrane, border : Region
        A region with an area.
    custom_dynamics, mass_action : bool
    membrane_flux : bool
        Whether the charge that crosses is a current of the membrane.
    scale_by_area : bool
        Whether rates are in molecules/um2/ms; if not, in molecules/ms for each segment.
    """

    def __init__(self, *args: Any, **settings: Any) -> None:
        membrane, border = settings.pop("membrane", None), settings.pop("border", None)
        if membrane is not None and border is not None and membrane is not border:
            raise RxDException("MultiCompartmentReaction: give membrane or border, not both")
        membrane = border if membrane is None else membrane
        settings.pop("regions", None)  # NEURON takes it and does nothing with it: the membrane says where
        if not isinstance(membrane, Region):
            raise RxDException(
                "MultiCompartmentReaction requires a membrane parameter: membrane=rxd.Region(..., geometry=rxd.membrane())"
            )
        if not membrane.is_area:
            raise RxDException("must specify a membrane not a volume for the boundary")
        self.membrane = membrane
        self.membrane_flux = bool(settings.pop("membrane_flux", False))
        self.scale_by_area = bool(settings.pop("scale_by_area", True))
        super().__init__(args, settings, "MultiCompartmentReaction")
        for symbol in (*self.lhs, *self.rhs):
            quantity = symbol.quantity()
            if symbol.region is None and quantity is not None and len(quantity.regions) != 1:
                raise RxDException(
                    f"MultiCompartmentReaction: say on which region {quantity.label} is: {quantity.label}[region]."
                )

    def __repr__(self) -> str:
        return (
            f"MultiCompartmentReaction({self._shown}, {self._f_rate}, rate_b={self._b_rate}, membrane={self.membrane.shown}, "
            f"custom_dynamics={self._custom}, membrane_flux={self.membrane_flux}, scale_by_area={self.scale_by_area})"
        )


class Rate(GeneralizedReaction):
    """A term of the time derivative of a species or state: `Rate(species, rate, regions=None)`."""

    def __init__(self, species: Any, rate: Any, regions: Any = None, membrane_flux: bool = False) -> None:
        if not isinstance(species, Mathable) or not isinstance(species.expression, NodeSymbol):
            raise RxDException(f"Rate: the first argument is a species or state, or one of them on a region, not {species!r}.")
        if membrane_flux:
            raise RxDException("Rate: membrane_flux is not supported; use MultiCompartmentReaction(..., membrane_flux=True).")
        self.unknown = species.expression
        self.regions = _regions(regions)
        self.is_of_no_regions = isinstance(regions, Sized) and not len(regions)
        self._rate, self.rate = rate, as_sympy(rate)
        self._shown = str(species)
        quantity = self.unknown.quantity()
        if quantity is not None and quantity.kind == "Parameter":
            caution(
                f"{self!r} has no effect: {quantity.label} is a Parameter, which nothing changes; make it a State or Species.",
            )
        super().__init__()

    @property
    def f_rate(self) -> Any:
        """The rate."""
        return self._rate

    @f_rate.setter
    def f_rate(self, value: Any) -> None:
        self._rate, self.rate = value, as_sympy(value)
        self.session.touch()

    def parts(self) -> list[sympy.Expr]:
        """The unknown and its rate."""
        return [self.unknown, self.rate]

    def __repr__(self) -> str:
        quantity = self.unknown.quantity()
        everywhere = [] if quantity is None or self.unknown.region is not None else quantity.regions
        regions = self.regions or everywhere
        shown = f", regions={_names(regions)}" if regions else ""
        return f"Rate({self._shown}, {self._rate}{shown}, membrane_flux=False)"


class Source(Rate):
    """The rate behind `include_flux` of a formula."""

    is_source = True


def _names(regions: list[Any]) -> str:
    """Regions as NEURON lists them."""
    return f"[{', '.join(region.shown for region in regions)}]"


def _sides(args: tuple[Any, ...], settings: dict[str, Any], what: str) -> tuple[Any, Any, Any, Any, str]:
    given = list(args)
    if not given:
        raise RxDException(f"{what} needs a reaction scheme: {what}(a + b, c, kf, kb) or {what}(a + b > c, kf).")
    if isinstance(given[0], Scheme):
        scheme = given.pop(0)
        lhs, rhs, arrow = scheme.lhs, scheme.rhs, scheme.arrow
    else:
        if len(given) < 3 and not (len(given) == 2 and "rate_f" in settings):
            raise RxDException(
                f"{given[0]!r} not a recognized reaction scheme: write {what}(lhs, rhs, kf, kb) or {what}(lhs > rhs, kf)."
            )
        lhs, rhs, arrow = given.pop(0), given.pop(0), "<>"
    rates = given[:2]
    forward = rates[0] if rates else settings.pop("rate_f", None)
    backward = rates[1] if len(rates) > 1 else settings.pop("rate_b", None)
    if "custom_dynamics" not in settings and len(given) > 2:
        raise RxDException(f"{what}: too many arguments; name the options, such as custom_dynamics=True.")
    if forward is None:
        raise RxDException(f"{what}: no rate given.")
    if arrow in {"<", ">"} and backward is not None:
        raise RxDException(
            f"{what}: a one-way reaction ({arrow}) takes one rate; use != or two arguments for a reversible one."
        )
    if arrow == "<":
        return lhs, rhs, 0, forward, "<"
    if len(rates) > 1 and not isinstance(args[0], Scheme) and _exchanged_in_neuron(lhs, rhs):
        caution(
            f"{what}({lhs}, {rhs}, ...): NEURON takes the forward rate for the backward one and the other way round, since the "
            f"right side is a {_kind(rhs)} and the left is not, and so does this run. Write {what}({rhs}, {lhs}, ...) with the "
            "rates exchanged, or run with python -m rxd.neuron --correct.",
        )
        lhs, rhs = rhs, lhs
    return lhs, rhs, forward, backward, "<>" if backward is not None else ">"


def _exchanged_in_neuron(lhs: Any, rhs: Any) -> bool:
    """Whether NEURON exchanges the sides: it compares them by `!=`, and Python asks a subclass (a State, say) first."""
    if current_session().correct:
        return False
    if isinstance(lhs, Quantity) and isinstance(rhs, Quantity):
        return lhs.kind == "Species" and rhs.kind != "Species"
    if isinstance(lhs, SpeciesOnRegion) and type(rhs) is type(lhs):
        return lhs.species.kind != "Parameter" and rhs.species.kind == "Parameter"
    return False


def _kind(side: Any) -> str:
    """What a side of one species is, as the script knows it."""
    return str(side.kind if isinstance(side, Quantity) else side.species.kind)


def _custom(settings: dict[str, Any]) -> bool:
    custom, mass_action = settings.pop("custom_dynamics", None), settings.pop("mass_action", None)
    if custom is not None and mass_action is not None and bool(custom) == bool(mass_action):
        raise RxDException("Either the reaction follows mass-action kinetics or uses custom dynamics, not both or neither.")
    settings.pop("name", None)
    if settings:
        caution(f"unexpected arguments have no effect, here as in NEURON: {', '.join(settings)}")
    return bool(custom) if custom is not None else mass_action is not None and not mass_action


def _regions(regions: Any) -> list[Any]:
    if regions is None:
        return []
    given = [regions] if isinstance(regions, (Region, Extracellular)) else list(regions)
    found = [region for region in given if region is not None]
    for region in found:
        if not isinstance(region, (Region, Extracellular)):
            raise RxDException(f"regions: {region!r} is not a Region.")
    return found
