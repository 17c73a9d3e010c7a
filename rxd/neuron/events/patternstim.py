"""PatternStim: spikes of cells that are not here, by number, from Vectors of times and numbers.

In: times (ms, rising) and numbers of cells (gids). Out: events at the NetCons that `pc.gid_connect` has made for numbers of
cells that no process has. As in NEURON 9, cells that are here do not fire, whatever `fake_output` says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import HocError
from rxd.neuron.events.artificial import Artificial

if TYPE_CHECKING:
    from rxd.neuron.vectors.vector import Vector

__all__ = ["PatternStim"]


class PatternStim(Artificial):
    """A source of the spikes of others: `h.PatternStim().play(times, gids)`."""

    kind = "PatternStim"

    def play(self, times: Vector, gids: Vector) -> float:
        """Let these cells fire at these times (ms) from the next `finitialize` on.

        Raises
        ------
        HocError
            If there are not as many times as numbers, or times fall.
        """
        when, who = [float(t) for t in times], [int(gid) for gid in gids]
        if len(when) != len(who):
            raise HocError(f"PatternStim.play: {len(when)} times for {len(who)} numbers of cells.")
        if sorted(when) != when:
            raise HocError("PatternStim.play: the times must rise.")
        object.__setattr__(self, "pattern", list(zip(when, who, strict=True)))
        return 1.0

    def initialize(self) -> None:
        """Schedule the first spike."""
        super().initialize()
        object.__setattr__(self, "fired", 0)
        self._next()

    def _next(self) -> None:
        pattern: Any = self._stored.get("pattern", ())
        index = int(self._stored["fired"])
        if index < len(pattern):
            self.later(pattern[index][0], self._spike)

    def _spike(self, t: float) -> None:
        number = self._stored["pattern"][self._stored["fired"]][1]
        for reference in self.session.exchange.awaited.get(number, ()):
            connection = reference()
            if connection is not None:
                connection.spike(t)
        object.__setattr__(self, "fired", self._stored["fired"] + 1)
        self._next()
