"""Region shapes: every argument of every shape, on a cylinder by hand and on cones by the frusta."""

from collections.abc import Callable

import numpy as np
import pytest

from geometry import (
    DistributedBoundary,
    FixedCrossSection,
    FixedPerimeter,
    FractionalVolume,
    GeometryError,
    Morphology,
    MultipleGeometry,
    ScalableBorder,
    SectionSpec,
    Segments,
    Shape,
    Shell,
    cylinder,
    inside,
    membrane,
    segment,
)

L, D = 10.0, 4.0  # of each of the segments of the cylinder
VOLUME, AREA, CROSS = np.pi * D**2 / 4 * L, np.pi * D * L, np.pi * D**2 / 4


def tapered() -> Segments:
    rng = np.random.default_rng(5)
    specs = []
    for k in range(3):
        points = np.column_stack([np.cumsum(rng.normal(size=(9, 3)), axis=0), rng.uniform(0.5, 3, 9)])
        specs.append(SectionSpec(f"dend[{k}]", points, parent=None if k == 0 else "dend[0]"))
    return segment(Morphology.from_sections(specs), 3)


@pytest.mark.parametrize(
    ("shape", "volume", "area", "cross_section", "surface"),
    [
        (inside, VOLUME, AREA, CROSS, True),
        (FractionalVolume(), VOLUME, 0, CROSS, False),
        (FractionalVolume(0.25), VOLUME / 4, 0, CROSS / 4, False),
        (FractionalVolume(0.25, surface_fraction=1), VOLUME / 4, AREA, CROSS / 4, True),
        (FractionalVolume(0.25, surface_fraction=0.5), VOLUME / 4, AREA / 2, CROSS / 4, True),
        (FractionalVolume(0.25, neighbor_areas_fraction=0.1), VOLUME / 4, 0, CROSS / 10, False),
        (Shell(0, 1), VOLUME, AREA, CROSS, True),
        (Shell(0.5, 1), 0.75 * VOLUME, AREA, 0.75 * CROSS, True),
        (Shell(1, 0.5), 0.75 * VOLUME, AREA, 0.75 * CROSS, True),
        (Shell(0.2, 0.6), 0.32 * VOLUME, 0, 0.32 * CROSS, False),
        (Shell(1, 2), 3 * VOLUME, AREA, 3 * CROSS, True),
        (FixedCrossSection(2), 2 * L, 0, 2, False),
        (FixedCrossSection(2, surface_area=0.5), 2 * L, L / 2, 2, True),
    ],
)
def test_volume_shapes_on_a_cylinder(shape: Shape, volume: float, area: float, cross_section: float, surface: bool) -> None:
    s = segment(cylinder(3 * L, D), 3)
    index = np.array([0, 2])
    assert shape.is_volume
    assert not shape.is_area
    assert shape.on_cell_surface == surface
    np.testing.assert_allclose(shape.volumes(s, index), volume, rtol=1e-13)
    np.testing.assert_allclose(shape.membrane_areas(s, index), area, rtol=1e-13)
    for half in shape.half_rho(s, index):
        np.testing.assert_allclose(half, L / 2 / cross_section, rtol=1e-13)


@pytest.mark.parametrize(
    ("shape", "area", "perimeter", "surface"),
    [
        (membrane, AREA, np.pi * D, True),
        (ScalableBorder(), AREA, np.pi * D, False),
        (ScalableBorder(2), 2 * D * L, 2 * D, False),
        (ScalableBorder(scale=2, on_cell_surface=True), 2 * D * L, 2 * D, True),
        (ScalableBorder(diam_scale=0.5), AREA / 2, np.pi * D / 2, False),
        (DistributedBoundary(3), 3 * VOLUME, 0, False),
        (DistributedBoundary(3, perim_per_area=2), 3 * VOLUME, 2 * CROSS, False),
        (FixedPerimeter(7), 7 * L, 7, False),
        (FixedPerimeter(7, on_cell_surface=True), 7 * L, 7, True),
    ],
)
def test_area_shapes_on_a_cylinder(shape: Shape, area: float, perimeter: float, surface: bool) -> None:
    s = segment(cylinder(3 * L, D), 3)
    index = np.array([0, 2])
    assert shape.is_area
    assert not shape.is_volume
    assert shape.on_cell_surface == surface
    assert np.array_equal(shape.volumes(s, index), [0, 0])
    np.testing.assert_allclose(shape.membrane_areas(s, index), area, rtol=1e-13)
    for half in shape.half_rho(s, index):
        np.testing.assert_allclose(half, L / 2 / perimeter if perimeter else np.inf, rtol=1e-13)


def test_shells_fill_the_inside_and_their_borders_follow() -> None:
    s = tapered()
    index = np.arange(s.n)
    shells = [Shell(lo, hi) for lo, hi in ((0, 0.3), (0.3, 0.9), (0.9, 1))]
    np.testing.assert_allclose(sum(shell.volumes(s, index) for shell in shells), s.volume, rtol=1e-13)
    conductances = sum(1 / shell.half_rho(s, index)[0] for shell in shells)
    np.testing.assert_allclose(conductances, 1 / s.rho_left, rtol=1e-13)
    np.testing.assert_allclose(ScalableBorder(diam_scale=1).membrane_areas(s, index), s.area, rtol=1e-13)


def test_the_border_at_a_fraction_has_the_slope_of_the_smaller_cone() -> None:
    s = segment(Morphology.from_sections([SectionSpec("cone", [(0, 0, 0, 8), (3, 0, 0, 16)])]), 1)
    zero = np.array([0])
    by_diam = np.pi / 2 * (4 + 8) * np.hypot(3, 2)
    assert ScalableBorder(diam_scale=0.5).membrane_areas(s, zero)[0] == pytest.approx(by_diam, rel=1e-14)
    by_scale = 2 / 2 * (8 + 16) * np.hypot(3, 4)
    assert ScalableBorder(2).membrane_areas(s, zero)[0] == pytest.approx(by_scale, rel=1e-14)


def test_diffusion_along_a_tapering_membrane() -> None:
    s = segment(Morphology.from_sections([SectionSpec("cone", [(0, 0, 0, 1), (10, 0, 0, 3)])]), 1)
    left, right = membrane.half_rho(s, np.array([0]))
    # integral ds / (pi d) with d = 1 + s / 5
    assert left[0] == pytest.approx(5 / np.pi * np.log(2 / 1), rel=1e-13)
    assert right[0] == pytest.approx(5 / np.pi * np.log(3 / 2), rel=1e-13)


@pytest.mark.parametrize("step", [1e-3, 1e-5, 1e-9, 0.0])
def test_diffusion_along_an_almost_straight_membrane_does_not_cancel(step: float) -> None:
    s = segment(Morphology.from_sections([SectionSpec("cone", [(0, 0, 0, 1), (10, 0, 0, 1 + step)])]), 1)
    left, right = membrane.half_rho(s, np.array([0]))
    exact = 10 / np.pi * (np.log1p(step) / step if step else 1)
    assert left[0] + right[0] == pytest.approx(exact, rel=1e-14)


def test_multiple_geometry() -> None:
    s = tapered()
    m = s.morphology
    index = np.array([0, 3, 4, 8])  # sections 0, 1, 1, 2
    shape = MultipleGeometry([m["dend[0]"], ["dend[1]"], None], [Shell(0.5, 1), FixedCrossSection(2), inside])
    expected = [Shell(0.5, 1).volumes(s, index)[0], *FixedCrossSection(2).volumes(s, index)[1:3], s.volume[8]]
    np.testing.assert_allclose(shape.volumes(s, index), expected)
    np.testing.assert_allclose(shape.membrane_areas(s, index), [s.area[0], 0, 0, s.area[8]])
    left, right = shape.half_rho(s, index)
    np.testing.assert_allclose(left, [s.rho_left[0] / 0.75, s.length[3] / 4, s.length[4] / 4, s.rho_left[8]])
    np.testing.assert_allclose(right, [s.rho_right[0] / 0.75, s.length[3] / 4, s.length[4] / 4, s.rho_right[8]])
    assert shape.is_volume
    assert shape.on_cell_surface
    assert hash(shape) == hash(MultipleGeometry([m["dend[0]"], ["dend[1]"], None], shape.geos))


def test_multiple_geometry_defaults_and_precedence() -> None:
    s = tapered()
    index = np.arange(s.n)
    first_wins = MultipleGeometry(["dend", "dend[0]"], [inside, Shell(0.5, 1)])
    np.testing.assert_allclose(first_wins.volumes(s, index), s.volume)
    for alone in (MultipleGeometry(geos=inside), MultipleGeometry(None, [inside])):
        np.testing.assert_allclose(alone.volumes(s, index), s.volume)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FractionalVolume(0), "FractionalVolume: volume_fraction must be above zero, got 0"),
        (lambda: FractionalVolume(1, -0.1), "surface_fraction must be zero or more"),
        (lambda: FractionalVolume(1, 0, -1), "neighbor_areas_fraction must be zero or more"),
        (lambda: FractionalVolume(float("nan")), "above zero, got nan"),
        (lambda: Shell(0.5, 0.5), r"Shell\(lo=0.5, hi=0.5\) has no thickness"),
        (lambda: Shell(0.5, 1.5), "crosses the plasma membrane"),
        (lambda: Shell(-0.5, 1), "lo must be zero or more"),
        (lambda: FixedCrossSection(0), "cross_area must be above zero"),
        (lambda: FixedCrossSection(1, -1), "surface_area must be zero or more"),
        (lambda: FixedPerimeter(-1), "perimeter must be above zero"),
        (lambda: DistributedBoundary(0), "area_per_vol must be above zero"),
        (lambda: DistributedBoundary(1, -1), "perim_per_area must be zero or more"),
        (lambda: ScalableBorder(1, 1), "scale or diam_scale, not both"),
        (lambda: ScalableBorder(0), "scale must be above zero"),
        (lambda: ScalableBorder(diam_scale=-1), "diam_scale must be above zero"),
        (lambda: MultipleGeometry([None], [inside, membrane]), "one shape for each of 1 places; got 2"),
        (MultipleGeometry, "one shape for each"),
        (lambda: MultipleGeometry(["a", "b"], [inside, membrane]), "all volumes or all areas"),
    ],
)
def test_shapes_that_cannot_be(make: Callable[[], Shape], message: str) -> None:
    with pytest.raises(GeometryError, match=message):
        make()


def test_multiple_geometry_names_what_it_lacks() -> None:
    s = tapered()
    with pytest.raises(GeometryError, match=r"says nothing about section 'dend\[1\]'"):
        MultipleGeometry(["dend[0]"], [inside]).volumes(s, np.array([0, 4]))
    other = tapered().morphology
    with pytest.raises(GeometryError, match="belongs to another cell"):
        MultipleGeometry([other["dend[0]"], None], [inside, inside]).volumes(s, np.array([0]))


def test_shapes_print_as_they_are_written() -> None:
    assert repr(inside) == "inside"
    assert repr(membrane) == "membrane"
    assert repr(Shell(1, 0.5)) == "Shell(lo=0.5, hi=1)"
    assert repr(ScalableBorder(diam_scale=0.5)) == "ScalableBorder(diam_scale=0.5, on_cell_surface=False)"
    assert repr(ScalableBorder(2.0)) == "ScalableBorder(2.0, on_cell_surface=False)"
    assert repr(FixedPerimeter(3)) == "FixedPerimeter(3, on_cell_surface=False)"


def test_equal_shapes_are_equal() -> None:
    assert Shell(0.5, 1) == Shell(1, 0.5)
    assert len({FractionalVolume(0.5), FractionalVolume(0.5), FractionalVolume(0.6)}) == 2


def test_what_shapes_mean_in_a_voxel() -> None:
    assert inside.voxel_fractions == (1, 1, 1)
    assert FractionalVolume(0.2, 0.5).voxel_fractions == (0.2, 0.5, 0.2)
    assert DistributedBoundary(3, 2).voxel_fractions == (3, 0, 2)
    assert membrane.voxel_fractions == (0, 1, 0)
    for shape in (Shell(0, 0.5), ScalableBorder(), FixedPerimeter(1), FixedCrossSection(1)):
        assert shape.voxel_fractions is None
