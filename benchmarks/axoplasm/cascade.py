"""Chain of mass action reactions S[i] + S[i+1] <-> S[i+2] on a cable. Check: sum of all in the middle segment, mM."""

from __future__ import annotations

import geometry
import rxd
from benchmarks.axoplasm.running import stepped
from benchmarks.built import Built

DT = 0.025


def build(n_species: int = 20, nseg: int = 501, steps: int = 100, order: int = 2) -> Built:
    cell = geometry.cylinder(500, 1)
    model = rxd.Model(cell, segments=nseg)
    cyt = rxd.Region(cell.all, name="cyt", side="i")
    species = [
        rxd.Species(cyt, name=f"s{i}", d=0.1 if i % 2 else 0, initial=_start(i)) for i in range(n_species)
    ]  # fmt: skip
    model.add(species)
    model.add([rxd.Reaction(species[i] + species[i + 1], species[i + 2], 0.1, 0.05) for i in range(n_species - 2)])
    sim = model.compile("split", dt=DT, order=order)
    middle = cell["cable"](0.5)

    def check() -> float:
        return float(sum(sim.values(s[cyt])[sim.discretization.segments.index(middle)] for s in species))

    return stepped(sim, steps * DT, DT, nseg, check, "node and step")


def _start(i: int):  # noqa: ANN202 - a function of nodes, or a number
    level = 0.1 + 0.01 * i
    return (lambda nodes: level + 0.2 * nodes.x) if i < 3 else level
