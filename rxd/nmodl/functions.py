"""Functions of NMODL's own.

In: a function's name. Out: the function, of SymPy expressions or of numbers.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import sympy

from rxd.declare.functions import bernoulli_ratio, floor

__all__ = ["NUMERIC", "SYMBOLIC"]


def _ratio(x: float) -> float:
    return 1.0 if x == 0 else x / math.expm1(x)


SYMBOLIC: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "exp": sympy.exp, "log": sympy.log, "sqrt": sympy.sqrt, "fabs": sympy.Abs, "abs": sympy.Abs, "sin": sympy.sin,
        "cos": sympy.cos, "tan": sympy.tan, "asin": sympy.asin, "acos": sympy.acos, "atan": sympy.atan, "sinh": sympy.sinh,
        "cosh": sympy.cosh, "tanh": sympy.tanh, "erf": sympy.erf, "log10": lambda x: sympy.log(x) / sympy.log(10),
        "pow": lambda x, y: x**y, "floor": floor, "ceil": sympy.ceiling, "fmin": sympy.Min, "fmax": sympy.Max,
        "exprelr": bernoulli_ratio, "atan2": sympy.atan2,
    }
)  # fmt: skip

NUMERIC: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        **{name: getattr(math, name) for name in (
            "exp", "log", "sqrt", "fabs", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "erf", "log10",
            "pow", "floor", "ceil", "fmod", "atan2",
        )},
        "abs": math.fabs, "fmin": min, "fmax": max, "exprelr": _ratio,
    }
)  # fmt: skip
