"""Voltage, gates, concentrations and events together: order in time, exact event times, and two ways to write one model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from sympy import exp

import geometry
import rxd
from cable.constants import FARADAY, MOLECULES_PER_MM_UM3
from rxd import library

DENSITY_PER_FLUX = FARADAY / (1e4 * MOLECULES_PER_MM_UM3)
"""mA/cm2 per (elementary charge/um2/ms)."""


def order(errors: list[float]) -> np.ndarray:
    return np.log2(np.array(errors[:-1]) / errors[1:])


def test_everything_coupled_converges_at_second_order(pumped: Callable) -> None:
    """Spikes that fill a thin cable with sodium, reversal potentials that follow, an electrogenic pump that feels it."""
    labels = ("v", "na[cyt]", "k[cyt]", "na[out]", "k[out]", "hh.m", "hh.h", "hh.n")

    def state(dt: float) -> list[np.ndarray]:
        cell = geometry.cylinder(400, 1)
        model = pumped(cell, 20)[0]
        model.add(rxd.IClamp(cell.all(0.0), amp=0.2, delay=0.5, dur=1))
        sim = model.compile("split", dt=dt)
        sim.run(3)
        return [sim.values(label) for label in labels]

    exact = state(0.1 / 128)
    errors = np.array([[np.max(np.abs(f - e)) for f, e in zip(state(dt), exact, strict=True)] for dt in (0.0125, 0.00625)])
    assert np.ptp(exact[0]) > 40  # a spike is on its way
    assert exact[1].max() > 10.05  # and brought sodium in
    np.testing.assert_allclose(np.log2(errors[0] / errors[1]), 2, atol=0.2)


def synapse_on_a_ball(dt: float, times: tuple[float, ...], every: float | None = None) -> tuple[float, np.ndarray, np.ndarray]:
    cell = geometry.cylinder(20, 20)
    model = rxd.Model(cell, segments=1)
    model.insert(library.pas(g=1e-4, e=-70), on=cell.all)
    synapse = rxd.PointProcess(library.exp_syn(tau=1.5, e=0), cell.all(0.5))
    model.add(rxd.NetCon(rxd.SpikeSource(times=[when - 0.5 for when in times]), synapse, weight=0.02, delay=0.5))
    model.set(cell.all, v_init=-70)
    result = model.compile("split", dt=dt).run(10, record=[rxd.v(cell.all(0.5)), "exp_syn.g"], every=every)
    return float(result[rxd.v(cell.all(0.5))].values[-1]), result.t, result["exp_syn.g"].values[:, 0]


def exact_ball(times: tuple[float, ...]) -> float:
    """The same by a general integrator, stopped at every event."""
    capacitance, leak = 1e-5 * np.pi * 400, 10 * 1e-4 * 1e-3 * np.pi * 400  # nF, uS

    def slope(_: float, y: np.ndarray) -> list[float]:
        return [(leak * (-70 - y[0]) - y[1] * y[0]) / capacitance, -y[1] / 1.5]

    y, now = np.array([-70.0, 0.0]), 0.0
    for until, jump in [*((when, 0.02) for when in times), (10.0, 0.0)]:
        y = solve_ivp(slope, (now, until), y, rtol=1e-11, atol=1e-12).y[:, -1] + [0.0, jump]
        now = until
    return float(y[0])


def test_events_act_at_their_exact_time_whatever_the_step() -> None:
    times = (1.0137, 4.4444, 4.5001)
    exact = exact_ball(times)
    errors = [abs(synapse_on_a_ball(dt, times)[0] - exact) for dt in (0.1, 0.05, 0.025)]
    assert errors[-1] < 2e-3
    np.testing.assert_allclose(order(errors), 2, atol=0.25)


def test_conductance_decays_exactly_from_the_event_on() -> None:
    when = 1.0137
    _, t, g = synapse_on_a_ball(0.1, (when,), every=0.37)
    np.testing.assert_allclose(g, np.where(t < when, 0, 0.02 * np.exp(-(t - when) / 1.5)), rtol=1e-12)


def rates(which: str) -> tuple:
    """Opening and closing rates of the squid axon's gates, 1/ms, written out once more."""
    v = rxd.v
    return {
        "m": (0.1 * rxd.vtrap(-(v + 40), 10), 4 * exp(-(v + 65) / 18)),
        "h": (0.07 * exp(-(v + 65) / 20), 1 / (exp(-(v + 35) / 10) + 1)),
        "n": (0.01 * rxd.vtrap(-(v + 55), 10), 0.125 * exp(-(v + 65) / 80)),
    }[which]


def test_gates_as_states_and_currents_as_membrane_fluxes_equal_the_mechanism(pumped: Callable) -> None:
    cell = geometry.cylinder(400, 1)
    one, *_ = pumped(cell, 20)
    other, na, k, membrane = pumped(cell, 20, channels=False)
    gate = {}
    for name in ("m", "h", "n"):
        a, b = rates(name)
        gate[name] = rxd.State(membrane, name, initial=float((a / (a + b)).subs(rxd.v, -65).evalf()))
        other.add(rxd.Rate(gate[name], a * (1 - gate[name]) - b * gate[name]))
    m, h, n = (gate[name][membrane] for name in ("m", "h", "n"))
    sodium = 0.12 * m**3 * h * (rxd.v - rxd.reversal("na")) / DENSITY_PER_FLUX
    potassium = 0.036 * n**4 * (rxd.v - rxd.reversal("k")) / DENSITY_PER_FLUX
    kind = {"membrane": membrane, "custom_dynamics": True, "membrane_flux": True}
    for species, flux in ((na, sodium), (k, potassium)):
        inside, outside = species.regions
        other.add(rxd.MultiCompartmentReaction(species[inside], species[outside], flux, **kind))
    found = []
    for model in (one, other):
        model.add(rxd.IClamp(cell.all(0.0), amp=0.2, delay=0.5, dur=1))
        sim = model.compile("split", dt=0.025)
        sim.run(3)
        found.append(sim)
    first, second = found
    assert np.max(np.abs(first.values(rxd.v) + 65)) > 20
    for label in ("v", "na[cyt]", "k[cyt]", "na[out]", "k[out]"):
        np.testing.assert_allclose(second.values(label), first.values(label), rtol=1e-9, atol=1e-10)
    for name in "mhn":
        np.testing.assert_allclose(second.values(f"{name}[mem]"), first.values(f"hh.{name}"), rtol=1e-9, atol=1e-10)


def test_axial_current_of_two_cells_does_not_leak_from_one_to_the_other() -> None:
    """A forest: what happens in one tree is bitwise the same whether or not another one spikes beside it."""
    cells = geometry.Morphology.from_sections(
        [
            geometry.SectionSpec("a", [(0, 0, 0, 2), (100, 0, 0, 2)], "dendrite"),
            geometry.SectionSpec("b", [(0, 50, 0, 2), (100, 50, 0, 2)], "dendrite"),
        ]
    )
    found = []
    for amp in (0.0, 0.5):
        model = rxd.Model(cells, segments=9)
        model.insert(library.hh(), on=cells.all)
        model.add(rxd.IClamp(cells["b"](0.0), amp=amp, delay=0.5, dur=1))
        sim = model.compile("split", dt=0.025)
        sim.run(4)
        found.append(sim.values(rxd.v))
    assert np.array_equal(found[0][:9], found[1][:9])
    assert np.max(np.abs(found[1][9:] - found[0][9:])) > 5
    assert found[0][9:] == pytest.approx(found[0][:9])
