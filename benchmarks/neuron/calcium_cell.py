"""Whole neuron: spikes, calcium entry, buffer, pump and store in every segment. Check: mean cytosolic calcium, mM."""

from __future__ import annotations

from typing import Any

from neuron import h, rxd
from neuron.rxd.rxdmath import exp

from benchmarks.built import Built
from benchmarks.files import cell_file
from benchmarks.neuron.running import load_cell, stepped

FLUX = 1e4 * 602214.129 / (2 * 96485.3321233)  # mA/cm2 of divalent ions -> molecules/um2/ms


def electric(cell: Any) -> Any:
    """Channels and the electrode, which is returned."""
    for sec in cell.all:
        sec.Ra, sec.cm = 120, 1
    for sec in cell.soma:
        sec.insert("hh")
        sec.gnabar_hh, sec.gkbar_hh = 0.6, 0.12
    somas = set(cell.soma)
    for sec in cell.all:
        if sec not in somas:
            sec.insert("pas")
            sec.g_pas, sec.e_pas = 2e-5, -65
    stim = h.IClamp(cell.soma[0](0.5))
    stim.delay, stim.dur, stim.amp = 5, 1e9, 0.8
    return stim


def box(cell: Any, pad: float = 60.0) -> Any:
    """The outside, in voxels of 60 um."""
    corners = []
    for axis in ("x3d", "y3d", "z3d"):
        values = [getattr(sec, axis)(i) for sec in cell.all for i in range(sec.n3d())]
        corners.append((min(values) - pad, max(values) + pad))
    low, high = zip(*corners, strict=True)
    return rxd.Extracellular(*low, *high, dx=60, volume_fraction=0.2, tortuosity=1.6)


def build(tstop: float = 20.0, nseg_um: float = 40.0) -> Built:
    path = cell_file()
    if path is None:
        raise FileNotFoundError("The reconstructed neuron c91662 is not there, and NEURON is given no other.")
    cell = load_cell(path, nseg_um)
    stim = electric(cell)
    cyt = rxd.Region(cell.all, name="cyt", nrn_region="i", geometry=rxd.FractionalVolume(0.85, surface_fraction=1))
    er = rxd.Region(cell.all, name="er", geometry=rxd.FractionalVolume(0.15))
    er_mem = rxd.Region(cell.all, name="er_mem", geometry=rxd.DistributedBoundary(1.0))
    mem = rxd.Region(cell.all, name="mem", geometry=rxd.membrane())
    ecs = box(cell)
    initial = {cyt: 1e-4, er: 0.2, ecs: 2.0}
    ca = rxd.Species([cyt, er, ecs], name="ca", charge=2, d=0.3, initial=lambda nd: initial[nd.region])
    buf = rxd.Species(cyt, name="buf", d=0.05, initial=0.04)
    cabuf = rxd.Species(cyt, name="cabuf", d=0.05, initial=0.004)
    gate = rxd.State([mem], name="gate", initial=0.002)
    opening = 1.0 / (1.0 + exp(-(rxd.v + 15.0) / 6.5))
    entry = FLUX * 3e-4 * gate[mem] ** 2 * (60.0 - rxd.v)
    pump = 60.0 * ca[cyt] / (ca[cyt] + 1e-3)
    uptake = 30.0 * ca[cyt] ** 2 / (ca[cyt] ** 2 + 9e-8)
    keep = [
        cell, stim, cyt, er, er_mem, ecs, mem, ca, buf, cabuf, gate,
        rxd.Rate(gate, (opening - gate) / 1.5),
        rxd.MultiCompartmentReaction(ca[ecs], ca[cyt], entry, mass_action=False, membrane=mem, membrane_flux=True),
        rxd.Reaction(ca[cyt] + buf[cyt], cabuf[cyt], 100.0, 0.1),
        rxd.MultiCompartmentReaction(ca[cyt], ca[ecs], pump, custom_dynamics=True, membrane=mem),
        rxd.MultiCompartmentReaction(ca[cyt], ca[er], uptake, custom_dynamics=True, membrane=er_mem),
        rxd.MultiCompartmentReaction(ca[er], ca[cyt], 15.0, 15.0, membrane=er_mem),
    ]  # fmt: skip

    def check() -> float:
        nodes = ca[cyt].nodes
        volume = [nd.sec(nd.x).volume() for nd in nodes]
        return sum(nd.concentration * v for nd, v in zip(nodes, volume, strict=True)) / sum(volume)

    return stepped(keep, tstop, sum(sec.nseg for sec in cell.all), check)
