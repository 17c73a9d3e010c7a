"""Everything about the direct solver that does not change from step to step, laid out as plain arrays for its kernels.

In: `Equations`. Out: a `DirectPlan`. All lists of operations lie end to end in one integer array, ``program``; the tables hold
where each begins and ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from rxd.codegen.kernels import GroupKernels
from rxd.codegen.sparse import LaneProgram
from rxd.discretize.records import LANES, Group
from rxd.solve.calls import FIELDS, N_FIELDS, NODES
from rxd.solve.direct_blocks import BlockTree, build_block_tree
from rxd.solve.direct_nodes import FIELDS_AT, NODE
from rxd.solve.direct_tree import ALL, WIDTH
from rxd.solve.equations import Equations


@dataclass(frozen=True, slots=True, eq=False)
class DirectPlan:
    """Arrays of the kernels.

    Attributes
    ----------
    block : int
        Number m of exchanged unknowns.
    table : ndarray of int, shape (n_groups, 44)
        Columns as in `rxd.solve.direct_nodes`.
    program : ndarray of int
    places : ndarray of int, shape (3, n)
        In lanes, per node of a group: of its block, its right-hand side, its solution. Copies of a node write behind
        everything, and read what the node does.
    capacity : ndarray
        In lanes, per exchanged unknown.
    fields : ndarray
        What kernels read, in lanes.
    tree : tuple of ndarray
        ``waves``, ``mask``, ``others`` and ``parents``, see `rxd.solve.direct_tree`; roots' parents are behind everything.
    clamp_place : ndarray of int, shape (n_segments, 2)
        Places of the diagonal and of the right-hand side of v of each segment, in storage order.
    twins : ndarray of int, shape (n, 2)
        Places of exchanged unknowns at branch points, and of the same at a neighbour.
    coupling, diagonal : ndarray
        To the elimination parent, shaped like the right-hand side of the tree; with ones for unknowns that a node lacks.
    lane : ndarray of int, shape (size,)
        Where in an array of lanes each unknown of the state is.
    sizes : tuple of int
        Of the blocks, and of the arrays of factors, lanes, Jacobian values and work.
    """

    block: int
    table: np.ndarray
    program: np.ndarray
    places: np.ndarray
    capacity: np.ndarray
    fields: np.ndarray
    tree: tuple[np.ndarray, ...]
    clamp_place: np.ndarray
    twins: np.ndarray
    coupling: np.ndarray
    diagonal: np.ndarray
    lane: np.ndarray
    sizes: tuple[int, int, int, int, int]


class Tape:
    """Lists of integers laid end to end."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self.size = 0

    def add(self, values: Sequence[int] | np.ndarray) -> tuple[int, int]:
        """Append; returns where the list begins and ends."""
        array = np.asarray(values, dtype=np.int64).ravel()
        self.parts.append(array)
        self.size += len(array)
        return self.size - len(array), self.size

    def array(self) -> np.ndarray:
        """All lists in one array."""
        return np.concatenate(self.parts) if self.parts else np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class LocalProgram:
    """The part of a `LaneProgram` that eliminates local unknowns, and the entries that remain for the tree.

    ``kept`` are the entries of which substitutions need the factors; ``lower``, ``upper`` and ``diagonal`` count in these.
    ``fill`` are the entries that no Jacobian value goes to.
    """

    factor: list[int]
    lower: list[int]
    upper: list[int]
    diagonal: list[int]
    kept: list[int]
    remaining: dict[tuple[int, int], int]
    fill: list[int]


def local_program(program: LaneProgram, exchanged: Sequence[int]) -> LocalProgram:
    """Cut a program that eliminates ``exchanged`` last before it does."""
    last = set(exchanged)
    lower, upper = _rows(program.lower), _rows(program.upper)
    remaining = {(k, k): int(program.diagonal[k]) for k in last}
    for rows in (lower, upper):
        for k, pairs in rows:
            remaining |= {(k, j): entry for entry, j in pairs if k in last and j in last}
    below = [(k, [(e, j) for e, j in pairs if j not in last]) for k, pairs in lower]
    above = [(k, pairs) for k, pairs in upper if k not in last]
    pivots = [int(program.diagonal[k]) for k, _ in above]
    kept = sorted({*pivots, *(entry for _, pairs in (*below, *above) for entry, _ in pairs)})
    number = {entry: i for i, entry in enumerate(kept)}
    return LocalProgram(
        factor=_first_pivots(program.factor, program.n - len(last)),
        lower=_flat(below, number),
        upper=_flat(above, number),
        diagonal=[number.get(int(entry), 0) for entry in program.diagonal],
        kept=kept,
        remaining=remaining,
        fill=sorted(set(range(program.nnz)) - {int(entry) for entry in program.entry}),
    )


def _rows(steps: np.ndarray) -> list[tuple[int, list[tuple[int, int]]]]:
    """Steps of a substitution as (unknown, [(entry, other unknown) ...])."""
    rows, i, values = [], 0, steps.tolist()
    while i < len(values):
        k, count = values[i], values[i + 1]
        pairs = values[i + 2 : i + 2 + 2 * count]
        rows.append((k, list(zip(pairs[::2], pairs[1::2], strict=True))))
        i += 2 + 2 * count
    return rows


def _flat(rows: list[tuple[int, list[tuple[int, int]]]], number: dict[int, int]) -> list[int]:
    """Steps as kernels read them; those that do nothing are left out where no pivot follows."""
    return [value for k, pairs in rows for value in (k, len(pairs), *(x for e, j in pairs for x in (number[e], j)))]


def _first_pivots(factor: np.ndarray, count: int) -> list[int]:
    """Steps of a factorisation up to the given number of pivots."""
    values, i = factor.tolist(), 0
    for _ in range(count):
        rows = values[i + 1]
        i += 2
        for _ in range(rows):
            i += 2 + 2 * values[i + 1]
    return values[:i]


def build_plan(equations: Equations) -> DirectPlan:
    """Lay out the direct solver of a model."""
    discretization = equations.discretization
    tree = build_block_tree(discretization)
    m, cable = len(tree.holds), discretization.cable
    rows, place_of, blocks = _layout(tree)
    coupling = np.zeros(int(place_of[-2, 1]) + m * WIDTH)
    diagonal, full = np.ones(len(coupling)), tree.full
    for i in range(m):
        here = np.flatnonzero(full | (i == 0))
        coupling[place_of[here, 1] + i * WIDTH] = tree.coupling[i, here]
        diagonal[place_of[here, 1] + i * WIDTH] = np.where(tree.holds[i, here], tree.coupling[i, here], 1.0)
    ways = _ways_up(tree, rows, np.where(full, m, 1), place_of)
    tape = Tape()
    table, places, capacity, fields, lane, sizes = _groups(equations, place_of, m, tape)
    clamp_place, twins = np.ascontiguousarray(place_of[: cable.n]), _twins(tree, cable.n, place_of)
    return DirectPlan(
        m, table, tape.array(), places, capacity, fields, ways, clamp_place, twins, coupling, diagonal, lane, (blocks, *sizes)
    )


def _layout(tree: BlockTree) -> tuple[list[tuple[int, int, int]], np.ndarray, int]:
    """Per wave its size and where blocks and right-hand sides begin; both places by node; numbers in all blocks.

    The last place stands for the parents of the roots, the one before for copies of nodes.
    """
    m, full = len(tree.holds), tree.full
    place = np.zeros((len(tree.parent) + 2, 2), dtype=np.int64)
    rows, sizes, s, r = [], np.where(full, m, 1), 0, 0
    for wave in tree.waves:
        size = int(sizes[wave[wave >= 0][0]])
        rows.append((size, s, r))
        lanes = np.flatnonzero(wave >= 0)
        place[wave[lanes], 0], place[wave[lanes], 1] = s + lanes, r + lanes
        s, r = s + size * size * WIDTH, r + size * WIDTH
    place[-2], place[-1] = (s + m * m * WIDTH, r + m * WIDTH), (s, r)
    return rows, place, s + 2 * m * m * WIDTH


def _ways_up(
    tree: BlockTree, rows: list[tuple[int, int, int]], sizes: np.ndarray, place: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """``waves, mask, others, parents`` of `rxd.solve.direct_tree`: which lanes go on, where others' parents are."""
    waves, mask = [], np.zeros((len(rows), WIDTH))
    others: list[tuple[int, ...]] = []
    parents = np.full((len(rows), 2, WIDTH), place[-1, 1])
    for number, wave in enumerate(tree.waves):
        following = tree.waves[number + 1] if number + 1 < len(rows) else np.full(WIDTH, -1)
        begin = len(others)
        for lane in np.flatnonzero(wave >= 0).tolist():
            up = int(tree.parent[wave[lane]])
            if up < 0:
                continue
            alike = bool(sizes[up] == sizes[wave[lane]])
            parents[number, : 2 if alike else 1, lane] = place[up, 1]
            if following[lane] == up and alike:
                mask[number, lane] = 1.0
            else:
                others.append((lane, *place[up].tolist(), int(sizes[up]) if alike else 1))
        goes_on = int(mask[number].any())
        _, next_s, next_r = rows[number + 1] if goes_on else rows[number]
        how = ALL if goes_on and begin == len(others) else goes_on
        waves.append((*rows[number], next_s, next_r, how, begin, len(others)))
    table = np.array(waves, dtype=np.int64).reshape(-1, 8)
    return table, mask.ravel(), np.array(others, dtype=np.int64).reshape(-1, 4), parents.ravel()


def _twins(tree: BlockTree, n: int, place_of: np.ndarray) -> np.ndarray:
    """Places of exchanged unknowns at branch points beside those of a neighbour that is a segment, if there is one."""
    around: dict[int, list[int]] = {}
    for node, up in enumerate(tree.parent.tolist()):
        if up >= 0:
            around.setdefault(node, []).append(up)
            around.setdefault(up, []).append(node)
    pairs = []
    for junction in range(n, len(tree.parent)):
        for i in np.flatnonzero(tree.holds[:, junction]).tolist():
            near = [node for node in around.get(junction, []) if node < n and tree.holds[i, node]]
            if near:
                pairs.append((place_of[junction, 1] + i * WIDTH, place_of[near[0], 1] + i * WIDTH))
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _exchanged_rows(equations: Equations, g: int) -> dict[int, int]:
    """Which row of a group each exchanged unknown (number of its transport) is."""
    transports, group = equations.discretization.transports, equations.discretization.groups[g]
    starts = np.array([transport.start for transport in transports])
    found = {}
    for row in equations.kernels.groups[g].moved:
        offset = group.position[row, 0] - starts
        found[int(np.argmin(np.where(offset >= 0, offset, np.iinfo(np.int64).max)))] = int(row)
    return dict(sorted(found.items()))


def _groups(
    equations: Equations, place_of: np.ndarray, m: int, tape: Tape
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, tuple[int, int, int, int]]:
    """Table of groups, places of their nodes, capacities and fields in lanes, lanes of unknowns; sizes of work arrays."""
    discretization, cable = equations.discretization, equations.discretization.cable
    number = np.empty(discretization.segments.n, dtype=np.int64)
    number[discretization.layout[cable.label].segment] = np.arange(cable.n)
    table, places, capacities, fields = [], [], [], []
    lane = np.zeros(discretization.layout.size, dtype=np.int64)
    a = b = c = f = j = p = most = 0
    for g in _in_order(discretization.groups):
        group, kernels, rows = discretization.groups[g], equations.kernels.groups[g], _exchanged_rows(equations, g)
        on_tree, unknowns, points = number[group.segment], kernels.program.n, not group.contiguous
        local = local_program(kernels.program, kernels.moved)
        order = np.argsort(place_of[on_tree, 1], kind="stable")
        node = order[np.minimum(np.arange(-(-group.n // LANES) * LANES), group.n - 1)]
        n, k = len(node), np.arange(group.n)
        for row, positions in enumerate(group.position):
            if row or not points:
                lane[positions[order]] = b + (k // LANES * unknowns + row) * LANES + k % LANES
        known, values = _fields_in_lanes(equations, g, node), len(kernels.pattern) + len(kernels.timed)
        sizes = (group.n, unknowns, kernels.program.nnz, len(kernels.pattern), values, int(points), known.size // n)
        where = (a, j, c, p, b, f, int(equations.assembly.base[g]), *kernels.addresses[:2])
        voltage = lane[group.position[0][node]] if points else []
        lists = (*_lists(group, kernels, local, rows, m), voltage, node)
        table.append((*sizes, *where, *(bound for values in lists for bound in tape.add(values))))
        written = place_of[np.where(np.arange(n) < group.n, on_tree[node], len(place_of) - 2)]
        places.append(np.column_stack([written, place_of[on_tree[node], 1]]))
        capacities.append(_by_chunk(discretization.capacity[group.position[list(rows.values())]][:, node]))
        fields.append(known)
        a, b, j = a + n * len(local.kept), b + n * unknowns, j + n * values
        c, f, p, most = c + capacities[-1].size, f + known.size, p + n, max(most, kernels.program.nnz)
    return (
        np.array(table, dtype=np.int64),
        np.ascontiguousarray(np.concatenate(places).T),
        np.concatenate(capacities),
        np.concatenate(fields),
        lane,
        (a, b, j, max(2 * m * m * WIDTH, most * LANES)),
    )


def _fields_in_lanes(equations: Equations, g: int, node: np.ndarray) -> np.ndarray:
    """What the kernels of a group read, for the node of every lane, flat."""
    fields, table, _ = equations.model
    rows, at = int(table[g, N_FIELDS]), int(table[g, FIELDS])
    chunks = -(-int(table[g, NODES]) // LANES)
    stored = fields[at : at + chunks * rows * LANES].reshape(chunks, rows, LANES)
    return _by_chunk(stored.transpose(1, 0, 2).reshape(rows, chunks * LANES)[:, node])


def refresh_fields(plan: DirectPlan, equations: Equations) -> None:
    """Take over changed fields of the model, in place."""
    for row, g in zip(plan.table, _in_order(equations.discretization.groups), strict=True):
        known = _fields_in_lanes(equations, g, plan.program[row[NODE] : row[NODE + 1]])
        plan.fields[row[FIELDS_AT] : row[FIELDS_AT] + len(known)] = known


def _in_order(groups: Sequence[Group]) -> list[int]:
    """Numbers of groups, those of point processes last: they need v of their segments."""
    return sorted(range(len(groups)), key=lambda g: not groups[g].contiguous)


def _by_chunk(values: np.ndarray) -> np.ndarray:
    """Rows of lanes, shape (rows, n), chunk by chunk, flat."""
    rows, n = values.shape
    return np.ascontiguousarray(values.reshape(rows, n // LANES, LANES).transpose(1, 0, 2)).ravel()


def _lists(group: Group, kernels: GroupKernels, local: LocalProgram, rows: dict[int, int], m: int) -> tuple[Any, ...]:
    """A group's lists in the order of `rxd.solve.direct_nodes`."""
    program, order = kernels.program, list(rows.values())
    # a point process has no v of its own: its part of the equation of v is added to the segment's
    shifted = [entry for k, entry in enumerate(program.diagonal) if group.contiguous or k != 0]
    remaining = [
        (local.remaining[row_i, row_j], order.index(row_i), WIDTH * (i * m + j if i or j else 0))
        for i, row_i in rows.items()
        for j, row_j in rows.items()
        if (row_i, row_j) in local.remaining
    ]
    return (
        program.entry,
        local.fill,
        shifted,
        local.factor,
        local.lower,
        local.upper,
        [value for triple in remaining for value in triple],
        [value for i, row in rows.items() for value in (row, i)],
        group.position[:, 0],
        local.diagonal,
        local.kept,
        kernels.timed,
    )
