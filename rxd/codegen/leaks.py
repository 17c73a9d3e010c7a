"""Currents that are linear in v with coefficients that do not change: they belong to the cable's matrix, made once.

In: a group of nodes. Out: source of a NumPy function from the group's fields to conductance and reversal potential.
"""

from __future__ import annotations

import sympy

from rxd.codegen.printer import LanePrinter
from rxd.codegen.text import electric_rows
from rxd.symbolic.system import VOLTAGE, LocalSystem


def leak_text(group: LocalSystem) -> str | None:
    """Source of ``leak_<group>(P)``; None if currents do more than to move v, or are not linear in it."""
    if electric_rows(group) != (VOLTAGE,) or any(process.explicit for process in group.processes):
        return None
    v, fields = group.symbol_of(VOLTAGE), [field.symbol for field in group.fields]
    total = sympy.Add(*(factor * process.expression for process in group.processes for _, factor in process.effects))
    slope = sympy.diff(total, v)
    if slope == 0 or v in slope.free_symbols or total.free_symbols - {v, *fields} or not total.is_rational_function():
        return None
    # Written as conductance times a difference, nothing at all flows where v is the reversal potential.
    results = (-slope, sympy.cancel(-total.subs(v, 0) / slope))
    used = set().union(*(result.free_symbols for result in results))
    lines = [
        f"def leak_{group.name}(P):",
        '    """Conductance (1/ms, per capacity) and reversal potential (mV) of what flows through the membrane; P: fields."""',
        *(f"    {field.name} = P[{row}]" for row, field in enumerate(group.fields) if field.symbol in used),
        f"    return {', '.join(LanePrinter().doprint(result) for result in results)}",
    ]
    return "\n".join(lines)
