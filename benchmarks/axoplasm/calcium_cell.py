"""Whole neuron: spikes, calcium entry, buffer, pump and store in every segment. Check: mean cytosolic calcium, mM."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

import geometry
import rxd
from benchmarks.axoplasm.running import stepped
from benchmarks.built import Built
from benchmarks.files import cell_file
from cable.constants import FARADAY
from rxd import library

DT = 0.025
FLUX = 1e4 * 602214.129 / (2 * FARADAY)  # mA/cm2 of divalent ions -> molecules/um2/ms


def choose_cell() -> geometry.Morphology:
    """The reconstructed neuron if its file is there, else one of our own making."""
    path = cell_file()
    return geometry.examples.pyramidal_cell() if path is None else geometry.load(path)


def box(cell: geometry.Morphology, pad: float = 60.0) -> rxd.Extracellular:
    """The outside, in voxels of 60 um."""
    low, high = cell.points[:, :3].min(axis=0) - pad, cell.points[:, :3].max(axis=0) + pad
    return rxd.Extracellular(*low, *high, dx=60, volume_fraction=0.2, tortuosity=1.6)


def declare(cell: geometry.Morphology, nseg_um: float) -> tuple[rxd.Model, Any]:
    """The model and its cytosolic calcium."""
    model = rxd.Model(cell, segments=lambda s: 1 + 2 * int(s.length / nseg_um), Ra=120, cm=1, celsius=6.3)
    model.insert(library.hh(gnabar=0.6, gkbar=0.12), on=cell.soma)
    model.insert(library.pas(g=2e-5, e=-65), on=cell.all - cell.soma)
    cyt = rxd.Region(cell.all, name="cyt", side="i", shape=rxd.FractionalVolume(0.85, surface_fraction=1))
    er = rxd.Region(cell.all, name="er", shape=rxd.FractionalVolume(0.15))
    er_mem = rxd.Region(cell.all, name="er_mem", shape=rxd.DistributedBoundary(1.0))
    mem = rxd.Region(cell.all, name="mem", shape=rxd.membrane)
    ecs = box(cell)
    calcium = rxd.Species([cyt, er, ecs], name="ca", charge=2, d=0.3, initial={cyt: 1e-4, er: 0.2, ecs: 2.0})
    buf = rxd.Species(cyt, name="buf", d=0.05, initial=0.04)
    cabuf = rxd.Species(cyt, name="cabuf", d=0.05, initial=0.004)
    gate = rxd.State(mem, name="gate", initial=0.002)
    ca: Any = calcium[cyt]
    opening = 1.0 / (1.0 + sympy.exp(-(rxd.v + 15.0) / 6.5))
    entry = FLUX * 3e-4 * gate[mem] ** 2 * (60.0 - rxd.v)
    model.add(
        rxd.Rate(gate, (opening - gate) / 1.5),
        rxd.MultiCompartmentReaction(calcium[ecs], ca, entry, mass_action=False, membrane=mem, membrane_flux=True),
        rxd.Reaction(ca + buf[cyt], cabuf[cyt], 100.0, 0.1),
        rxd.MultiCompartmentReaction(ca, calcium[ecs], 60.0 * ca / (ca + 1e-3), custom_dynamics=True, membrane=mem),
        rxd.MultiCompartmentReaction(ca, calcium[er], 30.0 * ca**2 / (ca**2 + 9e-8), custom_dynamics=True, membrane=er_mem),
        rxd.MultiCompartmentReaction(calcium[er], ca, 15.0, 15.0, membrane=er_mem),
    )
    model.add(rxd.IClamp(next(iter(cell.soma))(0.5), delay=5, dur=1e9, amp=0.8))
    return model, ca


def build(tstop: float = 20.0, nseg_um: float = 40.0, order: int = 2) -> Built:
    cell = choose_cell()
    model, ca = declare(cell, nseg_um)
    sim = model.compile("split", dt=DT, order=order)
    segments = sim.discretization.segments

    def check() -> float:
        return float(np.average(sim.values(ca), weights=segments.volume))

    return stepped(sim, tstop, DT, segments.n, check)
