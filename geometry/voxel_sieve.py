"""Compiled kernel that finds out which primitives reach into the voxels of a block.

In: the voxels of a block that may be cut. Out: those that are outside or full after all, and how the others are to be measured.
"""

from __future__ import annotations

from math import sqrt

from geometry.compiled import forced, inner
from geometry.frustum import AXIS, COSINE, FRUSTUM, LENGTH, LUNE, OBLIQUE, RADIUS, SECOND, SLACK, SLOPE, Array

__all__ = ["ENDED", "FILLED", "FILM", "FLAT", "NONE", "SEVERAL", "SIEVE_ROWS", "SMOOTH", "is_alone", "reaches", "sift"]

NONE, FILLED, SMOOTH, ENDED, SEVERAL, FLAT, FILM = 0, 1, 2, 3, 4, 5, 6
"""What reaches into a voxel: nothing, one primitive that holds all of it, one frustum, one that its flat ends cut, others; one
frustum with a flat end on a face of the voxel, and one that ends on a face from outside, so that only its slack is within."""
ROW = 520
MIDDLE, COUNT, LAST, CUT_OFF, HELD, TOUCHED = (row * ROW for row in (0, 3, 4, 5, 6, 7))
SIEVE_ROWS = 8 * ROW
ON_FACE, BEHIND_FACE = 1.0, 2.0


@inner
def _oblique_reaches(table: Array, p: int, x: float, y: float, z: float, s: float, half: float, dx: Array) -> bool:
    """As `reaches`, for an oblique frustum: by its end planes, the ball around it, and the plane that touches it there.

    That plane is that of the cone across the part of the voxel between the end planes, with its part along the axis as far as
    these allow.
    """
    ax, ay, az, length = table[p, AXIS], table[p, AXIS + 1], table[p, AXIS + 2], table[p, LENGTH]
    bx, by, bz, slope, slack = table[p, SECOND], table[p, SECOND + 1], table[p, SECOND + 2], table[p, SLOPE], table[p, SLACK]
    if -s - half > slack or s - half - length > slack:
        return False
    diagonal = 0.5 * sqrt(dx[0] * dx[0] + dx[1] * dx[1] + dx[2] * dx[2])
    middle, start = 0.5 * length, table[p, RADIUS]
    u, v, w = x - middle * (ax + bx), y - middle * (ay + by), z - middle * (az + bz)
    around = middle * sqrt(1 + bx * bx + by * by + bz * bz) + max(start, start + slope * length) + diagonal + 2 * slack
    if u * u + v * v + w * w > around * around:
        return False
    # a point of the voxel between the planes, and how much further along the axis these let it reach
    at = min(max(s, 0.0), length)
    u, v, w = x - s * ax - at * bx, y - s * ay - at * by, z - s * az - at * bz
    across = sqrt(u * u + v * v + w * w)
    inward = 1 / max(across, 1e-300)
    u, v, w = u * inward, v * inward, w * inward
    rate = slope + u * bx + v * by + w * bz
    ahead = min(s + half, length) - at if rate > 0 else at - max(s - half, 0.0)
    support = 0.5 * (abs(u) * dx[0] + abs(v) * dx[1] + abs(w) * dx[2])
    return (across - start - slope * at - abs(rate) * ahead - support) <= 2 * slack * (1 + abs(rate))


@forced
def reaches(table: Array, p: int, kind: int, x: float, y: float, z: float, dx: Array) -> bool:
    """Whether primitive `p` may reach into the voxel with its middle at a point.

    The primitive is convex. It does not if the voxel lies in front of a plane that touches it: the one that bounds the middle
    most tightly, or a flat face. What reaches in by less than the slack of flat faces is round-off.
    """
    ax, ay, az, slack = table[p, AXIS], table[p, AXIS + 1], table[p, AXIS + 2], table[p, SLACK]
    x, y, z = x - table[p, 0], y - table[p, 1], z - table[p, 2]
    s, half = x * ax + y * ay + z * az, 0.5 * (abs(ax) * dx[0] + abs(ay) * dx[1] + abs(az) * dx[2])
    if kind == OBLIQUE:
        return _oblique_reaches(table, p, x, y, z, s, half, dx)
    slope, cosine, beyond = 0.0, 1.0, 0.0
    if kind == FRUSTUM:
        slope, cosine, beyond = table[p, SLOPE], table[p, COSINE], s - table[p, LENGTH] - half
        u, v, w = x - s * ax, y - s * ay, z - s * az
    else:
        bx, by, bz = table[p, SECOND], table[p, SECOND + 1], table[p, SECOND + 2]
        beyond = -(x * bx + y * by + z * bz) - 0.5 * (abs(bx) * dx[0] + abs(by) * dx[1] + abs(bz) * dx[2])
        u, v, w = x, y, z
    if kind in (FRUSTUM, LUNE) and (-s - half > slack or beyond > slack):
        return False
    across = sqrt(u * u + v * v + w * w)
    inward = cosine / max(across, 1e-300)
    turn = slope * cosine
    support = abs(u * inward - turn * ax) * dx[0] + abs(v * inward - turn * ay) * dx[1] + abs(w * inward - turn * az) * dx[2]
    return (across - table[p, RADIUS] - slope * s) * cosine - 0.5 * support <= 2 * slack


@inner
def _pass_frustum(n: int, table: Array, p: int, dx: Array, w: Array) -> None:
    """Count frustum `p` where it reaches into a voxel, as `reaches` says, and say whether it ends there or holds all of it.

    Also whether a flat end lies on a face of the voxel, on which side, of a frustum along an axis and no shorter than a voxel.
    """
    px, py, pz, ax, ay, az = table[p, 0], table[p, 1], table[p, 2], table[p, AXIS], table[p, AXIS + 1], table[p, AXIS + 2]
    length, start, slope, cosine = table[p, LENGTH], table[p, RADIUS], table[p, SLOPE], table[p, COSINE]
    hx, hy, hz, slack, turn = dx[0], dx[1], dx[2], table[p, SLACK], table[p, SLOPE] * table[p, COSINE]
    half, tilt = 0.5 * (abs(ax) * hx + abs(ay) * hy + abs(az) * hz), 1 + slope * slope
    # how far above its tangent plane at the middle the quadric is at a corner, at most
    bulge = abs(1 - tilt * ax * ax) * hx * hx + abs(1 - tilt * ay * ay) * hy * hy + abs(1 - tilt * az * az) * hz * hz
    bulge = 0.25 * (bulge + 2 * tilt * (abs(ax * ay) * hx * hy + abs(ax * az) * hx * hz + abs(ay * az) * hy * hz))
    near = slack if abs(ax) + abs(ay) + abs(az) == 1 and length >= 2 * half else -1.0
    for k in range(n):
        x, y, z = w[MIDDLE + k] - px, w[MIDDLE + ROW + k] - py, w[MIDDLE + 2 * ROW + k] - pz
        s = x * ax + y * ay + z * az
        x, y, z, radius = x - s * ax, y - s * ay, z - s * az, start + slope * s
        square = x * x + y * y + z * z
        across = sqrt(square)
        inward = cosine / max(across, 1e-300)
        support = abs(x * inward - turn * ax) * hx + abs(y * inward - turn * ay) * hy + abs(z * inward - turn * az) * hz
        before, beyond = -s - half, s - length - half
        off = ((across - radius) * cosine - 0.5 * support > 2 * slack) | (before > slack) | (beyond > slack)
        ends = (half - s > slack) | (s + half - length > slack)
        lean = slope * radius
        gradient = abs(x - lean * ax) * hx + abs(y - lean * ay) * hy + abs(z - lean * az) * hz
        holds = square - radius * radius + gradient + bulge <= 0
        w[COUNT + k] += 0.0 if off else 1.0
        w[LAST + k] = w[LAST + k] if off else p
        w[CUT_OFF + k] = 1.0 if ends and not off else w[CUT_OFF + k]
        w[HELD + k] = 1.0 if holds and not (off or ends) else w[HELD + k]
        # a film's end is closer to the face than what the voxel on the other side takes for close
        film = (abs(before) < 0.5 * near) | (abs(beyond) < 0.5 * near)
        flat = (abs(half - s) < near) | (abs(s + half - length) < near)
        w[TOUCHED + k] = w[TOUCHED + k] if off else (BEHIND_FACE if film else (ON_FACE if flat else 0.0))


@inner
def sift(
    n: int, cells: Array, table: Array, kind: Array, begin: int, end: int, prims: Array, low: Array, dx: Array, w: Array,
    found: Array,
) -> None:  # fmt: skip
    """What reaches into `n` voxels of a block.

    Parameters
    ----------
    n : int
    cells : ndarray of int
        The voxels' cells.
    table, kind : ndarray
        As `geometry.frustum.pack` makes them.
    begin, end, prims : int, int, ndarray of int
        `prims[begin:end]` reach into the block.
    low, dx : ndarray, shape (3,), um
        Lowest corner of the block, and edges of a voxel.
    w : ndarray, shape (SIEVE_ROWS,)
        Room to work in.
    found : ndarray of int
        Written for each: `NONE`, `FILLED` or `SEVERAL`, or 8 times the number of a frustum plus one of the others.
    """
    padded = n + 7 & -8
    for d in range(3):
        shift = 6 - 3 * d
        for k in range(n):
            w[MIDDLE + d * ROW + k] = low[d] + ((cells[k] >> shift & 7) + 0.5) * dx[d]
    for k in range(padded):
        w[COUNT + k], w[LAST + k], w[CUT_OFF + k], w[HELD + k], w[TOUCHED + k] = 0.0, 0.0, 0.0, 0.0, 0.0
    for i in range(begin, end):
        p = int(prims[i])
        if kind[p] == FRUSTUM:
            _pass_frustum(padded, table, p, dx, w)
        else:
            for k in range(n):
                if reaches(table, p, kind[p], w[MIDDLE + k], w[MIDDLE + ROW + k], w[MIDDLE + 2 * ROW + k], dx):
                    w[COUNT + k] += 2
    for k in range(n):
        if w[COUNT + k] == 0:
            found[k] = NONE
        elif w[HELD + k] != 0 and (w[COUNT + k] > 1 or w[TOUCHED + k] == 0):
            found[k] = FILLED
        else:
            found[k] = SEVERAL if w[COUNT + k] > 1 else 8 * int(w[LAST + k]) + _way(k, w)


@forced
def _way(k: int, w: Array) -> int:
    """How to measure the voxel of a lane into which one frustum reaches."""
    if w[TOUCHED + k] == BEHIND_FACE:
        return FILM
    if w[CUT_OFF + k] != 0:
        return ENDED
    return SMOOTH if w[TOUCHED + k] == 0 else FLAT


@inner
def is_alone(
    p: int, table: Array, kind: Array, begin: int, end: int, prims: Array, x: float, y: float, z: float, dx: Array
) -> bool:
    """Whether none of the primitives `prims[begin:end]` but `p` reaches into the voxel with its middle at a point."""
    for i in range(begin, end):
        q = int(prims[i])
        if q != p and reaches(table, q, kind[q], x, y, z, dx):
            return False
    return True
