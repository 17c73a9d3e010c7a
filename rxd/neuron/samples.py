"""What is recorded during variable steps.

In: the recorders of a session. Out: the times at which they want values, and the values taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rxd.neuron.run import Run

__all__ = ["Samples"]


class Samples:
    """Recordings during variable steps: those on a grid from within steps, the others at the end of each."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._every = [recorder for recorder in run._recorders if recorder.when is None]
        self._grids = [recorder for recorder in run._recorders if recorder.when is not None]
        self._end = -np.inf

    @property
    def next_time(self) -> float:
        """The next time on a grid; what is recorded at every step leaves none out."""
        return -np.inf if self._every else min((recorder.next_time() for recorder in self._grids), default=np.inf)

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
