"""Range variables of one segment, read again and again: without bringing those of the whole section up to date.

In: a name, a section and a segment, as a script asks for them step by step. Out: a function that reads the state, or computes a
current from it; None for what is not in the state, or not in one place.
"""

from __future__ import annotations

from collections.abc import Callable
from ctypes import c_double
from typing import TYPE_CHECKING, Any

from rxd.neuron.cells.outside import NAME as EXTRACELLULAR
from rxd.neuron.cells.spots import Computed, OutsideSpot, ParameterSpot, StateSpot
from rxd.neuron.engine.seen import CURRENTS

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.engine.readout import _Current

__all__ = ["SingleValues"]

Reader = Callable[[], float]


class SingleValues:
    """Readers of an engine, made when a variable is asked for in another state than before."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._asked: dict[tuple[str, int, int], int] = {}
        self._readers: dict[tuple[str, int, int], tuple[Reader | None, str]] = {}

    def get(self, name: str, record: SectionRecord, i: int) -> float | None:
        """The value of a variable in a segment; None if somebody else has to find it."""
        key = name, record.id, i
        found = self._readers.get(key)
        if found is None:
            version = self._engine.version
            if self._asked.setdefault(key, version) == version:  # most are asked for once
                return None
            found = self._readers[key] = self._made(name, record, i)
        read, stage = found
        return None if read is None or stage in self._engine.seen.frozen else read()

    def spot(self, name: str, record: SectionRecord, i: int) -> Any:
        """An object whose `value` is a variable of a segment, as long as the state stays where it is."""
        engine, store = self._engine, record.store.get(name)
        index = engine.layout.index.get(record.id)
        if store is None or index is None or len(index) != record.nseg or self._may_follow(name):
            return None
        place = self._place(name, record, int(index[i]))
        if place >= 0:
            state = StateSpot.from_buffer(engine.y.data, 8 * place)
            state.engine, state.store, state.index = engine, store, i
            return state
        if name == f"e_{EXTRACELLULAR}":
            outside = OutsideSpot.from_buffer(store.data, 8 * i)
            outside.engine = engine
            return outside
        if engine.exchange.is_parameter(name, record):
            parameter = ParameterSpot.from_buffer(store.data, 8 * i)
            parameter.engine, parameter.record, parameter.index = engine, record, i
            return parameter
        if self._is_constant(name):
            return c_double.from_buffer(store.data, 8 * i)

        def read() -> float:
            found = self.get(name, record, i)
            if found is None:
                engine.session.run.refresh(name, record)
                found = store.item(i)
            return found

        return Computed(read)

    def _may_follow(self, name: str) -> bool:
        """Whether a variable of a mechanism may be linked to another: the mechanism shows that instead."""
        session = self._engine.session
        if not session.catalogue.taken:  # only variables of mod files follow others
            return False
        owner = session.catalogue.owner(name)
        return owner is not None and name[: -len(owner) - 1] in session.links.of_mechanism(owner)

    def _place(self, name: str, record: SectionRecord, segment: int) -> int:
        """Where in the state a voltage or a state of a mechanism is; -1 for anything else."""
        readout, catalogue = self._engine.readout, self._engine.session.catalogue
        owner = None if name == "v" else catalogue.owner(name)
        label = readout.label(name, record)
        known = name == "v" or (owner in catalogue.density and name[: -len(owner) - 1] in catalogue.density[owner].states)
        return int(readout.positions(label)[segment]) if known else -1

    def _is_constant(self, name: str) -> bool:
        """Whether a variable is a number that scripts set, and nothing else."""
        catalogue = self._engine.session.catalogue
        owner = catalogue.owner(name)
        return owner in catalogue.density and owner != EXTRACELLULAR and self._engine.readout.reader(name) is None

    def _made(self, name: str, record: SectionRecord, i: int) -> tuple[Reader | None, str]:
        engine, catalogue = self._engine, self._engine.session.catalogue
        index, owner = engine.layout.index.get(record.id), catalogue.owner(name)
        if index is None or len(index) != record.nseg or owner is None:
            return None, ""
        segment, ion, short = int(index[i]), catalogue.ion_of(owner), name[: -len(owner) - 1]
        if ion is not None:
            if name != f"i{ion.name}" or engine.readout.has_point_current(ion.name):
                return None, ""
            return self._current(segment, lambda current: current.ion == ion.name, midway=True), CURRENTS
        if short in catalogue.density[owner].states:
            place = int(engine.readout.positions(f"{owner}.{short}")[segment])
            return (None if place < 0 else lambda: float(engine.state.y[place])), ""
        return self._current(segment, lambda current: current.label == f"{owner}.{short}", midway=False), CURRENTS

    def _current(self, segment: int, wanted: Callable[[_Current], bool], midway: bool) -> Reader | None:
        """The sum of some currents of a segment, mA/cm2; of ions in the middle of a step where `h.secondorder` is 2."""
        engine, readout = self._engine, self._engine.readout
        found = [current for current in readout.currents_at(segment) if wanted(current)]
        if not found or readout.flows_in_voxels(segment, wanted):
            return None
        number, column = readout.group(segment), readout.column(segment)
        group, seen = engine.groups[number], engine.seen
        places = [int(place) for place in group.position[:, column]]
        chunk, lane = divmod(column, group.fields.shape[2])
        rows = [(chunk, row, lane) for row in range(group.fields.shape[1])]
        functions = [current.evaluate for current in found]

        def read() -> float:
            state, fields = engine.midway if midway else engine.past, seen.kept_fields(number)
            x, p = [state.y[place] for place in places], [fields[row] for row in rows]  # NumPy's numbers: 1 / 0.0 is inf there
            return float(sum(function.at(x, p, state.t)[0] for function in functions))

        return read
