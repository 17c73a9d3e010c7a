"""Compiled parts of the direct solver: elimination of what nodes keep to themselves, then of the tree, block by block.

In: the arrays that `rxd.solve.direct_plan` lays out. Sections' nodes come in chunks of `LANES`; nodes of the tree in *waves*
of up to `WIDTH` nodes that do not wait for each other, so that every operation is a short vector loop. A wave is either *full*
(its nodes hold all m exchanged unknowns of the model, some perhaps without meaning there) or its nodes hold v alone.

Rows are multiplied by the capacity of their node. With E the own part of a node (capacity times ``shift - J``, local unknowns
eliminated) and G the diagonal matrix of its couplings to its elimination parent, the tree's equations are

    (E + G) z - G z_parent = r,

and eliminating the node adds ``G (E + G)^-1 E`` to the parent's E and ``G (E + G)^-1 r`` to its r. That form keeps the excess
over the exchange, which would be lost in a difference when exchange is fast (see `cable.hines`, where G and E are numbers).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from rxd.discretize.records import LANES
from rxd.solve.lane_lu import lane_kernel
from rxd.solve.vectors import (
    added,
    inverted,
    make_block_product,
    make_change,
    make_gather,
    make_product,
    make_scatter,
    make_transfer,
    negated,
    replaced,
    subtracted,
)

WIDTH: Final = 8
"""Nodes of the tree eliminated at once."""

Arrays = tuple[Any, ...]
"""Plan and work arrays as `rxd.solve.direct.solver_arrays` lines them up."""

Size = tuple[int, ...]
"""A tuple of as many numbers as a block has rows: its length is known to the compiler, which unrolls the loops over a block."""


add_product = make_product(LANES, added)
subtract_product = make_product(LANES, subtracted)
set_product = make_product(LANES, replaced)
subtract_lanes = make_transfer(LANES, subtracted)
invert_lanes = make_change(LANES, inverted)
copy_lanes = make_transfer(LANES, replaced)
add_to_lanes = make_transfer(LANES, added)

put_lanes = make_scatter(LANES, add=False)
add_lanes = make_scatter(LANES, add=True)
take_lanes = make_gather(LANES)

wave_subtract_product = make_product(WIDTH, subtracted)
wave_add_product = make_product(WIDTH, added)
wave_set_product = make_product(WIDTH, replaced)
wave_set_negative = make_product(WIDTH, negated)
wave_add = make_transfer(WIDTH, added)
wave_invert = make_change(WIDTH, inverted)
wave_block_product = make_block_product(WIDTH, add=False)
wave_add_block_product = make_block_product(WIDTH, add=True)


@lane_kernel
def assemble_shifted(
    A: np.ndarray, a: int, nnz: int, J: np.ndarray, j: int, entry: np.ndarray, shifted: np.ndarray, shift: float
) -> None:
    """``A = shift I - J`` from a on, where the diagonal entries ``shifted`` belong to unknowns with a rate of their own."""
    block = A[a : a + nnz * LANES]
    block[:] = 0.0
    for e in range(entry.size):
        subtract_lanes(A, a + entry[e] * LANES, J, j + e * LANES)
    for e in shifted:
        diagonal = A[a + e * LANES : a + (e + 1) * LANES]
        for lane in range(LANES):
            diagonal[lane] += shift


@lane_kernel
def factorise(A: np.ndarray, a: int, program: np.ndarray) -> None:
    """The pivots of a program; diagonal entries end up as reciprocals, entries below as multipliers."""
    i = 0
    while i < program.size:
        kk, rows = a + program[i] * LANES, program[i + 1]
        i += 2
        invert_lanes(A, kk)
        for _ in range(rows):
            ik, columns = a + program[i] * LANES, program[i + 1]
            i += 2
            set_product(A, ik, A, ik, A, kk)
            for _ in range(columns):
                subtract_product(A, a + program[i] * LANES, A, ik, A, a + program[i + 1] * LANES)
                i += 2


@lane_kernel
def eliminate_forward(A: np.ndarray, a: int, B: np.ndarray, b: int, lower: np.ndarray) -> None:
    """Right-hand side through the elimination of the local unknowns."""
    i = 0
    while i < lower.size:
        u, count = b + lower[i] * LANES, lower[i + 1]
        i += 2
        for _ in range(count):
            subtract_product(B, u, A, a + lower[i] * LANES, B, b + lower[i + 1] * LANES)
            i += 2


@lane_kernel
def substitute_backward(A: np.ndarray, a: int, B: np.ndarray, b: int, upper: np.ndarray, diagonal: np.ndarray) -> None:
    """Local unknowns from the exchanged ones."""
    i = 0
    while i < upper.size:
        k, count = upper[i], upper[i + 1]
        u = b + k * LANES
        i += 2
        for _ in range(count):
            subtract_product(B, u, A, a + upper[i] * LANES, B, b + upper[i + 1] * LANES)
            i += 2
        set_product(B, u, B, u, A, a + diagonal[k] * LANES)


@lane_kernel
def invert(T: np.ndarray, size: Size) -> None:
    """Inverse of a block in place by Gauss-Jordan elimination; entry (i, j) of lane l is ``T[(i * m + j) * WIDTH + l]``."""
    m = len(size)
    for k in range(m):
        kk = (k * m + k) * WIDTH
        wave_invert(T, kk)
        for j in range(m):
            if j != k:
                kj = (k * m + j) * WIDTH
                wave_set_product(T, kj, T, kj, T, kk)
        for i in range(m):
            if i != k:
                ik = (i * m + k) * WIDTH
                for j in range(m):
                    if j != k:
                        wave_subtract_product(T, (i * m + j) * WIDTH, T, ik, T, (k * m + j) * WIDTH)
                wave_set_negative(T, ik, T, ik, T, kk)


@lane_kernel
def prepare_nodes(
    local: np.ndarray,
    shift: float,
    table: np.ndarray,
    program: np.ndarray,
    place: np.ndarray,
    capacity: np.ndarray,
    work: np.ndarray,
    A: np.ndarray,
    S: np.ndarray,
) -> None:
    """Eliminate the local unknowns of every node: A keeps their factors, what is left goes to the blocks S of the tree."""
    for g in range(table.shape[0]):
        row = table[g]
        nodes, nnz, pattern, exchanged, points = row[0], row[2], row[3], row[4], row[5]
        entry = program[row[11] : row[12]]
        shifted = program[row[13] : row[14]]
        factor = program[row[15] : row[16]]
        schur = program[row[21] : row[22]]
        kept = program[row[29] : row[30]]
        for first in range(0, nodes, LANES):
            assemble_shifted(work, 0, nnz, local, row[7] + first * pattern, entry, shifted, shift)
            factorise(work, 0, factor)
            at = row[6] + first * kept.size
            for e in range(kept.size):
                copy_lanes(A, at + e * LANES, work, kept[e] * LANES)
            c, p = row[8] + first * exchanged, row[9] + first
            for e in range(0, schur.size, 3):
                a, scale, offset = schur[e] * LANES, c + schur[e + 1] * LANES, schur[e + 2]
                if points:
                    add_lanes(S, place, p, offset, work, a, capacity, scale)
                else:
                    put_lanes(S, place, p, offset, work, a, capacity, scale)


@lane_kernel
def add_clamps(S: np.ndarray, place: np.ndarray, conductance: np.ndarray) -> None:
    """Conductance of electrodes to the diagonal of v, by segment in storage order."""
    for k in range(conductance.size):
        if conductance[k] != 0.0:
            S[place[k]] += conductance[k]


@lane_kernel
def eliminate_tree(S: np.ndarray, G: np.ndarray, T: np.ndarray, waves: np.ndarray, lanes: np.ndarray, size: Size) -> None:
    """Eliminate wave after wave; S ends as the inverses of the blocks."""
    for w in range(waves.shape[0]):
        full, width, s, r = waves[w, 0], waves[w, 1], waves[w, 2], waves[w, 3]
        up = lanes[w]
        if full:
            _eliminate_blocks(S, G, T, s, r, width, up, size)
            continue
        for lane in range(WIDTH):
            e, g = S[s + lane], G[r + lane]
            inverse = 1.0 / (e + g)
            S[s + lane] = inverse
            T[lane] = g * (inverse * e)
        for lane in range(width):
            S[up[lane, 0]] += T[lane]


@lane_kernel
def _eliminate_blocks(
    S: np.ndarray, G: np.ndarray, T: np.ndarray, s: int, r: int, width: int, up: np.ndarray, size: Size
) -> None:
    """Invert ``E + G``, add ``G (E + G)^-1 E`` to the parents; off the diagonal that is ``- G (E + G)^-1 G``."""
    m = len(size)
    block, inverse = S[s : s + m * m * WIDTH], T[: m * m * WIDTH]
    for k in range(m * m * WIDTH):
        inverse[k] = block[k]
    for i in range(m):
        wave_add(T, i * (m + 1) * WIDTH, G, r + i * WIDTH)
    invert(T, size)
    x = m * m * WIDTH  # behind the inverse: what goes up
    for i in range(m):
        gi = r + i * WIDTH
        for j in range(m):
            e = (i * m + j) * WIDTH
            if i != j:
                wave_set_negative(T, x + e, T, e, G, r + j * WIDTH)
            else:
                wave_set_product(T, x + e, T, i * m * WIDTH, S, s + i * WIDTH)
                for k in range(1, m):
                    wave_add_product(T, x + e, T, (i * m + k) * WIDTH, S, s + (k * m + i) * WIDTH)
            wave_set_product(T, x + e, T, x + e, G, gi)
    for k in range(m * m * WIDTH):
        block[k] = inverse[k]
    for lane in range(width):
        target, source = up[lane, 0], x + lane
        if up[lane, 2]:
            for e in range(m * m):
                S[target + e * WIDTH] += T[source + e * WIDTH]
        else:
            S[target] += T[source]


@lane_kernel
def forward_nodes(
    rhs: np.ndarray,
    more: np.ndarray,
    two: bool,
    table: np.ndarray,
    program: np.ndarray,
    place: np.ndarray,
    capacity: np.ndarray,
    A: np.ndarray,
    B: np.ndarray,
    R: np.ndarray,
) -> None:
    """``rhs``, with ``two`` plus ``more``, without the local unknowns: B keeps it in lanes, R takes what the tree needs."""
    for g in range(table.shape[0]):
        row = table[g]
        nodes, unknowns, kept, exchanged, points = row[0], row[1], row[30] - row[29], row[4], row[5]
        lower = program[row[17] : row[18]]
        rows = program[row[23] : row[24]]
        starts = program[row[25] : row[26]]
        for first in range(0, nodes, LANES):
            width, b = min(LANES, nodes - first), row[10] + first * unknowns
            for u in range(unknowns):
                at, to = starts[u] + first, b + u * LANES
                if points and u == 0:
                    B[to : to + LANES] = 0.0
                elif width == LANES:
                    copy_lanes(B, to, rhs, at)
                    if two:
                        add_to_lanes(B, to, more, at)
                else:
                    for lane in range(LANES):
                        k = at + min(lane, width - 1)
                        B[to + lane] = rhs[k] + more[k] if two else rhs[k]
            eliminate_forward(A, row[6] + first * kept, B, b, lower)
            c, p = row[8] + first * exchanged, row[9] + first
            for i in range(0, rows.size, 2):
                u, scale, offset = b + rows[i] * LANES, c + i // 2 * LANES, rows[i + 1] * WIDTH
                if points:
                    add_lanes(R, place, p, offset, B, u, capacity, scale)
                else:
                    put_lanes(R, place, p, offset, B, u, capacity, scale)


@lane_kernel
def backward_nodes(
    out: np.ndarray, table: np.ndarray, program: np.ndarray, place: np.ndarray, A: np.ndarray, B: np.ndarray, R: np.ndarray
) -> None:
    """Solution from the tree's unknowns and the lanes that `forward_nodes` left."""
    for g in range(table.shape[0]):
        row = table[g]
        nodes, unknowns, kept, points = row[0], row[1], row[30] - row[29], row[5]
        upper = program[row[19] : row[20]]
        rows = program[row[23] : row[24]]
        starts = program[row[25] : row[26]]
        diagonal = program[row[27] : row[28]]
        for first in range(0, nodes, LANES):
            width, b = min(LANES, nodes - first), row[10] + first * unknowns
            for i in range(0, rows.size, 2):
                take_lanes(R, place, row[9] + first, rows[i + 1] * WIDTH, B, b + rows[i] * LANES)
            substitute_backward(A, row[6] + first * kept, B, b, upper, diagonal)
            for u in range(1 if points else 0, unknowns):
                if width == LANES:
                    copy_lanes(out, starts[u] + first, B, b + u * LANES)
                else:
                    for lane in range(width):
                        out[starts[u] + first + lane] = B[b + u * LANES + lane]


@lane_kernel
def solve_tree(
    S: np.ndarray, G: np.ndarray, R: np.ndarray, T: np.ndarray, waves: np.ndarray, lanes: np.ndarray, size: Size
) -> None:
    """Solve on the tree with the inverse blocks in S: up to the roots and back; R in, solution out."""
    for w in range(waves.shape[0]):
        full, width, s, r = waves[w, 0], waves[w, 1], waves[w, 2], waves[w, 3]
        up = lanes[w]
        if full:
            _send_up(S, G, R, T, s, r, width, up, size)
            continue
        for lane in range(WIDTH):
            T[lane] = S[s + lane] * R[r + lane]
            R[r + lane] = T[lane]
        for lane in range(width):
            R[up[lane, 1]] += G[r + lane] * T[lane]
    for w in range(waves.shape[0] - 1, -1, -1):
        full, width, s, r = waves[w, 0], waves[w, 1], waves[w, 2], waves[w, 3]
        up = lanes[w]
        if full:
            _bring_down(S, G, R, T, s, r, width, up, size)
            continue
        for lane in range(width):
            R[r + lane] += S[s + lane] * G[r + lane] * R[up[lane, 1]]


@lane_kernel
def _send_up(
    S: np.ndarray, G: np.ndarray, R: np.ndarray, T: np.ndarray, s: int, r: int, width: int, up: np.ndarray, size: Size
) -> None:
    """``w = (E + G)^-1 r`` of a wave; ``G w`` to the parents."""
    m = len(size)
    wave_block_product(R, r, S, s, R, r, size)
    for i in range(m):
        wave_set_product(T, i * WIDTH, R, r + i * WIDTH, G, r + i * WIDTH)
    for lane in range(width):
        target = up[lane, 1]
        if up[lane, 2]:
            for i in range(m):
                R[target + i * WIDTH] += T[i * WIDTH + lane]
        else:
            R[target] += T[lane]


@lane_kernel
def _bring_down(
    S: np.ndarray, G: np.ndarray, R: np.ndarray, T: np.ndarray, s: int, r: int, width: int, up: np.ndarray, size: Size
) -> None:
    """``z = w + (E + G)^-1 G z_parent``."""
    m = len(size)
    for lane in range(width):
        source = up[lane, 1]
        if up[lane, 2]:
            for i in range(m):
                T[i * WIDTH + lane] = R[source + i * WIDTH]
        else:
            T[lane] = R[source]
            for i in range(1, m):
                T[i * WIDTH + lane] = 0.0
    for i in range(m):
        wave_set_product(T, i * WIDTH, T, i * WIDTH, G, r + i * WIDTH)
    wave_add_block_product(R, r, S, s, T, 0, size)


@lane_kernel
def prepare(local: np.ndarray, shift: float, clamp_conductance: np.ndarray, arrays: Arrays) -> None:
    """Factorise ``shift I - J`` of the Jacobian in lanes and the conductance of clamps."""
    (table, program, place, _, capacity, clamp_place), (waves, lanes, blank, coupling, size), (A, _, S, _, T) = arrays
    S[:] = blank
    prepare_nodes(local, shift, table, program, place, capacity, T, A, S)
    add_clamps(S, clamp_place, clamp_conductance)
    eliminate_tree(S, coupling, T, waves, lanes, size)


@lane_kernel
def solve(rhs: np.ndarray, more: np.ndarray, two: bool, out: np.ndarray, arrays: Arrays) -> None:
    """Solve for the right-hand side ``rhs``, with ``two`` for ``rhs + more``."""
    (table, program, _, place, capacity, _), (waves, lanes, _, coupling, size), (A, B, S, R, T) = arrays
    R[:] = 0.0  # what branch points and absent unknowns start from
    forward_nodes(rhs, more, two, table, program, place, capacity, A, B, R)
    solve_tree(S, coupling, R, T, waves, lanes, size)
    backward_nodes(out, table, program, place, A, B, R)
