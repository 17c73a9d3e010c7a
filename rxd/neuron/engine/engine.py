"""Engine: the compiled model of a session, one step after another.

In: a session whose structure does not change (another revision gets another engine). Out: its state moved through time, read
and written under NEURON's names.

The stages are those of `rxd.simulation.compile_model`; only the stimuli are NEURON's own clamps, since scripts change them at
any time, and events are delivered by `rxd.neuron.runs.run`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from operator import attrgetter
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cable import EventQueue
from rxd.discretize.build import discretize
from rxd.neuron.engine import precision
from rxd.neuron.engine.batch import Batch
from rxd.neuron.engine.carriers import Carriers
from rxd.neuron.engine.circuits import Circuits, potentials_outside
from rxd.neuron.engine.declare import declare, follows_temperature
from rxd.neuron.engine.electrodes import Electrodes, Stepped, refuse_variable_steps
from rxd.neuron.engine.end_voltages import EndVoltages, with_ends
from rxd.neuron.engine.exchange import Exchange
from rxd.neuron.engine.faces import exchanged_as_in_neuron
from rxd.neuron.engine.fields import Fields
from rxd.neuron.engine.fixed import FixedSteps
from rxd.neuron.engine.formulas import Resting, rest
from rxd.neuron.engine.held import hold
from rxd.neuron.engine.hooks import Hooks
from rxd.neuron.engine.initial import Initial
from rxd.neuron.engine.joints import joined_as_in_neuron, parted_as_in_neuron, spread_unevenly
from rxd.neuron.engine.linked import Linked
from rxd.neuron.engine.mod_diffusion import with_diffusion
from rxd.neuron.engine.outside import outside_field
from rxd.neuron.engine.places import Places
from rxd.neuron.engine.readout import Readout
from rxd.neuron.engine.resizing import resized_engine
from rxd.neuron.engine.rising import follow_watched
from rxd.neuron.engine.sampling import Sampler, Samples
from rxd.neuron.engine.seen import CURRENTS, STATES, Seen
from rxd.neuron.engine.shown import Shown
from rxd.neuron.engine.single_values import SingleValues
from rxd.neuron.engine.sources import Sources
from rxd.neuron.engine.spread import spread
from rxd.neuron.engine.swelling import Swelling, followed, swelling_regions
from rxd.neuron.engine.synapses import Synapses
from rxd.simulation import build_problem
from rxd.solve.equations import Equations, build_equations
from rxd.solve.problem import Problem, State, Statistics
from rxd.solve.steppers import make_stepper
from rxd.symbolic.totals import warn_of_unseen_currents

if TYPE_CHECKING:
    from rxd.discretize.records import Discretization
    from rxd.neuron.mechanisms.points import PointProcess
    from rxd.neuron.session import Session

__all__ = ["Engine"]


class Engine:
    """A compiled session.

    Attributes
    ----------
    revision, clamping : int
        Of the session and its clamps, when this was compiled or got its clamps.
    structure : int
        The session's, likewise; an engine of the same structure differs from it in sizes alone.
    precision : int
        Of the run's tolerances, when its stepper was made.
    celsius : float
        The temperature with which it was compiled.
    follows_temperature : bool
        Whether all that depends on the temperature is in its fields.
    version : int
        Grows whenever the state changes.
    spots : dict of int to list of int
        Where in the state the voltages of a section are, by its id: of those that somebody has read.
    is_plain : bool
        Whether a fixed step is one call of the compiled kernel.
    jumped : bool
        Whether somebody has written into the state since the last step.
    fields, places, exchange, ends, initial, readout, synapses, linked, sources : object
        Its parts, each with one thing to do.
    """

    def __init__(self, session: Session, last: Engine | None = None) -> None:
        self.session = session
        self._run, self._chemistry, self.formulas = session.run, session.chemistry, session.run.formulas
        self.layout, self.adaptive = session.chemistry.cutting.layout, session.run.adaptive
        self.revision, self.structure, self.celsius = session.revision, session.structure, session.globals["celsius"]
        sized = resized_engine(session, last, self.layout)
        if last is None or sized is None:
            at_rest, problem = self._build()
        else:
            at_rest, problem = self._take_over(last, sized)
        self._order = self.states["v"].order - self.states["v"].start
        self.electrodes = self._placed_clamps()
        if last is not None and sized is not None:
            self.electrodes.take_watched(last.electrodes)
        refuse_variable_steps(self)
        # the clamps take the place of stimuli, with the attributes a stepper reads of these
        self.problem = with_ends(self, replace(problem, stimuli=self.electrodes))  # type: ignore[arg-type]
        self.fixed, self.seen, self.shown = FixedSteps(self), Seen(self), Shown(self)
        self.circuits: Circuits = Circuits(self)
        self.watch()
        if self.adaptive:
            self.problem = replace(self.problem, equations=self._equations())
        self.readout: Readout = Readout(self)
        self.carriers = Carriers(self)
        self.ends = EndVoltages(self)
        self.synapses = Synapses(self)
        self._follow_links()
        if self._chemistry.cutting.rehearsal is not None:
            self._chemistry.cutting.rehearsal.settle()
        self.stepper: Any = self._make_stepper() if last is None or sized is None else self._resized_stepper(last)
        self.statistics = Statistics()
        start = np.array(self.problem.initial)
        self.state = State(session.globals.t, start, self._watched(start), EventQueue())
        self.version = session.run.next_version()
        session.ready.clear()
        self.spots: dict[int, list[int]] = {}
        self.exchange, self.single_values = Exchange(self), SingleValues(self)
        self.hooks = Hooks(self)
        self.initial = Initial(self, at_rest)
        self.jumped = False
        self.exchange.load()
        self.state.before = self.watched()
        self.sources, self.swelling = Sources(self), Swelling(self)
        self.circuits.load()
        self.is_plain = not (self.hooks or self.linked.followed or self.stepped or self.swelling or self.circuits.circuit)
        self.start()

    def _build(self) -> tuple[Resting, Problem]:
        """Declare and lay out everything; functions of gates at rest, and the problem without clamps."""
        session = self.session
        self.declared = declare(session)
        model = self.declared.model
        self.system, blueprint = session.run.blueprints.of(self.declared, self.adaptive, self.formulas)
        if self.adaptive:
            warn_of_unseen_currents(self.system)
        self.follows_temperature = follows_temperature(self.declared)
        method = "coupled" if self.adaptive else "split"
        self.discretization = discretize(
            self.system, model.morphology, self.layout.segments, model.settings, session.chemistry.cutting.grids.joined
        )
        self.groups = self.discretization.groups
        self.states = self.discretization.layout
        self.fields, self.places = Fields(self), Places(self)
        self.fields.fill_constants()
        uneven = None if self.adaptive else spread_unevenly(session, self.declared)
        self.discretization = joined_as_in_neuron(self.system, self.discretization, uneven)
        self.discretization = exchanged_as_in_neuron(self.system, self.discretization, swelling_regions(session, self.declared))
        self.discretization = spread(session, self.declared, self.discretization, self.places.of_species)
        if uneven is not None:
            self.discretization = parted_as_in_neuron(self.system, self.discretization, uneven)
            self.states = self.discretization.layout
        self.discretization = with_diffusion(self.declared, self.system, self.discretization, self.adaptive)
        self.discretization, self._held = hold(session, self.declared, self.discretization, self.places.of_species)
        self.discretization = followed(session, self.declared, self.discretization, self.places.of_species)
        self._kernels = blueprint.kernels(self.system, self.discretization, method)
        at_rest, initial = blueprint.resting, self.discretization.initial.copy()
        rest(at_rest, self.discretization.groups, self.discretization.initial, initial)
        return at_rest, build_problem(model, self.system, self.discretization, self._kernels, initial)

    def _take_over(self, last: Engine, sized: Discretization) -> tuple[Resting, Problem]:
        """The same from the last engine, with other sizes."""
        self.declared = replace(last.declared, layout=self.layout)
        self.system, self.follows_temperature = last.system, last.follows_temperature
        self.discretization, self.groups, self.states, self._held = sized, sized.groups, sized.layout, last._held
        self.fields, self.places = Fields(self), Places(self)
        self.fields.stale |= last.fields.stale | {name for name, *_ in last.fields.cells}
        self._kernels = last._kernels
        return last.initial.resting, replace(last.problem, discretization=sized)

    def _resized_stepper(self, last: Engine) -> Any:
        """The stepper of the last engine, which has the same equations."""
        self.precision = self._run.precision
        last.fixed.settle()
        last.stepper.take_sizes(self.problem)
        return last.stepper

    def _equations(self) -> Equations:
        """The equations of variable steps; where a circuit has the cable, without it."""
        kernels, found = self.problem.equations.kernels, self.discretization
        if self.circuits.circuit is not None:
            from rxd.solve.circuit_attempt import without_cable

            return build_equations(without_cable(found), self.electrodes, kernels)
        if hasattr(self, "linked") and self.linked.couples:
            return build_equations(found, self.electrodes, kernels)
        return replace(self.problem.equations, stimuli=self.electrodes)

    def _placed_clamps(self) -> Electrodes:
        """The clamps there are now."""
        others, self.clamping = outside_field(self.session, self.layout, self._order), self._run.clamping
        outside = potentials_outside(self)
        electrodes = Electrodes.of(self._run.points, self.layout, self._order, self._voltages, outside, others)
        self.stepped: list[Stepped] = electrodes.stepped
        return electrodes

    def place_clamps(self) -> None:
        """Take the clamps there are now for those there were: nothing else of a model with fixed steps follows from them."""
        self.fields.serve()
        self.exchange.hold_clamps()
        self.fixed.forget()
        was, self.electrodes = self.electrodes, self._placed_clamps()
        self.electrodes.take_watched(was)
        self.stepper.problem = self.problem = replace(self.problem, stimuli=self.electrodes)  # type: ignore[arg-type]
        self.is_plain = self.is_plain and not self.stepped

    def _follow_links(self) -> None:
        """Find what linked variables follow, and let groups read it where it is."""
        blocks = self.states.blocks
        known = {held: held[5:] if held[5:] in blocks else held.split(".")[1] for held in blocks if held.startswith("held.")}
        self._remembered = [(blocks[held], label) for held, label in known.items() if label in blocks]
        self.linked = Linked(self)
        self.discretization = self.linked.joined(self.discretization)
        self.groups = self.discretization.groups
        self.problem = replace(self.problem, discretization=self.discretization)
        if self.adaptive and self.linked.couples:
            self.problem = replace(self.problem, equations=self._equations())

    def _take_state(self, state: State) -> None:
        self._state = state
        self.session.spots.clear()

    state = cast(State, property(attrgetter("_state"), _take_state))
    """The state; asked for again and again."""

    @property
    def y(self) -> np.ndarray:
        """The state."""
        return self.state.y

    @property
    def t(self) -> float:
        """Time, ms."""
        return self.state.t

    @property
    def past(self) -> State:
        """Where currents are seen: NEURON computes them at the beginning of a fixed step, and they stay so to its end."""
        return self.state if self.fixed.past is None else self.fixed.past

    @property
    def midway(self) -> State:
        """Where currents of ions are seen: as `past`, but in the middle of the step where `h.secondorder` is 2."""
        return self.fixed.midway or self.state

    @contextmanager
    def looking_back(self) -> Iterator[None]:
        """The state is that where currents are seen."""
        self._chemistry.views.adopt()
        now, version = self.state, self.version
        self._state = self.past  # no script looks at it meanwhile
        self.changed(moved=False)
        try:
            yield
        finally:
            self._state, self.version = now, version
            self.session.ready.clear()
            if self._chemistry.views:
                self._chemistry.views.follow()

    @contextmanager
    def between(self) -> Iterator[None]:
        """The state is that after the cable's part of the last fixed step: v new, all else old. What is changed then counts."""
        self._chemistry.views.adopt()
        now, past = self.state, self.past
        v = slice(self.states["v"].start, self.states["v"].stop)
        shown = self.shown.of_nodes(past).copy()
        shown.y[v] = now.y[v]
        before = shown.y.copy()
        self.state = shown
        self.changed()
        try:
            yield
        finally:
            self._chemistry.views.adopt()
            now.y += shown.y - before
            self.state = now
            self.seen.ended = None
            self.changed()

    def update_currents(self) -> None:
        """Let currents be those of the present state."""
        if self._chemistry.views:
            self._chemistry.views.adopt()
        self.fields.serve()
        self.fields.flush()
        self.see(self.session.globals.t, CURRENTS)
        self.exchange.compute_clamps()
        self.changed(moved=False)

    def see(self, t: float, *stages: str) -> None:
        """Compute what is computed (of some stages) from the present state, at a time."""
        self.state.t = t
        self.fixed.renew()
        self.electrodes.see(t)
        self.seen.clear(*stages)
        if self.shown.pending:
            self.shown.look()

    def _options(self) -> dict[str, Any]:
        """Options of the stepper."""
        if not self.adaptive:
            return {"dt": self.session.globals.dt, "order": 1, "circuit": self.circuits.circuit}
        return precision.options(self)

    def _make_stepper(self) -> Any:
        """A stepper for the problem as it is, with the present tolerances."""
        self.precision = self._run.precision
        if not self.adaptive:
            made: Any = make_stepper("split", self.problem, self._kernels, **self._options())
            made.take_passes((number, row, field.args[0]) for number, row, field in self.fields.of_kind("pass"))
            return made
        problem, circuit = precision.scaled(self, self.problem), self.circuits.circuit
        if circuit is None:
            solver = "scipy" if self.linked.couples else "auto"  # others go along the tree
            return make_stepper("coupled", problem, self._kernels, solver=solver, **self._options())
        from rxd.solve.circuit_attempt import CircuitStepper

        injected = self.circuits.from_ground if self.circuits.injects else None
        return CircuitStepper(problem, self._kernels, circuit, injected, **self._options())

    def take_tolerances(self) -> None:
        """Go on with the present tolerances; with fixed steps there are none."""
        self.precision = self._run.precision
        if self.adaptive:
            self.stepper.close()
            self.stepper = self._make_stepper()
            self.start()

    def watch(self) -> None:
        """Let the stepper stop where a voltage rises through the threshold of a NetCon."""
        follow_watched(self)
        self.fixed.forget()

    def _voltages(self, nodes: np.ndarray) -> np.ndarray | None:
        """Voltages of segments in the order of the state; None before there is a state."""
        return self.state.y[self.states["v"].start + nodes] if hasattr(self, "state") else None

    def storage(self, segment: int) -> int:
        """Where a segment stands among the voltages of the state."""
        return int(self.states["v"].order[segment] - self.states["v"].start)

    def _watched(self, y: np.ndarray) -> np.ndarray:
        return np.array(y[self.electrodes.detector_position])

    def watched(self) -> np.ndarray:
        """The watched voltages now, in the order of `Run.watched`."""
        return self._watched(self.state.y)

    @property
    def crossed(self) -> bool:
        """Whether a watched voltage may be on another side of its threshold now than at the last `compare`."""
        return self.jumped or self.fixed.crossed

    def compare(self) -> tuple[np.ndarray, np.ndarray | None]:
        """The watched voltages, for somebody who compares them with their thresholds, and which have changed sides since.

        None for the second where that is not known.
        """
        values = self.watched()
        return values, self.fixed.compare(values)

    def start(self) -> None:
        """Let the stepper forget what it remembers of earlier steps."""
        self.fixed.forget()
        self._remember()
        if not self.adaptive:
            self.state.before = self._watched(self.state.y)
        self.stepper.start(self.state)
        self.jumped = False

    def _remember(self) -> None:
        """Let mechanisms remember the state as it is now as that of the next step's start."""
        for block, label in self._remembered:
            self.y[block.start : block.stop] = self.y[self.readout.positions(label)[block.segment]]

    def changed(self, moved: bool = True) -> None:
        """The state, or what is seen of it, is another one now; `moved`: not by a script, so that `seg.cai` follows it."""
        self.version = self._run.next_version()
        self.session.ready.clear()
        self._chemistry.moves += moved
        if self._chemistry.views:
            self._chemistry.views.follow()

    def _prepare(self, t: float) -> None:
        if self._chemistry.views:
            self._chemistry.views.adopt()
        if self.fields.stale or self.fields.cells:
            self.fields.flush()
        self.state.t = t
        if self.adaptive:
            self._hold()
        if self.jumped:
            self._remember()
        if self.jumped and self.adaptive:
            self.stepper.restart(self.state)
            self.jumped = False
        if self.jumped:
            self.fixed.settle()
            synchronise = getattr(self.stepper, "synchronise_junctions", None)
            if synchronise is not None:
                synchronise(self.state)
            self.jumped = False

    def _hold(self) -> None:
        """Put back what nothing changes, which variable steps do not know of; fixed steps end with it."""
        for positions, values in self._held:
            self.y[positions] = values

    def clear_steps(self, t: float, dt: float, most: int) -> int:
        """How many fixed steps from t see the clamps as they are in the first, and need nothing of Python's between them."""
        middle = t + 0.5 * dt
        jump = self.electrodes.next_jump(middle - 1e-9)
        return most if jump - middle >= most * dt else max(min(most, int(np.ceil((jump - middle) / dt - 1e-9))), 1)

    def steps(self, t: float, dt: float, n: int, batch: Batch) -> int:
        """Up to n fixed steps, with what happens between them; how many were made."""
        self.fields.serve()
        self._prepare(t)
        self.circuits.before()
        self.shown.settle()
        done = self.fixed.many(t, dt, n, batch)
        self.seen.clear()
        self.circuits.show()
        self.changed()
        return done

    def step(self, t: float, dt: float) -> None:
        """One fixed step."""
        if self._chemistry.views:
            self._chemistry.views.adopt()
        if self.fields.stale or self.fields.cells or self.jumped:
            self._prepare(t)
        self.shown.settle()
        if not self.is_plain or self.shown.pending:
            self._step_with_others(t, dt)
        else:
            self.fixed.one(t, dt)
            if self.seen.kept or self.seen.frozen:
                self.seen.clear()
            self.changed()
        if self._chemistry.fluxes:
            self.sources.add(dt)

    def _step_with_others(self, t: float, dt: float) -> None:
        """The same where something goes with a step that is not in the compiled loop."""
        if self.hooks:
            self.hooks.run("before breakpoint", t + 0.5 * dt)
            self.fields.flush()
        if self.linked.followed:
            self.linked.refresh()
        if self.circuits.circuit is not None:
            self.circuits.before()
        places, values = self.shown.unlike() if self.shown.pending else (None, None)
        nodes = None if places is None else self.y[places]
        if places is not None and values is not None and len(places) and self.shown.matter:
            self.fixed.shifted(t, dt, (places, values))
        else:
            self.fixed.one(t, dt)
            if places is not None and self.fixed.past is not None:  # reversal potentials are seen from what segments show
                self.fixed.past.y[places] = values
        if places is not None and nodes is not None:
            self.shown.apart(places, nodes)
        if self.seen.kept or self.seen.frozen:
            self.seen.clear()
        if self.circuits.has_linear:
            self.circuits.show()
        self.changed()
        for electrode in self.stepped:
            electrode.move(t + dt)
        for when in ("after solve", "before step") if self.hooks else ():
            self.hooks.run(when, t + dt)

    def leaks(self, group: int) -> bool:
        """Whether currents of a group are part of the cable's matrix, which the stepper has to be told of."""
        return self.stepper.kernels.groups[group].leak is not None

    def next_jump(self, t: float) -> float:
        """The next time at which a clamp jumps, ms."""
        return self.electrodes.next_jump(t)

    def advance(self, t: float, until: float, samples: Samples, single: bool) -> tuple[tuple[int, float], ...]:
        """Variable steps to a time, or to where a watched voltage rises, or (`single`) one step; returns the spikes."""
        if self.hooks:
            self.hooks.run("before breakpoint", t)
        self._prepare(t)
        self.linked.refresh()
        self.sources.hold()
        until = self.sources.longest(self.linked.longest(until))
        if self.circuits.circuit is not None:
            until = self.circuits.longest(until)
            self.circuits.before()
            self.stepper.settle(self.state)
        elif self.ends:
            self.ends.balance(t)
        self.fixed.renew()
        self.seen.clear()
        if self.shown.pending:
            self.shown.look()
        following = float(self.state.memory["dt"][0])
        if single:
            until = min(until, t + (following if following > 0 else 1e-3))
        outcome = self.stepper.advance(self.state, until, self.statistics, Sampler(self, samples))
        self._hold()
        self.circuits.show()
        self.see(self.state.t)
        self.changed()
        self.swelling.follow()
        for when in ("after solve", "before step") if self.hooks else ():
            self.hooks.run(when, self.state.t)
        return outcome.spikes

    def receive(self, point: PointProcess, weight: Any) -> None:
        """A synapse receives an event."""
        if self.fixed.past is None:
            self.fixed.keep()
        if self.synapses.receive(point, float(weight[0])):
            self.changed(moved=False)

    def restart(self) -> None:
        """Forget what the stepper remembers of earlier steps; with variable steps all is computed anew."""
        if self.adaptive:
            if self._chemistry.views:
                self._chemistry.views.adopt()
            self.fields.flush()
            self.see(self.session.globals.t)
            self.changed(moved=False)
        self.start()

    def save(self) -> Any:
        """A copy of the state."""
        self.fixed.settle()
        self._chemistry.views.adopt()
        saved = self.state.copy()
        if self.circuits.circuit is not None:
            saved.memory["circuit"] = self.circuits.circuit.x.copy()
        return saved

    def restore(self, saved: Any, fresh: bool = False) -> None:
        """Return to a state saved before; ``fresh``: by another engine, what the stepper remembers does not fit."""
        self.fixed.forget()
        self.seen.frozen = frozenset((CURRENTS, STATES))
        self.state = saved.copy()
        if len(self.state.before) != len(self.electrodes.detector_position):  # somebody else watches now
            self.state.before = self.watched()
        if self.circuits.circuit is not None and "circuit" in saved.memory:
            self.circuits.circuit.x[:] = saved.memory["circuit"]
            self.circuits.show()
        if fresh:
            self.stepper.start(self.state)
        self.changed()
