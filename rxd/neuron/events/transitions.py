"""State machines of scripts: StateTransitionEvent.

In: variables with thresholds, functions to call. Out: transitions at the end of the fixed step in which a variable has become
greater than its threshold, as in NEURON; with variable steps where it does, which `rxd.neuron.runs.variable_steps` finds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from rxd.neuron.errors import HocError
from rxd.neuron.events.connections import as_action
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.session import current_session
from rxd.neuron.vectors.pointers import GlobalPointer, Pointer

__all__ = ["Moves", "StateTransitionEvent", "Transition"]


class Transition:
    """From one state to another when ``variable`` becomes greater than ``threshold``; ``above``: it was at the last look."""

    __slots__ = ("above", "action", "target", "threshold", "variable")

    def __init__(self, target: int, variable: Pointer, threshold: Pointer, action: Callable[[], Any]) -> None:
        self.target, self.variable, self.threshold, self.action = target, variable, threshold, action
        self.above = False

    @property
    def gap(self) -> float:
        """How far the variable is above its threshold."""
        return float(self.variable.get() - self.threshold.get())

    @property
    def due(self) -> float | None:
        """When it takes place, if its variable is the clock, ms."""
        clock = isinstance(self.variable, GlobalPointer) and self.variable.name == "t"
        return float(self.threshold.get()) if clock else None


class Moves:
    """The transitions of one machine, and the state it is in."""

    def __init__(self, n_states: int) -> None:
        self._transitions: list[list[Transition]] = [[] for _ in range(n_states)]
        self.state = 0

    def checked(self, state: float) -> int:
        """The number of a state.

        Raises
        ------
        HocError
            If there is no such state.
        """
        if not 0 <= int(state) < len(self._transitions):
            raise HocError(
                f"StateTransitionEvent: there is no state {state:g}; they go from 0 to {len(self._transitions) - 1}."
            )
        return int(state)

    def add(self, source: float, transition: Transition) -> None:
        """One more transition from a state."""
        self._transitions[self.checked(source)].append(transition)

    def enter(self, state: float, epsilon: float) -> None:
        """Be in a state; a variable that is above its threshold now, or nearer than epsilon, has to come from below first."""
        self.state = self.checked(state)
        for transition in self.possible():
            transition.above = transition.gap > -epsilon

    def possible(self) -> list[Transition]:
        """The transitions from the present state."""
        return self._transitions[self.state]

    def rearm(self, _: float) -> None:
        """Thresholds may have changed: what is below its own now may rise through it, but not by round-off."""
        epsilon = current_session().globals["float_epsilon"]
        for transition in self.possible():
            transition.above = transition.above and transition.gap > -epsilon

    def check(self, t: float, exactly: bool) -> Iterator[Callable[[], Any]]:
        """The action of the first transition that is due; ``exactly``: also where a threshold has just been reached."""
        gaps = [(transition, transition.gap) for transition in self.possible() if not transition.above]
        due = [transition for transition, gap in gaps if gap > 0 or (exactly and gap == 0)]
        if due:
            self.enter(due[0].target, current_session().globals["float_epsilon"])
            yield due[0].action
        if exactly or not due:  # with variable steps nobody looks again before the next transition
            self.rearm(t)


class StateTransitionEvent(HocObject):
    """A state machine: in state `i`, when a variable becomes greater than another, go to state `j` and call something.

    Parameters
    ----------
    n_states : int
    target : PointProcess, optional
        Only names the thread in NEURON; not needed here.
    """

    def __init__(self, n_states: int, target: Any = None) -> None:
        if n_states < 1:
            raise HocError("StateTransitionEvent takes a number of states of at least 1")
        self._moves, self._session = Moves(int(n_states)), current_session()
        self._session.run.add_machine(self._moves)

    def transition(
        self, source: int, target: int, variable: Pointer, threshold: Pointer, action: Any = None, owner: Any = None
    ) -> float:
        """Add a transition, with or without something to call; hoc code runs in ``owner``, if that is an object of a template.

        Raises
        ------
        HocError
            If there is no such state.
        """
        todo = (lambda: None) if action is None else as_action(action, owner)
        self._moves.add(source, Transition(self._moves.checked(target), variable, threshold, todo))
        return 0.0

    def state(self, number: int | None = None) -> int:
        """The state; with an argument, go there.

        Raises
        ------
        HocError
            If there is no such state.
        """
        if number is not None:
            self._moves.enter(number, self._session.globals["float_epsilon"])
        return self._moves.state
