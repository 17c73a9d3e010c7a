"""What `Vector` does with trains of spikes, with a model neuron and with curves to be fitted.

In: counts, times, currents, data. Out: histograms, a voltage, parameters of a curve.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.session import current_session

if TYPE_CHECKING:
    from rxd.neuron.vectors.vector import Vector

__all__ = ["Spikes"]


def _charging(x: np.ndarray, first: float, slow: float, second: float, fast: float) -> np.ndarray:
    return first * (1 - np.exp(-x / slow)) + second * (1 - np.exp(-x / fast))


def _two_exponentials(x: np.ndarray, first: float, slow: float, second: float, fast: float) -> np.ndarray:
    return first * np.exp(-x / slow) + second * np.exp(-x / fast)


CURVES: Mapping[str, Callable[..., np.ndarray]] = MappingProxyType(
    {
        "exp1": lambda x, a, tau: a * np.exp(-x / tau),
        "exp2": _two_exponentials,
        "charging": _charging,
        "line": lambda x, slope, start: slope * x + start,
        "quad": lambda x, a, b, c: (a * x + b) * x + c,
    }
)


class Spikes:
    """Methods of `Vector` for spikes, and `fit`."""

    _a: np.ndarray
    _n: int

    def psth(self, counts: Vector, dt: float, trials: float, least: float) -> Vector:
        """Rate in Hz from counts in bins of dt (ms) over some trials: of as many neighbouring bins as have `least` spikes.

        Bins are added on the right and on the left in turns until there are enough, or no more.
        """
        source, rates = counts._a, np.zeros(counts._n)
        if not 0 <= least <= counts._n // 2:
            raise HocError(f"psth: at least {least:g} spikes in a bin are more than half of the {counts._n} bins, or negative.")
        for i in range(source.size):
            low, high, right = i, i + 1, True
            while source[low:high].sum() < least and (low > 0 or high < source.size):
                high, low = (min(high + 1, source.size), low) if right else (high, max(low - 1, 0))
                right = not right
            rates[i] = source[low:high].sum() / ((high - low) * dt * trials) * 1000.0
        return self._replaced(rates)

    def smhist(self, times: Vector, start: float, size: float, step: float, variance: float, weights: Any = None) -> Vector:
        """Histogram of times in `size` bins, smoothed with a Gaussian; the value of a bin stands for where it begins.

        As in NEURON the Gaussian ends where it is exp(-10) of its peak, and values below 1e-9 are 0, negative ones among them.
        """
        if weights is not None and weights._n != times._n:
            raise HocError(f"smhist: there are {times._n} times and {weights._n} weights.")
        reach, n = int(math.sqrt(20 * variance) / step), 1
        while n < int(size) + 2 * reach + 1:
            n *= 2
        within = (times._a >= start) & (times._a < start + n * step)
        bins = ((times._a[within] - start) / step).astype(int)
        heights = np.ones(times._n) if weights is None else weights._a
        series = np.bincount(bins, weights=heights[within], minlength=n)[:n]
        apart = np.arange(-reach, reach + 1) * step
        bell = np.exp(-(apart**2) / (2 * variance)) / math.sqrt(2 * math.pi * variance)
        # the series is cyclic, with room enough for one side: the other side sees what lies beyond the last bin
        smooth = np.convolve(np.concatenate([series[n - reach :], series, series[:reach]]), bell, "valid")[: int(size)]
        return self._replaced(np.where(smooth > 1e-9, smooth, 0.0))

    def inf(
        self, current: Vector, dt: float, gl: float, el: float, cm: float, th: float, res: float, ref: float = 0.0
    ) -> Vector:
        """Voltage of an integrate-and-fire neuron that a current drives: forward Euler, 0 where it fires, then the reset."""
        v, fired, reset = np.full(current._n, float(el)), False, -math.inf
        for i in range(1, current._n):
            if fired:
                v[i], fired, reset = res, False, i
                continue
            v[i] = v[i - 1] + dt / cm * (gl * (el - v[i - 1]) + current._a[i - 1])
            fired = bool(v[i] > th) and i - reset > ref / dt
            if fired:
                v[i] = 0.0
        return self._replaced(v)

    def fit(self, fitted: Vector, curve: Any, x: Vector, *parameters: Any) -> float:
        """Change parameters so that a curve comes closest to the elements; returns the mean squared error.

        The curve is "exp1", "exp2", "charging", "line", "quad", or the name of a hoc function of x and the parameters. The
        fitted values go into the first Vector. The minimum is that of a finer search than NEURON's.

        Raises
        ------
        HocError
            If there is no such curve.
        """
        from scipy.optimize import minimize  # few scripts need it, and it takes long to load

        function = _curve(curve)

        def error(values: np.ndarray) -> float:
            with np.errstate(all="ignore"):
                found = float(np.mean((function(x._a, *values) - self._a) ** 2))
            return found if math.isfinite(found) else 1e300

        begin = np.array([float(parameter.get()) for parameter in parameters])
        options = {"xatol": 1e-10, "fatol": 1e-14, "maxiter": 4000 * len(begin), "maxfev": 4000 * len(begin)}
        best = minimize(error, begin, method="Nelder-Mead", options=options)
        best = minimize(error, best.x, method="Nelder-Mead", options=options)  # from a fresh simplex: the first may have shrunk
        for parameter, value in zip(parameters, best.x.tolist(), strict=True):
            parameter.set(value)
        fitted.from_python(np.asarray(function(x._a, *best.x), dtype=float))
        return float(best.fun)

    def _replaced(self, values: np.ndarray) -> Vector:
        self._a = np.asarray(values, dtype=float)
        return self  # type: ignore[return-value]


def _curve(curve: Any) -> Callable[..., np.ndarray]:
    """A function of arrays from the name of a curve."""
    if callable(curve):
        return lambda x, *values: np.array([float(curve(point, *values)) for point in x.tolist()])
    if curve in CURVES:
        return CURVES[curve]
    hoc = current_session().hoc
    call = hoc.function(curve) if curve in hoc.procedures else None
    if call is None:
        raise HocError(f"fit: {curve!r} is none of {', '.join(CURVES)}, nor a hoc function of that name.")
    return lambda x, *values: np.array([float(call(point, *map(float, values))) for point in x.tolist()])
