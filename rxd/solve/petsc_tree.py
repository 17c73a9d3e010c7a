"""A system on trees behind PETSc's Krylov methods, preconditioned by the embedded elimination, their exact inverse.

In: the `Equations` of a model of one dimension. Out: solutions of ``(shift I - J) x = b``. PETSc has the matrix and a
preconditioner of ours (``PCPYTHON``): local unknowns eliminated node by node, then blocks of all exchanged unknowns along the
cable's tree (`rxd.solve.direct`). With ``preonly``, the default, PETSc applies that once and never looks at the matrix, which
is then not filled in; ``-ksp_type gmres`` has it multiply with its matrix and look at what is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numba
import numpy as np

from rxd.solve.direct import DirectSolver
from rxd.solve.equations import Equations, Linearisation
from rxd.solve.petsc_krylov import Krylov, Rows, Setup, Split

_kernel = numba.njit(cache=True, nogil=True, fastmath={"contract", "nsz", "arcp"}, error_model="numpy")


class EliminationShell:
    """The embedded elimination with the methods that PETSc calls; whoever owns the factors prepares them.

    Parameters
    ----------
    solver : DirectSolver
    size : int
        Number of unknowns.
    """

    def __init__(self, solver: DirectSolver, size: int) -> None:
        self._solver = solver
        self._right = np.zeros(size)

    def apply(self, pc: Any, x: Any, y: Any) -> None:
        """Solve for the vector x into the vector y."""
        self._right[:] = x.getArray(readonly=True)
        self._solver.solve(self._right, y.getArray())

    def view(self, pc: Any, viewer: Any) -> None:
        """A line for ``-axoplasm_ksp_view``."""
        viewer.printfASCII(f"    {self._solver.describe()} (axoplasm)\n")


class TreeForm:
    """All unknowns in the order of the state.

    Parameters
    ----------
    petsc : module
    equations : Equations
        Of one dimension.
    solver : DirectSolver
        For the same equations.
    options : mapping
        Without a ``pc_type``.
    """

    def __init__(self, petsc: Any, equations: Equations, solver: DirectSolver, options: Mapping[str, str | None]) -> None:
        assembly, size = equations.assembly, equations.size
        self._solver, self._diagonal = solver, np.asarray(assembly.diagonal, dtype=np.int64)
        self._data = np.empty(assembly.nnz)
        shifted(assembly.exchange, self._diagonal, 1.0, self._data)
        rows = Rows(assembly.indptr, assembly.indices, self._data, np.arange(size))
        whole = Split("tree", 0, size, "none", EliminationShell(solver, size))
        self.krylov = Krylov(petsc, rows, Setup("preonly", "none", splits=(whole,)), options)
        self._looks = self.krylov.methods()[0] != "preonly"

    def prepare(self, linearisation: Linearisation, shift: float) -> None:
        """Eliminate anew, and refill the matrix if PETSc will look at it."""
        self._solver.prepare(linearisation, shift)
        if self._looks:
            shifted(linearisation.fill(), self._diagonal, shift, self._data)
        self.krylov.update()

    def solve(self, rhs: np.ndarray, out: np.ndarray) -> int:
        """Solve for all unknowns."""
        self.krylov.rhs[:] = rhs
        iterations = self.krylov.solve()
        out[:] = self.krylov.solution
        return iterations

    def describe(self) -> str:
        """One sentence for `explain()`."""
        method, size = self.krylov.methods()[0], len(self._diagonal)
        return f"PETSc: {method} on all {size} unknowns, preconditioned by the {self._solver.describe()}"


@_kernel
def shifted(jacobian: np.ndarray, diagonal: np.ndarray, shift: float, data: np.ndarray) -> None:
    """``data = shift - J``."""
    for k in range(data.size):
        data[k] = -jacobian[k]
    for k in range(diagonal.size):
        data[diagonal[k]] += shift
