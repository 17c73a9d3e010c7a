"""Where the sections of a session are, and how they are cut: into segments, and into voxels where rxd wants three dimensions.

In: sections, regions and what `rxd.set_solve_type` has been told. Out: their `Layout`, and the grids of those in voxels.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rxd.neuron.cells.layout import Layout, build_layout, ends_with_points
from rxd.neuron.space.grids import Grid, Grids, Group, build_grids, check_points, group_sections
from rxd.neuron.space.rehearse import rehearsal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rxd.codegen.apart import Rehearsal
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.space.chemistry import Chemistry

__all__ = ["Cutting"]


class Cutting:
    """The sections of a session, in place and cut.

    Attributes
    ----------
    rehearsal : Rehearsal or None
        A second process that compiles while the first one cuts cells into voxels.
    """

    def __init__(self, chemistry: Chemistry) -> None:
        self._chemistry, self._session = chemistry, chemistry.session
        self._layout: Layout | None = None
        self._ends: tuple[int, tuple[tuple[int, int], ...]] = -1, ()
        self._dimensions: dict[int, int] = {}
        self._default_dimension = 1
        self._grids: tuple[Any, Grids] | None = None
        self._groups: tuple[Any, tuple[Group, ...]] | None = None
        self._placing = False
        self._placed = -1  # revision of shapes at which sections were put in place
        self.rehearsal: Rehearsal | None = None

    def place(self) -> None:
        """Give every section its place and 3-d points, as NEURON does when its rxd structures are made."""
        if self._placing:  # bringing values up to date asks for places itself
            return
        self._chemistry.boxes.register()
        if self._chemistry.quantities and self._placed != self._session.shape_revision:
            from rxd.neuron.cells.tree_functions import define_shape

            in_voxels = self._numbers_in_voxels()
            check_points(record for record in self._session.topology if record.id in in_voxels)
            with self.where_it_is():
                self._session.run.pull()
                define_shape(self._session)
            self._placed = self._session.shape_revision

    @contextmanager
    def where_it_is(self) -> Iterator[None]:
        """What is done gives no section a place: new ones may get points of their own yet."""
        before, self._placing = self._placing, True
        try:
            yield
        finally:
            self._placing = before

    @property
    def layout(self) -> Layout:
        """The session's sections, cut; made again when one has changed."""
        session = self._session
        revision = (session.shape_revision, self._in_voxels(), tuple(self._chemistry.boxes.with_ions()))
        if self._layout is None or self._layout.revision != revision or self._ends[0] != session.node_revision:
            ends = ends_with_points(session, self._numbers_in_voxels())
            if self._layout is None or self._layout.revision != revision or ends != self._ends[1]:
                self._layout = build_layout(session, revision, ends)
            self._ends = session.node_revision, ends
        return self._layout

    @property
    def grids(self) -> Grids:
        """The voxels of the session's sections; made again when the layout has changed."""
        layout = self.layout
        if self._grids is None or self._grids[0].revision != layout.revision:
            if self._grids is None and layout.revision[1]:
                self.rehearsal = rehearsal()
            self._grids = layout, build_grids(layout, layout.revision[1], self._session.correct)
        return self._grids[1]

    def grid_of(self, region: Any) -> Grid:
        """The grid of a region that is in voxels."""
        return self.grids.of(self.voxel_records(region))

    def _numbers_in_voxels(self) -> frozenset[int]:
        """Numbers of the sections that some region has in voxels."""
        return frozenset().union(*(numbers for numbers, _ in self._in_voxels()))

    def _in_voxels(self) -> tuple[Group, ...]:
        """The sections that some region has in voxels, by grid.

        Raises
        ------
        RxDException
            If regions that share sections, or whose sections are joined, want different edges.
        """
        from rxd.neuron.rxd.region import Region

        session = self._session
        revision = session.node_revision, session.shape_revision
        if self._groups is None or self._groups[0] != revision:
            regions = [(region, numbers) for region in self._chemistry.of(Region) if (numbers := self.voxel_records(region))]
            self._groups = revision, group_sections(regions, session.topology if regions else ())
        return self._groups[1]

    def set_dimension(self, domain: Any, dimension: int | None) -> None:
        """Say which sections are 3-D."""
        if domain is None:
            if dimension is not None:
                self._default_dimension = dimension
                self._dimensions.clear()
                self._session.touch(shape=True)
            return
        for section in domain:
            self._dimensions[section.record.id] = self._default_dimension if dimension is None else dimension
        self._session.touch(shape=True)

    @property
    def any_3d(self) -> bool:
        """Whether some section is 3-D."""
        return self._default_dimension == 3 or 3 in self._dimensions.values()

    def is_3d(self, record: SectionRecord, region: Any) -> bool:
        """Whether a section of a region is cut into voxels."""
        if region.dimension is not None:
            return bool(region.dimension == 3)
        return self._dimensions.get(record.id, self._default_dimension) == 3

    def voxel_records(self, region: Any) -> tuple[int, ...]:
        """Numbers of the sections of a region that are cut into voxels."""
        if not self.any_3d and region.dimension != 3:
            return ()
        return tuple(record.id for record in region.living if self.is_3d(record, region))
