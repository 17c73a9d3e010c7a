"""Many fixed steps in the compiled loop, as far as nothing that only Python can do happens between them.

In: a run and a time. Out: its engine moved on, with recordings, spikes and events as if the steps had been made one by one.

Events for synapses are handed over within the loop; a spike in it sends its own after the run, which is therefore no longer
than the shortest delay. Recordings that the state does not hold, played Vectors, state machines and functions to be called end
it, or are left to single steps.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rxd.neuron.artificial import Artificial
from rxd.neuron.engine.batch import Batch, sampled
from rxd.neuron.engine.taps import Tap, tap

if TYPE_CHECKING:
    from rxd.neuron.engine import Engine
    from rxd.neuron.recording import Recorder
    from rxd.neuron.run import Run

__all__ = ["many_steps", "record_step"]

MOST = 1_000_000  # steps in a run, and numbers recorded in it


@dataclass(frozen=True, slots=True)
class _Plan:
    """How the recordings of a run are read; for these recordings and this engine only.

    ``taps``: of each recorder, None for what only Python can read. ``every``: recorders of every step with the one
    position they read: -1 for the time, None for other recordings.
    """

    engine: Engine
    recorders: list[Recorder]
    secondorder: float
    taps: list[Tap | None]
    every: list[tuple[Recorder, int | None]]


def many_steps(run: Run, engine: Engine, stop: float) -> bool:
    """Make as many fixed steps towards a time as can be made at once; whether there were any."""
    if run._players or run._machines or run.watchers or run._watches()[1] or engine.stepwise:
        return False
    taps = _taps(run, engine)
    if taps is None:
        return False
    values = run.session.globals
    t, dt = values.t, values.dt
    if run._detectors:
        run._detect(t)
    run._deliver(t + 0.5 * dt)
    if engine.revision != run.session.revision or values.t != t or values.dt != dt:
        return True  # an event has changed the model: begin anew
    receives, calls = _receiver(engine), _calls(run)
    batch = Batch(t, dt, _steps(run, engine, stop, receives), taps, calls)
    taken = run.events.take(float(batch.middle[-1]), receives)
    for when, _, action in taken:
        target = action.__self__.syn()
        if target is not None and action.__self__.active():
            batch.receive(when, engine.synapses.amounts(target, float(action.__self__.weight[0])))
    middle = batch.middle
    done = engine.steps(t, dt, len(middle), batch)
    if done < len(middle):
        run.events.put_back([entry for entry in taken if entry[0] > middle[done - 1]])
    values["t"] = float(batch.ends[-1])
    _spikes(run, engine, batch, done)
    _record(run, batch)
    run._deliver(values.t)
    return True


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


def _connections(run: Run) -> list[Any]:
    found = [reference() for detector in run._watches()[0] for reference in detector.connections]
    return [connection for connection in found if connection is not None]


def _calls(run: Run) -> bool:
    """Whether somebody wants to be called at a spike: then the run ends there."""
    return any(callable(c.get_recordvec()) or isinstance(c.get_recordvec(), (str, tuple)) for c in _connections(run))


def _steps(run: Run, engine: Engine, stop: float, receives: Callable[[Any], bool]) -> int:
    """How many steps may be made at once."""
    values = run.session.globals
    t, dt = values.t, values.dt
    foreign = run.events.first(lambda action: action.__name__ != "take" and not receives(action))
    # the last step may end on an event, but none may be due in the first half of one
    free = min(foreign - 0.5 * dt, stop - 0.5 * dt)
    most = int(min(math.ceil((free - t) / dt - 1e-9), MOST / (1 + len(run._recorders))))
    delays = [connection.delay for connection in _connections(run) if connection.syn() is not None]
    if delays:
        most = min(most, math.ceil(min(delays) / dt + 1.5 - 1e-9) - 1)
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
        for reference in watched[number].connections:
            connection = reference()
            if connection is not None:
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
        run._reschedule()
