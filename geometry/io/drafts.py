"""Sections as a file reader collects them, before they are a morphology.

In: what a reader of one format found. Out: `Morphology`, named and pruned the way NEURON's Import3d does it.
"""

from __future__ import annotations

from dataclasses import field
from os import PathLike
from typing import Any

import numpy as np

from geometry.errors import FormatError
from geometry.morphology import Morphology
from geometry.records import dataclass
from geometry.section import SectionSpec

__all__ = ["Draft", "as_morphology", "sphere"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(slots=True)
class Draft:
    """One section in the making.

    Attributes
    ----------
    points : list of (x, y, z, diam), um
        Its points; a section joined logically, across a gap that is no cable, does not start at its joint.
    type : int
        SWC type: 1 soma, 2 axon, 3 basal, 4 apical, others custom.
    parent : Draft or None
        The section it starts from.
    parent_x : float
        Where on the parent.
    line : int
        Line of the file it ends at.
    rank : int
        Sections are numbered by increasing rank.
    outline : ndarray, shape (n, 3), um, or None
        What it was drawn as.
    """

    points: list[tuple[float, float, float, float]]
    type: int
    parent: Draft | None = None
    parent_x: float = 1.0
    line: int = 0
    rank: int = 0
    outline: FloatArray | None = None
    removed: bool = field(default=False, repr=False)

    @property
    def has_length(self) -> bool:
        """Whether two of its points differ."""
        return any(point[:3] != self.points[0][:3] for point in self.points)


def sphere(point: tuple[float, float, float, float]) -> list[tuple[float, float, float, float]]:
    """Three points along x that stand for a ball: a cylinder as long as wide, which has the area of the ball."""
    x, y, z, d = point
    return [(x - d / 2, y, z, d), (x, y, z, d), (x + d / 2, y, z, d)]


def as_morphology(drafts: list[Draft], notes: list[str], file: str | PathLike[str]) -> Morphology:
    """Name the sections, drop those without length, and build the morphology; parents come first in `drafts`.

    Sections of one type are numbered in the order of the file: `soma[0]`, `axon[3]`, `dend[0]` (type 3), `apic[7]` (type 4),
    `dend_6[2]` (type 6).

    Raises
    ------
    FormatError
        If nothing is left.
    """
    kept = sorted(_with_length(drafts, notes), key=lambda draft: draft.rank)
    if not kept:
        raise FormatError("no section in this file has any length.", file)
    names: dict[int, str] = {}
    numbers: dict[int, int] = {}
    for draft in kept:
        number = numbers.get(draft.type, 0)
        numbers[draft.type] = number + 1
        names[id(draft)] = f"{_base_name(draft.type)}[{number}]"
    specs = [
        SectionSpec(
            name=names[id(draft)],
            points=draft.points,
            kind={1: "soma", 2: "axon", 3: "basal", 4: "apical"}.get(draft.type, f"custom{draft.type}"),
            parent=None if draft.parent is None else names[id(draft.parent)],
            parent_x=draft.parent_x,
            outline=draft.outline,
        )
        for draft in kept
    ]
    return Morphology.from_sections(specs, notes)


def _with_length(drafts: list[Draft], notes: list[str]) -> list[Draft]:
    """Drop sections whose points coincide; what grew from them grows from where they did."""
    for draft in drafts:
        if len(draft.points) == 1 and draft.parent is None:
            draft.points = sphere(draft.points[0])
        draft.removed = not draft.has_length
        while draft.parent is not None and draft.parent.removed:
            if draft.parent.parent is not None:
                draft.parent_x = draft.parent.parent_x
            draft.parent = draft.parent.parent
        if draft.removed:
            notes.append(f"section without length removed (line {draft.line})")
    return [draft for draft in drafts if not draft.removed]


def _base_name(type_: int) -> str:
    return {1: "soma", 2: "axon", 3: "dend", 4: "apic"}.get(type_, f"dend_{type_}")
