"""Electrodes of mod files (ELECTRODE_CURRENT): no part of the membrane's current, and from ground into the cell.

Figures are NEURON 9.0.2's, of the same script.
"""

from __future__ import annotations

from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pytest

from rxd.neuron import h
from rxd.neuron.session import current_session

MODS: Final = MappingProxyType(
    {
        "holder": """
NEURON { POINT_PROCESS Holder RANGE g, i ELECTRODE_CURRENT i }
UNITS { (nA) = (nanoamp) (mV) = (millivolt) }
PARAMETER { g = 0.01 }
ASSIGNED { i (nA) v (mV) }
BREAKPOINT { i = g * (-20 - v) * (1 + 0.2 * t) }
""",
        "feed": """
NEURON { SUFFIX feed RANGE g, i ELECTRODE_CURRENT i }
UNITS { (mA) = (milliamp) (mV) = (millivolt) }
PARAMETER { g = 0.001 }
ASSIGNED { i (mA/cm2) v (mV) }
BREAKPOINT { i = g * (-40 - v) }
""",
        "counted": """
NEURON { POINT_PROCESS Counted RANGE g, i ELECTRODE_CURRENT i }
UNITS { (nA) = (nanoamp) (mV) = (millivolt) }
PARAMETER { g = 0.01 }
ASSIGNED { i (nA) v (mV) n k }
INITIAL { n = 0 k = 0 }
BREAKPOINT { SOLVE up
  i = g * (-20 - v) * n }
PROCEDURE up() { LOCAL j
  j = 0
  k = k + 1
  WHILE (j < 3) { n = n + 0.001 * k
    j = j + 1 } }
""",
        "carried": """
NEURON { POINT_PROCESS Carried RANGE g, feeds ELECTRODE_CURRENT feeds USEION ca READ cai WRITE cai }
UNITS { (nA) = (nanoamp) (mV) = (millivolt) (mM) = (milli/liter) }
PARAMETER { g = 0.01 }
ASSIGNED { feeds (nA) v (mV) }
STATE { cai (mM) }
INITIAL { cai = 0.01 }
BREAKPOINT { SOLVE falls METHOD cnexp
  feeds = g * (-20 - v) * (1 + cai) }
DERIVATIVE falls { cai' = -0.1 * cai }
""",
    }
)


def cell(layers: bool) -> tuple[list[Any], list[Any]]:
    soma, dend = h.Section(name="soma"), h.Section(name="dend")
    soma.L = soma.diam = 20
    dend.L, dend.diam, dend.nseg = 200, 2, 3
    dend.connect(soma(1))
    for sec in (soma, dend):
        sec.insert("pas")
        if layers:
            sec.insert("extracellular")
            sec.xraxial[0], sec.xg[0] = 1e3, 1
    dend.insert("feed")
    h.CVode().use_fast_imem(True)
    return [soma(0.5), *dend], [h.Holder(soma(0.5)), h.Holder(dend(1))]


@pytest.mark.parametrize(
    ("layers", "order", "v", "leaves", "first", "shown"),
    [
        pytest.param(
            False, 0, [-44.722664, -44.73695, -44.06107, -42.639412], [0.34170741, 0.11360591, 0.11628764, 0.12241394],
            [0.35458747, 0.11787877, 0.1201188, 0.12540885], [0.34616825, 0.30127905, 0.004106637], id="cable",
        ),
        pytest.param(
            False, 2, [-44.680622, -44.695964, -44.021522, -42.60063], [0.34134998, 0.11348925, 0.11617657, 0.12230906],
            [0.35347376, 0.11751556, 0.11977174, 0.12507814], [0.34556423, 0.27795583, 0.004065994], id="second order",
        ),
        pytest.param(
            True, 0, [-44.738366, -44.752773, -44.078025, -42.658456], [0.34150281, 0.11353736, 0.11621414, 0.12233098],
            [0.35437957, 0.11780902, 0.12004455, 0.1253262], [0.34600792, 0.30114475, 0.004095823], id="layers outside",
        ),
    ],
)  # fmt: skip
def test_it_is_no_part_of_what_flows_through_the_membrane(
    mods: Path, layers: bool, order: int, v: list[float], leaves: list[float], first: list[float], shown: list[float]
) -> None:
    del mods
    segments, holders = cell(layers)
    h.secondorder = order
    recorded = [h.Vector().record(seg._ref_i_membrane_, 1) for seg in segments]
    h.finitialize(-65)
    h.continuerun(2)
    assert [seg.v for seg in segments] == pytest.approx(v, abs=1e-6)
    assert [seg.i_membrane_ for seg in segments] == pytest.approx(leaves, abs=2e-8)
    assert [vector[1] for vector in recorded] == pytest.approx(first, abs=2e-8)
    assert [*(holder.i for holder in holders), segments[2].i_feed] == pytest.approx(shown, abs=1e-8)
    if layers:
        assert [seg.vext[0] for seg in segments] == pytest.approx([0.0271751, 0.0271304, 0.0277707, 0.0291548], abs=1e-7)


def test_one_that_is_run_with_numbers(mods: Path) -> None:
    del mods
    segments, holders = cell(layers=False)
    holders.clear()
    with pytest.warns(UserWarning, match="every step"):
        counted = h.Counted(segments[2])
    h.finitialize(-65)
    h.continuerun(1)
    assert segments[2].v == pytest.approx(-50.5248107, abs=1e-6)
    assert [seg.i_membrane_ for seg in segments] == pytest.approx([0.38864532, 0.14108132, 0.17261976, 0.16262435], abs=2e-8)
    assert counted.g == 0.01


@pytest.mark.parametrize("layers", [False, True], ids=["cable", "layers outside"])
def test_the_same_under_cvode(mods: Path, layers: bool) -> None:
    """Fixed steps, extrapolated to no length, agree with variable ones, ends of sections and layers included."""
    del mods
    segments, holders = cell(layers)

    def run() -> np.ndarray:
        h.finitialize(-65)
        h.continuerun(2)
        outside = [seg.vext[0] for seg in segments] if layers else []
        return np.array([*(seg.v for seg in segments), *(seg.i_membrane_ for seg in segments), *outside, segments[2].i_feed])

    found = []
    for h.dt in (0.005, 0.0025):
        found.append(run())
    cvode = h.CVode()
    cvode.active(True)
    cvode.atol(1e-7)
    assert run() == pytest.approx(2 * found[1] - found[0], abs=2e-5)
    electrodes = sum(holder.i for holder in holders) + 0.01 * sum(seg.area() * seg.i_feed for seg in segments[1:])
    assert sum(seg.i_membrane_ for seg in segments) == pytest.approx(electrodes, rel=1e-6)


def test_one_with_ions_shows_its_current_at_the_potential_inside(mods: Path) -> None:
    del mods
    segments, holders = cell(layers=True)
    holders.clear()
    carried = h.Carried(segments[2])
    assert segments[2].i_membrane_ == 0  # before there is anything to show
    segments[2].sec.xg[0] = 1e-3
    h.finitialize(-65)
    h.continuerun(1)
    assert segments[2].vext[0] == pytest.approx(1.958191150, abs=1e-8)
    assert carried.feeds == pytest.approx(0.323265464, abs=1e-8)


def test_layers_at_an_end_that_jumps_are_where_they_belong_at_once(mods: Path) -> None:
    """What charged the end's negligible capacity stayed in them as the first step began, which no step was short enough for."""
    del mods
    soma, dend = h.Section(name="soma"), h.Section(name="dend")
    soma.L = soma.diam = 20
    dend.L, dend.diam = 100, 1
    dend.connect(soma(1))
    for sec in (soma, dend):
        sec.insert("pas")
        sec.insert("extracellular")
        sec.xraxial[0], sec.xg[0] = 1e3, 1
    holder = h.Holder(dend(1))
    cvode = h.CVode()
    cvode.active(True)
    cvode.atol(1e-7)
    h.finitialize(-65)
    h.fadvance()
    h.fadvance()
    assert holder.g == 0.01
    assert dend(1).vext[0] == pytest.approx(dend(0.5).vext[0], rel=1e-6)  # it comes from ground: nothing flows outside


def test_currents_through_the_membrane_are_recorded_within_variable_steps(mods: Path) -> None:
    """On a grid, beside a clamp that jumps on it, without asking objects of scripts; as `seg.i_membrane_` shows them there."""
    del mods
    segments, _ = cell(layers=False)
    clamp = h.IClamp(segments[2])
    clamp.delay, clamp.dur, clamp.amp = 1, 0.5, 0.3
    cvode = h.CVode()
    cvode.active(True)
    recorded = [h.Vector().record(seg._ref_i_membrane_, 0.25) for seg in segments]
    h.finitialize(-65)
    h.continuerun(2)
    assert None not in current_session().run.trail.gridded
    once, seen = np.array(recorded).T, []
    h.finitialize(-65)
    for k in range(9):
        cvode.solve(0.25 * k) if k else None
        seen.append([seg.i_membrane_ for seg in segments])
    assert once == pytest.approx(np.array(seen), abs=1e-4)
    assert once[4][2] - once[3][2] > 0.25  # the current of the clamp charges the membrane


def test_cells_of_one_segment_recorded_beside_others_under_cvode(mods: Path) -> None:
    del mods
    alone, cable = h.Section(name="alone"), h.Section(name="cable")
    cable.nseg, cable.L = 3, 300
    cable.insert("hh")
    h.CVode().use_fast_imem(True)
    h.CVode().active(True)
    recorded = [h.Vector().record(alone(0.5)._ref_i_membrane_, 0.5)]
    h.finitialize(-65)
    h.continuerun(1)
    clamp = h.IClamp(cable(0.1))
    clamp.dur, clamp.amp = 5, 0.1
    recorded += [h.Vector().record(seg._ref_i_membrane_, 0.5) for sec in (cable, alone) for seg in sec]
    h.finitialize(-65)
    h.continuerun(1)
    assert list(recorded[0]) == list(recorded[4]) == [0, 0, 0]  # nothing flows into it, as in NEURON
    assert sum(vector[2] for vector in recorded[1:4]) == pytest.approx(0.1, abs=1e-9)


def test_one_recording_that_only_python_can_make_leaves_the_others_to_the_loop(mods: Path) -> None:
    del mods
    segments, _ = cell(layers=False)
    h.CVode().active(True)
    known, slow = h.Vector().record(segments[0]._ref_v, 0.5), h.Vector().record(segments[0]._ref_diam, 0.5)
    every, times = h.Vector().record(segments[0]._ref_v), h.Vector().record(h._ref_t)
    h.finitialize(-65)
    h.continuerun(2)
    gridded = current_session().run.trail.gridded
    assert [one is None for one in gridded] == [False, True]
    assert (len(known), len(slow), len(every)) == (5, 5, len(times))
    assert known[4] == pytest.approx(every[len(every) - 1], abs=1e-9)
    assert list(slow) == [20] * 5
    assert np.all(np.diff(times) > 0)
