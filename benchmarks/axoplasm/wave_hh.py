"""A calcium wave in a spiking cable, for error against time: `set` chooses dt (split) or the tolerance (coupled).

Spikes let calcium into the cytosol; the rest is `cawave`. With ``spikes=0`` it is `cawave` alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy

import rxd
from benchmarks.axoplasm.cawave import wave
from benchmarks.built import Built
from rxd import library

ENTRY = 1e-4  # mM/ms with all channels open


def build(nseg: int = 201, tstop: float = 50.0, spikes: int = 1, method: str = "coupled", solver: str = "direct") -> Built:
    model, cyt, ca = wave(nseg)
    cell = model.morphology
    if spikes:
        model.insert(library.hh(), on=cell.all)
        model.add(rxd.Rate(ca[cyt], ENTRY / (1.0 + sympy.exp(-(rxd.v + 15.0) / 6.5))))
        model.add(rxd.IClamp(cell["cable"](0.5), delay=1, dur=1e9, amp=0.1))
    made: dict[float, rxd.Simulation] = {}
    chosen: list[rxd.Simulation] = []

    def choose(number: float) -> None:
        if number not in made:
            options: dict[str, Any] = {"dt": number} if method == "split" else {"rtol": number, "solver": solver}
            made[number] = model.compile(method, **options)
        chosen[:] = [made[number]]

    def values() -> list[float]:
        sim = chosen[0]
        return [*sim.values(rxd.v), *sim.values(ca[cyt])]

    def reset() -> None:
        chosen[0].reset()

    choose(0.025 if method == "split" else 1e-4)
    chosen[0].run(0.1)
    return Built(
        lambda: chosen[0].run(tstop), lambda: float(np.mean(chosen[0].values(ca[cyt]))), 1.0, "run",
        reset, {"nodes": nseg}, values, choose,
    )  # fmt: skip
