"""The order in which a tree is eliminated eight nodes at a time: unbranched stretches side by side, as lanes of vectors.

In: a `HinesPlan` and the nodes whose own conductance changes from step to step. Out: a `LaneOrder`.

A *stretch* is a run of nodes each of which has the next for its parent and no other child. Stretches do not wait for each other
unless one begins where another ends. So a *batch* takes up to `WIDTH` stretches that wait for nothing, those that are farthest
from the root first (Hu 1961, https://doi.org/10.1287/opre.9.6.841), and goes along all of them at once, node by node, to where
the shortest ends; what a node hands to its parent stays in a register until then. What is left of the others goes on later.

Stretches whose branches never change are apart from the others: their factors are computed once. The trees of a forest go in
blocks of a multiple of `WIDTH` trees and at least `BLOCK` nodes: what a block needs stays in the nearest cache for all sweeps
of a step.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from cable.elimination import depth_and_batch
from cable.hines import HinesPlan
from geometry.compiled import QuickCompiler, inner, sized
from geometry.kernel_files import kept_kernel
from geometry.records import dataclass

__all__ = ["BLOCK", "WIDTH", "LaneOrder", "lane_order"]

WIDTH: Final = 8
"""Stretches side by side: doubles in the widest vectors."""
CANDIDATES: Final = 32
"""Of how many stretches those that go together are chosen."""
OVERHEAD: Final = 2.0
"""What a batch costs besides its rows, in rows."""
PIECE: Final = 0.5
"""What it costs to cut a stretch, in nodes."""
BLOCK: Final = 256
"""Least number of nodes of a block: ten arrays of that many doubles fit into a level-1 cache."""


# Without reference counts, which nothing here needs, numba takes less time.
_kernel = kept_kernel(pipeline_class=QuickCompiler, _nrt=False, error_model="numpy", no_cfunc_wrapper=True)


@dataclass(frozen=True, slots=True, eq=False)
class LaneOrder:
    """Where every node lies, and in what order rows of `WIDTH` nodes are eliminated.

    Attributes
    ----------
    slot : ndarray of int64, shape (N,)
        Row times `WIDTH` plus lane of each node.
    first : ndarray of int64, shape (n_batches + 1,)
        First row of each batch; a row's parents are in the next row of the batch, those of the last row at ``above``.
    above : ndarray of int32, shape (n_batches, WIDTH)
        Slots, in the first row of a later batch, of the parents of a batch's last row; the last row's own at roots and where a
        lane is idle.
    fixed : ndarray of bool, shape (n_batches,)
        Whether nothing below changes from step to step.
    blocks : ndarray of int64, shape (n_blocks + 1,)
        First batch of each block of trees.
    """

    slot: np.ndarray
    first: np.ndarray
    above: np.ndarray
    fixed: np.ndarray
    blocks: np.ndarray

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.first[-1])

    def in_rows(self, values: np.ndarray, idle: float) -> np.ndarray:
        """Numbers per node by slot, shape (rows * WIDTH,), with what idle lanes hold."""
        found = np.full(self.rows * WIDTH, idle)
        found[self.slot] = values
        return found


def lane_order(plan: HinesPlan, changing: np.ndarray) -> LaneOrder:
    """Put the nodes of a forest into lanes.

    Parameters
    ----------
    plan : HinesPlan
        How the trees are hung up.
    changing : ndarray of bool, shape (N,)
        Nodes whose own diagonal is not the same in every step.

    Returns
    -------
    LaneOrder
    """
    n = plan.n
    parent = np.full(n, -1)
    inner = plan.edge >= 0
    parent[plan.node[inner]] = plan.parent[inner]
    varying = _with_ancestors(changing, parent)
    children = np.bincount(parent[parent >= 0], minlength=n)
    # The only child of a node, if both are in the same stretch.
    child = np.flatnonzero(parent >= 0)
    child = child[(children[parent[child]] == 1) & (varying[child] == varying[parent[child]])]
    below = np.full(n, -1)
    below[parent[child]] = child
    depth, size, root, batch = np.zeros(n, np.int64), np.zeros(n, np.int64), np.arange(n), np.zeros(n, np.int64)
    inward = plan.node.astype(np.int64)
    sized(depth_and_batch, n)(parent, inward, n, depth, batch, root, size)
    block, blocks = _blocks(parent, root, size)
    members = inward[np.argsort(block[inward], kind="stable")]
    slot, first, fixed = np.full(n, -1), np.zeros(n + 1, np.int64), np.zeros(n, np.bool_)
    batches = np.zeros(blocks.size, np.int64)
    hanging, following = np.full(depth.max(initial=0) + 1, -1), np.full(n, -1)
    work = np.zeros(n, np.int64), np.empty(CANDIDATES, np.int64)
    tree = (parent, below, depth, varying, children, members)
    n_batches = _fill(*tree, blocks, hanging, following, *work, slot, first, fixed, batches)
    first = first[: n_batches + 1].copy()
    order = LaneOrder(slot, first, _parents(parent, slot, first), fixed[:n_batches].copy(), batches)
    for array in (order.slot, order.first, order.above, order.fixed, order.blocks):
        array.flags.writeable = False
    return order


def _with_ancestors(nodes: np.ndarray, parent: np.ndarray) -> np.ndarray:
    """Nodes and all that their elimination changes."""
    found = np.array(nodes, dtype=np.bool_)
    reached = np.flatnonzero(found)
    while reached.size:
        above = parent[reached]
        above = above[above >= 0]
        reached = np.unique(above[~found[above]])
        found[reached] = True
    return found


def _parents(parent: np.ndarray, slot: np.ndarray, first: np.ndarray) -> np.ndarray:
    """`LaneOrder.above`."""
    node = np.full(first[-1] * WIDTH, -1)
    node[slot] = np.arange(slot.size)
    last = ((first[1:] - 1) * WIDTH)[:, None] + np.arange(WIDTH)
    here = node[last]
    up = np.where(here < 0, -1, parent[here])
    return np.where(up < 0, last, slot[up]).astype(np.int32)


def _blocks(parent: np.ndarray, root: np.ndarray, size: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Block of each node, and where blocks begin if nodes are sorted by them; ``size`` of each root's tree."""
    block, blocks, trees, held = np.zeros(parent.size, np.int64), [0], 0, 0
    for tree in np.flatnonzero(parent < 0):
        if trees and trees % WIDTH == 0 and held - blocks[-1] >= BLOCK:
            blocks.append(held)
            trees = 0
        block[tree] = len(blocks) - 1
        held += int(size[tree])
        trees += 1
    return block[root], np.array([*blocks, held])


@inner
def _choose(chosen: np.ndarray, found: int, left: np.ndarray) -> int:
    """Bring those that are to go together to the front, the shortest last; returns how many they are."""
    leader = chosen[0]
    for i in range(1, found):
        k, j = chosen[i], i
        while j > 0 and left[chosen[j - 1]] < left[k]:
            chosen[j] = chosen[j - 1]
            j -= 1
        chosen[j] = k
    at = 0
    while chosen[at] != leader:
        at += 1
    best, begin, end = -1e9, 0, 1
    for i in range(at, min(at + WIDTH, found)):
        first, length = max(i + 1 - WIDTH, 0), left[chosen[i]]
        cut = 0
        for j in range(first, i):
            cut += 1 if left[chosen[j]] > length else 0
        worth = ((i + 1 - first) * length - PIECE * cut) / (length + OVERHEAD)
        if worth > best:
            best, begin, end = worth, first, i + 1
    for j in range(begin, end):
        chosen[j - begin], chosen[j] = chosen[j], chosen[j - begin]
    return end - begin


@inner
def _take(
    deepest: int, most: int, depth: np.ndarray, hanging: np.ndarray, following: np.ndarray, left: np.ndarray, chosen: np.ndarray
) -> int:
    """Take what goes next out of the lists of what is ready: the number of stretches now in front in ``chosen``."""
    found, level = 0, deepest
    while found < most:
        k = hanging[level]
        if k < 0:
            level -= 1
        else:
            hanging[level] = following[k]
            chosen[found] = k
            found += 1
    count = _choose(chosen, found, left)
    for j in range(count, found):
        k = chosen[j]
        following[k], hanging[depth[k]] = hanging[depth[k]], k
    return count


@_kernel
def _fill(
    parent: np.ndarray,
    below: np.ndarray,
    depth: np.ndarray,
    varying: np.ndarray,
    waiting: np.ndarray,
    members: np.ndarray,
    blocks: np.ndarray,
    hanging: np.ndarray,
    following: np.ndarray,
    left: np.ndarray,
    chosen: np.ndarray,
    slot: np.ndarray,
    first: np.ndarray,
    fixed: np.ndarray,
    batches: np.ndarray,
) -> int:
    """`LaneOrder.slot`, ``first``, ``fixed`` and, as ``batches``, ``blocks``; returns the number of batches.

    ``waiting``: children of each node, for stretches that begin there. ``hanging`` (per depth) and ``following`` begin as -1:
    what is ready hangs in a linked list per depth. ``left``: nodes of a stretch from a node on, zero to begin with.
    """
    row, batch = 0, 0
    for k in members:  # parents first
        left[k] = 1 + (left[parent[k]] if parent[k] >= 0 and below[parent[k]] == k else 0)
    for b in range(2 * blocks.size - 2):
        kind, ready, deepest = b % 2 == 1, 0, 0
        for k in members[blocks[b // 2] : blocks[b // 2 + 1]]:
            if varying[k] == kind and below[k] < 0 and waiting[k] == 0:
                following[k], hanging[depth[k]] = hanging[depth[k]], k
                deepest = max(deepest, depth[k])
                ready += 1
        while ready > 0:
            while hanging[deepest] < 0:
                deepest -= 1
            count = _take(deepest, min(ready, chosen.size), depth, hanging, following, left, chosen)
            ready -= count
            length = left[chosen[count - 1]]
            for j in range(count):
                k = p = chosen[j]
                for r in range(row, row + length):
                    slot[p] = r * WIDTH + j
                    k, p = p, parent[p]
                if p >= 0 and below[p] != k:
                    waiting[p] -= 1
                if p >= 0 and (below[p] == k or (waiting[p] == 0 and varying[p] == kind)):
                    following[p], hanging[depth[p]] = hanging[depth[p]], p
                    ready += 1
            fixed[batch] = not kind
            batch += 1
            row += length
            first[batch] = row
        batches[b // 2 + 1] = batch
    return batch
