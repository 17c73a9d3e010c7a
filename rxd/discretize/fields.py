"""Numbers per node behind the symbols of kernels: parameters, geometric factors, constants."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from cable.constants import FARADAY, FLUX_PER_CURRENT, MOLECULES_PER_MM_UM3, NA_PER_DENSITY, NF_PER_DENSITY
from geometry import Segments
from geometry.records import dataclass
from geometry.voxelize import VoxelGrid
from rxd.discretize.nodes import Nodes, evaluate
from rxd.discretize.records import LANES
from rxd.discretize.space import GroupNodes, RegionNodes, box_rows, factor_at, section_share, voxel_measures
from rxd.errors import DiscretizationError
from rxd.symbolic.thermal import thermal_number


@dataclass(frozen=True, slots=True)
class Sources:
    """What fields are computed from."""

    segments: Segments
    voxels: VoxelGrid | None
    regions: Mapping[str, RegionNodes]
    specs: Mapping[str, Any]
    cm: np.ndarray
    values: Mapping[Any, Any]
    points: tuple[Any, ...]
    celsius: float


def field_values(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    """Values of one field on the nodes of a group, shape (n,).

    Raises
    ------
    DiscretizationError
        For a volume that is not positive or a value that is not finite.
    """
    return FILLERS[field.kind](field, group, nodes, sources)


def pack(values: list[np.ndarray], n: int) -> np.ndarray:
    """Chunks of `LANES` nodes, shape (n_chunks, n_fields, LANES); the last chunk is padded with its last node."""
    chunks = -(-n // LANES)
    packed = np.empty((chunks, len(values), LANES))
    index = np.minimum(np.arange(chunks * LANES), n - 1).reshape(chunks, LANES)
    for row, value in enumerate(values):
        packed[:, row, :] = value[index]
    return packed


def _parameter(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    value, region = sources.values["parameter", field.args[0]]
    view = Nodes(sources.segments, region, nodes.segment, nodes.position)
    return evaluate(value, view, f"Parameter {field.args[0]}")


def _mechanism(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    value = sources.values["mechanism", *field.args]
    view = Nodes(sources.segments, "membrane", nodes.segment, lambda: sources.segments.position[nodes.segment])
    return evaluate(value, view, f"Parameter '{field.args[1]}' ({field.name})")


def _point(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    return np.array([float(dict(sources.points[index].parameters)[field.args[0]]) for index in group.points])


def _volume(name: str, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    """Volume of a region at the nodes of a group, um3."""
    region = sources.regions[name]
    if region.box is not None:
        rows = np.arange(len(nodes.segment)) if nodes.space == "box" else box_rows(region, nodes, sources.segments)
        volume = region.box.volume[rows]
        if sources.specs[name].swells:
            volume = volume / region.box.fraction.ravel()[rows]
    elif nodes.space in ("voxels", "surface"):
        volume = region.voxel_volume[region.voxel_row[nodes.voxel]]
    else:
        assert region.tree is not None
        volume = region.tree.volume[region.tree_row[nodes.segment]]
    if np.any(volume <= 0):
        worst = int(nodes.segment[np.argmin(volume)])
        section = sources.segments.morphology.names[sources.segments.section[worst]]
        message = (
            f"Region '{name}' has volume {volume.min():.3g} um3 in {section}: a species needs a positive volume. "
            f"Check the region's shape."
        )
        raise DiscretizationError(message)
    return volume


def _area(name: str, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    """Membrane area of a region at the nodes of a group, um2."""
    region = sources.regions[name]
    if nodes.space in ("voxels", "surface"):
        assert sources.voxels is not None
        return voxel_measures(sources.specs[name], sources.voxels)[1][nodes.voxel]
    assert region.tree is not None
    return region.tree.membrane_area[region.tree_row[nodes.segment]]


def _flux(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    """Molecules/um2/ms -> mM/ms: membrane area over molecules per mM of the region's volume.

    What sits on a membrane is an amount per area, in mM um: there the region's own area takes the place of the volume.
    """
    membrane, region = field.args
    size = _area if sources.specs[region].is_membrane else _volume
    return _area(membrane, nodes, sources) / (size(region, nodes, sources) * MOLECULES_PER_MM_UM3)


def _current(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    """mA/cm2 of monovalent ions -> mM/ms."""
    area = sources.segments.area[nodes.segment] * _taken(field.args[0], nodes, sources)
    if nodes.space == "surface":
        area = area * _share(field, group, nodes, sources)
    return FLUX_PER_CURRENT * area / (FARADAY * _volume(field.args[0], nodes, sources))


def _point_current(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    """nA of monovalent ions -> mM/ms."""
    taken = _taken(field.args[0], nodes, sources)
    return FLUX_PER_CURRENT * taken / (NA_PER_DENSITY * FARADAY * _volume(field.args[0], nodes, sources))


def _taken(name: str, nodes: GroupNodes, sources: Sources) -> np.ndarray | float:
    """Part of the currents through the membranes of segments that a region takes up there."""
    spec = sources.specs[name]
    if spec.box is not None or spec.shape.takes_all_currents:
        return 1.0
    if nodes.space in ("voxels", "surface"):
        return factor_at(spec.shape.voxel_fractions[1], nodes.segment)
    return _area(name, nodes, sources) / sources.segments.area[nodes.segment]


def _point_density(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    """nA -> mA/cm2."""
    return 1.0 / (NA_PER_DENSITY * sources.segments.area[nodes.segment])


def _area_ratio(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    """Area of a membrane region per plasma membrane of the segment."""
    return _area(field.args[0], nodes, sources) / sources.segments.area[nodes.segment]


def _capacitance(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    """mA/cm2 -> mV/ms."""
    return 1e3 / sources.cm[nodes.segment]


def _membrane(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    """nA -> mV/ms."""
    return 1.0 / (NF_PER_DENSITY * sources.cm[nodes.segment] * sources.segments.area[nodes.segment])


def _constant(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    return np.full(len(nodes.segment), float(sources.values["constant", *field.args]))


def _thermal(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    """What follows from the temperature."""
    return np.full(len(nodes.segment), thermal_number(field.args[0], sources.celsius))


def _one(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    """What steppers set: the part of a step that blocks of states are solved for, whether a pass is that of a rate."""
    return np.ones(len(nodes.segment))


def _share(field: Any, group: Any, nodes: GroupNodes, sources: Sources) -> np.ndarray:
    """Fraction of the segment's membrane in each membrane voxel."""
    assert sources.voxels is not None
    return section_share(sources.voxels, nodes.voxel)


FILLERS: Final[Mapping[str, Callable[[Any, Any, GroupNodes, Sources], np.ndarray]]] = MappingProxyType(
    {
        "parameter": _parameter,
        "mechanism": _mechanism,
        "point": _point,
        "flux": _flux,
        "current": _current,
        "point_current": _point_current,
        "point_density": _point_density,
        "area_ratio": _area_ratio,
        "capacitance": _capacitance,
        "membrane": _membrane,
        "constant": _constant,
        "share": _share,
        "thermal": _thermal,
        "theta": _one,
        "pass": _one,
    }
)
