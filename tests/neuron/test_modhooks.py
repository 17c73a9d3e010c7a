"""BEFORE and AFTER blocks of mod files: what they add up over a cell, step by step."""

from __future__ import annotations

import numpy as np
import pytest

import geometry
import rxd
from rxd.neuron import h
from rxd.nmodl import NmodlError

METER = """
NEURON { SUFFIX meter RANGE gain, seen POINTER sum }
PARAMETER { gain = 1 }
ASSIGNED { v sum seen turns }
AFTER SOLVE { turns = turns + 1  seen = gain*v  sum = sum + seen + 1000*turns }
"""

TOTAL = """
NEURON { POINT_PROCESS Total RANGE sum, when, steps }
ASSIGNED { sum when steps }
BEFORE INITIAL { steps = -1 }
AFTER INITIAL { steps = steps + 1 }
BEFORE BREAKPOINT { sum = 0 }
BEFORE STEP { when = t  steps = steps + 1 }
"""


MODS = {"meter": METER, "total": TOTAL}


@pytest.fixture
def soma(mods):
    section = h.Section(name="soma")
    section.nseg = 2
    section.insert("pas")
    section.insert("meter")
    return section


def test_sums_over_segments(soma):
    total = h.Total(soma(0.5))
    soma(0.25).pas.e = -50
    soma(0.75).meter.gain = 2
    for segment in soma:
        segment.meter._ref_sum = total._ref_sum
    places = (soma(0.25)._ref_v, soma(0.75)._ref_v, total._ref_sum, soma(0.75)._ref_seen_meter, total._ref_when)
    recorded = [h.Vector().record(place) for place in places]
    h.finitialize(-65)
    assert (total.steps, total.sum) == (1, 0)
    h.continuerun(1)
    one, two, added, seen, when = (np.array(vector)[1:] for vector in recorded)
    assert np.ptp(one) > 1
    assert seen == pytest.approx(2 * two, rel=1e-14)
    assert added == pytest.approx(one + 2 * two + 2000 * np.arange(1, 41), rel=1e-12)
    assert when == pytest.approx(0.025 * np.arange(1, 41))
    assert total.steps == 41


def test_only_fixed_steps_run_them(soma, tmp_path):
    total = h.Total(soma(0.5))
    for segment in soma:
        segment.meter._ref_sum = total._ref_sum
    h.CVode().active(True)
    with pytest.raises(NmodlError, match=r"meter\.mod, line 5: AFTER SOLVE runs around fixed steps"):
        h.finitialize(-65)
    h.CVode().active(False)
    model = rxd.Model(geometry.cylinder(10, 10))
    with pytest.raises(NmodlError, match=r"total\.mod, line 4: BEFORE INITIAL runs around fixed steps of rxd.neuron only"):
        model.add(rxd.PointProcess(rxd.read_nmodl(tmp_path / "total.mod"), model.morphology.all(0.5)))
