"""A model that several tests share, so that its kernels are compiled once."""

from __future__ import annotations

from collections.abc import Callable

import pytest

import rxd
from geometry import Morphology
from rxd import library

Pumped = Callable[..., tuple[rxd.Model, rxd.Species, rxd.Species, rxd.Region]]


def pumped_model(
    cell: Morphology, segments: int, channels: bool = True
) -> tuple[rxd.Model, rxd.Species, rxd.Species, rxd.Region]:
    """Squid axon whose currents all carry ions that are species on both sides, the pump's too: nothing else charges it.

    Out: the model, sodium, potassium, the membrane region.
    """
    model = rxd.Model(cell, segments=segments)
    if channels:
        model.insert(library.hh(gl=0.0), on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    out = rxd.Region(cell.all, "out", side="o", shape=rxd.Shell(1.0, 1.4))
    membrane = rxd.Region(cell.all, "mem", shape=rxd.membrane)
    na = rxd.Species([cyt, out], "na", d=0.6, charge=1, initial={cyt: 10.0, out: 140.0})
    k = rxd.Species([cyt, out], "k", d={cyt: 1.0, out: 0.0}, charge=1, initial={cyt: lambda node: 50 + 9 * node.x, out: 2.5})
    pump = 3000.0 * na[cyt] / (na[cyt] + 20) * k[out] / (k[out] + 2)
    lhs, rhs = 3 * na[cyt] + 2 * k[out], 3 * na[out] + 2 * k[cyt]
    model.add(rxd.MultiCompartmentReaction(lhs, rhs, pump, membrane=membrane, custom_dynamics=True, membrane_flux=True))
    return model, na, k, membrane


@pytest.fixture
def pumped() -> Pumped:
    """Builder of that model: ``pumped(cell, segments)``."""
    return pumped_model
