"""Areas of voxels as NEURON reports them: of a triangulated surface.

In: sections of a layout and the grid of their voxels. Out: an area for every voxel that the surface passes through.

NEURON takes the distances of a voxel's eight corners from the surface, finds by linear interpolation where the surface cuts the
edges, and adds up the triangles between the cuts (Lorensen & Cline 1987, doi:10.1145/37402.37422). The rim of a flat end is cut
off that way and round walls become chords, so that the sum is some percent less than the area of the membrane. This is what
`node.surface_area` says here, too, since scripts print and compare it. What crosses the membrane is governed by its exact area,
shared among the voxels as `geometry` finds it, so that as much arrives in the voxels as leaves the segment.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.outline import oblique_frusta

if TYPE_CHECKING:
    from geometry import Solid
    from geometry.voxelize import VoxelGrid
    from rxd.neuron.cells.layout import Layout

__all__ = ["held_by_parts", "triangulated_areas"]

INSIDE = -1e-12  # um: a corner this close to the surface counts as outside
CORNERS = ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0), (0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1))
FACES = ((0, 1, 2, 3), (4, 5, 6, 7), (0, 1, 5, 4), (1, 2, 6, 5), (2, 3, 7, 6), (3, 0, 4, 7))

Cut = tuple[int, int]
"""An edge of a voxel that the surface cuts: its corners, the smaller number first."""


def triangulated_areas(layout: Layout, wanted: Sequence[int], voxels: VoxelGrid, chosen: np.ndarray) -> np.ndarray:
    """Area of the triangulated surface in some voxels.

    Parameters
    ----------
    layout : Layout
    wanted : sequence of int
        Numbers of the records that are in voxels.
    voxels : VoxelGrid
    chosen : ndarray of int, shape (n,)
        Voxels.

    Returns
    -------
    ndarray, shape (n,), um2
        Zero for voxels without surface.
    """
    area = np.zeros(len(chosen))
    outer = np.flatnonzero((voxels.membrane_area[chosen] > 0) | (voxels.neighbor[chosen] < 0).any(axis=1))
    if len(outer):
        area[outer] = _areas(layout, wanted, voxels, chosen[outer])
    return area


def _areas(layout: Layout, wanted: Sequence[int], voxels: VoxelGrid, chosen: np.ndarray) -> np.ndarray:
    corners = (voxels.ijk[chosen][:, None, :] + np.array(CORNERS)).reshape(-1, 3)
    _, first, where = np.unique(_keys(voxels, corners), return_index=True, return_inverse=True)
    distance = _distances(layout, wanted, voxels.origin + corners[first] * voxels.dx, float(voxels.dx.max()))
    at = distance[where.reshape(len(chosen), 8)]
    pattern = (at <= INSIDE) @ (1 << np.arange(8))
    area = np.zeros(len(chosen))
    for number in np.unique(pattern):
        if 0 < number < 255:
            here = np.flatnonzero(pattern == number)
            for loop in _loops([bool(number >> corner & 1) for corner in range(8)]):
                area[here] += _fan(at[here], loop, voxels.dx)
    return area + _open_faces(voxels, chosen, pattern)


def _open_faces(voxels: VoxelGrid, chosen: np.ndarray, pattern: np.ndarray) -> np.ndarray:
    """Faces without neighbour of voxels that lie inside with all their corners: for NEURON these are surface as well."""
    area = np.zeros(len(chosen))
    full = np.flatnonzero(pattern == 255)
    keys = _keys(voxels, voxels.ijk)
    for axis in range(3):
        face = float(np.delete(voxels.dx, axis).prod())
        for step in (np.eye(3, dtype=np.int64)[axis], -np.eye(3, dtype=np.int64)[axis]):
            area[full] += face * ~np.isin(_keys(voxels, voxels.ijk[chosen[full]] + step), keys)
    return area


def _keys(voxels: VoxelGrid, ijk: np.ndarray) -> np.ndarray:
    """A number for every place of the lattice from one step before the first voxel to two after the last."""
    low, span = voxels.ijk.min(axis=0).astype(np.int64) - 1, np.ptp(voxels.ijk, axis=0).astype(np.int64) + 4
    return np.asarray((ijk - low) @ np.cumprod(np.append(1, span))[:3])


# ------------------------------------------------------------------------------------------------------------------ distances


class _Finder:
    """Finds places near a point: sorted along x, since a tree of SciPy's takes longer to load than most models to search."""

    def __init__(self, places: np.ndarray) -> None:
        self._order = np.argsort(places[:, 0])
        self._sorted = places[self._order]

    def near(self, point: np.ndarray, radius: float) -> np.ndarray:
        """Numbers of the places at most a radius away."""
        low, high = np.searchsorted(self._sorted[:, 0], (point[0] - radius, point[0] + radius))
        away = self._sorted[low:high] - point
        return self._order[low:high][np.einsum("ij,ij->i", away, away) <= radius**2]


def _distances(layout: Layout, wanted: Sequence[int], places: np.ndarray, dx: float) -> np.ndarray:
    """Signed distance of places from the surface, negative inside; infinite far from it."""
    distance = np.full(len(places), np.inf)
    find = _Finder(places)
    for start, end, r0, r1 in _frusta(layout, wanted):
        length = float(np.linalg.norm(end - start))
        near = find.near(0.5 * (start + end), 0.5 * length + max(r0, r1) + 2 * dx)
        if len(near) and length > 0:
            distance[near] = np.minimum(
                distance[near], _from_frustum(places[near], start, (end - start) / length, length, r0, r1)
            )
    for frustum in _oblique(layout, wanted):
        middle, half = 0.5 * (frustum[:3] + frustum[4:7]), 0.5 * float(np.linalg.norm(frustum[4:7] - frustum[:3]))
        near = find.near(middle, half + frustum[3:8:4].max() + 2 * dx)
        if len(near):
            distance[near] = np.minimum(distance[near], _from_oblique(places[near], frustum))
    for middle, radius in _bends(layout, wanted):
        near = find.near(middle, radius + 2 * dx)
        if len(near):
            distance[near] = np.minimum(distance[near], np.linalg.norm(places[near] - middle, axis=1) - radius)
    return distance


def _points(layout: Layout, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    drawn = {outline.section for outline in layout.morphology.outlines}
    for number in wanted:
        for section in sorted({int(section) for section in layout.sections.get(number, ())} - drawn):
            yield _corners_of(np.asarray(layout.morphology.section(int(section)).points))


def _corners_of(points: np.ndarray) -> np.ndarray:
    """Points of a section without those at which neither its direction nor its taper changes: its wall has no seam there."""
    arc = np.append(0.0, np.cumsum(np.linalg.norm(np.diff(points[:, :3], axis=0), axis=1)))
    kept = [0]
    for number in range(1, len(points) - 1):
        span = max(arc[number + 1] - arc[kept[-1]], 1e-12)
        between = points[kept[-1]] + (arc[number] - arc[kept[-1]]) / span * (points[number + 1] - points[kept[-1]])
        if np.abs(points[number] - between).max() > 1e-9 * max(span, points[number, 3]):
            kept.append(number)
    return points[[*kept, len(points) - 1]]


def _frusta(layout: Layout, wanted: Sequence[int]) -> Iterator[tuple[np.ndarray, np.ndarray, float, float]]:
    """Ends and radii of all truncated cones."""
    for points in _points(layout, wanted):
        for a, b in pairwise(points):
            yield a[:3], b[:3], 0.5 * float(a[3]), 0.5 * float(b[3])


def _oblique(layout: Layout, wanted: Sequence[int]) -> Iterator[np.ndarray]:
    """Oblique cones of the sections drawn as outlines."""
    sections = {int(section) for number in wanted for section in layout.sections.get(number, ())}
    for outline in layout.morphology.outlines:
        if outline.section in sections:
            points = layout.morphology.section(outline.section).points[:, :3]
            yield from oblique_frusta(outline.points, points[0], points[-1], np.zeros(0))[0]


def _bends(layout: Layout, wanted: Sequence[int]) -> Iterator[tuple[np.ndarray, float]]:
    """Balls that fill the wedges where a section bends."""
    for points in _points(layout, wanted):
        steps = np.diff(points[:, :3], axis=0)
        for before, after, point in zip(steps[:-1], steps[1:], points[1:-1], strict=True):
            if np.linalg.norm(np.cross(before, after)) > 1e-6 * np.linalg.norm(before) * np.linalg.norm(after):
                yield point[:3], 0.5 * float(point[3])


def _from_frustum(places: np.ndarray, start: np.ndarray, along: np.ndarray, length: float, r0: float, r1: float) -> np.ndarray:
    """Distance from a truncated cone; inside one that is no cylinder, from its wall alone, as NEURON takes it."""
    away = places - start
    z = away @ along
    rho = np.sqrt(np.maximum(np.einsum("ij,ij->i", away, away) - z**2, 0.0))
    wall = (rho - (r0 + (r1 - r0) * z / length)) * length / np.hypot(length, r1 - r0)
    if r0 == r1:
        wall = np.where(wall <= 0, np.maximum(wall, np.maximum(-z, z - length)), wall)
    beyond = np.maximum(-z, z - length)
    edge = np.maximum(rho - np.where(z < 0.5 * length, r0, r1), 0.0)
    return np.asarray(np.where(beyond > 0, np.hypot(beyond, edge), wall))


def held_by_parts(solid: Solid, places: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    """Segment of each cone of a solid, in single precision, and which places lie in it."""
    for frustum, owner in zip(
        solid.frusta.astype(np.float32).astype(np.float64), np.asarray(solid.owner).tolist(), strict=True
    ):
        length = float(np.linalg.norm(frustum[4:7] - frustum[:3]))
        along = (frustum[4:7] - frustum[:3]) / length
        z = (places - frustum[:3]) @ along
        distance = _from_frustum(places, frustum[:3], along, length, float(frustum[3]), float(frustum[7]))
        yield owner, (distance < INSIDE) & (z > -INSIDE) & (z < length + INSIDE)
    for frustum, owner in zip(solid.oblique, np.asarray(solid.oblique_owner).tolist(), strict=True):
        yield owner, _from_oblique(places, frustum) < INSIDE


def _from_oblique(places: np.ndarray, frustum: np.ndarray) -> np.ndarray:
    """Distance from an oblique cone; between its end planes, from the plane that touches its wall."""
    start, normal, (r0, r1) = frustum[:3], frustum[8:], frustum[3:8:4]
    away, span = places - start, frustum[4:7] - start
    length = float(span @ normal)
    z = away @ normal
    t = np.clip(z / length, 0.0, 1.0)
    across = away - z[:, None] * normal - t[:, None] * (span - length * normal)
    rho = np.sqrt(np.einsum("ij,ij->i", across, across))
    wall = rho - (r0 + (r1 - r0) * t)
    rate = (r1 - r0 + across @ (span - length * normal) / np.maximum(rho, 1e-300)) / length
    beyond = np.maximum(-z, z - length)
    return np.asarray(np.where(beyond > 0, np.hypot(beyond, np.maximum(wall, 0.0)), wall / np.hypot(1.0, rate)))


# ------------------------------------------------------------------------------------------------------------------ triangles


def _loops(inside: list[bool]) -> list[list[Cut]]:
    """Closed paths over the cut edges of a voxel, from face to face."""
    links: dict[Cut, list[Cut]] = {}
    for face in FACES:
        around = [(face[i], face[(i + 1) % 4]) for i in range(4)]
        cuts = [(min(edge), max(edge)) for edge in around if inside[edge[0]] != inside[edge[1]]]
        if len(cuts) == 4 and inside[face[0]]:
            cuts = cuts[-1:] + cuts[:-1]  # two corners inside, opposite each other: cut off each alone
        for a, b in zip(cuts[::2], cuts[1::2], strict=True):
            links.setdefault(a, []).append(b)
            links.setdefault(b, []).append(a)
    loops: list[list[Cut]] = []
    while links:
        loop, here = [], next(iter(links))
        while here in links:
            loop.append(here)
            onward = links.pop(here)
            here = next((cut for cut in onward if cut in links), here)
        loops.append(loop)
    return loops


def _fan(at: np.ndarray, loop: list[Cut], dx: np.ndarray) -> np.ndarray:
    """Area of the triangles from the first cut of a loop to all others, for many voxels at once."""
    corners = np.array(CORNERS) * dx
    points = []
    for a, b in loop:
        share = np.divide(-at[:, a], at[:, b] - at[:, a], out=np.zeros(len(at)), where=at[:, b] != at[:, a])
        points.append(corners[a] + np.clip(share, 0.0, 1.0)[:, None] * (corners[b] - corners[a]))
    area: Any = np.zeros(len(at))
    for second, third in pairwise(points[1:]):
        area += 0.5 * np.linalg.norm(np.cross(second - points[0], third - points[0]), axis=1)
    return np.asarray(area)
