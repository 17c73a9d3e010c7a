"""Nodes in voxels: regions that `set_solve_type` makes 3-D, wholly or in part.

In: a region and the session's layout. Out: a `NodeTable`, its segments first, then its voxels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rxd.neuron.errors import RxDException
from rxd.neuron.nodes import NodeTable
from rxd.neuron.rxd.geometry import voxel_shape
from rxd.neuron.surface import triangulated_areas

if TYPE_CHECKING:
    from rxd.neuron.layout import Layout
    from rxd.neuron.record import SectionRecord

__all__ = ["voxel_table"]

TIE = 1e-7  # um: less apart, two planes are one
CORNERS: Final = np.array(list(np.ndindex(2, 2, 2)))


def voxel_table(region: Any, layout: Layout) -> NodeTable:
    """Segments and voxels of a region."""
    grid = region.session.chemistry.grid_of(region)
    voxels, wanted = grid.voxels, set(region.session.chemistry.voxel_records(region))
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
        area = surface * triangulated_areas(layout, sorted(grid.sections), voxels, voxel)
    middles = voxels.middles(voxel)
    place[len(one) :] = _first_touched(records, record[len(one) :], place[len(one) :], middles, voxels.dx)
    places = np.concatenate([np.full((len(one), 3), -1), voxels.ijk[voxel] - voxels.ijk.min(axis=0)])
    return NodeTable(
        records,
        record,
        place,
        (place + 0.5) / counts[record],
        np.concatenate([shape.volumes(layout.segments, one), volume]),
        np.concatenate([shape.membrane_areas(layout.segments, one), area]),
        np.concatenate([layout.segments.position[one], middles]),
        np.concatenate([np.ones(len(one), dtype=np.int64), np.full(len(voxel), 3)]),
        places,
    )


def _first_touched(
    records: tuple[Any, ...], record: np.ndarray, place: np.ndarray, middle: np.ndarray, dx: np.ndarray
) -> np.ndarray:
    """Segments of voxels as NEURON counts them: of those that hold a corner of the voxel, the nearest to the section's 0 end.

    Corners on the border of two segments are in neither, but for two exceptions: voxels with no other corners, and whole voxels
    in the ball that NEURON puts between two frusta longer than a voxel.
    """
    first = place.copy()
    for number in np.unique(record):
        here = np.flatnonzero(record == number)
        begins, along, radius = borders = _borders(records[number])
        first[here] = _first_with_corner(borders, place[here], middle[here], dx)
        if records[number].arc[-1] < 1.5 * records[number].nseg * dx.max():
            continue
        border = first[here]
        away = (middle[here] - begins[border])[:, None, :] + (CORNERS - 0.5) * dx
        tie = np.abs(np.einsum("ijk,ik->ij", away, along[border])).min(axis=1) < TIE
        ball = np.einsum("ijk,ijk->ij", away, away).max(axis=1) < radius[border] ** 2 - TIE
        first[here] -= (border > 0) & tie & ball
    return first


def _first_with_corner(
    borders: tuple[np.ndarray, np.ndarray, np.ndarray], place: np.ndarray, middle: np.ndarray, dx: np.ndarray
) -> np.ndarray:
    """The first segment of a section with a corner of each voxel inside; ``place``: the one that holds most of it."""
    begins, along, radius = borders
    first, last = place.copy(), len(begins) - 1

    def corners(which: np.ndarray, border: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far the corners of voxels are beyond a border, and whether they are near enough to its axis."""
        away = (middle[which] - begins[border])[:, None, :] + (CORNERS - 0.5) * dx
        beyond = np.einsum("ijk,ik->ij", away, along[border])
        return beyond, np.einsum("ijk,ijk->ij", away, away) - beyond**2 < (radius[border] ** 2)[:, None] - TIE

    here = np.flatnonzero(first > 0)
    while here.size:  # towards the 0 end, as far as the voxel reaches
        beyond, near = corners(here, first[here])
        here = here[((beyond < -TIE) & near).any(axis=1)]
        first[here] -= 1
        here = here[first[here] > 0]
    lowest, here = first.copy(), np.flatnonzero(first < last)
    while here.size:  # over segments that lie between two corners
        beyond, near = corners(here, first[here])
        behind, _ = corners(here, first[here] + 1)
        held = ((beyond > TIE) & (behind < -TIE) & near).any(axis=1)
        reaches = (behind > TIE).any(axis=1)
        without, tied = ~held & ~reaches, np.minimum(np.abs(beyond), np.abs(behind)).min(axis=1) < TIE
        first[here[without & ~tied]] = place[here[without & ~tied]]
        on_border = here[without & tied & (lowest[here] > 0)]
        first[on_border] = lowest[on_border] - 1
        here = here[~held & reaches]
        first[here] += 1
        here = here[first[here] < last]
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
