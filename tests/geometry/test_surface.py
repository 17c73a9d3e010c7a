"""Smooth surfaces of voxels: closed, where they should be, converging; files and bad input."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pytest

from geometry import GeometryError, Solid, Surface, VoxelGrid, isosurface
from geometry.voxelize import voxelize
from geometry.vtk import write_surface

MIDDLE = np.array([0.13, 0.21, 0.37])


def ball(h: float, radius: float = 1.0) -> VoxelGrid:
    return voxelize(Solid(balls=np.array([[*MIDDLE, radius]])), h)


def edges_of(surface: Surface) -> tuple[np.ndarray, np.ndarray]:
    """Edges, and how many quadrilaterals share each."""
    ends = np.stack([surface.quads, np.roll(surface.quads, -1, axis=1)], axis=-1).reshape(-1, 2)
    return np.unique(np.sort(ends, axis=1), axis=0, return_counts=True)


def test_the_membrane_of_a_ball_is_a_closed_sphere() -> None:
    surface = isosurface(ball(0.1))
    edges, shared = edges_of(surface)
    assert set(shared.tolist()) == {2}
    assert len(surface.points) - len(edges) + len(surface) == 2
    assert np.abs(surface.vectors.sum(axis=0)).max() < 1e-12
    out = surface.points - MIDDLE
    radius = np.linalg.norm(out, axis=1)
    assert np.abs(radius - 1).max() < 0.02
    assert np.sum(surface.normals * out / radius[:, None], axis=1).min() > 0.99


def test_the_area_of_the_membrane_converges_with_the_second_order() -> None:
    coarse, fine = (isosurface(ball(h)).area / (4 * np.pi) - 1 for h in (0.4, 0.1))
    assert abs(fine) < 0.01
    assert np.log(coarse / fine) / np.log(4) > 1.9


def test_a_tube_with_a_hole_has_the_topology_of_a_ring() -> None:
    turns = np.linspace(0, 2 * np.pi, 25)
    ring = np.stack([3 * np.cos(turns), 3 * np.sin(turns), 0 * turns, 0 * turns + 1], axis=1)
    solid = Solid(np.concatenate([ring[:-1], ring[1:]], axis=1), balls=ring[1:])  # the balls close the bends
    surface = isosurface(voxelize(solid, 0.2))
    edges, shared = edges_of(surface)
    assert set(shared.tolist()) == {2}
    assert len(surface.points) - len(edges) + len(surface) == 0


def test_a_level_of_a_field_is_where_the_field_has_it() -> None:
    grid = ball(0.1)
    away = np.linalg.norm(grid.position - MIDDLE, axis=1)
    surface = isosurface(grid, -away, -0.55)
    np.testing.assert_allclose(np.linalg.norm(surface.points - MIDDLE, axis=1), 0.55, atol=0.01)
    assert away[surface.voxel].max() <= 0.55
    # what reaches the border of the cell is closed along the faces of its voxels
    whole = isosurface(grid, np.where(grid.position[:, 0] > MIDDLE[0], 1.0, np.nan), 0.5)
    assert set(edges_of(whole)[1].tolist()) == {2}
    assert whole.points[:, 0].min() == pytest.approx(0.15, abs=0.06)


def test_file_for_viewers(tmp_path: Path) -> None:
    surface = isosurface(ball(0.3))
    path = write_surface(tmp_path / "ball.vtp", surface, {"owner": surface.voxel * 0})
    piece = ET.parse(path).getroot()[0][0]  # our own file
    assert piece.attrib == {"NumberOfPoints": str(len(surface.points)), "NumberOfPolys": str(len(surface))}
    assert [part.tag for part in piece] == ["Points", "PointData", "Polys", "CellData"]
    assert [array.attrib["Name"] for array in piece[3]] == ["voxel", "owner"]
    with pytest.raises(GeometryError, match="quadrilaterals"):
        write_surface(tmp_path / "ball.vtp", surface, {"owner": np.zeros(3)})


def test_bad_input() -> None:
    grid = ball(0.5)
    with pytest.raises(GeometryError, match=r"no voxel reaches 3, the largest number is 1\."):
        isosurface(grid, np.ones(grid.n), 3)
    with pytest.raises(GeometryError, match="One number for each of"):
        isosurface(grid, np.ones(3))
