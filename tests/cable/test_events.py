"""Spikes: trains, crossings, connections and the order of the queue."""

import math

import numpy as np
import pytest

from cable.errors import EventError
from cable.events import Detector, Event, EventQueue, NetCon, SpikeSource, crossings
from geometry import cylinder

PLACE = cylinder(100.0, 2.0, name="axon").all(1.0)


def test_a_regular_train():
    source = SpikeSource(interval=4.0, start=3.0, number=5)
    np.testing.assert_array_equal(source.spike_times(), [3.0, 7.0, 11.0, 15.0, 19.0])
    np.testing.assert_array_equal(source.spike_times(11.0), [3.0, 7.0, 11.0])
    assert SpikeSource(number=0).spike_times().size == 0


def test_given_times_are_sorted():
    source = SpikeSource([5.0, 1.0, 3.0])
    np.testing.assert_array_equal(source.spike_times(), [1.0, 3.0, 5.0])
    np.testing.assert_array_equal(source.spike_times(3.0), [1.0, 3.0])
    assert SpikeSource([]).spike_times().size == 0
    assert SpikeSource(np.array([2.0, 1.0])) == SpikeSource((1.0, 2.0))


def test_noise_is_reproducible_and_of_the_right_kind():
    source = SpikeSource(interval=10.0, start=20.0, number=20_000, noise=0.5, seed=3)
    times = source.spike_times()
    np.testing.assert_array_equal(times, source.spike_times())
    assert not np.array_equal(times, SpikeSource(interval=10.0, start=20.0, number=20_000, noise=0.5, seed=4).spike_times())
    gaps = np.diff(times)
    assert times[0] >= 20.0
    assert gaps.min() >= 5.0
    # mean 10, standard deviation noise * interval = 5: four standard errors
    assert abs(gaps.mean() - 10.0) < 4 * 5.0 / math.sqrt(gaps.size)
    assert gaps.std() == pytest.approx(5.0, rel=0.05)


@pytest.mark.parametrize("noise", [0.0, 0.3, 1.0])
def test_a_train_without_end_begins_with_every_shorter_one(noise):
    endless = SpikeSource(interval=2.0, start=1.0, number=None, noise=noise, seed=1)
    long = endless.spike_times(500.0)
    short = endless.spike_times(30.0)
    np.testing.assert_array_equal(long[: short.size], short)
    assert long[short.size] > 30.0
    counted = SpikeSource(interval=2.0, start=1.0, number=long.size + 1, noise=noise, seed=1).spike_times()
    np.testing.assert_array_equal(counted[:-1], long)
    assert counted[-1] > 500.0
    assert endless.spike_times(0.5).size == 0
    with pytest.raises(EventError, match="without end"):
        endless.spike_times()


def test_a_crossing_is_interpolated():
    index, time = crossings(1.0, 2.0, [0.0, 9.0, 20.0, -5.0], [40.0, 11.0, 30.0, 9.0], 10.0)
    np.testing.assert_array_equal(index, [0, 1])
    np.testing.assert_allclose(time, [1.25, 1.5], rtol=1e-15)


def test_simultaneous_crossings_come_by_index_and_others_by_time():
    index, time = crossings(0.0, 1.0, [0.0, -10.0, 0.0, -30.0], [20.0, 90.0, 20.0, 10.0], [10.0, 10.0, 10.0, 10.0])
    np.testing.assert_array_equal(index, [1, 0, 2, 3])
    np.testing.assert_array_equal(time, [0.2, 0.5, 0.5, 1.0])


def test_every_rise_of_a_trace_is_found_once():
    rng = np.random.default_rng(5)
    for _ in range(50):
        v = rng.integers(-3, 4, size=40).astype(float)
        found = [t for a in range(39) for t in crossings(a, a + 1, v[a : a + 1], v[a + 1 : a + 2], 0.0)[1]]
        armed, expected = v[0] < 0, 0
        for value in v[1:]:
            if value >= 0 and armed:
                expected += 1
            armed = value < 0
        assert len(found) == expected
        assert sorted(found) == found


def test_a_crossing_lies_within_its_step_whatever_round_off_does():
    rng = np.random.default_rng(0)
    for t_old, t_new in np.sort(rng.uniform(0, 1, (2000, 2))):
        time = crossings(t_old, t_new, [0.0, 0.0], [1.0, np.nextafter(1.0, 2)], 1.0)[1]
        assert np.all((t_old <= time) & (time <= t_new))


def test_reaching_the_threshold_fires_at_the_end_of_the_step_and_only_there():
    index, time = crossings(0.1, 0.3, [9.0], [10.0], [10.0])
    assert (index.tolist(), time.tolist()) == ([0], [0.3])
    assert crossings(0.3, 0.5, [10.0], [12.0], [10.0])[0].size == 0
    assert crossings(0.3, 0.5, [12.0], [8.0], [10.0])[0].size == 0


def test_a_connection_from_a_place_has_a_detector():
    assert NetCon(PLACE, "synapse").detector == Detector(PLACE, 10.0)
    assert NetCon(PLACE, "synapse", 0.1, 2.0, threshold=-20.0).detector == Detector(PLACE, -20.0)
    assert NetCon(Detector(PLACE, 3.0), "synapse").detector == Detector(PLACE, 3.0)
    assert NetCon(SpikeSource([1.0]), "synapse").detector is None


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: SpikeSource([1.0, math.nan]), "finite numbers"),
        (lambda: SpikeSource(interval=0.0), "positive mean interval"),
        (lambda: SpikeSource(start=math.nan), "first spike"),
        (lambda: SpikeSource(number=-1), "number=-1"),
        (lambda: SpikeSource(noise=1.5), "from 0"),
        (lambda: Detector("axon"), "not at 'axon'"),
        (lambda: Detector(PLACE, math.inf), r"Detector at axon\(1\) has threshold=inf"),
        (lambda: NetCon("axon", None), "not to 'axon'"),
        (lambda: NetCon(Detector(PLACE), None, threshold=1.0), "Give it to the Detector"),
        (lambda: NetCon(PLACE, None, delay=-1.0), r"axon\(1\) has delay=-1.0"),
        (lambda: NetCon(PLACE, None, weight=math.nan), "finite weight"),
        (lambda: EventQueue().push(math.inf, 0, 1.0), "target 0 has the time inf"),
    ],
)
def test_what_cannot_be_is_refused(make, words):
    with pytest.raises(EventError, match=words):
        make()


@pytest.mark.parametrize("seed", range(20))
def test_the_queue_delivers_everything_once_in_order_of_time_target_and_arrival(seed):
    rng = np.random.default_rng(seed)
    queue, waiting, delivered, pushed, now = EventQueue(), [], [], 0, 0.0
    for _ in range(30):
        for _ in range(rng.integers(0, 6)):
            event = Event(now + float(rng.integers(0, 8)), int(rng.integers(0, 4)), -float(pushed))
            queue.push(*event)
            waiting.append(event)
            pushed += 1
        now += float(rng.integers(0, 3))
        due = queue.pop_until(now)
        # the weight is minus the number of the push: ties fall in order of target, then of arrival
        assert due == sorted((e for e in waiting if e.time <= now), key=lambda e: (e.time, e.target, -e.weight))
        waiting = [e for e in waiting if e.time > now]
        delivered += due
        assert len(queue) == len(waiting)
        assert queue.next_time() == min((e.time for e in waiting), default=math.inf)
    delivered += queue.pop_until(math.inf)
    assert sorted(-e.weight for e in delivered) == list(range(pushed))


def test_the_order_of_simultaneous_events_does_not_depend_on_who_came_first():
    events = [Event(1.0, target, 0.5) for target in range(6)]
    for seed in range(5):
        shuffled = [events[i] for i in np.random.default_rng(seed).permutation(6)]
        assert EventQueue(shuffled).pop_until(1.0) == events


def test_pending_shows_without_taking_and_restores():
    queue = EventQueue([Event(2.0, 1, 0.1), Event(1.0, 5, 0.2), Event(2.0, 1, 0.05), Event(1.5, 0, 0.3)])
    saved = queue.pending()
    assert [event.time for event in saved] == [1.0, 1.5, 2.0, 2.0]
    assert len(queue) == 4
    assert EventQueue(saved).pop_until(5.0) == queue.pop_until(5.0) == list(saved)
    assert queue.next_time() == math.inf


def test_an_event_that_comes_late_is_delivered_next():
    queue = EventQueue([Event(5.0, 0, 1.0)])
    queue.pop_until(10.0)
    queue.push(7.0, 2, 1.0)
    assert queue.pop_until(10.0) == [Event(7.0, 2, 1.0)]
