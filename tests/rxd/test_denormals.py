"""Numbers below the normal ones: zero within a compiled loop, as ever outside of it."""

from __future__ import annotations

import platform

import numba as nb
import numpy as np
import pytest

import geometry
import rxd
from rxd import library
from rxd.solve.denormals import take_as_before, take_for_zero

TINY = 1e-310


@nb.njit
def halved(values: np.ndarray, flush: bool) -> None:
    if flush:
        before = take_for_zero()
        for i in range(values.size):
            values[i] *= 0.5
        take_as_before(before)
    else:
        for i in range(values.size):
            values[i] *= 0.5


def test_they_are_zero_only_where_asked_for() -> None:
    values = np.full(5, TINY)
    halved(values, False)
    assert np.all(values == 0.5 * TINY)
    halved(values, True)
    assert np.all(values == (0.0 if platform.machine() in {"x86_64", "AMD64"} else 0.25 * TINY))
    assert 0.5 * TINY > 0  # Python's own arithmetic is as it was
    halved(values := np.full(5, TINY), False)
    assert np.all(values == 0.5 * TINY)


def test_a_synapse_that_has_long_been_silent_holds_no_such_number() -> None:
    cell = geometry.cylinder(20, 20)
    model = rxd.Model(cell, segments=1)
    model.insert(library.pas(), on=cell.all)
    synapse = rxd.PointProcess(library.exp_syn(tau=0.1, e=0), cell.all(0.5))
    model.add(rxd.NetCon(rxd.SpikeSource(number=1, start=1), synapse, weight=1e-3, delay=0.1))
    sim = model.compile("split", dt=0.025)
    sim.run(60)
    g = sim.state.y[sim.discretization.layout["exp_syn.g"].start]
    assert g == pytest.approx(1e-3 * np.exp(-(60 - 1.1) / 0.1), rel=1e-9)
    sim.run(72.5)  # exp(-714) is not normal
    g = sim.state.y[sim.discretization.layout["exp_syn.g"].start]
    assert 0 <= g < 1e-306
    assert g == 0 or g >= np.finfo(float).tiny or platform.machine() not in {"x86_64", "AMD64"}
