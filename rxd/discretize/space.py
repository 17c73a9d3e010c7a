"""Nodes of regions: segments, voxels of one common grid, boxes of extracellular space; their volumes and membrane areas."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from geometry import Mesh, Segments, region_mesh
from geometry.records import dataclass
from geometry.voxelize import VoxelGrid, voxelize_sections
from rxd.errors import DiscretizationError


@dataclass(frozen=True, slots=True, eq=False)
class RegionNodes:
    """Nodes of one region.

    Attributes
    ----------
    name : str
    tree : Mesh or None
        Its segments.
    tree_row : ndarray of int, shape (n_segments,)
        Row of a segment in ``tree``, -1 outside.
    voxel : ndarray of int, shape (n_voxels_here,)
        Its voxels, as numbers of the model's grid.
    voxel_owner : ndarray of int, shape (n_voxels_here,)
        Segment of each.
    voxel_row : ndarray of int
        Row of a voxel in ``voxel``, -1 outside.
    voxel_volume : ndarray, um3
        Volume of the region in each of its voxels.
    face_factor : float
        Fraction of a voxel's open face that belongs to the region.
    box : ExtracellularGrid or None
    """

    name: str
    tree: Mesh | None
    tree_row: np.ndarray
    voxel: np.ndarray
    voxel_owner: np.ndarray
    voxel_row: np.ndarray
    voxel_volume: np.ndarray
    face_factor: float
    box: Any = None


def build_voxels(system: Any, segments: Segments) -> VoxelGrid | None:
    """The one grid of all sections that some region has in voxels.

    Raises
    ------
    DiscretizationError
        If regions in voxels differ in dx.
    """
    chosen: set[int] = set()
    edges: dict[float, str] = {}
    for region in system.regions:
        if region.voxel_sections:
            chosen.update(region.voxel_sections)
            edges[region.dx] = region.name
    if not chosen:
        return None
    if len(edges) > 1:
        given = ", ".join(f"'{name}': {dx:g} um" for dx, name in edges.items())
        message = f"All regions in voxels share one grid, but their dx differ ({given}). Give them the same dx."
        raise DiscretizationError(message)
    return voxelize_sections(segments, next(iter(edges)), sorted(chosen))


def build_regions(system: Any, segments: Segments, voxels: VoxelGrid | None) -> dict[str, RegionNodes]:
    """Nodes of every region."""
    return {region.name: _nodes(region, segments, voxels) for region in system.regions}


def _nodes(region: Any, segments: Segments, voxels: VoxelGrid | None) -> RegionNodes:
    tree_row = np.full(segments.n, -1, dtype=np.int64)
    tree = None
    none = np.zeros(0, dtype=np.int64)
    if region.box is not None:
        return RegionNodes(region.name, None, tree_row, none, none, none, np.zeros(0), 1.0, region.box)
    if region.sections:
        tree = region_mesh(segments, list(region.sections), region.shape)
        tree_row[tree.owner] = np.arange(tree.n)
    if not region.voxel_sections or voxels is None:
        return RegionNodes(region.name, tree, tree_row, none, none, none, np.zeros(0), 1.0)
    chosen = np.isin(segments.section, np.array(region.voxel_sections))[voxels.owner]
    if region.shape.is_area and region.shape.on_cell_surface:
        chosen &= voxels.membrane_area > 0
    voxel = np.flatnonzero(chosen).astype(np.int32)
    if len(voxel) == voxels.n:
        # all of the grid, as in most models: the same arrays, which nobody may write to
        volume, _, face = voxel_measures(region, voxels)
        return RegionNodes(region.name, tree, tree_row, voxel, voxels.owner, voxel, volume, face)
    row = np.full(voxels.n, -1, dtype=np.int32)
    row[voxel] = np.arange(len(voxel), dtype=np.int32)
    volume, _, face = voxel_measures(region, voxels)
    return RegionNodes(region.name, tree, tree_row, voxel, voxels.owner[voxel], row, volume[voxel], face)


def voxel_measures(region: Any, voxels: VoxelGrid) -> tuple[np.ndarray, np.ndarray, float]:
    """Volume and membrane area of a region in every voxel of the grid, and its fraction of faces.

    Raises
    ------
    DiscretizationError
        If the region's shape has no meaning in voxels.
    """
    fractions = region.shape.voxel_fractions
    if fractions is None:
        message = (
            f"Region '{region.name}': the shape {region.shape!r} is defined per segment and has no meaning in voxels. "
            f"Use dimension=1, or rxd.FractionalVolume, rxd.inside, rxd.membrane, rxd.DistributedBoundary."
        )
        raise DiscretizationError(message)
    *factors, face = fractions
    first, surface = (factor_at(factor, voxels.owner) for factor in factors)
    volume, area = (
        array if np.ndim(factor) == 0 and factor == 1 else factor * array
        for factor, array in ((first, voxels.volume), (surface, voxels.membrane_area))
    )
    if region.shape.is_area:
        return np.zeros(voxels.n), volume + area if first else area, face
    return volume, area, face


def factor_at(factor: float | np.ndarray, segment: np.ndarray) -> float | np.ndarray:
    """A factor of `Shape.voxel_fractions` in voxels of segments: a number, or an array where it differs."""
    return factor[segment] if isinstance(factor, np.ndarray) else factor


@dataclass(frozen=True, slots=True, eq=False)
class GroupNodes:
    """Nodes of a group: the segment of each (-1 in a box), its voxel (or -1), and what gives their positions in um."""

    space: str
    segment: np.ndarray
    voxel: np.ndarray
    position: Callable[[], np.ndarray]


def group_nodes(
    local: Any, segments: Segments, voxels: VoxelGrid | None, regions: dict[str, RegionNodes], points: np.ndarray
) -> GroupNodes:
    """Where the nodes of a group are."""
    if local.space == "points":
        return _on_segments("points", segments, points[list(local.points)])
    if local.space == "segments":
        return _on_segments("segments", segments, segments.of(list(local.sections)))
    if local.space == "box":
        box = regions[local.region].box
        nowhere = np.broadcast_to(np.full(1, -1), box.n)
        return GroupNodes("box", nowhere, nowhere, lambda: box.position)
    assert voxels is not None
    chosen = np.isin(segments.section, np.array(local.sections))[voxels.owner]
    if local.space == "surface":
        chosen &= voxels.membrane_area > 0
    voxel = np.flatnonzero(chosen).astype(np.int32)
    owner = voxels.owner if len(voxel) == voxels.n else voxels.owner[voxel]
    return GroupNodes(local.space, owner, voxel, partial(voxels.middles, voxel))


def _on_segments(space: str, segments: Segments, where: np.ndarray) -> GroupNodes:
    return GroupNodes(space, where, np.full(len(where), -1, dtype=np.int64), lambda: segments.position[where])


def box_rows(region: RegionNodes, nodes: GroupNodes, segments: Segments) -> np.ndarray:
    """Box voxel of each node of a group.

    Raises
    ------
    DiscretizationError
        If a node lies outside the box; the section is named.
    """
    rows = region.box.locate(nodes.position())
    outside = np.flatnonzero(rows < 0)
    if outside.size:
        sections = sorted({segments.morphology.names[segments.section[s]] for s in nodes.segment[outside]})
        more = f" and {len(sections) - 5} more" if len(sections) > 5 else ""
        message = (
            f"Extracellular box '{region.name}' does not contain {', '.join(sections[:5])}{more}, which exchange with it. "
            f"Enlarge the box, or restrict the regions to sections inside it."
        )
        raise DiscretizationError(message)
    return rows


def node_positions(
    segment: np.ndarray, n_tree: int, region: RegionNodes | None, segments: Segments, voxels: VoxelGrid | None
) -> np.ndarray:
    """Where the nodes of an unknown are, in segment order and voxels after segments, shape (n, 3), um."""
    if region is not None and region.box is not None:
        return np.asarray(region.box.position)
    if region is None or not len(region.voxel):
        return segments.position[segment]
    assert voxels is not None
    middles = voxels.middles(region.voxel if len(region.voxel) < voxels.n else slice(None))
    return np.concatenate([segments.position[segment[:n_tree]], middles]) if n_tree else middles


def section_share(voxels: VoxelGrid, voxel: np.ndarray) -> np.ndarray:
    """Fraction of its segment's voxel membrane that each voxel holds, shape (n,)."""
    total = np.bincount(voxels.owner, weights=voxels.membrane_area)
    return voxels.membrane_area[voxel] / total[voxels.owner[voxel]]
