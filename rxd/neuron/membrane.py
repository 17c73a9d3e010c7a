"""`seg.i_membrane_`: the current through the membrane of each segment, as `CVode.use_fast_imem(True)` provides it.

In: voltages, and currents of electrodes. Out: nA, outwards positive: what flows into a segment along the cable and from
electrodes leaves it through the membrane, whatever the mechanisms in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from rxd.neuron.ends import shares
from rxd.neuron.impedance import links

if TYPE_CHECKING:
    from rxd.neuron.record import SectionRecord
    from rxd.neuron.session import Session

__all__ = ["MembraneCurrents"]

_ELECTRODES = frozenset({"IClamp", "SEClamp", "VClamp"})


class MembraneCurrents:
    """Membrane currents of all segments of a session, computed once for each state."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._shape = -1
        self._state = -1

    def of(self, record: SectionRecord) -> np.ndarray:
        """Of the segments of a section, nA, shape (nseg,)."""
        if self._shape != self._session.shape_revision:
            self._connect()
        if self._state != self._session.run.version:
            self._compute()
        start = self._start[record.id]
        return self._current[start : start + record.nseg]

    def _connect(self) -> None:
        """Number the nodes, segments first, and find the conductances between them."""
        records = list(self._session.topology)
        offsets = np.concatenate([[0], np.cumsum([record.nseg for record in records])])
        self._start = dict(zip((record.id for record in records), offsets.tolist(), strict=False))
        number = {(record.id, float(i)): self._start[record.id] + i for record in records for i in range(record.nseg)}
        self._n = len(number)
        pairs = [link for record in records for link in links(record)]
        self._ends = np.array([[number.setdefault(key, len(number)) for key in pair[:2]] for pair in pairs])
        self._conductance = np.array([g for *_, g in pairs])
        self._nodes = len(number)
        self._shape, self._state = self._session.shape_revision, -1

    def _compute(self) -> None:
        v, (a, b), g = np.zeros(self._nodes), self._ends.T, self._conductance
        for record in self._session.topology:
            start = self._start[record.id]
            v[start : start + record.nseg] = record.values("v")
        # an end stores no charge: its voltage is the mean of its neighbours', which are segments, weighted with conductances
        weights = np.bincount(a, g, self._nodes) + np.bincount(b, g, self._nodes)
        means = (np.bincount(a, g * v[b], self._nodes) + np.bincount(b, g * v[a], self._nodes)) / weights
        v[self._n :] = means[self._n :]
        along = g * (v[b] - v[a])
        current = np.bincount(a, along, self._nodes) - np.bincount(b, along, self._nodes)
        for point in self._session.run.points:
            if point.kind in _ELECTRODES and point.host is not None and point.host.alive:
                for record, index, share in shares(point.host, point.x):
                    current[self._start[record.id] + index] += share * point.i
        self._current = current[: self._n]
        self._state = self._session.run.version
