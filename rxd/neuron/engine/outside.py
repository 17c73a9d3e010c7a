"""The potential outside (`e_extracellular`) as currents into segments.

In: the sections with the mechanism `extracellular`. Out: an electrode at all segments.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from rxd.neuron.cells.outside import NAME, is_inserted, potentials, resists
from rxd.neuron.engine.electrodes import Electrode

if TYPE_CHECKING:
    from rxd.neuron.cells.layout import Layout
    from rxd.neuron.session import Session

__all__ = ["OutsideField", "outside_field"]


class OutsideField(Electrode):
    """The potential outside as a current into every segment: what it drives along the cable, `sum g (e_k - e_i)`.

    It drives branch points and ends, too, where no charge is stored: their share goes to the segments beside them.
    """

    __slots__ = ("_places", "_session", "_turn", "outside")
    outside: np.ndarray
    _places: dict[int, slice]
    _session: Session
    _turn: float

    def __init__(self, session: Session, nodes: np.ndarray, places: dict[int, slice]) -> None:
        field = SimpleNamespace(kind=NAME, values={})
        object.__setattr__(self, "reference", SimpleNamespace(get=lambda: field))
        object.__setattr__(self, "nodes", nodes)
        object.__setattr__(self, "weights", np.zeros(len(nodes)))
        object.__setattr__(self, "_session", session)
        object.__setattr__(self, "outside", np.zeros(len(nodes)))
        object.__setattr__(self, "_turn", 1.0)
        object.__setattr__(self, "_places", places)

    def level(self, t: float) -> tuple[float, float]:
        """No conductance; a drive of 1 or 2, by turns when the field has changed, and the weights for it."""
        outside = potentials(self._session)
        if not np.array_equal(outside, self.outside):
            object.__setattr__(self, "outside", outside)
            object.__setattr__(self, "_turn", 3.0 - self._turn)
            self.weights[:] = self._session.membrane.along(outside) / self._turn
        return 0.0, self._turn

    def met(self) -> np.ndarray:
        """What the last step has met, in the order of the sections as they are; of segments that are new since, what is set."""
        found = []
        for record in self._session.topology:
            known = self.outside[self._places.get(record.id, slice(0))]
            now = record.store.get(f"e_{NAME}", np.zeros(record.nseg))
            found.append(known if len(known) == record.nseg else now)
        return np.concatenate(found)

    def into(self, node: int) -> float:
        """What the field, as the last step has met it, drives into a segment, by its place in `nodes`, nA."""
        return self._turn * float(self.weights[node])

    def jumps(self) -> list[float]:
        """Nobody knows when scripts change it."""
        return []


def outside_field(session: Session, layout: Layout, storage: np.ndarray) -> list[Electrode]:
    """The field, if the mechanism is in any section."""
    if not is_inserted(session) or resists(session) or session.linear or layout.ends:
        return []  # a circuit has it
    segments = np.concatenate([layout.index[record.id] for record in session.topology])
    ends = np.cumsum([record.nseg for record in session.topology]).tolist()
    places = {r.id: slice(end - r.nseg, end) for r, end in zip(session.topology, ends, strict=True)}
    return [OutsideField(session, storage[segments].astype(np.int64), places)]
