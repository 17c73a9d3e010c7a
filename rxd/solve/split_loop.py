"""The split stepper's time loop: compiled once for all models, without Python between steps.

Groups of nodes are rows of a table (`COLUMNS`) that points into shared arrays, and their equations are kernels called by
address (`rxd.codegen.lane_calls`); a model compiles nothing but its own expressions. The parts of a step are called by address
as well (`Parts`): numba would compile the code for voxels for a model that has none, and optimise every part once more inside
the loop, which took as long as all the rest.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from rxd.codegen.lane_calls import call_kernel, call_part
from rxd.discretize.records import LANES
from rxd.solve.between_steps import BLOCKED, Watch, exchange_seen, follow_courses, last_step, let_happen, look, note_spikes
from rxd.solve.cable_sweeps import U
from rxd.solve.circuits import Circuit
from rxd.solve.denormals import take_as_before, take_for_zero
from rxd.solve.graph_exponential import diffuse
from rxd.solve.graph_kernels import MANY, Graphs
from rxd.solve.kept import Kept, kept
from rxd.solve.lane_lu import add_drift, load, store
from rxd.solve.lane_operations import free_kernel, inner_kernel, part_kernel
from rxd.solve.lane_places import add_changes, add_drift_placed, add_placed, load_placed, store_placed
from rxd.solve.schemes import Scheme, Stages
from rxd.solve.split_cable import Cable, cable_step, load_cable
from rxd.solve.split_kernels import (
    collect_sources,
    crossings,
    keep_currents,
    put_currents,
    relax,
)
from rxd.solve.sweep_kernels import sweep
from rxd.solve.team import (
    BEGIN,
    JOB,
    KIND,
    NUMBER,
    PHASE,
    PIECES,
    RUN,
    Team,
    claim,
    close,
    complete,
    ended,
    fence,
    loaded,
    post,
    rest,
    turn,
)
from rxd.solve.tree_lanes import Trees, diffuse_bundle

# Columns of the table of groups. Sizes first, then where the group's part begins in the shared arrays, then kernel addresses.
NODES: Final = 0
UNKNOWNS: Final = 1
FIELDS: Final = 2
SCATTERED: Final = 3
ACTIVE: Final = 4
TOUCHED: Final = 5
MOVED: Final = 6
ENTRIES: Final = 7
FACTOR: Final = 8
LOWER: Final = 9
UPPER: Final = 10
DRIVES: Final = 11
AT_P: Final = 12
AT_INTS: Final = 13
AT_HELD: Final = 14
GATES: Final = 15
CHEMISTRY: Final = 16
ELECTRIC: Final = 17
RELAX: Final = 18
FREE: Final = 19
SHARED: Final = 20
COLUMNS: Final = 21

ALL: Final = 2
"""Groups to go through in `local`: those whose column FREE is 0 or 1, or all."""
EVERY: Final = -1
"""Not one group only."""
LOCAL: Final = 0
VOXELS: Final = 1
"""Jobs of a team."""
NODES_A_PIECE: Final = 1024
"""Nodes of a group that a thread takes at a time, or more."""


class Groups(NamedTuple):
    """All groups: ``table (n_groups, COLUMNS)``, their integers and fields end to end, currents held from step to source.

    ``shared``: positions that chemistry of several nodes changes, and in ``pending``, shaped like the state, what they change.
    """

    table: np.ndarray
    ints: np.ndarray
    fields: np.ndarray
    held_value: np.ndarray
    held_slope: np.ndarray
    shared: np.ndarray
    pending: np.ndarray


class Lanes(NamedTuple):
    """Work rows of one chunk: unknowns, rates, Jacobian, matrix, right-hand side, currents."""

    X: np.ndarray
    F: np.ndarray
    J: np.ndarray
    A: np.ndarray
    b: np.ndarray
    E: np.ndarray
    copies: int
    """Copies of the rows end to end, one for each thread."""


class Fluxes(NamedTuple):
    """Currents (``value``, ``slope``, ``average``: like v) and what they carry (``source``: like the state, or empty).

    ``moving``, ``still`` and ``apart``: positions of species that currents change, those of them on segments that do not
    diffuse, and such in voxels or a box.
    """

    value: np.ndarray
    slope: np.ndarray
    source: np.ndarray
    average: np.ndarray
    moving: np.ndarray
    still: np.ndarray
    apart: np.ndarray


class Parts(NamedTuple):
    """Addresses of the compiled parts of a step, 0 for what a model does not need; ``free``: `local` if it has voxels."""

    local: int
    free: int
    currents: int
    sources: int
    transport: int
    voxels: int
    late: int
    circuit: int


class Step(NamedTuple):
    """All that stays the same from step to step: where v lies, the detectors, and the arrays and addresses of the parts."""

    v_start: int
    v_stop: int
    position: np.ndarray
    threshold: np.ndarray
    lanes: Lanes
    fluxes: Fluxes
    cable: Cable
    circuit: Circuit
    trees: Trees
    graphs: Graphs
    groups: Groups
    scheme: Scheme
    parts: Parts
    team: Team
    passes: np.ndarray
    """Places in the fields of the groups of what is 1 in one of the repeats alone, and in which, shape (n, 2)."""


@inner_kernel
def lanes_of(lanes: Lanes, copy: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """One copy of the rows of unknowns, rates, Jacobian, matrix and right-hand side."""
    x, f, j = lanes.X.size // lanes.copies, lanes.F.size // lanes.copies, lanes.J.size // lanes.copies
    end = copy + 1
    return (
        lanes.X[copy * x : end * x],
        lanes.F[copy * f : end * f],
        lanes.J[copy * j : end * j],
        lanes.A[copy * j : end * j],
        lanes.b[copy * f : end * f],
    )


@inner_kernel
def local_nodes(
    g: int,
    begin: int,
    end: int,
    copy: int,
    y: np.ndarray,
    t: float,
    dt: float,
    lanes: Lanes,
    groups: Groups,
    halved: bool,
    stages: Stages,
) -> None:
    """Gates and chemistry of the nodes of a group from ``begin`` to ``end`` over dt around t, in one of the copies of lanes."""
    table, ints, fields = groups.table, groups.ints, groups.fields
    X, F, J, A, b = lanes_of(lanes, copy)
    row = table[g]
    unknowns, gates, chemistry = row[UNKNOWNS], row[GATES], row[CHEMISTRY]
    at = row[AT_INTS]
    starts, away = ints[at : at + unknowns], ints[at + unknowns : at + 2 * unknowns]
    at += 2 * unknowns
    active = ints[at : at + row[ACTIVE]]
    at += row[ACTIVE]
    touched = ints[at : at + row[TOUCHED]]
    at += row[TOUCHED] + row[MOVED]
    entry = ints[at : at + row[ENTRIES]]
    at += row[ENTRIES]
    diagonal = ints[at : at + row[ACTIVE]]
    at += row[ACTIVE]
    factors = ints[at : at + row[FACTOR]]
    at += row[FACTOR]
    lower = ints[at : at + row[LOWER]]
    at += row[LOWER]
    upper = ints[at : at + row[UPPER]]
    at += row[UPPER]
    shared = ints[at : at + row[SHARED]]
    around = halved and row[DRIVES] != 0
    gate_dt = 0.5 * dt if around else dt
    for first in range(begin, end, LANES):
        width = min(LANES, end - first)
        at_p = row[AT_P] + first * row[FIELDS]
        if row[SCATTERED]:
            load_placed(y, starts, away, ints, first, width, X)
        else:
            load(y, starts, first, width, X)
        if gates != 0:
            call_kernel(gates, X, fields, at_p, t, gate_dt, F, J)  # type: ignore[call-arg]
        if chemistry != 0:
            call_kernel(chemistry, X, fields, at_p, t, dt, F, J)  # type: ignore[call-arg]
            if row[RELAX] != 0:
                call_kernel(row[RELAX], X, fields, at_p, stages.gamma * dt, stages.carried, F, J)
            else:
                relax(X, F, J, A, b, active, entry, diagonal, factors, lower, upper, dt, stages)
            if around and gates != 0:
                call_kernel(gates, X, fields, at_p, t, gate_dt, F, J)
        add_changes(y, starts, away, ints, shared, first, width, X, groups.pending)
        if row[SCATTERED]:
            store_placed(y, starts, away, ints, touched, first, width, X)
        else:
            store(y, starts, touched, first, width, X)


@part_kernel
def local(
    y: np.ndarray,
    t: float,
    dt: float,
    lanes: Lanes,
    groups: Groups,
    which: int,
    halved: bool,
    stages: Stages,
    team: Team,
    only: int,
    phase: int,
) -> None:
    """Gates and chemistry of groups over dt around t; ``halved``: gates that drive chemistry go in halves around it.

    A group of many nodes is a job for all members of a team; ``only`` and ``phase``: the group and the phase in which others
    than the first take part. Where nodes change something they share, one thread adds up, at the end of all groups: what
    segments give to voxels or a box comes after the reactions there, as in NEURON.
    """
    table, onward = groups.table, False
    for g in range(table.shape[0]):
        nodes = table[g, NODES]
        onward = onward or (which == 0 and table[g, FREE] == 1 and (table[g, GATES] != 0 or table[g, CHEMISTRY] != 0))
        if (table[g, GATES] == 0 and table[g, CHEMISTRY] == 0) or which == 1 - table[g, FREE] or (only >= 0 and only != g):
            continue
        pieces = min(nodes // NODES_A_PIECE, PIECES) if team.members > 1 and nodes >= MANY and table[g, SHARED] == 0 else 1
        share = LANES * (-(-nodes // (LANES * pieces)))
        if pieces > 1 and team.member == 0:
            post(team, LOCAL, g, t, dt)
            phase = team.board[PHASE] + 1
        for i in range(pieces):
            piece = turn(team, i, pieces)
            if pieces == 1 or claim(team, piece, phase):
                begin, end = min(piece * share, nodes), min((piece + 1) * share, nodes)
                local_nodes(g, begin, end, team.member, y, t, dt, lanes, groups, halved, stages)
                if pieces > 1:
                    complete(team, piece, phase)
        if pieces > 1 and team.member == 0:
            ended(team, phase, pieces)
            close(team)
    for i in range(groups.shared.size if only < 0 and not onward else 0):
        k = groups.shared[i]
        y[k] += groups.pending[k]
        groups.pending[k] = 0.0


@part_kernel
def currents(
    y: np.ndarray,
    drift: np.ndarray,
    half_dt: float,
    t: float,
    v_start: int,
    v_stop: int,
    fluxes: Fluxes,
    lanes: Lanes,
    groups: Groups,
) -> None:
    """Membrane currents and their effects, with the species they move at the predicted midpoint."""
    X, J, E = lanes.X, lanes.J, lanes.E
    table, ints, fields, held_value, held_slope, _, _ = groups
    value, slope = fluxes.value, fluxes.slope
    for row in (value[v_start:v_stop], slope[v_start:v_stop]):
        for k in range(row.size):
            row[k] = 0.0
    for g in range(table.shape[0]):
        row = table[g]
        nodes, unknowns, moves = row[NODES], row[UNKNOWNS], row[MOVED]
        if row[ELECTRIC] == 0:
            continue
        at = row[AT_INTS]
        starts, away = ints[at : at + unknowns], ints[at + unknowns : at + 2 * unknowns]
        at += 2 * unknowns + row[ACTIVE] + row[TOUCHED]
        moved = ints[at : at + moves]
        held = row[AT_HELD]
        kept_value, kept_slope = held_value[held : held + moves * nodes], held_slope[held : held + moves * nodes]
        for first in range(0, nodes, LANES):
            width = min(LANES, nodes - first)
            at_p = row[AT_P] + first * row[FIELDS]
            if row[SCATTERED]:
                load_placed(y, starts, away, ints, first, width, X)
                add_drift_placed(drift, half_dt, starts, away, ints, moved[1:], first, width, X)
                call_kernel(row[ELECTRIC], X, fields, at_p, t, 0.0, E, J)  # type: ignore[call-arg]
                keep_currents(E, moves, nodes, first, width, kept_value, kept_slope)
                add_placed(E, 0, starts[0], away[0], ints, first, width, value)
                add_placed(E, LANES, starts[0], away[0], ints, first, width, slope)
            else:
                load(y, starts, first, width, X)
                add_drift(drift, half_dt, starts, moved[1:], first, width, X)
                call_kernel(row[ELECTRIC], X, fields, at_p, t, 0.0, E, J)  # type: ignore[call-arg]
                put_currents(E, starts, moves, nodes, first, width, kept_value, kept_slope, value, slope)


@part_kernel
def sources(v_start: int, fluxes: Fluxes, groups: Groups) -> None:
    """Time-averaged fluxes of the currents into species."""
    table, ints, _, held_value, held_slope, _, _ = groups
    source, moving = fluxes.source, fluxes.moving
    for i in range(moving.size):
        source[moving[i]] = 0.0
    for g in range(table.shape[0]):
        row = table[g]
        nodes, unknowns, moves = row[NODES], row[UNKNOWNS], row[MOVED]
        if moves < 2:
            continue
        at = row[AT_INTS]
        starts, away = ints[at : at + unknowns], ints[at + unknowns : at + 2 * unknowns]
        at += 2 * unknowns + row[ACTIVE] + row[TOUCHED]
        moved = ints[at : at + moves]
        held = row[AT_HELD]
        kept_value, kept_slope = held_value[held : held + moves * nodes], held_slope[held : held + moves * nodes]
        collect_sources(kept_value, kept_slope, fluxes.average, starts, away, ints, moved, nodes, v_start, source)


@inner_kernel
def take_up(y: np.ndarray, dt: float, drift: np.ndarray, source: np.ndarray, still: np.ndarray) -> None:
    """What species that do not diffuse take up."""
    for i in range(still.size):
        y[still[i]] += dt * source[still[i]]
        drift[still[i]] = source[still[i]]


@part_kernel
def transport(y: np.ndarray, dt: float, drift: np.ndarray, fluxes: Fluxes, trees: Trees, stages: Stages) -> None:
    """Diffusion of species on segments with the currents' fluxes; species that do not diffuse just take the flux."""
    source = fluxes.source
    take_up(y, dt, drift, source, fluxes.still)
    for s in range(trees.early):
        diffuse_bundle(s, y, dt, source, drift, trees, stages)


@part_kernel
def late(y: np.ndarray, dt: float, drift: np.ndarray, source: np.ndarray, trees: Trees, stages: Stages) -> None:
    """Diffusion of what diffuses after everything else."""
    for s in range(trees.early, trees.table.shape[0]):
        diffuse_bundle(s, y, dt, source, drift, trees, stages)


@part_kernel
def voxels(y: np.ndarray, dt: float, drift: np.ndarray, source: np.ndarray, graphs: Graphs, team: Team, phase: int) -> None:
    """Diffusion of species in voxels."""
    diffuse(y, dt, source, drift, graphs, team, phase)


@part_kernel
def swept(y: np.ndarray, dt: float, drift: np.ndarray, source: np.ndarray, graphs: Graphs, team: Team, phase: int) -> None:
    """The same where all species are stepped along the lines of a lattice."""
    sweep(y, dt, source, drift, graphs.sweeps, team, phase)


@part_kernel
def swept_and_voxels(
    y: np.ndarray, dt: float, drift: np.ndarray, source: np.ndarray, graphs: Graphs, team: Team, phase: int
) -> None:
    """The same where some of them are."""
    phase = sweep(y, dt, source, drift, graphs.sweeps, team, phase)
    diffuse(y, dt, source, drift, graphs, team, phase)


@inner_kernel
def exchange_last(
    y: np.ndarray,
    t: float,
    dt: float,
    drift: np.ndarray,
    fluxes: Fluxes,
    graphs: Graphs,
    trees: Trees,
    stages: Stages,
    parts: Parts,
    team: Team,
) -> None:
    """Currents into what stays in voxels, diffusion there, with others of a team if it is worth it, and what diffuses last."""
    source = fluxes.source
    take_up(y, dt, drift, source, fluxes.apart)
    if parts.voxels != 0:
        together = graphs.many and team.members > 1
        if together:
            post(team, VOXELS, 0, t, dt)
        call_part(parts.voxels, (y, dt, drift, source, graphs, team, team.board[PHASE]))
        if together:
            close(team)
    if parts.late != 0:
        call_part(parts.late, (y, dt, drift, source, trees, stages))


@inner_kernel
def membrane_step(
    y: np.ndarray,
    v_start: int,
    n: int,
    dt: float,
    often: bool,
    fluxes: Fluxes,
    clamps: tuple[np.ndarray, np.ndarray, np.ndarray],
    cable: Cable,
    circuit: Circuit,
    parts: Parts,
    stages: Stages,
) -> None:
    """v a step further, alone or together with a circuit."""
    node, conductance, drive = clamps
    value, slope, average, averaged = fluxes.value, fluxes.slope, fluxes.average, parts.sources != 0
    if parts.circuit != 0:
        call_part(
            parts.circuit,
            (y, v_start, dt, value, slope, node, conductance, drive, cable, average, averaged, circuit, stages),
        )
    else:
        cable_step(y, v_start, n, dt, often, value, slope, node, conductance, drive, cable, average, averaged, stages)


@free_kernel
def help_out(model: Kept, y: np.ndarray, drift: np.ndarray, member: int, run: int) -> None:
    """What a member of a team other than the first does while `advance` runs: take part in its jobs."""
    constants: Step = kept(model)  # type: ignore[call-arg]
    lanes, fluxes, graphs, groups = constants.lanes, constants.fluxes, constants.graphs, constants.groups
    scheme, parts, first = constants.scheme, constants.parts, constants.team
    team = Team(first.board, first.times, first.claimed, first.done, member, first.members)
    board, arithmetic = team.board, take_for_zero()
    last, looks = 0, 0
    while loaded(board, RUN) == run:
        job = loaded(board, JOB)
        if job % 2 == 1 or job == last:
            rest(looks)
            looks += 1
            continue
        kind, number, phase, t, dt = board[KIND], board[NUMBER], board[BEGIN], team.times[0], team.times[1]
        fence()
        if loaded(board, JOB) != job:
            continue
        last, looks = job, 0
        if kind == VOXELS:
            call_part(parts.voxels, (y, dt, drift, fluxes.source, graphs, team, phase))
        else:
            call_part(parts.local, (y, t, dt, lanes, groups, ALL, scheme.halved, scheme.local, team, number, phase + 1))
    take_as_before(arithmetic)


@inner_kernel
def begin_pass(number: int, repeats: int, passes: np.ndarray, fields: np.ndarray) -> None:
    """Let what counts in one of the repeats count for all of them there, and not in others; `EVERY`: as they are outside."""
    for i in range(passes.shape[0]):
        here = 1.0 if passes[i, 1] == number else 0.0
        fields[passes[i, 0]] = 1.0 if number == EVERY else repeats * here


@free_kernel
def advance(
    model: Kept,
    y: np.ndarray,
    t: float,
    dt: float,
    steps: int,
    drift: np.ndarray,
    clamp_node: np.ndarray,
    clamp_conductance: np.ndarray,
    clamp_drive: np.ndarray,
    before: np.ndarray,
    fraction: np.ndarray,
    watch: Watch,
) -> int:
    """Steps of dt of a `Step`, with what happens between them.

    ``scheme.halved``: local/2, (cable, diffusion), local/2, where neighbouring halves are merged. Else, as in NEURON: cable,
    diffusion on segments, local on segments, local in voxels, diffusion in voxels, late diffusion.
    """
    constants: Step = kept(model)  # type: ignore[call-arg]
    v_start, v_stop, position, threshold, lanes, fluxes, cable, circuit, trees, graphs, groups, scheme, parts, team, passes = (
        constants
    )
    halved, arithmetic = scheme.halved, take_for_zero()
    ahead = 0.5 * dt if halved else 0.0
    if halved and parts.local != 0:
        call_part(parts.local, (y, t + 0.25 * dt, 0.5 * dt, lanes, groups, ALL, halved, scheme.local, team, EVERY, 0))
    done, spikes, last, n = 0, 0, steps, v_stop - v_start
    u = cable.table[U * cable.size : (U + 1) * cable.size]
    load_cable(y, v_start, n, cable.slot, u)
    for s in range(steps):
        now = t + s * dt
        exchange_seen(s, y, watch)
        if let_happen(s, spikes, watch.stops or s == last - 1, y, fraction, watch) or cable.reload:
            load_cable(y, v_start, n, cable.slot, u)
        if watch.counts[BLOCKED] != 0:
            break
        follow_courses(s, clamp_conductance, clamp_drive, groups.fields, watch.courses)
        if parts.currents != 0:
            call_part(parts.currents, (y, drift, ahead, now + 0.5 * dt, v_start, v_stop, fluxes, lanes, groups))
        clamps = (clamp_node, clamp_conductance, clamp_drive)
        membrane_step(y, v_start, n, dt, steps > 1, fluxes, clamps, cable, circuit, parts, scheme.cable)
        if parts.sources != 0:
            call_part(parts.sources, (v_start, fluxes, groups))
        exchange_seen(s, y, watch)
        if parts.transport != 0:
            call_part(parts.transport, (y, dt, drift, fluxes, trees, scheme.local))
        for number in range(0 if halved else scheme.repeats):
            span = dt / scheme.repeats
            begin_pass(number, scheme.repeats, passes, groups.fields)
            if parts.local != 0:
                call_part(parts.local, (y, now + dt, span, lanes, groups, 0, halved, scheme.local, team, EVERY, 0))
            if parts.free != 0:
                call_part(parts.free, (y, now + dt, span, lanes, groups, 1, halved, scheme.local, team, EVERY, 0))
        begin_pass(EVERY, scheme.repeats, passes, groups.fields)
        exchange_last(y, now, dt, drift, fluxes, graphs, trees, scheme.local, parts, team)
        done += 1
        spikes = crossings(y, position, threshold, before, fraction)
        full = spikes > 0 and note_spikes(s, fraction, watch)
        last = last_step(s, last, spikes, fraction, watch.grace)
        ends = (spikes > 0 and (watch.stops or full)) or s == last - 1
        when, span = (now + 0.75 * dt, 0.5 * dt) if ends else (now + dt, dt)
        if halved and parts.local != 0:
            call_part(parts.local, (y, when, span, lanes, groups, ALL, halved, scheme.local, team, EVERY, 0))
        look(s, y, watch)
        if ends:
            break
    take_as_before(arithmetic)
    return done
