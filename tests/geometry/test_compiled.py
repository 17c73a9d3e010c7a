"""How kernels are compiled: those that only kernels call, numba without SciPy's linear algebra, garbage left alone."""

from __future__ import annotations

import gc
import subprocess
import sys

import numpy as np
import pytest

from geometry.compiled import collector_paused, inner, lean


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
from geometry.compiled import load_numba

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
