"""Made-up cells for examples, tests and benchmarks.

In: a few sizes, or a seed. Out: `Morphology`, always the same one for the same arguments.
"""

from __future__ import annotations

from dataclasses import field
from typing import Any

import numpy as np

from geometry.errors import GeometryError
from geometry.morphology import Morphology, cylinder
from geometry.records import dataclass
from geometry.section import SectionSpec

__all__ = ["ball_and_stick", "cylinder", "pyramidal_cell", "y_branch"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
STEP = 5.0  # um between two points of a dendrite


def y_branch(
    parent: tuple[float, float] = (100.0, 2.0),
    left: tuple[float, float] = (100.0, 1.26),
    right: tuple[float, float] = (100.0, 1.26),
    angle: float = 60.0,
) -> Morphology:
    """Build one cylinder that branches into two, in the x-y plane: sections `parent`, `left`, `right`.

    Parameters
    ----------
    parent, left, right : (length, diameter), um
        Sizes of the three. The default diameters obey Rall's 3/2 rule.
    angle : float, degrees
        Angle between the two daughters.
    """
    half = np.deg2rad(angle) / 2
    tip = np.array([parent[0], 0.0, 0.0])
    specs = [SectionSpec("parent", [(0, 0, 0, parent[1]), (*tip, parent[1])], "dendrite")]
    for name, (length, diam), sign in (("left", left, 1), ("right", right, -1)):
        end = tip + length * np.array([np.cos(half), sign * np.sin(half), 0.0])
        specs.append(SectionSpec(name, [(*tip, diam), (*end, diam)], "dendrite", "parent"))
    return Morphology.from_sections(specs)


def ball_and_stick(
    soma_diam: float = 20.0, length: float = 500.0, diam: float = 2.0, end_diam: float | None = None
) -> Morphology:
    """Build a soma as long as wide with one dendrite at its end: sections `soma`, `dend`.

    Parameters
    ----------
    soma_diam : float, um
        Diameter and length of the soma, which has the area of the ball.
    length, diam : float, um
        Size of the dendrite.
    end_diam : float, um, optional
        Diameter at its far end; `diam` without it.
    """
    radius = soma_diam / 2
    stick = [(radius, 0, 0, diam), (radius + length, 0, 0, diam if end_diam is None else end_diam)]
    return Morphology.from_sections(
        [
            SectionSpec("soma", [(-radius, 0, 0, soma_diam), (radius, 0, 0, soma_diam)], "soma"),
            SectionSpec("dend", stick, "basal", "soma"),
        ]
    )


@dataclass(slots=True)
class _Grower:
    """Grows branching dendrites into a list of sections."""

    rng: np.random.Generator
    specs: list[SectionSpec] = field(default_factory=list)
    numbers: dict[str, int] = field(default_factory=dict)

    def add(self, base: str, kind: str, points: FloatArray, parent: str | None, parent_x: float = 1.0) -> str:
        """Add one section and give its name."""
        number = self.numbers.get(base, 0)
        self.numbers[base] = number + 1
        name = f"{base}[{number}]"
        self.specs.append(SectionSpec(name, points, kind, parent, parent_x))
        return name

    def path(self, start: FloatArray, direction: FloatArray, length: float, diams: tuple[float, float]) -> FloatArray:
        """Points of a slightly wandering, tapering cable, shape (n, 4)."""
        n = max(int(np.ceil(length / STEP)), 2)
        steps = np.empty((n, 3))
        heading = direction
        for i in range(n):
            heading = _unit(heading + 0.12 * self.rng.normal(size=3) + 0.04 * direction)
            steps[i] = heading
        xyz = np.vstack([start, start + np.cumsum(steps, axis=0) * (length / n)])
        return np.column_stack([xyz, np.linspace(*diams, n + 1)])

    def turned(self, direction: FloatArray, degrees: float) -> FloatArray:
        """Turn a direction away by an angle, to a random side."""
        side = _unit(np.cross(direction, self.rng.normal(size=3)))
        angle = np.deg2rad(degrees)
        return np.cos(angle) * direction + np.sin(angle) * side

    def tuft(self, plan: _Plan, points: FloatArray, parent: str, parent_x: float, depth: int = 0) -> None:
        """Grow a tree of dendrites of `plan.orders` orders of branching from the last of `points`."""
        start, diam = points[-1, :3], points[-1, 3]
        direction = _unit(points[-1, :3] - points[-2, :3])
        last = depth == plan.orders
        length = (plan.last if last else plan.length) * self.rng.uniform(0.75, 1.25)
        end = max((0.7 if last else 0.92) * diam, plan.thinnest)
        grown = self.path(start, direction, length, (diam, end))
        name = self.add(plan.base, plan.kind, grown, parent, parent_x)
        if last:
            return
        # Rall: d^(3/2) = d1^(3/2) + d2^(3/2), unevenly divided
        share = self.rng.uniform(0.35, 0.65)
        for part in (share, 1 - share):
            daughter = grown.copy()
            daughter[-1, 3] = max(end * part ** (2 / 3), plan.thinnest)
            turned = self.turned(_unit(grown[-1, :3] - grown[-2, :3]), self.rng.uniform(20, 40))
            daughter[-2, :3] = daughter[-1, :3] - turned
            self.tuft(plan, daughter, name, 1.0, depth + 1)


@dataclass(frozen=True, slots=True)
class _Plan:
    """How a tree of dendrites looks: orders of branching, lengths of inner and of last branches (um), least diameter (um)."""

    base: str
    kind: str
    orders: int
    length: float
    last: float
    thinnest: float


def pyramidal_cell(seed: int = 0, n_basal: int = 7, n_oblique: int = 14, n_trunk: int = 15) -> Morphology:
    """Build a cell with the proportions of a hippocampal CA1 pyramidal cell: some 220 sections, 10 mm of cable.

    A soma; basal trees; an apical trunk that tapers from 4 to 1.5 um with oblique side branches and a tuft at its end; an axon.
    Daughters follow Rall's 3/2 rule down to a least diameter of 0.3 to 0.6 um.

    Parameters
    ----------
    seed : int
        Another seed gives another cell of the same kind.
    n_basal, n_oblique : int
        Number of basal trees and of oblique branches.
    n_trunk : int
        Number of sections of the apical trunk.
    """
    if min(n_basal, n_oblique) < 0 or n_trunk < 1:
        raise GeometryError("A pyramidal cell has n_trunk >= 1, and n_basal and n_oblique are not negative.")
    grow = _Grower(np.random.default_rng(seed))
    soma = grow.add("soma", "soma", _soma_points(), None)
    _grow_axon(grow, soma)
    for k in range(n_basal):
        around = 2 * np.pi * k / n_basal
        direction = _unit(np.array([np.cos(around), -0.7 + 0.3 * grow.rng.uniform(), np.sin(around)]))
        start = np.array([0.0, -4.0, 0.0]) + 4.0 * direction
        stem = _stem(start, direction, grow.rng.uniform(1.5, 2.0))
        grow.tuft(_Plan("dend", "basal", 3, 20.0, 60.0, 0.6), stem, soma, 0.0)
    trunk, end = _grow_trunk(grow, soma, n_trunk, n_oblique)
    for side in (-0.45, 0.45):
        direction = _unit(np.array([side, 1.0, 0.3 * grow.rng.normal()]))
        grow.tuft(_Plan("apic", "apical", 4, 40.0, 60.0, 0.4), _stem(end, direction, 1.0), trunk, 1.0)
    return Morphology.from_sections(grow.specs)


def _grow_trunk(grow: _Grower, soma: str, n_trunk: int, n_oblique: int) -> tuple[str, FloatArray]:
    """Grow the apical trunk and its oblique branches; give the name of its last section and where that ends."""
    diams = np.linspace(4.0, 1.5, n_trunk + 1)
    name, up, start = soma, np.array([0.0, 1.0, 0.0]), np.array([0.0, 8.0, 0.0])
    for k in range(n_trunk):
        points = grow.path(start, up, 330.0 / n_trunk, (diams[k], diams[k + 1]))
        name = grow.add("apic", "apical", points, name)
        start = points[-1, :3]
        # obliques leave the joints of the trunk, none its end, from which the tuft grows
        here = sum(1 for j in range(n_oblique) if j % max(n_trunk - 1, 1) == k)
        for _ in range(here):
            stem = _stem(start, grow.turned(up, grow.rng.uniform(60, 85)), grow.rng.uniform(0.8, 1.2))
            grow.tuft(_Plan("apic", "apical", 1, 30.0, 95.0, 0.5), stem, name, 1.0)
    return name, start


def _grow_axon(grow: _Grower, soma: str) -> None:
    down = np.array([0.0, -1.0, 0.0])
    initial = grow.path(np.array([0.0, -8.0, 0.0]), down, 40.0, (1.8, 1.0))
    name = grow.add("axon", "axon", initial, soma, 0.0)
    grow.add("axon", "axon", grow.path(initial[-1, :3], down, 300.0, (1.0, 0.6)), name)


def _soma_points() -> FloatArray:
    y = np.linspace(-8.0, 8.0, 9)
    return np.column_stack([np.zeros(9), y, np.zeros(9), 4.0 + 10.0 * np.sqrt(1 - (y / 9.0) ** 2)])


def _stem(start: FloatArray, direction: FloatArray, diam: float) -> FloatArray:
    """Two points that tell a tuft where to start, which way, and how thick."""
    return np.array([[*(start - direction), diam], [*start, diam]])


def _unit(vector: FloatArray) -> FloatArray:
    unit: FloatArray = vector / np.linalg.norm(vector)
    return unit
