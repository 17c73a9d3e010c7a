"""The coefficients of the Rosenbrock methods: order conditions, stability, and the order seen on a known solution."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.errors import DeclarationError
from rxd.solve.direct_step import MOST_STAGES
from rxd.solve.tableau import ESTIMATED, TABLEAUX, Tableau, find_tableau, near4

METHODS = [make() for make in TABLEAUX]
each_method = pytest.mark.parametrize("table", METHODS, ids=lambda table: table.name)


def residuals(table: Tableau, b: np.ndarray) -> list[float]:
    """How far weights b are from the conditions of orders 1, 2, 3 and 4 (Hairer and Wanner II, table IV.7.1)."""
    a, gamma, _, _ = table.classical()
    beta, one = a + gamma, np.ones(table.stages)
    alpha, sums = a @ one, beta @ one
    conditions = (
        (b.sum() - 1,),
        (b @ sums - 1 / 2,),
        (b @ alpha**2 - 1 / 3, b @ beta @ sums - 1 / 6),
        (
            b @ alpha**3 - 1 / 4,
            b @ (alpha * (a @ sums)) - 1 / 8,
            b @ beta @ alpha**2 - 1 / 12,
            b @ beta @ beta @ sums - 1 / 24,
        ),
    )
    return [max(map(abs, group)) for group in conditions]


@each_method
def test_step_and_embedded_formula_have_their_orders(table: Tableau) -> None:
    _, _, b, embedded = table.classical()
    step, estimate = residuals(table, b), residuals(table, embedded)
    assert max(step[: table.order]) < 1e-13
    assert max(estimate[: table.embedded_order]) < 1e-13
    # the two differ in what the error estimate is about
    assert table.embedded_order == table.order - 1
    if table.embedded_order < 4:
        assert estimate[table.embedded_order] > 1e-3


@each_method
def test_nodes_and_drift_are_the_sums_of_their_rows(table: Tableau) -> None:
    a, gamma, _, _ = table.classical()
    np.testing.assert_allclose(a.sum(axis=1), table.alpha, atol=2e-14)
    np.testing.assert_allclose(gamma.sum(axis=1), table.drift, atol=2e-14)


@each_method
def test_stiffly_accurate_with_the_last_increment_or_a_mixture_as_error(table: Tableau) -> None:
    a, gamma, b, _ = table.classical()
    np.testing.assert_allclose((a + gamma)[-1], b, atol=1e-13)
    embedded, weights = table.mixture
    if table.name == "near4":
        np.testing.assert_allclose(embedded + weights, table.m, rtol=1e-14)
        np.testing.assert_array_equal(weights, table.e)
        assert table.stages < MOST_STAGES  # compiled steps sum so many
        assert table.unjudged().mixture[0].size == 0
    else:
        assert embedded.size == weights.size == 0
        np.testing.assert_array_equal(np.flatnonzero(table.e), [table.stages - 1])
        np.testing.assert_array_equal(table.a[-1], table.m - table.e)


def stability(table: Tableau, z: complex, weights: np.ndarray) -> complex:
    """Value after one step of y' = z y from 1."""
    a, gamma, _, _ = table.classical()
    one = np.ones(table.stages)
    return complex(1 + z * weights @ np.linalg.solve(np.eye(table.stages) - z * (a + gamma), one))


@each_method
def test_l_stable(table: Tableau) -> None:
    _, _, b, embedded = table.classical()
    assert abs(stability(table, -1e10, b)) < 1e-6
    # a stiff unknown off its course makes an error estimate, but not more than it is off
    assert abs(stability(table, -1e10, embedded)) < (0.5 if table.name == "near4" else 1e-6)
    for y in np.logspace(-2, 4, 200):
        assert abs(stability(table, 1j * y, b)) <= 1 + 1e-12


@each_method
def test_dense_output_meets_the_ends_and_has_its_order(table: Tableau) -> None:
    a, gamma, _, _ = table.classical()
    beta, one = a + gamma, np.ones(table.stages)
    alpha, sums = a @ one, beta @ one
    np.testing.assert_allclose(table.dense_weights(1.0), table.m)
    np.testing.assert_array_equal(table.dense_weights(0.0), 0.0)
    for x in (0.2, 0.5, 0.9):
        weights = table.dense_weights(x) @ gamma
        conditions = (
            (weights.sum() - x,),
            (weights @ sums - x**2 / 2,),
            (weights @ alpha**2 - x**3 / 3, weights @ beta @ sums - x**3 / 6),
            (weights @ alpha**3 - x**4 / 4, weights @ beta @ alpha**2 - x**4 / 12),
        )
        assert max(abs(value) for group in conditions[: table.dense_order] for value in group) < 1e-13


def solve_by(table: Tableau, steps: int) -> float:
    """``y' = -y^2 + cos t + sin^2 t`` from 0 to 2 in the transformed form; its solution is sin t."""
    t, y, h = 0.0, 0.0, 2.0 / steps
    for _ in range(steps):
        slope, drift = -2 * y, -np.sin(t) + 2 * np.sin(t) * np.cos(t)
        u = np.zeros(table.stages)
        for i in range(table.stages):
            at, here = t + table.alpha[i] * h, y + table.a[i] @ u
            right = -(here**2) + np.cos(at) + np.sin(at) ** 2 + table.c[i] @ u / h + table.drift[i] * h * drift
            u[i] = right / (1 / (table.gamma * h) - slope)
        t, y = t + h, y + table.m @ u
    return abs(y - np.sin(2.0))


@each_method
def test_observed_order(table: Tableau) -> None:
    errors = [solve_by(table, steps) for steps in (40, 80, 160)]
    orders = np.log2(np.array(errors[:-1]) / errors[1:])
    assert np.all(np.abs(orders - table.order) < 0.35)


@each_method
def test_found_by_name(table: Tableau) -> None:
    assert find_tableau(table.name).name == table.name
    with pytest.raises(DeclarationError, match=table.name):
        find_tableau("euler")


def test_near4_misses_order_four_by_little() -> None:
    """Its conditions of order four are those that it was derived from, and better met than RODAS3's by a factor of ten."""
    table = near4()
    a, gamma, b, embedded = table.classical()
    beta, one = a + gamma, np.ones(4)
    alpha, sums = a @ one, beta @ one
    found = (
        b @ alpha**3 - 1 / 4,
        b @ (alpha * (a @ sums)) - 1 / 8,
        b @ beta @ alpha**2 - 1 / 12,
        b @ beta @ beta @ sums - 1 / 24,
    )
    g = table.gamma  # the error of a linear equation: Hairer and Wanner II, equation IV.6.17
    linear = -(g**4 - 4 * g**3 + 3 * g**2 - 2 / 3 * g + 1 / 24)
    np.testing.assert_allclose(found, (-0.00045, 0.0009, 0.0018, linear), atol=1e-14)
    assert residuals(table, b)[3] < 0.1 * residuals(find_tableau("rodas3"), find_tableau("rodas3").classical()[2])[3]
    np.testing.assert_allclose((embedded @ alpha**2 - 1 / 3, embedded @ beta @ sums - 1 / 6), (-ESTIMATED, 0.0), atol=1e-14)


def test_near4_damps_what_decays_without_ringing() -> None:
    _, _, b, _ = near4().classical()
    values = [stability(near4(), -z, b) for z in np.logspace(-3, 6, 300)]
    assert all(0.0 < value.real < 1.0 and value.imag == 0.0 for value in values)


@pytest.mark.parametrize(("rtol", "name"), [(1e-3, "near4"), (1e-5, "near4"), (9e-6, "rodas4p"), (1e-8, "rodas4p")])
def test_auto_goes_by_the_tolerance(rtol: float, name: str) -> None:
    assert find_tableau("auto", rtol).name == name
