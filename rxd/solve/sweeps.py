"""Diffusion on a lattice by sweeps along its lines, as NEURON takes its fixed steps in voxels and boxes.

In: species on nodes of a lattice that exchange with their neighbours along x, y and z. Out: the state a step later.

A step is that of J. Douglas and J. E. Gunn (1964, doi:10.1007/BF01386093): with C the capacities and L = X + Y + Z the exchange
along the axes, ``(C - dt/2 X) a = dt (L u + C s)``, ``(C - dt/2 Y) b = C a``, ``(C - dt/2 Z) c = C b``, and c is what u gains.
Second order, and mass is kept to round-off. What is far shorter than ``sqrt(D dt)`` rings before it decays; the stepper's own
methods (`rxd.solve.graph_kernels`, `rxd.solve.graph_exponential`) do not ring, this one has NEURON's numbers. Where all lines
are equal, as in a box, any dt is stable. Among voxels cut by a membrane it is not: of 40 random pieces of dendrite all were
stable up to D dt = 5 dx^2, and one in ten grew without bound at 7, as it does in NEURON. Beyond 4 a step therefore goes in
several pieces. `rxd.solve.sweep_kernels` has the steps, this what they need to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from rxd.discretize.records import GraphTransport
from rxd.solve.box_sweeps import as_box
from rxd.solve.lane_lu import lane_kernel
from rxd.solve.team import PIECES

__all__ = ["Sweeps", "has_lines", "pack_sweeps"]

NODES_A_PIECE: Final = 512
"""Nodes that a thread takes at a time, or more."""
MANY_IN_LINES: Final = 4096
"""Nodes from which on threads are worth waking."""


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
    pieces : ndarray of int, shape (n_species,)
        Into how many pieces each is cut, for threads.
    cuts : ndarray of int, shape (n_species, 3, PIECES + 1)
        Where those begin among the nodes in order along the lines of each axis; of boxes nothing.
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
    pieces: np.ndarray
    cuts: np.ndarray


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
            box = None if transport.changing else as_box(transport, lower)
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
    pieces = np.array([min(max(transport.n // NODES_A_PIECE, 1), PIECES) for transport in species], dtype=np.int64)
    before = np.concatenate([np.zeros((3, 0)), *(before for _, before in lines)], axis=1)
    return Sweeps(
        species=np.array(table, dtype=np.int64).reshape(len(table), 5),
        scale=np.array(scale, dtype=float),
        whole_rate=np.array([transport.whole_rate for transport in species], dtype=float),
        capacity=np.concatenate([np.zeros(0), *(transport.capacity for transport in alone)]),
        node=np.concatenate([np.zeros((3, 0), dtype=np.uint32), *(node for node, _ in lines)], axis=1),
        before=before,
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
        pieces=pieces,
        cuts=_cuts(table, pieces, before),
    )


def _cuts(table: Sequence[tuple[int, ...]], pieces: np.ndarray, before: np.ndarray) -> np.ndarray:
    """`Sweeps.cuts`: whole lines, about as many nodes in each piece."""
    cuts = np.zeros((len(table), 3, PIECES + 1), dtype=np.int64)
    for (_, n, _, first, _), count, own in zip(table, pieces, cuts, strict=True):
        for axis in range(3 if first >= 0 else 0):
            begins = np.append(np.flatnonzero(before[axis, first : first + n] == 0.0), n)
            own[axis, :count] = begins[np.searchsorted(begins, np.arange(count) * n / count)]
            own[axis, count:] = n
    return cuts


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
