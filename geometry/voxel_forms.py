"""Local forms: the primitives that reach into one voxel, as quadrics and planes in coordinates of its lowest corner.

In: rows of the table of `geometry.frustum.pack` and one voxel. Out: rows of `form`, which `geometry.voxel_lines` measures
with.

The local form of a primitive is the set of `x` with `x.Qx + 2 g.x + c <= 0` and `n.x + w >= 0` for up to two planes. Columns:
Q (xx, yy, zz, xy, xz, yz), g (3), c, and n (3), w of either plane; `planes` says which of the two cut the voxel.
"""

from __future__ import annotations

from geometry.compiled import forced, inner
from geometry.frustum import AXIS, FRUSTUM, LENGTH, OBLIQUE, RADIUS, SECOND, SLACK, SLOPE, Array

__all__ = ["FORM", "holds", "localise", "order_axes"]

FORM = 18


@forced
def localise(table: Array, p: int, kind: int, low: Array, dx: Array, form: Array, planes: Array, m: int) -> bool:
    """Write row `m` of the local forms: primitive `p` and the voxel with lowest corner `low`; false if a plane cuts all off."""
    ax, ay, az, slack = table[p, AXIS], table[p, AXIS + 1], table[p, AXIS + 2], table[p, SLACK]
    u, v, w = low[0] - table[p, 0], low[1] - table[p, 1], low[2] - table[p, 2]
    s = u * ax + v * ay + w * az
    form[m, 10], form[m, 11], form[m, 12], form[m, 13] = ax, ay, az, s + slack
    if kind == FRUSTUM:
        # with the part across the axis: no cancellation far along a thin frustum
        slope, radius = table[p, SLOPE], table[p, RADIUS] + table[p, SLOPE] * s
        tilt = 1 + slope * slope
        u, v, w = u - s * ax, v - s * ay, w - s * az
        form[m, 0], form[m, 1], form[m, 2] = 1 - tilt * ax * ax, 1 - tilt * ay * ay, 1 - tilt * az * az
        form[m, 3], form[m, 4], form[m, 5] = -tilt * ax * ay, -tilt * ax * az, -tilt * ay * az
        form[m, 6], form[m, 7], form[m, 8] = u - slope * radius * ax, v - slope * radius * ay, w - slope * radius * az
        form[m, 9] = u * u + v * v + w * w - radius * radius
        form[m, 14], form[m, 15], form[m, 16], form[m, 17] = -ax, -ay, -az, table[p, LENGTH] - s + slack
    elif kind == OBLIQUE:
        # |x - s (a + b)|^2 <= (radius + slope s)^2, with the part across the axis as above
        bx, by, bz = table[p, SECOND], table[p, SECOND + 1], table[p, SECOND + 2]
        slope, radius = table[p, SLOPE], table[p, RADIUS] + table[p, SLOPE] * s
        tilt = 1 + slope * slope - bx * bx - by * by - bz * bz
        u, v, w = u - s * (ax + bx), v - s * (ay + by), w - s * (az + bz)
        lean = u * bx + v * by + w * bz + slope * radius
        form[m, 0], form[m, 1] = 1 - tilt * ax * ax - 2 * ax * bx, 1 - tilt * ay * ay - 2 * ay * by
        form[m, 2], form[m, 3] = 1 - tilt * az * az - 2 * az * bz, -tilt * ax * ay - ax * by - ay * bx
        form[m, 4], form[m, 5] = -tilt * ax * az - ax * bz - az * bx, -tilt * ay * az - ay * bz - az * by
        form[m, 6], form[m, 7], form[m, 8] = u - lean * ax, v - lean * ay, w - lean * az
        form[m, 9] = u * u + v * v + w * w - radius * radius
        form[m, 14], form[m, 15], form[m, 16], form[m, 17] = -ax, -ay, -az, table[p, LENGTH] - s + slack
    else:
        bx, by, bz = table[p, SECOND], table[p, SECOND + 1], table[p, SECOND + 2]
        form[m, 0], form[m, 1], form[m, 2], form[m, 3], form[m, 4], form[m, 5] = 1.0, 1.0, 1.0, 0.0, 0.0, 0.0
        form[m, 6], form[m, 7], form[m, 8], form[m, 9] = u, v, w, u * u + v * v + w * w - table[p, RADIUS] ** 2
        form[m, 14], form[m, 15], form[m, 16], form[m, 17] = bx, by, bz, u * bx + v * by + w * bz + slack
    for side in range(2):
        at = 10 + 4 * side
        least = most = form[m, at + 3]
        for d in range(3):
            reach = form[m, at + d] * dx[d]
            least += min(reach, 0.0)
            most += max(reach, 0.0)
        if most < 0:
            return False
        planes[m, side] = least < 0
    return True


@inner
def order_axes(normal: Array, dx: Array, axes: Array) -> None:
    """Axes by how much of the normal lies along them, least first."""
    for d in range(3):
        axes[d] = d
    for i in range(2):
        for j in range(2 - i):
            if abs(normal[axes[j]]) * dx[axes[j]] > abs(normal[axes[j + 1]]) * dx[axes[j + 1]]:
                axes[j], axes[j + 1] = axes[j + 1], axes[j]


@forced
def holds(form: Array, m: int, dx: Array) -> bool:
    """Whether the quadric of a local form contains all corners of the voxel and so, being convex, the voxel (planes apart)."""
    for corner in range(8):
        x, y, z = (corner >> 2) * dx[0], (corner >> 1 & 1) * dx[1], (corner & 1) * dx[2]
        value = x * (form[m, 0] * x + 2 * (form[m, 3] * y + form[m, 4] * z + form[m, 6]))
        value += y * (form[m, 1] * y + 2 * (form[m, 5] * z + form[m, 7])) + z * (form[m, 2] * z + 2 * form[m, 8]) + form[m, 9]
        if value > 0:
            return False
    return True
