"""What must not change in a run: mass across regions and branches, charge against moles, Nernst against concentrations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import sympy

import geometry
import rxd
from cable.constants import FARADAY, thermal_voltage
from geometry import SectionSpec
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
        return sum(
            float(volume[layout[k].start : layout[k].stop] @ sim.state.y[layout[k].start : layout[k].stop]) for k in labels
        )

    calcium, buffer = total("ca[cyt]", "ca[er]", "bound[cyt]"), total("buf[cyt]", "bound[cyt]")
    before = sim.state.y
    assert sim.run(500).statistics.steps == 10_000
    assert np.max(np.abs(sim.state.y - before)) > 1e-3  # something happened
    assert total("ca[cyt]", "ca[er]", "bound[cyt]") == pytest.approx(calcium, rel=1e-12)
    assert total("buf[cyt]", "bound[cyt]") == pytest.approx(buffer, rel=1e-12)


def test_charge_on_the_membrane_is_the_faraday_constant_times_moles_through_it(pumped: Callable) -> None:
    cell = tapering_tree()
    model = pumped(cell, 5)[0]
    model.set(cell["trunk"], v_init=-50.0)
    sim = model.compile("split", dt=0.05)
    capacity, layout = sim.discretization.capacity, sim.discretization.layout

    def amount(label: str) -> float:
        return float(capacity[layout[label].order] @ sim.values(label))

    labels = ("v", "na[cyt]", "k[cyt]", "na[out]", "k[out]")
    before = {label: amount(label) for label in labels}
    sim.run(10)
    gained = {label: amount(label) - before[label] for label in labels}
    moles = max(before[label] for label in labels[1:])
    assert min(abs(gained[label]) for label in labels) > 1e-6 * moles
    # What was gained is a small difference of sums of rounded concentrations: nine digits of it are left of sixteen.
    assert gained["v"] == pytest.approx(PICOCOULOMB_PER_AMOUNT * (gained["na[cyt]"] + gained["k[cyt]"]), rel=1e-9)
    for ion in ("na", "k"):
        assert gained[f"{ion}[cyt]"] == pytest.approx(-gained[f"{ion}[out]"], abs=1e-13 * moles)


def calcium_channel(cell: geometry.Morphology) -> rxd.Simulation:
    """One channel whose ion lives on both sides; for 20 ms more of it appears outside."""
    conductance = symbols("g")
    channel = rxd.Mechanism("channel", {"g": 1e-3}, (), (rxd.Current("i", conductance * (rxd.v - rxd.reversal("x")), ion="x"),))
    model = rxd.Model(cell, segments=3, celsius=30, v_init=-70)
    model.insert(channel, on=cell.all)
    cyt = rxd.Region(cell.all, "cyt", side="i")
    out = rxd.Region(cell.all, "out", side="o", shape=rxd.Shell(1.0, 2.0))
    x = rxd.Species([cyt, out], "x", charge=2, initial={cyt: 100.0, out: 3.0})
    model.add(rxd.Rate(x[out], sympy.Piecewise((0.5, rxd.t < 20), (0, True))))
    return model.compile("split", dt=0.025)


def test_divalent_current_moves_half_as_many_moles() -> None:
    sim = calcium_channel(tapering_tree())
    capacity, layout, start = sim.discretization.capacity, sim.discretization.layout, sim.state.y
    sim.run(10)
    gained = capacity * (sim.state.y - start)
    charge, moles = gained[layout["v"].order].sum(), gained[layout["x[cyt]"].order].sum()
    assert charge == pytest.approx(2 * PICOCOULOMB_PER_AMOUNT * moles, rel=1e-9)


def test_membrane_follows_the_nernst_potential() -> None:
    """With one channel the membrane goes to the Nernst potential of the concentrations of the moment."""
    sim = calcium_channel(geometry.cylinder(20, 4))
    potentials = []
    for until in (0.0, 20.0, 60.0):
        result = sim.run(until, record=["channel.i"])
        inside, outside, v = sim.values("x[cyt]"), sim.values("x[out]"), sim.values(rxd.v)
        nernst = thermal_voltage(30) / 2 * np.log(outside / inside)
        np.testing.assert_allclose(result["channel.i"].values[-1], 1e-3 * (v - nernst), rtol=1e-12, atol=1e-15)
        potentials.append((v, nernst))
    np.testing.assert_allclose(*potentials[-1], rtol=0, atol=1e-9)
    assert potentials[-1][0][0] - potentials[0][1][0] > 15  # 3 mM became 13
    assert outside[0] == pytest.approx(13, rel=1e-2)
