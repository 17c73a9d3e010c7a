"""LinearMechanism: a linear circuit beside the cable, `c dy/dt + g y = b`.

In: matrices, Vectors, places. Out: y, moved through time together with the voltages (`rxd.neuron.engine.circuits`).
"""

from __future__ import annotations

import weakref
from collections.abc import Callable
from typing import Any

import numpy as np

from rxd.neuron.cells.record import SectionRecord
from rxd.neuron.cells.section_lists import SectionList, chosen_section
from rxd.neuron.errors import HocError
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.session import current_session
from rxd.neuron.vectors.matrix import Matrix
from rxd.neuron.vectors.vector import Vector

__all__ = ["LinearMechanism"]


class LinearMechanism(HocObject):
    """`h.LinearMechanism([function,] c, g, y, [y0,] b [, x, sec=section | , sections, xs [, layers]])`.

    The first rows are currents into the segments named, mA/cm2 (c in mF/cm2, g in S/cm2), and the first elements of y the
    potentials inside there, or, where a layer is named, in that layer of `extracellular`. The function is called before y is
    used.

    Attributes
    ----------
    c, g : Matrix
    y, b : Vector
    y0 : Vector or None
        What y is at the beginning of a run; None: 0.
    places : list of (SectionRecord, float)
        Where the first rows belong.
    layers : list of int
        0 inside, 1 and 2 the layers outside.
    function : callable or None
    """

    def __init__(self, *args: Any, sec: Any = None) -> None:
        session = current_session()
        rest = list(args)
        self.function: Callable[[], Any] | None = None if rest and isinstance(rest[0], Matrix) else rest.pop(0)
        if len(rest) < 4 or not all(isinstance(one, Matrix) for one in rest[:2]):
            raise HocError("LinearMechanism takes ([function,] c, g, y, [y0,] b [, x | , sections, xs [, layers]]).")
        self.c, self.g = rest[0], rest[1]
        count = next((i for i, one in enumerate(rest[2:]) if not isinstance(one, Vector)), len(rest) - 2)
        if count not in (2, 3):
            raise HocError(f"LinearMechanism takes the Vectors y, y0 (if any) and b after the matrices, not {count}.")
        vectors, where = rest[2 : 2 + count], rest[2 + count :]
        self.y, self.b = vectors[0], vectors[-1]
        self.y0: Vector | None = vectors[1] if count == 3 else None
        self.places, self.layers = _places(where, sec)
        n = self.g.nrow()
        sizes = {self.g.ncol(), self.c.nrow(), self.c.ncol(), self.b._n}
        if sizes != {n} or len(self.places) > n:
            raise HocError(f"LinearMechanism: c and g are square and b has as many elements; sizes are {sorted({n, *sizes})}.")
        if self.y._n != n:
            self.y.resize(n)
        self._number = session.number("LinearMechanism")
        owner = weakref.ref(session)

        def gone(_: object) -> None:
            left = owner()
            if left is not None:
                left.touch()  # what it did is not part of the model any more

        session.linear.append(weakref.ref(self, gone))
        session.touch()

    def valid(self) -> float:
        """Whether its sections are all there."""
        return float(all(place[0].alive for place in self.places))


def _places(where: list[Any], sec: Any) -> tuple[list[tuple[SectionRecord, float]], list[int]]:
    """Places and layers of the first rows."""
    if not where:
        return [], []
    if not isinstance(where[0], SectionList):
        return [(chosen_section(sec).record, float(where[0]))], [0]
    records = where[0]._records
    xs = where[1].as_numpy() if len(where) > 1 else np.full(len(records), 0.5)
    layers = [int(layer) for layer in where[2].as_numpy()] if len(where) > 2 else [0] * len(records)
    if not len(records) == len(xs) == len(layers):
        raise HocError(f"LinearMechanism: {len(records)} sections, {len(xs)} places and {len(layers)} layers do not match.")
    return [(record, float(x)) for record, x in zip(records, xs, strict=True)], layers
