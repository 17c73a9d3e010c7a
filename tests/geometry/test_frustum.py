"""Signed distances, closed forms, and the solid that sections occupy."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial import cKDTree

import geometry
from geometry import GeometryError, SectionSpec, segment
from geometry.frustum import Solid, frustum_area, frustum_volume, signed_distance, solid_of


def surface_of(frustum, n=300):
    """Points on a frustum's surface, dense enough that the nearest one is within 0.02 of the true distance."""
    p, r0, q, r1 = frustum[:3], frustum[3], frustum[4:7], frustum[7]
    axis = (q - p) / np.linalg.norm(q - p)
    one = np.cross(axis, [0.3, -0.5, 0.8])
    one /= np.linalg.norm(one)
    ring = np.stack([np.cos(a) * one + np.sin(a) * np.cross(axis, one) for a in np.linspace(0, 2 * np.pi, n, endpoint=False)])
    t = np.linspace(0, 1, n // 4)
    side = [p + s * (q - p) + (r0 + s * (r1 - r0)) * ring for s in t]
    ends = [c + r * s * ring for c, r in ((p, r0), (q, r1)) for s in t]
    return np.concatenate(side + ends)


@pytest.mark.parametrize(
    "frustum",
    [(0, 0, 0, 1, 3, 1, -1, 1), (1, 0, 0, 0.4, 2, 2, 1, 1.3), (0, 0, 1, 1.5, 0.3, 0, 1, 0.2), (0, 0, 0, 0, 2, 0, 0, 1)],
)
def test_distance_of_a_frustum_equals_a_search_over_its_surface(frustum):
    frustum = np.array(frustum, dtype=float)
    p, q = frustum[:3], frustum[4:7]
    points = np.random.default_rng(1).uniform(-2, 4, (1500, 3)) + 0.5 * (p + q) - 1
    search, _ = cKDTree(surface_of(frustum)).query(points)
    axis = (q - p) / np.linalg.norm(q - p)
    s = (points - p) @ axis
    rho = np.linalg.norm(points - p - s[:, None] * axis, axis=1)
    t = s / np.linalg.norm(q - p)
    inside = (t > 0) & (t < 1) & (rho < frustum[3] + t * (frustum[7] - frustum[3]))
    assert inside.any()
    np.testing.assert_allclose(signed_distance(Solid([frustum]), points), np.where(inside, -search, search), atol=0.03)


def test_distance_has_slope_one_and_changes_sign_on_the_surface():
    frustum = np.array([0, 0, 0, 1, 3, 1, -1, 0.5])
    assert np.abs(signed_distance(Solid([frustum]), surface_of(frustum))).max() < 1e-12
    points = np.random.default_rng(2).uniform(-3, 5, (200, 3))
    d, h = signed_distance(Solid([frustum]), points), 1e-6
    slope = np.stack([signed_distance(Solid([frustum]), points + h * e) - d for e in np.eye(3)], axis=1) / h
    np.testing.assert_allclose(np.linalg.norm(slope, axis=1), 1, atol=1e-4)


def test_distance_of_balls_and_unions():
    points = np.random.default_rng(3).uniform(-3, 3, (100, 3))
    balls = np.array([[0.1, 0.2, 0.3, 1.0], [1.0, 0, 0, 0.5]])
    each = [np.linalg.norm(points - b[:3], axis=1) - b[3] for b in balls]
    np.testing.assert_allclose(signed_distance(Solid(balls=balls), points), np.minimum(*each), atol=1e-14)


def test_closed_forms_of_cylinder_and_cone():
    frusta = np.array([[0, 0, 0, 2, 3, 0, 0, 2], [0, 0, 0, 3, 0, 4, 0, 0]], dtype=float)
    np.testing.assert_allclose(frustum_volume(frusta), [12 * np.pi, 12 * np.pi])
    np.testing.assert_allclose(frustum_area(frusta), [12 * np.pi, 15 * np.pi])


def test_frusta_are_cut_at_the_borders_of_segments_and_owned_by_them():
    specs = [
        SectionSpec("soma", [(0, 0, 0, 8), (10, 0, 0, 8)], "soma"),
        SectionSpec("dend", [(10, 0, 0, 3), (14, 1, 0, 2), (14, 1, 0, 1), (20, 0, 3, 1.5)], parent="soma"),
    ]
    segments = segment(geometry.Morphology.from_sections(specs), {"soma": 3, "dend": 5})
    solid = solid_of(segments)
    np.testing.assert_allclose(np.bincount(solid.owner, frustum_volume(solid.frusta)), segments.volume, rtol=1e-12)
    assert len(solid.lunes) == 2  # one bend, one branch point; none where a straight piece was cut
    assert np.all(np.linalg.norm(solid.frusta[:, 4:7] - solid.frusta[:, :3], axis=1) > 0)


def test_straight_chains_have_no_joints_and_bends_have_lunes_of_the_joints_radius():
    straight = segment(geometry.Morphology.from_sections([SectionSpec("a", [(0, 0, 0, 2), (1, 1, 1, 4), (3, 3, 3, 1)])]), 7)
    assert len(solid_of(straight).lunes) == 0
    bent = segment(geometry.Morphology.from_sections([SectionSpec("a", [(0, 0, 0, 2), (1, 1, 1, 4), (3, 3, 2, 1)])]), 7)
    (lune,) = solid_of(bent).lunes
    np.testing.assert_allclose(lune[:4], [1, 1, 1, 2])
    np.testing.assert_allclose(lune[4:7], np.ones(3) / np.sqrt(3))
    np.testing.assert_allclose(lune[7:], -np.array([2, 2, 1]) / 3)


def test_ends_to_sections_left_out_are_open():
    specs = [SectionSpec("a", [(0, 0, 0, 1), (5, 0, 0, 1)]), SectionSpec("b", [(5, 0, 0, 1), (9, 0, 0, 1)], parent="a")]
    specs.append(SectionSpec("c", [(9, 0, 0, 1), (9, 4, 0, 1)], parent="b"))
    cell = geometry.Morphology.from_sections(specs)
    segments = segment(cell, 2)
    assert solid_of(segments).open_end.max() == -1
    middle = solid_of(segments, cell["b"])
    assert middle.open_end.tolist() == [[2, -1], [-1, 3]]
    assert solid_of(segments, cell["a"]).open_end.tolist() == [[-1, -1], [-1, 1]]


def test_sections_that_start_apart_from_their_parents_are_joined_and_named():
    specs = [SectionSpec("soma", [(0, 0, 0, 4), (4, 0, 0, 4)], "soma")]
    specs += [
        SectionSpec(f"d{i}", [(2, y, 0, 1), (2, y + 3, 0, 1)], parent="soma", parent_x=0.5) for i, y in enumerate((1, 2.2, 4))
    ]
    solid = solid_of(segment(geometry.Morphology.from_sections(specs), 1))
    np.testing.assert_allclose(solid.frusta[-1], [2, 0, 0, 0.5, 2, 4, 0, 0.5])
    assert len(solid.frusta) == 5
    assert "d2" in solid.notes[0]
    assert "d1" not in solid.notes[0]


def test_bad_solids_are_refused_by_name():
    with pytest.raises(GeometryError, match="frusta have 8 numbers"):
        Solid([[0, 0, 0, 1]])
    with pytest.raises(GeometryError, match=r"balls\[1\] is not finite"):
        Solid(balls=[[0, 0, 0, 1], [0, np.nan, 0, 1]])
    with pytest.raises(GeometryError, match="radius is negative"):
        Solid([[0, 0, 0, -1, 1, 0, 0, 1]])
    with pytest.raises(GeometryError, match="owner has one segment for each of 1"):
        Solid([[0, 0, 0, 1, 1, 0, 0, 1]], owner=[1, 2])
    cell = geometry.cylinder(10, 2)
    with pytest.raises(GeometryError, match="no sections"):
        solid_of(segment(cell, 1), cell.soma)
