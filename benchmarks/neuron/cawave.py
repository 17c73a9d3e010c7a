"""Calcium wave from a store (uptake, leak, IP3 receptor) along a cable. Check: mean cytosolic calcium, mM."""

from __future__ import annotations

from typing import Any

from neuron import h, rxd

from benchmarks.built import Built
from benchmarks.neuron.running import stepped

F_CYT, F_ER = 0.8, 0.2
CA0, CA_AVERAGE = 1.1e-4, 1.9e-3
ER0 = (CA_AVERAGE - CA0 * F_CYT) / F_ER


def wave(nseg: int, length: float | None = None) -> tuple[Any, Any, Any, Any]:
    """The cable, its cytosol, its calcium, and what must be kept."""
    cable = h.Section(name="cable")
    cable.L, cable.diam, cable.nseg, cable.Ra = length or nseg, 1, nseg, 100
    cyt = rxd.Region([cable], nrn_region="i", name="cyt", geometry=rxd.FractionalVolume(F_CYT, surface_fraction=1))
    er = rxd.Region([cable], name="er", geometry=rxd.FractionalVolume(F_ER))
    mem = rxd.Region([cable], name="mem", geometry=rxd.DistributedBoundary(0.9))
    ca = rxd.Species([cyt, er], d=0.09, name="ca", charge=2, initial=lambda nd: ER0 if nd.region is er else CA0)
    ip3 = rxd.Species(cyt, d=1.2, name="ip3", initial=lambda nd: 1.2 if nd.x < 0.15 else 0.11)
    gate = rxd.State(mem, name="gate", initial=0.78)
    um_ca = 1000.0 * ca[cyt]
    m = ip3[cyt] / (ip3[cyt] + 0.16) * um_ca / (um_ca + 0.38)
    k = 11800.0 * (m * gate[mem]) ** 3
    uptake = 0.37 * um_ca**2 / (0.11**2 + um_ca**2)
    keep = [
        rxd.MultiCompartmentReaction(ca[cyt], ca[er], uptake, membrane=mem, custom_dynamics=True),
        rxd.MultiCompartmentReaction(ca[er], ca[cyt], 5.4, 5.4, membrane=mem),
        rxd.MultiCompartmentReaction(ca[er], ca[cyt], k, k, membrane=mem),
        rxd.Rate(gate[mem], (1.0 / (1.0 + um_ca / 0.42) - gate[mem]) / 1800.0),
        cyt, er, mem, ip3, gate, cable,
    ]  # fmt: skip
    return cable, cyt, ca, keep


def build(nseg: int = 501, steps: int = 500) -> Built:
    _, cyt, ca, keep = wave(nseg)

    def check() -> float:
        c = ca[cyt].nodes.concentration
        return sum(c) / len(c)

    return stepped(keep, steps * 0.5, nseg, check, "node and step", dt=0.5)
