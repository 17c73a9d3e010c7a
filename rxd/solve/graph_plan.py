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
NODES_A_BLOCK: Final = 8192
MOST_BLOCKS: Final = 32
COST_OF_REST: Final = 6
"""A node outside the rows costs as much as so many in them."""
ITERATIONS: Final = 100
MARGIN: Final = 1.02


def plan_graph(transport: GraphTransport) -> tuple[Graph, float]:
    """The graph as its kernels want it, and its spectral radius (1/ms)."""
    leaving = leaving_rates(transport.indptr, transport.kappa, transport.diffusion)
    slivers = _find_slivers(transport, leaving)
    sliver, reach, own, carrier, weight, back = _carriers(transport, leaving, slivers)
    kept = np.zeros(transport.n, dtype=bool)
    kept[sliver], kept[carrier] = True, True
    rows, uniform, rest = _find_rows(transport, kept)
    bounds = _bounds(transport.n, rest)
    rest, waiting = _plain_first(transport, rest, bounds, kept)
    near, rate, more, more_node, more_rate = _neighbours(transport, rest)
    place = np.zeros(transport.n, dtype=np.uint32)
    place[rest] = np.arange(len(rest), dtype=np.uint32)
    order, starts = _by_block(bounds, sliver, reach, carrier)
    count = np.diff(reach)[order]
    entries = np.repeat(reach[:-1][order] - np.append(0, np.cumsum(count)[:-1]), count) + np.arange(count.sum())
    held = place[transport.held]
    blocks = np.column_stack(
        [
            np.searchsorted(rows[:, 0], bounds),
            np.append(0, np.cumsum(np.bincount(_home(bounds, rest), minlength=len(bounds) - 1))),
            np.searchsorted(transport.held, bounds),
            np.searchsorted(rest[more], bounds),
            starts,
            waiting,
        ]
    )
    graph = Graph(
        blocks=np.ascontiguousarray(blocks, dtype=np.int64),
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
    return graph, spectral_radius(graph, transport, leaving)


def _find_slivers(transport: GraphTransport, leaving: np.ndarray) -> np.ndarray:
    """Only voxels that a membrane cuts: what a user declared fast stays fast."""
    cut = transport.cut
    return cut[leaving[cut] > FASTEST * transport.whole_rate * transport.capacity[cut]]


def _carriers(
    transport: GraphTransport, leaving: np.ndarray, slivers: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Slivers, where the carriers of each begin, what it gives up; carriers, their weights, what they get back."""
    begin = transport.indptr[slivers]
    degree = transport.indptr[slivers + 1] - begin
    of = np.repeat(np.arange(len(slivers)), degree)
    edge = np.repeat(begin.astype(np.int64) - np.append(0, np.cumsum(degree)[:-1])[: len(degree)], degree) + np.arange(
        degree.sum()
    )
    carrier = transport.indices[edge].astype(np.int64)
    weight = transport.diffusion * transport.kappa[edge] / leaving[slivers][of]
    largest = np.zeros(len(slivers))
    np.maximum.at(largest, of, weight)
    kept = weight >= np.minimum(LEAST_SHARE, largest[of])
    of, carrier, weight = of[kept], carrier[kept], weight[kept]
    weight /= np.bincount(of, weight, minlength=len(slivers))[of]
    capacity = transport.capacity
    reaction = 1.0 / capacity[slivers] + np.bincount(of, weight**2 / capacity[carrier], minlength=len(slivers))
    kappa = 1.0 / (FASTEST * transport.whole_rate) if len(slivers) else 0.0
    part = (1.0 - 1.0 / np.sqrt(1.0 + kappa * leaving[slivers] * reaction)) / reaction
    reach = np.append(0, np.cumsum(np.bincount(of, minlength=len(slivers))))
    return slivers, reach, part / capacity[slivers], carrier, weight, part[of] * weight / capacity[carrier]


def _find_rows(transport: GraphTransport, kept: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of whole voxels, their rates of exchange, and all other nodes; those in ``kept`` are among the others."""
    indptr, indices, kappa, diffusion = transport.indptr, transport.indices, transport.kappa, transport.diffusion
    nothing = np.zeros((0, 6), dtype=np.int64), np.zeros(3), np.arange(transport.n)
    six = np.flatnonzero((np.diff(indptr) == NEIGHBOURS) & ~kept)
    if not six.size:
        return nothing
    sample = six[:: 1 + len(six) // SAMPLE]
    rates = diffusion * kappa[indptr[sample][:, None] + np.arange(NEIGHBOURS)] / transport.capacity[sample][:, None]
    typical = np.median(rates, axis=0)
    if not np.allclose(typical, typical[::-1], rtol=EQUAL, atol=0):
        return nothing
    length = np.zeros(transport.n, dtype=np.int32)
    count = run_lengths(indptr, indices, kappa, diffusion, transport.capacity, kept, typical, length)
    rows = list_rows(indptr, indices, length, count)
    in_rows = length != 0
    return rows, np.ascontiguousarray(typical[:3]), np.flatnonzero(~in_rows)


@lane_kernel
def leaving_rates(indptr: np.ndarray, kappa: np.ndarray, diffusion: float) -> np.ndarray:
    """Sum of the conductances of every node."""
    leaving = np.zeros(indptr.size - 1)
    for k in range(leaving.size):
        for e in range(indptr[k], indptr[k + 1]):
            leaving[k] += diffusion * kappa[e]
    return leaving


@lane_kernel
def run_lengths(
    indptr: np.ndarray,
    indices: np.ndarray,
    kappa: np.ndarray,
    diffusion: float,
    capacity: np.ndarray,
    kept: np.ndarray,
    typical: np.ndarray,
    length: np.ndarray,
) -> int:
    """Number of nodes of a row at its first node, -1 at its others, 0 outside rows; returns the number of rows.

    Neighbours are in order of their numbers, which is -x, -y, -z, +z, +y, +x in a grid numbered in C order.
    """
    n, count, first = length.size, 0, -1
    for k in range(n + 1):
        whole = k < n and indptr[k + 1] - indptr[k] == NEIGHBOURS and not kept[k]
        if whole:
            at = indptr[k]
            whole = indices[at + 2] == k - 1 and indices[at + 3] == k + 1
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
                count += 1
            first = -1
        if whole and first < 0:
            first = k
    return count


@lane_kernel
def list_rows(indptr: np.ndarray, indices: np.ndarray, length: np.ndarray, count: int) -> np.ndarray:
    """Rows as `Graph` has them, from `run_lengths`."""
    rows, m = np.empty((count, 6), dtype=np.int64), 0
    for k in range(length.size):
        if length[k] > 0:
            at = indptr[k]
            rows[m, 0], rows[m, 1] = k, length[k]
            rows[m, 2], rows[m, 3] = indices[at], indices[at + 1]
            rows[m, 4], rows[m, 5] = indices[at + 4], indices[at + 5]
            m += 1
    return rows


def _neighbours(
    transport: GraphTransport, rest: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Six neighbours of each node of the rest with their rates, and the edges of those that have more."""
    begin = transport.indptr[rest].astype(np.int64)
    degree = transport.indptr[rest + 1] - begin
    slot = np.arange(NEIGHBOURS)
    edge = np.minimum(begin[:, None] + slot, max(len(transport.indices) - 1, 0))
    there = slot < degree[:, None]
    near = np.repeat(rest[:, None], NEIGHBOURS, axis=1).astype(np.uint32)
    rate = np.zeros(near.shape)
    near[there] = transport.indices[edge[there]]
    rate[there] = transport.diffusion * transport.kappa[edge[there]]
    rate /= transport.capacity[rest][:, None]
    beyond = np.maximum(degree - NEIGHBOURS, 0)
    more = np.repeat(np.arange(len(rest)), beyond)
    last = np.cumsum(beyond)
    edge = np.arange(len(more)) - np.repeat(last - beyond, beyond) + np.repeat(begin + NEIGHBOURS, beyond)
    more_rate = transport.diffusion * transport.kappa[edge] / transport.capacity[rest[more]]
    return near.T.reshape(-1), rate.T.reshape(-1), more.astype(np.uint32), transport.indices[edge].astype(np.uint32), more_rate


def _plain_first(
    transport: GraphTransport, rest: np.ndarray, bounds: np.ndarray, kept: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """The rest with those first, in every block, whose six neighbours are all they need; where the others begin, and an end."""
    waits = kept[rest] | (np.diff(transport.indptr)[rest] > NEIGHBOURS) | np.isin(rest, transport.held)
    home = _home(bounds, rest)
    count = len(bounds) - 1
    ends, waiting = np.cumsum(np.bincount(home, minlength=count)), np.bincount(home[waits], minlength=count)
    return rest[np.lexsort((waits, home))], np.append(ends - waiting, len(rest))


def _home(bounds: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """The block of each node."""
    return np.searchsorted(bounds, nodes, side="right") - 1


def _bounds(n: int, rest: np.ndarray) -> np.ndarray:
    """First nodes of blocks that cost about the same, and n: the same for any number of threads."""
    count = min(max(n // NODES_A_BLOCK, 1), MOST_BLOCKS)
    cost = np.ones(n, dtype=np.int64)
    cost[rest] = COST_OF_REST
    cost = np.cumsum(cost)
    inner = np.searchsorted(cost, cost[-1] * np.arange(1, count) / count)
    return np.concatenate([[0], inner, [n]])


def _by_block(bounds: np.ndarray, sliver: np.ndarray, reach: np.ndarray, carrier: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Order of slivers with those of a block together and those across blocks last, and where each block's begin."""
    count = len(bounds) - 1
    home = _home(bounds, sliver)
    away = _home(bounds, carrier) != np.repeat(home, np.diff(reach))
    across = np.bincount(np.repeat(np.arange(len(sliver)), np.diff(reach)), away, minlength=len(sliver)) > 0
    where = np.where(across, count, home)
    order = np.argsort(where, kind="stable")
    return order, np.searchsorted(where[order], np.arange(count + 1))


def spectral_radius(graph: Graph, transport: GraphTransport, leaving: np.ndarray) -> float:
    """Spectral radius (1/ms) from C. Lanczos' recurrence, with a margin, but at most what S. Gershgorin's circles allow.

    Exchange A with slivers' inertia B acts on rates as ``-A B``, symmetric in the product ``v M B w``. From a random start the
    recurrence misses `MARGIN` with a probability below 1e-9 for a million nodes (J. Kuczynski and H. Wozniakowski 1992,
    doi:10.1137/0613066). Slivers' inertia only slows exchange down, so that the circles of the plain graph hold.
    """
    from scipy.linalg import eigvalsh_tridiagonal  # here: a model without voxels does not wait for SciPy

    capacity, flow = transport.capacity, np.zeros(len(graph.rest))
    leaving[transport.held] += 0.5 * transport.held_conductance
    circles = 2.0 * float(np.max(leaving / capacity))
    before, v, image = np.zeros(transport.n), np.zeros(transport.n), np.empty(transport.n)
    rest = np.random.default_rng(0).standard_normal(transport.n)
    rest /= np.sqrt(capacity)
    carried = np.empty(transport.n)
    alphas: list[float] = []
    betas: list[float] = []
    while len(alphas) < min(ITERATIONS, transport.n):
        carried[:] = rest
        carry_all(graph, carried, flow)
        norm = float(np.sqrt(np.vdot(np.multiply(rest, carried, out=image), capacity)))
        if norm <= 1e-12 * circles:
            break
        before, v, rest = v, np.divide(rest, norm, out=rest), before
        carried /= norm
        exchange(graph, carried, image, flow)
        betas.append(norm)
        alphas.append(-float(np.vdot(np.multiply(carried, image, out=carried), capacity)))
        np.multiply(before, -norm, out=rest)
        rest -= image
        rest -= np.multiply(v, alphas[-1], out=image)
    largest = float(eigvalsh_tridiagonal(np.array(alphas), np.array(betas[1:]))[-1]) if alphas else 0.0
    return min(circles, MARGIN * largest)
