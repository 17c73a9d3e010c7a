"""Neurolucida V3 text files (`.asc`).

In: nested lists of points. Out: a `Morphology` by the rules of NEURON's Import3d, so that cells have the same sections in both
programs.

Contours named CellBody, Cell Body or Soma are somas. Trees whose first point lies inside the box around a soma are joined to
its middle; trees that start elsewhere are joined to the middle of the nearest soma, with a note. Markers, spines, texts and
other contours are not read; `Morphology.notes` counts them.
"""

from __future__ import annotations

from dataclasses import field
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np

from geometry.errors import FormatError, GeometryError
from geometry.io.contours import Contour, Stack, stacks
from geometry.io.drafts import Draft, as_morphology
from geometry.io.lists import Bar, Label, Listing, Text, parse
from geometry.morphology import Morphology
from geometry.records import dataclass

__all__ = ["load_asc"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
SOMA_NAMES = ("CellBody", "Cell Body", "Soma")
TREE_TYPES = (("Axon", 2), ("Dendrite", 3), ("Apical", 4))
Point = tuple[float, float, float, float]


@dataclass(slots=True)
class _Reader:
    """What was found so far in one file."""

    path: str | PathLike[str]
    contours: list[Contour] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    ignored: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def ignore(self, what: str) -> None:
        self.ignored[what] = self.ignored.get(what, 0) + 1

    def fail(self, reason: str, line: int) -> FormatError:
        return FormatError(reason, self.path, line)


def load_asc(path: str | PathLike[str]) -> Morphology:
    """Read a Neurolucida V3 text file.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    Morphology
        Axon, Dendrite and Apical trees give the kinds axon, basal and apical, other trees custom0.

    Raises
    ------
    FormatError
        For brackets that do not match, points with fewer than four numbers or a diameter not above zero, an empty file.
    """
    reader = _Reader(path)
    objects = parse(Path(path).read_text(encoding="utf-8", errors="replace"), path)
    _read_objects(reader, objects)
    somas = stacks(reader.contours)
    drafts = [_soma(reader, soma) for soma in somas]
    _join_to_somas(reader, somas, drafts)
    drafts += reader.drafts
    for rank, draft in enumerate(drafts):
        draft.rank = rank
    if not drafts:
        raise FormatError("no trees and no cell bodies in this file; is it a Neurolucida V3 text file?", path)
    counted = [f"{what} ignored: {count}" for what, count in sorted(reader.ignored.items())]
    return as_morphology(drafts, counted + reader.notes, path)


def _read_objects(reader: _Reader, objects: list[Any]) -> None:
    for item in objects:
        if not isinstance(item, Listing) or not item.items:
            continue
        head = item.items[0]
        if isinstance(head, Text):
            _read_contour(reader, item, head)
        elif isinstance(head, Listing):
            _read_tree_or_text(reader, item)
        elif isinstance(head, Label) and head.name.lower() == "set":
            _read_objects(reader, item.items[1:])
        elif _is_marker(item):
            reader.ignore("markers")


def _is_marker(item: Listing) -> bool:
    """Whether a list is a label followed by lists: a marker and its points, not a property."""
    return len(item.items) > 1 and isinstance(item.items[0], Label) and isinstance(item.items[1], Listing)


def _is_point(item: object) -> bool:
    return isinstance(item, Listing) and not item.is_spine and bool(item.items) and isinstance(item.items[0], float)


def _read_contour(reader: _Reader, item: Listing, name: Text) -> None:
    points = [part.numbers() for part in item.items if isinstance(part, Listing) and _is_point(part)]
    if name.text not in SOMA_NAMES:
        reader.ignore("contours that are no cell bodies")
    elif len(points) < 3:
        reader.notes.append(f"cell body of {len(points)} points ignored, an outline has three or more (line {item.line})")
    elif any(len(point) < 2 for point in points):
        raise reader.fail("a point of this cell body has fewer than two numbers.", item.line)
    else:
        reader.contours.append(Contour(np.array([(*point[:3], 0.0)[:3] for point in points]), item.line))


def _read_tree_or_text(reader: _Reader, item: Listing) -> None:
    points = sum(_is_point(part) for part in item.items)
    if points == 1 and any(isinstance(part, Text) for part in item.items):
        reader.ignore("texts")
        return
    if points == 0:
        return
    type_ = 0
    for part in item.items:
        if isinstance(part, Listing) and part.items and isinstance(part.items[0], Label):
            type_ = dict(TREE_TYPES).get(part.items[0].name, type_)
    # depth first with a stack of our own: a tree may be nested deeper than Python calls
    waiting: list[tuple[list[Any], Draft | None, int]] = [(item.items, None, item.line)]
    while waiting:
        items, parent, line = waiting.pop()
        points_here, split = _read_branch(reader, items, line)
        draft = _branch(reader, points_here, parent, type_, line)
        if split is not None:
            waiting.extend((branch, draft, split.line) for branch in reversed(_branches(split)))


def _branches(split: Listing) -> list[list[Any]]:
    """The items between the bars of a split."""
    branches: list[list[Any]] = [[]]
    for item in split.items:
        if isinstance(item, Bar):
            branches.append([])
        else:
            branches[-1].append(item)
    return [branch for branch in branches if branch]


def _read_branch(reader: _Reader, items: list[Any], line: int) -> tuple[list[tuple[Point, int]], Listing | None]:
    """Points of one branch, each with its line, and the list of branches it ends in."""
    points: list[tuple[Point, int]] = []
    split: Listing | None = None
    for item in items:
        if isinstance(item, Bar):
            raise reader.fail("'|' separates the branches at a branch point, and this list is a tree.", line)
        if isinstance(item, float):
            raise reader.fail(f"the number {item:g} stands outside of a point (x y z diameter).", line)
        if not isinstance(item, Listing) or not item.items:
            continue
        if item.is_spine:
            reader.ignore("spines")
        elif _is_point(item):
            if split is not None:
                raise reader.fail(
                    "a point after the end of its branch; points come before the branches that follow.", item.line
                )
            points.append((_tree_point(reader, item), item.line))
        elif isinstance(item.items[0], Listing) or any(isinstance(part, Bar) for part in item.items):
            if split is not None:
                raise reader.fail("a second branch point at the end of one branch.", item.line)
            split = item
        elif _is_marker(item):
            reader.ignore("markers")
    return points, split


def _tree_point(reader: _Reader, item: Listing) -> Point:
    numbers = item.numbers()
    if len(numbers) < 4:
        raise reader.fail(f"a point of a tree has four numbers, x y z diameter; this one has {len(numbers)}.", item.line)
    x, y, z, diam = numbers[:4]
    if not np.all(np.isfinite(numbers[:4])) or diam <= 0:
        raise reader.fail(f"point ({x:g}, {y:g}, {z:g}) has the diameter {diam:g}; it must be above zero.", item.line)
    return x, y, z, diam


def _branch(reader: _Reader, points: list[tuple[Point, int]], parent: Draft | None, type_: int, line: int) -> Draft | None:
    """Add the section of a branch; it starts at the end of its parent, whether the file repeats that point or not."""
    if not points:
        reader.notes.append(f"branch without points ignored (line {line})")
        return parent
    own = [point for point, _ in points]
    if parent is not None and parent.points[-1][:3] != own[0][:3]:
        own.insert(0, (*parent.points[-1][:3], own[0][3]))
    draft = Draft(own, type_, parent, line=points[-1][1])
    reader.drafts.append(draft)
    return draft


def _soma(reader: _Reader, soma: Stack) -> Draft:
    line = soma.contours[0].line
    if not soma.is_flat_and_ordered():
        reader.notes.append(f"the stack of cell bodies is not flat and in the order of z; its area is doubtful (line {line})")
    try:
        outline = soma.contours[0].points if len(soma.contours) == 1 else None
        return Draft(soma.section(), 1, line=line, outline=outline)
    except GeometryError as error:
        raise reader.fail(f"cell body: {error}", line) from error


def _join_to_somas(reader: _Reader, somas: list[Stack], drafts: list[Draft]) -> None:
    """Join trees to the soma they start in, and all others to the nearest."""
    if not somas:
        return
    centers = np.array([soma.center() for soma in somas])
    outside: list[int] = []
    for root in [draft for draft in reader.drafts if draft.parent is None]:
        start = np.array(root.points[0][:3])
        within = [k for k, soma in enumerate(somas) if _contains(soma, start)]
        if not within:
            outside.append(root.line)
        nearest = int(np.argmin(np.linalg.norm(centers - start, axis=1)))
        root.parent, root.parent_x = drafts[within[0] if within else nearest], 0.5
    if outside:
        reader.notes.append(
            f"trees that start outside of the cell bodies, joined to the nearest: {len(outside)} "
            f"(first sections end at lines {', '.join(map(str, outside))})"
        )


def _contains(soma: Stack, point: FloatArray) -> bool:
    low, high = soma.box()
    return bool(np.all((low <= point[:2]) & (point[:2] <= high)))
