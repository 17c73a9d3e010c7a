"""`neuron.hoc.HocObject`: what NEURON's objects are instances of.

In: any object. Out: whether it is one of hoc's: the interpreter, its functions and pointers, objects of classes and templates.
"""

from __future__ import annotations

from typing import Any

__all__ = ["HocObject"]


class _Objects(type):
    """Answers `isinstance`: the classes here have no base class in common."""

    def __instancecheck__(cls, thing: Any) -> bool:
        from rxd.neuron.classes import CLASSES
        from rxd.neuron.hoc.templates import Instance
        from rxd.neuron.interpreter import Function, Interpreter
        from rxd.neuron.pointers import Pointer
        from rxd.neuron.points import PointProcess

        kinds = tuple(kind for name, kind in CLASSES.items() if isinstance(kind, type) and name != "Section")
        return isinstance(thing, (Instance, Function, Interpreter, Pointer, PointProcess, *kinds))


class HocObject(metaclass=_Objects):
    """For `isinstance(thing, hoc.HocObject)`; `hoc.HocObject()` is `h`, as old scripts get it."""

    def __new__(cls) -> Any:
        """The interpreter."""
        from rxd.neuron import h

        return h
