"""The forest of sections of a session.

In: connections and deletions. Out: the sections in order of creation, the tree, path distances.

**Life of a section.** As in NEURON, a section made with `h.Section()` lives as long as somebody holds a reference to it. The
`Section` a user holds is a handle; its data is a `SectionRecord` in this table, which knows the handle only weakly. When the
last reference to the handle goes, its weak reference calls `_gone`, and the record leaves the table: its children become roots.
Nothing in this package keeps handles of Python sections alive, save objects for which NEURON does the same (segments, section
lists do not).
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rxd.neuron.cells.record import SectionRecord
from rxd.neuron.errors import HocError

if TYPE_CHECKING:
    from rxd.neuron.cells.sections import Section
    from rxd.neuron.session import Session

__all__ = ["Topology", "climb"]


class Topology:
    """The sections of a session and the currently accessed one.

    Attributes
    ----------
    records : dict of int to SectionRecord
        By number, in order of creation.
    stack : list of Section
        Sections pushed with `sec.push()`.
    """

    def __init__(self, session: Session) -> None:
        self._session = weakref.ref(session)
        self.records: dict[int, SectionRecord] = {}
        self.stack: list[Section] = []
        self.accessed: SectionRecord | None = None
        self.origin: tuple[SectionRecord, float] | None = None
        self._created = 0

    def __len__(self) -> int:
        return len(self.records)

    def __iter__(self) -> Iterator[SectionRecord]:
        return iter(list(self.records.values()))

    @property
    def session(self) -> Session:
        """The session."""
        session = self._session()
        assert session is not None
        return session

    def create(self, handle: Section, label: str, cell: Any) -> SectionRecord:
        """A new section, which lives as long as its handle."""
        number = self._created
        self._created += 1
        record = SectionRecord(self.session, number, label or f"__nrnsec_{number:#x}", cell)
        table = weakref.ref(self)

        def gone(_: object) -> None:
            topology = table()
            if topology is not None:
                topology.delete(record)

        record.handle = weakref.ref(handle, gone)
        self.records[number] = record
        self.session.touch(shape=True)
        return record

    def delete(self, record: SectionRecord) -> None:
        """Remove a section; its children become roots."""
        if not record.alive:
            return
        for child in list(record.children):
            self.disconnect(child)
        self.disconnect(record)
        record.alive = False
        self.records.pop(record.id, None)
        self.stack = [section for section in self.stack if section.record is not record]
        if self.accessed is record:
            self.accessed = None
        if self.origin is not None and self.origin[0] is record:
            self.origin = None
        self.session.touch(shape=True)

    def connect(self, child: SectionRecord, parent: SectionRecord, parent_x: float, end: int) -> None:
        """Hang a section on another.

        Raises
        ------
        HocError
            If that would close a loop, or join sections of two sessions.
        """
        child.session.own(parent.session, f"section {parent.name}")
        if parent.root is child.root and child in _ancestors(parent):
            raise HocError(f"{child.name} connection to {parent.name} will form a loop. Disconnect {parent.name} first.")
        self.disconnect(child)
        child.parent, child.parent_x, child.end = parent, parent_x, end
        parent.children.append(child)
        child.changed_shape(sizes=False)

    def disconnect(self, child: SectionRecord) -> None:
        """Make a section the root of its own tree."""
        if child.parent is not None:
            child.parent.children.remove(child)
            child.parent, child.parent_x, child.end = None, 0.0, 0
            child.changed_shape(sizes=False)

    def cas(self) -> SectionRecord:
        """The currently accessed section: the one pushed last, the one of `access`, or the first.

        Raises
        ------
        HocError
            If there is none.
        """
        if self.stack:
            return self.stack[-1].record
        if self.accessed is not None:
            return self.accessed
        for record in self.records.values():
            return record
        raise HocError("Section access unspecified: there is no section. Create one with h.Section(name=...).")

    def roots(self) -> list[SectionRecord]:
        """The roots, in order of creation."""
        return [record for record in self.records.values() if record.parent is None]

    def distance(self, first: tuple[SectionRecord, float], second: tuple[SectionRecord, float]) -> float:
        """Path length in um between two places; 1e20 where no path leads from one to the other, as in NEURON.

        A section that hangs on the inside of a segment hangs on its middle, and places count as the middle of their segment.
        """
        climbed = {record.id: (x, so_far) for record, x, so_far in climb(*first)}
        for record, x, so_far in climb(*second):
            if record.id in climbed:
                other_x, other = climbed[record.id]
                return so_far + other + abs(x - other_x) * record.L
        return 1e20


def _ancestors(record: SectionRecord) -> Iterator[SectionRecord]:
    current: SectionRecord | None = record
    while current is not None:
        yield current
        current = current.parent


def _place(record: SectionRecord, x: float) -> tuple[SectionRecord, float]:
    """A place as the node that stands for it: an end or the middle of a segment."""
    node = record.node(x)
    return record, 0.0 if node < 0 else 1.0 if node >= record.nseg else (node + 0.5) / record.nseg


def climb(record: SectionRecord, x: float) -> Iterator[tuple[SectionRecord, float, float]]:
    """The sections on the way from a place to the root, where the way enters each of them, and its length so far."""
    so_far, place = 0.0, _place(record, x)
    while True:
        here, at = place
        yield here, at, so_far
        if here.parent is None:
            return
        so_far += abs(at - here.end) * here.L
        place = _place(here.parent, here.parent_x)
