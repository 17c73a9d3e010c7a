"""What POINTER variables of mod files point to, and where ParallelContext transfers values.

In: `h.setpointer`, `gap._ref_vgap = soma(0.5)._ref_v`, `pc.target_var`. Out: for each linked variable the pointer behind it.
The compiled model reads it where its state holds the value, and is told it before every step where it does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from rxd.neuron.errors import HocError
from rxd.neuron.mechanisms.points import PointProcess
from rxd.neuron.vectors.pointers import AttributePointer, Pointer, RangePointer

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.session import Session

__all__ = ["Followers", "Links", "link", "loosen", "setpointer"]


class Followers:
    """Parameters of built-in point processes that have, from the end of every step on, the value of a variable there."""

    def __init__(self) -> None:
        self._pairs: list[tuple[Pointer, Pointer]] = []

    def add(self, target: Pointer, source: Pointer) -> None:
        """Let one follow a variable, and no other."""
        self.remove(target)
        self._pairs.append((target, source))

    def remove(self, target: Pointer) -> None:
        """Let one follow nothing any more; it keeps its value."""
        self._pairs = [(one, source) for one, source in self._pairs if one != target]

    def follow(self) -> None:
        """Give them their values."""
        self._pairs = [(one, source) for one, source in self._pairs if not (one.is_gone or source.is_gone)]
        for one, source in self._pairs:
            one.set(source.get())

    def __bool__(self) -> bool:
        return bool(self._pairs)


class Links:
    """The linked variables of a session.

    Attributes
    ----------
    names : dict of str to set of str
        Variables of each mechanism that are linked somewhere, its POINTERs apart.
    in_sections : bool
        Whether any variable of a mechanism in a section has been linked.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._points: WeakKeyDictionary[PointProcess, dict[str, Pointer]] = WeakKeyDictionary()
        self._records: WeakKeyDictionary[SectionRecord, dict[tuple[str, str], dict[float, Pointer]]] = WeakKeyDictionary()
        self.names: dict[str, set[str]] = {}
        self.in_sections = False

    def point(self, target: PointProcess, name: str, source: Pointer) -> None:
        """Link a variable of a point process or artificial cell."""
        if name not in self.of_mechanism(target.kind):
            self._may_follow(target.kind, name)
        self._points.setdefault(target, {})[name] = source
        self._session.touch()

    def forget(self, target: PointProcess, name: str) -> None:
        """A variable of a point process follows nothing any more."""
        source = self._points.get(target, {}).pop(name, None)
        if source is not None:
            setattr(target, name, source.get())
            self._session.touch()

    def segment(self, record: SectionRecord, x: float, mechanism: str, name: str, source: Pointer) -> None:
        """Link a variable of a mechanism in one segment."""
        if name not in self.of_mechanism(mechanism):
            self._may_follow(mechanism, name)
        self.in_sections = True
        self._records.setdefault(record, {}).setdefault((mechanism, name), {})[x] = source
        self._session.touch()

    def _may_follow(self, mechanism: str, name: str) -> None:
        """Let a variable that is no POINTER be linked."""
        translation = self._session.mods.find(mechanism)
        if translation is None or name not in translation.parameters or name in translation.globals:
            message = f"{name} of {mechanism} is neither a POINTER nor a RANGE variable that nothing else computes."
            raise HocError(message)
        self.names.setdefault(mechanism, set()).add(name)

    def of_mechanism(self, mechanism: str) -> tuple[str, ...]:
        """The variables of a mechanism that may be linked: its POINTERs, and what transfers have been asked for."""
        translation = self._session.mods.known.get(mechanism)
        pointers = () if translation is None else translation.file.pointers
        return (*pointers, *sorted(self.names.get(mechanism, ())))

    def behind(self, target: PointProcess, name: str) -> Pointer | None:
        """What a variable of a point process follows, if it is linked."""
        return self._points.get(target, {}).get(name)

    def behind_range(self, record: SectionRecord, x: float, mechanism: str, name: str) -> Pointer | None:
        """What a variable of a mechanism follows in a segment, if it is linked there."""
        known = self._records.get(record, {}).get((mechanism, name))
        if known is None or x in known:
            return None if known is None else known[x]
        index = record.index(x)
        return next((pointer for place, pointer in known.items() if record.index(place) == index), None)

    def behind_variable(self, record: SectionRecord, x: float, name: str) -> Pointer | None:
        """What a range variable, by its full name, follows in a segment, if it is linked there."""
        for mechanism, variable in self._records.get(record, ()):
            if name == f"{variable}_{mechanism}":
                return self.behind_range(record, x, mechanism, variable)
        return None

    def need(self, file: Any, name: str, place: Any) -> HocError:
        """The error for a POINTER that nobody has set."""
        return HocError(
            f"POINTER {name} of {place} is not set ({file.path}, line {file.line_of(name)}): "
            f"h.setpointer(soma(0.5)._ref_v, '{name}', ...) before h.finitialize()."
        )


def setpointer(session: Session, source: Any, name: str, target: Any) -> float:
    """Let a POINTER of a point process, or of a mechanism in a segment (`soma(0.5).gap`), point to a variable."""
    if not isinstance(source, Pointer):
        raise HocError(f"setpointer takes a pointer such as soma(0.5)._ref_v, not {source!r}.")
    from rxd.neuron.mechanisms.inserted import Mechanism

    if isinstance(target, PointProcess):
        session.links.point(target, name, source)
    elif isinstance(target, Mechanism):
        segment = target.segment()
        session.links.segment(segment.sec._alive, segment.x, target.name(), name, source)
    else:
        raise HocError(f"setpointer takes a point process or a mechanism such as soma(0.5).gap, not {target!r}.")
    return 1.0


def link(session: Session, target: Any, source: Pointer) -> None:
    """Let the variable that a pointer names follow another."""
    if isinstance(target, AttributePointer) and isinstance(target.target, PointProcess):
        point = target.target
        if target.item is None and session.mods.find(point.kind) is not None:
            session.links.point(point, target.name, source)
            return
        if target.name in {**point.info.parameters, **point.info.arrays}:
            session.run.followers.add(target, source)
            session.touch()  # steps are prepared without them
            return
    if isinstance(target, RangePointer):
        for owner in target.record.mechanisms:
            if target.name.endswith(f"_{owner}"):
                session.links.segment(target.record, target.x, owner, target.name.removesuffix(f"_{owner}"), source)
                return
    raise HocError(f"only a parameter of a point process or a variable of a mod file can follow another, not {target!r}.")


def loosen(session: Session, target: Pointer) -> None:
    """Let the variable of a point process follow nothing any more; it keeps its value."""
    session.run.followers.remove(target)
    if isinstance(target, AttributePointer) and isinstance(target.target, PointProcess):
        session.links.forget(target.target, target.name)
