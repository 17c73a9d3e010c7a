"""Point processes of mod files that write concentrations and reversal potentials, against NEURON's steps written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.neuron import h
from rxd.neuron.errors import HocError

POOL = """
NEURON { POINT_PROCESS Pool USEION ca READ cai, ica WRITE cai RANGE depth, tau, seen, i NONSPECIFIC_CURRENT i }
PARAMETER { depth = 0.3  tau = 20  rest = 1e-4 }
ASSIGNED { ica seen i }
STATE { cai }
INITIAL { cai = rest }
BREAKPOINT { SOLVE s METHOD cnexp  seen = 3*cai  i = 0.001 }
DERIVATIVE s { cai' = -1e4*ica/(2*96485*depth) + (rest - cai)/tau }
NET_RECEIVE(w) { cai = cai + w }
"""

CHANNEL = """
NEURON { SUFFIX cah USEION ca READ eca WRITE ica RANGE g }
PARAMETER { g = 1e-4 }
ASSIGNED { v eca ica }
BREAKPOINT { ica = g*(v - eca) }
"""

SETTING = """
NEURON { POINT_PROCESS Setting USEION k WRITE ko, ek RANGE height }
PARAMETER { height = 4 }
ASSIGNED { ko ek }
BREAKPOINT { ko = height  ek = -70 + t }
"""

FOLLOWING = """
NEURON { POINT_PROCESS Following USEION na WRITE nai POINTER source }
ASSIGNED { nai source }
BREAKPOINT { nai = source }
"""

SENSING = """
NEURON { POINT_PROCESS Sensing USEION ca READ ica RANGE tau, twice NONSPECIFIC_CURRENT i }
PARAMETER { tau = 5 }
ASSIGNED { ica twice i v }
STATE { seen }
BREAKPOINT { SOLVE s METHOD cnexp  twice = 2*ica  i = 1e-3*seen }
DERIVATIVE s { seen' = -ica - seen/tau }
"""

LEAK = """
NEURON { SUFFIX leak USEION ca WRITE ica }
ASSIGNED { v ica }
BREAKPOINT { ica = 1e-5*v }
"""

MODS = {"sensing": SENSING, "leak": LEAK, "pool": POOL, "cah": CHANNEL, "setting": SETTING, "following": FOLLOWING}
DT = 0.05
NERNST = 1000 * 8.31446261815324 * (6.3 + 273.15) / (2 * 96485.33212331001)


@pytest.fixture
def cable(mods):
    section = h.Section(name="cable")
    section.nseg, section.L, section.diam, section.cm, section.Ra = 3, 30, 10, 1, 1e14  # segments hardly see each other
    section.insert("cah")
    section.insert("pas")
    h.dt = DT
    return section


def by_hand(steps, depth, events=()):
    """v, cai and the reversal potential of one segment with a pool, step by step."""
    v, cai, area = -65.0, 1e-4, math.pi * 10 * 10
    rows = [(v, cai)]
    for step in range(steps):
        cai += sum(w for when, w in events if when == step)
        eca = NERNST * math.log(2 / cai)
        ica, leak = 1e-4 * (v - eca), 0.001 * (v + 70)
        total = ica + leak + 100 * 0.001 / area
        v -= total / (1e-3 / DT + 1e-4 + 0.001)
        goal = 1e-4 + 20 * -1e4 * ica / (2 * 96485 * depth)
        cai = goal + (cai - goal) * math.exp(-DT / 20)
        rows.append((v, cai))
    return np.array(rows).T


def test_a_pool_in_one_segment(cable):
    pool = h.Pool(cable(0.5))
    pool.depth = 0.2
    vectors = [h.Vector().record(place) for place in (cable(0.5)._ref_v, cable(0.5)._ref_cai, pool._ref_cai, pool._ref_seen)]
    h.finitialize(-65)
    h.continuerun(2)
    v, cai, own, seen = map(np.array, vectors)
    expected = by_hand(len(v) - 1, 0.2)
    assert v == pytest.approx(expected[0], rel=1e-7)
    assert cai == pytest.approx(expected[1], rel=1e-7)
    assert (own == cai).all()
    assert seen[1:] == pytest.approx(3 * cai[:-1], rel=1e-12)
    assert pool.i == pytest.approx(0.001)
    assert cable(0.5).cai == pool.cai
    assert cable(0.5).eca == pytest.approx(NERNST * math.log(2 / cai[-2]), rel=1e-12)
    for x in (0.1, 0.9):  # nothing is written there
        assert cable(x).cai == 5e-5
        assert cable(x).eca == pytest.approx(132.4579341637009)


def test_events_parameters_and_scripts_change_it(cable):
    pool = h.Pool(cable(0.5))
    connection = h.NetCon(None, pool, 0, 0, 1e-4)
    h.finitialize(-65)
    connection.event(2 * DT)
    for _ in range(4):
        h.fadvance()
    assert pool.cai == pytest.approx(by_hand(4, 0.3, [(2, 1e-4)])[1, -1], rel=1e-7)
    pool.tau = 1e9
    before, ica = pool.cai, cable(0.5).ica
    h.fadvance()
    assert pool.cai - before == pytest.approx(-DT * 1e4 * cable(0.5).ica / (2 * 96485 * 0.3), rel=1e-6)
    assert ica < 0
    cable(0.5).cai = 2e-4
    assert pool.cai == 2e-4
    h.fadvance()
    assert pool.cai - 2e-4 == pytest.approx(-DT * 1e4 * cable(0.5).ica / (2 * 96485 * 0.3), rel=1e-6)


def test_variable_steps_agree(cable):
    h.Pool(cable(0.5))
    h.dt = 1e-3
    h.finitialize(-65)
    h.continuerun(2)
    steps = cable(0.5).v, cable(0.5).cai
    h.CVode().active(True)
    h.CVode().atol(1e-8)
    h.finitialize(-65)
    h.continuerun(2)
    assert (cable(0.5).v, cable(0.5).cai) == pytest.approx(steps, rel=1e-3)


def test_what_is_set_without_a_state(cable):
    cable.insert("k_ion")
    setting = h.Setting(cable(0.9))
    h.finitialize(-65)
    h.fadvance()
    assert cable(0.9).ko == 4
    assert cable(0.9).ek == pytest.approx(-70 + DT, abs=DT)
    assert cable(0.1).ko == 2.5
    setting.height = 5
    h.fadvance()
    assert cable(0.9).ko == 5


@pytest.mark.parametrize("kind", ["Pool", "Setting", "Sensing"])
def test_a_point_process_brings_its_ions_to_the_whole_section(mods, kind):
    """As a mechanism does, and in NEURON: scripts record `seg._ref_cai` beside a synapse that carries calcium."""
    ion = "k" if kind == "Setting" else "ca"
    shown = []
    for by_hand in (False, True):
        dend, other = h.Section(name="dend"), h.Section(name="other")
        dend.nseg = 3
        dend.insert("pas")
        if by_hand:
            dend.insert(f"{ion}_ion")
        point = getattr(h, kind)(dend(0.5))
        assert dend.has_membrane(f"{ion}_ion")
        assert not other.has_membrane(f"{ion}_ion")
        recorded = [h.Vector().record(getattr(dend(x), f"_ref_{ion}{what}")) for x in (0.1, 0.5) for what in "io"]
        h.finitialize(-65)
        h.continuerun(1)
        shown.append([*recorded, [dend(0.5).v, getattr(dend(0.5), f"e{ion}"), getattr(dend(0.1), f"e{ion}")]])
        point.loc(other(0.5))
        assert other.has_membrane(f"{ion}_ion")
        assert dend.has_membrane(f"{ion}_ion")
    for one, two in zip(*shown, strict=True):
        np.testing.assert_array_equal(one, two)


def test_those_that_read_the_current_of_an_ion(cable):
    cable.insert("leak")
    sensors = [h.Sensing(cable(x)) for x in (0.5, 0.5, 0.9)]
    sensors[1].tau = 1
    v, ica, twice, i = (
        h.Vector().record(p) for p in (cable(0.5)._ref_v, cable(0.5)._ref_ica, sensors[1]._ref_twice, sensors[1]._ref_i)
    )
    h.finitialize(-65)
    expected = [0.0, 0.0, 0.0]
    for _ in range(5):
        h.fadvance()
        for n, tau in enumerate((5, 1, 5)):
            goal = -tau * cable((0.5, 0.5, 0.9)[n]).ica
            expected[n] = goal + (expected[n] - goal) * math.exp(-DT / tau)
        assert [sensor.seen for sensor in sensors] == pytest.approx(expected, rel=1e-11)
    before = [sensor.seen for sensor in sensors]
    h.fadvance()
    assert np.array(twice) == pytest.approx(2 * np.array(ica), rel=1e-12)
    assert np.array(ica)[1:] == pytest.approx(
        1e-4 * (np.array(v)[:-1] - 132.4579341637009) + 1e-5 * np.array(v)[:-1], rel=1e-12
    )
    assert np.array(i)[-1] == pytest.approx(1e-3 * before[1], rel=1e-12)


def test_what_is_refused(cable):
    pools = [h.Pool(cable(0.5)), h.Pool(cable(0.51))]
    with pytest.raises(HocError, match=r"Pool\[0\] and Pool\[1\] write the same concentration in cable"):
        h.finitialize(-65)
    pools.pop()
    h.finitialize(-65)
    following = h.Following(cable(0.1))
    following._ref_source = cable(0.5)._ref_v
    with pytest.raises(HocError, match="Following writes ions or reads their currents, and a variable of it follows another"):
        h.finitialize(-65)
