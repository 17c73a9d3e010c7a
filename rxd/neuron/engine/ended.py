"""What mod files assign at the end of a step, with what BREAKPOINT blocks have computed at its start.

In: an assigned variable of a group. Out: its values, from the state at the end of a step, but for the total currents of ions
and what the mechanism's own BREAKPOINT has left: NEURON computes these before voltages and states move. The total currents are
those of all, point processes among them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.codegen.oracle import fields_of
from rxd.declare.functions import earlier, ion_total
from rxd.symbolic.system import Field

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.engine.taps import Trace
    from rxd.neuron.engine.together import Together

__all__ = ["Ended"]


class Ended:
    """A variable of a group that a solved block assigns, or BREAKPOINT of a mechanism without currents.

    Attributes
    ----------
    ions : list of str
        The ions whose total currents it follows from.
    """

    def __init__(self, engine: Engine, number: int, label: str) -> None:
        local = engine.system.groups[number]
        value = dict(local.assigned)[label]
        begun = [*sorted(value.atoms(ion_total), key=str), *sorted(value.atoms(earlier), key=str)]
        self._engine, self._number = engine, number
        self.ions = [part.args[1].name for part in begun if isinstance(part, ion_total)]
        fields = tuple(Field(f"begun_{i}", "constant") for i in range(len(begun)))
        value = value.xreplace({part: field.symbol for part, field in zip(begun, fields, strict=True)})
        self._value = engine.formulas(replace(local, fields=(*local.fields, *fields)), [value])
        self._begun = engine.formulas(local, [part.args[0] for part in begun]) if begun else None

    def __call__(self, columns: np.ndarray, record: SectionRecord | Together, places: Any) -> np.ndarray:
        """Its values at some nodes of the group, which are those of some places of a section, or of several."""
        engine, state, past = self._engine, self._engine.seen.end, self._engine.past
        position, fields = engine.groups[self._number].position[:, columns], engine.seen.fields(self._number)[:, columns]
        begun = [] if self._begun is None else self._begun(past.y[position], fields, past.t)
        for i, ion in enumerate(self.ions):
            total = engine.readout.ion_current(ion, record, engine.midway)
            begun[i] = np.zeros(len(columns)) if total is None else total[places]
        return np.asarray(self._value(state.y[position], np.vstack([fields, *begun]), state.t)[0])

    def trace(self, column: int, trace: Trace) -> np.ndarray:
        """Its values at one node in many steps."""
        fields = np.repeat(fields_of(self._engine.groups[self._number])[:, [column]], len(trace.t), axis=1)
        begun = [] if self._begun is None else self._begun(trace.starts.T, fields, trace.middle)
        return np.asarray(self._value(trace.ends.T, np.vstack([fields, *begun]), trace.t)[0])
