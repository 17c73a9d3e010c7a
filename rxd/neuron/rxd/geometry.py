"""Region geometries under NEURON's names.

In: NEURON's arguments. Out: the shapes of `geometry`, which may be called like NEURON's (`rxd.membrane()`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import geometry as shapes
from geometry import DistributedBoundary, FixedCrossSection, FixedPerimeter, FractionalVolume, ScalableBorder, Shell
from rxd.neuron.errors import RxDException

if TYPE_CHECKING:
    from rxd.neuron.layout import Layout

__all__ = [
    "DistributedBoundary", "FixedCrossSection", "FixedPerimeter", "FractionalVolume", "MultipleGeometry", "Plain",
    "RxDGeometry", "ScalableBorder", "Shell", "as_shape", "inside", "membrane",
]  # fmt: skip

RxDGeometry = shapes.Shape


class Plain:
    """`rxd.inside` and `rxd.membrane`, with or without parentheses."""

    __slots__ = ("shape",)

    def __init__(self, shape: shapes.Shape) -> None:
        self.shape = shape

    def __call__(self) -> Plain:
        """Itself."""
        return self

    def is_area(self) -> bool:
        """Whether it is a membrane."""
        return self.shape.is_area

    def is_volume(self) -> bool:
        """Whether it has a volume."""
        return self.shape.is_volume

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


def _records(secs: Any) -> list[Any]:
    return [section.record for section in (secs if hasattr(secs, "__iter__") and not hasattr(secs, "record") else [secs])]


def as_shape(thing: Any, layout: Layout | None) -> shapes.Shape:
    """The shape behind what a script gave as `geometry=`.

    Raises
    ------
    RxDException
        If it is no geometry.
    """
    if thing is None:
        return shapes.inside
    if isinstance(thing, Plain):
        return thing.shape
    if isinstance(thing, MultipleGeometry):
        return thing.shape(layout)
    if isinstance(thing, shapes.Shape):
        return thing
    raise RxDException(f"geometry={thing!r} is no geometry; use rxd.inside, rxd.membrane, rxd.Shell, rxd.FractionalVolume ...")
