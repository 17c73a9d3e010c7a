"""Voxelisation: a solid cut into the voxels of a regular grid, with partial volumes, open faces and membranes.

In: a `Solid` (or segments and a selection of sections) and the voxel edges. Out: `VoxelGrid`, and from it a `Mesh`.
"""

from __future__ import annotations

import os
import warnings
from dataclasses import replace
from typing import Any

import numpy as np

from geometry.compiled import in_ranges
from geometry.errors import GeometryError
from geometry.frustum import Array, Solid, frustum_lengths, frustum_volume, pack, solid_of
from geometry.mesh import GridBlock, Mesh
from geometry.outline import oblique_volume
from geometry.records import dataclass
from geometry.segments import Segments
from geometry.selection import SectionsLike, section_indices
from geometry.voxel_classify import classify
from geometry.voxel_kernels import (
    BLOCK,
    CELLS,
    Space,
    bin_blocks,
    count_rows,
    fill,
    fold_areas,
    label_pieces,
    list_blocks,
    list_cut,
    number_cut,
    number_rows,
)
from geometry.voxel_lines import SUMS
from geometry.voxel_measure import ROUGH, measure, measure_rough
from geometry.voxel_merge import KEEP, NOTHING, decide, merge

__all__ = ["VoxelGrid", "VoxelWarning", "voxel_mesh", "voxelize", "voxelize_sections"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]

BYTES = 95  # for a voxel, at the peak of making it
MOST_MEMBRANE = 1e3  # membrane of a voxel, in faces, for its volume, in voxels: more is a flat end's
MOST_IN_MASK = 1 << 28  # voxels in the box of a grid block: a mask of a quarter of a gigabyte


class VoxelWarning(UserWarning):
    """A voxelisation that works, and may not be what was meant."""


@dataclass(frozen=True, slots=True, eq=False)
class VoxelGrid:
    """The voxels of a regular grid that a solid reaches into, numbered in C order of (i, j, k).

    Faces are ordered -x, +x, -y, +y, -z, +z. For every voxel the vectors of its open faces and of its surface sum to zero, to
    round-off.

    Attributes
    ----------
    origin : ndarray, shape (3,), um
        Corner of voxel (0, 0, 0). Grids with the same origin and edges share their faces.
    dx : ndarray, shape (3,), um
        Edges of a voxel.
    ijk : ndarray of int32, shape (n, 3)
        Place of each voxel in the grid; may be negative.
    volume : ndarray, shape (n,), um3
        Volume inside the solid.
    low_face : ndarray, shape (n, 3)
        Open fractions of the faces at -x, -y, -z; the others are those of the neighbours (see `aperture`). They may exceed 1 by
        a little where slivers were merged.
    neighbor : ndarray of int32, shape (n, 6)
        Number of the voxel behind each face, or -1.
    membrane_area : ndarray, shape (n,), um2
        Area of the surface in the voxel, open ends not counted.
    owner : ndarray of int32, shape (n,)
        Segment of each voxel: that of the frustum in which its middle lies deepest.
    end_voxel, end_number : ndarray of int, shape (e,)
        Voxels at open ends, and the number of the end (see `Solid.open_end`).
    end_area : ndarray, shape (e,), um2
        Area of the open end in that voxel.
    notes : tuple of str
        What a user should know, such as sections thinner than a voxel.
    """

    origin: FloatArray
    dx: FloatArray
    ijk: np.ndarray[Any, np.dtype[np.int32]]
    volume: FloatArray
    low_face: FloatArray
    neighbor: np.ndarray[Any, np.dtype[np.int32]]
    membrane_area: FloatArray
    owner: np.ndarray[Any, np.dtype[np.int32]]
    end_voxel: IntArray
    end_number: IntArray
    end_area: FloatArray
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    def __len__(self) -> int:
        return len(self.ijk)

    @property
    def n(self) -> int:
        """Number of voxels."""
        return len(self.ijk)

    @property
    def position(self) -> FloatArray:
        """Middle of each voxel, cut or not, shape (n, 3), um."""
        return self.middles(slice(None))

    def middles(self, voxels: Any) -> FloatArray:
        """Middles of some voxels (numbers, a mask or a slice), shape (m, 3), um."""
        middles = self.ijk[voxels] + 0.5
        middles *= self.dx
        middles += self.origin
        return middles

    @property
    def aperture(self) -> FloatArray:
        """Open fraction of each face, shape (n, 6), computed anew."""
        aperture = np.empty((self.n, 6))
        aperture[:, ::2] = self.low_face
        for d in range(3):
            above = self.neighbor[:, 2 * d + 1]
            aperture[:, 2 * d + 1] = np.where(above >= 0, self.low_face[above, d], 0.0)
        return aperture

    @property
    def face_size(self) -> FloatArray:
        """Areas of a whole face normal to x, y, z, shape (3,), um2."""
        return np.prod(self.dx) / self.dx

    @property
    def fraction(self) -> FloatArray:
        """Fraction of each voxel inside, shape (n,); slightly above 1 where a sliver was merged."""
        return self.volume / np.prod(self.dx)

    @property
    def surface_vector(self) -> FloatArray:
        """Outward vector area of the whole surface in each voxel, open ends included, shape (n, 3), um2.

        It is minus the sum of the vectors of the faces, so that they close to round-off.
        """
        aperture = self.aperture
        return (aperture[:, ::2] - aperture[:, 1::2]) * self.face_size

    @property
    def normal(self) -> FloatArray:
        """Mean outward unit normal of the surface in each voxel, shape (n, 3); zeros where there is none."""
        vector = self.surface_vector
        size = np.linalg.norm(vector, axis=1, keepdims=True)
        return np.divide(vector, size, out=np.zeros_like(vector), where=size > 0)

    @property
    def lowest(self) -> IntArray:
        """Smallest i, j, k, shape (3,)."""
        return self.ijk.min(axis=0).astype(np.int64)

    @property
    def shape(self) -> IntArray:
        """Size in voxels of the box around all voxels, shape (3,)."""
        return self.ijk.max(axis=0).astype(np.int64) - self.lowest + 1

    def edges(self) -> tuple[Array, Array]:
        """Pairs of voxels that share an open face, the lower first, shape (m, 2), and the axis of the face, shape (m,)."""
        pairs, axes = [], []
        for d in range(3):
            above = np.flatnonzero((self.neighbor[:, 2 * d] >= 0) & (self.low_face[:, d] > 0)).astype(np.int32)
            pairs.append(np.stack([self.neighbor[above, 2 * d], above], axis=1))
            axes.append(np.full(len(above), d, dtype=np.int8))
        return np.concatenate(pairs), np.concatenate(axes)

    def components(self) -> Array:
        """Number of the connected piece each voxel belongs to, shape (n,); 0 is the one with the largest volume."""
        piece = np.empty(self.n, dtype=np.int32)
        n = label_pieces(self.neighbor, self.low_face, piece)
        if n == 1:
            return piece
        order = np.argsort(-np.bincount(piece, weights=self.volume), kind="stable")
        rank = np.empty(n, dtype=np.int64)
        rank[order] = np.arange(n)
        return rank[piece]

    def __repr__(self) -> str:
        cut = int(np.count_nonzero(self.membrane_area > 0))
        return (
            f"<VoxelGrid: {self.n} voxels of {' x '.join(f'{d:g}' for d in self.dx)} um ({cut} with membrane), volume "
            f"{self.volume.sum():.6g} um3, membrane {self.membrane_area.sum():.6g} um2>"
        )


def voxelize(solid: Solid, dx: float | FloatArray, origin: FloatArray | None = None, sliver: float = 1e-4) -> VoxelGrid:
    """Cut a solid into voxels.

    Volumes, faces and areas converge with the second order of `dx` or better; see docs/voxels.md for the method.

    Parameters
    ----------
    solid : Solid
    dx : float or array, shape (3,), um
        Edge of the voxels, or one for each axis.
    origin : array, shape (3,), um, optional
        A corner of the grid, (0, 0, 0) if not given: grids of equal `dx` and `origin` share their faces.
    sliver : float
        Voxels with less than this fraction of their volume inside are merged into a neighbour. Merging closes faces: with much
        more than the default, diffusion along a membrane slows down by a term of first order.

    Raises
    ------
    GeometryError
        For an empty solid, a `dx` that is not positive, or one so small that the voxels do not fit into memory.
    """
    edge = _check_edges(dx, solid)
    start = np.zeros(3) if origin is None else np.asarray(origin, dtype=np.float64)
    if start.shape != (3,) or not np.all(np.isfinite(start)):
        raise GeometryError(f"The origin of the grid is a point x, y, z in um; got {origin!r}.")
    if not 0 <= sliver <= 0.5:
        raise GeometryError(f"sliver is the fraction of a voxel below which it is merged, 0 to 0.5; got {sliver!r}.")
    primitives = pack(solid, 1e-9 * float(edge.min()))
    table, kind = primitives.table, primitives.kind
    if not len(kind):
        raise GeometryError("There is nothing to voxelise: the solid has no frusta and no balls.")
    corner, beside, first, prims = _blocks(solid, table, kind, start, edge)
    cut, full = np.empty((len(corner), 64), dtype=np.uint8), np.empty((len(corner), 64), dtype=np.uint8)
    # for every cell of the blocks, of which those in use are few and the first; what is not touched takes no memory
    present, owners = np.empty(len(corner) * CELLS, dtype=np.int32), np.empty(len(corner) * CELLS, dtype=np.int32)
    place, pieces = np.empty(len(corner), dtype=np.int64), (primitives.first, primitives.stop, primitives.owner)
    in_ranges(
        classify, len(corner), 64, table, kind, *pieces, start, edge, corner, beside, first, prims, cut, full, place, present,
        owners,
    )  # fmt: skip
    number = np.empty(cut.shape, dtype=np.int32)
    n, most = number_cut(cut, number), int((first[1:] - first[:-1]).max())
    blocks, cells, ways = (np.empty(n, dtype=np.int32) for _ in range(3))
    space = Space(beside, cut, full, number, blocks, cells)
    list_cut(space, place, present, ways)
    del present
    # what is known of cut voxels alone
    fraction, end, low_face = np.empty(n), np.empty(n, dtype=np.int32), np.empty((n, 3))
    area, end_area, fate = np.empty(n), np.empty(n), np.empty(n, dtype=np.int8)
    solids = table, kind, primitives.open_end, start, edge, corner, first, prims, space
    in_ranges(measure, n, 1024, *solids, ways, low_face, fraction, area, end_area, end)
    rough = (fraction == ROUGH).nonzero()[0]
    if rough.size:
        sums = np.empty((len(rough), SUMS))
        in_ranges(measure_rough, len(rough), 256, most, rough, *solids, low_face, fraction, sums, end)
        fold_areas(rough, edge, space, low_face, sums, area, end_area)
        del sums
    decide(space, low_face, fraction, max(sliver, NOTHING), fate, ways)
    mask = np.empty(cut.shape, dtype=np.uint8)
    count_rows(space, fate, KEEP, mask)
    begin, unit = np.empty(mask.shape, dtype=np.int32), float(np.prod(edge))
    size = number_rows(corner, mask, begin)
    volume, faces, membrane, ijk, neighbor, segment = _result(size)
    ends = size if (primitives.open_end >= 0).any() else 0
    open_area, open_number = np.zeros(ends), np.full(ends, -1, dtype=np.int32)
    in_ranges(
        fill, len(corner), 64, corner, mask, begin, space, place, owners, low_face, fraction, area, end_area, end, unit, ijk,
        volume, faces, neighbor, membrane, open_area, open_number, segment,
    )  # fmt: skip
    cuts = low_face, fraction, area, end_area, end
    merge(space, fate, mask, begin, *cuts, unit, neighbor, volume, faces, membrane, open_area, open_number)
    at_end = (open_area > 0).nonzero()[0]
    membrane[at_end] = np.maximum(membrane[at_end] - open_area[at_end], 0.0)
    if sliver > 0:
        _hand_flat_ends_back(edge, volume, faces, membrane, neighbor)
    return VoxelGrid(
        start.copy(), edge, ijk, volume, faces, neighbor, membrane, segment,
        at_end, open_number[at_end].astype(np.int64), open_area[at_end],
    )  # fmt: skip


def _hand_flat_ends_back(
    edge: FloatArray, volume: FloatArray, faces: FloatArray, membrane: FloatArray, neighbor: IntArray
) -> None:
    """Give the membrane of flat ends on planes of the grid to the voxels that they bound.

    A flat end is pushed out by a hair, into the voxel beyond its plane; most often that voxel is nothing else, and is merged.
    Where a thinner section goes on there, a voxel with a corner of it has a whole face open, and would have all of the membrane
    of the flat end for next to no volume: what flows through that membrane would fill it at once.
    """
    size = np.prod(edge) / edge
    limit, pieces = MOST_MEMBRANE / edge.min(), range(0, len(volume), 1 << 16)  # piece by piece: no array of all voxels more
    crowded = [at + (membrane[at : at + (1 << 16)] > limit * volume[at : at + (1 << 16)]).nonzero()[0] for at in pieces]
    for v in np.concatenate(crowded):
        # a face is kept by the voxel above it
        holder = np.where([True, False] * 3, v, neighbor[v])
        for f in range(6):
            if neighbor[v, f] >= 0:
                through = faces[holder[f ^ 1], f >> 1] if neighbor[v, f ^ 1] >= 0 else 0.0
                flat = min(max(faces[holder[f], f >> 1] - through, 0.0) * size[f >> 1], membrane[v])
                membrane[neighbor[v, f]] += flat
                membrane[v] -= flat


def _result(size: int) -> tuple[Array, ...]:
    """Volume, lower faces, membrane, place, neighbours and segment of the voxels, side by side in one piece of memory.

    The system hands that out, and takes it back, as a whole; page by page, as for many arrays, took a fifth of the time.
    """
    kinds = ((np.float64, 1), (np.float64, 3), (np.float64, 1), (np.int32, 3), (np.int32, 6), (np.int32, 1))
    room, at, arrays = np.empty(size * sum(np.dtype(kind).itemsize * width for kind, width in kinds), dtype=np.uint8), 0, []
    for kind, width in kinds:
        past = at + size * width * np.dtype(kind).itemsize
        array = room[at:past].view(kind)
        arrays.append(array.reshape(size, width) if width > 1 else array)
        at = past
    return tuple(arrays)


def _check_edges(dx: float | FloatArray, solid: Solid | None = None) -> FloatArray:
    edge = np.zeros(3)
    if np.shape(dx) in ((), (3,)):
        edge[:] = dx
    if not 0 < edge.min() <= edge.max() < np.inf:
        raise GeometryError(f"dx is the edge of a voxel in um: one number above zero, or three; got {dx!r}.")
    if solid is not None:
        _check_memory(solid, edge)
    return edge


def _check_memory(solid: Solid, edge: FloatArray) -> None:
    """Refuse what would fill the machine, before it does: a system may end the process without a word."""
    names = os.sysconf_names if hasattr(os, "sysconf_names") else {}
    if "SC_PHYS_PAGES" not in names:
        return
    memory = float(os.sysconf("SC_PAGE_SIZE")) * os.sysconf("SC_PHYS_PAGES")
    volume = float(frustum_volume(solid.frusta).sum() + oblique_volume(solid.oblique).sum())
    full = volume / float(edge.prod())
    # what is thinner than a voxel takes one after the other along its way, for next to no volume
    passed = float(frustum_lengths(solid.frusta).sum()) / float(np.hypot.reduce(edge))
    voxels = max(full, passed)
    if BYTES * voxels > memory:
        larger = float(edge.max()) * max((2 * BYTES * full / memory) ** (1 / 3), 2 * BYTES * passed / memory)
        size = " x ".join(f"{d:g}" for d in edge)
        raise GeometryError(
            f"dx = {size} um is too fine: it makes about {voxels:.1e} voxels, which take {BYTES * voxels / 1e9:.0f} GB; this "
            f"machine has {memory / 1e9:.0f}. Use a dx of {larger:.2g} um or more, or fewer sections in voxels."
        )


def _blocks(
    solid: Solid, table: FloatArray, kind: IntArray, origin: FloatArray, dx: FloatArray
) -> tuple[Array, Array, Array, Array]:
    """Lowest voxel of each block, its neighbours, and the primitives that reach into it (`prims[first[b]:first[b + 1]]`)."""
    box = (solid.bounds() - origin) / (dx * BLOCK)
    lowest = np.floor(box[0]).astype(np.int64) - 2
    shape = np.floor(box[1]).astype(np.int64) + 3 - lowest
    if float(shape[0]) * float(shape[1]) * float(shape[2]) > 2.0**62:
        raise GeometryError(f"dx = {dx} um is too fine for a cell of {(box[1] - box[0]) * dx * BLOCK} um.")
    room = 64 * len(kind) + 4096
    while True:
        keys, prims = np.empty(room, dtype=np.int64), np.empty(room, dtype=np.int32)
        n = bin_blocks(table, kind, origin, dx * BLOCK, lowest, shape, keys, prims)
        if n <= room:
            break
        room = n
    order = keys[:n].argsort(kind="stable")
    keys, prims = keys[order], prims[order]
    first, corner, beside = np.empty(n + 1, dtype=np.int64), np.empty((n, 3), dtype=np.int64), np.empty((n, 6), dtype=np.int64)
    n = list_blocks(keys, lowest, shape, first, corner, beside)
    return corner[:n], beside[:n], first[: n + 1], prims


def voxelize_sections(
    segments: Segments, dx: float | FloatArray, sections: SectionsLike | None = None, origin: FloatArray | None = None
) -> VoxelGrid:
    """Cut some sections of a cell into voxels, and check that the result is what the cell was.

    Parameters
    ----------
    segments : Segments
        The segments that will own the voxels.
    dx : float or array, shape (3,), um
        Edge of the voxels, or one for each axis.
    sections : Selection, Section, names or indices, optional
        All sections if not given. Ends that lead to sections left out are open ends, not membrane.
    origin : array, shape (3,), um, optional
        A corner of the grid, (0, 0, 0) if not given.

    Warns
    -----
    VoxelWarning
        If sections are thinner than a voxel, start apart from their parents, come apart in space, or touch those of another
        cell; the same sentences are the `notes` of the result.

    Raises
    ------
    GeometryError
        If no section is selected, or for a `dx` that is not positive.
    """
    chosen = section_indices(segments.morphology, segments.morphology.all if sections is None else sections)
    edge = _check_edges(dx)
    solid = solid_of(segments, chosen)
    grid = voxelize(solid, edge, origin)
    notes = [*solid.notes, *_thin_notes(segments, chosen, edge), *_apart_notes(segments, chosen, grid)]
    notes += _meeting_notes(segments, grid)
    for note in notes:
        warnings.warn(note, VoxelWarning, stacklevel=2)
    return replace(grid, notes=tuple(notes)) if notes else grid


def _named(segments: Segments, sections: IntArray) -> str:
    names = [segments.morphology.names[i] for i in sections[:5]]
    return ", ".join(names) + (f" and {len(sections) - 5} more" if len(sections) > 5 else "")


def _thin_notes(segments: Segments, chosen: IntArray, dx: FloatArray) -> list[str]:
    m = segments.morphology
    thinnest = np.minimum.reduceat(m.points[:, 3], m.point_offset[:-1])[chosen]
    thin = chosen[thinnest < dx.max()]
    if not thin.size:
        return []
    note = (
        f"{len(thin)} sections are thinner somewhere (down to {thinnest.min():.3g} um) than a voxel of {dx.max():g} um, so "
        f"their cross-section is rough there: {_named(segments, thin)}. Use a smaller dx, or keep them one-dimensional."
    )
    return [note]


def _meeting_notes(segments: Segments, grid: VoxelGrid) -> list[str]:
    """Cells whose voxels share a face although nothing joins them."""
    m = segments.morphology
    tree = np.arange(m.n_sections)
    for i in np.flatnonzero(m.parent >= 0):
        tree[i] = tree[m.parent[i]]
    if len(np.unique(tree)) < 2:
        return []
    section = segments.section[grid.owner]
    edges = grid.edges()[0]
    meeting = edges[tree[section[edges[:, 0]]] != tree[section[edges[:, 1]]]]
    if not meeting.size:
        return []
    note = (
        f"Voxels of cells that are not joined touch: {_named(segments, np.unique(section[meeting]))}. What diffuses passes "
        "from one to the other. Move them apart, use a smaller dx, or give each a region of its own."
    )
    return [note]


def _apart_notes(segments: Segments, chosen: IntArray, grid: VoxelGrid) -> list[str]:
    m = segments.morphology
    tree = np.full(m.n_sections, -1)
    for i in chosen:
        tree[i] = tree[m.parent[i]] if m.parent[i] >= 0 and tree[m.parent[i]] >= 0 else i
    piece = grid.components()
    if piece.max() == 0:
        return []
    section = segments.section[grid.owner]
    # pieces are numbered by volume, so the smallest number in a tree is its main piece
    main = np.full(m.n_sections, grid.n)
    np.minimum.at(main, tree[section], piece)
    stray = np.unique(section[piece != main[tree[section]]])
    if not stray.size:
        return []
    note = (
        f"Space falls into {piece.max() + 1} pieces that do not touch; apart from their cell are (parts of) "
        f"{_named(segments, stray)}. Use a smaller dx, or check where these sections start."
    )
    return [note]


def voxel_mesh(grid: VoxelGrid) -> Mesh:
    """The finite-volume graph of a voxel grid: faces are open fractions, distances are those of the middles of voxels.

    Concentrations are meant at the middles of whole voxels, cut or not, which makes diffusion second order in space.

    Parameters
    ----------
    grid : VoxelGrid

    Returns
    -------
    Mesh
        Nodes are the voxels in the same order. It has a `GridBlock`, unless the box around the cell has more than 2^28 voxels.
    """
    edges, axis = grid.edges()
    lowest, shape = grid.lowest, grid.shape
    blocks: tuple[GridBlock, ...] = ()
    if np.prod(shape.astype(float)) <= MOST_IN_MASK:
        active = np.zeros(tuple(shape), dtype=bool)
        active[tuple((grid.ijk - lowest).T)] = True
        nx, ny, nz = (int(n) for n in shape)
        hx, hy, hz = (float(h) for h in grid.dx)
        x, y, z = (float(at) for at in grid.origin + lowest * grid.dx)
        blocks = (GridBlock((nx, ny, nz), (hx, hy, hz), (x, y, z), active),)
    return Mesh(
        volume=grid.volume,
        membrane_area=grid.membrane_area,
        owner=grid.owner.astype(np.int64),
        position=grid.position,
        edges=edges,
        face_area=grid.low_face[edges[:, 1], axis] * grid.face_size[axis],
        distance=grid.dx[axis],
        blocks=blocks,
    )
