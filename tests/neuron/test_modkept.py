"""What blocks of mod files leave to one another, and from run to run: values of NEURON's moments."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.neuron import Session, h
from rxd.nmodl import read_file, translate

LEFT = """
NEURON { POINT_PROCESS Left NONSPECIFIC_CURRENT i RANGE inf, tau }
ASSIGNED { v i inf tau }
STATE { m }
INITIAL { rates(v)  m = inf }
BREAKPOINT { SOLVE s METHOD cnexp  rates(v)  i = 0.0001*m*(v + 20) }
DERIVATIVE s { m' = (inf - m)/tau }
PROCEDURE rates(x) { inf = 1/(1 + exp(-(x + 60)/5))  tau = 1 + exp(-(x + 65)/20) }
"""

SPREAD = LEFT.replace("POINT_PROCESS Left", "SUFFIX Spread")

TWICE = """
NEURON { SUFFIX twice NONSPECIFIC_CURRENT i RANGE inf, seen }
ASSIGNED { v i inf seen }
STATE { m }
INITIAL { rates(v)  m = inf }
BREAKPOINT { rates(v)  seen = inf  SOLVE s METHOD cnexp  i = 0.00001*m*(v + 20) }
DERIVATIVE s { rates(v)  m' = (inf - m)/2 }
PROCEDURE rates(x) { inf = 1/(1 + exp(-(x + 60)/5)) }
"""

COUNTING = """
NEURON { POINT_PROCESS Counting RANGE n, own }
ASSIGNED { n own }
STATE { s }
INITIAL { own = 0 }
NET_RECEIVE(w) { n = n + 1  own = own + 1  s = s + w }
"""

BRANCHING = """
NEURON { POINT_PROCESS Branching RANGE tau, factor NONSPECIFIC_CURRENT i }
PARAMETER { tau = 2 }
ASSIGNED { i factor v }
INITIAL { if (tau != 0) { factor = exp(-1/tau) } }
BREAKPOINT { i = factor*v }
"""

EQUATED = """
NEURON { SUFFIX equated NONSPECIFIC_CURRENT i }
ASSIGNED { v i }
STATE { lx ly m }
INITIAL { SOLVE lin  m = 0.1 }
BREAKPOINT { SOLVE lin  SOLVE d METHOD derivimplicit  i = 0.0001*lx*m*(v + 20) }
LINEAR lin { ~ lx + 0.4*ly = 1/(1 + exp(-(v + 60)/5))  ~ 0.3*lx - ly = -0.4 }
DERIVATIVE d { m' = lx - m }
"""

RESETTING = """
NEURON { POINT_PROCESS Resetting RANGE seen }
ASSIGNED { v seen }
INITIAL { net_send(0, 1) }
NET_RECEIVE(w) {
    if (flag == 1) { WATCH (v > -55) 2 } else { net_event(t)  v = -70  seen = v }
}
"""

CALLING = """
NEURON { POINT_PROCESS Calling RANGE c1, c2, c3, c4, c5, d, i  NONSPECIFIC_CURRENT i }
ASSIGNED { c1 c2 c3 c4 c5 d v i }
STATE { s }
INITIAL { reset()  s = 0 }
BREAKPOINT { SOLVE states METHOD cnexp  level()  i = 1e-3*(c2 + c4) + 1e-6*d }
DERIVATIVE states { s' = c2 - s }
FUNCTION one() { one = 1  c5 = c5 + 4 }
PROCEDURE reset() { c1 = 0  c2 = 0  c5 = 0 }
PROCEDURE count() { c2 = c2 + 2  deeper() }
PROCEDURE deeper() { c3 = c3 + 3 }
PROCEDURE level() { c4 = 2*c2 }
PROCEDURE put(x) { c1 = x }
NET_RECEIVE(w) { c1 = c1 + one()  count()  d = d + 1 }
"""

TWO = """
NEURON { POINT_PROCESS Two RANGE tau1, tau2, g, factor, q NONSPECIFIC_CURRENT i }
PARAMETER { tau1 = 0.5  tau2 = 3  k = 2 }
ASSIGNED { v i g factor q }
STATE { A B }
INITIAL { LOCAL tp
    tp = (tau1*tau2)/(tau2 - tau1)*log(tau2/tau1)
    factor = -exp(-tp/tau1) + exp(-tp/tau2)
    factor = 1/factor
    q = k*tau2
}
BREAKPOINT { SOLVE st METHOD cnexp  g = (B - A)*q  i = g*v }
DERIVATIVE st { A' = -A/tau1  B' = -B/tau2 }
NET_RECEIVE(w) { A = A + w*factor  B = B + w*factor }
"""

OWN = """
NEURON {{ POINT_PROCESS {0} RANGE k }}
ASSIGNED {{ v k }}
INITIAL {{ k = v  v = -50 }}
PROCEDURE put(x) {{ v = x  k = v }}
NET_RECEIVE(w) {{ {1}put(-20) }}
"""


@pytest.fixture
def soma(tmp_path, monkeypatch):
    for text in (SPREAD, LEFT, TWICE, COUNTING, BRANCHING, EQUATED, RESETTING, CALLING, TWO):
        (tmp_path / f"{text.split()[3]}.mod").write_text(text)
    monkeypatch.chdir(tmp_path)
    with Session():  # whatever other tests have left
        section = h.Section(name="soma")
        section.L = section.diam = 20
        section.insert("pas")
        yield section


def test_point_processes_see_what_breakpoint_has_left_at_the_start_of_a_step(soma):
    point, clamp = h.Left(soma(0.5)), h.IClamp(soma(0.5))
    clamp.dur, clamp.amp = 5, 0.2
    v, m = h.Vector().record(soma(0.5)._ref_v), h.Vector().record(point._ref_m)
    h.dt = 0.1
    h.finitialize(-65)
    soma(0.5).v = -63
    h.continuerun(3)
    start = np.array(v)[:-1]
    start[0] = -63
    inf, tau = 1 / (1 + np.exp(-(start + 60) / 5)), 1 + np.exp(-(start + 65) / 20)
    expected = inf + (np.array(m)[:-1] - inf) * np.exp(-0.1 / tau)
    assert np.array(m)[1:] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", ["POINT_PROCESS", "SUFFIX"])
def test_what_breakpoint_has_left_outlives_a_change_of_the_model(soma, kind):
    if kind == "SUFFIX":
        soma.insert("Spread")
    own = soma(0.5).Spread if kind == "SUFFIX" else h.Left(soma(0.5))
    h.dt = 0.1
    h.finitialize(-65)
    h.continuerun(1)
    other = h.Section(name="other")
    v, m = soma(0.5).v, own.m
    assert abs(v + 65) > 0.1
    h.fadvance()
    inf, tau = 1 / (1 + math.exp(-(v + 60) / 5)), 1 + math.exp(-(v + 65) / 20)
    assert own.m == pytest.approx(inf + (m - inf) * math.exp(-0.1 / tau), rel=1e-12)
    assert other.nseg == 1


def test_what_breakpoint_and_a_solved_block_assign_is_shown_as_the_latter_leaves_it(soma):
    soma.insert("twice")
    clamp = h.IClamp(soma(0.5))
    clamp.dur, clamp.amp = 5, 0.2
    v, inf = h.Vector().record(soma(0.5)._ref_v), h.Vector().record(soma(0.5)._ref_inf_twice)
    seen = h.Vector().record(soma(0.5)._ref_seen_twice)
    h.finitialize(-65)
    h.continuerun(1)
    all_of = 1 / (1 + np.exp(-(np.array(v) + 60) / 5))
    assert np.array(inf) == pytest.approx(all_of, rel=1e-12)
    assert np.array(seen)[1:] == pytest.approx(all_of[:-1], rel=1e-12)


def test_variables_that_initial_leaves_alone_go_on_from_run_to_run(soma):
    point = h.Counting(soma(0.5))
    connection = h.NetCon(None, point)
    connection.weight[0] = 3
    for run in (1, 2):
        h.finitialize(-65)
        connection.event(1)
        connection.event(2)
        h.continuerun(4)
        assert (point.n, point.own, point.s) == (2 * run, 2, 6)  # NEURON's; states begin anew


def test_what_a_branch_of_initial_alone_assigns(soma, tmp_path):
    assert str(translate(read_file(str(tmp_path / "Branching.mod"))).currents[0].density)
    point = h.Branching(soma(0.5))
    h.finitialize(-65)
    h.fadvance()
    assert point.factor == pytest.approx(math.exp(-0.5), rel=1e-15)


def test_currents_read_what_linear_equations_give(soma):
    """NEURON 9.0.2's numbers; its states are seen without RANGE."""
    soma.insert("equated")
    clamp = h.IClamp(soma(0.5))
    clamp.dur, clamp.amp = 3, 0.1
    h.dt = 0.1
    h.finitialize(-65)
    h.continuerun(1)
    seg = soma(0.5)
    found = [seg.v, seg.lx_equated, seg.ly_equated, seg.i_equated, seg.m_equated]
    expected = [-63.140481376180425, 0.16780564895953817, 0.4503416946878614, -8.753577474462588e-05, 0.12809814272287245]
    assert found == pytest.approx(expected, rel=1e-12)


def test_point_processes_stay_in_the_middle_of_their_segment_when_nseg_changes(soma):
    clamp = h.IClamp(soma(0.2))
    places = []
    for nseg in (3, 5, 1, 3):
        soma.nseg = nseg
        places.append(clamp.get_segment().x)
    assert places == pytest.approx([0.5, 0.5, 0.5, 0.5])
    soma.nseg = 3
    clamp.loc(soma(0.2))
    for nseg in (5, 1, 3):
        soma.nseg = nseg
        places.append(clamp.get_segment().x)
    assert places[4:] == pytest.approx([0.1, 0.5, 0.5])  # NEURON's


@pytest.mark.parametrize(
    ("before", "after", "wanted"),
    [(3, 2, [0, 0, 1]), (6, 4, [0, 0, 1, 2, 2, 3]), (7, 6, [0, 1, 2, 2, 3, 4, 5]), (1, 4, [2]), (3, 5, [0, 2, 4])],
)
def test_point_processes_whose_segment_is_cut_in_two(soma, before, after, wanted):
    """NEURON 9.0.2's segments: of two that are equally near the first, if there are fewer than before, else the second."""
    soma.nseg = before
    clamps = [h.IClamp(soma((i + 0.5) / before)) for i in range(before)]
    soma.nseg = after
    assert [int(clamp.get_segment().x * after) for clamp in clamps] == wanted


def test_net_receive_sets_the_voltage_back(soma):
    point, clamp, spikes = h.Resetting(soma(0.5)), h.IClamp(soma(0.5)), h.Vector()
    clamp.dur, clamp.amp = 100, 0.3
    connection = h.NetCon(point, None)
    connection.record(spikes)
    v = h.Vector().record(soma(0.5)._ref_v)
    h.dt = 0.1
    h.finitialize(-70)
    h.continuerun(20)
    assert point.seen == -70
    assert len(spikes) > 5
    assert np.ptp(np.diff(spikes)) < 1e-9  # every time from the same voltage
    assert max(v) < -54


def test_what_events_change_through_procedures_and_functions(soma):
    """NEURON 9.0.2's numbers."""
    point, train = h.Calling(soma(0.5)), h.NetStim()
    train.start, train.interval, train.number = 1, 2, 3
    connection = h.NetCon(train, point, 0, 0.5, 1)
    seen = h.Vector().record(point._ref_c3)
    h.dt = 0.025
    for before in (0, 9):
        h.finitialize(-65)
        assert (point.c1, point.c2, point.c3, point.c4, point.c5) == (0, 0, before, 0, 0)
        h.continuerun(2)
        assert (point.c1, point.c2, point.c3, point.c4, point.c5) == (1, 2, before + 3, 4, 4)
        point.put(7)
        h.continuerun(8)
        assert (point.c1, point.c2, point.c3, point.c4, point.c5) == (9, 6, before + 9, 12, 12)
        assert point.s == pytest.approx(5.8106051312897655, rel=1e-12)
        assert (seen[61], seen[-1]) == (before + 3, before + 9)
    assert point.i == pytest.approx(0.018006, rel=1e-12)
    assert soma(0.5).v == pytest.approx(-71.3842137677, abs=1e-9)
    assert connection.weight[0] == 1


def test_what_initial_alone_computes_stays_in_a_run(soma):
    """NEURON 9.0.2's numbers: parameters that a script writes in the middle change neither `factor` nor `q`."""
    point, train = h.Two(soma(0.5)), h.NetStim()
    train.start, train.interval, train.number = 1, 3, 3
    connection = h.NetCon(train, point, 0, 0.5, 1e-4)
    assert set(type(point).simple) == {"A", "B"}  # events stay in compiled loops
    h.dt = 0.025
    for _ in range(2):
        h.finitialize(-65)
        h.continuerun(3)
        point.tau1, point.tau2, h.k_Two = 0.2, 2, 5
        h.continuerun(8)
        assert (point.factor, point.q) == (pytest.approx(1.7171628973263064, rel=1e-12), 6)
        assert point.g == pytest.approx(0.0009498886011154109, rel=1e-12)
        h.finitialize(-65)
        assert (point.factor, point.q) == (pytest.approx(1.435055183349871, rel=1e-12), 10)
        point.factor = 1
        h.continuerun(3)
        assert (point.factor, point.g) == (1, pytest.approx(0.0004776814658356362, rel=1e-12))
        point.tau1, point.tau2, h.k_Two = 0.5, 3, 2
    assert connection.weight[0] == 1e-4


@pytest.mark.parametrize(("name", "code", "after"), [("Own", "", -65), ("Named", "k = v  ", -20)])
def test_the_voltage_of_other_code_is_its_own(soma, tmp_path, name, code, after):
    """NEURON 9.0.2's: what INITIAL and procedures assign to v sets nobody's voltage, but in a NET_RECEIVE that names v."""
    (tmp_path / f"{name}.mod").write_text(OWN.format(name, code))
    point = getattr(h, name)(soma(0.5))
    connection = h.NetCon(None, point)
    connection.delay = 0
    soma(0.5).v = -60
    point.put(-40)
    assert (point.k, soma(0.5).v) == (-40, -60)
    h.finitialize(-65)
    assert (point.k, soma(0.5).v) == (-65, -65)
    connection.event(0)
    soma(0.5).pas.g, soma(0.5).pas.e = 0, -65
    h.fadvance()
    assert (point.k, soma(0.5).v) == (-20, after)


def test_net_receive_at_an_end_reads_what_it_has_set(soma):
    point, clamp = h.Resetting(soma(0)), h.IClamp(soma(0.5))
    clamp.dur, clamp.amp = 100, 0.3
    h.finitialize(-70)
    h.continuerun(2)
    assert point.seen == -70  # NEURON's
    assert soma(0).v > -55  # the end stores no charge
