"""Pointers: NEURON's `_ref_` attributes and `h.ref`.

In: a place where a number is kept. Out: objects with `p[0]` to read and write it, which `Vector.record`, `Vector.play`,
`NetCon` and `include_flux` take. A pointer names the place (section and variable, vector and index, node, ...), not a machine
address: it survives recompilation, and pointing to something deleted raises an error.
"""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import HocError, deleted_section

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.session import Session

__all__ = [
    "AttributePointer",
    "EntryPointer",
    "GlobalPointer",
    "HocText",
    "ItemPointer",
    "Pointer",
    "RangePointer",
    "Ref",
    "as_pointer",
    "beyond",
]


class Pointer(ABC):
    """Something that holds one number; read and write it as `p[0]`.

    Attributes
    ----------
    read_at : float
        Where steps read it: at their starts (0), in their middle, or at their ends (1).
    """

    __slots__ = ()
    read_at = 0.5

    @abstractmethod
    def get(self) -> Any:
        """The number."""

    @abstractmethod
    def set(self, value: Any) -> None:
        """Write the number."""

    @property
    def is_gone(self) -> bool:
        """Whether what it points to is gone."""
        return False

    def after(self, steps: int) -> Pointer:
        """A pointer to the element some places behind this one.

        Raises
        ------
        IndexError
            If it points to no array, or not so far.
        """
        raise IndexError(f"A pointer has one element, p[0]: {self!r} points to no array.")

    def hname(self) -> str:
        """What it is called."""
        return repr(self)

    def __getitem__(self, index: int) -> Any:
        return (self if index == 0 else self.after(int(index))).get()

    def __setitem__(self, index: int, value: Any) -> None:
        (self if index == 0 else self.after(int(index))).set(value)


class Ref(Pointer):
    """`h.ref(value)`: a number, a text or an object of its own."""

    __slots__ = ("value",)

    def __init__(self, value: Any = 0.0) -> None:
        self.value = float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else value

    def get(self) -> Any:
        """The value."""
        return self.value

    def set(self, value: Any) -> None:
        """Replace the value."""
        self.value = float(value) if isinstance(self.value, float) else value

    def __repr__(self) -> str:
        if isinstance(self.value, float):
            return f"<hoc ref value {self.value:f}>"
        if isinstance(self.value, str):
            return f'<hoc ref str "{self.value}">'
        return f'<hoc ref value "{"NULLobject" if self.value is None else self.value}">'


class RangePointer(Pointer):
    """A range variable of one segment."""

    __slots__ = ("_spots", "name", "record", "x")

    def __init__(self, record: SectionRecord, name: str, x: float) -> None:
        self.record, self.name, self.x = record, name, x
        self._spots: Mapping[str, Any] = {}

    def __getitem__(self, index: int) -> Any:
        if index == 0:
            try:
                return self._spots[self.name].value
            except (AttributeError, KeyError):
                pass
        return super().__getitem__(index)

    @property
    def is_gone(self) -> bool:
        """Whether its section is deleted."""
        return not self.record.alive

    @property
    def shows_membrane_current(self) -> bool:
        """Whether it points to `i_membrane_` of a segment that is there."""
        return self.name == "i_membrane_" and 0 < self.x < 1 and self.record.alive

    def get(self) -> float:
        """The value in the segment."""
        from rxd.neuron.cells.ranges import read_range

        try:
            return float(self._spots[self.name].value)
        except (AttributeError, KeyError):
            pass
        record = self.record
        if not record.alive:
            raise deleted_section()
        found = read_range(record, self.name, self.x)
        self._look_up()
        return found

    def set(self, value: float) -> None:
        """Write the value."""
        from rxd.neuron.cells.ranges import write_range
        from rxd.neuron.cells.spots import put_into

        if not self.record.alive:
            raise deleted_section()
        if not put_into(self._spots, self.name, value):
            write_range(self.record, self.name, self.x, value)
            self._look_up()

    def _look_up(self) -> None:
        table = self.record.session.spots.fill(self.record, self.x, self.name)
        if table is not None:
            self._spots = table

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, RangePointer):
            return NotImplemented
        mine = (self.record.id, self.name, self.record.node(self.x))
        return mine == (other.record.id, other.name, other.record.node(other.x))

    def __hash__(self) -> int:
        return hash((self.record.id, self.name))

    def __repr__(self) -> str:
        return f"<pointer to {self.record.name}({self.x:g}).{self.name}>"


class GlobalPointer(Pointer):
    """A scalar variable such as `h._ref_t`."""

    __slots__ = ("name", "session")

    def __init__(self, session: Session, name: str) -> None:
        self.session, self.name = session, name

    @property
    def read_at(self) -> float:  # type: ignore[override]
        """Where steps read it: rates the temperature at their ends, as NEURON's, but for tables, which are made before."""
        if self.name != "celsius":
            return 0.5
        engine, values = self.session.run.engine, self.session.globals.values
        inserted = () if engine is None else engine.declared.inserted
        return 0.0 if any(values.get(f"usetable_{mechanism}") for mechanism, _ in inserted) else 1.0

    def get(self) -> float:
        """The value."""
        values = self.session.globals
        return values[self.name] if self.name in values else self.session.hoc.variables[self.name]

    def set(self, value: float) -> None:
        """Write it, with the consequences an assignment to the variable has."""
        from rxd.neuron.interpreter import set_global

        set_global(self.session, self.name, value)

    def __repr__(self) -> str:
        return f"<pointer to {self.name}>"


class AttributePointer(Pointer):
    """An attribute of an object, such as `syn._ref_g`, or an item of an array, such as `clamp._ref_amp[1]`.

    A point process is not kept alive by what points to it, as in NEURON.
    """

    __slots__ = ("_target", "item", "name")

    def __init__(self, target: Any, name: str, item: int | None = None) -> None:
        weak = getattr(type(target), "_goes_with_its_script", False)
        self._target: Callable[[], Any] = weakref.ref(target) if weak else lambda: target
        self.name, self.item = name, item

    @property
    def target(self) -> Any:
        """The object; None if it is gone."""
        return self._target()

    @property
    def is_gone(self) -> bool:
        """Whether the point process is gone."""
        return self._target() is None

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, AttributePointer):
            return NotImplemented
        same = not self.is_gone and self._target() is other._target() and (self.name, self.item) == (other.name, other.item)
        return self is other or same

    def __hash__(self) -> int:
        return hash((self.name, self.item))

    def get(self) -> float:
        """The value.

        Raises
        ------
        ReferenceError
            If the object is gone.
        """
        value = getattr(self._living(), self.name)
        return float(value if self.item is None else value[self.item])

    def set(self, value: float) -> None:
        """Write it."""
        if self.item is None:
            setattr(self._living(), self.name, value)
        else:
            getattr(self._living(), self.name)[self.item] = value

    def _living(self) -> Any:
        target = self._target()
        if target is None:
            raise ReferenceError(f"{self.name}: the point process is gone; keep a reference to it.")
        return target

    def __repr__(self) -> str:
        return f"<pointer to {self.name} of {self.target!r}>"


class EntryPointer(Pointer):
    """An entry of a table or array of hoc code: a local variable, a variable of a template's object."""

    __slots__ = ("key", "table")

    def __init__(self, table: Any, key: Any) -> None:
        self.table, self.key = table, key

    def get(self) -> Any:
        """The value."""
        return self.table[self.key]

    def set(self, value: Any) -> None:
        """Replace it."""
        self.table[self.key] = value

    def after(self, steps: int) -> Pointer:
        """The element some places behind, of an array."""
        return EntryPointer(self.table, _place(self, self.key, steps)) if isinstance(self.key, int) else super().after(steps)

    def __repr__(self) -> str:
        return f"<pointer to {self.key}>"


class Statement(Pointer):
    """hoc code as something that a Vector plays into: it runs with each number in the place of ``$1``."""

    __slots__ = ("_action", "_last", "_session", "text")

    def __init__(self, session: Session, text: str, action: Callable[[], Any]) -> None:
        self._session, self.text, self._action, self._last = session, text, action, 0.0

    @classmethod
    def of(cls, text: str) -> Statement:
        """Code of the session in use, which has NEURON's variable for what is played."""
        from rxd.neuron.events.connections import as_action
        from rxd.neuron.session import current_session

        return cls(current_session(), text, as_action(text.replace("$1", "hoc_ac_")))

    def get(self) -> float:
        """The number it ran with last."""
        return self._last

    def set(self, value: float) -> None:
        """Run it with a number."""
        self._last = self._session.globals["hoc_ac_"] = float(value)
        self._action()

    def __repr__(self) -> str:
        return f"<statement {self.text!r}>"


class HocText(str):
    """A text that hoc code passes on: a str that also writes to the variable it came from, as `strdef` arguments do."""

    __slots__ = ("write",)
    write: Callable[[str], None]

    def __new__(cls, text: str, write: Callable[[str], None]) -> HocText:
        """A text and what writes to its variable."""
        made = super().__new__(cls, text)
        made.write = write
        return made

    def get(self) -> str:
        """The text."""
        return str(self)

    def set(self, text: str) -> None:
        """Write to the variable."""
        self.write(str(text))


class ItemPointer(Pointer):
    """An element of something indexable, such as `vec._ref_x[2]`."""

    __slots__ = ("index", "target")

    def __init__(self, target: Any, index: int) -> None:
        self.target, self.index = target, index

    def get(self) -> float:
        """The element."""
        return float(self.target[self.index])

    def set(self, value: float) -> None:
        """Write it."""
        self.target[self.index] = value

    def after(self, steps: int) -> Pointer:
        """The element some places behind."""
        return ItemPointer(self.target, _place(self, self.index, steps))

    def __repr__(self) -> str:
        return f"<pointer to element {self.index} of {self.target!r}>"


def beyond(pointer: Pointer, steps: int) -> Pointer:
    """A pointer to the element some places after that of another: `$&1[2]` of hoc.

    Raises
    ------
    HocError
        If it points to no element of anything.
    """
    try:
        return pointer if steps == 0 else pointer.after(steps)
    except IndexError as error:
        raise HocError(str(error)) from None


def _place(pointer: Pointer, start: int, steps: int) -> int:
    """A place in an array; Python's counting from the end would show another element."""
    if start + steps < 0:
        raise IndexError(f"{pointer!r} has no element {steps}: the array begins {start} before it.")
    return start + steps


def as_pointer(thing: Any, what: str) -> Pointer:
    """A pointer from what a script gave.

    Raises
    ------
    HocError
        If it is none.
    """
    if isinstance(thing, Pointer):
        return thing
    raise HocError(f"{what} takes a pointer such as soma(0.5)._ref_v or h._ref_t; got {thing!r}.")
