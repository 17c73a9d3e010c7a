"""VecStim: an artificial cell that fires at the times in a Vector.

In: a Vector of times. Out: spikes to the NetCons that listen. In NEURON it is a mod file (`vecevent.mod`) with C code in it
that published network models bring along; here it is built in, and that file is not read.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rxd.neuron.errors import HocError
from rxd.neuron.events.artificial import Artificial

if TYPE_CHECKING:
    from rxd.neuron.vectors.vector import Vector

__all__ = ["VecStim"]


class VecStim(Artificial):
    """A source of spikes at the times of a Vector, which rise: `h.VecStim().play(times)`."""

    kind = "VecStim"

    def play(self, times: Vector | None = None) -> float:
        """Fire at these times (ms) from the next `finitialize` on; without argument, no more."""
        object.__setattr__(self, "times", times)
        return 0.0

    def initialize(self) -> None:
        """Schedule the first spike."""
        super().initialize()
        self.values["index"] = 0.0
        self._next(self.session.globals.t)

    def _next(self, now: float) -> None:
        """Schedule the next spike; the Vector is read anew each time, since a script may change it on the way."""
        times: Any = self._stored.get("times")
        index = int(self.values["index"])
        if times is None or not 0 <= index < len(times):
            self.values["index"] = -1.0
            return
        when = float(times[index])
        if when < now:
            raise HocError(f"{self}: spike {index} is at {when:g} ms, before {now:g} ms; the times of a VecStim rise from 0.")
        self.values["index"] = index + 1.0
        self.values["etime"] = when
        self.later(when, self._spike)

    def _spike(self, t: float) -> None:
        self.fire(t)
        self._next(t)
