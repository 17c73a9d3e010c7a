"""Variable steps of a run.

In: a run whose `CVode` is active. Out: its engine moved to the next thing that happens, with spikes, events and recordings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rxd.neuron.samples import Samples

if TYPE_CHECKING:
    from rxd.neuron.engine import Engine
    from rxd.neuron.run import Run

__all__ = ["adaptive_step"]

RAMP = 0.05  # ms, how long a Vector played with interpolation is held


def adaptive_step(run: Run, engine: Engine, stop: float, single: bool) -> None:
    """Advance to the next thing that happens, or by one internal step."""
    values = run.session.globals
    t = values.t
    run._deliver(t)
    jumps = min((player.next_jump(t) for player in run.players), default=np.inf)
    target = min(stop, run.events.next_time(), jumps, engine.next_jump(t))
    ramps = any(player.rises(t, min(target, t + RAMP)) for player in run.players)
    if ramps:  # the course is a staircase of short steps, each at the height of its middle
        target = min(target, t + RAMP)
    run._play(0.5 * (t + target) if ramps else t)
    spikes = engine.advance(t, target, Samples(run, engine), single)
    values["t"] = engine.t
    run._tell(1, 0)
    run._play(engine.t)
    watched = run._voltages(engine.layout.index)
    for number, when in spikes:
        for connection in watched[number].listening():
            connection.spike(when)
    run._detect(values.t, but=watched)
    run._deliver(values.t)
