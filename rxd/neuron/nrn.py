"""`neuron.nrn`: the types of sections, segments and mechanisms, for `isinstance`."""

from __future__ import annotations

from rxd.neuron.sections import Mechanism, Section, Segment

__all__ = ["Mechanism", "Section", "Segment"]
