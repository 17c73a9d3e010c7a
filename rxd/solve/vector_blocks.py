"""Operations on small blocks of short vectors, unrolled: for each size up to a largest one straight code without loops.

Blocks in which the last unknown's equation has no other unknown have code of their own. In: arrays of doubles in which an m x m
block lies row by row, ``lanes`` numbers an entry, as `rxd.solve.direct_tree` lays them out. Values stay in registers from the
first load to the last store. What the operations compute is written out in loops beside their use, for larger blocks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from geometry.records import dataclass
from rxd.solve.vectors import CONTRACT, all_lanes, load_lanes, plus_product, store_lanes


class Values:
    """Reads and writes entries of the arguments of an operation under construction."""

    def __init__(self, context: Any, builder: Any, sig: Any, args: Any, lanes: int) -> None:
        self.context, self.builder, self.sig, self.args, self.lanes = context, builder, sig, args, lanes

    def _place(self, start: int, entry: int) -> Any:
        return self.builder.add(self.args[start], ir.Constant(ir.IntType(64), entry * self.lanes))

    def load(self, array: int, entry: int) -> Any:
        """Entry of the argument with this number, counted from the place that the next argument holds."""
        place = self._place(array + 1, entry)
        return load_lanes(self.context, self.builder, self.sig.args[array], self.args[array], place, self.lanes)

    def store(self, array: int, entry: int, vector: Any) -> None:
        """The opposite."""
        place = self._place(array + 1, entry)
        store_lanes(self.context, self.builder, self.sig.args[array], self.args[array], place, self.lanes, vector)

    def times(self, one: Any, two: Any) -> Any:
        """Product."""
        return self.builder.fmul(one, two, flags=CONTRACT)

    def products(self, pairs: list[tuple[Any, Any]]) -> Any:
        """Sum of products, as two sums side by side: the next wave waits for it."""
        totals = [self.times(*pair) for pair in pairs[:2]]
        for k, (one, two) in enumerate(pairs[2:]):
            totals[k % 2] = plus_product(self.builder, totals[k % 2], one, two)
        return totals[0] if len(totals) == 1 else self.builder.fadd(*totals, flags=CONTRACT)


@dataclass(frozen=True, slots=True)
class Shape:
    """Blocks that have straight code: how many unknowns; in the equation of the last one there may be no other."""

    size: int
    lone: bool = False

    def __contains__(self, entry: tuple[int, int]) -> bool:
        """Whether a block has an entry in this row and column."""
        i, j = entry
        return not self.lone or i < self.size - 1 or i == j

    def row(self, i: int) -> list[int]:
        """Columns of a row."""
        return [j for j in range(self.size) if (i, j) in self]


Shapes = tuple[tuple[int, Shape], ...]
"""Shapes by the number that chooses them."""


def block_shapes(most: int, least_lone: int, lone: int) -> Shapes:
    """All sizes up to a largest one, and from ``least_lone`` on with a lone last unknown: those have ``lone`` added."""
    sizes = range(1, most + 1)
    return (*((m, Shape(m)) for m in sizes), *((m + lone, Shape(m, True)) for m in sizes if m >= least_lone))


def _by_shape(
    write: Callable[[Values, Shape], None], context: Any, builder: Any, sig: Any, args: Any, lanes: int, shapes: Shapes
) -> Any:
    """Straight code for every shape, chosen by the last argument."""
    values = Values(context, builder, sig, args, lanes)
    done = builder.append_basic_block("done")
    choice = builder.switch(args[-1], done)
    for number, shape in shapes:
        block = builder.append_basic_block(f"shape{number}")
        choice.add_case(ir.Constant(ir.IntType(64), number), block)
        builder.position_at_end(block)
        write(values, shape)
        builder.branch(done)
    builder.position_at_end(done)
    return context.get_dummy_value()


def make_climb(lanes: int, shapes: Shapes, add: bool) -> Any:
    """``op(R, r, S, s, G, g, Z, z, P, p, T, t, m)``: a wave on the way up; P has Z of the parents, T gets what goes to them.

    ``flow = G (Z - P)``, ``w = S (R - flow)``; R becomes w, T becomes ``flow + G w``, or gets it in addition.
    """

    def write(values: Values, shape: Shape) -> None:
        m = shape.size
        coupling = [values.load(4, i) for i in range(m)]
        flow, right = [], []
        for i in range(m):
            difference = values.builder.fsub(values.load(6, i), values.load(8, i), flags=CONTRACT)
            flow.append(values.times(coupling[i], difference))
            right.append(values.builder.fsub(values.load(0, i), flow[i], flags=CONTRACT))
        for i in range(m):
            found = values.products([(values.load(2, i * m + k), right[k]) for k in shape.row(i)])
            values.store(0, i, found)
            upward = flow[i] if not add else values.builder.fadd(values.load(10, i), flow[i], flags=CONTRACT)
            values.store(10, i, plus_product(values.builder, upward, coupling[i], found))

    @intrinsic
    def operation(
        typing_context: Any, R: Any, r: Any, S: Any, s: Any, G: Any, g: Any, Z: Any, z: Any, P: Any, p: Any, T: Any, t: Any,
        m: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _by_shape(write, context, builder, sig, args, lanes, shapes)

        at = types.intp
        return types.void(R, at, S, at, G, at, Z, at, P, at, T, at, types.int64), generate

    return operation


def make_descend(lanes: int, shapes: Shapes) -> Any:
    """``op(R, r, S, s, G, g, P, p, m)``: a wave on the way down, ``R + S G P``, with the parents' solution in P."""

    def write(values: Values, shape: Shape) -> None:
        m = shape.size
        right = [values.times(values.load(4, i), values.load(6, i)) for i in range(m)]
        for i in range(m):
            moved = values.products([(values.load(2, i * m + k), right[k]) for k in shape.row(i)])
            values.store(0, i, values.builder.fadd(values.load(0, i), moved, flags=CONTRACT))

    @intrinsic
    def operation(typing_context: Any, R: Any, r: Any, S: Any, s: Any, G: Any, g: Any, P: Any, p: Any, m: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _by_shape(write, context, builder, sig, args, lanes, shapes)

        at = types.intp
        return types.void(R, at, S, at, G, at, P, at, types.int64), generate

    return operation


def _invert(values: Values, shape: Shape, block: dict[tuple[int, int], Any]) -> None:
    """Inverse of a block in place."""
    builder = values.builder
    for k in range(shape.size):
        pivot = builder.fdiv(all_lanes(values.lanes, 1.0), block[k, k])
        for j in shape.row(k):
            block[k, j] = pivot if j == k else values.times(block[k, j], pivot)
        for i in range(shape.size):
            if i != k and (i, k) in shape:
                factor = builder.fneg(block[i, k])
                block[i, k] = values.times(factor, pivot)
                for j in shape.row(k):
                    if j != k:
                        block[i, j] = plus_product(builder, block[i, j], factor, block[k, j])


def make_reduce(lanes: int, shapes: Shapes) -> Any:
    """``op(S, s, G, g, D, d, T, t, m)``: the block E of a wave in S becomes ``(E + D)^-1``; T gets ``G (E + D)^-1 E`` as well.

    By Gauss-Jordan elimination without pivoting; off the diagonal T is
    ``- G (E + D)^-1 G``. D is G where G is not zero.
    """

    def write(values: Values, shape: Shape) -> None:
        m = shape.size
        builder = values.builder
        coupling = [values.load(2, i) for i in range(m)]
        block = {(i, j): values.load(0, i * m + j) for i in range(m) for j in shape.row(i)}
        for i in range(m):
            block[i, i] = builder.fadd(block[i, i], values.load(4, i), flags=CONTRACT)
        _invert(values, shape, block)
        for i in range(m):
            for j in shape.row(i):
                if i == j:
                    upward = values.products(
                        [(block[i, k], values.load(0, k * m + i)) for k in shape.row(i) if (k, i) in shape]
                    )
                else:
                    upward = builder.fneg(values.times(block[i, j], coupling[j]))
                values.store(6, i * m + j, plus_product(builder, values.load(6, i * m + j), upward, coupling[i]))
        for (i, j), found in block.items():
            values.store(0, i * m + j, found)

    @intrinsic
    def operation(typing_context: Any, S: Any, s: Any, G: Any, g: Any, D: Any, d: Any, T: Any, t: Any, m: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            return _by_shape(write, context, builder, sig, args, lanes, shapes)

        at = types.intp
        return types.void(S, at, G, at, D, at, T, at, types.int64), generate

    return operation
