"""`h.ion_style` in sections where a species is: a script may hold the reversal potential between two calls of `finitialize`."""

from __future__ import annotations

import pytest

from rxd.neuron import Session, h, rxd


@pytest.fixture(autouse=True)
def session():
    with Session() as session:
        yield session


def soma(name, y):
    sec = h.Section(name=name)
    sec.pt3dadd(0, y, 0, 2)
    sec.pt3dadd(6, y, 0, 2)
    sec.insert("hh")
    return sec


def steps(t):
    while h.t < t - 1e-6:
        h.fadvance()


@pytest.mark.parametrize("dimension", [1, 3])
def test_a_reversal_potential_that_is_held(dimension):
    """v of NEURON 9.0.2; with voxels it has -55.0476, -51.8963 and -50.1016 (its scale of currents there differs).

    `ek` is what the script sets, and the next style lets it follow again, from what currents have made of ki by then.
    """
    held, other = soma("held", 0), soma("other", 40)
    held.nseg = 3
    if dimension == 3:
        rxd.set_solve_type([held], dimension=3)
    cyt = rxd.Region([held, other], nrn_region="i", dx=0.5)
    k = rxd.Species(cyt, name="k", d=1, charge=1, initial=60)
    h.finitialize(-60)
    steps(0.5)
    h.ion_style("k_ion", 3, 1, 0, 0, 0, sec=held)
    for segment in held:
        segment.ek = -50 + 10 * segment.x
    steps(1)
    assert [segment.ek for segment in held] == pytest.approx([-50 + 10 * segment.x for segment in held], abs=1e-12)
    assert held(0.5).v == pytest.approx(-55.047691, abs=1e-4)
    assert other.ek == pytest.approx(-76.530216, abs=1e-5)
    held(5 / 6).ek = -90
    steps(1.5)
    assert held(5 / 6).ek == -90
    assert held(0.5).v == pytest.approx(-51.896388, abs=1e-4)
    h.ion_style("k_ion", 3, 2, 1, 1, 0, sec=held)
    steps(2)
    assert held(0.5).v == pytest.approx(-50.102122, abs=5e-4)
    assert [segment.ek for segment in held] == pytest.approx([-76.5300] * 3, abs=2e-3)
    assert k is not None


@pytest.mark.parametrize("adaptive", [False, True])
def test_held_recorded_and_let_go(adaptive):
    """In NEURON 9.0.2 as in `h.ion_style`'s documentation: until `finitialize`, which sets the style of a species."""
    sec = soma("sec", 0)
    k = rxd.Species(rxd.Region([sec], nrn_region="i"), name="k", d=0, charge=1, initial=60)
    h.CVode().active(adaptive)
    seen = h.Vector().record(sec(0.5)._ref_ek)
    h.finitialize(-60)
    start = sec.ek
    h.ion_style("k_ion", 3, 1, 0, 0, 0, sec=sec)
    sec.ek = -70
    h.CVode().re_init()
    h.CVode().solve(0.5) if adaptive else steps(0.5)
    assert set(seen.to_python()[2:]) == {-70.0}
    h.finitialize(-60)
    assert sec.ek == pytest.approx(start, abs=1e-12)
    assert h.ion_style("k_ion", sec=sec) == 119
    assert k is not None


def test_the_style_of_a_box_stays_held():
    """v of NEURON 9.0.2; `finitialize` sets styles of boxes only where sections have changed."""
    near, far = soma("near", 0), soma("far", 400)
    ecs = rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=10, volume_fraction=0.2)
    k = rxd.Species(ecs, name="k", d=1, charge=1, initial=4)
    h.finitialize(-60)
    for sec in (near, far):
        h.ion_style("k_ion", 3, 1, 0, 0, 0, sec=sec)
        sec.ek = -70
    for _ in range(2):
        steps(0.5)
        assert [near.ek, far.ek] == [-70, -70]
        assert [near.v, far.v] == pytest.approx([-61.0929] * 2, abs=1e-4)
        h.finitialize(-60)
    assert k is not None
