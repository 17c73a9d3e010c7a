"""What a mod file says, as records: the result of parsing, before any meaning is given to it.

In: nothing. Out: the types that `rxd.nmodl.parser` makes and `rxd.nmodl.execute` walks over.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from geometry.records import dataclass
from rxd.errors import RxdError

__all__ = [
    "Assign", "Binary", "Block", "Branches", "Call", "Compartment", "Conserve", "Declaration", "Diffusion", "Equation",
    "Expression", "Flux", "ForNetCons", "Ion", "Local", "Loop", "ModFile", "Name", "NmodlError", "Number", "Reaction",
    "Solve", "Start", "Statement", "Table", "Text", "Unary", "UnknownNameError", "Verbatim", "Watch", "error_at",
]  # fmt: skip


class NmodlError(RxdError, ValueError):
    """A mod file that is no NMODL, or says what cannot be translated: file, line, what, and what to do."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written."""

    text: str


class UnknownNameError(NmodlError):
    """A name that nothing declares."""

    def __init__(self, name: str) -> None:
        super().__init__(f"'{name}' is used and nowhere declared. Put it into PARAMETER, ASSIGNED or STATE.")


@dataclass(frozen=True, slots=True)
class Name:
    """A variable, or an element of an array."""

    name: str
    index: Expression | None = None


@dataclass(frozen=True, slots=True)
class Text:
    """A text in quotes."""

    text: str


@dataclass(frozen=True, slots=True)
class Unary:
    """``-x`` or ``!x``."""

    operator: str
    operand: Expression


@dataclass(frozen=True, slots=True)
class Binary:
    """Two operands."""

    operator: str
    left: Expression
    right: Expression


@dataclass(frozen=True, slots=True)
class Call:
    """A function, or a procedure as a statement; with an index, the last state of a reaction with the rates behind it."""

    name: str
    arguments: tuple[Expression, ...]
    line: int
    index: Expression | None = None


Expression = Number | Name | Text | Unary | Binary | Call


@dataclass(frozen=True, slots=True)
class Assign:
    """``name[index] = value``, or the rate of a state (``prime``)."""

    target: Name
    value: Expression
    line: int
    prime: bool = False


@dataclass(frozen=True, slots=True)
class Branches:
    """``if`` with its ``else if`` and ``else``; the last condition is None for ``else``."""

    cases: tuple[tuple[Expression | None, tuple[Statement, ...]], ...]
    line: int


@dataclass(frozen=True, slots=True)
class Loop:
    """``while (condition)``, or ``FROM variable = first TO last BY step``."""

    body: tuple[Statement, ...]
    line: int
    condition: Expression | None = None
    variable: str = ""
    first: Expression | None = None
    last: Expression | None = None
    step: Expression | None = None


@dataclass(frozen=True, slots=True)
class Local:
    """``LOCAL a, b[3]``."""

    names: tuple[tuple[str, str | None], ...]


@dataclass(frozen=True, slots=True)
class Solve:
    """``SOLVE block METHOD method``, or ``STEADYSTATE method``."""

    block: str
    method: str
    steady: bool
    line: int


@dataclass(frozen=True, slots=True)
class Reaction:
    """``~ A + B <-> C (kf, kb)``; ``backward`` is None for ``->``, ``right`` where nothing is made."""

    left: Expression
    right: Expression | None
    forward: Expression
    backward: Expression | None
    line: int


@dataclass(frozen=True, slots=True)
class Flux:
    """``~ A << (amount)``."""

    target: Expression
    amount: Expression
    line: int


@dataclass(frozen=True, slots=True)
class Equation:
    """``~ left = right`` in a LINEAR or NONLINEAR block."""

    left: Expression
    right: Expression
    line: int


@dataclass(frozen=True, slots=True)
class Conserve:
    """``CONSERVE sum = total``."""

    left: Expression
    right: Expression
    line: int


@dataclass(frozen=True, slots=True)
class Compartment:
    """``COMPARTMENT i, volume {states}``."""

    index: str
    volume: Expression
    states: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Diffusion:
    """``LONGITUDINAL_DIFFUSION i, coefficient {states}``."""

    index: str
    coefficient: Expression
    states: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Watch:
    """``WATCH (condition) flag``."""

    conditions: tuple[tuple[Expression, float], ...]
    line: int


@dataclass(frozen=True, slots=True)
class Table:
    """``TABLE names FROM low TO high WITH number``: values of a function or procedure are read from a table."""

    names: tuple[str, ...]
    low: Expression
    high: Expression
    number: str
    line: int


@dataclass(frozen=True, slots=True)
class Start:
    """``INITIAL {...}`` within NET_RECEIVE: what a weight of a connection is at the start."""

    body: tuple[Statement, ...]


@dataclass(frozen=True, slots=True)
class ForNetCons:
    """``FOR_NETCONS(w, ...) {...}``: statements for each connection to an object, with its weights."""

    arguments: tuple[str, ...]
    body: tuple[Statement, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Verbatim:
    """C code."""

    text: str
    line: int


Statement = (
    Assign | Branches | Loop | Local | Solve | Reaction | Flux | Equation | Conserve | Compartment | Diffusion | Watch | Start
    | Verbatim | Table | ForNetCons | Call
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Block:
    """A block of statements with its name and arguments."""

    kind: str
    name: str
    arguments: tuple[str, ...]
    body: tuple[Statement, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Declaration:
    """A parameter, assigned variable or state."""

    name: str
    line: int
    size: int | None = None
    value: float | None = None
    unit: str = ""
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Ion:
    """``USEION name READ ... WRITE ... VALENCE charge``."""

    name: str
    reads: tuple[str, ...]
    writes: tuple[str, ...]
    charge: int | None
    line: int


@dataclass(frozen=True, slots=True)
class ModFile:
    """Everything a mod file declares.

    Attributes
    ----------
    path : str
        For messages.
    kind : str
        ``SUFFIX``, ``POINT_PROCESS`` or ``ARTIFICIAL_CELL``.
    name : str
        What it is inserted, or made, as.
    constants : mapping of str to float
        Of UNITS, CONSTANT and DEFINE.
    blocks : tuple of Block
        Blocks with statements in them.
    """

    path: str
    kind: str
    name: str
    ions: tuple[Ion, ...]
    nonspecific: tuple[str, ...]
    electrode: tuple[str, ...]
    ranges: tuple[str, ...]
    globals: tuple[str, ...]
    pointers: tuple[str, ...]
    parameters: tuple[Declaration, ...]
    assigned: tuple[Declaration, ...]
    states: tuple[Declaration, ...]
    constants: Mapping[str, float]
    blocks: tuple[Block, ...]
    locals: tuple[tuple[str, str | None], ...] = ()
    random: tuple[str, ...] = ()
    lines: Mapping[str, int] = field(default_factory=dict)

    def all(self, kind: str) -> tuple[Block, ...]:
        """All blocks of a kind."""
        return tuple(block for block in self.blocks if block.kind == kind)

    def block(self, kind: str) -> Block | None:
        """The block of a kind there is at most one of, such as ``breakpoint``."""
        return next((block for block in self.blocks if block.kind == kind), None)

    def line_of(self, name: str) -> int:
        """The line that declares a name (``m_1`` is an element of ``m``), or 0 where none does."""
        declared = {part.name: part.line for part in (*self.parameters, *self.assigned, *self.states)} | dict(self.lines)
        return declared.get(name, declared.get(name.rpartition("_")[0], 0))

    def error(self, line: int, text: str) -> NmodlError:
        """An error at a line, where one is known (not 0)."""
        return error_at(self.path, line, text)


def error_at(path: str, line: int, text: str) -> NmodlError:
    """An error at a line of a file, where one is known (not 0)."""
    return NmodlError(f"{path}, line {line}: {text}" if line else f"{path}: {text}")
