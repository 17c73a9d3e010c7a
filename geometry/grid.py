"""Extracellular space: a box of equal voxels, each of which is tissue with a free volume fraction and a tortuosity.

In: the corners of the box, the voxel edges, and both properties as numbers, arrays or functions of position. Out:
`ExtracellularGrid`, its `Mesh`, and the voxel in which each segment lies.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import field
from math import ceil
from typing import Any

import numpy as np

from geometry.errors import GeometryError
from geometry.mesh import GridBlock, Mesh
from geometry.records import dataclass
from geometry.segments import Segments
from geometry.selection import SectionsLike, section_indices

__all__ = ["SIDES", "ExtracellularGrid"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]
Property = float | FloatArray | Callable[[FloatArray, FloatArray, FloatArray], FloatArray]

SIDES = ("xlo", "xhi", "ylo", "yhi", "zlo", "zhi")


@dataclass(frozen=True, slots=True, eq=False)
class ExtracellularGrid:
    """A box of tissue around cells, cut into voxels.

    Concentrations are those of the free volume, and `alpha V dc/dt = sum alpha D / lambda^2 face / dx (c_k - c) + sources`,
    where alpha is the volume fraction and lambda the tortuosity (Nicholson and Phillips 1981,
    https://doi.org/10.1113/jphysiol.1981.sp013981). Between voxels of different tissue `alpha / lambda^2` is the harmonic
    mean: two halves in series.

    Attributes
    ----------
    xlo, ylo, zlo, xhi, yhi, zhi : float, um
        Corners wanted. The box ends on whole voxels, so it may reach a little further than `xhi, yhi, zhi`: see `high`.
    dx : float or (float, float, float), um
        Edge of the voxels, or one for each axis.
    volume_fraction, tortuosity : float, array of `shape`, or function of (x, y, z)
        Free fraction of the volume, above 0 and at most 1, and tortuosity lambda, above 0; nothing diffuses where it is
        infinite. A function gets three arrays, the coordinates of the middles of all voxels, and returns one of the same shape
        (or a number).
    shape : tuple of int
        Number of voxels along x, y, z.
    spacing : tuple of float, um
        Edges of a voxel.
    fraction, lambda_ : ndarray, shape `shape`
        Both properties in every voxel; not to be written to.
    """

    xlo: float
    ylo: float
    zlo: float
    xhi: float
    yhi: float
    zhi: float
    dx: float | tuple[float, float, float]
    volume_fraction: Property = 1.0
    tortuosity: Property = 1.0
    shape: tuple[int, int, int] = field(init=False)
    spacing: tuple[float, float, float] = field(init=False)
    fraction: FloatArray = field(init=False, repr=False)
    lambda_: FloatArray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        edge = np.asarray(self.dx, dtype=np.float64)
        if edge.shape not in ((), (3,)) or not np.all(np.isfinite(edge) & (edge > 0)):
            raise GeometryError(f"dx is the edge of a voxel in um: one number above zero, or three; got {self.dx!r}.")
        x, y, z = (float(h) for h in np.broadcast_to(edge, 3))
        put(self, "spacing", (x, y, z))
        corners = zip("xyz", (self.xlo, self.ylo, self.zlo), (self.xhi, self.yhi, self.zhi), self.spacing, strict=True)
        nx, ny, nz = (_count(axis, low, high, h) for axis, low, high, h in corners)
        put(self, "shape", (nx, ny, nz))
        put(self, "fraction", _evaluated(self, "volume_fraction", 1.0))
        put(self, "lambda_", _evaluated(self, "tortuosity", np.inf))

    def __len__(self) -> int:
        return self.n

    @property
    def n(self) -> int:
        """Number of voxels."""
        nx, ny, nz = self.shape
        return nx * ny * nz

    @property
    def low(self) -> FloatArray:
        """Lowest corner of the box, shape (3,), um."""
        return np.array([self.xlo, self.ylo, self.zlo], dtype=np.float64)

    @property
    def high(self) -> FloatArray:
        """Highest corner of the box, shape (3,), um: `xhi, yhi, zhi` or up to one voxel beyond."""
        return self.low + np.array(self.shape) * self.spacing

    @property
    def volume(self) -> FloatArray:
        """Free volume of each voxel, `alpha V`, shape (n,), um3."""
        return self.fraction.ravel() * np.prod(self.spacing)

    @property
    def ease(self) -> FloatArray:
        """Diffusion across the tissue over free diffusion, `alpha / lambda^2`, shape (n,), or (1,) where it is one number."""
        if not any(self.fraction.strides) and not any(self.lambda_.strides):
            return self.fraction.ravel()[:1] / self.lambda_.ravel()[:1] ** 2
        return (self.fraction / self.lambda_**2).ravel()

    @property
    def position(self) -> FloatArray:
        """Middle of each voxel, shape (n, 3), um."""
        return np.stack([axis.ravel() for axis in self.coordinates()], axis=1)

    def coordinates(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Coordinates x, y, z of the middles of the voxels, each of `shape`, um."""
        x, y, z = np.meshgrid(
            *(low + (np.arange(n) + 0.5) * h for low, n, h in zip(self.low, self.shape, self.spacing, strict=True)),
            indexing="ij",
        )
        return x, y, z

    def index(self, ijk: IntArray | tuple[int, int, int]) -> IntArray:
        """Numbers of the voxels (i, j, k), counted in C order; shape of `ijk` without its last axis.

        Raises
        ------
        GeometryError
            If one is outside the box.
        """
        at = np.asarray(ijk, dtype=np.int64)
        if np.any((at < 0) | (at >= self.shape)):
            raise GeometryError(
                f"Voxel {at[np.any((at < 0) | (at >= self.shape), axis=-1)].reshape(-1, 3)[0]} is not in {self!r}."
            )
        return np.asarray(np.ravel_multi_index(tuple(np.moveaxis(at, -1, 0)), self.shape))

    def ijk_of(self, position: FloatArray) -> IntArray:
        """The voxel (i, j, k) that contains each position (..., 3) in um; a place on the upper sides belongs to the last voxel.

        Raises
        ------
        GeometryError
            If one is outside the box.
        """
        at = np.asarray(position, dtype=np.float64)
        outside = ~np.all((at >= self.low) & (at <= self.high), axis=-1)
        if np.any(outside):
            raise GeometryError(f"The place {at[outside].reshape(-1, 3)[0]} um is not in the box {self.low} to {self.high} um.")
        return np.minimum(((at - self.low) / self.spacing).astype(np.int64), np.array(self.shape) - 1)

    def locate(self, position: FloatArray) -> IntArray:
        """Number of the voxel each position (m, 3) in um lies in, shape (m,); -1 outside the box."""
        at = np.asarray(position, dtype=np.float64).reshape(-1, 3)
        inside = np.all((at >= self.low) & (at <= self.high), axis=1)
        number = np.full(len(at), -1, dtype=np.int64)
        number[inside] = self.index(self.ijk_of(at[inside]))
        return number

    def voxel_of_segment(self, segments: Segments, sections: SectionsLike | None = None) -> IntArray:
        """The voxel in which the middle of each segment lies, shape (n_segments,).

        Parameters
        ----------
        segments : Segments
        sections : Selection, Section, names or indices, optional
            Sections that exchange with this space, all if not given; the segments of others get -1.

        Raises
        ------
        GeometryError
            If a segment of theirs is outside the box; the sections are named.
        """
        m = segments.morphology
        chosen = segments.of(section_indices(m, m.all if sections is None else sections))
        at = segments.position[chosen]
        outside = ~np.all((at >= self.low) & (at <= self.high), axis=1)
        if np.any(outside):
            names = [m.names[i] for i in np.unique(segments.section[chosen[outside]])]
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            box = m.bounds()
            raise GeometryError(
                f"These sections leave the extracellular box {self.low} to {self.high} um: {shown}. The cell fills {box[0]} to "
                f"{box[1]} um: make the box larger, or restrict the exchange to the sections inside."
            )
        voxel = np.full(segments.n, -1, dtype=np.int64)
        voxel[chosen] = self.index(self.ijk_of(at))
        return voxel

    def boundary(self, side: str) -> tuple[IntArray, FloatArray]:
        """Voxels at one side of the box, and what joins their middles to that side: `alpha / lambda^2 face / (dx / 2)`, um.

        Parameters
        ----------
        side : str
            One of `SIDES`: `"xlo", "xhi", "ylo", "yhi", "zlo", "zhi"`.
        """
        if side not in SIDES:
            raise GeometryError(f"There is no side {side!r}; the sides of a box are {', '.join(SIDES)}.")
        axis, last = SIDES.index(side) // 2, side.endswith("hi")
        layer = np.take(np.arange(self.n).reshape(self.shape), self.shape[axis] - 1 if last else 0, axis=axis).ravel()
        ease = (self.fraction / self.lambda_**2).ravel()[layer]
        return layer, ease * np.prod(self.spacing) / self.spacing[axis] ** 2 * 2

    def mesh(self) -> Mesh:
        """The finite-volume graph of the box; no flux leaves through its sides (see `boundary` for other conditions)."""
        number = np.arange(self.n).reshape(self.shape)
        ease = (self.fraction / self.lambda_**2).ravel()
        edges, areas, distances = [], [], []
        for axis, h in enumerate(self.spacing):
            low, high = np.delete(number, -1, axis=axis).ravel(), np.delete(number, 0, axis=axis).ravel()
            edges.append(np.stack([low, high], axis=1))
            areas.append(np.prod(self.spacing) / h * harmonic_mean(ease[low], ease[high]))
            distances.append(np.full(len(low), h))
        x, y, z = (float(at) for at in self.low)
        return Mesh(
            volume=self.volume,
            membrane_area=np.zeros(self.n),
            owner=np.full(self.n, -1),
            position=self.position,
            edges=np.concatenate(edges),
            face_area=np.concatenate(areas),
            distance=np.concatenate(distances),
            blocks=(GridBlock(self.shape, self.spacing, (x, y, z), np.ones(self.shape, dtype=bool)),),
        )

    def __repr__(self) -> str:
        size = " x ".join(f"{n}" for n in self.shape)
        return f"<ExtracellularGrid: {size} voxels of {' x '.join(f'{h:g}' for h in self.spacing)} um from {self.low} um>"


def harmonic_mean(one: FloatArray, other: FloatArray) -> FloatArray:
    """Of numbers that may be zero: then zero."""
    total = one + other
    return np.divide(2 * one * other, total, out=np.zeros_like(total), where=total > 0)


def _count(axis: str, low: float, high: float, h: float) -> int:
    if not np.isfinite(high - low) or not high > low:
        raise GeometryError(f"The box is empty along {axis}: {axis}lo = {low!r} must be less than {axis}hi = {high!r}.")
    # a box of a whole number of voxels must not gain one by round-off
    return max(1, ceil((high - low) / h - 1e-9))


def _evaluated(grid: ExtracellularGrid, name: str, most: float) -> FloatArray:
    """A property in every voxel, checked."""
    given = getattr(grid, name)
    values = np.asarray(given(*grid.coordinates()) if callable(given) else given, dtype=np.float64)
    if values.shape not in ((), grid.shape):
        raise GeometryError(
            f"{name} has the shape {values.shape}; a number, an array of the grid's shape {grid.shape}, or a function of "
            "(x, y, z) that returns one is needed."
        )
    values = np.broadcast_to(values.copy(), grid.shape)  # one number for all takes the room of one
    bad = np.argwhere(~((values > 0) & (values <= most)))
    if bad.size:
        where = "" if np.ndim(given) == 0 and not callable(given) else f" in voxel {tuple(int(i) for i in bad[0])}"
        limits = "above 0 and at most 1" if most == 1 else "above 0"
        raise GeometryError(f"{name} is {values[tuple(bad[0])]:g}{where}; it must be {limits}.")
    values.setflags(write=False)
    return values
