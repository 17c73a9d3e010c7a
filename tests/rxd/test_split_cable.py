"""The cable in lanes against plain algebra; constants of the matrix follow steps, parameters and clamps; rest is exact."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import geometry
import rxd
from cable.events import EventQueue
from cable.hines import solve_reference
from geometry import SectionSpec
from rxd import library
from rxd.codegen.leaks import leak_text
from rxd.solve import split_cable
from rxd.solve.cable_sweeps import G
from rxd.solve.lane_operations import lean_kernel
from rxd.solve.problem import State, Statistics
from rxd.solve.schemes import EULER, SDIRK, Stages

# For Python, to call what else only kernels do.
cable_step = lean_kernel(split_cable.cable_step.py_func)
load_cable = lean_kernel(split_cable.load_cable.py_func)


def bush(cells: int = 3, seed: int = 0) -> geometry.Morphology:
    """Cells with random branches."""
    rng, specs = np.random.default_rng(seed), []
    for i in range(cells):
        own = [SectionSpec(f"soma[{i}]", [(500 * i, 0, 0, 12), (500 * i, 12, 0, 12)], "soma")]
        for k in range(11):
            parent = own[int(rng.integers(0, len(own)))]
            begin, diam = parent.points[1][:3], rng.uniform(0.5, 3)
            end = (begin[0] + rng.normal(0, 30), begin[1] + rng.normal(0, 30), k)
            own.append(SectionSpec(f"dend[{11 * i + k}]", [(*begin, diam), (*end, diam)], "basal", parent.name))
        specs += own
    return geometry.Morphology.from_sections(specs)


def passive(cell: geometry.Morphology, g: Any = 3e-4) -> rxd.Model:
    """Channels in the somata, leaks elsewhere, of which one branch has two."""
    model = rxd.Model(cell, segments=lambda section: 1 + section.index % 4, v_init=-60)
    model.insert(library.hh(), on=cell.soma)
    model.insert(library.pas(g=g, e=lambda node: -70 + 5 * np.asarray(node.x)), on=cell.dendrites)
    return model


@pytest.mark.parametrize("stages", [EULER, SDIRK], ids=["one stage", "two stages"])
@pytest.mark.parametrize("seed", range(3))
def test_a_step_is_that_of_its_stages(stages: Stages, seed: int) -> None:
    sim = passive(bush(seed=seed)).compile("split", dt=0.1)
    stepper, transport, rng = sim.stepper, sim.discretization.cable, np.random.default_rng(seed)
    cable, leaks = stepper._cable, stepper._leaks
    n, total, start, dt = transport.n, len(transport.parent), transport.start, 0.1
    y = np.array(sim.problem.initial)
    y[start : start + n] += rng.normal(0, 20, n)
    junctions = rng.normal(-60, 20, total - n)
    table = cable.table.reshape(-1, cable.size)
    table[4, cable.slot[n:]] = junctions
    load_cable(y, start, n, cable.slot, table[4])
    value, slope = np.zeros(start + n + 1), np.zeros(start + n + 1)
    own = np.flatnonzero(leaks.changing) + start
    value[own], slope[own] = rng.normal(0, 1, own.size), -rng.uniform(0, 5, own.size)
    clamp = (own[:1] - start, np.array([0.02]), np.array([0.3]))
    before = np.concatenate([y[start : start + n], junctions])
    current, more = np.zeros(total), np.zeros(total)
    current[:n] = transport.capacity[:n] * value[start : start + n] + leaks.conductance * (leaks.rest - before[:n])
    more[:n] = leaks.conductance - transport.capacity[:n] * slope[start : start + n]
    current[clamp[0]] += clamp[2] - clamp[1] * before[clamp[0]]
    more[clamp[0]] += clamp[1]
    for k, p in enumerate(transport.parent):
        if p >= 0:
            flow = transport.conductance[k] * (before[p] - before[k])
            current[k] += flow
            current[p] -= flow
    mass = transport.capacity / (stages.gamma * dt)

    def solve(right: np.ndarray) -> np.ndarray:
        order = np.array([*transport.plan.node], dtype=np.int64)
        order = sorted(order, key=lambda k: depth(transport.parent, k))
        return solve_reference(transport.parent, np.array(order), transport.conductance, mass + more, right)

    first = solve(current)
    change, seen = stages.first * first, stages.mean_1 * first
    if stages.number > 1:
        second = solve(stages.fresh * current + stages.carried * mass * first)
        change, seen = change + second, seen + stages.mean_2 * second
    average = np.zeros(n)
    cable_step(y, start, n, dt, True, value, slope, *clamp, cable, average, True, stages)
    np.testing.assert_allclose(y[start : start + n], (before + change)[:n], rtol=1e-12)
    np.testing.assert_allclose(table[4, cable.slot], before + change, rtol=1e-12)
    np.testing.assert_allclose(average, seen[:n], rtol=1e-11, atol=1e-11)
    assert table[G].max() > 0


def depth(parent: np.ndarray, k: int) -> int:
    return 0 if parent[k] < 0 else 1 + depth(parent, parent[k])


def test_passive_branches_keep_their_factors() -> None:
    """Dendrites of a passive tree never change; the way from the soma to where the tree hangs does."""
    stepper = passive(bush()).compile("split", dt=0.1).stepper
    assert stepper._leaks.groups
    assert stepper._cable.fixed.any()
    assert not stepper._cable.fixed.all()


def test_steps_of_other_lengths_between_have_factors_of_their_own() -> None:
    """A run with stops that are no multiples of dt, and one by a stepper that has never made any other step."""
    model = passive(bush())
    sim = model.compile("split", dt=0.1)
    sim.run(0.1)
    fresh = [model.compile("split", dt=0.1).stepper for _ in range(4)]
    state, other, count = begin(sim), begin(sim), Statistics()
    for k, until in enumerate((0.5, 0.53, 0.55, 1.2)):
        sim.stepper.advance(state, until, count)
        fresh[k].advance(other, until, count)
    np.testing.assert_array_equal(state.y, other.y)


def begin(sim: rxd.Simulation) -> State:
    state = State(0.0, np.array(sim.problem.initial), np.zeros(0), EventQueue())
    sim.stepper.start(state)
    return state


def test_parameters_may_change_between_steps() -> None:
    """The same state goes on with another conductance as in a model that was compiled with it."""
    cell = bush()
    sim, other = (passive(cell, g).compile("split", dt=0.1) for g in (3e-4, 9e-4))
    state, count = begin(sim), Statistics()
    sim.stepper.advance(state, 1.0, count)
    expected = state.copy()
    other.stepper.advance(expected, 2.0, count)
    for number, (group, wanted) in enumerate(zip(sim.discretization.groups, other.discretization.groups, strict=True)):
        group.fields.setflags(write=True)
        group.fields[:] = wanted.fields
        sim.stepper.refresh_fields(number)
    unchanged = state.copy()
    sim.stepper.advance(state, 2.0, count)
    np.testing.assert_allclose(state.y, expected.y, rtol=1e-13)
    passive(cell).compile("split", dt=0.1).stepper.advance(unchanged, 2.0, count)
    assert np.abs(unchanged.y - state.y).max() > 0.1


def test_a_clamp_on_a_passive_branch_changes_it() -> None:
    """The stepper was planned for other clamps: the branch is eliminated anew in every step from then on."""
    cell = bush()
    sim, clamped = passive(cell).compile("split", dt=0.1), passive(cell)
    clamped.add(rxd.SEClamp(cell["dend[5]"](0.5), levels=(-20.0,), durations=(5.0,), rs=2.0))
    expected = clamped.compile("split", dt=0.1)
    state, other, count = begin(sim), begin(expected), Statistics()
    sim.stepper.problem = expected.problem
    sim.stepper.advance(state, 1.0, count)
    expected.stepper.advance(other, 1.0, count)
    np.testing.assert_array_equal(state.y, other.y)
    assert np.abs(state.y - sim.problem.initial).max() > 5


def test_rest_is_exact() -> None:
    cell = bush()
    model = rxd.Model(cell, segments=3, v_init=-61.7)
    model.insert(library.pas(g=3e-4, e=-61.7), on=cell.all)
    sim = model.compile("split", dt=0.1)
    sim.run(5.0)
    assert np.all(sim.state.y == -61.7)


def test_leaks_of_one_place_add_up() -> None:
    """Two mechanisms are one group and one conductance, with the mean of their reversal potentials."""
    cell = geometry.cylinder(50, 2)
    model = rxd.Model(cell, segments=2, v_init=-75)
    model.insert(library.pas(g=1e-4, e=-80), on=cell.all)
    model.insert(library.pas(g=3e-4, e=-60, name="more"), on=cell.all)
    sim = model.compile("split", dt=0.1)
    leaks = sim.stepper._leaks
    assert leaks.groups == (0,)
    np.testing.assert_allclose(leaks.conductance, 4e-4 * sim.discretization.cable.capacity[:2] * 1e3, rtol=1e-13)
    np.testing.assert_allclose(leaks.rest, -65.0, rtol=1e-14)
    sim.run(10.0)
    exact = -65 - 10 * np.exp(-0.4 * 10.0)
    np.testing.assert_allclose(sim.state.y, exact, rtol=1e-4)


def test_only_what_is_linear_in_v_with_constant_coefficients_is_a_leak() -> None:
    cell = geometry.cylinder(50, 2)
    for mechanism in (library.hh(), library.pas()):
        model = rxd.Model(cell, segments=1)
        model.insert(mechanism, on=cell.all)
        sim = model.compile("split", dt=0.1)
        text = leak_text(sim.system.groups[0])
        assert (text is not None) == (mechanism.name == "pas")
        assert (sim.kernels.groups[0].leak is not None) == (mechanism.name == "pas")
