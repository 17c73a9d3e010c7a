"""SectionList and SectionRef.

In: sections. Out: ordered collections of them, and a view of one with its relatives.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from rxd.neuron.cells.record import SectionRecord
from rxd.neuron.cells.sections import Section
from rxd.neuron.errors import HocError
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.session import current_session

__all__ = ["SectionList", "SectionRef", "chosen_section"]


def chosen_section(sec: Section | None) -> Section:
    """The section given as `sec=`, or the currently accessed one."""
    return current_session().topology.cas().section if sec is None else sec


def _records_of(sections: Iterable[Section]) -> list[SectionRecord]:
    """Their records.

    Raises
    ------
    HocError
        As NEURON, for anything but sections.
    """
    found = list(sections)
    for section in found:
        if not isinstance(section, Section):
            raise HocError(f"iterable must contain only Section objects, not {section!r}.")
    return [section.record for section in found]


class SectionList(HocObject):
    """An ordered list of sections, which does not keep them alive: deleted ones drop out.

    Parameters
    ----------
    sections : iterable of Section, optional
    """

    def __init__(self, sections: Iterable[Section] = ()) -> None:
        self._records: list[SectionRecord] = _records_of(sections)
        self._number: int | None = current_session().number("SectionList")

    @classmethod
    def of(cls, records: Iterable[SectionRecord]) -> SectionList:
        """A list of records."""
        made = cls.__new__(cls)
        made._records, made._number = list(records), None  # what h.allsec() gives is no object of hoc
        return made

    def append(self, *sections: Section, sec: Section | None = None) -> float:
        """Add sections."""
        given = sections or (chosen_section(sec),)
        self._records.extend(_records_of(given))
        return 1.0

    def remove(self, sections: Section | SectionList | None = None, sec: Section | None = None) -> float:
        """Remove a section, or all that are in another list."""
        if isinstance(sections, SectionList):
            gone = {record.id for record in sections._records}
        else:
            gone = {chosen_section(sec if sections is None else sections).record.id}
        before = len(self._records)
        self._records = [record for record in self._records if record.id not in gone]
        return float(len(self._records) < before)

    def contains(self, section: Section | None = None, sec: Section | None = None) -> bool:
        """Whether a section is in it."""
        return any(record is chosen_section(sec if section is None else section).record for record in self._records)

    def wholetree(self, sec: Section | None = None) -> float:
        """Add the tree a section belongs to, level by level."""
        self._records.extend(chosen_section(sec).record.root.by_level())
        return 1.0

    def subtree(self, sec: Section | None = None) -> float:
        """Add a section and what hangs on it, level by level, where `section.subtree()` goes along branches."""
        self._records.extend(chosen_section(sec).record.by_level())
        return 1.0

    def children(self, sec: Section | None = None) -> float:
        """Add the children of a section."""
        self._records.extend(chosen_section(sec).record.ordered_children())
        return 1.0

    def allroots(self) -> float:
        """Add the roots of all trees."""
        self._records.extend(current_session().topology.roots())
        return 1.0

    def unique(self) -> int:
        """Remove repetitions and return how many there were."""
        before = len(self._records)
        self._records = list({record.id: record for record in self._records}.values())
        return before - len(self._records)

    def size(self) -> int:
        """Number of sections."""
        return len(self)

    def printnames(self) -> float:
        """Print the names."""
        for section in self:
            sys.stdout.write(f"{section}\n")
        return 1.0

    def hname(self) -> str:
        """Its name."""
        return repr(self)

    def __iter__(self) -> Iterator[Section]:
        self._records = [record for record in self._records if record.alive]
        return (record.section for record in list(self._records) if record.alive)

    def __len__(self) -> int:
        return sum(record.alive for record in self._records)

    def __contains__(self, section: object) -> bool:
        return isinstance(section, Section) and self.contains(section)

    def __repr__(self) -> str:
        return "<all section iterator next>" if self._number is None else f"SectionList[{self._number}]"


class SectionRef(HocObject):
    """A view of one section with its relatives as attributes."""

    def __init__(self, sec: Section | None = None) -> None:
        self._record = chosen_section(sec).record
        self._number = current_session().number("SectionRef")

    @property
    def sec(self) -> Section:
        """The section."""
        return self._record.section

    @property
    def parent(self) -> Section:
        """The section it is connected to.

        Raises
        ------
        HocError
            If it is a root.
        """
        if self._record.parent is None:
            raise HocError(f"SectionRef has no parent for  {self._record.name}")
        return self._record.parent.section

    @property
    def trueparent(self) -> Section:
        """The section it really grows from."""
        segment = self.sec.trueparentseg()
        if segment is None:
            raise HocError(f"SectionRef has no trueparent for  {self._record.name}")
        return segment.sec

    @property
    def root(self) -> Section:
        """The root of its tree."""
        return self._record.root.section

    @property
    def child(self) -> list[Section]:
        """What is connected to it."""
        return self.sec.children()

    def nchild(self) -> int:
        """How many sections are connected to it."""
        return len(self.sec._alive.children)

    def has_parent(self) -> bool:
        """Whether it is connected to something."""
        return self.sec._alive.parent is not None

    def has_trueparent(self) -> bool:
        """Whether it grows from another section."""
        return self.sec.trueparentseg() is not None

    def is_cas(self, sec: Any = None) -> bool:
        """Whether it is the currently accessed section, or another one given."""
        return (current_session().topology.cas() if sec is None else sec._alive) is self._record

    def exists(self) -> bool:
        """Whether the section is still there."""
        return self._record.alive

    def hname(self) -> str:
        """Its name."""
        return repr(self)

    def same(self, other: object) -> bool:
        """Whether it is the same object."""
        return self is other

    def unname(self) -> float:
        """Take its name from a section of hoc code, before `rename`; one made in Python, or in an array, keeps it (0)."""
        hoc = current_session().hoc
        if hoc.sections.get(self._record.name) is not self.sec:
            return 0.0
        hoc.unname(self.sec)
        return 1.0

    def rename(self, name: str, others: Any = None) -> float:
        """Give an unnamed section a name, or the sections of a List of SectionRefs those of an array; others keep theirs (0).

        Raises
        ------
        HocError
            If the name is that of something else than sections.
        """
        hoc, sections = current_session().hoc, [one.sec for one in ([self] if others is None else others)]
        for section in sections:
            if section not in hoc.unnamed:
                if section not in hoc.every_section():
                    return 0.0
                sys.stdout.write(f"{section} must first be unnamed\n")
                return 0.0
        if name not in hoc.sections and hoc.defines(name):
            raise HocError(f"{self}.rename: {name} is already the name of something else.")
        hoc.name_again(name, sections, others is not None)
        return 1.0

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"'hoc.SectionRef' object has no attribute '{name}'")
