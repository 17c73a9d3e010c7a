"""Potassium that spreads in a box of extracellular space, n^3 voxels. Check: mean of its square, mM2."""

from __future__ import annotations

import numpy as np
from neuron import h, rxd

from benchmarks.built import Built
from benchmarks.neuron.running import stepped


def build(n: int = 60, steps: int = 20) -> Built:
    rxd.nthread(1)
    marker = h.Section(name="marker")
    ecs = rxd.Extracellular(0, 0, 0, n, n, n, dx=1, volume_fraction=0.2, tortuosity=1.6)
    k = rxd.Species(ecs, d=2.62, name="k", charge=1, initial=lambda nd: 40 if nd.x3d < n / 4 else 3)

    def check() -> float:
        return float(np.mean(np.array(k[ecs].states3d) ** 2))

    return stepped((marker, k), steps * 0.1, n**3, check, "voxel and step", dt=0.1)
