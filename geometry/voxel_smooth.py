"""Compiled kernel that measures a voxel cut by one smooth surface, which most are, in closed form.

In: the local form of one quadric (`geometry.voxel_forms`), or of a plane. Out: the open fractions of the six faces and the
fraction of the volume; or a refusal, after which `geometry.voxel_lines` measures the voxel.

The solid is convex, so an edge of the voxel with one end inside meets the surface once. Those crossings are exact roots. On a
face that two of its edges cross, the open part is a polygon and the segment between its chord and the arc of the surface, whose
area is two thirds of base times height (Simpson's rule; the height is an exact root). The volume follows from the faces by the
divergence theorem about a point p near the middle of the surface: `3 V = sum_faces (x - p).n A + integral (x - p).n dA`, where
the integral is that of the second fundamental form, summed over the triangles between p and the chords and over the segments:
exact for planes, and of the second order in curvature times edge otherwise.

Coordinates are those of the unit cube: quadrics, convexity and ratios of volumes and of areas in a plane survive the scaling.
Refused are voxels whose surface turns by more than 45 degrees, crosses an edge twice, or bulges through a face.
"""

from __future__ import annotations

from math import sqrt

from geometry.compiled import forced, inner
from geometry.frustum import Array

__all__ = ["EDGES", "FULL_VOXEL", "REFUSED", "measure_smooth"]

EDGES = 12
REFUSED, FULL_VOXEL = -1.0, 1.0
TURN = 0.5  # square of the cosine of the largest angle between normals


@forced
def _root(a: float, b: float, c: float) -> float:
    """Where `a t^2 + 2 b t + c`, not above zero at t = 0 and above it at t = 1, leaves the solid."""
    s = sqrt(max(b * b - a * c, 0.0))
    return -c / (b + s) if b > 0 else (s - b) / a


@forced
def _scale(form: Array, dx: Array, q: Array, g: Array, value: Array) -> int:
    """Quadric in the coordinates of the unit cube, and its values at the corners 4 i + 2 j + k; bits of the corners inside."""
    for d in range(3):
        q[d, d] = form[0, d] * dx[d] * dx[d]
        g[d] = form[0, 6 + d] * dx[d]
    q[0, 1] = q[1, 0] = form[0, 3] * dx[0] * dx[1]
    q[0, 2] = q[2, 0] = form[0, 4] * dx[0] * dx[2]
    q[1, 2] = q[2, 1] = form[0, 5] * dx[1] * dx[2]
    bits = 0
    for corner in range(8):
        x, y, z = corner >> 2, corner >> 1 & 1, corner & 1
        at = form[0, 9] + x * (q[0, 0] + 2 * g[0]) + y * (q[1, 1] + 2 * g[1]) + z * (q[2, 2] + 2 * g[2])
        at += 2 * (x * y * q[0, 1] + x * z * q[0, 2] + y * z * q[1, 2])
        value[corner] = at
        bits |= (1 if at <= 0 else 0) << corner
    return bits


@forced
def _cross_edges(q: Array, g: Array, value: Array, bits: int, cross: Array, p: Array) -> int:
    """Where the surface crosses the edges `4 d + 2 i + j` (along d, at i and j of the next axes); -1 if one is crossed twice.

    `p` becomes the mean of the crossings. Returns their number.
    """
    n = 0
    p[0] = p[1] = p[2] = 0.0
    for d in range(3):
        b, c = (d + 1) % 3, (d + 2) % 3
        along, step_b, step_c = 4 >> d, 4 >> b, 4 >> c
        a = q[d, d]
        for edge in range(4):
            i, j = edge >> 1, edge & 1
            start = i * step_b + j * step_c
            slope = g[d] + i * q[d, b] + j * q[d, c]
            inside, beyond = bits >> start & 1, bits >> (start + along) & 1
            if inside == beyond:
                if not inside and slope < 0 and slope + a > 0 and slope * slope > a * value[start]:
                    return -1
                continue
            t = _root(a, slope, value[start]) if inside else 1 - _root(a, -slope - a, value[start + along])
            cross[4 * d + edge] = t
            p[d] += t
            p[b] += i
            p[c] += j
            n += 1
    if n > 0:
        for d in range(3):
            p[d] /= n
    return n


@forced
def _touches(q: Array, g: Array, d: int, side: int) -> bool:
    """Whether a face with all corners outside may still be met in its middle: no derivative keeps its sign over it."""
    for b in range(3):
        if b != d:
            c = 3 - d - b
            one = g[b] + side * q[b, d]
            other, third, last = one + q[b, b], one + q[b, c], one + q[b, b] + q[b, c]
            if (one > 0) == (other > 0) and (one > 0) == (third > 0) and (one > 0) == (last > 0):
                return False
    return True


@forced
def _ends(bits: int, cross: Array, d: int, side: int, chord: Array) -> float:
    """Chord of a face, from where the surface leaves it to where it comes back, inside on the left; -1 if there are two.

    Returns the area of the open polygon but for the triangle between the corner (0, 0) and the chord.
    """
    b, c = (d + 1) % 3, (d + 2) % 3
    base, step_b, step_c = side * (4 >> d), 4 >> b, 4 >> c
    c00, c10 = bits >> base & 1, bits >> (base + step_b) & 1
    c01, c11 = bits >> (base + step_c) & 1, bits >> (base + step_b + step_c) & 1
    if c00 == c11 and c10 == c01 and c00 != c10:
        return -1.0
    # edges along b are stored at (c, d), those along c at (d, b)
    bottom, top = cross[4 * b + side], cross[4 * b + 2 + side]
    left, right = cross[4 * c + 2 * side], cross[4 * c + 2 * side + 1]
    length = 0.0
    if c00 != c10:
        at = 0 if c00 else 2
        chord[at], chord[at + 1] = bottom, 0.0
    if c10 != c11:
        at = 0 if c10 else 2
        chord[at], chord[at + 1] = 1.0, right
        length += right if c10 else 1 - right
    elif c10:
        length += 1.0
    if c11 != c01:
        at = 0 if c11 else 2
        chord[at], chord[at + 1] = top, 1.0
        length += 1 - top if c11 else top
    elif c11:
        length += 1.0
    if c01 != c00:
        at = 0 if c01 else 2
        chord[at], chord[at + 1] = 0.0, left
    return 0.5 * length


@forced
def _height(q: Array, g: Array, value: float, d: int, side: int, chord: Array) -> float:
    """Height of the arc of the surface over the middle of a chord, in lengths of the chord.

    `value` is that of the quadric at the lower corner of the face.
    """
    b, c = (d + 1) % 3, (d + 2) % 3
    wide, high = chord[2] - chord[0], chord[3] - chord[1]
    x, y = 0.5 * (chord[0] + chord[2]), 0.5 * (chord[1] + chord[3])
    gb, gc = g[b] + side * q[b, d], g[c] + side * q[c, d]
    u, v = q[b, b] * x + q[b, c] * y + gb, q[b, c] * x + q[c, c] * y + gc
    middle = value + x * (u + gb) + y * (v + gc)
    slope = u * high - v * wide
    if middle >= 0 or slope <= 0:
        return 0.0  # a plane, to round-off
    bend = q[b, b] * high * high - 2 * q[b, c] * high * wide + q[c, c] * wide * wide
    return _root(bend, slope, middle)


@forced
def _form(q: Array, x: float, y: float, z: float) -> float:
    return x * (q[0, 0] * x + 2 * (q[0, 1] * y + q[0, 2] * z)) + y * (q[1, 1] * y + 2 * q[1, 2] * z) + z * q[2, 2] * z


@forced
def _turns(q: Array, g: Array, cross: Array, bits: int, normal: Array, square: float) -> bool:
    """Whether the normal at a crossing is far from `normal`."""
    for d in range(3):
        b, c = (d + 1) % 3, (d + 2) % 3
        for edge in range(4):
            i, j = edge >> 1, edge & 1
            start = i * (4 >> b) + j * (4 >> c)
            if bits >> start & 1 == bits >> (start + (4 >> d)) & 1:
                continue
            t = cross[4 * d + edge]
            along = across = 0.0
            for m in range(3):
                n = q[m, d] * t + q[m, b] * i + q[m, c] * j + g[m]
                along += n * normal[m]
                across += n * n
            if along <= 0 or along * along < TURN * across * square:
                return True
    return False


@inner
def measure_smooth(
    form: Array, dx: Array, q: Array, g: Array, value: Array, cross: Array, p: Array, normal: Array, chord: Array, face: Array
) -> float:  # fmt: skip
    """Fraction of a voxel inside the quadric of the first local form, and of its faces; -1 if this is not for it to measure.

    Parameters
    ----------
    form : ndarray, shape (m, FORM)
    dx : ndarray, shape (3,), um
    q, g, value, cross, p, normal, chord : ndarray, shapes (3, 3), (3,), (8,), (EDGES,), (3,), (3,), (4,)
        Room to work in.
    face : ndarray, shape (6,)
        Open fractions, lower and upper for each axis; written if the voxel is not refused.
    """
    bits = _scale(form, dx, q, g, value)
    if bits == 255:
        for f in range(6):
            face[f] = 1.0
        return FULL_VOXEL
    if bits == 0 or _cross_edges(q, g, value, bits, cross, p) < 3:
        return REFUSED
    square = 0.0
    for d in range(3):
        normal[d] = q[d, 0] * p[0] + q[d, 1] * p[1] + q[d, 2] * p[2] + g[d]
        square += normal[d] * normal[d]
    if square <= 0 or _turns(q, g, cross, bits, normal, square):
        return REFUSED
    depth = form[0, 9] + p[0] * (normal[0] + g[0]) + p[1] * (normal[1] + g[1]) + p[2] * (normal[2] + g[2])
    bend = _form(q, normal[0], normal[1], normal[2])
    rise = -depth / (square + sqrt(max(square * square - bend * depth, 0.0)))
    volume, curved = 0.0, 0.0
    for d in range(3):
        b, c = (d + 1) % 3, (d + 2) % 3
        corners = 1 | 1 << (4 >> b) | 1 << (4 >> c) | 1 << ((4 >> b) + (4 >> c))
        for side in range(2):
            base = side * (4 >> d)
            here = bits >> base & corners
            area = 0.0
            if here == corners:
                area = 1.0
            elif here == 0:
                if _touches(q, g, d, side):
                    return REFUSED
            else:
                area = _ends(bits, cross, d, side, chord)
                if area < 0:
                    return REFUSED
                wide, high = chord[2] - chord[0], chord[3] - chord[1]
                height = _height(q, g, value[base], d, side, chord)
                lens = 2 / 3 * height * (wide * wide + high * high)
                area += 0.5 * (chord[0] * chord[3] - chord[1] * chord[2]) + lens
                area = min(max(area, 0.0), 1.0)
                x0, y0, x1, y1, z = chord[0] - p[b], chord[1] - p[c], chord[2] - p[b], chord[3] - p[c], side - p[d]
                part = 0.5 * abs(normal[d] * (x0 * y1 - y0 * x1) + z * (normal[b] * (y0 - y1) + normal[c] * (x1 - x0)))
                own = _turned(q, d, z, x0, y0) + _turned(q, d, z, x1, y1) + _turned(q, d, 2 * z, x0 + x1, y0 + y1)
                curved += part * (rise + own / (24 * square))
                # seen along the normal the segment is part of the patch where the face looks back, and else it is too much;
                # the centroid of a flat segment lies at two fifths of its height
                own = _turned(q, d, z, 0.5 * (x0 + x1) + 0.4 * height * high, 0.5 * (y0 + y1) - 0.4 * height * wide)
                curved += (-lens if side else lens) * normal[d] * (rise + own / (2 * square))
            face[2 * d + side] = area
            volume += area * (1 - p[d] if side else p[d])
    return min(max((volume + curved) / 3, 0.0), 1.0)


@forced
def _turned(q: Array, d: int, along: float, second: float, third: float) -> float:
    """The quadratic form of a vector given along axis `d` and the two after it."""
    b, c = (d + 1) % 3, (d + 2) % 3
    return (
        along * (q[d, d] * along + 2 * (q[d, b] * second + q[d, c] * third))
        + second * (q[b, b] * second + 2 * q[b, c] * third)
        + third * q[c, c] * third
    )
