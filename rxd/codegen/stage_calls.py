"""Kernels of the direct solver that do all that a stage of a coupled step does at a node: how they are made and called.

Three kernels a group, all on the halves of chunks (`rxd.codegen.stage_text`): ``begin`` evaluates rates and Jacobian and
eliminates what is local, ``stage`` evaluates rates and eliminates, ``take`` brings back what the tree has solved for. A kernel
is compiled when somebody asks for its address: other linear solvers need others of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from rxd.codegen.lane_calls import ROW, c_function

PLACES: Final = types.CPointer(types.int64)
TAKE: Final = types.void(*3 * [ROW], PLACES, *2 * [types.int64])
STAGE: Final = types.void(*7 * [ROW], PLACES, types.float64, *2 * [types.int64])
BEGIN: Final = types.void(*10 * [ROW], *2 * [PLACES], *3 * [types.float64], *3 * [types.int64])


class Later:
    """A kernel that is compiled when its address is asked for."""

    def __init__(self, function: Callable[..., Any], compiler: Callable[..., Any]) -> None:
        self._function, self._compiler = function, compiler
        self._compiled: Any = None

    @property
    def address(self) -> int:
        """Of the machine code."""
        if self._compiled is None:
            self._compiled = self._compiler(self._function)
        return int(self._compiled.address)


def later(compiler: Callable[..., Any]) -> Callable[[Callable[..., Any]], Later]:
    """A decorator that compiles when there is need to."""
    return lambda function: Later(function, compiler)


def stage_decorator(signature: Any) -> Callable[[Callable[..., Any]], Later]:
    """Decorator of kernels of one of the three signatures."""
    return later(c_function(signature))


def _call_stage(typing_context: Any, address: Any, arrays: Any, starts: Any, numbers: Any, counts: Any) -> Any:
    """Call the kernel at an address, with arrays from these places on, then numbers, then integers; all are tuples."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kinds = list(sig.args[1].types)
        values = cgutils.unpack_tuple(builder, args[1], len(kinds))
        offsets = [
            context.cast(builder, value, kind, types.intp)
            for value, kind in zip(cgutils.unpack_tuple(builder, args[2]), sig.args[2].types, strict=True)
        ]
        given = []
        for kind, value, offset in zip(kinds, values, offsets, strict=True):
            data = context.make_array(kind)(context, builder, value).data
            given.append(builder.gep(data, [offset]))
        given += cgutils.unpack_tuple(builder, args[3]) if sig.args[3].types else []
        given += [
            context.cast(builder, value, kind, types.int64)
            for value, kind in zip(cgutils.unpack_tuple(builder, args[4]), sig.args[4].types, strict=True)
        ]
        function_type = ir.FunctionType(ir.VoidType(), [value.type for value in given])
        builder.call(builder.inttoptr(args[0], function_type.as_pointer()), given)
        return context.get_dummy_value()

    return types.void(types.int64, arrays, starts, numbers, counts), generate


call_stage: Any = intrinsic(_call_stage)
