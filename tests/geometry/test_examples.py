"""Made-up cells: sizes, reproducibility, realistic proportions."""

import numpy as np
import pytest

from geometry import GeometryError, d_lambda, examples, region_mesh, segment


def test_y_branch() -> None:
    m = examples.y_branch(parent=(80, 3), left=(50, 1), right=(70, 2), angle=90)
    assert m.names == ("parent", "left", "right")
    np.testing.assert_allclose(m.length, [80, 50, 70])
    assert [section.diam for section in m] == pytest.approx([3, 1, 2])
    a, b = (m.section(name).points[1, :3] - m.section(name).points[0, :3] for name in ("left", "right"))
    assert a @ b == pytest.approx(0, abs=1e-9)
    assert region_mesh(segment(m, 3)).n_junctions == 1


def test_the_default_y_obeys_rall() -> None:
    parent, left, right = (section.diam for section in examples.y_branch())
    assert left**1.5 + right**1.5 == pytest.approx(parent**1.5, rel=1e-3)


def test_ball_and_stick() -> None:
    m = examples.ball_and_stick(soma_diam=10, length=200, diam=3, end_diam=1)
    assert m.soma.section.area == pytest.approx(np.pi * 100)
    assert m.section("dend").points[:, 3].tolist() == [3, 1]
    assert m.section("dend").length == 200
    assert m.section("dend").path_distance == 5


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pyramidal_cell_has_the_proportions_of_one(seed: int) -> None:
    m = examples.pyramidal_cell(seed)
    assert 150 <= len(m) <= 300
    assert 8000 <= m.length.sum() <= 12000
    assert len(m.soma) == 1
    assert len(m.axon) == 2
    assert len(m.roots) == 1
    diams = np.concatenate([section.points[:, 3] for section in m.basal])
    assert diams.min() >= 0.6
    assert diams.max() <= 2
    trunk = m.section("apic[0]")
    np.testing.assert_allclose(trunk.points[0, :3], m.soma(1.0).position)
    assert m.soma.section.length == pytest.approx(16)
    assert trunk.points[0, 3] == 4
    assert min(section.points[:, 3].min() for section in m.apical) >= 0.4
    assert 1000 > segment(m, d_lambda(0.1)).n > len(m)


def test_the_trunk_tapers_to_its_tuft() -> None:
    m = examples.pyramidal_cell()
    section, diams = m.section("apic[0]"), []
    while True:
        diams += [section.points[0, 3], section.points[-1, 3]]
        thicker = [child for child in section.children if child.points[0, 3] == section.points[-1, 3]]
        if not thicker:
            break
        section = thicker[0]
    assert diams[0] == 4
    assert min(diams) >= 1.5
    assert np.all(np.diff(diams) <= 0)


def test_daughters_obey_rall_where_they_are_thick_enough() -> None:
    m = examples.pyramidal_cell()
    branched = [s for s in m.basal if len(s.children) == 2 and min(c.points[0, 3] for c in s.children) > 0.6]
    assert len(branched) > 5
    for section in branched:
        daughters = sum(child.points[0, 3] ** 1.5 for child in section.children)
        assert daughters == pytest.approx(section.points[-1, 3] ** 1.5, rel=1e-12)


def test_children_start_where_their_parents_are() -> None:
    for section in examples.pyramidal_cell():
        if section.parent is not None and section.parent.kind != "soma":
            np.testing.assert_allclose(section.points[0, :3], section.parent(section.parent_x).position, atol=1e-9)


def test_the_same_seed_gives_the_same_cell() -> None:
    a, b, c = (examples.pyramidal_cell(seed) for seed in (3, 3, 4))
    assert np.array_equal(a.points, b.points)
    assert a.names == b.names
    assert not np.array_equal(a.points[: len(c.points)], c.points[: len(a.points)])


def test_sizes_can_be_chosen() -> None:
    small = examples.pyramidal_cell(n_basal=0, n_oblique=0, n_trunk=1)
    assert len(small.basal) == 0
    assert len(small) == 1 + 2 + 1 + 2 * 31
    with pytest.raises(GeometryError, match="n_trunk >= 1"):
        examples.pyramidal_cell(n_trunk=0)
