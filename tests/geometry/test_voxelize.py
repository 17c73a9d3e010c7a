"""Volumes, faces and membranes of voxels: closed forms, orders, any orientation, invariants, bad input."""

from __future__ import annotations

import warnings
from pathlib import Path

import numba
import numpy as np
import pytest

import geometry
from geometry import GeometryError, SectionSpec, segment
from geometry.frustum import Solid, frustum_area, frustum_volume, solid_of
from geometry.voxelize import VoxelWarning, voxelize, voxelize_sections

DATA = Path(__file__).resolve().parents[3] / "shared" / "neuron-scripts" / "data"


def direction(rng):
    u = rng.normal(size=3)
    return u / np.linalg.norm(u)


def ball(rng, radius=1.0):
    solid = Solid(balls=[[*rng.uniform(-1, 1, 3), radius]])
    return solid, 4 / 3 * np.pi * radius**3, 4 * np.pi * radius**2


def frustum(rng, length=3.0, r0=1.0, r1=1.0):
    p = rng.uniform(-1, 1, 3)
    solid = Solid([[*p, r0, *(p + length * direction(rng)), r1]])
    return solid, frustum_volume(solid.frusta)[0], frustum_area(solid.frusta)[0] + np.pi * (r0**2 + r1**2)


def cylinder(rng):
    return frustum(rng)


def cone(rng):
    return frustum(rng, 2.5, 1.2, 0.5)


def check_invariants(grid):
    """What holds for every voxel grid, whatever the solid."""
    assert np.all(grid.volume > 0)
    assert np.all(grid.membrane_area >= 0)
    assert np.all(grid.aperture >= 0)
    order = np.lexsort(grid.ijk.T[::-1])
    assert np.array_equal(order, np.arange(grid.n))
    number = np.arange(grid.n)
    for d in range(3):
        closed = (grid.aperture[:, 2 * d] - grid.aperture[:, 2 * d + 1]) * grid.face_size[d]
        np.testing.assert_allclose(grid.surface_vector[:, d], closed, rtol=0, atol=1e-15 * grid.face_size[d])
        up = grid.neighbor[:, 2 * d + 1]
        has = up >= 0
        assert np.array_equal(grid.neighbor[up[has], 2 * d], number[has])
        assert np.array_equal(grid.ijk[up[has]] - grid.ijk[has], np.broadcast_to(np.eye(3, dtype=int)[d], (has.sum(), 3)))
        # both sides of a face agree to the last bit, and no face opens onto nothing
        assert np.array_equal(grid.aperture[has, 2 * d + 1], grid.aperture[up[has], 2 * d])
        assert not grid.aperture[~has, 2 * d + 1].any()
        assert not grid.aperture[grid.neighbor[:, 2 * d] < 0, 2 * d].any()
    assert np.abs(grid.surface_vector.sum(axis=0)).max() < 1e-12 * (1 + grid.membrane_area.sum())


def errors(shape, h, n, seed=0):
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(n):
        solid, volume, area = shape(rng)
        grid = voxelize(solid, h)
        assert grid.components().max() == 0
        found.append((grid.volume.sum() / volume - 1, grid.membrane_area.sum() / area - 1))
    return np.array(found)


@pytest.mark.parametrize("shape", [ball, cylinder, cone])
def test_ten_voxels_across_any_orientation(shape):
    volume, area = np.abs(errors(shape, 0.2, 100)).max(axis=0)
    assert volume < 1e-3
    assert area < 1e-2


def test_volume_and_area_converge_with_the_second_order():
    coarse, fine = (np.sqrt(np.mean(errors(ball, h, 12, seed=3) ** 2, axis=0)) for h in (0.4, 0.05))
    order = np.log(coarse / fine) / np.log(8)
    assert order[0] > 1.9
    assert order[1] > 1.9


def tip(rng):
    return frustum(rng, 2.0, 0.7, 0.0)


@pytest.mark.parametrize("shape", [cylinder, cone, tip])
@pytest.mark.parametrize("h", [1.3, 0.4, 0.11])
def test_volume_and_area_of_one_frustum_are_exact_at_any_edge(shape, h):
    # but for the flat ends, which are pushed out by 1e-9 of an edge, and slivers below 1e-9 of a voxel
    assert np.abs(errors(shape, h, 20, seed=9)).max() < 1e-8


def test_frusta_of_any_proportions_and_direction():
    rng, found = np.random.default_rng(11), []
    while len(found) < 150:
        wide, length, h = 10 ** rng.uniform(-2.5, 1), 10 ** rng.uniform(-2, 1.3), 10 ** rng.uniform(-1, 0.5)
        axis = rng.normal(size=3) * rng.choice([1, 1, 1e-9, 0], 3)
        start = rng.uniform(-1, 1, 3) if rng.random() < 0.7 else h * rng.integers(-3, 3, 3)
        if not axis.any() or wide**2 * max(wide, length) > 2e4 * h**3:
            continue
        taper = rng.choice([0, 1, 1 - 1e-12, 1 - 1e-9, 1 - 1e-6, rng.uniform(0, 2)])
        solid = Solid([[*start, wide, *(start + length * axis / np.linalg.norm(axis)), wide * taper]])
        volume, area = frustum_volume(solid.frusta)[0], frustum_area(solid.frusta)[0] + np.pi * wide**2 * (1 + taper**2)
        grid = voxelize(solid, h)
        if volume > 0.02 * h**3:
            found.append((grid.volume.sum() / volume - 1, grid.membrane_area.sum() / area - 1))
    worst = np.abs(found).max(axis=0)
    assert np.all(worst < 3e-5), worst  # 1e-6, but for a flat end tilted against the grid by 5e-10


@pytest.mark.parametrize("shape", [cylinder, cone, tip])
def test_a_voxel_holds_what_the_eight_voxels_of_half_its_edge_hold(shape):
    # closed forms of single voxels: what one has too much, its neighbour could have too little
    rng = np.random.default_rng(12)
    for _ in range(4):
        solid = shape(rng)[0]
        coarse, fine = voxelize(solid, 0.5, sliver=0), voxelize(solid, 0.25, sliver=0)
        place = {tuple(ijk): n for n, ijk in enumerate(coarse.ijk.tolist())}
        home = np.array([place[tuple(ijk)] for ijk in (fine.ijk >> 1).tolist()])
        np.testing.assert_allclose(np.bincount(home, fine.volume), coarse.volume, atol=1e-9 * 0.5**3)
        np.testing.assert_allclose(np.bincount(home, fine.membrane_area), coarse.membrane_area, atol=1e-8 * 0.5**2)
        for d in range(3):
            low = fine.ijk[:, d] % 2 == 0
            faces = np.bincount(home[low], fine.low_face[low, d], minlength=coarse.n) / 4
            # voxels below 1e-9 are merged all the same, which closes faces that nobody misses
            np.testing.assert_allclose(faces, coarse.low_face[:, d], atol=1e-6)


def test_the_film_of_a_flat_end_is_no_voxel_where_a_thinner_section_goes_on():
    # the end of the bulb lies on a plane of the grid; a corner of the neck reaches into voxels that hold its film besides
    frusta = np.array([[0, 0, 0, 3.05, 8, 0, 0, 3.05], [8, 0, 0, 0.65, 20, 0, 0, 0.65]])
    grid = voxelize(Solid(frusta), 0.3, origin=np.array([-6.7, -6.7, -6.7]))
    assert grid.volume.min() > 1e-4 * 0.3**3
    assert grid.components().max() == 0
    assert grid.volume.sum() == pytest.approx(frustum_volume(frusta).sum(), rel=1e-3)
    assert grid.membrane_area.sum() == pytest.approx(frustum_area(frusta).sum() + 2 * np.pi * 3.05**2, rel=1e-3)


@pytest.mark.parametrize(
    ("dx", "thin", "shift"), [(0.2, 0.88, (0.07, 0.01)), (0.5, 0.47, (-0.1, 0.05)), (0.3, 0.5, (0.05, 0.18))]
)
def test_membrane_of_a_flat_end_belongs_to_the_voxels_it_bounds(dx, thin, shift):
    def shares(x):
        start, neck, tip = ([length * dx, *shift] for length in (0, 10, 20))
        solid = Solid([[*start, 2.4, *neck, 2.4], [*neck, thin, *tip, thin]])
        grid = voxelize(solid, dx, origin=np.array([x - 20 * dx, -20 * dx, -20 * dx]))
        assert grid.components().max() == 0
        return grid.membrane_area.sum(), (grid.membrane_area * dx / grid.volume).max()

    on_plane, beside = shares(0.0), shares(0.37 * dx)
    assert on_plane[0] == pytest.approx(beside[0], rel=0.01)
    assert on_plane[1] < 1e3


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flat_ends_in_planes_of_the_grid_are_exact(axis):
    # of films of round-off between an end and its plane nothing is lost, at the rim of the end neither
    start, up = np.array([0.13, -0.27, 0.41]), np.eye(3)[axis]
    start[axis] = -0.5
    for r0, r1 in ((1.0, 1.0), (1.2, 0.5), (0.6, 1.1)):
        solid = Solid([[*start, r0, *(start + 2 * up), r1]])
        grid = voxelize(solid, 0.25)
        check_invariants(grid)
        assert grid.ijk[:, axis].min() == -2
        assert grid.ijk[:, axis].max() == 5
        area = frustum_area(solid.frusta)[0] + np.pi * (r0**2 + r1**2)
        assert grid.volume.sum() == pytest.approx(frustum_volume(solid.frusta)[0], rel=1e-12)
        assert grid.membrane_area.sum() == pytest.approx(area, rel=1e-12)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_flat_ends_in_planes_of_the_grid_beside_others_count_once(axis):
    # branches on the ends, and a tube in the last layer of voxels that leaves through the side: as if the grid were moved
    turn = np.roll(np.arange(3), axis)
    for sign in (1, -1):
        ends = np.array(
            [
                [0, 0, 0, 2, 4, 0, 0, 2],
                [4, 0.2, 0, 0.5, 7, 0.3, 0, 0.7],
                [0.13, 0, 0, 0.1, 0.13, 0, 3, 0.1],
                [0, 0, 0, 1, -4, 0, 0, 1],
            ]
        )
        frusta = ends.copy()
        frusta[:, turn], frusta[:, 4 + turn] = sign * ends[:, :3], sign * ends[:, 4:7]
        grid, moved = voxelize(Solid(frusta), 0.25), voxelize(Solid(frusta), 0.25, origin=np.full(3, 1e-6))
        check_invariants(grid)
        assert grid.volume.sum() == pytest.approx(moved.volume.sum(), rel=1e-4)
        assert grid.membrane_area.sum() == pytest.approx(moved.membrane_area.sum(), rel=3e-4)


def test_voxels_of_a_straight_chain_belong_to_the_piece_they_lie_in():
    rng = np.random.default_rng(13)
    p, u = rng.uniform(-1, 1, 3), direction(rng)
    borders = np.array([0, 0.3, 1.7, 2.0, 4.5])
    ends = np.column_stack([p + borders[:, None] * u, 1 - 0.1 * borders])
    whole = Solid([[*ends[0], *ends[-1]]])
    grid = voxelize(Solid(np.concatenate([ends[:-1], ends[1:]], axis=1)), 0.2)
    one = voxelize(whole, 0.2)
    # in one piece to round-off, joints included
    np.testing.assert_allclose(grid.volume, one.volume, atol=1e-9 * 0.2**3)
    np.testing.assert_allclose(grid.membrane_area, one.membrane_area, atol=1e-9 * 0.2**2)
    along = (grid.position - p) @ u
    inside = np.linalg.norm(grid.position - p - along[:, None] * u, axis=1) < 1 - 0.1 * along
    inside &= (along > 0) & (along < borders[-1])
    assert inside.sum() > 800
    assert np.array_equal(grid.owner[inside], np.searchsorted(borders, along[inside]) - 1)


@pytest.mark.parametrize("slope", [0.0, 1e-13, 1e-9, 1e-7, 1e-4, 1.0])
def test_cones_become_cylinders_smoothly(slope):
    rng = np.random.default_rng(10)
    for _ in range(6):
        solid, volume, area = frustum(rng, 2.0, 1.0, 1.0 - slope / 2)
        grid = voxelize(solid, 0.3)
        assert grid.volume.sum() == pytest.approx(volume, rel=2e-8)
        assert grid.membrane_area.sum() == pytest.approx(area, rel=2e-8)


@pytest.mark.parametrize("shape", [ball, cylinder, cone])
@pytest.mark.parametrize("dx", [0.35, (0.3, 0.2, 0.45)])
def test_invariants(shape, dx):
    check_invariants(voxelize(shape(np.random.default_rng(4))[0], dx))


@pytest.mark.parametrize("diameter", [1.0, 2.0])
def test_cylinder_whose_faces_lie_in_planes_of_the_grid(diameter):
    r = diameter / 2
    for axis in range(3):
        end = 3.0 * np.eye(3)[axis]
        grid = voxelize(Solid([[0, 0, 0, r, *end, r]]), 0.25)
        check_invariants(grid)
        assert grid.volume.sum() == pytest.approx(3 * np.pi * r**2, rel=1e-3)
        assert grid.membrane_area.sum() == pytest.approx(6 * np.pi * r + 2 * np.pi * r**2, rel=1e-2)
        assert grid.ijk[:, axis].min() == 0
        assert grid.ijk[:, axis].max() == 11


def test_volume_does_not_depend_on_how_voxels_are_merged():
    solid = cylinder(np.random.default_rng(5))[0]
    grids = [voxelize(solid, 0.3, sliver=sliver) for sliver in (0.0, 1e-4, 0.02, 0.2)]
    assert len({grid.n for grid in grids}) == 4
    for grid in grids:
        check_invariants(grid)
        assert grid.volume.sum() == pytest.approx(grids[0].volume.sum(), rel=1e-10)
        assert grid.membrane_area.sum() == pytest.approx(grids[0].membrane_area.sum(), rel=1e-5)


def test_a_film_of_slivers_hands_its_faces_on():
    # the flat end reaches 0.02 beyond a plane of the grid: a layer of voxels 8 % full, each given to the one below
    solid = Solid([[0.1, 0.07, 0.01, 2, 0.1, 0.07, 2.02, 2]])
    grid = voxelize(solid, 0.25, sliver=0.1)
    check_invariants(grid)
    top = np.flatnonzero((grid.ijk[:, 2] == 7) & (np.linalg.norm(grid.position[:, :2] - [0.1, 0.07], axis=1) < 1.4))
    np.testing.assert_allclose(grid.fraction[top], 1.08, rtol=1e-6)
    np.testing.assert_allclose(grid.aperture[top], np.tile([1.08, 1.08, 1.08, 1.08, 1, 0], (len(top), 1)), atol=1e-6)
    np.testing.assert_allclose(grid.membrane_area[top], 0.0625, rtol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_disc_thinner_than_a_sliver_keeps_both_its_faces(axis):
    # it stands on a plane of the grid: the film of round-off below holds one face, and every voxel above is a sliver
    start, up = np.round(np.array([0.3, -0.7, 0.2]) / 1.4) * 1.4, np.eye(3)[axis]
    grid = voxelize(Solid([[*start, 0.15, *(start + 0.015 * up), 0.15]]), 1.4)
    assert grid.volume.sum() == pytest.approx(np.pi * 0.15**2 * 0.015, rel=1e-6)
    assert grid.membrane_area.sum() == pytest.approx(2 * np.pi * 0.15 * 0.165, rel=1e-6)


@pytest.mark.parametrize("taper", [1.0, 0.4])
def test_a_straight_chain_is_the_same_solid_as_one_frustum(taper):
    rng = np.random.default_rng(6)
    p, u = rng.uniform(-1, 1, 3), direction(rng)
    points = [(*(p + s * 4 * u), 2 * (1 + s * (taper - 1))) for s in (0, 0.11, 0.5, 0.51, 0.8, 1)]
    cell = geometry.Morphology.from_sections([SectionSpec("a", points)])
    chain = voxelize(solid_of(segment(cell, 9)), 0.25)
    whole = voxelize(Solid([[*points[0][:3], 1, *points[-1][:3], taper]]), 0.25)
    assert np.array_equal(chain.ijk, whole.ijk)
    np.testing.assert_allclose(chain.volume, whole.volume, rtol=1e-6)
    np.testing.assert_allclose(chain.aperture, whole.aperture, atol=1e-6)
    assert chain.membrane_area.sum() == pytest.approx(whole.membrane_area.sum(), rel=1e-3)


def bend(angle, length=3.0):
    """Two cylinders of radius 1: less the inner overlap, plus the lune on the outer side."""
    c, s = np.cos(angle), np.sin(angle)
    points = [(0, 0, 0, 2), (length, 0, 0, 2), (length + length * c, length * s, 0, 2)]
    cut, lune = np.tan(angle / 2), angle
    volume = 2 * np.pi * length - 4 / 3 * cut + 2 / 3 * lune
    area = 4 * np.pi * length - 4 * cut + 2 * lune + 2 * np.pi
    return [SectionSpec("a", points)], volume, area


def branch(up, down, length=4.0):
    """Three cylinders of radius 1 in a plane: a pair loses a wedge of volume `4/3 cot(angle/2)` and area `4 cot(angle/2)`."""
    ends = [(length * np.cos(a), length * np.sin(a), 0) for a in (up, -down)]
    specs = [SectionSpec("a", [(-length, 0, 0, 2), (0, 0, 0, 2)])]
    specs += [SectionSpec(f"b{i}", [(0, 0, 0, 2), (*end, 2)], parent="a") for i, end in enumerate(ends)]
    wedges = sum(1 / np.tan(angle / 2) for angle in (np.pi - up, np.pi - down, up + down))
    return specs, 3 * np.pi * length - 4 / 3 * wedges, 6 * np.pi * length - 4 * wedges + 3 * np.pi


def turned(specs, rng):
    rotation, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    shift = rng.uniform(0, 1, 3)
    points = [np.asarray(spec.points, dtype=float) for spec in specs]
    moved = [np.column_stack([p[:, :3] @ rotation.T + shift, p[:, 3]]) for p in points]
    return [SectionSpec(s.name, p, s.kind, s.parent, s.parent_x) for s, p in zip(specs, moved, strict=True)]


@pytest.mark.parametrize(
    "made", [bend(0.3), bend(1.2), branch(1.0, 1.0), branch(1.2, 0.7)], ids=["bend", "knee", "Y", "skew Y"]
)
def test_bends_and_branches_count_overlaps_once(made):
    specs, volume, area = made
    rms = []
    for h, turns in ((0.4, 32), (0.05, 4)):
        rng, found = np.random.default_rng(7), []
        for _ in range(turns):
            cell = geometry.Morphology.from_sections(turned(specs, rng))
            grid = voxelize(solid_of(segment(cell, 2)), h)
            check_invariants(grid)
            assert grid.components().max() == 0
            found.append((grid.volume.sum() / volume - 1, grid.membrane_area.sum() / area - 1))
        rms.append(np.sqrt(np.mean(np.square(found), axis=0)))
    order = np.log(rms[0] / rms[1]) / np.log(8)
    assert np.all(rms[1] < [5e-7, 2e-6])
    assert order[0] > 1.9
    assert order[1] > 1.85  # voxels that hold a tip of a fold alone are of lower order


def test_threads_do_not_change_a_bit():
    segments = segment(geometry.examples.y_branch(), 5)
    before, grids = numba.get_num_threads(), []
    try:
        for threads in {1, before}:
            numba.set_num_threads(threads)
            grids.append(voxelize(solid_of(segments), 0.4))
    finally:
        numba.set_num_threads(before)
    for name in ("ijk", "volume", "aperture", "neighbor", "membrane_area", "owner"):
        assert all(np.array_equal(getattr(grid, name), getattr(grids[0], name)) for grid in grids), name


def test_voxels_belong_to_the_segment_they_lie_in():
    cell = geometry.cylinder(12, 2.2)
    segments = segment(cell, 6)
    grid = voxelize_sections(segments, 0.25)
    np.testing.assert_allclose(np.bincount(grid.owner, grid.volume), segments.volume, rtol=1e-3)
    assert np.array_equal(grid.owner, (grid.position[:, 0].clip(0, 11.99) // 2).astype(int))


def test_regions_on_one_grid_share_their_faces():
    specs = [SectionSpec("a", [(0.1, 0, 0, 2), (3.3, 1, 1, 2)]), SectionSpec("b", [(3.3, 1, 1, 2), (6.5, 2, 2, 2)], parent="a")]
    cell = geometry.Morphology.from_sections(specs)
    segments = segment(cell, 1)
    whole, one, other = (voxelize_sections(segments, 0.3, part) for part in (cell.all, cell["a"], cell["b"]))
    place = {tuple(ijk): n for n, ijk in enumerate(whole.ijk.tolist())}
    volume, face = np.zeros(whole.n), np.zeros((whole.n, 6))
    for grid in (one, other):
        at = [place[tuple(ijk)] for ijk in grid.ijk.tolist()]
        volume[at] += grid.volume
        face[at] += grid.aperture
    np.testing.assert_allclose(volume, whole.volume, atol=0.03 * 0.3**3)
    assert volume.sum() == pytest.approx(whole.volume.sum(), rel=1e-4)
    # away from the border between them every voxel belongs to one of the two alone
    alone = np.abs((whole.position - [3.3, 1, 1]) @ np.array([3.2, 1, 1]) / np.linalg.norm([3.2, 1, 1])) > 0.6
    np.testing.assert_allclose(face[alone], whole.aperture[alone], atol=1e-9)


def test_open_ends_are_no_membrane():
    specs = [SectionSpec("a", [(0.1, 0, 0, 2), (3.3, 1, 1, 2)]), SectionSpec("b", [(3.3, 1, 1, 2), (6.5, 2, 2, 1)], parent="a")]
    cell = geometry.Morphology.from_sections(specs)
    segments = segment(cell, 3)
    grid = voxelize_sections(segments, 0.2, cell["b"])
    assert set(grid.end_number.tolist()) == {2}
    assert grid.end_area.sum() == pytest.approx(np.pi, rel=0.01)
    assert grid.membrane_area.sum() == pytest.approx(segments.area[segments.of("b")].sum() + np.pi / 4, rel=0.01)
    axis = np.array([3.2, 1, 1]) / np.linalg.norm([3.2, 1, 1])
    assert np.abs((grid.position[grid.end_voxel] - [3.3, 1, 1]) @ axis).max() < 0.2


def cells():
    """Reconstructed cells and a coarse edge that makes few voxels of each."""
    if not DATA.is_dir():
        return []
    chosen = {
        "29-1-8.CNG.swc": 0.5,
        "160524_7_4.CNG.swc": 1.0,
        "KC-s-4505762.CNG.swc": 0.2,
        "glia_4090.CNG.swc": 0.4,
        "c91662.CNG.swc": 0.8,
        "111200A.asc": 1.5,
    }
    assert set(chosen) == {path.name for path in DATA.iterdir() if path.suffix in (".swc", ".asc")}
    return [(DATA / name, dx) for name, dx in chosen.items()]


def quietly(segments, dx, sections=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VoxelWarning)
        return voxelize_sections(segments, dx, sections)


@pytest.mark.parametrize(("path", "dx"), cells(), ids=lambda value: getattr(value, "stem", str(value)))
def test_reconstructed_cells_do_not_leak(path, dx):
    cell = geometry.load(path)
    segments = segment(cell, geometry.max_length(40))
    grid = quietly(segments, dx)
    check_invariants(grid)
    main = grid.volume[grid.components() == 0].sum()
    assert main > 0.995 * grid.volume.sum()
    # sections overlap where they meet and where they turn sharply, so the union is at most the sum
    assert 0.75 * segments.volume.sum() < grid.volume.sum() < 1.005 * segments.volume.sum()


def test_a_soma_of_many_voxels():
    path = DATA / "c91662.CNG.swc"
    if not path.is_file():
        return
    cell = geometry.load(path)
    segments = segment(cell, 1)
    grid = quietly(segments, 0.2, cell.soma)
    check_invariants(grid)
    assert grid.n > 500_000
    assert grid.components().max() == 0
    assert grid.volume.sum() == pytest.approx(segments.volume[segments.of(cell.soma)].sum(), rel=1e-4)


@pytest.mark.parametrize("path", [path for path, _ in cells()], ids=lambda path: path.stem)
def test_reconstructed_cells_agree_with_their_frusta_where_nothing_overlaps(path):
    cell = geometry.load(path)
    segments = segment(cell, 1)
    # a section on its own overlaps itself only at bends: take those that bend little
    chosen = [cell[s.name] for s in cell if s.length > 4 * s.points[:, 3].max() and straight(s)][:4]
    # this cell has none of those, but long thin dendrites: they overlap so little that all of it can be compared
    chosen = [cell.all] if path.name.startswith("29-1-8") else chosen
    assert chosen
    for sections in chosen:
        dx = 0.5 if len(sections) > 1 else float(sections.section.points[:, 3].min()) / 4
        grid = voxelize(solid_of(segments, sections), dx)
        assert grid.components().max() == 0
        assert grid.volume.sum() == pytest.approx(segments.volume[segments.of(sections)].sum(), rel=0.01)


def straight(section):
    step = np.diff(section.points[:, :3], axis=0)
    step = step[np.linalg.norm(step, axis=1) > 0]
    step /= np.linalg.norm(step, axis=1)[:, None]
    return bool(np.all(np.sum(step[1:] * step[:-1], axis=1) > 0.8))


def test_thin_dendrites_stay_in_one_piece_and_are_named():
    specs = [
        SectionSpec("thick", [(0, 0, 0, 3), (5, 0, 0, 3)]),
        SectionSpec("thin", [(5, 0, 0, 0.3), (15, 7, 4, 0.3)], parent="thick"),
    ]
    segments = segment(geometry.Morphology.from_sections(specs), 2)
    with pytest.warns(VoxelWarning, match=r"1 sections are thinner .* 0.3 um.*: thin\."):
        grid = voxelize_sections(segments, 0.6)
    assert "thin" in grid.notes[0]
    check_invariants(grid)
    assert grid.components().max() == 0
    thin = np.isin(grid.owner, segments.of("thin"))
    assert grid.volume[thin].sum() == pytest.approx(segments.volume[segments.of("thin")].sum(), rel=0.05)


@pytest.mark.parametrize(("gap", "touch"), [(0.0, True), (0.6, False)])
def test_cells_that_touch_in_space_are_named(gap, touch):
    """Children of one section that is not cut are of one cell, wherever they meet."""
    y = 1.2 + gap
    specs = [
        SectionSpec("root", [(-5, 0, 0, 1), (0, 0, 0, 1)]),
        SectionSpec("one", [(0, 0, 0, 1), (5, 0, 0, 1)], parent="root"),
        SectionSpec("two", [(0, 0, 0, 1), (0, 0, 5, 1)], parent="root"),
        SectionSpec("other", [(0, y, 0, 1), (5, y, 0, 1)]),
    ]
    segments = segment(geometry.Morphology.from_sections(specs), 1)
    grid = voxelize_sections(segments, 0.25, ["one", "two", "other"]) if not touch else None
    if touch:
        with pytest.warns(VoxelWarning, match="cells that are not joined touch: one, two, other"):
            grid = voxelize_sections(segments, 0.4, ["one", "two", "other"])
    assert bool(grid.notes) == touch


@pytest.mark.parametrize("diameter", [0.3, 0.1])
def test_tubes_thinner_than_a_voxel_keep_volume_area_and_connection(diameter):
    rng = np.random.default_rng(8)
    for _ in range(8):
        solid = frustum(rng, 12.0, diameter / 2, diameter / 2)[0]
        grid = voxelize(solid, 0.6)
        check_invariants(grid)
        assert grid.components().max() == 0
        ends = np.linspace(solid.frusta[0, :4], solid.frusta[0, 4:], 40)
        pieces = voxelize(Solid(np.concatenate([ends[:-1], ends[1:]], axis=1)), 0.6)
        assert pieces.volume.sum() == pytest.approx(grid.volume.sum(), rel=0.03)
        # nor does merging what is small cut the tube where it passes through the corner of a voxel
        assert voxelize(solid, 0.6, sliver=0.01).components().max() == 0
        assert grid.volume.sum() == pytest.approx(frustum_volume(solid.frusta)[0], rel=0.03)
        assert grid.membrane_area.sum() == pytest.approx(frustum_area(solid.frusta)[0], rel=0.03)


def test_pieces_that_do_not_touch_are_named():
    specs = [SectionSpec("a", [(0, 0, 0, 2), (5, 0, 0, 2)]), SectionSpec("b", [(0, 9, 0, 2), (5, 9, 0, 2)])]
    two_trees = segment(geometry.Morphology.from_sections(specs), 1)
    assert voxelize_sections(two_trees, 0.5).notes == ()
    broken = [SectionSpec("a", [(0, 0, 0, 2), (5, 0, 0, 2)]), SectionSpec("b", [(5, 0, 0, 0.02), (30, 3, 4, 0.02)], parent="a")]
    with pytest.warns(VoxelWarning) as caught:
        grid = voxelize_sections(segment(geometry.Morphology.from_sections(broken), 1), 1.0)
    assert any("b" in str(w.message) for w in caught)
    check_invariants(grid)


def test_bad_input():
    cell = geometry.cylinder(10, 2)
    segments = segment(cell, 1)
    for dx in (0, -1, np.nan, (0.1, 0.2), (0.1, 0.2, 0)):
        with pytest.raises(GeometryError, match="dx is the edge of a voxel"):
            voxelize_sections(segments, dx)
    with pytest.raises(GeometryError, match="origin"):
        voxelize_sections(segments, 0.5, origin=(0, 0))
    with pytest.raises(GeometryError, match="no sections"):
        voxelize_sections(segments, 0.5, cell.soma)
    with pytest.raises(GeometryError, match="no frusta"):
        voxelize(Solid(), 0.5)
    with pytest.raises(GeometryError, match="sliver"):
        voxelize(Solid(balls=[[0, 0, 0, 1]]), 0.5, sliver=0.7)
    with pytest.raises(GeometryError, match="too fine"):
        voxelize(Solid([[0, 0, 0, 1, 1e5, 1e5, 1e5, 1]]), 1e-4)


def test_more_voxels_than_fit_into_memory_are_refused_with_what_would_fit():
    segments = segment(geometry.cylinder(1e4, 1e4), 1)
    with pytest.raises(GeometryError, match=r"about 7.9e\+14 voxels, which take .* Use a dx of .* um or more"):
        voxelize_sections(segments, 0.1)
    thin = segment(geometry.cylinder(1e12, 1e-4), 1)  # of a volume of 8e6 voxels: to find out took minutes
    with pytest.raises(GeometryError, match=r"about 5.8e\+12 voxels, which take"):
        voxelize_sections(thin, 0.1)
