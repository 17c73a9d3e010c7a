"""Compiled kernel that measures the voxels of a block into which one and the same frustum reaches, many at a time.

In: voxels that neither flat end of the frustum cuts. Out: the open fractions of their lower faces, the fractions of their
volumes, and the areas of their surfaces, in closed form. The method is that of `geometry.voxel_cone`; a face between two of the
voxels is measured once for both (`geometry.voxel_faces`).
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from geometry.compiled import ZERO, forced, inner
from geometry.frustum import AXIS, COSINE, LENGTH, RADIUS, SLOPE, Array
from geometry.voxel_cone import ALMOST, CORNERS, STEEP
from geometry.voxel_faces import (
    CORNER_IN,
    CORNER_OUT,
    FACE_ROWS,
    KIND,
    MOMENT,
    MOST_FACES,
    ODD,
    OPEN,
    SIDE_IN,
    TOUCHED,
    VALUE,
    WEIGHT,
    A,
    B,
    C,
    FaceRoom,
    measure_faces,
)

__all__ = ["LANES", "LaneRoom", "lane_room", "measure_lanes"]

LANES = 128
ROW = LANES + 8
LOW, MIDDLE, CORNER, BITS, FACE, LEVER, SEEN, TURNED, ROUND, VOLUME, SIDE = (
    row * ROW for row in (0, 3, 4, 12, 13, 19, 25, 26, 27, 28, 29)
)
ROWS = 30 * ROW
CLOSED, WHOLE, FIRST = 0, 1, 2  # entries of the table of faces that stand for all those without and all those within
ALONG, ACROSS = (2, 1, 4), (1, 4, 2)  # bits of a corner's number for the two axes after each
# how a face with some corners inside (bits 0 to 3: at (0, 0), (1, 0), (0, 1), (1, 1)) is turned: which corner becomes (0, 0),
# whether x and y change places, and the arrangement
ORIGIN = (0, 0, 1, 0, 2, 0, 0, 3, 3, 0, 1, 2, 2, 1, 0, 0)
SWAPPED = (0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0)
ARRANGED = (
    TOUCHED, CORNER_IN, CORNER_IN, SIDE_IN, CORNER_IN, SIDE_IN, ODD, CORNER_OUT,
    CORNER_IN, ODD, SIDE_IN, CORNER_OUT, SIDE_IN, CORNER_OUT, CORNER_OUT, TOUCHED,
)  # fmt: skip


class LaneRoom(NamedTuple):
    """Rows of numbers; the voxel of each lane, and its cell; lanes by cell, or -1; faces of lanes; numbers of `_planes`."""

    rows: Array
    voxels: Array
    cells: Array
    lane_of: Array
    slot: Array
    plane: Array
    faces: FaceRoom


def lane_room() -> LaneRoom:
    """Room for one thread."""
    table = np.zeros(FACE_ROWS)
    # lanes that nobody has used yet are computed along
    table[VALUE:A], table[KIND:OPEN] = 1.0, TOUCHED
    faces = FaceRoom(table, np.empty((3, CORNERS)), np.empty(6), np.empty(3))
    voxels, cells, lane_of = np.empty(LANES, dtype=np.int64), np.empty(LANES, dtype=np.int64), np.full(512, -1)
    return LaneRoom(np.ones(ROWS), voxels, cells, lane_of, np.empty(6 * ROW, dtype=np.int64), np.empty((3, 6)), faces)


@inner
def _values(n: int, table: Array, p: int, dx: Array, w: Array) -> None:
    """The quadric at the corners `4 i + 2 j + k` of the voxels, and which of them are inside, as the bits of a number."""
    ax, ay, az, start, slope = table[p, AXIS], table[p, AXIS + 1], table[p, AXIS + 2], table[p, RADIUS], table[p, SLOPE]
    hx, hy, hz, tilt = dx[0], dx[1], dx[2], 1 + table[p, SLOPE] ** 2
    xx, yy, zz = (1 - tilt * ax * ax) * hx * hx, (1 - tilt * ay * ay) * hy * hy, (1 - tilt * az * az) * hz * hz
    xy, xz, yz = -2 * tilt * ax * ay * hx * hy, -2 * tilt * ax * az * hx * hz, -2 * tilt * ay * az * hy * hz
    half = 0.5 * (ax * hx + ay * hy + az * hz)
    for k in range(n):
        x, y, z = w[LOW + k], w[LOW + ROW + k], w[LOW + 2 * ROW + k]
        s = x * ax + y * ay + z * az
        # with the part across the axis: no cancellation far along a thin frustum
        x, y, z, radius = x - s * ax, y - s * ay, z - s * az, start + slope * s
        c, turn = x * x + y * y + z * z - radius * radius, slope * radius
        dx0, dy0, dz0 = xx + 2 * hx * (x - turn * ax), yy + 2 * hy * (y - turn * ay), zz + 2 * hz * (z - turn * az)
        v1, v2, v4 = c + dz0, c + dy0, c + dx0
        v3, v5, v6 = v2 + dz0 + yz, v4 + dz0 + xz, v4 + dy0 + xy
        v7 = v6 + dz0 + xz + yz
        w[MIDDLE + k] = s + half
        w[CORNER + k], w[CORNER + ROW + k], w[CORNER + 2 * ROW + k], w[CORNER + 3 * ROW + k] = c, v1, v2, v3
        w[CORNER + 4 * ROW + k], w[CORNER + 5 * ROW + k], w[CORNER + 6 * ROW + k], w[CORNER + 7 * ROW + k] = v4, v5, v6, v7
        low = (1.0 if c <= 0 else 0.0) + (2.0 if v1 <= 0 else 0.0) + (4.0 if v2 <= 0 else 0.0) + (8.0 if v3 <= 0 else 0.0)
        high = (16.0 if v4 <= 0 else 0.0) + (32.0 if v5 <= 0 else 0.0) + (64.0 if v6 <= 0 else 0.0)
        w[BITS + k] = low + high + (128.0 if v7 <= 0 else 0.0)


@inner
def _planes(table: Array, p: int, dx: Array, plane: Array) -> None:
    """For faces normal to each axis: the conic's factors, what places count in the moment, how far between corners it dips."""
    tilt = 1 + table[p, SLOPE] ** 2
    for d in range(3):
        b, c = (d + 1) % 3, (d + 2) % 3
        along, across = table[p, AXIS + b] * dx[b], table[p, AXIS + c] * dx[c]
        plane[d, 0], plane[d, 1] = dx[b] ** 2 - tilt * along**2, -tilt * along * across
        plane[d, 2] = dx[c] ** 2 - tilt * across**2
        plane[d, 3], plane[d, 4] = along, across
        plane[d, 5] = 0.25 * (max(plane[d, 0], 0.0) + max(plane[d, 2], 0.0))


@forced
def _add_face(k: int, d: int, side: int, bits: int, count: int, w: Array, plane: Array, f: Array) -> int:
    """Entry of the face of voxel `k` at one side of axis `d` in the table; a new one, `count`, if the surface may cross it."""
    along, across = ALONG[d], ACROSS[d]
    at = side * (4 >> d)
    inside = bits >> at & 1 | (bits >> (at + along) & 1) << 1 | (bits >> (at + across) & 1) << 2
    inside |= (bits >> (at + along + across) & 1) << 3
    if inside == 15:
        return WHOLE
    origin, swapped = ORIGIN[inside], SWAPPED[inside]
    right, up = origin & 1, origin >> 1
    at += right * along + up * across
    first, second = (across, along) if swapped else (along, across)
    v00, v10 = w[CORNER + at * ROW + k], w[CORNER + (at ^ first) * ROW + k]
    v01, v11 = w[CORNER + (at ^ second) * ROW + k], w[CORNER + (at ^ first ^ second) * ROW + k]
    if inside == 0 and min(min(v00, v10), min(v01, v11)) > plane[d, 5]:  # noqa: PLW3301 - of four, numba compiles another function
        return CLOSED
    j = count
    f[VALUE + j], f[VALUE + MOST_FACES + j], f[VALUE + 2 * MOST_FACES + j], f[VALUE + 3 * MOST_FACES + j] = v00, v10, v01, v11
    f[A + j], f[C + j] = plane[d, 2 * swapped], plane[d, 2 - 2 * swapped]
    f[B + j] = -plane[d, 1] if right ^ up else plane[d, 1]
    x, y = -plane[d, 3] if right else plane[d, 3], -plane[d, 4] if up else plane[d, 4]
    f[WEIGHT + j], f[WEIGHT + MOST_FACES + j] = (y, x) if swapped else (x, y)
    f[KIND + j] = ARRANGED[inside]
    return j


@inner
def _list_faces(n: int, room: LaneRoom) -> int:
    """Put the faces of the voxels into the table, those between two of them once; returns how many entries that has."""
    w, slot, plane, f = room.rows, room.slot, room.plane, room.faces.table
    count = ZERO + FIRST
    for k in range(n):
        bits, cell = int(w[BITS + k]), room.cells[k]
        for d in range(3):
            shift = 6 - 3 * d
            at, stride = cell >> shift & 7, 1 << shift
            j = _add_face(k, d, ZERO, bits, count, w, plane, f)
            count = max(count, j + 1)
            slot[2 * d * ROW + k] = j
            if at > 0 and room.lane_of[cell - stride] >= 0:
                slot[(2 * d + 1) * ROW + room.lane_of[cell - stride]] = j
            if at == 7 or room.lane_of[cell + stride] < 0:
                j = _add_face(k, d, ZERO + 1, bits, count, w, plane, f)
                count = max(count, j + 1)
                slot[(2 * d + 1) * ROW + k] = j
    return count


@inner
def _volumes(n: int, table: Array, p: int, dx: Array, w: Array) -> None:
    """Fractions of the volume and areas of the side from the faces: see `geometry.voxel_cone.measure_cone`."""
    unit, thick, slope, cosine = dx[0] * dx[1] * dx[2], max(dx[0], max(dx[1], dx[2])), table[p, SLOPE], table[p, COSINE]  # noqa: PLW3301
    for k in range(n):
        w[SEEN + k], w[TURNED + k], w[ROUND + k] = 0.0, 0.0, 0.0
    for d in range(3):
        along, edge = table[p, AXIS + d], dx[d]
        rate = along / edge
        low, lower, upper, before, beyond = LOW + d * ROW, FACE + 2 * d * ROW, FACE + (2 * d + 1) * ROW, LEVER + 2 * d * ROW, 0
        beyond = before + ROW
        for k in range(n):
            height = (w[MIDDLE + k] * along - w[low + k]) / edge
            w[SEEN + k] += height * w[lower + k] + (1 - height) * w[upper + k]
            w[TURNED + k] += rate * (w[upper + k] - w[lower + k])
            w[ROUND + k] += 0.5 * along * along * (w[lower + k] + w[upper + k]) + rate * (w[beyond + k] - w[before + k])
    start, on = table[p, RADIUS], (2 * thick if slope > 0 else (-2 * thick if slope < 0 else 0.0))
    for k in range(n):
        radius, seen, turned = start + slope * w[MIDDLE + k], w[SEEN + k], w[TURNED + k]
        size = abs(radius)
        pointed = (abs(slope) * thick > ALMOST * size) & (abs(slope) > STEEP)
        away = radius / slope if pointed else 0.0
        volume = (seen + away * turned) / 3 if pointed else w[ROUND + k]
        tangent = max((radius + slope * on) * cosine, 1e-300)
        w[SIDE + k] = max(unit * (3 * volume - seen + on * turned) / tangent, 0.0)
        volume = min(max(volume, 0.0), 1.0)
        w[VOLUME + k] = volume if volume < 1 - 1e-12 else 1.0


@inner
def measure_lanes(n: int, table: Array, p: int, origin: Array, dx: Array, corner: Array, block: int, room: LaneRoom) -> None:
    """Measure `n` voxels of a block into which frustum `p` reaches, none of them cut by its flat ends.

    Parameters
    ----------
    n : int
        At most `LANES`; `room.cells` are their cells.
    table, p : ndarray, int
        The table of `geometry.frustum.pack`, and a row there.
    origin, dx : ndarray, shape (3,), um
        Corner of voxel (0, 0, 0) of the grid, and edges of the voxels.
    corner, block : ndarray of int, int
        Lowest voxels of the blocks, and the number of this one.
    room : LaneRoom
        Rows from `FACE` get the open fractions of the six faces, `VOLUME` the fraction of the volume, `SIDE` the area of the
        side, um2.
    """
    w, slot, f = room.rows, room.slot, room.faces.table
    for d in range(3):
        base, shift = origin[d] + corner[block, d] * dx[d] - table[p, d], 6 - 3 * d
        for k in range(n):
            w[LOW + d * ROW + k] = base + (room.cells[k] >> shift & 7) * dx[d]
    padded = min(n + 15 & -16, LANES)
    _values(padded, table, p, dx, w)
    _planes(table, p, dx, room.plane)
    for k in range(n):
        room.lane_of[room.cells[k]] = k
    count = _list_faces(n, room)
    for k in range(n):
        room.lane_of[room.cells[k]] = -1
    widest, slope = max(table[p, RADIUS], table[p, RADIUS] + table[p, SLOPE] * table[p, LENGTH]), abs(table[p, SLOPE])
    thick = sqrt(dx[0] ** 2 + dx[1] ** 2 + dx[2] ** 2)
    moments = slope <= STEEP or slope * thick <= 2 * ALMOST * (widest + slope * thick)
    measure_faces(count, moments, room.faces)
    f[OPEN + WHOLE] = 1.0
    for face in range(6):
        for k in range(n):
            j = slot[face * ROW + k]
            w[FACE + face * ROW + k], w[LEVER + face * ROW + k] = f[OPEN + j], f[MOMENT + j]
    _volumes(padded, table, p, dx, w)
