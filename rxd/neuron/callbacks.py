"""Functions of a script that are due at a time (`CVode.event`).

In: times and functions. Out: calls, when NEURON makes them: with variable steps at the time itself; with fixed steps at the end
of the step the time falls into, with the clock of that end.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from rxd.neuron.events import as_action

if TYPE_CHECKING:
    from rxd.neuron.run import Run

__all__ = ["Callbacks"]


class Callbacks:
    """Callbacks of one run, and those of the first half of a step, which wait for its end."""

    __slots__ = ("_run", "_waiting")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._waiting: list[Callable[[], Any]] = []

    def schedule(self, t: float, action: Any) -> None:
        """Call something at a time, ms."""
        run, todo = self._run, as_action(action)

        def act(when: float) -> None:
            values = run.session.globals
            if run.adaptive:
                run.call(todo, when)
            elif when <= values.t + 1e-6 * values.dt:
                self._call_waiting()
                todo()
            else:
                self._waiting.append(todo)
                run.at(values.t + 0.5 * values.dt + 0.5 * values.dt, self._call_waiting)  # as the clock adds it up

        run.at(t, act)

    def clear(self) -> None:
        """Forget those that wait."""
        self._waiting.clear()

    def _call_waiting(self, _: float = 0.0) -> None:
        while self._waiting:
            self._waiting.pop(0)()
