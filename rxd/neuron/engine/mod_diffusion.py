"""States of mod files that diffuse along the cable: LONGITUDINAL_DIFFUSION.

In: translations of mod files, and a discretisation. Out: the same with an exchange between segments for each such state. As in
NEURON two segments exchange ``(a + b) / 2 * (x - y)`` over the distance of their middles, with a, b what the file says of
either; the first segment of a section exchanges with the segment it is joined to, branches never among each other.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import sympy

from cable.hines import plan_elimination
from rxd.discretize.records import Discretization, Transport
from rxd.neuron.errors import HocError
from rxd.symbolic.system import System

if TYPE_CHECKING:
    from rxd.neuron.cells.layout import Layout
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.declare import Declared
    from rxd.neuron.session import Session
    from rxd.nmodl import Translation

__all__ = ["diffusing_states", "marked", "with_diffusion"]

TIGHT = 1e7
"""How much better than the branches a place where several are joined exchanges with the segment they are joined to.

Variable steps solve on the cable's tree, whose branch points hold no more than a balance: with this they hold the segment's."""

Site = tuple[int, Literal["near", "middle", "far"]]
"""A segment, and where something is joined to it."""


def diffusing_states(session: Session, layout: Layout, translation: Translation) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What a mod file says of the states that diffuse, by label: coefficient (um4/ms) and cross-section (um2) by segment."""
    found: dict[str, tuple[np.ndarray, np.ndarray]] = {}
    name, n = translation.file.name, layout.segments.n
    place = {"diam": layout.segments.diam, "area": layout.segments.area, "celsius": session.globals["celsius"]}
    for state, expressions in translation.diffusion.items():
        symbols = sorted(set().union(*(value.free_symbols for value in expressions)), key=str)
        values = []
        for symbol in symbols:
            key = symbol.name
            if key in place:
                values.append(place[key])
            elif key in translation.globals:
                values.append(session.globals[f"{key}_{name}"])
            else:
                values.append(layout.gather(f"{key}_{name}", translation.parameters[key]))
        numbers = (sympy.lambdify(symbols, value, "numpy")(*values) for value in expressions)
        coefficient, section = (np.broadcast_to(np.asarray(number, dtype=float), n) for number in numbers)
        found[f"{name}.{state}"] = coefficient, section
    return found


def marked(system: System, diffusing: Mapping[str, Any]) -> System:
    """The same, whose unknowns say that they diffuse."""
    if not diffusing:
        return system
    unknowns = (replace(u, diffusion=1.0) if u.label in diffusing else u for u in system.unknowns)
    return replace(system, unknowns=tuple(unknowns))


def with_diffusion(declared: Declared, system: System, discretization: Discretization, adaptive: bool) -> Discretization:
    """Add the exchange of states of mod files between segments.

    Raises
    ------
    HocError
        Where a COMPARTMENT is not positive, or a section stands for several branches.
    """
    if not declared.diffusing:
        return discretization
    capacity, transports = discretization.capacity.copy(), {t.label: t for t in discretization.transports}
    for label, (coefficient, section) in declared.diffusing.items():
        made = _transport(declared.layout, discretization, label, (coefficient, section), adaptive)
        transports[label] = made
        capacity[made.start : made.start + made.n] = made.capacity[: made.n]
    capacity.setflags(write=False)
    ordered = tuple(transports[u.label] for u in system.unknowns if u.label in transports)
    return replace(discretization, capacity=capacity, transports=ordered)


def _transport(
    layout: Layout, discretization: Discretization, label: str, numbers: tuple[np.ndarray, np.ndarray], adaptive: bool
) -> Transport:
    block = discretization.layout[label]
    here, n = np.asarray(block.segment), len(block)
    length, joined = _joined(layout, label.split(".", 1)[0])
    coefficient, section = numbers
    if not np.all(section[here] > 0):
        raise HocError(f"COMPARTMENT of {label} is not positive, and the state diffuses: give it the cross-section, um2.")
    stored = dict(zip(here.tolist(), range(n), strict=True))
    parent, g = [-1] * n, [0.0] * n
    arms: dict[Site, list[int]] = {}
    for segment, (other, where) in joined.items():
        node = stored[segment]
        parent[node] = stored[other]
        g[node] = (coefficient[segment] + coefficient[other]) / (length[segment] + length[other])
        arms.setdefault((other, where), []).append(node)
    for (other, where), nodes in arms.items():
        if adaptive and where != "middle" and len(nodes) > 1 and max(g[node] for node in nodes) > 0:
            parent.append(stored[other])
            g.append(TIGHT * max(g[node] for node in nodes))
            for node in nodes:
                parent[node] = len(parent) - 1
    volume = np.zeros(len(parent))
    volume[:n] = section[here] * length[here]
    arrays = volume, np.array(parent, dtype=np.int64), np.array(g)
    for array in arrays:
        array.setflags(write=False)
    return Transport(label, block.start, n, *arrays, plan_elimination(arrays[1], _parents_first(arrays[1])), late=True)


def _parents_first(parent: np.ndarray) -> np.ndarray:
    depth = np.zeros(len(parent), dtype=np.int64)
    above = parent.copy()
    while np.any(above >= 0):
        depth += above >= 0
        above = np.where(above >= 0, parent[above], -1)
    return np.argsort(depth, kind="stable")


def _joined(layout: Layout, mechanism: str) -> tuple[np.ndarray, dict[int, Site]]:
    """Length of every segment (um), and where each that has the mechanism is joined to another that has it."""
    length = np.ones(layout.segments.n)
    joined: dict[int, Site] = {}
    for record in layout.records:
        length[layout.index[record.id]] = record.L / record.nseg
        if mechanism not in record.mechanisms:
            continue
        own = _from_the_joint(layout, record)
        joined.update({int(one): (int(before), "far") for before, one in itertools.pairwise(own)})
        site = next((found for found, owner in _sites(layout, record) if mechanism in owner.mechanisms), None)
        if site is not None and record.rallbranch != 1:
            raise HocError(f"rallbranch of {record.name} is not 1, and {mechanism} diffuses: make the branches.")
        joined.update({} if site is None else {int(own[0]): site})
    return length, joined


def _from_the_joint(layout: Layout, record: SectionRecord) -> np.ndarray:
    """The segments of a section, from the end it is connected with."""
    index = layout.index[record.id]
    return index if record.end == 0 else index[::-1]


def _sites(layout: Layout, record: SectionRecord) -> list[tuple[Site, SectionRecord]]:
    """Where a section may be joined to, nearest first: NEURON's own search for the next segment with the mechanism."""
    above, x = record.parent, record.parent_x
    if above is None:
        return []
    near: tuple[Site, SectionRecord] = (int(_from_the_joint(layout, above)[0]), "near"), above
    while above is not None:
        if 0 < x < 1:
            return [((int(layout.index[above.id][above.index(x)]), "middle"), above), near]
        if x != above.end:
            return [((int(_from_the_joint(layout, above)[-1]), "far"), above), near]
        x, above = above.parent_x, above.parent
    return [near]
