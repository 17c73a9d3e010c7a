"""Slivers: voxels with hardly any volume hand all they hold to a neighbour.

In: the measured cut voxels and the laid out active ones. Out: the same arrays, with the slivers' volume, membrane and faces added
to the voxels that took them. Volume and membrane area are moved, never lost.

A sliver gives itself to the neighbour behind its largest face. Its face to a third voxel lives on as a face between the two takers
where those are neighbours in the grid (two slivers side by side in a thin layer, both given to the layer below); otherwise it is
closed, which removes less than the threshold's share of a face. The vector of every voxel touched is taken from closure again.
"""

from __future__ import annotations

from numba import njit

from geometry.voxel_kernels import CUT, FULL, OUTSIDE, step, voxel_number

__all__ = ["DROP", "KEEP", "decide", "merge"]

KEEP, DROP = -1, 6  # otherwise the fate of a cut voxel is the face, 0..5, through which it is given away
NOTHING = 1e-9  # fraction of a voxel below which volume is round-off


@njit(cache=True)
def decide(beside, status, number, blocks, cells, face, volume, sliver, fate):  # type: ignore[no-untyped-def]
    """Fate of every cut voxel: kept, given away through a face, or dropped because there is nothing in it."""
    for v in range(len(blocks)):
        fate[v] = KEEP
        if volume[v] >= sliver:
            continue
        best, widest, fullest = DROP, 0.0, 0.0
        for f in range(6):
            other, at = step(blocks[v], cells[v], f, beside)
            state = OUTSIDE if other < 0 else status[other, at]
            inside = 1.0 if state == FULL else (volume[number[other, at]] if state == CUT else 0.0)
            if inside < sliver or inside <= 0:
                continue
            if face[v, f] > widest or (face[v, f] == widest and inside > fullest):
                best, widest, fullest = f, face[v, f], inside
        if best != DROP and (volume[v] > 0 or widest > 0):
            fate[v] = best
        elif best != DROP or volume[v] <= NOTHING:
            fate[v] = DROP


@njit(cache=True)
def _taker(beside, status, number, fate, mask, begin, block, cell):  # type: ignore[no-untyped-def]
    """Number of the active voxel that holds what was in a voxel, or -1, and the face through which it was given (-1: kept)."""
    if block < 0 or status[block, cell] == OUTSIDE:
        return -1, -1
    if status[block, cell] == FULL or fate[number[block, cell]] == KEEP:
        return voxel_number(mask, begin, block, cell), -1
    f = fate[number[block, cell]]
    if f == DROP:
        return -1, -1
    other, at = step(block, cell, f, beside)
    return voxel_number(mask, begin, other, at), f


@njit(cache=True)
def _close(face, vector, dx, n):  # type: ignore[no-untyped-def]
    for d in range(3):
        vector[n, d] = (face[n, 2 * d] - face[n, 2 * d + 1]) * dx[(d + 1) % 3] * dx[(d + 2) % 3]


@njit(cache=True)
def merge(beside, status, number, blocks, cells, fate, mask, begin, cut_face, cut_volume, cut_area, cut_end, end_of,  # type: ignore[no-untyped-def]
          dx, unit, volume, face, vector, area, end_area, end_number):  # fmt: skip
    """Carry out the fates on the arrays of active voxels; returns the volume dropped, in voxels."""
    lost = 0.0
    for v in range(len(blocks)):
        if fate[v] == KEEP:
            continue
        if fate[v] == DROP:
            lost += cut_volume[v]
        taker, given = _taker(beside, status, number, fate, mask, begin, blocks[v], cells[v])
        if taker >= 0:
            volume[taker] += unit * cut_volume[v]
            area[taker] += cut_area[v]
            end_area[taker] += cut_end[v]
            if cut_end[v] > 0:
                end_number[taker] = end_of[v]
        for f in range(6):
            other, at = step(blocks[v], cells[v], f, beside)
            held, through = _taker(beside, status, number, fate, mask, begin, other, at)
            if held < 0:
                continue
            if through < 0:
                # a kept voxel now ends here; the taker itself is one of these
                face[held, f ^ 1] = 0.0
                _close(face, vector, dx, held)
            elif through == given and taker >= 0:
                face[taker, f] += cut_face[v, f]
        if taker >= 0:
            _close(face, vector, dx, taker)
    return lost
