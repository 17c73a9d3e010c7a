"""What scripts see between an edit and the next step: what was computed last, as NEURON shows it (observed in 9.0.2)."""

from __future__ import annotations

import math
from typing import Any

import pytest

from rxd.neuron.engine.exchange import Exchange
from rxd.neuron.session import Session, current_session


@pytest.fixture
def h() -> Any:
    with Session():
        from rxd.neuron import h

        h.load_file("stdrun.hoc")
        h.usetable_hh = 0
        yield h


@pytest.fixture
def soma(h: Any) -> Any:
    found = h.Section(name="soma")
    found.L = found.diam = 12
    found.insert("hh")
    return found


def potassium(s: Any) -> float:
    """The current with what is there now."""
    return float(s.gkbar_hh * s.n_hh**4 * (s.v - s.ek))


def m_infinity(v: float) -> float:
    """Of hh, by its formula."""
    opening, closing = 0.1 * (v + 40) / (1 - math.exp(-(v + 40) / 10)), 4 * math.exp(-(v + 65) / 18)
    return opening / (opening + closing)


def test_currents_stay_until_the_next_step(h: Any, soma: Any) -> None:
    s = soma(0.5)
    h.finitialize(-60)
    for first in (True, False):
        shown = s.ik, s.gk_hh, s.ina, s.minf_hh, s.ntau_hh
        s.gkbar_hh, s.ena = 0.05 + 0.01 * first, 40
        s.v = -50
        s.n_hh = 0.4
        assert (s.ik, s.gk_hh, s.ina, s.minf_hh, s.ntau_hh) == shown
        started = potassium(s)
        h.fadvance()
        assert s.ik == pytest.approx(started, rel=1e-12)
        assert s.minf_hh == pytest.approx(m_infinity(s.v), rel=1e-12)


def test_fcurrent_computes_currents_and_no_rates(h: Any, soma: Any) -> None:
    s = soma(0.5)
    h.finitialize(-60)
    h.fadvance()
    before, h.dt = s.minf_hh, 0.1
    s.gkbar_hh = 0.07
    s.v = -45
    h.CVode().re_init()  # with fixed steps it computes nothing
    assert s.ik != pytest.approx(potassium(s), rel=1e-3)
    h.fcurrent()
    assert s.ik == pytest.approx(potassium(s), rel=1e-12)
    assert s.minf_hh == before


def test_another_temperature_counts_from_the_next_step_on(h: Any, soma: Any) -> None:
    s = soma(0.5)
    h.finitialize(-60)
    h.fadvance()
    shown, h.celsius = (s.ntau_hh, s.ik, s.v), 16.3
    assert (s.ntau_hh, s.ik, s.v) == shown
    soma.nseg = 3  # another model: nothing has been computed with it
    assert (s.ntau_hh, s.ik) == shown[:2]
    h.fadvance()
    assert s.ntau_hh == pytest.approx(shown[0] / 3, rel=0.02)


def test_currents_of_points_stay_too(h: Any, soma: Any) -> None:
    synapse, alpha, clamp, command = h.ExpSyn(soma(0.5)), h.AlphaSynapse(soma(0.5)), h.IClamp(soma(0.5)), h.SEClamp(soma(0.5))
    alpha.gmax, clamp.dur, clamp.amp = 0.001, 10, 0.1
    command.dur1, command.amp1, command.rs = 10, -60, 5
    wire = h.NetCon(None, synapse)
    wire.weight[0] = 0.002
    h.finitialize(-65)
    wire.event(0.01)
    h.continuerun(0.5)
    shown = synapse.i, alpha.i, clamp.i, command.i, command.vc
    synapse.e, synapse.tau, synapse.g, alpha.gmax, alpha.tau, clamp.amp = -70, 3, 0.1, 0.5, 2, 7
    command.amp1, command.rs, soma.v = -20, 1, -50
    assert (synapse.i, alpha.i, clamp.i, command.i, command.vc) == shown
    h.fcurrent()
    assert synapse.i == pytest.approx(0.1 * (-50 + 70))
    assert clamp.i == 7
    assert (command.i, command.vc) == (30, -20)


def test_handlers_of_initialisation_see_the_currents_of_before(h: Any, soma: Any) -> None:
    seen: list[tuple[float, float]] = []
    handlers = [h.FInitializeHandler(kind, lambda: seen.append((soma(0.5).ik, soma(0.5).minf_hh))) for kind in (0, 1, 2)]
    h.finitialize(-65)
    assert [ik for ik, _ in seen[:2]] == [0, 0]
    h.continuerun(1)
    last = soma(0.5).ik, soma(0.5).minf_hh
    seen.clear()
    h.finitialize(-50)
    assert seen[0] == last
    assert seen[1] == (last[0], pytest.approx(m_infinity(-50), rel=1e-12))
    assert seen[2] == (pytest.approx(potassium(soma(0.5)), rel=1e-12), seen[1][1])
    assert len(handlers) == 3


def test_restoring_leaves_parameters_and_clocks_alone(h: Any, soma: Any) -> None:
    synapse, clamp = h.ExpSyn(soma(0.5)), h.IClamp(soma(0.5))
    wire = h.NetCon(soma(0.5)._ref_v, synapse, 0, 1, 0.001, sec=soma)
    grid, times = h.Vector().record(soma(0.5)._ref_v, 0.1), h.Vector([0.1, 0.45, 0.7])
    listed = h.Vector().record(soma(0.5)._ref_v, times)
    h.finitialize(-65)
    h.continuerun(0.5)
    kept, v = h.SaveState(), soma.v
    kept.save()
    soma.gnabar_hh, soma.ena, h.dt, h.celsius, clamp.amp = 0.1, 40, 0.05, 10, 0.3
    synapse.tau, synapse.e, wire.weight[0], wire.delay = 9, -10, 0.004, 3
    h.continuerun(1)
    shown, taken = (soma(0.5).ik, soma(0.5).minf_hh), len(grid)
    kept.restore()
    assert (h.t, soma.v) == (pytest.approx(0.5), v)
    assert (soma.gnabar_hh, soma.ena, h.dt, h.celsius, clamp.amp, wire.delay) == (0.1, 40, 0.05, 10, 0.3, 3)
    assert (synapse.tau, synapse.e, wire.weight[0]) == (0.1, 0, 0.001)
    assert (soma(0.5).ik, soma(0.5).minf_hh) == shown
    assert (len(grid), len(listed)) == (taken, 2)
    wire.weight[0] = 0.01
    h.fadvance()
    kept.restore(1)
    assert (h.t, wire.weight[0], len(listed)) == (pytest.approx(0.5), 0.01, 2)


def test_what_initial_blocks_compute_stays_until_the_next_finitialize(h: Any, soma: Any) -> None:
    soma.uninsert("hh")
    soma.insert("pas")
    h.dt = 0.1
    clamp = h.SEClamp(soma(0.5))
    clamp.rs = 1e-3
    clamp.dur1, clamp.dur2, clamp.dur3 = 1, 1, 1
    clamp.amp1, clamp.amp2, clamp.amp3 = -60, -50, -40
    double = h.Exp2Syn(soma(0.5))
    double.tau1 = double.tau2 = 5
    h.finitialize(-65)
    assert double.tau1 == 0.9999 * 5
    h.fadvance()
    clamp.dur1, clamp.dur2 = 1.5, 5  # the first level ends as set, the second where it did
    levels = []
    while h.t < 3.05:
        h.fadvance()
        levels.append(round(clamp.vc))
    assert [levels.count(level) for level in (-60, -50, -40, 0)] == [14, 5, 10, 1]
    double.tau1, double.tau2 = 0.5, 2
    h.finitialize(-65)
    double.tau1, double.tau2 = 1, 8
    wire = h.NetCon(None, double)
    wire.weight[0] = 1
    wire.event(0)
    h.fadvance()
    peak = math.log(4) * 0.5 * 2 / 1.5
    factor = 1 / (math.exp(-peak / 2) - math.exp(-peak / 0.5))
    assert pytest.approx(factor * math.exp(-0.1 / 8), rel=1e-9) == double.B


def test_a_voltage_clamp_is_gone_at_once(h: Any, soma: Any) -> None:
    clamp = h.VClamp(soma(0.5))
    clamp.dur[0], clamp.amp[0] = 100, 0
    clamp = None
    h.finitialize(-65)
    h.continuerun(1)
    assert soma.v < -60


def test_jumps_of_played_vectors_are_events(h: Any, soma: Any) -> None:
    """A value is written once, after what is recorded at that time; what a script sets holds until the next."""
    clamp, times, levels = h.IClamp(soma(0.5)), h.Vector([0, 1, 2]), h.Vector([0.0, 0.1, 0.05])
    clamp.dur, h.dt = 100, 0.1
    levels.play(clamp._ref_amp, times)
    for recorded in (True, False):
        shown = h.Vector().record(clamp._ref_amp) if recorded else None
        h.finitialize(-65)
        h.continuerun(0.5)
        clamp.amp = 0.3
        h.continuerun(1)
        assert clamp.amp == 0.1
        h.fadvance()
        clamp.amp = 0.4
        h.continuerun(1.9)
        assert clamp.amp == 0.4
        h.continuerun(2.5)
        assert clamp.amp == 0.05
        if shown is not None:
            assert shown.to_python() == [0.0] * 6 + [0.3] * 5 + [0.1] + [0.4] * 9 + [0.05] * 5
        h.finitialize(-65)
        assert clamp.amp == 0


def test_events_on_their_way_arrive_when_a_connection_is_switched_off(h: Any, soma: Any) -> None:
    synapse, train = h.ExpSyn(soma(0.5)), h.NetStim()
    synapse.tau, train.start, train.interval, train.number = 1e9, 1, 1, 5
    wire = h.NetCon(train, synapse, 0, 0.5, 0.001)
    h.finitialize(-65)
    h.CVode().event(1.2, lambda: wire.active(False))
    h.continuerun(1.9)
    assert synapse.g == pytest.approx(0.001)
    h.continuerun(4.2)
    assert synapse.g == pytest.approx(0.001)
    wire.event(4.3)
    h.continuerun(4.6)
    assert synapse.g == pytest.approx(0.001)
    wire.active(True)
    h.continuerun(6)
    assert synapse.g == pytest.approx(0.002)


def test_continuerun_compares_as_hoc_does(h: Any, soma: Any) -> None:
    h.dt = 0.1
    h.finitialize(-65)
    h.continuerun(0.55)  # 5 steps end at 0.49999999999999994, which is not less than 0.55 - dt / 2 for hoc
    assert h.t == pytest.approx(0.5)


def test_initial_voltages_hold_when_handlers_look_at_them(h: Any, soma: Any) -> None:
    from rxd.neuron import rxd

    ca = rxd.Species(rxd.Region([soma], nrn_region="i"), name="ca", charge=2, initial=1e-4)
    seen: list[float] = []
    handler = h.FInitializeHandler(0, lambda: seen.append(soma.v))
    for v in (-65, -50, -60):
        h.finitialize(v)
        assert (seen[-1], soma.v) == (v, v)
        h.continuerun(0.5)
    assert (ca.name, handler.kind) == ("ca", 0)


def test_values_written_after_a_change_of_nseg_are_kept(h: Any, soma: Any) -> None:
    soma.nseg = 3
    h.finitialize(-65)
    h.continuerun(0.1)
    for n in (5, 1, 3):
        soma.nseg = n
        soma(0.9).v, soma(0.1).gnabar_hh = -50, 0.1
        assert soma(0.9).v == -50
        started = potassium(soma(0.9))
        h.fadvance()
        assert soma(0.9).ik == pytest.approx(started, rel=1e-12)


def test_samples_of_variable_steps_are_of_their_time(h: Any, soma: Any) -> None:
    """Also after an event or an edit, which keep what was computed only until the solver goes on."""
    synapse, clamp = h.ExpSyn(soma(0.5)), h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp, synapse.tau = 1.1, 1, 0.05, 2
    wire = h.NetCon(None, synapse)
    wire.weight[0] = 0.001
    solver = h.CVode()
    solver.active(True)
    v, g, i, ik, n, amp = (
        h.Vector().record(pointer, 0.2)
        for pointer in (
            soma(0.5)._ref_v, synapse._ref_g, synapse._ref_i, soma(0.5)._ref_ik, soma(0.5)._ref_n_hh, clamp._ref_i
        )
    )  # fmt: skip
    h.finitialize(-65)
    for k in range(4):
        wire.event(0.9 * k + 0.05)
    h.continuerun(1.5)
    soma.gkbar_hh = 0.02
    shown = soma(0.5).ik
    solver.re_init()
    assert soma(0.5).ik == pytest.approx(shown * 0.02 / 0.036, rel=1e-9)
    h.continuerun(3)
    bars = [0.036 if 0.2 * k <= 1.5 else 0.02 for k in range(len(v))]
    assert i.to_python() == pytest.approx([a * b for a, b in zip(g, v, strict=True)], rel=1e-9)
    assert ik.to_python() == pytest.approx([b * x**4 * (a + 77) for b, x, a in zip(bars, n, v, strict=True)], rel=1e-9)
    assert amp.to_python() == [0.05 * (1.1 <= 0.2 * k < 2.1) for k in range(len(v))]


def test_nothing_is_recorded_by_frecord_init_with_variable_steps(h: Any, soma: Any) -> None:
    v = h.Vector().record(soma(0.5)._ref_v)
    h.finitialize(-65)
    h.continuerun(1)
    shown = soma(0.5).ik
    h.cvode_active(True)
    assert soma(0.5).ik == pytest.approx(potassium(soma(0.5)), rel=1e-12)
    assert soma(0.5).ik != shown
    h.frecord_init()
    assert len(v) == 0


def test_currents_see_what_segments_show(h: Any, soma: Any) -> None:
    """What is written to nodes reaches currents one step late; what is written to `seg.ki` acts on currents once."""
    from rxd.neuron import rxd

    cyt = rxd.Region([soma], nrn_region="i")
    k = rxd.Species(cyt, name="k", charge=1, initial=54.4)
    decay = rxd.Rate(k, -0.1 * k)
    s, node = soma(0.5), k.nodes[0]
    runs = []
    for written in (None, "nodes", "segment"):
        h.finitialize(-65)
        h.continuerun(0.5)
        before, started, gate = s.ki, s.v, s.n_hh
        if written == "nodes":
            node.concentration = 20
            assert s.ki == before
        elif written == "segment":
            s.ki = 20
        h.fcurrent()
        runs.append([s.ik])
        h.fadvance()
        shown = 20 if written == "segment" else before
        ek = 1000 * h.R * (h.celsius + 273.15) / h.FARADAY * math.log(2.5 / shown)
        assert s.ek == pytest.approx(ek, rel=1e-12)
        assert s.ik == pytest.approx(0.036 * gate**4 * (started - ek), rel=1e-9)
        runs[-1] += [s.v, node.concentration]
        assert s.ki == pytest.approx(node.concentration, rel=1e-12)
        h.fadvance()
        runs[-1] += [s.ek]
    plain, nodes, segment = runs
    assert nodes[:2] == pytest.approx(plain[:2], rel=1e-12)
    assert nodes[2] == pytest.approx(20 / (1 + 0.1 * h.dt), rel=1e-4)
    assert abs(segment[1] - plain[1]) > 0.01
    assert segment[2:] == pytest.approx(plain[2:], rel=1e-4)
    assert nodes[3] == pytest.approx(1000 * h.R * (h.celsius + 273.15) / h.FARADAY * math.log(2.5 / nodes[2]), rel=1e-12)
    assert decay is not None


def test_parameters_of_single_segments_count_as_whole_variables_do(h: Any) -> None:
    """Written segment by segment they are what they are written whole; more of them at once than are kept apart, too."""
    found = []
    for whole in (False, True):
        with Session():
            cable = h.Section(name="cable")
            cable.L, cable.diam, cable.nseg = 900, 2, 70
            cable.insert("hh")
            h.finitialize(-65)
            seen = []
            for number in range(12):
                chosen = range(70) if number == 5 else (number, 69, 35 + number % 3)
                for i in chosen:
                    cable((i + 0.5) / 70).hh.gnabar = 0.1 + 0.01 * ((i + number) % 7)
                    cable((i + 0.5) / 70).gkbar_hh = 0.03 + 0.001 * number
                before = cable(0.99).ina
                if whole:
                    current_session().run.engine.fields.stale.update({"gnabar_hh", "gkbar_hh"})
                h.fadvance()
                seen.append([before, cable(0.99).ina, *(segment.v for segment in cable)])
            found.append(seen)
    assert found[0] == found[1]


def test_the_amplifier_of_a_voltage_clamp_takes_its_time(h: Any) -> None:
    """Numbers of NEURON 9.0.2, whose currents are good to 2e-5 nA with a gain of 1e5."""
    a = h.Section(name="a")
    a.L = a.diam = 20
    a.insert("pas")
    clamp = h.VClamp(a(0.5))
    for k, (duration, level) in enumerate(((1, -65), (1, 10), (1, -40))):
        clamp.dur[k], clamp.amp[k] = duration, level
    v, current = h.Vector().record(a(0.5)._ref_v), h.Vector().record(clamp._ref_i)

    def found() -> tuple[list[float], list[float]]:
        h.finitialize(-65)
        h.continuerun(4)
        return [v[k] for k in (1, 41, 42, 81, 82, 121)], [current[k] for k in (0, 1, 41, 42, 81, 82, 121)]

    volts, amperes = found()
    assert volts == pytest.approx([-64.9987263, 7.11454, 9.8887968, -38.0757143, -39.9252188, -40.7309342], abs=1e-6)
    assert amperes == pytest.approx([65.0, 0.063488, 37.217114, 2.398406, -23.764226, -0.551731, 0], abs=3e-5)
    clamp.gain, clamp.tau1, clamp.tau2, clamp.fac = 1000, 0.05, 0.01, 1.2
    volts, amperes = found()
    assert volts == pytest.approx([-64.9931212, -49.5247542, -33.4933127, -1.4888545, -12.17648, -41.0896213], abs=1e-6)
    assert amperes == pytest.approx([0.07211, 0.066376, 8.009084, 8.517038, -4.306919, -4.645555, 0], abs=1e-6)
    assert (clamp.e0, clamp.vo0, clamp.vi0) == pytest.approx((0.0399944834006, -39.9944824474963, -39.920006563025105))
    clamp.gain, clamp.tau1, clamp.tau2, clamp.fac = 1e5, 0, 0, 0
    assert found()[0] == pytest.approx([-64.9987013, 9.999026, 9.9997799, -39.9987049, -39.9992076, -40.7309342], abs=1e-6)
    clamp.tau1 = 0.001
    for k in range(3):
        clamp.dur[k] = 0
    h.finitialize(-65)
    h.continuerun(1)
    clamp.dur[0], clamp.amp[0] = 1.5, 0  # on in mid-run
    h.continuerun(2)
    assert (v[45], v[80]) == pytest.approx((0, -27.281), abs=1e-3)
    h.cvode_active(1)
    h.finitialize(-65)
    h.continuerun(1)
    assert a.v == pytest.approx(0, abs=1e-2)


def test_the_amplifier_of_a_voltage_clamp_is_earthed(h: Any) -> None:
    """With a potential outside of the membrane, as NEURON 9.0.2: it took v for what it measures, and showed 1.8 mA."""
    a, b = h.Section(name="a"), h.Section(name="b")
    b.connect(a(1))
    a.L, a.diam, a.nseg, b.L, b.diam = 200, 2, 5, 100, 1
    a.insert("hh")
    a.insert("extracellular")
    a.xraxial[0], a.xg[0] = 1e3, 1e-3
    b.insert("pas")
    clamp = h.VClamp(a(0.5))
    for phase, (duration, level) in enumerate([(2, -60), (3, -20), (3, -70)]):
        clamp.dur[phase], clamp.amp[phase] = duration, level
    h.usetable_hh = 1
    found = []
    h.finitialize(-65)
    for stop in (1, 2.5, 6):
        h.continuerun(stop)
        found += [a(0.5).v, clamp.i]
    assert found == pytest.approx([-62.2366, 0.056466, -44.434, 0.458441, -75.4422, 0.0674688], rel=1e-4)


def test_a_cell_that_is_being_built_asks_nothing_of_those_there_are(h: Any, soma: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sweeps build a cell for each of their values: the numbers of the last one were read for each edit of the next."""
    h.finitialize(-60)
    h.fadvance()
    seen = [soma.v, soma.ina, soma.m_hh]
    fetched = []
    monkeypatch.setattr(Exchange, "fetch_all", lambda *_: fetched.append(1))
    trunk, tip = h.Section(name="trunk"), h.Section(name="tip")
    trunk.nseg = 3
    tip.insert("hh")
    tip.connect(trunk)
    assert not fetched
    monkeypatch.undo()
    assert [soma.v, soma.ina, soma.m_hh] == seen
    soma.nseg = 3
    trunk.connect(soma)
    assert [soma(0.1).v, soma(0.1).ina, soma(0.1).m_hh] == seen
    h.fadvance()
    assert soma(0.5).v == pytest.approx(-64.941187, abs=1e-6)  # NEURON 9.0.2
