"""Local forms: the primitives that reach into one voxel, as quadrics and planes in coordinates of its lowest corner.

In: rows of the table of `geometry.frustum.pack` and one voxel. Out: rows of `form`, which `geometry.voxel_lines` measures
with.

The local form of a primitive is the set of `x` with `x.Qx + 2 g.x + c <= 0` and `n.x + w >= 0` for up to two planes. Columns:
Q (xx, yy, zz, xy, xz, yz), g (3), c, and n (3), w of either plane; `planes` says which of the two cut the voxel.
"""

from __future__ import annotations

from math import inf, sqrt

from numba import njit

from geometry.frustum import AXIS, COSINE, FRUSTUM, LENGTH, LUNE, RADIUS, SECOND, SLACK, SLOPE, Array

__all__ = [
    "FLAT", "FORM", "ROUGH", "SMOOTH", "curvature", "flatten", "holds", "join", "localise", "nature", "order_axes", "tangent",
]  # fmt: skip

FORM = 18
SMOOTH, ROUGH, FLAT = 0, 1, 2  # FLAT + 1: the second plane


@njit(cache=True, error_model="numpy")
def localise(row: Array, kind: int, low: Array, dx: Array, form: Array, planes: Array) -> bool:
    """Write the local form of a primitive for the voxel with lowest corner `low`; false if a plane cuts all of it off."""
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


@njit(cache=True, error_model="numpy")
def tangent(row: Array, kind: int, x: Array, normal: Array) -> float:
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
    if kind in (FRUSTUM, LUNE):
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


@njit(cache=True, error_model="numpy")
def curvature(form: Array, dx: Array, normal: Array) -> float:
    """Sum of the squares of the principal curvatures of the quadric through the middle of the voxel, 1/um2, and its normal."""
    x, y, z = 0.5 * dx[0], 0.5 * dx[1], 0.5 * dx[2]
    u = form[0] * x + form[3] * y + form[4] * z + form[6]
    v = form[3] * x + form[1] * y + form[5] * z + form[7]
    w = form[4] * x + form[5] * y + form[2] * z + form[8]
    normal[0], normal[1], normal[2] = u, v, w
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


@njit(cache=True, error_model="numpy")
def flatten(form: Array, planes: Array, side: int) -> None:
    """Make the quadric of a local form the half space of one of its planes."""
    planes[0], planes[1] = False, False
    for j in range(6):
        form[j] = 0.0
    for j in range(4):
        form[6 + j] = -form[10 + 4 * side + j] * (0.5 if j < 3 else 1.0)


@njit(cache=True, error_model="numpy")
def order_axes(normal: Array, dx: Array, axes: Array) -> None:
    """Axes by how much of the normal lies along them, least first."""
    for d in range(3):
        axes[d] = d
    for i in range(2):
        for j in range(2 - i):
            if abs(normal[axes[j]]) * dx[axes[j]] > abs(normal[axes[j + 1]]) * dx[axes[j + 1]]:
                axes[j], axes[j + 1] = axes[j + 1], axes[j]


@njit(cache=True, error_model="numpy")
def join(form: Array, planes: Array, near: Array, first: int, second: int, slack: float) -> bool:
    """Make one primitive of two frusta that continue each other with the same axis and slope; false if they do not."""
    for j in range(10):
        if abs(form[first, j] - form[second, j]) > 1e-9 * (abs(form[first, j]) + 1e-3):
            return False
    for side in range(2):
        end, start = 14 - 4 * side, 10 + 4 * side
        if abs(form[first, end + 3] + form[second, start + 3]) < 4 * slack:
            for j in range(4):
                form[first, end + j] = form[second, end + j]
            near[first, 1 - side], planes[first, 1 - side] = near[second, 1 - side], planes[second, 1 - side]
            return True
    return False


@njit(cache=True, error_model="numpy")
def holds(form: Array, dx: Array) -> bool:
    """Whether the quadric of a local form contains all corners of the voxel and so, being convex, the voxel (planes apart)."""
    for corner in range(8):
        x, y, z = (corner >> 2) * dx[0], (corner >> 1 & 1) * dx[1], (corner & 1) * dx[2]
        value = x * (form[0] * x + 2 * (form[3] * y + form[4] * z + form[6]))
        value += y * (form[1] * y + 2 * (form[5] * z + form[7])) + z * (form[2] * z + 2 * form[8]) + form[9]
        if value > 0:
            return False
    return True


@njit(cache=True, error_model="numpy")
def nature(form: Array, planes: Array, dx: Array) -> int:
    """How a single primitive that does not fill the voxel cuts it: smoothly, with one flat end, or otherwise (rough)."""
    if planes[0] and planes[1]:
        return ROUGH
    if not (planes[0] or planes[1]):
        return SMOOTH
    if not holds(form, dx):
        return ROUGH
    return FLAT if planes[0] else FLAT + 1
