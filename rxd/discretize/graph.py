"""Exchange in space: edges between voxels, between segments, and the joins where a section in voxels meets one that is not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy.sparse import coo_array, csc_array, diags_array
from scipy.sparse.linalg import spsolve
from scipy.spatial import cKDTree

from geometry import Segments
from geometry.grid import SIDES
from geometry.voxelize import VoxelGrid
from rxd.discretize.records import Block, GraphTransport
from rxd.discretize.space import RegionNodes

DISC_SAMPLES = 400
"""Points that sample the end of a section to share its cross-section among voxels."""
SOLID = 0.3
"""Fraction of a voxel that must be inside for a join to rest on it."""


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
        join_edges, join_kappa, join_junctions = _joins(region, block, segments, voxels, tree_junctions, len(capacity))
        edges = np.concatenate([edges, tree_edges, join_edges])
        kappa = np.concatenate([kappa, tree_kappa, join_kappa])
        stored = np.empty(block.n_tree)
        stored[block.order[: block.n_tree] - block.start] = region.tree.volume
        capacity = np.concatenate([stored, capacity])
        junctions = tree_junctions + join_junctions
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
    leaving = np.asarray(rows.sum(axis=1)).ravel()
    inner = (diags_array(leaving[n:]) - rows[n:, n:]).tocsc()
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


def _joins(
    region: RegionNodes, block: Block, segments: Segments, voxels: VoxelGrid, junctions_before: int, n_voxels: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """A junction wherever a section per segment meets one in voxels: half a segment on one side, voxels on the other.

    The junction lies a little (``outside``) inside the segment, so that every voxel at the end of the voxels is behind it: each
    then exchanges through its own part of the cross-section, and a linear profile passes without a jump in any direction.
    """
    ends = _meeting_ends(region, segments)
    middles = voxels.position[region.voxel]
    # Slivers would be bottlenecks: their parts of the cross-section go to the voxel behind them.
    solid = np.flatnonzero(voxels.fraction[region.voxel] >= SOLID)
    solid = solid if solid.size else np.arange(len(middles))
    finder = cKDTree(middles[solid] / voxels.dx)
    first = block.n_tree + n_voxels + junctions_before
    edges, kappas = [], []
    step = float(voxels.dx.max())
    for number, (segment, rho, point, axis, radius) in enumerate(ends):
        inward = axis / np.linalg.norm(axis)
        area = np.pi * radius**2 * region.face_factor
        outside = min(step, 0.9 * rho * area)
        _, nearest = finder.query(_disc(point, inward, radius) / voxels.dx, p=np.inf)
        chosen, counts = np.unique(solid[nearest], return_counts=True)
        way = np.maximum((middles[chosen] - point) @ inward + outside, 0.25 * step)
        junction = first + number
        stored = int(block.order[region.tree_row[segment]] - block.start)
        edges.append((stored, junction))
        # rho = 0 where the section in voxels starts in the middle of a segment: the junction is then the middle itself.
        kappas.append(1.0 / (rho - outside / area) if rho > 0 else 1e3 * area / step)
        edges += [(block.n_tree + int(voxel), junction) for voxel in chosen]
        kappas += list(area * counts / counts.sum() / way)
    return np.array(edges, dtype=np.int64).reshape(-1, 2), np.array(kappas), len(ends)


def _meeting_ends(region: RegionNodes, segments: Segments) -> list[tuple[int, float, np.ndarray, np.ndarray, float]]:
    """Ends of segments that touch voxels of the region: segment, half its rho there, point, axis into the voxels, radius."""
    assert region.tree is not None
    morphology = segments.morphology
    in_tree = np.unique(segments.section[region.tree.owner])
    in_voxels = set(np.unique(segments.section[region.voxel_owner]).tolist())
    tree_sections = set(in_tree.tolist())
    scale = region.tree.volume / segments.volume[region.tree.owner]
    ends = []
    for section in range(len(morphology.names)):
        parent = int(morphology.parent[section])
        if parent < 0:
            continue
        points = morphology.section(section).points
        axis = points[1, :3] - points[0, :3]
        place, radius = points[0, :3], 0.5 * points[0, 3]
        if section in tree_sections and parent in in_voxels:
            segment = int(segments.offset[section])
            rho, axis = float(segments.rho_left[segment]), -axis
        elif section in in_voxels and parent in tree_sections:
            x = float(morphology.parent_x[section])
            segment = int(segments.index(morphology.section(parent)(x)))
            rho = float(segments.rho_right[segment] if x >= 1 else segments.rho_left[segment] if x <= 0 else 0.0)
        else:
            continue
        fraction = float(scale[region.tree_row[segment]])
        ends.append((segment, rho / fraction, place, axis, radius))
    return ends


def _disc(point: np.ndarray, axis: np.ndarray, radius: float) -> np.ndarray:
    """Points spread evenly over a disc (sunflower arrangement), shape (DISC_SAMPLES, 3)."""
    normal = axis / np.linalg.norm(axis)
    helper = np.eye(3)[int(np.argmin(np.abs(normal)))]
    first = np.cross(normal, helper)
    first /= np.linalg.norm(first)
    second = np.cross(normal, first)
    k = np.arange(DISC_SAMPLES)
    r = radius * np.sqrt((k + 0.5) / DISC_SAMPLES)
    angle = k * np.pi * (3.0 - np.sqrt(5.0))
    return point + r[:, None] * (np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second)
