"""discretize: offsets, numbers per node and exchange between nodes, against geometry worked out by hand."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import geometry
import rxd
from cable.constants import FARADAY
from rxd import library
from rxd.discretize.build import discretize
from rxd.discretize.nodes import Nodes
from rxd.discretize.records import LANES, Discretization, Transport
from rxd.symbolic.build import build_system
from rxd.symbolic.system import System

CELL = geometry.examples.y_branch(parent=(100.0, 2.0), left=(80.0, 1.5), right=(60.0, 1.0))
COUNTS = {"parent": 20, "left": 4, "right": 3}


def lay_out(model: rxd.Model) -> tuple[System, Discretization]:
    system = build_system(model)
    return system, discretize(system, model.morphology, model.segments, model.settings)


def branched() -> tuple[rxd.Model, rxd.Species]:
    """Groups in an order that is not that of the sections: parent and right share equations, left has more."""
    model = rxd.Model(CELL, segments=COUNTS, Ra=150.0)
    model.insert(library.pas(g=lambda node: 1e-4 * (1 + node.path_distance)), on=CELL.all)
    cyt = rxd.Region(CELL["left"], "cyt", side="i")
    everywhere = rxd.Region(CELL.all, "all", shape=rxd.FractionalVolume(0.5))
    c = rxd.Species([cyt, everywhere], "c", d={cyt: 0.0, everywhere: 0.7}, initial=lambda node: node.path_distance)
    model.add(c)
    return model, c


def test_state_is_stored_group_by_group_and_read_in_order_of_segments() -> None:
    model, _ = branched()
    system, found = lay_out(model)
    assert [group.sections for group in system.groups] == [(0, 2), (1,)]
    v = found.layout["v"]
    np.testing.assert_array_equal(v.segment, [*range(20), 24, 25, 26, 20, 21, 22, 23])
    np.testing.assert_array_equal(v.segment[v.order - v.start], np.arange(27))
    blocks = list(found.layout.blocks.values())
    assert blocks[0].start == 0
    assert [block.stop for block in blocks[:-1]] == [block.start for block in blocks[1:]]
    assert blocks[-1].stop == found.layout.size == 27 + 4 + 27
    for block in blocks:
        for position in (block.start, block.stop - 1):
            assert found.layout.locate(position) == (block.label, block.segment[position - block.start])
    with pytest.raises(IndexError, match="outside the state"):
        found.layout.locate(found.layout.size)
    with pytest.raises(KeyError, match="There are: v, c"):
        found.layout["d[cyt]"]


def test_groups_find_their_unknowns_of_one_node() -> None:
    model, _ = branched()
    system, found = lay_out(model)
    for local, group in zip(system.groups, found.groups, strict=True):
        for label, row in zip(local.unknowns, group.position, strict=True):
            block = found.layout[label]
            np.testing.assert_array_equal(block.segment[row - block.start], group.segment)
            assert np.all(np.diff(row) == 1)


def test_capacities_are_those_of_membrane_and_volume() -> None:
    model, _ = branched()
    model.set(CELL["left"], cm=2.5)
    _, found = lay_out(model)
    layout, segments = found.layout, found.segments
    area, volume = np.pi * segments.diam * segments.length, np.pi / 4 * segments.diam**2 * segments.length
    cm = np.where(segments.section == 1, 2.5, 1.0)
    np.testing.assert_allclose(found.capacity[layout["v"].order], 1e-5 * cm * area, rtol=1e-12)
    np.testing.assert_allclose(found.capacity[layout["c[all]"].order], 0.5 * volume, rtol=1e-12)
    np.testing.assert_allclose(found.capacity[layout["c[cyt]"].order], volume[20:24], rtol=1e-12)


def conductances(transport: Transport, segment: np.ndarray) -> dict[frozenset[int], float]:
    """Conductance of every edge of a tree by its ends: segments, or -1 - junction."""
    names = [*map(int, segment), *(-1 - i for i in range(len(transport.parent) - transport.n))]
    edges = [(k, int(p)) for k, p in enumerate(transport.parent) if p >= 0]
    return {frozenset((names[k], names[p])): float(transport.conductance[k]) for k, p in edges}


def test_exchange_follows_the_tree_with_resistances_of_half_segments() -> None:
    model, _ = branched()
    _, found = lay_out(model)
    cable, diffusion = found.transports
    assert (cable.label, diffusion.label) == ("v", "c[all]")  # d = 0 does not exchange
    area = {name: np.pi / 4 * d**2 for name, d in (("parent", 2.0), ("left", 1.5), ("right", 1.0))}
    expected = {
        frozenset((0, 1)): area["parent"] / 5, frozenset((20, 21)): area["left"] / 20, frozenset((24, 25)): area["right"] / 20,
        frozenset((19, -1)): area["parent"] / 2.5, frozenset((20, -1)): area["left"] / 10,
        frozenset((24, -1)): area["right"] / 10,
    }  # fmt: skip
    for transport, factor in ((cable, 100 / 150), (diffusion, 0.7 * 0.5)):
        edges = conductances(transport, found.layout[transport.label].segment)
        assert len(edges) == 27  # 28 nodes, one tree
        for ends, kappa in expected.items():
            assert edges[ends] == pytest.approx(factor * kappa, rel=1e-12)
        assert np.all(transport.capacity[transport.n :] == 0)


def test_fields_turn_currents_and_fluxes_into_rates() -> None:
    """Each number against its formula in docs/architecture.md, by hand for one segment."""
    cell = geometry.cylinder(30, 2)
    model = rxd.Model(cell, segments=3, cm=1.3)
    cyt = rxd.Region(cell.all, "cyt", side="i", shape=rxd.FractionalVolume(0.8, surface_fraction=1))
    er, er_mem = (
        rxd.Region(cell.all, "er", shape=rxd.FractionalVolume(0.2)),
        rxd.Region(cell.all, "em", shape=rxd.DistributedBoundary(3.0)),
    )
    mem = rxd.Region(cell.all, "mem", shape=rxd.membrane)
    ca = rxd.Species([cyt, er], "ca", charge=2, initial={cyt: 1e-4, er: 0.1})
    model.add(rxd.MultiCompartmentReaction(ca[er], ca[cyt], 1.0, membrane=er_mem))
    model.add(rxd.MultiCompartmentReaction(ca[cyt], None, 1.0, membrane=mem, membrane_flux=True))
    model.insert(library.ca_hva(), on=cell.all)
    model.add(rxd.PointProcess(library.exp_syn(tau=3.0), cell.all(0.5)))
    system, found = lay_out(model)
    volume, area = np.pi * 10, np.pi * 2 * 10
    numbers = {
        ("flux", "em", "cyt"): 3.0 * volume / (0.8 * volume) / 602214.076,
        ("flux", "em", "er"): 3.0 * volume / (0.2 * volume) / 602214.076,
        ("flux", "mem", "cyt"): area / (0.8 * volume) / 602214.076,
        ("current", "cyt"): 1e4 * area / (FARADAY * 0.8 * volume),
        ("area_ratio", "mem"): 1.0,
        ("capacitance",): 1e3 / 1.3,
        ("membrane",): 1 / (1e-5 * 1.3 * area),
        ("point", "tau"): 3.0,
    }
    seen = {}
    for local, group in zip(system.groups, found.groups, strict=True):
        for field, values in zip(local.fields, group.fields.transpose(1, 0, 2), strict=True):
            seen[(field.kind, *field.args)] = values.ravel()
    for key, number in numbers.items():
        np.testing.assert_allclose(seen[key], number, rtol=1e-9, err_msg=str(key))


def test_fields_are_chunks_of_lanes_padded_with_the_last_node() -> None:
    model, _ = branched()
    system, found = lay_out(model)
    for local, group in zip(system.groups, found.groups, strict=True):
        chunks = -(-group.n // LANES)
        assert group.fields.shape == (chunks, len(local.fields), LANES)
        row = [field.kind for field in local.fields].index("mechanism")
        values = group.fields[:, row].ravel()
        np.testing.assert_allclose(values[: group.n], 1e-4 * (1 + found.segments.path_distance[group.segment]), rtol=1e-12)
        assert np.all(values[group.n :] == values[group.n - 1])


def test_later_settings_win() -> None:
    model = rxd.Model(CELL, segments=1, v_init=-60.0)
    model.set(CELL["left"] | CELL["right"], v_init=-70.0, Ra=50.0)
    model.set(CELL["right"], v_init=-80.0)
    _, found = lay_out(model)
    np.testing.assert_array_equal(found.initial[found.layout["v"].order], [-60, -70, -80])


@pytest.mark.parametrize(
    "function",
    [
        lambda node: 2 * node.x + node.segment,
        lambda node: np.where(node.x < 0.5, 2 * node.x + node.segment, node.segment + node.x / 0.5),
        lambda node: 2 * node.x + node.segment if node.x < 0.3 else node.segment + node.x / 0.5,
        lambda node: float(2 * node.x + node.segment),
    ],
    ids=["arrays", "where", "one by one", "float of one"],
)
def test_initial_values_from_functions_of_all_nodes_or_of_one(function: Callable, plain: Callable) -> None:
    _, found = lay_out(plain(initial=function).model)
    x = np.array([0.125, 0.375, 0.625, 0.875])
    np.testing.assert_allclose(found.initial[found.layout["c[cyt]"].order], 2 * x + np.arange(4), rtol=1e-15)


def test_a_function_of_nodes_sees_where_they_are(plain: Callable) -> None:
    seen: list[Nodes] = []

    def look(node: Nodes) -> np.ndarray:
        seen.append(node)
        return np.zeros(len(node))

    lay_out(plain(initial=look).model)
    (node,) = seen
    assert node.region == "cyt"
    np.testing.assert_allclose(node.path_distance, [2.5, 7.5, 12.5, 17.5])
    np.testing.assert_allclose(node.position[:, 0], [2.5, 7.5, 12.5, 17.5])
    assert list(node.section_name) == ["cable"] * 4
    assert node.diam == pytest.approx(1.0)


def test_initial_values_by_region_and_in_order_of_segments() -> None:
    model, c = branched()
    _, found = lay_out(model)
    np.testing.assert_allclose(found.initial[found.layout["c[all]"].order], found.segments.path_distance)
    assert c.regions[0].name == "cyt"
    np.testing.assert_allclose(found.initial[found.layout["c[cyt]"].order], found.segments.path_distance[20:24])


def test_gates_start_at_their_steady_state(spiking: Callable) -> None:
    sim = spiking().compile()
    alpha, beta = 0.07, 1 / (np.exp(3.0) + 1)
    np.testing.assert_allclose(sim.values("hh.h"), alpha / (alpha + beta), rtol=1e-12)
    assert np.all(sim.values("exp_syn.g") == 0)


def test_places_read_like_places() -> None:
    model, _ = branched()
    _, found = lay_out(model)
    assert found.place(0) == "parent(0.025)"
    assert found.place(26).startswith("right(0.83")
