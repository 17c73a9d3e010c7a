"""Blocks of states that a fixed step of NEURON's solves for together.

In: rates of states as a mod file gives them. Out: `SolvedBlock`s: residuals of backward Euler with the matrix that NEURON's
own methods take, which leaves out how coefficients depend on states.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import numpy as np
import sympy

from rxd.declare.functions import algebraic, conserved, earlier, fixed, given
from rxd.symbolic.system import Field, SolvedBlock

__all__ = ["THETA", "solved_block", "with_given_fixed"]

dt = sympy.Symbol("dt", real=True)
THETA: Final = Field("theta_of_step", "theta")
"""1; 1/2 where `h.secondorder` has NEURON solve for the middle of a step, and go straight on."""


def solved_block(labels: Sequence[str], symbols: Sequence[sympy.Symbol], rates: Sequence[sympy.Expr], kind: str) -> SolvedBlock:
    """A block of states.

    Parameters
    ----------
    labels, symbols, rates : sequence
        Of the states; ``rates`` may name what is left out of the matrix, what vanishes instead,
        and what is as at the step's start.
    kind : str
        Method of the block: ``sparse``, ``newton``, ``cnexp`` (for which its rates are not affine), ``algebraic``, ``euler``.
    """
    start = {symbol: SolvedBlock.before(i) for i, symbol in enumerate(symbols)}
    rates = [rate.xreplace({part: part.args[0].xreplace(start) for part in rate.atoms(earlier)}) for rate in rates]
    seen = list(map(with_given_fixed, rates)) if kind == "sparse" else list(rates)
    theta = None if kind in {"euler", "algebraic"} else THETA
    step = dt if theta is None else theta.symbol * dt
    rows = [_residual(i, symbol, rate, step) for i, (symbol, rate) in enumerate(zip(symbols, seen, strict=True))]
    if kind == "euler":
        return _forward(labels, symbols, rows)
    matrix = [(i, j, -sympy.diff(row, x)) for i, row in enumerate(rows) for j, x in enumerate(symbols) if x in row.free_symbols]
    matrix = [(i, j, value) for i, j, value in matrix if value != 0]
    if kind == "algebraic":
        place = _rows_on_diagonal(len(rows), [(i, j) for i, j, _ in matrix])
        rows = [rows[i] for i in np.argsort(place)]
        matrix = [(int(place[i]), j, value) for i, j, value in matrix]
    if not any(_without_fixed(value).free_symbols & set(symbols) for *_, value in matrix):
        return _once(labels, symbols, rows, matrix, theta)
    turns: Literal["sum", "each"] = "sum" if kind == "sparse" else "each"
    return SolvedBlock(tuple(labels), tuple(rows), tuple(matrix), turns, theta)


def _without_fixed(value: sympy.Expr) -> sympy.Expr:
    return value.xreplace({part: sympy.Integer(1) for part in value.atoms(fixed)})


def _residual(number: int, x: sympy.Symbol, rate: sympy.Expr, step: sympy.Expr) -> sympy.Expr:
    if isinstance(rate, (conserved, algebraic)):
        return rate.args[1]
    return step * rate - (x - SolvedBlock.before(number))


def _once(
    labels: Sequence[str],
    symbols: Sequence[sympy.Symbol],
    rows: Sequence[sympy.Expr],
    matrix: list[tuple[int, int, sympy.Expr]],
    theta: Field | None = None,
) -> SolvedBlock:
    start = {SolvedBlock.before(i): x for i, x in enumerate(symbols)}
    return SolvedBlock(tuple(labels), tuple(row.xreplace(start) for row in rows), tuple(matrix), "once", theta)


def _forward(labels: Sequence[str], symbols: Sequence[sympy.Symbol], rows: Sequence[sympy.Expr]) -> SolvedBlock:
    return _once(labels, symbols, rows, [(i, i, sympy.Integer(1)) for i in range(len(labels))])


def _rows_on_diagonal(n: int, pattern: Sequence[tuple[int, int]]) -> np.ndarray:
    """Where each equation goes, so that none lacks the unknown of its row: pivots stay on the diagonal."""
    from scipy.sparse import csr_array  # here: a script without such a block does not wait for SciPy
    from scipy.sparse.csgraph import maximum_bipartite_matching

    rows, columns = np.array(pattern).T
    found: np.ndarray = maximum_bipartite_matching(csr_array((np.ones(len(rows)), (rows, columns)), shape=(n, n)), "column")
    return found


def with_given_fixed(value: sympy.Expr) -> sympy.Expr:
    """An expression whose derivatives leave out how coefficients depend on states."""
    while found := value.atoms(given):
        value = value.xreplace({part: fixed(part.args[0]) for part in found})
    return value
