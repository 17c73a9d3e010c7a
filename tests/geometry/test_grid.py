"""Extracellular boxes: shape, tissue properties, places, sides, mesh, bad input."""

from __future__ import annotations

import numpy as np
import pytest

import geometry
from geometry import GeometryError, GridBlock, SectionSpec, segment
from geometry.grid import SIDES, ExtracellularGrid


def box(**more):
    return ExtracellularGrid(-5, -4, -3, 5, 4, 3, 1.0, **more)


def test_shape_and_corners():
    grid = box()
    assert grid.shape == (10, 8, 6)
    assert len(grid) == 480
    np.testing.assert_allclose(grid.high, [5, 4, 3])
    np.testing.assert_allclose(grid.position[0], [-4.5, -3.5, -2.5])
    np.testing.assert_allclose(grid.position[1], [-4.5, -3.5, -1.5])
    # tenths are not exact: three of them are one voxel each, and a little more needs one voxel more
    assert ExtracellularGrid(0, 0, 0, 0.3, 0.3, 0.31, 0.1).shape == (3, 3, 4)
    uneven = ExtracellularGrid(0, 0, 0, 10, 10, 10, (1, 2, 3))
    assert uneven.shape == (10, 5, 4)
    np.testing.assert_allclose(uneven.high, [10, 10, 12])


def test_tissue_as_number_array_and_function():
    values = np.random.default_rng(0).uniform(0.1, 0.5, (10, 8, 6))
    np.testing.assert_allclose(box(volume_fraction=0.2).volume, 0.2)
    np.testing.assert_allclose(box(volume_fraction=values).volume, values.ravel())
    grid = box(volume_fraction=lambda x, y, z: 0.3 + 0.01 * x + 0 * y, tortuosity=lambda x, y, z: 1.6)
    np.testing.assert_allclose(grid.volume, 0.3 + 0.01 * grid.position[:, 0])
    assert np.all(grid.lambda_ == 1.6)
    assert not grid.fraction.flags.writeable


def test_places_and_numbers_agree():
    grid = ExtracellularGrid(-1, 2, 5, 3, 4, 9, (0.5, 0.4, 1))
    number = np.arange(grid.n)
    assert np.array_equal(grid.index(grid.ijk_of(grid.position)), number)
    assert np.array_equal(grid.index(np.argwhere(np.ones(grid.shape))), number)
    assert grid.index((0, 1, 2)) == 6
    assert grid.ijk_of(grid.high).tolist() == [7, 4, 3]
    with pytest.raises(GeometryError, match=r"Voxel \[ *8 +0 +0\] is not in"):
        grid.index((8, 0, 0))
    with pytest.raises(GeometryError, match="is not in the box"):
        grid.ijk_of(np.array([0, 0, 6.0]))


def test_mesh_of_uniform_tissue():
    grid = ExtracellularGrid(0, 0, 0, 4, 6, 5, (1, 2, 0.5), volume_fraction=0.2, tortuosity=1.6)
    mesh = grid.mesh()
    assert isinstance(mesh.blocks[0], GridBlock)
    assert mesh.blocks[0].active.all()
    assert len(mesh.edges) == 3 * 3 * 10 + 4 * 2 * 10 + 4 * 3 * 9
    assert mesh.volume.sum() == pytest.approx(0.2 * 4 * 6 * 5)
    for axis, h in enumerate(grid.spacing):
        here = np.isclose(np.abs(mesh.position[mesh.edges[:, 1]] - mesh.position[mesh.edges[:, 0]])[:, axis], h)
        np.testing.assert_allclose(mesh.kappa[here], 0.2 / 1.6**2 * (1.0 / h) / h)
    assert np.all(mesh.owner == -1)
    assert not mesh.membrane_area.any()


def test_two_tissues_in_series():
    # steady flux through 10 layers along x: the resistances of the layers add, whatever the order of their properties
    rng = np.random.default_rng(1)
    alpha, tortuosity = rng.uniform(0.1, 0.4, 10), rng.uniform(1.2, 2, 10)
    shape = (10, 1, 1)
    grid = ExtracellularGrid(0, 0, 0, 10, 1, 1, 1, alpha.reshape(shape), tortuosity.reshape(shape))
    ends = sum(1 / grid.boundary(side)[1].sum() for side in ("xlo", "xhi"))
    assert ends + np.sum(1 / grid.mesh().kappa) == pytest.approx(np.sum(tortuosity**2 / alpha))


@pytest.mark.parametrize("side", SIDES)
def test_sides(side):
    grid = box(volume_fraction=0.25, tortuosity=2.0)
    voxels, kappa = grid.boundary(side)
    axis = SIDES.index(side) // 2
    edge = grid.low[axis] + 0.5 if side.endswith("lo") else grid.high[axis] - 0.5
    assert np.array_equal(np.sort(voxels), np.flatnonzero(grid.position[:, axis] == edge))
    np.testing.assert_allclose(kappa, 0.25 / 4 * 1 / 0.5)


def test_segments_lie_in_voxels():
    specs = [
        SectionSpec("soma", [(0, 0, 0, 4), (2, 0, 0, 4)], "soma"),
        SectionSpec("dend", [(2, 0, 0, 1), (4.9, 3, 0, 1)], parent="soma"),
    ]
    cell = geometry.Morphology.from_sections(specs)
    segments = segment(cell, 3)
    grid = box()
    voxel = grid.voxel_of_segment(segments)
    assert np.abs(grid.position[voxel] - segments.position).max() <= 0.5 + 1e-12
    assert grid.voxel_of_segment(segments, cell["dend"]).tolist() == [-1, -1, -1, *voxel[3:]]
    small = ExtracellularGrid(-5, -4, -3, 3, 4, 3, 1.0)
    with pytest.raises(GeometryError, match=r"leave the extracellular box .*: dend\..*larger"):
        small.voxel_of_segment(segments)
    assert small.voxel_of_segment(segments, cell.soma)[:3].min() >= 0


def test_bad_input():
    with pytest.raises(GeometryError, match="empty along y: ylo = 4 must be less than yhi = 4"):
        ExtracellularGrid(0, 4, 0, 1, 4, 1, 0.1)
    for dx in (0, -1, (1, 2), np.inf):
        with pytest.raises(GeometryError, match="dx is the edge"):
            ExtracellularGrid(0, 0, 0, 1, 1, 1, dx)
    with pytest.raises(GeometryError, match=r"volume_fraction is 1\.2; it must be above 0 and at most 1"):
        box(volume_fraction=1.2)
    with pytest.raises(GeometryError, match=r"tortuosity is -1 in voxel \(0, 0, 0\)"):
        box(tortuosity=lambda x, y, z: -1 + 0 * x)
    with pytest.raises(GeometryError, match=r"volume_fraction has the shape \(3,\)"):
        box(volume_fraction=np.ones(3))
    with pytest.raises(GeometryError, match="no side 'top'"):
        box().boundary("top")
