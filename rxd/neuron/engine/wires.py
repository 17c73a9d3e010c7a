"""Connections that the compiled loop delivers to synapses of the state.

In: NetCons of a run and an engine. Out: what spikes of watched voltages and of NetStims add to which places of the state, when;
what of them only Python can deliver, and who records.
"""

from __future__ import annotations

import math
import weakref
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.solve.event_heap import Wires

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.events import Detector, NetCon

__all__ = ["Wire", "Wiring", "calls", "wire", "wiring_of"]

MOST = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Wire:
    """A NetCon, which this does not keep alive, and what an event of it adds to which places of the state."""

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
    """What listens to the voltages that the engine watches.

    Attributes
    ----------
    calls : bool
        Whether somebody wants to be called at a spike, so that a run ends there.
    delays : ndarray, shape (n_detectors,)
        The shortest delay to a target that only Python can deliver to, ms.
    wires : Wires
        The others, one for every place of the state.
    sources : list of Wire or None
        Of each of the wires the connection; None where another wire of the same connection comes before.
    recorded : list of (int, Wire)
        Detectors, and connections that record their spikes.
    counters : list of (int, weak reference)
        Detectors, and counters of action potentials that want to be told of every spike.
    trains : dict
        Room for what `rxd.neuron.trains` finds out of these connections.
    """

    engine: Engine
    watched: list[Detector]
    version: int
    calls: bool
    delays: np.ndarray
    wires: Wires
    sources: list[Wire | None]
    recorded: list[tuple[int, Wire]]
    counters: list[tuple[int, weakref.ref[Any]]]
    trains: dict[int, Any] = field(default_factory=dict)

    @property
    def shortest(self) -> float:
        """The shortest delay of what only Python can deliver, ms."""
        return float(self.delays.min(initial=math.inf))

    def grace(self, dt: float) -> np.ndarray:
        """How many steps a run may have from one with a spike on: the next is delivered before the step after them."""
        with np.errstate(invalid="ignore"):
            return np.minimum(np.ceil(self.delays / dt + 0.5 - 1e-9), MOST).astype(np.int64)


def calls(connection: NetCon) -> bool:
    """Whether it calls something at a spike."""
    wanted = connection.get_recordvec()
    return callable(wanted) or isinstance(wanted, (str, tuple))


def wire(engine: Engine, connection: NetCon) -> Wire | None:
    """What its events do to the state; None if only Python can deliver them."""
    target = connection.syn()
    if target is None or not connection.active():
        return Wire(weakref.ref(connection), [])
    if hasattr(target, "fire") or not engine.synapses.has(target):
        return None
    return Wire(weakref.ref(connection), engine.synapses.amounts(target, float(connection.weight[0])))


def wiring_of(engine: Engine, watched: list[Detector], version: int) -> Wiring:
    """The present connections; `version` is what tells when they have changed."""
    called, delays = False, np.full(len(watched), math.inf)
    first = [0]
    rows: list[tuple[int, float, float]] = []
    sources: list[Wire | None] = []
    recorded: list[tuple[int, Wire]] = []
    counters: list[tuple[int, weakref.ref[Any]]] = []
    for number, detector in enumerate(watched):
        for connection in detector.listening():
            if not hasattr(connection, "deliver"):
                counters.append((number, weakref.ref(connection)))
                continue
            called = called or calls(connection)
            if connection.get_recordvec() is not None:
                recorded.append((number, Wire(weakref.ref(connection), [])))
            found = wire(engine, connection)
            if found is None:
                delays[number] = min(delays[number], connection.delay)
                continue
            for k, (place, amount) in enumerate(found.amounts):
                rows.append((place, amount, connection.delay))
                sources.append(found if k == 0 else None)
        first.append(len(rows))
    columns: Any = np.ascontiguousarray(np.array(rows, dtype=float).reshape(-1, 3).T)
    wires = Wires(np.array(first, dtype=np.int64), columns[0].astype(np.int64), columns[1], columns[2])
    return Wiring(engine, watched, version, called, delays, wires, sources, recorded, counters)
