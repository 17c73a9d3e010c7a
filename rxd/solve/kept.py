"""Arguments that a compiled function takes again and again, unpacked from Python once.

To unpack seventy arrays costs more than a step of a small model does. A `Kept` holds them in memory as compiled code sees them;
a function takes it as one argument and gets the tuple with `kept`. Nothing is copied but addresses and sizes: the arrays are
those that Python has.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

import numba as nb
import numpy as np
from numba import types
from numba.extending import NativeValue, intrinsic, models, register_model, typeof_impl, unbox

from rxd.codegen.forms import Forms


class KeptType(types.Type):
    """Of a `Kept` of a tuple of type ``held``."""

    def __init__(self, held: Any) -> None:
        self.held = held
        super().__init__(name=f"Kept({held})")


@register_model(KeptType)
class KeptModel(models.OpaqueModel):
    """An address."""


class Kept:
    """A tuple for compiled functions, which lives as long as this; ``forms``: what is known of such tuples."""

    __slots__ = ("address", "kind", "memory", "values")

    def __init__(self, values: Any, forms: Forms | None = None) -> None:
        self.values = values
        self.kind = (forms or Forms()).find(KeptType, values, lambda: KeptType(nb.typeof(values)))
        form, numbers = _in_memory(values)
        self.memory = np.frombuffer(struct.pack(form, *numbers), dtype=np.uint8).copy()
        self.address = int(self.memory.ctypes.data)


def _in_memory(value: Any) -> tuple[str, list[Any]]:
    """How compiled code lays a value out (as C would, in the words of `struct`), and the numbers there.

    An array is its owner and parent, which nobody counts here, its size, that of an element, its address, shape and strides. To
    have numba write all this takes a second to compile, for every kind of tuple.
    """
    if isinstance(value, np.ndarray):
        words = [0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides]
        return f"{len(words)}q", words
    if isinstance(value, tuple):
        parts = [_in_memory(part) for part in value]
        form = "".join(part for part, _ in parts)
        edge = "0q" if form.strip("?") else ""  # begins and ends where its widest number may
        return edge + form + edge, [number for _, numbers in parts for number in numbers]
    for kind, letter in ((bool, "?"), (int, "q"), (float, "d")):
        if isinstance(value, kind):
            return letter, [value]
    message = f"A tuple for compiled functions holds arrays, bools, ints, floats and tuples of these, not {value!r}."
    raise TypeError(message)


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
