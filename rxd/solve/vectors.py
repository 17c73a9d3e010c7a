"""Operations on short vectors inside arrays, as vector instructions whatever the compiler can prove.

A loop over lanes such as ``a[i + l] -= b[j + l] * c[k + l]`` with offsets read from a list of operations does not become
vector code: the compiler can neither rule out that the three overlap nor that an index is negative. These intrinsics read all
their operands before they write, so there is nothing to rule out. Every one is made for a number of lanes; arrays are
contiguous doubles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

CONTRACT = ("contract",)


def data_of(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    """Address of an array's first element; to unpack all of the array takes longer, in Python and in LLVM."""
    return builder.extract_value(array, context.data_model_manager[kind].get_field_position("data"))


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any, lanes: int) -> Any:
    data = data_of(context, builder, kind, array)
    return builder.bitcast(builder.gep(data, [index]), ir.VectorType(ir.DoubleType(), lanes).as_pointer())


def load_lanes(context: Any, builder: Any, kind: Any, array: Any, index: Any, lanes: int) -> Any:
    """Vector of an array's elements from an index on."""
    vector = builder.load(_address(context, builder, kind, array, index, lanes))
    vector.align = 8
    return vector


def store_lanes(context: Any, builder: Any, kind: Any, array: Any, index: Any, lanes: int, vector: Any) -> None:
    """The opposite."""
    builder.store(vector, _address(context, builder, kind, array, index, lanes)).align = 8


def all_lanes(lanes: int, number: float) -> Any:
    """A constant in all lanes."""
    return ir.Constant(ir.VectorType(ir.DoubleType(), lanes), [number] * lanes)


def make_product(lanes: int, combine: Callable[[Any, Any, Any], Any]) -> Any:
    """``op(a, i, b, j, c, k)``: a at i becomes ``combine(builder, a, b * c)``."""

    @intrinsic
    def operation(typing_context: Any, a: Any, i: Any, b: Any, j: Any, c: Any, k: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            one, two = (load_lanes(context, builder, sig.args[n], args[n], args[n + 1], lanes) for n in (2, 4))
            old = load_lanes(context, builder, sig.args[0], args[0], args[1], lanes)
            new = combine(builder, old, builder.fmul(one, two, flags=CONTRACT))
            store_lanes(context, builder, sig.args[0], args[0], args[1], lanes, new)
            return context.get_dummy_value()

        return types.void(a, types.intp, b, types.intp, c, types.intp), generate

    return operation


def make_change(lanes: int, combine: Callable[[Any, Any], Any]) -> Any:
    """``op(a, i)``: a at i becomes ``combine(builder, a)``."""

    @intrinsic
    def operation(typing_context: Any, a: Any, i: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            old = load_lanes(context, builder, sig.args[0], args[0], args[1], lanes)
            store_lanes(context, builder, sig.args[0], args[0], args[1], lanes, combine(builder, old))
            return context.get_dummy_value()

        return types.void(a, types.intp), generate

    return operation


def make_transfer(lanes: int, combine: Callable[[Any, Any, Any], Any]) -> Any:
    """``op(a, i, b, j)``: a at i becomes ``combine(builder, a, b)``."""

    @intrinsic
    def operation(typing_context: Any, a: Any, i: Any, b: Any, j: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            other = load_lanes(context, builder, sig.args[2], args[2], args[3], lanes)
            old = load_lanes(context, builder, sig.args[0], args[0], args[1], lanes)
            store_lanes(context, builder, sig.args[0], args[0], args[1], lanes, combine(builder, old, other))
            return context.get_dummy_value()

        return types.void(a, types.intp, b, types.intp), generate

    return operation


def make_block_product(lanes: int) -> Any:
    """``op(out, o, S, s, b, j, m)``: block times vector; ``out`` is not ``b``.

    The block's m x m entries lie row by row from s, the vectors' m entries from o and j, each ``lanes`` numbers.
    """

    @intrinsic
    def operation(typing_context: Any, out: Any, o: Any, S: Any, s: Any, b: Any, j: Any, m: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            total = cgutils.alloca_once(builder, ir.VectorType(ir.DoubleType(), lanes))
            with cgutils.for_range(builder, args[6]) as i:
                builder.store(all_lanes(lanes, 0.0), total)
                row = moved(builder, args[3], builder.mul(i.index, args[6]), lanes)
                with cgutils.for_range(builder, args[6]) as k:
                    entry = load_lanes(context, builder, sig.args[2], args[2], moved(builder, row, k.index, lanes), lanes)
                    value = load_lanes(context, builder, sig.args[4], args[4], moved(builder, args[5], k.index, lanes), lanes)
                    builder.store(plus_product(builder, builder.load(total), entry, value), total)
                place = moved(builder, args[1], i.index, lanes)
                store_lanes(context, builder, sig.args[0], args[0], place, lanes, builder.load(total))
            return context.get_dummy_value()

        return types.void(out, types.intp, S, types.intp, b, types.intp, types.intp), generate

    return operation


def make_dot(lanes: int) -> Any:
    """``op(out, o, a, i, b, j, step, m)``: sum of m products of entries of a, one after the other, and of b, ``step`` apart."""

    @intrinsic
    def operation(typing_context: Any, out: Any, o: Any, a: Any, i: Any, b: Any, j: Any, step: Any, m: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            total = cgutils.alloca_once(builder, ir.VectorType(ir.DoubleType(), lanes))
            builder.store(all_lanes(lanes, 0.0), total)
            with cgutils.for_range(builder, args[7]) as k:
                one = load_lanes(context, builder, sig.args[2], args[2], moved(builder, args[3], k.index, lanes), lanes)
                far = moved(builder, args[5], builder.mul(k.index, args[6]), lanes)
                two = load_lanes(context, builder, sig.args[4], args[4], far, lanes)
                builder.store(plus_product(builder, builder.load(total), one, two), total)
            store_lanes(context, builder, sig.args[0], args[0], args[1], lanes, builder.load(total))
            return context.get_dummy_value()

        return types.void(out, types.intp, a, types.intp, b, types.intp, types.intp, types.intp), generate

    return operation


def make_inverse(lanes: int) -> Any:
    """``op(T, m)``: inverse of the m x m block at the beginning of T, in place, by Gauss-Jordan elimination, no pivoting."""

    @intrinsic
    def operation(typing_context: Any, T: Any, m: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            size = args[1]

            def load(index: Any) -> Any:
                return load_lanes(context, builder, sig.args[0], args[0], index, lanes)

            def store(index: Any, vector: Any) -> None:
                store_lanes(context, builder, sig.args[0], args[0], index, lanes, vector)

            def place(i: Any, j: Any) -> Any:
                return builder.mul(builder.add(builder.mul(i, size), j), ir.Constant(i.type, lanes))

            with cgutils.for_range(builder, size) as k:
                pivot = builder.fdiv(all_lanes(lanes, 1.0), load(place(k.index, k.index)))
                store(place(k.index, k.index), all_lanes(lanes, 1.0))
                with cgutils.for_range(builder, size) as j:
                    here = place(k.index, j.index)
                    store(here, builder.fmul(load(here), pivot))
                other = cgutils.for_range(builder, size)
                with other as i, builder.if_then(builder.icmp_signed("!=", i.index, k.index)):
                    factor = builder.fneg(load(place(i.index, k.index)))
                    store(place(i.index, k.index), all_lanes(lanes, 0.0))
                    with cgutils.for_range(builder, size) as j:
                        here = place(i.index, j.index)
                        store(here, plus_product(builder, load(here), factor, load(place(k.index, j.index))))
            return context.get_dummy_value()

        return types.void(T, types.intp), generate

    return operation


def reciprocal(builder: Any, value: Any) -> Any:
    """One over eight doubles. A division takes 16 cycles; where AVX-512 estimates it, two Newton steps take 4."""
    vector, one = value.type, all_lanes(8, 1.0)
    if not binding.get_host_cpu_features().get("avx512f"):
        return builder.fdiv(one, value, flags=CONTRACT)
    mask = ir.IntType(8)
    kind = ir.FunctionType(vector, [vector, vector, mask])
    estimate = builder.module.declare_intrinsic("llvm.x86.avx512.rcp14.pd.512", (), kind)
    found = builder.call(estimate, [value, all_lanes(8, 0.0), ir.Constant(mask, 255)])
    for _ in range(2):
        error = builder.fsub(one, builder.fmul(value, found, flags=CONTRACT), flags=CONTRACT)
        found = plus_product(builder, found, found, error)
    return found


def moved(builder: Any, start: Any, entries: Any, lanes: int) -> Any:
    """A place some entries further."""
    return builder.add(start, builder.mul(entries, ir.Constant(entries.type, lanes)))


def plus_product(builder: Any, total: Any, one: Any, two: Any) -> Any:
    """``total + one * two``."""
    return builder.fadd(total, builder.fmul(one, two, flags=CONTRACT), flags=CONTRACT)


def spread(builder: Any, number: Any, lanes: int) -> Any:
    """A number in all lanes."""
    zero = ir.Constant(ir.IntType(32), 0)
    alone = builder.insert_element(ir.Constant(ir.VectorType(ir.DoubleType(), lanes), ir.Undefined), number, zero)
    return builder.shuffle_vector(alone, alone, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes))


def added(builder: Any, old: Any, new: Any) -> Any:
    """Old plus new."""
    return builder.fadd(old, new, flags=CONTRACT)


def subtracted(builder: Any, old: Any, new: Any) -> Any:
    """Old minus new."""
    return builder.fsub(old, new, flags=CONTRACT)


def replaced(builder: Any, old: Any, new: Any) -> Any:
    """New alone."""
    return new


def negated(builder: Any, old: Any, new: Any) -> Any:
    """Minus new."""
    return builder.fneg(new)


def inverted(builder: Any, old: Any) -> Any:
    """One over old."""
    return builder.fdiv(all_lanes(old.type.count, 1.0), old)


def cleared(builder: Any, old: Any) -> Any:
    """Zero."""
    return all_lanes(old.type.count, 0.0)
