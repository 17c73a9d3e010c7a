"""Recordings on a grid of what events make jump: at the very time of an event the one that was sent first comes first.

Expected numbers: NEURON 9.0.2, the first sample that is not 0, with the script that `first_sample` follows.
"""

from __future__ import annotations

import pytest

from rxd.neuron import Session, h

# distance of samples, delay: the first sample with the event
FIRST = {
    (0.1, 0.1): 12,
    (0.1, 0.2): 12,
    (0.1, 0.5): 15,
    (0.1, 1.0): 20,
    (0.1, 2.6): 36,
    (0.025, 0.1): 44,
    (0.025, 0.2): 49,
    (0.3, 0.5): 5,
    (0.3, 1.0): 7,
    (0.5, 0.5): 4,  # the NetStim sends itself its first spike when it is due: behind the sample
    (0.5, 1.0): 4,
    (0.5, 2.0): 6,
    (0.5, 2.6): 8,
}


@pytest.fixture(scope="module")
def model():
    with Session():
        section = h.Section(name="s")
        section.insert("pas")
        synapse = h.ExpSyn(section(0.5))
        synapse.tau = 2
        stim = h.NetStim()
        stim.start, stim.number, stim.noise = 1, 1, 0
        yield section, synapse, stim
        h.cvode_active(0)


def first_sample(model, when, delay, run):
    _, synapse, stim = model
    connection = h.NetCon(stim, synapse, 0, delay, 0.01)
    recorded = h.Vector().record(synapse._ref_g, when)
    h.finitialize(-65)
    run(6.0)
    assert connection.delay == delay
    return next(place for place, g in enumerate(recorded) if g > 0)


def one_by_one(stop):
    while h.t < stop - 1e-9:
        h.fadvance()


@pytest.mark.parametrize("adaptive", [0, 1])
def test_events_sent_before_the_sample_was_are_in_it(model, adaptive):
    h.cvode_active(adaptive)
    found = {key: first_sample(model, *key, h.continuerun) for key in FIRST}
    assert found == FIRST


def test_single_steps_give_the_same(model):
    h.cvode_active(0)
    assert first_sample(model, 0.5, 0.5, one_by_one) == 4
    assert first_sample(model, 0.5, 1.0, one_by_one) == 4


@pytest.mark.parametrize("adaptive", [0, 1])
def test_given_times_take_their_turn_too(model, adaptive):
    h.cvode_active(adaptive)
    times = h.Vector([0.5, 1.2, 1.5, 2.0, 4.0])  # the event comes at 2, was sent at 1, and the sample at 1.5
    assert first_sample(model, times, 1.0, h.continuerun) == 3
    times = h.Vector([0.5, 0.75, 2.0, 4.0])  # now the sample was sent first
    assert first_sample(model, times, 1.0, h.continuerun) == 3


def test_a_run_of_variable_steps_that_ends_there_has_the_sample_after_the_event(model):
    h.cvode_active(1)
    _, synapse, stim = model
    connection = h.NetCon(stim, synapse, 0, 1.0, 0.01)
    recorded = h.Vector().record(synapse._ref_g, 0.5)
    h.finitialize(-65)
    h.continuerun(2.0)
    assert len(recorded) == 5
    assert recorded[4] == pytest.approx(connection.weight[0])
    h.continuerun(3.0)
    assert len(recorded) == 7


# distance of samples, delay, interval: what NEURON records up to 6 ms, rounded
TRAINS = {
    (2, 2, 1): [0, 0, 0.00607, 0.01198],  # the sample was sent first: its NetStim fires in between
    (1, 1, 1): [0, 0, 0, 0.00607, 0.00974, 0.01198, 0.01333],
    (1, 0.5, 1): [0, 0, 0.00779, 0.01251, 0.01538, 0.01711, 0.01817],
    (2, 1, 2): [0, 0, 0.00368, 0.00503],
}


@pytest.mark.parametrize("run", [h.continuerun, one_by_one])
def test_events_sent_within_a_run_take_their_turn(model, run):
    h.cvode_active(0)
    _, synapse, stim = model
    stim.number = 100
    try:
        for (distance, delay, interval), expected in TRAINS.items():
            stim.interval = interval
            connection = h.NetCon(stim, synapse, 0, delay, 0.01)
            recorded = h.Vector().record(synapse._ref_g, distance)
            h.finitialize(-65)
            run(6.0)
            assert connection.weight[0] == 0.01
            assert recorded.to_python() == pytest.approx(expected, abs=1e-5)
    finally:
        stim.number = 1


def test_functions_of_a_step_are_called_after_all_that_is_due_in_it(model):
    """In NEURON the spike at 3 goes with the weight and delay of before, and a sample at 3 shows them."""
    h.cvode_active(0)
    _, synapse, stim = model
    stim.number, stim.interval = 10, 1
    try:
        connection, cvode = h.NetCon(stim, synapse, 0, 1, 0.01), h.CVode()

        def stronger():
            connection.weight[0], connection.delay = 0.03, 0.5

        weight = h.Vector().record(connection._ref_weight[0], 0.5)
        g = h.Vector().record(synapse._ref_g, 0.5)
        every = h.Vector().record(connection._ref_weight[0])
        h.finitialize(-65)
        cvode.event(3, stronger)
        h.continuerun(5)
        assert weight.to_python() == [0.01] * 7 + [0.03] * 4
        expected = [0, 0, 0, 0, 0.01, 0.00779, 0.01607, 0.01251, 0.03974, 0.06095, 0.04747]
        assert g.to_python() == pytest.approx(expected, abs=1e-5)
        handler = h.FInitializeHandler(lambda: cvode.event(0, stronger))
        stronger()
        connection.weight[0] = 0.01
        h.finitialize(-65)
        assert handler is not None
        assert (connection.weight[0], every[0]) == (0.03, 0.01)  # also at the start
    finally:
        stim.number = 1


def zero_delay():
    """A synapse that a NetStim reaches without delay, at every ms from 0 on."""
    soma = h.Section(name="soma")
    soma.L = soma.diam = 10
    synapse = h.ExpSyn(soma(0.5))
    synapse.tau = 2
    stim = h.NetStim()
    stim.start, stim.interval, stim.number, stim.noise = 0, 1, 8, 0
    connection = h.NetCon(stim, synapse)
    connection.delay, connection.weight[0] = 0, 0.001
    direct = h.NetCon(None, synapse)
    direct.delay, direct.weight[0] = 0, 0.0005
    handler = h.FInitializeHandler(lambda: (direct.event(0), direct.event(2)))
    return soma, synapse, stim, connection, direct, handler


@pytest.mark.parametrize("variable", [0, 1])
def test_events_of_time_0_are_in_the_first_values(variable):
    with Session():
        kept = zero_delay()
        g, i = h.Vector(), h.Vector()
        g.record(kept[1]._ref_g, 1.0)
        i.record(kept[1]._ref_i, 1.0)
        h.CVode().active(variable)
        h.finitialize(-65)
        assert (g[0], i[0]) == pytest.approx((0.0015, -0.0975))


@pytest.mark.parametrize("variable", [0, 1])
def test_values_that_wait_are_taken_among_the_events_that_wait(variable):
    with Session():
        kept = zero_delay()
        g = h.Vector().record(kept[1]._ref_g, 1.0)
        h.CVode().active(variable)
        h.finitialize(-65)
        context = h.ParallelContext()
        context.set_maxstep(10)
        for stop in (1, 2, 4.5):
            context.psolve(stop)
        # at 2 what was sent at the start is in it, and what the NetStim sends at that moment is not
        assert list(g) == pytest.approx([0.0015, 0.00090980, 0.00165834, 0.00161236, 0.00158447], abs=1e-7)
