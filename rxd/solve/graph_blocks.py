"""How a graph of voxels is cut into blocks, and what blocks have to do with each other (`rxd.solve.graph_kernels`).

Blocks are the same for any number of threads. A sliver whose neighbours lie in other blocks belongs to a seam: a set of slivers
across the same blocks, which shares no numbers with other seams.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

import numpy as np

from rxd.solve.team import PIECES

NODES_A_BLOCK: Final = 4096
COST_OF_REST: Final = 6
"""A node outside the rows costs as much as so many in them."""


class Order(NamedTuple):
    """Order of slivers: those of a block together, then those of a seam together; where each block's begin, and the seams."""

    slivers: np.ndarray
    starts: np.ndarray
    seams: np.ndarray


def cut(n: int, rows: np.ndarray, rest: np.ndarray) -> np.ndarray:
    """First nodes of blocks that cost about the same, and n; no row lies in two."""
    count = min(max(n // NODES_A_BLOCK, 1), PIECES)
    cost = np.ones(n, dtype=np.int32)
    cost[rest] = COST_OF_REST
    np.cumsum(cost, out=cost)
    inner = np.searchsorted(cost, int(cost[-1]) * np.arange(1, count) / count)
    if len(rows):
        row = rows[np.maximum(np.searchsorted(rows[:, 0], inner, side="right") - 1, 0)]
        inside = (row[:, 0] < inner) & (inner < row[:, 0] + row[:, 1])
        inner = np.where(inside, row[:, 0], inner)
    return np.concatenate([[0], inner, [n]])


def home(bounds: np.ndarray, nodes: np.ndarray) -> np.ndarray:
    """The block of each node."""
    return np.searchsorted(bounds, nodes, side="right") - 1


def order_slivers(bounds: np.ndarray, sliver: np.ndarray, reach: np.ndarray, carrier: np.ndarray) -> Order:
    """Slivers by block, and behind them by seam.

    Parameters
    ----------
    bounds : ndarray of int, shape (n_blocks + 1,)
    sliver : ndarray of int, shape (s,)
        Nodes.
    reach : ndarray of int, shape (s + 1,)
        Where the carriers of each begin.
    carrier : ndarray of int
        Nodes.
    """
    count, of = len(bounds) - 1, np.repeat(np.arange(len(sliver)), np.diff(reach))
    low, high = home(bounds, sliver), home(bounds, sliver)
    np.minimum.at(low, of, home(bounds, carrier))
    np.maximum.at(high, of, home(bounds, carrier))
    across = low < high
    spans, span = np.unique(np.column_stack([low, high])[across], axis=0, return_inverse=True)
    group = np.zeros(len(sliver), dtype=np.int64)
    group[across] = span.ravel()
    shared = across[of]
    nodes = np.concatenate([sliver[across], carrier[shared]])
    same = _joined(np.unique(np.column_stack([nodes, np.concatenate([group[across], group[of[shared]]])]), axis=0), len(spans))
    whole = [spans[same == label] for label in np.unique(same)]
    whole_spans = np.array([(part[:, 0].min(), part[:, 1].max()) for part in whole], dtype=np.int64).reshape(-1, 2)
    rank = np.lexsort(whole_spans.T[::-1])
    place = np.argsort(rank)[np.searchsorted(np.unique(same), same)]
    where = low.copy()
    where[across] = count + place[group[across]]
    slivers = np.argsort(where, kind="stable")
    begins = np.searchsorted(where[slivers], np.arange(count + len(whole) + 1))
    seams = np.column_stack([begins[count:], np.vstack([whole_spans[rank], [[count, count]]])])
    return Order(slivers, begins[: count + 1], np.ascontiguousarray(seams, dtype=np.int64))


def _joined(pairs: np.ndarray, count: int) -> np.ndarray:
    """Label of each of ``count`` groups, the same for groups that share a node; ``pairs``: nodes, sorted, and groups."""
    label = np.arange(count)
    for k in np.flatnonzero(np.diff(pairs[:, 0]) == 0):
        one, other = label[pairs[k, 1]], label[pairs[k + 1, 1]]
        label[label == max(one, other)] = min(one, other)
    return label


def around(bounds: np.ndarray, rows: np.ndarray, listed: Iterable[tuple[np.ndarray, ...]], seams: np.ndarray) -> np.ndarray:
    """`Graph.around`.

    Parameters
    ----------
    bounds : ndarray of int, shape (n_blocks + 1,)
    rows : ndarray of int, shape (m, 6)
        As in `Graph`.
    listed : iterable of three ndarrays
        Nodes outside the rows, and the lowest and highest of some neighbours of each.
    seams : ndarray of int, shape (n_seams + 1, 3)
    """
    count, last = len(bounds) - 1, rows[:, 1] - 1
    along = (rows[:, 0], rows[:, 0] - 1, rows[:, 0] + last + 1)
    beside = (rows[:, 0], rows[:, 2:].min(axis=1), rows[:, 2:].max(axis=1) + last)
    made = np.zeros((count + 1, 6), dtype=np.int64)
    made[:, 0], made[:-1, 1], made[:-1, 2] = bounds, np.arange(count), np.arange(count)
    for nodes, lowest, highest in (along, beside, *listed):
        block = home(bounds, nodes)
        np.minimum.at(made[:, 1], block, home(bounds, lowest))
        np.maximum.at(made[:, 2], block, home(bounds, highest))
    for number, line in enumerate(made[:-1]):
        mine = np.flatnonzero((seams[:-1, 1] <= number) & (number <= seams[:-1, 2]))
        line[3:5] = (mine[0], mine[-1] + 1) if len(mine) else (0, 0)
        line[5] = 1 + len(mine)
    return made
