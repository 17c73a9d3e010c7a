"""The page on compatibility is that of the code."""

from __future__ import annotations

from pathlib import Path

from rxd.neuron.compatibility import text

PAGE = Path(__file__).resolve().parents[2] / "docs" / "neuron-compatibility.md"


def test_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == text()


def test_names_in_a_row_of_classes_are_there_once():
    rows = [line.split("|")[2].split(",") for line in text().partition("## Classes")[2].splitlines() if line.startswith("| `")]
    names = [[name.strip() for name in row] for row in rows]
    assert len(names) > 20
    assert all(len(row) == len(set(row)) for row in names)
