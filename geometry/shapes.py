"""Region shapes: which part of a segment a region is, with NEURON's meaning of every argument.

In: `Segments` and the indices of the segments concerned. Out: volumes, membrane areas and axial resistances per segment.

A *volume* shape (`is_volume`) holds amounts per volume; its membrane area is the plasma membrane it touches, which is where
channels exchange with it. An *area* shape (`is_area`) holds amounts per area; its membrane area is its own, its volume is zero.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any

import numpy as np

from geometry.errors import GeometryError
from geometry.morphology import Morphology
from geometry.records import dataclass
from geometry.section import Section
from geometry.segments import Segments
from geometry.selection import SectionsLike, Selection, section_indices

__all__ = [
    "DistributedBoundary",
    "FixedCrossSection",
    "FixedPerimeter",
    "FractionalVolume",
    "Inside",
    "Membrane",
    "MultipleGeometry",
    "ScalableBorder",
    "Shape",
    "Shell",
    "inside",
    "membrane",
]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
Halves = tuple[FloatArray, FloatArray]


class Shape(ABC):
    """Part of every segment of a region. `index` is an array of segment indices, shape (n,)."""

    __slots__ = ()

    @property
    @abstractmethod
    def is_area(self) -> bool:
        """Whether amounts are per area (a membrane) instead of per volume."""

    @property
    def is_volume(self) -> bool:
        """Whether amounts are per volume."""
        return not self.is_area

    @property
    def on_cell_surface(self) -> bool:
        """Whether the region touches the plasma membrane (a volume) or is part of it (an area)."""
        return False

    @property
    def takes_all_currents(self) -> bool:
        """Whether an ion's currents through the whole membrane of a segment enter the region; else those through its part."""
        return True

    @property
    def voxel_fractions(self) -> tuple[float | FloatArray, float | FloatArray, float] | None:
        """What the shape means inside a voxel of the cell: factors of its volume, of its plasma membrane, of its faces.

        The first two are arrays over segments where sections differ. For an area shape the first is area per volume. None: no
        such meaning, the shape needs segments.
        """
        return None

    @abstractmethod
    def volumes(self, segments: Segments, index: IntArray) -> FloatArray:
        """Volume in each segment, shape (n,), um3; zeros for an area shape."""

    @abstractmethod
    def membrane_areas(self, segments: Segments, index: IntArray) -> FloatArray:
        """Plasma membrane touched (volume shapes) or own area (area shapes) in each segment, shape (n,), um2."""

    @abstractmethod
    def half_rho(self, segments: Segments, index: IntArray) -> Halves:
        """`integral ds / cross-section` over the half before and the half after the middle, each of shape (n,).

        In 1/um for volume shapes; area shapes conduct through a perimeter, not a cross-section, and have a pure number.
        Infinite where nothing diffuses.
        """


class _Area(Shape):
    """Area shapes have no volume."""

    __slots__ = ()

    @property
    def is_area(self) -> bool:
        """True: amounts are per area."""
        return True

    def volumes(self, segments: Segments, index: IntArray) -> FloatArray:
        """Zeros."""
        return np.zeros(len(index))


class _Volume(Shape):
    """Volume shapes whose cross-section is a fixed fraction of the whole one."""

    __slots__ = ()

    @property
    def is_area(self) -> bool:
        """False: amounts are per volume."""
        return False

    @property
    @abstractmethod
    def factors(self) -> tuple[float, float, float]:
        """Fractions of volume, of plasma membrane and of cross-section."""

    @property
    def on_cell_surface(self) -> bool:
        """Whether some of the plasma membrane is touched."""
        return self.factors[1] > 0

    def volumes(self, segments: Segments, index: IntArray) -> FloatArray:
        """Fraction of the volume inside."""
        return self.factors[0] * segments.volume[index]

    def membrane_areas(self, segments: Segments, index: IntArray) -> FloatArray:
        """Fraction of the plasma membrane."""
        return self.factors[1] * segments.area[index]

    def half_rho(self, segments: Segments, index: IntArray) -> Halves:
        """`rho` of the inside over the fraction of the cross-section."""
        return _divided((segments.rho_left[index], segments.rho_right[index]), self.factors[2])


@dataclass(frozen=True, slots=True)
class Inside(_Volume):
    """All of the cell inside its plasma membrane (`geometry.inside`)."""

    @property
    def factors(self) -> tuple[float, float, float]:
        """Everything."""
        return 1.0, 1.0, 1.0

    @property
    def voxel_fractions(self) -> tuple[float, float, float]:
        """The same as `factors`."""
        return self.factors

    def __repr__(self) -> str:
        return "inside"


@dataclass(frozen=True, slots=True)
class FractionalVolume(_Volume):
    """A fraction of the inside, such as the cytosol or the ER.

    Attributes
    ----------
    volume_fraction : float
        Fraction of the volume of the cell.
    surface_fraction : float
        Fraction of the plasma membrane it touches.
    neighbor_areas_fraction : float or None
        Fraction of the cross-section it diffuses through; None means `volume_fraction`.
    """

    volume_fraction: float = 1
    surface_fraction: float = 0
    neighbor_areas_fraction: float | None = None

    def __post_init__(self) -> None:
        _check_positive(self, "volume_fraction")
        _check_not_negative(self, "surface_fraction")
        if self.neighbor_areas_fraction is not None:
            _check_not_negative(self, "neighbor_areas_fraction")

    @property
    def factors(self) -> tuple[float, float, float]:
        """The three fractions given."""
        neighbor = self.volume_fraction if self.neighbor_areas_fraction is None else self.neighbor_areas_fraction
        return float(self.volume_fraction), float(self.surface_fraction), float(neighbor)

    @property
    def voxel_fractions(self) -> tuple[float, float, float]:
        """The same as `factors`."""
        return self.factors

    def __repr__(self) -> str:
        neighbor = self.volume_fraction if self.neighbor_areas_fraction is None else self.neighbor_areas_fraction
        return (
            f"FractionalVolume(volume_fraction={self.volume_fraction!r}, surface_fraction={self.surface_fraction!r}, "
            f"neighbor_areas_fraction={neighbor!r})"
        )


@dataclass(frozen=True, slots=True)
class Shell(_Volume):
    """The space between two fractions of the radius: `Shell(0.8, 1)` is the outer fifth.

    It touches the plasma membrane if one of its borders is 1; a shell from 1 outwards lies outside the cell.

    Attributes
    ----------
    lo, hi : float
        Inner and outer border as fractions of the radius; given the other way round, they are exchanged.
    """

    lo: float
    hi: float

    def __post_init__(self) -> None:
        if self.lo > self.hi:
            lo, hi = self.hi, self.lo
            object.__setattr__(self, "lo", lo)
            object.__setattr__(self, "hi", hi)
        _check_not_negative(self, "lo")
        if not self.lo < self.hi < np.inf:
            raise GeometryError(f"{self!r} has no thickness; lo and hi are two different fractions of the radius.")
        if self.lo < 1 < self.hi:
            raise GeometryError(f"{self!r} crosses the plasma membrane, which is at 1. Use two shells, one on each side.")

    @property
    def factors(self) -> tuple[float, float, float]:
        """`hi^2 - lo^2` of volume and cross-section; all of the plasma membrane or nothing."""
        fraction = float(self.hi**2 - self.lo**2)
        return fraction, float(self.lo == 1 or self.hi == 1), fraction


@dataclass(frozen=True, slots=True)
class FixedCrossSection(Shape):
    """A volume with the same cross-section everywhere.

    Attributes
    ----------
    cross_area : float, um2
        Cross-section: volume per length, and the area diffused through.
    surface_area : float, um
        Plasma membrane touched, per length.
    """

    cross_area: float
    surface_area: float = 0

    def __post_init__(self) -> None:
        _check_positive(self, "cross_area")
        _check_not_negative(self, "surface_area")

    @property
    def is_area(self) -> bool:
        """False: amounts are per volume."""
        return False

    @property
    def on_cell_surface(self) -> bool:
        """Whether some of the plasma membrane is touched."""
        return self.surface_area > 0

    def volumes(self, segments: Segments, index: IntArray) -> FloatArray:
        """`cross_area length`."""
        return self.cross_area * segments.length[index]

    def membrane_areas(self, segments: Segments, index: IntArray) -> FloatArray:
        """`surface_area length`."""
        return self.surface_area * segments.length[index]

    def half_rho(self, segments: Segments, index: IntArray) -> Halves:
        """`length / (2 cross_area)`."""
        half = 0.5 * segments.length[index] / self.cross_area
        return half, half.copy()

    def __repr__(self) -> str:
        return f"FixedCrossSection({self.cross_area!r}, surface_area={self.surface_area!r})"


@dataclass(frozen=True, slots=True)
class Membrane(_Area):
    """The plasma membrane (`geometry.membrane`)."""

    @property
    def on_cell_surface(self) -> bool:
        """True."""
        return True

    @property
    def voxel_fractions(self) -> tuple[float, float, float]:
        """The plasma membrane in each voxel."""
        return 0.0, 1.0, 0.0

    def membrane_areas(self, segments: Segments, index: IntArray) -> FloatArray:
        """Lateral area of the frusta."""
        return segments.area[index]

    def half_rho(self, segments: Segments, index: IntArray) -> Halves:
        """`integral ds / (pi d)`."""
        return _perimeter_rho(segments, index, np.pi)

    def __repr__(self) -> str:
        return "membrane"


@dataclass(frozen=True, slots=True)
class FixedPerimeter(_Area):
    """A membrane with the same perimeter everywhere.

    Attributes
    ----------
    perimeter : float, um
        Perimeter: area per length, and the width diffused through.
    on_surface : bool
        Given as `on_cell_surface=`: whether it is part of the plasma membrane.
    """

    perimeter: float
    on_surface: bool

    def __init__(self, perimeter: float, on_cell_surface: bool = False) -> None:
        object.__setattr__(self, "perimeter", perimeter)
        object.__setattr__(self, "on_surface", bool(on_cell_surface))
        _check_positive(self, "perimeter")

    @property
    def on_cell_surface(self) -> bool:
        """What was given."""
        return self.on_surface

    def membrane_areas(self, segments: Segments, index: IntArray) -> FloatArray:
        """`perimeter length`."""
        return self.perimeter * segments.length[index]

    def half_rho(self, segments: Segments, index: IntArray) -> Halves:
        """`length / (2 perimeter)`."""
        half = 0.5 * segments.length[index] / self.perimeter
        return half, half.copy()

    def __repr__(self) -> str:
        return f"FixedPerimeter({self.perimeter!r}, on_cell_surface={self.on_surface!r})"


@dataclass(frozen=True, slots=True)
class DistributedBoundary(_Area):
    """A membrane spread through the inside, such as that of the ER.

    Attributes
    ----------
    area_per_vol : float, 1/um
        Area per volume of the cell.
    perim_per_area : float, 1/um
        Perimeter per cross-section of the cell, needed only if something diffuses along the membrane; 0: nothing does.
    """

    area_per_vol: float
    perim_per_area: float = 0

    def __post_init__(self) -> None:
        _check_positive(self, "area_per_vol")
        _check_not_negative(self, "perim_per_area")

    @property
    def voxel_fractions(self) -> tuple[float, float, float]:
        """Area per volume, nothing of the plasma membrane, perimeter per cross-section."""
        return float(self.area_per_vol), 0.0, float(self.perim_per_area)

    def membrane_areas(self, segments: Segments, index: IntArray) -> FloatArray:
        """`area_per_vol volume`."""
        return self.area_per_vol * segments.volume[index]

    def half_rho(self, segments: Segments, index: IntArray) -> Halves:
        """`rho` of the inside over `perim_per_area`."""
        return _divided((segments.rho_left[index], segments.rho_right[index]), float(self.perim_per_area))

    def __repr__(self) -> str:
        perimeter = f", perim_per_area={self.perim_per_area!r}" if self.perim_per_area else ""
        return f"DistributedBoundary({self.area_per_vol!r}{perimeter})"


@dataclass(frozen=True, slots=True)
class ScalableBorder(_Area):
    """A membrane that follows the plasma membrane at another size, such as the border between two shells.

    Attributes
    ----------
    scale : float or None
        Area over (diameter times slant length): pi is the plasma membrane itself.
    diam_scale : float or None
        Factor of every diameter: `ScalableBorder(diam_scale=0.5)` is the border between `Shell(0, 0.5)` and
        `Shell(0.5, 1)`. Give one of the two, or none for the plasma membrane itself.
    on_surface : bool
        Given as `on_cell_surface=`: whether it is part of the plasma membrane.
    """

    scale: float | None
    diam_scale: float | None
    on_surface: bool

    def __init__(self, scale: float | None = None, diam_scale: float | None = None, on_cell_surface: bool = False) -> None:
        if scale is not None and diam_scale is not None:
            raise GeometryError(f"ScalableBorder takes scale or diam_scale, not both; got {scale} and {diam_scale}.")
        object.__setattr__(self, "scale", scale)
        object.__setattr__(self, "diam_scale", diam_scale)
        object.__setattr__(self, "on_surface", bool(on_cell_surface))
        for name in ("scale", "diam_scale"):
            if getattr(self, name) is not None:
                _check_positive(self, name)

    @property
    def on_cell_surface(self) -> bool:
        """What was given."""
        return self.on_surface

    @property
    def _factors(self) -> tuple[float, float]:
        return np.pi if self.scale is None else float(self.scale), 1.0 if self.diam_scale is None else float(self.diam_scale)

    def membrane_areas(self, segments: Segments, index: IntArray) -> FloatArray:
        """`scale` times mean diameter times slant length of each frustum, its diameters scaled first."""
        pieces = segments.pieces
        return pieces.over_segments(pieces.lateral_areas(*self._factors))[index]

    def half_rho(self, segments: Segments, index: IntArray) -> Halves:
        """`integral ds / (scale diam_scale d)`."""
        scale, diam_scale = self._factors
        return _perimeter_rho(segments, index, scale * diam_scale)

    def __repr__(self) -> str:
        size = f"diam_scale={self.diam_scale!r}" if self.scale is None else f"{self.scale!r}"
        return f"ScalableBorder({size}, on_cell_surface={self.on_surface!r})"


@dataclass(frozen=True, slots=True)
class MultipleGeometry(Shape):
    """Different shapes on different sections of one region.

    Attributes
    ----------
    secs : sequence of (Selection, Section, name, list of these, or None)
        Where each shape of `geos` applies; None marks the shape of all sections not named.
    geos : sequence of Shape
        The shapes: all volumes, or all areas.
    """

    secs: tuple[Any, ...]
    geos: tuple[Shape, ...]

    def __init__(self, secs: Sequence[SectionsLike] | None = None, geos: Sequence[Shape] | Shape | None = None) -> None:
        shapes = (geos,) if isinstance(geos, Shape) else tuple(geos or ())
        places = (None,) * len(shapes[:1]) if secs is None else tuple(tuple(s) if isinstance(s, list) else s for s in secs)
        if not shapes or len(places) != len(shapes):
            raise GeometryError(f"MultipleGeometry needs one shape for each of {len(places)} places; got {len(shapes)}.")
        if len({shape.is_area for shape in shapes}) > 1:
            raise GeometryError(f"MultipleGeometry needs shapes that are all volumes or all areas; got {shapes}.")
        object.__setattr__(self, "secs", places)
        object.__setattr__(self, "geos", shapes)

    @property
    def is_area(self) -> bool:
        """What all of its shapes are."""
        return self.geos[0].is_area

    @property
    def on_cell_surface(self) -> bool:
        """Whether one of its shapes is on the surface."""
        return any(shape.on_cell_surface for shape in self.geos)

    def _chosen(self, segments: Segments, index: IntArray) -> IntArray:
        """Which of `geos` applies to each segment; the first entry that names a section wins."""
        morphology = segments.morphology
        of_section = np.full(morphology.n_sections, -1)
        default = next((k for k, place in enumerate(self.secs) if _is_default(place)), -1)
        for k, place in reversed(list(enumerate(self.secs))):
            if not _is_default(place):
                of_section[_members(morphology, place)] = k
        of_section[of_section < 0] = default
        chosen = of_section[segments.section[index]]
        if np.any(chosen < 0):
            missing = morphology.names[segments.section[index[int(np.argmin(chosen))]]]
            raise GeometryError(
                f"MultipleGeometry says nothing about section {missing!r}. Add it to secs, or add None with a default shape."
            )
        return chosen

    def volumes(self, segments: Segments, index: IntArray) -> FloatArray:
        """Of each segment by the shape of its section."""
        return self._spread(segments, index, lambda shape, part: (shape.volumes(segments, part),))[0]

    def membrane_areas(self, segments: Segments, index: IntArray) -> FloatArray:
        """Of each segment by the shape of its section."""
        return self._spread(segments, index, lambda shape, part: (shape.membrane_areas(segments, part),))[0]

    def half_rho(self, segments: Segments, index: IntArray) -> Halves:
        """Of each segment by the shape of its section."""
        left, right = self._spread(segments, index, lambda shape, part: shape.half_rho(segments, part))
        return left, right

    def _spread(self, segments: Segments, index: IntArray, values: Any) -> list[FloatArray]:
        chosen = self._chosen(segments, index)
        out = [np.zeros(len(index)), np.zeros(len(index))]
        for k in np.unique(chosen):
            here = chosen == k
            for target, value in zip(out, values(self.geos[k], index[here]), strict=False):
                target[here] = value
        return out


def _is_default(place: object) -> bool:
    return place is None or (isinstance(place, (tuple, Selection)) and len(place) == 0)


def _members(morphology: Morphology, place: SectionsLike) -> IntArray:
    if isinstance(place, (Selection, Section)) and place.morphology is not morphology:
        raise GeometryError(f"MultipleGeometry: {place!r} belongs to another cell than the region it is used on.")
    return section_indices(morphology, place)


def _divided(halves: Halves, factor: float) -> Halves:
    if factor == 0:
        return np.full_like(halves[0], np.inf), np.full_like(halves[1], np.inf)
    return halves[0] / factor, halves[1] / factor


def _perimeter_rho(segments: Segments, index: IntArray, scale: float) -> Halves:
    pieces = segments.pieces
    halves = pieces.over_halves(pieces.inverse_diameters())[index] / scale
    return halves[:, 0].copy(), halves[:, 1].copy()


def _check_positive(shape: Shape, name: str) -> None:
    value = getattr(shape, name)
    if not (np.isfinite(value) and value > 0):
        raise GeometryError(f"{type(shape).__name__}: {name} must be above zero, got {value!r}.")


def _check_not_negative(shape: Shape, name: str) -> None:
    value = getattr(shape, name)
    if not (np.isfinite(value) and value >= 0):
        raise GeometryError(f"{type(shape).__name__}: {name} must be zero or more, got {value!r}.")


inside = Inside()
membrane = Membrane()
