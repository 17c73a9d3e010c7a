"""NEURON's rule between two voxels, and its way through a fixed step.

In: a discretisation. Out: the same with other conductances between voxels, and with the lattices along whose lines
`rxd.solve.sweeps` takes a fixed step.

Between two voxels that share an open face the harmonic mean of the fractions of them that are inside the cell counts, whatever
the part of the face that is. Axoplasm's own rule (`docs/space.md`) takes the open face itself; this one agrees with NEURON.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

import numpy as np

from geometry.voxelize import VoxelGrid
from rxd.discretize.graph_rows import ListedRows, Rows
from rxd.neuron.space.grids import edges_of
from rxd.solve.lane_lu import lane_kernel

__all__ = ["exchanged_as_in_neuron", "shared_faces", "times_as_fast"]


def shared_faces(region: Any, offset: int, voxels: VoxelGrid, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces between two voxels of a region, as (edges, kappa); ``axes`` multiplies those along x, y, z."""
    edges, axis = voxels.edges()
    rows = region.voxel_row[edges]
    inside = np.all(rows >= 0, axis=1)
    rows, axis = rows[inside], axis[inside]
    share = _share(region, voxels)
    one, other = share[rows[:, 0]], share[rows[:, 1]]
    return rows + offset, _whole(region, voxels, axes)[axis] * 2.0 * one * other / (one + other)


def exchanged_as_in_neuron(system: Any, discretization: Any, swelling: Collection[str]) -> Any:
    """Exchange operators of species in voxels and boxes, with NEURON's conductances and their lattices.

    ``swelling``: boxes whose volume fraction changes between steps.
    """
    unknowns = {unknown.label: unknown for unknown in system.unknowns}
    made: dict[Any, tuple[np.ndarray, Rows]] = {}
    graphs = []
    for graph in discretization.graphs:
        unknown = unknowns[graph.label]
        region = discretization.regions[unknown.region]
        key = unknown.region, unknown.axes
        if region.box is not None:
            if key not in made:
                lattice = np.indices(tuple(region.box.shape), dtype=np.int32).reshape(3, -1).T
                made[key] = lattice, _in_box(graph, region.box, np.array(unknown.axes))
            lattice, rows = made[key]
            graphs.append(replace(graph, lattice=lattice, rows=rows, changing=unknown.region in swelling))
        elif region.tree is None and len(region.voxel):
            if key not in made:
                made[key] = _in_voxels(graph, region, discretization.voxels, np.array(unknown.axes))
            lattice, rows = made[key]
            fastest = graph.whole_rate * times_as_fast(region, discretization.voxels)
            graphs.append(replace(graph, lattice=lattice, rows=rows, whole_rate=fastest))
        else:
            graphs.append(graph)
    return replace(discretization, graphs=tuple(graphs))


def _in_box(graph: Any, box: Any, axes: np.ndarray) -> Rows:
    """Conductances of a box: NEURON takes the tortuosity of the higher of two voxels where it differs."""
    fraction, tortuosity = box.fraction.ravel(), box.lambda_.ravel()
    if np.all(tortuosity == tortuosity[0]):
        rows: Rows = graph.rows
        return rows
    indptr, column, _ = graph.listed()
    row = np.repeat(np.arange(graph.n), np.diff(indptr))
    step, spacing = np.abs(column - row), np.array(box.spacing)
    axis = np.where(step == box.shape[1] * box.shape[2], 0, np.where(step == box.shape[2], 1, 2))
    whole = axes * np.prod(spacing) / spacing**2
    shared = 2 * fraction[row] * fraction[column] / (fraction[row] + fraction[column])
    return ListedRows(indptr, column, whole[axis] * shared / tortuosity[np.maximum(row, column)] ** 2)


def _in_voxels(graph: Any, region: Any, voxels: VoxelGrid, axes: np.ndarray) -> tuple[np.ndarray, Rows]:
    """Lattice and conductances of a region that is in voxels everywhere."""
    lattice = np.ascontiguousarray(voxels.ijk[region.voxel])
    indptr, indices, kappa = graph.listed()
    harmonic_means(indptr, indices, lattice, _share(region, voxels), _whole(region, voxels, axes), kappa)
    return lattice, ListedRows(indptr, indices, kappa)


def times_as_fast(region: Any, voxels: VoxelGrid) -> float:
    """How many times as fast whole voxels of a region exchange as those of the finest grid."""
    return float((voxels.dx[0] / edges_of(region, voxels)[0]) ** 2)


def _share(region: Any, voxels: VoxelGrid) -> np.ndarray:
    """Fraction of each voxel that the region is."""
    return np.asarray(region.voxel_volume / np.prod(edges_of(region, voxels)))


def _whole(region: Any, voxels: VoxelGrid, axes: np.ndarray) -> np.ndarray:
    """Face over distance of two whole voxels along each axis."""
    edges = edges_of(region, voxels)
    return np.asarray(axes * np.prod(edges) / edges**2)


@lane_kernel
def harmonic_means(
    indptr: np.ndarray, indices: np.ndarray, at: np.ndarray, share: np.ndarray, whole: np.ndarray, kappa: np.ndarray
) -> None:
    """Conductances of all neighbours, in place: those of whole voxels times the harmonic mean of shares."""
    for k in range(indptr.size - 1):
        for e in range(indptr[k], indptr[k + 1]):
            other = indices[e]
            axis = 0 if at[other, 0] != at[k, 0] else (1 if at[other, 1] != at[k, 1] else 2)
            kappa[e] = whole[axis] * 2.0 * share[k] * share[other] / (share[k] + share[other])
