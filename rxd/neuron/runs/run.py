"""Run control of a session: initialisation, steps, events, recordings.

In: `h.finitialize`, `h.fadvance`, `h.continuerun` and the like. Out: a compiled model (`rxd.neuron.engine`) moved through time.

One fixed step follows NEURON's order: thresholds and events up to the middle of the step; played Vectors at the middle;
voltage, then gates, then chemistry; played Vectors at the end; recordings of every step; events up to the end, recordings on a
grid among them.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.collector import collector_paused
from rxd.neuron.engine.blueprints import Blueprints
from rxd.neuron.engine.formulas import Formulas
from rxd.neuron.errors import HocError
from rxd.neuron.events.connections import EventHeap, FInitializeHandler, NetCon
from rxd.neuron.events.watching import Watching
from rxd.neuron.mechanisms.links import Followers
from rxd.neuron.mechanisms.points import PointProcess, VClamp
from rxd.neuron.ordinals import Ordinals
from rxd.neuron.recordings.tapes import Tapes
from rxd.neuron.runs.ahead import Ahead
from rxd.neuron.runs.blocks import Blocks
from rxd.neuron.runs.callbacks import Callbacks
from rxd.neuron.runs.initialise import initialise
from rxd.neuron.runs.live_cells import LiveCells
from rxd.neuron.runs.many_steps import many_steps, record_started, record_step
from rxd.neuron.runs.quick import quick_step
from rxd.neuron.runs.variable_steps import adaptive_step

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine import Engine
    from rxd.neuron.events.transitions import Moves
    from rxd.neuron.mods.events import Watches
    from rxd.neuron.random_numbers.random import Random
    from rxd.neuron.session import Session
    from rxd.neuron.vectors.pointers import Pointer

__all__ = ["Run"]


class Run(Tapes, Watching):
    """Time, events and recordings of a session.

    Attributes
    ----------
    engine : Engine or None
        The compiled model; None before the first `finitialize`.
    watchers : list of (int, function)
        What `CVode.extra_scatter_gather` wants called at every step.
    dice : list of (weak reference to Random, pointer)
        What `Random.play` writes to at the start of every step.
    ordinals, followers : Ordinals, Followers
        Numbers of point processes; parameters that follow variables.
    saved_in_batch : list of pointers
        What `batch_run` writes.
    formulas, blueprints : object
        Functions that engines evaluate, and equations they have, for the next engine.
    clamping : int
        Grows whenever a clamp comes, goes or moves.
    warming : bool
        Whether the temperature has changed after a model was compiled, so that it may again.
    ends : dict of (int, int) to float
        Voltages of ends with point processes, from the last engine to the next.
    precision : int
        Grows with every change of the tolerances or their factors by variable, ``scales``.
    settings : dict of str to int
        What scripts have told CVode that means nothing to this solver.
    plan, trail, wires : object
        What `rxd.neuron.runs.many_steps` remembers from call to call.
    horizon : float
        When events begin to wait, ms: those at the end of `CVode.solve` and `psolve`.
    leapt : bool
        Whether something has jumped since the last recording in variable steps.
    cells, ahead : LiveCells, Ahead
        How cells that live in events alone go along with variable steps; steps made before scripts ask for them.
    """

    def __init__(self, session: Session) -> None:
        Tapes.__init__(self)
        Watching.__init__(self)
        self.session = session
        self.engine: Engine | None = None
        self.events = EventHeap()
        self.tolerances = {"atol": 1e-3, "rtol": 0.0, "maxstep": np.inf, "minstep": 0.0}
        self.adaptive = False
        self.scales: dict[str, float] = {}
        self.precision = 0
        self.settings = {
            "maxorder": 5,
            "jacobian": 0,
            "stiff": 2,
            "condition_order": 1,
            "queue_mode": 0,
            "debug_event": 0,
            "use_daspk": 0,
        }
        self.ends: dict[tuple[int, int], float] = {}
        self._versions = 0
        self._pulled = -1
        self.fast_imem = self.local_dt = False
        self.callbacks, self.blocks, self.ordinals, self.followers = Callbacks(self), Blocks(self), Ordinals(), Followers()
        self._connections: list[weakref.ref[NetCon]] = []
        self._points: dict[int, weakref.ref[PointProcess]] = {}
        self._handlers: list[weakref.ref[FInitializeHandler]] = []
        self.watchers: list[tuple[int, Callable[[], Any]]] = []
        self.dice: list[tuple[weakref.ref[Random], Pointer]] = []
        self.saved_in_batch: list[Pointer] = []
        self.formulas = Formulas()
        self.blueprints = Blueprints()
        self.clamping = 0
        self.warming = False
        self._quick: Callable[[], bool] | None = None
        self.plan: Any = None
        self.trail: Any = None
        self.wires: Any = None
        self.cells, self.ahead = LiveCells(), Ahead()
        self.leapt = False
        self.horizon = np.inf

    # ---------------------------------------------------------------------------------------------------------- bookkeeping

    def weak(self, thing: Any) -> Callable[[], Any]:
        """A weak reference, or one that gives None."""
        return (lambda: None) if thing is None else weakref.ref(thing)

    def add_point(self, point: PointProcess) -> None:
        """Take note of a point process."""
        key, table, run, has_equations = id(point), self._points, weakref.ref(self), point._has_equations
        kind, ordinals = point.kind, self.ordinals
        ordinals.come(kind)

        def gone(_: object) -> None:
            table.pop(key, None)
            ordinals.gone(kind)
            owner = run()
            if owner is not None:
                owner.points_changed(has_equations)

        self._points[key] = weakref.ref(point, gone)
        self.points_changed(has_equations)

    def points_changed(self, has_equations: bool) -> None:
        """A point process has come, gone or moved: one with equations of its own, or one that is a clamp or counts."""
        if has_equations or self.adaptive:
            self.session.touch()
        else:
            self.clamping += 1

    def source_added(self) -> None:
        """A source has come: fixed steps add it at their ends, and variable steps have it among their equations."""
        engine = self.engine
        if engine is None or engine.adaptive or self.adaptive:
            self.session.touch(nodes=False)
        else:
            engine.sources.forget()

    def is_current(self, engine: Engine) -> bool:
        """Whether an engine is that of the model and its clamps as they are now."""
        return engine.revision == self.session.revision and engine.clamping == self.clamping

    @property
    def points(self) -> list[PointProcess]:
        """All point processes and artificial cells that are alive."""
        found = [reference() for reference in self._points.values()]
        return [point for point in found if point is not None]

    def points_in(self, record: SectionRecord) -> list[PointProcess]:
        """The point processes in a section."""
        return [point for point in self.points if point.host is record]

    def points_at(self, record: SectionRecord, x: float) -> list[PointProcess]:
        """The point processes in one segment, also those at an end of another section that is joined to it."""
        from rxd.neuron.cells.ends import tied_to

        def node(host: SectionRecord, at: float) -> tuple[int, int]:
            owner, there = tied_to(host, at)
            return owner.id, owner.node(there)

        here = node(record, x)
        return [point for point in reversed(self.points) if point.host is not None and node(point.host, point.spot) == here]

    def add_handler(self, handler: FInitializeHandler) -> None:
        """Take note of a handler of initialisation."""
        self._handlers.append(weakref.ref(handler))

    def add_machine(self, machine: Moves | Watches) -> None:
        """Take note of a state machine."""
        self._machines.append(weakref.ref(machine))
        self.ahead.forget()

    def add_connection(self, connection: NetCon) -> None:
        """Take note of a NetCon."""
        run = weakref.ref(self)

        def gone(_: object) -> None:
            owner = run()
            if owner is not None:
                owner.wiring += 1
                owner.ordinals.gone("NetCon")

        self.ordinals.come("NetCon")
        self._connections.append(weakref.ref(connection, gone))

    def connections(self) -> list[NetCon]:
        """All NetCons that are alive, oldest first."""
        self._connections = [reference for reference in self._connections if reference() is not None]
        return [one for one in (reference() for reference in self._connections) if one is not None]

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
            self.session.touch(shape=True, sizes=True)
        elif self.engine is not None:
            self.ahead.forget()
            self.engine.exchange.note(name, record)

    def refresh_species(self, quantity: Any, region: Any) -> None:
        """Bring the values of a species on a region up to date, with what scripts have written into arrays."""
        if self.session.chemistry.views:
            self.session.chemistry.views.adopt()
        if self.engine is not None:
            self.engine.exchange.fetch_species(quantity, region)

    def changed_species(self, quantity: Any, region: Any, where: Any) -> None:
        """A script has written some values of a species on a region."""
        if self.engine is not None:
            self.ahead.forget()
            self.engine.exchange.note_species(quantity, region, where)

    def refresh_point(self, point: PointProcess, name: str = "") -> None:
        """Bring the computed variables of a point process up to date, or one of them."""
        if self.engine is not None:
            self.engine.exchange.fetch_point(point, name)

    def changed_point(self, point: PointProcess, name: str) -> None:
        """A script has written a variable of a point process."""
        if point.info.receives and getattr(type(point), "simple", ()) is not None:
            self.wiring += 1  # what an event does to a synapse depends on its parameters; other events are Python's
        self.ahead.forget()
        if self.engine is not None:
            self.engine.exchange.note_point(point, name)

    def pull(self, computed: bool = True) -> None:
        """Bring everything up to date, before an edit of the structure; without what will be computed anew if it is known."""
        if self.engine is not None and self._pulled != self.engine.version:
            if self.engine.revision == self.session.revision:
                self.session.membrane.keep()
            with self.session.chemistry.cutting.where_it_is():
                self.engine.exchange.fetch_all(computed)
            self._pulled = self.engine.version

    def pull_before_edit(self, *edited: SectionRecord) -> None:
        """Bring everything up to date, unless no engine knows the sections yet that are edited: those of a cell being built."""
        if self.engine is not None and any(record.id in self.engine.layout.index for record in edited):
            self.pull()

    def end_voltage(self, record: SectionRecord, x: float) -> float:
        """Voltage at an end of a section, where no charge is stored: what the segments that meet there make of it."""
        from rxd.neuron.cells.ends import end_voltage

        return end_voltage(record, x)

    def receive(self, target: PointProcess, weight: Any) -> None:
        """A synapse receives an event."""
        if self.engine is not None:
            same = self._compared == self.engine.version
            self.leapt = True
            self.engine.receive(target, weight)
            if same:  # voltages have not moved
                self._compared = self.engine.version

    def next_version(self) -> int:
        """A number no state of an engine has had."""
        self._versions += 1
        return self._versions

    def currents(self) -> None:
        """Bring currents up to date."""
        if self.session.channels:
            self.session.mods.renew_channels()
        self.session.membrane.keep()
        self._compiled().update_currents()

    def rates_changed(self) -> None:
        """h.usetable_hh has been set: rates depend on it."""
        self.session.touch()

    def parameter_changed(self, name: str) -> None:
        """A GLOBAL parameter has been set: groups have it in fields, one number for all nodes."""
        self.wiring += 1
        if self.engine is not None and self.engine.revision == self.session.revision and self.engine.fields.takes(name):
            self.engine.fields.stale.add(name)
        else:
            self.session.touch()

    def set_tolerance(self, name: str, value: float) -> None:
        """Set a tolerance of variable steps: it holds from the next one on."""
        if value < 0:
            raise HocError(f"CVode.{name}({value:g}): it must not be negative.")
        if self.tolerances[name] != value:
            self.tolerances[name] = value
            self.precision += 1

    def set_scale(self, name: str, value: float) -> None:
        """Set the factor of the absolute tolerance of a variable."""
        if self.scales.get(name, 1.0) != value:
            self.scales[name] = value
            self.precision += 1

    def temperature_changed(self) -> None:
        """h.celsius has been set: from the second temperature on engines have what follows from it in fields."""
        engine = self.engine
        if engine is None or engine.revision != self.session.revision:
            self.warming |= engine is not None and engine.celsius != self.session.globals["celsius"]
            self.session.touch()
        elif engine.follows_temperature:
            engine.fields.stale.add("celsius")
        elif engine.celsius != self.session.globals["celsius"]:
            self.warming = True
            self.session.touch()

    def set_adaptive(self, flag: bool) -> None:
        """Variable or fixed steps."""
        if flag != self.adaptive:
            if flag and self.engine is not None and self.engine.revision == self.session.revision:
                self.engine.update_currents()  # the solver begins with them
            self.adaptive = flag
            self.session.globals["using_cvode_"] = float(flag)
            self.session.touch()
            self.reschedule()
            for point in self.points:
                if isinstance(point, VClamp) and not flag:
                    point.settle(self.session.globals.t)

    def restart_solver(self) -> None:
        """Forget what the solver remembers of earlier steps."""
        self.ahead.forget()
        self._compiled().restart()
        self.leapt = True
        if self.adaptive:
            self.session.chemistry.moves += 1
            self._tell(1, 0)

    def print_statistics(self) -> None:
        """Print how many steps were taken."""
        statistics = None if self.engine is None else self.engine.statistics
        sys.stdout.write(f"{statistics}\n")

    # --------------------------------------------------------------------------------------------------------------- events

    def at(self, t: float, action: Callable[[float], None], sent: float | None = None) -> None:
        """Do something at a time, as is known now, or since a time ``sent``."""
        self.events.push(t, action, sent)

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

    def _deliver(self, until: float) -> None:
        """Do what is due, recordings on a grid included, in the order in which it was scheduled."""
        events = self.events
        while (due := events.next_time()) <= until and due < self.horizon:
            t, action = events.pop()
            action(t)

    # ------------------------------------------------------------------------------------------------------- initialisation

    def _compiled(self) -> Engine:
        """The engine for the model as it is now."""
        if self.engine is not None and self.engine.revision == self.session.revision:
            if self.engine.clamping != self.clamping:
                self.engine.place_clamps()
                self.plan = None
            if self.engine.precision != self.precision:
                self.engine.take_tolerances()
            return self.engine
        from rxd.neuron.engine import Engine

        self.session.chemistry.cutting.place()
        self.session.chemistry.boxes.settle_properties()
        self.pull()
        last = self.engine
        if last is not None:
            last.fields.serve()
        if self.session.mods.bounds:
            self.session.mods.take_turns()
        self.engine = self._quick = None
        with collector_paused():
            self.engine = Engine(self.session, last)
        if last is not None and last.adaptive:
            self._carry_on(self.engine, last)
        return self.engine

    def _living_handlers(self) -> list[FInitializeHandler]:
        self._handlers = [reference for reference in self._handlers if reference() is not None]
        return [handler for handler in (reference() for reference in self._handlers) if handler is not None]

    def _handle(self, kind: int) -> None:
        for handler in self._living_handlers():
            if handler.kind == kind:
                handler()

    def finitialize(self, v: float | None = None) -> float:
        """Set the initial state: time 0, voltage, gates, concentrations, events, recordings."""
        initialise(self, v)
        return 1.0

    def _roll(self) -> None:
        """Write a new number to every pointer that a Random plays to."""
        self.dice = [(one, pointer) for one, pointer in self.dice if one() is not None and not pointer.is_gone]
        for reference, pointer in self.dice:
            one = reference()
            if one is not None:
                pointer.set(one.repick())

    def _drop_dead(self) -> None:
        """Forget detectors and recorders whose objects are gone."""
        for detector in self._detectors:
            detector.connections = [reference for reference in detector.connections if reference() is not None]
        self._detectors = [detector for detector in self._detectors if detector.connections]
        self._take_up()
        self.players = [player for player in self.players if not player.pointer.is_gone]

    # ---------------------------------------------------------------------------------------------------------------- steps

    def fadvance(self) -> float:
        """One step: of dt, or one the solver chooses if CVode is active."""
        if self._quick is not None and self._quick():
            return 1.0
        if self.session.channels:
            self.session.mods.renew_channels()
        if self.adaptive and self.ahead.step(self):
            return 1.0
        engine = self._compiled()
        if self.adaptive:
            adaptive_step(self, engine, np.inf, single=True)
            if self.engine is engine:
                self.ahead.noted(engine)
        else:
            self._fixed_step(engine)
            self._quick = quick_step(self, engine)
        return 1.0

    def _fixed_step(self, engine: Engine) -> None:
        values = self.session.globals.values
        t, dt = values["t"], values["dt"]
        middle = t + 0.5 * dt
        if self.dice:
            self._roll()
        if self._detectors or self._machines:
            self._detect(t)
        if self.events.next_time() <= middle:
            self._deliver(middle)
        if self.players:
            self._play_for_step(t, middle, t + dt)
            engine = self._compiled()  # a first other temperature asks for an engine that has what follows from it in fields
        engine.step(t, dt)
        engine.swelling.follow()
        self._compared = engine.version
        if self.watchers:  # the clock and all but v still at the start of the step, as in NEURON
            with engine.between():
                self._tell(0)
        if self.blocks:
            self.blocks.step(dt)
        t = values["t"] = middle + 0.5 * dt  # as NEURON adds it up
        self._end_step(engine, t, dt)

    def _end_step(self, engine: Engine, t: float, dt: float) -> None:
        """What is due at the end of a step."""
        if self._recorders:
            record_started(self, engine)
        if self.players:
            self._play(t, continuous=True)
        if self.followers:
            self.followers.follow()
        if self._recorders:
            record_step(self, engine)
        if self.players:  # jumps are events
            self._play(t, continuous=False)
        if self.events:
            self._deliver(t)
            self.callbacks.call_due(t, dt)

    def _tell(self, *directions: int) -> None:
        for direction in directions:
            for wanted, action in list(self.watchers):
                if wanted == direction:
                    action()

    def states(self) -> np.ndarray:
        """The variables the solver integrates, in an order of our own."""
        return self._compiled().y.copy()

    def advance_until(self, stop: float, exactly: bool = False) -> None:
        """Run to a time; fixed steps end at the step nearest to it, as long as they are at the beginning."""
        if self.session.channels:
            self.session.mods.renew_channels()
        engine = self._compiled()
        values = self.session.globals
        last = stop - 0.5 * values.dt - (0.0 if exactly else values["float_epsilon"])  # as hoc compares in stdrun.hoc
        while True:
            if self.adaptive:
                if values.t >= stop or values["stoprun"]:
                    return
                if not self.cells.march(self, engine, stop):
                    adaptive_step(self, engine, stop, single=bool(self.watchers or engine.hooks))
            else:
                if values.t >= last or values["stoprun"]:
                    return
                if not many_steps(self, engine, stop):
                    self._fixed_step(engine)
            engine = self._compiled()
