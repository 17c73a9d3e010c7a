"""When two models have the same equations, though with other numbers, shapes and places of points.

In: a `rxd.Model`. Out: a key that models share whose `LocalSystem`s are the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sympy

from rxd.declare.mechanism import Mechanism
from rxd.declare.reactions import Rate
from rxd.declare.region import Extracellular
from rxd.declare.symbols import NodeSymbol

if TYPE_CHECKING:
    from collections.abc import Hashable

    from rxd.declare.mechanism import PointMechanism
    from rxd.declare.region import Region
    from rxd.model import Model

__all__ = ["equations_key"]


def equations_key(model: Model) -> Hashable:
    """All that the groups of a model's system follow from.

    Species and parameters stand in it by name, which is unique in a model: their symbols are those of one model alone.
    """
    points = {id(point.mechanism): point.mechanism for point in model.point_processes}
    kinds = {key: _of_mechanism(mechanism) for key, mechanism in points.items()}
    return (
        len(model.morphology.names),
        None if model.temperature_apart else model.celsius,
        tuple((_of_mechanism(mechanism), where.sections.tobytes()) for mechanism, where in model.inserted),
        tuple(map(_of_region, model.regions)),
        tuple(
            (type(quantity), quantity.name, getattr(quantity, "charge", 0), tuple(region.name for region in quantity.regions))
            for quantity in model.quantities
        ),
        tuple(map(_of_reaction, model.reactions)),
        tuple((kinds[id(point.mechanism)], int(point.location.section.index)) for point in model.point_processes),
        tuple(model.ions.items()),
    )


def _of_mechanism(mechanism: Mechanism | PointMechanism) -> Hashable:
    changed = mechanism.writes if isinstance(mechanism, Mechanism) else mechanism.on_event
    return (
        type(mechanism),
        mechanism.name,
        tuple(mechanism.parameters),
        mechanism.gates,
        mechanism.currents,
        tuple(mechanism.ions.items()),
        tuple(changed.items()),
        tuple(mechanism.assigned.items()),
    )


def _of_region(region: Region) -> Hashable:
    if isinstance(region, Extracellular):
        return region.name, region.side, region.without, None if region.fraction is None else region.fraction.name
    shape = region.shape
    what = shape.is_volume, shape.is_area, region.on_cell_surface
    return region.name, region.side, what, region.selection.sections.tobytes(), region.voxel_sections


def _of_reaction(reaction: Any) -> Hashable:
    regions = None if getattr(reaction, "regions", None) is None else tuple(region.name for region in reaction.regions)
    if isinstance(reaction, Rate):
        return _named(reaction.unknown), _named(reaction.expression), regions
    sides = tuple(tuple((_named(symbol), number) for symbol, number in side.items()) for side in (reaction.lhs, reaction.rhs))
    membrane = getattr(reaction, "membrane", None)
    across = None if membrane is None else (membrane.name, reaction.membrane_flux)
    return type(reaction), sides, _named(reaction.kf), _named(reaction.kb), reaction.custom_dynamics, regions, across


def _named(expression: sympy.Basic) -> Hashable:
    """An expression with the names of species and parameters in place of their symbols."""
    if isinstance(expression, NodeSymbol):
        return NodeSymbol, expression.name
    if not expression.args:
        return type(expression), expression
    return (expression.func, *map(_named, expression.args))
