"""Compiled kernel that measures a voxel in which one frustum ends, exactly; and the forms that others share.

In: the local form of one frustum (`geometry.voxel_forms`). Out: the open fractions of the six faces, the fraction of the
volume, and the area of the surface. Voxels without a flat end, nearly all, are measured many at a time, with the same forms, by
`geometry.voxel_lanes`.

A plane cuts the frustum in the inside of a conic. Its part within a convex polygon (a face of the voxel, short of the flat
ends) is a polygon and segments between chords and arcs. A segment is the affine image of one of a circle: with the sagitta
drawn in the direction conjugate to the chord, its area is their cross product times a function of one number, which says of
how wide an arc it is, or of which hyperbola.

The rest follows from the divergence theorem, since lines from the apex A of a cone run within its side: of `x - A` only the
flat faces see anything, and `3 V = sum_faces (x - A).n area`. Seen from any point p on the axis, all planes that touch the side
are equally far, `R(p) cos(alpha)`, hence `3 V = sum_faces (x - p).n area + R(p) cos(alpha) side`, which gives the area of the
side. For a cylinder, whose apex is nowhere, the field is the axis times the distance along it, which needs the first moments of
the faces.

Faces are measured in coordinates of the unit cube: volumes, and areas in one plane, keep their ratios.
"""

from __future__ import annotations

from math import atan, atanh, pi, sqrt

from geometry.compiled import ZERO, forced, inner
from geometry.frustum import AXIS, COSINE, RADIUS, SLOPE, Array
from geometry.voxel_forms import holds

__all__ = ["ALMOST", "CORNERS", "STEEP", "STRAIGHT", "inside_conic", "measure_cone", "unit_square"]

CORNERS = 12  # of a square, cut by six planes at most
ALMOST = 1e-8  # edge over the distance of the apex below which a cone is a cylinder: both are as wrong there
STEEP = 1e-7  # the same for slopes, of cones thinner than a voxel
STRAIGHT = 1e-13
WHOLE = 1 - 1e-12
FILM = 1e-8  # part of a voxel between a face and a flat end that agree but for round-off


@forced
def _root(a: float, b: float, c: float) -> float:
    """Where `a t^2 + 2 b t + c`, not above zero at t = 0 and above it at t = 1, leaves the solid."""
    s = sqrt(max(b * b - a * c, 0.0))
    return -c / (b + s) if b > 0 else (s - b) / a


@inner
def _share(m: float) -> float:
    """Area of a segment over that of chord times sagitta; `m` is the squared tangent of a quarter of the arc's angle.

    2/3 for a parabola (m = 0), `[(1 + m)^2 atan(sqrt m) / sqrt m - 1 + m] / (4 m)` for an ellipse and the same with the
    hyperbolic tangent for a hyperbola; `-2 sum (-m)^k / ((2 k - 1) (2 k + 1) (2 k + 3))`.
    """
    if abs(m) > 0.25:
        root = sqrt(abs(m))
        turn = atan(root) if m > 0 else atanh(min(root, 1 - 1e-12))
        return ((1 + m) * (1 + m) * turn / root - 1 + m) / (4 * m)
    square = m * m
    total = 2 / 3 + 2 / 15 * m + square * (-2 / 105 + 2 / 315 * m) + square * square * (-2 / 693 + 2 / 1287 * m)
    if abs(m) < 0.02:
        return total
    more = -2 / 2145 + 2 / 3315 * m + square * (-2 / 4845 + 2 / 6783 * m) + square * square * (-2 / 9177 + 2 / 12075 * m)
    return total + square * square * square * (more - square * square * square * 2 / 15525)


@inner
def _segment(conic: Array, x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float]:
    """Area and first moments of the segment to the right of the chord between two points of a conic."""
    qxx, qxy, qyy = conic[0], conic[1], conic[2]
    ux, uy = x1 - x0, y1 - y0
    wx, wy = qxx * ux + qxy * uy, qxy * ux + qyy * uy
    across = ux * wx + uy * wy
    # from the middle of the chord along d = (wy, -wx), to the right, the form is a t^2 + 2 b t - across / 4
    x, y = 0.5 * (x0 + x1), 0.5 * (y0 + y1)
    a = (qxx * qyy - qxy * qxy) * across
    b = wy * (qxx * x + qxy * y + conic[3]) - wx * (qxy * x + qyy * y + conic[4])
    if across <= STRAIGHT * (abs(qxx) + abs(qxy) + abs(qyy)) * (ux * ux + uy * uy) or (b <= 0 and a <= 0):
        return 0.0, 0.0, 0.0
    t = _root(a, b, -0.25 * across)
    m = 4 * a * t * t / across
    share = _share(m)
    area = share * t * across
    # how far out the centroid is, as a part of the sagitta
    out = 0.4 + 6 / 175 * m if abs(m) < 1e-4 else (2 / (3 * share) - 1 + m) / (2 * m)
    return area, area * (x + out * t * wy), area * (y - out * t * wx)


@forced
def _add_polygon(x0: float, y0: float, x1: float, y1: float, found: Array) -> None:
    """Add area and first moments of the triangle with the origin."""
    cross = 0.5 * (x0 * y1 - x1 * y0)
    found[0] += cross
    found[1] += cross * (x0 + x1) / 3
    found[2] += cross * (y0 + y1) / 3


@forced
def _add_arc(conic: Array, x0: float, y0: float, x1: float, y1: float, found: Array) -> None:
    """Add the part to the left of an arc between two points of the conic."""
    _add_polygon(x0, y0, x1, y1, found)
    area, x, y = _segment(conic, x0, y0, x1, y1)
    found[0] += area
    found[1] += x
    found[2] += y


@inner
def inside_conic(corner: Array, n: int, conic: Array, found: Array) -> None:
    """Area and first moments of what a conic has of a convex polygon with `n` corners (x, y), counter-clockwise."""
    found[0], found[1], found[2] = 0.0, 0.0, 0.0
    seen, from_corner = False, False
    x_in, y_in, x_out, y_out = 0.0, 0.0, 0.0, 0.0
    for i in range(n):
        x, y = corner[0, i], corner[1, i]
        corner[2, i] = x * (conic[0] * x + 2 * (conic[1] * y + conic[3])) + y * (conic[2] * y + 2 * conic[4]) + conic[5]
    for i in range(n):
        j = i + 1 if i + 1 < n else ZERO
        v0, v1 = corner[2, i], corner[2, j]
        x, y = corner[0, i], corner[1, i]
        u, v = corner[0, j] - x, corner[1, j] - y
        a = conic[0] * u * u + 2 * conic[1] * u * v + conic[2] * v * v
        b = 0.5 * (v1 - v0 - a)
        start, stop = 0.0, 1.0
        if v0 > 0 and v1 > 0:
            if b >= 0 or a + b <= 0 or b * b <= a * v0:
                continue
            root = sqrt(b * b - a * v0) - b
            start, stop = v0 / root, root / a
        elif v0 > 0:
            start = 1 - _root(a, -b - a, v1)
        elif v1 > 0:
            stop = _root(a, b, v0)
        x0, y0, x1, y1 = x + start * u, y + start * v, x + stop * u, y + stop * v
        if not seen:
            seen, from_corner, x_in, y_in = True, v0 <= 0, x0, y0
        elif v0 > 0:
            _add_arc(conic, x_out, y_out, x0, y0, found)
        _add_polygon(x0, y0, x1, y1, found)
        x_out, y_out = x1, y1
    if seen:
        if not from_corner:
            _add_arc(conic, x_out, y_out, x_in, y_in, found)
    elif n > 0:
        _whole_ellipse(corner, n, conic, found)


@inner
def _whole_ellipse(corner: Array, n: int, conic: Array, found: Array) -> None:
    """What no edge of a polygon meets is inside or outside as a whole."""
    square = conic[0] * conic[2] - conic[1] * conic[1]
    if square <= 0:
        return
    x, y = (conic[1] * conic[4] - conic[2] * conic[3]) / square, (conic[1] * conic[3] - conic[0] * conic[4]) / square
    depth = -(conic[5] + x * conic[3] + y * conic[4])
    if depth <= 0:
        return
    for i in range(n):
        j = i + 1 if i + 1 < n else ZERO
        x0, y0 = corner[0, i], corner[1, i]
        if (corner[0, j] - x0) * (y - y0) <= (corner[1, j] - y0) * (x - x0):
            return
    found[0] = pi * depth / sqrt(square)
    found[1], found[2] = found[0] * x, found[0] * y


@inner
def _clip(corner: Array, n: int, a: float, b: float, c: float, room: Array) -> int:
    """Cut off the part of a convex polygon where `a x + b y + c` is negative; returns the number of corners left."""
    whole = True
    for i in range(n):
        whole = whole and a * corner[0, i] + b * corner[1, i] + c >= 0
    if whole:
        return n
    count = ZERO
    for i in range(n):
        j = i + 1 if i + 1 < n else ZERO
        x, y, u, v = corner[0, i], corner[1, i], corner[0, j], corner[1, j]
        here, there = a * x + b * y + c, a * u + b * v + c
        if here >= 0:
            room[0, count], room[1, count] = x, y
            count += 1
        if (here >= 0) != (there >= 0):
            t = here / (here - there)
            room[0, count], room[1, count] = x + t * (u - x), y + t * (v - y)
            count += 1
    for i in range(count):
        corner[0, i], corner[1, i] = room[0, i], room[1, i]
    return count


@forced
def _conic_of(form: Array, dx: Array, d: int, side: int, conic: Array) -> None:
    """The quadric in the plane of a face of the unit cube, over the two axes after `d`."""
    b, c = (d + 1) % 3, (d + 2) % 3
    at, edge, other = side * dx[d], dx[b], dx[c]
    conic[0], conic[1], conic[2] = form[0, b] * edge * edge, form[0, 2 + b + c] * edge * other, form[0, c] * other * other
    conic[3], conic[4] = (form[0, 6 + b] + at * form[0, 2 + b + d]) * edge, (form[0, 6 + c] + at * form[0, 2 + c + d]) * other
    conic[5] = form[0, 9] + at * (at * form[0, d] + 2 * form[0, 6 + d])


@forced
def unit_square(corner: Array) -> None:
    """Write the corners of the unit square, counter-clockwise."""
    corner[0, 0], corner[0, 1], corner[0, 2], corner[0, 3] = 0.0, 1.0, 1.0, 0.0
    corner[1, 0], corner[1, 1], corner[1, 2], corner[1, 3] = 0.0, 0.0, 1.0, 1.0


@inner
def _clipped_face(
    form: Array, planes: Array, dx: Array, d: int, side: int, corner: Array, room: Array, conic: Array, found: Array
) -> None:
    """Open area and first moments of a face of the unit cube, short of the flat ends."""
    b, c = (d + 1) % 3, (d + 2) % 3
    unit_square(corner)
    n = ZERO + 4
    for end in range(2):
        if planes[0, end]:
            k = 10 + 4 * end
            at = form[0, k + 3] + side * dx[d] * form[0, k + d]
            n = _clip(corner, n, form[0, k + b] * dx[b], form[0, k + c] * dx[c], at, room)
    inside_conic(corner, n, conic, found)


@forced
def _along(table: Array, p: int, place: Array, dx: Array, d: int, side: int, area: float, found: Array) -> float:
    """Integral over a face of the distance along the axis from a place on it."""
    b, c = (d + 1) % 3, (d + 2) % 3
    total = (side * dx[d] - place[d]) * table[p, AXIS + d] * area
    total += table[p, AXIS + b] * (dx[b] * found[1] - place[b] * area)
    return total + table[p, AXIS + c] * (dx[c] * found[2] - place[c] * area)


@inner
def _flat_end(
    table: Array, p: int, form: Array, end: int, along: float, radius: float, dx: Array, place: Array, corner: Array, room:
    Array, conic: Array, found: Array,
) -> None:  # fmt: skip
    """Area within the voxel of the flat end that is `along` after a place on the axis, um2."""
    l = ZERO
    for d in range(1, 3):
        if abs(table[p, AXIS + d]) < abs(table[p, AXIS + l]):
            l = d
    b, c = (l + 1) % 3, (l + 2) % 3
    # unit vectors in the plane: u, which is 0 along axis l, and v = n x u; the origin is on the axis of the cone
    nl, nb, nc = table[p, AXIS + l], table[p, AXIS + b], table[p, AXIS + c]
    size = sqrt(nb * nb + nc * nc)
    ub, uc = -nc / size, nb / size
    vl, vb, vc = nb * uc - nc * ub, -nl * uc, nl * ub
    x0, x1, x2 = place[l] + along * nl, place[b] + along * nb, place[c] + along * nc
    x, y, far = (0.5 * dx[b] - x1) * ub + (0.5 * dx[c] - x2) * uc, (0.5 * dx[l] - x0) * vl, dx[0] + dx[1] + dx[2]
    y += (0.5 * dx[b] - x1) * vb + (0.5 * dx[c] - x2) * vc
    corner[0, 0], corner[0, 1], corner[0, 2], corner[0, 3] = x - far, x + far, x + far, x - far
    corner[1, 0], corner[1, 1], corner[1, 2], corner[1, 3] = y - far, y - far, y + far, y + far
    n = ZERO + 4
    for d in range(3):
        at = x0 if d == l else (x1 if d == b else x2)
        u = 0.0 if d == l else (ub if d == b else uc)
        v = vl if d == l else (vb if d == b else vc)
        n = _clip(corner, n, u, v, at, room)
        n = _clip(corner, n, -u, -v, dx[d] - at, room)
    conic[0], conic[1], conic[2], conic[3], conic[4], conic[5] = 1.0, 0.0, 1.0, 0.0, 0.0, -radius * radius
    inside_conic(corner, n, conic, found)


@forced
def _behind_end(form: Array, end: int, place: Array, dx: Array) -> tuple[float, float]:
    """How far a place is behind a flat end, and how much of the voxel can be, as a part."""
    height, deep, steep = form[0, 13 + 4 * end], form[0, 13 + 4 * end], 0.0
    for d in range(3):
        rate = form[0, 10 + 4 * end + d]
        height += rate * place[d]
        deep += max(rate * dx[d], 0.0)
        steep = max(steep, abs(rate) * dx[d])
    return height, deep / steep


@inner
def _slab(
    table: Array, p: int, form: Array, planes: Array, dx: Array, corner: Array, conic: Array, found: Array, face: Array,
    end_area: Array,
) -> float:  # fmt: skip
    """Fraction of a voxel that one flat end parallel to its faces cuts, if that is simple; else -1.

    It is where all of the voxel is within the quadric, and in a film between a face and the end, which agree but for round-off.
    """
    end = 0 if planes[0, 0] else 1
    if planes[0, 0] and planes[0, 1]:
        return -1.0
    for d in range(3):
        rate, b, c = form[0, 10 + 4 * end + d], (d + 1) % 3, (d + 2) % 3
        if abs(rate) == 1 and form[0, 10 + 4 * end + b] == 0 and form[0, 10 + 4 * end + c] == 0:
            part, side, area = form[0, 13 + 4 * end] / dx[d], 1 if rate > 0 else 0, 1.0
            part = min(max(1 + part if rate > 0 else part, 0.0), 1.0)
            beside = part
            if part < FILM:
                _conic_of(form, dx, d, side, conic)
                unit_square(corner)
                inside_conic(corner, ZERO + 4, conic, found)
                area, beside = min(max(found[0], 0.0), 1.0), 0.0
            else:
                # where the frustum would have gone on: all corners may be within the cone that opens beyond the apex
                s = form[0, 13] + (dx[d] if rate * (0.5 - end) > 0 else -dx[d])
                here, there = table[p, RADIUS] + table[p, SLOPE] * form[0, 13], table[p, RADIUS] + table[p, SLOPE] * s
                if here <= 0 or there <= 0 or not holds(form, ZERO, dx):
                    return -1.0
            face[2 * d], face[2 * d + 1], end_area[end] = (1 - side) * area, side * area, area * dx[b] * dx[c]
            face[2 * b], face[2 * b + 1], face[2 * c], face[2 * c + 1] = beside, beside, beside, beside
            return part * area
    return -1.0


@inner
def measure_cone(
    table: Array, p: int, form: Array, planes: Array, low: Array, dx: Array, place: Array, corner: Array, room: Array, conic:
    Array, found: Array, face: Array, end_area: Array,
) -> tuple[float, float]:  # fmt: skip
    """Fraction of the volume of a voxel inside the first local form, a frustum, and the area of its side in the voxel, um2.

    Parameters
    ----------
    table, p : ndarray, int
        The table of `geometry.frustum.pack`, and its row there.
    form, planes : ndarray
        Local forms, and which planes cut the voxel: at least one does (`geometry.voxel_lanes` is for all others).
    low, dx : ndarray, shape (3,), um
        Lowest corner and edges of the voxel.
    place, corner, room, conic, found : ndarray
        Room to work in, of shapes (3,), (3, CORNERS), (2, CORNERS), (6,), (3,).
    face : ndarray, shape (6,)
        Written: open fractions, lower and upper for each axis.
    end_area : ndarray, shape (2,), um2
        Written: area of each flat end in the voxel.
    """
    end_area[0], end_area[1] = 0.0, 0.0
    part = _slab(table, p, form, planes, dx, corner, conic, found, face, end_area)
    if part >= 0:
        return part, 0.0
    unit, thick = dx[0] * dx[1] * dx[2], max(dx[0], dx[1], dx[2])
    slope, s = table[p, SLOPE], 0.0
    for d in range(3):
        s += (low[d] + 0.5 * dx[d] - table[p, d]) * table[p, AXIS + d]
    for d in range(3):
        place[d] = table[p, d] + s * table[p, AXIS + d] - low[d]
    # this is p, with its radius and with the apex `away` behind it
    radius = table[p, RADIUS] + slope * s
    pointed = abs(slope) * thick > max(ALMOST * abs(radius), STEEP * thick)
    away = radius / slope if pointed else 0.0
    # of all flat faces, over the volume of the voxel: (x - p).n area, and n area along the axis
    seen, turned, volume, most = 0.0, 0.0, 0.0, 1.0
    for d in range(3):
        for side in range(2):
            _conic_of(form, dx, d, side, conic)
            _clipped_face(form, planes, dx, d, side, corner, room, conic, found)
            area = min(max(found[0], 0.0), 1.0)
            area = area if area < WHOLE else 1.0
            face[2 * d + side] = area
            sign = 1.0 if side else -1.0
            height, rate = sign * (side - place[d] / dx[d]), sign * table[p, AXIS + d] / dx[d]
            seen += height * area
            turned += rate * area
            volume += area * (height + away * rate) / 3 if pointed else rate * _along(table, p, place, dx, d, side, area, found)
    for end in range(2):
        if planes[0, end]:
            sign = 1.0 if end else -1.0
            height, film = _behind_end(form, end, place, dx)
            most = min(most, film)
            wide = max(radius + slope * sign * height, 0.0)
            _flat_end(table, p, form, end, sign * height, wide, dx, place, corner, room, conic, found)
            area = max(found[0], 0.0) / unit
            end_area[end] = area * unit
            seen += height * area
            turned += sign * area
            volume += area * (height + sign * away) / 3 if pointed else area * height
    # a film between a face and a flat end, which agree but for round-off, holds no more than this, however far the apex
    volume = min(volume, most)
    # the side as seen from q, two voxels on where the cone is wider: p may be close to the apex, or behind it
    on = 2 * thick if slope > 0 else (-2 * thick if slope < 0 else 0.0)
    tangent = max((radius + slope * on) * table[p, COSINE], 1e-300)
    side_area = max(unit * (3 * volume - seen + on * turned) / tangent, 0.0)
    volume = min(max(volume, 0.0), 1.0)
    return (volume if volume < WHOLE else 1.0), side_area
