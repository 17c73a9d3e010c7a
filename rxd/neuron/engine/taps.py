"""Recordings read within the compiled loop: what a pointer shows, from a few positions of the state at every step.

In: pointers of recordings. Out: for those whose values follow from the state, the positions and how to read their values from
what these held at the ends, and (currents) at the starts, of many steps at once.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.records import dataclass
from rxd.codegen.oracle import fields_of
from rxd.neuron.cells.outside import COMPUTED
from rxd.neuron.engine.hh_assigned import ASSIGNED, NEEDED, STARTED
from rxd.neuron.engine.injected import Injected
from rxd.neuron.engine.outside import OutsideField
from rxd.neuron.engine.readout import reversal
from rxd.neuron.engine.synapses import STATES
from rxd.neuron.mechanisms.points import PointProcess
from rxd.neuron.rxd.node import NodePointer
from rxd.neuron.vectors.pointers import AttributePointer, GlobalPointer, Pointer, RangePointer

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.electrodes import Electrode
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.engine.readout import _Current
    from rxd.nmodl import Translation

__all__ = ["Tap", "Trace", "tap"]


@dataclass(frozen=True, slots=True)
class Trace:
    """What some positions held in n steps.

    ``ends (n, k)`` at the ends of steps, ``starts (n, k)`` at their starts, after events; ``t (n,)`` and ``middle (n,)``,
    times of their ends and middles, ms. ``levels``: of clamps that Vectors play, by id, conductance and drive in every step.
    """

    starts: np.ndarray
    ends: np.ndarray
    t: np.ndarray
    middle: np.ndarray
    levels: Mapping[int, tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Tap:
    """Positions of the state, and how a pointer's values follow from what they held.

    ``kind``: "place" if the value is what the only position held, "time" if it is that of the clock. ``started``: whether it
    follows from the starts and middles of steps and from fields of groups, and from nothing else that may change. ``instant``:
    whether it follows from the state of one time, or from none. ``clamps``: whether clamps are part of it, which may jump at
    the end of a step. ``weights (k,)``: of what positions held at the end, if the value is just the sum of that. ``of_nodes``:
    how many of the positions, the last ones, are read as reactions see them (`rxd.neuron.engine.shown`).
    """

    positions: np.ndarray
    read: Callable[[Trace], np.ndarray]
    kind: str = ""
    started: bool = False
    instant: bool = False
    clamps: bool = False
    weights: np.ndarray | None = None
    of_nodes: int = 0


def tap(engine: Engine, pointer: Pointer) -> Tap | None:
    """How to read a pointer within the loop; None if only Python can."""
    if isinstance(pointer, GlobalPointer) and pointer.name == "t":
        return Tap(np.zeros(0, dtype=np.int64), lambda trace: trace.t, kind="time")
    if isinstance(pointer, RangePointer) and pointer.record.alive and pointer.record.id in engine.layout.index:
        return _range(engine, pointer)
    if isinstance(pointer, NodePointer):
        return _steady(pointer.get()) if pointer.node is None else _node(engine, pointer.node)
    if isinstance(pointer, AttributePointer) and isinstance(pointer.target, PointProcess) and pointer.item is None:
        return _point(engine, pointer.target, pointer.name)
    return None


def _state(position: int) -> Tap:
    return Tap(np.array([position], dtype=np.int64), lambda trace: trace.ends[:, 0], kind="place")


def _steady(value: float) -> Tap:
    return Tap(np.zeros(0, dtype=np.int64), lambda trace: np.full(len(trace.t), value), instant=True)


def _range(engine: Engine, pointer: RangePointer) -> Tap | None:
    record, name, x = pointer.record, pointer.name, pointer.x
    if name == "v":
        return _voltage(engine, record, x)
    if name in {"i_cap", "i_membrane", "i_membrane_"}:
        return _through_membrane(engine, name, record, x)
    catalogue = engine.session.catalogue
    owner = catalogue.owner(name)
    if owner is None:
        return None
    segment = int(engine.layout.index[record.id][record.index(x)])
    ion = catalogue.ion_of(owner)
    if ion is not None:
        place = record.index(x)
        return _of_ion(engine, name, ion.name, record, place, segment) or _unchanging(engine, name, record, place)
    short = name[: -len(owner) - 1]
    if short in catalogue.density[owner].states:
        position = int(engine.readout.positions(f"{owner}.{short}")[segment])
        return _state(position) if position >= 0 else None
    if name in ASSIGNED:
        return _assigned(engine, record, segment, name, record.index(x))
    label = f"{owner}.{short}"
    return (
        _of_mod_file(engine, segment, label)
        or _currents(engine, segment, lambda current: current.label == label)
        or _unchanging(engine, name, record, record.index(x))
    )


def _voltage(engine: Engine, record: SectionRecord, x: float) -> Tap | None:
    """The voltage at a place: at an end what the segments that meet there make of it."""
    parts = engine.layout.parts(record, x)
    where = engine.readout.positions("v")
    positions = [where[segment] for segment, _ in parts]
    if len(positions) == 1 and parts[0][1] == 1.0:
        return _state(int(positions[0]))
    if engine.circuits.layered:  # it follows from potentials inside and outside
        return None
    weights = np.array([weight for _, weight in parts])
    return Tap(np.array(positions, dtype=np.int64), lambda trace: trace.ends @ weights, instant=True)


def _unchanging(engine: Engine, name: str, record: SectionRecord, place: int) -> Tap | None:
    """What no step changes: a parameter, a concentration that nobody writes, the reversal potential that goes with it."""
    if name not in record.store or name in COMPUTED:
        return None
    reader = engine.readout.reader(name)
    if (reader is not None and reader(record) is not None) or engine.session.chemistry.species_at(name, record) is not None:
        return None
    if any(getattr(player.pointer, "name", "") == name for player in engine.session.run.players):
        return None
    return Tap(np.zeros(0, dtype=np.int64), lambda trace: np.full(len(trace.t), record.store[name][place]), instant=True)


def _through_membrane(engine: Engine, name: str, record: SectionRecord, x: float) -> Tap | None:
    """What charges the membrane, or all that flows through it: along the cable and from clamps, in a field at rest."""
    where, place = engine.readout.positions("v"), record.index(x)
    segment = engine.layout.index[record.id][place]
    if name == "i_cap":
        cm = 1e-3 * record.store["cm"][place]
        return Tap(
            where[[segment]].astype(np.int64),
            lambda trace: cm * (trace.ends[:, 0] - trace.starts[:, 0]) / (2 * (trace.t - trace.middle)),
        )
    if record.values(name) is None or engine.stepped or engine.circuits.circuit is not None:
        return None
    membrane = engine.session.membrane
    number = membrane.number(record, x if name == "i_membrane_" else (place + 0.5) / record.nseg)
    if number is None:
        return None
    found = membrane.row(engine, number)
    positions, weights = found[0].astype(np.int64), found[1]
    scale = 1.0 if name == "i_membrane_" else 100.0 / record.shape.area[place]
    storage = int(where[engine.layout.place(record, x) if name == "i_membrane_" else segment]) - engine.states["v"].start
    clamps, fields = _electrodes_at(engine, storage)
    clamps += [(_injecting(one), share) for one, share in membrane.entering(engine, number)]
    bounds = np.cumsum([len(positions), *(len(clamp.positions) for clamp, _ in clamps)])

    def read(trace: Trace) -> np.ndarray:
        middle = bool(engine.session.globals["secondorder"]) and not engine.adaptive  # where currents of a step balance
        v = 0.5 * (trace.starts + trace.ends) if middle else trace.ends
        total = v[:, : bounds[0]] @ weights + sum(field.into(node) for field, node in fields)
        for (clamp, share), start, stop in zip(clamps, bounds[:-1], bounds[1:], strict=True):
            total = total + share * clamp.read(replace(trace, starts=trace.starts[:, start:stop], ends=v[:, start:stop]))
        return np.asarray(scale * total)

    alone = scale * weights if not (clamps or fields) and engine.adaptive else None
    return Tap(np.concatenate([positions, *(clamp.positions for clamp, _ in clamps)]), read, clamps=True, weights=alone)


def _injecting(one: Injected) -> Tap:
    """What an electrode of a mod file injects."""
    return Tap(one.positions, lambda trace: one.at(trace.starts, trace.ends[:, one.v], trace.middle))


def _electrodes_at(engine: Engine, storage: int) -> tuple[list[tuple[Tap, float]], list[tuple[OutsideField, int]]]:
    """The clamps at a segment with their shares, and fields outside with the number the segment has there."""
    clamps, fields = [], []
    for electrode in engine.electrodes.electrodes:
        for node in np.flatnonzero(electrode.nodes == storage):
            if isinstance(electrode, OutsideField):
                fields.append((electrode, int(node)))
            else:
                clamps.append((_clamp(electrode, engine.states["v"].start), float(electrode.weights[node])))
    return clamps, fields


def _of_ion(engine: Engine, name: str, ion: str, record: SectionRecord, place: int, segment: int) -> Tap | None:
    """A current, concentration or reversal potential of an ion."""
    if name == f"i{ion}":
        if engine.readout.has_point_current(ion):
            return None
        return _currents(engine, segment, lambda current: current.ion == ion)
    if name == f"e{ion}":
        return _reversal(engine, ion, record, place)
    if name not in {f"{ion}i", f"{ion}o"}:
        return None
    writer = engine.session.catalogue.writer(name, record.mechanisms)
    for _, carrier in engine.carriers.writing(name, np.array([segment])):
        writer = carrier.mechanism
    found = _concentration(engine, name, record, place)
    species_counts = found is not None and len(found.positions) > 0
    return found if writer is None or species_counts else _of_mod_file(engine, segment, f"{writer}.{name}")


def _of_mod_file(engine: Engine, segment: int, label: str) -> Tap | None:
    """A state, or what a mod file assigns, in a segment."""
    position = int(engine.readout.positions(label)[segment])
    if position >= 0:
        return _state(position)
    number = engine.readout.group(segment)
    if number < 0:
        return None
    return _formula(
        engine, number, engine.readout.column(segment), label, engine.session.mods.known.get(label.split(".", maxsplit=1)[0])
    )


def _formula(engine: Engine, number: int, column: int, label: str, translation: Translation | None) -> Tap | None:
    """What a mod file assigns, or a current of a point process, from the state of one node."""
    local, group = engine.system.groups[number], engine.groups[number]
    values = dict(local.assigned)
    if local.space == "points":
        values |= {process.label: process.expression for process in local.processes}
    if translation is None or label not in values or engine.session.globals["secondorder"] == 2:
        return None
    if translation.file.electrode and engine.circuits.layered:
        return None  # it sees the potential inside
    if translation.assigned.get(label.split(".", 1)[1], (None, "currents"))[1] == "states":
        return _ended(engine, number, column, label)
    evaluate = engine.readout.expression(number, label, values[label])

    def read(trace: Trace) -> np.ndarray:
        fields = np.repeat(fields_of(engine.groups[number])[:, [column]], len(trace.t), axis=1)
        return np.asarray(evaluate(trace.starts.T, fields, trace.middle)[0])

    return Tap(group.position[:, column].astype(np.int64), read, started=True)


def _ended(engine: Engine, number: int, column: int, label: str) -> Tap | None:
    """What a mod file assigns at the ends of steps, with the currents of ions of their starts."""
    found = engine.readout.ended(number, label)
    if any(engine.readout.has_point_current(ion) for ion in found.ions):
        return None
    positions = engine.groups[number].position[:, column].astype(np.int64)
    return Tap(positions, lambda trace: found.trace(column, trace))


def _assigned(engine: Engine, record: SectionRecord, segment: int, name: str, place: int) -> Tap | None:
    """What follows from v and gates, with parameters as they are now: conductances at the starts of steps."""
    labels = {label: label if label == "v" else ".".join(reversed(label.rsplit("_", 1))) for label in NEEDED}
    held = {label: text for label, text in labels.items() if text in engine.states.blocks}
    positions = np.array([engine.readout.positions(text)[segment] for text in held.values()], dtype=np.int64)
    if positions.min(initial=0) < 0:
        return None
    formula, session = ASSIGNED[name], engine.session

    def read(trace: Trace) -> np.ndarray:
        rows = trace.starts if name in STARTED else trace.ends
        known: dict[str, Any] = dict(zip(held, rows.T, strict=True))
        known |= {label: record.store[label][place] for label in NEEDED - known.keys() if label in record.store}
        return np.asarray(formula(known, session.globals), dtype=float)

    return Tap(positions, read)


def _point(engine: Engine, point: PointProcess, name: str) -> Tap | None:
    """A state of a synapse, its conductance or current at the starts of steps, the current of a clamp at their ends."""
    position = engine.synapses.position(point, name)
    if position is not None:
        return _state(position)
    translation, carrier = getattr(point, "translation", None), engine.carriers.of(point)
    if carrier is not None:
        found = engine.carriers.value(carrier, name)
        assigned = found is not None and name in translation.assigned  # type: ignore[union-attr]
        return _of_mod_file(engine, carrier.segment, f"{carrier.mechanism}.{name}") if assigned else None
    if translation is not None:
        node = engine.synapses.node(point)
        if node is None:
            return None
        local = engine.system.groups[node[0]]
        labels = (label for label, _ in (*local.assigned, *((p.label, p.expression) for p in local.processes)))
        label = next((label for label in labels if label.split(".", 1)[1] == name), "")
        return _formula(engine, *node, label, translation) if label else _of_events(engine, point, name)
    electrode = engine.electrodes.electrode(point) if name == "i" else None
    if electrode is not None:
        if electrode in engine.stepped or (engine.circuits.circuit is not None and electrode.clamp.kind != "IClamp"):
            return None  # it computes its current itself, or sees the potential inside
        return _clamp(electrode, engine.states["v"].start)
    if name in {"g", "i"} and engine.session.globals["secondorder"] != 2:
        return _synapse(engine, point, name)
    return None


def _of_events(engine: Engine, point: PointProcess, name: str) -> Tap | None:
    """What only scripts and events change, which end a run of steps: a parameter, what NET_RECEIVE remembers."""
    played = any(getattr(player.pointer, "name", "") == name for player in engine.session.run.players)
    if name not in point.values or played or name in engine.session.links.of_mechanism(point.kind):
        return None
    values = point.values
    return Tap(np.zeros(0, dtype=np.int64), lambda trace: np.full(len(trace.t), values[name]))


def _clamp(electrode: Electrode, start: int) -> Tap:
    """The current of a clamp, which changes its level within a run of steps only if a Vector plays it."""

    def read(trace: Trace) -> np.ndarray:
        played = trace.levels.get(id(electrode.clamp))
        g, drive = electrode.level(float(trace.middle[0])) if played is None else (part[: len(trace.t)] for part in played)
        return np.asarray(drive - g * (trace.ends @ electrode.weights))

    return Tap(start + electrode.nodes, read)


def _synapse(engine: Engine, point: PointProcess, name: str) -> Tap | None:
    """Conductance or current of a synapse."""
    host = point.host
    if point.kind not in STATES or not engine.synapses.has(point) or host is None or not engine.layout.fits(host):
        return None
    segment = engine.layout.place(host, point.spot)
    positions = [int(engine.readout.positions("v")[segment]), *engine.synapses.places(point)]
    known = weakref.ref(point)  # what is recorded is not kept alive by that

    def read(trace: Trace) -> np.ndarray:
        v, *states = trace.starts.T
        synapse = known()
        if synapse is None:
            return np.full(len(trace.t), np.nan)
        g = engine.synapses.conductance(synapse, trace.middle, states)
        return g if name == "g" else g * (v - synapse.values["e"])

    return Tap(np.array(positions, dtype=np.int64), read)


def _currents(engine: Engine, segment: int, wanted: Callable[[_Current], bool]) -> Tap | None:
    """The sum of some currents in a segment, at the starts of steps as NEURON shows them."""
    if engine.session.globals["secondorder"] == 2:
        return None
    found = [current for current in engine.readout.currents_at(segment) if wanted(current)]
    if not found or engine.readout.flows_in_voxels(segment, wanted):
        return None
    column = engine.readout.column(segment)
    group = engine.groups[found[0].group]
    number = found[0].group
    position = group.position[:, column].astype(np.int64)
    size, flows = len(position), any(current.is_flow for current in found)

    def read(trace: Trace) -> np.ndarray:
        n = len(trace.t)
        fields = np.repeat(fields_of(engine.groups[number])[:, [column]], n, axis=1)
        starts = trace.starts.T
        return np.asarray(
            sum(current.evaluate(starts[size if current.is_flow else 0 :][:size], fields, trace.middle)[0] for current in found)
        )

    return Tap(np.tile(position, 2) if flows else position, read, started=True, of_nodes=size if flows else 0)


def _concentration(engine: Engine, name: str, record: Any, place: int) -> Tap | None:
    """A concentration of NEURON's, where it is that of one node."""
    found = engine.session.chemistry.species_at(name, record)
    if found is None:
        return None
    quantity, region = found
    table, shown = quantity.table(region), engine.places.displayed(quantity, region)
    if hasattr(region, "shape"):
        voxels, places = engine.session.chemistry.boxes.around(region, record)
        nodes = voxels[places == place]
        if not len(nodes):  # outside the box
            return Tap(
                np.zeros(0, dtype=np.int64), lambda trace: np.full(len(trace.t), record.store[name][place]), instant=True
            )
    else:
        nodes = table.of_segment(record, place)
        nodes = nodes if np.all(table.dimension[nodes] == 1) else nodes[:0]
    return None if shown is None or len(nodes) != 1 else _state(int(shown[nodes[0]]))


def _reversal(engine: Engine, ion: str, record: SectionRecord, place: int) -> Tap | None:
    """Nernst potential of the concentrations at the starts of steps, where species give one or both."""
    sides = [f"{ion}i", f"{ion}o"]
    segment, writers = engine.layout.index[record.id][[place]], [f"e{ion}", *sides]
    written = any(engine.session.catalogue.writer(name, record.mechanisms) for name in writers)
    if f"{ion}_ion" in record.held or written or any(engine.carriers.writing(name, segment) for name in writers):
        return None
    given = [name for name in sides if engine.session.chemistry.species_at(name, record) is not None]
    found = {name: _concentration(engine, name, record, place) for name in given}
    charge = engine.session.catalogue.ions[ion].charge
    if not charge or not given or None in found.values():
        return None
    moving = [name for name, tap in found.items() if tap is not None and len(tap.positions)]

    def read(trace: Trace) -> np.ndarray:
        known = dict(zip(moving, trace.starts.T, strict=True))
        inside, outside = (known.get(name, record.store[name][place]) for name in sides)
        values = reversal(inside, outside, charge, engine.seen.numbers["celsius"])
        return np.broadcast_to(values, len(trace.t))

    positions = [tap.positions for tap in found.values() if tap is not None]
    return Tap(np.concatenate(positions), read, instant=True)


def _node(engine: Engine, node: Any) -> Tap | None:
    try:
        quantity, region, _, index = node.part
    except (ReferenceError, AttributeError):
        return None
    positions = engine.places.of_species(quantity, region)
    return None if positions is None else _state(int(positions[index]))
