"""What a critical reading of the core found: each of these once gave a wrong number, or an error for a sound model."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pint
import pytest
import sympy

import geometry
import rxd
from rxd.declare.mechanism import symbols
from rxd.declare.region import Extracellular

METHODS = ("split", "coupled")


def point(segments: int = 1) -> tuple[rxd.Model, rxd.Region]:
    """A short cylinder with one region on its inner side."""
    cell = geometry.cylinder(30, 1)
    return rxd.Model(cell, segments=segments), rxd.Region(cell.all, "cyt", side="i")


def compiled(model: rxd.Model, method: str) -> rxd.Simulation:
    return model.compile(method, **({"dt": 0.025} if method == "split" else {"rtol": 1e-7}))


# --- gates that the split stepper advances exactly -------------------------------------------------------------------


def test_a_state_that_switches_on_itself_is_no_gate() -> None:
    """Both branches have slope -1, so the derivative alone looks affine; the state must slide to its threshold 0.5."""
    model, cyt = point()
    x = rxd.State(cyt, "x", initial=0.9)
    model.add(rxd.Rate(x, sympy.Piecewise((1 - x, x < 0.5), (0.3 - x, True))))
    sim = compiled(model, "split")
    assert sim.system.groups[0].gates == ()
    sim.run(5)
    assert sim.values(x[cyt])[0] == pytest.approx(0.5, abs=0.02)


def test_a_gate_that_switches_on_v_stays_exact() -> None:
    model, cyt = point()
    x = rxd.State(cyt, "x", initial=0.9)
    model.add(rxd.Rate(x, sympy.Piecewise((1 - x, rxd.v > 0), (0.3 - x, True))))
    sim = compiled(model, "split")
    assert len(sim.system.groups[0].gates) == 1
    sim.run(5)
    assert sim.values(x[cyt])[0] == pytest.approx(0.3 + 0.6 * np.exp(-5), rel=1e-12)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("decay", [0.0, 1e-12, 1e-3])
def test_a_gate_may_decay_slowly_or_not_at_all(method: str, decay: float) -> None:
    """``source / decay`` is not its steady state then: it just grows."""
    model, cyt = point()
    x, k = rxd.State(cyt, "x", initial=0.2), rxd.Parameter(cyt, "k", value=decay)
    model.add(rxd.Rate(x, 1 - k * x))
    sim = compiled(model, method)
    sim.run(5)
    exact = 0.2 * np.exp(-5 * decay) - (np.expm1(-5 * decay) / decay if decay else -5.0)
    assert sim.values(x[cyt])[0] == pytest.approx(exact, rel=1e-12 if method == "split" else 1e-6)


def test_a_gate_may_rest_below_a_threshold() -> None:
    """Source and decay are both zero there."""
    model, cyt = point()
    x = rxd.State(cyt, "x", initial=0.2)
    model.add(rxd.Rate(x, sympy.Piecewise((1, rxd.v > -20), (0, True)) * (1 - x)))
    sim = compiled(model, "split")
    sim.run(5)
    assert sim.values(x[cyt])[0] == 0.2


# --- powers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("hill", [1.0, 2.0, 1.5])
def test_a_hill_exponent_may_be_a_parameter_where_nothing_is_there(method: str, hill: float) -> None:
    """The derivative of ``ca**n`` is not ``n ca**n / ca`` at ca = 0."""
    model, cyt = point()
    ca, n, total = (
        rxd.Species(cyt, "ca", initial=0.0),
        rxd.Parameter(cyt, "n", value=hill),
        rxd.State(cyt, "total", initial=0.0),
    )
    model.add(rxd.Reaction(ca, 0, 2 * ca**n / (1 + ca**n), custom_dynamics=True), rxd.Rate(total, ca**n))
    sim = compiled(model, method)
    sim.run(1)
    assert sim.values(ca[cyt])[0] == 0.0
    assert sim.values(total)[0] == 0.0


@pytest.mark.parametrize("method", METHODS)
def test_a_whole_exponent_may_be_written_as_a_float(method: str) -> None:
    """``v**2.0`` is ``v * v`` also where v is negative."""
    model, cyt = point()
    x = rxd.State(cyt, "x", initial=0.0)
    model.add(rxd.Rate(x, 1e-4 * rxd.v**2.0 - x))
    sim = compiled(model, method)
    sim.run(1)
    assert sim.values(x)[0] == pytest.approx(0.4225 * -np.expm1(-1.0), rel=1e-5)


def test_a_step_keeps_its_value_at_the_jump() -> None:
    model, cyt = point()
    x = rxd.State(cyt, "x", initial=0.0)
    model.add(rxd.Rate(x, sympy.Heaviside(rxd.v + 65.0, 1) + 0 * rxd.t))
    sim = compiled(model, "split")
    sim.run(1)
    assert sim.values(x)[0] == pytest.approx(1.0, rel=1e-12)


# --- places ----------------------------------------------------------------------------------------------------------


def test_a_reaction_does_not_reach_into_another_region() -> None:
    """A bare species that lives only elsewhere would change at the same rate in mM/ms, whatever the volumes: moles appear."""
    cell = geometry.cylinder(30, 1)
    cyt = rxd.Region(cell.all, "cyt", shape=rxd.FractionalVolume(0.8))
    er = rxd.Region(cell.all, "er", shape=rxd.FractionalVolume(0.2))
    ca, buf, bound = rxd.Species(cyt, "ca"), rxd.Species(er, "buf"), rxd.Species(cyt, "bound")
    model = rxd.Model(cell)
    model.add(rxd.Reaction(ca[cyt] + buf, bound[cyt], 1.0))
    with pytest.raises(rxd.DeclarationError, match="mixes regions cyt, er"):
        model.compile("split", dt=0.025)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        (lambda ca, box, cyt: 0.1 * ca[cyt], "reads or changes cyt and ecs"),
        (lambda ca, box, cyt: 0.01 * rxd.v, "has no membrane: 'v'"),
        (lambda ca, box, cyt: rxd.concentration("ca", "o") + ca[box], "has no membrane: 'ca_o'"),
    ],
)
def test_a_rate_in_extracellular_space_reads_what_is_there(expression: Callable, words: str) -> None:
    """Of v and of a cell's species a voxel of the box has none, one or many: which one was arbitrary."""
    model, cyt = point()
    box = Extracellular(-50, -50, -50, 50, 50, 50, dx=25)
    ca = rxd.Species([cyt, box], "ca", charge=2, initial=1.0)
    model.add(ca, rxd.Rate(ca[box], expression(ca, box, cyt)))
    with pytest.raises(rxd.DeclarationError, match=words):
        model.compile("split", dt=0.025)


def test_a_function_written_for_one_node_is_not_taken_for_a_constant() -> None:
    """``"left" in node.section_name`` asks an array for an equal element, and answers for all nodes at once."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=2)
    a = rxd.Species(rxd.Region(cell.all, "cyt"), "a", initial=lambda node: 1.0 if "left" in node.section_name else 0.0)
    b = rxd.Species(a.regions[0], "b", initial=lambda node: float(node.section_name.startswith("left")))
    c = rxd.Species(a.regions[0], "c", initial=lambda node: 3.0)
    model.add(a, b, c)
    sim = model.compile("split", dt=0.025)
    assert sim.values(a).tolist() == [0, 0, 1, 1, 0, 0]
    assert sim.values(b).tolist() == [0, 0, 1, 1, 0, 0]
    assert sim.values(c).tolist() == [3] * 6


def test_units_are_converted_in_a_dict_of_regions_too() -> None:
    cell = geometry.cylinder(30, 1)
    a, b = rxd.Region(cell.all, "a"), rxd.Region(cell.all, "b")
    concentration = pint.UnitRegistry()("3 uM")
    c = rxd.Species([a, b], "c", initial={a: concentration, b: lambda node: 2.0})
    assert c.initial[a] == pytest.approx(3e-3, rel=1e-12)
    assert callable(c.initial[b])
    with pytest.raises(rxd.UnitsError, match=r"initial of Species 'd'.*number"):
        rxd.Species([a, b], "d", initial={a: "much", b: 1.0})


# --- names and what is read under them -------------------------------------------------------------------------------


def test_a_synapse_and_a_channel_of_one_name_keep_apart() -> None:
    g = symbols("g")
    channel = rxd.Mechanism("syn", {}, (rxd.Gate(g, (1 - g) / 3, 0.5),), (rxd.Current("i", 1e-4 * g * (rxd.v + 70)),))
    synapse = rxd.PointMechanism("syn", {}, (rxd.Gate(g, -g / 5, 1e-3),), (rxd.Current("i", g * rxd.v),), on_event={"g": 1.0})
    model, cyt = point()
    model.insert(channel, on=cyt.selection)
    model.add(rxd.PointProcess(synapse, model.morphology.all(0.5)))
    sim = model.compile("split", dt=0.025)
    sim.run(3)
    labels = [label for label in sim.discretization.layout.blocks if label != "v"]
    assert len(labels) == 2
    assert sim.values("syn.g")[0] == pytest.approx(1 - 0.5 * np.exp(-1), rel=1e-12)
    assert sim.values(labels[1])[0] == pytest.approx(1e-3 * np.exp(-0.6), rel=1e-12)


def test_two_pumps_of_one_species_are_recorded_apart() -> None:
    cell = geometry.cylinder(30, 1)
    cyt, plasma = rxd.Region(cell.all, "cyt", side="i"), rxd.Region(cell.all, "plasma", shape=rxd.membrane)
    ca = rxd.Species(cyt, "ca", charge=2, initial=1.0)
    model = rxd.Model(cell, segments=2)
    for rate in (10.0, 30.0):
        pump = rxd.MultiCompartmentReaction(ca, 0, rate * ca, membrane=plasma, custom_dynamics=True, membrane_flux=True)
        model.add(pump)
    sim = model.compile("split", dt=0.025)
    labels = [process.label for process in sim.system.groups[0].processes]
    results = sim.run(0.0, record=labels)
    assert [results[label].values[0].tolist() for label in labels] == [[10.0, 10.0], [30.0, 30.0]]


def test_all_nodes_are_found_beside_a_place() -> None:
    """A quantity asked for by itself is the whole recording, whichever was listed first."""
    model, cyt = point(3)
    sim = model.compile("split", dt=0.025)
    place, other = (cyt.selection(x) for x in (0.1, 0.9))
    results = sim.run(0.1, record=[rxd.v(place), rxd.v])
    assert results[rxd.v].dims == ("time", "node")
    assert results[rxd.v(place)].dims == ("time",)
    assert sim.run(0.2, record=[rxd.v(place)])[rxd.v].dims == ("time",)
    with pytest.raises(KeyError, match=r"'v' was recorded at 2 places.*rxd.v\(place\)|'v' was recorded at 2 places"):
        sim.run(0.3, record=[rxd.v(place), rxd.v(other)])[rxd.v]


def test_two_synapses_at_one_place_are_not_one() -> None:
    model, cyt = point()
    g = symbols("g")
    synapse = rxd.PointMechanism("syn", {"g0": 1e-3}, (rxd.Gate(g, -g, symbols("g0")),), (rxd.Current("i", g * rxd.v),))
    place = cyt.selection(0.5)
    model.add(rxd.PointProcess(synapse, place), rxd.PointProcess(synapse, place, g0=2e-3))
    sim = model.compile("split", dt=0.025)
    for label in ("syn.i", "syn.g"):
        with pytest.raises(rxd.DeclarationError, match=rf"2 nodes of '{label}' at cable\(0.5\).*record '{label}'"):
            sim.run(0.0, record=[rxd.Probe(label, place)])


def test_extracellular_nodes_have_no_place_on_a_section() -> None:
    model, cyt = point()
    box = Extracellular(-50, -50, -50, 50, 50, 50, dx=50)
    ca = rxd.Species([cyt, box], "ca", charge=2, initial=1.0)
    model.add(ca)
    recorded = model.compile("split", dt=0.025).run(0.0, record=[ca[box]])[ca[box]]
    assert set(recorded["section"].values) == {"outside"}
    assert np.isnan(recorded["x"].values).all()
    assert np.isnan(recorded["path_distance"].values).all()


def test_many_branch_points_are_balanced_sparsely() -> None:
    """The values at branch points solve a sparse system: against the dense one, with branch points side by side."""
    from rxd.solve.split_pack import junction_values

    cell = geometry.examples.pyramidal_cell(seed=1)
    cable = rxd.Model(cell, segments=1).compile("split", dt=0.025).discretization.cable
    n, total = cable.n, len(cable.parent)
    values = np.random.default_rng(0).normal(size=n)
    matrix = np.zeros((total, total))
    for child in np.flatnonzero(cable.parent >= 0):
        parent, g = cable.parent[child], cable.conductance[child]
        matrix[[child, parent], [child, parent]] += g
        matrix[[child, parent], [parent, child]] -= g
    dense = np.linalg.solve(matrix[n:, n:], -matrix[n:, :n] @ values)
    assert total > n
    assert junction_values(cable, values) == pytest.approx(dense, rel=1e-10)
