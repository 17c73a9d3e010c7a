"""A species in boxes that diffuses faster or slower from now on: one number of the compiled model.

In: a species whose coefficient a script has set, and what it was. Out: the engine's lattices with the new one, where nothing
else follows from it; to lay out a box of a million voxels anew takes seconds.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rxd.neuron.session import Session

__all__ = ["new_coefficients"]


@contextmanager
def new_coefficients(quantity: Any, regions: Iterable[Any]) -> Iterator[None]:
    """Coefficients of a species are set on some regions: the compiled model takes them, or is out of date."""
    before = [(one, None if quantity.node_d.get(one.number) else quantity.d_on(one)) for one in regions]
    yield
    if not _diffuses_as_set(quantity.session, quantity, before):
        quantity.session.touch()


def _diffuses_as_set(session: Session, quantity: Any, before: list[tuple[Any, Any]]) -> bool:
    """Let a compiled model take the coefficients of a species; whether that was all there was to do."""
    engine = session.run.engine
    if engine is None or engine.adaptive or session.run.adaptive or engine.revision != session.revision:
        return False
    sweeps, rows = engine.stepper._graphs.sweeps, []
    for region, old in before:
        new, symbol = quantity.d_on(region), engine.declared.symbols.get((quantity.number, region.number))
        if symbol is None or not (hasattr(region, "shape") and _is_positive(old) and _is_positive(new)):
            return False
        found = np.flatnonzero(sweeps.species[:, 0] == engine.states[symbol.name].start)
        if len(found) != 1:
            return False
        rows.append((int(found[0]), float(new) / float(old)))
    session.run.ahead.forget()
    for row, ratio in rows:
        sweeps.scale[row] *= ratio
        sweeps.rates[row] *= ratio
        sweeps.taken[row] = np.nan
    engine.fixed.forget()
    engine.sources.forget()  # what they give diffuses in the step
    return True


def _is_positive(d: Any) -> bool:
    return isinstance(d, (int, float, np.number)) and bool(0 < d < math.inf)
