"""Connections that the compiled loop delivers: to synapses of the state, and to integrate-and-fire cells.

In: NetCons of a run and an engine. Out: what spikes of watched voltages, of such cells and of NetStims add to which places,
when; what of them only Python can deliver, and who records.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.records import dataclass
from rxd.neuron.events.artificial import NetStim
from rxd.neuron.events.intfire import IntFire
from rxd.neuron.recordings.spike_recorder import SpikeRecorder
from rxd.solve.event_heap import Wires

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.events.connections import Detector, NetCon
    from rxd.neuron.runs.run import Run

__all__ = ["Wire", "Wiring", "calls", "wire", "wiring_of"]

MOST = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Wire:
    """A NetCon, which this does not keep alive, and what an event of it adds to which places: as in `Watch.wires`."""

    reference: weakref.ref[NetCon]
    amounts: list[tuple[int, float]]

    @property
    def connection(self) -> NetCon:
        """The NetCon; when it goes there is a new `Wiring`."""
        found = self.reference()
        assert found is not None
        return found


@dataclass(frozen=True, slots=True, eq=False)
class Wiring:
    """What listens to the sources of spikes that the loop knows: watched voltages, then cells, then NetStims.

    Attributes
    ----------
    calls : bool
        Whether somebody wants to be called at a spike of a voltage, so that a run ends there.
    delays : ndarray, shape (n_detectors,)
        The shortest delay to a target that only Python can deliver to, ms.
    wires : Wires
        The others, one for every place.
    sources : list of Wire or None
        Of each of the wires the connection; None where another wire of the same connection comes before.
    recorded : list of (int, weak reference to SpikeRecorder)
        Sources, and what records their spikes; when one of these goes there is a new `Wiring`.
    counters : list of (int, weak reference)
        Detectors, and counters of action potentials that want to be told of every spike.
    cells : list of weak references to IntFire
        Cells that send to nothing but such places.
    numbers : dict of int to int
        By id, the place of each of them in the list.
    trains : dict of int to int
        By id, the number among all sources of each NetStim that does so.
    """

    engine: Engine
    watched: list[Detector]
    version: int
    calls: bool
    delays: np.ndarray
    wires: Wires
    sources: list[Wire | None]
    recorded: list[tuple[int, weakref.ref[SpikeRecorder]]]
    counters: list[tuple[int, weakref.ref[Any]]]
    cells: list[weakref.ref[IntFire]]
    numbers: Mapping[int, int]
    trains: Mapping[int, int]

    @property
    def shortest(self) -> float:
        """The shortest delay of what only Python can deliver, ms."""
        return float(self.delays.min(initial=math.inf))

    def grace(self, dt: float) -> np.ndarray:
        """How many steps a run may have from one with a spike on: the next is delivered before the step after them."""
        with np.errstate(invalid="ignore"):
            return np.minimum(np.ceil(self.delays / dt + 0.5 - 1e-9), MOST).astype(np.int64)


def calls(listener: object) -> bool:
    """Whether something is called at a spike."""
    return isinstance(listener, SpikeRecorder) and listener.action is not None


def wire(engine: Engine, numbers: Mapping[int, int], connection: NetCon) -> Wire | None:
    """What its events do to the state and to cells; None if only Python can deliver them."""
    target = connection.syn()
    if target is None or not connection.active():
        return Wire(weakref.ref(connection), [])
    if id(target) in numbers:
        return Wire(weakref.ref(connection), [(-1 - numbers[id(target)], float(connection.weight[0]))])
    if hasattr(target, "fire") or not engine.synapses.has(target):
        return None
    return Wire(weakref.ref(connection), engine.synapses.amounts(target, float(connection.weight[0])))


def _cells(run: Run, engine: Engine, listening: Mapping[int, list[NetCon]]) -> list[IntFire]:
    """The integrate-and-fire cells that send to nothing but synapses of the state and each other."""
    found = [point for point in run.points if isinstance(point, IntFire)]
    while True:
        numbers = {id(cell): number for number, cell in enumerate(found)}
        kept = [cell for cell in found if _is_known(engine, numbers, listening.get(id(cell), ()))]
        if len(kept) == len(found):
            return found
        found = kept


def _is_known(engine: Engine, numbers: Mapping[int, int], connections: Iterable[NetCon]) -> bool:
    """Whether the loop can send all that some connections send."""
    for connection in connections:
        target = connection.syn()
        known = target is None or not connection.active() or id(target) in numbers
        if calls(connection) or not (known or (not hasattr(target, "fire") and engine.synapses.has(target))):
            return False
    return True


def wiring_of(run: Run, engine: Engine, watched: list[Detector]) -> Wiring:
    """The present connections."""
    listening = run.listening()
    cells = _cells(run, engine, listening)
    numbers = {id(cell): number for number, cell in enumerate(cells)}
    stims = [point for point in run.points if type(point) is NetStim]
    stims = [stim for stim in stims if _is_known(engine, numbers, listening.get(id(stim), ()))]
    called, delays = False, np.full(len(watched), math.inf)
    first = [0]
    rows: list[tuple[int, float, float]] = []
    sources: list[Wire | None] = []
    recorded: list[tuple[int, weakref.ref[SpikeRecorder]]] = []
    counters: list[tuple[int, weakref.ref[Any]]] = []
    every = [detector.listening() for detector in watched] + [listening.get(id(one), []) for one in (*cells, *stims)]
    for number, connections in enumerate(every):
        for connection in connections:
            if not hasattr(connection, "deliver"):
                counters.append((number, weakref.ref(connection)))
                continue
            called = called or calls(connection)
            if isinstance(connection, SpikeRecorder) and connection.times is not None:
                recorded.append((number, weakref.ref(connection)))
            found = wire(engine, numbers, connection)
            if found is None:
                delays[number] = min(delays[number], connection.delay)
                continue
            for k, (place, amount) in enumerate(found.amounts):
                rows.append((place, amount, connection.delay))
                sources.append(found if k == 0 else None)
        first.append(len(rows))
    columns: Any = np.ascontiguousarray(np.array(rows, dtype=float).reshape(-1, 3).T)
    wires = Wires(np.array(first, dtype=np.int64), columns[0].astype(np.int64), columns[1], columns[2])
    begin = len(watched) + len(cells)
    trains = {id(stim): begin + number for number, stim in enumerate(stims)}
    references = [weakref.ref(cell) for cell in cells]
    return Wiring(engine, watched, run.wiring, called, delays, wires, sources, recorded, counters, references, numbers, trains)
