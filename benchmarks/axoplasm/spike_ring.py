"""A ring of cells with branching dendrites, spiking somata and synapses, as one forest. Check: mean spike time, ms."""

from __future__ import annotations

import numpy as np

import geometry
import rxd
from benchmarks.axoplasm.running import stepped
from benchmarks.built import Built
from geometry import SectionSpec
from rxd import library

DT = 0.025


def cell_specs(i: int) -> list[SectionSpec]:
    """Soma, stem, two branches with two twigs each: ``soma[i]``, ``dend[7 i] ...``."""
    x = 500.0 * i
    specs = [SectionSpec(f"soma[{i}]", [(x, 0, 0, 14), (x, 14, 0, 14)], "soma")]

    def branch(parent: SectionSpec, length: float, diam: float) -> SectionSpec:
        begin = parent.points[1][:3]
        name = f"dend[{7 * i + len(specs) - 1}]"
        specs.append(SectionSpec(name, [(*begin, diam), (begin[0], begin[1] + length, 0, diam)], "basal", parent.name))
        return specs[-1]

    stem = branch(specs[0], 60, 2.4)
    for k in range(2):
        middle = branch(stem, 70 + 10 * k, 1.6)
        for _ in range(2):
            branch(middle, 80, 1.0)
    return specs


def build(cells: int = 64, tstop: float = 100.0, order: int = 2) -> Built:
    forest = geometry.Morphology.from_sections([spec for i in range(cells) for spec in cell_specs(i)])
    model = rxd.Model(forest, segments=lambda section: 1 if section.kind == "soma" else 5, Ra=120, cm=1, celsius=6.3)
    model.insert(library.hh(), on=forest.soma)
    model.insert(library.pas(g=2e-4, e=-65), on=forest.dendrites)
    synapses = [rxd.PointProcess(library.exp_syn(tau=2, e=0), forest[f"dend[{7 * i}]"](0.4)) for i in range(cells)]
    for i in range(cells):
        source = rxd.Detector(forest[f"soma[{i}]"](0.5), threshold=0)
        model.add(rxd.NetCon(source, synapses[(i + 1) % cells], weight=0.03, delay=1.0 + 0.1 * (i % 5)))
    for i in range(0, cells, 16):  # one starting point per 16 cells
        model.add(rxd.NetCon(rxd.SpikeSource(number=1, start=2 + 0.3 * i / 16), synapses[i], weight=0.05, delay=0.5))
    sim = model.compile("split", dt=DT, order=order)
    spikes: list[float] = []
    n = sim.discretization.segments.n
    built = stepped(sim, tstop, DT, n, lambda: float(np.mean(spikes)) if spikes else 0.0)

    def run() -> None:
        spikes[:] = np.concatenate(list(sim.run(tstop).spikes.values()))

    return Built(run, built.check, built.units, built.unit, built.prepare, built.facts)
