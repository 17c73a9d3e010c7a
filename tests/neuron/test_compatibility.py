"""The page on compatibility is that of the code."""

from __future__ import annotations

from pathlib import Path

from rxd.neuron.compatibility import text

PAGE = Path(__file__).resolve().parents[2] / "docs" / "neuron-compatibility.md"


def test_page_is_up_to_date():
    assert PAGE.read_text(encoding="utf-8") == text()
