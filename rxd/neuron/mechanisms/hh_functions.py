"""FUNCTION and PROCEDURE of NEURON's hh, called by scripts: `h.vtrap_hh(x, y)`, `h.rates_hh(v)`, `seg.hh.rates(v)`.

In: numbers, and for `rates` a segment. Out: what a FUNCTION gives, or 1 and what the PROCEDURE assigns in the segment.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from rxd.neuron.errors import HocError

if TYPE_CHECKING:
    from rxd.neuron.cells.sections import Segment
    from rxd.neuron.session import Session

__all__ = ["NAMES", "hh_call"]

NAMES = frozenset({"rates", "vtrap"})


def hh_call(session: Session, name: str, segment: Segment | None) -> Callable[..., float]:
    """`vtrap`, or `rates` for a segment."""
    from rxd.neuron.engine.hh_assigned import ASSIGNED, STARTED, vtrap

    def rates(v: float) -> float:
        if segment is None:
            raise HocError("No data for rates_hh: call h.setdata_hh(soma(0.5)) before, or soma(0.5).hh.rates(v).")
        record = segment.sec._alive
        for key in ASSIGNED.keys() - STARTED:
            values = record.values(key)
            if values is not None:
                values[record.index(segment.x)] = float(ASSIGNED[key]({"v": float(v)}, session.globals.values))
        return 1.0

    def trapped(x: float, y: float) -> float:
        return float(vtrap(x, float(y)))

    return rates if name == "rates" else trapped
