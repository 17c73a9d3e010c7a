"""Figures of results: traces, kymographs, cells coloured by a value, and a scheme of a model.

In: `rxd.Results` or a `rxd.Model`. Out: what matplotlib draws; every function takes ``ax=`` and returns the axes, so that
figures can be put together. matplotlib is loaded by the functions, not by importing this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

import geometry
from geometry import Selection
from rxd.errors import DeclarationError
from rxd.results import Results

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

SHOWN_UNITS: Final = (("mM", 1e3, "µM"), ("um", 1.0, "µm"))
"""Units that figures show in another one: house unit, factor, shown unit."""


def voltage_traces(result: Results, places: Sequence[Any] = (), ax: Axes | None = None) -> Axes:
    """Membrane potential against time, at some places.

    Parameters
    ----------
    result : Results
        Of a run that recorded ``rxd.v``, everywhere or at the places.
    places : sequence of geometry.Location
        Default: the first node, or every place recorded on its own.
    ax : Axes, optional
        Where to draw; a new figure without it.
    """
    ax = _axes(ax, (7, 2.2))
    for label, values in _traces(result, "v", places):
        ax.plot(result.t, values, linewidth=0.8, label=label)
    ax.set(xlabel="time (ms)", ylabel="v (mV)", xlim=(result.t[0], result.t[-1]))
    if len(ax.lines) > 1:
        ax.legend(frameon=False, fontsize="small", loc="lower right", bbox_to_anchor=(1, 1), ncols=len(ax.lines))
    _bare(ax)
    return ax


def kymograph(
    result: Results,
    key: Any,
    path: Selection,
    ax: Axes | None = None,
    limits: Any = None,
    colours: str | Colormap | None = None,
    label: str | None = None,
) -> Axes:
    """Values along a path (upwards) against time (to the right), as colour.

    Parameters
    ----------
    result : Results
    key : symbol or label
        What was recorded, such as ``ca[cyt]``.
    path : geometry.Selection
        Sections that follow one another, such as `rxd.demo.path_to_tip` gives.
    ax : Axes, optional
    limits : (float, float), optional
        Values at the ends of the colour map, in the unit shown; default the range of the values.
    colours : str or Colormap, optional
        Default `colour_map`.
    label : str, optional
        What the colour bar says; default the quantity's label. The unit is added.
    """
    ax = _axes(ax, (7, 3))
    distance, values = along_path(result, key, path)
    factor, unit = shown_unit(result, key)
    low, high = limits or (None, None)
    style: dict[str, Any] = {"cmap": _colour_map(colours), "vmin": low, "vmax": high, "shading": "nearest", "rasterized": True}
    image = ax.pcolormesh(result.t, distance, factor * values.T, **style)
    ax.set(xlabel="time (ms)", ylabel="distance (µm)")
    ax.figure.colorbar(image, ax=ax, label=f"{label or label_of(result, key)} ({unit})", pad=0.015)
    return ax


def cell_picture(
    result: Results,
    key: Any,
    time: float,
    ax: Axes | None = None,
    limits: Any = None,
    colours: str | Colormap | None = None,
    view: str = "xy",
    colorbar: bool = True,
    scalebar: bool = True,
) -> Axes:
    """The morphology, coloured by a recorded quantity at a time; grey where the quantity does not exist.

    Parameters
    ----------
    result : Results
    key : symbol or label
    time : float, ms
        The nearest sample is shown.
    ax : Axes, optional
    limits : (float, float), optional
        In the unit shown.
    colours : str or Colormap, optional
        Default `colour_map`.
    view : str
        The two axes of the page: "xy", "xz", "zy" ...
    colorbar, scalebar : bool
    """
    ax = _axes(ax, (3, 4))
    trace, values = _recorded(result, key)
    factor, unit = shown_unit(result, key)
    colour = np.full(result.segments.n, np.nan)
    colour[trace.segment] = factor * values[int(np.argmin(np.abs(result.t - time)))]
    low, high = limits or (np.nanmin(factor * values), np.nanmax(factor * values))
    body = draw_cell(result.segments, colour, ax, view, colours)
    body.set_clim(low, high)
    if scalebar:
        scale_bar(ax)
    if colorbar:
        ax.figure.colorbar(body, ax=ax, label=f"{label_of(result, key)} ({unit})", shrink=0.6)
    return ax


def cell_pictures(
    result: Results,
    key: Any,
    times: Sequence[float],
    limits: Any = None,
    colours: str | Colormap | None = None,
    view: str = "xy",
    label: str | None = None,
    axes: Sequence[Axes] | None = None,
) -> Figure:
    """Draw the morphology at several times (ms) side by side, with one scale bar and one colour bar (see `cell_picture`)."""
    import matplotlib.pyplot as plt

    if axes is None:
        axes = plt.subplots(1, len(times), figsize=(1.9 * len(times) + 0.6, 4.6), layout="constrained", squeeze=False)[1][0]
    factor, unit = shown_unit(result, key)
    values = factor * _recorded(result, key)[1]
    limits = limits or (values.min(), values.max())
    for ax, time in zip(axes, times, strict=True):
        cell_picture(result, key, time, ax, limits, colours, view, colorbar=False, scalebar=ax is axes[0])
        ax.set_title(f"{time:.0f} ms", fontsize="medium")
    figure: Any = axes[0].get_figure(root=True)
    bar = f"{label or label_of(result, key)} ({unit})"
    figure.colorbar(axes[-1].collections[-1], ax=list(axes), label=bar, shrink=0.6, pad=0.01)
    drawn: Figure = figure
    return drawn


def draw_cell(
    segments: geometry.Segments, values: np.ndarray, ax: Axes, view: str = "xy", colours: str | Colormap | None = None
) -> Any:
    """All segments at their true thickness, coloured by values of shape (n,) with NaN in grey.

    Returns the `matplotlib.collections.PolyCollection` of segments, for a colour bar; ``set_clim`` on it before the picture is
    drawn.
    """
    from matplotlib.collections import LineCollection, PolyCollection

    page = ["xyz".index(letter) for letter in view]
    low, high = (bound[page] for bound in segments.morphology.bounds())
    margin = 0.02 * (high - low).max()
    ax.set(xlim=(low[0] - margin, high[0] + margin), ylim=(low[1] - margin, high[1] + margin), aspect="equal")
    ax.axis("off")
    pieces = segment_pieces(segments)
    order = np.argsort(~np.isnan(values), kind="stable")  # what has a value is drawn above what has none
    style: dict[str, Any] = {
        "array": np.ma.masked_invalid(values[order]),
        "cmap": _colour_map(colours).with_extremes(bad="0.75"),
        "rasterized": True,
    }
    # A dendrite of 0.5 um is invisible in print: a hair line of the same colour keeps it in sight and closes joints.
    hair = LineCollection([pieces[i][:, page] for i in order], linewidths=0.6, capstyle="round", **style)
    body = PolyCollection([_outline(pieces[i][:, page], pieces[i][:, 3]) for i in order], linewidths=0, **style)
    body.callbacks.connect("changed", lambda changed: hair.set_clim(*changed.get_clim()))
    ax.add_collection(hair)
    ax.add_collection(body)
    return body


def segment_pieces(segments: geometry.Segments) -> list[np.ndarray]:
    """Points of each segment's piece of its section, its two ends included: n arrays of shape (k, 4), x y z diam in um."""
    pieces = []
    for index, section in enumerate(segments.morphology):
        count = segments.offset[index + 1] - segments.offset[index]
        arc, points = section.arc, section.points
        ends = np.linspace(0, arc[-1], count + 1)
        for k in range(count):
            inner = points[(arc > ends[k]) & (arc < ends[k + 1])]
            two = np.column_stack([np.interp(ends[k : k + 2], arc, points[:, column]) for column in range(4)])
            pieces.append(np.vstack([two[:1], inner, two[1:]]))
    return pieces


def _outline(line: np.ndarray, diam: np.ndarray) -> np.ndarray:
    """Polygon around a polyline of shape (k, 2) at half the diameter on both sides, shape (2 k, 2)."""
    along = np.gradient(line, axis=0)
    length = np.linalg.norm(along, axis=1, keepdims=True)
    across = np.column_stack([-along[:, 1], along[:, 0]]) / np.maximum(length, 1e-9)
    half = 0.5 * diam[:, None] * across
    return np.vstack([line + half, (line - half)[::-1]])


def scale_bar(ax: Axes, length: float | None = None, colour: str = "black") -> None:
    """A bar of a round length (um) in that lower corner of a picture of a cell which is emptier."""
    (left, right), (bottom, top) = ax.get_xlim(), ax.get_ylim()
    if length is None:
        wanted = 0.25 * max(right - left, 0.4 * (top - bottom))
        step = 10 ** np.floor(np.log10(wanted))
        length = float(step * max(m for m in (1, 2, 5) if m * step <= wanted))
    drawn = np.concatenate([path.vertices for lines in ax.collections for path in lines.get_paths()] or [np.zeros((0, 2))])
    low = drawn[drawn[:, 1] < bottom + 0.12 * (top - bottom), 0]
    at_left = int(np.sum(low < left + 1.2 * length)) <= int(np.sum(low > right - 1.2 * length))
    start = left if at_left else right - length
    ax.plot([start, start + length], [bottom, bottom], color=colour, linewidth=2, solid_capstyle="butt", clip_on=False)
    label: dict[str, Any] = {"textcoords": "offset points", "fontsize": "small", "color": colour, "ha": "center"}
    ax.annotate(f"{length:g} µm", (start + length / 2, bottom), (0, 3), **label)


def schematic(model: Any, names: Any = None, ax: Axes | None = None) -> Axes:
    """A model as boxes (regions with their species) and arrows (what crosses membranes).

    Parameters
    ----------
    model : Model
    names : dict of reaction to str, optional
        What to call reactions; without a name an arrow shows what it moves.
    ax : Axes, optional
    """
    from rxd.schematic import draw_model

    return draw_model(model, names or {}, _axes(ax, (7, 3.4)))


def colour_map() -> Colormap:
    """Pale orange to black: perceptually uniform, readable in grey and by the colour-blind, both ends visible on white."""
    import matplotlib as mpl
    from matplotlib.colors import ListedColormap

    return ListedColormap(mpl.colormaps["magma_r"](np.linspace(0.1, 0.94, 256)), "axoplasm")


def along_path(result: Results, key: Any, path: Selection) -> tuple[np.ndarray, np.ndarray]:
    """Distances from the root (um, rising, shape (k,)) and values (n_times, k) of the nodes on a path of sections."""
    trace, values = _recorded(result, key)
    segments = result.segments
    on_way = np.zeros(segments.n, dtype=bool)
    for section in path:
        after = [child for child in path if child.parent is not None and child.parent.index == section.index]
        end = max((float(section.morphology.parent_x[child.index]) for child in after), default=1.0)
        first, last = segments.offset[section.index], segments.offset[section.index + 1]
        on_way[first:last] = segments.x[first:last] <= end
    chosen = np.flatnonzero(on_way[trace.segment])
    if not chosen.size:
        message = f"'{trace.label}' does not exist on the path {path!r}. Choose a path in its region."
        raise DeclarationError(message)
    chosen = chosen[np.argsort(segments.path_distance[trace.segment[chosen]], kind="stable")]
    return segments.path_distance[trace.segment[chosen]], values[:, chosen]


def at_place(result: Results, label: str, place: Any) -> np.ndarray:
    """Values of a quantity at a location, shape (n_times,), recorded there or on all its nodes."""
    wanted = result.segments.index(place)
    for trace, values in zip(result.traces, result.values, strict=True):
        if trace.label == label and wanted in trace.segment:
            return values[:, int(np.flatnonzero(trace.segment == wanted)[0])]
    message = f"'{label}' was not recorded at {place!r}. Add it to record=[...] of sim.run."
    raise DeclarationError(message)


def shown_unit(result: Results, key: Any) -> tuple[float, str]:
    """Factor and unit in which a figure shows a quantity: concentrations in uM."""
    unit = _recorded(result, key)[0].unit
    return next(((factor, shown) for house, factor, shown in SHOWN_UNITS if house == unit), (1.0, unit or "1"))


def label_of(result: Results, key: Any) -> str:
    """Label of a recorded quantity, as an axis shows it."""
    return _recorded(result, key)[0].label


def _recorded(result: Results, key: Any) -> tuple[Any, np.ndarray]:
    """Trace over all its nodes and its values."""
    label = getattr(key, "name", key)
    for trace, values in zip(result.traces, result.values, strict=True):
        if trace.label == label and not trace.scalar:
            return trace, values
    recorded = ", ".join(trace.label for trace in result.traces if not trace.scalar) or "nothing"
    message = f"'{label}' was not recorded on all its nodes; recorded are: {recorded}. Add it to record=[...] of sim.run."
    raise DeclarationError(message)


def _traces(result: Results, label: str, places: Sequence[Any]) -> list[tuple[str, np.ndarray]]:
    """Names and values (n_times,) of a quantity at places, or wherever it was recorded on its own."""
    if places:
        return [(repr(place), at_place(result, label, place)) for place in places]
    found = [
        (repr(result.segments.location(int(trace.segment[0]))), values[:, 0])
        for trace, values in zip(result.traces, result.values, strict=True)
        if trace.label == label
    ]
    if not found:
        message = f"'{label}' was not recorded. Add rxd.v, or rxd.v(cell.soma(0.5)), to record=[...] of sim.run."
        raise DeclarationError(message)
    return found


def _colour_map(given: str | Colormap | None) -> Colormap:
    import matplotlib as mpl

    if given is None:
        return colour_map()
    return mpl.colormaps[given] if isinstance(given, str) else given


def _axes(ax: Axes | None, size: tuple[float, float]) -> Axes:
    import matplotlib.pyplot as plt

    return plt.subplots(figsize=size, layout="constrained")[1] if ax is None else ax


def _bare(ax: Axes) -> None:
    ax.spines[["top", "right"]].set_visible(False)
