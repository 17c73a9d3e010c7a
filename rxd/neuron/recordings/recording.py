"""Recordings and played Vectors of a session.

In: Vectors and pointers. Out: Vectors filled during a run, variables driven by Vectors.

A recording at every step is appended to after each step; one on a grid takes the value of the step that is nearest to each
time, as fixed steps do in NEURON; with variable steps the solver stops at those times.
"""

from __future__ import annotations

import bisect
import weakref
from collections.abc import Callable
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.records import dataclass
from rxd.neuron.vectors.pointers import GlobalPointer

if TYPE_CHECKING:
    from rxd.neuron.recordings.tapes import Tapes
    from rxd.neuron.vectors.pointers import Pointer
    from rxd.neuron.vectors.vector import Vector

__all__ = ["ROUND_OFF", "Player", "Recorder", "Taking", "forgetting", "write_down"]

ROUND_OFF = 1e-9  # ms, by which a time summed up step by step may fall short


@dataclass(slots=True)
class Recorder:
    """A Vector that records.

    Attributes
    ----------
    vector : weak reference to Vector
        Recording does not keep a Vector alive.
    pointer : Pointer
    when : None, float or Vector
        Every step, every so many ms, or at these times.
    taken : int
        How many values it has taken since the start.
    following : float
        The next time of a grid, ms, added up as NEURON does.
    sent, earlier : float
        When the next value has been put on its way: when the last one was taken; and the one before, ms.
    """

    vector: weakref.ref[Vector]
    pointer: Pointer
    when: float | Vector | None
    taken: int = 0
    following: float = 0.0
    times: list[float] = field(default_factory=list)
    sent: float = 0.0
    earlier: float = 0.0

    def start(self, t: float) -> None:
        """Empty the Vector; a grid begins at this time, and other times with the first."""
        vector = self.vector()
        if self.when is not None and not isinstance(self.when, float):
            self.times = self.when.to_python()
        self.taken, self.following = 0, t
        self.sent = self.earlier = t
        if vector is not None:
            vector.clear()

    def seek(self, t: float) -> None:
        """Go on from a time that a script has set."""
        if isinstance(self.when, float):
            self.following = max(float(np.ceil(t / self.when - 1e-9)), 0.0) * self.when
        elif self.when is not None:
            self.taken = bisect.bisect_left(self.times, t - 1e-12)

    def go_back(self, taken: int, following: float) -> None:
        """Go on as from an earlier place; at given times the Vector gets the length it had there, as in NEURON."""
        self.following = following
        if self.when is not None and not isinstance(self.when, float):
            self.taken, vector = int(taken), self.vector()
            if vector is not None:
                vector.resize(self.taken)

    def next_time(self) -> float:
        """The next time on the grid, ms; infinity if there is none."""
        if self.when is None or self.vector() is None:
            return np.inf
        if isinstance(self.when, float):
            return self.following
        return self.times[self.taken] if self.taken < len(self.times) else np.inf

    def schedule(self) -> tuple[float, float] | None:
        """What tells recorders that are due at the same times from others; None if it is never due."""
        if self.when is None or self.vector() is None:
            return None
        return (self.when, self.following) if isinstance(self.when, float) else (id(self.when), self.taken)

    def due(self, until: float, beyond: int = 0) -> np.ndarray:
        """Times on the grid from the next one on to a time, ms, and so many beyond."""
        if self.when is None or self.vector() is None:
            return np.zeros(0)
        if isinstance(self.when, float):
            count = max(int((until - self.following) / self.when) + 2 + beyond, beyond)
            times = np.add.accumulate(np.concatenate([[self.following], np.full(count, self.when)]))
            return times[: int(np.searchsorted(times, until, side="right")) + beyond]
        # only those that are due: a script may ask for a thousand short runs, and have recorded at a million times
        end = bisect.bisect_right(self.times, until, lo=self.taken)
        return np.array(self.times[self.taken : end + beyond], dtype=float)

    def ends_at(self, t: float) -> bool:
        """Whether a time is on the grid."""
        times = self.due(t)
        return bool(times.size) and times.item(-1) == t

    def withdraw(self, t: float) -> None:
        """Forget the last value, taken at this time: it is due again."""
        vector = self.vector()
        if vector is not None:
            vector.resize(len(vector) - 1)
        self.taken, self.following, self.sent = self.taken - 1, t, self.earlier

    def append(self, values: np.ndarray) -> None:
        """Append values of many times."""
        vector = self.vector()
        if vector is not None:
            vector.push_all(values)
        self.taken += len(values)

    def append_at(self, times: np.ndarray, values: np.ndarray) -> None:
        """Append the values at times that were due; on a grid, a clock shows these times and not those of the steps."""
        if len(times):
            self.earlier = float(times[-2]) if len(times) > 1 else self.sent
            self.sent = float(times[-1])
        self.append(times if isinstance(self.when, float) and _is_clock(self.pointer) else values)
        if isinstance(self.when, float) and len(times):
            self.following = float(times[-1]) + self.when

    def put(self, value: float) -> None:
        """Append a value."""
        vector = self.vector()
        if vector is not None:
            vector.push(value)
        self.taken += 1

    def take(self) -> None:
        """Append the value now."""
        self.take_value(None)

    def take_value(self, value: float | None) -> None:
        """Append a value, that of the pointer if None; on a grid, a clock shows the time that was due."""
        vector, gridded = self.vector(), isinstance(self.when, float)
        if vector is not None and not self.pointer.is_gone:
            if gridded and _is_clock(self.pointer):
                value = self.following
            vector.push(self.pointer.get() if value is None else value)
        if self.when is not None:
            self.earlier, self.sent = self.sent, self.next_time()
        self.taken += 1
        if gridded:
            self.following += self.when  # type: ignore[operator]


class Taking:
    """What an event on its way at a time does that a recording has sent itself: takes a value, and sends the next."""

    __slots__ = ("again", "recorder", "t")
    __name__ = "take"

    def __init__(self, recorder: Recorder, t: float, again: Callable[[Recorder], None]) -> None:
        self.recorder, self.t, self.again = recorder, t, again

    @property
    def is_over(self) -> bool:
        """Whether the recording has gone on since."""
        return self.recorder.next_time() != self.t

    def __call__(self, t: float) -> None:
        """Do it."""
        if not self.is_over:
            self.recorder.take()
            self.again(self.recorder)


@dataclass(slots=True)
class Player:
    """A Vector that drives a variable, as long as somebody keeps it.

    Attributes
    ----------
    reference : callable
        The Vector of values, or None if it is gone; `when` holds their times, or their distance in ms.
    continuous : bool
        Interpolate between the values, and go on beyond the last along the last two; else every value is written once, when
        its time has come.
    at : int
        Which value was written last, if they are not continuous: what a script sets then holds until the next.
    distance : float
        Of values on a grid, ms; not a number if `when` holds their times.
    """

    reference: Callable[[], Vector | None]
    pointer: Pointer
    when: float | Vector
    continuous: bool
    at: int = -1
    distance: float = field(init=False)
    _between: int = 0
    _grid: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        self.distance = self.when if isinstance(self.when, float) else np.nan

    @property
    def vector(self) -> Any:
        """The values; none if the Vector is gone."""
        found = self.reference()
        return () if found is None else found

    @property
    def times(self) -> np.ndarray:
        """Time of each value, ms."""
        vector = self.reference()
        n = 0 if vector is None else len(vector)
        if not isinstance(self.when, float):
            return self.when.as_numpy()[:n]
        if len(self._grid) != n:
            self._grid = self.when * np.arange(n)
        return self._grid

    @property
    def values(self) -> np.ndarray:
        """The values, as a view."""
        vector = self.reference()
        return np.zeros(0) if vector is None else vector.as_numpy()

    def value(self, t: float) -> float | None:
        """The value at a time, of a continuous course; None if there is none."""
        vector, when = self.reference(), self.when
        n = 0 if vector is None else vector._n
        if vector is None or not n:
            return None
        found = self._on_grid(t, when, n, vector) if isinstance(when, float) else self._between_times(t, when, n, vector)
        if found is not None:
            return found
        times, values = self.times, self.values
        if not times.size:
            return None
        self._between = max(int(times.searchsorted(t, side="right")) - 1, 0)
        if t > times[-1] and times.size > 1 and times[-1] > times[-2]:  # NEURON goes on along the last two points
            return float(values[-1] + (t - times[-1]) * (values[-1] - values[-2]) / (times[-1] - times[-2]))
        return float(np.interp(t, times, values))

    def _on_grid(self, t: float, step: float, n: int, vector: Vector) -> float | None:
        """The value at a time between two of a grid; None beyond."""
        between = int(t / step)
        if t < step * between:
            between -= 1
        elif t >= step * (between + 1):
            between += 1
        if not 0 <= between < n - 1:
            return None
        item = vector._buffer.item
        return _interpolated(t, step * between, step * (between + 1), item(between), item(between + 1))

    def _between_times(self, t: float, when: Vector, n: int, vector: Vector) -> float | None:
        """The value at a time between the two where it was the last time, or one further, as most often; else None."""
        n, times = min(n, when._n), when._buffer
        for between in (self._between, self._between + 1):
            if between + 1 < n:
                before, after = times.item(between), times.item(between + 1)
                if before <= t < after:
                    self._between = between
                    item = vector._buffer.item
                    return _interpolated(t, before, after, item(between), item(between + 1))
        return None

    def course(self, times: np.ndarray, before: float) -> np.ndarray:
        """The values at many times; `before` the next jump what is there now. As `value`, to the last bit."""
        known, values = self.times, self.values
        if not known.size:
            return np.full(len(times), before)
        if not self.continuous:
            index = np.searchsorted(known, times + ROUND_OFF, side="right") - 1
            return np.where(index <= self.at, before, values[np.maximum(index, 0)])
        found = np.interp(times, known, values)
        if known.size > 1 and known[-1] > known[-2]:
            beyond = times > known[-1]
            slope = (times[beyond] - known[-1]) * (values[-1] - values[-2]) / (known[-1] - known[-2])
            found[beyond] = values[-1] + slope
        return np.asarray(found)

    def rises(self, start: float, stop: float) -> bool:
        """Whether the value changes between two times with no jump in between."""
        return self.continuous and self.value(start) != self.value(stop)

    def play(self, t: float) -> None:
        """Write the value at a time; of a course with jumps, if one has come since the last call."""
        if self.continuous:
            value = self.value(t)
        else:
            index = self._due(t + ROUND_OFF)
            if index <= self.at:
                return
            value, self.at = self.values.item(index), index
        if value is not None and not self.pointer.is_gone:
            self.pointer.set(value)

    def _due(self, t: float) -> int:
        """The last value whose time has come; not before the one written last: nearly always that or the next."""
        vector, when, index = self.reference(), self.when, self.at
        n = 0 if vector is None else vector._n
        if isinstance(when, float):
            if index + 2 < n and when * (index + 2) > t:
                return index + 1 if when * (index + 1) <= t else index
        elif index + 2 < min(n, when._n):
            times = when._buffer
            if times.item(index + 2) > t:
                return index + 1 if times.item(index + 1) <= t else index
        return max(int(self.times.searchsorted(t, side="right")) - 1, index)

    def next_jump(self, t: float) -> float:
        """The next time after t at which the course has a kink or a jump, ms; infinity if there is none."""
        times = self.times
        index = int(np.searchsorted(times, t, side="right"))
        return float(times[index]) if index < times.size else np.inf


def _interpolated(t: float, before: float, after: float, start: float, stop: float) -> float:
    """A value between two points, as `np.interp` computes it."""
    if t == before or start == stop:
        return start
    found: float = (stop - start) / (after - before) * (t - before) + start
    return found


def _is_clock(pointer: Pointer) -> bool:
    """Whether it points to `h.t`."""
    return type(pointer) is GlobalPointer and pointer.name == "t"


def write_down(heard: list[tuple[np.ndarray, np.ndarray, Any]]) -> None:
    """Append the times of spikes to what they are recorded in: of every Vector in order of time.

    Each entry has times, what orders simultaneous ones, and a `SpikeRecorder`.
    """
    vectors: dict[int, list[tuple[np.ndarray, np.ndarray, Any]]] = {}
    for times, ranks, recorder in heard:
        if len(times) and recorder.times is not None:  # a NetCon keeps it when the Vector is gone
            vectors.setdefault(id(recorder.times), []).append((times, ranks, recorder))
    for parts in vectors.values():
        every = np.concatenate([times for times, *_ in parts])
        order = np.lexsort((np.concatenate([ranks for _, ranks, _ in parts]), every))
        parts[0][2].times.push_all(every[order])
        source = np.repeat(np.arange(len(parts)), [len(times) for times, *_ in parts])[order]
        for numbers in {id(recorder.numbers): recorder.numbers for *_, recorder in parts}.values():
            if numbers is not None:
                mine = np.array([recorder.numbers is numbers for *_, recorder in parts])[source]
                labels = np.array([recorder.label for *_, recorder in parts])[source]
                numbers.push_all(labels[mine])


def forgetting(run: Tapes) -> Callable[[object], None]:
    """What takes the player of a Vector that is gone out of a run; it does not keep the run alive."""
    owner = weakref.ref(run)

    def gone(reference: object) -> None:
        found = owner()
        if found is not None:
            found.players = [player for player in found.players if player.reference is not reference]
            found._ready = [player for player in found._ready if player.reference is not reference]

    return gone
