"""The seam to Axoplasm's public API: everything that talks to `rxd.Model` and its simulations is in this folder.

In: a `Session`. Out: `Engine`, the compiled model, which steps and whose state can be read and written. `declare` turns the
session into an `rxd.Model`; `electrodes` are NEURON's clamps; `readout` finds NEURON's variables in the state.
"""

from __future__ import annotations

from rxd.neuron.engine.engine import Engine

__all__ = ["Engine"]
