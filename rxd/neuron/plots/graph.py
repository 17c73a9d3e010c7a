"""Graph: curves over time.

In: variables and expressions. Out: recorded data; drawn with matplotlib on request, never by itself.
"""

from __future__ import annotations

from typing import Any

from rxd.neuron.pointers import Pointer
from rxd.neuron.session import current_session
from rxd.neuron.vector import Vector

__all__ = ["Graph"]


class Graph:
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

    def addvar(self, label: str, pointer: Any = None, *_: Any) -> float:
        """Add a variable, by pointer."""
        if isinstance(pointer, Pointer):
            from rxd.neuron import h

            if not self._curves:
                self._time.record(h._ref_t)
            self._curves[str(label)] = Vector().record(pointer)
        return 0.0

    def addexpr(self, *_: Any) -> float:
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

    def hname(self) -> str:
        """Its name."""
        return repr(self)

    def __repr__(self) -> str:
        return f"Graph[{self._number}]"
