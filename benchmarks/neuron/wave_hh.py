"""A calcium wave in a spiking cable, for error against time: `set` chooses dt, or with ``cvode=1`` the tolerance.

Spikes let calcium into the cytosol; the rest is `cawave`. With ``spikes=0`` it is `cawave` alone.
"""

from __future__ import annotations

from typing import Any

from neuron import h, rxd
from neuron.rxd.rxdmath import exp

from benchmarks.built import Built
from benchmarks.neuron.cawave import wave
from benchmarks.neuron.running import V_INIT

ENTRY = 1e-4  # mM/ms with all channels open


def build(nseg: int = 201, tstop: float = 50.0, spikes: int = 1, cvode: int = 0) -> Built:
    cable, cyt, ca, keep = wave(nseg)
    if spikes:
        cable.insert("hh")
        h.usetable_hh = 0  # its table of rates is interpolated and would limit the accuracy
        stim = h.IClamp(cable(0.5))
        stim.delay, stim.dur, stim.amp = 1, 1e9, 0.1
        keep += [stim, rxd.Rate(ca[cyt], ENTRY / (1.0 + exp(-(rxd.v + 15.0) / 6.5)))]
    solver = h.CVode()
    if cvode:
        h.cvode_active(True)

    def choose(number: float) -> None:
        if cvode:
            solver.atol(number)
        else:
            h.dt = number
            h.steps_per_ms = 1 / number

    def run() -> Any:
        assert keep
        if cvode:
            return solver.solve(tstop)
        for _ in range(round(tstop / h.dt)):
            h.fadvance()
        return None

    def values() -> list[float]:
        return [*(seg.v for seg in cable), *ca[cyt].nodes.concentration]

    choose(1e-6 if cvode else 0.025)
    h.finitialize(V_INIT)
    h.fadvance()

    def check() -> float:
        c = ca[cyt].nodes.concentration
        return sum(c) / len(c)

    return Built(run, check, 1.0, "run", lambda: h.finitialize(V_INIT), {"nodes": nseg}, values, choose)
