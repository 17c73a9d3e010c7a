"""Numbers of segments where they are in memory, for loops that read or write the same ones step by step.

In: a segment and the name of a variable that a script has asked for before. Out: an object whose `value` is
the number, in a table of the segment's (`SectionRecord.spots`) that handles look into first: C code of Python's own does it,
in a tenth of the time that it takes to find out where the number is. Tables are emptied as soon as anything might be elsewhere:
with every edit of the structure, and when an engine gets another state.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from ctypes import c_double
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from rxd.neuron.cells.outside import COMPUTED
from rxd.neuron.cells.ranges import as_value

if TYPE_CHECKING:
    import numpy as np

    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.cells.sections import Segment
    from rxd.neuron.engine import Engine

__all__ = ["NOWHERE", "Computed", "OutsideSpot", "ParameterSpot", "Spots", "StateSpot", "put_into", "read_spot", "spotted"]

NOWHERE: Final[Mapping[str, Any]] = MappingProxyType({})
"""The table of a segment of which nothing is known."""

MOST: Final = 30_000
"""Numbers that are placed at most in a session: more would take much of the memory of a large model."""

UNPLACED: Final = COMPUTED | {"cm", "diam"}
"""What is not a number of the model's alone: sizes follow from it, or it from 3-d points, or from circuits."""


class Computed:
    """A variable that is computed whenever somebody asks."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[], float]) -> None:
        self._read = read

    @property
    def value(self) -> float:
        """The number now."""
        return self._read()


class StateSpot(c_double):
    """A place in the state of an engine that scripts may write to."""

    engine: Engine
    store: np.ndarray
    index: int

    def put(self, value: Any, name: str) -> None:
        """Write a number, as `Exchange.note` does."""
        engine = self.engine
        self.store[self.index] = number = as_value(value, name)
        engine.session.run.ahead.forget()
        engine.seen.keep()
        self.value = number
        engine.jumped = True


class ParameterSpot(c_double):
    """A parameter of a mechanism in a segment: groups of the engine get it before the next step."""

    engine: Engine
    record: SectionRecord
    index: int

    def put(self, value: Any, name: str) -> None:
        """Write a number, as `Exchange.note_parameter` does."""
        self.value = as_value(value, name)
        self.engine.exchange.note_parameter(name, self.record, self.index)


class OutsideSpot(c_double):
    """The potential outside a segment: scripts that stimulate fibres write it into all of them before every step."""

    engine: Engine

    def put(self, value: Any, name: str) -> None:
        """Write a number, as `write_range` does: nothing follows from the one that is there."""
        number = as_value(value, name)
        if self.value != number:
            self.value = number
            self.engine.session.run.ahead.forget()
            self.engine.circuits.note(name)


class Spots:
    """The tables in use in a session, and what has been asked for once."""

    __slots__ = ("_asked", "_placed", "_used")

    def __init__(self) -> None:
        self._placed = 0
        self._used: list[dict[str, Any]] = []
        self._asked: set[tuple[str, int, int]] = set()

    def clear(self) -> None:
        """Numbers may be elsewhere now."""
        if self._used:
            for table in self._used:
                table.clear()
            self._used.clear()
            self._placed = 0
        if self._asked:
            self._asked.clear()

    def fill(self, record: SectionRecord, x: float, name: str) -> dict[str, Any] | None:
        """The table of a segment, with one more variable in it if this one has been asked for before."""
        engine = record.session.run.engine
        if engine is None or engine.revision != record.session.revision or self._placed >= MOST:
            return None
        if not 0 < x < 1 or name in UNPLACED:
            return None
        i, n = record.index(x), record.nseg
        key = name, record.id, i
        if key not in self._asked:  # most are asked for once
            self._asked.add(key)
            if len(self._asked) > MOST:
                self._asked.clear()
            return None
        if len(record.spots) != n:
            record.spots = [{} for _ in range(n)]
        table = record.spots[i]
        if name in record.mechanisms:  # handles of a mechanism need to know its variables by their short names
            found: Any = record.session.catalogue.variables(name)
        else:
            found = engine.single_values.spot(name, record, i)
        if found is not None:
            if not table:
                self._used.append(table)
            self._placed += name not in table
            table[name] = found
        return table


def read_spot(segment: Segment, name: str) -> Any:
    """A variable of a segment that its table does not have; the next time it may."""
    found = segment.__getattr__(name)
    segment._look_up(name)
    return found


def spotted(name: str) -> property:
    """A variable of segments as an attribute of their class."""

    def get(segment: Any) -> Any:
        try:
            return segment._spots[name].value
        except (AttributeError, KeyError):
            pass
        return read_spot(segment, name)

    return property(get)


def put_into(table: Mapping[str, Any], name: str, value: Any) -> bool:
    """Write a variable where it is; False if somebody else has to."""
    spot = table.get(name)
    if isinstance(spot, (ParameterSpot, StateSpot, OutsideSpot)):
        spot.put(value, name)
        return True
    return False
