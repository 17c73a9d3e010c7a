"""build_system: Model -> System. Places every declaration on sections and groups sections with equal equations."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rxd.declare.reactions import MultiCompartmentReaction, Rate, Reaction
from rxd.symbolic.group import build_group, build_point_group
from rxd.symbolic.placement import Place, place_rate, place_reaction, place_transmembrane
from rxd.symbolic.system import VOLTAGE, LocalSystem, PointSpec, RegionSpec, System, Unknown
from rxd.symbolic.tables import Tables

if TYPE_CHECKING:
    from rxd.model import Model


def build_system(model: Model) -> System:
    """The equations of a model.

    Raises
    ------
    DeclarationError
        For a reaction on no common section, an unknown symbol in a rate, an ambiguous bare species, an ion on two regions of one
        side.
    """
    tables = Tables.of(model)
    places = [place for reaction in model.reactions for place in _places(reaction)]
    groups = _section_groups(tables, places) + _point_groups(tables)
    return System(
        unknowns=_unknowns(tables, groups),
        groups=groups,
        regions=tuple(RegionSpec(r.name, tuple(map(int, r.selection.sections)), r.shape, r.side) for r in model.regions),
        points=tuple(_point_spec(tables, process) for process in model.point_processes),
        values=MappingProxyType(tables.values),
        celsius=model.celsius,
    )


def _places(reaction: Any) -> list[Place]:
    if isinstance(reaction, Reaction):
        return place_reaction(reaction)
    if isinstance(reaction, MultiCompartmentReaction):
        return [place_transmembrane(reaction)]
    assert isinstance(reaction, Rate)
    return place_rate(reaction)


def _section_groups(tables: Tables, places: list[Place]) -> tuple[LocalSystem, ...]:
    """Sections with the same quantities, reactions and mechanisms, in order of their first section."""
    signatures: dict[tuple[Any, ...], list[int]] = {}
    for section in range(len(tables.model.morphology.names)):
        present = tuple(symbol for symbol, sections in tables.presence.items() if section in sections)
        reacting = tuple(i for i, place in enumerate(places) if section in place.sections)
        inserted = tuple(i for i, (_, where) in enumerate(tables.inserted) if section in where)
        signatures.setdefault((present, reacting, inserted), []).append(section)
    groups = []
    for number, ((present, reacting, inserted), sections) in enumerate(signatures.items()):
        chosen = [places[i] for i in reacting]
        groups.append(build_group(tables, f"group{number}", tuple(sections), present, chosen, inserted))
    return tuple(groups)


def _point_groups(tables: Tables) -> tuple[LocalSystem, ...]:
    """Point processes of one mechanism form one group, wherever they sit."""
    kinds: dict[int, list[int]] = {}
    for index, process in enumerate(tables.model.point_processes):
        kinds.setdefault(id(process.mechanism), []).append(index)
    names: set[str] = set()
    groups = []
    for number, members in enumerate(kinds.values()):
        mechanism = tables.model.point_processes[members[0]].mechanism
        name = mechanism.name if mechanism.name not in names else f"{mechanism.name}_{number}"
        names.add(name)
        groups.append(build_point_group(tables, f"points{number}", name, mechanism, tuple(members)))
    return tuple(groups)


def _unknowns(tables: Tables, groups: tuple[LocalSystem, ...]) -> tuple[Unknown, ...]:
    """All unknowns with the sections (or points) where some group has them; v first, then in order of declaration."""
    sections: dict[str, list[int]] = {}
    points: dict[str, list[int]] = {}
    for group in groups:
        for label in group.unknowns:
            if group.points and label != VOLTAGE:
                points.setdefault(label, []).extend(group.points)
            elif not group.points:
                sections.setdefault(label, []).extend(group.sections)
    found = []
    for label, template in tables.templates.items():
        if label in sections or label in points:
            where = tuple(sorted(sections.get(label, ())))
            found.append(
                Unknown(**{**template, "label": label, "sections": where, "points": tuple(points.get(label, ()))})  # type: ignore[arg-type]
            )
    return tuple(found)


def _point_spec(tables: Tables, process: Any) -> PointSpec:
    location = process.location
    return PointSpec(
        name=process.mechanism.name,
        section=int(location.section.index),
        x=float(location.x),
        parameters=tuple(process.parameters.items()),
        on_event=tuple((state, tables.number_or_expression(value)) for state, value in process.mechanism.on_event.items()),
    )

