"""The grids of sections in voxels: one for the sections of every region, with its own edge and corner, as in NEURON.

In: regions, sections and where these are joined. Out: groups of sections that share a grid, and the `VoxelGrid` of each and of
all together, which the model is discretised on.

Regions that share sections, or whose sections are joined, have one grid; others may differ in dx, and their voxels do not
exchange even where they overlap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.records import dataclass
from geometry.voxelize import VoxelGrid, VoxelWarning, voxelize_sections
from rxd.neuron.cells.record import MINIMAL_DIAM
from rxd.neuron.errors import RxDException, caution
from rxd.neuron.space.widest import as_wide_as_the_widest

if TYPE_CHECKING:
    from rxd.neuron.cells.layout import Layout
    from rxd.neuron.cells.record import SectionRecord

__all__ = ["Grid", "Grids", "Group", "build_grids", "edges_of", "group_sections"]

Group = tuple[frozenset[int], float]
"""Numbers of the sections that share a grid, and its edge in um."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The grid of a group of sections; ``first``: how many voxels there are in the groups before.

    ``shape``: the layout, with the points that the sections have in voxels. ``far``: the corner opposite to that of the voxels,
    um, as far outside the sections as that one.
    """

    sections: frozenset[int]
    shape: Layout
    voxels: VoxelGrid
    first: int
    far: np.ndarray

    @property
    def dx(self) -> float:
        """Edge of a voxel, um."""
        return float(self.voxels.dx[0])


@dataclass(frozen=True, slots=True, eq=False)
class Grids:
    """All grids of a session; ``joined``: as one, for the model; None without any."""

    parts: tuple[Grid, ...]
    joined: VoxelGrid | None

    def of(self, sections: Iterable[int]) -> Grid:
        """The grid of some sections that share one."""
        wanted = set(sections)
        return next(part for part in self.parts if part.sections >= wanted)


@dataclass(frozen=True, slots=True, eq=False)
class JoinedGrid(VoxelGrid):
    """Several grids as one whose voxels have places far apart, but their own sizes and middles.

    Attributes
    ----------
    grids : tuple of VoxelGrid
    starts : ndarray of int, shape (len(grids) + 1,)
        Where the voxels of each begin.
    """

    grids: tuple[VoxelGrid, ...] = ()
    starts: np.ndarray = field(default_factory=lambda: np.zeros(1, dtype=np.int64))

    def middles(self, voxels: Any) -> np.ndarray:
        """Middles of some voxels, shape (m, 3), um."""
        chosen = np.arange(self.n)[voxels]
        middles = np.empty((len(chosen), 3))
        for grid, start, stop in zip(self.grids, self.starts[:-1], self.starts[1:], strict=True):
            here = (chosen >= start) & (chosen < stop)
            middles[here] = grid.middles(chosen[here] - start)
        return middles


def group_sections(regions: Sequence[tuple[Any, tuple[int, ...]]], records: Iterable[SectionRecord]) -> tuple[Group, ...]:
    """Sections that need a grid in common.

    Parameters
    ----------
    regions : sequence of (Region, numbers of its sections in voxels)
    records : iterable of SectionRecord
        All sections.

    Raises
    ------
    RxDException
        If regions that share sections, or whose sections are joined, want different edges.
    """
    edges: dict[int, float] = {}
    groups: dict[int, int] = {}  # a union of trees: every section leads to another of its group, the last one to itself

    def last(number: int) -> int:
        while groups[number] != number:
            groups[number] = number = groups[groups[number]]
        return number

    for region, numbers in regions:
        edge = float(region.dx or 0.25)
        for number in numbers:
            if edges.setdefault(number, edge) != edge:
                raise RxDException(f"Regions that share sections need the same dx, not {edges[number]:g} and {edge:g}.")
            groups.setdefault(number, number)
            groups[last(number)] = last(numbers[0])
    for record in records:
        parent = record.parent
        if parent is None or record.id not in edges or parent.id not in edges:
            continue
        if edges[record.id] != edges[parent.id]:
            raise RxDException(
                f"{record.name} and {parent.name} are joined and need the same dx, not {edges[record.id]:g} and "
                f"{edges[parent.id]:g}."
            )
        groups[last(record.id)] = last(parent.id)
    found: dict[int, set[int]] = {}
    for number in groups:
        found.setdefault(last(number), set()).add(number)
    return tuple(
        sorted(((frozenset(numbers), edges[root]) for root, numbers in found.items()), key=lambda group: min(group[0]))
    )


def build_grids(layout: Layout, groups: Sequence[Group], correct: bool) -> Grids:
    """Cut every group of sections into voxels, counted from two voxels and twice the largest radius outside its points.

    ``correct``: sections keep their own diameters where they meet (`rxd.neuron.space.widest`).
    """
    parts, first = [], 0
    for numbers, edge in groups:
        sections = layout.selection([record for record in layout.records if record.id in numbers]).sections
        _warn_of_outlines(layout, numbers)
        _check_diameters(layout, numbers)
        points = np.concatenate([layout.morphology.section(int(section)).points for section in sections])
        margin = points[:, 3].max() + 2 * edge
        corner, far = points[:, :3].min(axis=0) - margin, points[:, :3].max(axis=0) + margin
        shape = layout if correct else as_wide_as_the_widest(layout, numbers)
        parts.append(Grid(numbers, shape, voxelize_sections(shape.segments, edge, sections.tolist(), corner), first, far))
        first += parts[-1].voxels.n
    return Grids(tuple(parts), _joined([part.voxels for part in parts]))


def check_points(records: Iterable[SectionRecord]) -> None:
    """Refuse sections in voxels whose 3-d points do not say where they are: NEURON has such sections 1e-9 um long.

    Raises
    ------
    RxDException
        If a coordinate is not a number, or all points are the same.
    """
    for record in records:
        problem = record.lack_of_shape
        if problem:
            raise RxDException(
                f"{record.name} cannot be cut into voxels: {problem}. Correct its points with pt3dchange or pt3dadd, or take "
                "them away with pt3dclear: then L and diam count."
            )


def _check_diameters(layout: Layout, numbers: frozenset[int]) -> None:
    """Refuse sections without any volume.

    Raises
    ------
    RxDException
        If a section has no diameter anywhere.
    """
    for record in layout.records:
        if record.id in numbers and record.points[:, 3].max(initial=0.0) <= MINIMAL_DIAM:
            raise RxDException(
                f"{record.name} cannot be cut into voxels: the diameter of all its 3-d points is 0. Set {record.name}.diam, or "
                "the points with pt3dchange."
            )


def _warn_of_outlines(layout: Layout, numbers: frozenset[int]) -> None:
    """Say of which sections the outline is left out, since it is no longer theirs."""
    drawn = {outline.section for outline in layout.morphology.outlines}
    lost = [record.name for record in layout.records if record.id in numbers and record.outline is not None
            and drawn.isdisjoint(layout.sections[record.id].tolist())]  # fmt: skip
    if lost:
        caution(
            f"The outline of {', '.join(lost)} is not used in voxels: its 3-d points have been changed in another way "
            "than moved, its segments differ, or some of them are outside of a box of extracellular space or have a point "
            "process that writes an ion. Its points alone say what it looks like.",
            VoxelWarning,
        )


def _joined(grids: list[VoxelGrid]) -> VoxelGrid | None:
    if len(grids) < 2:
        return grids[0] if grids else None
    starts = np.cumsum([0, *(grid.n for grid in grids)])
    shifts = np.cumsum([0, *(int(grid.shape[0]) + 2 for grid in grids)])
    values: dict[str, Any] = {
        name: np.concatenate([getattr(grid, name) for grid in grids])
        for name in ("volume", "low_face", "membrane_area", "owner", "end_number", "end_area")
    }
    values["ijk"] = np.concatenate(
        [grid.ijk - (grid.lowest - [shift, 0, 0]).astype(np.int32) for grid, shift in zip(grids, shifts[:-1], strict=True)]
    )
    values["neighbor"] = np.concatenate(
        [np.where(grid.neighbor < 0, -1, grid.neighbor + np.int32(s)) for grid, s in zip(grids, starts[:-1], strict=True)]
    )
    values["end_voxel"] = np.concatenate([grid.end_voxel + s for grid, s in zip(grids, starts[:-1], strict=True)])
    finest = min(grids, key=lambda grid: float(grid.dx[0]))
    notes = tuple(note for grid in grids for note in grid.notes)
    return JoinedGrid(finest.origin, finest.dx, **values, notes=notes, grids=tuple(grids), starts=starts)


def edges_of(region: Any, voxels: VoxelGrid) -> np.ndarray:
    """Edges of the voxels of a discretised region, which are all of one grid, shape (3,), um."""
    if not isinstance(voxels, JoinedGrid) or not len(region.voxel):
        return voxels.dx
    part = int(np.searchsorted(voxels.starts, region.voxel[0], side="right")) - 1
    return voxels.grids[part].dx
