"""Variables of mod files that follow others: POINTERs, and targets of ParallelContext's transfers.

In: a discretised engine and the links of its session. Out: groups that read such a variable where the state holds what it
follows, as NEURON does by an address; what the state does not hold is written into a place of its own before every step.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.engine.columns import has_no_equations
from rxd.neuron.engine.keys import Key, mechanism_of
from rxd.neuron.engine.taps import tap
from rxd.neuron.errors import caution
from rxd.neuron.vectors.pointers import EntryPointer, Pointer, RangePointer
from rxd.nmodl.names import runs_with
from rxd.symbolic.system import LocalSystem, System

if TYPE_CHECKING:
    from rxd.discretize.records import Discretization
    from rxd.neuron.engine.engine import Engine

__all__ = ["Linked", "without_motion"]

LONGEST = 0.025
"""Longest variable step (ms) over which a linked variable stays as it was at its beginning."""


def without_motion(system: System, linked: Collection[Key]) -> System:
    """The same, where linked variables have neither a rate nor an initial value."""
    if not linked:
        return system
    return replace(system, groups=tuple(_without(system, group, linked) for group in system.groups))


def _without(system: System, group: LocalSystem, linked: Collection[Key]) -> LocalSystem:
    theirs = {label for label in group.unknowns if mechanism_of(system, group, label) in linked}
    if not theirs:
        return group
    return replace(
        group,
        rates=tuple(pair for pair in group.rates if pair[0] not in theirs),
        initials=tuple(pair for pair in group.initials if pair[0] not in theirs),
    )


class Linked:
    """The linked variables of an engine.

    Attributes
    ----------
    followed : list of (int, Pointer)
        Places in the state that hold what a pointer shows, where groups do not read that itself.
    """

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.followed: list[tuple[int, Pointer]] = []
        self._shared: dict[int, np.ndarray] = {}
        for number, local in enumerate(engine.system.groups):
            for row, label in enumerate(local.unknowns):
                key = mechanism_of(engine.system, local, label)
                if key in engine.declared.linked:
                    alone = has_no_equations(engine.session.mods.known[key[0]].file)  # its code follows pointers itself
                    for column, pointer in self._behind(number, key):
                        if not alone:
                            self._link(number, row, column, pointer)
        if self.followed and engine.adaptive:
            message = (
                f"With CVode, what POINTERs and transfers read is that of the beginning of each internal step, of at most "
                f"{LONGEST} ms, where it is neither a voltage nor a state or a concentration. Take fixed steps, which read it "
                f"as NEURON does."
            )
            caution(message)

    @property
    def couples(self) -> bool:
        """Whether groups read what nodes elsewhere hold: equations of different places depend on each other then."""
        return bool(self._shared)

    def refresh(self) -> None:
        """Write what pointers show now into the places of variables that follow them."""
        for place, pointer in self.followed:
            self.engine.y[place] = pointer.get()

    def joined(self, discretization: Discretization) -> Discretization:
        """The same, whose groups read linked variables where the state holds what they follow."""
        groups = list(discretization.groups)
        for number, table in self._shared.items():
            table.setflags(write=False)
            contiguous = groups[number].contiguous and not self.engine.adaptive  # variable steps solve by position
            groups[number] = replace(groups[number], rows=tuple(table), table=table, contiguous=contiguous)
        return replace(discretization, groups=tuple(groups))

    def longest(self, until: float) -> float:
        """How far a variable step may go."""
        return min(until, self.engine.t + LONGEST) if self.followed else until

    def _link(self, number: int, row: int, column: int, pointer: Pointer) -> None:
        position = self.engine.groups[number].position
        found = tap(self.engine, pointer)
        if found is None or found.kind != "place":
            self.followed.append((int(position[row, column]), pointer))
            return
        self._shared.setdefault(number, position.copy())[row, column] = int(found.positions[0])

    def _behind(self, number: int, key: Key) -> Iterator[tuple[int, Pointer]]:
        """What a variable follows at each node of a group.

        Raises
        ------
        HocError
            If a POINTER is not set that code has to do with which runs by itself.
        """
        local, declared, links = self.engine.system.groups[number], self.engine.declared, self.engine.session.links
        mechanism, name = key
        file = self.engine.session.mods.known[mechanism].file
        places: Any = [declared.points[point] for point in local.points] if local.space == "points" else self._segments(number)
        for column, place in enumerate(places):
            pointer: Pointer | None
            own: Pointer
            if local.space == "points":
                pointer, own = links.behind(place, name), EntryPointer(place.values, name)
            else:
                record, x = place.sec._alive, place.x
                pointer, own = links.behind_range(record, x, mechanism, name), RangePointer(record, f"{name}_{mechanism}", x)
            if pointer is None and name in file.pointers:
                if runs_with(file, name):
                    raise links.need(file, name, place)
                continue
            yield column, own if pointer is None else pointer

    def _segments(self, number: int) -> list[Any]:
        layout = self.engine.layout
        places = {
            int(segment): record.section((i + 0.5) / record.nseg)
            for record in layout.records
            for i, segment in enumerate(layout.index[record.id])
        }
        return [places[int(segment)] for segment in self.engine.groups[number].segment]
