"""Execute a `LaneProgram` for `LANES` nodes at once: assembly of ``I - s J``, factorisation, solves.

Arrays are flat: entry e of lane l is ``A[e * LANES + l]``, unknown u is ``b[u * LANES + l]``. No pivoting: a zero pivot shows
as NaN or infinity in the state, which the steppers refuse.
"""

from __future__ import annotations

import numba as nb
import numpy as np

from rxd.discretize.records import LANES

lane_kernel = nb.njit(cache=True, fastmath={"contract", "nsz", "arcp"}, error_model="numpy")


@lane_kernel
def assemble(A: np.ndarray, J: np.ndarray, entry: np.ndarray, diagonal: np.ndarray, scale: float) -> None:
    """``A = I - scale * J``."""
    A[:] = 0.0
    for e in range(entry.size):
        a, j = entry[e] * LANES, e * LANES
        for lane in range(LANES):
            A[a + lane] -= scale * J[j + lane]
    for u in range(diagonal.size):
        a = diagonal[u] * LANES
        for lane in range(LANES):
            A[a + lane] += 1.0


@lane_kernel
def factorise(A: np.ndarray, program: np.ndarray) -> None:
    """LU in place; diagonal entries end up as reciprocals, entries below as multipliers."""
    i = 0
    while i < program.size:
        kk, rows = program[i] * LANES, program[i + 1]
        i += 2
        for lane in range(LANES):
            A[kk + lane] = 1.0 / A[kk + lane]
        for _ in range(rows):
            ik, columns = program[i] * LANES, program[i + 1]
            i += 2
            for lane in range(LANES):
                A[ik + lane] *= A[kk + lane]
            for _ in range(columns):
                ij, kj = program[i] * LANES, program[i + 1] * LANES
                i += 2
                for lane in range(LANES):
                    A[ij + lane] -= A[ik + lane] * A[kj + lane]


@lane_kernel
def solve(A: np.ndarray, b: np.ndarray, lower: np.ndarray, upper: np.ndarray, diagonal: np.ndarray) -> None:
    """Overwrite b with the solution."""
    i = 0
    while i < lower.size:
        u, count = lower[i] * LANES, lower[i + 1]
        i += 2
        for _ in range(count):
            a, w = lower[i] * LANES, lower[i + 1] * LANES
            i += 2
            for lane in range(LANES):
                b[u + lane] -= A[a + lane] * b[w + lane]
    i = 0
    while i < upper.size:
        k = upper[i]
        u, d, count = k * LANES, diagonal[k] * LANES, upper[i + 1]
        i += 2
        for _ in range(count):
            a, w = upper[i] * LANES, upper[i + 1] * LANES
            i += 2
            for lane in range(LANES):
                b[u + lane] -= A[a + lane] * b[w + lane]
        for lane in range(LANES):
            b[u + lane] *= A[d + lane]


@lane_kernel
def load(y: np.ndarray, starts: np.ndarray, first: int, width: int, X: np.ndarray) -> None:
    """Rows of consecutive nodes into lanes; missing lanes repeat the last node."""
    for u in range(starts.size):
        at, row = starts[u] + first, u * LANES
        if width == LANES:
            for lane in range(LANES):
                X[row + lane] = y[at + lane]
        else:
            for lane in range(width):
                X[row + lane] = y[at + lane]
            for lane in range(width, LANES):
                X[row + lane] = y[at + width - 1]


@lane_kernel
def load_scattered(y: np.ndarray, position: np.ndarray, first: int, width: int, X: np.ndarray) -> None:
    """Rows of nodes anywhere in the state into lanes."""
    for u in range(position.shape[0]):
        row = u * LANES
        for lane in range(LANES):
            X[row + lane] = y[position[u, first + (lane if lane < width else width - 1)]]


@lane_kernel
def add_drift(
    drift: np.ndarray, half_dt: float, starts: np.ndarray, rows: np.ndarray, first: int, width: int, X: np.ndarray
) -> None:
    """Move some rows to their predicted midpoint: ``X += drift * dt / 2``."""
    for r in range(rows.size):
        at, row = starts[rows[r]] + first, rows[r] * LANES
        for lane in range(width):
            X[row + lane] += half_dt * drift[at + lane]


@lane_kernel
def add_drift_scattered(
    drift: np.ndarray, half_dt: float, position: np.ndarray, rows: np.ndarray, first: int, width: int, X: np.ndarray
) -> None:
    """As `add_drift`, for nodes anywhere in the state."""
    for r in range(rows.size):
        row = rows[r] * LANES
        for lane in range(width):
            X[row + lane] += half_dt * drift[position[rows[r], first + lane]]


@lane_kernel
def store(y: np.ndarray, starts: np.ndarray, rows: np.ndarray, first: int, width: int, X: np.ndarray) -> None:
    """Some rows of lanes back into the state."""
    for r in range(rows.size):
        at, row = starts[rows[r]] + first, rows[r] * LANES
        for lane in range(width):
            y[at + lane] = X[row + lane]


@lane_kernel
def store_scattered(y: np.ndarray, position: np.ndarray, rows: np.ndarray, first: int, width: int, X: np.ndarray) -> None:
    """Some rows of lanes back to their own places in the state (each node its own)."""
    for r in range(rows.size):
        row = rows[r] * LANES
        for lane in range(width):
            y[position[rows[r], first + lane]] = X[row + lane]
