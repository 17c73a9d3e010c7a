"""`PetscSolver` on systems made by hand: agreement with SciPy, failures in words, objects released."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rxd.solve.linear import SolveError
from rxd.solve.petsc_blocks import Structure, option_name
from rxd.solve.petsc_diagnosis import PetscError
from rxd.solve.petsc_options import load_petsc
from rxd.solve.petsc_solver import PetscSolver
from rxd.solve.petsc_system import elimination_order

ROOT = Path(__file__).resolve().parents[3]
TREES = (
    "",
    "-ksp_type gmres",
    "-pc_type ilu",
    "-pc_type fieldsplit",
    "-pc_type fieldsplit -ksp_type fgmres",
    "-pc_type fieldsplit -ksp_type bcgs",
    "-pc_type fieldsplit -pc_fieldsplit_type additive",
)
GRIDS = (
    "",
    "-fieldsplit_ca_pc_type gamg -fieldsplit_ip3_pc_type gamg",
    "-pc_type ilu",
    "-pc_type lu",
    "-pc_type fieldsplit -ksp_type bcgs",
)


def update_and_solve(solver: PetscSolver, jacobian: np.ndarray, rhs: np.ndarray) -> None:
    """A failure may show in either half."""
    solver.update(jacobian, 4.0)
    solver.solve(rhs, np.empty_like(rhs))


@pytest.mark.parametrize("options", TREES)
@pytest.mark.parametrize("seed", range(3))
def test_trees_agree_with_scipy(tree_system: Callable, options: str, seed: int) -> None:
    system = tree_system(seed=seed)
    x = np.empty(system.structure.size)
    with PetscSolver(system.structure, options) as solver:
        for shift in (100.0, 4.0, 4.0):
            solver.update(system.jacobian, shift)
            solver.solve(system.rhs, x)
            assert system.error(x, shift) < 1e-9, shift
        assert solver.statistics.factorisations == solver.statistics.solves == 3


@pytest.mark.parametrize("options", GRIDS)
def test_grids_agree_with_scipy(grid_system: Callable, options: str) -> None:
    system = grid_system()
    x = np.empty(system.structure.size)
    with PetscSolver(system.structure, options) as solver:
        for shift in (100.0, 4.0):
            solver.update(system.jacobian, shift)
            solver.solve(system.rhs, x)
            assert system.error(x, shift) < 1e-9, shift


def test_a_grid_is_split_by_default_and_a_tree_is_not(tree_system: Callable, grid_system: Callable) -> None:
    with PetscSolver(grid_system().structure) as solver:
        assert "gmres with fieldsplit" in solver.describe()
        assert "2 on other grids" in solver.describe()
    with PetscSolver(tree_system().structure) as solver:
        assert "preonly with lu" in solver.describe()


def test_one_field_alone_is_solved_by_its_elimination(tree_system: Callable) -> None:
    """A field split wants two fields; with one, the Hines elimination is exact and GMRES needs a single iteration."""
    system = tree_system()
    s = system.structure
    blocks = tuple(b if b.name == "v" else type(b)(b.name, "local", b.rows, b.rank, b.scale) for b in s.blocks)
    keep = np.ones(len(s.indices), dtype=bool)
    row = np.repeat(np.arange(s.size), np.diff(s.indptr))
    second = blocks[1].rows
    keep[np.isin(row, second) & np.isin(s.indices, second) & (row != s.indices)] = False  # its exchange goes
    indptr = np.concatenate([[0], np.cumsum(np.bincount(row[keep], minlength=s.size))])
    diagonal = np.flatnonzero(row[keep] == s.indices[keep])
    smaller = Structure(indptr, s.indices[keep], diagonal, s.typical[keep], blocks)
    alone = type(system)(smaller, system.jacobian[keep], system.rhs)
    x = np.empty(s.size)
    with PetscSolver(smaller, "-pc_type fieldsplit") as solver:
        solver.update(alone.jacobian, 4.0)
        solver.solve(alone.rhs, x)
        assert alone.error(x, 4.0) < 1e-10
        assert solver.statistics.iterations == 1


def test_hines_shells_leave_only_the_coupling_to_krylov(tree_system: Callable) -> None:
    """Without coupling between fields one iteration is enough, however stiff the exchange."""
    system = tree_system(strength=0.0)
    x = np.empty(system.structure.size)
    with PetscSolver(system.structure, "-pc_type fieldsplit") as solver:
        solver.update(system.jacobian, 0.01)
        solver.solve(system.rhs, x)
        assert system.error(x, 0.01) < 1e-9
        assert solver.statistics.iterations == 1


def test_elimination_order_makes_no_fill_beyond_the_nodes_own_blocks(tree_system: Callable) -> None:
    """PETSc's LU of a tree in our order: as many entries as nodes, edges and their blocks account for."""
    system = tree_system(n=200, junctions=10, trees=1)
    order = elimination_order(system.structure)
    matrix = system.matrix(1.0)[order][:, order].tocsr()
    petsc = load_petsc()
    pattern = matrix.indptr.astype(np.int32), matrix.indices.astype(np.int32)
    mat = petsc.Mat().createAIJ(matrix.shape, csr=(*pattern, matrix.data))
    ksp = petsc.KSP().create()
    ksp.setOperators(mat)
    ksp.getPC().setType("lu")
    ksp.getPC().setFactorOrdering("natural")
    ksp.setUp()
    filled = ksp.getPC().getFactorMatrix().getInfo()["nz_used"]
    # both transported fields of two neighbours couple fully: 2 of 4 entries per edge and direction are new
    assert filled <= 1.4 * matrix.nnz
    ksp.destroy()
    mat.destroy()


def test_the_right_hand_side_is_left_alone_and_zero_gives_zero(tree_system: Callable) -> None:
    system = tree_system()
    rhs, x = system.rhs.copy(), np.ones(system.structure.size)
    for options in ("", "-pc_type fieldsplit"):
        with PetscSolver(system.structure, options) as solver:
            solver.update(system.jacobian, 4.0)
            solver.solve(rhs, x)
            assert np.array_equal(rhs, system.rhs)
            solver.solve(np.zeros_like(rhs), x)
            assert not x.any()


def test_a_small_right_hand_side_after_a_large_one(tree_system: Callable) -> None:
    """PETSc remembers norms of vectors it was not told to have changed: the tolerance would be that of the large one."""
    system = tree_system()
    x = np.empty(system.structure.size)
    with PetscSolver(
        system.structure, "-pc_type fieldsplit -ksp_type fgmres -ksp_initial_guess_nonzero -ksp_divtol 1e20"
    ) as solver:
        solver.update(system.jacobian, 4.0)
        for factor in (1e8, 1.0):
            solver.solve(factor * system.rhs, x)
            assert system.error(x / factor, 4.0) < 1e-8


def test_values_are_copied_at_update(tree_system: Callable) -> None:
    system = tree_system()
    values, x = system.jacobian.copy(), np.empty(system.structure.size)
    for options in ("", "-pc_type fieldsplit"):
        with PetscSolver(system.structure, options) as solver:
            values[:] = system.jacobian
            solver.update(values, 4.0)
            values[:] = np.nan
            solver.solve(system.rhs, x)
            assert system.error(x, 4.0) < 1e-9


@pytest.mark.parametrize("options", ["", "-pc_type fieldsplit"])
def test_small_fields_are_as_accurate_as_large_ones(tree_system: Callable, options: str) -> None:
    """Millivolts and nanomolar in one vector: each field keeps nine digits of its own."""
    system = tree_system(seed=3, strength=2.0)
    x = np.empty(system.structure.size)
    with PetscSolver(system.structure, options) as solver:
        solver.update(system.jacobian, 10.0)
        solver.solve(system.rhs, x)
    assert system.error(x, 10.0) < 1e-9


def test_one_iteration_is_not_enough_and_petsc_says_so(tree_system: Callable) -> None:
    system = tree_system(strength=2.0)
    with PetscSolver(system.structure, "-pc_type fieldsplit -ksp_max_it 1") as solver:
        solver.update(system.jacobian, 4.0)
        with pytest.raises(SolveError, match="iteration limit") as error:
            solver.solve(system.rhs, np.empty(system.structure.size))
    assert isinstance(error.value, PetscError)
    assert error.value.reason == load_petsc().KSP.ConvergedReason.DIVERGED_MAX_IT
    assert 0 <= error.value.position < system.structure.size


@pytest.mark.parametrize("options", ["", "-pc_type fieldsplit"])
@pytest.mark.parametrize("place", [17, 150])
def test_a_row_that_is_not_finite_is_named(tree_system: Callable, options: str, place: int) -> None:
    system = tree_system()
    broken = system.jacobian.copy()
    broken[system.structure.diagonal[place]] = np.nan
    x = np.empty(system.structure.size)
    with PetscSolver(system.structure, options) as solver:
        with pytest.raises(PetscError) as error:
            update_and_solve(solver, broken, system.rhs)
        assert error.value.position == place
        solver.update(system.jacobian, 4.0)  # and the next system is solved as if nothing had happened
        solver.solve(system.rhs, x)
        assert system.error(x, 4.0) < 1e-9


@pytest.mark.parametrize(("options", "block"), [("", 0), ("", 2), ("-pc_type fieldsplit", 2)])
def test_a_singular_row_is_named(tree_system: Callable, options: str, block: int) -> None:
    """An unknown whose row vanishes: shift and rate cancel."""
    system = tree_system()
    s, broken = system.structure, system.jacobian.copy()
    place = int(s.blocks[block].rows[-1])
    broken[s.indptr[place] : s.indptr[place + 1]] = 0.0
    broken[s.diagonal[place]] = 4.0
    row = np.repeat(np.arange(s.size), np.diff(s.indptr))
    broken[(s.indices == place) & (row != place)] = 0.0
    with PetscSolver(s, options) as solver, pytest.raises(PetscError) as error:
        update_and_solve(solver, broken, system.rhs)
    assert error.value.position == place
    assert str(error.value)


def test_a_zero_pivot_is_found_when_the_matrix_comes(tree_system: Callable) -> None:
    """The stepper hears of it before it asks for a solution."""
    system = tree_system()
    s, broken = system.structure, system.jacobian.copy()
    first = int(elimination_order(s)[0])
    broken[s.indptr[first] : s.indptr[first + 1]] = 0.0
    broken[s.diagonal[first]] = 4.0
    with PetscSolver(s) as solver, pytest.raises(PetscError, match="zero pivot"):
        solver.update(broken, 4.0)


def test_nan_in_the_right_hand_side_is_refused(tree_system: Callable) -> None:
    system = tree_system()
    rhs = system.rhs.copy()
    rhs[33] = np.nan
    for options in ("", "-pc_type fieldsplit"):
        with PetscSolver(system.structure, options) as solver:
            solver.update(system.jacobian, 4.0)
            with pytest.raises(SolveError, match="NANORINF"):
                solver.solve(rhs, np.empty(system.structure.size))


def test_close_twice_and_after_an_error(tree_system: Callable) -> None:
    solver = PetscSolver(tree_system().structure)
    solver.close()
    solver.close()


def test_names_of_options_are_plain_and_unlike() -> None:
    taken: set[str] = set()
    labels = ("ca[cyt]", "ca.cyt", "hh.m", "v", "[]")
    assert [option_name(label, taken) for label in labels] == ["ca_cyt", "ca_cyt_2", "hh_m", "v", "field"]


RELEASE = """
import runpy, sys
import numpy as np
from rxd.errors import DeclarationError
from rxd.solve.petsc_options import load_petsc
from rxd.solve.petsc_solver import PetscSolver
from rxd.solve.petsc_matrix import as_petsc
PETSc = load_petsc()
PETSc.Log.begin()
tools = runpy.run_path(sys.argv[1])
for fixture, options in ("tree", ""), ("tree", "-pc_type fieldsplit"), ("grid", ""), ("tree", "-pc_type ilu"):
    system = tools[f"{fixture}_system"].__wrapped__()()
    for _ in range(3):
        with PetscSolver(system.structure, options) as solver:
            solver.update(system.jacobian, 4.0)
            solver.solve(system.rhs, np.empty(system.structure.size))
try:
    PetscSolver(system.structure, "-ksp_typ cg")
except DeclarationError:
    pass
as_petsc(system.matrix(1.0)).destroy()
import geometry, rxd
cell = geometry.cylinder(100.0, 2.0)
model = rxd.Model(cell, segments=5)
model.insert(rxd.library.pas(), on=cell.all)
with model.compile(method="coupled", dt=0.1, solver="petsc") as sim:
    sim.run(0.2)
PETSc.Log.view()
"""


def test_everything_created_is_destroyed() -> None:
    """PETSc's own count of creations and destructions, by kind of object."""
    done = subprocess.run(
        [sys.executable, "-c", RELEASE, str(Path(__file__).with_name("conftest.py"))],
        env={**os.environ, "PYTHONPATH": str(ROOT), "PETSC_OPTIONS": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    table = done.stdout.split("Object Type", 1)[1].split("=====", 1)[0]
    counts = {
        m[1].strip(): (int(m[2]), int(m[3]))
        for m in re.finditer(r"^\s*([A-Z][\w ]*?)\s+(\d+)\s+(\d+)\s*$", table, re.MULTILINE)
    }
    for kind in ("Matrix", "Vector", "Krylov Solver", "Preconditioner", "Index Set"):
        created, destroyed = counts[kind]
        assert created == destroyed > 0, f"{kind}: {counts}"
