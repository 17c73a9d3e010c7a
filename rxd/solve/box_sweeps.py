"""The same sweeps as in `rxd.solve.sweeps` through a box of equal voxels, where all lines of an axis have the same factors.

Lines lie side by side in memory: those along x and y are solved together, in vectors; those along z eight at a time.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from rxd.discretize.records import GraphTransport
from rxd.solve.lane_operations import inner_kernel

EQUAL: Final = 1e-13
"""Relative difference up to which voxels and faces are the same."""
TOGETHER: Final = 8
"""Lines along z at a time."""


def as_box(transport: GraphTransport, lower: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Voxels and rate of exchange (1/ms) along each axis, if all voxels and all faces of an axis are equal.

    Parameters
    ----------
    lower : ndarray, shape (3, n), um3/ms
        Conductance of every node to the one below it on each axis.
    """
    at, capacity = transport.lattice, transport.capacity
    shape = at.max(axis=0) + 1
    if np.prod(shape.astype(np.int64)) != transport.n or len(transport.held) or len(transport.tied):
        return None
    if not np.array_equal(at, np.indices(tuple(shape), dtype=at.dtype).reshape(3, -1).T):
        return None
    rates = np.zeros(3)
    for axis in range(3):
        inner = lower[axis, at[:, axis] > 0]
        if len(inner) and np.ptp(inner) > EQUAL * inner.max():
            return None
        rates[axis] = inner[0] / capacity[0] if len(inner) else 0.0
    return None if np.ptp(capacity) > EQUAL * capacity[0] else (shape.astype(np.int64), rates)


@inner_kernel
def factor_lines(shape: np.ndarray, rates: np.ndarray, half: float, factors: np.ndarray) -> None:
    """Factorise ``1 - half F`` along a line of each axis: pivot, ahead, behind in ``factors (3, 3, longest)``."""
    for axis in range(3):
        h, n, last = half * rates[axis], shape[axis], 0.0
        for i in range(n):
            low, high = (h if i > 0 else 0.0), (h if i + 1 < n else 0.0)
            ahead = low * last
            last = 1.0 / (1.0 + low + high - low * ahead)
            factors[axis, 0, i], factors[axis, 1, i], factors[axis, 2, i] = last, ahead, last * high


@inner_kernel
def exchange_in_box(
    shape: np.ndarray, rates: np.ndarray, dt: float, u: np.ndarray, gain: np.ndarray, begin: int, end: int
) -> None:
    """Add what voxels in some planes across x exchange in dt, mM."""
    nx, ny, nz = shape[0], shape[1], shape[2]
    gx, gy, gz, plane = dt * rates[0], dt * rates[1], dt * rates[2], ny * nz
    for i in range(begin, end):
        for j in range(ny):
            k = (i * ny + j) * nz
            west, east = (k - plane if i > 0 else k), (k + plane if i + 1 < nx else k)
            south, north = (k - nz if j > 0 else k), (k + nz if j + 1 < ny else k)
            here, out = u[k : k + nz], gain[k : k + nz]
            at_west, at_east = u[west : west + nz], u[east : east + nz]
            at_south, at_north = u[south : south + nz], u[north : north + nz]
            for m in range(nz):
                c = here[m]
                out[m] += gx * ((at_west[m] - c) + (at_east[m] - c)) + gy * ((at_south[m] - c) + (at_north[m] - c))
            for m in range(1, nz - 1):
                out[m] += gz * ((here[m - 1] - here[m]) + (here[m + 1] - here[m]))
            if nz > 1:
                out[0] += gz * (here[1] - here[0])
                out[nz - 1] += gz * (here[nz - 2] - here[nz - 1])


@inner_kernel
def solve_sheets(gain: np.ndarray, count: int, width: int, low: int, high: int, factors: np.ndarray) -> None:
    """Solve along lines that lie side by side, from one to another: ``count`` sheets of ``width`` numbers."""
    for i in range(1, count):
        ahead = factors[1, i]
        before, here = gain[(i - 1) * width + low : (i - 1) * width + high], gain[i * width + low : i * width + high]
        for m in range(high - low):
            here[m] += ahead * before[m]
    pivot, here = factors[0, count - 1], gain[(count - 1) * width + low : (count - 1) * width + high]
    for m in range(high - low):
        here[m] *= pivot
    for i in range(count - 2, -1, -1):
        pivot, behind = factors[0, i], factors[2, i]
        here, after = gain[i * width + low : i * width + high], gain[(i + 1) * width + low : (i + 1) * width + high]
        for m in range(high - low):
            here[m] = pivot * here[m] + behind * after[m]


@inner_kernel
def solve_rows(gain: np.ndarray, count: int, length: int, factors: np.ndarray) -> None:
    """Solve along ``count`` lines one after the other in memory, several at a time: each alone would wait for itself."""
    for first in range(0, count, TOGETHER):
        some, start = min(TOGETHER, count - first), first * length
        for i in range(1, length):
            ahead = factors[1, i]
            for m in range(some):
                at = start + m * length + i
                gain[at] += ahead * gain[at - 1]
        for m in range(some):
            gain[start + m * length + length - 1] *= factors[0, length - 1]
        for i in range(length - 2, -1, -1):
            pivot, behind = factors[0, i], factors[2, i]
            for m in range(some):
                at = start + m * length + i
                gain[at] = pivot * gain[at] + behind * gain[at + 1]


@inner_kernel
def solve_planes(shape: np.ndarray, factors: np.ndarray, gain: np.ndarray, begin: int, end: int) -> None:
    """The sweeps along y and z in some planes across x, in place."""
    ny, nz = shape[1], shape[2]
    plane = ny * nz
    for i in range(begin, end):
        part = gain[i * plane : (i + 1) * plane]
        if ny > 1:
            solve_sheets(part, ny, nz, 0, nz, factors[1])
        if nz > 1:
            solve_rows(part, ny, nz, factors[2])
