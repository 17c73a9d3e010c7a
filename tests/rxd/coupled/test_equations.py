"""Right-hand side and Jacobian: against the NumPy oracle, differences, each other, and a solver of SciPy's."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import geometry
import rxd
from rxd.codegen.oracle import local_rates
from rxd.errors import DeclarationError
from rxd.solve.assembly import star_mesh


def disturbed(problem: rxd.solve.problem.Problem, seed: int = 0) -> np.ndarray:
    """A state off its equilibrium, with all values positive that are."""
    rng = np.random.default_rng(seed)
    return problem.initial * (1 + 0.05 * rng.standard_normal(problem.size)) + 1e-3 * rng.random(problem.size)


def exchange(simulation: rxd.Simulation, y: np.ndarray) -> np.ndarray:
    """What flows between nodes, from matrices with branch points solved for: another way than the edges."""
    total = np.zeros_like(y)
    for transport in simulation.discretization.transports:
        size = len(transport.parent)
        laplacian = np.zeros((size, size))
        for child in np.flatnonzero(transport.parent >= 0):
            parent, g = transport.parent[child], transport.conductance[child]
            laplacian[child, child] += g
            laplacian[parent, parent] += g
            laplacian[child, parent] -= g
            laplacian[parent, child] -= g
        n, here = transport.n, slice(transport.start, transport.start + transport.n)
        inner = laplacian[:n, :n]
        if size > n:
            inner = inner - laplacian[:n, n:] @ np.linalg.solve(laplacian[n:, n:], laplacian[n:, :n])
        total[here] -= inner @ y[here] / transport.capacity[:n]
    return total


def test_right_hand_side_equals_the_oracle(case) -> None:
    simulation = case.model.compile()
    problem = simulation.problem
    y, t = disturbed(problem), 0.7
    injected, conductance, drive = problem.stimuli.at(t, simulation.discretization.cable.n)
    expected = local_rates(simulation.system, simulation.discretization, y, t) + exchange(simulation, y)
    v = simulation.discretization.layout["v"]
    expected[v.start : v.stop] += (injected + drive - conductance * y[v.start : v.stop]) / simulation.discretization.capacity[
        v.start : v.stop
    ]
    found = problem.rhs(t, y)
    for block in simulation.discretization.layout.blocks.values():
        here = slice(block.start, block.stop)
        size = np.abs(found[here]).max()
        assert np.abs(found - expected)[here].max() <= 1e-11 * size + 1e-14, block.label


def test_jacobian_equals_differences_of_the_right_hand_side(case) -> None:
    problem = case.model.compile().problem
    y = disturbed(problem)
    jacobian = problem.jacobian(0.7, y).toarray()
    differences = np.empty_like(jacobian)
    for column in range(problem.size):
        h = 1e-5 * max(1e-2, abs(y[column]))
        up, down = y.copy(), y.copy()
        up[column] += h
        down[column] -= h
        differences[:, column] = (problem.rhs(0.7, up) - problem.rhs(0.7, down)) / (up[column] - down[column])
    scale = np.abs(jacobian).max(axis=1, keepdims=True) + np.abs(problem.rhs(0.7, y))[:, None]
    assert np.max(np.abs(jacobian - differences) / scale) < 1e-6


def test_pattern_of_the_jacobian_is_that_of_the_equations(case) -> None:
    simulation = case.model.compile()
    problem, assembly = simulation.problem, simulation.problem.equations.assembly
    one, two = (problem.jacobian(0.7, disturbed(problem, seed)) for seed in (1, 2))
    np.testing.assert_array_equal(one.indices, two.indices)
    np.testing.assert_array_equal(one.indptr, two.indptr)
    np.testing.assert_array_equal(one.indices[assembly.diagonal], np.arange(problem.size))
    # what is stored is not zero, but for the diagonal of unknowns without a rate of their own
    zeros = np.flatnonzero((one.data == 0) & (two.data == 0))
    assert set(zeros) <= set(assembly.diagonal)
    assert one.data is not two.data


def test_species_are_conserved_and_charge_is_z_f_moles(cases) -> None:
    simulation = cases["electrogenic_pump"].model.compile()
    problem, capacity, layout = simulation.problem, simulation.discretization.capacity, simulation.discretization.layout
    y = disturbed(problem)
    rates, jacobian = problem.rhs(0.0, y), problem.jacobian(0.0, y)
    na, k = (slice(layout[label].start, layout[label].stop) for label in ("na[cyt]", "k[cyt]"))
    weights = np.zeros(problem.size)
    weights[na], weights[k] = 2 * capacity[na], 3 * capacity[k]  # three sodium leave for two potassium that enter
    assert abs(weights @ rates) <= 1e-14 * np.abs(weights * rates).sum()
    assert np.abs(weights @ jacobian).max() <= 1e-14 * (np.abs(weights) @ np.abs(jacobian)).max()


def test_explicit_time_enters_the_drift() -> None:
    cell = geometry.cylinder(10, 1)
    model = rxd.Model(cell, segments=2)
    cyt = rxd.Region(cell.all, "cyt")
    c = rxd.Species(cyt, "c", initial=1.0)
    model.add(rxd.Rate(c, -c * (1 + rxd.t**2)))
    equations = model.compile().problem.equations
    linearisation = equations.make_linearisation(equations.electrodes(0.0))
    y = np.array([-65.0, -65.0, 2.0, 3.0])
    equations.linearise(0.5, y, np.empty(4), linearisation)
    np.testing.assert_allclose(linearisation.drift, [0, 0, -2 * 2 * 0.5, -3 * 2 * 0.5])


def test_scipy_integrates_the_right_hand_side(cases) -> None:
    case = cases["calcium_wave"]
    problem = case.model.compile().problem
    with np.errstate(invalid="ignore"):  # SciPy's first step subtracts memory that nobody has written
        found = solve_ivp(
            problem.rhs, (0.0, case.until), problem.initial, method="BDF", jac=problem.jacobian, rtol=1e-9, atol=1e-13
        )
    blocks = case.model.compile().discretization.layout.blocks.values()
    for block, exact in zip(blocks, case.reference().values, strict=True):
        np.testing.assert_allclose(found.y[block.order, -1], exact[-1], rtol=1e-5)


def test_branch_points_become_the_mesh_of_their_arms() -> None:
    simulation = rxd.Model(geometry.examples.y_branch(), segments=1).compile()
    cable = simulation.discretization.cable
    first, second, g = star_mesh(cable)
    arms = cable.conductance[cable.parent >= 0]
    assert len(g) == 3
    np.testing.assert_allclose(sorted(g), sorted(arms[i] * arms[j] / arms.sum() for i, j in ((0, 1), (0, 2), (1, 2))))
    assert {tuple(sorted(pair)) for pair in zip(first.tolist(), second.tolist(), strict=True)} == {(0, 1), (0, 2), (1, 2)}


def test_split_kernels_have_no_right_hand_side() -> None:
    simulation = rxd.Model(geometry.cylinder(10, 1), segments=1).compile("split")
    with pytest.raises(DeclarationError, match="coupled"):
        simulation.problem.rhs(0.0, simulation.problem.initial)
    coupled = rxd.Model(geometry.cylinder(10, 1), segments=1).compile()
    with pytest.raises(DeclarationError, match="kind"):
        coupled.problem.jacobian(0.0, coupled.problem.initial, kind="dense")
