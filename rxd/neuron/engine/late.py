"""Recordings of single steps whose values are computed later, many at once: currents, and what mod files assign.

In: recordings that read the starts of steps, as steps are made. Out: their Vectors, complete whenever somebody looks at them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rxd.neuron.engine.taps import Tap, Trace

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.recordings.recording import Recorder

__all__ = ["Jots", "Late"]

ROOM = 256  # steps kept at most
MANY = 4096  # the same of numbers that are only appended


class Late:
    """Recordings of every step and what they read of the steps since they were computed last.

    They are computed when one of the Vectors is looked at, before a field of a group changes, and when there is no more room.
    """

    def __init__(self, engine: Engine, recordings: list[tuple[Recorder, Tap]]) -> None:
        self._engine, self._recordings = engine, recordings
        self._position = np.concatenate([np.zeros(0, dtype=np.int64), *(found.positions for _, found in recordings)])
        empty, ends = np.zeros(0, dtype=np.int64), np.cumsum([len(found.positions) for _, found in recordings])
        last = [np.arange(end - found.of_nodes, end) for end, (_, found) in zip(ends, recordings, strict=True)]
        self._of_nodes = np.concatenate([empty, *last])
        # of each position in a row, so that formulas compute with contiguous numbers as for a single step
        self._held = np.zeros((len(self._position), ROOM))
        self._middle = np.zeros(ROOM)
        self._count = 0
        self._at_once = False

    def take(self) -> None:
        """Keep what the recordings read of the step just made."""
        engine, count = self._engine, self._count
        if not count:
            self._begin()
        past = engine.past
        self._held[:, count] = past.y[self._position]
        if engine.shown.differ and len(self._of_nodes):
            self._held[self._of_nodes, count] = engine.shown.of_nodes(past).y[self._position[self._of_nodes]]
        self._middle[count] = past.t
        self._count = count + 1
        if self._at_once or self._count == ROOM:
            self.flush()

    def _begin(self) -> None:
        """Let those who might see or change what the recordings show ask for them first."""
        vectors = [recorder.vector() for recorder, _ in self._recordings]
        # all are asked; an array of a script's that shows the elements of one cannot ask
        waiting = [vector._wait_for(self.flush) for vector in vectors if vector is not None]
        self._at_once = not all(waiting)
        self._engine.fields.waiting = self

    def flush(self) -> None:
        """Compute the recordings of the steps kept."""
        n, self._count = self._count, 0
        if not n:
            return
        if self._engine.fields.waiting is self:
            self._engine.fields.waiting = None
        for recorder, _ in self._recordings:
            vector = recorder.vector()
            if vector is not None:
                vector._wait_for(None)
        middle, at = self._middle[:n].copy(), 0
        for recorder, found in self._recordings:
            rows = self._held[at : at + len(found.positions), :n].T
            at += len(found.positions)
            recorder.append(np.asarray(found.read(Trace(rows, rows, middle, middle, {}))))


class Jots:
    """Recordings of the state and of the clock at every step, noted as numbers until somebody looks at one of the Vectors.

    Parameters
    ----------
    recordings : list of (Recorder, int)
        Each with its place in the state, -1 for the clock.
    """

    def __init__(self, recordings: list[tuple[Recorder, int]]) -> None:
        self._recordings = recordings
        self._noted: list[tuple[int, list[float]]] = [(place, []) for _, place in recordings]
        self._count = 0
        self._at_once = False

    def take(self, y: np.ndarray, t: float) -> None:
        """Note the values after a step."""
        if not self._count:
            vectors = [recorder.vector() for recorder, _ in self._recordings]
            waiting = [vector._wait_for(self.flush) for vector in vectors if vector is not None]  # all are asked, as above
            self._at_once = not all(waiting)
        item = y.item
        for place, noted in self._noted:
            noted.append(t if place < 0 else item(place))
        self._count += 1
        if self._at_once or self._count == MANY:
            self.flush()

    def flush(self) -> None:
        """Append what has been noted to the Vectors."""
        self._count = 0
        for (recorder, _), (_, noted) in zip(self._recordings, self._noted, strict=True):
            values = np.array(noted)
            noted.clear()
            vector = recorder.vector()
            if vector is not None:
                vector._wait_for(None)
            recorder.append(values)
