"""Concentrations that nothing changes: the faces of boxes with `ecs_boundary_conditions`.

In: a session, its declared model and discretisation. Out: the discretisation with capacities next to which all that flows into
these nodes is nothing, and their values: fixed steps end with them, as in NEURON, and begin the first time with what is there;
before variable steps the engine puts them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from rxd.neuron.engine.declare import Declared
    from rxd.neuron.session import Session

__all__ = ["Held", "hold"]

Held = list[tuple[np.ndarray, np.ndarray]]

LARGE = 1e12


def hold(session: Session, declared: Declared, discretization: Any, place: Callable[[Any, Any], Any]) -> tuple[Any, Held]:
    """Hold what is to be held.

    Parameters
    ----------
    place : function
        Positions in the state of the nodes of a species on a region, or None.
    """
    held: Held = []
    for quantity in session.chemistry.quantities:
        for region in quantity.regions:
            nodes = _nodes(quantity, region)
            positions = None if nodes is None else place(quantity, region)
            if nodes is None or positions is None:
                continue
            positions, values = positions[nodes], _values(quantity, region, nodes)
            held.append((positions, values))
            label = declared.symbols[quantity.number, region.number].name
            discretization = _enlarged(discretization, label, positions, values)
    return discretization, held


def _nodes(quantity: Any, region: Any) -> np.ndarray | None:
    """The voxels held of a species in a box; None for none of them."""
    if quantity.ecs_boundary_conditions is None or not hasattr(region, "shape") or not np.any(quantity.d_on(region)):
        return None  # where nothing diffuses NEURON does not touch the faces
    inner = np.zeros(region.shape, dtype=bool)
    inner[1:-1, 1:-1, 1:-1] = True
    return np.flatnonzero(~inner.ravel())


def _values(quantity: Any, region: Any, nodes: np.ndarray) -> np.ndarray:
    given = quantity.ecs_boundary_conditions
    if not callable(given):
        return np.full(len(nodes), float(given))
    every = quantity[region].nodes
    return np.array([float(given(every[int(i)])) for i in nodes])


def _enlarged(discretization: Any, label: str, positions: np.ndarray, values: np.ndarray) -> Any:
    graphs = tuple(
        replace(
            graph,
            capacity=_large(graph.capacity, positions - graph.start),
            held=positions - graph.start,
            held_conductance=np.zeros(len(positions)),
            held_value=values,
        )
        if graph.label == label
        else graph
        for graph in discretization.graphs
    )
    return replace(discretization, capacity=_large(discretization.capacity, positions), graphs=graphs)


def _large(capacity: np.ndarray, where: np.ndarray) -> np.ndarray:
    larger = capacity.copy()
    larger[where] *= LARGE
    larger.setflags(write=False)
    return larger
