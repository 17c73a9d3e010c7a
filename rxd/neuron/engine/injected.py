"""What electrodes of mod files (`ELECTRODE_CURRENT`) inject: into the cable, through no membrane.

In: a point process of a mod file. Out: its current in nA, inwards positive, at the voltage where currents of a step balance: as
in NEURON, with its slope by v at the step's start. Where layers outside the membrane resist, that of all of them into the cell
from ground, which equations of the model take for a current through the membrane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from cable.constants import NA_PER_DENSITY
from geometry.records import dataclass
from rxd.codegen.oracle import fields_of
from rxd.neuron.engine.carriers import translation_of

if TYPE_CHECKING:
    from rxd.neuron.cells.record import SectionRecord
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.mechanisms.points import PointProcess
    from rxd.neuron.session import Session

__all__ = ["FromGround", "Injected", "any_electrodes", "densities", "injected", "injects"]

RISE = 1e-3
"""mV from which NEURON takes a conductance."""


def any_electrodes(session: Session) -> bool:
    """Whether a mod file that is known is an electrode: else nobody need look for one among thousands of point processes."""
    return any(translation.file.electrode for translation in session.mods.known.values())


def injects(point: PointProcess) -> bool:
    """Whether a point process of a mod file is an electrode."""
    translation = getattr(point, "translation", None)
    return translation is not None and bool(translation.file.electrode)


@dataclass(frozen=True, slots=True)
class Injected:
    """The current of one: ``positions (k,)`` of the state from which it follows; ``v``, which of them is the voltage's."""

    engine: Engine
    group: int
    column: int
    positions: np.ndarray
    v: int
    scale: float
    evaluate: Callable[..., Any]

    def at(self, starts: np.ndarray, v: np.ndarray, t: np.ndarray) -> np.ndarray:
        """The current in n steps, nA.

        Parameters
        ----------
        starts : ndarray, shape (n, k)
            What the positions held at the starts of steps.
        v : ndarray, shape (n,)
            The voltages where currents balanced, mV.
        t : ndarray, shape (n,)
            Middles of the steps, ms.
        """
        above = starts.copy()
        above[:, self.v] += RISE
        here, there = self.present(starts, t), self.present(above, t)
        return np.asarray(here + (there - here) / RISE * (v - starts[:, self.v]))

    def present(self, held: np.ndarray, t: np.ndarray) -> np.ndarray:
        """The current of n states, shape (n, k), nA, at times t (n,), ms."""
        fields = np.repeat(fields_of(self.engine.groups[self.group])[:, [self.column]], len(t), axis=1)
        return np.asarray(self.scale * self.evaluate(held.T, fields, t)[0])


def injected(engine: Engine, point: PointProcess) -> Injected | None:
    """The current of an electrode of a mod file; None if the engine does not know it, or runs it with numbers."""
    names, carrier, node = translation_of(point).file.electrode, engine.carriers.of(point), engine.synapses.node(point)
    if carrier is not None:  # a density in the one segment it has
        return _density(engine, carrier.mechanism, names, carrier.segment)
    return None if node is None else _made(engine, node, point.kind, names, -1.0)


def densities(engine: Engine) -> Iterator[tuple[Injected, SectionRecord, int]]:
    """Those of density mechanisms, with section and number of the segment each is in; none while sections are being edited."""
    if engine.revision != engine.session.revision:
        return
    for name, translation in engine.session.mods.known.items():
        names = translation.file.electrode if translation.file.kind == "SUFFIX" else ()
        for record in engine.layout.records if names else ():
            if name in record.mechanisms:
                for i, segment in enumerate(engine.layout.index[record.id].tolist()):
                    yield _density(engine, name, names, segment), record, i


def _density(engine: Engine, mechanism: str, names: Iterable[str], segment: int) -> Injected:
    node = engine.readout.group(segment), engine.readout.column(segment)
    return _made(engine, node, mechanism, names, -NA_PER_DENSITY * float(engine.layout.segments.area[segment]))


def _made(engine: Engine, node: tuple[int, int], mechanism: str, names: Iterable[str], scale: float) -> Injected:
    """Scaled by nA per unit of the group's equations."""
    (number, column), labels = node, {f"{mechanism}.{name}_in" for name in names}
    local, positions = engine.system.groups[number], engine.groups[number].position[:, column].astype(np.int64)
    total: Any = sum(process.expression for process in local.processes if process.label in labels)
    evaluate = engine.readout.expression(number, f"{mechanism} injects", total)
    return Injected(engine, number, column, positions, local.unknowns.index("v"), scale, evaluate)


class FromGround:
    """What electrodes inject into segments with layers outside; their v is the potential inside, as in NEURON.

    Attributes
    ----------
    rows : ndarray of int64, shape (m,)
        Unknowns of a circuit: the potentials outside those segments.
    nodes : ndarray of int64, shape (m,)
        The segments, in storage order.
    """

    def __init__(self, engine: Engine, outside: np.ndarray) -> None:
        self._parts: list[tuple[Injected, float]] = []
        rows, nodes = [], []
        storage = engine.states["v"].order - engine.states["v"].start
        injecting = [point for point in engine.session.run.points if injects(point) and point.host and point.host.alive]
        parts = [
            (found, segment, share)
            for found, host, spot in ((injected(engine, point), point.host, point.spot) for point in injecting)
            if found is not None and host is not None
            for segment, share in engine.layout.parts(host, spot)
        ]
        parts += [(found, int(engine.layout.index[record.id][i]), 1.0) for found, record, i in densities(engine)]
        for found, segment, share in parts:
            node = int(storage[segment])
            if outside[node] >= 0:
                self._parts.append((found, share))
                rows.append(int(outside[node]))
                nodes.append(node)
        self.rows, self.nodes = np.array(rows, dtype=np.int64), np.array(nodes, dtype=np.int64)

    def currents(self, t: float, y: np.ndarray, outside: np.ndarray) -> np.ndarray:
        """At a state and potentials outside (m,), nA, shape (2, m): as they are, and as equations without layers have them."""
        found = np.empty((2, len(self.rows)))
        for number, (one, share) in enumerate(self._parts):
            found[:, number] = share * one.present(_with(one, y, outside[number]), np.full(2, t))
        return found

    def slopes(self, t: float, y: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """How both grow with the state: numbers of currents (k,), positions of the state (k,), nA by its units (2, k)."""
        found: list[tuple[int, int, float, float]] = []
        for number, (one, share) in enumerate(self._parts):
            held, n = _with(one, y, outside[number]), len(one.positions)
            steps = np.diag(RISE * np.where(np.arange(n) == one.v, 1.0, np.maximum(np.abs(held[1]), RISE)))
            above = one.present((held[:, None] + steps).reshape(2 * n, n), np.full(2 * n, t)).reshape(2, n)
            rises = share * (above - one.present(held, np.full(2, t))[:, None]) / np.diag(steps)
            found += zip([number] * n, one.positions.tolist(), *rises.tolist(), strict=True)
        numbers, positions, *rates = zip(*found, strict=True)
        return np.array(numbers), np.array(positions), np.array(rates)


def _with(one: Injected, y: np.ndarray, outside: float) -> np.ndarray:
    """What it follows from, with the potential inside as v and with the voltage, shape (2, k)."""
    held = np.tile(y[one.positions], (2, 1))
    held[0, one.v] += outside
    return held
