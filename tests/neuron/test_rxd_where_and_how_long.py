"""Where reactions act whose species are written in part with a region, and how long species live, as in NEURON 9.0.2."""

from __future__ import annotations

import gc
import operator
import random

import numpy as np
import pytest

from rxd.neuron import h, rxd

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def cell():
    dend = h.Section(name="dend")
    dend.L = 10
    inside = rxd.Region([dend], name="cyt", nrn_region="i", geometry=rxd.FractionalVolume(0.7, surface_fraction=1))
    er = rxd.Region([dend], name="er", geometry=rxd.FractionalVolume(0.2))
    mem = rxd.Region([dend], name="mem", geometry=rxd.DistributedBoundary(1))
    ca = rxd.Species([inside, er], name="ca", charge=2, initial=lambda node: 2 if node.region is er else 1)
    return dend, inside, er, mem, ca


def after_a_step(*species):
    h.finitialize(-65)
    h.fadvance()
    return np.concatenate([one.nodes.value for one in species])


def test_a_rate_acts_where_what_it_reads_by_region_is(cell):
    _, cyt, er, mem, ca = cell
    states = {
        name: rxd.State(on, initial=1) for name, on in zip("abcd", ([cyt, er], [mem], [cyt, mem], [cyt, er]), strict=True)
    }
    keep = [
        rxd.Rate(states["a"], 0.1 * ca[cyt]),  # on cyt, and not on er
        rxd.Rate(states["b"], 0.1 * ca[cyt]),  # on a membrane, with what is beside it
        rxd.Rate(states["c"], 0.1 * ca[er]),  # neither region is er: on both
        rxd.Rate(states["d"], 0.1 * states["d"][er]),
    ]
    dt = h.dt
    found = after_a_step(*states.values())
    expected = [1 + 0.1 * dt, 1, 1 + 0.1 * dt, 1 + 0.2 * dt, 1 + 0.2 * dt, 1, 1 / (1 - 0.1 * dt)]
    assert found == pytest.approx(expected, rel=1e-9)
    assert len(keep) == 4


def test_a_reaction_acts_once_where_its_sides_say(cell):
    _, cyt, er, _, _ = cell
    names = "abcdef"
    a, b, c, d, e, f = (rxd.Species([cyt, er], name=name, initial=1 + i) for i, name in enumerate(names))
    keep = [
        rxd.Reaction(a[cyt], b[cyt], 0.3 * c),  # c of the same region: NEURON's once, not for each of its regions
        rxd.Reaction(d[er], e, 0.3),
    ]
    found = after_a_step(a, b, c, d, e, f)
    gone = 1 - 1 / (1 + 0.9 * h.dt)
    passed = 4 * (1 - 1 / (1 + 0.3 * h.dt))
    expected = [1 - gone, 1, 2 + gone, 2, 3, 3, 4, 4 - passed, 5, 5 + passed, 6, 6]
    assert found == pytest.approx(expected, rel=1e-9)
    assert len(keep) == 2


def test_a_bare_species_that_is_not_on_the_region_of_the_others(cell):
    _, cyt, er, _, ca = cell
    x = rxd.Species(er, name="x")
    keep = rxd.Reaction(ca[cyt], x, 0.1)
    with pytest.raises(rxd.RxDException, match=r"x is not on cyt.*MultiCompartmentReaction"):
        h.finitialize(-65)
    assert keep is not None


def test_species_of_reactions_that_are_kept_go_on():
    """A loop that keeps its reactions alone: `x` decays by all of them, each into a species nobody else holds."""
    sec = h.Section(name="a")
    cyt = rxd.Region([sec], name="cyt")
    x = rxd.Species(cyt, name="x", initial=1)
    reactions = []
    for i in range(3):
        buffer, scale = rxd.Species(cyt, name=f"buffer{i}"), rxd.Parameter(cyt, initial=2)
        reactions.append(rxd.Reaction(x, 2 * buffer, 0.1 * scale))
    del buffer, scale
    gc.collect()
    assert after_a_step(x) == pytest.approx([1 / (1 + 0.6 * h.dt)], rel=1e-9)
    reactions.pop()
    gc.collect()
    assert after_a_step(x) == pytest.approx([1 / (1 + 0.4 * h.dt)], rel=1e-9)


def test_a_reaction_after_a_species_after_finitialize_waits_as_in_neuron():
    sec = h.Section(name="a")
    cyt = rxd.Region([sec], name="cyt")
    x = rxd.Species(cyt, name="x", initial=1)
    assert after_a_step(x)[0] == 1
    y = rxd.Species(cyt, name="y", initial=0)
    keep = [rxd.Rate(y, 1)]
    with pytest.warns(UserWarning, match="until the next finitialize"):
        h.fadvance()
    assert y.nodes.value == [0]
    z = rxd.Species(cyt, name="z", initial=0)  # lets NEURON compile what there is
    keep.append(rxd.Rate(z, 1))
    with pytest.warns(UserWarning, match="until the next finitialize"):
        h.fadvance()
    assert [y.nodes.value[0], z.nodes.value[0]] == pytest.approx([h.dt, 0])


def test_indices_of_several_regions_are_those_of_shared_sections():
    dend, soma = h.Section(name="dend"), h.Section(name="soma")
    dend.connect(soma)
    dend.nseg = 3
    cyt = rxd.Region([dend, soma], name="cyt")
    er = rxd.Region([dend], name="er", geometry=rxd.FractionalVolume(0.2))
    a = rxd.Species([cyt, er], name="a", initial=1)
    assert a.indices([cyt, er]) == [4, 5, 6, 8, 9, 10]
    assert a.indices([cyt, er]) == a.indices([cyt, er], {dend})
    assert a[er].indices(secs=soma) == []


def test_a_species_takes_the_name_of_an_ion_before_its_charge(cell):
    dend, *_ = cell
    cyt = rxd.Region([dend], name="other", nrn_region="i")
    s = rxd.Species(cyt, name="q", initial=0.5)
    s.name = "k"
    s.charge = 1
    h.finitialize(-65)
    assert dend(0.5).ki == 0.5


def test_a_variable_that_is_not_there_is_refused_when_it_is_given(cell):
    dend, *_, ca = cell
    clamp = h.IClamp(dend(0.5))
    with pytest.raises(rxd.RxDException, match=r"Invalid two parameter form.*no variable 'ampl'"):
        ca.nodes[0].include_flux(clamp, "ampl", units="molecule/ms")


def test_bytes_that_are_no_state(cell):
    for state in (b"abc", rxd.save_state()[:-3]):
        with pytest.raises(rxd.RxDException, match="Invalid state data"):
            rxd.restore_state(state)


def test_a_list_of_nodes_times_two(cell):
    *_, ca = cell
    assert (ca.nodes * 2).value == ca.nodes.value * 2 == (2 * ca.nodes).value


def test_a_list_of_nodes_goes_where_lists_go(cell):
    *_, ca = cell
    nodes = ca.nodes
    chosen = random.Random(1).sample(nodes, len(nodes))
    assert sorted(map(id, (node.segment.sec.record for node in chosen))) == sorted(id(node.sec.record) for node in nodes)
    together = operator.add([nodes[0]], nodes[:1])
    assert type(together) is list
    assert together == [nodes[0], nodes[0]]
    n = len(nodes)
    kept = nodes
    nodes += [ca.nodes[0]]
    assert nodes is kept
    assert len(nodes) == n + 1
    assert len(ca.nodes) == n


def test_a_rate_without_regions_acts_in_the_cell_and_in_the_box():
    sec = h.Section(name="a")
    cyt, box = rxd.Region([sec], name="cyt"), rxd.Extracellular(0, 0, 0, 20, 20, 20, dx=10)
    x, y, z = (rxd.Species([cyt, box], name=name, initial=1) for name in "xyz")
    keep = [rxd.Rate(x, -0.2), rxd.Rate(y, -0.2 * z), rxd.Rate(z, 0.1, regions=[box])]
    found = after_a_step(x, y, z).reshape(3, -1)
    decay = 0.2 * h.dt
    assert found[0] == pytest.approx(np.full(9, 1 - decay))
    assert found[1] == pytest.approx([1 - decay] + 8 * [1 - decay * (1 + 0.1 * h.dt)])
    assert found[2] == pytest.approx([1] + 8 * [1 + 0.1 * h.dt])
    assert len(keep) == 3


def test_a_reaction_without_regions_acts_in_the_cell_alone_as_in_neuron():
    sec = h.Section(name="a")
    cyt, box = rxd.Region([sec], name="cyt"), rxd.Extracellular(0, 0, 0, 20, 20, 20, dx=10)
    x, y = rxd.Species([cyt, box], name="x", initial=1), rxd.Species([cyt, box], name="y", initial=0)
    keep = rxd.Reaction(x, y, 0.1)
    gone = 1 - 1 / (1 + 0.1 * h.dt)
    with pytest.warns(UserWarning, match="in cells alone"):
        found = after_a_step(x, y).reshape(2, -1)
    assert found[0] == pytest.approx([1 - gone] + 8 * [1])
    keep = rxd.Reaction(x, y, 0.1, regions=[cyt, box])
    found = after_a_step(x, y).reshape(2, -1)
    assert found[0] == pytest.approx(np.full(9, 1 - gone))
    assert found[1] == pytest.approx(np.full(9, gone))
    assert keep is not None


def test_a_node_is_in_the_segment_around_a_place():
    """`node in section(x)` was False of all nodes, of all places."""
    section = h.Section("section")
    section.nseg = 2
    section.insert("pas")
    ca = rxd.Species(rxd.Region([section]), initial=lambda node: 3 if node in section(0.3) else 1)
    assert [node in section(0.25) for node in ca.nodes] == [True, False]
    assert ca.nodes.concentration == [3, 1]
    assert section(0.3).pas in section(0.8)
    assert "hh" not in section(0.3)
