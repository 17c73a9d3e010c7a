"""Engine: the compiled model of a session, one step after another.

In: a session whose structure does not change (another revision gets another engine). Out: its state moved through time, read
and written under NEURON's names.

The stages are those of `rxd.simulation.compile_model`; only the stimuli are NEURON's own clamps, since scripts change them at
any time, and events are delivered by `rxd.neuron.run`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np

from cable import EventQueue
from rxd.codegen.kernels import compile_kernels
from rxd.codegen.oracle import fields_of, make_numpy
from rxd.discretize.build import discretize
from rxd.discretize.records import LANES
from rxd.neuron.engine.batch import Batch
from rxd.neuron.engine.declare import declare, is_ion
from rxd.neuron.engine.electrodes import Electrodes
from rxd.neuron.engine.faces import exchanged_as_in_neuron
from rxd.neuron.engine.fixed import FixedSteps
from rxd.neuron.engine.held import hold
from rxd.neuron.engine.joints import joined_as_in_neuron
from rxd.neuron.engine.mods import moved_as_in_neuron
from rxd.neuron.engine.order import in_neurons_order
from rxd.neuron.engine.readout import Readout
from rxd.neuron.engine.sampling import Sampler, Samples
from rxd.neuron.engine.spread import spread
from rxd.neuron.engine.synapses import Synapses
from rxd.simulation import build_problem
from rxd.solve.problem import State, Statistics
from rxd.solve.steppers import make_stepper
from rxd.symbolic.build import build_system
from rxd.symbolic.totals import warn_of_unseen_currents

if TYPE_CHECKING:
    from rxd.neuron.points import PointProcess
    from rxd.neuron.record import SectionRecord
    from rxd.neuron.session import Session

__all__ = ["Engine"]


class Engine:
    """A compiled session.

    Attributes
    ----------
    revision : int
        Of the session, when this was compiled.
    version : int
        Grows whenever the state changes.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self._run, self._chemistry = session.run, session.chemistry
        self.layout = session.chemistry.layout
        self.declared = declare(session)
        model = self.declared.model
        self.adaptive = session.run.adaptive
        self.system = build_system(model)
        if self.adaptive:
            warn_of_unseen_currents(self.system)
        else:
            writers = frozenset(name for name, _ in self.declared.inserted if session.catalogue.density[name].writes)
            self.system = moved_as_in_neuron(in_neurons_order(self.system), self.declared.methods, writers)
        self.revision = session.revision
        method = "coupled" if self.adaptive else "split"
        self.discretization = discretize(self.system, model.morphology, model.segments, model.settings)
        self.groups = self.discretization.groups
        self.states = self.discretization.layout
        self._places: dict[str, np.ndarray] = {}
        self._fill_constants()
        self.discretization = joined_as_in_neuron(self.system, self.discretization)
        self.discretization = exchanged_as_in_neuron(self.system, self.discretization)
        self.discretization = spread(session, self.declared, self.discretization, self.species_positions)
        self.discretization, self._held = hold(session, self.declared, self.discretization, self.species_positions)
        kernels = compile_kernels(self.system, self.discretization, purpose=method)
        problem = build_problem(model, self.system, self.discretization, kernels)
        order = self.states["v"].order - self.states["v"].start
        self.electrodes = Electrodes.of(session.run.points, self.layout, order)
        # the clamps take the place of stimuli, with the attributes a stepper reads of these
        self.problem = replace(problem, stimuli=self.electrodes)  # type: ignore[arg-type]
        self.fixed = FixedSteps(self)
        self.watch()
        if self.adaptive:
            equations = replace(self.problem.equations, stimuli=self.electrodes)
            self.problem = replace(self.problem, equations=equations)
        self.stepper: Any = make_stepper(method, self.problem, kernels, **self._options())
        self.statistics = Statistics()
        self.state = State(session.globals.t, np.array(self.problem.initial), self._watched(self.problem.initial), EventQueue())
        self.version = session.run.next_version()
        self.readout = Readout(self)
        self.synapses = Synapses(self)
        self._fetched: dict[tuple[str, int], int] = {}
        self._stale: set[str] = set()
        self._jumped = False
        self._rest: list[tuple[int, list[int], Any]] | None = None
        self._load()
        self._start()

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

    @contextmanager
    def looking_back(self) -> Iterator[None]:
        """The state is that where currents are seen."""
        now = self.state
        self.state = self.past
        self._changed()
        try:
            yield
        finally:
            self.state = now
            self._changed()

    @contextmanager
    def between(self) -> Iterator[None]:
        """The state is that after the cable's part of the last fixed step: v new, all else old. What is changed then counts."""
        now, past = self.state, self.past
        v = slice(self.states["v"].start, self.states["v"].stop)
        shown = past.copy()
        shown.y[v] = now.y[v]
        before = shown.y.copy()
        self.state = shown
        self._changed()
        try:
            yield
        finally:
            now.y += shown.y - before
            self.state = now
            self._changed()

    def update_currents(self) -> None:
        """Let currents be those of the present state."""
        self.fixed.past = None
        self._changed()

    def _options(self) -> dict[str, Any]:
        """Options of the stepper."""
        if not self.adaptive:
            return {"dt": self.session.globals.dt, "order": 1}
        tolerances = self.session.run.tolerances
        longest = tolerances["maxstep"]
        return {
            "adaptive": True,
            "dt": float(longest) if np.isfinite(longest) else None,
            "atol": float(tolerances["atol"]),
            "rtol": max(float(tolerances["rtol"]), 1e-10),
        }

    def watch(self) -> None:
        """Let the stepper stop where a voltage rises through the threshold of a NetCon."""
        watched = self.session.run.watched(self.layout.index)
        start = self.states["v"]
        places = [self.layout.index[record.id][record.index(x)] for record, x, *_ in watched]
        self.electrodes.detector_position = np.array([start.start + self._storage(place) for place in places], dtype=np.int64)
        self.electrodes.detector_threshold = np.array([threshold for *_, threshold, _ in watched], dtype=float)
        self.electrodes.connections = tuple(
            SimpleNamespace(source=number, delay=delay) for number, (*_, delays) in enumerate(watched) for delay in delays
        )
        self.fixed.forget()

    def _storage(self, segment: int) -> int:
        return int(self.states["v"].order[segment] - self.states["v"].start)

    def _watched(self, y: np.ndarray) -> np.ndarray:
        return np.array(y[self.electrodes.detector_position])

    def watched(self) -> np.ndarray:
        """The watched voltages now, in the order of `Run.watched`."""
        return self._watched(self.state.y)

    @property
    def crossed(self) -> bool:
        """Whether a watched voltage may be on another side of its threshold now than at the last `compare`."""
        return self._jumped or self.fixed.crossed

    def compare(self) -> np.ndarray:
        """The watched voltages, for somebody who compares them with their thresholds."""
        values = self.watched()
        self.fixed.compare(values)
        return values

    def _start(self) -> None:
        """Let the stepper forget what it remembers of earlier steps."""
        self.fixed.forget()
        self.state.before = self._watched(self.state.y)
        self.stepper.start(self.state)
        self._jumped = False

    def _changed(self) -> None:
        self.version = self._run.next_version()
        if self._chemistry.views:
            self._chemistry.refresh_views()

    # ---------------------------------------------------------------------------------------------------------------- fields

    def _fill_constants(self) -> None:
        """Put NEURON's values per segment into the fields of ions that are constants of the model."""
        for number, row, field in self.fields("constant"):
            what, ion, default = field.args
            name = f"e{ion}" if what == "e" else f"{ion}{what}"
            self.put(number, row, self.layout.gather(name, float(default))[self.groups[number].segment])
        unchanged = {region.name for region in self.declared.shadows.values()}
        for number, row, field in self.fields("current"):
            if field.args[0] in unchanged:
                self.put(number, row, np.zeros(self.groups[number].n))

    def fields(self, kind: str) -> Iterator[tuple[int, int, Any]]:
        """Group, row and record of the fields of a kind."""
        for number, local in enumerate(self.system.groups):
            for row, field in enumerate(local.fields):
                if field.kind == kind:
                    yield number, row, field

    def put(self, number: int, row: int, values: np.ndarray) -> None:
        """Write one field of a group, one number per node; chunks are padded with the last one."""
        fields = self.groups[number].fields
        padded = np.full(fields.shape[0] * LANES, values[-1])
        padded[: len(values)] = values
        # the records of a discretization are read-only for everybody; a script that sets a parameter is the exception
        fields.setflags(write=True)
        fields[:, row, :] = padded.reshape(-1, LANES)
        fields.setflags(write=False)
        if not hasattr(self, "stepper"):
            return
        if self.adaptive:
            self.stepper.refresh_fields()
            return
        start = sum(group.fields.size for group in self.groups[:number])
        self.stepper._groups.fields[start : start + fields.size] = fields.ravel()
        self.stepper.refresh_fields(number)

    def _flush(self) -> None:
        """Bring parameters that scripts have written into the fields."""
        for name in self._stale:
            owner = self.session.catalogue.owner(name)
            if owner is not None:
                self._flush_variable(name, owner)
        self._stale.clear()

    def _flush_variable(self, name: str, owner: str) -> None:
        ion = self.session.catalogue.ion_of(owner)
        short = name if ion is not None else name[: -len(owner) - 1]
        values = self.layout.gather(name, 0.0)
        if ion is None:
            chosen = [
                (number, row)
                for number, row, field in self.fields("mechanism")
                if field.args[1] == short and self.declared.inserted[field.args[0]][0] == owner
            ]
        else:
            what = {f"e{ion.name}": "e", f"{ion.name}i": "i", f"{ion.name}o": "o"}.get(name)
            chosen = [(number, row) for number, row, field in self.fields("constant") if field.args[:2] == (what, ion.name)]
        for number, row in chosen:
            self.put(number, row, values[self.groups[number].segment])

    # ------------------------------------------------------------------------------------------------------- reading, writing

    def fetch(self, name: str, record: SectionRecord) -> None:
        """Bring a range variable of a section up to date."""
        key = (name, record.id)
        if self._fetched.get(key) == self.version or record.id not in self.layout.index:
            return
        self._fetched[key] = self.version
        reader = self.readout.reader(name)
        values = None if reader is None else reader(record)
        if values is not None and len(values) == record.nseg:
            record.store[name][:] = values

    def note(self, name: str, record: SectionRecord) -> None:
        """A script has written a range variable."""
        if record.id not in self.layout.index:
            return
        label = self.readout.label(name, record)
        where = self.readout.positions(label)[self.layout.index[record.id]] if label in self.states.blocks else None
        if where is not None and where[0] >= 0:
            self.y[where] = record.store[name]
            self._jumped = True
        else:
            self._stale.add(name)

    def fetch_species(self, quantity: Any, region: Any) -> None:
        """Bring the values of a species on a region up to date."""
        positions = self.species_positions(quantity, region)
        if positions is not None and len(positions) == len(quantity._values[region.number]):
            quantity._values[region.number][:] = self.y[positions]

    def note_species(self, quantity: Any, region: Any) -> None:
        """A script has written values of a species on a region."""
        values = quantity._values[region.number]
        self._cast_shadows(quantity, region)
        positions = self.species_positions(quantity, region)
        if positions is not None:
            self.y[positions] = values
            self._jumped = True
            self._changed()
            return
        symbol = self.declared.symbols.get((quantity.number, region.number))
        if symbol is not None and quantity.kind == "Parameter":
            self._put_parameter(symbol.name, self._by_segment(quantity, region, values))

    def _put_parameter(self, label: str, by_segment: np.ndarray) -> None:
        for number, row, field in self.fields("parameter"):
            if field.args[0] == label:
                self.put(number, row, by_segment[self.groups[number].segment])

    def _by_segment(self, quantity: Any, region: Any, values: np.ndarray) -> np.ndarray:
        table = quantity.table(region)
        found = np.zeros(self.layout.segments.n)
        found[self.layout.segments_of(table.records)] = values
        return found

    def species_positions(self, quantity: Any, region: Any) -> np.ndarray | None:
        """Places in the state of the nodes of a species on a region, in NEURON's order; None if the state does not hold it."""
        return self._positions_of(self.declared.symbols, quantity, region)

    def _positions_of(self, symbols: Any, quantity: Any, region: Any) -> np.ndarray | None:
        symbol = symbols.get((quantity.number, region.number))
        block = None if symbol is None else self.states.blocks.get(symbol.name)
        if symbol is None or block is None:
            return None
        known = self._places.get(symbol.name)
        if known is None:
            table = quantity.settled.get(region.number)
            if table is None or len(block) != len(table):
                return None
            # the state has segments in their order in the layout, NEURON in the order of its sections; voxels come after them
            flat = np.flatnonzero(table.dimension == 1)
            index = [
                self.layout.index[table.records[r].id][p] for r, p in zip(table.record[flat], table.place[flat], strict=True)
            ]
            rank = np.argsort(np.argsort(np.array(index, dtype=np.int64)))
            known = np.concatenate([block.order[: len(flat)][rank], block.order[len(flat) :]])
            self._places[symbol.name] = known
        return known

    def _cast_shadows(self, quantity: Any, region: Any) -> None:
        """Bring a Parameter that is an ion's concentration to where currents read it."""
        positions = self._positions_of(self.declared.shadow_symbols, quantity, region)
        if positions is not None:
            self.y[positions] = quantity._values[region.number]

    def fetch_all(self) -> None:
        """Bring everything up to date, before the structure changes."""
        for record in self.layout.records:
            if record.alive:
                for name in list(record.store):
                    if name not in {"cm", "diam"}:
                        record.values(name)
        for quantity in self.session.chemistry.quantities:
            for region in quantity.regions:
                if region.number in quantity._values:
                    self.fetch_species(quantity, region)
        for point in self.declared.points:
            self.synapses.fetch(point)

    def _load(self) -> None:
        """Put the values scripts see into the state."""
        for record in self.layout.records:
            for name in record.store:
                if name not in {"cm", "diam"}:
                    label = self.readout.label(name, record)
                    if label in self.states.blocks:
                        where = self.readout.positions(label)[self.layout.index[record.id]]
                        if where[0] >= 0:
                            self.y[where] = record.store[name]
        for quantity in self.session.chemistry.quantities:
            self.session.chemistry.settle(quantity)
            for region in quantity.regions:
                positions = self.species_positions(quantity, region)
                if positions is not None:
                    self.y[positions] = quantity._values[region.number]
                self._cast_shadows(quantity, region)
        self.synapses.load()

    # ----------------------------------------------------------------------------------------------------------------- moving

    def initialize(self) -> None:
        """The initial state: species as declared, gates at rest for the present voltage, synapses closed."""
        self.session.chemistry.initialize()
        for record in self.layout.records:
            self._stale.update(record.settle_ions())
        self._flush()
        for record in self.layout.records:
            self.y[self.readout.positions("v")[self.layout.index[record.id]]] = record.store["v"]
        for quantity in self.session.chemistry.quantities:
            for region in quantity.regions:
                positions = self.species_positions(quantity, region)
                if positions is not None:
                    self.y[positions] = quantity._values[region.number]
                    self._cast_shadows(quantity, region)
                else:
                    self.note_species(quantity, region)
        self._gates()
        self.synapses.close()
        self.state.t = 0.0
        self.fixed.past = None
        self._start()
        self._fluxes()
        self._changed()

    def _gates(self) -> None:
        """Gates at rest for the present voltage and for ions as NEURON lets INITIAL blocks see them: before rxd sets them."""
        y, numbers = self.state.y, self.session.globals
        seen = y.copy()
        for quantity in self.session.chemistry.quantities:
            for region in (region for region in quantity.regions if is_ion(quantity, region)):
                positions = self.species_positions(quantity, region)
                name = f"{quantity.name}{region.nrn_region}0_{quantity.name}_ion"
                if positions is not None and name in numbers:
                    seen[positions] = numbers[name]
        for number, rows, evaluate in self._resting():
            group = self.groups[number]
            for row, values in zip(rows, evaluate(seen[group.position], fields_of(group), 0.0), strict=True):
                y[group.position[row]] = values

    def _resting(self) -> list[tuple[int, list[int], Any]]:
        """Functions that give the gates of each group; made once."""
        if self._rest is None:
            self._rest = [
                (
                    number,
                    [local.unknowns.index(label) for label, _ in local.initials],
                    make_numpy(local, [expression for _, expression in local.initials]),
                )
                for number, local in enumerate(self.system.groups)
                if local.initials
            ]
        return self._rest

    def _fluxes(self) -> None:
        """Read the sources on nodes into their parameters, mM/ms."""
        if not self.declared.fluxes:
            return
        from rxd.neuron.rxd.constants import molecules_per_mM_um3

        totals = {key: np.zeros(self.layout.segments.n) for key in self.declared.fluxes}
        for flux in self.session.chemistry.living_fluxes():
            if not flux.is_steady:
                continue
            species, region, table, index = flux.species(), flux.region, flux.table, flux.index
            if species is None:
                continue
            segment = self.layout.index[table.records[table.record[index]].id][table.place[index]]
            totals[species.number, region.number][segment] += flux.read() / (table.volume[index] * molecules_per_mM_um3())
        for key, parameter in self.declared.fluxes.items():
            self._put_parameter(parameter.name, totals[key])

    def _prepare(self, t: float) -> None:
        if self._stale:
            self._flush()
        self.state.t = t
        if self.adaptive:
            self._hold()
        if self._jumped and "held.v" in self.states.blocks:  # what mechanisms remember of the step's start
            here = self.readout.positions("held.v") >= 0
            self.y[self.readout.positions("held.v")[here]] = self.y[self.readout.positions("v")[here]]
        if self._jumped and self.adaptive:
            self.stepper.restart(self.state)
            self._jumped = False
        if self._jumped:
            self.fixed.settle()
            synchronise = getattr(self.stepper, "synchronise_junctions", None)
            if synchronise is not None:
                synchronise(self.state)
            self._jumped = False

    def _hold(self) -> None:
        """Put back what nothing changes, which variable steps do not know of; fixed steps end with it."""
        for positions, values in self._held:
            self.y[positions] = values

    @property
    def stepwise(self) -> bool:
        """Whether something of Python's is to be done at the end of every fixed step, before recordings."""
        return any(not flux.is_steady for flux in self.session.chemistry.fluxes)

    def clear_steps(self, t: float, dt: float, most: int) -> int:
        """How many fixed steps from t see the clamps as they are in the first, and need nothing of Python's between them."""
        middle = t + 0.5 * dt
        jump = self.electrodes.next_jump(middle - 1e-9)
        return most if jump == np.inf else max(min(most, int(np.ceil((jump - middle) / dt - 1e-9))), 1)

    def steps(self, t: float, dt: float, n: int, batch: Batch) -> int:
        """Up to n fixed steps, with what happens between them; how many were made."""
        self._prepare(t)
        done = self.fixed.many(t, dt, n, batch)
        self._changed()
        return done

    def step(self, t: float, dt: float) -> None:
        """One fixed step."""
        if self._stale or self._jumped:
            self._prepare(t)
        self.fixed.one(t, dt)
        self._changed()
        if self._chemistry.fluxes:
            self._add_varying(dt)

    def _add_varying(self, dt: float) -> None:
        """Add what sources outside the equations give in a step: read at its end, with h.t still at its start, as in NEURON."""
        from rxd.neuron.rxd.constants import molecules_per_mM_um3

        varying = [flux for flux in self.session.chemistry.fluxes if not flux.is_steady]
        if not varying:
            return
        for flux in varying:
            species = flux.species()
            positions = None if species is None else self.species_positions(species, flux.region)
            if positions is not None:
                self.y[positions[flux.index]] += dt * flux.read() / (flux.table.volume[flux.index] * molecules_per_mM_um3())
        self._changed()
        self._jumped = True

    def next_jump(self, t: float) -> float:
        """The next time at which a clamp jumps, ms."""
        return self.electrodes.next_jump(t)

    def advance(self, t: float, until: float, samples: Samples, single: bool) -> tuple[tuple[int, float], ...]:
        """Variable steps to a time, or to where a watched voltage rises, or (`single`) one step; returns the spikes."""
        self._prepare(t)
        self.electrodes.t = None
        following = float(self.state.memory["dt"][0])
        if single:
            until = min(until, t + (following if following > 0 else 1e-3))
        outcome = self.stepper.advance(self.state, until, self.statistics, Sampler(self, samples))
        self._hold()
        self._changed()
        self._add_varying(self.state.t - t)
        return outcome.spikes

    # ----------------------------------------------------------------------------------------------------------------- points

    def fetch_point(self, point: PointProcess) -> None:
        """Bring the computed variables of a point process up to date."""
        for electrode in self.electrodes.electrodes:
            if electrode.clamp is point:
                now = self.state.t if self.electrodes.t is None else self.electrodes.t
                g, drive = electrode.level(now)
                v = float(electrode.weights @ self.y[self.states["v"].start + electrode.nodes])
                point.values["i"] = drive - g * v
                if "vc" in point.values:
                    point.values["vc"] = electrode.command(now) or 0.0
                return
        self.synapses.fetch(point)

    def note_point(self, point: PointProcess, name: str) -> None:
        """A script has written a variable of a point process."""
        self.synapses.note(point, name)

    def receive(self, point: PointProcess, weight: Any) -> None:
        """A synapse receives an event."""
        if self.synapses.receive(point, float(weight[0])):
            self._changed()

    def restart(self) -> None:
        """Forget what the stepper remembers of earlier steps."""
        self._start()

    def save(self) -> Any:
        """A copy of the state."""
        self.fixed.settle()
        return self.state.copy()

    def restore(self, saved: Any) -> None:
        """Return to a state saved before."""
        self.fixed.forget()
        self.state = saved.copy()
        self.fixed.past = None
        self._changed()
