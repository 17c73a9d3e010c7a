"""A bulb with a tapering neurite in voxels: diffusion, or with a buffer three species. Check: mean calcium, mM."""

from __future__ import annotations

from typing import Any

import numpy as np
from neuron import h, rxd

from benchmarks.built import Built
from benchmarks.neuron.running import stepped


def bulb() -> tuple[Any, Any]:
    bulb = h.Section(name="bulb")
    bulb.pt3dadd(0, 0, 0, 8.1)
    bulb.pt3dadd(8, 0, 0, 8.1)
    neurite = h.Section(name="neurite")
    neurite.pt3dadd(8, 0, 0, 2.1)
    neurite.pt3dadd(38, 0, 0, 1.1)
    neurite.connect(bulb(1))
    neurite.nseg = 11
    return bulb, neurite


def build(dx_nm: int = 143, steps: int = 10, buffer: int = 0) -> Built:
    sections = bulb()
    rxd.nthread(1)
    rxd.set_solve_type(dimension=3)
    cyt = rxd.Region(sections, name="cyt", nrn_region="i", dx=dx_nm / 1000)
    ca = rxd.Species(cyt, name="ca", d=0.6, charge=2, initial=lambda nd: 1e-3 if nd.x3d < 4 else 1e-4)
    keep: list[Any] = [sections, cyt, ca]
    if buffer:
        buf = rxd.Species(cyt, name="buf", d=0.05, initial=0.05)
        cabuf = rxd.Species(cyt, name="cabuf", d=0.05, initial=0.0)
        keep += [buf, cabuf, rxd.Reaction(ca + buf, cabuf, 100, 0.1)]

    def check() -> float:
        nodes = ca.nodes
        return float(np.average(nodes.concentration, weights=[nd.volume for nd in nodes]))

    h.dt = 0.025
    h.finitialize(-65)
    return stepped(keep, steps * 0.025, len(ca.nodes), check, "voxel and step")
