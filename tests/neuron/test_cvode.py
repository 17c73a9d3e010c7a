"""What scripts tell CVode and ask it: tolerances that hold from then on, names, settings; values are NEURON's."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.neuron import Session, h
from rxd.neuron.errors import HocError, NotSupported
from rxd.neuron.recordings.recording import Recorder


@pytest.fixture
def cell():
    with Session():
        soma = h.Section(name="soma")
        soma.L = soma.diam = 10
        soma.insert("hh")
        clamp, synapse, cvode = h.IClamp(soma(0.5)), h.ExpSyn(soma(0.5)), h.CVode()
        clamp.delay, clamp.dur, clamp.amp = 1, 1, 0.1
        cvode.active(True)
        yield soma, clamp, synapse, cvode


def steps_of_a_run(until: float = 6.0) -> int:
    times = h.Vector().record(h._ref_t)
    h.finitialize(-65)
    h.CVode().solve(until)
    return len(times)


def test_tolerances_hold_from_the_next_step_on(cell):
    *_, cvode = cell
    coarse = steps_of_a_run()
    cvode.atol(1e-6)
    fine = steps_of_a_run()
    assert fine > 3 * coarse
    cvode.atol(1e-3)
    assert steps_of_a_run() == coarse
    cvode.rtol(1e-8)  # more than nothing: looser
    assert steps_of_a_run() <= coarse
    cvode.rtol(0)
    cvode.maxstep(0.05)
    assert steps_of_a_run() >= 6 / 0.05
    cvode.maxstep(1e9)
    assert steps_of_a_run() == coarse


def test_a_tolerance_set_within_a_run(cell):
    *_, cvode = cell
    times = h.Vector().record(h._ref_t)
    h.finitialize(-65)
    cvode.solve(2.5)
    before = len(times)
    cvode.atol(1e-9)
    cvode.solve(3.5)
    assert np.diff(times)[before:].max() < 0.02 < np.diff(times)[: before - 1].max()


def test_factors_of_tolerances(cell):
    soma, _, synapse, cvode = cell
    coarse = steps_of_a_run()
    assert cvode.atolscale("v") == 1
    assert cvode.atolscale("v", 1e-4) == cvode.atolscale(soma(0.5)._ref_v) == 1e-4
    assert steps_of_a_run() > 2 * coarse
    cvode.atolscale("v", 1)
    cvode.atolscale("ExpSyn.g", 1e-6)
    weights, states = h.Vector(), h.Vector()
    h.finitialize(-65)
    cvode.error_weights(weights)
    assert sorted(weights) == pytest.approx([1e3, 1e3, 1e3, 1e3, 1e9])
    cvode.rtol(0.1)
    cvode.error_weights(weights)
    cvode.states(states)
    assert pytest.approx(min(weights)) == 1 / (0.1 * 65 + 1e-3)
    assert len(states) == len(weights)
    for bad in ("foo", "soma.v(.5)", "m_kca", "NoSuch.g"):
        with pytest.raises(HocError, match="rangevar or Template"):
            cvode.atolscale(bad)
    assert cvode.atolscale(synapse._ref_g) == 1e-6


def test_names_of_variables(cell):
    *_, cvode = cell
    h.finitialize(-65)
    text, found = h.ref(""), {}
    for style in (0, 1, 2):
        found[style] = set()
        for k in range(5):
            cvode.statename(k, text, style)
            found[style].add(text[0])
    places = {"soma.v(0.5)", "soma.m_hh(0.5)", "soma.h_hh(0.5)", "soma.n_hh(0.5)", "ExpSyn[0].g"}
    assert found == {0: places, 1: places, 2: {"v", "m_hh", "h_hh", "n_hh", "ExpSyn.g"}}
    with pytest.raises(HocError, match="out of range"):
        cvode.statename(5, text)


def test_settings_are_remembered(cell):
    *_, cvode = cell
    for name, default, value in (("maxorder", 5, 3), ("jacobian", 0, 1), ("stiff", 2, 1), ("condition_order", 1, 2)):
        assert getattr(cvode, name)() == default
        assert getattr(cvode, name)(value) == value == getattr(h.CVode(), name)()
    assert cvode.order() == 0
    h.finitialize(-65)
    cvode.solve(1)
    assert cvode.order() == 4
    with pytest.raises(HocError, match="negative"):
        cvode.atol(-1)
    with pytest.raises(NotSupported, match=r"Vector\.record"):
        cvode.state_magnitudes(1)


def test_events(cell):
    soma, _, synapse, cvode = cell
    seen: list[float] = []
    h.finitialize(-65)
    assert cvode.event(0.5, lambda: seen.append(h.t)) == 0.5
    assert cvode.event(0.75) == 0.75

    def push() -> None:
        synapse.g = 0.001

    assert cvode.event(0.9, push, synapse, 1) == 0.9
    cvode.solve(2.0)
    assert seen == [0.5]
    assert synapse.g == pytest.approx(0.001 * np.exp(-1.1 / synapse.tau), abs=1e-4)
    values, times = h.Vector(), h.Vector()
    cvode.record(soma(0.5)._ref_v, values, times)
    h.finitialize(-65)
    cvode.solve(1)
    assert len(values) == len(times) > 2


@pytest.mark.usefixtures("session")
def test_a_recording_on_a_grid_has_the_end_of_the_run():
    """Also where many steps are made at once and the last of them ends just there."""
    cell = h.Section(name="cell")
    cell.L = cell.diam = 20
    cell.insert("hh")
    clamp = h.IClamp(cell(0.5))
    clamp.delay, clamp.dur, clamp.amp = 2, 1, 0.5
    clock = h.Vector().record(h._ref_t, 0.5)
    h.cvode_active(1)
    h.finitialize(-65)
    for end in (10, 11, 14):
        h.continuerun(end)
        assert clock.to_python() == [0.5 * i for i in range(2 * end + 1)]


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("width", [0.1, 0.02])  # of the pulse: v rises slowly through 0, or within a few us
def test_what_is_called_at_a_spike_sees_the_state_of_that_moment(width):
    h.load_file("stdrun.hoc")
    soma, seen = h.Section(name="soma"), []
    soma.L = soma.diam = 10
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 0.1, width, 0.15 / width
    detector = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
    detector.threshold = 0

    def later():
        seen.append((h.t, soma(0.5).v))
        h.stoprun = 1

    def fired():
        seen.append((h.t, soma(0.5).v))
        h.CVode().event(h.t + 0.001, later)

    detector.record(fired)
    h.CVode().active(True)
    h.finitialize(-65)
    h.continuerun(5)
    (first, at_threshold), (second, after) = seen
    assert at_threshold == pytest.approx(0, abs=0.01)
    assert second == pytest.approx(first + 0.001, abs=1e-9)
    assert after - at_threshold > 0.05
    assert h.t == pytest.approx(second, abs=2e-6)


def test_recordings_of_one_interval_are_looked_up_together(cell, monkeypatch):
    soma, *_ = cell
    due, asked = Recorder.due, []
    monkeypatch.setattr(Recorder, "due", lambda self, until: asked.append(until) or due(self, until))
    even = [h.Vector().record(soma(0.5)._ref_v, 0.5) for _ in range(20)]
    apart = [h.Vector().record(soma(0.5)._ref_v, 0.3) for _ in range(20)]
    clock = h.Vector().record(h._ref_t, 0.3)
    h.finitialize(-65)
    for t in range(1, 5):
        h.CVode().event(t, lambda: None)
    h.continuerun(4)
    assert len(asked) <= 4 * 4  # two intervals, in four stretches, to find the times and to note what is there
    assert {len(vector) for vector in even} == {9}
    assert {len(vector) for vector in apart} == {14} == {len(clock)}
    assert list(clock) == pytest.approx(0.3 * np.arange(14))
    assert list(even[0]) == pytest.approx(list(even[19]), rel=0)


def test_what_is_due_at_the_end_of_solve_waits_for_the_next_call(session):
    """As in NEURON 9.0.2: 10 values on a grid of 0.5 ms after `solve(5)`, the eleventh, an event and a spike with the next."""
    cell = h.Section(name="cell")
    cell.insert("hh")
    solver, cells = h.CVode(), h.ParallelContext()
    solver.active(1)
    clock, v = h.Vector().record(h._ref_t, 0.5), h.Vector().record(cell(0.5)._ref_v, 0.5)
    some = h.Vector().record(cell(0.5)._ref_v, h.Vector([1, 2, 5, 5.5]))
    train, spikes, calls = h.NetStim(), h.Vector(), []
    train.start, train.interval = 1, 1
    connection = h.NetCon(train, None)
    connection.record(spikes)
    for run in (solver.solve, cells.psolve):
        h.finitialize(-65)
        calls.clear()
        solver.event(5, lambda: calls.append(h.t))
        for _ in range(2):
            run(5)
            assert (h.t, len(clock), clock[9], len(some), list(spikes), calls) == (5, 10, 4.5, 2, [1, 2, 3, 4], [])
        before = cell.v
        run(5.2)
        assert (len(clock), clock[10], len(some), list(spikes), calls) == (11, 5, 3, [1, 2, 3, 4, 5], [5])
        assert (v[10], some[2]) == (before, before)
    h.continuerun(6)
    assert len(clock) == 13
