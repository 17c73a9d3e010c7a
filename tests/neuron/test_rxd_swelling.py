"""Boxes whose volume fraction reactions change between steps."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.neuron import Session, engine, h, rxd
from rxd.neuron.errors import RxDException
from rxd.neuron.rxd import rxdmath


@pytest.fixture(autouse=True)
def session():
    with Session() as session:
        yield session


def cell(held, uneven, by_hand):
    """A cell with hh, a flux across its membrane and a source in a box; what it is made of, and its volume fraction."""
    soma = h.Section(name="soma")
    soma.pt3dadd(0, 0, 0, 10)
    soma.pt3dadd(10, 0, 0, 10)
    soma.insert("hh")
    ecs = rxd.Extracellular(-20, -20, -20, 20, 20, 20, dx=10, volume_fraction=0.2)
    cyt = rxd.Region([soma], nrn_region="i")
    mem = rxd.Region([soma], geometry=rxd.membrane())
    outside = {"ecs_boundary_conditions": 2.5} if held else {}
    d = (lambda node, axis: 1 + axis + node.x3d / 40) if uneven else 1.0
    k = rxd.Species(
        [cyt, ecs], name="k", d=d, charge=1, initial=lambda n: 54.4 if n.region is cyt else 2.5 + n.y3d / 100, **outside
    )
    x = rxd.Species([cyt, ecs], name="x", d=2.0, initial=lambda n: 2 if n.region is cyt else 1 + n.x3d / 50)
    swelling = rxd.State([ecs], name="swelling", initial=lambda n: 0.2 + 0.002 * n.x3d)
    ecs.alpha = rxd.Parameter([ecs], name="alpha", value=lambda n: 0.2 + 0.002 * n.x3d) if by_hand else swelling
    loosening = rxd.State([ecs], name="loosening", initial=lambda n: 0.4 - 0.003 * n.y3d)
    ecs.permeability = rxd.Parameter([ecs], name="ease", value=lambda n: 0.4 - 0.003 * n.y3d) if by_hand else loosening
    reactions = [
        rxd.Rate(swelling, -0.1 * swelling * (k[ecs] - 2)),
        rxd.Rate(loosening, loosening * (x[ecs] - 0.5)),
        rxd.MultiCompartmentReaction(x[cyt], x[ecs], 3e4, 2e4, membrane=mem),
        rxd.MultiCompartmentReaction(
            k[cyt], k[ecs], 1e4 * rxdmath.exp(rxd.v / 50), mass_action=False, membrane=mem, membrane_flux=True
        ),
    ]
    x[ecs].node_by_ijk(1, 2, 0).include_flux(1e6)
    return soma, ecs, k, x, swelling, loosening, reactions


def course(by_hand, held=False, uneven=False, steps=3):
    """Voltage, concentrations and volumes after every step, the volume fraction as it was at its beginning."""
    with Session():
        soma, ecs, k, x, swelling, loosening, reactions = cell(held, uneven, by_hand)
        clamp = h.IClamp(soma(0.5))
        clamp.amp, clamp.dur = 1, 1
        h.finitialize(-65)
        seen = []
        for _ in range(steps):
            h.fadvance()
            if by_hand:
                ecs.alpha.nodes.value, ecs.permeability.nodes.value = swelling.nodes.value, loosening.nodes.value
            changing = *swelling.nodes.value, *loosening.nodes.value
            seen.append([soma(0.5).v, *k.nodes.value, *x.nodes.value, *changing, *x.nodes(ecs).volume])
        assert reactions
        return np.array(seen)


@pytest.mark.parametrize(("held", "uneven"), [(False, False), (True, False), (False, True)])
def test_properties_that_reactions_change_are_those_set_between_steps(held, uneven):
    found, wanted = course(False, held, uneven), course(True, held, uneven)
    assert np.ptp(found[:, -1]) > 0.5  # it does change, and not everywhere alike
    assert np.ptp(found[-1, -64:] / found[0, -64:]) > 1e-5
    np.testing.assert_allclose(found, wanted, rtol=1e-11, atol=1e-12)


def swelling_box(rate):
    """A box whose volume fraction changes at a rate, from 0.2 and 0.4 in two voxels."""
    ecs = rxd.Extracellular(
        -20, -10, -10, 20, 10, 10, dx=20, volume_fraction={"name": "a", "initial": lambda n: 0.3 + n.x3d / 100}
    )
    return ecs, rxd.Rate(ecs.alpha, rate(ecs.alpha))


def test_what_leaves_a_cell_arrives_whatever_the_volume_fraction_has_become():
    """Of 4.405165 mM um3 that leave in the step from 5 ms on 2.678512 arrive in NEURON 9.0.2, which has the concentration rise
    by as much as with the first volume fraction."""
    soma = h.Section(name="soma")
    soma.L = soma.diam = 10
    soma.pt3dadd(5, 0, 0, 10)
    soma.pt3dadd(15, 0, 0, 10)
    ecs, rate = swelling_box(lambda a: -0.1 * a)
    cyt, mem = rxd.Region([soma], nrn_region="i"), rxd.Region([soma], geometry=rxd.membrane())
    x = rxd.Species([cyt, ecs], name="x", initial=lambda n: 2 if n.region is cyt else 1)
    out = rxd.MultiCompartmentReaction(x[cyt], x[ecs], 5e4, membrane=mem)
    h.dt = 0.1
    for _ in range(2):  # the second initial state has the first volume fraction
        h.finitialize(-65)
        inside, outside = x.nodes(cyt)[0], x.nodes(ecs)[1]
        assert outside.volume == pytest.approx(8000 * 0.4)
        for _ in range(3):
            c, o, volume = inside.concentration, outside.concentration, outside.volume
            h.fadvance()
            assert inside.concentration < c
            assert (outside.concentration - o) * volume == pytest.approx((c - inside.concentration) * inside.volume, rel=1e-9)
        assert outside.volume == pytest.approx(8000 * 0.4 / (1 + 0.1 * h.dt) ** 3, rel=1e-9)
        assert x.nodes(ecs)[0].concentration == 1  # as in NEURON, a volume fraction changes amounts, not concentrations
    assert out is not None
    assert rate is not None


def test_many_steps_are_those_made_one_by_one():
    ecs, rate = swelling_box(lambda a: 0.1 * a * (0.7 - a))
    x = rxd.Species(ecs, name="x", d=5, initial=lambda n: n.x3d)
    h.Section(name="s")
    seen = []
    for run in (lambda: h.continuerun(1), lambda: [h.fadvance() for _ in range(40)]):
        h.finitialize(-65)
        run()
        seen.append([*x.nodes.value, *ecs.alpha.nodes.value])
    assert seen[0] == seen[1]
    assert rate is not None


def test_a_volume_fraction_that_leaves_its_bounds_ends_the_run():
    h.Section(name="s")
    ecs, rate = swelling_box(lambda a: 10 * a)
    x = rxd.Species(ecs, name="x", d=1, initial=1)
    h.finitialize(-65)
    with pytest.raises(
        RxDException, match=r"a, the volume fraction of .*, has become 1\.\d+ in voxel \(1, 0, 0\) at t = 0\.\d+ ms"
    ):
        h.continuerun(1)
    assert (x, rate) is not None


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_permeability_that_becomes_negative_ends_the_run(adaptive):
    h.Section(name="s")
    ecs = rxd.Extracellular(0, 0, 0, 20, 10, 10, dx=10, permeability={"name": "p", "initial": 0.1})
    x, rate = rxd.Species(ecs, name="x", d=1, initial=1), rxd.Rate(ecs.permeability, -1)
    h.CVode().active(adaptive)
    h.finitialize(-65)
    with pytest.raises(RxDException, match=r"p, the permeability of .*, has become -0\.\d+ in voxel \(0, 0, 0\)"):
        h.continuerun(1)
    assert (x, rate) is not None


def test_variable_steps_follow_volume_fraction_and_permeability():
    """Steps of dt and half of it, extrapolated, go where variable ones do."""
    seen = []
    for dt in (0.01, 0.005, None):
        with Session():
            parts = cell(held=False, uneven=True, by_hand=False)
            if dt is None:
                h.CVode().active(True)
                h.CVode().atol(1e-9)
                h.CVode().rtol(1e-8)
            h.dt = dt or h.dt
            h.finitialize(-65)
            h.load_file("stdrun.hoc")
            h.continuerun(0.2)
            if dt is None:
                h.CVode().solve(0.2)
            soma, ecs, k, x, *changing, _ = parts
            found = [*k.nodes.value, *x.nodes.value, *(value for one in changing for value in one.nodes.value)]
            seen.append(np.array([soma(0.5).v, *found, *x.nodes(ecs).volume]))
    coarse, fine, wanted = seen
    assert np.abs(wanted - fine).max() > 1e-5
    np.testing.assert_allclose(2 * fine - coarse, wanted, rtol=2e-5, atol=1e-6)


def test_derivatives_of_exchange_and_fluxes_in_a_box_that_swells(session):
    parts = cell(held=True, uneven=True, by_hand=False)
    h.CVode().active(True)
    h.finitialize(-65)
    equations, y = session.run.engine.problem.equations, session.run.engine.y.copy()
    y *= 1 + 0.2 * np.random.default_rng(3).uniform(size=len(y))
    linear = equations.make_linearisation(equations.electrodes(0.0))
    rate, aside = np.zeros(len(y)), np.zeros(len(y))
    equations.linearise(0.0, y, rate, linear)
    jacobian = equations.assembly.matrix(linear.fill()).toarray()
    for column in range(len(y)):
        step = 1e-5 * max(abs(y[column]), 0.1)
        moved = [equations.rates(0.0, y + sign * step * (np.arange(len(y)) == column), linear.electrodes, aside).copy()
                 for sign in (1, -1)]  # fmt: skip
        slope = (moved[0] - moved[1]) / (2 * step)
        np.testing.assert_allclose(jacobian[:, column], slope, rtol=1e-5, atol=1e-6 * np.abs(jacobian).max())
    assert parts is not None


def test_exchange_in_a_box_whose_permeability_changes_is_not_that_of_cosines(session):
    """In the smallest boxes all voxels have as many neighbours, and the diagonal of the Jacobian is the same for all."""
    h.Section(name="s")
    ecs = rxd.Extracellular(0, 0, 0, 20, 20, 20, dx=10, permeability={"name": "p", "initial": 0.4})
    x, rate = rxd.Species(ecs, name="x", d=5, initial=1), rxd.Rate(ecs.permeability, -ecs.permeability)
    h.CVode().active(True)
    h.finitialize(-65)
    equations, solver = session.run.engine.problem.equations, session.run.engine.stepper.solver
    right = np.random.default_rng(1).normal(size=equations.size)
    linear, found = equations.make_linearisation(equations.electrodes(0.0)), np.zeros(equations.size)
    equations.linearise(0.0, session.run.engine.y, np.zeros(equations.size), linear)
    solver.prepare(linear, 0.2)
    solver.solve(right, found)
    np.testing.assert_allclose(0.2 * found - equations.assembly.matrix(linear.fill()) @ found, right, atol=1e-7)
    assert (x, rate) is not None


def test_sources_change_a_volume_fraction_too():
    h.Section(name="s")
    ecs = rxd.Extracellular(0, 0, 0, 20, 10, 10, dx=10, volume_fraction={"name": "a", "initial": 0.2})
    x = rxd.Species(ecs, name="x", initial=1)
    h.finitialize(-65)
    h.fadvance()
    ecs.alpha.nodes[1].include_flux(1e6)
    x.nodes[1].include_flux(1e6)
    volume, rate = [], []
    for _ in range(2):
        volume.append(x.nodes[1].volume)
        before = x.nodes[1].concentration
        h.fadvance()
        rate.append((x.nodes[1].concentration - before) / h.dt)
        assert ecs.alpha.nodes[1].value > volume[-1] / 1000
    assert volume[1] > volume[0]
    assert np.array(rate) * volume == pytest.approx(1e6 / 602214.0857, rel=1e-7)


def test_reading_between_variable_steps_changes_nothing():
    seen = []
    for reads in (False, True):
        with Session():
            ecs, rate = swelling_box(lambda a: -0.3 * a)
            x = rxd.Species(ecs, name="x", d=1, initial=0)
            x.nodes[0].include_flux(1e6)
            h.CVode().active(True)
            h.finitialize(-65)
            for _ in range(8):
                h.fadvance()
                if reads:
                    assert x.nodes[0].volume == pytest.approx(8000 * ecs.alpha.nodes[0].value, rel=1e-12)
            seen.append([h.t, x.nodes[0].volume, *x.nodes.value])
            assert rate is not None
    assert seen[0] == seen[1]
    assert seen[0][0] > 1


@pytest.mark.parametrize("adaptive", [False, True])
def test_volumes_are_those_of_a_restored_state(adaptive):
    h.Section(name="s")
    ecs, rate = swelling_box(lambda a: -0.3 * a)
    x = rxd.Species(ecs, name="x", d=1, initial=1)
    h.CVode().active(adaptive)
    h.finitialize(-65)
    h.continuerun(0.1)
    saved, wanted = h.SaveState(), x.nodes.volume
    saved.save()
    h.continuerun(0.2)
    saved.restore()
    assert x.nodes.volume == wanted
    assert rate is not None


def test_a_box_with_a_quantity_shows_its_name():
    ecs, rate = swelling_box(lambda a: -a)
    assert "volume_fraction=a)" in repr(ecs)
    assert "Extracellular(xlo=-20" in repr(ecs.alpha)
    assert rate is not None


def test_a_model_with_a_box_that_swells_is_made_once(session, monkeypatch):
    made = []
    make = engine.Engine
    monkeypatch.setattr(engine, "Engine", lambda *args: made.append(args) or make(*args))
    parts = cell(held=False, uneven=False, by_hand=False)
    h.finitialize(-65)
    h.finitialize(-65)
    assert len(made) == 1
    h.fadvance()
    h.finitialize(-65)
    assert parts[4].nodes.value == pytest.approx([0.2 + 0.002 * node.x3d for node in parts[4].nodes], rel=1e-15)
