"""A system's matrix as a PETSc ``Mat``, for solvers of the user's own.

In: a SciPy matrix, or an `Assembly` with values. Out: a ``Mat`` with memory of its own, which belongs to the caller.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from rxd.solve.assembly import Assembly
from rxd.solve.petsc_options import load_petsc


def as_petsc(matrix: sparse.spmatrix | sparse.sparray) -> Any:
    """A SciPy matrix as a PETSc ``Mat`` of type AIJ, assembled; ``as_petsc(problem.jacobian(t, y))``.

    The values are copied. The matrix belongs to the caller, who may call its ``destroy()`` early.

    Raises
    ------
    DeclarationError
        If PETSc is missing.
    """
    petsc = load_petsc()
    csr = sparse.csr_array(matrix, copy=True)
    csr.sum_duplicates()
    pattern = (csr.indptr.astype(petsc.IntType), csr.indices.astype(petsc.IntType))
    mat = petsc.Mat().createAIJ(csr.shape, csr=(*pattern, csr.data.astype(petsc.ScalarType)), comm=petsc.COMM_SELF)
    mat.assemble()
    return mat


def as_mat(assembly: Assembly, data: np.ndarray) -> Any:
    """An assembled system as a PETSc ``Mat``; see `as_petsc`."""
    return as_petsc(assembly.matrix(data))
