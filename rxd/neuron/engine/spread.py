"""Diffusion coefficients that differ from node to node: `node.d = ...`, and `d=` a function of the node and the axis.

In: a discretisation made with d = 1. Out: the same with its exchange scaled, as in NEURON: between two segments the mean of
their coefficients counts, between two voxels that of the voxel with the higher x, y or z.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.discretize.graph_rows import ListedRows

if TYPE_CHECKING:
    from rxd.neuron.engine.declare import Declared
    from rxd.neuron.session import Session

__all__ = ["spread"]


def spread(session: Session, declared: Declared, discretization: Any, place: Callable[[Any, Any], Any]) -> Any:
    """Scale the exchange of species whose coefficients differ.

    Parameters
    ----------
    place : function
        Positions in the state of the nodes of a species on a region, or None.
    """
    for quantity in session.chemistry.quantities:
        for region in quantity.regions:
            symbol = declared.symbols.get((quantity.number, region.number))
            local = None if symbol is None else quantity.local_d(region)
            positions = None if local is None else place(quantity, region)
            if local is None or symbol is None or positions is None:
                continue
            transports = tuple(
                _on_tree(transport, _stored(local, positions, transport)) if transport.label == symbol.name else transport
                for transport in discretization.transports
            )
            graphs = tuple(
                _on_graph(graph, _stored(local, positions, graph), _axes(quantity.table(region), positions, graph))
                if graph.label == symbol.name
                else graph
                for graph in discretization.graphs
            )
            discretization = replace(discretization, transports=transports, graphs=graphs)
    return discretization


def _stored(local: np.ndarray, positions: np.ndarray, transport: Any) -> np.ndarray:
    """Coefficients along x, y, z in storage order, shape (n, 3)."""
    stored = np.empty((transport.n, 3))
    stored[positions - transport.start] = local
    return stored


def _axes(table: Any, positions: np.ndarray, graph: Any) -> np.ndarray:
    """Voxel indices in storage order; -1 for segments."""
    grid = np.full((graph.n, 3), -1)
    if table.grid is not None:
        grid[positions - graph.start] = table.grid
    return grid


def _on_tree(transport: Any, d: np.ndarray) -> Any:
    along = np.full(len(transport.parent), np.nan)
    along[: transport.n] = d[:, 0]
    child = np.flatnonzero(transport.parent >= 0)
    both = np.stack([along[child], along[transport.parent[child]]])
    known = np.isfinite(both)  # joints have no coefficient: there the other node's counts
    mean = np.where(known, both, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    conductance = transport.conductance.copy()
    conductance[child] *= mean
    conductance.setflags(write=False)
    return replace(transport, conductance=conductance)


def _on_graph(graph: Any, d: np.ndarray, grid: np.ndarray) -> Any:
    indptr, indices, conductance = graph.listed()
    rows = np.repeat(np.arange(graph.n), np.diff(indptr))
    step = grid[indices] - grid[rows]
    joint = (grid[rows, 0] < 0) | (grid[indices, 0] < 0)
    axis = np.where(joint, 0, np.argmax(np.abs(step), axis=1))
    own, other = d[rows, axis], d[indices, axis]
    higher = np.where(step[np.arange(len(rows)), axis] > 0, other, own)
    listed = ListedRows(indptr, indices, conductance * np.where(joint, 0.5 * (own + other), higher))
    return replace(graph, rows=listed, diffusion=1.0, whole_rate=graph.whole_rate * float(d.max(initial=0.0)))
