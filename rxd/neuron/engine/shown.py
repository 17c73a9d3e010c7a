"""The step after a script has written concentrations: currents see those that segments show.

In: an engine, and a chemistry whose nodes or `seg.cai` have been written since the last step. Out: that step.

In NEURON, currents, reversal potentials and gates that follow an ion read `seg.cai`, and that follows the nodes of a species at
the end of each step. So what is written to nodes reaches currents one step later than diffusion and reactions; what is written
to `seg.cai` reaches currents in the next step, and is gone after it. Voxels have currents of their own and see their own
concentrations at once, and so do the currents of reactions (`membrane_flux`): they are those of the nodes themselves.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from cable.constants import NA_PER_DENSITY
from rxd.symbolic.system import AffineGate, ElectricProcess, SolvedBlock

if TYPE_CHECKING:
    import sympy

    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.engine import Engine
    from rxd.solve.problem import State

__all__ = ["Shown"]

Places = tuple[np.ndarray, np.ndarray]


class Shown:
    """Where segments show other concentrations than their nodes have."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._chemistry = engine, engine.session.chemistry
        self._places: tuple[tuple[int, int], list[tuple[str, SectionRecord, np.ndarray, np.ndarray]]] = (-1, -1), []
        self._nodes: Places | None = None

    @property
    def pending(self) -> bool:
        """Whether there may be such places."""
        return self._chemistry.written == self._chemistry.moves and not self._engine.adaptive

    def unlike(self) -> tuple[np.ndarray, np.ndarray]:
        """Places in the state and what segments show there."""
        places, values, y = [np.zeros(0, dtype=np.int64)], [np.zeros(0)], self._engine.y
        for name, record, at, segments in self._followers():
            if name not in self._chemistry.names_written:  # what nobody has written shows what nodes have
                continue
            shown = np.array(record.values(name))[segments]
            differ = np.flatnonzero(y[at] != shown)
            places.append(at[differ])
            values.append(shown[differ])
        # several segments share a voxel of a box
        where, first = np.unique(np.concatenate(places), return_index=True)
        return where.astype(np.int64), np.concatenate(values)[first]

    def _followers(self) -> list[tuple[str, SectionRecord, np.ndarray, np.ndarray]]:
        """Variables of sections that follow nodes, with the places of these in the state and their segments."""
        session = self._engine.session
        key = session.revision, session.shape_revision
        if self._places[0] != key:
            found = [
                follower
                for quantity in self._chemistry.quantities
                for region in (quantity.regions if quantity.name is not None else ())
                if region.nrn_region
                for follower in self._of(quantity, region)
            ]
            self._places = (session.revision, session.shape_revision), found
        return self._places[1]

    @cached_property
    def matter(self) -> bool:
        """Whether currents or gates of segments follow a concentration that nodes have."""
        system = self._engine.system
        moving = {unknown.label for unknown in system.unknowns if unknown.kind == "species"}
        for local in system.groups:
            symbols = {symbol for label, symbol in zip(local.unknowns, local.symbols, strict=True) if label in moving}
            rates = (*local.processes, *local.gates) if symbols else ()
            if any(symbols & expression.free_symbols for rate in rates for expression in _expressions(rate)):
                return True
        return False

    def _of(self, quantity: Any, region: Any) -> list[tuple[str, SectionRecord, np.ndarray, np.ndarray]]:
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
                nodes, places = chemistry.boxes.around(region, record)
            else:
                nodes = table.of_record(record)
                nodes = nodes[own[nodes] & (table.dimension[nodes] == 1)]
                places = table.place[nodes]
            found.append((name, record, positions[nodes], places))
        return found

    def flows(self, places: np.ndarray, values: np.ndarray) -> Places:
        """What reactions carry into segments (storage order, nA) beyond what they would, were nodes as segments show them."""
        engine = self._engine
        as_shown = replace(engine.state, y=engine.state.y.copy())
        as_shown.y[places] = values
        more = np.zeros(engine.layout.segments.n)
        for flow in engine.readout.flows_of_reactions():
            group = engine.groups[flow.group]
            columns = np.flatnonzero(np.isin(group.position, places).any(axis=0))
            if len(columns):
                change = flow.density(engine, columns, engine.state) - flow.density(engine, columns, as_shown)
                np.subtract.at(more, group.segment[columns], change)
        segments = np.flatnonzero(more)
        block = engine.states["v"]
        return block.order[segments] - block.start, NA_PER_DENSITY * engine.layout.segments.area[segments] * more[segments]

    def apart(self, places: np.ndarray, values: np.ndarray) -> None:
        """In the last step nodes had these values at some places where segments showed others."""
        self._nodes = places, values

    @property
    def differ(self) -> bool:
        """Whether they did, anywhere."""
        return self._nodes is not None and len(self._nodes[0]) > 0

    def settle(self) -> None:
        """A step begins."""
        self._nodes = None

    def of_nodes(self, state: State) -> State:
        """A state that currents are seen in, as reactions see it: with the values of nodes."""
        if self._nodes is None or not self.differ or state is self._engine.state:
            return state
        places, values = self._nodes
        actual = replace(state, y=state.y.copy())
        actual.y[places] = values
        return actual

    def look(self) -> None:
        """Let currents that are computed now be those of what segments show."""
        places, values = self.unlike()
        if len(places):
            self._engine.fixed.keep()
            assert self._engine.fixed.past is not None
            self._engine.fixed.past.y[places] = values


def _expressions(rate: ElectricProcess | AffineGate | SolvedBlock) -> tuple[sympy.Expr, ...]:
    """What a current or gate is computed from."""
    if isinstance(rate, ElectricProcess):
        return (rate.expression,)
    if isinstance(rate, AffineGate):
        return rate.source, rate.decay
    return (*rate.residuals, *(value for *_, value in rate.matrix))
