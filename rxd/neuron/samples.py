"""What is recorded during variable steps.

In: the recorders of a session. Out: the times at which they want values, and the values taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rxd.neuron.engine.taps import tap

if TYPE_CHECKING:
    from rxd.neuron.engine import Engine
    from rxd.neuron.recording import Player, Recorder
    from rxd.neuron.run import Run

__all__ = ["Samples"]


@dataclass(frozen=True, slots=True)
class Trail:
    """What the loop itself can record at every step: state positions, and of each recorder its column, -1 for the time.

    ``positions`` is None if a recorder shows anything else.
    """

    engine: Engine
    recorders: list[Recorder]
    positions: np.ndarray | None
    columns: list[int]


def _trail(engine: Engine, recorders: list[Recorder]) -> Trail:
    found = [tap(engine, recorder.pointer) for recorder in recorders if recorder.when is None]
    places = [one.positions for one in found if one is not None and one.kind == "place"]
    if len(places) + sum(one is not None and one.kind == "time" for one in found) < len(found) or not found:
        return Trail(engine, recorders, None, [])
    number = iter(range(len(places)))
    columns = [next(number) if one is not None and one.kind == "place" else -1 for one in found]
    return Trail(engine, recorders, np.concatenate([np.zeros(0, dtype=np.int64), *places]), columns)


class Samples:
    """Recordings during variable steps: those on a grid from within steps, the others at the end of each."""

    def __init__(self, run: Run, engine: Engine, rising: Sequence[Player] = ()) -> None:
        self._run, self._rising = run, rising
        self._every = [recorder for recorder in run._recorders if recorder.when is None]
        self._grids = [recorder for recorder in run._recorders if recorder.when is not None]
        self._end = -np.inf
        trail = run.trail
        if trail is None or trail.engine is not engine or trail.recorders is not run._recorders:
            run.trail = trail = _trail(engine, run._recorders)
        self._columns: list[int] = trail.columns
        self.trail: np.ndarray | None = trail.positions

    @property
    def next_time(self) -> float:
        """The next time on a grid; what is recorded at every step leaves none out, unless the loop records it itself."""
        if self._every and self.trail is None:
            return -np.inf
        return min((recorder.next_time() for recorder in self._grids), default=np.inf)

    def passed(self, t: np.ndarray, values: np.ndarray) -> None:
        """Append what is recorded at every step, of many."""
        for recorder, column in zip(self._every, self._columns, strict=True):
            recorder.append(t if column < 0 else values[:, column])

    def before(self, end: float) -> Iterator[float]:
        """Times at which something is recorded, up to the end of a step."""
        while True:
            due = min((recorder.next_time() for recorder in self._grids), default=np.inf)
            if due >= end:
                break
            yield due
        self._end = end
        if self._every or any(recorder.next_time() <= end for recorder in self._grids):
            yield end

    def play(self, t: float) -> None:
        """Let clamps have the levels that are played at this time."""
        for player in self._rising:
            player.play(t)

    def take(self, t: float) -> None:
        """Record what is due."""
        values = self._run.session.globals
        values["t"] = t
        for recorder in self._grids:
            while recorder.next_time() <= t:
                recorder.take()
        if t == self._end:
            for recorder in self._every:
                recorder.take()
