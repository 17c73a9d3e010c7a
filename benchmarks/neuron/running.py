"""What all NEURON models share: the first step as part of the setup, and a run by `continuerun`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from neuron import h

from benchmarks.built import Built

h.load_file("stdrun.hoc")

V_INIT = -65


def stepped(
    keep: Any, tstop: float, nodes: int, check: Callable[[], float], unit: str = "segment and step", dt: float = 0.025
) -> Built:
    """Initialise, make the first step, and wrap runs with a fixed step; NEURON deletes what no one holds: `keep` is held."""
    h.dt = dt
    h.steps_per_ms = 1 / dt
    h.finitialize(V_INIT)
    h.fadvance()
    steps = round(tstop / dt)

    def run() -> None:
        assert keep
        for _ in range(steps):
            h.fadvance()

    return Built(run, check, nodes * steps, unit, lambda: h.finitialize(V_INIT), {"nodes": nodes, "steps": steps})


def load_cell(path: Path, nseg_um: float) -> Any:
    """A reconstructed neuron with its sections in ``all, soma, dend ...``."""
    h.load_file("import3d.hoc")

    class Cell:
        """Holds the sections."""

    cell = Cell()
    reader = h.Import3d_SWC_read()
    reader.input(str(path))
    h.Import3d_GUI(reader, 0).instantiate(cell)
    for sec in cell.all:
        sec.nseg = 1 + 2 * int(sec.L / nseg_um)
    return cell
