"""The stages of a coupled step in lanes for a linear solver that wants whole equations, exchange between nodes included.

As `rxd.solve.direct_step`, but that a stage's right-hand side is complete before it is solved for, and a solver that is called
from outside does that, on the same arrays: PETSc with the embedded elimination as its preconditioner.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from rxd.discretize.records import LANES
from rxd.solve.calls import call_at
from rxd.solve.direct_nodes import (
    BLOCK,
    FIELDS_AT,
    LANES_AT,
    N_FIELDS,
    NODE,
    NODES,
    OF_BLOCKS,
    OF_SIDES,
    POINTS,
    RATES,
    TIMED,
    UNKNOWNS,
    VOLTAGE,
    clear,
    clear_lanes,
)
from rxd.solve.direct_step import (
    Step,
    add_clamps,
    add_drift,
    add_lanes,
    begin_block,
    copy_lanes,
    finish,
    judged,
    stage_sums,
)
from rxd.solve.direct_tree import eliminate_tree
from rxd.solve.kept import Kept, kept
from rxd.solve.lane_operations import draft_inline_kernel, lean_kernel


class Exchange(NamedTuple):
    """Edges in lanes: ``flow = conductance (y[second] - y[first])``, its share of each end's rate; where v of segments is.

    ``into`` and ``out`` are over the capacities of the ends. ``voltage`` and ``inverse_capacity`` are by segment in storage
    order, as electrodes come.
    """

    first: np.ndarray
    second: np.ndarray
    into: np.ndarray
    out: np.ndarray
    voltage: np.ndarray
    inverse_capacity: np.ndarray


@lean_kernel
def open_step(model: Kept, t: float, h: float, clamps: Any) -> None:
    """Rates and factors at the state: all that the stages of a step have in common."""
    constants: Step = kept(model)  # type: ignore[call-arg]
    _, tableau, lanes, fields, solver = constants
    gamma = tableau[0]
    (table, _, _, _, _), (tree, coupling, diagonal, _, blank), (_, S, R, _, T) = solver
    clear(S, blank, OF_BLOCKS)
    clear(R, blank, OF_SIDES)
    for g in range(table.shape[0]):
        for first in range(0, table[g, NODES], BLOCK):
            begin_block(first, t, (1.0 / (gamma * h), 0.0), True, table[g], model, lanes, fields, solver)
    add_clamps(S, clamps)
    eliminate_tree(S, coupling, diagonal, T, tree)


@lean_kernel
def right_side(model: Kept, i: int, t: float, h: float, electrodes: Any, edges: Any, B: np.ndarray) -> None:
    """Right-hand side of stage i into B: f at the stage's point, what earlier stages add, and the derivative by time."""
    constants: Step = kept(model)  # type: ignore[call-arg]
    _, tableau, lanes, fields, solver = constants
    _, a, c, alpha, slopes, fresh, _ = tableau
    Y, new, F, U, drift, work, _, _, scaled = lanes
    table, program = solver[0][0], solver[0][1]
    for j in range(i):
        scaled[j] = c[i, j] / h
    X = Y if i == 0 else new
    for g in range(table.shape[0]):
        row = table[g]
        timed, rows = program[row[TIMED] : row[TIMED + 1]], row[UNKNOWNS]
        for first in range(0, row[NODES], LANES):
            at = row[LANES_AT] + first * rows
            if i > 0:
                stage_sums(new, at, B, at, Y, at, U, at, Y.size, a[i], scaled, i, rows)
                if row[POINTS]:
                    _voltage_of_segments(first, at, row, program, new)
            rates, f = F, at
            if i > 0 and fresh[i]:
                rates, f = work, 0
                p = row[FIELDS_AT] + first * row[N_FIELDS]
                call_at(row[RATES], X, at, fields, p, t + alpha[i] * h, work, 0, work, 0)
            for u in range(0, rows * LANES, LANES):
                if i == 0:
                    copy_lanes(B, at + u, rates, f + u)
                else:
                    add_lanes(B, at + u, rates, f + u)
            add_drift(slopes[i] * h, B, at, drift, at, timed)
    _exchange(X, B, electrodes, edges)
    _gather_points(table, program, B)


@draft_inline_kernel
def _voltage_of_segments(first: int, at: int, row: np.ndarray, program: np.ndarray, X: np.ndarray) -> None:
    """The first row of point processes is v of their segments."""
    for lane in range(LANES):
        X[at + lane] = X[program[row[VOLTAGE] + first + lane]]


@draft_inline_kernel
def _exchange(X: np.ndarray, B: np.ndarray, electrodes: Any, edges: Any) -> None:
    """Add what flows along every edge, taken and given, and what electrodes inject."""
    first, second, into, out, voltage, inverse_capacity = edges
    for k in range(first.size):
        a, b = first[k], second[k]
        difference = X[b] - X[a]
        B[a] += into[k] * difference
        B[b] -= out[k] * difference
    current, conductance = electrodes
    for k in range(current.size):
        v = voltage[k]
        B[v] += (current[k] - conductance[k] * X[v]) * inverse_capacity[k]


@draft_inline_kernel
def _gather_points(table: np.ndarray, program: np.ndarray, B: np.ndarray) -> None:
    """What point processes do to v goes to their segments; copies of nodes do nothing."""
    for g in range(table.shape[0]):
        row = table[g]
        if row[POINTS]:
            for first in range(0, row[NODES], LANES):
                at = row[LANES_AT] + first * row[UNKNOWNS]
                for lane in range(LANES):
                    k = first + lane
                    if k == 0 or program[row[NODE] + k] != program[row[NODE] + k - 1]:  # copies stand beside their node
                        B[program[row[VOLTAGE] + k]] += B[at + lane]
                clear_lanes(B, at)


@lean_kernel
def close_step(model: Kept) -> float:
    """The new state from the last stage's point and its increment, or from all; largest error in units of the tolerance."""
    constants: Step = kept(model)  # type: ignore[call-arg]
    rtol, tableau, lanes, _, solver = constants
    Y, new, _, U, _, work, atol, most, _ = lanes
    table, stages, (embedded, weights) = solver[0][0], tableau[3].size, tableau[6]
    mixed = weights.size > 0
    error = work if mixed else U
    for lane in range(most.size):
        most[lane] = 0.0
    unknowns = 0
    for g in range(table.shape[0]):
        row = table[g]
        for first in range(0, row[NODES], LANES):
            at = row[LANES_AT] + first * row[UNKNOWNS]
            begin = (stages - 1) * Y.size + at
            if mixed:
                stage_sums(new, at, work, 0, Y, at, U, at, Y.size, embedded, weights, stages, row[UNKNOWNS])
                begin = 0
            finish(new, at, Y, at, error, begin, atol, unknowns, rtol, most, row[UNKNOWNS])
        unknowns += row[UNKNOWNS]
    return judged(most)
