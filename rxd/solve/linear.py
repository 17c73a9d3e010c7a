"""The seam between time stepping and linear algebra: solvers of ``(shift I - J) x = b``.

In: a `Linearisation` (the Jacobian J of dy/dt = f at one moment) and a shift, 1/ms. Out: solutions for as many right-hand sides as
a step needs. Three solvers stand behind the seam: "direct" (block elimination along the tree, embedded, one dimension only),
"petsc" (`rxd.solve.petsc_solver.PetscSolver`, loaded when asked for) and "scipy" (SuperLU, the oracle of the tests).
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np

from rxd.errors import DeclarationError
from rxd.solve.equations import Equations, Linearisation

SOLVERS: Final = ("auto", "direct", "petsc", "scipy")
INSTALL_PETSC: Final = "pip install axoplasm[petsc]"


class SolveError(ArithmeticError):
    """A linear system could not be solved; says why in a sentence. Steppers reduce dt and, at last, raise ConvergenceError."""


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


def make_linear_solver(solver: str, equations: Equations, **options: Any) -> LinearSolver:
    """The linear solver of a name; "auto" takes the direct one, which one-dimensional cells always allow.

    Raises
    ------
    DeclarationError
        For an unknown name, or if PETSc is asked for and not installed (with the command that installs it).
    """
    if solver == "auto":
        solver = "direct"
    if solver == "direct":
        from rxd.solve.direct import DirectSolver

        return DirectSolver(equations, **options)
    if solver == "scipy":
        from rxd.solve.scipy_direct import ScipySolver

        return ScipySolver(equations, **options)
    if solver == "petsc":
        require_petsc()
        from rxd.solve.petsc_solver import PetscSolver

        return PetscSolver(equations, **options)
    message = f"There is no linear solver '{solver}'. Solvers: {', '.join(repr(s) for s in SOLVERS)}."
    raise DeclarationError(message)


def require_petsc() -> None:
    """Raise with the install command if petsc4py is missing."""
    if importlib.util.find_spec("petsc4py") is None:
        message = (
            f"solver='petsc' needs PETSc, which is not installed. Install it with: {INSTALL_PETSC}. Or take solver='direct'."
        )
        raise DeclarationError(message)
