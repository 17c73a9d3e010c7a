"""`neuron.nrn`: the types of sections, segments and mechanisms, for `isinstance`."""

from __future__ import annotations

from rxd.neuron.inserted import Mechanism, RangeVar
from rxd.neuron.sections import Section, Segment

__all__ = ["Mechanism", "RangeVar", "Section", "Segment"]
