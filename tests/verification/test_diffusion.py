"""Diffusion, decay and bistable fronts on an unbranched cable, against closed forms."""

from __future__ import annotations

import math

import geometry
import numpy as np
import pytest
import rxd
import sympy

LENGTH = 100.0  # um
D = 2.0  # um2/ms
GAMMA = 1 - 1 / math.sqrt(2)


def rod(n: int, dt: float, length: float = LENGTH) -> tuple[rxd.Simulation, np.ndarray]:
    """A closed rod with the first cosine mode on top of 1; also the places of its nodes."""
    cell = geometry.cylinder(length, 1.5)
    model = rxd.Model(cell, segments=n)
    cyt = rxd.Region(cell.all, "cyt")
    model.add(rxd.Species(cyt, "c", d=D, initial=lambda node: 1 + np.cos(np.pi * node.x)))
    sim = model.compile("split", dt=dt)
    return sim, length * sim.discretization.segments.x


def mode(values: np.ndarray, x: np.ndarray) -> float:
    """Amplitude of the first cosine mode (an eigenvector of the discrete operator too)."""
    shape = np.cos(np.pi * x / LENGTH)
    return float(values @ shape / (shape @ shape))


def discrete_rate(n: int) -> float:
    """Decay rate of the mode on n equal segments: the eigenvalue of the second difference."""
    h = LENGTH / n
    return D * (2 / h * math.sin(math.pi * h / (2 * LENGTH))) ** 2


def test_first_mode_decays_as_the_scheme_promises_to_round_off() -> None:
    n, dt, steps = 10, 25.0, 40
    sim, x = rod(n, dt)
    sim.run(steps * dt)
    z = -discrete_rate(n) * dt
    factor = (1 + (1 - 2 * GAMMA) * z) / (1 - GAMMA * z) ** 2
    c = sim.values("c[cyt]")
    assert np.mean(c) == pytest.approx(1, rel=1e-13)
    np.testing.assert_allclose(c, 1 + factor**steps * np.cos(np.pi * x / LENGTH), rtol=0, atol=1e-12)


def test_diffusion_is_second_order_in_space() -> None:
    exact = math.exp(-D * (math.pi / LENGTH) ** 2 * 500)
    errors = []
    for n in (5, 10, 20):
        sim, x = rod(n, 0.5)
        sim.run(500)
        errors.append(abs(mode(sim.values("c[cyt]"), x) - exact))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 1e-3
    np.testing.assert_allclose(orders, 2, atol=0.03)


def test_diffusion_is_second_order_in_time() -> None:
    n, until = 10, 800.0
    exact = math.exp(-discrete_rate(n) * until)
    errors = []
    for dt in (100.0, 50.0, 25.0):
        sim, x = rod(n, dt)
        sim.run(until)
        errors.append(abs(mode(sim.values("c[cyt]"), x) - exact))
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 1e-4
    np.testing.assert_allclose(orders, 2, atol=0.1)


def test_a_step_too_large_for_the_mesh_damps_and_does_not_ring() -> None:
    """L-stability: the fastest mode is gone after two huge steps, where Crank-Nicolson would keep it alternating for ever."""
    cell = geometry.cylinder(10, 1)
    model = rxd.Model(cell, segments=50)
    model.add(rxd.Species(rxd.Region(cell.all, "cyt"), "c", d=D, initial=lambda node: np.where(node.x < 0.5, 2.0, 0.0)))
    sim = model.compile("split", dt=1e6)
    sim.run(2e6)
    np.testing.assert_allclose(sim.values("c[cyt]"), 1, atol=1e-8)


def steady_profile(n: int, dt: float) -> tuple[np.ndarray, np.ndarray]:
    """Influx into the first segment, decay everywhere; run until nothing moves."""
    decay, influx = 0.05, 0.3  # 1/ms, mM um/ms
    cell = geometry.cylinder(30, 2)
    model = rxd.Model(cell, segments=n)
    cyt = rxd.Region(cell.all, "cyt")
    c = rxd.Species(cyt, "c", d=D)
    source = rxd.Parameter(cyt, "source", value=lambda node: np.where(node.x < 1 / n, influx * n / 30, 0.0))
    model.add(rxd.Rate(c, source - decay * c))
    sim = model.compile("split", dt=dt)
    sim.run(600)
    x, reach = 30 * sim.discretization.segments.x, math.sqrt(D / decay)
    exact = influx * reach / D * np.cosh((30 - x) / reach) / math.sinh(30 / reach)
    return sim.values("c[cyt]"), exact


def test_decay_against_diffusion_settles_at_the_hyperbolic_cosine() -> None:
    errors = []
    for n in (20, 40, 80):
        found, exact = steady_profile(n, 0.05)
        errors.append(np.max(np.abs(found - exact)) / exact.max())
    assert errors[-1] < 5e-4
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2, atol=0.15)


def front_speed(h: float, dt: float, a: float = 0.2) -> tuple[float, float, np.ndarray, np.ndarray]:
    """Speed of a bistable front, its exact value, and the profile at the end with the exact one through the same place."""
    length, d, width = 160.0, 1.0, math.sqrt(2.0)
    cell = geometry.cylinder(length, 1)
    model = rxd.Model(cell, segments=round(length / h))
    u = rxd.Species(rxd.Region(cell.all, "cyt"), "u", d=d, initial=lambda node: 1 / (1 + np.exp((length * node.x - 30) / width)))
    model.add(rxd.Rate(u, u * (1 - u) * (u - sympy.Float(a))))
    sim = model.compile("split", dt=dt)
    x = length * sim.discretization.segments.x
    places = []
    for until in (50.0, 200.0):
        sim.run(until)
        values = sim.values("u[cyt]")
        places.append(float(np.interp(0.5, values[::-1], x[::-1])))
    profile = 1 / (1 + np.exp((x - places[1]) / width))
    return (places[1] - places[0]) / 150, math.sqrt(2 * d) * (0.5 - a), values, profile


def test_bistable_front_has_its_exact_speed_and_shape() -> None:
    found, exact, values, profile = front_speed(0.5, 0.1)
    assert found == pytest.approx(exact, rel=5e-3)
    np.testing.assert_allclose(values, profile, atol=5e-3)
    coarser = front_speed(1.0, 0.1)[0]
    assert math.log2(abs(coarser - exact) / abs(found - exact)) == pytest.approx(2, abs=0.3)
