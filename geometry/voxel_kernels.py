"""Compiled passes of the voxelisation: find blocks of voxels, number the cut voxels, gather faces, lay out the result.

In: the table of primitives of `geometry.frustum.pack` and the grid. Out: plain arrays that `geometry.voxelize` makes a
`VoxelGrid` of. Space is visited in blocks of 8 x 8 x 8 voxels that a primitive reaches, so empty space costs nothing; threads
share the blocks.
"""

from __future__ import annotations

from math import floor, sqrt
from typing import NamedTuple

import numpy as np

from geometry.compiled import ZERO, inner, lean
from geometry.frustum import AXIS, FRUSTUM, LENGTH, OBLIQUE, RADIUS, SECOND, SLOPE, Array, distance_to

__all__ = [
    "BLOCK",
    "CELLS",
    "CUT",
    "FULL",
    "OUTSIDE",
    "Space",
    "bin_blocks",
    "bits_of",
    "count_rows",
    "face_of",
    "fill",
    "fold_areas",
    "label_pieces",
    "list_blocks",
    "list_cut",
    "number_cut",
    "number_of",
    "number_rows",
    "reach",
    "state_of",
    "step",
    "voxel_number",
]

BLOCK = 8
CELLS = BLOCK**3
OUTSIDE, FULL, CUT = 0, 1, 2
# numbers of faces, typed: for plain ones numba compiles what is called with them once for each
WEST, EAST, SOUTH, NORTH = (np.int64(face) for face in range(4))


@inner
def reach(table: Array, p: int, kind: int) -> float:
    """Largest radius of a primitive; for an oblique frustum, how far it reaches from the middle of its base."""
    radius = table[p, RADIUS]
    if kind == OBLIQUE:
        shift = 1 + table[p, SECOND] ** 2 + table[p, SECOND + 1] ** 2 + table[p, SECOND + 2] ** 2
        return max(radius, radius + table[p, SLOPE] * table[p, LENGTH]) + table[p, LENGTH] * sqrt(shift)
    return max(radius, radius + table[p, SLOPE] * table[p, LENGTH]) if kind == FRUSTUM else radius


@inner
def _range(
    table: Array, p: int, kind: int, axis: int, low: float, high: float, d: int, origin: Array, size: Array
) -> tuple[int, int]:
    """First and last block along `d` that the part of a primitive with coordinates low..high along `axis` can reach."""
    far = reach(table, p, kind)
    s0, s1 = 0.0, table[p, LENGTH]
    rate = table[p, AXIS + axis]
    if kind == FRUSTUM and abs(rate) > 1e-9:
        t0, t1 = (low - far - table[p, axis]) / rate, (high + far - table[p, axis]) / rate
        s0, s1 = max(s0, min(t0, t1)), min(s1, max(t0, t1))
        if s0 > s1:
            return 0, -1
    if kind != FRUSTUM:
        s0 = s1 = 0.0
    first, last = table[p, d] + s0 * table[p, AXIS + d], table[p, d] + s1 * table[p, AXIS + d]
    lowest, highest = min(first, last) - far, max(first, last) + far
    return floor((lowest - origin[d]) / size[d]), floor((highest - origin[d]) / size[d])


@lean
def bin_blocks(
    table: Array, kind: Array, origin: Array, size: Array, lowest: Array, shape: Array, keys: Array, prims: Array
) -> int:
    """Pairs of blocks and the primitives that reach into them; returns their number, and writes only what fits.

    `size` are the edges of a block. The key of block (i, j, k) is its place in C order in a box of `shape` blocks that starts
    at block `lowest`.
    """
    far = 0.5 * sqrt(size[0] ** 2 + size[1] ** 2 + size[2] ** 2) * (1 + 1e-9)
    n = ZERO
    for p in range(len(kind)):
        a = ZERO
        if kind[p] == FRUSTUM:
            for d in range(1, 3):
                if abs(table[p, AXIS + d]) > abs(table[p, AXIS + a]):
                    a = d
        b, c = (a + 1) % 3, (a + 2) % 3
        i0, i1 = _range(table, p, kind[p], a, -1e300, 1e300, a, origin, size)
        for i in range(i0, i1 + 1):
            low = origin[a] + i * size[a]
            j0, j1 = _range(table, p, kind[p], a, low, low + size[a], b, origin, size)
            k0, k1 = _range(table, p, kind[p], a, low, low + size[a], c, origin, size)
            for j in range(j0, j1 + 1):
                for k in range(k0, k1 + 1):
                    bx, by, bz = (i, j, k) if a == 0 else ((k, i, j) if a == 1 else (j, k, i))
                    x, y, z = (
                        origin[0] + (bx + 0.5) * size[0],
                        origin[1] + (by + 0.5) * size[1],
                        origin[2] + (bz + 0.5) * size[2],
                    )
                    if distance_to(table, kind, p, x, y, z) > far:
                        continue
                    if n < len(keys):
                        keys[n] = ((bx - lowest[0]) * shape[1] + (by - lowest[1])) * shape[2] + bz - lowest[2]
                        prims[n] = p
                    n += 1
    return n


@lean
def list_blocks(keys: Array, lowest: Array, shape: Array, first: Array, corner: Array, beside: Array) -> int:
    """Blocks by sorted keys: where the keys of each begin, its lowest voxel, its neighbours or -1; returns their number."""
    n = ZERO
    for i in range(len(keys)):
        key = keys[i]
        if i == 0 or key != keys[i - 1]:
            first[n] = i
            corner[n, 0] = (key // (shape[1] * shape[2]) + lowest[0]) * BLOCK
            corner[n, 1], corner[n, 2] = (key // shape[2] % shape[1] + lowest[1]) * BLOCK, (key % shape[2] + lowest[2]) * BLOCK
            n += 1
    first[n] = len(keys)
    for d in range(3):
        stride, other = (shape[1] * shape[2] if d == 0 else (shape[2] if d == 1 else 1)), ZERO
        for block in range(n):
            beside[block, 2 * d + 1] = -1
        for block in range(n):
            key = keys[first[block]]
            while other < n and keys[first[other]] < key - stride:
                other += 1
            found = other < n and keys[first[other]] == key - stride
            beside[block, 2 * d] = other if found else -1
            if found:
                beside[other, 2 * d + 1] = block
    return n


class Space(NamedTuple):
    """Where the cut and the full voxels are.

    Attributes
    ----------
    beside : ndarray of int, shape (n_blocks, 6)
        The block on the other side of each face of a block, or -1.
    cut, full : ndarray of uint8, shape (n_blocks, 64)
        Bits of the cut and the full voxels along z in each row of a block; all others are outside.
    first : ndarray of int, shape (n_blocks, 64)
        Number of the first cut voxel of each row.
    blocks, cells : ndarray of int, shape (n_cut,)
        Block of each cut voxel, and its cell there, `64 i + 8 j + k`.
    """

    beside: Array
    cut: Array
    full: Array
    first: Array
    blocks: Array
    cells: Array


@inner
def bits_of(value: int) -> int:
    """Number of bits of a byte."""
    value -= value >> 1 & 0x55
    value = (value & 0x33) + (value >> 2 & 0x33)
    return (value + (value >> 4)) & 0x0F


@lean
def number_cut(cut: Array, first: Array) -> int:
    """Number of the first cut voxel of each row; returns how many there are."""
    n = 0
    for block in range(len(cut)):
        for row in range(64):
            first[block, row] = n
            n += bits_of(cut[block, row])
    return n


@lean
def list_cut(space: Space, place: Array, present: Array, ways: Array) -> None:
    """Write block, cell and way of each cut voxel; `present` has the ways, and room for those of full ones, from `place` on."""
    n = 0
    for block in range(len(space.cut)):
        at = place[block]
        for row in range(64):
            cut, full = space.cut[block, row], space.full[block, row]
            if cut == 0:
                at += bits_of(full)
                continue
            for k in range(8):
                if cut >> k & 1:
                    space.blocks[n], space.cells[n], ways[n] = block, 8 * row + k, present[at]
                    n += 1
                at += (cut | full) >> k & 1


@inner
def state_of(space: Space, block: int, cell: int) -> int:
    """Whether a voxel is `OUTSIDE`, `FULL` or `CUT`; those of no block are outside."""
    if block < 0:
        return OUTSIDE
    if space.full[block, cell >> 3] >> (cell & 7) & 1:
        return FULL
    return CUT if space.cut[block, cell >> 3] >> (cell & 7) & 1 else OUTSIDE


@inner
def number_of(space: Space, block: int, cell: int) -> int:
    """Number of a cut voxel."""
    return space.first[block, cell >> 3] + bits_of(space.cut[block, cell >> 3] & ((1 << (cell & 7)) - 1))


@inner
def step(block: int, cell: int, face: int, beside: Array) -> tuple[int, int]:
    """Block and cell on the other side of a face (0..5: -x, +x, -y, +y, -z, +z); block -1 if there is none."""
    shift = 6 if face < 2 else (3 if face < 4 else 0)
    at, stride = cell >> shift & 7, 1 << shift
    if face & 1 == 0:
        return (block, cell - stride) if at > 0 else (beside[block, face], cell + 7 * stride)
    return (block, cell + stride) if at < 7 else (beside[block, face], cell - 7 * stride)


@inner
def _two_areas(vector: tuple[float, float, float], sums: Array, r: int) -> tuple[float, float]:
    """Area and open end area of a rough voxel from its vector area and the samples of its two groups of normals.

    The vector is split along the mean normals of both; each group is longer than its vector by what its samples say. Where that
    is not possible (sheets that face each other) the samples alone count.
    """
    total = sqrt(vector[0] ** 2 + vector[1] ** 2 + vector[2] ** 2)
    a = sqrt(sums[r, 1] ** 2 + sums[r, 2] ** 2 + sums[r, 3] ** 2)
    b = sqrt(sums[r, 6] ** 2 + sums[r, 7] ** 2 + sums[r, 8] ** 2)
    if sums[r, 5] == 0 and a > 0.5 * sums[r, 0]:
        return total * sums[r, 0] / a, total * sums[r, 4] / a
    if a > 0.5 * sums[r, 0] and b > 0.5 * sums[r, 5]:
        cosine, along_a, along_b = 0.0, 0.0, 0.0
        for d in range(3):
            cosine += sums[r, 1 + d] * sums[r, 6 + d] / (a * b)
            along_a += vector[d] * sums[r, 1 + d] / a
            along_b += vector[d] * sums[r, 6 + d] / b
        sine = 1 - cosine * cosine
        part_a, part_b = along_a - cosine * along_b, along_b - cosine * along_a
        if sine > 0.1 and max(part_a, part_b) > 0:
            if part_b < 0:
                part_a, part_b = along_a * sine, 0.0
            elif part_a < 0:
                part_a, part_b = 0.0, along_b * sine
            part_a, part_b = part_a / (sine * a), part_b / (sine * b)
            return part_a * sums[r, 0] + part_b * sums[r, 5], part_a * sums[r, 4] + part_b * sums[r, 9]
    return max(total, sums[r, 0] + sums[r, 5]), sums[r, 4] + sums[r, 9]


@inner
def face_of(v: int, f: int, space: Space, low_face: Array) -> float:
    """Open fraction of a face of cut voxel `v`: its own measure of a lower one, that of the voxel above of an upper one."""
    if f & 1 == 0:
        return low_face[v, f >> 1]
    other, at = step(int(space.blocks[v]), int(space.cells[v]), f, space.beside)
    state = state_of(space, other, at)
    return low_face[number_of(space, other, at), f >> 1] if state == CUT else (1.0 if state == FULL else 0.0)


@lean
def fold_areas(rough: Array, dx: Array, space: Space, low_face: Array, sums: Array, area: Array, end_area: Array) -> None:
    """Surface of the rough voxels: its vector area is minus the sum of the faces, and the samples say how much longer it is."""
    for r in range(len(rough)):
        v = rough[r]
        if sums[r, 0] == 0 and sums[r, 5] > 0:
            area[v], end_area[v] = sums[r, 5], sums[r, 4]
        else:
            x, y, z = 0.0, 0.0, 0.0
            for d in range(3):
                part = low_face[v, d] - face_of(v, 2 * d + 1, space, low_face)
                part *= dx[(d + 1) % 3] * dx[(d + 2) % 3]
                x, y, z = (part, y, z) if d == 0 else ((x, part, z) if d == 1 else (x, y, part))
            area[v], end_area[v] = _two_areas((x, y, z), sums, r)


@lean
def count_rows(space: Space, fate: Array, keep: int, mask: Array) -> None:
    """Bits of the active voxels along z in each row of each block: the full ones, and those cut ones whose fate is `keep`."""
    for block in range(len(mask)):
        for row in range(64):
            mask[block, row] = space.full[block, row]
    for v in range(len(fate)):
        if fate[v] == keep:
            mask[space.blocks[v], space.cells[v] >> 3] |= 1 << (space.cells[v] & 7)


@lean
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
                        n += bits_of(mask[block, 8 * i + j])
                column = after
        plane = past
    return n


@inner
def voxel_number(mask: Array, begin: Array, block: int, cell: int) -> int:
    """Number of an active voxel, or -1."""
    if block < 0:
        return -1
    bits, k = mask[block, cell >> 3], cell & 7
    return begin[block, cell >> 3] + bits_of(bits & ((1 << k) - 1)) if bits >> k & 1 else -1


@inner
def _beside_row(block: int, row: int, face: int, beside: Array, mask: Array, begin: Array) -> tuple[int, int]:
    """Bits of the row of voxels along z at a face of another, and number of its first; no bits if there is none."""
    other, cell = step(block, 8 * row, face, beside)
    return (mask[other, cell >> 3], begin[other, cell >> 3]) if other >= 0 else (ZERO, ZERO)


@lean
def fill(
    first: int, past: int, corner: Array, mask: Array, begin: Array, space: Space, place: Array, owners: Array, low_face: Array,
    cut_volume: Array, cut_area: Array, cut_end: Array, end_of: Array, unit: float, ijk: Array, volume: Array, face: Array,
    neighbor: Array, area: Array, end_area: Array, end_number: Array, owner: Array,
) -> None:  # fmt: skip
    """Write the active voxels of blocks `first` to `past`, in C order; `end_area` and `end_number` are 0 and -1 beforehand.

    Rows of voxels are numbered from one on: numbers of neighbours are counted up along the rows beside this one. `owners` are
    the segments of cut and full voxels, from `place` on those of each block.
    """
    for block in range(first, past):
        at = place[block]
        for row in range(64):
            bits, cut, n = mask[block, row], space.cut[block, row], begin[block, row]
            there = cut | space.full[block, row]
            if bits == 0:
                at += bits_of(there)
                continue
            west, at_west = _beside_row(block, row, WEST, space.beside, mask, begin)
            east, at_east = _beside_row(block, row, EAST, space.beside, mask, begin)
            south, at_south = _beside_row(block, row, SOUTH, space.beside, mask, begin)
            north, at_north = _beside_row(block, row, NORTH, space.beside, mask, begin)
            i, j, last = corner[block, 0] + (row >> 3), corner[block, 1] + (row & 7), n + bits_of(bits) - 1
            if bits == 255 and cut == 0 and west & east & south & north == 255:
                for k in range(8):
                    ijk[n + k, 0], ijk[n + k, 1], ijk[n + k, 2] = i, j, corner[block, 2] + k
                    neighbor[n + k, 0], neighbor[n + k, 1] = at_west + k, at_east + k
                    neighbor[n + k, 2], neighbor[n + k, 3] = at_south + k, at_north + k
                    neighbor[n + k, 4], neighbor[n + k, 5] = n + k - 1, n + k + 1
                    face[n + k, 0], face[n + k, 1], face[n + k, 2] = 1.0, 1.0, 1.0
                    volume[n + k], area[n + k], owner[n + k] = unit, 0.0, owners[at + k]
                at += 8
            else:
                v = space.first[block, row]
                for k in range(8):
                    if bits >> k & 1:
                        ijk[n, 0], ijk[n, 1], ijk[n, 2], owner[n] = i, j, corner[block, 2] + k, owners[at]
                        neighbor[n, 0], neighbor[n, 1] = at_west if west >> k & 1 else -1, at_east if east >> k & 1 else -1
                        neighbor[n, 2], neighbor[n, 3] = at_south if south >> k & 1 else -1, at_north if north >> k & 1 else -1
                        neighbor[n, 4], neighbor[n, 5] = (
                            n - 1 if bits << 1 >> k & 1 else -1,
                            n + 1 if bits >> 1 >> k & 1 else -1,
                        )
                        if cut >> k & 1:
                            volume[n], area[n] = unit * cut_volume[v], cut_area[v]
                            face[n, 0], face[n, 1], face[n, 2] = low_face[v, 0], low_face[v, 1], low_face[v, 2]
                            if cut_end[v] > 0:
                                end_area[n], end_number[n] = cut_end[v], end_of[v]
                        else:
                            volume[n], area[n], face[n, 0], face[n, 1], face[n, 2] = unit, 0.0, 1.0, 1.0, 1.0
                        n += 1
                    at += there >> k & 1
                    v += cut >> k & 1
                    at_west += west >> k & 1
                    at_east += east >> k & 1
                    at_south += south >> k & 1
                    at_north += north >> k & 1
            # the voxel below the first or above the last is the last or first of another row
            if bits & 1:
                neighbor[begin[block, row], 4] = voxel_number(mask, begin, space.beside[block, 4], 8 * row + 7)
            if bits & 128:
                neighbor[last, 5] = voxel_number(mask, begin, space.beside[block, 5], 8 * row)


@lean
def label_pieces(neighbor: Array, face: Array, root: Array) -> int:
    """Write to `root` the number of the connected piece of each voxel, in the order of their first ones; returns how many.

    Union by the smaller number, with paths halved: voxels are numbered along z, so most of them meet their piece at once.
    """
    for n in range(len(neighbor)):
        root[n] = root[n - 1] if n > 0 and neighbor[n, 4] == n - 1 and face[n, 2] > 0 else n
        for d in range(3):
            other = neighbor[n, 2 * d]
            if other < 0 or face[n, d] <= 0 or root[n] == root[other]:
                continue
            a, b = n, int(other)
            while root[a] != a:
                root[a] = root[root[a]]
                a = root[a]
            while root[b] != b:
                root[b] = root[root[b]]
                b = root[b]
            root[max(a, b)] = min(a, b)
    pieces = 0
    for n in range(len(root)):
        if root[n] == n:
            root[n] = pieces
            pieces += 1
        else:
            root[n] = root[root[n]]
    return pieces
