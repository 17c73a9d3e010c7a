# ruff: noqa: N999  (the name of NEURON)
"""`neuron.rxd.multiCompartmentReaction`: where NEURON keeps `MultiCompartmentReaction`."""

from __future__ import annotations

from rxd.neuron.rxd.reactions import MultiCompartmentReaction

__all__ = ["MultiCompartmentReaction"]
