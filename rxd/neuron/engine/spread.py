"""Diffusion coefficients that differ from node to node: `node.d = ...`, and `d=` a function of the node and the axis.

In: a discretisation made with d = 1. Out: the same with its exchange scaled, as in NEURON: between two segments of a section
the mean of their coefficients counts, where sections meet each half has its own, between two voxels that of the voxel with the
higher x, y or z.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rxd.discretize.graph_rows import ListedRows

if TYPE_CHECKING:
    from rxd.neuron.engine.declare import Declared
    from rxd.neuron.session import Session

__all__ = ["spread"]

SLIGHT: Final = 1e-100
"""A conductance (um) that is nothing beside any volume, and more than nothing beside none."""


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
            halves = _first_halves(declared, quantity, region)
            transports = tuple(
                _on_tree(transport, _stored(local, positions, transport), _stored(halves, positions, transport)[:, 0])
                if transport.label == symbol.name
                else transport
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


def _first_halves(declared: Declared, quantity: Any, region: Any) -> np.ndarray:
    """Resistance (1/um) of the first half of the nodes that begin a section, NaN of all others; shape (n, 1)."""
    table, segments = quantity.table(region), declared.layout.segments
    found = np.full((len(table), 1), np.nan)
    one = np.flatnonzero(table.dimension == 1)
    index = np.array(
        [declared.layout.index[table.records[r].id][p] for r, p in zip(table.record[one], table.place[one], strict=True)],
        dtype=int,
    )
    first = np.isin(index, segments.offset[:-1])
    found[one[first], 0] = declared.regions[region.number].shape.half_rho(segments, index[first])[0]
    return found


def _stored(local: np.ndarray, positions: np.ndarray, transport: Any) -> np.ndarray:
    """Coefficients (along x, y, z) in storage order, shape (n, 3)."""
    stored = np.empty((transport.n, local.shape[1]))
    stored[positions - transport.start] = local
    return stored


def _axes(table: Any, positions: np.ndarray, graph: Any) -> np.ndarray:
    """Voxel indices in storage order; -1 for segments."""
    grid = np.full((graph.n, 3), -1)
    if table.grid is not None:
        grid[positions - graph.start] = table.grid
    return grid


def _on_tree(transport: Any, d: np.ndarray, first_half: np.ndarray) -> Any:
    along = np.full(len(transport.parent), np.nan)
    along[: transport.n] = d[:, 0]
    child = np.flatnonzero(transport.parent >= 0)
    both = np.stack([along[child], along[transport.parent[child]]])
    known = np.isfinite(both)  # joints have no coefficient: there the other node's counts
    mean = np.where(known, both, 0.0).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
    conductance = transport.conductance.copy()
    begins = known.all(axis=0) & np.isfinite(first_half[np.minimum(child, transport.n - 1)])
    conductance[child] *= np.where(begins, 1.0, mean)
    where = child[begins]
    conductance[where] = _in_series(conductance[where], first_half[where], *both[:, begins])
    _hold_joints(transport.parent, transport.n, conductance)
    conductance.setflags(write=False)
    return replace(transport, conductance=conductance)


def _hold_joints(parent: np.ndarray, n: int, conductance: np.ndarray) -> None:
    """Tie joints (nodes from ``n`` on, without volume) where nothing diffuses to one neighbour, in place: they need a value."""
    edge = np.flatnonzero(parent >= 0)
    total = np.bincount(np.concatenate([edge, parent[edge]]), np.tile(conductance[edge], 2), len(parent))
    for joint in n + np.flatnonzero(total[n:] == 0.0):
        tie = joint if parent[joint] >= 0 else np.flatnonzero(parent == joint)[0]
        conductance[tie] = SLIGHT


def _in_series(conductance: np.ndarray, own: np.ndarray, d: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Two halves with a coefficient each, of which one has the resistance `own`; the other has what is left, maybe nothing."""
    rest = 1 / conductance - own
    rest = np.where(rest > 1e-6 * own, rest, 0.0)
    with np.errstate(divide="ignore"):
        second = np.divide(rest, other, out=np.zeros_like(rest), where=rest > 0)
        return np.asarray(1 / (own / d + second))


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
