"""The tree on which all exchanged unknowns are eliminated together: who couples to whom, and in which waves.

In: a `Discretization`. Out: a `BlockTree`. Its nodes are those of the cable: segments, then branch points. A species that
lives in part of the cell has its own branch points; they are found again as branch points of the cable. Where two of its
sections meet at a branch point with a third that it does not enter, its series conductance is laid through that branch point,
twice it on each side.
"""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

import numpy as np

from geometry.records import dataclass
from rxd.discretize.records import Discretization, Transport
from rxd.errors import DeclarationError
from rxd.solve.direct_tree import WIDTH

PATIENCE: Final = 4
"""How much deeper, in nodes, a branch must be to take another's lane: changing costs time, waiting makes waves emptier."""
HANDED_ON: Final = 0.2
"""What handing on to another lane takes, in times of a wave."""


@dataclass(frozen=True, slots=True, eq=False)
class BlockTree:
    """Nodes, their unknowns and their couplings.

    Attributes
    ----------
    transports : tuple of Transport
        In the order of the numbers of exchanged unknowns: v first, `lone` last.
    lone : bool
        Nothing else that is exchanged changes the last one.
    holds : ndarray of bool, shape (n_transports, n_nodes)
        Which exchanged unknowns a node has; v, the first, everywhere.
    parent : ndarray of int, shape (n_nodes,)
        Elimination parent, -1 at a root.
    coupling : ndarray, shape (n_transports, n_nodes)
        Conductance to the elimination parent, uS or um3/ms.
    waves : tuple of ndarray of int, shape (WIDTH,)
        Nodes eliminated together, -1 in idle lanes; they all hold v alone or all hold more. In order of elimination.
    """

    transports: tuple[Transport, ...]
    lone: bool
    holds: np.ndarray
    parent: np.ndarray
    coupling: np.ndarray
    waves: tuple[np.ndarray, ...]

    @property
    def full(self) -> np.ndarray:
        """Nodes that hold more than v, shape (n_nodes,)."""
        return np.asarray(self.holds[1:].any(axis=0))


def build_block_tree(discretization: Discretization, lone: str = "") -> BlockTree:
    """Lay all transports on the cable's tree; the label of one of which nothing else that is exchanged changes the unknown.

    Raises
    ------
    DeclarationError
        If a species is exchanged along ways that the cable does not have.
    """
    cable = discretization.cable
    transports = sorted(discretization.transports, key=lambda transport: transport.label == lone)
    total, plan = len(cable.parent), cable.plan
    tied = plan.edge >= 0
    parent = np.full(total, -1, dtype=np.int64)
    parent[plan.node[tied]] = plan.parent[tied]
    tied_by = np.full(
        total, -1, dtype=np.int64
    )  # an edge carries the number of its child: which node it ties in the elimination
    tied_by[plan.edge[tied]] = plan.node[tied]
    coupling, holds = np.zeros((len(transports), total)), np.zeros((len(transports), total), dtype=bool)
    holds[0] = True
    for number, transport in enumerate(transports):
        nodes, edges, values = _on_cable(discretization, transport)
        coupling[number, tied_by[edges]] = values
        for held in (nodes, edges, cable.parent[edges]):
            holds[number, held] = True
    full = np.asarray(holds[1:].any(axis=0), dtype=np.int64)
    return BlockTree(
        tuple(transports),
        transports[-1].label == lone,
        holds,
        parent,
        coupling,
        tuple(_waves(parent, full, plan.node[::-1].astype(np.int64))),
    )


def _on_cable(discretization: Discretization, transport: Transport) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cable nodes of a transport's nodes, and the cable edges (by child) that carry it with their conductances."""
    cable, layout = discretization.cable, discretization.layout
    number = np.empty(discretization.segments.n, dtype=np.int64)
    number[layout[cable.label].segment] = np.arange(cable.n)
    nodes = number[layout[transport.label].segment]
    child = np.flatnonzero(transport.parent >= 0)
    if transport is cable:
        return nodes, child, transport.conductance[child]
    around = _junctions_around(cable)
    ties: dict[int, list[int]] = {}
    for one, other in zip(child.tolist(), transport.parent[child].tolist(), strict=True):
        for junction, arm in ((one, other), (other, one)):
            if junction >= transport.n:
                ties.setdefault(junction, []).append(int(nodes[arm]))
    edges: dict[int, float] = {}
    same = {junction: _common(arms, around, transport.label) for junction, arms in ties.items()}
    for one, other in zip(child.tolist(), transport.parent[child].tolist(), strict=True):
        g = float(transport.conductance[one])
        a, b = (same[k] if k >= transport.n else int(nodes[k]) for k in (one, other))
        edge = _edge(cable, a, b)
        if edge >= 0:
            edges[edge] = g
            continue
        middle = _common([a, b], around, transport.label)
        edges[_edge(cable, a, middle)] = edges[_edge(cable, b, middle)] = 2.0 * g
    return nodes, np.array(list(edges), dtype=np.int64), np.array(list(edges.values()), dtype=float)


def _junctions_around(cable: Transport) -> dict[int, set[int]]:
    """Branch points next to each segment that has one."""
    around: dict[int, set[int]] = {}
    for child in np.flatnonzero(cable.parent >= 0).tolist():
        parent = int(cable.parent[child])
        for one, other in ((child, parent), (parent, child)):
            if other >= cable.n:
                around.setdefault(one, set()).add(other)
    return around


def _common(nodes: Sequence[int], around: dict[int, set[int]], label: str) -> int:
    """The branch point that all these segments share."""
    shared = set.intersection(*(around.get(node, set()) for node in nodes))
    if len(shared) != 1:
        message = f"The exchange of {label} does not follow the branches of the cable. Take solver='petsc' for this model."
        raise DeclarationError(message)
    return shared.pop()


def _edge(cable: Transport, a: int, b: int) -> int:
    """The cable's edge between two nodes, -1 if there is none."""
    if cable.parent[a] == b:
        return a
    return b if cable.parent[b] == a else -1


def _waves(parent: np.ndarray, kind: np.ndarray, order: np.ndarray) -> list[np.ndarray]:
    """Schedule the elimination: the better of beginning with nodes that hold v alone and with those that hold more."""
    kinds = np.unique(kind).tolist()
    schedules = [_schedule(parent, kind, order, first) for first in kinds]
    return min(schedules, key=lambda waves: _cost(parent, waves))


def _cost(parent: np.ndarray, waves: Sequence[np.ndarray]) -> float:
    """What a step takes, in waves: those and the nodes that hand on to another lane."""
    on = sum(int(np.sum((after >= 0) & (after == np.where(wave >= 0, parent[wave], -1)))) for wave, after in pairwise(waves))
    return len(waves) + HANDED_ON * (len(parent) - on)


def _schedule(parent: np.ndarray, kind: np.ndarray, order: np.ndarray, first: int) -> list[np.ndarray]:
    """Waves of one kind as long as there are any, beginning with ``first``: another kind in between ends all branches.

    A branch stays in its lane, the deepest nodes that are ready take free ones.
    """
    n = len(parent)
    depth, waiting = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=np.int64)
    for node in order[::-1].tolist():
        if parent[node] >= 0:
            depth[node] = depth[parent[node]] + 1
            waiting[parent[node]] += 1
    ready: dict[int, list[tuple[int, int]]] = {int(which): [] for which in np.unique(kind)}
    for node in np.flatnonzero(waiting == 0).tolist():
        heapq.heappush(ready[int(kind[node])], (-int(depth[node]), node))
    waves: list[np.ndarray] = []
    last, now = np.full(WIDTH, -1, dtype=np.int64), first
    while any(ready.values()):
        if not ready[now]:
            now = min((which for which in ready if ready[which]), key=lambda which: ready[which])
        queue = ready[now]
        wave = _next_wave(parent, depth, last, [node for _, node in queue])
        done = set(wave[wave >= 0].tolist())
        queue[:] = [item for item in queue if item[1] not in done]
        heapq.heapify(queue)
        waves.append(wave)
        for node in done:
            up = int(parent[node])
            if up >= 0:
                waiting[up] -= 1
                if waiting[up] == 0:
                    heapq.heappush(ready[int(kind[up])], (-int(depth[up]), up))
        last = wave
    return waves


def _next_wave(parent: np.ndarray, depth: np.ndarray, last: np.ndarray, ready: list[int]) -> np.ndarray:
    """Nodes by lane: those that go on in theirs, unless one that waits is deeper by more than `PATIENCE`, then the deepest."""
    waiting = set(ready)
    wave = np.full(WIDTH, -1, dtype=np.int64)
    for lane in np.flatnonzero(last >= 0).tolist():
        up = int(parent[last[lane]])
        if up in waiting:
            wave[lane] = up
            waiting.discard(up)
    deepest = sorted(waiting, key=lambda node: (-int(depth[node]), node))
    for lane in np.flatnonzero(wave < 0)[: len(deepest)].tolist():
        wave[lane] = deepest.pop(0)
    while deepest:
        lane = int(np.argmin(depth[wave]))
        if depth[deepest[0]] <= depth[wave[lane]] + PATIENCE:
            break
        wave[lane] = deepest.pop(0)
    return wave
