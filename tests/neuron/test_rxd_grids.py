"""Sections in voxels of different size in one session: each as if it were alone."""

from __future__ import annotations

import numpy as np
import pytest

from geometry.voxelize import VoxelWarning
from rxd.neuron import Session, h, rxd
from rxd.neuron.errors import RxDException

pytestmark = pytest.mark.usefixtures("session")


def stick(name, start, diam, length=2.0):
    sec = h.Section(name=name)
    sec.pt3dadd(*start, diam)
    sec.pt3dadd(start[0] + length, *start[1:], diam)
    return sec


def trajectory(sections, dx, variable=False):
    """Concentrations on each section's own grid after every step, with places and volumes; sections may overlap in space."""
    regions = [rxd.Region([sec], nrn_region="i", dx=edge) for sec, edge in zip(sections, dx, strict=True)]
    rxd.set_solve_type(dimension=3)
    x = rxd.Species(regions, name="x", d=0.7, initial=lambda node: 1 + np.sin(3 * node.x3d + node.y3d + 2 * node.z3d))
    decay = rxd.Rate(x, -0.2 * x)  # noqa: F841
    h.cvode_active(variable)
    h.dt = 0.05
    h.finitialize(-65)
    found = [[np.array([(n.x3d, n.y3d, n.z3d, n._i, n._j, n._k, n.volume) for n in x.nodes(region)])] for region in regions]
    for time in (0.05, 0.1, 0.15):
        h.continuerun(time)
        for values, region, sec in zip(found, regions, sections, strict=True):
            values += [np.array(x.nodes(region).value), np.array(sec(0.5).xi)]
    h.cvode_active(False)
    return found


@pytest.mark.parametrize(("dx", "variable"), [((0.25, 0.2), False), ((0.25, 0.25), False), ((0.25, 0.2), True)])
def test_trees_have_grids_of_their_own(dx, variable):
    places = (((1.0, 2.0, 3.0), 1.3), ((1.4, 2.2, 3.1), 0.9))
    alone = []
    for number, (place, edge) in enumerate(zip(places, dx, strict=True)):
        with Session():
            alone += trajectory([stick(f"s{number}", *place)], [edge], variable)
    both = trajectory([stick(f"s{number}", *place) for number, place in enumerate(places)], dx, variable)
    tolerance = {"rel": 1e-2} if variable else {"rel": 1e-12}
    for one, other in zip(alone, both, strict=True):
        for before, after in zip(one, other, strict=True):
            assert after == pytest.approx(before, **tolerance)
    for (place, diam), edge, found in zip(places, dx, both, strict=True):
        corner = np.array(place) - diam - 2 * edge  # of its first point, as NEURON counts voxels
        assert found[0][:, 3:6] == pytest.approx((found[0][:, :3] - corner) / edge - 0.5)
        assert found[0][:, 6].sum() == pytest.approx(np.pi / 4 * diam**2 * 2, rel=1e-3)


def test_hybrid_trees_with_voxels_of_different_size_keep_their_molecules():
    regions, all_of_them = [], []
    for number, dx in enumerate((0.25, 0.4)):
        solid, flat = stick(f"solid{number}", (0, 0, 0), 1.3), stick(f"flat{number}", (2, 0, 0), 1.3)
        flat.connect(solid)
        rxd.set_solve_type([solid], dimension=3)
        regions.append(rxd.Region([solid, flat], dx=dx))
        all_of_them += [solid, flat]
    x = rxd.Species(regions, name="x", d=1.0, initial=lambda node: float(node.sec in all_of_them[::2]))
    h.finitialize(-65)
    amounts = [sum(node.concentration * node.volume for node in x.nodes(region)) for region in regions]
    h.continuerun(20)
    for region, amount in zip(regions, amounts, strict=True):
        assert sum(node.concentration * node.volume for node in x.nodes(region)) == pytest.approx(amount, rel=1e-12)
        assert x.nodes(region).concentration == pytest.approx([0.5] * len(x.nodes(region)), rel=0.02)


def test_sections_that_are_shared_or_joined_need_one_dx():
    one, other = stick("one", (0, 0, 0), 1), stick("other", (2, 0, 0), 1)
    rxd.set_solve_type(dimension=3)
    first, second = rxd.Region([one], dx=0.25), rxd.Region([one, other], dx=0.2)
    x = rxd.Species([first, second])
    with pytest.raises(RxDException, match=r"share sections need the same dx, not 0\.25 and 0\.2"):
        h.finitialize(-65)
    second.secs = [other]
    h.finitialize(-65)
    assert len(x.nodes(first)) < len(x.nodes(second))
    other.connect(one)
    with pytest.raises(RxDException, match="other and one are joined and need the same dx"):
        h.finitialize(-65)
    with pytest.raises(RxDException, match=r"rxd.Region\(\.\.\., dx=0\.5\)"):
        rxd.set_solve_type(dimension=3, dx=0.5)


def test_segments_on_the_0_end_of_a_root_in_voxels_exchange_with_it():
    solid = stick("solid", (0, 0, 0), 1.3)
    flats = [stick("far", (2, 0, 0), 1.3), h.Section(name="near")]
    flats[1].pt3dadd(0, 0, 0, 1.3)
    flats[1].pt3dadd(-2, 0, 0, 1.3)
    for end, flat in zip((1, 0), flats, strict=True):
        flat.connect(solid(end))
    rxd.set_solve_type([solid], dimension=3)
    x = rxd.Species(rxd.Region([solid, *flats], dx=0.25), name="x", d=1.0, initial=lambda node: float(node.sec == solid))
    h.dt = 0.05
    h.finitialize(-65)
    h.fadvance()
    flow = 0.05 * np.pi / 4 * 1.3**2 / (0.5 * (2 + 0.25))  # half a segment and half a voxel in series
    for flat in flats:
        assert x.nodes(flat).value == pytest.approx([flow / (np.pi / 4 * 1.3**2 * 2)], rel=1e-9)


def test_values_on_neurons_grid_of_a_region():
    soma, dend = h.Section(name="soma"), h.Section(name="dend")
    soma.L = soma.diam = 4
    dend.L, dend.diam = 6, 1.3
    dend.connect(soma(1))
    rxd.set_solve_type(dimension=3)
    cyt = rxd.Region([soma, dend], name="cyt", dx=0.5)
    x = rxd.Species(cyt, name="x", initial=lambda node: node.x3d)
    with pytest.warns(VoxelWarning, match="as the widest they are joined to"):
        h.finitialize(-65)
    grid = x.nodes.value_to_grid()
    assert grid.shape == x.nodes(dend).value_to_grid().shape == (34, 18, 18)  # as in NEURON
    assert all(grid[node._i, node._j, node._k] == node.value for node in x.nodes)
    assert np.isfinite(grid).sum() == len(x.nodes)


def test_nodes_that_are_no_voxels_have_no_grid_and_no_place():
    dend = h.Section(name="dend")
    cyt = rxd.Region([dend], name="cyt")
    box = rxd.Extracellular(0, 0, 0, 20, 20, 20, dx=10)
    x = rxd.Species([cyt, box], name="x", initial=1)
    assert x[cyt].nodes.value_to_grid().shape == (0, 0, 0)
    assert x[box].nodes.value_to_grid().shape == (2, 2, 2)
    assert [len(nodes((1, 2, 3))) for nodes in (x[cyt].nodes, x[box].nodes, x.nodes)] == [0, 1, 1]
    assert len(x[cyt].nodes(2)) == 0
    with pytest.raises(IndexError):
        x[box].node_by_ijk(2, 0, 0)
    with pytest.raises(rxd.RxDException, match="_ref_concentration points to one"):
        x.nodes[0]._ref_molecules  # noqa: B018


def test_diffusion_coefficients_are_given_one_for_each_node():
    dend = h.Section(name="dend")
    dend.nseg = 3
    cyt = rxd.Region([dend], name="cyt")
    x = rxd.Species(cyt, name="x", d=1)
    x.nodes.diff = [1, 2, 3]
    assert x.nodes.d == [1, 2, 3]
    x.nodes.diff = 4
    assert x.nodes.diff == [4, 4, 4]
    for wrong in ([1, 2], [1, 2, 3, 4]):
        with pytest.raises(rxd.RxDException, match=f"{len(wrong)} diffusion coefficients for 3 nodes"):
            x.nodes.diff = wrong
    with pytest.raises(rxd.RxDException, match="one diffusion coefficient, or three along x, y, z; got 2"):
        x.nodes[0].d = (1, 2)


def test_a_species_can_be_named_later():
    dend = h.Section(name="dend")
    cyt = rxd.Region([dend], name="cyt", nrn_region="i")
    x = rxd.Species(cyt, charge=1, initial=3)
    x.name = "x"
    h.finitialize(-65)
    assert dend(0.5).xi == 3
    assert x.indices(cyt, {dend}) == x.indices(cyt, dend) == x.indices()


def test_mistakes_about_voxels_are_named():
    flat = h.Section(name="flat")
    for x in (0, 5):
        flat.pt3dadd(x, 0, 0, 0)
    with pytest.raises(rxd.RxDException, match=r"name sections, .* not 7"):
        rxd.set_solve_type(7, dimension=3)
    rxd.set_solve_type(section for section in (flat,))
    rxd.set_solve_type((section for section in (flat,)), dimension=3)
    x = rxd.Species(rxd.Region([flat]), name="x")
    with pytest.raises(rxd.RxDException, match="flat cannot be cut into voxels: the diameter of all its 3-d points is 0"):
        h.finitialize(-65)
    flat.diam = 1
    h.finitialize(-65)
    assert sum(x.nodes.volume) == pytest.approx(np.pi / 4 * 5, rel=1e-6)


def test_the_voxels_of_a_region_are_one_array_to_read_and_write():
    flat, solid = h.Section(name="flat"), h.Section(name="solid")
    solid.L, solid.diam, flat.L, flat.diam, flat.nseg = 3, 1.3, 6, 1.3, 3
    flat.connect(solid(1))
    rxd.set_solve_type([solid], dimension=3)
    cyt = rxd.Region([flat, solid], dx=0.5)
    x = rxd.Species(cyt, initial=lambda node: node.x3d)
    h.finitialize(-65)
    states, nodes = x[cyt].states3D, x.nodes(solid)
    assert states.tolist() == nodes.value == x[cyt].instance3d.states.tolist()
    assert np.array_equal(nodes[0].d, [0, 0, 0])
    nodes[0].d = 2
    assert np.array_equal(nodes[0].d, [2, 2, 2])
    decay = rxd.Rate(x, -x)
    h.finitialize(-65)
    before = x.nodes(flat).value
    states[:] = 3
    states[1:3] *= 2
    h.dt = 0.5
    h.fadvance()
    assert decay is not None
    assert x.nodes(solid).value == pytest.approx([value / 1.5 for value in [3, 6, 6, *[3] * (len(nodes) - 3)]], rel=1e-9)
    assert states.tolist() == x.nodes(solid).value
    assert x.nodes(flat).value == pytest.approx([value / 1.5 for value in before], rel=1e-9)
    h.finitialize(-65)
    assert states.tolist() == [node.x3d for node in nodes]


def test_only_regions_with_voxels_have_an_array_of_them():
    dend = h.Section(name="dend")
    cyt, box = rxd.Region([dend], name="cyt"), rxd.Extracellular(0, 0, 0, 20, 20, 20, dx=10)
    x = rxd.Species([cyt, box], name="x")
    for place in (cyt, box):
        with pytest.raises(rxd.RxDException, match="has no voxels in cells"):
            x[place].states3D  # noqa: B018


def test_the_ends_of_sections_hold_no_nodes():
    dend = h.Section(name="dend")
    dend.nseg = 5
    x = rxd.Species(rxd.Region([dend], name="cyt"), name="x")
    with pytest.warns(UserWarning, match=r"nodes\(dend\(1\)\) is empty, as in NEURON.*The segment there is dend\(0.9\)"):
        assert len(x.nodes(dend(1))) == 0
    with pytest.warns(UserWarning, match=r"The segment there is dend\(0.1\)"):
        assert len(x.nodes(dend(0))) == 0
    assert len(x.nodes(dend(0.99))) == 1
