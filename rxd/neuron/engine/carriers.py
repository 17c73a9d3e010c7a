"""Point processes of mod files that write concentrations or reversal potentials, or read the currents of ions.

In: objects of a session. Out: density mechanisms of the one segment each is in, which the layout makes a section of its own:
what they write is what all others there read, and what they read of ions is that segment's.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.records import dataclass
from rxd.neuron.engine.mods import read_global
from rxd.neuron.engine.placed import Reference
from rxd.neuron.engine.seen import CURRENTS, STATES
from rxd.neuron.errors import HocError
from rxd.nmodl.mechanisms import as_density

if TYPE_CHECKING:
    from rxd.neuron.engine.declare import Declared
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.mechanisms.points import PointProcess
    from rxd.neuron.session import Session
    from rxd.nmodl import Translation

__all__ = ["Carrier", "Carriers", "declare_carriers", "translation_of"]


@dataclass(frozen=True, slots=True)
class Carrier:
    """Where a point process that writes ions is: its mechanism in the model, and its segment."""

    reference: Reference
    mechanism: str
    segment: int

    @property
    def point(self) -> Any:
        """The point process, or what is left of it."""
        return self.reference.get()


def declare_carriers(session: Session, declared: Declared, translation: Translation, points: list[PointProcess]) -> None:
    """Insert what the point processes of a mod file write and read of ions, and their currents, into their segments.

    Raises
    ------
    HocError
        If two in one segment write the same, or a POINTER belongs to them.
    """
    layout, name = declared.layout, translation.file.name
    if session.links.of_mechanism(name):
        message = f"{name} writes ions or reads their currents, and a variable of it follows another: that is not supported."
        raise HocError(f"{message} Copy the value.")
    layers: list[dict[int, PointProcess]] = []
    for point in points:
        host: Any = point.host
        segment = int(layout.index[host.id][host.index(point.spot)])
        free = next((layer for layer in layers if segment not in layer), None)
        if free is None:
            if layers and translation.writes:
                other = layers[0][segment]
                raise HocError(f"{other} and {point} write the same concentration in {host.name}. Leave one of them out.")
            layers.append(free := {})
        free[segment] = point
    for number, placed in enumerate(layers):
        _insert(session, declared, translation, placed, name if number == 0 else f"{name}__{number + 1}")


def _insert(
    session: Session, declared: Declared, translation: Translation, placed: dict[int, PointProcess], label: str
) -> None:
    """One mechanism of the model, with an object in each of some segments."""
    layout = declared.layout
    settings: dict[str, Any] = {key: read_global(session, translation, key) for key in translation.globals}
    for key in translation.parameters.keys() - translation.globals:
        settings[key] = _reader(_by_segment(layout.segments.n, placed, key))
    place = {"diam": layout.segments.diam, "area": layout.segments.area}
    settings |= {key: _reader(place[key]) for key in translation.names.place}
    mechanism = as_density(translation, settings, _reader(layout.segments.area), not session.run.adaptive)
    sections = np.unique(layout.segments.section[list(placed)])
    declared.model.insert(replace(mechanism, name=label), on=layout.morphology[sections])
    declared.inserted.append((label, []))
    declared.carriers.update({id(point): Carrier(Reference(point), label, segment) for segment, point in placed.items()})
    declared.methods.update({(label, state): method for state, method in translation.methods.items()})
    if translation.writes:
        declared.writers.add(label)


def _by_segment(n: int, placed: dict[int, PointProcess], name: str) -> np.ndarray:
    values = np.zeros(n)
    for segment, point in placed.items():
        values[segment] = point.values[name]
    return values


def _reader(values: np.ndarray) -> Any:
    return lambda nodes: values[nodes.segment]


class Carriers:
    """The variables of an engine's point processes that write ions."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.known: dict[int, Carrier] = engine.declared.carriers

    def of(self, point: PointProcess) -> Carrier | None:
        """That of a point process, if it writes ions."""
        found = self.known.get(id(point))
        return found if found is not None and found.point is point else None

    def position(self, carrier: Carrier, state: str) -> int | None:
        """Place in the state vector of one of its states."""
        found = int(self.engine.readout.positions(f"{carrier.mechanism}.{state}")[carrier.segment])
        return found if found >= 0 else None

    def writing(self, variable: str, segments: np.ndarray) -> list[tuple[int, Carrier]]:
        """Which of some segments, by their place among these, have a variable such as `cai` written, and by what."""
        found = []
        for carrier in self.known.values():
            here = np.flatnonzero(segments == carrier.segment)
            if len(here) and variable in self._written(carrier):
                found.append((int(here[0]), carrier))
        return found

    def _written(self, carrier: Carrier) -> set[str]:
        writes = translation_of(carrier.point).writes
        return {f"e{ion}" if what == "e" else f"{ion}{what}" for ion, what in writes}

    def value(self, carrier: Carrier, variable: str) -> float | None:
        """What it has computed: a state, a current (nA), or what BREAKPOINT or the block it solves assigns."""
        engine, position = self.engine, self.position(carrier, variable)
        if position is not None:
            return float(engine.y[position])
        number, column = engine.readout.group(carrier.segment), engine.readout.column(carrier.segment)
        local, group, label = engine.system.groups[number], engine.groups[number], f"{carrier.mechanism}.{variable}"
        assigned, currents = dict(local.assigned), {process.label: process.expression for process in local.processes}
        if label not in assigned and label not in currents:
            return None
        translation = translation_of(carrier.point)
        stage = translation.assigned.get(variable, (None, CURRENTS))[1]
        if stage in engine.seen.frozen or (stage == STATES and engine.seen.begun):
            return None
        if stage == STATES and label in assigned:
            host = carrier.point.host
            if host is None or not engine.layout.fits(host):  # what was pulled before the edit holds until the next engine
                return None
            place = host.index(carrier.point.spot)
            return float(engine.readout.ended(number, label)(np.array([column]), host, [place])[0])
        held = engine.past.y[group.position[:, [column]]]
        if translation.file.electrode:
            held = engine.circuits.seen_by_electrodes(held, number, [column])
        value = engine.readout.expression(number, label, currents.get(label, assigned.get(label)))(
            held, engine.seen.fields(number)[:, [column]], engine.past.t
        )
        scale = 1e-2 * float(engine.layout.segments.area[carrier.segment]) if label in currents else 1.0
        return float(value[0][0]) * scale

    def fetch(self, carrier: Carrier) -> None:
        """Bring its computed variables up to date."""
        values = carrier.point.values
        for variable in carrier.point.info.assigned:
            found = self.value(carrier, variable)
            if found is not None:
                values[variable] = found

    def load(self) -> None:
        """Put the states scripts see into the state."""
        for carrier in self.known.values():
            for state in translation_of(carrier.point).names.states:
                position = self.position(carrier, state)
                if position is not None:
                    self.engine.y[position] = carrier.point.values[state]

    def note(self, carrier: Carrier, name: str) -> None:
        """A script has written a variable: a state, or a parameter."""
        engine, position = self.engine, self.position(carrier, name)
        if position is not None:
            engine.seen.keep()
            engine.y[position] = carrier.point.values[name]
            engine.jumped = True
            return
        alike = {c.segment: c.point for c in self.known.values() if c.mechanism == carrier.mechanism}
        for number, row, field in engine.fields.of_kind("mechanism"):
            if field.args[1] == name and engine.declared.inserted[field.args[0]][0] == carrier.mechanism:
                values = _by_segment(engine.layout.segments.n, alike, name)
                engine.seen.keep_fields(number)
                engine.fields.put(number, row, values[engine.groups[number].segment])


def translation_of(point: PointProcess) -> Translation:
    """What the mod file of a point process says."""
    found: Translation = point.translation
    return found
