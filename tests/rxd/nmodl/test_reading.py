"""What mod files say, as declarations: expressions are compared with what the text means."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import sympy
from sympy.core.symbol import Str

import rxd
from rxd.declare.functions import bernoulli_ratio, earlier, ion_total
from rxd.nmodl import NmodlError, Translation, parse, translate

HEAD = "NEURON { SUFFIX x  NONSPECIFIC_CURRENT i  RANGE g }  PARAMETER { g = 0.001 (S/cm2)  e = -70 (mV) }  ASSIGNED { v i }\n"


def read(text: str, head: str = HEAD) -> Translation:
    return translate(parse(head + text, "x.mod"))


def at(expression: sympy.Expr, **numbers: float) -> float:
    return float(expression.subs({s: numbers[s.name] for s in expression.free_symbols}))


def test_a_leak() -> None:
    found = read("BREAKPOINT { i = g*(v - e) }")
    assert found.currents[0].density == sympy.Symbol("g", real=True) * (rxd.v - sympy.Symbol("e", real=True))
    assert found.parameters == {"g": 0.001, "e": -70.0}
    assert found.names.globals == {"e"}


def test_comments_and_line_numbers() -> None:
    text = "TITLE : some { braces\nCOMMENT\nnot { read\nENDCOMMENT\nBREAKPOINT { : also not }\n i = g ? nor this\n @ }"
    with pytest.raises(NmodlError, match=r"x\.mod, line 8: no NMODL"):
        read(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-2^2", -4.0),
        ("2^3^2", 512.0),
        ("1/2", 0.5),
        ("7 - 3 - 2", 2.0),
        ("2 (mV) * (1e-3)", 0.002),
        ("(1 < 2) && !(3 < 2)", 1.0),
        ("exp(0) + fabs(-2) + pow(2, 3)", 11.0),
        ("FARADAY", 96485.33212331001),
        ("KILO", 96.48533212331001),
        ("R", 8.31446261815324),
        ("COUNT", 1e18 / 1e-3 / 6.02214076e23),  # NEURON 9.0.2: 0x1.b34ce3f2ef926p-10
        ("FLOW", 10.0),
        ("MILLI", 1e-18),
        ("OHM", 1e-6),
    ],
)
def test_expressions(text: str, value: float) -> None:
    units = (
        "UNITS { FARADAY = (faraday) (coulombs) KILO = (faraday) (kilocoulombs) R = (k-mole) (joule/degC) (mV) = (millivolt) "
        "(mA) = (milliamp) (molar) = (1/liter) (mM) = (millimolar) COUNT = (1/micrometer3) (millimole/m3) "
        "FLOW = (mA/cm2) (pA/um2) MILLI = (mM) (1/um3) OHM = (volt/amp) (megohm) }"
    )
    assert at(read(f"{units} BREAKPOINT {{ i = {text} }}").currents[0].density) == pytest.approx(value, rel=1e-15)


@pytest.mark.parametrize("units", ["(mV) (ms)", "(avocado) (1)", "(1) (avocado)"])
def test_units_that_do_not_go_together_are_refused(units: str) -> None:
    with pytest.raises(NmodlError, match=r"line 2: C = .* is no constant that is known here"):
        read(f"UNITS {{ C = {units} }} BREAKPOINT {{ i = C }}")


def test_functions_and_branches_are_put_in() -> None:
    branches = "if (y > 0) { f = y } else if (y > -10) { f = 1 } else { f = 2 }"
    found = read(f"BREAKPOINT {{ i = g*f(v) }}  FUNCTION f(x) {{ LOCAL y  y = 2*x  {branches} }}")
    density = found.currents[0].density
    assert [at(density, g=3, v=x) for x in (4, -1, -6)] == [24, 3, 6]


def test_a_guarded_quotient_is_smooth_through_zero() -> None:
    guard = "FUNCTION q(x, y) { if (fabs(x/y) < 1e-6) { q = y*(1 - x/y/2) } else { q = x/(exp(x/y) - 1) } }"
    found = read(f"BREAKPOINT {{ i = g*q(v + 40, 10) }} {guard}")
    density = found.currents[0].density
    assert not density.has(sympy.Piecewise)
    assert density.has(bernoulli_ratio)
    assert at(density, g=1, v=-40) == 10
    assert at(density, g=1, v=-30) == pytest.approx(10 / (math.e - 1), rel=1e-13)
    assert at(sympy.diff(density, rxd.v), g=1, v=-40) == -0.5


def test_an_unguarded_quotient_is_smooth_too() -> None:
    density = read("BREAKPOINT { i = 0.182*(v + 35.2)/(1 - exp(-(v + 35.2)/9.1)) }").currents[0].density
    assert at(density, v=-35.2) == pytest.approx(0.182 * 9.1, rel=1e-6)
    assert at(density, v=-20.0) == pytest.approx(0.182 * 15.2 / (1 - float(sympy.exp(-15.2 / 9.1))), rel=1e-13)


def test_states_of_derivative_and_initial() -> None:
    text = (
        "STATE { m }  INITIAL { rates(v)  m = minf }  BREAKPOINT { SOLVE s METHOD cnexp  i = g*m*(v - e) }"
        "DERIVATIVE s { rates(v)  m' = (minf - m)/mtau }  ASSIGNED { minf mtau }"
        "PROCEDURE rates(u) { TABLE minf, mtau FROM -100 TO 100 WITH 200  minf = 1/(1 + exp(-u))  mtau = 2 + u }"
    )
    found = read(text)
    (gate,) = found.gates
    m = gate.symbol
    assert sympy.simplify(gate.rate - (1 / (1 + sympy.exp(-rxd.v)) - m) / (2 + rxd.v)) == 0
    assert gate.initial == 1 / (1 + sympy.exp(-rxd.v))
    assert found.methods == {"m": ("cnexp", "s")}
    assert set(found.assigned) == {"minf", "mtau"}


def test_a_step_written_by_hand_is_a_rate() -> None:
    text = (
        "STATE { m } BREAKPOINT { SOLVE s  i = g*m }  ASSIGNED { dt minf mexp }"
        "PROCEDURE s() { minf = v/10  mexp = 1 - exp(-dt/3)  m = m + mexp*(minf - m)\n VERBATIM\n return 0;\n ENDVERBATIM\n }"
    )
    (gate,) = read(text).gates
    assert sympy.simplify(gate.rate - (rxd.v / 10 - gate.symbol) / 3) == 0


def test_c_code_that_only_prints_is_left_out() -> None:
    text = (
        "BREAKPOINT { check(v)  i = trap(v) }"
        'PROCEDURE check(p) { if (p > 1) {\n VERBATIM\n fprintf(stderr, "check: %g\\n", _lp);\n ENDVERBATIM\n } }'
        'FUNCTION trap(x) { if (x < 0) { trap = 0\n VERBATIM\n printf ("negative");\n ENDVERBATIM\n } else { trap = x } }'
    )
    (current,) = read(text).currents
    assert [current.density.subs(rxd.v, at) for at in (-2, 3)] == [0, 3]


def test_kinetics_conserve_and_their_steady_state() -> None:
    text = (
        "STATE { c o d }  INITIAL { SOLVE k STEADYSTATE sparse }  BREAKPOINT { SOLVE k METHOD sparse  i = g*o }"
        "KINETIC k { ~ c <-> o (2, 3)  ~ o <-> d (1, 4)  CONSERVE c + o + d = 1 }"
    )
    found = read(text)
    assert sum(gate.rate for gate in found.gates).expand() == 0
    start = {gate.symbol: gate.initial for gate in found.gates}
    assert sum(start.values()) == 1
    assert all(sympy.simplify(gate.rate.subs(start)) == 0 for gate in found.gates)


def test_two_of_a_state_in_a_compartment() -> None:
    text = (
        "STATE { a b } BREAKPOINT { SOLVE k METHOD sparse  i = g*b }"
        "KINETIC k { COMPARTMENT 4 {a}  ~ 2 a <-> b (3, 5)  ~ a << (v) }"
    )
    rates = {str(gate.symbol): gate.rate for gate in read(text).gates}
    a, b = sympy.symbols("a b", real=True)
    assert sympy.expand(rates["b"] - (3 * a**2 - 5 * b)) == 0
    assert sympy.expand(rates["a"] - (-2 * (3 * a**2 - 5 * b) + rxd.v) / 4) == 0


def test_arrays_and_loops_unroll() -> None:
    text = (
        "DEFINE N 3  STATE { c[N] } ASSIGNED { w[N] } INITIAL { FROM j=0 TO N-1 { w[j] = j + 1  c[j] = 2*j } }"
        "BREAKPOINT { SOLVE k METHOD sparse  i = g*c[2] } KINETIC k { FROM j=0 TO N-2 { ~ c[j] <-> c[j+1] (w[j], w[j+1]) } }"
    )
    found = read(text)
    c = sympy.symbols("c_0 c_1 c_2", real=True)
    assert [gate.initial for gate in found.gates] == [0, 2, 4]
    assert sympy.expand(found.gates[1].rate - (c[0] - 2 * c[1] - 2 * c[1] + 3 * c[2])) == 0


def test_what_only_initial_sets_from_v_keeps_its_value() -> None:
    found = read("ASSIGNED { k } INITIAL { k = 2*v } BREAKPOINT { i = g*k }")
    assert [(str(gate.symbol), gate.rate, gate.initial) for gate in found.gates] == [("k", 0, 2 * rxd.v)]


def test_a_current_that_is_read_is_a_factor_of_what_is_assigned() -> None:
    total = ion_total(sympy.Symbol("a") + sympy.Symbol("b"), Str("ca"))
    for named in (total, earlier(total)):
        function = sympy.lambdify(sympy.symbols("a b"), 2 * named, "numpy")
        assert function(1.0, 2.0) == 6.0


def test_ions() -> None:
    head = "NEURON { SUFFIX x USEION ca READ cai, ica WRITE cai USEION k READ ek WRITE ik } ASSIGNED { v ek ik ica }\n"
    found = read("STATE { cai } BREAKPOINT { SOLVE s METHOD cnexp  ik = v - ek } DERIVATIVE s { cai' = -ica - cai }", head)
    assert found.currents[0].ion == "k"
    assert found.currents[0].density == rxd.v - rxd.reversal("k")
    assert found.writes == {("ca", "i"): sympy.Symbol("cai", real=True)}
    assert rxd.ion_current("ca") in found.gates[0].rate.free_symbols
    assert found.gates[0].initial == rxd.concentration("ca")


REFUSED = [
    ("BREAKPOINT {\n VERBATIM\n x[0] = 1;\n ENDVERBATIM\n i = g }", "line 3: VERBATIM holds C code"),
    ("BREAKPOINT { i = g*foo(v) }", "foo\\(\\) is no function of NMODL or of this file"),
    ("FUNCTION f(x) {\n f = x\n }\nBREAKPOINT {\n\n i = f(v)*q\n}", "line 7: 'q' is used and nowhere declared"),
    ("BREAKPOINT { SOLVE s METHOD cnexp  i = g }", "there is no DERIVATIVE"),
    ("STATE { m } BREAKPOINT { SOLVE s METHOD magic  i = g } DERIVATIVE s { m' = 1 }", "METHOD magic is not known"),
    ("ASSIGNED { k }\nBREAKPOINT { k = k + 1  i = g*k }", "line 2: k keeps its value from step to step"),
    ("BREAKPOINT { LOCAL n  n = v  while (n > 0) { n = n - 1 }  i = n }", "how often this loop turns depends on"),
    ("ASSIGNED { w[2] } BREAKPOINT { w[2] = 1  i = w[0] }", r"w\[2\] is outside the array"),
    (
        "STATE { m } BREAKPOINT { SOLVE s METHOD sparse  i = g*m } KINETIC s { LONGITUDINAL_DIFFUSION 2*v {m}  ~ m << (1) }",
        "LONGITUDINAL_DIFFUSION of m depends on v",
    ),
    ("ASSIGNED { dt } BREAKPOINT { i = g*dt }", "depends on dt"),
    ("STATE { a }\nNONLINEAR s { ~ a*a = v  ~ a = 1 } BREAKPOINT { SOLVE s  i = g }", "line 3: s has 2 equations for 1 states"),
    ("STATE { a b }\nLINEAR s { ~ a*b = 1  ~ a = 2 } BREAKPOINT { SOLVE s  i = g }", "line 3: s is not linear in its states"),
    ("DISCRETE s { } BREAKPOINT { i = g }", "DISCRETE block cannot be translated"),
    ("UNITS { Q = (furlong) (fortnight) } BREAKPOINT { i = g }", "is no constant that is known here"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[message[:20] for _, message in REFUSED])
def test_refused(text: str, message: str) -> None:
    with pytest.raises(NmodlError, match=rf"x\.mod.*{message}"):
        read(text)


def test_shared_memory_is_refused() -> None:
    with pytest.raises(NmodlError, match="BBCOREPOINTER p cannot be translated"):
        parse("NEURON { SUFFIX x BBCOREPOINTER p } BREAKPOINT { i = p }", "x.mod")
    assert parse("NEURON { SUFFIX x POINTER p, q BBCOREPOINTER r } BREAKPOINT { i = q }", "x.mod").pointers == ("q",)


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(NmodlError, match="cannot be read"):
        rxd.read_nmodl("nowhere.mod")


def test_included_files(tmp_path: Path) -> None:
    (tmp_path / "part.inc").write_text("FUNCTION twice(x) { twice = 2*x }")
    (tmp_path / "x.mod").write_text(HEAD + '\nINCLUDE "part.inc"\nBREAKPOINT { i = twice(g) }')
    mechanism = rxd.read_nmodl(tmp_path / "x.mod", g=0.5)
    assert mechanism.currents[0].density == 2 * sympy.Symbol("g", real=True)
    assert mechanism.parameters["g"] == 0.5


def test_what_an_event_adds() -> None:
    head = "NEURON { POINT_PROCESS s RANGE e NONSPECIFIC_CURRENT i } PARAMETER { e = 0 tau = 3 } ASSIGNED { v i } STATE { g }\n"
    body = "BREAKPOINT { SOLVE d METHOD cnexp  i = g*(v - e) } DERIVATIVE d { g' = -g/tau } "
    found = rxd.nmodl.mechanisms.event_amounts(read(body + "NET_RECEIVE(w (uS)) { g = g + 2*w/tau }", head))
    weight, tau = sympy.symbols("weight tau", real=True)
    assert sympy.simplify(found["g"] - 2 * weight / tau) == 0
    with pytest.raises(NmodlError, match="does more than add to states"):
        rxd.nmodl.mechanisms.event_amounts(read(body + "NET_RECEIVE(w) { if (flag == 0) { g = w } }", head))


def test_units_with_numbers() -> None:
    constants = parse(
        "NEURON { SUFFIX x } UNITS { F = (faraday) (10000 coulomb) R = (k-mole) (joule/degC) }", "x.mod"
    ).constants
    assert constants["F"] == pytest.approx(9.648533212331, rel=1e-12)
    assert constants["R"] == pytest.approx(8.31446261815, rel=1e-11)
    constants = parse(
        "NEURON { SUFFIX x } UNITS { h = (planck) (joule-sec) hb = (hbar) (joule-sec) c = (c) (m/sec) }", "x.mod"
    ).constants
    assert (constants["h"], constants["hb"], constants["c"]) == pytest.approx(
        (6.62607015e-34, 1.054571817e-34, 299792458), 1e-9
    )


def test_tables_of_arrays() -> None:
    text = (
        "STATE { m } ASSIGNED { inf[2] } BREAKPOINT { SOLVE s METHOD cnexp  i = g*m } DERIVATIVE s { r(v)  m' = inf[1] - m }"
        "PROCEDURE r(u) { TABLE inf FROM 0 TO 10 WITH 5  FROM j=0 TO 1 { inf[j] = u*u + j } }"
    )
    (gate,) = translate(parse(HEAD + text, "x.mod"), tables=True).gates
    assert at(gate.rate, m=0, v=3) == pytest.approx((4 + 16) / 2 + 1)
    assert at(gate.rate, m=0, v=-3) == 1
    assert at(gate.rate, m=0, v=30) == 101


def test_what_is_kept_until_a_value_changes_follows_it() -> None:
    text = (
        "LOCAL was, q\nPARAMETER { celsius } BREAKPOINT { if (was != celsius) { was = celsius  q = 3^(celsius/10) }  i = g*q }"
    )
    assert read(text).currents[0].density == sympy.Symbol("g", real=True) * 3 ** (rxd.celsius / 10)
    with pytest.raises(NmodlError, match="keeps its value"):
        read(text.replace("3^(celsius/10)", "v"))


def test_exponentials_that_are_cut_off_are_exponentials() -> None:
    density = read("FUNCTION f(x) { if (x < -50) { f = 0 } else { f = exp(x) } } BREAKPOINT { i = f(v) }").currents[0].density
    assert density == sympy.exp(rxd.v)


def test_initial_of_a_point_process_may_do_what_no_equation_says() -> None:
    head = "NEURON { POINT_PROCESS s NONSPECIFIC_CURRENT i } PARAMETER { n = 3 } ASSIGNED { v i k c } STATE { g }\n"
    found = read("INITIAL { k = 1  while (k < v) { k = 2*k }  c = 5 } BREAKPOINT { i = k*c*v }", head)
    assert found.memory == {"k"}
    assert found.currents[0].density == 5 * sympy.Symbol("k", real=True) * rxd.v
