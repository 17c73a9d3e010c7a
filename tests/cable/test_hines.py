"""Tree elimination: against dense algebra on random forests with branch points, repeated solves, bad input."""

import numba
import numpy as np
import pytest

from cable import elimination, hines
from cable.elimination import elimination_order
from cable.errors import CableError
from geometry import compiled

CABLE = np.arange(-1, 29)


def random_forest(seed):
    """A forest numbered at random (parents need not come first), with a parents-first order."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 60))
    reach = int(rng.integers(1, 12))
    parent = np.array([-1 if k == 0 or rng.random() < 0.05 else int(rng.integers(max(0, k - reach), k)) for k in range(n)])
    label = rng.permutation(n)
    renamed = np.empty(n, np.int64)
    renamed[label] = np.where(parent < 0, -1, label[parent])
    return renamed, label


def random_system(seed):
    """Parent, order, conductance, diagonal, right-hand side; branching nodes have no capacity."""
    parent, order = random_forest(seed)
    rng = np.random.default_rng(seed + 1000)
    diagonal, rhs = rng.uniform(0.1, 2, parent.shape), rng.normal(size=parent.shape)
    junction = np.bincount(parent[parent >= 0], minlength=parent.size) > 1
    diagonal[junction] = 0.0
    rhs[junction] = 0.0
    return parent, order, 10 ** rng.uniform(-2, 2, parent.shape), diagonal, rhs


def dense(parent, conductance, diagonal):
    matrix = np.diag(diagonal)
    for k, p in enumerate(parent):
        if p >= 0:
            matrix[[k, p], [k, p]] += conductance[k]
            matrix[[k, p], [p, k]] -= conductance[k]
    return matrix


def close(x, exact):
    np.testing.assert_allclose(x, exact, rtol=0, atol=1e-12 * max(1.0, np.abs(exact).max()))


@pytest.mark.parametrize("seed", range(40))
def test_reference_and_kernels_solve_as_dense_algebra_does(seed):
    parent, order, conductance, diagonal, rhs = random_system(seed)
    exact = np.linalg.solve(dense(parent, conductance, diagonal), rhs)
    close(hines.solve_reference(parent, order, conductance, diagonal, rhs), exact)

    plan = hines.plan_elimination(parent, order)
    coupling = plan.coupling(conductance)
    work, x = diagonal.copy(), rhs.copy()
    hines.factor_and_solve(plan.node, plan.parent, coupling, work, x)
    close(x, exact)

    inverse, x = diagonal.copy(), rhs.copy()
    hines.factor(plan.node, plan.parent, coupling, inverse)
    np.testing.assert_array_equal(inverse, work)
    hines.resolve(plan.node, plan.parent, coupling, inverse, x)
    close(x, exact)


@pytest.mark.parametrize("seed", range(10))
def test_a_second_right_hand_side_needs_no_second_factorisation(seed):
    parent, order, conductance, diagonal, rhs = random_system(seed)
    plan = hines.plan_elimination(parent, order)
    coupling, work = plan.coupling(conductance), diagonal.copy()
    hines.factor_and_solve(plan.node, plan.parent, coupling, work, rhs.copy())
    second = np.where(diagonal > 0, np.cos(rhs), 0.0)
    x = second.copy()
    hines.resolve(plan.node, plan.parent, coupling, work, x)
    close(x, np.linalg.solve(dense(parent, conductance, diagonal), second))


def parent_position(plan):
    """Position of the parent of each position; -1 at a root."""
    position = np.argsort(plan.node)
    return np.where(plan.edge < 0, -1, position[plan.parent])


@pytest.mark.parametrize("seed", range(20))
def test_positions_are_a_permutation_with_parents_first(seed):
    parent, order = random_forest(seed)
    plan = hines.plan_elimination(parent, order)
    assert sorted(plan.node) == list(range(parent.size))
    position = np.arange(parent.size)
    above = parent_position(plan)
    assert np.all(above < position)
    assert np.sum(above < 0) == np.sum(parent < 0)
    ties = {frozenset((int(k), int(p))) for k, p in zip(plan.node, plan.parent, strict=True) if k != p}
    assert ties == {frozenset((k, int(p))) for k, p in enumerate(parent) if p >= 0}


@pytest.mark.parametrize(("width", "batch"), [(1, 1), (2, 10), (8, 30), (100, 10**6)])
def test_width_and_batch_change_the_order_but_not_the_tree(width, batch):
    parent, order = random_forest(3)
    found = elimination_order(parent, order, width, batch)
    assert sorted(found.node) == list(range(parent.size))
    position = np.argsort(found.node)
    tied = found.edge >= 0
    assert np.all(position[found.parent[tied]] < np.flatnonzero(tied))


def test_python_orders_few_nodes_as_the_compiled_code_orders_many(monkeypatch):
    parent, order = random_forest(7)
    for kernel in (elimination._hang_up_at_centre, elimination.depth_and_batch, elimination._schedule):
        monkeypatch.setattr(elimination, kernel.__name__, numba.njit(kernel.py_func))
    python = elimination_order(parent, order, width=3, batch=20)
    assert not elimination._schedule.signatures
    monkeypatch.setattr(compiled, "FEW", parent.size - 1)
    machine = elimination_order(parent, order, width=3, batch=20)
    assert elimination._schedule.signatures
    for one, other in zip(python, machine, strict=True):
        np.testing.assert_array_equal(one, other)
    monkeypatch.setattr(compiled, "FEW", parent.size)
    assert compiled.sized(elimination._schedule, parent.size) is elimination._schedule  # it is there now


def test_small_trees_of_a_forest_are_interleaved_and_large_ones_come_one_after_the_other():
    one = np.arange(-1, 9)
    parent = np.concatenate([one, np.where(one < 0, -1, one + 10)])
    together = elimination_order(parent, np.arange(20), width=4, batch=20).node // 10
    apart = elimination_order(parent, np.arange(20), width=4, batch=10).node // 10
    assert np.count_nonzero(np.diff(apart)) == 1
    assert np.count_nonzero(np.diff(together)) > 5


def test_an_unbranched_cable_is_eliminated_from_both_ends():
    plan = hines.plan_elimination(CABLE)
    depth = np.zeros(CABLE.size, int)
    for k, p in enumerate(parent_position(plan)):
        depth[k] = 0 if p < 0 else depth[p] + 1
    assert depth.max() == CABLE.size // 2
    assert {int(plan.node[-1]), int(plan.node[-2])} == {0, CABLE.size - 1}


def test_coupling_far_above_the_diagonal_conserves_to_round_off():
    rng = np.random.default_rng(0)
    parent, order, conductance, diagonal, rhs = random_system(11)
    diagonal = np.where(diagonal > 0, 1e-9 * diagonal, 0.0)
    rhs = np.where(diagonal > 0, diagonal * rng.uniform(1, 2, rhs.shape), 0.0)
    plan = hines.plan_elimination(parent, order)
    x, work = rhs.copy(), diagonal.copy()
    hines.factor_and_solve(plan.node, plan.parent, plan.coupling(1e6 * conductance), work, x)
    root = np.arange(parent.size)
    for k in order:
        root[k] = k if parent[k] < 0 else root[parent[k]]
    for r in np.unique(root):
        mine = root == r
        np.testing.assert_allclose(diagonal[mine] @ x[mine], rhs[mine].sum(), rtol=1e-13)


def test_not_a_number_is_passed_on():
    plan = hines.plan_elimination(CABLE)
    x = np.zeros(CABLE.size)
    x[4] = np.nan
    hines.factor_and_solve(plan.node, plan.parent, plan.coupling(np.ones(CABLE.size)), np.ones(CABLE.size), x)
    assert np.isnan(x).any()


def test_a_tree_of_no_nodes_is_solved():
    plan = hines.plan_elimination(np.empty(0, int))
    hines.factor_and_solve(plan.node, plan.parent, plan.coupling(np.empty(0)), np.empty(0), np.empty(0))
    assert plan.n == 0


@pytest.mark.parametrize(
    ("parent", "order", "words"),
    [
        ([-1, 0], [0, 0], "each of 0 .. 1 once"),
        ([-1, 2], [0, 1], "Node 1 has parent 2"),
        ([-1, 0, 1], [0, 2, 1], "Node 2 stands before its parent 1"),
    ],
)
def test_what_is_no_tree_is_refused(parent, order, words):
    with pytest.raises(CableError, match=words):
        hines.plan_elimination(np.array(parent), np.array(order))


def test_conductances_are_checked():
    plan = hines.plan_elimination(np.array([-1, 0, 1]))
    with pytest.raises(CableError, match="3 nodes"):
        plan.coupling(np.ones(2))
    with pytest.raises(CableError, match="conducts -1"):
        plan.coupling(np.array([1.0, 1.0, -1.0]))
    with pytest.raises(CableError, match="conducts nan"):
        plan.coupling(np.array([[1.0, 1.0, 1.0], [1.0, np.nan, 1.0]]))
    assert plan.coupling(np.array([np.nan, 1.0, 2.0])).tolist().count(0.0) == 1
