"""Functions of mod files that scripts call, tables, MechanismStandard: numbers worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.neuron import h
from rxd.neuron.errors import HocError

TABULATED = """
NEURON { SUFFIX tab RANGE minf GLOBAL half }
PARAMETER { half = -40 }
ASSIGNED { v minf mtau }
STATE { m h }
INITIAL { rates(v)  m = minf }
BREAKPOINT { SOLVE s METHOD cnexp }
DERIVATIVE s { rates(v)  m' = (minf - m)/mtau  h' = speed(v) }
PROCEDURE rates(u) {
    TABLE minf, mtau DEPEND half FROM -100 TO 100 WITH 80
    minf = 1/(1 + exp(-(u - half)/8))
    mtau = 2 + u*u/1000
}
FUNCTION speed(u) {
    TABLE FROM -62 TO -61 WITH 2
    speed = exp(u/30)
}
FUNCTION reads(x) { reads = x*v + half }
"""

SYNAPSE = """
NEURON { POINT_PROCESS Syn RANGE tau, i, hidden NONSPECIFIC_CURRENT i }
PARAMETER { tau = 3  rest = 2 }
ASSIGNED { v i }
STATE { g }
BREAKPOINT { SOLVE s METHOD cnexp  i = g*v }
DERIVATIVE s { g' = -g/tau }
FUNCTION twice(x) { twice = 2*x*tau }
PROCEDURE open(x) { g = twice(x) + rest }
NET_RECEIVE(w) { g = g + w }
"""

NOTHING = "NEURON { SUFFIX nothing } FUNCTION hypotenuse(a, b) { hypotenuse = sqrt(a*a + b*b) }"


MODS = {"tab": TABULATED, "syn": SYNAPSE, "nothing": NOTHING}


@pytest.fixture
def soma(mods):
    section = h.Section(name="soma")
    section.insert("tab")
    section.insert("pas")
    return section


def minf(u, half=-40):
    return 1 / (1 + math.exp(-(u - half) / 8))


def between(f, u, low, step, count):
    place = min(max((u - low) / step, 0), count)
    below = min(int(place), count - 1)
    one, two = f(low + step * below), f(low + step * (below + 1))
    return one + (place - below) * (two - one)


def test_tables_are_interpolated_in_steps_and_functions(soma):
    soma(0.5).pas.e = -30
    recorded = [h.Vector().record(getattr(soma(0.5), f"_ref_{name}")) for name in ("v", "m_tab", "h_tab")]
    h.finitialize(-65)
    h.continuerun(3)
    v, m, slow = map(np.array, recorded)
    assert v.max() > -61
    assert m[0] == pytest.approx(between(minf, -65, -100, 2.5, 80), rel=1e-13)
    x, y = m[0], 0.0
    for step in range(1, len(v)):
        goal, tau = (between(f, v[step], -100, 2.5, 80) for f in (minf, lambda u: 2 + u * u / 1000))
        x = goal + (x - goal) * math.exp(-0.025 / tau)
        y += 0.025 * between(lambda u: math.exp(u / 30), v[step], -62, 0.5, 2)
        assert m[step] == pytest.approx(x, rel=1e-12)
        assert slow[step] == pytest.approx(y, rel=1e-12)
    assert h.speed_tab(-100) == math.exp(-62 / 30)
    h.usetable_tab = 0
    assert h.speed_tab(-100) == math.exp(-100 / 30)
    h.finitialize(-65)
    assert soma(0.5).m_tab == pytest.approx(minf(-65), rel=1e-14)


def test_functions_of_density_mechanisms(soma):
    assert h.usetable_tab == 1
    assert h.hypotenuse(3, 4) == 5
    with pytest.raises(HocError, match=r"v of tab is that of a segment.*setdata_tab"):
        h.reads_tab(2)
    h.finitialize(-65)
    assert soma(0.5).tab.reads(2) == -170
    h.setdata_tab(soma(0.5))
    assert h.reads_tab(1) == -105
    assert h("half_tab = -30")
    assert h.reads_tab(0) == -30
    h.usetable_tab = 0
    assert soma(0.5).tab.rates(-50) == 1
    assert soma(0.5).minf_tab == pytest.approx(minf(-50, -30))


def test_functions_of_point_processes(soma):
    syn = h.Syn(soma(0.5))
    assert syn.twice(5) == 30
    h.finitialize(-65)
    assert syn.open(1) == 1
    assert syn.g == 8


def test_what_a_mechanism_has(soma):
    def names(kind, number):
        standard, text = h.MechanismStandard(kind, number), h.ref("")
        found = []
        for i in range(int(standard.count())):
            standard.name(text, i)
            found.append(text[0])
        return found

    assert names("Syn", 1) == ["tau"]
    assert names("Syn", 3) == ["g"]
    assert names("tab", 2) == ["minf_tab"]
    points = h.MechanismType(1)
    points.select("Syn")
    assert points.is_netcon_target(points.selected())
