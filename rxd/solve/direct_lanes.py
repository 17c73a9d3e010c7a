"""Which node of a group is in which lane: the half of the direct solver's plan that concerns nodes and their own equations.

In: `Equations`, a `BlockTree` and where the tree keeps its nodes. Out: a `LanePlan`. A chunk is two times `WIDTH` lanes.
Where a wave of the tree holds `ENOUGH` nodes of one group, these have half a chunk for themselves, each in the lane that it has
in the wave: what they give to the tree and take from it are then whole vectors. Such *straight* halves come first. They write
all lanes of their wave (zeros where other nodes are), so that nobody clears them. The other nodes of a group follow, packed,
and then point processes, which add to what is there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from geometry.records import dataclass
from rxd.codegen.kernels import GroupKernels
from rxd.discretize.records import LANES, Discretization, Group
from rxd.solve.calls import FIELDS, N_FIELDS
from rxd.solve.direct_blocks import BlockTree
from rxd.solve.direct_local import LocalProgram, Tape, local_program
from rxd.solve.direct_nodes import BEGIN, FIELDS_AT, GROUP, HALVES, LINEARISE, NODE, RATES, STAGE, TAKE
from rxd.solve.direct_tree import WIDTH
from rxd.solve.equations import Equations

ENOUGH: Final = 6
"""Nodes of a group in a wave from which on they get lanes of their own: the idle ones compute as much as the others."""


@dataclass(frozen=True, slots=True, eq=False)
class LanePlan:
    """Arrays of `rxd.solve.direct_nodes`; see `rxd.solve.direct_plan.DirectPlan`.

    ``sizes`` are those of the arrays of factors, lanes and work; ``written`` says which waves the straight
    halves write, shape (n_waves,).
    """

    table: np.ndarray
    places: np.ndarray
    ends: np.ndarray
    capacity: np.ndarray
    fields: np.ndarray
    lane: np.ndarray
    source: np.ndarray
    sizes: tuple[int, int, int]
    written: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """Some nodes of a group in lanes.

    Attributes
    ----------
    group : int
    straight : bool
    node : ndarray of int, shape (n_lanes,)
        Number in the group of the node of each lane; idle lanes have a copy of one that is near.
    real : ndarray of bool, shape (n_lanes,)
        False in lanes of copies.
    waves : ndarray of int
        Of each half of a chunk, if straight.
    """

    group: int
    straight: bool
    node: np.ndarray
    real: np.ndarray
    waves: np.ndarray


def lay_lanes(equations: Equations, tree: BlockTree, place_of: np.ndarray, tape: Tape) -> LanePlan:
    """Lay all groups out; ``place_of`` are the places of block and right-hand side by node, see `rxd.solve.direct_plan`."""
    discretization, m = equations.discretization, len(tree.holds)
    on_tree = _on_tree(equations)
    table, places, ends, capacities, fields, sources = [], [], [], [], [], []
    lane = np.zeros(discretization.layout.size, dtype=np.int64)
    a = b = c = f = p = most = 0
    parts = _parts(discretization.groups, on_tree, tree, place_of)
    for part in parts:
        g = part.group
        group, kernels, rows = discretization.groups[g], equations.kernels.groups[g], _exchanged_rows(equations, tree, g)
        unknowns, points, n = kernels.program.n, not group.contiguous, len(part.node)
        local = local_program(kernels.program, kernels.moved)
        k = np.flatnonzero(part.real)
        for row, positions in enumerate(group.position):
            if row or not points:
                lane[positions[part.node[k]]] = b + (k // LANES * unknowns + row) * LANES + k % LANES
        sources.append(_by_chunk(np.where(np.arange(unknowns)[:, None] < points, -1, group.position[:, part.node])))
        known, values = _fields_in_lanes(equations, g, part.node), len(kernels.pattern) + len(kernels.timed)
        sizes = (n, unknowns, kernels.program.nnz, len(kernels.pattern), values, int(points), known.size // n)
        capacity, which = _capacities(discretization, g, kernels, rows)
        start = (a, c, p, b, f, int(equations.assembly.base[g]))
        where = (*start, 0, 0, 0, 0, 0, int(part.straight), g, len(capacity))
        voltage = lane[group.position[0][part.node]] if points else []
        lists = (*_lists(group, kernels, local, rows, which, m), voltage, part.node)
        table.append((*sizes, *where, *(bound for values in lists for bound in tape.add(values))))
        places.append(_places(part, on_tree[g], tree, place_of))
        ends.append(_ends(part, places[-1], place_of[-2] + (m * m * WIDTH, m * WIDTH), m))
        capacity = capacity[:, part.node]
        capacities.append(_by_chunk(capacity * part.real if part.straight else capacity))
        fields.append(known)
        a, b = a + n * len(local.kept), b + n * unknowns
        c, f, p, most = c + capacity.size, f + known.size, p + n, max(most, kernels.program.nnz)
    written = np.zeros(len(tree.waves), dtype=bool)
    written[np.concatenate([part.waves for part in parts])] = True
    return LanePlan(
        np.array(table, dtype=np.int64),
        np.ascontiguousarray(np.concatenate(places, axis=1)),
        np.ascontiguousarray(np.concatenate(ends, axis=1)),
        np.concatenate(capacities),
        np.concatenate(fields),
        lane,
        np.concatenate(sources),
        (a, b, max(2 * m * m * WIDTH, most * LANES)),
        written,
    )


def refresh_fields(table: np.ndarray, program: np.ndarray, fields: np.ndarray, equations: Equations) -> None:
    """Take over changed fields of the model, in place."""
    for row in table:
        known = _fields_in_lanes(equations, int(row[GROUP]), program[row[NODE] : row[NODE + 1]])
        fields[row[FIELDS_AT] : row[FIELDS_AT] + len(known)] = known


def compile_kernels_of(table: np.ndarray, groups: Sequence[GroupKernels], eliminating: bool) -> None:
    """Compile the kernels that steps need and enter their addresses: those that need no lists, if a group has them.

    Stages go through kernels that eliminate local unknowns if ``eliminating``, else through those that evaluate rates alone.
    """
    for row in table:
        kernels = groups[row[GROUP]]
        wanted = {LINEARISE: "linearise", RATES: "rates"}
        if "begin" in kernels.late:
            wanted = {BEGIN: "begin", STAGE: "stage", TAKE: "take"} if eliminating else {BEGIN: "begin", RATES: "rates"}
        for column, name in wanted.items():
            row[column] = kernels.address(name)


def _on_tree(equations: Equations) -> list[np.ndarray]:
    """By group, the tree's node of each of its nodes."""
    discretization = equations.discretization
    cable = discretization.cable
    number = np.empty(discretization.segments.n, dtype=np.int64)
    number[discretization.layout[cable.label].segment] = np.arange(cable.n)
    return [number[group.segment] for group in discretization.groups]


def _parts(groups: Sequence[Group], on_tree: list[np.ndarray], tree: BlockTree, place_of: np.ndarray) -> list[Part]:
    """Straight halves of all groups, then their other nodes, then point processes."""
    owner, index = np.full((2, len(tree.parent)), -1, dtype=np.int64)
    for g, group in enumerate(groups):
        if group.contiguous:
            owner[on_tree[g]], index[on_tree[g]] = g, np.arange(group.n)
    halves: dict[int, list[tuple[int, np.ndarray]]] = {}
    for number, wave in enumerate(tree.waves):
        inside = np.where(wave >= 0, owner[wave], -1)
        counts = np.bincount(inside[inside >= 0], minlength=1)
        if counts.max() >= ENOUGH:
            g = int(np.argmax(counts))
            halves.setdefault(g, []).append((number, np.where(inside == g, index[wave], -1)))
    straight, packed = [], []
    for g, group in enumerate(groups):
        whole = halves.get(g, [])
        whole = whole[: len(whole) // 2 * 2]  # two make a chunk
        left = np.ones(group.n, dtype=bool)
        if whole:
            lanes = np.array([lanes for _, lanes in whole])
            left[lanes[lanes >= 0]] = False
            near = lanes[np.arange(len(lanes)), np.argmax(lanes >= 0, axis=1)]
            node, waves = np.where(lanes >= 0, lanes, near[:, None]).ravel(), np.array([number for number, _ in whole])
            straight.append(Part(g, True, node, (lanes >= 0).ravel(), waves))
        rest = np.flatnonzero(left)
        if len(rest):
            rest = rest[np.argsort(place_of[on_tree[g][rest], 1], kind="stable")]
            k = np.arange(-(-len(rest) // LANES) * LANES)
            node = rest[np.minimum(k, len(rest) - 1)]
            packed.append(Part(g, False, node, k < len(rest), np.zeros(0, dtype=np.int64)))
    return [*straight, *sorted(packed, key=lambda part: not groups[part.group].contiguous)]


def _places(part: Part, on_tree: np.ndarray, tree: BlockTree, place_of: np.ndarray) -> np.ndarray:
    """Places of block and right-hand side to write, of the solution to read; 1 in halves that read whole vectors."""
    read = place_of[on_tree[part.node], 1]
    if part.straight:
        first = np.array([_wave_place(tree.waves[number], place_of) for number in part.waves])
        block, side = (np.repeat(first, WIDTH, axis=0) + np.tile(np.arange(WIDTH), len(first))[:, None]).T
    else:
        block, side = place_of[np.where(part.real, on_tree[part.node], len(place_of) - 2)].T
    halves = read.reshape(-1, WIDTH)
    whole = np.repeat(np.all(np.diff(halves, axis=1) == 1, axis=1), WIDTH)
    return np.stack([block, side, read, whole.astype(np.int64)])


def _ends(part: Part, places: np.ndarray, behind: np.ndarray, m: int) -> np.ndarray:
    """Where each half of a chunk has its block, its right-hand side to write and its solution to read, as whole vectors.

    Halves whose lanes lie apart work in room behind everything, as many of them as a kernel is called for at once.
    """
    block, side, read, whole = places[:, ::WIDTH]
    room = np.arange(len(block)) % HALVES
    apart = behind[0] + room * m * m * WIDTH, behind[1] + room * m * WIDTH
    if not part.straight:
        block, side = apart
    return np.stack([block, side, np.where(whole, read, apart[1])])


def _capacities(
    discretization: Discretization, g: int, kernels: GroupKernels, rows: dict[int, int]
) -> tuple[np.ndarray, list[int]]:
    """Different rows of capacities of a group's exchanged unknowns, and which of them each has."""
    capacity = discretization.capacity[discretization.groups[g].position[list(rows.values())]]
    if not kernels.exchanged:
        different, which = np.unique(capacity, axis=0, return_inverse=True)
        return different, which.ravel().tolist()
    assert [(number, row) for row, number, _ in kernels.exchanged] == list(rows.items())
    found = [which for _, _, which in kernels.exchanged]
    different = capacity[[found.index(which) for which in sorted(set(found))]]
    assert np.array_equal(different[found], capacity)
    return different, found


def _wave_place(wave: np.ndarray, place_of: np.ndarray) -> np.ndarray:
    """Where the first lane of a wave is."""
    lane = int(np.argmax(wave >= 0))
    return np.asarray(place_of[wave[lane]] - lane)


def _exchanged_rows(equations: Equations, tree: BlockTree, g: int) -> dict[int, int]:
    """Which row of a group each exchanged unknown (number of its transport) is."""
    group = equations.discretization.groups[g]
    starts = np.array([transport.start for transport in tree.transports])
    found = {}
    for row in equations.kernels.groups[g].moved:
        offset = group.position[row, 0] - starts
        found[int(np.argmin(np.where(offset >= 0, offset, np.iinfo(np.int64).max)))] = int(row)
    return dict(sorted(found.items()))


def _fields_in_lanes(equations: Equations, g: int, node: np.ndarray) -> np.ndarray:
    """What the kernels of a group read, for the node of every lane, flat."""
    fields, table, _ = equations.model
    rows, at = int(table[g, N_FIELDS]), int(table[g, FIELDS])
    chunks = -(-equations.discretization.groups[g].n // LANES)
    stored = fields[at : at + chunks * rows * LANES].reshape(chunks, rows, LANES)
    return _by_chunk(stored.transpose(1, 0, 2).reshape(rows, chunks * LANES)[:, node])


def _by_chunk(values: np.ndarray) -> np.ndarray:
    """Rows of lanes, shape (rows, n), chunk by chunk, flat."""
    rows, n = values.shape
    return np.ascontiguousarray(values.reshape(rows, n // LANES, LANES).transpose(1, 0, 2)).ravel()


def _lists(
    group: Group, kernels: GroupKernels, local: LocalProgram, rows: dict[int, int], which: list[int], m: int
) -> tuple[Any, ...]:
    """A group's lists in the order of `rxd.solve.direct_nodes`; ``which`` row of capacities each exchanged unknown has."""
    program, capacity = kernels.program, dict(zip(rows, which, strict=True))
    # a point process has no v of its own: its part of the equation of v is added to the segment's
    shifted = [entry for k, entry in enumerate(program.diagonal) if group.contiguous or k != 0]
    remaining = [
        (local.remaining[row_i, row_j], capacity[i], WIDTH * (i * m + j))
        for i, row_i in rows.items()
        for j, row_j in rows.items()
        if (row_i, row_j) in local.remaining
    ]
    size = m if len(rows) > 1 else 1  # of the blocks of its waves
    missing = sorted({WIDTH * e for e in range(size * size)} - {place for *_, place in remaining})
    return (
        program.entry,
        local.fill,
        shifted,
        local.factor,
        local.lower,
        local.upper,
        [value for triple in remaining for value in triple],
        [value for i, row in rows.items() for value in (row, i, capacity[i])],
        group.position[:, 0],
        local.diagonal,
        local.kept,
        kernels.timed,
        missing,
        [WIDTH * i for i in range(size) if i not in rows],
    )
