"""`printf` in code of mod files that is run event by event, around steps, or when a script calls it: NEURON 9.0.2's texts."""

from __future__ import annotations

from typing import Any

import pytest

from rxd.neuron import h

PRINTING = r"""
NEURON { POINT_PROCESS Printing RANGE n, g }
PARAMETER { g = 2.5 }
ASSIGNED { n }
STATE { s }
INITIAL { n = 0  printf("initial of %s: %g %6.3f|%-8g|\n", "x", g, g, n) }
PROCEDURE say(x) { printf("said %g at %g 100%%\n", x, t)  printf("plain\n", x)  deeper(x) }
FUNCTION f(x) { f = x*2  printf("in f %e %5.1f\n", x, f) }
PROCEDURE deeper(y) { printf("deep %g", y)  printf("\t%g\n", f(y)) }
NET_RECEIVE(w) { n = n + 1  printf("event %g: n %g, w %g, flag %g\n", t, n, w, flag)  if (n == 2) { say(n) } }
"""

ADDING = r"""
NEURON { POINT_PROCESS Adding NONSPECIFIC_CURRENT i }
ASSIGNED { v i }
STATE { s }
BREAKPOINT { SOLVE d METHOD cnexp  i = s*v }
DERIVATIVE d { s' = -s/2 }
NET_RECEIVE(w) { s = s + w  tell() }
PROCEDURE tell() { printf("added\n") }
"""

AROUND = r"""
NEURON { SUFFIX around RANGE b }
ASSIGNED { b }
BEFORE BREAKPOINT { b = b + 1  printf("before %g at %g\n", b, t) }
AFTER SOLVE { if (b > 2) { printf("after %g\n", b) } }
PROCEDURE tell(x) { printf("tell %g %g\n", x, b) }
FUNCTION half(x) { half = x/2  printf("half %g\n", half) }
"""

MODS = {"printing": PRINTING, "adding": ADDING, "around": AROUND}


@pytest.fixture
def soma(mods: Any) -> Any:
    section = h.Section(name="soma")
    section.L = section.diam = 10
    section.insert("pas")
    h.dt = 0.25
    return section


def test_points_print(soma: Any, capsys: pytest.CaptureFixture[str]) -> None:
    point = h.Printing(soma(0.5))
    connection = h.NetCon(None, point, 0, 0, 1.5)
    h.finitialize(-65)
    connection.event(0.15)
    connection.event(0.25)
    h.continuerun(0.5)
    point.say(3)
    assert point.f(4) == 8
    said = "initial of x: 2.5  2.500|0       |\nevent 0.15: n 1, w 1.5, flag 0\nevent 0.25: n 2, w 1.5, flag 0\n"
    said += "said 2 at 0.25 100%\nplain\ndeep 2in f 2.000000e+00   4.0\n\t4\n"
    said += "said 3 at 0.5 100%\nplain\ndeep 3in f 3.000000e+00   6.0\n\t6\nin f 4.000000e+00   8.0\n"
    assert capsys.readouterr().out == said


def test_what_only_adds_to_states_prints_too(soma: Any, capsys: pytest.CaptureFixture[str]) -> None:
    point, train = h.Adding(soma(0.5)), h.NetStim()
    train.start, train.number = 0.25, 1
    connection = h.NetCon(train, point, 0, 0.25, 1.5)
    h.finitialize(-65)
    h.continuerun(1)
    assert connection.weight[0] == 1.5
    assert type(point).simple is None  # the compiled loop of a network would print nothing
    assert point.s > 1
    assert capsys.readouterr().out == "added\n"


def test_blocks_around_steps_and_what_scripts_call_print(soma: Any, capsys: pytest.CaptureFixture[str]) -> None:
    soma.insert("around")
    h.finitialize(-65)
    h.fadvance()
    h.fadvance()
    soma(0.5).around.tell(5)
    h.setdata_around(soma(0.5))
    assert h.half_around(7) == 3.5
    said = "before 1 at 0\nbefore 2 at 0.125\nbefore 3 at 0.375\nafter 3\ntell 5 3\nhalf 3.5\n"
    assert capsys.readouterr().out == said
