"""Artificial cells: NetStim and the integrate-and-fire cells. They have no place and live in events alone.

In: events with a weight. Out: spikes to the NetCons that listen.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.philox import Stream
from rxd.neuron.points import PointProcess
from rxd.neuron.random import Random

__all__ = ["ARTIFICIAL_CLASSES", "Artificial", "IntFire1", "IntFire2", "IntFire4", "NetStim", "Turn"]


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
        own = {name: self.__dict__[name] for name in KEPT if name in self.__dict__}
        stream = self.__dict__.get("stream")
        return own, dict(self.values), 0 if stream is None else stream.place

    def keep_on(self, kept: tuple[dict[str, Any], dict[str, float], int]) -> None:
        """Go on from where `kept` was asked."""
        own, values, place = kept
        for name, value in own.items():
            object.__setattr__(self, name, value)
        self.values.update(values)
        stream = self.__dict__.get("stream")
        if stream is not None:
            stream.place = place

    def receive(self, weight: Any, t: float) -> None:
        """An event arrives; `weight` is the weight vector of the NetCon."""

    def fire(self, t: float) -> None:
        """Send a spike to whoever listens."""
        self.session.run.fire(self, t)

    def later(self, t: float, action: Callable[[float], None]) -> None:
        """Do something at a time, unless another call or `finitialize` comes first."""
        object.__setattr__(self, "pending", getattr(self, "pending", 0) + 1)
        self.session.run.at(t, Turn(self, self.pending, action))


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
        chosen = self.__dict__.get("stream")
        if chosen is None:
            chosen = Stream(1, 0, self.ordinal + 1, int(self.session.globals["random_index"]))
            object.__setattr__(self, "stream", chosen)
        return chosen

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

    def go_on(self, count: int, following: float) -> None:
        """It has fired so many times; the next spike is at a time."""
        if count == 0:
            return
        fired, drawing = self.fired + count, self.noise != 0
        object.__setattr__(self, "fired", fired)
        if fired < self.number:
            self._random.place += count if drawing else 0
            self.later(following, self._spike)
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


class IntFire1(Artificial):
    """A leaky integrator that fires at 1 and rests for `refrac` ms: `m` jumps by the weight and decays with `tau`."""

    kind = "IntFire1"

    def initialize(self) -> None:
        """Start at rest."""
        super().initialize()
        object.__setattr__(self, "last", self.session.globals.t)
        object.__setattr__(self, "resting", False)
        self.values["m"] = 0.0

    def M(self) -> float:
        """The state now."""
        if self.resting:
            return 2.0
        return float(self.values["m"] * math.exp(-(self.session.globals.t - self.last) / self.tau))

    def receive(self, weight: Any, t: float) -> None:
        """Add the weight; fire above 1."""
        if self.resting:
            return
        m = self.values["m"] * math.exp(-(t - self.last) / self.tau) + weight[0]
        object.__setattr__(self, "last", t)
        self.values["m"] = m
        if m > 1:
            object.__setattr__(self, "resting", True)
            self.values["m"] = 2.0
            self.later(t + self.refrac, self._recover)
            self.fire(t)

    def _recover(self, t: float) -> None:
        object.__setattr__(self, "last", t)
        object.__setattr__(self, "resting", False)
        self.values["m"] = 0.0


class _Integrator(Artificial):
    """A cell whose state between events is a sum of exponentials, so that the next firing time can be solved for."""

    horizon = 0.0

    def initialize(self) -> None:
        """Start at rest."""
        super().initialize()
        object.__setattr__(self, "last", self.session.globals.t)

    @abstractmethod
    def at(self, after: float) -> float:
        """The membrane state `after` ms from the last event."""

    @abstractmethod
    def move(self, t: float) -> None:
        """Bring the state to a time."""

    def M(self) -> float:
        """The membrane state now."""
        return self.at(self.session.globals.t - self.last)

    def schedule(self) -> None:
        """Fire when the state reaches 1, if it does."""
        from scipy.optimize import brentq  # few scripts need it, and it takes long to load

        object.__setattr__(self, "pending", self.pending + 1)
        times = [self.horizon * (i / 200) ** 2 for i in range(201)]
        for early, late in pairwise(times):
            if self.at(early) < 1 <= self.at(late):
                self.later(self.last + brentq(lambda s: self.at(s) - 1, early, late, xtol=1e-12), self._cross)
                return

    def _cross(self, t: float) -> None:
        self.move(t)
        self.values["m"] = 0.0
        self.fire(t)
        self.schedule()


class IntFire2(_Integrator):
    """`taum dm/dt = i - m`, `taus di/dt = ib - i`; a weight adds to i; fires at m = 1."""

    kind = "IntFire2"

    def initialize(self) -> None:
        """Start with the bias current."""
        super().initialize()
        self.values.update(i=self.ib, m=0.0)
        self.schedule()

    @property
    def horizon(self) -> float:  # type: ignore[override]
        """How far ahead a crossing is looked for, ms."""
        return float(20 * (self.values["taum"] + self.values["taus"]))

    def at(self, after: float) -> float:
        """The membrane state `after` ms from the last event."""
        m, i, ib, taum, taus = (self.values[name] for name in ("m", "i", "ib", "taum", "taus"))
        driven = (i - ib) * taus / (taus - taum)
        return float(ib + driven * math.exp(-after / taus) + (m - ib - driven) * math.exp(-after / taum))

    def move(self, t: float) -> None:
        """Bring the state to a time."""
        after = t - self.last
        m = self.at(after)
        self.values["i"] = self.ib + (self.values["i"] - self.ib) * math.exp(-after / self.taus)
        self.values["m"] = m
        object.__setattr__(self, "last", t)

    def receive(self, weight: Any, t: float) -> None:
        """Add the weight to the current."""
        self.move(t)
        self.values["i"] += weight[0]
        self.schedule()


class IntFire4(_Integrator):
    """An excitatory current with one and an inhibitory current with two time constants; fires at m = 1.

    A weight of 1 moves the resting membrane by 1 at its peak.
    """

    kind = "IntFire4"

    @property
    def horizon(self) -> float:  # type: ignore[override]
        """How far ahead a crossing is looked for, ms."""
        return float(20 * max(self.values[name] for name in ("taue", "taui1", "taui2", "taum")))

    def initialize(self) -> None:
        """Start at rest."""
        super().initialize()
        for name in self.info.assigned:
            self.values[name] = 0.0

    def _rates(self) -> tuple[float, float, float, float]:
        return 1 / self.taue, 1 / self.taui1, 1 / self.taui2, 1 / self.taum

    def _gains(self) -> tuple[float, float]:
        """Factors that make the peak of the membrane 1 for a weight of 1."""
        ke, k1, k2, km = self._rates()
        te = math.log(ke / km) / (ke - km)
        excitation = (ke - km) / (math.exp(-km * te) - math.exp(-ke * te))
        unit = _chain(k1, k2, km)
        grid = [20 * self.taum * (i / 2000) ** 2 for i in range(2001)]
        return excitation, 1 / max(unit(s) for s in grid)

    def at(self, after: float) -> float:
        """The membrane state `after` ms from the last event."""
        ke, k1, k2, km = self._rates()
        e, i1, i2, m = (self.values[name] for name in ("e", "i1", "i2", "m"))
        gain_e, gain_i = self._gains()
        excited = gain_e * e * (math.exp(-km * after) - math.exp(-ke * after)) / (ke - km)
        first = gain_i * i1 * _chain(k1, k2, km)(after)
        second = gain_i * i2 * (math.exp(-k2 * after) - math.exp(-km * after)) / (km - k2)
        return float(m * math.exp(-km * after) + excited + first + second)

    def E(self) -> float:
        """The excitatory current now."""
        return float(self._gains()[0] * self.values["e"] * math.exp(-(self.session.globals.t - self.last) / self.taue))

    def I(self) -> float:  # noqa: E743 - NEURON's name
        """The inhibitory current now."""
        after, (_, k1, k2, _) = self.session.globals.t - self.last, self._rates()
        given = self.values["i1"] * (math.exp(-k1 * after) - math.exp(-k2 * after)) / (k2 - k1)
        return float(self._gains()[1] * (self.values["i2"] * math.exp(-k2 * after) + given))

    def move(self, t: float) -> None:
        """Bring the state to a time."""
        after = t - self.last
        ke, k1, k2, _ = self._rates()
        m = self.at(after)
        i1, i2 = self.values["i1"], self.values["i2"]
        self.values["i2"] = i2 * math.exp(-k2 * after) + i1 * (math.exp(-k1 * after) - math.exp(-k2 * after)) / (k2 - k1)
        self.values["i1"] = i1 * math.exp(-k1 * after)
        self.values["e"] *= math.exp(-ke * after)
        self.values["m"] = m
        object.__setattr__(self, "last", t)

    def receive(self, weight: Any, t: float) -> None:
        """A positive weight excites, a negative one inhibits."""
        self.move(t)
        self.values["e" if weight[0] > 0 else "i1"] += weight[0]
        self.values["nexcite" if weight[0] > 0 else "ninhibit"] += 1
        self.schedule()


def _chain(k1: float, k2: float, k3: float) -> Callable[[float], float]:
    """Response of three first-order stages in a row to a unit in the first."""

    def response(s: float) -> float:
        return (
            math.exp(-k1 * s) / ((k2 - k1) * (k3 - k1))
            + math.exp(-k2 * s) / ((k1 - k2) * (k3 - k2))
            + math.exp(-k3 * s) / ((k1 - k3) * (k2 - k3))
        )

    return response


ARTIFICIAL_CLASSES = (NetStim, IntFire1, IntFire2, IntFire4)
