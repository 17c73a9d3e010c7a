"""How often NEURON counts a reaction, section by section (`rxd.neuron.space.in_force.repeats`).

In: a declared model and a reaction of the session. Out: a factor for its rates: 1, or a parameter of the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import sympy

import rxd
from rxd.neuron.errors import caution
from rxd.neuron.space.in_force import repeats

if TYPE_CHECKING:
    from rxd.neuron.engine.declare import Declared
    from rxd.neuron.rxd.reactions import MultiCompartmentReaction

__all__ = ["times_counted", "warn_of_wrong_crossing"]


def times_counted(declared: Declared, reaction: Any, region: Any) -> Any:
    """How often a reaction or rate counts on a region: a number, or where sections differ a parameter."""
    chemistry = reaction.session.chemistry
    plain = reaction.session.correct or reaction.is_source
    if not plain and hasattr(region, "shape"):
        return _times_in_box(reaction)
    if plain or chemistry.cutting.voxel_records(region):
        return sympy.Integer(1)
    times = repeats(chemistry, {region.number})
    if max(times.values(), default=1) == 1:
        return sympy.Integer(1)
    often = ", ".join(record.name for record in region.living if times.get(record.id, 1) > 1)
    caution(
        f"{reaction!r}: NEURON counts this more than once in {often}, since these sections have all the regions of others and "
        "more, and so does this run. Give all regions the same sections, or run with python -m rxd.neuron --correct.",
    )
    if region.number not in declared.counts:
        declared.counts[region.number] = _parameter(declared, region, times)
    return declared.counts[region.number]


def _times_in_box(reaction: Any) -> sympy.Integer:
    """NEURON counts `Reaction(a[ecs] + b[ecs], c[ecs], k)` for every species on its sides, `Reaction(a + b, c, k)` once."""
    sides = [side for side in (getattr(reaction, "lhs", {}), getattr(reaction, "rhs", {})) if side]
    if not sides or any(symbol.region is None for side in sides for symbol in side):
        return sympy.Integer(1)
    times = sum(count for side in sides for count in side.values())
    if times > 1:
        caution(
            f"{reaction!r}: NEURON counts this {times} times, once for every species on its sides, since they are written with "
            "the region, and so does this run. Write the species without it, with regions=..., or run with "
            "python -m rxd.neuron --correct.",
        )
    return sympy.Integer(times)


def _parameter(declared: Declared, region: Any, times: dict[int, int]) -> Any:
    by_segment = np.ones(declared.layout.segments.n)
    for number, count in times.items():
        by_segment[declared.layout.index[number]] = count
    name, theirs = declared.unique(f"times_{region.label}"), declared.regions[region.number]
    parameter = rxd.Parameter(theirs, name, initial=lambda nodes: by_segment[nodes.segment])
    declared.model.add(parameter)
    return parameter[theirs]


def warn_of_wrong_crossing(reaction: MultiCompartmentReaction) -> None:
    """Say where NEURON is wrong in a way nobody wants: it counts some sections twice, with areas and volumes of others."""
    chemistry = reaction.session.chemistry
    if reaction.session.correct:
        return
    places = [symbol.region() for symbol in (*reaction.lhs, *reaction.rhs) if symbol.region is not None]
    inside = [place for place in places if place is not None and not hasattr(place, "shape")]
    if any(chemistry.cutting.voxel_records(place) for place in inside) or not inside:
        return
    if max(repeats(chemistry, {place.number for place in inside}).values(), default=1) > 1:
        caution(
            f"{reaction!r}: in sections that have more regions than others NEURON counts it twice, and with the areas of other "
            "sections. Here it counts once: expect other numbers than NEURON's.",
        )
