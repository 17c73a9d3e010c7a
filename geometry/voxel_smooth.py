"""Compiled kernel that measures a voxel cut by one smooth surface: most of the cut voxels.

In: the local form of the only primitive that reaches into the voxel, none of whose planes cuts it (see `geometry.voxel_rays`). Out:
the same areas of faces and the same volume as the general kernel gives, several times faster: lines are collected, and the roots
along all of them taken in one loop without branches, which the compiler turns into vector instructions.
"""

from __future__ import annotations

from math import sqrt

from numba import njit

from geometry.voxel_rays import GAUSS_2, GAUSS_3

__all__ = ["LINES", "curvature", "flatten", "order_axes", "smooth_voxel"]

FAR = 1e30
LINES = 64  # six planes, each split into at most five pieces with two lines


@njit(cache=True, error_model="numpy")
def flatten(form, side, axes, dx):  # type: ignore[no-untyped-def]
    """Make the quadric of a local form the half space of one of its planes, and order the axes by its normal."""
    for j in range(6):
        form[j] = 0.0
    for j in range(4):
        form[6 + j] = -form[10 + 4 * side + j] * (0.5 if j < 3 else 1.0)
    order_axes(form[6:9], dx, axes)


@njit(cache=True, error_model="numpy")
def order_axes(normal, dx, axes):  # type: ignore[no-untyped-def]
    """Axes by how much of the normal lies along them, least first."""
    for d in range(3):
        axes[d] = d
    for i in range(2):
        for j in range(2 - i):
            if abs(normal[axes[j]]) * dx[axes[j]] > abs(normal[axes[j + 1]]) * dx[axes[j + 1]]:
                axes[j], axes[j + 1] = axes[j + 1], axes[j]


@njit(cache=True, error_model="numpy")
def curvature(form, x):  # type: ignore[no-untyped-def]
    """Sum of the squares of the principal curvatures of the quadric through `x`, from the derivative of its normal, 1/um2."""
    u = form[0] * x[0] + form[3] * x[1] + form[4] * x[2] + form[6]
    v = form[3] * x[0] + form[1] * x[1] + form[5] * x[2] + form[7]
    w = form[4] * x[0] + form[5] * x[1] + form[2] * x[2] + form[8]
    square = u * u + v * v + w * w
    if square <= 0:
        return 0.0
    # |P Q P|^2 / |grad|^2 with P = 1 - n n: with Qn, it is (|Q|^2 - 2 |Q n|^2 + (n Q n)^2) / |grad|^2
    whole = form[0] ** 2 + form[1] ** 2 + form[2] ** 2 + 2 * (form[3] ** 2 + form[4] ** 2 + form[5] ** 2)
    a = form[0] * u + form[3] * v + form[4] * w
    b = form[3] * u + form[1] * v + form[5] * w
    c = form[4] * u + form[5] * v + form[2] * w
    along = (a * u + b * v + c * w) / square
    return max(whole - 2 * (a * a + b * b + c * c) / square + along * along, 0.0) / square


@njit(cache=True, error_model="numpy", forceinline=True)
def _put(form, axis, x, n, lines):  # type: ignore[no-untyped-def]
    """Coefficients of `a t^2 + 2 b t + c` along the line from local point `x`."""
    u = form[0] * x[0] + form[3] * x[1] + form[4] * x[2] + form[6]
    v = form[3] * x[0] + form[1] * x[1] + form[5] * x[2] + form[7]
    w = form[4] * x[0] + form[5] * x[1] + form[2] * x[2] + form[8]
    lines[0, n] = form[axis]
    lines[1, n] = u if axis == 0 else (v if axis == 1 else w)
    lines[2, n] = x[0] * (u + form[6]) + x[1] * (v + form[7]) + x[2] * (w + form[8]) + form[9]


@njit(cache=True, error_model="numpy")
def _solve(lines, n):  # type: ignore[no-untyped-def]
    """Overwrite the coefficients of `n` lines with the two ends of the part inside (both 0 if there is none).

    A line steeper than the cone (a < 0) is inside before the first root or after the second; the voxel lies between the end
    planes, so it sees one of the two: the first if that root is ahead.
    """
    for i in range(n):
        a, b, c = lines[0, i], lines[1, i], lines[2, i]
        # a line along a generator has a = 0 but for round-off: a bound keeps its roots finite and far away
        a = a if abs(a) > 1e-12 else 1e-12
        discriminant = b * b - a * c
        root = sqrt(max(discriminant, 0.0))
        q = -b - root if b > 0 else root - b
        one, other = q / a, c / q
        low, high = min(one, other), max(one, other)
        hit, steep = discriminant > 0, a < 0
        first = (-FAR if low > 0 else high) if steep else low
        last = (low if low > 0 else FAR) if steep else high
        missed = FAR if steep else 0.0
        lines[0, i] = first if hit else -missed
        lines[1, i] = last if hit else missed


@njit(cache=True, error_model="numpy")
def _cuts(lines, at, edge, cuts):  # type: ignore[no-untyped-def]
    """Where the surface crosses either of two opposite edges, sorted, with 0 and `edge`; returns their number."""
    cuts[0], n = 0.0, 1
    for i in range(4):
        t = lines[i % 2, at + i // 2]
        if 0 < t < edge:
            place = n
            while cuts[place - 1] > t:
                cuts[place] = cuts[place - 1]
                place -= 1
            cuts[place] = t
            n += 1
    cuts[n] = edge
    return n + 1


@njit(cache=True, error_model="numpy")
def smooth_voxel(form, dx, axes, wanted, x, cuts, edges, lines, share, plane, areas, low_face):  # type: ignore[no-untyped-def]
    """Fraction of the volume inside; writes the fraction of each wanted lower face to `low_face`.

    Lines run along the axis with most of the normal, breaks along the next, slices along the last of `axes`.
    """
    n = 0
    for p in range(6):
        areas[p] = 0.0
        if p < 3 and not wanted[p]:
            continue
        d = p if p < 3 else axes[0]
        b, c = (axes[0] if axes[0] != d else axes[1]), (axes[2] if axes[2] != d else axes[1])
        x[d], x[b] = (0.0 if p < 3 else GAUSS_3[p - 3][0] * dx[d]), 0.0
        for side in range(2):
            x[c] = side * dx[c]
            _put(form, b, x, n, edges)
            n += 1
    _solve(edges, n)
    n, at = 0, 0
    for p in range(6):
        if p < 3 and not wanted[p]:
            continue
        d = p if p < 3 else axes[0]
        b, c = (axes[0] if axes[0] != d else axes[1]), (axes[2] if axes[2] != d else axes[1])
        x[d], x[c] = (0.0 if p < 3 else GAUSS_3[p - 3][0] * dx[d]), 0.0
        pieces = _cuts(edges, at, dx[b], cuts) - 1
        at += 2
        for piece in range(pieces):
            width = cuts[piece + 1] - cuts[piece]
            for place, weight in GAUSS_2:
                x[b] = cuts[piece] + place * width
                _put(form, c, x, n, lines)
                share[n], plane[n] = weight * width / (dx[b] * dx[c]), p
                n += 1
    _solve(lines, n)
    for i in range(n):
        d = plane[i] if plane[i] < 3 else axes[0]
        edge = dx[axes[2] if axes[2] != d else axes[1]]
        areas[plane[i]] += share[i] * max(min(lines[1, i], edge) - max(lines[0, i], 0.0), 0.0)
    for d in range(3):
        if wanted[d]:
            low_face[d] = areas[d]
    return GAUSS_3[0][1] * areas[3] + GAUSS_3[1][1] * areas[4] + GAUSS_3[2][1] * areas[5]
