"""One matrix, two vectors and a Krylov solver of PETSc's on our own arrays: PETSc objects are created and destroyed here alone.

In: a CSR matrix as NumPy arrays, refilled in place by whoever owns them. Out: solutions in a NumPy array. PETSc works on the
arrays themselves: nothing is copied or assembled anew. Everything made here is destroyed by `Krylov.close`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple

import numpy as np

from geometry.records import dataclass
from rxd.errors import DeclarationError
from rxd.solve.petsc_diagnosis import PetscError, worst_row
from rxd.solve.petsc_options import PREFIX, given_at_run_time, pushed_options
from rxd.solve.petsc_reasons import reason_in_words

SHELL: Final = "python"
"""What PETSc calls a preconditioner of ours."""
RTOL: Final = 1e-11
"""Of the preconditioned residual, fields weighed by typical size: two digits below the 1e-9 to which solvers are to agree."""
ITERATIONS: Final = 200
SETUP_FAILED, NOT_FINITE = -11, -9
"""``KSP_DIVERGED_PCSETUP_FAILED``, ``KSP_DIVERGED_NANORINF``."""


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Rows ``start .. stop`` are one field of ``PCFIELDSPLIT``, preconditioned by ``shell`` or PETSc's ``pc_type``."""

    name: str
    start: int
    stop: int
    pc_type: str
    shell: Any = None


@dataclass(frozen=True, slots=True, eq=False)
class Setup:
    """Defaults that options override: Krylov method, preconditioner, ordering of its factors, fields.

    ``apart``: no field is coupled to another.
    """

    ksp_type: str
    pc_type: str
    ordering: str = "natural"
    splits: tuple[Split, ...] = ()
    apart: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """A CSR matrix in arrays; ``position`` says which unknown of the state each row is."""

    indptr: np.ndarray
    indices: np.ndarray
    data: np.ndarray
    position: np.ndarray


class Memory(NamedTuple):
    """An array and the ``Vec`` that PETSc has on it."""

    array: np.ndarray
    vector: Any


class Krylov:
    """A ``KSP`` on a matrix that lives in NumPy arrays.

    Parameters
    ----------
    petsc : module
        ``petsc4py.PETSc``, initialised.
    rows : Rows
        The owner refills its ``data`` and calls `update`. Values must allow a first setup when they come here.
    setup : Setup
    options : mapping
        As `parse_options` gives them.

    Raises
    ------
    DeclarationError
        For options PETSc does not know or refuses.
    """

    def __init__(self, petsc: Any, rows: Rows, setup: Setup, options: Mapping[str, str | None]) -> None:
        n, comm = len(rows.indptr) - 1, petsc.COMM_SELF
        self._petsc, self._rows, self._splits, self._options = petsc, rows, setup.splits, options
        self._apart, self._exact = setup.apart, False
        self.rhs, self.solution = np.zeros(n), np.zeros(n)
        # PETSc keeps pointers to these arrays, not the arrays: they live as long as the matrix.
        self._csr = (np.asarray(rows.indptr, dtype=petsc.IntType), np.asarray(rows.indices, dtype=petsc.IntType), rows.data)
        self._mat = petsc.Mat().createAIJWithArrays((n, n), self._csr, comm=comm)
        self._b = petsc.Vec().createWithArray(self.rhs, comm=comm)
        self._x = petsc.Vec().createWithArray(self.solution, comm=comm)
        self._ksp = petsc.KSP().create(comm)
        self._owned = [self._ksp, self._x, self._b, self._mat]
        try:
            with pushed_options(petsc, options):
                self._configure(setup, options)
        except petsc.Error as error:
            self.close()
            message = f"petsc_options: PETSc refused {dict(options)}: {_last_line(error)}."
            raise DeclarationError(message) from error
        except DeclarationError:
            self.close()
            raise

    def update(self, exact: bool = False) -> None:
        """Set up anew after the values changed.

        Parameters
        ----------
        exact : bool
            All fields have shells, which are exact: where no field is coupled to another they are the solution, which PETSc
            need not look at unless somebody has given it options.

        Raises
        ------
        PetscError
            If a factorisation failed.
        """
        self._exact = exact and self._apart and not (self._options or self._petsc.Options(PREFIX).getAll())
        if self._exact:
            for split in self._splits:
                split.shell.setUp()
            return
        self._mat.stateIncrease()
        self._ksp.setUp()
        self._ksp.setUpOnBlocks()
        failed = self._ksp.getPC().getFailedReason()
        if failed:
            raise self._error(SETUP_FAILED, failed)

    def precondition(self, number: int, pc_type: str | None) -> None:
        """Give a field another preconditioner before the next `update`, None: its shell, unless an option chose one."""
        split, pc = self._splits[number], self._ksp.getPC()
        if len(self._splits) > 1:
            if self._chosen(split):
                return
            pc = pc.getFieldSplitSubKSP()[number].getPC()
        elif self._options.keys() & {"pc_type"} or given_at_run_time(self._petsc, "pc_type"):
            return
        if pc.getType() != (pc_type or SHELL):
            _precondition(pc, split if pc_type is None else replace(split, pc_type=pc_type, shell=None))

    def share(self, array: np.ndarray) -> Memory:
        """Have PETSc work on an array of the caller's; both live as long as this."""
        vector = self._petsc.Vec().createWithArray(array, comm=self._petsc.COMM_SELF)
        self._owned.insert(1, vector)
        return Memory(array, vector)

    def solve(self, right: Memory | None = None, found: Memory | None = None) -> int:
        """Solve for ``rhs`` into ``solution``, or on other memory; returns the number of iterations.

        Whether what is found is finite is asked of ``solution`` alone: who brings memory looks at it anyway.

        Raises
        ------
        PetscError
            If PETSc diverged or the solution is not finite.
        """
        rhs, b = right or (self.rhs, self._b)
        solution, x = found or (self.solution, self._x)
        if self._exact and right is None and found is None:
            for split in self._splits:
                split.shell.solve(rhs[split.start : split.stop], solution[split.start : split.stop])
            if not math.isfinite(solution.sum()):
                raise self._error(NOT_FINITE, 0, rhs, solution)
            return 1
        b.stateIncrease()
        self._ksp.solve(b, x)
        reason = self._ksp.getConvergedReason()
        if reason < 0:
            raise self._error(reason, self._ksp.getPC().getFailedReason(), rhs, solution)
        if found is None and not math.isfinite(solution.sum()):
            raise self._error(NOT_FINITE, 0, rhs, solution)
        return int(self._ksp.getIterationNumber())

    def methods(self) -> tuple[str, str]:
        """Types of the Krylov method and of the preconditioner in use."""
        return str(self._ksp.getType()), str(self._ksp.getPC().getType())

    def close(self) -> None:
        """Destroy every PETSc object; may be called twice."""
        while self._owned:
            self._owned.pop(0).destroy()

    def _error(self, reason: int, failed: int, *vectors: np.ndarray) -> PetscError:
        rows = self._rows
        row = worst_row(rows.indptr, rows.indices, rows.data, *vectors)
        return PetscError(reason_in_words(reason, failed), reason, None if row is None else int(rows.position[row]))

    def _configure(self, setup: Setup, options: Mapping[str, str | None]) -> None:
        ksp, pc = self._ksp, self._ksp.getPC()
        self._mat.assemble()
        ksp.setOptionsPrefix(PREFIX)
        ksp.setOperators(self._mat)
        ksp.setType(setup.ksp_type)
        ksp.setTolerances(rtol=RTOL, atol=0.0, max_it=ITERATIONS)
        pc.setType(setup.pc_type)
        if len(setup.splits) > 1:
            self._declare_splits(pc, setup.splits)
        elif setup.pc_type in {"lu", "ilu"}:
            # On trees the order of the rows is that of the elimination; no pivot counts as zero unless it is.
            pc.setFactorOrdering(setup.ordering)
            pc.setFactorPivot(zeropivot=1e-300)
        ksp.setFromOptions()
        if len(setup.splits) == 1:
            # PETSc wants two fields at least: a single one is preconditioned as it would be within a split.
            _precondition(pc, setup.splits[0])
        elif setup.splits:
            pc.setUp()
            self._fill_splits(pc, setup.splits)
        ksp.setUp()

    def _declare_splits(self, pc: Any, splits: Sequence[Split]) -> None:
        """Name the fields; the index sets are the preconditioner's from here on."""
        pc.setFieldSplitType(self._petsc.PC.CompositeType.MULTIPLICATIVE)
        sets = [self._petsc.IS().createStride(s.stop - s.start, s.start, 1, comm=self._petsc.COMM_SELF) for s in splits]
        pc.setFieldSplitIS(*((split.name, rows) for split, rows in zip(splits, sets, strict=True)))
        for each in sets:
            each.destroy()

    def _fill_splits(self, pc: Any, splits: Sequence[Split]) -> None:
        """Give each field its preconditioner, unless an option already did."""
        for split, ksp in zip(splits, pc.getFieldSplitSubKSP(), strict=True):
            if not self._chosen(split):
                _precondition(ksp.getPC(), split)

    def _chosen(self, split: Split) -> bool:
        """Whether an option chose the preconditioner of a field."""
        name = f"fieldsplit_{split.name}_pc_type"
        return name in self._options or given_at_run_time(self._petsc, name)


def _precondition(pc: Any, split: Split) -> None:
    """The preconditioner of one field."""
    if split.shell is None:
        pc.setType(split.pc_type)
    else:
        pc.setType(SHELL)
        pc.setPythonContext(split.shell)


def _last_line(error: Exception) -> str:
    return str(error).strip().splitlines()[-1].split("] ", 1)[-1].strip().rstrip(".")
