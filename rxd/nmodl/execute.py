"""Runs statements of a mod file, with SymPy expressions or with numbers.

In: statements and the values of names. Out: what they assign. With expressions, `if` runs both branches and joins what they
assign to `Cases`; functions and procedures are run where they are called, so that nothing of them remains. With numbers
(`Numbers`), it is an interpreter.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import sympy
from sympy.core.relational import Relational
from sympy.logic.boolalg import BooleanAtom, BooleanFunction

from cable.constants import FARADAY, GAS_CONSTANT
from rxd.declare.cases import Cases
from rxd.declare.functions import clipped
from rxd.nmodl.function_tables import FunctionTable
from rxd.nmodl.functions import NUMERIC, SYMBOLIC
from rxd.nmodl.regular import regular
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
    Number,
    Statement,
    Table,
    Text,
    Unary,
    UnknownNameError,
    Verbatim,
)
from rxd.nmodl.verbatim import is_idle, random_use, remedy

__all__ = ["MOST", "SENDING", "SILENT", "WHOLE", "Machine", "Numbers", "key_of", "quotient"]

CONDITIONS = (Relational, BooleanFunction, BooleanAtom)
MOST = 10_000
"""Turns of a loop, and depth of calls: more of them are a mistake, or nothing for an expression."""


WHOLE: Mapping[str, Callable[[int, int], int]] = MappingProxyType(
    {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": lambda left, right: int(quotient(left, right))}
)
"""Operations on whole numbers, as C does them."""
SILENT = frozenset({"printf", "fprintf", "set_seed"})
"""Calls that change nothing."""
SENDING = frozenset({"net_send", "net_event", "net_move"})
"""Calls that send events, which equations do not see."""


def quotient(left: float, right: float) -> float:
    """A quotient; infinite, as in C, if the divisor is zero."""
    if right == 0.0:
        return math.nan if left == 0.0 or math.isnan(left) else math.copysign(math.inf, left)
    return left / right


def key_of(name: str, index: int | None) -> str:
    """The name of an array's element, one word."""
    return name if index is None else f"{name}_{index}"


class Machine:
    """Runs statements with SymPy expressions.

    Parameters
    ----------
    file : ModFile
    resolve : function
        The value of a name that nothing has been assigned to yet.

    Attributes
    ----------
    values : dict
        What has been assigned, by name; elements of arrays by `key_of`.
    replaced : set
        Symbols for which numbers have been put into the bounds of loops.
    tables : bool
        Interpolate in tables where the file has them; else what would be in them is computed.
    """

    functions = SYMBOLIC
    clip: Callable[[Any, Any, Any], Any] = clipped
    silent = SILENT
    tables = False

    def __init__(self, file: ModFile, resolve: Callable[[str], Any]) -> None:
        self.file = file
        self._resolve = resolve
        self.line = 0
        self.values: dict[str, Any] = {}
        self.replaced: set[Any] = set()
        self.frames: list[dict[str, Any]] = []
        self.procedures = {block.name: block for kind in ("function", "procedure") for block in file.all(kind)}
        self.arrays = {d.name: d.size for d in (*file.parameters, *file.assigned, *file.states) if d.size is not None}
        self.lookups: Mapping[str, FunctionTable] = MappingProxyType({})
        self.function_tables = {block.name: block for block in file.all("function_table")}
        self.arrays |= {name: int(float(self._size(size))) for name, size in file.locals if size is not None}

    @cached_property
    def defaults(self) -> dict[Any, Any]:
        """The numbers of the file for its parameters."""
        return {sympy.Symbol(d.name, real=True): sympy.Float(d.value or 0.0) for d in self.file.parameters}

    def _size(self, text: str) -> float:
        return self.file.constants[text] if text in self.file.constants else float(text)

    # ----------------------------------------------------------------------------------------------------------- statements

    def run(self, body: tuple[Statement, ...]) -> None:
        """Run statements one after the other."""
        for statement in body:
            self.do(statement)

    def within(self, body: tuple[Statement, ...], variable: str = "", value: Any = None) -> None:
        """Run the statements of an inner block: its LOCALs, and the variable of a loop, hide those outside and end with it."""
        names = {name for statement in body if isinstance(statement, Local) for name, _ in statement.names}
        names |= {variable} - {""}
        if not names:
            self.run(body)
            return
        frame = self._frame()
        hidden = {name: frame.pop(name) for name in names if name in frame}
        if variable:
            frame[variable] = value
        self.run(body)
        frame = self._frame()  # conditions that are not known have put another in its place
        for name in names:
            frame.pop(name, None)
        frame.update(hidden)

    def do(self, statement: Statement) -> None:
        """Run one statement, and know its line meanwhile."""
        outer, self.line = self.line, getattr(statement, "line", self.line)
        self._do(statement)
        self.line = outer

    def _do(self, statement: Statement) -> None:
        if isinstance(statement, Assign):
            self.assign(statement)
        elif isinstance(statement, Call):
            if statement.name == "state_discontinuity":
                self.jump(statement)
            elif statement.name != "at_time":  # tells a variable step of a jump, which steps here find themselves
                self.call(statement)
        elif isinstance(statement, Branches):
            self.branch(statement.cases, statement.line)
        elif isinstance(statement, Loop):
            self.loop(statement)
        elif isinstance(statement, Local):
            for name, size in statement.names:
                self.arrays |= {name: int(self._size(size))} if size is not None else {}
                self._frame()[name] = self.number("0")
        elif isinstance(statement, Verbatim):
            self.verbatim(statement)
        elif isinstance(statement, Table):
            return  # `inline` has seen it
        else:
            self.special(statement)

    def special(self, statement: Any) -> None:
        """What only some blocks have."""
        kind = type(statement).__name__
        raise self.file.error(getattr(statement, "line", 0), f"a {kind} statement cannot stand here.")

    def verbatim(self, statement: Verbatim) -> None:
        """C code: only what does nothing here can be left out."""
        if not is_idle(statement.text) and random_use(statement.text) != "reset":
            text = " ".join(statement.text.split())
            message = f"VERBATIM holds C code, which is not run here: '{text[:60]}'. {remedy(statement.text)}"
            raise self.file.error(statement.line, message)

    def assign(self, statement: Assign) -> None:
        """``name = value``."""
        self.put(self.key(statement.target, statement.line), self.amount(self.evaluate(statement.value)))

    def jump(self, call: Call) -> None:
        """``state_discontinuity(state, value)``: an assignment."""
        target = call.arguments[0] if len(call.arguments) == 2 else None
        if not isinstance(target, Name):
            raise self.file.error(call.line, "state_discontinuity takes a state and its new value.")
        self.put(self.key(target, call.line), self.amount(self.evaluate(call.arguments[1])))

    def put(self, key: str, value: Any) -> None:
        """Assign to a local variable, or one of the file."""
        for frame in self._visible():
            if key in frame:
                frame[key] = value
                return
        self.values[key] = value

    def get(self, key: str) -> Any:
        """The value of a name."""
        for frame in self._visible():
            if key in frame:
                return frame[key]
        return self.values[key] if key in self.values else self.resolve(key)

    def resolve(self, key: str) -> Any:
        """What a name stands for that nothing has been assigned to yet."""
        try:
            return self._resolve(key)
        except UnknownNameError as error:
            raise self.file.error(self.line, str(error)) from None

    def _visible(self) -> tuple[dict[str, Any], ...]:
        return (self.frames[-1],) if self.frames else ()

    def _frame(self) -> dict[str, Any]:
        if not self.frames:
            self.frames.append({})
        return self.frames[-1]

    def key(self, name: Name, line: int) -> str:
        """One word for a variable or an element of an array."""
        if name.index is None:
            return name.name
        number = self.whole(name.index, line, f"the index of {name.name} must be known beforehand; it is", {})
        size = self.arrays.get(name.name)
        if size is not None and not 0 <= number < size:
            raise self.file.error(line, f"{name.name}[{number}] is outside the array, which has {size} elements.")
        return key_of(name.name, number)

    def branch(self, cases: Any, line: int) -> None:
        """The first case whose condition holds; if that is not known, all of them, joined."""
        if not cases:
            return
        (condition, body), *rest = cases
        holds = True if condition is None else self.truth(self.evaluate(condition))
        if holds is True:
            self.within(body)
        elif holds is False:
            self.branch(rest, line)
        else:
            self.join(holds, body, rest, line)

    def join(self, condition: Any, body: tuple[Statement, ...], rest: Any, line: int) -> None:
        """Run both ways and join what they assign."""
        before, frames = dict(self.values), [dict(frame) for frame in self.frames]
        said = self.collected()
        self.within(body)
        if not rest and self._is_kept(condition, before):
            return
        one = dict(self.values), [dict(frame) for frame in self.frames]
        self.values, self.frames = dict(before), [dict(frame) for frame in frames]
        ours = self.collected()
        self.take_back(said)
        self.branch(rest, line)
        self.join_collected(condition, ours, line)
        stores = [(one[0], self.values), *zip(one[1], self.frames, strict=False)]
        for mine, other in stores:
            for key in dict.fromkeys((*mine, *other)):
                if key == "v" and isinstance(condition, sympy.Eq):
                    # `if (v == -40) {v = v + 0.0001}` steps aside of a singularity, which `regular` removes
                    other[key] = other[key] if key in other else self.resolve(key)
                    continue
                base = self.rest if self.is_static(condition) else self.resolve
                first = mine[key] if key in mine else base(key)
                second = other[key] if key in other else base(key)
                other[key] = self.either(condition, first, second)

    def collected(self) -> Any:
        """What has been said but for values."""
        return None

    def take_back(self, said: Any) -> None:
        """Go back to what had been said."""

    def join_collected(self, condition: Any, said: Any, line: int) -> None:
        """Join what has been said with what was said where a condition holds."""

    def _is_kept(self, condition: Any, before: dict[str, Any]) -> bool:
        """Whether a branch keeps what it computes until its condition holds again: ``if (was != x) {was = x  q = f(x)}``.

        Then everything is always as the branch computes it.
        """
        if not isinstance(condition, sympy.Ne):
            return False
        for known, now in (condition.args, condition.args[::-1]):
            key = next((key for key, x in self.values.items() if x == now and self.resolve(key) == known), None)
            changed = [x for name, x in self.values.items() if before.get(name) is not x]
            if key is not None and key not in before:
                return all(getattr(x, "free_symbols", set()) <= now.free_symbols | self.unchanging() for x in changed)
        return False

    def unchanging(self) -> set[Any]:
        """Symbols of what does not change in a run."""
        return set(self.defaults)

    def is_static(self, condition: Any) -> bool:
        """Whether a condition holds for good or never: then a variable that it does not let assign stays as INITIAL left it."""
        return False

    def rest(self, key: str) -> Any:
        """What INITIAL left in a variable."""
        return self.resolve(key)

    def either(self, condition: Any, first: Any, second: Any) -> Any:
        """One of two values."""
        if first == second:
            return first
        if isinstance(first, str) or isinstance(second, str):
            return second
        return regular(condition, first, second)

    def loop(self, statement: Loop) -> None:
        """A loop whose turns are known."""
        if statement.condition is not None:
            for _ in range(MOST):
                holds = self.truth(self.evaluate(statement.condition))
                if holds is False:
                    return
                if holds is not True:
                    raise self.file.error(
                        statement.line, f"how often this loop turns depends on {holds}: no equation says that."
                    )
                self.within(statement.body)
            raise self.file.error(statement.line, f"this loop turns more than {MOST} times.")
        first, last, step = self.bounds(statement, {})
        for i in range(first, last + (1 if step > 0 else -1), step):
            self.within(statement.body, statement.variable, self.number(str(i)))

    def bounds(self, statement: Loop, known: Mapping[Any, Any]) -> tuple[int, int, int]:
        """First, last and step of a loop, with numbers for some symbols."""
        complaint = "the bounds of a loop must be known beforehand; one is"
        ends = (statement.first, statement.last, statement.step or Number("1"))
        first, last, step = (self.whole(end, statement.line, complaint, known) for end in ends)  # type: ignore[arg-type]
        return first, last, step

    def whole(self, expression: Expression, line: int, complaint: str, known: Mapping[Any, Any]) -> int:
        """An index, or a bound of a loop: NEURON takes whole numbers of all names in it, and of quotients."""
        if isinstance(expression, Binary) and expression.operator in WHOLE:
            left, right = (self.whole(side, line, complaint, known) for side in (expression.left, expression.right))
            return WHOLE[expression.operator](left, right)
        value = self.evaluate(expression)
        if isinstance(value, sympy.Basic) and known:
            self.replaced |= value.free_symbols & known.keys()
            value = value.xreplace(known)
        try:
            return int(value)
        except (TypeError, ValueError):
            raise self.file.error(line, f"{complaint} {value}.") from None

    # ---------------------------------------------------------------------------------------------------------- expressions

    def number(self, text: str) -> Any:
        """A number as written."""
        return sympy.Integer(int(text)) if text.isdigit() else sympy.Float(text)

    def truth(self, value: Any) -> Any:
        """True, False, or a condition that is not known."""
        if value in (sympy.true, True):
            return True
        if value in (sympy.false, False):
            return False
        if isinstance(value, CONDITIONS):
            return value
        return self.truth(sympy.Ne(value, 0))

    def amount(self, value: Any) -> Any:
        """A number; 1 or 0 for a condition."""
        if isinstance(value, bool) or value in (sympy.true, sympy.false):
            return sympy.Integer(int(bool(value)))
        if isinstance(value, CONDITIONS):
            return Cases((1, value), (0, True))
        return value

    def evaluate(self, expression: Expression) -> Any:
        """The value of an expression."""
        if isinstance(expression, Number):
            return self.number(expression.text)
        if isinstance(expression, Name):
            return self.get(self.key(expression, 0))
        if isinstance(expression, Call):
            return self.call(expression)
        if isinstance(expression, Text):
            return expression.text
        if isinstance(expression, Unary):
            value = self.evaluate(expression.operand)
            if expression.operator == "-":
                return -self.amount(value)
            holds = self.truth(value)
            return (not holds) if isinstance(holds, bool) else sympy.Not(holds)
        return self.operate(expression)

    def operate(self, expression: Binary) -> Any:
        """An operation on two values."""
        operator = expression.operator
        left = self.evaluate(expression.left)
        if operator in {"&&", "||"}:
            return self.logic(operator, left, expression.right)
        left, right = self.amount(left), self.amount(self.evaluate(expression.right))
        if operator in {"<", ">", "<=", ">=", "==", "!="}:
            return self.compare(operator, left, right)
        if operator == "/":
            return self.divide(left, right)
        if operator == "^":
            return left**right
        if operator == "%":
            return left % right
        return left + right if operator == "+" else left - right if operator == "-" else left * right

    def logic(self, operator: str, left: Any, other: Expression) -> Any:
        """And, or."""
        one = self.truth(left)
        if one is (operator == "||"):
            return one
        two = self.truth(self.evaluate(other))
        if isinstance(one, bool):
            return two
        return (sympy.And if operator == "&&" else sympy.Or)(one, two)

    def compare(self, operator: str, left: Any, right: Any) -> Any:
        """A comparison."""
        kinds = {"<": sympy.Lt, ">": sympy.Gt, "<=": sympy.Le, ">=": sympy.Ge, "==": sympy.Eq, "!=": sympy.Ne}
        return kinds[operator](left, right)

    def divide(self, left: Any, right: Any) -> Any:
        """A quotient."""
        if right == 0:
            return sympy.nan
        return left / right

    def call(self, call: Call) -> Any:
        """A function, or a procedure."""
        if call.index is not None:
            raise self.file.error(call.line, f"{call.name}[...] (...) can only end a reaction.")
        first = call.arguments[0] if call.arguments else None
        if call.name == "nrn_pointing" and isinstance(first, Name):
            return self.number(str(int(self.is_pointing(first.name))))
        arguments = [self.evaluate(argument) for argument in call.arguments]
        block = self.procedures.get(call.name)
        if block is not None:
            return self.inline(block, [self.amount(argument) for argument in arguments], call.line)
        if call.name in self.silent:
            return self.number("0")
        return self.builtin(call, [self.amount(argument) for argument in arguments])

    def ghk(self, v: Any, inside: Any, outside: Any, z: Any) -> Any:
        """NEURON's current of Goldman, Hodgkin and Katz for a permeability of 1."""
        ratio = self.functions["exprelr"]
        x = z * v * FARADAY / (1000 * GAS_CONSTANT * (self.get("celsius") + 273.15))
        return z * FARADAY / 1000 * (inside * ratio(-x) - outside * ratio(x))

    def is_pointing(self, name: str) -> bool:
        """Whether a POINTER is set; one that is not is refused before equations are used."""
        return True

    def builtin(self, call: Call, arguments: list[Any]) -> Any:
        """A function of NMODL's own."""
        if call.name in self.function_tables:
            return self.look_up(call, arguments)
        if call.name == "nrn_ghk" and len(arguments) == 4:
            return self.ghk(*arguments)
        function = self.functions.get(call.name)
        if function is None:
            message = f"{call.name}() is no function of NMODL or of this file. Write it as a FUNCTION."
            raise self.file.error(call.line, message)
        try:
            return function(*arguments)
        except (ValueError, OverflowError, ZeroDivisionError, TypeError) as error:
            raise self.file.error(call.line, f"{call.name}({', '.join(map(str, arguments))}): {error}.") from None

    def look_up(self, call: Call, arguments: list[Any]) -> Any:
        """The value of a FUNCTION_TABLE."""
        expected, table = len(self.function_tables[call.name].arguments), self.lookups.get(call.name)
        if len(arguments) != expected:
            raise self.file.error(call.line, f"{call.name} takes {expected} arguments; there are {len(arguments)}.")
        if table is None:
            return self.unknown(call)
        return self.read(table, arguments)

    def unknown(self, call: Call) -> Any:
        """A FUNCTION_TABLE without numbers."""
        message = f"FUNCTION_TABLE {call.name} has no numbers: give them by h.table_{call.name}_{self.file.name}(...) before."
        raise self.file.error(call.line, message)

    def read(self, table: FunctionTable, arguments: list[Any]) -> Any:
        """A value of a table."""
        return table.symbolic(arguments)

    def inline(self, block: Block, arguments: list[Any], line: int) -> Any:
        """Run a FUNCTION or PROCEDURE of the file."""
        if len(arguments) != len(block.arguments):
            message = f"{block.name} takes {len(block.arguments)} arguments; there are {len(arguments)}."
            raise self.file.error(line, message)
        if len(self.frames) > 50:
            raise self.file.error(line, f"{block.name} calls itself without end.")
        table = next((statement for statement in block.body if isinstance(statement, Table)), None)
        if table is not None and self.tables and len(arguments) == 1:
            return self.interpolated(block, table, arguments[0])
        return self.called(block, arguments)

    def called(self, block: Block, arguments: list[Any]) -> Any:
        """What a FUNCTION computes; what a PROCEDURE assigns is assigned."""
        self.frames.append({**dict(zip(block.arguments, arguments, strict=True)), block.name: self.number("0")})
        try:
            self.run(block.body)
            return self.frames[-1][block.name]
        finally:
            self.frames.pop()

    def interpolated(self, block: Block, table: Table, x: Any) -> Any:
        """As `called`, by linear interpolation between the points of a table, as NEURON does; beyond its ends it is flat.

        What is assigned on the way and not in the table, such as a factor of temperature, is that of the table's last point.
        """
        low, high = (self.amount(self.evaluate(end)) for end in (table.low, table.high))
        count = int(float(self._size(table.number)))
        step = self.divide(high - low, self.number(str(count)))
        place = self.divide(self.number("1"), step) * (x - low)
        below = self.clip(self.functions["floor"](place), self.number("0"), self.number(str(count - 1)))
        weight = self.clip(place - below, self.number("0"), self.number("1"))
        given = table.names or (block.name,)
        names = [key_of(name, i) for name in given for i in (range(self.arrays[name]) if name in self.arrays else (None,))]
        before = dict(self.values)
        self.called(block, [high])
        self.values = before | {name: value for name, value in self.values.items() if name not in names}
        ends = []
        for point in (low + step * below, low + step * (below + self.number("1"))):
            before = dict(self.values)
            result = self.called(block, [point])
            ends.append({name: result if name == block.name else self.get(name) for name in names})
            self.values = before
        found = {name: ends[0][name] + weight * (ends[1][name] - ends[0][name]) for name in names}
        for name, value in found.items():
            if name != block.name:
                self.put(name, value)
        return found.get(block.name, self.number("0"))


class Numbers(Machine):
    """Runs statements with numbers.

    Parameters
    ----------
    file : ModFile
    resolve : function
        The number behind a name.
    store : function, optional
        Where a number goes that is assigned to a variable of the file.
    """

    functions = NUMERIC
    clip = staticmethod(lambda x, low, high: min(max(x, low), high))

    def __init__(
        self, file: ModFile, resolve: Callable[[str], float], store: Callable[[str, float], None] | None = None
    ) -> None:
        super().__init__(file, resolve)
        self.store = store

    def read(self, table: FunctionTable, arguments: list[Any]) -> Any:
        """A value of a table."""
        return table.number(arguments)

    def put(self, key: str, value: Any) -> None:
        """Assign to a local variable, or one of the file."""
        if self.store is None or any(key in frame for frame in self._visible()):
            super().put(key, value)
        else:
            self.store(key, float(value))

    def number(self, text: str) -> float:
        """A number as written."""
        return float(text)

    def truth(self, value: Any) -> bool:
        """Whether it holds."""
        return bool(value)

    def amount(self, value: Any) -> Any:
        """A number; 1 or 0 for a condition."""
        return float(value) if isinstance(value, bool) else value

    def compare(self, operator: str, left: Any, right: Any) -> bool:
        """A comparison."""
        return bool(
            {"<": left < right, ">": left > right, "<=": left <= right, ">=": left >= right, "==": left == right}.get(
                operator, left != right
            )
        )

    def divide(self, left: float, right: float) -> float:
        """A quotient; infinite, as in C, if the divisor is zero."""
        return quotient(left, right)
