"""Diffusion, decay and bistable fronts on an unbranched cable, against closed forms."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import geometry
import rxd

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


def reacting(
    n: int, dt: float, length: float, d: float, initial: Any, source: Any, decay: float, speed: float
) -> rxd.Simulation:
    """Influx, decay and a bistable reaction with thresholds 0, 1/5, 1: one equation whose parameters choose the problem."""
    cell = geometry.cylinder(length, 2)
    model = rxd.Model(cell, segments=n)
    cyt = rxd.Region(cell.all, "cyt")
    u = rxd.Species(cyt, "u", d=d, initial=initial)
    numbers = {"source": source, "decay": decay, "speed": speed}
    p = {name: rxd.Parameter(cyt, name, value=value) for name, value in numbers.items()}
    model.add(rxd.Rate(u, p["source"] - p["decay"] * u + p["speed"] * u * (1 - u) * (u - 0.2)))
    return model.compile("split", dt=dt)


def steady_error(n: int, dt: float) -> float:
    """Influx into the first segment, decay everywhere; run until nothing moves."""
    length, decay, influx = 30.0, 0.05, 0.3  # um, 1/ms, mM um/ms
    sim = reacting(n, dt, length, D, 0.0, lambda node: np.where(node.x < 1 / n, influx * n / length, 0.0), decay, 0.0)
    sim.run(400)
    x, reach = length * sim.discretization.segments.x, math.sqrt(D / decay)
    exact = influx * reach / D * np.cosh((length - x) / reach) / math.sinh(length / reach)
    return float(np.max(np.abs(sim.values("u[cyt]") - exact)) / exact.max())


def test_decay_against_diffusion_settles_at_the_hyperbolic_cosine() -> None:
    # A source in one segment is apart from the diffusion that carries it off: splitting wants dt below h^2 / D here.
    errors = [steady_error(n, 0.025) for n in (10, 20, 40)]
    assert errors[-1] < 5e-4
    np.testing.assert_allclose(np.log2(np.array(errors[:-1]) / errors[1:]), 2, atol=0.15)


def front_speed(h: float, dt: float) -> tuple[float, np.ndarray, np.ndarray]:
    """Speed of a bistable front, and its profile at the end with the exact one through the same place."""
    length, width = 160.0, math.sqrt(2.0)

    def front(x: np.ndarray, place: float) -> np.ndarray:
        return 1 / (1 + np.exp((x - place) / width))

    sim = reacting(round(length / h), dt, length, 1.0, lambda node: front(length * node.x, 30), 0.0, 0.0, 1.0)
    x = length * sim.discretization.segments.x
    places = []
    for until in (50.0, 200.0):
        sim.run(until)
        values = sim.values("u[cyt]")
        places.append(float(np.interp(0.5, values[::-1], x[::-1])))
    return (places[1] - places[0]) / 150, values, front(x, places[1])


def test_bistable_front_has_its_exact_speed_and_shape() -> None:
    exact = math.sqrt(2) * (0.5 - 0.2)
    found, values, profile = front_speed(0.5, 0.1)
    assert found == pytest.approx(exact, rel=5e-3)
    np.testing.assert_allclose(values, profile, atol=5e-3)
    coarser = front_speed(1.0, 0.1)[0]
    assert math.log2(abs(coarser - exact) / abs(found - exact)) == pytest.approx(2, abs=0.3)
