"""Cells that live in events alone: NEURON's IntFire1, IntFire2 and IntFire4, solved from event to event.

In: parameters and states of such cells, events with a weight. Out: states after them, whether a cell fires, and when it wants
an event of its own. The formulas are plain functions, which objects of scripts call event by event; compiled, they are part of
the loops that run between the steps of cables, with the same numbers to the last bit.

The equations, and when a cell looks at itself again, are those of NEURON: the crossing of 1 is found by Newton's method
(IntFire2) or approached from below by events of the cell's own (IntFire4).
"""

from __future__ import annotations

import math
from typing import Any, Final, NamedTuple

import numpy as np

from rxd.solve.lane_operations import exact_inner_kernel

__all__ = [
    "EPSILON",
    "INTFIRE1",
    "INTFIRE2",
    "INTFIRE4",
    "NEVER",
    "Cells",
    "bound_of_firing",
    "factors",
    "firing_time",
    "moved_2",
    "moved_4",
    "no_cells",
    "respond",
]

INTFIRE1: Final = 1
INTFIRE2: Final = 2
INTFIRE4: Final = 4
NEVER: Final = 1e9
"""After how long what does not happen happens, ms."""
EPSILON: Final = 1e-6
"""How far below 1 an IntFire4 fires."""

M: Final = 0
CURRENT: Final = 1
FIRST: Final = 2
SECOND: Final = 3
LAST: Final = 4
RESTING: Final = 5
PENDING: Final = 6
FIRED: Final = 7
OWN: Final = 8
EXCITED: Final = 9
INHIBITED: Final = 10
STATES: Final = 11
PARAMETERS: Final = 12


class Cells(NamedTuple):
    """Cells in arrays.

    Attributes
    ----------
    kind : ndarray of int, shape (n,)
    parameter : ndarray, shape (n, PARAMETERS)
        IntFire1: tau, refrac; IntFire2: taum, taus, ib; IntFire4: what `factors` gives.
    state : ndarray, shape (n, STATES)
        m; i or e; i1; i2; time of the last event; whether resting; number of the event of its own that counts; spikes; events
        of its own, excitatory and inhibitory ones.
    log : ndarray, shape (1 + most, 2)
        Time and cell of spikes, from row 1; their number in row 0.
    """

    kind: np.ndarray
    parameter: np.ndarray
    state: np.ndarray
    log: np.ndarray


def no_cells() -> Cells:
    """There are none."""
    return Cells(np.zeros(0, dtype=np.int64), np.zeros((0, PARAMETERS)), np.zeros((0, STATES)), np.zeros((1, 2)))


def firing_time(a: float, b: float, c: float, taum: float, taus: float) -> float:
    """The first t >= 0 with ``a + b exp(-t/taus) + (c - a - b) exp(-t/taum) = 1``, by Newton's method; c < 1, taum < taus.

    The unknown is ``x = exp(-t/taum)``, from 1 downwards, or, where the slope at 1 leads out of 0..1, ``exp(-t/taus)``.
    """
    if a <= 1.0 and a + b <= 1.0:
        return 1e9
    r, rest = taum / taus, c - a - b
    slope = r * b + rest
    other, x = False, 0.0
    if a > 1.0 and b <= 0.0:
        other = slope >= 0.0
        if not other:
            x = (1.0 - c + slope) / slope
            other = x <= 0.0
        if other:
            x = 0.0
    else:
        if rest == 0.0:
            return 1e9
        top = (-rest / (r * b)) ** (1.0 / (r - 1.0)) if rest < 0.0 else math.nan
        height = a + b * top**r + rest * top
        if top >= 1.0 or height <= 1.0:
            return 1e9
        x = (1.0 - c + slope) / slope
    first, second, power, scale = b, rest, r, taum
    if other:
        first, second, power, scale = rest, b, 1.0 / r, taus
    dx, f = 1.0, 0.0
    for _ in range(11):
        if abs(dx) <= 1e-6 and abs(f - 1.0) <= 1e-6:
            break
        f = a + first * x**power + second * x
        dx = (1.0 - f) / (power * first * x ** (power - 1.0) + second)
        x += dx
        if x <= 0.0:
            x = 1e-4
        elif x > 1.0:
            x = 1.0
    return -scale * math.log(x)


def moved_2(m: float, i: float, ib: float, taum: float, taus: float, after: float) -> tuple[float, float]:
    """Membrane and current of an IntFire2 some time after its last event."""
    f = taus / (taus - taum)
    x = (i - ib) * math.exp(-after / taus)
    return ib + f * x + (m - (ib + (i - ib) * f)) * math.exp(-after / taum), ib + x


def moved_4(p: Any, m: float, e: float, i1: float, i2: float, after: float) -> tuple[float, float, float, float]:
    """Membrane and currents (e, i1, i2) of an IntFire4 some time after its last event; p: what `factors` gives."""
    ee, e1, e2, em = math.exp(-p[0] * after), math.exp(-p[1] * after), math.exp(-p[2] * after), math.exp(-p[3] * after)
    first = m * em + p[5] * e * (em - ee)
    both = first + (p[9] * i2 + p[10] * i1) * (em - e2)
    return both - p[11] * i1 * (em - e1), e * ee, i1 * e1, i2 * e2 + p[7] * i1 * (e2 - e1)


def bound_of_firing(p: Any, m: float, e: float, i2: float) -> float:
    """A time before which an IntFire4 does not fire: where the tangent of its membrane reaches 1."""
    slope = -p[3] * m + p[4] * e + p[8] * i2
    return 1e9 if slope <= 1e-9 else (1.0 - m) / slope


def factors(taue: float, taui1: float, taui2: float, taum: float) -> tuple[float, ...]:
    """Rates and factors of an IntFire4: a weight of 1 moves its membrane by 1 at most.

    Returns
    -------
    tuple of 12 float
        ke, ki1, ki2, km; ae, be, ai1, bi1, ai2, bi2, a, b: of ``dm/dt = -km m + ae e + ai2 i2``, ``di2/dt = -ki2 i2 + ai1 i1``
        and of their solutions.
    """
    ke, k1, k2, km = 1.0 / taue, 1.0 / taui1, 1.0 / taui2, 1.0 / taum
    peak = math.log(km / ke) / (km - ke)
    be = 1.0 / (math.exp(-km * peak) - math.exp(-ke * peak))
    peak = math.log(k2 / k1) / (k2 - k1)
    b1 = 1.0 / (math.exp(-k2 * peak) - math.exp(-k1 * peak))
    peak = _peak_of_inhibition(k1, k2, km)
    known = (ke, k1, k2, km, 0.0, be, 0.0, b1, 0.0, 1.0, b1, b1 * (k2 - km) / (k1 - km))
    b2 = 1.0 / moved_4(known, 0.0, 0.0, 1.0, 0.0, peak)[0]
    a = b2 * b1
    return (ke, k1, k2, km, be * (ke - km), be, b1 * (k1 - k2), b1, b2 * (k2 - km), b2, a, a * (k2 - km) / (k1 - km))


def _peak_of_inhibition(k1: float, k2: float, km: float) -> float:
    """When inhibition by one event is strongest, ms, by bisection as in NEURON."""

    def slope(t: float) -> float:
        slow = -km * (k1 - k2) * math.exp(-km * t)
        return slow + k2 * (k1 - km) * math.exp(-k2 * t) - k1 * (k2 - km) * math.exp(-k1 * t)

    early = -math.log(k1 * (k2 - km) / k2 / (k1 - km)) / (k1 - k2)
    if slope(early) < 0:
        early = math.log(k1 / k2) / (k1 - k2)
    late = math.log(km * (k1 - k2) / k2 / (k1 - km)) / (km - k2)
    middle = 0.5 * (early + late)
    while late - early > 1e-6:
        middle = (early + late) / 2
        early, late = (middle, late) if slope(middle) > 0 else (early, middle)
    return middle


_firing_time: Any = exact_inner_kernel(firing_time)
_moved_2: Any = exact_inner_kernel(moved_2)
_moved_4: Any = exact_inner_kernel(moved_4)
_bound_of_firing: Any = exact_inner_kernel(bound_of_firing)


@exact_inner_kernel
def respond_1(p: np.ndarray, s: np.ndarray, w: float, own: bool, t: float) -> float:
    """An IntFire1 receives an event; when it wants one of its own, if it does: else NaN."""
    if s[RESTING] == 0.0:
        m = s[M] * math.exp(-(t - s[LAST]) / p[0]) + w
        s[M], s[LAST] = m, t
        if m > 1.0:
            s[RESTING], s[M] = 1.0, 2.0
            s[FIRED] += 1.0
            return t + p[1]
    elif own:
        s[LAST], s[RESTING], s[M] = t, 0.0, 0.0
    return math.nan


@exact_inner_kernel
def respond_2(p: np.ndarray, s: np.ndarray, w: float, own: bool, t: float) -> float:
    """An IntFire2 receives an event; when it wants its own."""
    taum, taus, ib = p[0], p[1], p[2]
    f = taus / (taus - taum)
    m, i = _moved_2(s[M], s[CURRENT], ib, taum, taus, t - s[LAST])
    if own:
        m = 0.0
        s[FIRED] += 1.0
    else:
        i += w
    s[M], s[CURRENT], s[LAST] = m, i, t
    if not own and m >= 1.0:
        return t
    return t + _firing_time(ib, (i - ib) * f, m, taum, taus)


@exact_inner_kernel
def respond_4(p: np.ndarray, s: np.ndarray, w: float, own: bool, t: float) -> float:
    """An IntFire4 receives an event; when it wants its own."""
    s[M], s[CURRENT], s[FIRST], s[SECOND] = _moved_4(p, s[M], s[CURRENT], s[FIRST], s[SECOND], t - s[LAST])
    s[LAST] = t
    if s[M] > 1.0 - EPSILON:
        s[FIRED] += 1.0
        s[M] = 0.0
    if own:
        s[OWN] += 1.0
    elif w > 0.0:
        s[CURRENT] += w
        s[EXCITED] += 1.0
    else:
        s[FIRST] += w
        s[INHIBITED] += 1.0
    return t + _bound_of_firing(p, s[M], s[CURRENT], s[SECOND])


@exact_inner_kernel
def respond(cells: Cells, c: int, amount: float, own: bool, t: float) -> float:
    """A cell receives an event at t: of a weight, or its own of a number; when it wants its own next: NaN leaves it as it is.

    The number of its spikes has grown if it fires.
    """
    s, kind = cells.state[c], cells.kind[c]
    if own:
        if s[PENDING] != amount:
            return math.nan  # it has changed its mind since
        amount = 0.0
    if kind == INTFIRE1:
        following = respond_1(cells.parameter[c], s, amount, own, t)
    elif kind == INTFIRE2:
        following = respond_2(cells.parameter[c], s, amount, own, t)
    else:
        following = respond_4(cells.parameter[c], s, amount, own, t)
    if not math.isnan(following):
        s[PENDING] += 1.0
    return following
