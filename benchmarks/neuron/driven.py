"""Single cells with hh that NetStims with noise excite through a synapse each, by `continuerun`. Check: mean spike time, ms."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from neuron import h

from benchmarks.built import Built
from benchmarks.neuron.running import stepped


def build(cells: int = 100, tstop: float = 100.0, noise: float = 0.3) -> Built:
    keep: list[Any] = []
    spikes = h.Vector()
    for i in range(cells):
        soma = h.Section(name=f"soma{i}")
        soma.L = soma.diam = 20
        soma.insert("hh")
        synapse = h.Exp2Syn(soma(0.5))
        synapse.tau1, synapse.tau2, synapse.e = 0.5, 3, 0
        train = h.NetStim()
        train.number, train.start, train.interval, train.noise = 1e9, 1 + 0.01 * i, 10, noise
        train.noiseFromRandom123(i, 1, 2)
        wire = h.NetCon(train, synapse, 0, 1, 0.01)
        detector = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
        detector.threshold = 0
        detector.record(spikes)
        keep += [soma, synapse, train, wire, detector]

    def check() -> float:
        return sum(spikes) / max(len(spikes), 1)

    def run() -> None:
        assert keep  # NEURON deletes what no one holds
        h.continuerun(tstop)

    return replace(stepped(keep, tstop, cells, check), run=run)
