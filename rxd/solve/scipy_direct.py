"""The oracle of the linear solvers: SuperLU on the assembled matrix."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import SuperLU, splu

from rxd.solve.equations import Equations, Linearisation
from rxd.solve.linear import SolveError, SolverStatistics


class ScipySolver:
    """Sparse LU with partial pivoting, factorised anew for every linearisation.

    Parameters
    ----------
    equations : Equations
    """

    name = "scipy"

    def __init__(self, equations: Equations) -> None:
        self.statistics = SolverStatistics()
        self._identity = sparse.identity(equations.size, format="csr")
        self._factors: SuperLU | None = None

    def prepare(self, linearisation: Linearisation, shift: float) -> None:
        """Factorise ``shift I - J``."""
        matrix = shift * self._identity - linearisation.assembly.matrix(linearisation.fill())
        try:
            self._factors = splu(matrix.tocsc())
        except (RuntimeError, ValueError) as error:
            message = f"SuperLU: {error}."
            raise SolveError(message) from error
        self.statistics.factorisations += 1

    def solve(self, rhs: np.ndarray, out: np.ndarray) -> None:
        """Solve with the factors at hand."""
        assert self._factors is not None
        out[:] = self._factors.solve(rhs)
        self.statistics.solves += 1

    def describe(self) -> str:
        """Name and library."""
        return "SciPy's sparse LU (SuperLU) on the assembled matrix."

    def close(self) -> None:
        """Forget the factors."""
        self._factors = None
