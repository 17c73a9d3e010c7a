"""PETSc on the models the coupled step was made for: the same steps as SciPy's direct solver and as the embedded one."""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

import numpy as np
import pytest

import geometry
import rxd
from rxd import library
from rxd.solve.linear import make_linear_solver
from rxd.solve.petsc_matrix import as_petsc
from rxd.solve.petsc_options import load_petsc

STEPS = 20


def hodgkin_huxley() -> rxd.Model:
    """A branched cable that fires, driven at one end."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=7)
    model.insert(library.hh(), on=cell.all)
    model.add(rxd.IClamp(cell["parent"](0.0), delay=0.0, dur=5.0, amp=0.5))
    return model


def calcium_wave() -> rxd.Model:
    """Release from the endoplasmic reticulum under a spiking membrane, started by IP3 at one end."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=7)
    model.insert(library.hh(), on=cell.all)
    model.insert(library.cal(), on=cell["left"])
    cyt = rxd.Region(cell.all, "cyt", side="i", shape=rxd.FractionalVolume(0.83, surface_fraction=1))
    er, store = (
        rxd.Region(cell.all, "er", shape=rxd.FractionalVolume(0.17)),
        rxd.Region(cell.all, "store", shape=rxd.DistributedBoundary(1)),
    )
    ca = rxd.Species([cyt, er], "ca", d=0.08, charge=2, initial={cyt: 1e-4, er: 0.2})
    ip3 = rxd.Species(cyt, "ip3", d=1.4, initial=lambda nodes: np.where(nodes.x < 0.2, 1e-3, 1e-4))
    free, bound = rxd.Species(cyt, "free", initial=0.05), rxd.Species(cyt, "bound", d=0.01, initial=1e-3)
    model.add(library.ip3r(ca[cyt], ca[er], ip3[cyt], store, gmax=1.2e4), library.serca(ca[cyt], ca[er], store, vmax=0.4))
    model.add(library.er_leak(ca[cyt], ca[er], store, g=6.0), library.buffer(ca[cyt], free[cyt], bound[cyt], kf=75.0, kb=0.03))
    model.add(rxd.IClamp(cell["parent"](0.0), delay=0.0, dur=5.0, amp=0.5))
    return model


def electrogenic_pump() -> rxd.Model:
    """A pump so strong in a thin dendrite that it sets the voltage."""
    cell = geometry.cylinder(100, 0.5)
    model = rxd.Model(cell, segments=15)
    model.insert(library.pas(g=1e-4), on=cell.all)
    cyt, border = rxd.Region(cell.all, "cyt", side="i"), rxd.Region(cell.all, "border", shape=rxd.membrane)
    ca = rxd.Species(cyt, "ca", d=0.3, charge=2, initial=lambda nodes: 1e-2 * np.exp(-20 * nodes.x))
    model.add(library.pmca(ca[cyt], None, border, vmax=2e3, kd=1e-3, rest=1e-4))
    return model


def ion_accumulation() -> rxd.Model:
    """Potassium collects outside, sodium inside, and the reversal potentials follow."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=5)
    model.insert(library.hh(), on=cell.all)
    cyt, out = rxd.Region(cell.all, "cyt", side="i"), rxd.Region(cell.all, "out", side="o", shape=rxd.Shell(1, 1.1))
    k = rxd.Species([cyt, out], "k", d=1.9, charge=1, initial={cyt: 54.4, out: 2.5})
    na = rxd.Species([cyt, out], "na", d=1.3, charge=1, initial={cyt: 10.0, out: 140.0})
    model.add(k, na, rxd.IClamp(cell["parent"](0.0), delay=0.0, dur=5.0, amp=0.5))
    return model


MODELS = MappingProxyType({f.__name__: f for f in (hodgkin_huxley, calcium_wave, electrogenic_pump, ion_accumulation)})
OPTIONS = ("", "-pc_type fieldsplit", "-pc_type ilu")


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
def problems() -> Callable[[str], rxd.solve.problem.Problem]:
    """Compile each model once."""
    made: dict[str, rxd.solve.problem.Problem] = {}

    def get(name: str) -> rxd.solve.problem.Problem:
        if name not in made:
            made[name] = MODELS[name]().compile(method="coupled", dt=0.1, solver="scipy").problem
        return made[name]

    return get


@pytest.mark.parametrize("dt", [0.01, 0.1])
@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("name", MODELS)
def test_steps_agree_with_both_direct_solvers(problems: Callable, name: str, options: str, dt: float) -> None:
    problem = problems(name)
    found = implicit_steps(problem, "petsc", dt, petsc_options=options)
    assert np.abs(found[-1] - found[0]).max() > 1e-3
    for other in ("scipy", "direct"):
        expected = implicit_steps(problem, other, dt)
        assert np.isfinite(expected).all()
        assert largest_difference(problem, found, expected) < 1e-9, other


@pytest.mark.parametrize("name", MODELS)
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
