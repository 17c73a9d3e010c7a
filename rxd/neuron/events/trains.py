"""Spikes of NetStims computed ahead, for a run of steps without Python between them.

In: NetStims whose spikes go to nothing but what the loop knows. Out: when they fire in a run; afterwards the NetStims as far on
as the run has come, as if every event had been taken from the queue one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.records import dataclass
from rxd.neuron.engine.wires import Wiring
from rxd.neuron.events.artificial import NetStim, Turn
from rxd.neuron.random_numbers.philox import look_ahead

if TYPE_CHECKING:
    from rxd.neuron.runs.run import Run

__all__ = ["Trains", "is_train", "trains_in"]


def is_train(wiring: Wiring, action: Any) -> bool:
    """Whether an action of the queue is the next spike of a NetStim that can be computed ahead, or one that is off."""
    if not isinstance(action, Turn) or type(action.cell) is not NetStim:
        return False
    return id(action.cell) in wiring.trains or action.is_over


@dataclass(slots=True, eq=False)
class _Train:
    """A NetStim, its number among the sources, the times of its next spikes and the one after; when the first was sent."""

    cell: NetStim
    source: int
    times: np.ndarray
    following: float
    sent: float


def _behind(times: Any) -> Any:
    return np.nextafter(times, np.inf)


class Trains:
    """The NetStims of a run of steps, those that were put into the queue first in front.

    Attributes
    ----------
    time : ndarray
        When they fire, in the order in which they do, ms.
    sent : ndarray
        When they have sent themselves the event at which they fire, ms: just behind all else that was sent then, since a
        NetStim sends itself its first spike when it is due.
    train : ndarray of int
        Which of them.
    source : ndarray of int
        Its number among the sources.
    """

    def __init__(self, trains: list[_Train]) -> None:
        self._trains = trains
        none = np.zeros(0)
        sizes = [len(train.times) for train in trains]
        fired = np.concatenate([none, *(train.times for train in trains)])
        before = np.concatenate(
            [none, *(np.concatenate([[train.sent], _behind(train.times[:-1])])[: len(train.times)] for train in trains)]
        )
        which = np.repeat(np.arange(len(trains)), sizes)
        order = np.lexsort((which, before, fired))
        self.time, self.sent, self.train = fired[order], before[order], which[order]
        self.source = np.array([train.source for train in trains], dtype=np.int64)[self.train]

    @property
    def count(self) -> int:
        """How many there are."""
        return len(self._trains)

    def settle(self, fired: np.ndarray) -> None:
        """Bring the NetStims to where they are after so many spikes of each."""
        for train, count in zip(self._trains, fired.tolist(), strict=True):
            following = float(train.times[count]) if count < len(train.times) else train.following
            train.cell.go_on(count, following, float(_behind(train.times[count - 1])) if count else train.sent)

    def times(self, fired: np.ndarray) -> dict[int, np.ndarray]:
        """By the number of the source, the times of so many spikes of each."""
        return {train.source: train.times[:count] for train, count in zip(self._trains, fired.tolist(), strict=True)}


def trains_in(run: Run, wiring: Wiring, until: float) -> Trains:
    """All NetStims that fire up to a time and can be computed ahead."""
    turns = run.events.first_of(lambda action: is_train(wiring, action) and not action.is_over, until)
    cells: list[NetStim] = [turn.cell for *_, turn in turns]
    counts = [cell.expects(t, until) for cell, (t, *_) in zip(cells, turns, strict=True)]
    drawn = look_ahead([cell.stream_of_intervals for cell in cells], counts)
    found = []
    for cell, (t, sent, turn), numbers in zip(cells, turns, drawn, strict=True):
        times, following = cell.ahead(t, until, numbers)
        found.append(_Train(cell, wiring.trains[id(cell)], times, following, t if turn.begins else sent))
    return Trains(found)
