"""What happens in a run of fixed steps without Python between them: events that synapses receive, spikes, recordings.

In: events and recordings of a run. Out: a `Watch` for the loop; afterwards, what was recorded and who has spiked when.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.engine.taps import Tap, Trace
from rxd.solve.split import watched

if TYPE_CHECKING:
    from rxd.solve.split_loop import Watch

__all__ = ["Batch"]


class Batch:
    """A run of up to n steps from t.

    Parameters
    ----------
    t, dt : float
        Beginning and length of a step, ms.
    n : int
    taps : list of Tap
        Of the recordings.
    stops : bool
        End with the first step in which a watched voltage rises.
    grace : ndarray of int, shape (n_detectors,)
        How many steps there may be from one in which a watched voltage rises on, that one included; at least 2.

    Attributes
    ----------
    ends, middle : ndarray, shape (n,)
        Times of the ends and middles of the steps, as NEURON adds them up.
    spikes : list of (int, int)
        Step and number of the detector.
    """

    def __init__(self, t: float, dt: float, n: int, taps: list[Tap], stops: bool, grace: np.ndarray) -> None:
        halves = np.add.accumulate(np.concatenate([[t], np.full(2 * n, 0.5 * dt)]))
        self.middle, self.ends = halves[1::2], halves[2::2]
        self.taps, self.stops, self.grace = taps, stops, grace
        self.events: list[tuple[int, int, float]] = []
        self.spikes: list[tuple[int, int]] = []
        self._begin = np.zeros(0)
        self._trace = np.zeros((0, 0))

    def receive(self, when: float, places: list[tuple[int, float]]) -> None:
        """Let states grow by something at a time: NEURON hands it over before the step whose middle is not earlier."""
        step = int(np.searchsorted(self.middle, when))
        self.events += [(step, place, amount) for place, amount in places]

    def watch(self, y: np.ndarray, n: int, detectors: int) -> Watch:
        """For the loop."""
        positions = np.concatenate([np.zeros(0, dtype=np.int64), *(tap.positions for tap in self.taps)])
        self._begin = y[positions]
        self._positions = positions
        return watched(self.stops, self.events, positions, n, detectors * (n // 2 + 2), len(y), self.grace)

    def keep(self, watch: Watch, done: int) -> None:
        """What the loop has written down."""
        self.middle, self.ends = self.middle[:done], self.ends[:done]
        self._trace = watch.trace[:done]
        self.spikes = [(int(step), int(number)) for step, number in watch.log[1 : 1 + watch.log[0, 0]]]

    def read(self) -> list[np.ndarray]:
        """Values of each tap after each step, shape (steps,) each."""
        if not self.taps or not len(self.ends):
            return [np.zeros(0) for _ in self.taps]
        trace = self._trace if self._trace.size else np.zeros((len(self.ends), 0))
        starts = np.concatenate([self._begin[None, :], trace[:-1]])
        for step, place, amount in self.events:
            if step < len(starts):
                starts[step, self._positions == place] += amount
        values, at = [], 0
        for tap in self.taps:
            part = slice(at, at + len(tap.positions))
            values.append(np.asarray(tap.read(Trace(starts[:, part], trace[:, part], self.ends, self.middle))))
            at += len(tap.positions)
        return values


def sampled(values: np.ndarray, before: float, middle: np.ndarray, ends: np.ndarray, times: Any) -> np.ndarray:
    """Values at times of a grid: of the step that NEURON has made when it looks, i.e. the nearest.

    ``values (n,)`` after each step, ``before`` before the first.
    """
    every = np.concatenate([[before], values])
    bounds = np.empty(2 * len(ends))
    bounds[0::2], bounds[1::2] = middle, ends
    return every[(np.searchsorted(bounds, times) + 1) // 2]
