"""What a run records and when: probes resolved to positions of the state, samples collected in arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import field
from typing import Any

import numpy as np
import sympy

from cable import IClamp, SEClamp
from geometry.records import dataclass
from rxd.codegen.oracle import fields_of, make_numpy
from rxd.declare.species import Quantity
from rxd.declare.symbols import NodeSymbol, Probe, v
from rxd.discretize.records import Discretization
from rxd.errors import DeclarationError
from rxd.symbolic.system import System


@dataclass(frozen=True, slots=True, eq=False)
class Trace:
    """One recorded quantity: label, unit, the segment (-1 outside cells) and place (um) of each node, and how to read it.

    ``weights`` averages the nodes of one place: voxels of a segment by volume. Nodes from ``first_voxel`` on are voxels.
    ``clamp`` is the electrode whose current this is.
    """

    label: str
    unit: str
    segment: np.ndarray
    position: np.ndarray
    expression: Any = None
    scalar: bool = False
    place: np.ndarray | None = None
    weights: np.ndarray | None = None
    first_voxel: int = 0
    clamp: Any = None

    def read(self, y: np.ndarray, t: float) -> np.ndarray:
        """Values in a state, shape (n_nodes,)."""
        values = y[self.position] if self.expression is None else self.expression(y, t)
        return values if self.weights is None else np.array([self.weights @ values])


@dataclass(slots=True)
class Recorder:
    """Collects samples of traces at given times."""

    traces: tuple[Trace, ...]
    times: list[float] = field(default_factory=list)
    samples: list[list[np.ndarray]] = field(default_factory=list)

    def sample(self, t: float, y: np.ndarray) -> None:
        """Keep what the traces read at a time in ms from a state of shape (size,)."""
        self.times.append(t)
        self.samples.append([np.array(trace.read(y, t)) for trace in self.traces])

    def arrays(self) -> list[np.ndarray]:
        """Per trace an array of shape (n_times, n_nodes)."""
        return [
            np.array([sample[i] for sample in self.samples]).reshape(len(self.samples), len(trace.segment))
            for i, trace in enumerate(self.traces)
        ]


def resolve(
    things: Sequence[Any], system: System, discretization: Discretization, clamps: Sequence[Any] = ()
) -> tuple[Trace, ...]:
    """Traces of what a user asked to record; ``clamps`` are those whose currents can be.

    Raises
    ------
    DeclarationError
        If a thing is not part of the model, or does not exist at a place.
    """
    if isinstance(things, (str, Probe, Quantity, sympy.Basic)):
        message = f"What to record is a list: record=[{things if not isinstance(things, str) else repr(things)}]."
        raise DeclarationError(message)
    traces: list[Trace] = []
    for thing in things:
        if isinstance(thing, (IClamp, SEClamp)):
            traces.append(_clamp_trace(thing, clamps, discretization))
            continue
        for label, location in labels_of(thing):
            traces.append(_trace(label, location, system, discretization))
    once: dict[Any, Trace] = {}
    for trace in traces:
        once.setdefault((trace.label, trace.scalar, trace.segment.tobytes(), trace.clamp), trace)
    return tuple(once.values())


def present(
    key: Any, system: System, discretization: Discretization, y: np.ndarray, t: float, clamps: Sequence[Any] = ()
) -> np.ndarray:
    """Values of one thing that can be recorded, in a state of shape (size,)."""
    if isinstance(key, (str, NodeSymbol)):
        label, location = labels_of(key)[0]
        if location is None and label in discretization.layout.blocks:  # no need to know where each node is
            return y[discretization.layout[label].order]
    return resolve([key], system, discretization, clamps)[0].read(y, t)


def labels_of(thing: Any) -> list[tuple[str, Any]]:
    """Labels, and a place or None, that something to read stands for."""
    if isinstance(thing, Probe):
        return [(thing.label, thing.location)]
    if isinstance(thing, Quantity):
        return [(thing[region].name, None) for region in thing.regions]
    if isinstance(thing, NodeSymbol):
        return [(thing.name, None)] if thing.region is not None else [(thing.owner[r].name, None) for r in thing.owner.regions]
    if isinstance(thing, sympy.Symbol) and thing == v:
        return [("v", None)]
    if isinstance(thing, str):
        return [(thing, None)]
    message = (
        f"Cannot record {thing!r}. Record rxd.v, rxd.v(cell.soma(0.5)), a species or state (ca[cyt], ca[cyt](place)), "
        f"a clamp for its current, or a label such as 'hh.m' or 'hh.ina'."
    )
    raise DeclarationError(message)


def _trace(label: str, location: Any, system: System, discretization: Discretization) -> Trace:
    segments, layout = discretization.segments, discretization.layout
    wanted = None if location is None else segments.index(location)
    if label in layout.blocks:
        block = layout[label]
        position = block.order
        where, place = block.segment[position - block.start], discretization.place_of(block)
        if wanted is None:
            return Trace(label, block.unit, where, position, place=place, first_voxel=block.n_tree)
        keep = np.flatnonzero(where == wanted)
        _check_place(label, location, where[keep])
        weights = None
        if keep.size > 1 and block.n_tree < len(block):
            weights = discretization.capacity[position[keep]] / discretization.capacity[position[keep]].sum()
        _check_one(label, location, keep, weights is not None)
        shown = keep[:1]
        return Trace(label, block.unit, where[shown], position[keep], scalar=True, place=place[shown], weights=weights)
    return _current_trace(label, location, wanted, system, discretization)


def _clamp_trace(clamp: Any, clamps: Sequence[Any], discretization: Discretization) -> Trace:
    """The current of an electrode into the cell, nA; at a jump that before it, which belongs to the potential there."""
    label = f"{type(clamp).__name__}.i"
    if not any(clamp == other for other in clamps):
        message = (
            f"{label} at {clamp.location!r}: this clamp was not in the model when it was compiled. Add it to the model first."
        )
        raise DeclarationError(message)
    segment = discretization.segments.index(clamp.location)
    block = discretization.layout["v"]
    position = int(block.order[segment])

    def read(y: np.ndarray, t: float) -> np.ndarray:
        drive, conductance = clamp.injection(np.nextafter(t, -np.inf) if t > 0 else t)
        return np.array([drive - conductance * y[position]])

    return Trace(label, "nA", np.array([segment]), np.zeros(0, dtype=np.int64), read, scalar=True, clamp=clamp)


def _current_trace(label: str, location: Any, wanted: int | None, system: System, discretization: Discretization) -> Trace:
    """A membrane current, computed from the state when it is sampled."""
    parts, where, unit = [], [], ""
    for local, group in zip(system.groups, discretization.groups, strict=True):
        for process in local.processes:
            if process.label == label:
                parts.append((make_numpy(local, [process.expression]), group, fields_of(group)))
                where.append(group.segment)
                unit = process.unit
    if not parts:
        currents = sorted({process.label for local in system.groups for process in local.processes})
        message = (
            f"Nothing in the model is called '{label}'. Unknowns: {', '.join(discretization.layout.blocks)}. "
            f"Currents: {', '.join(currents) or 'none'}."
        )
        raise DeclarationError(message)
    segment = np.concatenate(where)
    order = np.argsort(segment, kind="stable")
    keep = order if wanted is None else order[segment[order] == wanted]
    _check_place(label, location, segment[keep])
    _check_one(label, location, keep)

    def read(y: np.ndarray, t: float) -> np.ndarray:
        return np.concatenate([function(y[group.position], fields, t)[0] for function, group, fields in parts])[keep]

    return Trace(label, unit, segment[keep], np.zeros(0, dtype=np.int64), read, wanted is not None)


def _check_one(label: str, location: Any, found: np.ndarray, averaged: bool = False) -> None:
    if location is not None and found.size > 1 and not averaged:
        message = f"There are {found.size} nodes of '{label}' at {location!r}: record '{label}' and choose among its nodes."
        raise DeclarationError(message)


def _check_place(label: str, location: Any, found: np.ndarray) -> None:
    if location is not None and not found.size:
        message = f"'{label}' does not exist at {location!r}: the section is not in its region. Record it where it lives."
        raise DeclarationError(message)
