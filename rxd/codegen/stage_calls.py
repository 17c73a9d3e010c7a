"""Kernels of the direct solver that do all that a stage of a coupled step does at a node: how they are made and called.

Three kernels a group, all on the halves of chunks (`rxd.codegen.stage_text`): ``begin`` evaluates rates and Jacobian and
eliminates what is local, ``stage`` evaluates rates and eliminates, ``take`` brings back what the tree has solved for. A kernel
is compiled when somebody asks for its address: other linear solvers need others of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from geometry.compiled import QuickCompiler
from geometry.kernel_files import kept_kernel
from rxd.codegen.lane_calls import ARITHMETIC, ROW
from rxd.solve.vectors import data_of

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


class Part:
    """A kernel that only `call_stage` calls, as one compiled function calls another.

    Through a function for C, which passes its arguments on, a call waited until all that was written before was in the cache:
    the passing on read two arguments at once that had been written one by one.
    """

    def __init__(self, function: Callable[..., Any], signature: Any) -> None:
        options: Any = {"pipeline_class": QuickCompiler, "_nrt": False, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}
        made: Any = kept_kernel(fastmath=set(ARITHMETIC), error_model="numpy", **options)(function)
        made.compile(signature.args)
        found = made.overloads[signature.args]
        self._library = found.library  # it owns the code
        self.address = int(found.library.get_pointer_to_function(found.fndesc.llvm_func_name))


def stage_decorator(signature: Any) -> Callable[[Callable[..., Any]], Later]:
    """Decorator of kernels of one of the three signatures."""
    return later(lambda function: Part(function, signature))


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
            data = data_of(context, builder, kind, value)
            given.append(builder.gep(data, [offset]))
        given += cgutils.unpack_tuple(builder, args[3]) if sig.args[3].types else []
        given += [
            context.cast(builder, value, kind, types.int64)
            for value, kind in zip(cgutils.unpack_tuple(builder, args[4]), sig.args[4].types, strict=True)
        ]
        taken = [*(types.CPointer(kind.dtype) for kind in kinds), *sig.args[3], *len(sig.args[4]) * [types.int64]]
        function_type = context.call_conv.get_function_type(types.none, taken)
        function = builder.inttoptr(args[0], function_type.as_pointer())
        # kernels raise nothing, so what they say of errors is left alone
        context.call_conv.call_function(builder, function, types.none, taken, given)
        return context.get_dummy_value()

    return types.void(types.int64, arrays, starts, numbers, counts), generate


call_stage: Any = intrinsic(_call_stage)
