"""Fixed steps in NEURON's order of operations, against the same steps written out by hand."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from rxd.neuron.session import Session

DT = 0.05
FARADAY, GAS = 96485.3321233100184, 8.3144626181532395  # h.FARADAY, h.R
AREA_TO_VOLUME = 4 / 10.0  # of a cylinder of 10 um diameter, 1/um
PER_FLUX = 1e14 / 6.02214076e23  # mA/cm2 of molecules/um2/ms, over the Faraday constant


@pytest.fixture
def neuron() -> Any:
    with Session():
        from rxd.neuron import h, rxd

        yield h, rxd


def gate(x: float, alpha: float, beta: float) -> float:
    steady = alpha / (alpha + beta)
    return steady + (x - steady) * math.exp(-DT * (alpha + beta))


def rates(v: float) -> tuple[tuple[float, float], ...]:
    trap = lambda x, y: x / math.expm1(x / y)  # noqa: E731
    return (
        (0.1 * trap(-(v + 40), 10), 4 * math.exp(-(v + 65) / 18)),
        (0.07 * math.exp(-(v + 65) / 20), 1 / (math.exp(-(v + 35) / 10) + 1)),
        (0.01 * trap(-(v + 55), 10), 0.125 * math.exp(-(v + 65) / 80)),
    )


class ByHand:
    """hh in one segment, with sodium that half of a dimer is made of, a state of `rxd`, and sodium that it lets in."""

    def __init__(self, v: float, half: float, secondorder: int) -> None:
        self.v, self.na, self.dimer, self.s = v, 10.0, 1.0, 0.2
        self.gates = [a / (a + b) for a, b in rates(v)]
        self.half, self.secondorder = half, secondorder

    def currents(self, v: float) -> tuple[float, float, float]:
        """Of hh, its conductance, its sodium; mA/cm2."""
        m, h, n = self.gates
        nernst = 1e3 * GAS * (273.15 + 6.3) / FARADAY * math.log(140.0 / self.na)
        g_na, g_k, g_l = 0.12 * m**3 * h, 0.036 * n**4, 0.0003
        ina = g_na * (v - nernst)
        return ina + g_k * (v + 77) + g_l * (v + 54.3), g_na + g_k + g_l, ina

    def step(self) -> float:
        """One step; returns the sodium current at its end."""
        total, g, ina = self.currents(self.v)
        carried = -self.half * self.s * FARADAY * PER_FLUX
        halved = 0.5 if self.secondorder else 1.0
        change = -(total + carried) / (1e-3 / (halved * DT) + g)
        if self.secondorder == 2:
            *_, ina = self.currents(self.v + change)
        self.v += change / halved
        self.na -= DT * 1e4 * ina * AREA_TO_VOLUME / FARADAY
        self.gates = [gate(x, *rate) for x, rate in zip(self.gates, rates(self.v), strict=True)]
        # reactions: one linearised step of backward Euler of sodium, dimer, state
        na, dimer, s = self.na, self.dimer, self.s
        bind = 0.01 * na**2 - 0.3 * dimer
        influx = self.half * AREA_TO_VOLUME * 1e18 / 6.02214076e23
        f = np.array([-2 * bind + influx * s, bind, (1 / (1 + math.exp(-(self.v + 60) / 5)) - s) / 0.7])
        d = np.array([0.02 * na, -0.3, 0.0])
        jacobian = np.array([-2 * d + [0, 0, influx], d, [0, 0, -1 / 0.7]])
        self.na, self.dimer, self.s = np.array([na, dimer, s]) + np.linalg.solve(np.eye(3) - DT * jacobian, DT * f)
        return ina + carried


@pytest.mark.parametrize("secondorder", [0, 1, 2])
def test_steps_are_those_written_out_by_hand(neuron: Any, secondorder: int) -> None:
    h, rxd = neuron
    section = h.Section(name="soma")
    section.L = section.diam = 10
    section.insert("hh")
    h.usetable_hh = 0
    h.celsius = 6.3
    cyt, membrane = rxd.Region([section], nrn_region="i"), rxd.Region([section], geometry=rxd.membrane())
    box = rxd.Extracellular(-50, -50, -50, 50, 50, 50, dx=100)
    na = rxd.Species([cyt, box], name="na", charge=1, initial=lambda node: 140.0 if node.region is box else 10.0)
    dimer, s = rxd.Species(cyt, name="dimer", initial=1.0), rxd.State(membrane, initial=0.2)
    reactions = [
        rxd.Reaction(2 * na[cyt], dimer, 0.01, 0.3),
        rxd.Rate(s, (1 / (1 + rxd.rxdmath.exp(-(rxd.v + 60) / 5)) - s) / 0.7),
        rxd.MultiCompartmentReaction(
            na[box], na[cyt], 500.0 * s[membrane], mass_action=False, membrane=membrane, membrane_flux=True
        ),
    ]
    h.dt, h.secondorder = DT, secondorder
    h.finitialize(-60)
    hand = ByHand(-60.0, 500.0, secondorder)
    for number in range(5):
        h.fadvance()
        ina = hand.step()
        node = section(0.5)
        found = [node.v, na[cyt].nodes[0].concentration, dimer.nodes[0].concentration, s.nodes[0].value, node.m_hh]
        np.testing.assert_allclose(found, [hand.v, hand.na, hand.dimer, hand.s, hand.gates[0]], rtol=1e-7)
        assert node.ina == pytest.approx(ina, rel=1e-6), number  # of the step's start
    assert len(reactions) == 3


def test_a_sample_taken_after_an_edit_is_of_the_present(neuron: Any) -> None:
    """What currents of the step's start are computed of is a past state: it does not show in seg.ki."""
    h, rxd = neuron
    section = h.Section(name="s")
    section.L, section.diam = 20, 2
    section.insert("hh")
    k = rxd.Species(rxd.Region([section], nrn_region="i"), name="k", charge=1, initial=54.4)
    decay = rxd.Rate(k, -0.1 * k)
    h.dt = 0.05
    shown, nodes = h.Vector().record(section(0.5)._ref_ki, 0.25), h.Vector().record(k.nodes[0]._ref_concentration, 0.25)
    h.finitialize(-65)
    h.continuerun(3)
    k.d = 0.5  # the model is compiled again
    h.continuerun(4.01)
    assert list(shown) == list(nodes)
    assert decay is not None
