"""Initial values of species: a number, what NEURON has for the ion, or a function of a node.

In: a species, a region, its nodes. Out: an array, and whether a function says something else than when it was asked before, as
one that draws random numbers does. NEURON asks functions four times until the first `finitialize` is done, and three times in
later ones; the last answers count. Functions that always say the same need not be asked as often; others are, here too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rxd.neuron.rxd.node import nodes_of, number_at

if TYPE_CHECKING:
    from rxd.neuron.space.nodes import NodeTable

__all__ = ["MORE_ROUNDS", "starting_values"]

MORE_ROUNDS: Final = 2
"""How often more NEURON asks functions in a `finitialize` than those that always say the same need to be asked."""


def starting_values(quantity: Any, region: Any, table: NodeTable) -> tuple[np.ndarray, bool]:
    """Values for all nodes of a region, mM, shape (n,), and whether a function has given other ones than at the last call."""
    initial = quantity.initial
    if callable(initial):
        nodes = nodes_of(quantity, region, table, np.arange(len(table)))
        values = np.fromiter((number_at(quantity, node, initial(node)) for node in nodes), dtype=float, count=len(table))
        said, before = hash(values.tobytes()), quantity.said.get(region.number)
        quantity.said[region.number] = said
        return values, before is not None and before != said
    if initial is None:
        initial = 0.0
        if region.nrn_region and quantity.name in quantity.session.catalogue.ions:
            initial = quantity.session.globals[f"{quantity.name}{region.nrn_region}0_{quantity.name}_ion"]
    return np.full(len(table), float(initial)), False
