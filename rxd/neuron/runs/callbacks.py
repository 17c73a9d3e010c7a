"""Functions of a script that are due at a time (`CVode.event`).

In: times and functions. Out: calls, when NEURON makes them: with variable steps at the time itself; with fixed steps at the end
of the step the time falls into, with the clock of that end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rxd.neuron.events.connections import as_action

if TYPE_CHECKING:
    from rxd.neuron.runs.run import Run

__all__ = ["Callbacks"]

ROUNDING = 1e-6  # part of a step by which a time may lie behind the end of the step it belongs to, as in NEURON


class Callbacks:
    """Callbacks of one run, and those of a step, which wait for its end."""

    __slots__ = ("_run", "_waiting")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._waiting: list[Callable[[], Any]] = []

    def schedule(self, t: float, action: Any, *context: Any) -> None:
        """Call something at a time, ms; hoc code in an object, if one is given."""
        run, todo = self._run, as_action(action, *context)

        def call_back(when: float) -> None:
            values = run.session.globals
            if run.adaptive:
                run.call(todo, when)
            else:
                self._waiting.append(todo)
                if when > values.t + ROUNDING * values.dt:  # in the first half of a step: until its end, as the clock adds up
                    run.at(values.t + 0.5 * values.dt + 0.5 * values.dt, lambda _: None)

        run.at(t, call_back)

    def call_due(self, t: float, dt: float) -> None:
        """Call those of a step at its end, when all else that was due has been done.

        Round-off may have put their times behind it: the clock adds up steps.
        """
        due = t + ROUNDING * dt
        if self._run.events.next_time() <= due:
            for when, *_, action in self._run.events.take(due, lambda action: action.__name__ == "call_back"):
                action(when)
        while self._waiting:
            self._waiting.pop(0)()

    def clear(self) -> None:
        """Forget those that wait."""
        self._waiting.clear()
