"""Variable steps handed out one at a time against steps made when they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron.ahead import Ahead
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
