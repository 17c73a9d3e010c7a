"""Chain of mass action reactions S[i] + S[i+1] <-> S[i+2] on a cable. Check: sum of all in the middle segment, mM."""

from __future__ import annotations

from neuron import h, rxd

from benchmarks.built import Built
from benchmarks.neuron.running import stepped


def build(n_species: int = 20, nseg: int = 501, steps: int = 100) -> Built:
    cable = h.Section(name="cable")
    cable.L, cable.diam, cable.nseg = 500, 1, nseg
    cyt = rxd.Region([cable], name="cyt", nrn_region="i")
    species = [
        rxd.Species(
            cyt,
            name=f"s{i}",
            d=0.1 if i % 2 else 0,
            initial=lambda nd, i=i: 0.1 + 0.01 * i + (0.2 * nd.x if i < 3 else 0),
        )
        for i in range(n_species)
    ]
    reactions = [rxd.Reaction(species[i] + species[i + 1], species[i + 2], 0.1, 0.05) for i in range(n_species - 2)]

    def check() -> float:
        return sum(s.nodes(cable(0.5))[0].concentration for s in species)

    return stepped((cable, reactions), steps * 0.025, nseg, check, "node and step")
