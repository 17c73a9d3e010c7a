"""What of an equation depends on the temperature alone: numbers that kernels read, where the temperature is to change.

In: expressions with `rxd.celsius`. Out: the same with a symbol in place of each part that depends on nothing else. A model
whose temperature stays has the numbers themselves in its kernels, which makes them shorter; a script that goes through many
temperatures would compile kernels for each.
"""

from __future__ import annotations

from collections.abc import Callable

import sympy

from rxd.declare.symbols import celsius

__all__ = ["thermal_number", "with_temperature_apart"]


def thermal_number(expression: sympy.Basic, degrees: float) -> float | None:
    """The value of an expression at a temperature, in degrees Celsius; None if it has none by itself."""
    try:
        return float(expression.xreplace({celsius: sympy.Float(degrees)}))
    except (TypeError, ValueError):
        return None


def with_temperature_apart(expression: sympy.Basic, degrees: float, apart: Callable[[sympy.Expr], sympy.Symbol]) -> sympy.Basic:
    """An expression in which ``apart`` gives a symbol for each part that depends on the temperature alone.

    Parameters
    ----------
    expression : sympy.Basic
        With `rxd.celsius` for the temperature.
    degrees : float
        A temperature at which the parts must have a value, degrees Celsius.
    apart : callable
    """
    if celsius not in expression.free_symbols:
        return expression
    if _is_thermal(expression, degrees):
        return apart(expression)
    if isinstance(expression, (sympy.Add, sympy.Mul)):
        own = [part for part in expression.args if _is_thermal(part, degrees)]
        if len(own) > 1:
            rest = [part for part in expression.args if part not in own]
            return expression.func(
                apart(expression.func(*own)), *(with_temperature_apart(part, degrees, apart) for part in rest)
            )
    return expression.func(*(with_temperature_apart(part, degrees, apart) for part in expression.args))


def _is_thermal(part: sympy.Basic, degrees: float) -> bool:
    return isinstance(part, sympy.Expr) and part.free_symbols == {celsius} and thermal_number(part, degrees) is not None
