"""Fewer exponentials in kernels: those of one variable as powers of one of them.

Rates of channels are full of ``exp((v + 65) / 20)``, ``exp((v + 35) / 10)``. With ``E = exp(v / 20)`` these are ``c1 E`` and
``c2 E**2``: a product costs a twentieth of an exponential. Values change by round-off, a few units in the last place. Steep
ones, whose powers and squares may overflow, stay as they are for `rxd.codegen.reciprocals` to see.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sympy

from rxd.codegen.reciprocals import STEEP_SLOPE
from rxd.declare.functions import bernoulli_ratio, bernoulli_ratio_of

LARGEST_POWER: Final = 8
LARGEST_OFFSET: Final = 50
"""Of ``b`` in ``exp(a v + b)``: its own exponential is a factor that must neither vanish nor overflow."""

Linear = tuple[sympy.Expr, sympy.Rational, sympy.Expr]


def share_exponentials(
    expressions: Sequence[sympy.Expr], taken: Sequence[str]
) -> tuple[list[tuple[sympy.Symbol, sympy.Expr]], list[sympy.Expr]]:
    """New symbols with the exponentials they stand for, and the expressions written with them.

    Parameters
    ----------
    expressions : sequence of SymPy expressions
    taken : sequence of str
        Names that new symbols must avoid.
    """
    arguments = {atom.args[0] for e in expressions for atom in e.atoms(sympy.exp, bernoulli_ratio)}
    linear = {argument: found for argument in arguments if (found := _linear(argument)) is not None}
    names = (s for s in sympy.numbered_symbols("e", real=True) if s.name not in taken)
    shared, powers = [], {}
    for x in sorted({x for x, _, _ in linear.values()}, key=str):
        slopes = sorted({a for y, a, _ in linear.values() if y == x}, key=lambda a: (abs(a), a))
        while slopes:
            base = slopes[0]
            group = [a for a in slopes if (a / base).is_integer and 1 <= a / base <= LARGEST_POWER]
            slopes = [a for a in slopes if a not in group]
            members = [(argument, a, b) for argument, (y, a, b) in linear.items() if y == x and a in group]
            if len(members) < 2:
                continue
            symbol = next(names)
            shared.append((symbol, sympy.exp(base * x)))
            for argument, a, b in members:
                powers[argument] = sympy.Float(sympy.exp(b).evalf(20), 17) * symbol ** int(a / base)
    return shared, [_rewritten(e, powers) for e in expressions]


def _linear(argument: sympy.Expr) -> Linear | None:
    """Variable (or one function of it), slope and offset of ``a x + b`` with numbers a (not zero, not steep) and b; or None."""
    inner = argument.atoms(sympy.Function) or argument.free_symbols
    if len(inner) != 1:
        return None
    (x,) = inner
    y = sympy.Dummy(real=True)
    flat = argument.xreplace({x: y})
    slope, offset = sympy.diff(flat, y), flat.subs(y, 0)
    if flat.free_symbols != {y} or not (slope.is_Rational or slope.is_Float) or slope == 0:
        return None
    if not offset.is_number or abs(offset) > LARGEST_OFFSET or abs(slope) >= STEEP_SLOPE:
        return None
    return x, sympy.Rational(str(slope)), offset


def _rewritten(expression: sympy.Expr, powers: dict[sympy.Expr, sympy.Expr]) -> sympy.Expr:
    """With every exponential of `powers` replaced, those inside `bernoulli_ratio` included."""
    known = {sympy.exp(argument): power for argument, power in powers.items()}
    known |= {bernoulli_ratio(argument): bernoulli_ratio_of(argument, power) for argument, power in powers.items()}
    return expression.xreplace(known)
