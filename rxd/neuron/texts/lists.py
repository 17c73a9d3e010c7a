"""List: hoc's list of objects.

In: objects, or the name of a class. Out: an ordered list with NEURON's methods.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import HocError
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.mechanisms.known import POINTS
from rxd.neuron.session import current_session

if TYPE_CHECKING:
    from rxd.neuron.session import Session

__all__ = ["List", "object_of", "objects_of"]


class List(HocObject):
    """A list of objects; `List("IClamp")` has all point processes of that class, or all objects of that hoc template."""

    def __init__(self, kind: str | None = None) -> None:
        session = current_session()
        self._number = session.number("List")
        self._session, self._kind = session, kind
        self._own: list[Any] = [] if kind is None else _living(session, kind)

    @property
    def _items(self) -> list[Any]:
        """The objects: those appended, or all of the class there are now (of a class nobody counts: when it was made)."""
        if self._kind is None or self._kind in _uncounted(self._session):
            return self._own
        return _living(self._session, self._kind)

    def _changed(self, thing: Any = None) -> list[Any]:
        """The objects, to be changed by hand."""
        if self._kind is not None:
            raise HocError(f"{self} has all objects of {self._kind}: it cannot be changed.")
        if isinstance(thing, (int, float, str)):
            raise HocError(f"{self} takes objects, not {thing!r}.")
        return self._own

    def append(self, thing: Any) -> float:
        """Add an object at the end; returns how many there are."""
        self._changed(thing).append(thing)
        return float(len(self._own))

    def prepend(self, thing: Any) -> float:
        """Add an object at the start."""
        self._changed(thing).insert(0, thing)
        return float(len(self._own))

    def insrt(self, index: float, thing: Any) -> float:
        """Insert an object before another."""
        self._changed(thing).insert(int(index), thing)
        return float(len(self._own))

    def remove(self, index: float) -> float:
        """Remove an object by its index."""
        del self._changed()[self._checked(index)]
        return float(len(self._own))

    def remove_all(self) -> float:
        """Remove all objects."""
        self._changed().clear()
        return 0.0

    def index(self, thing: Any) -> int:
        """Index of an object, -1 if it is not in the list."""
        return next((i for i, item in enumerate(self._items) if item is thing), -1)

    def count(self) -> int:
        """Number of objects."""
        return len(self._items)

    def object(self, index: float) -> Any:
        """An object by its index."""
        return self._items[self._checked(index)]

    def o(self, index: float) -> Any:
        """An object by its index."""
        return self._items[self._checked(index)]

    def _checked(self, index: float) -> int:
        if not 0 <= int(index) < len(self._items):
            raise HocError(f"Arg out of range: {self} has {len(self._items)} objects; there is no object {int(index)}")
        return int(index)

    def browser(self, *_: Any) -> float:
        """NEURON's window on a list; nothing opens here."""
        return 1.0

    select = select_action = accept_action = browser

    def selected(self) -> int:
        """What is selected in the window: nothing."""
        return -1

    def scroll_pos(self, *_: float) -> float:
        """What is seen in the window: nothing."""
        return -1.0

    def __getitem__(self, index: int) -> Any:
        return self._items[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(list(self._items))

    def __len__(self) -> int:
        return len(self._items)


def _living(session: Session, kind: str) -> list[Any]:
    """All objects of a class or template that somebody holds, oldest first.

    Raises
    ------
    HocError
        If there is no such class.
    """
    template = session.hoc.templates.get(kind)
    if template is not None:
        return template.living()
    if kind == "NetCon":
        return session.run.connections()
    points: list[Any] = [point for point in session.run.points if point.kind == kind]
    if points or kind in POINTS or kind == "PythonObject" or session.catalogue.point_class(kind) is not None:
        return points
    from rxd.neuron.classes import CLASSES

    if not isinstance(kind, str) or kind not in CLASSES:
        raise HocError(f"List: {kind!r} is not a template; give the name of a class, such as 'NetCon' or 'Vector'.")
    return objects_of(CLASSES[kind], session)


def _uncounted(session: Session) -> set[str]:
    """Classes of whose objects nobody keeps a list."""
    from rxd.neuron.classes import CLASSES

    return CLASSES.keys() - {"NetCon", "PythonObject", *POINTS} - session.hoc.templates.keys()


def object_of(kind: type[Any], number: float) -> Any:
    """The object of a class that has a number.

    Raises
    ------
    IndexError
        If there is none.
    """
    name = f"{kind.__name__}[{int(number)}]"
    found = next((one for one in objects_of(kind, current_session()) if repr(one) == name), None)
    if found is None:
        raise IndexError(f"{name} instance does not exist")
    return found


def objects_of(kind: type[Any], session: Session) -> list[Any]:
    """The objects of a class of which nobody keeps a list (scripts ask seldom), by their numbers."""
    # by their types: `isinstance` asks a weak proxy for what it stands for, which may be gone
    living = [thing for thing in gc.get_objects() if issubclass(type(thing), kind)]
    found = {repr(thing): thing for thing in living if getattr(thing, "_session", session) is session}
    return [found[name] for name in sorted(found, key=lambda name: (len(name), name))]
