"""Which nodes share equations: groups of segments, voxels, membrane voxels, extracellular boxes and point processes.

In: the tables of a model and the places of its reactions. Out: the `LocalSystem` of each group.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rxd.declare.mechanism import PointMechanism
from rxd.declare.region import Extracellular
from rxd.declare.species import Parameter
from rxd.symbolic.group import build_group, build_point_group, is_surface_current
from rxd.symbolic.placement import Place
from rxd.symbolic.system import LocalSystem, Space
from rxd.symbolic.tables import Tables

Signature = tuple[Any, ...]


def build_groups(tables: Tables, places: list[Place]) -> tuple[LocalSystem, ...]:
    """All groups: segments first (they cover every section), then voxels, membrane voxels, boxes and point processes."""
    spaces = {(i, section): place.space(section) for i, place in enumerate(places) for section in place.sections}

    def acting(space: Space, section: int) -> tuple[int, ...]:
        return tuple(i for i in range(len(places)) if spaces.get((i, section)) == space)

    def on_segments(section: int) -> Signature:
        present = tuple(
            s for s, where in tables.presence.items() if section in where and not isinstance(s.region, Extracellular)
        )
        inserted = tuple(i for i, (_, where) in enumerate(tables.inserted) if section in where)
        return present, acting("segments", section), inserted

    def in_voxels(section: int) -> Signature:
        return _voxel_symbols(tables, section, surface=False), acting("voxels", section), ()

    def at_surface(section: int) -> Signature:
        inserted = tuple(
            i
            for i, (mechanism, where) in enumerate(tables.inserted)
            if section in where and any(is_surface_current(tables, current, (section,)) for current in mechanism.currents)
        )
        return _voxel_symbols(tables, section, surface=True), acting("surface", section), inserted

    groups = _by_signature(tables, places, "segments", "group", on_segments)
    groups += _by_signature(tables, places, "voxels", "voxels", in_voxels)
    groups += _by_signature(tables, places, "surface", "surface", at_surface)
    return (*groups, *_box_groups(tables, places), *_point_groups(tables))


def _voxel_symbols(tables: Tables, section: int, surface: bool) -> tuple[Any, ...]:
    """Species and states in voxels of a section: those of the whole volume, or those of the plasma membrane."""
    return tuple(
        symbol
        for symbol, where in tables.voxel_presence.items()
        if section in where
        and not isinstance(symbol.owner, Parameter)
        and not isinstance(symbol.region, Extracellular)
        and symbol.region is not None
        and symbol.region.on_cell_surface == surface
    )


def _by_signature(
    tables: Tables, places: list[Place], space: Space, prefix: str, signature: Callable[[int], Signature]
) -> list[LocalSystem]:
    """Sections with equal signatures, in order of their first section; voxel groups leave out sections where nothing is."""
    found: dict[Signature, list[int]] = {}
    for section in range(len(tables.model.morphology.names)):
        key = signature(section)
        if space == "segments" or any(key):
            found.setdefault(key, []).append(section)
    return [
        build_group(tables, f"{prefix}{number}", space, tuple(sections), present, [places[i] for i in acting], inserted)
        for number, ((present, acting, inserted), sections) in enumerate(found.items())
    ]


def _box_groups(tables: Tables, places: list[Place]) -> list[LocalSystem]:
    """One group per extracellular box, with the reactions that happen inside it."""
    groups: list[LocalSystem] = []
    for number, region in enumerate(r for r in tables.model.regions if isinstance(r, Extracellular)):
        inside = [place for place in places if not place.sections and place.regions and place.regions[0] is region]
        present = tuple(
            symbol for symbol in tables.presence if symbol.region is region and not isinstance(symbol.owner, Parameter)
        )
        groups.append(build_group(tables, f"box{number}", "box", (0,), present, inside, (), region.name))
    return groups


def _equations_of(mechanism: PointMechanism) -> Signature:
    """What two point mechanisms must share to be the same equations with other numbers."""
    shared = (mechanism.name, mechanism.gates, mechanism.currents, tuple(mechanism.parameters))
    return (*shared, tuple(mechanism.ions.items()), tuple(mechanism.on_event.items()))


def _point_groups(tables: Tables) -> list[LocalSystem]:
    """Point processes of one mechanism form one group, wherever they sit; names differ from those of density mechanisms."""
    kinds: dict[Any, list[int]] = {}
    for index, process in enumerate(tables.model.point_processes):
        kinds.setdefault(_equations_of(process.mechanism), []).append(index)
    names = {mechanism.name for mechanism, _ in tables.inserted}
    groups = []
    for number, members in enumerate(kinds.values()):
        mechanism = tables.model.point_processes[members[0]].mechanism
        name, suffix = mechanism.name, max(number, 1)
        while name in names:
            name, suffix = f"{mechanism.name}_{suffix}", suffix + 1
        names.add(name)
        groups.append(build_point_group(tables, f"points{number}", name, mechanism, tuple(members)))
    return groups
