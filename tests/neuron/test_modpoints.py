"""Point processes and artificial cells of mod files: what their equations and events do is written out beside them."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.neuron import h

SYNAPSE = """
NEURON { POINT_PROCESS Syn NONSPECIFIC_CURRENT i RANGE tau, e, g GLOBAL scale }
PARAMETER { tau = 4 (ms)  e = 0 (mV)  scale = 1 }
ASSIGNED { v (mV)  i (nA)  g (uS)  factor }
STATE { s (uS) }
INITIAL { factor = 2*scale }
BREAKPOINT { SOLVE d METHOD cnexp  g = 3*s  i = g*(v - e) }
DERIVATIVE d { s' = -s/tau }
NET_RECEIVE(weight (uS)) { s = s + weight*factor }
"""

PLASTIC = """
NEURON { POINT_PROCESS Plastic NONSPECIFIC_CURRENT i RANGE open }
ASSIGNED { v i open }
STATE { s }
INITIAL { open = 0 }
BREAKPOINT { SOLVE d METHOD cnexp  i = s*(1 + open)*v }
DERIVATIVE d { s' = -s/5 }
NET_RECEIVE(weight, strength, last (ms)) {
    INITIAL { strength = 1  last = -1 }
    if (flag == 0) {
        s = s + weight*strength
        strength = strength/2  last = t
        open = 1
        net_send(2, 1)
    } else {
        open = 0
        net_event(t)
    }
}
"""

PULSE = """
NEURON { POINT_PROCESS Pulse ELECTRODE_CURRENT i RANGE del, dur, amp }
PARAMETER { del = 1 (ms) dur = 2 (ms) amp = 0.1 (nA) }
ASSIGNED { i (nA) }
BREAKPOINT { at_time(del)  if (t < del || t > del + dur) { i = 0 } else { i = amp } }
"""

CELL = """
NEURON { ARTIFICIAL_CELL Cell RANGE tau, m }
PARAMETER { tau = 10 (ms) }
ASSIGNED { m  last (ms) }
INITIAL { m = 0  last = 0  net_send(3, 7) }
NET_RECEIVE(w) {
    m = m*exp(-(t - last)/tau)  last = t
    if (flag == 7) { m = m + 0.6  net_send(4, 7) } else { m = m + w }
    if (m > 0.9) { m = 0  net_event(t) }
}
"""

POOL = """
NEURON { SUFFIX pool USEION ca READ ica WRITE cai }
UNITS { F = (faraday) (coulomb) }
ASSIGNED { ica }
STATE { cai }
INITIAL { cai = 1e-4 }
BREAKPOINT { SOLVE s METHOD cnexp }
DERIVATIVE s { cai' = -1e4*ica/(2*F) + (1e-4 - cai)/10 }
"""

CALCIUM = """
NEURON { POINT_PROCESS CaSyn USEION ca WRITE ica RANGE g }
PARAMETER { g = 0 }
ASSIGNED { ica }
BREAKPOINT { ica = -50*g }
"""


MODS = {"pool": POOL, "casyn": CALCIUM, "syn": SYNAPSE, "plastic": PLASTIC, "pulse": PULSE, "cell": CELL}


@pytest.fixture
def soma(mods):
    section = h.Section(name="soma")
    section.L = section.diam = 10
    section.insert("pas")
    return section


def run(t):
    h.finitialize(-70)
    h.continuerun(t)


def test_variables(soma):
    syn = h.Syn(soma(0.5))
    assert (syn.tau, syn.e, syn.hname(), h.scale_Syn) == (4, 0, "Syn[0]", 1)
    syn.tau = 6
    assert syn.tau == 6
    assert syn.get_segment() == soma(0.5)
    with pytest.raises(AttributeError, match="Syn has: tau, e"):
        syn.nothing  # noqa: B018


def test_a_synapse_in_neurons_steps(soma):
    syn = h.Syn(soma(0.5))
    h.scale_Syn = 1.5
    source = h.NetStim()
    source.start, source.number, source.interval = 1, 2, 3
    connection = h.NetCon(source, syn)
    connection.weight[0], connection.delay = 1e-4, 0.5
    recorded = [h.Vector().record(pointer) for pointer in (soma(0.5)._ref_v, syn._ref_s, syn._ref_i)]
    run(8)
    v, s, capacitance, leak = -70.0, 0.0, math.pi * 1e-3, 0.001 * math.pi  # nF and uS of 100 pi um2
    rows = [(v, s)]
    for step in range(320):
        if step in {60, 180}:
            s += 3e-4
        g = 3 * s
        v -= (g * v + leak * (v + 70)) / (capacitance / 0.025 + g + leak)
        s *= math.exp(-0.025 / 4)
        rows.append((v, s))
    expected = np.array(rows).T
    assert np.array(recorded[0]) == pytest.approx(expected[0], rel=1e-9)
    assert np.array(recorded[1]) == pytest.approx(expected[1], rel=1e-10)
    assert syn.g == pytest.approx(3 * expected[1][-2], rel=1e-9)  # of the last step's start
    assert np.array(recorded[2]).min() < 0


def test_events_with_several_weights_and_to_itself(soma):
    syn = h.Plastic(soma(0.5))
    source = h.NetStim()
    source.start, source.number, source.interval = 1, 3, 5
    connection = h.NetCon(source, syn)
    connection.weight[0], connection.delay = 1e-4, 0
    assert connection.wcnt() == 3
    sent = h.Vector()
    listener = h.NetCon(syn, None)
    listener.record(sent)
    h.finitialize(-70)
    assert list(connection.weight) == [1e-4, 1, -1]
    h.continuerun(1.5)
    assert (syn.open, list(connection.weight)) == (1, [1e-4, 0.5, 1])
    h.continuerun(20)
    assert syn.open == 0
    assert list(connection.weight) == [1e-4, 0.125, 11]
    assert list(sent) == [3, 8, 13]
    amounts = sum(w * math.exp(-(20 - t) / 5) for t, w in ((1, 1e-4), (6, 0.5e-4), (11, 0.25e-4)))
    assert syn.s == pytest.approx(amounts, rel=1e-9)
    run(0.1)
    assert list(connection.weight) == [1e-4, 1, -1]


def test_an_electrode_brings_its_current_in(soma):
    pulse = h.Pulse(soma(0.5))
    pulse.amp = 0.05
    clamp_free = h.Vector().record(soma(0.5)._ref_v)
    run(5)
    with_mod = np.array(clamp_free)
    pulse.amp = 0
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 2, 0.05
    run(5)
    assert with_mod == pytest.approx(np.array(clamp_free), rel=1e-12)
    assert with_mod.max() > -65


def test_an_artificial_cell(soma):
    cell = h.Cell()
    fired = h.Vector()
    listener = h.NetCon(cell, None)
    listener.record(fired)
    run(30)
    m, last, expected = 0.0, 0.0, []
    for t in range(3, 31, 4):
        m = m * math.exp(-(t - last) / 10) + 0.6
        last = t
        if m > 0.9:
            m = 0.0
            expected.append(t)
    assert list(fired) == expected
    assert len(expected) > 1
    assert cell.m == pytest.approx(m)


def test_calcium_of_a_synapse_enters_what_a_mechanism_writes(soma):
    soma.insert("pool")
    syn = h.CaSyn(soma(0.5))
    syn.g = 1e-4
    recorded = h.Vector().record(soma(0.5)._ref_cai)
    current = h.Vector().record(soma(0.5)._ref_ica)
    run(5)
    cai, density = 1e-4, 1e-4 * -50 * 100 / (100 * math.pi)  # mA/cm2
    for seen in np.array(recorded):
        assert seen == pytest.approx(cai, rel=1e-10)
        goal = 1e-4 - 10 * 1e4 * density / (2 * 96485.33212331001)
        cai = goal + (cai - goal) * math.exp(-0.025 / 10)
    assert np.array(current)[1:] == pytest.approx(density, rel=1e-12)
    assert cai > 3e-4


DEPRESSING = """
NEURON { POINT_PROCESS Depressing RANGE x, u }
PARAMETER { u = 0.5 }
STATE { x }
INITIAL { x = 1 }
BREAKPOINT { SOLVE recovery METHOD cnexp }
DERIVATIVE recovery { x' = (1 - x)/100 }
NET_RECEIVE(w) { x = x - u*x }
"""


def test_a_variable_called_x_is_not_the_place(soma, tmp_path):
    (tmp_path / "depressing.mod").write_text(DEPRESSING)
    h.nrn_load_dll(str(tmp_path))
    soma.nseg = 3
    synapse = h.Depressing(soma(0.9))
    connection, recorded = h.NetCon(None, synapse), h.Vector().record(synapse._ref_x)
    h.finitialize(-65)
    assert synapse.x == 1
    connection.event(0)
    h.continuerun(10)
    assert synapse.x == pytest.approx(1 - 0.5 * math.exp(-0.1), abs=1e-3)
    assert recorded[len(recorded) - 1] == synapse.x
    synapse.x = 0.25
    assert synapse.x == 0.25
    assert synapse.get_segment() == soma(0.9)
    assert synapse.get_loc() == pytest.approx(5 / 6)
    h.pop_section()


def test_another_target_may_have_more_weights_or_fewer(soma):
    plain, plastic = h.ExpSyn(soma(0.5)), h.Plastic(soma(0.5))
    connection = h.NetCon(None, plain)
    connection.weight[0], connection.delay = 2e-4, 0
    connection.setpost(plastic)
    assert list(connection.weight) == [2e-4, 0, 0]
    h.finitialize(-70)
    connection.event(1)
    h.continuerun(1.5)
    assert list(connection.weight) == [2e-4, 0.5, 1]
    connection.setpost(None)
    assert connection.wcnt() == 3
    connection.setpost(plain)
    assert list(connection.weight) == [2e-4]
