"""RANDOM variables of mod files: streams of Random123 with NEURON's distributions.

In: an object's variable, draws by its code, settings by scripts. Out: NEURON's own numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from rxd.neuron.random_numbers.philox import Stream
from rxd.neuron.vectors.vector import Vector

if TYPE_CHECKING:
    from rxd.neuron.session import Session

__all__ = ["DRAWS", "RandomVariable"]

DRAWS: Mapping[str, str] = MappingProxyType(
    {
        "random_uniform": "uniform", "random_negexp": "negexp", "random_normal": "normal", "random_dpick": "dpick",
        "random_ipick": "ipick", "random_setseq": "set_seq", "random_setids": "set_ids",
    }
)  # fmt: skip
"""Methods behind the functions of mod files, whose first argument is the variable."""


class RandomVariable:
    """A RANDOM variable of one object: `syn.ranvar.set_ids(1, 2, 3)`."""

    def __init__(self, session: Session) -> None:
        # NEURON counts all streams that nobody has named, those of NetStims among them
        number = session.number("RANDOM") + session.counters.get("NetStim", 0) + 1
        self._session = session
        self._ids = (1, 0, number)
        self._stream = self._opened()

    def _opened(self) -> Stream:
        first, second, third = self._ids
        return Stream(first, second, third, int(self._session.globals["random_index"]))

    def set_ids(self, *ids: float) -> RandomVariable:
        """Name the stream by three numbers; it stays at its place.

        As in NEURON the numbers up to the end of the block of four in which it stands are those of the stream before:
        `set_seq` takes those of the new one from the next on.
        """
        before, (first, second, third) = self._stream, (int(number) for number in (*ids, 0, 0, 0)[:3])
        self._ids = (first, second, third)
        self._stream = self._opened()
        self._stream.go_on_from(before)
        return self

    def get_ids(self) -> Vector:
        """The three numbers that name the stream."""
        return Vector([float(number) for number in self._ids])

    def set_seq(self, place: float) -> RandomVariable:
        """Go to a place in the stream."""
        self._stream.go_to(int(place))
        return self

    def get_seq(self) -> float:
        """The place in the stream: how many numbers have been taken."""
        return float(self._stream.place % 2**34)

    def dpick(self) -> float:
        """A number between 0 and 1."""
        return self._stream.one()

    def ipick(self) -> float:
        """A whole number of 32 bits."""
        return float(round(self._stream.one() * (2**32 + 1) - 1))

    def uniform(self, low: float = 0.0, high: float = 1.0) -> float:
        """A number between two others."""
        return low + self.dpick() * (high - low)

    def negexp(self, mean: float = 1.0) -> float:
        """A number of the exponential distribution."""
        return -math.log(self.dpick()) * mean

    def normal(self, mean: float = 0.0, deviation: float = 1.0) -> float:
        """A number of the normal distribution: one of two of the polar method."""
        while True:
            one, two = 2 * self.dpick() - 1, 2 * self.dpick() - 1
            square = one * one + two * two
            if square <= 1:
                return mean + deviation * one * math.sqrt(-2 * math.log(square) / square)
