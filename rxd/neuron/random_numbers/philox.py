"""Random123: the stream of 32-bit numbers that NEURON takes from Philox4x32-10.

In: three numbers that name a stream, a place in it. Out: the numbers, alike on all machines.

Salmon J. K., Moraes M. A., Dror R. O., Shaw D. E. (2011), doi:10.1145/2063384.2063405.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["Stream", "look_ahead", "philox"]

_MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
_WEYL = (0x9E3779B9, 0xBB67AE85)
_LOW = np.uint64(0xFFFFFFFF)
_HALF = np.uint64(32)
_ROUNDS = 10
_AHEAD = 64  # blocks made at once when single numbers are wanted


def philox(counter: np.ndarray, key: tuple[int, int]) -> np.ndarray:
    """Random bits of counters.

    Parameters
    ----------
    counter : ndarray of uint64, shape (4, n)
        32-bit words.
    key : (int, int)
        32-bit words.

    Returns
    -------
    ndarray of uint64, shape (4, n)
        32-bit words.
    """
    a, b, c, d = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        first, second = _MULTIPLIERS[0] * a, _MULTIPLIERS[1] * c
        a, b, c, d = (second >> _HALF) ^ b ^ np.uint64(k0), second & _LOW, (first >> _HALF) ^ d ^ np.uint64(k1), first & _LOW
        k0, k1 = (k0 + _WEYL[0]) & 0xFFFFFFFF, (k1 + _WEYL[1]) & 0xFFFFFFFF
    return np.stack([a, b, c, d])


class Stream:
    """A stream of numbers between 0 and 1, named by three numbers, with a place where it stands.

    Parameters
    ----------
    first, second, third : int
        Which stream.
    index : int
        A number that all streams of a program share.
    """

    __slots__ = ("_key", "_made", "_start", "_words", "place")

    def __init__(self, first: int, second: int, third: int, index: int = 0) -> None:
        self._words = tuple(int(word) & 0xFFFFFFFF for word in (third, first, second))
        self._key = (int(index) & 0xFFFFFFFF, 0)
        self.place = 0
        self._start, self._made = 0, np.zeros(0)

    def _blocks(self, first: int, count: int) -> np.ndarray:
        """The numbers of some blocks of four, shape (4 count,)."""
        counter = np.empty((4, count), dtype=np.uint64)
        counter[0] = np.arange(first, first + count, dtype=np.uint64) & _LOW
        for row, word in enumerate(self._words, 1):
            counter[row] = word
        return _between_0_and_1(philox(counter, self._key))

    @property
    def names(self) -> tuple[tuple[int, ...], tuple[int, int]]:
        """What tells it from others: words of its counter and its key."""
        return self._words, self._key

    def go_to(self, place: int) -> None:
        """Stand at a place, counted within the 2**34 numbers a stream has; at the beginning for places before it."""
        self.place = max(int(place), 0) % 2**34
        self._made = np.zeros(0)

    def go_on_from(self, other: Stream) -> None:
        """Stand where another stream stands: numbers up to the end of the block of four it is in are still the other's."""
        self.place, first = other.place, other.place // 4
        at = 4 * first - other._start
        begun = other._made[at : at + 4] if 0 <= at < other._made.size else other._blocks(first, 1)
        self._start, self._made = 4 * first, np.concatenate([begun, self._blocks(first + 1, _AHEAD - 1)])

    def take(self, n: int) -> np.ndarray:
        """The next n numbers."""
        first, last = self.place // 4, (self.place + n + 3) // 4
        self.place += n
        start = self.place - n - 4 * first
        return self._blocks(first, last - first)[start : start + n]

    def one(self) -> float:
        """The next number."""
        at = self.place - self._start
        if not 0 <= at < self._made.size:
            self._start = 4 * (self.place // 4)
            self._made = self._blocks(self.place // 4, _AHEAD)
            at = self.place - self._start
        self.place += 1
        return float(self._made[at])


def look_ahead(streams: Sequence[Stream], counts: Sequence[int]) -> list[np.ndarray]:
    """The next numbers of many streams, so many of each, which stay where they are."""
    found: list[np.ndarray] = [np.zeros(0)] * len(streams)
    for key in {stream.names[1] for stream in streams}:
        mine = [i for i, stream in enumerate(streams) if stream.names[1] == key]
        first = np.array([streams[i].place // 4 for i in mine], dtype=np.uint64)
        blocks = np.array([(streams[i].place + counts[i] + 3) // 4 - streams[i].place // 4 for i in mine])
        begin = np.concatenate([[0], np.cumsum(blocks)])
        counter = np.empty((4, int(begin[-1])), dtype=np.uint64)
        within = np.arange(begin[-1]) - np.repeat(begin[:-1], blocks)
        counter[0] = (np.repeat(first, blocks) + within.astype(np.uint64)) & _LOW
        words = np.array([streams[i].names[0] for i in mine], dtype=np.uint64)
        counter[1:] = np.repeat(words, blocks, axis=0).T
        numbers = _between_0_and_1(philox(counter, key))
        for i, block in zip(mine, begin[:-1], strict=True):
            start = 4 * int(block) + streams[i].place % 4
            found[i] = numbers[start : start + counts[i]]
    return found


def _between_0_and_1(bits: np.ndarray) -> np.ndarray:
    return np.asarray((bits.T.ravel().astype(float) + 1.0) / 4294967297.0)
