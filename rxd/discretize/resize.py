"""resized: the same system on the same tree, with segments of other sizes, resistivities or capacitances.

In: a discretisation without regions and what its segments have become. Out: one with other numbers; places in the state, groups
and the order of elimination follow from who is joined to whom, and stay.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from cable.operator import core_operator
from geometry import Segments
from rxd.discretize.build import VOLTAGE
from rxd.discretize.fields import Sources, field_values
from rxd.discretize.records import LANES, Discretization, Group
from rxd.discretize.space import GroupNodes

__all__ = ["KEPT", "resized"]

SIZED: Final = frozenset({"capacitance", "membrane", "point_density"})
"""Kinds of fields that follow from the sizes of segments and nothing else."""

KEPT: Final = frozenset({"constant", "mechanism", "point", "thermal", "theta"})
"""Kinds of fields that are what somebody has set."""

Own = Callable[[Any, Any], "np.ndarray | None"]


def resized(
    system: Any, found: Discretization, segments: Segments, Ra: np.ndarray, cm: np.ndarray, own: Own
) -> Discretization | None:
    """Other numbers for a discretisation; None if it has more than a cable, or its segments are joined otherwise now.

    Parameters
    ----------
    system : rxd.symbolic.system.System
        The one that was laid out.
    found : Discretization
    segments : Segments
        As many as before, in the same order.
    Ra, cm : ndarray, shape (n,), ohm cm and uF/cm2
        By segment.
    own : function
        Values of a field that somebody has set, by the field and its group's record (`LocalSystem`), on the nodes of the group;
        None if they are what they were.
    """
    kinds = {field.kind for local in system.groups for field in local.fields}
    if len(found.transports) > 1 or found.graphs or found.regions or not kinds <= SIZED | KEPT:
        return None
    cable, block = found.cable, found.layout[VOLTAGE]
    made = core_operator(segments, Ra, cm)
    stored = np.concatenate([block.order - block.start, np.arange(cable.n, made.conductance.size)])
    above = made.tree.parent
    if made.conductance.shape != cable.conductance.shape or not np.array_equal(
        cable.parent[stored], np.where(above < 0, -1, stored[above])
    ):
        return None
    conductance, held, capacity = np.zeros(len(stored)), np.zeros(len(stored)), found.capacity.copy()
    conductance[stored] = made.conductance
    held[stored[: cable.n]] = made.capacitance
    capacity[block.order] = made.capacitance
    for array in (conductance, held, capacity):
        array.setflags(write=False)
    nothing: Mapping[Any, Any] = MappingProxyType({})
    sources = Sources(segments, None, nothing, nothing, cm, nothing, (), 0.0)
    groups = tuple(_with_fields(group, local, sources, own) for group, local in zip(found.groups, system.groups, strict=True))
    transport = replace(cable, capacity=held, conductance=conductance)
    return replace(found, segments=segments, groups=groups, transports=(transport,), capacity=capacity)


def _with_fields(group: Group, local: Any, sources: Sources, own: Own) -> Group:
    """A group with its fields filled anew, as far as they follow from sizes."""
    nodes = GroupNodes(local.space, group.segment, group.segment, lambda: sources.segments.position[group.segment])
    changed: Mapping[int, np.ndarray] = {
        row: values
        for row, field in enumerate(local.fields)
        if (values := field_values(field, local, nodes, sources) if field.kind in SIZED else own(field, local)) is not None
    }
    if not changed or not group.n:
        return group
    fields = group.fields.copy()
    index = np.minimum(np.arange(fields.shape[0] * LANES), group.n - 1)
    for row, values in changed.items():
        fields[:, row, :] = values[index].reshape(-1, LANES)
    fields.setflags(write=False)
    return replace(group, fields=fields)
