"""Neighbours of the nodes of graphs of exchange, in compressed rows, listed or made for those nodes that somebody asks about.

The rows of a million voxels take 74 MB, and all that they say the voxels say: they are made where they are read.
"""

from __future__ import annotations

from dataclasses import field
from typing import Protocol

import numpy as np

from geometry.kernel_files import kept_kernel
from geometry.records import dataclass

__all__ = ["BoxRows", "ListedRows", "Rows", "Triple", "VoxelRows", "compressed"]

Triple = tuple[np.ndarray, np.ndarray, np.ndarray]
"""Where the row of each node begins (and an end), neighbours in order, face over distance to each (um)."""

ALONG = (0, 2, 4, 5, 3, 1)
"""Faces of a voxel in order of their neighbours' numbers: -x, -y, -z, +z, +y, +x in a grid numbered in C order."""


class Rows(Protocol):
    """Neighbours of the nodes of a graph."""

    def of(self, nodes: np.ndarray) -> Triple:
        """Rows of some nodes."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class ListedRows:
    """Rows of any graph: where each begins, neighbours, kappa."""

    indptr: np.ndarray
    indices: np.ndarray
    kappa: np.ndarray

    def of(self, nodes: np.ndarray) -> Triple:
        """Rows of some nodes."""
        return _listed_rows(nodes.astype(np.int32, copy=False), self.indptr, self.indices, self.kappa)


@dataclass(frozen=True, slots=True, eq=False)
class VoxelRows:
    """Rows of the voxels of a region: open faces.

    Attributes
    ----------
    voxel : ndarray of int, shape (n,)
        Numbers of the region's voxels in the grid.
    row : ndarray of int
        The region's number of a voxel of the grid, -1 outside.
    neighbor, low_face : ndarray
        As a `VoxelGrid` has them.
    kappa : ndarray, shape (3,), um
        Face over distance of a whole face along each axis.
    """

    voxel: np.ndarray
    row: np.ndarray
    neighbor: np.ndarray
    low_face: np.ndarray
    kappa: np.ndarray

    def of(self, nodes: np.ndarray) -> Triple:
        """Rows of some nodes."""
        nodes = nodes.astype(np.int32, copy=False)
        return _voxel_rows(nodes, self.voxel, self.row, self.neighbor, self.low_face, self.kappa)


@dataclass(frozen=True, slots=True, eq=False)
class BoxRows:
    """Rows of a box of voxels numbered in C order.

    Attributes
    ----------
    shape : tuple of int
    spacing : tuple of float, um
    ease : ndarray, shape (n,) or, where it is the same everywhere, (1,)
        What diffusion in the tissue is to free diffusion; between two voxels the harmonic mean counts.
    axes : ndarray, shape (3,)
        Multiples of diffusion along the axes.
    """

    shape: tuple[int, int, int]
    spacing: tuple[float, float, float]
    ease: np.ndarray
    axes: np.ndarray = field(default_factory=lambda: np.ones(3))

    def of(self, nodes: np.ndarray) -> Triple:
        """Rows of some nodes."""
        nodes = nodes.astype(np.int32, copy=False)
        return _box_rows(nodes, np.array(self.shape), np.array(self.spacing), self.ease, self.axes)


@kept_kernel()
def _listed_rows(nodes: np.ndarray, indptr: np.ndarray, indices: np.ndarray, kappa: np.ndarray) -> Triple:
    begin = np.zeros(nodes.size + 1, dtype=np.int32)
    for i in range(nodes.size):
        begin[i + 1] = begin[i] + indptr[nodes[i] + 1] - indptr[nodes[i]]
    others, values = np.empty(begin[-1], dtype=np.int32), np.empty(begin[-1])
    for i in range(nodes.size):
        for e in range(begin[i + 1] - begin[i]):
            others[begin[i] + e], values[begin[i] + e] = indices[indptr[nodes[i]] + e], kappa[indptr[nodes[i]] + e]
    return begin, others, values


@kept_kernel()
def _voxel_rows(
    nodes: np.ndarray, voxel: np.ndarray, row: np.ndarray, neighbor: np.ndarray, low_face: np.ndarray, kappa: np.ndarray
) -> Triple:
    indptr = np.zeros(nodes.size + 1, dtype=np.int32)
    for k in range(nodes.size):
        count, here = 0, voxel[nodes[k]]
        for f in range(6):
            other = neighbor[here, f]
            if other >= 0 and row[other] >= 0:
                low = low_face[here, f // 2] if f % 2 == 0 else low_face[other, f // 2]
                count += low > 0
        indptr[k + 1] = indptr[k] + count
    indices, values = np.empty(indptr[-1], dtype=np.int32), np.empty(indptr[-1])
    for k in range(nodes.size):
        at, here = indptr[k], voxel[nodes[k]]
        for f in ALONG:
            other = neighbor[here, f]
            if other >= 0 and row[other] >= 0:
                low = low_face[here, f // 2] if f % 2 == 0 else low_face[other, f // 2]
                if low > 0:
                    indices[at], values[at] = row[other], low * kappa[f // 2]
                    at += 1
    return indptr, indices, values


@kept_kernel()
def _box_rows(nodes: np.ndarray, shape: np.ndarray, spacing: np.ndarray, ease: np.ndarray, axes: np.ndarray) -> Triple:
    indptr = np.zeros(nodes.size + 1, dtype=np.int32)
    indices, values = np.empty(6 * nodes.size, dtype=np.int32), np.empty(6 * nodes.size)
    stride, whole, each = (shape[1] * shape[2], shape[2], 1), spacing[0] * spacing[1] * spacing[2], ease.size > 1
    at = 0
    for i in range(nodes.size):
        k = nodes[i]
        for f in ALONG:
            axis, step = f // 2, 1 if f % 2 == 1 else -1
            place = k // stride[axis] % shape[axis] + step
            if place < 0 or place >= shape[axis]:
                continue
            other = k + step * stride[axis]
            # the lower of the two first, so that both say the same to the last bit
            low, high = ease[min(k, other) if each else 0], ease[max(k, other) if each else 0]
            face = whole / spacing[axis] * 2 * low * high / (low + high) if low + high > 0 else 0.0
            indices[at], values[at] = other, face / spacing[axis] * axes[axis]
            at += 1
        indptr[i + 1] = at
    return indptr, indices[:at].copy(), values[:at].copy()


@kept_kernel()
def compressed(n: int, edges: np.ndarray, kappa: np.ndarray) -> Triple:
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
