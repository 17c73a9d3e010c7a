"""Frustum pieces: the truncated cones of a morphology, cut at the borders and the middles of segments.

In: a `Morphology` and the number of segments of each section. Out: `Pieces`, flat arrays over pieces from which every integral
over a half-segment (volume, lateral area, resistance) follows in closed form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from geometry.morphology import Morphology
from geometry.records import dataclass

__all__ = ["Pieces", "cut"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class Pieces:
    """Truncated cones, each inside one half of one segment, in path order.

    Attributes
    ----------
    n_halves : int
        Twice the number of segments.
    half : ndarray of int, shape (n_pieces,)
        `2 segment` for the half towards the parent, `2 segment + 1` for the other.
    length, diam_start, diam_end : ndarray, shape (n_pieces,), um
        Length along the axis and the diameters at both ends. A sudden step of the diameter is a piece of length zero.
    """

    n_halves: int
    half: IntArray
    length: FloatArray
    diam_start: FloatArray
    diam_end: FloatArray

    def __post_init__(self) -> None:
        for array in (self.half, self.length, self.diam_start, self.diam_end):
            array.setflags(write=False)

    def over_halves(self, values: FloatArray) -> FloatArray:
        """Sums of `values (n_pieces,)` over each half-segment, shape (n_segments, 2)."""
        sums: FloatArray = np.bincount(self.half, weights=values, minlength=self.n_halves).astype(np.float64, copy=False)
        return sums.reshape(-1, 2)

    def over_segments(self, values: FloatArray) -> FloatArray:
        """Sums of `values (n_pieces,)` over each segment, shape (n_segments,)."""
        sums = np.bincount(self.half >> 1, weights=values, minlength=self.n_halves // 2)
        return sums.astype(np.float64, copy=False)

    def volumes(self) -> FloatArray:
        """Volume of each piece: `pi h (d0^2 + d0 d1 + d1^2) / 12`, um3."""
        d0, d1 = self.diam_start, self.diam_end
        return np.pi / 12 * self.length * (d0 * d0 + d0 * d1 + d1 * d1)

    def lateral_areas(self, scale: float = np.pi, diam_scale: float = 1.0) -> FloatArray:
        """Lateral area of each piece: `scale (d0 + d1) / 2 * sqrt(h^2 + (d0 - d1)^2 / 4)`, um2.

        The slope counts, and a step of the diameter counts as a ring, as in NEURON. Diameters are scaled before use.
        """
        d0, d1 = diam_scale * self.diam_start, diam_scale * self.diam_end
        return 0.5 * scale * (d0 + d1) * np.hypot(self.length, 0.5 * (d0 - d1))

    def mean_diameters(self) -> FloatArray:
        """Integral of the diameter along each piece, um2."""
        return 0.5 * self.length * (self.diam_start + self.diam_end)

    def rhos(self) -> FloatArray:
        """`integral ds / (pi d^2 / 4)` of each piece: `4 h / (pi d0 d1)`, 1/um."""
        return 4 / np.pi * self.length / (self.diam_start * self.diam_end)

    def inverse_diameters(self) -> FloatArray:
        """`integral ds / d` of each piece: `h ln(d1 / d0) / (d1 - d0)`, dimensionless."""
        d0, d1 = self.diam_start, self.diam_end
        # ln(d1/d0)/(d1 - d0) = 2 artanh(u) / (u (d0 + d1)) with u = (d1 - d0)/(d1 + d0): no cancellation as u -> 0
        u = (d1 - d0) / (d1 + d0)
        small = np.abs(u) < 1e-4
        factor = np.where(small, 1 + u * u / 3, np.arctanh(u) / np.where(small, 1.0, u))
        return 2 * self.length * factor / (d0 + d1)


def cut(morphology: Morphology, counts: IntArray) -> Pieces:
    """Cut every section into `counts` segments of equal arc length, and those into halves.

    Parameters
    ----------
    morphology : Morphology
        The cell.
    counts : ndarray of int, shape (n_sections,)
        Number of segments of each section.
    """
    n_halves = 2 * counts
    first_half = np.concatenate([[0], np.cumsum(n_halves)])
    n_points = np.diff(morphology.point_offset)
    # along a section, t counts half-segments: points lie at any t in 0..n_halves, borders at the integers between
    of_point = np.repeat(np.arange(morphology.n_sections), n_points)
    t_point = morphology.arc / morphology.length[of_point] * n_halves[of_point]
    of_border = np.repeat(np.arange(morphology.n_sections), n_halves - 1)
    before = first_half[:-1] - np.arange(morphology.n_sections)  # borders in the sections before
    t_border = (1 + np.arange(of_border.size) - before[of_border]).astype(np.float64)
    section, t, diam = _merged(morphology, of_point, t_point, of_border, t_border)
    keep = section[1:] == section[:-1]
    left, right = t[:-1][keep], t[1:][keep]
    of = section[1:][keep]
    half = first_half[of] + np.clip(np.ceil(right).astype(np.int64) - 1, 0, n_halves[of] - 1)
    length = (right - left) * (morphology.length / n_halves)[of]
    return Pieces(int(first_half[-1]), half, length, diam[:-1][keep], diam[1:][keep])


def _merged(
    morphology: Morphology, of_point: IntArray, t_point: FloatArray, of_border: IntArray, t_border: FloatArray
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Points and borders in path order: section, t and diameter of each.

    The diameter at a border is interpolated along the frustum it lies in; at a step, it is the one before the step.
    """
    section = np.concatenate([of_point, of_border])
    t = np.concatenate([t_point, t_border])
    # equal t: the border comes first, and points keep their own order (lexsort is stable)
    order = np.lexsort((np.arange(t.size) < t_point.size, t, section))
    section, t = section[order], t[order]
    is_point = order < t_point.size
    # points are sorted already, so counting them gives the last one before each border
    before = (np.cumsum(is_point) - 1)[~is_point]
    span = t_point[before + 1] - t_point[before]
    weight = np.divide(t[~is_point] - t_point[before], span, out=np.zeros_like(span), where=span > 0)
    d = morphology.points[:, 3]
    diam = np.empty_like(t)
    diam[is_point] = d
    diam[~is_point] = (1 - weight) * d[before] + weight * d[before + 1]
    return section, t, diam
