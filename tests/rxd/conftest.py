"""Two small models that the tests of `rxd` share, so that their kernels are compiled once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import geometry
import rxd
from rxd import library


@dataclass(frozen=True)
class Made:
    """A model with the things a test wants to name."""

    model: rxd.Model
    cell: geometry.Morphology
    cyt: rxd.Region
    species: rxd.Species

    def compile(self, dt: float = 0.025, **options: Any) -> rxd.Simulation:
        return self.model.compile("split", dt=dt, **options)


def build_plain(initial: Any = None, d: float = 1.0, segments: Any = 4) -> Made:
    """One species that diffuses in a cylinder."""
    cell = geometry.cylinder(20, 1)
    cyt = rxd.Region(cell.all, "cyt")
    c = rxd.Species(cyt, "c", d=d, initial=(lambda node: 1 + node.x) if initial is None else initial)
    model = rxd.Model(cell, segments=segments)
    model.add(c)
    return Made(model, cell, cyt, c)


def build_spiking(amp: float = 0.4, weight: float = 2e-3, gnabar: Any = 0.12, segments: Any = 3, train: Any = (2.51,)) -> Made:
    """A branched spiking cell with buffered calcium in one daughter, a synapse, a detector, and both kinds of connections."""
    cell = geometry.examples.y_branch()
    model = rxd.Model(cell, segments=segments)
    model.insert(library.hh(gnabar=gnabar), on=cell.all)
    cyt = rxd.Region(cell["left"], "cyt", side="i")
    ca = rxd.Species(cyt, "ca", d=0.6, charge=2, initial=lambda node: 1e-3 * (1 + np.asarray(node.x)))
    buf = rxd.Species(cyt, "buf", initial=0.05)
    bound = rxd.Species(cyt, "bound")
    model.add(rxd.Reaction(ca + buf, bound, 100.0, 0.1))
    end, synapse = cell["right"](1.0), rxd.PointProcess(library.exp_syn(tau=2.0, e=0.0), cell["left"](0.5))
    model.add(rxd.IClamp(cell["parent"](0.0), amp=amp, delay=0.5, dur=1.0), rxd.Detector(end, threshold=-20.0))
    model.add(rxd.NetCon(rxd.Detector(end, threshold=-20.0), synapse, weight=weight, delay=0.7))
    model.add(rxd.NetCon(rxd.SpikeSource(times=list(train)), synapse, weight=weight, delay=0.0))
    return Made(model, cell, cyt, ca)


@pytest.fixture
def plain() -> Callable[..., Made]:
    """Builder of a cylinder with one diffusing species."""
    return build_plain


@pytest.fixture
def spiking() -> Callable[..., Made]:
    """Builder of a branched spiking cell with calcium, a synapse and events."""
    return build_spiking
