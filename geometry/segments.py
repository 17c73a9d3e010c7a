"""Segments: the computational pieces of the sections.

In: a `Morphology` and a rule that says into how many segments each section is cut. Out: `Segments`, flat arrays over segments;
volumes, areas and axial resistances are exact integrals over the frusta.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from geometry.errors import GeometryError
from geometry.morphology import Morphology
from geometry.pieces import Pieces, cut
from geometry.records import dataclass
from geometry.rules import DLambda, MaxLength
from geometry.section import Location, Section
from geometry.selection import SectionsLike, section_indices

__all__ = ["Rule", "Segments", "segment"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
Rule = int | MaxLength | DLambda | Mapping[str, int] | Callable[[Section], int]


@dataclass(frozen=True, slots=True, eq=False)
class Segments:
    """The segments of a morphology, section by section, in path order: a parent always precedes its children.

    Attributes
    ----------
    morphology : Morphology
        The cell.
    offset : ndarray of int, shape (n_sections + 1,)
        Segments of section `i` are `offset[i]:offset[i + 1]`.
    section : ndarray of int, shape (n,)
        Section of each segment.
    x : ndarray, shape (n,)
        Place of its middle on the section, 0..1.
    length : ndarray, shape (n,), um
        Arc length.
    area : ndarray, shape (n,), um2
        Lateral area of the frusta inside it, slope and steps included (NEURON's `area`).
    volume : ndarray, shape (n,), um3
        Volume of the frusta inside it.
    diam : ndarray, shape (n,), um
        Mean diameter along the length (NEURON's `diam`); for a tapering segment `area` is more than `pi diam length`.
    rho_left, rho_right : ndarray, shape (n,), 1/um
        `integral ds / cross-section` from the start to the middle, and from the middle to the end.
    position : ndarray, shape (n, 3), um
        Coordinates of the middle.
    path_distance : ndarray, shape (n,), um
        Path length from the origin of the tree to the middle (see `Morphology.path_distance`).
    pieces : Pieces
        The frustum pieces all of this was summed from.
    """

    morphology: Morphology
    offset: IntArray
    section: IntArray
    x: FloatArray
    length: FloatArray
    area: FloatArray
    volume: FloatArray
    diam: FloatArray
    rho_left: FloatArray
    rho_right: FloatArray
    position: FloatArray
    path_distance: FloatArray
    pieces: Pieces

    def __post_init__(self) -> None:
        for array in (self.offset, self.section, self.x, self.length, self.area, self.volume, self.diam, self.rho_left):
            array.setflags(write=False)
        for array in (self.rho_right, self.position, self.path_distance):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.section)

    @property
    def n(self) -> int:
        """Number of segments."""
        return len(self.section)

    @property
    def counts(self) -> IntArray:
        """Number of segments of each section, shape (n_sections,)."""
        return np.diff(self.offset)

    def index(self, location: Location) -> int:
        """The segment that contains a place; a place on a border belongs to the segment after it, the very end to the last."""
        if location.section.morphology is not self.morphology:
            raise GeometryError(f"{location!r} is a place on another morphology than the one these segments were cut from.")
        return int(self.at(np.array([location.section.index]), np.array([location.x]))[0])

    def at(self, section: IntArray, x: FloatArray) -> IntArray:
        """The segments that contain places ``x`` of sections, as `index` for one, shape (n,)."""
        start, count = self.offset[section], self.offset[section + 1] - self.offset[section]
        # the tiny push keeps 0.3 * 10 = 2.9999999999999996 from landing in the segment before the border
        return start + np.minimum((x * count * (1 + 4e-16)).astype(np.int64), count - 1)

    def of(self, sections: SectionsLike) -> IntArray:
        """Sorted indices of the segments of some sections."""
        chosen = section_indices(self.morphology, sections)
        first, counts = self.offset[chosen], self.counts[chosen]
        before = np.cumsum(counts) - counts
        return np.arange(counts.sum()) + np.repeat(first - before, counts)

    def location(self, index: int) -> Location:
        """The middle of a segment."""
        return Location(Section(self.morphology, int(self.section[index])), float(self.x[index]))

    def __repr__(self) -> str:
        return (
            f"<Segments: {self.n} in {self.morphology.n_sections} sections, lengths {self.length.min():.4g} to "
            f"{self.length.max():.4g} um, area {self.area.sum():.6g} um2, volume {self.volume.sum():.6g} um3>"
        )


def segment(morphology: Morphology, rule: Rule = 1) -> Segments:
    """Cut the sections of a morphology into segments of equal arc length.

    Parameters
    ----------
    morphology : Morphology
        The cell.
    rule : int, MaxLength, DLambda, mapping or callable
        The number of segments of every section; `max_length(um)`; `d_lambda(0.1)`; a mapping from section names to numbers
        (a name without bracket means all of them; exact names win; sections left out get one segment); or
        `f(section) -> int`.

    Returns
    -------
    Segments

    Raises
    ------
    GeometryError
        For a number below one, an unknown section name, or a rule that is none of these.
    """
    counts = _counts(morphology, rule)
    pieces = cut(morphology, counts)
    offset = np.concatenate([[0], np.cumsum(counts)])
    section = np.repeat(np.arange(morphology.n_sections), counts)
    n_here = counts[section]
    x = (np.arange(offset[-1]) - offset[section] + 0.5) / n_here
    length = morphology.length[section] / n_here
    rho = pieces.over_halves(pieces.rhos())
    return Segments(
        morphology=morphology,
        offset=offset,
        section=section,
        x=x,
        length=length,
        area=pieces.over_segments(pieces.lateral_areas()),
        volume=pieces.over_segments(pieces.volumes()),
        diam=pieces.over_segments(pieces.mean_diameters()) / length,
        rho_left=rho[:, 0].copy(),
        rho_right=rho[:, 1].copy(),
        position=_positions(morphology, section, x),
        path_distance=_path_distances(morphology, section, x),
        pieces=pieces,
    )


def _counts(morphology: Morphology, rule: Rule) -> IntArray:
    n = morphology.n_sections
    if isinstance(rule, (MaxLength, DLambda)):
        return rule.counts(morphology)
    if isinstance(rule, (int, np.integer)) and not isinstance(rule, bool):
        counts = np.full(n, rule, dtype=np.int64)
    elif isinstance(rule, Mapping):
        counts = np.ones(n, dtype=np.int64)
        # general names first, exact names after them, whatever the order of the mapping
        for name in sorted(rule, key=lambda name: name in morphology.names):
            counts[section_indices(morphology, name)] = _whole(rule[name], name)
    elif callable(rule):
        counts = np.array([_whole(rule(section), section.name) for section in morphology], dtype=np.int64)
    else:
        raise GeometryError(
            f"The rule for segments is {rule!r}; possible are a number, max_length(um), d_lambda(0.1), "
            "a dict by section name, or a function of a section."
        )
    if counts.min() < 1:
        name = morphology.names[int(np.argmin(counts))]
        raise GeometryError(f"Section {name!r} got {counts.min()} segments; at least 1 is needed.")
    return counts


def _whole(count: object, name: str) -> int:
    if isinstance(count, (int, np.integer)) and not isinstance(count, bool):
        return int(count)
    raise GeometryError(f"Section {name!r} got {count!r} as its number of segments; a whole number is needed.")


def _positions(morphology: Morphology, section: IntArray, x: FloatArray) -> FloatArray:
    """Coordinates at the fraction `x` of each section, by interpolation between its points."""
    of_point = np.repeat(np.arange(morphology.n_sections), np.diff(morphology.point_offset))
    # one increasing coordinate over the whole cell: section number + fraction of its length (kept below 1)
    fraction = np.minimum(morphology.arc / morphology.length[of_point], 1 - 1e-9)
    after = np.searchsorted(of_point + fraction, section + x)
    offset = morphology.point_offset
    after = np.clip(after, offset[section] + 1, offset[section + 1] - 1)
    arc = morphology.arc
    span = arc[after] - arc[after - 1]
    weight = np.divide(x * morphology.length[section] - arc[after - 1], span, out=np.zeros_like(span), where=span > 0)
    p = morphology.points[:, :3]
    return (1 - weight)[:, None] * p[after - 1] + weight[:, None] * p[after]


def _path_distances(morphology: Morphology, section: IntArray, x: FloatArray) -> FloatArray:
    root = morphology.parent < 0
    origin = np.array([morphology.origin_x(i) if root[i] else 0.0 for i in range(morphology.n_sections)])
    from_start = np.where(root, 0.0, morphology.path_distance)
    return from_start[section] + np.abs(x - origin[section]) * morphology.length[section]
