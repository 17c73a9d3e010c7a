"""Arrays that begin at a cache line: a vector of eight doubles that lies across two lines costs twice."""

from __future__ import annotations

from typing import Final

import numpy as np

LINE: Final = 8
"""Doubles in a cache line."""


def aligned(values: np.ndarray) -> np.ndarray:
    """A flat copy that begins at a cache line."""
    values = np.ravel(values)
    room = aligned_zeros(values.size)
    room[:] = values
    return room


def aligned_zeros(size: int) -> np.ndarray:
    """Zeros that begin at a cache line, shape (size,)."""
    room = np.zeros(size + LINE)
    first = -(room.ctypes.data // room.itemsize) % LINE
    return room[first : first + size]
