"""Scripts that go through GLOBAL parameters of mod files: the engine is the same for all of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron.session import Session

GATE = """
NEURON { SUFFIX gate GLOBAL q10, temp RANGE g NONSPECIFIC_CURRENT i }
PARAMETER { g = 1e-4  q10 = 2.3  temp = 22  half = -50  tmin = 0.2 celsius }
ASSIGNED { v i tadj ninf ntau }
STATE { n }
INITIAL { rates(v)  n = ninf }
BREAKPOINT { SOLVE s METHOD cnexp  i = g*n*(v + 80) }
DERIVATIVE s { rates(v)  n' = (ninf - n)/(ntau/tadj) }
PROCEDURE rates(v) {
  TABLE ninf, ntau, tadj DEPEND q10, temp, half, celsius FROM -100 TO 100 WITH 200
  tadj = q10^((celsius - temp)/10)
  ninf = 1/(1 + exp(-(v - half)/7))
  ntau = tmin + 3/(exp((v + 60)/20) + exp(-(v + 60)/20))
}
"""

SYNAPSE = """
NEURON { POINT_PROCESS Syn GLOBAL tau, gain RANGE e NONSPECIFIC_CURRENT i }
PARAMETER { tau = 3  gain = 1  e = 0 }
ASSIGNED { v i }
STATE { g }
INITIAL { g = 0 }
BREAKPOINT { SOLVE s METHOD cnexp  i = g*(v - e) }
DERIVATIVE s { g' = -g/tau }
NET_RECEIVE(w) { g = g + gain*w }
"""

POOL = """
NEURON { POINT_PROCESS Pool USEION ca WRITE cai GLOBAL tau }
PARAMETER { tau = 20  rest = 1e-4 }
STATE { cai }
INITIAL { cai = 1e-3 }
BREAKPOINT { SOLVE s METHOD cnexp }
DERIVATIVE s { cai' = (rest - cai)/tau }
"""

SPREAD = """
NEURON { SUFFIX spread GLOBAL reach }
PARAMETER { reach = 0.5 }
STATE { x }
INITIAL { x = 0 }
BREAKPOINT { SOLVE s METHOD sparse }
KINETIC s { COMPARTMENT 1 { x }  LONGITUDINAL_DIFFUSION reach { x }  ~ x << (0) }
"""

MODS = {"gate": GATE, "syn": SYNAPSE, "pool": POOL, "spread": SPREAD}
CHANGES = (
    ("q10_gate", 3.0), ("temp_gate", 15.0), ("half_gate", -40.0), ("tmin_gate", 1.0), ("tau_Syn", 8.0), ("gain_Syn", 2.0),
    ("tau_Pool", 4.0), ("rest_Pool", 1e-2),
)  # fmt: skip


def cell(h: Any) -> tuple[Any, ...]:
    soma = h.Section(name="soma")
    soma.L = soma.diam = 20
    soma.insert("pas")
    soma.insert("gate")
    soma.insert("ca_ion")  # that of a mod file which nobody has asked for yet
    synapse, pool, source = h.Syn(soma(0.5)), h.Pool(soma(0.5)), h.NetStim()
    source.start, source.number = 1, 1
    connection = h.NetCon(source, synapse)
    connection.weight[0] = 0.01
    return soma, synapse, pool, source, connection


def outcome(h: Any, kept: tuple[Any, ...]) -> tuple[float, ...]:
    h.finitialize(-65)
    h.continuerun(6)
    soma, synapse, *_ = kept
    return soma(0.5).v, soma(0.5).gate.n, soma(0.5).cai, synapse.g, synapse.i


def alone(name: str, value: float, adaptive: bool) -> tuple[float, ...]:
    """What a session gives that knows only this value."""
    with Session():
        from rxd.neuron import h

        kept = cell(h)
        h.CVode().active(adaptive)
        setattr(h, name, value)
        return outcome(h, kept)


@pytest.mark.parametrize("adaptive", [False, True])
def test_a_loop_over_globals_gives_what_each_gives_alone(mods: Any, adaptive: bool) -> None:
    found, engines = {}, set()
    with Session() as session:
        from rxd.neuron import h

        kept = cell(h)
        h.CVode().active(adaptive)
        before = outcome(h, kept)
        for name, value in CHANGES:
            old = getattr(h, name)
            setattr(h, name, value)
            found[name] = outcome(h, kept)
            engines.add(id(session.run.engine))
            setattr(h, name, old)
        assert outcome(h, kept) == before
    assert len(engines) == 1
    for name, value in CHANGES:
        assert found[name] != before, name
        assert found[name] == pytest.approx(alone(name, value, adaptive), rel=1e-12), name


def test_a_vector_played_into_a_global_is_a_parameter_of_every_step(mods: Any) -> None:
    """Each step has the value at its middle."""
    with Session() as session:
        from rxd.neuron import h

        soma, *_, connection = cell(h)
        connection.weight[0] = soma(0.5).gate.g = 0  # a constant voltage
        soma(0.5).pas.e = -65
        times = np.arange(0, 4, 0.5)
        halves = h.Vector(-65 + 10 * np.sin(times))
        moments = h.Vector(times)
        halves.play(h._ref_half_gate, moments, True)
        n = h.Vector().record(soma(0.5)._ref_n_gate)
        h.usetable_gate, h.q10_gate, h.tmin_gate = 0, 1, 0.5
        h.finitialize(-65)
        engine = session.run.engine
        h.continuerun(3)
        assert session.run.engine is engine
        x = 1 / (1 + np.exp((-65 - halves[0]) / -7))
        tau = 0.5 + 3 / (2 * np.cosh(5 / 20))
        for step in range(1, len(n)):
            half = np.interp((step - 0.5) * 0.025, times, np.array(halves))
            goal = 1 / (1 + np.exp(-(-65 - half) / 7))
            x = goal + (x - goal) * np.exp(-0.025 / tau)
            assert n[step] == pytest.approx(x, rel=1e-9)


def test_a_coefficient_of_diffusion_is_more_than_a_number_in_fields(mods: Any) -> None:
    widths = []
    with Session():
        from rxd.neuron import h

        axon = h.Section(name="axon")
        axon.L, axon.nseg, axon.diam = 100, 21, 2
        axon.insert("spread")
        for reach in (0.5, 2.0):
            h.reach_spread = reach
            h.finitialize(-65)
            axon(0.5).spread.x = 1
            h.continuerun(5)
            x = np.array([segment.spread.x for segment in axon])
            places = np.array([segment.x * 100 for segment in axon])
            widths.append(np.sum(x * (places - 50) ** 2) / x.sum())
    assert widths[1] == pytest.approx(4 * widths[0], rel=0.02)
