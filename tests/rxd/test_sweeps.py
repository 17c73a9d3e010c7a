"""Sweeps along the lines of a lattice against dense matrices, balances and what they have to keep."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rxd.discretize.graph_rows import ListedRows, compressed
from rxd.discretize.records import GraphTransport
from rxd.solve import sweep_kernels
from rxd.solve.lane_operations import free_kernel
from rxd.solve.sweep_kernels import sweep_alone
from rxd.solve.sweeps import NODES_A_PIECE, has_lines, pack_sweeps
from rxd.solve.team import APART, gathered

sweep = free_kernel(sweep_kernels.sweep.py_func)  # for Python, to call what else only kernels do


def lattice(seed=0, shape=(4, 3, 5), diffusion=0.7, start=0, full=False, **more):
    """A species on a lattice with holes, and edges of all strengths; or on a full one of equal voxels and edges."""
    rng = np.random.default_rng(seed)
    at = np.argwhere(rng.random(shape) < (1.0 if full else 0.8)).astype(np.int32)
    number = {tuple(place): k for k, place in enumerate(at.tolist())}
    steps = np.eye(3, dtype=int)
    edges = [(k, number.get(tuple(at[k] + step), -1)) for k in range(len(at)) for step in steps]
    edges = np.array([edge for edge in edges if edge[1] >= 0])
    kappa, capacity = rng.uniform(0.1, 2.0, len(edges)), rng.uniform(0.01, 1.0, len(at))
    if full:
        kappa[:], capacity[:] = 0.5, 0.25
    rows = ListedRows(*compressed(len(at), edges, kappa))
    return GraphTransport("x", start, len(at), capacity, rows, diffusion, lattice=at, **more)


def dense(transport):
    """Exchange along each axis as matrices, um3/ms."""
    along = np.zeros((3, transport.n, transport.n))
    indptr, indices, conductance = transport.listed()
    for k in range(transport.n):
        for e in range(indptr[k], indptr[k + 1]):
            other = indices[e]
            axis = int(np.flatnonzero(transport.lattice[k] != transport.lattice[other])[0])
            along[axis, k, other] += conductance[e]
            along[axis, k, k] -= conductance[e]
    return along


def never(*_):
    return None


def stepped(transport, u, dt, source=None, steps=1):
    assert has_lines(transport)
    sweeps = pack_sweeps([transport], [source is not None], never)
    y, drift = u.copy(), np.zeros(len(u))
    for _ in range(steps):
        sweep_alone(y, dt, np.zeros(len(u)) if source is None else source, drift, sweeps, gathered(1))
    return y, drift


@pytest.mark.parametrize("dt", [0.01, 3.0])
def test_a_step_is_that_of_douglas_and_gunn(dt):
    transport, rng = lattice(), np.random.default_rng(1)
    u, source = rng.random(transport.n), rng.standard_normal(transport.n)
    c, (x, y, z) = np.diag(transport.capacity), dense(transport)
    gain = np.linalg.solve(c - 0.5 * dt * x, dt * ((x + y + z) @ u + c @ source))
    gain = np.linalg.solve(c - 0.5 * dt * y, c @ gain)
    gain = np.linalg.solve(c - 0.5 * dt * z, c @ gain)
    found, drift = stepped(transport, u, dt, source)
    assert found == pytest.approx(u + gain, rel=1e-11)
    assert drift == pytest.approx(gain / dt, rel=1e-9, abs=1e-11)


def ball(d):
    """A species in a ball cut into voxels, exchanging by the harmonic means of what is inside; some voxels are slivers."""
    at = np.argwhere(np.ones((9, 9, 9))).astype(np.int32)
    inside = np.clip(1.3 / 0.3 + 0.5 - np.linalg.norm(at - 4.0, axis=1), 0.0, 1.0)
    at, share = at[inside > 1e-4], inside[inside > 1e-4]
    number = {tuple(place): k for k, place in enumerate(at.tolist())}
    edges = [(k, number.get(tuple(at[k] + step), -1)) for k in range(len(at)) for step in np.eye(3, dtype=int)]
    edges = np.array([edge for edge in edges if edge[1] >= 0])
    one, other = share[edges].T
    rows = ListedRows(*compressed(len(at), edges, 0.3 * 2 * one * other / (one + other)))
    return GraphTransport("x", 0, len(at), 0.3**3 * share, rows, d, whole_rate=6 * d / 0.3**2, lattice=at)


@pytest.mark.parametrize("dt", [0.1, 1.0, 10.0])
def test_mass_is_kept_and_any_step_is_stable(dt):
    transport = ball(2.0)
    u = np.random.default_rng(2).random(transport.n)
    found, _ = stepped(transport, u, dt, steps=100)
    assert transport.capacity @ found == pytest.approx(transport.capacity @ u, rel=1e-12)
    assert np.ptp(found) < 1.5 * np.ptp(u)


def test_pieces_of_a_step_add_up():
    transport = lattice(1, whole_rate=100.0)
    u, source = np.random.default_rng(2).random((2, transport.n))
    found, drift = stepped(transport, u, 0.6, source)  # 60 / 24: three pieces
    one, _ = stepped(lattice(1), u, 0.2, source, steps=3)
    assert found == pytest.approx(one, rel=1e-12)
    assert drift == pytest.approx((found - u) / 0.6, rel=1e-9)


def test_the_error_falls_with_the_square_of_dt():
    from scipy.linalg import expm

    transport = lattice(5)
    u = np.random.default_rng(4).random(transport.n)
    exact = expm(0.4 * dense(transport).sum(axis=0) / transport.capacity[:, None]) @ u
    errors = [np.abs(stepped(transport, u, 0.4 / n, steps=n)[0] - exact).max() for n in (400, 800, 1600)]
    assert np.log2(np.array(errors[:-1]) / errors[1:]) == pytest.approx([2, 2], abs=0.1)


def test_held_nodes_take_their_values_and_neighbours_see_the_old_ones_first():
    held = np.array([0, 7])
    transport = lattice(6, held=held, held_conductance=np.zeros(2), held_value=np.array([2.0, -1.0]))
    transport.capacity[held] *= 1e12
    u, dt = np.random.default_rng(7).random(transport.n), 0.3
    x, y, z = dense(transport)
    keep = np.eye(transport.n)[held]

    def solve(matrix, right, values):
        left = np.diag(transport.capacity) - 0.5 * dt * matrix
        left[held], right[held] = keep, values
        return np.linalg.solve(left, right)

    change = np.array([2.0, -1.0]) - u[held]
    gain = solve(x, dt * (x + y + z) @ u, change)
    gain = solve(y, transport.capacity * gain, change)
    gain = solve(z, transport.capacity * gain, change)
    found, _ = stepped(transport, u, dt)
    assert found[held] == pytest.approx([2.0, -1.0], abs=1e-10)
    assert found == pytest.approx(u + gain, abs=1e-9)


def test_species_share_a_lattice_and_keep_factors_of_their_own():
    one = lattice(8)
    two = lattice(8, diffusion=2.1, start=one.n)
    u = np.random.default_rng(9).random(one.n)
    sweeps = pack_sweeps([one, two], [False, False], lambda a, b: a.diffusion / b.diffusion)
    assert sweeps.node.shape == (3, one.n)
    y = np.concatenate([u, u])
    for dt in (0.1, 0.1, 0.2):
        sweep_alone(y, dt, y, y, sweeps, gathered(1))
    for transport, part in ((one, y[: one.n]), (two, y[one.n :])):
        alone = u
        for dt in (0.1, 0.1, 0.2):
            alone, _ = stepped(lattice(8, diffusion=transport.diffusion), alone, dt)
        assert part == pytest.approx(alone, rel=1e-12)


def test_what_is_not_a_lattice_has_no_lines():
    transport = lattice()
    assert not has_lines(GraphTransport("x", 0, 3, np.ones(3), ListedRows(*compressed(3, np.array([[0, 1]]), np.ones(1)))))
    far = transport.lattice.copy()
    far[0] -= 5
    bent = replace(transport, lattice=far)
    assert not has_lines(bent)


@pytest.mark.parametrize("shape", [(5, 4, 11), (1, 6, 1), (7, 1, 2), (1, 1, 1)])
def test_a_box_of_equal_voxels_is_stepped_as_any_other_lattice(shape):
    at = np.argwhere(np.ones(shape)).astype(np.int32)
    number = {tuple(place): k for k, place in enumerate(at.tolist())}
    edges = [
        (k, number.get(tuple(at[k] + step), -1), axis) for k in range(len(at)) for axis, step in enumerate(np.eye(3, dtype=int))
    ]
    edges = np.array([edge for edge in edges if edge[1] >= 0], dtype=np.int64).reshape(-1, 3)
    rows = ListedRows(*compressed(len(at), edges[:, :2], np.array([0.4, 1.1, 0.7])[edges[:, 2]]))
    box = GraphTransport("x", 0, len(at), np.full(len(at), 0.6), rows, 0.9, lattice=at)
    capacity = box.capacity.copy()
    capacity[0] *= 1 + 1e-12  # no longer equal
    other = GraphTransport("x", 0, len(at), capacity, rows, 0.9, lattice=at)
    rng = np.random.default_rng(1)
    u, source = rng.random((2, len(at)))
    assert pack_sweeps([box], [True], never).species[0, 3] == -1
    assert len(at) == 1 or pack_sweeps([other], [True], never).species[0, 3] == 0
    for one, two in zip(stepped(box, u, 0.7, source, steps=3), stepped(other, u, 0.7, source, steps=3), strict=True):
        assert one == pytest.approx(two, rel=1e-9)


@pytest.mark.parametrize(("dt", "pieces"), [(0.1, 1), (1.0, 3)])
def test_ties_go_first_by_forward_euler_in_stable_pieces(dt, pieces):
    n = lattice(2).n
    tied = np.array([[0, n, n + 2], [3, n, n + 2], [5, n + 1, n + 3]])
    rate = np.array([[2.0, 0.5], [3.0, 1.0], [4.0, 2.0]])  # the fastest: 4 in the lattice, 2 outside: dt times half of 6
    transport = lattice(2, diffusion=1e-9, tied=tied, tied_rate=rate)
    y = np.random.default_rng(3).random(n + 4)
    expected = y.copy()
    expected[n + 2 :] = y[n : n + 2]
    for _ in range(pieces):
        flow = dt / pieces * (expected[tied[:, 1]] - expected[tied[:, 0]])
        np.add.at(expected, tied[:, 0], rate[:, 0] * flow)
        np.add.at(expected, tied[:, 1], -rate[:, 1] * flow)
    sweep_alone(y, dt, y, y, pack_sweeps([transport], [False], never), gathered(1))
    assert y == pytest.approx(expected, abs=1e-7)


def swept(share, box, members=1, at_once=True):
    """Two steps through a lattice with holes and lines of its own, or a box of equal voxels, with a source everywhere."""
    transport = lattice(shape=(18, 17, 16))
    if box:
        transport = lattice(shape=(15, 14, 13), full=True)
    assert transport.n > 4 * NODES_A_PIECE
    sweeps, team = pack_sweeps([transport], [True], never), gathered(members)
    assert (sweeps.species[0, 3] < 0) == box
    rng = np.random.default_rng(5)
    y, source, drift = rng.random(transport.n), rng.standard_normal(transport.n), np.zeros(transport.n)
    for dt in (0.2, 0.2, 0.1):
        share(sweep, team, y, dt, source, drift, sweeps, at_once=at_once)
    assert (team.claimed == team.done).all()
    assert (team.done[::APART] > 0).sum() == sweeps.pieces[0]
    return y, drift


@pytest.mark.parametrize("box", [False, True])
@pytest.mark.parametrize(("members", "at_once"), [(2, True), (3, True), (2, False), (3, False)])
def test_sweeps_of_a_team_are_those_of_one(by_members, box, members, at_once):
    for found, expected in zip(swept(by_members, box, members, at_once), swept(by_members, box), strict=True):
        assert np.array_equal(found, expected)
