"""A forest of copies of the neuron of `init`, with channels: setting it up is what counts. Check: calcium of the last soma."""

from __future__ import annotations

import numpy as np

import geometry
from benchmarks.axoplasm.calcium_cell import choose_cell
from benchmarks.axoplasm.init import DT, declare
from benchmarks.built import Built
from rxd import library


def copies(cell: geometry.Morphology, number: int) -> geometry.Morphology:
    """Cells side by side, 1 mm apart."""
    points, size = np.tile(cell.points, (number, 1)), cell.n_sections
    points[:, 0] += np.repeat(1000.0 * np.arange(number), len(cell.points))
    parent = np.tile(cell.parent, number)
    return geometry.Morphology(
        points=points,
        point_offset=np.concatenate([[0], np.cumsum(np.tile(np.diff(cell.point_offset), number))]),
        parent=np.where(parent < 0, -1, parent + np.repeat(size * np.arange(number), size)),
        parent_x=np.tile(cell.parent_x, number),
        kinds=cell.kinds * number,
        names=tuple(f"cell{i}.{name}" for i in range(number) for name in cell.names),
    )


def build(cells: int = 10, nseg_um: float = 20.0) -> Built:
    forest = copies(choose_cell(), cells)
    model, ca = declare(forest, nseg_um)
    model.insert(library.hh(), on=forest.soma)
    model.insert(library.pas(g=2e-5, e=-65), on=forest.all - forest.soma)
    sim = model.compile("split", dt=DT)
    sim.run(DT)
    place = sim.discretization.segments.index(list(forest.soma)[-1](0.5))

    def run() -> None:
        sim.reset()
        sim.run(0.0)

    facts = {"nodes": sim.discretization.segments.n, "unknowns": sim.problem.size, "cells": cells}
    return Built(run, lambda: float(sim.values(ca)[place]), cells, "initialisation of a cell", facts=facts)
