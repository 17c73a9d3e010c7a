"""SymPy's functions said with those that generated code knows.

In: an expression. Out: the same without `floor`, `ceiling`, `frac` and `Mod` of SymPy, which have no derivatives there, and
without functions that are short for others (`erfc`, `cot`, `sech`, `asinh` and the like).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import sympy

from rxd.declare.functions import floor

__all__ = ["rewritten"]


def _inverse(function: Any) -> Callable[..., Any]:
    return lambda x: function(x).rewrite(sympy.log)


_FORMS: Mapping[Any, Callable[..., Any]] = MappingProxyType(
    {
        sympy.floor: floor,
        sympy.ceiling: lambda x: -floor(-x),
        sympy.frac: lambda x: x - floor(x),
        sympy.Mod: lambda x, y: x - y * floor(x / y),
        sympy.erfc: lambda x: 1 - sympy.erf(x),
        sympy.sec: lambda x: 1 / sympy.cos(x),
        sympy.csc: lambda x: 1 / sympy.sin(x),
        sympy.cot: lambda x: sympy.cos(x) / sympy.sin(x),
        sympy.sech: lambda x: 1 / sympy.cosh(x),
        sympy.csch: lambda x: 1 / sympy.sinh(x),
        sympy.coth: lambda x: 1 / sympy.tanh(x),
        sympy.asinh: _inverse(sympy.asinh),
        sympy.acosh: _inverse(sympy.acosh),
        sympy.atanh: _inverse(sympy.atanh),
    }
)


def rewritten(expression: sympy.Expr) -> sympy.Expr:
    """The expression with these functions in the terms of others."""
    if not expression.has(*_FORMS):
        return expression
    for function, form in _FORMS.items():
        expression = expression.replace(function, form)
    return expression
