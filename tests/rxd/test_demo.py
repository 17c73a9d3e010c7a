"""The main job: each of its claims on a small cell, and every kind of morphology it has to cope with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import geometry
import rxd
from rxd import demo, demo_report, plotting
from rxd.errors import DeclarationError

DATA = Path(__file__).resolve().parents[2] / ".." / "shared" / "neuron-scripts" / "data"
FILES = sorted([*DATA.glob("*.swc"), *DATA.glob("*.asc")]) if DATA.is_dir() else []
WEIGHT = 0.016
SMALL = demo.Settings(duration=400, dt=0.1, every=1, fine=3, coarse=12, reach=200, gca=3e-5, weight=WEIGHT)


def small_cell() -> geometry.Morphology:
    return geometry.examples.pyramidal_cell(n_basal=2, n_oblique=2, n_trunk=6)


def run(settings: demo.Settings, cell: geometry.Morphology | None = None, method: str = "split") -> SimpleNamespace:
    neuron = demo.build(cell or small_cell(), settings, method)
    sim = demo.compile_neuron(neuron, method)
    result = sim.run(settings.duration, record=neuron.record, every=settings.every)
    return SimpleNamespace(neuron=neuron, sim=sim, result=result, found=demo_report.findings(neuron, result))


@pytest.fixture(scope="module")
def whole() -> SimpleNamespace:
    return run(SMALL)


@pytest.fixture(scope="module")
def without_entry() -> SimpleNamespace:
    return run(replace(SMALL, gca=0.0))


@pytest.fixture(scope="module")
def without_kca() -> SimpleNamespace:
    return run(replace(SMALL, gkca=0.0))


# --- what the demonstration claims -----------------------------------------------------------------------------------


def test_spikes_start_a_wave_that_runs_outwards(whole: SimpleNamespace) -> None:
    found = whole.found
    assert found.wave
    assert found.start > found.spikes[0]
    assert found.reach > found.origin + 80
    distance, calcium = plotting.along_path(whole.result, whole.neuron.ca_cyt, whole.neuron.parts.path)
    outwards = (distance > found.reach - 50) & (distance < found.reach - 5)
    arrival = whole.result.t[(calcium[:, outwards] > 1e-3).argmax(axis=0)]
    assert np.all(np.diff(arrival) > 0)
    assert 0.1 < np.ptp(distance[outwards]) / np.ptp(arrival) < 1


def test_without_calcium_entry_there_is_no_wave_and_no_silence(without_entry: SimpleNamespace) -> None:
    found = without_entry.found
    assert not found.wave
    assert np.isnan(found.start)
    assert len(found.spikes) == found.events
    calcium = without_entry.result[without_entry.neuron.ca_cyt]
    assert float(calcium.max()) < 2 * SMALL.rest


def test_without_kca_there_is_the_wave_but_no_silence(whole: SimpleNamespace, without_kca: SimpleNamespace) -> None:
    assert without_kca.found.wave
    assert len(without_kca.found.spikes) == without_kca.found.events
    assert len(whole.found.spikes) < whole.found.events - 3


def test_spikes_are_the_same_until_the_wave(whole: SimpleNamespace, without_kca: SimpleNamespace) -> None:
    before = whole.found.spikes[whole.found.spikes < whole.found.start]
    assert len(before) >= 2
    assert np.allclose(before, without_kca.found.spikes[: len(before)], atol=2.0)


def test_receptors_inactivate_behind_the_front(whole: SimpleNamespace) -> None:
    neuron, place = whole.neuron, whole.neuron.parts.half_way
    calcium = plotting.at_place(whole.result, neuron.ca_cyt.name, place)
    store = plotting.at_place(whole.result, neuron.ca_er.name, place)
    gate = plotting.at_place(whole.result, neuron.gate.name, place)
    top = int(calcium.argmax())
    assert calcium[top] > 10 * SMALL.rest
    assert calcium[-1] < 0.2 * calcium[top]
    assert gate[-1] < 0.8 * gate[0]
    assert store[top] < 0.6 * SMALL.store
    assert store[-1] > 1.5 * store[top]


@pytest.mark.parametrize("ip3", [0.05e-3, 0.7e-3])
def test_cell_at_rest_stays_at_rest(ip3: float) -> None:
    """The leak that SymPy works out balances pump and receptors, whatever the IP3."""
    rest = run(replace(SMALL, weight=0.0, gca=0.0, ip3_rest=ip3, ip3_high=ip3, duration=100))
    assert len(rest.found.spikes) == 0
    for symbol, at_rest in ((rest.neuron.ca_cyt, SMALL.rest), (rest.neuron.ca_er, SMALL.store), (rest.neuron.ip3, ip3)):
        assert np.allclose(rest.sim.values(symbol), at_rest, rtol=1e-9)
    assert np.ptp(rest.sim.values(rest.neuron.gate)) < 1e-9


def test_both_methods_see_the_same() -> None:
    settings = replace(SMALL, duration=190)
    split, coupled = run(replace(settings, dt=0.025)), run(replace(settings, dt=None), method="coupled")
    assert len(coupled.found.spikes) == len(split.found.spikes) > 0
    assert np.allclose(coupled.found.spikes, split.found.spikes, atol=0.05)
    assert coupled.found.start == pytest.approx(split.found.start, abs=2 * SMALL.every)


def test_least_weight_is_the_threshold() -> None:
    settings = replace(SMALL, duration=70, weight=None)
    found = demo.build(small_cell(), settings).settings.weight
    assert found is not None
    threshold = found / 1.5
    assert len(run(replace(settings, weight=1.02 * threshold)).found.spikes) == 1
    assert len(run(replace(settings, weight=0.9 * threshold)).found.spikes) == 0


# --- parts of any cell -----------------------------------------------------------------------------------------------


def test_parts_of_a_pyramidal_cell() -> None:
    cell = small_cell()
    parts = demo.choose_parts(cell, demo.Settings())
    assert parts.notes == ()
    assert parts.soma == cell.soma
    assert parts.tree == cell.apical
    assert parts.soma | parts.base | parts.passive == cell.all
    assert not parts.passive & parts.base
    tips = [section.path_distance + section.length for section in cell.apical]
    assert demo.path_length(parts.path) == pytest.approx(max(tips))
    for section in list(parts.path)[1:]:
        assert section.parent is not None
        assert section.parent in parts.path


def other_cells() -> list[Any]:
    axon_only = geometry.cylinder(300, 1, name="axon", kind="axon")
    two = geometry.Morphology.from_sections(
        [
            geometry.SectionSpec("a", [(0, 0, 0, 2), (80, 0, 0, 2)], "basal"),
            geometry.SectionSpec("soma", [(0, 100, 0, 15), (15, 100, 0, 15)], "soma"),
            geometry.SectionSpec("b", [(15, 100, 0, 2), (75, 100, 0, 1)], "basal", "soma"),
        ]
    )
    soma_only = geometry.cylinder(20, 20, name="soma", kind="soma")
    cells = {"cylinder": geometry.cylinder(200, 2), "axon": axon_only, "soma": soma_only, "two trees": two}
    cells["branch"] = geometry.examples.y_branch()
    return [pytest.param(cell, id=name) for name, cell in cells.items()]


@pytest.mark.parametrize("cell", other_cells())
def test_parts_of_cells_that_lack_some(cell: geometry.Morphology) -> None:
    parts = demo.choose_parts(cell, demo.Settings())
    assert parts.soma
    assert parts.dendrites
    assert parts.path
    assert any("no apical dendrite" in note for note in parts.notes)
    assert bool(cell.soma) != any("no soma" in note for note in parts.notes)
    assert parts.soma | parts.base | parts.passive == cell.all
    assert cell.names[0] != "a" or parts.path.names == ("b",)
    neuron = demo.build(cell, replace(SMALL, duration=1))
    assert isinstance(neuron.model, rxd.Model)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_runs_on_reconstructions(file: Path) -> None:
    seen = run(replace(SMALL, duration=60, fine=10, coarse=50), demo.choose_cell(file))
    assert seen.result.t[-1] == 60
    assert all(np.isfinite(values).all() for values in seen.result.values)
    assert "synaptic events" in str(seen.found)


def test_a_front_has_the_speed_it_was_made_with() -> None:
    distance = np.linspace(10, 210, 101)
    arrival = 50 + (distance - 10) / 0.25
    assert demo_report.front_speed(distance, arrival, 10, 210) == pytest.approx(0.25)
    assert np.isnan(demo_report.front_speed(distance, np.full(101, 5.0), 10, 210))


def test_findings_need_calcium_on_the_path(whole: SimpleNamespace) -> None:
    with pytest.raises(DeclarationError, match=r"not recorded .*Add it to record"):
        demo_report.findings(whole.neuron, whole.sim.run(whole.sim.t + 1, record=[rxd.v]))
