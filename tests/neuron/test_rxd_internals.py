"""Names NEURON keeps for itself and its tests use, and ions outside."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from rxd.neuron import Session, h, rxd
from rxd.neuron.internals import Guarded

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def ball():
    sec = h.Section(name="ball")
    sec.L, sec.diam, sec.nseg = 3, 3, 3
    return sec


def test_a_species_can_be_taken_out_by_name_and_has_no_finalizer(session, ball):
    kept, left = (rxd.Species(rxd.Region(ball), name=name, initial=1) for name in "ab")
    h.finitialize(-65)
    left.__del__()
    assert session.chemistry.quantities == [kept]
    assert not any("__del__" in vars(kind) for kind in type(left).__mro__)
    h.fadvance()
    with pytest.raises(AttributeError, match="nothing"):
        left.nothing  # noqa: B018


def test_lists_of_the_modules(ball):
    cyt = rxd.Region(ball, name="cyt")
    box = rxd.Extracellular(-5, -5, -5, 5, 5, 5, dx=5)
    x = rxd.Species([cyt, box], name="x", initial=2)
    rate = rxd.Rate(x, 1)
    assert [found() for found in rxd.species._all_species] == [x]
    assert [found() for found in rxd.region._all_regions] == [cyt, box]
    assert [found() for found in rxd.rxd._all_reactions] == [rate]
    assert rxd.node._states.tolist() == [0, 2, 2, 2, 0]  # the ends count as nodes without volume
    assert rxd.node._volumes == pytest.approx([0, *[np.pi * 9 / 4] * 3, 0])
    assert (rxd.species._has_1d, rxd.species._has_3d) == (True, False)
    assert x._extracellular_instances[box].states.shape == (2, 2, 2)
    assert x._intracellular_instances == {}
    rxd.rxd._unregister_reaction(rxd.rxd._all_reactions[0])
    assert rxd.rxd._all_reactions == []
    rxd.species._all_species = rxd.node._states = None
    assert len(rxd.species._all_species) == 1
    assert len(rxd.node._states) == 5
    assert isinstance(rxd.node, Guarded)


def test_ends_among_the_nodes_of_branched_sections(ball):
    twig = h.Section(name="twig")
    twig.connect(ball)
    both, one = rxd.Region([ball, twig], name="both"), rxd.Region([twig], name="one")
    first = rxd.Species([both, one], initial=lambda node: 1 if node.sec == ball else 2)
    second = rxd.Species(one, initial=3)
    # two roots before the first species: ball in one region, twig in the other
    assert rxd.node._states.tolist() == [0, 0, 1, 1, 1, 0, 2, 0, 2, 0, 0, 3, 0]
    assert [first.indices(), first.indices(one), second.indices()] == [[2, 3, 4, 6, 8], [8], [11]]
    assert first[both].indices() == [2, 3, 4, 6]
    assert rxd.node._states[first.indices()].tolist() == first.nodes.value


def test_voxels_of_a_region(ball):
    rxd.set_solve_type(dimension=3)
    cyt = rxd.Region(ball, name="cyt", dx=0.5)
    x = rxd.Species(cyt, name="x", initial=lambda node: node._i)
    assert rxd.species._has_3d
    assert cyt._vol.sum() == pytest.approx(sum(x.nodes.volume))
    assert np.all(np.array(x.nodes.surface_area)[cyt._surface_nodes_by_seg[0]] > 0)
    assert sorted(i for nodes in cyt._nodes_by_seg.values() for i in nodes) == list(range(len(x.nodes)))
    assert list(cyt._xs) == x.nodes.value == x._intracellular_instances[cyt].states.tolist()
    grid = cyt._mesh_grid
    points = np.array([(sec.x3d(i), sec.y3d(i), sec.z3d(i)) for sec in cyt.secs for i in range(sec.n3d())])
    margins = [(points[:, i].min() - grid[f"{axis}lo"], grid[f"{axis}hi"] - points[:, i].max()) for i, axis in enumerate("xyz")]
    assert np.array(margins) == pytest.approx(2 * grid["dx"] + max(sec.diam3d(0) for sec in cyt.secs))
    node = x.nodes[7]
    assert node.z3d == pytest.approx(grid["zlo"] + (node._k + 0.5) * grid["dz"])
    assert (node._i, node._j, node._k) == cyt._points[7]
    assert [str(sec) for sec in cyt._secs3d] == ["ball"]


def test_ions_of_a_box_are_in_all_sections():
    sections = [h.Section(name=name) for name in ("near", "far")]
    for x, sec in zip((0, 1000), sections, strict=True):
        sec.pt3dadd(x, 0, 0, 1)
        sec.pt3dadd(x + 4, 0, 0, 1)
    box = rxd.Extracellular(-10, -10, -10, 10, 10, 10, dx=5)
    ca, p = rxd.Species(box, name="ca", charge=2, initial=3), rxd.Parameter(box, name="p", initial=0.5)
    h.finitialize(-65)
    late = h.Section(name="late")
    h.finitialize(-65)
    near, far = sections
    assert (near(0.5).cao, near(0.5).po, far(0.5).cao) == (3, 0.5, 2)
    assert hasattr(late(0.5), "cao")
    assert near(0.5).eca > far(0.5).eca
    assert (ca.nodes.value[0], p.nodes.value[0]) == (3, 0.5)


@pytest.mark.filterwarnings("ignore:Regions in 3-D want")
def test_voxels_of_different_size_are_for_sections_apart():
    a, b, c = (h.Section(name=name) for name in "abc")
    for sec in (a, b, c):
        sec.L, sec.diam = 2, 1
    b.connect(a)
    rxd.set_solve_type(dimension=3)
    first, other = rxd.Species(rxd.Region([a, b], dx=0.2)), rxd.Species(rxd.Region([c], dx=0.25))
    assert first.nodes[0].volume <= 0.2**3
    assert sum(other.nodes.volume) == pytest.approx(np.pi / 2, rel=1e-3)
    with Session():
        a, b = h.Section(name="a"), h.Section(name="b")
        b.connect(a)
        rxd.set_solve_type(dimension=3)
        species = rxd.Species([rxd.Region([a], dx=0.2), rxd.Region([b], dx=0.25)])
        with pytest.raises(rxd.RxDException, match="b and a are joined"):
            species.nodes  # noqa: B018
    with Session():
        a = h.Section(name="a")
        rxd.set_solve_type(dimension=3)
        species = rxd.Species([rxd.Region([a], dx=0.2), rxd.Region([a], dx=0.25)])
        with pytest.raises(rxd.RxDException, match="share sections"):
            species.nodes  # noqa: B018


def test_the_dimension_of_all_sections_can_be_changed(ball):
    x = rxd.Species(rxd.Region(ball, dx=1), initial=1)
    assert len(x.nodes) == 3
    rxd.set_solve_type(dimension=3)
    assert len(x.nodes) > 3
    rxd.set_solve_type(dimension=1)
    assert x.nodes.value == [1, 1, 1]


def test_a_script_that_cleans_up_like_neurons_tests(tmp_path):
    script = tmp_path / "clean.py"
    script.write_text(
        "from neuron import h, rxd\n"
        "for dimension in (1, 3):\n"
        "    sec = h.Section()\n"
        "    sec.L = sec.diam = 2\n"
        "    rxd.set_solve_type(dimension=dimension)\n"
        "    x = rxd.Species(rxd.Region(sec), initial=1)\n"
        "    r = rxd.Rate(x, -x)\n"
        "    h.finitialize(-65)\n"
        "    print(len(rxd.node._states), len(x.nodes) > 1)\n"
        "    for one in rxd.rxd._all_reactions[:]: rxd.rxd._unregister_reaction(one)\n"
        "    for one in rxd.species._all_species: one().__del__()\n"
        "    rxd.rxd.node._states = rxd.region._all_regions = []\n"
        "    rxd.section1d._purge_cptrs(); rxd.rxd.free_conc_ptrs(); rxd.rxd.free_curr_ptrs()\n"
        "    rxd.rxd.rxd_include_node_flux1D(0, None, None, None)\n"
        "    sec = x = r = None\n"
    )
    command = [sys.executable, "-W", "ignore", "-m", "rxd.neuron", str(script)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.split() == ["3", "False", "0", "True"]


def test_names_that_published_scripts_take_from_nodes_and_species():
    dend = h.Section(name="dend")
    dend.nseg = 3
    cyt = rxd.Region([dend], name="cyt")
    box = rxd.Extracellular(0, 0, 0, 20, 20, 20, dx=10)
    x = rxd.Species([cyt, box], name="x", initial=1)
    (along,) = x._secs
    assert along._sec is dend
    assert [node._location for node in along.nodes] == pytest.approx([1 / 6, 1 / 2, 5 / 6])
    assert x.nodes[1]._sec._sec is dend
    assert len(x._extracellular_nodes) == 8
    assert x._intracellular_nodes == {}
    assert cyt._secs == [dend]
    assert sum((2 * x + x)._items.values()) == 3
    rxd.species._nrn_shape_update()
    rxd.rxd._update_node_data()
    rxd.rxd.byeworld()
    assert [found() for found in rxd.species._get_all_species()] == [x]
