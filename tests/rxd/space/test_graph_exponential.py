"""Diffusion in voxels over a step: the polynomials, steps against the matrix exponential, a source that never stops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.linalg import expm

import geometry
import rxd
from rxd.discretize.build import discretize
from rxd.discretize.records import GraphTransport
from rxd.solve import graph_exponential
from rxd.solve.graph_exponential import FINE, QUICK, STAGES, make_polynomials
from rxd.solve.lane_operations import lean_kernel
from rxd.solve.split_pack import pack_graphs, with_polynomials
from rxd.solve.team import PHASE, gathered
from rxd.symbolic.build import build_system

# For Python, to call what else only kernels do.
diffuse = lean_kernel(graph_exponential.diffuse.py_func)


@pytest.mark.parametrize(("reach", "error", "constant"), [(QUICK, 0.29, 12), (FINE, 0.04, 17)])
def test_what_is_left_of_a_mode_is_near_the_exponential(reach: tuple[float, float], error: float, constant: float) -> None:
    for stages, z, coefficients in zip(STAGES, *make_polynomials(reach), strict=True):
        assert np.all(coefficients[stages:] == 0)  # one stage a degree
        s = np.linspace(0, z, 2001)
        left = 1 - s * np.polynomial.chebyshev.chebval(1 - 2 * s / z, coefficients)
        assert np.abs(left - np.exp(-s)).max() < error
        assert np.abs(left).max() <= 1 + 1e-12
        assert np.abs(left[s > 2]).max(initial=0) < 0.5  # nothing fast stays
        slow = s < 0.1 * z  # of second order, with a smaller constant than the two-stage method's 1 / 6
        assert np.all(np.abs(left - np.exp(-s))[slow] <= s[slow] ** 3 / (6 if stages == 2 else constant) + 1e-12)


@pytest.fixture(scope="module")
def rod() -> GraphTransport:
    """A tilted rod in voxels, most of them cut, slivers among them."""
    end = 4.0 * np.array([1, 0.4, 0.3]) / np.linalg.norm([1, 0.4, 0.3])
    cell = geometry.Morphology.from_sections([geometry.SectionSpec("rod", np.array([[0, 0, 0, 1.3], [*end, 1.3]]))])
    model = rxd.Model(cell, segments=3)
    model.add(rxd.Species(rxd.Region(cell.all, "cyt", dimension=3, dx=0.35), "u", d=2.0))
    return discretize(build_system(model), cell, model.segments, model.settings).graphs[0]


def advanced(graph: GraphTransport, y: np.ndarray, source: np.ndarray | None, dt: float, steps: int) -> np.ndarray:
    moving = np.zeros(0, dtype=np.int64) if source is None else np.arange(len(y))
    packed, drift, y = with_polynomials(pack_graphs((graph,), moving), FINE), np.zeros_like(y), y.copy()
    team = gathered(1)
    for _ in range(steps):
        diffuse(y, dt, np.zeros_like(y) if source is None else source, drift, packed, team, int(team.board[PHASE]))
    return y


@pytest.fixture(scope="module")
def held_back(rod: GraphTransport) -> tuple[GraphTransport, np.ndarray]:
    """The rod with its slivers held back, to which short steps converge, and its rates."""
    graph = replace(rod, start=0)
    return graph, rates_of(graph)


@pytest.mark.parametrize("sourced", [False, True])
@pytest.mark.parametrize("dt", [1e-4, 0.01, 0.1, 20.0])
def test_one_step_is_many_short_ones(held_back: tuple[GraphTransport, np.ndarray], dt: float, sourced: bool) -> None:
    graph, matrix = held_back
    rng = np.random.default_rng(3)
    y, source = rng.uniform(1, 2, graph.n), rng.uniform(-1, 1, graph.n) if sourced else None
    work = np.zeros(graph.n) if source is None else source
    whole = np.block([[matrix, work[:, None]], [np.zeros((1, graph.n + 1))]])
    exact = (expm(dt * whole) @ np.append(y, 1.0))[: graph.n]
    made = advanced(graph, y, source, dt, 1)
    assert np.abs(made - exact).max() < 0.03 * np.ptp(y)
    if source is None:
        assert graph.capacity @ made == pytest.approx(graph.capacity @ y, rel=1e-14)


def rates_of(graph: GraphTransport) -> np.ndarray:
    """The matrix of the graph as the kernels apply it, column by column: a step so short that it is linear in dt."""
    dt = 1e-7
    columns = [(advanced(graph, unit, None, dt, 1) - unit) / dt for unit in np.eye(graph.n)]
    matrix = np.array(columns).T
    return matrix + 0.5 * dt * matrix @ matrix


def test_what_flows_in_all_the_time_does_not_pile_up_where_it_enters() -> None:
    """A source in one voxel, in steps so long that its modes would hardly be damped by a method that is only stable."""
    cell = geometry.cylinder(1, 0.5)
    ecs = rxd.Extracellular(-8.5, -8.5, -8.5, 8.5, 8.5, 8.5, dx=1)
    model = rxd.Model(cell, segments=1)
    k = rxd.Species(ecs, "k", d=1.0, boundary={ecs: 0.0})
    model.add(rxd.Rate(k, rxd.Parameter(ecs, "source", value=lambda n: np.abs(n.position).max(axis=1) < 0.5)))
    short, long = (model.compile("split", dt=dt) for dt in (0.01, 0.5))
    for sim in (short, long):
        sim.run(20.0)
    exact, made = (sim.grid(k[ecs]).sel(y=0, z=0).values for sim in (short, long))
    assert made.min() > 0
    away = np.abs(np.arange(-8, 9)) >= 3
    np.testing.assert_allclose(made[away], exact[away], rtol=0.05)
    assert made.max() < 2 * exact.max()  # of which half a step's source is what has not begun to spread
