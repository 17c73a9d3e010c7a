"""Joints in voxels: as wide as the widest section there, as in NEURON, or as the sections' points say."""

from __future__ import annotations

import math

import pytest

from geometry.voxelize import VoxelWarning
from rxd.neuron import Session, h, rxd


def cone(length, first, last):
    """Volume of a truncated cone by its diameters, um3."""
    return math.pi / 12 * length * (first**2 + first * last + last**2)


def volumes(*sections, dx=0.25):
    rxd.set_solve_type(dimension=3)
    cyt = rxd.Region(sections, name="cyt", dx=dx)
    x = rxd.Species(cyt, name="x", initial=1)
    h.finitialize(-65)
    return [sum(node.volume for node in x.nodes(section)) for section in sections]


def drawn(name, *points, segments=1):
    section = h.Section(name=name)
    for point in points:
        section.pt3dadd(*point)
    section.nseg = segments
    return section


def bulb_and_neurite(segments):
    bulb = drawn("bulb", (0, 0, 0, 8.1), (8, 0, 0, 8.1))
    neurite = drawn("neurite", (8, 0, 0, 2.1), (38, 0, 0, 1.1), segments=segments)
    neurite.connect(bulb(1))
    return bulb, neurite


@pytest.mark.parametrize(("segments", "neurons"), [(1, 1007.64), (11, 527.44)])
def test_a_thin_section_begins_as_wide_as_the_thick_one_it_is_joined_to(session, segments, neurons):
    with pytest.warns(VoxelWarning, match=r"neurite \(\d+(\.\d)? um3, not 62\.28\).*--correct"):
        found = sum(volumes(*bulb_and_neurite(segments)))
    border = 2.1 - 1 / segments
    first = cone(30 / segments, 8.1, border)
    assert found == pytest.approx(cone(8, 8.1, 8.1) + first + cone(30 - 30 / segments, border, 1.1), rel=1e-3)
    assert found == pytest.approx(neurons, rel=2e-3)


def test_it_begins_as_its_points_say_in_a_correct_session():
    with Session(correct=True):
        bulb, neurite = volumes(*bulb_and_neurite(11))
    assert bulb + neurite == pytest.approx(cone(8, 8.1, 8.1) + cone(30, 2.1, 1.1), rel=1e-3)


def test_a_thin_parent_ends_as_wide_as_its_child_begins(session):
    thin = drawn("thin", (0, 0, 0, 1), (10, 0, 0, 1.2), segments=3)
    thick = drawn("thick", (10, 0, 0, 4.1), (16, 0, 0, 5.1), segments=3)
    thick.connect(thin(1))
    with pytest.warns(VoxelWarning, match="thin"):
        found = sum(volumes(thin, thick))
    border = 1 + 0.2 * 2 / 3
    exact = cone(20 / 3, 1, border) + cone(10 / 3, border, 4.1) + cone(6, 4.1, 5.1)
    assert found == pytest.approx(exact, rel=2e-3)
    assert found == pytest.approx(125.69, rel=3e-3)  # NEURON 9.0.2


def test_a_jump_of_the_diameter_within_a_section_is_smoothed_alike(session):
    section = drawn("stepped", (0, 0, 0, 1.1), (5, 0, 0, 1.1), (5, 0, 0, 3.1), (10, 0, 0, 3.1), segments=3)
    with pytest.warns(VoxelWarning, match="stepped"):
        (found,) = volumes(section)
    exact = cone(10 / 3, 1.1, 1.1) + cone(5 - 10 / 3, 1.1, 3.1) + cone(5, 3.1, 3.1)
    assert found == pytest.approx(exact, rel=2e-3)
    assert found == pytest.approx(47.24, rel=4e-3)  # NEURON 9.0.2


def test_sections_that_meet_nowhere_or_alike_are_left_alone(session, recwarn):
    soma = drawn("soma", (0, 0, 0, 6.1), (10, 0, 0, 6.1), segments=3)
    on_its_middle = drawn("dend", (5, 0, 0, 1.1), (5, 12, 0, 1.1))
    on_its_middle.connect(soma(0.5))
    alike = drawn("axon", (10, 0, 0, 6.1), (12, 0, 0, 5.1))
    alike.connect(soma(1))
    assert sum(volumes(soma, on_its_middle, alike)) > cone(10, 6.1, 6.1) + cone(2, 6.1, 5.1)
    assert not [warning for warning in recwarn if "widest" in str(warning.message)]


def test_currents_bring_as_much_into_wider_voxels_as_they_carry(session):
    soma, dend = h.Section(name="soma"), h.Section(name="dend")
    soma.L, soma.diam, dend.L, dend.diam, dend.nseg = 8, 6.1, 12, 1.3, 3
    dend.connect(soma(1))
    for section in (soma, dend):
        section.insert("hh")
    rxd.set_solve_type(dimension=3)
    cyt = rxd.Region([soma, dend], name="cyt", nrn_region="i", dx=0.3)
    na = rxd.Species(cyt, name="na", charge=1, initial=10, d=0.5)
    with pytest.warns(VoxelWarning, match="dend"):
        h.finitialize(-60)
    places = [place for section in (soma, dend) for place in section]
    before, carried = sum(node.volume * node.value for node in na.nodes), 0.0
    for _ in range(40):
        h.fadvance()
        carried += h.dt * sum(place.ina * place.area() for place in places)  # 1e-14 C
    after = sum(node.volume * node.value for node in na.nodes)
    assert after - before == pytest.approx(-1e4 / h.FARADAY * carried, rel=1e-6)
