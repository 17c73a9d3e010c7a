"""Python's collector of garbage, left alone where much is made that stays."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["collector_paused"]


@contextmanager
def collector_paused() -> Iterator[None]:
    """The collector does not look while numba compiles, or while SymPy and numba are loaded.

    It would go through millions of objects again and again, for a tenth of the time, and nearly all are still in use.
    """
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
