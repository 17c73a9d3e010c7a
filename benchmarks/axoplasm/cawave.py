"""Calcium wave from a store (uptake, leak, IP3 receptor) along a cable. Check: mean cytosolic calcium, mM."""

from __future__ import annotations

from typing import Any

import numpy as np

import geometry
import rxd
from benchmarks.axoplasm.running import stepped
from benchmarks.built import Built

DT = 0.5
F_CYT, F_ER = 0.8, 0.2
CA0, CA_AVERAGE = 1.1e-4, 1.9e-3
ER0 = (CA_AVERAGE - CA0 * F_CYT) / F_ER


def wave(nseg: int, length: float | None = None) -> tuple[rxd.Model, rxd.Region, rxd.Species]:
    """The model, its cytosol and its calcium."""
    cell = geometry.cylinder(length or nseg, 1)
    model = rxd.Model(cell, segments=nseg)
    cyt = rxd.Region(cell.all, name="cyt", side="i", shape=rxd.FractionalVolume(F_CYT, surface_fraction=1))
    er = rxd.Region(cell.all, name="er", shape=rxd.FractionalVolume(F_ER))
    mem = rxd.Region(cell.all, name="mem", shape=rxd.DistributedBoundary(0.9))
    ca = rxd.Species([cyt, er], name="ca", d=0.09, charge=2, initial={cyt: CA0, er: ER0})
    ip3 = rxd.Species(cyt, name="ip3", d=1.2, initial=lambda nodes: np.where(nodes.x < 0.15, 1.2, 0.11))
    gate = rxd.State(mem, name="gate", initial=0.78)
    um_ca: Any = 1000.0 * ca[cyt]
    m = ip3[cyt] / (ip3[cyt] + 0.16) * um_ca / (um_ca + 0.38)
    k = 11800.0 * (m * gate[mem]) ** 3
    uptake = 0.37 * um_ca**2 / (0.11**2 + um_ca**2)
    model.add(
        rxd.MultiCompartmentReaction(ca[cyt], ca[er], uptake, membrane=mem, custom_dynamics=True),
        rxd.MultiCompartmentReaction(ca[er], ca[cyt], 5.4, 5.4, membrane=mem),
        rxd.MultiCompartmentReaction(ca[er], ca[cyt], k, k, membrane=mem),
        rxd.Rate(gate[mem], (1.0 / (1.0 + um_ca / 0.42) - gate[mem]) / 1800.0),
    )
    return model, cyt, ca


def build(nseg: int = 501, steps: int = 500, order: int = 2) -> Built:
    model, cyt, ca = wave(nseg)
    sim = model.compile("split", dt=DT, order=order)
    return stepped(sim, steps * DT, DT, nseg, lambda: float(np.mean(sim.values(ca[cyt]))), "node and step")
