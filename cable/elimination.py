"""The order in which a tree is eliminated: a schedule for the latency of the processor.

In: parents and a parents-first order. Out: `EliminationOrder`, positions 0 .. N - 1 of which the last is eliminated first.

Three choices, all of which leave the result of the elimination the same up to round-off:

* every tree is hung up at its centre, so that its longest path falls into two independent halves;
* the node farthest from the root goes first, a few (`WIDTH`) at a time (optimal for unit tasks on an in-tree: Hu 1961,
  https://doi.org/10.1287/opre.9.6.841): neighbouring positions belong to different branches, twigs fill the gaps of the trunk;
* the trees of a forest are interleaved in batches of about `BATCH` nodes, which stay in the cache.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from geometry.compiled import QuickCompiler, sized
from geometry.kernel_files import kept_kernel

__all__ = ["BATCH", "WIDTH", "EliminationOrder", "elimination_order"]

WIDTH: Final = 8
"""Nodes in flight: more than the ratio of a division's latency to its throughput, few enough to stay near the longest path."""
BATCH: Final = 8192
"""Nodes of a forest scheduled together: four arrays of that many doubles fit into a level-2 cache."""


# Without reference counts, which nothing here needs, numba takes less time.
_kernel = kept_kernel(pipeline_class=QuickCompiler, _nrt=False, error_model="numpy", no_cfunc_wrapper=True)


class EliminationOrder(NamedTuple):
    """Node, elimination parent (itself at a root) and edge (-1 at a root) by position, each of shape (N,), int64."""

    node: np.ndarray
    parent: np.ndarray
    edge: np.ndarray


def elimination_order(parent: np.ndarray, order: np.ndarray, width: int = WIDTH, batch: int = BATCH) -> EliminationOrder:
    """Order the nodes of a forest.

    Parameters
    ----------
    parent, order : ndarray of int64, shape (N,)
        Parent of each node (-1 at a root); all nodes, parents first.
    width, batch : int
        See the constants of the same names.

    Returns
    -------
    EliminationOrder
    """
    # Arrays are made here: every kind of `zeros`, `full` ... takes numba as long to compile as one of the loops.
    n = parent.size
    hung, edge, hung_order = parent.copy(), np.arange(n), np.empty(n, np.int64)
    work = np.zeros((2, n), np.int64), np.zeros(n, np.bool_), np.full((2, n), -1)
    sized(_hang_up_at_centre, n)(parent, order, hung, edge, hung_order, *work)
    depth, batch_of_node, root, size = np.zeros(n, np.int64), np.zeros(n, np.int64), np.arange(n), np.zeros(n, np.int64)
    sized(depth_and_batch, n)(hung, hung_order, batch, depth, batch_of_node, root, size)
    node, members = np.empty(n, np.int64), np.argsort(batch_of_node, kind="stable")
    first, following, chosen = np.full(depth.max(initial=0) + 1, -1), np.full(n, -1), np.empty(width, np.int64)
    waiting_for = np.bincount(hung[hung >= 0], minlength=n)
    sized(_schedule, n)(hung, depth, members, batch_of_node, waiting_for, first, following, chosen, node)
    up = hung[node]
    return EliminationOrder(node, np.where(up < 0, node, up), edge[node])


@_kernel
def _hang_up_at_centre(
    parent: np.ndarray,
    order: np.ndarray,
    hung: np.ndarray,
    edge: np.ndarray,
    hung_order: np.ndarray,
    work: np.ndarray,
    on_path: np.ndarray,
    spare: np.ndarray,
) -> None:
    """Parents and edges of the trees hung up at their centres, and a parents-first order of them, into arrays given.

    ``hung`` begins as a copy of ``parent``, ``edge`` as 0 .. N - 1, work arrays as 0, ``on_path`` as False, ``spare`` as -1.
    """
    n = parent.size
    height, second, tallest, path = work[0], work[1], spare[0], spare[1]
    for i in range(n - 1, -1, -1):
        k = order[i]
        p = parent[k]
        if p >= 0:
            reach = height[k] + 1
            if reach > height[p]:
                height[p], second[p], tallest[p] = reach, height[p], k
            elif reach > second[p]:
                second[p] = reach
    filled = 0
    for root in order:
        if parent[root] >= 0:
            continue
        # From the root towards the tallest branch, as long as that is longer than everything behind.
        k, behind, steps = root, 0, 0
        path[0] = k
        while height[k] > max(behind, second[k]) + 1:
            behind = max(behind, second[k]) + 1
            k = tallest[k]
            steps += 1
            path[steps] = k
        for j in range(steps, -1, -1):
            k = path[j]
            hung[k] = edge[k] = path[j + 1] if j < steps else -1
            on_path[k] = True
            hung_order[filled] = k
            filled += 1
    for k in order:
        if not on_path[k]:
            hung_order[filled] = k
            filled += 1


@_kernel
def depth_and_batch(
    parent: np.ndarray,
    order: np.ndarray,
    batch: int,
    depth: np.ndarray,
    batch_of_node: np.ndarray,
    root: np.ndarray,
    size: np.ndarray,
) -> None:
    """The depth of each node and the batch its tree belongs to; all begin as 0, ``root`` as 0 .. N - 1."""
    n = parent.size
    for k in order:
        if parent[k] >= 0:
            depth[k], root[k] = depth[parent[k]] + 1, root[parent[k]]
        size[root[k]] += 1
    current, held = 0, 0
    for k in range(n):
        if size[k] > 0:
            if held > 0 and held + size[k] > batch:
                current, held = current + 1, 0
            batch_of_node[k] = current
            held += size[k]
    for k in range(n):
        batch_of_node[k] = batch_of_node[root[k]]


@_kernel
def _schedule(
    parent: np.ndarray,
    depth: np.ndarray,
    members: np.ndarray,
    batch_of_node: np.ndarray,
    waiting_for: np.ndarray,
    first: np.ndarray,
    following: np.ndarray,
    chosen: np.ndarray,
    node: np.ndarray,
) -> None:
    """The node of each position into ``node``: per batch, rounds of ready nodes, the deepest first.

    ``waiting_for``: number of children of each node. ``first`` (per depth) and ``following`` begin as -1: ready nodes hang in
    a linked list per depth. The deepest one never gets deeper: what becomes ready is a parent. A round takes as many as
    ``chosen`` holds.
    """
    n, width = parent.size, chosen.size
    position, start = n, 0
    while start < n:
        end, deepest, ready = start, 0, 0
        while end < n and batch_of_node[members[end]] == batch_of_node[members[start]]:
            k = members[end]
            if waiting_for[k] == 0:
                following[k], first[depth[k]] = first[depth[k]], k
                deepest = max(deepest, depth[k])
                ready += 1
            end += 1
        start = end
        while ready > 0:
            while first[deepest] < 0:
                deepest -= 1
            count, level = 0, deepest
            while count < width and count < ready:
                k = first[level]
                if k < 0:
                    level -= 1
                else:
                    first[level] = following[k]
                    chosen[count] = k
                    count += 1
            ready -= count
            for j in range(count):
                k = chosen[j]
                position -= 1
                node[position] = k
                p = parent[k]
                if p >= 0:
                    waiting_for[p] -= 1
                    if waiting_for[p] == 0:
                        following[p], first[depth[p]] = first[depth[p]], p
                        ready += 1
