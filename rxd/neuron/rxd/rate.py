"""`neuron.rxd.rate`: where NEURON keeps `Rate`."""

from __future__ import annotations

from rxd.neuron.rxd.reactions import Rate

__all__ = ["Rate"]
