"""States of mod files that a fixed step solves for together: against backward Euler, and equations solved by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import fsolve

from rxd.neuron import h

BINDING = """
NEURON { SUFFIX binding RANGE kf, a, b, c, d }
PARAMETER { kf = 3  kb = 0.2 }
STATE { a b c d }
INITIAL { a = 1  b = 0.5 }
BREAKPOINT { SOLVE k METHOD sparse }
KINETIC k {
    ~ a + b <-> c (kf, kb)
    ~ 2 c <-> d (0.5, 0.1)
    CONSERVE a + c + 2 d = 1.5
}
"""

SATURATING = """
NEURON { SUFFIX saturating }
STATE { x y z }
INITIAL { x = 1  y = 2 }
BREAKPOINT { SOLVE s METHOD derivimplicit  SOLVE w METHOD cnexp }
DERIVATIVE s { x' = y - x*x*x  y' = -x*y }
DERIVATIVE w { z' = 1 - z*z }
"""

DIMER = """
NEURON { SUFFIX dimer }
STATE { a b }
INITIAL { a = 0.5  SOLVE k STEADYSTATE sparse }
BREAKPOINT { SOLVE k METHOD sparse }
KINETIC k { ~ 2 a <-> b (3, 2)  CONSERVE a + 2 b = 1 }
"""

EQUATIONS = """
NEURON { SUFFIX equations RANGE p }
PARAMETER { p = 2 }
STATE { x y  q r s u }
INITIAL { x = 1  y = 1  SOLVE n  SOLVE l }
BREAKPOINT { SOLVE n  SOLVE l }
NONLINEAR n {
    ~ x*x + y = p
    ~ x*y = 0.75
}
LINEAR l {
    ~ r = 2
    ~ q + r = 3
    ~ s - q = p
    ~ u + s = 1
}
"""

SHELLS = """
NEURON { SUFFIX shells RANGE ca }
DEFINE N 3
ASSIGNED { w[N] }
STATE { ca[N] }
INITIAL { FROM i=0 TO N-1 { ca[i] = i  w[i] = 2 } }
BREAKPOINT { SOLVE k METHOD sparse }
KINETIC k { COMPARTMENT i, 1+i {ca}  FROM i=0 TO N-2 { ~ ca[i] <-> ca[i+1] (w[i], w[i]) } }
"""

MODS = {"binding": BINDING, "saturating": SATURATING, "dimer": DIMER, "equations": EQUATIONS, "shells": SHELLS}
DT = 0.1


@pytest.fixture(scope="module")
def course(kept_mods):
    """The states of all five in one segment, after every step; with other numbers in the second segment."""
    return _course(0)


@pytest.fixture(scope="module", params=[1, 2])
def course_of_second_order(kept_mods, request):
    """The same with another `h.secondorder`."""
    yield _course(request.param)
    h.secondorder = 0


def _course(secondorder):
    h.secondorder = secondorder
    section = h.Section(name="soma")
    section.nseg = 2
    for name in MODS:
        section.insert(name)
    section(0.75).kf_binding = 3 if secondorder else 30  # which goes below zero
    section(0.75).p_equations = 2.1
    names = ("a_binding", "b_binding", "c_binding", "d_binding", "x_saturating", "y_saturating", "z_saturating")
    names += (
        "a_dimer",
        "b_dimer",
        "x_equations",
        "y_equations",
        "q_equations",
        "r_equations",
        "s_equations",
        "u_equations",
    )
    found = {(n, x): h.Vector().record(getattr(section(x), f"_ref_{n}")) for n in names for x in (0.25, 0.75)}
    found |= {(f"ca_{i}", 0.25): h.Vector().record(section(0.25)._ref_ca_shells[i]) for i in range(3)}
    h.dt = DT
    h.finitialize(-65)
    section(0.25).shells.ca[2] = 5
    section(0.25).ca_shells[0] += 1
    assert [*section(0.25).shells.ca] == [1, 1, 5]
    with pytest.raises(IndexError, match="shells has 3 elements"):
        section(0.25).shells.ca[3]
    h.continuerun(2)
    return {key: np.array(vector) for key, vector in found.items()}


@pytest.mark.parametrize(("x", "kf"), [(0.25, 3), (0.75, 30)])
def test_kinetics_that_are_not_linear_are_solved_and_conserve(course, x, kf):
    names = ("a", "b", "c", "d")
    now = np.array([1, 0.5, 0, 0])
    for step in range(1, 21):

        def excess(new, old=now):
            a, b, c, d = new
            bound, paired = kf * a * b - 0.2 * c, 0.5 * c * c - 0.1 * d
            change = np.array([-bound, -bound, bound - 2 * paired])
            return [*(new[:3] - old[:3] - DT * change), a + c + 2 * d - 1.5]

        now = fsolve(excess, now, xtol=1e-11)
        found = [course[f"{name}_binding", x][step] for name in names]
        assert found == pytest.approx(now, rel=1e-8)
        assert found[0] + found[2] + 2 * found[3] == pytest.approx(1.5, abs=1e-12)


def test_derivatives_that_are_not_linear_are_solved(course):
    now = np.array([1.0, 2.0, 0.0])
    for step in range(1, 21):

        def excess(new, old=now):
            x, y, z = new
            return new - old - DT * np.array([y - x**3, -x * y, 1 - z * z])

        now = fsolve(excess, now, xtol=1e-11)
        found = [course[f"{name}_saturating", 0.25][step] for name in "xyz"]
        assert found == pytest.approx(now, rel=1e-10)


def test_a_steady_state_that_is_not_linear(course):
    a, b = course["a_dimer", 0.25], course["b_dimer", 0.25]
    exact = (np.sqrt(13) - 1) / 6  # 3 a^2 = 2 b, a + 2 b = 1
    assert a == pytest.approx(exact, rel=1e-7)
    assert a + 2 * b == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize(("x", "p"), [(0.25, 2), (0.75, 2.1)])
def test_equations(course, x, p):
    one, two = course["x_equations", x], course["y_equations", x]
    assert one**2 + two == pytest.approx(p, abs=1e-12)
    assert one * two == pytest.approx(0.75, abs=1e-12)
    q, r, s, u = (course[f"{name}_equations", x] for name in "qrsu")
    assert [q[0], r[0], s[0], u[0]] == pytest.approx([1, 2, 1 + p, -p], abs=1e-12)
    assert q + r == pytest.approx(3, abs=1e-12)
    assert u + s == pytest.approx(1, abs=1e-12)


def test_arrays_are_indexed_and_what_they_hold_is_kept(course):
    shells = np.array([course[f"ca_{i}", 0.25] for i in range(3)])
    assert pytest.approx(1 + 2 + 15, abs=1e-11) == shells[:, 1:].T @ [1, 2, 3]
    matrix = np.diag([1 + 2 * DT, 2 + 4 * DT, 3 + 2 * DT]) - 2 * DT * (np.eye(3, k=1) + np.eye(3, k=-1))
    assert shells[:, 1] == pytest.approx(np.linalg.solve(matrix, [1, 2, 15]), rel=1e-12)


def test_with_secondorder_a_block_is_solved_for_the_middle_of_a_step_and_goes_straight_on(course_of_second_order):
    """So each step is one of the midpoint rule; numbers of NEURON 9.0.2 agree with this to 1e-12."""

    def steps(mechanism, names):
        states = np.array([course_of_second_order[f"{name}_{mechanism}" if mechanism else name, 0.25] for name in names])
        return np.diff(states) / DT, 0.5 * (states[:, 1:] + states[:, :-1])

    change, (a, b, c, d) = steps("binding", "abcd")
    bound, paired = 3 * a * b - 0.2 * c, 0.5 * c * c - 0.1 * d
    assert change[:3] == pytest.approx(np.array([-bound, -bound, bound - 2 * paired]), abs=1e-6)
    assert a + c + 2 * d == pytest.approx(1.5, abs=1e-12)  # in the middle: what INITIAL leaves is not in accord with it
    change, (x, y, z) = steps("saturating", "xyz")
    assert change == pytest.approx(np.array([y - x**3, -x * y, 1 - z * z]), abs=1e-7)
    change, (p, q, r) = steps("", ["ca_0", "ca_1", "ca_2"])
    assert change[:, 1:] == pytest.approx(np.array([2 * (q - p), p + r - 2 * q, 2 / 3 * (q - r)])[:, 1:], abs=1e-12)
    x, y = (course_of_second_order[f"{name}_equations", 0.25] for name in "xy")
    assert x**2 + y == pytest.approx(2, abs=1e-12)
