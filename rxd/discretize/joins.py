"""Joins: where sections per segment meet sections in voxels.

In: a region, its segments and voxels, and the edges of its tree. Out: the edges of tree and joins together.

At every point where ends of segments and ends of voxels meet there is one junction without volume, however many of either
there are: each segment reaches it through its half, the voxels at the end through their parts of the cross-section. So several
children in voxels share the half segment of their parent, as several children per segment do.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

import numpy as np

from geometry import Segments
from geometry.records import dataclass
from geometry.tree import start_points
from geometry.voxelize import VoxelGrid
from rxd.discretize.records import Block
from rxd.discretize.space import RegionNodes

__all__ = ["with_joins"]

DISC_SAMPLES = 400
"""Points that sample the end of a section to share its cross-section among voxels."""
SOLID = 0.3
"""Fraction of a voxel that must be inside for a join to rest on it."""


@dataclass(frozen=True, slots=True)
class _Meeting:
    """A point where segments and voxels meet.

    ``arms``: tree node and half rho of each segment; ``discs``: place, axis into the voxels, and radius of each cross-section.
    """

    arms: dict[int, float] = field(default_factory=dict)
    discs: list[tuple[np.ndarray, np.ndarray, float]] = field(default_factory=list)


def with_joins(
    region: RegionNodes, block: Block, segments: Segments, voxels: VoxelGrid, edges: np.ndarray, kappa: np.ndarray, first: int
) -> tuple[np.ndarray, np.ndarray, int]:
    """Edges of the tree, changed where it meets voxels, and of the joins.

    The junction of one segment lies a little (``outside``) inside it, so that every voxel at the end of the voxels is behind
    it: each then exchanges through its own part of the cross-section, and a linear profile passes without a jump whatever
    the direction.
    Where several segments meet it lies at the point itself, so that what they exchange with each other is not changed.

    Parameters
    ----------
    edges, kappa : ndarray, shapes (m, 2) and (m,)
        Those of the region's tree in storage numbering, in the order of its children.
    first : int
        Number of the first junction that is free.

    Returns
    -------
    edges, kappa : ndarray
    junctions : int
        How many were added.
    """
    from scipy.spatial import cKDTree

    assert region.tree is not None
    middles = voxels.middles(region.voxel)
    # Slivers would be bottlenecks: their parts of the cross-section go to the voxel behind them.
    solid = np.flatnonzero(voxels.fraction[region.voxel] >= SOLID)
    solid = solid if solid.size else np.arange(len(middles))
    finder = cKDTree(middles[solid] / voxels.dx)
    step = float(voxels.dx.max())
    keep, fresh, kappas = np.ones(len(edges), dtype=bool), [], []
    meetings = _meetings(region, segments)
    for number, meeting in enumerate(meetings):
        junction = first + number
        nodes, rho = list(meeting.arms), np.array(list(meeting.arms.values()))
        keep &= ~_direct(region, edges, nodes)
        total = sum(np.pi * radius**2 for _, _, radius in meeting.discs) * region.face_factor
        outside = min(step, 0.9 * float(rho.min()) * total) if len(nodes) == 1 else 0.0
        fresh += [(int(block.order[node] - block.start), junction) for node in nodes]
        # rho = 0 where the section in voxels starts in the middle of a segment: the junction is then the middle itself.
        kappas += list(1.0 / (rho - outside / total) if rho.min() > 0 else np.full(len(rho), 1e3 * total / step))
        for place, axis, radius in meeting.discs:
            inward = axis / np.linalg.norm(axis)
            _, nearest = finder.query(_disc(place, inward, radius) / voxels.dx, p=np.inf)
            chosen, counts = np.unique(solid[nearest], return_counts=True)
            way = np.maximum((middles[chosen] - place) @ inward + outside, 0.25 * step)
            fresh += [(block.n_tree + int(voxel), junction) for voxel in chosen]
            kappas += list(np.pi * radius**2 * region.face_factor * counts / counts.sum() / way)
    joined = np.array(fresh, dtype=np.int64).reshape(-1, 2)
    return np.concatenate([edges[keep], joined]), np.concatenate([kappa[keep], kappas]), len(meetings)


def _direct(region: RegionNodes, edges: np.ndarray, nodes: list[int]) -> np.ndarray:
    """Which edges of the tree join segments that meet at a point: between two of them, or to and from their junction."""
    assert region.tree is not None
    tree = region.tree.tree
    child = np.flatnonzero(tree.parent >= 0)
    parent = tree.parent[child]
    if len(nodes) < 2:
        return np.zeros(len(edges), dtype=bool)
    here = np.isin(child, nodes), np.isin(parent, nodes)
    if len(nodes) == 2:
        return here[0] & here[1]
    # three or more: the tree has a junction, which hangs on one of them and on which the others hang
    junction = np.unique(parent[here[0] & (parent >= region.tree.n)])
    hangs = np.isin(tree.parent[junction], nodes)
    return np.isin(child, junction[hangs]) | (np.isin(parent, junction[hangs]) & here[0])


def _meetings(region: RegionNodes, segments: Segments) -> list[_Meeting]:
    """Where segments of a region meet its voxels."""
    assert region.tree is not None
    m = segments.morphology
    in_tree = set(np.unique(segments.section[region.tree.owner]).tolist())
    in_voxels = set(np.unique(segments.section[region.voxel_owner]).tolist())
    start = start_points(m)
    found: dict[Any, _Meeting] = {}
    for section in range(m.n_sections):
        parent = int(m.parent[section])
        own, above = section in in_tree, parent in in_tree
        if parent < 0 or not ((own and parent in in_voxels) or (section in in_voxels and above)):
            continue
        points = m.section(section).points
        axis = points[1, :3] - points[0, :3]
        point = int(start[section])
        meeting = found.setdefault(point if point >= 0 else ("middle", section), _Meeting())
        meeting.discs.append((points[0, :3], -axis if own else axis, 0.5 * float(points[0, 3])))
        if point >= 0:
            meeting.arms.update(_arms(region, segments, start, in_tree, point))
        elif own:
            meeting.arms.update(_arm(region, segments, int(segments.offset[section]), segments.rho_left))
        else:
            segment = int(segments.index(m.section(parent)(float(m.parent_x[section]))))
            meeting.arms.update(_arm(region, segments, segment, np.zeros(segments.n)))
    return list(found.values())


def _arms(region: RegionNodes, segments: Segments, start: np.ndarray, in_tree: set[int], point: int) -> dict[int, float]:
    """Tree nodes and half rho of all segments that end or start at a point."""
    arms: dict[int, float] = {}
    if point in in_tree:
        arms |= _arm(region, segments, int(segments.offset[point + 1]) - 1, segments.rho_right)
    for section in np.flatnonzero(start == point):
        if section in in_tree:
            arms |= _arm(region, segments, int(segments.offset[section]), segments.rho_left)
    return arms


def _arm(region: RegionNodes, segments: Segments, segment: int, rho: np.ndarray) -> dict[int, float]:
    assert region.tree is not None
    row = int(region.tree_row[segment])
    return {row: float(rho[segment] * segments.volume[segment] / region.tree.volume[row])}


def _disc(point: np.ndarray, axis: np.ndarray, radius: float) -> np.ndarray:
    """Points spread evenly over a disc (sunflower arrangement), shape (DISC_SAMPLES, 3)."""
    helper = np.eye(3)[int(np.argmin(np.abs(axis)))]
    first = np.cross(axis, helper)
    first /= np.linalg.norm(first)
    second = np.cross(axis, first)
    k = np.arange(DISC_SAMPLES)
    r = radius * np.sqrt((k + 0.5) / DISC_SAMPLES)
    angle = k * np.pi * (3.0 - np.sqrt(5.0))
    return point + r[:, None] * (np.cos(angle)[:, None] * first + np.sin(angle)[:, None] * second)
