"""Variable steps of a run.

In: a run whose `CVode` is active. Out: its engine moved to the next thing that happens, with spikes, events and recordings.

What Vectors play with interpolation rises along straight lines. Where these lead into currents of clamps and of fields outside,
the solver follows the lines themselves. Anything else, such as a conductance, goes up in short stairs, each at the height of
the line's middle: the error goes with the square of their length, which follows from the tolerance.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import numpy as np

from rxd.neuron.cells.outside import NAME
from rxd.neuron.engine.courses import LEVELS, is_outside
from rxd.neuron.engine.rising import risen_at_once
from rxd.neuron.errors import NotSupported
from rxd.neuron.mechanisms.points import PointProcess
from rxd.neuron.recordings.samples import Samples, taken_early
from rxd.neuron.vectors.pointers import AttributePointer, RangePointer

if TYPE_CHECKING:
    from rxd.neuron.engine import Engine
    from rxd.neuron.events.connections import Detector
    from rxd.neuron.events.transitions import Moves
    from rxd.neuron.mods.events import Watches
    from rxd.neuron.recordings.recording import Player
    from rxd.neuron.runs.run import Run

__all__ = ["adaptive_step", "advance_to", "deliver_due", "send_risen", "solve_until"]

STAIR: Final = 0.05
"""How long a stair lasts with a tolerance of 1e-3, ms."""
SHORTEST_STAIR: Final = 0.002
RESOLUTION: Final = 1e-6
"""How precisely a transition of a state machine is found, ms."""
INSIDE: Final = 0.02
"""Fraction of an interval by which a guess stays away from its ends."""
TRIES: Final = 40
FIELD: Final = f"e_{NAME}"


def solve_until(run: Run, stop: float) -> None:
    """Run to a time; what is due just then waits for the next call, as with NEURON's `CVode.solve` and `psolve`."""
    values = run.session.globals
    if values.t >= stop:
        return
    run.horizon, waiting = stop, [recorder for recorder in run._recorders if recorder.ends_at(stop)]
    try:
        run.advance_until(stop)
    finally:
        run.horizon = np.inf
    for recorder in waiting if values.t == stop else ():
        recorder.withdraw(stop)
        run.send_sample(recorder, stop, recorder.sent)


def adaptive_step(run: Run, engine: Engine, stop: float, single: bool) -> None:
    """Advance to the next thing that happens, or by one internal step."""
    values = run.session.globals
    run._deliver(values.t)
    machines = run.machines() if run._machines else []
    for machine in machines:
        machine.rearm(values.t)
    if machines:
        run._deliver(values.t)  # what has come true by an event or a script
    if not run.is_current(engine):  # an event has changed the model
        engine = run._compiled()
    watched = send_risen(run, engine)
    target = min(stop, run.events.next_time())
    if machines:
        spikes = _advance_to_transition(run, engine, machines, target)
    else:
        # other variables than voltages are looked at where internal steps end
        spikes = advance_to(run, engine, target, single or bool(run._watches()[1]))
    for number, when in spikes:
        for connection in watched[number].listening():
            connection.spike(when)
    run._detect(values.t, but=watched)
    deliver_due(run)
    run.events.now = values.t
    _record_jump(run, engine)


def deliver_due(run: Run) -> None:
    """Deliver what is due now, and among it what has just been recorded although some of it was sent before."""
    t, events = run.session.globals.t, run.events
    for recorder in taken_early(run, t, events.next_sent) if events.next_time() <= t < run.horizon else ():
        run.send_sample(recorder, t, recorder.sent)
    run._deliver(t)


def send_risen(run: Run, engine: Engine) -> list[Detector]:
    """Spikes of what is above its threshold at once, at the beginning, by an event or a script; what the engine watches."""
    watched, others = run._watches()  # the engine looks at those that have come since
    risen = [watched[number] for number in risen_at_once(engine)] if watched else []
    for detector in (*risen, *(one for one in others if one.rises())):
        for connection in detector.listening():
            connection.spike(run.session.globals.t)
    return watched


def advance_to(run: Run, engine: Engine, target: float, single: bool) -> tuple[tuple[int, float], ...]:
    """Let the solver go to a time, to a jump of a clamp or a course, or to a spike; which voltages have risen, and when."""
    if run.dice or run.followers:
        raise NotSupported(
            "Random.play, and a clamp that follows a variable, are not supported with CVode: their numbers would follow the "
            "solver's steps; use fixed steps, or play a Vector of random numbers with the times at which they hold."
        )
    values = run.session.globals
    t = values.t
    run.leapt |= _jumps_that_waited(run, t)
    _record_jump(run, engine)
    jump = min([engine.next_jump(t), *(player.next_jump(t) for player in run.players)])
    target = min(target, jump)
    lines: list[Player] = []
    if run.players:
        target, lines = _play_on(run, engine, t, target)
    spikes = engine.advance(t, target, Samples(run, engine, lines), single)
    waits = engine.t >= run.horizon
    run.leapt = engine.t >= jump and not waits
    values["t"] = engine.t
    if run.watchers:
        run._tell(1, 0)
    run._play(engine.t, continuous=True if waits else None)
    return spikes


def _jumps_that_waited(run: Run, t: float) -> bool:
    """Play jumps of Vectors that were due when a run ended, and waited; whether there were any."""
    jumping = run._sorted_players()[1] if run.players else []
    before = [player.at for player in jumping]
    if jumping:
        run._play(t, continuous=False)
    return [player.at for player in jumping] != before


def _record_jump(run: Run, engine: Engine) -> None:
    """Record once more what is recorded at every step, where an event, a clamp or a Vector has made something jump.

    Recordings have both values of a jump, as NEURON's do.
    """
    if not (run.leapt or engine.jumped) or not run.is_current(engine):
        return
    run.leapt = False
    if any(recorder.when is None for recorder in run._recorders):
        engine.see(engine.t)
        Samples(run, engine).jumped(engine.t, engine.y)


def _play_on(run: Run, engine: Engine, t: float, target: float) -> tuple[float, list[Player]]:
    """Play from t on, until a time at most; until when that holds, and what rises along lines."""
    rising = [player for player in run.players if player.rises(t, min(target, t + STAIR))]
    lines = [player for player in rising if _is_line(engine, player)]
    if len(lines) < len(rising):
        tolerances = run.tolerances
        wanted = STAIR * np.sqrt((tolerances["atol"] + 10.0 * tolerances["rtol"]) / 1e-3)
        target = min(target, t + min(max(wanted, SHORTEST_STAIR), STAIR))
    for player in run.players:
        stairs = player in rising and player not in lines
        player.play(0.5 * (t + target) if stairs else t)
    electrodes = engine.electrodes
    electrodes.rise = (None, 0.0)
    if any(not is_outside(player) for player in lines):
        n, ahead = engine.discretization.cable.n, 0.5 * min(target - t, 1.0)
        injected, _, drive = electrodes.at(t, n)
        _play_all(lines, t + ahead)
        injected_then, _, drive_then = electrodes.at(t, n)
        _play_all(lines, t)
        electrodes.rise = (injected_then + drive_then - injected - drive) / ahead, t
    return target, lines


def _play_all(players: Iterable[Player], t: float) -> None:
    for player in players:
        player.play(t)


def _is_line(engine: Engine, player: Player) -> bool:
    """Whether what it plays is nothing to the solver, or a current that goes with it in proportion."""
    pointer = player.pointer
    if isinstance(pointer, RangePointer):
        return pointer.name == FIELD and engine.circuits.circuit is None
    if isinstance(pointer, AttributePointer) and isinstance(pointer.target, PointProcess):
        return pointer.name in LEVELS.get(pointer.target.kind, ()) or (pointer.target.kind, pointer.name) == ("VClamp", "amp")
    return is_outside(player)


class _Mark:
    """Where a run stands, to return to."""

    def __init__(self, run: Run, engine: Engine) -> None:
        self.state, self.t = engine.state.copy(), run.session.globals.t
        self._recorded = [(one, one.vector(), one.taken, one.following) for one in run._recorders]
        self._sizes = [0 if vector is None else len(vector) for _, vector, *_ in self._recorded]
        self._played = [(player, player.at, player.pointer.get()) for player in run.players if not player.continuous]

    def back(self, run: Run, engine: Engine) -> None:
        """Be there again; what was recorded since is gone."""
        engine.state = self.state.copy()
        engine.changed()
        run.session.globals["t"] = self.t
        for (recorder, vector, taken, following), size in zip(self._recorded, self._sizes, strict=True):
            if vector is not None:
                vector.resize(size)
            recorder.taken, recorder.following = taken, following
        for player, at, value in self._played:
            player.at = at
            player.pointer.set(value)


def _advance_to_transition(
    run: Run, engine: Engine, machines: list[Moves | Watches], target: float
) -> tuple[tuple[int, float], ...]:
    """One variable step, or to where within it a transition is due; which voltages have risen, and when."""
    values = run.session.globals
    possible = [transition for machine in machines for transition in machine.possible()]
    times = [due for due in (transition.due for transition in possible) if due is not None and due > values.t]
    mark, before = _Mark(run, engine), [transition.gap for transition in possible]
    spikes = advance_to(run, engine, min([target, *times]), single=True)
    low, high, after = mark.t, engine.t, [transition.gap for transition in possible]
    rising = [k for k, transition in enumerate(possible) if not transition.above and transition.due is None]
    for _ in range(TRIES):
        crossed = [k for k in rising if after[k] >= 0 > before[k]]
        if not crossed or high - low <= RESOLUTION:
            break
        share = min(-before[k] / (after[k] - before[k]) for k in crossed)
        guess = low + min(max(share, INSIDE), 1 - INSIDE) * (high - low)
        mark.back(run, engine)
        spikes = advance_to(run, engine, guess, single=False)
        there = [transition.gap for transition in possible]
        if any(there[k] >= 0 for k in crossed):
            high, after = engine.t, there
        else:
            low, before = engine.t, there
    if engine.t < high:
        mark.back(run, engine)
        spikes = advance_to(run, engine, high, single=False)
    return spikes
