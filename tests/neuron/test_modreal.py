"""What mod files of published models do that few others do."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.neuron import h

SPINE = """
NEURON {{ POINT_PROCESS Spine{0} NONSPECIFIC_CURRENT i RANGE ic }}
PARAMETER {{ g = 1e-3 }}
ASSIGNED {{ v i ic }}
STATE {{ m c e }}
INITIAL {{ m = 0  c = 0  e = 0 }}
BREAKPOINT {{ SOLVE s METHOD {0}  ic = (m + c)*(v + 75)/10  i = g*m*(v - 10) }}
DERIVATIVE s {{
    m' = (1 - m)/2
    c' = ic - c/10
    e' = c - e/5
}}
NET_RECEIVE(w) {{ m = m + w }}
"""

SWITCHED = """
NEURON { SUFFIX switched USEION ttx READ ttxi, ttxo VALENCE 1 NONSPECIFIC_CURRENT i RANGE shift, g }
PARAMETER { shift = 0  g = 0 }
ASSIGNED { v ttxi ttxo i minf mtau }
STATE { m }
INITIAL { rates()  m = minf }
BREAKPOINT { SOLVE s METHOD cnexp  i = g*m*(v - 50) }
DERIVATIVE s { rates()  m' = (minf - m)/mtau }
PROCEDURE rates() {
    if (ttxi == 0.015625 && ttxo > 1e-12) {
        minf = 0
        mtau = 1e-3
    } else {
        minf = 1/(1 + exp(-(v + 65)/5))
        mtau = 2 + shift
    }
}
"""

WHOLE = """
NEURON { POINT_PROCESS Whole RANGE k, q, b, c, w }
DEFINE M 5
PARAMETER { k = 1.7  q = 0.9 }
ASSIGNED { b c w a[6] }
INITIAL { FROM j = 0 TO M { a[j] = j + 1 } }
NET_RECEIVE(x) {
    b = 0
    c = 0
    FROM j = 0 TO k + k - 1 { b = b + 1 }
    FROM j = 0 TO q - 1 { c = c + 1 }
    w = a[M/2] + 10*a[(M/2)*2] + 100*a[q]
}
"""

SHELLS = """
NEURON { SUFFIX shells RANGE b, w }
DEFINE M 5
PARAMETER { k = 1.7 }
ASSIGNED { b w a[6] }
INITIAL { FROM j = 0 TO M { a[j] = j + 1 } }
BREAKPOINT {
    b = 0
    FROM j = 0 TO k + k - 1 { b = b + 1 }
    w = a[M/2] + 10*a[(M/2)*2]
}
"""

FACTORS = """
NEURON { SUFFIX factors }
DEFINE N 2
STATE { x }
LOCAL done, factor[N]
INITIAL {
    if (done == 0) {
        done = 1
        compute()
    }
    x = 0
}
PROCEDURE compute() { FROM i = 0 TO N-1 { factor[i] = 1/(i + 1) } }
BREAKPOINT { SOLVE s METHOD cnexp }
DERIVATIVE s { x' = factor[0] - factor[1]*x }
"""

SENTINEL = """
NEURON { SUFFIX sentinel USEION ttx WRITE ttxi, ttxo VALENCE 1 RANGE level }
PARAMETER { level = 1e-12  mark = 0.015625 }
ASSIGNED { ttxi ttxo }
INITIAL { ttxo = level  ttxi = mark }
BREAKPOINT { ttxo = level }
"""

INSTANT = """
NEURON {{ SUFFIX {0} NONSPECIFIC_CURRENT i RANGE g, minf }}
PARAMETER {{ g = 1e-3 }}
ASSIGNED {{ v i minf }}
STATE {{ h }}
INITIAL {{ h = 1  {1} }}
BREAKPOINT {{ SOLVE s METHOD cnexp  i = g*minf*h*(v - 10) }}
DERIVATIVE s {{ rates(v)  h' = (0.5 - h)/20 }}
PROCEDURE rates(v) {{ minf = 1/(1 + exp(-(v + 50)/8)) }}
"""

LISTEN = """
NEURON { POINT_PROCESS listen USEION na READ ina RANGE heard }
ASSIGNED { ina heard }
STATE { s }
INITIAL { s = 0 }
BREAKPOINT { SOLVE states METHOD cnexp }
DERIVATIVE states { heard = ina  s' = -s - ina }
"""

MODS = {
    "instant": INSTANT.format("instant", "rates(v)"),
    "late": INSTANT.format("late", ""),
    "left": INSTANT.format("left", "rates(v)"),
    "listen": LISTEN,
    "sentinel": SENTINEL,
    "factors": FACTORS,
    "spinec": SPINE.format("cnexp"),
    "spined": SPINE.format("derivimplicit"),
    "switched": SWITCHED,
    "whole": WHOLE,
    "shells": SHELLS,
}


@pytest.mark.parametrize("method", ["cnexp", "derivimplicit"])
def test_point_processes_see_currents_of_a_steps_start(mods, method):
    """Those of GluSynapse move calcium; NEURON 9.0.2 agrees to all its digits."""
    soma = h.Section(name="soma")
    soma.L = soma.diam = 20
    soma.insert("pas")
    spine = getattr(h, f"Spine{method}")(soma(0.5))
    spike = h.NetCon(None, spine)
    spike.weight[0] = 0.3
    h.dt = 0.1
    m, c, v = (h.Vector().record(ref) for ref in (spine._ref_m, spine._ref_c, soma(0.5)._ref_v))
    h.finitialize(-65)
    spike.event(0.42)  # before the step from 0.4: currents see it
    h.continuerun(1)
    m, c, v = (np.array(x) for x in (m, c, v))
    m[4] += 0.3
    current = ((m + c) * (v + 75) / 10)[:-1]
    if method == "cnexp":
        decay = math.exp(-0.1 / 10)
        assert c[1:] == pytest.approx(c[:-1] * decay + 10 * current * (1 - decay), rel=1e-12)
    else:
        assert c[1:] == pytest.approx((c[:-1] + 0.1 * current) / (1 + 0.1 / 10), rel=1e-12)


def test_cases_that_numbers_of_a_place_decide_under_cvode(mods):
    soma = h.Section(name="soma")
    soma.nseg = 3
    soma.insert("switched")
    soma.insert("pas")
    soma(0.5).ttxi, soma(0.5).ttxo = 0.015625, 1e-3
    soma(0.9).switched.shift = 3
    soma.e_pas = -65
    h.cvode_active(1)
    h.finitialize(-65)
    for segment in soma:
        segment.switched.m = 0.25
    h.CVode().re_init()
    h.CVode().solve(2)
    wanted = [0.5 - 0.25 * math.exp(-2 / 2), 0, 0.5 - 0.25 * math.exp(-2 / 5)]
    assert [segment.switched.m for segment in soma] == pytest.approx(wanted, abs=2e-3)


def test_bounds_and_indices_are_of_whole_numbers(mods):
    """Numbers of NEURON 9.0.2: 1 + 1 - 1, no turn up to -1, the elements 5/2, (5/2)*2 and 0."""
    soma = h.Section(name="soma")
    soma.insert("shells")
    point = h.Whole(soma(0.5))
    spike = h.NetCon(None, point)
    h.finitialize(-65)
    spike.event(0)
    h.fadvance()
    assert (point.b, point.c, point.w) == (2, 0, 153)
    assert (soma(0.5).shells.b, soma(0.5).shells.w) == (2, 53)


def test_factors_that_the_first_initial_computes(mods):
    """As in cadif of the NEURON Book: LOCAL arrays of the file are computed once and stay for all segments and runs."""
    soma = h.Section(name="soma")
    soma.nseg = 3
    soma.insert("factors")
    h.dt = 0.1
    for _ in range(2):
        h.finitialize(-65)
        h.continuerun(1)
        wanted = 2 * (1 - math.exp(-1 / 2))
        assert [segment.x_factors for segment in soma] == pytest.approx([wanted] * 3, rel=1e-12)


@pytest.mark.parametrize("variable", [False, True])
def test_a_concentration_that_initial_alone_writes_stays(mods, variable):
    """As with TTXDynamicsSwitch and NaTg."""
    soma = h.Section(name="soma")
    soma.insert("switched")
    soma.insert("sentinel")
    h.cvode_active(variable)
    h.finitialize(-65)
    assert (soma.ttxi, soma.ttxo, soma.m_switched) == (0.015625, 1e-12, pytest.approx(0.5))
    soma.level_sentinel = 1e-3
    h.CVode().re_init()
    h.CVode().solve(1)
    assert (soma.ttxi, soma.ttxo, soma.m_switched) == (0.015625, 1e-3, pytest.approx(0, abs=1e-3))
    soma.ttxi = 1
    h.CVode().re_init()
    h.CVode().solve(3)
    assert soma.ttxi == 1
    assert soma.m_switched == pytest.approx(0.5 - 0.5 * math.exp(-2 / 2), abs=1e-2)
    h.finitialize(-65)
    assert soma.ttxi == 0.015625


@pytest.mark.parametrize(
    ("mechanism", "edit", "wanted"),
    [
        ("instant", "v", [-41.76243279, -41.00428093]),
        ("instant", "insert", [-60.13950315, -59.68144619]),
        ("left", "insert", [-60.13950315, -59.68144619]),  # a name of our own making, once
        ("late", "v", [-41.84735504, -41.08551362]),
        ("late", "insert", [-61.09350955, -60.65335123]),
    ],
)
def test_gates_without_delay_are_what_the_last_step_has_left(mods, mechanism, edit, wanted):
    """BREAKPOINT reads minf, which DERIVATIVE alone computes: not of a voltage set since. Numbers of NEURON 9.0.2."""
    soma = h.Section(name="soma")
    soma.L = soma.diam = 20
    soma.insert("pas")
    soma.insert(mechanism)
    h.dt = 0.1
    h.finitialize(-65)
    h.continuerun(1)
    if edit == "v":
        soma(0.5).v = -40
    else:
        soma.nseg = 3
    found = []
    for _ in wanted:
        h.fadvance()
        found.append(soma(0.5).v)
    assert found == pytest.approx(wanted, abs=2e-8)


def test_what_a_block_has_assigned_can_be_read_after_another_nseg(mods):
    soma = h.Section(name="soma")
    soma.nseg = 3
    soma.insert("hh")
    listener = h.listen(soma(0.9))
    h.finitialize(-65)
    h.fadvance()
    before = listener.heard
    soma.nseg = 5
    assert listener.heard == before < 0
    h.fadvance()
    assert listener.heard < 0
