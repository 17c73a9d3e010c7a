"""Events on their way, as a heap in arrays that compiled loops own.

In: events with a time, a target and an amount. Out: the first of them: by time, simultaneous ones by target, then as they were
sent.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from rxd.solve.lane_operations import exact_inner_kernel

__all__ = ["Events", "Wires", "drop_first", "earlier", "push", "room_for", "swap"]


class Wires(NamedTuple):
    """Connections by detector: those of d are ``first[d] .. first[d + 1] - 1``."""

    first: np.ndarray
    target: np.ndarray
    amount: np.ndarray
    delay: np.ndarray


class Events(NamedTuple):
    """A heap of events: time, target (a position in the state), order in which they were sent, amount."""

    time: np.ndarray
    target: np.ndarray
    order: np.ndarray
    amount: np.ndarray


def room_for(size: int) -> Events:
    """An empty heap."""
    return Events(*(np.zeros(size, dtype=kind) for kind in (float, np.int64, np.int64, float)))


@exact_inner_kernel
def earlier(events: Events, i: int, j: int) -> bool:
    """Whether event i comes before event j."""
    if events.time[i] != events.time[j]:
        return events.time[i] < events.time[j]
    if events.target[i] != events.target[j]:
        return events.target[i] < events.target[j]
    return events.order[i] < events.order[j]


@exact_inner_kernel
def swap(events: Events, i: int, j: int) -> None:
    """Exchange two places of the heap."""
    events.time[i], events.time[j] = events.time[j], events.time[i]
    events.target[i], events.target[j] = events.target[j], events.target[i]
    events.order[i], events.order[j] = events.order[j], events.order[i]
    events.amount[i], events.amount[j] = events.amount[j], events.amount[i]


@exact_inner_kernel
def push(events: Events, size: int, time: float, target: int, order: int, amount: float) -> None:
    """Put an event into a heap of ``size`` events."""
    events.time[size], events.target[size], events.order[size], events.amount[size] = time, target, order, amount
    i = size
    while i > 0 and earlier(events, i, (i - 1) // 2):
        swap(events, i, (i - 1) // 2)
        i = (i - 1) // 2


@exact_inner_kernel
def drop_first(events: Events, size: int) -> None:
    """Take the first event out of a heap of ``size`` events."""
    last = size - 1
    swap(events, 0, last)
    i = 0
    while 2 * i + 1 < last:
        child = 2 * i + 1
        if child + 1 < last and earlier(events, child + 1, child):
            child += 1
        if not earlier(events, child, i):
            break
        swap(events, i, child)
        i = child
