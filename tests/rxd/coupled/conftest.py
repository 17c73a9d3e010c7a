"""Small models of every kind of coupling that the coupled stepper is for; each is compiled once for all tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import geometry
import rxd
from rxd import demo, library


def hh_cable() -> rxd.Model:
    """A branched cable that spikes."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=3)
    model.insert(library.hh(), on=cell.all)
    model.add(rxd.IClamp(cell["parent"](0.0), amp=0.5, delay=0.5, dur=1.0))
    return model


def calcium_wave() -> rxd.Model:
    """Calcium and IP3 in the cytosol, calcium in the store, a gate in the store's membrane: the wave starts on the left."""
    cell = geometry.cylinder(30, 1)
    model = rxd.Model(cell, segments=15)
    cyt = rxd.Region(cell.all, "cyt", side="i", shape=rxd.FractionalVolume(0.8, surface_fraction=1))
    er = rxd.Region(cell.all, "er", shape=rxd.FractionalVolume(0.2))
    mem = rxd.Region(cell.all, "mem", shape=rxd.DistributedBoundary(0.9))
    ca = rxd.Species([cyt, er], "ca", d=0.09, charge=2, initial={cyt: 1.1e-4, er: 9e-3})
    ip3 = rxd.Species(cyt, "ip3", d=1.2, initial=lambda node: np.where(node.x < 0.3, 1.2, 0.11))
    gate = rxd.State(mem, "gate", initial=0.78)
    uM = 1000 * ca[cyt]
    opening = (ip3[cyt] / (ip3[cyt] + 0.16) * uM / (uM + 0.38) * gate[mem]) ** 3
    model.add(
        rxd.MultiCompartmentReaction(ca[cyt], ca[er], 0.37 * uM**2 / (0.0121 + uM**2), membrane=mem, custom_dynamics=True),
        rxd.MultiCompartmentReaction(ca[er], ca[cyt], 5.4 + 11800 * opening, 5.4 + 11800 * opening, membrane=mem),
        rxd.Rate(gate[mem], (1 / (1 + uM / 0.42) - gate[mem]) / 1800),
    )
    return model


def electrogenic_pump() -> rxd.Model:
    """A strong pump, whose current depends on v and concentrations, in a thin passive dendrite."""
    cell = geometry.cylinder(100, 0.5)
    model = rxd.Model(cell, segments=9)
    model.insert(library.pas(g=1e-4, e=-65), on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    mem = rxd.Region(cell.all, "mem", shape=rxd.membrane)
    na = rxd.Species(cyt, "na", d=0.6, charge=1, initial=lambda node: 10 + 30 * np.exp(-node.x / 0.2))
    k = rxd.Species(cyt, "k", d=1.0, charge=1, initial=140)
    rate = 2e5 * (na[cyt] / (na[cyt] + 20)) ** 3 * (1 + rxd.v / 200)
    model.add(
        rxd.MultiCompartmentReaction(3 * na[cyt], 2 * k[cyt], rate, membrane=mem, custom_dynamics=True, membrane_flux=True)
    )
    return model


def accumulation() -> rxd.Model:
    """Spikes that change sodium and potassium inside and in a thin shell outside, which moves their reversal potentials."""
    cell = geometry.cylinder(100, 1)
    model = rxd.Model(cell, segments=5)
    model.insert(library.hh(), on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    out = rxd.Region(cell.all, "out", side="o", shape=rxd.Shell(1, 1.1))
    na = rxd.Species([cyt, out], "na", d=0.6, charge=1, initial={cyt: 10, out: 145})
    k = rxd.Species([cyt, out], "k", d=1.0, charge=1, initial={cyt: 54.4, out: 2.5})
    model.add(na, k, rxd.IClamp(cell.all(0.0), amp=0.2, delay=0.5, dur=1.0))
    return model


def little_neuron() -> rxd.Model:
    """A small pyramidal cell: several species on different parts of it, a buffer that stays, calcium current, a synapse."""
    cell = geometry.examples.pyramidal_cell(n_basal=1, n_oblique=1, n_trunk=2)
    model = rxd.Model(cell, segments=1)
    model.insert(library.hh(), on=cell.soma | cell.axon)
    model.insert(library.pas(g=1e-4, e=-65), on=cell.dendrites)
    model.insert(library.ca_hva(), on=cell.dendrites)
    cyt = rxd.Region(cell.dendrites | cell.soma, "cyt", side="i", shape=rxd.FractionalVolume(0.8, surface_fraction=1))
    part = rxd.Region(cell.apical, "part", shape=rxd.FractionalVolume(0.2))
    ca = rxd.Species(cyt, "ca", d=0.2, charge=2, initial=1e-4)
    tracer = rxd.Species(part, "tracer", d=1.0, initial=lambda node: np.asarray(node.x))
    buffer = rxd.Species(cyt, "buffer", initial=0.02)
    bound = rxd.Species(cyt, "bound", initial=0.001)
    model.add(tracer, rxd.Reaction(ca[cyt] + buffer[cyt], bound[cyt], 100.0, 0.1))
    model.add(rxd.IClamp(cell.soma(0.5), amp=1.0, delay=0.5, dur=2.0))
    synapse = rxd.PointProcess(library.exp_syn(tau=1.0), cell["apic[1]"](0.5))
    model.add(rxd.NetCon(rxd.SpikeSource(times=[1.3]), synapse, weight=2e-3, delay=0.1))
    return model


def demo_cell() -> rxd.Model:
    """The demonstration on a small pyramidal cell, a segment a section: a synapse makes it fire and a wave begins."""
    cell = geometry.examples.pyramidal_cell(n_basal=1, n_oblique=1, n_trunk=2)
    model = demo.build(cell, demo.Settings(start=0.5, interval=2.0, weight=0.01)).model
    model.segments = 1
    return model


MODELS: dict[str, tuple[Callable[[], rxd.Model], float]] = {
    "hh_cable": (hh_cable, 4.0),
    "calcium_wave": (calcium_wave, 100.0),
    "electrogenic_pump": (electrogenic_pump, 8.0),
    "accumulation": (accumulation, 4.0),
    "little_neuron": (little_neuron, 4.0),
    "demo_cell": (demo_cell, 4.0),
}


@dataclass
class Case:
    """A model, how long it is run, and its solution to 1e-10."""

    model: rxd.Model
    until: float
    found: dict[str, Any] = field(default_factory=dict)

    def run(self, **options: Any) -> rxd.Results:
        """Everything, at 40 times."""
        simulation = self.model.compile(**options)
        return simulation.run(self.until, record=list(simulation.discretization.layout.blocks), every=self.until / 40)

    def reference(self) -> rxd.Results:
        """The solution that others are compared with."""
        if "reference" not in self.found:
            self.found["reference"] = self.run(rtol=1e-10, tableau="rodas5p")
        return self.found["reference"]

    def error(self, results: rxd.Results, last: bool = False) -> float:
        """Largest difference from the reference in any unknown, relative to the largest value of that unknown."""
        worst = 0.0
        for values, exact in zip(results.values, self.reference().values, strict=True):
            size = np.abs(exact).max()
            difference = np.abs(values - exact)
            worst = max(worst, float((difference[-1] if last else difference).max() / (size if size > 0 else 1.0)))
        return worst


@pytest.fixture(scope="session")
def cases() -> dict[str, Case]:
    """All models by name."""
    return {name: Case(build(), until) for name, (build, until) in MODELS.items()}


@pytest.fixture(params=list(MODELS))
def case(request: pytest.FixtureRequest, cases: dict[str, Case]) -> Case:
    """One model after the other."""
    return cases[request.param]
