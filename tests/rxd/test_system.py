"""build_system: declarations become equations, section by section."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
import sympy

import geometry
import rxd
from cable.constants import FARADAY, MOLECULES_PER_MM_UM3, thermal_voltage
from rxd import library
from rxd.declare.mechanism import symbols
from rxd.symbolic.build import build_system
from rxd.symbolic.system import LocalSystem, System
from rxd.symbolic.tables import Tables

CELL = geometry.examples.y_branch()


def group_of(system: System, section: str) -> LocalSystem:
    index = CELL.names.index(section)
    return next(group for group in system.groups if index in group.sections)


def field_of(group: LocalSystem, kind: str, *args: object) -> sympy.Symbol:
    (found,) = [field for field in group.fields if field.kind == kind and field.args[: len(args)] == args]
    return found.symbol


def test_sections_with_equal_equations_form_one_group() -> None:
    model = rxd.Model(CELL)
    model.insert(library.hh(), on=CELL["parent"])
    model.insert(library.pas(), on=CELL["left"] | CELL["right"])
    model.add(rxd.Species(rxd.Region(CELL["left"], "cyt"), "c"))
    system = build_system(model)
    assert [group.sections for group in system.groups] == [(0,), (1,), (2,)]
    assert [group.unknowns for group in system.groups] == [("v", "hh.m", "hh.h", "hh.n"), ("v", "c[cyt]"), ("v",)]
    assert [(u.label, u.kind, u.sections) for u in system.unknowns] == [
        ("v", "voltage", (0, 1, 2)),
        ("c[cyt]", "species", (1,)),
        ("hh.m", "gate", (0,)),
        ("hh.h", "gate", (0,)),
        ("hh.n", "gate", (0,)),
    ]


def test_parameters_by_section_do_not_split_a_group() -> None:
    model = rxd.Model(CELL)
    model.insert(library.pas(g=lambda node: 1e-4 * (1 + node.x)), on=CELL.all)
    assert len(build_system(model).groups) == 1


def test_a_bare_reaction_acts_in_every_shared_region() -> None:
    cyt, er, other = (rxd.Region(CELL.all, name, shape=rxd.FractionalVolume(0.3)) for name in ("cyt", "er", "other"))
    a, b = rxd.Species([cyt, er, other], "a"), rxd.Species([er, cyt], "b")
    model = rxd.Model(CELL)
    model.add(rxd.Reaction(a, b, 2.0))
    (group,) = build_system(model).groups
    s = {label: group.symbol_of(label) for label in group.unknowns}
    assert dict(group.rates) == {
        "a[cyt]": -2.0 * s["a[cyt]"], "b[cyt]": 2.0 * s["a[cyt]"], "a[er]": -2.0 * s["a[er]"], "b[er]": 2.0 * s["a[er]"],
    }  # fmt: skip
    restricted = rxd.Model(CELL)
    restricted.add(rxd.Reaction(a, b, 2.0, regions=er))
    assert {label for label, _ in build_system(restricted).groups[0].rates} == {"a[er]", "b[er]"}


def test_rates_add_up() -> None:
    cyt = rxd.Region(CELL.all, "cyt")
    a, k = rxd.Species(cyt, "a"), rxd.Parameter(cyt, "k", value=3.0)
    model = rxd.Model(CELL)
    model.add(rxd.Rate(a, k), rxd.Rate(a, -2 * a), rxd.Reaction(2 * a, None, 0.5))
    (group,) = build_system(model).groups
    x = group.symbol_of("a[cyt]")
    assert sympy.expand(dict(group.rates)["a[cyt]"] - (field_of(group, "parameter") - 2 * x - 1.0 * x**2)) == 0


def test_membrane_reaction_scales_by_area_over_volume_on_each_side() -> None:
    cyt, er = rxd.Region(CELL.all, "cyt"), rxd.Region(CELL.all, "er", shape=rxd.FractionalVolume(0.2))
    membrane = rxd.Region(CELL["left"], "mem", shape=rxd.DistributedBoundary(1.0))
    ca = rxd.Species([cyt, er], "ca", charge=2)
    model = rxd.Model(CELL)
    model.add(rxd.MultiCompartmentReaction(ca[er], ca[cyt], 3.0, 1.0, membrane=membrane))
    system = build_system(model)
    group = group_of(system, "left")
    rate = 3.0 * group.symbol_of("ca[er]") - 1.0 * group.symbol_of("ca[cyt]")
    assert dict(group.rates)["ca[cyt]"] == field_of(group, "flux", "mem", "cyt") * rate
    assert sympy.expand(dict(group.rates)["ca[er]"] + field_of(group, "flux", "mem", "er") * rate) == 0
    assert not group.processes
    assert not group_of(system, "right").rates  # there is no membrane there


def test_membrane_flux_is_a_current_with_the_charge_it_carries() -> None:
    cyt, membrane = rxd.Region(CELL.all, "cyt", side="i"), rxd.Region(CELL.all, "mem", shape=rxd.membrane)
    na, k = rxd.Species(cyt, "na", charge=1), rxd.Species(cyt, "k", charge=1)
    model = rxd.Model(CELL)
    model.add(rxd.MultiCompartmentReaction(3 * na, 2 * k, 7.0, membrane=membrane, custom_dynamics=True, membrane_flux=True))
    (group,) = build_system(model).groups
    (process,) = group.processes
    effects = dict(process.effects)
    flux = field_of(group, "flux")
    assert process.expression == 7.0
    assert (effects["na[cyt]"], effects["k[cyt]"]) == (-3 * flux, 2 * flux)
    # One charge leaves: i = F J; 1 mM um3 are 602214.076 molecules, 1 mA/cm2 = 1e-8 mA/um2 = 1e-8 * 1e-3 C/s/um2 ...
    per_flux = -effects["v"] / (field_of(group, "area_ratio") * field_of(group, "capacitance"))
    molecules_per_mol = MOLECULES_PER_MM_UM3 * 1e18
    assert float(per_flux) == pytest.approx(1e3 * FARADAY / molecules_per_mol * 1e3 / 1e-8, rel=1e-12)


def test_an_ionic_current_changes_both_sides() -> None:
    cyt = rxd.Region(CELL.all, "cyt", side="i")
    out = rxd.Region(CELL.all, "out", side="o", shape=rxd.Shell(1.0, 1.2))
    er = rxd.Region(CELL.all, "er", shape=rxd.FractionalVolume(0.1))
    ca = rxd.Species([cyt, out, er], "ca", charge=2)
    g = symbols("g")
    model = rxd.Model(CELL, celsius=25)
    model.add(ca)
    model.insert(
        rxd.Mechanism("ch", {"g": 1e-3}, (), (rxd.Current("i", g * (rxd.v - rxd.reversal("ca")), "ca"),)), on=CELL["left"]
    )
    group = group_of(build_system(model), "left")
    (process,) = group.processes
    effects = dict(process.effects)
    assert set(effects) == {"v", "ca[cyt]", "ca[out]"}  # the reticulum has no side
    assert effects["ca[cyt]"] == -field_of(group, "current", "cyt") / 2
    assert effects["ca[out]"] == field_of(group, "current", "out") / 2
    nernst = thermal_voltage(25) / 2 * sympy.log(group.symbol_of("ca[out]") / group.symbol_of("ca[cyt]"))
    values = {symbol: 0.1 * (i + 2) for i, symbol in enumerate(process.expression.free_symbols)}
    expected = (field_of(group, "mechanism") * (group.symbol_of("v") - nernst)).subs(values)
    assert float(process.expression.subs(values)) == pytest.approx(float(expected), rel=1e-12)


def test_a_species_without_charge_is_not_the_ion() -> None:
    model = rxd.Model(CELL)
    model.add(rxd.Species(rxd.Region(CELL.all, "cyt", side="i"), "na"))
    model.insert(library.hh(), on=CELL.all)
    with pytest.warns(rxd.RxdWarning, match="charge 0"):
        (group,) = build_system(model).groups
    assert all(dict(process.effects).keys() == {"v"} for process in group.processes)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({}, 50.0),  # the mechanism's
        ({"e": 45.0}, 45.0),
        ({"inside": 20.0, "outside": 200.0}, thermal_voltage(6.3) * math.log(10)),
    ],
)
def test_reversal_potentials_without_species_are_constants(settings: dict, expected: float) -> None:
    model = rxd.Model(CELL)
    if settings:
        model.ion("na", **settings)
    model.insert(library.hh(), on=CELL.all)
    (e_na,) = [value for key, value in build_system(model).values.items() if key[:3] == ("constant", "e", "na")]
    assert e_na == pytest.approx(expected)


def test_an_unknown_ion_with_two_concentrations_follows_nernst() -> None:
    model = rxd.Model(CELL, celsius=20)
    model.ion("li", charge=1, inside=2.0, outside=20.0)
    model.insert(rxd.Mechanism("ch", {}, (), (rxd.Current("i", 1e-3 * (rxd.v - rxd.reversal("li")), "li"),)), on=CELL.all)
    (group,) = build_system(model).groups
    assert field_of(group, "constant", "e", "li") is not None
    (value,) = [field.args[-1] for field in group.fields if field.kind == "constant"]
    assert value == pytest.approx(thermal_voltage(20) * np.log(10))


def test_ions_start_at_their_usual_concentrations() -> None:
    cyt, out = rxd.Region(CELL.all, "cyt", side="i"), rxd.Region(CELL.all, "out", side="o", shape=rxd.Shell(1.0, 1.1))
    model = rxd.Model(CELL)
    model.ion("k", inside=120.0)
    model.add(
        rxd.Species([cyt, out], "k", charge=1), rxd.Species(cyt, "na", charge=1, initial=3.0), rxd.Species(cyt, "x", charge=1)
    )
    initial = {unknown.label: unknown.initial for unknown in build_system(model).unknowns}
    assert initial["k[cyt]"] == 120.0
    assert initial["k[out]"] == 2.5
    assert (initial["na[cyt]"], initial["x[cyt]"]) == (3.0, 0.0)


def test_only_gates_of_the_voltage_alone_are_exact() -> None:
    """A state whose rate reads calcium, another state, time or its own square is chemistry."""
    cyt, mem = rxd.Region(CELL.all, "cyt"), rxd.Region(CELL.all, "mem", shape=rxd.membrane)
    ca = rxd.Species(cyt, "ca")
    p, q, r, s, u = (rxd.State(mem, name) for name in "pqrsu")
    model = rxd.Model(CELL)
    steady = 1 / (1 + sympy.exp(-rxd.v / 10))
    model.add(
        rxd.Rate(p, (steady - p) / 5), rxd.Rate(q, steady - ca[cyt] * q), rxd.Rate(r, p - r), rxd.Rate(s, rxd.t - s),
        rxd.Rate(u, steady - u**2), rxd.Rate(ca, -ca),
    )  # fmt: skip
    (group,) = build_system(model).groups
    (gate,) = group.gates
    v, x = group.symbol_of("v"), group.symbol_of("p[mem]")
    assert gate.label == "p[mem]"
    assert sympy.simplify(gate.source - gate.decay * x - (1 / (1 + sympy.exp(-v / 10)) - x) / 5) == 0


def test_equations_of_the_squid_axon_are_the_textbook_ones() -> None:
    model = rxd.Model(CELL)
    model.insert(library.hh(), on=CELL.all)
    (group,) = build_system(model).groups
    s = {label: group.symbol_of(label) for label in group.unknowns}
    p = {field.name: field.symbol for field in group.fields}
    right = group.right_hand_side()
    current = (
        p["gnabar_hh"] * s["hh.m"] ** 3 * s["hh.h"] * (s["v"] - p["e_na"])
        + p["gkbar_hh"] * s["hh.n"] ** 4 * (s["v"] - p["e_k"])
        + p["gl_hh"] * (s["v"] - p["el_hh"])
    )
    assert sympy.expand(right["v"] + p["per_capacitance"] * current) == 0
    numbers = {s["v"]: -50.0, s["hh.h"]: 0.3}
    expected = 0.07 * np.exp(-15 / 20) * 0.7 - 0.3 / (np.exp(1.5) + 1)
    assert float(right["hh.h"].subs(numbers)) == pytest.approx(expected, rel=1e-12)


def test_temperature_is_put_in_as_a_number() -> None:
    rates = []
    for celsius in (6.3, 16.3):
        model = rxd.Model(CELL, celsius=celsius)
        model.insert(library.hh(), on=CELL.all)
        (group,) = build_system(model).groups
        rate = dict(group.rates)["hh.n"]
        assert not {symbol.name for symbol in rate.free_symbols} & {"celsius"}
        rates.append(float(rate.subs({group.symbol_of("v"): -40.0, group.symbol_of("hh.n"): 0.2})))
    assert rates[1] == pytest.approx(3 * rates[0], rel=1e-12)


def test_temperature_in_a_rate_of_ones_own() -> None:
    cyt = rxd.Region(CELL.all, "cyt")
    a = rxd.Species(cyt, "a")
    model = rxd.Model(CELL, celsius=31.0)
    model.add(rxd.Rate(a, -a * 2 ** ((rxd.celsius - 21) / 10)))
    (group,) = build_system(model).groups
    assert float(dict(group.rates)["a[cyt]"].subs(group.symbol_of("a[cyt]"), 1.5)) == pytest.approx(-3.0)


def test_point_processes_of_one_mechanism_form_one_group() -> None:
    fast, slow = library.exp_syn(tau=1.0), library.exp_syn(tau=9.0)
    model = rxd.Model(CELL)
    for name, mechanism in (("left", fast), ("right", fast), ("left", slow)):
        model.add(rxd.PointProcess(mechanism, CELL[name](0.5)))
    system = build_system(model)
    points = [group for group in system.groups if group.points]
    assert [group.points for group in points] == [(0, 1, 2)]
    assert [group.unknowns for group in points] == [("v", "exp_syn.g")]
    assert system.unknown("exp_syn.g").points == (0, 1, 2)
    assert system.unknown("exp_syn.g").unit == "uS"


def test_other_equations_under_one_name_get_a_name_of_their_own() -> None:
    """A synapse called like a channel, and two synapses of one name with different equations."""
    g, tau = symbols("g tau")
    leaky = rxd.PointMechanism("exp_syn", {"tau": 1.0}, (rxd.Gate(g, -(g**2) / tau, 0),), on_event={"g": symbols("weight")})
    model = rxd.Model(CELL)
    model.insert(library.pas(name="exp_syn"), on=CELL.all)
    for mechanism in (library.exp_syn(), leaky):
        model.add(rxd.PointProcess(mechanism, CELL["left"](0.5)))
    system = build_system(model)
    labels = [label for group in system.groups for label in group.unknowns if label != "v"]
    labels += [process.label for group in system.groups for process in group.processes]
    assert len(set(labels)) == len(labels) == 4
    assert "exp_syn.i" in labels  # the channel's


def test_names_in_code_never_collide() -> None:
    """Labels that become the same word, or a word that kernels use, get numbers."""
    a, a_b = rxd.Region(CELL.all, "b_c"), rxd.Region(CELL.all, "c", shape=rxd.FractionalVolume(0.5))
    model = rxd.Model(CELL)
    model.add(rxd.Species(a, "a"), rxd.Species(a_b, "a_b"), rxd.State(a, "t"), rxd.Parameter(a, "dt", value=1.0))
    model.add(rxd.Rate(model.quantities[0], model.quantities[3] * rxd.t))
    system = build_system(model)
    names = [unknown.name for unknown in system.unknowns] + [field.name for group in system.groups for field in group.fields]
    assert len(set(names)) == len(names)
    assert not set(names) & {"t", "dt"}


def test_text_and_latex_show_every_equation(spiking: Callable) -> None:
    system = build_system(spiking().model)
    text, latex = str(system), system.latex()
    for label in ("hh.m", "ca[cyt]", "exp_syn.g"):
        assert f"d {label}/dt" in text
    assert "hh.ina" in text
    assert latex.count(r"\frac{d\,") == sum(len(group.unknowns) for group in system.groups)


def test_a_model_is_only_read(spiking: Callable) -> None:
    model = spiking().model
    before = repr(model), [list(value) for value in vars(model).values() if isinstance(value, list)]
    build_system(model)
    assert (repr(model), [list(value) for value in vars(model).values() if isinstance(value, list)]) == before
    assert str(build_system(model)) == str(build_system(model))


def test_formulas_of_a_point_mechanism_are_prepared_once_for_all_its_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A network has thousands of synapses of one kind; to put each through SymPy took most of the time to start."""
    asked: list[sympy.Expr] = []

    def number_or_expression(tables: Tables, value: sympy.Expr) -> sympy.Expr:
        asked.append(value)
        return prepared(tables, value)

    prepared = Tables.number_or_expression
    monkeypatch.setattr(Tables, "number_or_expression", number_or_expression)
    synapse = library.exp2_syn()
    model = rxd.Model(CELL)
    model.add(*(rxd.PointProcess(synapse, CELL["left"](x), tau2=10 + x) for x in (0.2, 0.4, 0.6, 0.8)))
    system = build_system(model)
    assert [expression for expression in asked if expression in synapse.on_event.values()] == list(synapse.on_event.values())
    assert [dict(point.parameters)["tau2"] for point in system.points] == [10.2, 10.4, 10.6, 10.8]
    assert len({point.on_event for point in system.points}) == 1
