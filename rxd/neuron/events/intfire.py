"""Integrate-and-fire cells: IntFire1, IntFire2, IntFire4.

In: events with a weight. Out: spikes to the NetCons that listen. Here they are objects that take one event after the other;
runs of steps take them as rows of numbers (`row`, `take_row`), where the same formulas (`rxd.solve.firing`) are compiled.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from rxd.neuron.events.artificial import Artificial, Turn
from rxd.solve.firing import (
    EPSILON,
    INTFIRE1,
    INTFIRE2,
    INTFIRE4,
    NEVER,
    bound_of_firing,
    factors,
    firing_time,
    moved_2,
    moved_4,
)

__all__ = ["INTFIRE_CLASSES", "IntFire", "IntFire1", "IntFire2", "IntFire4"]

_GAP = 0.01  # ms, by which NEURON makes a time constant longer than one that has to be shorter


class IntFire(Artificial):
    """A cell whose state between two events is known."""

    which: ClassVar[int]
    """Which of them, in `rxd.solve.firing`."""
    last = 0.0
    pending = 0

    def initialize(self) -> None:
        """Start at rest."""
        super().initialize()
        self.put("last", self.session.globals.t)

    def put(self, name: str, value: Any) -> None:
        """Remember something that is no variable of NEURON's."""
        object.__setattr__(self, name, value)

    def own_event(self, t: float) -> None:
        """Have an event of its own at a time, and none that was on its way."""
        if t < NEVER:
            self.later(t, self._own)
        else:
            self.put("pending", self.pending + 1)

    def turn(self, number: int) -> Turn:
        """Its own event of a number."""
        return Turn(self, number, self._own)

    @abstractmethod
    def _own(self, t: float) -> None:
        """Its own event arrives."""

    @abstractmethod
    def row(self) -> tuple[Sequence[float], list[float]]:
        """Parameters and states as `rxd.solve.firing.Cells` has them."""

    @abstractmethod
    def take_row(self, state: Sequence[float]) -> None:
        """Go on from such states."""


class IntFire1(IntFire):
    """A leaky integrator that fires at 1 and rests for `refrac` ms: `m` jumps by the weight and decays with `tau`."""

    kind = "IntFire1"
    which = INTFIRE1

    def initialize(self) -> None:
        """Start at rest."""
        super().initialize()
        self.put("resting", False)
        self.values["m"] = 0.0

    def M(self) -> float:
        """The state now: after a spike 2 for half a ms, then -1 while it rests."""
        after = self.session.globals.t - self.last
        if self.resting:
            return 2.0 if after < 0.5 else -1.0
        return float(self.values["m"] * math.exp(-after / self.values["tau"]))

    def receive(self, weight: Any, t: float) -> None:
        """Add the weight; fire above 1."""
        if self.resting:
            return
        values = self.values
        m = values["m"] * math.exp(-(t - self.last) / values["tau"]) + weight[0]
        self.put("last", t)
        values["m"] = m
        if m > 1:
            self.put("resting", True)
            values["m"] = 2.0
            self.own_event(t + values["refrac"])
            self.fire(t)

    def _own(self, t: float) -> None:
        self.put("last", t)
        self.put("resting", False)
        self.values["m"] = 0.0

    def row(self) -> tuple[Sequence[float], list[float]]:
        """Parameters and states."""
        values = self.values
        states = [values["m"], 0.0, 0.0, 0.0, self.last, float(self.resting), float(self.pending), *[0.0] * 4]
        return (values["tau"], values["refrac"]), states

    def take_row(self, state: Sequence[float]) -> None:
        """Go on from such states."""
        self.values["m"] = state[0]
        self.put("last", state[4])
        self.put("resting", state[5] != 0.0)
        self.put("pending", int(state[6]))


class IntFire2(IntFire):
    """`taum dm/dt = i - m`, `taus di/dt = ib - i`; a weight adds to i; fires at m = 1."""

    kind = "IntFire2"
    which = INTFIRE2

    def initialize(self) -> None:
        """Start with the bias current."""
        super().initialize()
        values = self.values
        values.update(i=values["ib"], m=0.0)
        if values["taus"] <= values["taum"]:
            values["taus"] = values["taum"] + 10 * _GAP
        self.own_event(self.last + firing_time(values["ib"], 0.0, 0.0, values["taum"], values["taus"]))

    def _moved(self, t: float) -> tuple[float, float]:
        """Membrane and current at a time."""
        m, i, ib, taum, taus = (self.values[name] for name in ("m", "i", "ib", "taum", "taus"))
        return moved_2(m, i, ib, taum, taus, t - self.last)

    def M(self) -> float:
        """The membrane state now."""
        return self._moved(self.session.globals.t)[0]

    def I(self) -> float:  # noqa: E743 - NEURON's name
        """The current now."""
        return self._moved(self.session.globals.t)[1]

    def _go_on(self, m: float, i: float, t: float) -> None:
        """Be in a state, and fire when the membrane reaches 1."""
        ib, taum, taus = (self.values[name] for name in ("ib", "taum", "taus"))
        self.values.update(m=m, i=i)
        self.put("last", t)
        self.own_event(t if m >= 1 else t + firing_time(ib, (i - ib) * (taus / (taus - taum)), m, taum, taus))

    def receive(self, weight: Any, t: float) -> None:
        """Add the weight to the current."""
        m, i = self._moved(t)
        self._go_on(m, i + weight[0], t)

    def _own(self, t: float) -> None:
        i = self._moved(t)[1]
        self.fire(t)
        self._go_on(0.0, i, t)

    def row(self) -> tuple[Sequence[float], list[float]]:
        """Parameters and states."""
        m, i, ib, taum, taus = (self.values[name] for name in ("m", "i", "ib", "taum", "taus"))
        return (taum, taus, ib), [m, i, 0.0, 0.0, self.last, 0.0, float(self.pending), *[0.0] * 4]

    def take_row(self, state: Sequence[float]) -> None:
        """Go on from such states."""
        self.values.update(m=state[0], i=state[1])
        self.put("last", state[4])
        self.put("pending", int(state[6]))


class IntFire4(IntFire):
    """An excitatory current with one and an inhibitory current with two time constants; fires at m = 1.

    A weight of 1 moves the resting membrane by 1 at its peak.
    """

    kind = "IntFire4"
    which = INTFIRE4

    def initialize(self) -> None:
        """Start at rest."""
        super().initialize()
        values, before = self.values, "taue"
        for name in ("taui1", "taui2", "taum"):
            if values[name] <= values[before]:
                values[name] = values[before] + _GAP
            before = name
        values.update(dict.fromkeys(self.info.assigned, 0.0))
        self.put("factors", factors(*(values[name] for name in ("taue", "taui1", "taui2", "taum"))))

    def _moved(self, t: float) -> tuple[float, float, float, float]:
        """Membrane and currents at a time."""
        m, e, i1, i2 = (self.values[name] for name in ("m", "e", "i1", "i2"))
        return moved_4(self.factors, m, e, i1, i2, t - self.last)

    def M(self) -> float:
        """The membrane state now."""
        return self._moved(self.session.globals.t)[0]

    def E(self) -> float:
        """The excitatory current now, as it moves the membrane."""
        return float(self.factors[4] * self._moved(self.session.globals.t)[1])

    def I(self) -> float:  # noqa: E743 - NEURON's name
        """The inhibitory current now, as it moves the membrane."""
        return float(self.factors[8] * self._moved(self.session.globals.t)[3])

    def _begin(self, t: float) -> None:
        """Bring the state to a time, and fire if it is there."""
        values = self.values
        values["m"], values["e"], values["i1"], values["i2"] = self._moved(t)
        self.put("last", t)
        if values["m"] > 1 - EPSILON:
            self.fire(t)
            values["m"] = 0.0

    def _end(self, t: float) -> None:
        values = self.values
        self.own_event(t + bound_of_firing(self.factors, values["m"], values["e"], values["i2"]))

    def receive(self, weight: Any, t: float) -> None:
        """A positive weight excites, another one inhibits."""
        self._begin(t)
        excites = weight[0] > 0
        self.values["e" if excites else "i1"] += weight[0]
        self.values["nexcite" if excites else "ninhibit"] += 1
        self._end(t)

    def _own(self, t: float) -> None:
        self._begin(t)
        self.values["nself"] += 1
        self._end(t)

    def row(self) -> tuple[Sequence[float], list[float]]:
        """Parameters and states."""
        m, e, i1, i2, *counts = (self.values[name] for name in ("m", "e", "i1", "i2", "nself", "nexcite", "ninhibit"))
        return self.factors, [m, e, i1, i2, self.last, 0.0, float(self.pending), 0.0, *counts]

    def take_row(self, state: Sequence[float]) -> None:
        """Go on from such states."""
        names = ("m", "e", "i1", "i2")
        self.values.update(zip(names, state[:4], strict=True))
        self.values.update(zip(("nself", "nexcite", "ninhibit"), state[8:], strict=True))
        self.put("last", state[4])
        self.put("pending", int(state[6]))


INTFIRE_CLASSES = (IntFire1, IntFire2, IntFire4)
