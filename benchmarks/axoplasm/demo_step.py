"""A step of the demonstration's cell, by method and linear solver. Check: mean potential, mV."""

from __future__ import annotations

import dataclasses

import numpy as np

import geometry
import rxd
from benchmarks.axoplasm.running import stepped
from benchmarks.built import Built
from rxd import demo

DT = 0.05


def build(method: str = "split", solver: str = "direct", steps: int = 40, coarse: int = 1) -> Built:
    """`coarse` multiplies the segment lengths."""
    settings = dataclasses.replace(demo.Settings(weight=0.01), fine=2.0 * coarse, coarse=5.0 * coarse)
    neuron = demo.build(geometry.examples.pyramidal_cell(), settings)
    options = {} if method == "split" else {"solver": solver}
    sim = neuron.model.compile(method, dt=DT, **options)
    n = sim.discretization.segments.n
    return stepped(sim, steps * DT, DT, n, lambda: float(np.mean(sim.values(rxd.v))))
