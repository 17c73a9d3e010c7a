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
from numba.extending import intrinsic

CONTRACT = ("contract",)


def _address(context: Any, builder: Any, kind: Any, array: Any, index: Any, lanes: int) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [index]), ir.VectorType(ir.DoubleType(), lanes).as_pointer())


def _load(context: Any, builder: Any, kind: Any, array: Any, index: Any, lanes: int) -> Any:
    vector = builder.load(_address(context, builder, kind, array, index, lanes))
    vector.align = 8
    return vector


def _store(context: Any, builder: Any, kind: Any, array: Any, index: Any, lanes: int, vector: Any) -> None:
    builder.store(vector, _address(context, builder, kind, array, index, lanes)).align = 8


def _all(lanes: int, number: float) -> Any:
    return ir.Constant(ir.VectorType(ir.DoubleType(), lanes), [number] * lanes)


def make_product(lanes: int, combine: Callable[[Any, Any, Any], Any]) -> Any:
    """``op(a, i, b, j, c, k)``: a at i becomes ``combine(builder, a, b * c)``."""

    @intrinsic
    def operation(typing_context: Any, a: Any, i: Any, b: Any, j: Any, c: Any, k: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            one, two = (_load(context, builder, sig.args[n], args[n], args[n + 1], lanes) for n in (2, 4))
            old = _load(context, builder, sig.args[0], args[0], args[1], lanes)
            new = combine(builder, old, builder.fmul(one, two, flags=CONTRACT))
            _store(context, builder, sig.args[0], args[0], args[1], lanes, new)
            return context.get_dummy_value()

        return types.void(a, types.intp, b, types.intp, c, types.intp), generate

    return operation


def make_change(lanes: int, combine: Callable[[Any, Any], Any]) -> Any:
    """``op(a, i)``: a at i becomes ``combine(builder, a)``."""

    @intrinsic
    def operation(typing_context: Any, a: Any, i: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            old = _load(context, builder, sig.args[0], args[0], args[1], lanes)
            _store(context, builder, sig.args[0], args[0], args[1], lanes, combine(builder, old))
            return context.get_dummy_value()

        return types.void(a, types.intp), generate

    return operation


def make_transfer(lanes: int, combine: Callable[[Any, Any, Any], Any]) -> Any:
    """``op(a, i, b, j)``: a at i becomes ``combine(builder, a, b)``."""

    @intrinsic
    def operation(typing_context: Any, a: Any, i: Any, b: Any, j: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            other = _load(context, builder, sig.args[2], args[2], args[3], lanes)
            old = _load(context, builder, sig.args[0], args[0], args[1], lanes)
            _store(context, builder, sig.args[0], args[0], args[1], lanes, combine(builder, old, other))
            return context.get_dummy_value()

        return types.void(a, types.intp, b, types.intp), generate

    return operation


def make_block_product(lanes: int, add: bool) -> Any:
    """``op(out, o, S, s, b, j, size)``: block times vector, into ``out`` or (with ``add``) added to it.

    The block's m x m entries lie row by row from s, the vectors' m entries from o and j, each ``lanes`` numbers; m is the
    length of the tuple ``size``.
    """

    @intrinsic
    def operation(typing_context: Any, out: Any, o: Any, S: Any, s: Any, b: Any, j: Any, size: Any) -> Any:
        m = len(size)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            def shifted(index: Any, entries: int) -> Any:
                return builder.add(index, ir.Constant(index.type, entries * lanes))

            def load(n: int, entry: int) -> Any:
                return _load(context, builder, sig.args[n], args[n], shifted(args[n + 1], entry), lanes)

            vector = [load(4, k) for k in range(m)]
            sums = [load(0, k) if add else None for k in range(m)]
            for i in range(m):
                for k in range(m):
                    term = builder.fmul(load(2, i * m + k), vector[k], flags=CONTRACT)
                    sums[i] = term if sums[i] is None else builder.fadd(sums[i], term, flags=CONTRACT)
            for i in range(m):
                _store(context, builder, sig.args[0], args[0], shifted(args[1], i), lanes, sums[i])
            return context.get_dummy_value()

        return types.void(out, types.intp, S, types.intp, b, types.intp, size), generate

    return operation


def make_scatter(lanes: int, add: bool) -> Any:
    """``op(out, place, p, offset, a, i, c, k)``: lane l of ``a * c`` (from i and k) goes to ``out[place[p + l] + offset]``.

    With ``add`` it is added there, one lane after the other: places may repeat.
    """

    @intrinsic
    def operation(typing_context: Any, out: Any, place: Any, p: Any, offset: Any, a: Any, i: Any, c: Any, k: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            one, two = (_load(context, builder, sig.args[n], args[n], args[n + 1], lanes) for n in (4, 6))
            values = builder.fmul(one, two, flags=CONTRACT)
            for lane, address in enumerate(_addresses(context, builder, sig, args, lanes)):
                value = builder.extract_element(values, ir.Constant(ir.IntType(32), lane))
                builder.store(builder.fadd(builder.load(address), value, flags=CONTRACT) if add else value, address)
            return context.get_dummy_value()

        return types.void(out, place, types.intp, types.intp, a, types.intp, c, types.intp), generate

    return operation


def make_gather(lanes: int) -> Any:
    """``op(source, place, p, offset, a, i)``: lane l of a, from i on, becomes ``source[place[p + l] + offset]``."""

    @intrinsic
    def operation(typing_context: Any, source: Any, place: Any, p: Any, offset: Any, a: Any, i: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            vector: Any = ir.Constant(ir.VectorType(ir.DoubleType(), lanes), ir.Undefined)
            for lane, address in enumerate(_addresses(context, builder, sig, args, lanes)):
                vector = builder.insert_element(vector, builder.load(address), ir.Constant(ir.IntType(32), lane))
            _store(context, builder, sig.args[4], args[4], args[5], lanes, vector)
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
    return builder.fdiv(_all(old.type.count, 1.0), old)
