"""What KINETIC blocks say beside numbers: the sides of reactions, and values for lists of states.

In: a side of a reaction, or the list of states behind COMPARTMENT. Out: names of states, with how many of each, or with a value
of each.
"""

from __future__ import annotations

from typing import Any

from rxd.nmodl.execute import Machine, key_of
from rxd.nmodl.syntax import Binary, Expression, Name, Number

__all__ = ["Sides"]


class Sides(Machine):
    """A machine that reads sides of reactions."""

    def terms(self, expression: Expression, line: int) -> list[tuple[str, int]]:
        """States and how many of each, on one side of a reaction."""
        if isinstance(expression, Binary) and expression.operator == "+":
            return self.terms(expression.left, line) + self.terms(expression.right, line)
        if isinstance(expression, Binary) and expression.operator == "*" and isinstance(expression.left, Number):
            return [(key, number * int(float(expression.left.text))) for key, number in self.terms(expression.right, line)]
        if isinstance(expression, Name):
            return [(self.key(expression, line), 1)]
        raise self.file.error(line, "a side of a reaction is a sum of states such as A + 2 B.")

    def in_space(self, index: str, value: Expression, states: tuple[str, ...]) -> dict[str, Any]:
        """A value for each state, or for each element of arrays of states."""
        found = {}
        for name in states:
            size = self.arrays.get(name)
            for i in range(size if index and size is not None else 1):
                self._frame()[index or "_"] = self.number(str(i))
                found[key_of(name, i) if index and size is not None else name] = self.amount(self.evaluate(value))
        return found
