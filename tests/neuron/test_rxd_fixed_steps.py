"""Fixed steps in voxels and boxes: those of NEURON, by dense matrices; and what constant sources add."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import special

from rxd.neuron import h, rxd
from rxd.neuron.rxd import rxdmath
from rxd.neuron.rxd.constants import molecules_per_mM_um3

pytestmark = pytest.mark.usefixtures("session")


def douglas_and_gunn(share, at, dx, d, u, dt):
    """A step of pure diffusion with harmonic means of shares between voxels, by dense matrices."""
    number = {tuple(place): k for k, place in enumerate(at.tolist())}
    along = np.zeros((3, len(at), len(at)))
    for k, place in enumerate(at.tolist()):
        for axis in range(3):
            other = number.get(tuple(n + (i == axis) for i, n in enumerate(place)))
            if other is not None:
                kappa = d / dx**2 * 2 * share[k] * share[other] / (share[k] + share[other])
                along[axis][[k, other], [k, other]] -= kappa
                along[axis][[k, other], [other, k]] += kappa
    left = [np.diag(share) - 0.5 * dt * matrix for matrix in along]
    gain = np.linalg.solve(left[0], dt * along.sum(axis=0) @ u)
    gain = np.linalg.solve(left[1], share * gain)
    return u + np.linalg.solve(left[2], share * gain)


def test_fixed_steps_in_voxels_are_neurons():
    sec = h.Section(name="s")
    sec.pt3dadd(0, 0, 0, 1.3)
    sec.pt3dadd(3, 1, 0.5, 0.9)
    rxd.set_solve_type(dimension=3)
    x = rxd.Species(rxd.Region([sec], dx=0.4), name="x", d=2.0, initial=lambda node: float(node.x3d < 1.4))
    h.dt = 0.2
    h.finitialize(-65)
    place = np.array([(node.x3d, node.y3d, node.z3d) for node in x.nodes])
    at = np.round((place - place.min(axis=0)) / 0.4).astype(int)
    share, u = np.array(x.nodes.volume) / 0.4**3, np.array(x.nodes.value)
    for _ in range(3):
        h.fadvance()
        u = douglas_and_gunn(share, at, 0.4, 2.0, u, 0.2)
        assert np.array(x.nodes.value) == pytest.approx(u, abs=1e-11)


def test_fixed_steps_in_boxes_are_neurons():
    h.Section(name="s")
    ecs = rxd.Extracellular(0, 0, 0, 5, 4, 3, dx=1, volume_fraction=0.2, tortuosity=1.6)
    x = rxd.Species(ecs, name="x", d=3.0, initial=lambda node: np.sin(node.x3d + 2 * node.y3d + node.z3d) ** 2)
    h.dt = 0.5
    h.finitialize(-65)
    u = np.array(x[ecs].states3d).ravel()
    h.fadvance()
    at = np.argwhere(np.ones((5, 4, 3)))
    expected = douglas_and_gunn(np.ones(60), at, 1.0, 3.0 / 1.6**2, u, 0.5)
    assert np.array(x[ecs].states3d).ravel() == pytest.approx(expected, abs=1e-12)


def test_the_sides_of_a_box_count_with_their_initial_values_in_the_first_fixed_step():
    h.Section(name="s")
    ecs = rxd.Extracellular(0, 0, 0, 3, 3, 3, dx=1)
    x = rxd.Species(ecs, name="x", d=1.0, initial=0.0, ecs_boundary_conditions=1.0)
    h.dt = 0.1
    h.finitialize(-65)
    h.fadvance()
    # every sweep sees neighbours that have gone from 0 to 1 in the step: c = 1.1 a, 1.1 b = a + 0.1 ...
    gain = 0.0
    for _ in range(3):
        gain = (gain + 0.1) / 1.1
    states = np.array(x[ecs].states3d)
    assert states[1, 1, 1] == pytest.approx(gain, abs=1e-11)
    states[1, 1, 1] = 1.0
    assert states == pytest.approx(np.ones((3, 3, 3)), abs=1e-10)


def test_what_does_not_diffuse_in_a_box_takes_up_currents_after_reactions():
    # as in NEURON 9.0.2: its rates see the concentration before the current of their step
    section = h.Section(name="s")
    section.L, section.diam = 10, 2
    section.insert("hh")
    ecs = rxd.Extracellular(-10, -10, -10, 20, 10, 10, dx=(30, 20, 20), volume_fraction=0.2)
    k = rxd.Species(ecs, name="k", charge=1, initial=5.0)
    decay = rxd.Rate(k, -0.5 * k)
    h.dt = 0.1
    h.finitialize(-40)
    for _ in range(3):
        before = k.nodes[0].concentration
        h.fadvance()
        gained = 1e4 * section(0.5).ik * section(0.5).area() / (0.2 * 12000 * h.FARADAY)
        assert abs(gained) > 1e-4
        assert k.nodes[0].concentration == pytest.approx(before / (1 + 0.5 * h.dt) + h.dt * gained, rel=1e-13)
    assert decay is not None


def test_fixed_steps_across_a_joint_are_neurons():
    solid, flat = h.Section(name="solid"), h.Section(name="flat")
    for sec, begin in ((solid, 0.0), (flat, 2.0)):
        sec.pt3dadd(begin, 0, 0, 1)
        sec.pt3dadd(begin + 2, 0, 0, 1)
    flat.connect(solid)
    rxd.set_solve_type([solid], dimension=3)
    cyt = rxd.Region([solid, flat], nrn_region="i", dx=0.25)
    x = rxd.Species(cyt, name="x", d=1.5, initial=lambda node: 1.0 if node in solid else 0.2)
    h.dt = 0.05
    recorded = h.Vector().record(flat(0.5)._ref_xi)
    h.finitialize(-65)
    seen = [0.2]
    inside, outside = x.nodes(solid), x.nodes(flat)
    place = np.array([(node.x3d, node.y3d, node.z3d) for node in inside])
    volume, u, v = np.array(inside.volume), np.array(inside.value), outside.value[0]
    last = place[:, 0] > 1.75
    weight = volume[last] ** (2 / 3)
    for _ in range(3):
        h.fadvance()
        seen.append(v)  # NEURON writes xi before the exchange with voxels
        assert flat(0.5).xi == pytest.approx(v, abs=1e-11)
        # half a segment and half a voxel in series, by forward Euler; then the voxels among themselves
        flow = 0.05 * weight / weight.sum() * 1.5 * np.pi / 4 / (0.5 * (0.25 + 2)) * (u[last] - v)
        v += flow.sum() / outside.volume[0]
        u[last] -= flow / volume[last]
        u = douglas_and_gunn(volume / 0.25**3, np.round(place / 0.25 - 0.5).astype(int), 0.25, 1.5, u, 0.05)
        assert np.array(inside.value) == pytest.approx(u, abs=1e-11)
        assert outside.value[0] == pytest.approx(v, abs=1e-11)
    assert list(recorded) == pytest.approx(seen, abs=1e-11)
    h.finitialize(-65)
    h.continuerun(0.15)
    assert list(recorded) == pytest.approx(seen, abs=1e-11)


@pytest.mark.parametrize("variable", [False, True])
def test_segments_show_what_is_written_to_nodes_after_the_next_step(variable):
    sec = h.Section(name="s")
    sec.nseg = 3
    x = rxd.Species(rxd.Region([sec], nrn_region="i"), name="x", charge=1, initial=1)
    h.cvode_active(variable)
    h.finitialize(-65)
    x.nodes[1].value = 2
    assert [segment.xi for segment in sec] == [1, 1, 1]
    h.fadvance()
    assert [segment.xi for segment in sec] == [1, 2, 1]
    x.nodes[0].value = 3
    x.nodes[2].value = 4  # nobody has looked at xi since the step
    assert [segment.xi for segment in sec] == [1, 2, 1]
    sec(0.5).xi = 7
    h.CVode().re_init()
    assert [segment.xi for segment in sec] == ([3, 2, 4] if variable else [1, 7, 1])
    rxd.re_init()
    assert list(x.nodes.value) == ([3, 2, 4] if variable else [1, 7, 1])
    h.fadvance()
    assert [segment.xi for segment in sec] == ([3, 2, 4] if variable else [1, 7, 1])


def test_segments_show_what_is_written_to_a_box_after_the_next_step():
    sec = h.Section(name="s")
    sec.pt3dadd(1, 1, 1, 1)
    sec.pt3dadd(2, 1, 1, 1)
    box = rxd.Extracellular(0, 0, 0, 3, 3, 3, dx=3)
    x = rxd.Species(box, name="x", charge=1, initial=1)
    h.finitialize(-65)
    h.fadvance()
    x[box].states3d[:] = 5
    assert sec(0.5).xo == 1
    h.fadvance()
    assert sec(0.5).xo == 5


def test_currents_see_what_is_written_to_a_box_after_the_next_step():
    # as in NEURON 9.0.2
    section = h.Section(name="s")
    section.L, section.diam, section.nseg = 10, 2, 3
    section.insert("hh")
    ecs = rxd.Extracellular(-10, -10, -10, 20, 10, 10, dx=(30, 20, 20), volume_fraction=0.2)
    k = rxd.Species(ecs, name="k", charge=1, initial=2.5)
    h.finitialize(-65)
    h.fadvance()
    before = section(0.5).ko
    k.nodes[0].concentration = 10
    h.fadvance()
    shown = section(0.5).ek
    h.fadvance()
    for ek, ko in ((shown, before), (section(0.5).ek, 10)):
        assert ek == pytest.approx(1000 * h.R * (h.celsius + 273.15) / h.FARADAY * np.log(ko / section(0.5).ki), rel=1e-5)


def test_constant_sources_act_after_reactions():
    """A step is c -> c / (1 + k dt) + f dt, whether a run makes it or `fadvance`, and with variable steps f / k is reached."""
    section = h.Section(name="s")
    region = rxd.Region([section], name="r")
    a, b = rxd.Species(region, initial=1), rxd.Species(region, initial=2)
    decay = rxd.Rate(a, -2 * a)
    number = section(0.5).volume() * molecules_per_mM_um3()
    a.nodes[0].include_flux(0.5 * number)
    a.nodes[0].include_flux(0.25 * number)
    b.nodes.include_flux(-0.1 * number)
    h.dt = 0.1
    expected = [1.0]
    for _ in range(12):
        expected.append(expected[-1] / 1.2 + 0.075)
    seen = h.Vector().record(a.nodes[0]._ref_value)
    h.finitialize(-65)
    h.fadvance()
    h.continuerun(1.2)
    assert list(seen) == pytest.approx(expected, rel=1e-13)
    assert b.nodes[0].value == pytest.approx(2 - 0.12, rel=1e-13)
    b.nodes[0].include_flux(-0.1 * number)
    h.continuerun(2.2)
    assert b.nodes[0].value == pytest.approx(2 - 0.32, rel=1e-13)
    h.CVode().active(True)
    h.finitialize(-65)
    h.continuerun(20)
    assert (a.nodes[0].value, decay.regions) == (pytest.approx(0.375, rel=1e-3), [])
    assert b.nodes[0].value == pytest.approx(-2, rel=1e-3)


@pytest.mark.parametrize(("d_parent", "d_child"), [(1, 0.3), (0.3, 1), (1, 0), (0, 1)])
def test_where_sections_meet_each_half_has_its_own_coefficient(d_parent, d_child):
    """End to end two resistances in series; in the middle, and at the 0 end of a root, the child's first half alone."""
    a, b = h.Section(name="a"), h.Section(name="b")
    a.L, b.L, a.diam, b.diam, b.nseg = 30, 20, 2, 1, 2
    own, other = 5 / (np.pi / 4), 15 / np.pi
    in_series = 0 if 0 in (d_parent, d_child) else 1 / (own / d_child + other / d_parent)
    h.dt = 1e-6
    for place, expected in ((1, in_series), (0.5, d_child / own), (0, d_child / own)):
        b.disconnect()
        b.connect(a(place))
        x = rxd.Species(rxd.Region([a, b]), d=1, initial=lambda node: float(node.sec == a))
        h.finitialize(-65)
        for section, d in ((a, d_parent), (b, d_child)):
            for node in x.nodes(section):
                node.d = d
        h.fadvance()
        flux = sum(node.value * node.volume for node in x.nodes(b)) / h.dt
        assert flux == pytest.approx(expected, rel=1e-5, abs=1e-12)
        del x


@pytest.mark.parametrize("at", [0, 1], ids=["at the root", "further on"])
def test_nothing_moves_where_all_that_meet_have_no_coefficient(at):
    """A joint of three has no volume: with nothing that diffuses to it, it has no value of its own."""
    stem, *branches = sections = [h.Section(name=name) for name in ("stem", "left", "right", "far")]
    for section in sections:
        section.L, section.diam, section.nseg = 30, 1, 3
    for branch in branches[:2]:
        branch.connect(stem(at))
    branches[2].connect(branches[1](1))
    x = rxd.Species(rxd.Region(sections, name="cyt"), d=0, name="x", initial=lambda node: 1 + node.x)
    for node in x.nodes(branches[2]):
        node.d = 1
    h.finitialize(-65)
    before = {section: np.array(x.nodes(section).concentration) for section in sections}
    for _ in range(20):
        h.fadvance()
    for section in (stem, branches[0]):
        np.testing.assert_array_equal(x.nodes(section).concentration, before[section])
    assert np.ptp(x.nodes(branches[2]).concentration) < 0.998 * np.ptp(before[branches[2]])
    assert sum(x.nodes.concentration) == pytest.approx(sum(map(sum, before.values())), rel=1e-14)


def test_coefficients_of_nodes_stay_with_their_sections():
    a, b = h.Section(name="a"), h.Section(name="b")
    a.nseg = b.nseg = 3
    b.connect(a)
    x = rxd.Species(rxd.Region([a, b]), d=1)
    h.finitialize(-65)
    for node in x.nodes(b):
        node.d = 0.5
    a.nseg = 5
    assert [node.d for node in x.nodes] == [1] * 5 + [0.5] * 3
    for node in x.nodes(a):
        node.d = 0.2
    b.nseg = 1
    assert [node.d for node in x.nodes] == [0.2] * 5 + [1]
    h.finitialize(-65)
    h.fadvance()


@pytest.mark.parametrize("single", [False, True])
def test_the_current_of_a_membrane_flux_is_that_of_the_nodes_a_script_has_just_written(single):
    dend = h.Section(name="dend")
    dend.L, dend.diam = 10, 2
    dend.insert("hh")
    cyt, pm = rxd.Region([dend], name="cyt", nrn_region="i"), rxd.Region([dend], name="pm", geometry=rxd.membrane())
    box = rxd.Extracellular(-10, -10, -10, 20, 10, 10, dx=10, volume_fraction=0.2)
    na = rxd.Species([cyt, box], name="na", charge=1, initial=lambda node: 10.0 if hasattr(node, "sec") else 145.0)
    pump = rxd.MultiCompartmentReaction(na[cyt] > na[box], 40 * na[cyt], membrane=pm, custom_dynamics=True, membrane_flux=True)
    names = ("ina", "gna_hh", "ena", "v", "il_hh", "ik")
    kept = {name: h.Vector().record(getattr(dend(0.5), f"_ref_{name}")) for name in names}
    h.dt = 0.025
    h.usetable_hh = 0
    begin = h.FInitializeHandler(lambda: h.CVode().event(0.1, lambda: setattr(na[cyt].nodes, "concentration", 30.0)))
    h.finitialize(-65)
    if single:
        while h.t < 0.2 - 1e-6:
            h.fadvance()
    else:
        h.continuerun(0.2)
    seen = {name: vector.as_numpy() for name, vector in kept.items()}
    per_molecule = 1.602176634e-5  # mA/cm2 of one elementary charge per um2 and ms
    flux = (seen["ina"] - seen["gna_hh"] * (np.append(seen["v"][0], seen["v"][:-1]) - seen["ena"]))[1:] / per_molecule / 40
    assert pump is not None
    assert begin is not None
    assert flux[:4] == pytest.approx(10, rel=2e-3)
    assert flux[4] == pytest.approx(30, rel=1e-9)  # as written, while the channels see what segments show
    assert seen["ena"][5] == pytest.approx(seen["ena"][4], abs=1e-2)
    assert seen["ena"][6] < seen["ena"][5] - 20
    charge = dend.cm * 1e-3 / h.dt * (np.diff(seen["v"])[4])  # what the membrane takes up in this step
    assert charge == pytest.approx(-(seen["ina"] + seen["ik"] + seen["il_hh"])[5], rel=5e-2)


def test_sources_that_change_add_up_however_many_they_are():
    dend = h.Section(name="dend")
    dend.L, dend.diam = 4, 1.5
    rxd.set_solve_type(dimension=3)
    cyt, box = rxd.Region([dend], name="cyt", dx=0.5), rxd.Extracellular(0, 0, 0, 8, 8, 8, dx=2, volume_fraction=0.5)
    one, many = (rxd.Species([cyt, box], name=name, d=0.4, initial=0.1) for name in ("one", "many"))
    for region in (cyt, box):
        one[region].nodes[5].include_flux(lambda: 30 * h.t)
        for _ in range(30):
            many[region].nodes[5].include_flux(lambda: h.t)
    h.dt = 0.1
    for times in (1, 2):  # at the second run with another step: what a step makes of a source is computed anew
        h.dt = 0.1 / times
        h.finitialize(-65)
        h.continuerun(0.5)
        assert one[cyt].nodes.value == pytest.approx(many[cyt].nodes.value, rel=1e-12)
        given = sum(30 * h.dt * k * h.dt for k in range(5 * times)) / molecules_per_mM_um3()
        for region in (cyt, box):
            nodes = one[region].nodes
            held = float(np.dot(np.array(nodes.value) - 0.1, nodes.volume))
            assert held == pytest.approx(given, rel=1e-9)
            assert np.std(nodes.value) > 0


def test_gamma_functions_in_rates():
    """Of constants, and with their slopes: one step of y' = -lgamma(y) is linearly implicit."""
    sec = h.Section(name="s")
    cyt = rxd.Region([sec], name="cyt")
    p = rxd.Parameter(cyt, value=2.5)
    x, y, z = (rxd.Species(cyt, name=name, initial=initial) for name, initial in (("x", 0), ("y", 3.4), ("z", 0.3)))
    keep = rxd.Rate(x, rxdmath.gamma(p) + rxdmath.factorial(3)), rxd.Rate(y, -rxdmath.lgamma(y)), rxd.Rate(z, rxdmath.gamma(z))
    h.dt = 0.1
    h.finitialize(-65)
    h.fadvance()
    slopes = -special.digamma(3.4), special.gamma(0.3) * special.digamma(0.3)
    expected = [
        0.1 * (special.gamma(2.5) + 6),
        3.4 - 0.1 * special.gammaln(3.4) / (1 - 0.1 * slopes[0]),
        0.3 + 0.1 * special.gamma(0.3) / (1 - 0.1 * slopes[1]),
    ]
    assert [x.nodes.value[0], y.nodes.value[0], z.nodes.value[0]] == pytest.approx(expected, rel=1e-8)
    assert len(keep) == 3
