"""Compiled pass that measures the cut voxels.

In: blocks of classified voxels (`geometry.voxel_kernels`). Out: for every cut voxel the fraction inside of its volume and of
its lower faces, and what is needed for the area of its surface. Voxels cut by one smooth surface, most of them, are measured in
closed form (`geometry.voxel_smooth`), the others along lines (`geometry.voxel_lines`).
"""

from __future__ import annotations

from math import sqrt

import numpy as np
from numba import njit

from geometry.compiled import ZERO, forced, inner
from geometry.frustum import AXIS, FRUSTUM, LENGTH, RADIUS, SLACK, SLOPE, Array
from geometry.voxel_forms import (
    FLAT,
    FORM,
    ROUGH,
    SMOOTH,
    curvature,
    flatten,
    holds,
    join,
    localise,
    nature,
    order_axes,
    tangent,
)
from geometry.voxel_kernels import CUT, FULL, OUTSIDE, reach, step
from geometry.voxel_lines import CUTS, LINES, MOST_HITS, MOST_LINES, SUMS, complete_fold, measure_voxel, surface_samples
from geometry.voxel_smooth import EDGES, measure_smooth

__all__ = ["measure"]


@forced
def _gather(
    table: Array, kind: Array, prims: Array, begin: int, end: int, low: Array, dx: Array, centre: Array, near: Array, form:
    Array, planes: Array,
) -> int:  # fmt: skip
    """Local forms of the primitives that reach into a voxel; returns their number, or -1 if one of several holds all of it."""
    count = ZERO
    for i in range(begin, end):
        p = prims[i]
        slack = table[p, SLACK]
        if tangent(table, p, kind[p], centre, dx) > 2 * slack or not localise(table, p, kind[p], low, dx, form, planes, count):
            continue
        near[count, 0], near[count, 1] = p, p
        fresh = True
        if kind[p] == FRUSTUM:
            for j in range(count):
                if kind[near[j, 0]] == FRUSTUM and join(form, planes, near, j, count, slack):
                    fresh = False
                    break
        if fresh:
            count += 1
    if count > 1:
        for j in range(count):
            if not (planes[j, 0] or planes[j, 1]) and holds(form, j, dx):
                return -1
    return count


@forced
def _neighbours(block: int, cell: int, beside: Array, status: Array, wanted: Array, low_face: Array, v: int) -> None:
    """Which of the three lower faces must be measured; those towards full voxels are open, towards empty ones closed."""
    for d in range(3):
        other, at = step(block, cell, 2 * d, beside)
        state = OUTSIDE if other < 0 else status[other, at]
        wanted[d] = state == CUT
        low_face[v, d] = 1.0 if state == FULL else 0.0


@inner
def _is_tube(table: Array, kind: Array, near: Array, count: int, thin: float) -> bool:
    """Whether all that reaches into a voxel is much thinner than the voxel, and starts with a frustum."""
    for i in range(count):
        if reach(table[near[i, 0]], kind[near[i, 0]]) >= thin:
            return False
    return bool(kind[near[0, 0]] == FRUSTUM)


@inner
def _find_span(table: Array, kind: Array, near: Array, count: int, a: int, low: Array, dx: Array, span: Array) -> None:
    """Range along axis `a` in which thin primitives may be inside a voxel: where their axes come close to it."""
    least, most = dx[a], 0.0
    for i in range(count):
        row, far = table[near[i, 0]], reach(table[near[i, 0]], kind[near[i, 0]])
        s0, s1 = 0.0, row[LENGTH] if kind[near[i, 0]] == FRUSTUM else 0.0
        if near[i, 0] != near[i, 1]:
            # frusta that continue each other: the line they share
            s0, s1 = -1e9, 1e9
        for d in range(3):
            rate, at = row[AXIS + d], low[d] - row[d]
            if abs(rate) > 1e-9 and s1 > s0:
                t0, t1 = (at - far) / rate, (at + dx[d] + far) / rate
                s0, s1 = max(s0, min(t0, t1)), min(s1, max(t0, t1))
        first, last = row[a] + s0 * row[AXIS + a] - low[a], row[a] + s1 * row[AXIS + a] - low[a]
        least, most = min(least, min(first, last) - far), max(most, max(first, last) + far)
    span[0], span[1] = max(least, 0.0), min(most, dx[a])
    if span[0] >= span[1]:
        span[0], span[1] = 0.0, dx[a]


@forced
def _kind_of_cut(table: Array, kind: Array, near: Array, form: Array, planes: Array, count: int, dx: Array) -> int:
    """Whether a voxel is cut by one smooth surface, by a flat end, or is rough."""
    if count > 1:
        return ROUGH
    return nature(form, 0, planes, dx)


@inner
def _measure_along_lines(
    table: Array, kind: Array, open_end: Array, dx: Array, corner_at: Array, near: Array, form: Array, planes: Array, count:
    int, kind_of_cut: int, wanted: Array, axes: Array, pieces: Array, span: Array, x: Array, normal: Array, trial: Array,
    lines: Array, low: Array, high: Array, order: Array, start: Array, stop: Array, cuts: Array, hits: Array, low_face: Array,
    sums: Array,
) -> tuple[float, int]:  # fmt: skip
    """Measure a voxel along lines; returns the fraction of its volume inside, and the number of an open end in it or -1."""
    tube, end = False, -1
    thick = max(dx[0], dx[1], dx[2])
    if kind_of_cut == ROUGH:
        end = surface_samples(
            form, planes, open_end, near, count, 5, x, dx, lines, low, high, order, start, stop, trial, hits, sums
        )  # fmt: skip
        tube = _is_tube(table, kind, near, count, 0.3 * thick)
        if tube or trial[0] + trial[1] + trial[2] == 0:
            # what few lines meet is thin: slices across its axis see it, and its surface follows from its volume
            trial[:] = 1 - table[near[0, 0], AXIS : AXIS + 3] ** 2
        for d in range(3):
            normal[d] = sqrt(max(trial[d], 0.0))
    order_axes(normal, dx, axes)
    span[0], span[1] = 0.0, dx[axes[0]]
    if tube:
        _find_span(table, kind, near, count, axes[0], corner_at, dx, span)
    volume = measure_voxel(
        form, planes, count, kind_of_cut == ROUGH, axes, span, wanted, x, dx, lines, low, high, order, start, stop,
        cuts, pieces, low_face,
    )  # fmt: skip
    if tube:
        row = table[near[0, 0]]
        s = min(max(np.dot(corner_at + 0.5 * dx - row[:3], row[AXIS : AXIS + 3]), 0.0), row[LENGTH])
        surface = 2 * volume * dx[0] * dx[1] * dx[2] / max(row[RADIUS] + row[SLOPE] * s, 1e-12)
        sums[4], sums[9] = min(sums[4] + sums[9], surface), 0.0
        sums[0], sums[5] = 0.0, surface
    elif count > 1 and sums[0] > 0 and sums[5] == 0:
        complete_fold(
            form, planes, open_end, near, count, wanted, pieces, x, dx, lines, low, high, order, start, stop, trial, hits, sums
        )  # fmt: skip
    return volume, end


@njit(cache=True, nogil=True, error_model="numpy")
def measure(
    begin: int, past: int, table: Array, kind: Array, open_end: Array, origin: Array, dx: Array, corner: Array, first: Array,
    prims: Array, beside: Array, status: Array, blocks: Array, cells: Array, low_face: Array, volume: Array, sums: Array,
    end: Array,
) -> None:  # fmt: skip
    """Measure cut voxels `begin` to `past`: fraction inside of three lower faces and of the volume, samples of the surface.

    A face is measured by the voxel above it alone, and only if the voxel below is cut too, so both sides agree to the last bit.
    For a smooth voxel `sums` holds the sum of squares of curvatures, no vector, and 1 if all its surface is an open end;
    for thin tubes, which lines miss, no first area, and the surface `2 V / R` as the second.
    """
    most, thick = 1, max(dx[0], dx[1], dx[2])
    for block in range(len(corner)):
        most = max(most, first[block + 1] - first[block])
    near, axes, pieces = np.empty((most, 2), np.int64), np.empty(3, np.int64), np.empty(7, np.int64)
    form, planes, wanted = np.empty((most, FORM)), np.empty((most, 2), np.bool_), np.ones(7, np.bool_)
    lines, low, high = np.empty((LINES, MOST_LINES)), np.empty((most, MOST_LINES)), np.empty((most, MOST_LINES))
    order, start, stop = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    cuts, hits = np.empty((7, CUTS + 2)), np.empty((6, MOST_HITS))
    corner_at, centre, x, normal, trial = np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
    span, quadric, gradient, value = np.empty(2), np.empty((3, 3)), np.empty(3), np.empty(8)
    cross, chord, face = np.empty(EDGES), np.empty(4), np.empty(6)
    for v in range(begin, past):
        block, cell = blocks[v], cells[v]
        corner_at[0] = origin[0] + (corner[block, 0] + cell // 64) * dx[0]
        corner_at[1] = origin[1] + (corner[block, 1] + cell // 8 % 8) * dx[1]
        corner_at[2] = origin[2] + (corner[block, 2] + cell % 8) * dx[2]
        for d in range(3):
            centre[d] = corner_at[d] + 0.5 * dx[d]
        count = _gather(table, kind, prims, first[block], first[block + 1], corner_at, dx, centre, near, form, planes)
        end[v] = -1
        for j in range(SUMS):
            sums[v, j] = 0.0
        if count <= 0:
            volume[v] = -count
            for d in range(3):
                low_face[v, d] = -count
            continue
        _neighbours(block, cell, beside, status, wanted, low_face, v)
        kind_of_cut = _kind_of_cut(table, kind, near, form, planes, count, dx)
        if kind_of_cut != ROUGH:
            if kind_of_cut >= FLAT:
                side = kind_of_cut - FLAT
                flatten(form, 0, planes, side)
                end[v] = open_end[near[0, side], side]
                sums[v, 4] = end[v] >= 0
            fraction = measure_smooth(form, dx, quadric, gradient, value, cross, centre, trial, chord, face)
            if fraction < 0 and kind_of_cut == SMOOTH and reach(table[near[0, 0]], kind[near[0, 0]]) < thick:
                kind_of_cut = ROUGH  # thin, and turns much within the voxel
            else:
                sums[v, 0] = curvature(form, 0, dx, normal)
            if fraction >= 0:
                volume[v] = fraction
                for d in range(3):
                    low_face[v, d] = face[2 * d] if wanted[d] else low_face[v, d]
                continue
        found = _measure_along_lines(
            table, kind, open_end, dx, corner_at, near, form, planes, count, kind_of_cut, wanted, axes, pieces, span, x,
            normal, trial, lines, low, high, order, start, stop, cuts, hits, low_face[v], sums[v],
        )  # fmt: skip
        volume[v] = found[0]
        if kind_of_cut == ROUGH:
            end[v] = found[1]
