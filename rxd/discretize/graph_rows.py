"""Compressed rows of graphs of exchange, made without copies of their edges: a million voxels have three million faces."""

from __future__ import annotations

import numpy as np
from numba import njit

__all__ = ["compressed", "voxel_rows"]

ALONG = (0, 2, 4, 5, 3, 1)
"""Faces of a voxel in order of their neighbours' numbers: -x, -y, -z, +z, +y, +x in a grid numbered in C order."""


@njit(cache=True)
def voxel_rows(
    voxel: np.ndarray, row: np.ndarray, neighbor: np.ndarray, low_face: np.ndarray, kappa: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of the voxels of a region of a grid: where each begins, neighbours in order, ``open fraction * kappa`` of the axis.

    ``row`` gives the region's number of a voxel of the grid, -1 outside.
    """
    indptr = np.zeros(voxel.size + 1, dtype=np.int32)
    for k in range(voxel.size):
        count = 0
        for f in range(6):
            other = neighbor[voxel[k], f]
            if other >= 0 and row[other] >= 0:
                low = low_face[voxel[k], f // 2] if f % 2 == 0 else low_face[other, f // 2]
                count += low > 0
        indptr[k + 1] = indptr[k] + count
    indices, values = np.empty(indptr[-1], dtype=np.int32), np.empty(indptr[-1])
    for k in range(voxel.size):
        at = indptr[k]
        for f in ALONG:
            other = neighbor[voxel[k], f]
            if other >= 0 and row[other] >= 0:
                low = low_face[voxel[k], f // 2] if f % 2 == 0 else low_face[other, f // 2]
                if low > 0:
                    indices[at], values[at] = row[other], low * kappa[f // 2]
                    at += 1
    return indptr, indices, values


@njit(cache=True)
def compressed(n: int, edges: np.ndarray, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of a graph of n nodes whose edges are given once each: where each begins, neighbours in order, kappa."""
    indptr = np.zeros(n + 1, dtype=np.int32)
    for e in range(edges.shape[0]):
        indptr[edges[e, 0] + 1] += 1
        indptr[edges[e, 1] + 1] += 1
    for k in range(n):
        indptr[k + 1] += indptr[k]
    at = indptr[:-1].copy()
    indices, values = np.empty(indptr[-1], dtype=np.int32), np.empty(indptr[-1])
    for e in range(edges.shape[0]):
        for side in range(2):
            k, other = edges[e, side], edges[e, 1 - side]
            place = at[k]
            at[k] += 1
            while place > indptr[k] and indices[place - 1] > other:
                indices[place], values[place] = indices[place - 1], values[place - 1]
                place -= 1
            indices[place], values[place] = other, kappa[e]
    return indptr, indices, values
