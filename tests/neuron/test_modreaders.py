"""What mod files without a current of their own see of the currents of ions, and what tables leave beside their variables."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.neuron import h, rxd

CHANNEL = """
NEURON { SUFFIX chan USEION ca READ eca WRITE ica RANGE g }
PARAMETER { g = 1e-4 }
ASSIGNED { v eca ica }
STATE { m }
INITIAL { m = 1/(1+exp(-(v+40)/6)) }
BREAKPOINT { SOLVE s METHOD cnexp  ica = g*m*(v-eca) }
DERIVATIVE s { m' = (1/(1+exp(-(v+40)/6)) - m)/0.7 }
"""

READER = """
NEURON { SUFFIX reader USEION ca READ ica RANGE seen, inner, bare }
ASSIGNED { v ica seen inner bare }
STATE { c }
INITIAL { c = 0.1 seen = 5 inner = 2*c }
BREAKPOINT { SOLVE s METHOD cnexp  seen = ica }
DERIVATIVE s { inner = 3*ica  bare = ica - 1  c' = -ica*10 - c/2 }
"""

LISTENER = """
NEURON { POINT_PROCESS Listener USEION ca READ ica RANGE seen }
ASSIGNED { ica seen }
INITIAL { seen = 7 }
BREAKPOINT { seen = 2*ica }
"""

SYNAPSE = """
NEURON { POINT_PROCESS CaSyn USEION ca READ eca WRITE ica RANGE g }
PARAMETER { g = 1e-4 }
ASSIGNED { v eca ica }
BREAKPOINT { ica = g*(v-eca) }
"""

TABLED = """
NEURON { SUFFIX tabled NONSPECIFIC_CURRENT i RANGE g GLOBAL tadj, q10 }
PARAMETER { g = 1e-4 q10 = 2 }
ASSIGNED { v i celsius tadj minf scale }
STATE { m }
INITIAL { rates(v) m = minf }
BREAKPOINT { SOLVE s METHOD cnexp  i = tadj*scale*g*m*(v+20) }
DERIVATIVE s { rates(v) m' = minf - m }
PROCEDURE rates(u) {
    TABLE minf DEPEND celsius FROM -100 TO 100 WITH 200
    scale = u
    tadj = factor()
    minf = 1/(1+exp(-u/9))
}
FUNCTION factor() { factor = q10^((celsius-23)/10) }
"""

UNREADY = """
NEURON { SUFFIX unready RANGE speed, c }
ASSIGNED { speed factor }
STATE { c }
INITIAL { rates()  c = 1  factor = 2 }
BREAKPOINT { SOLVE s METHOD cnexp }
DERIVATIVE s { rates()  c' = -c*speed }
PROCEDURE rates() { speed = 1/factor }
"""

MODS = {"unready": UNREADY, "chan": CHANNEL, "reader": READER, "listener": LISTENER, "casyn": SYNAPSE, "tabled": TABLED}


@pytest.fixture
def soma(mods):
    section = h.Section(name="soma")
    section.L = section.diam = 20
    for name in ("hh", "chan", "reader"):
        section.insert(name)
    return section


@pytest.mark.parametrize("with_synapse", [False, True])
def test_currents_of_ions_are_those_of_the_step_begun(soma, with_synapse):
    listener = h.Listener(soma(0.5))
    synapse = h.CaSyn(soma(0.5)) if with_synapse else None
    clamp = h.IClamp(soma(0.5))
    clamp.dur, clamp.amp = 5, 0.3
    names = ("ica", "seen_reader", "inner_reader", "bare_reader", "c_reader")
    records = [h.Vector().record(getattr(soma(0.5), f"_ref_{name}")) for name in names]
    heard = h.Vector().record(listener._ref_seen)
    h.finitialize(-65)
    h.continuerun(1)
    h.fadvance()
    ica, seen, inner, bare, c = (np.array(vector) for vector in records)
    assert np.ptp(ica) > 1e-5
    assert (seen[0], inner[0], bare[0], heard[0]) == (5, 0.2, 0, 7)  # what INITIAL has left, 0 where it leaves nothing
    assert seen[1:] == pytest.approx(ica[1:], rel=1e-12)
    assert inner[1:] == pytest.approx(3 * ica[1:], rel=1e-12)
    assert bare[1:] == pytest.approx(ica[1:] - 1, rel=1e-14)
    assert np.array(heard)[1:] == pytest.approx(2 * ica[1:], rel=1e-12)
    goal = -20 * ica[1:]
    assert c[1:] == pytest.approx(goal + (c[:-1] - goal) * np.exp(-0.5 * 0.025), rel=1e-12)
    assert (soma(0.5).seen_reader, listener.seen) == (seen[-1], heard[-1])
    if synapse is not None:
        own = soma(0.5).g_chan * soma(0.5).m_chan * (soma(0.5).v - soma(0.5).eca)
        assert abs(ica[-1]) > 1.01 * abs(own)


@pytest.mark.parametrize("adaptive", [False, True])
@pytest.mark.parametrize("neutral", [False, True])
def test_what_reactions_carry_of_an_ion_is_part_of_its_current(soma, adaptive, neutral):
    cyt, mem = rxd.Region(soma, nrn_region="i"), rxd.Region(soma, geometry=rxd.membrane)
    outside = rxd.Region(soma, nrn_region="o", geometry=rxd.Shell(1, 2))
    ca = rxd.Species([cyt, outside], name="ca", charge=2, initial=1)
    other = rxd.Species([cyt, outside], name="x", charge=-1 if neutral else 0, initial=1)
    pump = rxd.MultiCompartmentReaction(  # noqa: F841
        *(ca[cyt] + 2 * other[cyt], ca[outside] + 2 * other[outside], 1e4),
        mass_action=False,
        membrane=mem,
        membrane_flux=True,
    )
    soma.g_chan = 0
    h.cvode_active(adaptive)
    h.cvode.atol(1e-8)
    h.finitialize(-65)
    h.continuerun(0.5)
    flow = 2e4 * 1.602176634e-19 * 1e3 * 1e3 / 1e-8  # mA/cm2
    assert soma(0.5).ica == pytest.approx(flow, rel=1e-6)
    start = -20 * flow  # where c' = -10 ica - c / 2 goes
    assert soma(0.5).c_reader == pytest.approx(start + (0.1 - start) * np.exp(-0.25), rel=1e-5 if adaptive else 1e-9)
    if not adaptive:
        assert soma(0.5).seen_reader == pytest.approx(flow, rel=1e-12)


def test_a_table_leaves_the_rest_as_at_its_last_point(mods):
    section = h.Section(name="soma")
    section.L = section.diam = 20
    section.insert("tabled")
    h.celsius = 33
    m = 1 / (1 + np.exp(65 / 9))
    for use, scale in ((1, 100), (0, -65)):
        h.usetable_tabled = use
        h.finitialize(-65)
        assert section(0.5).i_tabled == pytest.approx(2 * scale * 1e-4 * m * -45, rel=1e-12)
        assert h.tadj_tabled == pytest.approx(2, rel=1e-14)


def test_what_initial_divides_by_nothing_is_shown_as_it_is_later(mods):
    section = h.Section(name="soma")
    section.insert("unready")
    h.finitialize(-65)
    assert section(0.5).speed_unready == 0.5
    h.fadvance()
    assert section(0.5).c_unready == pytest.approx(np.exp(-0.5 * 0.025), rel=1e-12)
