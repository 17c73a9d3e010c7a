"""A system's matrix as a PETSc ``Mat`` for solvers of one's own."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import sparse

from rxd.solve.petsc_matrix import as_petsc
from rxd.solve.petsc_options import load_petsc


def test_the_same_numbers_in_memory_of_its_own(tree_system: Callable) -> None:
    matrix = tree_system().matrix(3.0).tocsr()
    mat = as_petsc(matrix)
    indptr, indices, data = mat.getValuesCSR()
    assert (sparse.csr_array((data, indices, indptr), shape=matrix.shape) != matrix).nnz == 0
    matrix.data[:] = 0.0
    assert mat.norm() > 0.0
    mat.destroy()


def test_any_sparse_format_and_duplicates() -> None:
    parts = sparse.coo_array((np.array([1.0, 2.0, 4.0]), (np.array([0, 0, 1]), np.array([1, 1, 0]))), shape=(2, 3))
    mat = as_petsc(parts)
    assert mat.getSize() == (2, 3)
    assert mat[0, 1] == 3.0
    assert mat[1, 0] == 4.0
    mat.destroy()


def test_the_given_matrix_stays_as_it_is() -> None:
    given = sparse.csr_array((np.array([1.0, 2.0]), np.array([1, 1]), np.array([0, 2, 2])), shape=(2, 2))
    mat = as_petsc(given)
    assert mat[0, 1] == 3.0
    assert given.nnz == 2
    mat.destroy()


def test_a_users_own_solver_takes_it(tree_system: Callable) -> None:
    system, petsc = tree_system(), load_petsc()
    mat = as_petsc(system.matrix(5.0))
    x, b = mat.createVecs()
    b.setArray(system.rhs)
    ksp = petsc.KSP().create()
    ksp.setOperators(mat)
    ksp.setType("preonly")
    ksp.getPC().setType("lu")
    ksp.solve(b, x)
    assert system.error(x.getArray(), 5.0) < 1e-9
    for thing in (ksp, x, b, mat):
        thing.destroy()
