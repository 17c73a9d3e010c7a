"""Electrodes and events with units."""

from __future__ import annotations

from typing import Any

import numpy as np
import pint
import pytest

import geometry
from cable import Detector, IClamp, NetCon, SEClamp, SpikeSource
from cable.errors import ClampError, EventError

PLACE = geometry.cylinder(10, 1).all(0.5)
u: Any = pint.UnitRegistry()


def test_quantities_are_the_numbers_in_the_units_of_the_house() -> None:
    pulse = IClamp(PLACE, amp=100 * u.pA, delay=1 * u.s, dur=20 * u.us)
    assert (pulse.amp, pulse.delay, pulse.dur) == pytest.approx((0.1, 1000.0, 0.02))
    assert SEClamp(PLACE, np.array([-70, 10]) * u.mV, [0.1 * u.s, 2.0], rs=10 * u.megaohm) == SEClamp(
        PLACE, [-70, 10], [100.0, 2.0], 10.0
    )
    assert SpikeSource(interval=0.02 * u.s, start=1 * u.ms) == SpikeSource(interval=20.0, start=1.0)
    assert SpikeSource(times=[2, 1] * u.s) == SpikeSource(times=[1000, 2000])
    assert Detector(PLACE, -0.02 * u.V) == Detector(PLACE, -20.0)
    made = NetCon(PLACE, None, weight=5 * u.nS, delay=1000 * u.us)
    assert (made.weight, made.delay) == pytest.approx((0.005, 1.0))


def test_a_quantity_of_another_kind_is_refused_by_name() -> None:
    with pytest.raises(ClampError, match=r"amp of IClamp is a quantity in nA; got .*millivolt"):
        IClamp(PLACE, amp=1 * u.mV)
    with pytest.raises(EventError, match="delay of NetCon is a quantity in ms"):
        NetCon(PLACE, None, delay=1 * u.mV)
