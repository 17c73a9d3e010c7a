"""What `CVode.extra_scatter_gather` calls, and what is seen then."""

from __future__ import annotations

import math

import pytest

from rxd.neuron import h, rxd

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def decay():
    """A ball that discharges with a time constant of 10 ms while a species decays with one of 5."""
    ball = h.Section(name="ball")
    ball.L = ball.diam = 10
    ball.insert("pas")
    ball.g_pas, ball.e_pas = 1e-4, -70
    cyt = rxd.Region([ball], name="cyt")
    x = rxd.Species(cyt, name="x", initial=1)
    h.dt = 0.1
    return ball, cyt, x, rxd.Rate(x, -0.2 * x)


def test_voltage_is_new_and_chemistry_old_within_a_fixed_step(decay):
    ball, _, x, _ = decay
    seen = []
    h.CVode().extra_scatter_gather(0, lambda: seen.append((h.t, ball(0.5).v, x.nodes[0].value)))
    h.finitialize(-60)
    assert seen == []
    for _ in range(3):
        h.fadvance()
    v, c = 1 / (1 + 0.1 / 10), 1 / (1 + 0.1 / 5)
    for step, found in enumerate(seen):
        assert found == pytest.approx((0.1 * step, -70 + 10 * v ** (step + 1), c**step), rel=1e-9)
    assert x.nodes[0].value == pytest.approx(c**3, rel=1e-9)


def test_nodes_are_what_they_were_set_to_also_where_a_segment_shows_something_else():
    """`seg.ko` follows with the next step, and so do the currents of the step in between."""
    cell = h.Section(name="cell")
    cell.insert("hh")
    ecs = rxd.Extracellular(-30, -30, -30, 90, 30, 30, dx=20)
    k = rxd.Species(ecs, name="k", d=1, charge=1, initial=1)
    rest = rxd.State(ecs, name="rest", initial=4)
    seen = []
    h.CVode().extra_scatter_gather(0, lambda: seen.append((set(k.nodes.value), set(rest.nodes.value))))
    h.finitialize(-65)
    k.nodes.value = 0.3
    h.fadvance()
    assert seen == [({0.3}, {4.0})]
    assert k.nodes.value == pytest.approx([0.3] * 54, abs=1e-3)


def test_what_is_changed_within_a_step_counts(decay):
    ball, _, x, _ = decay

    def clamp():
        x.nodes[0].value = 2.0
        ball(0.5).v = -50

    cvode = h.CVode()
    cvode.extra_scatter_gather(0, clamp)
    h.finitialize(-60)
    h.fadvance()
    assert ball(0.5).v == -50
    assert x.nodes[0].value == pytest.approx(2 - 0.02, abs=5e-4)  # 2, less a decay of the old value
    cvode.extra_scatter_gather_remove(clamp)
    h.fadvance()
    assert x.nodes[0].value == pytest.approx(1.98 / 1.02, abs=5e-4)


def test_variable_steps_are_seen_from_time_0_on(decay):
    ball, _, x, _ = decay
    cvode, seen = h.CVode(), []
    cvode.active(True)
    cvode.atol(1e-6)
    cvode.extra_scatter_gather(0, lambda: seen.append((h.t, ball(0.5).v, x.nodes[0].value)))
    h.finitialize(-60)
    assert seen == [(0, -60, 1)]
    x.nodes[0].value = 3
    cvode.re_init()
    assert seen[1:] == [(0, -60, 3)]
    h.continuerun(1)
    assert len(seen) > 3
    for t, v, c in seen[1:]:
        assert (v, c) == pytest.approx((-70 + 10 * math.exp(-t / 10), 3 * math.exp(-t / 5)), abs=1e-4)
