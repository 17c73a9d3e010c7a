"""Potassium that spreads in a box of extracellular space, n^3 voxels. Check: mean of its square, mM2."""

from __future__ import annotations

import numpy as np

import geometry
import rxd
from benchmarks.axoplasm.running import stepped
from benchmarks.built import Built

DT = 0.1


def build(n: int = 60, steps: int = 20, threads: int = 1) -> Built:
    cell = geometry.cylinder(1, 1, name="marker")
    model = rxd.Model(cell, segments=1)
    ecs = rxd.Extracellular(0, 0, 0, n, n, n, dx=1, volume_fraction=0.2, tortuosity=1.6)
    k = rxd.Species(ecs, name="k", d=2.62, charge=1, initial=lambda nodes: np.where(nodes.position[:, 0] < n / 4, 40.0, 3.0))
    model.add(k)
    sim = model.compile("split", dt=DT, threads=threads)
    return stepped(sim, steps * DT, DT, n**3, lambda: float(np.mean(sim.values(k[ecs]) ** 2)), "voxel and step")
