"""Blocks, statements and expressions of a syntax tree as records of `rxd.nmodl.syntax`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rxd.nmodl.syntax import (
    Assign,
    Binary,
    Block,
    Branches,
    Call,
    Compartment,
    Conserve,
    Diffusion,
    Equation,
    Expression,
    Flux,
    ForNetCons,
    Local,
    Loop,
    Name,
    NmodlError,
    Number,
    Reaction,
    Solve,
    Start,
    Statement,
    Table,
    Text,
    Unary,
    Verbatim,
    Watch,
    error_at,
)

if TYPE_CHECKING:
    from lark import Tree

__all__ = ["Builder"]

_IGNORED = frozenset({"conductance", "lock", "reset"})


class Builder:
    """Makes records of trees; ``defined`` are the numbers of names that are DEFINEd."""

    def __init__(self, path: str, defined: Mapping[str, float]) -> None:
        self._path, self._defined = path, defined

    def block(self, tree: Tree[Any]) -> Block:
        """A block at the top of a file."""
        name = ""
        arguments: tuple[str, ...] = ()
        body: tuple[Statement, ...] = ()
        parts: list[Any] = tree.children
        for child in parts:
            if not hasattr(child, "data"):
                name = name or (" ".join(child.lower().split()) if child.type == "HOOK" else "")
                name = name or (str(child) if child.type == "NAME" else "")
            elif child.data == "parameters":
                arguments = tuple(str(argument.children[0]) for argument in child.children)
            else:
                body = self.body(child)
        return Block(str(tree.data), name, arguments, body, tree.meta.line)

    def body(self, tree: Any) -> tuple[Statement, ...]:
        """The statements between braces."""
        found = []
        for child in tree.children:
            statement = child.children[0] if child.data == "protect" else child
            if statement.data not in _IGNORED:
                found.append(self.statement(statement))
        return tuple(found)

    def statement(self, tree: Any) -> Statement:
        """One statement."""
        kind = str(tree.data)
        make = getattr(self, f"_{kind}", None) or getattr(self, kind)
        made: Statement = make(tree)
        return made

    def local(self, tree: Any) -> Local:
        """Local variables."""
        names = [(str(c.children[0]), str(c.children[1]) if len(c.children) > 1 else None) for c in tree.children]
        return Local(tuple(names))

    def table(self, tree: Any) -> Table:
        """A table."""
        parts = [child for child in tree.children if getattr(child, "data", "") not in {"names", "depend"}]
        names = [str(name) for child in tree.children if getattr(child, "data", "") == "names" for name in child.children]
        low, high, number = parts
        return Table(tuple(names), self.expression(low), self.expression(high), str(number), tree.meta.line)

    def for_netcons(self, tree: Any) -> ForNetCons:
        """A loop over connections."""
        parameters, body = tree.children
        names = tuple(str(argument.children[0]) for argument in parameters.children)
        return ForNetCons(names, self.body(body), tree.meta.line)

    def verbatim(self, tree: Any) -> Verbatim:
        """C code."""
        text = str(tree.children[0])
        return Verbatim(text.removeprefix("VERBATIM").removesuffix("ENDVERBATIM").strip(), tree.meta.line)

    def _assign(self, tree: Any) -> Assign:
        name, *index, value = tree.children
        return Assign(Name(str(name), self._index(index)), self.expression(value), tree.meta.line)

    def _prime(self, tree: Any) -> Assign:
        name, value = tree.children
        return Assign(Name(str(name)), self.expression(value), tree.meta.line, prime=True)

    def _prime_of(self, tree: Any) -> Assign:
        name, index, value = tree.children
        return Assign(Name(str(name), self._index([index])), self.expression(value), tree.meta.line, prime=True)

    def _index(self, index: list[Any]) -> Expression | None:
        return self.expression(index[0].children[0]) if index else None

    def _call_statement(self, tree: Any) -> Call:
        name, *arguments = tree.children
        return Call(str(name), tuple(self.expression(argument) for argument in arguments), tree.meta.line)

    def _if_(self, tree: Any) -> Branches:
        children = list(tree.children)
        cases: list[tuple[Expression | None, tuple[Statement, ...]]] = []
        while len(children) > 1:
            condition, body = children.pop(0), children.pop(0)
            cases.append((self.expression(condition), self.body(body)))
        if children:
            cases.append((None, self.body(children[0])))
        return Branches(tuple(cases), tree.meta.line)

    def _while_(self, tree: Any) -> Loop:
        condition, body = tree.children
        return Loop(self.body(body), tree.meta.line, condition=self.expression(condition))

    def _from_(self, tree: Any) -> Loop:
        variable, first, last, *step, body = tree.children
        return Loop(
            self.body(body), tree.meta.line, None, str(variable), self.expression(first), self.expression(last),
            self.expression(step[0]) if step else None,
        )  # fmt: skip

    def _solve(self, tree: Any) -> Solve:
        block, *rest = tree.children
        methods = {str(c.data): str(c.children[0]) for c in rest if c.data in {"method", "steady"}}
        return Solve(str(block), methods.get("method", methods.get("steady", "")), "steady" in methods, tree.meta.line)

    def _both_ways(self, tree: Any) -> Reaction:
        _, left, right = tree.children
        product, rates = self._rates(self.expression(right), tree.meta.line, 2)
        return Reaction(self.expression(left), product, rates[0], rates[1], tree.meta.line)

    def _one_way(self, tree: Any) -> Reaction:
        _, left, right = tree.children
        product, rates = self._rates(self.expression(right), tree.meta.line, 1)
        return Reaction(self.expression(left), product, rates[0], None, tree.meta.line)

    def _sink(self, tree: Any) -> Reaction:
        _, left, rate = tree.children
        return Reaction(self.expression(left), None, self.expression(rate), None, tree.meta.line)

    def _rates(self, right: Expression, line: int, number: int) -> tuple[Expression, tuple[Expression, ...]]:
        """The right-hand side without the rates, which read like the arguments of its last state."""
        if isinstance(right, Binary):
            inner, rates = self._rates(right.right, line, number)
            return Binary(right.operator, right.left, inner), rates
        if not isinstance(right, Call) or len(right.arguments) != number:
            raise NmodlError(f"line {line}: a reaction ends with its {number} rate(s) in parentheses.")
        return Name(right.name, right.index), right.arguments

    def _flux(self, tree: Any) -> Flux:
        _, target, amount = tree.children
        return Flux(self.expression(target), self.expression(amount), tree.meta.line)

    def _equation(self, tree: Any) -> Equation:
        left, right = tree.children
        return Equation(self.expression(left), self.expression(right), tree.meta.line)

    def _conserve(self, tree: Any) -> Conserve:
        left, right = tree.children
        return Conserve(self.expression(left), self.expression(right), tree.meta.line)

    def _compartment(self, tree: Any) -> Compartment:
        return Compartment(*self._in_space(tree), tree.meta.line)

    def _diffusion(self, tree: Any) -> Diffusion:
        return Diffusion(*self._in_space(tree), tree.meta.line)

    def _in_space(self, tree: Any) -> tuple[str, Expression, tuple[str, ...]]:
        *index, value, names = tree.children
        states = tuple(str(name) for name in names.children)
        return str(index[0]) if index else "", self.expression(value), states

    def _watch(self, tree: Any) -> Watch:
        return Watch(tuple((self.expression(c.children[0]), self._flag(c.children[1])) for c in tree.children), tree.meta.line)

    def _flag(self, token: Any) -> float:
        """The flag of an event: a number, or a name that is DEFINEd."""
        number = self._defined.get(str(token)) if token.type == "NAME" else float(token)
        if number is None:
            raise error_at(self._path, token.line, f"'{token}' is no number; DEFINE it, or write one.")
        return number

    def _initial_within(self, tree: Any) -> Start:
        return Start(self.body(tree.children[0]))

    # ---------------------------------------------------------------------------------------------------------- expressions

    def expression(self, tree: Any) -> Expression:  # noqa: PLR0911 - one line for each kind
        """One expression."""
        kind, children = str(tree.data), tree.children
        if kind == "number":
            return Number(str(children[0]))
        if kind == "name":
            return Name(str(children[0]), self._index(children[1:]))
        if kind == "string":
            return Text(str(children[0]).strip('"'))
        if kind == "call":
            return self._call_statement(tree)
        if kind == "rated":
            name, index, *rates = children
            return Call(str(name), tuple(self.expression(rate) for rate in rates), tree.meta.line, self._index([index]))
        if kind == "sign":
            operand = self.expression(children[1])
            return operand if children[0] == "+" else Unary("-", operand)
        if kind == "not_":
            return Unary("!", self.expression(children[0]))
        if kind == "binary":
            left, operator, right = children
            return Binary(str(operator), self.expression(left), self.expression(right))
        operator = {"or_": "||", "and_": "&&", "pow": "^"}[kind]
        return Binary(operator, self.expression(children[0]), self.expression(children[1]))
