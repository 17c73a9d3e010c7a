"""Variable steps whose recordings the compiled loop makes itself show what those show that Python takes step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron import Session, h
from rxd.neuron.recordings.samples import Samples
from rxd.solve.attempts import CompiledAttempt
from rxd.solve.coupled import CoupledStepper


def recorded(among_others: bool, gridded: bool = False, stops: tuple[float, ...] = (20.0,), connected: bool = False) -> Any:
    """Time, voltage and a gate at every step; `among_others`: with what only Python can read."""
    with Session() as session:
        soma = h.Section(name="soma")
        soma.L = soma.diam = 20
        soma.nseg = 3
        soma.insert("hh")
        clamp = h.IClamp(soma(0.5))
        clamp.delay, clamp.dur, clamp.amp = 2, 10, 0.5
        synapse = h.ExpSyn(soma(0.1))
        connections = [h.NetCon(soma(0.5)._ref_v, synapse, 0, 1, 0.01, sec=soma)] if connected else []
        connections.append(
            sent := h.NetCon(None, synapse, 0, 1, 0.01)
        )  # steps of Python's end at events of a NetStim's own, too
        handler = h.FInitializeHandler(lambda: [sent.event(t) for t in (2.3, 6.3, 10.3)])
        hold = h.SEClamp(soma(0.9))
        hold.rs, hold.dur1, hold.amp1, hold.dur2, hold.amp2 = 20, 3, -65, 2, -40
        shown = [h._ref_t, clamp._ref_i, hold._ref_i, synapse._ref_i, synapse._ref_g]
        shown += [getattr(soma(0.5), f"_ref_{name}") for name in ("v", "m_hh", "ina", "ik", "gna_hh", "il_hh", "minf_hh", "ek")]
        found = [h.Vector().record(pointer) for pointer in shown]
        nothing = h.ref(0)
        others = [h.Vector().record(nothing)] if among_others else []  # Python alone can read that
        others += [h.Vector().record(nothing, 0.5)] if among_others and gridded else []
        grid = [h.Vector().record(pointer, 0.5) for pointer in shown] if gridded else []
        h.cvode_active(True)
        h.finitialize(-65)
        for stop in stops:
            h.continuerun(stop)
        assert len(others) == among_others * (1 + gridded)
        assert (session.run.trail.positions is None) == among_others
        assert len(connections) == 1 + connected
        assert handler is not None
        return [np.array(vector) for vector in (*found, *grid)]


@pytest.mark.parametrize(
    "case",
    [{}, {"gridded": True}, {"stops": (1.0, 2.5, 2.5, 7.0, 20.0)}, {"connected": True}],
    ids=["alone", "with a grid", "in parts", "with events"],
)
def test_recordings_within_the_loop_are_those_of_single_steps(case: dict[str, Any]) -> None:
    within, one_by_one = recorded(False, **case), recorded(True, **case)
    assert len(within[0]) > 50
    assert np.all(np.diff(within[0]) >= 0)
    for mine, theirs in zip(within, one_by_one, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)


def test_single_variable_steps_are_recorded_once_each() -> None:
    with Session():
        soma = h.Section(name="soma")
        soma.insert("hh")
        times, v = h.Vector().record(h._ref_t), h.Vector().record(soma(0.5)._ref_v)
        h.cvode_active(True)
        h.finitialize(-50)
        seen = [(h.t, soma.v)]
        while h.t < 5:
            h.fadvance()
            seen.append((h.t, soma.v))
        np.testing.assert_allclose(np.array([times, v]).T, seen, rtol=1e-12, atol=1e-12)


def test_a_recording_that_begins_later_gets_its_own_trail() -> None:
    with Session():
        soma = h.Section(name="soma")
        soma.insert("hh")
        h.cvode_active(True)
        times = h.Vector().record(h._ref_t)
        h.finitialize(-50)
        h.continuerun(2)
        first = np.array(times)
        v = h.Vector().record(soma(0.5)._ref_v)
        h.finitialize(-50)
        h.continuerun(2)
        np.testing.assert_array_equal(np.array(times), first)
        assert len(v) == len(first)
        assert v[0] == -50
        del times
        h.finitialize(-50)
        h.continuerun(2)
        assert len(v) == len(first)


def gridded_run(monkeypatch: pytest.MonkeyPatch | None, room: int = 4096) -> tuple[list[np.ndarray], int]:
    """Voltages on grids and at given times; with a patch all of them by Python, and how many states were made for it."""
    asked = []
    with Session(), pytest.MonkeyPatch.context() as patch:
        inside = CompiledAttempt.inside
        patch.setattr(CompiledAttempt, "inside", lambda *given: (asked.append(1), inside(*given))[1])
        patch.setattr("rxd.neuron.recordings.samples.AT_ONCE", room)
        if monkeypatch is not None:
            patch.setattr(Samples, "grid", lambda *_: None)
        soma = h.Section(name="soma")
        soma.L = soma.diam = 20
        soma.insert("hh")
        clamp = h.IClamp(soma(0.5))
        clamp.delay, clamp.dur, clamp.amp = 2, 100, 0.5
        wanted = h.Vector([0, 3, 3, 7.25, 19.999, 20, 35])
        pointers = [soma(0.5)._ref_v, h._ref_t, clamp._ref_i]
        found = [h.Vector().record(pointer, when) for when in (0.1, 0.7, wanted) for pointer in pointers]
        gone = h.Vector().record(soma(0.5)._ref_v, 0.05)
        h.cvode_active(True)
        h.finitialize(-65)
        h.continuerun(10)
        del gone
        h.continuerun(30)
        return [np.array(vector) for vector in found], len(asked)


@pytest.mark.parametrize("room", [4096, 3])
def test_recordings_on_grids_are_taken_within_the_loop(monkeypatch: pytest.MonkeyPatch, room: int) -> None:
    by_python, by_state = gridded_run(monkeypatch)
    found, within = gridded_run(None, room)
    assert [len(vector) for vector in found] == 3 * [300] + 3 * [43] + 3 * [6]
    for mine, theirs in zip(found, by_python, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-9, atol=1e-9)
    assert by_state > 300
    if room > 100:
        assert within < by_state / 10


def test_steps_that_were_too_long_are_tried_again_within_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    judged, step = [], CoupledStepper._step
    monkeypatch.setattr(CoupledStepper, "_step", lambda *given: (judged.append(1), step(*given))[1])
    with Session():
        soma = h.Section(name="soma")
        soma.L = soma.diam = 20
        soma.insert("hh")
        clamp = h.IClamp(soma(0.5))
        clamp.delay, clamp.dur, clamp.amp = 2, 100, 0.5
        h.cvode_active(True)
        h.finitialize(-65)
        h.continuerun(50)
        taken = h.CVode()._run.engine.statistics
        assert taken.rejected > 10
        assert taken.solves >= (taken.steps + taken.rejected) * 4
        assert len(judged) <= 4
