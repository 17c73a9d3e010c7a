"""Operations on short vectors inside arrays, as vector instructions whatever the compiler can prove.

A loop over lanes such as ``a[i + l] -= b[j + l] * c[k + l]`` with offsets read from a list of operations does not become
vector code: the compiler can neither rule out that the three overlap nor that an index is negative. These intrinsics read all
their operands before they write, so there is nothing to rule out. Every one is made for a number of lanes; arrays are
contiguous doubles.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

CONTRACT = ("contract",)


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any, lanes: int) -> Any:
    data = context.make_array(kind)(context, builder, array).data
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
                row = _moved(builder, args[3], builder.mul(i.index, args[6]), lanes)
                with cgutils.for_range(builder, args[6]) as k:
                    entry = load_lanes(context, builder, sig.args[2], args[2], _moved(builder, row, k.index, lanes), lanes)
                    value = load_lanes(context, builder, sig.args[4], args[4], _moved(builder, args[5], k.index, lanes), lanes)
                    builder.store(plus_product(builder, builder.load(total), entry, value), total)
                place = _moved(builder, args[1], i.index, lanes)
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
                one = load_lanes(context, builder, sig.args[2], args[2], _moved(builder, args[3], k.index, lanes), lanes)
                far = _moved(builder, args[5], builder.mul(k.index, args[6]), lanes)
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


def make_stage_sums(lanes: int) -> Any:
    """``op(point, p, rest, r, base, b, U, u, stride, v, w, count)``: two sums over the first stages in one go.

    ``point`` (from p) becomes ``base`` (from b) plus ``sum_j v[j] U_j``, ``rest`` (from r) becomes ``sum_j w[j] U_j``, with
    U_j from ``u + j stride`` on.
    """

    @intrinsic
    def operation(
        typing_context: Any, point: Any, p: Any, rest: Any, r: Any, base: Any, b: Any, U: Any, u: Any, stride: Any, v: Any,
        w: Any, count: Any,
    ) -> Any:  # fmt: skip
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            vector = ir.VectorType(ir.DoubleType(), lanes)
            one, two = cgutils.alloca_once(builder, vector), cgutils.alloca_once(builder, vector)
            builder.store(load_lanes(context, builder, sig.args[4], args[4], args[5], lanes), one)
            builder.store(all_lanes(lanes, 0.0), two)
            with cgutils.for_range(builder, args[11]) as j:
                place = builder.add(args[7], builder.mul(j.index, args[8]))
                stage = load_lanes(context, builder, sig.args[6], args[6], place, lanes)
                for total, position in ((one, 9), (two, 10)):
                    data = context.make_array(sig.args[position])(context, builder, args[position]).data
                    weight = _spread(builder, builder.load(builder.gep(data, [j.index])), lanes)
                    builder.store(plus_product(builder, builder.load(total), weight, stage), total)
            store_lanes(context, builder, sig.args[0], args[0], args[1], lanes, builder.load(one))
            store_lanes(context, builder, sig.args[2], args[2], args[3], lanes, builder.load(two))
            return context.get_dummy_value()

        whole = types.intp
        return types.void(point, whole, rest, whole, base, whole, U, whole, whole, v, w, whole), generate

    return operation


def _moved(builder: Any, start: Any, entries: Any, lanes: int) -> Any:
    """A place some entries further."""
    return builder.add(start, builder.mul(entries, ir.Constant(entries.type, lanes)))


def plus_product(builder: Any, total: Any, one: Any, two: Any) -> Any:
    """``total + one * two``."""
    return builder.fadd(total, builder.fmul(one, two, flags=CONTRACT), flags=CONTRACT)


def _spread(builder: Any, number: Any, lanes: int) -> Any:
    """A number in all lanes."""
    zero = ir.Constant(ir.IntType(32), 0)
    alone = builder.insert_element(ir.Constant(ir.VectorType(ir.DoubleType(), lanes), ir.Undefined), number, zero)
    return builder.shuffle_vector(alone, alone, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes))


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
                data = context.make_array(sig.args[n])(context, builder, args[n]).data
                bases.append(builder.gep(data, [args[3]]))
            first = builder.gep(context.make_array(sig.args[1])(context, builder, args[1]).data, [args[2]])
            for lane in range(lanes):
                index = builder.load(builder.gep(first, [ir.Constant(ir.IntType(64), lane)]))
                for base, values in zip(bases, both, strict=True):
                    value = builder.extract_element(values, ir.Constant(ir.IntType(32), lane))
                    builder.store(value, builder.gep(base, [index]))
            return context.get_dummy_value()

        whole = types.intp
        return types.void(out, place, whole, whole, a, whole, c, whole, other, x, whole), generate

    return operation


def make_gather(lanes: int) -> Any:
    """``op(source, place, p, offset, a, i)``: lane l of a, from i on, becomes ``source[place[p + l] + offset]``."""

    @intrinsic
    def operation(typing_context: Any, source: Any, place: Any, p: Any, offset: Any, a: Any, i: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            vector: Any = ir.Constant(ir.VectorType(ir.DoubleType(), lanes), ir.Undefined)
            for lane, address in enumerate(_addresses(context, builder, sig, args, lanes)):
                vector = builder.insert_element(vector, builder.load(address), ir.Constant(ir.IntType(32), lane))
            store_lanes(context, builder, sig.args[4], args[4], args[5], lanes, vector)
            return context.get_dummy_value()

        return types.void(source, place, types.intp, types.intp, a, types.intp), generate

    return operation


def _addresses(context: Any, builder: Any, sig: Any, args: Any, lanes: int) -> list[Any]:
    """Addresses of ``args[0][args[1][args[2] + l] + args[3]]``."""
    data = builder.gep(context.make_array(sig.args[0])(context, builder, args[0]).data, [args[3]])
    first = builder.gep(context.make_array(sig.args[1])(context, builder, args[1]).data, [args[2]])
    found = []
    for lane in range(lanes):
        index = builder.load(builder.gep(first, [ir.Constant(ir.IntType(64), lane)]))
        found.append(builder.gep(data, [index]))
    return found


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
