"""Steps along the lines of a lattice (`rxd.solve.sweeps`), which the members of a team share (`rxd.solve.team`).

Lines of one axis have nothing to do with each other: members take some of them, and go on to the next axis when all are done.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from rxd.solve.box_sweeps import exchange_in_box, factor_lines, solve_planes, solve_sheets
from rxd.solve.lane_operations import inline_kernel, inner_kernel, lean_kernel
from rxd.solve.sweeps import Sweeps
from rxd.solve.team import PHASE, Team, claim, complete, ended, turn, wait

__all__ = ["LONGEST", "sweep", "sweep_alone"]

LONGEST: Final = 24.0
"""Longest step among cut voxels times what a whole voxel exchanges in all over its capacity, 6 D / dx^2."""


@inner_kernel
def factor(half: float, capacity: np.ndarray, node: np.ndarray, before: np.ndarray, factors: tuple) -> None:
    """Factorise ``C - half F`` along the lines of one axis."""
    pivot, ahead, behind = factors
    n, last = node.size, 0.0
    for i in range(n):
        low = half * before[i]
        high = half * before[i + 1] if i + 1 < n else 0.0
        ahead[i] = low * last
        last = 1.0 / (capacity[node[i]] + low + high - low * ahead[i])
        pivot[i], behind[i] = last, last * high


@inner_kernel
def outflow(dt: float, node: np.ndarray, before: np.ndarray, u: np.ndarray, gain: np.ndarray) -> None:
    """Add what nodes exchange along the lines of one axis in dt, mM um3."""
    for i in range(1, node.size):
        here, there = node[i], node[i - 1]
        flow = dt * before[i] * (u[there] - u[here])
        gain[here] += flow
        gain[there] -= flow


@inner_kernel
def solve_lines(node: np.ndarray, factors: tuple, gain: np.ndarray, work: np.ndarray) -> None:
    """Solve along the lines of one axis, in place."""
    pivot, ahead, behind = factors
    n, last = node.size, 0.0
    for i in range(n):
        last = gain[node[i]] + ahead[i] * last
        work[i] = last
    last = 0.0
    for i in range(n - 1, -1, -1):
        last = pivot[i] * work[i] + behind[i] * last
        gain[node[i]] = last


@inline_kernel
def take(team: Team, piece: int, phase: int, before: int) -> bool:
    """Take a piece in a phase that needs all ``before`` pieces of the last one; False if somebody has."""
    if not claim(team, piece, phase):
        return False
    wait(team, 0, before - 1, phase - 1)
    return True


@inner_kernel
def sweep(y: np.ndarray, dt: float, source: np.ndarray, drift: np.ndarray, sweeps: Sweeps, team: Team, phase: int) -> int:
    """Advance every species on a lattice by dt, with a constant source (mM/ms) from currents; returns the last phase.

    The last phase of every species has one piece.
    """
    for s in range(sweeps.species.shape[0]):
        phase += 1
        if take(team, 0, phase, 1 if s > 0 else 0):
            prepare(s, y, dt, sweeps)
            complete(team, 0, phase)
        if sweeps.species[s, 3] < 0:
            phase = sweep_box(s, y, dt, source, drift, sweeps, team, phase)
            continue
        pieces = max(1, math.ceil(dt * sweeps.whole_rate[s] / LONGEST - 1e-9))
        for piece in range(pieces):
            phase = sweep_once(s, y, dt / pieces, dt, piece > 0, source, drift, sweeps, team, phase)
    ended(team, phase, 1)
    wait(team, 0, 0, phase)
    return phase


@inner_kernel
def prepare(s: int, y: np.ndarray, dt: float, sweeps: Sweeps) -> None:
    """What comes before the lines of species s: factors of a box, or exchange with what is outside the lattice."""
    if sweeps.species[s, 3] >= 0:
        tie(s, y, dt, sweeps)
    elif sweeps.taken[s] != dt:
        factor_lines(sweeps.shape[s], sweeps.rates[s], 0.5 * dt, sweeps.factors[s])
        sweeps.taken[s] = dt


@inner_kernel
def sweep_box(
    s: int, y: np.ndarray, dt: float, source: np.ndarray, drift: np.ndarray, sweeps: Sweeps, team: Team, phase: int
) -> int:
    """A step of species s through a box of equal voxels; returns the last phase."""
    start, n, moved, pieces = sweeps.species[s, 0], sweeps.species[s, 1], sweeps.species[s, 2], sweeps.pieces[s]
    shape, rates, factors = sweeps.shape[s], sweeps.rates[s], sweeps.factors[s]
    u, gain = y[start : start + n], sweeps.work[:n]
    planes, plane = shape[0], shape[1] * shape[2]
    for i in range(pieces):
        piece = turn(team, i, pieces)
        if take(team, piece, phase + 1, 1):
            low, high = piece * planes // pieces, (piece + 1) * planes // pieces
            for k in range(low * plane, high * plane):
                gain[k] = dt * source[start + k] if moved == 1 else 0.0
            exchange_in_box(shape, rates, dt, u, gain, low, high)
            complete(team, piece, phase + 1)
    for i in range(pieces):
        piece = turn(team, i, pieces)
        if take(team, piece, phase + 2, pieces):
            if planes > 1:
                solve_sheets(gain, planes, plane, piece * plane // pieces, (piece + 1) * plane // pieces, factors[0])
            complete(team, piece, phase + 2)
    for i in range(pieces):
        piece = turn(team, i, pieces)
        if take(team, piece, phase + 3, pieces):
            low, high = piece * planes // pieces, (piece + 1) * planes // pieces
            solve_planes(shape, factors, gain, low, high)
            for k in range(low * plane, high * plane):
                u[k] += gain[k]
            for k in range(low * plane, high * plane if moved == 1 else low * plane):
                drift[start + k] = gain[k] / dt
            complete(team, piece, phase + 3)
    if take(team, 0, phase + 4, pieces):
        complete(team, 0, phase + 4)
    return phase + 4


@inner_kernel
def tie(s: int, y: np.ndarray, dt: float, sweeps: Sweeps) -> None:
    """Exchange with nodes outside the lattice by forward Euler, in as many pieces as that is stable in."""
    begin, end, tied, rate, flow = sweeps.begins[s], sweeps.begins[s + 1], sweeps.tied, sweeps.tied_rate, sweeps.flow
    pieces = max(1, math.ceil(0.5 * dt * sweeps.fastest[s] - 1e-9))
    for e in range(begin, end):
        y[tied[e, 2]] = y[tied[e, 1]]
    for _ in range(pieces if end > begin else 0):
        for e in range(begin, end):
            flow[e] = dt / pieces * (y[tied[e, 1]] - y[tied[e, 0]])
        for e in range(begin, end):
            y[tied[e, 0]] += rate[e, 0] * flow[e]
            y[tied[e, 1]] -= rate[e, 1] * flow[e]


@inner_kernel
def sweep_once(
    s: int,
    y: np.ndarray,
    dt: float,
    whole: float,
    again: bool,
    source: np.ndarray,
    drift: np.ndarray,
    sweeps: Sweeps,
    team: Team,
    phase: int,
) -> int:
    """One piece of a step of species s; returns the last phase. ``whole``: the step; ``again``: not its first piece.

    Held nodes have capacities next to which exchange is nothing, so that they gain what is asked of them in all three sweeps.
    """
    start, first, pieces = sweeps.species[s, 0], sweeps.species[s, 3], sweeps.pieces[s]
    gain = sweeps.work
    for axis in range(3):
        phase += 1
        for i in range(pieces):
            piece = turn(team, i, pieces)
            if take(team, piece, phase, 1 if axis == 0 else pieces):
                spread(s, axis, piece, y, dt, source, sweeps)
                complete(team, piece, phase)
    phase += 1
    if take(team, 0, phase, pieces):
        for e in range(sweeps.reach[s], sweeps.reach[s + 1]):
            k = sweeps.held[e]
            gain[k] = sweeps.capacity[first + k] * (sweeps.held_value[e] - y[start + k])
        complete(team, 0, phase)
    for axis in range(3):
        phase += 1
        for i in range(pieces):
            piece = turn(team, i, pieces)
            if take(team, piece, phase, 1 if axis == 0 else pieces):
                settle(s, axis, piece, y, dt, whole, again, drift, sweeps)
                complete(team, piece, phase)
    phase += 1
    if take(team, 0, phase, pieces):
        sweeps.taken[s] = dt
        complete(team, 0, phase)
    return phase


@inner_kernel
def spread(s: int, axis: int, piece: int, y: np.ndarray, dt: float, source: np.ndarray, sweeps: Sweeps) -> None:
    """What nodes of some lines gain along an axis; along the first one also from currents."""
    start, n, moved, first = sweeps.species[s, 0], sweeps.species[s, 1], sweeps.species[s, 2], sweeps.species[s, 3]
    begin, end = first + sweeps.cuts[s, axis, piece], first + sweeps.cuts[s, axis, piece + 1]
    node, gain = sweeps.node[axis, begin:end], sweeps.work[:n]
    if axis == 0:
        for i in range(node.size):
            k = node[i]
            gain[k] = dt * source[start + k] * sweeps.capacity[first + k] if moved == 1 else 0.0
    outflow(dt * sweeps.scale[s], node, sweeps.before[axis, begin:end], y[start : start + n], gain)


@inner_kernel
def settle(
    s: int, axis: int, piece: int, y: np.ndarray, dt: float, whole: float, again: bool, drift: np.ndarray, sweeps: Sweeps
) -> None:
    """Solve along some lines; after the last axis the state gets what it has gained."""
    start, n, moved, first, begin = sweeps.species[s]
    low, high = sweeps.cuts[s, axis, piece], sweeps.cuts[s, axis, piece + 1]
    capacity = sweeps.capacity[first : first + n]
    node, before = sweeps.node[axis, first + low : first + high], sweeps.before[axis, first + low : first + high]
    u, gain, work = y[start : start + n], sweeps.work[:n], sweeps.work[n + low : n + high]
    factors = (
        sweeps.pivot[axis, begin + low : begin + high],
        sweeps.ahead[axis, begin + low : begin + high],
        sweeps.behind[axis, begin + low : begin + high],
    )
    if sweeps.taken[s] != dt:
        factor(0.5 * dt * sweeps.scale[s], capacity, node, before, factors)
    if axis > 0:
        for i in range(node.size):
            gain[node[i]] *= capacity[node[i]]
    solve_lines(node, factors, gain, work)
    if axis == 2:
        for i in range(node.size):
            k = node[i]
            u[k] += gain[k]
            if moved == 1:
                drift[start + k] = gain[k] / whole + (drift[start + k] if again else 0.0)


@lean_kernel
def sweep_alone(y: np.ndarray, dt: float, source: np.ndarray, drift: np.ndarray, sweeps: Sweeps, team: Team) -> None:
    """`sweep`, for Python to call, by one thread."""
    sweep(y, dt, source, drift, sweeps, team, team.board[PHASE])
