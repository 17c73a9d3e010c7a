"""Lanes of a kernel from and to vectors shaped like the state.

Unknown u of node k lies at ``places[at + u * n + k]``, or from ``places[at + u]`` on where nodes are consecutive; ``offset`` is
where rows of lanes begin.
"""

from __future__ import annotations

import numpy as np

from rxd.discretize.records import LANES
from rxd.solve.lane_operations import draft_kernel


@draft_kernel
def load_scattered(
    y: np.ndarray, places: np.ndarray, at: int, n: int, rows: int, first: int, width: int, X: np.ndarray
) -> None:
    """Rows of nodes anywhere in the state into lanes; missing lanes repeat the last node."""
    for u in range(rows):
        for lane in range(LANES):
            X[u * LANES + lane] = y[places[at + u * n + first + (lane if lane < width else width - 1)]]


@draft_kernel
def put_rows(W: np.ndarray, offset: int, places: np.ndarray, at: int, rows: int, first: int, width: int, f: np.ndarray) -> None:
    """Every row of lanes to its consecutive nodes."""
    for u in range(rows):
        to, row = places[at + u] + first, offset + u * LANES
        for lane in range(width):
            f[to + lane] = W[row + lane]


@draft_kernel
def add_row(W: np.ndarray, row: int, places: np.ndarray, at: int, width: int, f: np.ndarray) -> None:
    """A row of lanes added at its nodes, which may lie anywhere and be shared."""
    for lane in range(width):
        f[places[at + lane]] += W[row + lane]
