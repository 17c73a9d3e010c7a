"""What ``axoplasm voxelize`` does: cut a cell into voxels, check and measure the result, draw it, write it.

In: a morphology, the edges of the voxels and the names of sections. Out: `Report`, a figure, files.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from geometry import (
    GeometryError,
    Morphology,
    Segments,
    Selection,
    VoxelGrid,
    VoxelWarning,
    frustum,
    isosurface,
    max_length,
    segment,
    vtk,
)
from geometry.records import dataclass
from geometry.voxelize import voxelize, voxelize_sections

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["ENDINGS", "Report", "choose_sections", "closure", "parse_edges", "picture", "report", "write"]

LABELS: Final = ("all", "soma", "axon", "basal", "apical", "dendrites")
ENDINGS: Final = (".vtu", ".vti", ".vtp", ".npz")
BYTES: Final = 600
"""Memory for a voxel while the grid is made, at most."""
PIXELS: Final = 1400
"""Longest side of a projection, in pixels: a finer one would not be seen."""
PALETTE: Final = {"soma": "#4c4c4c", "axon": "#c1553b", "basal": "#3f72a8", "apical": "#7d4f9e", "dendrite": "#3f72a8"}
FROM: Final = np.array([-0.35, 0.45, 0.82])
"""Where the light comes from: left, above, and from the eye."""


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """A voxelised cell and what was found.

    Attributes
    ----------
    segments : Segments
        Owners of the voxels.
    sections : Selection
        What was cut into voxels.
    grid : VoxelGrid
    volume, area : float, um3 and um2
        Sums over the frusta of the sections: volumes, and areas of their sides.
    seconds : float
        Time it took, compilation excluded.
    compiling : float
        Time until the first voxels of all, s.
    """

    segments: Segments
    sections: Selection
    grid: VoxelGrid
    volume: float
    area: float
    seconds: float
    compiling: float

    def lines(self) -> list[str]:
        """What to print, a line for each fact."""
        grid, n = self.grid, self.grid.n
        cut = int(np.count_nonzero(np.any(grid.aperture != 1, axis=1) | (grid.membrane_area > 0)))
        volume, area = float(grid.volume.sum()), float(grid.membrane_area.sum())
        held = sum(getattr(grid, name).nbytes for name in grid.__slots__ if isinstance(getattr(grid, name), np.ndarray))
        torn, leaks = closure(grid)
        pieces = int(grid.components().max()) + 1
        edges = " x ".join(f"{h:g}" for h in grid.dx)
        box = " x ".join(str(k) for k in grid.shape)
        return [
            f"voxels   {n} of {edges} um: {n - cut} inside, {cut} cut by the membrane; {box} in the box around them",
            f"volume   {volume:.6g} um3; the frusta have {self.volume:.6g} um3 ({_percent(volume, self.volume)})",
            f"membrane {area:.6g} um2; the sides of the frusta have {self.area:.6g} um2 ({_percent(area, self.area)})",
            *(
                f"open     {float(grid.end_area.sum()):.4g} um2 lead to sections left out"
                for _ in range(grid.end_area.size > 0)
            ),
            f"closed   to {torn:.1e} of the membrane; {leaks} faces lead nowhere; {pieces} piece{'s' * (pieces > 1)}",
            f"time     {self.seconds:.3g} s, {1e6 * self.seconds / n:.2f} us per voxel, after {self.compiling:.1f} s to load",
            f"memory   {held / 2**20:.1f} MB for the voxels, {held / n:.0f} bytes each",
        ]


def _percent(value: float, reference: float) -> str:
    return f"{100 * (value / reference - 1):+.2f} %"


def closure(grid: VoxelGrid) -> tuple[float, int]:
    """How far the whole surface is from closing, as a part of its area; and the number of open faces that lead nowhere.

    In every voxel the surface is what closes the open faces, so the vectors of all surfaces sum to zero if every open face has
    a voxel on either side.
    """
    leaks = 0
    for d in range(3):
        leaks += int(np.count_nonzero((grid.neighbor[:, 2 * d] < 0) & (grid.low_face[:, d] > 0)))
    vector = grid.surface_vector
    return float(np.linalg.norm(vector.sum(axis=0)) / np.abs(vector).sum()), leaks


def parse_edges(text: str) -> float | np.ndarray:
    """Edge of the voxels, or one for each axis, from ``0.25`` or ``0.25,0.25,0.5``.

    Raises
    ------
    GeometryError
        If that is not one number or three.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (1, 3):
        raise GeometryError(
            f"--dx is the edge of a voxel in um, such as 0.25, or one for each axis, such as 0.25,0.25,0.5; got '{text}'."
        )
    return numbers[0] if len(numbers) == 1 else np.array(numbers)


def choose_sections(cell: Morphology, names: Sequence[str]) -> Selection:
    """The sections meant by names: labels, names of sections, or the part of a name before its bracket.

    Raises
    ------
    GeometryError
        If a name is unknown, or nothing is chosen.
    """
    if not names:
        return cell.all
    chosen = cell.all - cell.all
    for name in names:
        found = getattr(cell, name) if name in LABELS else cell[name]
        if not found:
            present = [label for label in LABELS[1:] if getattr(cell, label)]
            raise GeometryError(
                f"This cell has no {name}: there is nothing to voxelise. It has {', '.join(present) or 'other kinds'}."
            )
        chosen = chosen | found
    return chosen


def report(cell: Morphology, dx: float | np.ndarray, names: Sequence[str] = ()) -> Report:
    """Cut sections of a cell into voxels.

    Raises
    ------
    GeometryError
        For an empty selection, a `dx` that is not positive, or one so fine that memory would not do.
    """
    chosen = choose_sections(cell, names)
    segments = segment(cell, max_length(40))
    rows = segments.of(chosen)
    volume, area = float(segments.volume[rows].sum()), float(segments.area[rows].sum())
    _check_room(volume, area, dx)
    started = time.perf_counter()
    voxelize(frustum.Solid(np.array([[0, 0, 0, 1, 3, 0, 0, 1]])), 0.5)
    compiling = time.perf_counter() - started
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VoxelWarning)  # they are the notes of the grid, and are shown as such
        started = time.perf_counter()
        grid = voxelize_sections(segments, dx, chosen)
    return Report(segments, chosen, grid, volume, area, time.perf_counter() - started, compiling)


def _check_room(volume: float, area: float, dx: float | np.ndarray) -> None:
    edge = np.broadcast_to(np.asarray(dx, dtype=float), 3)
    if not np.all(edge > 0):
        return  # refused by name where voxels are made
    n = volume / float(np.prod(edge)) + area / float(edge.min()) ** 2
    room = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_AVPHYS_PAGES") if hasattr(os, "sysconf") else 2**40
    if n * BYTES > room:
        raise GeometryError(
            f"dx = {dx} um makes about {n:.2g} voxels, which need {n * BYTES / 2**30:.3g} GB, and {room / 2**30:.3g} GB "
            "are free: use a larger --dx, or fewer --sections."
        )


def thin_remedy(found: Report) -> str | None:
    """What to do about sections thinner than a voxel; None where there are none."""
    m = found.segments.morphology
    thinnest = np.minimum.reduceat(m.points[:, 3], m.point_offset[:-1])[found.sections.sections]
    if thinnest.min() >= found.grid.dx.max():
        return None
    return (
        f"--dx {thinnest.min():.2g} puts a voxel across the thinnest of them; --sections NAME, once for each, cuts only "
        "those into voxels, and a model keeps the others one-dimensional."
    )


def write(path: Path, found: Report) -> Path:
    """Write the voxels: `.vtu` (cells), `.vti` (an image of the box around them), `.vtp` (the membrane) or `.npz` (arrays).

    Raises
    ------
    GeometryError
        If the name of the file has another ending.
    """
    grid = found.grid
    fields = {
        "section": found.segments.section[grid.owner],
        "fraction": grid.fraction,
        "normal": grid.normal,
    }
    if path.suffix == ".vtu":
        return vtk.write_voxels(path, grid, fields)
    if path.suffix == ".vtp":
        surface = isosurface(grid)
        return vtk.write_surface(path, surface, {"section": fields["section"][surface.voxel]})
    if path.suffix == ".vti":
        return vtk.write_image(path, grid, fields)
    if path.suffix == ".npz":
        arrays = {name: getattr(grid, name) for name in grid.__slots__ if name != "notes"}
        names = np.array(found.segments.morphology.names)
        np.savez_compressed(
            path, **arrays, section=fields["section"], section_names=names, notes=np.array(grid.notes, dtype=str)
        )
        return path
    raise GeometryError(f"--output ends in {', '.join(ENDINGS)}; got '{path.name}'.")


def picture(found: Report) -> Figure:
    """Three views of the voxels along the axes, shaded by their normals and coloured by the kind of section."""
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch

    grid = found.grid
    size = grid.shape * grid.dx
    width, height = size[0] + size[2], size[1] + size[2]
    scale = min(9.0 / width, 7.0 / height)
    figure = Figure(figsize=(max(scale * width, 3.5) + 1.6, max(scale * height, 3.0) + 1.2), layout="constrained")
    spec = figure.add_gridspec(2, 2, width_ratios=size[[0, 2]] / width, height_ratios=size[[1, 2]] / height)
    kinds = np.array([kind if kind in PALETTE else "dendrite" for kind in found.segments.morphology.kinds])
    colour = _rgb(kinds)[found.segments.section[grid.owner]]
    front = figure.add_subplot(spec[0, 0])
    _view(front, grid, colour, (0, 1, 2))
    _view(figure.add_subplot(spec[0, 1], sharey=front), grid, colour, (2, 1, 0))
    _view(figure.add_subplot(spec[1, 0], sharex=front), grid, colour, (0, 2, 1))
    shown = dict.fromkeys(kinds[found.sections.sections].tolist())
    corner = figure.add_subplot(spec[1, 1])
    corner.axis("off")
    handles = [Patch(color=PALETTE[kind], label=kind) for kind in shown]
    corner.legend(handles=handles, frameon=False, fontsize="small", loc="upper left")
    edges = " x ".join(f"{h:g}" for h in grid.dx)
    figure.suptitle(
        f"{grid.n:,} voxels of {edges} µm, {grid.volume.sum():,.5g} µm³, membrane {grid.membrane_area.sum():,.5g} µm²",
        fontsize="medium",
    )
    return figure


def _rgb(kinds: np.ndarray) -> np.ndarray:
    from matplotlib.colors import to_rgb

    return np.array([to_rgb(PALETTE[kind]) for kind in kinds])


def _view(ax: Any, grid: VoxelGrid, colour: np.ndarray, axes: tuple[int, int, int]) -> None:
    """What is in front along the last of the axes, which points at the eye for z, and away from it otherwise."""
    across, up, along = axes
    toward = 1.0 if along == 2 else -1.0
    lowest, size = grid.lowest * grid.dx + grid.origin, grid.shape * grid.dx
    pixel = np.maximum(grid.dx, size[[across, up]].max() / PIXELS)
    counts = np.maximum(np.ceil(size / pixel - 1e-9).astype(int), 1)
    at = np.minimum((grid.position - lowest) / pixel, counts - 1).astype(int)
    order = np.argsort(toward * grid.ijk[:, along], kind="stable")
    front = np.full((counts[up], counts[across]), -1)
    front[at[order, up], at[order, across]] = order  # of several, the last stays: the one nearest to the eye
    normal = grid.normal
    facing = FROM[0] * normal[:, across] + FROM[1] * normal[:, up] + FROM[2] * toward * normal[:, along]
    bright = np.where(np.any(normal != 0, axis=1), 0.45 + 0.65 * np.clip(facing, 0, 1), 0.8)
    depth = toward * (grid.position[:, along] - lowest[along]) / max(size[along], 1e-9)
    bright = bright * (0.8 + 0.2 * (depth if toward > 0 else 1 + depth))
    shades = np.ones((*front.shape, 3))
    seen = front >= 0
    lit = bright[front[seen], None]
    shades[seen] = np.clip(colour[front[seen]] * lit + 0.35 * np.clip(lit - 0.75, 0, 1), 0, 1)
    far = lowest + counts * pixel
    ax.imshow(shades, origin="lower", extent=(lowest[across], far[across], lowest[up], far[up]), interpolation="antialiased")
    ax.set(xlabel=f"{'xyz'[across]} (µm)", ylabel=f"{'xyz'[up]} (µm)", aspect="equal")
    ax.tick_params(labelsize="small")
    for side in ("top", "right"):
        ax.spines[side].set_visible(False)
