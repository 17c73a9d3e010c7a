"""Artificial cells: what they share, and NetStim. They have no place and live in events alone.

In: events with a weight. Out: spikes to the NetCons that listen.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.mechanisms.points import PointProcess
from rxd.neuron.mods.random import RandomVariable
from rxd.neuron.random_numbers.philox import Stream
from rxd.neuron.random_numbers.random import Random

__all__ = ["Artificial", "Intervals", "NetStim", "Turn"]


KEPT = ("pending", "fired", "on", "last", "resting")


class Turn:
    """What an artificial cell does at a time, unless it has changed its mind since."""

    __slots__ = ("action", "cell", "number")
    __name__ = "turn"

    def __init__(self, cell: Artificial, number: int, action: Callable[[float], None]) -> None:
        self.cell, self.number, self.action = cell, number, action

    @property
    def is_over(self) -> bool:
        """Whether nothing will happen."""
        return bool(self.cell.pending != self.number or not getattr(self.cell, "on", True))

    @property
    def begins(self) -> bool:
        """Whether it is the one before the first spike of a NetStim, at the same time."""
        return getattr(self.action, "__func__", None) is NetStim._begin

    def __call__(self, t: float) -> None:
        """Do it."""
        if self.cell.pending == self.number:
            self.action(t)


class Artificial(PointProcess):
    """A cell that receives and sends events."""

    def initialize(self) -> None:
        """Set the initial state and schedule first events; called by `finitialize`."""
        object.__setattr__(self, "pending", 0)

    def kept(self) -> tuple[dict[str, Any], dict[str, float], int]:
        """What changes in a run: for `keep_on`."""
        own = {name: self._stored[name] for name in KEPT if name in self._stored}
        stream = self._stored.get("stream")
        return own, dict(self.values), 0 if stream is None else stream.place

    def keep_on(self, kept: tuple[dict[str, Any], dict[str, float], int]) -> None:
        """Go on from where `kept` was asked."""
        own, values, place = kept
        for name, value in own.items():
            object.__setattr__(self, name, value)
        self.values.update(values)
        stream = self._stored.get("stream")
        if stream is not None:
            stream.place = place

    def receive(self, weight: Any, t: float) -> None:
        """An event arrives; `weight` is the weight vector of the NetCon."""

    def fire(self, t: float) -> None:
        """Send a spike to whoever listens."""
        self.session.run.fire(self, t)

    def later(self, t: float, action: Callable[[float], None], sent: float | None = None) -> None:
        """Do something at a time, unless another call or `finitialize` comes first; decided now, or at a time ``sent``."""
        object.__setattr__(self, "pending", getattr(self, "pending", 0) + 1)
        self.session.run.at(t, Turn(self, self.pending, action), sent)


class NetStim(Artificial):
    """A source of `number` spikes from `start`, `interval` ms apart; `noise` 0 is regular, 1 is Poisson."""

    kind = "NetStim"

    def initialize(self) -> None:
        """Schedule the first spike."""
        object.__setattr__(self, "pending", 0)
        object.__setattr__(self, "fired", 0)
        object.__setattr__(self, "on", False)
        self._random.place = 0
        if self.number > 0 and self.start >= 0:
            object.__setattr__(self, "on", True)
            first = self.start + self._gap() - self.interval * (1 - self.noise)
            self.later(max(first, 0.0), self._begin)

    def _gap(self) -> float:
        noise, interval = self.values["noise"], self.values["interval"]
        if noise == 0:
            return float(interval)
        noise = min(max(noise, 0.0), 1.0)
        return float(interval * ((1 - noise) - noise * math.log(self._random.one())))

    @property
    def _random(self) -> Stream:
        """The stream of its intervals: the one chosen, or one of its own by its number."""
        chosen = self._stored.get("stream")
        if chosen is None:
            chosen = Stream(1, 0, self.made + 1, int(self.session.globals["random_index"]))
            object.__setattr__(self, "stream", chosen)
        return chosen

    @property
    def ranvar(self) -> RandomVariable:
        """The stream of its intervals, as the RANDOM variable it is in NEURON: `stim.ranvar.set_ids(1, 2, 3)`."""
        return Intervals(self)

    def noiseFromRandom(self, random: Random) -> float:
        """Take intervals from the stream of a Random, from its beginning at every initialisation.

        Raises
        ------
        HocError
            If the Random is not of the kind Random123.
        """
        if random.stream_ids is None:
            raise HocError("NetStim.noiseFromRandom takes a Random of the kind Random123.")
        return self.noiseFromRandom123(*random.stream_ids)

    def noiseFromRandom123(self, first: float = 0, second: float = 0, third: float = 0) -> float:
        """Take intervals from a stream of its own, given by up to three numbers."""
        made = Stream(int(first), int(second), int(third), int(self.session.globals["random_index"]))
        object.__setattr__(self, "stream", made)
        return 1.0

    def erand(self) -> float:
        """The next number of its stream, exponential with mean 1 as NEURON gives it."""
        return -math.log(self._random.one())

    def invl(self, mean: float) -> float:
        """An interval with this mean, ms, as its noise makes it."""
        if not mean > 0:
            return 0.01
        noise = min(max(self.noise, 0.0), 1.0)
        return float(mean) if noise == 0 else float((1 - noise) * mean + noise * mean * self.erand())

    def seed(self, number: float) -> float:
        """Has no effect, as in NEURON: the stream begins anew at every initialisation."""
        return 0.0

    def _begin(self, t: float) -> None:
        # NEURON sends itself another event at the same time: what else is due then comes before the spike
        self.later(t, self._spike)

    def _spike(self, t: float) -> None:
        if not self.on:
            return
        object.__setattr__(self, "fired", self.fired + 1)
        self.fire(t)
        if self.fired < self.values["number"]:
            self.later(t + max(self._gap(), 0.0), self._spike)
        else:
            object.__setattr__(self, "on", False)

    def _own(self, t: float) -> None:
        """An event of its own arrives, whoever has sent it."""
        self._spike(t)

    def expects(self, t: float, until: float) -> int:
        """How many numbers `ahead` will probably take for its spikes from t to a time."""
        left = min(self.number - self.fired, 1e9)
        if self.noise == 0 or not self.interval > 0:
            return 0
        mean = max(until - t, 0.0) / self.interval
        return int(min(mean + 4.0 * math.sqrt(mean) + 2.0, left))

    @property
    def stream_of_intervals(self) -> Stream:
        """Where its intervals come from."""
        return self._random

    def ahead(self, t: float, until: float, drawn: np.ndarray) -> tuple[np.ndarray, float]:
        """Times of its spikes from the next one, at t, up to a time, and the one after them; nothing changes.

        `drawn`: the next numbers of its stream, as many as it may need or fewer.
        """
        noise, stream = min(max(self.noise, 0.0), 1.0), self._random
        fixed, left, place = float(self.interval), self.number - self.fired, stream.place
        times = [float(t)]
        while times[-1] <= until and len(times) < left:
            if self.noise == 0:
                times.append(times[-1] + max(fixed, 0.0))
                continue
            if not drawn.size:
                stream.place = place + len(times) - 1
                drawn = stream.take(64)
            for u in drawn.tolist():
                times.append(times[-1] + max(fixed * ((1 - noise) - noise * math.log(u)), 0.0))
                if times[-1] > until or len(times) >= left:
                    break
            drawn = drawn[:0]
        stream.place = place
        return (np.array(times[:-1]), times[-1]) if times[-1] > until else (np.array(times), math.inf)

    def go_on(self, count: int, following: float, last: float) -> None:
        """It has fired so many times, at ``last`` the last time; the next spike is at a time."""
        if count == 0:
            return
        fired, drawing = self.fired + count, self.noise != 0
        object.__setattr__(self, "fired", fired)
        if fired < self.number:
            self._random.place += count if drawing else 0
            self.later(following, self._spike, last)
        else:
            self._random.place += count - 1 if drawing else 0
            object.__setattr__(self, "on", False)
            object.__setattr__(self, "pending", self.pending + 1)

    def receive(self, weight: Any, t: float) -> None:
        """A positive weight starts a sequence of spikes, a negative one stops it."""
        if weight[0] > 0 and not self.on:
            object.__setattr__(self, "on", True)
            object.__setattr__(self, "fired", 0)
            self.later(t + max(self._gap() - self.interval * (1 - self.noise), 0.0), self._spike)
        elif weight[0] < 0:
            object.__setattr__(self, "on", False)


class Intervals(RandomVariable):
    """The RANDOM variable of a NetStim: the stream it takes its intervals from."""

    def __init__(self, cell: NetStim) -> None:
        self._cell = cell

    @property
    def _stream(self) -> Stream:  # type: ignore[override]
        return self._cell._random

    @property
    def _ids(self) -> tuple[int, int, int]:  # type: ignore[override]
        third, first, second = self._stream.names[0]
        return first, second, third

    def set_ids(self, *ids: float) -> RandomVariable:
        """Name the stream by three numbers, and begin it anew."""
        self._cell.noiseFromRandom123(*(*ids, 0, 0, 0)[:3])
        return self
