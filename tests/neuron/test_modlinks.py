"""POINTERs of mod files and transfers: gap junctions and graded synapses, against NEURON's steps written out."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

from rxd.neuron import h
from rxd.neuron.errors import HocError

GAP = """
NEURON { POINT_PROCESS Gap POINTER vgap RANGE g, i NONSPECIFIC_CURRENT i }
PARAMETER { g = 0.001 (uS) }
ASSIGNED { v (mV) vgap (mV) i (nA) }
BREAKPOINT { i = g*(v - vgap) }
"""

HALF = """
NEURON { POINT_PROCESS Half RANGE g, i, vgap ELECTRODE_CURRENT i }
PARAMETER { g = 0.001 (uS) }
ASSIGNED { v (mV) vgap (mV) i (nA) }
BREAKPOINT { i = g*(vgap - v) }
"""

GRADED = """
NEURON { POINT_PROCESS Graded POINTER vpre RANGE i NONSPECIFIC_CURRENT i }
ASSIGNED { v (mV) vpre (mV) i (nA) }
STATE { m }
INITIAL { m = vpre/100 }
BREAKPOINT { SOLVE s METHOD cnexp  i = 0.001*m }
DERIVATIVE s { m' = (vpre/100 - m)/3 }
"""

FOLLOWER = """
NEURON { SUFFIX follower POINTER p RANGE seen NONSPECIFIC_CURRENT i }
ASSIGNED { p seen i }
BREAKPOINT { seen = 2*p  i = 0 }
"""

MODS = {"gap": GAP, "half": HALF, "graded": GRADED, "follower": FOLLOWER}
DT, STEPS = 0.1, 30


@pytest.fixture
def cells(mods):
    found = [h.Section(name=name) for name in "ab"]
    for number, section in enumerate(found):
        section.L = section.diam = 20
        section.insert("pas")
        section(0.5).pas.e = -70 + 20 * number
    h.dt = DT
    return found


def by_hand(g):
    """Voltages of two passive cells of which each sees the other's voltage of the step's start through g (uS)."""
    area = np.pi * 400
    c, leak, e = 1e-5 * area, 0.001 * 1e-2 * area, np.array([-70.0, -50.0])
    v = np.array([-65.0, -65.0])
    rows = [v]
    for _ in range(STEPS):
        v = (c / DT * v + leak * e + g * v[::-1]) / (c / DT + leak + g)
        rows.append(v)
    return np.array(rows).T


def connect_by_setpointer(a, b):
    first, second = h.Gap(a(0.5)), h.Gap(b(0.5))
    h.setpointer(b(0.5)._ref_v, "vgap", first)
    second._ref_vgap = a(0.5)._ref_v
    assert second.vgap == a(0.5).v
    return first, second


def connect_by_transfer(a, b):
    pc = h.ParallelContext()
    found = h.Half(a(0.5)), h.Half(b(0.5))
    for number, (section, gap) in enumerate(zip((b, a), found, strict=True)):
        pc.source_var(section(0.5)._ref_v, number, sec=section)
        pc.target_var(gap, gap._ref_vgap, number)
    pc.setup_transfer()
    return found


def connect_in_hoc(a, b):
    h("objref first, second")
    h.first, h.second = h.Gap(a(0.5)), h.Gap(b(0.5))
    for name, section in (("first", b), ("second", a)):
        section.push()
        h(f"setpointer {name}.vgap, v(0.5)")
        h.pop_section()
    return h.first, h.second


@pytest.mark.parametrize("connect", [connect_by_setpointer, connect_by_transfer, connect_in_hoc])
def test_gap_junctions(cells, connect):
    a, b = cells
    gaps = connect(a, b)
    for gap in gaps:
        gap.g = 0.02
    recorded = [h.Vector().record(section(0.5)._ref_v) for section in cells]
    h.finitialize(-65)
    h.continuerun(DT * STEPS)
    expected = by_hand(0.02)
    for vector, values in zip(recorded, expected, strict=True):
        assert np.array(vector) == pytest.approx(values, rel=1e-11)
    assert abs(gaps[0].i) == pytest.approx(0.02 * abs(expected[0, -2] - expected[1, -2]), rel=1e-9)


def test_a_state_sees_the_voltage_of_the_steps_end_and_other_states(cells):
    a, b = cells
    first, second = h.Graded(b(0.5)), h.Graded(b(0.5))
    first._ref_vpre = a(0.5)._ref_v
    h.setpointer(first._ref_m, "vpre", second)
    recorded = [h.Vector().record(place) for place in (a(0.5)._ref_v, first._ref_m, second._ref_m)]
    h.finitialize(-65)
    h.continuerun(DT * STEPS)
    v, m, other = map(np.array, recorded)
    decay = np.exp(-DT / 3)
    assert m[0] == -0.65
    assert m[1:] == pytest.approx(v[1:] / 100 + (m[:-1] - v[1:] / 100) * decay, rel=1e-12)
    assert np.ptp(other) > 0


def test_what_the_state_does_not_hold_is_followed_step_by_step(cells):
    a, _ = cells
    a.insert("follower")
    told = h.ref(1.5)
    a(0.5).follower._ref_p = told
    seen = h.Vector().record(a(0.5).follower._ref_seen)
    h.finitialize(-65)
    h.fadvance()
    told[0] = 4
    h.fadvance()
    h.fadvance()
    assert [*seen] == [3, 3, 8, 8]
    assert a(0.5).follower.p == 4
    a(0.5).follower.p = 5
    assert told[0] == 5


def test_a_pointer_that_is_not_set(cells):
    a, _ = cells
    gap = h.Gap(a(0.5))
    with pytest.raises(HocError, match=r"POINTER vgap of Gap\[0\] is not set .*line 2\): h.setpointer"):
        h.finitialize(-65)
    del gap
    pc, half = h.ParallelContext(), h.Half(a(0.5))
    with pytest.raises(HocError, match="i of Half is neither a POINTER nor"):
        h.setpointer(a(0.5)._ref_v, "i", half)
    pc.target_var(half, half._ref_vgap, 7)
    with pytest.raises(HocError, match="no source_var has the number 7"):
        pc.setup_transfer()


@pytest.mark.parametrize(
    ("code", "read"),
    [
        ("PROCEDURE P() { a = p } INITIAL { a = 1 }", False),
        ("PROCEDURE P() { a = p } INITIAL { Q() } PROCEDURE Q() { P() }", True),
        ("PROCEDURE P() { a = p } BREAKPOINT { SOLVE P }", True),
        ("PROCEDURE P() { a = 2 } AFTER SOLVE { a = p }", True),
    ],
)
def test_a_pointer_that_nothing_reads_need_not_be_set(session, tmp_path, monkeypatch, code, read):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "un.mod").write_text(f"NEURON {{ SUFFIX un POINTER p RANGE a }} ASSIGNED {{ a p }} {code}")
    section = h.Section(name="section")
    section.insert("un")
    if read:
        with pytest.raises(HocError, match=r"POINTER p of section\(0.5\) is not set"):
            h.finitialize(-65)
    else:
        h.finitialize(-65)
        assert section(0.5).un.a == 1


def exactly(g, t):
    """Voltages of the two cells at a time, at rest at -65 mV before."""
    area = np.pi * 400
    c, leak, e = 1e-5 * area, 0.001 * 1e-2 * area, np.array([-70.0, -50.0])
    mean = e.mean() + (-65 - e.mean()) * np.exp(-leak / c * t)  # of both, and half their difference
    rate = (leak + 2 * g) / c
    half = leak * (e[0] - e[1]) / 2 / (leak + 2 * g) * (1 - np.exp(-rate * t))
    return [mean + half, mean - half]


@pytest.mark.parametrize("connect", [connect_by_setpointer, connect_by_transfer])
def test_variable_steps_see_the_other_cell_at_once(cells, connect):
    a, b = cells
    gaps = connect(a, b)
    for gap in gaps:
        gap.g = 0.02
    cvode, times = h.CVode(), h.Vector().record(h._ref_t)
    cvode.active(True)
    cvode.atol(1e-6)
    recorded = h.Vector().record(a(0.5)._ref_v, 0.5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        h.finitialize(-65)
        cvode.solve(3)
    assert [a(0.5).v, b(0.5).v] == pytest.approx(exactly(0.02, 3.0), abs=2e-5)
    assert list(recorded) == pytest.approx([exactly(0.02, 0.5 * k)[0] for k in range(len(recorded))], abs=2e-5)
    assert len(times) < 100
    assert gaps[0].vgap == b(0.5).v
    assert abs(gaps[0].i) == pytest.approx(0.02 * abs(a(0.5).v - b(0.5).v))


def test_variable_steps_of_what_follows_a_state(cells):
    """A graded synapse: its state follows the other cell's voltage, and its current drives its own."""
    a, b = cells
    a(0.5).pas.g, b(0.5).pas.g = 0, 0.001
    graded = h.Graded(b(0.5))
    h.setpointer(a(0.5)._ref_v, "vpre", graded)
    cvode = h.CVode()
    cvode.active(True)
    cvode.atol(1e-8)
    h.finitialize(-65)
    a(0.5).v = 35
    cvode.re_init()
    cvode.solve(4)
    assert graded.m == pytest.approx(0.35 + (-0.65 - 0.35) * np.exp(-4 / 3), abs=1e-6)


def test_variable_steps_say_what_they_look_at_only_at_the_beginning_of_steps(cells):
    a, _ = cells
    a.insert("follower")
    shown = h.ref(3)
    h.setpointer(shown, "p", a(0.5).follower)
    cvode = h.CVode()
    cvode.active(True)
    times = h.Vector().record(h._ref_t)
    with pytest.warns(UserWarning, match="With CVode, what POINTERs"):
        h.finitialize(-65)
    cvode.solve(1)
    assert np.diff(times).max() < 0.0251
    cvode.active(False)
