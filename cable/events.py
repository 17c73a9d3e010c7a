"""Spikes: where they come from, where they go, and the queue between.

In: declarations, frozen: `SpikeSource` (a train of times), `Detector` (a threshold on a membrane), `NetCon` (source to target,
with weight and delay). Out: at run time the times of a train, the crossings of a step (`crossings`), and `EventQueue`, the only
object here that changes.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from dataclasses import field
from math import inf, isfinite, isnan
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cable.errors import EventError
from cable.quantities import take_units
from geometry.records import dataclass
from geometry.section import Location

__all__ = ["Detector", "Event", "EventQueue", "NetCon", "SpikeSource", "crossings"]

DEFAULT_THRESHOLD: Final = 10.0
"""Threshold of a detector, mV, as in NEURON."""


@dataclass(frozen=True, slots=True)
class SpikeSource:
    """An artificial train of spikes: the given `times`, or `number` spikes from `start`, `interval` apart on average.

    Attributes
    ----------
    times : sequence of float or None, ms
        The spikes themselves; the other arguments are then left alone.
    interval : float, ms
        Mean time between spikes.
    start : float, ms
        Time of the first spike (with noise: its earliest time).
    number : int or None
        How many; None means without end.
    noise : float
        0 is regular, 1 a Poisson process: a fraction `noise` of each interval is exponentially distributed, as in NetStim.
    seed : int
        Seed of the noise; the same seed gives the same train.
    """

    times: Sequence[float] | None = None
    interval: float = 10.0
    start: float = 50.0
    number: int | None = 10
    noise: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        take_units(self, EventError, times="ms", interval="ms", start="ms")
        if self.times is not None:
            times = np.ravel(np.asarray(self.times, dtype=float))
            if not np.isfinite(times).all():
                raise EventError(f"SpikeSource has times={self.times}. Spike times are finite numbers in ms.")
            object.__setattr__(self, "times", tuple(np.sort(times).tolist()))
        if not (isfinite(self.interval) and self.interval > 0.0):
            raise EventError(f"SpikeSource has interval={self.interval}. Give a positive mean interval in ms.")
        if not isfinite(self.start):
            raise EventError(f"SpikeSource has start={self.start}. Give the time of the first spike in ms.")
        if self.number is not None and self.number < 0:
            raise EventError(f"SpikeSource has number={self.number}. Give how many spikes, or None for a train without end.")
        if not 0.0 <= self.noise <= 1.0:
            raise EventError(f"SpikeSource has noise={self.noise}. Give a number from 0 (regular) to 1 (Poisson).")

    def spike_times(self, until: float = inf) -> np.ndarray:
        """Return the spikes up to and including a time, sorted, shape (k,), ms.

        Raises
        ------
        EventError
            If the train has no end and `until` neither.
        """
        if self.times is not None:
            found = np.array(self.times, dtype=float)
            return found[found <= until]
        if self.number is not None:
            return self._generated(self.number, until)
        if isnan(until) or until == inf:
            raise EventError("This SpikeSource fires without end (number=None): ask for its spikes until a time.")
        wanted = 1 + int(max(0.0, until - self.start) / self.interval)
        found = self._generated(wanted, inf)
        while found[-1] <= until:
            # Draws come from the start of one stream, so that a longer train begins with the shorter one.
            wanted *= 2
            found = self._generated(wanted, inf)
        return found[found <= until]

    def _generated(self, number: int, until: float) -> np.ndarray:
        # The first spike waits for its random part only, so that without noise it falls on `start`.
        found = self.start + (1.0 - self.noise) * self.interval * np.arange(number)
        if self.noise > 0.0:
            found += self.noise * self.interval * np.cumsum(np.random.default_rng(self.seed).standard_exponential(number))
        return found[found <= until]


@dataclass(frozen=True, slots=True)
class Detector:
    """A spike is when the voltage at a place rises through a threshold.

    Attributes
    ----------
    location : Location
        Place, such as `cell.axon(1)`.
    threshold : float, mV
        It fires once per rise: next when the voltage has been below the threshold in between.
    """

    location: Location
    threshold: float = DEFAULT_THRESHOLD

    def __post_init__(self) -> None:
        if not isinstance(self.location, Location):
            raise EventError(
                f"A Detector sits at one place of a cell, not at {self.location!r}. Say where, such as cell.soma(0.5)."
            )
        take_units(self, EventError, threshold="mV")
        if not isfinite(self.threshold):
            raise EventError(f"The Detector at {self.location!r} has threshold={self.threshold}. Give a finite voltage in mV.")


@dataclass(frozen=True, slots=True)
class NetCon:
    """A connection: every spike of the source reaches the target after a delay, with a weight.

    Attributes
    ----------
    source : SpikeSource, Detector or Location
        Where spikes come from; a place stands for a `Detector` there.
    target : object
        What receives them, such as a synapse; what the weight means is the target's affair.
    weight : float
        Handed to the target; a quantity with a unit is taken as a conductance, in uS.
    delay : float, ms
        Not negative.
    threshold : float or None, mV
        Of the detector, if the source is a place.
    """

    source: SpikeSource | Detector | Location
    target: Any
    weight: float = 0.0
    delay: float = 1.0
    threshold: float | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.source, (SpikeSource, Detector, Location)):
            raise EventError(
                f"A NetCon listens to a SpikeSource, a Detector or a place such as cell.axon(1), not to {self.source!r}."
            )
        take_units(self, EventError, weight="uS", delay="ms", threshold="mV")
        if self.threshold is not None and not isinstance(self.source, Location):
            raise EventError(f"The NetCon from {self.source!r} has a threshold of its own. Give it to the Detector instead.")
        if not (isfinite(self.delay) and self.delay >= 0.0):
            raise EventError(f"The NetCon from {self.source!r} has delay={self.delay}. Give a delay in ms, not negative.")
        if not isfinite(self.weight):
            raise EventError(f"The NetCon from {self.source!r} has weight={self.weight}. Give a finite weight.")

    @property
    def detector(self) -> Detector | None:
        """What watches the source; None if that is a `SpikeSource`."""
        if isinstance(self.source, Location):
            return Detector(self.source, DEFAULT_THRESHOLD if self.threshold is None else self.threshold)
        return self.source if isinstance(self.source, Detector) else None


def crossings(
    t_old: float, t_new: float, v_old: ArrayLike, v_new: ArrayLike, threshold: ArrayLike
) -> tuple[np.ndarray, np.ndarray]:
    """Find which voltages rose through their thresholds in a step, and when.

    A rise starts below the threshold and ends at or above it. What stays above does not fire again, since its next step does
    not start below: "armed after falling below" needs no memory.

    Parameters
    ----------
    t_old, t_new : float, ms
        Beginning and end of the step.
    v_old, v_new, threshold : array_like, shape (k,), mV
        Voltage at both, and threshold.

    Returns
    -------
    index : ndarray of int, shape (m,)
        Which of the k fired, in order of time, simultaneous ones by index.
    time : ndarray, shape (m,), ms
        When, by linear interpolation; `t_old <= time <= t_new`.
    """
    old, new, level = np.broadcast_arrays(np.asarray(v_old, float), np.asarray(v_new, float), np.asarray(threshold, float))
    index = np.flatnonzero((old < level) & (new >= level))
    fraction = (level[index] - old[index]) / (new[index] - old[index])
    time = t_old + fraction * (t_new - t_old)
    order = np.argsort(time, kind="stable")
    return index[order], time[order]


class Event(NamedTuple):
    """What is delivered: at `time` (ms) `target` (a number the owner of the queue gave out) receives `weight`."""

    time: float
    target: int
    weight: float


class EventQueue:
    """Events in order of time; simultaneous ones by target, then in the order in which they were pushed.

    Parameters
    ----------
    events : iterable of Event
        What is on its way at the start, such as the `pending()` of another queue.
    """

    __slots__ = ("_heap", "_pushed")

    def __init__(self, events: Iterable[Event] = ()) -> None:
        self._heap: list[tuple[float, int, int, float]] = []
        self._pushed = 0
        for event in events:
            self.push(*event)

    def __len__(self) -> int:
        return len(self._heap)

    def push(self, time: float, target: int, weight: float) -> None:
        """Put an event on its way; one whose time has passed is delivered next.

        Raises
        ------
        EventError
            If the time is not finite.
        """
        if not isfinite(time):
            raise EventError(f"An event for target {target} has the time {time}; times are finite, in ms.")
        heapq.heappush(self._heap, (float(time), int(target), self._pushed, float(weight)))
        self._pushed += 1

    def next_time(self) -> float:
        """Time of the next event, ms; infinity if there is none."""
        return self._heap[0][0] if self._heap else inf

    def pop_until(self, t: float) -> list[Event]:
        """Remove and return the events up to and including a time, in order."""
        due = []
        while self._heap and self._heap[0][0] <= t:
            time, target, _, weight = heapq.heappop(self._heap)
            due.append(Event(time, target, weight))
        return due

    def pending(self) -> tuple[Event, ...]:
        """All events on their way, in order, without removing any."""
        return tuple(Event(time, target, weight) for time, target, _, weight in sorted(self._heap))
