"""Functions for rates: `rxdmath.exp(ca)` and the like build formulas.

In: numbers, species, formulas. Out: `Formula`.
"""

from __future__ import annotations

from typing import Any

import sympy

from rxd import vtrap as _vtrap
from rxd.neuron.errors import NotSupported
from rxd.neuron.rxd.formula import Formula, RangeSymbol, as_sympy
from rxd.neuron.rxd.written import added

__all__ = [
    "Vm",
    "acos",
    "acosh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "ceil",
    "copysign",
    "cos",
    "cosh",
    "degrees",
    "erf",
    "erfc",
    "exp",
    "expm1",
    "fabs",
    "factorial",
    "floor",
    "fmod",
    "gamma",
    "hypot",
    "lgamma",
    "log",
    "log1p",
    "log10",
    "pow",
    "radians",
    "sin",
    "sinh",
    "sqrt",
    "tan",
    "tanh",
    "trunc",
    "v",
    "vtrap",
]  # fmt: skip


_Arithmeticed = Formula


def _ensure_arithmeticed(thing: Any) -> Formula:
    """A formula from a number, a species or a formula, under the name it has in NEURON."""
    return thing if isinstance(thing, Formula) else Formula(as_sympy(thing), added(thing, 0, 0))


class Vm(Formula):
    """The membrane potential in mV."""

    __slots__ = ()

    def __init__(self) -> None:
        super().__init__(RangeSymbol("v"))


v = Vm()


def acos(x: Any) -> Formula:
    """Arc cosine."""
    return Formula.built(sympy.acos(as_sympy(x)), "acos({})", x)


def acosh(x: Any) -> Formula:
    """Inverse hyperbolic cosine."""
    return Formula.built(sympy.log(as_sympy(x) + sympy.sqrt(as_sympy(x) ** 2 - 1)), "acosh({})", x)


def asin(x: Any) -> Formula:
    """Arc sine."""
    return Formula.built(sympy.asin(as_sympy(x)), "asin({})", x)


def asinh(x: Any) -> Formula:
    """Inverse hyperbolic sine."""
    return Formula.built(sympy.log(as_sympy(x) + sympy.sqrt(as_sympy(x) ** 2 + 1)), "asinh({})", x)


def atan(x: Any) -> Formula:
    """Arc tangent."""
    return Formula.built(sympy.atan(as_sympy(x)), "atan({})", x)


def atan2(y: Any, x: Any) -> Formula:
    """Angle of the point (x, y)."""
    a, b = as_sympy(x), as_sympy(y)
    r = sympy.sqrt(a**2 + b**2)
    left = sympy.Piecewise((2 * sympy.atan((r - a) / b), sympy.Abs(b) > 0), (sympy.pi, True))
    return Formula.built(sympy.Piecewise((2 * sympy.atan(b / (r + a)), a > 0), (left, True)), "atan2({}, {})", y, x)


def ceil(x: Any) -> Formula:
    """Next whole number above."""
    return Formula.built(_above(as_sympy(x)), "ceil({})", x)


def _above(value: sympy.Expr) -> sympy.Expr:
    # kernels know floor alone, and SymPy makes -floor(-x) the function they do not know
    below = sympy.floor(value)
    return sympy.Piecewise((below, value - below <= 0), (below + 1, True))


def copysign(x: Any, y: Any) -> Formula:
    """The magnitude of x with the sign of y."""
    return Formula.built(
        sympy.Piecewise((sympy.Abs(as_sympy(x)), as_sympy(y) >= 0), (-sympy.Abs(as_sympy(x)), True)), "copysign({}, {})", x, y
    )


def cos(x: Any) -> Formula:
    """Cosine."""
    return Formula.built(sympy.cos(as_sympy(x)), "cos({})", x)


def cosh(x: Any) -> Formula:
    """Hyperbolic cosine."""
    return Formula.built(sympy.cosh(as_sympy(x)), "cosh({})", x)


def degrees(x: Any) -> Formula:
    """Radians in degrees."""
    return Formula.built(as_sympy(x) * sympy.Float(180) / sympy.pi, "degrees({})", x)


def erf(x: Any) -> Formula:
    """Error function."""
    return Formula.built(sympy.erf(as_sympy(x)), "erf({})", x)


def erfc(x: Any) -> Formula:
    """1 - erf(x)."""
    return Formula.built(1 - sympy.erf(as_sympy(x)), "erfc({})", x)


def exp(x: Any) -> Formula:
    """Exponential."""
    return Formula.built(sympy.exp(as_sympy(x)), "exp({})", x)


def expm1(x: Any) -> Formula:
    """exp(x) - 1."""
    return Formula.built(sympy.exp(as_sympy(x)) - 1, "expm1({})", x)


def fabs(x: Any) -> Formula:
    """Absolute value."""
    return Formula.built(sympy.Abs(as_sympy(x)), "fabs({})", x)


def factorial(x: Any) -> Formula:
    """Factorial, `gamma(x + 1)`."""
    return Formula.built(sympy.gamma(as_sympy(x) + 1), "factorial({})", x)


def floor(x: Any) -> Formula:
    """Next whole number below."""
    return Formula.built(sympy.floor(as_sympy(x)), "floor({})", x)


def fmod(x: Any, y: Any) -> Formula:
    """Remainder of x / y, with the sign of x."""
    a, b = as_sympy(x), as_sympy(y)
    quotient = a / b
    return Formula.built(
        a - b * sympy.Piecewise((sympy.floor(quotient), quotient >= 0), (_above(quotient), True)), "fmod({}, {})", x, y
    )


def gamma(x: Any) -> Formula:
    """Gamma function."""
    return Formula.built(sympy.gamma(as_sympy(x)), "gamma({})", x)


def hypot(x: Any, y: Any) -> Formula:
    """sqrt(x^2 + y^2)."""
    return Formula.built(sympy.sqrt(as_sympy(x) ** 2 + as_sympy(y) ** 2), "hypot({}, {})", x, y)


def lgamma(x: Any) -> Formula:
    """Logarithm of the gamma function."""
    return Formula.built(sympy.loggamma(as_sympy(x)), "lgamma({})", x)


def log(x: Any, base: Any = None) -> Formula:
    """Natural logarithm, or one to a base."""
    value = sympy.log(as_sympy(x))
    if base is None:
        return Formula.built(value, "log({})", x)
    return Formula.built(value / sympy.log(as_sympy(base)), "log({}, {})", x, base)


def log10(x: Any) -> Formula:
    """Logarithm to base 10."""
    return Formula.built(sympy.log(as_sympy(x)) / sympy.log(sympy.Float(10)), "log10({})", x)


def log1p(x: Any) -> Formula:
    """log(1 + x)."""
    return Formula.built(sympy.log(1 + as_sympy(x)), "log1p({})", x)


def pow(x: Any, y: Any) -> Formula:  # noqa: A001 - NEURON's name
    """X to the power y."""
    return Formula.built((Formula(as_sympy(x)) ** y).expression, "pow({}, {})", x, y)


def radians(x: Any) -> Formula:
    """Degrees in radians."""
    return Formula.built(as_sympy(x) * sympy.pi / sympy.Float(180), "radians({})", x)


def sin(x: Any) -> Formula:
    """Sine."""
    return Formula.built(sympy.sin(as_sympy(x)), "sin({})", x)


def sinh(x: Any) -> Formula:
    """Hyperbolic sine."""
    return Formula.built(sympy.sinh(as_sympy(x)), "sinh({})", x)


def sqrt(x: Any) -> Formula:
    """Square root."""
    return Formula.built(sympy.sqrt(as_sympy(x)), "sqrt({})", x)


def tan(x: Any) -> Formula:
    """Tangent."""
    return Formula.built(sympy.tan(as_sympy(x)), "tan({})", x)


def tanh(x: Any) -> Formula:
    """Hyperbolic tangent."""
    return Formula.built(sympy.tanh(as_sympy(x)), "tanh({})", x)


def trunc(x: Any) -> Formula:
    """The whole number towards 0."""
    value = as_sympy(x)
    return Formula.built(sympy.Piecewise((sympy.floor(value), value >= 0), (_above(value), True)), "trunc({})", x)


def vtrap(x: Any, y: Any) -> Formula:
    """`x / (exp(x / y) - 1)`, smooth through x = 0."""
    return Formula.built(_vtrap(as_sympy(x), as_sympy(y)), "vtrap({}, {})", x, y)


def __getattr__(name: str) -> Any:
    raise NotSupported(f"rxdmath.{name} is not supported; there are: {', '.join(__all__)}.")
