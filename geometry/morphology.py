"""The shape of a neuron: a frozen forest of unbranched sections.

In: `SectionSpec` records from a user or a file reader. Out: `Morphology`, points and topology as flat read-only arrays, from
which `geometry.segment` makes segments.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import field
from itertools import pairwise
from typing import Any

import numpy as np

from geometry.errors import GeometryError
from geometry.outline import Outline
from geometry.records import dataclass
from geometry.section import Location, Section, SectionSpec
from geometry.selection import SectionsLike, Selection, section_indices

__all__ = ["Morphology", "cylinder"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class Morphology:
    """A forest of sections; every section is a chain of truncated cones (frusta) through its points.

    Attributes
    ----------
    points : ndarray, shape (n, 4), um
        x, y, z and diameter, grouped by section; point 0 of a section is the end joined to the parent.
    point_offset : ndarray of int, shape (n_sections + 1,)
        Points of section `i` are `points[point_offset[i]:point_offset[i + 1]]`.
    parent : ndarray of int, shape (n_sections,)
        Parent section, or -1; always smaller than the section's own index.
    parent_x : ndarray, shape (n_sections,)
        Place on the parent, 0..1 (0 for a root).
    kinds, names : tuple of str
        Kind and unique name of each section.
    notes : tuple of str
        What a file reader wants known: things it ignored or had to interpret.
    outlines : tuple of Outline
        Of the sections, somas mostly, that were drawn as one.
    arc : ndarray, shape (n,), um
        Arc length from the start of its section to each point.
    length : ndarray, shape (n_sections,), um
        Arc length of each section.
    path_distance : ndarray, shape (n_sections,), um
        Path length along the cables from the origin of the tree to the start of each section. The origin is the middle of
        the root section if that is a soma, and its start otherwise. For a root this is the distance of its start.
    """

    points: FloatArray
    point_offset: IntArray
    parent: IntArray
    parent_x: FloatArray
    kinds: tuple[str, ...]
    names: tuple[str, ...]
    notes: tuple[str, ...] = ()
    outlines: tuple[Outline, ...] = ()
    arc: FloatArray = field(init=False, repr=False)
    length: FloatArray = field(init=False, repr=False)
    path_distance: FloatArray = field(init=False, repr=False)
    _index: dict[str, int] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "points", np.array(self.points, dtype=np.float64))
        put(self, "point_offset", np.array(self.point_offset, dtype=np.int64))
        put(self, "parent", np.array(self.parent, dtype=np.int64))
        put(self, "parent_x", np.array(self.parent_x, dtype=np.float64))
        put(self, "kinds", tuple(self.kinds))
        put(self, "names", tuple(self.names))
        put(self, "notes", tuple(self.notes))
        put(self, "outlines", tuple(self.outlines))
        _check_arrays(self)
        put(self, "_index", {name: i for i, name in enumerate(self.names)})
        _check_names(self)
        _check_points(self)
        put(self, "arc", _arc_lengths(self.points, self.point_offset))
        put(self, "length", self.arc[self.point_offset[1:] - 1])
        if np.any(self.length <= 0):
            name = self.names[int(np.argmin(self.length))]
            raise GeometryError(f"Section {name!r} has no length: all its points coincide. Give it two distinct points.")
        put(self, "path_distance", _path_distances(self))
        for array in (self.points, self.point_offset, self.parent, self.parent_x, self.arc, self.length, self.path_distance):
            array.setflags(write=False)

    @classmethod
    def from_sections(cls, sections: Iterable[SectionSpec], notes: Sequence[str] = ()) -> Morphology:
        """Build a morphology from sections in any order; the order given is kept where parents allow it.

        Parameters
        ----------
        sections : iterable of SectionSpec
            The sections; parents are meant by name.
        notes : sequence of str
            Kept as `Morphology.notes`.

        Raises
        ------
        GeometryError
            No sections, duplicate names, unknown parents, loops, bad points, bad kinds, a place off its parent.
        """
        specs = _parents_first(list(sections))
        index = {spec.name: i for i, spec in enumerate(specs)}
        points = [_spec_points(spec) for spec in specs]
        return cls(
            points=np.concatenate(points),
            point_offset=np.concatenate([[0], np.cumsum([len(p) for p in points])]),
            parent=np.array([-1 if spec.parent is None else index[spec.parent] for spec in specs]),
            parent_x=np.array([0.0 if spec.parent is None else spec.parent_x for spec in specs]),
            kinds=tuple(spec.kind for spec in specs),
            names=tuple(spec.name for spec in specs),
            notes=tuple(notes),
            outlines=tuple(Outline.of(i, spec.outline, spec.name) for i, spec in enumerate(specs) if spec.outline is not None),
        )

    @property
    def n_sections(self) -> int:
        """Number of sections."""
        return len(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[Section]:
        return (Section(self, i) for i in range(self.n_sections))

    def section(self, which: str | int) -> Section:
        """The section with this name or index."""
        return self[which].section

    def __getitem__(self, which: SectionsLike) -> Selection:
        if isinstance(which, str) and which in self._index:
            return Selection(self, np.array([self._index[which]], dtype=np.int64))
        return Selection(self, section_indices(self, which))

    def of_kind(self, *kinds: str) -> Selection:
        """The sections whose kind is one of `kinds`."""
        return Selection(self, np.array([i for i, kind in enumerate(self.kinds) if kind in kinds], dtype=np.int64))

    @property
    def all(self) -> Selection:
        """Every section."""
        return Selection(self, np.arange(self.n_sections))

    @property
    def soma(self) -> Selection:
        """Sections of kind `soma`."""
        return self.of_kind("soma")

    @property
    def axon(self) -> Selection:
        """Sections of kind `axon`."""
        return self.of_kind("axon")

    @property
    def basal(self) -> Selection:
        """Sections of kind `basal`."""
        return self.of_kind("basal")

    @property
    def apical(self) -> Selection:
        """Sections of kind `apical`."""
        return self.of_kind("apical")

    @property
    def dendrites(self) -> Selection:
        """Sections of kind `basal`, `apical` or `dendrite`."""
        return self.of_kind("basal", "apical", "dendrite")

    @property
    def roots(self) -> Selection:
        """The root of each tree."""
        return Selection(self, np.flatnonzero(self.parent < 0))

    def subtree(self, section: SectionsLike) -> Selection:
        """The section (or sections) and everything that grows from it."""
        member = np.zeros(self.n_sections, dtype=bool)
        member[section_indices(self, section)] = True
        for i, parent in enumerate(self.parent):
            if parent >= 0 and member[parent]:
                member[i] = True
        return Selection(self, np.flatnonzero(member))

    def where(self, condition: Callable[[Section], bool]) -> Selection:
        """The sections for which `condition(section)` is true."""
        return self.all.where(condition)

    def within(self, path_distance: float) -> Selection:
        """The sections whose middle lies at most `path_distance` um from the origin of their tree, along the cables."""
        middle = self.path_distance + 0.5 * self.length
        for i in np.flatnonzero(self.parent < 0):
            middle[i] = Location(Section(self, int(i)), 0.5).path_distance
        return Selection(self, np.flatnonzero(middle <= path_distance))

    def origin_x(self, root: int) -> float:
        """Where on a root section path distances start: 0.5 for a soma, 0 otherwise."""
        return 0.5 if self.kinds[root] == "soma" else 0.0

    def bounds(self) -> FloatArray:
        """Box around the cell, its thickness included, shape (2, 3), um: lowest and highest x, y, z.

        Every point counts as a ball of its diameter, so the box contains all frusta, and may be a little larger.
        """
        radius = 0.5 * self.points[:, 3:]
        return np.stack([(self.points[:, :3] - radius).min(axis=0), (self.points[:, :3] + radius).max(axis=0)])

    def summary(self) -> str:
        """A few lines that count: sections, points, length, area and volume, by kind, and the notes of the reader."""
        lines = [repr(self)[1:-1]]
        for kind in dict.fromkeys(self.kinds):
            sections = list(self.of_kind(kind))
            length, area, volume = (sum(getattr(s, what) for s in sections) for what in ("length", "area", "volume"))
            lines.append(f"  {kind:<10}{len(sections):>5} sections {length:>11.1f} um {area:>11.1f} um2 {volume:>11.1f} um3")
        low, high = self.bounds()
        lines.append("  box        " + " x ".join(f"{size:.1f}" for size in high - low) + " um")
        lines += [f"  note: {note}" for note in self.notes]
        return "\n".join(lines)

    def __repr__(self) -> str:
        trees = int(np.sum(self.parent < 0))
        plural = "tree" if trees == 1 else "trees"
        return (
            f"<Morphology: {self.n_sections} sections in {trees} {plural}, {len(self.points)} points, "
            f"{self.length.sum():.1f} um of cable>"
        )


def cylinder(length: float, diam: float, name: str = "cable", kind: str = "dendrite") -> Morphology:
    """One straight cylinder along x, starting at the origin.

    Parameters
    ----------
    length, diam : float, um
        Its size.
    name, kind : str
        Name and kind of the only section.
    """
    return Morphology.from_sections([SectionSpec(name, [(0, 0, 0, diam), (length, 0, 0, diam)], kind)])


def _spec_points(spec: SectionSpec) -> FloatArray:
    points = np.asarray(spec.points, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] != 4 or len(points) < 2:
        raise GeometryError(
            f"Section {spec.name!r}: points have the shape (n, 4) with n >= 2 (x, y, z, diameter in um); got {points.shape}."
        )
    return points


def _parents_first(specs: list[SectionSpec]) -> list[SectionSpec]:
    """The same sections, each after its parent; otherwise in the order given."""
    if not specs:
        raise GeometryError("A morphology needs at least one section.")
    by_name: dict[str, SectionSpec] = {}
    for spec in specs:
        if spec.name in by_name:
            raise GeometryError(f"Two sections are named {spec.name!r}. Number them, such as dend[0], dend[1].")
        by_name[spec.name] = spec
    placed: dict[str, SectionSpec] = {}
    for spec in specs:
        chain: dict[str, SectionSpec] = {}
        at: SectionSpec | None = spec
        while at is not None and at.name not in placed:
            if at.name in chain:
                loop = " -> ".join([*chain, at.name])
                raise GeometryError(f"These sections form a loop of parents: {loop}. Make one of them a root.")
            chain[at.name] = at
            if at.parent is not None and at.parent not in by_name:
                raise GeometryError(f"Section {at.name!r} has the parent {at.parent!r}, which is not among the sections given.")
            at = None if at.parent is None else by_name[at.parent]
        placed.update(reversed(chain.items()))
    return list(placed.values())


def _check_arrays(m: Morphology) -> None:
    n = len(m.names)
    sizes = (len(m.parent), len(m.parent_x), len(m.kinds), len(m.point_offset) - 1)
    if n == 0:
        raise GeometryError("A morphology needs at least one section.")
    if any(size != n for size in sizes):
        raise GeometryError(f"{n} names, but parent, parent_x, kinds and point_offset describe {sizes} sections.")
    if m.points.ndim != 2 or m.points.shape[1] != 4:
        raise GeometryError(f"points have the shape (n, 4): x, y, z, diameter in um; got {m.points.shape}.")
    if m.point_offset[0] != 0 or m.point_offset[-1] != len(m.points):
        raise GeometryError(f"point_offset runs from 0 to the number of points ({len(m.points)}).")
    short = np.flatnonzero(np.diff(m.point_offset) < 2)
    if short.size:
        raise GeometryError(f"Section {m.names[short[0]]!r} has fewer than two points.")
    wrong = np.flatnonzero((m.parent < -1) | (m.parent >= np.arange(n)))
    if wrong.size:
        raise GeometryError(
            f"Section {m.names[wrong[0]]!r}: parent {m.parent[wrong[0]]} is neither -1 nor an earlier section. "
            "Morphology.from_sections sorts sections for you."
        )
    off = np.flatnonzero(~((m.parent_x >= 0) & (m.parent_x <= 1)))
    if off.size:
        raise GeometryError(f"Section {m.names[off[0]]!r} starts at {m.parent_x[off[0]]:g} on its parent; 0..1 is possible.")


def _check_names(m: Morphology) -> None:
    if len(m._index) != len(m.names):
        twice = next(name for i, name in enumerate(m.names) if m._index[name] != i)
        raise GeometryError(f"Two sections are named {twice!r}. Number them, such as dend[0], dend[1].")
    for name, kind in zip(m.names, m.kinds, strict=True):
        if not re.fullmatch(r"soma|axon|basal|apical|dendrite|custom\d+", kind):
            raise GeometryError(
                f"Section {name!r} has the kind {kind!r}; possible are soma, axon, basal, apical, dendrite, custom<number>."
            )


def _check_points(m: Morphology) -> None:
    bad = np.flatnonzero(~np.isfinite(m.points).all(axis=1) | ~(m.points[:, 3] > 0))
    if bad.size:
        section = int(np.searchsorted(m.point_offset, bad[0], side="right")) - 1
        place = f"Section {m.names[section]!r}, point {bad[0] - m.point_offset[section]}"
        shown = ", ".join(f"{value:g}" for value in m.points[bad[0]])
        raise GeometryError(f"{place} ({shown}): coordinates must be finite and the diameter, the last number, above zero.")


def _arc_lengths(points: FloatArray, offset: IntArray) -> FloatArray:
    step = np.zeros(len(points))
    step[1:] = np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1)
    arc = np.empty(len(points))
    for start, stop in pairwise(offset):
        # summed section by section: one running sum over the cell would lose digits to subtraction
        step[start] = 0.0
        np.cumsum(step[start:stop], out=arc[start:stop])
    return arc


def _path_distances(m: Morphology) -> FloatArray:
    distance = np.zeros(m.n_sections)
    for i, parent in enumerate(m.parent):
        if parent < 0:
            distance[i] = m.origin_x(i) * m.length[i]
        elif m.parent[parent] < 0:
            distance[i] = abs(m.parent_x[i] - m.origin_x(int(parent))) * m.length[parent]
        else:
            distance[i] = distance[parent] + m.parent_x[i] * m.length[parent]
    return distance
