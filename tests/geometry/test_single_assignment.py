"""Names that are assigned more than once: compiled code does what Python does, and what is left to numba is little."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import ir
from numba.core.compiler import run_frontend

from geometry.compiled import QuickCompiler, inner
from geometry.single_assignment import name_apart


def loops(x: np.ndarray) -> None:
    """As generated kernels: each loop loads and names anew."""
    for k in range(x.size):
        a = 2.0 * x[k]
        b = a + 1.0
        x[k] = a * b
    for k in range(x.size):
        a = 3.0 - x[k]
        b = a * a
        a = b - a
        x[k] = a + b


def turns(x: np.ndarray) -> None:
    """What one block leaves to another, from turn to turn and out of branches."""
    a, last = 1.0, 0.0
    for k in range(x.size):
        b = a + x[k]
        if b > 4.0:
            a = b - 3.0
        else:
            b = 2.0 * b
            a = b
        b = a - last
        last = x[k]
        x[k] = b
    a = last + a
    x[0] += a


def calls(x: np.ndarray) -> None:
    """Arguments and results of other kernels."""
    n = x.size
    k = 0
    while k < n:
        a = squared(x[k], k)
        a = squared(a + 1.0, n)
        x[k] = a
        k += 1
    n = 2
    x[n] = x[0] + n


@inner
def squared(a: float, n: int) -> float:
    """An argument that is assigned again."""
    a = a * a
    if n > 2:
        a = a - n
    return a


@pytest.mark.parametrize("function", [loops, turns, calls])
def test_compiled_code_does_what_python_does(function: Callable[[np.ndarray], None], monkeypatch: pytest.MonkeyPatch) -> None:
    made: Any = numba.njit(pipeline_class=QuickCompiler)  # anew each time: what lies on disk tells nothing
    compiled, x = made(function), np.linspace(-2.0, 3.0, 11)
    expected = x.copy()
    compiled(x)
    monkeypatch.setitem(globals(), "squared", squared.py_func)
    function(expected)
    np.testing.assert_array_equal(x, expected)


@pytest.mark.parametrize(("function", "left"), [(loops, {"k"}), (turns, {"a", "b", "k", "last"}), (calls, {"k"})])
def test_what_lives_in_one_block_is_assigned_once(function: Callable[[np.ndarray], None], left: set[str]) -> None:
    """``left``: what numba may still have to look after, name by name."""
    blocks: dict[int, Any] = run_frontend(function).blocks
    assert "a" in again(blocks)
    name_apart(blocks)
    assert again(blocks) <= left


def again(blocks: dict[int, Any]) -> set[str]:
    """Names of the source that are assigned more than once."""
    assigned = [each.target.name for block in blocks.values() for each in block.body if isinstance(each, ir.Assign)]
    return {name for name, times in Counter(assigned).items() if times > 1 and not name.startswith("$")}
