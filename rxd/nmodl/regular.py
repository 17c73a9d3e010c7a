"""Removable singularities: ``x / (exp(x / y) - 1)`` becomes a function that is smooth through x = 0.

In: the two branches of an `if`, or an expression. Out: an expression that is finite, with a finite derivative. Mod files guard
such quotients by a branch around zero (``vtrap``), or not at all.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy.core.relational import Relational

from rxd.declare.cases import Cases
from rxd.declare.functions import bernoulli_ratio

__all__ = ["regular", "smooth"]

NARROW = 1e-2
"""Widest guard, in units of what is compared, that is taken for one around a singularity."""
NOTHING = 20
"""Exponents below minus this are taken for minus infinity by such guards."""
ROUNDING = 1e-9
"""How far apart two zeros may be that are one: numbers in mod files are rounded."""


def regular(condition: Any, first: Any, second: Any) -> Any:
    """``first`` where the condition holds, else ``second``; the smooth one alone if the other only guards a singularity."""
    first, second = smooth(first), smooth(second)
    if first == 0 and isinstance(second, sympy.exp) and _is_far_below(condition, second.args[0]):
        return second
    guarded = _guarded(condition)
    if guarded is not None:
        inside, outside = (first, second) if guarded else (second, first)
        if outside.has(bernoulli_ratio) and not _singular(outside) and not inside.has(sympy.Piecewise):
            return outside
    return Cases((first, condition), (second, True))


def _is_far_below(condition: Any, x: Any) -> bool:
    """Whether a condition holds only where the exponential of x is nothing: ``if (x < -50) {Exp = 0} else {Exp = exp(x)}``."""
    bounded = isinstance(condition, (sympy.Lt, sympy.Le)) and condition.lts == x
    return bounded and condition.gts.is_number and float(condition.gts) <= -NOTHING


def _guarded(condition: Any) -> bool | None:
    """Whether a condition holds only near a point (True), only away from it (False), or neither (None)."""
    if not isinstance(condition, Relational):
        return None
    if isinstance(condition, (sympy.Eq, sympy.Ne)):
        return isinstance(condition, sympy.Eq)
    left, right = condition.lts, condition.gts
    if isinstance(left, sympy.Abs) and right.is_number and abs(float(right)) <= NARROW:
        return True
    if isinstance(right, sympy.Abs) and left.is_number and abs(float(left)) <= NARROW:
        return False
    return None


def _singular(expression: Any) -> bool:
    """Whether a quotient by ``exp(x) - 1`` remains."""
    return any(_difference(power) is not None for power in expression.atoms(sympy.Pow))


def _difference(power: Any) -> tuple[Any, Any] | None:
    """``(w, c)`` if a power is ``1 / (c (exp(w) - 1))``."""
    if not (isinstance(power, sympy.Pow) and power.exp == -1 and isinstance(power.base, sympy.Add)):
        return None
    terms = power.base.args
    if len(terms) != 2:
        return None
    constants = [term for term in terms if term.is_number]
    if len(constants) != 1 or constants[0] == 0:
        return None
    c = -constants[0]
    rest = (terms[0] if terms[1] is constants[0] else terms[1]) / c
    number, power_of_e = rest.as_coeff_Mul()
    if not isinstance(power_of_e, sympy.exp) or not number > 0:
        return None
    return (power_of_e.args[0] if number == 1 else power_of_e.args[0] + sympy.log(number)), c


def smooth(expression: Any) -> Any:
    """An expression whose quotients ``k w / (exp(w) - 1)`` are `bernoulli_ratio` functions."""
    if not isinstance(expression, sympy.Expr) or not expression.args or not expression.has(sympy.exp):
        return expression
    if isinstance(expression, sympy.Piecewise):
        return Cases(*((smooth(value), condition) for value, condition in expression.args))
    parts = [smooth(part) for part in expression.args]
    if any(new is not old for new, old in zip(parts, expression.args, strict=True)):
        expression = expression.func(*parts)
    return _smooth_product(expression) if isinstance(expression, sympy.Mul) else expression


def _smooth_product(product: Any) -> Any:
    for power in product.args:
        found = _difference(power)
        if found is None:
            continue
        w, c = found
        rest = product / power
        for factor in sympy.Mul.make_args(rest):
            ratio = None if factor.has(sympy.exp) else _ratio(factor, w)
            if ratio is not None:
                return ratio * (rest / factor) * bernoulli_ratio(w) / c
    return product


def _ratio(factor: Any, w: Any) -> Any:
    """``factor / w`` if that is the same everywhere, else None."""
    common = factor.free_symbols & w.free_symbols
    if not common:
        return None
    symbol = min(common, key=lambda s: (s.name != "v", s.name))
    ratio = sympy.diff(factor, symbol) / sympy.diff(w, symbol)
    if symbol in ratio.free_symbols:
        return None
    rest = sympy.expand(factor - ratio * w)
    constant = abs(factor.subs(symbol, 0))
    small = (
        rest.is_number
        and constant.is_number
        and abs(float(rest)) <= ROUNDING * max(float(constant), abs(float(ratio)) if ratio.is_number else 0.0)
    )
    return ratio if rest == 0 or small else None
