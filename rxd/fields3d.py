"""Fields in space as labelled arrays: voxels of cells and of boxes over x, y and z.

In: a `rxd.Simulation` or `rxd.Results`, and a species or state that lives in voxels. Out: `xarray.DataArray`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.declare.species import Quantity
from rxd.errors import DeclarationError
from rxd.recording import Trace, resolve

if TYPE_CHECKING:
    import xarray as xr

    from rxd.results import Results
    from rxd.simulation import Simulation

__all__ = ["boundary_flow", "grid", "grid_of_results"]


def grid(sim: Simulation, key: Any) -> xr.DataArray:
    """Present values of a species or state in voxels, over ``x, y, z`` (middles of voxels, um); NaN where it is not.

    A place is found with ``grid(sim, k[ecs]).sel(x=3, y=0, z=-2, method="nearest")``, a voxel with ``.isel(x=0, y=4, z=2)``.

    Parameters
    ----------
    sim : Simulation
    key : symbol or label
        ``k[ecs]`` or ``ca[cyt]``.

    Raises
    ------
    DeclarationError
        If it has no voxels.
    """
    traces = resolve([key], sim.system, sim.discretization)
    if len(traces) > 1:
        message = f"{key!r} lives on several regions ({', '.join(t.label for t in traces)}); say which one is meant."
        raise DeclarationError(message)
    trace = traces[0]
    return _array(trace, sim.values(trace.label)[None], _voxels(trace)).isel(time=0, drop=True)


def grid_of_results(results: Results, key: Any) -> xr.DataArray:
    """What a run recorded of a species or state in voxels, over ``time, x, y, z``; NaN where it is not.

    Raises
    ------
    KeyError
        If it was not recorded.
    DeclarationError
        If it has no voxels.
    """
    label = key[key.regions[0]].name if isinstance(key, Quantity) and len(key.regions) == 1 else getattr(key, "name", key)
    found = [i for i, trace in enumerate(results.traces) if trace.label == label and not trace.scalar]
    if not found:
        recorded = ", ".join(dict.fromkeys(trace.label for trace in results.traces)) or "nothing"
        message = f"'{label}' was not recorded on all its nodes; recorded: {recorded}. Add it to record=[...]."
        raise KeyError(message)
    trace = results.traces[found[0]]
    array = _array(trace, results.values[found[0]], _voxels(trace))
    return array.assign_coords(time=("time", results.t, {"units": "ms"}))


def boundary_flow(sim: Simulation, key: Any) -> dict[str, float]:
    """Present flow into a box through each side at which a concentration is held, mM um3/ms.

    Parameters
    ----------
    sim : Simulation
    key : symbol or label
        ``k[ecs]``.
    """
    trace = resolve([key], sim.system, sim.discretization)[0]
    unknown = sim.system.unknown(trace.label)
    if unknown.region is None or not unknown.box:
        message = f"'{trace.label}' does not live in an extracellular box, so that nothing of it crosses a box's sides."
        raise DeclarationError(message)
    box, values = sim.discretization.regions[unknown.region].box, sim.values(trace.label)
    flows = {}
    for side, held in unknown.boundary:
        voxel, kappa = box.boundary(side)
        along = unknown.diffusion * unknown.axes["xyz".index(side[0])]
        flows[side] = float(along * kappa @ (held - values[voxel]))
    return flows


def _voxels(trace: Trace) -> np.ndarray:
    """Which nodes of a trace are voxels: those after the segments, or all."""
    first = trace.first_voxel
    if trace.scalar or trace.place is None or first >= len(trace.segment):
        message = f"'{trace.label}' has no voxels here: give its region dimension=3, or use an rxd.Extracellular."
        raise DeclarationError(message)
    return np.arange(first, len(trace.segment))


def _array(trace: Trace, values: np.ndarray, nodes: np.ndarray) -> xr.DataArray:
    """Values of shape (n_times, n_nodes) spread over the box around the voxels."""
    import xarray as xr

    assert trace.place is not None
    place = trace.place[nodes]
    axes, index = [], []
    for middle in place.T:
        low, spacing = middle.min(), _spacing(middle)
        number = np.rint((middle - low) / spacing).astype(np.int64)
        axes.append(low + spacing * np.arange(number.max() + 1))
        index.append(number)
    full = np.full((len(values), *(len(axis) for axis in axes)), np.nan)
    full[:, index[0], index[1], index[2]] = values[:, nodes]
    coordinates = {name: (name, axis, {"units": "um"}) for name, axis in zip("xyz", axes, strict=True)}
    return xr.DataArray(full, coordinates, ("time", "x", "y", "z"), trace.label, {"units": trace.unit})


def _spacing(middle: np.ndarray) -> float:
    """Edge of equal voxels from the places of their middles; 1 where all lie in one plane."""
    steps = np.diff(np.unique(np.round(middle, 9)))
    return float(steps.min()) if steps.size else 1.0
