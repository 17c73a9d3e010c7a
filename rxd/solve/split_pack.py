"""From records to the flat arrays that the split stepper's time loop walks through (`rxd.solve.split_loop`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from cable.hines import factor_and_solve
from rxd.codegen.lane_calls import part_address
from rxd.discretize.records import GraphTransport, Group, Transport
from rxd.solve import split_loop as loop
from rxd.solve.graph_kernels import make_graph
from rxd.solve.schemes import Scheme
from rxd.solve.split_loop import Cable, Fluxes, Graphs, Groups, Lanes, Parts, Trees

HELD: Final = 1e30
"""Capacity of what holds its value, over the largest conductance."""


def pack_groups(groups: Sequence[Group], kernels: Sequence[Any]) -> Groups:
    """All groups in one table with their arrays end to end."""
    table = np.zeros((len(groups), loop.COLUMNS), dtype=np.int64)
    ints: list[np.ndarray] = []
    fields: list[np.ndarray] = []
    at_ints = at_fields = at_held = 0
    for row, group, compiled in zip(table, groups, kernels, strict=True):
        program = compiled.program
        touched = np.unique(np.concatenate([compiled.active, compiled.gates]))
        parts = [
            group.position[:, 0] if group.n else np.zeros(len(group.position)),
            group.position.ravel(),
            compiled.active,
            touched,
        ]
        parts += [compiled.moved, program.entry, program.diagonal, program.factor, program.lower, program.upper]
        row[loop.NODES], row[loop.UNKNOWNS], row[loop.FIELDS] = group.n, len(group.position), group.fields.shape[1]
        row[loop.SCATTERED], row[loop.DRIVES] = not group.contiguous, compiled.drives
        row[loop.ACTIVE], row[loop.TOUCHED], row[loop.MOVED] = len(compiled.active), len(touched), len(compiled.moved)
        row[loop.ENTRIES], row[loop.FACTOR] = len(program.entry), len(program.factor)
        row[loop.LOWER], row[loop.UPPER] = len(program.lower), len(program.upper)
        row[loop.AT_INTS], row[loop.AT_P], row[loop.AT_HELD] = at_ints, at_fields, at_held
        row[loop.GATES], row[loop.CHEMISTRY], row[loop.ELECTRIC] = compiled.addresses
        ints += parts
        fields.append(group.fields.ravel())
        at_ints += sum(len(part) for part in parts)
        at_fields += group.fields.size
        at_held += len(compiled.moved) * group.n
    return Groups(table, join(ints, np.int64), join([*fields, np.zeros(1)], float), np.zeros(at_held), np.zeros(at_held))


def pack_cable(cable: Transport, initial: np.ndarray) -> Cable:
    """The cable's arrays with its branch points in balance."""
    u = np.zeros(len(cable.parent))
    u[: cable.n] = initial[cable.start : cable.start + cable.n]
    u[cable.n :] = junction_values(cable, u[: cable.n])
    plan, spare = cable.plan, (np.zeros(len(cable.parent)) for _ in range(3))
    coupling = plan.coupling(cable.conductance)
    return Cable(cable.capacity, cable.parent, cable.conductance, plan.node, plan.parent, coupling, u, *spare)


def pack_trees(species: Sequence[Transport], initial: np.ndarray, moving: np.ndarray) -> Trees:
    """Species on segments, end to end."""
    table, at = [], 0
    for transport in species:
        table.append((transport.start, transport.n, len(transport.parent), at, int(_any_between(moving, transport))))
        at += len(transport.parent)
    values = []
    for transport in species:
        own = initial[transport.start : transport.start + transport.n]
        values.append(np.concatenate([own, junction_values(transport, own)]))
    largest = max((len(t.parent) for t in species), default=0)
    coupling = join([t.plan.coupling(t.conductance) for t in species], float)
    return Trees(
        table=np.array(table, dtype=np.int64).reshape(len(table), 5),
        node=join([t.plan.node for t in species], np.uint32),
        up=join([t.plan.parent for t in species], np.uint32),
        coupling=coupling,
        diagonal=np.zeros_like(coupling),
        parent=join([t.parent for t in species], np.int64),
        conductance=join([t.conductance for t in species], float),
        capacity=join([t.capacity for t in species], float),
        u=join(values, float),
        r=np.zeros(largest),
        b=np.zeros(largest),
    )


def pack_graphs(species: Sequence[GraphTransport], moving: np.ndarray) -> Graphs:
    """Species in voxels, end to end."""
    made = [make_graph(transport) for transport in species]
    graphs, table = [graph for graph, _ in made], []
    at = dict.fromkeys(("rows", "rest", "held", "inverse", "indptr", "indices"), 0)
    for transport, graph in zip(species, graphs, strict=True):
        row = [transport.start, transport.n, int(_any_between(moving, transport))]
        for name in ("rows", "rest", "held"):
            row += [at[name], len(getattr(graph, name))]
        row += [at["inverse"], at["indptr"], at["indices"], len(graph.indices)]
        table.append(row)
        for name in at:
            at[name] += len(getattr(graph, name))
    largest = max((t.n for t in species), default=0)
    return Graphs(
        table=np.array(table, dtype=np.int64).reshape(len(table), 13),
        stiffness=np.array([stiffness for _, stiffness in made], dtype=float),
        uniform=np.array([graph.uniform for graph in graphs], dtype=float).reshape(len(graphs), 3),
        rows=np.concatenate([np.zeros((0, 6), dtype=np.int64), *(graph.rows for graph in graphs)]),
        rest=join([graph.rest for graph in graphs], np.int64),
        inverse=join([graph.inverse for graph in graphs], float),
        indptr=join([graph.indptr for graph in graphs], np.int64),
        indices=join([graph.indices for graph in graphs], np.int32),
        conductance=join([graph.conductance for graph in graphs], float),
        work=np.zeros((4, largest)),
        held=join([graph.held for graph in graphs], np.int64),
        held_rate=join([graph.held_rate for graph in graphs], float),
        held_value=join([graph.held_value for graph in graphs], float),
        counts=np.zeros(1, dtype=np.int64),
    )


def compile_parts(
    y: np.ndarray, lanes: Lanes, fluxes: Fluxes, trees: Trees, graphs: Graphs, groups: Groups, scheme: Scheme
) -> Parts:
    """Compile (or take from the cache) the parts of a step that a model needs; ``y`` is any vector like the state."""
    table = groups.table
    reacts, conducts = np.any(table[:, [loop.GATES, loop.CHEMISTRY]]), np.any(table[:, loop.ELECTRIC])
    spreads = len(trees.table) or fluxes.still.size
    return Parts(
        local=part_address(loop.local, y, 0.0, 0.0, lanes, groups, scheme.halved, scheme.local) if reacts else 0,
        currents=part_address(loop.currents, y, y, 0.0, 0.0, 0, 0, fluxes, lanes, groups) if conducts else 0,
        sources=part_address(loop.sources, 0, fluxes, groups) if fluxes.moving.size else 0,
        transport=part_address(loop.transport, y, 0.0, y, fluxes, trees, scheme.local) if spreads else 0,
        voxels=part_address(loop.voxels, y, 0.0, y, y, graphs) if len(graphs.table) else 0,
    )


def join(arrays: Sequence[np.ndarray], dtype: Any) -> np.ndarray:
    """Arrays end to end, as one contiguous array of a type."""
    return np.ascontiguousarray(np.concatenate([np.zeros(0, dtype=dtype), *arrays]), dtype=dtype)


def _any_between(moving: np.ndarray, transport: Transport | GraphTransport) -> bool:
    """Whether currents change this species."""
    return bool(np.any((moving >= transport.start) & (moving < transport.start + transport.n)))


def junction_values(transport: Transport, values: np.ndarray) -> np.ndarray:
    """Values at branch points at which nothing accumulates: weighted means of the neighbours, shape (n_junctions,)."""
    n, size = transport.n, len(transport.parent)
    if size == n:
        return np.zeros(0)
    # The tree's own elimination, with segments that hold their values: so large a capacity leaves nothing else in round-off.
    plan, diagonal, x = transport.plan, np.zeros(size), np.zeros(size)
    diagonal[:n] = HELD * transport.conductance.max()
    x[:n] = diagonal[:n] * values
    factor_and_solve(plan.node, plan.parent, plan.coupling(transport.conductance), diagonal, x)
    return x[n:].copy()
