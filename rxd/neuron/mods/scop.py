"""Random numbers of NEURON's library for mod files: `scop_random`, `exprand`, `normrand`, `poisrand`.

In: a seed. Out: NEURON's own numbers, from a linear congruential generator that all mod files of a session share.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

__all__ = ["ScopRandom"]

FACTOR, SHIFT, MODULUS = 2147437301, 453816981, 2**32


class ScopRandom:
    """The generator.

    Attributes
    ----------
    functions : mapping of str to function
        By the names they have in mod files.
    """

    def __init__(self) -> None:
        self._value = 1
        named = (self.scop_random, self.exprand, self.normrand, self.poisrand, self.set_seed)
        self.functions: Mapping[str, Callable[..., float]] = MappingProxyType({f.__name__: f for f in named})

    def set_seed(self, seed: float) -> float:
        """Begin anew."""
        self._value = int(seed) % MODULUS
        return 0.0

    def scop_random(self, *_: float) -> float:
        """A number between 0 and 1."""
        self._value = (FACTOR * self._value + SHIFT) % MODULUS
        return self._value / (MODULUS - 1)

    def exprand(self, mean: float) -> float:
        """A number of the exponential distribution."""
        return -mean * math.log(self.scop_random())

    def normrand(self, mean: float, deviation: float) -> float:
        """A number of the normal distribution: one of two of the polar method."""
        while True:
            one, two = 2 * self.scop_random() - 1, 2 * self.scop_random() - 1
            square = one * one + two * two
            if square < 1:
                return one * math.sqrt(-2 * math.log(square) / square) * deviation + mean

    def poisrand(self, mean: float) -> float:
        """A number of the Poisson distribution."""
        limit, product, count = math.exp(-mean), self.scop_random(), 0
        while product > limit:
            product *= self.scop_random()
            count += 1
        return float(count)
