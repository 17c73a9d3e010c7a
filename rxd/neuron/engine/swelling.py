"""Boxes whose volume fraction reactions change, as cells do that swell: what follows from it is made anew between fixed steps.

In: an engine whose boxes have a State or Species as volume fraction. Out: the numbers by which currents and reactions across
membranes change concentrations, and the exchange between voxels, for the volume fraction at the beginning of every step.

Concentrations stay as they are when the volume fraction changes, as in NEURON: amounts change with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np

from rxd.discretize.records import LANES
from rxd.neuron.errors import RxDException
from rxd.neuron.rxd.tissue import is_changing, owner_of

if TYPE_CHECKING:
    from rxd.neuron.engine.declare import Declared
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.session import Session

__all__ = ["Swelling", "swelling_regions"]

BY_VOLUME: Final = frozenset({"flux", "current", "point_current"})
"""Kinds of fields that are something over the volume of a region, the last of their arguments."""


def swelling_regions(session: Session, declared: Declared) -> dict[str, Any]:
    """Boxes whose volume fraction changes by itself, by the names of the model's regions.

    Raises
    ------
    RxDException
        If there are any, and steps are variable.
    """
    boxes = {region for quantity in session.chemistry.quantities for region in quantity.regions if hasattr(region, "fractions")}
    found = {declared.regions[box.number].name: box for box in boxes if is_changing(owner_of(box.alpha))}
    if found and session.run.adaptive:
        label = next(iter(found.values())).label
        raise RxDException(
            f"Variable steps cannot follow the volume fraction of {label}, which reactions change: take fixed steps "
            "(h.CVode().active(False))."
        )
    return dict(sorted(found.items()))


class Swelling:
    """The boxes of an engine whose volume fraction changes."""

    def __init__(self, engine: Engine) -> None:
        self._boxes = [_Box(engine, *found) for found in swelling_regions(engine.session, engine.declared).items()]

    def __bool__(self) -> bool:
        return bool(self._boxes)

    def follow(self) -> None:
        """Take the present volume fractions."""
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
        self.engine, self.region, self.quantity = engine, region, owner_of(region.alpha)
        places = engine.places.of_species(self.quantity, region)
        assert places is not None  # what changes is in the state
        self._places = places
        self.fraction = np.array(engine.discretization.regions[name].box.fraction, dtype=float).ravel()
        unknowns = {unknown.label: unknown for unknown in engine.system.unknowns}
        mine = {label for label, unknown in unknowns.items() if unknown.region == name}
        self._fields = [
            found
            for number, local in enumerate(engine.system.groups)
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
        """Take the present volume fraction, if it is another one."""
        now = self.engine.y[self._places]
        if np.array_equal(now, self.fraction):
            return
        self._check(now)
        for number, row, amount, voxel in self._fields:
            self.engine.fields.put(number, row, amount / now[voxel])
        sweeps = self.engine.stepper._graphs.sweeps
        if self._lines is None:
            self._lines = self._lines_of(sweeps)
        for first, before, capacity in self._lines:
            last = first + len(now)
            sweeps.before[:, first:last] = before * _between(now, sweeps.node[:, first:last])
            sweeps.capacity[first:last] = capacity * now
        sweeps.taken[:] = np.nan
        self.fraction = now
        self.engine.exchange.fetch_species(self.quantity, self.region)
        self.engine.session.chemistry.resize(self.region)
        self.engine.sources.forget()

    def _lines_of(self, sweeps: Any) -> list[tuple[int, np.ndarray, np.ndarray]]:
        """Where the lines of its species begin, and conductances and capacities along them without the volume fraction."""
        n, lines = len(self.fraction), []
        for first in sorted({int(start) for at, _, _, start, _ in sweeps.species if at in self._starts}):
            before = sweeps.before[:, first : first + n] / _between(self.fraction, sweeps.node[:, first : first + n])
            lines.append((first, before, sweeps.capacity[first : first + n] / self.fraction))
        return lines

    def _check(self, now: np.ndarray) -> None:
        wrong = np.flatnonzero(~((now > 0) & (now <= 1)))
        if wrong.size:
            i, j, k = np.unravel_index(wrong[0], self.region.shape)
            raise RxDException(
                f"{self.quantity.label}, the volume fraction of {self.region.label}, has become {now[wrong[0]]:g} in voxel "
                f"({i}, {j}, {k}) at t = {self.engine.session.globals['t']:g} ms: it must stay above 0 and at most 1. Limit "
                "its rate."
            )


def _between(fraction: np.ndarray, node: np.ndarray) -> np.ndarray:
    """Harmonic means of the volume fractions of nodes and those before them on their lines, as `rxd.neuron.engine.faces`."""
    here = fraction[node.astype(np.int64)]
    there = np.roll(here, 1, axis=1)
    return 2.0 * here * there / (here + there)
