"""Sources on nodes (`include_flux`): rates in the equations of variable steps, additions at the end of fixed ones."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.neuron import h, rxd

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
