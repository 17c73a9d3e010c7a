"""Numbers per node behind the symbols of kernels: parameters, geometric factors, constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
from cable.constants import FARADAY, MOLECULES_PER_MM_UM3
from geometry import Mesh, Segments

from rxd.discretize.nodes import evaluate, make_nodes
from rxd.discretize.records import LANES
from rxd.errors import DiscretizationError


@dataclass(frozen=True, slots=True)
class Sources:
    """What fields are computed from."""

    segments: Segments
    meshes: Mapping[str, Mesh]
    row: Mapping[str, np.ndarray]
    cm: np.ndarray
    values: Mapping[Any, Any]
    points: tuple[Any, ...]


def field_values(field: Any, group: Any, segment: np.ndarray, sources: Sources) -> np.ndarray:
    """Values of one field on the nodes of a group, shape (n,).

    Raises
    ------
    DiscretizationError
        For a volume that is not positive or a value that is not finite.
    """
    return FILLERS[field.kind](field, group, segment, sources)


def pack(values: list[np.ndarray], n: int) -> np.ndarray:
    """Chunks of `LANES` nodes, shape (n_chunks, n_fields, LANES); the last chunk is padded with its last node."""
    chunks = -(-n // LANES)
    packed = np.empty((chunks, len(values), LANES))
    index = np.minimum(np.arange(chunks * LANES), n - 1).reshape(chunks, LANES)
    for row, value in enumerate(values):
        packed[:, row, :] = value[index]
    return packed


def _parameter(field: Any, group: Any, segment: np.ndarray, sources: Sources) -> np.ndarray:
    value, region = sources.values["parameter", field.args[0]]
    return evaluate(value, make_nodes(sources.segments, segment, region), f"Parameter {field.args[0]}")


def _mechanism(field: Any, group: Any, segment: np.ndarray, sources: Sources) -> np.ndarray:
    value = sources.values["mechanism", *field.args]
    return evaluate(value, make_nodes(sources.segments, segment, "membrane"), f"Parameter '{field.args[1]}' ({field.name})")


def _point(field: Any, group: Any, segment: np.ndarray, sources: Sources) -> np.ndarray:
    return np.array([float(dict(sources.points[index].parameters)[field.args[0]]) for index in group.points])


def _on_region(name: str, quantity: str, segment: np.ndarray, sources: Sources) -> np.ndarray:
    """A mesh array of a region at the given segments."""
    return getattr(sources.meshes[name], quantity)[sources.row[name][segment]]


def _volume(name: str, segment: np.ndarray, sources: Sources) -> np.ndarray:
    volume = _on_region(name, "volume", segment, sources)
    if np.any(volume <= 0):
        worst = int(segment[np.argmin(volume)])
        section = sources.segments.morphology.names[sources.segments.section[worst]]
        message = f"Region '{name}' has volume {volume.min():.3g} um3 in {section}: a species needs a positive volume. Check the region's shape."
        raise DiscretizationError(message)
    return volume


def _flux(field: Any, group: Any, segment: np.ndarray, sources: Sources) -> np.ndarray:
    """Molecules/um2/ms -> mM/ms: membrane area over molecules per mM of the region's volume."""
    membrane, region = field.args
    area = _on_region(membrane, "membrane_area", segment, sources)
    return area / (_volume(region, segment, sources) * MOLECULES_PER_MM_UM3)


def _current(field: Any, group: Any, segment: np.ndarray, sources: Sources) -> np.ndarray:
    """mA/cm2 of monovalent ions -> mM/ms."""
    return 1e4 * sources.segments.area[segment] / (FARADAY * _volume(field.args[0], segment, sources))


def _area_ratio(field: Any, group: Any, segment: np.ndarray, sources: Sources) -> np.ndarray:
    """Area of a membrane region per plasma membrane of the segment."""
    return _on_region(field.args[0], "membrane_area", segment, sources) / sources.segments.area[segment]


def _capacitance(field: Any, group: Any, segment: np.ndarray, sources: Sources) -> np.ndarray:
    """mA/cm2 -> mV/ms."""
    return 1e3 / sources.cm[segment]


def _membrane(field: Any, group: Any, segment: np.ndarray, sources: Sources) -> np.ndarray:
    """nA -> mV/ms."""
    return 1.0 / (1e-5 * sources.cm[segment] * sources.segments.area[segment])


def _constant(field: Any, group: Any, segment: np.ndarray, sources: Sources) -> np.ndarray:
    return np.full(len(segment), float(sources.values["constant", *field.args]))


FILLERS: Final[Mapping[str, Callable[[Any, Any, np.ndarray, Sources], np.ndarray]]] = MappingProxyType({
    "parameter": _parameter,
    "mechanism": _mechanism,
    "point": _point,
    "flux": _flux,
    "current": _current,
    "area_ratio": _area_ratio,
    "capacitance": _capacitance,
    "membrane": _membrane,
    "constant": _constant,
})
