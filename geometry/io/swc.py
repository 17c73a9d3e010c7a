"""SWC files.

In: lines `id type x y z radius parent`. Out: a `Morphology` cut into sections the way NEURON's Import3d cuts it, so that cells
have the same sections in both programs.

A section ends where the cable branches or its type changes. A soma of one point, or of the three points NeuroMorpho.Org writes
for a ball, becomes a cylinder as long as wide; what grows from a soma of one point starts at its own first point and is joined
to the middle of the soma.
"""

from __future__ import annotations

import math
from os import PathLike
from pathlib import Path

from geometry.errors import FormatError
from geometry.io.drafts import Draft, as_morphology
from geometry.morphology import Morphology
from geometry.records import dataclass

__all__ = ["load_swc"]

SOMA = 1


@dataclass(frozen=True, slots=True)
class _Sample:
    """One line of the file; `parent` is an id, or -1."""

    id: int
    type: int
    x: float
    y: float
    z: float
    radius: float
    parent: int
    line: int

    @property
    def point(self) -> tuple[float, float, float, float]:
        return (self.x, self.y, self.z, 2 * self.radius)


@dataclass(frozen=True, slots=True)
class _Tree:
    """Samples with every parent before its children and the first child right after it; links by place in this order."""

    samples: tuple[_Sample, ...]
    parent: tuple[int, ...]
    children: tuple[tuple[int, ...], ...]

    def is_soma(self, i: int) -> bool:
        return self.samples[i].type == SOMA

    def soma_children(self, i: int) -> int:
        """How many soma points follow a point of the soma."""
        return sum(self.is_soma(child) for child in self.children[i]) if self.is_soma(i) else 0

    def starts_at_soma(self, i: int) -> bool:
        """Whether a point is the first one of a cable that grows from the soma."""
        return not self.is_soma(i) and self.parent[i] >= 0 and self.is_soma(self.parent[i])


def load_swc(path: str | PathLike[str]) -> Morphology:
    """Read an SWC file.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    Morphology
        Types 1, 2, 3, 4 give the kinds soma, axon, basal, apical; any other type k gives `custom<k>`.

    Raises
    ------
    FormatError
        For a line that is no sample, a radius not above zero, a duplicate id, a missing parent, a loop, an empty file.
    """
    samples = _read(path)
    tree = _ordered(samples, path)
    notes: list[str] = []
    roots = tree.parent.count(-1)
    if roots > 1:
        notes.append(f"{roots} separate trees")
    return as_morphology(_sections(tree), notes, path)


def _read(path: str | PathLike[str]) -> list[_Sample]:
    samples: dict[int, _Sample] = {}
    text = Path(path).read_text(encoding="utf-8", errors="replace")
    for number, line in enumerate(text.splitlines(), start=1):
        fields = line.split("#", 1)[0].replace(",", " ").split()
        if not fields:
            continue
        sample = _sample(fields, path, number)
        if sample.id in samples:
            first = samples[sample.id].line
            raise FormatError(f"id {sample.id} was used before, on line {first}. Ids are unique.", path, number)
        samples[sample.id] = sample
    if not samples:
        raise FormatError("no samples in this file; an SWC line reads: id type x y z radius parent.", path)
    return list(samples.values())


def _sample(fields: list[str], path: str | PathLike[str], line: int) -> _Sample:
    if len(fields) < 7:
        raise FormatError(f"{len(fields)} fields; an SWC line has seven: id type x y z radius parent.", path, line)
    names = ("id", "type", "x", "y", "z", "radius", "parent")
    values = []
    for name, field in zip(names, fields, strict=False):
        try:
            values.append(float(field))
        except ValueError:
            raise FormatError(f"{name} is {field!r}, which is not a number.", path, line) from None
        if not math.isfinite(values[-1]) or (name in {"id", "type", "parent"} and values[-1] != int(values[-1])):
            kind = "whole" if name in {"id", "type", "parent"} else "finite"
            raise FormatError(f"{name} is {field!r}, which is not a {kind} number.", path, line)
    ident, type_, x, y, z, radius, parent = values
    if radius <= 0:
        raise FormatError(f"the radius of sample {int(ident)} is {radius:g}; it must be above zero.", path, line)
    if ident < 0 or type_ < 0:
        raise FormatError(f"id {int(ident)} and type {int(type_)}: ids and types are zero or more.", path, line)
    return _Sample(int(ident), int(type_), x, y, z, radius, int(parent) if parent >= 0 else -1, line)


def _ordered(samples: list[_Sample], path: str | PathLike[str]) -> _Tree:
    """Order samples by depth, children of one sample by id, whatever the order of lines and ids in the file."""
    by_id = {sample.id: sample for sample in sorted(samples, key=lambda sample: sample.id)}
    children: dict[int, list[_Sample]] = {}
    for sample in by_id.values():
        if sample.parent == sample.id:
            raise FormatError(f"sample {sample.id} is its own parent; the parent of a root is -1.", path, sample.line)
        if sample.parent >= 0 and sample.parent not in by_id:
            raise FormatError(
                f"sample {sample.id} has the parent {sample.parent}, which is not in the file.", path, sample.line
            )
        children.setdefault(sample.parent, []).append(sample)
    order: dict[int, int] = {}
    stack = children.get(-1, [])[::-1]
    placed: list[_Sample] = []
    while stack:
        sample = stack.pop()
        order[sample.id] = len(placed)
        placed.append(sample)
        stack.extend(reversed(children.get(sample.id, [])))
    if len(placed) < len(samples):
        lost = min((s for s in samples if s.id not in order), key=lambda s: s.line)
        raise FormatError(
            f"sample {lost.id} is on, or grows from, a loop of parents that never reaches a root.", path, lost.line
        )
    return _Tree(
        samples=tuple(placed),
        parent=tuple(order.get(sample.parent, -1) for sample in placed),
        children=tuple(tuple(order[child.id] for child in children.get(sample.id, [])) for sample in placed),
    )


def _is_ball(tree: _Tree) -> bool:
    """Whether the soma is a ball as NeuroMorpho.Org writes it: a middle and two points a radius away, all equally wide."""
    soma = [i for i in range(len(tree.samples)) if tree.is_soma(i)]
    if soma != [0, 1, 2] or tree.parent[1] != 0 or tree.parent[2] != 0 or tree.children[1] or tree.children[2]:
        return False
    middle, *others = tree.samples[:3]
    if any(other.radius != middle.radius for other in others):
        return False
    length = sum(math.dist(middle.point[:3], other.point[:3]) for other in others)
    return abs(length / (2 * middle.radius) - 1) < 0.01


def _at_start(tree: _Tree) -> tuple[bool, ...]:
    """Which samples join the first point of the cable of their parent, instead of ending it.

    A cable that is joined to the soma across a gap, or starts a tree, may branch at its very first point; its other branches
    are then joined to its start, lest it become a section of one point. As in NEURON, the sample after the root is exempt.
    """

    def joins(i: int) -> bool:
        p = tree.parent[i]
        if p < 0 or p == i - 1 or tree.is_soma(p):
            return False
        second_of_tree = tree.parent[p] == p - 1 and tree.parent[p - 1] < 0
        return tree.parent[p] < 0 or (tree.starts_at_soma(p) and not second_of_tree)

    return tuple(joins(i) for i in range(len(tree.samples)))


def _ends(tree: _Tree, at_start: tuple[bool, ...]) -> list[bool]:
    """Which samples are the last of their section."""
    n = len(tree.samples)
    goes_on = [False] * n
    for p, children in enumerate(tree.children):
        for child in children:
            same = tree.samples[child].type == tree.samples[p].type
            goes_on[p] = same and (at_start[child] or (child == p + 1 and len(children) == 1))
    for i in range(n - 1):
        # dendrites do not cut a soma in two; only a soma that branches is cut, and not at its root
        if tree.is_soma(i) and tree.is_soma(i + 1) and tree.parent[i + 1] == i:
            goes_on[i] = tree.parent[i] < 0 or tree.soma_children(i) == 1
    if _is_ball(tree):
        goes_on[:3] = [True, True, False]
    return [not on for on in goes_on]


def _sections(tree: _Tree) -> list[Draft]:
    """Cut the tree into sections."""
    at_start = _at_start(tree)
    ends = _ends(tree, at_start)
    section_of: list[_Run] = []
    drafts: list[Draft] = []
    first = 0
    for i, sample in enumerate(tree.samples):
        if not (ends[i] or i + 1 == len(tree.samples) or tree.parent[i + 1] < 0):
            continue
        last = 0 if first == 0 and _is_ball(tree) else i
        own = [s.point for s in tree.samples[first : last + 1]]
        head = tree.samples[first]
        draft = Draft(own, head.type, line=sample.line, rank=head.id)
        run = _Run(first, last, draft)
        if tree.parent[first] >= 0:
            _join(tree, run, section_of[tree.parent[first]], at_start[first])
        drafts.append(draft)
        section_of += [run] * (i + 1 - first)
        first = i + 1
    return drafts


@dataclass(frozen=True, slots=True)
class _Run:
    """Samples `first..last` that make one section, and the section."""

    first: int
    last: int
    draft: Draft


def _join(tree: _Tree, run: _Run, on: _Run, at_start: bool) -> None:
    """Settle where a section starts: the place on its parent, and whether the gap to that place is cable."""
    p = tree.parent[run.first]
    draft, is_root = run.draft, tree.parent[on.first] < 0
    leaves_soma = on.draft.type == SOMA and draft.type != SOMA
    several = run.last > run.first
    draft.parent = on.draft
    gap = False
    if is_root and leaves_soma and on.first == on.last:
        draft.parent_x, gap = 0.5, several
    elif is_root and p == on.first:
        draft.parent_x, gap = 0.0, draft.type != SOMA and tree.soma_children(p) > 1
    elif on.draft.type == SOMA and p < on.last:
        draft.parent_x, gap = 0.5, leaves_soma and several
    elif on.draft.type == SOMA and several and tree.soma_children(p) > 1:
        gap = leaves_soma
    if at_start:
        draft.parent_x = 0.0
    if not gap:
        joint = tree.samples[p].point
        width = draft.points[0][3] if leaves_soma else joint[3]
        draft.points.insert(0, (*joint[:3], width))
