"""Somas drawn as outlines.

In: the points of one or several contours. Out: points and diameters of a section that stands for the soma, by the rules of
NEURON's Import3d, so that somas have the same size in both programs.

One contour is cut across its longest axis into 21 slices, each as wide as the contour there. A stack of contours becomes one
circle for each contour, along the line of their middles.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from geometry.errors import GeometryError
from geometry.records import dataclass

__all__ = ["Contour", "Stack", "stacks"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
EPSILON = 1e-11  # two positions along an axis closer than this (um) are the same


@dataclass(frozen=True, slots=True, eq=False)
class Contour:
    """An outline: `points (n, 3)` in um, and the line of the file it starts at."""

    points: FloatArray
    line: int

    @property
    def box(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest x, y."""
        return self.points[:, :2].min(axis=0), self.points[:, :2].max(axis=0)

    def resampled(self) -> FloatArray:
        """Points at 101 equal steps of the way along the drawn line (as seen along z), shape (101, 3)."""
        way = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(self.points[:, :2], axis=0).T))])
        at = np.linspace(0.0, way[-1], 101)
        return np.stack([np.interp(at, way, self.points[:, axis]) for axis in range(3)], axis=1)

    def center(self) -> FloatArray:
        """Mean of the resampled outline, shape (3,)."""
        mean: FloatArray = self.resampled().mean(axis=0)
        return mean

    def circle(self) -> tuple[float, float, float, float]:
        """Middle and diameter of a circle: the mean of what the perimeter and the mean radius say."""
        edges = np.diff(self.points, axis=0, append=self.points[:1])
        perimeter = float(np.linalg.norm(edges, axis=1).sum())
        center = self.center()
        radius = float(np.linalg.norm(self.resampled() - center, axis=1).mean())
        x, y, z = center.tolist()
        return x, y, z, radius + perimeter / (2 * np.pi)

    def slices(self) -> list[tuple[float, float, float, float]]:
        """21 slices across the longest axis: middle and diameter of each.

        Raises
        ------
        GeometryError
            If the outline is a line.
        """
        outline = self.resampled()
        center = outline.mean(axis=0)
        outline = outline - center
        major, minor = _axes(outline)
        left, right = _sides(outline @ major, outline @ minor)
        along = np.sort(np.concatenate([left[0], right[0]]))
        if len(along) < 4 or min(len(left[0]), len(right[0])) == 0:
            raise GeometryError("the outline has no inside.")
        at = np.linspace(along[1], along[-2], 21)
        diam = np.abs(np.interp(at, *left) - np.interp(at, *right))
        # the tips of an outline have no width; a section must have one everywhere
        diam[0] = (diam[0] + diam[1]) / 2
        diam[-1] = (diam[-1] + diam[-2]) / 2
        if not np.all(diam > 1e-9 * (along[-1] - along[0])):
            raise GeometryError("the outline has no inside, or crosses itself.")
        xyz = center + at[:, None] * major
        return [(x, y, z, d) for (x, y, z), d in zip(xyz.tolist(), diam.tolist(), strict=True)]


@dataclass(frozen=True, slots=True, eq=False)
class Stack:
    """Contours that overlap as seen along z: one soma."""

    contours: tuple[Contour, ...]

    def section(self) -> list[tuple[float, float, float, float]]:
        """Points and diameters of the section that stands for the soma."""
        if len(self.contours) == 1:
            return self.contours[0].slices()
        return [contour.circle() for contour in self.contours]

    def box(self) -> tuple[FloatArray, FloatArray]:
        """Lowest and highest x, y; a single contour has half a micrometre of margin."""
        margin = 0.5 if len(self.contours) == 1 else 0.0
        boxes = [contour.box for contour in self.contours]
        return np.min([low for low, _ in boxes], axis=0) - margin, np.max([high for _, high in boxes], axis=0) + margin

    def center(self) -> FloatArray:
        """Halfway along the line of the middles of the contours, shape (3,)."""
        centers = np.array([contour.center() for contour in self.contours])
        way = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(centers, axis=0), axis=1))])
        if way[-1] == 0:
            first: FloatArray = centers[0]
            return first
        return np.array([np.interp(way[-1] / 2, way, centers[:, axis]) for axis in range(3)])

    def is_flat_and_ordered(self) -> bool:
        """Whether every contour lies in one plane of z, and the planes go one way."""
        if len(self.contours) == 1:
            return True
        z = np.array([contour.points[0, 2] for contour in self.contours])
        flat = all(np.all(contour.points[:, 2] == contour.points[0, 2]) for contour in self.contours)
        return flat and (bool(np.all(np.diff(z) > 0)) or bool(np.all(np.diff(z) < 0)))


def stacks(contours: list[Contour]) -> list[Stack]:
    """Group contours that follow one another in the file and overlap as seen along z."""
    groups: list[list[Contour]] = []
    for contour in contours:
        low, high = contour.box
        if groups:
            last_low, last_high = groups[-1][-1].box
            if np.all(low <= last_high) and np.all(last_low <= high):
                groups[-1].append(contour)
                continue
        groups.append([contour])
    return [Stack(tuple(group)) for group in groups]


def _axes(outline: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Longest axis of an outline, and the direction across it in the x-y plane."""
    spread, vectors = np.linalg.eigh(outline.T @ outline)
    if spread[1] <= 1e-12 * spread[2]:
        raise GeometryError("the outline has no inside.")
    major, minor = vectors[:, 2].copy(), vectors[:, 1].copy()
    if major[np.argmax(np.abs(major))] < 0:
        major = -major
    minor[2] = 0.0
    width = float(np.linalg.norm(minor))
    if width < 1e-6:
        raise GeometryError("the outline stands upright along z, and has no width as seen along z.")
    return major, minor / width


def _sides(along: FloatArray, across: FloatArray) -> tuple[tuple[FloatArray, FloatArray], tuple[FloatArray, FloatArray]]:
    """Split an outline at its two tips into two sides, each rising along the axis; what turns back is left out."""
    top = int(np.argmax(along))
    along, across = np.roll(along, -top), np.roll(across, -top)
    bottom = int(np.argmin(along))
    first = _rising(along[:bottom][::-1], across[:bottom][::-1])
    return first, _rising(along[bottom:], across[bottom:])


def _rising(along: FloatArray, across: FloatArray) -> tuple[FloatArray, FloatArray]:
    keep = list(range(len(along)))
    j = len(keep) - 1
    while j > 0:
        if along[keep[j]] <= along[keep[j - 1]] + EPSILON:
            del keep[j]
            # the point that moved into this place is compared again, unless there is none
            j = min(j, len(keep) - 1)
        else:
            j -= 1
    return along[keep], across[keep]
