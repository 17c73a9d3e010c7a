"""All channels in one neuron: they compile, stay bounded, and read calcium and parameters of their own place."""

from __future__ import annotations

import numpy as np
import pytest

import geometry
import rxd
from rxd import library

CHANNELS = ("hh", "na_t", "kdr", "ka", "ih", "ca_hva", "cal", "kca", "bk", "ncx")


def test_all_channels_run_together_and_stay_bounded() -> None:
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=1, celsius=30.0, v_init=-70.0)
    for name in CHANNELS:
        model.insert(getattr(library, name)(), on=cell.all)
    cyt = rxd.Region(cell.all, name="cyt", side="i")
    ca = model.add(rxd.Species(cyt, name="ca", d=0.2, charge=2, initial=1e-4))
    membrane = rxd.Region(cell.all, name="mem", shape=rxd.membrane)
    model.add(library.pmca(ca[cyt], None, membrane, vmax=20.0, rest=1e-4))
    gates = [unknown for name in CHANNELS for unknown in (f"{name}.{g.symbol.name}" for g in getattr(library, name)().gates)]
    result = model.compile(method="split", dt=0.01).run(10.0, record=[rxd.v, ca[cyt], *gates], every=0.1)
    v, calcium, *states = result.values
    assert np.all((v > -120) & (v < 80))
    assert np.all(calcium > 0)
    for gate, values in zip(gates, states, strict=True):
        assert np.all((values >= 0) & (values <= 1)), gate


def test_channels_read_calcium_and_parameters_of_their_own_place() -> None:
    """SK channels settle where the calcium of their segment says, with the conductance that a function of the place gives."""
    cell = geometry.cylinder(90.0, 2.0)
    model = rxd.Model(cell, segments=3, v_init=-60.0)
    model.insert(library.kca(gbar=lambda nodes: 1e-6 * (1 + nodes.x), tau=0.2), on=cell.all)
    cyt = rxd.Region(cell.all, name="cyt", side="i")
    calcium = np.array([1e-4, 4.3e-4, 2e-3])
    ca = model.add(rxd.Species(cyt, name="ca", charge=2, initial=lambda nodes: calcium))
    simulation = model.compile(method="split", dt=0.025)
    z_inf = 1 / (1 + (4.3e-4 / calcium) ** 4.8)
    np.testing.assert_allclose(simulation.values("kca.z"), z_inf, rtol=1e-12)
    assert z_inf[1] == pytest.approx(0.5)
    result = simulation.run(1.0, record=["kca.z", "kca.ik", rxd.v], every=1.0)
    z, current, v = (values[-1] for values in result.values)
    np.testing.assert_allclose(simulation.values(ca[cyt]), calcium, rtol=1e-12)
    np.testing.assert_allclose(z, z_inf, rtol=1e-10)
    np.testing.assert_allclose(current, 1e-6 * (1 + np.array([1, 3, 5]) / 6) * z_inf * (v + 77), rtol=1e-9)
