"""Slopes of steep quotients: in no order of multiplication may they overflow where their values are finite.

The slope of ``a / b`` has ``a b' / b**2`` in it. Of a Hill function with exponent 300, or of ``1 / (1 + exp(1000 (c - 1)))``,
both the numerator and ``b**2`` overflow long before ``a / b`` does, and infinity by infinity is no number. So the reciprocal of
such a ``b`` gets a name, and so does what makes it steep; products are written ``a * q * b' * q``, moderate after every factor.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import sympy

__all__ = ["Steep", "in_order", "interleaved", "steep_parts"]

HIGH_POWER: Final = 16
STEEP_SLOPE: Final = 3
LARGE_OFFSET: Final = 100
"""An exponent of a power, the slope of an exponent, and its offset from which on squares may overflow."""
MULTIPLES: Final = (1, 2, 3)
"""Of an exponent, in what SymPy makes of products of exponentials."""


class Steep(sympy.Symbol):
    """What may be huge: a power, an exponential."""


class Reciprocal(Steep):
    """What may be tiny: the reciprocal of a sum of such."""


Definitions = list[tuple[Steep, sympy.Expr]]


def steep_parts(expressions: Sequence[sympy.Expr], names: Iterator[str]) -> tuple[list[sympy.Expr], Definitions]:
    """Expressions with symbols for the reciprocals of steep denominators that occur in a square, and what these stand for."""
    below = sorted({p for e in expressions for p in e.atoms(sympy.Pow) if p.exp.is_Integer and p.exp < 0}, key=str)
    squared = dict.fromkeys(p.base for p in below if p.exp < -1 and any(_steep_atoms(p.base)))
    if not squared:
        return list(expressions), []
    atoms = dict.fromkeys(atom for base in squared for atom in _steep_atoms(base))
    large = {atom: Steep(next(names), real=True) for atom in atoms}
    symbols = {base: Reciprocal(next(names), real=True) for base in squared}
    known: dict[sympy.Expr, sympy.Expr] = {p: symbols[p.base] ** -p.exp for p in below if p.base in symbols}
    for e in (*expressions, *squared):
        known |= dict(_multiples(e, large))
    for e in expressions:
        known |= {product: changed.xreplace(known) for product, changed in _told_apart(e, large, symbols)}
    named: Definitions = [(symbol, atom) for atom, symbol in large.items()]
    named += [(symbol, 1 / base.xreplace(known)) for base, symbol in symbols.items()]
    return [e.xreplace(known) for e in expressions], named


def _steep_atoms(base: sympy.Expr) -> Iterator[sympy.Expr]:
    """What in a sum may grow beyond the square root of the largest number where the sum itself is of use."""
    if not base.is_Add:
        return
    for power in sorted(base.atoms(sympy.Pow), key=str):
        if power.exp.is_number and power.base.free_symbols and abs(power.exp) > HIGH_POWER:
            yield power
    for function in sorted(base.atoms(sympy.exp), key=str):
        terms = (term.as_coeff_Mul() for term in sympy.Add.make_args(function.args[0]))
        if any(abs(number) >= (STEEP_SLOPE if rest.free_symbols else LARGE_OFFSET) for number, rest in terms):
            yield function


def _multiples(expression: sympy.Expr, large: dict[sympy.Expr, Steep]) -> Iterator[tuple[sympy.Expr, sympy.Expr]]:
    """Steep parts, their squares and cubes in an expression, and higher powers, with what they are in terms of the symbols."""
    for atom, symbol in large.items():
        if isinstance(atom, sympy.exp):
            for function in expression.atoms(sympy.exp):
                # a square of one is beyond all numbers where another one with a symbol of its own is not
                for k in (1,) if function in large else MULTIPLES:
                    if (function.args[0] - k * atom.args[0]).expand() == 0:
                        yield function, symbol**k
        else:
            for power in expression.atoms(sympy.Pow):
                over = power.exp - atom.exp
                if power.base == atom.base and over.is_number and (over == 0 or over / atom.exp > 0):
                    yield power, symbol * atom.base**over


def _told_apart(
    expression: sympy.Expr, large: dict[sympy.Expr, Steep], symbols: dict[sympy.Expr, Reciprocal]
) -> Iterator[tuple[sympy.Expr, sympy.Expr]]:
    """Products with a steep exponential that is the square or cube of another one: of that whose reciprocal it meets there."""
    for product in expression.atoms(sympy.Mul):
        met = [factor.base for factor in product.args if factor.is_Pow and factor.base in symbols]
        for function in product.args:
            if not met or function not in large or any(base.has(function) for base in met):
                continue
            for atom, symbol in large.items():
                if isinstance(atom, sympy.exp) and any(base.has(atom) for base in met):
                    for k in MULTIPLES[1:]:
                        if (function.args[0] - k * atom.args[0]).expand() == 0:
                            yield product, product.xreplace({function: symbol**k})


def interleaved(factors: Iterable[sympy.Expr]) -> list[sympy.Expr]:
    """Factors of a product, large ones in turns with reciprocals.

    In ``a**2 * q * q * e * e`` with ``q = 1 / (1 + a e)`` the product ``q e`` is near ``1 / a``: if that is large, q is first.
    """
    numbers, large, tiny, others = list[sympy.Expr](), list[sympy.Expr](), list[sympy.Expr](), list[sympy.Expr]()
    for factor in factors:
        base, n = factor.as_base_exp()
        if isinstance(base, Steep) and n.is_Integer and n > 0:
            (tiny if isinstance(base, Reciprocal) else large).extend([base] * int(n))
        elif base.free_symbols and n.is_number and n > HIGH_POWER:
            large.append(factor)
        else:
            (numbers if factor.is_number else others).append(factor)
    if not tiny or not large:
        return [*others, *large, *tiny, *numbers]
    pairs = zip(tiny, large, strict=False) if abs(sympy.Mul(*numbers)) < 1 else zip(large, tiny, strict=False)
    turns = [each for pair in pairs for each in pair]
    return [*turns, *others, *large[len(tiny) :], *tiny[len(large) :], *numbers]


def in_order(lines: Sequence[tuple[sympy.Symbol, sympy.Expr]]) -> list[tuple[sympy.Symbol, sympy.Expr]]:
    """Definitions with those first that others need."""
    values, done = dict(lines), dict[sympy.Symbol, sympy.Expr]()

    def place(symbol: sympy.Symbol) -> None:
        if symbol in done or symbol not in values:
            return
        for other in sorted(values[symbol].free_symbols, key=str):
            place(other)
        done[symbol] = values[symbol]

    for symbol, _ in lines:
        place(symbol)
    return list(done.items())
