"""What must not change in a run: mass across regions and branches, charge against moles, Nernst against concentrations."""

from __future__ import annotations

import geometry
import numpy as np
import pytest
import rxd
import sympy
from cable.constants import FARADAY, thermal_voltage
from geometry import SectionSpec
from rxd import library
from rxd.declare.mechanism import symbols

PICOCOULOMB_PER_AMOUNT = 1e-6 * FARADAY
"""Charge (pC = nF mV) of one mM um3 of monovalent ions."""


def tapering_tree() -> geometry.Morphology:
    """A trunk that tapers and branches into two tapering twigs."""
    return geometry.Morphology.from_sections(
        [
            SectionSpec("trunk", [(0, 0, 0, 3.0), (40, 0, 0, 2.4), (90, 5, 0, 1.8)], "dendrite"),
            SectionSpec("left", [(90, 5, 0, 1.4), (130, 40, 0, 0.9), (170, 60, 0, 0.4)], "dendrite", "trunk"),
            SectionSpec("right", [(90, 5, 0, 1.1), (150, -40, 0, 0.5)], "dendrite", "trunk"),
        ]
    )


def test_mass_is_kept_on_a_branched_tapering_tree_through_ten_thousand_steps() -> None:
    cell = tapering_tree()
    model = rxd.Model(cell, segments=7)
    cyt = rxd.Region(cell.all, "cyt", side="i", shape=rxd.FractionalVolume(0.8, surface_fraction=1))
    er = rxd.Region(cell.all, "er", shape=rxd.FractionalVolume(0.2))
    membrane = rxd.Region(cell.all, "membrane", shape=rxd.DistributedBoundary(0.9))
    start = {cyt: lambda node: 1e-4 * (1 + 30 * (node.path_distance < 40)), er: 0.01}
    ca = rxd.Species([cyt, er], "ca", d=0.3, charge=2, initial=start)
    buf = rxd.Species(cyt, "buf", d=0.05, initial=0.02)
    bound = rxd.Species(cyt, "bound", d=0.05)
    um = 1000 * ca[cyt]
    model.add(
        rxd.Reaction(ca[cyt] + buf[cyt], bound[cyt], 50.0, 0.02),
        rxd.MultiCompartmentReaction(ca[cyt], ca[er], 0.4 * um**2 / (0.1 + um**2), membrane=membrane, custom_dynamics=True),
        rxd.MultiCompartmentReaction(ca[er], ca[cyt], 20.0, 20.0, membrane=membrane),
    )
    sim = model.compile("split", dt=0.05)
    volume, layout = sim.discretization.capacity, sim.discretization.layout

    def total(*labels: str) -> float:
        return sum(float(volume[layout[k].start : layout[k].stop] @ sim.state.y[layout[k].start : layout[k].stop]) for k in labels)

    calcium, buffer = total("ca[cyt]", "ca[er]", "bound[cyt]"), total("buf[cyt]", "bound[cyt]")
    before = sim.state.y
    assert sim.run(500).statistics.steps == 10_000
    assert np.max(np.abs(sim.state.y - before)) > 1e-3  # something happened
    assert total("ca[cyt]", "ca[er]", "bound[cyt]") == pytest.approx(calcium, rel=1e-12)
    assert total("buf[cyt]", "bound[cyt]") == pytest.approx(buffer, rel=1e-12)


def charged_model(cell: geometry.Morphology) -> rxd.Model:
    """Every current carries an ion that is a species on both sides, the pump's too: nothing else can charge the membrane."""
    model = rxd.Model(cell, segments=5)
    model.insert(library.hh(gl=0.0), on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    out = rxd.Region(cell.all, "out", side="o", shape=rxd.Shell(1.0, 1.4))
    membrane = rxd.Region(cell.all, "membrane", shape=rxd.membrane)
    na = rxd.Species([cyt, out], "na", d=0.6, charge=1, initial={cyt: 10.0, out: 140.0})
    k = rxd.Species([cyt, out], "k", d={cyt: 1.0, out: 0.0}, charge=1, initial={cyt: 54.4, out: 2.5})
    na_in, k_out = na[cyt], k[out]
    pump = 3000.0 * na_in / (na_in + 20) * k_out / (k_out + 2)
    lhs, rhs = 3 * na[cyt] + 2 * k[out], 3 * na[out] + 2 * k[cyt]
    model.add(rxd.MultiCompartmentReaction(lhs, rhs, pump, membrane=membrane, custom_dynamics=True, membrane_flux=True))
    model.set(cell["trunk"], v_init=-50.0)
    return model


def test_charge_on_the_membrane_is_the_faraday_constant_times_moles_through_it() -> None:
    sim = charged_model(tapering_tree()).compile("split", dt=0.05)
    capacity, layout = sim.discretization.capacity, sim.discretization.layout

    def amount(label: str) -> float:
        block = layout[label]
        return float(capacity[block.start : block.stop] @ sim.state.y[block.start : block.stop])

    labels = ("v", "na[cyt]", "k[cyt]", "na[out]", "k[out]")
    before = {label: amount(label) for label in labels}
    sim.run(10)
    gained = {label: amount(label) - before[label] for label in labels}
    moles = max(before[label] for label in labels[1:])
    # Amounts are sums of rounded concentrations: their round-off, not that of the small difference, is the yardstick.
    assert min(abs(gained[label]) for label in labels) > 1e-3 * abs(gained["v"])
    assert gained["v"] == pytest.approx(PICOCOULOMB_PER_AMOUNT * (gained["na[cyt]"] + gained["k[cyt]"]), abs=1e-12 * moles)
    for ion in ("na", "k"):
        assert gained[f"{ion}[cyt]"] == pytest.approx(-gained[f"{ion}[out]"], abs=1e-12 * moles)


def test_divalent_current_moves_half_as_many_moles() -> None:
    g = symbols("g")
    inward = rxd.Mechanism("inward", {"g": 1e-4}, (), (rxd.Current("ica", g * (rxd.v - 60) / (1 + rxd.v**2 / 1e4), ion="ca"),))
    cell = tapering_tree()
    model = rxd.Model(cell, segments=3)
    model.insert(inward, on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    model.add(rxd.Species(cyt, "ca", d=0.2, charge=2, initial=0.0))
    sim = model.compile("split", dt=0.025)
    capacity, layout, start = sim.discretization.capacity, sim.discretization.layout, sim.state.y
    sim.run(10)
    gained = capacity * (sim.state.y - start)
    charge = gained[layout["v"].start : layout["v"].stop].sum()
    calcium = gained[layout["ca[cyt]"].start : layout["ca[cyt]"].stop].sum()
    assert charge == pytest.approx(2 * PICOCOULOMB_PER_AMOUNT * calcium, rel=1e-12)


def test_closed_spaces_stay_at_rest_at_the_nernst_potential_and_follow_it() -> None:
    """With one channel the membrane goes to the Nernst potential of the concentrations of the moment."""
    g = symbols("g")
    channel = rxd.Mechanism("channel", {"g": 1e-3}, (), (rxd.Current("i", g * (rxd.v - rxd.reversal("k")), ion="k"),))
    cell = geometry.cylinder(20, 4)
    model = rxd.Model(cell, segments=3, celsius=30, v_init=-70)
    model.insert(channel, on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    out = rxd.Region(cell.all, "out", side="o", shape=rxd.Shell(1.0, 2.0))
    k = rxd.Species([cyt, out], "k", charge=1, initial={cyt: 100.0, out: 3.0})
    model.add(rxd.Rate(k[out], sympy.Piecewise((0.5, rxd.t < 20), (0, True))))  # for 20 ms potassium appears outside
    sim = model.compile("split", dt=0.025)
    potentials = []
    for until in (0.0, 20.0, 60.0):
        result = sim.run(until, record=[rxd.v, "channel.i"])
        inside, outside = sim.values(k[cyt]), sim.values(k[out])
        nernst = thermal_voltage(30) * np.log(outside / inside)
        np.testing.assert_allclose(result["channel.i"].values[-1], 1e-3 * (sim.values(rxd.v) - nernst), rtol=1e-12, atol=1e-15)
        potentials.append((sim.values(rxd.v), nernst))
    np.testing.assert_allclose(*potentials[-1], rtol=0, atol=1e-9)
    assert potentials[-1][0][0] - potentials[0][1][0] > 30  # 3 mM became 13
    assert outside[0] == pytest.approx(13, rel=1e-2)
