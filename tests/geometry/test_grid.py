"""Boxes of extracellular space: sizes, places, tissue, sides, and the graph they become."""

from __future__ import annotations

import numpy as np
import pytest

import geometry
from geometry import GeometryError
from geometry.grid import SIDES, ExtracellularGrid


def tilted(x, y, z):
    return 0.2 + 0.01 * x + 0.02 * y - 0.01 * z


@pytest.fixture
def box():
    return ExtracellularGrid(-1, -2, -3, 5, 6, 7, dx=(1, 0.5, 2), volume_fraction=tilted, tortuosity=1.6)


def test_box_ends_on_whole_voxels():
    exact = ExtracellularGrid(0, 0, 0, 0.3, 0.7, 1.1, dx=0.1)
    assert exact.shape == (3, 7, 11)
    assert exact.n == len(exact) == 231
    assert ExtracellularGrid(0, 0, 0, 0.3, 0.3, 0.31, dx=0.1).shape == (3, 3, 4)
    longer = ExtracellularGrid(0, 0, 0, 1.01, 1, 1, dx=0.5)
    assert longer.shape == (3, 2, 2)
    np.testing.assert_allclose(longer.high, [1.5, 1, 1])
    assert ExtracellularGrid(0, 0, 0, 0.1, 0.1, 0.1, dx=5).shape == (1, 1, 1)


def test_voxels_are_numbered_with_z_fastest(box):
    assert box.shape == (6, 16, 5)
    position = box.position.reshape(*box.shape, 3)
    np.testing.assert_allclose(position[0, 0, 0], [-0.5, -1.75, -2])
    np.testing.assert_allclose(position[1, 2, 3] - position[0, 0, 0], [1, 1, 6])
    assert box.index((1, 2, 3)) == np.ravel_multi_index((1, 2, 3), box.shape)
    np.testing.assert_array_equal(box.ijk_of(box.position), np.stack(np.unravel_index(np.arange(box.n), box.shape), axis=1))
    np.testing.assert_array_equal(box.locate(box.position), np.arange(box.n))


def test_places_on_the_border_and_beyond(box):
    assert box.locate([box.low, box.high, box.high + 1e-6, box.low - 1e-6]).tolist() == [0, box.n - 1, -1, -1]
    with pytest.raises(GeometryError, match="is not in the box"):
        box.ijk_of([9.0, 0, 0])
    with pytest.raises(GeometryError, match=r"Voxel \[6 0 0\] is not in"):
        box.index((6, 0, 0))


def test_volume_is_the_free_volume(box):
    np.testing.assert_allclose(box.volume, tilted(*box.position.T) * 1.0)
    plain = ExtracellularGrid(0, 0, 0, 4, 3, 2, dx=0.5, volume_fraction=0.2)
    assert plain.volume.sum() == pytest.approx(0.2 * 24, rel=1e-14)


def test_tissue_as_number_array_and_function_is_the_same():
    corners = (-1, -2, -3, 5, 6, 7)
    function = ExtracellularGrid(*corners, dx=1, volume_fraction=tilted, tortuosity=lambda x, y, z: 1.5)
    array = ExtracellularGrid(*corners, dx=1, volume_fraction=tilted(*function.coordinates()), tortuosity=1.5)
    np.testing.assert_array_equal(function.fraction, array.fraction)
    np.testing.assert_array_equal(function.lambda_, array.lambda_)
    with pytest.raises(ValueError, match="read-only"):
        function.fraction[0, 0, 0] = 1


def test_graph_is_the_seven_point_stencil_with_halves_in_series(box):
    mesh = box.mesh()
    assert len(mesh.edges) == 5 * 16 * 5 + 6 * 15 * 5 + 6 * 16 * 4
    ease = (box.fraction / 1.6**2).ravel()
    step = np.abs(np.diff(mesh.position[mesh.edges], axis=1)[:, 0])
    spacing = np.array(box.spacing)
    axis = np.argmax(step, axis=1)
    np.testing.assert_allclose(step, np.eye(3)[axis] * spacing)
    np.testing.assert_allclose(mesh.distance, spacing[axis])
    # two half voxels one behind the other
    a, b = ease[mesh.edges].T
    face = np.prod(spacing) / spacing[axis]
    resistance = 0.5 * spacing[axis] / (face * a) + 0.5 * spacing[axis] / (face * b)
    np.testing.assert_allclose(mesh.kappa, 1 / resistance)
    assert mesh.blocks[0].shape == box.shape


@pytest.mark.parametrize("side", SIDES)
def test_sides_are_half_a_voxel_away(box, side):
    voxel, kappa = box.boundary(side)
    axis, last = "xyz".index(side[0]), side.endswith("hi")
    border = box.high[axis] if last else box.low[axis]
    np.testing.assert_allclose(np.abs(box.position[voxel, axis] - border), box.spacing[axis] / 2)
    assert len(np.unique(voxel)) == len(voxel) == box.n // box.shape[axis]
    face = np.prod(box.spacing) / box.spacing[axis]
    np.testing.assert_allclose(kappa, (box.fraction / 1.6**2).ravel()[voxel] * face / (box.spacing[axis] / 2))


def test_segments_are_found_and_those_outside_are_named(box):
    cell = geometry.examples.y_branch()
    segments = geometry.segment(cell, 3)
    low, high = cell.bounds()
    around = ExtracellularGrid(*(low - 1), *(high + 1), dx=2)
    voxel = around.voxel_of_segment(segments)
    assert np.all(np.abs(around.position[voxel] - segments.position) <= 1 + 1e-9)
    some = around.voxel_of_segment(segments, cell["left"])
    assert np.all((some >= 0) == (segments.section == cell.section("left").index))
    with pytest.raises(GeometryError, match=r"(?s)leave the extracellular box.*parent.*left"):
        ExtracellularGrid(500, 500, 500, 501, 501, 501, dx=1).voxel_of_segment(segments)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"dx": 0}, "dx is the edge of a voxel"),
        ({"dx": (1, 2)}, "dx is the edge of a voxel"),
        ({"dx": np.nan}, "dx is the edge of a voxel"),
        ({"xhi": -1}, "empty along x"),
        ({"zlo": np.inf}, "empty along z"),
        ({"volume_fraction": 0}, "volume_fraction is 0; it must be above 0 and at most 1"),
        ({"volume_fraction": 1.2}, "volume_fraction is 1.2"),
        ({"volume_fraction": np.ones((2, 2, 2))}, r"array of the grid's shape \(6, 8, 10\)"),
        ({"volume_fraction": lambda x, y, z: x}, r"volume_fraction is -0.5 in voxel \(0, 0, 0\)"),
        ({"tortuosity": -1}, "tortuosity is -1; it must be above 0"),
        ({"tortuosity": lambda x, y, z: np.where(z > 6, np.nan, 1.0)}, r"tortuosity is nan in voxel \(0, 0, 9\)"),
    ],
)
def test_bad_boxes_are_refused(change, words):
    given = {"xlo": -1, "ylo": -2, "zlo": -3, "xhi": 5, "yhi": 6, "zhi": 7, "dx": 1}
    with pytest.raises(GeometryError, match=words):
        ExtracellularGrid(**(given | change))


def test_unknown_side_is_refused(box):
    with pytest.raises(GeometryError, match="There is no side 'top'"):
        box.boundary("top")


def test_layers_in_series_add_their_resistances_to_both_sides():
    rng = np.random.default_rng(1)
    alpha, tortuosity = rng.uniform(0.1, 0.4, 10), rng.uniform(1.2, 2, 10)
    grid = ExtracellularGrid(0, 0, 0, 10, 1, 1, 1, alpha.reshape(10, 1, 1), tortuosity.reshape(10, 1, 1))
    ends = sum(1 / grid.boundary(side)[1].sum() for side in ("xlo", "xhi"))
    assert ends + np.sum(1 / grid.mesh().kappa) == pytest.approx(np.sum(tortuosity**2 / alpha))


def test_infinite_tortuosity_lets_nothing_through():
    mesh = ExtracellularGrid(0, 0, 0, 4, 1, 1, 1, tortuosity=np.array([1, 2, np.inf, np.inf]).reshape(4, 1, 1)).mesh()
    assert mesh.kappa.tolist() == pytest.approx([0.4, 0, 0], abs=0)
