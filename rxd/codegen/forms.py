"""What has been found out about values of one form: their types in compiled code, addresses of functions for such arguments.

In: tuples of arrays and numbers. Out: what numba says of them, asked once for each form. To find the type of seventy arrays
takes numba longer than a small model runs, and a model whose numbers change is made ready again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np

__all__ = ["Forms"]


class Forms:
    """What is known, by what it is about and the form of the values."""

    __slots__ = ("_known",)

    def __init__(self) -> None:
        self._known: dict[Hashable, Any] = {}

    def find(self, what: Hashable, values: Any, make: Callable[[], Any]) -> Any:
        """What ``make`` gives, or has given for values of this form."""
        key = what, _form(values)
        if key not in self._known:
            self._known[key] = make()
        return self._known[key]


def _form(value: Any) -> Hashable:
    """What the type of a value follows from."""
    if isinstance(value, np.ndarray):
        flags = value.flags
        return value.dtype.str, value.ndim, flags.c_contiguous, flags.f_contiguous, flags.writeable, flags.aligned
    if isinstance(value, tuple):
        return type(value), *map(_form, value)
    return type(value), getattr(value, "kind", None)
