"""Graphs of exchange in voxels: symmetry, joins with segments, anisotropy, and what explicit stages make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.linalg import eigh
from scipy.sparse import csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import spsolve

import geometry
import rxd
from rxd.discretize.build import discretize
from rxd.discretize.records import Discretization, GraphTransport
from rxd.solve.assembly import build_assembly
from rxd.solve.graph_kernels import Graph, carry_all, exchange
from rxd.solve.graph_plan import FASTEST, plan_graph
from rxd.symbolic.build import build_system


def laid_out(cell: geometry.Morphology, *things: Any, segments: Any = 5) -> Discretization:
    model = rxd.Model(cell, segments=segments)
    model.add(*things)
    return discretize(build_system(model), cell, model.segments, model.settings)


def matrix(graph: GraphTransport) -> csr_array:
    indptr, indices, conductance = graph.listed()
    return csr_array((conductance, indices, indptr), shape=(graph.n, graph.n))


def rod(direction: Any, start: Any = (0.0, 0.0, 0.0), length: float = 9.0, diam: float = 1.1) -> geometry.Morphology:
    axis, start = np.array(direction) / np.linalg.norm(direction), np.array(start)
    ends = [start + axis * length * i / 3 for i in range(4)]
    specs = [
        geometry.SectionSpec(f"rod{i}", np.array([[*ends[i], diam], [*ends[i + 1], diam]]), parent=f"rod{i - 1}" if i else None)
        for i in range(3)
    ]
    return geometry.Morphology.from_sections(specs)


def species(cell: geometry.Morphology, dimension: Any = 3, d: Any = 2.0, dx: float = 0.25, shape: Any = None) -> rxd.Species:
    return rxd.Species(rxd.Region(cell.all, "cyt", dimension=dimension, dx=dx, shape=shape), "u", d=d)


@pytest.fixture(scope="module")
def graphs() -> dict[str, GraphTransport]:
    """A tilted rod in voxels, in both dimensions, and a box with two sides held."""
    cell = rod((1, 0.4, 0.3), length=4.5)
    ecs = rxd.Extracellular(0, 0, 0, 6, 5, 4, dx=1, tortuosity=lambda x, y, z: np.where(x > 5, 1.0, 4.0))
    held = rxd.Species(ecs, "k", d=2.0, boundary={ecs: {"xlo": 1.0, "zhi": 3.0}})
    made = {"voxels": species(cell), "both": species(cell, cell["rod1"]), "box": held}
    return {name: laid_out(cell, thing).graphs[0] for name, thing in made.items()}


@pytest.mark.parametrize("name", ["voxels", "both", "box"])
def test_what_one_node_gives_another_gets(graphs: dict[str, GraphTransport], name: str) -> None:
    graph = graphs[name]
    exchange = matrix(graph)
    assert abs(exchange - exchange.T).max() == 0
    assert np.all(exchange.data > 0)
    assert connected_components(exchange, directed=False)[0] == 1


def planned(graph: GraphTransport) -> tuple[Graph, float, np.ndarray, np.ndarray]:
    """The kernels' graph, its spectral radius, and in matrices how the kernels exchange and what slivers' inertia does."""
    made, radius = plan_graph(graph)
    columns, inertia, flow = np.empty((graph.n, graph.n)), np.eye(graph.n), np.zeros(len(made.rest))
    for unit, column, rates in zip(np.eye(graph.n), columns, inertia, strict=True):
        exchange(made, unit, column, flow)
        carry_all(made, rates, flow)
    return made, radius, columns.T, inertia.T


def laplacian(graph: GraphTransport) -> np.ndarray:
    joined = matrix(graph).toarray()
    leaving = joined.sum(axis=1)
    leaving[graph.held] += graph.held_conductance
    return np.diag(leaving) - joined


@pytest.fixture(scope="module")
def plans(graphs: dict[str, GraphTransport]) -> dict[str, tuple[Graph, float, np.ndarray, np.ndarray]]:
    return {name: planned(graph) for name, graph in graphs.items()}


@pytest.mark.parametrize("name", ["voxels", "both", "box"])
def test_kernels_exchange_as_the_graph_says(graphs: Any, plans: Any, name: str) -> None:
    graph, rates = graphs[name], plans[name][2]
    np.testing.assert_allclose(rates, -laplacian(graph) / graph.capacity[:, None], rtol=1e-12, atol=1e-12 * np.abs(rates).max())
    amounts = graph.capacity @ rates
    amounts[graph.held] += graph.held_conductance
    assert np.abs(amounts).max() < 1e-14 * np.abs(graph.capacity[:, None] * rates).max()


@pytest.mark.parametrize("name", ["voxels", "both", "box"])
def test_inertia_of_slivers_is_symmetric_positive_and_loses_nothing(graphs: Any, plans: Any, name: str) -> None:
    graph, (made, _, _, inertia) = graphs[name], plans[name]
    symmetric = inertia / np.sqrt(graph.capacity) * np.sqrt(graph.capacity)[:, None]
    np.testing.assert_allclose(symmetric, symmetric.T, atol=1e-13)
    values = np.linalg.eigvalsh(symmetric)
    assert 0 < values[0] <= values[-1] <= 1 + 1e-12
    np.testing.assert_allclose(graph.capacity @ inertia, graph.capacity, rtol=1e-12)
    changed = made.rest[np.concatenate([made.sliver, made.carrier])]
    others = np.setdiff1d(np.arange(graph.n), changed)
    assert np.array_equal(inertia[others], np.eye(graph.n)[others])
    assert (len(changed) == 0) == (name == "box")  # a thin layer where diffusion is fast is what users declared, no sliver


@pytest.mark.parametrize("name", ["voxels", "both", "box"])
def test_spectral_radius_is_a_bound_and_a_close_one(graphs: Any, plans: Any, name: str) -> None:
    graph, (_, radius, _, inertia) = graphs[name], plans[name]
    largest = float(eigh(laplacian(graph), graph.capacity[:, None] * np.linalg.inv(inertia), eigvals_only=True)[-1])
    assert largest <= radius * (1 + 1e-9)
    assert radius < 1.03 * largest


def test_slivers_do_not_set_the_number_of_stages(graphs: Any, plans: Any) -> None:
    graph, (made, radius, _, _) = graphs["voxels"], plans["voxels"]
    own = laplacian(graph).diagonal() / graph.capacity
    assert graph.whole_rate == pytest.approx(2 * 3 * 2.0 / 0.25**2)
    assert set(made.rest[made.sliver]) == set(graph.cut[own[graph.cut] > FASTEST * graph.whole_rate])
    assert own.max() > 10 * graph.whole_rate
    assert radius < 2.5 * graph.whole_rate


def test_open_ends_cut_voxels_whatever_round_off_leaves_of_their_membrane() -> None:
    cell = rod((1, 0.4, 0.3), length=4.5)
    made = laid_out(cell, species(cell, cell["rod1"]))
    graph, ends, n_tree = made.graphs[0], made.voxels.end_voxel, made.layout["u[cyt]"].n_tree
    assert np.any(made.voxels.membrane_area[ends] == 0)
    assert set(n_tree + ends) <= set(graph.cut)


def test_slow_modes_do_not_see_the_inertia_of_slivers(graphs: Any, plans: Any) -> None:
    """The ten slowest rates of a rod differ from the graph's by less than their square over the rate of a whole voxel."""
    graph, (_, _, _, inertia) = graphs["voxels"], plans["voxels"]
    exact = eigh(laplacian(graph), np.diag(graph.capacity), eigvals_only=True)[1:11]
    made = eigh(laplacian(graph), graph.capacity[:, None] * np.linalg.inv(inertia), eigvals_only=True)[1:11]
    np.testing.assert_array_less(np.abs(made - exact), 0.1 * exact**2 / graph.whole_rate)


@pytest.mark.parametrize("start", [(0.0, 0.0, 0.0), (0.06, 0.09, 0.1), (0.13, 0.21, 0.05)])
@pytest.mark.parametrize("direction", [(1, 0, 0), (0, 0, -1), (1, 1, 1), (1, 0.4, 0.3), (0.1, -1, 0.3)])
def test_voxels_between_segments_resist_like_a_cable(direction: Any, start: Any) -> None:
    """Steady flux through a rod whose middle third is in voxels: length over cross-section, whatever the direction."""
    cell = rod(direction, start)
    made = laid_out(cell, species(cell, cell["rod1"], d=1.0, dx=0.2), segments=6)
    graph, block = made.graphs[0], made.layout["u[cyt]"]
    first, last = (int(block.order[at] - block.start) for at in (0, block.n_tree - 1))
    exchange = matrix(graph)
    laplacian = (diags_array(exchange.sum(axis=1)) - exchange).tocsr()
    free = np.setdiff1d(np.arange(graph.n), [first, last])
    values = np.zeros(graph.n)
    values[first] = 1.0
    values[free] = spsolve(laplacian[free][:, free].tocsc(), -laplacian[free][:, [first]].toarray()[:, 0])
    flux = float((laplacian @ values)[first])
    between = 9.0 * (1 - 1 / 18)  # from the middle of the first to the middle of the last of 18 segments
    assert flux == pytest.approx(np.pi * 1.1**2 / 4 / between, rel=0.01)
    # and the profile is straight: all but slivers, which end blindly, lie where a line through both ends says
    axis = np.array(direction) / np.linalg.norm(direction)
    along = (made.place_of(block) - np.array(start)) @ axis
    y = values[block.order - block.start]
    solid = made.capacity[block.order] > 0.3 * 0.2**3
    np.testing.assert_allclose(y[solid], (1 - (along - 0.25) / between)[solid], atol=0.015)


def test_fraction_of_a_voxel_holds_and_passes_a_fraction() -> None:
    cell = rod((1, 0.4, 0.3))
    shape = rxd.FractionalVolume(0.2, neighbor_areas_fraction=0.2)
    whole, part = (laid_out(cell, species(cell, shape=s)).graphs[0] for s in (None, shape))
    np.testing.assert_allclose(part.capacity, 0.2 * whole.capacity, rtol=1e-12)
    np.testing.assert_allclose(part.listed()[2], 0.2 * whole.listed()[2], rtol=1e-12)
    assert part.whole_rate == pytest.approx(whole.whole_rate)


def test_diffusion_along_axes_multiplies_their_faces() -> None:
    cell, d = rod((1, 0.4, 0.3)), (2.0, 1.0, 0.5)
    same, different = (laid_out(cell, species(cell, d=given)) for given in (2.0, d))
    place = same.place_of(same.layout["u[cyt]"])
    graph = same.graphs[0]
    indptr, indices, conductance = graph.listed()
    row = np.repeat(np.arange(graph.n), np.diff(indptr))
    axis = np.argmax(np.abs(place[row] - place[indices]), axis=1)
    np.testing.assert_allclose(different.graphs[0].listed()[2], conductance * np.array(d)[axis] / 2.0, rtol=1e-12)
    assert different.graphs[0].whole_rate == pytest.approx(2 * sum(d) / 0.25**2)


def test_sides_meet_in_the_voxels_of_edges(graphs: dict[str, GraphTransport]) -> None:
    graph = graphs["box"]
    number = np.arange(120).reshape(6, 5, 4)
    assert set(graph.held) == set(number[0].ravel()) | set(number[:, :, -1].ravel())
    ease = np.where(np.arange(6) + 0.5 > 5, 1.0, 1 / 16) * 2.0 / 0.5
    for (i, j, k), conductance, value in (
        ((0, 2, 0), ease[0], 1.0),
        ((5, 2, 3), ease[5], 3.0),
        ((0, 2, 3), 2 * ease[0], 2.0),
    ):
        at = int(np.flatnonzero(graph.held == number[i, j, k])[0])
        assert graph.held_conductance[at] == pytest.approx(conductance)
        assert graph.held_value[at] == pytest.approx(value)


def test_held_sides_are_in_the_matrix_of_coupled_steps() -> None:
    """Rows of exchange sum to nothing but what leaves through a side."""
    ecs = rxd.Extracellular(0, 0, 0, 6, 5, 4, dx=1, tortuosity=1.6)
    made = laid_out(rod((1, 0, 0)), rxd.Species(ecs, "k", d=2.0, boundary={ecs: {"xlo": 1.0, "zhi": 3.0}}))
    assembly = build_assembly(made, [()] * len(made.groups))
    leaving = assembly.matrix(assembly.exchange) @ np.ones(assembly.size)
    graph = made.graphs[0]
    expected = np.zeros(assembly.size)
    expected[graph.start + graph.held] = -graph.held_conductance / graph.capacity[graph.held]
    np.testing.assert_allclose(leaving, expected, atol=1e-9)
    assert np.count_nonzero(expected) == 5 * 4 + 6 * 5 - 5
