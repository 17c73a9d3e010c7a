"""Steps that a script makes one at a time: what `Run` does in each, with everybody asked before who is there to be asked.

In: a run and its engine. Out: a function that makes one step, or says that something else has to go with it. The compiled
kernel takes two microseconds for a step of a small model; to find out anew whom to ask takes Python twice as long.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rxd.solve.problem import State

if TYPE_CHECKING:
    from rxd.neuron.engine import Engine
    from rxd.neuron.runs.run import Run
    from rxd.solve.single import Single

__all__ = ["quick_step"]


def quick_step(run: Run, engine: Engine) -> Callable[[], bool] | None:
    """A function that makes one fixed step and returns True, or does what is due before one and returns False.

    None where a step is more than one call of the compiled kernel, with events, recordings and the search for spikes around it.
    What is due is done once: who makes the step instead finds nothing left of it.
    """
    fixed, single = engine.fixed, _prepared(run, engine)
    if single is None:
        return None
    session, chemistry, events, electrodes = run.session, run.session.chemistry, run.events, engine.electrodes
    values, seen, fields, state, views = session.globals.values, engine.seen, engine.fields, engine.state, chemistry.views
    shown, statistics, past, ready = engine.shown, engine.statistics, single.past, session.ready
    revision, clamping, way = engine.revision, engine.clamping, fixed.way
    dt, secondorder, half, clamps = values["dt"], values["secondorder"], 0.5 * values["dt"], bool(electrodes.electrodes)
    threads = chemistry.threads

    def step() -> bool:
        t = values["t"]
        middle = t + half
        if run._detectors:
            run._detect(t)
        if events.next_time() <= middle:
            run._deliver(middle)
        if run.players:
            run._play_for_step(t, middle, t + dt)
        if (
            session.revision != revision
            or run.clamping != clamping
            or fixed.single is not single
            or fixed.way is not way
            or engine.state is not state
            or values["dt"] != dt
            or values["t"] != t
            or values["secondorder"] != secondorder
            or chemistry.threads != threads
            or chemistry.fluxes
            or run.watchers
            or run.dice
            or run.blocks
            or run._machines
            or views
            or shown.pending
        ):
            return False
        if fields.stale or fields.cells or engine.jumped:
            engine._prepare(t)
        electrodes.t = middle
        if clamps:
            electrodes.clamped(t)
        kept = fixed.past
        if kept is None or kept.y is not past:
            fixed.past = kept = State(t, past, past[:0], state.queue)
        kept.t, fixed.moved = middle, True
        single.step(t, statistics)
        if seen.kept or seen.frozen:
            seen.clear()
        run._versions = run._compared = engine.version = run._versions + 1
        ready.clear()
        chemistry.moves += 1
        values["t"] = t = middle + half  # as NEURON adds it up
        run._end_step(engine, t, dt)
        return True

    return step


def _prepared(run: Run, engine: Engine) -> Single | None:
    """What makes steps of an engine; None if something goes with them that it does not do."""
    others = run.adaptive or not engine.is_plain or run.watchers or run.dice or run.blocks or run._machines
    # what a channel's rates are made of may change in any Vector
    return None if others or run.followers or run.session.channels else engine.fixed.single
