"""Point processes of a compiled model, which it does not keep alive: they go when the script lets go of them, as in NEURON.

In: point processes. Out: the same while they live; when one is gone, until the model is compiled anew, what its equations and
arrays were made of.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

__all__ = ["Placed", "Reference"]


class Reference:
    """A point process, or what is left of it."""

    __slots__ = ("_left", "_reference")

    def __init__(self, point: Any) -> None:
        self._reference = weakref.ref(point)
        names = ("info", "kind", "values", "arrays", "translation", "simple")
        self._left = SimpleNamespace(host=None, x=0.5, **{name: getattr(point, name, None) for name in names})

    def get(self) -> Any:
        """The point process while it lives; after that its kind and its last values, of no section."""
        found = self._reference()
        return self._left if found is None else found


class Placed:
    """Point processes in the order of the model's."""

    __slots__ = ("_number", "_references")

    def __init__(self) -> None:
        self._references: list[Reference] = []
        self._number: dict[int, int] = {}

    def append(self, point: Any) -> None:
        """Add one."""
        self._number[id(point)] = len(self._references)
        self._references.append(Reference(point))

    def number(self, point: object) -> int | None:
        """The number of one of them; None for others, also for one made where one that is gone was in memory."""
        number = self._number.get(id(point))
        return number if number is not None and self._references[number].get() is point else None

    def __contains__(self, point: object) -> bool:
        return self.number(point) is not None

    def __getitem__(self, number: int) -> Any:
        return self._references[number].get()

    def __iter__(self) -> Iterator[Any]:
        return (reference.get() for reference in self._references)

    def __len__(self) -> int:
        return len(self._references)
