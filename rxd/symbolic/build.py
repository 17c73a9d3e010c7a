"""build_system: Model -> System. Places every declaration on sections and groups sections with equal equations."""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from rxd.declare.reactions import MultiCompartmentReaction, Rate, Reaction
from rxd.declare.region import Extracellular, Region
from rxd.symbolic.groups import build_groups
from rxd.symbolic.placement import Place, place_rate, place_reaction, place_transmembrane
from rxd.symbolic.system import PointSpec, RegionSpec, System, Unknown
from rxd.symbolic.tables import Tables

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sympy

    from rxd.declare.stimuli import PointProcess
    from rxd.model import Model


def build_system(model: Model, like: System | None = None) -> System:
    """The equations of a model.

    Parameters
    ----------
    model : Model
    like : System, optional
        Of a model with equal equations (`rxd.symbolic.equal.equations_key`), whatever its numbers: they are taken over, and
        so are unknowns that somebody has added to it.

    Raises
    ------
    DeclarationError
        For a reaction on no common section, an unknown symbol in a rate, an ambiguous bare species, an ion on two regions
        of one side.
    """
    tables = Tables.of(model)
    if like is None:
        places = _numbered([place for reaction in model.reactions for place in _places(reaction)])
        groups = build_groups(tables, places)
    else:
        groups = like.groups
        tables.values.update((key, value) for key, value in like.values.items() if key[0] == "constant")
    unknowns = tuple(Unknown(label=label, **template) for label, template in tables.templates.items())
    return System(
        unknowns=unknowns if like is None else (*unknowns, *like.unknowns[len(unknowns) :]),
        groups=groups,
        regions=tuple(_region_spec(region) for region in model.regions),
        points=_point_specs(tables, model.point_processes),
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


def _numbered(places: list[Place]) -> list[Place]:
    """Membrane reactions of one label get numbers: the label is what their fluxes are recorded by."""
    seen: dict[str, int] = {}
    found = []
    for place in places:
        count = seen[place.label] = seen.get(place.label, 0) + 1
        found.append(replace(place, label=f"{place.label} ({count})") if place.membrane is not None and count > 1 else place)
    return found


def _region_spec(region: Region) -> RegionSpec:
    if isinstance(region, Extracellular):
        return RegionSpec(
            region.name, (), region.shape, region.side, dx=region.dx, box=region.box, swells=region.fraction is not None
        )
    voxels = tuple(sorted(region.voxel_sections))
    segments = tuple(s for s in map(int, region.selection.sections) if s not in region.voxel_sections)
    return RegionSpec(region.name, segments, region.shape, region.side, voxels, region.dx)


def _point_specs(tables: Tables, processes: Sequence[PointProcess]) -> tuple[PointSpec, ...]:
    """What the point processes are; expressions belong to the mechanism, of which a network has thousands of processes."""
    amounts: dict[int, tuple[tuple[str, sympy.Expr], ...]] = {}
    specs = []
    for process in processes:
        mechanism, location = process.mechanism, process.location
        if id(mechanism) not in amounts:
            amounts[id(mechanism)] = tuple((s, tables.number_or_expression(value)) for s, value in mechanism.on_event.items())
        specs.append(
            PointSpec(
                name=mechanism.name,
                section=int(location.section.index),
                x=float(location.x),
                parameters=tuple(process.parameters.items()),
                on_event=amounts[id(mechanism)],
            )
        )
    return tuple(specs)
