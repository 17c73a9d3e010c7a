"""`rxd.export.sbml`: what the text says is what the model does."""

from __future__ import annotations

import math
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from rxd.neuron import h, rxd
from rxd.neuron.rxd import export, rxdmath
from rxd.neuron.rxd.mathml import FUNCTIONS

SBML = "{http://www.sbml.org/sbml/level2/version3}"
MATH = "{http://www.w3.org/1998/Math/MathML}"


pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def soma():
    section = h.Section(name="soma")
    section.L = section.diam = 10
    return section


def value(element: ET.Element, names: dict[str, float]) -> float:
    """What an element of content MathML is."""
    tag = element.tag.removeprefix(MATH)
    if tag == "ci":
        return names[element.text or ""]
    if tag == "cn":
        exponent = element.find(f"{MATH}sep")
        return float(element.text or "") * 10 ** (0 if exponent is None else int(exponent.tail or ""))
    operator, *rest = element
    numbers = [value(one, names) for one in rest]
    plain: dict[str, Any] = {
        "plus": sum, "times": math.prod, "power": lambda a: a[0] ** a[1], "divide": lambda a: a[0] / a[1],
        "ln": lambda a: math.log(a[0]), "abs": lambda a: abs(a[0]),
    }  # fmt: skip
    name = operator.tag.removeprefix(MATH)
    return plain[name](numbers) if name in plain else getattr(math, name)(*numbers)


def slopes(text: str) -> dict[str, float]:
    """The slope of every species, mM/ms, as an SBML text has it."""
    root = ET.fromstring(text)
    found = {p.get("id"): float(p.get("value")) for p in root.iter(f"{SBML}parameter")}
    size = {c.get("id"): float(c.get("size")) for c in root.iter(f"{SBML}compartment")}
    place = {s.get("id"): s.get("compartment") for s in root.iter(f"{SBML}species")}
    found |= size | {s.get("id"): float(s.get("initialConcentration")) for s in root.iter(f"{SBML}species")}
    moved = dict.fromkeys(place, 0.0)
    for reaction in root.iter(f"{SBML}reaction"):
        rate = value(reaction.find(f"{SBML}kineticLaw/{MATH}math")[0], found)
        for side, sign in (("Reactants", -1), ("Products", 1)):
            for one in reaction.iterfind(f"{SBML}listOf{side}/{SBML}speciesReference"):
                moved[one.get("species")] += sign * float(one.get("stoichiometry")) * rate / size[place[one.get("species")]]
    return moved


def test_slopes_are_those_of_the_model(soma, tmp_path):
    cyt = rxd.Region([soma], name="cyt", nrn_region="i")
    store = rxd.Region([soma], name="a store", geometry=rxd.FractionalVolume(0.2))
    ca = rxd.Species([cyt, store], name="ca", charge=2, initial=lambda node: 0.2 if node.region is cyt else 0.7)
    b, cab = rxd.Species(cyt, name="b", initial=1), rxd.State(cyt, name="cab", initial=0.3)
    p = rxd.Parameter(cyt, name="p", value=0.5)
    kept = [
        rxd.Reaction(ca + 2 * b, cab, 3e-2 * p, 0.1),
        rxd.Reaction(b > cab, b / (0.3 + ca), mass_action=False),
        rxd.Rate(ca, -0.1 * ca / (ca + 1) * rxdmath.exp(-ca)),
        rxd.Rate(cab, rxdmath.tanh(b) * p * rxdmath.vtrap(rxd.v + 40, 10) * 1e-3, regions=[cyt]),
    ]
    h.finitialize(-65)
    path = tmp_path / "soma.xml"
    text = export.sbml(soma(0.5), filename=str(path), model_name="a model")
    assert path.read_text() == text
    expected, before = slopes(text), [node.value for node in (*ca.nodes, *b.nodes, *cab.nodes)]
    h.dt = 1e-7
    h.fadvance()
    after = [node.value for node in (*ca.nodes, *b.nodes, *cab.nodes)]
    assert sorted(expected) == ["b_cyt", "ca_a_store", "ca_cyt", "cab_cyt"]
    found = dict(
        zip(
            ("ca_cyt", "ca_a_store", "b_cyt", "cab_cyt"),
            [(y - x) / h.dt for x, y in zip(before, after, strict=True)],
            strict=True,
        )
    )
    assert found == pytest.approx(expected, rel=1e-5)
    assert len(kept) == 4


def test_what_cannot_be_exported_is_refused(soma):
    cyt, mem = rxd.Region([soma], name="cyt"), rxd.Region([soma], geometry=rxd.membrane)
    x = rxd.Species([cyt], name="x", initial=1)
    rate = rxd.Rate(x, rxdmath.erf(x))
    with pytest.raises(rxd.RxDException, match="erf has no counterpart in SBML"):
        export.sbml(soma(0.5))
    del rate
    assert "erf" not in FUNCTIONS
    y = rxd.Species(cyt, name="y")
    crossing = rxd.MultiCompartmentReaction(x[cyt], y[cyt], 1, membrane=mem)  # noqa: F841
    with pytest.raises(rxd.RxDException, match="Cannot export MultiCompartmentReactions"):
        export.sbml(soma(0.5))
