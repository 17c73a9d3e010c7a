"""Somas drawn as outlines: exact volumes, voxels of them, and what grows out of them."""

import numpy as np
import pytest

import geometry
from geometry import GeometryError, Morphology, SectionSpec
from geometry.frustum import Solid, signed_distance, solid_of
from geometry.outline import disc_distance, oblique_frusta, oblique_volume
from geometry.voxelize import voxelize, voxelize_sections

SPIKY = np.array(
    [(10, 0), (12, 2), (8, 3), (9, 4), (3, 2.5), (0, 6), (-6, 4), (-12, 3), (-9, 1), (-11, -1), (-8, -1.5), (-9.5, -4), (0, -5)]
)
OVAL = np.array([(9 * np.cos(t), 5 * np.sin(t) + 1.2 * np.cos(2 * t)) for t in np.linspace(0, 2 * np.pi, 40, endpoint=False)])


def rotation(seed):
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    return q * np.sign(np.linalg.det(q))


def flat(points, z=0.0):
    return np.column_stack([points, np.full(len(points), z)])


def cell(outline, turn=None, *more):
    """A soma along x whose section has nothing to do with its outline but the axis."""
    ends = np.array([(-8.0, 0, 0), (8.0, 0, 0)])
    turn = np.eye(3) if turn is None else turn
    points = np.column_stack([ends @ turn.T, [4.0, 4.0]])
    return Morphology.from_sections([SectionSpec("soma", points, "soma", outline=outline @ turn.T), *more])


def swept(points):
    """The volume of discs that span an outline, by a fine sum over its widths."""
    x = points[:, 0].min() + np.ptp(points[:, 0]) * (np.arange(200_000) + 0.5) / 200_000
    low, high = np.full(len(x), np.inf), np.full(len(x), -np.inf)
    for a, b in zip(points, np.roll(points, -1, axis=0), strict=True):
        here = (x > min(a[0], b[0])) & (x < max(a[0], b[0]))
        y = a[1] + (x[here] - a[0]) * (b[1] - a[1]) / (b[0] - a[0])
        low[here], high[here] = np.minimum(low[here], y), np.maximum(high[here], y)
    return float(np.pi / 4 * np.square(high - low).mean() * np.ptp(points[:, 0]))


@pytest.mark.parametrize("points", [SPIKY, OVAL, OVAL[::-1]])
def test_volume_is_that_of_discs_across_the_axis(points):
    frusta, middle = oblique_frusta(flat(points), np.zeros(3), np.array([3.0, 0, 0]), np.zeros(0))
    assert oblique_volume(frusta).sum() == pytest.approx(swept(points), rel=1e-5)
    assert np.all(np.diff(middle) > 0)


def test_a_circle_becomes_a_ball_with_second_order():
    errors = []
    for n in (16, 32, 64):
        angle = 2 * np.pi * np.arange(n) / n
        frusta, _ = oblique_frusta(
            flat(np.column_stack([np.cos(angle), np.sin(angle)])), np.zeros(3), np.array([1.0, 0, 0]), np.zeros(0)
        )
        errors.append(1 - oblique_volume(frusta).sum() / (4 / 3 * np.pi))
    assert errors[0] > 0
    assert np.log2(errors[0] / errors[1]) == pytest.approx(2, abs=0.1)
    assert np.log2(errors[1] / errors[2]) == pytest.approx(2, abs=0.1)


@pytest.mark.parametrize("seed", range(3))
def test_an_oblique_cone_in_voxels_has_its_volume_and_area(seed):
    r = np.random.default_rng(seed)
    turn = rotation(seed) if seed else np.eye(3)
    normal, drift, height, r0, r1 = turn[0], turn[1] * 0.8, r.uniform(1, 3), *r.uniform(0.5, 2, 2)
    start = r.normal(size=3)
    solid = Solid(oblique=[[*start, r0, *(start + height * (normal + drift)), r1, *normal]])
    angle = 2 * np.pi * (np.arange(1000) + 0.5) / 1000
    out = np.cos(angle)[:, None] * turn[1] + np.sin(angle)[:, None] * turn[2]
    around = -np.sin(angle)[:, None] * turn[1] + np.cos(angle)[:, None] * turn[2]
    side = np.linalg.norm(np.cross(normal + drift + (r1 - r0) / height * out, around), axis=1).mean()
    area = 2 * np.pi * height * (r0 + r1) / 2 * side + np.pi * (r0**2 + r1**2)
    grid = voxelize(solid, 0.2)
    assert grid.volume.sum() == pytest.approx(oblique_volume(solid.oblique)[0], rel=2e-4)
    assert grid.membrane_area.sum() == pytest.approx(area, rel=2e-3)
    np.testing.assert_allclose(grid.surface_vector.sum(axis=0), 0, atol=1e-9)
    places = r.uniform(-5, 5, (4000, 3))
    s = (places - start) @ normal
    within = np.linalg.norm(places - start - s[:, None] * (normal + drift), axis=1) <= r0 + (r1 - r0) / height * s
    np.testing.assert_array_equal(signed_distance(solid, places) <= 0, within & (s >= 0) & (s <= height))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("points", [SPIKY, OVAL])
def test_an_outline_in_voxels_has_its_volume_however_it_lies(points, seed):
    segments = geometry.segment(cell(flat(points), rotation(seed) if seed else None), 3)
    errors = [abs(voxelize_sections(segments, dx).volume.sum() / swept(points) - 1) for dx in (1.2, 0.6)]
    assert errors[0] < 3e-3
    assert errors[1] < 5e-4


def test_balls_that_fill_the_inside_change_nothing():
    solid = solid_of(geometry.segment(cell(flat(SPIKY)), 1))
    assert len(solid.balls) > 0
    bare = voxelize(Solid(oblique=solid.oblique), 0.5)
    filled = voxelize(solid, 0.5)
    np.testing.assert_array_equal(bare.ijk, filled.ijk)
    np.testing.assert_allclose(filled.volume, bare.volume, atol=1e-4)


def test_segments_own_the_slices_between_their_borders():
    segments = geometry.segment(cell(flat(OVAL)), 5)
    solid, grid = solid_of(segments), voxelize_sections(segments, 0.5)
    np.testing.assert_allclose(
        np.bincount(grid.owner, grid.volume), np.bincount(solid.oblique_owner, oblique_volume(solid.oblique)), rtol=0.1
    )
    middle = (grid.position[grid.membrane_area == 0, 0] + 8) / 16 * 5
    np.testing.assert_array_equal(grid.owner[grid.membrane_area == 0], np.clip(middle, 0, 4).astype(int))


def test_dendrites_grow_out_of_the_outline_and_the_soma_owns_all_inside():
    dendrite = SectionSpec("dend", [(6, 1, 0, 2), (20, 3, 0, 2)], "basal", "soma", 0.5)
    apart = SectionSpec("far", [(-14, 0, 0, 2), (-22, 0, 0, 2)], "basal", "soma", 0.5)
    segments = geometry.segment(cell(flat(OVAL), None, dendrite, apart), 1)
    with pytest.warns(geometry.VoxelWarning, match="cylinders join them: far"):
        grid = voxelize_sections(segments, 0.5)
    assert grid.components().max() == 0
    deep = np.linalg.norm(grid.position / [9, 5, 5], axis=1) < 0.6
    assert np.all(grid.owner[deep] == 0)
    frusta = solid_of(segments).oblique
    assert disc_distance(frusta, np.array([-14.0, 0, 0])) == pytest.approx(5.0, abs=0.2)
    assert disc_distance(frusta, np.array([2.0, 0, 0])) < 0.1


def test_without_what_grows_from_its_ends_the_section_itself_is_cut():
    dendrite = SectionSpec("dend", [(8, 0, 0, 2), (20, 3, 0, 2)], "basal", "soma", 1.0)
    segments = geometry.segment(cell(flat(OVAL), None, dendrite), 1)
    assert len(solid_of(segments).oblique) > 0
    alone = solid_of(segments, ["soma"])
    assert len(alone.oblique) == 0
    assert alone.open_end.max() == 1


@pytest.mark.parametrize(
    ("outline", "what"),
    [
        ([(0, 0, 0), (1, 0, 0)], "three or more points"),
        ([(0, 0, 0), (1, 0, 0), (2, 0, 0)], "on one line"),
        ([(0, 0)] * 4, "x, y, z"),
    ],
)
def test_what_is_no_outline_is_refused_by_name(outline, what):
    with pytest.raises(GeometryError, match=f"'soma'.*{what}"):
        Morphology.from_sections([SectionSpec("soma", [(0, 0, 0, 1), (1, 0, 0, 1)], "soma", outline=outline)])
