"""The split stepper as users meet it: times, steps, repeats, events, and accessors that leave no trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import geometry
import rxd
from rxd import library


def final(sim: rxd.Simulation, *stops: float) -> np.ndarray:
    for stop in stops:
        sim.run(stop)
    return sim.state.y


def test_runs_end_exactly_where_asked(spiking: Callable) -> None:
    sim = spiking().compile()
    assert sim.t == 0
    assert sim.run(1.0).statistics.steps == 40
    assert sim.t == 1.0
    assert sim.run(1.03).statistics.steps == 2  # one whole step and the rest
    assert sim.t == 1.03
    assert sim.run(1.03).statistics.steps == 0
    assert sim.advance(2.0) == 2.0


def test_an_end_off_the_grid_costs_no_accuracy(plain: Callable) -> None:
    whole, odd = plain().compile(dt=0.01), plain().compile(dt=0.01)
    assert final(odd, 0.333, 1.0) == pytest.approx(final(whole, 1.0), abs=1e-6)


def test_repeats_are_bitwise_equal(spiking: Callable) -> None:
    first = final(spiking().compile(), 4)
    again = spiking().compile()
    assert np.array_equal(final(again, 4), first)
    again.reset()
    assert again.t == 0
    assert np.array_equal(again.state.y, spiking().compile().state.y)
    assert np.array_equal(final(again, 4), first)


def test_a_restored_state_goes_the_same_way_in_another_simulation(spiking: Callable) -> None:
    sim, twin = spiking().compile(), spiking().compile()
    sim.run(2.45)  # the spike is under way and its event queued
    kept = sim.state
    assert len(kept.queue) + len(kept.y) > 0
    end = final(sim, 5)
    for other in (sim, twin):
        other.restore(kept)
        assert other.t == 2.45
        assert np.array_equal(final(other, 5), end)
    assert kept.t == 2.45  # a restored state is not worked on


def test_a_state_on_disk_of_another_model_is_refused(plain: Callable, spiking: Callable) -> None:
    with pytest.raises(rxd.DeclarationError, match="another model"):
        plain().compile().restore(spiking().compile().state)


def read_everything(sim: rxd.Simulation) -> list[Any]:
    """Every accessor there is."""
    texts = [repr(sim), sim.explain(), sim.explain(latex=True), str(sim.system), sim.system.latex(), sim.kernels.source]
    values = [sim.values(label) for label in sim.discretization.layout.blocks]
    values += [sim.values("hh.ina"), sim.values(rxd.v), sim.state.y, sim.problem.initial, sim.discretization.capacity]
    return [*texts, sim.t, sim.kernels.path, *values]


def test_reading_changes_nothing(spiking: Callable) -> None:
    untouched = final(spiking().compile(), 2, 4)
    sim = spiking().compile()
    for until in (2, 4):
        read_everything(sim)
        for value in read_everything(sim):
            if isinstance(value, np.ndarray) and value.flags.writeable:
                value[:] = -1.0  # copies are the reader's own
        sim.state.y[:] = np.nan
        sim.state.queue.push(0.0, 0, 1.0)
        sim.run(until)
    assert np.array_equal(sim.state.y, untouched)


def test_what_is_shared_is_read_only(spiking: Callable) -> None:
    sim = spiking().compile()
    for array in (sim.problem.initial, sim.problem.scale, sim.discretization.capacity, sim.discretization.layout["v"].order):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_a_compiled_model_does_not_follow_later_changes(spiking: Callable) -> None:
    made = spiking()
    sim = made.compile()
    made.model.add(rxd.IClamp(made.cell["left"](1.0), amp=5.0, delay=0.0, dur=10.0))
    made.model.set(made.cell.all, v_init=0.0)
    assert np.array_equal(final(sim, 3), final(spiking().compile(), 3))


def test_a_spike_crosses_the_synapse_after_its_delay(spiking: Callable) -> None:
    result = spiking(train=()).compile().run(8, record=["exp_syn.g"], every=0.01)
    (times,) = result.spikes.values()
    assert len(times) == 1
    g = result["exp_syn.g"].values[:, 0]
    arrival = times[0] + 0.7
    expected = np.where(result.t < arrival, 0.0, 2e-3 * np.exp(-(result.t - arrival) / 2))
    near = np.abs(result.t - arrival) < 1e-6
    np.testing.assert_allclose(g[~near], expected[~near], rtol=1e-9, atol=1e-18)


def test_the_spike_is_where_the_recorded_voltage_crosses(spiking: Callable) -> None:
    made = spiking()
    result = made.compile().run(5, record=[rxd.v(made.cell["right"](1.0))], every=0.025)
    v, t = result.values[0][:, 0], result.t
    (crossing,) = np.flatnonzero((v[:-1] < -20) & (v[1:] >= -20))
    when = t[crossing] + (-20 - v[crossing]) / (v[crossing + 1] - v[crossing]) * 0.025
    assert result.spikes["right(1)"] == pytest.approx([when], abs=1e-9)


def test_an_event_splits_no_interval_of_samples_unevenly(spiking: Callable) -> None:
    result = spiking(train=(1.003, 1.003, 2.0)).compile().run(4, record=["exp_syn.g"], every=0.25)
    assert result.t == pytest.approx(np.arange(17) * 0.25, abs=1e-12)
    g = result["exp_syn.g"].values[:, 0]
    assert g[4] == 0
    assert g[5] == pytest.approx(4e-3 * np.exp(-(1.25 - 1.003) / 2), rel=1e-9)  # both of the simultaneous ones
    assert g[8] == pytest.approx(4e-3 * np.exp(-(2 - 1.003) / 2) + 2e-3, rel=1e-9)  # a sample sees the event of its time


def test_an_event_at_the_beginning_acts_once(spiking: Callable) -> None:
    sim = spiking(train=(0.0,)).compile()
    first = sim.run(0, record=["exp_syn.g"])
    assert first.values[0][0, 0] == 2e-3
    sim.run(0)
    sim.run(1)
    assert sim.values("exp_syn.g")[0] == pytest.approx(2e-3 * np.exp(-0.5), rel=1e-12)


def test_the_same_events_act_whether_a_run_is_one_or_many(spiking: Callable) -> None:
    train = (0.4, 1.0, 1.55, 3.0)
    one, many = spiking(train=train).compile(), spiking(train=train).compile()
    end = final(one, 4)
    events = [many.run(until).statistics.events for until in (0.4, 1.0, 1.2, 3.0, 4.0)]
    assert sum(events) == 5  # four of the train, one from the spike
    np.testing.assert_allclose(many.state.y, end, rtol=0, atol=2e-4)


def test_spikes_travel_along_a_chain_of_cells() -> None:
    """Three cells of one forest, each drives the next: spike times grow by delay and rise time, alike at each link."""
    soma = [(0, 0, 0, 20), (20, 0, 0, 20)]
    cells = geometry.Morphology.from_sections(
        [geometry.SectionSpec(name, [(x, y + 50 * i, z, d) for x, y, z, d in soma], "soma") for i, name in enumerate("abc")]
    )
    model = rxd.Model(cells, segments=1)
    model.insert(library.hh(), on=cells.all)
    model.add(rxd.IClamp(cells["a"](0.5), amp=0.5, delay=1.0, dur=1.0))
    mechanism = library.exp_syn(tau=1.0, e=0.0)
    for source, target in ("ab", "bc"):
        synapse = rxd.PointProcess(mechanism, cells[target](0.5))
        model.add(rxd.NetCon(cells[source](0.5), synapse, weight=0.05, delay=3.0, threshold=-10.0))
    sim = model.compile("split", dt=0.025)
    spikes = sim.run(25).spikes
    assert [len(times) for times in spikes.values()] == [1, 1]
    sim.reset()
    recorded = sim.run(25, record=[rxd.v, "exp_syn.g"], every=0.025)
    peaks = recorded.t[recorded[rxd.v].values.argmax(axis=0)]
    assert peaks[0] + 3 < peaks[1] < peaks[0] + 6
    assert peaks[2] - peaks[1] == pytest.approx(peaks[1] - peaks[0], abs=1.0)
    a, b = (times[0] for times in spikes.values())
    g = recorded["exp_syn.g"].values
    assert recorded.t[np.argmax(g[:, 0] > 0)] == pytest.approx(a + 3, abs=0.026)
    assert recorded.t[np.argmax(g[:, 1] > 0)] == pytest.approx(b + 3, abs=0.026)


def test_a_clamp_that_jumps_off_the_grid_is_met_at_its_time() -> None:
    """Charge of a pulse shorter than a step arrives in full: nothing but the pulse moves this membrane."""
    cell = geometry.cylinder(20, 20)
    model = rxd.Model(cell, segments=1)
    model.insert(library.pas(g=0.0, e=0.0), on=cell.all)
    model.add(rxd.IClamp(cell.all(0.5), amp=1.0, delay=0.51, dur=0.0137))
    sim = model.compile("split", dt=0.1)
    sim.run(1)
    capacitance = 1e-5 * np.pi * 400
    assert sim.values(rxd.v)[0] == pytest.approx(-65 + 0.0137 / capacitance, rel=1e-12)


def test_voltage_clamp_holds_its_level() -> None:
    cell = geometry.cylinder(20, 20)
    model = rxd.Model(cell, segments=1)
    model.insert(library.pas(g=1e-3, e=-70), on=cell.all)
    model.add(rxd.SEClamp(cell.all(0.5), levels=[-40.0, 10.0], durations=[5.0, 5.0], rs=1.0))
    sim = model.compile("split", dt=0.025)
    leak = 1e-2 * 1e-3 * np.pi * 400  # uS
    for until, level in ((5.0, -40.0), (10.0, 10.0)):
        sim.run(until)
        assert sim.values(rxd.v)[0] == pytest.approx((level + leak * -70) / (1 + leak), rel=1e-6)
    sim.run(40.0)
    assert sim.values(rxd.v)[0] == pytest.approx(-70, abs=1e-6)  # switched off
