"""Diffusion in voxels without an error of time: the polynomial, and steps against the matrix exponential."""

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
from rxd.solve.graph_exponential import DEGREE, LARGEST, TOLERANCE
from rxd.solve.lane_operations import lean_kernel
from rxd.solve.split_pack import pack_graphs
from rxd.symbolic.build import build_system

# For Python, to call what else only kernels do.
coefficients = lean_kernel(graph_exponential.coefficients.py_func)
diffuse_exactly = lean_kernel(graph_exponential.diffuse_exactly.py_func)


@pytest.mark.parametrize("z", [1e-6, 0.02, 0.079, 0.3, 1.2, 5.0, 30.0, 100.0, LARGEST])
def test_what_is_left_of_a_mode_is_the_exponential(z: float) -> None:
    c = np.full(DEGREE + 1, np.nan)
    degree = coefficients(z, c)
    s = np.linspace(0, z, 1001)
    left = 1 - s * np.polynomial.chebyshev.chebval(1 - 2 * s / z, c[: degree + 1])
    assert np.abs(left - np.exp(-s)).max() < TOLERANCE
    assert np.abs(left).max() <= 1 + 1e-12
    slow = s < 0.1 * z  # of second order at least, with a smaller constant than the two-stage method's 1 / 6
    assert np.all(np.abs(left - np.exp(-s))[slow] <= s[slow] ** 3 / (6 if degree == 1 else 30) + 1e-12)


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
    packed, drift, y = pack_graphs((graph,), moving), np.zeros_like(y), y.copy()
    for _ in range(steps):
        diffuse_exactly(y, dt, np.zeros_like(y) if source is None else source, drift, packed)
    return y


@pytest.mark.parametrize("sourced", [False, True])
@pytest.mark.parametrize("dt", [1e-4, 0.01, 0.1, 20.0])
def test_one_step_is_many_short_ones(rod: GraphTransport, dt: float, sourced: bool) -> None:
    """Rates are those of the graph with its slivers held back: what short steps converge to."""
    graph = replace(rod, start=0)
    rng = np.random.default_rng(3)
    y, source = rng.uniform(1, 2, graph.n), rng.uniform(-1, 1, graph.n) if sourced else None
    matrix = rates_of(graph)
    work = np.zeros(graph.n) if source is None else source
    whole = np.block([[matrix, work[:, None]], [np.zeros((1, graph.n + 1))]])
    exact = (expm(dt * whole) @ np.append(y, 1.0))[: graph.n]
    made = advanced(graph, y, source, dt, 1)
    assert np.abs(made - exact).max() < 0.5 * TOLERANCE * np.ptp(y)
    if source is None:
        assert graph.capacity @ made == pytest.approx(graph.capacity @ y, rel=1e-14)


def rates_of(graph: GraphTransport) -> np.ndarray:
    """The matrix of the graph as the kernels apply it, column by column: a step so short that it is linear in dt."""
    dt = 1e-7
    columns = [(advanced(graph, unit, None, dt, 1) - unit) / dt for unit in np.eye(graph.n)]
    matrix = np.array(columns).T
    return matrix + 0.5 * dt * matrix @ matrix
