"""The embedded direct solver against SciPy's, on the models and on trees made to be difficult."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import splu

import geometry
import rxd
from geometry import SectionSpec
from rxd import library
from rxd.errors import DeclarationError
from rxd.solve.direct import DirectSolver
from rxd.solve.direct_blocks import build_block_tree
from rxd.solve.direct_nodes import STRAIGHT
from rxd.solve.direct_tree import UNROLLED, WIDTH
from rxd.solve.linear import is_one_dimensional, make_linear_solver


def residual_and_error(model: rxd.Model, shift: float) -> tuple[float, float]:
    """Direct solution of one system: its residual, and its distance from a refined solution relative to each unknown."""
    simulation = model.compile()
    problem, equations = simulation.problem, simulation.problem.equations
    rng, found = np.random.default_rng(0), np.empty(problem.size)
    y = problem.initial * (1 + 0.01 * rng.standard_normal(problem.size))
    rhs = rng.standard_normal(problem.size) * np.maximum(np.abs(y), 1e-3)
    linearisation = equations.make_linearisation(equations.electrodes(0.7))
    equations.linearise(0.7, y, np.empty(problem.size), linearisation)
    solver = DirectSolver(equations)
    solver.prepare(linearisation, shift)
    solver.solve(rhs, found)
    matrix = sparse.csc_array(shift * sparse.eye_array(problem.size) - linearisation.assembly.matrix(linearisation.fill()))
    factors = splu(matrix)
    exact = factors.solve(rhs)
    exact += factors.solve(rhs - matrix @ exact)
    residual = np.abs(matrix @ found - rhs) / (abs(matrix) @ np.abs(found) + np.abs(rhs))
    blocks = [slice(b.start, b.stop) for b in simulation.discretization.layout.blocks.values()]
    error = max(np.abs(found - exact)[here].max() / np.abs(exact[here]).max() for here in blocks)
    return float(residual.max()), float(error)


def beside_the_parent() -> rxd.Model:
    """A species in both daughters of a branch but not in the parent: it passes through the branch point."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=3)
    model.insert(library.hh(), on=cell["left"])
    region = rxd.Region(cell["left"] | cell["right"], "daughters", side="i")
    c = rxd.Species(region, "c", d=1.0, initial=lambda node: 1 + np.asarray(node.x))
    model.add(c, rxd.Rate(c, -0.01 * c[region] ** 2), rxd.SEClamp(cell["right"](0.5), levels=-50.0, durations=2.0))
    return model


def star() -> rxd.Model:
    """More dendrites at one end of the soma than a wave has lanes, one of them joined in the middle; two species on some."""
    soma = SectionSpec("soma", [(0, 0, 0, 10), (10, 0, 0, 10)], "soma")
    arms = [
        SectionSpec(f"dend[{k}]", [(10, 0, 0, 1), (10 + 20 * np.cos(k), 20 * np.sin(k), k, 1)], "dendrite", "soma", 1.0)
        for k in range(WIDTH + 3)
    ]
    middle = SectionSpec("dend[99]", [(5, 0, 0, 1), (5, 30, 0, 1)], "dendrite", "soma", 0.5)
    cell = geometry.Morphology.from_sections([soma, *arms, middle])
    model = rxd.Model(cell, segments=3)
    some = rxd.Region(cell.soma | cell["dend[0]"] | cell["dend[1]"] | cell["dend[2]"] | cell["dend[99]"], "some")
    two = rxd.Region(cell["dend[1]"] | cell["dend[2]"], "two")
    a, b = rxd.Species(some, "a", d=2.0, initial=1.0), rxd.Species(two, "b", d=0.1, initial=lambda node: np.asarray(node.x))
    model.add(a, rxd.Rate(b, a[some] - b[two]), rxd.Rate(a, -0.1 * a[some] * b[two] * rxd.v, regions=some))
    model.insert(library.pas(), on=cell.all)
    return model


def side_by_side() -> rxd.Model:
    """A long dendrite with a calcium pool beside ones without, and a synapse: waves that one group fills, and mixed ones."""
    soma = SectionSpec("soma", [(0, 0, 0, 10), (10, 0, 0, 10)], "soma")
    arms = [
        SectionSpec(f"dend[{k}]", [(10, 0, 0, 1), (10 + 60 * np.cos(k), 60 * np.sin(k), k, 1)], "dendrite", "soma", 1.0)
        for k in range(2 * WIDTH)
    ]
    cell = geometry.Morphology.from_sections([soma, *arms])
    model = rxd.Model(cell, segments=lambda section: 5 + section.index % 3)
    model.insert(library.hh(), on=cell.soma | cell["dend[3]"] | cell["dend[4]"])
    model.insert(library.pas(), on=cell.all - cell.soma - cell["dend[3]"] - cell["dend[4]"])
    cyt = rxd.Region(cell.all - cell["dend[2]"] - cell["dend[5]"], "cyt", side="i")
    a, b = rxd.Species(cyt, "a", d=1.0, initial=lambda node: 1 + np.asarray(node.x)), rxd.Species(cyt, "b", d=0.2, initial=0.5)
    model.add(rxd.Reaction(a[cyt], b[cyt], 0.3 + 0.001 * rxd.v, 0.1))
    synapse = rxd.PointProcess(library.exp_syn(tau=2.0), cell["dend[3]"](0.5))
    model.add(rxd.NetCon(rxd.SpikeSource(times=[0.0]), synapse, weight=1e-3, delay=0.0))
    return model


def two_cells() -> rxd.Model:
    """A forest: two cylinders that do not touch, synapses on one segment of the first."""
    points = [(0, 0, 0, 2), (50, 0, 0, 2)]
    cell = geometry.Morphology.from_sections(
        [SectionSpec("one", points, "dendrite"), SectionSpec("two", [(0, 99, 0, 1), (80, 99, 0, 1)], "dendrite")]
    )
    model = rxd.Model(cell, segments=5)
    model.insert(library.hh(), on=cell.all)
    for _ in range(3):
        synapse = rxd.PointProcess(library.exp_syn(tau=2.0), cell["one"](0.5))
        model.add(rxd.NetCon(rxd.SpikeSource(times=[0.0]), synapse, weight=1e-3, delay=0.0))
    return model


TREES: dict[str, Callable[[], rxd.Model]] = {make.__name__: make for make in (beside_the_parent, star, side_by_side, two_cells)}


@pytest.mark.parametrize("shift", [1e-4, 1.0, 40.0, 1e4])
def test_models_are_solved(case, shift: float) -> None:
    residual, error = residual_and_error(case.model, shift)
    assert residual < 1e-12
    assert error < 1e-7


@pytest.mark.parametrize("shift", [1e-3, 10.0])
@pytest.mark.parametrize("name", list(TREES))
def test_difficult_trees_are_solved(name: str, shift: float) -> None:
    residual, error = residual_and_error(TREES[name](), shift)
    assert residual < 1e-12
    assert error < 1e-8


def test_groups_fill_waves_and_share_them() -> None:
    simulation = side_by_side().compile(dt=0.05)
    plan, layout = simulation.stepper.solver.plan, simulation.discretization.layout
    assert set(plan.table[:, STRAIGHT].tolist()) == {0, 1}
    assert len(set(plan.lane.tolist())) == layout.size
    found = [
        side_by_side().compile(dt=0.05, solver=solver).run(2.0, record=[rxd.v, "a[cyt]"]) for solver in ("direct", "scipy")
    ]
    for ours, theirs in zip(*(run.values for run in found), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-9)


def test_all_linear_solvers_make_the_same_steps(case) -> None:
    """The embedded one by itself and inside PETSc, PETSc's LU and its field split with Hines eliminations, against SciPy's."""
    dt = case.until / 80
    oracle = case.run(dt=dt, solver="scipy")
    for options in (
        {"solver": "direct"},
        {"solver": "petsc"},
        *({"solver": "petsc", "petsc_options": f"-pc_type {pc}"} for pc in ("lu", "fieldsplit")),
    ):
        found = case.run(dt=dt, **options)
        assert found.statistics.steps == oracle.statistics.steps >= 80
        for ours, theirs in zip(found.values, oracle.values, strict=True):
            assert np.abs(ours - theirs).max() <= 1e-9 * np.abs(theirs).max() + 1e-15, options


def test_larger_blocks_than_are_unrolled() -> None:
    """Nine species that diffuse and react with v and with each other in a ring, on a branched cell."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=4)
    model.insert(library.pas(), on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    ring = [rxd.Species(cyt, f"s{k}", d=0.1 + k, initial=lambda node, k=k: k + np.asarray(node.x)) for k in range(9)]
    for one, other in zip(ring, ring[1:] + ring[:1], strict=True):
        model.add(rxd.Reaction(one[cyt], other[cyt], 0.3 + 0.01 * rxd.v, 0.1))
    assert len(ring) + 1 > UNROLLED
    residual, error = residual_and_error(model, 10.0)
    assert residual < 1e-12
    assert error < 1e-8
    found = [model.compile(dt=0.1, solver=solver).run(2.0, record=["s0[cyt]"]).values[0] for solver in ("direct", "scipy")]
    np.testing.assert_allclose(*found, rtol=1e-9)


def test_a_wave_waits_for_nothing(case) -> None:
    tree = build_block_tree(case.model.compile().discretization)
    done: set[int] = set()
    for lanes in tree.waves:
        wave = lanes[lanes >= 0]
        assert 0 < len(wave) <= len(lanes) == WIDTH
        assert len(set(tree.full[wave])) == 1
        for node in wave.tolist():
            assert set(np.flatnonzero(tree.parent == node)) <= done
        done |= set(wave.tolist())
    assert len(done) == len(tree.parent)


def test_fast_exchange_keeps_what_nodes_have_of_their_own() -> None:
    """Couplings 1e12 times the own part: a solution by differences would be noise."""
    cell = geometry.cylinder(1e-3, 1)
    model = rxd.Model(cell, segments=9)
    region = rxd.Region(cell.all, "r")
    c = rxd.Species(region, "c", d=1e3, initial=lambda node: np.asarray(node.x))
    model.add(c)
    equations = model.compile().problem.equations
    linearisation, found = equations.make_linearisation(equations.electrodes(0.0)), np.empty(equations.size)
    equations.linearise(0.0, np.full(equations.size, 2.0), np.empty(equations.size), linearisation)
    solver = DirectSolver(equations)
    solver.prepare(linearisation, 1e-4)
    solver.solve(np.ones(equations.size), found)
    np.testing.assert_allclose(found, 1e4, rtol=1e-12)


def test_auto_is_direct_in_one_dimension_and_named_by_explain(cases) -> None:
    simulation = cases["little_neuron"].model.compile()
    assert is_one_dimensional(simulation.problem.equations)
    assert simulation.stepper.solver.name == "direct"
    assert "embedded direct solver" in simulation.explain()
    assert "exchanged unknowns" in simulation.stepper.describe()


def test_voxels_are_not_for_the_direct_solver() -> None:
    cell = geometry.cylinder(4, 2)
    model = rxd.Model(cell, segments=1)
    region = rxd.Region(cell.all, "r", dimension=3, dx=0.5)
    model.add(rxd.Species(region, "c", d=1.0, initial=1.0))
    equations = model.compile(solver="scipy").problem.equations
    assert not is_one_dimensional(equations)
    with pytest.raises(DeclarationError, match="one dimension"):
        make_linear_solver("direct", equations)


def test_unknown_solver_and_misplaced_options(cases) -> None:
    model = cases["hh_cable"].model
    with pytest.raises(DeclarationError, match="'direct', 'petsc', 'scipy'"):
        model.compile(solver="gauss")
    with pytest.raises(DeclarationError, match="petsc_options"):
        model.compile(solver="scipy", petsc_options="-ksp_monitor")
