"""Lanes of groups of which some unknowns lie side by side in the state and others anywhere, or are shared.

Every unknown has its first position in ``starts`` and in ``away`` either -1, its nodes lie side by side, or where the list of
its positions begins in ``ints``. In voxels species lie side by side, and v of the segment that a voxel belongs to is listed.
"""

from __future__ import annotations

import numpy as np

from rxd.discretize.records import LANES
from rxd.solve.lane_lu import add_multiple, copy_lanes
from rxd.solve.lane_operations import inline_kernel


@inline_kernel
def place_of(start: int, away: int, ints: np.ndarray, node: int) -> int:
    """Position of one node."""
    return ints[away + node] if away >= 0 else start + node


@inline_kernel
def load_placed(
    y: np.ndarray, starts: np.ndarray, away: np.ndarray, ints: np.ndarray, first: int, width: int, X: np.ndarray
) -> None:
    """Rows of nodes into lanes; missing lanes repeat the last node."""
    for u in range(starts.size):
        row, last = u * LANES, width - 1
        if away[u] >= 0:
            at = away[u] + first
            for lane in range(LANES):
                X[row + lane] = y[ints[at + min(lane, last)]]
        elif width == LANES:
            copy_lanes(X, row, y, starts[u] + first)
        else:
            at = starts[u] + first
            for lane in range(LANES):
                X[row + lane] = y[at + min(lane, last)]


@inline_kernel
def store_placed(
    y: np.ndarray,
    starts: np.ndarray,
    away: np.ndarray,
    ints: np.ndarray,
    rows: np.ndarray,
    first: int,
    width: int,
    X: np.ndarray,
) -> None:
    """Some rows of lanes back to their places in the state (each node its own)."""
    for r in range(rows.size):
        u, row = rows[r], rows[r] * LANES
        if away[u] >= 0:
            at = away[u] + first
            for lane in range(width):
                y[ints[at + lane]] = X[row + lane]
        elif width == LANES:
            copy_lanes(y, starts[u] + first, X, row)
        else:
            at = starts[u] + first
            for lane in range(width):
                y[at + lane] = X[row + lane]


@inline_kernel
def add_drift_placed(
    drift: np.ndarray,
    half_dt: float,
    starts: np.ndarray,
    away: np.ndarray,
    ints: np.ndarray,
    rows: np.ndarray,
    first: int,
    width: int,
    X: np.ndarray,
) -> None:
    """Move some rows to their predicted midpoint: ``X += drift * dt / 2``."""
    for r in range(rows.size):
        u, row = rows[r], rows[r] * LANES
        if away[u] >= 0:
            at = away[u] + first
            for lane in range(width):
                X[row + lane] += half_dt * drift[ints[at + lane]]
        elif width == LANES:
            add_multiple((X, drift), (row, starts[u] + first), (half_dt,))
        else:
            at = starts[u] + first
            for lane in range(width):
                X[row + lane] += half_dt * drift[at + lane]


@inline_kernel
def add_placed(
    E: np.ndarray, offset: int, start: int, away: int, ints: np.ndarray, first: int, width: int, vector: np.ndarray
) -> None:
    """Add lanes to a vector like the state, at the places of an unknown whose nodes may be shared."""
    for lane in range(width):
        vector[place_of(start, away, ints, first + lane)] += E[offset + lane]


@inline_kernel
def add_changes(
    y: np.ndarray,
    starts: np.ndarray,
    away: np.ndarray,
    ints: np.ndarray,
    rows: np.ndarray,
    first: int,
    width: int,
    X: np.ndarray,
    pending: np.ndarray,
) -> None:
    """What lanes have changed in rows that nodes share, added up; the state stays as all of them have seen it."""
    for r in range(rows.size):
        u, row = rows[r], rows[r] * LANES
        for lane in range(width):
            at = place_of(starts[u], away[u], ints, first + lane)
            pending[at] += X[row + lane] - y[at]
