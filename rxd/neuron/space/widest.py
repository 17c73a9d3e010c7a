"""Sections in voxels as NEURON shapes them: where some meet, all are as wide as the widest.

In: a layout and the numbers of sections that share a grid. Out: the layout with other points, for voxels alone.

NEURON makes truncated cones of the points of sections and of the borders of segments. Where cones end at one place, in single
precision, each takes the largest diameter that one of them has there. A dendrite of 1 um on a soma of 20 um begins in voxels
with 20 um and tapers down to its next point or border: over all of its length if it has one segment. What this adds is said in
a warning; `Session(correct=True)`, or `python -m rxd.neuron --correct`, leaves the sections as they are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from geometry import segment
from geometry.frustum import frustum_volume
from geometry.voxelize import VoxelWarning
from rxd.neuron.errors import caution

if TYPE_CHECKING:
    from collections.abc import Iterable

    from geometry import Morphology
    from rxd.neuron.cells.layout import Layout

__all__ = ["as_wide_as_the_widest"]

WORTH_SAYING: Final = 0.01
"""Share of a section's volume from which on a warning says what is added to it."""


def as_wide_as_the_widest(layout: Layout, numbers: Iterable[int]) -> Layout:
    """A layout in which the sections of some records have one diameter wherever they meet.

    Parameters
    ----------
    layout : Layout
    numbers : iterable of int
        Numbers of the records.

    Returns
    -------
    Layout
        The same if all are as wide as what they meet.
    """
    wanted = set(numbers)
    records = [record for record in layout.records if record.id in wanted]
    chosen = [int(section) for record in records for section in layout.sections[record.id]]
    cones = {section: _cut(layout.morphology, section, int(layout.counts[section])) for section in chosen}
    ends = np.concatenate(list(cones.values()))
    _, place = np.unique(ends[:, :3].astype(np.float32), axis=0, return_inverse=True)
    widest = np.zeros(place.max() + 1)
    np.maximum.at(widest, place, ends[:, 3])
    wide, at = {}, 0
    for section, points in cones.items():
        diameters = widest[place[at : at + len(points)]]
        at += len(points)
        if (diameters != points[:, 3]).any():
            wide[section] = np.column_stack([points[:, :3], diameters])
    if not wide:
        return layout
    said = []
    for record in records:
        before, after = (
            sum(_volume(shape.get(int(section), cones[int(section)])) for section in layout.sections[record.id])
            for shape in (cones, wide)
        )
        if after > (1 + WORTH_SAYING) * before:
            said.append(f"{record.name} ({after:.4g} um3, not {before:.4g})")
    if said:
        caution(
            f"In voxels sections begin as wide as the widest they are joined to, as in NEURON: {', '.join(said[:5])}"
            f"{f' and {len(said) - 5} more' if len(said) > 5 else ''}. "
            "Their points alone say how wide they are with python -m rxd.neuron --correct.",
            VoxelWarning,
        )
    morphology = _with_points(layout.morphology, wide)
    return replace(
        layout, morphology=morphology, segments=segment(morphology, lambda section: int(layout.counts[section.index]))
    )


def _cut(morphology: Morphology, section: int, count: int) -> np.ndarray:
    """Points of a section and borders of its segments, in order, shape (n, 4), um."""
    start, stop = morphology.point_offset[section : section + 2]
    points, arc = morphology.points[start:stop], morphology.arc[start:stop]
    borders = arc[-1] * np.arange(1, count) / count
    fresh = borders[np.abs(borders[:, None] - arc).min(axis=1) > 1e-7 * arc[-1]]
    at = np.concatenate([arc, fresh])
    order = np.argsort(at, kind="stable")
    added = np.column_stack([np.interp(fresh, arc, points[:, column]) for column in range(4)])
    return np.concatenate([points, added])[order]


def _volume(points: np.ndarray) -> float:
    """Of the cones through some points, um3."""
    ends = points * [1, 1, 1, 0.5]
    return float(frustum_volume(np.concatenate([ends[:-1], ends[1:]], axis=1)).sum())


def _with_points(morphology: Morphology, wide: dict[int, np.ndarray]) -> Morphology:
    """A morphology in which some sections have other points."""
    kept = np.split(morphology.points, morphology.point_offset[1:-1])
    points = [wide.get(section, own) for section, own in enumerate(kept)]
    return replace(
        morphology, points=np.concatenate(points), point_offset=np.concatenate([[0], np.cumsum([len(p) for p in points])])
    )
