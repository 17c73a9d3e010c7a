"""Morphologies: what is accepted, what is refused and how it is said, lengths, distances, boxes."""

import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest

from geometry import GeometryError, Location, Morphology, SectionSpec, cylinder

LINE = [(0, 0, 0, 2), (10, 0, 0, 2)]


def cell(*specs: SectionSpec) -> Morphology:
    return Morphology.from_sections(specs)


def forked() -> Morphology:
    """A soma of 20 um with a dendrite of 100 um at its end, one of 50 um at its start, and a twig halfway along the first."""
    return cell(
        SectionSpec("twig", [(60, 0, 0, 1), (60, 7, 0, 1)], "custom5", "far", 0.5),
        SectionSpec("soma", [(-10, 0, 0, 20), (10, 0, 0, 20)], "soma"),
        SectionSpec("far", [(10, 0, 0, 2), (110, 0, 0, 1)], "apical", "soma"),
        SectionSpec("near", [(-10, 0, 0, 2), (-60, 0, 0, 2)], "basal", "soma", 0.0),
    )


def test_parents_come_first_and_the_order_given_is_kept_otherwise() -> None:
    m = forked()
    assert m.names == ("soma", "far", "twig", "near")
    assert m.parent.tolist() == [-1, 0, 1, 0]
    assert m.parent_x.tolist() == [0, 1, 0.5, 0]
    assert m.kinds == ("soma", "apical", "custom5", "basal")


def test_arc_length_follows_the_points() -> None:
    m = cell(SectionSpec("bent", [(0, 0, 0, 1), (3, 4, 0, 1), (3, 4, 12, 1)]))
    assert m.arc.tolist() == [0, 5, 17]
    assert m.length.tolist() == [17]


def test_path_distance_starts_in_the_middle_of_a_soma() -> None:
    m = forked()
    assert m.path_distance.tolist() == [10, 10, 60, 10]
    assert m.section("far")(1.0).path_distance == 110
    assert m.section("twig")(1.0).path_distance == 67
    assert m.section("soma")(0.5).path_distance == 0
    assert m.section("soma")(0.0).path_distance == m.section("soma")(1.0).path_distance == 10


def test_path_distance_starts_at_the_start_of_any_other_root() -> None:
    m = cell(SectionSpec("a", LINE), SectionSpec("b", LINE, parent="a", parent_x=0.25))
    assert m.path_distance.tolist() == [0, 2.5]
    assert m.section("a")(1.0).path_distance == 10


def test_section_view() -> None:
    m = forked()
    soma, far = m.section("soma"), m.section("far")
    assert far.parent == soma
    assert soma.parent is None
    assert {child.name for child in soma.children} == {"far", "near"}
    assert (far.kind, far.length, far.diam, far.parent_x) == ("apical", 100, 1.5, 1)
    assert far.points.shape == (2, 4)
    assert "far (apical): 2 points" in repr(far)
    assert len({soma, m.section(0)}) == 1


def test_closed_forms_of_a_section() -> None:
    cone = cell(SectionSpec("cone", [(0, 0, 0, 4), (0, 0, 3, 12)])).section(0)
    assert cone.area == pytest.approx(np.pi * (2 + 6) * 5, rel=1e-15)  # slant 5 for height 3 and radius step 4
    assert cone.volume == pytest.approx(np.pi * 3 / 3 * (4 + 12 + 36), rel=1e-15)
    assert cone.diam == 8


def test_position_of_a_location() -> None:
    bent = cell(SectionSpec("bent", [(0, 0, 0, 1), (4, 0, 0, 1), (4, 4, 0, 1)])).section(0)
    assert bent(0.75).position.tolist() == [4, 2, 0]
    assert repr(bent(0.75)) == "bent(0.75)"
    assert bent(0.75) == Location(bent, 0.75)


@pytest.mark.parametrize("x", [-0.01, 1.01, float("nan")])
def test_locations_off_the_section_are_refused(x: float) -> None:
    with pytest.raises(GeometryError, match=r"cable\(.*between 0 \(start\) and 1"):
        cylinder(1, 1).section(0)(x)


def test_bounds_contain_the_thickness() -> None:
    assert forked().bounds().tolist() == [[-60 - 1, -10, -10], [110 + 0.5, 10, 10]]


def test_summary_counts() -> None:
    m = replace(forked(), notes=("spines ignored: 3",))
    assert repr(m) == "<Morphology: 4 sections in 1 tree, 8 points, 177.0 um of cable>"
    text = m.summary()
    for words in ("soma          1 sections", "custom5", "177.0 um of cable", "note: spines ignored: 3", "171.5 x 20.0 x 20.0"):
        assert words in text


def test_cylinder() -> None:
    m = cylinder(10, 2, name="axon", kind="axon")
    assert m.names == ("axon",)
    assert m.kinds == ("axon",)
    assert m.section(0).volume == pytest.approx(np.pi * 10)


def test_a_morphology_cannot_be_changed() -> None:
    m = forked()
    with pytest.raises(FrozenInstanceError):
        m.names = ()  # type: ignore[misc]
    for array in (m.points, m.arc, m.length, m.parent, m.parent_x, m.path_distance, m.point_offset):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0


def test_it_does_not_share_the_arrays_it_was_given() -> None:
    points = np.array(LINE, dtype=float)
    m = cell(SectionSpec("a", points))
    points[0, 0] = 99
    assert m.points[0, 0] == 0


def test_it_survives_pickling() -> None:
    m = pickle.loads(pickle.dumps(forked()))
    assert m.names == forked().names
    assert np.array_equal(m.points, forked().points)


@pytest.mark.parametrize(
    ("specs", "message"),
    [
        ([], "at least one section"),
        ([SectionSpec("a", LINE), SectionSpec("a", LINE)], "Two sections are named 'a'"),
        ([SectionSpec("a", LINE, parent="b")], "'a' has the parent 'b', which is not among"),
        ([SectionSpec("a", LINE, parent="b"), SectionSpec("b", LINE, parent="a")], "loop of parents: a -> b -> a"),
        ([SectionSpec("a", LINE, parent="a")], "loop of parents: a -> a"),
        ([SectionSpec("a", [(0, 0, 0, 1)])], r"'a': points have the shape \(n, 4\)"),
        ([SectionSpec("a", [(0, 0, 0), (1, 0, 0)])], r"got \(2, 3\)"),
        ([SectionSpec("a", [(0, 0, 0, 1), (1, 0, 0, 0)])], r"'a', point 1 \(1, 0, 0, 0\).*diameter"),
        ([SectionSpec("a", LINE), SectionSpec("b", [(0, 0, 0, 1), (1, 0, 0, -1)])], "'b', point 1"),
        ([SectionSpec("a", [(0, 0, np.nan, 1), (1, 0, 0, 1)])], "'a', point 0"),
        ([SectionSpec("a", [(1, 1, 1, 1), (1, 1, 1, 2)])], "'a' has no length"),
        ([SectionSpec("a", LINE, "dendrit")], "'a' has the kind 'dendrit'; possible are soma"),
        ([SectionSpec("a", LINE), SectionSpec("b", LINE, parent="a", parent_x=1.5)], "'b' starts at 1.5 on its parent"),
    ],
)
def test_what_cannot_be_is_refused_by_name(specs: list[SectionSpec], message: str) -> None:
    with pytest.raises(GeometryError, match=message):
        Morphology.from_sections(specs)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"parent": [0, -1]}, "'a': parent 0 is neither -1 nor an earlier section"),
        ({"parent": [-1]}, "describe"),
        ({"point_offset": [0, 2, 3]}, "point_offset runs from 0 to the number of points"),
        ({"point_offset": [0, 3, 4]}, "'b' has fewer than two points"),
        ({"points": np.zeros((4, 3))}, r"shape \(n, 4\)"),
        ({"names": ("b", "b")}, "Two sections are named 'b'"),
    ],
)
def test_inconsistent_arrays_are_refused(change: dict, message: str) -> None:
    good = cell(SectionSpec("a", LINE), SectionSpec("b", LINE, parent="a"))
    with pytest.raises(GeometryError, match=message):
        replace(good, **change)
