"""Exchange in space: edges between voxels, between segments, and in boxes; for joins see `rxd.discretize.joins`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from geometry import Segments
from geometry.grid import SIDES
from geometry.voxelize import VoxelGrid
from rxd.discretize.graph_rows import BoxRows, ListedRows, VoxelRows, compressed
from rxd.discretize.joins import with_joins
from rxd.discretize.records import Block, GraphTransport
from rxd.discretize.space import RegionNodes


def graph_transport(
    unknown: Any,
    region: RegionNodes,
    block: Block,
    segments: Segments,
    voxels: VoxelGrid | None,
    capacity: np.ndarray,
    made: Sequence[tuple[Any, GraphTransport]],
) -> GraphTransport:
    """Exchange operator of a species that lives (partly) in voxels or in a box.

    ``capacity``: of the whole state; ``made``: operators of species before it.
    """
    same = [graph for other, graph in made if (other.region, other.axes) == (unknown.region, unknown.axes)]
    if same:
        # the state's numbering differs by where the block begins alone
        alike = replace(same[0], label=unknown.label, start=block.start, diffusion=unknown.diffusion)
        whole_rate = same[0].whole_rate * (unknown.diffusion / same[0].diffusion)
        graph = replace(alike, whole_rate=whole_rate)
    elif region.box is not None:
        graph = _box_graph(unknown, region, block, capacity)
    else:
        assert voxels is not None
        graph = _voxel_graph(unknown, region, block, segments, voxels)
    return _with_sides(graph, unknown, region) if region.box is not None else graph


def _voxel_graph(unknown: Any, region: RegionNodes, block: Block, segments: Segments, voxels: VoxelGrid) -> GraphTransport:
    """Exchange through open faces, and with segments where a section in voxels meets one that is not."""
    axes = np.array(unknown.axes)
    capacity = region.voxel_volume
    if region.tree is None:
        kappa = region.face_factor * axes * voxels.face_size / voxels.dx
        rows = VoxelRows(region.voxel, region.voxel_row, voxels.neighbor, voxels.low_face, kappa)
        graph = GraphTransport(unknown.label, block.start, len(capacity), capacity, rows, unknown.diffusion)
    else:
        edges, kappa = _voxel_edges(region, block.n_tree, voxels, axes)
        tree_edges, tree_kappa, tree_junctions = _tree_edges(region, block, len(capacity))
        first = block.n_tree + len(capacity) + tree_junctions
        tree_edges, tree_kappa, joins = with_joins(region, block, segments, voxels, tree_edges, tree_kappa, first)
        edges, kappa = np.concatenate([edges, tree_edges]), np.concatenate([kappa, tree_kappa])
        stored = np.empty(block.n_tree)
        stored[block.order[: block.n_tree] - block.start] = region.tree.volume
        capacity = np.concatenate([stored, capacity])
        graph = _assemble(unknown.label, block.start, capacity, tree_junctions + joins, edges, kappa, unknown.diffusion)
    # FractionalVolume and the like: what one voxel of the region holds, and how much of its faces is open.
    holds = float(np.median(region.voxel_volume / voxels.volume[region.voxel]))
    whole_rate = 2.0 * unknown.diffusion * region.face_factor / holds * float(np.sum(axes / voxels.dx**2))
    # at an open end, which cuts voxels as a membrane does, round-off may be left of a membrane that is not there
    bounded = voxels.membrane_area > 0
    bounded[voxels.end_voxel] = True
    cut = (block.n_tree + np.flatnonzero(bounded[region.voxel])).astype(np.int32)
    return replace(graph, cut=cut, whole_rate=whole_rate)


def _box_graph(unknown: Any, region: RegionNodes, block: Block, capacity: np.ndarray) -> GraphTransport:
    """Exchange in a box."""
    box, axes = region.box, np.array(unknown.axes, dtype=float)
    rows = BoxRows(box.shape, box.spacing, box.ease, axes if len(set(unknown.axes)) > 1 else np.ones(3))
    own = capacity[block.start : block.stop]
    own.setflags(write=False)
    return GraphTransport(unknown.label, block.start, box.n, own, rows, unknown.diffusion)


def _with_sides(graph: GraphTransport, unknown: Any, region: RegionNodes) -> GraphTransport:
    """The same with exchange through those sides of the box behind which a concentration is held."""
    along = unknown.diffusion * np.array(unknown.axes)
    held, strength = np.zeros(graph.n), np.zeros(graph.n)
    for side, value in unknown.boundary:
        voxel, kappa = region.box.boundary(side)
        conductance = along[SIDES.index(side) // 2] * kappa
        strength[voxel] += conductance
        held[voxel] += conductance * value
    at = np.flatnonzero(strength)
    return replace(graph, held=at, held_conductance=strength[at], held_value=held[at] / strength[at])


def _assemble(
    label: str, start: int, capacity: np.ndarray, junctions: int, edges: np.ndarray, kappa: np.ndarray, diffusion: float
) -> GraphTransport:
    n = len(capacity)
    capacity = np.ascontiguousarray(capacity, dtype=float)
    if not junctions:
        return GraphTransport(label, start, n, capacity, ListedRows(*compressed(n, edges, kappa)), diffusion)
    from scipy.sparse import coo_array  # here: a model without voxels does not wait for SciPy

    both = (np.concatenate([edges[:, 0], edges[:, 1]]), np.concatenate([edges[:, 1], edges[:, 0]]))
    rows = coo_array((np.concatenate([kappa, kappa]), both), shape=(n + junctions, n + junctions)).tocsr()
    rows = _without_junctions(rows, n)
    rows.sum_duplicates()
    arrays = (rows.indptr.astype(np.int32), rows.indices.astype(np.int32), np.ascontiguousarray(rows.data, dtype=float))
    return GraphTransport(label, start, n, capacity, ListedRows(*arrays), diffusion)


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
    face = voxels.low_face[edges[:, 1], axis] * voxels.face_size[axis]
    return rows + offset, region.face_factor * axes[axis] * face / voxels.dx[axis]


def _tree_edges(region: RegionNodes, block: Block, n_voxels: int) -> tuple[np.ndarray, np.ndarray, int]:
    """Edges of the region's segments in storage numbering; junctions are numbered after the voxels."""
    assert region.tree is not None
    tree, n = region.tree.tree, region.tree.n
    junctions = len(tree.parent) - n
    stored = np.concatenate([block.order[: block.n_tree] - block.start, n + n_voxels + np.arange(junctions)])
    child = np.flatnonzero(tree.parent >= 0)
    return np.stack([stored[child], stored[tree.parent[child]]], axis=1), tree.kappa[child], junctions
