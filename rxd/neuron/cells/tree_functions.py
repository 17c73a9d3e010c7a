"""Functions of `h` about sections: distance, area, topology, shapes, access, deletion.

In: sections and places. Out: numbers, or edits of the session. Each takes the session first.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.cells.describe import mechanism_text, topology_text
from rxd.neuron.cells.record import SectionRecord
from rxd.neuron.cells.section_lists import SectionList
from rxd.neuron.cells.section_patterns import pattern_of
from rxd.neuron.cells.sections import Section, Segment
from rxd.neuron.errors import HocError, caution
from rxd.neuron.vectors.pointers import Ref

if TYPE_CHECKING:
    from rxd.neuron.session import Session

__all__ = ["TREE_FUNCTIONS"]


def _record(session: Session, sec: Section | None) -> SectionRecord:
    return session.topology.cas() if sec is None else sec._alive


def name_of(function: Callable[..., Any]) -> str:
    """Name under which `h` has a function."""
    return str(getattr(function, "__name__", ""))


def allsec(session: Session) -> SectionList:
    """All sections, in order of creation."""
    return SectionList.of(session.topology)


def _place(thing: Any) -> Any:
    """The segment of a node of rxd, or of a list of one node; anything else as it is."""
    if isinstance(thing, (int, float, Segment)):
        return thing
    one = thing[0] if hasattr(thing, "__len__") and len(thing) == 1 else thing
    return getattr(one, "segment", thing)


def distance(session: Session, *given: Any, sec: Section | None = None) -> float:
    """`distance(0, seg)` sets the origin; `distance(seg)` is the path length to it; `distance(a, b)` between two places.

    `distance(1, place)` is `distance(place)`. Nodes of rxd stand for their segments.
    """
    topology = session.topology
    args = [_place(thing) for thing in given]
    if len(args) == 2 and not isinstance(args[0], Segment) and float(args[0]) != 0:
        del args[0]
    if len(args) == 2 and all(isinstance(arg, Segment) for arg in args):
        return topology.distance(*((arg.sec._alive, arg.x) for arg in args))
    if not args:
        topology.origin = (_record(session, sec), 0.0)
        return 0.0
    if len(args) == 2 and isinstance(args[1], Segment):
        topology.origin = (args[1].sec._alive, args[1].x)
        return 0.0
    if len(args) == 2:
        topology.origin = (_record(session, sec), float(args[1]))
        return 0.0
    place = (args[0].sec._alive, args[0].x) if isinstance(args[0], Segment) else (_record(session, sec), float(args[0]))
    if topology.origin is None:
        if isinstance(args[0], Segment):
            raise HocError(
                "Distance origin not valid. If first arg is a Segment, set the origin first: h.distance(0, soma(0.5))."
            )
        topology.origin = (place[0], 0.0)
        return 0.0
    return topology.distance(topology.origin, place)


def area(session: Session, x: float | Segment = 0.5, sec: Section | None = None) -> float:
    """Membrane area of a segment, um2."""
    segment = x if isinstance(x, Segment) else _record(session, sec).section(x)
    return segment.area()


def ri(session: Session, x: float | Segment = 0.5, sec: Section | None = None) -> float:
    """Resistance to the node towards the root, megohm."""
    segment = x if isinstance(x, Segment) else _record(session, sec).section(x)
    return segment.ri()


def topology(session: Session) -> float:
    """Print the trees."""
    sys.stdout.write(topology_text(session))
    return 1.0


def psection(session: Session, sec: Section | None = None) -> float:
    """Print what a section contains."""
    sys.stdout.write(mechanism_text(_record(session, sec)))
    return 1.0


def define_shape(session: Session) -> float:
    """Put every section where its parent says; those without 3-d points get some, along straight lines.

    As in NEURON: a place on a parent is taken on the chord between its first and last point. Sections that have points are
    moved there as they are, by their first point or, if they have one, their logical connection (`pt3dstyle`). Roots with
    points stay; others lie side by side.
    """
    before = 0  # sections of the trees before: NEURON leaves 100 um for each
    for root in session.topology.roots():
        tree = list(root.subtree())
        for record in tree:
            if not record.has_shape:
                problem = record.lack_of_shape
                if problem:
                    caution(f"{record.name} is taken for one with L = {record.L:g} and without 3-d points: {problem}.")
                _draw(record, before)
            elif record.parent is not None:
                _move(record, _joint(record, record.parent))
        before += len(tree)
    return 1.0


def _joint(record: SectionRecord, parent: SectionRecord) -> np.ndarray:
    """Where a section is joined: on the chord of its parent."""
    x = _along_points(record, parent)
    return parent.points[0, :3] * (1 - x) + parent.points[-1, :3] * x


def _along_points(record: SectionRecord, parent: SectionRecord) -> float:
    """The place on the parent counted along its points, whose first is the end that is joined to its own parent."""
    return 1 - record.parent_x if parent.end == 1 else record.parent_x


def _move(record: SectionRecord, place: np.ndarray) -> None:
    logical = record.logical_connection
    shift = place - (record.points[0, :3] if logical is None else logical)
    # NEURON's single precision does not resolve less; a section that is in its place stays there to the last bit
    if np.abs(shift).max() <= 1e-6 * max(1.0, np.abs(place).max()):
        return
    points = record.points.copy()
    points[:, :3] += shift
    record.points = points
    if logical is not None:
        record.logical_connection = place


def _draw(record: SectionRecord, number: int) -> None:
    """Points of a section at its ends and the middles of its segments."""
    start, along, parent = np.array([0.0, 0.0, 100.0 * number]), np.array([1.0, 0.0]), record.parent
    if parent is not None:
        start, chord = _joint(record, parent), parent.points[-1, :2] - parent.points[0, :2]
        if np.abs(chord).max() >= 1e-6:
            along = chord / np.hypot(*chord) * (-1 if _along_points(record, parent) < 0.5 else 1)
        if 0 < record.parent_x < 1:
            along = np.array([-along[1], along[0]])
        siblings = [child for child in parent.ordered_children() if child.parent_x == record.parent_x]
        if len(siblings) > 1:
            angle = 0.8 * siblings.index(record) / (len(siblings) - 1) - 0.4
            c, s = np.cos(angle), np.sin(angle)
            along = np.array([c * along[0] - s * along[1], s * along[0] + c * along[1]])
    x = np.concatenate([[0.0], (np.arange(record.nseg) + 0.5) / record.nseg, [1.0]])
    diam = record.diam[np.concatenate([[0], np.arange(record.nseg), [record.nseg - 1]])]
    if record.end == 1:
        diam = diam[::-1]
    places = start + np.outer(x * record.L, [*along, 0.0])
    record.points = np.column_stack([places, diam])


def cas(session: Session) -> Section:
    """The currently accessed section."""
    return session.topology.cas().section


def pop_section(session: Session) -> float:
    """Undo the last `sec.push()`; without one nothing happens, as in NEURON: scripts pop to be safe."""
    if session.topology.stack:
        session.topology.stack.pop()
    return 1.0


def push_section(session: Session, which: str | float) -> float:
    """Access a section by its name."""
    for record in session.topology:
        if (which.removeprefix("_pysec.") if isinstance(which, str) else which) in {record.name, record.id}:
            session.topology.stack.append(record.section)
            return 1.0
    raise HocError(f"push_section: arg not a sectionname: {which!r}")


def _only_by_name(name: str, wrong: tuple[Any, ...]) -> None:
    if wrong:
        raise HocError(f"h.{name} takes no argument but sec=: h.{name}(sec=section).")


def delete_section(session: Session, *wrong: Any, sec: Section | None = None) -> float:
    """Delete a section, whoever still holds it."""
    _only_by_name("delete_section", wrong)
    session.run.pull()
    session.topology.delete(_record(session, sec))
    return 1.0


def disconnect(session: Session, *wrong: Any, sec: Section | None = None) -> float:
    """Make a section the root of its own tree."""
    _only_by_name("disconnect", wrong)
    _record(session, sec).section.disconnect()
    return 0.0


def secname(session: Session, sec: Section | None = None) -> str:
    """Name of a section; NEURON puts `_pysec.` before the names of sections made in Python."""
    record = _record(session, sec)
    made_by_hoc = any(record.section is one for one in session.hoc.every_section())
    cell = record.section.cell()
    known = made_by_hoc or hasattr(cell, "template") or record.name.startswith("__nrnsec_")
    return record.name if known else f"_pysec.{record.name}"


def sectionname(session: Session, text: Ref, sec: Section | None = None) -> float:
    """Write the name of a section into a string reference."""
    text.set(_record(session, sec).name)
    return 1.0


def parent_connection(session: Session, sec: Section | None = None) -> float:
    """Where on its parent a section is connected."""
    return _record(session, sec).parent_x


def section_orientation(session: Session, sec: Section | None = None) -> float:
    """Which end is connected to the parent."""
    return float(_record(session, sec).end)


def section_exists(session: Session, name: str, *rest: Any) -> float:
    """Whether a section of this name exists; with an index, `name[index]`."""
    wanted = name if not rest or not isinstance(rest[0], (int, float)) else f"{name}[{int(rest[0])}]"
    return float(any(record.name == wanted for record in session.topology))


def issection(session: Session, pattern: str, sec: Section | None = None) -> float:
    """Whether the name of a section matches a regular expression."""
    return float(pattern_of(pattern).fullmatch(_record(session, sec).name) is not None)


def ismembrane(session: Session, mechanism: str, sec: Section | None = None) -> float:
    """Whether a mechanism is inserted."""
    return float(_record(session, sec).section.has_membrane(mechanism))


def _method(name: str) -> Callable[..., Any]:
    def call(session: Session, *args: Any, sec: Section | None = None) -> Any:
        result = getattr(_record(session, sec).section, name)(*args)
        return 1.0 if result is None else float(result) if isinstance(result, (bool, int)) else result

    call.__name__ = name
    call.__doc__ = f"`{name}` of a section, or of the currently accessed one."
    return call


_POINT_METHODS = (
    "pt3dadd", "pt3dclear", "pt3dinsert", "pt3dremove", "pt3dchange", "n3d", "x3d", "y3d", "z3d", "diam3d", "arc3d", "spine3d",
)  # fmt: skip

_FUNCTIONS: tuple[Callable[..., Any], ...] = (
    allsec, distance, area, ri, topology, psection, define_shape, cas, pop_section, push_section, delete_section, disconnect,
    secname, sectionname, parent_connection, section_orientation, section_exists, issection, ismembrane,
    *map(_method, _POINT_METHODS),
)  # fmt: skip

TREE_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType({name_of(function): function for function in _FUNCTIONS})
