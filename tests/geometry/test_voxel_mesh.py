"""The finite-volume graph of voxels: structure, conservation, and second-order diffusion inside curved and tilted walls."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse
from scipy.sparse.linalg import eigsh, spsolve

import geometry
from geometry import GridBlock, segment
from geometry.frustum import Solid
from geometry.voxelize import voxel_mesh, voxelize, voxelize_sections


def laplacian(mesh):
    (i, j), kappa = mesh.edges.T, mesh.kappa
    rows, columns = np.concatenate([i, j, i, j]), np.concatenate([i, j, j, i])
    return sparse.coo_array((np.concatenate([kappa, kappa, -kappa, -kappa]), (rows, columns)), shape=(mesh.n, mesh.n)).tocsc()


def lowest_rates(mesh, n):
    """The `n` slowest decay rates of diffusion with D = 1, the constant mode left out."""
    scale = sparse.diags_array(1 / np.sqrt(mesh.volume))
    rates = eigsh((scale @ laplacian(mesh) @ scale).tocsc(), k=n + 1, sigma=-0.05, return_eigenvectors=False)
    return np.sort(rates)[1:]


def test_mesh_has_the_structure_of_the_grid():
    grid = voxelize_sections(segment(geometry.cylinder(5, 2.3), 2), (0.3, 0.4, 0.5), origin=np.array([0.1, 0.05, -0.2]))
    mesh = voxel_mesh(grid)
    (block,) = mesh.blocks
    assert isinstance(block, GridBlock)
    number = np.full(block.shape, -1)
    number[block.active] = np.arange(len(block))
    assert np.array_equal(number[tuple((grid.ijk - grid.lowest).T)], np.arange(grid.n))
    middle = np.array(block.origin) + (np.argwhere(block.active) + 0.5) * block.spacing
    np.testing.assert_allclose(middle, mesh.position, atol=1e-12)
    step = mesh.position[mesh.edges[:, 1]] - mesh.position[mesh.edges[:, 0]]
    np.testing.assert_allclose(step.sum(axis=1), mesh.distance)
    assert np.all(np.count_nonzero(np.abs(step) > 1e-9, axis=1) == 1)
    assert len(np.unique(mesh.edges, axis=0)) == len(mesh.edges)
    np.testing.assert_allclose(mesh.volume.sum(), 5 * np.pi * 1.15**2, rtol=1e-3)
    assert set(mesh.owner.tolist()) == {0, 1}


def test_diffusion_conserves_and_is_symmetric():
    mesh = voxel_mesh(voxelize(Solid([[0, 0, 0, 1, 2, 1, 1, 0.6]]), 0.3))
    matrix = laplacian(mesh)
    assert np.abs(matrix.sum(axis=0)).max() < 1e-13
    assert abs(matrix - matrix.T).max() == 0


# least positive zero of the derivative of the spherical Bessel function j1: the slowest mode in a closed ball of radius 1
BALL_MODE = 2.0815759778181174


def test_first_modes_in_a_ball_are_second_order():
    rng, error = np.random.default_rng(0), []
    for h in (0.4, 0.2):
        found = [lowest_rates(voxel_mesh(voxelize(Solid(balls=[[*(h * rng.random(3)), 1]]), h)), 3) for _ in range(3)]
        error.append(np.sqrt(np.mean(np.square(np.array(found) / BALL_MODE**2 - 1))))
    assert error[1] < 0.02
    assert np.log2(error[0] / error[1]) > 1.8


def test_first_mode_in_a_tilted_cylinder_is_second_order():
    rng, length = np.random.default_rng(5), 3.0
    axes = [u / np.linalg.norm(u) for u in rng.normal(size=(4, 3))]
    places = rng.random((4, 3))
    error = []
    for h in (0.4, 0.2):
        solids = [Solid([[*p, 1, *(p + length * u), 1]]) for p, u in zip(places, axes, strict=True)]
        found = [lowest_rates(voxel_mesh(voxelize(solid, h)), 1)[0] for solid in solids]
        error.append(np.sqrt(np.mean(np.square(np.array(found) / (np.pi / length) ** 2 - 1))))
    assert error[1] < 0.005
    assert np.log2(error[0] / error[1]) > 1.8


def test_a_steady_flux_through_a_tilted_cylinder_meets_no_extra_resistance():
    # between two planes of voxels at its ends: the resistance of the middle half follows from the drop of concentration
    p, u, length = np.array([0.13, 0.21, 0.08]), np.array([0.8, 0.48, 0.36]), 8.0
    mesh = voxel_mesh(voxelize(Solid([[*p, 1, *(p + length * u), 1]]), 0.25))
    s = (mesh.position - p) @ u
    source = np.where(s < 1, mesh.volume, 0)
    drain = np.where(s > length - 1, mesh.volume, 0)
    supply = source / source.sum() - drain / drain.sum()
    keep = np.arange(1, mesh.n)
    c = np.zeros(mesh.n)
    c[1:] = spsolve(laplacian(mesh)[keep][:, keep], supply[keep])
    middle = (s > 2) & (s < length - 2)
    slope = np.polyfit(s[middle], c[middle], 1, w=np.sqrt(mesh.volume[middle]))[0]
    assert -slope * np.pi == pytest.approx(1, rel=0.005)
