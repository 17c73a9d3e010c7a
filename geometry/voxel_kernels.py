"""Compiled passes of the voxelisation: find blocks of voxels, classify voxels, measure cut voxels, lay out the result.

In: the table of primitives of `geometry.frustum.pack` and the grid. Out: plain arrays that `geometry.voxelize` makes a
`VoxelGrid` of. Space is visited in blocks of 8 x 8 x 8 voxels that a primitive reaches, so empty space costs nothing; threads
share the blocks.
"""

from __future__ import annotations

from math import floor, sqrt
from typing import Any

import numpy as np
from numba import njit, prange

from geometry.frustum import AXIS, FRUSTUM, LENGTH, LUNE, RADIUS, SLACK, SLOPE, Array, distance_to
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
from geometry.voxel_lines import CUTS, LINES, MOST_HITS, MOST_LINES, complete_fold, measure_voxel, surface_samples

__all__ = ["BLOCK", "bin_blocks", "classify", "count_rows", "fill", "gather_faces", "list_cut", "measure"]

BLOCK = 8
CELLS = BLOCK**3
OUTSIDE, FULL, CUT = 0, 1, 2


@njit(cache=True, error_model="numpy")
def _reach(row: Array, kind: int) -> float:
    radius = row[RADIUS]
    return max(radius, radius + row[SLOPE] * row[LENGTH]) if kind == FRUSTUM else radius


@njit(cache=True, error_model="numpy")
def _range(row: Array, kind: int, axis: int, low: float, high: float, d: int, origin: Array, size: Array) -> tuple[int, int]:
    """First and last block along `d` that the part of a primitive with coordinates low..high along `axis` can reach."""
    reach = _reach(row, kind)
    s0, s1 = 0.0, row[LENGTH]
    rate = row[3 + axis]
    if kind == FRUSTUM and abs(rate) > 1e-9:
        t0, t1 = (low - reach - row[axis]) / rate, (high + reach - row[axis]) / rate
        s0, s1 = max(s0, min(t0, t1)), min(s1, max(t0, t1))
        if s0 > s1:
            return 0, -1
    if kind != FRUSTUM:
        s0 = s1 = 0.0
    first, last = row[d] + s0 * row[3 + d], row[d] + s1 * row[3 + d]
    lowest, highest = min(first, last) - reach, max(first, last) + reach
    return floor((lowest - origin[d]) / size[d]), floor((highest - origin[d]) / size[d])


@njit(cache=True, error_model="numpy")
def bin_blocks(
    table: Array, kind: Array, origin: Array, dx: Array, lowest: Array, shape: Array, keys: Array, prims: Array
) -> int:
    """Pairs of blocks and the primitives that reach into them; returns their number, and writes only what fits.

    The key of block (i, j, k) is its place in C order in a box of `shape` blocks that starts at block `lowest`.
    """
    size = dx * BLOCK
    far = 0.5 * sqrt(size[0] ** 2 + size[1] ** 2 + size[2] ** 2) * (1 + 1e-9)
    n = 0
    for p in range(len(kind)):
        row = table[p]
        a = 0
        if kind[p] == FRUSTUM:
            for d in range(1, 3):
                if abs(row[3 + d]) > abs(row[3 + a]):
                    a = d
        b, c = (a + 1) % 3, (a + 2) % 3
        block = np.empty(3, np.int64)
        i0, i1 = _range(row, kind[p], a, -1e300, 1e300, a, origin, size)
        for i in range(i0, i1 + 1):
            low = origin[a] + i * size[a]
            j0, j1 = _range(row, kind[p], a, low, low + size[a], b, origin, size)
            k0, k1 = _range(row, kind[p], a, low, low + size[a], c, origin, size)
            for j in range(j0, j1 + 1):
                for k in range(k0, k1 + 1):
                    block[a], block[b], block[c] = i, j, k
                    x = origin[0] + (block[0] + 0.5) * size[0]
                    y = origin[1] + (block[1] + 0.5) * size[1]
                    z = origin[2] + (block[2] + 0.5) * size[2]
                    if distance_to(table, kind, p, x, y, z) > far:
                        continue
                    if n < len(keys):
                        block -= lowest
                        keys[n] = (block[0] * shape[1] + block[1]) * shape[2] + block[2]
                        prims[n] = p
                    n += 1
    return n


@njit(cache=True, parallel=True, error_model="numpy")
def classify(
    table: Array, kind: Array, owner: Array, origin: Array, dx: Array, corner: Array, first: Array, prims: Array, status:
    Array, owners: Array,
) -> None:  # fmt: skip
    """State of every voxel of every block: certainly outside, certainly full, or cut; and the segment it belongs to.

    A voxel belongs to the frustum or ball with the smallest signed distance at its middle (the one it lies deepest in); to a
    joint only where nothing else comes near.
    """
    far = 0.5 * sqrt(dx[0] ** 2 + dx[1] ** 2 + dx[2] ** 2) * (1 + 1e-9)
    for block in prange(len(corner)):
        begin, end = first[block], first[block + 1]
        for cell in range(CELLS):
            x = origin[0] + (corner[block, 0] + cell // 64 + 0.5) * dx[0]
            y = origin[1] + (corner[block, 1] + cell // 8 % 8 + 0.5) * dx[1]
            z = origin[2] + (corner[block, 2] + cell % 8 + 0.5) * dx[2]
            best, joint, own, joint_own = far, far, -1, -1
            for i in range(begin, end):
                p = prims[i]
                d = distance_to(table, kind, p, x, y, z)
                if kind[p] == LUNE:
                    if d < joint:
                        joint, joint_own = d, owner[p]
                elif d < best:
                    best, own = d, owner[p]
            nearest = min(best, joint)
            status[block, cell] = OUTSIDE if nearest >= far else (FULL if nearest <= -far else CUT)
            owners[block, cell] = own if own >= 0 else joint_own


@njit(cache=True)
def list_cut(status: Array, number: Array) -> tuple[Array, Array]:
    """Number the cut voxels; returns their blocks and their cells in the block."""
    n = 0
    for block in range(len(status)):
        for cell in range(CELLS):
            number[block, cell] = -1
            if status[block, cell] == CUT:
                number[block, cell] = n
                n += 1
    blocks, cells = np.empty(n, np.int32), np.empty(n, np.int32)
    for block in range(len(status)):
        for cell in range(CELLS):
            if number[block, cell] >= 0:
                blocks[number[block, cell]], cells[number[block, cell]] = block, cell
    return blocks, cells


@njit(cache=True)
def step(block: int, cell: int, face: int, beside: Array) -> tuple[int, int]:
    """Block and cell on the other side of a face (0..5: -x, +x, -y, +y, -z, +z); block -1 if there is none."""
    stride = 64 if face < 2 else (8 if face < 4 else 1)
    at = cell // stride % 8
    if face % 2 == 0:
        return (block, cell - stride) if at > 0 else (beside[block, face], cell + 7 * stride)
    return (block, cell + stride) if at < 7 else (beside[block, face], cell - 7 * stride)


@njit(cache=True, error_model="numpy")
def _gather(
    table: Array, kind: Array, prims: Array, begin: int, end: int, low: Array, dx: Array, centre: Array, near: Array, form:
    Array, planes: Array, normal: Array, trial: Array,
) -> int:  # fmt: skip
    """Local forms of the primitives that reach into a voxel, and the normal of the one that holds its middle deepest.

    Returns their number, or -1 if one of them holds all of the voxel.
    """
    count, best = 0, np.inf
    for i in range(begin, end):
        p = prims[i]
        slack = table[p, SLACK]
        distance = tangent(table[p], kind[p], centre, trial)
        half = 0.5 * (abs(trial[0]) * dx[0] + abs(trial[1]) * dx[1] + abs(trial[2]) * dx[2])
        if distance > half + 2 * slack or not localise(table[p], kind[p], low, dx, form[count], planes[count]):
            continue
        if distance < best:
            best = distance
            normal[:] = trial
        near[count, 0], near[count, 1] = p, p
        fresh = True
        if kind[p] == FRUSTUM:
            for j in range(count):
                if kind[near[j, 0]] == FRUSTUM and join(form, planes, near, j, count, slack):
                    fresh = False
                    break
        if fresh:
            if not (planes[count, 0] or planes[count, 1]) and holds(form[count], dx):
                return -1
            count += 1
    return count


@njit(cache=True, error_model="numpy")
def _neighbours(block: int, cell: int, beside: Array, status: Array, wanted: Array, low_face: Array) -> None:
    """Which of the three lower faces must be measured; those towards full voxels are open, towards empty ones closed."""
    for d in range(3):
        other, at = step(block, cell, 2 * d, beside)
        state = OUTSIDE if other < 0 else status[other, at]
        wanted[d] = state == CUT
        low_face[d] = 1.0 if state == FULL else 0.0


@njit(cache=True, error_model="numpy")
def _is_tube(table: Array, kind: Array, near: Array, count: int, thin: float) -> bool:
    """Whether all that reaches into a voxel is much thinner than the voxel, and starts with a frustum."""
    for i in range(count):
        if _reach(table[near[i, 0]], kind[near[i, 0]]) >= thin:
            return False
    return bool(kind[near[0, 0]] == FRUSTUM)


@njit(cache=True, error_model="numpy")
def _find_span(table: Array, kind: Array, near: Array, count: int, a: int, low: Array, dx: Array, span: Array) -> None:
    """Range along axis `a` in which thin primitives may be inside a voxel: where their axes come close to it."""
    least, most = dx[a], 0.0
    for i in range(count):
        row, reach = table[near[i, 0]], _reach(table[near[i, 0]], kind[near[i, 0]])
        s0, s1 = 0.0, row[LENGTH] if kind[near[i, 0]] == FRUSTUM else 0.0
        if near[i, 0] != near[i, 1]:
            # frusta that continue each other: the line they share
            s0, s1 = -1e9, 1e9
        for d in range(3):
            rate, at = row[AXIS + d], low[d] - row[d]
            if abs(rate) > 1e-9 and s1 > s0:
                t0, t1 = (at - reach) / rate, (at + dx[d] + reach) / rate
                s0, s1 = max(s0, min(t0, t1)), min(s1, max(t0, t1))
        first, last = row[a] + s0 * row[AXIS + a] - low[a], row[a] + s1 * row[AXIS + a] - low[a]
        least, most = min(least, min(first, last) - reach), max(most, max(first, last) + reach)
    span[0], span[1] = max(least, 0.0), min(most, dx[a])
    if span[0] >= span[1]:
        span[0], span[1] = 0.0, dx[a]


@njit(cache=True, parallel=True, error_model="numpy")
def measure(
    table: Array, kind: Array, open_end: Array, origin: Array, dx: Array, corner: Array, first: Array, prims: Array, beside:
    Array, status: Array, blocks: Array, cells: Array, low_face: Array, volume: Array, sums: Array, end: Array,
) -> None:  # fmt: skip
    """Measure every cut voxel: fraction inside of its three lower faces and of its volume, samples of its surface.

    A face is measured by the voxel above it alone, and only if the voxel below is cut too, so both sides agree to the last bit.
    For a smooth voxel `sums` holds the sum of squares of curvatures, no vector, and 1 if all its surface is an open end;
    for thin tubes, which lines miss, no first area, and the surface `2 V / R` as the second.
    """
    chunk, most, thick = 64, 1, max(dx[0], dx[1], dx[2])
    for block in range(len(corner)):
        most = max(most, first[block + 1] - first[block])
    for part_of_work in prange((len(blocks) + chunk - 1) // chunk):
        near, axes, pieces = np.empty((most, 2), np.int64), np.empty(3, np.int64), np.empty(7, np.int64)
        form, planes, wanted = np.empty((most, FORM)), np.empty((most, 2), np.bool_), np.ones(7, np.bool_)
        lines, low, high = np.empty((LINES, MOST_LINES)), np.empty((most, MOST_LINES)), np.empty((most, MOST_LINES))
        order, start, stop = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
        cuts, hits = np.empty((7, CUTS + 2)), np.empty((6, MOST_HITS))
        corner_at, centre, x, normal, trial = np.empty(3), np.empty(3), np.empty(3), np.empty(3), np.empty(3)
        span = np.empty(2)
        for v in range(part_of_work * chunk, min((part_of_work + 1) * chunk, len(blocks))):
            block, cell = blocks[v], cells[v]
            corner_at[0] = origin[0] + (corner[block, 0] + cell // 64) * dx[0]
            corner_at[1] = origin[1] + (corner[block, 1] + cell // 8 % 8) * dx[1]
            corner_at[2] = origin[2] + (corner[block, 2] + cell % 8) * dx[2]
            for d in range(3):
                centre[d] = corner_at[d] + 0.5 * dx[d]
            begin = first[block]
            past = first[block + 1]
            count = _gather(table, kind, prims, begin, past, corner_at, dx, centre, near, form, planes, normal, trial)
            sums[v, :], end[v] = 0.0, -1
            if count <= 0:
                volume[v] = -count
                low_face[v, :] = -count
                continue
            _neighbours(block, cell, beside, status, wanted, low_face[v])
            tube = False
            kind_of_cut = nature(form[0], planes[0], dx) if count == 1 else ROUGH
            if kind_of_cut == SMOOTH and _reach(table[near[0, 0]], kind[near[0, 0]]) < thick:
                kind_of_cut = ROUGH
            if kind_of_cut == ROUGH:
                end[v] = surface_samples(
                    form, planes, open_end, near, count, 5, x, dx, lines, low, high, order, start, stop, trial, hits, sums[v]
                )  # fmt: skip
                tube = _is_tube(table, kind, near, count, 0.3 * thick)
                if tube or trial[0] + trial[1] + trial[2] == 0:
                    # what few lines meet is thin: slices across its axis see it, and its surface follows from its volume
                    trial[:] = 1 - table[near[0, 0], AXIS : AXIS + 3] ** 2
                for d in range(3):
                    normal[d] = sqrt(max(trial[d], 0.0))
            else:
                if kind_of_cut >= FLAT:
                    side = kind_of_cut - FLAT
                    flatten(form[0], planes[0], side)
                    end[v] = open_end[near[0, side], side]
                    sums[v, 4] = end[v] >= 0
                sums[v, 0] = curvature(form[0], dx, normal)
            order_axes(normal, dx, axes)
            span[0], span[1] = 0.0, dx[axes[0]]
            if tube:
                _find_span(table, kind, near, count, axes[0], corner_at, dx, span)
            volume[v] = measure_voxel(
                form, planes, count, kind_of_cut == ROUGH, axes, span, wanted, x, dx, lines, low, high, order, start, stop,
                cuts, pieces, low_face[v],
            )  # fmt: skip
            if tube:
                row = table[near[0, 0]]
                s = min(max(np.dot(centre - row[:3], row[AXIS : AXIS + 3]), 0.0), row[LENGTH])
                surface = 2 * volume[v] * dx[0] * dx[1] * dx[2] / max(row[RADIUS] + row[SLOPE] * s, 1e-12)
                sums[v, 4], sums[v, 9] = min(sums[v, 4] + sums[v, 9], surface), 0.0
                sums[v, 0], sums[v, 5] = 0.0, surface
            elif count > 1 and sums[v, 0] > 0 and sums[v, 5] == 0:
                complete_fold(
                    form, planes, open_end, near, count, wanted, pieces, x, lines, low, high, order, start, stop, trial, hits,
                    sums[v],
                )  # fmt: skip


@njit(cache=True, error_model="numpy")
def _two_areas(vector: Array, sums: Array) -> tuple[float, float]:
    """Area and open end area of a rough voxel from its vector area and the samples of its two groups of normals.

    The vector is split along the mean normals of both; each group is longer than its vector by what its samples say. Where that
    is not possible (sheets that face each other) the samples alone count.
    """
    total = sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2)
    a, b = sqrt(sums[1] ** 2 + sums[2] ** 2 + sums[3] ** 2), sqrt(sums[6] ** 2 + sums[7] ** 2 + sums[8] ** 2)
    if sums[5] == 0 and a > 0.5 * sums[0]:
        return total * sums[0] / a, total * sums[4] / a
    if a > 0.5 * sums[0] and b > 0.5 * sums[5]:
        cosine, along_a, along_b = 0.0, 0.0, 0.0
        for d in range(3):
            cosine += sums[1 + d] * sums[6 + d] / (a * b)
            along_a += vector[d] * sums[1 + d] / a
            along_b += vector[d] * sums[6 + d] / b
        sine = 1 - cosine * cosine
        part_a, part_b = along_a - cosine * along_b, along_b - cosine * along_a
        if sine > 0.1 and max(part_a, part_b) > 0:
            if part_b < 0:
                part_a, part_b = along_a * sine, 0.0
            elif part_a < 0:
                part_a, part_b = 0.0, along_b * sine
            part_a, part_b = part_a / (sine * a), part_b / (sine * b)
            return part_a * sums[0] + part_b * sums[5], part_a * sums[4] + part_b * sums[9]
    return max(total, sums[0] + sums[5]), sums[4] + sums[9]


@njit(cache=True, error_model="numpy")
def gather_faces(
    beside: Array, status: Array, number: Array, blocks: Array, cells: Array, dx: Array, low_face: Array, sums: Array, face:
    Array, vector: Array, area: Array, end_area: Array,
) -> None:  # fmt: skip
    """All six faces of the cut voxels, and their surface: the vector from closure, the area from vector and samples.

    The vector area is minus the sum of the faces, exact for the reconstruction; curvature and samples say by how much the
    surface is longer than its vector.
    """
    for v in range(len(blocks)):
        total = 0.0
        for d in range(3):
            other, at = step(blocks[v], cells[v], 2 * d + 1, beside)
            state = OUTSIDE if other < 0 else status[other, at]
            face[v, 2 * d] = low_face[v, d]
            face[v, 2 * d + 1] = low_face[number[other, at], d] if state == CUT else (1.0 if state == FULL else 0.0)
            vector[v, d] = (face[v, 2 * d] - face[v, 2 * d + 1]) * dx[(d + 1) % 3] * dx[(d + 2) % 3]
            total += vector[v, d] ** 2
        if sums[v, 0] == 0 and sums[v, 5] > 0:
            area[v], end_area[v] = sums[v, 5], sums[v, 4]
        elif sums[v, 1] == 0 and sums[v, 2] == 0 and sums[v, 3] == 0:
            # smooth: normals vary by the curvature times the width of the patch, with variance width^2 / 12 along each axis
            total = sqrt(total)
            area[v] = total * (1 + min(sums[v, 0] * total / 24, 0.5))
            end_area[v] = area[v] * sums[v, 4]
        else:
            area[v], end_area[v] = _two_areas(vector[v], sums[v])


@njit(cache=True)
def count_rows(status: Array, number: Array, keep: Array, mask: Array) -> None:
    """Bits of the active voxels along z in each row of each block."""
    for block in range(len(status)):
        for row in range(64):
            bits = 0
            for k in range(8):
                state = status[block, 8 * row + k]
                if state == FULL or (state == CUT and keep[number[block, 8 * row + k]]):
                    bits |= 1 << k
            mask[block, row] = bits


@njit(cache=True)
def _bits(value: int) -> int:
    n = 0
    while value:
        value &= value - 1
        n += 1
    return n


@njit(cache=True)
def number_rows(corner: Array, mask: Array, begin: Array) -> int:
    """Number of the first active voxel of each row, voxels counted in C order of (i, j, k); returns their number.

    Blocks are sorted in C order, so those that share a plane of blocks, and those that share a column, are consecutive.
    """
    n, plane = 0, 0
    while plane < len(corner):
        past = plane
        while past < len(corner) and corner[past, 0] == corner[plane, 0]:
            past += 1
        for i in range(8):
            column = plane
            while column < past:
                after = column
                while after < past and corner[after, 1] == corner[column, 1]:
                    after += 1
                for j in range(8):
                    for block in range(column, after):
                        begin[block, 8 * i + j] = n
                        n += _bits(mask[block, 8 * i + j])
                column = after
        plane = past
    return n


@njit(cache=True)
def voxel_number(mask: Array, begin: Array, block: int, cell: int) -> int:
    """Number of an active voxel, or -1."""
    if block < 0:
        return -1
    bits, k = mask[block, cell // 8], cell % 8
    return begin[block, cell // 8] + _bits(bits & ((1 << k) - 1)) if bits >> k & 1 else -1


@njit(cache=True, parallel=True)
def fill(
    corner: Array, beside: Array, mask: Array, begin: Array, status: Array, number: Array, owners: Array, cut_face: Array,
    cut_volume: Array, cut_vector: Array, cut_area: Array, cut_end: Array, end_of: Array, unit: float, ijk: Array, volume:
    Array, face: Array, neighbor: Array, vector: Array, area: Array, end_area: Array, end_number: Array, owner: Array,
) -> None:  # fmt: skip
    """Write the active voxels, in C order."""
    for lane in prange(len(corner)):
        block: Any = np.int64(lane)  # the index of a prange is unsigned, and mixed with signed ones becomes a float
        for cell in range(CELLS):
            n = voxel_number(mask, begin, block, cell)
            if n < 0:
                continue
            ijk[n, 0] = corner[block, 0] + cell // 64
            ijk[n, 1] = corner[block, 1] + cell // 8 % 8
            ijk[n, 2] = corner[block, 2] + cell % 8
            owner[n] = owners[block, cell]
            for f in range(6):
                other, at = step(block, cell, f, beside)
                neighbor[n, f] = voxel_number(mask, begin, other, at)
            v = number[block, cell]
            if status[block, cell] == FULL:
                volume[n], area[n], end_area[n], end_number[n] = unit, 0.0, 0.0, -1
                face[n, :] = 1.0
                vector[n, :] = 0.0
            else:
                volume[n], area[n], end_area[n], end_number[n] = unit * cut_volume[v], cut_area[v], cut_end[v], end_of[v]
                for f in range(6):
                    face[n, f] = cut_face[v, f]
                for d in range(3):
                    vector[n, d] = cut_vector[v, d]
