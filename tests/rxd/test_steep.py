"""Rates that rise within a thousandth: their values, and the slopes that implicit steps need, where exponentials end."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.optimize import brentq

import rxd
from geometry import cylinder
from rxd.codegen.exponentials import share_exponentials
from rxd.codegen.printer import LanePrinter, assignments
from rxd.symbolic.exponents import whole_exponentials
from rxd.symbolic.quotients import cleared_quotients

C = sympy.Symbol("c", real=True)
UP, BUILT = 0.1, 0.01
STEEP = {
    "logistic": lambda c: 1 / (1 + sympy.exp((2 - c) / 0.001)),
    "quotient": lambda c: sympy.exp((c - 2) / 0.001) / (1 + sympy.exp((c - 2) / 0.001)),
    "Hill": lambda c: c**300 / (c**300 + 2.0**300),
    "Hill over": lambda c: 1 / (1 + (c / 2) ** -300),
}


@pytest.mark.parametrize("shape", STEEP)
@pytest.mark.parametrize("method", ["split", "coupled"])
def test_a_switch_is_on_above_and_off_below(shape: str, method: str) -> None:
    cell = cylinder(30, 2)
    cyt = rxd.Region(cell.all, "cyt")
    start = np.array([4.0, 0.5, 1e-3])
    c = rxd.Species(cyt, "c", initial=lambda node: start[round(3 * node.x - 0.5)])
    model = rxd.Model(cell, segments=3)
    model.add(c, rxd.Rate(c, UP * STEEP[shape](c[cyt]) - BUILT * c[cyt]))
    sim = model.compile(method=method, **({"dt": 0.1} if method == "split" else {"rtol": 1e-8}))
    sim.run(30)
    decay = np.exp(-BUILT * 30)
    on = np.array([1.0, 0, 0])
    np.testing.assert_allclose(sim.values(c), start * decay + on * UP / BUILT * (1 - decay), rtol=1e-5)


@pytest.mark.parametrize("shape", STEEP)
def test_slopes_are_finite_and_those_of_exact_arithmetic(shape: str) -> None:
    """In the order in which kernels multiply."""
    rate = whole_exponentials(STEEP[shape](C))
    lines = assignments(["rate", "slope"], [rate, sympy.diff(rate, C)], ["c"])
    exact = sympy.diff(STEEP[shape](C), C)
    for c in (0.5, 1.99, 1.9995, 2.0, 2.0005, 2.01, 4.0):
        names = {"c": c, "vexp": lambda x: np.exp(np.clip(x, -708, 708)), "vpow": np.power}
        exec("\n".join(lines), names)
        assert names["slope"] == pytest.approx(float(exact.subs(C, sympy.Float(c, 30)).evalf(30)), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("c", [0.005, 0.01, 0.0195, 0.3, 2.0])
def test_steep_exponentials_of_one_variable_keep_their_slopes(c: float) -> None:
    """One as the square of the other would overflow, in its value already."""
    small, large = sympy.exp(1000.0 * (C - 0.01)), sympy.exp(2000.0 * (C - 0.02))
    expressions = [rate := small / (1 + small) + large / (1 + large), sympy.diff(rate, C)]
    shared, values = share_exponentials(expressions, ["c"])
    lines = [f"{symbol.name} = {LanePrinter().doprint(value)}" for symbol, value in shared]
    lines += assignments(["rate", "slope"], values, ["c", *(symbol.name for symbol, _ in shared)])
    names = {"c": np.float64(c), "vexp": lambda x: np.exp(np.clip(x, -708, 708)), "vpow": np.power}
    exec("\n".join(lines), names)
    for name, expression in zip(("rate", "slope"), expressions, strict=True):
        assert names[name] == pytest.approx(float(expression.subs(C, sympy.Float(c, 30)).evalf(30)), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("power", "sign"), [(17, -1), (18, 1)])
def test_high_powers_of_negative_numbers_have_their_sign(power: int, sign: int) -> None:
    (line,) = assignments(["y"], [C**power], ["c"])
    names = {"c": -1.5, "vpow": lambda x, y: x**y if x >= 0 else np.nan}
    exec(line, names)
    assert names["y"] == pytest.approx(sign * 1.5**power)


def test_factors_of_ordinary_size_stay_before_exponentials() -> None:
    usual = 6.022e23 * sympy.exp(C / 10) + sympy.exp(-(C + 65.0) / 18) * sympy.exp(2)
    assert whole_exponentials(usual) is usual
    both = whole_exponentials(1 / (1 + sympy.exp(2000.0 - 1000.0 * C)) + 0.1 * sympy.exp(2000.0 - 1000.0 * C))
    assert len(both.atoms(sympy.exp)) == 1


@pytest.mark.parametrize(("method", "power"), [("split", 2), ("coupled", 2), ("split", 2.0), ("split", 2.5)])
def test_a_pump_rests_where_there_is_nothing_to_pump(method: str, power: float) -> None:
    """``1 / (1 + (k / c)**n)`` is 0 at c = 0, and its slope was infinity by infinity."""
    cell = cylinder(30, 2)
    cyt = rxd.Region(cell.all, "cyt")
    c, d = rxd.Species(cyt, "c", initial=lambda node: 2.0 * (node.x > 0.5)), rxd.Species(cyt, "d")
    model = rxd.Model(cell, segments=2)
    model.add(c, d, rxd.Reaction(c, d, 0.1 / (1 + (0.5 / c[cyt]) ** power), custom_dynamics=True))
    sim = model.compile(method=method, **({"dt": 0.01} if method == "split" else {"rtol": 1e-8}))
    sim.run(10)
    # c' = -0.1 / (1 + (0.5 / c)**n) from 2: c - 0.5**n c**(1 - n) / (n - 1) falls by 0.1 t
    left = brentq(lambda c: c - 2 - 0.5**power * (c ** (1 - power) - 2 ** (1 - power)) / (power - 1) + 1, 0.5, 2)
    np.testing.assert_allclose(sim.values(c), [0, left], rtol=1e-6)
    np.testing.assert_allclose(sim.values(c) + sim.values(d), [0, 2], rtol=1e-12)


def test_quotients_below_fraction_lines_are_cleared_to_the_innermost() -> None:
    a = sympy.Symbol("a", real=True)
    rate = (1 + 3 / C**2 + a / C) ** -2 + 1 / (1 + 2 / (1 + a / C)) + a / C
    cleared = cleared_quotients(rate)
    assert sympy.simplify(cleared - rate) == 0
    assert cleared - a / C == C**4 / (C**2 + a * C + 3) ** 2 + (C + a) / (3 * C + a)


def test_quotients_of_what_may_overflow_are_left_alone() -> None:
    """``(1 + exp(x)) / (21 + 20 exp(x))`` was 0 where ``1 / (20 + 1 / (1 + exp(x)))`` is 1 / 20."""
    cell = cylinder(30, 2)
    cyt = rxd.Region(cell.all, "cyt")
    c = rxd.Species(cyt, "c", initial=2.0)
    model = rxd.Model(cell, segments=2)
    model.add(c, rxd.Rate(c, -0.1 * c[cyt] / (20 + 1 / (1 + sympy.exp(1000 * c[cyt])))))
    sim = model.compile(method="split", dt=0.01)
    sim.run(1)
    np.testing.assert_allclose(sim.values(c), 2 * np.exp(-0.005), rtol=1e-6)


def test_quotients_of_several_variables_have_values_where_all_are_zero() -> None:
    """``1 / (1 / p + 1 / q)`` is 0 there, as in C, and ``p * q / (p + q)`` no number."""
    cell = cylinder(30, 2)
    cyt = rxd.Region(cell.all, "cyt")
    c, p, q = rxd.Species(cyt, "c", initial=2.0), rxd.Parameter(cyt, "p", value=0.0), rxd.Parameter(cyt, "q", value=0.0)
    model = rxd.Model(cell, segments=2)
    model.add(c, p, q, rxd.Rate(c, -c[cyt] / (1 / p[cyt] + 1 / q[cyt]) - 0.1 * c[cyt]))
    sim = model.compile(method="split", dt=0.01)
    sim.run(1)
    np.testing.assert_allclose(sim.values(c), 2 * np.exp(-0.1), rtol=1e-6)
