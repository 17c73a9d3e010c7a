"""Spikes of NetStims computed ahead, for a run of steps without Python between them.

In: NetStims whose spikes go to nothing but synapses of the state and Vectors. Out: their events in a run; afterwards the
NetStims as far on as the run has come, as if every event had been taken from the queue one by one.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.artificial import NetStim, Turn
from rxd.neuron.engine.wires import Wire, Wiring, calls, wire
from rxd.neuron.philox import look_ahead

if TYPE_CHECKING:
    from rxd.neuron.engine import Engine
    from rxd.neuron.run import Run

__all__ = ["Trains", "is_train", "trains_in"]


def is_train(run: Run, wiring: Wiring, action: Any) -> bool:
    """Whether an action of the queue is the next spike of a NetStim that can be computed ahead, or one that is off."""
    if not isinstance(action, Turn) or type(action.cell) is not NetStim:
        return False
    return action.is_over or _listeners(run, wiring, action.cell) is not None


def _listeners(run: Run, wiring: Wiring, cell: NetStim) -> list[Wire] | None:
    """What its spikes do; None if only Python can tell."""
    key = id(cell)
    if key not in wiring.trains:
        connections = run.listeners(cell)
        found = [None if calls(connection) else wire(wiring.engine, connection) for connection in connections]
        wiring.trains[key] = None if None in found else found
    known: list[Wire] | None = wiring.trains[key]
    return known


@dataclass(slots=True, eq=False)
class _Train:
    """A NetStim whose next spikes are at ``times``, and the one after them."""

    cell: NetStim
    listeners: list[Wire]
    times: np.ndarray
    following: float


class Trains:
    """The NetStims of a run of steps, those that were put into the queue first in front.

    Attributes
    ----------
    time, target, amount : ndarray
        Their events, in the order in which they are sent.
    """

    def __init__(self, trains: list[_Train]) -> None:
        self._trains = trains
        none = np.zeros(0)
        blocks = [
            (train.times, train.times + one.connection.delay, place, amount, np.concatenate([[-math.inf], train.times[:-1]]))
            for train in trains
            if len(train.times)
            for one in train.listeners
            for place, amount in one.amounts
        ]
        sizes = [len(block[0]) for block in blocks]
        fired = np.concatenate([none, *(block[0] for block in blocks)])
        before = np.concatenate([none, *(block[4] for block in blocks)])
        order = np.lexsort((np.repeat(np.arange(len(blocks)), sizes), before, fired))
        self.time = np.concatenate([none, *(block[1] for block in blocks)])[order]
        self.target = np.repeat(np.array([block[2] for block in blocks], dtype=np.int64), sizes)[order]
        self.amount = np.repeat(np.array([block[3] for block in blocks], dtype=float), sizes)[order]

    def settle(self, run: Run, until: float) -> list[tuple[float, Any]]:
        """Bring the NetStims to a time; returns their events that have not arrived by then, with who delivers them."""
        late: list[tuple[float, Any]] = []
        for train in self._trains:
            count = int(np.searchsorted(train.times, until, side="right"))
            following = float(train.times[count]) if count < len(train.times) else train.following
            train.cell.go_on(count, following)
            for one in train.listeners:
                arrivals = train.times[:count] + one.connection.delay
                if one.amounts:
                    late += [(float(t), one.connection.deliver) for t in arrivals[arrivals > until]]
        return late

    def recorded(self, until: float) -> list[tuple[np.ndarray, Any]]:
        """Times of spikes up to a time, and the connections that record them."""
        return [
            (train.times[: int(np.searchsorted(train.times, until, side="right"))], one.connection)
            for train in self._trains
            for one in train.listeners
            if one.connection.get_recordvec() is not None
        ]


def trains_in(run: Run, engine: Engine, wiring: Wiring, until: float) -> Trains:
    """All NetStims that fire up to a time and can be computed ahead."""
    turns = run.events.first_of(lambda t, action: t <= until and is_train(run, wiring, action) and not action.is_over)
    cells: list[NetStim] = [turn.cell for _, turn in turns]
    counts = [cell.expects(t, until) for cell, (t, _) in zip(cells, turns, strict=True)]
    drawn = look_ahead([cell.stream_of_intervals for cell in cells], counts)
    found = []
    for cell, (t, _), numbers in zip(cells, turns, drawn, strict=True):
        times, following = cell.ahead(t, until, numbers)
        found.append(_Train(cell, _listeners(run, wiring, cell) or [], times, following))
    return Trains(found)
