"""PETSc on the models the coupled step was made for: the same steps as SciPy's direct solver and as the embedded one."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pytest

import rxd
from rxd.solve.linear import make_linear_solver
from rxd.solve.petsc_matrix import as_petsc
from rxd.solve.petsc_options import load_petsc

STEPS = 20


NAMES = ("hodgkin_huxley", "calcium_wave", "electrogenic_pump", "ion_accumulation")
OPTIONS = ("", "-pc_type lu", "-pc_type fieldsplit", "-pc_type ilu")


def implicit_steps(problem: rxd.solve.problem.Problem, solver: str, dt: float, **options: object) -> np.ndarray:
    """Linearly implicit Euler steps: the state after each of them, shape (STEPS + 1, size)."""
    equations = problem.equations
    linearisation = equations.make_linearisation(equations.electrodes(0.0))
    linear = make_linear_solver(solver, equations, **options)
    y, f, step = np.array(problem.initial), np.empty(problem.size), np.empty(problem.size)
    states = [y.copy()]
    for k in range(STEPS):
        equations.linearise(k * dt, y, f, linearisation)
        linear.prepare(linearisation, 1.0 / dt)
        linear.solve(f, step)
        y += step
        states.append(y.copy())
    linear.close()
    return np.array(states)


def largest_difference(problem: rxd.solve.problem.Problem, one: np.ndarray, other: np.ndarray) -> float:
    """Over all fields, relative to the largest value of each."""
    blocks = problem.discretization.layout.blocks.values()
    return max(float(np.abs(one - other)[:, b.start : b.stop].max() / np.abs(other[:, b.start : b.stop]).max()) for b in blocks)


@pytest.fixture(scope="module")
def problems(models: Mapping[str, Callable[[], rxd.Model]]) -> Callable[[str], rxd.solve.problem.Problem]:
    """Compile each model once."""
    made: dict[str, rxd.solve.problem.Problem] = {}

    def get(name: str) -> rxd.solve.problem.Problem:
        if name not in made:
            made[name] = models[name]().compile(method="coupled", dt=0.1, solver="scipy").problem
        return made[name]

    return get


@pytest.mark.parametrize("dt", [0.01, 0.1])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", NAMES)
def test_steps_agree_with_both_direct_solvers(problems: Callable, name: str, options: str, dt: float) -> None:
    problem = problems(name)
    found = implicit_steps(problem, "petsc", dt, petsc_options=options)
    assert np.abs(found[-1] - found[0]).max() > 1e-3
    for other in ("scipy", "direct"):
        expected = implicit_steps(problem, other, dt)
        assert np.isfinite(expected).all()
        assert largest_difference(problem, found, expected) < 1e-9, other


@pytest.mark.parametrize("name", NAMES)
def test_jacobian_as_a_petsc_matrix(problems: Callable, name: str) -> None:
    problem = problems(name)
    y = np.array(problem.initial)
    mat, x, b = problem.jacobian(0.0, y, kind="petsc"), load_petsc().Vec(), load_petsc().Vec()
    x.createWithArray(y)
    b.createWithArray(np.empty(problem.size))
    mat.mult(x, b)
    np.testing.assert_allclose(b.getArray(), problem.jacobian(0.0, y) @ y, rtol=1e-12, atol=1e-12)
    again = as_petsc(problem.jacobian(0.0, y))
    assert mat.equal(again)
    for thing in (mat, again, x, b):
        thing.destroy()
