"""Smooth surfaces of voxels: the membrane, or where a field has a level, as quadrilaterals.

In: a `VoxelGrid`, and numbers per voxel. Out: `Surface`, for pictures and for viewers (`geometry.vtk.write_surface`).

Between the middle of a voxel inside and that of one outside the surface is where the number, taken as linear, has the level.
Every cube of eight middles that the surface passes through gets one corner, the mean of the crossings on its edges, and every
crossing one quadrilateral, between the four cubes around it ("surface nets", S. Gibson 1998,
https://doi.org/10.1007/BFb0056277). So the surface is closed (an edge where two sheets touch belongs to four quadrilaterals,
every other to two), and the work is proportional to it, however large the box around the cell is.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from geometry.errors import GeometryError
from geometry.records import dataclass
from geometry.voxelize import VoxelGrid

__all__ = ["Surface", "isosurface"]

FloatArray = np.ndarray[Any, np.dtype[np.float64]]
IntArray = np.ndarray[Any, np.dtype[np.int64]]

AROUND = ((0, 0), (-1, 0), (-1, -1), (0, -1))
"""The four cubes around an edge along +z, counterclockwise as seen from its end, in steps along x and y."""


@dataclass(frozen=True, slots=True, eq=False)
class Surface:
    """Quadrilaterals, counterclockwise as seen from outside.

    Attributes
    ----------
    points : ndarray, shape (n, 3), um
        Corners.
    quads : ndarray of int, shape (m, 4)
        Corners of each quadrilateral.
    voxel : ndarray of int, shape (m,)
        The voxel inside each of them: its number colours it.
    """

    points: FloatArray
    quads: IntArray
    voxel: IntArray

    def __post_init__(self) -> None:
        for array in (self.points, self.quads, self.voxel):
            array.setflags(write=False)

    def __len__(self) -> int:
        return len(self.quads)

    @property
    def vectors(self) -> FloatArray:
        """Outward vector area of each quadrilateral, shape (m, 3), um2."""
        a, b, c, d = (self.points[self.quads[:, k]] for k in range(4))
        return 0.5 * np.cross(c - a, d - b)

    @property
    def area(self) -> float:
        """Area of the surface, um2."""
        return float(np.linalg.norm(self.vectors, axis=1).sum())

    @property
    def normals(self) -> FloatArray:
        """Outward unit normal at each corner, the mean of those around it, shape (n, 3)."""
        vectors, total = self.vectors, np.zeros_like(self.points)
        for k in range(4):
            for axis in range(3):
                total[:, axis] += np.bincount(self.quads[:, k], vectors[:, axis], minlength=len(self.points))
        return total / np.maximum(np.linalg.norm(total, axis=1, keepdims=True), 1e-300)

    def __repr__(self) -> str:
        return f"<Surface: {len(self.quads)} quadrilaterals, {self.area:.6g} um2>"


def isosurface(grid: VoxelGrid, values: Any = None, level: float = 0.5) -> Surface:
    """The membrane of the voxels, or the surface on which numbers per voxel have a level.

    Parameters
    ----------
    grid : VoxelGrid
    values : array, shape (n,), optional
        Numbers per voxel; NaN counts as outside. Without them the surface is the membrane: where the solid fills half of a
        voxel. Sections thinner than a voxel fill less than half of theirs and are not seen.
    level : float
        What is inside has at least this value. At the border of the voxels the surface runs along their faces.

    Raises
    ------
    GeometryError
        If there is not one number for each voxel, or none of them reaches the level.
    """
    inner = np.asarray(grid.fraction if values is None else values, dtype=np.float64)
    if inner.shape != (grid.n,):
        raise GeometryError(f"One number for each of {grid.n} voxels is needed; got an array of shape {inner.shape}.")
    inside = inner >= level
    if not inside.any():
        raise GeometryError(f"There is no surface: no voxel reaches {level:g}, the largest number is {np.nanmax(inner):g}.")
    keys, places, owner = [], [], []
    low, shape = grid.lowest - 1, grid.shape + 2
    for face in range(6):
        axis, up = face // 2, face % 2
        beyond = grid.neighbor[:, face]
        at = np.flatnonzero(inside & ((beyond < 0) | ~inside[beyond]))
        other = beyond[at]
        outer = np.where(other >= 0, np.nan_to_num(inner[other], nan=-np.inf), 0.0 if values is None else -np.inf)
        # a level that is met exactly, or a neighbour without a number: halfway, where the face between the two is
        part = np.where(np.isfinite(outer), (inner[at] - level) / np.maximum(inner[at] - outer, 1e-300), 0.5)
        place = grid.origin + (grid.ijk[at] + 0.5) * grid.dx
        place[:, axis] += (1 if up else -1) * part * grid.dx[axis]
        corner = grid.ijk[at].astype(np.int64) - low
        corner[:, axis] -= 0 if up else 1
        b, c = (axis + 1) % 3, (axis + 2) % 3
        around = np.repeat(corner[:, None, :], 4, axis=1)
        for k, (over, along) in enumerate(AROUND if up else AROUND[::-1]):
            around[:, k, b] += over
            around[:, k, c] += along
        keys.append((around[..., 0] * shape[1] + around[..., 1]) * shape[2] + around[..., 2])
        places.append(place)
        owner.append(at)
    key, place = np.concatenate(keys), np.concatenate(places)
    _, quads = np.unique(key.ravel(), return_inverse=True)
    quads = quads.reshape(-1, 4)
    count = np.bincount(quads.ravel())
    points = np.stack([np.bincount(quads.ravel(), np.repeat(place[:, d], 4)) / count for d in range(3)], axis=1)
    return Surface(points, quads.astype(np.int64), np.concatenate(owner))
