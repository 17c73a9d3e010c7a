"""Many fixed steps in the compiled loop, as far as nothing that only Python can do happens between them.

In: a run and a time. Out: its engine moved on, with recordings, spikes and events as if the steps had been made one by one.

Events for synapses and integrate-and-fire cells are handed over within the loop, also those that spikes in it send; for other
targets a run ends before the first of them arrives. NetStims are computed ahead. Recordings that the state does not hold,
Vectors that play what the loop does not know, state machines and functions to be called end it, or are left to single steps.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from geometry.records import dataclass
from rxd.neuron.engine.batch import Batch, sampled
from rxd.neuron.engine.courses import can_play, played
from rxd.neuron.engine.late import Jots, Late
from rxd.neuron.engine.taps import Tap, tap
from rxd.neuron.engine.wires import Wiring, wire, wiring_of
from rxd.neuron.events.arrivals import Arrivals, is_known
from rxd.neuron.recordings.around import Around, shows_surroundings
from rxd.neuron.recordings.recording import write_down
from rxd.solve.between_steps import DETECTION

if TYPE_CHECKING:
    from rxd.neuron.engine import Engine
    from rxd.neuron.recordings.recording import Recorder
    from rxd.neuron.runs.run import Run

__all__ = ["many_steps", "record_started", "record_step", "wiring_now"]

MOST = 1_000_000  # steps in a run, and numbers recorded in it
LEAST = 256  # steps to try at once where spikes may end a run
FEW = 8  # steps that take no longer one by one, and events that do not
SHORT = 3  # steps of delay below which spikes end every run at once


@dataclass(slots=True)
class _Plan:
    """How the recordings of a run are read; for these recordings and this engine only.

    ``taps``: of each recorder, None for what only Python can read. ``jumping``: recorders on a grid of what events make jump,
    by id with their positions; they take their values among the events. Of recorders of every step ``jots`` has those that
    read one position or the clock, ``late`` those computed later, ``around`` those of what is around the membrane. ``reach``:
    how many steps to try at once, since a run that spikes end early has made room for nothing.
    """

    engine: Engine
    recorders: list[Recorder]
    secondorder: float
    taps: list[Tap | None]
    jumping: dict[int, tuple[Recorder, int]]
    others: list[Recorder]
    jots: Jots | None
    late: Late | None
    around: Around | None
    reach: int = LEAST


def many_steps(run: Run, engine: Engine, stop: float) -> bool:
    """Make as many fixed steps towards a time as can be made at once; whether there were any."""
    if (
        run._machines
        or run.watchers
        or run.dice
        or run.followers
        or run.events.told is not None
        or run.blocks
        or run._watches()[1]
        or engine.linked.followed
        or engine.stepped
        or engine.swelling
        or engine.hooks
        or engine.shown.pending
        or engine.circuits.python
        or engine.sources.varying
    ):
        return False
    values = run.session.globals
    t, dt = values.t, values.dt
    taps, wiring = _taps(run, engine), wiring_now(run, engine)
    if taps is None or wiring.shortest < SHORT * dt or not can_play(engine, run.players, taps):
        return False
    if run._detectors:
        run._detect(t)
    run._deliver(t + 0.5 * dt)
    if not run.is_current(engine) or values.t != t or values.dt != dt or engine.sources.varying:
        return True  # an event has changed the model: begin anew
    if values["stoprun"]:
        run._fixed_step(engine)  # the step that has begun is the last one
        return True
    wiring = wiring_now(run, engine)
    n, events = _steps(run, engine, stop, wiring)
    if n < FEW and events < FEW:
        _few(run, engine, n)
        return True
    jumping = _plan(run, engine).jumping
    looked = [found for one, found in zip(run._recorders, taps, strict=True) if id(one) not in jumping] if jumping else taps
    batch = Batch(t, dt, n, looked, wiring, list(jumping.values()))
    middle = batch.middle
    arrivals = Arrivals(run, wiring, float(middle[-1]), [recorder for recorder, _ in jumping.values()])
    batch.known, batch.cells, batch.played = arrivals.known, arrivals.cells, played(engine, run.players, batch.middle)
    done = engine.steps(t, dt, n, batch)
    plan = _plan(run, engine)
    plan.reach = min(2 * n, MOST) if done == n else max(4 * done, LEAST)
    values["t"] = run.events.now = float(batch.ends[-1])
    if run.players:
        run._play(values.t)
    arrivals.settle(batch)
    _note_spikes(run, engine, batch, done, arrivals.spikes())
    _record(run, batch, jumping)
    run._deliver(values.t)
    run.callbacks.call_due(values.t, dt)
    return True


def _few(run: Run, engine: Engine, n: int) -> None:
    """Make steps one by one, until somebody changes the model or the step, or wants to stop."""
    values, dt = run.session.globals, run.session.globals.dt
    for _ in range(n):
        t = values.t
        run._fixed_step(engine)
        if not run.is_current(engine) or values.dt != dt or values.t <= t or values["stoprun"]:
            return


def record_started(run: Run, engine: Engine) -> None:
    """Record what followed from the start of a step, before Vectors play what holds at its end."""
    late = _plan(run, engine).late
    if late is not None:
        late.take()


def record_step(run: Run, engine: Engine) -> None:
    """Record what else is recorded at every step, after one."""
    y, t = engine.y, run.session.globals.t
    plan = _plan(run, engine)
    if plan.jots is not None:
        plan.jots.take(y, t)
    if plan.around is not None:
        plan.around.take()
    for recorder in plan.others:
        recorder.take()


def _plan(run: Run, engine: Engine) -> _Plan:
    plan, secondorder = run.plan, run.session.globals["secondorder"]
    recorders = run._recorders  # another list whenever a recording begins or ends
    if plan is None or plan.engine is not engine or plan.recorders is not recorders or plan.secondorder != secondorder:
        for waiting in () if plan is None else (plan.late, plan.jots, plan.around):
            if waiting is not None:
                waiting.flush()
        taps = [tap(engine, recorder.pointer) for recorder in recorders]
        found = [pair for pair in zip(recorders, taps, strict=True) if pair[0].when is None]
        played = {getattr(player.pointer, "name", "") for player in run.players}  # such a recording shows what was played
        late = [(r, t) for r, t in found if t is not None and t.started and getattr(r.pointer, "name", "") not in played]
        places = [(r, _place(t)) for r, t in found if t is not None]
        jots = [(r, place) for r, place in places if place is not None]
        known = {id(recorder) for recorder, _ in (*late, *jots)}
        others = [recorder for recorder, _ in found if id(recorder) not in known]
        around = [recorder for recorder in others if shows_surroundings(recorder)]
        known.update(id(recorder) for recorder in around)
        jumps = engine.synapses.all_places
        on_grids = [(r, _place(t)) for r, t in zip(recorders, taps, strict=True) if r.when is not None and t is not None]
        jumping = {id(r): (r, place) for r, place in on_grids if place is not None and place in jumps}
        run.plan = plan = _Plan(
            engine,
            recorders,
            secondorder,
            taps,
            jumping,
            [recorder for recorder in others if id(recorder) not in known],
            Jots(jots) if jots else None,
            Late(engine, late) if late else None,
            Around(run.session, around) if around else None,
        )
    return plan


def _place(found: Tap) -> int | None:
    return int(found.positions[0]) if found.kind == "place" else -1 if found.kind == "time" else None


def _taps(run: Run, engine: Engine) -> list[Tap] | None:
    """How to read all recordings within the loop; None if one of them cannot be."""
    taps = [found for found in _plan(run, engine).taps if found is not None]
    return taps if len(taps) == len(run._recorders) else None


def wiring_now(run: Run, engine: Engine) -> Wiring:
    """The present connections; looked at anew when one of them changes."""
    watched, wiring = run._watches()[0], run.wires
    if wiring is None or wiring.engine is not engine or wiring.watched is not watched or wiring.version != run.wiring:
        run.wires = wiring = wiring_of(run, engine, watched)
    found: Wiring = wiring
    return found


def _steps(run: Run, engine: Engine, stop: float, wiring: Wiring) -> tuple[int, int]:
    """How many steps may be made at once, and how many events they hand over that are on their way already."""
    values = run.session.globals
    t, dt = values.t, values.dt
    foreign, events = run.events.first(lambda action: action.__name__ != "take" and not is_known(wiring, action), stop)
    # the last step may end on an event, but none may be due in the first half of one
    free = min(foreign - 0.5 * dt, stop - 0.5 * dt)
    room = MOST / (1 + len(run._recorders) + len(run.players) + len(run._detectors))
    reach = MOST if wiring.shortest == math.inf and not wiring.calls else _plan(run, engine).reach
    most = int(min(math.ceil((free - t) / dt - 1e-9), room, reach))
    return engine.clear_steps(t, dt, most) if most > 1 else 1, events


def _note_spikes(
    run: Run, engine: Engine, batch: Batch, done: int, spiked: Mapping[int, tuple[np.ndarray, np.ndarray]]
) -> None:
    """Let those who record or deliver by themselves know of spikes; one in the last step the next look at voltages finds.

    ``spiked``: by the number of a source that is no detector, its times and what orders simultaneous ones.
    """
    wiring, spikes = batch.wiring, batch.spikes
    watched = wiring.watched
    for detector, v in zip(watched, engine.watched() if watched else (), strict=True):
        detector.above = bool(v > detector.threshold)
    if not batch.blocked:
        for number in spikes[spikes[:, 0] == done - 1, 1]:
            watched[number].above = False
        spikes = spikes[spikes[:, 0] < done - 1]
    times = batch.ends[spikes[:, 0]] + DETECTION
    found = dict(spiked)
    for number in np.unique(spikes[:, 1]).tolist():
        rows = np.flatnonzero(spikes[:, 1] == number)
        found[number] = (times[rows], rows)
    write_down([(*found[number], one()) for number, one in wiring.recorded if number in found])
    for number, reference in wiring.counters:
        counter = reference()
        for when in found[number][0].tolist() if number in found else ():
            if counter is not None:
                counter.spike(when)
    for number in np.flatnonzero(np.isfinite(wiring.delays)).tolist():
        for connection in watched[number].listening() if number in found else ():
            if connection.active() and connection.syn() is not None and wire(engine, wiring.numbers, connection) is None:
                for when in found[number][0].tolist():
                    run.at(when + connection.delay, connection.deliver)


def _record(run: Run, batch: Batch, jumping: Mapping[int, tuple[Recorder, int]]) -> None:
    """Bring recordings up to date."""
    scheduled = False
    for number, (recorder, _) in enumerate(jumping.values()):
        times, values = batch.took(number)
        recorder.append_at(times, values)
        scheduled |= len(times) > 0
    others = [recorder for recorder in run._recorders if id(recorder) not in jumping]
    for recorder, values in zip(others, batch.read(), strict=True):
        if recorder.when is None:
            recorder.append(values)
            continue
        times = recorder.due(float(batch.ends[-1]))
        if len(times):
            recorder.append_at(times, sampled(values, math.nan, batch.middle, batch.ends, times))
            scheduled = True
    if scheduled:
        run.reschedule()
