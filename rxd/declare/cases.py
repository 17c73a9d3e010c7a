"""Cases that stay as they were written.

In: values and conditions. Out: a `sympy.Piecewise` that nothing is made of but itself. SymPy's own looks for simpler forms
whenever a part of it is replaced: it asks over which intervals a condition holds, and takes cases within a condition out of it,
which makes one case for each combination of them. For the equations of mod files that took longer than all the rest.
"""

from __future__ import annotations

from typing import Any, Final

import sympy
from sympy.core.basic import Basic
from sympy.core.containers import Tuple
from sympy.functions.elementary.piecewise import ExprCondPair

__all__ = ["Cases"]


class Case(ExprCondPair):
    """A value and its condition."""

    def __new__(cls, value: Any, condition: Any) -> Any:
        """Both as they are."""
        return Tuple.__new__(cls, sympy.sympify(value), sympy.sympify(condition))


class Piecewise(sympy.Piecewise):
    """``Cases((value, condition), ..., (value, True))``: the value of the first condition that holds.

    The value itself, if nothing is left to choose.
    """

    def __new__(cls, *cases: Any, **options: Any) -> Any:
        """Without what never holds, and what comes after what always does."""
        kept = []
        for case in cases:
            value, condition = case
            if condition in (False, sympy.false):
                continue
            kept.append(Case(value, condition))
            if condition in (True, sympy.true):
                break
        if kept and kept[0].cond == sympy.true:
            return kept[0].expr
        return Basic.__new__(cls, *kept) if kept else sympy.nan


Cases: Final = Piecewise
"""By another name than its class has: SymPy's printers go by the class's."""
