"""Runs in the compiled loop against the same steps made one by one: recordings of every kind, events, spikes, callbacks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron.session import Session


@pytest.fixture
def neuron() -> Any:
    with Session():
        from rxd.neuron import h, rxd

        h.load_file("stdrun.hoc")
        yield h, rxd


def spiking(h: Any, rxd: Any) -> tuple[Any, dict[str, Any]]:
    """Two sections with hh and sodium that they take up, synapses that their own spikes and a train excite."""
    left, right = h.Section(name="left"), h.Section(name="right")
    right.connect(left(1))
    for section in (left, right):
        section.L, section.nseg = 100, 3
        section.insert("hh")
    left.diam = 10
    cyt = rxd.Region([left, right], nrn_region="i")
    na = rxd.Species(cyt, name="na", charge=1, d=1, initial=10)
    stim, late = h.IClamp(left(0.5)), h.IClamp(right(0.5))
    stim.delay, stim.dur, stim.amp = 1, 20, 3
    late.delay, late.dur, late.amp = 3.3, 0.4, 0.1
    held = h.SEClamp(right(0.1))
    held.dur1, held.amp1, held.dur2, held.amp2, held.rs = 6, -65, 2, -55, 50
    alpha = h.AlphaSynapse(right(0.1))
    alpha.onset, alpha.tau, alpha.gmax = 3, 0.7, 1e-4
    fast, slow = h.ExpSyn(right(0.5)), h.Exp2Syn(right(0.9))
    train = h.NetStim()
    train.number, train.start, train.interval, train.noise = 4, 2.2, 2.013, 0
    connections = [
        h.NetCon(left(0.5)._ref_v, fast, 0, 0.33, 0.002, sec=left),
        h.NetCon(right(0.9)._ref_v, slow, -10, 0.77, 0.004, sec=right),
        h.NetCon(train, fast, 0, 0.11, 0.001),
    ]
    spikes = h.Vector()
    connections[0].record(spikes)
    pointers = {
        "t": h._ref_t,
        "v": left(0.5)._ref_v,
        "v at an end": right(1)._ref_v,
        "v at a joint": left(1)._ref_v,
        "gate": left(0.5)._ref_m_hh,
        "ion current": left(0.5)._ref_ina,
        "current": right(0.1)._ref_il_hh,
        "synapse": fast._ref_g,
        "node": na.nodes[0]._ref_concentration,
        "concentration": left(0.1)._ref_nai,
        "reversal potential": left(0.1)._ref_ena,
        "conductance": left(0.5)._ref_gna_hh,
        "time constant": right(0.9)._ref_mtau_hh,
        "clamp": late._ref_i,
        "voltage clamp": held._ref_i,
        "current of a synapse": fast._ref_i,
        "conductance of a synapse": slow._ref_g,
        "alpha synapse": alpha._ref_i,
    }
    vectors = {name: h.Vector().record(pointer) for name, pointer in pointers.items()}
    vectors |= {
        f"{name}, on a grid": h.Vector().record(pointer, 0.1) for name, pointer in pointers.items() if name != "synapse"
    }
    vectors["odd grid"] = h.Vector().record(left(0.5)._ref_v, 0.037)
    vectors["times"] = h.Vector().record(left(0.5)._ref_v, h.Vector([0.01, 0.5, 1.2345, 7.77777]))
    vectors["spikes"] = spikes
    return (left, right, cyt, na, stim, late, fast, slow, train, (*connections, held, alpha)), vectors


def run(h: Any, vectors: dict[str, Any], single: bool) -> dict[str, np.ndarray]:
    h.dt = 0.025
    h.finitialize(-65)
    if single:
        while h.t < 12 - 0.5 * h.dt:
            h.fadvance()
    else:
        h.continuerun(12)
    return {name: np.array(vector) for name, vector in vectors.items()}


def test_recordings_and_spikes_are_those_of_single_steps(neuron: Any) -> None:
    h, rxd = neuron
    kept, vectors = spiking(h, rxd)
    one, many = run(h, vectors, single=True), run(h, vectors, single=False)
    assert len(one["spikes"]) == 1
    assert len(one["v"]) == 481
    assert one["synapse"].max() > 1e-3
    for name, values in one.items():
        assert values.shape == many[name].shape, name
        np.testing.assert_allclose(many[name], values, rtol=1e-10, atol=1e-14, err_msg=name)
    assert h.t == pytest.approx(12)
    assert len(kept) == 10


def test_the_loop_is_left_only_when_something_happens(neuron: Any, loop_lengths: list[int]) -> None:
    h, rxd = neuron
    kept, vectors = spiking(h, rxd)
    run(h, vectors, single=False)
    assert sum(loop_lengths) == 480
    assert max(loop_lengths) > 60  # where nothing spikes a run is as long as nothing else ends it
    assert len(loop_lengths) < 30
    assert len(kept) == 10


def test_what_segments_see_of_a_box_is_recorded_in_the_loop(neuron: Any, loop_lengths: list[int]) -> None:
    h, rxd = neuron
    section = h.Section(name="s")
    section.L, section.nseg = 100, 3
    section.insert("hh")
    far = h.Section(name="far")
    far.pt3dadd(500, 0, 0, 1)
    far.pt3dadd(600, 0, 0, 1)
    cyt, ecs = rxd.Region([section], nrn_region="i"), rxd.Extracellular(-10, -30, -30, 110, 30, 30, dx=30, volume_fraction=0.2)
    k = rxd.Species([cyt, ecs], name="k", charge=1, d=1, initial=lambda node: 54 if hasattr(node, "sec") else 2.5)
    na = rxd.Species(cyt, name="na", charge=1, initial=lambda node: 10 + node.x)
    pointers = {name: getattr(section(0.5), f"_ref_{name}") for name in ("ki", "ko", "ek", "ena")}
    pointers |= {"outside the box": far(0.5)._ref_ko, "reversal potential there": far(0.5)._ref_ek}
    vectors = {name: h.Vector().record(pointer) for name, pointer in pointers.items()}
    one = run(h, vectors, single=True)
    loop_lengths.clear()
    many = run(h, vectors, single=False)
    assert max(loop_lengths) > 100
    assert np.ptp(one["ko"]) > 1e-3
    assert np.ptp(one["ek"]) > 1e-3
    for name, values in one.items():
        np.testing.assert_allclose(many[name], values, rtol=1e-12, err_msg=name)
    assert k is not na


def test_a_function_that_a_spike_calls_sees_its_step(neuron: Any) -> None:
    h, rxd = neuron
    kept, vectors = spiking(h, rxd)
    seen: list[tuple[float, float]] = []
    call = h.NetCon(kept[0](0.5)._ref_v, None, sec=kept[0])
    call.record(lambda: seen.append((h.t, kept[0](0.5).v)))
    run(h, vectors, single=True)
    run(h, vectors, single=False)
    assert len(seen) == 2
    assert seen[0] == pytest.approx(seen[1], rel=1e-9)
    assert seen[0][1] > 0


def test_what_the_state_does_not_hold_is_recorded_step_by_step(neuron: Any) -> None:
    h, rxd = neuron
    kept, _ = spiking(h, rxd)
    step, amplitude, v = (h.Vector().record(p) for p in (h._ref_dt, kept[4]._ref_amp, kept[0](0.5)._ref_v))
    h.dt = 0.025
    h.finitialize(-65)
    h.continuerun(2)
    assert step.to_python() == [0.025] * 81
    assert amplitude.to_python() == [3] * 81
    assert v[-1] == kept[0](0.5).v != v[0]
    assert rxd is not None


def test_deliveries_that_a_run_did_not_reach_are_not_lost(neuron: Any) -> None:
    """A run that a called function ends early has taken events out of the queue that it must put back."""
    h, rxd = neuron
    kept, _ = spiking(h, rxd)
    h.dt = 0.025
    call = h.NetCon(kept[0](0.5)._ref_v, None, sec=kept[0])
    call.record(lambda: None)
    late = h.NetCon(None, kept[7], 0, 0, 1e-4)
    times = np.arange(6.5, 8.5, 0.02)
    h.finitialize(-65)
    for when in times:
        late.event(when)
    h.continuerun(12)
    one = kept[7].B
    h.finitialize(-65)
    for when in times:
        late.event(when)
    while h.t < 12 - 0.5 * h.dt:
        h.fadvance()
    assert one == pytest.approx(kept[7].B, rel=1e-9)
    assert one > 0
    assert rxd is not None


@pytest.mark.parametrize("delay", [0.05, 0.11, 0.4])
def test_cells_that_excite_each_other_do_so_in_runs_as_in_single_steps(neuron: Any, delay: float) -> None:
    """A run ends before what a spike in it sends arrives, and delays of hardly a step are left to single steps."""
    h, _ = neuron
    cells, kept = [h.Section(name=f"cell{i}") for i in range(3)], []
    for cell in cells:
        cell.L = cell.diam = 10
        cell.insert("hh")
    spikes = [h.Vector() for _ in cells]
    for i, cell in enumerate(cells):
        target = h.ExpSyn(cells[(i + 1) % 3](0.5))
        target.tau = 0.5
        wire = h.NetCon(cell(0.5)._ref_v, target, 0, delay, 0.02, sec=cell)
        heard = h.NetCon(cell(0.5)._ref_v, None, sec=cell)
        heard.record(spikes[i])
        kept += [target, wire, heard]
    for when in (0.3, 15.2):
        kept.append(h.IClamp(cells[0](0.5)))
        kept[-1].delay, kept[-1].dur, kept[-1].amp = when, 0.5, 1
    v = h.Vector().record(cells[2](0.5)._ref_v)

    def ran(single: bool) -> list[list[float]]:
        h.finitialize(-65)
        if single:
            for _ in range(1200):
                h.fadvance()
        else:
            h.continuerun(30)
        return [v.to_python(), *(vector.to_python() for vector in spikes)]

    one, many = ran(single=True), ran(single=False)
    assert min(map(len, one[1:])) >= 2
    assert one[1:] == many[1:]
    np.testing.assert_allclose(many[0], one[0], rtol=1e-9)
    kept[1].delay = 2 * delay  # counts at once
    assert ran(single=True)[1:] == ran(single=False)[1:] != one[1:]
