"""Sections of a morphology: how one is given, how one is looked at, and places on it.

In: `SectionSpec`, what a user or a file reader says about one unbranched cable. Out: `Section`, a view of one section of a
frozen `Morphology`, and `Location`, a place on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.errors import GeometryError
from geometry.records import dataclass

if TYPE_CHECKING:
    from geometry.morphology import Morphology

__all__ = ["Location", "Section", "SectionSpec"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True, slots=True)
class SectionSpec:
    """What is said about one section before the morphology is built.

    Attributes
    ----------
    name : str
        Unique name, such as `"dend[3]"`.
    points : array_like, shape (n, 4), um
        x, y, z and diameter; the first point is the end joined to the parent.
    kind : str
        `"soma"`, `"axon"`, `"basal"`, `"apical"`, `"dendrite"` or `"custom<k>"`.
    parent : str or None
        Name of the parent section; None for the root of a tree.
    parent_x : float
        Where on the parent, from 0 (its start) to 1 (its end).
    outline : array_like, shape (n, 3), um, or None
        The outline a soma was drawn as: a closed line whose last point is joined to the first. The points stand for it in one
        dimension; in voxels the soma is the solid of `geometry.outline`, along the straight line between first and last point.
    """

    name: str
    points: FloatArray | Sequence[Sequence[float]]
    kind: str = "dendrite"
    parent: str | None = None
    parent_x: float = 1.0
    outline: FloatArray | Sequence[Sequence[float]] | None = None


@dataclass(frozen=True, slots=True)
class Section:
    """A view of one section; it holds no data of its own.

    Attributes
    ----------
    morphology : Morphology
        The cell it belongs to.
    index : int
        Its place in the arrays of the morphology.
    """

    morphology: Morphology
    index: int

    @property
    def name(self) -> str:
        """Unique name, such as `dend[3]`."""
        return self.morphology.names[self.index]

    @property
    def kind(self) -> str:
        """`soma`, `axon`, `basal`, `apical`, `dendrite` or `custom<k>`."""
        return self.morphology.kinds[self.index]

    @property
    def points(self) -> FloatArray:
        """x, y, z, diameter of its points, shape (n, 4), um; read-only."""
        offset = self.morphology.point_offset
        return self.morphology.points[offset[self.index] : offset[self.index + 1]]

    @property
    def arc(self) -> FloatArray:
        """Arc length from the start to each point, shape (n,), um; read-only."""
        offset = self.morphology.point_offset
        return self.morphology.arc[offset[self.index] : offset[self.index + 1]]

    @property
    def length(self) -> float:
        """Arc length, um."""
        return float(self.morphology.length[self.index])

    @property
    def diam(self) -> float:
        """Mean diameter along the length, um: the integral of the diameter over arc length, divided by the length."""
        arc, d = self.arc, self.points[:, 3]
        return float(np.sum(np.diff(arc) * (d[1:] + d[:-1])) / (2 * arc[-1]))

    @property
    def area(self) -> float:
        """Lateral area of all its frusta, slope and steps included, um2."""
        d = self.points[:, 3]
        slant = np.sqrt(np.diff(self.arc) ** 2 + 0.25 * np.diff(d) ** 2)
        return float(0.5 * np.pi * np.sum((d[1:] + d[:-1]) * slant))

    @property
    def volume(self) -> float:
        """Volume of all its frusta, um3."""
        d = self.points[:, 3]
        return float(np.pi / 12 * np.sum(np.diff(self.arc) * (d[1:] ** 2 + d[1:] * d[:-1] + d[:-1] ** 2)))

    @property
    def path_distance(self) -> float:
        """Path length from the origin of its tree to its start, um (see `Morphology.path_distance`)."""
        return float(self.morphology.path_distance[self.index])

    @property
    def parent(self) -> Section | None:
        """The section it starts from, or None for the root of a tree."""
        parent = int(self.morphology.parent[self.index])
        return None if parent < 0 else Section(self.morphology, parent)

    @property
    def parent_x(self) -> float:
        """Where on the parent it starts, 0..1; 0 for a root."""
        return float(self.morphology.parent_x[self.index])

    @property
    def children(self) -> tuple[Section, ...]:
        """The sections that start from this one."""
        return tuple(Section(self.morphology, int(i)) for i in np.flatnonzero(self.morphology.parent == self.index))

    def __call__(self, x: float) -> Location:
        """The place at the fraction `x` of its length."""
        return Location(self, float(x))

    def __repr__(self) -> str:
        n = len(self.points)
        return f"<Section {self.name} ({self.kind}): {n} points, length {self.length:.4g} um, diam {self.diam:.4g} um>"


@dataclass(frozen=True, slots=True)
class Location:
    """A place on a section: `section`, and `x` from 0 (start) to 1 (end) of its arc length."""

    section: Section
    x: float

    def __post_init__(self) -> None:
        if not 0.0 <= self.x <= 1.0:
            raise GeometryError(f"{self.section.name}({self.x:g}): a place on a section lies between 0 (start) and 1 (end).")

    @property
    def position(self) -> FloatArray:
        """Coordinates of the place, shape (3,), um."""
        arc, points = self.section.arc, self.section.points
        at = self.x * arc[-1]
        return np.array([np.interp(at, arc, points[:, axis]) for axis in range(3)])

    @property
    def path_distance(self) -> float:
        """Path length from the origin of the tree, um."""
        morphology, i = self.section.morphology, self.section.index
        if morphology.parent[i] < 0:
            return abs(self.x - morphology.origin_x(i)) * self.section.length
        return self.section.path_distance + self.x * self.section.length

    def __repr__(self) -> str:
        return f"{self.section.name}({self.x:g})"
