"""Code of mod files as Python functions: what `rxd.nmodl.execute.Numbers` does with a block, a hundred times faster.

In: statements, and how names are read and written. Out: the text of a function, and the function. A statement that is not known
here raises `Unwritable`; the interpreter runs such code, and says what is wrong with it. It is also what tests compare with.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, Protocol

from rxd.nmodl.execute import MOST, SILENT, WHOLE, key_of, quotient
from rxd.nmodl.functions import NUMERIC
from rxd.nmodl.syntax import (
    Assign,
    Binary,
    Block,
    Branches,
    Call,
    Expression,
    Local,
    Loop,
    ModFile,
    Name,
    NmodlError,
    Number,
    Statement,
    Table,
    Unary,
    Verbatim,
)
from rxd.nmodl.verbatim import is_idle, is_return, verbatim_of

__all__ = ["Scope", "Unwritable", "written"]

MARK: Final = "<mod file>"
AFFINE: Final = 1e-9
"""How far from affine a rate may be, relative to itself."""
ERRORS: Final = (ValueError, OverflowError, ZeroDivisionError, TypeError)


class Unwritable(Exception):  # noqa: N818 - no error: the interpreter takes over
    """Code that only the interpreter runs."""


class Scope(Protocol):
    """What names of the file stand for, as Python text.

    Attributes
    ----------
    skipped : tuple of type
        Statements that do nothing here.
    """

    skipped: tuple[type, ...]

    def read(self, key: str) -> str:
        """The number behind a name."""

    def write(self, key: str, value: str) -> str:
        """A statement that assigns to it."""

    def read_element(self, key: str) -> str:
        """The number behind a name that is known when the code runs: a text."""

    def write_element(self, key: str, value: str) -> str:
        """A statement that assigns to it."""

    def call(self, call: Call, number: Callable[[Expression], str]) -> str | None:
        """A function that neither the file defines nor NMODL; ``number`` gives the text of an argument."""

    def outside(self, block: Block, arguments: Sequence[str]) -> str:
        """A FUNCTION or PROCEDURE that only the interpreter runs."""

    def verbatim(self, statement: Verbatim) -> str:
        """C code that does something."""


class _Writer:
    """The text of one function and of those it calls."""

    def __init__(self, file: ModFile, scope: Scope, tables: bool) -> None:
        self.file, self.scope, self.tables = file, scope, tables
        self.lines: list[tuple[str, int]] = []
        self.indent, self.depth, self.line = 0, 0, 0
        self.leave = "return"
        self.local: dict[str, str] = {}  # what local variables are called here
        self.inner = 0
        self.called: dict[str, list[tuple[str, int]]] = {}
        self.procedures = {block.name: block for kind in ("function", "procedure") for block in file.all(kind)}
        self.arrays = {d.name: d.size for d in (*file.parameters, *file.assigned, *file.states) if d.size is not None}
        self.arrays |= {name: int(float(file.constants.get(size, size))) for name, size in file.locals if size is not None}

    def add(self, text: str) -> None:
        self.lines.append(("    " * self.indent + text, self.line))

    # ----------------------------------------------------------------------------------------------------------- statements

    def run(self, body: Sequence[Statement]) -> None:
        """Statements one after the other."""
        start = len(self.lines)
        for statement in body:
            outer, self.line = self.line, getattr(statement, "line", self.line)
            self.do(statement)
            self.line = outer
        if len(self.lines) == start:
            self.add("pass")

    def do(self, statement: Statement) -> None:
        if isinstance(statement, Assign):
            self.assign(statement)
        elif isinstance(statement, Call):
            self.statement(statement)
        elif isinstance(statement, Branches):
            for i, (condition, body) in enumerate(statement.cases):
                word = "if" if i == 0 else "elif"
                self.add("else:" if condition is None else f"{word} {self.truth(condition)}:")
                self.within(body)
        elif isinstance(statement, Loop):
            self.loop(statement)
        elif isinstance(statement, Local):
            for name, size in statement.names:
                if size is not None:
                    raise Unwritable(name)
                self.add(f"{self.declare(name)} = 0.0")
        elif isinstance(statement, Verbatim):
            if is_return(statement.text):
                self.add(self.leave)
            elif not is_idle(statement.text):
                self.add(self.scope.verbatim(statement))
        elif not isinstance(statement, (Table, *self.scope.skipped)):
            raise Unwritable(type(statement).__name__)

    def within(self, body: Sequence[Statement]) -> None:
        kept = self.local
        self.local = dict(kept)
        self.depth, self.indent = self.depth + 1, self.indent + 1
        self.run(body)
        self.depth, self.indent = self.depth - 1, self.indent - 1
        self.local = kept

    def declare(self, name: str) -> str:
        """What a new local variable is called; one of an inner block hides those outside of it, and ends with the block."""
        self.inner += 1
        self.local[name] = f"l{self.inner}_{name}" if self.depth else f"l_{name}"
        return self.local[name]

    def statement(self, call: Call) -> None:
        if call.name == "at_time":
            return
        if call.name == "state_discontinuity" and len(call.arguments) == 2 and isinstance(call.arguments[0], Name):
            self.put(call.arguments[0], self.number(call.arguments[1]))
            return
        self.add(self.call(call))

    def assign(self, statement: Assign) -> None:
        if not statement.prime:
            self.put(statement.target, self.number(statement.value))
            return
        name = statement.target
        if name.index is not None or name.name in self.local:
            raise Unwritable("'")
        x = self.scope.read(name.name)
        self.add(f"x = {x}")
        for i in range(3):
            self.add(self.scope.write(name.name, f"{i}.0"))
            self.add(f"r{i} = {self.number(statement.value)}")
        self.add(self.scope.write(name.name, "x"))
        self.add(self.scope.write(name.name, f"exponential(x, r0, r1, r2, dt, {name.name!r})"))

    def put(self, name: Name, value: str) -> None:
        if name.name in self.local:
            if name.index is not None:
                raise Unwritable(name.name)
            self.add(f"{self.local[name.name]} = {value}")
        elif name.index is None:
            self.add(self.scope.write(name.name, value))
        else:
            self.add(self.scope.write_element(self.element(name), value))

    def element(self, name: Name) -> str:
        """The key of an element of an array, as text of an expression."""
        size = self.arrays.get(name.name)
        if size is None or name.index is None:
            raise Unwritable(name.name)
        return f"element({name.name!r}, {size}, {self.whole(name.index)})"

    def loop(self, statement: Loop) -> None:
        if statement.condition is not None:
            self.add(f"for _ in range({MOST}):")
            self.indent += 1
            self.add(f"if not {self.truth(statement.condition)}:")
            self.add("    break")
            self.indent -= 1
            self.within(statement.body)
            self.add("else:")
            self.add(f"    raise ValueError('this loop turns more than {MOST} times')")
            return
        assert statement.first is not None
        assert statement.last is not None
        step = "1" if statement.step is None else self.whole(statement.step)
        first, last = self.whole(statement.first), self.whole(statement.last)
        kept, self.depth = self.local, self.depth + 1
        self.local = dict(kept)
        self.add(f"for {self.declare(statement.variable)} in turns({first}, {last}, {step}):")
        self.within(statement.body)
        self.local, self.depth = kept, self.depth - 1

    # ---------------------------------------------------------------------------------------------------------- expressions

    def number(self, expression: Expression | Any) -> str:
        """A number; 1 or 0 for a condition."""
        text, condition = self.value(expression)
        return f"float({text})" if condition else text

    def whole(self, expression: Expression) -> str:
        """An index, or a bound of a loop: of whole numbers, as `Machine.whole`."""
        if isinstance(expression, Binary) and expression.operator in WHOLE:
            left, right = self.whole(expression.left), self.whole(expression.right)
            if expression.operator == "/":
                return f"int(divide({left}, {right}))"
            return f"({left} {expression.operator} {right})"
        return f"int({self.number(expression)})"

    def truth(self, expression: Expression) -> str:
        """Whether it holds."""
        text, condition = self.value(expression)
        return text if condition else f"({text} != 0)"

    def value(self, expression: Expression) -> tuple[str, bool]:
        """Text, and whether it is a condition."""
        if isinstance(expression, Number):
            return repr(float(expression.text)), False
        if isinstance(expression, Name):
            return self.get(expression), False
        if isinstance(expression, Call):
            return self.call(expression), False
        if isinstance(expression, Unary):
            if expression.operator == "-":
                return f"(-{self.number(expression.operand)})", False
            return f"(not {self.truth(expression.operand)})", True
        if isinstance(expression, Binary):
            return self.operate(expression)
        raise Unwritable(type(expression).__name__)

    def operate(self, expression: Binary) -> tuple[str, bool]:
        operator = expression.operator
        if operator in {"&&", "||"}:
            word = "and" if operator == "&&" else "or"
            return f"({self.truth(expression.left)} {word} {self.truth(expression.right)})", True
        left, right = self.number(expression.left), self.number(expression.right)
        if operator in {"<", ">", "<=", ">=", "==", "!="}:
            return f"({left} {operator} {right})", True
        if operator == "/":
            return f"divide({left}, {right})", False
        if operator == "^" and not (isinstance(expression.right, Number) and float(expression.right.text) % 1 == 0):
            return f"pow({left}, {right})", False  # which refuses roots of negative numbers; `**` makes them complex
        return f"({left} {'**' if operator == '^' else operator} {right})", False

    def get(self, name: Name) -> str:
        if name.name in self.local:
            if name.index is not None:
                raise Unwritable(name.name)
            return self.local[name.name]
        return self.scope.read(name.name) if name.index is None else self.scope.read_element(self.element(name))

    def call(self, call: Call) -> str:
        if call.index is not None:
            raise Unwritable(call.name)
        block = self.procedures.get(call.name)
        own = None if block is not None else self.scope.call(call, self.number)
        if own is not None:
            return own
        if block is None and call.name in SILENT - {"set_seed"}:
            return "0.0"
        arguments = [self.number(argument) for argument in call.arguments]
        if block is not None:
            return self.inline(block, arguments)
        if call.name not in NUMERIC:
            raise Unwritable(call.name)
        return f"{call.name}({', '.join(arguments)})"

    def inline(self, block: Block, arguments: Sequence[str]) -> str:
        """A call of a FUNCTION or PROCEDURE of the file."""
        if len(arguments) != len(block.arguments):
            raise Unwritable(block.name)
        tabled = self.tables and len(arguments) == 1 and any(isinstance(part, Table) for part in block.body)
        if verbatim_of(block) or tabled:
            return self.scope.outside(block, arguments)
        if block.name not in self.called:
            self.called[block.name] = []
            self.called[block.name] = self.function(f"f_{block.name}", block.arguments, block.body, block.name)
        return f"f_{block.name}({', '.join(arguments)})"

    def function(self, name: str, arguments: Sequence[str], body: Sequence[Statement], result: str) -> list[tuple[str, int]]:
        """Lines of a function."""
        kept = self.lines, self.indent, self.local, self.depth
        self.lines, self.indent, self.depth = [], 1, 0
        self.local = {argument: f"l_{argument}" for argument in (*arguments, result)}
        self.add(f"def {name}({', '.join(f'l_{argument}' for argument in arguments)}):")
        self.indent = 2
        self.add(f"l_{result} = 0.0")
        self.run(body)
        self.add(f"return l_{result}")
        lines = self.lines
        self.lines, self.indent, self.local, self.depth = kept
        return lines


def written(
    file: ModFile, body: Sequence[Statement], arguments: Sequence[str], scope: Scope, tables: bool
) -> tuple[str, Callable[[Mapping[str, Any]], Callable[..., tuple[float, ...]]]]:
    """The text of a function that runs statements, and what makes it.

    Parameters
    ----------
    body : sequence of statements
    arguments : sequence of str
        Local variables that are given; the function returns what they are afterwards.
    tables : bool
        Blocks with tables are the interpreter's.

    Returns
    -------
    text : str
    make : function
        From the names that the scope's texts use to ``run(t, v, dt, *arguments)``.

    Raises
    ------
    Unwritable
        If only the interpreter can do that.
    """
    writer = _Writer(file, scope, tables)
    names = [f"l_{name}" for name in arguments]
    writer.indent, writer.local = 2, dict(zip(arguments, names, strict=True))
    writer.leave = f"return ({''.join(f'{name}, ' for name in names)})"
    writer.run(body)
    head = [("def make():", 0), ("    t = v = dt = 0.0", 0)]
    start = [(f"    def run({', '.join(['t_', 'v_', 'dt_', *names])}):", 0), ("        nonlocal t, v, dt", 0)]
    start.append(("        t, v, dt = t_, v_, dt_", 0))
    end = [(f"        {writer.leave}", 0), ("    return run", 0)]
    lines = [*head, *(line for part in writer.called.values() for line in part), *start, *writer.lines, *end]
    text = "\n".join(line for line, _ in lines) + "\n"
    code = compile(text, MARK, "exec")
    places = [line for _, line in lines]

    def make(names: Mapping[str, Any]) -> Callable[..., tuple[float, ...]]:
        space = {**NUMERIC, **HELPERS, **names}
        exec(code, space)  # noqa: S102 - text of our own, made of the names of a mod file
        return _guarded(file, space["make"](), places)

    return text, make


def _guarded(file: ModFile, run: Callable[..., Any], places: Sequence[int]) -> Callable[..., Any]:
    """A function whose errors name the line of the mod file."""

    def guarded(*arguments: float) -> Any:
        try:
            return run(*arguments)
        except NmodlError:  # names its line
            raise
        except ERRORS as error:
            trace, line = error.__traceback__, 0
            while trace is not None:
                if trace.tb_frame.f_code.co_filename == MARK:
                    line = places[trace.tb_lineno - 1] or line
                trace = trace.tb_next
            raise file.error(line, f"{error}.") from None

    return guarded


def _element(name: str, size: int, number: int) -> str:
    if not 0 <= number < size:
        raise ValueError(f"{name}[{number}] is outside the array, which has {size} elements")
    return key_of(name, number)


def _turns(first: int, last: int, step: int) -> Iterator[float]:
    return map(float, range(first, last + (1 if step > 0 else -1), step))


def _exponential(x: float, r0: float, r1: float, r2: float, dt: float, key: str) -> float:
    """A state after a step of its exact exponential, from its rates at 0, 1 and 2."""
    slope = r1 - r0
    if abs(r2 - 2 * r1 + r0) > AFFINE * max(abs(r0), abs(r1), abs(r2)):
        raise ValueError(f"the rate of {key} is not affine in it; a step is only made for one that is")
    z = slope * dt
    return x + dt * (r0 + slope * x) * (math.expm1(z) / z if z else 1.0)


HELPERS: Final[Mapping[str, Callable[..., Any]]] = MappingProxyType(
    {"divide": quotient, "element": _element, "turns": _turns, "exponential": _exponential}
)
