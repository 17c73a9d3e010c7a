"""What happens between the steps of one run of the split stepper's loop, and who looks on.

In: events that are known before, connections whose events spikes send within the run, cells that live in events alone, courses
of clamps and parameters, places to look at. Out: the state changed before its steps as if somebody had stopped the loop there.

Events are delivered as in NEURON's fixed step: those due by the middle of a step before it; a spike is found at the end of a
step and sent just after. Those at the same time are delivered in the order in which they were sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from rxd.solve.event_heap import Events, Wires, drop_first, push, room_for
from rxd.solve.firing import FIRED, INTFIRE1, NEVER, PENDING, Cells, no_cells, respond
from rxd.solve.lane_operations import exact_inner_kernel, inner_kernel

__all__ = ["BLOCKED", "DETECTION", "Courses", "Gains", "Known", "Samples", "Watch", "sampling", "sent", "watched"]

DETECTION: Final = 1e-10
"""How long after the end of the step that it is found in a spike is sent, ms."""
NOTHING: Final = 1e300
"""When something happens that never does, ms: behind every time that a run can reach."""
HEAPED: Final = 0
SENT: Final = 1
KNOWN: Final = 2
BLOCKED: Final = 3
"""In ``Watch.counts``: whether a run has ended before a step in the midst of its events."""


class Known(NamedTuple):
    """Events known before the run, in the order of their delivery.

    Attributes
    ----------
    time : ndarray
    target : ndarray of int
        As in `Watch.wires`; beyond cells and their own events, ``-1 - 2 n_cells - k``: source k of the wires fires, and beyond
        those, one of the samples is taken.
    amount : ndarray
        Of a source that fires, when that was sent, ms.
    """

    time: np.ndarray
    target: np.ndarray
    amount: np.ndarray


class Courses(NamedTuple):
    """What changes from step to step in a way known before.

    Attributes
    ----------
    clamp : ndarray of int, shape (n_clamp,)
        Places in the arrays of clamps; in every step they have ``conductance``, ``drive (steps, n_clamp)``.
    field : ndarray of int, shape (n_field,)
        Places in the fields of all groups end to end, in every step ``value (steps, n_field)``.
    """

    clamp: np.ndarray
    conductance: np.ndarray
    drive: np.ndarray
    field: np.ndarray
    value: np.ndarray


class Samples(NamedTuple):
    """Values that are taken among the events, each in its turn, since events make them jump.

    Attributes
    ----------
    place : ndarray of int, shape (m,)
        Positions of the state.
    first : ndarray of int, shape (m + 1,)
        Of each the places ``first[k] .. first[k + 1] - 1`` in the following.
    due, value : ndarray
        When they are taken, ms, and what was found. The first of each is a known event, which puts the next on its way.
    taken : ndarray of int, shape (m,)
        How many of each have been taken.
    """

    place: np.ndarray
    first: np.ndarray
    due: np.ndarray
    value: np.ndarray
    taken: np.ndarray


class Gains(NamedTuple):
    """What is added to the state at the end of every step: ``amount (n,)`` at ``position (n,)``."""

    position: np.ndarray
    amount: np.ndarray


class Watch(NamedTuple):
    """What happens to the state, and who looks at it, between the steps of one run of the loop.

    Attributes
    ----------
    stops : bool
        End the run after a step with a spike.
    middle, ends : ndarray, shape (steps,)
        Times of the middles and ends of steps, ms; they may be empty if there are neither events nor wires.
    known : Known
    cells : Cells
        Cells that live in events alone.
    wires : Wires
        Connections of sources: detectors, then cells, then what known events make fire. Targets are positions of the state, or
        cells: ``-1 - c``; an event of the cell's own, with its number as amount, goes to ``-1 - n_cells - c``.
    heap : Events
        Room for the events that they send; what is left in it was not delivered. Of each ``order`` is the number of its wire
        plus that of all wires, cells and samples times how many spikes were sent before; cells have the numbers beyond the
        wires, samples those beyond the cells.
    counts : ndarray of int, shape (4,)
        Events in the heap, spikes and samples sent, known events delivered, whether there was no room before a step.
    samples : Samples
    courses : Courses
    gains : Gains
        Sources that do not change.
    taps : ndarray of int, shape (n_taps,)
        Positions whose values go to ``trace (steps, n_taps)`` after every step.
    begin : ndarray, shape (steps, n_taps) or (0, 0)
        Takes the same before every step, after its events, if somebody wants it.
    log : ndarray of int, shape (1 + most, 2)
        Step and detector of spikes, from row 1; their number in row 0. The run ends when it is full.
    past : ndarray
        The state before the last step; empty if nobody wants it.
    grace : ndarray of int, shape (n_detectors,) or (0,)
        How many steps there may be from one in which a detector's voltage rises on, that one included; empty: any number.
    seen_place, seen_value : ndarray, shape (n_seen,)
        Positions of the state and what currents find there in the first step, instead of what is there.
    """

    stops: bool
    middle: np.ndarray
    ends: np.ndarray
    known: Known
    cells: Cells
    wires: Wires
    heap: Events
    counts: np.ndarray
    samples: Samples
    courses: Courses
    gains: Gains
    taps: np.ndarray
    trace: np.ndarray
    begin: np.ndarray
    log: np.ndarray
    past: np.ndarray
    grace: np.ndarray
    seen_place: np.ndarray
    seen_value: np.ndarray


@exact_inner_kernel
def stride_of(watch: Watch) -> int:
    """How many numbers of wires, cells and samples there are."""
    return watch.wires.target.size + watch.cells.kind.size + watch.samples.place.size


@exact_inner_kernel
def send_from(source: int, t: float, watch: Watch) -> None:
    """Send the events of a source that fires."""
    wires, heap, counts, stride = watch.wires, watch.heap, watch.counts, stride_of(watch)
    for w in range(wires.first[source], wires.first[source + 1]):
        push(heap, counts[HEAPED], t + wires.delay[w], 0, counts[SENT] * stride + w, wires.amount[w])
        counts[HEAPED] += 1
    counts[SENT] += 1


@exact_inner_kernel
def send(s: int, fraction: np.ndarray, watch: Watch) -> None:
    """Send the events of the spikes found in the step before s."""
    if watch.wires.target.size == 0 or s == 0:
        return
    for d in range(fraction.size):
        if fraction[d] >= 0.0:
            send_from(d, watch.ends[s - 1] + DETECTION, watch)


@exact_inner_kernel
def send_own(c: int, t: float, watch: Watch) -> None:
    """A cell sends itself an event."""
    wires, heap, counts, stride = watch.wires, watch.heap, watch.counts, stride_of(watch)
    push(heap, counts[HEAPED], t, 0, counts[SENT] * stride + wires.target.size + c, watch.cells.state[c, PENDING])
    counts[HEAPED] += 1
    counts[SENT] += 1


@exact_inner_kernel
def hand_over(target: int, amount: float, t: float, detectors: int, watch: Watch) -> None:
    """A cell receives an event, or a source known before fires."""
    cells, n = watch.cells, watch.cells.kind.size
    number = -1 - target
    if number >= 2 * n:
        send_from(number - 2 * n, t, watch)
        return
    c, own = number % n, number >= n
    before = cells.state[c, FIRED]
    following = respond(cells, c, amount, own, t)
    early = cells.kind[c] == INTFIRE1
    if early and following < NEVER:
        send_own(c, following, watch)
    if cells.state[c, FIRED] > before:
        row = int(cells.log[0, 0]) + 1
        cells.log[0, 0], cells.log[row, 0], cells.log[row, 1] = row, t, c
        send_from(detectors + c, t, watch)
    if not early and following < NEVER:
        send_own(c, following, watch)


@exact_inner_kernel
def first_sample(watch: Watch) -> int:
    """The number of the first of the samples among what is no place of the state."""
    return 2 * watch.cells.kind.size + watch.wires.first.size - 1


@exact_inner_kernel
def take_sample(k: int, y: np.ndarray, watch: Watch) -> None:
    """Take one of the samples, and put the next on its way."""
    samples, counts = watch.samples, watch.counts
    at = samples.first[k] + samples.taken[k]
    if at >= samples.first[k + 1]:
        return
    samples.value[at] = y[samples.place[k]]
    samples.taken[k] += 1
    if at + 1 < samples.first[k + 1]:
        order = counts[SENT] * stride_of(watch) + watch.wires.target.size + watch.cells.kind.size + k
        push(watch.heap, counts[HEAPED], samples.due[at + 1], 0, order, samples.due[at])
        counts[HEAPED] += 1
        counts[SENT] += 1


@exact_inner_kernel
def has_room(target: int, detectors: int, watch: Watch) -> bool:
    """Whether there is room for what an event makes happen."""
    first, n = watch.wires.first, watch.cells.kind.size
    number = -1 - target
    room = watch.heap.time.size - watch.counts[HEAPED]
    if number >= first_sample(watch):
        return room > 0
    source = number - 2 * n if number >= 2 * n else detectors + number % n
    if room <= first[source + 1] - first[source] + 1:
        return False
    return number >= 2 * n or int(watch.cells.log[0, 0]) + 1 < watch.cells.log.shape[0]


@exact_inner_kernel
def next_event(watch: Watch) -> tuple[float, int, float, bool]:
    """When the next event is due, its target and amount, and whether it is in the heap.

    Of two at one time the known one, but for a sample that was sent before a source that fires was.
    """
    known, heap, counts, wires, n = watch.known, watch.heap, watch.counts, watch.wires, watch.cells.kind.size
    k, size = counts[KNOWN], wires.target.size
    heaped = counts[HEAPED] > 0
    w = heap.order[0] % stride_of(watch) if heaped else 0
    if k < known.time.size and (not heaped or known.time[k] <= heap.time[0]):
        fires = -1 - known.target[k] >= 2 * n
        if not (heaped and w >= size + n and fires and known.time[k] == heap.time[0] and heap.amount[0] < known.amount[k]):
            return known.time[k], known.target[k], known.amount[k], False
    if not heaped:
        return NOTHING, 0, 0.0, False
    if w < size:
        target = wires.target[w]
    else:
        target = -1 - n - (w - size) if w < size + n else -1 - first_sample(watch) - (w - size - n)
    return heap.time[0], target, heap.amount[0], True


@exact_inner_kernel
def take(target: int, amount: float, due: float, heaped: bool, detectors: int, y: np.ndarray, watch: Watch) -> None:
    """Take the next event out of where it waits and let it act."""
    counts = watch.counts
    if heaped:
        drop_first(watch.heap, counts[HEAPED])
        counts[HEAPED] -= 1
    else:
        counts[KNOWN] += 1
    if target >= 0:
        y[target] += amount
    elif -1 - target >= first_sample(watch):
        take_sample(-1 - target - first_sample(watch), y, watch)
    else:
        hand_over(target, amount, due, detectors, watch)


@exact_inner_kernel
def deliver_until(t: float, detectors: int, y: np.ndarray, watch: Watch) -> bool:
    """Deliver what is due at a time; whether the state has changed."""
    found = False
    while True:
        due, target, amount, heaped = next_event(watch)
        if due > t:
            return found
        if target < 0 and not has_room(target, detectors, watch):
            watch.counts[BLOCKED] = 1
            return found
        take(target, amount, due, heaped, detectors, y, watch)
        found = found or target >= 0


@inner_kernel
def let_happen(s: int, spikes: int, last: bool, y: np.ndarray, fraction: np.ndarray, watch: Watch) -> bool:
    """Events before a step, and the state before it if it may be the last; whether there were events.

    ``spikes``: of the step before, with their ``fraction``.
    """
    if spikes > 0:
        send(s, fraction, watch)
    found = watch.middle.size > 0 and deliver_until(watch.middle[s], fraction.size, y, watch)
    if watch.counts[BLOCKED] != 0:
        return found
    if watch.begin.size > 0:
        for i in range(watch.taps.size):
            watch.begin[s, i] = y[watch.taps[i]]
    if last or watch.wires.first.size > fraction.size + 1:  # any step may be the last, if there is no room before the next
        for k in range(watch.past.size):
            watch.past[k] = y[k]
    return found


@inner_kernel
def exchange_seen(s: int, y: np.ndarray, watch: Watch) -> None:
    """Put what currents are to see in the first step into the state, and what was there aside; again: back."""
    for i in range(watch.seen_place.size if s == 0 else 0):
        k = watch.seen_place[i]
        kept = y[k]
        y[k] = watch.seen_value[i]
        watch.seen_value[i] = kept


@inner_kernel
def follow_courses(s: int, conductance: np.ndarray, drive: np.ndarray, fields: np.ndarray, courses: Courses) -> None:
    """Clamps and parameters as they are in step s."""
    for i in range(courses.clamp.size):
        conductance[courses.clamp[i]] = courses.conductance[s, i]
        drive[courses.clamp[i]] = courses.drive[s, i]
    for i in range(courses.field.size):
        fields[courses.field[i]] = courses.value[s, i]


@inner_kernel
def look(s: int, y: np.ndarray, watch: Watch) -> None:
    """Add what every step adds, and write down what is wanted after it."""
    for i in range(watch.gains.position.size):
        y[watch.gains.position[i]] += watch.gains.amount[i]
    for i in range(watch.taps.size):
        watch.trace[s, i] = y[watch.taps[i]]


@inner_kernel
def note_spikes(s: int, fraction: np.ndarray, watch: Watch) -> bool:
    """Write the spikes of a step down; whether there is no room for those of another, or for the events they send."""
    log = watch.log
    for d in range(fraction.size):
        if fraction[d] >= 0.0 and log[0, 0] < log.shape[0] - 1:
            log[0, 0] += 1
            log[log[0, 0], 0], log[log[0, 0], 1] = s, d
    room = watch.heap.time.size - watch.counts[HEAPED]
    return log[0, 0] + fraction.size > log.shape[0] - 1 or room < 2 * watch.wires.target.size


@inner_kernel
def last_step(s: int, last: int, spikes: int, fraction: np.ndarray, grace: np.ndarray) -> int:
    """How many steps there may be after the spikes of step s, if there might have been ``last``."""
    for d in range(grace.size if spikes > 0 else 0):
        if fraction[d] >= 0.0:
            last = min(last, s + grace[d])
    return max(last, s + 1)


def sent(watch: Watch) -> list[tuple[float, int, float]]:
    """Time, wire and amount of what was sent in a run and not delivered, in the order of sending.

    Cells come after wires, samples after cells.
    """
    size = int(watch.counts[HEAPED])
    stride = max(len(watch.wires.target) + len(watch.cells.kind) + len(watch.samples.place), 1)
    order = np.argsort(watch.heap.order[:size])
    heap = watch.heap
    return list(zip(heap.time[order].tolist(), (heap.order[order] % stride).tolist(), heap.amount[order].tolist(), strict=True))


def no_courses() -> Courses:
    """Nothing changes."""
    none = np.zeros(0, dtype=np.int64)
    return Courses(none, np.zeros((0, 0)), np.zeros((0, 0)), none, np.zeros((0, 0)))


def sampling(place: Sequence[int] = (), due: Sequence[np.ndarray] = ()) -> Samples:
    """Samples of positions of the state, each at such times, ms; by default none."""
    first = np.concatenate([[0], np.cumsum([len(times) for times in due])]).astype(np.int64)
    times = np.concatenate([np.zeros(0), *due])
    return Samples(
        np.array(place, dtype=np.int64), first, times, np.full(len(times), np.nan), np.zeros(len(place), dtype=np.int64)
    )


def no_wires(detectors: int = 0) -> Wires:
    """Nobody listens."""
    return Wires(np.zeros(detectors + 1, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0))


def watched(
    stops: bool = True,
    times: tuple[np.ndarray, np.ndarray] | None = None,
    known: Known | None = None,
    wires: Wires | None = None,
    cells: Cells | None = None,
    samples: Samples | None = None,
    courses: Courses | None = None,
    gains: Gains | None = None,
    taps: np.ndarray | Sequence[int] = (),
    starts: bool = False,
    spikes: int = 0,
    past: np.ndarray | None = None,
    grace: np.ndarray | None = None,
    seen: tuple[np.ndarray, np.ndarray] | None = None,
) -> Watch:
    """A `Watch` with room for so many spikes.

    Parameters
    ----------
    stops : bool
        End a run after a step with a spike.
    times : (ndarray, ndarray)
        Middles and ends of the steps, ms.
    known, wires, cells, samples, courses, gains : records
        Events, connections, cells, values taken among the events, courses and sources; none of them by default.
    taps : ndarray of int
        Positions to look at after every step.
    starts : bool
        Look at them before every step as well.
    past : ndarray
        Takes the state before the last step.
    grace : ndarray of int, shape (n_detectors,)
        How many steps there may be from one in which a detector's voltage rises on, that one included: at least 2, lest the
        state before the last one is not kept.
    seen : (ndarray of int, ndarray)
        Places of the state, and what currents find there in the first step.
    """
    none, places = np.zeros(0), np.asarray(taps, dtype=np.int64)
    middle, ends = (none, none) if times is None else times
    wires = no_wires() if wires is None else wires
    cells = no_cells() if cells is None else cells
    samples = sampling() if samples is None else samples
    most = len(wires.target) + len(cells.kind) + len(samples.place)
    room = 4 * most + 4096 if most else 0
    return Watch(
        stops,
        middle,
        ends,
        Known(none, np.zeros(0, dtype=np.int64), none) if known is None else known,
        cells,
        wires,
        room_for(room),
        np.zeros(4, dtype=np.int64),
        samples,
        no_courses() if courses is None else courses,
        Gains(np.zeros(0, dtype=np.int64), none) if gains is None else gains,
        places,
        np.zeros((len(ends) if places.size else 0, places.size)),
        np.zeros((len(ends), places.size) if starts and places.size else (0, 0)),
        np.zeros((1 + spikes, 2), dtype=np.int64),
        none if past is None else past,
        np.zeros(0, dtype=np.int64) if grace is None else grace,
        *((np.zeros(0, dtype=np.int64), none) if seen is None else (seen[0], seen[1].copy())),
    )
