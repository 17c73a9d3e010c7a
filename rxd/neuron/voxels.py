"""Nodes in voxels: regions that `set_solve_type` makes 3-D, wholly or in part.

In: a region and the session's layout. Out: a `NodeTable`, its segments first, then its voxels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.voxelize import VoxelGrid, voxelize_sections
from rxd.neuron.errors import RxDException
from rxd.neuron.nodes import NodeTable
from rxd.neuron.rxd.geometry import voxel_shape
from rxd.neuron.surface import triangulated_areas

if TYPE_CHECKING:
    from rxd.neuron.layout import Layout
    from rxd.neuron.record import SectionRecord

__all__ = ["voxel_grid", "voxel_table"]


def voxel_grid(region: Any, layout: Layout) -> VoxelGrid:
    """The grid all 3-D sections of the session share."""
    chemistry = region.session.chemistry
    _, wanted, edge = layout.revision
    if chemistry.grid is None or chemistry.grid[0] != layout.revision:
        sections = layout.selection([record for record in layout.records if record.id in wanted])
        chemistry.grid = (layout.revision, voxelize_sections(layout.segments, edge, sections.sections.tolist()))
    grid: VoxelGrid = chemistry.grid[1]
    return grid


def voxel_table(region: Any, layout: Layout) -> NodeTable:
    """Segments and voxels of a region."""
    voxels = voxel_grid(region, layout)
    wanted = set(region.session.chemistry.voxel_records(region))
    shape = voxel_shape(region.geometry, layout, wanted)
    if shape.voxel_fractions is None:
        raise RxDException(
            f"Region {region.label}: {shape!r} has no meaning in voxels; use inside, membrane, FractionalVolume ..."
        )
    records = layout.ordered(region.living)
    flat = [number for number, record in enumerate(records) if record.id not in wanted]
    one = layout.segments_of([records[number] for number in flat])
    chosen = np.isin(voxels.owner, layout.segments_of([record for record in records if record.id in wanted]))
    if shape.is_area and shape.on_cell_surface:
        chosen &= voxels.membrane_area > 0
    voxel = np.flatnonzero(chosen)
    record_of, place_of = _places(records, layout)
    segment = np.concatenate([one, voxels.owner[voxel]])
    counts = np.array([record.nseg for record in records])
    record, place = record_of[segment], place_of[segment]
    inner, surface, _ = shape.voxel_fractions
    volume, area = inner * voxels.volume[voxel], surface * voxels.membrane_area[voxel]
    if shape.is_area:
        volume, area = np.zeros(len(voxel)), inner * voxels.volume[voxel] + area
    elif surface:
        area = surface * triangulated_areas(layout, sorted(set(layout.revision[1])), voxels, voxel)
    middles = voxels.origin + (voxels.ijk[voxel] + 0.5) * voxels.dx
    place[len(one) :] = _first_touched(records, record[len(one) :], place[len(one) :], middles + layout.shift, voxels.dx)
    grid = np.concatenate([np.full((len(one), 3), -1), voxels.ijk[voxel] - voxels.ijk.min(axis=0)])
    return NodeTable(
        records,
        record,
        place,
        (place + 0.5) / counts[record],
        np.concatenate([shape.volumes(layout.segments, one), volume]),
        np.concatenate([shape.membrane_areas(layout.segments, one), area]),
        np.concatenate([layout.segments.position[one], middles]) + layout.shift,
        np.concatenate([np.ones(len(one), dtype=np.int64), np.full(len(voxel), 3)]),
        grid,
    )


def _first_touched(
    records: tuple[Any, ...], record: np.ndarray, place: np.ndarray, middle: np.ndarray, dx: np.ndarray
) -> np.ndarray:
    """Segments of voxels as NEURON counts them: of those a voxel touches, the one nearest to the 0 end of its section."""
    first = place.copy()
    corners = np.array(list(np.ndindex(2, 2, 2))) - 0.5
    for number in np.unique(record):
        borders, along, radius = _borders(records[number])
        here = np.flatnonzero(record == number)
        while here.size:
            here = here[first[here] > 0]
            border = first[here]
            away = (middle[here] - borders[border])[:, None, :] + corners * dx
            beyond = np.einsum("ijk,ik->ij", away, along[border])
            aside = np.einsum("ijk,ijk->ij", away, away) - beyond**2
            inside = (beyond < 1e-9) & (aside <= (radius[border] ** 2)[:, None])
            here = here[inside.any(axis=1)]
            first[here] -= 1
    return first


def _borders(record: SectionRecord) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Where each segment of a section begins, the direction to its 1 end there, and the radius."""
    arc, points = record.arc, record.points[:, :3]
    x = np.arange(record.nseg) / record.nseg
    at = (x if record.end == 0 else 1 - x) * arc[-1]
    long = np.flatnonzero(np.diff(arc) > 0)
    piece = long[np.clip(np.searchsorted(arc[long], at, side="right") - 1, 0, len(long) - 1)]
    along = (points[piece + 1] - points[piece]) / (arc[piece + 1] - arc[piece])[:, None]
    begins = np.stack([np.interp(at, arc, points[:, axis]) for axis in range(3)], axis=1)
    return begins, along if record.end == 0 else -along, 0.5 * np.interp(at, arc, record.points[:, 3])


def _places(records: tuple[Any, ...], layout: Layout) -> tuple[np.ndarray, np.ndarray]:
    """Section (number in `records`) and place in it of every segment; -1 elsewhere."""
    record_of, place_of = np.full(layout.segments.n, -1), np.full(layout.segments.n, -1)
    for number, record in enumerate(records):
        index = layout.index[record.id]
        record_of[index] = number
        place_of[index] = np.arange(len(index))
    return record_of, place_of
