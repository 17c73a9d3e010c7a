"""The state at other times than where a stepper stands, for those who record during variable steps.

In: who wants to see it, and when. Out: a sampler as steppers with dense output want it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol

import numpy as np

from rxd.neuron.recordings.recording import ROUND_OFF
from rxd.solve.problem import Grid, State

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine

__all__ = ["Sampler", "Samples"]


class Samples(Protocol):
    """Who wants to see the state between the ends of an advance."""

    @property
    def next_time(self) -> float:
        """Up to when nobody wants to see it."""

    @property
    def trail(self) -> np.ndarray | None:
        """State positions that are recorded at the end of every step; None if that cannot be done within the loop."""

    def passed(self, t: np.ndarray, values: np.ndarray) -> None:
        """What they held at the ends of steps."""

    def grid(self, until: float) -> Grid | None:
        """What is wanted at times up to one, if it all follows from the state; None if it does not, or is nothing."""

    def reached(self, t: np.ndarray, values: np.ndarray) -> None:
        """What was wanted, at the first of these times."""

    def before(self, end: float) -> Iterable[float]:
        """Times up to the end of the step just made."""

    def note(self, t: float, y: np.ndarray) -> bool:
        """Take what follows from the state alone; whether that is all."""

    def play(self, t: float) -> None:
        """Clamps are wanted as they are at this time."""

    def take(self, t: float) -> None:
        """The state is that of this time now: after a jump, if there is one."""

    def take_every(self, t: float) -> None:
        """The same, before a jump."""


class Sampler:
    """Shows the engine's state at other times than where its stepper stands."""

    every = 0.0

    def __init__(self, engine: Engine, samples: Samples) -> None:
        self.engine, self.samples = engine, samples

    @property
    def next_time(self) -> float:
        """Up to when steps may be made at once; not to the very time of a sample, which is due when the run ends there."""
        return float(np.nextafter(self.samples.next_time, -np.inf))

    @property
    def trail(self) -> np.ndarray | None:
        """State positions wanted at the end of every step."""
        return self.samples.trail

    def passed(self, t: np.ndarray, values: np.ndarray) -> None:
        """What they held at the ends of steps."""
        self.samples.passed(t, values)

    def grid(self, until: float) -> Grid | None:
        """State positions wanted at times up to one."""
        return self.samples.grid(until)

    def reached(self, t: np.ndarray, values: np.ndarray) -> None:
        """What they held there."""
        self.samples.reached(t, values)

    def before(self, end: float) -> Iterable[float]:
        """Times wanted in the step that ends here."""
        return self.samples.before(end)

    def take(self, t: float, y: np.ndarray) -> None:
        """Lend the engine a state, if it takes more than that to tell what is wanted."""
        if self.samples.note(t, y):
            return
        engine = self.engine
        own = engine.state
        engine.state = State(t, y, own.before, own.queue, own.memory)
        try:
            for when, take in ((t + ROUND_OFF, self.samples.take), (float(np.nextafter(t, -np.inf)), self.samples.take_every)):
                self.samples.play(when)
                engine.electrodes.see(when)
                engine.changed()
                take(t)
        finally:
            engine.state = own
            engine.changed()
