"""`neuron.nrn`: the types of sections, segments and mechanisms, for `isinstance`."""

from __future__ import annotations

from rxd.neuron.cells.sections import Section, Segment
from rxd.neuron.mechanisms.inserted import Mechanism, RangeVar

__all__ = ["Mechanism", "RangeVar", "Section", "Segment"]
