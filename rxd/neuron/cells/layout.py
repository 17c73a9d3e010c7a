"""The sections of a session as a `geometry.Morphology` cut into segments.

In: `SectionRecord`s. Out: `Layout`, which knows for every section of the session its segments here, in order from its 0 end.

A section becomes one section of the morphology, with three exceptions. If its segments differ in cm, or (without 3-d points) in
diameter, or if a point process writes an ion in one of them, or if some are in a box of extracellular space and some are not,
each segment becomes a section of its own, joined end to end, which conducts the same. If it is connected with its 1 end, its
segments are counted backwards, since sections of a morphology start where they are joined. And an end with a point process gets
a section of one segment, of a size not worth mentioning: NEURON's node without area, where currents meet and nothing is stored.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry import Location, Morphology, Outline, Segments, Selection, segment
from geometry.records import dataclass
from rxd.neuron.cells.ends import joint, shares, sides

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.session import Session

__all__ = ["Layout", "build_layout", "ends_with_points"]

_TINY = 1e-7  # um


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """A session's sections, cut.

    Attributes
    ----------
    revision : hashable
        What this was made for: another one needs another layout.
    records : tuple of SectionRecord
        Parents first.
    morphology : geometry.Morphology
    segments : geometry.Segments
    sections : dict of int to ndarray
        Sections of the morphology by number of the record, in order from the connected end.
    index : dict of int to ndarray
        Segments by number of the record, in order from the 0 end.
    counts : ndarray of int, shape (n_sections,)
        The rule the segments were cut by.
    ends : dict of (int, int) to int
        Segments that stand for ends with point processes: by number of the record that owns the end, and 0 or 1.
    """

    revision: Any
    records: tuple[SectionRecord, ...]
    morphology: Morphology
    segments: Segments
    sections: dict[int, np.ndarray]
    index: dict[int, np.ndarray]
    counts: np.ndarray
    ends: dict[tuple[int, int], int]

    def selection(self, records: Iterable[SectionRecord]) -> Selection:
        """The sections of some records."""
        found = [self.sections[record.id] for record in records if record.id in self.sections]
        return Selection(self.morphology, np.sort(np.concatenate(found)) if found else np.zeros(0, dtype=np.int64))

    def ordered(self, records: Iterable[SectionRecord]) -> tuple[SectionRecord, ...]:
        """Some records in the order of the trees, which is that of NEURON's nodes."""
        wanted = {record.id for record in records}
        return tuple(record for record in self.records if record.id in wanted)

    def segments_of(self, records: Iterable[SectionRecord]) -> np.ndarray:
        """The segments of some records, each from its 0 end."""
        found = [self.index[record.id] for record in records]
        return np.concatenate(found) if found else np.zeros(0, dtype=np.int64)

    def location(self, record: SectionRecord, x: float) -> Location:
        """A place, as the middle of its segment."""
        return self.segments.location(self.place(record, x))

    def place(self, record: SectionRecord, x: float) -> int:
        """The segment of a place: that which stands for an end if one does."""
        parts = self.parts(record, x)
        return parts[0][0] if len(parts) == 1 else int(self.index[record.id][record.index(x)])

    def parts(self, record: SectionRecord, x: float) -> list[tuple[int, float]]:
        """Segments among which a current at a place divides, with shares that sum to 1."""
        found = self.end(record, x)
        if found is not None:
            return [(found, 1.0)]
        return [(int(self.index[section.id][index]), share) for section, index, share in shares(record, x)]

    def fits(self, record: SectionRecord) -> bool:
        """Whether a section still has the segments that it had."""
        return len(self.index.get(record.id, ())) == record.nseg

    def end(self, record: SectionRecord, x: float) -> int | None:
        """The segment that stands for an end of a section, if one does."""
        if 0 < x < 1 or not self.ends:
            return None
        owner, at = joint(record, 0 if x <= 0 else 1)
        return self.ends.get((owner.id, int(at))) if at in {0.0, 1.0} else None

    def gather(self, name: str, default: float) -> np.ndarray:
        """A range variable over all segments, shape (n,); the default where a section has none."""
        values = np.full(self.segments.n, default)
        for record in self.records:
            found = record.diam if name == "diam" else record.store.get(name)
            if found is not None:
                values[self.index[record.id]] = found
        return values


def ends_with_points(session: Session, in_voxels: frozenset[int]) -> tuple[tuple[int, int], ...]:
    """The ends of sections at which LinearMechanisms sit, and point processes that use no ions: owner's number, and 0 or 1.

    Ends of sections in voxels (their numbers) stay as they are: currents there go to the segments beside them.
    """
    found: dict[tuple[int, int], bool] = {}
    places = [(point.host, point.spot) for point in session.run.points if point._sits_at_ends]
    for one in (found() for found in session.linear):
        places += [] if one is None else one.places
    for host, x in places:
        if host is None or not host.alive or 0 < x < 1:
            continue
        owner, at = joint(host, 0 if x <= 0 else 1)
        if at in {0.0, 1.0} and not in_voxels.intersection(side.id for side in sides(owner, int(at))):
            found[owner.id, int(at)] = True
    return tuple(sorted(found))


def build_layout(session: Session, revision: Any, ends: tuple[tuple[int, int], ...] = ()) -> Layout:
    """Lay out all sections of a session.

    Parameters
    ----------
    session : Session
    revision : hashable
        Kept as `Layout.revision`.
    ends : tuple of (int, int)
        Ends to get a segment: numbers of records, 0 or 1.
    """
    parted = {p.host.id for p in session.run.points if p.host is not None and p.host.alive and p._parts_section}
    layout = _laid_out(session, revision, ends, parted)
    leaving = session.chemistry.boxes.cut(layout)
    return _laid_out(session, revision, ends, parted | leaving) if leaving else layout


def _laid_out(session: Session, revision: Any, ends: tuple[tuple[int, int], ...], parted: set[int]) -> Layout:
    records = [record for root in session.topology.roots() for record in root.by_level()]
    draft = _Draft()
    draft.parted = parted
    if not records:
        draft.stand_in()
    for number, record in enumerate(records):
        draft.add(record, number)
    by_id = {record.id: record for record in records}
    added = {(number, end): draft.add_end(by_id[number], end) for number, end in ends if number in by_id}
    morphology = draft.morphology()
    counts = np.array(draft.counts, dtype=np.int64)
    segments = segment(morphology, lambda section: int(counts[section.index]))
    sections = {record.id: np.array(draft.sections[record.id], dtype=np.int64) for record in records}
    index = {}
    borders = segments.offset.tolist()
    for record in records:
        # sections of one record follow one another
        own = np.arange(borders[draft.sections[record.id][0]], borders[draft.sections[record.id][-1] + 1])
        index[record.id] = own if record.end == 0 else own[::-1]
    at_ends = {key: int(segments.of(Selection(morphology, np.array([place])))[0]) for key, place in added.items()}
    return Layout(revision, tuple(records), morphology, segments, sections, index, counts, at_ends)


class _Draft:
    """Sections of a morphology in the making."""

    def __init__(self) -> None:
        self.points: list[np.ndarray] = []
        self.parent: list[int] = []
        self.parent_x: list[float] = []
        self.names: list[str] = []
        self.counts: list[int] = []
        self.sections: dict[int, list[int]] = {}
        self.shapes: dict[int, np.ndarray] = {}
        self.outlines: list[Outline] = []
        self.taken: set[str] = set()
        self.parted: set[int] = set()

    def add(self, record: SectionRecord, number: int) -> None:
        """Add a section whose parent is here already."""
        points = record.points if record.has_shape else self._straight(record, number)
        points = points.copy()
        points[:, 3] = np.maximum(points[:, 3], 1e-6)
        self.shapes[record.id] = points
        parent, x = self._joint(record)
        split = record.nseg > 1 and (
            record.id in self.parted
            or np.ptp(record.store["cm"]) > 0
            or (not record.has_shape and np.ptp(record.store["diam"]) > 0)
        )
        pieces = self._pieces(record, points) if split else [points]
        outline = None if split else record.placed_outline()
        if outline is not None:
            self.outlines.append(Outline(len(self.points), outline))
        name = self._unique(record.name)
        self.sections[record.id] = []
        for i, piece in enumerate(pieces):
            self.sections[record.id].append(len(self.points))
            self.points.append(piece)
            self.parent.append(parent)
            self.parent_x.append(x)
            self.names.append(name if len(pieces) == 1 else f"{name}:{i}")
            self.counts.append(1 if split else record.nseg)
            parent, x = len(self.points) - 1, 1.0

    def add_end(self, record: SectionRecord, end: int) -> int:
        """Add what stands for an end; its number."""
        parent, x = self._on(record, float(end))
        points = self.points[parent]
        start = points[0, :3] if x == 0 else points[-1, :3]
        self.points.append(np.array([[*start, 1.0], [*(start + np.array([_TINY, 0.0, 0.0])), 1.0]]))
        self.parent.append(parent)
        self.parent_x.append(x)
        self.names.append(self._unique(f"{record.name}({end})"))
        self.counts.append(1)
        return len(self.points) - 1

    def stand_in(self) -> None:
        """A section nobody sees: a model of extracellular space or of artificial cells alone needs one."""
        self.points.append(np.array([[0.0, 0.0, 0.0, 1.0], [1.0, 0.0, 0.0, 1.0]]))
        self.parent.append(-1)
        self.parent_x.append(0.0)
        self.names.append("nothing")
        self.counts.append(1)

    def _unique(self, name: str) -> str:
        unique, number = name, 2
        while unique in self.taken:
            unique, number = f"{name}#{number}", number + 1
        self.taken.add(unique)
        return unique

    def _joint(self, record: SectionRecord) -> tuple[int, float]:
        """Section of the morphology a section is joined to, and where."""
        return (-1, 0.0) if record.parent is None else self._on(record.parent, record.parent_x)

    def _on(self, parent: SectionRecord, parent_x: float) -> tuple[int, float]:
        """Section of the morphology of a place on a section, and where."""
        own = self.sections[parent.id]
        # sections of a morphology are counted from their joined end
        x = parent_x if parent.end == 0 else 1 - parent_x
        if len(own) == 1:
            return own[0], x
        if x in {0.0, 1.0}:
            return own[0 if x == 0 else -1], x
        return own[min(int(x * len(own) * (1 + 4e-16)), len(own) - 1)], 0.5

    def _straight(self, record: SectionRecord, number: int) -> np.ndarray:
        """Two points for a section without 3-d points: it starts where it is joined, along x or away from its parent."""
        diam, length = float(record.store["diam"][0]), record.L
        if record.parent is None:
            return np.array([[0.0, 0.0, 100.0 * number, diam], [length, 0.0, 100.0 * number, diam]])
        points = self.shapes[record.parent.id][:, :3]
        x = record.parent_x if record.parent.end == 0 else 1 - record.parent_x
        start = points[-1 if x == 1 else 0] if x in {0.0, 1.0} else _along(points, x)
        direction = (points[-1] - points[0]) / max(float(np.linalg.norm(points[-1] - points[0])), 1e-9)
        return np.array([[*start.tolist(), diam], [*(start + length * direction).tolist(), diam]])

    def _pieces(self, record: SectionRecord, points: np.ndarray) -> list[np.ndarray]:
        """The points of each segment, from the joined end."""
        arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1))])
        diam = None if record.has_shape else record.store["diam"]
        if diam is not None and record.end == 1:
            diam = diam[::-1]
        borders = arc[-1] * np.arange(record.nseg + 1) / record.nseg
        pieces = []
        for i in range(record.nseg):
            inner = (arc > borders[i]) & (arc < borders[i + 1])
            at = np.concatenate([borders[i : i + 1], arc[inner], borders[i + 1 : i + 2]])
            piece = np.column_stack([np.interp(at, arc, points[:, column]) for column in range(4)])
            if diam is not None:
                piece[:, 3] = max(float(diam[i]), 1e-6)
            pieces.append(piece)
        return pieces

    def morphology(self) -> Morphology:
        return Morphology(
            points=np.concatenate(self.points),
            point_offset=np.concatenate([[0], np.cumsum([len(points) for points in self.points])]),
            parent=np.array(self.parent),
            parent_x=np.array(self.parent_x),
            kinds=("dendrite",) * len(self.points),
            names=tuple(self.names),
            outlines=tuple(self.outlines),
        )


def _along(points: np.ndarray, x: float) -> np.ndarray:
    arc = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    return np.array([np.interp(x * arc[-1], arc, points[:, axis]) for axis in range(3)])
