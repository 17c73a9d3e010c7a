"""Values between the state of an engine and what scripts see: range variables, nodes of species, point processes.

In: names and objects of a session. Out: their values brought up to date, or what a script has written brought into the state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rxd.codegen.oracle import fields_of
from rxd.neuron.cells.outside import COMPUTED
from rxd.neuron.engine.mods import LEFT_BY_BLOCK
from rxd.neuron.engine.seen import STATES
from rxd.neuron.engine.together import like_sections
from rxd.neuron.mechanisms.points import IClamp, SEClamp, VClamp

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.electrodes import Electrode
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.engine.together import Together
    from rxd.neuron.mechanisms.points import PointProcess
    from rxd.solve.problem import State

__all__ = ["Exchange"]

ALL: Final = slice(None)
MANY: Final = 64
"""Segments written between two steps from which on whole variables are brought into the fields."""
CLAMPS = (IClamp, SEClamp, VClamp)


class Exchange:
    """What scripts read of a state and write into it."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._fetched: dict[tuple[str, int], int] = {}
        self._plain: set[tuple[str, int]] = set()  # variables of sections that the state does not hold
        self._parameters: set[tuple[str, int]] = set()  # those among them that nothing computes
        self._brought: dict[tuple[int, int], tuple[int, int]] = {}

    def fetch(self, name: str, record: SectionRecord) -> None:
        """Bring a range variable of a section up to date."""
        engine = self.engine
        key = (name, record.id)
        if self._fetched.get(key) == engine.version or record.id not in engine.layout.index:
            return
        self._fetched[key] = engine.version
        if engine.seen.frozen and engine.readout.stage(name) in engine.seen.frozen:
            return
        reader = engine.readout.reader(name)
        values = None if reader is None else reader(record)
        if values is not None and len(values) == record.nseg:
            record.store[name][:] = values

    def voltages(self, record: SectionRecord) -> list[int] | None:
        """Where in the state the voltages of a section are, by segment; None if they are not there, as the section is now."""
        index = self.engine.layout.index.get(record.id)
        if index is None or len(index) != record.nseg:
            return None
        self.engine.spots[record.id] = spots = self.engine.readout.positions("v")[index].tolist()
        return spots

    def note(self, name: str, record: SectionRecord) -> None:
        """A script has written a range variable."""
        engine = self.engine
        if (name, record.id) in self._plain:
            engine.fields.stale.add(name)
            return
        if record.id not in engine.layout.index:
            return
        if name.endswith("_extracellular"):
            engine.circuits.note(name)
            return
        if len(engine.layout.index[record.id]) != record.nseg:  # the next engine takes it from the section
            return
        label = engine.readout.label(name, record)
        where = engine.readout.positions(label)[engine.layout.index[record.id]] if label in engine.states.blocks else None
        if where is not None and where[0] >= 0:
            engine.seen.keep()
            engine.y[where] = record.store[name]
            engine.jumped = True
            engine.session.chemistry.note_segments(name, record)  # a species may count beside a mod file's state
        else:
            engine.fields.stale.add(name)
            shown = engine.session.chemistry.note_segments(name, record)
            writing = engine.carriers.writing(name, engine.layout.index[record.id])
            for place, carrier in writing:
                position = engine.carriers.position(carrier, name)
                if position is not None:
                    engine.seen.keep()
                    engine.y[position] = record.store[name][place]
                    engine.jumped = True
            mods = engine.session.mods
            if name in engine.declared.diffusing_by or mods.turns_otherwise(name):
                engine.session.touch()
            elif not writing and not shown and name not in mods.bounds:
                self._plain.add((name, record.id))
                if engine.readout.reader(name) is None:
                    self._parameters.add((name, record.id))

    def is_parameter(self, name: str, record: SectionRecord) -> bool:
        """Whether a range variable of a section is known to be a parameter of the model and nothing else."""
        return (name, record.id) in self._parameters and self.engine.revision == self.engine.session.revision

    def note_parameter(self, name: str, record: SectionRecord, where: slice | int) -> None:
        """A script has written a parameter in one segment of a section, or in all."""
        fields = self.engine.fields
        if isinstance(where, int) and not self.engine.adaptive and len(fields.cells) < MANY:
            fields.cells[name, record.id, where] = record
        else:
            fields.stale.add(name)

    def fetch_species(self, quantity: Any, region: Any) -> None:
        """Bring the values of a species on a region up to date."""
        values, key = quantity._values[region.number], (quantity.number, region.number)
        if self._brought.get(key) == (self.engine.version, id(values)):  # scripts ask node by node
            return
        self._brought[key] = self.engine.version, id(values)
        positions = self.engine.places.of_species(quantity, region)
        if positions is not None and len(positions) == len(values):
            values[:] = self.engine.y[positions]

    def displayed(self, quantity: Any, region: Any) -> np.ndarray | None:
        """The values of a species on a region that `seg.cai` follows."""
        positions = self.engine.places.displayed(quantity, region)
        return None if positions is None else self.engine.y[positions]

    def note_species(self, quantity: Any, region: Any, where: Any = ALL) -> None:
        """A script has written values of a species on a region, or some of them."""
        engine = self.engine
        values, key = quantity._values[region.number], (quantity.number, region.number)
        engine.seen.keep()
        self.cast_shadows(quantity, region, where)
        positions = engine.places.of_species(quantity, region)
        if positions is not None:
            up_to_date = self._brought.get(key) == (engine.version, id(values))
            engine.y[positions[where]] = values[where]
            engine.jumped = True
            engine.changed(moved=False)
            if up_to_date:  # scripts write node by node
                self._brought[key] = engine.version, id(values)
                if engine.places.of_shadow(quantity, region) is None and not engine.session.chemistry.views:
                    quantity.opened(region, values).open(engine, positions, key)
            return
        symbol = engine.declared.symbols.get((quantity.number, region.number))
        if symbol is not None and quantity.kind == "Parameter":
            engine.fields.put_parameter(symbol.name, self.by_segment(quantity, region, values))

    def brought(self, key: tuple[int, int], values: np.ndarray) -> None:
        """A script has written one more of the values of a species, which are up to date, and the state has it."""
        engine = self.engine
        engine.version = version = engine.session.run.next_version()
        self._brought[key] = version, id(values)

    def adopt(self, quantity: Any, region: Any, where: np.ndarray, values: np.ndarray) -> None:
        """A script has written some values of a species on a region into an array of its own."""
        engine = self.engine
        positions = engine.places.of_species(quantity, region)
        if positions is None:
            self.note_species(quantity, region)
            return
        engine.seen.keep()
        self.cast_shadows(quantity, region, where)
        engine.y[positions[where]] = values
        engine.jumped = True
        engine.changed(moved=False)

    def by_segment(self, quantity: Any, region: Any, values: np.ndarray) -> np.ndarray:
        """Values of the nodes of a region by segment of the layout."""
        table = quantity.table(region)
        found = np.zeros(self.engine.layout.segments.n)
        found[self.engine.layout.segments_of(table.records)] = values
        return found

    def cast_shadows(self, quantity: Any, region: Any, where: Any = ALL) -> None:
        """Bring a Parameter that is an ion's concentration to where currents read it."""
        positions = self.engine.places.of_shadow(quantity, region)
        if positions is not None:
            self.engine.y[positions[where]] = quantity._values[region.number][where]

    def fetch_all(self, computed: bool = True) -> None:
        """Bring everything up to date, before the structure changes; or all but what mechanisms compute from the rest."""
        engine = self.engine
        engine.session.chemistry.views.adopt()
        engine.circuits.keep()
        engine.ends.keep()
        for alike in like_sections(engine):
            for name in alike.names:
                if name not in {"cm", "diam"} and (computed or not engine.readout.is_computed(name, alike)):
                    self._fetch_together(name, alike)
        for quantity in engine.session.chemistry.quantities:
            for region in quantity.regions:
                if region.number in quantity._values:
                    self.fetch_species(quantity, region)
        for point in (*engine.declared.points, *(electrode.clamp for electrode in engine.electrodes.electrodes)):
            self.fetch_point(point)
        for carrier in engine.carriers.known.values():
            engine.carriers.fetch(carrier)

    def _fetch_together(self, name: str, alike: Together) -> None:
        """Bring a range variable of like sections up to date."""
        engine = self.engine
        if name in COMPUTED or engine.readout.is_followed(name, alike.mechanisms):
            for record in alike.records:
                record.values(name)
            return
        for record in alike.records:
            self._fetched[name, record.id] = engine.version
        if engine.seen.frozen and engine.readout.stage(name) in engine.seen.frozen:
            return
        reader = engine.readout.reader(name)
        values = None if reader is None else reader(alike)
        if values is not None:
            alike.show(name, values)

    def load(self) -> None:
        """Put the values scripts see into the state."""
        engine = self.engine
        known = engine.session.mods.known
        kept = {name: known[name].kept for name in known.keys() & {name for name, _ in engine.declared.inserted}}
        for record in engine.layout.records if any(kept.values()) else ():
            for name in (name for mechanism in record.mechanisms for name in kept.get(mechanism, ())):
                record.store.setdefault(name, np.zeros(record.nseg))
        labels: dict[tuple[str, ...], list[tuple[str, np.ndarray]]] = {}  # most sections are like others
        for record in engine.layout.records:
            kind = (*record.mechanisms, "", *record.store)
            if kind not in labels:
                found = [(name, engine.readout.label(name, record)) for name in record.store if name not in {"cm", "diam"}]
                labels[kind] = [(n, engine.readout.positions(label)) for n, label in found if label in engine.states.blocks]
            for name, everywhere in labels[kind]:
                where = everywhere[engine.layout.index[record.id]]
                if where[0] >= 0:
                    engine.y[where] = record.store[name]
        for quantity in engine.session.chemistry.quantities:
            engine.session.chemistry.settle(quantity)
            for region in quantity.regions:
                positions = engine.places.of_species(quantity, region)
                if positions is not None:
                    engine.y[positions] = quantity._values[region.number]
                    engine.y[engine.places.displayed(quantity, region)] = quantity._values[region.number]
                self.cast_shadows(quantity, region)
        engine.ends.load()
        engine.synapses.load()
        if engine.state.t:
            self._go_on()

    def _go_on(self) -> None:
        """In the middle of a run take what solved blocks have left for BREAKPOINT from what they follow from."""
        engine = self.engine
        for number, local in enumerate(engine.system.groups):
            for label in (label for label, _ in local.assigned if label.startswith(LEFT_BY_BLOCK)):
                group = engine.groups[number]
                values = engine.readout.formula(number, label)(engine.y[group.position], fields_of(group), engine.state.t)[0]
                engine.y[group.position[local.unknowns.index(label)]] = values

    def fetch_point(self, point: PointProcess, name: str = "") -> None:
        """Bring the computed variables of a point process up to date, or one of them."""
        engine = self.engine
        electrode = engine.electrodes.electrode(point)
        if electrode is None:
            engine.synapses.fetch(point, name)
        elif electrode not in engine.stepped and not engine.seen.clamped and STATES not in engine.seen.frozen:
            self._fetch_clamp(electrode, engine.seen.end)  # steppers compute their variables themselves

    def compute_clamps(self) -> None:
        """Compute what clamps show from the present state, at once."""
        self._fetch_clamps(self.engine.state)

    def hold_clamps(self) -> None:
        """Let clamps go on showing what they have shown last."""
        seen = self.engine.seen
        if not seen.clamped and STATES not in seen.frozen:
            self._fetch_clamps(seen.end)

    def _fetch_clamps(self, state: State) -> None:
        for electrode in self.engine.electrodes.electrodes:
            if electrode not in self.engine.stepped:
                self._fetch_clamp(electrode, state)
        self.engine.seen.clamped = self.engine.seen.kept = True

    def _fetch_clamp(self, electrode: Electrode, state: State) -> None:
        """Current and command of a clamp: those of the last step, at its end, whatever has been set since."""
        engine, values = self.engine, electrode.clamp.values
        g, drive = engine.electrodes.seen(electrode)
        v = state.y[engine.states["v"].start + electrode.nodes] + engine.circuits.at(electrode.nodes)
        v = float(electrode.weights @ v)
        values["i"] = drive - g * v
        if "vc" in values:
            values["vc"] = drive / g if g else 0.0

    def note_point(self, point: PointProcess, name: str) -> None:
        """A script has written a variable of a point process."""
        engine = self.engine
        engine.electrodes.forget()
        if isinstance(point, VClamp) and (engine.electrodes.electrode(point) in engine.stepped) != point.is_stepped:
            engine.session.run.clamping += 1  # its amplifier takes time now, or none any more
        if type(point) in CLAMPS:  # nothing else knows them
            return
        if engine.session.mods.turns_otherwise(f"{name}_{point.kind}"):
            engine.session.touch()
            return
        self.engine.synapses.note(point, name)
