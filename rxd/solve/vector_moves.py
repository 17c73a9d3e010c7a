"""Lanes to and from places that a list names; as `rxd.solve.vectors`."""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from rxd.solve.vectors import CONTRACT, data_of, load_lanes, spread, store_lanes


def make_scatter(lanes: int, add: bool) -> Any:
    """``op(out, place, p, offset, a, i, c, k)``: lane l of ``a * c`` (from i and k) goes to ``out[place[p + l] + offset]``.

    With ``add`` it is added there, one lane after the other: places may repeat.
    """

    @intrinsic
    def operation(typing_context: Any, out: Any, place: Any, p: Any, offset: Any, a: Any, i: Any, c: Any, k: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            one, two = (load_lanes(context, builder, sig.args[n], args[n], args[n + 1], lanes) for n in (4, 6))
            values = builder.fmul(one, two, flags=CONTRACT)
            for lane, address in enumerate(_addresses(context, builder, sig, args, lanes)):
                value = builder.extract_element(values, ir.Constant(ir.IntType(32), lane))
                builder.store(builder.fadd(builder.load(address), value, flags=CONTRACT) if add else value, address)
            return context.get_dummy_value()

        return types.void(out, place, types.intp, types.intp, a, types.intp, c, types.intp), generate

    return operation


def make_double_scatter(lanes: int) -> Any:
    """``op(out, place, p, offset, a, i, c, k, other, x, j)``: as `make_scatter`, and lane l of x to the same of other."""

    @intrinsic
    def operation(
        typing_context: Any, out: Any, place: Any, p: Any, offset: Any, a: Any, i: Any, c: Any, k: Any, other: Any, x: Any,
        j: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            one, two, three = (load_lanes(context, builder, sig.args[n], args[n], args[n + 1], lanes) for n in (4, 6, 9))
            both = (builder.fmul(one, two, flags=CONTRACT), three)
            bases = []
            for n in (0, 8):
                data = data_of(context, builder, sig.args[n], args[n])
                bases.append(builder.gep(data, [args[3]]))
            first = builder.gep(data_of(context, builder, sig.args[1], args[1]), [args[2]])
            for lane in range(lanes):
                index = builder.load(builder.gep(first, [ir.Constant(ir.IntType(64), lane)]))
                for base, values in zip(bases, both, strict=True):
                    value = builder.extract_element(values, ir.Constant(ir.IntType(32), lane))
                    builder.store(value, builder.gep(base, [index]))
            return context.get_dummy_value()

        whole = types.intp
        return types.void(out, place, whole, whole, a, whole, c, whole, other, x, whole), generate

    return operation


def make_spread(lanes: int) -> Any:
    """``op(out, place, p, offset, a, i)``: lane l of a (from i) goes to ``out[place[p + l] + offset]``; places may repeat."""

    @intrinsic
    def operation(typing_context: Any, out: Any, place: Any, p: Any, offset: Any, a: Any, i: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            values = load_lanes(context, builder, sig.args[4], args[4], args[5], lanes)
            if binding.get_host_cpu_features().get("avx512f") and lanes == 8:
                _scattered(context, builder, sig, args, values)
                return context.get_dummy_value()
            for lane, address in enumerate(_addresses(context, builder, sig, args, lanes)):
                builder.store(builder.extract_element(values, ir.Constant(ir.IntType(32), lane)), address)
            return context.get_dummy_value()

        return types.void(out, place, types.intp, types.intp, a, types.intp), generate

    return operation


def make_gather(lanes: int) -> Any:
    """``op(source, place, p, offset, a, i)``: lane l of a, from i on, becomes ``source[place[p + l] + offset]``."""

    @intrinsic
    def operation(typing_context: Any, source: Any, place: Any, p: Any, offset: Any, a: Any, i: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            if binding.get_host_cpu_features().get("avx512f") and lanes % 8 == 0:
                for first in range(0, lanes, 8):
                    vector, at = _gathered(context, builder, sig, args, first), ir.Constant(ir.IntType(64), first)
                    store_lanes(context, builder, sig.args[4], args[4], builder.add(args[5], at), 8, vector)
                return context.get_dummy_value()
            found: Any = ir.Constant(ir.VectorType(ir.DoubleType(), lanes), ir.Undefined)
            for lane, address in enumerate(_addresses(context, builder, sig, args, lanes)):
                found = builder.insert_element(found, builder.load(address), ir.Constant(ir.IntType(32), lane))
            store_lanes(context, builder, sig.args[4], args[4], args[5], lanes, found)
            return context.get_dummy_value()

        return types.void(source, place, types.intp, types.intp, a, types.intp), generate

    return operation


def make_permute(lanes: int) -> Any:
    """``op(source, k, place, p, first, a, i)``: lane l of a, from i on, becomes ``source[k + place[p + l] - first]``.

    All these are among the ``lanes`` numbers from k on, so that one instruction can sort them, which a gather cannot.
    """

    @intrinsic
    def operation(typing_context: Any, source: Any, k: Any, place: Any, p: Any, first: Any, a: Any, i: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            old = load_lanes(context, builder, sig.args[0], args[0], args[1], lanes)
            indices = builder.gep(data_of(context, builder, sig.args[2], args[2]), [args[3]])
            if binding.get_host_cpu_features().get("avx512f") and lanes == 8:
                integers = ir.VectorType(ir.IntType(64), lanes)
                index = builder.load(builder.bitcast(indices, integers.as_pointer()))
                index.align = 8
                start = builder.insert_element(ir.Constant(integers, ir.Undefined), args[4], ir.Constant(ir.IntType(32), 0))
                start = builder.shuffle_vector(start, start, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes))
                kind = ir.FunctionType(old.type, [old.type, integers])
                permute = builder.module.declare_intrinsic("llvm.x86.avx512.permvar.df.512", (), kind)
                found = builder.call(permute, [old, builder.sub(index, start)])
            else:
                found = old
                for lane in range(lanes):
                    which = ir.Constant(ir.IntType(32), lane)
                    index = builder.sub(builder.load(builder.gep(indices, [ir.Constant(ir.IntType(64), lane)])), args[4])
                    found = builder.insert_element(found, builder.extract_element(old, index), which)
            store_lanes(context, builder, sig.args[5], args[5], args[6], lanes, found)
            return context.get_dummy_value()

        at = types.intp
        return types.void(source, at, place, at, at, a, at), generate

    return operation


def make_blend(lanes: int) -> Any:
    """``op(a, i, source, k, lane)``: this lane of a, from i on, becomes ``source[k]``."""

    @intrinsic
    def operation(typing_context: Any, a: Any, i: Any, source: Any, k: Any, lane: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            integers = ir.VectorType(ir.IntType(64), lanes)
            data = data_of(context, builder, sig.args[2], args[2])
            fresh = spread(builder, builder.load(builder.gep(data, [args[3]])), lanes)
            here = builder.insert_element(ir.Constant(integers, ir.Undefined), args[4], ir.Constant(ir.IntType(32), 0))
            here = builder.shuffle_vector(here, here, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes))
            chosen = builder.icmp_signed("==", here, ir.Constant(integers, list(range(lanes))))
            old = load_lanes(context, builder, sig.args[0], args[0], args[1], lanes)
            store_lanes(context, builder, sig.args[0], args[0], args[1], lanes, builder.select(chosen, fresh, old))
            return context.get_dummy_value()

        return types.void(a, types.intp, source, types.intp, types.intp), generate

    return operation


def _eight_places(context: Any, builder: Any, sig: Any, args: Any, first: int) -> tuple[Any, Any]:
    """Data of the array from its offset on, and the places of eight lanes from ``first`` on."""
    data = builder.gep(data_of(context, builder, sig.args[0], args[0]), [args[3]])
    indices = builder.gep(
        data_of(context, builder, sig.args[1], args[1]),
        [builder.add(args[2], ir.Constant(ir.IntType(64), first))],
    )
    index = builder.load(builder.bitcast(indices, ir.VectorType(ir.IntType(64), 8).as_pointer()))
    index.align = 8
    return data, index


def _scattered(context: Any, builder: Any, sig: Any, args: Any, values: Any) -> None:
    """Eight lanes to their places by one instruction; of those with the same place the last one stays."""
    data, index = _eight_places(context, builder, sig, args, 0)
    mask, byte = ir.VectorType(ir.IntType(1), 8), ir.IntType(8).as_pointer()
    kind = ir.FunctionType(ir.VoidType(), [byte, mask, index.type, values.type, ir.IntType(32)])
    scatter = builder.module.declare_intrinsic("llvm.x86.avx512.mask.scatter.qpd.512", (), kind)
    all_true = ir.Constant(mask, [1] * 8)
    builder.call(scatter, [builder.bitcast(data, byte), all_true, index, values, ir.Constant(ir.IntType(32), 8)])


def _gathered(context: Any, builder: Any, sig: Any, args: Any, first: int) -> Any:
    """Eight lanes from ``first`` on, by one instruction instead of eight loads that are put together."""
    data, index = _eight_places(context, builder, sig, args, first)
    doubles, integers = ir.VectorType(ir.DoubleType(), 8), ir.VectorType(ir.IntType(64), 8)
    mask, byte = ir.VectorType(ir.IntType(1), 8), ir.IntType(8).as_pointer()
    kind = ir.FunctionType(doubles, [doubles, byte, integers, mask, ir.IntType(32)])
    gather = builder.module.declare_intrinsic("llvm.x86.avx512.mask.gather.qpd.512", (), kind)
    zeros, all_true = ir.Constant(doubles, [0.0] * 8), ir.Constant(mask, [1] * 8)
    return builder.call(gather, [zeros, builder.bitcast(data, byte), index, all_true, ir.Constant(ir.IntType(32), 8)])


def _addresses(context: Any, builder: Any, sig: Any, args: Any, lanes: int) -> list[Any]:
    """Addresses of ``args[0][args[1][args[2] + l] + args[3]]``."""
    data = builder.gep(data_of(context, builder, sig.args[0], args[0]), [args[3]])
    first = builder.gep(data_of(context, builder, sig.args[1], args[1]), [args[2]])
    found = []
    for lane in range(lanes):
        index = builder.load(builder.gep(first, [ir.Constant(ir.IntType(64), lane)]))
        found.append(builder.gep(data, [index]))
    return found
