"""`neuron.rxd.rangevar`: RangeVar under the name of its module."""

from __future__ import annotations

from rxd.neuron.rxd import RangeVar

__all__ = ["RangeVar"]
