"""Compiled parts of the split step that do not depend on the model's equations.

Every part linearises once and solves the linear problem ``M u' = r + J (u - u0)`` with a singly diagonally implicit
Runge-Kutta method, whose numbers are data (`rxd.solve.schemes`). With ``s = gamma dt`` and ``w_j = s k_j``:

    (M / s - J) w_1 = r
    (M / s - J) w_2 = fresh r + carried (M / s) w_1            (not for methods of one stage)
    u += first w_1 + w_2,      effective u - u0 of the currents:  mean_1 w_1 + mean_2 w_2

All stages share one matrix, the right-hand side is evaluated once, and linear invariants of M and J are kept to round-off.
"""

from __future__ import annotations

import numpy as np

from cable.hines import factor, factor_and_solve, resolve
from rxd.discretize.records import LANES
from rxd.solve.lane_lu import assemble, factorise, lane_kernel, solve
from rxd.solve.schemes import Stages


@lane_kernel
def relax(
    X: np.ndarray,
    F: np.ndarray,
    J: np.ndarray,
    A: np.ndarray,
    b: np.ndarray,
    active: np.ndarray,
    entry: np.ndarray,
    diagonal: np.ndarray,
    factors: np.ndarray,
    lower: np.ndarray,
    upper: np.ndarray,
    dt: float,
    stages: Stages,
) -> None:
    """Advance the active rows of X by dt with rates F and Jacobian J (mass matrix 1)."""
    step = stages.gamma * dt
    assemble(A, J, entry, diagonal, step)
    factorise(A, factors)
    size = active.size * LANES
    for i in range(size):
        b[i] = step * F[i]
    solve(A, b, lower, upper, diagonal)
    for r in range(active.size):
        x, row = active[r] * LANES, r * LANES
        for lane in range(LANES):
            w = b[row + lane]
            X[x + lane] += stages.first * w
            b[row + lane] = stages.fresh * step * F[row + lane] + stages.carried * w
    if stages.number < 2:
        return
    solve(A, b, lower, upper, diagonal)
    for r in range(active.size):
        x, row = active[r] * LANES, r * LANES
        for lane in range(LANES):
            X[x + lane] += b[row + lane]


@lane_kernel
def put_currents(
    E: np.ndarray,
    starts: np.ndarray,
    rows: int,
    nodes: int,
    first: int,
    width: int,
    held_value: np.ndarray,
    held_slope: np.ndarray,
    value: np.ndarray,
    slope: np.ndarray,
) -> None:
    """Keep the lanes of a group's electric kernel and give v what belongs to it: nodes side by side, segments side by side."""
    for r in range(rows):
        at, e = r * nodes + first, 2 * r * LANES
        for lane in range(width):
            held_value[at + lane] = E[e + lane]
            held_slope[at + lane] = E[e + LANES + lane]
    at = starts[0] + first
    for lane in range(width):
        value[at + lane] += E[lane]
        slope[at + lane] += E[LANES + lane]


@lane_kernel
def put_currents_scattered(
    E: np.ndarray,
    position: np.ndarray,
    rows: int,
    nodes: int,
    first: int,
    width: int,
    held_value: np.ndarray,
    held_slope: np.ndarray,
    value: np.ndarray,
    slope: np.ndarray,
) -> None:
    """As `put_currents`, for nodes whose segments are anywhere or shared."""
    for r in range(rows):
        at, e = r * nodes + first, 2 * r * LANES
        for lane in range(width):
            held_value[at + lane] = E[e + lane]
            held_slope[at + lane] = E[e + LANES + lane]
    for lane in range(width):
        at = position[0, first + lane]
        value[at] += E[lane]
        slope[at] += E[LANES + lane]


@lane_kernel
def collect_sources(
    held_value: np.ndarray,
    held_slope: np.ndarray,
    average: np.ndarray,
    position: np.ndarray,
    rows: np.ndarray,
    nodes: int,
    v_start: int,
    source: np.ndarray,
) -> None:
    """Time-averaged effect of currents on species: the same linearised current that the cable saw."""
    for r in range(1, rows.size):
        for k in range(nodes):
            change = held_value[r * nodes + k] + held_slope[r * nodes + k] * average[position[0, k] - v_start]
            source[position[rows[r], k]] += change


@lane_kernel
def flows(u: np.ndarray, parent: np.ndarray, conductance: np.ndarray, r: np.ndarray) -> None:
    """Add to r what flows into each node; what one node loses another gains, to round-off."""
    for k in range(parent.size):
        p = parent[k]
        if p >= 0:
            flow = conductance[k] * (u[p] - u[k])
            r[k] += flow
            r[p] -= flow


@lane_kernel
def cable_step(
    y: np.ndarray,
    start: int,
    n: int,
    dt: float,
    value: np.ndarray,
    slope: np.ndarray,
    injected: np.ndarray,
    clamp_conductance: np.ndarray,
    clamp_current: np.ndarray,
    capacity: np.ndarray,
    parent: np.ndarray,
    conductance: np.ndarray,
    node: np.ndarray,
    up: np.ndarray,
    coupling: np.ndarray,
    u: np.ndarray,
    r: np.ndarray,
    b: np.ndarray,
    diagonal: np.ndarray,
    average: np.ndarray,
    stages: Stages,
) -> None:
    """Advance v by dt with linearised currents.

    ``value``, ``slope`` are dv/dt (mV/ms) of currents and its derivative; ``injected`` and ``clamp_current`` nA,
    ``clamp_conductance`` uS by segment in storage order. ``u`` holds v of segments and junctions; ``average`` receives the
    v - v0 that currents are taken to have seen.
    """
    per_step = 1.0 / (stages.gamma * dt)
    for k in range(n):
        u[k] = y[start + k]
        g = clamp_conductance[k]
        r[k] = capacity[k] * value[start + k] + injected[k] + clamp_current[k] - g * u[k]
        diagonal[k] = capacity[k] * (per_step - slope[start + k]) + g
    for k in range(n, u.size):
        r[k] = 0.0
        diagonal[k] = 0.0
    flows(u, parent, conductance, r)
    for k in range(u.size):
        b[k] = r[k]
    factor_and_solve(node, up, coupling, diagonal, b)
    if stages.number < 2:
        for k in range(u.size):
            u[k] += stages.first * b[k]
        for k in range(n):
            y[start + k] = u[k]
            average[k] = stages.mean_1 * b[k]
        return
    for k in range(u.size):
        w = b[k]
        u[k] += stages.first * w
        b[k] = stages.fresh * r[k] + (stages.carried * per_step) * capacity[k] * w
        r[k] = w
    resolve(node, up, coupling, diagonal, b)
    for k in range(u.size):
        u[k] += b[k]
    for k in range(n):
        y[start + k] = u[k]
        average[k] = stages.mean_1 * r[k] + stages.mean_2 * b[k]


@lane_kernel
def prepare_transport(
    step: float, capacity: np.ndarray, node: np.ndarray, up: np.ndarray, coupling: np.ndarray, diagonal: np.ndarray
) -> None:
    """Factorise ``M / step + G`` of one species, step = gamma dt: once per dt."""
    for k in range(capacity.size):
        diagonal[k] = capacity[k] / step
    factor(node, up, coupling, diagonal)


@lane_kernel
def transport_step(
    y: np.ndarray,
    start: int,
    n: int,
    dt: float,
    source: np.ndarray,
    moved: bool,
    drift: np.ndarray,
    capacity: np.ndarray,
    parent: np.ndarray,
    conductance: np.ndarray,
    node: np.ndarray,
    up: np.ndarray,
    coupling: np.ndarray,
    diagonal: np.ndarray,
    u: np.ndarray,
    r: np.ndarray,
    b: np.ndarray,
    stages: Stages,
) -> None:
    """Advance one diffusing species by dt with a constant source (mM/ms) from currents; ``diagonal`` is factorised."""
    per_step = 1.0 / (stages.gamma * dt)
    for k in range(n):
        u[k] = y[start + k]
        r[k] = capacity[k] * source[start + k] if moved else 0.0
    for k in range(n, u.size):
        r[k] = 0.0
    flows(u, parent, conductance, r)
    for k in range(u.size):
        b[k] = r[k]
    resolve(node, up, coupling, diagonal, b)
    for k in range(u.size):
        w = b[k]
        u[k] += stages.first * w
        b[k] = stages.fresh * r[k] + (stages.carried * per_step) * capacity[k] * w
    if stages.number > 1:
        resolve(node, up, coupling, diagonal, b)
        for k in range(u.size):
            u[k] += b[k]
    if moved:
        for k in range(n):
            drift[start + k] = (u[k] - y[start + k]) / dt
    for k in range(n):
        y[start + k] = u[k]


@lane_kernel
def crossings(y: np.ndarray, position: np.ndarray, threshold: np.ndarray, before: np.ndarray, fraction: np.ndarray) -> int:
    """Count of rising threshold crossings in the last step; their linear position in it goes to ``fraction``, else -1."""
    count = 0
    for d in range(position.size):
        now = y[position[d]]
        fraction[d] = -1.0
        if before[d] < threshold[d] <= now:
            fraction[d] = (threshold[d] - before[d]) / (now - before[d])
            count += 1
        before[d] = now
    return count
