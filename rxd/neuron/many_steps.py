"""Many fixed steps in the compiled loop, as far as nothing that only Python can do happens between them.

In: a run and a time. Out: its engine moved on, with recordings, spikes and events as if the steps had been made one by one.

Events for synapses are handed over within the loop; a spike in it sends its own after the run, which therefore ends before the
first of them arrives. Recordings that the state does not hold, played Vectors, state machines and functions to be called end
it, or are left to single steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.artificial import Artificial
from rxd.neuron.engine.batch import Batch, sampled
from rxd.neuron.engine.sources import varying
from rxd.neuron.engine.taps import Tap, tap

if TYPE_CHECKING:
    from rxd.neuron.engine import Engine
    from rxd.neuron.recording import Recorder
    from rxd.neuron.run import Run

__all__ = ["many_steps", "record_step"]

MOST = 1_000_000  # steps in a run, and numbers recorded in it
LEAST = 256  # steps to try at once after a run has been short
FEW = 8  # steps that take no longer one by one
SHORT = 3  # steps of delay below which spikes end every run at once


@dataclass(slots=True)
class _Plan:
    """How the recordings of a run are read; for these recordings and this engine only.

    ``taps``: of each recorder, None for what only Python can read. ``every``: recorders of every step with the one
    position they read: -1 for the time, None for other recordings. ``reach``: how many steps to try at once, since a run that
    spikes end early has made room for nothing.
    """

    engine: Engine
    recorders: list[Recorder]
    secondorder: float
    taps: list[Tap | None]
    every: list[tuple[Recorder, int | None]]
    reach: int = LEAST


def many_steps(run: Run, engine: Engine, stop: float) -> bool:
    """Make as many fixed steps towards a time as can be made at once; whether there were any."""
    if run._players or run._machines or run.watchers or run._watches()[1] or engine.linked.followed or varying(engine):
        return False
    values = run.session.globals
    t, dt = values.t, values.dt
    taps, wires = _taps(run, engine), _wires(run)
    if taps is None or wires.shortest < SHORT * dt:
        return False
    if run._detectors:
        run._detect(t)
    run._deliver(t + 0.5 * dt)
    if engine.revision != run.session.revision or values.t != t or values.dt != dt:
        return True  # an event has changed the model: begin anew
    receives, wires = _receiver(engine), _wires(run)
    n = _steps(run, engine, stop, receives)
    if n < FEW:
        _few(run, engine, n)
        return True
    batch = Batch(t, dt, n, taps, wires.calls, wires.grace(dt))
    taken = run.events.take(float(batch.middle[-1]), receives)
    for when, _, action in taken:
        target = action.__self__.syn()
        if target is not None and action.__self__.active():
            batch.receive(when, engine.synapses.amounts(target, float(action.__self__.weight[0])))
    middle = batch.middle
    done = engine.steps(t, dt, n, batch)
    plan = _plan(run, engine)
    plan.reach = min(2 * n, MOST) if done == n else max(4 * done, LEAST)
    if done < n:
        run.events.put_back([entry for entry in taken if entry[0] > middle[done - 1]])
    values["t"] = float(batch.ends[-1])
    _spikes(run, engine, batch, done)
    _record(run, batch)
    run._deliver(values.t)
    return True


def _few(run: Run, engine: Engine, n: int) -> None:
    """Make steps one by one, until somebody changes the model or the step, or wants to stop."""
    values, dt = run.session.globals, run.session.globals.dt
    for _ in range(n):
        t = values.t
        run._fixed_step(engine)
        if engine.revision != run.session.revision or values.dt != dt or values.t <= t or values["stoprun"]:
            return


def record_step(run: Run, engine: Engine) -> None:
    """Record what is recorded at every step, after one."""
    y, t = engine.y, run.session.globals.t
    for recorder, place in _plan(run, engine).every:
        if place is None:
            recorder.take()
        else:
            recorder.put(t if place < 0 else float(y[place]))


def _plan(run: Run, engine: Engine) -> _Plan:
    plan, secondorder = run.plan, run.session.globals["secondorder"]
    recorders = run._recorders  # another list whenever a recording begins or ends
    if plan is None or plan.engine is not engine or plan.recorders is not recorders or plan.secondorder != secondorder:
        taps = [tap(engine, recorder.pointer) for recorder in recorders]
        every = [
            (recorder, None if found is None else _place(found))
            for recorder, found in zip(recorders, taps, strict=True)
            if recorder.when is None
        ]
        run.plan = plan = _Plan(engine, recorders, secondorder, taps, every)
    return plan


def _place(found: Tap) -> int | None:
    return int(found.positions[0]) if found.kind == "place" else -1 if found.kind == "time" else None


def _taps(run: Run, engine: Engine) -> list[Tap] | None:
    """How to read all recordings within the loop; None if one of them cannot be."""
    taps = [found for found in _plan(run, engine).taps if found is not None]
    return taps if len(taps) == len(run._recorders) else None


def _receiver(engine: Engine) -> Callable[[Any], bool]:
    """Whether an action hands a weight to a synapse of the state."""
    from rxd.neuron.events import NetCon

    def receives(action: Any) -> bool:
        if getattr(action, "__func__", None) is not NetCon.deliver:
            return False
        target = action.__self__.syn()
        return target is None or (not isinstance(target, Artificial) and engine.synapses.has(target))

    return receives


@dataclass(frozen=True, slots=True)
class _Wires:
    """What listens to the voltages that the engine watches.

    ``calls``: whether somebody wants to be called at a spike, so that a run ends there. ``delays``: of each detector the
    shortest delay to a target, ms.
    """

    key: tuple[Any, ...]
    calls: bool
    delays: np.ndarray

    @property
    def shortest(self) -> float:
        """The shortest delay, ms."""
        return float(self.delays.min(initial=math.inf))

    def grace(self, dt: float) -> np.ndarray:
        """How many steps a run may have from one with a spike on: the next is delivered before the step after them."""
        with np.errstate(invalid="ignore"):
            return np.minimum(np.ceil(self.delays / dt + 0.5 - 1e-9), MOST).astype(np.int64)


def _wires(run: Run) -> _Wires:
    """The present connections; looked at anew when one of them changes."""
    watched = run._watches()[0]
    wires, key = run.wires, (watched, run.wiring)
    if wires is None or wires.key[0] is not watched or wires.key[1] != run.wiring:
        calls, delays = False, np.full(len(watched), math.inf)
        for number, detector in enumerate(watched):
            for connection in detector.listening():
                wanted = connection.get_recordvec()
                calls = calls or callable(wanted) or isinstance(wanted, (str, tuple))
                if connection.syn() is not None:
                    delays[number] = min(delays[number], connection.delay)
        run.wires = wires = _Wires(key, calls, delays)
    return wires


def _steps(run: Run, engine: Engine, stop: float, receives: Callable[[Any], bool]) -> int:
    """How many steps may be made at once."""
    values = run.session.globals
    t, dt = values.t, values.dt
    foreign = run.events.first(lambda action: action.__name__ != "take" and not receives(action))
    # the last step may end on an event, but none may be due in the first half of one
    free = min(foreign - 0.5 * dt, stop - 0.5 * dt)
    room = MOST / (1 + len(run._recorders) + len(run._detectors))
    most = int(min(math.ceil((free - t) / dt - 1e-9), room, _plan(run, engine).reach))
    return engine.clear_steps(t, dt, most) if most > 1 else 1


def _spikes(run: Run, engine: Engine, batch: Batch, done: int) -> None:
    """Let connections know of spikes; one in the last step is found by the next look at the voltages."""
    from rxd.neuron.events import DELAY_OF_DETECTION

    watched = run._watches()[0]
    for detector, v in zip(watched, engine.watched() if watched else (), strict=True):
        detector.above = bool(v > detector.threshold)
    for step, number in batch.spikes:
        if step == done - 1:
            watched[number].above = False
            continue
        for connection in watched[number].listening():
            connection.spike(float(batch.ends[step]) + DELAY_OF_DETECTION)


def _record(run: Run, batch: Batch) -> None:
    """Bring recordings up to date."""
    scheduled = False
    for recorder, values in zip(list(run._recorders), batch.read(), strict=True):
        if recorder.when is None:
            recorder.append(values)
            continue
        times = recorder.due(float(batch.ends[-1]))
        if len(times):
            recorder.append(sampled(values, math.nan, batch.middle, batch.ends, times))
            scheduled = True
    if scheduled:
        run.reschedule()
