"""Compiled passes that measure the cut voxels.

In: blocks of classified voxels (`geometry.voxel_kernels`). Out: for every cut voxel the fraction inside of its volume and of
its lower faces, and the area of its surface. Voxels into which one frustum reaches, most of them, are measured in closed form
(`geometry.voxel_cone`); the others are *rough*, and measured along lines (`geometry.voxel_lines`).
"""

from __future__ import annotations

from math import sqrt
from typing import Final, NamedTuple

import numpy as np

from geometry.compiled import ZERO, forced, inner, lean
from geometry.frustum import AXIS, FRUSTUM, LENGTH, RADIUS, SLACK, SLOPE, Array
from geometry.voxel_cone import CORNERS, measure_cone
from geometry.voxel_forms import FORM, holds, localise, order_axes
from geometry.voxel_kernels import CUT, FULL, OUTSIDE, Space, reach, state_of, step
from geometry.voxel_lanes import FACE, LANES, MIDDLE, ROW, SIDE, VOLUME, LaneRoom, lane_room, measure_lanes
from geometry.voxel_lines import (
    CUTS,
    LINES,
    MOST_HITS,
    MOST_LINES,
    PLANES,
    UNION,
    complete_fold,
    measure_voxel,
    surface_samples,
)
from geometry.voxel_sieve import ENDED, FLAT, SEVERAL, reaches

__all__ = ["ROUGH", "measure", "measure_rough"]

ROUGH: Final = -1.0
"""Instead of a volume, for a voxel that waits for `measure_rough`."""


class Room(NamedTuple):
    """What is known of a voxel: primitives in it, their local forms, its corner and middle, faces that are to be measured."""

    near: Array
    form: Array
    planes: Array
    low: Array
    middle: Array
    wanted: Array


class Cones(NamedTuple):
    """Room for `geometry.voxel_cone.measure_cone`, in its order."""

    place: Array
    corner: Array
    spare: Array
    conic: Array
    found: Array
    face: Array
    end_area: Array


class Lines(NamedTuple):
    """Room for `geometry.voxel_lines`."""

    axes: Array
    span: Array
    x: Array
    normal: Array
    lines: Array
    low: Array
    high: Array
    union: Array
    order: Array
    start: Array
    stop: Array
    cuts: Array
    pieces: Array
    hits: Array


def _room(most: int) -> Room:
    near, form, planes = np.empty(most, dtype=np.int64), np.empty((most, FORM)), np.empty((most, 2), dtype=bool)
    return Room(near, form, planes, np.empty(3), np.empty(3), np.ones(PLANES, dtype=bool))


def measure(begin: int, past: int, *arrays: Array) -> None:
    """Measure cut voxels `begin` to `past` as far as one frustum reaches into them.

    A face is measured by the voxel above it alone, and only if the voxel below is cut too, so both sides agree to the last bit.
    Blocks count to the range in which they begin.

    Parameters
    ----------
    begin, past : int
    *arrays : ndarray
        As `_measure` names them.
    """
    shapes = (3, (3, CORNERS), (2, CORNERS), 6, 3, 6, 2)
    _measure(begin, past, _room(1), Cones(*(np.empty(shape) for shape in shapes)), lane_room(), *arrays)


def measure_rough(begin: int, past: int, most: int, *arrays: Array) -> None:
    """Measure the rough voxels `begin` to `past` of a list along lines.

    Parameters
    ----------
    begin, past : int
    most : int
        Most primitives in a block.
    *arrays : ndarray
        As `_measure_rough` names them.
    """
    order, start, stop = (np.empty(most, dtype=np.int64) for _ in range(3))
    low, high = np.empty((most, MOST_LINES)), np.empty((most, MOST_LINES))
    lines = Lines(
        np.empty(3, dtype=np.int64), np.empty(2), np.empty(3), np.empty(3), np.zeros((LINES, MOST_LINES)), low, high,
        np.empty(UNION), order, start, stop, np.empty((PLANES, CUTS + 2)), np.empty(PLANES, dtype=np.int64),
        np.empty((6, MOST_HITS)),
    )  # fmt: skip
    _measure_rough(begin, past, _room(most), lines, *arrays)


@inner
def _gather(
    table: Array, kind: Array, prims: Array, begin: int, end: int, low: Array, dx: Array, middle: Array, near: Array, form:
    Array, planes: Array,
) -> int:  # fmt: skip
    """Local forms of the primitives that reach into a voxel; returns their number, or -1 if one of them holds all of it."""
    count = ZERO
    for i in range(begin, end):
        p = int(prims[i])
        if reaches(table, p, kind[p], middle[0], middle[1], middle[2], dx):
            near[count] = p
            count += localise(table, p, kind[p], low, dx, form, planes, count)
    for j in range(count):
        if not (planes[j, 0] or planes[j, 1]) and holds(form, j, dx):
            return -1
    return count


@forced
def _corner(origin: Array, dx: Array, corner: Array, block: int, cell: int, low: Array, middle: Array) -> None:
    """Lowest corner and middle of a voxel."""
    low[0] = origin[0] + (corner[block, 0] + (cell >> 6)) * dx[0]
    low[1] = origin[1] + (corner[block, 1] + (cell >> 3 & 7)) * dx[1]
    low[2] = origin[2] + (corner[block, 2] + (cell & 7)) * dx[2]
    for d in range(3):
        middle[d] = low[d] + 0.5 * dx[d]


@forced
def _neighbours(block: int, cell: int, space: Space, wanted: Array, low_face: Array, v: int) -> None:
    """Which of the three lower faces must be measured; those towards full voxels are open, towards empty ones closed."""
    for d in range(3):
        other, at = step(block, cell, 2 * d, space.beside)
        state = state_of(space, other, at)
        wanted[d] = state == CUT
        low_face[v, d] = 1.0 if state == FULL else 0.0


@lean
def _measure(
    begin: int, past: int, room: Room, cones: Cones, lanes: LaneRoom, table: Array, kind: Array, open_end: Array, origin: Array,
    dx: Array, corner: Array, first: Array, prims: Array, space: Space, ways: Array, low_face: Array, volume: Array, area:
    Array, end_area: Array, end: Array,
) -> None:  # fmt: skip
    start, blocks, cells = begin, space.blocks, space.cells
    while start < past:
        block = int(blocks[start])
        stop = start + 1
        while stop < len(blocks) and blocks[stop] == block:
            stop += 1
        if start == begin and start > 0 and blocks[start - 1] == block:
            start = stop  # the block of another range
            continue
        for v in range(start, stop):
            if ways[v] < 0:
                continue  # measured along with one before
            area[v], end_area[v], end[v] = 0.0, 0.0, -1
            if ways[v] == SEVERAL:
                volume[v] = ROUGH
            elif ways[v] & 7 == ENDED:
                _neighbours(block, int(cells[v]), space, room.wanted, low_face, v)
                _measure_end(v, table, kind, open_end, origin, dx, corner, space, ways[v] >> 3, room, cones, low_face, volume,
                             area, end_area, end)  # fmt: skip
            else:
                _measure_smooth(v, stop, table, open_end, origin, dx, corner, space, ways, lanes, low_face, volume, area,
                                end_area, end)  # fmt: skip
        start = stop


@inner
def _measure_end(
    v: int, table: Array, kind: Array, open_end: Array, origin: Array, dx: Array, corner: Array, space: Space, p: int, room:
    Room, cones: Cones, low_face: Array, volume: Array, area: Array, end_area: Array, end: Array,
) -> None:  # fmt: skip
    """Measure a voxel that flat ends of frustum `p` cut."""
    place, corners, spare, conic, found, face, flat = cones
    _corner(origin, dx, corner, int(space.blocks[v]), int(space.cells[v]), room.low, room.middle)
    localise(table, p, kind[p], room.low, dx, room.form, room.planes, ZERO)
    volume[v], side = measure_cone(
        table, p, room.form, room.planes, room.low, dx, place, corners, spare, conic, found, face, flat
    )  # fmt: skip
    for d in range(3):
        low_face[v, d] = face[2 * d] if room.wanted[d] else low_face[v, d]
    area[v] = side + flat[0] + flat[1]
    for which in range(2):
        if flat[which] > 0 and open_end[p, which] >= 0:
            end_area[v] += flat[which]
            end[v] = open_end[p, which]


@inner
def _measure_smooth(
    v: int, stop: int, table: Array, open_end: Array, origin: Array, dx: Array, corner: Array, space: Space, ways: Array, lanes:
    LaneRoom, low_face: Array, volume: Array, area: Array, end_area: Array, end: Array,
) -> None:  # fmt: skip
    """Measure voxel `v` and those after it in its block that the same frustum reaches into in the same way, up to `LANES`."""
    way, block, n = ways[v], int(space.blocks[v]), ZERO
    for other in range(v, stop):
        if ways[other] == way and n < LANES:
            lanes.voxels[n], lanes.cells[n] = other, space.cells[other]
            n += 1
    measure_lanes(n, table, way >> 3, origin, dx, corner, block, lanes)
    rows = lanes.rows
    for k in range(n):
        u, cell = lanes.voxels[k], int(lanes.cells[k])
        for d in range(3):
            other, at = step(block, cell, 2 * d, space.beside)
            row, bit = at >> 3, at & 7
            # as in `_neighbours`, without a branch for what cannot be foretold
            here = 1.0 if other >= 0 and space.full[other, row] >> bit & 1 else 0.0
            low_face[u, d] = rows[FACE + 2 * d * ROW + k] if other >= 0 and space.cut[other, row] >> bit & 1 else here
        volume[u], area[u], end_area[u], end[u], ways[u] = rows[VOLUME + k], rows[SIDE + k], 0.0, -1, -1
    if way & 7 == FLAT:
        for which in range(2):
            _add_flat_end(which, n, block, way >> 3, table, open_end, dx, space, lanes, area, end_area, end)


@inner
def _add_flat_end(
    which: int, n: int, block: int, p: int, table: Array, open_end: Array, dx: Array, space: Space, lanes: LaneRoom, area:
    Array, end_area: Array, end: Array,
) -> None:  # fmt: skip
    """Add a flat end of frustum `p` to the areas of those voxels on whose faces it lies and nothing goes on."""
    rows, d = lanes.rows, 0 if abs(table[p, AXIS]) > 0.5 else (1 if abs(table[p, AXIS + 1]) > 0.5 else 2)
    half, whole, length = 0.5 * dx[d], dx[0] * dx[1] * dx[2] / dx[d], table[p, LENGTH]
    face = 2 * d + (1 if (table[p, AXIS + d] > 0) == (which == 1) else 0)
    for k in range(n):
        s = rows[MIDDLE + k]
        if abs(s - half if which == 0 else s + half - length) < table[p, SLACK]:
            other, at = step(block, int(lanes.cells[k]), face, space.beside)
            if state_of(space, other, at) == OUTSIDE:
                u, flat = lanes.voxels[k], rows[FACE + face * ROW + k] * whole
                area[u] += flat
                if open_end[p, which] >= 0 and flat > 0:
                    end_area[u] += flat
                    end[u] = open_end[p, which]


@inner
def _is_tube(table: Array, kind: Array, near: Array, count: int, thin: float) -> bool:
    """Whether all that reaches into a voxel is much thinner than the voxel, and starts with a frustum."""
    for i in range(count):
        if reach(table, near[i], kind[near[i]]) >= thin:
            return False
    return bool(kind[near[0]] == FRUSTUM)


@inner
def _find_span(table: Array, kind: Array, near: Array, count: int, a: int, low: Array, dx: Array, span: Array) -> None:
    """Range along axis `a` in which thin primitives may be inside a voxel: where their axes come close to it."""
    least, most = dx[a], 0.0
    for i in range(count):
        p = near[i]
        far = reach(table, p, kind[p])
        s0, s1 = 0.0, table[p, LENGTH] if kind[p] == FRUSTUM else 0.0
        for d in range(3):
            rate, at = table[p, AXIS + d], low[d] - table[p, d]
            if abs(rate) > 1e-9 and s1 > s0:
                t0, t1 = (at - far) / rate, (at + dx[d] + far) / rate
                s0, s1 = max(s0, min(t0, t1)), min(s1, max(t0, t1))
        begin, end = table[p, a] + s0 * table[p, AXIS + a] - low[a], table[p, a] + s1 * table[p, AXIS + a] - low[a]
        least, most = min(least, min(begin, end) - far), max(most, max(begin, end) + far)
    span[0], span[1] = max(least, 0.0), min(most, dx[a])
    if span[0] >= span[1]:
        span[0], span[1] = 0.0, dx[a]


@forced
def _tube_area(table: Array, p: int, middle: Array, volume: float) -> float:
    """Surface of a thin frustum of which a voxel holds some volume, um2."""
    s = 0.0
    for d in range(3):
        s += (middle[d] - table[p, d]) * table[p, AXIS + d]
    s = min(max(s, 0.0), table[p, LENGTH])
    return 2 * volume / max(table[p, RADIUS] + table[p, SLOPE] * s, 1e-12)


@lean
def _measure_rough(
    begin: int, past: int, room: Room, to_line: Lines, rough: Array, table: Array, kind: Array, open_end: Array, origin: Array,
    dx: Array, corner: Array, first: Array, prims: Array, space: Space, low_face: Array, volume: Array, sums: Array, end:
    Array,
) -> None:  # fmt: skip
    """Volume and lower faces of rough voxels, and in `sums` samples of their surface (`geometry.voxel_lines.surface_samples`).

    For thin tubes, which lines miss, there is no first area, and the surface `2 V / R` is the second.
    """
    near, form, planes, low_corner, middle, wanted = room
    axes, span, x, normal, lines, low, high, union, order, start, stop, cuts, pieces, hits = to_line
    thick = max(dx[0], dx[1], dx[2])
    for r in range(begin, past):
        v = rough[r]
        block, cell = int(space.blocks[v]), int(space.cells[v])
        _corner(origin, dx, corner, block, cell, low_corner, middle)
        count = _gather(table, kind, prims, first[block], first[block + 1], low_corner, dx, middle, near, form, planes)
        if count <= 0:
            volume[v], sums[r, :], end[v] = -count, 0.0, -1
            for d in range(3):
                low_face[v, d] = -count
            continue
        _neighbours(block, cell, space, wanted, low_face, v)
        end[v] = surface_samples(
            form, planes, open_end, near, count, x, dx, lines, low, high, union, order, start, stop, normal, hits, sums, r
        )  # fmt: skip
        tube = _is_tube(table, kind, near, count, 0.3 * thick)
        if tube or normal[0] + normal[1] + normal[2] == 0:
            # what few lines meet is thin: slices across its axis see it, and its surface follows from its volume
            for d in range(3):
                normal[d] = 1 - table[near[0], AXIS + d] ** 2
        for d in range(3):
            normal[d] = sqrt(max(normal[d], 0.0))
        order_axes(normal, dx, axes)
        span[0], span[1] = 0.0, dx[axes[0]]
        if tube:
            _find_span(table, kind, near, count, axes[0], low_corner, dx, span)
        volume[v] = measure_voxel(
            form, planes, count, axes, span, wanted, x, dx, lines, low, high, union, order, start, stop, cuts, pieces, low_face,
            v,
        )  # fmt: skip
        if tube:
            surface = _tube_area(table, near[0], middle, volume[v] * dx[0] * dx[1] * dx[2])
            sums[r, 4], sums[r, 9] = min(sums[r, 4] + sums[r, 9], surface), 0.0
            sums[r, 0], sums[r, 5] = 0.0, surface
        elif count > 1 and sums[r, 0] > 0 and sums[r, 5] == 0:
            complete_fold(
                form, planes, open_end, near, count, wanted, pieces, x, dx, lines, low, high, union, order, start, stop, normal,
                hits, sums, r,
            )  # fmt: skip
