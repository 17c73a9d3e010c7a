"""Linear circuits beside the cable: unknowns such as potentials outside, solved together with v, implicitly.

In: entries of the system ``C dx/dt + G x = source`` for v of segments, branch points and further unknowns. Out: a `Circuit`, in
which the elimination is planned: where every entry lies, in which order unknowns are eliminated, what that fills in.

Unknowns with a row that has no diagonal (the current of an ideal voltage source, say) need a choice of pivots: they are
eliminated last, all together, as a dense matrix with pivots; the others in order of the fewest neighbours, without.
"""

from __future__ import annotations

import heapq
from typing import NamedTuple, Protocol

import numpy as np

from geometry.records import dataclass

__all__ = ["Circuit", "Entries", "FromGround", "no_circuit", "plan_circuit"]


class Circuit(NamedTuple):
    """A circuit for compiled code.

    Attributes
    ----------
    row, column, place : ndarray of int64, shape (n_entries,)
        Of every entry, by unknown, and where it is added up in ``matrix``.
    c, g : ndarray, shape (n_entries,)
        Its capacity (nF) and conductance (uS) for rows that are currents.
    source : ndarray, shape (N,)
        What drives a row whatever x is, nA.
    inside : ndarray of int64, shape (n,)
        By segment: the unknown that is the potential outside its membrane, -1 where that is ground.
    mirror, cross : ndarray of int64, shape (n,)
        Places of the entries (outside, v) and (v, outside) of these.
    diagonal : ndarray of int64, shape (N,)
        Places of diagonal entries.
    pivot : ndarray of int64
        Unknowns in the order of elimination, but the last ones.
    first, near, lower, upper, fill : ndarray of int64
        By pivot, the later ones it is coupled with: where they begin, who they are, places of their rows' and columns' entries;
        places of what each pair of them receives.
    last : ndarray of int64, shape (m,)
        Unknowns eliminated together; their square matrix begins at ``dense`` of ``matrix``.
    dense : int
    turns : ndarray of int64, shape (m,)
        Which rows changed places there.
    matrix, right, again, x : ndarray
        Work rows, and values of all unknowns: those of segments and branch points are brought there for a step.
    """

    row: np.ndarray
    column: np.ndarray
    place: np.ndarray
    c: np.ndarray
    g: np.ndarray
    source: np.ndarray
    inside: np.ndarray
    mirror: np.ndarray
    cross: np.ndarray
    diagonal: np.ndarray
    pivot: np.ndarray
    first: np.ndarray
    near: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    fill: np.ndarray
    last: np.ndarray
    dense: int
    turns: np.ndarray
    matrix: np.ndarray
    right: np.ndarray
    again: np.ndarray
    x: np.ndarray


class FromGround(Protocol):
    """Currents that equations of a model have as flowing through membranes, but which come from ground into the cell.

    Attributes
    ----------
    nodes : ndarray of int64, shape (m,)
        Segments into which they flow.
    rows : ndarray of int64, shape (m,)
        Unknowns of the circuit: the potentials outside these.
    """

    nodes: np.ndarray
    rows: np.ndarray

    def currents(self, t: float, y: np.ndarray, outside: np.ndarray) -> np.ndarray:
        """At a state and potentials outside (m,), nA, shape (2, m): as they are, and as the equations have them."""

    def slopes(self, t: float, y: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How both grow with the state: numbers of currents (k,), positions of the state (k,), nA by its units (2, k)."""


@dataclass(frozen=True, slots=True, eq=False)
class Entries:
    """Entries of a system: ``row``, ``column`` by unknown, ``c`` (nF), ``g`` (uS), all of shape (n_entries,)."""

    row: np.ndarray
    column: np.ndarray
    c: np.ndarray
    g: np.ndarray


def no_circuit() -> Circuit:
    """One without unknowns."""
    none, zero = np.zeros(0, dtype=np.int64), np.zeros(0)
    entries = Entries(none, none, zero, zero)
    return _placed(entries, (0, 0), none, [], [], none)


def plan_circuit(entries: Entries, n: int, size: int, outside: np.ndarray) -> Circuit:
    """Plan the elimination.

    Parameters
    ----------
    entries : Entries
    n : int
        Segments, which are the first unknowns.
    size : int
        Unknowns.
    outside : ndarray of int64, shape (n,)
        By segment the unknown outside its membrane, or -1.
    """
    here = np.flatnonzero(outside >= 0)
    rows = np.concatenate([entries.row, here, outside[here]])
    columns = np.concatenate([entries.column, outside[here], here])
    around: list[set[int]] = [set() for _ in range(size)]
    for i, j in zip(rows.tolist(), columns.tolist(), strict=True):
        if i != j:
            around[i].add(j)
            around[j].add(i)
    grounded = np.zeros(size, dtype=bool)
    grounded[:n] = True
    grounded[entries.row[(entries.row == entries.column) & ((entries.c > 0) | (entries.g > 0))]] = True
    last = np.flatnonzero(~grounded)
    order, later = _by_degree(around, grounded)
    return _placed(entries, (n, size), outside, order, later, last)


def _by_degree(around: list[set[int]], free: np.ndarray) -> tuple[list[int], list[list[int]]]:
    """Free unknowns in the order in which they have the fewest neighbours left, and who these are then."""
    heap = [(len(near), k) for k, near in enumerate(around) if free[k]]
    heapq.heapify(heap)
    order: list[int] = []
    later: list[list[int]] = []
    done = [False] * len(around)
    while heap:
        degree, k = heapq.heappop(heap)
        near = around[k]
        if done[k] or degree != len(near):
            continue
        done[k] = True
        order.append(k)
        later.append(sorted(near))
        for i in near:
            around[i] |= near
            around[i] -= {i, k}
            if free[i]:
                heapq.heappush(heap, (len(around[i]), i))
    return order, later


def _placed(
    entries: Entries, sizes: tuple[int, int], outside: np.ndarray, order: list[int], later: list[list[int]], last: np.ndarray
) -> Circuit:
    """Give every entry its place."""
    n, size = sizes
    places = {(k, k): at for at, k in enumerate(order)}
    for k, near in zip(order, later, strict=True):
        for i in near:
            places[i, k] = len(places)
            places[k, i] = len(places)
    dense = len(places)
    for i in last.tolist():
        for j in last.tolist():
            places[i, j] = len(places)
    fill = [places[i, j] for near in later for i in near for j in near]
    pairs = [(i, k) for k, near in zip(order, later, strict=True) for i in near]
    here = np.flatnonzero(outside >= 0)
    mirror, cross = np.full(n, -1, dtype=np.int64), np.full(n, -1, dtype=np.int64)
    mirror[here] = [places[int(outside[k]), int(k)] for k in here]
    cross[here] = [places[int(k), int(outside[k])] for k in here]
    both = zip(entries.row.tolist(), entries.column.tolist(), strict=True)
    return Circuit(
        row=_whole(entries.row),
        column=_whole(entries.column),
        place=_whole([places[pair] for pair in both]),
        c=np.array(entries.c, dtype=float),
        g=np.array(entries.g, dtype=float),
        source=np.zeros(size),
        inside=_whole(outside),
        mirror=mirror,
        cross=cross,
        diagonal=_whole([places[k, k] for k in range(size)]),
        pivot=_whole(order),
        first=_whole(np.cumsum([0, *(len(near) for near in later)])),
        near=_whole([i for near in later for i in near]),
        lower=_whole([places[i, k] for i, k in pairs]),
        upper=_whole([places[k, i] for i, k in pairs]),
        fill=_whole(fill),
        last=_whole(last),
        dense=dense,
        matrix=np.zeros(len(places)),
        turns=np.zeros(len(last), dtype=np.int64),
        right=np.zeros(size),
        again=np.zeros(size),
        x=np.zeros(size),
    )


def _whole(values: object) -> np.ndarray:
    return np.array(values, dtype=np.int64).reshape(-1)
