"""Fixed steps, variable steps and fixed steps again in one run; what waits at the end of a run; what follows in a step.

Expected numbers: NEURON 9.0.2, but for VClamp, which it refuses with CVode.
"""

from __future__ import annotations

import pytest

from rxd.neuron import Session, h


@pytest.fixture
def section():
    with Session():
        h.load_file("stdrun.hoc")
        made = h.Section(name="s")
        made.L = made.diam = 20
        made.insert("pas")
        yield made


@pytest.mark.parametrize("order", [(0, 1, 0), (1, 0, 1)])
def test_recordings_on_a_grid_go_on(section, order):
    """In NEURON with the order 0, 1, 0: 0, 0, 0, 0.00092, 0.00071, 0.00136, 0.00194, 0.00248, 0.00194, 0.00234, 0.00274, ..."""
    synapse, stim, cvode = h.ExpSyn(section(0.5)), h.NetStim(), h.CVode()
    synapse.tau = 2
    stim.start, stim.number, stim.interval, stim.noise = 1, 20, 0.7, 0
    connection = h.NetCon(stim, synapse, 0, 0.33, 0.001)
    g, times = h.Vector().record(synapse._ref_g, 0.5), h.Vector([0.3, 1.7, 3.3, 5.5])
    v, clock = h.Vector().record(section(0.5)._ref_v, times), h.Vector().record(h._ref_t, 0.5)
    for number, method in enumerate(order):
        cvode.active(method)
        if number == 0:
            h.finitialize(-65)
        h.dt = 0.025
        h.continuerun(2.01 + 2 * number)
    expected = [0, 0, 0, 0.00092, 0.00071, 0.00135, 0.00192, 0.00246, 0.00192, 0.00233, 0.00273, 0.00213, 0.00244]
    assert connection.delay == 0.33
    assert g.to_python() == pytest.approx(expected, abs=1.5e-5)
    assert clock.to_python() == pytest.approx([0.5 * k for k in range(13)])
    assert len(v) == 4


def test_the_amplifier_of_a_vclamp_goes_on_from_its_steady_state(section):
    clamp, cvode = h.VClamp(section(0.5)), h.CVode()
    clamp.dur[0], clamp.amp[0], clamp.tau2, clamp.gain = 100, -20, 0.05, 1e4
    h.finitialize(-65)
    h.continuerun(2)
    cvode.active(1)
    clamp.amp[0] = -30
    h.continuerun(5)
    v, i = section(0.5).v, clamp.i
    cvode.active(0)
    h.fadvance()
    assert v == pytest.approx(-30, abs=0.01)
    assert section(0.5).v == pytest.approx(v, abs=1e-9)  # it was 0.4 mV off, as if the amplifier were that of 2 ms
    assert clamp.i == pytest.approx(i, abs=1e-7)


@pytest.mark.parametrize("name", ["solve", "psolve"])
def test_a_jump_that_a_vector_plays_at_the_end_of_a_run_waits_for_the_next(section, name):
    clamp, cvode, context = h.IClamp(section(0.5)), h.CVode(), h.ParallelContext()
    clamp.dur = 1e9
    levels, times = h.Vector([0, 0.1, 0.2, 0.3]), h.Vector([0, 2, 3, 5])
    levels.play(clamp._ref_amp, times)
    cvode.active(1)
    context.set_maxstep(10)
    clock, amp = h.Vector().record(h._ref_t), h.Vector().record(clamp._ref_amp)
    h.finitialize(-65)
    run, found = cvode.solve if name == "solve" else context.psolve, []
    for stop in (1, 2, 2.5, 3, 4, 5, 6):
        run(stop)
        found.append(clamp.amp)
    assert found == [0, 0, 0.1, 0.1, 0.2, 0.2, 0.3]
    around = {stop: [level for t, level in zip(clock, amp, strict=True) if abs(t - stop) < 1e-9] for stop in (2, 3, 5)}
    assert {stop: (levels[0], levels[-1]) for stop, levels in around.items()} == {2: (0, 0.1), 3: (0.1, 0.2), 5: (0.2, 0.3)}


def test_what_follows_a_played_variable_has_its_value_at_the_end_of_the_step(section):
    first, second, context = h.IClamp(section(0.5)), h.IClamp(section(0.5)), h.ParallelContext()
    for clamp in (first, second):
        clamp.delay, clamp.dur = 0, 1e9
    levels, times = h.Vector([0, 0.1, 0.2]), h.Vector([0, 0.05, 0.1])
    levels.play(first._ref_amp, times, True)
    context.source_var(first._ref_amp, 1, sec=section)
    context.target_var(second, second._ref_amp, 1)
    context.setup_transfer()
    context.set_maxstep(10)
    h.finitialize(-65)
    found = []
    for _ in range(3):
        h.fadvance()
        found.append(second.amp)
    assert found == pytest.approx([0.05, 0.1, 0.15])


def test_a_clamp_has_begun_at_a_time_of_a_grid_that_falls_short_of_it_by_round_off(section):
    """Times of a grid are summed up: the 80th is 3e-15 ms before the clamp begins. In NEURON its current is there."""
    clamp, cvode = h.IClamp(section(0.5)), h.CVode()
    clamp.delay, clamp.dur, clamp.amp = 2, 1, 0.1
    cvode.active(1)
    i, clock = h.Vector().record(clamp._ref_i, 0.025), h.Vector().record(h._ref_t, 0.025)
    h.finitialize(-65)
    cvode.solve(4)
    assert clock[80] < 2
    assert [i[79], i[80], i[119], i[120]] == [0, 0.1, 0.1, 0]


def test_all_state_machines_look_before_one_of_them_acts(section):
    """What the first does to the voltage, the second sees at the next step. Times and voltage: NEURON's."""
    section.e_pas, low, high, found = 0, h.ref(-60), h.ref(-40), []
    first, second = h.StateTransitionEvent(2), h.StateTransitionEvent(2)

    def lift():
        found.append(h.t)
        section.v = -30

    first.transition(0, 1, section(0.5)._ref_v, low, lift)
    second.transition(0, 1, section(0.5)._ref_v, high, lambda: found.append((h.t, section.v)))
    handler = h.FInitializeHandler(1, lambda: (first.state(0), second.state(0)))
    h.finitialize(-65)
    h.continuerun(5)
    assert handler is not None
    assert found == [pytest.approx(0.1), (pytest.approx(0.125), pytest.approx(-29.268, abs=1e-3))]
