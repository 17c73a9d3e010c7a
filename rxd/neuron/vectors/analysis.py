"""What `Vector` computes from its elements: statistics, searches, derivatives, histograms, interpolation.

In: the elements. Out: numbers, or Vectors (methods that take a source write the result into the Vector they were called on).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.session import current_session

if TYPE_CHECKING:
    from rxd.neuron.vectors.vector import Vector

__all__ = ["Analysis"]


class Analysis:
    """Statistics, searches and transforms."""

    _a: np.ndarray
    _n: int

    def _part(self, span: tuple[float, ...], least: int = 1) -> np.ndarray:
        start, stop = self._span(*span) if span else (0, self._n)  # type: ignore[attr-defined]
        if stop - start < least:
            raise HocError(f"Vector must have size > {least - 1}; it has {stop - start} elements")
        return self._a[start:stop]

    def _new(self, values: np.ndarray) -> Vector:
        return type(self)(values)  # type: ignore[call-arg,return-value]

    def _write(self, values: np.ndarray) -> Vector:
        self._a = np.asarray(values, dtype=float)
        return self  # type: ignore[return-value]

    # ----------------------------------------------------------------------------------------------------------- statistics

    def max(self, *span: float) -> float:
        """Largest element; 0 if there is none."""
        return float(self._part(span, 0).max(initial=-np.inf)) if self._n else 0.0

    def min(self, *span: float) -> float:
        """Smallest element; 0 if there is none."""
        return float(self._part(span, 0).min(initial=np.inf)) if self._n else 0.0

    def max_ind(self, *span: float) -> int:
        """Index of the largest element; -1 if there is none."""
        if not self._n:
            return -1
        return int(np.argmax(self._part(span))) + (int(span[0]) if span else 0)

    def min_ind(self, *span: float) -> int:
        """Index of the smallest element; -1 if there is none."""
        if not self._n:
            return -1
        return int(np.argmin(self._part(span))) + (int(span[0]) if span else 0)

    def mean(self, *span: float) -> float:
        """Mean."""
        return float(np.mean(self._part(span)))

    def median(self) -> float:
        """Median."""
        return float(np.median(self._part(())))

    def var(self, *span: float) -> float:
        """Variance, with n - 1."""
        return float(np.var(self._part(span, 2), ddof=1))

    def stdev(self, *span: float) -> float:
        """Standard deviation, with n - 1."""
        return float(np.std(self._part(span, 2), ddof=1))

    def stderr(self, *span: float) -> float:
        """Standard error of the mean."""
        part = self._part(span, 2)
        return float(np.std(part, ddof=1) / np.sqrt(part.size))

    def sum(self, *span: float) -> float:
        """Sum."""
        return float(np.sum(self._part(span, 0)))

    def sumsq(self, *span: float) -> float:
        """Sum of squares."""
        return float(np.sum(self._part(span, 0) ** 2))

    def mag(self) -> float:
        """Euclidean length."""
        return float(np.linalg.norm(self._a))

    def dot(self, other: Vector) -> float:
        """Inner product."""
        if other._n != self._n:
            raise HocError(f"Vector sizes are different: {self._n} and {other._n}")
        return float(self._a @ other._a)

    def eq(self, other: Vector) -> float:
        """1 if all elements are equal (to 1e-11), else 0."""
        return float(other._n == self._n and bool(np.all(np.abs(self._a - other._a) <= 1e-11)))

    def meansqerr(self, other: Vector, weight: Vector | None = None) -> float:
        """Mean of the squared differences, weighted if weights are given."""
        if other._n != self._n or (weight is not None and weight._n != self._n):
            raise HocError("Vector argument too small: sizes must be equal")
        squares = (self._a - other._a) ** 2
        return float(np.mean(squares if weight is None else squares * weight._a))

    # ------------------------------------------------------------------------------------------------------------- searches

    def contains(self, value: float) -> bool:
        """Whether an element equals a number (to 1e-11)."""
        return bool(np.any(np.abs(self._a - float(value)) <= 1e-11))

    def indwhere(self, operator: str, *values: float) -> int:
        """Index of the first element that meets a condition, -1 if none does."""
        found = np.flatnonzero(_condition(self._a, operator, values))
        return int(found[0]) if found.size else -1

    def where(self, *args: Any) -> Vector:
        """Keep the elements that meet a condition: `where(op, value)`, or of another Vector: `where(source, op, value)`."""
        source, (operator, *values) = _with_source(self, args)
        return self._write(source[_condition(source, operator, values)])

    def indvwhere(self, *args: Any) -> Vector:
        """Become the indices of elements that meet a condition: of a source, or else of its own."""
        source, (operator, *values) = _with_source(self, args)
        return self._write(np.flatnonzero(_condition(source, operator, values)).astype(float))

    def ind(self, indices: Vector) -> Vector:
        """A new Vector of the elements at some indices; those there are none of are left out."""
        chosen = indices._a.astype(int)
        return self._new(self._a[chosen[(chosen >= 0) & (chosen < self._n)]])

    def index(self, source: Vector, indices: Vector | None = None) -> Vector:
        """Take the elements of a source (or its own) at some indices; 0 where there is none."""
        values, chosen = (self._a, source) if indices is None else (source._a, indices)
        places = chosen._a.astype(int)
        there = (places >= 0) & (places < values.size)
        return self._write(np.where(there, np.append(values, 0.0)[np.where(there, places, -1)], 0.0))

    def sortindex(self, into: Vector | None = None) -> Vector:
        """Indices that sort the elements."""
        order = np.argsort(self._a, kind="stable").astype(float)
        return self._new(order) if into is None else into._write(order)

    # ----------------------------------------------------------------------------------------------------------- transforms

    def deriv(self, *args: Any) -> Vector:
        """Numerical derivative: `deriv([source], [dx], [method])`; method 2 (default) is central, 1 is forward."""
        source, rest = _with_source(self, args)
        dx = float(rest[0]) if rest else 1.0
        method = int(rest[1]) if len(rest) > 1 else 2
        if source.size < 2:
            raise HocError("Can't take derivative of Vector with less than two points")
        if method not in {1, 2}:
            raise HocError(f"deriv: method {method} is none of 1 (forward) and 2 (central).")
        if method == 1:
            return self._write(np.diff(source) / dx)
        return self._write(np.gradient(source, dx))

    def integral(self, *args: Any) -> Vector:
        """Cumulative sum times dx: `integral([source], [dx])`."""
        source, rest = _with_source(self, args)
        dx = float(rest[0]) if rest else 1.0
        return self._write(np.cumsum(source) * dx - source[0] * dx + source[0] if source.size else source)

    def interpolate(self, *args: Any) -> Vector:
        """Values at new places: `interpolate(new_x, x, y)`, or `interpolate(new_x, x)` of these elements."""
        new_x, x = args[0]._a, args[1]._a
        y = args[2]._a if len(args) > 2 else self._a
        return self._write(np.interp(new_x, x, y))

    def resample(self, source: Vector, rate: float) -> Vector:
        """Every element `rate` times, or (`rate` < 1) one of `1 / rate` elements."""
        if not 0 <= float(rate) <= max(source._n / 2, 1):
            raise HocError(f"resample: a rate of {rate} is not between 0 and half of the {source._n} elements.")
        n = int(source._n * float(rate))
        return self._write(source._a[np.minimum((np.arange(n) / (float(rate) or 1.0)).astype(int), source._n - 1)])

    def rebin(self, *args: Any) -> Vector:
        """Sums over groups of neighbouring elements: `rebin([source], factor)`."""
        source, rest = _with_source(self, args)
        factor = int(rest[0])
        if factor < 1:
            raise HocError(f"rebin: bins of {factor} elements hold none.")
        n = source.size // factor
        return self._write(source[: n * factor].reshape(n, factor).sum(axis=1))

    def histogram(self, low: float, high: float, width: float) -> Vector:
        """Counts in bins; the first bin holds what lies below `low`, by no more than a width."""
        if not float(low) <= float(high) or not 0 < float(width) <= float(high) - float(low):
            raise HocError(f"histogram: bins of {width} do not fit between {low} and {high}.")
        n = int((float(high) - float(low)) / float(width)) + 2
        bins = ((self._a - low) // width).astype(int) + 1
        return self._new(np.bincount(bins[(bins >= 0) & (bins < n)], minlength=n).astype(float))

    def hist(self, source: Vector, low: float, bins: float, width: float) -> Vector:
        """Counts of a source in `bins` bins from `low`."""
        n = int(bins)
        where = np.floor((source._a - low) / width).astype(int)
        return self._write(np.bincount(where[(where >= 0) & (where < n)], minlength=n).astype(float))

    def sumgauss(self, low: float, high: float, dx: float, variance: float, weights: Vector | None = None) -> Vector:
        """A new Vector: Gaussians summed on a grid from `low` to `high`; each element counts at the place next to it."""
        grid = low + dx * np.arange(int((high - low) / dx + 0.5))
        centres = low + dx * np.trunc((self._a - low) / dx)
        w = np.ones(self._n) if weights is None else weights._a
        exponent = -((grid[:, None] - centres) ** 2) / (2 * variance)
        shape = np.where(exponent > -20, np.exp(exponent), 0.0) / np.sqrt(2 * np.pi * variance)
        return self._new(shape @ w)

    def spikebin(self, source: Vector, threshold: float, width: float = 1) -> Vector:
        """1 where the source rises to a threshold or above, 0 elsewhere; of `width` elements together if that is given."""
        above, n = source._a >= threshold, source._n // int(width)
        rises = (above & ~np.concatenate([[False], above[:-1]]))[: n * int(width)].reshape(n, int(width))
        return self._write(rises.any(axis=1).astype(float))

    def fft(self, *args: Any) -> Vector:
        """Fourier transform of real data, packed as in NEURON: `fft([source], sign)`; sign -1 is the inverse."""
        source, rest = _with_source(self, args)
        n = 1 << max(source.size - 1, 1).bit_length()
        values = np.concatenate([source, np.zeros(n - source.size)])
        if float(rest[0]) < 0:
            spectrum = np.concatenate([values[:1], values[2::2] - 1j * values[3::2], values[1:2]])
            return self._write(np.fft.irfft(spectrum, n) * (n / 2))
        spectrum = np.fft.rfft(values)
        packed = np.empty(n)
        packed[0], packed[1] = spectrum[0].real, spectrum[-1].real
        packed[2::2], packed[3::2] = spectrum[1:-1].real, -spectrum[1:-1].imag
        return self._write(packed)

    def plot(self, graph: Any, *args: Any) -> Vector:
        """Draw the elements on a `Graph` or on matplotlib axes, against a Vector of x values or their index times a step."""
        x: Any = np.arange(self._n)
        for arg in args[:1]:
            x = np.asarray(arg) if hasattr(arg, "__len__") else x * float(arg)
        _axes(graph).plot(x[: self._n], self._a.copy())
        return self  # type: ignore[return-value]

    line = plot

    def mark(self, graph: Any, *args: Any) -> Vector:
        """Put marks at the elements: `mark(graph, x Vector or step)`; NEURON's shapes, sizes and colours have no effect."""
        x: Any = (
            np.asarray(args[0]) if args and hasattr(args[0], "__len__") else np.arange(self._n) * float(args[0] if args else 1)
        )
        _axes(graph).plot(x[: self._n], self._a.copy(), linestyle="none", marker="+")
        return self  # type: ignore[return-value]

    def ploterr(self, graph: Any, x: Vector, error: Vector, *_: Any) -> Vector:
        """Draw error bars around the elements."""
        _axes(graph).errorbar(
            np.asarray(x)[: self._n], self._a.copy(), np.asarray(error)[: self._n], linestyle="none", capsize=2
        )
        return self  # type: ignore[return-value]


def _axes(graph: Any) -> Any:
    return graph.axes if hasattr(graph, "axes") and hasattr(graph, "exec_menu") else graph


def _with_source(vector: Any, args: tuple[Any, ...]) -> tuple[np.ndarray, list[Any]]:
    """The elements to compute from (a Vector given first, or its own) and the other arguments."""
    if args and isinstance(args[0], Analysis):
        return args[0]._a, list(args[1:])
    return vector._a, list(args)


def _condition(a: np.ndarray, operator: str, values: Any) -> np.ndarray:
    """Where elements meet a condition; numbers that differ by `float_epsilon` or less are equal, as they are in hoc."""
    near = float(current_session().globals["float_epsilon"])

    def holds(sign: str, value: float) -> np.ndarray:
        over, under = a > value + near, a < value - near
        found: np.ndarray = {">": over, "<": under, ">=": ~under, "<=": ~over, "==": ~(over | under), "!=": over | under}[sign]
        return found & ~np.isnan(a) if sign in {">=", "<=", "=="} else found

    if operator in {">", "<", ">=", "<=", "==", "!="}:
        return holds(operator, float(values[0]) if values else 0.0)
    if operator in {"[]", "()", "[)", "(]"} and len(values) > 1:
        lower, upper = ">=" if operator[0] == "[" else ">", "<=" if operator[1] == "]" else "<"
        return holds(lower, float(values[0])) & holds(upper, float(values[1]))
    raise HocError(f"Invalid comparator in .where(): {operator!r}; there are: > < >= <= == != [] () [) (]")
