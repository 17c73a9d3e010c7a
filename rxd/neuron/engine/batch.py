"""What happens in a run of fixed steps without Python between them: events that synapses receive, spikes, recordings.

In: events, connections, courses and recordings of a run. Out: a `Watch` for the loop; afterwards, what was recorded, who has
spiked when, and which events are still on their way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.engine.taps import Tap, Trace
from rxd.solve.between_steps import BLOCKED, KNOWN, Known, sampling, sent, watched

if TYPE_CHECKING:
    from rxd.neuron.engine.courses import Played
    from rxd.neuron.engine.wires import Wiring
    from rxd.neuron.recordings.recording import Recorder
    from rxd.solve.between_steps import Gains, Watch
    from rxd.solve.firing import Cells

__all__ = ["Batch", "sampled"]

MOST_SPIKES = 1 << 16


class Batch:
    """A run of up to n steps from t.

    Parameters
    ----------
    t, dt : float
        Beginning and length of a step, ms.
    n : int
    taps : list of Tap
        Of the recordings.
    wiring : Wiring
        Who listens to the voltages that the engine watches.
    sampled : list of (Recorder, int)
        Recordings on a grid of what jumps at events, and its position in the state.

    Attributes
    ----------
    ends, middle : ndarray, shape (n,)
        Times of the ends and middles of the steps, as NEURON adds them up.
    known : Known or None
        Events known before the run.
    cells : Cells or None
        Cells that live in events alone.
    played : Played or None
        What Vectors play in the run.
    spikes : ndarray of int, shape (n_spikes, 2)
        Step and number of the detector.
    """

    def __init__(
        self, t: float, dt: float, n: int, taps: list[Tap], wiring: Wiring, sampled: Sequence[tuple[Recorder, int]] = ()
    ) -> None:
        halves = np.add.accumulate(np.concatenate([[t], np.full(2 * n, 0.5 * dt)]))
        self.middle, self.ends = np.ascontiguousarray(halves[1::2]), np.ascontiguousarray(halves[2::2])
        self.taps, self.wiring, self.grace = taps, wiring, wiring.grace(dt)
        self.samples = sampling(
            [place for _, place in sampled], [recorder.due(float(self.ends[-1]), 1) for recorder, _ in sampled]
        )
        self.known: Known | None = None
        self.cells: Cells | None = None
        self.played: Played | None = None
        self.spikes = np.zeros((0, 2), dtype=np.int64)
        self._watch: Watch | None = None

    def watch(self, past: np.ndarray, gains: Gains) -> Watch:
        """For the loop, which puts the state before the last step into ``past``, as far as that goes; what each step adds."""
        positions = np.concatenate([np.zeros(0, dtype=np.int64), *(tap.positions for tap in self.taps)])
        detectors = len(self.grace)
        self._watch = watched(
            stops=self.wiring.calls,
            times=(self.middle, self.ends),
            known=self.known,
            wires=self.wiring.wires,
            cells=self.cells,
            samples=self.samples,
            courses=None if self.played is None else self.played.courses,
            gains=gains,
            taps=positions,
            starts=not all(tap.kind for tap in self.taps),
            spikes=min(detectors * (len(self.ends) // 2 + 2), MOST_SPIKES + detectors),
            past=past,
            grace=self.grace,
        )
        return self._watch

    def keep(self, watch: Watch, done: int) -> None:
        """What the loop has written down."""
        self.middle, self.ends = self.middle[:done], self.ends[:done]
        self.spikes = watch.log[1 : 1 + watch.log[0, 0]]

    @property
    def delivered(self) -> int:
        """How many of the known events have arrived."""
        return 0 if self._watch is None else int(self._watch.counts[KNOWN])

    @property
    def known_until(self) -> float:
        """Up to when everything has arrived, ms."""
        return float(self.middle[-1])

    @property
    def blocked(self) -> bool:
        """Whether the run has ended in the midst of the events before a step: the spikes of the last one have been sent."""
        return self._watch is not None and bool(self._watch.counts[BLOCKED])

    def on_their_way(self) -> list[tuple[float, int, float]]:
        """Time, wire and amount of the events that have been sent and have not arrived; cells come after the wires."""
        return [] if self._watch is None else sent(self._watch)

    def took(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Times at which values were taken among the events, and these."""
        first = int(self.samples.first[number])
        part = slice(first, first + int(self.samples.taken[number]))
        return self.samples.due[part], self.samples.value[part]

    def read(self) -> list[np.ndarray]:
        """Values of each tap after each step, shape (steps,) each."""
        n = len(self.ends)
        if not self.taps or not n or self._watch is None:
            return [np.zeros(0) for _ in self.taps]
        trace = self._watch.trace[:n] if self._watch.trace.size else np.zeros((n, 0))
        starts = self._watch.begin[:n] if self._watch.begin.size else trace
        levels: Mapping[int, Any] = {} if self.played is None else self.played.levels
        values, at = [], 0
        for tap in self.taps:
            part = slice(at, at + len(tap.positions))
            values.append(np.asarray(tap.read(Trace(starts[:, part], trace[:, part], self.ends, self.middle, levels))))
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
