"""The Hines elimination of `cable.hines` as a PETSc preconditioner (``PCPYTHON``, a shell).

In: a forest with its conductances, and where the diagonal of its block stands among the values of PETSc's matrix. Out: an
object with the methods PETSc calls. The block of a field that exchanges along a forest, in equations per capacity, is
``C^-1 (diag(d) + L)`` with branch points eliminated; one sweep up and one down the tree, branch points included, inverts it
exactly, so that a field split with these shells leaves to the Krylov method only what couples one field to another.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from cable.hines import HinesPlan, factor, resolve
from geometry.kernel_files import kept_kernel
from geometry.records import dataclass

_kernel = kept_kernel(nogil=True, fastmath={"contract", "nsz", "arcp"}, error_model="numpy")


@dataclass(frozen=True, slots=True, eq=False)
class Forest:
    """Exchange of one field.

    Attributes
    ----------
    plan : cable.hines.HinesPlan
        Of n nodes and the branch points behind them.
    conductance : ndarray, shape (N,)
        To the parent, by node: uS for v, um3/ms for species.
    capacity : ndarray, shape (n,)
        nF or um3.
    leaving : ndarray, shape (n,)
        What exchange alone puts on the diagonal of the block, 1/ms: each node's conductances, branch points eliminated, over
        its capacity.
    """

    plan: HinesPlan
    conductance: np.ndarray
    capacity: np.ndarray
    leaving: np.ndarray


@_kernel
def load_diagonal(
    data: np.ndarray, diagonal_at: np.ndarray, capacity: np.ndarray, leaving: np.ndarray, excess: np.ndarray
) -> None:
    """What each node has of its own, ``capacity (A_kk - leaving)``; nothing at branch points."""
    for k in range(capacity.size):
        excess[k] = capacity[k] * (data[diagonal_at[k]] - leaving[k])
    for k in range(capacity.size, excess.size):
        excess[k] = 0.0


@_kernel
def solve_forest(
    node: np.ndarray,
    parent: np.ndarray,
    coupling: np.ndarray,
    inverse: np.ndarray,
    capacity: np.ndarray,
    work: np.ndarray,
    x: np.ndarray,
    y: np.ndarray,
) -> None:
    """``y = A^-1 x`` with a factorised forest; ``work`` has the length of ``node``."""
    n = capacity.size
    for k in range(n):
        work[k] = capacity[k] * x[k]
    for k in range(n, node.size):
        work[k] = 0.0
    resolve(node, parent, coupling, inverse, work)
    for k in range(n):
        y[k] = work[k]


class HinesShell:
    """Solve one field's block exactly by elimination along its forest.

    Parameters
    ----------
    forest : Forest
    data : ndarray
        Values of the matrix PETSc works on: read anew at every setup, never written.
    diagonal_at : ndarray of int, shape (n,)
        Place in ``data`` of each node's diagonal entry.
    """

    def __init__(self, forest: Forest, data: np.ndarray, diagonal_at: np.ndarray) -> None:
        self._forest = forest
        self._data = data
        self._diagonal_at = diagonal_at
        self._coupling = forest.plan.coupling(forest.conductance)
        self._inverse = np.zeros(forest.plan.n)
        self._work = np.zeros(forest.plan.n)

    def setUp(self, pc: Any = None) -> None:
        """Factorise; PETSc calls this when the matrix has changed."""
        forest = self._forest
        load_diagonal(self._data, self._diagonal_at, forest.capacity, forest.leaving, self._inverse)
        factor(forest.plan.node, forest.plan.parent, self._coupling, self._inverse)

    def exact(self) -> bool:
        """Whether it is the inverse of the block: always."""
        return True

    def solve(self, right: np.ndarray, out: np.ndarray) -> None:
        """Solve for one right-hand side."""
        plan = self._forest.plan
        solve_forest(plan.node, plan.parent, self._coupling, self._inverse, self._forest.capacity, self._work, right, out)

    def apply(self, pc: Any, x: Any, y: Any) -> None:
        """Solve for the vector x into the vector y."""
        self.solve(x.getArray(readonly=True), y.getArray())

    def view(self, pc: Any, viewer: Any) -> None:
        """A line for ``-axoplasm_ksp_view``."""
        viewer.printfASCII(
            f"    Hines elimination along a forest of {self._forest.plan.n} nodes and branch points (axoplasm)\n"
        )
