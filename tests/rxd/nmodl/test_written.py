"""Code of mod files as Python functions, against the interpreter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rxd.nmodl import NmodlError
from rxd.nmodl.execute import Numbers
from rxd.nmodl.parser import parse
from rxd.nmodl.written import Unwritable, written

FILE = """
NEURON {{ SUFFIX tried RANGE a, b, c }}
DEFINE MOST 4
PARAMETER {{ a = 3 b = -2 k = 2 }}
ASSIGNED {{ c d when[MOST] x y }}
PROCEDURE tried(u) {{
{code}
}}
FUNCTION cube(x) {{ LOCAL y
  y = x*x
  cube = y*x
}}
FUNCTION steps(n) {{ if (n <= 1) {{ steps = 1 }} else {{ steps = n*steps(n - 1) }} }}
PROCEDURE swap() {{ LOCAL z  z = a  a = b  b = z }}
"""

CODES = {
    "arithmetic": "c = a/b + a*b - a^2 + a % k  d = -(a - u)*1e-3  x = exp(u/10) + log(2) + sqrt(fabs(b)) + fmin(a, b)",
    "division by zero": "c = a/0  d = -a/0",
    "conditions": "if (a > b && !(u == 3) || 0) { c = 1 } else if (u >= 4) { c = 2 } else { c = 3 }  d = (a > b) + 2*(a != b)",
    "truth of numbers": "if (a) { c = 1 }  if (0) { c = 2 }  if (a && b) { d = 4 }",
    "loops": "LOCAL i, s  s = 0  FROM i=0 TO 3 { when[i] = i*u  s = s + when[i] }  FROM i=3 TO 0 BY -1 { d = d*2 + i }  c = s",
    "while": "c = 0  d = 1  while (d < 100) { d = 2*d  c = c + 1 }",
    "calls": "swap()  c = cube(a) + steps(5)  d = cube(cube(2)) + u",
    "locals hide": "LOCAL a, x  a = 7  x = a + u  c = x + b  d = cube(a)",
    "locals of inner blocks": "LOCAL x  x = 5  if (u > 0) { LOCAL x, b  x = 9  b = x  c = x + b }  d = x + b  y = d",
    "loop variables": "LOCAL i, s  i = 7  s = 0  FROM i=0 TO 3 { LOCAL s  s = i  c = c + s }  FROM k=1 TO 2 { s = s + k }"
    "  d = i + s + k",
    "powers": "c = -a^2 + 2^3^2 + b^3  d = 2^-u  x = fabs(u)^0.5",
    "elements": "when[1] = 5  when[k] = when[1] + 1  c = when[a - 1]  d = when[a - 3]",
}

WRONG = {
    "outside": ("\n\nwhen[a + 1] = 1\n", r"line 9: when\[4\] is outside the array, which has 4 elements"),
    "domain": ("c = 1\nd = log(b)", r"line 8: .*math domain error"),
    "within": ("c = 1\nd = steps(400*log(-a))", r"line 8: .*math domain error"),
    "root": ("c = 1\nd = b^0.5", r"line 8: .*math domain error"),
    "endless": ("c = 1\nwhile (c > 0) { d = 2 }", r"turns more than 10000 times"),
}


class Store:
    """Names in a dictionary."""

    skipped: tuple[type, ...] = ()

    def read(self, key: str) -> str:
        return f"V[{key!r}]"

    def write(self, key: str, value: str) -> str:
        return f"V[{key!r}] = {value}"

    def read_element(self, key: str) -> str:
        return f"V[{key}]"

    def write_element(self, key: str, value: str) -> str:
        return f"V[{key}] = {value}"

    def call(self, call: Any, number: Callable[..., str]) -> str | None:
        return None

    def outside(self, block: Any, arguments: Any) -> str:
        raise Unwritable(block.name)

    def verbatim(self, statement: Any) -> str:
        raise Unwritable(statement.text)


def start() -> dict[str, float]:
    return {"a": 3.0, "b": -2.0, "k": 2.0, "c": 0.0, "d": 0.0, "x": 0.0, "y": 0.0, **{f"when_{i}": 0.1 * i for i in range(4)}}


def both(code: str, u: float) -> tuple[dict[str, float], dict[str, float]]:
    file = parse(FILE.format(code=code))
    block = next(b for b in file.all("procedure") if b.name == "tried")
    _, make = written(file, block.body, ("u",), Store(), False)
    fast, slow = start(), start()
    machine = Numbers(file, slow.__getitem__, slow.__setitem__)
    machine.frames.append({"u": u})
    machine.run(block.body)
    assert make({"V": fast})(0.0, 0.0, 0.0, u) == (machine.frames[0]["u"],)
    return fast, slow


@pytest.mark.parametrize("code", CODES.values(), ids=CODES.keys())
def test_functions_do_what_the_interpreter_does(code: str) -> None:
    for u in (-1.5, 0.0, 3.0, 4.0):
        fast, slow = both(code, u)
        assert fast == pytest.approx(slow, rel=1e-15, nan_ok=True)
        assert slow != start()


def test_locals_of_inner_blocks_end_with_them() -> None:
    """As in the C code that NEURON makes of them."""
    for found in both(CODES["locals of inner blocks"], 3.0):
        assert (found["c"], found["d"], found["b"]) == (18.0, 3.0, -2.0)
    for found in both(CODES["locals of inner blocks"], -1.0):
        assert (found["c"], found["d"]) == (0.0, 3.0)
    for found in both(CODES["loop variables"], 3.0):
        assert (found["c"], found["d"], found["k"]) == (6.0, 12.0, 2.0)


@pytest.mark.parametrize(("code", "message"), WRONG.values(), ids=WRONG.keys())
def test_errors_name_the_line_of_the_mod_file(code: str, message: str) -> None:
    file = parse(FILE.format(code=code))
    block = next(b for b in file.all("procedure") if b.name == "tried")
    with pytest.raises(NmodlError, match=message):
        written(file, block.body, ("u",), Store(), False)[1]({"V": start()})(0.0, 0.0, 0.0, 1.0)


def test_a_state_moves_by_its_exponential_and_only_if_its_rate_is_affine() -> None:
    import math

    def moved(rate: str) -> float:
        file = parse(f"NEURON {{ SUFFIX tried }} STATE {{ n }} DERIVATIVE s {{ n' = {rate} }}")
        values = {"n": 0.4}
        written(file, file.all("derivative")[0].body, (), Store(), False)[1]({"V": values})(0.0, -65.0, 0.5)
        return values["n"]

    assert moved("(1 - n)/2") == pytest.approx(1 - 0.6 * math.exp(-0.25), rel=1e-14)
    assert moved("3") == pytest.approx(1.9, rel=1e-14)
    with pytest.raises(NmodlError, match="rate of n is not affine"):
        moved("n*n")


@pytest.mark.parametrize(
    "code", ["VERBATIM\n  foo();\nENDVERBATIM", "c = nothing_known(3)", "LOCAL q[3]  q[0] = 1", "net_send(1, 2)"]
)
def test_the_interpreter_takes_what_is_not_known(code: str) -> None:
    file = parse(FILE.format(code=code))
    block = next(b for b in file.all("procedure") if b.name == "tried")
    with pytest.raises(Unwritable):
        written(file, block.body, ("u",), Store(), False)
