"""Quotients without quotients in their denominators: ``1 / (1 + (k / x)**2)`` as ``x**2 / (x**2 + k**2)``.

Where x is 0, both are 0, as pumps of calcium are where there is none. The slope of the first is infinity by infinity there.
"""

from __future__ import annotations

import sympy

__all__ = ["cleared_quotients"]


def cleared_quotients(expression: sympy.Expr) -> sympy.Expr:
    """An expression in which no sum below a fraction line has summands that are divided by something variable."""
    while found := [each for each in expression.atoms(sympy.Pow) if _is_below(each) and _divisors(each.base)]:
        inner = [each for each in found if not any(each.base.has(other) for other in found)]
        expression = expression.xreplace({each: _cleared(each) for each in inner})
    return expression


def _is_below(power: sympy.Pow) -> bool:
    return bool(power.exp.is_Integer and power.exp < 0 and power.base.is_Add)


def _divisors(total: sympy.Add) -> dict[sympy.Expr, sympy.Expr]:
    """What summands are divided by, with the highest power of each; nothing if no summand is divided by all of it.

    ``1 / (1 / x + 1 / y)`` is 0 where x and y are, and ``x * y / (x + y)`` no number.
    """
    of_each = [_divisors_of(summand) for summand in total.args]
    highest: dict[sympy.Expr, sympy.Expr] = {}
    for own in of_each:
        highest |= {base: max(n, highest.get(base, n)) for base, n in own.items()}
    return highest if highest in of_each else {}


def _divisors_of(summand: sympy.Expr) -> dict[sympy.Expr, sympy.Expr]:
    """What a product is divided by, with the power of each."""
    found: dict[sympy.Expr, sympy.Expr] = {}
    for factor in sympy.Mul.make_args(summand):
        base, n = _as_power(factor)
        if factor.is_Pow and n.is_number and n < 0 and base.free_symbols and not _may_overflow(base):
            found[base] = found.get(base, sympy.Integer(0)) - n
    return found


def _may_overflow(base: sympy.Expr) -> bool:
    """Whether it is one of exponentials: ``1 / (20 + 1 / (1 + exp(x)))`` has a value where ``20 + 20 * exp(x)`` has none."""
    return base.has(sympy.exp, sympy.cosh, sympy.sinh) or any(power.exp.free_symbols for power in base.atoms(sympy.Pow))


def _as_power(factor: sympy.Expr) -> tuple[sympy.Expr, sympy.Expr]:
    """Base and exponent; of ``(1 / x)**2.5``, which SymPy keeps for an x of either sign, x and -2.5."""
    base, n = factor.as_base_exp()
    return (base.base, -n) if n.is_number and base.is_Pow and base.exp == -1 else (base, n)


def _cleared(power: sympy.Pow) -> sympy.Expr:
    common = sympy.Mul(*(base**n for base, n in _divisors(power.base).items()))
    summands = [sympy.Mul(common, *(b**n for b, n in map(_as_power, sympy.Mul.make_args(each)))) for each in power.base.args]
    return common**-power.exp * sympy.Add(*summands) ** power.exp
