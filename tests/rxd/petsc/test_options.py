"""Options: how they are written, that they reach PETSc, that nothing of them stays behind."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from rxd.errors import DeclarationError
from rxd.solve.petsc_options import load_petsc, parse_options, pushed_options
from rxd.solve.petsc_solver import PetscSolver

ROOT = Path(__file__).resolve().parents[3]


def run_python(code: str, *arguments: str, **environment: str) -> str:
    """Output of a fresh interpreter."""
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "given",
    [
        {"ksp_type": "bcgs", "ksp_monitor": None, "ksp_rtol": 1e-5},
        {"-axoplasm_ksp_type": "bcgs", "axoplasm_ksp_monitor": None, "-ksp_rtol": "1e-05"},
        "-ksp_type bcgs -axoplasm_ksp_monitor -ksp_rtol 1e-05",
    ],
)
def test_three_ways_to_write_the_same(given: dict | str) -> None:
    assert dict(parse_options(given)) == {"ksp_type": "bcgs", "ksp_monitor": None, "ksp_rtol": "1e-05"}


def test_values_become_petscs_text() -> None:
    assert dict(parse_options({"a": True, "b": False, "c": 3, "d": [1, 2]})) == {
        "a": "true",
        "b": "false",
        "c": "3",
        "d": "1,2",
    }
    assert dict(parse_options("-pc_shift -1.5 -x 'two words'")) == {"pc_shift": "-1.5", "x": "two words"}
    assert dict(parse_options(None)) == {}


@pytest.mark.parametrize("given", ["gmres", "-ksp_type gmres bcgs", {"": "x"}, {3: "x"}, {"two words": "x"}])
def test_what_is_no_option_is_refused(given: dict | str) -> None:
    with pytest.raises(DeclarationError, match="petsc_options"):
        parse_options(given)


def test_options_are_pushed_and_removed_again() -> None:
    petsc = load_petsc()
    database = petsc.Options("axoplasm_")
    with pushed_options(petsc, {"ksp_type": "cg"}):
        assert database.getString("ksp_type") == "cg"
    assert not database.hasName("ksp_type")


def test_options_are_removed_after_a_failure() -> None:
    petsc = load_petsc()
    with pytest.raises(ZeroDivisionError), pushed_options(petsc, {"ksp_type": "cg"}):
        _ = 1 / 0
    assert not petsc.Options("axoplasm_").hasName("ksp_type")


def test_an_option_nobody_asked_for_is_an_error(tree_system: Callable) -> None:
    with pytest.raises(DeclarationError, match="'ksp_typ'"):
        PetscSolver(tree_system().structure, {"ksp_typ": "bcgs"})


def test_an_option_petsc_refuses_is_an_error(tree_system: Callable) -> None:
    with pytest.raises(DeclarationError, match="bcgss"):
        PetscSolver(tree_system().structure, {"pc_type": "fieldsplit", "ksp_type": "bcgss"})
    assert not load_petsc().Options("axoplasm_").hasName("ksp_type")


@pytest.mark.parametrize("method", ["gmres", "fgmres", "bcgs", "richardson"])
def test_methods_are_those_asked_for(tree_system: Callable, method: str) -> None:
    with PetscSolver(tree_system().structure, {"pc_type": "fieldsplit", "ksp_type": method}) as solver:
        assert f"{method} with fieldsplit" in solver.describe()


def test_options_of_a_field_reach_its_solver(tree_system: Callable) -> None:
    """Jacobi on a field must cost iterations that the exact elimination saves."""
    system, used = tree_system(), []
    for options in ({}, {"fieldsplit_ca_cyt_pc_type": "jacobi"}):
        with PetscSolver(system.structure, {"pc_type": "fieldsplit", **options}) as solver:
            solver.update(system.jacobian, 3.0)
            x = np.empty(system.structure.size)
            solver.solve(system.rhs, x)
            assert system.error(x, 3.0) < 1e-9
            used.append(solver.statistics.iterations)
    assert used[1] > used[0]


RUN = """
import sys
import numpy as np
from rxd.solve.petsc_blocks import Block, Structure
from rxd.solve.petsc_solver import PetscSolver
one = np.arange(3)
blocks = (Block("a", "local", one, one, 1.0),)
with PetscSolver(Structure(np.arange(4), one, one, np.zeros(3), blocks), {options}) as solver:
    solver.update(np.zeros(3), 2.0)
    x = np.empty(3)
    solver.solve(np.ones(3), x)
    print(solver.describe(), x, sys.argv[1:])
"""


def test_options_of_the_environment_win_and_arguments_are_left_alone() -> None:
    given = {"ksp_type": "cg", "pc_type": "jacobi"}
    plain = run_python(RUN.format(options=given), "-axoplasm_ksp_type", "bcgs", PETSC_OPTIONS="")
    assert "cg with jacobi" in plain
    assert "[0.5 0.5 0.5] ['-axoplasm_ksp_type', 'bcgs']" in plain
    ruled = run_python(RUN.format(options=given), PETSC_OPTIONS="-axoplasm_ksp_type bcgs -axoplasm_ksp_monitor")
    assert "bcgs with jacobi" in ruled
    assert "KSP Residual norm" in ruled


def test_environment_chooses_the_preconditioner() -> None:
    assert "preonly with lu" in run_python(RUN.format(options={}), PETSC_OPTIONS="")
    assert "gmres with ilu" in run_python(RUN.format(options={}), PETSC_OPTIONS="-axoplasm_pc_type ilu")


def test_a_script_may_initialise_petsc_itself() -> None:
    code = "import petsc4py, sys; petsc4py.init(sys.argv)\n" + RUN.format(options={"pc_type": "jacobi"})
    assert "bcgs with jacobi" in run_python(code, "-axoplasm_ksp_type", "bcgs", PETSC_OPTIONS="")


def test_nothing_loads_petsc_before_a_solver_is_made() -> None:
    code = "import rxd, rxd.solve.petsc_solver, rxd.solve.petsc_matrix, sys; print({'petsc4py', 'mpi4py'} & set(sys.modules))"
    assert run_python(code).strip() == "set()"


def test_petsc_missing_says_how_to_get_it(tree_system: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    structure = tree_system().structure
    monkeypatch.setitem(sys.modules, "petsc4py", None)
    with pytest.raises(DeclarationError, match=r"axoplasm\[petsc\]") as error:
        PetscSolver(structure)
    assert "make test" in str(error.value)


@pytest.mark.parametrize("solver", ["auto", "petsc"])
def test_a_model_in_voxels_asks_for_petsc_where_it_is_missing(
    models: Mapping[str, Callable], monkeypatch: pytest.MonkeyPatch, solver: str
) -> None:
    monkeypatch.setitem(sys.modules, "petsc4py", None)
    with pytest.raises(DeclarationError, match=r"pip install axoplasm\[petsc\]"):
        models["buffered_voxels"]().compile(solver=solver)
    with models["hodgkin_huxley"]().compile(solver="auto") as sim:  # a tree needs no library
        assert "embedded direct solver" in sim.explain()


def test_blas_threads_are_the_users_choice() -> None:
    code = (
        "import os; from rxd.solve.petsc_options import load_petsc; load_petsc(); print(os.environ.get('OPENBLAS_NUM_THREADS'))"
    )
    assert run_python(code, OPENBLAS_NUM_THREADS="2").strip() == "2"
    assert run_python("import os; os.environ.pop('OPENBLAS_NUM_THREADS', None)\n" + code).strip() == "None"
