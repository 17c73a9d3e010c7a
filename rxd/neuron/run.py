"""Run control of a session: initialisation, steps, events, recordings.

In: `h.finitialize`, `h.fadvance`, `h.continuerun` and the like. Out: a compiled model (`rxd.neuron.engine`) moved through time.

One fixed step follows NEURON's order: thresholds and events up to the middle of the step; played Vectors at the middle;
voltage, then gates, then chemistry; played Vectors at the end; recordings of every step; events up to the end, recordings on a
grid among them.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.artificial import Artificial
from rxd.neuron.callbacks import Callbacks
from rxd.neuron.errors import HocError
from rxd.neuron.events import (
    DELAY_OF_DETECTION,
    Detector,
    EventHeap,
    FInitializeHandler,
    NetCon,
    StateTransitionEvent,
)
from rxd.neuron.many_steps import many_steps, record_step
from rxd.neuron.pointers import Pointer, RangePointer
from rxd.neuron.points import PointProcess
from rxd.neuron.recording import Player, Recorder, forgetting
from rxd.neuron.variable_steps import adaptive_step

if TYPE_CHECKING:
    from rxd.neuron.engine import Engine
    from rxd.neuron.record import SectionRecord
    from rxd.neuron.session import Session
    from rxd.neuron.vector import Vector

__all__ = ["Run"]


class Run:
    """Time, events and recordings of a session.

    Attributes
    ----------
    engine : Engine or None
        The compiled model; None before the first `finitialize`.
    players : list of Player
        Vectors that drive variables.
    watchers : list of (int, function)
        What `CVode.extra_scatter_gather` wants called at every step.
    plan, wires : object
        What `rxd.neuron.many_steps` remembers from call to call.
    wiring : int
        Grows whenever a NetCon gets another delay, weight, target or recording, or its target another parameter.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.engine: Engine | None = None
        self.events = EventHeap()
        self.tolerances = {"atol": 1e-3, "rtol": 0.0, "maxstep": np.inf, "minstep": 0.0}
        self.adaptive = False
        self.scales: dict[str, float] = {}
        self._versions = 0
        self._pulled = -1
        self.fast_imem = False
        self.callbacks = Callbacks(self)
        self._connections: list[weakref.ref[NetCon]] = []
        self._points: dict[int, weakref.ref[PointProcess]] = {}
        self._handlers: list[weakref.ref[FInitializeHandler]] = []
        self._machines: list[weakref.ref[StateTransitionEvent]] = []
        self._detectors: list[Detector] = []
        self._listeners: dict[int, list[weakref.ref[NetCon]]] = {}
        self._recorders: list[Recorder] = []
        self.players: list[Player] = []
        self.watchers: list[tuple[int, Callable[[], Any]]] = []
        self._watch: tuple[Engine | None, list[Detector], list[Detector]] = (None, [], [])
        self.plan: Any = None
        self.wires: Any = None
        self.wiring = 0
        self._compared = -1

    # ---------------------------------------------------------------------------------------------------------- bookkeeping

    def weak(self, thing: Any) -> Callable[[], Any]:
        """A weak reference, or one that gives None."""
        return (lambda: None) if thing is None else weakref.ref(thing)

    def add_point(self, point: PointProcess) -> None:
        """Take note of a point process."""
        key, table, session = id(point), self._points, weakref.ref(self.session)

        def gone(_: object) -> None:
            table.pop(key, None)
            owner = session()
            if owner is not None:
                owner.touch()

        self._points[key] = weakref.ref(point, gone)
        self.session.touch()

    @property
    def points(self) -> list[PointProcess]:
        """All point processes and artificial cells that are alive."""
        found = [reference() for reference in self._points.values()]
        return [point for point in found if point is not None]

    def points_in(self, record: SectionRecord) -> list[PointProcess]:
        """The point processes in a section."""
        return [point for point in self.points if point.host is record]

    def points_at(self, record: SectionRecord, x: float) -> list[PointProcess]:
        """The point processes in one segment."""
        return [point for point in reversed(self.points_in(record)) if record.node(point.x) == record.node(x)]

    def add_handler(self, handler: FInitializeHandler) -> None:
        """Take note of a handler of initialisation."""
        self._handlers.append(weakref.ref(handler))

    def add_machine(self, machine: StateTransitionEvent) -> None:
        """Take note of a state machine."""
        self._machines.append(weakref.ref(machine))

    def connect(self, connection: NetCon, source: Any, threshold: float, given: bool) -> Detector | None:
        """Let a NetCon listen to its source; NetCons of one variable share a detector."""
        if hasattr(source, "fire"):
            self._listeners.setdefault(id(source), []).append(weakref.ref(connection))
            self.wiring += 1
            weakref.finalize(source, self._listeners.pop, id(source), None)
            return None
        if source is None:
            return None
        for detector in self._detectors:
            if isinstance(source, RangePointer) and type(detector) is Detector and detector.pointer == source:
                break
        else:
            detector = Detector(source, threshold)
            self._detectors.append(detector)
        if given:
            detector.threshold = threshold
        self.watch_changed()
        detector.connections.append(weakref.ref(connection))
        return detector

    def listeners(self, source: Artificial) -> list[NetCon]:
        """The NetCons that listen to an artificial cell."""
        found = [reference() for reference in self._listeners.get(id(source), ())]
        return [connection for connection in found if connection is not None]

    def listening(self) -> dict[int, list[NetCon]]:
        """The NetCons that listen to each artificial cell, by its id."""
        every = ((key, [reference() for reference in references]) for key, references in self._listeners.items())
        return {key: [connection for connection in found if connection is not None] for key, found in every}

    def add_connection(self, connection: NetCon) -> None:
        """Take note of a NetCon."""
        run = weakref.ref(self)

        def gone(_: object) -> None:
            owner = run()
            if owner is not None:
                owner.wiring += 1

        self._connections.append(weakref.ref(connection, gone))

    def connections(self) -> list[NetCon]:
        """All NetCons that are alive, oldest first."""
        self._connections = [reference for reference in self._connections if reference() is not None]
        return [one for one in (reference() for reference in self._connections) if one is not None]

    def count_with(self, detector: Detector, instead_of: Detector | None) -> None:
        """Let a counter of action potentials look at its segment, and no longer at where it was."""
        self._detectors = [*(known for known in self._detectors if known is not instead_of), detector]
        self.watch_changed()

    def record(self, vector: Vector, pointer: Pointer, when: float | Vector | None) -> None:
        """Let a Vector record; it stops recording anything else."""
        self.forget(vector)
        self._recorders = [*self._recorders, Recorder(weakref.ref(vector), pointer, when)]

    def play(self, vector: Vector, pointer: Pointer, when: float | Vector, continuous: bool) -> None:
        """Let a Vector drive a variable as long as somebody keeps it."""
        self.players.append(Player(weakref.ref(vector, forgetting(self)), pointer, when, continuous))

    def forget(self, vector: Vector) -> None:
        """Let a Vector neither record nor play."""
        self._recorders = [recorder for recorder in self._recorders if recorder.vector() not in {None, vector}]
        self.players = [player for player in self.players if player.vector is not vector]

    # ------------------------------------------------------------------------------------------------ values of the engine

    @property
    def version(self) -> int:
        """Grows whenever the engine's state changes."""
        return 0 if self.engine is None else self.engine.version

    def refresh(self, name: str, record: SectionRecord) -> None:
        """Bring a range variable of a section up to date, if the engine has moved since."""
        if not (name[-1:] in {"i", "o"} and self.session.chemistry.refresh(name, record)) and self.engine is not None:
            self.engine.exchange.fetch(name, record)

    def changed(self, name: str, record: SectionRecord) -> None:
        """A script has written a range variable."""
        if name == "cm":
            self.session.touch(shape=True)
        elif self.engine is not None:
            self.engine.exchange.note(name, record)

    def refresh_species(self, quantity: Any, region: Any) -> None:
        """Bring the values of a species on a region up to date, with what scripts have written into arrays."""
        if self.session.chemistry.views:
            self.session.chemistry.views.adopt()
        if self.engine is not None:
            self.engine.exchange.fetch_species(quantity, region)

    def changed_species(self, quantity: Any, region: Any) -> None:
        """A script has written values of a species on a region."""
        if self.engine is not None:
            self.engine.exchange.note_species(quantity, region)

    def refresh_point(self, point: PointProcess) -> None:
        """Bring the computed variables of a point process up to date."""
        if self.engine is not None:
            self.engine.exchange.fetch_point(point)

    def changed_point(self, point: PointProcess, name: str) -> None:
        """A script has written a variable of a point process."""
        if point.info.receives:
            self.wiring += 1  # what an event does to a synapse depends on its parameters
        if self.engine is not None:
            self.engine.exchange.note_point(point, name)

    def pull(self) -> None:
        """Bring everything up to date, before an edit of the structure."""
        if self.engine is not None and self._pulled != self.engine.version:
            self.engine.exchange.fetch_all()
            self._pulled = self.engine.version

    def end_voltage(self, record: SectionRecord, x: float) -> float:
        """Voltage at an end of a section, where no charge is stored: what the segments that meet there make of it."""
        from rxd.neuron.ends import end_voltage

        return end_voltage(record, x)

    def receive(self, target: PointProcess, weight: Any) -> None:
        """A synapse receives an event."""
        if self.engine is not None:
            same = self._compared == self.engine.version
            self.engine.receive(target, weight)
            if same:  # voltages have not moved
                self._compared = self.engine.version

    def next_version(self) -> int:
        """A number no state of an engine has had."""
        self._versions += 1
        return self._versions

    def currents(self) -> None:
        """Bring currents up to date."""
        self._compiled().update_currents()

    def rates_changed(self) -> None:
        """h.celsius or h.usetable_hh has been set: rates depend on it."""
        self.session.touch()

    def time_changed(self) -> None:
        """h.t has been set by a script: recordings on a grid go on from there."""
        for recorder in self._recorders:
            recorder.seek(self.session.globals.t)
        self.reschedule()

    def set_adaptive(self, flag: bool) -> None:
        """Variable or fixed steps."""
        if flag != self.adaptive:
            self.adaptive = flag
            self.session.globals["using_cvode_"] = float(flag)
            self.session.touch()

    def restart_solver(self) -> None:
        """Forget what the solver remembers of earlier steps."""
        self._compiled().restart()
        if self.adaptive:
            self.session.chemistry.moves += 1
            self._tell(1, 0)

    def restart_recordings(self) -> None:
        """Start recordings again, from the present time."""
        for recorder in self._recorders:
            recorder.start(self.session.globals.t)
            if recorder.when is None:
                recorder.take()
        self.reschedule()

    def reschedule(self) -> None:
        """Put recordings on a grid into the queue again, after their next times have changed."""
        self.events.drop(lambda action: action.__name__ == "take")
        for recorder in self._recorders:
            self._schedule(recorder)

    def show_events(self, into: Vector | None) -> float:
        """Print the times of the events on their way, or write them into a Vector."""
        times = self.events.times()
        if into is not None:
            into.from_python(times)
        else:
            sys.stdout.write("".join(f"{t:g}\n" for t in times))
        return float(len(times))

    def print_statistics(self) -> None:
        """Print how many steps were taken."""
        statistics = None if self.engine is None else self.engine.statistics
        sys.stdout.write(f"{statistics}\n")

    def save(self) -> Any:
        """Everything that changes in a run."""
        engine = self._compiled()
        places = [recorder.taken for recorder in self._recorders]
        above = [detector.above for detector in self._detectors]
        cells = [(point, point.kept()) for point in self.points if isinstance(point, Artificial)]
        return engine.save(), dict(self.session.globals.values), self.events.copy(), places, above, cells, engine.revision

    def restore(self, saved: Any) -> None:
        """Return to what `save` has kept.

        Raises
        ------
        HocError
            If the structure of the model has changed since.
        """
        state, values, events, places, above, cells, revision = saved
        engine = self._compiled()
        if engine.revision != revision:
            raise HocError("SaveState.restore: the model has changed since save().")
        engine.restore(state)
        self.session.globals.values.update(values)
        self.events.restore(events)
        for cell, kept in cells:
            cell.keep_on(kept)
        for recorder, taken in zip(self._recorders, places, strict=False):
            recorder.taken = taken
        for detector, was in zip(self._detectors, above, strict=False):
            detector.above = was

    # --------------------------------------------------------------------------------------------------------------- events

    def at(self, t: float, action: Callable[[float], None]) -> None:
        """Do something at a time."""
        self.events.push(t, action)

    def call(self, action: Callable[[], Any], t: float) -> None:
        """Call something of the user's with the clock at a time."""
        values = self.session.globals
        now = values.t
        values["t"] = t
        try:
            action()
        finally:
            if values.t == t:
                values["t"] = now

    def fire(self, source: Artificial, t: float) -> None:
        """An artificial cell fires."""
        for connection in self.listeners(source):
            connection.spike(t)

    def _detect(self, t: float, but: Collection[Detector] = ()) -> None:
        """Look for sources that have risen through their thresholds."""
        risen: list[Detector] = []
        if not but:
            watched, others = self._watches()
            if watched and (self.engine is None or self._compared != self.engine.version or self.engine.crossed):
                risen += self._risen(watched)
        else:
            others = [detector for detector in self._detectors if detector not in but]
        risen += [detector for detector in others if detector.rises()]
        for detector in risen:
            for connection in detector.listening():
                connection.spike(t + DELAY_OF_DETECTION)
        for reference in self._machines:
            machine = reference()
            for action in () if machine is None else machine.check(t):
                self.call(action, t)

    def _risen(self, watched: list[Detector]) -> list[Detector]:
        """Those of some detectors, whose voltages the engine looks at, that have risen."""
        engine = self.engine
        assert engine is not None
        values, changed = engine.compare()
        numbers = range(len(watched)) if changed is None else changed.tolist()
        return [watched[number] for number in numbers if watched[number].rises_to(float(values[number]))]

    def watch_changed(self) -> None:
        """NetCons or their thresholds have changed."""
        self._watch = (None, [], [])

    def _watches(self) -> tuple[list[Detector], list[Detector]]:
        """The detectors whose voltages the engine looks at, and the others."""
        if self._watch[0] is not self.engine or self.engine is None:
            known = () if self.engine is None else self.engine.layout.index
            watched = self._voltages(known)
            self._compared = -1
            self._watch = (self.engine, watched, [detector for detector in self._detectors if detector not in watched])
            if self.engine is not None:
                self.engine.watch()
        return self._watch[1], self._watch[2]

    def _deliver(self, until: float) -> None:
        """Do what is due, recordings on a grid included, in the order in which it was scheduled."""
        events = self.events
        while events.next_time() <= until:
            t, action = events.pop()
            action(t)

    def _schedule(self, recorder: Recorder) -> None:
        """Let a recording on a grid take its next value, and the one after it, when they are due."""
        t = recorder.next_time()
        if t == np.inf or self.adaptive:
            return

        def take(_: float) -> None:
            recorder.take()
            self._schedule(recorder)

        self.events.push(t, take)

    # ------------------------------------------------------------------------------------------------------- initialisation

    def _compiled(self) -> Engine:
        """The engine for the model as it is now."""
        if self.engine is not None and self.engine.revision == self.session.revision:
            return self.engine
        from rxd.neuron.engine import Engine

        self.session.chemistry.place()
        self.pull()
        self.engine = None
        self.engine = Engine(self.session)
        return self.engine

    def _handle(self, kind: int) -> None:
        self._handlers = [reference for reference in self._handlers if reference() is not None]
        for reference in list(self._handlers):
            handler = reference()
            if handler is not None and handler.kind == kind:
                handler()

    def finitialize(self, v: float | None = None) -> float:
        """Set the initial state: time 0, voltage, gates, concentrations, events, recordings."""
        values = self.session.globals
        values["t"] = 0.0
        self.events.clear()
        self.callbacks.clear()
        self._drop_dead()
        self._handle(3)
        if self.engine is not None and self.engine.revision != self.session.revision:
            self.pull()  # now, lest the compilation below fetches the old voltages over the new ones
        self._begin_at(v)
        self.session.chemistry.in_force.begin()
        self._compiled()
        self._play(0.0)
        self._handle(0)
        engine = self._compiled()
        engine.initial.set()
        for detector in self._detectors:
            detector.above = False
        listening = [reference for detector in self._detectors for reference in detector.connections]
        for reference in (*listening, *(one for listeners in self._listeners.values() for one in listeners)):
            connection = reference()
            if isinstance(connection, NetCon):
                connection.begin()
        for point in self.points:
            if hasattr(point, "initialize"):
                point.initialize()
        engine.hooks.initialize()
        self._handle(1)
        engine = self._compiled()
        for recorder in self._recorders:
            recorder.start(0.0)
            if self.adaptive and recorder.next_time() <= 0.0:
                recorder.take()
            self._schedule(recorder)
        self._deliver(0.0)
        for recorder in self._recorders:
            if recorder.when is None:
                recorder.take()
        if self.adaptive:
            self._tell(1, 0)
        self._handle(2)
        return 1.0

    def _begin_at(self, v: float | None) -> None:
        """Voltages of the initial state: a given one, or those at the end of the last run."""
        for record in self.session.topology:
            if v is not None:
                record.store["v"][:] = float(v)
            elif self.engine is not None:
                self.engine.exchange.fetch("v", record)

    def _drop_dead(self) -> None:
        """Forget detectors and recorders whose objects are gone."""
        for detector in self._detectors:
            detector.connections = [reference for reference in detector.connections if reference() is not None]
        self._detectors = [detector for detector in self._detectors if detector.connections]
        self._recorders = [one for one in self._recorders if one.vector() is not None and not one.pointer.is_gone]
        self.players = [player for player in self.players if not player.pointer.is_gone]

    def _play(self, t: float) -> None:
        for player in self.players:
            player.play(t)

    # ---------------------------------------------------------------------------------------------------------------- steps

    def fadvance(self) -> float:
        """One step: of dt, or one the solver chooses if CVode is active."""
        engine = self._compiled()
        if self.adaptive:
            adaptive_step(self, engine, np.inf, single=True)
        else:
            self._fixed_step(engine)
        return 1.0

    def _fixed_step(self, engine: Engine) -> None:
        values = self.session.globals.values
        t, dt = values["t"], values["dt"]
        middle = t + 0.5 * dt
        if self._detectors or self._machines:
            self._detect(t)
        if self.events.next_time() <= middle:
            self._deliver(middle)
        if self.players:
            self._play(middle)
        engine.step(t, dt)
        self._compared = engine.version
        if self.watchers:  # the clock and all but v still at the start of the step, as in NEURON
            with engine.between():
                self._tell(0)
        t = values["t"] = middle + 0.5 * dt  # as NEURON adds it up
        if self.players:
            self._play(t)
        if self._recorders:
            record_step(self, engine)
        if self.events.next_time() <= t:
            self._deliver(t)

    def _tell(self, *directions: int) -> None:
        for direction in directions:
            for wanted, action in list(self.watchers):
                if wanted == direction:
                    action()

    def states(self) -> np.ndarray:
        """The variables the solver integrates, in an order of our own."""
        return self._compiled().y.copy()

    def advance_until(self, stop: float, exactly: bool = False) -> None:
        """Run to a time; fixed steps end at the step nearest to it."""
        engine = self._compiled()
        values = self.session.globals
        while True:
            if self.adaptive:
                if values.t >= stop or values["stoprun"]:
                    return
                adaptive_step(self, engine, stop, single=bool(self.watchers))
            else:
                if values.t >= stop - 0.5 * values.dt or values["stoprun"]:
                    return
                if not many_steps(self, engine, stop):
                    self._fixed_step(engine)
            engine = self._compiled()

    def watched(self, known: Any) -> list[tuple[SectionRecord, float, float, list[float]]]:
        """The voltages that NetCons watch: section, place, threshold, delays."""
        found = []
        for detector in self._voltages(known):
            pointer: Any = detector.pointer
            connections = [reference() for reference in detector.connections]
            found.append((pointer.record, pointer.x, detector.threshold, [c.delay for c in connections if c is not None]))
        return found

    def _voltages(self, known: Any) -> list[Detector]:
        """The detectors that watch a voltage."""
        return [
            detector
            for detector in self._detectors
            if isinstance(detector.pointer, RangePointer)
            and detector.pointer.name == "v"
            and detector.pointer.record.id in known
        ]
