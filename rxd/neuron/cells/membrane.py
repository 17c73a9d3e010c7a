"""`seg.i_membrane_`: the current through the membrane of each segment, as `CVode.use_fast_imem(True)` provides it; `seg.i_cap`.

In: voltages, and currents of electrodes. Out: nA, outwards positive: what flows into a segment along the cable and from
electrodes leaves it through the membrane, whatever the mechanisms in it. Ends of sections with point processes have a potential
of their own, and what flows into them leaves through their synapses; other ends pass on what they get.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from rxd.neuron.cells.ends import shares, tied_to
from rxd.neuron.cells.impedance import end_of, links
from rxd.neuron.engine.injected import Injected, any_electrodes, densities, injected, injects

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.mechanisms.points import PointProcess
    from rxd.neuron.session import Session

__all__ = ["MembraneCurrents"]

_ELECTRODES = frozenset({"IClamp", "SEClamp", "VClamp"})


class MembraneCurrents:
    """Membrane currents of all segments of a session, computed once for each state."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._shape: tuple[int, tuple[tuple[int, int], ...]] = -1, ()
        self._state = -1
        self._found: tuple[Any, Any, np.ndarray] = None, None, np.zeros(0)
        self._last: dict[tuple[str, int], np.ndarray] = {}
        self._kept = -1

    def keep(self) -> None:
        """Let `i_membrane` and `i_cap` beside `extracellular` stay those of the last step, after `h.fcurrent` or an edit."""
        from rxd.neuron.cells.outside import NAME, computed

        engine = self._session.run.engine
        if engine is not None and engine.fixed.moved:
            records = [record for record in self._session.topology if NAME in record.mechanisms]
            last = {
                (name, r.id): found
                for name in ("i_membrane", "i_cap")
                for r in records
                if (found := computed(r, name)) is not None
            }
            self._last, self._kept = last, engine.version

    def forget(self) -> None:
        """There has been no step."""
        self._last = {}

    def last(self, name: str, record: SectionRecord) -> np.ndarray:
        """`i_membrane` or `i_cap` where no step has been made since currents were computed: what was kept, or 0."""
        kept = self._last.get((name, record.id))
        return np.zeros(record.nseg) if kept is None or len(kept) != record.nseg else kept

    def holds(self, name: str, record: SectionRecord) -> bool:
        """Whether what was kept is what a section shows: its cable, or a neighbour's, has been edited since the last step."""
        engine = self._session.run.engine
        if engine is None or self._kept != engine.version or self._is_current(engine):
            return False
        return (name, record.id) in self._last

    def of(self, record: SectionRecord) -> np.ndarray:
        """Of the segments of a section, nA, shape (nseg,)."""
        return self.part(record, self.all())

    def all(self) -> np.ndarray:
        """Of all segments of the session, nA, in the order of `places`, and behind them of the ends with points."""
        self._connect()
        if self._state != self._session.run.version:
            self._compute()
        return self._current

    def places(self, segments: Iterable[tuple[SectionRecord, int]]) -> np.ndarray:
        """Where some segments are in `all`, until the shape of a section changes."""
        self._connect()
        return np.array([self._start[record.id] + index for record, index in segments])

    def at_end(self, record: SectionRecord, x: float) -> float:
        """At the end of a section, nA: nothing but what synapses there let out, unless a segment of the parent's is there."""
        owner, at = tied_to(record, x)
        if 0 < at < 1:
            return float(self.of(owner)[owner.index(at)])
        current = self.all()
        number = self._held.get((owner.id, int(at)))
        if number is not None:
            return float(current[number])
        return sum(-_inwards(point) * float(point.i) for point in self._session.run.points_at(owner, at) if _inwards(point) < 0)

    def part(self, record: SectionRecord, values: np.ndarray) -> np.ndarray:
        """The part of a section of the values of all segments."""
        self._connect()
        start = self._start[record.id]
        return values[start : start + record.nseg]

    def number(self, record: SectionRecord, x: float) -> int | None:
        """The number of the node at a place; None for an end that has no potential of its own."""
        self._connect()
        owner, at = tied_to(record, x)
        return self._start[owner.id] + owner.index(at) if 0 < at < 1 else self._held.get((owner.id, int(at)))

    def row(self, engine: Engine, number: int) -> tuple[np.ndarray, np.ndarray]:
        """Where the voltages are in the state that count in what flows along the cable into a node, and their weights (uS)."""
        self._connect()
        one = np.zeros(self._n + len(self._held))
        one[number] = 1.0
        weights = self.along(one)  # conductances are the same both ways
        found = np.flatnonzero(weights)
        return self._where(engine)[found], weights[found]

    def _where(self, engine: Engine) -> np.ndarray:
        """Where the voltages of all segments and of the ends with points are in the state."""
        layout = engine.layout
        if self._found[0] is layout and self._found[1] is self._shape:
            return self._found[2]
        segments = [layout.index[record.id] for record in self._session.topology]
        places = engine.readout.positions("v")[
            np.concatenate([*segments, [layout.ends[key] for key in self._held]]).astype(int)
        ]
        self._found = layout, self._shape, places
        return places

    def _is_current(self, engine: Engine | None) -> TypeGuard[Engine]:
        """Whether an engine is there that knows all sections as they are."""
        return engine is not None and engine.revision == self._session.revision

    def _voltages(self) -> np.ndarray:
        """Of all segments and ends with points, mV."""
        run = self._session.run
        if self._is_current(run.engine) and not self._held:
            return run.engine.state.y[self._where(run.engine)]
        by_number = {record.id: record for record in self._session.topology}
        ends = [run.end_voltage(by_number[number], end) for number, end in self._held]
        return np.concatenate([*(record.values("v") for record in self._session.topology), ends])

    def _connect(self) -> None:
        """Number the nodes, segments first, then the ends with points, and find the conductances between them."""
        from rxd.neuron.cells.outside import is_inserted

        engine = self._session.run.engine
        ends = () if engine is None else engine.layout.ends
        held = tuple(ends) if ends and not is_inserted(self._session) else ()
        if self._shape == (self._session.shape_revision, held):
            return
        records = list(self._session.topology)
        offsets = np.concatenate([[0], np.cumsum([record.nseg for record in records])])
        self._start = dict(zip((record.id for record in records), offsets.tolist(), strict=False))
        held = tuple(key for key in held if key[0] in self._start)
        number = {(record.id, float(i)): self._start[record.id] + i for record in records for i in range(record.nseg)}
        self._n = len(number)
        self._held = {key: number.setdefault(end_of(*key), len(number)) for key in held}
        pairs = [link for record in records for link in links(record)]
        self._ends = np.array([[number.setdefault(key, len(number)) for key in pair[:2]] for pair in pairs])
        self._conductance = np.array([g for *_, g in pairs])
        self._nodes = len(number)
        self._shape, self._state = (self._session.shape_revision, held), -1

    def along(self, values: np.ndarray) -> np.ndarray:
        """What flows along the cable into every segment, nA, at some potentials (mV) of all, in the same order.

        With potentials of the ends with points behind those of the segments, what flows into these ends, too.
        """
        self._connect()
        (a, b), g, known = self._ends.T, self._conductance, len(values)
        # differences to one potential: where all are the same, nothing flows, to the last bit
        v = np.concatenate([values - values[:1], np.zeros(self._nodes - known)])
        # another end stores no charge: its potential is the mean of its neighbours', weighted with conductances
        weights = np.bincount(a, g, self._nodes) + np.bincount(b, g, self._nodes)
        means = (np.bincount(a, g * v[b], self._nodes) + np.bincount(b, g * v[a], self._nodes)) / weights
        v[known:] = means[known:]
        current = g * (v[b] - v[a])
        return np.asarray(np.bincount(a, current, self._nodes) - np.bincount(b, current, self._nodes))[:known]

    def capacitive(self, record: SectionRecord) -> np.ndarray:
        """`seg.i_cap`, mA/cm2: what charged the membrane in the last fixed step; 0 before there was one."""
        engine, dt = self._session.run.engine, self._session.globals["dt"]
        past = None if engine is None or not engine.fixed.moved else engine.fixed.past
        if engine is None or past is None or not engine.layout.fits(record) or self.holds("i_cap", record):
            return self.last("i_cap", record)
        at = engine.readout.positions("v")[engine.layout.index[record.id]]
        return np.asarray(1e-3 * record.store["cm"] * (engine.seen.end.y[at] - past.y[at]) / dt)

    def _halfway(self, v: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Voltages that balance the currents of the last step, mV: those of its end, or of its middle with `h.secondorder`."""
        engine = self._session.run.engine
        if engine is None or engine.adaptive or not engine.fixed.moved or engine.fixed.past is None:
            return v
        return 0.5 * (v + before) if engine.fixed.way is not None and engine.fixed.way[1] else v

    def _middle(self, v: np.ndarray) -> np.ndarray:
        """The same of all segments and ends."""
        engine = self._session.run.engine
        if engine is None or not (self._is_current(engine) or all(map(engine.layout.fits, self._session.topology))):
            return v  # there are sections that have not taken part
        return self._halfway(v, engine.past.y[self._where(engine)])

    def _compute(self) -> None:
        from rxd.neuron.cells.outside import driven

        run, v = self._session.run, self._voltages()
        middle = self._middle(v)
        current, drive = self.along(middle), driven(self._session)
        if drive is not None:
            current[: self._n] += drive
        for point in run.points:
            sign, host = _inwards(point), point.host
            for at, share in self._parts(host, point.spot, sign) if sign and host is not None else ():
                current[at] += sign * share * self._current_of(point, v[at], middle[at])
        engine = run.engine
        for record, x, driven_in in engine.circuits.driven() if engine is not None else ():
            for at, share in self._parts(record, x, 1.0):
                current[at] += share * driven_in
        for one, record, i in densities(engine) if engine is not None else ():
            current[self._start[record.id] + i] += self._injected(one)
        self._current = current
        self._state = run.version

    def _current_of(self, point: PointProcess, v: float, middle: float) -> float:
        """What a point process shows as its current at v, nA; an electrode's at the voltage where currents balance."""
        engine = self._session.run.engine
        if point.kind in _ELECTRODES or not injects(point):
            return float(point.i) * ((point.vc - middle) / (point.vc - v) if point.kind == "SEClamp" and point.vc != v else 1.0)
        if engine is None:  # it has computed nothing yet, and may call its current anything
            return 0.0
        electrode, found = engine.electrodes.electrode(point), injected(engine, point)
        if electrode is not None:
            conductance, drive = engine.electrodes.seen(electrode)
            return drive - conductance * float(electrode.weights @ self._inside(engine, electrode.nodes))
        return 0.0 if found is None else self._injected(found)

    def _injected(self, one: Injected) -> float:
        """The current of an electrode of a mod file where currents balance, nA."""
        engine, past = one.engine, one.engine.past
        node = one.positions[[one.v]] - engine.states["v"].start
        started = past.y[one.positions][None]
        started[0, one.v] += engine.circuits.at(node).item()
        return one.at(started, self._inside(engine, node), np.array([past.t])).item()

    def _inside(self, engine: Engine, nodes: np.ndarray) -> np.ndarray:
        """Potentials inside of nodes in storage order where currents balance, mV."""
        places = engine.states["v"].start + nodes
        return np.asarray(self._halfway(engine.y[places], engine.past.y[places]) + engine.circuits.at(nodes))

    def entering(self, engine: Engine, number: int) -> list[tuple[Injected, float]]:
        """What electrodes of mod files inject into a node, with the share that it gets."""
        if not any_electrodes(self._session):
            return []
        found = [
            (one, share)
            for point in self._session.run.points
            if injects(point) and point.host is not None and point.host.alive
            for at, share in self._parts(point.host, point.spot, 1.0)
            if at == number and (one := injected(engine, point)) is not None
        ]
        return found + [(one, 1.0) for one, record, i in densities(engine) if self._start[record.id] + i == number]

    def _parts(self, host: SectionRecord, x: float, sign: float) -> list[tuple[int, float]]:
        """Numbers of the nodes to which a current at a place comes from without, and their shares of it."""
        owner, at = tied_to(host, x)
        number = None if 0 < at < 1 else self._held.get((owner.id, int(at)))
        if number is None:
            return [(self._start[record.id] + index, share) for record, index, share in shares(host, x)]
        return [(number, 1.0)] if sign > 0 else []  # what leaves an end through a synapse is what flows into the end


def _inwards(point: PointProcess) -> float:
    """1 for an electrode; -1 for what flows out where no segment is, through no membrane; 0 for other point processes."""
    if point.host is None or not point.host.alive:
        return 0.0
    if point.kind in _ELECTRODES or injects(point):
        return 1.0
    at_end = not 0 < tied_to(point.host, point.spot)[1] < 1
    return -1.0 if at_end and "i" in point.values and point._sits_at_ends else 0.0
