"""Pictures of fields in space: slices through voxels, and the outside of voxels in perspective.

In: what `rxd.fields3d.grid` and `grid_of_results` give. Out: what matplotlib draws; functions take ``ax=`` and return the axes,
so that figures can be put together. matplotlib is loaded by the functions, not by importing this module.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rxd.errors import DeclarationError
from rxd.plotting import SHOWN_UNITS, colour_map

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from matplotlib.figure import Figure

    from geometry import Surface

__all__ = ["slice_picture", "slice_pictures", "solid_picture", "surface_picture"]

AXES: Final = ("x", "y", "z")
FACES: Final = (
    ((0, 0, 0), (0, 1, 0), (0, 1, 1), (0, 0, 1)),
    ((1, 0, 0), (1, 1, 0), (1, 1, 1), (1, 0, 1)),
    ((0, 0, 0), (1, 0, 0), (1, 0, 1), (0, 0, 1)),
    ((0, 1, 0), (1, 1, 0), (1, 1, 1), (0, 1, 1)),
    ((0, 0, 0), (1, 0, 0), (1, 1, 0), (0, 1, 0)),
    ((0, 0, 1), (1, 0, 1), (1, 1, 1), (0, 1, 1)),
)
"""Corners of the faces -x, +x, -y, +y, -z, +z of a voxel."""
LIGHT: Final = (0.3, -0.65, 0.7)
"""Direction of the light on smooth surfaces, in matplotlib's usual view."""


def slice_picture(
    field: xr.DataArray,
    ax: Axes | None = None,
    limits: Any = None,
    colours: Colormap | None = None,
    label: str | None = None,
    colorbar: bool = True,
    **plane: float,
) -> Axes:
    """One plane of a field, as colour; white where the field is not.

    Parameters
    ----------
    field : DataArray over x, y, z
    ax : Axes, optional
        Where to draw; a new figure without it.
    limits : (float, float), optional
        Values at the ends of the colour map, in the unit shown; default the range of the plane.
    colours : Colormap, optional
        Default `rxd.plotting.colour_map`.
    label : str, optional
        What the colour bar says; default the field's name. The unit is added.
    colorbar : bool
    **plane : float, um
        One of ``x=``, ``y=``, ``z=``; the nearest plane of voxels is shown. Default the middle along z.
    """
    import matplotlib.pyplot as plt

    axis, cut = _plane(field, plane)
    across, up = (name for name in AXES if name != axis)
    factor, unit = _shown(field)
    ax = plt.subplots(figsize=(4.5, 3.2), layout="constrained")[1] if ax is None else ax
    low, high = limits or (None, None)
    values = factor * cut.transpose(up, across).to_numpy()
    edges = [_borders(field[name].to_numpy()) for name in (across, up)]
    image = ax.pcolormesh(*edges, values, cmap=colours or colour_map(), vmin=low, vmax=high, rasterized=True)
    ax.set(xlabel=f"{across} (µm)", ylabel=f"{up} (µm)", aspect="equal")
    if colorbar:
        ax.figure.colorbar(image, ax=ax, label=f"{label or field.name} ({unit})")
    return ax


def slice_pictures(
    field: xr.DataArray,
    times: Sequence[float],
    limits: Any = None,
    colours: Colormap | None = None,
    label: str | None = None,
    **plane: float,
) -> Figure:
    """One plane at several times (ms) side by side, with one colour bar (see `slice_picture`)."""
    import matplotlib.pyplot as plt

    axis, cut = _plane(field, plane)
    frames = [cut.sel(time=time, method="nearest") for time in times]
    factor, unit = _shown(field)
    limits = limits or (factor * min(float(f.min()) for f in frames), factor * max(float(f.max()) for f in frames))
    figure, axes = plt.subplots(
        1, len(times), figsize=(2.4 * len(times) + 0.6, 2.4), sharex=True, sharey=True, layout="constrained", squeeze=False
    )
    for ax, time in zip(axes[0], times, strict=True):
        at = field.sel(time=time, method="nearest")
        here: dict[str, Any] = {axis: float(cut[axis])}
        slice_picture(at, ax, limits, colours, colorbar=False, **here)
        ax.set_title(f"{float(at.time):g} ms", fontsize="medium")
        ax.label_outer()
    figure.colorbar(axes[0, -1].collections[0], ax=list(axes[0]), label=f"{label or field.name} ({unit})")
    return figure


def solid_picture(
    field: xr.DataArray,
    ax: Any = None,
    above: float | None = None,
    limits: Any = None,
    colours: Colormap | None = None,
    label: str | None = None,
) -> Any:
    """The outer faces of the voxels in perspective, coloured by the field: a cell, or with ``above=`` the body inside a level.

    Parameters
    ----------
    field : DataArray over x, y, z
        NaN outside the cell.
    ax : Axes3D, optional
        Where to draw (``subplot_kw={"projection": "3d"}``); a new figure without it.
    above : float, optional
        Only voxels with at least this value, in the unit of the field.
    limits, colours, label
        As for `slice_picture`.

    Raises
    ------
    DeclarationError
        If no voxel is left to be drawn.
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import Normalize
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection  # type: ignore[import-untyped]

    _check_axes(field)
    factor, unit = _shown(field)
    values = factor * field.transpose(*AXES).to_numpy()
    shown = np.isfinite(values) if above is None else values >= factor * above
    if not shown.any():
        wanted = "a number" if above is None else f"{above:g}"
        message = (
            f"There is nothing to draw: no voxel of '{field.name}' reaches {wanted}; the largest is {float(field.max()):g}."
        )
        raise DeclarationError(message)
    polygons, colour, shade = _outside(field, values, shown)
    norm = Normalize(*(limits or (np.nanmin(values[shown]), np.nanmax(values[shown]))))
    scheme = colours or colour_map()
    paint = scheme(norm(colour))
    paint[:, :3] *= shade[:, None]
    if ax is None:
        ax = plt.subplots(figsize=(5, 4), subplot_kw={"projection": "3d"}, layout="constrained")[1]
    ax.add_collection3d(Poly3DCollection(polygons, facecolors=paint, edgecolors="none"))
    ends = [(edges[0], edges[-1]) for edges in (_borders(field[name].to_numpy()) for name in AXES)]
    ax.set(xlim=ends[0], ylim=ends[1], zlim=ends[2], xlabel="x (µm)", ylabel="y (µm)", zlabel="z (µm)")
    ax.set_box_aspect([high - low for low, high in ends])
    ax.figure.colorbar(plt.cm.ScalarMappable(norm, scheme), ax=ax, label=f"{label or field.name} ({unit})", shrink=0.6, pad=0.1)
    return ax


def surface_picture(
    surface: Surface,
    values: Any = None,
    ax: Any = None,
    limits: Any = None,
    colours: Colormap | None = None,
    label: str = "",
) -> Any:
    """A smooth surface in perspective, lit from the upper left: the membrane of a cell, or where a field has a level.

    Parameters
    ----------
    surface : geometry.Surface
        From `geometry.isosurface`.
    values : array, shape (m,), optional
        Numbers per quadrilateral, such as ``sim.values("ca[cyt]")[surface.voxel]`` where all of a region is in voxels; grey
        without.
    ax : Axes3D, optional
        Where to draw (``subplot_kw={"projection": "3d"}``); a new figure without it.
    limits, colours
        As for `slice_picture`.
    label : str
        What the colour bar says, with the unit.
    """
    import matplotlib.pyplot as plt
    from matplotlib.colors import Normalize
    from mpl_toolkits.mplot3d.art3d import Poly3DCollection

    light = surface.normals[surface.quads].mean(axis=1) @ LIGHT
    bright = 0.45 + 0.55 * np.clip(light, 0, 1)
    scheme = colours or colour_map()
    if ax is None:
        ax = plt.subplots(figsize=(5, 4), subplot_kw={"projection": "3d"}, layout="constrained")[1]
    paint = np.full((len(surface), 4), (0.72, 0.74, 0.78, 1.0))
    if values is not None:
        shown = np.asarray(values, dtype=float)
        norm = Normalize(*(limits or (np.nanmin(shown), np.nanmax(shown))))
        paint = scheme(norm(shown))
        ax.figure.colorbar(plt.cm.ScalarMappable(norm, scheme), ax=ax, label=label, shrink=0.6, pad=0.1)
    paint[:, :3] *= bright[:, None]
    ax.add_collection3d(Poly3DCollection(surface.points[surface.quads], facecolors=paint, edgecolors=paint, linewidths=0.2))
    low, high = surface.points.min(axis=0), surface.points.max(axis=0)
    ends = list(zip(low, high, strict=True))
    ax.set(xlim=ends[0], ylim=ends[1], zlim=ends[2], xlabel="x (µm)", ylabel="y (µm)", zlabel="z (µm)")
    ax.set_box_aspect(np.maximum(high - low, 1e-9))
    return ax


def _outside(field: xr.DataArray, values: np.ndarray, shown: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Faces between voxels that are shown and those that are not: corners (n, 4, 3), value, and brightness by direction."""
    low = np.array([_borders(field[name].to_numpy())[0] for name in AXES])
    edge = np.array([np.diff(_borders(field[name].to_numpy())[:2])[0] for name in AXES])
    padded = np.pad(shown, 1)
    polygons, colour, shade = [], [], []
    for number, corners in enumerate(FACES):
        axis, step = number // 2, 1 if number % 2 else -1
        beside = np.roll(padded, -step, axis=axis)[1:-1, 1:-1, 1:-1]
        at = np.argwhere(shown & ~beside)
        polygons.append(low + (at[:, None, :] + np.array(corners)) * edge)
        colour.append(values[tuple(at.T)])
        shade.append(np.full(len(at), (0.85, 0.75, 1.0)[axis]))
    return np.concatenate(polygons), np.concatenate(colour), np.concatenate(shade)


def _plane(field: xr.DataArray, plane: dict[str, float]) -> tuple[str, xr.DataArray]:
    """The axis across a plane, and the field in it."""
    _check_axes(field)
    if not plane:
        plane = {"z": float(field.z.mean())}
    if len(plane) != 1 or next(iter(plane)) not in AXES:
        message = f"A slice is at one x=, y= or z= (um); got {', '.join(plane)}."
        raise DeclarationError(message)
    return next(iter(plane)), field.sel(plane, method="nearest")


def _check_axes(field: xr.DataArray) -> None:
    if not set(AXES) <= set(getattr(field, "dims", ())):
        message = f"A field over x, y and z is needed, as sim.grid(ca[cyt]) gives it; got {type(field).__name__}."
        raise DeclarationError(message)


def _borders(middles: np.ndarray) -> np.ndarray:
    """Borders of equal voxels from their middles."""
    edge = middles[1] - middles[0] if len(middles) > 1 else 1.0
    return np.append(middles - 0.5 * edge, middles[-1] + 0.5 * edge)


def _shown(field: xr.DataArray) -> tuple[float, str]:
    """Factor to the unit shown, and its name."""
    unit = field.attrs.get("units", "")
    return next(((factor, shown) for house, factor, shown in SHOWN_UNITS if house == unit), (1.0, unit or "1"))
