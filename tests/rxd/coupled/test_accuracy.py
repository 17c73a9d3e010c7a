"""How accurate the coupled stepper is: order with fixed steps, tolerance with adaptive ones, splitting, conservation."""

from __future__ import annotations

import numpy as np
import pytest

import geometry
import rxd
from cable.constants import FARADAY


def orders(case, divisions: tuple[int, ...], **options) -> np.ndarray:
    """Observed orders between neighbouring numbers of steps, in every unknown at 40 times (most of them inside steps)."""
    errors = [case.error(case.run(dt=case.until / n, **options)) for n in divisions]
    return np.log2(np.array(errors[:-1]) / errors[1:])


def test_fixed_steps_have_the_order_of_the_method(case) -> None:
    found = orders(case, (160, 320, 640), tableau="rodas4p")
    assert np.all(found > 3.8)
    assert np.all(found < 6)


def test_fixed_steps_of_the_default_have_nearly_order_four(case) -> None:
    # in the mean: errors of orders three and four may cancel somewhere
    found = orders(case, (80, 160, 320, 640))
    assert 3.4 < found.mean() < 5
    assert found[0] > 3.8


@pytest.mark.parametrize(("tableau", "expected"), [("rodas3", 3), ("rodas5p", 5)])
def test_other_methods_have_theirs(cases, tableau: str, expected: int) -> None:
    found = orders(cases["accumulation"], (320, 640), tableau=tableau)
    assert abs(found[0] - expected) < 0.4


@pytest.mark.parametrize("rtol", [1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8])
def test_adaptive_steps_meet_the_tolerance(case, rtol: float) -> None:
    assert case.error(case.run(rtol=rtol)) < 5 * rtol


@pytest.mark.parametrize("tableau", ["rodas3", "rodas5p"])
def test_other_methods_meet_it_too(cases, tableau: str) -> None:
    for name in ("hh_cable", "calcium_wave"):
        assert cases[name].error(cases[name].run(rtol=1e-5, tableau=tableau)) < 5e-5


def test_steps_grow_with_accuracy_as_the_order_predicts(case) -> None:
    few, many = (case.run(rtol=rtol, tableau="rodas4p").statistics.steps for rtol in (1e-5, 1e-8))
    # 1000 ** (1 / 4) = 5.6 times as many, less where the beginning and jumps cost the same for every tolerance
    assert 3.0 < many / few < 6.5
    few, many = (case.run(rtol=rtol, tableau="near4").statistics.steps for rtol in (1e-4, 1e-6))
    # 100 ** (1 / 3) = 4.6, with the same reservation
    assert 2.2 < many / few < 5.0


def test_splitting_converges_to_the_coupled_solution(case) -> None:
    errors = [case.error(case.run(method="split", dt=case.until / n), last=True) for n in (320, 640, 1280)]
    found = np.log2(np.array(errors[:-1]) / errors[1:])
    assert errors[-1] < 1e-2
    assert np.all(found > 1.7)


def amounts(simulation: rxd.Simulation, labels: list[str]) -> float:
    """Amount of some species together, mM um3."""
    layout, capacity, y = simulation.discretization.layout, simulation.discretization.capacity, simulation.state.y
    return float(sum(capacity[b.start : b.stop] @ y[b.start : b.stop] for b in (layout[label] for label in labels)))


@pytest.mark.parametrize("options", [{"rtol": 1e-3}, {"rtol": 1e-6}, {"dt": 0.1}], ids=["loose", "tight", "fixed"])
def test_mass_and_charge_are_conserved(cases, options: dict) -> None:
    wave = cases["calcium_wave"].model.compile(**options)
    before = amounts(wave, ["ca[cyt]", "ca[er]"]), amounts(wave, ["ip3[cyt]"])
    wave.run(100)
    after = amounts(wave, ["ca[cyt]", "ca[er]"]), amounts(wave, ["ip3[cyt]"])
    np.testing.assert_allclose(after, before, rtol=1e-12)

    neuron = cases["little_neuron"].model.compile(**options)
    total = amounts(neuron, ["tracer[part]"]), amounts(neuron, ["buffer[cyt]", "bound[cyt]"])
    neuron.run(4)
    np.testing.assert_allclose(
        (amounts(neuron, ["tracer[part]"]), amounts(neuron, ["buffer[cyt]", "bound[cyt]"])), total, rtol=1e-12
    )


@pytest.mark.parametrize("options", [{"rtol": 1e-4}, {"dt": 0.05}], ids=["adaptive", "fixed"])
def test_sodium_and_potassium_cross_the_membrane_as_charge(cases, options: dict) -> None:
    """What the ions carry inward, in coulomb, is what the membrane gains but for the leak and the electrode."""
    simulation = cases["accumulation"].model.compile(**options)
    inside, outside = amounts(simulation, ["na[cyt]"]), amounts(simulation, ["na[out]"])
    simulation.run(4)
    gained, lost = amounts(simulation, ["na[cyt]"]) - inside, outside - amounts(simulation, ["na[out]"])
    assert gained > 0
    np.testing.assert_allclose(gained, lost, rtol=1e-9)
    np.testing.assert_allclose(amounts(simulation, ["na[cyt]", "na[out]"]), inside + outside, rtol=1e-12)


@pytest.mark.parametrize("options", [{"rtol": 1e-4}, {"dt": 0.05}], ids=["adaptive", "fixed"])
def test_charge_of_the_membrane_is_what_ions_carry(options: dict) -> None:
    """A pump alone on a branched cell, no leak: what v holds in coulomb is F times the moles that crossed."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=3)
    cyt, mem = rxd.Region(cell.all, "cyt", side="i"), rxd.Region(cell.all, "mem", shape=rxd.membrane)
    na = rxd.Species(cyt, "na", d=0.6, charge=1, initial=lambda node: 10 + 30 * np.asarray(node.x))
    k = rxd.Species(cyt, "k", d=1.0, charge=1, initial=140)
    rate = 2e4 * (na[cyt] / (na[cyt] + 20)) ** 3 * (1 + rxd.v / 200)
    model.add(
        rxd.MultiCompartmentReaction(3 * na[cyt], 2 * k[cyt], rate, membrane=mem, custom_dynamics=True, membrane_flux=True)
    )
    simulation = model.compile(**options)
    before = [amounts(simulation, [label]) for label in ("v", "na[cyt]", "k[cyt]")]
    simulation.run(3)
    v, sodium, potassium = (amounts(simulation, [b]) - a for a, b in zip(before, ("v", "na[cyt]", "k[cyt]"), strict=True))
    picocoulomb = 1e-6 * FARADAY  # of one mM um3
    assert abs(v) > 1e-5 * picocoulomb * sum(before[1:])
    assert abs(v - picocoulomb * (sodium + potassium)) <= 1e-12 * picocoulomb * sum(before[1:])


@pytest.mark.parametrize("options", [{"rtol": 1e-4}, {"dt": 0.1}], ids=["adaptive", "fixed"])
def test_pump_charge_equals_moles(cases, options: dict) -> None:
    """Closed but for the pump: three sodium out for two potassium in, to round-off of the amounts."""
    simulation = cases["electrogenic_pump"].model.compile(**options)
    na, k = amounts(simulation, ["na[cyt]"]), amounts(simulation, ["k[cyt]"])
    simulation.run(8)
    out, entered = na - amounts(simulation, ["na[cyt]"]), amounts(simulation, ["k[cyt]"]) - k
    assert out > 0.03 * na
    assert abs(2 * out - 3 * entered) <= 1e-12 * (2 * na + 3 * k)
