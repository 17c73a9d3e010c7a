"""What the kernels of `rxd.solve.graph_kernels` need of a graph: rows of whole voxels, the rest, slivers, blocks, its radius.

Slivers. A voxel that a membrane cuts to a thousandth exchanges with its neighbours hundreds of times faster than a whole one
and would alone set the number of explicit stages, though it is in equilibrium with them anyway. With L the (symmetric)
exchange, M the capacities and v = (1 at the sliver, -share at its neighbours), the term ``kappa G v v^T du/dt`` beside
``M du/dt = -L u`` gives it the inertia that a rate of 1 / kappa asks for. Steady states are those of L, nothing is lost (the
entries of v sum to zero), and what moves slowly against kappa, less than the time a voxel takes, is changed by the square of
the voxel's edge. ``M + kappa G v v^T`` is inverted in closed form (J. Sherman and W. J. Morrison 1950,
doi:10.1214/aoms/1177729893); the inverse for many slivers is replaced by the symmetric product of theirs, one after the other
and back: positive definite as well.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from rxd.discretize.records import GraphTransport
from rxd.solve.graph_blocks import around, cut, home, order_slivers
from rxd.solve.graph_kernels import Graph, carry_all, exchange
from rxd.solve.lane_lu import lane_kernel

FASTEST: Final = 1.5
"""Exchange over capacity from which on a voxel is a sliver, and that it keeps; 1 for a whole voxel."""
LEAST_SHARE: Final = 0.1
"""A neighbour with a smaller share in a sliver's exchange does not carry it."""
SHORTEST: Final = 4
"""Rows of fewer whole voxels are not worth their start."""
NEIGHBOURS: Final = 6
EQUAL: Final = 1e-14
"""Relative difference up to which rates are the same: both sides of a face have to say the same, or mass is lost."""
SAMPLE: Final = 4096
"""Nodes that show what is typical."""
ITERATIONS: Final = 100
MARGIN: Final = 1.02


def plan_graph(transport: GraphTransport, work: np.ndarray | None = None) -> tuple[Graph, float]:
    """The graph as its kernels want it, and its spectral radius (1/ms).

    Parameters
    ----------
    transport : GraphTransport
    work : ndarray, at least three times as long as there are nodes, optional
        Room for vectors.
    """
    work = np.empty(3 * transport.n) if work is None else work
    leaving, many = _leaving(transport, work[: transport.n])
    circles = _circles(transport, leaving, work[transport.n : 2 * transport.n])
    slivers = _find_slivers(transport, leaving)
    sliver, reach, own, carrier, weight, back = _carriers(transport, leaving, slivers)
    kept = np.zeros(transport.n, dtype=bool)
    del leaving
    kept[sliver], kept[carrier] = True, True
    rows, uniform, rest = _find_rows(transport, kept)
    bounds = cut(transport.n, rows, rest)
    rest, waiting = _plain_first(rest, bounds, kept, np.union1d(many, transport.held))
    del kept
    near, rate, more, more_node, more_rate = _neighbours(transport, rest)
    six = near.reshape(NEIGHBOURS, -1)
    place = np.zeros(transport.n, dtype=np.uint32)
    place[rest] = np.arange(len(rest), dtype=np.uint32)
    order, starts, seams = order_slivers(bounds, sliver, reach, carrier)
    count = np.diff(reach)[order]
    entries = np.repeat(reach[:-1][order] - np.append(0, np.cumsum(count)[:-1]), count) + np.arange(count.sum())
    held = place[transport.held]
    blocks = np.column_stack(
        [
            np.searchsorted(rows[:, 0], bounds),
            np.append(0, np.cumsum(np.bincount(home(bounds, rest), minlength=len(bounds) - 1))),
            np.searchsorted(transport.held, bounds),
            np.searchsorted(rest[more], bounds),
            starts,
            waiting,
        ]
    )
    graph = Graph(
        blocks=np.ascontiguousarray(blocks, dtype=np.int64),
        around=around(bounds, rows, [(rest, six.min(axis=0), six.max(axis=0)), (rest[more], more_node, more_node)], seams),
        seams=seams,
        arrived=np.zeros(len(seams) - 1 + len(bounds) - 1, dtype=np.int64),
        rows=rows,
        uniform=uniform,
        rest=rest.astype(np.uint32),
        near=near,
        rate=rate,
        held=held,
        held_rate=transport.held_conductance / transport.capacity[transport.held],
        held_value=np.array(transport.held_value, dtype=float),
        more=more,
        more_node=more_node,
        more_rate=more_rate,
        sliver=place[sliver[order]],
        reach=np.append(0, np.cumsum(count)).astype(np.uint32),
        own=own[order],
        carrier=place[carrier[entries]],
        weight=weight[entries],
        back=back[entries],
    )
    return graph, spectral_radius(graph, transport, circles, work)


def _leaving(transport: GraphTransport, leaving: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sum of the conductances of every node, um3/ms, in place; nodes with more than `NEIGHBOURS`."""
    leaving[:] = 0.0
    many = [np.zeros(0, dtype=np.int64)]
    for first, (indptr, _, kappa) in transport.in_parts():
        add_rates(indptr, kappa, transport.diffusion, leaving[first : first + len(indptr) - 1])
        many.append(first + np.flatnonzero(np.diff(indptr) > NEIGHBOURS))
    return leaving, np.concatenate(many)


def _circles(transport: GraphTransport, leaving: np.ndarray, rates: np.ndarray) -> float:
    """S. Gershgorin's bound of the spectral radius; ``rates`` is room."""
    np.divide(leaving, transport.capacity, out=rates)
    rates[transport.held] += 0.5 * transport.held_conductance / transport.capacity[transport.held]
    return 2.0 * float(rates.max())


def _find_slivers(transport: GraphTransport, leaving: np.ndarray) -> np.ndarray:
    """Only voxels that a membrane cuts: what a user declared fast stays fast."""
    cut = transport.cut
    return cut[leaving[cut] > FASTEST * transport.whole_rate * transport.capacity[cut]]


def _carriers(
    transport: GraphTransport, leaving: np.ndarray, slivers: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Slivers, where the carriers of each begin, what it gives up; carriers, their weights, what they get back."""
    indptr, indices, kappa = transport.rows.of(slivers)
    of = np.repeat(np.arange(len(slivers)), np.diff(indptr))
    carrier = indices.astype(np.int64)
    weight = transport.diffusion * kappa / leaving[slivers][of]
    largest = np.zeros(len(slivers))
    np.maximum.at(largest, of, weight)
    kept = weight >= np.minimum(LEAST_SHARE, largest[of])
    of, carrier, weight = of[kept], carrier[kept], weight[kept]
    weight /= np.bincount(of, weight, minlength=len(slivers))[of]
    capacity = transport.capacity
    reaction = 1.0 / capacity[slivers] + np.bincount(of, weight**2 / capacity[carrier], minlength=len(slivers))
    slowest = 1.0 / (FASTEST * transport.whole_rate) if len(slivers) else 0.0
    part = (1.0 - 1.0 / np.sqrt(1.0 + slowest * leaving[slivers] * reaction)) / reaction
    reach = np.append(0, np.cumsum(np.bincount(of, minlength=len(slivers))))
    return slivers, reach, part / capacity[slivers], carrier, weight, part[of] * weight / capacity[carrier]


def _find_rows(transport: GraphTransport, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of whole voxels, their rates of exchange, and all other nodes; those in ``kept`` are among the others."""
    typical = _typical_rates(transport, kept)
    if typical is None:
        return np.zeros((0, 6), dtype=np.int64), np.zeros(3), np.arange(transport.n)
    length = np.zeros(transport.n, dtype=np.int32)
    for first, (indptr, indices, kappa) in transport.in_parts():
        part = slice(first, first + len(indptr) - 1)
        whole = (transport.capacity[part], kept[part])
        run_lengths(indptr, indices, kappa, transport.diffusion, *whole, typical, first, length[part])
    begin = np.flatnonzero(length > 0).astype(np.int32)
    around = transport.rows.of(begin)[1].reshape(-1, NEIGHBOURS)
    rows = np.column_stack([begin, length[begin], around[:, :2], around[:, 4:]]).astype(np.int64)
    return rows, np.ascontiguousarray(typical[:3]), np.flatnonzero(length == 0)


def _typical_rates(transport: GraphTransport, kept: np.ndarray) -> np.ndarray | None:
    """Rates of exchange of a whole voxel with its six neighbours, if what is typical is the same on opposite sides."""
    step = 1 + transport.n // SAMPLE
    nodes = np.arange(0, transport.n, step, dtype=np.int32)
    nodes = nodes[~kept[nodes]]
    indptr, _, kappa = transport.rows.of(nodes)
    six = np.flatnonzero(np.diff(indptr) == NEIGHBOURS)
    if not six.size:
        return None
    rates = transport.diffusion * kappa[indptr[six][:, None] + np.arange(NEIGHBOURS)] / transport.capacity[nodes[six]][:, None]
    typical = np.median(rates, axis=0)
    return typical if np.allclose(typical, typical[::-1], rtol=EQUAL, atol=0) else None


@lane_kernel
def add_rates(indptr: np.ndarray, kappa: np.ndarray, diffusion: float, leaving: np.ndarray) -> None:
    """Sum of the conductances of every node of a part."""
    for k in range(leaving.size):
        for e in range(indptr[k], indptr[k + 1]):
            leaving[k] += diffusion * kappa[e]


@lane_kernel
def run_lengths(
    indptr: np.ndarray,
    indices: np.ndarray,
    kappa: np.ndarray,
    diffusion: float,
    capacity: np.ndarray,
    kept: np.ndarray,
    typical: np.ndarray,
    start: int,
    length: np.ndarray,
) -> None:
    """Number of nodes of a row at its first node, -1 at its others, 0 outside rows, in a part whose first node is ``start``.

    Neighbours are in order of their numbers, which is -x, -y, -z, +z, +y, +x in a grid numbered in C order.
    """
    n, first = length.size, -1
    for k in range(n + 1):
        whole = k < n and indptr[k + 1] - indptr[k] == NEIGHBOURS and not kept[k]
        if whole:
            at = indptr[k]
            whole = indices[at + 2] == start + k - 1 and indices[at + 3] == start + k + 1
            for f in range(NEIGHBOURS):
                rate = diffusion * kappa[at + f] / capacity[k]
                whole = whole and abs(rate - typical[f]) <= EQUAL * typical[f]
        follows = whole and first >= 0
        if follows:
            for f in range(NEIGHBOURS):
                follows = follows and indices[indptr[k] + f] == indices[indptr[k - 1] + f] + 1
        if first >= 0 and not follows:
            if k - first >= SHORTEST:
                length[first] = k - first
                length[first + 1 : k] = -1
            first = -1
        if whole and first < 0:
            first = k


def _neighbours(
    transport: GraphTransport, rest: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Six neighbours of each node of the rest with their rates, and the edges of those that have more."""
    indptr, indices, kappa = transport.rows.of(rest)
    begin = indptr[:-1].astype(np.int64)
    degree = np.diff(indptr).astype(np.int64)
    slot = np.arange(NEIGHBOURS)
    edge = np.minimum(begin[:, None] + slot, max(len(indices) - 1, 0))
    there = slot < degree[:, None]
    near = np.repeat(rest[:, None], NEIGHBOURS, axis=1).astype(np.uint32)
    rate = np.zeros(near.shape)
    near[there] = indices[edge[there]]
    rate[there] = transport.diffusion * kappa[edge[there]]
    rate /= transport.capacity[rest][:, None]
    beyond = np.maximum(degree - NEIGHBOURS, 0)
    more = np.repeat(np.arange(len(rest)), beyond)
    last = np.cumsum(beyond)
    edge = np.arange(len(more)) - np.repeat(last - beyond, beyond) + np.repeat(begin + NEIGHBOURS, beyond)
    more_rate = transport.diffusion * kappa[edge] / transport.capacity[rest[more]]
    return near.T.reshape(-1), rate.T.reshape(-1), more.astype(np.uint32), indices[edge].astype(np.uint32), more_rate


def _plain_first(rest: np.ndarray, bounds: np.ndarray, kept: np.ndarray, others: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rest with those first, in every block, whose six neighbours are all they need; where the others begin, and an end."""
    waits = kept[rest] | np.isin(rest, others)
    block = home(bounds, rest)
    count = len(bounds) - 1
    ends, waiting = np.cumsum(np.bincount(block, minlength=count)), np.bincount(block[waits], minlength=count)
    return rest[np.lexsort((waits, block))], np.append(ends - waiting, len(rest))


def spectral_radius(graph: Graph, transport: GraphTransport, circles: float, work: np.ndarray) -> float:
    """Spectral radius (1/ms) from C. Lanczos' recurrence, with a margin, but at most what S. Gershgorin's ``circles`` allow.

    Exchange A with slivers' inertia B acts on rates as ``-A B``, symmetric in the product ``v M B w``. From a random start the
    recurrence misses `MARGIN` with a probability below 1e-9 for a million nodes (J. Kuczynski and H. Wozniakowski 1992,
    doi:10.1137/0613066). Slivers' inertia only slows exchange down, so that the circles of the plain graph hold.
    """
    n, capacity, flow, nodes = transport.n, transport.capacity, np.zeros(len(graph.rest)), graph.rest
    last, rest, spare = (work[i * n : (i + 1) * n] for i in range(3))
    last[:] = 0.0
    np.random.default_rng(0).standard_normal(out=rest)
    rest /= np.sqrt(capacity, out=spare)
    alphas: list[float] = []
    betas: list[float] = []
    while len(alphas) < min(ITERATIONS, n):
        square, plain = weighted(rest, rest, capacity), rest[nodes]
        carry_all(graph, rest, flow)
        square += float(np.sum(plain * (rest[nodes] - plain) * capacity[nodes]))
        if square <= (1e-12 * circles) ** 2:
            break
        norm = float(np.sqrt(square))
        exchange(graph, rest, spare, flow)
        betas.append(norm)
        alphas.append(-weighted(rest, spare, capacity) / square)
        rest[nodes] = plain
        recur(norm, alphas[-1], last, rest, spare)
        last, rest, spare = rest, spare, last
    return min(circles, MARGIN * _largest(alphas, betas[1:])) if alphas else 0.0


@lane_kernel
def weighted(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> float:
    """Sum of ``a b weight``, in parts, so that round-off does not pile up."""
    total = 0.0
    for first in range(0, a.size, 1024):
        part = 0.0
        for k in range(first, min(first + 1024, a.size)):
            part += a[k] * b[k] * weight[k]
        total += part
    return total


@lane_kernel
def recur(norm: float, alpha: float, last: np.ndarray, rest: np.ndarray, image: np.ndarray) -> None:
    """Divide ``rest`` by its norm; its image (before that) becomes what is left of the new one beside it and the last one."""
    for k in range(rest.size):
        rest[k] /= norm
        image[k] = -image[k] / norm - alpha * rest[k] - norm * last[k]


def _largest(diagonal: list[float], beside: list[float]) -> float:
    """Largest eigenvalue of a symmetric tridiagonal matrix, to round-off.

    By bisection: as many eigenvalues are above x as there are positive pivots of the matrix minus x (J. W. Givens 1954).
    """
    squares = [0.0, *(b * b for b in beside)]
    reach = [abs(a) + abs(b) for a, b in zip([0.0, *beside], [*beside, 0.0], strict=True)]
    low, high = max(diagonal), max(d + r for d, r in zip(diagonal, reach, strict=True))
    while high - low > 1e-15 * abs(high):
        middle, pivot, above = 0.5 * (low + high), 1.0, False
        if not low < middle < high:
            break
        for d, square in zip(diagonal, squares, strict=True):
            pivot = d - middle - square / (pivot or 1e-300)
            above = above or pivot > 0
        low, high = (middle, high) if above else (low, middle)
    return high
