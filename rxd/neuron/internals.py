"""Names NEURON keeps for itself, which its tests and some scripts use all the same.

In: an object and such a name. Out: what NEURON has there, computed from the session each time somebody looks.
"""

from __future__ import annotations

import importlib
import sys
import types
import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.session import current_session

if TYPE_CHECKING:
    from rxd.neuron.space.nodes import NodeTable

__all__ = [
    "Along", "Guarded", "Instance", "guard_modules", "instances", "kept_nodes", "module_name", "region_name", "state_indices",
]  # fmt: skip

NAMES = frozenset("_all_species _all_regions _all_reactions _has_1d _has_3d _states _volumes _surface_area".split())


class Guarded(types.ModuleType):
    """A module that lets scripts assign to NEURON's internals without effect: what is there follows from the session."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in getattr(self, "INTERNALS", ()):
            super().__setattr__(name, value)


def guard_modules() -> None:
    """Guard the modules of rxd that are loaded; `rxd.rxd` is, since finalizers of scripts look for it when Python ends."""
    importlib.import_module("rxd.neuron.rxd.rxd")
    for name, module in list(sys.modules.items()):
        if name.startswith("rxd.neuron.rxd.") and hasattr(module, "INTERNALS"):
            module.__class__ = Guarded


def module_name(name: str) -> Any:
    """A list or array NEURON keeps in a module.

    Raises
    ------
    AttributeError
        For other names.
    """
    if name not in NAMES:
        raise AttributeError(f"module has no attribute {name!r}")
    from rxd.neuron.rxd.reactions import GeneralizedReaction
    from rxd.neuron.rxd.region import Extracellular, Region
    from rxd.neuron.rxd.species import Quantity

    chemistry = current_session().chemistry
    kinds = {"_all_species": Quantity, "_all_regions": (Region, Extracellular), "_all_reactions": GeneralizedReaction}
    if name in kinds:
        return [weakref.ref(thing) for thing in chemistry.of(kinds[name])]  # type: ignore[arg-type]
    if name in {"_has_1d", "_has_3d"}:
        regions = chemistry.of(Region)
        return any(chemistry.cutting.voxel_records(r) if name == "_has_3d" else _flat(chemistry, r) for r in regions)
    return _flat_nodes(chemistry, {"_volumes": "volume", "_surface_area": "area"}.get(name))


def _flat(chemistry: Any, region: Any) -> list[Any]:
    return [record for record in region.living if not chemistry.cutting.is_3d(record, region)]


def _flat_nodes(chemistry: Any, size: str | None) -> np.ndarray:
    """Values or sizes of all nodes that are segments, in NEURON's order; its nodes without volume, ends of sections, are 0."""
    total, places = _order(chemistry)
    found = np.zeros(total)
    for quantity, region, nodes, where in places:
        table = chemistry.table(region)
        found[where] = (quantity.values(region) if size is None else getattr(table, size))[nodes]
    return found


def state_indices(quantity: Any, region: Any, secs: Any = None) -> list[int]:
    """Where the nodes of a species that are segments are in NEURON's array of all; (None) of all regions, of all sections.

    Of several regions: in the sections that all of them have.
    """
    chemistry = quantity.session.chemistry
    chosen = [secs] if secs is None or hasattr(secs, "record") else secs
    wanted = None if secs is None else {section.record.id for section in chosen}
    regions = None if region is None else [region] if hasattr(region, "nrn_region") else list(region)
    if wanted is None and regions is not None and len(regions) > 1:
        wanted = set.intersection(*({record.id for record in place.living} for place in regions))
    found: list[int] = []
    for one, place, nodes, where in _order(chemistry)[1]:
        if one is quantity and (regions is None or any(place is other for other in regions)):
            table = chemistry.table(place)
            found += [
                int(i)
                for node, i in zip(nodes, where, strict=True)
                if wanted is None or table.records[table.record[node]].id in wanted
            ]
    return found


def _order(chemistry: Any) -> tuple[int, list[tuple[Any, Any, np.ndarray, np.ndarray]]]:
    """How many nodes NEURON counts; every species and region with its nodes that are segments, and their places among all.

    NEURON also counts the ends of sections: one for each section that has no parent in its region, before the species, and the
    far end of every section, after its segments.
    """
    at, places = 0, []
    for quantity in chemistry.quantities:
        blocks, roots = [], 0
        for region in quantity.regions:
            table = chemistry.table(region)
            nodes = np.flatnonzero(table.dimension == 1)
            number = table.record[nodes]
            last = np.append(number[1:] != number[:-1], len(number) > 0)[: len(nodes)]
            here = {table.records[n].id for n in number[last]}
            roots += sum(1 for n in number[last] if (p := table.records[n].parent) is None or p.id not in here)
            blocks.append((region, nodes, np.arange(len(nodes)) + np.cumsum(last) - last, len(nodes) + int(last.sum())))
        at += roots
        for region, nodes, where, length in blocks:
            places.append((quantity, region, nodes, at + where))
            at += length
    return at, places


class Instance:
    """A species in the voxels of a region; `states` are its concentrations there."""

    __slots__ = ("_region", "_species")

    def __init__(self, species: Any, region: Any) -> None:
        self._species, self._region = species, region

    @property
    def states(self) -> np.ndarray:
        """Concentrations of the voxels: of a box as an array (nx, ny, nz); write into it to set them."""
        here: Any = self._species[self._region]
        return np.asarray(here.states3d if hasattr(self._region, "shape") else here.states3D)

    @property
    def _grid_id(self) -> int:
        return int(self._species.number)


def instances(species: Any, name: str) -> dict[Any, Instance]:
    """The `_intracellular_instances` or `_extracellular_instances` of a species."""
    outside = name == "_extracellular_instances"
    regions = [region for region in species.regions if hasattr(region, "shape") == outside]
    return {r: Instance(species, r) for r in regions if outside or species.session.chemistry.cutting.voxel_records(r)}


def kept_nodes(species: Any, name: str) -> Any:
    """The `_secs` of a species (sections with nodes along them), or its nodes in voxels of cells (by region) or of boxes."""
    if name == "_extracellular_nodes":
        return [node for node in species.nodes if hasattr(node.region, "shape")]
    if name == "_intracellular_nodes":
        cells = [region for region in species.regions if not hasattr(region, "shape")]
        nodes = {region: [node for node in species[region].nodes if type(node).__name__ == "Node3D"] for region in cells}
        return {region: found for region, found in nodes.items() if found}
    along: dict[tuple[Any, Any], list[Any]] = {}
    for node in species.nodes:
        if type(node).__name__ == "Node1D":
            along.setdefault((node.region, node.sec), []).append(node)
    return [Along(section, region, nodes) for (region, section), nodes in along.items()]


class Along:
    """NEURON's Section1D: the nodes of a species along a section."""

    __slots__ = ("_region", "_sec", "nodes")

    def __init__(self, section: Any, region: Any, nodes: list[Any]) -> None:
        self._sec, self._region, self.nodes = section, region, nodes

    @property
    def nseg(self) -> int:
        """Number of segments."""
        return int(self._sec.nseg)


def region_name(region: Any, name: str) -> Any:
    """What NEURON keeps of the voxels of a region.

    Raises
    ------
    AttributeError
        For other names, and for a region without voxels.
    """
    chemistry = region.session.chemistry
    if name == "_secs":
        return [record.section for record in region.living]
    if name in {"_secs1d", "_secs3d"}:
        return [record.section for record in region.living if chemistry.cutting.is_3d(record, region) == (name == "_secs3d")]
    known = {"_xs", "_ys", "_zs", "_points", "_vol", "_sa", "_nodes_by_seg", "_surface_nodes_by_seg", "_mesh_grid"}
    if name not in known or not chemistry.cutting.voxel_records(region):
        raise AttributeError(f"'Region' object has no attribute '{name}'")
    table = chemistry.table(region)
    voxels = np.flatnonzero(table.dimension == 3)
    if name in {"_vol", "_sa"}:
        return (table.volume if name == "_vol" else table.area)[voxels]
    if name in {"_nodes_by_seg", "_surface_nodes_by_seg"}:
        return _by_segment(table, voxels, name == "_surface_nodes_by_seg")
    grid = chemistry.cutting.grid_of(region)
    corner, dx = grid.voxels.origin, grid.dx
    if name == "_mesh_grid":
        ends = {
            f"{axis}{end}": at
            for axis, *pair in zip("xyz", corner, grid.far, strict=True)
            for end, at in zip(("lo", "hi"), pair, strict=True)
        }
        return {**ends, "dx": dx, "dy": dx, "dz": dx}
    places = np.floor((table.position[voxels] - corner) / dx + 1e-6).astype(int)
    if name == "_points":
        return [tuple(place) for place in places.tolist()]
    return tuple(places[:, "xyz".index(name[1])].tolist())


def _by_segment(table: NodeTable, voxels: np.ndarray, at_surface: bool) -> dict[int, list[int]]:
    """Voxels (counted from the first) of every segment, by number of the segment."""
    offset = np.cumsum([0, *(record.nseg for record in table.records)])
    found: dict[int, list[int]] = {}
    for number, voxel in enumerate(voxels.tolist()):
        if not at_surface or table.area[voxel] > 0:
            found.setdefault(int(offset[table.record[voxel]] + table.place[voxel]), []).append(number)
    return found
