"""Words of NMODL, one after the other, against numbers worked out by hand."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest

from rxd.neuron import h
from rxd.nmodl import NmodlError, parse, translate

BRANCHES = """
NEURON { SUFFIX branches RANGE m, n, p }
ASSIGNED { v }
STATE { m n p }
INITIAL { m = 0.2 }
BREAKPOINT { SOLVE s METHOD cnexp  SOLVE k METHOD sparse }
DERIVATIVE s {
    IF (v > -50) { m' = (1 - m)/5 } ELSE IF (v > -60) { m' = (0.5 - m)/2 } ELSE { m' = -m }
    if (v > -50) { n' = 1 }
}
KINETIC k { if (v > -50) { ~ p << (2) } else { ~ p -> (0.25) } }
"""

SINKS = """
NEURON { SUFFIX sinks }
STATE { a b }
INITIAL { a = 1  b = 2 }
BREAKPOINT { SOLVE k METHOD sparse }
KINETIC k { LOCAL rate  rate = 0.5  ~ a -> (rate)  ~ b -> ((rate)*2)  ~ a << (0.125) }
"""

OLD = """
NEURON { SUFFIX old NONSPECIFIC_CURRENT i GLOBAL minf, w }
PARAMETER { dt v }
ASSIGNED { i minf mexp w[2] }
STATE { m }
INITIAL { FROM k=0 TO 1 { w[k] = k + 1 }  rates()  m = minf }
BREAKPOINT { SOLVE states  i = 1e-5*m*(v + 60) }
PROCEDURE states() {
    rates()
    m = m + mexp*(minf - m)
    VERBATIM
    return 0;
    ENDVERBATIM
}
PROCEDURE rates() { minf = 1/(1 + exp(-(v + 45)/7))  mexp = 1 - exp(-dt/3) }
"""

POINTING = """
NEURON { POINT_PROCESS Pointing POINTER there RANGE is }
ASSIGNED { there is v }
INITIAL { is = nrn_pointing(there) }
"""

MIXED = """
NEURON { POINT_PROCESS Mixed ELECTRODE_CURRENT ie NONSPECIFIC_CURRENT i }
ASSIGNED { v i ie }
BREAKPOINT { i = 1e-4*(v + 50)  ie = 0.01 }
"""

FACTORS = """
NEURON { POINT_PROCESS Factors BBCOREPOINTER times RANGE tau, factor, n NONSPECIFIC_CURRENT i GLOBAL scale }
PARAMETER { tau = 3  scale = 2 }
ASSIGNED { v i dt times factor n }
STATE { a }
INITIAL { a = scale  n = 0  factor = exp(dt*((-1)/tau)) }
BREAKPOINT { SOLVE state  i = 1e-6*a*v }
PROCEDURE state() { a = a*factor }
NET_RECEIVE(weight, kind) {
    INITIAL {
        if (kind == 0) {
            VERBATIM
            IvocVect *vv_times = *((IvocVect**)(&_p_times));
            IvocVect *vv_more = *((IvocVect**)(&_p_times));
            if (vv_times && vector_capacity(vv_times)>=1) {
                int k;
                for (k = 0; k < vector_capacity(vv_times); ++k) {
                    double when = vector_vec(vv_times)[k];
            ENDVERBATIM
                    net_send(when, 1)
            VERBATIM
                }
            }
            ENDVERBATIM
        }
    }
    if (flag == 1) {
        VERBATIM
        IvocVect *vv_times = *((IvocVect**)(&_p_times));
        if (vv_times && vector_capacity(vv_times)>=n) {
        ENDVERBATIM
            n = n + 1
        VERBATIM
        }
        return;
        ENDVERBATIM
    }
    n = n + 10
    a = a + weight
}
"""

STARTED = """
NEURON { SUFFIX started USEION na WRITE ina RANGE ina, hinf, g }
PARAMETER { g = 1e-5 }
ASSIGNED { v ina hinf }
STATE { m }
INITIAL { states()  m = hinf/2 }
BREAKPOINT { SOLVE states METHOD cnexp  ina = g*m*(v - 50) }
DERIVATIVE states { rates()  m' = (hinf - m)/2 }
PROCEDURE rates() { hinf = 1/(1 + exp(v/10)) }
"""

MODS = {
    "factors": FACTORS,
    "started": STARTED,
    "branches": BRANCHES,
    "sinks": SINKS,
    "old": OLD,
    "pointing": POINTING,
    "mixed": MIXED,
}
DT = 0.1


def section_with(mechanism):
    section = h.Section(name="soma")
    section.insert("pas")
    section.insert(mechanism)
    h.dt = DT
    return section


@pytest.mark.parametrize("v", [-40, -55, -70])
def test_rates_in_branches(mods, v):
    section = section_with("branches")
    section(0.5).pas.e = v
    h.finitialize(v)
    section(0.5).p_branches = 3
    h.fadvance()
    goal, tau = {-40: (1, 5), -55: (0.5, 2), -70: (0, 1)}[v]
    assert section(0.5).m_branches == pytest.approx(goal + (0.2 - goal) * math.exp(-DT / tau), rel=1e-13)
    assert section(0.5).n_branches == pytest.approx(DT if v == -40 else 0, abs=1e-15)
    assert section(0.5).p_branches == pytest.approx(3 + 2 * DT if v == -40 else 3 / (1 + DT / 4), rel=1e-13)


def test_sinks(mods):
    section = section_with("sinks")
    h.finitialize(-65)
    h.fadvance()
    assert section(0.5).sinks.a == pytest.approx((1 + 0.125 * DT) / (1 + DT / 2), rel=1e-13)
    assert section(0.5).sinks.b == pytest.approx(2 / (1 + DT), rel=1e-13)


def test_steps_of_an_old_procedure_and_what_is_global(mods):
    section = section_with("old")
    h.finitialize(-65)
    h.fadvance()
    minf = [1 / (1 + math.exp(-(v + 45) / 7)) for v in (-65, section(0.5).v)]
    assert section(0.5).m_old == pytest.approx(minf[1] + (minf[0] - minf[1]) * math.exp(-DT / 3), rel=1e-12)
    assert h.minf_old == pytest.approx(minf[1], rel=1e-12)
    assert [h.w_old[i] for i in range(2)] == [1, 2]
    assert len(h.w_old) == 2


def test_factors_of_a_step_that_initial_computes_and_c_code_about_pointers_nobody_sets(mods):
    section = h.Section(name="soma")
    h.dt = DT
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # one says so if it is run with numbers at every step
        point = h.Factors(section(0.5))
    point.tau = 4
    connection = h.NetCon(None, point)
    connection.weight[0] = 0.5
    h.scale_Factors = 3
    h.finitialize(-65)
    connection.event(0.53)
    assert point.factor == pytest.approx(math.exp(-DT / 4), rel=1e-14)
    h.continuerun(1)
    # the event comes in the first half of a step, which counts in full, as in NEURON
    expected = 3 * math.exp(-1 / 4) + 0.5 * math.exp(-(1 - 5 * DT) / 4)
    assert (point.a, point.n) == (pytest.approx(expected, rel=1e-12), 10)


def test_currents_of_ions_that_are_range_variables(mods):
    section = section_with("started")
    section.insert("hh")
    seen = h.Vector().record(section(0.5)._ref_ina_started)
    h.finitialize(-65)
    h.continuerun(0.3)
    state = 1e-5 * section(0.5).m_started
    assert section(0.5).ina_started == seen[3] != section(0.5).ina
    assert section(0.5).ina_started == section(0.5).started.ina == pytest.approx(state * (section(0.5).v - 50), rel=0.05)
    assert section(0.5).ina == pytest.approx(section(0.5).ina_started + section(0.5).gna_hh * (section(0.5).v - 50), rel=0.05)


def test_initial_may_call_the_block_that_is_solved(mods):
    section = section_with("started")
    h.finitialize(-30)
    assert section(0.5).hinf_started == pytest.approx(1 / (1 + math.exp(-3)), rel=1e-14)
    assert section(0.5).m_started == pytest.approx(0.5 / (1 + math.exp(-3)), rel=1e-14)
    with pytest.raises(NmodlError, match=r"INITIAL calls a DERIVATIVE block, which steps m, and keeps that"):
        translate(parse(STARTED.replace("m = hinf/2", "")))


def test_whether_a_pointer_is_set(mods):
    section = h.Section(name="soma")
    point = h.Pointing(section(0.5))
    point._ref_there = section(0.5)._ref_v
    h.finitialize(-65)
    assert point.__getattr__("is") == 1


def test_two_kinds_of_current_warn(mods):
    section = h.Section(name="soma")
    with pytest.warns(UserWarning, match="Mixed has more than ELECTRODE_CURRENT ie"):
        point = h.Mixed(section(0.5))
    h.finitialize(-60)
    before = section(0.5).v
    h.dt = 1e-3
    h.fadvance()
    rise = (0.01 + 1e-3) / (1e-5 * np.pi * section.L * section.diam)
    assert (section(0.5).v - before) / 1e-3 == pytest.approx(rise, rel=1e-3)
    assert point.i < 0


ARITHMETIC = """
NEURON { SUFFIX arithmetic USEION ca READ cai, cao WRITE ica RANGE y, P }
VERBATIM
extern double nrn_ghk(double, double, double, double);
ENDVERBATIM
PARAMETER { P = 1e-6 }
ASSIGNED { v ica cai cao y q }
STATE { m }
INITIAL { m = open(v)  set(3) }
BREAKPOINT { SOLVE s METHOD cnexp  ica = P*ghk(v, cai, cao)  y = q }
DERIVATIVE s { m' = (open(v) - m)/3 }
FUNCTION open(x) {
VERBATIM
    /* a comment; and */ double w, u = 2.0;
    w = exp(-(_lx + 40.)/8.) * 1.0;
    if (w > 1e3) { w = 1e3; } else { w += 0.0; printf("%g\\n", w); }
    _lopen = u/(2.0*(1.0 + w));
ENDVERBATIM
}
PROCEDURE set(u) { LOCAL z
    z = u/10
VERBATIM
    cai = _ion_cai;
    q = _lz * pow(2.0, 0.5);
    return 0;
ENDVERBATIM
}
FUNCTION ghk(v, ci, co) {
VERBATIM
    return nrn_ghk(_lv, _lci, _lco, 2.0);
ENDVERBATIM
}
"""


def test_c_code_that_is_arithmetic(mods):
    (mods / "arithmetic.mod").write_text(ARITHMETIC)
    section = section_with("arithmetic")
    section.cm = 1e6  # a voltage that stays
    h.finitialize(-30)
    h.fadvance()
    goal = 1 / (1 + math.exp(-10 / 8))
    assert section(0.5).m_arithmetic == pytest.approx(goal, rel=1e-6)
    assert section(0.5).y_arithmetic == pytest.approx(0.3 * math.sqrt(2), rel=1e-14)
    x = 2 * -30 * 96485.33212331001 / (1000 * 8.31446261815324 * 279.45)
    expected = 1e-6 * 2 * 96.48533212331001 * (5e-5 * -x / math.expm1(-x) - 2 * x / math.expm1(x))
    assert section(0.5).ica == pytest.approx(expected, rel=1e-12)
    assert h.ghk_arithmetic(0, 1, 1) == pytest.approx(0, abs=1e-12)


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("m = 1/2;", "Write it in NMODL"),
        ("int k; k = 3; m = k;", "Write it in NMODL"),
        ("void* vv = 0; m = vector_capacity(vv);", "Play a Vector"),
        ("m = *getarg(1);", "arguments of its own"),
        ("FILE* f = fopen(name);", "Read the numbers in the script"),
        ("m = other;", "Write it in NMODL"),
        ("if (m > 1) return;", "Write it in NMODL"),
    ],
)
def test_c_code_that_is_no_arithmetic_is_refused(mods, code, said):
    head = "NEURON { SUFFIX bad } STATE { m } INITIAL { set() } PROCEDURE set() {\nVERBATIM\n"
    (mods / "bad.mod").write_text(f"{head}{code}\nENDVERBATIM\n}}")
    with pytest.raises(NmodlError, match=rf"bad\.mod, line 2: VERBATIM holds C code.*{said}"):
        h.Section(name="soma").insert("bad")
