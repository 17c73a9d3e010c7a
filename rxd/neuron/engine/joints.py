"""NEURON's rule where a section in voxels meets one that is not.

In: a discretisation. Out: the same with other conductances at such joints: half a segment and half a voxel in series, through
the cross-section of the segment, shared among the voxels at the end of the section in voxels as their volumes to the power 2/3.
The rule of `docs/space.md` keeps a linear profile straight; this one agrees with NEURON's numbers. In a fixed step segments and
voxels take steps of their own, and what crosses the joints goes by forward Euler.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry import Segments
from geometry.voxelize import VoxelGrid
from rxd.discretize.build import tree_transport
from rxd.discretize.graph import _assemble, _tree_edges
from rxd.discretize.records import Block, StateLayout
from rxd.neuron.engine.faces import shared_faces, times_as_fast
from rxd.neuron.space.grids import edges_of

if TYPE_CHECKING:
    from rxd.neuron.engine.declare import Declared
    from rxd.neuron.session import Session

__all__ = ["joined_as_in_neuron", "parted_as_in_neuron", "spread_unevenly"]


def joined_as_in_neuron(system: Any, discretization: Any, only: Collection[str] | None = None) -> Any:
    """Exchange operators of species on segments and voxels, with NEURON's joints; of some species alone, if they are named."""
    unknowns = {unknown.label: unknown for unknown in system.unknowns}
    graphs = []
    for graph in discretization.graphs:
        unknown = unknowns[graph.label]
        region = discretization.regions[unknown.region]
        asked = only is None or graph.label in only
        if region.tree is None or region.box is not None or not len(region.voxel) or not asked:
            graphs.append(graph)
            continue
        graphs.append(_joined(graph, unknown, region, discretization))
    return replace(discretization, graphs=tuple(graphs))


def parted_as_in_neuron(system: Any, discretization: Any, whole: Collection[str]) -> Any:
    """Segments as a tree, voxels as a lattice, and ties between them: what NEURON makes of a fixed step.

    NEURON writes the concentrations of segments to `seg.cai` before they exchange with voxels: the state has places for these.

    Parameters
    ----------
    whole : collection of str
        Species that stay as they are.
    """
    unknowns = {unknown.label: unknown for unknown in system.unknowns}
    transports, graphs = list(discretization.transports), []
    for graph in discretization.graphs:
        unknown = unknowns[graph.label]
        region = discretization.regions[unknown.region]
        if region.tree is None or region.box is not None or not len(region.voxel) or graph.label in whole:
            graphs.append(graph)
            continue
        tree, lattice = _parted(graph, unknown, region, discretization)
        transports.append(tree)
        graphs.append(lattice)
        discretization = _with_places(discretization, graph.label, np.unique(lattice.tied[:, 1]))
    return replace(discretization, transports=tuple(transports), graphs=tuple(graphs))


def spread_unevenly(session: Session, declared: Declared) -> set[str]:
    """Labels of species whose coefficients of diffusion differ from node to node."""
    parts = [(quantity, region) for quantity in session.chemistry.quantities for region in quantity.regions]
    uneven = [(quantity.number, region.number) for quantity, region in parts if quantity.local_d(region) is not None]
    return {declared.symbols[key].name for key in uneven if key in declared.symbols}


def _with_places(discretization: Any, label: str, tied: np.ndarray) -> Any:
    """One more place in the state for each of some positions."""
    layout, block = discretization.layout, discretization.layout[label]
    stop = layout.size + len(tied)
    shown = Block(
        f"shown.{label}",
        block.unit,
        layout.size,
        stop,
        block.segment[tied - block.start],
        np.arange(layout.size, stop),
        len(tied),
    )
    return replace(
        discretization,
        layout=StateLayout(MappingProxyType({**layout.blocks, shown.label: shown}), stop),
        capacity=np.concatenate([discretization.capacity, np.ones(len(tied))]),
        initial=np.concatenate([discretization.initial, discretization.initial[tied]]),
    )


def _parted(graph: Any, unknown: Any, region: Any, discretization: Any) -> tuple[Any, Any]:
    block, voxels = discretization.layout[graph.label], discretization.voxels
    kappa = unknown.diffusion * region.tree.tree.kappa
    tree = tree_transport(graph.label, discretization.layout, region.tree.tree, region.tree.volume, kappa)
    edges, kappas = shared_faces(region, 0, voxels, np.array(unknown.axes))
    start = graph.start + block.n_tree
    ends, rates = [np.zeros((0, 2), dtype=np.int64)], [np.zeros((0, 2))]
    for segment, rho, chosen in _joints(region, discretization.segments, voxels):
        row = int(region.tree_row[segment])
        weight = region.voxel_volume[chosen] ** (2 / 3)
        conductance = unknown.diffusion * weight / weight.sum() / rho
        ends.append(np.stack([chosen, np.full(len(chosen), block.order[row])], axis=1))
        rates.append(np.stack([conductance / region.voxel_volume[chosen], conductance / region.tree.volume[row]], axis=1))
    tied = np.concatenate(ends)
    tied = np.column_stack([tied, discretization.layout.size + np.unique(tied[:, 1], return_inverse=True)[1]])
    lattice = replace(
        _assemble(graph.label, start, region.voxel_volume, 0, edges, kappas, unknown.diffusion),
        whole_rate=graph.whole_rate * times_as_fast(region, voxels),
        lattice=np.ascontiguousarray(voxels.ijk[region.voxel]),
        tied=tied,
        tied_rate=np.concatenate(rates),
    )
    return tree, lattice


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
            place = float(morphology.parent_x[section])
            inward = _into(morphology.section(parent).points, place)
        elif section in in_voxels and parent in in_tree:
            x, solid, place = float(morphology.parent_x[section]), section, 0.0
            segment = int(segments.index(morphology.section(parent)(x)))
            inward = points[1, :3] - points[0, :3]
        else:
            continue
        half = float(segments.rho_right[segment] if x >= 1 else segments.rho_left[segment])
        half /= float(scale[region.tree_row[segment]])
        area = 0.5 * float(segments.length[segment]) / half
        inward /= np.linalg.norm(inward)
        chosen = _end_voxels(region, segments, voxels, solid, place, points[0, :3], inward)
        yield segment, half + 0.5 * float(edges_of(region, voxels)[0]) / area, chosen


def _into(points: np.ndarray, x: float) -> np.ndarray:
    """Direction into a section from its end at x."""
    return points[1, :3] - points[0, :3] if x <= 0 else points[-2, :3] - points[-1, :3]


def _end_voxels(
    region: Any, segments: Segments, voxels: VoxelGrid, section: int, place: float, end: np.ndarray, inward: np.ndarray
) -> np.ndarray:
    """The last layer of voxels of a section before one of its ends.

    In NEURON these are the voxels whose lowest corner is the middle of a cube that a plane across the section goes through: at
    its 0 end the plane of the end itself, elsewhere one a voxel inside. Where that leaves none, as of sections that point
    downwards, those half a voxel inside are taken.
    """
    own = np.flatnonzero(segments.section[region.voxel_owner] == section)
    edges = edges_of(region, voxels)
    depth = (voxels.middles(region.voxel[own]) - _rounding(region, segments) - end) @ inward
    along = inward if place <= 0 else -inward
    beyond = (depth if place <= 0 else edges[0] - depth) - 0.5 * float(along @ edges)
    reach = 0.5 * float(np.abs(inward) @ edges)
    near = own[(beyond <= reach) & (beyond > -reach)]
    if not len(near):
        near = own[np.abs(depth - 0.5 * float(edges[0])) < reach * (1 - 1e-6)]
    return near if len(near) else own[[int(np.argmin(np.abs(depth)))]]


def _rounding(region: Any, segments: Segments) -> float:
    """How far NEURON's voxels lie below ours, um: it counts them from the largest diameter in single precision.

    Which layer is at an end that lies in the middle of voxels depends on it.
    """
    morphology = segments.morphology
    diam = max(float(morphology.section(int(s)).points[:, 3].max()) for s in np.unique(segments.section[region.voxel_owner]))
    return float(np.float32(diam)) - diam
