"""Variable steps with cells and NetStims in compiled code against the same events taken out of the queue one by one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron.runs.live_cells import LiveCells
from rxd.neuron.session import Session, current_session


class OneByOne(LiveCells):
    """Leaves every event to the queue."""

    def march(self, *_: Any) -> bool:
        return False


@pytest.fixture
def h() -> Any:
    with Session():
        from rxd.neuron import h

        h.load_file("stdrun.hoc")
        h.cvode.active(1)
        h.cvode.atol(1e-5)
        yield h


def network(h: Any, loop: bool) -> dict[str, Any]:
    """Trains, cells of three kinds, a soma with synapses that cells excite and, if ``loop``, that excites cells."""
    soma = h.Section(name="soma")
    soma.L = soma.diam = 20
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 3, 20, 0.3
    synapses = [h.ExpSyn(soma(0.5)), h.Exp2Syn(soma(0.5))]
    trains = [h.NetStim() for _ in range(3)]
    for k, train in enumerate(trains):
        train.start, train.interval, train.number, train.noise = 0.3 * k, 1.7, 1e9, k / 2
        train.noiseFromRandom123(k, 2, 3)
    cells = [h.IntFire1(), h.IntFire1(), h.IntFire2(), h.IntFire4(), h.IntFire4()]
    weights = np.random.default_rng(3).uniform(-0.1, 0.7, (3, 5))
    connections = [h.NetCon(trains[i], cells[j], 0, 0.5 + 0.1 * (i + j), weights[i, j]) for i in range(3) for j in range(5)]
    connections += [h.NetCon(cells[j], cells[j - 1], 0, 0.0 if j == 2 else 0.7, 0.2) for j in range(5)]
    connections += [h.NetCon(cells[j], synapses[j % 2], 0, 1.0, 0.001) for j in range(4)]
    if loop:
        connections += [h.NetCon(soma(0.5)._ref_v, target, 0, 0.4, 0.5, sec=soma) for target in (cells[0], synapses[1])]
    spikes = {str(one): h.Vector() for one in (*trains, *cells)}
    recording = [h.NetCon(one, None) for one in (*trains, *cells)]
    spikes["soma"] = h.Vector()
    recording.append(h.NetCon(soma(0.5)._ref_v, None, sec=soma))
    for connection, vector in zip(recording, spikes.values(), strict=True):
        connection.record(vector)
    courses = {"v": h.Vector().record(soma(0.5)._ref_v, 0.5), "g": h.Vector().record(synapses[0]._ref_g, 0.5)}
    return {
        "soma": soma,
        "cells": cells,
        "connections": connections,
        "spikes": spikes,
        "courses": courses,
        "kept": (clamp, synapses, trains, recording),
    }


def outcome(h: Any, net: dict[str, Any]) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Spikes and courses of a run that a script interrupts, by functions and events of its own."""
    heard: list[float] = []
    h.finitialize(-65)
    h.cvode.event(7.2, lambda: heard.extend((h.t, net["cells"][2].M(), len(net["spikes"]["IntFire1[0]"]))))
    h.cvode.event(11.0, lambda: net["connections"][0].event(h.t + 1))
    h.continuerun(9.1)
    h.continuerun(25)
    heard += [cell.M() for cell in net["cells"]]
    courses = {name: np.array(vector) for name, vector in net["courses"].items()}
    return {**{name: np.array(vector) for name, vector in net["spikes"].items()}}, {**courses, "heard": np.array(heard)}


@pytest.mark.parametrize("loop", [False, True])
def test_events_in_compiled_code_are_those_of_the_queue(h: Any, loop: bool) -> None:
    net, run = network(h, loop), current_session().run
    found = outcome(h, net)
    assert len(found[0]["soma"]) > 0
    assert sum(len(times) for times in found[0].values()) > 60
    run.cells = OneByOne()
    expected = outcome(h, net)
    for here, there in zip(found, expected, strict=True):
        for name, values in there.items():
            np.testing.assert_allclose(here[name], values, rtol=1e-4, atol=2e-3, err_msg=name)
    for name in ("NetStim[0]", "NetStim[1]", "NetStim[2]"):
        assert found[0][name].tobytes() == expected[0][name].tobytes()


def test_more_spikes_than_there_is_room_for_are_not_lost(h: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rxd.neuron.events.arrivals.MOST_SPIKES", 7)
    train, cell = h.NetStim(), h.IntFire1()
    train.start, train.interval, train.number, train.noise = 1, 0.25, 200, 0
    cell.refrac, times = 0.1, h.Vector()
    connections = [h.NetCon(train, cell, 0, 0.1, 2.0), h.NetCon(cell, None)]
    connections[1].record(times)
    h.finitialize(-65)
    h.cvode.solve(60)
    np.testing.assert_allclose(times, 1.1 + 0.25 * np.arange(200), rtol=1e-12)
