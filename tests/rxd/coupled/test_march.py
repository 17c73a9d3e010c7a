"""Steps that one compiled call makes against the same steps made one by one; the order in which the tree is eliminated."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import geometry
import rxd
from rxd import library
from rxd.discretize.records import LANES
from rxd.solve.attempts import CompiledAttempt
from rxd.solve.calls import RATES
from rxd.solve.direct_blocks import build_block_tree
from rxd.solve.direct_tree import WIDTH


def ringing() -> rxd.Model:
    """A branched cable that fires several times and excites itself, with v alone on one branch."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=5)
    model.insert(library.hh(), on=cell["parent"])
    model.insert(library.pas(), on=cell["left"] | cell["right"])
    cyt = rxd.Region(cell["parent"] | cell["left"], "cyt", side="i")
    ca = rxd.Species(cyt, "ca", d=0.3, initial=lambda node: 1 + np.asarray(node.x))
    synapse = rxd.PointProcess(library.exp_syn(tau=1.0), cell["left"](0.5))
    model.add(
        rxd.Rate(ca, -0.1 * ca[cyt] ** 2 + 0.001 * rxd.v),
        rxd.IClamp(cell["parent"](0.0), amp=1.0, delay=0.5, dur=8.0),
        rxd.NetCon(cell["parent"](0.9), synapse, threshold=-20.0, weight=2e-3, delay=0.7),
    )
    return model


def outcome(**options: Any) -> tuple[rxd.Results, np.ndarray, np.ndarray]:
    """Results with samples, and what two runs without any come to."""
    simulation = ringing().compile(**options)
    sampled = simulation.run(10.0, record=[rxd.v, "ca[cyt]"], every=0.3)
    middle = np.array(simulation.state.y)
    simulation.reset()
    simulation.run(4.0)
    simulation.run(10.0)
    return sampled, middle, np.array(simulation.state.y)


@pytest.mark.parametrize("options", [{"dt": 0.025}, {"rtol": 1e-5}, {"dt": 0.2, "adaptive": True, "rtol": 1e-3}])
def test_steps_made_at_once_are_those_made_one_by_one(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    (sampled, middle, end) = outcome(**options)
    monkeypatch.setattr(CompiledAttempt, "ahead", lambda self, way: None)
    (expected, other_middle, other_end) = outcome(**options)
    ours, theirs = sampled.statistics, expected.statistics
    counts = [(each.steps, each.rejected, each.solves, each.events) for each in (ours, theirs)]
    assert counts[0] == counts[1]
    assert counts[0][3] >= 1
    for found, wanted in zip(sampled.values, expected.values, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(middle, other_middle, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(end, other_end, rtol=1e-11, atol=1e-12)


def test_few_steps_at_once_lead_as_far(monkeypatch: pytest.MonkeyPatch) -> None:
    found = outcome(dt=0.025)
    monkeypatch.setattr("rxd.solve.attempts.AT_ONCE", 1)
    expected = outcome(dt=0.025)
    assert found[0].statistics.steps == expected[0].statistics.steps
    np.testing.assert_array_equal(found[2], expected[2])


def test_branches_go_on_in_their_lanes() -> None:
    """Nodes that hold v alone do not interrupt the others: who leaves its lane meets another branch, or the other kind."""
    discretization = ringing().compile(dt=0.025).discretization
    tree = build_block_tree(discretization)
    full = tree.full
    assert 0 < full.sum() < len(full)
    left = 0
    for wave, after in zip(tree.waves, [*tree.waves[1:], np.full(WIDTH, -1)], strict=True):
        here = wave >= 0
        assert len(set(full[wave[here]].tolist())) == 1
        left += int(np.sum(here & (tree.parent[wave] >= 0) & (after != tree.parent[wave])))
    children = np.bincount(tree.parent[tree.parent >= 0], minlength=len(full))
    other_kind = np.sum(full[tree.parent[tree.parent >= 0]] != full[tree.parent >= 0])
    assert left <= np.sum(np.maximum(children - 1, 0)) + other_kind


def test_branch_points_have_a_neighbours_values() -> None:
    """The point at which a stage is evaluated, as the tree has it; branch points whose lanes nobody writes keep the first."""
    simulation = ringing().compile(dt=0.025)
    simulation.run(0.1)
    solver = simulation.stepper.solver
    _, _, (*_, point, _) = solver.arrays
    for pairs, wanted in ((solver.plan.twins, 0.05), (solver.plan.again, 0.0)):
        targets, sources = np.split(pairs, 2)
        assert targets.size % WIDTH == 0
        assert point[sources].all()
        np.testing.assert_allclose(point[targets], point[sources], rtol=wanted)
    assert solver.plan.twins.size > 0
    assert set(solver.plan.again.tolist()) <= set(solver.plan.twins.tolist())


@pytest.mark.parametrize("tableau", ["rodas4p", "rodas3"])
def test_the_first_stage_of_a_step_of_no_length_is_the_rate(tableau: str) -> None:
    """By which the first step is chosen: nothing but the step is compiled."""
    simulation = ringing().compile(tableau=tableau)
    simulation.run(0.7)
    stepper, state = simulation.stepper, simulation.state
    equations, attempt = stepper.equations, stepper._attempt
    assert not equations.model[1][:, RATES].any()
    found, expected = np.empty(equations.size), np.empty(equations.size)
    electrodes = equations.electrodes(state.t)
    assert electrodes.current.any()
    attempt.place(electrodes)
    attempt.rates(state.t, state.y, found)
    equations.rates(state.t, state.y, electrodes, expected)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-8 * np.abs(expected).max())
    assert np.abs(expected).max() > 1


def test_what_is_put_into_lanes_comes_back() -> None:
    plan = ringing().compile().stepper.solver.plan
    size, lanes = len(plan.lane), plan.sizes[2]
    values, kept, found = 1.0 + np.arange(size), np.full(lanes, np.nan), np.empty(size)
    plan.load(values, kept)
    plan.store(kept, found)
    np.testing.assert_array_equal(found, values)
    assert plan.hollow.size == LANES  # v of the synapse, which is its segment's
    assert not kept[plan.hollow].any()
    assert set(kept.tolist()) == {0.0, *values.tolist()}
