"""Recordings of single steps whose values are computed later, many at once: currents, and what mod files assign.

In: recordings that read the starts of steps, as steps are made. Out: their Vectors, complete whenever somebody looks at them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rxd.neuron.engine.taps import Tap, Trace

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.recording import Recorder

__all__ = ["Late"]

ROOM = 256  # steps kept at most


class Late:
    """Recordings of every step and what they read of the steps since they were computed last.

    They are computed when one of the Vectors is looked at, before a field of a group changes, and when there is no more room.
    """

    def __init__(self, engine: Engine, recordings: list[tuple[Recorder, Tap]]) -> None:
        self._engine, self._recordings = engine, recordings
        self._position = np.concatenate([np.zeros(0, dtype=np.int64), *(found.positions for _, found in recordings)])
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
