"""Fixed steps in voxels and boxes: those of NEURON, by dense matrices."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.neuron import Session, h, rxd


@pytest.fixture(autouse=True)
def session():
    with Session() as session:
        yield session


def douglas_and_gunn(share, at, dx, d, u, dt):
    """A step of pure diffusion with harmonic means of shares between voxels, by dense matrices."""
    number = {tuple(place): k for k, place in enumerate(at.tolist())}
    along = np.zeros((3, len(at), len(at)))
    for k, place in enumerate(at.tolist()):
        for axis in range(3):
            other = number.get(tuple(n + (i == axis) for i, n in enumerate(place)))
            if other is not None:
                kappa = d / dx**2 * 2 * share[k] * share[other] / (share[k] + share[other])
                along[axis][[k, other], [k, other]] -= kappa
                along[axis][[k, other], [other, k]] += kappa
    left = [np.diag(share) - 0.5 * dt * matrix for matrix in along]
    gain = np.linalg.solve(left[0], dt * along.sum(axis=0) @ u)
    gain = np.linalg.solve(left[1], share * gain)
    return u + np.linalg.solve(left[2], share * gain)


def test_fixed_steps_in_voxels_are_neurons():
    sec = h.Section(name="s")
    sec.pt3dadd(0, 0, 0, 1.3)
    sec.pt3dadd(3, 1, 0.5, 0.9)
    rxd.set_solve_type(dimension=3)
    x = rxd.Species(rxd.Region([sec], dx=0.4), name="x", d=2.0, initial=lambda node: float(node.x3d < 1.4))
    h.dt = 0.2
    h.finitialize(-65)
    place = np.array([(node.x3d, node.y3d, node.z3d) for node in x.nodes])
    at = np.round((place - place.min(axis=0)) / 0.4).astype(int)
    share, u = np.array(x.nodes.volume) / 0.4**3, np.array(x.nodes.value)
    for _ in range(3):
        h.fadvance()
        u = douglas_and_gunn(share, at, 0.4, 2.0, u, 0.2)
        assert np.array(x.nodes.value) == pytest.approx(u, abs=1e-11)


def test_fixed_steps_in_boxes_are_neurons():
    h.Section(name="s")
    ecs = rxd.Extracellular(0, 0, 0, 5, 4, 3, dx=1, volume_fraction=0.2, tortuosity=1.6)
    x = rxd.Species(ecs, name="x", d=3.0, initial=lambda node: np.sin(node.x3d + 2 * node.y3d + node.z3d) ** 2)
    h.dt = 0.5
    h.finitialize(-65)
    u = np.array(x[ecs].states3d).ravel()
    h.fadvance()
    at = np.argwhere(np.ones((5, 4, 3)))
    expected = douglas_and_gunn(np.ones(60), at, 1.0, 3.0 / 1.6**2, u, 0.5)
    assert np.array(x[ecs].states3d).ravel() == pytest.approx(expected, abs=1e-12)


def test_the_sides_of_a_box_count_with_their_initial_values_in_the_first_fixed_step():
    h.Section(name="s")
    ecs = rxd.Extracellular(0, 0, 0, 3, 3, 3, dx=1)
    x = rxd.Species(ecs, name="x", d=1.0, initial=0.0, ecs_boundary_conditions=1.0)
    h.dt = 0.1
    h.finitialize(-65)
    h.fadvance()
    # every sweep sees neighbours that have gone from 0 to 1 in the step: c = 1.1 a, 1.1 b = a + 0.1 ...
    gain = 0.0
    for _ in range(3):
        gain = (gain + 0.1) / 1.1
    states = np.array(x[ecs].states3d)
    assert states[1, 1, 1] == pytest.approx(gain, abs=1e-11)
    states[1, 1, 1] = 1.0
    assert states == pytest.approx(np.ones((3, 3, 3)), abs=1e-10)
