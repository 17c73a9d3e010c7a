"""Start-up of reconstructed neurons with four species, and initialising again, which is the run. Check: calcium of a soma."""

from __future__ import annotations

from neuron import h, rxd

from benchmarks.built import Built
from benchmarks.files import cell_file
from benchmarks.neuron.running import V_INIT, load_cell


def build(nseg_um: float = 20.0, cells: int = 1, channels: bool = False, unit: str = "initialisation") -> Built:
    path = cell_file()
    if path is None:
        raise FileNotFoundError("The reconstructed neuron c91662 is not there, and NEURON is given no other.")
    made = [load_cell(path, nseg_um) for _ in range(cells)]
    sections = [section for cell in made for section in cell.all]
    if channels:
        for section in sections:
            section.insert("hh" if "soma" in section.name() else "pas")
    cyt = rxd.Region(h.allsec(), name="cyt", nrn_region="i")
    ca = rxd.Species(cyt, name="ca", charge=2, d=0.6, initial=lambda nd: 1e-3 if "soma" in str(nd.sec) else 1e-4)
    ip3 = rxd.Species(cyt, name="ip3", d=1, initial=0.1)
    b = rxd.Species(cyt, name="b", initial=0.1)
    cb = rxd.Species(cyt, name="cb", initial=0)
    keep = [made, rxd.Reaction(ca + b, cb, 100, 0.1), rxd.Rate(ip3, -0.01 * ip3)]
    h.dt = 0.025
    h.finitialize(V_INIT)
    h.fadvance()

    def run() -> None:
        assert keep
        h.finitialize(V_INIT)

    facts = {"nodes": sum(section.nseg for section in sections), "cells": cells}
    return Built(run, lambda: ca.nodes(made[-1].soma[0](0.5))[0].concentration, float(cells), unit, facts=facts)
