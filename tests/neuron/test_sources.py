"""Sources on nodes (`include_flux`): rates in the equations of variable steps, additions at the end of fixed ones."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.neuron import Session, h, rxd
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import Ref

pytestmark = pytest.mark.usefixtures("session")

MOLECULES = 602214.076  # per mM um3
FORMS = ("number", "function", "pointer")


def given(form, rate=100.0):
    return {"number": (rate,), "function": (lambda: rate,), "pointer": (h.ref(rate),)}[form]


@pytest.mark.filterwarnings("ignore:With CVode, functions and pointers")
@pytest.mark.parametrize("dimension", [1, 3])
def test_variable_steps_take_sources_into_the_equations(dimension):
    """Nothing but the tolerance limits a step; so what a source gives must act within it, against what decays."""
    sec = h.Section(name="s")
    sec.L, sec.diam = 3, 1.1
    rxd.set_solve_type(dimension=dimension)
    cyt, ecs = rxd.Region([sec], name="cyt", dx=0.3), rxd.Extracellular(-5, -5, -5, 5, 5, 5, dx=5)
    places = zip((cyt, cyt, cyt, ecs), (*FORMS, "out"), strict=True)
    species = [rxd.Species(place, name=form, d=1, initial=0) for place, form in places]
    decays = [rxd.Rate(x, -0.5 * x) for x in species]  # noqa: F841
    for x in species:
        x.nodes[len(x.nodes) // 2].include_flux(*given("number" if x.name == "out" else x.name))
    h.cvode_active(True)
    h.finitialize(-65)
    h.continuerun(4)
    for x in species:
        amount = np.dot(x.nodes.concentration, x.nodes.volume)
        assert amount == pytest.approx(100 / MOLECULES / 0.5 * (1 - np.exp(-2)), rel=2e-3)


def test_with_variable_steps_a_function_is_read_on_the_way():
    sec = h.Section(name="s")
    sec.L, sec.diam = 3, 1.1
    x = rxd.Species(rxd.Region([sec], name="cyt"), name="x")
    x.nodes[0].include_flux(lambda: 100 * h.t)
    h.cvode_active(True)
    with pytest.warns(UserWarning, match="functions and pointers given to include_flux are read at the beginning"):
        h.finitialize(-65)
    h.continuerun(2)
    assert x.nodes[0].concentration * x.nodes[0].volume == pytest.approx(100 / MOLECULES * 2, rel=0.02)


def test_what_numbers_add_in_a_fixed_step_is_what_functions_add():
    """Numbers are added in the compiled loop, functions by Python; in voxels both diffuse in the step they act."""
    sec, tail = h.Section(name="s"), h.Section(name="t")
    for section, ends in ((sec, (0, 2)), (tail, (2, 6))):
        for x in ends:
            section.pt3dadd(x, 0, 0, 1.1)
    tail.connect(sec(1))
    rxd.set_solve_type(dimension=3)
    rxd.set_solve_type([tail], dimension=1)
    cyt, both = rxd.Region([sec], name="cyt", dx=0.25), rxd.Region([sec, tail], name="both", dx=0.25)
    species = {(form, place): rxd.Species(place, name=f"{form}{place.name}", d=1) for place in (cyt, both) for form in FORMS}
    for (form, _), x in species.items():
        for node in x.nodes[:5]:
            node.include_flux(*given(form))
    h.dt = 0.05
    h.finitialize(-65)
    h.continuerun(1)
    for place in (cyt, both):
        by = {form: np.array(species[form, place].nodes.concentration) for form in FORMS}
        assert by["number"] == pytest.approx(by["function"], rel=1e-10, abs=1e-18)
        assert by["pointer"] == pytest.approx(by["function"], rel=1e-12)
        x = species["number", place]
        assert np.dot(by["number"], x.nodes.volume) == pytest.approx(5 * 100 / MOLECULES, rel=1e-6)


def line(nseg=6):
    section = h.Section(name="line")
    section.L, section.diam, section.nseg = 60, 2, nseg
    region = rxd.Region([section], name="cyt")
    return section, region, rxd.Species(region, name="c", d=0.5, initial=0.1)


def states_after(act, edit=None):
    with Session():
        section, _, species = line()
        act(species)
        if edit is not None:
            edit(section)
        h.finitialize(-65)
        for _ in range(5):
            h.fadvance()
        return np.array(species.nodes.concentration)


SOURCES = {
    "number": lambda species: 3e5,
    "function": lambda species: lambda: 2e5,
    "pointer": lambda species: h.ref(1e5),
    "formula": lambda species: 0.5 * species,
}


@pytest.mark.parametrize("form", SOURCES)
def test_a_source_of_a_list_is_one_of_each_of_its_nodes(form):
    make = SOURCES[form]
    of_list = states_after(lambda species: species.nodes(lambda node: node.x > 0.4).include_flux(make(species)))
    one_by_one = states_after(lambda species: [node.include_flux(make(species)) for node in species.nodes if node.x > 0.4])
    assert of_list[-1] > 0.1001
    np.testing.assert_allclose(of_list, one_by_one, rtol=1e-14)


def test_a_formula_at_many_nodes_is_one_rate():
    with Session() as session:
        _, region, species = line()
        before = len(session.chemistry.quantities)
        species.nodes.include_flux(species[region] * -0.1)
        assert len(session.chemistry.quantities) == before + 1


def test_a_node_twice_in_a_list_has_the_source_twice():
    def twice(species):
        nodes = species.nodes
        nodes.append(nodes[2])
        nodes.include_flux(1e5)

    gain = states_after(twice) - 0.1
    once = states_after(lambda species: species.nodes.include_flux(1e5)) - 0.1
    np.testing.assert_allclose(gain.sum(), once.sum() * 7 / 6, rtol=1e-12)


def test_sources_stay_at_nodes_that_stay():
    def fewer(section):
        section.nseg = 3

    kept = states_after(lambda species: species.nodes.include_flux(1e5), fewer)
    assert kept.shape == (3,)
    first = states_after(lambda species: species.nodes[:3].include_flux(1e5), fewer)
    np.testing.assert_array_equal(kept, first)


def test_sources_make_no_node_anew():
    with Session():
        section, _, species = line()
        node = species.nodes[3]
        table = node.part[2]
        assert table.fresh
        node.include_flux(1e5)
        assert table.fresh
        assert species.nodes[3].part[2] is table
        section.nseg = 7
        species.nodes[0].include_flux(1e5)
        assert not table.fresh


@pytest.mark.filterwarnings("ignore:With CVode, functions and pointers")
def test_a_source_that_comes_during_a_run_needs_no_other_engine():
    dend = h.Section(name="dend")
    dend.nseg = 3
    x = rxd.Species(rxd.Region([dend], name="cyt"), name="x", d=0)
    h.dt = 0.025
    h.finitialize(-65)
    engine = current_session().run.engine
    per_molecule = 1 / (x.nodes[1].volume * MOLECULES)
    x.nodes[1].include_flux(10)
    h.continuerun(1)
    assert x.nodes[1].value == pytest.approx(10 * per_molecule, rel=1e-12)
    h.CVode().event(1.5, lambda: x.nodes[0].include_flux(lambda: 20))
    h.continuerun(2.5)
    assert current_session().run.engine is engine
    assert x.nodes.value == pytest.approx([20 * per_molecule, 25 * per_molecule, 0], rel=1e-9)
    h.CVode().active(True)
    x.nodes[2].include_flux(40)
    h.finitialize(-65)
    h.continuerun(1)
    assert x.nodes.value == pytest.approx([20 * per_molecule, 10 * per_molecule, 40 * per_molecule], rel=1e-4)


class Counted(Ref):
    """A pointer that counts how often it is read, in all copies of it."""

    __slots__ = ("reads",)

    def __init__(self, reads):
        super().__init__(100.0)
        self.reads = reads

    def get(self):
        self.reads.append(h.t)
        return super().get()

    def __eq__(self, other):
        return isinstance(other, Counted) and other.reads is self.reads

    def __hash__(self):
        return id(self.reads)


@pytest.mark.filterwarnings("ignore:With CVode, functions and pointers")
@pytest.mark.parametrize("variable", [False, True])
@pytest.mark.parametrize("dimension", [1, 3])
def test_a_pointer_is_read_once_for_all_nodes_and_a_function_once_for_each(dimension, variable):
    sec = h.Section(name="s")
    sec.L, sec.diam, sec.nseg = 6, 1.1, 40
    rxd.set_solve_type(dimension=dimension)
    cyt = rxd.Region([sec], name="cyt", dx=0.5)
    by_pointer, by_functions, by_number = (rxd.Species(cyt, name=name, d=1) for name in ("p", "f", "n"))
    reads, asked = [], []
    for number, node in enumerate(by_pointer.nodes[:40]):
        node.include_flux(Counted(reads))
        by_functions.nodes[number].include_flux(lambda number=number: asked.append(number) or 100)
        by_number.nodes[number].include_flux(100)
    h.cvode_active(variable)
    h.finitialize(-65)
    reads.clear()
    asked.clear()
    h.continuerun(0.25)
    assert len(reads) <= 12
    assert asked == list(range(40)) * len(reads)
    amounts = [np.dot(x.nodes.concentration, x.nodes.volume) for x in (by_pointer, by_functions, by_number)]
    assert amounts == pytest.approx([40 * 100 * 0.25 / MOLECULES] * 3, rel=1e-6)
    np.testing.assert_allclose(by_pointer.nodes.concentration, by_functions.nodes.concentration, rtol=1e-12)
