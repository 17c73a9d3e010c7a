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
    edges, kappa = merged(*without_junctions(n, edges, kappa))
    return GraphTransport(label, start, n, capacity, ListedRows(*compressed(n, edges, kappa)), diffusion)


def without_junctions(n: int, edges: np.ndarray, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Star-mesh transform of all nodes from n on, where nothing accumulates: edges among the others only, some maybe twice."""
    tied = edges.max(axis=1) >= n
    arms: dict[int, dict[int, float]] = {}
    for (a, b), conductance in zip(edges[tied].tolist(), kappa[tied].tolist(), strict=True):
        for junction, other in ((a, b), (b, a)):
            if junction >= n:
                own = arms.setdefault(junction, {})
                own[other] = own.get(other, 0.0) + conductance
    made, kappas = [edges[~tied]], [kappa[~tied]]
    for junction in list(arms):
        own = arms.pop(junction)
        total = sum(own.values())
        if total <= 0.0:
            continue
        for other in [other for other in own if other >= n]:  # one that is still there: its arms are this one's, too
            share = own.pop(other) / total
            there = arms[other]
            del there[junction]
            for node, conductance in own.items():
                there[node] = there.get(node, 0.0) + share * conductance
                if node >= n:
                    arms[node][other] = arms[node].get(other, 0.0) + share * conductance
        nodes, values = np.array(list(own), dtype=np.int64), np.array(list(own.values()))
        one, another = np.triu_indices(len(nodes), 1)
        made.append(np.stack([nodes[one], nodes[another]], axis=1))
        kappas.append(values[one] * values[another] / total)
    return np.concatenate(made), np.concatenate(kappas)


def merged(edges: np.ndarray, kappa: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Every pair of nodes once, with the sum of its conductances."""
    ends = np.sort(edges, axis=1).astype(np.int64)
    keys, where = np.unique(ends[:, 0] * (ends.max(initial=0) + 1) + ends[:, 1], return_inverse=True)
    low, high = np.divmod(keys, ends.max(initial=0) + 1)
    return np.stack([low, high], axis=1), np.bincount(where.ravel(), weights=kappa, minlength=len(keys))


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
