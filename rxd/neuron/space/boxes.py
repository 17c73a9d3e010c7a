"""The boxes of extracellular space of a session: the ions they bring, and which segments are in them.

In: species on boxes, and where segments are. Out: the voxel of every segment in a box, the sections that a side of one cuts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

if TYPE_CHECKING:
    from geometry.grid import ExtracellularGrid
    from rxd.neuron.cells.layout import Layout
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.space.chemistry import Chemistry

__all__ = ["FOLLOWS", "Boxes"]

FOLLOWS: Final = 119
"""What `h.ion_style` is of a species: concentrations are states, and the reversal potential follows them."""


class Boxes:
    """The boxes of a session."""

    def __init__(self, chemistry: Chemistry) -> None:
        self._chemistry = chemistry
        self._registered = -1
        self._styled: tuple[tuple[int, int], ...] = ()
        self._known: tuple[int, dict[int, ExtracellularGrid]] = (-1, {})
        self._around: dict[int, tuple[Layout, np.ndarray]] = {}

    def register(self) -> None:
        """Insert the ion of every named species in a box into all sections, in the box or not, as NEURON does."""
        session = self._chemistry.session
        if self._registered == session.node_revision:
            return
        for quantity in self._chemistry.quantities:
            if quantity.name is not None and any(hasattr(region, "shape") for region in quantity.regions):
                mechanism = session.catalogue.ion(quantity.name, int(quantity.charge)).mechanism
                for record in session.topology:
                    record.insert(mechanism)
                    record.ion_styles.setdefault(mechanism, FOLLOWS)
        self._registered = session.node_revision  # with what inserting has done to it

    def newly_styled(self) -> bool:
        """Whether sections or species in boxes have changed since this was asked last: then NEURON sets styles anew."""
        species = [(quantity.number, 0) for quantity in self._chemistry.quantities]
        sections = [(record.id, record.nseg) for record in self._chemistry.session.topology]
        last, self._styled = self._styled, (*species, *sections)
        return last != self._styled

    def settle_properties(self) -> None:
        """Give quantities that are properties of boxes their values, lest a box changes while a model is made of it."""
        for quantity in self._chemistry.quantities:
            if any(hasattr(region, "shape") and region.depends_on(quantity) for region in quantity.regions):
                self._chemistry.settle(quantity)

    def with_ions(self) -> dict[int, ExtracellularGrid]:
        """The voxels of the boxes with ions, species that have a name, by the region's number."""
        revision = self._chemistry.session.node_revision
        if self._known[0] != revision:  # asked at every access
            named = [quantity for quantity in self._chemistry.quantities if quantity.name is not None]
            found = {region.number: region for quantity in named for region in quantity.regions if hasattr(region, "shape")}
            self._known = revision, {number: region.grid for number, region in found.items()}  # regions may go meanwhile
        return self._known[1]

    def cut(self, layout: Layout) -> set[int]:
        """Numbers of sections with segments inside and outside of a box with ions."""
        found: set[int] = set()
        for number, grid in self.with_ions().items():
            inside = self._voxels(number, grid, layout) >= 0
            if inside.any() and not inside.all():
                found |= {number for number, own in layout.index.items() if inside[own].any() and not inside[own].all()}
        return found

    def voxels(self, region: Any) -> np.ndarray:
        """The voxel of a box around each of the layout's segments, by its number; -1 where one is outside."""
        self._chemistry.cutting.place()
        return self._voxels(region.number, region.grid, self._chemistry.cutting.layout)

    def around(self, region: Any, record: SectionRecord) -> tuple[np.ndarray, np.ndarray]:
        """Voxels of a box around the segments of a section, and those segments; only where the section is inside."""
        voxels = self.voxels(region)[self._chemistry.cutting.layout.index[record.id]]
        places = np.flatnonzero(voxels >= 0)
        return voxels[places], places

    def _voxels(self, number: int, grid: ExtracellularGrid, layout: Layout) -> np.ndarray:
        known = self._around.get(number)
        if known is None or known[0] is not layout:  # asked for every section, and at every access
            known = self._around[number] = layout, grid.locate(layout.segments.position)
        return known[1]
