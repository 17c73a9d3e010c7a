"""Steps of diffusion in voxels: against the matrix exponential, at rest, on several threads."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy.linalg import expm
from scipy.sparse import csr_array, diags_array
from scipy.sparse.linalg import spsolve

import geometry
import rxd
from rxd.discretize.build import discretize
from rxd.discretize.records import GraphTransport
from rxd.solve import graph_exponential
from rxd.solve.graph_exponential import QUICK, STAGES
from rxd.solve.graph_kernels import MANY, carry_all, exchange
from rxd.solve.graph_plan import FASTEST, plan_graph
from rxd.solve.lane_operations import free_kernel
from rxd.solve.split_pack import pack_graphs
from rxd.solve.team import PHASE, gathered
from rxd.symbolic.build import build_system

# For Python, to call what else only kernels do.
diffuse = free_kernel(graph_exponential.diffuse.py_func)


def laid_out(cell: geometry.Morphology, *species: rxd.Species) -> tuple[GraphTransport, ...]:
    model = rxd.Model(cell, segments=3)
    model.add(*species)
    return discretize(build_system(model), cell, model.segments, model.settings).graphs


def tilted(length: float = 4.0, diam: float = 1.3) -> geometry.Morphology:
    end = length * np.array([1, 0.4, 0.3]) / np.linalg.norm([1, 0.4, 0.3])
    return geometry.Morphology.from_sections([geometry.SectionSpec("rod", np.array([[0, 0, 0, diam], [*end, diam]]))])


@pytest.fixture(scope="module")
def small() -> GraphTransport:
    """A rod in few voxels, most of them cut."""
    cell = tilted()
    return laid_out(cell, rxd.Species(rxd.Region(cell.all, "cyt", dimension=3, dx=0.35), "u", d=2.0))[0]


@pytest.fixture(scope="module")
def large() -> tuple[GraphTransport, ...]:
    """Two species in more voxels than one thread is given."""
    cell = tilted(6.0, 3.0)
    cyt = rxd.Region(cell.all, "cyt", dimension=3, dx=0.13)
    made = laid_out(cell, rxd.Species(cyt, "u", d=2.0), rxd.Species(cyt, "w", d=0.5))
    assert made[0].n > MANY
    return made


def laplacian(graph: GraphTransport) -> Any:
    indptr, indices, conductance = graph.listed()
    exchange = csr_array((conductance, indices, indptr), shape=(graph.n, graph.n))
    return diags_array(exchange.sum(axis=1)) - exchange


def after(
    graphs: tuple[GraphTransport, ...],
    y: np.ndarray,
    source: np.ndarray,
    dt: float,
    steps: int,
    team: Any = None,
    share: Any = None,
    at_once: bool = True,
) -> Any:
    """State and drift after steps with a constant source, which moves every node; and the mean number of stages."""
    y, drift = y.copy(), np.zeros_like(y)
    packed = pack_graphs(graphs, np.arange(len(y)) if source.any() else np.zeros(0, dtype=np.int64))
    alone = gathered(1)
    for _ in range(steps):
        if share is None:
            diffuse(y, dt, source, drift, packed, alone, int(alone.board[PHASE]))
        else:
            share(diffuse, team, y, dt, source, drift, packed, at_once=at_once)
    return y, drift, packed.counts[0] / steps


def shifted(graphs: tuple[GraphTransport, ...]) -> tuple[GraphTransport, ...]:
    """The same, with the first species at position 0."""
    first = graphs[0].start
    return tuple(replace(graph, start=graph.start - first) for graph in graphs)


def test_steps_with_a_source_converge_with_the_second_order(small: GraphTransport) -> None:
    """Against the exponential of the same rates, slivers included; the largest step counted takes what a whole voxel does."""
    graph = shifted((small,))[0]
    made = plan_graph(graph)[0]
    rates, flow = np.empty((graph.n, graph.n)), np.zeros(len(made.rest))
    for unit, column in zip(np.eye(graph.n), rates, strict=True):
        exchange(made, unit, column, flow)
        carry_all(made, column, flow)
    until = 16 / graph.whole_rate
    # without the fastest modes, which show how stages damp and not how they follow
    calm = expm(0.3 * until * rates.T) @ np.random.default_rng(1).random(graph.n)
    source = np.where(np.arange(graph.n) % 3 == 0, graph.whole_rate, 0.0)
    pushed = source.copy()
    carry_all(made, pushed, flow)
    whole = np.zeros((graph.n + 1, graph.n + 1))
    whole[:-1, :-1], whole[:-1, -1] = rates.T, pushed
    exact = (expm(until * whole) @ np.append(calm, 1.0))[:-1]
    counts = (16, 32, 64, 128)
    errors = [float(np.abs(after((graph,), calm, source, until / n, n)[0] - exact).max()) for n in counts]
    assert np.log2(errors[1] / errors[-1]) / 2 > 1.8, errors  # the longest steps have more stages, hence less error
    assert errors[-1] < 1e-4 * np.ptp(exact)


def test_what_enters_slivers_ends_where_the_graph_says(small: GraphTransport) -> None:
    """Steady state of sources and sinks: that of the graph itself, though slivers move with their neighbours."""
    graph = shifted((small,))[0]
    own = laplacian(graph).diagonal() / graph.capacity
    assert own.max() > 5 * FASTEST * graph.whole_rate
    amount = np.zeros(graph.n)
    amount[np.argsort(-own)[:5]] = 0.01  # into the fastest slivers
    amount -= graph.capacity * amount.sum() / graph.capacity.sum()
    y = after((graph,), np.full(graph.n, 5.0), amount / graph.capacity, 0.05, 2000)[0]
    exact = np.append(spsolve(laplacian(graph)[1:, 1:].tocsc(), amount[1:])[::-1], 0.0)[::-1]
    exact += 5.0 - graph.capacity @ exact / graph.capacity.sum()
    np.testing.assert_allclose(y, exact, rtol=1e-9)


@pytest.mark.parametrize("dt", [1e-4, 0.01, 0.3, 20.0])
def test_any_step_is_stable_and_keeps_the_mass(small: GraphTransport, dt: float) -> None:
    graph = shifted((small,))[0]
    y = np.random.default_rng(2).random(graph.n)
    done, _, stages = after((graph,), y, np.zeros(graph.n), dt, 300)
    assert graph.capacity @ done == pytest.approx(graph.capacity @ y, rel=1e-13)
    assert done.min() > y.min() - 1e-3
    assert done.max() < y.max() + 1e-3
    assert graph.capacity @ (done - done.mean()) ** 2 < graph.capacity @ (y - y.mean()) ** 2
    radius = plan_graph(graph)[1]
    reach = QUICK[0] * np.array(STAGES) ** 2 - QUICK[1]
    pieces = max(1, math.ceil(dt * radius / reach[-1]))
    assert stages == pieces * STAGES[np.searchsorted(reach, dt * radius / pieces)]


@pytest.mark.parametrize("moved", [False, True])
def test_threads_do_not_change_a_bit(large: tuple[GraphTransport, ...], by_members: Any, moved: bool) -> None:
    graphs = shifted(large)
    size = sum(graph.n for graph in graphs)
    rng = np.random.default_rng(3)
    y, source = rng.random(size), rng.random(size) if moved else np.zeros(size)
    one = after(graphs, y, source, 0.01, 3)
    assert len(pack_graphs(graphs, np.zeros(0, dtype=np.int64)).graph.seams) > 2  # slivers across blocks
    for threads, at_once in ((2, True), (3, True), (3, False)):
        more = after(graphs, y, source, 0.01, 3, gathered(threads), by_members, at_once)
        assert np.array_equal(one[0], more[0])
        assert np.array_equal(one[1], more[1])


def test_threads_take_for_zero_what_one_thread_does() -> None:
    """Differences of concentrations this small are below the smallest normal number."""
    cell = tilted(6.0, 3.0)
    u = rxd.Species(rxd.Region(cell.all, "cyt", dimension=3, dx=0.13), "u", d=2.0)
    model = rxd.Model(cell, segments=1)
    model.add(rxd.Species(u.regions, "w", d=0.5, initial=lambda n: 3e-308 * (1.5 + np.sin(n.position[:, 0]))), u)
    ends = []
    for threads in (1, 2):
        sim = model.compile("split", dt=0.01, threads=threads)
        sim.run(0.05)
        ends.append(sim.values("w[cyt]"))
    assert np.ptp(ends[0]) > 0
    assert np.array_equal(*ends)


def test_species_that_differ_in_speed_alone_share_a_graph(large: tuple[GraphTransport, ...]) -> None:
    graphs = shifted(large)
    packed = pack_graphs(graphs, np.zeros(0, dtype=np.int64))
    assert list(packed.species[:, 3]) == [0, 0]
    np.testing.assert_allclose(packed.scale, [1.0, 0.25], rtol=1e-14)
    assert len(packed.radius) == 1
    y = np.tile(np.random.default_rng(4).random(graphs[0].n), 2)
    done, *_ = after(graphs, y, np.zeros_like(y), 0.004, 1)
    alone, *_ = after(shifted(graphs[1:]), y[: graphs[1].n], np.zeros(graphs[1].n), 0.004, 1)
    np.testing.assert_allclose(done[graphs[0].n :], alone, rtol=1e-12)


def test_a_run_on_several_threads_is_the_same_run() -> None:
    """Chemistry and diffusion; threads may be changed between runs, and are a whole number above zero."""
    cell = tilted(6.0, 3.0)
    cyt = rxd.Region(cell.all, "cyt", dimension=3, dx=0.13)
    ca = rxd.Species(cyt, "ca", d=0.6, initial=lambda n: 1e-3 + 1e-3 * np.sin(n.position[:, 0]))
    buf, bound = rxd.Species(cyt, "buf", d=0.05, initial=0.05), rxd.Species(cyt, "bound")
    model = rxd.Model(cell, segments=1)
    model.add(rxd.Reaction(ca + buf, bound, 100.0, 0.1))
    with pytest.raises(rxd.DeclarationError, match="threads is a number of threads, 1 or more; got 0"):
        model.compile("split", dt=0.05, threads=0)
    sim = model.compile("split", dt=0.05, threads=2)
    assert "2 threads" in sim.explain()
    sim.run(0.2)
    two = {key: sim.values(key) for key in ("ca[cyt]", "buf[cyt]", "bound[cyt]")}
    assert len(two["ca[cyt]"]) > MANY
    sim.reset()
    sim.stepper.threads = 1
    sim.run(0.2)
    for key, values in two.items():
        assert np.array_equal(sim.values(key), values)


@pytest.mark.parametrize(("threads", "at_once"), [(1, True), (2, True), (3, False)])
def test_graphs_in_more_or_fewer_blocks_follow_each_other(
    small: GraphTransport, large: tuple[GraphTransport, ...], by_members: Any, threads: int, at_once: bool
) -> None:
    """Nobody waits for blocks that the last graph did not have."""
    starts = np.cumsum([0, small.n, large[0].n, small.n])
    three = tuple(replace(graph, start=int(at)) for graph, at in zip((small, large[0], small), starts[:-1], strict=True))
    three = (*three[:2], replace(three[2], capacity=1.5 * small.capacity))
    y, source = np.random.default_rng(6).random(starts[-1]), np.ones(starts[-1])
    packed = pack_graphs(three, np.zeros(0, dtype=np.int64))
    assert packed.species[:, 3].tolist() == [0, 1, 2]
    assert len(set(packed.table[:, 1].tolist())) == 2
    done = after(three, y, source, 0.01, 2, gathered(threads), by_members, at_once)[0]
    for graph, begin, end in zip(three, starts[:-1], starts[1:], strict=True):
        alone = after(shifted((graph,)), y[begin:end], source[begin:end], 0.01, 2)[0]
        assert np.array_equal(done[begin:end], alone)
