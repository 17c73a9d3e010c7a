"""The written-out solution of a group's chemistry against NumPy's, and against the one that reads a list of operations."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np
import pytest
import sympy

from rxd.codegen.lane_calls import KERNEL, call_kernel
from rxd.codegen.lane_relax import WIDTH, make_relax, products
from rxd.codegen.polynomials import polynomial
from rxd.codegen.sparse import make_program
from rxd.discretize.records import LANES
from rxd.solve import split_kernels
from rxd.solve.lane_operations import lean_kernel
from rxd.solve.schemes import EULER, NEURON, SCHEMES, SDIRK, Scheme, Stages

# For Python, to call what else only kernels do.
relax = lean_kernel(split_kernels.relax.py_func)


DT = 0.3


def written_out(active: np.ndarray, pattern: list[tuple[int, int]], polynomials: Any = None) -> Any:
    operation = make_relax(active, pattern, polynomials or {}, LANES)

    @nb.cfunc(KERNEL, error_model="numpy")
    def kernel(X, P, t, dt, F, J):  # type: ignore[no-untyped-def]
        for lane in range(0, LANES, WIDTH):
            operation(X, P, F, J, lane, t, dt)

    return kernel


@nb.njit
def call(address: int, X: np.ndarray, P: np.ndarray, step: float, carried: float, F: np.ndarray, J: np.ndarray) -> None:
    call_kernel(address, X, P, 0, step, carried, F, J)


@pytest.mark.parametrize("scheme", [*SCHEMES.values(), *NEURON.values()])
def test_methods_of_chemistry_are_stiffly_accurate(scheme: Scheme) -> None:
    """All of the first stage counts: the written-out solution knows no weight."""
    assert scheme.local.first + scheme.local.fresh == pytest.approx(1.0, abs=1e-15)


@pytest.mark.parametrize("stages", [EULER, SDIRK], ids=["one stage", "two stages"])
def test_a_step_is_that_of_the_stages_and_of_the_list_of_operations(stages: Stages) -> None:
    rng = np.random.default_rng(stages.number)
    n, unknowns = 6, 9
    active = np.array([1, 2, 4, 5, 7, 8])
    pattern = [(i, j) for i in range(n) for j in range(n) if rng.random() < 0.5 and (i, j) != (3, 3)]
    J, F = rng.normal(size=(len(pattern), LANES)), rng.normal(size=(n, LANES))
    start = rng.normal(size=(unknowns, LANES))
    found, listed, fields = start.copy(), start.copy(), rng.normal(size=(2, LANES))
    # Every third value of the Jacobian is a polynomial; what stands in J in its place must not be read.
    polynomials = {k: ((0.5, (1, 1), (0,)), (-0.25, (8,), ()), (0.1 * k, (), ())) for k in range(0, len(pattern), 3)}
    kept = J.copy()
    for k in polynomials:
        J[k] = 0.5 * start[1] ** 2 * fields[0] - 0.25 * start[8] + 0.1 * k
        kept[k] = np.nan
    kernel = written_out(active, pattern, polynomials)
    call(kernel.address, found.reshape(-1), fields.ravel(), stages.gamma * DT, stages.carried, F.ravel(), kept.ravel())
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


def test_short_polynomials_are_data() -> None:
    x, y, k = sympy.symbols("x y k", real=True)
    unknowns, fields = {x: 3, y: 5}, {k: 0}
    assert polynomial(sympy.Float(0.05) - 2 * x * k, unknowns, fields) == ((0.05, (), ()), (-2.0, (3,), (0,)))
    assert polynomial(x**2 * y / 3, unknowns, fields) == ((1 / 3, (3, 3, 5), ()),)
    for other in (x / y, sympy.exp(x), k * (x + y), x**4, x**2 * y**2, sympy.Symbol("z"), x + y + k + x * y + x * k):
        assert polynomial(other, unknowns, fields) is None


def test_a_zero_pivot_shows() -> None:
    """Nothing is exchanged for stability: a state that is not finite is what the steppers refuse."""
    start = np.ones((2, LANES))
    kernel = written_out(np.array([1]), [(0, 0)])
    call(kernel.address, start.reshape(-1), np.zeros(LANES), 1.0, 0.0, np.ones(LANES), np.ones(LANES))
    assert not np.isfinite(start[1]).any()
    assert np.all(start[0] == 1.0)


def test_products_grow_with_a_chain_and_not_faster() -> None:
    chain = {n: [(i, j) for i in range(n) for j in range(n) if abs(i - j) <= 1] for n in (10, 20, 40)}
    counts = [products(n, pattern) for n, pattern in chain.items()]
    assert counts == [2 * (n - 1) + 4 * (n - 1) for n in chain]
