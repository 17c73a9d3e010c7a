"""Results: labelled arrays with units and positions, spikes, statistics and why the run stopped."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cable import IClamp, SEClamp
from geometry import Segments
from geometry.records import dataclass
from rxd.declare.species import Quantity
from rxd.declare.symbols import Probe
from rxd.recording import Trace
from rxd.solve.problem import Reason, Statistics

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, slots=True, eq=False)
class Results:
    """What a run recorded.

    Attributes
    ----------
    t : ndarray, shape (n_times,), ms
    traces : tuple of Trace
    values : tuple of ndarray, shape (n_times, n_nodes)
        One per trace.
    spikes : dict of str to ndarray
        Spike times (ms) by place of the detector.
    statistics : Statistics
    reason : Reason
    segments : geometry.Segments
    """

    t: np.ndarray
    traces: tuple[Trace, ...]
    values: tuple[np.ndarray, ...]
    spikes: dict[str, np.ndarray]
    statistics: Statistics
    reason: Reason
    segments: Segments

    def __getitem__(self, key: Any) -> xr.DataArray:
        """A recorded quantity by symbol, probe or label, as `xarray.DataArray` with dimensions time and node."""
        return self._array(self._find(key))

    def __contains__(self, key: Any) -> bool:
        try:
            self._find(key)
        except KeyError:
            return False
        return True

    def dataset(self) -> xr.Dataset:
        """Everything as one `xarray.Dataset`."""
        import xarray as xr

        arrays = {}
        for index, trace in enumerate(self.traces):
            name = _file_name(trace, self.segments)
            while name in arrays:  # clamps of one kind at one place
                name += "'"
            arrays[name] = self._array(index).rename({"node": f"node_{name}"} if not trace.scalar else {})
            if not trace.scalar:
                arrays[name] = arrays[name].rename({c: f"{c}_{name}" for c in arrays[name].coords if c not in ("time", "node")})
        dataset = xr.Dataset({name: array.drop_vars("place", errors="ignore") for name, array in arrays.items()})
        for place, times in self.spikes.items():
            dataset[f"spikes {place}"] = ((f"spike {place}",), times, {"units": "ms"})
        statistics = self.statistics
        dataset.attrs = {
            "software": "axoplasm",
            "reason": self.reason.value,
            "steps": statistics.steps,
            "rejected_steps": statistics.rejected,
            "solves": statistics.solves,
            "seconds": statistics.seconds,
        }
        return dataset

    def save(self, path: str | Path) -> Path:
        """Write everything as NetCDF; the file appears whole or not at all."""
        target = Path(path)
        partial = target.with_name(target.name + ".part")
        self.dataset().to_netcdf(partial, engine="h5netcdf")
        partial.replace(target)
        return target

    def _find(self, key: Any) -> int:
        if isinstance(key, (IClamp, SEClamp)):
            return self._find_clamp(key)
        label, location = _label(key)
        wanted = None if location is None else self.segments.index(location)
        found = [index for index, trace in enumerate(self.traces) if trace.label == label]
        if wanted is None:
            whole = [index for index in found if not self.traces[index].scalar]
            if whole or len(found) == 1:
                return (whole or found)[0]
            if found:
                message = f"'{label}' was recorded at {len(found)} places: say at which, as in results[rxd.v(place)]."
                raise KeyError(message)
        for index in found:
            if self.traces[index].scalar and self.traces[index].segment[0] == wanted:
                return index
        recorded = ", ".join(dict.fromkeys(trace.label for trace in self.traces)) or "nothing"
        place = "" if location is None else f" at {location!r}"
        message = f"'{label}' was not recorded{place}; recorded: {recorded}. Add it to record=[...]."
        raise KeyError(message)

    def _find_clamp(self, clamp: Any) -> int:
        for index, trace in enumerate(self.traces):
            if trace.clamp == clamp:
                return index
        kind = type(clamp).__name__
        message = f"The current of {kind} at {clamp.location!r} was not recorded. Add the clamp to record=[...]."
        raise KeyError(message)

    def _array(self, index: int) -> xr.DataArray:
        import xarray as xr

        trace, values = self.traces[index], self.values[index]
        attributes = {"units": trace.unit, "long_name": trace.label}
        time = ("time", self.t, {"units": "ms"})
        if trace.scalar:
            place = repr(self.segments.location(int(trace.segment[0])))
            return xr.DataArray(values[:, 0], {"time": time, "place": place}, ("time",), trace.label, attributes)
        names, outside = np.array([*self.segments.morphology.names, "outside"]), trace.segment < 0
        distance = np.where(outside, np.nan, self.segments.path_distance[trace.segment])
        coordinates = {
            "time": time,
            "section": ("node", names[np.where(outside, -1, self.segments.section[trace.segment])]),
            "x": ("node", np.where(outside, np.nan, self.segments.x[trace.segment])),
            "path_distance": ("node", distance, {"units": "um"}),
        }
        if trace.place is not None:
            for axis, name in enumerate(("x_um", "y_um", "z_um")):
                coordinates[name] = ("node", trace.place[:, axis], {"units": "um"})
        return xr.DataArray(values, coordinates, ("time", "node"), trace.label, attributes)

    def __repr__(self) -> str:
        labels = ", ".join(f"{trace.label} ({len(trace.segment)})" for trace in self.traces) or "nothing"
        spikes = sum(len(times) for times in self.spikes.values())
        return f"Results({len(self.t)} times; {labels}; {spikes} spikes; {self.statistics.steps} steps. {self.reason.value})"


def _label(key: Any) -> tuple[str, Any]:
    if isinstance(key, Probe):
        return key.label, key.location
    if isinstance(key, Quantity):
        return key[key.regions[0]].name if len(key.regions) == 1 else key.name, None
    return getattr(key, "name", key), None


def _file_name(trace: Trace, segments: Segments) -> str:
    if not trace.scalar:
        return trace.label
    return f"{trace.label} at {segments.location(int(trace.segment[0]))!r}"
