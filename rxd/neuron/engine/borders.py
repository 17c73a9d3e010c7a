"""NEURON's rules for a region's part of the cell: what diffuses along the cable, and whose currents it takes up.

In: a region's shape. Out: the same shape with these rules. Currents enter through the part of the membrane the region has: a
Shell apart from the membrane, or a FractionalVolume without surface_fraction, takes up none.

Diffusion follows cross-sections at the borders of segments, over the distance of their middles, instead of the integral of ds
over the cross-section. The two agree for cylinders; where diameters change inside a segment the integral is the better
approximation, but scripts written for NEURON expect NEURON's numbers. (Its cable equation uses the integral, as ours does.)

A section that starts at the 0 end of a root is tied to the middle of the root's first segment through its own first half alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from geometry import Segments, Shape
from geometry.records import dataclass
from geometry.shapes import Halves

__all__ = ["AtBorders", "WithMembrane", "border_areas"]

NEARLY_NOTHING = 1e-7  # of the resistance of a half segment; nothing at all would be an infinite conductance


@dataclass(frozen=True, slots=True)
class WithMembrane(Shape):
    """A shape that takes up the currents through its own part of the membrane."""

    shape: Shape

    @property
    def takes_all_currents(self) -> bool:
        """False: those through its part."""
        return False

    @property
    def is_area(self) -> bool:
        """As the shape."""
        return self.shape.is_area

    @property
    def on_cell_surface(self) -> bool:
        """As the shape."""
        return self.shape.on_cell_surface

    @property
    def voxel_fractions(self) -> Any:
        """As the shape."""
        return self.shape.voxel_fractions

    def volumes(self, segments: Segments, index: np.ndarray) -> np.ndarray:
        """As the shape."""
        return self.shape.volumes(segments, index)

    def membrane_areas(self, segments: Segments, index: np.ndarray) -> np.ndarray:
        """As the shape."""
        return self.shape.membrane_areas(segments, index)

    def half_rho(self, segments: Segments, index: np.ndarray) -> Halves:
        """As the shape."""
        return self.shape.half_rho(segments, index)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.shape, name)


@dataclass(frozen=True, slots=True)
class AtBorders(WithMembrane):
    """A volume shape that conducts through the cross-sections at the borders of segments."""

    def half_rho(self, segments: Segments, index: np.ndarray) -> Halves:
        """Half the length over the cross-section at the border, scaled as the shape scales that of the whole segment."""
        integrals = self.shape.half_rho(segments, index)
        whole = segments.rho_left[index], segments.rho_right[index]
        borders = border_areas(segments)
        half = 0.5 * segments.length[index]
        left, right = (
            half / area[index] * np.divide(integral, all_, out=np.ones_like(all_), where=all_ > 0)
            for area, integral, all_ in zip(borders, integrals, whole, strict=True)
        )
        joined = np.isin(index, _joined_at_start(segments))
        return np.where(joined, NEARLY_NOTHING * left, left), right


def _joined_at_start(segments: Segments) -> np.ndarray:
    """First segments of roots on whose 0 end other sections start."""
    morphology = segments.morphology
    at_zero = morphology.parent[(morphology.parent >= 0) & (morphology.parent_x == 0)]
    roots = np.unique(at_zero[morphology.parent[at_zero] < 0])
    return segments.offset[roots]


def border_areas(segments: Segments) -> tuple[np.ndarray, np.ndarray]:
    """Cross-section at the start and the end of each segment, um2."""
    pieces = segments.pieces
    long = np.flatnonzero(pieces.length > 0)
    segment = pieces.half[long] >> 1
    first = long[np.searchsorted(segment, np.arange(segments.n))]
    last = long[np.searchsorted(segment, np.arange(segments.n), side="right") - 1]
    return np.pi / 4 * pieces.diam_start[first] ** 2, np.pi / 4 * pieces.diam_end[last] ** 2
