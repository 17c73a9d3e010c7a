"""What the names of a mod file stand for.

In: a `ModFile`. Out: `Names`: for every name whether it is a parameter, a state, something of an ion, the place's, or assigned.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any, Literal

import sympy

from geometry.records import dataclass
from rxd.declare.symbols import celsius, t, v
from rxd.nmodl.execute import key_of
from rxd.nmodl.syntax import (
    Assign,
    Binary,
    Block,
    Branches,
    Call,
    Declaration,
    Expression,
    ForNetCons,
    Loop,
    ModFile,
    Name,
    Solve,
    Start,
    Statement,
    Table,
    Unary,
    Verbatim,
)

__all__ = [
    "PLACE",
    "IonName",
    "Names",
    "assigned_by",
    "assigned_in",
    "called_by",
    "calls_of",
    "expanded",
    "has_tables",
    "locals_of",
    "names_in",
    "names_of",
    "names_read",
    "runs_with",
    "solved_by",
]

dt = sympy.Symbol("dt", real=True)
SIMULATORS: Mapping[str, Any] = MappingProxyType({"v": v, "t": t, "celsius": celsius, "dt": dt})
PLACE = ("diam", "area")
"""What a mechanism may read of the segment it is in."""


@dataclass(frozen=True, slots=True)
class IonName:
    """A variable of an ion: ``what`` is ``e`` (reversal), ``i``, ``o`` (concentrations) or ``current``."""

    ion: str
    what: Literal["e", "i", "o", "current"]
    read: bool
    written: bool
    line: int


@dataclass(frozen=True, slots=True)
class Names:
    """Names of a mod file by what they stand for.

    Attributes
    ----------
    parameters : mapping of str to float
        What a user sets, with defaults; arrays element by element.
    globals : frozenset of str
        Those parameters that have one value everywhere.
    place : tuple of str
        Those that the segment gives: `PLACE`.
    states : mapping of str to float
        With the value they start from where INITIAL says nothing.
    ions : mapping of str to IonName
    assigned : frozenset of str
    charges : mapping of str to int or None
    """

    parameters: Mapping[str, float]
    globals: frozenset[str]
    place: tuple[str, ...]
    states: Mapping[str, float]
    ions: Mapping[str, IonName]
    assigned: frozenset[str]
    charges: Mapping[str, int | None]


def expanded(declaration: Declaration) -> Iterator[str]:
    """The elements of a variable."""
    if declaration.size is None:
        yield declaration.name
    else:
        yield from (key_of(declaration.name, i) for i in range(declaration.size))


def locals_of(file: ModFile) -> Iterator[tuple[str, str]]:
    """Variables of LOCAL outside of blocks, and their elements."""
    for name, size in file.locals:
        if size is None:
            yield name, name
        else:
            count = file.constants[size] if size in file.constants else float(size)
            yield from ((name, key_of(name, i)) for i in range(int(count)))


def names_of(file: ModFile) -> Names:
    """Sort the names of a file."""
    ions: dict[str, IonName] = {}
    for ion in file.ions:
        for name in (*ion.reads, *ion.writes):
            kinds: dict[str, Literal["e", "i", "o", "current"]] = {
                f"e{ion.name}": "e",
                f"{ion.name}i": "i",
                f"{ion.name}o": "o",
                f"i{ion.name}": "current",
            }
            what = kinds.get(name)
            if what is None:
                message = (
                    f"USEION {ion.name} has no variable '{name}'; it has e{ion.name}, {ion.name}i, {ion.name}o, i{ion.name}."
                )
                raise file.error(ion.line, message)
            ions[name] = IonName(ion.name, what, name in ion.reads, name in ion.writes, ion.line)
    states = {key: float(d.value or 0.0) for d in file.states for key in expanded(d)}
    given = [d for d in file.parameters if d.name not in SIMULATORS and d.name not in ions and d.name not in states]
    parameters = {key: float(d.value or 0.0) for d in given if d.name not in PLACE for key in expanded(d)}
    ranges = {key for d in given if d.name in file.ranges for key in expanded(d)}
    declared = {d.name for d in (*file.parameters, *file.assigned)}
    place = tuple(name for name in PLACE if name in declared)
    assigned = {key for d in file.assigned for key in expanded(d)} | {key for _, key in locals_of(file)}
    assigned |= {*file.nonspecific, *file.electrode}
    assigned -= {*SIMULATORS, *ions, *states, *place, *parameters}
    return Names(
        MappingProxyType(parameters),
        frozenset(parameters) - ranges,
        place,
        MappingProxyType(states),
        MappingProxyType(ions),
        frozenset(assigned),
        MappingProxyType({ion.name: ion.charge for ion in file.ions}),
    )


def assigned_in(body: tuple[Statement, ...]) -> set[str]:
    """Names (of arrays as a whole) that statements assign to."""
    found: set[str] = set()
    for statement in body:
        if isinstance(statement, Assign):
            found.add(statement.target.name)
        elif isinstance(statement, Branches):
            for _, inner in statement.cases:
                found |= assigned_in(inner)
        elif isinstance(statement, (Loop, Start, ForNetCons)):
            found |= assigned_in(statement.body)
    return found


def has_tables(file: ModFile) -> bool:
    """Whether a FUNCTION or PROCEDURE says TABLE."""
    blocks = (*file.all("function"), *file.all("procedure"))
    return any(isinstance(statement, Table) for block in blocks for statement in block.body)


def names_in(part: Any) -> set[str]:
    """All names of variables in blocks, statements or expressions; C code is not looked into."""
    if isinstance(part, (tuple, list)):
        return set().union(*map(names_in, part))
    if isinstance(part, Name):
        return {part.name} | names_in(part.index)
    fields = getattr(part, "__dataclass_fields__", ())
    return set().union(*(names_in(getattr(part, field)) for field in fields))


def calls_of(name: str, part: Any) -> bool:
    """Whether a function or procedure is called in blocks, statements or expressions, or C code names it."""
    if isinstance(part, (tuple, list)):
        return any(calls_of(name, one) for one in part)
    if (isinstance(part, Call) and part.name == name) or (isinstance(part, Verbatim) and name in part.text):
        return True
    return any(calls_of(name, getattr(part, field)) for field in getattr(part, "__dataclass_fields__", ()))


def called_by(file: ModFile, code: tuple[Statement, ...]) -> list[Block]:
    """The procedures and functions that code calls, and those that they call."""
    found: list[Block] = []
    others = [*file.all("procedure"), *file.all("function")]
    while more := [part for part in others if calls_of(part.name, (*code, *(one.body for one in found)))]:
        found += more
        others = [part for part in others if part not in more]
    return found


def assigned_by(file: ModFile, code: tuple[Statement, ...]) -> set[str]:
    """Names (of arrays as a whole) that code assigns to, and procedures and functions that it calls."""
    return assigned_in(code).union(*(assigned_in(part.body) for part in called_by(file, code)))


def solved_by(file: ModFile, code: tuple[Statement, ...]) -> list[Block]:
    """The procedures that code solves."""
    return [part for part in file.all("procedure") if any(isinstance(s, Solve) and s.block == part.name for s in code)]


def runs_with(file: ModFile, name: str) -> bool:
    """Whether code that runs by itself has to do with a variable: all but procedures and functions that nobody calls."""
    begun = [block for block in file.blocks if block.kind not in {"procedure", "function"}]
    begun += solved_by(file, tuple(statement for block in begun for statement in block.body))
    code = tuple(statement for block in begun for statement in block.body)
    whole = (code, *(part.body for part in called_by(file, code)))
    return name in names_in(whole) or calls_of(name, whole)


def names_read(expressions: Iterable[Expression]) -> set[str]:
    """Names of variables (of arrays as a whole) in expressions."""
    found: set[str] = set()
    for expression in expressions:
        if isinstance(expression, Name):
            found.add(expression.name)
        elif isinstance(expression, Unary):
            found |= names_read((expression.operand,))
        elif isinstance(expression, Binary):
            found |= names_read((expression.left, expression.right))
        elif isinstance(expression, Call):
            found |= names_read(expression.arguments)
    return found
