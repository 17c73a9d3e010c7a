"""Electrodes: declared where they sit and what they do over time.

In: a place (`geometry.Location`) and a protocol in ms, nA, mV, Mohm. Out: frozen records; a stepper asks each for its
`breakpoints()` once and between them for `injection(t)`, two numbers that do not change from one breakpoint to the next:

    current into the cell (nA) = drive (nA) - conductance (uS) * v (mV).

Protocols are constant between breakpoints, and a value holds from its breakpoint on: a pulse is `[delay, delay + dur)`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import field
from math import inf, isfinite, isnan
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from cable.errors import ClampError
from cable.quantities import take_units
from geometry.records import dataclass
from geometry.section import Location

__all__ = ["IClamp", "Injection", "SEClamp", "StepWave", "VClamp", "merged_breakpoints"]

VCLAMP_RS: Final = 1e-3
"""Series resistance of a `VClamp`, Mohm: 1 nA of clamp current leaves the membrane 1 uV off its target."""


class Injection(NamedTuple):
    """What an electrode does at one moment: the current into the cell is `drive - conductance * v`."""

    drive: float
    """nA."""
    conductance: float
    """uS."""


@dataclass(frozen=True, slots=True)
class StepWave:
    """A number that jumps at given times.

    Attributes
    ----------
    times : tuple of float, ms
        Increasing; before the first the value is 0.
    values : tuple of float
        `values[i]` holds from `times[i]` until `times[i + 1]`, the last one for ever.
    """

    times: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, t: float) -> float:
        """Value at a time, ms; at a jump the new one."""
        i = bisect_right(self.times, t)
        return self.values[i - 1] if i else 0.0

    def breakpoints(self) -> tuple[float, ...]:
        """Finite times at which the value changes."""
        before = (0.0, *self.values)
        return tuple(t for t, old, new in zip(self.times, before, self.values, strict=False) if new != old and isfinite(t))


@dataclass(frozen=True, slots=True)
class IClamp:
    """Current clamp: `amp` from `delay` for `dur`, or any current that is constant piece by piece (`from_samples`).

    Attributes
    ----------
    location : Location
        Place, such as `cell.soma(0.5)`.
    amp : float, nA
        Current into the cell: positive depolarises.
    delay, dur : float, ms
        It flows from `delay` to just before `delay + dur`; `dur` may be infinite.
    samples : StepWave or None
        The whole current, if it is not a single pulse; `amp`, `delay` and `dur` are then left alone.
    """

    location: Location
    amp: float = 0.0
    delay: float = 0.0
    dur: float = inf
    samples: StepWave | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        _check_location(self)
        take_units(self, ClampError, amp="nA", delay="ms", dur="ms")
        if self.samples is not None:
            if (self.amp, self.delay, self.dur) != (0.0, 0.0, inf):
                _refuse(self, "has samples and amp, delay or dur as well", "Give one or the other")
            return
        if not isfinite(self.amp):
            _refuse(self, f"has amp={self.amp}", "Give a finite current in nA")
        if not isfinite(self.delay):
            _refuse(self, f"has delay={self.delay}", "Give the time in ms at which it begins")
        if isnan(self.dur) or self.dur < 0.0:
            _refuse(self, f"has dur={self.dur}", "Give a duration in ms, not negative; it may be infinite")

    @classmethod
    def from_samples(cls, location: Location, times: ArrayLike, amps: ArrayLike) -> IClamp:
        """Make a clamp whose current is `amps[i]` from `times[i]` to just before `times[i + 1]`, the last one for ever.

        Parameters
        ----------
        location : Location
            Place.
        times : array_like, shape (k,), ms
            Increasing.
        amps : array_like, shape (k,), nA
            Currents; before the first time none flows.

        Raises
        ------
        ClampError
            If lengths differ, times do not increase, or a number is not finite.
        """
        t, i = np.asarray(times, dtype=float), np.asarray(amps, dtype=float)
        place = f"IClamp at {location!r}"
        if t.ndim != 1 or t.shape != i.shape:
            raise ClampError(
                f"{place}: times and amps are two sequences of the same length, not of shapes {t.shape} and {i.shape}."
            )
        if not (np.isfinite(t).all() and np.isfinite(i).all()):
            raise ClampError(f"{place}: times and amps are finite numbers; remove or replace those that are not.")
        late = np.flatnonzero(np.diff(t) <= 0.0)
        if late.size:
            k = int(late[0])
            raise ClampError(
                f"{place}: times increase, but {t[k + 1]:g} ms follows {t[k]:g} ms (sample {k + 1}). Sort the samples."
            )
        return cls(location, samples=StepWave(tuple(t.tolist()), tuple(i.tolist())))

    @property
    def wave(self) -> StepWave:
        """The current over time, nA."""
        if self.samples is not None:
            return self.samples
        return StepWave((self.delay, self.delay + self.dur), (self.amp, 0.0)) if self.dur > 0.0 else StepWave((), ())

    def breakpoints(self) -> tuple[float, ...]:
        """Times at which the current jumps, ms."""
        return self.wave.breakpoints()

    def current(self, t: float) -> float:
        """Current into the cell at time t, nA."""
        return self.wave.at(t)

    def injection(self, t: float) -> Injection:
        """Drive and conductance at time t."""
        return Injection(self.wave.at(t), 0.0)


@dataclass(frozen=True, slots=True)
class SEClamp:
    """Single-electrode voltage clamp: levels one after the other from t = 0, then switched off.

    Attributes
    ----------
    location : Location
        Place, such as `cell.soma(0.5)`.
    levels : float or sequence of float, mV
        Command potentials.
    durations : float or sequence of float, ms
        How long each is held; the last may be infinite.
    rs : float, Mohm
        Series resistance; the current is `(level - v) / rs`.
    """

    location: Location
    levels: float | Sequence[float]
    durations: float | Sequence[float] = inf
    rs: float = 0.1

    def __post_init__(self) -> None:
        _check_location(self)
        take_units(self, ClampError, levels="mV", durations="ms", rs="megaohm")
        levels, durations = tuple(np.ravel(self.levels).tolist()), tuple(np.ravel(self.durations).tolist())
        if not levels or len(levels) != len(durations):
            _refuse(self, f"has {len(levels)} levels and {len(durations)} durations", "Give one duration per level")
        if not all(isfinite(level) for level in levels):
            _refuse(self, f"has levels={levels}", "Give finite potentials in mV")
        if not all(d > 0.0 for d in durations) or not all(isfinite(d) for d in durations[:-1]):
            _refuse(self, f"has durations={durations}", "Give positive durations in ms, of which only the last may be infinite")
        if not (isfinite(self.rs) and self.rs > 0.0):
            _refuse(self, f"has rs={self.rs}", "Give a positive series resistance in Mohm")
        object.__setattr__(self, "levels", levels)
        object.__setattr__(self, "durations", durations)

    @property
    def command(self) -> StepWave:
        """The command potential over time, mV; 0 while switched off (see `on`)."""
        return StepWave(self._edges(), (*np.ravel(self.levels).tolist(), 0.0))

    @property
    def on(self) -> StepWave:
        """1 while the clamp is connected, else 0."""
        edges = self._edges()
        return StepWave((edges[0], edges[-1]), (1.0, 0.0))

    def _edges(self) -> tuple[float, ...]:
        return tuple(np.concatenate([[0.0], np.cumsum(np.ravel(self.durations))]).tolist())

    def breakpoints(self) -> tuple[float, ...]:
        """Times at which the command jumps or the clamp is connected or not, ms."""
        return tuple(sorted({*self.on.breakpoints(), *self.command.breakpoints()}))

    def conductance(self, t: float) -> float:
        """Conductance of the electrode at time t, uS; 0 while switched off."""
        return self.on.at(t) / self.rs

    def current(self, t: float, v: float) -> float:
        """Current into the cell at time t and membrane potential v, nA."""
        return self.conductance(t) * (self.command.at(t) - v)

    def injection(self, t: float) -> Injection:
        """Drive and conductance at time t."""
        conductance = self.conductance(t)
        return Injection(conductance * self.command.at(t), conductance)


@dataclass(frozen=True, slots=True)
class VClamp(SEClamp):
    """Voltage clamp as good as ideal: an `SEClamp` with a series resistance of 1 kohm.

    The membrane is off its command by `rs` times the clamp current: 1 uV per nA. A larger error than that of the numerics can
    only come with currents of many nA; a yet smaller `rs` gains nothing and costs digits.
    """

    rs: float = VCLAMP_RS


def merged_breakpoints(clamps: Iterable[IClamp | SEClamp]) -> np.ndarray:
    """Return the times at which any of some electrodes jumps, sorted and each once, shape (k,), ms."""
    return np.array(sorted({t for clamp in clamps for t in clamp.breakpoints()}))


def _check_location(clamp: IClamp | SEClamp) -> None:
    if not isinstance(clamp.location, Location):
        raise ClampError(
            f"{type(clamp).__name__} sits at one place of a cell, not at {clamp.location!r}. Say where, such as cell.soma(0.5)."
        )


def _refuse(clamp: IClamp | SEClamp, fault: str, remedy: str) -> None:
    raise ClampError(f"{type(clamp).__name__} at {clamp.location!r} {fault}. {remedy}.")
