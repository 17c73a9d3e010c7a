"""Species that diffuse side by side against dense algebra: every number of lanes, both numbers of stages, with sources."""

from __future__ import annotations

import numpy as np
import pytest

from cable.hines import plan_elimination
from rxd.discretize.records import Transport
from rxd.solve import tree_lanes
from rxd.solve.lane_operations import lean_kernel
from rxd.solve.schemes import EULER, SDIRK, Stages
from rxd.solve.split_pack import bundles, pack_trees
from rxd.solve.tree_lanes import WIDTH, prepare_trees

# For Python, to call what else only kernels do.
diffuse_bundle = lean_kernel(tree_lanes.diffuse_bundle.py_func)

DT = 0.7
N, JUNCTIONS = 21, 2


def species(count: int, seed: int = 0) -> list[Transport]:
    """Random species on one random tree with two branch points that hold nothing."""
    rng = np.random.default_rng(seed)
    total = N + JUNCTIONS
    parent = np.array([-1] + [rng.integers(0, k) for k in range(1, N)] + [3, 7])
    parent[[15, 16, 17]], parent[[18, 19, 20]] = N, N + 1
    order = np.array([0, *range(1, 15), N, N + 1, *range(15, N)])
    plan = plan_elimination(parent, order)
    capacity = np.concatenate([rng.uniform(0.5, 2, (count, N)), np.zeros((count, JUNCTIONS))], axis=1)
    conductance = np.where(parent < 0, 0.0, rng.uniform(0.1, 30, (count, total)))
    return [Transport(f"s{i}", i * N, N, capacity[i], parent, conductance[i], plan) for i in range(count)]


def laplacian(transport: Transport) -> np.ndarray:
    matrix = np.zeros((len(transport.parent),) * 2)
    for k, p in enumerate(transport.parent):
        if p >= 0:
            g = transport.conductance[k]
            matrix[k, k] += g
            matrix[p, p] += g
            matrix[k, p] -= g
            matrix[p, k] -= g
    return matrix


@pytest.mark.parametrize("stages", [EULER, SDIRK], ids=["one stage", "two stages"])
@pytest.mark.parametrize("count", [1, 3, 8, 11])
def test_bundles_take_the_step_of_dense_algebra(count: int, stages: Stages) -> None:
    lanes, rng = species(count), np.random.default_rng(count)
    y, source = rng.uniform(1, 2, count * N), rng.normal(size=count * N)
    moving = np.arange((count // 2) * N)  # currents change the first half of the species
    trees, drift, start = pack_trees(lanes, y, moving), np.full(count * N, np.nan), y.copy()
    assert len(trees.table) == -(-count // WIDTH)
    prepare_trees(DT, trees, stages)
    u = trees.u.reshape(-1, WIDTH).copy()
    for s in range(len(trees.table)):
        diffuse_bundle(s, y, DT, source, drift, trees, stages)
    for numbers, (_, n, total, _, at) in zip(bundles(lanes), trees.table, strict=True):
        for lane, number in enumerate(numbers):
            t = lanes[number]
            here = slice(t.start, t.start + n)
            old, step = u[at : at + total, lane], stages.gamma * DT
            right = -laplacian(t) @ old
            if number < count // 2:
                right[:n] += t.capacity[:n] * source[here]
            matrix = np.diag(t.capacity) / step + laplacian(t)
            one = np.linalg.solve(matrix, right)
            new = old + stages.first * one
            if stages.number > 1:
                new += np.linalg.solve(matrix, stages.fresh * right + stages.carried * t.capacity / step * one)
            np.testing.assert_allclose(y[here], new[:n], rtol=1e-12)
            np.testing.assert_allclose(trees.u.reshape(-1, WIDTH)[at + n : at + total, lane], new[n:], rtol=1e-12)
            if number < count // 2:
                np.testing.assert_allclose(drift[here], (new[:n] - start[here]) / DT, rtol=1e-9, atol=1e-12)
                assert t.capacity[:n] @ (y[here] - start[here] - DT * source[here]) == pytest.approx(0, abs=1e-11)
            else:
                assert np.isnan(drift[here]).all()
                assert t.capacity[:n] @ y[here] == pytest.approx(t.capacity[:n] @ start[here], rel=1e-14)


def test_species_on_different_trees_go_different_ways() -> None:
    one, other = species(2), species(3, seed=5)
    assert bundles([one[0], other[0], one[1], *other[1:]]) == [[0, 2], [1, 3, 4]]
