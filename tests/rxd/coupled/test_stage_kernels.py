"""Stages written out for a group against the lists of operations that they were written from, and whole equations in lanes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import expm

import geometry
import rxd
from geometry import SectionSpec
from rxd import library
from rxd.codegen.stage_text import exchanged_of
from rxd.discretize.records import LANES
from rxd.solve.attempts import Attempt, CompiledAttempt, OuterAttempt, StagedAttempt, make_attempt
from rxd.solve.controller import absolute_tolerance
from rxd.solve.direct import DirectSolver
from rxd.solve.direct_blocks import build_block_tree
from rxd.solve.direct_lanes import compile_kernels_of
from rxd.solve.direct_nodes import BEGIN, GROUP, LINEARISE, RATES, STAGE, TAKE
from rxd.solve.linear import make_linear_solver
from rxd.solve.tableau import find_tableau

RTOL, START, DT = 1e-4, 0.7, 0.05


@pytest.fixture(scope="module")
def simulation() -> rxd.Simulation:
    """Waves of one group and mixed ones, a species that some sections lack, rates that time changes, a clamp and a synapse."""
    soma = SectionSpec("soma", [(0, 0, 0, 10), (10, 0, 0, 10)], "soma")
    arms = [
        SectionSpec(f"dend[{k}]", [(10, 0, 0, 1), (10 + 60 * np.cos(k), 60 * np.sin(k), k, 1)], "dendrite", "soma", 1.0)
        for k in range(9)
    ]
    cell = geometry.Morphology.from_sections([soma, *arms])
    model = rxd.Model(cell, segments=lambda section: 5 + section.index % 3)
    model.insert(library.hh(), on=cell.soma | cell["dend[3]"])
    model.insert(library.pas(), on=cell.all - cell.soma - cell["dend[3]"])
    cyt, far = rxd.Region(cell.all - cell["dend[2]"], "cyt", side="i"), rxd.Region(cell["dend[4]"] | cell["dend[5]"], "far")
    a, b = rxd.Species(cyt, "a", d=1.0, initial=lambda node: 1 + np.asarray(node.x)), rxd.Species(cyt, "b", initial=0.5)
    c = rxd.Species(far, "c", d=0.3, initial=1.0)
    model.add(rxd.Reaction(a[cyt], b[cyt], 0.3 + 0.001 * rxd.v, 0.1), rxd.Rate(b, 0.1 * rxd.t**2 - b[cyt] ** 2), c)
    model.add(rxd.Rate(c, -c[far] * a[cyt]), rxd.SEClamp(cell["dend[1]"](0.5), levels=-50.0, durations=2.0))
    synapse = rxd.PointProcess(library.exp_syn(tau=2.0), cell["dend[3]"](0.5))
    model.add(rxd.NetCon(rxd.SpikeSource(times=[0.0]), synapse, weight=1e-3, delay=0.0))
    made: rxd.Simulation = model.compile(dt=DT)
    made.run(START)
    return made


def stepped(simulation: rxd.Simulation, attempt: Attempt) -> tuple[float, np.ndarray]:
    """Error and new state of one step from where the simulation stands."""
    found = np.empty(simulation.problem.size)
    attempt.begin(simulation.state.y)
    attempt.place(simulation.problem.equations.electrodes(START))
    attempt.linearise(START)
    error = attempt.make(START, DT)
    attempt.accept()
    attempt.current(found)
    return error, found


@pytest.mark.parametrize("name", ["near4", "rodas4p", "rodas3"])
def test_written_out_stages_are_those_of_the_lists(simulation: rxd.Simulation, name: str) -> None:
    equations, table = simulation.problem.equations, find_tableau(name)
    atol = absolute_tolerance(simulation.problem, RTOL, None)
    solvers = [DirectSolver(equations) for _ in range(2)]
    written, listed = (CompiledAttempt(equations, solver, table, atol, RTOL) for solver in solvers)
    columns = solvers[1].plan.table
    assert columns[:, BEGIN].any()
    columns[:, [BEGIN, STAGE, TAKE]] = 0
    for column, kernel in ((RATES, "rates"), (LINEARISE, "linearise")):
        columns[:, column] = [equations.kernels.groups[g].address(kernel) for g in columns[:, GROUP]]
    (error, ours), (other_error, theirs) = stepped(simulation, written), stepped(simulation, listed)
    assert error == pytest.approx(other_error, rel=1e-6)
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)


@pytest.mark.parametrize("name", ["near4", "rodas4p"])
def test_steps_and_their_errors_are_the_same_by_every_solver(simulation: rxd.Simulation, name: str) -> None:
    equations, table = simulation.problem.equations, find_tableau(name)
    atol = absolute_tolerance(simulation.problem, RTOL, None)
    solvers = [make_linear_solver(solver, equations) for solver in ("scipy", "direct", "petsc")]
    attempts = [make_attempt(equations, solver, table, atol, RTOL) for solver in solvers]
    assert [type(attempt) for attempt in attempts] == [StagedAttempt, CompiledAttempt, OuterAttempt]
    error, expected = stepped(simulation, attempts[0])
    assert error > 0
    for attempt in attempts[1:]:
        found_error, found = stepped(simulation, attempt)
        # An error of 1e-3 tolerances of 2e-5 is a difference of 3e-8: round-off of the stages, 4e-14, is 1e-6 of it.
        assert found_error == pytest.approx(error, rel=1e-6, abs=1e-8)
        np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)
        attempt.accept()  # back to the step that was made
        assert attempt.worst() == attempts[0].worst()
    assert solvers[2].statistics.solves == table.stages
    for solver in solvers:
        solver.close()


def test_right_hand_sides_in_lanes_are_complete(simulation: rxd.Simulation) -> None:
    """The first stage's is f with exchange, electrodes and synapses, in the lane of every unknown."""
    equations, table = simulation.problem.equations, find_tableau("rodas4p")
    solver = make_linear_solver("petsc", equations)
    outer = make_attempt(equations, solver, table, absolute_tolerance(simulation.problem, RTOL, None), RTOL)
    assert isinstance(outer, OuterAttempt)
    electrodes = equations.electrodes(START)
    assert np.any(electrodes.current)
    expected = np.empty(simulation.problem.size)
    linearisation = equations.make_linearisation(electrodes)
    equations.linearise(START, simulation.state.y, expected, linearisation)
    assert np.any(linearisation.drift)
    outer.begin(simulation.state.y)
    outer.place(electrodes)
    found = outer.right_side(0, START, DT)
    expected += table.drift[0] * DT * linearisation.drift
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12 * np.abs(expected).max())
    solver.close()


def numbered_alike(simulation: rxd.Simulation) -> list[str]:
    """Checks that kernels and tree number what nodes exchange in the same order; returns it."""
    kernels = simulation.kernels
    labels = [each.label for each in build_block_tree(simulation.discretization, kernels.lone).transports]
    for group, compiled in zip(simulation.system.groups, kernels.groups, strict=True):
        if group.space != "segments":
            continue
        exchanged = exchanged_of(simulation.system, group, kernels.lone)
        assert [labels[number] for number in exchanged.numbers] == [group.unknowns[row] for row in exchanged.rows]
        assert compiled.exchanged == tuple(zip(exchanged.rows, exchanged.numbers, exchanged.capacities, strict=True))
    return labels


def test_exchanged_unknowns_are_numbered_as_the_model_has_them(simulation: rxd.Simulation) -> None:
    assert numbered_alike(simulation)[0] == "v"


@pytest.mark.parametrize("made", [False, True])
def test_what_nothing_changes_comes_last(made: bool) -> None:
    """A messenger that acts and is not acted on has diagonal rows in the blocks; one that calcium makes has not."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=9)
    model.insert(library.pas(), on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    ip3 = rxd.Species(cyt, "ip3", d=1.0, initial=lambda node: 1.0 + np.asarray(node.x))
    ca, b, cab = (rxd.Species(cyt, name, d=d, initial=0.1) for name, d in (("ca", 0.3), ("b", 0.1), ("cab", 0.1)))
    gate = rxd.State(cyt, "gate", initial=0.1)
    model.add(
        rxd.Rate(ip3, (gate[cyt] if made else 0.1) - ip3[cyt]),
        rxd.Reaction(ca[cyt] + b[cyt], cab[cyt], 1.0, 0.2),
        rxd.Rate(ca, ip3[cyt] * gate[cyt] - 0.1 * ca[cyt] + 1e-4 * rxd.v),
        rxd.Rate(gate[cyt], ca[cyt] - gate[cyt]),
        rxd.IClamp(cell["parent"](0.0), amp=0.1, delay=0.5, dur=1.0),
    )
    simulation = model.compile()
    assert simulation.kernels.lone == ("" if made else "ip3[cyt]")
    assert (numbered_alike(simulation)[-1] == "ip3[cyt]") != made
    found = [model.compile(dt=0.1, solver=name).run(2.0, record=[rxd.v, ca[cyt], ip3[cyt]]) for name in ("direct", "scipy")]
    for ours, theirs in zip(*(run.values for run in found), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-10)


def test_kernels_are_compiled_when_they_are_needed(simulation: rxd.Simulation) -> None:
    plan = DirectSolver(simulation.problem.equations).plan
    assert not plan.table[:, [BEGIN, STAGE, TAKE, RATES, LINEARISE]].any()
    compile_kernels_of(plan.table, simulation.kernels.groups, eliminating=False)
    assert not plan.table[:, [STAGE, TAKE]].any()
    assert plan.table[:, RATES].all()
    assert plan.fields.size % LANES == 0


@pytest.mark.parametrize("n", [4, 11])
def test_large_eliminations_are_lists_and_small_ones_text(n: int) -> None:
    """Text of thousands of products took minutes to compile."""
    cell = geometry.cylinder(30, 2)
    cyt = rxd.Region(cell.all, "cyt")
    matrix = np.random.default_rng(1).random((n, n)) - n * np.eye(n)
    species = [rxd.Species(cyt, f"c{k}", initial=1.0 + k) for k in range(n)]
    rates = [
        rxd.Rate(c, sum(a * other[cyt] for a, other in zip(row, species, strict=True)))
        for c, row in zip(species, matrix, strict=True)
    ]
    model = rxd.Model(cell, segments=2)
    model.add(*species, *rates)
    sim = model.compile(method="coupled", rtol=1e-8, atol=1e-10)
    sim.run(0.5)
    found = [sim.values(c)[0] for c in species]
    np.testing.assert_allclose(found, expm(0.5 * matrix) @ np.arange(1.0, n + 1), rtol=1e-6)
    assert ("def begin_" in sim.kernels.source) == (n == 4)
