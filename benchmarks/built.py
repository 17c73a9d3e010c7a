"""Built: a model that is ready to run, as the server of any simulator sees it. Needs the standard library alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


def _nothing() -> None:
    """Nothing to do before a run."""


@dataclass(frozen=True)
class Built:
    """A model after its first step.

    Attributes
    ----------
    run : callable
        What is timed: from the initial state to the end.
    check : callable
        A number that simulators should agree on, after a run.
    units : float
        Units of work in a run: segments times steps, say; the time per unit is reported.
    unit : str
        Name of that unit.
    prepare : callable
        Not timed: back to the initial state.
    facts : dict
        What else to report: counts, the least bytes and flops of a unit (``bytes``, ``flops``, ``working_set``).
    values : callable
        Where accuracy is measured: the state at the end.
    set : callable
        Where accuracy is measured: choose the step or tolerance of the runs that follow.
    """

    run: Callable[[], Any]
    check: Callable[[], float]
    units: float
    unit: str
    prepare: Callable[[], Any] = _nothing
    facts: dict[str, Any] = field(default_factory=dict)
    values: Callable[[], list[float]] = list
    set: Callable[[float], Any] = float
