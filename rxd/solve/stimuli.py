"""From declarations (clamps, detectors, connections) to the arrays of `Stimuli`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from cable.clamps import merged_breakpoints
from rxd.discretize.records import Discretization
from rxd.solve.problem import Connection, Stimuli

if TYPE_CHECKING:
    from rxd.model import Model
    from rxd.symbolic.system import System


def build_stimuli(model: Model, system: System, discretization: Discretization, amounts: Any) -> Stimuli:
    """Resolve places and targets.

    Parameters
    ----------
    model : Model
        Its clamps, detectors, connections.
    system : System
    discretization : Discretization
    amounts : callable (point index, weight) -> list of (state label, amount)
        What an event of a weight adds to the states of a point process.
    """
    segments, layout = discretization.segments, discretization.layout
    v = layout["v"]

    def node(location: Any) -> int:
        return int(v.order[segments.index(location)] - v.start)

    detectors = list(model.detectors)
    places = [d.location for d in detectors]
    connections: list[Connection] = []
    trains: list[tuple[Any, int, float, float]] = []
    points = {id(process): index for index, process in enumerate(model.point_processes)}
    for connection in model.connections:
        point = points[id(connection.target)]
        targets = [(_position(system, layout, point, label), amount) for label, amount in amounts(point, connection.weight)]
        if connection.detector is None:
            trains += [(connection.source, position, amount, connection.delay) for position, amount in targets]
            continue
        index = _detector_index(detectors, connection.detector)
        places = [d.location for d in detectors]
        connections += [Connection(index, position, amount, connection.delay) for position, amount in targets]
    return Stimuli(
        clamps=tuple(model.clamps),
        clamp_node=np.array([node(clamp.location) for clamp in model.clamps], dtype=np.int64),
        breakpoints=merged_breakpoints(model.clamps),
        detector_position=np.array([v.start + node(place) for place in places], dtype=np.int64),
        detector_threshold=np.array([d.threshold for d in detectors], dtype=float),
        detector_place=_names(detectors),
        connections=tuple(connections),
        trains=tuple(trains),
    )


def _names(detectors: list[Any]) -> tuple[str, ...]:
    """Names for results: the place, with the threshold where several detectors share it."""
    places = [repr(d.location) for d in detectors]
    return tuple(
        place if places.count(place) == 1 else f"{place} at {d.threshold:g} mV"
        for place, d in zip(places, detectors, strict=True)
    )


def _detector_index(detectors: list[Any], wanted: Any) -> int:
    """Index of an equal detector, added if there is none."""
    if wanted in detectors:
        return detectors.index(wanted)
    detectors.append(wanted)
    return len(detectors) - 1


def _position(system: System, layout: Any, point: int, label: str) -> int:
    unknown = system.unknown(label)
    return layout[label].start + unknown.points.index(point)
