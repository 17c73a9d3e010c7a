"""Neurolucida text files: trees, somas drawn as contours, what is ignored and counted, what is refused.

The numbers of the contours are NEURON 9's.
"""

from pathlib import Path

import numpy as np
import pytest

import geometry
from geometry import FormatError, Morphology

ONE_CONTOUR = """
("CellBody"
  (Color Red)
  (CellBody)
  (  9.0   0.0  1.0  0.2)
  (  7.0   3.0  1.0  0.2)
  (  2.0   5.0  1.2  0.2)
  ( -4.0   4.0  1.2  0.2)
  ( -8.0   1.0  1.4  0.2)
  ( -7.0  -3.0  1.4  0.2)
  ( -1.0  -5.0  1.2  0.2)
  (  6.0  -4.0  1.0  0.2)
)  ;  End of contour
"""

STACK = """
("CellBody" (CellBody) (4 0 0 0) (0 4 0 0) (-4 0 0 0) (0 -4 0 0))
("CellBody" (CellBody) (6 0 3 0) (0 6 3 0) (-6 0 3 0) (0 -6 3 0))
("CellBody" (CellBody) (4 1 5 0) (1 4 5 0) (-3 1 5 0) (1 -3 5 0))
("CellBody" (CellBody) (34 1 5 0) (31 4 5 0) (27 1 5 0) (31 -3 5 0))
"""


def read(folder: Path, text: str) -> Morphology:
    path = folder / "cell.asc"
    path.write_text(text, encoding="utf-8")
    return geometry.load(path)


def table(m: Morphology) -> list[tuple[str, str | None, float, int, float]]:
    return [(s.name, s.parent.name if s.parent else None, s.parent_x, len(s.points), round(s.length, 6)) for s in m]


def test_a_tree_with_nested_branches(tmp_path: Path) -> None:
    m = read(
        tmp_path,
        """
        ; V3 text file written for MicroBrightField products.
        (ImageCoords Filename "C:\\x.tif" Merge 65535 65535 0 0)
        ( (Color RGB (153, 102, 0))
          (Dendrite)
          (0 0 0 2) ; Root
          (10, 0, 0, 2.0)  ; R, 1
          (
            (10 0 0 1)     ; repeats the end of its parent
            (10 5 0 1)
            (
              (10 6 0 0.5 S1)
              Normal
            |
              (13 5 0 0.5)
              High
            )
          |
            (10 -4 0 1)    ; does not
            Incomplete
          )
        )
        """,
    )
    assert table(m) == [
        ("dend[0]", None, 0, 2, 10),
        ("dend[1]", "dend[0]", 1, 2, 5),
        ("dend[2]", "dend[1]", 1, 2, 1),
        ("dend[3]", "dend[1]", 1, 2, 3),
        ("dend[4]", "dend[0]", 1, 2, 4),
    ]
    # the added point takes the width of the branch
    assert m.section("dend[4]").points[0].tolist() == [10, 0, 0, 1]
    assert m.notes == ()


@pytest.mark.parametrize(
    ("word", "name", "kind"),
    [
        ("(Axon)", "axon[0]", "axon"),
        ("(Dendrite)", "dend[0]", "basal"),
        ("(Apical)", "apic[0]", "apical"),
        ("(Color Red)", "dend_0[0]", "custom0"),
        ('(Apical) (Name "a")', "apic[0]", "apical"),
    ],
)
def test_types(tmp_path: Path, word: str, name: str, kind: str) -> None:
    m = read(tmp_path, f"({word} (0 0 0 1) (5 0 0 1))")
    assert (m.names, m.kinds) == ((name,), (kind,))


def test_markers_spines_texts_and_other_contours_are_counted(tmp_path: Path) -> None:
    m = read(
        tmp_path,
        """
        ("Pia" (Color White) (0 0 0 0) (1 0 0 0) (1 1 0 0))
        (FilledCircle (Color Red) (Name "Marker 1") (1 2 3 0.1))
        ( (Color White) (1 2 3 0.1) "a remark" )
        (Set "Layer 1" ("Pia" (0 0 0 0) (1 0 0 0)))
        ( (Dendrite)
          (0 0 0 1) <(20 (0 1 0 0.5))> <(Class 3 "thin") (0 2 0 0.5)>
          (5 0 0 1) <(0 1 0 0.5)>
          (Cross (Color White) (5 0 0 1) (4 0 0 1))
          Normal
        )
        """,
    )
    assert m.notes == (
        "contours that are no cell bodies ignored: 2",
        "markers ignored: 2",
        "spines ignored: 3",
        "texts ignored: 1",
    )
    assert table(m) == [("dend[0]", None, 0, 2, 5)]


def test_one_contour_is_sliced_along_its_longest_axis(tmp_path: Path) -> None:
    m = read(tmp_path, ONE_CONTOUR)
    soma = m.soma.section
    assert len(soma.points) == 21
    assert soma.length == pytest.approx(16.390642891403033, rel=1e-6)
    assert soma.area == pytest.approx(431.17869419558485, rel=1e-6)
    np.testing.assert_allclose(soma.points[0], [-7.59365, -1.09758, 1.37141, 2.76082], atol=1e-5)
    np.testing.assert_allclose(soma.points[3], [-5.17152, -0.67986, 1.31218, 6.56957], atol=1e-5)


def test_an_outline_that_turns_back_is_made_convex(tmp_path: Path) -> None:
    m = read(
        tmp_path,
        """("CellBody"
        (10 0 0 0) (12 2 0 0) (8 3 0 0) (9 4 0 0) (3 2.5 0 0) (0 6 0 0) (-1 3 0 0) (-6 4 0 0) (-12 3 0 0) (-9 1 0 0)
        (-11 -1 0 0) (-8 -1.5 0 0) (-9.5 -4 0 0) (-4 -2 0 0) (0 -5 0 0) (1 -2 0 0) (7 -4 0 0) (11 -3 0 0) (9 -1 0 0))""",
    )
    assert m.soma.section.length == pytest.approx(22.998895729740262, rel=1e-6)
    assert m.soma.section.area == pytest.approx(520.660182956048, rel=1e-6)
    diams = [0.94476, 1.42242, 2.63188, 6.13759, 6.9072, 6.55967, 5.91435, 5.91046, 6.53918, 7.38018, 10.58876]
    np.testing.assert_allclose(m.soma.section.points[:11, 3], diams, atol=1e-5)


def test_a_circle_gives_a_ball(tmp_path: Path) -> None:
    around = 2 * np.pi * np.arange(400) / 400
    points = "".join(f"({10 * np.cos(a):.9f} {10 * np.sin(a):.9f} 0 0)" for a in around)
    soma = read(tmp_path, f'("Soma" {points})').soma.section
    middle = soma(0.5).position
    np.testing.assert_allclose(middle, 0, atol=0.1)
    radius = np.hypot(np.linalg.norm(soma.points[:, :3] - middle, axis=1), soma.points[:, 3] / 2)
    np.testing.assert_allclose(radius[1:-1], 10, rtol=0.02)
    assert soma.area == pytest.approx(4 * np.pi * 100, rel=0.05)


def test_contours_that_overlap_are_one_soma(tmp_path: Path) -> None:
    m = read(tmp_path, STACK + "( (Dendrite) (5.5 0 3 1) (15 0 3 1) Normal )\n( (Axon) (60 0 3 1) (65 0 3 1) Normal )\n")
    assert table(m) == [
        ("soma[0]", None, 0, 3, 5.269806),
        ("soma[1]", None, 0, 21, 5.185804),
        ("dend[0]", "soma[0]", 0.5, 2, 9.5),
        ("axon[0]", "soma[1]", 0.5, 2, 5),
    ]
    np.testing.assert_allclose(
        m.section("soma[0]").points,
        [[-0.64, 0.64, 0, 6.67649], [-0.96, 0.96, 3, 10.01474], [0.02143, 1.14942, 5, 5.86001]],
        atol=1e-5,
    )
    assert m.section("soma[0]").area == pytest.approx(166.89271025912652, rel=1e-6)
    assert m.section("soma[1]").area == pytest.approx(100.89849839465197, rel=1e-6)
    assert len(m.notes) == 1
    assert m.notes[0].startswith("trees that start outside of the cell bodies, joined to the nearest: 1")


@pytest.mark.parametrize(("x", "inside"), [(9.0, True), (9.49, True), (9.51, False)])
def test_the_box_of_one_contour_has_half_a_micrometre_of_margin(tmp_path: Path, x: float, inside: bool) -> None:
    m = read(tmp_path, ONE_CONTOUR + f"((Dendrite) ({x} 0 0 1) (20 0 0 1))")
    assert m.section("dend[0]").parent == m.soma.section
    assert (m.notes == ()) == inside


def test_a_stack_out_of_order_is_noted(tmp_path: Path) -> None:
    lines = STACK.strip().splitlines()
    m = read(tmp_path, "\n".join([lines[1], lines[0], lines[2]]))
    assert m.notes == ("the stack of cell bodies is not flat and in the order of z; its area is doubtful (line 1)",)


@pytest.mark.parametrize("name", ["CellBody", "Cell Body", "Soma"])
def test_names_of_cell_bodies(tmp_path: Path, name: str) -> None:
    assert len(read(tmp_path, ONE_CONTOUR.replace('"CellBody"', f'"{name}"')).soma) == 1


def test_a_contour_of_two_points_is_ignored_with_a_note(tmp_path: Path) -> None:
    m = read(tmp_path, '("CellBody" (0 0 0 0) (1 0 0 0))\n((Axon) (0 0 0 1) (5 0 0 1))')
    assert m.notes == ("cell body of 2 points ignored, an outline has three or more (line 1)",)
    assert m.names == ("axon[0]",)


def test_sections_of_one_point_are_dropped(tmp_path: Path) -> None:
    text = "( (Axon) (0 0 0 1) (5 0 0 1) ( (5 0 0 1) ( (6 0 0 1) | (5 9 0 1) ) | (5 -3 0 1) ) )"
    m = read(tmp_path, text)
    assert table(m)[1:] == [
        ("axon[1]", "axon[0]", 1, 2, 1),
        ("axon[2]", "axon[0]", 1, 2, 9),
        ("axon[3]", "axon[0]", 1, 2, 3),
    ]
    assert m.notes == ("section without length removed (line 1)",)


def test_branches_without_points_are_noted(tmp_path: Path) -> None:
    m = read(tmp_path, "( (Axon) (0 0 0 1) (5 0 0 1) ( Normal | (5 4 0 1) ) )")
    assert m.notes == ("branch without points ignored (line 1)",)
    assert table(m)[1:] == [("axon[1]", "axon[0]", 1, 2, 4)]


def test_trees_nested_deeper_than_python_calls(tmp_path: Path) -> None:
    depth = 3000
    text = "((Axon) (0 0 0 1) (1 0 0 1)" + "".join(f"(({k} 1 0 1) | ({k + 2} 0 0 1)" for k in range(depth))
    m = read(tmp_path, text + ")" * (depth + 1))
    assert len(m) == 2 * depth + 1


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "no trees and no cell bodies"),
        ("; nothing\n(Sections)\n", None, "no trees and no cell bodies"),
        ("((Axon)\n (0 0 0 1)\n (5 0 0 0))", 3, r"point \(5, 0, 0\) has the diameter 0; it must be above zero"),
        ("((Axon)\n (0 0 0 1)\n (5 0 0 -2))", 3, "diameter -2"),
        ("((Axon)\n (0 0 0 1)\n (5 0 0))", 3, "four numbers, x y z diameter; this one has 3"),
        ("((Axon)\n (0 0 0 1) (5 0 0 1)", 1, r"the '\(' of this line is never closed"),
        ("((Axon)\n (0 0 0 1) (5 0 0 1)))", 2, r"'\)' closes nothing here: nothing is open"),
        ("((Axon)\n (0 0 0 1) <(5 0 0 1)))", 2, r"'\)' closes nothing here: what was opened on line 2 is still open"),
        ("((Axon)\n (0 0 0 1> (5 0 0 1))", 2, "'>' closes nothing here"),
        ('("CellBody\n (0 0 0 1))', 1, "quotation mark without its other half"),
        ("((Axon) (0 0 0 1) (5 0 0 1)\n ((5 1 0 1))\n (6 0 0 1))", 3, "a point after the end of its branch"),
        ("((Axon) (0 0 0 1) (5 0 0 1)\n ((5 1 0 1))\n ((6 0 0 1)))", 3, "a second branch point"),
        ("((Axon) (0 0 0 1) (5 0 0 1) | (5 1 0 1))", 1, "'|' separates the branches"),
        ("((Axon) (0 0 0 1) (5 0 0 1) 7)", 1, "the number 7 stands outside of a point"),
        ('("CellBody" (0 0) (1) (2 2))', 1, "fewer than two numbers"),
        ('("CellBody" (0 0 0 0) (1 1 1 0) (2 2 2 0))', 1, "cell body: the outline has no inside"),
        ('("CellBody" (0 0 0 0) (0 0 4 0) (0 0 9 0))', 1, "cell body: the outline"),
    ],
)
def test_faults_are_named_with_their_line(tmp_path: Path, text: str, line: int | None, message: str) -> None:
    with pytest.raises(FormatError, match=message.replace("'|'", r"'\|'")) as caught:
        read(tmp_path, text)
    assert caught.value.line == line
