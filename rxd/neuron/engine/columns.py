"""Blocks of mod files that only add and multiply, or hold states within bounds, run for all places of a mechanism at once.

In: a BEFORE or AFTER block of a file without equations, and the places its mechanism is at. Out: a function of time that runs
it on arrays over the places, statement by statement; None for a block whose places have to come one after the other. What a
place adds to a number that many point to (`sum = sum + x`) is added in the order of the places, as NEURON does. With equations
there may be what holds their states, ``if (m > 1) {m = 1}``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.vectors.pointers import AttributePointer, ItemPointer, Pointer, RangePointer
from rxd.nmodl.names import assigned_in, names_in
from rxd.nmodl.syntax import Assign, Binary, Block, Branches, Expression, Name, Number, Statement, Unary

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.engine import Engine
    from rxd.nmodl import ModFile, Translation

__all__ = ["has_no_equations", "held_in_columns", "in_columns"]

Values = float | np.ndarray
_OPERATIONS: Mapping[str, Callable[[Any, Any], Any]] = MappingProxyType(
    {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "^": np.power}
    | {"<": np.less, ">": np.greater, "<=": np.less_equal, ">=": np.greater_equal, "==": np.equal, "!=": np.not_equal}
    | {"&&": np.logical_and, "||": np.logical_or}
)


def has_no_equations(file: ModFile) -> bool:
    """Whether a mod file holds only code that runs around steps, or when it is called."""
    return {one.kind for one in file.blocks} <= {"hook", "initial", "procedure", "function"}


def in_columns(engine: Engine, translation: Translation, block: Block) -> Callable[[float], None] | None:
    """What runs a block at all places of its mechanism; None if that cannot be done at once."""
    file = translation.file
    alone = has_no_equations(file) and not translation.gates and not translation.memory
    if not alone or engine.session.links.names.get(file.name) or not all(map(_is_plain, block.body)):
        return None
    places: _Segments | _Points = _Segments(engine, file.name) if file.kind == "SUFFIX" else _Points(engine, file.name)
    program = _Program(engine, translation, places)
    return program.run if len(places) and all(map(program.take, block.body)) else None


def held_in_columns(engine: Engine, translation: Translation, block: Block) -> Callable[[float], None] | None:
    """What runs a block that holds states of a density mechanism within bounds at all its places; None if it does more."""
    file, names = translation.file, names_in(block.body)
    linked = engine.session.links.names.get(file.name)
    places = _Segments(engine, file.name)
    if file.kind != "SUFFIX" or linked or not len(places) or not all(map(_is_bounding, block.body)):
        return None
    index = np.concatenate([engine.layout.index[record.id] for record in places.records])
    own = sorted(names & translation.names.states.keys())
    where = {name: engine.readout.positions(f"{file.name}.{name}")[index] for name in own}
    given = {name: _parameter(engine, translation, places, name) for name in names - where.keys() - {"t"}}
    if not assigned_in(block.body) <= where.keys() or None in given.values() or any((at < 0).any() for at in where.values()):
        return None

    def run(t: float) -> None:
        states = {name: engine.y[at] for name, at in where.items()}
        values: dict[str, Values] = {"t": t, **states, **{name: read() for name, read in given.items() if read is not None}}
        with np.errstate(all="ignore"):
            for statement in block.body:
                _hold(statement, values)
        for name, before in states.items():
            if values[name] is not before and np.any(values[name] != before):
                engine.seen.keep()
                engine.y[where[name]] = values[name]
                engine.jumped = True

    return run


def _is_bounding(statement: Any) -> bool:
    """Whether it assigns what is made of numbers and variables where a condition of such holds."""
    return isinstance(statement, Branches) and all(
        (condition is None or _names(condition) is not None) and all(map(_is_plain, body))
        for condition, body in statement.cases
    )


def _hold(statement: Any, values: dict[str, Values]) -> None:
    """Run an ``if`` at all places."""
    left: Any = True
    for condition, body in statement.cases:
        met = left if condition is None else np.logical_and(left, _value(condition, values))
        for each in body:
            name = each.target.name
            values[name] = np.where(met, _value(each.value, values), values[name])
        left = np.logical_and(left, np.logical_not(met))


def _parameter(engine: Engine, translation: Translation, places: _Segments, name: str) -> Callable[[], Values] | None:
    """What reads a parameter at all places; None if it is none."""
    full, session = f"{name}_{translation.file.name}", engine.session
    if name in translation.globals:
        return lambda: float(session.globals[full])
    return (lambda: places.read(name)) if name in translation.names.parameters and places.has(name) else None


def _is_plain(statement: Any) -> bool:
    """Whether it assigns what is made of numbers and variables."""
    plain = isinstance(statement, Assign) and not statement.prime and statement.target.index is None
    return plain and _names(statement.value) is not None


def _names(expression: Expression) -> tuple[str, ...] | None:
    """The variables of an expression; None if it holds anything but sums and products."""
    if isinstance(expression, Number):
        return ()
    if isinstance(expression, Name):
        return (expression.name,) if expression.index is None else None
    if isinstance(expression, Unary) and expression.operator == "-":
        return _names(expression.operand)
    if isinstance(expression, Binary) and expression.operator in _OPERATIONS:
        left, right = _names(expression.left), _names(expression.right)
        return None if left is None or right is None else (*left, *right)
    return None


class _Segments:
    """Segments with a density mechanism, in the order of the cells."""

    def __init__(self, engine: Engine, mechanism: str) -> None:
        self.mechanism, self._links = mechanism, engine.session.links
        self.records = [record for record in engine.layout.records if record.alive and mechanism in record.mechanisms]
        self._borders = np.cumsum([0, *(record.nseg for record in self.records)]).tolist()

    def __len__(self) -> int:
        return int(self._borders[-1])

    def at(self) -> list[tuple[SectionRecord, float]]:
        """Section and place of each."""
        return [(record, (i + 0.5) / record.nseg) for record in self.records for i in range(record.nseg)]

    def behind(self, name: str) -> list[Pointer | None]:
        """What a POINTER points to."""
        return [self._links.behind_range(record, x, self.mechanism, name) for record, x in self.at()]

    def has(self, name: str) -> bool:
        """Whether scripts see a variable."""
        return all(f"{name}_{self.mechanism}" in record.store for record in self.records)

    def read(self, name: str) -> np.ndarray:
        """Its values."""
        return np.concatenate([record.store[f"{name}_{self.mechanism}"] for record in self.records])

    def write(self, name: str, values: Values) -> None:
        """Set them."""
        full, spread = f"{name}_{self.mechanism}", np.broadcast_to(values, len(self))
        for record, start, stop in zip(self.records, self._borders[:-1], self._borders[1:], strict=True):
            record.store[full][:] = spread[start:stop]


class _Points:
    """Point processes of one kind, oldest first."""

    def __init__(self, engine: Engine, kind: str) -> None:
        made = engine.session.catalogue.points.get(kind)
        self._links = engine.session.links
        self.points = [point for point in engine.session.run.points if type(point) is made]

    def __len__(self) -> int:
        return len(self.points) if all(point.host is not None and point.host.alive for point in self.points) else 0

    def at(self) -> list[tuple[SectionRecord, float]]:
        """Section and place of each."""
        return [(point.host, point.spot) for point in self.points if point.host is not None]

    def behind(self, name: str) -> list[Pointer | None]:
        """What a POINTER points to."""
        return [self._links.behind(point, name) for point in self.points]

    def has(self, name: str) -> bool:
        """Whether scripts see a variable."""
        return all(name in point.values for point in self.points)

    def read(self, name: str) -> np.ndarray:
        """Its values."""
        return np.array([point.values[name] for point in self.points])

    def write(self, name: str, values: Values) -> None:
        """Set them."""
        for point, value in zip(self.points, np.broadcast_to(values, len(self.points)).tolist(), strict=True):
            point.values[name] = value


class _Voltages:
    """Membrane potentials of places: those of segments, and at ends what the segments beside them make of it."""

    def __init__(self, engine: Engine, at: Sequence[tuple[SectionRecord, float]]) -> None:
        self._engine, self._n = engine, len(at)
        parts = [(row, *part) for row, place in enumerate(at) for part in engine.layout.parts(*place)]
        rows, segments, shares = (np.array(column) for column in zip(*parts, strict=True))
        self._rows, self._shares = rows, shares
        self._where = engine.readout.positions("v")[segments]

    def __call__(self) -> np.ndarray:
        values = self._engine.y[self._where]
        return values if len(values) == self._n else np.bincount(self._rows, self._shares * values, self._n)


class _Shared:
    """Numbers that places point to, several of them to one."""

    def __init__(self, pointers: Sequence[AttributePointer | ItemPointer]) -> None:
        cells: dict[tuple[int, str | int], int] = {}
        self._cells: list[AttributePointer | ItemPointer] = []
        self.index = np.zeros(len(pointers), dtype=np.int64)
        for i, pointer in enumerate(pointers):
            key = id(pointer.target), pointer.index if isinstance(pointer, ItemPointer) else pointer.name
            if key not in cells:
                cells[key] = len(self._cells)
                self._cells.append(pointer)
            self.index[i] = cells[key]

    def read(self) -> np.ndarray:
        """All of them."""
        return np.array(
            [cell.get() if isinstance(cell, ItemPointer) else cell.target.values[cell.name] for cell in self._cells],
            dtype=float,
        )

    def write(self, values: np.ndarray) -> None:
        """Set them."""
        for cell, value in zip(self._cells, values.tolist(), strict=True):
            if isinstance(cell, ItemPointer):
                cell.set(value)
            else:
                cell.target.values[cell.name] = value


class _Program:
    """The statements of a block, each as a function of the values at hand."""

    def __init__(self, engine: Engine, translation: Translation, places: _Segments | _Points) -> None:
        self._engine, self._translation, self._places = engine, translation, places
        self._sources: dict[str, Callable[[], Values]] = {}
        self._steps: list[Callable[[dict[str, Values]], None]] = []
        self._shared: set[str] = set()
        self._set: set[str] = set()

    def run(self, t: float) -> None:
        """Run the block."""
        values: dict[str, Values] = {"t": t, **{name: source() for name, source in self._sources.items()}}
        with np.errstate(all="ignore"):
            for step in self._steps:
                step(values)

    def take(self, statement: Statement) -> bool:
        """Note a statement; False if it cannot be run at all places at once."""
        if not isinstance(statement, Assign):
            return False
        target, expression, pointers = statement.target.name, statement.value, self._translation.file.pointers
        names = _names(expression) or ()
        if target in pointers:
            return self._share(target, expression, names)
        if not self._places.has(target) or not all(map(self._knows, names)):
            return False
        self._set.add(target)

        def step(values: dict[str, Values]) -> None:
            values[target] = _value(expression, values)
            self._places.write(target, values[target])

        self._steps.append(step)
        return True

    def _share(self, target: str, expression: Expression, names: tuple[str, ...]) -> bool:
        """Note what sets a number that is pointed to, or adds to it."""
        behind = [pointer for pointer in self._places.behind(target) if _is_kept(pointer)]
        adds = isinstance(expression, Binary) and expression.operator == "+" and expression.left == Name(target)
        added = expression.right if isinstance(expression, Binary) and adds else expression
        read = _names(added) or ()
        if len(behind) < len(self._places) or target in {*read, *self._shared} or not all(map(self._knows, read)):
            return False
        if any(getattr(pointer.target, "kind", "") == self._translation.file.name for pointer in behind):  # type: ignore[union-attr]
            return False  # what one place sets, the next may read
        self._shared.add(target)
        shared = _Shared(behind)  # type: ignore[arg-type]

        def step(values: dict[str, Values]) -> None:
            numbers = shared.read()
            if adds:
                np.add.at(numbers, shared.index, _value(added, values))
            else:
                numbers[shared.index] = _value(added, values)
            shared.write(numbers)

        self._steps.append(step)
        return True

    def _knows(self, name: str) -> bool:
        """Whether a variable is set before, or can be read at all places."""
        if name in self._set or name in self._sources or name == "t":
            return True
        file, pointers = self._translation.file, self._translation.file.pointers
        if name == "v":
            self._sources[name] = _Voltages(self._engine, self._places.at())
        elif name in pointers:
            behind = [p for p in self._places.behind(name) if isinstance(p, RangePointer) and p.name == "v"]
            if name in self._shared or len(behind) < len(self._places) or any(pointer.is_gone for pointer in behind):
                return False
            self._sources[name] = _Voltages(self._engine, [(pointer.record, pointer.x) for pointer in behind])
        elif name in file.globals or name in self._translation.names.ions or not self._places.has(name):
            return False
        else:
            self._sources[name] = lambda: self._places.read(name)
        return True


def _is_kept(pointer: Pointer | None) -> bool:
    """Whether a number is an element of a Vector, or a variable of a point process that no equation has."""
    if isinstance(pointer, ItemPointer):
        return True
    if not isinstance(pointer, AttributePointer) or pointer.item is not None or pointer.is_gone:
        return False
    translation = getattr(pointer.target, "translation", None)
    return translation is not None and has_no_equations(translation.file)


def _value(expression: Expression, values: Mapping[str, Values]) -> Values:
    """The value of an expression."""
    if isinstance(expression, Number):
        return float(expression.text)
    if isinstance(expression, Name):
        return values[expression.name]
    if isinstance(expression, Unary):
        return -_value(expression.operand, values)
    assert isinstance(expression, Binary)
    return _OPERATIONS[expression.operator](_value(expression.left, values), _value(expression.right, values))
