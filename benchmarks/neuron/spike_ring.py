"""A ring of cells with branching dendrites, spiking somata and synapses. Check: mean spike time, ms."""

from __future__ import annotations

from typing import Any

from neuron import h

from benchmarks.built import Built
from benchmarks.neuron.running import stepped


class RingCell:
    """Soma, stem, two branches with two twigs each, a synapse on the stem."""

    def __init__(self, gid: int) -> None:
        self.gid = gid
        self.soma = h.Section(name="soma", cell=self)
        self.soma.L = self.soma.diam = 14
        self.soma.insert("hh")
        self.dends: list[Any] = []
        stem = self.branch(self.soma(1), 60, 2.4)
        for i in range(2):
            middle = self.branch(stem(1), 70 + 10 * i, 1.6)
            for _ in range(2):
                self.branch(middle(1), 80, 1.0)
        for sec in [self.soma, *self.dends]:
            sec.Ra, sec.cm = 120, 1
        self.syn = h.ExpSyn(self.dends[0](0.4))
        self.syn.tau = 2
        self.spikes = h.Vector()
        self.detector = h.NetCon(self.soma(0.5)._ref_v, None, sec=self.soma)
        self.detector.threshold = 0
        self.detector.record(self.spikes)

    def branch(self, where: Any, length: float, diam: float) -> Any:
        sec = h.Section(name=f"dend[{len(self.dends)}]", cell=self)
        sec.L, sec.diam, sec.nseg = length, diam, 5
        sec.insert("pas")
        for seg in sec:
            seg.pas.g, seg.pas.e = 2e-4, -65
        sec.connect(where)
        self.dends.append(sec)
        return sec

    def __repr__(self) -> str:
        return f"RingCell[{self.gid}]"


def build(cells: int = 64, tstop: float = 100.0) -> Built:
    ring = [RingCell(i) for i in range(cells)]
    keep: list[Any] = [ring]
    for i, cell in enumerate(ring):
        nc = h.NetCon(cell.soma(0.5)._ref_v, ring[(i + 1) % cells].syn, sec=cell.soma)
        nc.threshold, nc.delay = 0, 1.0 + 0.1 * (i % 5)
        nc.weight[0] = 0.03
        keep.append(nc)
    for i in range(0, cells, 16):
        stim = h.NetStim()
        stim.number, stim.start, stim.noise = 1, 2 + 0.3 * i / 16, 0
        nc = h.NetCon(stim, ring[i].syn)
        nc.delay, nc.weight[0] = 0.5, 0.05
        keep += [stim, nc]

    def check() -> float:
        times = [t for cell in ring for t in cell.spikes]
        return sum(times) / max(len(times), 1)

    return stepped(keep, tstop, cells * 36, check)
