"""Geometries of scripts, derived from `rxd.geometry.RxDGeometry`, beside those that are there."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.neuron import h, rxd
from rxd.neuron.rxd.geometry import RxDGeometry

pytestmark = pytest.mark.usefixtures("session")


class Half(RxDGeometry):
    """Half of the volume, at the whole membrane."""

    def volumes1d(self, sec):
        return 0.5 * rxd.inside.volumes1d(sec)

    def surface_areas1d(self, sec):
        return [segment.area() for segment in sec]

    def neighbor_areas1d(self, sec):
        return 0.5 * rxd.inside.neighbor_areas1d(sec)

    def is_volume(self):
        return True

    def is_area(self):
        return False

    def __repr__(self):
        return "Half()"


class Sheet(Half):
    """A membrane with 3 um2 for each um3 of the cell."""

    def volumes1d(self, sec):
        return 3 * rxd.inside.volumes1d(sec)

    def surface_areas1d(self, sec):
        return np.zeros(sec.nseg)

    def is_volume(self):
        return False

    def is_area(self):
        return True


@pytest.fixture
def cell():
    """A trunk that tapers and two branches, one of them joined by its end."""
    trunk, left, right = (h.Section(name=name) for name in ("trunk", "left", "right"))
    for x, diam in ((0, 2), (6, 1), (10, 1.5)):
        trunk.pt3dadd(x, 0, 0, diam)
    left.L = right.L = 8
    left.diam, right.diam = 0.7, 1.2
    trunk.nseg, left.nseg, right.nseg = 5, 3, 2
    left.connect(trunk(1))
    right.connect(trunk(1), 1)
    return [trunk, left, right]


@pytest.mark.filterwarnings("ignore:.*more than once")
def test_a_geometry_of_ones_own_is_what_it_says(cell):
    given = Half(), rxd.FractionalVolume(0.5, surface_fraction=1, neighbor_areas_fraction=0.5)
    membranes = Sheet(), rxd.DistributedBoundary(3)
    regions = [rxd.Region(cell, name=f"r{i}", geometry=geometry) for i, geometry in enumerate(given)]
    rest = rxd.Region(cell, name="rest", geometry=rxd.FractionalVolume(0.3))
    borders = [rxd.Region(cell, name=f"m{i}", geometry=geometry) for i, geometry in enumerate(membranes)]
    species = [
        rxd.Species([region, rest], d=0.7, name=f"s{i}", initial=lambda node: node.x) for i, region in enumerate(regions)
    ]
    keep = [
        rxd.MultiCompartmentReaction(one[region], one[rest], 3e5, 2e5, membrane=border)
        for one, region, border in zip(species, regions, borders, strict=True)
    ]
    assert repr(regions[0]) == "Region(..., nrn_region=None, geometry=Half(), dx=None, name='r0')"
    h.finitialize(-65)
    assert species[0].nodes.volume == pytest.approx(species[1].nodes.volume)
    assert species[0].nodes.surface_area == pytest.approx(species[1].nodes.surface_area)
    h.continuerun(2)
    assert species[0].nodes.value == pytest.approx(species[1].nodes.value, rel=1e-9)
    assert np.ptp(species[0][regions[0]].nodes.value) > 0.1
    assert len(keep) == 2


def test_what_a_geometry_lacks_is_named(cell):
    class Bare(RxDGeometry):
        pass

    class Short(Half):
        def neighbor_areas1d(self, sec):
            return [1.0] * sec.nseg

    with pytest.raises(rxd.RxDException, match="is_area unimplemented: Bare"):
        rxd.Species(rxd.Region(cell, geometry=Bare()), d=1)
    species = rxd.Species(rxd.Region(cell, geometry=Short()), d=1)
    with pytest.raises(
        rxd.RxDException, match=r"neighbor_areas1d\(trunk\) gives 5 values; trunk has 5 segments, and one border"
    ):
        h.finitialize(-65)
    assert species is not None


def test_several_geometries_conduct_as_each_alone(cell):
    """At the borders of segments that taper, as NEURON's do: with one kind everywhere it is that kind."""
    half = rxd.FractionalVolume(0.5)
    geometries = half, rxd.MultipleGeometry(secs=[[cell[0]], [cell[1]], None], geos=[half, half, half])
    species = [
        rxd.Species(rxd.Region(cell, name=f"r{i}", geometry=geometry), d=0.7, initial=lambda node: node.x)
        for i, geometry in enumerate(geometries)
    ]
    h.finitialize(-65)
    h.continuerun(2)
    assert species[1].nodes.value == pytest.approx(species[0].nodes.value, rel=1e-12)
