"""From records to the flat arrays that the split stepper's time loop walks through (`rxd.solve.split_loop`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from cable.hines import factor_and_solve
from rxd.codegen import lane_calls
from rxd.codegen.forms import Forms
from rxd.discretize.records import Along, GraphTransport, Group, Transport
from rxd.solve import split_loop as loop
from rxd.solve.aligned import aligned
from rxd.solve.circuits import Circuit
from rxd.solve.graph_exponential import QUICK, STAGES, make_polynomials
from rxd.solve.graph_kernels import MANY, Graph, Graphs
from rxd.solve.graph_plan import plan_graph
from rxd.solve.schemes import Scheme, Stages
from rxd.solve.split_cable import Cable
from rxd.solve.split_loop import Fluxes, Groups, Lanes, Parts
from rxd.solve.sweeps import MANY_IN_LINES, has_lines, pack_sweeps
from rxd.solve.team import gathered
from rxd.solve.tree_lanes import WIDTH, Trees

HELD: Final = 1e30
"""Capacity of what holds its value, over the largest conductance."""


def pack_groups(groups: Sequence[Group], kernels: Sequence[Any]) -> Groups:
    """All groups in one table with their arrays end to end."""
    table = np.zeros((len(groups), loop.COLUMNS), dtype=np.int64)
    ints: list[np.ndarray] = []
    fields: list[np.ndarray] = []
    at_ints = at_fields = at_held = 0
    owners, positions = _owners(groups, kernels), set[int]()
    for row, group, compiled in zip(table, groups, kernels, strict=True):
        program = compiled.program
        changed = np.array(_changed(compiled), dtype=np.int64)
        common = np.array([bool(np.any(owners[group.row(r)] > 1)) for r in changed], dtype=bool)
        touched, shared = changed[~common], changed[common]
        for unknown in shared:
            positions.update(group.row(unknown).tolist())
        starts = np.array([_first(group, unknown) for unknown in range(len(group.rows))], dtype=np.int64)
        listed = _listed_rows(group, compiled)
        away = np.full(len(starts), -1)
        parts = [starts, away, compiled.active, touched]
        parts += [compiled.moved, program.entry, program.diagonal, program.factor, program.lower, program.upper, shared]
        row[loop.NODES], row[loop.UNKNOWNS], row[loop.FIELDS] = group.n, len(group.rows), group.fields.shape[1]
        row[loop.SCATTERED], row[loop.DRIVES] = listed.any(), compiled.drives
        row[loop.ACTIVE], row[loop.TOUCHED], row[loop.MOVED] = len(compiled.active), len(touched), len(compiled.moved)
        row[loop.ENTRIES], row[loop.FACTOR] = len(program.entry), len(program.factor)
        row[loop.LOWER], row[loop.UPPER] = len(program.lower), len(program.upper)
        row[loop.AT_INTS], row[loop.AT_P], row[loop.AT_HELD] = at_ints, at_fields, at_held
        row[loop.GATES], row[loop.CHEMISTRY], row[loop.ELECTRIC], row[loop.RELAX] = compiled.addresses
        row[loop.FREE], row[loop.SHARED] = compiled.free, len(shared)
        away[listed] = at_ints + sum(len(part) for part in parts) + group.n * np.arange(np.count_nonzero(listed))
        parts += [group.row(int(u)) for u in np.flatnonzero(listed)]
        ints += parts
        fields.append(group.fields.ravel())
        at_ints += sum(len(part) for part in parts)
        at_fields += group.fields.size
        at_held += len(compiled.moved) * group.n
    held, everywhere = (np.zeros(at_held), np.zeros(at_held)), np.array(sorted(positions), dtype=np.int64)
    values = aligned(join([*fields, np.zeros(1)], float))
    pending = np.zeros(len(owners) if everywhere.size else 0)
    return Groups(table, join(ints, np.int64), values, *held, everywhere, pending)


def _listed_rows(group: Group, compiled: Any) -> np.ndarray:
    """Which unknowns of a group are not one after the other in the state; a group in which nothing happens needs no list."""
    if not any(compiled.addresses[:3]) and not len(compiled.moved):
        return np.zeros(len(group.rows), dtype=bool)
    numbers = range(len(group.rows))
    steps = (not isinstance(group.rows[u], Along) and bool(np.any(np.diff(group.row(u)) != 1)) for u in numbers)
    return np.fromiter(steps, dtype=bool, count=len(numbers))


def _first(group: Group, unknown: int) -> int:
    """State position of an unknown at the first node of a group."""
    row = group.rows[unknown]
    return row.start if isinstance(row, Along) else (int(group.row(unknown)[0]) if group.n else 0)


def _changed(compiled: Any) -> list[int]:
    """Unknowns that gates or chemistry change, in order; NumPy's `unique` would load its masked arrays first."""
    return sorted({*compiled.active.tolist(), *compiled.gates.tolist()})


def _owners(groups: Sequence[Group], kernels: Sequence[Any]) -> np.ndarray:
    """How many nodes change each position of the state by gates or chemistry."""
    rows = [group.row(unknown) for group, compiled in zip(groups, kernels, strict=True) for unknown in _changed(compiled)]
    counts = np.zeros(1 + max((int(row.max()) for row in rows if row.size), default=0), dtype=np.int32)
    for row in rows:
        np.add.at(counts, row, 1)
    return counts


def bundles(species: Sequence[Transport]) -> list[list[int]]:
    """Species that diffuse on the same tree, up to `WIDTH` at a time, by their numbers; the late ones last."""
    same: dict[tuple[bool, int, bytes, bytes], list[int]] = {}
    for number, transport in sorted(enumerate(species), key=lambda pair: pair[1].late):
        plan = transport.plan
        same.setdefault((transport.late, transport.n, plan.node.tobytes(), plan.parent.tobytes()), []).append(number)
    return [numbers[i : i + WIDTH] for numbers in same.values() for i in range(0, len(numbers), WIDTH)]


def pack_trees(species: Sequence[Transport], initial: np.ndarray, moving: np.ndarray) -> Trees:
    """Species on segments, bundle by bundle; branch points in balance."""
    table, starts, moved, nodes, parents, at = [], [], [], [], [], 0
    rows: dict[str, list[np.ndarray]] = {"capacity": [], "g": [], "u": []}
    early = 0
    for numbers in bundles(species):
        first = species[numbers[0]]
        early += not first.late
        total = len(first.parent)
        table.append((len(numbers), first.n, total, at, at))
        at += total
        nodes.append(first.plan.node)
        parents.append(first.plan.parent)
        lanes = [species[number] for number in numbers]
        # An idle lane repeats the places of the first one, with no exchange and nothing on the right-hand side.
        starts += [t.start for t in lanes] + [first.start] * (WIDTH - len(lanes))
        moved += [int(_any_between(moving, t)) for t in lanes] + [0] * (WIDTH - len(lanes))
        own = [initial[t.start : t.start + t.n] for t in lanes]
        values = [np.concatenate([v, junction_values(t, v)]) for t, v in zip(lanes, own, strict=True)]
        rows["capacity"].append(in_lanes([t.capacity for t in lanes], 1.0))
        rows["g"].append(in_lanes([t.plan.coupling(t.conductance) for t in lanes], 0.0))
        rows["u"].append(in_lanes(values, 0.0))
    largest = max((row[2] for row in table), default=0) * WIDTH
    packed = {name: aligned(join(parts, float)) for name, parts in rows.items()}
    return Trees(
        table=np.array(table, dtype=np.int64).reshape(len(table), 5),
        starts=np.array(starts, dtype=np.int64),
        moved=np.array(moved, dtype=np.int64),
        node=join(nodes, np.uint32),
        parent=join(parents, np.uint32),
        inverse=aligned(np.zeros(at * WIDTH)),
        factor=aligned(np.zeros(at * WIDTH)),
        carried=aligned(np.zeros(at * WIDTH)),
        r=aligned(np.zeros(largest)),
        b=aligned(np.zeros(largest)),
        early=early,
        **packed,
    )


def in_lanes(values: Sequence[np.ndarray], idle: float) -> np.ndarray:
    """Arrays as lanes of rows, flat; what idle lanes hold."""
    lanes = np.full((len(values[0]), WIDTH), idle)
    for lane, own in enumerate(values):
        lanes[:, lane] = own
    return lanes.ravel()


def pack_graphs(species: Sequence[GraphTransport], moving: np.ndarray) -> Graphs:
    """Species in voxels; those that differ in how fast they diffuse alone share a graph."""
    swept = [transport for transport in species if has_lines(transport)]
    first: list[GraphTransport] = []
    table, scale = [], []
    for transport in (other for other in species if not any(other is one for one in swept)):
        ratios = [_times_as_fast(transport, other) for other in first]
        known = next((g for g, ratio in enumerate(ratios) if ratio is not None), len(first))
        if known == len(first):
            first.append(transport)
        scale.append(ratios[known] if known < len(ratios) else 1.0)
        table.append((transport.start, transport.n, int(_any_between(moving, transport)), known))
    work = np.zeros(3 * max((n for _, n, *_ in table), default=0))
    made = [plan_graph(transport, work) for transport in first]
    graphs = [graph for graph, _ in made]
    parts = ("blocks", "rows", "rest", "held", "more", "sliver", "reach", "carrier", "seams", "arrived")
    sizes = [[len(getattr(graph, part)) for part in parts] for graph in graphs]
    counts = np.array(sizes, dtype=np.int64).reshape(-1, len(parts))
    offsets = np.cumsum(counts, axis=0) - counts
    packed = Graphs(
        species=np.array(table, dtype=np.int64).reshape(len(table), 4),
        scale=np.array(scale, dtype=float),
        radius=np.array([radius for _, radius in made], dtype=float),
        table=np.stack([offsets, counts], axis=2).reshape(len(graphs), 2 * len(parts)),
        graph=_end_to_end(graphs),
        work=work,
        flow=np.zeros(max((len(graph.rest) for graph in graphs), default=0)),
        counts=np.zeros(1, dtype=np.int64),
        reach=np.zeros(0),
        stages=np.array(STAGES, dtype=np.int64),
        polynomials=np.zeros((0, 0)),
        many=any(transport.n >= MANY for transport in first) or any(transport.n >= MANY_IN_LINES for transport in swept),
        sweeps=pack_sweeps(swept, [_any_between(moving, transport) for transport in swept], _times_as_fast),
    )
    return with_polynomials(packed, QUICK)


def with_polynomials(graphs: Graphs, reach: tuple[float, float]) -> Graphs:
    """The same with polynomials of a reach, see `rxd.solve.graph_exponential`."""
    if not len(graphs.species):
        return graphs
    z, polynomials = make_polynomials(reach)
    return graphs._replace(reach=z, polynomials=polynomials)


def _times_as_fast(transport: GraphTransport, other: GraphTransport) -> float | None:
    """How many times as fast as another a species exchanges at every edge, or None if there is no such number."""
    names = ("capacity", "cut", "held", "held_value", "lattice")
    pairs = [(getattr(transport, name), getattr(other, name)) for name in names]
    if not transport.diffusion or not other.diffusion or not all(a is b or np.array_equal(a, b) for a, b in pairs):
        return None
    if transport.rows is not other.rows:
        if transport.changing or other.changing:
            return None
        every = np.arange(transport.n, dtype=np.int32)
        if not all(np.array_equal(a, b) for a, b in zip(transport.rows.of(every), other.rows.of(every), strict=True)):
            return None
    ratio = transport.diffusion / other.diffusion
    alike = np.allclose(transport.held_conductance, ratio * other.held_conductance, rtol=1e-14, atol=0)
    return ratio if alike else None


def _end_to_end(graphs: Sequence[Graph]) -> Graph:
    """The arrays of all graphs, one after the other."""
    kinds = dict.fromkeys(("blocks", "around", "seams", "arrived", "rows"), np.int64) | dict.fromkeys(
        ("rest", "near", "held", "more", "more_node", "sliver", "reach", "carrier"), np.uint32
    )
    widths = {"blocks": (0, 6), "around": (0, 6), "seams": (0, 3), "rows": (0, 6), "uniform": (0, 3)}
    joined = {}
    for name in Graph._fields:
        arrays = [getattr(graph, name) for graph in graphs]
        arrays = [array[None] for array in arrays] if name == "uniform" else arrays
        empty = np.zeros(widths.get(name, (0,)), dtype=kinds.get(name, float))
        together = arrays[0] if len(arrays) == 1 else np.concatenate([empty, *arrays])
        joined[name] = np.ascontiguousarray(together, dtype=empty.dtype)
    return Graph(**joined)


def compile_parts(
    y: np.ndarray,
    lanes: Lanes,
    fluxes: Fluxes,
    trees: Trees,
    graphs: Graphs,
    groups: Groups,
    scheme: Scheme,
    cable: Cable,
    circuit: Circuit,
    forms: Forms,
) -> Parts:
    """Compile (or take from the cache) the parts of a step that a model needs; ``y`` is any vector like the state."""

    def part_address(part: Any, *arguments: Any) -> int:
        return int(forms.find(part, arguments, lambda: lane_calls.part_address(part, *arguments)))

    table, team = groups.table, gathered(1)
    reacts, conducts = np.any(table[:, [loop.GATES, loop.CHEMISTRY]]), np.any(table[:, loop.ELECTRIC])
    spreads = trees.early or fluxes.still.size
    local = (y, 0.0, 0.0, lanes, groups, 0, scheme.halved, scheme.local)
    address = part_address(loop.local, *local, team, loop.EVERY, 0) if reacts else 0
    return Parts(
        local=address,
        free=address if np.any(table[table[:, loop.FREE] == 1][:, [loop.GATES, loop.CHEMISTRY]]) else 0,
        currents=part_address(loop.currents, y, y, 0.0, 0.0, 0, 0, fluxes, lanes, groups) if conducts else 0,
        sources=part_address(loop.sources, 0, fluxes, groups) if fluxes.moving.size else 0,
        transport=part_address(loop.transport, y, 0.0, y, fluxes, trees, scheme.local) if spreads else 0,
        voxels=_voxels_part(part_address, y, graphs),
        late=part_address(loop.late, y, 0.0, y, y, trees, scheme.local) if len(trees.table) > trees.early else 0,
        circuit=_circuit_part(part_address, y, fluxes, cable, circuit, scheme.cable) if circuit.x.size else 0,
    )


def _circuit_part(
    part_address: Callable[..., int], y: np.ndarray, fluxes: Fluxes, cable: Cable, circuit: Circuit, stages: Stages
) -> int:
    """Address of what moves v where a circuit goes with it; nothing of it is loaded for other models."""
    from rxd.solve.circuit_step import circuit_step

    clamps = (np.zeros(0, dtype=np.int64), y, y)
    value, slope, average = fluxes.value, fluxes.slope, fluxes.average
    return part_address(circuit_step, y, 0, 0.0, value, slope, *clamps, cable, average, True, circuit, stages)


def _voxels_part(part_address: Callable[..., int], y: np.ndarray, graphs: Graphs) -> int:
    """Address of what moves species in voxels; 0 if there are none."""
    swept, others = len(graphs.sweeps.species) > 0, len(graphs.species) > 0
    if not swept and not others:
        return 0
    if not others:
        part = loop.swept
    else:
        part = loop.swept_and_voxels if swept else loop.voxels
    return part_address(part, y, 0.0, y, y, graphs, gathered(1), 0)


def join(arrays: Sequence[np.ndarray], dtype: Any) -> np.ndarray:
    """Arrays end to end, as one contiguous array of a type."""
    return np.ascontiguousarray(np.concatenate([np.zeros(0, dtype=dtype), *arrays]), dtype=dtype)


def _any_between(moving: np.ndarray, transport: Transport | GraphTransport) -> bool:
    """Whether currents change this species."""
    return bool(np.any((moving >= transport.start) & (moving < transport.start + transport.n)))


def junction_values(transport: Transport, values: np.ndarray) -> np.ndarray:
    """Values at branch points at which nothing accumulates: weighted means of the neighbours, shape (n_junctions,)."""
    n, size = transport.n, len(transport.parent)
    if not transport.branches:
        return np.zeros(0)
    # The tree's own elimination, with segments that hold their values: so large a capacity leaves nothing else in round-off.
    plan, diagonal, x = transport.plan, np.zeros(size), np.zeros(size)
    diagonal[:n] = HELD * transport.conductance.max()
    x[:n] = diagonal[:n] * values
    factor_and_solve(plan.node, plan.parent, plan.coupling(transport.conductance), diagonal, x)
    return x[n:].copy()
