"""What is recorded during variable steps.

In: the recorders of a session. Out: the times at which they want values, and the values taken.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from geometry.records import dataclass
from rxd.neuron.engine.hh_assigned import ASSIGNED
from rxd.neuron.engine.taps import Tap, Trace, tap
from rxd.neuron.mechanisms.points import AlphaSynapse, Exp2Syn, ExpSyn, IClamp, SEClamp
from rxd.neuron.recordings.recording import ROUND_OFF
from rxd.neuron.vectors.pointers import AttributePointer
from rxd.solve.problem import Grid

if TYPE_CHECKING:
    from rxd.neuron.engine import Engine
    from rxd.neuron.recordings.recording import Player, Recorder
    from rxd.neuron.runs.run import Run
    from rxd.neuron.vectors.pointers import Pointer

__all__ = ["Samples", "taken_early"]

AT_ONCE = 4096
"""Times of a grid for which room is made at once."""


@dataclass(frozen=True, slots=True)
class Trail:
    """What the loop itself can record at every step: state positions, and of each recorder how to read its values from them.

    ``positions`` is None if a recorder shows anything else; ``playing``: whether Vectors play.
    """

    engine: Engine
    recorders: list[Recorder]
    playing: bool
    positions: np.ndarray | None
    readers: list[Callable[..., np.ndarray]]
    gridded: list[tuple[np.ndarray, Callable[..., np.ndarray]] | None]
    """The same for recordings on a grid: positions of each and how to read it, None if only Python can."""
    sums: Sums
    """Which of these are sums."""
    jumping: list[Recorder]
    """Those on a grid of what events make jump."""


class Sums:
    """Recordings on a grid that are weighted sums of what the state holds: all of them are added up at once."""

    def __init__(self, taps: Sequence[Tap | None]) -> None:
        """Of all recordings on grids, in their order; None for one that only Python can make."""
        # a cell of one segment has none to add up: `reduceat` takes a sum of nothing for what comes next
        weights = [one.weights if one is not None and len(one.positions) else None for one in taps]
        ends = np.cumsum([0, *(0 if one is None else len(one.positions) for one in taps)])
        chosen = [(at, some) for at, some in zip(ends.tolist(), weights, strict=False) if some is not None]
        self.place = {int(i): place for place, i in enumerate(i for i, some in enumerate(weights) if some is not None)}
        self._columns = np.concatenate([np.zeros(0, int), *(np.arange(at, at + len(some)) for at, some in chosen)])
        self._weights = np.concatenate([np.zeros(0), *(some for _, some in chosen)])
        self._first = np.cumsum([0, *(len(some) for _, some in chosen[:-1])])

    def of(self, values: np.ndarray) -> np.ndarray:
        """The sums, shape (n, sums), of what all positions held, shape (n, positions)."""
        return np.asarray(np.add.reduceat(values[:, self._columns] * self._weights, self._first, axis=1))


def _trail(engine: Engine, recorders: list[Recorder], playing: bool) -> Trail:
    readers, positions, at, gridded, all_known = [], [np.zeros(0, dtype=np.int64)], 0, [], True
    on_grids: list[Tap | None] = []
    jumps, jumping = engine.synapses.all_places, []
    for recorder in recorders:
        one = tap(engine, recorder.pointer)
        known = one is not None and bool(one.kind or (_follows(recorder.pointer, one) and not playing))
        clamp = isinstance(recorder.pointer, AttributePointer) or (one is not None and one.clamps)
        if recorder.when is not None:
            on_grids.append(one if known else None)
            gridded.append((one.positions, _reader(one, 0, clamp)) if one is not None and known else None)
            if one is not None and one.kind == "place" and int(one.positions[0]) in jumps:
                jumping.append(recorder)
        elif one is not None and known:
            readers.append(_reader(one, at, clamp))
            positions.append(one.positions)
            at += len(one.positions)
        else:
            all_known = False
    together = np.concatenate(positions) if readers and all_known else None
    return Trail(engine, recorders, playing, together, readers, gridded, Sums(on_grids), jumping)


def taken_early(run: Run, t: float, sent: float) -> list[Recorder]:
    """Who has just recorded what an event makes jump that was sent before the sample: due again after it, as in NEURON."""
    jumping = () if run.trail is None else run.trail.jumping
    found = [recorder for recorder in jumping if recorder.sent == t and recorder.taken and sent <= recorder.earlier]
    for recorder in found:
        recorder.withdraw(t)
    return found


def _follows(pointer: Pointer, one: Tap) -> bool:
    """Whether what a pointer shows follows from the state at the end of a step alone."""
    if isinstance(pointer, AttributePointer):
        return isinstance(pointer.target, (ExpSyn, Exp2Syn, AlphaSynapse, IClamp, SEClamp))
    return one.started or one.instant or one.clamps or getattr(pointer, "name", "") in ASSIGNED


def _reader(one: Tap, at: int, clamp: bool) -> Callable[..., np.ndarray]:
    """How to read the values of a tap, whose positions begin at a column; clamps may jump at the last time."""
    here = slice(at, at + len(one.positions))

    def read(t: np.ndarray, values: np.ndarray, jumped: bool = False) -> np.ndarray:
        if one.kind:
            return t if one.kind == "time" else values[:, at]
        held = values[:, here]
        if clamp and jumped:
            t = t + ROUND_OFF  # a time that is summed up may fall short of that of a jump
        if clamp and not jumped:
            t = t.copy()
            t[-1] = np.nextafter(t[-1], -np.inf)
        parts = (slice(0, -1), slice(-1, None)) if clamp and len(t) > 1 else (slice(None),)
        found = [one.read(Trace(held[part], held[part], t[part], t[part], {})) for part in parts]
        return np.concatenate([np.broadcast_to(some, t[part].shape) for some, part in zip(found, parts, strict=True)])

    return read


class Samples:
    """Recordings during variable steps: those on a grid from within steps, the others at the end of each."""

    def __init__(self, run: Run, engine: Engine, rising: Sequence[Player] = ()) -> None:
        self._run, self._rising = run, rising
        self._every = [recorder for recorder in run._recorders if recorder.when is None]
        self._grids = [recorder for recorder in run._recorders if recorder.when is not None]
        self._end = -np.inf
        self._known: Grid | None = None
        self._alike = True
        trail, playing = run.trail, bool(run.players)
        if trail is None or trail.engine is not engine or trail.recorders is not run._recorders or trail.playing != playing:
            run.trail = trail = _trail(engine, run._recorders, playing)
        self._readers, self._gridded, self._sums = trail.readers, trail.gridded, trail.sums
        self.trail: np.ndarray | None = trail.positions

    @property
    def next_time(self) -> float:
        """The next time on a grid; what is recorded at every step leaves none out, unless the loop records it itself."""
        if self._every and self.trail is None:
            return -np.inf
        return min((recorder.next_time() for recorder in self._grids), default=np.inf)

    @property
    def is_read_from_state(self) -> bool:
        """Whether all that is recorded can be read without asking objects of scripts."""
        return not (self._every and self.trail is None) and None not in self._gridded

    def passed(self, t: np.ndarray, values: np.ndarray) -> None:
        """Append what is recorded at every step, of many."""
        for recorder, read in zip(self._every, self._readers, strict=True):
            recorder.append(read(t, values))

    def end(self, t: float, y: np.ndarray) -> None:
        """Record what is recorded at every step, of a step that ends here."""
        if self.trail is not None:
            self.passed(np.array([t]), y[self.trail][None])
        else:
            self._end = t
            self.take_every(t)

    def jumped(self, t: float, y: np.ndarray) -> None:
        """Append what is recorded at every step, of a state after a jump."""
        for recorder, read in zip(self._every, self._readers, strict=True) if self.trail is not None else ():
            recorder.append(read(np.array([t]), y[self.trail][None], True))
        for recorder in self._every if self.trail is None else ():
            recorder.take()

    def grid(self, until: float) -> Grid | None:
        """State positions that grids want at times up to one, but of the next `AT_ONCE` times only."""
        if not self._grids or not self.is_read_from_state:
            return None
        # Recorders of one schedule are due together: what a script records of each of a thousand nodes is looked at once.
        schedules = {recorder.schedule(): recorder for recorder in self._grids}
        known, following = self._known, min(recorder.next_time() for recorder in schedules.values())
        if (
            known is None
            or known.until < following
            or (known.until < until and following >= known.times[len(known.times) // 2])
        ):
            self._known = known = self._times(list(schedules.values()), until)
        first = int(np.searchsorted(known.times, following))
        return replace(known, times=known.times[first:])

    def _times(self, recorders: Sequence[Recorder], until: float) -> Grid:
        every = [recorder for recorder in recorders if isinstance(recorder.when, float) and np.isfinite(recorder.next_time())]
        last = min((recorder.following + AT_ONCE * recorder.when for recorder in every), default=np.inf)  # type: ignore[operator]
        times = [recorder.due(min(until, last)) for recorder in recorders]
        positions = np.concatenate([known[0] for known in self._gridded if known is not None])
        self._alike = all(np.array_equal(times[0], some) for some in times[1:])
        return Grid(positions, times[0] if self._alike else np.unique(np.concatenate(times)), np.inf if last >= until else last)

    def reached(self, t: np.ndarray, values: np.ndarray) -> None:
        """Append what grids want at the first of these times."""
        at, due = 0, dict[tuple[float, float] | None, tuple[np.ndarray, np.ndarray | slice]]()
        place = self._sums.place
        sums = self._sums.of(values) if place else values
        for number, (recorder, known) in enumerate(zip(self._grids, self._gridded, strict=True)):
            assert known is not None
            schedule = None if self._alike else recorder.schedule()
            if schedule not in due:
                mine = t if self._alike else recorder.due(t[-1])
                due[schedule] = mine, slice(None) if self._alike else np.searchsorted(t, mine)
            mine, rows = due[schedule]
            if len(mine) and number in place:
                recorder.append_at(mine, sums[rows, place[number]])
            elif len(mine):
                recorder.append_at(mine, known[1](mine, values[rows, at : at + len(known[0])], True))
            at += len(known[0])

    def before(self, end: float) -> Iterator[float]:
        """Times at which something is recorded, up to the end of a step."""
        while True:
            due = min((recorder.next_time() for recorder in self._grids), default=np.inf)
            if due >= end:
                break
            yield due
        self._end = end
        if self._every or any(recorder.next_time() <= end for recorder in self._grids):
            yield end

    def note(self, t: float, y: np.ndarray) -> bool:
        """Record what is due and follows from the state alone; whether that was all."""
        due = [
            (recorder, known) for recorder, known in zip(self._grids, self._gridded, strict=True) if recorder.next_time() <= t
        ]
        ends, now, left = t == self._end and bool(self._every), np.array([t]), False
        for recorder, known in due:
            if known is None:
                left = True
                continue
            value = float(known[1](now, y[known[0]][None], True)[0])
            while recorder.next_time() <= t:
                recorder.take_value(value)
        if ends and self.trail is not None:
            self.passed(now, y[self.trail][None])
        return not left and not (ends and self.trail is None)

    def play(self, t: float) -> None:
        """Let clamps have the levels that are played at this time."""
        for player in self._rising:
            player.play(t)

    def take(self, t: float) -> None:
        """Record what is due on grids."""
        self._run.session.globals["t"] = t
        for recorder in self._grids:
            while recorder.next_time() <= t:
                recorder.take()

    def take_every(self, t: float) -> None:
        """Record what is recorded at every step, if this is the end of one."""
        for recorder in self._every if t == self._end and self.trail is None else ():
            recorder.take()
