"""discretize: System -> Discretization. Meshes of regions, the state's layout, fields, transport operators, initial values."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from cable.hines import plan_elimination
from cable.operator import core_operator
from geometry import Morphology, Segments, segment
from geometry.mesh import TreeBlock
from geometry.voxelize import VoxelGrid
from rxd.discretize.fields import Sources, field_values, pack
from rxd.discretize.graph import graph_transport
from rxd.discretize.nodes import Nodes, evaluate
from rxd.discretize.records import Along, Block, Discretization, GraphTransport, Group, Row, StateLayout, Through, Transport
from rxd.discretize.space import GroupNodes, RegionNodes, box_rows, build_regions, build_voxels, group_nodes, node_positions
from rxd.errors import DiscretizationError

VOLTAGE = "v"


def discretize(
    system: Any, morphology: Morphology, rule: Any, settings: Any, voxels: VoxelGrid | None = None
) -> Discretization:
    """Lay a system out on a morphology.

    Parameters
    ----------
    system : rxd.symbolic.system.System
    morphology : geometry.Morphology
    rule : int, dict, callable, rule or Segments
        How sections are cut, see `geometry.segment`; or what somebody has cut them into.
    settings : sequence of (Selection, dict)
        ``Ra`` (ohm cm), ``cm`` (uF/cm2), ``v_init`` (mV) by selection; later ones win.
    voxels : VoxelGrid, optional
        Voxels of all sections that some region has in voxels, if they are there already.

    Raises
    ------
    DiscretizationError
        For a region without volume, initial values or parameters that are not finite or have a wrong shape, a box that does not
        hold the sections that exchange with it.
    """
    segments = rule if isinstance(rule, Segments) else segment(morphology, rule)
    membrane = _settings(segments, settings)
    voxels = build_voxels(system, segments) if voxels is None else voxels
    regions = build_regions(system, segments, voxels)
    points = _point_segments(system, segments)
    nodes = [group_nodes(group, segments, voxels, regions, points) for group in system.groups]
    layout = _layout(system, segments, regions, nodes, points)
    groups = _groups(system, segments, voxels, regions, layout, nodes, membrane["cm"])
    capacity, transports, graphs = _transports(system, segments, voxels, regions, layout, membrane)
    return Discretization(
        segments=segments,
        regions=MappingProxyType(regions),
        voxels=voxels,
        layout=layout,
        groups=groups,
        transports=transports,
        graphs=graphs,
        capacity=_frozen(capacity),
        initial=_frozen(_initial(system, segments, voxels, regions, layout, membrane["v_init"])),
        point_segment=_frozen(points),
    )


def _settings(segments: Segments, settings: Any) -> dict[str, np.ndarray]:
    """Ra, cm and v_init per segment."""
    arrays = {name: np.full(segments.n, np.nan) for name in ("Ra", "cm", "v_init")}
    for selection, values in settings:
        where = segments.of(selection)
        for name, value in values.items():
            arrays[name][where] = value
    return arrays


def _point_segments(system: Any, segments: Segments) -> np.ndarray:
    section = np.array([point.section for point in system.points], dtype=np.int64)
    return segments.at(section, np.array([point.x for point in system.points], dtype=float))


def _layout(
    system: Any, segments: Segments, regions: dict[str, RegionNodes], nodes: list[GroupNodes], points: np.ndarray
) -> StateLayout:
    """Offsets: segments are stored group by group, so that section groups read consecutive numbers; voxels follow them."""
    stored = np.concatenate([where.segment for where in nodes if where.space == "segments"])
    rank = np.empty(segments.n, dtype=np.int64)
    rank[stored] = np.arange(segments.n)
    blocks: dict[str, Block] = {}
    start = 0
    for unknown in system.unknowns:
        here, order, n_tree = _storage(unknown, segments, regions, rank, points)
        blocks[unknown.label] = Block(
            unknown.label, unknown.unit, start, start + len(here), _frozen(here), _frozen(start + order), n_tree, unknown.region
        )
        start += len(here)
    return StateLayout(MappingProxyType(blocks), start)


def _storage(
    unknown: Any, segments: Segments, regions: dict[str, RegionNodes], rank: np.ndarray, points: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Segment of each node in storage order, storage index of those on segments in segment order, number of segment nodes."""
    if unknown.points:
        here = points[list(unknown.points)]
        return here, np.arange(len(here)), len(here)
    if unknown.box:
        n = regions[unknown.region].box.n
        return np.broadcast_to(np.full(1, -1), n), np.zeros(0, dtype=np.int64), 0
    ordered = segments.of(list(unknown.sections)) if unknown.sections else np.zeros(0, dtype=np.int64)
    by_rank = np.argsort(rank[ordered], kind="stable")
    owners = regions[unknown.region].voxel_owner if unknown.voxel_sections else np.zeros(0, dtype=np.int64)
    here = np.concatenate([ordered[by_rank], owners]) if len(ordered) else owners
    return here, np.argsort(by_rank, kind="stable"), len(ordered)


def _groups(
    system: Any,
    segments: Segments,
    voxels: Any,
    regions: dict[str, RegionNodes],
    layout: StateLayout,
    nodes: list[GroupNodes],
    cm: np.ndarray,
) -> tuple[Group, ...]:
    specs = {region.name: region for region in system.regions}
    sources = Sources(segments, voxels, regions, specs, cm, system.values, system.points, system.celsius)
    groups = []
    for local, where in zip(system.groups, nodes, strict=True):
        values = [field_values(field, local, where, sources) for field in local.fields]
        rows = [_positions(system.unknown(label), where, layout, regions, segments) for label in local.unknowns]
        group = Group(
            local.name, _frozen(where.segment), tuple(rows), not local.scattered, _frozen(pack(values, len(where.segment)))
        )
        if where.space not in ("voxels", "box"):
            table = _frozen(group.position.reshape(len(rows), group.n))
            group = replace(group, rows=tuple(table), table=table)
        groups.append(group)
    return tuple(groups)


def _positions(
    unknown: Any, where: GroupNodes, layout: StateLayout, regions: dict[str, RegionNodes], segments: Segments
) -> Row:
    """State position of one unknown at each node of a group."""
    block = layout[unknown.label]
    if unknown.points or (unknown.box and where.space == "box"):
        return Along(block.start)
    if unknown.box:
        return block.start + box_rows(regions[unknown.region], where, segments)
    if unknown.voxel_sections and where.space in ("voxels", "surface"):
        region, first = regions[unknown.region], block.start + block.n_tree
        return Along(first) if np.array_equal(where.voxel, region.voxel) else first + region.voxel_row[where.voxel]
    inverse = np.full(segments.n, -1, dtype=np.int64)
    inverse[block.segment[: block.n_tree]] = np.arange(block.start, block.start + block.n_tree)
    return Through(inverse) if where.space in ("voxels", "box") else inverse[where.segment]


def _transports(
    system: Any,
    segments: Segments,
    voxels: Any,
    regions: dict[str, RegionNodes],
    layout: StateLayout,
    membrane: dict[str, np.ndarray],
) -> tuple[np.ndarray, tuple[Transport, ...], tuple[GraphTransport, ...]]:
    """Mass matrix diagonal and the exchange operators: the cable, species on segments, species in voxels."""
    capacity = np.ones(layout.size)
    cable = core_operator(segments, membrane["Ra"], membrane["cm"])
    capacity[layout[VOLTAGE].order] = cable.capacitance
    transports = [tree_transport(VOLTAGE, layout, cable.tree, cable.capacitance, cable.conductance)]
    trees: dict[str, Transport] = {}
    graphs: list[tuple[Any, GraphTransport]] = []
    for unknown in system.unknowns:
        if unknown.kind != "species":
            continue
        region, block = regions[unknown.region], layout[unknown.label]
        capacity[block.ordered] = _volumes(unknown.label, region, segments)
        if unknown.diffusion > 0 and not unknown.box and not unknown.voxel_sections:
            assert region.tree is not None
            if region.name not in trees:
                trees[region.name] = tree_transport(
                    unknown.label, layout, region.tree.tree, region.tree.volume, region.tree.tree.kappa
                )
            first = trees[region.name]  # species of one region share all but their diffusion
            conductance = _frozen(unknown.diffusion * first.conductance)
            transports.append(replace(first, label=unknown.label, start=block.start, conductance=conductance))
        elif unknown.diffusion > 0:
            graphs.append((unknown, graph_transport(unknown, region, block, segments, voxels, capacity, graphs)))
    return capacity, tuple(transports), tuple(graph for _, graph in graphs)


def _volumes(label: str, region: RegionNodes, segments: Segments) -> np.ndarray:
    """Volumes of a region's nodes: segments in their order, then voxels."""
    if region.box is not None:
        return np.asarray(region.box.volume)
    volume = np.concatenate([region.tree.volume, region.voxel_volume]) if region.tree is not None else region.voxel_volume
    if np.any(volume <= 0):
        owners = np.concatenate([region.tree.owner if region.tree is not None else region.voxel_owner[:0], region.voxel_owner])
        worst = segments.location(int(owners[np.argmin(volume)]))
        message = (
            f"Species {label}: region '{region.name}' has volume {volume.min():.3g} um3 at {worst!r}; it must be positive."
        )
        raise DiscretizationError(message)
    return volume


def tree_transport(
    label: str, layout: StateLayout, tree: TreeBlock, capacity: np.ndarray, conductance: np.ndarray
) -> Transport:
    """Renumber a tree from segment order to storage order; nodes of the block beyond those with a capacity are voxels."""
    block, n = layout[label], len(capacity)
    stored = np.concatenate([block.order[:n] - block.start, np.arange(n, len(tree.parent))])
    parent = np.full(len(tree.parent), -1, dtype=np.int64)
    parent[stored] = np.where(tree.parent < 0, -1, stored[tree.parent])
    renumbered = np.zeros(len(tree.parent))
    renumbered[stored] = conductance
    full = np.zeros(len(tree.parent))
    full[stored[:n]] = capacity
    return Transport(
        label=label,
        start=block.start,
        n=n,
        capacity=_frozen(full),
        parent=_frozen(parent),
        conductance=_frozen(renumbered),
        plan=plan_elimination(parent, stored[tree.order]),
    )


def _initial(
    system: Any, segments: Segments, voxels: Any, regions: dict[str, RegionNodes], layout: StateLayout, v_init: np.ndarray
) -> np.ndarray:
    """Initial values as declared; gates and states without one start at zero."""
    y = np.zeros(layout.size)
    for unknown in system.unknowns:
        block = layout[unknown.label]
        if unknown.kind == "voltage":
            y[block.order] = v_init
        elif unknown.initial is not None and not unknown.points:
            segment = block.owners
            where = (segment, block.n_tree, regions[unknown.region], segments, voxels)
            nodes = Nodes(segments, unknown.region, segment, partial(node_positions, *where))
            y[block.ordered] = evaluate(unknown.initial, nodes, f"Initial value of {unknown.label}")
    return y


def _frozen(array: np.ndarray) -> np.ndarray:
    array = np.ascontiguousarray(array) if any(array.strides) else array  # one number for all stays one
    array.setflags(write=False)
    return array
