"""Lanes of a kernel back into vectors shaped like the state."""

from __future__ import annotations

import numpy as np

from rxd.discretize.records import LANES
from rxd.solve.lane_lu import lane_kernel


@lane_kernel
def put_rows(F: np.ndarray, starts: np.ndarray, first: int, width: int, f: np.ndarray) -> None:
    """Every row of lanes to its consecutive nodes."""
    for u in range(starts.size):
        at, row = starts[u] + first, u * LANES
        if width == LANES:
            for lane in range(LANES):
                f[at + lane] = F[row + lane]
        else:
            for lane in range(width):
                f[at + lane] = F[row + lane]


@lane_kernel
def add_rows(F: np.ndarray, position: np.ndarray, rows: np.ndarray, first: int, width: int, f: np.ndarray) -> None:
    """Row r of lanes added at the nodes of unknown ``rows[r]``, which need not differ from lane to lane."""
    for r in range(rows.size):
        u, row = rows[r], r * LANES
        for lane in range(width):
            f[position[u, first + lane]] += F[row + lane]


@lane_kernel
def put_points(F: np.ndarray, position: np.ndarray, first: int, width: int, f: np.ndarray) -> None:
    """Lanes of point processes: row 0 added to the v of their segments, which others have set; their own states set."""
    for lane in range(width):
        f[position[0, first + lane]] += F[lane]
    for u in range(1, position.shape[0]):
        row = u * LANES
        for lane in range(width):
            f[position[u, first + lane]] = F[row + lane]
