"""Numbers of objects, as in `IClamp[0]`.

In: objects that come and go. Out: the number of the next one of a kind; they begin anew when none is left, as in NEURON.
"""

from __future__ import annotations

from collections import Counter

__all__ = ["Ordinals"]


class Ordinals:
    """Numbers of point processes, by kind, and of NetCons."""

    def __init__(self) -> None:
        self._living, self._last = Counter[str](), dict[str, int]()

    def following(self, kind: str) -> int:
        """The number of the next one of a kind."""
        self._last[kind] = self._last.get(kind, -1) + 1 if self._living[kind] else 0
        return self._last[kind]

    def come(self, kind: str) -> None:
        """One has been made."""
        self._living[kind] += 1

    def gone(self, kind: str) -> None:
        """One is gone."""
        self._living[kind] -= 1
