"""Recordings of NetCons that are gone: in NEURON they belong to the source, and go on.

In: a NetCon that records, and may go at once, as in `h.NetCon(cell, None).record(times, numbers, 3)`. Out: something that then
listens to the source in its place as long as the Vector of the times lives.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rxd.neuron.vector import Vector

__all__ = ["Lasting", "end_recordings"]

_HELD = "lasting"  # what a Vector remembers them by


class Lasting:
    """Records the spikes of a source; to whoever sends events it is a connection that leads nowhere."""

    __slots__ = ("__weakref__", "_numbers", "_times", "label", "waiting")
    delay = math.inf

    def __init__(self, connection: Any) -> None:
        times, numbers = connection.get_recordvec(), connection.numbers
        self._times = weakref.ref(times)
        self._numbers = (lambda: None) if numbers is None else weakref.ref(numbers)
        self.label = connection.label
        self.waiting: weakref.ref[Any] | None = None
        """The NetCon that is not gone yet."""
        vars(times).setdefault(_HELD, []).append(self)

    def end(self) -> None:
        """Record no more."""
        times = self._times()
        if times is not None and self in vars(times)[_HELD]:
            vars(times)[_HELD].remove(self)

    def syn(self) -> None:
        """It leads nowhere."""

    def deliver(self, t: float) -> None:
        """Nobody is there to get it."""

    def active(self) -> bool:
        """Whether it sends anything."""
        return False

    def get_recordvec(self) -> Vector | None:
        """The Vector of the times."""
        return self._times()

    @property
    def numbers(self) -> Vector | None:
        """The Vector that takes a number for every spike."""
        return self._numbers()

    def begin(self) -> None:
        """Start from empty."""
        for vector in (self._times(), self._numbers()):
            if vector is not None:
                vector.resize(0)

    def spike(self, t: float) -> None:
        """The source fires."""
        times, numbers = self._times(), self._numbers()
        if times is not None:
            times.push(t)
            if numbers is not None:
                numbers.push(self.label)


def end_recordings(references: Iterable[weakref.ref[Any]]) -> None:
    """Another NetCon of a source says who records: those of NetCons that are gone end, as in NEURON."""
    for reference in list(references):
        one = reference()
        if isinstance(one, Lasting):
            one.end()
