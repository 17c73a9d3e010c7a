"""Slopes of everything that moves, at the present state of a session: what small signals meet.

In: a session. Out: `Slopes`: the exact Jacobian of its equations without what flows along the cable, which
`rxd.neuron.cells.impedance` knows with the ends of sections. It is that of variable steps, whatever the session takes.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from geometry.records import dataclass
from rxd.neuron.cells.impedance import end_of

if TYPE_CHECKING:
    from rxd.neuron.engine.engine import Engine
    from rxd.neuron.session import Session

__all__ = ["Slopes", "mark_of", "slopes"]


@dataclass(frozen=True, slots=True, eq=False)
class Slopes:
    """Entries of a Jacobian, ``values[k]`` in row ``rows[k]``, column ``columns[k]``, 1/ms.

    Attributes
    ----------
    rows, columns, values : ndarray, shape (n_entries,)
    size : int
        Unknowns.
    voltage : dict of (int, float) to int
        Position of v by number of the section's record and of the segment.
    capacity : ndarray, shape (size,)
        nF where v is, else 1.
    """

    rows: np.ndarray
    columns: np.ndarray
    values: np.ndarray
    size: int
    voltage: dict[tuple[int, float], int]
    capacity: np.ndarray


def slopes(session: Session) -> Slopes:
    """At the present state; the first time for a model its equations are compiled."""
    from rxd.neuron.engine.engine import Engine

    run = session.run
    run.pull()
    session.chemistry.cutting.place()
    before = run.adaptive
    run.adaptive = True
    try:
        engine = Engine(session)
    finally:
        run.adaptive = before
    return _of(engine, session.globals.t)


def mark_of(session: Session) -> bytes:
    """What changes with anything that slopes depend on."""
    session.run.pull()
    mark = hashlib.sha256(repr((session.revision, sorted(session.globals.values.items()))).encode())
    for record in session.topology:
        for name, values in record.store.items():
            mark.update(name.encode())
            mark.update(values.tobytes())
    for point in session.run.points:
        mark.update(repr(sorted(point.values.items())).encode())
    return mark.digest()


def _of(engine: Engine, t: float) -> Slopes:
    equations = engine.problem.equations
    clamps = equations.electrodes(t)
    found = equations.make_linearisation(clamps)
    equations.linearise(t, np.ascontiguousarray(engine.y), np.zeros(equations.size), found)
    assembly, cable = equations.assembly, engine.discretization.cable
    position, capacity = assembly.clamp_position, np.ones(equations.size)
    capacity[position] = cable.capacity[: cable.n]
    data = found.fill()
    rows = np.repeat(np.arange(equations.size), np.diff(assembly.indptr))
    along = np.isin(rows, position)
    data[along] -= assembly.exchange[along]
    order = engine.states["v"].order
    voltage = {
        (record.id, float(i)): int(order[segment])
        for record in engine.layout.records
        for i, segment in enumerate(engine.layout.index[record.id].tolist())
    }
    voltage |= {end_of(number, end): int(order[segment]) for (number, end), segment in engine.layout.ends.items()}
    return Slopes(rows, assembly.indices.astype(np.int64), data.copy(), equations.size, voltage, capacity)
