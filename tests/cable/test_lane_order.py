"""Trees in lanes: every node has its place, parents come after their children, what never changes is apart."""

from __future__ import annotations

import numpy as np
import pytest

from cable.hines import HinesPlan, plan_elimination
from cable.lane_order import BLOCK, WIDTH, LaneOrder, lane_order


def random_forest(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    n, reach = int(rng.integers(1, 400)), int(rng.integers(1, 12))
    return np.array([-1 if k == 0 or rng.random() < 0.02 else int(rng.integers(max(0, k - reach), k)) for k in range(n)])


def nodes_by_slot(order: LaneOrder) -> np.ndarray:
    node = np.full(order.rows * WIDTH, -1)
    node[order.slot] = np.arange(order.slot.size)
    return node.reshape(-1, WIDTH)


def parents(plan: HinesPlan) -> np.ndarray:
    return np.where(plan.edge < 0, -1, plan.parent.astype(int))[np.argsort(plan.node)]


@pytest.mark.parametrize("seed", range(25))
def test_parents_are_in_the_next_row_or_in_a_first_row_later(seed: int) -> None:
    plan = plan_elimination(random_forest(seed))
    changing = np.random.default_rng(seed).random(plan.n) < 0.1
    order, parent = lane_order(plan, changing), parents(plan)
    assert len(np.unique(order.slot)) == plan.n
    node = nodes_by_slot(order)
    firsts = set(order.first[:-1].tolist())
    for batch, (begin, end) in enumerate(zip(order.first[:-1], order.first[1:], strict=True)):
        used = node[begin] >= 0
        assert used.any()
        assert np.all((node[begin:end] >= 0) == used)  # a lane is idle for a whole batch or not at all
        for lane in np.flatnonzero(used):
            for row in range(begin, end - 1):
                assert parent[node[row, lane]] == node[row + 1, lane]
            up, above = parent[node[end - 1, lane]], order.above[batch, lane]
            if up < 0:
                assert above == (end - 1) * WIDTH + lane
            else:
                assert above == order.slot[up]
                assert above // WIDTH in firsts
                assert above // WIDTH >= end


@pytest.mark.parametrize("seed", range(10))
def test_what_never_changes_is_apart_from_what_does_and_comes_first(seed: int) -> None:
    plan = plan_elimination(random_forest(seed))
    changing = np.random.default_rng(seed).random(plan.n) < 0.05
    order, parent = lane_order(plan, changing), parents(plan)
    varying = changing.copy()
    for k in plan.node[::-1]:
        if parent[k] >= 0:
            varying[parent[k]] |= varying[k]
    batch = np.searchsorted(order.first, order.slot // WIDTH, side="right") - 1
    assert np.array_equal(order.fixed[batch], ~varying)
    for begin, end in zip(order.blocks[:-1], order.blocks[1:], strict=True):
        assert np.all(np.diff(order.fixed[begin:end].astype(int)) <= 0)


def test_cells_that_are_alike_fill_all_lanes() -> None:
    """Forty cells of nine nodes with a branch point: nothing is idle, and blocks have at least so many trees and nodes."""
    one = np.array([-1, 0, 1, 2, 2, 4, 5, 3, 7])
    parent = np.concatenate([np.where(one < 0, -1, one + 9 * k) for k in range(40)])
    order = lane_order(plan_elimination(parent), np.arange(parent.size) % 9 == 0)
    assert order.rows * WIDTH == parent.size
    tree, batch = np.arange(parent.size) // 9, np.searchsorted(order.first, order.slot // WIDTH, side="right") - 1
    block = np.searchsorted(order.blocks, batch, side="right") - 1
    assert all(len(np.unique(block[tree == k])) == 1 for k in range(40))
    counts = np.bincount(block)
    assert len(counts) == 2
    assert counts[0] >= max(WIDTH * 9, BLOCK)


def test_numbers_of_nodes_go_to_their_slots() -> None:
    order = lane_order(plan_elimination(np.array([-1, 0, 1])), np.zeros(3, dtype=bool))
    rows = order.in_rows(np.array([1.0, 2.0, 3.0]), 7.0)
    assert np.array_equal(rows[order.slot], [1.0, 2.0, 3.0])
    assert np.count_nonzero(rows == 7.0) == order.rows * WIDTH - 3


def test_no_nodes_at_all() -> None:
    order = lane_order(plan_elimination(np.zeros(0, dtype=np.int64)), np.zeros(0, dtype=bool))
    assert order.rows == 0
    assert not order.fixed.size
