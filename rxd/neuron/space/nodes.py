"""Where the nodes of a region are, and how large.

In: a region and the session's layout. Out: `NodeTable`, arrays over its nodes: section by section in the order of the trees
(not of the list the region was given), as in NEURON, each section from its 0 end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry import FixedPerimeter, ScalableBorder
from rxd.neuron.rxd.geometry import as_shape

if TYPE_CHECKING:
    from rxd.neuron.cells.layout import Layout
    from rxd.neuron.cells.record import SectionRecord

__all__ = ["NodeTable", "box_table", "carried", "region_sizes", "same_nodes", "segment_table", "shown_sizes"]


@dataclass(frozen=True, eq=False)
class NodeTable:
    """The nodes of one region.

    Attributes
    ----------
    records : tuple of SectionRecord
        Its sections.
    record : ndarray of int, shape (n,)
        Which of them each node is in; -1 outside cells.
    place : ndarray of int, shape (n,)
        Segment within the section, from its 0 end; -1 outside cells.
    x : ndarray, shape (n,)
        Middle of that segment, 0..1.
    volume, area : ndarray, shape (n,), um3 and um2
    position : ndarray, shape (n, 3), um
    dimension : ndarray of int, shape (n,)
        1 for segments, 3 for voxels.
    grid : ndarray of int, shape (n, 3), or None
        Indices of voxels in the grid of their region or box, as in NEURON; -1 for segments.
    fresh : list
        Not empty as long as nothing has been edited since somebody asked for the table.
    """

    records: tuple[SectionRecord, ...]
    record: np.ndarray
    place: np.ndarray
    x: np.ndarray
    volume: np.ndarray
    area: np.ndarray
    position: np.ndarray
    dimension: np.ndarray
    grid: np.ndarray | None = None
    fresh: list[bool] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.record)

    @cached_property
    def number_of(self) -> dict[int, int]:
        """Index in `records` by number of the record."""
        return {record.id: i for i, record in enumerate(self.records)}

    @cached_property
    def by_section(self) -> tuple[np.ndarray, np.ndarray]:
        """Nodes ordered by section, and where each section starts in that order."""
        order = np.argsort(self.record, kind="stable")
        return order, np.searchsorted(self.record[order], np.arange(len(self.records) + 1))

    @cached_property
    def at_surface(self) -> np.ndarray:
        """Whether a voxel has membrane or lacks a neighbour, shape (n,); segments always are at the surface."""
        surface = (self.area > 0) | (self.dimension == 1)
        voxels = np.flatnonzero(self.dimension == 3)
        if self.grid is None or not len(voxels):
            return surface
        grid = self.grid[voxels] - self.grid[voxels].min(axis=0) + 1
        stride = np.cumprod(np.append(1, grid.max(axis=0) + 2))[:3]  # the box around may be far larger than the cell: no array
        keys = grid @ stride
        inner = np.ones(len(voxels), dtype=bool)
        for step in (*stride, *-stride):
            inner &= np.isin(keys + step, keys)
        surface[voxels] |= ~inner
        return surface

    @cached_property
    def neighbors(self) -> np.ndarray:
        """Numbers, counted from the first voxel, of those next to each at +x, -x, +y, -y, +z, -z; -1 for none; shape (n, 6)."""
        voxels = np.flatnonzero(self.dimension == 3)
        found = np.full((len(self), 6), -1, dtype=np.int32)
        if self.grid is None or not len(voxels):
            return found
        grid = self.grid[voxels].astype(np.int64) - self.grid[voxels].min(axis=0) + 1
        stride = np.cumprod(np.append(1, grid.max(axis=0) + 2))[:3]
        keys = grid @ stride
        order = np.argsort(keys)
        for column, step in enumerate(np.column_stack([stride, -stride]).ravel()):
            at = order[np.minimum(np.searchsorted(keys, keys + step, sorter=order), len(keys) - 1)]
            found[voxels, column] = np.where(keys[at] == keys + step, at, -1)
        return found

    def of_record(self, record: SectionRecord) -> np.ndarray:
        """The nodes in a section."""
        number = self.number_of.get(record.id)
        if number is None:
            return np.zeros(0, dtype=np.int64)
        order, start = self.by_section
        return order[start[number] : start[number + 1]]

    def of_segment(self, record: SectionRecord, place: int) -> np.ndarray:
        """The nodes in one segment."""
        nodes = self.of_record(record)
        return nodes[self.place[nodes] == place]

    def key(self, index: int) -> tuple[Any, ...]:
        """What stays the same for a node when the model is laid out again."""
        number = int(self.record[index])
        section = -1 if number < 0 else self.records[number].id
        grid = () if self.grid is None else tuple(map(int, self.grid[index]))
        return section, int(self.place[index]), grid

    @cached_property
    def by_key(self) -> dict[tuple[Any, ...], int]:
        """Index of every node by its `key`."""
        return {self.key(i): i for i in range(len(self))}

    def mark(self, index: int) -> tuple[Any, ...]:
        """The same with the number of segments of the section: what is set for a node goes when that changes, as in NEURON."""
        number = int(self.record[index])
        return (0 if number < 0 else self.records[number].nseg, *self.key(index))

    def find(self, mark: tuple[Any, ...], index: int) -> int | None:
        """Where the node of a mark is, that was at some index when somebody looked last; None if it has gone."""
        if index < len(self) and self.mark(index) == mark:
            return index
        found = self.by_key.get(mark[1:])
        return found if found is not None and self.mark(found) == mark else None


def segment_table(region: Any, layout: Layout) -> NodeTable:
    """One node per segment."""
    records = layout.ordered(region.living)
    counts = np.array([record.nseg for record in records], dtype=np.int64)
    index = layout.segments_of(records)
    shape = as_shape(region.geometry, layout)
    record = np.repeat(np.arange(len(records)), counts)
    place = np.arange(len(index)) - np.repeat(np.cumsum(counts) - counts, counts)
    segments = layout.segments
    sizes = shown_sizes(shape, shape.volumes(segments, index), shape.membrane_areas(segments, index))
    return NodeTable(
        records,
        record,
        place,
        (place + 0.5) / counts[record],
        *sizes,
        segments.position[index],
        np.ones(len(index), dtype=np.int64),
    )


def shown_sizes(shape: Any, volume: np.ndarray, area: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Volume and area as NEURON's nodes give them: for a membrane, `volume` is its area."""
    if not shape.is_area:
        return volume, area
    return area, area if isinstance(shape, (FixedPerimeter, ScalableBorder)) and shape.on_cell_surface else np.zeros(len(area))


def box_table(region: Any) -> NodeTable:
    """The voxels of an extracellular box, z fastest."""
    n = int(np.prod(region.shape))
    grid = np.stack(np.unravel_index(np.arange(n), region.shape), axis=1)
    steps = np.array(region._dx)
    position = np.array([region._xlo, region._ylo, region._zlo]) + (grid + 0.5) * steps
    fraction = np.broadcast_to(np.asarray(region.known_fractions, dtype=float), region.shape).ravel()
    outside = np.full(n, -1, dtype=np.int64)
    zeros = np.zeros(n)
    return NodeTable(
        (), outside, outside, np.full(n, np.nan), fraction * steps.prod(), zeros, position, np.full(n, 3, dtype=np.int64), grid
    )


def region_sizes(region: Any) -> tuple[np.ndarray, np.ndarray]:
    """Volumes (um3) and areas (um2) of the nodes of a region."""
    table = region.session.chemistry.table(region)
    return table.volume, table.area


def carried(old: NodeTable, new: NodeTable, values: np.ndarray) -> np.ndarray:
    """Values on nodes that have changed: of the node that was at the same place of the section, or voxel; NaN for none."""
    if len(old) == len(new) and np.array_equal(old.dimension, new.dimension) and np.allclose(old.position, new.position):
        return values.copy()
    found = np.full(len(new), np.nan)
    for record in new.records:
        before, now = old.of_record(record), new.of_record(record)
        before, now = before[old.dimension[before] == 1], now[new.dimension[now] == 1]
        if len(before) and len(now):
            place = np.minimum((new.x[now] * len(before) * (1 + 4e-16)).astype(int), len(before) - 1)
            found[now] = values[before[np.argsort(old.place[before])][place]]
    before, now = np.flatnonzero(old.dimension == 3), np.flatnonzero(new.dimension == 3)
    places = np.round(np.concatenate([old.position[before], new.position[now]]), 6) + 0.0  # no -0.0
    number = np.unique(places, axis=0, return_inverse=True)[1].ravel()
    at = np.full(len(places), np.nan)
    at[number[: len(before)]] = values[before]
    found[now] = at[number[len(before) :]]
    return found


def same_nodes(old: NodeTable | None, new: NodeTable) -> bool:
    """Whether nodes are the same pieces of the same sections, or voxels of one grid."""
    if old is None or len(old) != len(new):
        return False
    if not (np.array_equal(old.record, new.record) and np.array_equal(old.place, new.place)):
        return False
    grids = old.grid is None and new.grid is None
    grids = grids or (old.grid is not None and new.grid is not None and np.array_equal(old.grid, new.grid))
    return grids and [r.id for r in old.records] == [r.id for r in new.records]
