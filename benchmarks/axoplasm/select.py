"""Selecting the nodes of a tenth of the sections and reading their calcium, which is the run. Check: mean of what was read."""

from __future__ import annotations

import numpy as np

import geometry
import rxd
from benchmarks.built import Built
from geometry import SectionSpec

NSEG = 101


def build(nodes: int = 10_000) -> Built:
    sections = 10 * max(1, round(nodes / NSEG))
    specs = [
        SectionSpec(f"{'chosen' if i % 10 == 0 else 'other'}[{i}]", [(0, 5.0 * i, 0, 1), (100, 5.0 * i, 0, 1)])
        for i in range(sections)
    ]
    cell = geometry.Morphology.from_sections(specs)
    model = rxd.Model(cell, segments=NSEG)
    cyt = rxd.Region(cell.all, name="cyt", side="i")
    ca = rxd.Species(cyt, name="ca", d=0.6, initial=lambda n: 1e-4 * (1 + n.x))
    model.add(ca)
    sim = model.compile("split", dt=0.025)
    sim.run(0.025)
    segments, found = sim.discretization.segments, np.zeros(0)

    def run() -> None:
        nonlocal found
        found = sim.values(ca[cyt])[segments.of(cell["chosen"])]

    return Built(run, lambda: float(found.mean()), 1.0, "selection", facts={"nodes": sections // 10 * NSEG})
