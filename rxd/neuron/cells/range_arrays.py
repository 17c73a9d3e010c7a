"""Arrays among the variables of mod files: `seg.cadifus.ca[2]`, `seg.ca_cadifus[2]`, `syn.g[1]`.

In: what holds the elements, each under a name of its own (`ca_2_cadifus`). Out: an object to index.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["Elements"]


class Elements:
    """The elements of an array: numbers, or pointers to them.

    Parameters
    ----------
    name : str
        For messages.
    size : int
    read, write : function
        Of a number; without ``write`` they cannot be set.
    """

    __slots__ = ("_name", "_read", "_size", "_write")

    def __init__(
        self, name: str, size: int, read: Callable[[int], Any], write: Callable[[int, Any], None] | None = None
    ) -> None:
        self._name, self._size, self._read, self._write = name, size, read, write

    def __getitem__(self, index: int) -> Any:
        return self._read(self._checked(index))

    def __setitem__(self, index: int, value: Any) -> None:
        if self._write is None:
            raise TypeError(f"{self._name}: pointers cannot be set")
        self._write(self._checked(index), value)

    def __len__(self) -> int:
        return self._size

    def __iter__(self) -> Iterator[Any]:
        return (self._read(i) for i in range(self._size))

    def _checked(self, index: int) -> int:
        number = int(index)
        if not 0 <= number < self._size:
            raise IndexError(f"{self._name} has {self._size} elements; there is no {self._name}[{number}]")
        return number

    def __repr__(self) -> str:
        return f"<array {self._name} of {self._size}>"
