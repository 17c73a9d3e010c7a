"""Areas of voxels as NEURON reports them, and what else scripts see of regions in 3-D."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.neuron import Session, h, rxd
from rxd.neuron.space.surface import CORNERS, _fan, _loops

pytestmark = pytest.mark.usefixtures("session")


@pytest.mark.parametrize("pattern", range(1, 255))
def test_every_cut_edge_is_in_one_closed_loop(pattern):
    inside = [bool(pattern >> corner & 1) for corner in range(8)]
    edges = {
        (a, b)
        for a in range(8)
        for b in range(a + 1, 8)
        if np.abs(np.subtract(CORNERS[a], CORNERS[b])).sum() == 1 and inside[a] != inside[b]
    }
    loops = _loops(inside)
    assert sorted(cut for loop in loops for cut in loop) == sorted(edges)
    assert min(len(loop) for loop in loops) >= 3
    for loop in loops:
        for one, other in zip(loop, [*loop[1:], loop[0]], strict=True):
            ends = np.array([CORNERS[corner] for corner in (*one, *other)])
            assert np.any(np.all(ends == ends[0], axis=0))  # neighbours share a face


@pytest.mark.parametrize(
    ("normal", "offset", "area"),
    [
        ((1, 0, 0), 0.3, 1.0),
        ((1, 1, 0), 0.5, np.sqrt(0.5)),
        ((1, 1, 1), 0.5, np.sqrt(3) / 8),
        ((1, 1, 1), 1.5, 3 * np.sqrt(3) / 4),
    ],
)
def test_area_of_a_plane_through_a_voxel_is_exact(normal, offset, area):
    at = (np.array(CORNERS) @ np.array(normal) - offset)[None, :]
    found = sum(_fan(at, loop, np.ones(3))[0] for loop in _loops(list(at[0] <= 0)))
    assert found == pytest.approx(area, rel=1e-12)


def areas(dx, diam=2.1, length=4.3):
    sec = h.Section(name="s")
    sec.L, sec.diam = length, diam
    rxd.set_solve_type(dimension=3)
    x = rxd.Species(rxd.Region(sec, dx=dx), name="x")
    return np.array(x.nodes.surface_area), np.array(x.nodes.volume), sec


def test_the_triangulated_area_comes_near_that_of_the_membrane_from_below():
    exact = np.pi * 2.1 * 4.3 + np.pi * 2.1**2 / 2
    lacking = []
    for dx in (0.3, 0.15):
        with Session():
            area, volume, _ = areas(dx)
            lacking.append(1 - area.sum() / exact)
            assert np.all(area[volume < 0.999 * dx**3] >= 0)
            assert np.all(area[volume >= 0.999 * dx**3] <= 3.5 * dx**2)
    assert 0 < lacking[1] < 0.6 * lacking[0] < 0.04


@pytest.mark.parametrize("between", [(), (1.0,), (0.5, 0.75, 1.0, 1.25)])
@pytest.mark.parametrize("nseg", [1, 2, 8])
def test_areas_of_an_aligned_cylinder_are_those_of_neuron_whatever_its_seams(between, nseg):
    sec = h.Section(name="s")
    for x in (0.0, *between, 2.0):
        sec.pt3dadd(x, 0, 0, 2)
    sec.nseg = nseg
    rxd.set_solve_type(dimension=3)
    x = rxd.Species(rxd.Region(sec, dx=0.25), name="x")
    assert sum(x.nodes.surface_area) == pytest.approx(17.2013, rel=5e-4)  # NEURON, nseg = 1, 2 and 4


def test_inner_voxels_have_no_area():
    sec = h.Section(name="s")
    sec.L, sec.diam = 3, 3
    rxd.set_solve_type(dimension=3)
    region = rxd.Region(sec, dx=0.25)
    x = rxd.Species(region, name="x")
    middle = sec.x3d(0) + 1.5 if sec.n3d() else 1.5
    depth = [max(abs(node.x3d - middle), np.hypot(node.y3d, node.z3d)) for node in x.nodes]
    area = np.array(x.nodes.surface_area)
    assert np.all(area[np.array(depth) < 1.0] == 0)
    assert np.all(area[np.array(depth) > 1.4] > 0)


@pytest.mark.parametrize(
    ("nseg", "whole", "cut"),  # as counted in NEURON: segments of whole and of cut voxels, layer by layer
    [
        (10, [None, 0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2, 3]),
        (20, [None, 0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 3, 4, 5]),
        (30, [None, 1, 4, 4, 7, 7, 10], [1, 1, 4, 4, 7, 7, 10]),
        (40, [None, 1, 3, 5, 7, 9, 11], [1, 1, 3, 5, 7, 9, 11]),
        (7, [None, 0, 0, 1, 1, 1, 2], [0, 0, 0, 1, 1, 1, 2]),
    ],
)
@pytest.mark.parametrize("axis", [0, 2])
def test_voxels_on_the_border_of_two_segments_count_as_in_neuron(axis, nseg, whole, cut):
    sec = h.Section(name="s")
    sec.pt3dadd(0, 0, 0, 2)
    sec.pt3dadd(*(5.0 * (number == axis) for number in range(3)), 2)
    sec.nseg = nseg
    rxd.set_solve_type(dimension=3)
    nodes = rxd.Species(rxd.Region(sec, dx=0.25), name="x").nodes
    layer = np.floor(np.array([(node.x3d, node.y3d, node.z3d)[axis] for node in nodes]) / 0.25).astype(int)
    segment = np.round(np.array([node.x for node in nodes]) * nseg - 0.5).astype(int)
    for number, (inner, outer) in enumerate(zip(whole, cut, strict=True)):
        inside = np.array(nodes.volume) > 0.9999 * 0.25**3
        assert inner is None or set(segment[(layer == number) & inside]) == {inner}
        assert set(segment[(layer == number) & ~inside]) == {outer}


def test_new_segments_take_over_voxels_and_a_warning_says_so():
    sec, other = h.Section(name="s"), h.Section(name="other")
    sec.L, sec.diam, sec.nseg = 5, 2, 5
    rxd.set_solve_type([sec], dimension=3)
    x = rxd.Species(rxd.Region([sec, other], nrn_region="i", dx=0.5), name="x", initial=lambda node: node.x3d)
    kept = x.nodes(sec).value
    other.nseg = 3  # not in voxels: nothing to say
    assert len(x.nodes(other)) == 3
    sec.nseg = 3
    with pytest.warns(UserWarning, match="nseg of s has changed after region region0 was cut into voxels"):
        nodes = x.nodes(sec)
    assert nodes.value == kept
    assert len({node.segment for node in nodes}) == 3


def test_sections_that_change_are_cut_into_voxels_again():
    sec = h.Section(name="s")
    sec.L, sec.diam = 4, 2
    rxd.set_solve_type(dimension=3)
    x = rxd.Species(rxd.Region(sec, dx=0.4), name="x", initial=1)
    h.finitialize(-65)
    assert sum(x.nodes.volume) == pytest.approx(4 * np.pi, rel=1e-3)
    sec.diam = 3
    h.finitialize(-65)
    assert sum(x.nodes.volume) == pytest.approx(9 * np.pi, rel=1e-3)
    sec.L = 2
    h.finitialize(-65)
    h.fadvance()
    assert sum(x.nodes.volume) == pytest.approx(4.5 * np.pi, rel=1e-3)
    assert np.allclose(x.nodes.concentration, 1)


def test_currents_of_sections_in_voxels_are_shown():
    twins = []
    for number in range(2):
        sec = h.Section(name=f"s{number}")
        sec.pt3dadd(0, 20 * number, 0, 3)
        sec.pt3dadd(6, 20 * number, 0, 3)
        sec.insert("hh")
        twins.append(sec)
    rxd.set_solve_type([twins[0]], dimension=3)
    regions = [rxd.Region([sec], nrn_region="i", dx=1) for sec in twins]
    k = rxd.Species(regions, name="k", charge=1, initial=60)  # noqa: F841
    recorded = [h.Vector().record(sec(0.5)._ref_ik) for sec in twins]
    h.finitialize(-50)
    for _ in range(3):
        h.fadvance()
        assert twins[0](0.5).ik == pytest.approx(twins[1](0.5).ik, rel=1e-4)  # what has entered is not the same everywhere
    assert twins[1](0.5).ik > 0.05
    assert list(recorded[0]) == pytest.approx(list(recorded[1]), rel=1e-4)
    h.continuerun(1)
    assert list(recorded[0])[-1] == twins[0](0.5).ik


def chain(diam, lengths, nsegs):
    """A section along x, one on its 1 end, and one on its 0 end."""
    secs, x = [], 0.0
    for number, (length, nseg) in enumerate(zip(lengths, nsegs, strict=True)):
        sec = h.Section(name=f"d{number}")
        sec.pt3dadd(x if number < 2 else 0, 0, 0, diam)
        x += length if number < 2 else 0
        sec.pt3dadd(x if number < 2 else -length, 0, 0, diam)
        sec.nseg = nseg
        if number:
            sec.connect(secs[0](2 - number))
        secs.append(sec)
    return secs


# where along x the segments of the voxels change, as NEURON 9.0.2 has it
BORDERS = [
    ((1, 0.25, (4, 3, 3), (1, 1, 1)), [-2.875, 0.125, 0.375, 4.125, 4.375]),
    ((1, 0.3, (6, 3, 3), (1, 1, 1)), [-2.95, 0.35, 6.35]),
    ((1, 0.2, (5, 4, 4), (3, 1, 3)), [-3.9, -2.7, -1.3, 0.1, 0.3, 1.9, 3.5, 5.1, 5.3]),
    ((1, 0.25, (4.1, 3, 3), (1, 1, 1)), [-2.875, 0.125, 0.375, 4.375]),
]


@pytest.mark.parametrize(("model", "borders"), BORDERS)
def test_voxels_at_joints_belong_to_the_segment_nearer_to_the_root(model, borders):
    diam, dx, lengths, nsegs = model
    secs = chain(diam, lengths, nsegs)
    rxd.set_solve_type(dimension=3)
    x = rxd.Species(rxd.Region(secs, dx=dx), name="x")
    layers: dict[float, set[tuple[str, float]]] = {}
    for node in x.nodes:
        layers.setdefault(round(node.x3d, 3), set()).add((node.sec.name(), node.segment.x))
    found, before = [], None
    for at in sorted(layers):
        if layers[at] != before:
            found.append(at)
        before = layers[at]
    assert found == borders
    assert sum(len(x.nodes(sec)) for sec in secs) == len(x.nodes)


@pytest.mark.parametrize(
    ("length", "nseg", "dx", "diam", "segments"),  # of every layer of voxels in NEURON 9.0.2, from the 0 end on
    [
        (5, 11, 0.75, 2, [0, 0, 2, 3, 7, 7, 8, 10]),  # a plane goes through the middle of segment 5: NEURON's own test
        (3, 5, 0.5, 1, [0, 0, 1, 3, 3, 4]),
        (4, 7, 0.5, 1.5, [0, 0, 1, 2, 4, 4, 5, 6]),
        (2, 7, 1.0, 1, [3, 3]),  # no corner but at points
    ],
)
def test_corners_at_points_of_a_section_are_in_no_segment(length, nseg, dx, diam, segments):
    section = h.Section(name="section")
    section.L, section.diam, section.nseg = length, diam, nseg
    rxd.set_solve_type(dimension=3)
    layers = {round(node.x3d, 3): int(node.x * nseg) for node in rxd.Species(rxd.Region([section], dx=dx)).nodes}
    assert [layers[at] for at in sorted(layers)] == segments


@pytest.mark.parametrize(
    ("direction", "where", "dx", "depth"),
    # the mean depth of what crossed a joint in a first step, in the section in voxels; NEURON 9.0.2's
    [((1, 0, 0), "child", 0.2, 0.0005), ((-1, 0, 0), "child", 0.2, 0.0005), ((1, 0, 0), "parent", 0.2, 0.2001)],
)
def test_what_crosses_a_joint_goes_to_one_layer_of_voxels(direction, where, dx, depth):
    unit = np.array(direction)
    one, other = h.Section(name="one"), h.Section(name="other")
    for sec, start, stop in ((one, 0, 4), (other, 4, 7)):
        for at in (start, stop):
            sec.pt3dadd(*(at * unit), 1.3)
    other.connect(one(1))
    solid = other if where == "child" else one
    rxd.set_solve_type([solid], dimension=3)
    x = rxd.Species(rxd.Region([one, other], dx=dx), name="x", d=1, initial=lambda node: 0.0 if node.sec == solid else 1.0)
    h.dt = 1e-4
    h.finitialize(-65)
    h.fadvance()
    nodes = [node for node in x.nodes if node.sec == solid]
    amount = np.array([node.concentration * node.volume for node in nodes])
    away = np.abs(np.array([(node.x3d, node.y3d, node.z3d) for node in nodes]) @ unit - 4)
    assert (amount > 0.05 * amount.max()).sum() == 45
    assert away @ amount / amount.sum() == pytest.approx(depth, abs=3e-4)


def test_neighbors_are_the_voxels_next_to_one_counted_in_the_region():
    sec, tail = h.Section(name="s"), h.Section(name="t")
    for section, ends in ((sec, (0, 3)), (tail, (3, 6))):
        for x in ends:
            section.pt3dadd(x, 0.3 * x, 0, 1.1)
    tail.connect(sec(1))
    rxd.set_solve_type([sec], dimension=3)
    x = rxd.Species(rxd.Region([sec, tail], dx=0.3), name="x")
    voxels = list(x.nodes(sec))
    place = {(node._i, node._j, node._k): number for number, node in enumerate(voxels)}
    steps = [(1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1)]
    for node in voxels:
        at = np.array([node._i, node._j, node._k])
        assert node.neighbors == tuple(place.get(tuple((at + step).tolist())) for step in steps)
    assert not hasattr(x.nodes(tail)[0], "neighbors")


def test_lists_of_nodes_are_searched_and_sorted():
    sec = h.Section(name="s")
    sec.L, sec.diam, sec.nseg = 4.3, 1.1, 3
    rxd.set_solve_type(dimension=3)
    cyt = rxd.Region(sec, dx=0.3)
    x, y = rxd.Species(cyt, name="x", initial=lambda node: node.z3d), rxd.Species(cyt, name="y", initial=1)
    nodes = x.nodes
    chosen = nodes(lambda node: node.y3d > 0)
    assert [node.y3d for node in chosen] == [at for at in nodes.y3d if at > 0]
    assert list(nodes(sec(0.5))) == [node for node in nodes if node.segment == sec(0.5)]
    assert [nodes.index(node) for node in chosen[:3]] == [i for i, at in enumerate(nodes.y3d) if at > 0][:3]
    assert chosen[0] in nodes
    assert nodes.count(chosen[0]) == 1
    assert y.nodes[0] not in nodes
    assert 7 not in nodes
    with pytest.raises(ValueError, match="not in list"):
        chosen.index(next(node for node in nodes if node.y3d < 0))
    chosen.sort(key=lambda node: node.z3d, reverse=True)
    assert chosen.value == sorted(chosen.z3d, reverse=True)
    assert (nodes[0].satisfies(sec), nodes[-1].satisfies(sec(0.9)), nodes[0].satisfies(sec(0.9))) == (True, True, False)
    mixed = nodes[:2] + y.nodes[:2] + nodes[2:4]
    assert mixed.value == [*x.nodes.value[:2], 1.0, 1.0, *x.nodes.value[2:4]]
    assert (mixed.index(y.nodes[1]), mixed.index(nodes[3]), len(mixed)) == (3, 5, 6)


@pytest.mark.parametrize(("diam", "below"), [(1.7, True), (1.5, False)])
def test_voxels_at_a_limit_are_on_the_side_where_neuron_has_them(diam, below):
    """NEURON counts voxels from diameters in single precision, in which 1.7 is a little more."""
    sec = h.Section(name="s")
    for x in (0, 5):
        sec.pt3dadd(x, 0, 0, diam)
    rxd.set_solve_type(dimension=3)
    dx = 0.2 if below else 0.25
    x = rxd.Species(rxd.Region(sec, dx=dx), name="x")
    at = np.array(x.nodes.x3d)
    near = at[np.abs(at - (1.0 if below else 1.125)) < 1e-6]
    assert len(near) > 20
    assert np.all(near < 1) == below


@pytest.mark.parametrize("dimension", [1, 3])
@pytest.mark.parametrize("variable", [False, True])
def test_currents_enter_through_the_part_of_the_membrane_that_a_region_has(dimension, variable):
    soma = h.Section(name="soma")
    soma.L, soma.diam = 8, 4.1
    soma.insert("hh")
    rxd.set_solve_type(dimension=dimension)
    whole = rxd.Region([soma], nrn_region="i", dx=0.5)
    part = rxd.Region([soma], nrn_region="i", geometry=rxd.FractionalVolume(0.7, surface_fraction=0.4), dx=0.5)
    k, na = rxd.Species(part, name="k", charge=1, initial=54.4), rxd.Species(whole, name="na", charge=1, initial=10)
    h.CVode().active(variable)
    h.finitialize(-50)

    def amounts():
        return np.array([sum(node.volume * node.value for node in x.nodes) for x in (k, na)])

    def flow():
        return soma(0.5).area() * np.array([soma(0.5).ik, soma(0.5).ina])

    before, carried, last = amounts(), np.zeros(2), flow()
    for _ in range(20):
        t = h.t
        h.fadvance()
        # with fixed steps `ik` is what has flown during the step, with variable ones what flows at its end
        carried += (h.t - t) * (0.5 * (last + flow()) if variable else flow())
        last = flow()
    entered = -1e4 / h.FARADAY * carried * [0.4, 1.0]
    assert amounts() - before == pytest.approx(entered, rel=0.02 if variable else 1e-6)


def test_the_model_of_a_rehearsal_needs_what_models_in_voxels_step_with():
    from rxd.codegen.apart import on_disk
    from rxd.neuron.space.rehearse import step_in_a_box
    from rxd.solve.single import single_step
    from rxd.solve.split_loop import swept

    before = len(list(h.allsec()))
    step_in_a_box()
    assert all(map(on_disk, (single_step, swept)))
    assert len(list(h.allsec())) == before


@pytest.mark.parametrize(
    ("points", "problem"),
    [
        ([(0, 0, 0, 1), (math.nan, 0, 0, 1), (5, 0, 0, 1)], r"its 3-d point 1, \(nan, 0, 0, 1\), is not a place"),
        ([(2, 0, 0, 1), (2, 0, 0, 1)], r"all of its 3-d points \(2\) are at \(2, 0, 0\)"),
        ([(2, 0, 0, 1)], r"all of its 3-d points \(1\) are at \(2, 0, 0\)"),
    ],
)
def test_points_that_give_no_shape_are_named(points, problem):
    good, bad = h.Section(name="good"), h.Section(name="bad")
    for point in points:
        bad.pt3dadd(*point)
    rxd.set_solve_type([bad], dimension=3)
    x = rxd.Species(rxd.Region([good, bad], dx=0.5), name="x")
    with pytest.raises(rxd.RxDException, match=rf"^bad cannot be cut into voxels: {problem}\. Correct .* pt3dclear"):
        h.finitialize(-65)
    rxd.set_solve_type([bad], dimension=1)
    with pytest.warns(UserWarning, match=rf"^bad is taken for one with L = 100 and without 3-d points: {problem}\."):
        h.finitialize(-65)
    assert len(x.nodes) == 2


def test_sizes_of_membranes_stand_for_their_volumes():
    """As along segments: means over nodes by `volume` are those by area."""
    sec = h.Section(name="s")
    sec.L, sec.diam = 5, 2
    rxd.set_solve_type(dimension=3)
    inside = rxd.Region([sec], name="inside")
    border = rxd.Region([sec], name="border", geometry=rxd.DistributedBoundary(2))
    x, gate = rxd.State(inside, name="x"), rxd.State(border, name="gate", initial=lambda node: node.x)
    sizes, volumes = np.array(gate.nodes.volume), np.array(x.nodes.volume)
    np.testing.assert_allclose(sizes, 2 * volumes)
    np.testing.assert_allclose(gate.nodes.surface_area, x.nodes.surface_area)
    assert border.volume() == pytest.approx(2 * inside.volume())
    assert sizes @ np.array(gate.nodes.value) / sizes.sum() == pytest.approx(0.5, abs=1e-9)


def test_nodes_on_a_membrane_inside_have_its_area_for_a_volume_and_take_up_sources():
    flat, solid = h.Section(name="flat"), h.Section(name="solid")
    solid.L, solid.diam, flat.L, flat.diam = 3, 1.3, 6, 1.3
    flat.connect(solid(1))
    rxd.set_solve_type([solid], dimension=3)
    cyt = rxd.Region([flat, solid], dx=0.5)
    inner = rxd.Region([flat, solid], dx=0.5, geometry=rxd.DistributedBoundary(2))
    x, gate = rxd.Species(cyt, name="x"), rxd.State(inner, name="gate", initial=1)
    for node in (gate.nodes(flat)[0], gate.nodes(solid)[4]):
        node.include_flux(10)
    h.dt = 0.1
    h.finitialize(-65)
    h.continuerun(1)
    assert gate.nodes.volume == pytest.approx([2 * volume for volume in x.nodes.volume], rel=1e-12)
    for node in (gate.nodes(flat)[0], gate.nodes(solid)[4]):
        assert node.value == pytest.approx(1 + 10 / (node.volume * 602214.076), rel=1e-9)


def test_sections_of_a_region_in_voxels_have_fractions_of_their_own():
    # as in NEURON, which takes the harmonic mean of what the region is of two voxels
    one, half = h.Section(name="one"), h.Section(name="half")
    for sec in (one, half):
        sec.L, sec.diam = 2.9, 3.1  # voxels end where they meet
        sec.insert("hh")
    half.connect(one)
    rxd.set_solve_type(dimension=3)
    parts = [rxd.inside, rxd.FractionalVolume(0.5, surface_fraction=0.2)]
    cyt = rxd.Region([one, half], dx=0.5, nrn_region="i", geometry=rxd.MultipleGeometry([one, half], parts))
    x = rxd.Species(cyt, name="x", d=2.0, initial=lambda node: 2.0 if node in one else 1.0)
    k = rxd.Species(cyt, name="k", charge=1, initial=54.4)
    volumes = [float(np.sum(x.nodes(sec).volume)) for sec in (one, half)]
    assert volumes == pytest.approx([np.pi * 2.9 * 1.55**2, 0.5 * np.pi * 2.9 * 1.55**2], rel=1e-8)
    assert np.sum(x.nodes(half).surface_area) == pytest.approx(0.2 * np.sum(x.nodes(one).surface_area), rel=1e-3)
    h.dt = 1e-6
    h.finitialize(-65)
    middle = [next(n for n in x.nodes if abs(n.x3d - at) < 0.01 and n.y3d**2 + n.z3d**2 < 0.3) for at in (2.65, 3.15)]
    h.fadvance()
    rate = 2.0 / 0.5**2 * (2 * 1 * 0.5 / 1.5)  # diffusion over the square of an edge, harmonic mean of parts
    assert [(node.value - was) / h.dt for node, was in zip(middle, (2, 1), strict=True)] == pytest.approx(
        [-rate, rate / 0.5], rel=1e-4
    )
    h.dt = 0.025
    out = [sum((54.4 - node.value) * node.volume for node in k.nodes(sec)) for sec in (one, half)]
    h.fadvance()
    out = [
        sum((54.4 - node.value) * node.volume for node in k.nodes(sec)) - was for sec, was in zip((one, half), out, strict=True)
    ]
    assert out[1] == pytest.approx(0.2 * out[0], rel=1e-3)
    assert out[0] > 0
    assert sum(node.value * node.volume for node in x.nodes) == pytest.approx(2 * volumes[0] + volumes[1], rel=1e-12)


@pytest.mark.parametrize(("variable", "shown"), [(False, "volume"), (True, "surface")])
def test_at_the_start_segments_show_the_mean_over_voxels_that_the_method_takes(variable, shown):
    """NEURON 9.0.2 so: over all of the volume before fixed steps, of the voxels at the surface with CVode (there 3.620188)."""
    dend = h.Section(name="dend")
    dend.pt3dadd(0, 0, 0, 1.3)
    dend.pt3dadd(3, 0, 0, 1.3)
    dend.nseg = 3
    rxd.set_solve_type(dimension=3)
    cyt = rxd.Region([dend], name="cyt", dx=0.25, nrn_region="i")
    ca = rxd.Species(cyt, name="ca", charge=2, initial=lambda node: 1 + node.x3d + 5 * (node.y3d**2 + node.z3d**2))
    h.cvode_active(variable)
    h.finitialize(-65)
    segment = dend(0.1)
    nodes = [node for node in ca.nodes if node.segment == segment]
    weights = {"volume": [node.volume for node in nodes], "surface": [node.surface_area > 0 for node in nodes]}
    assert segment.cai == pytest.approx(np.average([node.value for node in nodes], weights=weights[shown]), rel=1e-9)
    assert segment.eca == pytest.approx(1e3 * h.R * (h.celsius + 273.15) / (2 * h.FARADAY) * np.log(2 / segment.cai), rel=1e-4)
    if variable:
        assert segment.cai == pytest.approx(3.620188066811711, rel=1e-9)
