"""Point processes of mod files that have no equations: run step by step, against the same steps written out."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.neuron import h
from rxd.neuron.errors import HocError
from rxd.neuron.scop import ScopRandom
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

DENSITY = """
NEURON { SUFFIX noisy NONSPECIFIC_CURRENT i }
ASSIGNED { v i }
BREAKPOINT { i = normrand(0, 1) }
"""


MODS = {"fluctuating": FLUCTUATING, "history": HISTORY, "noisy": DENSITY}


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
