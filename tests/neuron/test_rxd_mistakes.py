"""Slips that scripts make: what is said, and what happens."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.collector import collector_paused
from rxd.neuron import h, rxd
from rxd.neuron.errors import HocError

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def ca():
    sec = h.Section(name="a")
    species = rxd.Species(rxd.Region([sec], name="cyt", nrn_region="i"), name="ca", charge=2, initial=1)
    species.section = sec
    return species


def test_a_species_compared_with_a_number(ca):
    for compare in (lambda: ca > 0.5, lambda: 2 * ca < 1, lambda: 1 if ca > 0.5 else 0, lambda: max(ca, 0)):
        with pytest.raises(rxd.RxDException, match=r"not valid in a reaction.*threshold"):
            compare()


def test_something_of_its_own_on_a_species_and_a_slip(ca, recwarn):
    ca.colour, ca[ca.regions[0]].colour = "red", "blue"
    assert [ca.colour, ca[ca.regions[0]].colour] == ["red", "blue"]
    assert not recwarn
    with pytest.warns(UserWarning, match="ca has no property 'inital'.*Did you mean 'initial'"):
        ca.inital = 5
    h.finitialize(-65)
    assert ca.nodes.value == [1]
    with pytest.raises(TypeError, match=r"Species.__init__\(\) got an unexpected keyword argument 'inital'"):
        rxd.Species(ca.regions[0], inital=5)


def test_a_charge_that_is_not_whole(ca):
    with pytest.raises(rxd.RxDException, match=r"Species x: charge=0\.5 is no charge number"):
        rxd.Species(ca.regions, name="x", charge=0.5)
    x = rxd.Species(ca.regions, name="x", charge=2.0)
    with pytest.raises(rxd.RxDException, match=r"Species x: charge=1\.5"):
        x.charge = 1.5


def test_an_ion_without_its_charge():
    sec = h.Section(name="a")
    species = rxd.Species(rxd.Region([sec], name="cyt", nrn_region="i"), name="q")
    species.name = "ca"
    with pytest.raises(HocError, match="ca_ion already defined with charge 2"):
        h.finitialize(-65)


@pytest.mark.parametrize("where", ["the same region", "sections in common", "a membrane"])
def test_two_species_of_one_name_in_one_place(ca, where):
    (cyt,) = ca.regions
    region = rxd.Region([ca.section], name="other", nrn_region="i") if where == "sections in common" else cyt
    if where == "a membrane":
        region = rxd.Region([ca.section], name="mem", geometry=rxd.membrane())
        gate = rxd.State(region, name="gate")
    second = rxd.Species(region, name="gate") if where == "a membrane" else rxd.Species(region, name="ca", charge=2)
    with pytest.raises(
        rxd.RxDException, match=rf"Species .{second.name}. previously defined on region {region.label}.* another name"
    ):
        h.finitialize(-65)
    if where == "a membrane":
        del gate
    else:
        second = rxd.Species(rxd.Region([ca.section], name="er"), name="ca", charge=2, initial=3)  # not the inside
    h.finitialize(-65)
    assert ca.section(0.5).cai == 1


def test_a_second_species_in_place_of_one_that_only_a_circle_keeps(ca):
    class Cell:
        def __init__(self, initial):
            self.k, self.own = rxd.Species(ca.regions, name="k", charge=1, initial=initial), self

    with collector_paused():
        cells = [Cell(1)]
        cells[0] = Cell(2)
        h.finitialize(-65)
    assert [ca.section(0.5).ki, cells[0].k.nodes.value] == [2, [2]]


def test_a_connection_without_a_target_and_a_list_of_no_sections(ca):
    with pytest.raises(HocError, match="NetCon not enough arguments"):
        h.NetCon(ca.section(0.5)._ref_v, sec=ca.section)
    assert h.NetCon(None, None).valid() == 0
    for make in (lambda: h.SectionList([3]), lambda: h.SectionList().append(3)):
        with pytest.raises(HocError, match="only Section objects, not 3"):
            make()


def test_a_vector_plays_the_ends_of_steps_into_nodes():
    """Reactions are NEURON's at the ends of steps: `dq/dt = p` adds up to the sum of dt p(k dt)."""
    sec = h.Section(name="a")
    cyt = rxd.Region([sec], name="cyt")
    p, q = rxd.Parameter(cyt, initial=2), rxd.Species(cyt, initial=0)
    rate = rxd.Rate(q, p)
    h.finitialize(-65)
    course, times = h.Vector([1, 5, 3]), h.Vector([0, 0.5, 1])
    course.play(p.nodes[0]._ref_value, times, True)
    h.finitialize(-65)
    h.continuerun(1)
    assert q.nodes.value == pytest.approx([3.5 + 0.05 - 0.025])
    assert rate is not None


def test_a_reaction_whose_species_are_nowhere_together():
    a, b = h.Section(name="a"), h.Section(name="b")
    first, second = rxd.Region([a], name="first"), rxd.Region([b], name="second")
    x, y, z = rxd.Species(first, name="x"), rxd.Species(second, name="y"), rxd.Species([first, second], name="z")
    keep = [rxd.Reaction(x, z, 1, regions=second)]
    with pytest.warns(UserWarning, match="changes nothing: its species are not together on second"):
        h.finitialize(-65)
    keep = [rxd.Reaction(x, y, 1)]
    with pytest.raises(rxd.RxDException, match=r"on no region together.*MultiCompartmentReaction"):
        h.finitialize(-65)
    assert len(keep) == 1


def test_initial_values_that_are_no_numbers_are_named_with_their_place(ca):
    cyt = ca.regions[0]
    with pytest.raises(rxd.RxDException, match=r"Species q: initial is a number or a function, not \[1, 2\]"):
        rxd.Species(cyt, name="q", initial=[1, 2])
    q = rxd.Species(cyt, name="q", initial=lambda node: None)
    with pytest.raises(
        rxd.RxDException, match=r"Species q: initial gives None for a\(0\.5\), not a number\. Does each way out"
    ):
        h.finitialize(-65)
    assert q.name == "q"


def test_concentrations_belong_to_nodes(ca):
    with pytest.warns(
        UserWarning, match=r"Species ca has no property 'concentration': it changes nothing.*'nodes\.concentration'"
    ):
        ca.concentration = 3
    h.finitialize(-65)
    assert ca.nodes.value == [1]


def test_a_rate_on_a_region_without_its_species_says_that_it_changes_nothing(ca):
    elsewhere = rxd.Region([ca.section], name="er")
    rate = rxd.Rate(ca, -ca, regions=elsewhere)
    with pytest.warns(UserWarning, match=r"Rate\(ca, .*changes nothing: ca is not on er"):
        h.finitialize(-65)
    h.fadvance()
    assert ca.nodes.value == [1]
    assert rate is not None


def test_functions_of_numbers_name_those_of_species(ca):
    for make in (lambda: math.exp(ca), lambda: math.sqrt(2 * ca), lambda: float(ca)):
        with pytest.raises(TypeError, match=r"ca.* has no single value: rates take rxdmath\.exp"):
            make()


def test_the_panel_of_numerical_methods_is_there_once(ca):
    assert h.numericalmethodpanel is h.numericalmethodpanel
    assert repr(h.numericalmethodpanel) == "NumericalMethodPanel[0]"
    h.numericalmethodpanel.map()


def test_a_number_in_an_array_is_a_number(ca):
    rate = rxd.Rate(ca, np.array(2.0))
    assert float(rate.rate) == 2


def test_a_class_of_a_script_notes_something_before_it_is_a_species(ca, recwarn):
    class Buffer(rxd.Species):
        def __init__(self, *args, **settings):
            self.names, self.id = ["free", "bound"], 7
            super().__init__(*args, **settings)
            self.dx = 0.1

    buffer = Buffer(ca.regions[0], initial=1)
    assert [buffer.names, buffer.id, buffer.dx] == [["free", "bound"], 7, 0.1]
    assert not recwarn


def test_segments_shorter_than_voxels_are_said_to_take_no_part():
    sec = h.Section(name="short")
    for x in (0, 2):
        sec.pt3dadd(x, 0, 0, 1)
    rxd.set_solve_type(dimension=3)
    cyt = rxd.Region([sec], name="cyt", nrn_region="i", dx=1)
    x = rxd.Species(cyt, name="x", charge=1, initial=1)
    sec.nseg = 11
    with pytest.warns(UserWarning, match=r"9 of the 11 segments of short are in no voxel of cyt, whose edges are 1 um long"):
        h.finitialize(-65)
    assert len(x.nodes) == 8


def test_a_rate_of_no_regions_is_left_out_with_a_warning_and_acts_everywhere_when_corrected(ca):
    # NEURON 9.0.2: 1.0 after 1 ms, and 0.904950341604014 with regions=None.
    rates = [rxd.Rate(ca, -0.1 * ca, regions=[])]
    with pytest.warns(UserWarning, match=r"Rate\(ca, .*regions= is empty.*--correct"):
        h.finitialize(-65)
    h.continuerun(1)
    assert ca.nodes.value == [1]
    ca.session.correct = True
    rates.append(rxd.Rate(ca, -0.1 * ca, regions=()))
    h.finitialize(-65)
    h.continuerun(1)
    assert ca.nodes.value == pytest.approx([1.005**-40], rel=1e-9)
    assert len(rates) == 2


def test_regions_beside_a_species_written_with_its_region_are_said_not_to_be_heeded(ca):
    cyt = ca.regions[0]
    elsewhere = rxd.Region([ca.section], name="er")
    other = rxd.Species([cyt, elsewhere], name="other", initial=0)
    keep = [rxd.Reaction(ca[cyt], other[cyt], 0.1, regions=[elsewhere])]
    with pytest.warns(UserWarning, match=r"acts on cyt, with which its species are written: its regions= is not heeded"):
        h.finitialize(-65)
    h.continuerun(1)
    assert ca.nodes.value == pytest.approx([1.0025**-40], rel=1e-9)
    keep = [rxd.Rate(ca[cyt], -0.1 * ca[cyt], regions=[elsewhere])]
    with pytest.warns(UserWarning, match=r"Rate\(ca\[cyt\], .*its regions= is not heeded"):
        h.finitialize(-65)
    assert len(keep) == 1
