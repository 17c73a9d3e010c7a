"""Runs: exact answers, conservation, events at their times."""

from __future__ import annotations

import math

import numpy as np
import pytest

from rxd.neuron import HocError, Session, h, rxd

MOLECULES = 602214.076  # in 1 um3 at 1 mM


pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def ball():
    sec = h.Section(name="ball")
    sec.L = sec.diam = 10
    return sec


def test_a_passive_ball_discharges_exponentially(ball):
    ball.insert("pas")
    ball.g_pas, ball.e_pas = 1e-4, -70
    h.dt = 0.01
    h.finitialize(-50)
    h.continuerun(10)
    assert h.t == pytest.approx(10)
    assert ball.v == pytest.approx(-70 + 20 / 1.001**1000, rel=1e-10)  # tau = cm / g = 10 ms
    assert ball(0.5).i_pas == pytest.approx(1e-4 * 20 / 1.001**999, rel=1e-10)  # of the last step's start


def test_recordings(ball):
    ball.insert("pas")
    h.dt = 0.1
    every, grid, times, t = h.Vector(), h.Vector(), h.Vector(), h.Vector()
    every.record(ball(0.5)._ref_v)
    t.record(h._ref_t)
    grid.record(ball(0.5)._ref_v, 0.5)
    times.record(ball(0.5)._ref_v, h.Vector([0.2, 1.1]))
    h.finitialize(-50)
    h.continuerun(2)
    assert (len(every), len(grid), len(times)) == (21, 5, 2)
    assert list(grid) == list(every.as_numpy()[::5])
    assert times[1] == every[11]
    assert t[20] == pytest.approx(2)


def test_a_clamp_charges(ball):
    clamp = h.IClamp(ball(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 2, 0.01
    h.dt = 0.025
    h.finitialize(-65)
    h.continuerun(5)
    charge = 0.01 * 2  # nA ms = pC
    assert ball.v + 65 == pytest.approx(charge / (1e-5 * ball(0.5).area()), rel=1e-9)


def test_played_and_changed_currents(ball):
    clamp = h.IClamp(ball(0.5))
    clamp.delay, clamp.dur = 0, 1e9
    values, times = h.Vector([0, 0.02, 0]), h.Vector([0, 1, 2])
    values.play(clamp._ref_amp, times, True)
    h.dt = 0.025
    h.finitialize(-65)
    h.continuerun(2)
    assert ball.v + 65 == pytest.approx(0.02 / (1e-5 * ball(0.5).area()), rel=1e-6)


def test_a_voltage_clamp_holds(ball):
    ball.insert("pas")
    clamp = h.SEClamp(ball(0.5))
    clamp.dur1, clamp.amp1, clamp.rs = 100, -20, 0.01
    h.finitialize(-65)
    h.continuerun(5)
    current = 1e-2 * ball(0.5).area() * ball.g_pas * (ball.v - ball.e_pas)
    assert ball.v == pytest.approx(-20 - 0.01 * current, abs=1e-6)
    assert clamp.i == pytest.approx(current, rel=1e-6)


def test_events(ball):
    ball.insert("pas")
    source = h.NetStim()
    source.start, source.number, source.interval, source.noise = 2, 3, 4, 0
    synapse = h.ExpSyn(ball(0.5))
    synapse.tau = 2
    connection = h.NetCon(source, synapse)
    connection.delay, connection.weight[0] = 1, 1e-4
    spikes = h.Vector()
    connection.record(spikes)
    h.dt = 0.025
    h.finitialize(-65)
    h.continuerun(4)
    assert synapse.g == pytest.approx(1e-4 * math.exp(-0.5), rel=1e-3)
    h.continuerun(20)
    assert list(spikes) == [2, 6, 10]
    connection.event(25)
    connection.event(26)
    h.continuerun(30)
    remains = 1e-4 * (math.exp(-2.5) + math.exp(-2))
    assert synapse.g == pytest.approx(remains, rel=2e-2)


def test_peak_of_a_synapse_is_its_weight(ball):
    synapse = h.Exp2Syn(ball(0.5))
    synapse.tau1, synapse.tau2 = 1, 5
    connection = h.NetCon(None, synapse)
    connection.weight[0] = 0.003
    h.dt = 0.01
    trace = h.Vector().record(synapse._ref_g)
    h.finitialize(-65)
    connection.event(1)
    h.continuerun(10)
    assert trace.max() == pytest.approx(0.003, rel=1e-3)


def test_callbacks_see_their_time(ball):
    log = []
    handler = h.FInitializeHandler(lambda: log.append(("init", h.t)))
    solver = h.CVode()
    later = h.FInitializeHandler(lambda: solver.event(1.23, lambda: log.append(("event", h.t))))
    h.finitialize(-65)
    h.continuerun(3)
    assert log == [("init", 0), ("event", pytest.approx(1.25))]  # the end of the step, as in NEURON
    del handler, later


def test_threshold_and_delay(ball):
    ball.insert("hh")
    clamp = h.IClamp(ball(0.5))
    clamp.dur, clamp.amp = 1, 0.2
    spikes, echo = h.Vector(), h.IntFire1()
    detector = h.NetCon(ball(0.5)._ref_v, echo, sec=ball)
    detector.threshold, detector.delay, detector.weight[0] = 0, 2, 2
    detector.record(spikes)
    fired = h.Vector()
    listener = h.NetCon(echo, None)
    listener.record(fired)
    trace = h.Vector().record(ball(0.5)._ref_v)
    h.dt = 0.025
    h.finitialize(-65)
    h.continuerun(10)
    assert len(spikes) == 1
    first = int(np.argmax(trace.as_numpy() > 0))
    assert spikes[0] == pytest.approx(first * 0.025, abs=1e-6)
    assert fired[0] - spikes[0] == pytest.approx(2, abs=1e-9)


def test_a_state_machine(ball):
    ball.insert("pas")
    ball.e_pas = -20
    log = []
    machine = h.StateTransitionEvent(2)
    machine.transition(0, 1, ball(0.5)._ref_v, h.ref(-40), lambda: log.append(h.t))
    machine.state(0)
    h.finitialize(-65)
    h.continuerun(5)
    assert machine.state() == 1
    assert len(log) == 1


def test_mass_action_relaxes_as_backward_euler_says(ball):
    cyt = rxd.Region([ball], name="cyt")
    a, b = rxd.Species(cyt, name="a", initial=1), rxd.Species(cyt, name="b", initial=0)
    reaction = rxd.Reaction(a, b, 0.3, 0.1)
    h.dt = 0.01
    h.finitialize(-65)
    h.continuerun(5)
    assert a.nodes[0].value == pytest.approx(0.25 + 0.75 / 1.004**500, rel=1e-10)
    assert a.nodes[0].value + b.nodes[0].value == pytest.approx(1, abs=1e-14)
    assert reaction.b_rate == 0.1
    assert h.t == pytest.approx(5)


def test_deleted_reactions_leave_no_trace(ball):
    cyt = rxd.Region([ball], name="cyt")
    a = rxd.Species(cyt, name="a", initial=1)
    rate = rxd.Rate(a, -a)
    h.finitialize(-65)
    h.continuerun(1)
    value = a.nodes[0].value
    del rate
    h.continuerun(2)
    assert a.nodes[0].value == value < 0.5


def test_parameters_change_on_the_way(ball):
    cyt = rxd.Region([ball], name="cyt")
    a = rxd.Species(cyt, name="a", initial=0)
    rate = rxd.Parameter(cyt, name="rate", value=1)
    production = rxd.Rate(a, rate)
    h.finitialize(-65)
    h.continuerun(1)
    rate.nodes[0].value = 3
    h.continuerun(2)
    assert a.nodes[0].value == pytest.approx(4)
    assert production is not None


@pytest.mark.parametrize("adaptive", [False, True])
def test_diffusion_keeps_amounts(adaptive):
    a, b, c = h.Section(name="a"), h.Section(name="b"), h.Section(name="c")
    for sec, diam in ((a, 2), (b, 1), (c, 1.5)):
        sec.L, sec.diam, sec.nseg = 20, diam, 5
    b.connect(a(1))
    c.connect(a(0.5), 1)
    cyt = rxd.Region([a, b, c], name="cyt")
    x = rxd.Species(cyt, name="x", d=1, initial=lambda node: float(node.segment in b))
    h.cvode_active(adaptive)
    h.finitialize(-65)
    amount = np.dot(x.nodes.value, x.nodes.volume)
    h.continuerun(50)
    assert h.t == pytest.approx(50)
    assert np.dot(x.nodes.value, x.nodes.volume) == pytest.approx(amount, rel=1e-12)
    assert 0 < x.nodes(c)[0].value < x.nodes(b)[-1].value < 1


def test_currents_carry_ions(ball):
    ball.insert("hh")
    cyt = rxd.Region([ball], name="cyt", nrn_region="i")
    k = rxd.Species(cyt, name="k", charge=1, initial=54.4)
    h.dt = 1 / 64
    current = h.Vector().record(ball(0.5)._ref_ik)
    h.finitialize(-65)
    before = k.nodes[0].value
    h.continuerun(10)
    charge = 1e-2 * ball(0.5).area() * current.sum() / 64  # pC
    assert before - k.nodes[0].value == pytest.approx(1e6 * charge / (96485.332 * ball(0.5).volume()), rel=1e-2)
    assert ball.ki == k.nodes[0].value < before
    assert ball.ek == pytest.approx(h.nernst(ball.ki, ball.ko, 1))


def test_fluxes_in_all_forms(ball):
    cyt = rxd.Region([ball], name="cyt")
    species = [rxd.Species(cyt, name=f"x{i}", initial=0) for i in range(4)]
    store = h.Vector([500.0])
    h.finitialize(-65)
    species[0].nodes[0].include_flux(500)
    species[1].nodes[0].include_flux(lambda: 500)
    species[2].nodes[0].include_flux(store._ref_x[0])
    species[3].nodes.include_flux(500 / 6.02214076e20, units="mmol/ms")
    h.finitialize(-65)
    h.continuerun(10)
    expected = 500 * 10 / MOLECULES / species[0].nodes[0].volume
    for x in species:
        assert x.nodes[0].value == pytest.approx(expected, rel=1e-6)


def test_states_are_saved_and_restored(ball):
    ball.insert("hh")
    cyt = rxd.Region([ball], name="cyt", nrn_region="i")
    na = rxd.Species(cyt, name="na", charge=1, initial=10)
    h.finitialize(-65)
    h.continuerun(2)
    keeper, kept = h.SaveState(), rxd.save_state()
    keeper.save()
    h.continuerun(4)
    first = ball.v, na.nodes[0].value
    keeper.restore()
    assert h.t == pytest.approx(2)
    h.continuerun(4)
    assert (ball.v, na.nodes[0].value) == first
    rxd.restore_state(kept)
    assert na.nodes[0].value != first[1]


def test_concentrations_written_to_segments_reach_the_nodes_on_demand(ball):
    cyt = rxd.Region([ball], name="cyt", nrn_region="i")
    ca = rxd.Species(cyt, name="ca", charge=2, initial=0.1)
    h.finitialize(-65)
    ball.cai = 0.7
    assert ca.nodes[0].value == 0.1
    rxd.re_init()
    assert (ca.nodes[0].value, ball.cai) == (0.7, 0.7)
    h.finitialize(-65)
    assert ca.nodes[0].value == 0.1


def test_running_twice_gives_the_same(ball):
    ball.insert("hh")
    clamp = h.IClamp(ball(0.5))
    clamp.dur, clamp.amp = 100, 0.05
    trace = h.Vector().record(ball(0.5)._ref_v)
    h.finitialize(-65)
    h.continuerun(5)
    first = list(trace)
    h.finitialize(-65)
    h.continuerun(5)
    assert list(trace) == first


def test_editing_compiles_anew_and_keeps_the_state(session, ball):
    ball.insert("pas")
    h.finitialize(-50)
    h.continuerun(1)
    v, engine = ball.v, session.run.engine
    h.fadvance()
    assert session.run.engine is engine
    other = h.Section(name="other")
    other.connect(ball(1))
    h.fadvance()
    assert session.run.engine is not engine
    assert -70 < ball.v < v


def test_current_at_an_end_divides():
    trunk, left, right = (h.Section(name=name) for name in ("trunk", "left", "right"))
    for sec in (trunk, left, right):
        sec.L, sec.diam = 50, 2
        sec.insert("pas")
    left.connect(trunk(1))
    right.connect(trunk(1))
    clamp = h.IClamp(left(0))
    clamp.dur, clamp.amp = 1e9, 0.1
    h.finitialize(-70)
    h.continuerun(100)
    voltages = [sec.v for sec in (trunk, left, right)]
    assert voltages == pytest.approx([voltages[0]] * 3, rel=1e-9)
    assert left(0).v == pytest.approx(voltages[0] + 0.1 * h.ri(left(0.5)) / 3, rel=1e-6)
    assert left(0).v == trunk(1).v


def test_the_layer_refuses_what_it_cannot_do(ball):
    with pytest.raises(RuntimeError, match="rallbranch"):
        ball.rallbranch = 2
    with pytest.raises(RuntimeError, match="there can be 1 to 8 layers"):
        h.nlayer_extracellular(9)
    ball.insert("extracellular")
    with pytest.raises(RuntimeError, match="while a section has extracellular"):
        h.nlayer_extracellular(3)


def test_steps_of_their_own_for_cells_are_everybodys(ball):
    assert h.nlayer_extracellular() == 2
    assert not h.cvode.use_local_dt()
    assert h.cvode_local(True)
    assert h.cvode.active()
    assert h.cvode.use_local_dt()
    h.cvode.use_local_dt(False)
    assert h.cvode.active()
    assert not h.cvode_local(False)
    assert not h.cvode.active()


def test_rates_of_hh_at_any_voltage(ball):
    """What they assign is seen until the state moves; NEURON 9.0.2's figures."""
    ball.insert("hh")
    with pytest.raises(RuntimeError, match="setdata_hh"):
        h.rates_hh(-50)
    h.setdata_hh(ball(0.5))
    assert h.rates_hh(-50) == 1
    seen = [ball(0.5).hh.minf, ball(0.5).hh.mtau, ball(0.5).hh.hinf, ball(0.5).hh.ninf]
    expected = [0.2508120782537887, 0.43096583642153313, 0.1534432096410396, 0.5508143140840531]
    assert seen == pytest.approx(expected, rel=1e-9)
    assert ball(0.5).hh.rates(-40) == 1
    assert ball(0.5).hh.minf == pytest.approx(0.5006486315783902, rel=1e-9)
    assert (h.vtrap_hh(1, 10), h.vtrap_hh(0, 10)) == pytest.approx((9.508331944775042, 10))


def test_time_passes_without_sections():
    h.finitialize(-65)
    h.fadvance()
    assert h.t == pytest.approx(0.025)


@pytest.mark.parametrize("edit", ["celsius", "clamp"])
def test_initial_voltages_hold_after_an_edit_that_compiles_anew(edit):
    soma, dend = h.Section(name="soma"), h.Section(name="dend")
    dend.connect(soma)
    soma.insert("hh")
    dend.insert("pas")
    dend.e_pas = -40
    h.finitialize(-65)
    h.continuerun(5)
    clamps = []
    if edit == "celsius":
        h.celsius = 16
    else:
        clamps.append(h.IClamp(soma(0.5)))
    h.finitialize(-65)
    assert [soma.v, dend.v] == [-65, -65]
    h.fadvance()
    first = dend.v
    h.finitialize(-65)
    h.fadvance()
    assert dend.v == first
    h.celsius = 6.3


def test_without_a_voltage_the_initial_state_is_where_the_last_run_ended(ball):
    twin = h.Section(name="twin")
    twin.L = twin.diam = 10
    for sec in (ball, twin):
        sec.insert("hh")
    clamps = [h.IClamp(sec(0.5)) for sec in (ball, twin)]
    for clamp in clamps:
        clamp.dur, clamp.amp = 0.5, 0.05
    h.finitialize(-65)
    h.continuerun(0.5)
    reached = ball.v
    h.finitialize()
    h.continuerun(0.1)
    assert reached > -60
    assert twin.v == ball.v  # nobody had looked at the twin's


@pytest.mark.parametrize("in_file", [False, True])
def test_a_saved_state_has_the_concentrations_that_no_equation_moves(ball, tmp_path, in_file):
    """NEURON 9.0.2 restores 5 mM, too."""
    ball.insert("hh")
    h.ion_style("k_ion", 3, 2, 1, 1, 1, sec=ball)  # finitialize sets ko to 2.5
    h.finitialize(-70)
    ball.ko = 5
    h.continuerun(1)
    state, file = h.SaveState(), h.File(str(tmp_path / "state.dat"))
    state.save()
    state.fwrite(file)
    h.continuerun(2)
    later = ball.v
    h.finitialize(-65)
    assert ball.ko == 2.5
    if in_file:
        state = h.SaveState()
        state.fread(file)
    state.restore()
    assert [ball.ko, ball.ek] == pytest.approx([5, 1000 * 8.31446261815324 * 279.45 / 96485.3321233100184 * math.log(5 / 54.4)])
    h.continuerun(2)
    assert ball.v == pytest.approx(later, rel=1e-14)


def test_a_state_in_a_file(ball, tmp_path):
    ball.insert("hh")
    x = rxd.Species(rxd.Region([ball]), initial=1)
    decay = rxd.Rate(x, -0.1 * x)
    vec = h.Vector().record(ball(0.5)._ref_v, 0.5)
    h.finitialize(-60)
    h.continuerun(2)
    state, file = h.SaveState(), h.File(str(tmp_path / "state.dat"))
    with pytest.raises(HocError, match="nothing was saved"):
        state.fwrite(file)
    state.save()
    state.fwrite(file)
    taken = len(vec)
    h.continuerun(4)
    later, whole = (ball.v, x.nodes[0].value), list(vec)
    h.finitialize(-70)
    h.continuerun(0.3)
    other = h.SaveState()
    other.fread(file)
    other.restore()
    assert h.t == pytest.approx(2)
    vec.from_python(whole[:taken])
    h.continuerun(4)
    assert (ball.v, x.nodes[0].value) == later
    assert list(vec) == whole
    h.CVode().event(5, lambda: None)
    state.save()
    with pytest.raises(HocError, match="a function is to be called at 5 ms"):
        state.fwrite(file)
    decay = None  # noqa: F841
    ball.nseg = 3
    h.finitialize(-60)
    with pytest.raises(HocError, match="another model"):
        other.restore()


def test_slopes_of_ion_currents_are_conductances(session, ball):
    ball.insert("hh")
    h.finitialize(-65)
    for _ in range(20):
        h.fadvance()
    place = ball(0.5)
    assert place.dik_dv_ == pytest.approx(place.gk_hh, rel=1e-7)
    assert place.dina_dv_ == pytest.approx(place.gna_hh, rel=1e-7)
    assert place.gna_hh > 0


def test_reversal_potentials_follow_concentrations_that_scripts_set():
    """Where `h.ion_style` wants that at every step; in NEURON 9.0.2 ena is 63.55, 61.12 mV ... so, too."""
    with Session():
        cell = h.Section("cell")
        cell.insert("hh")
        h.ion_style("na_ion", 3, 2, 1, 1, 1, sec=cell)
        h.finitialize(-65)
        for inside in (10, 11, 14):
            cell.nai = inside
            h.fadvance()
            assert cell.ena == pytest.approx(h.nernst(inside, 140, 1), rel=1e-12)
        h.ion_style("na_ion", 3, 2, 1, 0, 1, sec=cell)
        cell.nai = 20
        h.fadvance()
        assert cell.ena == pytest.approx(h.nernst(14, 140, 1), rel=1e-12)
