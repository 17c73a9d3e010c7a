"""Habits of old mod files: numbers are those of NEURON 9.0.2."""

from __future__ import annotations

import pytest

from rxd.neuron import h

POOL = """
NEURON { SUFFIX pool USEION ca WRITE cai USEION can READ ican WRITE cani VALENCE 2 RANGE cal, total }
PARAMETER { total }
ASSIGNED { ican }
STATE { cal cani cai }
INITIAL {
    VERBATIM
    cani = _ion_cani;
    cai = _ion_cai;
    ENDVERBATIM
    cal = 2e-5
    cani = 1e-5
    cai = 5e-5
}
BREAKPOINT { SOLVE d METHOD derivimplicit  cai = cal + cani  total = 2*cai }
DERIVATIVE d {
    cal' = (1e-4 - cal)/2
    cani' = -10*ican - cani/5
    cai' = (5e-5 - cai)/0.1
}
"""
SOURCE = """
NEURON { SUFFIX source USEION can WRITE ican VALENCE 2 USEION ca READ cai NONSPECIFIC_CURRENT i }
PARAMETER { gate }
ASSIGNED { ican i cai }
BREAKPOINT { gate = 10*cai  ican = -1e-7  i = gate/10 }
"""
SHUNT = """
NEURON { POINT_PROCESS Shunt RANGE i, g, ginf NONSPECIFIC_CURRENT ishunt }
PARAMETER { v  g = 0.002  i = 0  ginf }
ASSIGNED { ishunt }
BREAKPOINT { ginf = g*(1 + v/100)  i = ginf*(v + 50)  ishunt = i }
"""
PEAK = """
NEURON { SUFFIX highest RANGE gmax NONSPECIFIC_CURRENT i }
ASSIGNED { v i gmax }
BREAKPOINT { LOCAL g  g = 1e-5/(1 + exp(-v))  if (g > gmax) { gmax = g }  i = g*v }
"""
BOUNDED = """
NEURON { {} NONSPECIFIC_CURRENT i RANGE g, top }
PARAMETER { g = 1e-4  top = 1  low = -0.5 }
ASSIGNED { v i }
STATE { m }
INITIAL { m = 0 }
BREAKPOINT { SOLVE d METHOD cnexp  if (m > top) { m = top } else if (m < low) { m = low }  i = g*m*(v + 20) }
DERIVATIVE d { m' = drive(t) - m/100 }
FUNCTION drive(x) { if (x < 5) { drive = 1 } else { drive = -0.5 } }
"""
QUIET = """
NEURON { SUFFIX quiet RANGE top, shown }
PARAMETER { top = 1  low = -0.2 }
ASSIGNED { v shown }
STATE { m n }
INITIAL { m = 0  n = 0 }
BREAKPOINT {
    SOLVE d METHOD derivimplicit
    if (m > top) { m = top } else if (m < low) { m = low }
    if (n > m && v > -100) { n = m }
    shown = 2*m
}
DERIVATIVE d { m' = drive(t) - m/100  n' = 0.3 - n*m }
FUNCTION drive(x) { if (x < 5) { drive = 1 } else { drive = -0.5 } }
"""
OTHERS = """
NEURON { SUFFIX others NONSPECIFIC_CURRENT i }
ASSIGNED { v i }
STATE { m }
BREAKPOINT { LOCAL top  SOLVE d METHOD cnexp  top = 0.1  if (m > top) { m = top }  i = 1e-4*m*(v + 20) }
DERIVATIVE d { m' = 1 - m }
"""
MODS = {"highest": PEAK, "pool": POOL, "source": SOURCE, "shunt": SHUNT, "quiet": QUIET, "others": OTHERS}
MODS |= {"bounded": BOUNDED.replace("{}", "SUFFIX bounded", 1), "bound": BOUNDED.replace("{}", "POINT_PROCESS Bound", 1)}

POOLED = [6.042262747e-05, 9.095694303e-06, 0.0001208452549, 0.000598346926, -65.0465071]
SHUNTED = [-64.17828779, -0.01016655028, 0.0007160300774, -0.0105, -0.01033941588]


@pytest.fixture
def soma(mods):
    section = h.Section(name="soma")
    section.L = section.diam = 20
    return section


def test_a_state_that_breakpoint_sets_after_its_block(soma):
    soma.insert("pool")
    soma.insert("source")
    h.finitialize(-65)
    assert soma(0.5).cai == 5e-5
    for _ in range(40):
        h.fadvance()
    segment = soma(0.5)
    assert segment.cai == pytest.approx(segment.cal_pool + segment.cani, rel=1e-14)
    assert [segment.cai, segment.cani, segment.total_pool, h.gate_source, segment.v] == pytest.approx(POOLED, rel=1e-8)


def test_parameters_that_breakpoint_computes_are_what_it_computes(soma):
    shunt = h.Shunt(soma(0.5))
    current = h.Vector().record(shunt._ref_i)
    h.finitialize(-65)
    for _ in range(40):
        h.fadvance()
    assert [soma(0.5).v, shunt.i, shunt.ginf, current[0], current[20]] == pytest.approx(SHUNTED, rel=1e-7)


def test_what_no_equation_gives_is_refused_with_a_remedy(soma):
    soma.insert("highest")
    for ask in (lambda: soma(0.5).gmax_highest, lambda: soma(0.5).highest.gmax, lambda: soma(0.5)._ref_gmax_highest):
        with pytest.raises(AttributeError, match=r"gmax follows from what it was in the last step.*AFTER SOLVE"):
            ask()


HELD = [
    [-48.823842, 1.0247469, 0.5, 1.0, 0.28256686, 2.0, 1.0247469],
    [-37.642025, 0.47991996, -0.01491718, 0.47998463, 0.36290948, 0.95996926, 0.47991996],
    [-41.233704, -0.51237345, -0.2, -0.2, -0.2, -0.4, -0.51237345],
]


@pytest.mark.parametrize("adaptive", [False, True])
def test_states_that_breakpoint_holds_within_bounds_go_on_from_there(soma, adaptive):
    """They went on as if nothing held them; in variable steps so they do in NEURON, whose numbers are those of fixed ones."""
    soma.nseg = 2
    soma.insert("bounded")
    soma.insert("quiet")
    soma(0.2).top_quiet = 0.5
    point = h.Bound(soma(0.5))
    point.g = 1e-3
    h.load_file("stdrun.hoc")
    h.cvode_active(adaptive)
    h.cvode.atol(1e-6)
    h.finitialize(-65)
    found = []
    for until in (3, 6, 10):
        h.continuerun(until)
        near, far = soma(0.2), soma(0.7)
        found.append([far.v, far.m_bounded, near.m_quiet, far.m_quiet, far.n_quiet, far.shown_quiet, point.m])
    for values, expected in zip(found, HELD, strict=True):
        assert values == pytest.approx(expected, **({"rel": 0.01, "abs": 0.03} if adaptive else {"rel": 1e-7}))


def test_states_held_by_what_breakpoint_computes_are_warned_about(soma):
    with pytest.warns(UserWarning, match=r"others.mod: BREAKPOINT sets m where a condition.*BEFORE BREAKPOINT"):
        soma.insert("others")
