"""Numbers from a mechanism's expressions, by a path that shares nothing with the code generator."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import sympy


def bernoulli(z: Any) -> np.ndarray:
    """``z / (exp(z) - 1)`` with its limit."""
    z = np.asarray(z, dtype=float)
    safe = np.where(z == 0.0, 1.0, z)
    return np.where(z == 0.0, 1.0, safe / np.expm1(safe))


def bernoulli_slope(z: Any) -> np.ndarray:
    z = np.asarray(z, dtype=float)
    small = np.abs(z) < 1e-3
    safe = np.where(small, 1.0, z)
    e = np.exp(safe)
    return np.where(small, -0.5 + z / 6, (e - 1 - safe * e) / (e - 1) ** 2)


@pytest.fixture
def numbers() -> Callable[..., np.ndarray]:
    """``numbers(expression, v=..., e_na=50, ca_i=1e-4)``: values by the names of the symbols, arrays broadcast."""

    def evaluate(expression: Any, **values: Any) -> np.ndarray:
        expression = sympy.sympify(expression)
        symbols = sorted(expression.free_symbols, key=lambda symbol: symbol.name)
        modules = [{"bernoulli_ratio": bernoulli, "bernoulli_slope": bernoulli_slope}, "numpy"]
        arguments = np.broadcast_arrays(*(np.asarray(values[s.name], dtype=float) for s in symbols)) if symbols else []
        shape = np.broadcast_shapes(*(np.shape(value) for value in values.values()))
        return np.broadcast_to(sympy.lambdify(symbols, expression, modules=modules)(*arguments), shape)

    return evaluate


@pytest.fixture
def parts() -> Callable[..., SimpleNamespace]:
    """Gates and currents of a mechanism by name."""

    def split(mechanism: Any) -> SimpleNamespace:
        return SimpleNamespace(
            gates={gate.symbol.name: gate for gate in mechanism.gates},
            currents={current.name: current for current in mechanism.currents},
            parameters=dict(mechanism.parameters),
        )

    return split
