"""What an event of a given weight adds to the states of a point process, as numbers."""

from __future__ import annotations

from collections.abc import Callable

import sympy

from rxd.symbolic.system import System


def event_amounts(system: System) -> Callable[[int, float], list[tuple[str, float]]]:
    """A function (point index, weight) -> [(state label, amount)]."""

    def amounts(point: int, weight: float) -> list[tuple[str, float]]:
        spec = system.points[point]
        group = next(g for g in system.groups if point in g.points)
        found = []
        for state, expression in spec.on_event:
            numbers = {s: _number(s, weight, dict(spec.parameters)) for s in expression.free_symbols}
            label = next(label for label in group.unknowns if label.endswith(f".{state}"))
            found.append((label, float(sympy.N(expression.xreplace(numbers)))))
        return found

    return amounts


def _number(symbol: sympy.Symbol, weight: float, parameters: dict[str, float]) -> sympy.Float:
    return sympy.Float(weight if symbol.name == "weight" else parameters[symbol.name])
