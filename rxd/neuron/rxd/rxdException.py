# ruff: noqa: N999  (the name of NEURON)
"""`neuron.rxd.rxdException`: where NEURON keeps `RxDException`."""

from __future__ import annotations

from rxd.neuron.errors import RxDException

__all__ = ["RxDException"]
