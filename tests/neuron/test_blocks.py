"""Python code in NEURON's steps: `neuron.nonvint_block_supervisor`."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from rxd.neuron import NotSupported, h, rxd


@pytest.fixture
def nbs(session: object) -> object:
    return importlib.import_module("rxd.neuron.nonvint_block_supervisor")


def block(init: object = None, step: object = None, setup: object = None, variable: object = None) -> list[object]:
    return [setup, init, None, None, step, variable, *[None] * 5]


def test_calls_come_once_a_step_with_its_start_and_length(nbs: object) -> None:
    ball = h.Section(name="ball")
    ball.insert("pas")
    said: list[object] = []
    handler = h.FInitializeHandler(1, lambda: said.append("handler"))
    first = block(
        lambda: said.append(("init", h.t, ball(0.5).v)), lambda dt: said.append((dt, h.t)), lambda: said.append("setup")
    )
    nbs.register(first)
    nbs.register(first)
    assert nbs.call == [first]
    h.finitialize(-60)
    h.fadvance()
    h.fadvance()
    assert said == ["setup", ("init", 0.0, -60.0), "handler", (0.025, 0.0), (0.025, 0.025)]
    said.clear()
    h.finitialize(-61)
    nbs.unregister(first)
    nbs.unregister(first)
    h.fadvance()
    assert said == [("init", 0.0, -61.0), "handler"]
    nbs.register(first)
    nbs.clear()
    assert nbs.call == []
    assert handler is not None


def test_concentrations_set_at_every_step_are_those_recorded(nbs: object) -> None:
    """A simulator from outside: between its numbers the rest of the chemistry goes on."""
    ball = h.Section(name="ball")
    cyt = rxd.Region([ball], name="cyt", nrn_region="i")
    a, b = (rxd.Species(cyt, name=name, initial=0.0) for name in ("outside_a", "outside_b"))
    rates = rxd.Rate(b, a), rxd.Rate(a, -a)
    nbs.register(block(step=lambda dt: setattr(a.nodes[0], "concentration", h.t + dt)))
    t, seen = h.Vector().record(h._ref_t), h.Vector().record(a.nodes[0]._ref_concentration)
    h.finitialize(-60)
    h.continuerun(2)
    np.testing.assert_allclose(seen.as_numpy(), t.as_numpy(), atol=1e-12)
    # backward Euler sees a fall from t to t / (1 + dt) in the step that follows
    assert b.nodes[0].concentration == pytest.approx(sum(n * 0.025 for n in range(80)) * 0.025 / 1.025)
    assert all(rates)


def test_what_would_be_left_out_is_refused(nbs: object) -> None:
    wanted = block()
    wanted[2] = lambda rhs: None
    with pytest.raises(NotSupported, match="current and conductance"):
        nbs.register(wanted)
    ball = h.Section(name="ball")
    ball.insert("pas")
    nbs.register(block(variable=lambda offset: 1))
    h.CVode().active(True)
    with pytest.raises(NotSupported, match="switch CVode off"):
        h.finitialize(-60)
