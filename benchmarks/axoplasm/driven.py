"""Single cells with hh that trains of spikes with noise excite through a synapse each. Check: mean spike time, ms."""

from __future__ import annotations

import math

import numpy as np

import geometry
import rxd
from benchmarks.axoplasm.running import stepped
from benchmarks.built import Built
from geometry import SectionSpec
from rxd import library
from rxd.neuron.random_numbers.philox import Stream

DT = 0.025


def train(number: int, tstop: float, noise: float) -> list[float]:
    """The spikes of the NetStim that NEURON has in this cell, up to the end."""
    stream, interval = Stream(number, 1, 2), 10.0

    def gap() -> float:
        return interval * ((1 - noise) - noise * math.log(stream.one()))

    times = [1 + 0.01 * number + gap() - interval * (1 - noise)]
    while times[-1] <= tstop:
        times.append(times[-1] + gap())
    return times


def build(cells: int = 100, tstop: float = 100.0, noise: float = 0.3, order: int = 2) -> Built:
    specs = [SectionSpec(f"soma[{i}]", [(500 * i, 0, 0, 20), (500 * i, 20, 0, 20)], "soma") for i in range(cells)]
    forest = geometry.Morphology.from_sections(specs)
    model = rxd.Model(forest, segments=1, Ra=35.4, cm=1, celsius=6.3)
    model.insert(library.hh(), on=forest.all)
    for i in range(cells):
        place = forest[f"soma[{i}]"](0.5)
        synapse = rxd.PointProcess(library.exp2_syn(tau1=0.5, tau2=3, e=0), place)
        model.add(rxd.NetCon(rxd.SpikeSource(train(i, tstop, noise)), synapse, weight=0.01, delay=1))
        model.add(rxd.Detector(place, threshold=0))
    sim = model.compile("split", dt=DT, order=order)
    spikes: list[float] = []
    built = stepped(sim, tstop, DT, sim.discretization.segments.n, lambda: float(np.mean(spikes)) if spikes else 0.0)

    def run() -> None:
        spikes[:] = np.concatenate(list(sim.run(tstop).spikes.values()))

    return Built(run, built.check, built.units, built.unit, built.prepare, built.facts)
