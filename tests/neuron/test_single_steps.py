"""`h.fadvance()`: prepared single steps against the stepper's own, and what must end the preparation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron.session import Session
from rxd.solve import split


@pytest.fixture
def neuron() -> Any:
    with Session():
        from rxd.neuron import h, rxd

        h.load_file("stdrun.hoc")
        yield h, rxd


def cell(h: Any, rxd: Any) -> dict[str, Any]:
    """A fork with hh, sodium that its current carries, a synapse that a spike excites, and a clamp."""
    parts: dict[str, Any] = {name: h.Section(name=name) for name in ("soma", "left", "right")}
    for name in ("left", "right"):
        parts[name].connect(parts["soma"](1))
    for section in list(parts.values()):
        section.L, section.diam, section.nseg = 60, 2, 3
        section.insert("hh")
    cyt = rxd.Region(list(parts.values()), nrn_region="i")
    parts["cyt"], parts["na"] = cyt, rxd.Species(cyt, name="na", charge=1, d=1, initial=10)
    parts["stim"] = stim = h.IClamp(parts["soma"](0.5))
    stim.delay, stim.dur, stim.amp = 0.5, 5, 0.4
    parts["syn"] = h.ExpSyn(parts["right"](0.5))
    parts["spikes"] = h.Vector()
    parts["wire"] = h.NetCon(parts["left"](0.5)._ref_v, parts["syn"], 0, 0.3, 0.01, sec=parts["left"])
    parts["wire"].record(parts["spikes"])
    return parts


def state(h: Any) -> np.ndarray:
    from rxd.neuron.session import current_session

    return current_session().run.states()


def run(h: Any, steps: int = 200) -> list[np.ndarray]:
    h.finitialize(-65)
    seen = []
    for _ in range(steps):
        h.fadvance()
        seen.append(state(h))
    return seen


@pytest.mark.parametrize("secondorder", [0, 1, 2])
def test_they_are_the_steps_of_the_stepper_to_the_last_bit(neuron: Any, secondorder: int) -> None:
    """With two threads the stepper's own loop makes them."""
    h, rxd = neuron
    parts = cell(h, rxd)
    h.secondorder = secondorder
    single = run(h)
    spikes, current = list(parts["spikes"]), parts["left"](0.5).ina
    rxd.nthread(2)
    plain = run(h)
    assert np.array_equal(single, plain)
    assert len(spikes) == 1
    assert spikes == list(parts["spikes"])
    assert current == parts["left"](0.5).ina != 0


def test_what_a_script_changes_between_steps_counts(neuron: Any) -> None:
    """Clamps, voltages, parameters, the step: as if they had been so from a restored state on."""
    h, rxd = neuron
    parts = cell(h, rxd)

    def change() -> None:
        parts["stim"].amp = 0.7
        parts["right"](0.5).v = -50
        parts["soma"].gnabar_hh = 0.15
        h.dt = 0.01
        parts["na"].nodes[0].concentration = 12

    def changed(threads: int) -> list[np.ndarray]:
        rxd.nthread(threads)
        h.dt = 0.025
        parts["stim"].amp, parts["soma"].gnabar_hh = 0.4, 0.12
        run(h, 30)
        change()
        seen = []
        for _ in range(30):
            h.fadvance()
            seen.append(state(h))
        return seen

    assert np.array_equal(changed(1), changed(2))


def test_saved_states_go_on_as_they_did(neuron: Any) -> None:
    h, rxd = neuron
    parts = cell(h, rxd)
    run(h, 60)
    saved = h.SaveState()
    saved.save()
    for _ in range(60):
        h.fadvance()
    once = state(h)
    saved.restore()
    for _ in range(60):
        h.fadvance()
    assert np.array_equal(once, state(h))
    assert len(parts["spikes"]) > 0


def test_connections_made_after_initialisation_are_heard(neuron: Any) -> None:
    h, rxd = neuron
    parts = cell(h, rxd)
    h.finitialize(-65)
    for _ in range(10):
        h.fadvance()
    late, counter = h.Vector(), h.APCount(parts["right"](0.5))
    other = h.NetCon(parts["right"](0.9)._ref_v, None, -20, 0, 0, sec=parts["right"])
    other.record(late)
    for _ in range(190):
        h.fadvance()
    assert len(late) == 1
    assert counter.n == 1
    assert parts["spikes"][0] == pytest.approx(late[0], abs=0.5)


def test_a_voltage_that_a_script_lifts_over_a_threshold_is_a_spike(neuron: Any) -> None:
    h, rxd = neuron
    parts = cell(h, rxd)
    parts["stim"].amp = 0
    h.finitialize(-65)
    for _ in range(10):
        h.fadvance()
    assert len(parts["spikes"]) == 0
    parts["left"](0.5).v = 10
    t = h.t
    h.fadvance()
    assert list(parts["spikes"]) == [pytest.approx(t)]


def test_a_state_that_is_not_finite_is_named(neuron: Any) -> None:
    from rxd.errors import ConvergenceError

    h, rxd = neuron
    parts = cell(h, rxd)
    h.finitialize(-65)
    h.fadvance()
    parts["stim"].delay, parts["stim"].amp = 0, float("inf")
    with pytest.raises(ConvergenceError, match="v at soma"):
        h.fadvance()


def test_currents_are_seen_where_the_step_began(neuron: Any) -> None:
    h, rxd = neuron
    parts = cell(h, rxd)
    run(h, 60)
    seg = parts["left"](0.5)
    v, n = seg.v, seg.n_hh
    h.fadvance()
    assert seg.gk_hh == pytest.approx(seg.gkbar_hh * n**4, rel=1e-12)
    assert seg.ik == pytest.approx(seg.gk_hh * (v - seg.ek), rel=1e-9)


def test_species_in_a_box_are_not_part_of_what_currents_see(neuron: Any) -> None:
    """Where an ion of a section lies in a box, its reversal potential follows the box; what no current reads is left out."""
    h, rxd = neuron
    soma = h.Section(name="soma")
    soma.L = soma.diam = 10
    soma.insert("hh")
    box = rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=10, volume_fraction=0.2, tortuosity=1.6)
    k = rxd.Species(box, name="k", charge=1, d=1, initial=4)
    other = rxd.Species(box, name="other", d=1, initial=lambda node: node.x3d)
    h.finitialize(-65)
    h.fadvance()
    k[box].nodes.concentration = 8.0
    h.fadvance()  # in this step currents see what the segment showed before it, as in NEURON
    h.fadvance()
    assert soma(0.5).ek == pytest.approx(1000 * h.R * (h.celsius + 273.15) / h.FARADAY * np.log(8 / soma(0.5).ki), rel=1e-6)
    assert np.isfinite(other[box].states3d).all()


def leaky(few: int, monkeypatch: pytest.MonkeyPatch) -> list[list[float]]:
    """Voltages of passive cables whose conductances are written in single segments, one to three in a step."""
    monkeypatch.setattr(split, "FEW", few)
    with Session():
        from rxd.neuron import h

        trunk, twigs = h.Section(name="trunk"), [h.Section(name=f"twig{i}") for i in range(3)]
        for section in (trunk, *twigs):
            section.nseg, section.L, section.diam = 19, 300, 2
            section.insert("pas")
        for i, twig in enumerate(twigs):
            twig.connect(trunk(1), i % 2)
        twigs[2].g_pas = 0
        clamp = h.IClamp(trunk(0.1))
        clamp.dur, clamp.amp = 1e9, 0.1
        synapse = h.ExpSyn(twigs[0](0.4))
        h.finitialize(-70)
        seen = []
        for step in range(40):
            twigs[0](0.4).pas.g = 1e-3 + 1e-4 * step
            if step % 3:
                twigs[2](1 - 0.01 * step).g_pas = 2e-3
                trunk(0.97).e_pas = -70 + step
            h.fadvance()
            seen.append([segment.v for section in (trunk, *twigs) for segment in section])
        assert synapse.g == 0
    return seen


def test_leaks_written_in_single_segments_are_what_all_taken_anew_are(monkeypatch: pytest.MonkeyPatch) -> None:
    known = leaky(8, monkeypatch)
    assert known == leaky(0, monkeypatch)
    assert max(known[-1]) > max(known[0]) + 1
