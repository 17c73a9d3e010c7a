"""Boxes whose volume fraction or permeability reactions change, as cells do that swell.

In: an engine whose boxes have a State or Species as one of these. Out: the numbers by which currents and reactions across
membranes change concentrations, and the exchange between voxels, for both at the beginning of every fixed step; variable steps
have them in their equations.

Concentrations stay as they are when the volume fraction changes, as in NEURON: amounts change with it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rxd.discretize.records import LANES, Discretization, Tissue
from rxd.neuron.errors import RxDException
from rxd.neuron.rxd.tissue import is_changing, owner_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rxd.neuron.engine.declare import Declared
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.session import Session

__all__ = ["Swelling", "followed", "swelling_regions"]

BY_VOLUME: Final = frozenset({"flux", "current", "point_current"})
"""Kinds of fields that are something over the volume of a region, the last of their arguments."""


def swelling_regions(session: Session, declared: Declared) -> dict[str, Any]:
    """Boxes whose volume fraction or permeability changes by itself, by the names of the model's regions."""
    boxes = {region for quantity in session.chemistry.quantities for region in quantity.regions if hasattr(region, "fractions")}
    return dict(sorted((declared.regions[box.number].name, box) for box in boxes if any(_changing(box))))


def _changing(region: Any) -> tuple[Any, Any]:
    """The quantities that are the volume fraction and the permeability of a box, if they change."""
    fraction, permeability = owner_of(region.alpha), owner_of(region.permeability)
    return fraction if is_changing(fraction) else None, permeability if is_changing(permeability) else None


def followed(
    session: Session, declared: Declared, discretization: Discretization, place: Callable[[Any, Any], Any]
) -> Discretization:
    """With variable steps exchange that follows the properties of boxes.

    Parameters
    ----------
    place : function
        Positions in the state of the nodes of a species on a region.
    """
    tissues: dict[str, Tissue] = {}
    for name, region in swelling_regions(session, declared).items() if session.run.adaptive else ():
        fraction, permeability = (None if quantity is None else place(quantity, region) for quantity in _changing(region))
        tissues[name] = Tissue(fraction, permeability, np.ravel(discretization.regions[name].box.fraction))
    graphs = [
        replace(graph, tissue=tissues.get(str(discretization.layout[graph.label].region))) for graph in discretization.graphs
    ]
    return replace(discretization, graphs=tuple(graphs)) if tissues else discretization


class Swelling:
    """The boxes of an engine whose properties change."""

    def __init__(self, engine: Engine) -> None:
        self._boxes = [_Box(engine, *found) for found in swelling_regions(engine.session, engine.declared).items()]

    def __bool__(self) -> bool:
        return bool(self._boxes)

    def follow(self) -> None:
        """Take the present properties."""
        for box in self._boxes:
            box.follow()


class _Box:
    """One of them.

    Parameters
    ----------
    name : str
        Of the region of the model.
    """

    def __init__(self, engine: Engine, name: str, region: Any) -> None:
        self.engine, self.region = engine, region
        self.swells, self.eases = quantities = _changing(region)
        self._places = [None if quantity is None else engine.places.of_species(quantity, region) for quantity in quantities]
        self.fraction = np.array(engine.discretization.regions[name].box.fraction, dtype=float).ravel()
        self.permeability = np.ones_like(self.fraction)
        unknowns = {unknown.label: unknown for unknown in engine.system.unknowns}
        mine = {label for label, unknown in unknowns.items() if unknown.region == name}
        self._fields = [
            found
            for number, local in enumerate(engine.system.groups if self.swells is not None and not engine.adaptive else ())
            for row, field in enumerate(local.fields)
            if field.kind in BY_VOLUME and field.args[-1] == name and (found := self._field(number, row, mine)) is not None
        ]
        self._lines: list[tuple[int, np.ndarray, np.ndarray]] | None = None
        self._starts = [graph.start for graph in engine.discretization.graphs if graph.label in mine]

    def _field(self, number: int, row: int, mine: set[str]) -> tuple[int, int, np.ndarray, np.ndarray] | None:
        """Group and row of a field, its values times the volume fraction, and the voxel of each node."""
        local, group = self.engine.system.groups[number], self.engine.groups[number]
        label = next((label for label in local.unknowns if label in mine), None)
        if label is None:
            return None
        voxel = group.row(local.unknowns.index(label)) - self.engine.states[label].start
        values = group.fields[:, row, :].reshape(-1, LANES).ravel()[: group.n]
        return number, row, values * self.fraction[voxel], voxel

    def follow(self) -> None:
        """Take the present properties, if they are others."""
        known = self.fraction, self.permeability
        fraction, permeability = (old if at is None else self.engine.y[at] for at, old in zip(self._places, known, strict=True))
        swollen = not np.array_equal(fraction, self.fraction)
        if not swollen and np.array_equal(permeability, self.permeability):
            return
        self._check(fraction, permeability)
        if not self.engine.adaptive:
            self._follow_in_steps(fraction, permeability)
        self.fraction, self.permeability = fraction, permeability
        for quantity in {self.swells, self.eases} - {None}:
            self.engine.exchange.fetch_species(quantity, self.region)
        if swollen:
            self.engine.session.chemistry.resize(self.region)
            self.engine.sources.forget()

    def _follow_in_steps(self, fraction: np.ndarray, permeability: np.ndarray) -> None:
        for number, row, amount, voxel in self._fields:
            self.engine.fields.put(number, row, amount / fraction[voxel])
        sweeps = self.engine.stepper._graphs.sweeps
        if self._lines is None:
            self._lines = self._lines_of(sweeps)
        for first, before, capacity in self._lines:
            last = first + len(fraction)
            node = sweeps.node[:, first:last].astype(np.int64)
            # that of the higher of two voxels counts, which is later on the line
            sweeps.before[:, first:last] = before * _between(fraction, node) * permeability[node]
            sweeps.capacity[first:last] = capacity * fraction
        sweeps.taken[:] = np.nan

    def _lines_of(self, sweeps: Any) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Where the lines of its species begin, and conductances and capacities along them without the volume fraction."""
        n, lines = len(self.fraction), []
        for first in sorted({int(start) for at, _, _, start, _ in sweeps.species if at in self._starts}):
            node = sweeps.node[:, first : first + n].astype(np.int64)
            before = sweeps.before[:, first : first + n] / _between(self.fraction, node)
            lines.append((first, before, sweeps.capacity[first : first + n] / self.fraction))
        return lines

    def _check(self, fraction: np.ndarray, permeability: np.ndarray) -> None:
        for quantity, values, possible, what, limits in (
            (self.swells, fraction, (fraction > 0) & (fraction <= 1), "volume fraction", "stay above 0 and at most 1"),
            (self.eases, permeability, permeability >= 0, "permeability", "not become negative"),
        ):
            wrong = np.flatnonzero(~possible)
            if quantity is not None and wrong.size:
                i, j, k = np.unravel_index(wrong[0], self.region.shape)
                raise RxDException(
                    f"{quantity.label}, the {what} of {self.region.label}, has become {values[wrong[0]]:g} in voxel "
                    f"({i}, {j}, {k}) at t = {self.engine.session.globals['t']:g} ms: it must {limits}. Limit its rate."
                )


def _between(fraction: np.ndarray, node: np.ndarray) -> np.ndarray:
    """Harmonic means of the volume fractions of nodes and those before them on their lines, as `rxd.neuron.engine.faces`."""
    here = fraction[node]
    there = np.roll(here, 1, axis=1)
    return 2.0 * here * there / (here + there)
