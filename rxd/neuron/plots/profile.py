"""RangeVarPlot: a variable along a path.

In: a range variable, an rxd species or a function, and two places. Out: its values over distance.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.cells.paths import PathNode, path_between
from rxd.neuron.cells.section_lists import SectionList, chosen_section
from rxd.neuron.cells.sections import Section, Segment
from rxd.neuron.errors import HocError
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.session import current_session
from rxd.neuron.vectors.vector import Vector

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord

__all__ = ["RangeVarPlot"]


class RangeVarPlot(HocObject):
    """The values of something along the path between two places.

    Parameters
    ----------
    what : str, rxd species, or function
        A range variable; a species; a function of x, called with the section accessed.
    begin, end : Segment, optional
    """

    def __init__(self, what: Any, begin: Segment | None = None, end: Segment | None = None) -> None:
        self._session = current_session()
        self._number = self._session.number("RangeVarPlot")
        # neither a species nor a section lives for the sake of a plot
        self._species = weakref.ref(what) if hasattr(what, "nodes") else None
        self._variable = None if hasattr(what, "nodes") else what
        self._begin, self._end = _as_place(begin), _as_place(end)
        self._known: list[PathNode] = []
        self._origin = 0.0
        self._color = 1
        if self._begin is not None and self._end is not None:
            self._nodes()
            if self._species is not None:
                self.data()  # initial values are asked for now, as in NEURON

    @property
    def _what(self) -> Any:
        return self._variable if self._species is None else self._species()

    def begin(self, place: Segment | float, sec: Section | None = None) -> float:
        """Where the path begins."""
        self._begin = _as_place(place if isinstance(place, Segment) else chosen_section(sec)(place))
        return 1.0

    def end(self, place: Segment | float, sec: Section | None = None) -> float:
        """Where the path ends."""
        self._end = _as_place(place if isinstance(place, Segment) else chosen_section(sec)(place))
        return 1.0

    def origin(self, x: float) -> float:
        """What the distance is at the point of the path nearest to the root."""
        self._origin = float(x)
        return 1.0

    def color(self, number: int) -> int:
        """Colour of lines, by NEURON's number."""
        before, self._color = self._color, int(number)
        return before

    def _nodes(self) -> list[PathNode]:
        if self._begin is None or self._end is None:
            raise HocError("RangeVarPlot needs two places: RangeVarPlot('v', soma(0.5), dend(1)).")
        if not (self._begin[0].alive and self._end[0].alive):
            return self._known
        nodes = path_between(self._begin, self._end)
        # joints have a voltage of their own; all other variables belong to segments
        self._known = nodes if self._what == "v" or self._is_function else [node for node in nodes if not node.joint]
        return self._known

    @property
    def _is_function(self) -> bool:
        return callable(self._what) and not hasattr(self._what, "nodes")

    def left(self) -> float:
        """Distance of the beginning, um."""
        return self._nodes()[0].distance + self._origin

    def right(self) -> float:
        """Distance of the end, um."""
        return self._nodes()[-1].distance + self._origin

    def list(self, into: SectionList) -> float:
        """Append the sections of the path."""
        seen: dict[int, Section] = {}
        for node in self._nodes():
            seen.setdefault(node.record.id, node.record.section)
        into.append(*seen.values())
        return 0.0

    def vector(self) -> Vector:
        """The values, as a Vector."""
        return Vector(self.data()[1])

    def data(self) -> tuple[np.ndarray, np.ndarray]:
        """Distances (um) and values."""
        nodes, read = self._nodes(), self._reader()
        if self._what is None or any(not node.record.alive for node in nodes):
            return np.array([node.distance + self._origin for node in nodes]), np.zeros(len(nodes))
        pairs = [(node.distance + self._origin, read(node)) for node in nodes]
        known = [(distance, value) for distance, value in pairs if value is not None]
        return np.array([distance for distance, _ in known]), np.array([value for _, value in known], dtype=float)

    def _reader(self) -> Callable[[PathNode], float | None]:
        what = self._what
        if isinstance(what, str):
            return lambda node: getattr(node.record.section(node.x), what, None)
        if hasattr(what, "nodes"):
            return lambda node: _of_species(what, node)

        def call(node: PathNode) -> float:
            section = node.record.section
            section.push()
            try:
                return float(what(node.x))
            finally:
                self._session.topology.stack.pop()

        return call

    def to_vector(self, y: Vector, x: Vector | None = None) -> float:
        """Write the values, and the distances, into Vectors."""
        distances, values = self.data()
        y.from_python(values)
        if x is not None:
            x.from_python(distances)
        return float(values.size)

    def from_vector(self, y: Vector) -> float:
        """Write values along the path back to the variable.

        Raises
        ------
        HocError
            If the variable is no range variable, or the number of values is wrong.
        """
        nodes = self._nodes()
        if not isinstance(self._what, str) or len(y) != len(nodes):
            raise HocError(f"from_vector writes a range variable, with one value for each of {len(nodes)} nodes")
        for node, value in zip(nodes, y, strict=True):
            setattr(node.record.section(node.x), self._what, value)
        return float(len(nodes))

    def plot(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        """Draw on matplotlib axes (or pyplot), on a Graph, or with plotly; returns what that returns."""
        x, y = self.data()
        name = getattr(target, "__name__", "")
        if name.split(".")[0] == "plotly":
            import importlib

            objects = importlib.import_module("plotly.graph_objects")
            return objects.Figure(objects.Scatter(x=x, y=y, **kwargs), layout={"xaxis_title": "x (um)"})
        if hasattr(target, "add_subplot"):
            raise HocError("RangeVarPlot.plot draws on axes, not on a figure: give it pyplot, or figure.add_subplot().")
        axes = target.axes if hasattr(target, "exec_menu") else target
        return axes.plot(x, y, *args, **kwargs)

    def hname(self) -> str:
        """Its name."""
        return repr(self)


def _as_place(segment: Segment | None) -> tuple[SectionRecord, float] | None:
    return None if segment is None else (segment.sec._alive, segment.x)


def _of_species(species: Any, node: PathNode) -> float:
    """The mean over the nodes of a segment, at an end of a section of that beside it; 0 where there are none."""
    record = node.record
    found = species.nodes(record.section((record.index(node.x) + 0.5) / record.nseg))
    if not found:
        return 0.0
    volumes = np.array(found.volume)
    values = np.array(found.value)
    return float(values @ volumes / volumes.sum()) if volumes.sum() > 0 else float(values.mean())
