"""Slivers: voxels with hardly any volume hand all they hold to a neighbour.

In: the measured cut voxels and the laid out active ones. Out: the same arrays, with the slivers' volume, membrane and faces
added to the voxels that took them. Volume and membrane area are moved, never lost.

A sliver gives itself to the neighbour behind its largest face. Its face to a third voxel lives on as a face between the two
takers where those are neighbours in the grid (two slivers side by side in a thin layer, both given to the layer below);
otherwise it is closed. It is given away only if there is another way round every face that may be closed, through one voxel
and at least as wide: so a thin dendrite that passes through the corner of a voxel stays in one piece.
"""

from __future__ import annotations

from geometry.compiled import ZERO, inner, lean
from geometry.frustum import Array
from geometry.voxel_kernels import CUT, FULL, OUTSIDE, Space, face_of, number_of, state_of, step, voxel_number

__all__ = ["KEEP", "NOTHING", "decide", "merge"]

# The fate of a cut voxel: kept, given away through a face 0..5, dropped; while deciding also undecided, and decided just now
# (which others may not build on before the sweep is over).
KEEP, DROP, UNDECIDED, JUST_NOW = -1, 6, 8, 10
NOTHING = 1e-9  # fraction of a voxel below which volume is round-off
FILM = 1e-8  # fraction below which it may be the film of flat ends, which are pushed out by 1e-9 of an edge
SHUT = 1e-6  # fraction of a face below which nobody misses it


@inner
def _widest_way(v: int, face: Array, space: Space, volume: Array, fate: Array) -> tuple[int, float]:
    """The face towards the decided neighbour it shares most with (the fullest one among equals), and how much is shared."""
    best, widest, fullest = UNDECIDED, 0.0, 0.0
    for f in range(6):
        other, at = step(int(space.blocks[v]), int(space.cells[v]), f, space.beside)
        state = state_of(space, other, at)
        if state == OUTSIDE:
            continue
        inside = 1.0
        if state == CUT:
            n = int(number_of(space, other, at))
            inside = volume[n]
            if fate[n] >= DROP:
                continue
        open_part = face_of(v, f, space, face)
        if open_part > widest or (open_part == widest and inside > fullest):
            best, widest, fullest = f, open_part, inside
    return best, widest


@inner
def _open_elsewhere(n: int, beside: int, face: Array, space: Space, least: float) -> bool:
    """Whether a cut voxel has another face than one that is open at least so far."""
    found = False
    for f in range(6):
        found |= f != beside and face_of(n, f, space, face) >= least
    return found


@inner
def _way_round(v: int, given: int, face: Array, space: Space, volume: Array, sliver: float) -> bool:
    """Whether voxel `v`, given away through a face, leaves behind no voxel that was joined to the taker through it alone."""
    taker, at = step(int(space.blocks[v]), int(space.cells[v]), given, space.beside)
    for f in range(6):
        open_part = face_of(v, f, space, face)
        if f == given or open_part <= SHUT:
            continue
        if volume[v] <= FILM:
            # a flat end on a plane of the grid, beside a thinner section that goes on: its film is no way to anywhere
            beyond, cell = step(int(space.blocks[v]), int(space.cells[v]), f, space.beside)
            if state_of(space, beyond, cell) == CUT and _open_elsewhere(
                int(number_of(space, beyond, cell)), f ^ 1, face, space, open_part
            ):
                continue
        if f == given ^ 1:
            return False
        other, there = step(taker, at, f, space.beside)
        state = state_of(space, other, there)
        if state == OUTSIDE:
            return False
        if state == CUT:
            n = int(number_of(space, other, there))
            to_taker, to_other = face_of(n, f ^ 1, space, face), face_of(n, given ^ 1, space, face)
            if volume[n] < sliver or min(to_taker, to_other) < open_part:
                return False
    return True


@inner
def _widest(v: int, face: Array, space: Space) -> float:
    """How far the widest face of a voxel is open; the lower ones are looked at first, and what is enough is enough."""
    widest = max(face[v, 0], max(face[v, 1], face[v, 2]))  # noqa: PLW3301 - of three, numba compiles another function
    for d in range(3):
        if widest <= SHUT:
            widest = max(widest, face_of(v, 2 * d + 1, space, face))
    return widest


@inner
def _first_look(v: int, face: Array, space: Space, volume: Array, sliver: float) -> int:
    """Fate of a sliver that is nothing, or has one open face towards a voxel that is kept; of others it is undecided."""
    ways, widest, best = 0, 0.0, 0
    for f in range(6):
        open_part = face_of(v, f, space, face)
        ways += open_part > SHUT
        widest, best = (open_part, f) if open_part > widest else (widest, best)
    if ways == 1:
        other, at = step(int(space.blocks[v]), int(space.cells[v]), best, space.beside)
        state = state_of(space, other, at)
        if state == FULL or (state == CUT and volume[number_of(space, other, at)] >= sliver):
            return JUST_NOW + best
    return DROP if volume[v] <= 0 and widest <= 0 else UNDECIDED


@lean
def decide(space: Space, face: Array, volume: Array, sliver: float, fate: Array, waiting: Array) -> None:
    """Fate of every cut voxel; `waiting` is room for their numbers.

    A sliver among slivers follows one of them, so that a film of round-off (a flat end on a plane of the grid) takes its
    membrane to where its volume is; what leads nowhere is kept if it has volume, and dropped if it is round-off.
    """
    count = ZERO
    for v in range(len(fate)):
        # a tip that pokes through a face between two lines has no open face: it joins the neighbour too
        fate[v] = (
            KEEP if volume[v] >= sliver and _widest(v, face, space) > SHUT else _first_look(v, face, space, volume, sliver)
        )
        waiting[count] = v
        count += fate[v] >= UNDECIDED
    for _ in range(4):
        for i in range(count):
            v = int(waiting[i])
            if fate[v] == UNDECIDED:
                best, widest = _widest_way(v, face, space, volume, fate)
                if best == UNDECIDED or (volume[v] <= 0 and widest <= 0):
                    continue
                if _way_round(v, best, face, space, volume, sliver):
                    fate[v] = JUST_NOW + best
                elif volume[v] > NOTHING or (volume[v] > 0 and widest > SHUT):
                    fate[v] = JUST_NOW + KEEP
        for i in range(count):
            if fate[waiting[i]] >= JUST_NOW + KEEP:
                fate[waiting[i]] -= JUST_NOW
    _decide_rest(count, space, face, volume, sliver, fate, waiting)


@inner
def _decide_rest(count: int, space: Space, face: Array, volume: Array, sliver: float, fate: Array, waiting: Array) -> None:
    """Keep what is still undecided and has volume; then the rest joins that, or is dropped."""
    for i in range(count):
        if fate[waiting[i]] == UNDECIDED and volume[waiting[i]] > NOTHING:
            fate[waiting[i]] = KEEP
    for i in range(count):
        v = int(waiting[i])
        if fate[v] == UNDECIDED:
            # round-off beside what has just been kept: it may hold a flat end
            best, widest = _widest_way(v, face, space, volume, fate)
            given = best != UNDECIDED and widest > SHUT
            given = given and _way_round(v, best, face, space, volume, sliver)
            fate[v] = best if given else DROP


@inner
def _taker(space: Space, fate: Array, mask: Array, begin: Array, block: int, cell: int) -> tuple[int, bool]:
    """Number of the active voxel that holds what was in a voxel (-1: none), and whether it is another voxel than this."""
    given, state = False, state_of(space, block, cell)
    while state != OUTSIDE:
        f = KEEP if state == FULL else fate[number_of(space, block, cell)]
        if f == KEEP:
            return voxel_number(mask, begin, block, cell), given
        if f == DROP:
            break
        block, cell = step(block, cell, f, space.beside)
        given, state = True, state_of(space, block, cell)
    return -1, given


@lean
def merge(
    space: Space, fate: Array, mask: Array, begin: Array, low_face: Array, cut_volume: Array, cut_area: Array, cut_end: Array,
    end_of: Array, unit: float, neighbor: Array, volume: Array, face: Array, area: Array, end_area: Array, end_number: Array,
) -> float:  # fmt: skip
    """Carry out the fates on the arrays of active voxels; returns the volume dropped, in voxels."""
    lost = 0.0
    for v in range(len(fate)):
        if fate[v] == KEEP:
            continue
        taker, _ = _taker(space, fate, mask, begin, int(space.blocks[v]), int(space.cells[v]))
        if taker < 0:
            lost += cut_volume[v]
        else:
            volume[taker] += unit * cut_volume[v]
            area[taker] += cut_area[v]
            if cut_end[v] > 0:
                end_area[taker] += cut_end[v]
                end_number[taker] = end_of[v]
        for f in range(6):
            open_part = face_of(v, f, space, low_face)
            if open_part <= 0:
                continue  # shut already, on both sides
            other, at = step(int(space.blocks[v]), int(space.cells[v]), f, space.beside)
            held, given = _taker(space, fate, mask, begin, other, at)
            if held < 0:
                continue
            # a face is kept by the voxel above it
            if not given and f & 1 == 1:
                # a kept voxel now ends here; the taker itself is one of these
                face[held, f >> 1] = 0.0
            elif given and f & 1 == 0 and taker >= 0 and neighbor[taker, f] == held:
                face[taker, f >> 1] += open_part
    return lost
