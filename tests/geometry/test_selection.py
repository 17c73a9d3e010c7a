"""Selections: naming sections, set algebra, subtrees, distances."""

import numpy as np
import pytest

from geometry import GeometryError, Morphology, SectionSpec, Selection, section_indices

LINE = [(0, 0, 0, 2), (10, 0, 0, 2)]


@pytest.fixture
def cell() -> Morphology:
    return Morphology.from_sections(
        [
            SectionSpec("soma[0]", LINE, "soma"),
            SectionSpec("dend[0]", LINE, "basal", "soma[0]", 0.0),
            SectionSpec("dend[1]", LINE, "basal", "dend[0]"),
            SectionSpec("dend[10]", LINE, "dendrite", "dend[0]"),
            SectionSpec("apic[0]", LINE, "apical", "soma[0]"),
            SectionSpec("axon[0]", LINE, "axon", "soma[0]", 0.5),
            SectionSpec("dend_6[0]", LINE, "custom6", "apic[0]"),
        ]
    )


def test_by_kind(cell: Morphology) -> None:
    assert cell.soma.names == ("soma[0]",)
    assert cell.basal.names == ("dend[0]", "dend[1]")
    assert cell.apical.names == ("apic[0]",)
    assert cell.axon.names == ("axon[0]",)
    assert cell.dendrites.names == ("dend[0]", "dend[1]", "dend[10]", "apic[0]")
    assert cell.of_kind("custom6").names == ("dend_6[0]",)
    assert len(cell.all) == len(cell) == 7
    assert cell.roots == cell.soma


def test_by_name(cell: Morphology) -> None:
    assert cell["dend[1]"].names == ("dend[1]",)
    assert cell["dend"].names == ("dend[0]", "dend[1]", "dend[10]")
    assert cell[["axon[0]", "soma"]].names == ("soma[0]", "axon[0]")
    assert cell[2].names == ("dend[1]",)
    assert cell[np.array([3, 1, 1])].names == ("dend[0]", "dend[10]")
    assert cell[cell.section("apic[0]")] == cell.apical
    assert cell[[]].names == ()


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("dend[7]", r"no section 'dend\[7\]'. Names here look like: dend\[1\]"),
        ("dent", "no section 'dent'.*dend"),
        (7, "no section 7: this morphology has 7, numbered 0..6"),
        (-1, "no section -1"),
        (np.array([0, 9]), "no section 9"),
        (np.array([-2, 3]), "no section -2"),
        (1.5, "got 1.5"),
        (None, "got None"),
        (True, "got True"),
    ],
)
def test_what_is_not_there(cell: Morphology, what: object, message: str) -> None:
    with pytest.raises(GeometryError, match=message):
        cell[what]


def test_algebra(cell: Morphology) -> None:
    assert cell.soma | cell.axon == cell[["soma[0]", "axon[0]"]]
    assert cell.dendrites & cell.basal == cell.basal
    assert cell.dendrites - cell.basal == cell[["dend[10]", "apic[0]"]]
    assert not cell.soma & cell.axon
    assert hash(cell.soma | cell.axon) == hash(cell.axon | cell.soma)
    assert cell.soma != "soma"
    with pytest.raises(TypeError):
        cell.soma | "axon"


def test_two_cells_do_not_mix(cell: Morphology) -> None:
    other = Morphology.from_sections([SectionSpec("soma[0]", LINE, "soma")])
    with pytest.raises(GeometryError, match=r"two different morphologies cannot be combined with \|"):
        cell.soma | other.soma
    with pytest.raises(GeometryError, match="belongs to another morphology"):
        cell[other.soma]
    with pytest.raises(GeometryError, match="belongs to another morphology"):
        cell[other.section(0)]
    assert cell.soma != other.soma


def test_iteration_gives_sections(cell: Morphology) -> None:
    assert [section.name for section in cell.basal] == ["dend[0]", "dend[1]"]
    assert cell.section("dend[0]") in cell.basal
    assert "dend[0]" in cell.basal
    assert cell.section("axon[0]") not in cell.basal
    assert "axon[0]" not in cell.basal
    assert 1 not in cell.basal
    assert cell.basal.length == 20


def test_one_section_gives_a_place(cell: Morphology) -> None:
    assert repr(cell.soma(0.5)) == "soma[0](0.5)"
    assert cell.soma.section.name == "soma[0]"
    with pytest.raises(GeometryError, match=r"has 2 sections \(dend\[0\], dend\[1\]\), and exactly one"):
        cell.basal(0.5)
    with pytest.raises(GeometryError, match="has 0 sections, and exactly one"):
        (cell.basal - cell.basal)(0.5)


def test_subtree(cell: Morphology) -> None:
    assert cell.subtree("dend[0]").names == ("dend[0]", "dend[1]", "dend[10]")
    assert cell.subtree(cell.section("apic[0]")).names == ("apic[0]", "dend_6[0]")
    assert cell.subtree("soma") == cell.all
    assert cell.subtree(["dend[1]", "axon[0]"]).names == ("dend[1]", "axon[0]")


def test_where_and_within(cell: Morphology) -> None:
    assert cell.where(lambda section: section.parent_x == 0.5) == cell.axon
    assert cell.basal.where(lambda section: section.path_distance > 5).names == ("dend[1]",)
    # middles: soma 0, axon 0 + 5, dend[0] and apic[0] 5 + 5, their children 15 + 5
    assert cell.within(0) == cell.soma
    assert cell.within(5) == cell.soma | cell.axon
    assert cell.within(9.9) == cell.soma | cell.axon
    assert cell.within(10) == cell.soma | cell.axon | cell["dend[0]"] | cell.apical
    assert cell.within(20) == cell.all


def test_selections_are_sorted_and_frozen(cell: Morphology) -> None:
    selection = Selection(cell, np.array([4, 2, 4]))
    assert selection.sections.tolist() == [2, 4]
    with pytest.raises(ValueError, match="read-only"):
        selection.sections[0] = 0
    assert repr(selection) == "<Selection: 2 of 7 sections: dend[1], apic[0]>"
    assert repr(cell.all).endswith("dend[10], ...>")
    assert section_indices(cell, selection) is selection.sections
