"""Section and Segment: the handles NEURON scripts hold.

In: a script's assignments and calls. Out: changes of the `SectionRecord` behind. Range variables (`sec.gnabar_hh`, `seg.v`,
`seg.hh.m`) are attributes; they read and write arrays over segments, through the compiled model where there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.cells import describe
from rxd.neuron.cells.ends import tied_to
from rxd.neuron.cells.outside import COMPUTED
from rxd.neuron.cells.range_arrays import Elements
from rxd.neuron.cells.ranges import array_of, as_value, is_range, read_range, read_range_of_section, why_none, write_range
from rxd.neuron.cells.spots import NOWHERE, put_into, spotted
from rxd.neuron.errors import HocError, caution, deleted_section
from rxd.neuron.mechanisms.inserted import DensityMechanism, Mechanism, placed, short_spotted
from rxd.neuron.named import name_variables, named
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import Pointer, RangePointer

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.session import Session

__all__ = ["Section", "Segment"]

_OWN = frozenset({"L", "Ra", "nseg", "rallbranch"})
_OF_SEGMENTS = ("area", "cm", "diam", "node_index", "point_processes", "ri", "sec", "v", "volume", "x")


class Section:
    """An unbranched cable.

    Parameters
    ----------
    name : str
    cell : object, optional
        What it belongs to; its text comes before the name.
    """

    __module__ = "nrn"  # `type(soma)` is <class 'nrn.Section'>, as in NEURON
    __slots__ = ("__weakref__", "record")
    record: SectionRecord
    cm, diam = named("cm"), named("diam")

    def __init__(self, name: str = "", cell: Any = None) -> None:
        if not isinstance(name, str):
            raise TypeError(f"argument 1 must be str, not {type(name).__name__}")
        object.__setattr__(self, "record", current_session().topology.create(self, name, cell))

    # ----------------------------------------------------------------------------------------------------------- properties

    @property
    def _alive(self) -> SectionRecord:
        if not self.record.alive:
            raise deleted_section()
        return self.record

    @property
    def L(self) -> float:
        """Length, um; setting it scales the 3-d points."""
        return self._alive.L

    @L.setter
    def L(self, value: float) -> None:
        self._alive.L = self._positive("L", value)

    @property
    def Ra(self) -> float:
        """Axial resistivity, ohm cm."""
        return self._alive.Ra

    @Ra.setter
    def Ra(self, value: float) -> None:
        self._alive.Ra = self._positive("Ra", value)
        self.record.session.touch(sizes=True)

    @property
    def rallbranch(self) -> float:
        """How many identical branches it stands for."""
        return self._alive.rallbranch

    @rallbranch.setter
    def rallbranch(self, value: float) -> None:
        if self._positive("rallbranch", value) != 1:
            raise HocError("rallbranch other than 1 is not supported; make the branches, or change diam and L to match.")

    @property
    def nseg(self) -> int:
        """Number of segments; new segments take the values of the old ones they lie in."""
        return self._alive.nseg

    @nseg.setter
    def nseg(self, value: float) -> None:
        number = as_value(value, "nseg")
        if number != int(number) or not 1 <= number <= 32767:
            raise ValueError("nseg must be an integer in range 1 to 32767")
        if self._alive.nseg != int(number):
            self.record.session.run.pull_before_edit(self.record)
            self.record.nseg = int(number)

    @property
    def v(self) -> float:
        """Membrane potential in the middle, mV."""
        return self._alive.voltage(0.5)

    @staticmethod
    def _positive(name: str, value: Any) -> float:
        number = as_value(value, name)
        if not number > 0:
            raise ValueError(f"{name} must be > 0.")
        return number

    def __dir__(self) -> list[str]:
        """NEURON's names."""
        hidden = {"record", "cm", "diam", "v"}
        return [name for name in object.__dir__(self) if name[:2] == "__" or not (name[0] == "_" or name in hidden)]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name.startswith("_ref_"):
            return getattr(self(0.5), name)
        array = array_of(self._alive, name)
        if array is not None:
            record, names = self.record, _elements(array)
            return Elements(
                name,
                array[2],
                lambda i: read_range(record, names(i), 0.5),
                lambda i, value: write_range(record, names(i), None, value),
            )
        return read_range_of_section(self._alive, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _OWN or (hasattr(self, "__dict__") and not name.startswith("_ref_") and not is_range(self.record, name)):
            object.__setattr__(self, name, value)  # a class made from Section has attributes of its own
        else:
            write_range(self._alive, name, None, value)

    def __reduce__(self) -> Any:
        """Copying and pickling are refused: a section is a part of its session."""
        raise TypeError("cannot pickle 'nrn.Section' object")

    # ------------------------------------------------------------------------------------------------------------- segments

    def __call__(self, x: float = 0.5) -> Segment:
        """The place x, from 0 to 1."""
        record = self.record
        if not record.alive:
            raise deleted_section()
        tables = record.spots
        if not tables or not 0 < x < 1:
            return Segment(self, x)
        segment: Segment = _new_segment(Segment)  # as `Segment` does, for loops that write into all of them in every step
        _put_sec(segment, self)
        _put_x(segment, float(x))
        _put_spots(segment, tables[record.index(x)])
        return segment

    def __iter__(self) -> Iterator[Segment]:
        record = self._alive
        n = record.nseg
        tables, new, kind, put_sec, put_x, put_spots = record.spots, _new_segment, Segment, _put_sec, _put_x, _put_spots
        for i in range(n):
            segment: Segment = new(kind)
            put_sec(segment, self)
            put_x(segment, (i + 0.5) / n)
            put_spots(segment, tables[i] if tables else NOWHERE)
            yield segment

    def allseg(self) -> Iterator[Segment]:
        """The 0 end, the middles of all segments, the 1 end."""
        return iter([Segment(self, 0.0), *self, Segment(self, 1.0)])

    def __contains__(self, place: object) -> bool:
        """Whether a segment, or a node of rxd, is in the section."""
        segment = place if isinstance(place, Segment) else getattr(place, "segment", None)
        return isinstance(segment, Segment) and segment.sec == self

    # ----------------------------------------------------------------------------------------------------------- mechanisms

    def insert(self, mechanism: str | DensityMechanism) -> Section:
        """Insert a density mechanism, by name or as `h.hh`.

        Raises
        ------
        ValueError
            If there is no such mechanism.
        """
        name = str(mechanism.name if isinstance(mechanism, DensityMechanism) else mechanism)
        session = self._alive.session
        if not session.catalogue.knows(name):
            known = ", ".join((*session.catalogue.density, *(ion.mechanism for ion in session.catalogue.ions.values())))
            raise ValueError(
                f"argument not a density mechanism name. There is no {name!r}; there are: {known}. If a mod file "
                f"defines it, put that file beside the script, or load its folder with h.nrn_load_dll; else declare it with "
                f"rxd (State, Rate), or take one of rxd.library."
            )
        session.run.pull_before_edit(self.record)
        self.record.insert(name)
        return self

    def uninsert(self, mechanism: str | DensityMechanism) -> Section:
        """Remove a density mechanism.

        Raises
        ------
        ValueError
            If there is no such mechanism.
        """
        if not isinstance(mechanism, DensityMechanism) and not self._alive.session.catalogue.knows(mechanism):
            raise ValueError(f"argument not a density mechanism name: {mechanism!r}.")
        self._alive.session.run.pull()
        self.record.uninsert(str(mechanism.name if isinstance(mechanism, DensityMechanism) else mechanism))
        return self

    def has_membrane(self, mechanism: str | DensityMechanism) -> bool:
        """Whether a mechanism is inserted."""
        name = str(mechanism.name if isinstance(mechanism, DensityMechanism) else mechanism)
        return name in self._alive.mechanisms or name in {"capacitance", "morphology"}

    def psection(self) -> dict[str, Any]:
        """All properties of the section as a dict."""
        return describe.psection(self._alive)

    # ----------------------------------------------------------------------------------------------------------------- tree

    def connect(self, parent: Section | Segment, *places: float) -> Section:
        """Hang this section on another: `connect(parent(x), end)`, `connect(parent, x, end)`; x is 1 and end 0 if not given."""
        if isinstance(parent, Segment):
            target, x, rest = parent.sec, parent.x, places
        elif isinstance(parent, Section):
            target, x, rest = parent, float(places[0]) if places else 1.0, places[1:]
        else:
            raise TypeError("first arg not a nrn.Section or nrn.Segment")
        if len(rest) > 1:
            raise TypeError("connect takes a segment and an end, or a section, a place and an end")
        end = float(rest[0]) if rest else 0.0
        if end not in {0.0, 1.0}:
            raise ValueError("child connection end must be  0 or 1")
        if not 0 <= x <= 1:
            raise ValueError("parent connection must be in range 0 to 1")
        record, other = self._alive, target._alive
        if record.parent is not None:
            message = (
                f"{record.name}({record.end}) had previously been connected to parent {record.parent.name}({record.parent_x:g})"
            )
            caution(message)
        record.session.run.pull_before_edit(record, other)
        record.session.topology.connect(record, other, x, int(end))
        return self

    def disconnect(self) -> None:
        """Make this the root of its own tree."""
        self._alive.session.run.pull()
        self.record.session.topology.disconnect(self.record)

    def children(self) -> list[Section]:
        """The sections connected to this one."""
        return [record.section for record in self._alive.ordered_children()]

    def subtree(self) -> list[Section]:
        """All that hangs on it, itself first."""
        return [record.section for record in self._alive.subtree()]

    def wholetree(self) -> list[Section]:
        """All sections of its tree, the root first."""
        return [record.section for record in self._alive.root.subtree()]

    def parentseg(self) -> Segment | None:
        """The segment it is connected to."""
        parent = self._alive.parent
        return None if parent is None else Segment(parent.section, self.record.parent_x)

    def trueparentseg(self) -> Segment | None:
        """As `parentseg`, but skipping sections to whose own start it is connected."""
        record = self._alive
        while record.parent is not None and record.parent_x == record.parent.end and record.parent.parent is not None:
            record = record.parent
        if record.parent is None or (
            record.parent_x == record.parent.end and record.parent.parent is None and record.parent_x == 0
        ):
            return None
        return Segment(record.parent.section, record.parent_x)

    def orientation(self) -> float:
        """The end (0 or 1) that is connected to the parent."""
        return float(self._alive.end)

    # ----------------------------------------------------------------------------------------------------------- 3-d points

    def n3d(self) -> int:
        """Number of 3-d points."""
        return len(self._alive.points)

    def pt3dadd(self, x: Any, y: Any, z: Any, diam: Any) -> None:
        """Add a 3-d point at the end, or many: four arrays, or Vectors, of one length."""
        added = np.array([np.asarray(values, dtype=float) for values in (x, y, z, diam)]).T.reshape(-1, 4)
        self.record.points = np.concatenate([self._alive.points, added])

    def pt3dclear(self, size: int = 0) -> int:
        """Remove all 3-d points; length and diameters stay."""
        self._alive.points = np.zeros((0, 4))
        return int(size)

    def pt3dinsert(self, index: int, x: float, y: float, z: float, diam: float) -> None:
        """Insert a 3-d point before another."""
        self._check_point(index, self.n3d() + 1)
        self.record.points = np.insert(self.record.points, int(index), [float(x), float(y), float(z), float(diam)], axis=0)

    def pt3dremove(self, index: int) -> None:
        """Remove a 3-d point."""
        self._check_point(index, self.n3d())
        self.record.points = np.delete(self.record.points, int(index), axis=0)

    def pt3dchange(self, index: int, *values: float) -> None:
        """Change a 3-d point: `(i, x, y, z, diam)`, or `(i, diam)`."""
        self._check_point(index, self.n3d())
        if len(values) not in {1, 4}:
            raise TypeError("pt3dchange takes (i, x, y, z, diam) or (i, diam)")
        points = self.record.points.copy()
        points[int(index), -len(values) :] = values
        self.record.points = points

    def pt3dstyle(self, *style: Any) -> bool:
        """Whether a place apart from the first point is what `define_shape` brings to the parent.

        `pt3dstyle(1, x, y, z)` sets that place in um, or reads it if x, y, z are references; `pt3dstyle(0)` forgets it.
        """
        if len(style) not in {0, 1, 4} or (len(style) == 4) != bool(style and style[0]):
            raise TypeError("pt3dstyle takes nothing, (0), or (1, x, y, z) in um")
        record = self._alive
        if len(style) == 4 and all(isinstance(one, Pointer) for one in style[1:]):
            if record.logical_connection is not None:
                for pointer, value in zip(style[1:], record.logical_connection, strict=True):
                    pointer.set(float(value))
        elif style:
            record.logical_connection = np.array(style[1:], dtype=float) if style[0] else None
        return record.logical_connection is not None

    def spine3d(self, index: int) -> bool:
        """Whether a point is marked as a spine; never here."""
        self._check_point(index, self.n3d())
        return False

    def x3d(self, index: int) -> float:
        """x of a 3-d point, um."""
        return self._point(index, 0)

    def y3d(self, index: int) -> float:
        """y of a 3-d point, um."""
        return self._point(index, 1)

    def z3d(self, index: int) -> float:
        """z of a 3-d point, um."""
        return self._point(index, 2)

    def diam3d(self, index: int) -> float:
        """Diameter at a 3-d point, um."""
        return self._point(index, 3)

    def arc3d(self, index: int) -> float:
        """Arc length from the 0 end to a 3-d point, um."""
        self._check_point(index, self.n3d())
        return float(self.record.arc[int(index)])

    def _point(self, index: int, column: int) -> float:
        self._check_point(index, self.n3d())
        return float(self.record.points[int(index), column])

    def _check_point(self, index: int, n: int) -> None:
        if not 0 <= int(index) < n:
            raise HocError(f"Arg out of range: {self} has {self.n3d()} 3-d points; there is no point {index}.")

    # ---------------------------------------------------------------------------------------------------------------- names

    def name(self) -> str:
        """Full name."""
        return self._alive.name

    def hname(self) -> str:
        """Full name."""
        return self._alive.name

    def hoc_internal_name(self) -> str:
        """A unique word for this section."""
        return f"__nrnsec_{self._alive.id:#x}"

    def cell(self) -> Any:
        """The object it belongs to, or None."""
        cell = self._alive.cell
        return None if cell is None else cell()

    def is_pysec(self) -> bool:
        """Whether it was made in Python."""
        return self._alive.alive

    def same(self, other: object) -> bool:
        """Whether another handle is of the same section."""
        return self == other

    def push(self) -> Section:
        """Make it the currently accessed section, until `h.pop_section()`."""
        self._alive.session.topology.stack.append(self)
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Section) and other.record is self.record

    def __hash__(self) -> int:
        return hash((self.record.id, id(self.record)))

    def __lt__(self, other: Section) -> bool:
        return self.record.id < other.record.id

    def __repr__(self) -> str:
        return self.record.name if self.record.alive else "<deleted section>"


class Segment:
    """A place on a section, which stands for the segment it lies in."""

    __module__ = "nrn"
    __slots__ = ("_spots", "sec", "x")
    sec: Section
    x: float
    _spots: Mapping[str, Any]  # what is where in memory
    cm, diam, v = named("cm"), named("diam"), spotted("v")

    def __init__(self, sec: Section, x: float) -> None:
        x = float(x)
        if not 0 <= x <= 1:
            raise ValueError("segment position range is 0 <= x <= 1")
        _put_sec(self, sec)
        _put_x(self, x)
        tables = sec.record.spots
        _put_spots(self, tables[sec.record.index(x)] if tables and 0 < x < 1 else NOWHERE)

    def _look_up(self, name: str) -> None:
        """Somebody has asked for a variable that is not in the table: the next time it may be."""
        record = self.sec.record
        table = record.session.spots.fill(record, self.x, name)
        if table is not None:
            _put_spots(self, table)

    @property
    def _record(self) -> SectionRecord:
        return self.sec._alive

    def area(self) -> float:
        """Membrane area, um2; 0 at the ends of the section."""
        record = self._record
        return float(record.shape.area[record.index(self.x)]) if 0 < self.x < 1 else 0.0

    def volume(self) -> float:
        """Volume, um3; 0 at the ends of the section."""
        record = self._record
        return float(record.shape.volume[record.index(self.x)]) if 0 < self.x < 1 else 0.0

    def ri(self) -> float:
        """Resistance to the node it hangs on in the tree, megohm; 1e30 at the root."""
        return describe.input_resistance(self._record, self.x)

    def node_index(self) -> int:
        """Number of the segment, counted over all sections."""
        record = self._record
        before = sum(other.nseg for other in record.session.topology if other.id < record.id)
        return before + record.index(self.x)

    def point_processes(self) -> list[Any]:
        """The point processes in this segment."""
        return self._record.session.run.points_at(self._record, self.x)

    def __iter__(self) -> Iterator[Mechanism]:
        owner, at = tied_to(self._record, self.x)
        if not 0 < at < 1:  # an end where nothing is stored has no mechanisms
            return iter(())
        here = self if owner is self._record else owner.section(at)
        return (Mechanism(here, name) for name in reversed(owner.mechanisms))  # the newest first, as in NEURON

    def __contains__(self, thing: object) -> bool:
        """Whether a mechanism, or a node of rxd, is in the segment."""
        segment = getattr(thing, "segment", None)
        return segment == self if isinstance(segment, Segment) else str(thing) in self._record.mechanisms

    def __dir__(self) -> list[str]:
        """NEURON's names, and the mechanisms that are here."""
        return [*(name for name in object.__dir__(self) if name.startswith("__")), *_OF_SEGMENTS, *self._record.mechanisms]

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        record = self._record
        if name == "v" and 0 < self.x < 1:
            return record.voltage(self.x)
        if name in record.store:
            return read_range(record, name, self.x)
        if name.startswith("_ref_"):
            variable = name[5:]
            if record.values(variable) is None:
                array = array_of(record, variable)
                if array is not None:
                    names, size = _elements(array), array[2]
                    return Elements(variable, size, lambda i: RangePointer(record, names(i), self.x))
                raise AttributeError(f"{name} was not made to point to anything at {self}{why_none(record, variable)}")
            return RangePointer(record, variable, self.x)
        if not 0 < self.x < 1:
            owner, at = tied_to(record, self.x)
            if 0 < at < 1 and name in owner.mechanisms:
                return Mechanism(owner.section(at), name)
            if name in record.mechanisms:
                raise AttributeError(f"{name}, the mechanism does not exist at {self}")
        if name in record.mechanisms:
            return Mechanism(self, name)
        if name not in record.store and name != "i_membrane_" and name not in COMPUTED and record.session.catalogue.knows(name):
            raise AttributeError(f"{name}, the mechanism does not exist at {self}. Insert it: section.insert('{name}').")
        array = array_of(record, name)
        if array is not None:
            names, size = _elements(array), array[2]
            return Elements(
                name,
                size,
                lambda i: read_range(record, names(i), self.x),
                lambda i, value: write_range(record, names(i), self.x, value),
            )
        return read_range(record, name, self.x)

    def __reduce__(self) -> Any:
        """Copying and pickling are refused: a segment is a part of its session."""
        raise TypeError("cannot pickle 'nrn.Segment' object")

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "x":
            raise AttributeError("x of a segment cannot be set; make another one: section(x)")
        if name.startswith("_ref_"):
            short, _, mechanism = name[5:].rpartition("_")
            setattr(Mechanism(self, mechanism), f"_ref_{short}", value)
        elif not put_into(self._spots, name, value):
            write_range(self._record, name, self.x, value)
            self._look_up(name)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Segment):
            return False
        if other.sec.record is self.sec.record:
            return self.x == other.x or self._record.node(self.x) == self._record.node(other.x)
        return not (0 < self.x < 1 and 0 < other.x < 1) and self._node() == other._node()

    def _node(self) -> tuple[int, int]:
        """What it is a name of: an end that is joined to another section is the place there."""
        record, x = tied_to(self.sec.record, self.x)
        return record.id, record.node(x)

    def __hash__(self) -> int:
        return hash(self._node())

    def __lt__(self, other: Segment) -> bool:
        return (self.sec.record.id, self.x) < (other.sec.record.id, other.x)

    def __repr__(self) -> str:
        return f"{self.sec}({self.x:g})" if self.sec.record.alive else "<segment of deleted section>"


def name_mechanism(session: Session, mechanism: str) -> None:
    """Let Python find a mechanism in segments, and its variables there and in the mechanism."""
    catalogue = session.catalogue
    variables = catalogue.variables(mechanism)
    density = catalogue.density.get(mechanism)
    arrays = () if density is None else density.arrays
    name_variables(Mechanism, variables, short_spotted)
    name_variables(Mechanism, arrays)
    name_variables(Segment, (mechanism,), placed)
    name_variables(Segment, variables.values(), spotted)


# loops make a segment wherever they read: the setters of the slots take half the time that object.__setattr__ does
_new_segment = object.__new__
_put_sec, _put_x = Segment.__dict__["sec"].__set__, Segment.__dict__["x"].__set__
_put_spots = Segment.__dict__["_spots"].__set__


def _elements(array: tuple[str, str, int]) -> Callable[[int], str]:
    """The names of an array's elements as range variables."""
    mechanism, short, _ = array
    return lambda index: f"{short}_{index}_{mechanism}"
