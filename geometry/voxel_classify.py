"""Compiled pass that classifies the voxels of blocks: outside, full or cut, how the cut ones are measured, and whose they are.

In: the table of primitives, and those that reach into each block (`geometry.voxel_kernels`). Out: arrays over the cells of the
blocks. Distances of the middles from all primitives leave a band of voxels that may be cut, which `geometry.voxel_sieve` sifts.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

import numpy as np

from geometry.compiled import ZERO, inner, lean
from geometry.frustum import AXIS, BALL, COSINE, FRUSTUM, LENGTH, LUNE, OBLIQUE, RADIUS, SLOPE, Array, distance_to
from geometry.voxel_kernels import BLOCK, CELLS, CUT, FULL, OUTSIDE, step
from geometry.voxel_sieve import ENDED, FILLED, FILM, NONE, SIEVE_ROWS, is_alone, sift

__all__ = ["classify"]

ALL_FULL, LOWEST = 0x0101010101010101 * FULL, 0x0101010101010101  # of eight states at once
GATHER = 0x0102040810204080  # brings the lowest bits of eight bytes to the highest byte


@inner
def _distances_of_frustum(
    far: float, alone: bool, table: Array, p: int, x: Array, y: Array, z: Array, best: Array, own: Array
) -> None:
    """Replace distances and nearest primitives of the cells of a block where a frustum is nearer.

    `geometry.frustum.frustum_distance` without branches, for the 64 cells of a plane at a time: LLVM unrolls loops of eight,
    and makes no vectors of what results. Planes that are farther than `far` are left out, and so are those that lie so deep
    inside of a frustum that is `alone` in its block: their distance is `-far`.
    """
    px, py, pz, ax, ay, az = table[p, 0], table[p, 1], table[p, 2], table[p, AXIS], table[p, AXIS + 1], table[p, AXIS + 2]
    length, radius, slope = table[p, LENGTH], table[p, RADIUS], table[p, SLOPE]
    tilt, last, cosine = 1 / (1 + slope * slope), radius + slope * length, table[p, COSINE]
    mid_y, mid_z = 0.5 * (y[0] + y[-1]) - py, 0.5 * (z[0] + z[-1]) - pz
    # of the middle of a plane from its corners, and a little more
    reach = far + 0.5 * sqrt((y[-1] - y[0]) ** 2 + (z[-1] - z[0]) ** 2) * (1 + 1e-9)
    for i in range(BLOCK):
        u, near, nearest = x[i] - px, best[i], own[i]
        s = u * ax + mid_y * ay + mid_z * az
        square = u * u + mid_y * mid_y + mid_z * mid_z - s * s
        depth = (sqrt(square if square > 0 else 0.0) - radius - slope * s) * cosine
        if depth > reach or s < -reach or s > length + reach:
            continue
        if alone and depth < -reach and reach < s < length - reach:
            for k in range(len(y)):
                near[k], nearest[k] = -far, p
            continue
        for k in range(len(y)):
            v, w = y[k] - py, z[k] - pz
            s = u * ax + v * ay + w * az
            square = u * u + v * v + w * w - s * s
            rho = sqrt(square if square > 0 else 0.0)
            t = (s + (rho - radius) * slope) * tilt
            t = t if t > 0 else 0.0
            t = t if t < length else length  # noqa: FURB136 - a call of min is not made a vector
            ds, dr = s - t, rho - radius - slope * t
            lateral = sqrt(ds * ds + dr * dr)
            start, stop = -s, s - length
            inner = stop if stop > start else start  # noqa: FURB136
            within = rho <= radius + slope * s
            # inside the planes: depth or lateral distance; before or behind them: the flat end where it is closer
            cap = (start if rho < radius else lateral) if start > stop else (stop if rho < last else lateral)
            outer = lateral if lateral < cap else cap  # noqa: FURB136
            deep = -lateral if -lateral > inner else inner  # noqa: FURB136
            d = (deep if within else lateral) if inner <= 0 else outer
            nearer = d < near[k]
            near[k] = d if nearer else near[k]
            nearest[k] = p if nearer else nearest[k]


def classify(begin: int, past: int, *arrays: Array) -> None:
    """State of the voxels of blocks `begin` to `past`: outside, full, or cut; and their segments.

    A voxel belongs to the frustum or ball with the smallest signed distance at its middle (the one it lies deepest in); to a
    joint only where nothing else comes near. The arrays are those that `_classify` names: `cut` and `full` as in `Space`, and
    for the cut and full voxels, from `place` on those of each block, `ways` (see `geometry.voxel_sieve`) and `owners`.
    """
    state = np.empty(CELLS, dtype=np.uint8)
    room = Room(
        np.empty(BLOCK), np.empty(BLOCK**2), np.empty(BLOCK**2), np.empty((BLOCK, BLOCK**2)),
        np.empty((BLOCK, BLOCK**2), dtype=np.int32), np.empty(3), np.ones(SIEVE_ROWS), np.empty(CELLS, dtype=np.int64),
        np.empty(CELLS, dtype=np.int64), state, state.view(np.int64), np.empty(CELLS, dtype=np.int32),
    )  # fmt: skip
    _classify(begin, past, room, *arrays)


class Room(NamedTuple):
    """Room for a block: coordinates of cells, distances, nearest primitives; its corner; what `sift` needs; states and ways."""

    x: Array
    y: Array
    z: Array
    best: Array
    own: Array
    low: Array
    rows: Array
    cells: Array
    found: Array
    state: Array
    states: Array
    way: Array


@lean
def _classify(
    begin: int, past: int, room: Room, table: Array, kind: Array, piece: Array, stop: Array, owner: Array, origin: Array, dx:
    Array, corner: Array, beside: Array, first: Array, prims: Array, cut: Array, full: Array, place: Array, ways: Array,
    owners: Array,
) -> None:  # fmt: skip
    x, y, z, best, own, low, rows, cells, found, state, _, way = room
    far = 0.5 * sqrt(dx[0] ** 2 + dx[1] ** 2 + dx[2] ** 2) * (1 + 1e-9)
    at = begin * CELLS
    for block in range(begin, past):
        for d in range(3):
            low[d] = origin[d] + corner[block, d] * dx[d]
        _place_middles(low, dx, x, y, z)
        _find_nearest(far, table, kind, first[block], first[block + 1], prims, x, y, z, best, own)
        count = _list_near(far, room)
        sift(count, cells, table, kind, first[block], first[block + 1], prims, low, dx, rows, found)
        for j in range(count):
            if found[j] & 7 == FILM:
                found[j] = _judge_film(block, int(cells[j]), int(found[j]) >> 3, room, table, kind, dx, beside, first, prims)
            state[cells[j]] = OUTSIDE if found[j] == NONE else (FULL if found[j] == FILLED else CUT)
            way[cells[j]] = found[j]
        place[block] = at
        single = prims[first[block]] if first[block + 1] == first[block] + 1 else -1
        at = _list_present(block, at, single, room, table, piece, stop, owner, cut, full, ways, owners)


@inner
def _judge_film(
    block: int, cell: int, p: int, room: Room, table: Array, kind: Array, dx: Array, beside: Array, first: Array, prims: Array
) -> int:
    """How to measure a voxel into which a flat end of frustum `p` reaches by its slack alone, if at all.

    It is empty where the voxel in front of it holds nothing but `p`, and counts the end itself; else what else is there may
    need it.
    """
    x, y, z = room.x[cell >> 6], room.y[cell & 63], room.z[cell & 63]
    ax, ay, az = table[p, AXIS], table[p, AXIS + 1], table[p, AXIS + 2]
    s = (x - table[p, 0]) * ax + (y - table[p, 1]) * ay + (z - table[p, 2]) * az
    inwards = 1.0 if s < 0 else -1.0
    d = 0 if abs(ax) > 0.5 else (1 if abs(ay) > 0.5 else 2)
    other, _ = step(block, cell, 2 * d + (1 if inwards * (ax + ay + az) > 0 else 0), beside)
    if other < 0:
        return 8 * p + ENDED
    x, y, z = x + inwards * ax * dx[0], y + inwards * ay * dx[1], z + inwards * az * dx[2]
    return NONE if is_alone(p, table, kind, first[other], first[other + 1], prims, x, y, z, dx) else 8 * p + ENDED


@inner
def _list_near(far: float, room: Room) -> int:
    """States by distance, and the cells that may be cut; returns the number of these."""
    best, cells, state, states = room.best, room.cells, room.state, room.states
    for i in range(BLOCK):
        for k in range(BLOCK * BLOCK):
            d = best[i, k]
            state[64 * i + k] = OUTSIDE if d >= far else (FULL if d <= -far else CUT)
    count = ZERO
    for row in range(64):
        if states[row] == 0 or states[row] == ALL_FULL:
            continue
        for cell in range(8 * row, 8 * row + 8):
            cells[count] = cell
            count += state[cell] == CUT
    return count


@inner
def _list_present(
    block: int, at: int, single: int, room: Room, table: Array, piece: Array, stop: Array, owner: Array, cut: Array, full:
    Array, ways: Array, owners: Array,
) -> int:  # fmt: skip
    """Bits of the cut and full voxels of a block; their ways and owners from `at` on. Returns where the next block's begin.

    `single` is the only primitive that reaches into the block, or -1.
    """
    only = piece[max(single, 0)]
    simple = single >= 0 and piece[single + 1] == only + 1
    for row in range(64):
        states = room.states[row]
        cut[block, row] = ((states >> 1) & LOWEST) * GATHER >> 56 & 255
        full[block, row] = (states & LOWEST) * GATHER >> 56 & 255
        if states == 0:
            continue
        if simple:
            for k in range(8):
                ways[at], owners[at] = room.way[8 * row + k], owner[only]
                at += room.state[8 * row + k] != OUTSIDE
            continue
        for k in range(8):
            cell, i = 8 * row + k, row >> 3
            if room.state[cell] != OUTSIDE:
                p = room.own[i, cell & 63]
                which = piece[p]
                if piece[p + 1] > which + 1:
                    x, y, z = room.x[i], room.y[cell & 63], room.z[cell & 63]
                    which = _piece(table, p, which, piece[p + 1], stop, x, y, z, room.best[i, cell & 63] < 0)
                ways[at], owners[at] = room.way[cell], owner[which]
                at += 1
    return at


@inner
def _place_middles(low: Array, dx: Array, x: Array, y: Array, z: Array) -> None:
    """Coordinates of the middles of a block's cells: x by plane, y and z by place in the plane."""
    for i in range(BLOCK):
        x[i] = low[0] + (i + 0.5) * dx[0]
    for k in range(BLOCK * BLOCK):
        y[k], z[k] = low[1] + ((k >> 3) + 0.5) * dx[1], low[2] + ((k & 7) + 0.5) * dx[2]


@inner
def _find_nearest(
    far: float, table: Array, kind: Array, begin: int, end: int, prims: Array, x: Array, y: Array, z: Array, best: Array, own:
    Array,
) -> None:  # fmt: skip
    """Signed distances of the middles of a block's cells, at most `far`, and the nearest primitives, -1 where they are far."""
    for i in range(BLOCK):
        for k in range(BLOCK * BLOCK):
            best[i, k], own[i, k] = far, -1
    rest = False
    for i in range(begin, end):
        p = int(prims[i])
        if kind[p] == FRUSTUM:
            _distances_of_frustum(far, end == begin + 1, table, p, x, y, z, best, own)
        else:
            rest = True
    if rest:
        _add_others(table, kind, begin, end, prims, x, y, z, best, own)


@inner
def _piece(table: Array, p: int, first: int, past: int, stop: Array, x: float, y: float, z: float, inside: bool) -> int:
    """The piece of a frustum that a point lies in, or that is closest to it."""
    x, y, z, slope = x - table[p, 0], y - table[p, 1], z - table[p, 2], table[p, SLOPE]
    s = x * table[p, AXIS] + y * table[p, AXIS + 1] + z * table[p, AXIS + 2]
    if not inside:
        beyond = sqrt(max(x * x + y * y + z * z - s * s, 0.0)) - table[p, RADIUS] - slope * s
        s += max(beyond, 0.0) * slope / (1 + slope * slope)
    # of equal pieces, as most are, this is the right one but for round-off
    at = min(max(first + int(s / table[p, LENGTH] * (past - first)), first), past - 1)
    while at + 1 < past and s >= stop[at]:
        at += 1
    while at > first and s < stop[at - 1]:
        at -= 1
    return at


@inner
def _add_others(
    table: Array, kind: Array, begin: int, end: int, prims: Array, x: Array, y: Array, z: Array, best: Array, own: Array
) -> None:
    """Let oblique frusta, balls and joints change the distances of a block's cells.

    Oblique frusta, of which somas are made, own all whose middles they contain; joints own what nothing else comes near.
    """
    for which in (OBLIQUE, BALL, LUNE):
        for j in range(begin, end):
            p = int(prims[j])
            if kind[p] == which:
                for i in range(BLOCK):
                    for k in range(BLOCK * BLOCK):
                        d, owner = distance_to(table, kind, p, x[i], y[k], z[k]), own[i, k]
                        mine = which == OBLIQUE or (which == BALL and (owner < 0 or kind[owner] != OBLIQUE))
                        if d < best[i, k]:
                            best[i, k] = d
                            own[i, k] = p if mine or owner < 0 else owner
                        elif which == OBLIQUE and d < 0:
                            own[i, k] = p
