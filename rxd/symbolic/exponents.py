"""Exponentials kept whole: SymPy takes numbers out of exponents, and what it takes out may be beyond all floating point.

``exp(2000.0 - 1000.0 c)`` becomes ``3.9e868 * exp(-1000.0 c)``, infinity times nothing where c is 2.
"""

from __future__ import annotations

from typing import Final

import sympy

__all__ = ["whole_exponentials"]

LARGEST: Final = 200
"""Logarithm of the largest factor that may stand before an exponential; no unit of measurement needs a larger one."""
ROUND: Final = 100
"""What goes back are multiples of it: the same exponential with other factors stays the same one."""


def whole_exponentials(expression: sympy.Expr) -> sympy.Expr:
    """An expression with huge and tiny factors of exponentials put back into their exponents, as exact numbers."""
    if not expression.args or not any(map(_has_lost, expression.atoms(sympy.Mul))):
        return expression
    args = [whole_exponentials(each) for each in expression.args]
    changed = (
        expression.func(*args) if any(new is not old for new, old in zip(args, expression.args, strict=True)) else expression
    )
    return _whole(changed) if _has_lost(changed) else changed


def _has_lost(product: sympy.Expr) -> bool:
    """Whether a product of an exponential has a number before it that belongs into the exponent."""
    if not product.is_Mul or not any(isinstance(factor, sympy.exp) for factor in product.args):
        return False
    number, _ = product.as_coeff_Mul()
    return bool(number.is_Float) and number != 0 and abs(sympy.log(abs(number))) > LARGEST


def _whole(product: sympy.Expr) -> sympy.Expr:
    number, rest = product.as_coeff_Mul()
    inner = next(factor for factor in sympy.Mul.make_args(rest) if isinstance(factor, sympy.exp))
    size = sympy.Integer(round(float(sympy.log(abs(number))) / ROUND) * ROUND)
    return sympy.Float(number * sympy.exp(-size).evalf(30), 15) * sympy.exp(size + inner.args[0]) * (rest / inner)
