"""Mechanisms and range variables as scripts see them in a segment."""

from __future__ import annotations

import pytest

from rxd.neuron import Session, h, rxd


@pytest.fixture
def sec():
    with Session():
        made = h.Section(name="s")
        made.nseg = 3
        made.insert("hh")
        yield made


def test_mechanisms_of_a_segment(sec):
    hh = sec(0.5).hh
    assert (hh.name(), hh.is_ion(), hh.segment()) == ("hh", False, sec(0.5))
    hh.gnabar = 0.2
    assert [seg.hh.gnabar for seg in sec] == pytest.approx([0.12, 0.2, 0.12])
    assert hh._ref_gnabar[0] == sec(0.5).gnabar_hh == 0.2
    assert {"gnabar", "gkbar", "el"} <= set(dir(hh))
    with pytest.raises(AttributeError, match="hh has: "):
        hh.nothing  # noqa: B018
    ions = {mechanism.name() for mechanism in sec(0.5) if mechanism.is_ion()}
    assert ions == {"na_ion", "k_ion"}


def test_variables_of_a_mechanism(sec):
    found = {variable.name(): variable for variable in sec(0.5).hh}
    g = found["gkbar_hh"]
    g[0] = 0.5
    assert (g[0], len(g), g.mech().name(), sec(0.5).gkbar_hh) == (0.5, 1, "hh", 0.5)
    with pytest.raises(IndexError, match="one element"):
        g[1]
    h.pas.insert(sec)
    assert sec.has_membrane("pas")


def test_range_variables_in_a_section(sec):
    sec.gl_hh = 1e-4
    assert [seg.gl_hh for seg in sec] == [1e-4] * 3
    for wrong, message in (
        (lambda: sec(0.5).g_pas, "does not exist at s"),
        (lambda: sec(0.5).nothing, "has no attribute 'nothing'"),
    ):
        with pytest.raises(AttributeError, match=message):
            wrong()
    with pytest.raises((ValueError, TypeError), match="gl_hh"):
        sec.gl_hh = "much"
    ca = rxd.Species(rxd.Region(sec, nrn_region="i"), name="ca", charge=2, initial=2)
    assert sec(0.5).cai == 2
    assert ca.nodes.value == [2, 2, 2]


def test_a_leak_may_be_changed_during_a_run(sec):
    """A passive cell relaxes by backward Euler with the conductance that a script has set last, and to that potential."""
    sec.uninsert("hh")
    sec.insert("pas")
    sec.cm, h.dt = 1.0, 0.025

    def relax(g, e):
        for seg in sec:
            seg.pas.g, seg.pas.e = g, e
        before = sec(0.5).v - e
        h.continuerun(h.t + 1)
        return (sec(0.5).v - e) / before

    for seg in sec:
        seg.pas.g, seg.pas.e = 1e-4, -50
    h.finitialize(-70)
    for g, e in ((1e-4, -50), (1e-3, -50), (1e-3, -80), (2e-4, -80)):
        assert relax(g, e) == pytest.approx((1 + 1e3 * g * h.dt) ** -40, rel=1e-9)


def test_initial_concentrations_that_a_script_has_set_count_with_finitialize_alone(sec):
    h.ki0_k_ion, h.ko0_k_ion = 120, 3.5
    sec.insert("hh")
    late = h.Section(name="late")
    late.insert("k_ion")
    h.finitialize(-65)
    assert (late.ki, late.ko, late.ek) == (sec.ki, sec.ko, sec.ek) == (54.4, 2.5, -77)  # as in NEURON 9: nobody moves ki
    potassium = rxd.Species(rxd.Region([late], nrn_region="i"), name="k", charge=1)
    h.finitialize(-65)
    assert (late.ki, late.ko, potassium.nodes.value, sec.ki) == (120, 3.5, [120], 54.4)


def test_vars_gives_names_as_in_neuron(session):
    """Scripts that record all they find loop over it; values come by the names alone."""
    soma = h.Section(name="soma")
    soma.insert("hh")
    synapse, cell = h.ExpSyn(soma(0.5)), h.NetStim()
    synapse.tau = 3
    assert set(vars(synapse)) == {"tau", "e", "i", "g", "loc", "get_loc", "has_loc", "get_segment"}  # scripts record all others
    assert {*vars(synapse), "hname", "same"} <= set(dir(synapse))
    assert {"gnabar", "m", "il"} <= set(vars(soma(0.5).hh))
    assert set(vars(cell).values()) == {None}
    assert synapse.tau == 3
