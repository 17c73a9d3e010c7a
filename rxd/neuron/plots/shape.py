"""PlotShape: the cell in space, coloured by a variable.

In: sections with 3-d points and a range variable or species. Out: a picture by matplotlib or plotly.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rxd.neuron.cells.record import SectionRecord
from rxd.neuron.cells.sections import Segment
from rxd.neuron.cells.tree_functions import define_shape
from rxd.neuron.errors import HocError, RxDException
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.session import current_session

__all__ = ["PlotShape"]

_VOLTAGES = (-80.0, 40.0)  # mV: NEURON's limits of the colours for v


class PlotShape(HocObject):
    """The sections of a session (or of a list) as lines in space.

    Parameters
    ----------
    sections : SectionList, optional
    show : bool, optional
        NEURON opens a window; nothing opens here until `plot`.
    """

    def __init__(self, sections: Any = None, show: Any = True) -> None:
        self._session = current_session()
        self._number = self._session.number("PlotShape")
        self._mode = 1
        self._chosen = (
            None if isinstance(sections, (bool, int, float, type(None))) else [section.record for section in sections]
        )
        self._what: Any = "v"
        self._range: tuple[float, float] | None = None
        self._marks: list[Segment] = []
        self._map: list[Any] | None = None

    def variable(self, what: Any = None) -> Any:
        """The range variable or species that colours the sections; without an argument, what it is."""
        if what is None:
            return self._what
        self._what = what
        if isinstance(what, str):
            self._range = None  # as in NEURON, where the limits of a variable are those set after it
        return 1.0

    def scale(self, low: float, high: float) -> float:
        """Range of the colours."""
        self._range = (float(low), float(high))
        return 1.0

    def mark(self, segment: Segment) -> Any:
        """Mark a place."""
        self._marks.append(segment)
        return self

    def colormap(self, *colors: Any) -> float:
        """A list of matplotlib colours, or NEURON's `(n)` and `(i, r, g, b)`."""
        if len(colors) == 1 and isinstance(colors[0], (int, float)):
            self._map = [(0.0, 0.0, 0.0)] * int(colors[0])
        elif len(colors) == 4 and self._map is not None:
            self._map[int(colors[0])] = tuple(float(c) / 255 for c in colors[1:])
        else:
            self._map = list(colors[0] if len(colors) == 1 else colors)
        return 0.0

    def _records(self) -> list[SectionRecord]:
        define_shape(self._session)
        return list(self._session.topology) if self._chosen is None else [record for record in self._chosen if record.alive]

    def lines(self) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
        """Polylines (k, 3), one per segment, their values (NaN where undefined) and diameters, um."""
        lines: list[np.ndarray] = []
        values: list[float] = []
        diameters: list[float] = []
        for record in self._records():
            for i in range(record.nseg):
                lines.append(_piece(record, i))
                values.append(self._value(record, (i + 0.5) / record.nseg))
                diameters.append(float(record.diam[i]))
        return lines, np.array(values), np.array(diameters)

    def _value(self, record: SectionRecord, x: float) -> float:
        segment = record.section(x)
        if isinstance(self._what, str):
            found: Any = segment
            for name in self._what.split("."):  # hh.m as well as m_hh
                found = getattr(found, name, np.nan)
            return float(found)
        found = self._what.nodes(segment)
        return float(np.mean(found.value)) if found else np.nan

    def show(self, mode: int | None = None) -> int:
        """How thick lines are: 0 by the diameter; 1 and 2 as `plot` says. Without an argument, which it is; else, what it was.

        Raises
        ------
        HocError
            If it is none of these.
        """
        before = self._mode
        if mode is not None:
            if mode not in (0, 1, 2):
                raise HocError(f"PlotShape.show takes 0 (diameters), 1 (centroids) or 2 (schematic), not {mode}.")
            self._mode = int(mode)
        return before

    def plot(self, target: Any, *args: Any, **kwargs: Any) -> Any:
        """Draw with matplotlib (give `matplotlib.pyplot`, a figure or 3-d axes) or plotly (give the module `plotly`).

        `cmap` is a colour map of matplotlib, `color` one colour for all; `line_width` (matplotlib) or `width` (plotly) is the
        thickness of lines unless `show(0)` makes it the diameter. matplotlib takes what else Line3DCollection does.
        """
        if not isinstance(self._what, str) and len(getattr(self._what, "regions", ())) > 1:
            raise RxDException(
                f"Please specify region for the species. {self._what} is on several: ps.variable(species[region])."
            )
        name = getattr(target, "__name__", "")
        if name.split(".")[0] == "plotly":
            return self._plotly(*args, **kwargs)
        return self._matplotlib(target if hasattr(target, "add_collection3d") else _axes(target), *args, **kwargs)

    def _limits(self, values: np.ndarray) -> tuple[float, float]:
        if self._range is not None:
            return self._range
        if self._what == "v":
            return _VOLTAGES
        known = values[np.isfinite(values)]
        return (float(known.min()), float(known.max())) if known.size else (0.0, 1.0)

    def _shades(self, values: np.ndarray, cmap: Any, color: Any) -> list[Any]:
        """The colour of each segment; black where the variable is not defined."""
        from matplotlib import colors
        from matplotlib import pyplot as plt

        if color is not None:
            return [color] * len(values)
        if cmap is None:
            own = self._map if self._map is not None and len(self._map) > 1 else None
            cmap = plt.get_cmap("cool") if own is None else colors.LinearSegmentedColormap.from_list("own", own)
        elif isinstance(cmap, str):
            cmap = plt.get_cmap(cmap)
        low, high = self._limits(values)
        part = np.clip((values - low) / (high - low), 0, 1) if high > low else np.where(np.isfinite(values), 0.5, np.nan)
        return [colors.to_hex(cmap(int(255 * x))) if np.isfinite(x) else "black" for x in part]

    def _widths(self, diameters: np.ndarray, width: float) -> np.ndarray:
        return diameters if self._mode == 0 else np.full(len(diameters), float(width))

    def _matplotlib(self, axes: Any, line_width: float = 2, cmap: Any = None, color: Any = None, **settings: Any) -> Any:
        from mpl_toolkits.mplot3d.art3d import Line3DCollection  # type: ignore[import-untyped]

        lines, values, diameters = self.lines()
        if not lines:
            return axes
        line_width = settings.pop("linewidth", line_width)
        drawn = Line3DCollection(
            lines, colors=self._shades(values, cmap, color), linewidths=self._widths(diameters, line_width), **settings
        )
        axes.add_collection3d(drawn)
        points = np.concatenate(lines)
        for axis, column in zip("xyz", points.T, strict=True):
            middle, half = 0.5 * (column.min() + column.max()), max(0.5 * float(np.ptp(points, axis=0).max()), 1.0)
            getattr(axes, f"set_{axis}lim")(middle - half, middle + half)

        def mark(segment: Segment, marker: str = "or", **style: Any) -> Any:
            axes.plot(*_middle(segment)[:, None], marker, **style)
            return axes

        axes.mark = mark  # scripts mark places in the picture: ps.plot(pyplot).mark(soma(0.5))
        for segment in self._marks:
            mark(segment)
        return axes

    def _plotly(self, width: float = 2, color: Any = None, cmap: Any = None) -> Any:
        import importlib

        objects = importlib.import_module("plotly.graph_objects")
        lines, values, diameters = self.lines()
        shades, widths = self._shades(values, cmap, color), self._widths(diameters, width)
        places = [str(record.section((i + 0.5) / record.nseg)) for record in self._records() for i in range(record.nseg)]
        traces = []
        for line, place, value, shade, thick in zip(lines, places, values, shades, widths, strict=True):
            x, y, z = line.T
            hover = place if np.isnan(value) else f"{place}<br>{value:.3f}"
            style = {"color": shade, "width": float(thick)}
            traces.append(objects.Scatter3d(x=x, y=y, z=z, name="", hovertemplate=hover, mode="lines", line=style))
        figure = _markable(objects)(data=traces, layout={"showlegend": False})
        for segment in self._marks:
            figure.mark(segment)
        return figure

    def _nothing(self, *_: Any, **__: Any) -> float:
        """Settings of NEURON's windows have no effect here."""
        return 0.0

    size = exec_menu = flush = fastflush = view = rotate = begin = color = color_all = color_list = label = observe = _nothing
    unmap = printfile = save_name = len_scale = hinton = menu_action = menu_tool = erase = erase_all = _nothing
    beginline = line = view_count = push_selected = _nothing

    def nearest_seg(self, *_: float) -> None:
        """The segment at a place of NEURON's window: there is none."""

    def selected_seg(self) -> None:
        """The segment selected in NEURON's window: there is none."""

    def nearest(self, *_: float) -> float:
        """How far a place of NEURON's window is from a segment: far."""
        return 1e20


def _axes(target: Any) -> Any:
    figure = target.figure() if hasattr(target, "figure") and callable(target.figure) else target
    return figure.add_subplot(projection="3d")


def _middle(segment: Segment) -> np.ndarray:
    """Where a segment is, um."""
    record = segment.sec.record
    return np.asarray(_piece(record, record.index(segment.x)).mean(axis=0))


def _markable(objects: Any) -> type[Any]:
    """plotly's Figure with NEURON's `mark`.

    A FigureWidget, which NEURON makes, needs more packages (ipywidgets, anywidget); a notebook shows a Figure in the same way.
    """

    class Picture(objects.Figure):
        def mark(self, segment: Segment, marker: str = "or", **style: Any) -> Any:
            """Mark a segment."""
            place = dict(zip("xyz", _middle(segment)[:, None].tolist(), strict=True))
            defaults = {"mode": "markers", "marker_color": "red", "marker_size": 5, "name": "", "hovertemplate": str(segment)}
            self.add_trace(objects.Scatter3d(**place, **{**defaults, **style}))
            return self

    return Picture


def _piece(record: SectionRecord, index: int) -> np.ndarray:
    """The points of one segment."""
    arc, points = record.arc, record.points[:, :3]
    first, last = index / record.nseg, (index + 1) / record.nseg
    if record.end == 1:
        first, last = 1 - last, 1 - first
    start, stop = first * arc[-1], last * arc[-1]
    inner = arc[(arc > start) & (arc < stop)]
    at = np.concatenate([[start], inner, [stop]])
    return np.column_stack([np.interp(at, arc, points[:, axis]) for axis in range(3)])
