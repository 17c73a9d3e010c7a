"""A million steps of a small spiking cable with buffered calcium. Check: bytes by which the process grew in the last run."""

from __future__ import annotations

from pathlib import Path

import geometry
import rxd
from benchmarks.axoplasm.running import stepped
from benchmarks.built import Built
from rxd import library

DT = 0.025
PAGE = 4096


def resident() -> int:
    """Bytes of this process in memory; 0 where the system does not say."""
    file = Path("/proc/self/statm")
    return int(file.read_text().split()[1]) * PAGE if file.exists() else 0


def build(steps: int = 1_000_000, method: str = "split") -> Built:
    cell = geometry.cylinder(200, 1)
    model = rxd.Model(cell, segments=16)
    model.insert(library.hh(), on=cell.all)
    cyt = rxd.Region(cell.all, name="cyt", side="i")
    ca, buf, bound = (rxd.Species(cyt, name=name, d=0.1, initial=0.1) for name in ("ca", "buf", "bound"))
    model.add(rxd.Reaction(ca + buf, bound, 0.1, 0.01), rxd.IClamp(cell.all(0), amp=0.1, delay=1))
    sim = model.compile(method, dt=DT)
    built = stepped(sim, steps * DT, DT, 16, float)
    sim.run(1000 * DT)
    grown: list[int] = []

    def run() -> None:
        before = resident()
        built.run()
        grown[:] = [resident() - before]

    return Built(run, lambda: float(grown[0]), built.units, built.unit, built.prepare, {"nodes": 16, "steps": steps})
