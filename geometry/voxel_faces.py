"""Compiled kernels that measure faces of voxels in closed form, many at a time.

In: faces across which the surface of a frustum runs, one to a lane. Out: how much of each lies inside, and its moment along the
axis of the frustum.

The plane of a face cuts the frustum in the inside of a conic `a x^2 + 2 b xy + c y^2 + 2 d x + 2 e y + f <= 0`, in coordinates
of the unit square. Nearly always the surface crosses two of the four sides, and what lies inside is a polygon and one segment
between its chord and the arc (`geometry.voxel_cone`). Faces are turned and mirrored so that three arrangements are left: one
corner inside, at (0, 0); one corner outside, there; two corners inside, (0, 0) and (1, 0). All lanes go through the same
instructions, which become vectors. What is not like that, or not at all inside although it might be, is found on the way and
measured one by one.

Rows of a table lie one after the other in one array: from constant distances the compiler sees that they do not overlap.
"""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

from geometry.compiled import ZERO, forced, inner
from geometry.frustum import Array
from geometry.voxel_cone import STRAIGHT, inside_conic, unit_square

__all__ = ["CORNER_IN", "CORNER_OUT", "FACE_ROWS", "ODD", "SIDE_IN", "TOUCHED", "FaceRoom", "measure_faces"]

MOST_FACES = 6 * 128 + 24  # in one call; the distance of rows, which no two rows should have in common with memory pages
VALUE, A, B, C, WEIGHT, KIND, OPEN, MOMENT = (row * MOST_FACES for row in (0, 4, 5, 6, 7, 9, 10, 11))
ODDITY, FIRST, SECOND, SEGMENT, TURN, RISE, WX, WY = (row * MOST_FACES for row in (12, 13, 14, 15, 16, 17, 18, 19))
FACE_ROWS = 20 * MOST_FACES
CORNER_IN, CORNER_OUT, SIDE_IN, TOUCHED, ODD = 0.0, 1.0, 2.0, 3.0, 4.0
"""Arrangements: one corner inside, all but one, two neighbours, none although the surface is near, two opposite ones."""


def _term(k: int) -> float:
    return -2 * (-1) ** k / ((2 * k - 1) * (2 * k + 1) * (2 * k + 3))


WIDEST = 0.25  # squared tangent of a quarter of the arc's angle up to which the series below hold
# area of a segment over chord times sagitta, and that times how far out its centroid is, as power series of the same number:
# see `geometry.voxel_cone`; the terms of the second are half the differences of those of the first
TERMS = tuple(_term(k) for k in range(13))
OUTWARDS = tuple((_term(k) - _term(k + 1)) / 2 for k in range(13))


class FaceRoom(NamedTuple):
    """The table of faces, and room for `geometry.voxel_cone.inside_conic`."""

    table: Array
    corner: Array
    conic: Array
    found: Array


@forced
def _crossing(start: float, stop: float, square: float) -> float:
    """Where a quadratic with values of different sign at 0 and 1 is zero; `square` is the factor of `t^2`."""
    b = 0.5 * (stop - start - square)
    s = sqrt(max(b * b - square * start, 0.0))
    q = -b - s if b > 0 else s - b
    within = b > 0 if start <= 0 else b < 0
    return (start if within else q) / (q if within else square)


@forced
def _dips(start: float, stop: float, square: float) -> bool:
    """Whether a quadratic is above zero at 0 and 1 and not in between."""
    b = 0.5 * (stop - start - square)
    out, turns, deep = (start > 0) & (stop > 0), (b < 0) & (square + b > 0), b * b > square * start
    return out & turns & deep


@forced
def _series(terms: tuple[float, ...], m: float) -> float:
    """Sum of 13 terms of a power series."""
    high = (terms[12] * m + terms[11]) * m + terms[10]
    high = (high * m + terms[9]) * m + terms[8]
    high = (high * m + terms[7]) * m + terms[6]
    high = (high * m + terms[5]) * m + terms[4]
    high = (high * m + terms[3]) * m + terms[2]
    return (high * m + terms[1]) * m + terms[0]


@inner
def _areas(n: int, f: Array) -> None:
    """Open parts of the faces in lanes 0 to `n`, and which of them must be measured otherwise."""
    for k in range(n):
        v00, v10 = f[VALUE + k], f[VALUE + MOST_FACES + k]
        v01, v11 = f[VALUE + 2 * MOST_FACES + k], f[VALUE + 3 * MOST_FACES + k]
        a, b, c, kind = f[A + k], f[B + k], f[C + k], f[KIND + k]
        d, e = 0.5 * (v10 - v00 - a), 0.5 * (v01 - v00 - c)
        along, turn = kind == SIDE_IN, 1.0 if kind == CORNER_IN else -1.0
        # one crossing is on the side that starts at (0, 0) along x, or along y, the other on the side across
        r = _crossing(v00, v01 if along else v10, c if along else a)
        s = _crossing(v10 if along else v00, v11 if along else v01, c)
        r, s = min(max(r, 0.0), 1.0), min(max(s, 0.0), 1.0)
        x0, y0, x1, y1 = (0.0 if along else r), (r if along else 0.0), (1.0 if along else 0.0), s
        polygon = 0.5 * (r + s) if along else 0.5 * r * s
        polygon = 1 - polygon if kind == CORNER_OUT else polygon
        # the segment to the right of the chord: see `geometry.voxel_cone`
        ux, uy, x, y = turn * (x1 - x0), turn * (y1 - y0), 0.5 * (x0 + x1), 0.5 * (y0 + y1)
        wx, wy = a * ux + b * uy, b * ux + c * uy
        across, determinant = ux * wx + uy * wy, a * c - b * b
        square, half = determinant * across, wy * (a * x + b * y + d) - wx * (b * x + c * y + e)
        root = sqrt(max(half * half + 0.25 * square * across, 0.0))
        t = (0.25 * across if half > 0 else root - half) / (half + root if half > 0 else square)
        m = 4 * square * t * t / across
        straight = across <= STRAIGHT * (abs(a) + abs(b) + abs(c)) * (ux * ux + uy * uy)
        straight = straight | ((half <= 0) & (square <= 0))
        t, m = (0.0 if straight else t), (0.0 if straight else m)
        area = _series(TERMS, m) * t * across
        # nothing but an ellipse within the face meets none of its sides
        ex, ey = b * e - c * d, b * d - a * e
        ellipse = (ex > 0) & (ex < determinant) & (ey > 0) & (ey < determinant) & (v00 * determinant + ex * d + ey * e < 0)
        odd = _dips(v00, v10, a) | _dips(v01, v11, a) | _dips(v00, v01, c) | _dips(v10, v11, c)
        odd = odd | (ellipse & (kind == TOUCHED)) | (kind == ODD)
        odd = odd | ((abs(m) > WIDEST) & (kind < TOUCHED))
        f[OPEN + k] = polygon + area if kind < TOUCHED else 0.0
        f[ODDITY + k] = 1.0 if odd else 0.0
        f[FIRST + k], f[SECOND + k], f[SEGMENT + k], f[TURN + k] = r, s, area, m
        f[RISE + k], f[WX + k], f[WY + k] = t * t * across, wx, wy


@inner
def _moments(n: int, f: Array) -> None:
    """Moments of the same about the middles of the faces, along the axis of the frustum."""
    for k in range(n):
        kind, r, s, area, m = f[KIND + k], f[FIRST + k], f[SECOND + k], f[SEGMENT + k], f[TURN + k]
        wx, wy, p, q = f[WX + k], f[WY + k], f[WEIGHT + k], f[WEIGHT + MOST_FACES + k]
        along = kind == SIDE_IN
        x = (r + 2 * s) / 6 if along else r * r * s / 6
        y = (r * r + r * s + s * s) / 6 if along else r * s * s / 6
        x, y = (0.5 - x if kind == CORNER_OUT else x), (0.5 - y if kind == CORNER_OUT else y)
        out = _series(OUTWARDS, m) * f[RISE + k]
        x += area * (0.5 if along else 0.5 * r) + out * wy
        y += area * (0.5 * (r + s) if along else 0.5 * s) - out * wx
        inside = f[OPEN + k]
        f[MOMENT + k] = p * (x - 0.5 * inside) + q * (y - 0.5 * inside) if kind < TOUCHED else 0.0


@inner
def _one_face(k: int, room: FaceRoom) -> None:
    """Area and moment of one face in whatever arrangement."""
    f, corner, conic, found = room
    v00, v10, v01 = f[VALUE + k], f[VALUE + MOST_FACES + k], f[VALUE + 2 * MOST_FACES + k]
    conic[0], conic[1], conic[2], conic[5] = f[A + k], f[B + k], f[C + k], v00
    conic[3], conic[4] = 0.5 * (v10 - v00 - f[A + k]), 0.5 * (v01 - v00 - f[C + k])
    unit_square(corner)
    inside_conic(corner, ZERO + 4, conic, found)
    f[OPEN + k] = found[0]
    f[MOMENT + k] = f[WEIGHT + k] * (found[1] - 0.5 * found[0])
    f[MOMENT + k] += f[WEIGHT + MOST_FACES + k] * (found[2] - 0.5 * found[0])


@inner
def measure_faces(n: int, moments: bool, room: FaceRoom) -> None:
    """Open parts of `n` faces, and their moments if these are wanted.

    Parameters
    ----------
    n : int
        Lanes in use; those up to the next multiple of 16 are computed along.
    moments : bool
    room : FaceRoom
        Rows of the table are read from `VALUE` (at the corners (0, 0), (1, 0), (0, 1), (1, 1)), `A`, `B`, `C` (of the conic),
        `WEIGHT` (what x and y count in the moment) and `KIND`, and written from `OPEN` and `MOMENT`.
    """
    f = room.table
    _areas(n + 15 & -16, f)
    if moments:
        _moments(n + 15 & -16, f)
    for k in range(n):
        if f[ODDITY + k] != 0:
            _one_face(k, room)
        whole = min(max(f[OPEN + k], 0.0), 1.0)
        f[OPEN + k] = whole if whole < 1 - 1e-12 else 1.0
