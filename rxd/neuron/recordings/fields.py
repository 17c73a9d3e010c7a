"""Courses of the potential outside that Vectors play into many segments, all at the same times: stimulation of fibres.

In: players. Out: those of one Vector of times write together, as each would alone: the place among the times is found once, and
the numbers are interpolated as one array.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.cells.outside import NAME
from rxd.neuron.recordings.recording import ROUND_OFF, Player
from rxd.neuron.vectors.pointers import RangePointer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rxd.neuron.session import Session
    from rxd.neuron.vectors.vector import Vector

__all__ = ["PlayedField", "together"]

_OUTSIDE = f"e_{NAME}"
_LEAST = 4
"""Players that are worth it."""


class PlayedField:
    """Players of the potential outside with one Vector of times."""

    __slots__ = ("_places", "_players", "_revision", "_session", "_times", "pointer")

    def __init__(self, session: Session, players: Sequence[Player]) -> None:
        self._session, self._players, self._times = session, players, players[0].when
        self.pointer = players[0].pointer
        self._revision = -1, -1
        self._places: list[tuple[np.ndarray, int]] = []

    def play(self, t: float) -> None:
        """Write the values at a time."""
        values = self._values(t)
        if values is None:
            for player in self._players:
                player.play(t)
            return
        self._write(values)

    def jump(self, t: float) -> None:
        """Write what has come since the last call, of courses with jumps."""
        players, times = self._players, self._times
        last = index = players[0].at
        n = 0
        if not isinstance(times, float) and all(player.at == last for player in players):
            n = times._n
            index = max(int(times._buffer[:n].searchsorted(t + ROUND_OFF, side="right")) - 1, last)
            if index == last:
                return
        vectors = self._vectors(n)
        if vectors is None:
            for player in players:
                player.play(t)
            return
        self._write([vector._buffer.item(index) for vector in vectors])
        for player in players:
            player.at = index

    def _write(self, values: list[float]) -> None:
        changed = False
        for (store, i), value in zip(self._places, values, strict=True):
            if store.item(i) != value:
                store[i] = value
                changed = True
        engine = self._session.run.engine
        if changed and engine is not None:
            self._session.run.ahead.forget()
            engine.circuits.note(_OUTSIDE)

    def _values(self, t: float) -> list[float] | None:
        """The values at a time; None if each has to find its own."""
        times = self._times
        n = 0 if isinstance(times, float) else times._n
        vectors = self._vectors(n)
        if vectors is None or isinstance(times, float) or n < 2:
            return None
        known = times._buffer[:n]
        k = int(known.searchsorted(t, side="right")) - 1
        at = min(max(k, 0), n - 2)
        before, after = known.item(at), known.item(at + 1)
        start, stop = (np.array([vector._buffer.item(j) for vector in vectors]) for j in (at, at + 1))
        if k < 0:
            found = start
        elif k < n - 1:
            found = (stop - start) / (after - before) * (t - before) + start
        elif t > after > before:  # on along the last two points, as `Player.value`
            found = stop + (t - after) * (stop - start) / (after - before)
        else:
            found = stop
        listed: list[float] = found.tolist()
        return listed

    def _vectors(self, n: int) -> list[Vector] | None:
        """The Vectors, if all are there with as many values, and their segments, too; else None."""
        found = [vector for vector in [player.reference() for player in self._players] if vector is not None and vector._n == n]
        return found if n and len(found) == len(self._players) and self._placed() else None

    def _placed(self) -> bool:
        """Find where the numbers are; whether all of their segments are there."""
        session = self._session
        revision = session.revision, session.shape_revision
        if self._revision != revision:
            pointers: list[Any] = [player.pointer for player in self._players]
            if any(pointer.is_gone or _OUTSIDE not in pointer.record.store for pointer in pointers):
                return False
            self._places = [(pointer.record.store[_OUTSIDE], pointer.record.index(pointer.x)) for pointer in pointers]
            self._revision = revision
        return True


def together(session: Session, players: Sequence[Player]) -> list[Player | PlayedField]:
    """Players of smooth courses, or of jumps, with those in one that play the potential outside at the same times."""
    found: dict[int, list[Player]] = {}
    others: list[Player | PlayedField] = []
    for player in players:
        pointer = player.pointer
        outside = isinstance(pointer, RangePointer) and pointer.name == _OUTSIDE and 0 < pointer.x < 1
        if outside and not isinstance(player.when, float):
            found.setdefault(id(player.when), []).append(player)
        else:
            others.append(player)
    for group in found.values():
        if len(group) < _LEAST:
            others += group
        else:
            others.append(PlayedField(session, group))
    return others
