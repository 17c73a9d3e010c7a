"""Solids: the union of frusta, balls and the lunes that close their joints, with signed distances.

In: arrays of frusta and balls, or the segments of some sections. Out: `Solid`, and the packed table of primitives that the
compiled kernels of `geometry.voxelize` read.

Rule for joints. A frustum is a true cone cut flat at both ends. Where two frusta meet at an angle the union of flat ends
leaves a wedge open on the outer side of the bend. It is closed by a *lune*: the part of the ball of the joint's radius that
lies behind both end planes. For a straight chain the lune is empty, so straight cylinders and cones keep their exact volume
whatever their taper, and free ends stay flat. A section that starts at the end of its parent gets the lune between the two;
one that starts elsewhere on its parent gets the half ball behind its first point. Reconstructed dendrites often start at some
distance from the outline of the soma they belong to: a section whose start lies outside its parent by more than half its
radius gets a cylinder from there to the place on the parent's axis where it is attached. A soma
drawn as an outline is made of oblique frusta (`geometry.outline`) in place of its section's own.
"""

from __future__ import annotations

from dataclasses import field
from math import inf, sqrt
from typing import Any

import numpy as np

from geometry.compiled import in_ranges, inner, lean
from geometry.errors import GeometryError
from geometry.outline import OBLIQUE as OBLIQUE_NUMBERS
from geometry.outline import disc_distance, inner_balls, oblique_frusta
from geometry.records import dataclass
from geometry.section import Location, Section
from geometry.segments import Segments
from geometry.selection import SectionsLike, section_indices

__all__ = ["Solid", "frustum_area", "frustum_lengths", "frustum_volume", "pack", "signed_distance", "solid_of"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
Array = np.ndarray[Any, Any]  # what a compiled kernel takes: its caller says which

# Kinds of primitives and the columns of the packed table. A frustum: base point, unit axis, length, start radius, slope dR/ds,
# cosine of the half angle. A ball or lune: centre, inward normals of up to two half spaces (zero: none), radius as above. An
# oblique frustum: as a frustum, but with the normal of its end planes as axis, the distance of these as length, the cosine of a
# side as steep as it is anywhere, and in the place of the second normal how far its middle moves across per unit of length.
FRUSTUM, BALL, LUNE, OBLIQUE = 0, 1, 2, 3
AXIS, LENGTH, RADIUS, SLOPE, COSINE, SLACK, SECOND, COLUMNS = 3, 6, 7, 8, 9, 10, 11, 14
STRAIGHT = 1e-7  # sine of a bend that opens no gap worth closing: the kernels bridge gaps of 1e-6 voxel edges


@dataclass(frozen=True, slots=True, eq=False)
class Solid:
    """A union of simple solids, each of which knows the segment it belongs to.

    Attributes
    ----------
    frusta : ndarray, shape (m, 8), um
        Two ends of each frustum: x, y, z, radius, x, y, z, radius.
    owner : ndarray of int, shape (m,)
        Segment of each frustum (`0 .. m - 1` if not given).
    balls : ndarray, shape (k, 4), um
        Centres and radii.
    ball_owner : ndarray of int, shape (k,)
        Segment of each ball (`0 .. k - 1` if not given).
    lunes : ndarray, shape (j, 10), um
        Joints: centre, radius and two inward normals, zero where there is no plane.
    lune_owner : ndarray of int, shape (j,)
        Segment of each lune; a lune owns a voxel only where no frustum or ball comes near.
    oblique : ndarray, shape (o, 11), um
        Cones sheared along their end planes: two ends as of frusta, and the unit normal of the planes.
    oblique_owner : ndarray of int, shape (o,)
        Segment of each of these.
    open_end : ndarray of int, shape (m, 2)
        Number of the open end at each end of a frustum, or -1. An open end is the flat face to a part of the cell that is not
        in this solid; it is no membrane.
    notes : tuple of str
        What was added that is not in the morphology.
    """

    frusta: FloatArray = field(default_factory=lambda: np.zeros((0, 8)))
    owner: IntArray | None = None
    balls: FloatArray = field(default_factory=lambda: np.zeros((0, 4)))
    ball_owner: IntArray | None = None
    lunes: FloatArray = field(default_factory=lambda: np.zeros((0, 10)))
    lune_owner: IntArray | None = None
    oblique: FloatArray = field(default_factory=lambda: np.zeros((0, OBLIQUE_NUMBERS)))
    oblique_owner: IntArray | None = None
    open_end: IntArray | None = None
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name, columns in (("frusta", 8), ("balls", 4), ("lunes", 10), ("oblique", OBLIQUE_NUMBERS)):
            values = np.atleast_2d(np.array(getattr(self, name), dtype=np.float64))
            if values.shape[1] != columns:
                raise GeometryError(f"{name} have {columns} numbers each; got an array of shape {values.shape}.")
            if not np.isfinite(values).all():
                raise GeometryError(f"{name}[{int(np.argmin(np.isfinite(values).all(axis=1)))}] is not finite.")
            self._put(name, values)
        owned = (("owner", self.frusta), ("ball_owner", self.balls), ("lune_owner", self.lunes))
        for name, of in (*owned, ("oblique_owner", self.oblique)):
            given = getattr(self, name)
            segment: Array = np.arange(len(of)) if given is None else np.array(given, dtype=np.int64)
            if segment.shape != (len(of),):
                raise GeometryError(f"{name} has one segment for each of {len(of)} solids; got the shape {segment.shape}.")
            self._put(name, segment)
        ends = np.full((len(self.frusta), 2), -1) if self.open_end is None else np.array(self.open_end, dtype=np.int64)
        if ends.shape != (len(self.frusta), 2):
            raise GeometryError(f"open_end has two numbers for each of {len(self.frusta)} frusta; got the shape {ends.shape}.")
        self._put("open_end", ends)
        if (self.frusta[:, 3::4] < 0).any() or (self.balls[:, 3] < 0).any() or (self.oblique[:, 3:8:4] < 0).any():
            raise GeometryError("A radius is negative. A frustum is two points and two radii, a ball a point and a radius.")

    def _put(self, name: str, values: Array) -> None:
        values.setflags(write=False)
        object.__setattr__(self, name, values)

    def __len__(self) -> int:
        return len(self.frusta) + len(self.balls) + len(self.lunes) + len(self.oblique)

    def bounds(self) -> FloatArray:
        """Box around the solid, shape (2, 3), um; every end of a frustum counts as a ball."""
        ends = [self.frusta[:, :4], self.frusta[:, 4:], self.oblique[:, :4], self.oblique[:, 4:8]]
        spheres = np.concatenate([*ends, self.balls, self.lunes[:, :4]])
        return np.stack([(spheres[:, :3] - spheres[:, 3:]).min(axis=0), (spheres[:, :3] + spheres[:, 3:]).max(axis=0)])

    def __repr__(self) -> str:
        oblique = f", {len(self.oblique)} oblique" if len(self.oblique) else ""
        return f"<Solid: {len(self.frusta)} frusta{oblique}, {len(self.balls)} balls, {len(self.lunes)} joints>"


def frustum_volume(frusta: FloatArray) -> FloatArray:
    """Volume of each frustum, `pi L (r0^2 + r0 r1 + r1^2) / 3`, shape (m,), um3."""
    r0, r1 = frusta[:, 3], frusta[:, 7]
    return np.pi / 3 * frustum_lengths(frusta) * (r0 * r0 + r0 * r1 + r1 * r1)


def frustum_area(frusta: FloatArray) -> FloatArray:
    """Lateral area of each frustum, `pi (r0 + r1) sqrt(L^2 + (r1 - r0)^2)`, shape (m,), um2."""
    r0, r1 = frusta[:, 3], frusta[:, 7]
    return np.pi * (r0 + r1) * np.hypot(frustum_lengths(frusta), r1 - r0)


def frustum_lengths(frusta: FloatArray) -> FloatArray:
    """Length of each frustum, shape (m,), um."""
    return _sizes(frusta[:, 4:7] - frusta[:, :3])


def _sizes(vectors: FloatArray) -> FloatArray:
    return np.sqrt(np.einsum("ij,ij->i", vectors, vectors))


def solid_of(segments: Segments, sections: SectionsLike | None = None) -> Solid:
    """The solid that some sections occupy: their frusta, cut at the borders of segments, and their joints.

    Parameters
    ----------
    segments : Segments
        The segments that will own the voxels.
    sections : Selection, Section, names or indices, optional
        All sections if not given. Ends that lead to sections left out are open.

    Raises
    ------
    GeometryError
        If no section is selected.
    """
    morphology = segments.morphology
    chosen = section_indices(morphology, morphology.all if sections is None else sections)
    if not chosen.size:
        raise GeometryError("There is nothing to voxelise: the selection has no sections.")
    section, start, stop, owner = _cut_frusta(segments, chosen)
    frusta = np.concatenate([start, stop], axis=1)
    length = frustum_lengths(frusta)
    keep = length > 0
    if not keep.all():
        section, frusta, owner, length = section[keep], frusta[keep], owner[keep], length[keep]
    first, last = section.searchsorted(chosen), section.searchsorted(chosen, side="right") - 1
    axis = (frusta[:, 4:7] - frusta[:, :3]) / length[:, None]
    lunes, lune_owner = _joints(section, frusta, axis, owner)
    more, more_owner = _branch_joints(segments, chosen, frusta, axis, owner, first, last)
    ends = _open_ends(segments, chosen, len(frusta), first, last)
    drawn = _drawn(segments, chosen, ends, first, last)
    bridges, bridge_owner, notes = _bridges(segments, chosen, frusta, owner, first, last, drawn)
    if not drawn:
        return Solid(
            np.concatenate([frusta, bridges]), np.concatenate([owner, bridge_owner]),
            lunes=np.concatenate([lunes, more]), lune_owner=np.concatenate([lune_owner, more_owner]),
            open_end=np.concatenate([ends, np.full((len(bridges), 2), -1)]), notes=notes,
        )  # fmt: skip
    own = ~np.isin(section, list(drawn))
    balls = [inner_balls(oblique) for oblique, _ in drawn.values()]
    firsts = [owners[0] for _, owners in drawn.values()]
    return Solid(
        np.concatenate([frusta[own], bridges]), np.concatenate([owner[own], bridge_owner]),
        balls=np.concatenate(balls), ball_owner=np.repeat(firsts, [len(some) for some in balls]),
        lunes=np.concatenate([lunes, more]), lune_owner=np.concatenate([lune_owner, more_owner]),
        oblique=np.concatenate([oblique for oblique, _ in drawn.values()]),
        oblique_owner=np.concatenate([owners for _, owners in drawn.values()]),
        open_end=np.concatenate([ends[own], np.full((len(bridges), 2), -1)]), notes=notes,
    )  # fmt: skip


def _drawn(
    segments: Segments, chosen: IntArray, ends: IntArray, first: IntArray, last: IntArray
) -> dict[int, tuple[FloatArray, IntArray]]:
    """Oblique frusta, and their segments, of the sections that are drawn as outlines and have no open ends."""
    m, drawn = segments.morphology, {}
    for outline in m.outlines:
        place = int(chosen.searchsorted(outline.section))
        if place == len(chosen) or chosen[place] != outline.section or ends[first[place], 0] >= 0 or ends[last[place], 1] >= 0:
            continue
        points = m.points[m.point_offset[outline.section] : m.point_offset[outline.section + 1], :3]
        count = int(segments.counts[outline.section])
        borders = m.length[outline.section] / count * np.arange(1, count)
        oblique, middle = oblique_frusta(outline.points, points[0], points[-1], borders)
        drawn[outline.section] = oblique, segments.offset[outline.section] + np.searchsorted(borders, middle)
    return drawn


def _cut_frusta(segments: Segments, chosen: IntArray) -> tuple[IntArray, FloatArray, FloatArray, IntArray]:
    """Section, start (x, y, z, r), stop and segment of every frustum between points and borders of segments."""
    m = segments.morphology
    of_point = np.arange(m.n_sections).repeat(m.point_offset[1:] - m.point_offset[:-1])
    wanted = np.zeros(m.n_sections, dtype=bool)
    wanted[chosen] = True
    # one increasing coordinate over the whole cell, so that all borders are found in one search
    begin = np.zeros(m.n_sections + 1)
    m.length.cumsum(out=begin[1:])
    along = begin[of_point] + m.arc
    inner = ((segments.section[1:] == segments.section[:-1]) & wanted[segments.section[1:]]).nonzero()[0] + 1
    home = segments.section[inner]
    arc = (inner - segments.offset[home]) / segments.counts[home] * m.length[home]
    at = along.searchsorted(begin[home] + arc)
    at = np.minimum(np.maximum(at, m.point_offset[home] + 1), m.point_offset[home + 1] - 1)
    near = 1e-7 * m.length[home]
    fresh = (np.abs(m.arc[at] - arc) > near) & (np.abs(m.arc[at - 1] - arc) > near)
    at, arc, home = at[fresh], arc[fresh], home[fresh]
    weight = ((arc - m.arc[at - 1]) / (m.arc[at] - m.arc[at - 1]))[:, None]
    # where what was there moves to, and where the borders go
    old = np.arange(len(m.arc))
    old, new = old + at.searchsorted(old, side="right"), at + np.arange(len(at))
    size = len(old) + len(new)
    points, arcs, section = np.empty((size, 4)), np.empty(size), np.empty(size, dtype=np.int64)
    points[old], points[new] = m.points, (1 - weight) * m.points[at - 1] + weight * m.points[at]
    points[:, 3] *= 0.5
    section[old], section[new], arcs[old], arcs[new] = of_point, home, m.arc, arc
    of_point = section
    pair = ((of_point[1:] == of_point[:-1]) & wanted[of_point[1:]]).nonzero()[0]
    section = of_point[pair]
    n_here = segments.counts[section]
    middle = 0.5 * (arcs[pair] + arcs[pair + 1]) / m.length[section]
    owner = segments.offset[section] + np.minimum((middle * n_here).astype(np.int64), n_here - 1)
    return section, points[pair], points[pair + 1], owner


def _joints(section: IntArray, frusta: FloatArray, axis: FloatArray, owner: IntArray) -> tuple[FloatArray, IntArray]:
    """Lunes between consecutive frusta of a section."""
    before = ((section[1:] == section[:-1]) & (_sizes(axis[1:] - axis[:-1]) > STRAIGHT)).nonzero()[0]
    radius = np.minimum(frusta[before, 7], frusta[before + 1, 3])
    lunes = np.concatenate([frusta[before, 4:7], radius[:, None], axis[before], -axis[before + 1]], axis=1)
    return lunes, owner[before + 1]


def _branch_joints(
    segments: Segments, chosen: IntArray, frusta: FloatArray, axis: FloatArray, owner: IntArray, first: IntArray, last: IntArray
) -> tuple[FloatArray, IntArray]:
    """Lunes, or half balls, where sections start on a parent that is part of the solid."""
    m = segments.morphology
    place = np.full(m.n_sections, -1)
    place[chosen] = np.arange(len(chosen))
    parent = m.parent[chosen]
    child = ((parent >= 0) & (place[parent] >= 0)).nonzero()[0]
    parent = place[parent[child]]
    start = first[child]
    centre, radius = frusta[start, :3], frusta[start, 3]
    second = np.zeros((len(child), 3))
    x = m.parent_x[chosen[child]]
    for here, side, end, sign in ((x == 1, last[parent], slice(4, 7), 1), (x == 0, first[parent], slice(0, 3), -1)):
        if not here.any():
            continue
        touching = here & (_sizes(frusta[side, end] - centre) < 1e-6 * (1 + radius))
        second[touching] = sign * axis[side[touching]]
    return np.concatenate([centre, radius[:, None], -axis[start], second], axis=1), owner[start]


def _bridges(
    segments: Segments, chosen: IntArray, frusta: FloatArray, owner: IntArray, first: IntArray, last: IntArray, drawn:
    dict[int, tuple[FloatArray, IntArray]],
) -> tuple[FloatArray, IntArray, tuple[str, ...]]:  # fmt: skip
    """Cylinders from the starts of sections that do not touch their parents to the parents' axes."""
    m = segments.morphology
    bridges, owners, gaps = [], [], []
    parent = m.parent[chosen]
    parents, starts = np.minimum(chosen.searchsorted(parent), len(chosen) - 1), frusta[first, :3]
    apart = (frusta[last[parents], 4:7] != starts).any(axis=1) & (frusta[first[parents], :3] != starts).any(axis=1)
    for place in ((chosen[parents] == parent) & apart).nonzero()[0]:
        i, on = int(chosen[place]), int(parents[place])
        start = frusta[first[place], :4]
        if int(parent[place]) in drawn:
            gap = disc_distance(drawn[int(parent[place])][0], start[:3])
        else:
            gap = float(signed_distance(Solid(frusta[first[on] : last[on] + 1]), start[None, :3])[0])
        if gap > 0.5 * start[3]:
            target = Location(Section(m, int(m.parent[i])), float(m.parent_x[i])).position
            bridges.append([*target, start[3], *start])
            owners.append(owner[first[place]])
            gaps.append((gap, m.names[i]))
    if not bridges:
        return np.zeros((0, 8)), np.zeros(0, dtype=np.int64), ()
    names = ", ".join(name for _, name in gaps[:5]) + (f" and {len(gaps) - 5} more" if len(gaps) > 5 else "")
    note = f"{len(gaps)} sections start up to {max(gaps)[0]:.3g} um outside their parents; cylinders join them: {names}."
    return np.array(bridges), np.array(owners), (note,)


def _open_ends(segments: Segments, chosen: IntArray, n: int, first: IntArray, last: IntArray) -> IntArray:
    """Numbers of the ends that lead to sections outside: `2 section` at a start, `2 section + 1` at an end."""
    m = segments.morphology
    inside = np.zeros(m.n_sections, dtype=bool)
    inside[chosen] = True
    ends = np.full((n, 2), -1)
    if len(chosen) == m.n_sections:
        return ends
    parent = m.parent[chosen]
    starts = (parent >= 0) & ~inside[parent]
    ends[first[starts], 0] = 2 * chosen[starts]
    outside = np.flatnonzero(~inside & (m.parent >= 0))
    for x, side, frustum in ((1.0, 1, last), (0.0, 0, first)):
        tied = outside[(m.parent_x[outside] == x) & inside[m.parent[outside]]]
        place = np.searchsorted(chosen, m.parent[tied])
        ends[frustum[place], side] = 2 * chosen[place] + side
    return ends


@dataclass(frozen=True, slots=True, eq=False)
class Primitives:
    """What the kernels read: one row for each frustum, ball and lune; straight chains of frusta are one frustum.

    Attributes
    ----------
    table : ndarray, shape (n, COLUMNS)
    kind : ndarray of int, shape (n,)
    open_end : ndarray of int, shape (n, 2)
        As in `Solid`, for the ends of the chains.
    first : ndarray of int, shape (n + 1,)
        The pieces of each: `first[p]` to `first[p + 1]`.
    stop : ndarray, shape (m,), um
        Where along the axis each piece ends.
    owner : ndarray of int, shape (m,)
        Segment of each piece.
    """

    table: FloatArray
    kind: IntArray
    open_end: IntArray
    first: IntArray
    stop: FloatArray
    owner: IntArray


def pack(solid: Solid, slack: float) -> Primitives:
    """Table of primitives for the kernels.

    Parameters
    ----------
    solid : Solid
    slack : float, um
        Flat faces are pushed out by this much, so that frusta which share a face leave no crack of round-off; frusta that
        continue each other within half of it become one.
    """
    long = frustum_lengths(solid.frusta) > 0
    pieces = solid.frusta[long]
    begin = _straight_chains(pieces, 0.5 * slack)
    end = np.empty_like(begin)
    end[:-1], end[-1:] = begin[1:], len(pieces)
    frusta = np.concatenate([pieces[begin, :4], pieces[end - 1, 4:]], axis=1)
    n, k, j, oblique = len(frusta), len(solid.balls), len(solid.lunes), solid.oblique
    table = np.zeros((n + k + j + len(oblique), COLUMNS))
    table[:, SLACK] = slack
    length = frustum_lengths(frusta)
    slope = (frusta[:, 7] - frusta[:, 3]) / length
    table[:n, :3], table[:n, AXIS : AXIS + 3] = frusta[:, :3], (frusta[:, 4:7] - frusta[:, :3]) / length[:, None]
    table[:n, LENGTH], table[:n, RADIUS], table[:n, SLOPE] = length, frusta[:, 3], slope
    table[:n, COSINE] = 1 / np.sqrt(1 + slope * slope)
    table[n : n + k, :3], table[n : n + k, RADIUS] = solid.balls[:, :3], solid.balls[:, 3]
    lunes = table[n + k : n + k + j]
    lunes[:, :3], lunes[:, RADIUS] = solid.lunes[:, :3], solid.lunes[:, 3]
    lunes[:, AXIS : AXIS + 3], lunes[:, SECOND : SECOND + 3] = solid.lunes[:, 4:7], solid.lunes[:, 7:]
    _pack_oblique(oblique, table[n + k + j :])
    kind = np.full(len(table), FRUSTUM)
    kind[n : n + k], kind[n + k : n + k + j], kind[n + k + j :] = BALL, LUNE, OBLIQUE
    others = [np.asarray(owner) for owner in (solid.ball_owner, solid.lune_owner, solid.oblique_owner)]
    owner = np.concatenate([np.asarray(solid.owner)[long], *others]).astype(np.int64)
    ends = np.asarray(solid.open_end)[long]
    open_end = np.full((len(table), 2), -1)
    open_end[:n, 0], open_end[:n, 1] = ends[begin, 0], ends[end - 1, 1]
    first = np.arange(len(pieces) - n, len(pieces) + len(table) - n + 1)
    first[:n] = begin
    stop = np.zeros(len(owner))
    chain = np.arange(n).repeat(end - begin)
    stop[: len(pieces)] = ((pieces[:, 4:7] - frusta[chain, :3]) * table[chain, AXIS : AXIS + 3]).sum(axis=1)
    return Primitives(table, kind, open_end, first, stop, owner)


def _pack_oblique(oblique: FloatArray, table: FloatArray) -> None:
    """Rows of the table for oblique frusta."""
    normal, span = oblique[:, 8:], oblique[:, 4:7] - oblique[:, :3]
    length = np.einsum("ij,ij->i", span, normal)
    drift = span / length[:, None] - normal
    slope = (oblique[:, 7] - oblique[:, 3]) / length
    table[:, :3], table[:, AXIS : AXIS + 3], table[:, SECOND : SECOND + 3] = oblique[:, :3], normal, drift
    table[:, LENGTH], table[:, RADIUS], table[:, SLOPE] = length, oblique[:, 3], slope
    table[:, COSINE] = 1 / np.hypot(1.0, np.abs(slope) + _sizes(drift))


def _straight_chains(frusta: FloatArray, near: float) -> IntArray:
    """First frusta of chains in which each continues the one before: all points lie within `near` of one straight cone."""
    tied = (frusta[1:, :4] == frusta[:-1, 4:]).all(axis=1)
    if not tied.any():
        return np.arange(len(frusta))
    span = frusta[:, 4:] - frusta[:, :4]
    # numbers of the same cone per unit of length
    rate = span / _sizes(span[:, :3])[:, None]
    fresh = np.ones(len(frusta), dtype=bool)
    fresh[1:] = ~tied | (np.abs(rate[1:] - rate[:-1]).max(axis=1) >= 1e-6)
    begin = fresh.nonzero()[0]
    chain, past = fresh.cumsum() - 1, np.empty_like(begin)
    past[:-1], past[-1] = begin[1:], len(frusta)
    start = frusta[begin, :4]
    whole = frusta[past - 1, 4:] - start
    length = _sizes(whole[:, :3])
    at, along = frusta[:, :4] - start[chain], whole / length[:, None]
    along = along[chain]
    s = (at[:, :3] * along[:, :3]).sum(axis=1)
    off = np.abs(at - s[:, None] * along).max(axis=1) > near
    bent = np.logical_or.reduceat(off, begin)
    return (fresh | bent[chain]).nonzero()[0] if bent.any() else begin


@inner
def frustum_distance(s: float, rho: float, length: float, radius: float, slope: float) -> float:
    """Exact signed distance of a frustum in the plane of its axis: `s` along it, `rho` from it; negative inside."""
    t = min(max((s + (rho - radius) * slope) / (1 + slope * slope), 0.0), length)
    ds, dr = s - t, rho - radius - slope * t
    lateral = sqrt(ds * ds + dr * dr)
    if 0 <= s <= length and rho <= radius + slope * s:
        return -min(lateral, s, length - s)
    if s < 0 and rho < radius:
        return min(lateral, -s)
    if s > length and rho < radius + slope * length:
        return min(lateral, s - length)
    return lateral


@inner
def oblique_distance(table: Array, p: int, x: float, y: float, z: float, s: float) -> float:
    """Bound of the signed distance of oblique frustum `p`, of the right sign and not too large, from a point by its base.

    The distances from its side at its steepest, from its end planes and from a ball around it.
    """
    ax, ay, az, length = table[p, AXIS], table[p, AXIS + 1], table[p, AXIS + 2], table[p, LENGTH]
    bx, by, bz = table[p, SECOND], table[p, SECOND + 1], table[p, SECOND + 2]
    radius, slope = table[p, RADIUS], table[p, SLOPE]
    u, v, w = x - s * (ax + bx), y - s * (ay + by), z - s * (az + bz)
    side = (sqrt(u * u + v * v + w * w) - radius - slope * s) * table[p, COSINE]
    half = 0.5 * length
    u, v, w = x - half * (ax + bx), y - half * (ay + by), z - half * (az + bz)
    around = half * sqrt(1 + bx * bx + by * by + bz * bz) + max(radius, radius + slope * length)
    return max(side, sqrt(u * u + v * v + w * w) - around, -s, s - length)


@inner
def distance_to(table: Array, kind: Array, p: int, x: float, y: float, z: float) -> float:
    """Signed distance of primitive `p`; for a lune exact inside and a lower bound outside, for an oblique frustum a bound."""
    x, y, z = x - table[p, 0], y - table[p, 1], z - table[p, 2]
    square = x * x + y * y + z * z
    s = x * table[p, AXIS] + y * table[p, AXIS + 1] + z * table[p, AXIS + 2]
    if kind[p] == FRUSTUM:
        return frustum_distance(s, sqrt(max(square - s * s, 0.0)), table[p, LENGTH], table[p, RADIUS], table[p, SLOPE])
    if kind[p] == OBLIQUE:
        return oblique_distance(table, p, x, y, z, s)
    d = sqrt(square) - table[p, RADIUS]
    if kind[p] == LUNE:
        d = max(d, -s)
        if table[p, SECOND] != 0 or table[p, SECOND + 1] != 0 or table[p, SECOND + 2] != 0:
            d = max(d, -(x * table[p, SECOND] + y * table[p, SECOND + 1] + z * table[p, SECOND + 2]))
    return d


@lean
def _distances(begin: int, past: int, table: Array, kind: Array, points: Array, out: Array) -> None:
    for i in range(begin, past):
        best = inf
        for p in range(len(kind)):
            best = min(best, distance_to(table, kind, p, points[i, 0], points[i, 1], points[i, 2]))
        out[i] = best


def signed_distance(solid: Solid, points: FloatArray) -> FloatArray:
    """Distance of points from the surface of a solid, negative inside.

    The smallest of the distances of its parts: exact outside, and everywhere for a single frustum or ball; inside a union it is
    exact in sign and may stop at a face that two parts share. Of oblique frusta it is a bound, of the right sign. The work is
    one evaluation for each point and part; voxelisation evaluates it only in blocks of voxels that the part reaches.

    Parameters
    ----------
    solid : Solid
    points : ndarray, shape (n, 3), um

    Returns
    -------
    ndarray, shape (n,), um
    """
    primitives = pack(solid, 0.0)
    table, kind = primitives.table, primitives.kind
    points = np.ascontiguousarray(np.atleast_2d(points), dtype=np.float64)
    out = np.empty(len(points))
    in_ranges(_distances, len(points), max(1, 100_000 // max(len(kind), 1)), table, kind, points, out)
    return out
