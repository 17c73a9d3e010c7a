"""`rxd.nthread`: several threads in voxels and boxes, and the same numbers to the last bit."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.neuron import Session, h, rxd
from rxd.solve import split_helpers


def bulb():
    """A bulb in voxels, a channel in its membrane and a buffer inside."""
    solid = h.Section(name="solid")
    for x, y, z in ((0, 0, 0), (6, 0.5, 0.2)):
        solid.pt3dadd(x, y, z, 6)
    solid.insert("hh")
    rxd.set_solve_type([solid], dimension=3)
    cyt = rxd.Region([solid], nrn_region="i", dx=0.3)
    k = rxd.Species(cyt, name="k", charge=1, d=2, initial=lambda node: 50 + 20 * np.sin(node.x3d))
    b = rxd.Species(cyt, name="b", d=0.3, initial=1)
    kb = rxd.Species(cyt, name="kb", d=0.3, initial=0)
    return solid, cyt, k, b, kb, rxd.Reaction(k + b, kb, 0.1, 1)


def box():
    """Potassium in a box beside a section."""
    sec = h.Section(name="s")
    sec.insert("hh")
    h.define_shape()
    ecs = rxd.Extracellular(-10, -20, -20, 110, 20, 20, dx=(5, 2.5, 2))
    k = rxd.Species(ecs, name="k", charge=1, d=2, initial=lambda node: 3 + np.sin(node.x3d / 7 + node.y3d))
    return sec, ecs, k, rxd.Rate(k, 0.1 * (3 - k))


def states(build, threads):
    """Concentrations after some steps, one at a time and several in one call."""
    with Session():
        kept = build()
        assert rxd.nthread(threads) == threads
        h.dt = 0.1
        h.finitialize(-65)
        h.fadvance()
        h.continuerun(0.5)
        return [np.array(species.nodes.value) for species in kept if isinstance(species, rxd.Species)]


@pytest.mark.parametrize("build", [bulb, box])
def test_threads_do_not_change_a_bit(build, monkeypatch):
    monkeypatch.setattr("rxd.neuron.engine.fixed.ENOUGH", 0)
    one, calls = states(build, 1), []
    helped = split_helpers.help_out
    with monkeypatch.context() as helpless:
        helpless.setattr(split_helpers, "entry", lambda *arguments: calls.append(arguments[0]) or (lambda *_: None))
        without_help = states(build, 2)
    assert calls
    assert all(call is helped for call in calls)
    for values, other, third in zip(one, without_help, states(build, 2), strict=True):
        assert len(values) >= 4096
        assert np.array_equal(values, other)
        assert np.array_equal(values, third)


def test_single_steps_of_small_models_wake_nobody(monkeypatch, session):
    # to wake a thread and to wait for it takes longer than they do
    woken = []
    monkeypatch.setattr(split_helpers, "keep_away", lambda *_: woken.append(1))
    kept = box()
    rxd.nthread(2)
    h.dt = 0.1
    h.finitialize(-65)
    h.continuerun(1)
    runs = len(woken)
    assert runs > 0
    made = dict(session.run.engine.stepper._kept)
    for _ in range(3):
        h.fadvance()
    assert len(woken) == runs
    h.continuerun(2.5)
    assert len(woken) > runs
    assert made.items() <= session.run.engine.stepper._kept.items()  # nothing was made anew for that
    runs = len(woken)
    monkeypatch.setattr("rxd.neuron.engine.fixed.ENOUGH", 4096)
    h.fadvance()
    assert len(woken) == runs + 1
    assert kept is not None
