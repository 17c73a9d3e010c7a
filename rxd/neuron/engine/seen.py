"""What computed variables were computed from, as long as nobody computes them again.

In: an engine, told when scripts are about to change its state or its parameters. Out: the state and the fields with which
NEURON has computed currents, conductances, time constants and the like for the last time.

NEURON computes currents, and what else BREAKPOINT assigns, at the start of a step, and what the block solved by SOLVE assigns
at its end; `finitialize` computes both, `fcurrent` the former, `CVode.re_init` both if steps are variable. Between these a
variable shows what was computed then, whatever a script sets: `seg.ik` after `seg.gkbar_hh = 0.1` is the old one until the next
step.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from rxd.solve.problem import State

if TYPE_CHECKING:
    from rxd.discretize.records import Group
    from rxd.neuron.engine.engine import Engine

__all__ = ["CURRENTS", "STATES", "Seen"]

CURRENTS: Final = "currents"
STATES: Final = "states"


class Seen:
    """What the computed variables of an engine follow from.

    Attributes
    ----------
    ended : State or None
        Where what is assigned at the end of a step is seen: as that was before scripts changed it; None: the present one.
    frozen : frozenset of str
        Variables of these stages ("currents", "states") are what the session holds, and follow from nothing in this engine: it
        was compiled after they were computed.
    clamped : bool
        The currents of clamps are what the session holds: `fcurrent` has computed them.
    begun : bool
        No fixed step has been made yet: what is assigned at the end of a step is what INITIAL has left.
    numbers : mapping
        `h.celsius` and `h.usetable_hh`, with which the engine computes.
    """

    def __init__(self, engine: Engine) -> None:
        values = engine.session.globals
        self._engine = engine
        self.ended: State | None = None
        self.frozen: frozenset[str] = frozenset((CURRENTS, STATES))  # nothing has been computed yet
        self.numbers = MappingProxyType({name: values[name] for name in ("celsius", "usetable_hh")})
        self._following = self.numbers
        self._fields: dict[int, np.ndarray] = {}
        self.kept = self.clamped = self.begun = False

    def begin(self) -> None:
        """INITIAL blocks have been run."""
        self.begun = self.kept = not self._engine.adaptive

    def take_temperature(self, degrees: float) -> None:
        """The engine computes with another temperature from now on; what was computed stays until it is computed anew."""
        self._following, self.kept = MappingProxyType({**self.numbers, "celsius": degrees}), True

    def keep(self) -> None:
        """A script is about to write into the state."""
        engine = self._engine
        if engine.fixed.past is None:
            engine.fixed.keep()
        if self.ended is None:
            self.ended, self.kept = _copy(engine.state, engine.fixed.seen), True

    def keep_fields(self, number: int) -> None:
        """A script is about to write into the fields of a group."""
        if number not in self._fields:
            self.kept = True
            self._fields[number] = self._engine.groups[number].fields.copy()

    def kept_fields(self, number: int) -> np.ndarray:
        """Fields of a group as they were when currents were computed, in chunks."""
        found = self._fields.get(number) if self._fields else None
        return self._engine.groups[number].fields if found is None else found

    def fields(self, number: int) -> np.ndarray:
        """Fields of a group by node, shape (n_fields, n)."""
        group: Group = self._engine.groups[number]
        fields = self._fields.get(number, group.fields)
        chunks, rows, lanes = fields.shape
        return fields.transpose(1, 0, 2).reshape(rows, chunks * lanes)[:, : group.n]

    @property
    def end(self) -> State:
        """Where what is assigned at the end of a step is seen."""
        return self._engine.state if self.ended is None else self.ended

    def clear(self, *stages: str) -> None:
        """All is computed anew, or what belongs to some stages."""
        if stages and STATES not in stages:
            self.frozen -= frozenset(stages)
        else:
            self.ended, self.frozen, self.kept, self.clamped, self.begun = None, frozenset(), False, False, False
            self.numbers = self._following
        self._fields.clear()


def _copy(state: State, seen: int) -> State:
    """A state as far as computed variables follow from it."""
    y = np.full(len(state.y), np.nan)
    y[:seen] = state.y[:seen]
    return State(state.t, y, state.before, state.queue)
