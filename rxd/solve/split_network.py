"""The split stepper's loop for networks: spikes are found, sent and delivered without Python between steps.

In: what `rxd.solve.split_loop.advance` takes, the events on their way as a heap in arrays, connections sorted by detector. The
order of things is that of `rxd.simulation`: steps of dt end at the next event exactly, with a shorter step where they must;
after a step with spikes their events are sent; what is due is delivered, simultaneous events by target, then as they were sent.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from cable.events import Event, EventQueue
from rxd.solve.between_steps import Watch
from rxd.solve.event_heap import Events, Wires, drop_first, push, room_for
from rxd.solve.kept import Kept, kept
from rxd.solve.lane_operations import exact_inner_kernel, exact_kernel
from rxd.solve.problem import Connection
from rxd.solve.split_loop import Step, advance
from rxd.solve.tree_lanes import prepare_trees

TOLERANCE = 1e-9
"""Fraction of a step below which two times are the same."""
DUE = 1e-12
"""How far ahead an event may lie and still be due, ms."""


class Tally(NamedTuple):
    """Spikes found and, in ``counts``: events in the heap, events sent so far, spikes, deliveries, steps."""

    detector: np.ndarray
    when: np.ndarray
    counts: np.ndarray


HEAPED, SENT, SPIKES, DELIVERED, STEPS = range(5)


@exact_inner_kernel
def send(began: float, dt: float, t: float, fraction: np.ndarray, wires: Wires, events: Events, tally: Tally) -> None:
    """Note the spikes of the last step, in order of time, and send their events."""
    count = tally.counts
    first = count[SPIKES]
    for d in range(fraction.size):
        if fraction[d] >= 0.0:
            when = began + fraction[d] * dt
            i = count[SPIKES]
            while i > first and tally.when[i - 1] > when:
                tally.when[i], tally.detector[i] = tally.when[i - 1], tally.detector[i - 1]
                i -= 1
            tally.when[i], tally.detector[i] = when, d
            count[SPIKES] += 1
    for i in range(first, count[SPIKES]):
        d = tally.detector[i]
        for w in range(wires.first[d], wires.first[d + 1]):
            arrival = max(tally.when[i] + wires.delay[w], t)
            push(events, count[HEAPED], arrival, wires.target[w], count[SENT], wires.amount[w])
            count[HEAPED] += 1
            count[SENT] += 1


@exact_inner_kernel
def deliver(y: np.ndarray, t: float, events: Events, count: np.ndarray) -> None:
    """Add what is due to the state."""
    while count[HEAPED] > 0 and events.time[0] <= t + DUE:
        y[events.target[0]] += events.amount[0]
        drop_first(events, count[HEAPED])
        count[HEAPED] -= 1
        count[DELIVERED] += 1


@exact_kernel
def advance_network(
    model: Kept,
    y: np.ndarray,
    t: float,
    until: float,
    dt: float,
    drift: np.ndarray,
    clamp_node: np.ndarray,
    clamp_conductance: np.ndarray,
    clamp_drive: np.ndarray,
    before: np.ndarray,
    fraction: np.ndarray,
    watch: Watch,
    wires: Wires,
    events: Events,
    tally: Tally,
) -> float:
    """Run to ``until``, or as far as heap and list of spikes have room for a step more; returns the time reached."""
    constants: Step = kept(model)  # type: ignore[call-arg]
    count, prepared = tally.counts, 0.0
    while t < until:
        if count[HEAPED] + wires.target.size > events.time.size or count[SPIKES] + fraction.size > tally.when.size:
            break
        target = until
        if count[HEAPED] > 0:
            target = min(until, max(events.time[0], t))
        whole = math.floor((target - t) / dt + TOLERANCE)
        rest = target - t - whole * dt
        spiked = False
        for part in range(2):
            steps, step = (whole, dt) if part == 0 else (1, rest)
            if spiked or steps == 0 or (part == 1 and rest <= TOLERANCE * dt):
                continue
            if step != prepared:
                prepare_trees(step, constants.trees, constants.scheme.local)
                prepared = step
            done = advance(model, y, t, step, steps, drift, clamp_node, clamp_conductance, clamp_drive, before, fraction, watch)
            count[STEPS] += done
            began = t + (done - 1) * step
            t += done * step
            for d in range(fraction.size):
                spiked = spiked or fraction[d] >= 0.0
            if spiked:
                if abs(t - target) < TOLERANCE * dt:
                    t = target
                send(began, step, t, fraction, wires, events, tally)
        if not spiked:
            t = target
        deliver(y, t, events, count)
    return t


def wire(connections: Sequence[Connection], detectors: int) -> Wires:
    """Connections by detector, each detector's in their own order."""
    ordered = sorted(connections, key=lambda connection: connection.source)
    sources = np.array([connection.source for connection in ordered], dtype=np.int64)
    return Wires(
        np.searchsorted(sources, np.arange(detectors + 1)).astype(np.int64),
        np.array([connection.target for connection in ordered], dtype=np.int64),
        np.array([connection.amount for connection in ordered], dtype=float),
        np.array([connection.delay for connection in ordered], dtype=float),
    )


def heap(queue: EventQueue, room: int) -> tuple[Events, int]:
    """The events of a queue, sorted, which is a heap, with room for so many more; how many they are."""
    pending = queue.pending()
    events = room_for(len(pending) + room)
    for i, event in enumerate(pending):
        events.time[i], events.target[i], events.order[i], events.amount[i] = event.time, event.target, i, event.weight
    return events, len(pending)


def queue_of(events: Events, size: int) -> EventQueue:
    """The heap as a queue again."""
    time, target, order, amount = (part[:size] for part in events)
    sequence = np.lexsort((order, target, time))
    return EventQueue(Event(float(time[i]), int(target[i]), float(amount[i])) for i in sequence)
