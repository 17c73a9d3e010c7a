"""A whole Rosenbrock step with the embedded direct solver in one compiled call, and the solver's two halves by themselves.

Everything that has the shape of the state is kept in lanes (`rxd.solve.direct_nodes`) for the length of the step, so that a
stage goes through a chunk of nodes once while it is in the cache: local unknowns of the stage before, sums of stages, rates,
elimination of local unknowns. What flows between nodes never becomes a part of f: the tree adds it on its way up.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from rxd.discretize.records import LANES
from rxd.solve.calls import call_at
from rxd.solve.direct_nodes import (
    FIELDS_AT,
    LANES_AT,
    LINEARISE,
    N_FIELDS,
    NODES,
    PATTERN,
    PLACE_AT,
    POINTS,
    RATES,
    TIMED,
    UNKNOWNS,
    VOLTAGE,
    bring_from_tree,
    clear,
    load_lanes,
    prepare_chunk,
    send_to_tree,
    solving_lists,
    sort_jacobian,
    store_lanes,
)
from rxd.solve.direct_tree import WIDTH, Arrays, eliminate_tree, settle_branch_points, solve_tree
from rxd.solve.kept import Kept, kept
from rxd.solve.lane_operations import draft_inline_kernel, draft_kernel, lean_kernel
from rxd.solve.vector_moves import make_gather
from rxd.solve.vector_stages import make_finish, make_stage_sums
from rxd.solve.vectors import added, make_transfer, replaced

MOST_STAGES: Final = 8


class Step(NamedTuple):
    """What does not change from step to step: relative tolerance, `Tableau.arrays`, arrays in lanes, fields, the solver's."""

    rtol: float
    tableau: tuple[Any, ...]
    lanes: tuple[np.ndarray, ...]
    fields: np.ndarray
    solver: Arrays


stage_sums = make_stage_sums(LANES, MOST_STAGES - 1)
finish = make_finish(LANES)
add_lanes = make_transfer(LANES, added)
copy_lanes = make_transfer(LANES, replaced)
take_lanes = make_gather(LANES)


@lean_kernel
def prepare(local: np.ndarray, work: tuple[np.ndarray, np.ndarray], shift: float, clamps: Any, solver: Kept) -> None:
    """Factorise ``shift I - J`` of a Jacobian in storage order and the conductance of clamps.

    The solver is a `Kept` of `Arrays`; the work arrays hold places and values of the Jacobian of one chunk.
    """
    arrays: Arrays = kept(solver)  # type: ignore[call-arg]
    (table, program, places, capacity), (tree, coupling, diagonal, _, blank), (A, S, _, _, T) = arrays
    index, J = work
    clear(S, blank, 0)
    for g in range(table.shape[0]):
        row = table[g]
        for first in range(0, row[NODES], LANES):
            sort_jacobian(local, row, program, first, index, J)
            prepare_chunk(first, shift, row, program, J, 0, places, capacity, T, A, S)
    _add_clamps(S, clamps)
    eliminate_tree(S, coupling, diagonal, T, tree)


@draft_kernel
def _add_clamps(S: np.ndarray, clamps: Any) -> None:
    """Conductance of electrodes to the diagonal of v."""
    clamped, _, conductance = clamps
    for k in range(conductance.size):
        S[clamped[k, 0]] += conductance[k]


@lean_kernel
def solve(rhs: np.ndarray, out: np.ndarray, B: np.ndarray, lane: np.ndarray, solver: Kept) -> None:
    """Solve for one right-hand side shaped like the state; B is work in lanes, ``lane`` where each unknown is in it."""
    arrays: Arrays = kept(solver)  # type: ignore[call-arg]
    (table, program, places, capacity), (tree, coupling, _, _, blank), (A, S, sides, Z, T) = arrays
    R = sides[0]
    clear(R, blank, 2)
    load_lanes(rhs, table, program, B)
    for g in range(table.shape[0]):
        row = table[g]
        lists = solving_lists(row, program)
        for first in range(0, row[NODES], LANES):
            at = row[LANES_AT] + first * row[UNKNOWNS]
            send_to_tree(first, at, row, lists, places, capacity, A, B, R, B, at, Z)
    for k in range(Z.size):
        Z[k] = 0.0
    solve_tree(S, coupling, R, Z, T, tree)
    for g in range(table.shape[0]):
        row = table[g]
        lists = solving_lists(row, program)
        for first in range(0, row[NODES], LANES):
            bring_from_tree(first, row[LANES_AT] + first * row[UNKNOWNS], row, lists, places, A, B, R)
    store_lanes(B, lane, out)


@lean_kernel
def attempt(model: Kept, t: float, h: float, clamps: Any) -> float:
    """All stages of a step from t over h; returns the largest error in units of the tolerance, infinity for what is no number.

    The model is a `Step`; its lanes have the state at t and get the new state and the stages, and absolute tolerances by row of
    each part. The last stage evaluates f at the
    new state but for its own increment, which is the error (`Tableau`).
    """
    constants: Step = kept(model)  # type: ignore[call-arg]
    rtol, tableau, lanes, fields, solver = constants
    gamma, a, c, alpha, slopes, fresh = tableau
    Y, new, F, U, drift, work, atol, most, scaled = lanes
    (table, program, places, capacity), (tree, coupling, diagonal, twins, blank), (A, S, sides, Z, T) = solver
    _linearise(t, 1.0 / (gamma * h), fields, Y, F, drift, work, solver)
    _add_clamps(S, clamps)
    eliminate_tree(S, coupling, diagonal, T, tree)
    clamped, current, conductance = clamps
    stages, size, apart = alpha.size, Y.size, False
    for i in range(1, stages):
        apart = apart or not fresh[i]
    for i in range(stages):
        R, before = sides[i % 2], sides[1 - i % 2]
        clear(R, blank, 2)
        for j in range(i):
            scaled[j] = c[i, j] / h
        weights = (a[i], scaled, slopes[i] * h)
        for g in range(table.shape[0]):
            row = table[g]
            lists, timed = solving_lists(row, program), program[row[TIMED] : row[TIMED + 1]]
            for first in range(0, row[NODES], LANES):
                at = row[LANES_AT] + first * row[UNKNOWNS]
                if i > 0:
                    bring_from_tree(first, (i - 1) * size + at, row, lists, places, A, U, before)
                X, x = (Y, at) if i == 0 else ((new, at) if i == stages - 1 else (work, 0))
                _sum_chunk(i, at, size, row[UNKNOWNS], timed, weights, Y, F, U, drift, X, x, apart)
                if row[POINTS]:
                    take_lanes(Z, places[2], row[PLACE_AT] + first, 0, X, x)
                if i > 0:
                    _add_rates(fresh[i], t + alpha[i] * h, first, at, i * size, row, fields, F, U, X, x, work)
                send_to_tree(first, i * size + at, row, lists, places, capacity, A, U, R, X, x, Z)
        for k in range(current.size):
            R[clamped[k, 1]] += current[k] - conductance[k] * Z[clamped[k, 1]]
        settle_branch_points(Z, twins)
        solve_tree(S, coupling, R, Z, T, tree)
    for lane in range(most.size):
        most[lane] = 0.0
    unknowns, last = 0, (stages - 1) * size
    for g in range(table.shape[0]):
        row = table[g]
        lists = solving_lists(row, program)
        for first in range(0, row[NODES], LANES):
            at = row[LANES_AT] + first * row[UNKNOWNS]
            bring_from_tree(first, last + at, row, lists, places, A, U, sides[1 - stages % 2])
            finish(new, at, Y, at, U, last + at, atol, unknowns, rtol, most, row[UNKNOWNS])
        unknowns += row[UNKNOWNS]
    return _judged(most)


@draft_inline_kernel
def _judged(most: np.ndarray) -> float:
    """The largest of the first numbers; infinity if any of the others, sums over everything, is no number."""
    worst = 0.0
    for lane in range(WIDTH):
        worst = max(worst, most[lane])
        if not np.isfinite(most[WIDTH + lane]):
            return np.inf
    return worst


@draft_kernel
def _linearise(
    t: float, shift: float, fields: np.ndarray, Y: np.ndarray, F: np.ndarray, drift: np.ndarray, J: np.ndarray, solver: Arrays
) -> None:
    """Rates, Jacobian and derivative by time of all chunks, and the elimination of the local unknowns of each at once.

    J holds one chunk's Jacobian; a kernel's last rows are those that time changes.
    """
    (table, program, places, capacity), (_, _, _, _, blank), (A, S, _, _, T) = solver
    clear(S, blank, 0)
    for g in range(table.shape[0]):
        row = table[g]
        timed, voltage = program[row[TIMED] : row[TIMED + 1]], program[row[VOLTAGE] : row[VOLTAGE + 1]]
        for first in range(0, row[NODES], LANES):
            at = row[LANES_AT] + first * row[UNKNOWNS]
            if row[POINTS]:
                for lane in range(LANES):
                    Y[at + lane] = Y[voltage[first + lane]]
            call_at(row[LINEARISE], Y, at, fields, row[FIELDS_AT] + first * row[N_FIELDS], t, F, at, J, 0)
            for k in range(timed.size):
                for lane in range(LANES):
                    drift[at + timed[k] * LANES + lane] = J[(row[PATTERN] + k) * LANES + lane]
            prepare_chunk(first, shift, row, program, J, 0, places, capacity, T, A, S)


@draft_inline_kernel
def _sum_chunk(
    i: int, at: int, size: int, rows: int, timed: np.ndarray, weights: Any, Y: np.ndarray, F: np.ndarray, U: np.ndarray,
    drift: np.ndarray, X: np.ndarray, x: int, apart: bool,
) -> None:  # fmt: skip
    """Where stage i evaluates f into X, and what it adds to f into U; for the first one all of it, since f is known there.

    F is the first stage of U if no other needs it, else ``apart``.
    """
    a, c, slope = weights
    if i == 0:
        if apart:
            for u in range(0, rows * LANES, LANES):
                copy_lanes(U, at + u, F, at + u)
    else:
        stage_sums(X, x, U, i * size + at, Y, at, U, at, size, a, c, i, rows)
    if slope != 0.0:
        for u in timed:
            for lane in range(u * LANES, (u + 1) * LANES):
                U[i * size + at + lane] += slope * drift[at + lane]


@draft_inline_kernel
def _add_rates(
    fresh: bool, t: float, first: int, at: int, begin: int, row: np.ndarray, fields: np.ndarray, F: np.ndarray, U: np.ndarray,
    X: np.ndarray, x: int, work: np.ndarray,
) -> None:  # fmt: skip
    """Add f of a chunk whose state begins at x, or what it was when the step began, to a stage's."""
    rates, f, rows = F, at, row[UNKNOWNS]
    if fresh:
        rates, f = work, rows * LANES
        call_at(row[RATES], X, x, fields, row[FIELDS_AT] + first * row[N_FIELDS], t, work, f, work, f)
    for u in range(rows):
        add_lanes(U, begin + at + u * LANES, rates, f + u * LANES)


@lean_kernel
def add_stages(base: np.ndarray, U: np.ndarray, weights: np.ndarray, out: np.ndarray) -> None:
    """``out = base + sum_j weights[j] U_j`` with the stages end to end in U."""
    size = base.size
    for k in range(size):
        out[k] = base[k]
    for j in range(weights.size):
        if weights[j] != 0.0:
            stage = U[j * size : (j + 1) * size]
            for k in range(size):
                out[k] += weights[j] * stage[k]
