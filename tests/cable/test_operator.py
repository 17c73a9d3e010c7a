"""Cable operator: hand numbers, symmetry, conservation, branch points, and the closed form of a passive cable."""

import numpy as np
import pytest
from scipy import sparse

from cable import hines
from cable.errors import CableError
from cable.operator import CableOperator, build_operator
from geometry import Morphology, SectionSpec, TreeBlock, cylinder, segment


def straight(name, start, end, diam, parent=None, parent_x=1.0):
    return SectionSpec(name, np.array([[start, 0, 0, diam], [end, 0, 0, diam]], dtype=float), "dendrite", parent, parent_x)


def bush():
    """One and many segments, three ends at a point, two in series, one in a middle, two at the start of the root."""
    return Morphology.from_sections(
        [
            straight("root", 0, 30, 4),
            straight("a", 30, 80, 2, "root"),
            straight("b", 30, 90, 1.5, "root"),
            straight("c", 80, 120, 1, "a"),
            straight("d", 60, 160, 1, "b", 0.5),
            straight("e", 0, -40, 2, "root", 0.0),
            straight("f", 0, -30, 1, "root", 0.0),
        ]
    )


RULE = {"root": 1, "a": 3, "b": 5, "c": 2, "d": 4, "e": 1, "f": 3}


def random_operator(seed):
    """A hand-made tree in which branch points may touch each other."""
    rng = np.random.default_rng(seed)
    n, n_junctions = int(rng.integers(3, 12)), int(rng.integers(1, 5))
    total = n + n_junctions
    order = np.concatenate([[0], 1 + rng.permutation(total - 1)])
    parent = np.full(total, -1)
    for i in range(1, total):
        parent[order[i]] = order[rng.integers(0, i)]
    conductance = np.where(parent < 0, 0.0, rng.uniform(0.1, 3, total))
    return CableOperator(rng.uniform(1, 2, n), conductance, TreeBlock(parent, np.ones(total), order))


def test_units_by_hand():
    # 25 um of 2 um: pi * 2 * 25 um2 at 0.8 uF/cm2; 150 ohm cm * 25 um / (pi um2) = 11.9366 Mohm
    operator = build_operator(segment(cylinder(100.0, 2.0), 4), Ra=150.0, cm=0.8)
    np.testing.assert_allclose(operator.capacitance, np.pi * 2 * 25e-8 * 0.8e-6 * 1e9, rtol=1e-14)
    np.testing.assert_allclose(operator.conductance[1:], 1 / (150.0 * 25e-4 / (np.pi * 1e-8)) * 1e6, rtol=1e-14)
    assert operator.conductance[0] == 0.0


def test_each_half_has_its_own_resistivity():
    cell = Morphology.from_sections([straight("p", 0, 10, 2), straight("c", 10, 40, 1, "p")])
    operator = build_operator(segment(cell, 1), Ra=np.array([100.0, 300.0]))
    ohm = 100.0 * 5e-4 / (np.pi * 1e-8) + 300.0 * 15e-4 / (np.pi * 0.25e-8)
    assert operator.conductance[1] == pytest.approx(1e6 / ohm, rel=1e-14)


def test_conductance_follows_the_tree_of_the_cell():
    segments = segment(bush(), RULE)
    operator = build_operator(segments, Ra=70.0)
    np.testing.assert_allclose(operator.conductance, 100 / 70.0 * operator.tree.kappa, rtol=1e-14)
    assert operator.n == segments.n
    assert operator.n_junctions == 2


@pytest.mark.parametrize("seed", range(10))
def test_matrix_is_that_of_matvec_symmetric_and_conservative(seed):
    operator = random_operator(seed)
    dense = operator.dense()
    np.testing.assert_allclose(dense, np.stack([operator.matvec(row) for row in np.eye(operator.n)], axis=1), atol=1e-13)
    np.testing.assert_array_equal(dense, dense.T)
    np.testing.assert_allclose(dense.sum(axis=1), 0.0, atol=1e-13)
    assert np.linalg.eigvalsh(dense).min() > -1e-13
    np.testing.assert_array_equal(sparse.csr_matrix(operator.csr(), shape=dense.shape).toarray(), dense)


@pytest.mark.parametrize("seed", range(10))
def test_no_current_is_lost_at_branch_points(seed):
    operator = random_operator(seed)
    v = np.random.default_rng(seed).normal(size=operator.n)
    full = operator.extend(v)
    np.testing.assert_array_equal(full[: operator.n], v)
    child = np.flatnonzero(operator.tree.parent >= 0)
    up = operator.tree.parent[child]
    current = operator.conductance[child] * (full[child] - full[up])
    arriving = np.bincount(up, current, full.size) - np.bincount(child, current, full.size)
    np.testing.assert_allclose(arriving[operator.n :], 0.0, atol=1e-13)
    np.testing.assert_allclose(operator.matvec(v), -arriving[: operator.n], atol=1e-13)
    np.testing.assert_array_equal(operator.matvec(full), operator.matvec(v))
    assert abs(operator.matvec(v).sum()) < 1e-13


def test_matrix_of_a_real_cell():
    operator = build_operator(segment(bush(), RULE), Ra=np.linspace(50, 150, sum(RULE.values())))
    dense = operator.dense()
    np.testing.assert_allclose(dense, np.stack([operator.matvec(row) for row in np.eye(operator.n)], axis=1), atol=1e-12)
    np.testing.assert_allclose(dense @ np.full(operator.n, -65.0), 0.0, atol=1e-11)


def steady_state(operator, leak, current):
    """Voltage above rest for a leak (uS) and a current (nA) per segment, through the tree elimination."""
    pad = np.zeros(operator.n_junctions)
    plan = hines.plan_elimination(operator.tree.parent, operator.tree.order)
    diagonal, v = np.concatenate([leak, pad]), np.concatenate([current, pad])
    hines.factor_and_solve(plan.node, plan.parent, plan.coupling(operator.conductance), diagonal, v)
    return v[: operator.n]


def cable_error(cell, rule, Ra=100.0, g=1e-4, diam=2.0, electrotonic=None):
    """Largest error, over the largest voltage, of a cable with sealed ends into whose start 1 nA flows."""
    segments = segment(cell, rule)
    operator = build_operator(segments, Ra=Ra)
    v = steady_state(operator, 1e-2 * g * segments.area, np.where(np.arange(segments.n) == 0, 1.0, 0.0))
    length_constant = 1e4 * np.sqrt(diam * 1e-4 / (4 * g * Ra))
    x, end = electrotonic(segments, length_constant) if electrotonic else (segments.path_distance / length_constant, None)
    end = cell.length[0] / length_constant if end is None else end
    resistance = Ra * length_constant * 1e-4 / (np.pi / 4 * (diam * 1e-4) ** 2) * 1e-6  # Mohm
    exact = resistance * np.cosh(end - x) / np.sinh(end)
    return np.abs(v - exact).max() / exact.max()


def test_passive_cable_has_the_closed_form_at_second_order():
    errors = np.array([cable_error(cylinder(1000.0, 2.0), n) for n in (20, 40, 80, 160)])
    np.testing.assert_allclose(np.log2(errors[:-1] / errors[1:]), 2.0, atol=0.05)
    assert errors[-1] < 1e-4


def test_ralls_branching_is_one_cable_at_second_order():
    # both children have 2 * d_child^1.5 = d_parent^1.5, and the electrotonic length of a child scales with sqrt(d)
    child = 2.0 * 2 ** (-2 / 3)
    reach = 500.0 * np.sqrt(child / 2.0)
    cell = Morphology.from_sections(
        [
            straight("p", 0, 500, 2.0),
            straight("a", 500, 500 + reach, child, "p"),
            straight("b", 500, 500 + reach, child, "p"),
        ]
    )

    def electrotonic(segments, length_constant):
        beyond = np.where(segments.section == 0, 0.0, segments.path_distance - 500.0) / np.sqrt(child / 2.0)
        return (np.minimum(segments.path_distance, 500.0) + beyond) / length_constant, 1000.0 / length_constant

    errors = np.array([cable_error(cell, n, electrotonic=electrotonic) for n in (10, 20, 40)])
    np.testing.assert_allclose(np.log2(errors[:-1] / errors[1:]), 2.0, atol=0.06)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"Ra": -1.0}, r"Ra at dend\(0.125\) is -1 ohm cm"),
        ({"cm": [1.0, 1.0, 0.0, 1.0]}, r"cm at dend\(0.625\) is 0 uF/cm2"),
        ({"Ra": np.inf}, "finite"),
        ({"cm": [1.0, 2.0]}, r"shape \(4,\)"),
    ],
)
def test_bad_numbers_are_refused_with_their_place(given, words):
    with pytest.raises(CableError, match=words):
        build_operator(segment(cylinder(100.0, 2.0, name="dend"), 4), **given)


def test_a_tree_of_another_cell_is_refused():
    other = TreeBlock(np.array([-1, 0]), np.array([0.0, 1.0]), np.array([0, 1]))
    with pytest.raises(CableError, match="2 nodes and is not that of these segments, with 4"):
        build_operator(segment(cylinder(100.0, 2.0), 4), tree=other)


def test_an_operator_that_does_not_fit_together_is_refused():
    tree = TreeBlock(np.array([-1, 0]), np.array([0.0, 1.0]), np.array([0, 1]))
    with pytest.raises(CableError, match="2 conductances"):
        CableOperator(np.ones(2), np.ones(3), tree)
    with pytest.raises(CableError, match="root"):
        CableOperator(np.ones(2), np.ones(2), tree)
    with pytest.raises(CableError, match="capacitance of node 1 is -1"):
        CableOperator(np.array([1.0, -1.0]), np.array([0.0, 1.0]), tree)
    with pytest.raises(CableError, match="conductance of node 1 is nan"):
        CableOperator(np.ones(2), np.array([0.0, np.nan]), tree)
