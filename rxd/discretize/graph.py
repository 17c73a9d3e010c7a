"""Exchange in space: edges between voxels, between segments, and in boxes; for joins see `rxd.discretize.joins`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from geometry import Segments
from geometry.grid import SIDES
from geometry.voxelize import VoxelGrid
from rxd.discretize.joins import with_joins
from rxd.discretize.records import Block, GraphTransport
from rxd.discretize.space import RegionNodes


def graph_transport(
    unknown: Any, region: RegionNodes, block: Block, segments: Segments, voxels: VoxelGrid | None
) -> GraphTransport:
    """Exchange operator of a species that lives (partly) in voxels or in a box."""
    diffusion = unknown.diffusion
    if region.box is not None:
        return _box_transport(unknown, region, block)
    assert voxels is not None
    edges, kappa = _voxel_edges(region, block.n_tree, voxels, np.array(unknown.axes))
    capacity = region.voxel_volume
    junctions = 0
    if region.tree is not None:
        tree_edges, tree_kappa, tree_junctions = _tree_edges(region, block, len(capacity))
        first = block.n_tree + len(capacity) + tree_junctions
        tree_edges, tree_kappa, joins = with_joins(region, block, segments, voxels, tree_edges, tree_kappa, first)
        edges, kappa = np.concatenate([edges, tree_edges]), np.concatenate([kappa, tree_kappa])
        stored = np.empty(block.n_tree)
        stored[block.order[: block.n_tree] - block.start] = region.tree.volume
        capacity = np.concatenate([stored, capacity])
        junctions = tree_junctions + joins
    graph = _assemble(unknown.label, block.start, capacity, junctions, edges, diffusion * kappa)
    # FractionalVolume and the like: what one voxel of the region holds, and how much of its faces is open.
    holds = float(np.median(region.voxel_volume / voxels.volume[region.voxel]))
    whole_rate = 2.0 * diffusion * region.face_factor / holds * float(np.sum(np.array(unknown.axes) / voxels.dx**2))
    cut = block.n_tree + np.flatnonzero(voxels.membrane_area[region.voxel] > 0)
    return replace(graph, cut=cut, whole_rate=whole_rate)


def _box_transport(unknown: Any, region: RegionNodes, block: Block) -> GraphTransport:
    """Exchange in a box, and through those of its sides behind which a concentration is held."""
    mesh = region.box_mesh
    assert mesh is not None
    axis = np.argmax(np.abs(mesh.position[mesh.edges[:, 0]] - mesh.position[mesh.edges[:, 1]]), axis=1)
    along = unknown.diffusion * np.array(unknown.axes)
    graph = _assemble(unknown.label, block.start, mesh.volume, 0, mesh.edges, along[axis] * mesh.face_area / mesh.distance)
    held, strength = np.zeros(mesh.n), np.zeros(mesh.n)
    for side, value in unknown.boundary:
        voxel, kappa = region.box.boundary(side)
        conductance = along[SIDES.index(side) // 2] * kappa
        strength[voxel] += conductance
        held[voxel] += conductance * value
    at = np.flatnonzero(strength)
    return replace(graph, held=at, held_conductance=strength[at], held_value=held[at] / strength[at])


def _assemble(
    label: str, start: int, capacity: np.ndarray, junctions: int, edges: np.ndarray, conductance: np.ndarray
) -> GraphTransport:
    from scipy.sparse import coo_array  # here: a model without voxels does not wait for SciPy

    n = len(capacity)
    total = n + junctions
    both = (np.concatenate([edges[:, 0], edges[:, 1]]), np.concatenate([edges[:, 1], edges[:, 0]]))
    rows = coo_array((np.concatenate([conductance, conductance]), both), shape=(total, total)).tocsr()
    rows.sum_duplicates()
    if junctions:
        rows = _without_junctions(rows, n)
    return GraphTransport(
        label=label,
        start=start,
        n=n,
        capacity=np.ascontiguousarray(capacity, dtype=float),
        indptr=rows.indptr.astype(np.int64),
        indices=rows.indices.astype(np.int32),
        conductance=np.ascontiguousarray(rows.data, dtype=float),
    )


def _without_junctions(rows: Any, n: int) -> Any:
    """Star-mesh transform of all nodes from n on, where nothing accumulates: conductances among the others only."""
    from scipy.sparse import csc_array, diags_array
    from scipy.sparse.linalg import spsolve

    leaving = np.asarray(rows.sum(axis=1)).ravel()
    # a junction of the tree that a join replaced is tied to nothing
    inner = (diags_array(np.where(leaving[n:] > 0, leaving[n:], 1.0)) - rows[n:, n:]).tocsc()
    arms = rows[n:, :n].tocsc()
    meshed = (rows[:n, :n] + arms.T @ csc_array(spsolve(inner, arms))).tocsr()
    meshed = (0.5 * (meshed + meshed.T)).tolil()
    meshed.setdiag(0.0)
    meshed = meshed.tocsr()
    meshed.eliminate_zeros()
    return meshed


def _voxel_edges(region: RegionNodes, offset: int, voxels: VoxelGrid, axes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces between two voxels of the region, as (edges, kappa); ``axes`` multiplies those along x, y, z."""
    edges, axis = voxels.edges()
    rows = region.voxel_row[edges]
    inside = np.all(rows >= 0, axis=1)
    edges, axis, rows = edges[inside], axis[inside], rows[inside]
    face = voxels.aperture[edges[:, 0], 2 * axis + 1] * voxels.face_size[axis]
    return rows + offset, region.face_factor * axes[axis] * face / voxels.dx[axis]


def _tree_edges(region: RegionNodes, block: Block, n_voxels: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Edges of the region's segments in storage numbering; junctions are numbered after the voxels."""
    assert region.tree is not None
    tree, n = region.tree.tree, region.tree.n
    junctions = len(tree.parent) - n
    stored = np.concatenate([block.order[: block.n_tree] - block.start, n + n_voxels + np.arange(junctions)])
    child = np.flatnonzero(tree.parent >= 0)
    return np.stack([stored[child], stored[tree.parent[child]]], axis=1), tree.kappa[child], junctions
