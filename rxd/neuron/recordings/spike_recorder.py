"""Who records the spikes of a source: in NEURON one Vector of times and one function for all its NetCons.

In: a source, and what the last of its NetCons wants. Out: times and numbers in Vectors, calls. Vectors are filled when all
NetCons of the source are gone, too, as in `h.NetCon(cell, None).record(times, numbers, 3)`.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import caution

if TYPE_CHECKING:
    from rxd.neuron.events.connections import NetCon
    from rxd.neuron.vectors.vector import Vector

__all__ = ["SpikeRecorder"]

_HELD = "spike_recorders"  # what a Vector remembers them by


class SpikeRecorder:
    """To whoever sends events it is a connection that leads nowhere; the Vector of times and the source's NetCons keep it."""

    __slots__ = ("__weakref__", "_asking", "_numbers", "_run", "_times", "action", "label")
    delay = math.inf

    def __init__(self, run: weakref.ref[Any]) -> None:
        self._run = run
        self.action: Callable[[], Any] | None = None
        self._asking: Callable[[], NetCon | None] = _nothing
        self._times: Callable[[], Vector | None] = _nothing
        self._numbers: Callable[[], Vector | None] = _nothing
        self.label = 0.0

    def write_to(self, times: Vector | None, numbers: Vector | None, label: float, asking: NetCon) -> None:
        """Record in these Vectors from now on, and no longer in others.

        Warns
        -----
        UserWarning
            If another NetCon that still is there has asked for another Vector that still is there.
        """
        last, asked = self.times, self._asking()
        if last is not None:
            vars(last)[_HELD].remove(self)
            if times is not None and last is not times and asked is not None and asked is not asking:
                caution(
                    f"{asking}.record: the spikes of its source are written to {times} from now on, and no longer to {last}, "
                    f"for which {asked} has asked. A source has one Vector of times, as in NEURON; copy it after the run."
                )
        self._asking = weakref.ref(asking)
        self._times = _nothing if times is None else weakref.ref(times)
        self._numbers = _nothing if numbers is None else weakref.ref(numbers)
        self.label = label
        if times is not None:
            vars(times).setdefault(_HELD, []).append(self)

    @property
    def times(self) -> Vector | None:
        """The Vector of the times."""
        return self._times()

    @property
    def numbers(self) -> Vector | None:
        """The Vector that takes a number for every spike."""
        return self._numbers()

    def syn(self) -> None:
        """It leads nowhere."""

    def deliver(self, t: float) -> None:
        """Nobody is there to get it."""

    def active(self) -> bool:
        """Whether it sends anything."""
        return False

    def begin(self) -> None:
        """Start from empty; called by `finitialize`."""
        for vector in (self.times, self.numbers):
            if vector is not None:
                vector.resize(0)

    def spike(self, t: float) -> None:
        """The source fires."""
        times, numbers = self.times, self.numbers
        if times is not None:
            times.push(t)
            if numbers is not None:
                numbers.push(self.label)
        run = self._run()
        if self.action is not None and run is not None:
            run.call(self.action, t)


def _nothing() -> None:
    """No Vector, no NetCon."""
