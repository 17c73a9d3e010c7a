"""Where in the state of an engine the nodes of rxd's species are.

In: a species and a region of a session. Out: positions, in the order of NEURON's nodes.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.engine import Engine

__all__ = ["Places"]


class Places:
    """Positions of species in the state; found at the first question and kept."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._known: dict[str, np.ndarray] = {}

    def of_species(self, quantity: Any, region: Any) -> np.ndarray | None:
        """Places in the state of the nodes of a species on a region, in NEURON's order; None if the state does not hold it."""
        return self._positions_of(self.engine.declared.symbols, quantity, region)

    def displayed(self, quantity: Any, region: Any) -> np.ndarray | None:
        """Places of what `seg.cai` follows: of segments that exchange with voxels their concentrations before that."""
        positions = self.of_species(quantity, region)
        if positions is None or not self._tied:
            return positions
        shown = positions.copy()
        for before, after in self._tied:
            shown[positions == before] = after
        return shown

    @cached_property
    def _tied(self) -> list[tuple[int, int]]:
        ties = (tie for graph in self.engine.discretization.graphs for tie in graph.tied)
        return sorted({(int(tie[1]), int(tie[2])) for tie in ties})

    def _positions_of(self, symbols: Any, quantity: Any, region: Any) -> np.ndarray | None:
        symbol = symbols.get((quantity.number, region.number))
        block = None if symbol is None else self.engine.states.blocks.get(symbol.name)
        if symbol is None or block is None:
            return None
        known = self._known.get(symbol.name)
        if known is None:
            table = quantity.settled.get(region.number)
            if table is None or len(block) != len(table):
                return None
            # the state has segments in their order in the layout, NEURON in the order of its sections; voxels come after them
            flat = np.flatnonzero(table.dimension == 1)
            index = [
                self.engine.layout.index[table.records[r].id][p]
                for r, p in zip(table.record[flat], table.place[flat], strict=True)
            ]
            rank = np.argsort(np.argsort(np.array(index, dtype=np.int64)))
            known = np.concatenate([block.order[: len(flat)][rank], block.order[len(flat) :]])
            self._known[symbol.name] = known
        return known

    def outside(self, box: Any, record: SectionRecord) -> list[bool]:
        """Of each part of a section whether it does without a box; a section that is new is taken to be in it."""
        theirs = self.engine.declared.regions.get(box.number)
        without = frozenset[int]() if theirs is None else theirs.without
        return [int(part) in without for part in self.engine.layout.sections.get(record.id, (-1,))]

    def of_source(self, quantity: Any, region: Any) -> np.ndarray | None:
        """Places of the rates of sources on its nodes, with variable steps in voxels."""
        return self._positions_of(self.engine.declared.fluxes, quantity, region)

    def of_shadow(self, quantity: Any, region: Any) -> np.ndarray | None:
        """Places of what currents read of a Parameter that is an ion's concentration."""
        return self._positions_of(self.engine.declared.shadow_symbols, quantity, region)
