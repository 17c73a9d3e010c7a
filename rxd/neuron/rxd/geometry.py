"""Region geometries under NEURON's names.

In: NEURON's arguments. Out: the shapes of `geometry`, which may be called like NEURON's (`rxd.membrane()`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

import geometry as shapes
from geometry import DistributedBoundary, FixedCrossSection, FixedPerimeter, FractionalVolume, ScalableBorder, Shell
from geometry.records import dataclass
from rxd.neuron.errors import RxDException

if TYPE_CHECKING:
    from rxd.neuron.cells.layout import Layout
    from rxd.neuron.session import Session

__all__ = [
    "DistributedBoundary", "FixedCrossSection", "FixedPerimeter", "FractionalVolume", "Measured", "MultipleGeometry", "Plain",
    "RxDGeometry", "ScalableBorder", "Shell", "as_shape", "inside", "membrane", "voxel_shape",
]  # fmt: skip

has_geometry3d = True


class RxDGeometry:
    """What shapes of a script's own derive from: the methods say what there is of the region in a section.

    `volumes1d` gives um3 for each segment (of a membrane: um2), `surface_areas1d` the part of the plasma membrane, um2, and
    `neighbor_areas1d` the areas at the borders of segments, ends included, um2 (of a membrane: perimeters, um).
    """

    __slots__ = ()

    def volumes1d(self, sec: Any) -> Any:
        """To be defined."""
        raise _undefined(self, "volumes1d")

    def surface_areas1d(self, sec: Any) -> Any:
        """To be defined."""
        raise _undefined(self, "surface_areas1d")

    def neighbor_areas1d(self, sec: Any) -> Any:
        """To be defined."""
        raise _undefined(self, "neighbor_areas1d")

    def is_area(self) -> bool:
        """To be defined."""
        raise _undefined(self, "is_area")

    def is_volume(self) -> bool:
        """To be defined."""
        raise _undefined(self, "is_volume")

    def __call__(self) -> RxDGeometry:
        """Itself."""
        return self


def _undefined(geometry: RxDGeometry, method: str) -> RxDException:
    return RxDException(f"{method} unimplemented: {type(geometry).__name__} is a geometry without it.")


class Plain(RxDGeometry):
    """`rxd.inside` and `rxd.membrane`, with or without parentheses."""

    __slots__ = ("shape",)

    def __init__(self, shape: shapes.Shape) -> None:
        self.shape = shape

    def is_area(self) -> bool:
        """Whether it is a membrane."""
        return self.shape.is_area

    def is_volume(self) -> bool:
        """Whether it has a volume."""
        return self.shape.is_volume

    def volumes1d(self, sec: Any) -> np.ndarray:
        """Volumes of the segments of a section, um3; of a membrane, its areas, um2."""
        return Measured(self, sec.record.session).volumes1d(sec)

    def surface_areas1d(self, sec: Any) -> np.ndarray:
        """Areas of cell membrane of the segments of a section, um2."""
        return Measured(self, sec.record.session).surface_areas1d(sec)

    def neighbor_areas1d(self, sec: Any) -> np.ndarray:
        """Cross-sections at the borders of the segments of a section, um2; of a membrane, perimeters, um."""
        points = range(sec.n3d())
        arc, across = np.array([sec.arc3d(i) for i in points]), np.array([sec.diam3d(i) for i in points])
        diam = np.asarray(np.interp(np.linspace(0, sec.L, sec.nseg + 1), arc, across))
        return np.pi * diam if self.shape.is_area else np.pi / 4 * diam**2

    def __repr__(self) -> str:
        return f"rxd.{self.shape!r}"


inside = Plain(shapes.inside)
membrane = Plain(shapes.membrane)


class MultipleGeometry:
    """Geometries by section: `MultipleGeometry(secs=[[a, b], [c]], geos=[g1, g2])`; secs None marks the rest."""

    __slots__ = ("geos", "secs")

    def __init__(self, secs: Sequence[Any] | None = None, geos: Sequence[Any] | Any = None) -> None:
        self.geos = list(geos) if isinstance(geos, (list, tuple)) else [geos]
        self.secs = [None] if secs is None else list(secs)
        if len(self.secs) != len(self.geos):
            raise RxDException(f"MultipleGeometry: {len(self.secs)} lists of sections for {len(self.geos)} geometries.")

    def __repr__(self) -> str:
        return f"MultipleGeometry(secs={self.secs!r}, geos={self.geos!r})"

    def is_area(self) -> bool:
        """Whether it is a membrane."""
        return as_shape(self.geos[0], None).is_area

    def shape(self, layout: Layout | None) -> shapes.Shape:
        """The shape on the sections of a layout."""
        geos = [as_shape(geometry, layout) for geometry in self.geos]
        if layout is None:
            return geos[0]
        places = [None if secs is None else layout.selection(_records(secs)) for secs in self.secs]
        return shapes.MultipleGeometry(places, geos)

    def on_voxels(self, layout: Layout, records: Collection[int]) -> shapes.Shape:
        """The shape, with a meaning in voxels: what sections in voxels have.

        Raises
        ------
        RxDException
            If one has none, or if they are membranes and differ.
        """
        whole = self.shape(layout)
        found: dict[int, Any] = {}
        for number in records:
            named = [secs is not None and any(r.id == number for r in _records(secs)) for secs in self.secs]
            at = named.index(True) if any(named) else self.secs.index(None) if None in self.secs else -1
            if at >= 0:
                found[number] = as_shape(self.geos[at], layout).voxel_fractions
        kinds = set(found.values())
        if not kinds or None in kinds or (len(kinds) > 1 and whole.is_area):
            raise RxDException(
                "MultipleGeometry in 3-D: sections in voxels need geometries that have a meaning in voxels: inside, "
                "FractionalVolume, or one of membrane and DistributedBoundary for all of them."
            )
        if len(kinds) == 1:
            return OnVoxels(whole, kinds.pop())
        factors = np.ones((2, layout.segments.n))
        for record in layout.records:
            if record.id in found:
                factors[:, layout.index[record.id]] = np.array(found[record.id][:2])[:, np.newaxis]
        inner, surface = (tuple(row.tolist()) for row in factors)
        return OnVoxels(whole, (inner, surface, float(np.median([fractions[2] for fractions in found.values()]))))


class Measured:
    """The geometry of a region, as given, with NEURON's methods that measure it in a section."""

    __slots__ = ("_session", "given")

    def __init__(self, given: Any, session: Session) -> None:
        given = inside if given is None else given
        self.given: Any = given.given if isinstance(given, Measured) else given
        self._session = session

    def is_area(self) -> bool:
        """Whether it is a membrane."""
        return as_shape(self.given, None).is_area

    def is_volume(self) -> bool:
        """Whether it has a volume."""
        return not self.is_area()

    def volumes1d(self, section: Any) -> np.ndarray:
        """Volumes of the segments of a section, um3; of a membrane, its areas, um2."""
        return self._sizes(section)[0]

    def surface_areas1d(self, section: Any) -> np.ndarray:
        """Areas of cell membrane of the segments of a section, um2."""
        return self._sizes(section)[1]

    def _sizes(self, section: Any) -> tuple[np.ndarray, np.ndarray]:
        from rxd.neuron.space.nodes import shown_sizes

        chemistry = self._session.chemistry
        chemistry.cutting.place()
        index, segments = chemistry.cutting.layout.index[section.record.id], chemistry.cutting.layout.segments
        shape = as_shape(self.given, chemistry.cutting.layout)
        return shown_sizes(shape, shape.volumes(segments, index), shape.membrane_areas(segments, index))

    def __eq__(self, other: object) -> bool:
        return bool(self.given == (other.given if isinstance(other, Measured) else other))

    def __hash__(self) -> int:
        return hash(self.given)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.given, name)

    def __repr__(self) -> str:
        return repr(self.given)


def _records(secs: Any) -> list[Any]:
    return [section.record for section in (secs if hasattr(secs, "__iter__") and not hasattr(secs, "record") else [secs])]


@dataclass(frozen=True, slots=True)
class OnVoxels(shapes.Shape):
    """A shape with a meaning in voxels: factors of volume, membrane and faces, by segment where they differ."""

    shape: shapes.Shape
    fractions: tuple[Any, Any, float]

    @property
    def voxel_fractions(self) -> Any:
        """The factors."""
        return tuple(np.array(part) if isinstance(part, tuple) else part for part in self.fractions)

    @property
    def is_area(self) -> bool:
        """As the shape."""
        return self.shape.is_area

    @property
    def on_cell_surface(self) -> bool:
        """As the shape."""
        return self.shape.on_cell_surface

    def volumes(self, segments: shapes.Segments, index: np.ndarray) -> np.ndarray:
        """As the shape."""
        return self.shape.volumes(segments, index)

    def membrane_areas(self, segments: shapes.Segments, index: np.ndarray) -> np.ndarray:
        """As the shape."""
        return self.shape.membrane_areas(segments, index)

    def half_rho(self, segments: shapes.Segments, index: np.ndarray) -> Any:
        """As the shape."""
        return self.shape.half_rho(segments, index)


def voxel_shape(thing: Any, layout: Layout, records: Collection[int]) -> shapes.Shape:
    """The shape of a region some of whose sections (their numbers) are in voxels."""
    thing = thing.given if isinstance(thing, Measured) else thing
    if isinstance(thing, MultipleGeometry) and records:
        return thing.on_voxels(layout, records)
    return as_shape(thing, layout)


def as_shape(thing: Any, layout: Layout | None) -> shapes.Shape:
    """The shape behind what a script gave as `geometry=`.

    Raises
    ------
    RxDException
        If it is no geometry.
    """
    if isinstance(thing, Measured):
        thing = thing.given
    if thing is None:
        return shapes.inside
    if isinstance(thing, Plain):
        return thing.shape
    if isinstance(thing, MultipleGeometry):
        return thing.shape(layout)
    if isinstance(thing, shapes.Shape):
        return thing
    if isinstance(thing, RxDGeometry):
        from rxd.neuron.engine.own_shape import OwnShape

        thing.is_area()  # what is missing is said when the region is made
        return OwnShape(thing, layout)
    raise RxDException(f"geometry={thing!r} is no geometry; use rxd.inside, rxd.membrane, rxd.Shell, rxd.FractionalVolume ...")
