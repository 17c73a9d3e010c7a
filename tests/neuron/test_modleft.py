"""What INITIAL of a density mechanism leaves in variables that nothing assigns later; what BEFORE and AFTER blocks share."""

from __future__ import annotations

import math

import pytest

from rxd.neuron import Session, h

LEAVING = """
NEURON { SUFFIX leaving RANGE k, tadj, x, y, z, w GLOBAL one }
PARAMETER { k = 2  q10 = 3  celsius (degC) }
ASSIGNED { tadj unseen one table[2] }
LOCAL outside
STATE { x y z w u }
INITIAL {
    tadj = q10^((celsius - 23)/10)  unseen = k*tadj  one = 3*q10  outside = k/2
    FROM i = 0 TO 1 { table[i] = k + i }
    x = 1  y = 1  z = 1  w = 1  u = 1
}
BREAKPOINT { SOLVE states METHOD cnexp }
DERIVATIVE states { x' = -tadj*x  y' = -unseen*y  z' = -one*z  w' = -outside*w  u' = -table[1]*u }
PROCEDURE hurry(f) { unseen = f*unseen }
"""

COUNTING = """
NEURON { SUFFIX counting RANGE n, at, m GLOBAL places }
ASSIGNED { v n at places }
STATE { m }
INITIAL { n = n + 1  at = at + v  m = n  places = places + 1 }
BREAKPOINT { SOLVE states METHOD cnexp }
DERIVATIVE states { m' = -n*m }
"""

BEFOREHAND = """
NEURON { SUFFIX beforehand RANGE found, seen, start }
ASSIGNED { v found seen start }
STATE { m }
BEFORE INITIAL { found = 20  seen = v }
INITIAL { if (found != 20) { seen = 0 }  found = found + 1  m = found }
AFTER INITIAL { start = found  found = found + 1 }
BREAKPOINT { SOLVE states METHOD cnexp }
DERIVATIVE states { m' = -m }
"""

SHARING = """
NEURON { SUFFIX sharing RANGE m, o, s, all }
ASSIGNED { own v all }
LOCAL single
STATE { m o s }
INITIAL { own = 0  single = 0  m = 0  o = 0  s = 0 }
BREAKPOINT { SOLVE states METHOD cnexp }
DERIVATIVE states { m' = 1  o' = own  s' = single }
AFTER SOLVE { count()  all = single }
PROCEDURE count() { own = own + 1  single = single + 1 }
"""

KEEPING = """
NEURON { SUFFIX keeping RANGE n, at }
ASSIGNED { v at unseen celsius (degC) }
STATE { n }
INITIAL { unseen = v/10 + celsius  at = 2*v  n = 0 }
BREAKPOINT { SOLVE states METHOD cnexp }
DERIVATIVE states { n' = unseen }
"""

CROSSED = """
NEURON { POINT_PROCESS Crossed RANGE up, down }
ASSIGNED { v up down }
INITIAL { up = -1  down = -1  net_send(0, 1) }
NET_RECEIVE(w) {
    if (flag == 1) { WATCH (v > -55) 2  WATCH (v < -70) 3 }
    if (flag == 2) { up = t }
    if (flag == 3) { down = t }
}
"""

METERED = """
NEURON { SUFFIX metered NONSPECIFIC_CURRENT i RANGE g, more }
PARAMETER { g = 0.001 }
ASSIGNED { v i more }
BREAKPOINT { i = g*(v + 70) }
BEFORE STEP { i = i + 1  more = i }
"""


@pytest.fixture
def soma(tmp_path, monkeypatch):
    for text in (LEAVING, COUNTING, BEFOREHAND, SHARING, KEEPING, CROSSED, METERED):
        (tmp_path / f"{text.split()[3]}.mod").write_text(text)
    monkeypatch.chdir(tmp_path)
    with Session():
        h.dt = 0.25
        section = h.Section(name="soma")
        yield section


def begin(section, mechanism):
    section.insert(mechanism)
    h.finitialize(-65)
    return getattr(section(0.5), mechanism)


def falls(mechanism, names, steps=2):
    """The rates with which some states fall now."""
    before = [getattr(mechanism, name) for name in names]
    for _ in range(steps):
        h.fadvance()
    return [-math.log(getattr(mechanism, n) / old) / (steps * h.dt) for n, old in zip(names, before, strict=True)]


@pytest.mark.parametrize("changes", ["temperature", "parameters", "model"])
def test_it_stays_whatever_a_script_changes_up_to_the_next_run(soma, changes):
    h.celsius = 23
    mechanism = begin(soma, "leaving")
    expected = [1, 2, 9, 1, 3]
    assert falls(mechanism, "xyzwu") == pytest.approx(expected, rel=1e-9)
    if changes == "temperature":
        h.celsius = 33
    elif changes == "parameters":
        mechanism.k, h.q10_leaving = 5, 2
    else:
        h.celsius, soma.cm, soma.nseg = 33, 2, 3
        mechanism = soma(0.5).leaving
    assert falls(mechanism, "xyzwu") == pytest.approx(expected, rel=1e-9)
    assert (mechanism.tadj, h.one_leaving) == pytest.approx((1, 9), rel=1e-12)
    h.finitialize(-65)
    expected = {"parameters": [1, 5, 6, 2.5, 6]}.get(changes, [3, 6, 9, 1, 3])
    assert falls(mechanism, "xyzwu") == pytest.approx(expected, rel=1e-9)
    assert mechanism.tadj == pytest.approx(expected[0], rel=1e-12)


@pytest.mark.parametrize("change", ["temperature", "segments", "solver", "section"])
def test_what_follows_from_v_stays_where_no_script_sees_it(soma, change):
    """As in NEURON 9.0.2; where there was no INITIAL yet it is 0."""
    h.celsius = 10
    soma.insert("keeping")
    h.finitialize(-50)
    for _ in range(2):
        h.fadvance()
        if change == "temperature":
            h.celsius += 20
        elif change == "segments":
            soma.nseg += 2
        elif change == "solver":
            h.cvode.active(1)
            h.cvode.active(0)
        else:
            other = h.Section(name="other")
            other.insert("keeping")
    h.fadvance()
    assert soma(0.5).keeping.n == pytest.approx(3 * h.dt * 5, rel=1e-9)
    assert soma(0.5).keeping.at == -100
    if change == "section":
        assert other(0.5).keeping.n == 0
        h.finitialize(-30)
        h.fadvance()
        assert other(0.5).keeping.n == pytest.approx(h.dt * 7, rel=1e-9)


def test_scripts_and_procedures_change_it_in_the_middle_of_a_run(soma):
    h.celsius = 23
    mechanism = begin(soma, "leaving")
    mechanism.tadj, h.one_leaving = 4, 5
    mechanism.hurry(3)
    assert falls(mechanism, "xyz") == pytest.approx([4, 6, 5], rel=1e-9)
    h.finitialize(-65)
    assert mechanism.tadj == pytest.approx(1, rel=1e-12)
    assert falls(mechanism, "xyz") == pytest.approx([1, 2, 9], rel=1e-9)
    mechanism.tadj = 4
    assert falls(mechanism, "x") == pytest.approx([4], rel=1e-9)


def test_it_is_no_parameter_and_scripts_do_not_see_what_is_not_range(soma):
    begin(soma, "leaving")
    names = h.ref("")
    standard = h.MechanismStandard("leaving", 1)
    found = []
    for i in range(int(standard.count())):
        standard.name(names, i)
        found.append(names[0])
    assert found == ["k_leaving"]
    assert not hasattr(soma(0.5).leaving, "unseen")
    with pytest.raises(AttributeError):
        soma(0.5).unseen_leaving  # noqa: B018 - what raises
    soma.uninsert("leaving")
    assert not [name for name in soma.record.store if "leaving" in name]


def test_it_stays_in_variable_steps(soma):
    h.celsius = 23
    h.CVode().active(True)
    h.CVode().atol(1e-8)
    mechanism = begin(soma, "leaving")
    h.CVode().solve(0.5)
    h.celsius = 33
    h.CVode().solve(1)
    assert mechanism.x == pytest.approx(math.exp(-1), rel=1e-5)


def test_initial_counts_from_run_to_run(soma):
    mechanism = begin(soma, "counting")
    assert (mechanism.n, mechanism.at, mechanism.m) == (1, -65, 1)
    assert falls(mechanism, "m") == pytest.approx([1], rel=1e-9)
    h.finitialize(-60)
    assert (mechanism.n, mechanism.at, mechanism.m) == (2, -125, 2)
    assert falls(mechanism, "m") == pytest.approx([2], rel=1e-9)


def test_all_segments_count_in_a_global_variable(soma):
    soma.nseg = 3
    begin(soma, "counting")
    assert h.places_counting == 3
    h.finitialize(-65)
    assert (h.places_counting, soma(0.5).counting.n) == (6, 2)


def test_initial_sees_what_before_initial_leaves(soma):
    mechanism = begin(soma, "beforehand")
    for v in (-65, -50):
        h.finitialize(v)
        assert (mechanism.seen, mechanism.start, mechanism.found, mechanism.m) == (v, 21, 22, 21)


def test_equations_see_what_blocks_around_steps_count_in_variables_of_their_own(soma):
    # each step adds dt times what was counted up to it; of LOCAL outside of blocks there is one for all segments
    soma.nseg = 3
    mechanism = begin(soma, "sharing")
    for _ in range(2):
        h.finitialize(-65)
        for _ in range(3):
            h.fadvance()
        assert mechanism.o == pytest.approx(0.25 * (1 + 2), rel=1e-12)
        assert mechanism.s == pytest.approx(0.25 * (3 + 6), rel=1e-12)
        assert [segment.sharing.all for segment in soma] == [7, 8, 9]


def test_a_section_goes_although_blocks_have_run_in_it(soma):
    other = h.Section(name="other")
    begin(other, "sharing")
    del other
    assert [section.name() for section in h.allsec()] == ["soma"]


@pytest.mark.parametrize("adaptive", [False, True])
def test_what_a_script_or_an_event_makes_true_is_seen_at_once(soma, adaptive):
    point = h.Crossed(soma(0.5))
    h.cvode.active(adaptive)
    h.finitialize(-65)
    h.cvode.event(1, lambda: setattr(soma(0.5), "v", -75))
    h.continuerun(0.5)
    soma(0.5).v = -50
    h.continuerun(0.75)
    assert point.up == pytest.approx(0.5, abs=1e-9)
    h.continuerun(3)
    h.cvode.active(False)
    assert (point.up, point.down) == pytest.approx((0.5, 1), abs=1e-9)


def test_what_a_block_around_steps_assigns_to_a_current_is_for_the_rest_of_the_block(soma):
    mechanism = begin(soma, "metered")
    for _ in range(3):
        h.fadvance()
        assert mechanism.i == pytest.approx(mechanism.more - 1, abs=1e-15)
    assert mechanism.more < 1.01
