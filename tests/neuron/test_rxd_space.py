"""Held faces, coefficients that differ, and joints of segments and voxels, against exact rates; lists of nodes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.neuron import h, rxd

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def ball():
    sec = h.Section(name="ball")
    sec.L = sec.diam = 10
    return sec


def run(t, dt):
    h.dt = dt
    h.finitialize(-65)
    for _ in range(round(t / dt)):
        h.fadvance()


def test_held_faces_make_a_harmonic_profile():
    box = rxd.Extracellular(0, 0, 0, 50, 30, 30, dx=10, volume_fraction=0.2)
    x = rxd.Species(box, name="x", d=40, initial=7, ecs_boundary_conditions=lambda node: node.x3d - 0.5 * node.y3d)
    still = rxd.Species(box, name="still", initial=7, ecs_boundary_conditions=3)
    run(60, 0.5)
    exact = np.array([node.x3d - 0.5 * node.y3d for node in x.nodes])
    inner = np.array([node.value for node in x.nodes]) - exact
    assert np.abs(inner).max() < 1e-4
    face = x[box].node_by_ijk(0, 1, 1)
    assert face.value == pytest.approx(face.x3d - 0.5 * face.y3d, abs=1e-9)
    assert set(still.nodes.value) == {7.0}  # what does not diffuse is not held, as in NEURON


def test_a_held_face_is_a_number_or_nothing():
    box = rxd.Extracellular(0, 0, 0, 30, 30, 30, dx=10)
    held = rxd.Species(box, name="held", d=10, initial=1, ecs_boundary_conditions=4)
    sealed = rxd.Species(box, name="sealed", d=40, initial=lambda node: node.x3d)
    run(20, 0.5)
    assert held[box].node_by_ijk(1, 1, 1).value == pytest.approx(4, abs=0.01)
    assert held[box].node_by_ijk(0, 0, 0).value == pytest.approx(4, abs=1e-9)
    assert sum(sealed.nodes.value) == pytest.approx(27 * 15, rel=1e-9)
    assert np.std(sealed.nodes.value) < 0.1


def test_between_segments_the_mean_coefficient_counts():
    sec = h.Section(name="s")
    sec.L, sec.diam, sec.nseg = 20, 2, 2
    x = rxd.Species(rxd.Region(sec), name="x", d=1, initial=lambda node: float(node.x < 0.5))
    x.nodes[0].d, x.nodes[1].d = 1, 3
    run(10, 0.01)
    left, right = x.nodes.value
    assert left + right == pytest.approx(1, rel=1e-12)
    assert left - right == pytest.approx(math.exp(-2 * 2 / 10**2 * 10), rel=1e-3)
    assert [node.d for node in x.nodes] == [1, 3]


def test_between_voxels_the_coefficient_of_the_higher_counts():
    box = rxd.Extracellular(0, 0, 0, 20, 20, 10, dx=10)
    x = rxd.Species(
        box,
        name="x",
        d=lambda node, axis: 0 if axis == 1 else 5 if node.x3d < 10 else 2,
        initial=lambda node: float(node.x3d < 10),
    )
    run(10, 0.01)
    low, high = x[box].states3d[0, 0, 0], x[box].states3d[1, 0, 0]
    assert low - high == pytest.approx(math.exp(-2 * 2 / 10**2 * 10), rel=1e-3)
    y = rxd.Species(box, name="y", d=(3, 0, 3), initial=lambda node: float(node.y3d < 10))
    run(5, 0.1)
    assert set(y.nodes.value) == {0.0, 1.0}


@pytest.mark.parametrize("thin", [False, True], ids=["segment first", "voxels first"])
def test_half_a_segment_and_half_a_voxel_join(thin):
    a, b = h.Section(name="a"), h.Section(name="b")
    for sec in (a, b):
        sec.L, sec.diam = 8, 2.1
    b.connect(a)
    solid, flat = (a, b) if thin else (b, a)
    rxd.set_solve_type([solid], dimension=3)
    x = rxd.Species(rxd.Region([a, b], dx=0.35), name="x", d=0.7, initial=lambda node: float(node.sec == flat))
    before = np.dot(x.nodes.value, x.nodes.volume)
    run(0.002, 0.001)
    rate = 0.7 / ((8 / 2 + 0.35 / 2) * 8)
    assert 1 - x.nodes(flat).value[0] == pytest.approx(rate * 0.002, rel=0.02)  # voxels at the joint are still empty
    assert np.dot(x.nodes.value, x.nodes.volume) == pytest.approx(before, rel=1e-10)


def test_a_box_takes_functions_of_one_place():
    box = rxd.Extracellular(
        -20, -10, -10, 20, 10, 10, dx=10,
        volume_fraction=lambda x, y, z: 0.2 if x < 0 else 0.4, tortuosity=lambda x, y, z: 2.0 if y < 0 else 1.0,
    )  # fmt: skip
    x = rxd.Species(box, name="x", d=3, initial=lambda node: float(node.x3d < 0))
    volume = np.array(x.nodes.volume).reshape(4, 2, 2)
    assert np.allclose(volume[:2], 200)
    assert np.allclose(volume[2:], 400)
    run(1, 0.1)
    flown = x[box].states3d[2]
    assert flown.min() > 0
    assert flown[0].max() < 0.5 * flown[1].min()  # the slower half
    assert np.dot(x.nodes.value, x.nodes.volume) == pytest.approx(8 * 200, rel=1e-10)


def test_lists_of_nodes():
    sec = h.Section(name="s")
    sec.nseg = 3
    region = rxd.Region(sec)
    a, b = rxd.Species(region, name="a", initial=1), rxd.Species(region, name="b", initial=2)
    nodes = a.nodes
    for wrong in (
        lambda: nodes.append(b.nodes), lambda: nodes.extend([1, b.nodes[0]]), lambda: nodes.insert(0, "x"),
        lambda: nodes.__setitem__(0, 17), lambda: rxd.nodelist.NodeList([1]),
    ):  # fmt: skip
        with pytest.raises(TypeError, match="nodes only"):
            wrong()
    assert len(nodes) == 3
    nodes[0] = b.nodes[0]
    nodes.insert(1, b.nodes[1])
    nodes.append(b.nodes[2])
    nodes.extend(node for node in b.nodes[:1])
    assert nodes.value == [2, 2, 1, 1, 2, 2]
    assert [node.species for node in nodes] == [b, b, a, a, b, b]
    assert b.nodes[1] in nodes
    assert a.nodes[0] not in nodes
    assert (nodes.index(b.nodes[1]), nodes.count(b.nodes[0])) == (1, 2)
    assert all(node in sec for node in nodes)
    assert all(node in region for node in nodes)
    assert len(rxd.nodelist.NodeList([])) == 0


def test_states3d_follows_the_model_and_writes_to_it(ball):
    box = rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=20)
    x = rxd.Species(box, name="x", initial=1)
    decay = rxd.Rate(x, -0.1 * x)  # noqa: F841
    h.finitialize(-65)
    held = x[box].states3d
    plane = held[0]
    h.fadvance()
    expected = 1 / (1 + 0.1 * h.dt)
    assert held.mean() == pytest.approx(expected, rel=1e-9)
    assert plane[1, 1] == held[0, 1, 1]
    h.finitialize(-65)
    assert held.max() == 1
    held *= 3
    plane[:] = 7
    assert x.nodes.value == [7] * 4 + [3] * 4
    h.continuerun(5 * h.dt)
    assert held[1].mean() == pytest.approx(3 * expected**5, rel=1e-9)


def test_a_pointer_does_not_keep_a_species_alive(session, ball):
    box = rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=20)
    ball.insert("hh")
    k = rxd.Species(box, name="k", charge=1, initial=3)
    vec, held = h.Vector().record(k.nodes[0]._ref_value), k[box].states3d
    h.finitialize(-65)
    h.continuerun(1)
    assert len(vec) == 41
    del k
    k = rxd.Species(box, name="k", charge=1, initial=4)
    assert session.chemistry.quantities == [k]
    h.finitialize(-65)
    h.continuerun(1)
    assert k.nodes.value != [4] * 8  # the new one is the ion
    assert list(vec) == [vec[0]] * 41
    assert 3 < held.max() < 4


def test_currents_do_not_move_what_is_held_at_a_boundary(ball):
    ball.insert("hh")
    box = rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=20)
    k = rxd.Species(box, d=1, name="k", charge=1, initial=3, ecs_boundary_conditions=2.5)
    h.finitialize(-65)
    for _ in range(3):
        h.fadvance()
        assert k.nodes.value == [2.5] * 8
        assert ball(0.5).ko == 2.5
    h.continuerun(1)
    assert k.nodes.value == [2.5] * 8


def test_recordings_see_sources_that_vary_in_the_step_they_act(ball):
    x = rxd.Species(rxd.Region(ball), name="x", initial=0)
    x.nodes[0].include_flux(lambda: 1e6 * (1 + h.t))
    vec = h.Vector().record(x.nodes[0]._ref_value)
    run(0.2, 0.05)
    by_steps = [0.0, *np.array(vec)[1:]]
    h.finitialize(-65)
    h.continuerun(0.2)
    given = np.cumsum([0.0, *(1e6 * (1 + 0.05 * step) * 0.05 for step in range(4))])
    assert list(vec) == pytest.approx(given / (602214.076 * ball(0.5).volume()), rel=1e-6)
    assert list(vec) == by_steps


def test_states_cross_membranes_and_rates_may_be_of_whole_segments(ball):
    ball.nseg = 2
    cyt, mem = rxd.Region(ball, name="cyt", nrn_region="i"), rxd.Region(ball, name="mem", geometry=rxd.membrane)
    box = rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=20)
    inner = rxd.State(cyt, name="inner", initial=1)
    dump = rxd.Parameter(box, name="dump", value=0)
    x = rxd.Species(cyt, name="x", initial=1)
    rates = [
        rxd.MultiCompartmentReaction(u[cyt], dump[box], rate, mass_action=False, membrane=mem, scale_by_area=scaled)
        for u, rate, scaled in ((inner, 5e5, False), (x, 5e3, True))
    ]
    run(1, 0.1)
    segment = ball(0.25)
    assert inner.nodes.value == pytest.approx([1 - 5e5 / (602214.076 * segment.volume())] * 2, rel=1e-6)
    assert x.nodes.value == pytest.approx([1 - 5e3 * segment.area() / (602214.076 * segment.volume())] * 2, rel=1e-6)
    assert ["scale_by_area=False" in repr(rate) for rate in rates] == [True, False]


@pytest.mark.filterwarnings("ignore:.*but no membrane")
def test_of_shells_that_all_are_inside_the_outermost_is_the_ions():
    for name in ("all", "outer"):
        sec = h.Section(name=name)
        sec.L = sec.diam = 10
        sec.insert("hh")
        shells = [
            rxd.Region(sec, nrn_region="i", name=f"{name}{i}", geometry=rxd.Shell(0.8 - i / 5, 1 - i / 5)) for i in range(3)
        ]
        used = shells if name == "all" else shells[:1]
        na = rxd.Species(used, name="na", charge=1, initial=10)
        h.finitialize(-50)
        h.continuerun(1)
        assert [set(na[shell].nodes.value) for shell in used[1:]] == [{10.0}] * (len(used) - 1)
        assert sec(0.5).nai == na[shells[0]].nodes[0].value > 10
        found = (sec(0.5).v, sec(0.5).ena, sec(0.5).nai)
        if name == "all":
            first = found
        del na, sec, shells, used
    assert found == pytest.approx(first, rel=1e-12)


def test_a_shell_without_membrane_is_warned_of(ball):
    shells = [rxd.Region(ball, nrn_region="i", name=f"shell{i}", geometry=rxd.Shell(0.5 - i / 2, 1 - i / 2)) for i in range(2)]
    na = rxd.Species(shells, name="na", charge=1, initial=10)
    with pytest.warns(UserWarning, match="shell1 has nrn_region='i' but no membrane, which shell0 has"):
        h.finitialize(-65)
    assert len(na.nodes) == 2


def test_all_products_in_extracellular_space_get_their_molecules(ball):
    cyt, mem = rxd.Region(ball, name="cyt", nrn_region="i"), rxd.Region(ball, name="mem", geometry=rxd.membrane)
    box = rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=20, volume_fraction=0.5)
    x = rxd.Species([cyt, box], name="x", initial=1)
    y, z = (rxd.Species(box, name=name, initial=2) for name in "yz")
    split = rxd.MultiCompartmentReaction(x[cyt], y[box] + z[box], 1e4, mass_action=False, membrane=mem)  # noqa: F841
    run(1, 0.1)
    lost = (1 - x[cyt].nodes[0].value) * ball(0.5).volume()
    for product in (y, z):
        gained = sum((node.value - 2) * node.volume for node in product.nodes)
        assert gained == pytest.approx(lost, rel=1e-9)


@pytest.mark.filterwarnings("ignore:.*no part of the membrane")
@pytest.mark.parametrize("side", ["i", "o"])
@pytest.mark.parametrize(
    ("shape", "part"),
    [
        (rxd.inside, 1),
        (rxd.Shell(1, 1.5), 1),
        (rxd.Shell(1.2, 1.5), 0),
        (rxd.Shell(0.5, 0.8), 0),
        (rxd.FractionalVolume(0.5), 0),
        (rxd.FractionalVolume(0.5, surface_fraction=0.25), 0.25),
        (rxd.FixedCrossSection(5, 10), 1 / math.pi),
    ],
)
def test_currents_enter_through_the_part_of_the_membrane_a_region_has(ball, side, shape, part):
    ball.insert("hh")
    region = rxd.Region(ball, name="region", nrn_region=side, geometry=shape)
    k = rxd.Species(region, name="k", charge=1, initial=20)
    run(0.025, 0.025)
    (node,) = k.nodes
    moved = (node.value - 20) * node.volume * (-1 if side == "i" else 1)
    assert moved == pytest.approx(part * ball(0.5).ik * 0.025 * 1e4 * ball(0.5).area() / h.FARADAY, rel=1e-9, abs=1e-15)
    assert node.surface_area == pytest.approx(part * ball(0.5).area())


def test_a_region_without_membrane_is_warned_of_if_it_holds_an_ion(ball):
    store = rxd.Region(ball, name="store", nrn_region="i", geometry=rxd.FractionalVolume(0.2))
    na = rxd.Species(store, name="na", charge=1)
    with pytest.warns(UserWarning, match="store has nrn_region='i' but no part of the membrane"):
        h.finitialize(-65)
    assert na.nodes[0].value == h.nai0_na_ion


@pytest.mark.parametrize(
    "given", [{"tortuosity": lambda x, y, z: 2 if z < 20 else math.inf}, {"permeability": lambda x, y, z: 0.25 * (z < 20)}]
)
def test_nothing_diffuses_where_the_tortuosity_is_infinite(given):
    box = rxd.Extracellular(0, 0, 0, 60, 10, 40, dx=10, **given)
    x = rxd.Species(box, name="x", d=400, initial=lambda node: node.x3d)
    run(60, 0.5)
    found = x[box].states3d[:, 0]
    assert np.abs(found[:, :2] - 30).max() < 1e-3
    assert np.array_equal(found[:, 2], np.arange(5, 60, 10))
    assert np.array_equal(found[:, 3], found[:, 2])
