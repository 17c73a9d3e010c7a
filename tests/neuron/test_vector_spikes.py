"""Histograms of spikes, fits, and what mechanisms and one process tell of themselves; numbers observed in NEURON 9.0.2."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rxd.neuron.errors import HocError
from rxd.neuron.session import Session


@pytest.fixture
def h() -> Any:
    with Session():
        from rxd.neuron import h

        h.load_file("stdrun.hoc")
        yield h


def test_a_histogram_around_stimuli_takes_neighbours_until_there_are_enough(h: Any) -> None:
    counts = h.Vector([0, 1, 0, 4, 2, 0, 0, 7, 1, 0])
    expected = [125, 125, 200, 400, 200, 225, 350, 700, 800 / 3, 800 / 3]
    assert h.Vector().psth(counts, 1, 10, 3).to_python() == pytest.approx(expected)
    assert h.Vector().psth(counts, 0.5, 20, 5)[3] == 300
    assert h.Vector().psth(h.Vector([0, 0]), 1, 1, 1).to_python() == [0, 0]


def test_a_smooth_histogram_is_a_sum_of_gaussians(h: Any) -> None:
    expected = [0.19947114, 0.17603266, 0.12098536, 0.0647588, 0.02699548]
    assert h.Vector().smhist(h.Vector([0.3]), 0, 5, 1, 4.0).to_python() == pytest.approx(expected, abs=1e-7)
    weighted = h.Vector().smhist(h.Vector([1.2, 3.1, 3.2, 7.8]), -1, 6, 0.5, 0.7, h.Vector([1, 2, 0, 1]))
    assert weighted.to_python() == pytest.approx(
        [0.02738544, 0.09573568, 0.23496671, 0.4098283, 0.5315981, 0.59001809], abs=2e-5
    )


def test_a_neuron_that_integrates_and_fires(h: Any) -> None:
    current = h.Vector(16, 4.0)
    free = h.Vector().inf(current, 0.5, 0.1, -70, 0.5, -55, -65).to_python()
    assert free == pytest.approx(
        [-70, -66, -62.4, -59.16, -56.244, 0, -65, -61.5, -58.35, -55.515, 0, -65, -61.5, -58.35, -55.515, 0]
    )
    resting = h.Vector().inf(current, 0.5, 0.1, -70, 0.5, -55, -65, 2.5).to_python()
    assert resting[9:14] == pytest.approx([-55.515, -52.9635, -50.66715, 0, -65])


@pytest.mark.parametrize(
    ("curve", "parameters"),
    [("exp1", (3, 1.3)), ("line", (2, -1)), ("quad", (0.5, -2, 3)), ("exp2", (2, 0.4, 1, 3)), ("charging", (2, 0.4, 1, 3))],
)
def test_a_fit_finds_the_curve_the_data_come_from(h: Any, curve: str, parameters: tuple[float, ...]) -> None:
    x = np.linspace(0, 6, 60)
    if curve in {"line", "quad"}:
        y = np.polyval(parameters, x)
    else:
        pairs = list(zip(parameters[::2], parameters[1::2], strict=True))
        decays = [a * np.exp(-x / tau) for a, tau in pairs]
        y = sum(decays) if curve != "charging" else sum(a for a, _ in pairs) - sum(decays)
    data, fitted, at = h.Vector(y), h.Vector(), h.Vector(x)
    found = [h.ref(value * 1.2 + 0.05) for value in parameters]
    assert data.fit(fitted, curve, at, *found) == pytest.approx(0, abs=1e-10)
    assert [pointer[0] for pointer in found] == pytest.approx(parameters, rel=1e-3)
    assert fitted.to_python() == pytest.approx(y.tolist(), abs=1e-4)


def test_a_fit_takes_a_function_of_hoc(h: Any) -> None:
    h("func decay() { return $2*exp(-$1/$3) }")
    x = np.linspace(0, 5, 12)
    found = [h.ref(1), h.ref(1)]
    h.Vector(3 * np.exp(-x / 1.3)).fit(h.Vector(), "decay", h.Vector(x), *found)
    assert [pointer[0] for pointer in found] == pytest.approx([3, 1.3], rel=1e-5)
    with pytest.raises(HocError, match="none of exp1"):
        h.Vector([1]).fit(h.Vector(), "nothing", h.Vector([1]), *found)


def test_integrators_tell_their_currents(h: Any) -> None:
    cell = h.IntFire4()
    up, down = h.NetCon(None, cell, 0, 0, 0.5), h.NetCon(None, cell, 0, 0, -0.5)
    h.finitialize(-65)
    up.event(1)
    down.event(2)
    while h.t < 5 - 0.5 * h.dt:
        h.fadvance()
    assert (cell.M(), cell.E(), cell.I()) == pytest.approx(
        (0.3213326301545562, 0.05803306730870779, -0.011747536479322328), rel=1e-3
    )
    assert cell.m != cell.M()
    train = h.NetStim()
    train.noise = 1
    h.finitialize(-65)
    assert train.invl(10) > 0
    assert train.erand() > 0


def test_mechanisms_tell_where_they_come_from(h: Any, tmp_path: Path) -> None:
    assert h.hh.ions["na"] == {"read": ["ena"], "write": ["ina"], "charge": None, "ontology_id": "CHEBI:29101"}
    assert h.pas.ions == {}
    assert h.hh.file == h.hh.code == ""
    text = (
        "NEURON { SUFFIX leaky USEION ca READ eca WRITE ica VALENCE 2 RANGE g }\nPARAMETER { g = 1e-4 }\n"
        "ASSIGNED { v eca ica }\nBREAKPOINT { ica = g * (v - eca) }\n"
    )
    (tmp_path / "leaky.mod").write_text(text)
    h.nrn_load_dll(str(tmp_path))
    assert h.leaky.file.endswith("leaky.mod")
    assert h.leaky.code == text
    assert h.leaky.ions["ca"] == {"read": ["eca"], "write": ["ica"], "charge": 2, "ontology_id": "CHEBI:29108"}
    section = h.Section(name="section")
    h.hh.insert(section)
    assert section.has_membrane("hh")
    h.hh.uninsert(section)
    assert not section.has_membrane("hh")


def test_one_process_exchanges_with_itself(h: Any) -> None:
    pc, got, number, text = h.ParallelContext(), h.Vector(), h.ref(0), h.ref("")
    assert pc.alltoall(h.Vector([1, 2, 3]), h.Vector([2]), got) == 0
    assert got.to_python() == [1, 2]
    with pytest.raises(HocError, match="5 values"):
        pc.alltoall(h.Vector([1]), h.Vector([5]), got)
    pc.pack(3)
    pc.pack("word")
    assert pc.post("key") == 1
    assert pc.take("key") == 1
    pc.unpack(number, text)
    assert (number[0], text[0]) == (3, "word")
    root, tip = h.Section(name="root"), h.Section(name="tip")
    tip.connect(root)
    assert list(pc.get_partition(0)) == [root]
    assert pc.thread_how_many_proc() >= 1
    assert math.isfinite(pc.thread_ctime(0))


def test_spectra_are_neurons(h: Any) -> None:
    """Figures of NEURON 9.0.2 for sin(0.7 i) + 0.01 i; 5 elements make two overlapping pairs: (4 + 9 + 16 + 25) / 8."""
    at = np.arange(32)
    found = h.Vector().spctrm(h.Vector(np.sin(0.7 * at) + 0.01 * at))
    assert list(found) == pytest.approx([0.14588897, 0.34119582, 0.04690526, 0.00032871], rel=1e-5)
    assert list(h.Vector().spctrm(h.Vector([1, 2, 3, 4, 5]))) == [6.75]
    assert np.isnan(h.Vector().spctrm(h.Vector([1]))[0])


def test_gaussians_before_the_grid_stand_where_neuron_puts_them(h: Any) -> None:
    """NEURON 9.0.2; -2.3 counts at -2, -2.6 at -2.5."""
    found = h.Vector([-2.3, 1.9, 2.2, -2.6, -3.1]).sumgauss(-2, 2, 0.5, 0.1)
    assert list(found)[::7] == pytest.approx([1.631511412948963, 1.6230110463464427], rel=1e-6)


def test_lines_marks_and_errors_are_drawn(h: Any) -> None:
    graph, data = h.Graph(), h.Vector([1, 4, 9])
    data.line(graph, h.Vector([0, 1, 2]))
    data.mark(graph, 0.5)
    data.ploterr(graph, h.Vector([0, 1, 2]), h.Vector([0.1, 0.2, 0.3]))
    assert [list(line.get_xdata()) for line in graph.axes.lines[:2]] == [[0, 1, 2], [0, 0.5, 1]]
    assert len(graph.axes.containers) == 1
