"""FUNCTIONs and PROCEDUREs of mod files, called by scripts: `h.alpha_kca(-40)`, `seg.kca.rates(-40)`, `syn.peak()`.

In: a mechanism, perhaps where it is, and numbers. Out: what a FUNCTION gives, or 1 and what a PROCEDURE has assigned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import HocError
from rxd.neuron.modnumbers import SessionNumbers
from rxd.neuron.ranges import read_range, write_range
from rxd.nmodl.syntax import Block, UnknownNameError

if TYPE_CHECKING:
    from rxd.neuron.sections import Segment
    from rxd.neuron.session import Session
    from rxd.nmodl import Translation

__all__ = ["Place", "block_of", "call_block", "density_call", "hoc_call"]


def block_of(translation: Translation, name: str) -> Block | None:
    """The FUNCTION or PROCEDURE of a name."""
    file = translation.file
    return next((b for kind in ("function", "procedure") for b in file.all(kind) if b.name == name), None)


def call_block(session: Session, machine: SessionNumbers, block: Block, arguments: tuple[Any, ...]) -> float:
    """What a FUNCTION gives; 1 of a PROCEDURE, as in hoc."""
    machine.tables = bool(session.globals.values.get(f"usetable_{machine.file.name}", 0.0))
    value = machine.inline(block, [float(argument) for argument in arguments], block.line)
    return float(value) if block.kind == "function" else 1.0


class Place:
    """The numbers behind the names of a density mechanism, in a segment or (global ones) nowhere."""

    def __init__(self, session: Session, translation: Translation, segment: Segment | None) -> None:
        self.session, self.translation, self.segment = session, translation, segment
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
        if self.segment is None:
            message = (
                f"{key} of {self.name} is that of a segment: call it as soma(0.5).{self.name}.name(...), "
                f"or h.setdata_{self.name}(soma(0.5)) before."
            )
            raise HocError(message)
        record = self.segment.sec._alive
        linked = self.session.links.behind_range(record, self.segment.x, self.name, key)
        if linked is not None:
            return float(linked.get())
        if key in names.place:
            index = record.index(self.segment.x)
            return float(record.diam[index] if key == "diam" else record.shape.area[index])
        full = key if key == "v" or key in names.ions else f"{key}_{self.name}"
        if record.values(full) is None:  # neither RANGE nor GLOBAL: nobody outside of the file sees it
            return names.parameters.get(key, 0.0)
        return read_range(record, full, self.segment.x)

    def write(self, key: str, value: float) -> None:
        """A number for a variable: a range variable where it is, else a global one."""
        full = f"{key}_{self.name}"
        if self.segment is None:
            self.session.globals[full] = value
            return
        record, x = self.segment.sec._alive, self.segment.x
        linked = self.session.links.behind_range(record, x, self.name, key)
        if linked is not None:
            linked.set(value)
        elif record.values(full) is not None:
            write_range(record, full, x, value)
        else:
            self.hide(key, value)

    def hide(self, key: str, value: float) -> None:
        """A number for a variable that is no range variable: a global one, as far as scripts see it."""
        self.session.globals[f"{key}_{self.name}"] = value


def density_call(session: Session, translation: Translation, block: Block, segment: Segment | None) -> Any:
    """A function of numbers that calls a block of a density mechanism."""

    def call(*arguments: Any) -> float:
        place = Place(session, translation, segment)
        return call_block(session, SessionNumbers(session, translation.file, place.read, place.write), block, arguments)

    call.__name__ = call.__qualname__ = block.name
    return call


def hoc_call(session: Session, name: str) -> Any:
    """The function behind `h.alpha_kca`, or `h.setdata_kca`; None if no mod file has one."""
    for place, letter in enumerate(name):
        mechanism, short = (name[place + 1 :], name[:place]) if letter == "_" else ("", "")
        if mechanism and session.catalogue.knows(mechanism) and mechanism in session.mods.known:
            translation = session.mods.known[mechanism]
            if short == "setdata":
                return lambda *where, sec=None: _set_data(session, mechanism, where, sec)
            block = block_of(translation, short)
            if block is not None:
                return density_call(session, translation, block, session.data.get(mechanism))
    session.catalogue.knows("nothing")
    nameless = session.mods.known.get("nothing")
    block = None if nameless is None else block_of(nameless, name)
    return None if nameless is None or block is None else density_call(session, nameless, block, None)


def _set_data(session: Session, mechanism: str, where: tuple[Any, ...], sec: Any) -> float:
    """Choose the segment whose variables the functions of a mechanism read."""
    segment = where[0] if hasattr(where[0], "sec") else (session.topology.cas().section if sec is None else sec)(where[0])
    if mechanism not in segment.sec._alive.mechanisms:
        raise HocError(f"setdata_{mechanism}: {mechanism} is not inserted in {segment.sec}.")
    session.data[mechanism] = segment
    return 1.0
