"""The seam between time stepping and linear algebra: solvers of ``(shift I - J) x = b``.

In: a `Linearisation` (the Jacobian J of dy/dt = f at one moment) and a shift, 1/ms. Out: solutions for as many right-hand
sides as a step needs. Three solvers stand behind the seam: "direct" (block elimination along the tree, embedded, one dimension
only), "petsc" (`rxd.solve.petsc_solver.PetscSolver`, loaded when asked for) and "scipy" (SuperLU, the oracle of the tests).
"""

from __future__ import annotations

import importlib.util
from typing import Any, Final, Protocol

import numpy as np

from geometry.records import dataclass
from rxd.errors import DeclarationError
from rxd.solve.equations import Equations, Linearisation

SOLVERS: Final = ("auto", "direct", "petsc", "scipy")
INSTALL_PETSC: Final = "pip install axoplasm[petsc]"


class SolveError(ArithmeticError):
    """A linear system could not be solved; says why in a sentence. Steppers reduce dt and, at last, raise ConvergenceError.

    Attributes
    ----------
    position : int or None
        Position in the state vector of the unknown that looks worst, if the solver can say.
    """

    def __init__(self, sentence: str, position: int | None = None) -> None:
        super().__init__(sentence)
        self.position = position


@dataclass(slots=True)
class SolverStatistics:
    """What a linear solver did since it was made."""

    factorisations: int = 0
    solves: int = 0
    iterations: int = 0


class LinearSolver(Protocol):
    """Solves ``(shift I - J) x = b``.

    A solver is made as ``Solver(equations, **options)``; its pattern never changes.
    """

    name: str
    statistics: SolverStatistics

    def prepare(self, linearisation: Linearisation, shift: float) -> None:
        """Take over J and shift (1/ms), factorise or set up what all solves share.

        ``linearisation.fill()`` gives J in CSR order of ``linearisation.assembly`` (``indptr``, ``indices``, ``diagonal``). The
        linearisation is refilled in place later: keep no reference to its numbers.

        Raises
        ------
        SolveError
            If the matrix is singular.
        """
        ...

    def solve(self, rhs: np.ndarray, out: np.ndarray) -> None:
        """Solution for one right-hand side into ``out``, shape (size,) each; ``rhs`` is left as it is.

        Raises
        ------
        SolveError
            If the solver diverged.
        """
        ...

    def describe(self) -> str:
        """One sentence for `explain()`."""
        ...

    def close(self) -> None:
        """Release what Python does not free by itself."""
        ...


def make_linear_solver(solver: str, equations: Equations, petsc_options: Any = None) -> LinearSolver:
    """The linear solver of a name; "auto" takes the direct one where the model has one dimension, else PETSc.

    Raises
    ------
    DeclarationError
        For an unknown name, or if PETSc is asked for and not installed (with the command that installs it).
    """
    if solver == "auto":
        solver = "direct" if is_one_dimensional(equations) else "petsc"
    if petsc_options is not None and solver != "petsc":
        message = f"petsc_options are for solver='petsc'; this model is solved with solver='{solver}'."
        raise DeclarationError(message)
    if solver == "direct":
        if not is_one_dimensional(equations):
            message = (
                "solver='direct' is for models of one dimension: this one has voxels or extracellular space. "
                "Take solver='petsc'."
            )
            raise DeclarationError(message)
        from rxd.solve.direct import DirectSolver

        return DirectSolver(equations)
    if solver == "scipy":
        from rxd.solve.scipy_direct import ScipySolver

        return ScipySolver(equations)
    if solver == "petsc":
        require_petsc()
        from rxd.solve.petsc_solver import PetscSolver

        return PetscSolver(equations, petsc_options=petsc_options)
    message = f"There is no linear solver '{solver}'. Solvers: {', '.join(repr(s) for s in SOLVERS)}."
    raise DeclarationError(message)


def is_one_dimensional(equations: Equations) -> bool:
    """Whether all exchange is along the cell and every other unknown belongs to one node: what the direct solver needs."""
    discretization = equations.discretization
    if discretization.graphs:
        return False
    owners = np.zeros(discretization.layout.size, dtype=np.int64)
    cable = discretization.cable
    for group in discretization.groups:
        own = group.position if group.contiguous else group.position[1:]
        if not group.contiguous and np.any((group.position[0] < cable.start) | (group.position[0] >= cable.start + cable.n)):
            return False
        if np.any(np.diff(own, axis=1) != 1):
            return False
        np.add.at(owners, own, 1)
    return bool(np.all(owners == 1))


def require_petsc() -> None:
    """Raise with the install command if petsc4py is missing."""
    if importlib.util.find_spec("petsc4py") is None:
        message = (
            f"solver='petsc' needs PETSc, the extra 'petsc', which is not installed. In a clone run `make test`, which "
            f"compiles it once per machine; elsewhere: {INSTALL_PETSC}. "
            f"Or take solver='direct' (models on segments) or solver='scipy'."
        )
        raise DeclarationError(message)
