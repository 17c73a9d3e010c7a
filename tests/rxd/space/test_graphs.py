"""Graphs of exchange in voxels: symmetry, joins with segments, anisotropy, and what explicit stages make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array, diags_array
from scipy.sparse.csgraph import connected_components
from scipy.sparse.linalg import eigs, spsolve

import geometry
import rxd
from rxd.discretize.build import discretize
from rxd.discretize.records import Discretization, GraphTransport
from rxd.solve.assembly import build_assembly
from rxd.solve.graph_kernels import FASTEST, limited_exchange
from rxd.symbolic.build import build_system


def laid_out(cell: geometry.Morphology, *things: Any, segments: Any = 5) -> Discretization:
    model = rxd.Model(cell, segments=segments)
    model.add(*things)
    return discretize(build_system(model), cell, model.segments, model.settings)


def matrix(graph: GraphTransport, conductance: np.ndarray | None = None) -> csr_array:
    data = graph.conductance if conductance is None else conductance
    return csr_array((data, graph.indices, graph.indptr), shape=(graph.n, graph.n))


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
    cell = rod((1, 0.4, 0.3))
    ecs = rxd.Extracellular(0, 0, 0, 6, 5, 4, dx=1, tortuosity=lambda x, y, z: np.where(x > 5, 1.0, 4.0))
    held = rxd.Species(ecs, "k", d=2.0, boundary={ecs: {"xlo": 1.0, "zhi": 3.0}})
    made = {"voxels": species(cell), "both": species(cell, cell["rod1"]), "box": held}
    return {name: laid_out(cell, thing).graphs[0] for name, thing in made.items()}


@pytest.mark.parametrize("name", ["voxels", "both", "box"])
def test_what_one_node_gives_another_gets(graphs: dict[str, GraphTransport], name: str) -> None:
    graph = graphs[name]
    exchange = matrix(graph)
    assert abs(exchange - exchange.T).max() == 0
    assert np.all(graph.conductance > 0)
    assert connected_components(exchange, directed=False)[0] == 1


@pytest.mark.parametrize("name", ["voxels", "both", "box"])
def test_bound_of_the_spectrum_is_a_bound_and_a_close_one(graphs: dict[str, GraphTransport], name: str) -> None:
    graph = graphs[name]
    conductance, bound = limited_exchange(graph)
    exchange = matrix(graph, conductance)
    leaving = exchange.sum(axis=1)
    leaving[graph.held] += graph.held_conductance
    operator = diags_array(1 / graph.capacity) @ (diags_array(leaving) - exchange)
    largest = float(eigs(operator.tocsc(), k=1, return_eigenvectors=False)[0].real)
    assert largest <= bound * (1 + 1e-12)
    assert bound < 1.25 * largest


def test_only_slivers_are_slowed_down(graphs: dict[str, GraphTransport]) -> None:
    graph = graphs["voxels"]
    conductance, _ = limited_exchange(graph)
    row = np.repeat(np.arange(graph.n), np.diff(graph.indptr))
    changed = np.unique(row[conductance != graph.conductance])
    slivers = graph.cut[(matrix(graph).sum(axis=1) / graph.capacity)[graph.cut] > FASTEST * graph.whole_rate]
    assert 0 < len(slivers) < 0.5 * graph.n
    beside = graph.indices[np.isin(row, slivers)]
    assert set(changed) <= set(slivers) | set(beside)
    assert graph.whole_rate == pytest.approx(2 * 3 * 2.0 / 0.25**2)
    limited = matrix(graph, conductance)
    assert abs(limited - limited.T).max() == 0
    assert (limited.sum(axis=1) / graph.capacity)[graph.cut].max() <= FASTEST * graph.whole_rate * (1 + 1e-12)


def test_fast_tissue_is_not_taken_for_a_sliver(graphs: dict[str, GraphTransport]) -> None:
    """A thin layer where diffusion is sixteen times as fast is what the user declared."""
    assert np.array_equal(limited_exchange(graphs["box"])[0], graphs["box"].conductance)


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
    np.testing.assert_allclose(part.conductance, 0.2 * whole.conductance, rtol=1e-12)
    assert part.whole_rate == pytest.approx(whole.whole_rate)


def test_diffusion_along_axes_multiplies_their_faces() -> None:
    cell, d = rod((1, 0.4, 0.3)), (2.0, 1.0, 0.5)
    same, different = (laid_out(cell, species(cell, d=given)) for given in (2.0, d))
    place = same.place_of(same.layout["u[cyt]"])
    graph = same.graphs[0]
    row = np.repeat(np.arange(graph.n), np.diff(graph.indptr))
    axis = np.argmax(np.abs(place[row] - place[graph.indices]), axis=1)
    np.testing.assert_allclose(different.graphs[0].conductance, graph.conductance * np.array(d)[axis] / 2.0, rtol=1e-12)
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
