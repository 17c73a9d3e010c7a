"""The written-out solution of a group's chemistry against NumPy's, and against the one that reads a list of operations."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import pytest

from rxd.codegen.lane_calls import KERNEL, call_kernel
from rxd.codegen.lane_relax import WIDTH, make_relax, products
from rxd.codegen.sparse import make_program
from rxd.discretize.records import LANES
from rxd.solve.schemes import EULER, SDIRK, Stages
from rxd.solve.split_kernels import relax

DT = 0.3


def written_out(active: np.ndarray, pattern: list[tuple[int, int]]) -> Any:
    operation = make_relax(active, pattern, LANES)

    @nb.cfunc(KERNEL, error_model="numpy")
    def kernel(X, P, t, dt, F, J):  # type: ignore[no-untyped-def]
        for lane in range(0, LANES, WIDTH):
            operation(X, F, J, lane, P[0], P[1], P[2])

    return kernel


@nb.njit
def call(address: int, X: np.ndarray, P: np.ndarray, F: np.ndarray, J: np.ndarray) -> None:
    call_kernel(address, X, P, 0, 0.0, 0.0, F, J)


@pytest.mark.parametrize("stages", [EULER, SDIRK, SDIRK._replace(first=0.4)], ids=["one stage", "two stages", "other weights"])
def test_a_step_is_that_of_the_stages_and_of_the_list_of_operations(stages: Stages) -> None:
    rng = np.random.default_rng(stages.number)
    n, unknowns = 6, 9
    active = np.array([1, 2, 4, 5, 7, 8])
    pattern = [(i, j) for i in range(n) for j in range(n) if rng.random() < 0.5 and (i, j) != (3, 3)]
    J, F = rng.normal(size=(len(pattern), LANES)), rng.normal(size=(n, LANES))
    start = rng.normal(size=(unknowns, LANES))
    numbers = np.array([stages.gamma * DT, stages.first + stages.fresh, stages.carried])
    found, listed = start.copy(), start.copy()
    kernel = written_out(active, pattern)
    call(kernel.address, found.reshape(-1), numbers, F.ravel(), J.ravel())
    program = make_program(n, pattern)
    A, b = np.zeros(program.nnz * LANES), np.zeros(n * LANES)
    lists = (active, program.entry, program.diagonal, program.factor, program.lower, program.upper)
    relax(listed.reshape(-1), F.ravel(), J.ravel(), A, b, *lists, DT, stages)
    expected = start.copy()
    for lane in range(LANES):
        slope = np.zeros((n, n))
        for (i, j), value in zip(pattern, J[:, lane], strict=True):
            slope[i, j] = value
        step = stages.gamma * DT
        matrix = np.eye(n) - step * slope
        one = np.linalg.solve(matrix, step * F[:, lane])
        expected[active, lane] += stages.first * one
        if stages.number > 1:
            expected[active, lane] += np.linalg.solve(matrix, stages.fresh * step * F[:, lane] + stages.carried * one)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(listed, expected, rtol=1e-12, atol=1e-13)


def test_a_zero_pivot_shows() -> None:
    """Nothing is exchanged for stability: a state that is not finite is what the steppers refuse."""
    start, numbers = np.ones((2, LANES)), np.array([1.0, 1.0, 0.0])
    kernel = written_out(np.array([1]), [(0, 0)])
    call(kernel.address, start.reshape(-1), numbers, np.ones(LANES), np.ones(LANES))
    assert not np.isfinite(start[1]).any()
    assert np.all(start[0] == 1.0)


def test_products_grow_with_a_chain_and_not_faster() -> None:
    chain = {n: [(i, j) for i in range(n) for j in range(n) if abs(i - j) <= 1] for n in (10, 20, 40)}
    counts = [products(n, pattern) for n, pattern in chain.items()]
    assert counts == [2 * (n - 1) + 4 * (n - 1) for n in chain]
