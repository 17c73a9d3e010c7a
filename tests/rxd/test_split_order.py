"""First-order steps: what one step does exactly, order of convergence, the common limit of both orders, what is conserved."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import geometry
import rxd
from cable.constants import FARADAY
from rxd import library


def spike(dt: float, order: int) -> np.ndarray:
    """State of a spiking, branched cell with buffered calcium after 3 ms."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=3)
    model.insert(library.hh(), on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    na = rxd.Species(cyt, "na", d=1.0, charge=1, initial=10.0)
    buf, bound = rxd.Species(cyt, "buf", initial=5.0), rxd.Species(cyt, "bound", initial=1.0)
    model.add(rxd.Reaction(na + buf, bound, 0.2, 0.5), rxd.IClamp(cell["parent"](0.0), amp=0.4, delay=0.0, dur=1.0))
    sim = model.compile("split", dt=dt, order=order)
    sim.run(3.0)
    return sim.state.y


def test_orders_are_one_and_two_with_one_limit() -> None:
    exact = (4 * spike(0.0025, 2) - spike(0.005, 2)) / 3
    for order in (1, 2):
        errors = [np.abs(spike(dt, order) - exact).max() for dt in (0.04, 0.02, 0.01, 0.005)]
        observed = np.log2(np.array(errors[:-1]) / errors[1:])
        assert observed[-1] == pytest.approx(order, abs=0.15), errors
        assert errors[-1] < 1.0


def test_a_diffusing_mode_decays_as_backward_euler_says() -> None:
    n, dt, steps, length = 10, 25.0, 40, 100.0
    cell = geometry.cylinder(length, 1.5)
    cyt, model = rxd.Region(cell.all, "cyt"), rxd.Model(cell, segments=n)
    model.add(rxd.Species(cyt, "c", d=2.0, initial=lambda node: 1 + np.cos(np.pi * node.x)))
    sim = model.compile("split", dt=dt, order=1)
    result = sim.run(steps * dt)
    h = length / n
    rate = 2.0 * (2 / h * math.sin(math.pi * h / (2 * length))) ** 2
    shape = np.cos(np.pi * sim.discretization.segments.x)
    np.testing.assert_allclose(sim.values("c[cyt]"), 1 + shape / (1 + rate * dt) ** steps, rtol=0, atol=1e-12)
    assert result.statistics.solves == 2 * steps  # one of the cable, one of the species


def test_one_step_is_currents_then_cable_then_diffusion_then_gates_then_reactions() -> None:
    """The whole step by hand on one segment, where nothing diffuses: hh with sodium that a buffer binds."""
    cell = geometry.cylinder(20, 20)
    model = rxd.Model(cell, segments=1, celsius=6.3, v_init=-60.0)
    model.insert(library.hh(), on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    na = rxd.Species(cyt, "na", charge=1, initial=10.0)
    half = rxd.Species(cyt, "half", initial=1.0)
    model.add(rxd.Reaction(2 * na, half, 0.01, 0.3))
    dt, sim = 0.1, model.compile("split", dt=0.1, order=1)
    m, h, n = (float(sim.values(f"hh.{gate}")[0]) for gate in "mhn")
    nernst = 1e3 * 8.314462618 * (273.15 + 6.3) / FARADAY * math.log(140.0 / 10.0)
    g_na, g_k, g_l = 0.12 * m**3 * h, 0.036 * n**4, 0.0003
    current = g_na * (-60 - nernst) + g_k * (-60 + 77) + g_l * (-60 + 54.3)
    change = -current / (1e-3 / dt + g_na + g_k + g_l)  # mA/cm2 over uF/cm2/ms
    influx = -(g_na * (-60 + change - nernst)) * 1e4 * 2 * math.pi * 10 * 20 / (math.pi * 100 * 20) / FARADAY
    y = np.array([10 + dt * influx, 1.0])
    forward, jacobian = 0.01 * y[0] ** 2 - 0.3 * y[1], np.array([0.02 * y[0], -0.3])
    matrix = np.eye(2) - dt * np.outer([-2.0, 1.0], jacobian)
    y += np.linalg.solve(matrix, dt * forward * np.array([-2.0, 1.0]))
    sim.run(dt)
    v = -60 + change
    alpha, beta = 0.07 * math.exp(-(v + 65) / 20), 1 / (1 + math.exp(-(v + 35) / 10))
    assert sim.values("v")[0] == pytest.approx(v, rel=1e-9)
    assert sim.values("hh.h")[0] == pytest.approx(
        alpha / (alpha + beta) + (h - alpha / (alpha + beta)) * math.exp(-dt * (alpha + beta)), rel=1e-12
    )
    np.testing.assert_allclose([sim.values("na[cyt]")[0], sim.values("half[cyt]")[0]], y, rtol=1e-7)


def test_charge_and_moles_agree_to_round_off() -> None:
    cell = geometry.cylinder(50, 2)
    model = rxd.Model(cell, segments=5, cm=1.0, v_init=-60.0)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    x = rxd.Species(cyt, "x", d=1.0, charge=2, initial=1.0)
    leak = rxd.Mechanism("leak", currents=[rxd.Current("ix", 1e-3 * (rxd.v - 20), ion="x")])
    model.add(x)
    model.insert(leak, on=cell.all)
    sim = model.compile("split", dt=0.1, order=1)
    v, c = sim.values("v").copy(), sim.values("x[cyt]").copy()
    sim.run(20.0)
    segments = sim.discretization.segments
    charge = 1e-8 * segments.area @ (sim.values("v") - v) * 1e-3 * 1e-6  # C: 1 uF/cm2, um2, mV
    moles = segments.volume @ (sim.values("x[cyt]") - c) * 1e-18  # mol: um3, mM
    assert charge / (2 * FARADAY * moles) == pytest.approx(1, rel=1e-9)
    assert sim.values("v")[0] > 10


def test_runs_in_pieces_are_the_same_run(spiking: Callable) -> None:
    one, many = spiking(train=()).compile(order=1), spiking(train=()).compile(order=1)
    one.run(2.0)
    for stop in np.arange(0.1, 2.05, 0.1):
        many.run(float(stop))
    np.testing.assert_allclose(many.state.y, one.state.y, rtol=1e-10, atol=1e-12)


def test_another_order_is_refused(spiking: Callable) -> None:
    with pytest.raises(rxd.DeclarationError, match="order is 1 or 2"):
        spiking().compile(order=3)
