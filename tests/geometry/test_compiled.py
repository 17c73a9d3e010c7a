"""How kernels are compiled: those that only kernels call, numba without SciPy's linear algebra, garbage left alone."""

from __future__ import annotations

import gc
import operator
import subprocess
import sys
from typing import Any

import numba
import numpy as np
import pytest
from numba import types
from numba.core.compiler import Flags

from geometry.compiled import Remembering, Settings, inner, lean
from rxd.collector import collector_paused

SMALL = 3


@inner
def weight(x: float) -> float:
    """Something that only a kernel can ask for."""
    return 3.0 * x


@inner
def weights(x: np.ndarray, out: np.ndarray) -> None:
    """The same of many."""
    for k in range(x.size):
        out[k] = weight(x[k])


@lean
def weigh(x: np.ndarray, out: np.ndarray) -> None:
    """What Python calls."""
    weights(x, out)


def test_kernels_call_what_python_cannot() -> None:
    x, out = np.arange(5.0), np.zeros(5)
    weigh(x, out)
    np.testing.assert_array_equal(out, 3.0 * x)
    with pytest.raises(SystemError, match="NULL"):
        weight(1.0)
    weigh(out, x)
    np.testing.assert_array_equal(x, 3.0 * out)


@inner
def both(x: float) -> float:
    """Two ways to one function."""
    return weight(x) + other(x)


@inner
def other(x: float) -> float:
    """The second of them."""
    return 2.0 * weight(x)


@inner
def smallest(x: np.ndarray) -> float:
    """It calls what numba compiles as always."""
    return min(x[0], np.sqrt(x[1]))


@lean
def all_of_them(x: np.ndarray, out: np.ndarray) -> None:
    """Kernels that call each other, directly and by way of others."""
    out[0], out[1], out[2] = both(x[0]), weight(x[1]), smallest(x)


@numba.njit
def plainly(x: float) -> float:
    """What is compiled as numba compiles takes all from one that only kernels call."""
    return both(x)


def test_code_that_several_call_is_there_once_for_all() -> None:
    x, out = np.array([5.0, 7.0]), np.zeros(3)
    all_of_them(x, out)
    np.testing.assert_array_equal(out, [45.0, 21.0, np.sqrt(7.0)])
    assert plainly(5.0) == 45.0
    for draft in (weight, other, both):
        (made,) = draft.overloads.values()
        own = [f for f in made.library._final_module.functions if not f.is_declaration]
        assert len(own) == 1


@inner
def deep(x: float) -> float:
    """What two others call."""
    return 3.0 * x


@inner
def once_needed(x: float) -> float:
    """Of which LLVM sees that nobody calls it after all."""
    return deep(x) - 1.0


@inner
def needed(x: float) -> float:
    """What is called."""
    return deep(x) + 1.0


@lean
def less_than_it_says(out: np.ndarray) -> None:
    """A kernel with a branch that is never taken."""
    wide = SMALL * 2
    if wide > 2 * SMALL:
        out[0] = once_needed(out[0])
    out[0] = needed(out[0])


def test_what_a_branch_never_taken_calls_is_there_for_others() -> None:
    out = np.array([2.0])
    less_than_it_says(out)
    assert out[0] == 7.0


def test_the_collector_is_as_it_was() -> None:
    for before in (True, False):
        (gc.enable if before else gc.disable)()
        try:
            with collector_paused():
                assert not gc.isenabled()
            assert gc.isenabled() == before
        finally:
            gc.enable()


def test_numba_starts_without_scipys_linear_algebra_and_finds_it_when_asked() -> None:
    script = """
import sys
import numba
import numpy as np
from geometry.kernel_files import load_numba

load_numba()
double = numba.njit(lambda x: 2.0 * x)
assert double(2.0) == 4.0
assert "scipy.linalg" not in sys.modules

@numba.njit
def product(a, b):
    return np.dot(a, b)

a = np.arange(9.0).reshape(3, 3)
np.testing.assert_allclose(product(a, a), a @ a)
assert "scipy.linalg" in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_types_of_operations_are_found_out_once_and_are_those_of_numba() -> None:
    context = weigh.targetdescr.typing_context
    asked, remembering = [], Remembering(context)

    class Counting:
        def resolve_function_type(self, *question: Any) -> Any:
            asked.append(question)
            return context.resolve_function_type(*question)

        def resolve_setitem(self, *question: Any) -> Any:
            asked.append(question)
            return context.resolve_setitem(*question)

    context.refresh()
    remembering._context = Counting()
    add = context.resolve_value_type(operator.add)
    for kinds in [(types.float64, types.float64), (types.int64, types.float64), (types.float64[:], types.float64)]:
        for _ in range(2):
            found = remembering.resolve_function_type(add, kinds, {})
            assert found == context.resolve_function_type(add, kinds, {})
            item = types.float64[:], types.int64, types.float64
            assert remembering.resolve_setitem(*item) == context.resolve_setitem(*item)
    assert len(asked) == 4  # every kind of sum, and one number written into an array


def test_settings_are_those_of_numba() -> None:
    plain, other = Flags(), Flags()
    plain.nrt, other.nrt = True, False
    settings = Settings(plain)
    assert settings == plain
    assert hash(settings) == hash(plain)
    assert settings == settings.copy() == Settings(plain)
    assert settings not in (other, Settings(other))
