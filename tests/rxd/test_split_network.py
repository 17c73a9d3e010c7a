"""Networks without Python between steps: the heap is the queue, a run is that of the loop that goes from event to event."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy

import geometry
import rxd
from cable.events import EventQueue
from geometry import SectionSpec
from rxd import library
from rxd.errors import ConvergenceError
from rxd.solve import split
from rxd.solve import split_network as network
from rxd.solve.lane_operations import exact_kernel
from rxd.solve.problem import Connection, State

# For Python, to call what else only kernels do.
push = exact_kernel(network.push.py_func)
drop_first = exact_kernel(network.drop_first.py_func)
send = exact_kernel(network.send.py_func)


def test_the_heap_gives_events_in_the_order_of_the_queue() -> None:
    rng = np.random.default_rng(1)
    queue = EventQueue()
    events, size = network.heap(queue, 300)
    for order in range(200):
        time, target, amount = float(rng.integers(0, 9)), int(rng.integers(0, 4)), float(order)
        queue.push(time, target, amount)
        push(events, size, time, target, order, amount)
        size += 1
        if order % 3 == 2:
            first = queue.pending()[0]
            assert (events.time[0], events.target[0], events.amount[0]) == first
            queue = EventQueue(queue.pending()[1:])
            drop_first(events, size)
            size -= 1
    assert network.queue_of(events, size).pending() == queue.pending()
    again, count = network.heap(queue, 1)
    assert network.queue_of(again, count).pending() == queue.pending()


def test_spikes_of_a_step_are_sent_in_order_of_time() -> None:
    fraction = np.array([0.5, -1.0, 0.25, 0.5])
    connections = [
        Connection(3, 30, 3.0, 0.0),
        Connection(0, 10, 1.0, 1.0),
        Connection(2, 20, 2.0, 0.0),
        Connection(0, 11, 1.5, 0.0),
    ]
    wires, (events, _) = network.wire(connections, 4), network.heap(EventQueue(), 9)
    tally = network.Tally(np.zeros(9, dtype=np.int64), np.zeros(9), np.zeros(5, dtype=np.int64))
    send(8.0, 2.0, 8.75, fraction, wires, events, tally)
    assert list(zip(tally.detector[:3], tally.when[:3], strict=True)) == [(2, 8.5), (0, 9.0), (3, 9.0)]
    pending = network.queue_of(events, int(tally.counts[network.HEAPED])).pending()
    assert pending == ((8.75, 20, 2.0), (9.0, 11, 1.5), (9.0, 30, 3.0), (10.0, 10, 1.0))  # none before the step's end
    assert list(events.order[np.argsort(events.target[:4])]) == [1, 2, 0, 3]


def ring(cells: int = 5, calcium: bool = False) -> tuple[rxd.Model, geometry.Morphology]:
    """Cells that excite the next but also, at once, the one after it; two trains of spikes; simultaneous events."""
    specs = []
    for i in range(cells):
        specs.append(SectionSpec(f"soma[{i}]", [(300 * i, 0, 0, 14), (300 * i, 14, 0, 14)], "soma"))
        specs.append(SectionSpec(f"dend[{i}]", [(300 * i, 14, 0, 2), (300 * i, 74, 0, 1)], "basal", f"soma[{i}]"))
    forest = geometry.Morphology.from_sections(specs)
    model = rxd.Model(forest, segments=3)
    model.insert(library.hh(), on=forest.soma)
    model.insert(library.pas(g=2e-4, e=-65), on=forest.dendrites)
    if calcium:
        cyt = rxd.Region(forest.all, name="cyt", side="i")
        na = rxd.Species(cyt, name="na", d=1.0, charge=1, initial=10.0)
        model.add(rxd.Rate(na, 0.01 * (10.0 - na)))
    points = [rxd.PointProcess(library.exp_syn(tau=2, e=0), forest[f"dend[{i}]"](0.5)) for i in range(cells)]
    for i in range(cells):
        source = rxd.Detector(forest[f"soma[{i}]"](0.5), threshold=0)
        model.add(rxd.NetCon(source, points[(i + 1) % cells], weight=0.2, delay=1.0 + 0.13 * i))
        model.add(rxd.NetCon(source, points[(i + 2) % cells], weight=0.001, delay=0.0))
    for point in points[:2]:
        model.add(rxd.NetCon(rxd.SpikeSource(number=6, start=2.013, interval=3.0), point, weight=0.2, delay=0.5))
        model.add(rxd.NetCon(rxd.SpikeSource(times=[2.513]), point, weight=0.005, delay=0.0))
    model.add(rxd.IClamp(forest["soma[3]"](0.5), delay=6.03, dur=2.0, amp=0.3))
    return model, forest


def from_event_to_event(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(split.SplitStepper, "advance_network")


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("calcium", [False, True], ids=["", "calcium"])
def test_a_network_runs_as_from_event_to_event(monkeypatch: pytest.MonkeyPatch, order: int, calcium: bool) -> None:
    def run(prepare: Callable[[], None]) -> tuple[rxd.Results, rxd.Results, State]:
        prepare()
        model, forest = ring(calcium=calcium)
        sim = model.compile("split", dt=0.025, order=order)
        first = sim.run(4.1)
        second = sim.run(20.0, record=[rxd.v(forest["soma[2]"](0.5))], every=1.7)
        return first, second, sim.state

    *found, state = run(lambda: monkeypatch.setattr(split, "EVENTS_AT_ONCE", 3))  # the heap has to grow on the way
    *expected, reached = run(lambda: from_event_to_event(monkeypatch))
    assert min(sum(len(times) for times in result.spikes.values()) for result in found) > 1
    for one, other in zip(found, expected, strict=True):
        assert {p: list(times) for p, times in one.spikes.items()} == {p: list(times) for p, times in other.spikes.items()}
        assert one.statistics.events == other.statistics.events > 3
        assert (one.statistics.steps, one.statistics.solves) == (other.statistics.steps, other.statistics.solves)
    np.testing.assert_array_equal(state.y, reached.y)
    np.testing.assert_array_equal(state.before, reached.before)
    assert state.t == reached.t
    assert state.queue.pending() == reached.queue.pending()
    for name, values in reached.memory.items():
        np.testing.assert_array_equal(state.memory[name], values)


def test_a_network_that_blows_up_says_when_and_where(monkeypatch: pytest.MonkeyPatch) -> None:
    def failure() -> ConvergenceError:
        model, forest = ring()
        cyt = rxd.Region(forest.soma, name="cyt", side="i")
        x = rxd.Species(cyt, name="x", initial=1.0)
        model.add(rxd.Rate(x, -0.2 - 1e-9 * sympy.log(x)))  # no number any more after t = 5
        sim = model.compile("split", dt=0.025)
        with pytest.raises(ConvergenceError) as caught:
            sim.run(30.0)
        return caught.value

    found = failure()
    from_event_to_event(monkeypatch)
    expected = failure()
    assert str(found) == str(expected)
    assert found.t == expected.t > 2.0
