"""Variable steps that a script makes one at a time: several made at once, and handed out as they are asked for.

In: a run whose `CVode` is active, between two calls of `h.fadvance`. Out: its state one step further. To prepare a single step
takes Python ten times as long as compiled code takes to make it. What has been made ahead is forgotten as soon as anything has
changed since the last call: then the next step begins at the state that the script has seen.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rxd.neuron.recordings.samples import Samples
from rxd.solve.attempts import Progress

if TYPE_CHECKING:
    from rxd.neuron.engine import Engine
    from rxd.neuron.recordings.recording import Recorder
    from rxd.neuron.runs.run import Run

__all__ = ["Ahead"]

FIRST, MOST = 4, 256  # steps made at once, in the beginning and at most
LARGE = 200_000  # numbers kept


class Ahead:
    """Steps made ahead, for one run."""

    def __init__(self) -> None:
        self._made: Progress | None = None
        self._engine: Engine | None = None
        self._next = 0
        self._version = -1
        self._size, self._jump = FIRST, math.inf
        self._samples: Samples | None = None
        self._recorders: list[Recorder] = []

    def forget(self) -> None:
        """A script has changed something."""
        self._engine = None

    def noted(self, engine: Engine) -> None:
        """A step has been made in the usual way: the next may be the first of many."""
        if self._engine is not engine:
            self._size = FIRST
        self._made, self._engine, self._version = None, engine, engine.version

    def step(self, run: Run) -> bool:
        """Hand out the next step; whether there was one."""
        engine, values = self._engine, run.session.globals
        if (
            engine is None
            or engine is not run.engine
            or engine.version != self._version
            or engine.revision != run.session.revision
            or engine.clamping != run.clamping
            or engine.precision != run.precision
            or engine.jumped
            or run.leapt
            or engine.fields.stale
            or values.t != engine.state.t
        ):
            self.forget()
            return False
        made, k = self._made, self._next
        if made is None or k == made.steps or run._recorders is not self._recorders:
            # a step that was made and not accepted needs somebody to decide
            if (made is not None and made.h > 0) or not self._make(run, engine):
                return False
            made, k = self._made, 0
        assert made is not None
        t = made.ends.item(k)
        if run.events.next_time() < t or run.events.next_time() <= values.t:
            self.forget()
            return False
        self._hand_out(run, engine, made, k)
        return True

    def _hand_out(self, run: Run, engine: Engine, made: Progress, k: int) -> None:
        state, t = engine.state, made.ends.item(k)
        state.y[:] = made.values[k]
        last = k + 1 == made.steps
        memory = state.memory
        memory["dt"][0] = made.wanted if last else made.ends[k + 1] - t
        memory["error"][0] = made.before if last else 1.0
        if state.before.size:
            state.before[:] = engine.watched()
        engine.statistics.steps += 1
        run.leapt = t >= self._jump
        run.session.globals["t"] = t
        engine.see(t)
        engine.changed()
        if self._samples is not None:
            self._samples.end(t, state.y)
        self._next = k + 1
        self._version = engine.version
        if run.events.next_time() <= t:
            run._deliver(t)

    def _make(self, run: Run, engine: Engine) -> bool:
        """Make steps from where the engine stands; whether there are any."""
        state, t = engine.state, engine.state.t
        if not self._can(run, engine):
            return False
        self._size = min(2 * self._size, MOST, max(LARGE // max(len(state.y), 1), 1))
        samples = Samples(run, engine)
        if any(recorder.when is not None for recorder in run._recorders):
            return False
        self._recorders, self._samples = run._recorders, samples if run._recorders else None
        self._jump = engine.next_jump(t)
        until = min(run.events.next_time(), self._jump)
        self._made = engine.stepper.peek(state, until, self._size) if until > t else None
        self._next = 0
        return self._made is not None and self._made.steps > 0

    @staticmethod
    def _can(run: Run, engine: Engine) -> bool:
        """Whether steps are nothing but calls of the compiled march."""
        return not (
            run._machines
            or run.watchers
            or run.players
            or run._watches()[1]
            or engine.circuits.circuit is not None
            or engine.linked.followed
            or engine.layout.ends
            or engine.hooks
            or engine._held
            or engine.sources.varying
            or engine.shown.pending
            or run.session.chemistry.views
            or run.session.globals["stoprun"]
        )
