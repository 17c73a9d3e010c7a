"""Everything about the direct solver that does not change from step to step, laid out as plain arrays for its kernels.

In: `Equations`. Out: a `DirectPlan`. All lists of operations lie end to end in one integer array, ``program``; the tables hold
where each begins and ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from rxd.codegen.sparse import LaneProgram
from rxd.discretize.records import LANES
from rxd.solve.direct_blocks import BlockTree, build_block_tree
from rxd.solve.direct_kernels import WIDTH
from rxd.solve.equations import Equations


@dataclass(frozen=True, slots=True, eq=False)
class DirectPlan:
    """Arrays of the kernels.

    Attributes
    ----------
    block : int
        Number m of exchanged unknowns.
    table : ndarray of int, shape (n_groups, 31)
        Sizes, offsets and the bounds of ten lists, see `_groups` and `direct_kernels`.
    program : ndarray of int
    block_place, side_place : ndarray of int
        Per node of a group, in lanes: place of its block and of its right-hand side; lanes without a node point behind
        everything.
    capacity : ndarray
        In lanes, per exchanged unknown.
    waves : ndarray of int, shape (n_waves, 4)
        Full or v alone, width, where blocks and right-hand sides begin.
    lanes : ndarray of int, shape (n_waves, WIDTH, 3)
        Places of the parent's block and right-hand side, whether it is full; roots point behind everything.
    clamp_place : ndarray of int, shape (n_segments,)
        The diagonal of v of each segment, in storage order.
    blank : ndarray
        Blocks before anything is put in: ones for unknowns that a node does not have.
    coupling : ndarray
        To the elimination parent, shaped like the right-hand side of the tree.
    sizes : tuple of int
        Of the work arrays A, B and T.
    """

    block: int
    table: np.ndarray
    program: np.ndarray
    block_place: np.ndarray
    side_place: np.ndarray
    capacity: np.ndarray
    waves: np.ndarray
    lanes: np.ndarray
    clamp_place: np.ndarray
    blank: np.ndarray
    coupling: np.ndarray
    sizes: tuple[int, int, int]


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
    """

    factor: list[int]
    lower: list[int]
    upper: list[int]
    diagonal: list[int]
    kept: list[int]
    remaining: dict[tuple[int, int], int]


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
    waves, lanes, place_of, (blocks, sides) = _layout(tree)
    blank, coupling = np.zeros(blocks), np.zeros(sides)
    full = tree.full
    for i in range(m):
        here = np.flatnonzero(full | (i == 0))
        coupling[place_of[here, 1] + i * WIDTH] = tree.coupling[i, here]
        missing = np.flatnonzero(full & ~tree.holds[i])
        blank[place_of[missing, 0] + i * (m + 1) * WIDTH] = 1.0
    _fill_idle_lanes(blank, waves, m)
    tape = Tape()
    table, places, capacity, sizes = _groups(equations, tree, place_of, tape)
    clamp_place = np.ascontiguousarray(place_of[: cable.n, 0])
    block_place, side_place = (np.ascontiguousarray(places[:, k]) for k in range(2))
    return DirectPlan(
        m, table, tape.array(), block_place, side_place, capacity, waves, lanes, clamp_place, blank, coupling, sizes
    )


def _layout(tree: BlockTree) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int]]:
    """Waves, lanes, the places of blocks and right-hand sides by node; sizes of both with room for the roots' parents."""
    m, full = len(tree.holds), tree.full
    # the last one stands for the parent of the roots, the one before for lanes without a node
    place = np.zeros((len(tree.parent) + 2, 2), dtype=np.int64)
    waves, s, r = [], 0, 0
    for wave in tree.waves:
        rows = m if full[wave[0]] else 1
        waves.append((int(rows > 1), len(wave), s, r))
        place[wave, 0], place[wave, 1] = s + np.arange(len(wave)), r + np.arange(len(wave))
        s, r = s + rows * rows * WIDTH, r + rows * WIDTH
    place[-2], place[-1] = (s + WIDTH, r + WIDTH), (s, r)
    lanes = np.zeros((len(waves), WIDTH, 3), dtype=np.int64)
    for number, wave in enumerate(tree.waves):
        up = tree.parent[wave]
        lanes[number, : len(wave), :2] = place[up]
        lanes[number, : len(wave), 2] = np.where(up >= 0, full[up], False)
    return np.array(waves, dtype=np.int64).reshape(-1, 4), lanes, place, (s + (m * m + 1) * WIDTH, r + (m + 1) * WIDTH)


def _fill_idle_lanes(blank: np.ndarray, waves: np.ndarray, m: int) -> None:
    """Ones on the diagonal in the lanes without a node, so that nothing divides by zero there."""
    for full, width, s, _ in waves.tolist():
        for i in range(m if full else 1):
            blank[s + i * (m + 1) * WIDTH + width : s + i * (m + 1) * WIDTH + WIDTH] = 1.0


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
    equations: Equations, tree: BlockTree, place_of: np.ndarray, tape: Tape
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[int, int, int]]:
    """Table of groups, places of their nodes, capacities in lanes; sizes of the work arrays A, B and T."""
    discretization, m = equations.discretization, len(tree.holds)
    cable, layout = discretization.cable, discretization.layout
    number = np.empty(discretization.segments.n, dtype=np.int64)
    number[layout[cable.label].segment] = np.arange(cable.n)
    table, places, capacities = [], [], []
    a = b = c = p = most = 0
    for g, group in enumerate(discretization.groups):
        kernels, rows = equations.kernels.groups[g], _exchanged_rows(equations, g)
        program, chunks = kernels.program, group.fields.shape[0]
        local = local_program(program, kernels.moved)
        # a point process has no v of its own: its part of the equation of v is added to the segment's
        shifted = [entry for k, entry in enumerate(program.diagonal) if group.contiguous or k != 0]
        order = list(rows.values())
        remaining = [
            (local.remaining[row_i, row_j], order.index(row_i), WIDTH * (i * m + j if i or j else 0))
            for i, row_i in rows.items()
            for j, row_j in rows.items()
            if (row_i, row_j) in local.remaining
        ]
        lists = (
            program.entry,
            shifted,
            local.factor,
            local.lower,
            local.upper,
            [value for triple in remaining for value in triple],
            [value for i, row in rows.items() for value in (row, i)],
            group.position[:, 0],
            local.diagonal,
            local.kept,
        )
        sizes = (group.n, program.n, program.nnz, len(kernels.pattern), len(rows), int(not group.contiguous))
        offsets = (a, int(equations.assembly.base[g]), c, p, b)
        most = max(most, program.nnz)
        table.append((*sizes, *offsets, *(bound for values in lists for bound in tape.add(values))))
        idle = np.full(chunks * LANES - group.n, len(place_of) - 2)
        places.append(place_of[np.concatenate([number[group.segment], idle])])
        capacities.append(_in_lanes(discretization.capacity[group.position[order]], chunks))
        a, b = a + chunks * len(local.kept) * LANES, b + chunks * program.n * LANES
        c, p = c + len(capacities[-1]), p + len(places[-1])
    return (
        np.array(table, dtype=np.int64),
        np.concatenate(places),
        np.concatenate(capacities),
        (a, b, max(2 * m * m * WIDTH, most * LANES)),
    )


def _in_lanes(values: np.ndarray, chunks: int) -> np.ndarray:
    """Rows of nodes, shape (m, n), in chunks of lanes, flat."""
    index = np.minimum(np.arange(chunks * LANES), values.shape[1] - 1).reshape(chunks, LANES)
    return np.ascontiguousarray(values[:, index].transpose(1, 0, 2)).ravel()
