"""Mistakes with options and while a model runs: each is refused by a sentence that names the thing and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pint
import pytest
import sympy

import geometry
import rxd
from geometry import GeometryError
from rxd.errors import ConvergenceError, DeclarationError, KernelError, RxdError, UnitsError

UNITS = pint.UnitRegistry()
Y_BRANCH = geometry.examples.y_branch()

RUNS: dict[str, tuple[Callable[[rxd.Simulation], Any], type[Exception], str]] = {
    "backwards": (
        lambda s: s.run(0.5),
        DeclarationError,
        r"at t = 1 ms and cannot run back to 0.5 ms. Call reset\(\) or restore",
    ),
    "until in words": (lambda s: s.run("10 ms"), UnitsError, r"until must be a number in ms; got '10 ms'"),
    "until NaN": (lambda s: s.run(float("nan")), UnitsError, r"until must be finite in ms"),
    "until in mV": (lambda s: s.run(3 * UNITS.mV), UnitsError, r"until must be a quantity that converts to ms"),
    "every zero": (
        lambda s: s.run(2, every=0),
        DeclarationError,
        r"every is the interval between samples.*must be positive; got 0",
    ),
    "record unknown": (
        lambda s: s.run(2, record=["na[cyt]"]),
        DeclarationError,
        r"'na\[cyt\]'. Unknowns: v, c\[cyt\]. Currents: none",
    ),
    "record a number": (lambda s: s.run(2, record=[3]), DeclarationError, r"Cannot record 3. Record rxd.v"),
    "record an array": (lambda s: s.run(2, record=[np.ones(3)]), DeclarationError, r"Cannot record array"),
    "record a word": (lambda s: s.run(2, record="hh.m"), DeclarationError, r"is a list: record=\['hh.m'\]"),
    "record no list": (lambda s: s.run(2, record=rxd.v), DeclarationError, r"is a list: record=\[v\]"),
    "record another cell": (
        lambda s: s.run(2, record=[rxd.v(Y_BRANCH["left"](0.5))]),
        GeometryError,
        r"left\(0.5\) is a place on another morphology",
    ),
    "record at no place": (
        lambda s: rxd.v(0.5),
        DeclarationError,
        r"v\(...\) takes a location such as cell.soma\(0.5\); got 0.5",
    ),
    "values unknown": (lambda s: s.values("nope"), DeclarationError, r"'nope'. Unknowns: v, c\[cyt\]"),
    "restore a number": (lambda s: s.restore(3), DeclarationError, r"restore takes a state of this simulation.*got 3"),
}


@pytest.mark.parametrize("mistake", RUNS.values(), ids=RUNS)
def test_mistake_in_a_run_leaves_the_simulation_as_it_was(mistake: Any, plain: Callable) -> None:
    act, kind, text = mistake
    sim = plain().compile(dt=0.1)
    sim.run(1)
    before = sim.state
    with pytest.raises(kind, match=text):
        act(sim)
    assert sim.t == 1
    assert np.array_equal(sim.state.y, before.y)


def test_a_place_outside_a_region_is_named(spiking: Callable) -> None:
    made = spiking()
    with pytest.raises(DeclarationError, match=r"'ca\[cyt\]' does not exist at right\(0.5\).*Record it where it lives"):
        made.compile().run(1, record=[made.species[made.cyt](made.cell["right"](0.5))])


OPTIONS: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "method": ({"method": "euler"}, DeclarationError, r"There is no method 'euler'. Methods: .*'split'"),
    "option": ({"method": "split", "step": 1}, DeclarationError, r"method='split' has no option 'step'. Its options: dt"),
    "dt zero": ({"method": "split", "dt": 0}, DeclarationError, r"dt must be positive, in ms; got 0"),
    "dt negative": ({"method": "split", "dt": -0.1}, DeclarationError, r"dt must be positive, in ms; got -0.1"),
    "dt None": (
        {"method": "split", "dt": None},
        DeclarationError,
        r"dt must be positive, in ms; got None. The split method has fixed",
    ),
    "dt in words": ({"method": "split", "dt": "small"}, UnitsError, r"dt must be a number in ms; got 'small'"),
    "dt NaN": ({"method": "split", "dt": float("nan")}, UnitsError, r"dt must be finite in ms"),
    "dt in mV": ({"method": "split", "dt": 1 * UNITS.mV}, UnitsError, r"dt must be a quantity that converts to ms"),
    "dt true": ({"method": "split", "dt": True}, UnitsError, r"dt must be a number in ms; got True \(bool\)"),
}


@pytest.mark.parametrize("case", OPTIONS.values(), ids=OPTIONS)
def test_options_that_cannot_be(case: Any, plain: Callable) -> None:
    options, kind, text = case
    with pytest.raises(kind, match=text):
        plain().model.compile(**options)


@pytest.mark.parametrize("function", [sympy.zeta, sympy.Function("mystery"), sympy.besselj])
def test_functions_without_kernel_are_named_with_what_there_is(function: Any, plain: Callable) -> None:
    made = plain()
    arguments = (2, made.species) if function is sympy.besselj else (made.species,)
    made.model.add(rxd.Rate(made.species, function(*arguments)))
    with pytest.raises(KernelError, match=r"Rates cannot use the function '(zeta|mystery|besselj)'.*Use exp, log, powers"):
        made.compile()


def failing(d: float) -> rxd.Simulation:
    """A rate that is not defined any more after 5 ms, in one branch."""
    model = rxd.Model(Y_BRANCH, segments=2)
    cyt = rxd.Region(Y_BRANCH.all, "cyt")
    c = rxd.Species(cyt, "c", d=d, initial=1.0)
    until = rxd.Parameter(cyt, "until", value=lambda node: np.where(node.section_name == "right", 5.0, 1e9))
    model.add(rxd.Rate(c, sympy.log(until - rxd.t)))
    return model.compile("split", dt=0.1)


@pytest.mark.parametrize("every", [0.1, 4.0])
def test_a_run_that_leaves_the_numbers_says_when_what_where_and_keeps_its_results(every: float) -> None:
    sim = failing(0.0)
    with pytest.raises(
        ConvergenceError, match=r"t = 5.1 ms, dt = 0.1 ms: .*try a smaller dt.*c\[cyt\] at right\(0.25\)"
    ) as caught:
        sim.run(20, record=["c[cyt]"], every=every)
    error = caught.value
    assert isinstance(error, RxdError)
    assert error.t == pytest.approx(5.1)
    assert (error.dt, error.unknown, error.place) == (0.1, "c[cyt]", "right(0.25)")
    assert error.results.t[-1] == pytest.approx(5.0 if every == 0.1 else 4.0)
    assert np.all(np.isfinite(error.results["c[cyt]"].values))
    assert "not finite" in error.results.reason.value


def test_after_a_failure_the_simulation_can_start_again() -> None:
    sim = failing(0.0)
    sim.run(4)
    kept, expected = sim.state, None
    for _ in range(2):
        with pytest.raises(ConvergenceError):
            sim.run(20)
        sim.restore(kept)
        sim.run(4.9)
        assert expected is None or np.array_equal(sim.state.y, expected)
        expected = sim.state.y
    sim.reset()
    sim.run(4)
    assert np.array_equal(sim.state.y, kept.y)


def test_a_branched_cell_that_fails_says_when_too() -> None:
    """Branch points are not finite after the failure: what is repeated to find it must not start from them."""
    with pytest.raises(ConvergenceError) as caught:
        failing(0.1).run(20)
    assert caught.value.t == pytest.approx(5.1)


@pytest.mark.parametrize(("method", "options"), [("split", {}), ("coupled", {}), ("coupled", {"dt": 0.1})])
def test_rates_that_are_no_numbers_at_the_beginning_are_a_failure_of_the_run(method: str, options: dict[str, float]) -> None:
    model = rxd.Model(Y_BRANCH, segments=1)
    c = rxd.Species(rxd.Region(Y_BRANCH.all, "cyt"), "c", initial=1.0)
    model.add(rxd.Rate(c, 1 / (c - 1)))
    with pytest.raises(ConvergenceError, match=r"not finite.*division by zero in a rate.*c\[cyt\] at parent\(0.5\)") as caught:
        model.compile(method, **options).run(1, record=["c[cyt]"])
    assert caught.value.results.t[0] == 0.0
