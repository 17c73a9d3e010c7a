"""Mechanisms and point processes of mod files, declared in a model.

In: a session, and the model with its cable. Out: the model with them; how their states move and which of their variables are
linked to others is noted in `Declared`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import sympy

import rxd
from rxd.declare.symbols import reversal
from rxd.neuron.engine.carriers import declare_carriers
from rxd.neuron.engine.mod_diffusion import diffusing_states
from rxd.neuron.engine.mods import density_mechanism, read_global
from rxd.neuron.mods.points import place_values
from rxd.nmodl.mechanisms import as_mechanism

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.declare import Declared
    from rxd.neuron.session import Session
    from rxd.nmodl import Translation

__all__ = ["declare_held", "declare_mechanisms", "declare_points"]


def declare_mechanisms(session: Session, declared: Declared, known: Container[str]) -> None:
    """Insert the density mechanisms of mod files; those ``known`` are in the model already."""
    for name in dict.fromkeys(name for record in declared.layout.records for name in record.mechanisms):
        translation = session.mods.known.get(name)
        if name in known or translation is None:
            continue
        records = [record for record in declared.layout.records if name in record.mechanisms]
        mechanism = density_mechanism(session, declared.layout, translation)
        for kept, own in _by_style(translation, records):
            # a reversal potential that is written first is what it is without what is written after it
            potentials = {(ion, "e"): reversal(ion) for ion in kept}
            made = replace(mechanism, writes={**potentials, **mechanism.writes}) if kept else mechanism
            declared.model.insert(made, on=declared.layout.selection(own))
            declared.inserted.append((name, own))
        if translation.writes:
            declared.writers.add(name)
        _note(session, declared, translation)
        declared.diffusing.update(diffusing_states(session, declared.layout, translation))
        symbols = {s.name for parts in translation.diffusion.values() for value in parts for s in value.free_symbols}
        declared.diffusing_by.update(f"{symbol}_{name}" for symbol in symbols)


def declare_held(session: Session, declared: Declared) -> None:
    """Let the reversal potentials of species be parameters where `h.ion_style` has said so since the last `finitialize`."""
    layout = declared.layout
    for mechanism in dict.fromkeys(mechanism for record in layout.records for mechanism in sorted(record.held)):
        ion = mechanism.removesuffix("_ion")
        names = [f"{ion}i", f"{ion}o", f"e{ion}"]
        records = [
            record
            for record in layout.records
            if mechanism in record.held
            and any(session.chemistry.species_at(name, record) for name in names)
            and not any(session.catalogue.writer(name, record.mechanisms) for name in names)  # see `_by_style`
        ]
        if records:
            values = layout.gather(f"e{ion}", 0.0)
            parameters = {f"e{ion}": lambda nodes, values=values: values[nodes.segment]}
            writes = {(ion, "e"): sympy.Symbol(f"e{ion}", real=True)}
            declared.model.insert(rxd.Mechanism(mechanism, parameters, writes=writes), on=layout.selection(records))
            declared.inserted.append((mechanism, records))


def _by_style(translation: Translation, records: list[SectionRecord]) -> Iterator[tuple[tuple[str, ...], list[SectionRecord]]]:
    """Sections by the ions whose concentrations are written there while `h.ion_style` lets the reversal potentials be."""
    moved = dict.fromkeys(ion for ion, what in translation.writes if what != "e" and (ion, "e") not in translation.writes)
    found: dict[tuple[str, ...], list[SectionRecord]] = {}
    for record in records:
        kept = tuple(ion for ion in moved if f"{ion}_ion" in record.held)
        found.setdefault(kept, []).append(record)
    yield from found.items()


def declare_points(session: Session, declared: Declared) -> None:
    """Add the point processes of mod files."""
    for name, made in session.catalogue.points.items():
        translation = session.mods.known[name]
        placed = [point for point in session.run.points if type(point) is made and point.host is not None and point.host.alive]
        if translation.file.kind == "ARTIFICIAL_CELL" or translation.reason or not placed:
            continue
        numbers: dict[str, Any] = {key: read_global(session, translation, key) for key in translation.globals}
        numbers |= dict.fromkeys(translation.names.place, 1.0)
        if translation.carries:
            declare_carriers(session, declared, translation, placed)
            continue
        linked = session.links.of_mechanism(name)
        mechanism = as_mechanism(translation, numbers, False, not session.run.adaptive, linked)
        assert isinstance(mechanism, rxd.PointMechanism)
        for point in placed:
            assert point.host is not None
            own = {key: point.values[key] for key in mechanism.parameters if key in point.values}
            here = {key: value for key, value in place_values(point).items() if key in translation.names.place}
            place = declared.layout.location(point.host, point.spot)
            declared.model.add(rxd.PointProcess(mechanism, place, **own, **here))
            declared.points.append(point)
        _note(session, declared, translation)


def _note(session: Session, declared: Declared, translation: Translation) -> None:
    name = translation.file.name
    declared.methods.update({(name, state): method for state, method in translation.methods.items()})
    declared.linked.update((name, variable) for variable in session.links.of_mechanism(name))
