"""Variable steps handed out one at a time against steps made when they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron.runs.ahead import Ahead
from rxd.neuron.session import Session, current_session


class Asked(Ahead):
    """Makes nothing ahead."""

    def step(self, *_: Any) -> bool:
        return False


@pytest.fixture
def model() -> Any:
    with Session():
        from rxd.neuron import h

        h.load_file("stdrun.hoc")
        soma = h.Section(name="soma")
        soma.L = soma.diam = 20
        soma.insert("hh")
        clamp, synapse, train = h.IClamp(soma(0.5)), h.ExpSyn(soma(0.5)), h.NetStim()
        clamp.delay, clamp.dur, clamp.amp = 2, 8, 0.3
        train.start, train.interval, train.number, train.noise = 5, 2, 5, 0
        connections = [
            h.NetCon(soma(0.5)._ref_v, synapse, 0, 1, 0.001, sec=soma),
            h.NetCon(train, synapse, 0, 0.5, 0.002),
        ]
        h.cvode.active(1)
        h.cvode.atol(1e-6)
        yield h, soma, clamp, connections


def stepped(model: Any, ahead: Ahead, meddle: bool) -> tuple[np.ndarray, ...]:
    """Time, v, current and sodium current at every step, as read and as recorded, and times of functions that were called."""
    h, soma, clamp, _ = model
    current_session().run.ahead = ahead
    pointers = (h._ref_t, soma(0.5)._ref_v, clamp._ref_i, soma(0.5)._ref_ina)
    recorded = [h.Vector().record(pointer) for pointer in pointers]
    clamp.amp, soma(0.5).hh.gnabar, rows, called = 0.3, 0.12, [], []
    h.finitialize(-65)
    h.cvode.event(7.3, lambda: called.append(h.t))
    while h.t < 20:
        h.fadvance()
        rows.append((h.t, soma(0.5).v, clamp.i, soma(0.5).ina))
        if meddle and h.t > 6 and clamp.amp == 0.3:
            clamp.amp = 0.1
            soma(0.5).hh.gnabar = 0.13
    return np.array(rows).T, np.array(recorded), np.array(called)


@pytest.mark.parametrize("meddle", [False, True])
def test_steps_made_ahead_are_those_a_script_would_have_made(model: Any, meddle: bool) -> None:
    rows, recorded, called = stepped(model, Ahead(), meddle)
    expected, before, _ = stepped(model, Asked(), meddle)
    assert called.tolist() == [7.3]
    assert 7.3 in rows[0]
    assert abs(rows.shape[1] - expected.shape[1]) < 0.1 * expected.shape[1]
    repeated = [times[:-1][np.diff(times) == 0].tolist() for times in (recorded[0], before[0])]
    assert repeated[0] == pytest.approx(repeated[1], abs=0.05)
    grid = np.arange(0.05, 20, 0.1)
    for here, there in zip(rows[[1, 3]], expected[[1, 3]], strict=True):
        np.testing.assert_allclose(np.interp(grid, rows[0], here), np.interp(grid, expected[0], there), atol=0.2)
    assert set(zip(*rows[:2], strict=True)) <= set(zip(*recorded[:2], strict=True))


def test_most_steps_are_made_ahead(model: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[bool] = []
    original = Ahead.step
    monkeypatch.setattr(Ahead, "step", lambda self, run: given.append(original(self, run)) or given[-1])
    stepped(model, Ahead(), meddle=False)
    assert np.mean(given) > 0.7


def spikes(model: Any, single: bool, meddle: Any = None, delay: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Spikes that a NetCon records which is there from the start, or comes at 6 ms; voltages on a grid. No other feeds back."""
    h, soma, clamp, _ = model
    clamp.amp, clamp.delay, clamp.dur = 0.3, 1, 1e9
    heard, connections, first, grid = h.Vector(), [], meddle is None, h.Vector()
    grid.record(soma(0.3)._ref_v, 0.25)

    def connect() -> None:
        connections.append(h.NetCon(soma(0.3)._ref_v, None, -10, delay, 0, sec=soma))
        connections[-1].record(heard)

    if first:
        connect()
    h.finitialize(-65)
    for until in (6.0, 40.0):
        if until > 6 and not first:
            meddle(connect)
        while single and h.t < until:
            h.fadvance()
        h.continuerun(until)
    return heard.as_numpy().copy(), grid.as_numpy().copy()


@pytest.mark.parametrize("single", [False, True])
@pytest.mark.parametrize("others", [0, 1])
def test_netcons_that_come_in_the_middle_of_a_variable_run_hear_what_follows(model: Any, single: bool, others: int) -> None:
    h, soma, _, connections = model
    soma.nseg = 3
    connections[:] = [h.NetCon(soma(0.7)._ref_v, None, 0, 1, 0, sec=soma)] * others
    expected, v = spikes(model, single)
    found, again = spikes(model, single, lambda connect: connect())
    expected = expected[expected > 6]
    assert len(expected) >= 2
    np.testing.assert_allclose(found, expected, atol=1e-3)
    np.testing.assert_allclose(again, v, atol=0.05)


@pytest.mark.parametrize("level", [-58, -54, -50, -45])
def test_thresholds_set_between_single_variable_steps_hold_at_once(model: Any, level: float) -> None:
    h, soma, clamp, connections = model
    connections[:] = [h.NetCon(soma(0.5)._ref_v, None, 1000, 1, 0, sec=soma)]
    heard, times = h.Vector(), []
    connections[0].record(heard)
    clamp.delay, clamp.dur = 1, 1e9
    h.finitialize(-65)
    while h.t < 30:
        h.fadvance()
        if connections[0].threshold == 1000 and soma(0.5).v > level:
            connections[0].threshold = level + 2  # v is about to pass it
            times.append(h.t)
    assert times[0] < heard[0] < times[0] + 2
    assert len(heard) >= 2


@pytest.mark.parametrize("begin", [1, 15, 18, 22, 26])
def test_functions_to_be_called_at_every_step_are_from_the_next_one_on(model: Any, begin: float) -> None:
    h, *_ = model
    h.finitialize(-65)
    steps, called = 0, []
    while h.t < 30:
        h.fadvance()
        if steps:
            assert len(called) >= steps
            steps += 1
        elif h.t > begin:
            h.cvode.extra_scatter_gather(0, lambda: called.append(h.t))
            steps = 1
    assert steps > 3


def test_events_arrive_after_the_delay_that_is_set_now(model: Any) -> None:
    h, soma, clamp, connections = model
    synapse = h.ExpSyn(soma(0.5))
    connections[:] = [h.NetCon(soma(0.5)._ref_v, synapse, -30, 5, 0.001, sec=soma)]
    heard, opened, g = h.Vector(), [], 0.0
    connections[0].record(heard)
    clamp.delay, clamp.dur = 1, 1e9
    h.cvode.atol(0.1)
    h.finitialize(-65)
    h.continuerun(9)
    connections[0].delay = 0.003
    first, g = len(heard), synapse.g
    while h.t < 40:
        h.fadvance()
        if synapse.g > g + 1e-5:
            opened.append(h.t)
        g = synapse.g
    spikes = heard.as_numpy()[first:]
    assert len(spikes) >= 2
    np.testing.assert_allclose(opened, spikes + 0.003, atol=1e-3)
