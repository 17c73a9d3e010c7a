"""Compiled parts of the split step that do not depend on the model's equations.

Every part linearises once and solves the linear problem ``M u' = r + J (u - u0)`` with a singly diagonally implicit
Runge-Kutta method, whose numbers are data (`rxd.solve.schemes`). With ``s = gamma dt`` and ``w_j = s k_j``:

    (M / s - J) w_1 = r
    (M / s - J) w_2 = fresh r + carried (M / s) w_1            (not for methods of one stage)
    u += first w_1 + w_2,      effective u - u0 of the currents:  mean_1 w_1 + mean_2 w_2

Of w_2 the part ``fresh w_1`` is known from the first stage. So the second one solves for the rest, ``w = w_2 - fresh w_1``,
and needs r no more:

    (M / s - J) w = carried (M / s) w_1
    u += (first + fresh) w_1 + w,      effective u - u0:  (mean_1 + mean_2 fresh) w_1 + mean_2 w

All stages share one matrix, the right-hand side is evaluated once, and linear invariants of M and J are kept to round-off.
"""

from __future__ import annotations

import numpy as np

from rxd.discretize.records import LANES
from rxd.solve.lane_lu import add_multiple, assemble, copy_lanes, factorise, solve
from rxd.solve.lane_operations import inline_kernel, inner_kernel, make_operation, scaled_row
from rxd.solve.lane_places import place_of
from rxd.solve.schemes import Stages

set_multiple = make_operation(LANES, scaled_row)


@inner_kernel
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
    step, weight = stages.gamma * dt, stages.first + stages.fresh
    assemble(A, J, entry, diagonal, step)
    factorise(A, factors)
    scaled, result = (b, F), (X, b)
    for row in range(0, active.size * LANES, LANES):
        set_multiple(scaled, (row, row), (step,))
    solve(A, b, lower, upper, diagonal)
    again = (b, b)
    for r in range(active.size):
        row = r * LANES
        add_multiple(result, (active[r] * LANES, row), (weight,))
        set_multiple(again, (row, row), (stages.carried,))
    if stages.number < 2:
        return
    solve(A, b, lower, upper, diagonal)
    for r in range(active.size):
        add_multiple(result, (active[r] * LANES, r * LANES), (1.0,))


@inline_kernel
def keep_currents(
    E: np.ndarray, rows: int, nodes: int, first: int, width: int, held_value: np.ndarray, held_slope: np.ndarray
) -> None:
    """Keep what currents do to species, rows 1 and on of a group's electric kernel, until the change of v is known."""
    for r in range(1, rows):
        at, e = r * nodes + first, 2 * r * LANES
        if width == LANES:
            copy_lanes(held_value, at, E, e)
            copy_lanes(held_slope, at, E, e + LANES)
        else:
            for lane in range(width):
                held_value[at + lane] = E[e + lane]
                held_slope[at + lane] = E[e + LANES + lane]


@inline_kernel
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
    """What a group's electric kernel found, to v and to `keep_currents`: nodes side by side, segments side by side."""
    keep_currents(E, rows, nodes, first, width, held_value, held_slope)
    at = starts[0] + first
    if width == LANES:
        add_multiple((value, E), (at, 0), (1.0,))
        add_multiple((slope, E), (at, LANES), (1.0,))
        return
    for lane in range(width):
        value[at + lane] += E[lane]
        slope[at + lane] += E[LANES + lane]


@inner_kernel
def collect_sources(
    held_value: np.ndarray,
    held_slope: np.ndarray,
    average: np.ndarray,
    starts: np.ndarray,
    away: np.ndarray,
    ints: np.ndarray,
    rows: np.ndarray,
    nodes: int,
    v_start: int,
    source: np.ndarray,
) -> None:
    """Time-averaged effect of currents on species: the same linearised current that the cable saw."""
    for r in range(1, rows.size):
        u = rows[r]
        for k in range(nodes):
            v = place_of(starts[0], away[0], ints, k) - v_start
            change = held_value[r * nodes + k] + held_slope[r * nodes + k] * average[v]
            source[place_of(starts[u], away[u], ints, k)] += change


@inner_kernel
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
