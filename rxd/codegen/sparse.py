"""Symbolic factorisation of small sparse matrices: one list of operations, run later over lanes of nodes.

In: the pattern of a Jacobian. Out: a `LaneProgram`, plain integer arrays that `rxd.solve.lane_lu` executes for `LANES` nodes
at a time. The elimination order is Markowitz's on the symmetric pattern (Duff, Erisman and Reid, Direct Methods for Sparse
Matrices, doi:10.1093/acprof:oso/9780198508380.001.0001); pivots stay on the diagonal, which suits ``I - gamma dt J``.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from geometry.records import dataclass


@dataclass(frozen=True, slots=True, eq=False)
class LaneProgram:
    """Operations of one LU factorisation and solve.

    Attributes
    ----------
    n, nnz : int
        Unknowns; entries of the factors, fill included.
    diagonal : ndarray of int, shape (n,)
        Entry of each unknown's diagonal.
    entry : ndarray of int, shape (n_jacobian,)
        Entry where each Jacobian value goes.
    factor : ndarray of int
        Per pivot: ``kk, rows, then per row: ik, columns, then per column: ij, kj``.
    lower, upper : ndarray of int
        Forward and backward substitution: ``unknown, count, then (entry, unknown) pairs``, in elimination order.
    """

    n: int
    nnz: int
    diagonal: np.ndarray
    entry: np.ndarray
    factor: np.ndarray
    lower: np.ndarray
    upper: np.ndarray


def make_program(n: int, pattern: Sequence[tuple[int, int]], last: Sequence[int] = ()) -> LaneProgram:
    """Program for an n by n matrix with the given Jacobian pattern; unknowns in ``last`` are eliminated last, in that order."""
    order, filled = _eliminate(n, pattern, tuple(last))
    keys = sorted(filled)
    entry = {key: i for i, key in enumerate(keys)}
    factor: list[int] = []
    lower: list[int] = []
    upper: list[int] = []
    rank = {unknown: i for i, unknown in enumerate(order)}
    for k in order:
        rows = [i for i in order if rank[i] > rank[k] and (i, k) in entry]
        columns = [j for j in order if rank[j] > rank[k] and (k, j) in entry]
        factor += [entry[k, k], len(rows)]
        for i in rows:
            factor += [entry[i, k], len(columns)]
            for j in columns:
                factor += [entry[i, j], entry[k, j]]
        left = [j for j in order if rank[j] < rank[k] and (k, j) in entry]
        lower += [k, len(left), *(value for j in left for value in (entry[k, j], j))]
    for k in reversed(order):
        # What is known last comes last: the next unknown waits for one product only.
        right = [j for j in reversed(order) if rank[j] > rank[k] and (k, j) in entry]
        upper += [k, len(right), *(value for j in right for value in (entry[k, j], j))]
    return LaneProgram(
        n=n,
        nnz=len(keys),
        diagonal=np.array([entry[i, i] for i in range(n)], dtype=np.int64),
        entry=np.array([entry[key] for key in pattern], dtype=np.int64),
        factor=np.array(factor, dtype=np.int64),
        lower=np.array(lower, dtype=np.int64),
        upper=np.array(upper, dtype=np.int64),
    )


def _eliminate(n: int, pattern: Sequence[tuple[int, int]], last: tuple[int, ...]) -> tuple[list[int], set[tuple[int, int]]]:
    """Markowitz order and the pattern with fill.

    Among pivots of the same cost the one that waits for the fewest others comes first: a chain is eliminated from both ends,
    and the processor works on two pivots at a time.
    """
    rows: list[set[int]] = [{i} for i in range(n)]
    columns: list[set[int]] = [{i} for i in range(n)]
    for i, j in pattern:
        rows[i].add(j)
        columns[j].add(i)
    filled = {(i, j) for i in range(n) for j in rows[i]}
    remaining = set(range(n)) - set(last)
    order: list[int] = []
    queue = list(last)
    waits = [0] * n
    while remaining or queue:
        if remaining:
            pivot = min(remaining, key=lambda k: ((len(rows[k]) - 1) * (len(columns[k]) - 1), waits[k], k))
            remaining.discard(pivot)
        else:
            pivot = queue.pop(0)
        order.append(pivot)
        for i in columns[pivot] - {pivot}:
            for j in rows[pivot] - {pivot}:
                if j not in rows[i]:
                    rows[i].add(j)
                    columns[j].add(i)
                    filled.add((i, j))
        for i in columns[pivot] - {pivot}:
            waits[i] = max(waits[i], waits[pivot] + 1)
            rows[i].discard(pivot)
        for j in rows[pivot] - {pivot}:
            columns[j].discard(pivot)
    return order, filled
