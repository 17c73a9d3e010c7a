"""What scripts print: formulas, reactions, regions and types read as in NEURON 9.0.2, whose texts stand here."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import numpy as np
import pytest

from rxd.neuron import Session, h, rxd
from rxd.neuron.rxd import rxdmath as rm

Cell = dict[str, object]


@pytest.fixture
def cell() -> Iterator[Cell]:
    """Two regions, a membrane, species, a parameter and a state under the names the texts use."""
    with Session():
        s = h.Section("s")
        c = rxd.Region([s], name="c")
        e = rxd.Region([s], name="e", geometry=rxd.FractionalVolume(0.1))
        m = rxd.Region([s], name="m", geometry=rxd.membrane)
        a, b = rxd.Species([c, e], name="a"), rxd.Species(c, name="b")
        p, q = rxd.Parameter(c, name="p", value=2), rxd.State(c, name="q")
        yield {"s": s, "c": c, "e": e, "m": m, "a": a, "b": b, "p": p, "q": q, "x": rm.exp(a), "rm": rm, "rxd": rxd, "np": np}


FORMULAS = {
    "a*b": "(a)*(b)",
    "2*a*b": "(2*(a))*(b)",
    "a*b*2": "2*((a)*(b))",
    "2*(a+b)": "2*(a)+2*(b)",
    "0.5*a": "(a)*(0.5)",
    "a*0": "0",
    "a+0": "a+0",
    "a+3+3": "a+2*(3)",
    "1+a+4": "1+a+4",
    "1+x": "exp(a)+1",
    "3-(a+b)": "3-(a)-(b)",
    "a-b-a": "-(b)",
    "a-(b-a)": "2*(a)-(b)",
    "b-(-a)": "b+a",
    "-(a+b)": "-(a+b)",
    "-(-a)": "-(-(a))",
    "2*(-a)": "-2*(a)",
    "x+x": "2*(exp(a))",
    "rm.exp(a)+rm.exp(a)": "exp(a)+exp(a)",
    "x-x": "0",
    "a/2*2": "2*((a)/(2))",
    "1.0/(a*b)": "(1.0)/((a)*(b))",
    "1/(1+a)**2": "(1)/(pow(1+a, 2))",
    "a+b*2-3*q/p": "a+2*(b)-((3*(q))/(p))",
    "a[e]/(1+a[e])": "(a[e])/(1+a[e])",
    "a+np.float64(0.5)": "a+np.float64(0.5)",
    "np.float64(0.5)/x": "(0.5)/(exp(a))",
    "rm.exp(-a/2)": "exp((-(a))/(2))",
    "rm.vtrap(rxd.v+40, 10)": "vtrap(v+40, 10)",
    "rm.fmod(a, 2)": "fmod(a, 2)",
    "abs(a)": "fabs(a)",
    "-0.1*(rxd.v-65)": "(v-(65))*(-0.1)",
    "1/(1+rm.exp(-(rxd.v+40)/5))": "(1)/(exp((-(v+40))/(5))+1)",
    "2*a+b!=q": "2*(a)+b<>q",
}


@pytest.mark.parametrize("code", FORMULAS)
def test_a_formula_reads_as_in_neuron(cell: Cell, code: str) -> None:
    assert str(eval(code, dict(cell))) == FORMULAS[code]


REACTIONS = {
    "rxd.Reaction(2*a[c]+b!=q, p, 3)": "Reaction(2*(a[c])+b<>q, p, rate_b=3, custom_dynamics=False)",
    "rxd.Reaction(a[c]<q, p)": "Reaction(a[c]<q, 0, rate_b=p, custom_dynamics=False)",
    "rxd.Reaction(a, b, 1, 2, regions=[c, e])": "Reaction(a<>b, 1, rate_b=2, regions=[c, e], custom_dynamics=False)",
    "rxd.Reaction(0*b, a[c], p)": "Reaction(0>a[c], p, rate_b=0, custom_dynamics=False)",
    "rxd.Rate(a, -a*b)": "Rate(a, (-(a))*(b), regions=[c, e], membrane_flux=False)",
    "rxd.Rate(a[c], 3)": "Rate(a[c], 3, membrane_flux=False)",
    "rxd.MultiCompartmentReaction(a[c], a[e], p*a[c], membrane=m, custom_dynamics=True)": (
        "MultiCompartmentReaction(a[c]>a[e], (p)*(a[c]), rate_b=None, membrane=m, custom_dynamics=True, "
        "membrane_flux=False, scale_by_area=True)"
    ),
}


@pytest.mark.parametrize("code", REACTIONS)
def test_a_reaction_reads_as_in_neuron(cell: Cell, code: str) -> None:
    assert repr(eval(code, dict(cell))) == REACTIONS[code]


def test_geometries_and_boxes_read_as_in_neuron(cell: Cell) -> None:
    box = rxd.Extracellular(-10, -10, -10, 10, 10, 10, dx=5, volume_fraction=0.2, tortuosity=1.6)
    ions = rxd.Species(box, name="k", charge=1)
    assert repr(box) == (
        "Extracellular(xlo=-10, ylo=-10, zlo=-10, xhi=10, yhi=10, zhi=10, tortuosity=1.6, volume_fraction=0.2)"
    ).replace("hi=10", "hi=10.0")
    assert str(ions[box]) == "k[Extracellular]"
    assert (
        repr(rxd.FractionalVolume(0.1))
        == "FractionalVolume(volume_fraction=0.1, surface_fraction=0, neighbor_areas_fraction=0.1)"
    )
    assert repr(rxd.FixedCrossSection(3)) == "FixedCrossSection(3, surface_area=0)"
    assert repr(rxd.DistributedBoundary(3)) == "DistributedBoundary(3)"
    assert cell["c"].secs == [cell["s"]]  # type: ignore[attr-defined]


def test_types_and_declared_names_are_neurons(cell: Cell) -> None:
    assert [str(type(thing)) for thing in (cell["s"], cell["s"](0.5))] == ["<class 'nrn.Section'>", "<class 'nrn.Segment'>"]  # type: ignore[operator]
    assert [h.name_declared(name) for name in ("hh", "run", "IClamp", "gnabar_hh", "PI", "nothing")] == [1, 1, 1, 1, 5, 0]
    with pytest.raises(ValueError, match="not a density mechanism"):
        cell["s"].uninsert("nothing")  # type: ignore[attr-defined]


def test_a_formula_keeps_its_species_unless_written_with_the_region() -> None:
    with Session():
        section = h.Section("s")
        region = rxd.Region([section], name="c")
        species = rxd.Species(region, name="a")
        formula, known = 2 * species + 1, weakref.ref(species)
        on_region = 2 * species[region]
        del species
        gc.collect()
        assert known() is not None
        assert str(formula) == "2*(a)+1"
        del formula
        gc.collect()
        assert known() is None
        assert str(on_region) == "2*(a[c])"


def test_something_out_of_nothing_and_back() -> None:
    """`Reaction(0 * a, b, k)` makes k dt of b per step; `Reaction(b, 0 * a, r)` takes it: b = k / r (1 - exp(-r t))."""
    with Session():
        section = h.Section("s")
        region = rxd.Region([section], name="c")
        a, b = rxd.Species(region, name="a"), rxd.Species(region, name="b", initial=0)
        keep = rxd.Reaction(0 * a, b, 0.5), rxd.Reaction(b, 0 * a, 0.1)
        h.dt = 0.01
        h.finitialize()
        h.continuerun(20)
        assert len(keep) == 2
        assert b.nodes[0].value == pytest.approx(5 * (1 - np.exp(-2)), rel=2e-3)
        assert isinstance(b.nodes[0].value, np.float64)  # 1 / 0.0 is inf, as in NEURON, not ZeroDivisionError


def test_indices_of_a_section() -> None:
    """The far end of every section is a place, too: soma 2 ends, 1 node; dend 2 nodes from place 3 on."""
    with Session():
        soma, dend = h.Section("soma"), h.Section("dend")
        dend.nseg = 2
        a = rxd.Species(rxd.Region([soma, dend], name="c"), name="a")
        every = a.indices()
        assert a.indices(secs=soma) + a.indices(secs=[dend]) == every
        assert len(a.indices(secs=dend)) == 2
