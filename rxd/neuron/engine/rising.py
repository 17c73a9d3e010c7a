"""Voltages that NetCons watch: where they are in an engine's state, and which are above their thresholds without having risen.

In: an engine, and what its session watches. Out: detectors of its stepper. With variable steps `State.before` has the voltages
as they were when somebody last looked; minus infinity for one that counts as below its threshold, whatever it is.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.engine import Engine

__all__ = ["follow_watched", "look_anew", "risen_at_once", "seen_last"]


def follow_watched(engine: Engine) -> None:
    """Let the stepper of an engine watch what NetCons watch now."""
    watched = engine.session.run.watched(engine.layout.index)
    start, index, electrodes = engine.states["v"].start, engine.layout.index, engine.electrodes
    places = [index[record.id][record.index(x)] for record, x, *_ in watched]
    position = np.array([start + engine.storage(place) for place in places], dtype=np.int64)
    threshold = np.array([threshold for *_, threshold, _ in watched], dtype=float)
    if hasattr(engine, "state"):
        engine.state.before = _before(engine, position, threshold)
    # the stepper has taken these arrays in: they stay where they are what they were
    if not np.array_equal(electrodes.detector_position, position):
        electrodes.detector_position = position
    if not np.array_equal(electrodes.detector_threshold, threshold):
        electrodes.detector_threshold = threshold
    electrodes.connections = tuple(
        SimpleNamespace(source=number, delay=delay) for number, (*_, delays) in enumerate(watched) for delay in delays
    )


def _before(engine: Engine, position: np.ndarray, threshold: np.ndarray) -> np.ndarray:
    """Voltages when somebody last looked, for what is watched now: what has come since and is above does not rise."""
    now, electrodes, before = engine.y[position], engine.electrodes, engine.state.before
    if not engine.adaptive:
        return before if np.array_equal(electrodes.detector_position, position) else now
    known = dict(
        zip(electrodes.detector_position.tolist(), zip(before, electrodes.detector_threshold, strict=False), strict=False)
    )
    seen, was = (
        np.array([known.get(place, (v, -np.inf)) for place, v in zip(position.tolist(), now, strict=True)]).reshape(-1, 2).T
    )
    # where a threshold sinks below a voltage, this rises at once
    return np.where((was > seen) & (seen > threshold), -np.inf, seen)


def risen_at_once(engine: Engine) -> list[int]:
    """Watched voltages that are above their thresholds now, and were not when variable steps last looked: by a jump."""
    now, threshold, before = engine.watched(), engine.electrodes.detector_threshold, engine.state.before
    risen: list[int] = np.flatnonzero((before < threshold) & (now > threshold)).tolist()
    before[:] = np.where(now == threshold, np.nextafter(threshold, -np.inf), now)  # as in NEURON, that is below
    return risen


def look_anew(engine: Engine) -> None:
    """Let all watched voltages have been below their thresholds."""
    engine.state.before[:] = -np.inf


def seen_last(engine: Engine, places: list[tuple[SectionRecord, float]]) -> np.ndarray:
    """Voltages at places when variable steps of an engine last looked, mV; NaN where they did not watch."""
    seen = dict(zip(engine.electrodes.detector_position.tolist(), engine.state.before.tolist(), strict=True))
    found = np.full(len(places), np.nan)
    for number, (record, x) in enumerate(places):
        segments = engine.layout.index.get(record.id, ())
        if len(segments):  # of which there may be others now
            segment = segments[min(int(x * len(segments)), len(segments) - 1)]
            found[number] = seen.get(engine.states["v"].start + engine.storage(segment), np.nan)
    return found
