"""Point processes of mod files that have no equations: run step by step, against the same steps written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.neuron import h
from rxd.neuron.errors import HocError
from rxd.neuron.mods.scop import ScopRandom
from rxd.nmodl import NmodlError

FLUCTUATING = """
NEURON { POINT_PROCESS Fluctuating RANGE g, g1, mean NONSPECIFIC_CURRENT i }
PARAMETER { dt (ms)  mean = 0.002  tau = 3 }
ASSIGNED { v i g g1 decay kick }
INITIAL { g1 = 0  decay = exp(-dt/tau)  kick = 0.001*sqrt(1 - exp(-2*dt/tau)) }
BREAKPOINT { SOLVE walk  g = mean + g1  if (g < 0) { g = 0 }  i = g*(v + 20) }
PROCEDURE walk() { g1 = decay*g1 + kick*normrand(0, 1) }
PROCEDURE seed(x) { set_seed(x) }
"""

HISTORY = """
NEURON { POINT_PROCESS History RANGE n, total, g ELECTRODE_CURRENT i }
DEFINE MOST 8
ASSIGNED { i n total when[MOST] }
STATE { g }
INITIAL { n = 0  g = 0.5 }
BREAKPOINT { SOLVE s METHOD cnexp  total = since()  i = 0.01*total }
DERIVATIVE s { g' = (total - g)/2 }
FUNCTION since() { LOCAL j  since = 0  FROM j=0 TO n-1 { since = since + exp(when[j] - t) } }
NET_RECEIVE(w) { when[n] = t  n = n + 1 }
"""

RECEPTOR = """
NEURON { POINT_PROCESS Receptor RANGE drug, total NONSPECIFIC_CURRENT i }
DEFINE MOST 4
ASSIGNED { v i n drug total when[MOST] }
STATE { c o d }
INITIAL { n = 0  c = 0.9  o = 0.1  d = 0 }
BREAKPOINT { SOLVE k METHOD sparse  i = 0.001*o*v }
KINETIC k {
    COMPARTMENT 2 { d }
    drug = since()
    ~ c <-> o (drug, 0.3)
    ~ o <-> d (0.2, 0.1)
    total = f_flux
    ~ d << (0.01*drug)
}
FUNCTION since() { LOCAL j  since = 0  FROM j=0 TO n-1 { since = since + exp(when[j] - t) } }
NET_RECEIVE(w) { when[n] = t  n = n + 1 }
"""

PAIRS = """
NEURON { POINT_PROCESS Pairs RANGE n NONSPECIFIC_CURRENT i }
ASSIGNED { v i n when[4] }
STATE { a b }
INITIAL { n = 0  a = 1  b = 0 }
BREAKPOINT { SOLVE k METHOD sparse  i = b*0 }
KINETIC k {
    ~ 2 a <-> b (1 + since(), 0.5)
    CONSERVE a + 2 b = 1
}
FUNCTION since() { LOCAL j  since = 0  FROM j=0 TO n-1 { since = since + when[j] } }
NET_RECEIVE(w) { when[n] = w  n = n + 1 }
"""

DENSITY = """
NEURON { SUFFIX noisy NONSPECIFIC_CURRENT i }
ASSIGNED { v i }
BREAKPOINT { i = normrand(0, 1) }
"""


AVERAGE = """
NEURON { POINT_PROCESS Average RANGE mean, given POINTER idle NONSPECIFIC_CURRENT i }
ASSIGNED { v i n mean given idle }
INITIAL { n = 0  mean = 0 }
BREAKPOINT { i = 1e-3*(v - mean)  SOLVE update METHOD after_cvode }
PROCEDURE update() { mean = (mean*n + v)/(n + 1)  n = n + 1 }
"""

MODS = {"fluctuating": FLUCTUATING, "history": HISTORY, "noisy": DENSITY, "receptor": RECEPTOR, "pairs": PAIRS}
MODS |= {"average": AVERAGE}


@pytest.fixture
def soma(mods):
    section = h.Section(name="soma")
    section.L = section.diam = 20
    section.insert("pas")
    return section


def test_a_conductance_that_fluctuates(soma):
    with pytest.warns(UserWarning, match=r"Fluctuating is run with numbers.*normrand\(\)"):
        point = h.Fluctuating(soma(0.5))
    point.mean = 0.004
    recorded = [h.Vector().record(place) for place in (soma(0.5)._ref_v, point._ref_g, point._ref_i)]
    point.seed(5)
    h.dt = 0.1
    h.finitialize(-65)
    h.continuerun(5)
    draw = ScopRandom()
    draw.set_seed(5)
    area = math.pi * 400
    c, leak, v, g1 = 1e-5 * area, 1e-5 * area, -65.0, 0.0
    before = 0.004, -65.0
    for step, (seen, g, i) in enumerate(zip(*map(np.array, recorded), strict=True)):
        assert seen == pytest.approx(v, rel=1e-12)
        if step:
            assert g == pytest.approx(before[0], rel=1e-12)
            assert i == pytest.approx(before[0] * (before[1] + 20), rel=1e-9)
        g_now = 0.004 + g1
        before = g_now, v
        v = (c / 0.1 * v - leak * 70 - g_now * 20) / (c / 0.1 + leak + g_now)
        g1 = math.exp(-0.1 / 3) * g1 + 0.001 * math.sqrt(1 - math.exp(-0.2 / 3)) * draw.normrand(0, 1)


def test_a_history_of_events_and_a_state(soma):
    with pytest.warns(UserWarning, match="History is run with numbers.*bounds of a loop"):
        point = h.History(soma(0.5))
    connection = h.NetCon(None, point)
    total, g, t = (h.Vector().record(place) for place in (point._ref_total, point._ref_g, h._ref_t))
    h.finitialize(-65)
    for when in (1.0, 2.5):
        connection.event(when)
    h.continuerun(4)
    assert point.n == 2
    middle = np.array(t)[1:] - 0.0125
    expected = sum(np.where(middle > when, np.exp(when - middle), 0) for when in (1.0, 2.5))
    assert np.array(total)[1:] == pytest.approx(expected, abs=1e-12)
    x = 0.5
    for seen, goal in zip(np.array(g)[1:], expected, strict=True):
        x = goal + (x - goal) * math.exp(-0.025 / 2)
        assert seen == pytest.approx(x, rel=1e-12)
    h.CVode().active(True)
    with pytest.raises(HocError, match=r"History\[0\] runs with fixed steps only"):
        h.finitialize(-65)
    h.CVode().active(False)


def test_a_density_mechanism_without_equations_is_refused(soma):
    with pytest.raises(NmodlError, match=r"noisy\.mod, line 4: normrand\(\) is no function"):
        soma.insert("noisy")


@pytest.mark.parametrize(("secondorder", "theta"), [(0, 1), (2, 0.5)])
def test_kinetics_with_a_history_step_by_backward_euler(soma, monkeypatch, secondorder, theta):
    with pytest.warns(UserWarning, match="run with numbers"):
        receptor = h.Receptor(soma(0.5))
    connection = h.NetCon(None, receptor, 0, 0, 1)
    monkeypatch.setattr(h, "secondorder", secondorder)
    h.finitialize(-65)
    for t in (0.3, 0.5):
        connection.event(t)
    states, dt = np.array([0.9, 0.1, 0.0]), h.dt
    for step in range(60):
        h.fadvance()
        drug = sum(math.exp(at - (step + 1) * dt) for at in (0.3, 0.5) if at <= (step + 0.5) * dt + 1e-9)
        rates = np.array([[-drug, 0.3, 0], [drug, -0.5, 0.1], [0, 0.1, -0.05]])
        part = theta * dt
        solved = np.linalg.solve(np.eye(3) - part * rates, states + part * np.array([0, 0, 0.005 * drug]))
        states = states + (solved - states) / theta
        assert (receptor.c, receptor.o, receptor.d) == pytest.approx(states, rel=1e-12)
        assert receptor.drug == pytest.approx(drug, rel=1e-12)
    assert receptor.d > 0.01


def test_products_of_states_are_solved_by_newtons_method(soma):
    with pytest.warns(UserWarning, match="run with numbers"):
        pairs = h.Pairs(soma(0.5))
    connection = h.NetCon(None, pairs, 0, 0, 1)
    h.finitialize(-65)
    connection.event(0.2)
    b, dt = 0.0, h.dt
    for step in range(40):
        h.fadvance()
        before, k = b, 2.0 if (step + 0.5) * dt >= 0.2 - 1e-9 else 1.0
        for _ in range(30):  # b - before = dt (k (1 - 2 b)^2 - b / 2)
            b -= (b - before - dt * (k * (1 - 2 * b) ** 2 - 0.5 * b)) / (1 + dt * (4 * k * (1 - 2 * b) + 0.5))
        assert (pairs.a, pairs.b) == pytest.approx((1 - 2 * b, b), rel=1e-9)


def test_variables_that_no_code_computes_are_those_of_scripts(soma):
    """A POINTER that no code reads, too, may be set: templates set those of all their synapses."""
    with pytest.warns(UserWarning, match="run with numbers"):
        point = h.Average(soma(0.5))
    h.setpointer(soma(0.5)._ref_v, "idle", point)
    point.given = 3
    v = h.Vector().record(soma(0.5)._ref_v)
    h.finitialize(-65)
    h.continuerun(1)
    assert (point.idle, point.given) == (soma(0.5).v, 3)
    assert point.mean == pytest.approx(np.mean(np.array(v)[1:]), rel=1e-12)
