"""Which row of a linear system is to blame when PETSc gives up; only ever called then.

In: the matrix and what is known of right-hand side and solution. Out: a row, or None.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

from rxd.solve.linear import SolveError


class PetscError(SolveError):
    """PETSc could not solve a system; the message is its reason in words.

    Attributes
    ----------
    reason : int
        ``KSPConvergedReason``.
    position : int or None
        Position in the state vector of the unknown that looks worst.
    """

    def __init__(self, sentence: str, reason: int, position: int | None) -> None:
        super().__init__(sentence, position)
        self.reason = reason


def worst_row(
    indptr: np.ndarray, indices: np.ndarray, data: np.ndarray, rhs: np.ndarray | None = None, solution: np.ndarray | None = None
) -> int | None:
    """First row with a number that is not finite, or largest component of the null space, or largest residual.

    Parameters
    ----------
    indptr, indices, data : ndarray
        CSR matrix.
    rhs, solution : ndarray, optional
        Without them the matrix itself is suspected.
    """
    bad = np.flatnonzero(~np.isfinite(data))
    if bad.size:
        return int(np.searchsorted(indptr, bad[0], side="right") - 1)
    matrix = sparse.csr_array((data, indices, indptr))
    if rhs is None or solution is None:
        return _null_direction(matrix)
    bad = np.flatnonzero(~np.isfinite(rhs))
    if bad.size:
        return int(bad[0])
    if not np.isfinite(solution).all():
        return _null_direction(matrix)
    return int(np.argmax(np.abs(rhs - matrix @ solution)))


def _null_direction(matrix: sparse.csr_array) -> int | None:
    """Largest component of the vector that a nearly singular matrix sends to nothing, by inverse iteration."""
    n = matrix.shape[0]
    shifted = matrix + 1e-9 * float(np.abs(matrix.data).max(initial=0.0)) * sparse.eye_array(n, format="csr")
    try:
        factors = splu(shifted.tocsc())
    except RuntimeError:
        return None
    vector = np.ones(n)
    for _ in range(3):
        vector = factors.solve(vector / np.abs(vector).max())
    return int(np.argmax(np.abs(vector))) if np.isfinite(vector).all() else None
