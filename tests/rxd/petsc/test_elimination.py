"""Elimination of local unknowns: Schur complement and solution against dense algebra."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import sparse

from rxd.solve.petsc_elimination import eliminate, plan_local_elimination, reduce_right, substitute_back


def eliminated(matrix: sparse.csr_array, local: np.ndarray, kept: np.ndarray) -> tuple:
    plan = plan_local_elimination(matrix.indptr, matrix.indices, local, kept)
    work, factor, schur = np.zeros(plan.n), np.zeros(len(plan.column)), np.empty(len(plan.indices))
    for _ in range(2):  # the second time on used arrays
        eliminate(
            matrix.indptr, matrix.indices, matrix.data, plan.rows, plan.rank, plan.start, plan.split, plan.column,
            plan.straight, plan.n_local, work, factor, schur,
        )  # fmt: skip
    assert not work.any()
    return plan, factor, sparse.csr_array((schur, plan.indices, plan.indptr), shape=(len(kept), len(kept)))


def random_matrix(seed: int, n: int = 40) -> sparse.csr_array:
    rng = np.random.default_rng(seed)
    matrix = sparse.csr_array(sparse.random_array((n, n), density=0.08, rng=rng) + 3.0 * sparse.eye_array(n))
    matrix.sort_indices()
    return matrix


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_schur_complement_and_solution_of_any_pattern(seed: int, share: float) -> None:
    matrix = random_matrix(seed)
    n, rng = matrix.shape[0], np.random.default_rng(seed)
    local = np.zeros(n, dtype=bool)
    local[rng.choice(n, int(share * n), replace=False)] = True
    kept = rng.permutation(np.flatnonzero(~local))
    plan, factor, schur = eliminated(matrix, local, kept)
    dense, gone = matrix.toarray(), np.flatnonzero(local)
    expected = dense[np.ix_(kept, kept)] - dense[np.ix_(kept, gone)] @ np.linalg.solve(
        dense[np.ix_(gone, gone)], dense[np.ix_(gone, kept)]
    )
    np.testing.assert_allclose(schur.toarray(), expected, rtol=0, atol=1e-13)
    b = rng.normal(size=n)
    vector = b[plan.rows]
    reduce_right(plan.start, plan.split, plan.column, factor, vector)
    vector[plan.n_local :] = np.linalg.solve(schur.toarray(), vector[plan.n_local :]) if len(kept) else []
    substitute_back(plan.start, plan.split, plan.column, factor, plan.n_local, vector)
    x = np.empty(n)
    x[plan.rows] = vector
    np.testing.assert_allclose(dense @ x, b, rtol=0, atol=1e-12)


def test_gates_leave_no_fill(tree_system: Callable) -> None:
    """Unknowns coupled at one node alone: the Schur complement has no entry that the matrix lacks."""
    system = tree_system()
    s = system.structure
    local = np.zeros(s.size, dtype=bool)
    for block in s.of_kind("local"):
        local[block.rows] = True
    kept = np.flatnonzero(~local)
    plan = plan_local_elimination(s.indptr, s.indices, local, kept)
    part = sparse.csr_array((np.ones(len(s.indices)), s.indices, s.indptr))[kept][:, kept]
    assert len(plan.indices) == part.nnz


def test_columns_ascend_as_petsc_wants_them() -> None:
    matrix = random_matrix(7)
    kept = np.arange(39, 9, -1)
    local = np.arange(40) < 10
    plan, _, schur = eliminated(matrix, local, kept)
    for i in range(len(kept)):
        assert (np.diff(plan.indices[plan.indptr[i] : plan.indptr[i + 1]]) > 0).all()
    assert schur.shape == (30, 30)
