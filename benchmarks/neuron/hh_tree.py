"""Hodgkin-Huxley on a binary tree of cylinders, all alike. Check: when the first tip passes 0 mV, ms."""

from __future__ import annotations

from typing import Any

from neuron import h

from benchmarks.built import Built
from benchmarks.neuron.running import stepped


def build(depth: int = 7, nseg: int = 11, tstop: float = 20.0) -> Built:
    secs: list[Any] = []

    def grow(parent: Any, level: int) -> None:
        sec = h.Section(name=f"s{len(secs)}")
        sec.L, sec.diam, sec.nseg, sec.Ra, sec.cm = 100, 2, nseg, 100, 1
        sec.insert("hh")
        if parent is not None:
            sec.connect(parent(1))
        secs.append(sec)
        for _ in range(2 if level else 0):
            grow(sec, level - 1)

    grow(None, depth)
    stim = h.IClamp(secs[0](0.5))
    stim.delay, stim.dur, stim.amp = 1, 100, 5
    tip = secs[depth]
    spikes = h.Vector()
    watch = h.NetCon(tip(1)._ref_v, None, sec=tip)
    watch.threshold = 0
    watch.record(spikes)
    return stepped((secs, stim, watch), tstop, len(secs) * nseg, lambda: spikes[0] if len(spikes) else -1.0)
