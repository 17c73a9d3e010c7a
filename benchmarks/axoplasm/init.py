"""Start-up of reconstructed neurons with four species, and initialising again, which is the run. Check: calcium of the soma."""

from __future__ import annotations

from typing import Any

import numpy as np

import geometry
import rxd
from benchmarks.axoplasm.calcium_cell import choose_cell
from benchmarks.built import Built

DT = 0.025


def declare(cell: geometry.Morphology, nseg_um: float) -> tuple[rxd.Model, Any]:
    """The model and its calcium."""
    model = rxd.Model(cell, segments=lambda s: 1 + 2 * int(s.length / nseg_um), Ra=35.4)
    cyt = rxd.Region(cell.all, name="cyt", side="i")
    soma = cell.soma.sections
    start = lambda nodes: np.where(np.isin(nodes.section, soma), 1e-3, 1e-4)  # noqa: E731
    ca = rxd.Species(cyt, name="ca", charge=2, d=0.6, initial=start)
    ip3 = rxd.Species(cyt, name="ip3", d=1, initial=0.1)
    b = rxd.Species(cyt, name="b", initial=0.1)
    cb = rxd.Species(cyt, name="cb", initial=0)
    model.add(rxd.Reaction(ca + b, cb, 100, 0.1), rxd.Rate(ip3, -0.01 * ip3))
    return model, ca[cyt]


def build(nseg_um: float = 20.0) -> Built:
    cell = choose_cell()
    model, ca = declare(cell, nseg_um)
    sim = model.compile("split", dt=DT)
    sim.run(DT)
    place = sim.discretization.segments.index(next(iter(cell.soma))(0.5))

    def run() -> None:
        sim.reset()
        sim.run(0.0)

    n = sim.discretization.segments.n
    return Built(run, lambda: float(sim.values(ca)[place]), 1.0, "initialisation", facts={"nodes": n})
