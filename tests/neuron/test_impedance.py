"""Impedance with all that moves: against the theory of small signals, and against small currents themselves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rxd.neuron import Session, h
from rxd.neuron.errors import NotSupported

SAG = """NEURON { SUFFIX sag  NONSPECIFIC_CURRENT i  RANGE g, tau }
PARAMETER { g = 0.0004  tau = 40 (ms) }
ASSIGNED { v (mV)  i (mA/cm2) }
STATE { m }
INITIAL { m = 1 / (1 + exp((v + 75) / 6)) }
BREAKPOINT { SOLVE states METHOD cnexp
  i = g * m * (v + 30) }
DERIVATIVE states { m' = (1 / (1 + exp((v + 75) / 6)) - m) / tau }
"""


@pytest.fixture(autouse=True)
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    (tmp_path / "sag.mod").write_text(SAG)
    monkeypatch.chdir(tmp_path)
    with Session():
        yield


def soma() -> Any:
    section = h.Section(name="soma")
    section.L = section.diam = 20
    section.insert("pas")
    section.insert("sag")
    h.finitialize(-75)
    return section


def seen(place: Any, frequency: float, extended: int) -> complex:
    impedance = h.Impedance()
    impedance.loc(place)
    impedance.compute(frequency, extended)
    return complex(impedance.input(place) * np.exp(1j * impedance.input_phase(place)))


@pytest.mark.parametrize("frequency", [0, 1.5, 200])
def test_one_gate_is_what_theory_says(frequency: float) -> None:
    """i(v, m) near a point: g + (di/dm) (dm/dv) / (1 + i omega tau), beside a capacitor."""
    s = soma()
    omega, area = 2e-3 * np.pi * frequency, s(0.5).area()
    m, slope = 0.5, -0.25 / 6
    held = 1e-2 * area * (0.001 + 0.0004 * m) + 1j * omega * 1e-5 * area
    moving = held + 1e-2 * area * 0.0004 * (-75 + 30) * slope / (1 + 1j * omega * 40)
    assert seen(s(0.5), frequency, 0) == pytest.approx(1 / held, rel=1e-6)
    assert seen(s(0.5), frequency, 1) == pytest.approx(1 / moving, rel=1e-6)


def test_parameters_and_synapses_count() -> None:
    s = soma()
    synapse = h.ExpSyn(s(0.5))
    before = seen(s(0.5), 0, 0)
    s.g_sag = 0.0008
    doubled = seen(s(0.5), 0, 0)
    assert 1 / doubled - 1 / before == pytest.approx(1e-2 * s(0.5).area() * 0.0004 * 0.5, rel=1e-6)
    synapse.g = 0.002
    assert 1 / seen(s(0.5), 0, 0) - 1 / doubled == pytest.approx(0.002, rel=1e-6)


def test_at_no_frequency_it_is_what_a_small_current_does() -> None:
    """Two sections with hh, after currents have settled."""
    h.usetable_hh = 0
    trunk, twig = h.Section(name="trunk"), h.Section(name="twig")
    twig.connect(trunk(1))
    for section, length, diam, nseg in ((trunk, 50, 10, 1), (twig, 300, 2, 5)):
        section.L, section.diam, section.nseg = length, diam, nseg
        section.insert("hh")
    twig.gnabar_hh = 0.01
    clamp = h.IClamp(twig(0.9))
    clamp.dur, h.dt = 1e9, 1
    v = []
    for current in (1e-4, -1e-4, 0):
        clamp.amp = current
        h.finitialize(-65)
        for _ in range(600):
            h.fadvance()
        v.append((twig(0.9).v, trunk(0.5).v))
    impedance = h.Impedance()
    impedance.loc(trunk(0.5))
    impedance.compute(0, 1)
    own, far = (np.array(v[0]) - np.array(v[1])) / 2e-4
    assert impedance.input(twig(0.9)) == pytest.approx(own, rel=1e-5)
    assert impedance.transfer(twig(0.9)) == pytest.approx(far, rel=1e-5)


def test_layers_outside_are_refused() -> None:
    s = soma()
    s.insert("extracellular")
    assert seen(s(0.5), 0, 0)
    s.xg[0] = 1e-3
    with pytest.raises(NotSupported, match="layers"):
        seen(s(0.5), 0, 0)
