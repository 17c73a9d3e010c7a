"""FUNCTION_TABLEs of mod files, which scripts give their numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator

import rxd
from geometry import cylinder
from rxd.neuron import h
from rxd.neuron.errors import HocError
from rxd.nmodl import FunctionTable, NmodlError, read_nmodl

GATE = """
NEURON { SUFFIX gate RANGE m, twice }
ASSIGNED { v twice }
STATE { m }
INITIAL { m = minf(v) }
BREAKPOINT { SOLVE s METHOD cnexp  twice = both(v, m) }
DERIVATIVE s { m' = (minf(v) - m)/mtau(v) }
FUNCTION_TABLE minf(v(mV))
FUNCTION_TABLE mtau(v (mV)) (ms)
FUNCTION_TABLE both(v, x)
FUNCTION half(u) { half = minf(u)/2 }
"""

SYNAPSE = """
NEURON { POINT_PROCESS Tabled RANGE g NONSPECIFIC_CURRENT i }
ASSIGNED { v i g }
BREAKPOINT { i = 0 }
NET_RECEIVE(w) { g = g + w*gain(t) }
FUNCTION_TABLE gain(t)
"""

MODS = {"gate": GATE, "tabled": SYNAPSE}
VOLTS = np.array([-100.0, -70.0, -66.0, -50.0, 0.0])
VALUES = np.array([0.1, 0.3, 0.8, 0.85, 1.0])
PLANE = np.arange(12.0).reshape(4, 3) ** 2


@pytest.fixture
def soma(mods):
    section = h.Section(name="soma")
    section.insert("pas")
    section.insert("gate")
    section(0.5).pas.e = -40
    return section


def test_steps_and_functions_read_tables(soma):
    h.table_minf_gate(h.Vector(VALUES), h.Vector(VOLTS))
    taus = h.Vector([2, 4, 3])
    h.table_mtau_gate(taus._ref_x[0], 3, -80, -40)
    plane = h.Matrix(4, 3)
    for i, j in np.ndindex(4, 3):
        plane.setval(i, j, PLANE[i, j])
    h.table_both_gate(plane._ref_x[0][0], 4, -80, -50, 3, 0, 1)
    assert h.minf_gate(-68) == pytest.approx(0.55, rel=1e-14)
    assert (h.minf_gate(-200), h.minf_gate(50)) == (0.1, 1)
    assert h.mtau_gate(-70) == 3
    assert h.half_gate(-100) == 0.05
    v, m, twice = (h.Vector().record(place) for place in (soma(0.5)._ref_v, soma(0.5)._ref_m_gate, soma(0.5)._ref_twice_gate))
    h.finitialize(-72)
    h.continuerun(5)
    v, m, twice = map(np.array, (v, m, twice))
    assert v.max() > -45
    x = np.interp(-72, VOLTS, VALUES)
    assert m[0] == pytest.approx(x, rel=1e-14)
    for step in range(1, len(v)):
        goal, tau = np.interp(v[step], VOLTS, VALUES), np.interp(v[step], [-80, -60, -40], [2, 4, 3])
        x = goal + (x - goal) * np.exp(-0.025 / tau)
        assert m[step] == pytest.approx(x, rel=1e-12)
    surface = RegularGridInterpolator((np.linspace(-80, -50, 4), [0, 0.5, 1]), PLANE)
    expected = surface(np.column_stack([np.clip(v, -80, -50), m]))
    assert twice[1:] == pytest.approx(expected[1:], rel=1e-12)


def test_a_number_and_new_numbers(soma):
    h.table_minf_gate(0.5)
    h.table_mtau_gate(2)
    h.table_both_gate(1)
    h.finitialize(-65)
    assert soma(0.5).m_gate == 0.5
    h.table_minf_gate(0.75)
    h.fadvance()
    assert soma(0.5).m_gate == pytest.approx(0.75 - 0.25 * np.exp(-0.0125), rel=1e-13)


def test_variable_steps_read_tables(soma):
    h.table_minf_gate(h.Vector(VALUES), h.Vector(VOLTS))
    h.table_mtau_gate(3)
    h.table_both_gate(1)
    h.dt = 1e-3
    h.finitialize(-72)
    h.continuerun(2)
    expected = soma(0.5).m_gate
    h.CVode().active(True)
    h.CVode().atol(1e-7)
    h.finitialize(-72)
    h.continuerun(2)
    assert soma(0.5).m_gate == pytest.approx(expected, rel=1e-3)


def test_a_table_of_events(mods):
    section = h.Section(name="soma")
    synapse = h.Tabled(section(0.5))
    synapse.table_gain(h.Vector([0, 10])._ref_x[0], 2, 0, 100)
    connection = h.NetCon(None, synapse, 0, 0, 2)
    h.finitialize(-65)
    connection.event(1)
    h.continuerun(2)
    assert synapse.g == pytest.approx(0.2)
    assert synapse.gain(50) == 5


def test_what_is_wrong_is_said(soma):
    with pytest.raises(NmodlError, match=r"gate\.mod: FUNCTION_TABLE .* has no numbers: h\.table_both_gate"):
        h.finitialize(-65)
    with pytest.raises(NmodlError, match=r"FUNCTION_TABLE minf has no numbers"):
        h.minf_gate(3)
    with pytest.raises(NmodlError, match="increase"):
        h.table_minf_gate(h.Vector([1, 2]), h.Vector([3, 3]))
    with pytest.raises(NmodlError, match="minf has 1 arguments; this is a table of 2"):
        h.table_minf_gate(h.Vector(6)._ref_x[0], 3, 0, 1, 2, 0, 1)
    with pytest.raises(HocError, match="is to take 9 numbers"):
        h.table_minf_gate(h.Vector(6)._ref_x[0], 9, 0, 1)
    with pytest.raises(HocError, match="table_minf takes"):
        h.table_minf_gate("a")


def test_numbers_for_a_model(mods):
    constants = {name: FunctionTable(np.array(value)) for name, value in (("mtau", 2.0), ("both", 1.0))}
    mechanism = read_nmodl("gate.mod", minf=FunctionTable(VALUES, (VOLTS,)), **constants)
    cell = cylinder(10, 10)
    model = rxd.Model(cell, segments=1, v_init=-68)
    model.insert(mechanism, on=cell.all)
    simulation = model.compile(method="split", dt=0.1)
    assert simulation.values("gate.m") == pytest.approx([0.55], rel=1e-14)
