"""Nodes in voxels: regions that `set_solve_type` makes 3-D, wholly or in part.

In: a region and the session's layout. Out: a `NodeTable`, its segments first, then its voxels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from geometry import solid_of
from rxd.discretize.space import factor_at
from rxd.neuron.errors import RxDException, caution
from rxd.neuron.rxd.geometry import voxel_shape
from rxd.neuron.space.nodes import NodeTable, shown_sizes
from rxd.neuron.space.surface import held_by_parts, triangulated_areas

if TYPE_CHECKING:
    from rxd.neuron.cells.layout import Layout
    from rxd.neuron.cells.record import SectionRecord

__all__ = ["voxel_table"]

TIE = 1e-7  # um: less apart, two planes are one
SINGLE = 1e-9  # um: less apart are planes that single precision does not set apart
CORNERS: Final = np.array(list(np.ndindex(2, 2, 2)))


def voxel_table(region: Any, layout: Layout) -> NodeTable:
    """Segments and voxels of a region."""
    grid = region.session.chemistry.cutting.grid_of(region)
    voxels, wanted = grid.voxels, set(region.session.chemistry.cutting.voxel_records(region))
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
    if region.nrn_region == "i":
        _note_segments_between(region, [record for record in records if record.id in wanted], layout, voxels, voxel)
    record_of, place_of = _places(records, layout)
    segment = np.concatenate([one, voxels.owner[voxel]])
    counts = np.array([record.nseg for record in records])
    record, place = record_of[segment], place_of[segment]
    inner, surface = (factor_at(factor, voxels.owner[voxel]) for factor in shape.voxel_fractions[:2])
    volume, area = inner * voxels.volume[voxel], surface * voxels.membrane_area[voxel]
    if shape.is_area:  # its size stands for volumes, as along segments
        volume, surface = volume + area, 0.0 if shape.on_cell_surface else 1.0
    if np.any(surface):
        area = surface * triangulated_areas(grid.shape, sorted(grid.sections), voxels, voxel)
    flat_sizes = shown_sizes(shape, shape.volumes(layout.segments, one), shape.membrane_areas(layout.segments, one))
    middles = voxels.middles(voxel)
    place[len(one) :] = _first_touched(records, record[len(one) :], place[len(one) :], middles, voxels.dx)
    single = middles + _rounding(layout, grid.sections)
    _share_at_joints(records, grid.shape, wanted, record[len(one) :], place[len(one) :], single, voxels.dx)
    places = np.concatenate([np.full((len(one), 3), -1, dtype=voxels.ijk.dtype), voxels.ijk[voxel]])
    return NodeTable(
        records,
        record,
        place,
        (place + 0.5) / counts[record],
        np.concatenate([flat_sizes[0], volume]),
        np.concatenate([flat_sizes[1], area]),
        np.concatenate([layout.segments.position[one], single]),  # scripts compare places: voxels at a limit as in NEURON
        np.concatenate([np.ones(len(one), dtype=np.int64), np.full(len(voxel), 3)]),
        places,
    )


def _note_segments_between(region: Any, records: list[SectionRecord], layout: Layout, voxels: Any, voxel: np.ndarray) -> None:
    """Say where segments are so short that they lie between voxels: what flows there goes nowhere."""
    held = np.zeros(layout.segments.n, dtype=np.bool_)
    held[voxels.owner[voxel]] = True
    for record in records:
        without = int(np.sum(~held[layout.index[record.id]]))
        if without:
            caution(
                f"{without} of the {record.nseg} segments of {record.name} are in no voxel of {region.label}, whose edges are "
                f"{voxels.dx.max():g} um long: currents of ions do not reach it from there, and seg.cai and the like do not "
                f"follow it. Give the region a smaller dx, or {record.name} a smaller nseg."
            )


def _first_touched(
    records: tuple[Any, ...], record: np.ndarray, place: np.ndarray, middle: np.ndarray, dx: np.ndarray
) -> np.ndarray:
    """Segments of voxels as NEURON counts them: of those that hold a corner of the voxel, the nearest to the section's 0 end.

    Corners on the border of two segments are in neither, but for two exceptions: voxels with no other corners, and whole voxels
    in the ball that NEURON puts between two frusta longer than a voxel. Nor are corners at a 3-d point within a segment.
    """
    first = place.copy()
    for number in np.unique(record):
        here = np.flatnonzero(record == number)
        begins, along, radius = borders = _borders(records[number])
        within = ~_on_points(records[number], middle[here], dx)
        first[here] = _first_with_corner(borders, place[here], middle[here], dx, within)
        if records[number].arc[-1] < 1.5 * records[number].nseg * dx.max():
            continue
        border = first[here]
        away = (middle[here] - begins[border])[:, None, :] + (CORNERS - 0.5) * dx
        tie = np.abs(np.einsum("ijk,ik->ij", away, along[border])).min(axis=1) < TIE
        ball = np.einsum("ijk,ijk->ij", away, away).max(axis=1) < radius[border] ** 2 - TIE
        first[here] -= (border > 0) & tie & ball
    return first


def _on_points(record: SectionRecord, middle: np.ndarray, dx: np.ndarray) -> np.ndarray:
    """Which corners of voxels, (n, 8), lie where two frusta of a section meet, in voxels with others within the section.

    Only of sections along an axis, whose points planes of voxels may go through.
    """
    points = record.points[:, :3]
    along = np.diff(points, axis=0)
    length = np.linalg.norm(along, axis=1)
    axis = np.abs(along).argmax(axis=1)
    straight = (length > 0) & (np.abs(along[np.arange(len(along)), axis]) > length * (1 - TIE))
    on = np.zeros((len(middle), 8), dtype=np.bool_)
    for k in range(3):
        chosen = straight & (axis == k)
        planes = np.unique(points[1:-1, k][chosen[:-1] & chosen[1:]])
        if not planes.size:
            continue
        corners = middle[:, None, k] + (CORNERS[:, k] - 0.5) * dx[k]
        next_plane = np.searchsorted(planes, corners - TIE)
        here = np.abs(planes[np.minimum(next_plane, len(planes) - 1)] - corners) < TIE
        ends = points[[0, -1], k]
        others = (corners > ends.min() + TIE) & (corners < ends.max() - TIE) & ~here
        on |= here & others.any(axis=1)[:, None]
    return on


def _rounding(layout: Layout, sections: frozenset[int]) -> np.ndarray:
    """How far NEURON's voxels are from ours, shape (3,), um: it counts them from sizes in single precision.

    On which side of the end of a section the corners of a layer are, that are meant to lie in it, depends on it.
    """
    chosen = layout.selection([record for record in layout.records if record.id in sections]).sections
    points = np.concatenate([layout.morphology.section(int(section)).points for section in chosen])
    off = points.astype(np.float32) - points
    lowest = points[:, :3].argmin(axis=0)
    return np.asarray(off[lowest, np.arange(3)] - off[points[:, 3].argmax(), 3])


def _share_at_joints(
    records: tuple[Any, ...],
    layout: Layout,
    wanted: set[int],
    record: np.ndarray,
    place: np.ndarray,
    middle: np.ndarray,
    dx: np.ndarray,
) -> None:
    """Let voxels with corners in two sections that are joined belong to the segment nearer to the root, as in NEURON.

    ``middle``: where NEURON has the middles of the voxels. ``record`` and ``place`` are changed.
    """
    number_of = {one.id: number for number, one in enumerate(records) if one.id in wanted}
    first, path = np.cumsum([0, *(one.nseg for one in records)]), layout.segments.path_distance
    segment_of = layout.segments_of(records)
    for child in records:
        parent = child.parent
        if parent is None or child.id not in number_of or parent.id not in number_of:
            continue
        pair = (child, number_of[child.id]), (parent, number_of[parent.id])
        near = np.flatnonzero((record == pair[0][1]) | (record == pair[1][1]))
        solids = [solid_of(layout.segments, layout.sections[one.id].tolist()) for one, _ in pair]
        box = [solid.bounds() for solid in solids]
        low, high = np.maximum(box[0][0], box[1][0]) - dx, np.minimum(box[0][1], box[1][1]) + dx
        near = near[((middle[near] > low) & (middle[near] < high)).all(axis=1)]
        corners = middle[near][:, None, :] + (CORNERS - 0.5) * dx
        distance = path[segment_of[first[record[near]] + place[near]]]
        for (one, number), solid in zip(pair, solids, strict=True):
            place_of = {int(segment): at for at, segment in enumerate(layout.index[one.id])}
            found = [
                (owner, inside.reshape(-1, 8).any(axis=1)) for owner, inside in held_by_parts(solid, corners.reshape(-1, 3))
            ]
            found.append(_in_ball(one, child, layout, corners))
            for owner, inside in found:
                closer = inside & (path[owner] < distance - 1e-9)
                record[near[closer]], place[near[closer]] = number, place_of[owner]
                distance[closer] = path[owner]


def _in_ball(one: SectionRecord, child: SectionRecord, layout: Layout, corners: np.ndarray) -> tuple[int, np.ndarray]:
    """The segment of a section at a joint, and voxels that end there and lie in the ball that NEURON puts between two cones."""
    parent, index = child.parent, layout.index[one.id]
    x = child.parent_x if one is parent else float(child.end)
    segment = int(index[min(int(x * len(index)), len(index) - 1)])
    start = layout.morphology.section(int(layout.sections[child.id][0])).points
    along = start[1, :3] - start[0, :3]
    along = along / max(float(np.linalg.norm(along)), 1e-300)
    away = corners - start[0, :3]
    tie = np.abs(away @ along).min(axis=1) < SINGLE
    radius = 0.5 * max(float(start[0, 3]), float(layout.segments.diam[segment]))
    return segment, tie & (np.einsum("ijk,ijk->ij", away, away).max(axis=1) < radius**2 - TIE)


def _first_with_corner(
    borders: tuple[np.ndarray, np.ndarray, np.ndarray],
    place: np.ndarray,
    middle: np.ndarray,
    dx: np.ndarray,
    within: np.ndarray,
) -> np.ndarray:
    """The first segment of a section with a corner of each voxel inside.

    ``place``: the one that holds most of it; ``within``: corners that may be inside, shape (n, 8).
    """
    begins, along, radius = borders
    first, last = place.copy(), len(begins) - 1

    def corners(which: np.ndarray, border: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """How far the corners of voxels are beyond a border, and whether they are near enough to its axis."""
        away = (middle[which] - begins[border])[:, None, :] + (CORNERS - 0.5) * dx
        beyond = np.einsum("ijk,ik->ij", away, along[border])
        near = np.einsum("ijk,ijk->ij", away, away) - beyond**2 < (radius[border] ** 2)[:, None] - TIE
        return beyond, near & within[which]

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
