"""A whole Rosenbrock step with the embedded direct solver in one compiled call, and the solver's two halves by themselves.

Everything that has the shape of the state is kept in lanes (`rxd.solve.direct_nodes`) for the length of the step, so that a
stage goes through a chunk of nodes once while it is in the cache: local unknowns of the stage before, sums of stages, rates,
elimination of local unknowns. What flows between nodes never becomes a part of f: the tree adds it on its way up.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from rxd.codegen.lane_calls import on_its_own
from rxd.codegen.stage_calls import call_stage
from rxd.discretize.records import LANES
from rxd.solve.calls import call_at
from rxd.solve.direct_nodes import (
    BEGIN,
    BLOCK,
    CAPACITIES,
    CAPACITY_AT,
    FACTORS_AT,
    FIELDS_AT,
    KEPT,
    LANES_AT,
    LINEARISE,
    N_FIELDS,
    NODES,
    OF_BLOCKS,
    OF_SIDES,
    PATTERN,
    PLACE_AT,
    POINTS,
    RATES,
    ROWS,
    SCHUR,
    STAGE,
    STRAIGHT,
    TAKE,
    TIMED,
    UNKNOWNS,
    VOLTAGE,
    bring_from_tree,
    clear,
    prepare_chunk,
    send_to_tree,
    solving_lists,
    sort_jacobian,
    take_half,
)
from rxd.solve.direct_tree import WIDTH, Arrays, eliminate_tree, settle_branch_points, solve_tree
from rxd.solve.kept import Kept, kept
from rxd.solve.lane_operations import draft_inline_kernel, draft_kernel, draft_own_kernel, lean_kernel
from rxd.solve.vector_moves import make_gather, make_permute, make_spread
from rxd.solve.vector_stages import make_close, make_finish, make_stage_sums
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
close = make_close(LANES)
add_lanes = make_transfer(LANES, added)
copy_lanes = make_transfer(LANES, replaced)
take_lanes = make_gather(LANES)
spread_half = make_spread(WIDTH)
permute_half = make_permute(WIDTH)


@lean_kernel
def prepare(local: np.ndarray, work: tuple[np.ndarray, np.ndarray], shift: float, clamps: Any, solver: Kept) -> None:
    """Factorise ``shift I - J`` of a Jacobian in storage order and the conductance of clamps.

    The solver is a `Kept` of `Arrays`; the work arrays hold places and values of the Jacobian of one chunk.
    """
    arrays: Arrays = kept(solver)  # type: ignore[call-arg]
    (table, program, places, capacity, _), (tree, coupling, diagonal, _, blank), (A, S, _, _, T) = arrays
    index, J = work
    clear(S, blank, OF_BLOCKS)
    for g in range(table.shape[0]):
        row = table[g]
        for first in range(0, row[NODES], LANES):
            sort_jacobian(local, row, program, first, index, J)
            prepare_chunk(first, shift, row, program, J, 0, places, capacity, T, A, S)
    add_clamps(S, clamps)
    eliminate_tree(S, coupling, diagonal, T, tree)


@draft_kernel
def add_clamps(S: np.ndarray, clamps: Any) -> None:
    """Conductance of electrodes to the diagonal of v."""
    clamped, _, conductance, _ = clamps
    for k in range(conductance.size):
        S[clamped[k, 0]] += conductance[k]


@lean_kernel
def solve_in_lanes(solver: Kept, rhs: np.ndarray, out: np.ndarray) -> None:
    """Solve with the factors at hand for one right-hand side in lanes; both may be the same array."""
    arrays: Arrays = kept(solver)  # type: ignore[call-arg]
    (table, program, places, capacity, _), (tree, coupling, _, _, blank), (A, S, R, Z, T) = arrays
    clear(R, blank, OF_SIDES)
    for g in range(table.shape[0]):
        row = table[g]
        lists = solving_lists(row, program)
        for first in range(0, row[NODES], LANES):
            at = row[LANES_AT] + first * row[UNKNOWNS]
            for u in range(0, row[UNKNOWNS] * LANES, LANES):
                copy_lanes(out, at + u, rhs, at + u)
            send_to_tree(first, at, row, lists, places, capacity, A, out, R, out, at, Z)
    for k in range(Z.size):
        Z[k] = 0.0
    solve_tree(S, coupling, R, Z, T, tree)
    for g in range(table.shape[0]):
        row = table[g]
        lists = solving_lists(row, program)
        for first in range(0, row[NODES], LANES):
            bring_from_tree(first, row[LANES_AT] + first * row[UNKNOWNS], row, lists, places, A, out, R)


@draft_kernel
def attempt(model: Kept, t: float, h: float, judging: bool, clamps: Any) -> float:
    """All stages of a step from t over h; returns the largest error in units of the tolerance, infinity for what is no number.

    Without ``judging`` it returns zero or infinity: nobody asks for the error of a fixed step. The model is a `Step`; its lanes
    have the state at t and get the new state and the stages, and absolute tolerances by row of each part. The last stage
    evaluates f at the new state but for its own increment, which is the error if there is no mixture (`Tableau`).
    """
    constants: Step = kept(model)  # type: ignore[call-arg]
    rtol, tableau, lanes, fields, solver = constants
    gamma, a, c, alpha, slopes, fresh, mixture = tableau
    Y, _, _, U, _, _, _, _, scaled = lanes
    (table, _, _, _, _), (tree, coupling, diagonal, (twins, again), blank), (A, S, R, Z, T) = solver
    clear(S, blank, OF_BLOCKS)
    clear(R, blank, OF_SIDES)
    apart = fresh[0]  # it is not; a plain False would have numba compile once more what is called with it
    for i in range(1, alpha.size):
        apart = apart or not fresh[i]
    for g in range(table.shape[0]):
        row = table[g]
        for first in range(0, row[NODES], BLOCK):
            begin_block(first, t, (1.0 / (gamma * h), slopes[0] * h), apart, row, model, lanes, fields, solver)
    add_clamps(S, clamps)
    eliminate_tree(S, coupling, diagonal, T, tree)
    clamped, current, conductance, (rise, since, ahead) = clamps
    stages, size = alpha.size, Y.size
    for i in range(stages):
        if i > 0:
            _take_packed((i - 1) * size, solver[0], A, U, R)
            clear(R, blank, OF_SIDES)
            for j in range(i):
                scaled[j] = c[i, j] / h
            weights = (a[i], scaled, slopes[i] * h)
            for g in range(table.shape[0]):
                row = table[g]
                for first in range(0, row[NODES], BLOCK):
                    how = (fresh[i], i == stages - 1)
                    _stage_block(i, first, t + alpha[i] * h, weights, how, row, model, lanes, fields, solver)
        for k in range(current.size):
            R[clamped[k, 1]] += current[k] - conductance[k] * Z[clamped[k, 1]]
        for k in range(rise.size):
            R[clamped[k, 1]] += rise[k] * (t - since + ahead[i] * h)
        settle_branch_points(Z, again if i else twins, T)
        solve_tree(S, coupling, R, Z, T, tree)
    return _end(rtol, stages - 1, judging, mixture, lanes, solver)


@draft_kernel
def _end(rtol: float, last: int, judging: bool, mixture: Any, lanes: Any, solver: Any) -> float:
    """The new state from the last stage, or from all of them; the largest error in units of the tolerance.

    Zero without ``judging``: for an error the state is read once more, and numbers are divided.
    """
    Y, new, _, U, _, work, atol, most, _ = lanes
    (embedded, weights), mixed = mixture, mixture[0].size > 0
    error = work if mixed else U
    (table, program, places, _, ends), _, (A, _, R, _, _) = solver
    for lane in range(most.size):
        most[lane] = 0.0
    unknowns = 0
    for g in range(table.shape[0]):
        row = table[g]
        for first in range(0, row[NODES], BLOCK):
            at, n = row[LANES_AT] + first * row[UNKNOWNS], in_block(row, first)
            _take_block(first, n, last * Y.size + at, row, program, places, ends, A, U, R)
            begin = last * Y.size + at
            if not judging:
                close(new, at, U, begin, most, row[UNKNOWNS] * (n // LANES))
                continue
            if mixed:  # the embedded formula, to which the estimate is added as the last increment is
                stage_sums(new, at, work, 0, Y, at, U, at, Y.size, embedded, weights, last + 1, row[UNKNOWNS] * (n // LANES))
                begin = 0
            for k in range(0, n * row[UNKNOWNS], LANES * row[UNKNOWNS]):
                finish(new, at + k, Y, at + k, error, begin + k, atol, unknowns, rtol, most, row[UNKNOWNS])
        unknowns += row[UNKNOWNS]
    return judged(most)


@draft_inline_kernel
def in_block(row: np.ndarray, first: int) -> int:
    """Lanes of the block that begins here; numba's own `min` takes longer to compile, for everybody who calls it."""
    left = row[NODES] - first
    if left > BLOCK:
        left = BLOCK
    return left


@draft_inline_kernel
def judged(most: np.ndarray) -> float:
    """The largest of the first numbers; infinity if any of the others, sums over everything, is no number."""
    worst = 0.0
    for lane in range(WIDTH):
        if most[lane] > worst:
            worst = most[lane]
        if not np.isfinite(most[WIDTH + lane]):
            return np.inf
    return worst


@draft_inline_kernel
def begin_block(
    first: int, t: float, scales: Any, apart: bool, row: np.ndarray, model: Kept, lanes: Any, fields: np.ndarray, solver: Any
) -> None:
    """Rates, Jacobian and derivative by time of a block of chunks, the elimination of their local unknowns, and stage 0.

    F is kept if a later stage needs it, ``apart``. The scales are the shift and the weight of the derivative by time.
    """
    Y, _, F, U, drift, work, _, _, _ = lanes
    (_, program, places, capacity, ends), _, (A, S, R, Z, _) = solver
    at, n, (shift, slope) = row[LANES_AT] + first * row[UNKNOWNS], in_block(row, first), scales
    if row[BEGIN]:
        p, kept_rows, half = row[FIELDS_AT] + first * row[N_FIELDS], row[KEPT + 1] - row[KEPT], (row[PLACE_AT] + first) // WIDTH
        arrays = (Y, fields, F if apart else work, U, A, capacity, S, R, Z, drift, ends[0], ends[1])
        starts = (
            at, p, at if apart else 0, at, row[FACTORS_AT] + first * kept_rows, row[CAPACITY_AT] + first * row[CAPACITIES],
            0, 0, 0, at, half, half,
        )  # fmt: skip
        call_stage(row[BEGIN], arrays, starts, (shift, slope, t), (apart, n // WIDTH, WIDTH))
        if not row[STRAIGHT]:
            _scatter_blocks(first, n, row, program, places, ends, S)
            _scatter_sides(first, n, row, program, places, ends, R, Z)
        return
    _begin_listed(first, n, t, scales, apart, row, model)


# What goes through lists, for point processes, is called for a block of chunks: in the function that calls, everywhere it is
# called from, it took LLVM as long as all the rest of a step.
@draft_own_kernel
def _begin_listed(first: int, n: int, t: float, scales: Any, apart: bool, row: np.ndarray, model: Kept) -> None:
    """`begin_block` for a group without a kernel of its own."""
    on_its_own()  # type: ignore[call-arg]
    constants: Step = kept(model)
    _, _, lanes, fields, solver = constants
    Y, _, F, U, drift, work, _, _, _ = lanes
    (_, program, places, capacity, _), _, (A, S, R, Z, T) = solver
    shift, slope = scales
    lists, timed = solving_lists(row, program), program[row[TIMED] : row[TIMED + 1]]
    for k in range(first, first + n, LANES):
        here = row[LANES_AT] + k * row[UNKNOWNS]
        _linearise_chunk(k, here, t, row, program, Y, F, drift, work, fields)
        prepare_chunk(k, shift, row, program, work, 0, places, capacity, T, A, S)
        if apart:
            for u in range(0, row[UNKNOWNS] * LANES, LANES):
                copy_lanes(U, here + u, F, here + u)
        add_drift(slope, U, here, drift, here, timed)
        if row[POINTS]:
            take_lanes(Z, places[2], row[PLACE_AT] + k, 0, Y, here)
        send_to_tree(k, here, row, lists, places, capacity, A, U, R, Y, here, Z)


@draft_inline_kernel
def _linearise_chunk(
    first: int, at: int, t: float, row: np.ndarray, program: np.ndarray, Y: np.ndarray, F: np.ndarray, drift: np.ndarray,
    J: np.ndarray, fields: np.ndarray,
) -> None:  # fmt: skip
    """Rates, derivative by time and Jacobian of a chunk; a kernel's last rows are those that time changes."""
    timed, voltage = program[row[TIMED] : row[TIMED + 1]], program[row[VOLTAGE] : row[VOLTAGE + 1]]
    if row[POINTS]:
        for lane in range(LANES):
            Y[at + lane] = Y[voltage[first + lane]]
    call_at(row[LINEARISE], Y, at, fields, row[FIELDS_AT] + first * row[N_FIELDS], t, F, at, J, 0)
    for k in range(timed.size):
        for lane in range(LANES):
            drift[at + timed[k] * LANES + lane] = J[(row[PATTERN] + k) * LANES + lane]


@draft_inline_kernel
def _stage_block(
    i: int, first: int, t: float, weights: Any, how: Any, row: np.ndarray, model: Kept, lanes: Any, fields: np.ndarray,
    solver: Any,
) -> None:  # fmt: skip
    """What stage i > 0 asks of a block of chunks: the stage before is brought back, if it is not yet, this one's sent."""
    Y, new, _, U, drift, work, _, _, _ = lanes
    (_, program, places, capacity, ends), _, (A, _, R, Z, _) = solver
    (fresh, last), (a, c, slope) = how, weights
    at, n, size, rows = row[LANES_AT] + first * row[UNKNOWNS], in_block(row, first), Y.size, row[UNKNOWNS]
    if row[STRAIGHT]:
        _take_block(first, n, (i - 1) * size + at, row, program, places, ends, A, U, R)
    X, x = (new, at) if last else (work, 0)
    b, p = i * size + at, row[FIELDS_AT] + first * row[N_FIELDS]
    stage_sums(X, x, U, b, Y, at, U, at, size, a, c, i, rows * (n // LANES))
    timed = program[row[TIMED] : row[TIMED + 1]]
    for k in range(0, n, LANES):
        add_drift(slope, U, b + k * rows, drift, at + k * rows, timed)
    if row[STAGE] and fresh:
        factors, half = row[FACTORS_AT] + first * (row[KEPT + 1] - row[KEPT]), (row[PLACE_AT] + first) // WIDTH
        arrays = (X, fields, U, A, capacity, R, Z, ends[1])
        starts = (x, p, b, factors, row[CAPACITY_AT] + first * row[CAPACITIES], 0, 0, half)
        call_stage(row[STAGE], arrays, starts, (t,), (n // WIDTH, WIDTH))
        if not row[STRAIGHT]:
            _scatter_sides(first, n, row, program, places, ends, R, Z)
        return
    _stage_listed(first, n, t, x, b, fresh, last, row, model)


@draft_own_kernel
def _stage_listed(first: int, n: int, t: float, x: int, b: int, fresh: bool, last: bool, row: np.ndarray, model: Kept) -> None:
    """The rest of `_stage_block` for a group without a kernel of its own; the stage's point is at x, U at b."""
    on_its_own()  # type: ignore[call-arg]
    constants: Step = kept(model)
    _, _, lanes, fields, solver = constants
    _, new, F, U, _, work, _, _, _ = lanes
    (_, program, places, capacity, _), _, (A, _, R, Z, _) = solver
    X, lists, rows = new if last else work, solving_lists(row, program), row[UNKNOWNS]
    at, p = row[LANES_AT] + first * rows, row[FIELDS_AT] + first * row[N_FIELDS]
    for k in range(0, n, LANES):
        here, there = x + k * rows, b + k * rows
        if row[POINTS]:
            take_lanes(Z, places[2], row[PLACE_AT] + first + k, 0, X, here)
        rates, f = F, at + k * rows
        if fresh:
            rates, f = work, BLOCK * rows
            call_at(row[RATES], X, here, fields, p + k * row[N_FIELDS], t, work, f, work, f)
        for u in range(0, rows * LANES, LANES):
            add_lanes(U, there + u, rates, f + u)
        send_to_tree(first + k, there, row, lists, places, capacity, A, U, R, X, here, Z)


@draft_inline_kernel
def add_drift(slope: float, U: np.ndarray, u: int, drift: np.ndarray, at: int, timed: np.ndarray) -> None:
    """What the derivative by time adds to a stage's right-hand side in a chunk."""
    if slope != 0.0:
        for k in timed:
            for lane in range(k * LANES, (k + 1) * LANES):
                U[u + lane] += slope * drift[at + lane]


@draft_kernel
def _take_packed(b: int, nodes: Any, A: np.ndarray, U: np.ndarray, R: np.ndarray) -> None:
    """Solution of all parts that are not straight: straight halves write where these read. A stage begins at b in U."""
    table, program, places, _, ends = nodes
    for g in range(table.shape[0]):
        row = table[g]
        if not row[STRAIGHT]:
            for first in range(0, row[NODES], BLOCK):
                at, n = b + row[LANES_AT] + first * row[UNKNOWNS], in_block(row, first)
                _take_block(first, n, at, row, program, places, ends, A, U, R)


@draft_inline_kernel
def _take_block(
    first: int, n: int, b: int, row: np.ndarray, program: np.ndarray, places: np.ndarray, ends: np.ndarray, A: np.ndarray,
    U: np.ndarray, R: np.ndarray,
) -> None:  # fmt: skip
    """Solution of a block of chunks, from b on, from the tree's."""
    if not row[TAKE]:
        _take_listed(first, n, b, row, program, places, A, U, R)
        return
    exchanged, p = program[row[ROWS] : row[ROWS + 1]], row[PLACE_AT] + first
    for k in range(p, p + n, WIDTH):
        if not places[3, k]:
            here, wave = ends[2, k // WIDTH], ends[1, k // WIDTH]
            for i in range(1, exchanged.size, 3):
                e = exchanged[i] * WIDTH
                if row[STRAIGHT]:
                    permute_half(R, wave + e, places[2], k, wave, R, here + e)
                else:
                    take_half(R, places[2], k, e, R, here + e)
    factors = row[FACTORS_AT] + first * (row[KEPT + 1] - row[KEPT])
    call_stage(row[TAKE], (U, A, R, ends[2]), (b, factors, 0, p // WIDTH), (), (n // WIDTH, WIDTH))


@draft_own_kernel
def _take_listed(
    first: int, n: int, b: int, row: np.ndarray, program: np.ndarray, places: np.ndarray, A: np.ndarray, U: np.ndarray,
    R: np.ndarray,
) -> None:  # fmt: skip
    """`_take_block` for a group without a kernel of its own."""
    on_its_own()  # type: ignore[call-arg]
    lists = solving_lists(row, program)
    for k in range(0, n, LANES):
        bring_from_tree(first + k, b + k * row[UNKNOWNS], row, lists, places, A, U, R)


@draft_inline_kernel
def _scatter_sides(
    first: int, n: int, row: np.ndarray, program: np.ndarray, places: np.ndarray, ends: np.ndarray, R: np.ndarray, Z: np.ndarray
) -> None:
    """Right-hand side and state from the room behind everything to the nodes' places."""
    exchanged = program[row[ROWS] : row[ROWS + 1]]
    for p in range(row[PLACE_AT] + first, row[PLACE_AT] + first + n, WIDTH):
        here = ends[1, p // WIDTH]
        for i in range(1, exchanged.size, 3):
            e = exchanged[i] * WIDTH
            spread_half(R, places[1], p, e, R, here + e)
            spread_half(Z, places[1], p, e, Z, here + e)


@draft_inline_kernel
def _scatter_blocks(
    first: int, n: int, row: np.ndarray, program: np.ndarray, places: np.ndarray, ends: np.ndarray, S: np.ndarray
) -> None:
    """What is left of the matrix, from the room behind everything to the nodes' places."""
    schur = program[row[SCHUR] : row[SCHUR + 1]]
    for p in range(row[PLACE_AT] + first, row[PLACE_AT] + first + n, WIDTH):
        here = ends[0, p // WIDTH]
        for e in range(2, schur.size, 3):
            spread_half(S, places[0], p, schur[e], S, here + schur[e])


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
