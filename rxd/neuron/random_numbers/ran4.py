"""MCellRan4: the generator that NEURON took from MCell, a cipher of two rounds applied to a counter.

In: two 32-bit numbers, the place in a stream and its name. Out: the numbers of NEURON, on all machines.

The cipher is the pseudo-DES of Press W. H., Teukolsky S. A., Vetterling W. T., Flannery B. P. (1992), Numerical Recipes in C,
chapter 7.5, with two of its four rounds.
"""

from __future__ import annotations

import numpy as np

__all__ = ["Ran4", "ran4"]

_MASK = np.uint64(0xFFFFFFFF)
_LOW = np.uint64(0xFFFF)
_HALF = np.uint64(16)
_ROUNDS = ((0xBAA96887, 0x4B0F3B58), (0x1E17D32C, 0xE874F0C3))
_AHEAD = 256  # numbers made at once when single ones are wanted


def _mixed(word: np.ndarray, first: int, second: int) -> np.ndarray:
    """The function of one round; all words have 32 bits, in 64 so that products fit."""
    word = word ^ np.uint64(first)
    low, high = word & _LOW, word >> _HALF
    sum_of_squares = (low * low + (~(high * high) & _MASK)) & _MASK
    turned = ((sum_of_squares >> _HALF) | (sum_of_squares << _HALF)) & _MASK
    return ((turned ^ np.uint64(second)) + low * high) & _MASK


def ran4(places: np.ndarray, name: int) -> np.ndarray:
    """Random words at some places of a stream.

    Parameters
    ----------
    places : ndarray of uint64, shape (n,)
        32-bit words.
    name : int
        A 32-bit word.

    Returns
    -------
    ndarray of uint64, shape (n,)
        32-bit words.
    """
    other = np.full(places.shape, name & 0xFFFFFFFF, dtype=np.uint64) ^ _mixed(places, *_ROUNDS[0])
    return np.asarray(places ^ _mixed(other, *_ROUNDS[1]))


class Ran4:
    """A stream of numbers between 0 and 1, with a place where it stands: the interface of `philox.Stream`.

    Parameters
    ----------
    place, name : int
        Where it begins, and which stream.
    """

    __slots__ = ("_made", "_start", "name", "place")

    def __init__(self, place: int, name: int) -> None:
        self.place, self.name = int(place), int(name)
        self._start, self._made = 0, np.zeros(0)

    def _numbers(self, first: int, count: int) -> np.ndarray:
        places = np.arange(first, first + count, dtype=np.int64).astype(np.uint64) & _MASK
        return np.asarray(ran4(places, self.name).astype(float) / 4294967296.0)

    def take(self, n: int) -> np.ndarray:
        """The next n numbers."""
        self.place += n
        return self._numbers(self.place - n, n)

    def one(self) -> float:
        """The next number."""
        at = self.place - self._start
        if not 0 <= at < self._made.size:
            self._start, self._made, at = self.place, self._numbers(self.place, _AHEAD), 0
        self.place += 1
        return float(self._made[at])
