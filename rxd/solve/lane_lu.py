"""Execute a `LaneProgram` for `LANES` nodes at once: assembly of ``I - s J``, factorisation, solves.

Arrays are flat: entry e of lane l is ``A[e * LANES + l]``, unknown u is ``b[u * LANES + l]``. No pivoting: a zero pivot shows
as NaN or infinity in the state, which the steppers refuse.
"""

from __future__ import annotations

import numpy as np

from geometry.kernel_files import kept_kernel
from rxd.discretize.records import LANES
from rxd.solve.lane_operations import inline_kernel, inner_kernel, make_operation, moved_row
from rxd.solve.vectors import inverted, make_change, make_product, make_transfer, replaced, subtracted

lane_kernel = kept_kernel(fastmath={"contract", "nsz", "arcp"}, error_model="numpy")


subtract_product = make_product(LANES, subtracted)
set_product = make_product(LANES, replaced)
invert_lanes = make_change(LANES, inverted)
copy_lanes = make_transfer(LANES, replaced)
add_multiple = make_operation(LANES, moved_row)


@inner_kernel
def assemble(A: np.ndarray, J: np.ndarray, entry: np.ndarray, diagonal: np.ndarray, scale: float) -> None:
    """``A = I - scale * J``."""
    for k in range(A.size):
        A[k] = 0.0
    arrays = (A, J)
    for e in range(entry.size):
        add_multiple(arrays, (entry[e] * LANES, e * LANES), (-scale,))
    for u in range(diagonal.size):
        a = diagonal[u] * LANES
        for lane in range(LANES):
            A[a + lane] += 1.0


@inline_kernel
def factorise(A: np.ndarray, program: np.ndarray) -> None:
    """LU in place; diagonal entries end up as reciprocals, entries below as multipliers."""
    i = 0
    while i < program.size:
        kk, rows = program[i] * LANES, program[i + 1]
        i += 2
        invert_lanes(A, kk)
        for _ in range(rows):
            ik, columns = program[i] * LANES, program[i + 1]
            i += 2
            set_product(A, ik, A, ik, A, kk)
            for _ in range(columns):
                subtract_product(A, program[i] * LANES, A, ik, A, program[i + 1] * LANES)
                i += 2


@inner_kernel
def solve(A: np.ndarray, b: np.ndarray, lower: np.ndarray, upper: np.ndarray, diagonal: np.ndarray) -> None:
    """Overwrite b with the solution."""
    i = 0
    while i < lower.size:
        u, count = lower[i] * LANES, lower[i + 1]
        i += 2
        for _ in range(count):
            subtract_product(b, u, A, lower[i] * LANES, b, lower[i + 1] * LANES)
            i += 2
    i = 0
    while i < upper.size:
        k = upper[i]
        u, d, count = k * LANES, diagonal[k] * LANES, upper[i + 1]
        i += 2
        for _ in range(count):
            subtract_product(b, u, A, upper[i] * LANES, b, upper[i + 1] * LANES)
            i += 2
        set_product(b, u, b, u, A, d)


@inline_kernel
def load(y: np.ndarray, starts: np.ndarray, first: int, width: int, X: np.ndarray) -> None:
    """Rows of consecutive nodes into lanes; missing lanes repeat the last node."""
    for u in range(starts.size):
        at, row = starts[u] + first, u * LANES
        if width == LANES:
            copy_lanes(X, row, y, at)
        else:
            for lane in range(width):
                X[row + lane] = y[at + lane]
            for lane in range(width, LANES):
                X[row + lane] = y[at + width - 1]


@inline_kernel
def add_drift(
    drift: np.ndarray, half_dt: float, starts: np.ndarray, rows: np.ndarray, first: int, width: int, X: np.ndarray
) -> None:
    """Move some rows to their predicted midpoint: ``X += drift * dt / 2``."""
    for r in range(rows.size):
        at, row = starts[rows[r]] + first, rows[r] * LANES
        if width == LANES:
            add_multiple((X, drift), (row, at), (half_dt,))
        else:
            for lane in range(width):
                X[row + lane] += half_dt * drift[at + lane]


@inline_kernel
def store(y: np.ndarray, starts: np.ndarray, rows: np.ndarray, first: int, width: int, X: np.ndarray) -> None:
    """Some rows of lanes back into the state."""
    for r in range(rows.size):
        at, row = starts[rows[r]] + first, rows[r] * LANES
        if width == LANES:
            copy_lanes(y, at, X, row)
        else:
            for lane in range(width):
                y[at + lane] = X[row + lane]
