"""Random: NEURON's random numbers.

In: a distribution and a stream. Out: numbers. The distributions are NEURON's; the streams are not: `Random123(a, b, c)` and
`MCellRan4` select a reproducible Philox stream by their numbers, but its values differ from NEURON's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.pointers import Pointer

__all__ = ["Random"]


class Random:
    """A stream of random numbers with a current distribution.

    Parameters
    ----------
    seed : float, optional
    """

    def __init__(self, seed: float = 0, *_: float) -> None:
        self._ids: tuple[int, ...] = (int(seed),)
        self._sequence = 0
        self._pick: Callable[[int], np.ndarray] = self._uniform(0.0, 1.0)
        self._played: list[Pointer] = []
        self._reset()

    def _reset(self) -> None:
        self._generator = np.random.Generator(
            np.random.Philox(np.random.SeedSequence([abs(i) for i in (*self._ids, self._sequence)]))
        )

    def _set(self, pick: Callable[[int], np.ndarray]) -> float:
        self._pick = pick
        return self.repick()

    def draw(self, n: int) -> np.ndarray:
        """`n` numbers of the current distribution."""
        return np.asarray(self._pick(n), dtype=float)

    def repick(self) -> float:
        """The next number; it is also written where the Random is played to."""
        value = float(self.draw(1)[0])
        for pointer in self._played:
            pointer.set(value)
        return value

    def play(self, pointer: Pointer) -> float:
        """Write every number picked to a pointer as well."""
        self._played.append(pointer)
        return 0.0

    # -------------------------------------------------------------------------------------------------------------- streams

    def Random123(self, first: float = 0, second: float = 0, third: float = 0) -> float:
        """Select the stream with these numbers."""
        self._ids, self._sequence = (123, int(first), int(second), int(third)), 0
        self._reset()
        return 0.0

    def Random123_globalindex(self, index: float = 0) -> float:
        """Has no effect here: streams are told apart by their own three numbers."""
        return float(index)

    def MCellRan4(self, first: float = 0, second: float = 0) -> float:
        """Select the stream with these numbers."""
        self._ids, self._sequence = (4, int(first), int(second)), 0
        self._reset()
        return float(first)

    def ACG(self, seed: float = 0, *_: float) -> float:
        """Select the stream with this seed."""
        self._ids, self._sequence = (1, int(seed)), 0
        self._reset()
        return 0.0

    MLCG = ACG
    Isaac64 = ACG

    def seq(self, number: float | None = None) -> float:
        """Restart the stream at a number; without one, the number it was started at."""
        if number is not None:
            self._sequence = int(number)
            self._reset()
        return float(self._sequence)

    # -------------------------------------------------------------------------------------------------------- distributions

    def _uniform(self, low: float, high: float) -> Callable[[int], np.ndarray]:
        return lambda n: self._generator.uniform(low, high, n)

    def uniform(self, low: float, high: float) -> float:
        """Uniform between two numbers."""
        return self._set(self._uniform(float(low), float(high)))

    def discunif(self, low: float, high: float) -> float:
        """Whole numbers from `low` to `high`, both included."""
        return self._set(lambda n: self._generator.integers(int(low), int(high), n, endpoint=True))

    def normal(self, mean: float, variance: float) -> float:
        """Normal, given mean and variance."""
        return self._set(lambda n: self._generator.normal(mean, np.sqrt(variance), n))

    def lognormal(self, mean: float, variance: float) -> float:
        """Log-normal with this mean and variance."""
        s2 = np.log(1 + variance / mean**2)
        return self._set(lambda n: self._generator.lognormal(np.log(mean) - s2 / 2, np.sqrt(s2), n))

    def negexp(self, mean: float) -> float:
        """Exponential."""
        return self._set(lambda n: self._generator.exponential(mean, n))

    def poisson(self, mean: float) -> float:
        """Poisson."""
        return self._set(lambda n: self._generator.poisson(mean, n))

    def binomial(self, trials: float, p: float) -> float:
        """Binomial."""
        return self._set(lambda n: self._generator.binomial(int(trials), p, n))

    def geometric(self, p: float) -> float:
        """Number of trials before the first success, counted from 1."""
        return self._set(lambda n: self._generator.geometric(p, n))

    def hypergeo(self, mean: float, variance: float) -> float:
        """Hyperexponential with this mean and variance: a mixture of two exponentials."""
        if variance < mean**2:
            raise HocError(f"hypergeo needs a variance of at least the square of the mean; got {mean}, {variance}")
        z = variance / mean**2
        p = 0.5 * (1 - np.sqrt((z - 1) / (z + 1)))

        def pick(n: int) -> np.ndarray:
            share = np.where(self._generator.random(n) > p, 1 - p, p)
            return self._generator.exponential(mean / (2 * share))

        return self._set(pick)

    def erlang(self, mean: float, variance: float) -> float:
        """Erlang with this mean and variance."""
        shape = max(round(mean**2 / variance), 1)
        return self._set(lambda n: self._generator.gamma(shape, mean / shape, n))

    def weibull(self, alpha: float, beta: float) -> float:
        """Weibull: exponent `alpha`, `beta` to that exponent in the exponential."""
        return self._set(lambda n: beta ** (1 / alpha) * self._generator.weibull(alpha, n))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"'hoc.Random' object has no attribute '{name}'")
