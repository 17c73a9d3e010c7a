"""Shapes that scripts define: subclasses of `neuron.rxd.geometry.RxDGeometry`.

In: such a geometry, with NEURON's methods that measure a section, and a layout. Out: a shape of `geometry`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from geometry import Segments, Shape
from geometry.records import dataclass
from geometry.shapes import Halves
from rxd.neuron.engine.borders import border_areas
from rxd.neuron.errors import RxDException

if TYPE_CHECKING:
    from rxd.neuron.cells.layout import Layout

__all__ = ["OwnShape"]


@dataclass(frozen=True, slots=True, eq=False)
class OwnShape(Shape):
    """A geometry of a script on the sections of a layout (None: no more than its kind is wanted).

    `volumes1d(section)` gives the volumes (um3; of a membrane its areas, um2) of the segments, `surface_areas1d(section)` their
    part of the plasma membrane (um2), `neighbor_areas1d(section)` the areas (um2; perimeters, um) at the nseg + 1 borders.
    """

    given: Any
    layout: Layout | None

    @property
    def is_area(self) -> bool:
        """Whether the geometry says that it is a membrane."""
        return bool(self.given.is_area())

    @property
    def on_cell_surface(self) -> bool:
        """Whether it has some of the plasma membrane."""
        return self.layout is not None and bool((self._measured("surface_areas1d", self._everywhere, 0) > 0).any())

    def volumes(self, segments: Segments, index: np.ndarray) -> np.ndarray:
        """Volumes as the geometry measures them; zeros for a membrane."""
        return np.zeros(len(index)) if self.is_area else self._measured("volumes1d", index, 0)

    def membrane_areas(self, segments: Segments, index: np.ndarray) -> np.ndarray:
        """The plasma membrane it has; the area of a membrane."""
        return self._measured("volumes1d" if self.is_area else "surface_areas1d", index, 0)

    def half_rho(self, segments: Segments, index: np.ndarray) -> Halves:
        """What makes the area at each border that which the geometry gives there (`engine.borders.AtBorders`)."""
        whole = segments.rho_left[index], segments.rho_right[index]
        cell = [area[index] for area in border_areas(segments)]
        own = [self._measured("neighbor_areas1d", index, side) for side in (0, 1)]
        with np.errstate(divide="ignore"):
            left, right = (rho * all_ / part for rho, all_, part in zip(whole, cell, own, strict=True))
        return left, right

    @property
    def _everywhere(self) -> np.ndarray:
        assert self.layout is not None
        return np.arange(self.layout.segments.n)

    def _measured(self, method: str, index: np.ndarray, side: int) -> np.ndarray:
        """What a method gives for segments; of borders the one at their start (side 0) or end on the way from the root.

        Raises
        ------
        RxDException
            If it gives another number of values than there are segments, or borders.
        """
        layout, borders = self.layout, method == "neighbor_areas1d"
        assert layout is not None
        values = np.zeros(layout.segments.n)
        for record in layout.records:
            places = layout.index[record.id]
            if not np.isin(places, index).any():
                continue
            found = np.asarray(getattr(self.given, method)(record.section), dtype=float).ravel()
            if len(found) != record.nseg + borders:
                raise RxDException(
                    f"{self.given!r}.{method}({record.name}) gives {len(found)} values; {record.name} has {record.nseg} "
                    f"segments{', and one border more' if borders else ''}."
                )
            last = side if record.end == 0 else 1 - side
            values[places] = found[last : last + record.nseg] if borders else found
        return values[index]
