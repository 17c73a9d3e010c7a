"""Lanes of a kernel from and to vectors shaped like the state; ``offset`` is where rows of W begin."""

from __future__ import annotations

import numpy as np

from rxd.discretize.records import LANES
from rxd.solve.lane_lu import lane_kernel


@lane_kernel
def put_rows(W: np.ndarray, offset: int, starts: np.ndarray, first: int, width: int, f: np.ndarray) -> None:
    """Every row of lanes to its consecutive nodes."""
    for u in range(starts.size):
        at, row = starts[u] + first, offset + u * LANES
        here, there = W[row : row + width], f[at : at + width]
        for lane in range(width):
            there[lane] = here[lane]


@lane_kernel
def add_all_rows(W: np.ndarray, offset: int, position: np.ndarray, first: int, width: int, f: np.ndarray) -> None:
    """Every row of lanes added at the nodes of its unknown, which may lie anywhere and be shared."""
    for u in range(position.shape[0]):
        row = offset + u * LANES
        for lane in range(width):
            f[position[u, first + lane]] += W[row + lane]


@lane_kernel
def add_rows(W: np.ndarray, offset: int, position: np.ndarray, rows: np.ndarray, first: int, width: int, f: np.ndarray) -> None:
    """Row r of lanes added at the nodes of unknown ``rows[r]``."""
    for r in range(rows.size):
        u, row = rows[r], offset + r * LANES
        for lane in range(width):
            f[position[u, first + lane]] += W[row + lane]
