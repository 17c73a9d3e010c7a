"""Steps one after the other in one compiled call, as long as nothing happens that Python has to decide about.

In: two `Step`s, the same but that state and new state have changed places. A step that is rejected, in which a detector's v
rises above its threshold or in which a sample is due ends the march: it has been made, but not accepted.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from rxd.solve.controller import ROUND_OFF, fitted_step, next_factor
from rxd.solve.direct_step import Step, attempt
from rxd.solve.kept import Kept, kept
from rxd.solve.lane_operations import draft_inline_kernel, lean_kernel

TIME, UNTIL, SAMPLE, WANTED, LONGEST, BEFORE, ORDER, STEP, ERROR = range(9)
"""What a march reads and leaves, in one array: present time, its end, when the next sample is due, ms; length of the next step
and of the longest, ms; error of the step before; order of the controller, 0 if steps have one length; length and error of the
step made last, the error zero or infinity if steps have one length."""
N_NUMBERS: Final = 9

fitted: Any = draft_inline_kernel(fitted_step)
factor_of: Any = draft_inline_kernel(next_factor)


@lean_kernel
def march(model: Kept, other: Kept, most: int, numbers: np.ndarray, clamps: Any, watch: Any, trail: Any) -> int:
    """Make steps, at most so many, and accept them; returns how many were, or minus one minus that if one more was made.

    ``watch`` are places in lanes, thresholds and last values of what detectors look at; the last are kept up to date. ``trail``
    are places in lanes, times and values: of every accepted step its end, and what they held there. The state is in the lanes
    of ``model`` after an even number of steps.
    """
    adaptive = numbers[ORDER] > 0.0
    for done in range(most):
        t, wanted = numbers[TIME], numbers[WANTED]
        if adaptive and numbers[LONGEST] < wanted:
            wanted = numbers[LONGEST]
        h = fitted(wanted, numbers[UNTIL] - t, adaptive)
        step = model if done % 2 == 0 else other
        error = attempt(step, t, h, adaptive, clamps)
        end = t + h
        if numbers[UNTIL] - end < ROUND_OFF * h:
            end = numbers[UNTIL]
        numbers[STEP], numbers[ERROR] = h, error
        fine = error <= 1.0 if adaptive else np.isfinite(error)
        if not fine or end > numbers[SAMPLE] or _crossed(step, watch):
            return -1 - done
        if adaptive:
            following = h * factor_of(error, numbers[BEFORE], numbers[ORDER])
            numbers[WANTED] = following if h > 0.99 * wanted else max(following, wanted)
            numbers[BEFORE] = error
        numbers[TIME] = end
        _look(step, watch)
        _note(step, trail, done, end)
        if end >= numbers[UNTIL]:
            return done + 1
    return most


def march_example() -> tuple[Any, ...]:
    """Arguments of the types that `march` has in every model, with nothing in them: it can be compiled before a model is."""
    row, rows, places, table = (np.zeros(shape, dtype) for dtype in (float, np.int64) for shape in ((0,), (0, 0)))
    fixed, fixed_rows = row.copy(), rows.copy()
    for array in (fixed, fixed_rows):
        array.setflags(write=False)
    tableau = (0.0, fixed_rows, fixed_rows, fixed, row, np.zeros(0, dtype=bool), (row, row))
    tree = ((table, row, table), places), row, row, (places, places), table
    solver = (table, places, table, row, table), tree, 5 * (row,)
    step = Kept(Step(0.0, tableau, 9 * (row,), row, solver))
    return step, step, 1, row, (table, row, row, (row, 0.0, row)), (places, row, row), (places, row, rows)


@draft_inline_kernel
def _crossed(step: Kept, watch: Any) -> bool:
    """Whether what a detector looks at has risen above its threshold in the step made last."""
    constants: Step = kept(step)  # type: ignore[call-arg]
    place, threshold, before = watch
    risen = False
    for k in range(place.size):
        risen = risen or (before[k] < threshold[k] and constants.lanes[1][place[k]] >= threshold[k])
    return risen


@draft_inline_kernel
def _look(step: Kept, watch: Any) -> None:
    """The new state is what detectors have seen last."""
    constants: Step = kept(step)  # type: ignore[call-arg]
    place, _, before = watch
    for k in range(place.size):
        before[k] = constants.lanes[1][place[k]]


@draft_inline_kernel
def _note(step: Kept, trail: Any, number: int, t: float) -> None:
    """What somebody wants to see of every step."""
    constants: Step = kept(step)  # type: ignore[call-arg]
    place, times, values = trail
    if times.size:
        times[number] = t
        for k in range(place.size):
            values[number, k] = constants.lanes[1][place[k]]
