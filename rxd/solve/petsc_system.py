"""A `Structure` as matrices that PETSc solves: whole, in the order of elimination, or without local unknowns, field by field.

In: values of J and a shift. Out: solutions of ``(shift I - J) x = b``. Both forms weigh the fields by their typical sizes with
a similarity transform ``W^-1 A W``, one number per field: it leaves every field's own block as it is, and the norm in which
PETSc measures convergence becomes the error relative to those sizes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, Protocol

import numpy as np

from geometry.kernel_files import kept_kernel
from rxd.solve.petsc_blocks import Structure
from rxd.solve.petsc_box import CosineShell
from rxd.solve.petsc_diagnosis import PetscError
from rxd.solve.petsc_elimination import eliminate, plan_local_elimination, reduce_right, substitute_back
from rxd.solve.petsc_krylov import NOT_FINITE, Krylov, Rows, Setup, Split
from rxd.solve.petsc_reasons import reason_in_words
from rxd.solve.petsc_shell import HinesShell

_kernel = kept_kernel(nogil=True, fastmath={"contract", "nsz", "arcp"}, error_model="numpy")
GRID_PC: Final = "ilu"
FAST_GRID_PC: Final = "gamg"
FAST: Final = 50.0
"""Exchange over shift from which on a field in voxels is worth multigrid: incomplete factors take some 40 iterations there, and
ever more; below it they are cheaper (docs/petsc.md)."""
LARGE_GRID: Final = 2000
"""Nodes of a field that is worth multigrid."""


class Form(Protocol):
    """A structure with its PETSc objects."""

    krylov: Krylov

    def update(self, jacobian: np.ndarray, shift: float) -> None:
        """Take over values in the order of the structure's pattern."""
        ...

    def solve(self, rhs: np.ndarray, out: np.ndarray) -> int:
        """Solve; returns the number of iterations."""
        ...

    def describe(self) -> str:
        """One sentence."""
        ...


class WholeForm:
    """All unknowns, place by place in the order of elimination: PETSc's LU is then the block elimination of a tree.

    Parameters
    ----------
    petsc : module
    structure : Structure
    setup : Setup
        Methods unless options say otherwise.
    options : mapping
    """

    def __init__(self, petsc: Any, structure: Structure, setup: Setup, options: Mapping[str, str | None]) -> None:
        self._order = elimination_order(structure)
        indptr, indices, self._source = _permuted(structure, self._order)
        place = np.empty_like(self._source)
        place[self._source] = np.arange(len(place))
        self._diagonal = place[structure.diagonal]
        self._scale = field_scales(structure)
        self._ratio = _ratios(structure, self._scale)[self._source]
        self._data = np.empty(len(self._source))
        self._one = np.ones(structure.size)
        load_values(structure.typical, self._source, self._ratio, self._diagonal, self._one, self._data)
        self.krylov = Krylov(petsc, Rows(indptr, indices, self._data, self._order), setup, options)

    def update(self, jacobian: np.ndarray, shift: float) -> None:
        """Refill the matrix and set up anew."""
        load_values(jacobian, self._source, self._ratio, self._diagonal, shift * self._one, self._data)
        self.krylov.update()

    def solve(self, rhs: np.ndarray, out: np.ndarray) -> int:
        """Solve for all unknowns."""
        gather(rhs, self._order, self._scale, self.krylov.rhs)
        iterations = self.krylov.solve()
        spread(self.krylov.solution, self._order, self._scale, out)
        return iterations

    def describe(self) -> str:
        """One sentence for `explain()`."""
        method, preconditioner = self.krylov.methods()
        n = len(self._order)
        return f"PETSc: {method} with {preconditioner} on all {n} unknowns, ordered place by place as the tree is eliminated."


class ReducedForm:
    """Local unknowns eliminated exactly, the rest field by field with ``PCFIELDSPLIT``: Hines elimination on trees.

    Parameters are those of `WholeForm`; the splits of ``setup`` are made here.
    """

    def __init__(self, petsc: Any, structure: Structure, setup: Setup, options: Mapping[str, str | None]) -> None:
        local = np.zeros(structure.size, dtype=bool)
        for block in structure.of_kind("local"):
            local[block.rows] = True
        self._fields = tuple(block for block in structure.blocks if block.kind != "local")
        kept = np.concatenate([block.rows for block in self._fields])
        self._plan = plan = plan_local_elimination(structure.indptr, structure.indices, local, kept)
        self._pattern = (structure.indptr, structure.indices)
        self._source = np.arange(len(structure.indices))
        self._diagonal = np.asarray(structure.diagonal, dtype=np.int64)
        self._scale, weight = field_scales(structure), row_weights(structure)
        self._ratio = _ratios(structure, self._scale) * np.repeat(weight, np.diff(structure.indptr))
        self._weight, self._row_scale = weight, self._scale / weight
        self._values = np.empty(len(structure.indices))
        self._work, self._vector = np.zeros(plan.n), np.empty(plan.n)
        self._factor, self._schur = np.zeros(len(plan.column)), np.empty(len(plan.indices))
        self._load(structure.typical, 1.0)
        rows = Rows(plan.indptr, plan.indices, self._schur, plan.rows[plan.n_local :])
        setup = self._with_splits(setup)
        self._choices = {
            number: (float(np.median(-structure.typical[structure.diagonal[block.rows]])), split)
            for number, (block, split) in enumerate(zip(self._fields, setup.splits, strict=True))
            if block.weight is not None and (block.box is not None or len(block.rows) >= LARGE_GRID)
        }
        self._shells = [split.shell for split in setup.splits]
        self._in_waves = {number for number, (_, split) in self._choices.items() if split.shell is not None}
        self.krylov = Krylov(petsc, rows, setup, options)

    def update(self, jacobian: np.ndarray, shift: float) -> None:
        """Eliminate anew and set up anew.

        Raises
        ------
        PetscError
            If a local unknown has no pivot or a factorisation fails.
        """
        self._load(jacobian, shift)
        if not math.isfinite(self._factor.sum()):
            raise self._without_pivot()
        for number, (rate, split) in self._choices.items():
            fast = rate > FAST * shift and split.stop - split.start >= LARGE_GRID
            in_waves = split.shell is not None and split.shell.alike()
            self.krylov.precondition(number, None if in_waves else FAST_GRID_PC if fast else GRID_PC)
            (self._in_waves.add if in_waves else self._in_waves.discard)(number)
        self.krylov.update(exact=all(shell is not None and shell.exact() for shell in self._shells))

    def solve(self, rhs: np.ndarray, out: np.ndarray) -> int:
        """Reduce, solve, substitute back."""
        plan, vector = self._plan, self._vector
        gather(rhs, plan.rows, self._row_scale, vector)
        reduce_right(plan.start, plan.split, plan.column, self._factor, vector)
        self.krylov.rhs[:] = vector[plan.n_local :]
        iterations = self.krylov.solve()
        vector[plan.n_local :] = self.krylov.solution
        substitute_back(plan.start, plan.split, plan.column, self._factor, plan.n_local, vector)
        spread(vector, plan.rows, self._scale, out)
        return iterations

    def describe(self) -> str:
        """One sentence for `explain()`."""
        method, preconditioner = self.krylov.methods()
        trees = sum(block.kind == "tree" for block in self._fields)
        boxes = len(self._in_waves)
        return (
            f"PETSc: {self._plan.n_local} local unknowns eliminated exactly; {method} with {preconditioner} on "
            f"{self._plan.n - self._plan.n_local} others: {trees} fields on trees (Hines elimination), "
            f"{boxes} in boxes of equal voxels (cosine transforms), {len(self._fields) - trees - boxes} on other grids."
        )

    def _load(self, jacobian: np.ndarray, shift: float) -> None:
        plan = self._plan
        load_values(jacobian, self._source, self._ratio, self._diagonal, shift * self._weight, self._values)
        eliminate(
            *self._pattern, self._values, plan.rows, plan.rank, plan.start, plan.split, plan.column, plan.straight,
            plan.n_local, self._work, self._factor, self._schur,
        )  # fmt: skip

    def _without_pivot(self) -> PetscError:
        """The first row whose factors are not finite."""
        entry = int(np.flatnonzero(~np.isfinite(self._factor))[0])
        row = int(np.searchsorted(self._plan.start, entry, side="right") - 1)
        return PetscError(reason_in_words(NOT_FINITE), NOT_FINITE, int(self._plan.rows[row]))

    def _with_splits(self, setup: Setup) -> Setup:
        """Fields as consecutive rows."""
        diagonal = _diagonal_places(self._plan.indptr, self._plan.indices)
        splits, start = [], 0
        for block in self._fields:
            stop = start + len(block.rows)
            shell: HinesShell | CosineShell | None = None
            if block.forest is not None:
                shell = HinesShell(block.forest, self._schur, diagonal[start:stop])
            elif block.box is not None:
                shell = CosineShell(block.box, self._schur, diagonal[start:stop])
            splits.append(Split(block.name, start, stop, GRID_PC, shell))
            start = stop
        field = np.repeat(np.arange(len(splits)), [split.stop - split.start for split in splits])
        apart = np.array_equal(np.repeat(field, np.diff(self._plan.indptr)), field[self._plan.indices])
        return replace(setup, splits=tuple(splits), apart=apart)


@_kernel
def load_values(
    jacobian: np.ndarray, source: np.ndarray, ratio: np.ndarray, diagonal: np.ndarray, shift: np.ndarray, data: np.ndarray
) -> None:
    """``data = W^-1 (shift - J) W``: entry k comes from ``source[k]`` and is multiplied by ``ratio[k]``; ``shift`` by row."""
    for k in range(data.size):
        data[k] = -jacobian[source[k]] * ratio[k]
    for k in range(diagonal.size):
        data[diagonal[k]] += shift[k]


@_kernel
def gather(vector: np.ndarray, rows: np.ndarray, scale: np.ndarray, out: np.ndarray) -> None:
    """Vector in the order of ``rows``, divided by the scales of its fields."""
    for i in range(rows.size):
        out[i] = vector[rows[i]] / scale[rows[i]]


@_kernel
def spread(vector: np.ndarray, rows: np.ndarray, scale: np.ndarray, out: np.ndarray) -> None:
    """Inverse of `gather`."""
    for i in range(rows.size):
        out[rows[i]] = vector[i] * scale[rows[i]]


def elimination_order(structure: Structure) -> np.ndarray:
    """Rows by rank; at one place local unknowns first, those with few neighbours before those with many."""
    rank, transported = np.empty(structure.size), np.zeros(structure.size, dtype=bool)
    for block in structure.blocks:
        rank[block.rows] = block.rank
        transported[block.rows] = block.kind != "local"
    degree = np.diff(structure.indptr) + np.bincount(structure.indices, minlength=structure.size)
    return np.lexsort((degree, transported, rank))


def field_scales(structure: Structure) -> np.ndarray:
    """Typical size of every unknown, shape (size,)."""
    scale = np.empty(structure.size)
    for block in structure.blocks:
        scale[block.rows] = block.scale
    return scale


def row_weights(structure: Structure) -> np.ndarray:
    """What rows are multiplied by, shape (size,)."""
    weight = np.ones(structure.size)
    for block in structure.blocks:
        if block.weight is not None:
            weight[block.rows] = block.weight
    return weight


def _ratios(structure: Structure, scale: np.ndarray) -> np.ndarray:
    """Scale of the column over that of the row, by entry."""
    return scale[structure.indices] / np.repeat(scale, np.diff(structure.indptr))


def _permuted(structure: Structure, order: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Pattern with rows and columns in another order, and where each of its entries comes from."""
    rank = np.empty_like(order)
    rank[order] = np.arange(len(order))
    row, column = np.repeat(rank, np.diff(structure.indptr)), rank[structure.indices]
    source = np.lexsort((column, row))
    counts = np.bincount(row, minlength=len(order))
    return np.concatenate([[0], np.cumsum(counts)]), column[source], source


def _diagonal_places(indptr: np.ndarray, indices: np.ndarray) -> np.ndarray:
    """Entry of each row's diagonal."""
    row = np.repeat(np.arange(len(indptr) - 1), np.diff(indptr))
    return np.flatnonzero(row == indices)
