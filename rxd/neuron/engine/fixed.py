"""Fixed steps of an engine: single ones, prepared once for many calls, and runs of many in the compiled loop.

In: an engine and its state. Out: the state a step or many further, with what currents are computed from kept as it was when the
last step began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rxd.solve.problem import State
from rxd.solve.schemes import NEURON, Scheme
from rxd.solve.single import Single

if TYPE_CHECKING:
    from rxd.neuron.engine.batch import Batch
    from rxd.neuron.engine.engine import Engine

__all__ = ["FixedSteps"]


class FixedSteps:
    """How an engine steps.

    Attributes
    ----------
    past : State or None
        Where currents are seen: the state before the last step; None: the present one.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.past: State | None = None
        self._single: Single | None = None
        self._seen = _seen_size(engine)
        self._schemes: dict[tuple[int, int], Scheme] = {}

    @property
    def crossed(self) -> bool:
        """Whether the last step may have taken a watched voltage through its threshold, up or down, since `compare`."""
        return self._single is None or self._single.crossed

    def compare(self, values: np.ndarray) -> None:
        """Somebody compares the watched voltages with their thresholds."""
        if self._single is not None:
            self._single.compare(values)

    def settle(self) -> None:
        """Let the state be complete, before anything but single steps changes or keeps it."""
        if self._single is not None:
            self._single.settle()

    def one(self, t: float, dt: float) -> None:
        """One step from t."""
        engine = self.engine
        self._follow(dt)
        engine.electrodes.t = t + 0.5 * dt
        if engine.stepper.threads == 1:
            self._prepared(t)
        else:
            self.settle()
            self._single = None
            state = engine.state
            self.past = State(t + 0.5 * dt, state.y.copy(), state.before, state.queue)
            state.t, state.before = t, engine.watched()
            engine.stepper.advance(state, t + dt, engine.statistics)
        self._bring_forward()

    def many(self, t: float, dt: float, n: int, batch: Batch) -> int:
        """Up to n steps from t, with what happens between them; how many were made."""
        engine, state = self.engine, self.engine.state
        self._follow(dt)
        self.settle()
        engine.electrodes.t = t + 0.5 * dt
        state.before = engine.watched()
        watch = batch.watch(state.y, n, len(state.before))
        done = int(engine.stepper.follow(state, n, watch, engine.statistics))
        self.past = State(t + (done - 0.5) * dt, watch.past, state.before, state.queue)
        self._bring_forward()
        batch.keep(watch, done)
        return done

    def _prepared(self, t: float) -> None:
        engine, state, single = self.engine, self.engine.state, self._single
        clamps = engine.electrodes.clamped(t)
        seen = len(state.y) if engine.session.run.watchers else self._seen
        if single is None or not single.fits(state, clamps, seen):
            self.settle()
            self._single = single = Single(engine.stepper, state, clamps, seen)
        past = self.past
        if past is None or past.y is not single.past:
            self.past = past = State(t, single.past, single.past[:0], state.queue)
        past.t = t + 0.5 * engine.stepper.dt
        single.step(t, engine.statistics)

    def _follow(self, dt: float) -> None:
        """Take the step and the method that `h.dt` and `h.secondorder` name."""
        stepper, session = self.engine.stepper, self.engine.session
        chemistry = session.chemistry
        stepper.dt = dt
        stepper.threads = chemistry.threads
        # what NEURON counts more than once it solves one after the other
        key = int(session.globals.values["secondorder"]), chemistry.in_force.times
        if key not in self._schemes:
            self._schemes[key] = NEURON[key[0]]._replace(repeats=key[1])
        if self._schemes[key] is not stepper.scheme:
            stepper.scheme = self._schemes[key]

    def _bring_forward(self) -> None:
        """Bring currents to the middle of the step, if `h.secondorder` is 2."""
        engine = self.engine
        if engine.session.globals.values["secondorder"] == 2 and self.past is not None:
            v = slice(engine.states["v"].start, engine.states["v"].stop)
            self.past.y[v] = 0.5 * (self.past.y[v] + engine.state.y[v])


def _seen_size(engine: Engine) -> int:
    """Up to where in the state there is something that currents or reversal potentials may be computed from."""
    ions = {mechanism for record in engine.layout.records for mechanism in record.mechanisms}
    symbols, seen = engine.declared.symbols, set()
    for quantity in engine.session.chemistry.quantities:
        if f"{quantity.name}_ion" in ions:
            keys = [(quantity.number, region.number) for region in quantity.regions]
            seen |= {symbols[key].name for key in keys if key in symbols}
    groups = zip(engine.system.groups, engine.groups, strict=True)
    ends = [int(group.position.max()) + 1 for local, group in groups if local.space in {"segments", "points"}]
    return max(ends + [block.stop for label, block in engine.states.blocks.items() if block.n_tree > 0 or label in seen])
