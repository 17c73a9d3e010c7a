"""discretize: System -> Discretization. Meshes of regions, the state's layout, fields, transport operators, initial values."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import numpy as np
from cable.hines import plan_elimination
from cable.operator import build_operator
from geometry import Mesh, Morphology, Segments, inside, region_mesh, segment

from rxd.discretize.fields import Sources, field_values, pack
from rxd.discretize.nodes import evaluate, make_nodes
from rxd.discretize.records import Block, Discretization, Group, StateLayout, Transport
from rxd.errors import DiscretizationError

VOLTAGE = "v"


def discretize(system: Any, morphology: Morphology, rule: Any, settings: Any) -> Discretization:
    """Lay a system out on a morphology.

    Parameters
    ----------
    system : rxd.symbolic.system.System
    morphology : geometry.Morphology
    rule : int, dict, callable or rule
        How sections are cut, see `geometry.segment`.
    settings : sequence of (Selection, dict)
        ``Ra`` (ohm cm), ``cm`` (uF/cm2), ``v_init`` (mV) by selection; later ones win.

    Raises
    ------
    DiscretizationError
        For a region without volume, initial values or parameters that are not finite or have a wrong shape.
    """
    segments = segment(morphology, rule)
    membrane = _settings(segments, settings)
    meshes = {region.name: region_mesh(segments, list(region.sections), region.shape) for region in system.regions}
    group_segments, rank = _group_segments(system, segments)
    layout = _layout(system, segments, group_segments, rank)
    groups = _groups(system, segments, layout, group_segments, meshes, membrane["cm"])
    capacity, transports = _transports(system, segments, layout, meshes, membrane)
    return Discretization(
        segments=segments,
        meshes=MappingProxyType(meshes),
        layout=layout,
        groups=groups,
        transports=transports,
        capacity=_frozen(capacity),
        initial=_frozen(_initial(system, segments, layout, membrane["v_init"])),
        point_segment=_frozen(_point_segments(system, segments)),
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
    morphology = segments.morphology
    return np.array([segments.index(morphology.section(p.section)(p.x)) for p in system.points], dtype=np.int64)


def _group_segments(system: Any, segments: Segments) -> tuple[list[np.ndarray], np.ndarray]:
    """Segments of every group, and each segment's rank in the order the state stores them: group by group."""
    points = _point_segments(system, segments)
    found = [points[list(g.points)] if g.points else segments.of(list(g.sections)) for g in system.groups]
    stored = np.concatenate([where for where, group in zip(found, system.groups, strict=True) if not group.points])
    rank = np.empty(segments.n, dtype=np.int64)
    rank[stored] = np.arange(segments.n)
    return found, rank


def _layout(system: Any, segments: Segments, group_segments: list[np.ndarray], rank: np.ndarray) -> StateLayout:
    points = _point_segments(system, segments)
    blocks: dict[str, Block] = {}
    start = 0
    for unknown in system.unknowns:
        if unknown.points:
            here = points[list(unknown.points)]
            order = np.arange(len(here))
        else:
            ordered = segments.of(list(unknown.sections))
            by_rank = np.argsort(rank[ordered], kind="stable")
            here = ordered[by_rank]
            order = np.argsort(by_rank, kind="stable")
        stop = start + len(here)
        blocks[unknown.label] = Block(unknown.label, unknown.unit, start, stop, _frozen(here), _frozen(start + order))
        start = stop
    return StateLayout(MappingProxyType(blocks), start)


def _groups(
    system: Any, segments: Segments, layout: StateLayout, group_segments: list[np.ndarray], meshes: dict[str, Mesh], cm: np.ndarray
) -> tuple[Group, ...]:
    rows = {}
    for name, mesh in meshes.items():
        row = np.full(segments.n, -1, dtype=np.int64)
        row[mesh.owner] = np.arange(mesh.n)
        rows[name] = row
    sources = Sources(segments, meshes, rows, cm, system.values, system.points)
    groups = []
    for local, where in zip(system.groups, group_segments, strict=True):
        values = [field_values(field, local, where, sources) for field in local.fields]
        groups.append(
            Group(
                name=local.name,
                segment=_frozen(where),
                position=_frozen(_positions(local, where, layout)),
                contiguous=not local.points,
                fields=_frozen(pack(values, len(where))),
            )
        )
    return tuple(groups)


def _positions(local: Any, where: np.ndarray, layout: StateLayout) -> np.ndarray:
    """State positions of a group's unknowns, shape (n_unknowns, n)."""
    position = np.empty((len(local.unknowns), len(where)), dtype=np.int64)
    for row, label in enumerate(local.unknowns):
        block = layout[label]
        if local.points and label != VOLTAGE:
            position[row] = np.arange(block.start, block.stop)
            continue
        inverse = np.full(int(block.segment.max()) + 1, -1, dtype=np.int64)
        inverse[block.segment] = np.arange(block.start, block.stop)
        position[row] = inverse[where]
    return position


def _transports(
    system: Any, segments: Segments, layout: StateLayout, meshes: dict[str, Mesh], membrane: dict[str, np.ndarray]
) -> tuple[np.ndarray, tuple[Transport, ...]]:
    """Mass matrix diagonal and the exchange operators: the cable, then every diffusing species."""
    capacity = np.ones(layout.size)
    cable_mesh = region_mesh(segments, None, inside)
    cable = build_operator(segments, membrane["Ra"], membrane["cm"], cable_mesh.tree)
    block = layout[VOLTAGE]
    capacity[block.order] = cable.capacitance
    transports = [_transport(VOLTAGE, layout, cable_mesh, cable.capacitance, cable.conductance)]
    for unknown in system.unknowns:
        if unknown.kind != "species":
            continue
        mesh = meshes[unknown.region]
        if np.any(mesh.volume <= 0):
            worst = segments.location(int(mesh.owner[np.argmin(mesh.volume)]))
            message = f"Species {unknown.label}: region '{unknown.region}' has volume {mesh.volume.min():.3g} um3 at {worst!r}; it must be positive."
            raise DiscretizationError(message)
        capacity[layout[unknown.label].order] = mesh.volume
        if unknown.diffusion > 0:
            transports.append(_transport(unknown.label, layout, mesh, mesh.volume, unknown.diffusion * mesh.tree.kappa))
    return capacity, tuple(transports)


def _transport(label: str, layout: StateLayout, mesh: Mesh, capacity: np.ndarray, conductance: np.ndarray) -> Transport:
    """Renumber a mesh's tree from segment order to storage order."""
    block, tree, n = layout[label], mesh.tree, mesh.n
    stored = np.concatenate([block.order - block.start, np.arange(n, len(tree.parent))])
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


def _initial(system: Any, segments: Segments, layout: StateLayout, v_init: np.ndarray) -> np.ndarray:
    """Initial values as declared; gates and states without one start at zero."""
    y = np.zeros(layout.size)
    for unknown in system.unknowns:
        block = layout[unknown.label]
        if unknown.kind == "voltage":
            y[block.order] = v_init
        elif unknown.initial is not None and not unknown.points:
            nodes = make_nodes(segments, np.sort(block.segment), unknown.region)
            y[block.order] = evaluate(unknown.initial, nodes, f"Initial value of {unknown.label}")
    return y


def _frozen(array: np.ndarray) -> np.ndarray:
    array = np.ascontiguousarray(array)
    array.setflags(write=False)
    return array
