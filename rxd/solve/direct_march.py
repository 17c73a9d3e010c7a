"""Steps one after the other in one compiled call, as long as nothing happens that Python has to decide about.

In: two `Step`s, the same but that state and new state have changed places. A step that fails, in which a detector's v
rises above its threshold or in which a sample is due that the march cannot take itself ends it: it has been made, but not
accepted. One whose error is too large is tried again at once, as long as it may be shorter.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from rxd.solve.controller import ROUND_OFF, fitted_step, next_factor, shorter_factor, shortest_step
from rxd.solve.direct_step import Step, attempt
from rxd.solve.kept import Kept, kept
from rxd.solve.lane_operations import draft_inline_kernel, lean_kernel

TIME, UNTIL, SAMPLE, WANTED, LONGEST, BEFORE, ORDER, STEP, ERROR, REFUSED, AGAIN = range(11)
"""What a march reads and leaves, in one array: present time, its end, when the next sample is due, ms; length of the next step
and of the longest, ms; error of the step before; order of the controller, 0 if steps have one length; length and error of the
step made last, the error zero or infinity if steps have one length; how many were tried in vain, and whether the one made last
and not accepted is shorter than one of these."""
N_NUMBERS: Final = 11

fitted: Any = draft_inline_kernel(fitted_step)
factor_of: Any = draft_inline_kernel(next_factor)
refused_factor: Any = draft_inline_kernel(shorter_factor)
least_step: Any = draft_inline_kernel(shortest_step)


@lean_kernel
def march(model: Kept, other: Kept, most: int, numbers: np.ndarray, clamps: Any, watch: Any, trail: Any, grid: Any) -> int:
    """Make steps, at most so many, and accept them; returns how many were, or minus one minus that if one more was made.

    ``watch`` are places in lanes, thresholds and last values of what detectors look at; the last are kept up to date. ``trail``
    are places in lanes, times and values: of every accepted step its end, and what they held there. ``grid`` are places in
    lanes, times wanted, the values there, how many have been reached, polynomials of the dense output (`Tableau.polynomials`)
    and room for their values. The state is in the lanes of ``model`` after an even number of steps.
    """
    adaptive = numbers[ORDER] > 0.0
    done, again, h = 0, False, 0.0
    numbers[REFUSED] = 0.0
    while done < most:
        t, wanted = numbers[TIME], numbers[WANTED]
        if adaptive and numbers[LONGEST] < wanted:
            wanted = numbers[LONGEST]
        if not again:
            h = fitted(wanted, numbers[UNTIL] - t, adaptive)
        step = model if done % 2 == 0 else other
        error = attempt(step, t, h, adaptive, clamps)
        end = t + h
        if numbers[UNTIL] - end < ROUND_OFF * h:
            end = numbers[UNTIL]
        numbers[STEP], numbers[ERROR] = h, error
        if adaptive and error > 1.0 and np.isfinite(error) and numbers[SAMPLE] > t:
            shorter = h * refused_factor(error, numbers[ORDER])
            if shorter < least_step(t):
                return -1 - done
            h, again = shorter, True
            numbers[REFUSED] += 1.0
            continue
        fine = error <= 1.0 if adaptive else np.isfinite(error)
        if not fine or end > numbers[SAMPLE] or _crossed(step, watch):
            numbers[AGAIN] = 1.0 if again else 0.0
            return -1 - done
        if adaptive:
            following = h * factor_of(error, numbers[BEFORE], numbers[ORDER])
            if again:
                following = min(following, h)
            numbers[WANTED] = following if again or h > 0.99 * wanted else max(following, wanted)
            numbers[BEFORE] = error
        again = False
        numbers[TIME] = end
        _sample(step, grid, t, h, end)
        _look(step, watch)
        _note(step, trail, done, end)
        done += 1
        if end >= numbers[UNTIL]:
            return done
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
    clamps = table, row, row, (row, 0.0, row)
    return step, step, 1, row, clamps, (places, row, row), (places, row, rows), (places, row, rows, places, rows, row)


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


@draft_inline_kernel
def _sample(step: Kept, grid: Any, t: float, h: float, end: float) -> None:
    """What somebody wants to see within the step from t over h that ends here."""
    constants: Step = kept(step)  # type: ignore[call-arg]
    place, times, values, reached, polynomials, weights = grid
    size = constants.lanes[0].size
    while reached[0] < times.size and times[reached[0]] <= end:
        number = reached[0]
        x = (times[number] - t) / h
        for i in range(weights.size):
            inner = 0.0
            for power in range(polynomials.shape[0] - 1, 0, -1):
                inner = polynomials[power, i] + x * inner
            weights[i] = x * (polynomials[0, i] + (1.0 - x) * inner)
        for k in range(place.size):
            change = 0.0
            for i in range(weights.size):
                change += weights[i] * constants.lanes[3][i * size + place[k]]
            values[number, k] = constants.lanes[0][place[k]] + change
        reached[0] = number + 1
