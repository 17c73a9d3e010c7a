# ruff: noqa: N999  (the name of NEURON)
"""`neuron.rxd.generalizedReaction`: where NEURON keeps what all reactions share."""

from __future__ import annotations

from rxd.neuron.rxd.reactions import GeneralizedReaction

__all__ = ["GeneralizedReaction"]
