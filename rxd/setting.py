"""Set unknowns and parameters of a compiled model: between two runs, without compiling anew.

In: what `rxd.Simulation.set` was asked. Out: numbers in a state, or in the fields of groups, which kernels read.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from geometry import Selection
from rxd.declare.species import Quantity
from rxd.declare.symbols import NodeSymbol, Probe, v
from rxd.discretize.nodes import Nodes, evaluate
from rxd.discretize.records import LANES, Block, Discretization, Group
from rxd.errors import DeclarationError
from rxd.recording import labels_of
from rxd.symbolic.system import LocalSystem, System
from rxd.units import as_number


def set_values(key: Any, value: Any, on: Any, system: System, discretization: Discretization, y: np.ndarray) -> list[int]:
    """Set an unknown in a state of shape (size,), or a parameter in the fields of groups; returns which groups changed.

    Raises
    ------
    DeclarationError
        If there is no such unknown or parameter, or none in the place.
    """
    if not (isinstance(key, (Quantity, NodeSymbol, Probe, str)) or key == v):
        message = f"Cannot set {key!r}. Set rxd.v, a species, state or parameter (ca[cyt], p), or a label such as 'hh.gnabar'."
        raise DeclarationError(message)
    changed: list[int] = []
    for label, location in labels_of(key):
        where = location if location is not None else on
        block = discretization.layout.blocks.get(label)
        if block is not None:
            _set_unknown(block, value, where, discretization, y)
        else:
            changed += _set_parameter(label, value, where, system, discretization)
    return changed


def _set_unknown(block: Block, value: Any, where: Any, discretization: Discretization, y: np.ndarray) -> None:
    position = block.order
    segment = block.segment[position - block.start]
    chosen = _chosen(segment, where, block.label, discretization)
    view = Nodes(discretization.segments, block.region or "membrane", segment, partial(discretization.place_of, block))
    y[position[chosen]] = _numbers(value, view, block.label, block.unit)[chosen]


def _set_parameter(label: str, value: Any, where: Any, system: System, discretization: Discretization) -> list[int]:
    found: list[int] = []
    names: set[str] = set()
    touched = 0
    for number, (local, group) in enumerate(zip(system.groups, discretization.groups, strict=True)):
        for row, field in enumerate(local.fields):
            called = _parameter_names(field)
            names.update(called[:1])
            if label not in called:
                continue
            chosen = _chosen(group.segment, where, None, discretization)
            view = Nodes(discretization.segments, "", group.segment, _places(local, group, discretization))
            values = _numbers(value, view, label, "", alone=False)
            before = group.fields[:, row, :].reshape(-1)[: group.n]
            _put(group, row, np.where(chosen, values, before))
            found.append(number)
            touched += int(np.count_nonzero(chosen))
    if not found:
        message = (
            f"Nothing that can be set is called '{label}'. Unknowns: {', '.join(discretization.layout.blocks)}. "
            f"Parameters: {', '.join(sorted(names)) or 'none'}. A parameter that no equation reads is left out."
        )
        raise DeclarationError(message)
    if not touched:
        raise DeclarationError(f"'{label}' does not exist at {where!r}. Set it where it lives.")
    return found


def _parameter_names(field: Any) -> tuple[str, ...]:
    """``p[cyt]`` of a `rxd.Parameter`, ``hh.gnabar`` of a mechanism, else none."""
    if field.kind == "parameter":
        return (str(field.args[0]),)
    if field.kind not in ("mechanism", "point"):
        return ()
    short = str(field.args[-1])
    mechanism = field.name[len(short) + 1 :]
    return f"{mechanism}.{short}", f"{re.sub('_[0-9]+$', '', mechanism)}.{short}"  # numbered where names would meet


def _numbers(value: Any, view: Nodes, label: str, unit: str, alone: bool = True) -> np.ndarray:
    """One number per node from a number, a function of the nodes, or (for an unknown) an array."""
    what = f"The value of {label}"
    if callable(value):
        return evaluate(value, view, what)
    if isinstance(value, (np.ndarray, list, tuple)) and np.ndim(value) > 0:
        values = np.asarray(value, dtype=float)
        if not alone or values.shape != (len(view),):
            wanted = f"an array of shape ({len(view)},), " if alone else ""
            message = f"{what} is a number, {wanted}or a function of the nodes; got an array of shape {values.shape}."
            raise DeclarationError(message)
        return evaluate(lambda _: values, view, what)
    return np.full(len(view), as_number(value, what, unit))


def _chosen(segment: np.ndarray, where: Any, label: str | None, discretization: Discretization) -> np.ndarray:
    """Which nodes lie at a location or in a selection."""
    segments = discretization.segments
    if where is None:
        return np.ones(len(segment), dtype=bool)
    if isinstance(where, Selection):
        if where.morphology is not segments.morphology:
            raise DeclarationError(f"on={where!r} belongs to another morphology than the model's.")
        chosen = np.isin(segments.section[segment], where.sections) & (segment >= 0)
    elif hasattr(where, "section") and hasattr(where, "x"):
        chosen = segment == segments.index(where)
    else:
        raise DeclarationError(f"on= is a selection such as cell.soma, or a location such as cell.soma(0.5); got {where!r}.")
    if label is not None and not chosen.any():
        raise DeclarationError(f"'{label}' does not exist at {where!r}. Set it where it lives.")
    return chosen


def _places(local: LocalSystem, group: Group, discretization: Discretization) -> Callable[[], np.ndarray]:
    """Gives where the nodes of a group are."""

    def places() -> np.ndarray:
        for unknown, label in enumerate(local.unknowns):
            block, row = discretization.layout[label], group.row(unknown)
            if len(row) and row.min() >= block.start + block.n_tree:
                return discretization.place_of(block)[row - block.start]
        return discretization.segments.position[group.segment]

    return places


def _put(group: Group, row: int, values: np.ndarray) -> None:
    """Write one field of a group; the last chunk is padded with its last node."""
    padded = np.full(group.fields.shape[0] * LANES, values[-1])
    padded[: len(values)] = values
    # records are read-only for everybody: parameters that are set are the exception
    group.fields.setflags(write=True)
    group.fields[:, row, :] = padded.reshape(-1, LANES)
    group.fields.setflags(write=False)
