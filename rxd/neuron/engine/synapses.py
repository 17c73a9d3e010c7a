"""Synapses in the state of a compiled model.

In: ExpSyn, Exp2Syn and AlphaSynapse objects and their events. Out: their conductances and currents read, events and parameters
written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from rxd.neuron.engine.carriers import translation_of
from rxd.neuron.engine.injected import injects
from rxd.neuron.engine.seen import CURRENTS
from rxd.neuron.engine.seen import STATES as ENDED

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.mechanisms.points import PointProcess

__all__ = ["Synapses"]

STATES: Mapping[str, tuple[str, ...]] = MappingProxyType({"ExpSyn": ("g",), "Exp2Syn": ("A", "B"), "AlphaSynapse": ()})


class Synapses:
    """Where the states of synapses are."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._number = engine.declared.points.number
        self._place: dict[tuple[int, str], int] = {}
        self._places: dict[int, list[int]] = {}
        self._parameters: dict[int, Mapping[str, int]] = {}
        self._computed: dict[int, Mapping[str, tuple[str, Any]]] = {}
        groups = enumerate(engine.system.groups)
        self._nodes = {number: (index, column) for index, local in groups for column, number in enumerate(local.points)}
        for unknown in engine.system.unknowns:
            for row, number in enumerate(unknown.points):
                state = unknown.label.rsplit(".", 1)[1]
                self._place[number, state] = engine.states[unknown.label].start + row

    def _states(self, point: PointProcess) -> tuple[str, ...]:
        return STATES[point.kind] if point.kind in STATES else tuple(translation_of(point).names.states)

    def position(self, point: PointProcess, state: str) -> int | None:
        """Place in the state vector, or None if this engine does not know the synapse."""
        carrier = self.engine.carriers.of(point)
        if carrier is not None:
            return self.engine.carriers.position(carrier, state)
        number = self._number(point)
        return None if number is None else self._place.get((number, state))

    @property
    def all_places(self) -> frozenset[int]:
        """Positions of the states of all synapses, which events make jump."""
        return frozenset(self._place.values())

    def has(self, point: PointProcess) -> bool:
        """Whether this engine knows the synapse."""
        if self._number(point) is None:
            return False
        return point.kind in STATES or _simple(point) is not None

    def node(self, point: PointProcess) -> tuple[int, int] | None:
        """Group of a point process, and its place there."""
        number = self._number(point)
        return None if number is None else self._nodes.get(number)

    def _rows(self, group: int) -> Mapping[str, int]:
        """Rows of the fields of a group that hold parameters of point processes, by their names."""
        found = self._parameters.get(group)
        if found is None:
            fields = self.engine.system.groups[group].fields
            found = self._parameters[group] = {f.args[0]: row for row, f in enumerate(fields) if f.kind == "point"}
        return found

    def load(self) -> None:
        """Put the values scripts see into the state."""
        for point in self.engine.declared.points:
            for state in self._states(point):
                position = self.position(point, state)
                if position is not None:
                    self.engine.y[position] = point.values[state]
        self.engine.carriers.load()

    def close(self) -> None:
        """No conductance; point processes of mod files start as their files say."""
        for (number, _), position in self._place.items():
            if self.engine.declared.points[number].kind in STATES:
                self.engine.y[position] = 0.0

    def fetch(self, point: PointProcess, name: str = "") -> None:
        """Bring the computed variables up to date, or one of them."""
        carrier = self.engine.carriers.of(point)
        if carrier is not None:
            self.engine.carriers.fetch(carrier)
        if self._number(point) is None or point.host is None:
            return
        values = point.values
        for state in self._states(point):
            position = None if name and state != name else self.position(point, state)
            if position is not None:
                values[state] = float(self.engine.y[position])
                if state == name:
                    return
        if point.kind not in STATES:
            self._fetch_assigned(point, name)
            return
        if CURRENTS in self.engine.seen.frozen:
            return
        past = self.engine.past  # conductances and currents are those of the step's start
        settings = self._settings(point)
        g = float(self.conductance(point, past.t, [past.y[place] for place in self.places(point)], settings))
        if point.kind != "ExpSyn":
            values["g"] = g
        segments = self.engine.layout.index.get(point.host.id, ())
        if len(segments) != point.host.nseg:
            return  # the section has been divided anew since
        segment = self.engine.layout.place(point.host, point.spot)
        v = float(past.y[self.engine.readout.positions("v")[segment]])
        values["i"] = g * (v - settings["e"])

    def _settings(self, point: PointProcess) -> Mapping[str, float]:
        """The parameters with which its current was computed."""
        node = self.node(point)
        if node is None:
            return point.values
        number, column = node
        fields, local = self.engine.seen.fields(number), self.engine.system.groups[number]
        own = {field.args[0]: float(fields[row, column]) for row, field in enumerate(local.fields) if field.kind == "point"}
        return {**point.values, **own}

    def _fetch_assigned(self, point: PointProcess, name: str = "") -> None:
        """Currents and assigned variables of a point process of a mod file, or one of them."""
        engine, node = self.engine, self.node(point)
        if node is None:
            return
        (index, column), stages = node, translation_of(point).assigned
        computed, group = self._computed_in(index), engine.groups[index]
        wanted = computed.items() if not name else [(name, computed[name])] if name in computed else ()
        for short, (label, expression) in wanted:
            if short in point.values:
                stage = stages.get(short, (None, CURRENTS))[1]
                if stage in engine.seen.frozen or (stage == ENDED and engine.seen.begun):
                    continue
                state = engine.seen.end if stage == ENDED else engine.past
                held = state.y[group.position[:, [column]]]
                if injects(point):
                    held = engine.circuits.seen_by_electrodes(held, index, [column])
                value = engine.readout.expression(index, label, expression)(
                    held, engine.seen.fields(index)[:, [column]], state.t
                )
                point.values[short] = float(value[0][0])

    def _computed_in(self, group: int) -> Mapping[str, tuple[str, Any]]:
        """Labels and expressions of what the equations of a group assign, by the names in the mod file."""
        found = self._computed.get(group)
        if found is None:
            local = self.engine.system.groups[group]
            labelled = (*local.assigned, *((process.label, process.expression) for process in local.processes))
            found = self._computed[group] = {label.split(".", 1)[1]: (label, expression) for label, expression in labelled}
        return found

    def places(self, point: PointProcess) -> list[int]:
        """Positions of the states of a synapse of NEURON's own."""
        number = self._number(point)
        found = None if number is None else self._places.get(number)
        if found is None:
            places = [self.position(point, state) for state in STATES[point.kind]]
            found = [place for place in places if place is not None]
            if number is not None:
                self._places[number] = found
        return found

    def conductance(
        self, point: PointProcess, t: Any, states: Sequence[Any], settings: Mapping[str, float] | None = None
    ) -> Any:
        """Its conductance (uS), from a time (ms) and its states, or from arrays of them."""
        if point.kind == "AlphaSynapse":
            values = point.values if settings is None else settings
            x = np.maximum(t - values["onset"], 0.0) / values["tau"]
            return np.where(x <= 10, values["gmax"] * x * np.exp(1 - np.minimum(x, 10.0)), 0.0)
        return states[1] - states[0] if point.kind == "Exp2Syn" else states[0]

    def note(self, point: PointProcess, name: str) -> None:
        """A script has written a variable: a state, or a parameter."""
        carrier = self.engine.carriers.of(point)
        if carrier is not None:
            self.engine.carriers.note(carrier, name)
            return
        position = self.position(point, name)
        if position is not None:
            self.engine.seen.keep()
            self.engine.y[position] = point.values[name]
            return
        node = self.node(point)
        if node is None:
            return
        group, column = node
        row = self._rows(group).get(name)
        if row is not None:
            self.engine.seen.keep_fields(group)
            self.engine.fields.put_one(group, row, column, point.values[name])

    def receive(self, point: PointProcess, weight: float) -> bool:
        """Deliver an event; whether the synapse is known."""
        if self._number(point) is None:
            return False
        for position, amount in self.amounts(point, weight):
            self.engine.y[position] += amount
        return True

    def amounts(self, point: PointProcess, weight: float) -> list[tuple[int, float]]:
        """What an event adds to which positions of the state."""
        simple = _simple(point)
        if simple is not None:
            settings = [point.look_up(name) for name in translation_of(point).parameters]
            placed = [(self.position(point, state), amount(weight, *settings)) for state, amount in simple.items()]
            return [(place, float(amount)) for place, amount in placed if place is not None]
        if point.kind == "Exp2Syn":
            weight *= point.remembered[0]
        return [(place, weight) for place in self.places(point)]


def _simple(point: PointProcess) -> Mapping[str, Any] | None:
    """What an event adds to states, if that is all it does; asked of the class, since objects look among their variables."""
    found: Mapping[str, Any] | None = getattr(type(point), "simple", None)
    return found
