"""Tolerances by kind of unknown, step factors, and the first step."""

from __future__ import annotations

import numpy as np
import pytest

import geometry
import rxd
from rxd import library
from rxd.solve.controller import GROW, SHRINK, Controller, absolute_tolerance, first_step, probing_step


def test_absolute_tolerance_by_kind() -> None:
    cell = geometry.cylinder(10, 1)
    model = rxd.Model(cell, segments=2)
    model.insert(library.hh(), on=cell.all)
    cyt = rxd.Region(cell.all, "cyt")
    a = rxd.Species(cyt, "a", initial=lambda node: 0.02 * np.asarray(node.x), atolscale=0.1)
    model.add(a, rxd.Species(cyt, "b"), rxd.PointProcess(library.exp_syn(), cell.all(0.5)))
    simulation = model.compile("split")
    found = absolute_tolerance(simulation.problem, 1e-3, None)

    def of(label: str) -> np.ndarray:
        block = simulation.discretization.layout[label]
        return found[block.start : block.stop] / 1e-3

    np.testing.assert_allclose(of("v"), 10.0)
    np.testing.assert_allclose(of("hh.m"), 0.1)
    np.testing.assert_allclose(of("a[cyt]"), 0.015 * 0.1)
    np.testing.assert_allclose(of("b[cyt]"), 1e-3)
    np.testing.assert_allclose(of("exp_syn.g"), 1e-3)
    given = absolute_tolerance(simulation.problem, 1e-3, 0.5)
    assert sorted(set(given)) == [0.05, 0.5]


def test_factors() -> None:
    control = Controller(4)
    assert control.accepted(1.0, 1.0, rejected=False) == pytest.approx(0.9)
    assert control.accepted(1e-9, 1.0, rejected=False) < GROW
    assert control.accepted(0.0, 1e9, rejected=False) == GROW
    assert control.accepted(1e-9, 1.0, rejected=True) == 1.0
    assert control.rejected(16.0) == pytest.approx(0.45)
    assert control.rejected(1e9) == SHRINK
    assert control.rejected(np.inf) == SHRINK
    # in the long run the error settles where a step follows its predecessor
    h, before = 1.0, 1.0
    for _ in range(50):
        error = 0.3 * h**4
        h, before = h * control.accepted(error, before, rejected=False), error
    assert 0.3 * h**4 == pytest.approx(0.9 ** (4 / 0.3), rel=1e-3)


def test_first_step_of_a_decay() -> None:
    """For y' = -k y the estimate goes with k^2 over the tolerance to the power of -1 / (order + 1)."""
    y, weight = np.array([1.0]), np.array([1e-4])

    def step(k: float, weight: np.ndarray) -> float:
        probe = probing_step(y, -k * y, weight)
        return first_step(y, -k * y, -k * (y - probe * k * y), probe, weight, order=4)

    assert step(1.0, weight) == pytest.approx((0.01 * 1e-4) ** 0.2)
    assert step(10.0, weight) == pytest.approx(step(1.0, weight) * 100**-0.2)
    assert step(1.0, weight / 32) == pytest.approx(step(1.0, weight) / 2, rel=1e-6)
    assert probing_step(y, 0 * y, weight) == 1e-6
    assert first_step(y, 0 * y, 0 * y, 1e-6, weight, 4) == 1e-6
