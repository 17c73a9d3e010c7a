"""Voltages of section ends that point processes make nodes of their own.

In: an engine whose layout has such ends, and the voltages the last run left there. Out: their voltages in the state, at the
beginning, between engines, and where an event or a clamp may have changed what flows into them: no charge is stored there, so
they follow their neighbours at once.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from rxd.neuron.cells.ends import shares

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine
    from rxd.solve.problem import Problem

__all__ = ["EndVoltages", "with_ends"]

AT_ONCE = 1e9  # factor of the tolerance of what follows the rest at once
NEWTON = 8  # iterations at most for these voltages
SETTLED = 1e-9  # mV


def with_ends(engine: Engine, problem: Problem) -> Problem:
    """The problem where errors of voltages of ends do not count beside those of their neighbours in variable steps."""
    if not engine.adaptive or not engine.layout.ends:
        return problem
    scale = problem.scale.copy()
    scale[engine.states["v"].order[list(engine.layout.ends.values())]] *= AT_ONCE
    return replace(problem, scale=scale)


class EndVoltages:
    """Those of an engine; true if there are any."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self._ends = engine, engine.layout.ends
        self._places = engine.readout.positions("v")[list(self._ends.values())] if self._ends else np.zeros(0, int)

    def __bool__(self) -> bool:
        return bool(self._ends)

    def load(self, at_rest: bool = False) -> None:
        """Those of the last run, or (`at_rest`) what their neighbours make of them."""
        engine = self._engine
        records = {record.id: record for record in engine.layout.records}
        left = {} if at_rest else engine.session.run.ends
        for place, (number, end) in zip(self._places, self._ends, strict=True):
            parts = shares(records[number], float(end))
            mean = sum(share * float(record.store["v"][i]) for record, i, share in parts)
            engine.y[place] = left.get((number, end), mean)

    def put(self, number: int, end: int, v: float) -> None:
        """A script sets a voltage, mV, by the number of the record that owns an end."""
        segment = self._ends.get((number, end))
        if segment is not None:
            self._engine.seen.keep()
            self._engine.y[self._engine.readout.positions("v")[segment]] = v

    def keep(self) -> None:
        """Leave them to the next engine."""
        engine = self._engine
        engine.session.run.ends = dict(zip(self._ends, engine.y[self._places].tolist(), strict=True))

    def balance(self, t: float) -> None:
        """Let nothing charge them, where an event or a clamp may just have begun to drive currents."""
        engine, places = self._engine, self._places
        equations = engine.problem.equations
        slopes, rates = equations.make_linearisation(equations.electrodes(t)), np.zeros(equations.size)
        moved = 0.0
        for _ in range(NEWTON):
            equations.linearise(t, engine.y, rates, slopes)
            change = -rates[places] / slopes.fill()[equations.assembly.diagonal[places]]
            engine.y[places] += change
            largest = float(np.abs(change).max())
            moved += largest
            if largest < SETTLED:
                break
        if moved > SETTLED:
            engine.stepper.restart(engine.state)
