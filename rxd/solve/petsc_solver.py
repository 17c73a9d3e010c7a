"""`PetscSolver`: PETSc behind the seam of `rxd.solve.linear`.

In: a `Linearisation` and a shift. Out: solutions of ``(shift I - J) x = b``. Which methods solve it is PETSc's to say: every
option can be given, see docs/petsc.md.
"""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import numpy as np

from rxd.errors import DeclarationError
from rxd.solve.direct import DirectSolver
from rxd.solve.equations import Equations, Linearisation
from rxd.solve.linear import SolverStatistics, is_one_dimensional
from rxd.solve.petsc_blocks import Structure, structure_of
from rxd.solve.petsc_krylov import Setup
from rxd.solve.petsc_options import PREFIX, Given, load_petsc, parse_options
from rxd.solve.petsc_system import Form, ReducedForm, WholeForm
from rxd.solve.petsc_tree import TreeForm, TreeInLanes


class PetscSolver:
    """Linear solver made of PETSc's parts.

    Without options, a system on trees is preconditioned by the embedded elimination, its exact inverse (`TreeForm`); a system
    with grids is solved by GMRES with a field split, in which trees are preconditioned by their own elimination.

    Parameters
    ----------
    equations : Equations or Structure
    petsc_options : mapping or str, optional
        ``{"pc_type": "fieldsplit", "ksp_monitor": None}`` or ``"-pc_type fieldsplit -ksp_monitor"``.

    Raises
    ------
    DeclarationError
        If PETSc is missing or does not take the options.
    """

    name = "petsc"

    def __init__(self, equations: Equations | Structure, petsc_options: Given = None) -> None:
        self.statistics = SolverStatistics()
        self._form: Form | TreeForm = make_form(load_petsc(), equations, petsc_options)

    def prepare(self, linearisation: Linearisation, shift: float) -> None:
        """Take over J and the shift (1/ms); factorise or set up.

        Raises
        ------
        SolveError
            If a factorisation failed.
        """
        if isinstance(self._form, TreeForm):
            self._form.prepare(linearisation, shift)
            self.statistics.factorisations += 1
        else:
            self.update(linearisation.fill(), shift)

    def update(self, jacobian: np.ndarray, shift: float) -> None:
        """As `prepare`, with the values of J in CSR order, shape (nnz,); for a solver with a matrix (see `make_form`)."""
        assert not isinstance(self._form, TreeForm)
        self._form.update(jacobian, shift)
        self.statistics.factorisations += 1

    def solve(self, rhs: np.ndarray, out: np.ndarray) -> None:
        """Solution for one right-hand side into ``out``, shape (size,) each.

        Raises
        ------
        SolveError
            With PETSc's reason in words.
        """
        self.statistics.iterations += self._form.solve(rhs, out)
        self.statistics.solves += 1

    @property
    def lane_solver(self) -> TreeInLanes | None:
        """The solver of whole steps in lanes, where PETSc need not look at the matrix."""
        return self._form.in_lanes() if isinstance(self._form, TreeForm) else None

    def describe(self) -> str:
        """One sentence for `explain()`."""
        return self._form.describe()

    def close(self) -> None:
        """Destroy all PETSc objects; the solver is of no use afterwards."""
        if isinstance(self._form, TreeForm):
            self._form.close()
        else:
            self._form.krylov.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


def make_form(petsc: Any, equations: Equations | Structure, petsc_options: Given) -> Form | TreeForm:
    """Choose the form by ``pc_type``.

    Without one, equations on trees are eliminated as a whole. A field split works without local unknowns, everything else on
    the whole matrix.
    """
    options = parse_options(petsc_options)
    chosen = petsc.Options(PREFIX).getString("pc_type", options.get("pc_type") or "")
    if not chosen and isinstance(equations, Equations) and (solver := _embedded(equations)) is not None:
        return TreeForm(petsc, equations, solver, options)
    structure = equations if isinstance(equations, Structure) else structure_of(equations)
    grids = bool(structure.of_kind("grid"))
    chosen = chosen or ("fieldsplit" if grids else "lu")
    if chosen == "fieldsplit":
        return ReducedForm(petsc, structure, Setup("gmres", chosen), options)
    # A box of voxels in the order of its rows fills in; nested dissection keeps that down (ILU without levels has no fill).
    ordering = "nd" if grids and chosen == "lu" else "natural"
    return WholeForm(petsc, structure, Setup("preonly" if chosen == "lu" else "gmres", chosen, ordering), options)


def _embedded(equations: Equations) -> DirectSolver | None:
    """The embedded solver, for equations that it can solve."""
    if not is_one_dimensional(equations):
        return None
    try:
        return DirectSolver(equations)
    except DeclarationError:  # a species whose exchange does not follow the cable
        return None
