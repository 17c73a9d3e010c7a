"""The assembled system: exchange between nodes as edges, and the Jacobian of ``dy/dt = f(t, y)`` as a sparse matrix.

In: a `Discretization` and the kernels compiled for "coupled". Out: an `Assembly`, whose pattern (that of the groups' exact
Jacobians, of the exchange with branch points eliminated, and the diagonal) is found once and refilled in place, number by
number.

A branch point holds nothing, so it is eliminated beforehand: arms of conductance g_1 .. g_m that meet in one become the mesh
of conductances g_i g_j / sum g between their other ends (star-mesh transform). What remains is a list of edges between
unknowns, and ``flow = g (y_b - y_a)`` is taken from one and given to the other: sums weighted with the capacities are kept to
round-off.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.records import dataclass
from rxd.discretize.records import LANES, Discretization, GraphTransport, Group, Transport
from rxd.solve.lane_operations import lean_kernel
from rxd.solve.tissue import TissueEdges, tissue_edges

if TYPE_CHECKING:
    from scipy import sparse


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Exchange of all transported unknowns: ``flow = conductance * (y[second] - y[first])`` into ``first``, out of ``second``.

    ``first``, ``second`` are state positions; ``conductance`` in uS for v, um3/ms for species; ``inverse_capacity`` (1/nF,
    1/um3) has the shape of the state.
    """

    first: np.ndarray
    second: np.ndarray
    conductance: np.ndarray
    inverse_capacity: np.ndarray


@dataclass(frozen=True, slots=True, eq=False)
class Assembly:
    """Pattern of the Jacobian and where its numbers come from.

    Attributes
    ----------
    size : int
        Number of unknowns.
    indptr, indices : ndarray of int32
        CSR pattern, columns sorted, every diagonal entry present.
    diagonal : ndarray of int, shape (size,)
        Entry of each row's diagonal.
    exchange : ndarray, shape (nnz,)
        The constant part: exchange between nodes, 1/ms.
    entry, source : ndarray of int
        ``data[entry[k]] += local[source[k]]`` puts the groups' Jacobians in.
    base : ndarray of int, shape (n_groups + 1,)
        Where each group's values start in ``local``: chunks of `LANES` nodes, entries by pattern, lanes innermost. Behind them
        are those of ``tissue``.
    clamp_position : ndarray of int, shape (n_segments,)
        State positions of v in storage order, as the conductances of clamps come.
    edges : Edges
    tissue : TissueEdges or None
        Exchange in boxes that change.
    """

    size: int
    indptr: np.ndarray
    indices: np.ndarray
    diagonal: np.ndarray
    exchange: np.ndarray
    entry: np.ndarray
    source: np.ndarray
    base: np.ndarray
    clamp_position: np.ndarray
    edges: Edges
    tissue: TissueEdges | None

    @property
    def nnz(self) -> int:
        """Number of stored entries."""
        return len(self.indices)

    def fill(self, local: np.ndarray, clamp_conductance: np.ndarray, data: np.ndarray) -> np.ndarray:
        """Values of the Jacobian in CSR order, in place.

        Parameters
        ----------
        local : ndarray, shape (base[-1],)
            Jacobians of the groups, as the compiled ``linearise`` leaves them (1/ms and so on).
        clamp_conductance : ndarray, shape (n_segments,), uS
            By segment in storage order.
        data : ndarray, shape (nnz,)
            Overwritten and returned.
        """
        data[:] = self.exchange
        _scatter(data, self.entry, local, self.source)
        position = self.clamp_position
        data[self.diagonal[position]] -= clamp_conductance * self.edges.inverse_capacity[position]
        return data

    def matrix(self, data: np.ndarray) -> sparse.csr_array:
        """The values as a SciPy matrix that shares them."""
        from scipy import sparse

        return sparse.csr_array((data, self.indices, self.indptr), shape=(self.size, self.size))


@lean_kernel
def _scatter(data: np.ndarray, entry: np.ndarray, local: np.ndarray, source: np.ndarray) -> None:
    for k in range(entry.size):
        data[entry[k]] += local[source[k]]


@dataclass(frozen=True, slots=True, eq=False)
class Exchange:
    """The edges as the compiled right-hand side takes them: links to the node stored just before, then all others.

    Attributes
    ----------
    ranges : ndarray of int, shape (n_transports, 2)
        State positions of each exchanged unknown.
    link : ndarray, shape (size + 1,)
        Conductance to the position before; 0 where there is no such edge.
    first, second, conductance : ndarray
        The other edges.
    inverse_capacity : ndarray, shape (size,)
    held : ndarray of int
        Positions that exchange with a reservoir, at the sides of a box.
    held_rate, held_value : ndarray, 1/ms and mM
    """

    ranges: np.ndarray
    link: np.ndarray
    first: np.ndarray
    second: np.ndarray
    conductance: np.ndarray
    inverse_capacity: np.ndarray
    held: np.ndarray
    held_rate: np.ndarray
    held_value: np.ndarray

    @property
    def arrays(self) -> tuple[np.ndarray, ...]:
        """In the order of the kernel's arguments."""
        edges = (self.first, self.second, self.conductance)
        return self.ranges, self.link, *edges, self.inverse_capacity, self.held, self.held_rate, self.held_value


def build_exchange(edges: Edges, discretization: Discretization) -> Exchange:
    """Sort edges into links between neighbours in the state and the rest."""
    low, high = np.minimum(edges.first, edges.second), np.maximum(edges.first, edges.second)
    near = high == low + 1
    link = np.zeros(discretization.layout.size + 1)
    link[high[near]] = edges.conductance[near]
    ranges = [(t.start, t.start + t.n) for t in discretization.transports]
    ranges += [(g.start, g.start + g.n) for g in discretization.graphs]
    first, second, conductance = (np.ascontiguousarray(a[~near]) for a in (edges.first, edges.second, edges.conductance))
    held, rate, value = held_positions(discretization)
    where = np.array(ranges, dtype=np.int64)
    return Exchange(where, link, first, second, conductance, edges.inverse_capacity, held, rate, value)


def held_positions(discretization: Discretization) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Positions that exchange with a reservoir, the rate (1/ms) of that exchange and the reservoir's concentration (mM)."""
    graphs = discretization.graphs
    held = np.concatenate([np.zeros(0, dtype=np.int64), *(graph.start + graph.held for graph in graphs)])
    conductance = np.concatenate([np.zeros(0), *(graph.held_conductance for graph in graphs)])
    return held, conductance / discretization.capacity[held], np.concatenate([np.zeros(0), *(g.held_value for g in graphs)])


@lean_kernel
def add_exchange(y: np.ndarray, f: np.ndarray, exchange: tuple[np.ndarray, ...]) -> None:
    """Add what flows along every edge to ``f``: one flow, taken and given."""
    ranges, link, first, second, conductance, inverse_capacity, held, held_rate, held_value = exchange
    for r in range(ranges.shape[0]):
        start, stop = ranges[r, 0], ranges[r, 1]
        here, rate, scale, g = y[start:stop], f[start:stop], inverse_capacity[start:stop], link[start : stop + 1]
        n = here.size
        rate[0] += scale[0] * (g[1] * (here[1] - here[0])) if n > 1 else 0.0
        for k in range(1, n - 1):
            rate[k] += scale[k] * (g[k] * (here[k - 1] - here[k]) - g[k + 1] * (here[k] - here[k + 1]))
        if n > 1:
            rate[n - 1] += scale[n - 1] * (g[n - 1] * (here[n - 2] - here[n - 1]))
    for k in range(first.size):
        a, b = first[k], second[k]
        flow = conductance[k] * (y[b] - y[a])
        f[a] += flow * inverse_capacity[a]
        f[b] -= flow * inverse_capacity[b]
    for k in range(held.size):
        f[held[k]] += held_rate[k] * (held_value[k] - y[held[k]])


@lean_kernel
def add_electrodes(
    y: np.ndarray, f: np.ndarray, start: int, current: np.ndarray, conductance: np.ndarray, inverse_capacity: np.ndarray
) -> None:
    """Add what clamps inject, ``current - conductance v`` by segment in storage order, to the rate of v from ``start`` on."""
    for k in range(current.size):
        f[start + k] += (current[k] - conductance[k] * y[start + k]) * inverse_capacity[start + k]


def build_assembly(discretization: Discretization, patterns: Sequence[Sequence[tuple[int, int]]]) -> Assembly:
    """Find the pattern of the Jacobian.

    Parameters
    ----------
    discretization : Discretization
    patterns : sequence
        Per group the (row, column) pairs of its Jacobian's values, `GroupKernels.pattern`.
    """
    size, cable = discretization.layout.size, discretization.cable
    edges = build_edges(discretization)
    rows, columns, source, base = _local_entries(discretization.groups, patterns)
    tissue = tissue_edges(discretization)
    if tissue is not None:
        more = tissue.entries
        rows, columns = np.concatenate([rows, more[0]]), np.concatenate([columns, more[1]])
        source = np.concatenate([source, base[-1] + np.arange(len(more[0]))])
    a, b, everything = edges.first, edges.second, np.arange(size)
    keys = np.concatenate([rows * size + columns, a * size + b, b * size + a, everything * (size + 1)])
    keys.sort()
    keys = keys[np.flatnonzero(np.diff(keys, prepend=-1))]  # np.unique's table of millions of keys takes ten times as long
    diagonal = np.searchsorted(keys, everything * (size + 1))
    exchange = np.zeros(len(keys))
    for here, there in ((a, b), (b, a)):
        rate = edges.conductance * edges.inverse_capacity[here]
        np.add.at(exchange, np.searchsorted(keys, here * size + there), rate)
        np.subtract.at(exchange, diagonal[here], rate)
    held, rate, _ = held_positions(discretization)
    exchange[diagonal[held]] -= rate
    indptr = np.searchsorted(keys, np.arange(size + 1) * size).astype(np.int32)
    arrays = {
        "indptr": indptr,
        "indices": (keys % size).astype(np.int32),
        "diagonal": diagonal,
        "exchange": exchange,
        "entry": np.searchsorted(keys, rows * size + columns),
        "source": source,
        "base": base,
        "clamp_position": np.arange(cable.start, cable.start + cable.n),
    }
    for array in arrays.values():
        array.setflags(write=False)
    return Assembly(size=size, edges=edges, tissue=tissue, **arrays)


def _local_entries(groups: Sequence[Group], patterns: Sequence[Any]) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Row, column and place in the lane array of every value of the groups' Jacobians; where each group starts."""
    rows, columns, source, base = [], [], [], [0]
    for group, pattern in zip(groups, patterns, strict=True):
        node, entries = np.arange(group.n), len(pattern)
        for k, (i, j) in enumerate(pattern):
            rows.append(group.position[i])
            columns.append(group.position[j])
            source.append(base[-1] + (node // LANES * entries + k) * LANES + node % LANES)
        base.append(base[-1] + group.fields.shape[0] * entries * LANES)
    none = [np.zeros(0, dtype=np.int64)]
    return np.concatenate(none + rows), np.concatenate(none + columns), np.concatenate(none + source), np.array(base)


def build_edges(discretization: Discretization) -> Edges:
    """Edges between unknowns, of all transports, with branch points eliminated."""
    parts = [star_mesh(transport) for transport in discretization.transports]
    parts += [graph_edges(graph) for graph in discretization.graphs]
    first, second, conductance = (np.concatenate([part[k] for part in parts]) for k in range(3))
    inverse = 1.0 / discretization.capacity
    for array in (first, second, conductance, inverse):
        array.setflags(write=False)
    return Edges(first, second, conductance, inverse)


def star_mesh(transport: Transport) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of one transport as two state positions and a conductance, shape (n_edges,) each, without branch points."""
    child = np.flatnonzero(transport.parent >= 0)
    parent, n = transport.parent[child], transport.n
    g = transport.conductance[child]
    plain = (child < n) & (parent < n)
    arms: dict[int, dict[int, float]] = {}
    for one, other, conductance in zip(child[~plain].tolist(), parent[~plain].tolist(), g[~plain].tolist(), strict=True):
        arms.setdefault(one, {})[other] = conductance
        arms.setdefault(other, {})[one] = conductance
    for junction in range(n, len(transport.parent)):
        _eliminate(junction, arms)
    pairs = [(a, b, value) for a, others in arms.items() for b, value in others.items() if a < b]
    first = np.concatenate([child[plain], np.array([a for a, _, _ in pairs], dtype=np.int64)])
    second = np.concatenate([parent[plain], np.array([b for _, b, _ in pairs], dtype=np.int64)])
    return (
        first + transport.start,
        second + transport.start,
        np.concatenate([g[plain], np.array([v for *_, v in pairs], dtype=float)]),
    )


def graph_edges(graph: GraphTransport) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Edges of a transport on a graph, each once."""
    indptr, indices, conductance = graph.listed()
    row = np.repeat(np.arange(graph.n), np.diff(indptr))
    once = row < indices
    return graph.start + row[once], graph.start + indices[once], conductance[once]


def _eliminate(junction: int, arms: dict[int, dict[int, float]]) -> None:
    """Replace a star by the mesh between its ends."""
    star = sorted(arms.pop(junction, {}).items())
    total = sum(g for _, g in star)
    for i, (a, g_a) in enumerate(star):
        del arms[a][junction]
        for b, g_b in star[:i]:
            g = arms[a].get(b, 0.0) + (g_a * g_b / total if total > 0.0 else 0.0)
            arms[a][b] = arms[b][a] = g
