"""Sums of the stages of a Rosenbrock step and the end of the step, on rows of lanes; as `rxd.solve.vectors`."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rxd.solve.vectors import CONTRACT, all_lanes, data_of, load_lanes, moved, plus_product, reciprocal, spread, store_lanes


def make_stage_sums(lanes: int, most: int) -> Any:
    """``op(point, p, rest, r, base, b, U, u, stride, v, w, count, rows)``: two sums over the first stages in one go.

    For ``rows`` rows of lanes ``point`` (from p) becomes ``base`` (from b) plus ``sum_j v[j] U_j``, ``rest`` (from r) becomes
    ``sum_j w[j] U_j``, with U_j from ``u + j stride`` on; straight code for every ``count`` up to ``most``.
    """

    @intrinsic
    def operation(
        typing_context: Any, point: Any, p: Any, rest: Any, r: Any, base: Any, b: Any, U: Any, u: Any, stride: Any, v: Any,
        w: Any, count: Any, rows: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            done = builder.append_basic_block("done")
            choice = builder.switch(args[11], done)
            for number in range(most + 1):
                block = builder.append_basic_block(f"stages{number}")
                choice.add_case(ir.Constant(ir.IntType(64), number), block)
                builder.position_at_end(block)
                _write_sums(context, builder, sig, args, lanes, number)
                builder.branch(done)
            builder.position_at_end(done)
            return context.get_dummy_value()

        at = types.intp
        return types.void(point, at, rest, at, base, at, U, at, at, v, w, types.int64, at), generate

    return operation


def _write_sums(context: Any, builder: Any, sig: Any, args: Any, lanes: int, count: int) -> None:
    """The loop over rows of `make_stage_sums` for one number of stages."""

    def load(argument: int, place: Any) -> Any:
        return load_lanes(context, builder, sig.args[argument], args[argument], place, lanes)

    weights = []
    for position in (9, 10):
        data = data_of(context, builder, sig.args[position], args[position])
        numbers = [builder.load(builder.gep(data, [ir.Constant(ir.IntType(64), j)])) for j in range(count)]
        weights.append([spread(builder, number, lanes) for number in numbers])
    with cgutils.for_range(builder, args[12]) as row:
        one, two = load(4, moved(builder, args[5], row.index, lanes)), all_lanes(lanes, 0.0)
        place = moved(builder, args[7], row.index, lanes)
        for v, w in zip(*weights, strict=True):
            stage = load(6, place)
            one, two = plus_product(builder, one, v, stage), plus_product(builder, two, w, stage)
            place = builder.add(place, args[8])
        for position, total in ((0, one), (2, two)):
            where = moved(builder, args[position + 1], row.index, lanes)
            store_lanes(context, builder, sig.args[position], args[position], where, lanes, total)


def make_finish(row: int) -> Any:
    """``op(new, n, old, o, U, u, atol, t, rtol, most, rows)``: the end of a step, for ``rows`` rows of ``row`` lanes.

    ``new += U``; a row has one ``atol``; ``most`` keeps the largest ``|U| / (atol + rtol max(|old|, |new|))`` of eight lanes,
    and behind them sums in which whatever is no number shows.
    """
    halves = row // 8

    @intrinsic
    def operation(
        typing_context: Any, new: Any, n: Any, old: Any, o: Any, U: Any, u: Any, atol: Any, t: Any, rtol: Any, most: Any,
        rows: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            vector, whole = ir.VectorType(ir.DoubleType(), 8), ir.IntType(64)
            places = [ir.Constant(whole, k) for k in (0, 8)]
            sums = [cgutils.alloca_once(builder, vector) for _ in places]
            for place, total in zip(places, sums, strict=True):
                builder.store(load_lanes(context, builder, sig.args[9], args[9], place, 8), total)
            absolute, relative = _absolute(builder, vector), spread(builder, args[8], 8)
            tolerated = data_of(context, builder, sig.args[6], args[6])
            with cgutils.for_range(builder, builder.mul(args[10], ir.Constant(whole, halves))) as half:
                number = builder.sdiv(half.index, ir.Constant(whole, halves))
                allowed = spread(builder, builder.load(builder.gep(tolerated, [builder.add(args[7], number)])), 8)
                place = [moved(builder, args[k], half.index, 8) for k in (1, 3, 5)]
                begun, before, step = (
                    load_lanes(context, builder, sig.args[2 * k], args[2 * k], place[k], 8) for k in range(3)
                )
                after = builder.fadd(begun, step, flags=CONTRACT)
                store_lanes(context, builder, sig.args[0], args[0], place[0], 8, after)
                sizes = [builder.call(absolute, [each]) for each in (before, after)]
                larger = builder.select(builder.fcmp_ordered(">", *sizes), *sizes)
                tolerance = reciprocal(builder, plus_product(builder, allowed, relative, larger))
                ratio = builder.fmul(builder.call(absolute, [step]), tolerance, flags=CONTRACT)
                seen = builder.load(sums[0])
                builder.store(builder.select(builder.fcmp_ordered(">", ratio, seen), ratio, seen), sums[0])
                shown = plus_product(builder, ratio, all_lanes(8, 0.0), after)
                builder.store(builder.fadd(builder.load(sums[1]), shown), sums[1])
            for place, total in zip(places, sums, strict=True):
                store_lanes(context, builder, sig.args[9], args[9], place, 8, builder.load(total))
            return context.get_dummy_value()

        at = types.intp
        return types.void(new, at, old, at, U, at, atol, at, types.float64, most, at), generate

    return operation


def make_close(row: int) -> Any:
    """``op(new, n, U, u, most, rows)``: ``new += U`` for ``rows`` rows; ``most`` as in `make_finish`, but for the largest."""
    halves = row // 8

    @intrinsic
    def operation(typing_context: Any, new: Any, n: Any, U: Any, u: Any, most: Any, rows: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            vector, whole = ir.VectorType(ir.DoubleType(), 8), ir.IntType(64)
            behind = ir.Constant(whole, 8)
            shown = cgutils.alloca_once(builder, vector)
            builder.store(load_lanes(context, builder, sig.args[4], args[4], behind, 8), shown)
            with cgutils.for_range(builder, builder.mul(args[5], ir.Constant(whole, halves))) as half:
                place = [moved(builder, args[k], half.index, 8) for k in (1, 3)]
                begun, step = (load_lanes(context, builder, sig.args[2 * k], args[2 * k], place[k], 8) for k in range(2))
                after = builder.fadd(begun, step, flags=CONTRACT)
                store_lanes(context, builder, sig.args[0], args[0], place[0], 8, after)
                builder.store(builder.fadd(builder.load(shown), after), shown)
            store_lanes(context, builder, sig.args[4], args[4], behind, 8, builder.load(shown))
            return context.get_dummy_value()

        at = types.intp
        return types.void(new, at, U, at, most, at), generate

    return operation


def _absolute(builder: Any, vector: Any) -> Any:
    """LLVM's absolute value of a vector."""
    return builder.module.declare_intrinsic(f"llvm.fabs.v{vector.count}f64", (), ir.FunctionType(vector, [vector]))
