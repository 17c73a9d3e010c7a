"""Unknowns and parameters set between runs, and what electrodes and runs give back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import geometry
import rxd
from rxd import library

METHODS: Any = (
    ("split", {"dt": 0.025}),
    ("coupled", {"dt": 0.025}),
    ("coupled", {"dt": 0.025, "solver": "petsc"}),
)
CELL = geometry.examples.y_branch()


def model(gnabar: float = 0.12, k: Any = 0.3, where: geometry.Selection | None = None) -> tuple[rxd.Model, Any]:
    """A fork with spikes in its parent, leaking branches and a species that decays; parameters as given."""
    made = rxd.Model(CELL, segments=3)
    made.insert(library.hh(gnabar=gnabar), on=CELL["parent"])
    made.insert(library.pas(g=1e-4, e=-65), on=CELL["left"] | CELL["right"])
    made.add(rxd.IClamp(CELL["parent"](0.5), amp=0.3, delay=1, dur=3))
    cyt = rxd.Region(CELL.all, "cyt")
    ca = rxd.Species(cyt, "ca", d=0.3, initial=1.0)
    rate = rxd.Parameter(cyt, "k", value=k)
    made.add(rxd.Rate(ca, -rate[cyt] * ca))
    return made, (ca, cyt, rate)


@pytest.mark.parametrize(("method", "options"), METHODS)
def test_a_model_whose_parameters_are_set_is_one_that_was_compiled_with_them(method: str, options: Any) -> None:
    def slower(nodes: Any) -> Any:
        return np.where(nodes.section_name == "left", 0.1, 0.2 + 0.1 * nodes.x)

    made, (ca, cyt, rate) = model()
    sim = made.compile(method, **options)
    sim.run(2)
    old = sim.values("v"), sim.values(ca[cyt])
    sim.set("hh.gnabar", 0.07)
    sim.set(rate, slower)
    sim.reset()
    sim.run(2)
    other, (ca_2, cyt_2, _) = model(0.07, slower)
    fresh = other.compile(method, **options)
    fresh.run(2)
    np.testing.assert_allclose(sim.values("v"), fresh.values("v"), rtol=1e-12)
    np.testing.assert_allclose(sim.values(ca[cyt]), fresh.values(ca_2[cyt_2]), rtol=1e-12)
    assert np.abs(sim.values("v") - old[0]).max() > 1
    assert np.abs(sim.values(ca[cyt]) - old[1]).max() > 0.1


@pytest.mark.parametrize(("method", "options"), METHODS[:2])
def test_leaks_and_places_can_be_set_too(method: str, options: Any) -> None:
    """Currents that are linear in v are part of the cable's matrix in the split step."""
    sim = model()[0].compile(method, **options)
    sim.run(0.5)
    sim.set("pas.e", -40.0, on=CELL["left"])
    sim.set("pas.g", 1.0, on=CELL["left"](1.0))
    sim.run(20)
    v = sim.values("v")
    left = sim.discretization.segments.of(CELL["left"])
    right = sim.discretization.segments.of(CELL["right"])
    assert v[left[-1]] == pytest.approx(-40, abs=0.3)
    assert v[right].max() < -45


def test_unknowns_are_set_by_number_array_function_and_place() -> None:
    made, (ca, cyt, _) = model()
    sim = made.compile("split")
    sim.run(0.5)
    sim.set(ca[cyt], 2.0)
    assert np.all(sim.values(ca[cyt]) == 2.0)
    sim.set(ca, lambda nodes: nodes.x)
    np.testing.assert_array_equal(sim.values(ca[cyt]), sim.discretization.segments.x)
    sim.set(ca, 3.0, on=CELL["left"])
    assert np.count_nonzero(sim.values(ca[cyt]) == 3.0) == 3
    sim.set(rxd.v(CELL["parent"](0.5)), -20.0)
    assert sim.values("v")[1] == -20.0
    kept = sim.values("v")
    sim.set("v", kept + 1)
    np.testing.assert_array_equal(sim.values("v"), kept + 1)
    assert sim.t == 0.5


def test_setting_v_above_a_threshold_is_no_spike() -> None:
    made, _ = model()
    made.add(rxd.Detector(CELL["parent"](0.5), threshold=-30))
    for method in ("split", "coupled"):
        sim = made.compile(method)
        sim.set("v", 0.0)
        assert not sim.run(0.1).spikes["parent(0.5)"].size


@pytest.mark.parametrize(
    ("key", "value", "on", "match"),
    [
        ("hh.gna", 1.0, None, r"Nothing that can be set is called 'hh.gna'. Unknowns: v.*Parameters: .*hh.gnabar.*k\[cyt\]"),
        ("hh.gnabar", 1.0, CELL["left"], "'hh.gnabar' does not exist at"),
        ("v", [1.0, 2.0], None, r"an array of shape \(9,\), or a function of the nodes; got an array of shape \(2,\)"),
        ("hh.gnabar", np.ones(3), None, r"The value of hh.gnabar is a number, or a function of the nodes"),
        ("v", "high", None, "must be a number in mV"),
        (3.0, 1.0, None, r"Cannot set 3.0. Set rxd.v"),
        ("v", 1.0, "parent", "on= is a selection such as"),
    ],
)
def test_what_cannot_be_set_is_named(key: Any, value: Any, on: Any, match: str) -> None:
    with pytest.raises(rxd.RxdError, match=match):
        model()[0].compile("split").set(key, value, on=on)


@pytest.mark.parametrize("method", ["split", "coupled"])
def test_the_current_of_a_voltage_clamp_is_that_of_the_channels_under_it(method: str) -> None:
    """Gates at a held potential are exponentials: sodium, potassium and leak add up to what the clamp gives."""
    cell = geometry.cylinder(10.0, 10 / np.pi)
    made = rxd.Model(cell, segments=1)
    made.insert(library.hh(), on=cell.all)
    clamp = rxd.VClamp(cell.all(0.5), [-65.0, 0.0], [1.0, np.inf])
    pulse = rxd.IClamp(cell.all(0.5), amp=0.01, delay=2, dur=1)
    made.add(clamp, pulse)
    options = {"dt": 0.005} if method == "split" else {"rtol": 1e-7}
    sim = made.compile(method, **options)
    result = sim.run(8, record=[clamp, pulse, "hh.ina", "hh.ik", "hh.il"], every=0.25)
    channels = sum(result[label].values[:, 0] for label in ("hh.ina", "hh.ik", "hh.il"))
    settled = result.t > 1.1  # the capacity is charged within microseconds
    expected = 1e-2 * 100 * channels - result[pulse].values
    late = 0.012 if method == "split" else 1e-4  # half a step, in which currents change by so much at most
    np.testing.assert_allclose(result[clamp].values[settled], expected[settled], rtol=1e-3, atol=late)
    np.testing.assert_allclose(result[pulse].values, np.where((result.t > 2) & (result.t <= 3), 0.01, 0.0))
    assert result[clamp].attrs["units"] == "nA"
    assert {"VClamp.i at cable(0.5)", "IClamp.i at cable(0.5)"} <= set(result.dataset())
    assert sim.values(clamp) == pytest.approx(result[clamp].values[-1])
    assert "VClamp.i" in repr(result)


def test_the_current_of_a_clamp_that_is_not_there_is_refused() -> None:
    clamp = rxd.SEClamp(CELL["parent"](0.5), -65)
    made, _ = model()
    sim = made.compile("split")
    with pytest.raises(rxd.DeclarationError, match=r"SEClamp.i at parent\(0.5\): this clamp was not in the model"):
        sim.run(1, record=[clamp])
    result = sim.run(1, record=[rxd.v])
    with pytest.raises(KeyError, match=r"was not recorded\. Add the clamp to record"):
        result[clamp]
