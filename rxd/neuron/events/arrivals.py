"""What happens in a run of steps for sure: events on their way, spikes of NetStims.

In: the queue of a run. Out: these for the compiled loop; afterwards the queue, the NetStims and the integrate-and-fire cells as
if everything had been delivered one by one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rxd.neuron.engine.wires import Wiring
from rxd.neuron.events.artificial import Artificial, Turn
from rxd.neuron.events.connections import NetCon
from rxd.neuron.events.intfire import IntFire
from rxd.neuron.events.trains import is_train, trains_in
from rxd.neuron.recordings.recording import Taking
from rxd.solve.between_steps import Known
from rxd.solve.firing import PARAMETERS, STATES, Cells

if TYPE_CHECKING:
    from rxd.neuron.recordings.recording import Recorder
    from rxd.neuron.runs.run import Run

__all__ = ["Arrivals", "is_known"]

MOST_SPIKES = 1 << 16


def is_known(wiring: Wiring, action: Any) -> bool:
    """Whether the loop knows what an action of the queue does."""
    return _hands_over(wiring, action) or is_train(wiring, action)


def _hands_over(wiring: Wiring, action: Any) -> bool:
    """Whether it hands a weight to a synapse of the state or to a cell that the loop knows, or is an event of such a cell."""
    if isinstance(action, Turn):
        return id(action.cell) in wiring.numbers
    if getattr(action, "__func__", None) is not NetCon.deliver:
        return False
    target = action.__self__.syn()
    return (
        target is None
        or id(target) in wiring.numbers
        or (not isinstance(target, Artificial) and wiring.engine.synapses.has(target))
    )


class Delivered(Protocol):
    """How far a run has come: how many known events have arrived, until when all have, and what is on its way."""

    @property
    def delivered(self) -> int: ...

    @property
    def known_until(self) -> float: ...

    def on_their_way(self) -> list[tuple[float, int, float]]: ...


class Arrivals:
    """What arrives in a run of steps, taken out of its queue.

    Attributes
    ----------
    known : Known
    sent : ndarray
        When each of them was sent, ms.
    cells : Cells

    Parameters
    ----------
    sampled : list of Recorder
        Those whose samples are taken among the events.
    """

    def __init__(self, run: Run, wiring: Wiring, until: float, sampled: Sequence[Recorder] = ()) -> None:
        self._run, self._wiring, self._until, self._recorders = run, wiring, until, sampled
        self._sampled = {id(recorder): number for number, recorder in enumerate(sampled)}
        self._taken = run.events.take(until, lambda action: self._is_sample(action) or _hands_over(wiring, action))
        self._trains = trains_in(run, wiring, until)
        rows = [
            (when, target, amount, place, sent)
            for place, (when, sent, _, action) in enumerate(self._taken)
            for target, amount in self._amounts(action)
        ]
        columns = np.array(rows, dtype=float).reshape(-1, 5).T
        time, sent = np.concatenate([columns[0], self._trains.time]), np.concatenate([columns[4], self._trains.sent])
        order = np.lexsort((sent, time))
        detectors = len(wiring.watched)
        firing = -1 - 2 * len(wiring.cells) - self._trains.source
        target = np.concatenate([columns[1].astype(np.int64), firing])
        amount = np.concatenate([columns[2], self._trains.sent])
        self.sent = sent[order]
        self.known = Known(time[order], target[order], amount[order])
        self._owner = np.concatenate([columns[3].astype(np.int64), -1 - self._trains.train])[order]
        self._detectors = detectors
        self.cells = self._packed()

    def _amounts(self, action: Any) -> list[tuple[int, float]]:
        """What an action does, as the loop takes it."""
        wiring = self._wiring
        if isinstance(action, Taking):
            sources = len(wiring.wires.first) - 1
            return [(-1 - 2 * len(wiring.cells) - sources - self._sampled[id(action.recorder)], 0.0)]
        if isinstance(action, Turn):
            return [(-1 - len(wiring.cells) - wiring.numbers[id(action.cell)], float(action.number))]
        connection = action.__self__
        target, weight = connection.syn(), float(connection.weight[0])
        if target is None:
            return []
        if id(target) in wiring.numbers:
            return [(-1 - wiring.numbers[id(target)], weight)]
        return wiring.engine.synapses.amounts(target, weight)

    def _is_sample(self, action: Any) -> bool:
        """Whether it is a recording that is taken among the events."""
        return isinstance(action, Taking) and id(action.recorder) in self._sampled

    def _packed(self) -> Cells:
        """The integrate-and-fire cells in arrays."""
        cells = [reference() for reference in self._wiring.cells]
        parameter, state = np.zeros((len(cells), PARAMETERS)), np.zeros((len(cells), STATES))
        kind = np.array([0 if cell is None else cell.which for cell in cells], dtype=np.int64)
        for number, cell in enumerate(cells):
            if cell is not None:
                settings, state[number] = cell.row()
                parameter[number, : len(settings)] = settings
        return Cells(kind, parameter, state, np.zeros((1 + (MOST_SPIKES if cells else 0), 2)))

    def settle(self, batch: Delivered) -> None:
        """Bring cells, NetStims and the queue to where a run has come; late events go into the queue."""
        run, delivered = self._run, self._owner[: batch.delivered]
        done = np.zeros(len(self._taken), dtype=bool)
        done[delivered[delivered >= 0]] = True
        last = batch.known_until
        run.events.put_back([entry for entry, gone in zip(self._taken, done, strict=True) if not gone and entry[0] > last])
        self._fired = np.bincount(-1 - delivered[delivered < 0], minlength=self._trains.count)
        for reference, row in zip(self._wiring.cells, self.cells.state.tolist(), strict=True):
            cell = reference()
            if cell is not None:
                cell.take_row(row)
        self._trains.settle(self._fired)
        delays, sent = self._wiring.wires.delay.tolist(), -np.inf
        samples = len(delays) + len(self._wiring.cells)
        for when, number, amount in batch.on_their_way():
            if number < len(delays):
                sent = max(sent, when - delays[number])
            elif number >= samples:
                sent = max(sent, amount)
                run.send_sample(self._recorders[number - samples], when, sent)
                continue
            action = self._action(number, amount)
            if action is not None:
                run.at(when, action, sent)

    def _action(self, number: int, amount: float) -> Any:
        """What puts an event of the loop's into the queue: of a wire, or of a cell's own."""
        wires = self._wiring.sources
        if number < len(wires):
            source = wires[number]
            return None if source is None else source.connection.deliver
        cell: IntFire | None = self._wiring.cells[number - len(wires)]()
        return None if cell is None or cell.pending != int(amount) else cell.turn(int(amount))

    def spikes(self) -> dict[int, tuple[np.ndarray, np.ndarray]]:
        """By the number of the source, times of spikes of NetStims and cells, and what orders simultaneous ones."""
        found = {number: (times, np.full(len(times), -1)) for number, times in self._trains.times(self._fired).items()}
        log = self.cells.log[1 : 1 + int(self.cells.log[0, 0])]
        which = log[:, 1].astype(np.int64)
        order = np.argsort(which, kind="stable")
        bounds = np.searchsorted(which[order], np.arange(len(self.cells.kind) + 1))
        for cell in np.unique(which).tolist():
            rows = order[bounds[cell] : bounds[cell + 1]]
            found[self._detectors + cell] = (log[rows, 0], rows)
        return found
