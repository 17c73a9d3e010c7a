"""Compiled kernels that measure one voxel with lines parallel to the axes.

In: the local forms of the primitives that reach into the voxel (`geometry.voxel_forms`). Out: how much of its lower faces and
of its volume lies inside, and samples of its surface.

Every primitive is convex, so a line meets it in one interval, known in closed form; the union along the line is the union of
the intervals, whatever overlaps. Nothing is interpolated: joints, branch points and abutting frusta need no care, and the
only error is that of the quadrature across lines. An area is the integral of lengths along the in-plane axis closest to the
normal, split where the surface crosses the two bounding edges (Gauss points between); a volume is the integral of such areas.
This is the dimension-by-dimension quadrature of implicit regions of R. I. Saye (2015), https://doi.org/10.1137/140966290,
with exact roots.

Lines are collected, and the roots along all of them taken in one loop without branches, which becomes vector instructions.
"""

from __future__ import annotations

from math import sqrt

from geometry.compiled import ZERO, forced, inner
from geometry.frustum import Array

__all__ = [
    "CUTS",
    "LINES",
    "MOST_HITS",
    "MOST_LINES",
    "PLANES",
    "SUMS",
    "UNION",
    "complete_fold",
    "measure_voxel",
    "surface_samples",
]

FAR = 1e30
WHOLE = 1 - 1e-12
BRIDGE = 1e-6  # gaps along a line shorter than this fraction of a voxel edge are round-off, not space
CUTS = 10  # places where the surface may cross two opposite edges of a face; more are not looked at
PLANES = 7  # lower faces and slices on which lines are placed
MOST_LINES = (PLANES * (CUTS + 1) * 4 + 15) & -16
MOST_HITS = 256
ONE_SIDE = 0.906  # cosine of the angle within which normals belong to the same side of a fold
SUMS = 10
SAMPLES = 5
STARTS, STOPS, STARTED_BY, STOPPED_BY, UNITED = (row * MOST_LINES for row in range(5))  # rows of what `_unite` says of lines
UNION = 5 * MOST_LINES
LINES = 6  # rows of the table of lines: start (3), axis, edge, weight

GAUSS = (
    (0.06943184420297371, 0.17392742256872692),
    (0.33000947820757187, 0.32607257743127307),
    (0.6699905217924281, 0.32607257743127307),
    (0.9305681557970262, 0.17392742256872692),
)


@inner
def _meet(form: Array, planes: Array, i: int, lines: Array, n: int, low: Array, high: Array) -> None:
    """Where each of `n` lines is inside primitive `i` and the voxel: from `low[i]` to `high[i]`, empty if not in order.

    A line steeper than the cone (a < 0) is inside before the first root or after the second; between the end planes there is
    only one of the two. Which one: the first if that root is ahead of where the line enters the planes, else the second.
    """
    n = n + 15 & -16  # whole vectors: what comes after the last line is computed along
    qx, qy, qz, qxy, qxz, qyz = form[i, 0], form[i, 1], form[i, 2], form[i, 3], form[i, 4], form[i, 5]
    gx, gy, gz, g0 = form[i, 6], form[i, 7], form[i, 8], form[i, 9]
    for k in range(n):
        low[i, k], high[i, k] = 0.0, lines[4, k]
    for side in range(2):
        if planes[i, side]:
            at = 10 + 4 * side
            nx, ny, nz, w = form[i, at], form[i, at + 1], form[i, at + 2], form[i, at + 3]
            for k in range(n):
                value = nx * lines[0, k] + ny * lines[1, k] + nz * lines[2, k] + w
                rate = nx if lines[3, k] == 0 else (ny if lines[3, k] == 1 else nz)
                # a line along the plane meets it far away, before or after the voxel
                level = abs(rate) < 1e-12
                t = (-FAR if value >= 0 else FAR) if level else -value / rate
                low[i, k] = max(low[i, k], t) if rate > 0 or level else low[i, k]
                high[i, k] = min(high[i, k], t) if rate < 0 and not level else high[i, k]
    for k in range(n):
        x, y, z, axis = lines[0, k], lines[1, k], lines[2, k], lines[3, k]
        u, v, w = qx * x + qxy * y + qxz * z + gx, qxy * x + qy * y + qyz * z + gy, qxz * x + qyz * y + qz * z + gz
        a = qx if axis == 0 else (qy if axis == 1 else qz)
        b = u if axis == 0 else (v if axis == 1 else w)
        c = x * (u + gx) + y * (v + gy) + z * (w + gz) + g0
        # a line along a generator has a = 0 but for round-off: a bound keeps its roots finite and far away
        a = a if abs(a) > 1e-12 else 1e-12
        discriminant = b * b - a * c
        root = sqrt(max(discriminant, 0.0))
        q = -b - root if b > 0 else root - b
        # q / a and c / q with one division; where q is zero the line hits nothing
        share = 1 / (a * q)
        one, other = q * q * share, a * c * share
        less, more = min(one, other), max(one, other)
        steep, hit, ahead = a < 0, discriminant > 0, less > low[i, k]
        first = (-FAR if ahead else more) if steep else less
        last = (less if ahead else FAR) if steep else more
        first = first if hit else (-FAR if steep else FAR)
        last = last if hit else (FAR if steep else -FAR)
        low[i, k] = max(low[i, k], first)
        high[i, k] = min(high[i, k], last)


@inner
def _sort(low: Array, high: Array, count: int, k: int, order: Array) -> int:
    """Primitives whose interval on line `k` is not empty, by where it starts; returns their number."""
    n = ZERO
    for i in range(count):
        if low[i, k] < high[i, k]:
            place = n
            while place > 0 and low[order[place - 1], k] > low[i, k]:
                order[place] = order[place - 1]
                place -= 1
            order[place] = i
            n += 1
    return n


@inner
def _merge(low: Array, high: Array, count: int, k: int, gap: float, order: Array, first: Array, last: Array) -> int:
    """Union of the intervals on line `k`: which primitives start and end each of its parts; returns their number."""
    n, parts = _sort(low, high, count, k, order), 0
    for j in range(n):
        i = order[j]
        if parts > 0 and low[i, k] <= high[last[parts - 1], k] + gap:
            if high[i, k] > high[last[parts - 1], k]:
                last[parts - 1] = i
        else:
            first[parts], last[parts] = i, i
            parts += 1
    return parts


@inner
def _unite(low: Array, high: Array, count: int, n: int, lines: Array, union: Array) -> None:
    """Union of the intervals on each of `n` lines where it is one: where it starts and ends, and which primitives do it.

    `union[UNITED + k]` says whether it is one interval or none (1), or `_merge` has to look (0): the primitives are joined
    to the one that starts first in two passes, which is enough where they follow each other.
    """
    n = n + 15 & -16
    for k in range(n):
        union[STARTS + k], union[STOPS + k], union[STARTED_BY + k], union[STOPPED_BY + k] = FAR, -FAR, 0.0, 0.0
    for i in range(count):
        for k in range(n):
            start, stop = low[i, k], high[i, k]
            first, last = (start < stop) & (start < union[STARTS + k]), (start < stop) & (stop > union[STOPS + k])
            union[STARTS + k], union[STARTED_BY + k] = (
                (start if first else union[STARTS + k]),
                (i if first else union[STARTED_BY + k]),
            )
            union[STOPS + k], union[STOPPED_BY + k] = (
                (stop if last else union[STOPS + k]),
                (i if last else union[STOPPED_BY + k]),
            )
    for k in range(n):
        union[UNITED + k] = union[STARTS + k]
    for j in range(2 * count):
        i = j if j < count else j - count
        for k in range(n):
            start, stop, reached = low[i, k], high[i, k], union[UNITED + k]
            on = (start <= reached + BRIDGE * lines[4, k]) & (stop > reached) & (start < stop)
            union[UNITED + k] = stop if on else reached
    for k in range(n):
        union[UNITED + k] = 1.0 if union[UNITED + k] >= union[STOPS + k] else 0.0


@forced
def _length(
    low: Array, high: Array, count: int, k: int, gap: float, union: Array, order: Array, first: Array, last: Array
) -> float:
    if union[UNITED + k] != 0:
        return max(union[STOPS + k] - union[STARTS + k], 0.0)
    total = 0.0
    for j in range(_merge(low, high, count, k, gap, order, first, last)):
        total += high[last[j], k] - low[first[j], k]
    return total


@forced
def _parts(
    low: Array, high: Array, count: int, k: int, gap: float, union: Array, order: Array, first: Array, last: Array
) -> int:
    """As `_merge`, with what `_unite` has found."""
    if union[UNITED + k] == 0:
        return _merge(low, high, count, k, gap, order, first, last)
    if union[STARTS + k] >= union[STOPS + k]:
        return 0
    first[0], last[0] = int(union[STARTED_BY + k]), int(union[STOPPED_BY + k])
    return 1


@forced
def _insert(cuts: Array, p: int, n: int, t: float, edge: float) -> int:
    """Put a place between 0 and `edge` into the sorted list of the `n` cuts of plane `p`; returns their number."""
    if not 0 < t < edge or n > CUTS:
        return n
    place = n
    while cuts[p, place - 1] > t:
        cuts[p, place] = cuts[p, place - 1]
        place -= 1
    cuts[p, place] = t
    return n + 1


@forced
def _cut(
    low: Array, high: Array, count: int, at: int, edge: float, union: Array, order: Array, first: Array, last: Array, cuts:
    Array, p: int,
) -> int:  # fmt: skip
    """Where the surface crosses the opposite edges on lines `at` and `at + 1`, sorted, after 0; returns the number of cuts."""
    cuts[p, 0], n = 0.0, ZERO + 1
    for k in range(at, at + 2):
        for j in range(_parts(low, high, count, k, BRIDGE * edge, union, order, first, last)):
            n = _insert(cuts, p, n, low[first[j], k], edge)
            n = _insert(cuts, p, n, high[last[j], k], edge)
    return n


@inner
def _at(form: Array, i: int, x: Array) -> tuple[float, float, float, float]:
    """Half the gradient of quadric `i` at a point, and its value there."""
    y0, y1, y2 = x[0], x[1], x[2]
    xy, xz, yz, gx, gy, gz = form[i, 3], form[i, 4], form[i, 5], form[i, 6], form[i, 7], form[i, 8]
    u, v, w = form[i, 0] * y0 + xy * y1 + xz * y2 + gx, xy * y0 + form[i, 1] * y1 + yz * y2 + gy, xz * y0 + yz * y1 + gz
    w += form[i, 2] * y2
    return u, v, w, y0 * (u + gx) + y1 * (v + gy) + y2 * (w + gz) + form[i, 9]


@inner
def _cut_outline(form: Array, i: int, b: int, c: int, x: Array, dx: Array, cuts: Array, plane: int, n: int) -> int:
    """Cut also where lines along `c` begin to meet primitive `i`, or cease to: so nothing thin slips through between the lines.

    A line meets the quadric where `B(t)^2 - A C(t)` is positive; with t along `b` that is a quadratic again.
    """
    x[b] = x[c] = 0.0
    u, v, w, at = _at(form, i, x)
    along = u if c == 0 else (v if c == 1 else w)
    across = u if b == 0 else (v if b == 1 else w)
    mixed = form[i, 2 + b + c]
    p = mixed * mixed - form[i, c] * form[i, b]
    q = mixed * along - form[i, c] * across
    discriminant = q * q - p * (along * along - form[i, c] * at)
    if abs(p) > 1e-12 and discriminant > 0:
        root = sqrt(discriminant)
        n = _insert(cuts, plane, n, (-q - root) / p, dx[b])
        n = _insert(cuts, plane, n, (-q + root) / p, dx[b])
    return n


@forced
def _plane(p: int, axes: Array, span: Array, dx: Array, x: Array) -> tuple[int, int, float]:
    """Set `x` on plane `p` (lower faces 0..2, then slices); returns the axes of breaks and of lines, and the slice's weight."""
    d, at, weight = p, 0.0, 1.0
    if p >= 3:
        d = axes[0]
        at, weight = GAUSS[p - 3]
        at, weight = span[0] + at * (span[1] - span[0]), weight * (span[1] - span[0]) / dx[d]
    x[d] = at
    return (axes[0] if axes[0] != d else axes[1]), (axes[2] if axes[2] != d else axes[1]), weight


@inner
def _lines_on_edges(axes: Array, span: Array, wanted: Array, x: Array, dx: Array, lines: Array) -> int:
    """Two opposite edges of every plane to be measured; returns the number of lines."""
    n = ZERO
    for p in range(PLANES):
        if wanted[p]:
            b, c, _ = _plane(p, axes, span, dx, x)
            x[b] = 0.0
            for side in range(2):
                x[c] = side * dx[c]
                lines[0, n], lines[1, n], lines[2, n], lines[3, n], lines[4, n] = x[0], x[1], x[2], b, dx[b]
                n += 1
    return n


@inner
def _lines_between(
    axes: Array, span: Array, wanted: Array, x: Array, dx: Array, cuts: Array, pieces: Array, lines: Array
) -> int:
    """Lines at the Gauss points between the cuts of every plane; `pieces` becomes their number in each. Returns that of all."""
    n = ZERO
    for p in range(PLANES):
        if wanted[p]:
            b, c, share = _plane(p, axes, span, dx, x)
            x[c] = 0.0
            begin = n
            for piece in range(pieces[p]):
                width = cuts[p, piece + 1] - cuts[p, piece]
                for place, weight in GAUSS:
                    x[b] = cuts[p, piece] + place * width
                    lines[0, n], lines[1, n], lines[2, n], lines[3, n], lines[4, n] = x[0], x[1], x[2], c, dx[c]
                    lines[5, n] = share * weight * width / (dx[b] * dx[c])
                    n += 1
            pieces[p] = n - begin
    return n


@inner
def measure_voxel(
    form: Array, planes: Array, count: int, axes: Array, span: Array, wanted: Array, x: Array, dx: Array, lines: Array, low:
    Array, high: Array, union: Array, order: Array, first: Array, last: Array, cuts: Array, pieces: Array, low_face: Array, v:
    int,
) -> float:  # fmt: skip
    """Fraction of the volume inside a union of primitives; writes the fraction of each wanted lower face to `low_face[v]`.

    Lines run along the axis with most of the normal (the last of `axes`), breaks along the next, slices along the first.
    Entries 0..2 of `wanted` choose faces, all others are true. Nothing lies outside `span` along the first axis.
    """
    n = _lines_on_edges(axes, span, wanted, x, dx, lines)
    for i in range(count):
        _meet(form, planes, i, lines, n, low, high)
    _unite(low, high, count, n, lines, union)
    n = ZERO
    for p in range(PLANES):
        if wanted[p]:
            b, c, _ = _plane(p, axes, span, dx, x)
            pieces[p] = _cut(low, high, count, n, dx[b], union, order, first, last, cuts, p)
            n += 2
            for i in range(count):
                pieces[p] = _cut_outline(form, i, b, c, x, dx, cuts, p, pieces[p])
            cuts[p, pieces[p]] = dx[b]
    # from here on the lines between the cuts take over the tables
    n = _lines_between(axes, span, wanted, x, dx, cuts, pieces, lines)
    for i in range(count):
        _meet(form, planes, i, lines, n, low, high)
    _unite(low, high, count, n, lines, union)
    n, volume = ZERO, 0.0
    for p in range(PLANES):
        if wanted[p]:
            total = 0.0
            for k in range(n, n + pieces[p]):
                total += lines[5, k] * _length(low, high, count, k, BRIDGE * lines[4, k], union, order, first, last)
            n += pieces[p]
            if p < 3:
                low_face[v, p] = total if total < WHOLE else 1.0
            else:
                volume += total
    return volume if volume < WHOLE else 1.0


@inner
def _normal(form: Array, planes: Array, i: int, x: Array, near: float, normal: Array) -> int:
    """Outward unit normal of primitive `i` at a point of its surface; returns the plane the point is on (-1: the quadric)."""
    for side in range(2):
        at = 10 + 4 * side
        if (
            planes[i, side]
            and abs(form[i, at] * x[0] + form[i, at + 1] * x[1] + form[i, at + 2] * x[2] + form[i, at + 3]) < near
        ):
            normal[0], normal[1], normal[2] = -form[i, at], -form[i, at + 1], -form[i, at + 2]
            return side
    u, v, w, _ = _at(form, i, x)
    size = sqrt(u * u + v * v + w * w)
    scale = 1 / size if size > 0 else 0.0
    normal[0], normal[1], normal[2] = u * scale, v * scale, w * scale
    return -1


@inner
def _hit_surface(
    form: Array, planes: Array, open_end: Array, near: Array, count: int, n: int, x: Array, lines: Array, low: Array,
    high: Array, union: Array, order: Array, first: Array, last: Array, normal: Array, hits: Array,
) -> tuple[int, int]:  # fmt: skip
    """Where `n` lines cross the surface: normal (3), area it stands for, whether on an open end, plane or -1.

    Returns their number, and the number of the open end seen last, or -1.
    """
    found, end = 0, -1
    for k in range(n):
        d = int(lines[3, k])
        for j in range(2 * _parts(low, high, count, k, BRIDGE * lines[4, k], union, order, first, last)):
            i = first[j // 2] if j % 2 == 0 else last[j // 2]
            t = low[i, k] if j % 2 == 0 else high[i, k]
            if not 0 < t < lines[4, k] or found == hits.shape[1]:
                continue
            x[0], x[1], x[2] = lines[0, k], lines[1, k], lines[2, k]
            x[d] = t
            side = _normal(form, planes, i, x, 1e-8 * lines[4, k], normal)
            hits[0, found], hits[1, found], hits[2, found] = normal[0], normal[1], normal[2]
            hits[3, found], hits[4, found], hits[5, found] = abs(normal[d]) * lines[5, k], 0.0, side
            if side >= 0 and open_end[near[i], side] >= 0:
                hits[4, found], end = 1.0, open_end[near[i], side]
            found += 1
    return found, end


@inner
def surface_samples(
    form: Array, planes: Array, open_end: Array, near: Array, count: int, x: Array, dx: Array, lines: Array, low: Array, high:
    Array, union: Array, order: Array, first: Array, last: Array, normal: Array, hits: Array, sums: Array, r: int,
) -> int:  # fmt: skip
    """Sample the surface inside a voxel with `SAMPLES x SAMPLES` lines along each axis.

    Since `n_x^2 + n_y^2 + n_z^2 = 1`, a hit of a line along `d` stands for the area `|n_d|` times the line's share of the face:
    no direction is singular. Hits form two groups: those within 25 degrees of the one closest to the mean, and the others (the
    other side of an edge). `sums[r]` gets, for each group, area, vector area (3) and the area on open ends; `normal` the mean
    squares of the components of the normal, which order the axes also for a thin tube, whose normals sum to nothing. Returns
    the number of the open end seen last, or -1.
    """
    n, m = ZERO, SAMPLES
    for d in range(3):
        b, c = (d + 1) % 3, (d + 2) % 3
        for i in range(m * m):
            x[b], x[c], x[d] = (i // m + 0.5) / m * dx[b], (i % m + 0.5) / m * dx[c], 0.0
            lines[0, n], lines[1, n], lines[2, n], lines[3, n], lines[4, n] = x[0], x[1], x[2], d, dx[d]
            lines[5, n] = dx[b] * dx[c] / (m * m)
            n += 1
    for i in range(count):
        _meet(form, planes, i, lines, n, low, high)
    _unite(low, high, count, n, lines, union)
    found, end = _hit_surface(
        form, planes, open_end, near, count, n, x, lines, low, high, union, order, first, last, normal, hits
    )  # fmt: skip
    for d in range(3):
        normal[d] = 0.0
        for k in range(found):
            normal[d] += hits[3, k] * hits[d, k]
    seed, best = 0, -FAR
    for k in range(found):
        along = normal[0] * hits[0, k] + normal[1] * hits[1, k] + normal[2] * hits[2, k]
        if along > best:
            seed, best = k, along
    for j in range(SUMS):
        sums[r, j] = 0.0
    for d in range(3):
        normal[d] = 0.0
    for k in range(found):
        along = hits[0, seed] * hits[0, k] + hits[1, seed] * hits[1, k] + hits[2, seed] * hits[2, k]
        group = 0 if along > ONE_SIDE else 5
        sums[r, group] += hits[3, k]
        sums[r, group + 4] += hits[3, k] * hits[4, k]
        for d in range(3):
            sums[r, group + 1 + d] += hits[3, k] * hits[d, k]
            normal[d] += hits[3, k] * hits[d, k] * hits[d, k]
    return end


@inner
def complete_fold(
    form: Array, planes: Array, open_end: Array, near: Array, count: int, wanted: Array, pieces: Array, x: Array, dx: Array,
    lines: Array, low: Array, high: Array, union: Array, order: Array, first: Array, last: Array, normal: Array, hits: Array,
    sums: Array, r: int,
) -> None:  # fmt: skip
    """If no sample met the far side of a fold, look for it along the lines that `measure_voxel` has just used.

    Those stand close together where the surface crosses the edges of the voxel. The second group gets its normal from them, on
    an area that counts for nothing: what it has of the vector area is then split off. What not even they met is a corner of
    another primitive: its normal is that of the point of its surface closest to the middle of the voxel.
    """
    n = ZERO
    for p in range(PLANES):
        if wanted[p]:
            n += pieces[p]
    found, _ = _hit_surface(
        form, planes, open_end, near, count, n, x, lines, low, high, union, order, first, last, normal, hits
    )  # fmt: skip
    size = sqrt(sums[r, 1] ** 2 + sums[r, 2] ** 2 + sums[r, 3] ** 2)
    for k in range(found):
        if sums[r, 1] * hits[0, k] + sums[r, 2] * hits[1, k] + sums[r, 3] * hits[2, k] < ONE_SIDE * size:
            sums[r, 5] += 1e-12
            for d in range(3):
                sums[r, 6 + d] += 1e-12 * hits[d, k]
    if sums[r, 5] == 0:
        _complete_corner(form, count, x, dx, normal, hits, sums, r, size)


@inner
def _complete_corner(
    form: Array, count: int, x: Array, dx: Array, normal: Array, hits: Array, sums: Array, r: int, size: float
) -> None:
    """Give the second group the normal of the surface closest to the middle of the voxel, of the primitives that turn."""
    closest = FAR
    for i in range(count):
        along, size_here, distance = 0.0, 1.0, 0.0
        for d in range(3):
            x[d] = 0.5 * dx[d]
        for _ in range(2):
            normal[0], normal[1], normal[2], value = _at(form, i, x)
            along, square, distance = 0.0, 1e-300, 0.0
            for d in range(3):
                square += normal[d] * normal[d]
                along += sums[r, 1 + d] * normal[d]
            for d in range(3):
                x[d] -= 0.5 * value / square * normal[d]
                distance += (x[d] - 0.5 * dx[d]) ** 2
            size_here = sqrt(square)
        if along < ONE_SIDE * size * size_here and distance < closest:
            closest = distance
            for d in range(3):
                hits[d, 0] = normal[d] / size_here
    if closest < dx[0] ** 2 + dx[1] ** 2 + dx[2] ** 2:
        sums[r, 5] = 1e-12
        for d in range(3):
            sums[r, 6 + d] = 1e-12 * hits[d, 0]
