"""Cells that live in events alone beside a stepper that chooses its steps: what happens to them until the state is touched.

In: events and cells as `rxd.solve.between_steps` has them. Out: all delivered that is due at a time, then those of cells
further on, as far as nothing that the stepper has yet to find can reach them.
"""

from __future__ import annotations

import numpy as np

from rxd.solve.between_steps import BLOCKED, Watch, has_room, next_event, send_from, take
from rxd.solve.lane_operations import exact_kernel

__all__ = ["live"]


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
    touched[0] = 0
    for i in range(fired.size):
        send_from(fired[i], when[i], watch)
    while True:
        due, target, amount, heaped = next_event(watch)
        if due > t and (due >= bound or target >= 0):
            return due
        if target < 0 and not has_room(target, detectors, watch):
            watch.counts[BLOCKED] = 1
            return due
        take(target, amount, due, heaped, detectors, y, watch)
        touched[0] += target >= 0
