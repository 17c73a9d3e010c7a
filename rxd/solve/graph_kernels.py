"""Compiled diffusion on graphs of voxels (and segments joined to them) for the split step.

Most voxels are whole and lie in rows along z of whole voxels with whole neighbours: there the exchange is the plain seven-point
stencil on consecutive numbers, which vectorises (`find_rows`). The rest, cut voxels and joins, walks through compressed rows.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np

from rxd.discretize.records import GraphTransport
from rxd.solve.lane_lu import lane_kernel

FASTEST: Final = 8.0
"""Exchange of a sliver over that of a whole voxel, at most (`limited_exchange`). With 4 the order in space falls to 1.67."""
SHARPENED: Final = 16
"""Power iterations that sharpen the bound of the spectrum."""
SHORTEST: Final = 4
"""Rows of fewer whole voxels are not worth their start."""


class Graph(NamedTuple):
    """Arguments of the kernels: a graph with its whole rows and the rest.

    Attributes
    ----------
    rows : ndarray of int, shape (m, 6)
        First node, count, first neighbour at -x, -y, +y, +x of each row along z; those at -z and +z are k - 1 and k + 1.
    uniform : ndarray, shape (3,)
        Conductance over capacity of a whole voxel along x, y, z, 1/ms.
    rest : ndarray of int
        Nodes outside the rows.
    inverse : ndarray, shape (n,)
        1 / capacity.
    indptr, indices, conductance
        Compressed rows of the whole graph.
    held : ndarray of int
        Nodes that exchange with a reservoir.
    held_rate, held_value : ndarray
        Conductance to it over capacity, 1/ms, and its concentration, mM.
    """

    rows: np.ndarray
    uniform: np.ndarray
    rest: np.ndarray
    inverse: np.ndarray
    indptr: np.ndarray
    indices: np.ndarray
    conductance: np.ndarray
    held: np.ndarray
    held_rate: np.ndarray
    held_value: np.ndarray


def limited_exchange(graph: GraphTransport) -> tuple[np.ndarray, float]:
    """Conductances for explicit stages, and a bound of the spectrum (1/ms).

    A sliver of a voxel exchanges with its neighbours hundreds of times faster than a whole one and would set the number of
    stages alone. It is in equilibrium with them anyway: its conductances are scaled down, symmetrically, until it exchanges
    `FASTEST` times as fast as a whole voxel. Only voxels cut by a membrane are; what a user declared fast stays fast.
    """
    row = np.repeat(np.arange(graph.n), np.diff(graph.indptr))
    leaving = np.bincount(row, weights=graph.conductance, minlength=graph.n)
    scale = np.ones(graph.n)
    fast = graph.cut[leaving[graph.cut] > FASTEST * graph.whole_rate * graph.capacity[graph.cut]]
    scale[fast] = FASTEST * graph.whole_rate * graph.capacity[fast] / leaving[fast]
    conductance = graph.conductance * np.minimum(scale[row], scale[graph.indices])
    return conductance, _spectral_bound(graph, row, conductance)


def _spectral_bound(graph: GraphTransport, row: np.ndarray, conductance: np.ndarray) -> float:
    """Upper bound of the spectrum (1/ms) after L. Collatz 1942, doi:10.1007/BF01180013: any positive vector gives one.

    The vector of ones gives Gershgorin's. Power iterations sharpen it by a factor of two where single nodes are fast.
    """
    from scipy.sparse import csr_array  # here: a model without voxels does not wait for SciPy

    leaving = np.bincount(row, weights=conductance, minlength=graph.n)
    leaving[graph.held] += graph.held_conductance
    own = leaving / graph.capacity
    other = csr_array((conductance / graph.capacity[row], graph.indices, graph.indptr), shape=(graph.n, graph.n))
    bound, x = np.inf, np.ones(graph.n)
    for _ in range(SHARPENED):
        image = own * x + other @ x
        bound = min(bound, float(np.max(image / x)))
        if bound == 0:
            break
        x = np.maximum(image / image.max(), 1e-3)
    return bound


def make_graph(transport: GraphTransport) -> tuple[Graph, float]:
    """The graph with its whole rows, and the bound of its spectrum (1/ms)."""
    conductance, stiffness = limited_exchange(transport)
    rows, uniform, rest = find_rows(transport, conductance)
    inverse = 1.0 / transport.capacity
    held = (transport.held, transport.held_conductance * inverse[transport.held], transport.held_value)
    return Graph(rows, uniform, rest, inverse, transport.indptr, transport.indices, conductance, *held), stiffness


def find_rows(transport: GraphTransport, conductance: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of whole voxels, their rates of exchange, and all other nodes."""
    n, indptr, indices = transport.n, transport.indptr, transport.indices
    six = np.flatnonzero(np.diff(indptr) == 6)
    nothing = np.zeros((0, 6), dtype=np.int64), np.zeros(3), np.arange(n)
    if not six.size:
        return nothing
    # Neighbours in order of their numbers, which is -x, -y, -z, +z, +y, +x in a grid numbered in C order.
    slots = indptr[six][:, None] + np.arange(6)
    near = indices[slots]
    order = np.argsort(near, axis=1)
    near = np.take_along_axis(near, order, axis=1).astype(np.int64)
    rates = np.take_along_axis(conductance[slots], order, axis=1) / transport.capacity[six][:, None]
    typical = np.median(rates, axis=0)
    symmetric = np.allclose(typical, typical[::-1], rtol=1e-9)
    whole = np.all(np.isclose(rates, typical, rtol=1e-12, atol=0), axis=1) & (near[:, 2] == six - 1) & (near[:, 3] == six + 1)
    if not symmetric or not whole.any():
        return nothing
    nodes, sides = six[whole], near[whole][:, [0, 1, 4, 5]]
    breaks = np.ones(len(nodes), dtype=bool)
    breaks[1:] = (np.diff(nodes) != 1) | np.any(np.diff(sides, axis=0) != 1, axis=1)
    first = np.flatnonzero(breaks)
    count = np.diff(np.append(first, len(nodes)))
    long = count >= SHORTEST
    rows = np.column_stack([nodes[first], count, sides[first]])[long]
    in_rows = np.zeros(n, dtype=bool)
    in_rows[nodes[np.repeat(long, count)]] = True
    return np.ascontiguousarray(rows), np.ascontiguousarray(typical[:3]), np.flatnonzero(~in_rows)


@lane_kernel
def exchange(graph: Graph, u: np.ndarray, out: np.ndarray) -> None:
    """``out = M^-1 (flow into each node)``; both sides of an edge compute the same number with opposite signs."""
    rows, uniform, rest, inverse, indptr, indices, conductance, held, held_rate, held_value = graph
    gx, gy, gz = uniform[0], uniform[1], uniform[2]
    for m in range(rows.shape[0]):
        k, count, west, south, north, east = rows[m, 0], rows[m, 1], rows[m, 2], rows[m, 3], rows[m, 4], rows[m, 5]
        for i in range(count):
            here = u[k + i]
            out[k + i] = (
                gx * ((u[west + i] - here) + (u[east + i] - here))
                + gy * ((u[south + i] - here) + (u[north + i] - here))
                + gz * ((u[k + i - 1] - here) + (u[k + i + 1] - here))
            )
    for m in range(rest.size):
        k = rest[m]
        total, here = 0.0, u[k]
        for e in range(indptr[k], indptr[k + 1]):
            total += conductance[e] * (u[indices[e]] - here)
        out[k] = total * inverse[k]
    for m in range(held.size):
        out[held[m]] += held_rate[m] * (held_value[m] - u[held[m]])


@lane_kernel
def chebyshev_stage(
    graph: Graph,
    start_rate: np.ndarray,
    now: np.ndarray,
    before: np.ndarray,
    mu: float,
    nu: float,
    step: float,
    step_start: float,
    out: np.ndarray,
) -> None:
    """``out = mu now + nu before + step (F0 + A now) + step_start F0`` in one pass."""
    rows, uniform, rest, inverse, indptr, indices, conductance, held, held_rate, _ = graph
    gx, gy, gz = step * uniform[0], step * uniform[1], step * uniform[2]
    both = step + step_start
    for m in range(rows.shape[0]):
        k, count, west, south, north, east = rows[m, 0], rows[m, 1], rows[m, 2], rows[m, 3], rows[m, 4], rows[m, 5]
        for i in range(count):
            here = now[k + i]
            out[k + i] = (
                mu * here
                + nu * before[k + i]
                + both * start_rate[k + i]
                + gx * ((now[west + i] - here) + (now[east + i] - here))
                + gy * ((now[south + i] - here) + (now[north + i] - here))
                + gz * ((now[k + i - 1] - here) + (now[k + i + 1] - here))
            )
    for m in range(rest.size):
        k = rest[m]
        total, here = 0.0, now[k]
        for e in range(indptr[k], indptr[k + 1]):
            total += conductance[e] * (now[indices[e]] - here)
        out[k] = mu * here + nu * before[k] + step * (total * inverse[k]) + both * start_rate[k]
    for m in range(held.size):
        out[held[m]] -= step * held_rate[m] * now[held[m]]


@lane_kernel
def graph_step(
    y: np.ndarray,
    dt: float,
    source: np.ndarray,
    drift: np.ndarray,
    start: int,
    n: int,
    moved: bool,
    stiffness: float,
    graph: Graph,
    start_rate: np.ndarray,
    a: np.ndarray,
    b: np.ndarray,
    c: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Advance a species in voxels (and segments joined to them) by dt with a constant source (mM/ms) from currents.

    Runge-Kutta-Chebyshev of order two with as many stages as ``stiffness`` (1/ms, a bound of the spectrum) asks for: explicit,
    so that mass is kept to round-off, and stable along the real axis to 2/3 stages^2 (B. P. Sommeijer, L. F. Shampine and
    J. G. Verwer 1997, doi:10.1016/S0377-0427(97)00219-7). Works on the change since the start of the step.
    """
    exchange(graph, y[start : start + n], start_rate)
    if moved:
        for k in range(n):
            start_rate[k] += source[start + k]
    stages = 1 + math.ceil(math.sqrt(1.0 + 1.54 * dt * stiffness))
    w0 = 1.0 + (2.0 / 13.0) / (stages * stages)
    root = math.sqrt(w0 * w0 - 1.0)
    angle = stages * math.log(w0 + root)
    w1 = math.sinh(angle) * (w0 * w0 - 1.0) / (math.cosh(angle) * stages * root - w0 * math.sinh(angle))
    t_before, t_now = 1.0, w0
    d_before, d_now = 0.0, 1.0
    e_before, e_now = 0.0, 0.0
    b_before = b_now = 1.0 / (4.0 * w0 * w0)
    for k in range(n):
        a[k] = 0.0
        b[k] = b_now * w1 * dt * start_rate[k]
    for _ in range(2, stages + 1):
        t_next = 2.0 * w0 * t_now - t_before
        d_next = 2.0 * w0 * d_now - d_before + 2.0 * t_now
        e_next = 2.0 * w0 * e_now - e_before + 4.0 * d_now
        b_next = e_next / (d_next * d_next)
        mu, nu = 2.0 * w0 * b_next / b_now, -b_next / b_before
        step = 2.0 * w1 * b_next / b_now * dt
        chebyshev_stage(graph, start_rate, b, a, mu, nu, step, -(1.0 - b_now * t_now) * step, c)
        a, b, c = b, c, a
        t_before, t_now, d_before, d_now, e_before, e_now = t_now, t_next, d_now, d_next, e_now, e_next
        b_before, b_now = b_now, b_next
    counts[0] += stages
    for k in range(n):
        y[start + k] += b[k]
        if moved:
            drift[start + k] = b[k] / dt
