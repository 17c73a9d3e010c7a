"""Variable steps whose recordings the compiled loop makes itself show what those show that Python takes step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron import Session, h


def recorded(among_others: bool, gridded: bool = False, stops: tuple[float, ...] = (20.0,), connected: bool = False) -> Any:
    """Time, voltage and a gate at every step; `among_others`: with what only Python can read."""
    with Session():
        soma = h.Section(name="soma")
        soma.L = soma.diam = 20
        soma.nseg = 3
        soma.insert("hh")
        clamp = h.IClamp(soma(0.5))
        clamp.delay, clamp.dur, clamp.amp = 2, 10, 0.5
        synapse = h.ExpSyn(soma(0.1))
        connections = [h.NetCon(soma(0.5)._ref_v, synapse, 0, 1, 0.01, sec=soma)] if connected else []
        train = h.NetStim()
        train.start, train.interval, train.number = 1.3, 4, 3
        connections.append(h.NetCon(train, synapse, 0, 1, 0.01))
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
        assert len(connections) == 1 + connected
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
