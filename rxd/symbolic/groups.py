"""Which nodes share equations: groups of segments, voxels, membrane voxels, extracellular boxes and point processes.

In: the tables of a model and the places of its reactions. Out: the `LocalSystem` of each group.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

from rxd.declare.mechanism import PointMechanism
from rxd.declare.region import Extracellular
from rxd.declare.species import Parameter
from rxd.declare.symbols import IonSymbol
from rxd.symbolic.group import build_group, build_point_group, surface_sections
from rxd.symbolic.placement import Place
from rxd.symbolic.system import LocalSystem, Space
from rxd.symbolic.tables import Tables

Signature = tuple[Any, ...]
Members = dict[Any, frozenset[int]]
"""Quantities, numbers of reactions or of insertions, and the sections where each is."""


def build_groups(tables: Tables, places: list[Place]) -> tuple[LocalSystem, ...]:
    """All groups: segments first (they cover every section), then voxels, membrane voxels, boxes and point processes."""
    spaces = [place.by_space() for place in places]

    def acting(space: Space) -> Members:
        return {i: found[space] for i, found in enumerate(spaces) if space in found}

    flat = {s: where for s, where in tables.presence.items() if not isinstance(s.region, Extracellular)}
    inserted = {i: where for i, (_, where) in enumerate(tables.inserted)}
    voxels, surface = (_voxel_symbols(tables, on_membrane) for on_membrane in (False, True))
    at_surface = {i: where & surface_sections(tables, tables.inserted[i][0]) for i, where in inserted.items()}
    groups = _by_signature(tables, places, "segments", "group", (flat, acting("segments"), inserted))
    groups += _by_signature(tables, places, "voxels", "voxels", (voxels, acting("voxels"), {}))
    groups += _by_signature(tables, places, "surface", "surface", (surface, acting("surface"), at_surface))
    return (*groups, *_box_groups(tables, places), *_point_groups(tables))


def _voxel_symbols(tables: Tables, surface: bool) -> Members:
    """Species and states in voxels: those of the whole volume, or those of the plasma membrane."""
    return {
        symbol: where
        for symbol, where in tables.voxel_presence.items()
        if not isinstance(symbol.owner, Parameter)
        and not isinstance(symbol.region, Extracellular)
        and symbol.region is not None
        and symbol.region.on_cell_surface == surface
    }


def _by_signature(
    tables: Tables, places: list[Place], space: Space, prefix: str, kinds: tuple[Members, Members, Members]
) -> list[LocalSystem]:
    """Sections where the same things are, in order of their first section; voxel groups leave out sections where nothing is."""
    apart = [region.without for region in tables.model.regions if isinstance(region, Extracellular) and region.without]
    columns = [*(where for members in kinds for where in members.values()), *apart]
    here = np.zeros((len(tables.model.morphology.names), len(columns)), dtype=bool)
    for column, where in enumerate(columns):
        here[np.fromiter(where, dtype=np.int64, count=len(where)), column] = True
    groups: list[LocalSystem] = []
    for sections in _equal_rows(here):
        row = iter(here[sections[0]])
        present, acting, inserted = (tuple(key for key in members if next(row)) for members in kinds)
        if space == "segments" or present or acting or inserted:
            name, own = f"{prefix}{len(groups)}", tuple(sections.tolist())
            groups.append(build_group(tables, name, space, own, present, [places[i] for i in acting], inserted))
    return groups


def _equal_rows(table: np.ndarray) -> list[np.ndarray]:
    """Numbers of the rows that are equal, in order of the first of each."""
    packed = np.packbits(table, axis=1)
    if not packed.shape[1]:
        return [np.arange(len(table))]
    _, first, which = np.unique(packed, axis=0, return_index=True, return_inverse=True)
    found = np.split(np.argsort(which.ravel(), kind="stable"), np.cumsum(np.bincount(which.ravel()))[:-1])
    return [found[i] for i in np.argsort(first)]


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


def _ions_of(mechanism: PointMechanism) -> list[str]:
    """The ions that a point mechanism reads or carries."""
    values = [*(c.density for c in mechanism.currents), *(g.rate for g in mechanism.gates), *mechanism.assigned.values()]
    read = {s.ion for value in values for s in sympy.sympify(value).free_symbols if isinstance(s, IonSymbol)}
    return sorted(read | {current.ion for current in mechanism.currents if current.ion})


def _ions_at(tables: Tables, ions: list[str], section: int) -> tuple[tuple[int, ...], Signature]:
    """Insertions that write, or read the current of, some ions in a section, and what these ions are there."""
    if not ions:
        return (), ()
    found = tuple(tables.ion_symbol(ion, side, (section,)) for ion in ions for side in ("i", "o"))
    here = [(i, m) for i, (m, where) in enumerate(tables.inserted) if section in where]
    writers = tuple(i for i, m in here if m.writes and any(ion in ions for ion, _ in m.writes))
    readers = tuple(i for i, m in here if any(reads_current(gate.rate) for gate in m.gates))
    return writers, (found, readers)


def reads_current(value: Any) -> bool:
    """Whether an expression reads the total current of an ion."""
    return any(isinstance(s, IonSymbol) and s.what == "current" for s in sympy.sympify(value).free_symbols)


def _point_groups(tables: Tables) -> list[LocalSystem]:
    """Point processes of one mechanism form one group, wherever they sit; names differ from those of density mechanisms."""
    processes = tables.model.point_processes
    known = {id(process.mechanism): process.mechanism for process in processes}
    alike = {key: (_equations_of(mechanism), _ions_of(mechanism)) for key, mechanism in known.items()}
    kinds: dict[Any, list[int]] = {}
    for index, process in enumerate(processes):
        equations, ions = alike[id(process.mechanism)]
        section = int(process.location.section.index)
        kinds.setdefault((equations, _ions_at(tables, ions, section)), []).append(index)
    names = {mechanism.name for mechanism, _ in tables.inserted}
    groups = []
    for number, ((_, (writers, _)), members) in enumerate(kinds.items()):
        mechanism = processes[members[0]].mechanism
        name, suffix = mechanism.name, max(number, 1)
        while name in names:
            name, suffix = f"{mechanism.name}_{suffix}", suffix + 1
        names.add(name)
        groups.append(build_point_group(tables, f"points{number}", name, mechanism, tuple(members), writers))
    return groups
