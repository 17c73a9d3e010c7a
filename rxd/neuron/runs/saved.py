"""What SaveState keeps of a run, as NEURON does, and the way back to it.

In: a run at some time. Out: a copy of what changes by itself: time, voltages, states, concentrations, events on their way, how
far recordings at given times are, weights of NetCons, and of point processes that receive events all variables. Parameters of
mechanisms and clamps, delays, `h.dt` and `h.celsius` stay as scripts have set them since, and what is computed (currents) stays
until the next step.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from geometry.records import dataclass
from rxd.neuron.errors import HocError
from rxd.neuron.events.artificial import Artificial

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine import Engine
    from rxd.neuron.runs.run import Run

__all__ = ["Saved", "restore", "save"]


@dataclass(frozen=True, slots=True, eq=False)
class Saved:
    """What was kept.

    Attributes
    ----------
    state : State
    t : float
    revision : int
    structure : object
        Of the engine; a state fits another one of the same structure.
    events, places, played, above, cells, points, weights : list
        The queue; where recordings on a grid and played Vectors are; which detectors are above their thresholds; artificial
        cells and what they remember; variables of point processes; weights of NetCons: all in the order of the model.
    ions : dict
        Concentrations that no equation moves, which `finitialize` or a script may change, by section and name.
    """

    state: Any
    t: float
    revision: int
    structure: Any
    events: list[Any]
    places: list[tuple[int, float]]
    played: list[int]
    above: list[bool]
    cells: list[Any]
    points: list[dict[str, float]]
    weights: list[list[float]]
    ions: dict[str, list[float]]


def structure(engine: Engine) -> tuple[Any, ...]:
    """What must be the same for a state to fit: the sections with their segments and all unknowns."""
    sections = tuple((record.id, record.nseg) for record in engine.layout.records)
    return sections, tuple((label, block.start, block.stop) for label, block in engine.states.blocks.items())


def receiving(run: Run) -> list[Any]:
    """The point processes with all of their variables in a saved state."""
    return [point for point in run.points if point.info.receives and not isinstance(point, Artificial)]


def still(run: Run, engine: Engine) -> Iterator[tuple[str, SectionRecord, str]]:
    """A key, section and name of every concentration that no equation moves in all segments."""
    chemistry, catalogue = run.session.chemistry, run.session.catalogue
    moving = {f"{quantity.name}{region.nrn_region}" for quantity in chemistry.quantities for region in quantity.regions}
    known: dict[tuple[str, ...], list[str]] = {}  # most sections are like others
    for number, record in enumerate(engine.layout.records):
        kind = tuple(record.mechanisms)
        if kind not in known:
            ions = [ion.name for ion in map(catalogue.ion_of, kind) if ion is not None]
            known[kind] = [
                name for ion in ions for name in (f"{ion}i", f"{ion}o") if not catalogue.writer(name, record.mechanisms)
            ]
        for name in known[kind]:
            if name in moving:  # perhaps elsewhere, or in some segments
                if chemistry.moves_all(name, record):
                    continue
                chemistry.refresh(name, record)
            yield f"{number} {name}", record, name


def save(run: Run) -> Saved:
    """Everything that changes in a run by itself."""
    engine = run._compiled()
    points = receiving(run)
    for point in points:
        run.refresh_point(point)
    return Saved(
        engine.save(),
        run.session.globals.t,
        engine.revision,
        structure(engine),
        run.events.copy(),
        [(recorder.taken, recorder.following) for recorder in run._recorders],
        [player.at for player in run.players],
        [detector.above for detector in run._detectors],
        [(point, point.kept()) for point in run.points if isinstance(point, Artificial)],
        [dict(point.values) for point in points],
        [[float(weight) for weight in connection.weight] for connection in run.connections()],
        {key: record.store[name].tolist() for key, record, name in still(run, engine)},
    )


def restore(run: Run, saved: Saved, all_of_it: bool = True) -> None:
    """Return to what `save` has kept, or (not ``all_of_it``) to time, voltages and states alone: cells and events go on.

    Raises
    ------
    HocError
        If the structure of the model has changed since.
    """
    engine, points = run._compiled(), receiving(run)
    alike = len(points) == len(saved.points) and len(run.connections()) == len(saved.weights)
    if not alike or structure(engine) != saved.structure:
        raise HocError("SaveState.restore: the model has changed since save().")
    run.pull()
    engine.restore(saved.state, fresh=engine.revision != saved.revision)
    run.session.globals["t"] = saved.t
    engine.swelling.follow()
    for key, record, name in still(run, engine):
        before = saved.ions.get(key)
        if before is not None and record.store[name].tolist() != before:
            record.store[name][:] = before
            run.changed(name, record)
            record.follow_concentration(name)
    for point, values in zip(points, saved.points, strict=True):
        changed = [name for name in point.info.parameters if name in values and values[name] != point.values[name]]
        point.values.update(values)
        for name in changed:
            run.changed_point(point, name)
    if not all_of_it:
        return
    for cell, kept in saved.cells:
        cell.keep_on(kept)
    for connection, weights in zip(run.connections(), saved.weights, strict=True):
        connection.weight[:] = weights
    run.events.restore(saved.events)
    for recorder, place in zip(run._recorders, saved.places, strict=False):
        recorder.go_back(*place)
    for player, at in zip(run.players, saved.played, strict=False):
        player.at = at
    for detector, was in zip(run._detectors, saved.above, strict=False):
        detector.above = was
