"""The numbers that groups of an engine compute with: constants, parameters of mechanisms, point processes and rxd.

In: an engine whose groups are discretised. Out: their fields filled with what scripts have set, again when scripts set it anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.discretize.records import LANES, Group
from rxd.symbolic.thermal import thermal_number

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.engine.late import Late

__all__ = ["Fields"]

_Spot = tuple[int, int, slice]


class Fields:
    """Fields of the groups of an engine.

    Attributes
    ----------
    stale : set of str
        Range variables that scripts have written since the last `flush`, and "celsius" if that has changed.
    cells : dict of (str, int, int) to SectionRecord
        Those of which one segment alone has been written, by name, number of the section and segment.
    waiting : Late or None
        Recordings that are still to be computed with the fields as they are.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.stale: set[str] = set()
        self.cells: dict[tuple[str, int, int], SectionRecord] = {}
        self._spots: dict[tuple[str, int, int], list[tuple[np.ndarray, _Spot, Any]]] = {}
        self.waiting: Late | None = None
        self._rows: dict[str, list[tuple[int, int]]] = {}

    def fill_constants(self) -> None:
        """Put NEURON's values per segment into the fields of ions that are constants of the model."""
        engine = self.engine
        for number, row, field in self.of_kind("constant"):
            what, ion, default = field.args
            name = f"e{ion}" if what == "e" else f"{ion}{what}"
            self.put(number, row, engine.layout.gather(name, float(default))[engine.groups[number].segment])
        unchanged = {region.name for region in engine.declared.shadows.values()}
        for number, row, field in self.of_kind("current"):
            if field.args[0] in unchanged:
                self.put(number, row, np.zeros(engine.groups[number].n))

    def of_kind(self, kind: str) -> Iterator[tuple[int, int, Any]]:
        """Group, row and record of the fields of a kind."""
        for number, local in enumerate(self.engine.system.groups):
            for row, field in enumerate(local.fields):
                if field.kind == kind:
                    yield number, row, field

    def put(self, number: int, row: int, values: np.ndarray) -> None:
        """Write one field of a group, one number per node; chunks are padded with the last one."""
        self.serve()
        engine = self.engine
        fields = engine.groups[number].fields
        padded = np.full(fields.shape[0] * LANES, values[-1])
        padded[: len(values)] = values
        # the records of a discretization are read-only for everybody; a script that sets a parameter is the exception
        fields.setflags(write=True)
        fields[:, row, :] = padded.reshape(-1, LANES)
        fields.setflags(write=False)
        if hasattr(engine, "stepper"):
            engine.stepper.refresh_fields(number)

    def put_one(self, number: int, row: int, column: int, value: float) -> None:
        """Write one field of a group at one node."""
        self.serve()
        engine = self.engine
        group = engine.groups[number]
        here, there = _spot(group, number, row, column)
        group.fields.setflags(write=True)
        group.fields[here] = value
        group.fields.setflags(write=False)
        if engine.adaptive:
            engine.stepper.refresh_fields(number)
        else:
            engine.stepper.put_field(*there, value)

    def put_theta(self, theta: float) -> None:
        """Let blocks of states be solved for this part of a step."""
        for number, row, _ in self.of_kind("theta"):
            group = self.engine.groups[number]
            if group.fields[0, row, 0] != theta:
                self.put(number, row, np.full(group.n, theta))

    def serve(self) -> None:
        """Compute recordings that wait, before fields change."""
        if self.waiting is not None:
            self.waiting.flush()

    def flush(self) -> None:
        """Bring parameters that scripts have written into the fields."""
        layout, groups = self.engine.layout, self.engine.groups
        if "celsius" in self.stale:
            self._take_temperature()
        catalogue = self.engine.session.catalogue
        for name in self.stale:
            if catalogue.global_of(name):
                self._take_global(name)
                continue
            if name not in self._rows:
                self._rows[name] = self._rows_of(name)
            if self._rows[name]:
                values = layout.gather(name, 0.0)
                for number, row in self._rows[name]:
                    self.put(number, row, values[groups[number].segment])
        self.stale.clear()
        if self.cells:
            self._put_cells()

    def _put_cells(self) -> None:
        """Bring what scripts have written into single segments into the fields: the rest of a large model stays as it is."""
        self.serve()
        put = self.engine.stepper.put_field
        for key, record in self.cells.items():
            spots = self._spots.get(key)
            if spots is None:
                spots = self._spots[key] = list(self._spots_of(*key))
            value = record.store[key[0]].item(key[2])
            for fields, here, there in spots:
                fields.setflags(write=True)
                fields[here] = value
                fields.setflags(write=False)
                put(*there, value)
        self.cells.clear()

    def _spots_of(self, name: str, section: int, index: int) -> Iterator[tuple[np.ndarray, _Spot, Any]]:
        """Fields of groups that hold a range variable of a segment, where there, and where for the stepper."""
        engine = self.engine
        segment = engine.layout.index[section][index]
        if name not in self._rows:
            self._rows[name] = self._rows_of(name)
        for number, row in self._rows[name]:
            group = engine.groups[number]
            for column in np.flatnonzero(group.segment == segment).tolist():
                yield group.fields, *_spot(group, number, row, column)

    def _take_temperature(self) -> None:
        """Bring what follows from `h.celsius` into the fields."""
        degrees = self.engine.session.globals["celsius"]
        self.engine.seen.take_temperature(degrees)
        for number, row, field in self.of_kind("thermal"):
            self.put(number, row, np.full(self.engine.groups[number].n, thermal_number(field.args[0], degrees)))

    def takes(self, name: str) -> bool:
        """Whether a GLOBAL parameter is a number in fields and nothing more: a coefficient of diffusion is."""
        engine = self.engine
        return name not in engine.declared.diffusing_by and not engine.session.mods.turns_otherwise(name)

    def _take_global(self, name: str) -> None:
        """Bring a GLOBAL parameter of a mod file into the fields."""
        value = self.engine.session.globals[name]
        if name not in self._rows:
            self._rows[name] = list(self.of_global(name))
        for number, row in self._rows[name]:
            self.put(number, row, np.full(self.engine.groups[number].n, value))

    def of_global(self, name: str) -> Iterator[tuple[int, int]]:
        """Groups and rows of their fields that hold a GLOBAL parameter of a mod file."""
        declared, known = self.engine.declared, self.engine.session.mods.known
        owners = {owner: name[: -len(owner) - 1] for owner in known if name.endswith(f"_{owner}")}
        for number, row, field in self.of_kind("mechanism"):
            label = declared.inserted[field.args[0]][0]
            owner = label if label in known else label.rsplit("__", 1)[0]  # several of one kind in a segment are numbered
            if owners.get(owner) == field.args[1]:
                yield number, row
        for number, row, field in self.of_kind("point"):
            owner = declared.points[self.engine.system.groups[number].points[0]].kind
            if owners.get(owner) == field.args[0]:
                yield number, row

    def _rows_of(self, name: str) -> list[tuple[int, int]]:
        """Groups and rows of their fields that hold a range variable."""
        engine, owner = self.engine, self.engine.session.catalogue.owner(name)
        if owner is None and "@" in name:  # what scripts have no name for
            owner = name.rpartition("@")[2]
        if owner is None:
            return []
        ion = engine.session.catalogue.ion_of(owner)
        short = name if ion is not None else name[: -len(owner) - 1]
        rows = [
            (number, row)
            for number, row, field in self.of_kind("mechanism")
            if field.args[1] == short and engine.declared.inserted[field.args[0]][0] == owner
        ]
        if ion is None:
            return rows
        what = {f"e{ion.name}": "e", f"{ion.name}i": "i", f"{ion.name}o": "o"}.get(name)
        constants = self.of_kind("constant")
        return rows + [(number, row) for number, row, field in constants if field.args[:2] == (what, ion.name)]

    def put_parameter(self, label: str, by_segment: np.ndarray) -> None:
        """Write a parameter of the model, shape (n_segments,)."""
        for number, row, field in self.of_kind("parameter"):
            if field.args[0] == label:
                self.engine.seen.keep_fields(number)
                self.put(number, row, by_segment[self.engine.groups[number].segment])


def _spot(group: Group, number: int, row: int, column: int) -> tuple[_Spot, tuple[int, slice]]:
    """Where a field of a node stands in the chunks of its group, and in the group's fields, flat, for the stepper."""
    chunk, lane = divmod(column, LANES)
    stop = LANES if column == group.n - 1 else lane + 1  # the last node stands in the rest of its chunk, too
    first = (chunk * group.fields.shape[1] + row) * LANES
    return (chunk, row, slice(lane, stop)), (number, slice(first + lane, first + stop))
