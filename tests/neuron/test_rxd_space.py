"""Held faces, coefficients that differ, and joints of segments and voxels, against exact rates; lists of nodes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.neuron import Session, h, rxd


@pytest.fixture(autouse=True)
def session():
    with Session() as session:
        yield session


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
