"""A box of equal voxels solved by cosine transforms, as a PETSc preconditioner (``PCPYTHON``, a shell).

In: the block of a field in a sparse matrix. Out: an object with the methods PETSc calls. Exchange between equal voxels in a box
with closed sides is diagonal in cosines, ``L = F^T diag(l) F`` with ``l = 2 sum_axis rate (1 - cos(pi k / n))``, so that
``(d + L) x = b`` is a transform, a division and the transform back, whatever the step and the resolution (Buzbee, Golub and
Nielson 1970, doi:10.1137/0707049). ``d`` is what a voxel has of its own, on average: only where voxels differ, and what couples
one field to another, is left to the Krylov method.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from geometry.records import dataclass

EQUAL: Final = 1e-9
"""Relative difference up to which rates of exchange are the same."""
SAME: Final = 1e-12
"""Relative difference up to which what voxels have of their own is the same: round-off of what they exchange."""
ALIKE: Final = 2.0
"""Times the mean up to which what voxels have of their own may differ, up or down: beyond it other methods are faster."""


@dataclass(frozen=True, slots=True, eq=False)
class Box:
    """Equal voxels in C order.

    Attributes
    ----------
    shape : tuple of int
        Voxels along each axis.
    rates : ndarray, shape (axes,), 1/ms
        Exchange with a neighbour along each axis: diffusivity over the distance squared.
    """

    shape: tuple[int, ...]
    rates: np.ndarray


def box_of(indptr: np.ndarray, indices: np.ndarray, typical: np.ndarray, rows: np.ndarray) -> Box | None:
    """The box whose exchange the rows of a matrix are, or None: another shape, other rates, or open sides.

    Parameters
    ----------
    indptr, indices : ndarray of int
        CSR pattern of the whole matrix.
    typical : ndarray, shape (nnz,), 1/ms
        Exchange alone.
    rows : ndarray of int, shape (n,)
        Consecutive.
    """
    n, first = len(rows), int(rows[0])
    part = slice(indptr[first], indptr[first + n])
    row = np.repeat(np.arange(n), np.diff(indptr[first : first + n + 1]))
    step, value = indices[part] - first - row, typical[part]
    own = (step + row >= 0) & (step + row < n) & (value != 0)
    row, step, value = row[own], step[own], value[own]
    strides = np.flatnonzero(np.bincount(step[step > 0]))
    if not 0 < len(strides) < 4 or strides[0] != 1 or np.any(np.array([*strides[1:], n]) % strides):
        return None
    shape = tuple(int(long // short) for long, short in zip([*strides[1:], n], strides, strict=True))[::-1]
    place = np.indices(shape, dtype=np.int32).reshape(len(shape), n)
    rates, others = np.zeros(len(shape)), len(step) - n
    for axis, stride in enumerate(strides[::-1]):
        for towards, side in ((stride, shape[axis] - 1), (-stride, 0)):
            there = step == towards
            found = np.zeros(n, dtype=bool)
            found[row[there]] = True
            rate = value[there]
            if not np.array_equal(found, place[axis] != side) or np.ptp(rate) > EQUAL * rate.max():
                return None
            others -= len(rate)
            rates[axis] = rate[0]
    # nothing but these neighbours, and no way out
    closed = np.abs(np.bincount(row, value, n)) <= EQUAL * rates.sum()
    return Box(shape, rates) if closed.all() and others == 0 else None


class CosineShell:
    """Solve one field's block: exactly where all its voxels have the same of their own, well where they are `alike`.

    Parameters
    ----------
    box : Box
    data : ndarray
        Values of the matrix PETSc works on: read anew at every setup, never written.
    diagonal_at : ndarray of int, shape (n,)
        Place in ``data`` of each voxel's diagonal entry.
    """

    def __init__(self, box: Box, data: np.ndarray, diagonal_at: np.ndarray) -> None:
        self._shape, self._data, self._diagonal_at = box.shape, data, diagonal_at
        self._exchange, self._leaving = np.zeros(box.shape), np.zeros(box.shape)
        for axis, (n, rate) in enumerate(zip(box.shape, box.rates, strict=True)):
            waves = 2.0 * rate * (1.0 - np.cos(np.pi * np.arange(n) / n))
            faces = np.where((np.arange(n) == 0) | (np.arange(n) == n - 1), rate, 2.0 * rate)
            others = tuple(k for k in range(len(box.shape)) if k != axis)
            self._exchange += np.expand_dims(waves, others)
            self._leaving += np.expand_dims(faces, others)
        self._inverse = np.ones(box.shape)

    def _own(self) -> np.ndarray:
        """What every voxel has of its own, as the matrix is now: its diagonal without exchange."""
        return np.asarray(self._data[self._diagonal_at].reshape(self._shape) - self._leaving)

    def alike(self) -> bool:
        """Whether what voxels have of their own does not differ too much from its mean."""
        own = self._own()
        mean = own.mean()
        return bool(own.min() > 0 and own.max() <= ALIKE * mean and mean <= ALIKE * own.min())

    def exact(self) -> bool:
        """Whether all voxels have the same of their own, so that this is the inverse of the block."""
        own = self._own()
        return bool(np.ptp(own) <= SAME * own.mean())

    def setUp(self, pc: Any = None) -> None:
        """Take what voxels have of their own; PETSc calls this when the matrix has changed."""
        np.divide(1.0, self._own().mean() + self._exchange, out=self._inverse)

    def solve(self, right: np.ndarray, out: np.ndarray) -> None:
        """Solve for one right-hand side."""
        from scipy.fft import dctn, idctn

        waves = dctn(right.reshape(self._shape), norm="ortho")
        waves *= self._inverse
        out[:] = idctn(waves, norm="ortho", overwrite_x=True).ravel()

    def apply(self, pc: Any, x: Any, y: Any) -> None:
        """Solve for the vector x into the vector y."""
        self.solve(x.getArray(readonly=True), y.getArray())

    def view(self, pc: Any, viewer: Any) -> None:
        """A line for ``-axoplasm_ksp_view``."""
        viewer.printfASCII(f"    cosine transforms of a box of {' x '.join(map(str, self._shape))} voxels (axoplasm)\n")
