"""How kernels are compiled and called: those that only kernels call, and those that threads share.

`inner` and `forced` leave out what Python needs to call a function, which for twenty arrays takes as long to compile as the
function. None of these kernels counts references: one that hands on arrays counts each up and down, atomically, which took
more than a third of the time. So they cannot allocate either, and all arrays belong to who calls them from Python. `in_ranges`
stands for numba's `prange`: what that makes of a loop takes as long again to compile as the loop, and everybody waits for
that, while few have the voxels that are worth several threads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import numba
import numpy as np

__all__ = ["ZERO", "forced", "in_ranges", "inner", "lean"]

_compile: Any = numba.njit  # its types do not know the options below
lean: Any = _compile(cache=True, nogil=True, error_model="numpy", _nrt=False, no_cfunc_wrapper=True)
"""Decorator of kernels that Python calls, from several threads if it likes."""
inner: Any = _compile(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False)
"""Decorator of kernels that other kernels call; Python cannot."""
forced: Any = _compile(error_model="numpy", no_cpython_wrapper=True, no_cfunc_wrapper=True, _nrt=False, forceinline=True)
"""The same, written into the kernel that calls."""
ZERO: Any = np.int64(0)
"""Where a kernel begins to count: with a plain 0 numba compiles what is called with the count once more, for the constant."""
RANGES: Final = 4
"""Ranges a thread gets, so that none waits long for the others."""


def in_ranges(kernel: Callable[..., None], count: int, least: int, *arguments: Any) -> None:
    """Call ``kernel(begin, end, *arguments)`` for ranges that make up 0 to ``count``, none shorter than ``least``.

    Parameters
    ----------
    kernel : callable
        Compiled with ``nogil=True``; ranges must not write the same numbers.
    count, least : int
        Number of pieces of work, and how many are worth a call.
    *arguments
        Passed on to every call.
    """
    threads = numba.get_num_threads() if count >= 2 * least else 1
    if threads == 1:
        kernel(0, count, *arguments)
        return
    size = max(least, -(-count // (RANGES * threads)))
    with ThreadPoolExecutor(threads) as pool:
        calls = [pool.submit(kernel, begin, min(begin + size, count), *arguments) for begin in range(0, count, size)]
        for call in calls:
            call.result()
