"""rxd objects before any run: operators, errors, nodes and their filters."""

from __future__ import annotations

import gc
import math

import numpy as np
import pytest

from rxd.neuron import Session, h, rxd
from rxd.neuron.rxd.formula import Formula, Scheme

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def cell():
    a, b = h.Section(name="a"), h.Section(name="b")
    a.nseg, b.nseg = 3, 2
    b.connect(a(1))
    return a, b


def test_operators(cell):
    cyt = rxd.Region(cell, name="cyt")
    a, b, c = (rxd.Species(cyt, name=name) for name in "abc")
    assert isinstance(2 * a + b, Formula)
    assert isinstance(a + b > c, Scheme)
    assert isinstance(2 * a + b != c, Scheme)
    assert isinstance(a != b, Scheme)
    same = a
    assert a == same
    assert not (a == b)  # noqa: SIM201 - two different operators of a species
    assert a in [b, a]
    x = 3.0
    value = (1 - a) ** 2 / (1 + b) - abs(-c)
    numbers = {a.expression: x, b.expression: 1, c.expression: 2}
    assert float(value.expression.subs(numbers)) == pytest.approx((1 - x) ** 2 / 2 - 2)


@pytest.mark.parametrize(
    ("name", "x"),
    [("acos", 0.3), ("asin", 0.3), ("atan", 0.3), ("asinh", 0.3), ("acosh", 1.5), ("cosh", 0.3), ("sinh", 0.3), ("tanh", 0.3),
     ("erf", 0.3), ("erfc", 0.3), ("exp", 0.3), ("expm1", 0.3), ("fabs", -0.3), ("floor", 2.3), ("ceil", 2.3), ("trunc", -2.3),
     ("log", 0.3), ("log10", 0.3), ("log1p", 0.3), ("sqrt", 0.3), ("degrees", 0.3), ("radians", 30), ("gamma", 2.5),
     ("lgamma", 2.5), ("factorial", 3)],
)  # fmt: skip
def test_functions(name, x, cell):
    a = rxd.Species(rxd.Region(cell, name="cyt"), name="a")
    formula = getattr(rxd.rxdmath, name)(a)
    assert float(formula.expression.subs({a.expression: x}).evalf()) == pytest.approx(getattr(math, name)(x))


@pytest.mark.parametrize(
    ("name", "x", "y"),
    [
        ("pow", 2, 3),
        ("atan2", 1, -2),
        ("atan2", -1, -2),
        ("atan2", -1, 2),
        ("atan2", 0, -2),
        ("hypot", 3, 4),
        ("fmod", -7, 3),
        ("copysign", 3, -1),
    ],
)
def test_functions_of_two(name, x, y, cell):
    cyt = rxd.Region(cell, name="cyt")
    a, b = rxd.Species(cyt, name="a"), rxd.Species(cyt, name="b")
    formula = getattr(rxd.rxdmath, name)(a, b)
    assert float(formula.expression.subs({a.expression: x, b.expression: y}).evalf()) == pytest.approx(
        getattr(math, name)(x, y)
    )


def test_whole_numbers_in_rates(cell):
    cyt = rxd.Region(cell, name="cyt")
    a, b = rxd.Species(cyt, name="a", initial=-1.5), rxd.Species(cyt, name="b", initial=0.4)
    m = rxd.rxdmath
    formulas = [m.ceil(a), m.floor(a), m.trunc(a), m.fmod(a, b), m.atan2(a, b), m.copysign(b, a), m.ceil(m.floor(a))]
    exact = [-1, -2, -1, math.fmod(-1.5, 0.4), math.atan2(-1.5, 0.4), -0.4, -2]
    states = [rxd.State(cyt, name=f"y{i}", initial=0) for i in range(len(formulas))]
    rates = [rxd.Rate(y, f) for y, f in zip(states, formulas, strict=True)]
    h.dt = 0.1
    h.finitialize(-65)
    h.fadvance()
    assert [y.nodes[0].value / 0.1 for y in states] == pytest.approx(exact)
    assert len(rates) == len(exact)


def test_reactions(cell):
    cyt, er = rxd.Region(cell, name="cyt"), rxd.Region(cell, name="er")
    a, b = rxd.Species([cyt, er], name="a"), rxd.Species([cyt, er], name="b")
    one_way = rxd.Reaction(a + 2 * b > b, 1)
    assert (one_way.f_rate, one_way.b_rate) == (1, 0)
    backward = rxd.Reaction(a < b, 1)
    assert (backward.lhs, backward.f_rate, backward.b_rate) == ({a.expression: 1}, 0, 1)
    assert rxd.Reaction(a, b, 1, 2).b_rate == 2
    assert rxd.Reaction(a != b, 1, 2, regions=cyt).regions == [cyt]
    assert rxd.Reaction(a, b, a * b, mass_action=False).custom_dynamics
    assert repr(rxd.Rate(a, 1)) == "Rate(a, 1, regions=[cyt, er], membrane_flux=False)"


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (lambda a, b, cyt: rxd.Reaction(a * b, b, 1), "lhs"),
        (lambda a, b, cyt: rxd.Reaction(a, 0, 1), "rhs"),
        (lambda a, b, cyt: rxd.Reaction(0.5 * a, b, 1), "lhs"),
        (lambda a, b, cyt: rxd.Reaction(a, b), "scheme"),
        (lambda a, b, cyt: rxd.Reaction(a > b, 1, 2), "one-way"),
        (lambda a, b, cyt: rxd.Reaction(a, b, 1, custom_dynamics=True, mass_action=True), "mass-action"),
        (lambda a, b, cyt: rxd.Rate(5, a), "species or state"),
        (lambda a, b, cyt: rxd.MultiCompartmentReaction(a[cyt], b[cyt], 1), "membrane"),
        (lambda a, b, cyt: rxd.MultiCompartmentReaction(a[cyt], b[cyt], 1, membrane=cyt), "membrane not a volume"),
        (lambda a, b, cyt: a[rxd.Region([], name="r")], "is not on"),
        (lambda a, b, cyt: rxd.Parameter(cyt, name="p", value=1, initial=2), "both"),
        (lambda a, b, cyt: rxd.Region(None), "must be a list"),
        (lambda a, b, cyt: rxd.Region([], nrn_region="x"), "nrn_region"),
        (lambda a, b, cyt: rxd.Region([], geometry=5), "geometry"),
        (lambda a, b, cyt: rxd.Region([], dx=-1), "dx"),
        (lambda a, b, cyt: rxd.Species(None), "regions"),
        (lambda a, b, cyt: rxd.set_solve_type(dimension=2), "1 or 3"),
        (lambda a, b, cyt: rxd.Extracellular(0, 0, 0, 1, 1, 1, dx=1, tortuosity=1, permeability=1), "not both"),
        (lambda a, b, cyt: a.nodes("x"), "unrecognized node condition"),
        (lambda a, b, cyt: setattr(a.nodes, "value", [1, 2]), "same length"),
        (lambda a, b, cyt: a.nodes._ref_value, "not unique"),
    ],
)  # fmt: skip
@pytest.mark.filterwarnings("ignore:No sections")
def test_mistakes(wrong, message, cell):
    cyt = rxd.Region(cell, name="cyt")
    a, b = rxd.Species(cyt, name="a"), rxd.Species(cyt, name="b")
    with pytest.raises(rxd.RxDException, match=message):
        wrong(a, b, cyt)


def test_an_ion_has_one_charge(cell):
    cyt = rxd.Region(cell, name="cyt", nrn_region="i")
    kept = rxd.Species(cyt, name="ca", charge=2)
    with pytest.raises(RuntimeError, match="already defined with charge 2"):
        rxd.Species(cyt, name="ca", charge=1)
    assert kept.charge == 2


def test_nodes(cell):
    a, b = cell
    cyt, er = rxd.Region(cell, name="cyt", nrn_region="i"), rxd.Region([b], name="er", geometry=rxd.FractionalVolume(0.2))
    ca = rxd.Species([cyt, er], name="ca", charge=2, initial=lambda node: node.x + (node.region is er))
    assert len(ca.nodes) == 7
    assert ca[cyt].nodes.value == pytest.approx([1 / 6, 0.5, 5 / 6, 0.25, 0.75])
    assert ca.nodes(er).value == [1.25, 1.75]
    assert ca.nodes(b)(cyt).value == [0.25, 0.75]
    assert ca.nodes(b(0.9)).value == [0.75, 1.75]
    assert ca.nodes(0.5).segment == [a(0.5), b(0.5), b(0.5)]
    assert [node.x for node in ca.nodes(lambda node: node.x > 0.8)] == [pytest.approx(5 / 6)]
    assert ca.nodes[-1].value == 1.75
    assert ca.nodes[1:3].value == [0.5, pytest.approx(5 / 6)]
    assert [seg.cai for seg in a] == pytest.approx([1 / 6, 0.5, 5 / 6])
    node = ca.nodes(a(0.5))[0]
    assert isinstance(node, rxd.node.Node1D)
    assert node == ca.nodes[1]
    assert (node.sec, node.region, node.species) == (a, cyt, ca)
    assert node.volume == pytest.approx(a(0.5).volume())
    assert ca[er].nodes[0].volume == pytest.approx(0.2 * b(0.25).volume())
    assert node.satisfies(a)
    assert not node.satisfies(b)


def test_values_are_written_through(cell):
    _, b = cell
    cyt = rxd.Region(cell, name="cyt")
    x = rxd.Species(cyt, name="x", initial=0)
    x.nodes(b).value = [1, 2]
    x.nodes[0].concentration = 5
    assert x.nodes.value == [5, 0, 0, 1, 2]
    pointer = x.nodes(b(0.9))._ref_concentration
    pointer[0] = 9
    assert (pointer[0], x.nodes[4].value) == (9, 9)


def test_nodes_survive_other_edits_and_notice_their_own(cell):
    a, b = cell
    cyt = rxd.Region(cell, name="cyt")
    x = rxd.Species(cyt, name="x", initial=lambda node: node.x)
    node = x.nodes(b(0.9))[0]
    a.nseg = 5
    assert node.value == 0.75
    b.nseg = 1
    with pytest.raises(rxd.RxDException, match="gone"):
        node.value  # noqa: B018


def test_order_of_nodes_is_that_of_the_trees():
    trunk, left, right, twig, axon = (h.Section(name=name) for name in ("trunk", "left", "right", "twig", "axon"))
    left.connect(trunk(1))
    right.connect(trunk(1))
    twig.connect(left(0.6))
    axon.connect(trunk(0))
    x = rxd.Species(rxd.Region([left, axon, twig, right, trunk], name="c"), name="x")
    assert [str(node.sec) for node in x.nodes] == ["trunk", "axon", "right", "left", "twig"]


def test_regions_do_not_keep_sections_nor_sessions_species(session, cell):
    sec = h.Section(name="lone")
    region = rxd.Region([*cell, sec], name="cyt")
    del sec
    gc.collect()
    assert [str(section) for section in region.secs] == ["a", "b"]
    x = rxd.Species(region, name="x")
    assert session.chemistry.quantities == [x]
    del x
    gc.collect()
    assert session.chemistry.quantities == []


def test_extracellular():
    ecs = rxd.Extracellular(0, 0, 0, 10, 10, 6, dx=(5, 5, 2), volume_fraction=0.2)
    k = rxd.Species(ecs, name="k", charge=1, initial=lambda node: node.x3d)
    assert k[ecs].states3d.shape == (2, 2, 3)
    assert k[ecs].states3d[1, 0, 0] == 7.5
    assert k[ecs].node_by_location(9, 1, 5).value == 7.5
    on_sides = k[ecs].node_by_location(10, 10 + 1e-14, -1e-14)  # NEURON's last voxel there is another's first
    assert (on_sides.x3d, on_sides.y3d, on_sides.z3d) == (7.5, 7.5, 1)
    assert k[ecs].node_by_ijk(0, 1, 2).y3d == 7.5
    assert k[ecs].extent("xz") == [0, 10, 0, 6]
    with pytest.raises(rxd.RxDException, match="not 'zx'"):
        k[ecs].extent("zx")
    assert k.nodes[0].volume == pytest.approx(0.2 * 50)
    k[ecs].states3d[0] = 1
    assert np.array(k.nodes.value).sum() == pytest.approx(6 * 1 + 6 * 7.5)
    with pytest.raises(rxd.RxDException, match=r"\(11, 0, 0\) is outside the box: x from 0 to 10, y"):
        k[ecs].node_by_location(11, 0, 0)


def test_species_on_membranes_stay(cell):
    mem = rxd.Region(cell, name="mem", geometry=rxd.membrane)
    even, uneven = rxd.Species(mem, name="even", d=1, initial=2), rxd.Species(mem, name="uneven", d=1, initial=lambda n: n.x)
    before = uneven.nodes.value
    with pytest.warns(UserWarning, match="uneven does not diffuse along mem"):
        h.finitialize(-65)
    h.fadvance()
    assert uneven.nodes.value == before
    assert set(even.nodes.value) == {2}


def test_species_and_sections_know_each_other(cell):
    a, _ = cell
    cyt = rxd.Region([a], name="cyt")
    x = rxd.Species(cyt, name="x")
    found = a.psection()
    assert found["regions"] == {cyt}
    assert found["species"] == {x}


def test_arguments_neuron_takes_and_ignores(cell):
    cyt, er = (rxd.Region(cell, name=name) for name in ("cyt", "er"))
    mem = rxd.Region(cell, name="mem", geometry=rxd.membrane)
    x = rxd.Species([cyt, er], name="x", initial=1)
    moved = rxd.MultiCompartmentReaction(x[cyt], x[er], 1, membrane=mem, regions=[None])
    assert moved.membrane is mem
    assert rxd.Reaction(x, 2 * x, 1, regions=[None]).regions == rxd.Reaction(x, 2 * x, 1).regions
    with pytest.warns(UserWarning, match="no effect.*: colour"):
        rxd.Reaction(x, 2 * x, 1, colour="red")


def test_geometries_measure_sections(cell):
    a, _ = cell
    a.nseg = 2
    shapes = {
        "whole": rxd.inside,
        "part": rxd.FractionalVolume(0.25, surface_fraction=1),
        "mem": rxd.membrane,
        "er": rxd.Shell(0, 0.5),
    }
    regions = {name: rxd.Region(cell, name=name, geometry=shape) for name, shape in shapes.items()}
    volume, area = [np.array([getattr(seg, what)() for seg in a]) for what in ("volume", "area")]
    measured = {name: region.geometry for name, region in regions.items()}
    assert measured["whole"].volumes1d(a) == pytest.approx(volume)
    assert measured["part"].volumes1d(a) == pytest.approx(volume / 4)
    assert measured["part"].surface_areas1d(a) == pytest.approx(area)
    assert measured["mem"].volumes1d(a) == pytest.approx(area)
    assert not measured["er"].surface_areas1d(a).any()
    assert [found.is_area() for found in measured.values()] == [False, False, True, False]
    assert measured["er"] == shapes["er"]
    assert repr(measured["er"]) == repr(shapes["er"])


def test_warnings_name_the_line_of_the_script():
    section = h.Section(name="soma")
    store = rxd.Region(section, name="store", nrn_region="i", geometry=rxd.FractionalVolume(0.2))
    na = rxd.Species(store, name="na", charge=1)
    with pytest.warns(UserWarning, match="no part of the membrane") as caught:
        h.finitialize(-65)
    with pytest.warns(UserWarning, match="unexpected arguments have no effect") as also:
        rxd.Reaction(na, na, 1, region=store)
    assert {warning.filename for warning in (*caught, *also)} == {__file__}


@pytest.mark.parametrize("kind", [rxd.Species, rxd.State, rxd.Parameter])
def test_what_has_a_name_and_a_side_begins_with_the_ions_concentration(kind):
    section = h.Section(name="soma")
    cyt, mem = rxd.Region(section, nrn_region="i"), rxd.Region(section, geometry=rxd.membrane)
    named, known, nameless = kind([cyt, mem], name="x"), kind(cyt, name="na", charge=1), kind(cyt)
    h.finitialize(-65)
    assert named.nodes.value == [1, 0]
    assert known.nodes.value == [h.nai0_na_ion]
    assert nameless.nodes.value == [0]


@pytest.mark.parametrize("adaptive", [False, True])
def test_cotransport_without_current_may_have_a_membrane_flux(adaptive):
    section = h.Section(name="soma")
    section.L = section.diam = 10
    cyt, mem = rxd.Region(section, nrn_region="i"), rxd.Region(section, geometry=rxd.membrane)
    box = rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=20)
    k = rxd.Species([cyt, box], name="k", charge=1, initial=lambda node: 100 if node.region is cyt else 5)
    cl = rxd.Species([cyt, box], name="cl", charge=-1, initial=lambda node: 10 if node.region is cyt else 120)
    pair = rxd.MultiCompartmentReaction(  # noqa: F841
        k[cyt] + cl[cyt], k[box] + cl[box], 1e3, mass_action=False, membrane=mem, membrane_flux=True
    )
    recorded = h.Vector().record(section(0.5)._ref_icl)
    h.cvode_active(adaptive)
    h.finitialize(-65)
    h.continuerun(0.025)
    one = 1e3 * 1.602176634e-19 * 1e3 * 1e3 / 1e-8  # a charge for each reaction, mA/cm2; NEURON shows twice that
    assert [section.ik, section.icl, recorded[0]] == pytest.approx([one, -one, -one], rel=1e-6)
    lost = 1e3 * 0.025 / 602214.076 * section(0.5).area() / section(0.5).volume()
    assert [100 - k[cyt].nodes[0].value, 10 - cl[cyt].nodes[0].value] == pytest.approx([lost, lost], rel=1e-6)
    assert section.v == pytest.approx(-65, abs=1e-12)


@pytest.mark.parametrize("kind", ["Parameter", "Species"])
@pytest.mark.parametrize("boxed", [False, True])
def test_what_stays_as_it_is_inside_carries_no_charge_out(kind, boxed):
    """As models split a current: ``ki -> dump`` takes ions from the cell, ``dump -> ko`` brings them; v follows the first."""
    section = h.Section(name="soma")
    section.L = section.diam = 10
    cyt, mem = rxd.Region(section, nrn_region="i"), rxd.Region(section, geometry=rxd.membrane)
    outside = (
        rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=20)
        if boxed
        else rxd.Region(section, nrn_region="o", geometry=rxd.Shell(1, 2))
    )
    k = rxd.Species([cyt, outside], name="k", charge=1, initial=5)
    dump = getattr(rxd, kind)([cyt, outside], name="dump")
    options = {"membrane": mem, "mass_action": False, "membrane_flux": True}
    brings = rxd.MultiCompartmentReaction(dump[cyt], k[outside], 1e3, **options)  # noqa: F841
    h.finitialize(-65)
    h.fadvance()
    assert (section.v, section.ik, k[cyt].nodes[0].value) == (-65, 0, 5)
    assert max(k[outside].nodes.value) > 5
    takes = rxd.MultiCompartmentReaction(k[cyt], dump[outside], 1e3, **options)  # noqa: F841
    h.finitialize(-65)
    h.fadvance()
    one = 1e3 * 1.602176634e-19 * 1e3 * 1e3 / 1e-8  # a charge for each reaction, mA/cm2
    assert section.ik == pytest.approx(one, rel=1e-6)
    assert section.v + 65 == pytest.approx(-one * 1e3 * 0.025, rel=1e-6)


def test_ions_of_a_reaction_without_net_current_show_theirs():
    section = h.Section(name="soma")
    section.L = section.diam = 10
    cyt, mem = rxd.Region(section, nrn_region="i"), rxd.Region(section, geometry=rxd.membrane)
    ecs = rxd.Region(section, nrn_region="o", geometry=rxd.FractionalVolume(1, surface_fraction=1))
    ions = [
        rxd.Species([cyt, ecs], name=name, charge=charge, initial=lambda node, i=i, o=o: i if node.region is cyt else o)
        for name, charge, i, o in (("na", 1, 10, 140), ("k", 1, 140, 4), ("cl", -1, 6, 130))
    ]
    na, k, cl = ions
    nkcc = rxd.MultiCompartmentReaction(  # noqa: F841
        na[cyt] + k[cyt] + 2 * cl[cyt], na[ecs] + k[ecs] + 2 * cl[ecs], 10, 10, membrane=mem, membrane_flux=True
    )
    recorded = h.Vector().record(section(0.5)._ref_icl)
    h.finitialize(-65)
    h.fadvance()
    h.fadvance()
    seg = section(0.5)
    # NEURON 9.0.2, two steps of 0.025 ms of this script; its currents into outer regions along cables are twice the flux
    assert [seg.ina, seg.ik, seg.icl] == pytest.approx(np.array([-1, -1, 2]) * 2098.073261057584 / 2, rel=1e-8)
    assert [seg.nai, seg.ki, seg.cli] == pytest.approx([11.831884205466908, 141.8318842054669, 9.663768410933818], rel=1e-9)
    assert section.v == -65
    assert recorded[2] == pytest.approx(2098.073261057584, rel=1e-8)


@pytest.mark.parametrize("kind", [rxd.State, rxd.Species])
def test_what_sits_on_a_membrane_reacts_with_what_is_beside_it(kind):
    section = h.Section(name="soma")
    section.L = section.diam = 10
    cyt, mem = rxd.Region(section, nrn_region="i"), rxd.Region(section, geometry=rxd.membrane)
    ca = rxd.Species(cyt, name="ca", charge=2, initial=0.1)
    pump, bound = kind(mem, name="pump", initial=0.6), kind(mem, name="bound", initial=0)
    binding = rxd.MultiCompartmentReaction(ca[cyt] + pump[mem], bound[mem], 5e5, 1e4, membrane=mem)  # noqa: F841
    h.finitialize(-65)
    for _ in range(40):
        h.fadvance()
    # NEURON 9.0.2, 40 steps of 0.025 ms of this script
    expected = [0.08274649753349876, 0.5568662438337485, 0.04313375616625167]
    assert [one.nodes[0].value for one in (ca, pump, bound)] == pytest.approx(expected, rel=1e-9)
    amounts = [one.nodes[0].value * one.nodes[0].volume for one in (ca, bound)]
    assert sum(amounts) == pytest.approx(0.1 * section(0.5).volume(), rel=1e-12)


@pytest.mark.parametrize("adaptive", [False, True])
def test_ions_that_one_reaction_carries_have_each_its_current(adaptive):
    section = h.Section(name="soma")
    section.L = section.diam = 10
    cyt, mem = rxd.Region(section, nrn_region="i"), rxd.Region(section, geometry=rxd.membrane)
    outside = rxd.Region(section, nrn_region="o", geometry=rxd.Shell(1, 2))
    na, k = (rxd.Species(cyt, name=name, charge=1, initial=c) for name, c in (("na", 10), ("k", 140)))
    atp = rxd.Species(cyt, name="atp", initial=2)
    nao, ko = (rxd.Parameter(outside, name=name, charge=1, value=c) for name, c in (("na", 140), ("k", 4)))
    pump = rxd.MultiCompartmentReaction(  # noqa: F841
        *(3 * na[cyt] + 2 * ko[outside] + atp[cyt], 3 * nao[outside] + 2 * k[cyt], 1e4),
        mass_action=False,
        membrane=mem,
        membrane_flux=True,
    )
    sodium = h.Vector().record(section(0.5)._ref_ina)
    h.cvode_active(adaptive)
    h.finitialize(-65)
    one = 1e4 * 1.602176634e-19 * 1e3 * 1e3 / 1e-8  # a charge for each reaction, mA/cm2
    assert [section.ina, section.ik] == pytest.approx([3 * one, -2 * one], rel=1e-6)
    h.fadvance()
    assert [section.ina, section.ik, sodium[0]] == pytest.approx([3 * one, -2 * one, 3 * one], rel=1e-6)


def test_a_flux_between_parameters_changes_nothing_and_says_so():
    section = h.Section(name="soma")
    section.L = section.diam = 20  # in the box
    cyt, mem = rxd.Region(section, nrn_region="i"), rxd.Region(section, geometry=rxd.membrane)
    box = rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=20)
    inside, outside = (rxd.Parameter(region, name="k", charge=1, value=3) for region in (cyt, box))
    flux = rxd.MultiCompartmentReaction(  # noqa: F841
        inside[cyt], outside[box], 1e3, mass_action=False, membrane=mem, membrane_flux=True
    )
    with pytest.warns(UserWarning, match="Parameters on both sides"):
        h.finitialize(-65)
    h.fadvance()
    assert section.v == -65


@pytest.mark.parametrize("what", ["d", "charge", "initial"])
def test_a_text_where_a_number_belongs_is_refused_by_its_name(session, cell, what):
    cyt = rxd.Region(h.allsec(), name="cyt")
    with pytest.raises(rxd.RxDException, match=f"Species ca: {what} is a number or a function, not the text 'two'"):
        rxd.Species(cyt, name="ca", **{what: "two"})


def test_symbols_of_a_session_that_is_gone_are_no_others_even_at_its_address():
    """SymPy's cache gives back expressions of equal symbols: those of a dead session would bring dead species with them."""
    kept = []  # as that cache does
    gc.freeze()  # what is there already is not looked through fifty times
    try:
        for _ in range(50):
            with Session() as session:
                x = rxd.Species(rxd.Region([h.Section(name="a")], name="cyt"), name="x", initial=1)
                (symbol,) = (2 * x).expression.free_symbols
                assert symbol.quantity() is x
                assert symbol not in kept
                kept.append(symbol)
            del session, x, symbol
            gc.collect()
    finally:
        gc.unfreeze()
    assert all(symbol.quantity() is None for symbol in kept)


def test_a_section_made_after_a_run_has_the_points_it_is_given(cell):
    k = rxd.Species(rxd.Region(cell, nrn_region="i"), name="k", charge=1, initial=100)
    cell[0].insert("hh")
    h.finitialize(-65)
    new = h.Section(name="new")
    new.insert("hh")  # values of other sections are kept for the model to come; that gave this one points of its own
    assert new.n3d() == 0
    for x in (500, 508):
        new.pt3dadd(x, 0, 0, 8)
    assert [new.n3d(), new.L, new.diam] == [2, 8, 8]
    assert k is not None
