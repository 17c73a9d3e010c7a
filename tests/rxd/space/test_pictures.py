"""Slices and solids: what is drawn are the numbers of the field at their places."""

from __future__ import annotations

from collections.abc import Iterator

import matplotlib.pyplot as plt
import numpy as np
import pytest
import xarray as xr

import rxd
from geometry import Solid, isosurface
from geometry.voxelize import voxelize
from rxd.plotting3d import slice_picture, slice_pictures, solid_picture, surface_picture


@pytest.fixture
def field() -> Iterator[xr.DataArray]:
    """4 x 3 x 2 voxels, of which one is missing, at two times."""
    x, y, z = np.arange(4) * 0.5, np.arange(3) * 1.0, np.arange(2) * 2.0
    values = 1e-3 * (x[:, None, None] + 10 * y[None, :, None] + 100 * z)
    values[3, 2, 1] = np.nan
    coordinates = {"time": [0.0, 5.0], "x": x, "y": y, "z": z}
    yield xr.DataArray(np.stack([values, 2 * values]), coordinates, ("time", "x", "y", "z"), "ca[cyt]", {"units": "mM"})
    plt.close("all")


def test_slice_shows_the_nearest_plane_in_micromolar(field: xr.DataArray) -> None:
    ax = slice_picture(field[0], z=1.7)
    mesh = ax.collections[0]
    expected = 1e3 * field[0].isel(z=1).to_numpy().T
    np.testing.assert_allclose(np.ma.filled(mesh.get_array(), np.nan).reshape(expected.shape), expected)
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("x (µm)", "y (µm)")
    corners = mesh.get_coordinates()
    np.testing.assert_allclose([corners.min(axis=(0, 1)), corners.max(axis=(0, 1))], [[-0.25, -0.5], [1.75, 2.5]])
    assert ax.figure.axes[1].get_ylabel() == "ca[cyt] (µM)"


def test_slices_along_other_axes_and_given_axes(field: xr.DataArray) -> None:
    _, given = plt.subplots()
    ax = slice_picture(field[0], given, x=0.0, colorbar=False, limits=(0, 7))
    assert ax is given
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("y (µm)", "z (µm)")
    assert ax.collections[0].get_clim() == (0, 7)
    np.testing.assert_allclose(ax.collections[0].get_array().reshape(2, 3), 1e3 * field[0].isel(x=0).to_numpy().T)


def test_slices_over_time_share_their_colours(field: xr.DataArray) -> None:
    figure = slice_pictures(field, [0.1, 4.0], y=1.0)
    axes = figure.axes[:2]
    assert [ax.get_title() for ax in axes] == ["0 ms", "5 ms"]
    plane = 1e3 * field.isel(y=1).to_numpy()
    for ax, values in zip(axes, plane, strict=True):
        np.testing.assert_allclose(ax.collections[0].get_array().reshape(2, 4), values.T)
        np.testing.assert_allclose(ax.collections[0].get_clim(), (plane.min(), plane.max()))


def test_solid_draws_every_outer_face_once(field: xr.DataArray) -> None:
    ax = solid_picture(field[0])
    # 4 x 3 x 2 without a corner: as many faces as the whole block
    whole = 2 * (4 * 3 + 4 * 2 + 3 * 2)
    assert len(ax.collections[0]._faces) == whole
    np.testing.assert_allclose(ax.get_xlim(), (-0.25, 1.75))
    one = solid_picture(field[0], above=float(field[0].max()))
    assert len(one.collections[0]._faces) == 6
    corners = np.asarray(one.collections[0]._faces).reshape(-1, 3)
    np.testing.assert_allclose(corners.mean(axis=0), [1.0, 2.0, 2.0])


def test_surface_is_lit_and_coloured_by_its_voxels() -> None:
    grid = voxelize(Solid(balls=np.array([[0.0, 0.0, 0.0, 1.0]])), 0.25)
    surface = isosurface(grid)
    grey = surface_picture(surface)
    body = grey.collections[0]
    assert len(body._faces) == len(surface)
    shades = body._facecolor3d[:, :3].sum(axis=1)
    light = surface.vectors @ [0.3, -0.65, 0.7] / np.linalg.norm(surface.vectors, axis=1)
    assert shades[light > 0.8].min() > shades[light < 0].max()
    coloured = surface_picture(surface, grid.position[surface.voxel, 2], limits=(-1, 1), label="z (µm)")
    assert coloured.figure.axes[1].get_ylabel() == "z (µm)"
    plt.close("all")


def test_mistakes_are_named(field: xr.DataArray) -> None:
    with pytest.raises(rxd.DeclarationError, match="at one x=, y= or z="):
        slice_picture(field[0], x=0.0, y=0.0)
    with pytest.raises(rxd.DeclarationError, match="at one x=, y= or z="):
        slice_picture(field[0], depth=0.0)
    with pytest.raises(rxd.DeclarationError, match="over x, y and z is needed"):
        slice_picture(np.zeros((3, 3)))
    with pytest.raises(rxd.DeclarationError, match="no voxel of 'ca\\[cyt\\]' reaches 5"):
        solid_picture(field[0], above=5.0)
