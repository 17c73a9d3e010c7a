"""A system on trees behind PETSc's Krylov methods, preconditioned by the embedded elimination, their exact inverse.

In: the `Equations` of a model of one dimension. Out: solutions of ``(shift I - J) x = b``. PETSc has the matrix and a
preconditioner of ours (``PCPYTHON``): local unknowns eliminated node by node, then blocks of all exchanged unknowns along the
cable's tree (`rxd.solve.direct`). With ``preonly``, the default, PETSc applies that once and never looks at the matrix, which
is then not filled in; ``-ksp_type gmres`` has it multiply with its matrix and look at what is left.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
from scipy import sparse

from geometry.kernel_files import kept_kernel
from rxd.solve.direct import DirectSolver
from rxd.solve.equations import Equations, Linearisation
from rxd.solve.petsc_krylov import Krylov, Memory, Rows, Setup, Split

_kernel = kept_kernel(nogil=True, fastmath={"contract", "nsz", "arcp"}, error_model="numpy")


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
        self._petsc, self._equations, self._options = petsc, equations, options
        self._lanes: TreeInLanes | None = None
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

    def in_lanes(self) -> TreeInLanes | None:
        """The same for vectors in lanes, if PETSc only applies the elimination: norms would count the copies of nodes."""
        if self._looks:
            return None
        if self._lanes is None:
            self._lanes = TreeInLanes(self._petsc, self._equations, self._solver, self._options)
        return self._lanes

    def close(self) -> None:
        """Destroy all PETSc objects."""
        self.krylov.close()
        if self._lanes is not None:
            self._lanes.close()

    def describe(self) -> str:
        """One sentence for `explain()`."""
        method, size = self.krylov.methods()[0], len(self._diagonal)
        return f"PETSc: {method} on all {size} unknowns, preconditioned by the {self._solver.describe()}"


class LaneShell:
    """The embedded elimination of vectors in lanes, with the methods that PETSc calls."""

    def __init__(self, solver: DirectSolver) -> None:
        self._solver, self._apply = solver, None
        self._arrays: dict[int, np.ndarray] = {}

    def share(self, memory: Memory) -> Memory:
        """Remember whose memory a vector has."""
        self._arrays[memory.vector.handle] = memory.array
        return memory

    def apply(self, pc: Any, x: Any, y: Any) -> None:
        """Solve for the vector x into the vector y."""
        right = self._arrays.get(x.handle)
        found = self._arrays.get(y.handle)
        if right is None:
            right = np.array(x.getArray(readonly=True))
        self._solver.apply_inverse(right, y.getArray() if found is None else found)

    def view(self, pc: Any, viewer: Any) -> None:
        """A line for ``-axoplasm_ksp_view``."""
        viewer.printfASCII(f"    {self._solver.describe()} (axoplasm)\n")


class TreeInLanes:
    """Whole steps: the system with its unknowns in lanes, as the embedded solver has them, so that nothing is reordered.

    PETSc's matrix is in lanes, too, with ones for the copies of nodes; as in `TreeForm` it is not refilled.

    Parameters
    ----------
    petsc : module
    equations : Equations
    solver : DirectSolver
    options : mapping
    """

    def __init__(self, petsc: Any, equations: Equations, solver: DirectSolver, options: Mapping[str, str | None]) -> None:
        self._petsc, self._equations, self._options = petsc, equations, options
        self.embedded = solver
        self._krylov: Krylov | None = None
        self._right: Memory | None = None
        self._found: list[Memory] = []

    def work_on(self, right: np.ndarray, solutions: Sequence[np.ndarray], position: np.ndarray) -> None:
        """Give PETSc the arrays that steps work on."""
        self.close()
        shell = LaneShell(self.embedded)
        split = Split("tree", 0, len(right), "none", shell)
        rows = _rows_in_lanes(self._equations, self.embedded.plan.lane, position)
        self._krylov = Krylov(self._petsc, rows, Setup("preonly", "none", splits=(split,)), self._options)
        self._right = shell.share(self._krylov.share(right))
        self._found = [shell.share(self._krylov.share(array)) for array in solutions]

    def update(self) -> None:
        """The embedded solver has new factors."""
        assert self._krylov is not None
        self._krylov.update()

    def solve(self, i: int) -> int:
        """Solve into the i-th array; returns iterations."""
        assert self._krylov is not None
        return self._krylov.solve(self._right, self._found[i])

    def close(self) -> None:
        """Destroy all PETSc objects."""
        if self._krylov is not None:
            self._krylov.close()
            self._krylov = None


def _rows_in_lanes(equations: Equations, lane: np.ndarray, position: np.ndarray) -> Rows:
    """The matrix of exchange with its rows and columns in lanes, ones in rows of copies."""
    assembly, size = equations.assembly, len(position)
    row = np.repeat(np.arange(assembly.size), np.diff(assembly.indptr))
    copies = np.setdiff1d(np.arange(size), lane)
    data = np.concatenate([-assembly.exchange, np.ones(len(copies))])
    data[assembly.diagonal] += 1.0
    rows, columns = np.concatenate([lane[row], copies]), np.concatenate([lane[assembly.indices], copies])
    matrix = sparse.csr_array((data, (rows, columns)), shape=(size, size))
    matrix.sort_indices()
    return Rows(matrix.indptr, matrix.indices, matrix.data, position)


@_kernel
def shifted(jacobian: np.ndarray, diagonal: np.ndarray, shift: float, data: np.ndarray) -> None:
    """``data = shift - J``."""
    for k in range(data.size):
        data[k] = -jacobian[k]
    for k in range(diagonal.size):
        data[diagonal[k]] += shift
