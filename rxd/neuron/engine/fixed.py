"""Fixed steps of an engine: single ones, prepared once for many calls, and runs of many in the compiled loop.

In: an engine and its state. Out: the state a step or many further, with what currents are computed from kept as it was when the
last step began.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from rxd.solve.between_steps import watched
from rxd.solve.problem import State
from rxd.solve.schemes import NEURON
from rxd.solve.single import Single

if TYPE_CHECKING:
    from rxd.neuron.engine.batch import Batch
    from rxd.neuron.engine.engine import Engine

__all__ = ["FixedSteps"]

ENOUGH: Final = 200_000
"""Places of the state from which threads are worth waking for a single step."""


class FixedSteps:
    """How an engine steps.

    Attributes
    ----------
    past : State or None
        Where currents are seen: the state before the last step, or what `keep` has kept; None: the present one.
    moved : bool
        Whether `past` is the state before a step.
    seen : int
        Up to where in the state there is something that currents or reversal potentials may be computed from.
    single : Single or None
        What single steps have prepared.
    way : tuple or None
        dt, `h.secondorder`, threads used and repeats of reactions of the last step.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.past: State | None = None
        self.moved = False
        self._run, self._chemistry, self._globals = engine.session.run, engine.session.chemistry, engine.session.globals.values
        self.single: Single | None = None
        self.seen = _seen_size(engine)
        self.way: tuple[float, float, int, int] | None = None

    @property
    def crossed(self) -> bool:
        """Whether the last step may have taken a watched voltage through its threshold, up or down, since `compare`."""
        return self.single is None or self.single.crossed

    def compare(self, values: np.ndarray) -> np.ndarray | None:
        """Somebody compares the watched voltages with their thresholds; which have changed sides, None if that is not known."""
        return None if self.single is None else self.single.compare(values)

    def settle(self) -> None:
        """Let the state be complete, before anything but single steps changes or keeps it."""
        if self.single is not None:
            self.single.settle()

    def forget(self) -> None:
        """The engine gets another state, another memory of its stepper or other detectors: nothing prepared holds."""
        self.settle()
        self.single = None

    def keep(self) -> None:
        """Let currents be seen where they are, whatever changes the present state."""
        state = self.engine.state
        y = np.full(len(state.y), np.nan)
        y[: self.seen] = state.y[: self.seen]
        self.past, self.moved = State(state.t, y, state.before, state.queue), False

    def renew(self) -> None:
        """Let currents be those of the present state."""
        self.past, self.moved = None, False

    @property
    def _wanted(self) -> int:
        """Up to where in the state that before a step is kept: who watches between steps sees all of it."""
        return len(self.engine.state.y) if self._run.watchers else self.seen

    @property
    def _threads_of_one(self) -> int:
        """Threads for a single step: as many as `rxd.nthread` says where there is enough for them to do."""
        return self._chemistry.threads if len(self.engine.state.y) >= ENOUGH else 1

    def one(self, t: float, dt: float) -> None:
        """One step from t."""
        engine, chemistry = self.engine, self._chemistry
        engine.swelling.follow()
        self.moved = True
        way = (dt, self._globals["secondorder"], self._threads_of_one, chemistry.in_force.times)
        if way != self.way:
            self._follow(way)
        engine.electrodes.t = middle = t + 0.5 * dt
        if way[2] == 1:
            single = self.single
            if single is None or self._run.watchers:
                single = self._prepared(engine.electrodes.clamped(t))
            elif engine.electrodes.electrodes:
                engine.electrodes.clamped(t)
            past = self.past
            if past is None or past.y is not single.past:
                self.past = past = State(t, single.past, single.past[:0], engine.state.queue)
            past.t = middle
            single.step(t, engine.statistics)
        else:
            self.forget()
            state = engine.state
            self.past = State(middle, state.y.copy(), state.before, state.queue)
            state.t, state.before = t, engine.watched()
            engine.stepper.advance(state, t + dt, engine.statistics)

    def shifted(self, t: float, dt: float, seen: tuple[np.ndarray, np.ndarray]) -> None:
        """One step from t in which currents find other values at some places of the state."""
        engine, state, chemistry = self.engine, self.engine.state, self._chemistry
        engine.swelling.follow()
        self._follow((dt, self._globals["secondorder"], self._threads_of_one, chemistry.in_force.times))
        self.forget()
        engine.electrodes.t = t + 0.5 * dt
        segments, currents = engine.shown.flows(*seen)
        if len(segments):
            engine.electrodes.more = segments, currents
        state.t, state.before, past = t, engine.watched(), np.full(len(state.y), np.nan)
        engine.stepper.follow(state, 1, watched(stops=False, past=past[: self._wanted], seen=seen), engine.statistics)
        self.past, self.moved = State(t + 0.5 * dt, past, state.before, state.queue), True

    def many(self, t: float, dt: float, n: int, batch: Batch) -> int:
        """Up to n steps from t, with what happens between them; how many were made."""
        engine, state, chemistry = self.engine, self.engine.state, self._chemistry
        self._follow((dt, self._globals["secondorder"], chemistry.threads, chemistry.in_force.times))
        self.settle()
        if self.single is not None:
            self.single.forget_comparison()
        engine.electrodes.t = t + 0.5 * dt
        state.before = engine.watched()
        past = np.full(len(state.y), np.nan)
        watch = batch.watch(past[: self.seen], engine.sources.gains(dt))
        done = int(engine.stepper.follow(state, n, watch, engine.statistics))
        self.past, self.moved = State(t + (done - 0.5) * dt, past, state.before, state.queue), True
        batch.keep(watch, done)
        if batch.played is not None:
            last = {key: (float(g[done - 1]), float(drive[done - 1])) for key, (g, drive) in batch.played.levels.items()}
            engine.electrodes.moved(last)
        return done

    def _prepared(self, clamps: tuple[np.ndarray, np.ndarray, np.ndarray]) -> Single:
        """Single steps of the engine's state."""
        state, single, seen = self.engine.state, self.single, self._wanted
        if single is None or single.seen != seen:
            self.forget()
            self.single = single = Single(self.engine.stepper, state, clamps, seen)
        return single

    def _follow(self, way: tuple[float, float, int, int]) -> None:
        """Take the step and the method that `h.dt`, `h.secondorder` and `rxd.nthread` name."""
        stepper, (dt, secondorder, threads, times) = self.engine.stepper, way
        stepper.dt, stepper.threads = dt, threads
        # what NEURON counts more than once it solves one after the other
        scheme = NEURON[int(secondorder)]._replace(repeats=times)
        if scheme != stepper.scheme:
            stepper.scheme = scheme
        if self.way is None or self.way[1] != secondorder:
            self.engine.fields.put_theta(scheme.cable.gamma)
        self.way = way

    @property
    def midway(self) -> State | None:
        """Where currents of ions are seen: the same, but with v of the middle of the step where `h.secondorder` is 2."""
        past = self.past
        if past is None or not self.moved or self._globals["secondorder"] != 2:
            return past
        moved, v = past.copy(), slice(self.engine.states["v"].start, self.engine.states["v"].stop)
        moved.y[v] = 0.5 * (past.y[v] + self.engine.seen.end.y[v])
        return moved


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
