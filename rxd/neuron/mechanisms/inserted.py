"""Mechanisms as scripts see them: `seg.hh`, its variables, and `h.hh` to insert.

In: attribute access. Out: values of range variables, read and written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rxd.neuron.cells.outside import NAME as EXTRACELLULAR
from rxd.neuron.cells.ranges import read_range, write_range
from rxd.neuron.cells.spots import NOWHERE, put_into, read_spot
from rxd.neuron.mechanisms.hh_functions import NAMES, hh_call
from rxd.neuron.mods.calls import block_of, density_call
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import Pointer, RangePointer, as_pointer

if TYPE_CHECKING:
    from rxd.neuron.cells.sections import Segment

__all__ = ["DensityMechanism", "Mechanism", "RangeVar"]


class Mechanism:
    """A mechanism in one segment: `seg.hh`; its variables are attributes."""

    __module__ = "nrn"
    __slots__ = ("_name", "_names", "_segment")
    _name: str
    _names: Mapping[str, str]
    _segment: Segment

    def __init__(self, segment: Segment, name: str, names: Mapping[str, str] | None = None) -> None:
        _put_segment(self, segment)
        _put_name(self, name)
        _put_names(self, NOWHERE if names is None else names)

    def name(self) -> str:
        """Name of the mechanism."""
        return self._name

    def segment(self) -> Segment:
        """The segment."""
        return self._segment

    def is_ion(self) -> bool:
        """Whether it is an ion."""
        return self._segment.sec.record.session.catalogue.ion_of(self._name) is not None

    def _full(self, name: str) -> str:
        session = self._segment.sec.record.session
        variables = session.catalogue.variables(self._name)
        if name not in variables:
            message = f"'nrn.Mechanism' object has no attribute '{name}'; {self._name} has: {', '.join(variables)}"
            why = session.mods.why_lost(self._name, name)
            raise AttributeError(f"{message}.{why}" if why else message)
        return variables[name]

    def _array(self, name: str) -> int | None:
        """Size of an array."""
        info = self._segment.sec.record.session.catalogue.density.get(self._name)
        return None if info is None else info.arrays.get(name)

    def _variables(self) -> Mapping[str, str]:
        return self._segment.sec.record.session.catalogue.variables(self._name)

    def __iter__(self) -> Iterator[RangeVar]:
        info = self._segment.sec.record.session.catalogue.density.get(self._name)
        sizes = {} if info is None else info.arrays
        elements = {f"{array}_{i}": array for array, size in sizes.items() for i in range(size)}
        for short, name in self._variables().items():
            array = elements.get(short)
            if array is None:
                yield RangeVar(self, name, short)
            elif short == f"{array}_0":
                shown = array if self._name == EXTRACELLULAR else f"{array}_{self._name}"
                yield RangeVar(self, shown, array, sizes[array])

    def __dir__(self) -> list[str]:
        return [*self._variables(), "is_ion", "name", "segment"]

    @property
    def __dict__(self) -> dict[str, None]:  # type: ignore[override]
        """What `vars` gives: the variables, without values, as in NEURON."""
        return dict.fromkeys(self._variables())

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        session = self._segment.sec._alive.session
        translation = session.mods.known.get(self._name) if session.catalogue.taken else None
        block = None if translation is None else block_of(translation, name)
        if translation is not None and block is not None:
            return density_call(session, translation, block, self._segment)
        if self._name == "hh" and name in NAMES:
            return hh_call(session, name, self._segment)
        linked = self._behind(name.removeprefix("_ref_"))
        if linked is not None:
            return linked if name.startswith("_ref_") else linked.get()
        if self._array(name.removeprefix("_ref_")) is not None:
            prefix = "_ref_" if name.startswith("_ref_") else ""
            return getattr(self._segment, f"{prefix}{name.removeprefix('_ref_')}_{self._name}")
        if name.startswith("_ref_"):
            return RangePointer(self._segment.sec._alive, self._full(name[5:]), self._segment.x)
        return read_range(self._segment.sec._alive, self._full(name), self._segment.x)

    def _behind(self, name: str) -> Pointer | None:
        """What a variable follows, if it is linked."""
        record = self._segment.sec._alive
        if not record.session.catalogue.taken:  # only variables of mod files follow others
            return None
        links = record.session.links
        if name not in links.of_mechanism(self._name):
            return None
        return links.behind_range(record, self._segment.x, self._name, name)

    def __setattr__(self, name: str, value: Any) -> None:
        record = self._segment.sec._alive
        if name.startswith("_ref_"):
            record.session.links.segment(record, self._segment.x, self._name, name[5:], as_pointer(value, name))
            return
        if put_into(self._segment._spots, self._names.get(name, ""), value):
            return
        linked = self._behind(name)
        if linked is not None:
            linked.set(float(value))
            return
        write_range(self._segment.sec._alive, self._full(name), self._segment.x, value)
        _put_names(self, self._variables())
        self._segment._look_up(self._names[name])

    def __repr__(self) -> str:
        return self._name if self._segment.sec.record.alive else "<mechanism of deleted section>"


# loops make a mechanism wherever they read
_put_segment, _put_name, _put_names = (vars(Mechanism)[slot].__set__ for slot in ("_segment", "_name", "_names"))


def placed(name: str) -> property:
    """A mechanism of segments as an attribute of their class."""

    def get(segment: Any) -> Any:
        names = segment._spots.get(name)
        if type(names) is MappingProxyType:  # not a number: another session may have a variable of this name
            return Mechanism(segment, name, names)
        return read_spot(segment, name)

    return property(get)


def short_spotted(short: str) -> property:
    """A variable of mechanisms, by its name there, as an attribute of their class."""

    def get(mechanism: Any) -> Any:
        try:
            return mechanism._segment._spots[mechanism._names[short]].value
        except (AttributeError, KeyError):
            pass
        found, segment = mechanism.__getattr__(short), mechanism._segment
        _put_names(mechanism, mechanism._variables())
        name = mechanism._names.get(short)
        if name is not None:
            segment._look_up(name)
        return found

    return property(get)


class RangeVar:
    """A variable of a mechanism in one segment: `var[0]` is its value; an array has more elements."""

    __slots__ = ("_mechanism", "_name", "_short", "_size")

    def __init__(self, mechanism: Mechanism, name: str, short: str, size: int | None = None) -> None:
        self._mechanism, self._name, self._short, self._size = mechanism, name, short, size

    def name(self) -> str:
        """Its name as a range variable of a section."""
        return self._name

    def mech(self) -> Mechanism:
        """The mechanism."""
        return self._mechanism

    def __getitem__(self, index: int) -> float:
        place, found = self._place(index), getattr(self._mechanism, self._short)
        return float(found if self._size is None else found[place])

    def __setitem__(self, index: int, value: float) -> None:
        place = self._place(index)
        if self._size is None:
            setattr(self._mechanism, self._short, value)
        else:
            getattr(self._mechanism, self._short)[place] = value

    def __len__(self) -> int:
        return self._size or 1

    def _place(self, index: int) -> int:
        size = len(self)
        if not -size <= index < size:
            raise IndexError(f"{self._name} has {'one element' if size == 1 else f'{size} elements'}")
        return index % size

    def __repr__(self) -> str:
        return f"<{self._name} at {self._mechanism.segment()}>"


ONTOLOGY: Mapping[str, str] = MappingProxyType({"na": "CHEBI:29101", "k": "CHEBI:29103", "ca": "CHEBI:29108"})


class DensityMechanism:
    """A mechanism as a thing of its own: `h.hh`, to insert."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def insert(self, sections: Any) -> Any:
        """Insert it in a section or in several."""
        for section in [sections] if hasattr(sections, "insert") else sections:
            section.insert(self)
        return sections

    def uninsert(self, sections: Any) -> Any:
        """Take it out of a section or of several."""
        for section in [sections] if hasattr(sections, "insert") else sections:
            section.uninsert(self.name)
        return sections

    def _translation(self) -> Any:
        return current_session().mods.known.get(self.name)

    @property
    def file(self) -> str:
        """Path of its mod file; "" for an ion and for what is built in here, which has none."""
        translation = self._translation()
        return "" if translation is None else str(translation.file.path)

    @property
    def code(self) -> str:
        """Text of its mod file; "" for an ion and for what is built in here."""
        return Path(self.file).read_text(encoding="utf-8", errors="replace") if self.file else ""

    @property
    def ions(self) -> dict[str, dict[str, Any]]:
        """By name of an ion which of its variables are read and written, and the charge that the mechanism gives it."""
        session, translation = current_session(), self._translation()
        if translation is not None:
            used = [(ion.name, list(ion.reads), list(ion.writes), ion.charge) for ion in translation.file.ions]
        else:
            info = session.catalogue.density.get(self.name)
            used = [(name, [f"e{name}"], [f"i{name}"], None) for name in (() if info is None else info.ions)]
        keys = ("read", "write", "charge")
        return {name: {**dict(zip(keys, row, strict=True)), "ontology_id": ONTOLOGY.get(name)} for name, *row in used}

    @property
    def ontology_ids(self) -> list[str]:
        """Terms of ontologies that the mod file names: none are read here."""
        return []

    def __repr__(self) -> str:
        return f"neuron.DensityMechanism('{self.name}')"
