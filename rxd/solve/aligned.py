"""Arrays that begin at a cache line: a vector of eight doubles that lies across two lines costs twice."""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import numpy as np

LINE: Final = 8
"""Doubles in a cache line."""
PAGE: Final = 1 << 21
"""Bytes of a large page of memory."""
WORTH: Final = PAGE // 4
"""From so many bytes on arrays get large pages."""


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


def together(sizes: Sequence[int]) -> list[np.ndarray]:
    """Zeros of these sizes, one behind the other, that a loop goes through again and again; each begins at a cache line.

    If there is much of them, in large pages, where the system has these. In small ones, which lie anywhere, some parts of a
    cache get more than they hold while others stay empty, and a step of a cell of two megabytes took a tenth longer.
    """
    starts = np.cumsum([0, *(-(-size // LINE) * LINE for size in sizes)]).tolist()
    room = _in_large_pages(starts[-1]) if 8 * starts[-1] >= WORTH else aligned_zeros(starts[-1])
    return [room[start : start + size] for start, size in zip(starts, sizes, strict=False)]


def _in_large_pages(size: int) -> np.ndarray:
    """Zeros, shape (size,)."""
    if not hasattr(mmap, "MADV_HUGEPAGE"):
        return aligned_zeros(size)
    whole = -(-8 * size // PAGE) * PAGE
    memory = mmap.mmap(-1, whole + PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    with suppress(OSError):  # small ones do, too
        memory.madvise(mmap.MADV_HUGEPAGE)
    room = np.frombuffer(memory, dtype=np.float64)
    first = -room.ctypes.data % PAGE // 8
    return room[first : first + size]
