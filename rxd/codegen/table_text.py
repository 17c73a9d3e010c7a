"""Tables that rates read, in generated modules: their numbers, and the functions that look them up.

In: a system and the text of its module. Out: the text with the tables in it, if there are any.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import sympy

from rxd.declare.tables import Numbers
from rxd.symbolic.system import AffineGate, System

__all__ = ["table_mark", "with_tables"]

FIRST: Final = "\nimport math\n"
LOOK_UP: Final = '''
import math

import numpy as np
from numba import njit


@njit(nogil=True)
def entry_of(table, k):
    """The number at a place; none outside, and none where the place is not a number."""
    return table[int(k)] if 0.0 <= k < table.size else math.nan


@njit(nogil=True)
def place_of(grid, x):
    """The interval that x is in."""
    low, high = 0, grid.size - 1
    while high - low > 1:
        middle = (low + high) // 2
        if grid[middle] <= x:
            low = middle
        else:
            high = middle
    return float(low)

'''


def with_tables(text: str, system: System) -> str:
    """The text of a module, with the tables that its system reads."""
    found = _tables(system)
    if not found:
        return text
    rows = [f"{numbers.name} = np.array({list(numbers.values)})" for numbers in found]
    return text.replace(FIRST, LOOK_UP + "\n".join(rows) + "\n", 1)


def table_mark(system: System) -> str:
    """What tells modules with tables from others, and from those that other code has made: a part of their key."""
    if not _tables(system):
        return ""
    folder = Path(__file__).resolve().parent.parent
    return "".join((folder / name).read_text() for name in ("codegen/table_text.py", "declare/tables.py"))


def _tables(system: System) -> list[Numbers]:
    found: set[Any] = set()
    for group in system.groups:
        parts: list[sympy.Basic] = [value for _, value in group.rates]
        parts += [process.expression for process in group.processes]
        for gate in group.gates:
            parts += (
                [gate.source, gate.decay] if isinstance(gate, AffineGate) else [*gate.residuals, *(m for *_, m in gate.matrix)]
            )
        found.update(*(part.atoms(Numbers) for part in parts))
    return sorted(found, key=lambda numbers: numbers.name)
