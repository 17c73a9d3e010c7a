"""A system on trees behind PETSc's Krylov methods, preconditioned by the embedded elimination, their exact inverse.

In: the `Equations` of a model of one dimension. Out: solutions of ``(shift I - J) x = b``. PETSc has the matrix and a
preconditioner of ours (``PCPYTHON``): local unknowns eliminated node by node, then blocks of all exchanged unknowns along the
cable's tree (`rxd.solve.direct`). With ``preonly``, the default, PETSc applies that once and never looks at the matrix, which
is then not filled in; ``-ksp_type gmres`` has it multiply with its matrix and look at what is left.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import numba
import numpy as np

from rxd.solve.direct import DirectSolver
from rxd.solve.equations import Equations, Linearisation
from rxd.solve.petsc_krylov import Krylov, Memory, Rows, Setup, Split

_kernel = numba.njit(cache=True, nogil=True, fastmath={"contract", "nsz", "arcp"}, error_model="numpy")


SHARED: Final = 12
"""Arrays that PETSc works on where they are: a right-hand side and a stage each. Those of other callers are copied."""


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
        self.given: Memory | None = None
        """The right-hand side that is being solved for, which need not be copied."""

    def apply(self, pc: Any, x: Any, y: Any) -> None:
        """Solve for the vector x into the vector y."""
        if self.given is not None and x.handle == self.given.vector.handle:
            right = self.given.array
        else:
            right = self._right
            right[:] = x.getArray(readonly=True)
        self._solver.solve(right, y.getArray())

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
        self._shell = EliminationShell(solver, size)
        whole = Split("tree", 0, size, "none", self._shell)
        self.krylov = Krylov(petsc, rows, Setup("preonly", "none", splits=(whole,)), options)
        self._shared: dict[int, Memory] = {}
        self._looks = self.krylov.methods()[0] != "preonly"

    def prepare(self, linearisation: Linearisation, shift: float) -> None:
        """Eliminate anew, and refill the matrix if PETSc will look at it."""
        self._solver.prepare(linearisation, shift)
        if self._looks:
            shifted(linearisation.fill(), self._diagonal, shift, self._data)
        self.krylov.update()

    def solve(self, rhs: np.ndarray, out: np.ndarray) -> int:
        """Solve for all unknowns."""
        right, found = self._memory(rhs), self._memory(out)
        if right is None or found is None:
            self.krylov.rhs[:] = rhs
            iterations = self.krylov.solve()
            out[:] = self.krylov.solution
            return iterations
        self._shell.given = right
        return self.krylov.solve(right, found)

    def _memory(self, array: np.ndarray) -> Memory | None:
        """A stepper's few arrays are PETSc's as well: three copies of a vector for every solve would fill the cache."""
        address = array.__array_interface__["data"][0]
        if address not in self._shared and len(self._shared) < SHARED and array.flags.c_contiguous and array.flags.writeable:
            self._shared[address] = self.krylov.share(array)
        return self._shared.get(address)

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
