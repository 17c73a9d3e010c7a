"""What Vectors play in a run of steps: the levels of clamps and parameters of mechanisms and synapses, step by step.

In: players of a session. Out: `Courses` for the loop, where they play only what it can follow; else nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from geometry.records import dataclass
from rxd.discretize.records import LANES
from rxd.neuron.mechanisms.points import PointProcess
from rxd.neuron.vectors.pointers import AttributePointer, ItemPointer, RangePointer, Ref
from rxd.solve.between_steps import Courses, no_courses

if TYPE_CHECKING:
    from rxd.neuron.engine.electrodes import Electrode
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.engine.taps import Tap
    from rxd.neuron.recordings.recording import Player

__all__ = ["LEVELS", "Played", "can_play", "is_outside", "played"]

LEVELS: Mapping[str, frozenset[str]] = MappingProxyType(
    {"IClamp": frozenset({"amp"}), "SEClamp": frozenset({"amp1", "amp2", "amp3"})}
)


@dataclass(frozen=True, slots=True, eq=False)
class Played:
    """Courses for the loop, and by clamp (id) its conductance and drive at the end of every step."""

    courses: Courses
    levels: Mapping[int, tuple[Any, Any]]


def can_play(engine: Engine, players: list[Player], taps: list[Tap]) -> bool:
    """Whether the loop can follow all that is played, and recordings do not compute with it."""
    if not players:
        return True
    fields = False
    for player in players:
        if is_outside(player) or _electrode(engine, player) is not None:
            continue
        if _place(engine, player) is None:
            return False
        fields = True
    return not fields or all(tap.kind for tap in taps)


def played(engine: Engine, players: list[Player], middle: np.ndarray) -> Played | None:
    """What is played in the steps with these middles; None if nothing is."""
    inside = [player for player in players if not is_outside(player)]
    if not inside:
        return None
    clamps: dict[int, tuple[Electrode, dict[str, np.ndarray]]] = {}
    fields: dict[int, np.ndarray] = {}
    for player in inside:
        course = player.course(middle, float(player.pointer.get()))
        electrode = _electrode(engine, player)
        if electrode is not None:
            clamps.setdefault(id(electrode.clamp), (electrode, {}))[1][player.pointer.name] = course  # type: ignore[attr-defined]
        else:
            place = _place(engine, player)
            assert place is not None
            fields[place] = course
    levels = {key: _levels(electrode, courses, middle) for key, (electrode, courses) in clamps.items()}
    courses = _clamped(engine, levels, len(middle))
    if fields:
        places = np.array(list(fields), dtype=np.int64)
        courses = courses._replace(field=places, value=np.ascontiguousarray(np.stack(list(fields.values()), axis=1)))
    return Played(courses, levels)


def is_outside(player: Player) -> bool:
    """Whether it plays something that no equation reads."""
    return isinstance(player.pointer, (Ref, ItemPointer))


def _electrode(engine: Engine, player: Player) -> Electrode | None:
    """The clamp whose level it plays."""
    pointer = player.pointer
    if not isinstance(pointer, AttributePointer) or pointer.item is not None or not isinstance(pointer.target, PointProcess):
        return None
    if pointer.name not in LEVELS.get(pointer.target.kind, ()):
        return None
    return engine.electrodes.electrode(pointer.target)


def _levels(electrode: Electrode, courses: dict[str, np.ndarray], middle: np.ndarray) -> tuple[Any, Any]:
    """Conductance and drive in every step: it neither begins nor ends within a run."""
    values: dict[str, Any] = electrode.clamp.values
    kept = {name: values[name] for name in courses}
    values.update(courses)
    try:
        g, drive = electrode.level(float(middle[0]))
    finally:
        values.update(kept)
    n = len(middle)
    return np.broadcast_to(np.asarray(g, dtype=float), (n,)), np.broadcast_to(np.asarray(drive, dtype=float), (n,))


def _clamped(engine: Engine, levels: Mapping[int, tuple[Any, Any]], n: int) -> Courses:
    """The levels of clamps for the parts of which the loop knows."""
    at, places, conductance, drive = 0, [], [], []
    for electrode in engine.electrodes.electrodes:
        found = levels.get(id(electrode.clamp))
        for k, weight in enumerate(electrode.weights):
            if found is not None:
                places.append(at + k)
                conductance.append(weight * found[0])
                drive.append(weight * found[1])
        at += len(electrode.weights)
    if not places:
        return no_courses()._replace(conductance=np.zeros((n, 0)), drive=np.zeros((n, 0)))
    rows = (np.ascontiguousarray(np.stack(part, axis=1)) for part in (conductance, drive))
    return no_courses()._replace(clamp=np.array(places, dtype=np.int64), conductance=next(rows), drive=next(rows))


def _place(engine: Engine, player: Player) -> int | None:
    """Where in the fields of all groups the parameter is that it plays; None for what is more than such a number."""
    pointer, bounds = player.pointer, engine.session.mods.bounds
    found: tuple[int, int, int] | None = None
    if isinstance(pointer, RangePointer):
        found = None if pointer.name in bounds else _of_mechanism(engine, pointer)
    elif isinstance(pointer, AttributePointer) and pointer.item is None and isinstance(pointer.target, PointProcess):
        name, kind = pointer.name, pointer.target.kind
        found = None if f"{name}_{kind}" in bounds else _of_point(engine, pointer.target, name)
    if found is None or engine.leaks(found[0]):
        return None
    group, row, column = found
    fields = engine.groups[group].fields
    before = sum(other.fields.size for other in engine.groups[:group])
    return int(before + (column // LANES * fields.shape[1] + row) * LANES + column % LANES)


def _of_mechanism(engine: Engine, pointer: RangePointer) -> tuple[int, int, int] | None:
    """Group, row and column of a parameter of a density mechanism in a segment."""
    record, name = pointer.record, pointer.name
    if not record.alive or record.id not in engine.layout.index or name == "v":
        return None
    owner = engine.session.catalogue.owner(name)
    if owner is None or engine.session.catalogue.ion_of(owner) is not None:
        return None
    segment = int(engine.layout.index[record.id][record.index(pointer.x)])
    group, short = engine.readout.group(segment), name[: -len(owner) - 1]
    for number, row, field in engine.fields.of_kind("mechanism"):
        if number == group and field.args[1] == short and engine.declared.inserted[field.args[0]][0] == owner:
            return number, row, engine.readout.column(segment)
    return None


def _of_point(engine: Engine, point: PointProcess, name: str) -> tuple[int, int, int] | None:
    """Group, row and column of a parameter of a synapse."""
    node = engine.synapses.node(point)
    if node is None or engine.synapses.position(point, name) is not None:
        return None
    for number, row, field in engine.fields.of_kind("point"):
        if number == node[0] and field.args[0] == name:
            return number, row, node[1]
    return None
