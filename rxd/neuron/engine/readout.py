"""NEURON's variables in the state of a compiled model.

In: a name such as `v`, `m_hh`, `ina` or `gk_hh` and a section. Out: numbers per segment, read from the state or computed from
it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import numpy as np
import sympy

from cable.constants import NA_PER_DENSITY
from rxd.neuron.engine.ended import Ended
from rxd.neuron.engine.hh_assigned import ASSIGNED, NEEDED, STARTED
from rxd.neuron.engine.order import FLUX
from rxd.neuron.engine.seen import CURRENTS, STATES
from rxd.neuron.globals import CONSTANTS
from rxd.nmodl.mechanisms import BEGUN

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.engine.together import Together
    from rxd.solve.problem import State

    Sections: TypeAlias = SectionRecord | Together

__all__ = ["Readout"]

RISE: Final = 0.001
"""Voltage, mV, over which NEURON takes slopes of currents."""

Reader = Callable[["Sections"], "np.ndarray | None"]


def reversal(inside: Any, outside: Any, charge: int, celsius: float) -> np.ndarray:
    """Nernst potential in mV of arrays of concentrations; not a number where one is negative."""
    volts = CONSTANTS["R"] * (celsius + 273.15) / (charge * CONSTANTS["FARADAY"])
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(1000.0 * volts * np.log(outside / inside))


class Readout:
    """Finds variables; readers are made at the first use of a name and kept."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.layout = engine.layout
        self._readers: dict[str, Reader | None] = {}
        self._labels_of: dict[str, str] = {}
        self._place: dict[str, np.ndarray] = {}
        self._formulas: dict[tuple[int, str], Any] = {}
        self._ended: dict[tuple[int, str], Ended] = {}
        self._currents: dict[str, list[_Current]] = {}
        self._at_points: frozenset[str] | None = None
        self.group_of, self._column_of = self._groups()

    def _groups(self) -> tuple[np.ndarray, np.ndarray]:
        """Group and column in it of each segment."""
        n = self.layout.segments.n
        group_of, column_of = np.full(n, -1), np.full(n, -1)
        for number, (local, group) in enumerate(zip(self.engine.system.groups, self.engine.groups, strict=True)):
            if local.space == "segments":
                group_of[group.segment] = number
                column_of[group.segment] = np.arange(group.n)
        return group_of, column_of

    def reader(self, name: str) -> Reader | None:
        """A function from sections to values, or None for what the state does not hold (parameters)."""
        if name not in self._readers:
            self._readers[name] = self._make(name)
        return self._readers[name]

    def label(self, name: str, record: Sections) -> str:
        """What a range variable is called in the model, if it is part of its state."""
        if name not in self._labels_of:
            catalogue = self.engine.session.catalogue
            owner = None if name == "v" else catalogue.owner(name)
            ion = owner is not None and catalogue.ion_of(owner) is not None
            if "@" in name:  # what scripts have no name for
                owner = name.rpartition("@")[2]
            self._labels_of[name] = name if owner is None or ion else f"{owner}.{name[: -len(owner) - 1]}"
        writer = self.engine.session.catalogue.writer(name, record.mechanisms)
        return self._labels_of[name] if writer is None else f"{writer}.{name}"

    def is_computed(self, name: str, record: Sections) -> bool:
        """Whether mechanisms compute a variable, which is no state of its own: currents of ions among them, no potentials."""
        catalogue = self.engine.session.catalogue
        owner = None if name == "v" else catalogue.owner(name)
        if owner is None:
            return False
        ion = catalogue.ion_of(owner)
        if ion is not None:
            return name in {f"i{ion.name}", f"di{ion.name}_dv_"}
        return self.reader(name) is not None and self.label(name, record) not in self.engine.states.blocks

    def is_followed(self, name: str, mechanisms: list[str]) -> bool:
        """Whether a variable of an ion may come from concentrations that move, which are found section by section."""
        catalogue = self.engine.session.catalogue
        owner = None if name == "v" else catalogue.owner(name)
        ion = None if owner is None else catalogue.ion_of(owner)
        if ion is None or name not in {f"{ion.name}i", f"{ion.name}o", f"e{ion.name}"}:
            return False
        written = name[0] == "e" and any(catalogue.writer(f"{ion.name}{side}", mechanisms) for side in "io")
        return bool(written or self.engine.session.chemistry.quantities or self.engine.carriers.known)

    def _make(self, name: str) -> Reader | None:
        catalogue = self.engine.session.catalogue
        if name == "v" or "@" in name:
            label = ".".join(reversed(name.split("@")))
            return self._state(label) if label in self.engine.states.blocks else None
        owner = catalogue.owner(name)
        if owner is None:
            return None
        ion = catalogue.ion_of(owner)
        if ion is None:
            return self._of_mechanism(name, owner)
        if name == f"i{ion.name}":
            return lambda record: self.ion_current(ion.name, record, self.engine.midway)
        if name == f"di{ion.name}_dv_":
            return lambda record: self._slope(ion.name, record)
        if name == f"e{ion.name}":
            return lambda record: self._written(name, record, self._reversal(ion.name, ion.charge, record))
        if name in {f"{ion.name}i", f"{ion.name}o"}:
            return lambda record: self._written(name, record, None)
        return None

    def _written(self, name: str, record: Sections, otherwise: np.ndarray | None) -> np.ndarray | None:
        """A variable of an ion as a mechanism writes it, if one does."""
        writer = self.engine.session.catalogue.writer(name, record.mechanisms)
        if writer is None:
            return self._carried(name, record, otherwise)
        found = self._state(f"{writer}.{name}")(record)
        return self.assigned(f"{writer}.{name}", record) if found is None else found

    def _carried(self, name: str, record: Sections, otherwise: np.ndarray | None) -> np.ndarray | None:
        """The same where point processes write it in some segments."""
        carriers = self.engine.carriers
        written = carriers.writing(name, self.layout.index[record.id]) if carriers.known else []
        if not written:
            return otherwise
        values = np.array(record.store[name] if otherwise is None else otherwise)
        for place, carrier in written:
            found = carriers.value(carrier, name)
            values[place] = values[place] if found is None else found
        return values

    def _of_mechanism(self, name: str, owner: str) -> Reader | None:
        info = self.engine.session.catalogue.density[owner]
        short = name[: -len(owner) - 1]
        if short in info.states:
            return self._state(f"{owner}.{short}")
        if f"{owner}.{short}" in self._labels():
            return lambda record: self.current(f"{owner}.{short}", record)
        if any(f"{owner}.{short}" == label for local in self.engine.system.groups for label, _ in local.assigned):
            return lambda record: self.assigned(f"{owner}.{short}", record)
        if f"{owner}.{short}" in self.engine.states.blocks:
            return self._state(f"{owner}.{short}")
        formula = ASSIGNED.get(name)
        return None if formula is None else lambda record: self._assigned(name, record)

    def _labels(self) -> set[str]:
        return {process.label for local in self.engine.system.groups for process in local.processes}

    # ----------------------------------------------------------------------------------------------------------------- state

    def positions(self, label: str) -> np.ndarray:
        """Place in the state of an unknown by segment, -1 where it is not."""
        if label not in self._place:
            where = np.full(self.layout.segments.n, -1)
            block = self.engine.states.blocks.get(label)
            if block is not None:
                segment = block.segment[: block.n_tree]
                where[segment] = block.start + np.arange(block.n_tree)
            self._place[label] = where
        return self._place[label]

    def _state(self, label: str) -> Reader:
        where = self.positions(label)
        index = self.layout.index

        def read(record: Sections) -> np.ndarray | None:
            at = where[index[record.id]]
            return self.engine.y[at] if at[0] >= 0 else None

        return read

    def _assigned(self, name: str, record: Sections) -> np.ndarray | None:
        """What hh assigns: in BREAKPOINT at the start of a step, from its rates at the end."""
        index, state = self.layout.index[record.id], self.engine.past if name in STARTED else self.engine.seen.end
        get = {}
        for needed in NEEDED:
            at = self.positions(needed if needed == "v" else f"hh.{needed.removesuffix('_hh')}")[index]
            get[needed] = state.y[at] if at[0] >= 0 else self._parameter("hh", needed, index)
        return np.asarray(ASSIGNED[name](get, self.engine.seen.numbers), dtype=float)

    def _parameter(self, owner: str, name: str, index: np.ndarray) -> np.ndarray:
        """A parameter of a mechanism in some segments, as it was when currents were computed."""
        values, inserted = np.full(len(index), np.nan), self.engine.declared.inserted
        for number, row, field in self.engine.fields.of_kind("mechanism"):
            here = self.group_of[index] == number
            if here.any() and f"{field.args[1]}_{owner}" == name and inserted[field.args[0]][0] == owner:
                values[here] = self.engine.seen.fields(number)[row, self._column_of[index[here]]]
        return values

    def stage(self, name: str) -> str:
        """When a variable is computed, "currents" or "states"; "" for a parameter, and for what is part of the state."""
        catalogue = self.engine.session.catalogue
        owner = catalogue.owner(name)
        if owner is None:
            return ""
        ion = catalogue.ion_of(owner)
        if ion is not None:
            return CURRENTS if name in {f"i{ion.name}", f"e{ion.name}", f"di{ion.name}_dv_"} else ""
        short = name[: -len(owner) - 1]
        if name in ASSIGNED:
            return CURRENTS if name in STARTED else STATES
        known = self.engine.session.mods.known.get(owner)
        if known is not None and short in known.assigned:
            return str(known.assigned[short][1])
        return CURRENTS if f"{owner}.{short}" in self._labels() else ""

    def assigned(self, label: str, record: Sections) -> np.ndarray | None:
        """A quantity that a mod file assigns: in BREAKPOINT at the start of a step, in the block it solves at its end."""
        index = self.layout.index[record.id]
        values = np.full(len(index), np.nan)
        name, short = label.split(".", 1)
        translation = self.engine.session.mods.known[name]
        ended = translation.assigned[short][1] == STATES
        if ended and self.engine.seen.begun:
            label, ended = f"{label}{BEGUN}" if short in translation.begun else label, False
        state = self.engine.past
        for number, (local, group) in enumerate(zip(self.engine.system.groups, self.engine.groups, strict=True)):
            here = self.group_of[index] == number
            if here.any() and label in dict(local.assigned):
                columns = self._column_of[index[here]]
                if ended:
                    values[here] = self.ended(number, label)(columns, record, here)
                    continue
                held = state.y[group.position[:, columns]]
                if translation.file.electrode:
                    held = self.engine.circuits.seen_by_electrodes(held, number, columns)
                values[here] = self.formula(number, label)(held, self.engine.seen.fields(number)[:, columns], state.t)[0]
        return None if np.isnan(values).all() else values

    def formula(self, number: int, label: str) -> Any:
        """What a mod file assigns, as a function of a group's state and fields; made once."""
        if (number, label) not in self._formulas:
            local = self.engine.system.groups[number]
            return self.expression(number, label, dict(local.assigned)[label])
        return self._formulas[number, label]

    def ended(self, number: int, label: str) -> Ended:
        """What a mod file assigns at the end of a step, for a group; made once."""
        if (number, label) not in self._ended:
            self._ended[number, label] = Ended(self.engine, number, label)
        return self._ended[number, label]

    def expression(self, number: int, label: str, value: Any) -> Any:
        """An expression of a group as a function of its state and fields; made once."""
        if (number, label) not in self._formulas:
            self._formulas[number, label] = self.engine.formulas(self.engine.system.groups[number], [value])
        return self._formulas[number, label]

    def _reversal(self, ion: str, charge: int, sections: Sections) -> np.ndarray | None:
        """Nernst potential where a species gives a concentration; elsewhere it is a parameter."""
        chemistry = self.engine.session.chemistry
        catalogue = self.engine.session.catalogue
        record = cast("SectionRecord", sections)  # many at once only where nothing moves
        moving = f"{ion}_ion" not in record.held and any(
            chemistry.species_at(f"{ion}{side}", record) or catalogue.writer(f"{ion}{side}", record.mechanisms) for side in "io"
        )
        carriers, index = self.engine.carriers, self.layout.index[record.id]
        here = [place for side in "io" for place, _ in carriers.writing(f"{ion}{side}", index)]
        if not charge or not (moving or here):
            return None
        with self.engine.looking_back():
            inside, outside = (chemistry.concentration(f"{ion}{side}", record) for side in "io")
        values = reversal(inside, outside, charge, self.engine.seen.numbers["celsius"])
        if here and not moving:  # elsewhere it is a number
            shown = np.array(record.store[f"e{ion}"])
            shown[here] = values[here]
            return shown
        return values

    # -------------------------------------------------------------------------------------------------------------- currents

    def current(self, label: str, record: Sections) -> np.ndarray | None:
        """A membrane current by its label, mA/cm2."""
        return self._sum([process for process in self._processes() if process.label == label], record, self.engine.past)

    def ion_current(self, ion: str, record: Sections, state: State) -> np.ndarray | None:
        """All currents of an ion in a state, mA/cm2."""
        total = self._sum([process for process in self._processes() if process.ion == ion], record, state)
        return self._with_points(ion, record, total, state)

    def _slope(self, ion: str, record: Sections) -> np.ndarray | None:
        """How an ion's currents grow with the voltage, mA/cm2/mV: NEURON's difference quotient."""
        state = self.engine.midway
        above = replace(state, y=state.y.copy())
        above.y[self.positions("v")[self.layout.index[record.id]]] += RISE
        low, high = self.ion_current(ion, record, state), self.ion_current(ion, record, above)
        return None if low is None or high is None else (high - low) / RISE

    def has_point_current(self, ion: str) -> bool:
        """Whether a point process carries an ion."""
        if self._at_points is None:
            points = [local for local in self.engine.system.groups if local.space == "points"]
            self._at_points = frozenset(process.ion for local in points for process in local.processes if process.ion)
        return ion in self._at_points

    def _with_points(self, ion: str, record: Sections, total: np.ndarray | None, state: State) -> np.ndarray | None:
        """The same with the currents of point processes, per area of their segments."""
        if not self.has_point_current(ion):
            return total
        index = self.layout.index[record.id]
        found = np.zeros(len(index)) if total is None else total
        for number, (local, group) in enumerate(zip(self.engine.system.groups, self.engine.groups, strict=True)):
            for process in local.processes if local.space == "points" else ():
                if process.ion != ion:
                    continue
                values = self.expression(number, process.label, process.expression)(
                    state.y[group.position], self.engine.seen.fields(number), state.t
                )[0]
                density = values / (NA_PER_DENSITY * self.layout.segments.area[group.segment])
                found += np.bincount(group.segment, weights=density, minlength=self.layout.segments.n)[index]
        return found

    def currents_at(self, segment: int) -> list[_Current]:
        """All currents of a segment's group."""
        return [current for current in self._processes() if current.group == self.group_of[segment]]

    def flows_of_reactions(self) -> list[_Current]:
        """The currents that reactions carry (`membrane_flux`)."""
        return [current for current in self._processes() if current.is_flow]

    def flows_in_voxels(self, segment: int, wanted: Callable[[_Current], bool]) -> bool:
        """Whether some of the wanted currents of a segment are those of its voxels."""
        groups = self.engine.groups
        return any(c.in_voxels and wanted(c) and segment in groups[c.group].segment for c in self._processes())

    def group(self, segment: int) -> int:
        """Number of the group of a segment."""
        return int(self.group_of[segment])

    def column(self, segment: int) -> int:
        """Place of a segment in its group."""
        return int(self._column_of[segment])

    def _processes(self) -> list[_Current]:
        if "" not in self._currents:
            self._currents[""] = [
                current
                for number, local in enumerate(self.engine.system.groups)
                if local.space in {"segments", "surface"}
                for current in _currents_of(number, local, self.engine)
            ]
        return self._currents[""]

    def _sum(self, processes: list[_Current], record: Sections, state: State) -> np.ndarray | None:
        index = self.layout.index[record.id]
        total = np.zeros(len(index))
        found = False
        for process in processes:
            if process.in_voxels:  # every voxel with its share of the segment's membrane
                owner = self.engine.groups[process.group].segment
                columns = np.flatnonzero(np.isin(owner, index))
                if len(columns):
                    found = True
                    density = process.density(self.engine, columns, state)
                    total += np.bincount(owner[columns], weights=density, minlength=int(index.max()) + 1)[index]
                continue
            here = self.group_of[index] == process.group
            if here.any():
                found = True
                total[here] += process.density(self.engine, self._column_of[index[here]], state)
        return total if found else None


def _currents_of(number: int, local: Any, engine: Engine) -> Iterator[_Current]:
    """The currents of a group: those of mechanisms, and of each ion that a reaction carries."""
    for process in local.processes:
        if process.unit == FLUX:
            continue
        factor = dict(process.effects).get("v", sympy.Integer(0))
        # dv/dt = -(density) / C: what the density is follows from its effect on v, whatever unit the process has
        per_capacitance = next((f.symbol for f in local.fields if f.kind == "capacitance"), sympy.Integer(1))
        density = -factor / per_capacitance * process.expression
        yield _Current(number, local, engine, process.label, process.ion, density, False)
    for label, ion, density in local.carried:
        yield _Current(number, local, engine, label, ion, density, True)


class _Current:
    """One current of one group, or what an ion carries of it, evaluated on demand."""

    def __init__(
        self, number: int, local: Any, engine: Engine, label: str, ion: str | None, density: sympy.Expr, is_flow: bool
    ) -> None:
        self.group, self.label, self.in_voxels = number, label, local.space == "surface"
        self.ion = ion
        self.is_flow = is_flow  # of a reaction
        self.evaluate = engine.formulas(local, [density])

    def density(self, engine: Engine, columns: np.ndarray, state: State) -> np.ndarray:
        """mA/cm2 at some nodes of the group."""
        group = engine.groups[self.group]
        fields = engine.seen.fields(self.group)[:, columns]
        if self.is_flow:
            state = engine.shown.of_nodes(state)
        return self.evaluate(state.y[group.position[:, columns]], fields, state.t)[0]
