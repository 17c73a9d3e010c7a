"""Trees of segments as meshes: how sections join.

In: `Segments`, the sections of a region and a shape. Out: a `Mesh` with one `TreeBlock`.

Every section has two ends. Ends that meet in space share a *point*; the number of sections of the region that meet at a point
decides: two are joined in series through their two half-segments, three or more meet in a junction node without volume. A
section that starts between the ends of another is tied to the middle of that segment through its own first half only, as in
NEURON. Sections outside the region do not conduct, but two sections of the region that touch at an end of a section outside it
still touch each other.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from geometry.mesh import Mesh, TreeBlock
from geometry.morphology import Morphology
from geometry.records import dataclass
from geometry.segments import Segments
from geometry.selection import SectionsLike, section_indices
from geometry.shapes import Shape, inside

__all__ = ["cell_tree", "region_mesh", "start_points"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
BoolArray = np.ndarray[Any, np.dtype[np.bool_]]


@dataclass(frozen=True, slots=True)
class _Links:
    """Edges of the forest, each from a child to its parent, with the `integral ds/A` between them."""

    child: IntArray
    parent: IntArray
    rho: FloatArray
    length: FloatArray


@dataclass(frozen=True, slots=True)
class _Ends:
    """Ends of sections that are joined at points: the point, the segment there, its half `rho` and half length."""

    point: IntArray
    segment: IntArray
    rho: FloatArray
    length: FloatArray
    upstream: BoolArray


def region_mesh(segments: Segments, sections: SectionsLike = None, shape: Shape = inside) -> Mesh:
    """The mesh of a region: one node per segment, junction nodes where three or more sections meet.

    Parameters
    ----------
    segments : Segments
        The segments of the whole cell.
    sections : Selection, names, indices, ... , optional
        Sections of the region; all without it.
    shape : Shape
        Which part of each segment the region is.

    Returns
    -------
    Mesh
        Nodes are the segments of these sections, in order; `owner` tells which. One block: a `TreeBlock`.

    Notes
    -----
    `kappa` of an edge is 1 over the summed `half_rho` of the halves between the two nodes. `distance` is the arc length of
    these halves and `face_area = kappa distance`.
    """
    morphology = segments.morphology
    chosen = section_indices(morphology, morphology.all if sections is None else sections)
    owner = segments.of(chosen)
    n = len(owner)
    n_junctions, child, parent, rho, length = _linked(segments, chosen, owner, shape)
    return Mesh(
        volume=shape.volumes(segments, owner),
        membrane_area=shape.membrane_areas(segments, owner),
        owner=owner,
        position=segments.position[owner],
        edges=np.stack([child, parent], axis=1),
        face_area=length / rho,
        distance=length,
        n_junctions=n_junctions,
        blocks=(_tree_block(n, n_junctions, child, parent, 1 / rho),),
    )


def cell_tree(segments: Segments, shape: Shape = inside) -> TreeBlock:
    """The tree of `region_mesh` for all sections of a cell, without the rest of that mesh."""
    sections, n = segments.morphology.n_sections, segments.n
    n_junctions, child, parent, rho, _ = _linked(segments, np.arange(sections), np.arange(n), shape)
    return _tree_block(n, n_junctions, child, parent, 1 / rho)


def _linked(
    segments: Segments, chosen: IntArray, owner: IntArray, shape: Shape
) -> tuple[int, IntArray, IntArray, FloatArray, FloatArray]:
    """Number of junctions; child, parent, rho and length of all links between segments of some sections."""
    n = len(owner)
    left, right = (half.copy() for half in shape.half_rho(segments, owner))
    half_length = 0.5 * segments.length[owner]
    first, last = _first_and_last(segments, chosen)
    chain = _within_sections(n, first, left, right, half_length)
    ends, ties = _joined_ends(segments, chosen, first, last, left, right, half_length)
    joints, n_junctions = _at_points(n, ends)
    return n_junctions, *_conducting(chain, ties, joints)


def _conducting(*links: _Links) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
    """Child, parent, rho and length of all links that let something pass."""
    child = np.concatenate([link.child for link in links])
    parent = np.concatenate([link.parent for link in links])
    rho = np.concatenate([link.rho for link in links])
    length = np.concatenate([link.length for link in links])
    open_ = np.isfinite(rho)
    return child[open_], parent[open_], rho[open_], length[open_]


def _first_and_last(segments: Segments, chosen: IntArray) -> tuple[IntArray, IntArray]:
    """First and last node of each chosen section."""
    counts = segments.counts[chosen]
    stop = np.cumsum(counts)
    return stop - counts, stop - 1


def _within_sections(n: int, first: IntArray, left: FloatArray, right: FloatArray, half_length: FloatArray) -> _Links:
    is_first = np.zeros(n, dtype=bool)
    is_first[first] = True
    child = np.flatnonzero(~is_first)
    parent = child - 1
    return _Links(child, parent, right[parent] + left[child], half_length[parent] + half_length[child])


def start_points(morphology: Morphology) -> IntArray:
    """The point each section starts from: `s` is the end of section s, `n + s` the start of root s, -1 a place in between.

    A section that starts at the start (0) of another shares the starting point of that one, wherever it is.
    """
    n = morphology.n_sections
    point = [-1] * n
    for s, (parent, x) in enumerate(zip(morphology.parent.tolist(), morphology.parent_x.tolist(), strict=True)):
        if parent < 0:
            point[s] = n + s
        elif x == 1:
            point[s] = parent
        elif x == 0:
            point[s] = point[parent]
    return np.array(point, dtype=np.int64)


def _tied_segments(segments: Segments) -> IntArray:
    """The segment in the middle of which each section starts, -1 for those that start at a point."""
    morphology, offset = segments.morphology, segments.offset.tolist()
    tied = [-1] * morphology.n_sections
    for s, (parent, x) in enumerate(zip(morphology.parent.tolist(), morphology.parent_x.tolist(), strict=True)):
        if parent < 0:
            continue
        if 0 < x < 1:
            count = offset[parent + 1] - offset[parent]
            tied[s] = offset[parent] + min(int(x * count * (1 + 4e-16)), count - 1)
        elif x == 0:
            tied[s] = tied[parent]
    return np.array(tied, dtype=np.int64)


def _joined_ends(
    segments: Segments, chosen: IntArray, first: IntArray, last: IntArray, left: FloatArray, right: FloatArray, half: FloatArray
) -> tuple[_Ends, _Links]:
    """Ends of the chosen sections at points, and the ties of those that start in the middle of a segment."""
    start = start_points(segments.morphology)[chosen]
    tied = _tied_segments(segments)[chosen]
    node = np.full(segments.n, -1)
    node[segments.of(chosen)] = np.arange(len(left))
    target = np.where(tied >= 0, node[tied], -1)
    on = np.flatnonzero(target >= 0)
    ties = _Links(first[on], target[on], left[first[on]], half[first[on]])
    at = np.flatnonzero(start >= 0)
    ends = _Ends(
        point=np.concatenate([chosen, start[at]]),
        segment=np.concatenate([last, first[at]]),
        rho=np.concatenate([right[last], left[first[at]]]),
        length=np.concatenate([half[last], half[first[at]]]),
        upstream=np.concatenate([np.ones(len(chosen), dtype=bool), np.zeros(len(at), dtype=bool)]),
    )
    return ends, ties


def _at_points(n: int, ends: _Ends) -> tuple[_Links, int]:
    """Join the ends that share a point: two in series, three or more through a junction node."""
    use = np.flatnonzero(np.isfinite(ends.rho))
    # within a point: the section that ends there first (it is the parent), then by segment
    use = use[np.lexsort((ends.segment[use], ~ends.upstream[use], ends.point[use]))]
    point, segment, rho, length = ends.point[use], ends.segment[use], ends.rho[use], ends.length[use]
    start = np.flatnonzero(np.diff(point, prepend=-1))
    size = np.diff(np.append(start, len(point)))
    two = start[size == 2]
    series = _Links(segment[two + 1], segment[two], rho[two] + rho[two + 1], length[two] + length[two + 1])
    many = np.flatnonzero(size > 2)
    junction = n + np.arange(len(many))
    head = start[many]
    members = np.flatnonzero(np.repeat(size > 2, size))
    is_head = np.zeros(len(point), dtype=bool)
    is_head[head] = True
    arms = members[~is_head[members]]
    of_arm = np.repeat(junction, size[many] - 1)
    return (
        _Links(
            np.concatenate([series.child, junction, segment[arms]]),
            np.concatenate([series.parent, segment[head], of_arm]),
            np.concatenate([series.rho, rho[head], rho[arms]]),
            np.concatenate([series.length, length[head], length[arms]]),
        ),
        len(many),
    )


def _tree_block(n: int, n_junctions: int, child: IntArray, parent: IntArray, kappa: FloatArray) -> TreeBlock:
    total = n + n_junctions
    parents, kappas = np.full(total, -1), np.zeros(total)
    parents[child] = parent
    kappas[child] = kappa
    # segments come in path order; a junction belongs right after the segment it hangs on, before all its other arms
    rank = np.arange(total, dtype=np.float64)
    rank[n:] = parents[n:] + 0.5
    return TreeBlock(parents, kappas, np.argsort(rank, kind="stable"))
