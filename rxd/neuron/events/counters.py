"""APCount: counts how often the voltage of a segment rises through a threshold.

In: a place and a threshold. Out: the number of crossings, the time of the last, all times in a Vector.
"""

from __future__ import annotations

import weakref
from typing import Any

from rxd.neuron.cells.sections import Section, Segment
from rxd.neuron.events.connections import DELAY_OF_DETECTION, Detector
from rxd.neuron.mechanisms.points import PointProcess
from rxd.neuron.vectors.pointers import RangePointer

__all__ = ["APCount"]


class APCount(PointProcess):
    """A counter of action potentials: `n` crossings of `thresh` (mV) so far, the last at `time` (ms)."""

    kind = "APCount"
    _has_equations = _sits_at_ends = False

    def loc(self, place: Segment | float, sec: Section | None = None) -> float:
        """Put it somewhere."""
        x = super().loc(place, sec=sec)
        assert self.host is not None
        counter = Counter(RangePointer(self.host, "v", self.spot), self.values["thresh"])
        counter.connections.append(weakref.ref(self))
        self.session.run.count_with(counter, instead_of=self._stored.get("counter"))
        object.__setattr__(self, "counter", counter)
        return x

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        counter = self._stored.get("counter")
        if name == "thresh" and counter is not None:
            counter.threshold = self.values["thresh"]
            self.session.run.watch_changed()

    @property
    def delay(self) -> float:
        """It tells at once (what a detector asks of those who listen)."""
        return 0.0

    def syn(self) -> None:
        """It sends to nobody (what a detector asks of those who listen)."""

    def record(self, into: Any = None) -> float:
        """Record the times in a Vector; without an argument, stop."""
        object.__setattr__(self, "times", into)
        return 0.0

    def initialize(self) -> None:
        """Start from 0; called by `finitialize`."""
        self.values.update(n=0.0, time=0.0, firing=0.0)
        times = self._stored.get("times")
        if times is not None:
            times.resize(0)

    def spike(self, t: float) -> None:
        """The voltage has risen through the threshold."""
        when = t - DELAY_OF_DETECTION
        self.values["n"] += 1.0
        self.values.update(time=when, firing=1.0)
        times = self._stored.get("times")
        if times is not None:
            times.push(when)


class Counter(Detector):
    """The detector of an APCount; NetCons do not share it, since it has a threshold of its own."""

    __slots__ = ()
