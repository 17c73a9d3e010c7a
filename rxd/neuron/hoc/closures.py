"""Expressions of hoc as Python functions, for loops that come to the same place thousands of times.

In: an expression of a syntax tree. Out: a function from an evaluator to its value, made once for each place. Numbers, plain
names, arithmetic, comparisons and assignments to plain names are here; what else there is, methods of `Evaluator` find.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from lark import Tree

from rxd.neuron.errors import HocError

if TYPE_CHECKING:
    from rxd.neuron.hoc.evaluate import Evaluator

__all__ = ["Valued", "as_number", "closure"]

Valued = Callable[["Evaluator"], Any]

_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {
        "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "%": operator.mod, "<": operator.lt,
        ">": operator.gt, "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    }
)  # fmt: skip

_TOWARDS: Mapping[str, int] = MappingProxyType({"<": -1, ">=": -1, ">": 1, "<=": 1})  # how float_epsilon moves the right side


def closure(tree: Any) -> Valued:
    """What gives an expression its value; the tree keeps it."""
    found: Valued | None = tree.__dict__.get("closure")
    if found is None:
        make = _FORMS.get(tree.data)
        found = _by_method(tree) if make is None else make(tree)
        tree.closure = found
    return found


def as_number(value: Any) -> float:
    """A value that must be a number.

    Raises
    ------
    HocError
        If it is none.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise HocError(f"a number is wanted, not {value!r}")
    return float(value)


def _by_method(tree: Tree) -> Valued:
    name, children = f"_{tree.data}", tree.children
    return lambda evaluator: getattr(evaluator, name)(*children)


def _number(tree: Tree) -> Valued:
    value = float(str(tree.children[0]))
    return lambda evaluator: value


def _plain_name(reference: Tree) -> str | None:
    """The name that a reference consists of; None if there is more to it."""
    first, *parts = reference.children
    token: Any = first.children[0]
    return str(token) if not parts and token.type == "NAME" else None


def _named(tree: Tree) -> Valued:
    """The value of a name: a local variable, one of the object whose code runs, a number of hoc code; others are looked for."""
    reference = tree.children[0]
    name = _plain_name(reference)
    if name is None:
        from rxd.neuron.hoc.references import referred

        return referred(reference)

    def get(evaluator: Evaluator) -> Any:
        frame = evaluator.frame
        if name in frame.locals:
            return frame.locals[name]
        if frame.instance is None:
            found = evaluator.session.hoc.variables.get(name)
            if found is not None:
                return found
        elif name in frame.instance.names:
            return frame.instance.names[name]
        return evaluator.refer(*reference.children)

    return get


def _assigned(tree: Tree) -> Valued:
    """`name = expression`, `name += expression`, or an assignment to something else."""
    reference, sign, expression = tree.children
    name, value = _plain_name(reference), closure(expression)
    present, change = _named(Tree("value", [reference])), _OPERATORS.get(str(sign)[0])

    def put(evaluator: Evaluator) -> Any:
        given = value(evaluator)
        if change is not None:
            given = change(present(evaluator), given)
        frame, hoc = evaluator.frame, evaluator.session.hoc
        if name is not None and name in frame.locals:
            frame.locals[name] = given
        elif (
            frame.instance is None
            and type(given) is float
            and name in hoc.variables
            and not (name in hoc.strings or name in hoc.objects or name in evaluator.session.globals)
        ):
            hoc.variables[name] = given
        else:
            evaluator.assign(reference, given)
        return given

    return put


def _chain(tree: Tree) -> Valued:
    """`a + b - c`, `a * b / c`."""
    first = closure(tree.children[0])
    rest = [
        (_OPERATORS[str(sign)], str(sign) in {"/", "%"}, closure(operand))
        for sign, operand in zip(tree.children[1::2], tree.children[2::2], strict=True)
    ]

    def calculate(evaluator: Evaluator) -> Any:
        result = first(evaluator)
        for combine, divides, operand in rest:
            other = operand(evaluator)
            if divides and as_number(other) == 0:
                raise HocError("division by zero")
            if combine is operator.mod and other < 0:
                raise HocError(f"a % b wants a b above 0, not {other:g}")
            result = combine(result, other)
        return float(result) if isinstance(result, bool) else result

    return calculate


def _comparison(tree: Tree) -> Valued:
    """Numbers that differ by `float_epsilon` or less are equal: `t > 5` is false after 200 steps of 0.025."""
    first = closure(tree.children[0])
    rest = [(str(sign), closure(operand)) for sign, operand in zip(tree.children[1::2], tree.children[2::2], strict=True)]

    def compare(evaluator: Evaluator) -> Any:
        result = first(evaluator)
        for sign, operand in rest:
            other = operand(evaluator)
            if isinstance(result, (int, float)) and isinstance(other, (int, float)):
                slack = evaluator.session.globals["float_epsilon"]
                if sign in _TOWARDS:
                    other += slack * _TOWARDS[sign]
                elif abs(result - other) <= slack:
                    other = result
            result = float(_OPERATORS[sign](result, other))
        return result

    return compare


def _either(tree: Tree) -> Valued:
    operands = [closure(operand) for operand in tree.children]
    return lambda evaluator: float(any(_all_of(operands, evaluator)))


def _both(tree: Tree) -> Valued:
    operands = [closure(operand) for operand in tree.children]
    return lambda evaluator: float(all(_all_of(operands, evaluator)))


def _all_of(operands: list[Valued], evaluator: Evaluator) -> list[Any]:
    """All sides of `&&` and `||`, as NEURON evaluates them: some of them draw random numbers."""
    return [operand(evaluator) for operand in operands]


def _signed(tree: Tree) -> Valued:
    operand, negative = closure(tree.children[1]), tree.children[0] == "-"

    def sign(evaluator: Evaluator) -> float:
        value = as_number(operand(evaluator))
        return -value if negative else value

    return sign


def _negated(tree: Tree) -> Valued:
    operand = closure(tree.children[0])
    return lambda evaluator: float(not operand(evaluator))


def _raised(tree: Tree) -> Valued:
    base, exponent = (closure(operand) for operand in tree.children)
    return lambda evaluator: float(as_number(base(evaluator)) ** as_number(exponent(evaluator)))


_FORMS: Mapping[str, Callable[[Tree], Valued]] = MappingProxyType(
    {
        "number": _number, "value": _named, "assignment": _assigned, "sum": _chain, "product": _chain,
        "comparison": _comparison, "either": _either, "both": _both, "signed": _signed, "negated": _negated, "raised": _raised,
    }
)  # fmt: skip
