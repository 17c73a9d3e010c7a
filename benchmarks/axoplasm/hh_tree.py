"""Hodgkin-Huxley on a binary tree of cylinders, all alike. Check: when the first tip passes 0 mV, ms."""

from __future__ import annotations

import geometry
import rxd
from benchmarks.axoplasm.running import stepped
from benchmarks.built import Built
from geometry import SectionSpec
from rxd import library

LENGTH, DIAM, DT = 100.0, 2.0, 0.025


def tree(depth: int) -> geometry.Morphology:
    """Sections ``s0, s1 ...``, each branch before the next; ``s<depth>`` is the first tip."""
    specs: list[SectionSpec] = []

    def grow(parent: SectionSpec | None, level: int) -> None:
        begin = (0.0, 0.0, 0.0) if parent is None else parent.points[1][:3]
        end = (begin[0] + LENGTH, begin[1], begin[2])
        spec = SectionSpec(f"s{len(specs)}", [(*begin, DIAM), (*end, DIAM)], parent=parent and parent.name)
        specs.append(spec)
        for _ in range(2 if level else 0):
            grow(spec, level - 1)

    grow(None, depth)
    return geometry.Morphology.from_sections(specs)


def build(depth: int = 7, nseg: int = 11, tstop: float = 20.0, order: int = 2) -> Built:
    cell = tree(depth)
    model = rxd.Model(cell, segments=nseg, Ra=100, cm=1, celsius=6.3)
    model.insert(library.hh(), on=cell.all)
    model.add(rxd.IClamp(cell["s0"](0.5), delay=1, dur=100, amp=5))
    tip = rxd.Detector(cell[f"s{depth}"](1.0), threshold=0)
    model.add(tip)
    sim = model.compile("split", dt=DT, order=order)
    spikes: list[float] = []
    n = sim.discretization.segments.n
    built = stepped(sim, tstop, DT, n, lambda: spikes[0] if spikes else -1.0)

    def run() -> None:
        spikes[:] = next(iter(sim.run(tstop).spikes.values()))

    return Built(run, built.check, built.units, built.unit, built.prepare, built.facts)
