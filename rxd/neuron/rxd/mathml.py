"""Formulas as content MathML, as SBML wants them.

In: a SymPy expression of plain symbols. Out: an XML element.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final
from xml.etree.ElementTree import Element, SubElement

import sympy

from rxd.neuron.errors import RxDException

__all__ = ["as_mathml"]

# operators and the functions of rxdmath that SBML's part of MathML has, by SymPy's name
FUNCTIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "Add": "plus", "Mul": "times", "Pow": "power", "exp": "exp", "log": "ln",
        "Abs": "abs", "floor": "floor", "ceiling": "ceiling", "factorial": "factorial",
        **{name: name for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
        **{f"a{name}": f"arc{name}" for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
    }
)  # fmt: skip
RELATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {">": "gt", "<": "lt", ">=": "geq", "<=": "leq", "==": "eq", "!=": "neq"}
)


def as_mathml(expression: sympy.Basic) -> Element:
    """The element of an expression.

    Raises
    ------
    RxDException
        For a function that SBML does not have.
    """
    if isinstance(expression, sympy.Symbol):
        return _leaf("ci", str(expression))
    if isinstance(expression, sympy.Expr) and expression.is_number:
        return _number(expression)
    if isinstance(expression, sympy.Piecewise):
        return _cases(expression)
    if type(expression).__name__ == "bernoulli_ratio":  # what vtrap is made of
        (x,) = expression.args
        return as_mathml(x / (sympy.exp(x) - 1))
    if isinstance(expression, sympy.Pow) and expression.exp == -1:
        return _apply("divide", sympy.Integer(1), expression.base)
    return _apply(_operator(expression), *expression.args)


def _operator(expression: sympy.Basic) -> str:
    if isinstance(expression, sympy.core.relational.Relational) and expression.rel_op in RELATIONS:
        return RELATIONS[expression.rel_op]
    name = type(expression).__name__
    if name not in FUNCTIONS:
        raise RxDException(f"{name} has no counterpart in SBML: {expression}")
    return FUNCTIONS[name]


def _leaf(tag: str, text: str) -> Element:
    made = Element(tag)
    made.text = text
    return made


def _number(value: sympy.Expr) -> Element:
    if value.is_Integer:
        made = _leaf("cn", str(value))
        made.set("type", "integer")
        return made
    mantissa, _, exponent = repr(float(value)).partition("e")
    made = _leaf("cn", mantissa)
    if exponent:
        made.set("type", "e-notation")
        SubElement(made, "sep").tail = str(int(exponent))
    return made


def _apply(operator: str, *arguments: sympy.Basic) -> Element:
    made = Element("apply")
    SubElement(made, operator)
    made.extend([as_mathml(argument) for argument in arguments])
    return made


def _cases(expression: sympy.Piecewise) -> Element:
    made = Element("piecewise")
    for value, condition in expression.args:
        last = condition == sympy.true
        case = SubElement(made, "otherwise" if last else "piece")
        case.append(as_mathml(value))
        if not last:
            case.append(as_mathml(condition))
    return made
