"""Diffusion on a lattice by sweeps along its lines, as NEURON takes its fixed steps in voxels and boxes.

In: species on nodes of a lattice that exchange with their neighbours along x, y and z. Out: the state a step later.

A step is that of J. Douglas and J. E. Gunn (1964, doi:10.1007/BF01386093): with C the capacities and L = X + Y + Z the exchange
along the axes, ``(C - dt/2 X) a = dt (L u + C s)``, ``(C - dt/2 Y) b = C a``, ``(C - dt/2 Z) c = C b``, and c is what u gains.
Second order, and mass is kept to round-off. What is far shorter than ``sqrt(D dt)`` rings before it decays; the stepper's own
methods (`rxd.solve.graph_kernels`, `rxd.solve.graph_exponential`) do not ring, this one has NEURON's numbers. Where all lines
are equal, as in a box, any dt is stable. Among voxels cut by a membrane it is not: of 40 random pieces of dendrite all were
stable up to D dt = 5 dx^2, and one in ten grew without bound at 7, as it does in NEURON. Beyond 4 a step therefore goes in
several pieces.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from rxd.discretize.records import GraphTransport
from rxd.solve.box_sweeps import as_box, exchange_in_box, factor_lines, solve_box
from rxd.solve.lane_lu import lane_kernel
from rxd.solve.lane_operations import inner_kernel, lean_kernel

__all__ = ["Sweeps", "has_lines", "pack_sweeps", "sweep", "sweep_alone"]

LONGEST: Final = 24.0
"""Longest step among cut voxels times what a whole voxel exchanges in all over its capacity, 6 D / dx^2."""


class Sweeps(NamedTuple):
    """Species on lattices; the lines of all lattices end to end, each lattice used by one species or several.

    Attributes
    ----------
    species : ndarray of int, shape (n_species, 5)
        First position in the state, number of nodes, whether currents change it, where its lattice and its factors begin
        (-1: a box, which has neither).
    scale : ndarray, shape (n_species,)
        How many times as fast as its lattice says it exchanges.
    whole_rate : ndarray, shape (n_species,), 1/ms
        Exchange over capacity of a whole voxel where voxels are cut; 0 in boxes.
    capacity : ndarray, shape (n,), um3
    node : ndarray of int, shape (3, n)
        Nodes in order along the lines of each axis.
    before : ndarray, shape (3, n), um3/ms
        Conductance of each of these to the one before it; 0 where a line begins.
    pivot, ahead, behind : ndarray, shape (3, m)
        Factors of every species' tridiagonal matrices.
    taken : ndarray, shape (n_species,), ms
        The step, or piece of one, that the factors are for.
    work : ndarray, twice as long as the largest species
    reach : ndarray of int, shape (n_species + 1,)
        Where the held nodes of each species begin.
    held, held_value : ndarray
        Nodes (counted from the species' first) that take a value in every step, and the value, mM.
    begins : ndarray of int, shape (n_species + 1,)
        Where the ties of each species begin.
    tied : ndarray of int, shape (m, 3)
        Positions in the state that exchange, in the lattice and outside, and where the latter's value before that is kept.
    tied_rate : ndarray, shape (m, 2), 1/ms
        Conductance over the capacity of either.
    flow : ndarray, shape (m,)
        Work array.
    fastest : ndarray, shape (n_species,), 1/ms
        Bound on the rate at which ties even out.
    shape : ndarray of int, shape (n_species, 3)
        Voxels of a box along each axis.
    rates : ndarray, shape (n_species, 3), 1/ms
        Conductance over capacity in a box along each axis.
    factors : ndarray, shape (n_species, 3, 3, longest)
        Factors of a line of a box along each axis.
    """

    species: np.ndarray
    scale: np.ndarray
    whole_rate: np.ndarray
    capacity: np.ndarray
    node: np.ndarray
    before: np.ndarray
    pivot: np.ndarray
    ahead: np.ndarray
    behind: np.ndarray
    taken: np.ndarray
    work: np.ndarray
    reach: np.ndarray
    held: np.ndarray
    held_value: np.ndarray
    begins: np.ndarray
    tied: np.ndarray
    tied_rate: np.ndarray
    flow: np.ndarray
    fastest: np.ndarray
    shape: np.ndarray
    rates: np.ndarray
    factors: np.ndarray


def has_lines(transport: GraphTransport) -> bool:
    """Whether a species may be stepped by sweeps: it has a lattice, on which it exchanges with neighbours alone."""
    at = transport.lattice
    return len(at) == transport.n > 0 and bool(along_lines(*transport.listed()[:2], at))


def pack_sweeps(species: Sequence[GraphTransport], moved: Sequence[bool], times_as_fast: Any) -> Sweeps:
    """Species on lattices; those that differ in how fast they diffuse alone share a lattice.

    Parameters
    ----------
    moved : sequence of bool
        Whether currents change each.
    times_as_fast : function
        How many times as fast as another species one exchanges, or None if there is no such number.
    """
    first: list[GraphTransport] = []
    starts, table, scale, lines, size, factors = [], [], [], [], 0, 0
    shapes, rates = np.zeros((len(species), 3), dtype=np.int64), np.zeros((len(species), 3))
    for number, (transport, moves) in enumerate(zip(species, moved, strict=True)):
        ratios = [times_as_fast(transport, other) for other in first]
        known = next((g for g, ratio in enumerate(ratios) if ratio is not None), len(first))
        if known == len(first):
            lower = _lower(transport)
            box = as_box(transport, lower)
            if box is None:
                lines.append(_lines(transport, lower))
            starts.append((-1, box) if box is not None else (size, None))
            size += 0 if box is not None else transport.n
            first.append(transport)
        scale.append(ratios[known] if known < len(ratios) else 1.0)
        start, box = starts[known]
        table.append((transport.start, transport.n, int(moves), start, factors if box is None else -1))
        if box is None:
            factors += transport.n
        else:
            shapes[number], rates[number] = box[0], scale[-1] * box[1]
    alone = [transport for transport, (start, _) in zip(first, starts, strict=True) if start >= 0]
    return Sweeps(
        species=np.array(table, dtype=np.int64).reshape(len(table), 5),
        scale=np.array(scale, dtype=float),
        whole_rate=np.array([transport.whole_rate for transport in species], dtype=float),
        capacity=np.concatenate([np.zeros(0), *(transport.capacity for transport in alone)]),
        node=np.concatenate([np.zeros((3, 0), dtype=np.uint32), *(node for node, _ in lines)], axis=1),
        before=np.concatenate([np.zeros((3, 0)), *(before for _, before in lines)], axis=1),
        pivot=np.zeros((3, factors)),
        ahead=np.zeros((3, factors)),
        behind=np.zeros((3, factors)),
        taken=np.full(len(table), np.nan),
        work=np.zeros(2 * max((transport.n for transport in species), default=0)),
        reach=np.cumsum([0, *(len(transport.held) for transport in species)]),
        held=np.concatenate([np.zeros(0, dtype=np.int64), *(transport.held for transport in species)]),
        held_value=np.concatenate([np.zeros(0), *(transport.held_value for transport in species)]),
        begins=np.cumsum([0, *(len(transport.tied) for transport in species)]),
        tied=np.concatenate([np.zeros((0, 3), dtype=np.int64), *(t.tied + np.array([t.start, 0, 0]) for t in species)]),
        tied_rate=np.concatenate([np.zeros((0, 2)), *(transport.tied_rate for transport in species)]),
        flow=np.zeros(sum(len(transport.tied) for transport in species)),
        fastest=np.array([_fastest(transport) for transport in species], dtype=float),
        shape=shapes,
        rates=rates,
        factors=np.zeros((len(species), 3, 3, int(shapes.max(initial=0)))),
    )


def _fastest(transport: GraphTransport) -> float:
    """Sum of what the fastest node on either side of the ties loses; exact where each side of them is alike."""
    both = zip(transport.tied[:, :2].T, transport.tied_rate.T, strict=True)
    leaving = [np.bincount(np.unique(node, return_inverse=True)[1], rate) for node, rate in both]
    return float(sum(rates.max(initial=0.0) for rates in leaving))


def _lower(transport: GraphTransport) -> np.ndarray:
    """Conductance of every node to the one below it on each axis."""
    lower = np.zeros((3, transport.n))
    lower_conductances(*transport.listed(), transport.lattice, lower)
    return lower


def _lines(transport: GraphTransport, lower: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nodes in order along the lines of each axis, and conductances to the one before."""
    at = transport.lattice
    node = np.empty((3, transport.n), dtype=np.uint32)
    for axis in range(3):
        others = [other for other in range(3) if other != axis]
        node[axis] = np.lexsort((at[:, axis], at[:, others[1]], at[:, others[0]]))
    return node, np.take_along_axis(lower, node.astype(np.int64), axis=1)


@lane_kernel
def along_lines(indptr: np.ndarray, indices: np.ndarray, at: np.ndarray) -> bool:
    """Whether all edges are one step along an axis."""
    for k in range(indptr.size - 1):
        for e in range(indptr[k], indptr[k + 1]):
            other = indices[e]
            steps = abs(at[other, 0] - at[k, 0]) + abs(at[other, 1] - at[k, 1]) + abs(at[other, 2] - at[k, 2])
            if steps != 1:
                return False
    return True


@lane_kernel
def lower_conductances(
    indptr: np.ndarray, indices: np.ndarray, conductance: np.ndarray, at: np.ndarray, lower: np.ndarray
) -> None:
    """Conductance of every node to the one below it on each axis."""
    for k in range(indptr.size - 1):
        for e in range(indptr[k], indptr[k + 1]):
            for axis in range(3):
                if at[indices[e], axis] < at[k, axis]:
                    lower[axis, k] = conductance[e]


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


@inner_kernel
def sweep(y: np.ndarray, dt: float, source: np.ndarray, drift: np.ndarray, sweeps: Sweeps) -> None:
    """Advance every species on a lattice by dt, with a constant source (mM/ms) from currents."""
    for s in range(sweeps.species.shape[0]):
        start, n, moved = sweeps.species[s, 0], sweeps.species[s, 1], sweeps.species[s, 2]
        if sweeps.species[s, 3] < 0:
            sweep_box(s, y, dt, source, drift, sweeps)
            continue
        tie(s, y, dt, sweeps)
        pieces = max(1, math.ceil(dt * sweeps.whole_rate[s] / LONGEST - 1e-9))
        for piece in range(pieces):
            sweep_once(s, y, dt / pieces, source, sweeps)
            if moved == 1:
                for k in range(n):
                    drift[start + k] = sweeps.work[k] / dt + (drift[start + k] if piece > 0 else 0.0)


@inner_kernel
def sweep_box(s: int, y: np.ndarray, dt: float, source: np.ndarray, drift: np.ndarray, sweeps: Sweeps) -> None:
    """A step of species s through a box of equal voxels."""
    start, n, moved = sweeps.species[s, 0], sweeps.species[s, 1], sweeps.species[s, 2]
    shape, rates, factors = sweeps.shape[s], sweeps.rates[s], sweeps.factors[s]
    u, gain = y[start : start + n], sweeps.work[:n]
    if sweeps.taken[s] != dt:
        factor_lines(shape, rates, 0.5 * dt, factors)
        sweeps.taken[s] = dt
    for k in range(n):
        gain[k] = dt * source[start + k] if moved == 1 else 0.0
    exchange_in_box(shape, rates, dt, u, gain)
    solve_box(shape, factors, gain)
    for k in range(n):
        u[k] += gain[k]
    if moved == 1:
        for k in range(n):
            drift[start + k] = gain[k] / dt


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
def sweep_once(s: int, y: np.ndarray, dt: float, source: np.ndarray, sweeps: Sweeps) -> None:
    """One piece of a step of species s; what it has gained is left in ``work``.

    Held nodes have capacities next to which exchange is nothing, so that they gain what is asked of them in all three sweeps.
    """
    start, n, moved, first, begin = sweeps.species[s]
    capacity = sweeps.capacity[first : first + n]
    u, gain, work = y[start : start + n], sweeps.work[:n], sweeps.work[n : 2 * n]
    step = dt * sweeps.scale[s]
    for k in range(n):
        gain[k] = dt * source[start + k] * capacity[k] if moved == 1 else 0.0
    for axis in range(3):
        outflow(step, sweeps.node[axis, first : first + n], sweeps.before[axis, first : first + n], u, gain)
    for e in range(sweeps.reach[s], sweeps.reach[s + 1]):
        k = sweeps.held[e]
        gain[k] = capacity[k] * (sweeps.held_value[e] - u[k])
    for axis in range(3):
        node, before = sweeps.node[axis, first : first + n], sweeps.before[axis, first : first + n]
        factors = (
            sweeps.pivot[axis, begin : begin + n],
            sweeps.ahead[axis, begin : begin + n],
            sweeps.behind[axis, begin : begin + n],
        )
        if sweeps.taken[s] != dt:
            factor(0.5 * step, capacity, node, before, factors)
        if axis > 0:
            for k in range(n):
                gain[k] *= capacity[k]
        solve_lines(node, factors, gain, work)
    sweeps.taken[s] = dt
    for k in range(n):
        u[k] += gain[k]


@lean_kernel
def sweep_alone(y: np.ndarray, dt: float, source: np.ndarray, drift: np.ndarray, sweeps: Sweeps) -> None:
    """`sweep`, for Python to call."""
    sweep(y, dt, source, drift, sweeps)
