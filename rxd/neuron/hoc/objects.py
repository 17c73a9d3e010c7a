"""`neuron.hoc.HocObject`: what NEURON's objects are instances of.

In: any object. Out: whether it is one of hoc's: the interpreter, its functions and pointers, objects of classes and templates.
"""

from __future__ import annotations

from typing import Any, Final

__all__ = ["HocObject"]

PACKAGE: Final = "rxd.neuron."
REACTIONS: Final = "rxd.neuron.rxd."
OTHERS: Final = frozenset({"nrn", "rxd.neuron.mechanisms.inserted", "rxd.neuron.cells.sections"})
"""Modules of what NEURON's Python has of its own: sections, segments, mechanisms in them."""


class _Objects(type):
    """Answers `isinstance`: the classes here have no base class in common."""

    def __instancecheck__(cls, thing: Any) -> bool:
        # by where classes come from: a destructor asks when a process ends, too, and nothing can be imported any more
        homes = [kind.__module__ or "" for kind in type(thing).__mro__]
        if isinstance(thing, (str, BaseException)) or not OTHERS.isdisjoint(homes):  # texts that hoc passes on; errors
            return False
        return any(home.startswith(PACKAGE) and not home.startswith(REACTIONS) for home in homes)


class HocObject(metaclass=_Objects):
    """For `isinstance(thing, hoc.HocObject)`; `hoc.HocObject()` is `h`, as old scripts get it."""

    def __new__(cls) -> Any:
        """The interpreter."""
        from rxd.neuron import h

        return h
