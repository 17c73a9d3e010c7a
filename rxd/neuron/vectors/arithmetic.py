"""Arithmetic of `Vector` that changes its elements.

In: numbers and other Vectors. Out: the Vector itself, changed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.errors import HocError

if TYPE_CHECKING:
    from rxd.neuron.vectors.vector import Vector

__all__ = ["FUNCTIONS", "Arithmetic"]


def _each(function: Callable[[float], float]) -> Callable[[Any], Any]:
    """A function of a number, element by element (SciPy's own would take longer to load than scripts spend in it)."""
    return lambda values: np.array([function(value) for value in np.asarray(values, dtype=float).ravel()])


FUNCTIONS: Mapping[str, Callable[[Any], Any]] = MappingProxyType(
    {
        "abs": np.abs, "sin": np.sin, "cos": np.cos, "tan": np.tan, "atan": np.arctan, "exp": np.exp, "log": np.log,
        "log10": np.log10, "sqrt": np.sqrt, "tanh": np.tanh, "sinh": np.sinh, "cosh": np.cosh, "erf": _each(math.erf),
        "erfc": _each(math.erfc), "int": np.trunc, "fabs": np.abs, "floor": np.floor, "ceil": np.ceil,
    }
)  # fmt: skip


class Arithmetic:
    """Elementwise arithmetic; every method returns the Vector it was called on."""

    _a: np.ndarray
    _n: int

    def _operand(self, other: Any, name: str) -> Any:
        if isinstance(other, Arithmetic):
            if other._n != self._n:
                raise HocError(f"Vector argument to .{name}() wrong size: {other._n}, not {self._n}")
            return other._a
        try:
            return float(other)
        except (TypeError, ValueError):
            raise HocError(f".{name}() takes a number or a Vector, not {other!r}") from None

    def _apply(self, values: np.ndarray) -> Vector:
        self._a = values
        return self  # type: ignore[return-value]

    def add(self, other: Vector | float) -> Vector:
        """Add a number or a Vector."""
        return self._apply(self._a + self._operand(other, "add"))

    def sub(self, other: Vector | float) -> Vector:
        """Subtract a number or a Vector."""
        return self._apply(self._a - self._operand(other, "sub"))

    def mul(self, other: Vector | float) -> Vector:
        """Multiply by a number or a Vector."""
        return self._apply(self._a * self._operand(other, "mul"))

    def div(self, other: Vector | float) -> Vector:
        """Divide by a number or a Vector."""
        divisor = self._operand(other, "div")
        if not isinstance(other, Arithmetic) and divisor == 0:
            raise HocError("div: division by zero.")
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._apply(self._a / divisor)

    def _source(self, args: tuple[Any, ...]) -> tuple[np.ndarray, tuple[Any, ...]]:
        """The Vector to compute from (the first argument, or this one) and the other arguments."""
        if args and isinstance(args[0], Arithmetic):
            return args[0]._a, args[1:]
        return self._a, args

    def pow(self, *args: Any) -> Vector:
        """Raise to a power: `pow(p)`, or `pow(source, p)`."""
        values, rest = self._source(args)
        if float(rest[0]) == -1 and not np.all(values):
            raise HocError("pow: an element is 0, which has no inverse.")
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._apply(values ** float(rest[0]))

    def sqrt(self, *args: Any) -> Vector:
        """Square roots, of another Vector if one is given."""
        values = self._source(args)[0]
        if np.any(values < 0):
            raise HocError(f"sqrt: an element, {float(values.min()):g}, is negative.")
        return self._apply(np.sqrt(values))

    def log(self, *args: Any) -> Vector:
        """Natural logarithms."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._apply(np.log(self._source(args)[0]))

    def log10(self, *args: Any) -> Vector:
        """Logarithms to base 10."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return self._apply(np.log10(self._source(args)[0]))

    def tanh(self, *args: Any) -> Vector:
        """Hyperbolic tangents."""
        return self._apply(np.tanh(self._source(args)[0]))

    def abs(self, *args: Any) -> Vector:
        """Absolute values."""
        return self._apply(np.abs(self._source(args)[0]))

    def floor(self, *args: Any) -> Vector:
        """Next whole number below."""
        return self._apply(np.floor(self._source(args)[0]))

    def scale(self, low: float, high: float) -> float:
        """Stretch to the range `low` .. `high` and return the factor; elements that are all equal stay, and it is 0."""
        if not self._n:
            raise HocError("scale: the Vector has no elements.")
        smallest, largest = float(self._a.min()), float(self._a.max())
        if largest == smallest:
            return 0.0
        factor = (float(high) - float(low)) / (largest - smallest)
        self._apply((self._a - smallest) * factor + float(low))
        return factor

    def fill(self, value: float, *span: float) -> Vector:
        """Set all elements, or those from first to last."""
        if not span:
            return self._apply(np.full(self._n, float(value)))
        if len(span) != 2:
            raise HocError("fill takes a value, or a value and the first and last index")
        start, stop = self._span(*span)  # type: ignore[attr-defined]
        self._a[start:stop] = float(value)
        return self  # type: ignore[return-value]

    def indgen(self, *args: float) -> Vector:
        """Numbers at equal distances: `indgen()`, `indgen(step)`, `indgen(start, step)`, `indgen(start, stop, step)`."""
        if len(args) == 3:
            start, stop, step = map(float, args)
            n = math.floor((stop - start) / step + 1e-10) + 1
            return self._apply(start + step * np.arange(n))
        start, step = (0.0, *map(float, args)) if len(args) == 1 else (map(float, args) if args else (0.0, 1.0))
        return self._apply(start + step * np.arange(self._n))

    def sin(self, frequency: float, phase: float, dt: float = 1.0) -> Vector:
        """A sine of a frequency in Hz and a phase, at steps of dt ms."""
        return self._apply(np.sin(2 * np.pi * frequency / 1000 * dt * np.arange(self._n) + phase))

    def apply(self, function: str | Callable[[float], float], *span: float) -> Vector:
        """Apply a function by its name, such as "sin", or one of hoc, to all elements or those from first to last."""
        start, stop = self._span(*span) if span else (0, self._n)  # type: ignore[attr-defined]
        self._a[start:stop] = np.asarray(_elementwise(function)(self._a[start:stop]), dtype=float)
        return self  # type: ignore[return-value]

    def reduce(self, function: str, base: float = 0.0, *span: float) -> float:
        """Sum of a function of the elements (or of those from first to last), added to `base`."""
        start, stop = self._span(*span) if span else (0, self._n)  # type: ignore[attr-defined]
        return float(base + np.sum(_elementwise(function)(self._a[start:stop])))

    def sort(self) -> Vector:
        """Sort in increasing order."""
        return self._apply(np.sort(self._a))

    def reverse(self) -> Vector:
        """Turn the order round."""
        return self._apply(self._a[::-1].copy())

    def rotate(self, steps: float, fill: float | None = None) -> Vector:
        """Move elements to higher indices; those that fall out come in at the other end, or are lost if `fill` is given."""
        n = int(steps)
        values = np.roll(self._a, n)
        if fill is not None:
            values[slice(0, n) if n > 0 else slice(self._n + n, None)] = 0.0
        return self._apply(values)

    def setrand(self, random: Any, *span: float) -> Vector:
        """Fill with numbers of a Random."""
        start, stop = self._span(*span) if span else (0, self._n)  # type: ignore[attr-defined]
        self._a[start:stop] = random.draw(stop - start)
        return self  # type: ignore[return-value]

    def addrand(self, random: Any, *span: float) -> Vector:
        """Add numbers of a Random."""
        start, stop = self._span(*span) if span else (0, self._n)  # type: ignore[attr-defined]
        self._a[start:stop] += random.draw(stop - start)
        return self  # type: ignore[return-value]

    def __neg__(self) -> Vector:
        return self._new(-self._a)

    def __pos__(self) -> Vector:
        return self._new(self._a.copy())

    def __abs__(self) -> Vector:
        return self._new(np.abs(self._a))

    def __add__(self, other: Any) -> Any:
        return self._binary(other, np.add)

    def __radd__(self, other: Any) -> Any:
        return self._binary(other, np.add)

    def __sub__(self, other: Any) -> Any:
        return self._binary(other, np.subtract)

    def __rsub__(self, other: Any) -> Any:
        return self._binary(other, lambda a, b: np.subtract(b, a))

    def __mul__(self, other: Any) -> Any:
        return self._binary(other, np.multiply)

    def __rmul__(self, other: Any) -> Any:
        return self._binary(other, np.multiply)

    def __truediv__(self, other: Any) -> Any:
        return self._binary(other, np.divide)

    def __rtruediv__(self, other: Any) -> Any:
        return self._binary(other, lambda a, b: np.divide(b, a))

    def _binary(self, other: Any, operation: Callable[[Any, Any], Any]) -> Any:
        if isinstance(other, np.ndarray):
            return operation(self._a, other)
        if not isinstance(other, (Arithmetic, int, float, np.number)):
            return NotImplemented
        return self._new(operation(self._a, self._operand(other, "operator")))

    def _new(self, values: np.ndarray) -> Vector:
        return type(self)(values)  # type: ignore[call-arg,return-value]


def _elementwise(function: str | Callable[[float], float]) -> Callable[[np.ndarray], Any]:
    if callable(function):
        return np.vectorize(function, otypes=[float])
    if function in FUNCTIONS:
        return FUNCTIONS[function]
    from rxd.neuron.session import current_session

    user = current_session().hoc.function(function)
    if user is None:
        raise HocError(f"{function} is undefined; apply takes one of {', '.join(FUNCTIONS)} or a func defined in hoc")
    return np.vectorize(user, otypes=[float])
