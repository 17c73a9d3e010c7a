"""FUNCTIONs and PROCEDUREs of mod files, called by scripts: `h.alpha_kca(-40)`, `seg.kca.rates(-40)`, `syn.peak()`.

In: a mechanism, perhaps where it is, and numbers. Out: what a FUNCTION gives, or 1 and what a PROCEDURE has assigned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.cells.range_arrays import Elements
from rxd.neuron.cells.ranges import read_range, write_range
from rxd.neuron.errors import HocError
from rxd.neuron.mechanisms.hh_functions import NAMES, hh_call
from rxd.neuron.mechanisms.known import DENSITY
from rxd.neuron.mods.numbers import SessionNumbers
from rxd.neuron.vectors.pointers import ItemPointer, Pointer
from rxd.neuron.vectors.vector import Vector
from rxd.nmodl import FunctionTable
from rxd.nmodl.execute import key_of
from rxd.nmodl.syntax import Assign, Block, Call, Name, UnknownNameError

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.cells.sections import Segment
    from rxd.neuron.session import Session
    from rxd.nmodl import Translation

__all__ = [
    "Place",
    "as_function",
    "block_of",
    "call_block",
    "density_call",
    "global_value",
    "hoc_call",
    "set_by_code",
    "set_table",
    "table_of",
]


def block_of(translation: Translation, name: str) -> Block | None:
    """The FUNCTION or PROCEDURE of a name."""
    file = translation.file
    return next((b for kind in ("function", "procedure") for b in file.all(kind) if b.name == name), None)


def table_of(translation: Translation, name: str) -> Block | None:
    """The FUNCTION_TABLE of a name."""
    return next((block for block in translation.file.all("function_table") if block.name == name), None)


def as_function(table: Block | None) -> Block | None:
    """A FUNCTION that gives what a FUNCTION_TABLE gives."""
    if table is None:
        return None
    call = Call(table.name, tuple(Name(argument) for argument in table.arguments), table.line)
    return Block("function", table.name, table.arguments, (Assign(Name(table.name), call, table.line),), table.line)


def set_table(session: Session, translation: Translation, table: Block, numbers: tuple[Any, ...]) -> float:
    """Give a FUNCTION_TABLE its numbers: `h.table_minf_kca(y, x)` and NEURON's other forms.

    Raises
    ------
    NmodlError
        If there are not enough numbers, or points that do not increase.
    HocError
        If they are given in no way that is known.
    """
    made = _table(f"table_{table.name}", numbers)
    made.check(table.name, len(table.arguments))
    session.mods.set_table(translation.file.name, table.name, made)
    return 1.0


def _table(name: str, given: tuple[Any, ...]) -> FunctionTable:
    first = given[0] if given else None
    if len(given) == 1 and isinstance(first, (int, float)):
        return FunctionTable(np.array(float(first)))
    if len(given) == 2 and all(isinstance(vector, Vector) for vector in given):
        return FunctionTable(np.array(given[0]), (np.array(given[1]),))
    if not isinstance(first, ItemPointer):
        raise HocError(
            f"{name} takes a number, (values, points) as Vectors, or a pointer to values, size, first and last point."
        )
    rest, grids = list(given[1:]), []
    while rest:
        size, start = int(rest.pop(0)), rest.pop(0) if rest else None
        if isinstance(start, ItemPointer):
            grids.append(_behind(name, start, size))
        elif isinstance(start, (int, float)) and rest:
            grids.append(np.linspace(float(start), float(rest.pop(0)), size))
        else:
            raise HocError(f"{name} takes a size and the first and last point, or a pointer to points, for each argument.")
    shape = tuple(len(grid) for grid in grids)
    return FunctionTable(_behind(name, first, int(np.prod(shape))).reshape(shape), tuple(grids))


def _behind(name: str, pointer: ItemPointer, size: int) -> np.ndarray:
    """Numbers from where a pointer points."""
    found = np.array(pointer.target.as_numpy(), dtype=float)[pointer.index : pointer.index + size]
    if len(found) < size:
        raise HocError(f"{name} is to take {size} numbers from {pointer!r}; there are {len(found)}.")
    return found


def call_block(session: Session, machine: SessionNumbers, block: Block, arguments: tuple[Any, ...]) -> float:
    """What a FUNCTION gives; 1 of a PROCEDURE, as in hoc."""
    machine.tables = bool(session.globals.values.get(f"usetable_{machine.file.name}", 0.0))
    value = machine.inline(block, [float(argument) for argument in arguments], block.line)
    return float(value) if block.kind == "function" else 1.0


class Place:
    """The numbers behind the names of a density mechanism, in a section at x or (global ones) nowhere."""

    def __init__(self, session: Session, translation: Translation, record: SectionRecord | None, x: float = 0.5) -> None:
        self.session, self.translation, self.record, self.x = session, translation, record, x
        self.name = translation.file.name

    def read(self, key: str) -> float:
        """The number behind a name."""
        file, names, values = self.translation.file, self.translation.names, self.session.globals
        if key in file.constants:
            return file.constants[key]
        for name in (f"{key}_{self.name}", key):
            if name in values:
                return float(values[name])
        if key.endswith("0") and key[:-1] in names.states:
            return names.states[key[:-1]]
        known = {*names.parameters, *names.assigned, *names.states, *names.ions, *names.place, *file.pointers, "v"}
        if key not in known:
            raise UnknownNameError(key)
        if self.record is None:
            message = (
                f"{key} of {self.name} is that of a segment: call it as soma(0.5).{self.name}.name(...), "
                f"or h.setdata_{self.name}(soma(0.5)) before."
            )
            raise HocError(message)
        record = self.record
        linked = self.session.links.behind_range(record, self.x, self.name, key)
        if linked is not None:
            return float(linked.get())
        if key in names.place:
            index = record.index(self.x)
            return float(record.diam[index] if key == "diam" else record.shape.area[index])
        full = key if key == "v" or key in names.ions else f"{key}_{self.name}"
        if record.values(full) is None:  # neither RANGE nor GLOBAL: nobody outside of the file sees it
            left = record.store.get(self.translation.stored(key))
            return names.parameters.get(key, 0.0) if left is None else left.item(record.index(self.x))
        return read_range(record, full, self.x)

    def links(self) -> dict[str, Pointer]:
        """What linked variables follow here."""
        assert self.record is not None
        links = self.session.links
        found = {name: links.behind_range(self.record, self.x, self.name, name) for name in links.of_mechanism(self.name)}
        return {name: pointer for name, pointer in found.items() if pointer is not None}

    def stored(self) -> dict[str, np.ndarray]:
        """The range variables of the section."""
        assert self.record is not None
        return self.record.store

    def index(self) -> int:
        """Which segment of its section."""
        assert self.record is not None
        return self.record.index(self.x)

    def full_parameters(self) -> list[str]:
        """Parameters by the names they have as range variables."""
        return [f"{key}_{self.name}" for key in self.translation.names.parameters]

    def write(self, key: str, value: float) -> None:
        """A number for a variable: a range variable where it is, else a global one."""
        full = f"{key}_{self.name}"
        if self.record is None:
            self.hide(key, value)
            return
        record, x = self.record, self.x
        linked = self.session.links.behind_range(record, x, self.name, key)
        if linked is not None:
            linked.set(value)
        elif record.values(full) is not None:
            write_range(record, full, x, value)
        elif (left := self.translation.stored(key)) in record.store:
            record.store[left][record.index(x)] = value
            if self.session.run.engine is not None:
                self.session.run.engine.fields.stale.add(left)
        else:
            self.hide(key, value)

    def hide(self, key: str, value: float) -> None:
        """A number for a variable that is no range variable: a global one, as far as scripts see it."""
        set_by_code(self.session, f"{key}_{self.name}", value)


def set_by_code(session: Session, name: str, value: float) -> None:
    """Set a GLOBAL variable, by its full name, in the middle of what needs no other model for it."""
    engine = session.run.engine
    session.globals[name] = value
    if engine is not None and engine.fields.takes(name):
        engine.fields.stale.add(name)
    elif engine is not None and session.mods.turns_otherwise(name):
        session.touch()


def density_call(session: Session, translation: Translation, block: Block, segment: Segment | None) -> Any:
    """A function of numbers that calls a block of a density mechanism."""

    def call(*arguments: Any) -> float:
        where = (None,) if segment is None else (segment.sec._alive, segment.x)
        place = Place(session, translation, *where)
        return call_block(session, SessionNumbers(session, translation.file, place.read, place.write), block, arguments)

    call.__name__ = call.__qualname__ = block.name
    return call


def hoc_call(session: Session, name: str) -> Any:
    """The function behind `h.alpha_kca`, or `h.setdata_kca`; None if no mod file has one."""
    for place, letter in enumerate(name):
        mechanism, short = (name[place + 1 :], name[:place]) if letter == "_" else ("", "")
        if short == "setdata" and mechanism in DENSITY:
            return lambda *where, sec=None, mechanism=mechanism: _set_data(session, mechanism, where, sec)
        if mechanism == "hh" and short in NAMES:
            return hh_call(session, short, session.data.get("hh"))
        if mechanism and session.catalogue.knows(mechanism) and mechanism in session.mods.known:
            translation = session.mods.known[mechanism]
            if short == "setdata":
                return lambda *where, sec=None: _set_data(session, mechanism, where, sec)
            if short.startswith("table_") and (found := table_of(translation, short[6:])) is not None:
                return lambda *numbers, table=found: set_table(session, translation, table, numbers)
            block = block_of(translation, short) or as_function(table_of(translation, short))
            if block is not None:
                return density_call(session, translation, block, session.data.get(mechanism))
    session.catalogue.knows("nothing")
    nameless = session.mods.known.get("nothing")
    block = None if nameless is None else block_of(nameless, name)
    return None if nameless is None or block is None else density_call(session, nameless, block, None)


def global_value(session: Session, name: str) -> Any:
    """A GLOBAL variable that a density mechanism computes (`h.minf_kca`), as it was computed last, or an array; else None."""
    for mechanism, translation in session.mods.known.items():
        short = name.removesuffix(f"_{mechanism}")
        if short == name or short not in translation.file.globals or translation.file.kind != "SUFFIX":
            continue
        size = next((d.size for d in (*translation.file.assigned, *translation.file.parameters) if d.name == short), None)
        if size is not None:
            return _elements(session, translation, short, size)
        return _computed(session, translation, short)
    return None


def _elements(session: Session, translation: Translation, name: str, size: int) -> Elements:
    return Elements(name, size, lambda i: _computed(session, translation, key_of(name, i)))


def _computed(session: Session, translation: Translation, key: str) -> float | None:
    """The number behind a GLOBAL variable: that of the last segment, in which NEURON computes last."""
    mechanism, engine = translation.file.name, session.run.engine
    number = session.globals.values.get(f"{key}_{mechanism}")
    if number is not None or key not in translation.assigned:
        return number
    records = [] if engine is None else [r for r in engine.layout.records if r.alive and mechanism in r.mechanisms]
    values = None if engine is None or not records else engine.readout.assigned(f"{mechanism}.{key}", records[-1])
    return 0.0 if values is None else float(values[-1])


def _set_data(session: Session, mechanism: str, where: tuple[Any, ...], sec: Any) -> float:
    """Choose the segment whose variables the functions of a mechanism read."""
    segment = where[0] if hasattr(where[0], "sec") else (session.topology.cas().section if sec is None else sec)(where[0])
    if mechanism not in segment.sec._alive.mechanisms:
        raise HocError(f"setdata_{mechanism}: {mechanism} is not inserted in {segment.sec}.")
    session.data[mechanism] = segment
    return 1.0
