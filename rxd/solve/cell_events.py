"""Cells that live in events alone beside a stepper that chooses its steps: what happens to them until the state is touched.

In: events and cells as `rxd.solve.between_steps` has them. Out: all delivered that is due at a time, then those of cells
further on, as far as nothing that the stepper has yet to find can reach them.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from rxd.solve.between_steps import BLOCKED, HEAPED, KNOWN, Watch, hand_over, has_room, send_from
from rxd.solve.event_heap import drop_first
from rxd.solve.lane_operations import exact_kernel

__all__ = ["NOTHING", "live"]

NOTHING: Final = 1e300
"""When something happens that never does, ms."""


@exact_kernel
def live(
    t: float,
    bound: float,
    fired: np.ndarray,
    when: np.ndarray,
    detectors: int,
    y: np.ndarray,
    watch: Watch,
    touched: np.ndarray,
) -> float:
    """Deliver everything due at t, then what comes before ``bound`` until something is for the state.

    Parameters
    ----------
    t, bound : float
        ms.
    fired : ndarray of int, shape (n,)
        Detectors that have risen at times ``when (n,)``, in ms, and whose events have not been sent yet.
    detectors : int
        How many there are.
    y : ndarray
        The state.
    watch : Watch
    touched : ndarray of int, shape (1,)
        Takes how many events were for the state.

    Returns
    -------
    float
        When the next event is due, ms; ``watch.counts[BLOCKED]`` says whether it waits for room.
    """
    known, heap, counts, wires, n = watch.known, watch.heap, watch.counts, watch.wires, watch.cells.kind.size
    touched[0] = 0
    for i in range(fired.size):
        send_from(fired[i], when[i], watch)
    while True:
        k = counts[KNOWN]
        from_known, from_heap = k < known.time.size, counts[HEAPED] > 0
        if not (from_known or from_heap):
            return NOTHING
        if from_known and (not from_heap or known.time[k] <= heap.time[0]):
            due, target, amount = known.time[k], known.target[k], known.amount[k]
            from_heap = False
        else:
            w = heap.order[0] % (wires.target.size + n)
            target = wires.target[w] if w < wires.target.size else -1 - n - (w - wires.target.size)
            due, amount = heap.time[0], heap.amount[0]
        if due > t and (due >= bound or target >= 0):
            return due
        if target < 0 and not has_room(target, detectors, watch):
            counts[BLOCKED] = 1
            return due
        if from_heap:
            drop_first(heap, counts[HEAPED])
            counts[HEAPED] -= 1
        else:
            counts[KNOWN] += 1
        if target >= 0:
            y[target] += amount
            touched[0] += 1
        else:
            hand_over(target, amount, due, detectors, watch)
