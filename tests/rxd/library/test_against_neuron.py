"""A Hodgkin-Huxley soma against NEURON's ``hh``: the features of its spikes.

The numbers come from NEURON 9.0.2: one section L = diam = 20 um, cm = 1, ``insert hh``, IClamp(delay=1, dur=20, amp=0.1),
``finitialize(-65)``, 25 ms, without its table of rates (``usetable_hh = 0``; interpolation in the table moves the second
spike by 0.03 ms). They are those of its second-order method (``secondorder = 2``) with dt = 0.0002 ms; its adaptive method with
tolerances 1e-9 gives the same crossings to 1e-5 ms. Crossings of 0 mV and extrema are taken from the samples in the same way.
"""

from __future__ import annotations

import numpy as np
import pytest

import geometry
import rxd
from rxd import library

# celsius: upward crossings of 0 mV (ms), downward crossings (ms), peak, trough after it (mV).
NEURON = {
    6.3: ([3.181285, 19.414834], [4.339195, 20.362829], 39.91280, -76.10845),
    16.3: ([2.828590, 9.836351, 16.812795], [3.171792, 10.105019, 17.075420], 29.38278, -74.50560),
}


def soma(celsius: float, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Time (ms) and voltage (mV) of the soma."""
    cell = geometry.cylinder(20.0, 20.0, name="soma")
    model = rxd.Model(cell, segments=1, cm=1.0, celsius=celsius, v_init=-65.0)
    model.insert(library.hh(), on=cell.all)
    model.add(rxd.IClamp(cell["soma"](0.5), amp=0.1, delay=1.0, dur=20.0))
    result = model.compile(method="split", dt=dt).run(25.0, record=[rxd.v], every=dt)
    return result.t, result.values[0][:, 0]


def crossings(t: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Times of upward crossings of 0 mV, by linear interpolation."""
    at = np.flatnonzero((v[:-1] < 0) & (v[1:] >= 0))
    return t[at] - v[at] / (v[at + 1] - v[at]) * (t[at + 1] - t[at])


@pytest.mark.parametrize("celsius", NEURON)
def test_spikes_are_those_of_neuron(celsius: float) -> None:
    up, down, peak, trough = NEURON[celsius]
    t, v = soma(celsius, dt=0.001)
    assert len(crossings(t, v)) == len(up)
    np.testing.assert_allclose(crossings(t, v), up, atol=1e-4)
    np.testing.assert_allclose(crossings(t, -v), down, atol=1e-4)
    assert v.max() == pytest.approx(peak, abs=1e-3)
    assert v[v.argmax() :].min() == pytest.approx(trough, abs=1e-3)


def test_spike_times_converge_with_second_order() -> None:
    """The error of the second spike falls by four when the step is halved, towards NEURON's time."""
    errors = [crossings(*soma(6.3, dt))[1] - NEURON[6.3][0][1] for dt in (0.04, 0.02, 0.01)]
    assert abs(errors[2]) < 2e-3
    np.testing.assert_allclose([errors[0] / errors[1], errors[1] / errors[2]], 4.0, rtol=0.15)
