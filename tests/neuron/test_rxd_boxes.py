"""Sections in and outside of boxes of extracellular space: what NEURON 9.0.2 gives, where it works."""

from __future__ import annotations

import pytest

from rxd.neuron import Session, h, rxd


@pytest.fixture(autouse=True)
def session():
    with Session() as session:
        yield session


def straight(name, start, stop, diam=8.0, mechanism="hh"):
    """A section along x."""
    section = h.Section(name=name)
    for x in (start, stop):
        section.pt3dadd(x, 0, 0, diam)
    section.insert(mechanism)
    return section


def box(low=-20, high=20, dx=10, **properties):
    return rxd.Extracellular(low, low, low, high, high, high, dx=dx, **properties)


@pytest.mark.parametrize("late", ["name", "regions"])
def test_sections_have_the_ion_of_a_species_that_comes_to_a_box_later(late):
    section, ecs = straight("s", 0, 10, mechanism="pas"), box()
    if late == "name":
        x = rxd.Species(ecs, charge=1, initial=4)
    else:
        x = rxd.Species(rxd.Region([section]), name="k", charge=1, initial=4)
    h.finitialize(-65)
    if late == "name":
        x.name = "k"
    else:
        x.regions = ecs
    h.finitialize(-65)
    assert section.ko == 4
