"""Cases stay as they were written, whatever is put in their places."""

from __future__ import annotations

import sympy

from rxd.codegen.printer import LanePrinter
from rxd.declare.cases import Cases

x, y, a = sympy.symbols("x y a", real=True)


def test_what_never_holds_is_left_out_and_what_always_does_is_the_last() -> None:
    assert Cases((1, False), (x, True), (y, x > 0)) == x
    assert len(Cases((1, x > 0), (2, False), (x, True), (3, y > 0)).args) == 2


def test_cases_within_conditions_stay_there() -> None:
    inner = Cases((x, x > a), (y, True))
    outer = Cases((inner, inner >= 0), (0, True))
    replaced = outer.xreplace({a: y, x: 2 * x})
    assert replaced == Cases((Cases((2 * x, 2 * x > y), (y, True)), Cases((2 * x, 2 * x > y), (y, True)) >= 0), (0, True))
    assert replaced.count_ops() <= outer.count_ops() + 4


def test_they_are_piecewise_to_everything_else() -> None:
    cases = Cases((x**2, x > 0), (sympy.exp(x), True))
    assert cases.has(sympy.Piecewise)
    assert sympy.diff(cases, x) == Cases((2 * x, x > 0), (sympy.exp(x), True))
    assert sympy.lambdify(x, cases, "math")(3) == 9
    assert LanePrinter().doprint(cases) == "((x * x) if (x > 0.0) else vexp(x))"
