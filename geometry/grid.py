"""Extracellular space: a box cut into voxels, with volume fraction and tortuosity.

In: corners, voxel edges, alpha and lambda. Out: `ExtracellularGrid`, its `Mesh`, and which voxel a place lies in. Volumes are
``alpha V``; exchange between neighbours uses the effective ``alpha / lambda^2`` of both (harmonic mean), so that fluxes are
antisymmetric and steady states constant (C. Nicholson and J. M. Phillips 1981, doi:10.1113/jphysiol.1981.sp013981).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from geometry.errors import GeometryError
from geometry.mesh import GridBlock, Mesh

__all__ = ["ExtracellularGrid"]

Values = float | np.ndarray[Any, np.dtype[np.float64]] | Callable[[Any, Any, Any], Any]


@dataclass(frozen=True, slots=True, eq=False)
class ExtracellularGrid:
    """A box of extracellular space.

    Attributes
    ----------
    xlo, ylo, zlo, xhi, yhi, zhi : float, um
        Corners. The box is enlarged at the upper side to a whole number of voxels.
    dx : float or sequence of three floats, um
        Voxel edges.
    volume_fraction : float, ndarray of shape `shape`, or function of (x, y, z)
        alpha, in (0, 1].
    tortuosity : float, ndarray of shape `shape`, or function of (x, y, z)
        lambda, positive; diffusion is D / lambda^2.
    """

    xlo: float
    ylo: float
    zlo: float
    xhi: float
    yhi: float
    zhi: float
    dx: Any
    volume_fraction: Any = 1.0
    tortuosity: Any = 1.0
    spacing: tuple[float, float, float] = field(init=False)
    shape: tuple[int, int, int] = field(init=False)

    def __post_init__(self) -> None:
        edges = np.broadcast_to(np.asarray(self.dx, dtype=float), (3,))
        if not np.all(np.isfinite(edges) & (edges > 0)):
            raise GeometryError(f"The voxel edges dx of an extracellular box are positive, in um; got {self.dx!r}.")
        low, high = self.corners
        if not np.all(np.isfinite(low) & np.isfinite(high) & (high > low)):
            raise GeometryError(
                f"An extracellular box needs xlo < xhi, ylo < yhi, zlo < zhi in um; got {low.tolist()} to {high.tolist()}."
            )
        counts = np.maximum(1, np.ceil((high - low) / edges - 1e-9).astype(int))
        object.__setattr__(self, "spacing", tuple(float(e) for e in edges))
        object.__setattr__(self, "shape", tuple(int(c) for c in counts))
        for name, top in (("volume_fraction", 1.0), ("tortuosity", np.inf)):
            values = self.values(name)
            if not np.all(np.isfinite(values) & (values > 0) & (values <= top)):
                limits = "in (0, 1]" if top == 1.0 else "positive"
                raise GeometryError(f"{name} of an extracellular box is {limits} everywhere; it ranges over {values.min():g} .. {values.max():g}.")

    @property
    def corners(self) -> tuple[np.ndarray, np.ndarray]:
        """Lower and upper corner as given, shape (3,) each, um."""
        return np.array([self.xlo, self.ylo, self.zlo], dtype=float), np.array([self.xhi, self.yhi, self.zhi], dtype=float)

    @property
    def n(self) -> int:
        """Number of voxels."""
        return int(np.prod(self.shape))

    @property
    def position(self) -> np.ndarray:
        """Middle of each voxel in C order of (i, j, k), shape (n, 3), um."""
        axes = [low + (np.arange(n) + 0.5) * d for low, n, d in zip(self.corners[0], self.shape, self.spacing, strict=True)]
        return np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)

    def values(self, name: str) -> np.ndarray:
        """``volume_fraction`` or ``tortuosity`` of each voxel, shape `shape`.

        Raises
        ------
        GeometryError
            If an array has another shape than the box.
        """
        given = getattr(self, name)
        if callable(given):
            x, y, z = self.position.T
            try:
                values = np.asarray(given(x, y, z), dtype=float)
            except (TypeError, ValueError):
                values = np.array([float(given(*place)) for place in self.position])
            return np.broadcast_to(values, (self.n,)).reshape(self.shape)
        array = np.asarray(given, dtype=float)
        if array.shape not in ((), self.shape):
            raise GeometryError(f"{name} is a number, a function of (x, y, z) or an array of shape {self.shape}; got shape {array.shape}.")
        return np.broadcast_to(array, self.shape)

    def ijk(self, index: np.ndarray) -> np.ndarray:
        """Voxel numbers to (i, j, k), shape (..., 3)."""
        return np.stack(np.unravel_index(np.asarray(index), self.shape), axis=-1)

    def index(self, ijk: np.ndarray) -> np.ndarray:
        """(i, j, k) to voxel numbers."""
        i, j, k = np.moveaxis(np.asarray(ijk), -1, 0)
        return np.ravel_multi_index((i, j, k), self.shape)

    def locate(self, position: np.ndarray) -> np.ndarray:
        """Number of the voxel each position (um, shape (m, 3)) lies in, -1 outside the box."""
        cell = np.floor((np.asarray(position, dtype=float) - self.corners[0]) / np.array(self.spacing)).astype(np.int64)
        # A place on the upper face belongs to the last voxel.
        upper = np.isclose(position, self.corners[0] + np.array(self.spacing) * np.array(self.shape), rtol=0, atol=1e-9)
        cell = np.where(upper, np.array(self.shape) - 1, cell)
        inside = np.all((cell >= 0) & (cell < np.array(self.shape)), axis=1)
        number = np.full(len(cell), -1, dtype=np.int64)
        number[inside] = self.index(cell[inside])
        return number

    def mesh(self) -> Mesh:
        """The box as a finite-volume graph with closed sides."""
        whole = float(np.prod(self.spacing))
        alpha = self.values("volume_fraction")
        effective = alpha / self.values("tortuosity") ** 2
        number = np.arange(self.n).reshape(self.shape)
        edges, faces, distances = [], [], []
        for axis in range(3):
            low = np.take(number, np.arange(self.shape[axis] - 1), axis=axis).ravel()
            high = np.take(number, np.arange(1, self.shape[axis]), axis=axis).ravel()
            a, b = effective.ravel()[low], effective.ravel()[high]
            edges.append(np.stack([low, high], axis=1))
            faces.append(whole / self.spacing[axis] * 2.0 * a * b / (a + b))
            distances.append(np.full(len(low), self.spacing[axis]))
        origin = (float(self.xlo), float(self.ylo), float(self.zlo))
        return Mesh(
            volume=whole * alpha.ravel(),
            membrane_area=np.zeros(self.n),
            owner=np.full(self.n, -1, dtype=np.int64),
            position=self.position,
            edges=np.concatenate(edges),
            face_area=np.concatenate(faces),
            distance=np.concatenate(distances),
            blocks=(GridBlock(self.shape, self.spacing, origin, np.ones(self.shape, dtype=bool)),),
        )

    def __repr__(self) -> str:
        size = " x ".join(str(n) for n in self.shape)
        return f"<ExtracellularGrid: {size} voxels of {' x '.join(f'{d:g}' for d in self.spacing)} um>"
