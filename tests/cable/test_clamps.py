"""Electrodes: what they do at and between breakpoints, charge delivered, and refusals that name the place."""

import dataclasses
import math
from itertools import pairwise

import numpy as np
import pytest

from cable.clamps import VCLAMP_RS, IClamp, SEClamp, VClamp, merged_breakpoints
from cable.errors import ClampError
from geometry import cylinder

PLACE = cylinder(100.0, 2.0, name="soma").all(0.5)


def integral(clamp, until):
    """Charge of a current clamp in pC, summed between breakpoints."""
    edges = np.unique([0.0, *(t for t in clamp.breakpoints() if 0 < t < until), until])
    return sum((b - a) * clamp.current((a + b) / 2) for a, b in pairwise(edges))


def test_a_pulse_begins_at_delay_and_ends_before_delay_plus_dur():
    clamp = IClamp(PLACE, amp=0.5, delay=5.0, dur=20.0)
    times = [0.0, math.nextafter(5.0, 0.0), 5.0, math.nextafter(25.0, 0.0), 25.0, 1e9]
    assert [clamp.current(t) for t in times] == [0.0, 0.0, 0.5, 0.5, 0.0, 0.0]
    assert clamp.breakpoints() == (5.0, 25.0)
    assert clamp.injection(6.0) == (0.5, 0.0)
    assert integral(clamp, 100.0) == 10.0


@pytest.mark.parametrize(("amp", "dur", "breakpoints"), [(0.0, 5.0, ()), (1.0, 0.0, ()), (1.0, math.inf, (2.0,))])
def test_only_true_jumps_are_breakpoints(amp, dur, breakpoints):
    clamp = IClamp(PLACE, amp=amp, delay=2.0, dur=dur)
    assert clamp.breakpoints() == breakpoints
    assert clamp.current(3.0) == (amp if dur > 1 else 0.0)


def test_samples_hold_until_the_next_one():
    clamp = IClamp.from_samples(PLACE, [1.0, 2.0, 4.0, 5.0], [0.1, 0.1, -0.2, 0.0])
    assert [clamp.current(t) for t in (0.5, 1.0, 3.9, 4.0, 4.5, 5.0, 99.0)] == [0.0, 0.1, 0.1, -0.2, -0.2, 0.0, 0.0]
    assert clamp.breakpoints() == (1.0, 4.0, 5.0)
    assert integral(clamp, 10.0) == pytest.approx(0.1)


def test_many_samples_read_as_a_staircase():
    rng = np.random.default_rng(0)
    times, amps = np.cumsum(rng.uniform(0.01, 1, 200)), rng.normal(size=200)
    clamp = IClamp.from_samples(PLACE, times, amps)
    for t in rng.uniform(0, times[-1] + 1, 100):
        before = np.flatnonzero(times <= t)
        assert clamp.current(t) == (amps[before[-1]] if before.size else 0.0)
    assert clamp.breakpoints() == tuple(times)


def test_levels_follow_one_another_and_then_the_clamp_is_off():
    clamp = SEClamp(PLACE, levels=[-65.0, 10.0, 0.0], durations=[1.0, 2.0, 3.0], rs=0.5)
    assert clamp.breakpoints() == (0.0, 1.0, 3.0, 6.0)
    assert [clamp.injection(t) for t in (-1.0, 0.0, 1.0, 2.9, 3.0, 6.0)] == [
        (0.0, 0.0),
        (-130.0, 2.0),
        (20.0, 2.0),
        (20.0, 2.0),
        (0.0, 2.0),
        (0.0, 0.0),
    ]
    assert clamp.current(0.5, v=-70.0) == 10.0
    drive, conductance = clamp.injection(0.5)
    assert drive - conductance * -70.0 == clamp.current(0.5, v=-70.0)


def test_one_level_holds_for_ever():
    clamp = SEClamp(PLACE, -30.0)
    assert clamp.breakpoints() == (0.0,)
    assert clamp.current(1e6, v=-30.5) == pytest.approx(5.0)


def test_a_voltage_clamp_holds_a_leaky_membrane_within_its_series_resistance():
    clamp = VClamp(PLACE, -20.0)
    assert clamp.rs == VCLAMP_RS
    drive, conductance = clamp.injection(1.0)
    leak, rest = 0.1, -70.0
    v = (drive + leak * rest) / (conductance + leak)
    assert clamp.current(1.0, v) == pytest.approx(leak * (v - rest), rel=1e-9)
    assert v - -20.0 == pytest.approx(-VCLAMP_RS * leak * 50.0, rel=1e-3)


def test_breakpoints_of_several_electrodes_are_merged():
    clamps = [IClamp(PLACE, 1.0, 3.0, 2.0), SEClamp(PLACE, [1.0, 2.0], [3.0, 4.0]), IClamp(PLACE, 1.0, 1.0)]
    np.testing.assert_array_equal(merged_breakpoints(clamps), [0.0, 1.0, 3.0, 5.0, 7.0])
    assert merged_breakpoints([]).shape == (0,)


def test_electrodes_are_frozen_and_compare_by_what_they_say():
    clamp = IClamp(PLACE, amp=1.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        clamp.amp = 2.0
    assert clamp == IClamp(PLACE, amp=1.0)
    assert clamp != IClamp(PLACE, amp=1.0, delay=1.0)
    assert SEClamp(PLACE, [1.0], [2.0]) == SEClamp(PLACE, 1.0, 2.0)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: IClamp("soma", amp=1.0), "not at 'soma'. Say where"),
        (lambda: SEClamp(None, 0.0), "SEClamp sits at one place"),
        (lambda: IClamp(PLACE, amp=math.nan), r"IClamp at soma\(0.5\) has amp=nan"),
        (lambda: IClamp(PLACE, delay=math.inf), r"IClamp at soma\(0.5\) has delay=inf"),
        (lambda: IClamp(PLACE, dur=-1.0), r"has dur=-1.0"),
        (lambda: IClamp.from_samples(PLACE, [0, 1], [1]), "same length"),
        (lambda: IClamp.from_samples(PLACE, [0, 2, 1], [1, 1, 1]), r"1 ms follows 2 ms \(sample 2\)"),
        (lambda: IClamp.from_samples(PLACE, [0, 1], [1, np.nan]), r"IClamp at soma\(0.5\): times and amps are finite"),
        (lambda: IClamp(PLACE, 1.0, samples=IClamp(PLACE, 2.0).wave), "Give one or the other"),
        (lambda: SEClamp(PLACE, [1.0, 2.0], [1.0]), r"SEClamp at soma\(0.5\) has 2 levels and 1 durations"),
        (lambda: SEClamp(PLACE, [1.0, 2.0], [math.inf, 1.0]), "only the last may be infinite"),
        (lambda: SEClamp(PLACE, [math.nan]), "finite potentials"),
        (lambda: VClamp(PLACE, 0.0, rs=0.0), r"VClamp at soma\(0.5\) has rs=0.0"),
    ],
)
def test_electrodes_that_cannot_be_are_refused(make, words):
    with pytest.raises(ClampError, match=words):
        make()
