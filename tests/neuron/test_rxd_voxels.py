"""Areas of voxels as NEURON reports them, and what else scripts see of regions in 3-D."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.neuron import Session, h, rxd
from rxd.neuron.surface import CORNERS, _fan, _loops


@pytest.fixture(autouse=True)
def session():
    with Session() as session:
        yield session


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
