"""Numbers too small to be normal (below 2e-308) taken for zero within a compiled loop.

A synapse that has been silent for some hundred time constants, or the foot of a front that spreads from zero, is such a number,
and x86 processors take a hundred times as long for arithmetic with it. Elsewhere nothing is done: there it costs little.
"""

from __future__ import annotations

import platform
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

FLUSH: Final = 0x8040
"""Bits of MXCSR: results and operands that are not normal are zero."""


def _control(builder: Any, name: str, place: Any) -> None:
    """Store or load MXCSR."""
    pointer = ir.IntType(8).as_pointer()
    function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.VoidType(), [pointer]), name)
    builder.call(function, [builder.bitcast(place, pointer)])


def _is_x86() -> bool:
    return platform.machine().lower() in {"x86_64", "amd64"}


def _take_for_zero(typing_context: Any) -> Any:
    """From here on numbers that are not normal are zero; returns how it was before, for `take_as_before`."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        word = ir.IntType(32)
        if not _is_x86():
            return ir.Constant(word, 0)
        place = cgutils.alloca_once(builder, word)
        _control(builder, "llvm.x86.sse.stmxcsr", place)
        before = builder.load(place)
        builder.store(builder.or_(before, ir.Constant(word, FLUSH)), place)
        _control(builder, "llvm.x86.sse.ldmxcsr", place)
        return before

    return types.int32(), generate


def _take_as_before(typing_context: Any, before: Any) -> Any:
    """Undo `take_for_zero`."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if _is_x86():
            place = cgutils.alloca_once_value(builder, args[0])
            _control(builder, "llvm.x86.sse.ldmxcsr", place)
        return context.get_dummy_value()

    return types.void(types.int32), generate


take_for_zero: Any = intrinsic(_take_for_zero)
take_as_before: Any = intrinsic(_take_as_before)
