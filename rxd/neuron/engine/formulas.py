"""Functions of NumPy for expressions of groups, made once for all engines of a session.

In: a group and expressions of its unknowns and fields. Out: what `rxd.codegen.oracle.make_numpy` makes of them. A script that
changes its model and calls `h.finitialize` again gets another engine, most of whose expressions are those of the last one; to
write and compile their functions takes SymPy longer than anything else such a script waits for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import sympy

from rxd.codegen.oracle import fields_of, make_numpy
from rxd.discretize.records import Group
from rxd.symbolic.system import LocalSystem, System

__all__ = ["Formulas", "Resting", "rest", "resting"]

MOST: Final = 256
"""Functions that are kept: a script that makes ever new models must not fill the memory."""

Resting = list[tuple[int, list[int], Any]]
"""Group, rows of its gates, and the function that gives these."""


class Formulas:
    """What has been made, by all that it follows from."""

    def __init__(self) -> None:
        self._made: dict[Any, Any] = {}

    def __call__(self, group: LocalSystem, expressions: Sequence[sympy.Expr]) -> Any:
        """A function ``f(X, P, t) -> list`` with X (n_unknowns, n) and P (n_fields, n), as `make_numpy` gives it."""
        key = (group.symbols, tuple(field.name for field in group.fields), tuple(expressions))
        if key not in self._made:
            if len(self._made) >= MOST:
                self._made.pop(next(iter(self._made)))
            self._made[key] = make_numpy(group, list(expressions))
        return self._made[key]


def resting(system: System, formulas: Formulas) -> Resting:
    """Functions that give the gates of each group at rest."""
    return [
        (
            number,
            [local.unknowns.index(label) for label, _ in local.initials],
            formulas(local, [expression for _, expression in local.initials]),
        )
        for number, local in enumerate(system.groups)
        if local.initials
    ]


def rest(functions: Resting, groups: Sequence[Group], seen: np.ndarray, y: np.ndarray) -> None:
    """Write into ``y``, shape (size,), the gates at rest for the voltage and ions in ``seen``, shape (size,)."""
    for number, rows, evaluate in functions:
        group = groups[number]
        for row, values in zip(rows, evaluate(seen[group.position], fields_of(group), 0.0), strict=True):
            y[group.position[row]] = values
