"""An engine for a model whose sizes have changed, from the one before: lengths, diameters, resistivities, capacitances.

In: the last engine and the layout as it is now. Out: its equations, kernels, places in the state and stepper with other
numbers; or nothing where more has changed, or more than the cable follows from sizes. Scans and fits change sizes and run again
and again: to lay everything out anew takes longer than such runs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.discretize.resize import resized
from rxd.neuron.engine.declare import membrane_of
from rxd.neuron.mods.points import place_values
from rxd.nmodl.names import PLACE

if TYPE_CHECKING:
    from rxd.discretize.records import Discretization
    from rxd.neuron.cells.layout import Layout
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.session import Session

__all__ = ["resized_engine"]


def resized_engine(session: Session, last: Engine | None, layout: Layout) -> Discretization | None:
    """The discretisation of the last engine with the sizes of a layout; None if another engine has to be built."""
    if last is None or last.structure != session.structure or last.adaptive or not _is_cable_alone(session, last):
        return None
    before, segments = last.layout, layout.segments
    if layout.ends or before.records != layout.records or not np.array_equal(before.counts, layout.counts):
        return None
    Ra, cm = (values[segments.section] for values in membrane_of(layout).values())

    def own(field: Any, local: Any) -> np.ndarray | None:
        return _of_place(last, layout, field, local)

    return resized(last.system, last.discretization, segments, Ra, cm, own)


def _is_cable_alone(session: Session, last: Engine) -> bool:
    """Whether nothing but the cable, and fields of mechanisms, follows from sizes: no chemistry, no circuit, no links."""
    declared = last.declared
    chemistry = session.chemistry.quantities or session.chemistry.fluxes or declared.regions
    mods = declared.carriers or declared.diffusing or declared.linked or last.linked.followed or last._remembered
    return not (chemistry or mods or session.linear or last.layout.ends or last.circuits.circuit is not None)


def _of_place(last: Engine, layout: Layout, field: Any, local: Any) -> np.ndarray | None:
    """What mechanisms of mod files read of their segments: values by node, None for what scripts set."""
    name = field.args[-1] if field.kind in {"mechanism", "point"} else None
    if name not in PLACE:
        return None
    if field.kind == "mechanism":
        number = next(number for number, one in enumerate(last.system.groups) if one is local)
        values: np.ndarray = getattr(layout.segments, name)[last.groups[number].segment]
        return values
    return np.array([place_values(last.declared.points[point])[name] for point in local.points])
