"""Compiled kernels that measure one voxel with lines parallel to the axes.

In: the table of primitives of `geometry.frustum.pack` and one cut voxel. Out: how much of its lower faces and of its volume lies
inside, and how curved or folded its piece of surface is.

Every primitive is convex, so a line meets it in one interval, known in closed form; the union along the line is the union of the
intervals, whatever overlaps. Nothing is interpolated: joints, branch points and abutting frusta need no care, and the only error
is that of the quadrature across lines. An area is the integral of lengths along the in-plane axis closest to the normal, split
where the surface crosses the two bounding edges (Gauss points between); a volume is the integral of such areas. This is the
dimension-by-dimension quadrature of implicit regions of R. I. Saye (2015), https://doi.org/10.1137/140966290, with exact roots.
"""

from __future__ import annotations

from math import inf, sqrt

from numba import njit

from geometry.frustum import AXIS, COSINE, FRUSTUM, LENGTH, LUNE, RADIUS, SECOND, SLACK, SLOPE

__all__ = ["LATERAL", "START", "STOP", "face_area", "gradient", "surface_samples", "trace", "voxel_volume"]

LATERAL, START, STOP = 0, 1, 2  # which part of a primitive's surface ends an interval
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
def _quadratic(a, b, c):  # type: ignore[no-untyped-def]
    """Roots of `a t^2 + 2 b t + c`, in order, and whether the expression is negative outside them (-1), between (1), or
    everywhere (2) or nowhere (0)."""
    discriminant = b * b - a * c
    if discriminant <= 0:
        return 0.0, 0.0, 0 if (a > 0 or c > 0) else 2
    q = -(b + sqrt(discriminant)) if b > 0 else -b + sqrt(discriminant)
    first, second = c / q, (q / a if a != 0 else (-inf if (q < 0) == (a >= 0) else inf))
    if first > second:
        first, second = second, first
    return first, second, 1 if a >= 0 else -1


@njit(cache=True, error_model="numpy")
def _half_space(t0, t1, c0, c1, at, rate, code):  # type: ignore[no-untyped-def]
    """Cut an interval to where `at + rate t >= 0`; its new ends carry `code`."""
    if abs(rate) < 1e-12:
        return (t0, t1, c0, c1) if at >= 0 else (0.0, -1.0, 0, 0)
    t = -at / rate
    if rate > 0:
        if t > t0:
            t0, c0 = t, code
    elif t < t1:
        t1, c1 = t, code
    return t0, t1, c0, c1


@njit(cache=True, error_model="numpy")
def _interval_of_ball(row, kind, axis, x, y, z):  # type: ignore[no-untyped-def]
    x, y, z = x - row[0], y - row[1], z - row[2]
    along = x if axis == 0 else (y if axis == 1 else z)
    discriminant = along * along - (x * x + y * y + z * z - row[RADIUS] * row[RADIUS])
    if discriminant <= 0:
        return 0.0, -1.0, 0, 0
    root = sqrt(discriminant)
    t0, t1, c0, c1 = -along - root, -along + root, LATERAL, LATERAL
    if kind == LUNE:
        at = x * row[AXIS] + y * row[AXIS + 1] + z * row[AXIS + 2] + row[SLACK]
        t0, t1, c0, c1 = _half_space(t0, t1, c0, c1, at, row[AXIS + axis], START)
        at = x * row[SECOND] + y * row[SECOND + 1] + z * row[SECOND + 2] + row[SLACK]
        t0, t1, c0, c1 = _half_space(t0, t1, c0, c1, at, row[SECOND + axis], STOP)
    return t0, t1, c0, c1


@njit(cache=True, error_model="numpy")
def _interval(row, kind, axis, x, y, z):  # type: ignore[no-untyped-def]
    """Where the line from (x, y, z) along `axis` is inside a primitive, and what part of its surface ends it on either side."""
    if kind != FRUSTUM:
        return _interval_of_ball(row, kind, axis, x, y, z)
    x, y, z = x - row[0], y - row[1], z - row[2]
    rate, slope, radius = row[AXIS + axis], row[SLOPE], row[RADIUS]
    along = x if axis == 0 else (y if axis == 1 else z)
    s = x * row[3] + y * row[4] + z * row[5]
    tilt = 1 + slope * slope
    a = 1 - tilt * rate * rate
    b = along - tilt * s * rate - radius * slope * rate
    c = x * x + y * y + z * z - tilt * s * s - 2 * radius * slope * s - radius * radius
    # the flat ends first: what is left of the line between them
    t0, t1, c0, c1 = _half_space(-inf, inf, LATERAL, LATERAL, s + row[SLACK], rate, START)
    t0, t1, c0, c1 = _half_space(t0, t1, c0, c1, row[LENGTH] - s + row[SLACK], -rate, STOP)
    if t0 >= t1:
        return 0.0, -1.0, 0, 0
    if abs(a) < 1e-13 and abs(b) < 1e-13 * radius:
        return (t0, t1, c0, c1) if c <= 0 else (0.0, -1.0, 0, 0)
    low, high, between = _quadratic(a, b, c)
    if between == 0:
        return 0.0, -1.0, 0, 0
    if between == -1:
        # steeper than the cone: inside before `low` or after `high`, one of them in the mirror image of the cone
        if min(t1, low) - t0 >= t1 - max(t0, high):
            low, high = -inf, low
        else:
            low, high = high, inf
    if between != 2:
        if low > t0:
            t0, c0 = low, LATERAL
        if high < t1:
            t1, c1 = high, LATERAL
    return t0, t1, c0, c1


@njit(cache=True, error_model="numpy")
def trace(table, kind, near, count, axis, x, gap, start, stop, part):  # type: ignore[no-untyped-def]
    """Intervals in which the line from `x` along `axis` is inside the union of primitives `near[:count]`, sorted and apart.

    Fills `start, stop` and `part (., 4)` (primitive and part of surface at the start and at the stop); returns their number.
    """
    n = 0
    for i in range(count):
        p = near[i]
        t0, t1, c0, c1 = _interval(table[p], kind[p], axis, x[0], x[1], x[2])
        if not t0 < t1:
            continue
        place = n
        while place > 0 and start[place - 1] > t0:
            start[place], stop[place] = start[place - 1], stop[place - 1]
            for j in range(4):
                part[place, j] = part[place - 1, j]
            place -= 1
        start[place], stop[place] = t0, t1
        part[place, 0], part[place, 1], part[place, 2], part[place, 3] = p, c0, p, c1
        n += 1
    if n < 2:
        return n
    last = 0
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


@njit(cache=True, error_model="numpy")
def _length(table, kind, near, count, axis, x, edge, start, stop, part):  # type: ignore[no-untyped-def]
    n = trace(table, kind, near, count, axis, x, BRIDGE * edge, start, stop, part)
    total = 0.0
    for i in range(n):
        total += max(min(stop[i], edge) - max(start[i], 0.0), 0.0)
    return total


@njit(cache=True, error_model="numpy")
def _breaks(table, kind, near, count, b, c, x, low, dx, cuts, start, stop, part):  # type: ignore[no-untyped-def]
    """Where the surface crosses the two edges along `b` of a face, sorted, with 0 and the edge itself; returns their number."""
    cuts[0], n = 0.0, 1
    for side in range(2):
        x[b], x[c] = low[b], low[c] + side * dx[c]
        found = trace(table, kind, near, count, b, x, BRIDGE * dx[b], start, stop, part)
        for i in range(found):
            for t in (start[i], stop[i]):
                if 1e-9 * dx[b] < t < (1 - 1e-9) * dx[b] and n < len(cuts) - 1:
                    place = n
                    while cuts[place - 1] > t:
                        cuts[place] = cuts[place - 1]
                        place -= 1
                    cuts[place] = t
                    n += 1
    cuts[n] = dx[b]
    return n + 1


@njit(cache=True, error_model="numpy")
def face_area(table, kind, near, count, b, c, x, low, dx, fine, cuts, start, stop, part):  # type: ignore[no-untyped-def]
    """Fraction inside of a face of a voxel, with lines along `c` and quadrature along `b`.

    The face is normal to the third axis at the coordinate that `x` holds for it; `x[b], x[c]` are overwritten.
    """
    n = _breaks(table, kind, near, count, b, c, x, low, dx, cuts, start, stop, part)
    total = 0.0
    x[c] = low[c]
    for i in range(n - 1):
        width = cuts[i + 1] - cuts[i]
        inside = 0.0
        if fine:
            for place, weight in GAUSS_4:
                x[b] = low[b] + cuts[i] + place * width
                inside += weight * _length(table, kind, near, count, c, x, dx[c], start, stop, part)
        else:
            for place, weight in GAUSS_2:
                x[b] = low[b] + cuts[i] + place * width
                inside += weight * _length(table, kind, near, count, c, x, dx[c], start, stop, part)
        total += width * inside
    return total / (dx[b] * dx[c])


@njit(cache=True, error_model="numpy")
def voxel_volume(table, kind, near, count, a, b, c, x, low, dx, fine, cuts, start, stop, part):  # type: ignore[no-untyped-def]
    """Fraction inside of a voxel: slices normal to `a`, each measured by `face_area`."""
    total = 0.0
    if fine:
        for place, weight in GAUSS_4:
            x[a] = low[a] + place * dx[a]
            total += weight * face_area(table, kind, near, count, b, c, x, low, dx, fine, cuts, start, stop, part)
    else:
        for place, weight in GAUSS_3:
            x[a] = low[a] + place * dx[a]
            total += weight * face_area(table, kind, near, count, b, c, x, low, dx, fine, cuts, start, stop, part)
    return total


@njit(cache=True, error_model="numpy")
def _normal(row, kind, code, x, normal):  # type: ignore[no-untyped-def]
    """Outward unit normal of one part of a primitive's surface at `x`."""
    s = 0.0
    if kind == FRUSTUM:
        s = (x[0] - row[0]) * row[3] + (x[1] - row[1]) * row[4] + (x[2] - row[2]) * row[5]
    square = 0.0
    for d in range(3):
        normal[d] = x[d] - row[d] - s * row[AXIS + d]
        square += normal[d] * normal[d]
    scale = 1 / sqrt(square) if square > 0 else 0.0
    for d in range(3):
        if code == START:
            normal[d] = -row[AXIS + d]
        elif code == STOP:
            normal[d] = row[AXIS + d] if kind == FRUSTUM else -row[SECOND + d]
        elif kind == FRUSTUM:
            normal[d] = (normal[d] * scale - row[SLOPE] * row[AXIS + d]) * row[COSINE]
        else:
            normal[d] *= scale


@njit(cache=True, error_model="numpy")
def gradient(table, kind, p, x, normal):  # type: ignore[no-untyped-def]
    """Outward normal of the face of primitive `p` that bounds it most tightly at `x`."""
    row = table[p]
    u, v, w = x[0] - row[0], x[1] - row[1], x[2] - row[2]
    s = u * row[3] + v * row[4] + w * row[5]
    square = u * u + v * v + w * w
    code = LATERAL
    if kind[p] == FRUSTUM:
        side = (sqrt(max(square - s * s, 0.0)) - row[RADIUS] - row[SLOPE] * s) * row[COSINE]
        if -s > side or s - row[LENGTH] > side:
            code = START if -s > s - row[LENGTH] else STOP
    elif kind[p] == LUNE:
        side, other = sqrt(square) - row[RADIUS], -(u * row[11] + v * row[12] + w * row[13])
        if -s > side or other > side:
            code = START if -s > other else STOP
    _normal(row, kind[p], code, x, normal)


@njit(cache=True, error_model="numpy")
def surface_samples(table, kind, open_end, near, count, m, x, low, dx, start, stop, part, normal, sums):  # type: ignore[no-untyped-def]
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
            x[b], x[c], x[d] = low[b] + (i // m + 0.5) / m * dx[b], low[c] + (i % m + 0.5) / m * dx[c], low[d]
            n = trace(table, kind, near, count, d, x, BRIDGE * dx[d], start, stop, part)
            for hit in range(2 * n):
                t = start[hit // 2] if hit % 2 == 0 else stop[hit // 2]
                if not 0 <= t < dx[d]:
                    continue
                p, code = part[hit // 2, 2 * (hit % 2)], part[hit // 2, 2 * (hit % 2) + 1]
                x[d] = low[d] + t
                _normal(table[p], kind[p], code, x, normal)
                x[d] = low[d]
                area = abs(normal[d]) * share
                sums[0] += area
                for e in range(3):
                    sums[1 + e] += area * normal[e]
                if code != LATERAL and kind[p] == FRUSTUM and open_end[p, code - 1] >= 0:
                    sums[4] += area
                    end = open_end[p, code - 1]
    return end
