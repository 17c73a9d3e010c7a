"""SymPy symbols that users combine into rates: unknowns on regions, the membrane potential, time, ions.

A `NodeSymbol` carries its species (or state, parameter) and region. Two symbols are equal only if both are the same objects,
so that two models in one process never meet even when their names agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import sympy

from geometry import Location
from geometry.records import dataclass
from rxd.errors import DeclarationError

if TYPE_CHECKING:
    from rxd.declare.region import Region
    from rxd.declare.species import Quantity

t = sympy.Symbol("t", real=True)
"""Time in ms."""
celsius = sympy.Symbol("celsius", real=True)
"""Temperature in degrees Celsius; the model's number replaces it when the model is compiled."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One quantity at one place, for recording: ``rxd.v(cell.soma(0.5))``, ``ca[cyt](cell.soma(0.5))``."""

    label: str
    location: Location

    def __post_init__(self) -> None:
        if not isinstance(self.location, Location):
            message = f"{self.label}(...) takes a location such as cell.soma(0.5); got {self.location!r}."
            raise DeclarationError(message)


class VoltageSymbol(sympy.Symbol):
    """The membrane potential: a symbol in rates, and ``v(location)`` to record it at a place."""

    __slots__ = ()

    def __call__(self, location: Location) -> Probe:
        """The potential at one place, for ``record=``."""
        return Probe(self.name, location)


v = VoltageSymbol("v", real=True)
"""Membrane potential in mV at the node's segment."""


class NodeSymbol(sympy.Symbol):
    """A quantity on a region (``ca[cyt]``), or on whichever region a reaction is placed (``ca``: region is None)."""

    __slots__ = ("owner", "region")
    owner: Quantity
    region: Region | None

    def __new__(cls, owner: Quantity, region: Region | None) -> NodeSymbol:
        """A symbol of its owner's own, whatever other models call theirs."""
        label = owner.name if region is None else f"{owner.name}[{region.name}]"
        # __xnew__ skips SymPy's cache, which would hand out another model's symbol of the same name.
        symbol = sympy.Symbol.__xnew__(cls, label, real=True)
        symbol.owner = owner
        symbol.region = region
        return symbol

    def __call__(self, location: Location) -> Probe:
        """The quantity at one place, for ``record=``."""
        return Probe(self.name, location)

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), id(self.owner), id(self.region))

    def __reduce__(self) -> Any:
        message = f"The symbol {self.name} belongs to a live model and cannot be pickled; save results, not symbols."
        raise TypeError(message)


class IonSymbol(sympy.Symbol):
    """A property of an ion that depends on the place.

    ``e`` (reversal potential, mV), ``i`` or ``o`` (concentration, mM), ``current`` (of all density mechanisms, mA/cm2).
    """

    __slots__ = ("ion", "what")
    ion: str
    what: str

    def __new__(cls, ion: str, what: Literal["e", "i", "o", "current"]) -> IonSymbol:
        """``e_ca``, ``ca_i``, ``ca_o`` or ``ca_current``; equal to any other of the same name."""
        symbol = sympy.Symbol.__xnew__(cls, f"e_{ion}" if what == "e" else f"{ion}_{what}", real=True)
        symbol.ion = ion
        symbol.what = what
        return symbol


class PassSymbol(sympy.Symbol):
    """1 in one of the passes over the reactions that a step of first order may make, and 0 in the others.

    What a rate is multiplied with counts over the whole step in its pass; everywhere else all of these are 1, and what belongs
    to different passes adds up.
    """

    __slots__ = ("number",)
    number: int

    def __new__(cls, number: int) -> PassSymbol:
        """That of a pass, counted from 0; equal to any other of the same number."""
        symbol = sympy.Symbol.__xnew__(cls, f"pass_{number}", real=True)
        symbol.number = number
        return symbol


def reversal(ion: str) -> IonSymbol:
    """Reversal potential of an ion in mV: Nernst where a species of that name lives, a constant elsewhere."""
    return IonSymbol(_ion_name(ion), "e")


def concentration(ion: str, side: Literal["i", "o"] = "i") -> IonSymbol:
    """Concentration of an ion in mM inside (``"i"``) or outside (``"o"``) the membrane: the species' or a constant."""
    if side not in ("i", "o"):
        message = f"The side of an ion concentration is 'i' or 'o'; got {side!r}."
        raise DeclarationError(message)
    return IonSymbol(_ion_name(ion), side)


def ion_current(ion: str) -> IonSymbol:
    """The current of an ion through the membrane, mA/cm2, outward: the sum over the density mechanisms in the place."""
    return IonSymbol(_ion_name(ion), "current")


def _ion_name(ion: str) -> str:
    if not isinstance(ion, str) or not ion.isidentifier():
        message = f"An ion's name is a word such as 'ca'; got {ion!r}."
        raise DeclarationError(message)
    return ion


def as_expression(value: Any, what: str) -> sympy.Expr:
    """A SymPy expression from a number, a symbol, a species or an expression.

    Raises
    ------
    DeclarationError
        For strings (they are not parsed: a misspelt name would become a new symbol), booleans, None, NaN, callables.
    """
    if value is None or isinstance(value, (str, bytes, bool)):
        message = f"{what} must be a number or an expression of species, states, parameters, rxd.v and rxd.t; got {value!r}."
        raise DeclarationError(message)
    try:
        expression = sympy.sympify(value)
    except (sympy.SympifyError, TypeError, ValueError) as error:
        message = f"{what} must be a number or an expression; got {value!r} ({type(value).__name__})."
        raise DeclarationError(message) from error
    if not isinstance(expression, sympy.Expr):
        message = f"{what} must be a number or an expression; got {value!r} ({type(value).__name__})."
        raise DeclarationError(message)
    if expression.has(sympy.nan, sympy.oo, sympy.zoo, -sympy.oo):
        message = f"{what} contains NaN or infinity: {expression}. Check divisions by zero in the expression."
        raise DeclarationError(message)
    from rxd.declare.rewriting import rewritten

    return rewritten(expression)
