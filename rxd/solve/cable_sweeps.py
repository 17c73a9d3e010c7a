"""The sweeps along the cable as vector code: `cable.lane_order.WIDTH` nodes side by side, batch by batch.

Every operation goes through the rows of one batch. What a row hands to the next stays in registers; at the end of a batch it is
handed, lane by lane, to the first rows of later batches (``above``), and on the way down fetched from there.

All numbers by slot are rows of one table (`rxd.solve.split_cable.Cable`): ``U`` v, ``G`` coupling to the parent, ``CAPACITY``,
``LEAK`` and ``REST`` (conductance and reversal potential of what is linear in v), ``R`` and ``B`` right-hand sides, then
solutions, ``INVERSE`` pivot and ``SHARE`` for the parent. What first rows are handed: ``EXCESS`` of the diagonal (``HANDED``:
what of it never changes), ``ARRIVED`` of a right-hand side. The formulas are those of `cable.hines`, the stages those of
`rxd.solve.split_kernels`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from cable.lane_order import WIDTH
from rxd.solve.lane_operations import minus, plus, splat, times
from rxd.solve.vectors import all_lanes, data_of

CAPACITY, LEAK, REST, G, U, R, B, ARRIVED, INVERSE, SHARE, EXCESS, HANDED = range(12)
FACTORS: Final = 4
"""How many of the last there are once more, for another length of a step."""
ABOVE, PLACE, VALUE, SLOPE = range(12, 16)

VECTOR: Final = ir.VectorType(ir.DoubleType(), WIDTH)
WORD: Final = ir.IntType(64)


class Batch:
    """Rows ``begin`` to ``end`` of numbered arrays, for writing code that goes through them."""

    def __init__(self, builder: Any, data: dict[int, Any], begin: Any, end: Any, above: Any) -> None:
        self.builder, self.data, self.begin, self.end, self.above = builder, data, begin, end, above

    def load(self, name: int, row: Any) -> Any:
        """A row of an array."""
        value = self.builder.load(self._row(name, row))
        value.align = 8
        return value

    def store(self, name: int, row: Any, value: Any) -> None:
        """The opposite."""
        self.builder.store(value, self._row(name, row)).align = 8

    def fetch(self, name: int, places: int, row: Any) -> Any:
        """Elements of an array, one for each lane, from where a row of integers says."""
        value = ir.Constant(VECTOR, ir.Undefined)
        for lane, place in enumerate(self._places(places, row)):
            element = self.builder.load(self.builder.gep(self.data[name], [place]))
            value = self.builder.insert_element(value, element, ir.Constant(ir.IntType(32), lane))
        return value

    def hand(self, values: dict[int, Any]) -> None:
        """Add lanes to elements of arrays in first rows of later batches, one after the other: branches meet there."""
        for lane, place in enumerate(self._places(ABOVE, self.above)):
            for name, value in values.items():
                where = self.builder.gep(self.data[name], [place])
                element = self.builder.extract_element(value, ir.Constant(ir.IntType(32), lane))
                self.builder.store(self.builder.fadd(self.builder.load(where), element), where)

    def taken(self, name: int, left: Any = None) -> Any:
        """What the first row has been handed; what is left there for the next time, if not zero."""
        value = self.load(name, self.begin)
        self.store(name, self.begin, all_lanes(WIDTH, 0.0) if left is None else left)
        return value

    def last(self, row: Any) -> Any:
        """Whether a row is the last."""
        return self.builder.icmp_signed("==", self.next(row), self.end)

    def next(self, row: Any) -> Any:
        """The row after a row."""
        return self.builder.add(row, ir.Constant(WORD, 1))

    @contextmanager
    def up(self, *carried: Any) -> Iterator[tuple[Any, list[Any]]]:
        """Through the rows towards the root; what is carried from row to row lies in variables."""
        kept = self._variables(carried)
        with cgutils.for_range(self.builder, self.builder.sub(self.end, self.begin)) as loop:
            yield self.builder.add(self.begin, loop.index), kept

    @contextmanager
    def down(self, *carried: Any) -> Iterator[tuple[Any, list[Any]]]:
        """Through the rows away from the root."""
        kept, last = self._variables(carried), self.builder.sub(self.end, ir.Constant(WORD, 1))
        with cgutils.for_range(self.builder, self.builder.sub(self.end, self.begin)) as loop:
            yield self.builder.sub(last, loop.index), kept

    def _variables(self, values: tuple[Any, ...]) -> list[Any]:
        kept = [cgutils.alloca_once(self.builder, VECTOR) for _ in values]
        for variable, value in zip(kept, values, strict=True):
            self.builder.store(value, variable)
        return kept

    def _row(self, name: int, row: Any) -> Any:
        at = self.builder.mul(row, ir.Constant(WORD, WIDTH))
        return self.builder.bitcast(self.builder.gep(self.data[name], [at]), VECTOR.as_pointer())

    def _places(self, name: int, row: Any) -> list[Any]:
        first = self.builder.gep(self.data[name], [self.builder.mul(row, ir.Constant(WORD, WIDTH))])
        places = [self.builder.load(self.builder.gep(first, [ir.Constant(WORD, lane)])) for lane in range(WIDTH)]
        return [self.builder.zext(place, WORD) for place in places]


def make_sweep(body: Callable[[Any, Batch, list[Any]], None]) -> Any:
    """``op(table, size, copy, above, place, value, slope, batch, begin, end, number)``: ``body`` writes what a batch does."""

    @intrinsic
    def operation(
        typing_context: Any,
        table: Any,
        size: Any,
        copy: Any,
        above: Any,
        place: Any,
        value: Any,
        slope: Any,
        batch: Any,
        begin: Any,
        end: Any,
        number: Any,
    ) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            names = {0: -1, 3: ABOVE, 4: PLACE, 5: VALUE, 6: SLOPE}
            data = {name: data_of(context, builder, sig.args[i], args[i]) for i, name in names.items()}
            whole, more = data.pop(-1), builder.mul(args[2], ir.Constant(WORD, FACTORS))
            for name in range(ABOVE):
                at = ir.Constant(WORD, name)
                at = builder.add(at, more) if name >= INVERSE else at
                data[name] = builder.gep(whole, [builder.mul(at, args[1])])
            body(builder, Batch(builder, data, args[8], args[9], args[7]), [splat(builder, args[10], WIDTH)])
            return context.get_dummy_value()

        integers = (types.intp, types.intp, types.intp)
        return types.void(table, types.intp, types.intp, above, place, value, slope, *integers, types.float64), generate

    return operation


def _flow(builder: Any, batch: Batch, row: Any, u_end: Any) -> tuple[Any, Any]:
    """What flows from the parent into each node of a row, and what the leak adds to it."""
    u = batch.load(U, row)
    above = builder.select(batch.last(row), u_end, batch.load(U, batch.next(row)))
    flow = times(builder, batch.load(G, row), minus(builder, above, u))
    leak = times(builder, batch.load(LEAK, row), minus(builder, batch.load(REST, row), u))
    return flow, plus(builder, flow, leak)


def _rise(builder: Any, batch: Batch, numbers: list[Any]) -> None:
    """Right-hand sides of the first stage up rows whose factors are known."""
    u_end = batch.fetch(U, ABOVE, batch.above)
    with batch.up(batch.taken(ARRIVED)) as (row, (arrived,)):
        flow, own = _flow(builder, batch, row, u_end)
        total = plus(builder, own, builder.load(arrived))
        batch.store(R, row, total)
        builder.store(minus(builder, times(builder, batch.load(SHARE, row), total), flow), arrived)
    batch.hand({ARRIVED: builder.load(arrived)})


def _eliminate(builder: Any, batch: Batch, numbers: list[Any]) -> None:
    """The same with the elimination of rows whose currents change."""
    one, per_step = all_lanes(WIDTH, 1.0), numbers[0]
    u_end = batch.fetch(U, ABOVE, batch.above)
    with batch.up(batch.taken(ARRIVED), batch.taken(EXCESS, batch.load(HANDED, batch.begin))) as (row, (arrived, more)):
        flow, own = _flow(builder, batch, row, u_end)
        capacity, g = batch.load(CAPACITY, row), batch.load(G, row)
        slope = minus(builder, per_step, batch.fetch(SLOPE, PLACE, row))
        excess = plus(builder, times(builder, capacity, slope), plus(builder, batch.load(LEAK, row), builder.load(more)))
        inverse = builder.fdiv(one, plus(builder, excess, g))
        share = times(builder, g, inverse)
        current = times(builder, capacity, batch.fetch(VALUE, PLACE, row))
        total = plus(builder, plus(builder, own, current), builder.load(arrived))
        for name, value in ((INVERSE, inverse), (SHARE, share), (R, total)):
            batch.store(name, row, value)
        builder.store(minus(builder, times(builder, share, total), flow), arrived)
        builder.store(times(builder, share, excess), more)
    batch.hand({ARRIVED: builder.load(arrived), EXCESS: builder.load(more)})


def _solved(builder: Any, batch: Batch, row: Any, own: Any, above: Any) -> Any:
    inverse, share = batch.load(INVERSE, row), batch.load(SHARE, row)
    return plus(builder, builder.fmul(inverse, own), times(builder, share, builder.load(above)))


def _descend(builder: Any, batch: Batch, numbers: list[Any]) -> None:
    """Solution of the first of two stages."""
    with batch.down(batch.fetch(R, ABOVE, batch.above)) as (row, (above,)):
        w = _solved(builder, batch, row, batch.load(R, row), above)
        batch.store(R, row, w)
        builder.store(w, above)


def _descend_only(builder: Any, batch: Batch, numbers: list[Any]) -> None:
    """Solution of an only stage, and the new v with its weight."""
    with batch.down(batch.fetch(R, ABOVE, batch.above)) as (row, (above,)):
        w = _solved(builder, batch, row, batch.load(R, row), above)
        batch.store(R, row, w)
        batch.store(U, row, plus(builder, batch.load(U, row), times(builder, numbers[0], w)))
        builder.store(w, above)


def _rise_again(builder: Any, batch: Batch, numbers: list[Any]) -> None:
    """Right-hand sides of the second stage: what is carried from the first, ``numbers[0]`` times capacity and solution."""
    with batch.up(batch.taken(ARRIVED)) as (row, (arrived,)):
        carried = times(builder, numbers[0], batch.load(CAPACITY, row))
        total = plus(builder, times(builder, carried, batch.load(R, row)), builder.load(arrived))
        batch.store(B, row, total)
        builder.store(times(builder, batch.load(SHARE, row), total), arrived)
    batch.hand({ARRIVED: builder.load(arrived)})


def _descend_again(builder: Any, batch: Batch, numbers: list[Any]) -> None:
    """Solution of the second stage, and the new v with the weight of the first."""
    with batch.down(batch.fetch(B, ABOVE, batch.above)) as (row, (above,)):
        w = _solved(builder, batch, row, batch.load(B, row), above)
        batch.store(B, row, w)
        change = plus(builder, times(builder, numbers[0], batch.load(R, row)), w)
        batch.store(U, row, plus(builder, batch.load(U, row), change))
        builder.store(w, above)


rise: Any = make_sweep(_rise)
eliminate: Any = make_sweep(_eliminate)
descend: Any = make_sweep(_descend)
descend_only: Any = make_sweep(_descend_only)
rise_again: Any = make_sweep(_rise_again)
descend_again: Any = make_sweep(_descend_again)


@intrinsic
def take_out(typing_context: Any, y: Any, at: Any, table: Any, first: Any, slot: Any, k: Any) -> Any:
    """Elements ``first + slot[k] .. first + slot[k + WIDTH - 1]`` of ``table`` to ``y`` from ``at`` on."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        y_data, whole, slots = (data_of(context, builder, sig.args[i], args[i]) for i in (0, 2, 4))
        data = {U: builder.gep(whole, [args[3]]), PLACE: builder.gep(slots, [args[5]])}
        value = Batch(builder, data, None, None, None).fetch(U, PLACE, ir.Constant(WORD, 0))
        where = builder.bitcast(builder.gep(y_data, [args[1]]), VECTOR.as_pointer())
        builder.store(value, where).align = 8
        return context.get_dummy_value()

    return types.void(y, types.intp, table, types.intp, slot, types.intp), generate
