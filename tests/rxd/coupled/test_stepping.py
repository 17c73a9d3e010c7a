"""What the coupled stepper does between and at the ends of its steps: samples, events, spikes, steady states, failures."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

import geometry
import rxd
from rxd import library
from rxd.errors import ConvergenceError, DeclarationError
from rxd.solve.coupled import CoupledStepper
from rxd.solve.problem import Reason


def decay(rate: float = 1.0, d: float = 0.0) -> tuple[rxd.Model, rxd.Species]:
    """One species that decays, in two segments."""
    cell = geometry.cylinder(10, 1)
    model = rxd.Model(cell, segments=2)
    c = rxd.Species(rxd.Region(cell.all, "cyt"), "c", d=d, initial=1.0)
    model.add(rxd.Rate(c, -rate * c))
    return model, c


def rule(expression) -> rxd.Model:
    """``dc/dt`` as a function of ``c``."""
    cell = geometry.cylinder(10, 1)
    model = rxd.Model(cell, segments=2)
    c = rxd.Species(rxd.Region(cell.all, "cyt"), "c", initial=1.0)
    model.add(rxd.Rate(c, expression(c)))
    return model


def test_coupled_is_the_default_and_says_what_it_is() -> None:
    simulation = decay()[0].compile()
    assert simulation.stepper.name == "coupled"
    text = simulation.stepper.describe()
    assert "near4" in text
    assert "rtol = 0.0001" in text
    assert "dt = 0.1 ms" in decay()[0].compile(dt=0.1).stepper.describe()


def test_samples_do_not_force_steps() -> None:
    model, c = decay()
    few = model.compile(rtol=1e-6).run(5, record=[c], every=5)
    many = model.compile(rtol=1e-6).run(5, record=[c], every=0.01)
    assert few.statistics.steps == many.statistics.steps < 60
    assert len(many.t) == 501
    np.testing.assert_allclose(many[c].values[:, 0], np.exp(-many.t), rtol=1e-5)


def test_runs_in_pieces_equal_one_run() -> None:
    model, c = decay()
    one, pieces = model.compile(rtol=1e-7), model.compile(rtol=1e-7)
    one.run(3)
    for until in (0.1, 0.1000001, 1.7, 3.0):
        pieces.run(until)
        assert pieces.t == until
    np.testing.assert_allclose(pieces.values(c), one.values(c), rtol=1e-7)
    np.testing.assert_allclose(one.values(c), np.exp(-3), rtol=1e-6)


def test_a_state_can_be_taken_and_restored(cases) -> None:
    simulation = cases["hh_cable"].model.compile()
    simulation.run(1.0)
    state = simulation.state
    first = simulation.run(2.0, record=[rxd.v], every=0.1)
    simulation.restore(state)
    second = simulation.run(2.0, record=[rxd.v], every=0.1)
    np.testing.assert_array_equal(first[rxd.v], second[rxd.v])


def test_jumps_of_clamps_end_steps_exactly() -> None:
    """A charging membrane against its exact solution, with pulses much shorter than the steps."""
    cell = geometry.cylinder(100, 1e2 / np.pi)  # 1e4 um2: 0.1 nF at 1 uF/cm2
    model = rxd.Model(cell, segments=1, v_init=-65)
    model.insert(library.pas(g=1e-4, e=-65), on=cell.all)  # 0.01 uS: tau = 10 ms
    model.add(rxd.IClamp(cell.all(0.5), amp=10.0, delay=7.3, dur=0.01), rxd.IClamp(cell.all(0.5), amp=0.1, delay=20.0))
    results = model.compile(rtol=1e-7).run(50, record=[rxd.v], every=0.5)
    t = results.t
    resistance, tau = 100.0, 10.0

    def step(amp: float, at: float) -> np.ndarray:
        return np.where(t > at, amp * resistance * -np.expm1(-np.maximum(t - at, 0) / tau), 0.0)

    exact = -65 + step(10.0, 7.3) - step(10.0, 7.31) + step(0.1, 20.0)
    np.testing.assert_allclose(results[rxd.v].values[:, 0], exact, atol=2e-5)


def test_events_arrive_when_they_are_due() -> None:
    """A synaptic conductance against the exact sum of its exponentials, recorded between the events."""
    cell = geometry.cylinder(50, 5)
    model = rxd.Model(cell, segments=1)
    model.insert(library.pas(), on=cell.all)
    synapse = rxd.PointProcess(library.exp_syn(tau=2.0, e=0.0), cell.all(0.5))
    times = [1.0, 1.0, 3.7, 9.123]
    model.add(rxd.NetCon(rxd.SpikeSource(times=times), synapse, weight=1e-3, delay=0.25))
    simulation = model.compile(rtol=1e-7)
    results = simulation.run(15, record=["exp_syn.g"], every=0.3)
    exact = sum(np.where(results.t >= s + 0.25, 1e-3 * np.exp(-(results.t - s - 0.25) / 2), 0.0) for s in times)
    np.testing.assert_allclose(results["exp_syn.g"].values[:, 0], exact, atol=1e-9)
    assert results.statistics.events == 4


def test_the_step_is_estimated_anew_after_every_jump(monkeypatch) -> None:
    times: list[float] = []
    restart = CoupledStepper.restart

    def noted(self: CoupledStepper, state) -> None:
        times.append(state.t)
        restart(self, state)

    monkeypatch.setattr(CoupledStepper, "restart", noted)
    cell = geometry.cylinder(50, 5)
    model = rxd.Model(cell, segments=1)
    model.insert(library.pas(), on=cell.all)
    synapse = rxd.PointProcess(library.exp_syn(tau=2.0, e=0.0), cell.all(0.5))
    model.add(rxd.NetCon(rxd.SpikeSource(times=[1.0, 3.7]), synapse, weight=1e-3, delay=0.25))
    model.add(rxd.IClamp(cell.all(0.5), amp=0.1, delay=2.0, dur=3.0))
    model.compile().run(8)
    assert times == pytest.approx([0.0, 1.25, 2.0, 3.95, 5.0])


def spiking(delay: float = 0.3) -> rxd.Model:
    """A spike at one end excites a synapse at the other."""
    cell = geometry.cylinder(200, 2)
    model = rxd.Model(cell, segments=3)
    model.insert(library.hh(), on=cell.all)
    model.add(rxd.IClamp(cell.all(0.0), amp=0.5, delay=0.2, dur=1.0))
    synapse = rxd.PointProcess(library.exp_syn(tau=1.0, e=0.0), cell.all(1.0))
    model.add(rxd.NetCon(rxd.Detector(cell.all(0.0), threshold=0.0), synapse, weight=1e-3, delay=delay))
    return model


@pytest.mark.parametrize("delay", [0.0, 0.004, 0.3])
def test_spikes_are_timed_by_dense_output_and_their_events_too(delay: float) -> None:
    """Loose and tight steps agree on spike and arrival, even where the arrival lies within the step of the spike."""
    found = []
    for rtol in (1e-3, 1e-8):
        simulation = spiking(delay).compile(rtol=rtol)
        results = simulation.run(1.6, record=["exp_syn.g"], every=0.001)
        (spikes,) = results.spikes.values()
        g = results["exp_syn.g"].values[:, 0]
        found.append((spikes[0], results.t[np.flatnonzero(g > 0)[0]]))
    (loose, arrival), (tight, exact) = found
    assert abs(loose - tight) < 5e-3
    # samples are 0.001 ms apart, and no step is cut shorter than that for an event
    assert 0 <= arrival - loose - delay < 0.0031
    assert 0 <= exact - tight - delay < 0.0031


def test_steady_state_is_where_a_long_run_ends() -> None:
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=3, v_init=-40.0)
    model.insert(library.hh(), on=cell.all)
    model.add(rxd.IClamp(cell["parent"](0.0), amp=0.01))
    simulation, long = model.compile(), model.compile(rtol=1e-8)
    long.run(300)
    found = simulation.steady_state()
    assert simulation.t == 0
    np.testing.assert_allclose(found, long.state.y, rtol=1e-5)
    assert np.abs(simulation.problem.rhs(0.0, found)).max() < 1e-9
    # the run goes on from there and stays
    simulation.run(20)
    np.testing.assert_allclose(simulation.state.y, found, rtol=1e-8)


def test_steady_state_keeps_what_is_conserved() -> None:
    cell = geometry.cylinder(20, 1)
    model = rxd.Model(cell, segments=4)
    cyt = rxd.Region(cell.all, "cyt")
    a, b = rxd.Species(cyt, "a", d=1.0, initial=lambda node: np.asarray(node.x)), rxd.Species(cyt, "b", d=0.1, initial=0.0)
    model.add(rxd.Reaction(a, b, 2.0, 0.5))
    simulation = model.compile(initialise="steady")
    np.testing.assert_allclose(simulation.state.y[-8:], [0.1] * 4 + [0.4] * 4, rtol=1e-9)
    np.testing.assert_allclose(
        model.compile(solver="scipy", initialise="steady").state.y[-8:], [0.1] * 4 + [0.4] * 4, rtol=1e-9
    )


def test_slow_processes_reach_their_steady_state_too() -> None:
    """A time constant of 100 s, which no run would wait for."""
    simulation = rule(lambda c: 1e-5 * (2 - c)).compile()
    np.testing.assert_allclose(simulation.steady_state()[-2:], 2.0, rtol=1e-6)


def test_no_steady_state_is_an_error() -> None:
    with pytest.raises(ConvergenceError, match="No steady state") as caught:
        rule(lambda c: c * (1 + c)).compile().steady_state()
    assert caught.value.unknown == "c[cyt]"
    with pytest.raises(DeclarationError, match="coupled"):
        decay()[0].compile("split").steady_state()


def test_impossible_tolerance() -> None:
    """Below the round-off of the numbers, and where a rate jumps by far more than the tolerance at c = 3/2."""
    with pytest.raises(ConvergenceError) as caught:
        decay()[0].compile(rtol=1e-17).run(1.0)
    assert caught.value.reason == Reason.TOO_SMALL.value
    assert caught.value.t == 0
    with pytest.raises(ConvergenceError) as caught:
        rule(lambda c: 1 + 1e9 * sympy.Heaviside(c[c.regions[0]] - 1.5)).compile(rtol=1e-6).run(
            1.0, record=["c[cyt]"], every=0.2
        )
    error = caught.value
    assert error.reason == Reason.TOO_SMALL.value
    assert error.unknown == "c[cyt]"
    assert error.place in ("cable(0.25)", "cable(0.75)")  # they are alike
    assert abs(error.t - 0.5) < 1e-6
    assert error.dt < 1e-8
    assert error.results.reason is Reason.TOO_SMALL
    np.testing.assert_allclose(error.results["c[cyt]"].values[:, 0], [1, 1.2, 1.4], rtol=1e-6)


def test_singular_system() -> None:
    """A growth rate of exactly 1 / (gamma dt) with a fixed step; adaptive steps go round it."""
    model = rule(lambda c: 40 * c)
    with pytest.raises(ConvergenceError) as caught:
        model.compile(dt=0.1, tableau="rodas4p").run(1.0)
    assert caught.value.reason == Reason.SINGULAR.value
    assert (caught.value.t, caught.value.dt) == (0.0, 0.1)
    with pytest.raises(ConvergenceError) as caught:
        model.compile(dt=0.1, solver="scipy", tableau="rodas4p").run(1.0)
    assert caught.value.reason.startswith(Reason.SINGULAR.value)
    assert "SuperLU" in caught.value.reason
    simulation = model.compile(rtol=1e-6)
    simulation.run(0.5)
    np.testing.assert_allclose(simulation.state.y[-1], np.exp(20.0), rtol=1e-3)


@pytest.mark.parametrize("solver", ["direct", "scipy"])
def test_fields_may_be_changed_between_runs(solver: str) -> None:
    """Parameters written into the records, as NEURON's scripts do, and the constants made of them: as if declared so."""

    def made(k: float) -> rxd.Simulation:
        cell = geometry.examples.y_branch()
        model = rxd.Model(cell, segments=3)
        cyt = rxd.Region(cell.all, "cyt")
        c, rate = rxd.Species(cyt, "c", d=0.1, initial=1.0), rxd.Parameter(cyt, "k", value=k)
        model.add(rxd.Rate(c, -c[cyt] * rate[cyt] ** 2 / (1 + rate[cyt] ** 3)))
        return model.compile(dt=0.1, solver=solver)

    simulation, expected = made(0.1), made(2.0)
    for group in simulation.discretization.groups:
        group.fields.setflags(write=True)
        group.fields[group.fields == 0.1] = 2.0
    simulation.stepper.refresh_fields(0)
    found, wanted = (sim.run(1.0, record=["c[cyt]"]).values[0] for sim in (simulation, expected))
    np.testing.assert_array_equal(found, wanted)
    assert wanted[-1].max() < 0.8


def test_rate_that_is_not_a_number() -> None:
    """The rate has no value below c = 1/2, which the solution reaches at t = 1/2."""
    model = rule(lambda c: -1 - 1e-12 * sympy.sqrt(c[c.regions[0]] - 0.5))
    for options in ({"dt": 0.02}, {"rtol": 1e-5}):
        simulation = model.compile(**options)
        with pytest.raises(ConvergenceError) as caught:
            simulation.run(1.0, record=["c[cyt]"], every=0.1)
        error = caught.value
        assert error.reason == Reason.NOT_FINITE.value
        assert error.unknown == "c[cyt]"
        assert 0.4 < error.t <= 0.5001
        np.testing.assert_allclose(error.results.t, [0, 0.1, 0.2, 0.3, 0.4][: len(error.results.t)], atol=1e-12)
        assert len(error.results.t) >= 4


@pytest.mark.parametrize("options", [{"dt": 0.02}, {"rtol": 1e-5}, {"method": "split", "dt": 0.02}], ids=str)
@pytest.mark.parametrize("end", [0.0, 0.5])
def test_a_bad_rate_is_named_where_it_is(options: dict, end: float) -> None:
    """Diffusion carries NaN through the whole cable within a step; at fault is the one segment that falls below ``end``."""
    cell = geometry.cylinder(40, 1)
    model = rxd.Model(cell, segments=8)
    cyt = rxd.Region(cell.all, "cyt")
    c = rxd.Species(cyt, "c", d=1e-3, initial=lambda node: np.where(np.abs(node.x - 0.6875) < 0.01, 0.6, 2.0))
    model.add(rxd.Rate(c, -0.5 - 1e-12 * sympy.sqrt(c[cyt] - end)))
    simulation = model.compile(**options)
    with pytest.raises(ConvergenceError) as caught:
        simulation.run(3.0, record=[c], every=0.05)
    assert (caught.value.unknown, caught.value.place) == ("c[cyt]", "cable[0](0.6875)".replace("[0]", ""))
    assert caught.value.t == pytest.approx((0.6 - end) / 0.5, abs=0.03)
    assert len(caught.value.results.t) > 3


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dt": -1.0}, "dt must be positive"),
        ({"adaptive": False}, "give dt="),
        ({"rtol": 0.0}, "rtol"),
        ({"atol": -1.0}, "atol"),
        ({"tableau": "heun"}, "near4"),
        ({"initialise": "cold"}, "steady"),
        ({"tolerance": 1.0}, "rtol"),
    ],
)
def test_options_are_checked(options: dict, words: str) -> None:
    with pytest.raises(DeclarationError, match=words):
        decay()[0].compile(**options)


def test_longest_step() -> None:
    model, _ = decay()
    assert model.compile(dt=0.1, adaptive=True, rtol=1e-2).run(10).statistics.steps >= 100
    assert model.compile(rtol=1e-2).run(10).statistics.steps < 50


def test_absolute_tolerance_is_per_unknown() -> None:
    """A species with a small ``atolscale`` is solved more accurately than the same one without."""
    errors = []
    for scale in (1.0, 1e-6):
        cell = geometry.cylinder(10, 1)
        model = rxd.Model(cell, segments=1)
        c = rxd.Species(rxd.Region(cell.all, "cyt"), "c", initial=1e-4, atolscale=scale)
        model.add(rxd.Rate(c, 1e-4 * rxd.t - c))
        simulation = model.compile(rtol=1e-9, atol=1e-4)
        simulation.run(2.0)
        errors.append(abs(simulation.state.y[-1] / 1e-4 - (2 * np.exp(-2.0) + 1.0)))
    assert errors[0] > 100 * errors[1]


def test_statistics_count() -> None:
    simulation = spiking().compile(rtol=1e-4)
    counted, stages = simulation.run(3.0).statistics, simulation.stepper.tableau.stages
    assert counted.steps > 50
    assert counted.rejected > 0
    assert counted.solves == stages * (counted.steps + counted.rejected)
    assert counted.seconds > 0


def test_simulation_is_a_context() -> None:
    with decay()[0].compile(solver="scipy") as simulation:
        simulation.run(1.0)
