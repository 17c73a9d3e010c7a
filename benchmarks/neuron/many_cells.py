"""Copies of the reconstructed neuron of `init`, with channels. Check: calcium of the last soma."""

from __future__ import annotations

from benchmarks.built import Built
from benchmarks.neuron import init


def build(cells: int = 10, nseg_um: float = 20.0) -> Built:
    return init.build(nseg_um, cells, channels=True, unit="initialisation of a cell")
