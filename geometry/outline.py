"""Solids of somas drawn as outlines.

In: a closed line of points, and the axis of the section that stands for the soma. Out: oblique frusta.

Cut across the axis, the solid is everywhere a disc whose diameter spans the outline: what the drawing shows of it is the
outline itself, as NEURON means it in voxels (McDougal, Hines and Lytton 2013,
https://doi.org/10.1016/j.jneumeth.2013.09.011). Between two points of the outline its sides are straight, so the disc changes
linearly there, and its middle moves: the piece is a cone sheared along its end planes, with the volume of an upright one. Of a
line that turns back on itself the outermost parts count.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from geometry.errors import GeometryError
from geometry.records import dataclass

__all__ = ["OBLIQUE", "Outline", "disc_distance", "inner_balls", "oblique_frusta", "oblique_volume"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]

OBLIQUE = 11  # numbers of an oblique frustum: two middles with radii, x y z r x y z r, and the normal of its end planes
CLOSE = 1e-9  # part of the length of an outline; points closer than this along the axis count as one
TURNS = 64  # points on a circle where the room inside is measured


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """The closed line that a section was drawn as.

    Attributes
    ----------
    section : int
        Index of the section.
    points : ndarray, shape (n, 3), um
        In order; the last is joined to the first.
    """

    section: int
    points: FloatArray

    @classmethod
    def of(cls, section: int, points: Any, name: str) -> Outline:
        """An outline from points given by a user.

        Raises
        ------
        GeometryError
            If they are no closed line around something.
        """
        outline = np.array(points, dtype=np.float64)
        if outline.ndim != 2 or outline.shape[1:] != (3,) or len(outline) < 3 or not np.isfinite(outline).all():
            raise GeometryError(
                f"Section {name!r}: an outline is three or more points x, y, z in um; got an array of shape {outline.shape}."
            )
        spread = np.linalg.svd(outline - outline.mean(axis=0), compute_uv=False)
        if not spread[1] > 1e-9 * spread[0]:
            raise GeometryError(f"Section {name!r}: the points of its outline lie on one line, around nothing.")
        outline.setflags(write=False)
        return cls(section, outline)


def oblique_frusta(
    outline: FloatArray, start: FloatArray, stop: FloatArray, borders: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Cut the solid of an outline across an axis.

    Parameters
    ----------
    outline : ndarray, shape (n, 3), um
        Its points, in order; the last is joined to the first.
    start, stop : ndarray, shape (3,), um
        Two points of the axis, in the plane of the outline.
    borders : ndarray, um
        Distances from `start` where the solid is cut as well.

    Returns
    -------
    frusta : ndarray, shape (m, 11), um
        Along the axis.
    middle : ndarray, shape (m,), um
        Distance of the middle of each from `start`.
    """
    axis = (stop - start) / np.linalg.norm(stop - start)
    across = _across(outline, axis)
    along, side = (outline - start) @ axis, (outline - start) @ across
    depth = ((outline - start) - along[:, None] * axis - side[:, None] * across).mean(axis=0)
    size = np.ptp(along)
    inner = borders[(borders > along.min()) & (borders < along.max())]
    at = np.sort(np.concatenate([along, inner]))
    at = at[np.concatenate([[True], np.diff(at) > CLOSE * size])]
    low, high = _sides(along, side, at[:-1], at[1:])
    radius = 0.5 * (high - low)
    wide = radius.max(axis=1) > CLOSE * size
    begin, end, low, high, radius = at[:-1][wide], at[1:][wide], low[wide], high[wide], radius[wide]
    places = np.stack([begin, end], axis=1)
    middles = start + depth + places[:, :, None] * axis + (0.5 * (low + high))[:, :, None] * across
    discs = np.concatenate([middles, radius[:, :, None]], axis=2).reshape(-1, 8)
    return np.concatenate([discs, np.broadcast_to(axis, (len(discs), 3))], axis=1), places.mean(axis=1)


def _across(outline: FloatArray, axis: FloatArray) -> FloatArray:
    """Unit vector across the axis in the plane of an outline."""
    flat = outline - outline.mean(axis=0)
    flat = flat - (flat @ axis)[:, None] * axis
    across: FloatArray = np.linalg.svd(flat)[2][0]
    return across


def _sides(along: FloatArray, side: FloatArray, begin: FloatArray, end: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Lowest and highest side of an outline at both ends of stretches without points between, shape (m, 2) each."""
    a, b = (along, side), (np.roll(along, -1), np.roll(side, -1))
    middle = 0.5 * (begin + end)
    over = (np.minimum(a[0], b[0]) < middle[:, None]) & (middle[:, None] < np.maximum(a[0], b[0]))
    rise = np.divide(b[1] - a[1], b[0] - a[0], out=np.zeros_like(side), where=b[0] != a[0])
    there = a[1] + (middle[:, None] - a[0]) * rise
    rows = np.arange(len(middle))
    found = []
    for edge in (np.where(over, there, np.inf).argmin(axis=1), np.where(over, there, -np.inf).argmax(axis=1)):
        half = 0.5 * (end - begin) * rise[edge]
        found.append(np.stack([there[rows, edge] - half, there[rows, edge] + half], axis=1))
    # a tip may come out a little inside out, by round-off
    return np.minimum(*found), np.maximum(*found)


def oblique_volume(frusta: FloatArray) -> FloatArray:
    """Volume of each oblique frustum, `pi h (r0^2 + r0 r1 + r1^2) / 3` with the distance `h` of its planes, shape (m,), um3."""
    height = np.einsum("ij,ij->i", frusta[:, 4:7] - frusta[:, :3], frusta[:, 8:])
    r0, r1 = frusta[:, 3], frusta[:, 7]
    return np.pi / 3 * height * (r0 * r0 + r0 * r1 + r1 * r1)


def disc_distance(frusta: FloatArray, point: FloatArray) -> float:
    """Distance of a point from the discs across oblique frusta, 17 in each: at most a little more than from the solid."""
    t = np.linspace(0.0, 1.0, 17)[:, None, None]
    discs = (1 - t) * frusta[:, :4] + t * frusta[:, 4:8]
    away = point - discs[..., :3]
    high = np.einsum("...i,...i->...", away, np.broadcast_to(frusta[:, 8:], away.shape))
    wide = np.sqrt(np.maximum(np.einsum("...i,...i->...", away, away) - high * high, 0.0)) - discs[..., 3]
    return float(np.hypot(high, np.maximum(wide, 0.0)).min())


def inner_balls(frusta: FloatArray, most: int = 24) -> FloatArray:
    """Balls inside a solid of oblique frusta, which fill most of it, shape (k, 4).

    They change nothing of the solid; voxels in them are known to be full at once.
    """
    chosen = np.unique(np.linspace(0, len(frusta) - 1, most).astype(int))
    centres = 0.5 * (frusta[chosen, :3] + frusta[chosen, 4:7])
    axis = frusta[0, 8:]
    other = np.eye(3)[np.abs(axis).argmin()]
    u = np.cross(axis, other)
    u /= np.linalg.norm(u)
    v = np.cross(axis, u)
    angle = 2 * np.pi * np.arange(TURNS) / TURNS
    ring = np.cos(angle)[:, None] * u + np.sin(angle)[:, None] * v
    rings = [frusta[:, None, at : at + 3] + frusta[:, None, at + 3, None] * ring for at in (0, 4)]
    low, high = (points.reshape(-1, 3) for points in rings)
    span = high - low
    length = np.maximum(np.einsum("ij,ij->i", span, span), 1e-300)
    radius = np.empty(len(centres))
    for i, centre in enumerate(centres):
        t = np.clip(np.einsum("ij,ij->i", centre - low, span) / length, 0.0, 1.0)
        radius[i] = np.sqrt(np.square(low + t[:, None] * span - centre).sum(axis=1).min())
    # between two of the lines measured the surface of a disc of radius R comes closer: d^2 by less than (R pi / TURNS)^2
    square = radius**2 - (frusta[:, 3:8:4].max() * np.pi / TURNS) ** 2
    # flat parts of the surface stand across the axis where the width jumps, and at its ends
    jumps = np.abs(frusta[1:, :4] - frusta[:-1, 4:8]).max(axis=1) > 1e-6 * frusta[:, 3:8:4].max()
    flat = np.concatenate([frusta[:1, :3], frusta[1:, :3][jumps], frusta[-1:, 4:7]])
    square = np.minimum(square, np.square((centres[:, None, :] - flat) @ axis).min(axis=1))
    return np.column_stack([centres, np.sqrt(np.maximum(square, 0.0))])[square > 0]
