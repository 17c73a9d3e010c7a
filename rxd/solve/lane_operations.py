"""Operations on vectors in arrays that the split stepper's loops are made of, and how those loops are compiled.

As in `rxd.solve.vectors`, every operation reads all its operands before it writes, so that nothing has to be proved about them.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType
from typing import Any, Final

import numba as nb
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from geometry.compiled import QuickCompiler, hot_options, inner_options
from geometry.kernel_files import kept_kernel
from rxd.solve.vectors import CONTRACT, data_of, load_lanes, store_lanes

_ARITHMETIC: Final = {"contract", "nsz", "arcp"}
_compile: Any = nb.njit  # its types do not know the options below

# Without reference counts: a loop that takes a part of an array counts it up and down, atomically, and spent a fifth of a step
# on that. Such a function cannot allocate, and the arrays belong to its caller.
_quick: Final = MappingProxyType({"pipeline_class": QuickCompiler, "_nrt": False, "error_model": "numpy"})
lean_kernel: Any = kept_kernel(fastmath=_ARITHMETIC, no_cfunc_wrapper=True, **_quick)
"""Decorator of what Python calls."""
free_kernel: Any = kept_kernel(fastmath=_ARITHMETIC, nogil=True, no_cfunc_wrapper=True, **_quick)
"""The same, while which other threads of Python may run."""
part_kernel: Any = kept_kernel(fastmath=_ARITHMETIC, no_cpython_wrapper=True, no_cfunc_wrapper=True, **_quick)
"""Decorator of what compiled code calls by address (`rxd.codegen.lane_calls.call_part`)."""
c_kernel: Any = kept_kernel(fastmath=_ARITHMETIC, no_cpython_wrapper=True, **_quick)
"""Decorator of what Python calls by address."""
inner_kernel: Any = _compile(fastmath=_ARITHMETIC, error_model="numpy", **hot_options)
"""Decorator of what only these call."""
draft_kernel: Any = _compile(fastmath=_ARITHMETIC, error_model="numpy", **inner_options)
"""The same where LLVM does as well if it meets the function in its caller only: compiled in less time."""
# numba inlines what is called in a function that is inlined, unless told.
draft_own_kernel: Any = _compile(fastmath=_ARITHMETIC, error_model="numpy", forceinline=False, **inner_options)
"""The same that stays a function, with `rxd.codegen.lane_calls.on_its_own`."""

# Passing an array to a function costs seven words on the stack: what is called for every few nodes becomes part of its caller.
inline_kernel: Any = _compile(fastmath=_ARITHMETIC, error_model="numpy", forceinline=True, **hot_options)
draft_inline_kernel: Any = _compile(fastmath=_ARITHMETIC, error_model="numpy", forceinline=True, **inner_options)

# Products and sums rounded one by one, as Python does: for times that both compute. Without a word about it, numba gives a
# function the arithmetic of the first that calls it.
exact_kernel: Any = kept_kernel(nogil=True, no_cfunc_wrapper=True, fastmath=False, **_quick)
exact_inner_kernel: Any = _compile(error_model="numpy", fastmath=False, **inner_options)

Body = Callable[[Any, list[Any], list[Any]], list[Any]]
"""From a builder, vectors that were read and numbers to the vectors to be written."""


def make_operation(lanes: int, body: Body) -> Any:
    """``op(arrays, places, numbers)``, tuples: ``body`` computes new rows from old ones.

    It gets the builder, the lanes of every array from its place on and the numbers, each in all lanes; the vectors it returns
    go to the first arrays, in their order.
    """

    @intrinsic
    def operation(typing_context: Any, arrays: Any, places: Any, numbers: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            kinds, integers = list(sig.args[0].types), list(sig.args[1].types)
            values = cgutils.unpack_tuple(builder, args[0], len(kinds))
            indices = cgutils.unpack_tuple(builder, args[1], len(kinds))
            indices = [context.cast(builder, i, k, types.intp) for i, k in zip(indices, integers, strict=True)]
            operands = list(zip(kinds, values, indices, strict=True))
            read = [load_lanes(context, builder, kind, value, place, lanes) for kind, value, place in operands]
            scalars = [splat(builder, number, lanes) for number in cgutils.unpack_tuple(builder, args[2])]
            for (kind, value, place), vector in zip(operands, body(builder, read, scalars), strict=False):
                store_lanes(context, builder, kind, value, place, lanes, vector)
            return context.get_dummy_value()

        return types.void(arrays, places, numbers), generate

    return operation


def splat(builder: Any, number: Any, lanes: int) -> Any:
    """A number in all lanes."""
    empty = ir.Constant(ir.VectorType(ir.DoubleType(), lanes), ir.Undefined)
    first = builder.insert_element(empty, number, ir.Constant(ir.IntType(32), 0))
    return builder.shuffle_vector(first, empty, ir.Constant(ir.VectorType(ir.IntType(32), lanes), [0] * lanes))


def plus(builder: Any, a: Any, b: Any) -> Any:
    """Sum of two vectors."""
    return builder.fadd(a, b, flags=CONTRACT)


def minus(builder: Any, a: Any, b: Any) -> Any:
    """Difference of two vectors."""
    return builder.fsub(a, b, flags=CONTRACT)


def times(builder: Any, a: Any, b: Any) -> Any:
    """Product of two vectors."""
    return builder.fmul(a, b, flags=CONTRACT)


def moved_row(builder: Any, row: list[Any], numbers: list[Any]) -> list[Any]:
    """(a; b), s: a becomes a + s b."""
    return [plus(builder, row[0], times(builder, numbers[0], row[1]))]


def raised(builder: Any, row: list[Any], numbers: list[Any]) -> list[Any]:
    """(a), s: a becomes a + s."""
    return [plus(builder, row[0], numbers[0])]


def scaled_row(builder: Any, row: list[Any], numbers: list[Any]) -> list[Any]:
    """(a; b), s: a becomes s b."""
    return [times(builder, numbers[0], row[1])]


def make_transpose_in(lanes: int) -> Any:
    """``op(y, starts, s, k, u)``: nodes k to k + lanes of y, one species per lane, to rows k, k + 1 ... of u.

    ``starts[s + l]`` is where the species of lane l begins.
    """

    @intrinsic
    def operation(typing_context: Any, y: Any, starts: Any, s: Any, k: Any, u: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            places = _places(context, builder, sig, args, lanes)
            rows = [load_lanes(context, builder, sig.args[0], args[0], place, lanes) for place in places]
            for row, vector in enumerate(transposed(builder, rows)):
                at = builder.mul(builder.add(args[3], ir.Constant(args[3].type, row)), ir.Constant(args[3].type, lanes))
                store_lanes(context, builder, sig.args[4], args[4], at, lanes, vector)
            return context.get_dummy_value()

        return types.void(y, starts, types.intp, types.intp, u), generate

    return operation


def make_transpose_out(lanes: int) -> Any:
    """``op(y, starts, s, k, u)``: the way back. Lane 0 is written last, so that idle lanes may share its place."""

    @intrinsic
    def operation(typing_context: Any, y: Any, starts: Any, s: Any, k: Any, u: Any) -> Any:
        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            places = _places(context, builder, sig, args, lanes)
            rows = []
            for row in range(lanes):
                at = builder.mul(builder.add(args[3], ir.Constant(args[3].type, row)), ir.Constant(args[3].type, lanes))
                rows.append(load_lanes(context, builder, sig.args[4], args[4], at, lanes))
            for place, vector in reversed(list(zip(places, transposed(builder, rows), strict=True))):
                store_lanes(context, builder, sig.args[0], args[0], place, lanes, vector)
            return context.get_dummy_value()

        return types.void(y, starts, types.intp, types.intp, u), generate

    return operation


def _places(context: Any, builder: Any, sig: Any, args: Any, lanes: int) -> list[Any]:
    first = builder.gep(data_of(context, builder, sig.args[1], args[1]), [args[2]])
    starts = [builder.load(builder.gep(first, [ir.Constant(ir.IntType(64), lane)])) for lane in range(lanes)]
    return [builder.add(start, args[3]) for start in starts]


def transposed(builder: Any, rows: list[Any]) -> list[Any]:
    """Vectors with rows and columns exchanged, in log2 rounds of shuffles."""
    n = len(rows)
    half = n // 2
    while half:
        fresh = list(rows)
        for i in range(n):
            if not i & half:
                a, b = rows[i], rows[i | half]
                fresh[i] = builder.shuffle_vector(a, b, _mask([n + (j ^ half) if j & half else j for j in range(n)]))
                fresh[i | half] = builder.shuffle_vector(a, b, _mask([n + j if j & half else j | half for j in range(n)]))
        rows = fresh
        half //= 2
    return rows


def _mask(index: list[int]) -> Any:
    return ir.Constant(ir.VectorType(ir.IntType(32), len(index)), index)
