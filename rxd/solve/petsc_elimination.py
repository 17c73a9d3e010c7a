"""Exact elimination of local unknowns, node by node, before PETSc sees the rest.

In: the pattern and values of a sparse matrix and a mask of its *local* unknowns (gates, states, species that do not diffuse),
which couple to unknowns of their own node only. Out: the Schur complement on the unknowns that are kept, as CSR, and the two
half steps of a solve. The elimination is LU by rows with a pattern computed once (Duff, Erisman and Reid, Direct Methods for
Sparse Matrices, doi:10.1093/acprof:oso/9780198508380.001.0001), stopped after the local columns; pivots stay on the diagonal.
"""

from __future__ import annotations

import numpy as np

from geometry.kernel_files import kept_kernel
from geometry.records import dataclass

_kernel = kept_kernel(nogil=True, fastmath={"contract", "nsz", "arcp"}, error_model="numpy")


@dataclass(frozen=True, slots=True, eq=False)
class Elimination:
    """What is known of an elimination before any value is.

    Rows are numbered anew: local ones in their order of elimination, then those kept. ``rank[i]`` is the new number of row i.

    Attributes
    ----------
    n, n_local : int
        All rows; those eliminated.
    rows, rank : ndarray of int32, shape (n,)
        Old number of each new row, and the inverse.
    start, split : ndarray of int32, shape (n + 1,), (n,)
        Entries of row i are ``column[start[i] : start[i + 1]]``, ascending; those before ``split[i]`` are multipliers.
    column : ndarray of int32
        New column of each entry. An eliminated row starts its upper part with the pivot.
    indptr, indices : ndarray of int32
        Pattern of the Schur complement, columns ascending.
    straight : ndarray of bool, shape (n - n_local,)
        Rows with nothing local in them, whose entries stay in their order: most of those of large grids.
    """

    n: int
    n_local: int
    rows: np.ndarray
    rank: np.ndarray
    start: np.ndarray
    split: np.ndarray
    column: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    straight: np.ndarray


def plan_local_elimination(indptr: np.ndarray, indices: np.ndarray, local: np.ndarray, kept: np.ndarray) -> Elimination:
    """Order the local unknowns, those with few neighbours first, and find the fill.

    Parameters
    ----------
    indptr, indices : ndarray of int
        CSR pattern with a full diagonal.
    local : ndarray of bool, shape (n,)
    kept : ndarray of int, shape (n - n_local,)
        The other unknowns in the order wanted for the Schur complement.

    Returns
    -------
    Elimination
    """
    n = len(indptr) - 1
    indptr, indices = np.asarray(indptr, dtype=np.int32), np.asarray(indices, dtype=np.int32)
    degree = np.diff(indptr) + np.bincount(indices, minlength=n)
    chosen = np.flatnonzero(local)
    rows = np.concatenate([chosen[np.argsort(degree[chosen], kind="stable")], kept]).astype(np.int32)
    rank = np.empty(n, dtype=np.int32)
    rank[rows] = np.arange(n, dtype=np.int32)
    start, split, column = _fill(indptr, indices, rows, rank, len(chosen))
    for array in (rows, rank, start, split, column):
        array.setflags(write=False)
    straight = _straight((indptr, indices), rows, rank, start, split, column, len(chosen))
    return _finished(n, len(chosen), rows, rank, start, split, column, straight)


def _finished(
    n: int,
    n_local: int,
    rows: np.ndarray,
    rank: np.ndarray,
    start: np.ndarray,
    split: np.ndarray,
    column: np.ndarray,
    straight: np.ndarray,
) -> Elimination:
    """Add the pattern of the Schur complement."""
    schur = np.concatenate([[0], np.cumsum(start[n_local + 1 :] - split[n_local:])]).astype(np.int32)
    indices = _upper_columns(split[n_local:], start[n_local + 1 :], column, n_local)
    for array in (schur, indices, straight):
        array.setflags(write=False)
    return Elimination(n, n_local, rows, rank, start, split, column, schur, indices, straight)


@_kernel
def _straight(
    given: tuple[np.ndarray, np.ndarray],
    rows: np.ndarray,
    rank: np.ndarray,
    start: np.ndarray,
    split: np.ndarray,
    column: np.ndarray,
    n_local: int,
) -> np.ndarray:
    indptr, indices = given
    found = np.zeros(rows.size - n_local, np.bool_)
    for i in range(n_local, rows.size):
        first, last = indptr[rows[i]], indptr[rows[i] + 1]
        alike = start[i] == split[i] and last - first == start[i + 1] - start[i]
        for e in range(first, last if alike else first):
            alike &= rank[indices[e]] == column[start[i] + e - first]
        found[i - n_local] = alike
    return found


@_kernel
def _upper_columns(first: np.ndarray, last: np.ndarray, column: np.ndarray, offset: int) -> np.ndarray:
    found = np.empty(int((last - first).sum()), np.int32)
    at = 0
    for i in range(first.size):
        for e in range(first[i], last[i]):
            found[at] = column[e] - offset
            at += 1
    return found


@_kernel
def _fill(
    indptr: np.ndarray, indices: np.ndarray, rows: np.ndarray, rank: np.ndarray, n_local: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pattern of every row after elimination of the local columns before it."""
    n = rows.size
    start, split = np.zeros(n + 1, np.int32), np.zeros(n, np.int32)
    column = np.empty(2 * indices.size + n, np.int32)
    seen, found = np.full(n, -1, np.int32), np.empty(n, np.int32)
    used = 0
    for i in range(n):
        count = 0
        for e in range(indptr[rows[i]], indptr[rows[i] + 1]):
            count = _insert(found, count, rank[indices[e]])
            seen[rank[indices[e]]] = i
        at = 0
        while at < count and found[at] < min(i, n_local):
            k = found[at]
            for e in range(split[k] + 1, start[k + 1]):
                if seen[column[e]] != i:
                    count = _insert(found, count, column[e])
                    seen[column[e]] = i
            at += 1
        if used + count > column.size:
            longer = np.empty(2 * (used + count), np.int32)
            longer[:used] = column[:used]
            column = longer
        column[used : used + count] = found[:count]
        split[i] = used + at
        used += count
        start[i + 1] = used
    return start, split, column[:used].copy()


@_kernel
def _insert(sorted_values: np.ndarray, count: int, value: int) -> int:
    """Insert into the first ``count`` values, which ascend; rows are short."""
    at = count
    while at > 0 and sorted_values[at - 1] > value:
        sorted_values[at] = sorted_values[at - 1]
        at -= 1
    sorted_values[at] = value
    return count + 1


@_kernel
def eliminate(
    indptr: np.ndarray,
    indices: np.ndarray,
    data: np.ndarray,
    rows: np.ndarray,
    rank: np.ndarray,
    start: np.ndarray,
    split: np.ndarray,
    column: np.ndarray,
    straight: np.ndarray,
    n_local: int,
    work: np.ndarray,
    factor: np.ndarray,
    schur: np.ndarray,
) -> None:
    """Factorise the local rows into ``factor`` (pivots inverted) and put the Schur complement's values into ``schur``.

    ``work``, shape (n,), is zero before and after; ``factor``, zero at first, has the shape of ``column``. The other arguments
    are the matrix and the fields of its `Elimination`.
    """
    out = 0
    for i in range(rows.size):
        row = rows[i]
        if i >= n_local and straight[i - n_local]:
            for e in range(indptr[row], indptr[row + 1]):
                schur[out] = data[e]
                out += 1
            continue
        for e in range(indptr[row], indptr[row + 1]):
            work[rank[indices[e]]] = data[e]
        for e in range(start[i], split[i]):
            k = column[e]
            multiplier = work[k] * factor[split[k]]
            work[k] = 0.0
            factor[e] = multiplier
            for f in range(split[k] + 1, start[k + 1]):
                work[column[f]] -= multiplier * factor[f]
        if i < n_local:
            for e in range(split[i], start[i + 1]):
                factor[e] = work[column[e]]
                work[column[e]] = 0.0
            factor[split[i]] = 1.0 / factor[split[i]]
        else:
            for e in range(split[i], start[i + 1]):
                schur[out] = work[column[e]]
                work[column[e]] = 0.0
                out += 1


@_kernel
def reduce_right(start: np.ndarray, split: np.ndarray, column: np.ndarray, factor: np.ndarray, vector: np.ndarray) -> None:
    """Forward substitution in place: kept rows of ``vector``, shape (n,) in new order, receive the reduced right-hand side."""
    for i in range(vector.size):
        value = vector[i]
        for e in range(start[i], split[i]):
            value -= factor[e] * vector[column[e]]
        vector[i] = value


@_kernel
def substitute_back(
    start: np.ndarray, split: np.ndarray, column: np.ndarray, factor: np.ndarray, n_local: int, vector: np.ndarray
) -> None:
    """Kept rows of ``vector`` hold their solution; put that of the local ones beside it."""
    for i in range(n_local - 1, -1, -1):
        value = vector[i]
        for e in range(split[i] + 1, start[i + 1]):
            value -= factor[e] * vector[column[e]]
        vector[i] = value * factor[split[i]]
