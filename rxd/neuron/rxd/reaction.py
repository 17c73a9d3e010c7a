"""`neuron.rxd.reaction`: where NEURON keeps `Reaction`."""

from __future__ import annotations

from rxd.neuron.rxd.reactions import Reaction

__all__ = ["Reaction"]
