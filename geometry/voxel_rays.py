"""Compiled kernels that measure one voxel with lines parallel to the axes.

In: the primitives that reach into one voxel, as quadrics and planes in coordinates of its lowest corner. Out: how much of its
faces and of its volume lies inside, and samples of its surface.

Every primitive is convex, so a line meets it in one interval, known in closed form; the union along the line is the union of the
intervals, whatever overlaps. Nothing is interpolated: joints, branch points and abutting frusta need no care, and the only error
is that of the quadrature across lines. An area is the integral of lengths along the in-plane axis closest to the normal, split
where the surface crosses the two bounding edges (Gauss points between); a volume is the integral of such areas. This is the
dimension-by-dimension quadrature of implicit regions of R. I. Saye (2015), https://doi.org/10.1137/140966290, with exact roots.

The local form of a primitive (a row of `form`): it is the set of `x` with `x.Qx + 2 g.x + c <= 0` and `n.x + w >= 0` for up to
two planes. Columns: Q (xx, yy, zz, xy, xz, yz), g (3), c, and n (3), w of either plane; `planes` says which of them cut the voxel.
"""

from __future__ import annotations

from math import inf, sqrt

from numba import njit

from geometry.frustum import AXIS, COSINE, FRUSTUM, LENGTH, LUNE, RADIUS, SECOND, SLACK, SLOPE

__all__ = ["FORM", "GAUSS_2", "GAUSS_3", "localise", "rough_voxel", "surface_samples", "tangent"]

FORM = 18
WALL, LATERAL, START, STOP = -1, 0, 1, 2  # what ends an interval: the voxel itself, or a part of a primitive's surface
BRIDGE = 1e-6  # gaps along a line shorter than this fraction of a voxel edge are round-off, not space

GAUSS_2 = ((0.21132486540518713, 0.5), (0.7886751345948129, 0.5))
GAUSS_3 = ((0.1127016653792583, 5 / 18), (0.5, 8 / 18), (0.8872983346207417, 5 / 18))
GAUSS_4 = (
    (0.06943184420297371, 0.17392742256872692),
    (0.33000947820757187, 0.32607257743127307),
    (0.6699905217924281, 0.32607257743127307),
    (0.9305681557970262, 0.17392742256872692),
)


@njit(cache=True, error_model="numpy")
def localise(row, kind, low, dx, form, planes):  # type: ignore[no-untyped-def]
    """Write the local form of a primitive for the voxel with lowest corner `low`; false if a plane cuts all of the voxel off."""
    u, v, w = low[0] - row[0], low[1] - row[1], low[2] - row[2]
    s = u * row[3] + v * row[4] + w * row[5]
    if kind == FRUSTUM:
        # with the part across the axis: no cancellation far along a thin frustum
        slope, radius = row[SLOPE], row[RADIUS] + row[SLOPE] * s
        tilt = 1 + slope * slope
        u, v, w = u - s * row[3], v - s * row[4], w - s * row[5]
        form[0], form[1], form[2] = 1 - tilt * row[3] * row[3], 1 - tilt * row[4] * row[4], 1 - tilt * row[5] * row[5]
        form[3], form[4], form[5] = -tilt * row[3] * row[4], -tilt * row[3] * row[5], -tilt * row[4] * row[5]
        form[6], form[7], form[8] = u - slope * radius * row[3], v - slope * radius * row[4], w - slope * radius * row[5]
        form[9] = u * u + v * v + w * w - radius * radius
        other = row[LENGTH] - s + row[SLACK]
        for d in range(3):
            form[14 + d] = -row[AXIS + d]
    else:
        form[0], form[1], form[2], form[3], form[4], form[5] = 1.0, 1.0, 1.0, 0.0, 0.0, 0.0
        form[6], form[7], form[8], form[9] = u, v, w, u * u + v * v + w * w - row[RADIUS] * row[RADIUS]
        other = u * row[SECOND] + v * row[SECOND + 1] + w * row[SECOND + 2] + row[SLACK]
        for d in range(3):
            form[14 + d] = row[SECOND + d]
    form[13], form[17] = s + row[SLACK], other
    for d in range(3):
        form[10 + d] = row[AXIS + d]
    for side in range(2):
        at = 10 + 4 * side
        least = most = form[at + 3]
        for d in range(3):
            reach = form[at + d] * dx[d]
            least += min(reach, 0.0)
            most += max(reach, 0.0)
        if most < 0:
            return False
        planes[side] = least < 0
    return True


@njit(cache=True, error_model="numpy", forceinline=True)
def _interval(form, planes, i, axis, x, edge):  # type: ignore[no-untyped-def]
    """Where the line from local point `x` along `axis` is inside a primitive and the voxel, and what ends it on either side."""
    t0, t1, c0, c1 = 0.0, edge, WALL, WALL
    for side in range(2):
        if planes[i, side]:
            at = 10 + 4 * side
            value = form[i, at] * x[0] + form[i, at + 1] * x[1] + form[i, at + 2] * x[2] + form[i, at + 3]
            rate = form[i, at + axis]
            if abs(rate) < 1e-12:
                if value < 0:
                    return 0.0, -1.0, 0, 0
            elif rate > 0:
                if value + rate * t0 < 0:
                    t0, c0 = -value / rate, START + side
            elif value + rate * t1 < 0:
                t1, c1 = -value / rate, START + side
    if t0 >= t1:
        return 0.0, -1.0, 0, 0
    gx = form[i, 0] * x[0] + form[i, 3] * x[1] + form[i, 4] * x[2] + form[i, 6]
    gy = form[i, 3] * x[0] + form[i, 1] * x[1] + form[i, 5] * x[2] + form[i, 7]
    gz = form[i, 4] * x[0] + form[i, 5] * x[1] + form[i, 2] * x[2] + form[i, 8]
    a, b = form[i, axis], gx if axis == 0 else (gy if axis == 1 else gz)
    c = x[0] * (gx + form[i, 6]) + x[1] * (gy + form[i, 7]) + x[2] * (gz + form[i, 8]) + form[i, 9]
    discriminant = b * b - a * c
    if discriminant <= 0:
        return (t0, t1, c0, c1) if a <= 0 and c <= 0 else (0.0, -1.0, 0, 0)
    q = -(b + sqrt(discriminant)) if b > 0 else sqrt(discriminant) - b
    low, high = c / q, (q / a if a != 0 else (-inf if q < 0 else inf))
    if low > high:
        low, high = high, low
    if a < 0:
        # steeper than the cone: inside before `low` or after `high`; one of the two belongs to the cone's mirror image
        if min(t1, low) - t0 >= t1 - max(t0, high):
            low, high = -inf, low
        else:
            low, high = high, inf
    if low > t0:
        t0, c0 = low, LATERAL
    if high < t1:
        t1, c1 = high, LATERAL
    return t0, t1, c0, c1


@njit(cache=True, error_model="numpy", forceinline=True)
def trace(form, planes, count, axis, x, edge, start, stop, part):  # type: ignore[no-untyped-def]
    """Intervals in which a line is inside the union of `count` primitives and inside the voxel, sorted and apart.

    Fills `start, stop` and `part (., 4)` (primitive and what ends the interval, at the start and at the stop); returns their
    number.
    """
    n = 0
    for i in range(count):
        t0, t1, c0, c1 = _interval(form, planes, i, axis, x, edge)
        if not t0 < t1:
            continue
        place = n
        while place > 0 and start[place - 1] > t0:
            start[place], stop[place] = start[place - 1], stop[place - 1]
            for j in range(4):
                part[place, j] = part[place - 1, j]
            place -= 1
        start[place], stop[place] = t0, t1
        part[place, 0], part[place, 1], part[place, 2], part[place, 3] = i, c0, i, c1
        n += 1
    if n < 2:
        return n
    last, gap = 0, BRIDGE * edge
    for i in range(1, n):
        if start[i] <= stop[last] + gap:
            if stop[i] > stop[last]:
                stop[last], part[last, 2], part[last, 3] = stop[i], part[i, 2], part[i, 3]
        else:
            last += 1
            start[last], stop[last] = start[i], stop[i]
            for j in range(4):
                part[last, j] = part[i, j]
    return last + 1


@njit(cache=True, error_model="numpy", forceinline=True)
def _length(form, planes, count, axis, x, edge, start, stop, part):  # type: ignore[no-untyped-def]
    if count == 1:
        t0, t1, _, _ = _interval(form, planes, 0, axis, x, edge)
        return max(t1 - t0, 0.0)
    n = trace(form, planes, count, axis, x, edge, start, stop, part)
    total = 0.0
    for i in range(n):
        total += stop[i] - start[i]
    return total


@njit(cache=True, error_model="numpy")
def _breaks(form, planes, count, b, c, x, dx, cuts, start, stop, part):  # type: ignore[no-untyped-def]
    """Where the surface crosses the two edges along `b` of a face, sorted, with 0 and the edge itself; returns their number."""
    cuts[0], n = 0.0, 1
    for side in range(2):
        x[b], x[c] = 0.0, side * dx[c]
        found = trace(form, planes, count, b, x, dx[b], start, stop, part)
        for i in range(2 * found):
            t = start[i // 2] if i % 2 == 0 else stop[i // 2]
            if part[i // 2, 1 + 2 * (i % 2)] != WALL and n < len(cuts) - 1:
                place = n
                while cuts[place - 1] > t:
                    cuts[place] = cuts[place - 1]
                    place -= 1
                cuts[place] = t
                n += 1
    cuts[n] = dx[b]
    return n + 1


@njit(cache=True, error_model="numpy")
def face_area(form, planes, count, b, c, x, dx, cuts, start, stop, part):  # type: ignore[no-untyped-def]
    """Fraction inside of a face of a voxel, with lines along `c` and quadrature along `b`.

    The face is normal to the third axis at the local coordinate that `x` holds for it; `x[b], x[c]` are overwritten.
    """
    n = _breaks(form, planes, count, b, c, x, dx, cuts, start, stop, part)
    total = 0.0
    x[c] = 0.0
    for i in range(n - 1):
        width = cuts[i + 1] - cuts[i]
        inside = 0.0
        for place, weight in GAUSS_4:
            x[b] = cuts[i] + place * width
            inside += weight * _length(form, planes, count, c, x, dx[c], start, stop, part)
        total += width * inside
    return total / (dx[b] * dx[c])


@njit(cache=True, error_model="numpy")
def rough_voxel(form, planes, count, axes, wanted, x, dx, cuts, start, stop, part, low_face):  # type: ignore[no-untyped-def]
    """Fraction of the volume inside a union of primitives; writes the fraction of each wanted lower face to `low_face`.

    Lines run along the last of `axes`, which has most of the normal; slices are normal to the first, with four Gauss points.
    """
    for d in range(3):
        if wanted[d]:
            b, c = (axes[0] if axes[0] != d else axes[1]), (axes[2] if axes[2] != d else axes[1])
            x[d] = 0.0
            low_face[d] = face_area(form, planes, count, b, c, x, dx, cuts, start, stop, part)
    total, a = 0.0, axes[0]
    for place, weight in GAUSS_4:
        x[a] = place * dx[a]
        total += weight * face_area(form, planes, count, axes[1], axes[2], x, dx, cuts, start, stop, part)
    return total


@njit(cache=True, error_model="numpy")
def tangent(row, kind, x, normal):  # type: ignore[no-untyped-def]
    """Distance of `x` from the plane that touches a primitive on the side where it bounds `x` most tightly, and its normal.

    The primitive is convex and lies behind that plane: a voxel wholly in front of it is outside.
    """
    u, v, w = x[0] - row[0], x[1] - row[1], x[2] - row[2]
    s = u * row[3] + v * row[4] + w * row[5]
    if kind == FRUSTUM:
        u, v, w = u - s * row[3], v - s * row[4], w - s * row[5]
    across = sqrt(u * u + v * v + w * w)
    scale = 1 / across if across > 0 else 0.0
    normal[0], normal[1], normal[2] = u * scale, v * scale, w * scale
    distance = across - row[RADIUS]
    if kind == FRUSTUM:
        distance = (distance - row[SLOPE] * s) * row[COSINE]
        for d in range(3):
            normal[d] = (normal[d] - row[SLOPE] * row[AXIS + d]) * row[COSINE]
    if kind == FRUSTUM or kind == LUNE:
        if -s > distance:
            distance = -s
            for d in range(3):
                normal[d] = -row[AXIS + d]
        # towards the second plane
        if kind == FRUSTUM:
            other = s - row[LENGTH]
        else:
            other = -(u * row[SECOND] + v * row[SECOND + 1] + w * row[SECOND + 2])
            if row[SECOND] == 0 and row[SECOND + 1] == 0 and row[SECOND + 2] == 0:
                other = -inf
        if other > distance:
            distance = other
            for d in range(3):
                normal[d] = row[AXIS + d] if kind == FRUSTUM else -row[SECOND + d]
    return distance


@njit(cache=True, error_model="numpy", forceinline=True)
def _normal(form, i, code, x, normal):  # type: ignore[no-untyped-def]
    """Outward unit normal of one part of a primitive's surface at a local point."""
    if code != LATERAL:
        at = 10 + 4 * (code - START)
        normal[0], normal[1], normal[2] = -form[i, at], -form[i, at + 1], -form[i, at + 2]
        return
    normal[0] = form[i, 0] * x[0] + form[i, 3] * x[1] + form[i, 4] * x[2] + form[i, 6]
    normal[1] = form[i, 3] * x[0] + form[i, 1] * x[1] + form[i, 5] * x[2] + form[i, 7]
    normal[2] = form[i, 4] * x[0] + form[i, 5] * x[1] + form[i, 2] * x[2] + form[i, 8]
    size = sqrt(normal[0] ** 2 + normal[1] ** 2 + normal[2] ** 2)
    for d in range(3):
        normal[d] = normal[d] / size if size > 0 else 0.0


@njit(cache=True, error_model="numpy")
def surface_samples(form, planes, open_end, near, count, m, x, dx, start, stop, part, normal, sums):  # type: ignore[no-untyped-def]
    """Sample the surface inside a voxel with `m x m` lines along each axis.

    Since `n_x^2 + n_y^2 + n_z^2 = 1`, a hit of a line along `d` stands for the area `|n_d|` times the line's share of the face:
    no direction is singular. Adds up in `sums`: area, the vector area (3), the area on open ends; returns the number of
    the open end seen last, or -1.
    """
    end = -1
    sums[:] = 0.0
    for d in range(3):
        b, c = (d + 1) % 3, (d + 2) % 3
        share = dx[b] * dx[c] / (m * m)
        for i in range(m * m):
            x[b], x[c], x[d] = (i // m + 0.5) / m * dx[b], (i % m + 0.5) / m * dx[c], 0.0
            n = trace(form, planes, count, d, x, dx[d], start, stop, part)
            for hit in range(2 * n):
                side = hit % 2
                i_form, code = part[hit // 2, 2 * side], part[hit // 2, 2 * side + 1]
                if code == WALL:
                    continue
                x[d] = start[hit // 2] if side == 0 else stop[hit // 2]
                _normal(form, i_form, code, x, normal)
                area = abs(normal[d]) * share
                sums[0] += area
                for e in range(3):
                    sums[1 + e] += area * normal[e]
                if code != LATERAL and open_end[near[i_form, code - START], code - START] >= 0:
                    sums[4] += area
                    end = open_end[near[i_form, code - START], code - START]
    return end
