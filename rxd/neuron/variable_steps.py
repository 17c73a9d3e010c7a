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

from rxd.neuron.engine.courses import LEVELS, is_outside
from rxd.neuron.outside import NAME
from rxd.neuron.pointers import AttributePointer, RangePointer
from rxd.neuron.points import PointProcess
from rxd.neuron.samples import Samples

if TYPE_CHECKING:
    from rxd.neuron.engine import Engine
    from rxd.neuron.recording import Player
    from rxd.neuron.run import Run

__all__ = ["adaptive_step", "advance_to"]

STAIR: Final = 0.05
"""How long a stair lasts with a tolerance of 1e-3, ms."""
SHORTEST_STAIR: Final = 0.002
FIELD: Final = f"e_{NAME}"


def adaptive_step(run: Run, engine: Engine, stop: float, single: bool) -> None:
    """Advance to the next thing that happens, or by one internal step."""
    values = run.session.globals
    run._deliver(values.t)
    spikes = advance_to(run, engine, min(stop, run.events.next_time()), single)
    watched = run._voltages(engine.layout.index)
    for number, when in spikes:
        for connection in watched[number].listening():
            connection.spike(when)
    run._detect(values.t, but=watched)
    run._deliver(values.t)


def advance_to(run: Run, engine: Engine, target: float, single: bool) -> tuple[tuple[int, float], ...]:
    """Let the solver go to a time, to a jump of a clamp or a course, or to a spike; which voltages have risen, and when."""
    values = run.session.globals
    t = values.t
    target = min(target, engine.next_jump(t))
    lines: list[Player] = []
    if run.players:
        target, lines = _play_on(run, engine, t, min([target, *(player.next_jump(t) for player in run.players)]))
    spikes = engine.advance(t, target, Samples(run, engine, lines), single)
    values["t"] = engine.t
    if run.watchers:
        run._tell(1, 0)
    run._play(engine.t)
    return spikes


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
