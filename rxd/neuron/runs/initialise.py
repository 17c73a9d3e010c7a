"""Initialisation of a run: `h.finitialize`.

In: a run whose model may have changed. Out: its compiled model in the initial state, with events, players and recordings begun,
in NEURON's order: handlers of type 3, voltages, played Vectors, handlers of type 0, mechanisms and chemistry, handlers of type
1, what is due at time 0, currents, recordings, handlers of type 2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rxd.neuron.engine.rising import look_anew
from rxd.neuron.engine.seen import CURRENTS, STATES

if TYPE_CHECKING:
    from rxd.neuron.runs.run import Run

__all__ = ["initialise"]


def initialise(run: Run, v: float | None) -> None:
    """Set the initial state: time 0, voltage, gates, concentrations, events, recordings."""
    values = run.session.globals
    if run.session.channels:
        run.session.mods.renew_channels()
    run.events.clear()
    run.callbacks.clear()
    run._drop_dead()
    run._handle(3)  # with the clock as it was
    run.session.chemistry.settle_styles()
    values["t"] = 0.0
    early = any(handler.kind in {0, 1} for handler in run._living_handlers())
    if early or (run.engine is not None and run.engine.revision != run.session.revision):
        run.pull(computed=early)  # now, lest the compilation below fetches the old voltages over the new ones
    _begin_at(run, v)
    run.session.chemistry.in_force.begin()
    engine = run._compiled()
    run.players, run._ready = [*run.players, *run._ready], []
    for record in run.session.topology if v is not None and (early or run.players) else ():
        run.changed("v", record)  # handlers see it, and another engine takes it over, if what is played at 0 needs one
    if early:  # handlers see what was computed before
        engine.seen.frozen = frozenset((CURRENTS, STATES))
    for player in run.players:
        player.at = -1
    run._play(0.0)
    run._roll()
    run._handle(0)
    engine = run._compiled()
    engine.initial.set()
    run.followers.follow()
    if early:
        engine.seen.frozen = frozenset((CURRENTS,))
    _reset_events(run)
    for point in run.points:
        if hasattr(point, "initialize"):
            point.initialize()
    engine.hooks.initialize()
    run.blocks.initialize()
    run._handle(1)
    run._deliver(0.0)  # before currents are computed and recordings begin
    engine = run._compiled()
    run.session.membrane.forget()
    engine.update_currents()
    _start_recordings(run)
    run.leapt = False
    run._handle(2)


def _begin_at(run: Run, v: float | None) -> None:
    """Voltages of the initial state: a given one, or those at the end of the last run."""
    for record in run.session.topology:
        if v is not None:
            record.store["v"][:] = float(v)
        elif run.engine is not None:
            run.engine.exchange.fetch("v", record)


def _reset_events(run: Run) -> None:
    """No source is above its threshold, and recordings of spikes are empty."""
    for detector in run._detectors:
        detector.above = False
    listening = [reference for detector in run._detectors for reference in detector.connections]
    for reference in (*listening, *(one for listeners in run._listeners.values() for one in listeners)):
        connection = reference()
        if hasattr(connection, "begin"):
            connection.begin()


def _start_recordings(run: Run) -> None:
    """Begin to record, and do what is due at time 0."""
    for recorder in run._recorders:
        recorder.start(0.0)
        if run.adaptive and recorder.next_time() <= 0.0:
            recorder.take()
        run._schedule(recorder)
    run._deliver(0.0)
    for recorder in run._recorders:
        if recorder.when is None:
            recorder.take()
    run.callbacks.call_due(0.0, 0.0)
    if run.adaptive:
        look_anew(run._compiled())
        run._tell(1, 0)
