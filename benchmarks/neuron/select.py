"""Selecting the nodes of a tenth of the sections and reading their calcium, which is the run. Check: mean of what was read."""

from __future__ import annotations

from neuron import h, rxd

from benchmarks.built import Built
from benchmarks.neuron.running import V_INIT

NSEG = 101


def build(nodes: int = 10_000) -> Built:
    sections = 10 * max(1, round(nodes / NSEG))
    cell = [h.Section(name=f"{'chosen' if i % 10 == 0 else 'other'}[{i}]") for i in range(sections)]
    for section in cell:
        section.L, section.diam, section.nseg = 100, 1, NSEG
    chosen, other = (
        rxd.Region(cell[::10], nrn_region="i"),
        rxd.Region([s for i, s in enumerate(cell) if i % 10], nrn_region="i"),
    )
    ca = rxd.Species([chosen, other], d=0.6, name="ca", charge=2, initial=lambda node: 1e-4 * (1 + node.x))
    h.finitialize(V_INIT)
    h.fadvance()
    found: list[float] = []

    def run() -> None:
        assert cell  # NEURON deletes sections that nobody holds
        found[:] = ca.nodes(chosen).concentration

    return Built(run, lambda: sum(found) / len(found), 1.0, "selection", facts={"nodes": sections // 10 * NSEG})
