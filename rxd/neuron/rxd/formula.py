"""Arithmetic of rxd objects: species combine into formulas, formulas into reaction schemes.

In: operators between species, numbers and formulas. Out: `Formula`, a SymPy expression in symbols that stand for species on
regions, and `Scheme`, two formulas with an arrow between, from `a + b > c`, `a < b`, `a != b`.

SymPy's own comparisons would not do: its `!=` compares structure. A symbol knows its species only weakly, so that a species
that has gone out of scope is noticed when the model is compiled; a formula keeps those that are written in it without a region.
"""

from __future__ import annotations

import weakref
from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import sympy

from rxd.neuron.errors import RxDException
from rxd.neuron.rxd.written import Built, Terms, added, multiplied, text

if TYPE_CHECKING:
    from rxd.neuron.rxd.species import Quantity

__all__ = ["Formula", "Mathable", "NodeSymbol", "RangeSymbol", "Scheme", "as_sympy"]


class NodeSymbol(sympy.Symbol):
    """A species, state or parameter on a region (or, region None, on whichever region a reaction is)."""

    __slots__ = ("mark", "number", "quantity", "region")
    mark: object
    quantity: weakref.ref[Quantity]
    region: weakref.ref[Any] | None
    number: tuple[int, ...]

    def __new__(cls, quantity: Quantity, region: Any) -> NodeSymbol:
        """The symbol; equal to another of the same species and region."""
        label = quantity.label if region is None else f"{quantity.label}[{region.label}]"
        # __xnew__ skips SymPy's cache, which would hand out the symbol of another model
        symbol = sympy.Symbol.__xnew__(cls, label, real=True)
        symbol.quantity = weakref.ref(quantity)
        symbol.region = None if region is None else weakref.ref(region)
        symbol.mark = quantity.session.mark  # SymPy's cache keeps symbols of sessions that are gone: the number stays theirs
        symbol.number = (id(symbol.mark), quantity.number, -1 if region is None else region.number)
        return symbol

    def _hashable_content(self) -> tuple[Any, ...]:
        return (*super()._hashable_content(), *self.number)


class RangeSymbol(sympy.Symbol):
    """A range variable of the segment a node belongs to; `v` is the one that reactions can use."""

    __slots__ = ()

    def __new__(cls, name: str) -> RangeSymbol:
        """The symbol of a variable."""
        return sympy.Symbol.__xnew__(cls, name, real=True)


def as_sympy(thing: Any) -> sympy.Expr:
    """A SymPy expression from a number, a species, a formula or a SymPy expression.

    Raises
    ------
    RxDException
        For anything else.
    """
    if isinstance(thing, Mathable):
        return thing.expression
    if isinstance(thing, bool) or thing is None or isinstance(thing, (str, bytes)):
        raise RxDException(f"{thing!r} is no number and no expression of species.")
    try:
        expression = sympy.sympify(thing.item() if getattr(thing, "ndim", None) == 0 else thing)
    except (sympy.SympifyError, TypeError, ValueError):
        expression = None
    if not isinstance(expression, sympy.Expr) or expression.has(sympy.I):
        raise RxDException(f"{thing!r} is no number and no expression of species.")
    return expression


class Mathable:
    """What arithmetic applies to."""

    __slots__ = ()

    @property
    @abstractmethod
    def expression(self) -> sympy.Expr:
        """The SymPy expression."""

    def _sympy_(self) -> sympy.Expr:
        return self.expression

    def __add__(self, other: Any) -> Formula:
        return Formula(self.expression + as_sympy(other), added(self, other))

    def __radd__(self, other: Any) -> Formula:
        return Formula(as_sympy(other) + self.expression, added(other, self))

    def __sub__(self, other: Any) -> Formula:
        return Formula(self.expression - as_sympy(other), added(self, other, -1))

    def __rsub__(self, other: Any) -> Formula:
        return Formula(as_sympy(other) - self.expression, added(other, self, -1))

    def __mul__(self, other: Any) -> Formula:
        return Formula(self.expression * as_sympy(other), multiplied(self, other))

    def __rmul__(self, other: Any) -> Formula:
        return Formula(as_sympy(other) * self.expression, multiplied(self, other))

    def __truediv__(self, other: Any) -> Formula:
        return Formula.built(self.expression / as_sympy(other), "({})/({})", self, other)

    def __rtruediv__(self, other: Any) -> Formula:
        return Formula.built(as_sympy(other) / self.expression, "({})/({})", other, self)

    def __pow__(self, other: Any) -> Formula:
        return Formula.built(self.expression ** _whole(as_sympy(other)), "pow({}, {})", self, other)

    def __rpow__(self, other: Any) -> Formula:
        return Formula.built(as_sympy(other) ** self.expression, "pow({}, {})", other, self)

    def __mod__(self, other: Any) -> Formula:
        return Formula.built(sympy.Mod(self.expression, as_sympy(other)), "fmod({}, {})", self, other)

    def __neg__(self) -> Formula:
        return Formula(-self.expression, multiplied(self, -1))

    def __pos__(self) -> Formula:
        return Formula(self.expression, added(self, 0, 0))

    def __abs__(self) -> Formula:
        return Formula.built(sympy.Abs(self.expression), "fabs({})", self)

    def __gt__(self, other: Any) -> Scheme:
        return Scheme(self, _not_a_number(other, ">"), ">")

    def __lt__(self, other: Any) -> Scheme:
        return Scheme(self, _not_a_number(other, "<"), "<")

    def __ne__(self, other: object) -> Any:
        return Scheme(self, other, "<>") if isinstance(other, Mathable) else True

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __float__(self) -> float:
        raise TypeError(
            f"{self} has no single value: rates take rxdmath.exp(...) in place of math.exp, numbers are node.value."
        )


def _not_a_number(side: Any, arrow: str) -> Any:
    """The right side of an arrow.

    Raises
    ------
    RxDException
        If somebody compares a species with a number: `if ca > 0.5` would always be true.
    """
    if isinstance(side, Mathable):
        return side
    raise RxDException(
        f"rhs={side!r} not valid in a reaction: {arrow} between species makes a reaction scheme and compares no values. A rate "
        "that switches at a threshold is a formula, such as k / (1 + rxdmath.exp(-(ca - threshold) / width)); the value of a "
        "node is node.value."
    )


def _whole(exponent: sympy.Expr) -> sympy.Expr:
    """2.0 as 2: a whole power is a product, for negative bases too."""
    if isinstance(exponent, sympy.Float) and exponent == int(exponent):
        return sympy.Integer(int(exponent))
    return exponent


class Formula(Mathable):
    """An expression of species, states, parameters, v and numbers.

    Parameters
    ----------
    expression : number or SymPy expression
    terms : mapping, optional
        How it is written (`rxd.neuron.rxd.written`); without it as SymPy writes it.
    """

    __slots__ = ("_expression", "terms")

    def __init__(self, expression: Any, terms: Terms | None = None) -> None:
        self._expression = sympy.sympify(expression)
        self.terms: Terms = {self._expression: 1} if terms is None else terms

    @classmethod
    def built(cls, expression: Any, pattern: str, *parts: Any) -> Formula:
        """One that is written by a pattern: `built(exp(x), "exp({})", x)`."""
        return cls(expression, {Built(pattern, *parts): 1})

    @property
    def expression(self) -> sympy.Expr:
        """The SymPy expression."""
        return self._expression

    @property
    def _items(self) -> Terms:
        return self.terms

    def __radd__(self, other: Any) -> Formula:
        return self + other

    def __neg__(self) -> Formula:
        return Formula.built(-self._expression, "-({})", self)

    def __repr__(self) -> str:
        return text(self.terms)


class Scheme:
    """`lhs > rhs` (forward), `lhs < rhs` (backward), `lhs != rhs` (both)."""

    __slots__ = ("arrow", "lhs", "rhs")

    def __init__(self, lhs: Any, rhs: Any, arrow: str) -> None:
        self.lhs, self.rhs, self.arrow = lhs, rhs, arrow

    def __bool__(self) -> bool:
        # `in` and list.index compare objects; two different species are different
        return True

    def __repr__(self) -> str:
        return f"{self.lhs}{self.arrow}{self.rhs}"


def stoichiometry(side: Any, name: str) -> dict[NodeSymbol, int]:
    """Species and their whole numbers from a sum such as `ca + 2 * buf`; none from `0 * ca`.

    Raises
    ------
    RxDException
        If the side is something else.
    """
    wrong = RxDException(f"{name}={side!r} not valid in a reaction; a side is a sum such as a + 2 * b of species.")
    if not isinstance(side, Mathable):
        raise wrong
    numbers: dict[NodeSymbol, int] = {}
    for term in sympy.Add.make_args(sympy.expand(side.expression)):
        count, symbol = term.as_coeff_Mul()
        if term == 0:  # `Reaction(0 * a, b, k)` makes b out of nothing
            continue
        if not isinstance(symbol, NodeSymbol) or count != int(count) or count <= 0:
            raise wrong
        numbers[symbol] = int(count)
    return numbers
