"""Vector functions of kernels against the C library and against mpmath."""

from __future__ import annotations

import math
from collections.abc import Callable

import mpmath
import numba as nb
import numpy as np
import pytest

from rxd.codegen import vmath

RNG = np.random.default_rng


def over(function: Callable) -> Callable:
    """A loop over an array, as in a kernel."""

    @nb.njit(fastmath={"contract", "nsz", "arcp"}, error_model="numpy")
    def loop(x: np.ndarray) -> np.ndarray:
        y = np.empty_like(x)
        for i in range(x.size):
            y[i] = function(x[i])
        return y

    return loop


def exactly(function: Callable, x: np.ndarray) -> np.ndarray:
    with mpmath.workdps(40):
        return np.array([float(function(mpmath.mpf(float(value)))) for value in x])


def test_exp() -> None:
    x = np.concatenate([RNG(0).uniform(-700, 700, 20_000), RNG(1).normal(size=20_000), np.array([0.0, -0.0, 1e-300, 1.0])])
    exp = over(vmath.vexp)
    np.testing.assert_allclose(exp(x), np.exp(x), rtol=2e-15)
    np.testing.assert_array_equal(exp(np.array([0.0, np.nan])), [1.0, np.nan])
    far = exp(np.array([-1e4, -np.inf, 1e4, np.inf]))
    assert np.all(far[:2] < 1e-300)
    assert np.all(far[2:] > 1e300)
    assert np.all(np.isfinite(far))


def test_reciprocal() -> None:
    sign = np.where(RNG(0).random(20_000) < 0.5, -1.0, 1.0)
    wide, powers = sign * 10.0 ** RNG(1).uniform(-300, 300, 20_000), 2.0 ** np.arange(-9, 9)
    x = np.concatenate([wide, RNG(2).uniform(1, 2, 20_000), powers])
    reciprocal = over(vmath.reciprocal)
    np.testing.assert_allclose(reciprocal(x), 1.0 / x, rtol=4.5e-16)
    with np.errstate(all="ignore"):
        assert not np.isfinite(reciprocal(np.array([0.0, -0.0, np.inf, -np.inf, np.nan]))).any()  # a zero pivot must show


def test_log() -> None:
    x = np.concatenate(
        [10.0 ** RNG(0).uniform(-300, 300, 20_000), RNG(1).uniform(0.5, 2, 20_000), 1 + 1e-9 * RNG(2).normal(size=100)]
    )
    log = over(vmath.vlog)
    np.testing.assert_allclose(log(x), np.log(x), rtol=2e-15, atol=1e-18)
    assert log(np.array([1.0]))[0] == 0
    assert np.all(np.isnan(log(np.array([0.0, -1.0, -np.inf, np.nan]))))  # what a rate made of it must not look like a number


def test_powers() -> None:
    base = 10.0 ** RNG(0).uniform(-8, 8, 10_000)

    for exponent in (0.5, 1.5, -2.7, 3.3):
        power = over(nb.njit(lambda x, e=exponent: vmath.vpow(x, e)))
        np.testing.assert_allclose(power(base), base**exponent, rtol=3e-14)
        assert np.isnan(power(np.array([-1.0]))[0])
        assert power(np.array([0.0]))[0] == (0 if exponent > 0 else math.inf)


def test_tanh() -> None:
    x = np.concatenate(
        [RNG(0).uniform(-30, 30, 10_000), RNG(1).uniform(-0.06, 0.06, 10_000), np.array([0.0, 1e-12, -400.0, 400.0])]
    )
    np.testing.assert_allclose(over(vmath.vtanh)(x), np.tanh(x), rtol=5e-15)


@pytest.mark.parametrize(
    ("function", "exact"),
    [
        (vmath.bernoulli_ratio, lambda z: z / mpmath.expm1(z) if z else mpmath.mpf(1)),
        (
            vmath.bernoulli_slope,
            lambda z: (mpmath.expm1(z) - z * mpmath.exp(z)) / mpmath.expm1(z) ** 2 if z else mpmath.mpf(-0.5),
        ),
        (vmath.exponential_ratio, lambda z: mpmath.expm1(z) / z if z else mpmath.mpf(1)),
    ],
    ids=["ratio", "slope", "exponential"],
)
def test_ratios_are_smooth_through_zero(function: Callable, exact: Callable) -> None:
    borders = [s * b * (1 + d) for b in (0.1, 0.3, 0.4) for s in (-1, 1) for d in (-1e-12, 0.0, 1e-12)]
    x = np.concatenate(
        [RNG(0).uniform(-60, 60, 300), RNG(1).uniform(-0.6, 0.6, 600), 1e-6 * RNG(2).normal(size=50), borders, [0.0]]
    )
    np.testing.assert_allclose(over(function)(x), exactly(exact, x), rtol=3e-14, atol=1e-300)
    far = over(function)(np.array([-700.0, 700.0]))
    np.testing.assert_allclose(far, exactly(exact, np.array([-700.0, 700.0])), rtol=1e-13, atol=1e-300)


def test_the_polynomial_of_gates_is_exact_where_it_is_used() -> None:
    x = np.concatenate([RNG(0).uniform(-vmath.NEAR_0, vmath.NEAR_0, 2000), [-vmath.NEAR_0, 0.0, vmath.NEAR_0]])
    exact = exactly(lambda z: mpmath.expm1(z) / z if z else mpmath.mpf(1), x)
    np.testing.assert_allclose(over(vmath.exponential_ratio_near_0)(x), exact, rtol=5e-16)
