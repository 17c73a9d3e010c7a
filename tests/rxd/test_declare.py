"""Declarations: what users write, and the expressions it becomes."""

from __future__ import annotations

import math
import pickle
from types import MappingProxyType
from typing import Any

import numpy as np
import pint
import pytest
import sympy

import geometry
import rxd
from rxd import library, units
from rxd.codegen.printer import LanePrinter
from rxd.declare.functions import clipped
from rxd.declare.mechanism import symbols
from rxd.declare.symbols import NodeSymbol, as_expression
from rxd.units import as_number

CELL = geometry.examples.y_branch()


@pytest.fixture
def cyt() -> rxd.Region:
    return rxd.Region(CELL.all, "cyt", side="i")


@pytest.fixture
def er() -> rxd.Region:
    return rxd.Region(CELL["left"], "er", shape=rxd.FractionalVolume(0.2))


@pytest.fixture
def mem() -> rxd.Region:
    return rxd.Region(CELL.all, "mem", shape=rxd.membrane)


def test_a_species_on_a_region_is_a_symbol_that_knows_both(cyt: rxd.Region, er: rxd.Region) -> None:
    ca = rxd.Species([cyt, er], "ca", charge=2)
    symbol = ca[cyt]
    assert isinstance(symbol, sympy.Symbol)
    assert (symbol.name, symbol.owner, symbol.region) == ("ca[cyt]", ca, cyt)
    assert ca[cyt] == ca[cyt] != ca[er]
    assert sympy.diff(3 * ca[cyt] ** 2 * ca[er], ca[cyt]) == 6 * ca[cyt] * ca[er]


def test_symbols_of_equal_names_are_different_symbols(cyt: rxd.Region) -> None:
    one, two = rxd.Species(cyt, "ca"), rxd.Species(cyt, "ca")
    assert one[cyt] != two[cyt]
    assert one[cyt] - two[cyt] != 0
    assert len({one[cyt], two[cyt], sympy.Symbol("ca[cyt]", real=True)}) == 3
    with pytest.raises(TypeError, match="cannot be pickled"):
        pickle.dumps(one[cyt])


def test_bare_species_calculate_like_symbols(cyt: rxd.Region) -> None:
    a, b = rxd.Species(cyt, "a"), rxd.Species(cyt, "b")
    s, q = a._sympy_(), b._sympy_()
    pairs = [
        (a + 1, s + 1), (1 + a, s + 1), (a - b, s - q), (1 - a, 1 - s), (2 * a, 2 * s), (a * b, s * q), (a / b, s / q),
        (1 / a, 1 / s), (a**2, s**2), (2**a, 2**s), (-a, -s), (+a, s), (abs(a), sympy.Abs(s)), (sympy.exp(a), sympy.exp(s)),
        (a < 1, s < 1), (a <= b, s <= q), (a > 1, s > 1), (a <= 1, s <= 1),
    ]  # fmt: skip
    for found, expected in pairs:
        assert found == expected
    with pytest.raises(TypeError, match=r"index it with a region: a\[region\]"):
        list(a)


def test_mass_action_and_custom_rates(cyt: rxd.Region) -> None:
    a, b, c = (rxd.Species(cyt, name) for name in "abc")
    mass = rxd.Reaction(2 * a + b, 2 * c, 3.0, 0.5)
    assert mass.rate() == 3.0 * a**2 * b - 0.5 * c**2
    assert {symbol.name: number for symbol, number in mass.net().items()} == {"a": -2, "b": -1, "c": 2}
    assert rxd.Reaction(a, b, a * c, 7, custom_dynamics=True).rate() == a * c - 7
    assert rxd.Reaction(a, b, a * c, 7, mass_action=False).rate() == a * c - 7
    assert rxd.Reaction(a, 2 * a, 1.0).rate() == 1.0 * a
    assert {symbol.name: number for symbol, number in rxd.Reaction(a, 2 * a, 1.0).net().items()} == {"a": 1}
    for nothing in (None, 0):
        assert rxd.Reaction(a, nothing, 1.0).net() == {a._sympy_(): -1}


def test_catalyst_cancels_but_stays_in_the_rate(cyt: rxd.Region) -> None:
    a, b, e = (rxd.Species(cyt, name) for name in "abe")
    reaction = rxd.Reaction(a + e, b + e, 2.0)
    assert reaction.rate() == 2.0 * a * e
    assert {symbol.name for symbol in reaction.net()} == {"a", "b"}


def test_charge_that_leaves_counts_what_the_inside_loses(cyt: rxd.Region, er: rxd.Region, mem: rxd.Region) -> None:
    out = rxd.Region(CELL.all, "out", side="o", shape=rxd.Shell(1.0, 1.2))
    ca = rxd.Species([cyt, er, out], "ca", charge=2)
    na = rxd.Species([cyt, out], "na", charge=1)

    def charge(lhs: object, rhs: object) -> int:
        return rxd.MultiCompartmentReaction(lhs, rhs, 1.0, membrane=mem).charge_out()

    assert charge(ca[cyt], ca[out]) == 2
    assert charge(ca[out], ca[cyt]) == -2
    assert charge(ca[cyt], None) == 2
    assert charge(None, ca[cyt]) == -2
    assert charge(ca[out], None) == -2
    assert charge(3 * na[out] + ca[cyt], 3 * na[cyt] + ca[out]) == -1
    assert charge(ca[er], None) == 2


@pytest.mark.parametrize("where", ["mole", "membrane"])
def test_repr_names_things(where: str, cyt: rxd.Region, er: rxd.Region, mem: rxd.Region) -> None:
    ca = rxd.Species([cyt, er], "ca", charge=2)
    texts = {
        "mole": (rxd.Reaction(ca, None, 1.0), ca, cyt, rxd.Rate(ca[cyt], 1.0)),
        "membrane": (rxd.MultiCompartmentReaction(ca[cyt], ca[er], 1.0, membrane=mem), mem),
    }[where]
    for thing in texts:
        text = repr(thing)
        assert type(thing).__name__ in text
        assert any(name in text for name in ("ca", "cyt", "mem"))


def test_a_model_collects_what_reactions_refer_to(cyt: rxd.Region, er: rxd.Region, mem: rxd.Region) -> None:
    ca = rxd.Species([cyt, er], "ca", charge=2)
    k, gate = rxd.Parameter(cyt, "k", value=1.0), rxd.State(mem, "gate")
    model = rxd.Model(CELL)
    added = model.add(rxd.MultiCompartmentReaction(ca[er], ca[cyt], k[cyt] * gate[mem], membrane=mem), [rxd.Rate(gate, -gate)])
    assert len(added) == 2
    assert {q.name for q in model.quantities} == {"ca", "k", "gate"}
    assert {r.name for r in model.regions} == {"cyt", "er", "mem"}
    assert model.add(ca) is ca
    assert len(model.quantities) == 3  # adding again adds nothing
    assert repr(model).startswith("Model(3 sections; 3 regions, 1 species, 1 states, 1 parameters, 2 reactions")


def test_regions_take_selections_and_sections(cyt: rxd.Region) -> None:
    assert rxd.Region([CELL["left"], CELL["right"]], "r").selection.names == ("left", "right")
    assert rxd.Region(CELL.section("left"), "r").selection.names == ("left",)
    assert rxd.Region(list(CELL.all), "r").selection == CELL.all
    assert not cyt.is_membrane
    assert rxd.Region(CELL.all, "m", shape=rxd.DistributedBoundary(1.0)).is_membrane


def test_probes_name_a_quantity_and_a_place(cyt: rxd.Region) -> None:
    ca = rxd.Species(cyt, "ca")
    place = CELL["left"](0.25)
    assert rxd.v(place) == rxd.Probe("v", place)
    assert ca[cyt](place) == rxd.Probe("ca[cyt]", place)


def test_vtrap_is_smooth_and_can_be_evaluated() -> None:
    x = sympy.Symbol("x")
    expression = rxd.vtrap(x, 10)
    assert expression.subs(x, 0) == 10
    assert float(expression.subs(x, 5).evalf()) == pytest.approx(5 / np.expm1(0.5), rel=1e-14)
    assert float(expression.subs(x, 5.0)) == pytest.approx(5 / np.expm1(0.5), rel=1e-14)
    slope = sympy.diff(expression, x)
    assert slope.subs(x, 0) == -sympy.Rational(1, 2)
    difference = (float(expression.subs(x, 5.001)) - float(expression.subs(x, 4.999))) / 0.002
    assert float(slope.subs(x, 5).evalf()) == pytest.approx(difference, rel=1e-6)


def test_mechanisms_are_frozen_declarations() -> None:
    mechanism = library.hh(gnabar=0.2)
    assert mechanism.parameters["gnabar"] == 0.2
    assert isinstance(mechanism.parameters, MappingProxyType)
    with pytest.raises(AttributeError):
        mechanism.name = "other"
    with pytest.raises(TypeError):
        mechanism.parameters["gnabar"] = 1


def test_a_mechanism_may_use_time_temperature_and_ions() -> None:
    g, m = symbols("g m")
    rxd.Mechanism(
        "clock", {"g": 1.0}, (rxd.Gate(m, -m / rxd.celsius, rxd.concentration("ca", "i")),),
        (rxd.Current("i", g * m * sympy.sin(rxd.t) * (rxd.v - rxd.reversal("k")), "k"),),
    )  # fmt: skip
    assert rxd.reversal("k") == rxd.reversal("k") != rxd.reversal("na")


def test_point_process_takes_its_own_parameters() -> None:
    mechanism = library.exp_syn(tau=2.0, e=0.0)
    process = rxd.PointProcess(mechanism, CELL["left"](0.5), e=-80.0)
    assert dict(process.parameters) == {"tau": 2.0, "e": -80.0}
    assert mechanism.parameters["e"] == 0.0
    assert "exp_syn" in repr(process)


def test_house_units_are_plain_numbers() -> None:
    assert 0.1 * units.uM == pytest.approx(1e-4)
    assert 2 * units.s == 2000
    assert 5 * units.nM == pytest.approx(5e-6)
    assert 1 * units.pA == pytest.approx(1e-3)


def test_quantities_with_units_become_house_units(cyt: rxd.Region) -> None:
    pint_units = pint.UnitRegistry()
    assert as_number(0.2 * pint_units.umol / pint_units.l, "x", "mM") == pytest.approx(2e-4)
    ca = rxd.Species(cyt, "ca", d=2.2e-6 * pint_units.cm**2 / pint_units.s, initial=50 * pint_units.nmol / pint_units.l)
    assert ca.d[cyt] == pytest.approx(0.22)
    assert ca.initial == pytest.approx(5e-5)
    assert as_number(sympy.Rational(1, 2), "x") == 0.5
    assert as_number(np.float32(2), "x") == 2.0


def test_node_symbols_say_which_region_a_bare_species_has(cyt: rxd.Region) -> None:
    ca = rxd.Species(cyt, "ca")
    bare = ca._sympy_()
    assert isinstance(bare, NodeSymbol)
    assert bare.region is None
    assert bare.name == "ca"


def test_clipped_is_the_number_within_its_ends_with_its_derivative():
    x = sympy.Symbol("x", real=True)
    kept = clipped(x, -100, 100)
    value, slope = sympy.lambdify(x, [kept, sympy.diff(kept**2, x)], "numpy")(np.array([-120.0, 3.0, 150.0]))
    assert value.tolist() == [-100, 3, 100]
    assert slope.tolist() == [0, 6, 0]
    assert [clipped(number, -100, 100) for number in (-101, 7, 101)] == [-100, 7, 100]
    text = eval(f"lambda x: {LanePrinter().doprint(kept)}")
    assert [text(number) for number in (-120.0, 3.0, 150.0)] == [-100, 3, 100]
    assert np.isnan(text(np.nan))


@pytest.mark.parametrize(
    ("function", "value"),
    [
        (sympy.floor, np.floor(2.7)),
        (sympy.ceiling, np.ceil(2.7)),
        (sympy.frac, 0.7),
        (lambda x: sympy.Mod(x, 2), 0.7),
        (lambda x: 10 * sympy.erfc(x), 10 * (1 - math.erf(2.7))),
        (sympy.coth, 1 / np.tanh(2.7)),
        (sympy.asinh, np.arcsinh(2.7)),
        (sympy.acosh, np.arccosh(2.7)),
        (lambda x: sympy.atanh(x / 3), np.arctanh(0.9)),
    ],
)
def test_functions_of_sympy_in_rates(function: Any, value: float) -> None:
    """They are said with functions that generated code knows, which have derivatives."""
    x = sympy.Symbol("x", real=True)
    expression = as_expression(function(x), "rate")
    assert float(expression.subs(x, 2.7)) == pytest.approx(value, rel=1e-12)
    slope = expression.diff(x)
    assert not slope.has(sympy.Derivative)
    assert LanePrinter().doprint(expression)
    assert LanePrinter().doprint(slope)
