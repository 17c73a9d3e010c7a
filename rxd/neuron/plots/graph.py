"""Graph: curves over time.

In: variables and expressions. Out: recorded data; drawn with matplotlib on request, never by itself.
"""

from __future__ import annotations

from typing import Any

from rxd.neuron.hoc_object import HocObject
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import Pointer
from rxd.neuron.vectors.vector import Vector

__all__ = ["Graph"]


class Graph(HocObject):
    """Curves of variables over time, and lines drawn by hand.

    `addvar` records from the next initialisation on; `data()` gives the curves and `show()` draws them with matplotlib.
    """

    def __init__(self, *_: Any) -> None:
        session = current_session()
        self._number = session.number("Graph")
        self._time = Vector()
        self._curves: dict[str, Vector] = {}
        self._lines: list[tuple[list[float], list[float]]] = []
        self._plots: list[Any] = []
        self._axes: Any = None

    def addvar(self, label: str, pointer: Any = None, *_: Any, sec: Any = None) -> float:
        """Add a variable, by pointer."""
        if isinstance(pointer, Pointer):
            from rxd.neuron import h

            if not self._curves:
                self._time.record(h._ref_t)
            self._curves[str(label)] = Vector().record(pointer)
        return 0.0

    def addexpr(self, *_: Any, sec: Any = None) -> float:
        """Expressions of hoc are not recorded; add variables by pointer."""
        return 0.0

    def addobject(self, plot: Any, *_: Any) -> float:
        """Show a RangeVarPlot, too, as it is when somebody looks."""
        self._plots.append(plot)
        return 1.0

    def data(self) -> dict[str, tuple[Any, Any]]:
        """Time and values of each curve."""
        return {label: (self._time.as_numpy(), vector.as_numpy()) for label, vector in self._curves.items()}

    @property
    def axes(self) -> Any:
        """matplotlib axes with the lines drawn so far."""
        if self._axes is None:
            from matplotlib.figure import Figure

            self._axes = Figure().add_subplot()
        return self._axes

    def show(self, axes: Any = None) -> Any:
        """Draw curves and lines on matplotlib axes."""
        target = self.axes if axes is None else axes
        for label, (x, y) in self.data().items():
            target.plot(x, y, label=label)
        for xs, ys in self._lines:
            target.plot(xs, ys)
        for plot in self._plots:
            target.plot(*plot.data())
        return target

    def beginline(self, *_: Any) -> float:
        """Begin a line."""
        self._lines.append(([], []))
        return 0.0

    def line(self, x: float, y: float) -> float:
        """Continue the line to a point."""
        if not self._lines:
            self.beginline()
        self._lines[-1][0].append(float(x))
        self._lines[-1][1].append(float(y))
        return 0.0

    def _nothing(self, *_: Any, **__: Any) -> float:
        """Settings of NEURON's windows have no effect here."""
        return 0.0

    size = view = exec_menu = flush = fastflush = begin = plot = erase = erase_all = color = brush = label = mark = xaxis = (
        yaxis
    ) = _nothing
    unmap = simgraph = family = save_name = printfile = relative = fixed = align = view_count = _nothing
    crosshair_action = menu_action = menu_remove = menu_tool = vfixed = view_info = view_size = xexpr = glyph = _nothing

    def vector(self, n: float, x: Any, y: Any) -> float:
        """Draw n numbers of a Vector against those of another, from where two pointers point."""
        places = range(int(n))
        xs, ys = ([float(p.target[int(p.index) + i]) for i in places] for p in (x, y))
        self._lines.append((xs, ys))
        return 0.0

    def getline(self, index: float, x: Vector, y: Vector) -> float:
        """Copy a line, the first or the one after `index`, into two Vectors; returns its index, -1 if there is none."""
        following = int(index) + 1
        if not 0 <= following < len(self._lines):
            return -1.0
        for into, values in zip((x, y), self._lines[following], strict=True):
            into.from_python(values)
        return float(following)

    def line_info(self, index: float, into: Vector) -> float:
        """Write colour, width and the ends of the line after `index` into a Vector; returns its index, -1 if there is none."""
        following = int(index) + 1
        if not 0 <= following < len(self._lines):
            return -1.0
        xs, ys = self._lines[following]
        into.from_python([1.0, 0.0, *((xs[-1], ys[-1]) if xs else (0.0, 0.0)), 0.0])
        return float(following)
