"""The step after a script has written concentrations: currents see those that segments show.

In: an engine, and a chemistry whose nodes or `seg.cai` have been written since the last step. Out: that step.

In NEURON, currents, reversal potentials and gates that follow an ion read `seg.cai`, and that follows the nodes of a species at
the end of each step. So what is written to nodes reaches currents one step later than diffusion and reactions; what is written
to `seg.cai` reaches currents in the next step, and is gone after it. Voxels have currents of their own and see their own
concentrations at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine

__all__ = ["Shown"]


class Shown:
    """Where segments show other concentrations than their nodes have."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._chemistry = engine, engine.session.chemistry

    @property
    def pending(self) -> bool:
        """Whether there may be such places."""
        return self._chemistry.written == self._chemistry.moves and not self._engine.adaptive

    def unlike(self) -> tuple[np.ndarray, np.ndarray]:
        """Places in the state and what segments show there."""
        places, values = [np.zeros(0, dtype=np.int64)], [np.zeros(0)]
        for quantity in self._chemistry.quantities:
            for region in quantity.regions if quantity.name is not None else ():
                if region.nrn_region:
                    for at, shown in self._of(quantity, region):
                        differ = np.flatnonzero(self._engine.y[at] != shown)
                        places.append(at[differ])
                        values.append(shown[differ])
        # several segments share a voxel of a box
        where, first = np.unique(np.concatenate(places), return_index=True)
        return where.astype(np.int64), np.concatenate(values)[first]

    def _of(self, quantity: Any, region: Any) -> list[tuple[np.ndarray, np.ndarray]]:
        """The same of a species on a region, section by section."""
        chemistry, table = self._chemistry, self._chemistry.table(region)
        positions = self._engine.places.of_species(quantity, region)
        if positions is None or len(positions) != len(table):
            return []
        own = positions == self._engine.places.displayed(quantity, region)
        name, found = f"{quantity.name}{region.nrn_region}", []
        box = hasattr(region, "shape")
        for record in chemistry.session.topology if box else table.records:
            if name not in record.store or chemistry.species_at(name, record) != (quantity, region):
                continue
            if box:
                nodes, places = chemistry.around(region, record)
            else:
                nodes = table.of_record(record)
                nodes = nodes[own[nodes] & (table.dimension[nodes] == 1)]
                places = table.place[nodes]
            found.append((positions[nodes], np.array(record.values(name))[places]))
        return found

    def look(self) -> None:
        """Let currents that are computed now be those of what segments show."""
        places, values = self.unlike()
        if len(places):
            self._engine.fixed.keep()
            assert self._engine.fixed.past is not None
            self._engine.fixed.past.y[places] = values
