"""Compiled vector algebra of a Rosenbrock step: sums of stages and the norm of the error.

``U`` holds the stages, shape (stages, size). Sums go through the state in pieces that stay in the cache while stages are added.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from rxd.solve.lane_lu import lane_kernel
from rxd.solve.lane_operations import draft_kernel, lean_kernel

PIECE: Final = 512


@lean_kernel
def add_stages(base: np.ndarray, U: np.ndarray, weights: np.ndarray, count: int, out: np.ndarray) -> None:
    """``out = base + sum_j weights[j] U[j]`` over the first ``count`` stages."""
    for first in range(0, base.size, PIECE):
        last = min(first + PIECE, base.size)
        here, there = base[first:last], out[first:last]
        for k in range(there.size):
            there[k] = here[k]
        for j in range(count):
            _add(there, U[j, first:last], weights[j])


@lean_kernel
def sum_stages(
    y: np.ndarray,
    U: np.ndarray,
    a: np.ndarray,
    c: np.ndarray,
    count: int,
    drift: np.ndarray,
    weight: float,
    point: np.ndarray,
    rest: np.ndarray,
) -> None:
    """Where a stage evaluates f, ``y + sum a_j U[j]``, and what it adds to f, ``weight drift + sum c_j U[j]``."""
    for first in range(0, y.size, PIECE):
        last = min(first + PIECE, y.size)
        here, slope, there, more = y[first:last], drift[first:last], point[first:last], rest[first:last]
        for k in range(there.size):
            there[k] = here[k]
        if weight == 0.0:
            for k in range(there.size):
                more[k] = 0.0
        else:
            for k in range(there.size):
                more[k] = weight * slope[k]
        for j in range(count):
            _add_both(there, more, U[j, first:last], a[j], c[j])


@draft_kernel
def _add(out: np.ndarray, u: np.ndarray, w: float) -> None:
    if w != 0.0:
        for k in range(out.size):
            out[k] += w * u[k]


@draft_kernel
def _add_both(one: np.ndarray, two: np.ndarray, u: np.ndarray, v: float, w: float) -> None:
    for k in range(one.size):
        one[k] += v * u[k]
        two[k] += w * u[k]


@lean_kernel
def add_vector(out: np.ndarray, other: np.ndarray) -> None:
    """``out += other``."""
    for k in range(out.size):
        out[k] += other[k]


@lane_kernel
def worst_error(error: np.ndarray, y: np.ndarray, new: np.ndarray, atol: np.ndarray, rtol: float) -> tuple[float, int]:
    """Largest of ``|error| / (atol + rtol max(|y|, |new|))`` and where; infinity at the first value that is not finite."""
    return worst_error_with(error, y, new, atol, rtol, np.zeros(PIECE), np.zeros(PIECE))


@lean_kernel
def worst_error_with(
    error: np.ndarray, y: np.ndarray, new: np.ndarray, atol: np.ndarray, rtol: float, most: np.ndarray, total: np.ndarray
) -> tuple[float, int]:
    """As `worst_error`, with two work arrays of `PIECE` numbers."""
    for k in range(PIECE):
        most[k], total[k] = 0.0, 0.0
    for first in range(0, y.size, PIECE):
        last = min(first + PIECE, y.size)
        _largest(error[first:last], y[first:last], new[first:last], atol[first:last], rtol, most, total)
    if not np.isfinite(total.sum()):
        for k in range(error.size):
            if not np.isfinite(error[k] + new[k]):
                return np.inf, k
    worst, where = 0.0, 0
    for lane in range(PIECE):
        if most[lane] > worst:
            worst = most[lane]
            where = lane
    best = -1.0
    for k in range(where, y.size, PIECE):  # the worst is one of these
        ratio = abs(error[k]) / (atol[k] + rtol * max(abs(y[k]), abs(new[k])))
        if ratio > best:
            best, where = ratio, k
    return worst, where


@draft_kernel
def _largest(
    error: np.ndarray, y: np.ndarray, new: np.ndarray, atol: np.ndarray, rtol: float, most: np.ndarray, total: np.ndarray
) -> None:
    """Largest ratio and a sum that shows NaN and infinity, lane by lane."""
    for k in range(error.size):
        ratio = abs(error[k]) / (atol[k] + rtol * max(abs(y[k]), abs(new[k])))
        most[k] = max(most[k], ratio)
        total[k] += ratio + 0.0 * new[k]
