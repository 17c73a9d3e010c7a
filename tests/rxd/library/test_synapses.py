"""Synapses: what an event adds, what the current is, and the shape of the conductance over time against closed forms."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import geometry
import rxd
from rxd import library

V = np.array([-90.0, -64.3, -20.0, 0.0, 33.0])


def two_exponentials(t: np.ndarray, rise: float, decay: float) -> np.ndarray:
    """The difference of two exponentials, scaled by its largest value found numerically."""
    fine = np.linspace(0, 20 * decay, 2_000_001)
    peak = np.max(np.exp(-fine / decay) - np.exp(-fine / rise))
    return np.where(t >= 0, np.exp(-np.maximum(t, 0) / decay) - np.exp(-np.maximum(t, 0) / rise), 0.0) / peak


@pytest.mark.parametrize("name", ["exp2_syn", "nmda"])
@pytest.mark.parametrize(("tau1", "tau2"), [(0.1, 10.0), (2.0, 3.0), (0.5, 80.0)])
def test_weight_is_the_peak_conductance(name: str, tau1: float, tau2: float, numbers: Callable) -> None:
    mechanism = getattr(library, name)(tau1=tau1, tau2=tau2)
    amount = {state: float(numbers(jump, weight=0.7, tau1=tau1, tau2=tau2)) for state, jump in mechanism.on_event.items()}
    assert amount["A"] == amount["B"]
    fine = np.linspace(0, 20 * tau2, 2_000_001)
    conductance = amount["B"] * np.exp(-fine / tau2) - amount["A"] * np.exp(-fine / tau1)
    assert conductance.max() == pytest.approx(0.7, rel=1e-8)


def test_states_decay_with_their_times(numbers: Callable) -> None:
    values = {"tau": 2.5, "tau1": 0.5, "tau2": 4.0, "g": 0.3, "A": 0.2, "B": 0.1}
    expected = {"g": -0.12, "A": -0.4, "B": -0.025}
    for mechanism in (library.exp_syn(), library.exp2_syn(), library.nmda()):
        for gate in mechanism.gates:
            assert numbers(gate.rate, **values) == pytest.approx(expected[gate.symbol.name], rel=1e-14)


@pytest.mark.parametrize("tau1", [5.0, 7.0])
def test_equal_time_constants_give_the_alpha_function(tau1: float, numbers: Callable) -> None:
    """As in NEURON, a rise time at or above the decay time counts as 0.9999 of it."""
    mechanism = library.exp2_syn(tau1=tau1, tau2=5.0)
    amount = float(numbers(mechanism.on_event["A"], weight=1.0, tau1=tau1, tau2=5.0))
    rates = {gate.symbol.name: float(numbers(gate.rate, A=1.0, B=1.0, tau1=tau1, tau2=5.0)) for gate in mechanism.gates}
    assert rates["B"] == pytest.approx(-0.2, rel=1e-15)
    assert rates["A"] == pytest.approx(-0.2 / 0.9999, rel=1e-14)
    t = np.linspace(0, 40, 81)
    conductance = amount * (np.exp(rates["B"] * t) - np.exp(rates["A"] * t))
    np.testing.assert_allclose(conductance, t / 5 * np.exp(1 - t / 5), atol=1e-4)


def test_defaults_are_those_of_neuron_where_it_has_the_mechanism() -> None:
    assert dict(library.exp_syn().parameters) == {"tau": 0.1, "e": 0.0}
    assert dict(library.exp2_syn().parameters) == {"tau1": 0.1, "tau2": 10.0, "e": 0.0}
    assert dict(library.alpha_synapse().parameters) == {"onset": 0.0, "tau": 0.1, "gmax": 0.001, "e": 0.0}
    assert dict(library.nmda().parameters) == {"tau1": 2.0, "tau2": 80.0, "e": 0.0, "mg": 1.0}
    assert all(gate.initial == 0 for f in (library.exp_syn, library.exp2_syn, library.nmda) for gate in f().gates)


def test_currents(numbers: Callable) -> None:
    (exp_syn,), (exp2,), (nmda,), (alpha,) = (
        f().currents for f in (library.exp_syn, library.exp2_syn, library.nmda, library.alpha_synapse)
    )
    np.testing.assert_allclose(numbers(exp_syn.density, v=V, g=0.2, e=-5.0), 0.2 * (V + 5), rtol=1e-14)
    np.testing.assert_allclose(numbers(exp2.density, v=V, A=0.1, B=0.3, e=-5.0), 0.2 * (V + 5), rtol=1e-14)
    for mg in (0.0, 1.0, 1.7):
        block = 1 / (1 + np.exp(-0.062 * V) * mg / 3.57)
        np.testing.assert_allclose(numbers(nmda.density, v=V, A=0.1, B=0.3, e=2.0, mg=mg), 0.2 * block * (V - 2), rtol=1e-13)
    t = np.array([-3.0, 0.0, 1.9, 2.0, 3.0, 5.5, 100.0])
    shape = np.where(t > 2, (t - 2) / 1.5 * np.exp(-(t - 2 - 1.5) / 1.5), 0)
    found = numbers(alpha.density, t=t, v=-65.0, onset=2.0, tau=1.5, gmax=0.004, e=-10.0)
    np.testing.assert_allclose(found, 0.004 * shape * -55, rtol=1e-13)


def test_magnesium_blocks_at_rest_and_lets_go_when_depolarised(numbers: Callable) -> None:
    """Jahr and Stevens 1990: with 1 mM magnesium some 5 per cent conduct at -65 mV, half near -20 mV."""
    current = library.nmda().currents[0].density
    fraction = numbers(current, v=V, A=0.0, B=1.0, e=-200.0, mg=1.0) / (V + 200.0)
    assert np.all(np.diff(fraction) > 0)
    assert numbers(current, v=-65.0, A=0.0, B=1.0, e=-66.0, mg=1.0) == pytest.approx(0.0598, abs=1e-3)
    half = -np.log(3.57) / 0.062
    assert numbers(current, v=half, A=0.0, B=1.0, e=half - 1.0, mg=1.0) == pytest.approx(0.5, rel=1e-12)


# --- in a running model ---------------------------------------------------------------------------------------------


def run_with(synapse: rxd.PointMechanism, record: list[str], times: list[float], weight: float = 0.002) -> rxd.Results:
    """A passive sphere with one synapse; events arrive at the given times plus a delay of 1 ms."""
    cell = geometry.cylinder(20.0, 20.0, name="soma")
    model = rxd.Model(cell, segments=1, v_init=-70.0)
    model.insert(library.pas(), on=cell.all)
    target = model.add(rxd.PointProcess(synapse, cell["soma"](0.5)))
    if synapse.on_event:
        model.add(rxd.NetCon(rxd.SpikeSource(times=times), target, weight=weight, delay=1.0))
    return model.compile(method="split", dt=0.025).run(30.0, record=[*record, rxd.v], every=0.1)


def test_exponential_conductance_is_exact_over_time() -> None:
    result = run_with(library.exp_syn(tau=2.5, e=-10.0), ["exp_syn.g", "exp_syn.i"], [4.0, 9.3])
    since = result.t[:, None] - np.array([5.0, 10.3])
    expected = np.where(since > -1e-9, 0.002 * np.exp(-since / 2.5), 0.0).sum(axis=1)
    # A sample at the very time of an event is taken before it is delivered.
    free = np.all(np.abs(since) > 1e-9, axis=1)
    g, i, v = (values[:, 0] for values in result.values)
    np.testing.assert_allclose(g[free], expected[free], rtol=1e-12, atol=1e-18)
    np.testing.assert_allclose(i, g * (v + 10), rtol=1e-12, atol=1e-18)
    assert v.max() > -69.0
    assert result.statistics.events == 2


def test_two_exponentials_are_exact_over_time_and_add_up() -> None:
    result = run_with(library.exp2_syn(tau1=0.6, tau2=4.0), ["exp2_syn.A", "exp2_syn.B", "exp2_syn.i"], [4.0, 6.0])
    a, b, i, v = (values[:, 0] for values in result.values)
    expected = 0.002 * (two_exponentials(result.t - 5, 0.6, 4.0) + two_exponentials(result.t - 7, 0.6, 4.0))
    np.testing.assert_allclose(b - a, expected, rtol=1e-8, atol=1e-15)
    np.testing.assert_allclose(i, (b - a) * v, rtol=1e-12, atol=1e-18)


def test_parameters_of_a_place_set_the_size_of_an_event() -> None:
    """The factor follows the time constants of the place, not the defaults of the mechanism."""
    cell = geometry.cylinder(20.0, 20.0, name="soma")
    model = rxd.Model(cell, segments=1)
    target = model.add(rxd.PointProcess(library.exp2_syn(), cell["soma"](0.5), tau1=1.0, tau2=3.0))
    model.add(rxd.NetCon(rxd.SpikeSource(times=[1.0]), target, weight=0.01, delay=0.0))
    result = model.compile(method="split", dt=0.025).run(8.0, record=["exp2_syn.A", "exp2_syn.B"], every=0.025)
    conductance = result.values[1][:, 0] - result.values[0][:, 0]
    np.testing.assert_allclose(conductance, 0.01 * two_exponentials(result.t - 1, 1.0, 3.0), rtol=1e-8, atol=1e-15)


def test_alpha_synapse_needs_no_event() -> None:
    result = run_with(library.alpha_synapse(onset=3.0, tau=2.0, gmax=0.002), ["alpha_synapse.i"], [])
    i, v = (values[:, 0] for values in result.values)
    x = np.maximum(result.t - 3.0, 0) / 2.0
    np.testing.assert_allclose(i, 0.002 * x * np.exp(1 - x) * v, rtol=1e-12, atol=1e-15)
    assert np.max(np.abs(v[result.t <= 3.0] + 70)) < 1e-12

    def membrane(t: float, y: np.ndarray) -> np.ndarray:
        """nA over nF: 400 pi um2 of 1 uF/cm2 and 1e-3 S/cm2."""
        area, x = 400 * np.pi, max(t - 3.0, 0.0) / 2.0
        return -(1e-2 * area * 1e-3 * (y + 70) + 0.002 * x * np.exp(1 - x) * y) / (1e-5 * area)

    times = result.t[result.t >= 3.0]
    exact = solve_ivp(membrane, (3.0, 30.0), [-70.0], t_eval=np.minimum(times, 30.0), rtol=1e-10, atol=1e-10).y[0]
    np.testing.assert_allclose(v[result.t >= 3.0], exact, atol=2e-3)
