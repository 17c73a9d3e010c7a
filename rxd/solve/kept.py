"""Arguments that a compiled function takes again and again, unpacked from Python once.

To unpack seventy arrays costs more than a step of a small model does. A `Kept` holds them in memory as compiled code sees them;
a function takes it as one argument and gets the tuple with `kept`. Nothing is copied but addresses and sizes: the arrays are
those that Python has.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numba as nb
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import NativeValue, intrinsic, models, register_model, typeof_impl, unbox

from rxd.solve.lane_operations import lean_kernel

LARGEST: Final = 1 << 16
"""Bytes there are for a tuple."""


class KeptType(types.Type):
    """Of a `Kept` of a tuple of type ``held``."""

    def __init__(self, held: Any) -> None:
        self.held = held
        super().__init__(name=f"Kept({held})")


@register_model(KeptType)
class KeptModel(models.OpaqueModel):
    """An address."""


class Kept:
    """A tuple for compiled functions, which lives as long as this."""

    __slots__ = ("address", "kind", "memory", "values")

    def __init__(self, values: Any) -> None:
        self.values = values
        self.kind = KeptType(nb.typeof(values))
        self.memory = np.zeros(LARGEST, dtype=np.uint8)
        self.address = int(self.memory.ctypes.data)
        size = _write(self.memory, values)
        if size > LARGEST:
            message = f"A tuple of {size} bytes does not fit into {LARGEST}."
            raise ValueError(message)


def entry(function: Any, *arguments: Any) -> Callable[..., Any]:
    """A compiled function for arguments of the types of these, without the search for types at every call.

    To find out that a `Kept` and a few arrays have the types that they had the last time takes longer than to unpack them.
    """
    signature = tuple(nb.typeof(argument) for argument in arguments)
    function.compile(signature)
    found: Callable[..., Any] = function.overloads[signature].entry_point
    return found


@typeof_impl.register(Kept)
def _type_of(value: Kept, context: Any) -> KeptType:
    return value.kind


@unbox(KeptType)
def _unboxed(kind: KeptType, value: Any, context: Any) -> Any:
    address = context.pyapi.object_getattr_string(value, "address")
    pointer = context.pyapi.long_as_voidptr(address)
    context.pyapi.decref(address)
    return NativeValue(pointer)


def _place(context: Any, builder: Any, pointer: Any, held: Any) -> Any:
    return builder.bitcast(pointer, context.get_value_type(held).as_pointer())


@intrinsic
def kept(typing_context: Any, holder: Any) -> Any:
    """The tuple that a `Kept` holds."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.load(_place(context, builder, args[0], holder.held))

    return holder.held(holder), generate


@intrinsic
def _store(typing_context: Any, memory: Any, values: Any) -> Any:
    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        size = context.get_abi_sizeof(context.get_value_type(values))
        if size <= LARGEST:
            data = context.make_array(sig.args[0])(context, builder, args[0]).data
            builder.store(args[1], _place(context, builder, data, values))
        return ir.Constant(ir.IntType(64), size)

    return types.int64(memory, values), generate


@lean_kernel
def _write(memory: np.ndarray, values: Any) -> int:
    """Bytes that the tuple takes; it is in memory if it fits."""
    return _store(memory, values)  # type: ignore[call-arg]
