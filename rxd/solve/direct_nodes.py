"""Elimination of what nodes keep to themselves: the compiled half of the direct solver that works node by node.

In: the arrays that `rxd.solve.direct_lanes` lays out. Nodes of a group come in chunks of `LANES`, in the order in which the
tree eliminates them, so that what a chunk gives to blocks S and right-hand sides R (`rxd.solve.direct_tree`) and takes from
them lies close together, or is a whole vector (straight halves of chunks). Lanes without a node are copies of one beside them.
The unknowns of a chunk are rows of lanes in one array, chunk by chunk.

Groups of point processes come last. Their first row is v of the segment they are on: what they do
to it is added to the segment's, its own equation is not theirs.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from rxd.discretize.records import LANES
from rxd.solve.direct_tree import WIDTH
from rxd.solve.lane_lu import copy_lanes, factorise, set_product, subtract_product
from rxd.solve.lane_operations import draft_inline_kernel, draft_kernel, make_operation, raised
from rxd.solve.vector_moves import make_double_scatter, make_gather, make_scatter
from rxd.solve.vectors import cleared, make_change, make_product, make_transfer, negated, replaced

NODES, UNKNOWNS, NNZ, PATTERN, JACOBIAN, POINTS, N_FIELDS = range(7)
"""Columns of the table, a row for each part of a group: sizes (lanes, copies included; values of the Jacobian, and with
derivatives by time), whether its nodes are point processes."""
FACTORS_AT, CAPACITY_AT, PLACE_AT, LANES_AT, FIELDS_AT, SOURCE_AT = range(7, 13)
"""Where a part's share of an array begins."""
RATES, LINEARISE, BEGIN, STAGE, TAKE, STRAIGHT, GROUP, CAPACITIES = range(13, 21)
"""Addresses of its kernels, 0 if there is none: of rates with the lists below, or of those that read none
(`rxd.codegen.stage_text`). Whether its halves of chunks are waves; its group; rows of different capacities."""
FIRST_LIST: Final = 21
ENTRY, FILL, SHIFTED, FACTOR, LOWER, UPPER, SCHUR, ROWS, STARTS, DIAGONAL, KEPT, TIMED, ZEROS, ABSENT, VOLTAGE, NODE = range(
    FIRST_LIST, FIRST_LIST + 32, 2
)
"""Bounds of lists in the program: entries of Jacobian values; entries that only fill in; diagonal entries that get the shift;
steps of factorisation and substitutions; (entry, row of capacity, place) of what is left to the tree; (unknown, number, row of
capacity) of exchanged unknowns; first state positions; diagonal and all entries that substitutions need; unknowns that time
changes; places in a block, and in a right-hand side, of what the group does not have; lanes of v (point processes, for each of
their lanes); node of each lane."""

BLOCK: Final = 4 * LANES
HALVES: Final = BLOCK // WIDTH
"""Lanes, and halves of chunks, that a kernel is called for at once: what they share stays in the nearest cache."""

# not plain numbers, for which numba would compile `clear` once each
OF_BLOCKS: Any = np.int64(0)
OF_SIDES: Any = np.int64(2)
"""Columns for `clear`."""

negate_lanes = make_transfer(LANES, negated)
put_lanes = make_scatter(LANES, add=False)
add_lanes = make_scatter(LANES, add=True)
put_both = make_double_scatter(LANES)
take_half = make_gather(WIDTH)
set_half = make_product(WIDTH, replaced)
copy_half = make_transfer(WIDTH, replaced)
clear_half = make_change(WIDTH, cleared)
clear_lanes = make_change(LANES, cleared)
add_number = make_operation(LANES, raised)


@draft_kernel
def clear(A: np.ndarray, blank: np.ndarray, column: int) -> None:
    """Zeros where no straight half writes; the bounds are in two columns of ``blank``."""
    for k in range(blank.shape[0]):
        for i in range(blank[k, column], blank[k, column + 1], WIDTH):
            clear_half(A, i)


Lists = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]


@draft_inline_kernel
def solving_lists(row: np.ndarray, program: np.ndarray) -> Lists:
    """What `send_to_tree` and `bring_from_tree` read of a part's lists."""
    return (
        program[row[ROWS] : row[ROWS + 1]],
        program[row[ABSENT] : row[ABSENT + 1]],
        program[row[LOWER] : row[LOWER + 1]],
        program[row[UPPER] : row[UPPER + 1]],
        program[row[DIAGONAL] : row[DIAGONAL + 1]],
    )


@draft_inline_kernel
def assemble(
    A: np.ndarray, J: np.ndarray, j: int, entry: np.ndarray, fill: np.ndarray, shifted: np.ndarray, shift: float
) -> None:
    """``A = shift I - J``, where the diagonal entries ``shifted`` belong to unknowns with a rate of their own."""
    for e in range(entry.size):
        negate_lanes(A, entry[e] * LANES, J, j + e * LANES)
    for e in range(fill.size):
        clear_lanes(A, fill[e] * LANES)
    for e in range(shifted.size):
        add_number((A,), (shifted[e] * LANES,), (shift,))


@draft_inline_kernel
def prepare_chunk(
    first: int, shift: float, row: np.ndarray, program: np.ndarray, J: np.ndarray, j: int, places: np.ndarray,
    capacity: np.ndarray, work: np.ndarray, A: np.ndarray, S: np.ndarray,
) -> None:  # fmt: skip
    """Eliminate the local unknowns of a chunk with its Jacobian from J[j] on; A keeps factors, what is left goes to S."""
    entry, kept, schur = (
        program[row[ENTRY] : row[ENTRY + 1]],
        program[row[KEPT] : row[KEPT + 1]],
        program[row[SCHUR] : row[SCHUR + 1]],
    )
    fill, shifted = program[row[FILL] : row[FILL + 1]], program[row[SHIFTED] : row[SHIFTED + 1]]
    assemble(work, J, j, entry, fill, shifted, shift)
    factorise(work, program[row[FACTOR] : row[FACTOR + 1]])
    at = row[FACTORS_AT] + first * kept.size
    for e in range(kept.size):
        copy_lanes(A, at + e * LANES, work, kept[e] * LANES)
    c, p = row[CAPACITY_AT] + first * row[CAPACITIES], row[PLACE_AT] + first
    if row[STRAIGHT]:
        _put_blocks(c, p, schur, program[row[ZEROS] : row[ZEROS + 1]], places, capacity, work, S)
        return
    for e in range(0, schur.size, 3):
        a, scale, offset = schur[e] * LANES, c + schur[e + 1] * LANES, schur[e + 2]
        if row[POINTS]:
            add_lanes(S, places[0], p, offset, work, a, capacity, scale)
        else:
            put_lanes(S, places[0], p, offset, work, a, capacity, scale)


@draft_inline_kernel
def _put_blocks(
    c: int, p: int, schur: np.ndarray, zeros: np.ndarray, places: np.ndarray, capacity: np.ndarray, work: np.ndarray,
    S: np.ndarray,
) -> None:  # fmt: skip
    """What is left of a straight chunk, as whole vectors; lanes of copies have no capacity and give zeros."""
    for half in range(0, LANES, WIDTH):
        s = places[0, p + half]
        for e in range(0, schur.size, 3):
            set_half(S, s + schur[e + 2], work, schur[e] * LANES + half, capacity, c + schur[e + 1] * LANES + half)
        for e in range(zeros.size):
            clear_half(S, s + zeros[e])


@draft_inline_kernel
def eliminate_forward(A: np.ndarray, a: int, B: np.ndarray, b: int, lower: np.ndarray) -> None:
    """Right-hand side through the elimination of the local unknowns."""
    i = 0
    while i < lower.size:
        u, count = b + lower[i] * LANES, lower[i + 1]
        i += 2
        for _ in range(count):
            subtract_product(B, u, A, a + lower[i] * LANES, B, b + lower[i + 1] * LANES)
            i += 2


@draft_inline_kernel
def send_to_tree(
    first: int, b: int, row: np.ndarray, lists: Lists, places: np.ndarray, capacity: np.ndarray, A: np.ndarray,
    B: np.ndarray, R: np.ndarray, X: np.ndarray, x: int, Z: np.ndarray,
) -> None:  # fmt: skip
    """Take the local unknowns out of a chunk's right-hand side, B from b on; R gets what the tree needs.

    Z gets the exchanged unknowns of the chunk's state, X from x on.
    """
    rows, absent, lower, _, _ = lists
    kept = row[KEPT + 1] - row[KEPT]
    eliminate_forward(A, row[FACTORS_AT] + first * kept, B, b, lower)
    c, p = row[CAPACITY_AT] + first * row[CAPACITIES], row[PLACE_AT] + first
    if row[STRAIGHT]:
        for half in range(0, LANES, WIDTH):
            r = places[1, p + half]
            for i in range(0, rows.size, 3):
                u, to = rows[i] * LANES + half, r + rows[i + 1] * WIDTH
                set_half(R, to, B, b + u, capacity, c + rows[i + 2] * LANES + half)
                copy_half(Z, to, X, x + u)
            for i in range(absent.size):
                clear_half(R, r + absent[i])
        return
    for i in range(0, rows.size, 3):
        u, scale, offset = b + rows[i] * LANES, c + rows[i + 2] * LANES, rows[i + 1] * WIDTH
        if row[POINTS]:
            add_lanes(R, places[1], p, offset, B, u, capacity, scale)
        else:
            put_both(R, places[1], p, offset, B, u, capacity, scale, Z, X, x + rows[i] * LANES)


@draft_inline_kernel
def bring_from_tree(
    first: int, b: int, row: np.ndarray, lists: Lists, places: np.ndarray, A: np.ndarray, B: np.ndarray, R: np.ndarray
) -> None:
    """Solution of a chunk from the tree's and from what `send_to_tree` left in B; no unknown is v for point processes."""
    rows, _, _, upper, diagonal = lists
    a, p = row[FACTORS_AT] + first * (row[KEPT + 1] - row[KEPT]), row[PLACE_AT] + first
    for half in range(0, LANES, WIDTH):
        if places[3, p + half]:
            for i in range(0, rows.size, 3):
                copy_half(B, b + rows[i] * LANES + half, R, places[2, p + half] + rows[i + 1] * WIDTH)
        else:
            for i in range(0, rows.size, 3):
                take_half(R, places[2], p + half, rows[i + 1] * WIDTH, B, b + rows[i] * LANES + half)
    i = 0
    while i < upper.size:
        k, count = upper[i], upper[i + 1]
        u = b + k * LANES
        i += 2
        for _ in range(count):
            subtract_product(B, u, A, a + upper[i] * LANES, B, b + upper[i + 1] * LANES)
            i += 2
        set_product(B, u, B, u, A, a + diagonal[k] * LANES)
    if row[POINTS]:
        clear_lanes(B, b)


@draft_inline_kernel
def sort_jacobian(
    local: np.ndarray, row: np.ndarray, program: np.ndarray, first: int, index: np.ndarray, J: np.ndarray
) -> None:
    """Jacobian values of one chunk of lanes from the chunks of nodes in storage order; ``index`` is work for `LANES` places."""
    for lane in range(LANES):
        node = program[row[NODE] + first + lane]
        index[lane] = row[SOURCE_AT] + node // LANES * LANES * row[PATTERN] + node % LANES
    for e in range(row[PATTERN]):
        for half in range(0, LANES, WIDTH):
            take_half(local, index, half, e * LANES, J, e * LANES + half)
