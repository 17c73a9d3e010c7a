"""SWC files: sections as NEURON's Import3d cuts them, and what is refused.

The tables of sections were checked against NEURON 9.
"""

from pathlib import Path

import numpy as np
import pytest

import geometry
from geometry import FormatError, GeometryError, Morphology


def read(folder: Path, text: str) -> Morphology:
    path = folder / "cell.swc"
    path.write_text(text, encoding="utf-8")
    return geometry.load(path)


def table(m: Morphology) -> list[tuple[str, str | None, float, int, float]]:
    """Name, parent, place on the parent, number of points, length of each section."""
    return [(s.name, s.parent.name if s.parent else None, s.parent_x, len(s.points), round(s.length, 6)) for s in m]


def test_one_point_soma_is_a_cylinder_and_its_dendrites_start_at_their_own_points(tmp_path: Path) -> None:
    m = read(
        tmp_path,
        """
        1 1 0 0 0 5 -1
        2 3 6 0 0 1 1
        3 3 16 0 0 0.5 2
        4 2 0 -7 0 0.4 1
        5 2 0 -9 0 0.4 4
        """,
    )
    assert table(m) == [
        ("soma[0]", None, 0, 3, 10),
        ("dend[0]", "soma[0]", 0.5, 2, 10),
        ("axon[0]", "soma[0]", 0.5, 2, 2),
    ]
    assert m.kinds == ("soma", "basal", "axon")
    assert m.section("soma[0]").points.tolist() == [[-5, 0, 0, 10], [0, 0, 0, 10], [5, 0, 0, 10]]
    assert m.section("dend[0]").points.tolist() == [[6, 0, 0, 2], [16, 0, 0, 1]]
    assert m.soma.section.area == pytest.approx(4 * np.pi * 5**2)


def test_a_dendrite_of_one_point_is_joined_to_the_middle_of_a_ball_by_cable(tmp_path: Path) -> None:
    m = read(tmp_path, "1 1 0 0 0 5 -1\n2 3 6 0 0 1 1\n")
    assert table(m) == [("soma[0]", None, 0, 3, 10), ("dend[0]", "soma[0]", 0.5, 2, 6)]
    assert m.section("dend[0]").points.tolist() == [[0, 0, 0, 2], [6, 0, 0, 2]]


def test_the_three_points_of_neuromorpho_are_a_ball(tmp_path: Path) -> None:
    m = read(tmp_path, "1 1 0 0 0 5 -1\n2 1 0 5 0 5 1\n3 1 0 -5 0 5 1\n4 3 0 7 0 1 1\n5 3 0 9 0 1 4\n")
    assert table(m) == [("soma[0]", None, 0, 3, 10), ("dend[0]", "soma[0]", 0.5, 2, 2)]
    assert m.soma.section.points[:, 0].tolist() == [-5, 0, 5]


@pytest.mark.parametrize(
    "lines",
    [
        "1 1 0 0 0 5 -1\n2 1 0 5 0 5 1\n3 1 0 -5 0 4 1",  # widths differ
        "1 1 0 0 0 5 -1\n2 1 0 6 0 5 1\n3 1 0 -5 0 5 1",  # not as long as wide
        "1 1 0 0 0 5 -1\n2 1 0 5 0 5 1\n3 1 0 -5 0 5 1\n4 3 0 8 0 1 2\n5 3 0 9 0 1 4",  # something grows from a side point
    ],
)
def test_other_somas_of_three_points_are_what_they_say(tmp_path: Path, lines: str) -> None:
    m = read(tmp_path, lines)
    assert len(m.soma) == 2
    assert m.section("soma[1]").parent_x == 0
    assert m.section("soma[0]").points[0].tolist() == m.section("soma[1]").points[0].tolist() == [0, 0, 0, 10]


def test_soma_of_two_points(tmp_path: Path) -> None:
    m = read(tmp_path, "1 1 0 0 0 5 -1\n2 1 8 0 0 3 1\n3 3 9 0 0 1 2\n4 3 12 0 0 1 3\n5 3 -3 0 0 1 1\n6 3 -4 0 0 1 5\n")
    assert table(m) == [
        ("soma[0]", None, 0, 2, 8),
        ("dend[0]", "soma[0]", 1, 3, 4),
        ("dend[1]", "soma[0]", 0, 3, 4),
    ]
    # the joint takes the width of the dendrite, not that of the soma
    assert m.section("dend[0]").points.tolist() == [[8, 0, 0, 2], [9, 0, 0, 2], [12, 0, 0, 2]]


def test_soma_of_many_points_is_not_cut_by_its_dendrites(tmp_path: Path) -> None:
    m = read(
        tmp_path,
        "1 1 0 0 0 5 -1\n2 1 5 0 0 6 1\n3 1 10 0 0 4 2\n4 3 5 7 0 1 2\n5 3 5 9 0 1 4\n"
        "6 3 5 -7 0 1 2\n7 4 11 0 0 1 3\n8 4 14 0 0 1 7\n",
    )
    assert table(m) == [
        ("soma[0]", None, 0, 3, 10),
        ("dend[0]", "soma[0]", 0.5, 2, 2),  # across a gap: two points of its own
        ("dend[1]", "soma[0]", 0.5, 2, 7),  # by cable: one point of its own
        ("apic[0]", "soma[0]", 1, 3, 4),
    ]


def test_children_start_with_the_last_point_of_their_parent(tmp_path: Path) -> None:
    m = read(
        tmp_path,
        "1 1 0 0 0 5 -1\n2 3 6 0 0 1 1\n3 3 9 0 0 0.9 2\n4 3 9 4 0 0.3 3\n"
        "5 3 9 -5 0 0.2 3\n6 3 9 -9 0 0.2 5\n7 4 9 9 0 0.1 4\n",
    )
    assert table(m) == [
        ("soma[0]", None, 0, 3, 10),
        ("dend[0]", "soma[0]", 0.5, 2, 3),
        ("dend[1]", "dend[0]", 1, 2, 4),
        ("dend[2]", "dend[0]", 1, 3, 9),
        ("apic[0]", "dend[1]", 1, 2, 5),  # a change of type ends a section
    ]
    assert m.section("dend[1]").points.tolist() == [[9, 0, 0, 1.8], [9, 4, 0, 0.6]]


def test_a_dendrite_that_branches_at_its_first_point(tmp_path: Path) -> None:
    text = "1 1 0 0 0 5 -1\n2 2 0 -6 0 1 1\n3 2 0 -8 0 1 2\n4 3 6 0 0 1 1\n5 3 9 0 0 1 4\n6 3 6 5 0 0.5 4\n"
    assert table(read(tmp_path, text))[2:] == [("dend[0]", "soma[0]", 0.5, 2, 3), ("dend[1]", "dend[0]", 0, 2, 5)]


def test_the_sample_after_the_root_is_exempt_from_that(tmp_path: Path) -> None:
    m = read(tmp_path, "1 1 0 0 0 5 -1\n2 3 6 0 0 1 1\n3 3 9 0 0 1 2\n4 3 6 5 0 0.5 2\n")
    assert table(m)[1:] == [
        ("dend[0]", "soma[0]", 0.5, 2, 6),
        ("dend[1]", "dend[0]", 1, 2, 3),
        ("dend[2]", "dend[0]", 1, 2, 5),
    ]


def test_without_a_soma_the_first_cable_is_the_root(tmp_path: Path) -> None:
    m = read(tmp_path, "1 6 0 0 0 1 -1\n2 6 5 0 0 1 1\n3 6 0 3 0 1 1\n4 6 0 4 0 1 3\n")
    assert table(m) == [("dend_6[0]", None, 0, 2, 5), ("dend_6[1]", "dend_6[0]", 0, 3, 4)]
    assert m.kinds == ("custom6", "custom6")


@pytest.mark.parametrize("order", [[4, 0, 2, 1, 3], [4, 3, 2, 1, 0]])
def test_lines_in_any_order(tmp_path: Path, order: list[int]) -> None:
    lines = ["1 1 0 0 0 5 -1", "2 3 6 0 0 1 1", "3 3 9 0 0 1 2", "4 3 9 4 0 1 3", "5 3 9 -5 0 1 3"]
    m = read(tmp_path, "\n".join(lines[k] for k in order))
    assert table(m) == table(read(tmp_path, "\n".join(lines)))


def test_ids_may_grow_towards_the_root_and_skip_numbers(tmp_path: Path) -> None:
    m = read(tmp_path, "90 3 9 -5 0 1 100\n95 3 9 4 0 1 100\n100 3 9 0 0 1 200\n200 3 6 0 0 1 300\n300 1 0 0 0 5 -1\n")
    assert sorted(row[1:] for row in table(m)[1:]) == sorted(
        [("soma[0]", 0.5, 2, 3.0), ("dend[2]", 1.0, 2, 5.0), ("dend[2]", 1.0, 2, 4.0)]
    )


def test_a_cable_whose_ids_jump_is_still_one_section(tmp_path: Path) -> None:
    m = read(tmp_path, "1 1 0 0 0 5 -1\n2 3 6 0 0 1 1\n3 2 -6 0 0 1 1\n4 3 9 0 0 1 2\n5 2 -9 0 0 1 3\n6 3 12 0 0 1 4\n")
    assert table(m) == [
        ("soma[0]", None, 0, 3, 10),
        ("dend[0]", "soma[0]", 0.5, 3, 6),
        ("axon[0]", "soma[0]", 0.5, 2, 3),
    ]


def test_several_trees_are_noted(tmp_path: Path) -> None:
    m = read(tmp_path, "1 3 0 0 0 1 -1\n2 3 5 0 0 1 1\n3 2 0 9 0 1 -1\n4 2 0 8 0 1 3\n5 2 0 7 0 1 4\n6 1 30 0 0 4 -1\n")
    assert [row[:2] for row in table(m)] == [("dend[0]", None), ("axon[0]", None), ("soma[0]", None)]
    assert m.notes == ("3 separate trees",)
    assert len(m.roots) == 3


def test_sections_without_length_are_dropped_and_their_children_kept(tmp_path: Path) -> None:
    m = read(
        tmp_path,
        "1 1 0 0 0 5 -1\n2 3 6 0 0 1 1\n3 3 9 0 0 1 2\n4 3 9 0 0 0.5 3\n5 3 9 5 0 0.5 4\n6 3 9 -5 0 0.5 4\n7 3 12 0 0 1 3\n",
    )
    assert table(m)[2:] == [("dend[1]", "dend[0]", 1, 2, 5), ("dend[2]", "dend[0]", 1, 2, 5), ("dend[3]", "dend[0]", 1, 2, 3)]
    assert m.notes == ("section without length removed (line 4)",)


def test_comments_blank_lines_and_other_end_of_lines(tmp_path: Path) -> None:
    path = tmp_path / "cell.SWC"
    path.write_bytes(b"# SWC \xb5m\r\n\r\n   \r\n 1 1 0 0 0 5.0e0 -1 # soma\r\n2,3,6,0,0,1,1\r\n3 3 9. 0 0 1 2 99\r\n")
    assert [row[4] for row in table(geometry.load(path))] == [10, 3]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "no samples in this file"),
        ("# only a comment\n\n", None, "no samples in this file"),
        ("1 1 0 0 0 5 -1\n2 3 6 0 0 0 1\n", 2, r"radius of sample 2 is 0; it must be above zero"),
        ("1 1 0 0 0 -5 -1\n", 1, "radius of sample 1 is -5"),
        ("1 1 0 0 0 5 -1\n\n2 3 6 0 0 1 7\n", 3, "sample 2 has the parent 7, which is not in the file"),
        ("1 1 0 0 0 5 -1\n2 3 6 0 0 1 0\n", 2, "sample 2 has the parent 0, which is not in the file"),
        ("1 1 0 0 0 5 -1\n2 3 6 0 0 1 1\n2 3 9 0 0 1 1\n", 3, "id 2 was used before, on line 2"),
        ("1 1 0 0 0 5 -1\n2 3 6 0 0 1 2\n", 2, "sample 2 is its own parent"),
        ("1 1 0 0 0 5 -1\n2 3 6 0 0 1 4\n3 3 7 0 0 1 2\n4 3 8 0 0 1 3\n", 2, "sample 2 is on, or grows from, a loop"),
        ("1 1 0 0 0 5 2\n2 3 6 0 0 1 1\n", 1, "loop"),
        ("1 1 0 0 x 5 -1\n", 1, "z is 'x', which is not a number"),
        ("1 1 0 0 nan 5 -1\n", 1, "z is 'nan', which is not a finite number"),
        ("1.5 1 0 0 0 5 -1\n", 1, "id is '1.5', which is not a whole number"),
        ("1 1 0 0 0 5 inf\n", 1, "parent is 'inf', which is not a whole number"),
        ("1 1 0 0 0 5\n", 1, "6 fields; an SWC line has seven"),
        ("1 -1 0 0 0 5 -1\n", 1, "ids and types are zero or more"),
    ],
)
def test_faults_are_named_with_their_line(tmp_path: Path, text: str, line: int | None, message: str) -> None:
    with pytest.raises(FormatError, match=message) as caught:
        read(tmp_path, text)
    assert caught.value.line == line
    assert caught.value.file == str(tmp_path / "cell.swc")
    place = str(tmp_path / "cell.swc") + (f", line {line}: " if line else ": ")
    assert str(caught.value).startswith(place)
    assert isinstance(caught.value, GeometryError)
    assert isinstance(caught.value, ValueError)


def test_unknown_extensions(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"cell.obj: unknown extension '.obj'; morphologies are read from .swc and .asc"):
        geometry.load(tmp_path / "cell.obj")


def test_missing_files_are_missing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        geometry.load(tmp_path / "nowhere.swc")
