"""Random: NEURON's random numbers.

In: a distribution and a stream. Out: the numbers of NEURON, for `Random123`, `MCellRan4` and a plain `Random(seed)`.
"""

from __future__ import annotations

import math
import weakref
from collections.abc import Callable

import numpy as np

from rxd.neuron.errors import HocError
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.random_numbers.philox import Stream
from rxd.neuron.random_numbers.ran4 import Ran4, ran4
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import Pointer

__all__ = ["Random"]

_PLAIN = 55  # second number of the stream NEURON takes for Random(seed)


class Random(HocObject):
    """A stream of random numbers with a current distribution.

    Parameters
    ----------
    seed : float, optional
    """

    def __init__(self, seed: float = 0, *_: float) -> None:
        self._session = current_session()
        self._stream: Stream | Ran4 = Stream(int(seed), _PLAIN, 0)
        self.stream_ids: tuple[int, int, int] | None = (int(seed), _PLAIN, 0)
        # functions of the Random, so that nothing refers to itself: it must be gone as soon as nobody keeps it
        self._many: Callable[[Random, int], np.ndarray] | None = None
        self._spare: float | None = None
        self._pick: Callable[[Random], float] = lambda own: own._bell()  # until a distribution is chosen, as in NEURON
        self._number = self._session.number("Random")

    def _open(self, first: float, second: float, third: float) -> float:
        self.stream_ids = (int(first), int(second), int(third))
        self._stream = Stream(*self.stream_ids, int(self._session.globals["random_index"]))
        self._spare = None
        return 1.0

    def _set(self, pick: Callable[[Random], float], many: Callable[[Random, int], np.ndarray] | None = None) -> float:
        self._pick, self._many = pick, many
        self._spare = None
        return self.repick()

    def draw(self, n: int) -> np.ndarray:
        """`n` numbers of the current distribution."""
        return np.array([self._pick(self) for _ in range(n)], dtype=float) if self._many is None else self._many(self, n)

    def repick(self) -> float:
        """The next number."""
        return float(self._pick(self))

    def play(self, pointer: Pointer) -> float:
        """Write a new number to a pointer with every `finitialize` and at the start of every fixed step."""
        self._session.run.dice.append((weakref.ref(self), pointer))
        return 0.0

    # -------------------------------------------------------------------------------------------------------------- streams

    def Random123(self, first: float = 0, second: float = 0, third: float = 0) -> float:
        """Select the stream with these numbers."""
        return self._open(first, second, third)

    def Random123_globalindex(self, index: float | None = None) -> float:
        """A number that all streams share, which counts for those selected from now on; without an argument, what it is."""
        if index is not None:
            self._session.globals["random_index"] = float(index)
        return self._session.globals["random_index"]

    def MCellRan4(self, first: float = 0, second: float = 0) -> float:
        """Select the stream `second` (0: the one that `h.mcell_ran4_init` names) from the place `first` on.

        A place of 0 stands for another one at every call. Returns the place.
        """
        values = self._session.globals
        values["random_count"] = count = values["random_count"] + 1.0
        name = int(second) or int(values["random_low"])
        place = int(first) or int(ran4(np.array([int(count)], dtype=np.uint64), name)[0])
        self._stream, self.stream_ids, self._spare = Ran4(place, name), None, None
        return float(place)

    def seq(self, place: float | None = None) -> float:
        """How many numbers of the stream have been used; with an argument, go to that place."""
        if place is not None:
            self._stream.place = int(place)
            self._spare = None
        return float(self._stream.place)

    # -------------------------------------------------------------------------------------------------------- distributions

    def uniform(self, low: float, high: float) -> float:
        """Uniform between two numbers."""
        start, width = float(low), float(high) - float(low)
        return self._set(lambda own: start + width * own._stream.one(), lambda own, n: start + width * own._stream.take(n))

    def discunif(self, low: float, high: float) -> float:
        """Whole numbers from `low` to `high`, both included."""
        start, n = int(low), int(high) - int(low) + 1
        return self._set(lambda own: float(start + math.floor(n * own._stream.one())))

    def _bell(self) -> float:
        """A number of the standard normal distribution: the polar method, which makes two at once."""
        if self._spare is not None:
            value, self._spare = self._spare, None
            return value
        while True:
            x, y = 2.0 * self._stream.one() - 1.0, 2.0 * self._stream.one() - 1.0
            w = x * x + y * y
            if 0.0 < w <= 1.0:
                scale = math.sqrt(-2.0 * math.log(w) / w)
                self._spare = y * scale
                return x * scale

    def normal(self, mean: float, variance: float) -> float:
        """Normal, given mean and variance."""
        if not variance >= 0:
            raise HocError(f"normal: a variance is not below 0, unlike {variance}.")
        width = math.sqrt(variance)
        return self._set(lambda own: own._bell() * width + mean)

    def lognormal(self, mean: float, variance: float) -> float:
        """Log-normal with this mean and variance."""
        spread = math.log((variance + mean**2) / mean**2)
        middle, width = math.log(mean**2 / math.sqrt(variance + mean**2)), math.sqrt(spread)
        return self._set(lambda own: math.exp(own._bell() * width + middle))

    def negexp(self, mean: float) -> float:
        """Exponential."""
        return self._set(lambda own: -mean * math.log(own._stream.one()), lambda own, n: -mean * np.log(own._stream.take(n)))

    def poisson(self, mean: float) -> float:
        """Poisson."""
        bound = math.exp(-mean)

        def pick(own: Random) -> float:
            count, product = 0, 1.0
            while product >= bound:
                product *= own._stream.one()
                count += 1
            return float(count - 1)

        return self._set(pick)

    def binomial(self, trials: float, p: float) -> float:
        """Binomial."""
        if not 0 <= p <= 1:
            raise HocError(f"binomial: a probability is from 0 to 1, unlike {p}.")
        n = int(trials)
        return self._set(lambda own: float(sum(own._stream.one() < p for _ in range(n))))

    def geometric(self, p: float) -> float:
        """How many numbers are drawn until one is not below p."""

        def pick(own: Random) -> float:
            count = 1
            while own._stream.one() < p:
                count += 1
            return float(count)

        return self._set(pick)

    def hypergeo(self, mean: float, variance: float) -> float:
        """Hyperexponential with this mean and variance: a mixture of two exponentials."""
        if variance < mean**2:
            raise HocError(f"hypergeo needs a variance of at least the square of the mean; got {mean}, {variance}")
        z = variance / mean**2
        p = 0.5 * (1 - math.sqrt((z - 1) / (z + 1)))

        def pick(own: Random) -> float:
            share = 1 - p if own._stream.one() > p else p
            return -mean * math.log(own._stream.one()) / (2 * share)

        return self._set(pick)

    def erlang(self, mean: float, variance: float) -> float:
        """Erlang with this mean and variance."""
        shape = max(int(mean**2 / variance + 0.5), 1)
        return self._set(lambda own: -math.log(math.prod(own._stream.one() for _ in range(shape))) * mean / shape)

    def weibull(self, alpha: float, beta: float) -> float:
        """Weibull: exponent `alpha`, `beta` to that exponent in the exponential."""
        return self._set(lambda own: (-beta * math.log(1.0 - own._stream.one())) ** (1.0 / alpha))
