"""Variable steps of models with integrate-and-fire cells and NetStims, whose events go in compiled code.

In: a run whose `CVode` is active, and a time. Out: its engine moved on, with spikes and recordings as if every event had been
taken out of the queue by itself. Cells do not wait for the solver: what they do is computed up to the next event for the state,
or up to where a spike that the solver has yet to find could reach them.
"""

from __future__ import annotations

import math
from dataclasses import field
from typing import TYPE_CHECKING

import numpy as np

from geometry.records import dataclass
from rxd.neuron.engine.wires import Wiring, wire
from rxd.neuron.events.arrivals import Arrivals, is_known
from rxd.neuron.events.artificial import Artificial
from rxd.neuron.recordings.recording import write_down
from rxd.neuron.recordings.samples import Samples, taken_early
from rxd.neuron.runs.many_steps import wiring_now
from rxd.neuron.runs.variable_steps import advance_to, deliver_due, send_risen
from rxd.solve.between_steps import BLOCKED, HEAPED, KNOWN, SENT, Watch, sent, watched
from rxd.solve.cell_events import live

if TYPE_CHECKING:
    from rxd.neuron.engine import Engine
    from rxd.neuron.events.connections import NetCon
    from rxd.neuron.runs.run import Run

__all__ = ["LiveCells"]

FEW = 24  # events that Python delivers as fast by itself
PATIENCE = 64  # calls at most that are not tried after a vain one
ROOM = 200_000  # spikes of NetStims computed ahead

Spikes = tuple[tuple[int, float], ...]


@dataclass(slots=True)
class _Progress:
    """How far a march has come, for `Arrivals.settle`: everything due before ``reached`` has been delivered.

    ``sent``: of known events, when they were sent, ms. ``spikes``: times of those of watched voltages, by their number.
    """

    watch: Watch
    sent: np.ndarray
    reached: float
    spikes: dict[int, list[float]] = field(default_factory=dict)

    @property
    def delivered(self) -> int:
        return int(self.watch.counts[KNOWN])

    @property
    def known_until(self) -> float:
        return float(np.nextafter(self.reached, -math.inf))

    def on_their_way(self) -> list[tuple[float, int, float]]:
        return sent(self.watch)

    def sent_before(self, t: float) -> float:
        """When the next event was sent, if it is due at a time, ms; else infinity."""
        watch, k = self.watch, int(self.watch.counts[KNOWN])
        if k < len(self.sent) and watch.known.time[k] <= t:
            return float(self.sent[k])
        if not watch.counts[HEAPED] or watch.heap.time[0] > t:
            return math.inf
        number = int(watch.heap.order[0]) % (len(watch.wires.target) + len(watch.cells.kind))
        return t - float(watch.wires.delay[number]) if number < len(watch.wires.delay) else math.inf


class LiveCells:
    """Marches of a run; one after the other, as long as they are worth it."""

    def __init__(self) -> None:
        self._pause = self._vain = 0

    def march(self, run: Run, engine: Engine, stop: float) -> bool:
        """Go on to a time, or to the next thing that only Python can do; whether it was tried."""
        if self._pause > 0:
            self._pause -= 1
            return False
        wiring = _wiring(run, engine)
        if wiring is None:
            return False
        t = run.session.globals.t
        run._deliver(t)
        if not run.is_current(engine) or run.session.globals.t != t or run.session.globals["stoprun"]:
            return True
        send_risen(run, engine)
        wiring = _wiring(run, engine)
        if wiring is None:
            return False
        count = _march(run, engine, wiring, stop)
        self._vain = 0 if count >= FEW else min(2 * self._vain + 1, PATIENCE)
        self._pause = self._vain
        return True


def _wiring(run: Run, engine: Engine) -> Wiring | None:
    """Who listens to whom, if events of cells can be delivered in compiled code."""
    if run._machines or run.watchers or engine.hooks or run.events.told is not None or run._watches()[1]:
        return None
    if any(isinstance(getattr(player.pointer, "target", None), Artificial) for player in run.players):
        return None
    wiring = wiring_now(run, engine)
    if wiring.calls or not (wiring.cells or wiring.trains) or not Samples(run, engine).is_read_from_state:
        return None
    return wiring


def _end(run: Run, wiring: Wiring, stop: float) -> float:
    """Up to when nothing happens but what is known."""
    t = run.session.globals.t
    foreign, _ = run.events.first(lambda action: not is_known(wiring, action), stop)
    rate = sum(1.0 / max(cell.interval, 1e-6) for cell in run.points if id(cell) in wiring.trains)
    return min(stop, foreign, t + ROOM / rate if rate else math.inf)


def _march(run: Run, engine: Engine, wiring: Wiring, stop: float) -> int:
    """Go on; how many events were delivered."""
    limit = _end(run, wiring, stop)
    arrivals = Arrivals(run, wiring, float(np.nextafter(limit, -math.inf)))
    progress = _Progress(
        watched(known=arrivals.known, cells=arrivals.cells, wires=wiring.wires), arrivals.sent, run.session.globals.t
    )
    unsent: Spikes = ()
    try:
        unsent = _follow(run, engine, wiring, limit, progress)
    finally:
        arrivals.settle(progress)
        found = {number: (np.array(times), np.full(len(times), -1)) for number, times in progress.spikes.items()}
        found.update(arrivals.spikes())
        write_down([(*found[number], one()) for number, one in wiring.recorded if number in found])
    for number, when in unsent:
        for connection in _sending(wiring, number):
            if wire(engine, wiring.numbers, connection) is not None:
                run.at(when + connection.delay, connection.deliver)
    deliver_due(run)
    return progress.delivered + int(progress.watch.counts[SENT])


def _follow(run: Run, engine: Engine, wiring: Wiring, limit: float, progress: _Progress) -> Spikes:
    """The solver from event to event, the cells ahead of it; spikes of voltages that have not been sent."""
    watch, first, detectors = progress.watch, wiring.wires.first, len(wiring.watched)
    t, ahead = run.session.globals.t, _shortest_to_cells(wiring)
    spikes: Spikes = ()
    touched = np.zeros(1, dtype=np.int64)
    while True:
        room = len(watch.heap.time) - int(watch.counts[HEAPED])
        if t >= limit or room <= sum(int(first[number + 1] - first[number]) for number, _ in spikes):
            return spikes
        fired, when = (
            np.array([number for number, _ in spikes], dtype=np.int64),
            np.array([at for _, at in spikes], dtype=float),
        )
        early = taken_early(run, t, progress.sent_before(t))
        due = live(t, min(t + ahead, limit), fired, when, detectors, engine.y, watch, touched)
        if touched[0]:
            engine.changed(moved=False)
            run.leapt = True
        for recorder in early:
            recorder.take()
        progress.reached = min(due, limit)
        if watch.counts[BLOCKED]:
            return ()
        spikes = advance_to(run, engine, progress.reached, single=False)
        t = engine.t
        for number, at in spikes:
            limit = min(limit, _tell(run, engine, wiring, number, at, progress))


def _tell(run: Run, engine: Engine, wiring: Wiring, number: int, when: float, progress: _Progress) -> float:
    """A voltage has risen: who counts or records hears of it; when the first event arrives that only Python can deliver."""
    progress.spikes.setdefault(number, []).append(when)
    for counted, reference in wiring.counters:
        counter = reference() if counted == number else None
        if counter is not None:
            counter.spike(when)
    arrival = math.inf
    for connection in _sending(wiring, number) if math.isfinite(wiring.delays[number]) else ():
        if wire(engine, wiring.numbers, connection) is None:
            run.at(when + connection.delay, connection.deliver)
            arrival = min(arrival, when + connection.delay)
    return arrival


def _sending(wiring: Wiring, number: int) -> list[NetCon]:
    """The connections of a watched voltage that send to somebody."""
    found = [one for one in wiring.watched[number].listening() if hasattr(one, "deliver")]
    return [one for one in found if one.active() and one.syn() is not None]


def _shortest_to_cells(wiring: Wiring) -> float:
    """The shortest delay from a watched voltage to a cell, ms."""
    wires = wiring.wires
    last = wires.first[len(wiring.watched)]
    return float(wires.delay[:last][wires.target[:last] < 0].min(initial=math.inf))
