"""What a run records and what Vectors play in it.

In: Vectors, pointers, times. Out: recordings that begin with `finitialize` or `frecord_init`, as NEURON's do, and variables
that follow Vectors from `finitialize` on.
"""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.recordings.fields import PlayedField, together
from rxd.neuron.recordings.recording import ROUND_OFF, Player, Recorder, Taking, forgetting

if TYPE_CHECKING:
    from rxd.neuron.events.connections import EventHeap
    from rxd.neuron.session import Session
    from rxd.neuron.vectors.pointers import Pointer
    from rxd.neuron.vectors.vector import Vector

__all__ = ["Tapes"]


class Tapes:
    """The part of a `Run` that records and plays.

    Attributes
    ----------
    players : list of Player
        Vectors that drive variables.
    """

    session: Session
    events: EventHeap
    adaptive: bool

    def __init__(self) -> None:
        self._taken: weakref.WeakSet[Vector] = weakref.WeakSet()  # what records or plays, so that others are not looked for
        self._recorders: list[Recorder] = []
        self._announced: list[Recorder] = []
        # all; those with smooth courses, some of them in one; those with jumps; these with some of them in one
        self._sorted: tuple[Any, list[Player | PlayedField], list[Player], list[Player | PlayedField]] = None, [], [], []
        self.players: list[Player] = []
        self._ready: list[Player] = []

    def record(self, vector: Vector, pointer: Pointer, when: float | Vector | None) -> None:
        """Let a Vector record from the next `finitialize` or `frecord_init` on; it stops recording anything else."""
        self.forget(vector)
        self._taken.add(vector)
        self._announced.append(Recorder(weakref.ref(vector), pointer, when))

    def play(self, vector: Vector, pointer: Pointer, when: float | Vector, continuous: bool) -> None:
        """Let a Vector drive a variable from the next `finitialize` on, as long as somebody keeps it."""
        self._taken.add(vector)
        self._ready.append(Player(weakref.ref(vector, forgetting(self)), pointer, when, continuous))

    def forget(self, vector: Vector) -> None:
        """Let a Vector neither record nor play."""
        if vector not in self._taken:
            return
        self._taken.discard(vector)
        self._recorders = [recorder for recorder in self._recorders if recorder.vector() not in {None, vector}]
        self._announced = [recorder for recorder in self._announced if recorder.vector() not in {None, vector}]
        self.players = [player for player in self.players if player.vector is not vector]
        self._ready = [player for player in self._ready if player.vector is not vector]

    def _take_up(self) -> None:
        """Let those record that scripts have asked to since the last start, and forget those whose Vectors are gone."""
        every = (*self._recorders, *self._announced)
        self._recorders = [one for one in every if one.vector() is not None and not one.pointer.is_gone]
        self._announced = []

    def time_changed(self) -> None:
        """h.t has been set by a script: variable steps record on from there; what is in the queue stays there, as in NEURON."""
        for recorder in self._recorders if self.adaptive else ():
            recorder.seek(self.session.globals.t)

    def restart_recordings(self) -> None:
        """Start recordings again, from the present time."""
        self._take_up()
        for recorder in self._recorders:
            recorder.start(self.session.globals.t)
            if recorder.when is None and not self.adaptive:
                recorder.take()
        self.reschedule()

    def reschedule(self) -> None:
        """Put recordings on a grid into the queue again whose next times have changed; with variable steps none is there."""
        self.events.drop(lambda action: isinstance(action, Taking) and (self.adaptive or action.is_over))
        waiting = {id(action.recorder) for _, action in self.events.entries() if isinstance(action, Taking)}
        for recorder in self._recorders:
            if id(recorder) not in waiting:
                self._schedule(recorder)

    def _schedule(self, recorder: Recorder) -> None:
        """Let a recording on a grid take its next value, and the one after it, when they are due."""
        t = recorder.next_time()
        if t < np.inf and not self.adaptive:
            self.send_sample(recorder, t, recorder.sent)

    def send_sample(self, recorder: Recorder, t: float, sent: float) -> None:
        """Let a recording take a value at a time, as it is known since another."""
        self.events.push(t, Taking(recorder, t, self._schedule), sent)

    def _play_for_step(self, start: float, middle: float, end: float) -> None:
        """Play what a step reads: currents in its middle, reactions at its end, as in NEURON."""
        smooth, _, jumping = self._sorted_players()
        when = {0.0: start, 0.5: middle, 1.0: end}
        for player in smooth:
            player.play(when[player.pointer.read_at])
        _play_jumps(jumping, middle)

    def _play(self, t: float, continuous: bool | None = None) -> None:
        """Play, or only what is continuous, or what is not."""
        smooth, _, jumping = self._sorted_players()
        if continuous is not False:
            for player in smooth:
                player.play(t)
        if continuous is not True:
            _play_jumps(jumping, t)

    def _sorted_players(self) -> tuple[list[Player | PlayedField], list[Player], list[Player | PlayedField]]:
        """Those that play smooth courses, some of them together; those that play jumps, in their order, and some together."""
        if self._sorted[0] is not self.players:  # another list whenever one comes or goes
            every = self.players
            smooth, jumping = [one for one in every if one.continuous], [one for one in every if not one.continuous]
            self._sorted = every, together(self.session, smooth), jumping, together(self.session, jumping)
        return self._sorted[1:]


def _play_jumps(players: list[Player | PlayedField], t: float) -> None:
    """Play courses with jumps; hundreds of Vectors on a grid wait for their next one in most steps."""
    limit = t + ROUND_OFF
    for player in players:
        if isinstance(player, PlayedField):
            player.jump(t)
        elif not player.distance * (player.at + 1) > limit:
            player.play(t)
