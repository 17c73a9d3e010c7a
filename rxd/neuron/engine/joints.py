"""NEURON's rule where a section in voxels meets one that is not.

In: a discretisation. Out: the same with other conductances at such joints: half a segment and half a voxel in series, through
the cross-section of the segment, shared among the voxels at the end of the section in voxels as their volumes to the power 2/3.
The rule of `docs/space.md` keeps a linear profile straight; this one agrees with NEURON's numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from geometry import Segments
from geometry.voxelize import VoxelGrid
from rxd.discretize.graph import _assemble, _tree_edges
from rxd.neuron.engine.faces import shared_faces

__all__ = ["joined_as_in_neuron"]


def joined_as_in_neuron(system: Any, discretization: Any) -> Any:
    """Exchange operators of species on segments and voxels, with NEURON's joints."""
    unknowns = {unknown.label: unknown for unknown in system.unknowns}
    graphs = []
    for graph in discretization.graphs:
        unknown = unknowns[graph.label]
        region = discretization.regions[unknown.region]
        if region.tree is None or region.box is not None or not len(region.voxel):
            graphs.append(graph)
            continue
        graphs.append(_joined(graph, unknown, region, discretization))
    return replace(discretization, graphs=tuple(graphs))


def _joined(graph: Any, unknown: Any, region: Any, discretization: Any) -> Any:
    block, voxels = discretization.layout[graph.label], discretization.voxels
    face_edges, face_kappa = shared_faces(region, block.n_tree, voxels, np.array(unknown.axes))
    tree_edges, tree_kappa, junctions = _tree_edges(region, block, len(region.voxel))
    edges, kappas = [face_edges, tree_edges], [face_kappa, tree_kappa]
    for segment, rho, chosen in _joints(region, discretization.segments, voxels):
        stored = int(block.order[region.tree_row[segment]] - block.start)
        weight = region.voxel_volume[chosen] ** (2 / 3)
        edges.append(np.stack([np.full(len(chosen), stored), block.n_tree + chosen], axis=1))
        kappas.append(weight / weight.sum() / rho)
    together = np.concatenate(edges), np.concatenate(kappas)
    made = _assemble(graph.label, graph.start, graph.capacity, junctions, *together, unknown.diffusion)
    return replace(made, cut=graph.cut, whole_rate=graph.whole_rate)


def _joints(region: Any, segments: Segments, voxels: VoxelGrid) -> Iterator[tuple[int, float, np.ndarray]]:
    """Segment, integral of ds over the cross-section from its middle to those of the voxels, and the voxels of every joint."""
    morphology = segments.morphology
    in_tree = set(np.unique(segments.section[region.tree.owner]).tolist())
    in_voxels = set(np.unique(segments.section[region.voxel_owner]).tolist())
    scale = region.tree.volume / segments.volume[region.tree.owner]
    for section in range(morphology.n_sections):
        parent = int(morphology.parent[section])
        points = morphology.section(section).points
        if section in in_tree and parent in in_voxels:
            segment, x, solid = int(segments.offset[section]), 0.0, parent
            inward = _into(morphology.section(parent).points, float(morphology.parent_x[section]))
        elif section in in_voxels and parent in in_tree:
            x, solid = float(morphology.parent_x[section]), section
            segment = int(segments.index(morphology.section(parent)(x)))
            inward = points[1, :3] - points[0, :3]
        else:
            continue
        half = float(segments.rho_right[segment] if x >= 1 else segments.rho_left[segment])
        half /= float(scale[region.tree_row[segment]])
        area = 0.5 * float(segments.length[segment]) / half
        chosen = _end_voxels(region, segments, voxels, solid, points[0, :3], inward / np.linalg.norm(inward))
        yield segment, half + 0.5 * float(voxels.dx.min()) / area, chosen


def _into(points: np.ndarray, x: float) -> np.ndarray:
    """Direction into a section from its end at x."""
    return points[1, :3] - points[0, :3] if x <= 0 else points[-2, :3] - points[-1, :3]


def _end_voxels(
    region: Any, segments: Segments, voxels: VoxelGrid, section: int, end: np.ndarray, inward: np.ndarray
) -> np.ndarray:
    """The last layer of voxels of a section before its end: those half a voxel inside of it."""
    own = np.flatnonzero(segments.section[region.voxel_owner] == section)
    depth = (voxels.middles(region.voxel[own]) - end) @ inward
    reach = 0.5 * float(np.abs(inward) @ voxels.dx)
    near = own[np.abs(depth - 0.5 * float(voxels.dx.min())) < reach * (1 + 1e-9)]
    return near if len(near) else own[[int(np.argmin(np.abs(depth)))]]
