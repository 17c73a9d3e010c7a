"""Long runs do not grow: nothing is kept per step."""

from __future__ import annotations

from pathlib import Path

import pytest

import geometry
import rxd
from rxd import library

PAGE = 4096


def resident() -> int:
    """Bytes of this process in memory (Linux)."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE


@pytest.mark.parametrize("options", [{"method": "split", "dt": 0.025}, {"method": "coupled", "dt": 0.025, "adaptive": False}])
def test_memory_stays_flat_over_many_steps(options: dict) -> None:
    cell = geometry.cylinder(200, 1)
    model = rxd.Model(cell, segments=20)
    model.insert(library.hh(), on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    ca, buf, bound = (rxd.Species(cyt, name, d=0.1, initial=0.1) for name in ("ca", "buf", "bound"))
    model.add(rxd.Reaction(ca + buf, bound, 0.1, 0.01), rxd.IClamp(cell.all(0), amp=0.1, delay=1))
    sim = model.compile(**options)
    sim.run(50)
    before = resident()
    results = sim.run(550)
    assert results.statistics.steps >= 20000
    assert resident() - before < 1_000_000
