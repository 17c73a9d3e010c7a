"""Elimination along the tree of the cable, block by block: the compiled half of the direct solver that neighbours share.

In: the waves that `rxd.solve.direct_plan` lays out. A *wave* is up to `WIDTH` nodes, a lane each, that do not wait for each
other and hold equally many exchanged unknowns: all m of the model (some perhaps without meaning there), or v alone. Where it
can, a branch stays in its lane: then what goes to the parents is a vector that is added to the next wave.

Rows are multiplied by the capacity of their node. With E the own part of a node (capacity times ``shift - J``, local unknowns
eliminated) and G the diagonal matrix of its couplings to its elimination parent, the tree's equations are

    (E + G) z - G z_parent = r,

and eliminating the node adds ``G (E + G)^-1 E`` to the parent's E and ``G (E + G)^-1 r`` to its r. That form keeps the excess
over the exchange, which would be lost in a difference when exchange is fast (see `cable.hines`, where G and E are numbers).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from rxd.codegen.lane_calls import call_part, whole_vectors
from rxd.solve.lane_operations import draft_inline_kernel, draft_kernel, part_kernel
from rxd.solve.vector_blocks import block_shapes, make_climb, make_descend, make_reduce
from rxd.solve.vector_moves import make_blend, make_gather, make_spread
from rxd.solve.vectors import (
    added,
    make_block_product,
    make_dot,
    make_inverse,
    make_product,
    make_transfer,
    negated,
    replaced,
    subtracted,
)

WIDTH: Final = 8
"""Nodes of the tree eliminated at once."""

Waves = tuple[np.ndarray, np.ndarray, np.ndarray]
"""``waves``, one row each: unknowns of a node, where blocks and right-hand sides begin, where those of the next wave do (its
own if no lane goes on), whether no lane, some lanes or `ALL` go on in it, begin and end among ``others``; ``mask``: 1 in lanes
that go on; ``others``, those that do not: lane, places of the parent's block and right-hand side, and how many unknowns they
share. A wave's last column is the code for it: its unknowns, plus `LONE` if no other is in the equation of the last one."""

Called = tuple[Waves, np.ndarray]
"""The same with the addresses of `eliminate_waves` and `solve_waves`."""

ALL: Final = 2
"""All lanes with a parent go on in the next wave; the others have no coupling and give zeros."""

set_product = make_product(WIDTH, replaced)
add_product = make_product(WIDTH, added)
set_negative = make_product(WIDTH, negated)
subtract = make_transfer(WIDTH, subtracted)
add = make_transfer(WIDTH, added)
copy = make_transfer(WIDTH, replaced)
block_product = make_block_product(WIDTH)
dot = make_dot(WIDTH)
take = make_gather(WIDTH)
spread = make_spread(WIDTH)
blend = make_blend(WIDTH)
invert = make_inverse(WIDTH)


UNROLLED: Final = 6
"""Larger blocks are inverted in loops."""
LONE: Final = UNROLLED
LEAST_LONE: Final = 4
"""From this size on blocks of which the last row is diagonal have code of their own."""
# In one place only: its straight code of all sizes takes LLVM longer than the rest of a step does.
SHAPES: Final = block_shapes(UNROLLED, LEAST_LONE, LONE)
reduce_block = make_reduce(WIDTH, SHAPES)
climb = make_climb(WIDTH, SHAPES, add=False)
climb_onward = make_climb(WIDTH, SHAPES, add=True)
descend = make_descend(WIDTH, SHAPES)


@part_kernel
def eliminate_waves(S: np.ndarray, G: np.ndarray, D: np.ndarray, T: np.ndarray, tree: Waves) -> None:
    """Eliminate wave after wave; S ends as the inverses of the blocks. D is G, and one where a node lacks an unknown."""
    whole_vectors()  # type: ignore[call-arg]
    waves, mask, others = tree
    for w in range(waves.shape[0]):
        m, s, r = waves[w, 0], waves[w, 1], waves[w, 2]
        up = 0
        if m <= UNROLLED:
            onward = waves[w, 5] == ALL
            if not onward:
                for e in range(m * m * WIDTH):
                    T[e] = 0.0
            target, t = (S, waves[w, 3]) if onward else (T, 0)
            reduce_block(S, s, G, r, D, r, target, t, waves[w, 8])
            if onward:
                continue
        else:
            up = m * m * WIDTH  # behind the inverse: what goes up
            _invert_blocks(S, G, D, T, s, r, m)
        if waves[w, 5]:
            for e in range(m * m):
                add_product(S, waves[w, 3] + e * WIDTH, T, up + e * WIDTH, mask, w * WIDTH)
        for k in range(waves[w, 6], waves[w, 7]):
            target, source = others[k, 1], up + others[k, 0]
            for e in range(others[k, 3] * others[k, 3]):
                S[target + e * WIDTH] += T[source + e * WIDTH]


@draft_kernel
def _invert_blocks(S: np.ndarray, G: np.ndarray, D: np.ndarray, T: np.ndarray, s: int, r: int, m: int) -> None:
    """Invert ``E + G``; behind it ``G (E + G)^-1 E``, which off the diagonal is ``- G (E + G)^-1 G``."""
    for e in range(m * m):
        copy(T, e * WIDTH, S, s + e * WIDTH)
    for i in range(m):
        add(T, i * (m + 1) * WIDTH, D, r + i * WIDTH)
    invert(T, m)
    x = m * m * WIDTH
    for i in range(m):
        row = i * m * WIDTH
        for j in range(m):
            set_negative(T, x + row + j * WIDTH, T, row + j * WIDTH, G, r + j * WIDTH)
        dot(T, x + row + i * WIDTH, T, row, S, s + i * WIDTH, m, m)
        for j in range(m):
            set_product(T, x + row + j * WIDTH, T, x + row + j * WIDTH, G, r + i * WIDTH)
    for e in range(m * m):
        copy(S, s + e * WIDTH, T, e * WIDTH)


@draft_inline_kernel
def _from_parents(A: np.ndarray, T: np.ndarray, w: int, waves: np.ndarray, others: np.ndarray) -> None:
    """What A holds at the parents of a wave's nodes; anything where there is none or it lacks an unknown: no coupling."""
    m = waves[w, 0]
    for i in range(m):
        copy(T, i * WIDTH, A, waves[w, 4] + i * WIDTH)
    for k in range(waves[w, 6], waves[w, 7]):
        for i in range(m):
            blend(T, i * WIDTH, A, others[k, 2] + i * WIDTH, others[k, 0])


@part_kernel
def solve_waves(S: np.ndarray, G: np.ndarray, R: np.ndarray, Z: np.ndarray, T: np.ndarray, tree: Waves) -> None:
    """Solve on the tree with the inverse blocks in S: up to the roots and back; R in, solution out.

    Z, laid out as R, is a state: what flows along the edges in it is part of the right-hand side. Zeros add nothing.
    """
    waves, mask, others = tree
    for w in range(waves.shape[0]):
        m, s, r = waves[w, 0], waves[w, 1], waves[w, 2]
        if m <= UNROLLED and waves[w, 5] == ALL:
            climb_onward(R, r, S, s, G, r, Z, r, Z, waves[w, 4], R, waves[w, 4], waves[w, 8])
            continue
        if m <= UNROLLED:
            _from_parents(Z, T, w, waves, others)
            climb(R, r, S, s, G, r, Z, r, T, 0, T, 0, waves[w, 8])
        else:
            _from_parents(Z, T, w, waves, others)
            _climb(R, r, S, s, G, Z, T, m)
        if waves[w, 5]:
            for i in range(m):
                add_product(R, waves[w, 4] + i * WIDTH, T, i * WIDTH, mask, w * WIDTH)
        for k in range(waves[w, 6], waves[w, 7]):
            lane, target = others[k, 0], others[k, 2]
            for i in range(others[k, 3]):
                R[target + i * WIDTH] += T[i * WIDTH + lane]
    for w in range(waves.shape[0] - 1, -1, -1):
        m, s, r = waves[w, 0], waves[w, 1], waves[w, 2]
        if m <= UNROLLED and waves[w, 5] == ALL:
            descend(R, r, S, s, G, r, R, waves[w, 4], waves[w, 8])
        elif m <= UNROLLED:
            _from_parents(R, T, w, waves, others)
            descend(R, r, S, s, G, r, T, 0, waves[w, 8])
        else:
            _from_parents(R, T, w, waves, others)
            _descend(R, r, S, s, G, T, m)


@draft_kernel
def _climb(R: np.ndarray, r: int, S: np.ndarray, s: int, G: np.ndarray, Z: np.ndarray, T: np.ndarray, m: int) -> None:
    """A wave on the way up, see `rxd.solve.vector_blocks.make_climb`."""
    x = m * WIDTH
    for i in range(m):
        e, z = i * WIDTH, r + i * WIDTH
        subtract(T, e, Z, z)
        set_negative(T, e, T, e, G, z)
        subtract(R, z, T, e)
    block_product(T, x, S, s, R, r, m)
    for i in range(m):
        e = i * WIDTH
        copy(R, r + e, T, x + e)
        add_product(T, e, T, x + e, G, r + e)


@draft_kernel
def _descend(R: np.ndarray, r: int, S: np.ndarray, s: int, G: np.ndarray, T: np.ndarray, m: int) -> None:
    """A wave on the way down, see `rxd.solve.vector_blocks.make_descend`."""
    x = m * WIDTH
    for i in range(m):
        set_product(T, i * WIDTH, T, i * WIDTH, G, r + i * WIDTH)
    block_product(T, x, S, s, T, 0, m)
    for i in range(m):
        add(R, r + i * WIDTH, T, x + i * WIDTH)


@draft_kernel
def settle_branch_points(Z: np.ndarray, twins: np.ndarray, T: np.ndarray) -> None:
    """Give branch points, which hold nothing, the value of a neighbour: what flows through them is then solved for."""
    n = twins.size // 2
    for k in range(0, n, WIDTH):
        take(Z, twins, n + k, 0, T, 0)
        spread(Z, twins, k, 0, T, 0)


# Called by address: the loops around them are compiled in another process meanwhile (`rxd.codegen.apart`).
@draft_inline_kernel
def eliminate_tree(S: np.ndarray, G: np.ndarray, D: np.ndarray, T: np.ndarray, tree: Called) -> None:
    """`eliminate_waves`."""
    waves, calls = tree
    call_part(calls[0], (S, G, D, T, waves))


@draft_inline_kernel
def solve_tree(S: np.ndarray, G: np.ndarray, R: np.ndarray, Z: np.ndarray, T: np.ndarray, tree: Called) -> None:
    """`solve_waves`."""
    waves, calls = tree
    call_part(calls[1], (S, G, R, Z, T, waves))


Arrays = tuple[Any, ...]
"""Plan and work arrays as `rxd.solve.direct.lay_out` lines them up."""
