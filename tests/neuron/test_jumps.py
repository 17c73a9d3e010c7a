"""What variable steps make of jumps: both values in recordings, transitions of state machines where they are due, counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from rxd.neuron.errors import HocError
from rxd.neuron.session import Session


@pytest.fixture
def h() -> Any:
    with Session():
        from rxd.neuron import h

        h.load_file("stdrun.hoc")
        h.cvode.active(1)
        h.cvode.atol(1e-6)
        yield h


@pytest.fixture
def soma(h: Any) -> Any:
    section = h.Section(name="soma")
    section.L = section.diam = 20
    section.insert("hh")
    return section


@pytest.mark.parametrize("readable", [True, False])
def test_recordings_have_both_values_of_a_jump(h: Any, soma: Any, readable: bool) -> None:
    clamp, played, synapse = h.IClamp(soma(0.5)), h.IClamp(soma(0.5)), h.ExpSyn(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp, played.dur = 1, 2, 0.5, 1e9
    values, times = h.Vector([0, 0, 0.1, 0.2]), h.Vector([0, 1.5, 1.5, 2.5])
    kept = [values.play(played._ref_amp, times, True)]
    connection = h.NetCon(None, synapse, 0, 0, 0.01)
    t, i, g = (h.Vector().record(pointer) for pointer in (h._ref_t, clamp._ref_i, synapse._ref_g))
    amp = h.Vector().record(played._ref_i)
    if not readable:  # only Python can ask an object of the script
        kept.append(h.Vector().record(h.ref(1.0)))
    h.finitialize(-65)
    connection.event(2)
    connection.event(2)
    h.cvode.solve(4)

    def at(when: float, of: Any) -> list[float]:
        return [round(value, 9) for time, value in zip(t, of, strict=True) if abs(time - when) < 1e-9]

    assert at(0, i) == [0]
    assert at(1, i) == [0, 0.5]
    assert at(3, i) == [0.5, 0]
    assert at(2, g) == [0, 0.02]
    assert at(1.5, amp) == [0, 0.1]
    assert np.all(np.diff(t) >= 0)
    assert kept


def test_functions_and_events_of_cells_alone_leave_recordings_as_they_are(h: Any, soma: Any) -> None:
    cell, t = h.IntFire1(), h.Vector().record(h._ref_t)
    connection = h.NetCon(None, cell, 0, 0, 0.2)
    h.finitialize(-65)
    h.cvode.event(1, lambda: None)
    connection.event(2)
    h.cvode.solve(3)
    assert np.all(np.diff(t) > 0)


def machine(h: Any, soma: Any, heard: list[tuple[str, float]]) -> tuple[Any, ...]:
    """Up through 0 mV, down through -60 mV, and a clock that goes off three times."""
    top, bottom, due = h.ref(0), h.ref(-60), h.ref(1)
    watch, clock = h.StateTransitionEvent(2), h.StateTransitionEvent(1)

    def ring() -> None:
        heard.append(("ring", h.t))
        due[0] += 1.25

    watch.transition(0, 1, soma(0.5)._ref_v, top, lambda: heard.append(("up", h.t)))
    watch.transition(1, 0, bottom, soma(0.5)._ref_v, lambda: heard.append(("down", h.t)))
    clock.transition(0, 0, h._ref_t, due, ring)

    def begin() -> None:
        due[0] = 1
        watch.state(0)
        clock.state(0)

    return h.FInitializeHandler(1, begin), watch, clock, top, bottom, due


def test_transitions_come_where_variables_cross_and_change_nothing(h: Any, soma: Any) -> None:
    clamp, heard = h.IClamp(soma(0.5)), []
    clamp.dur, clamp.amp = 1, 0.5
    v, t = h.Vector().record(soma(0.5)._ref_v), h.Vector().record(h._ref_t)
    h.finitialize(-65)
    h.continuerun(6)
    plain = np.interp(np.arange(0, 6, 0.25), t, v)
    kept = machine(h, soma, heard)
    h.finitialize(-65)
    h.continuerun(6)
    assert [when for what, when in heard if what == "ring"] == pytest.approx([1, 2.25, 3.5, 4.75, 6], abs=1e-12)
    (up,), (down,) = ([when for what, when in heard if what == kind] for kind in ("up", "down"))
    assert np.interp(up, t, v) == pytest.approx(0, abs=1e-3)
    assert np.interp(down, t, v) == pytest.approx(-60, abs=1e-3)
    assert np.all(np.diff(t) >= 0)
    np.testing.assert_allclose(np.interp(np.arange(0, 6, 0.25), t, v), plain, atol=0.05)
    assert kept


@pytest.mark.parametrize("adaptive", [0, 1])
def test_a_state_that_leads_to_itself_is_left_once_a_crossing(h: Any, adaptive: int) -> None:
    bare = h.Section(name="bare")
    bare.L = bare.diam = 10
    clamp, machine, heard = h.IClamp(bare(0.5)), h.StateTransitionEvent(1), []
    clamp.dur, clamp.amp = 10, 0.1
    levels = [h.ref(-50), h.ref(-10)]
    for number, level in enumerate(levels):
        machine.transition(0, 0, bare(0.5)._ref_v, level, lambda number=number: heard.append(number))
    begin = h.FInitializeHandler(1, lambda: machine.state(0))
    h.cvode.active(adaptive)
    for stop in (5, 20, 5):
        heard.clear()
        h.finitialize(-65)
        h.continuerun(stop)
        assert heard == [0, 1]
    assert begin


def test_fixed_steps_notice_a_transition_when_a_variable_is_greater(h: Any, soma: Any) -> None:
    heard: list[tuple[str, float]] = []
    h.cvode.active(0)
    kept = machine(h, soma, heard)
    h.steps_per_ms, h.dt = 64, 1 / 64
    h.finitialize(-65)
    h.continuerun(3)
    assert [when for _, when in heard] == [1 + 1 / 64, 2.25 + 1 / 64]
    assert kept


def test_states_and_transitions_that_are_not_there(h: Any) -> None:
    machine, x = h.StateTransitionEvent(2), h.ref(2)
    for wrong in (lambda: machine.state(2), lambda: machine.transition(0, 2, h._ref_t, x), lambda: machine.state(-1)):
        with pytest.raises(HocError, match="no state"):
            wrong()
    machine.transition(0, 1, h._ref_t, x)  # nothing to call
    h.Section(name="one")
    h.finitialize(-65)
    h.continuerun(3)
    assert machine.state() == 1


def test_counts_and_times_of_events(h: Any, soma: Any) -> None:
    h.cvode.active(0)
    train, cell, stored, counts = h.NetStim(), h.IntFire1(), h.Vector(), h.Vector()
    train.start, train.interval, train.number, train.noise = 1, 2, 2, 0
    connections = [h.NetCon(train, cell, 0, 0.5, 0.1)]
    assert h.cvode.store_events(stored) == 1
    h.finitialize(-65)
    h.continuerun(5)
    pairs = np.round(np.reshape(stored, (-1, 2)), 9).tolist()
    assert [1.0, 1.5] in pairs
    assert [3.0, 3.5] in pairs
    h.cvode.store_events()
    h.cvode.spike_stat(counts)
    assert counts.size() == 11
    assert counts[1] == len(connections)
    assert counts[8] >= len(pairs) > 3
    size = stored.size()
    h.finitialize(-65)
    h.continuerun(5)
    assert stored.size() == size


def test_thresholds_of_artificial_sources_are_kept_and_shared(h: Any, soma: Any) -> None:
    synapse, train = h.ExpSyn(soma(0.5)), h.NetStim()
    first, second, none = h.NetCon(train, synapse), h.NetCon(train, synapse, 5, 1, 0), h.NetCon(None, synapse)
    assert (first.threshold, second.threshold, none.threshold) == (5, 5, 10)
    first.threshold = 3
    assert (second.threshold, none.threshold) == (3, 10)
    assert none.valid()
    assert not h.NetCon(train, None).valid()


def test_watchers_with_arguments_and_recordings_at_given_times(h: Any, soma: Any) -> None:
    heard: list[str] = []
    callback = (heard.append, "here")
    h.cvode.extra_scatter_gather(1, callback)
    times, v = h.Vector([0, 0.5, 1.5]), h.Vector()
    h.cvode.record(soma(0.5)._ref_v, v, times, 1)
    h.finitialize(-65)
    h.cvode.solve(2)
    assert v.size() == times.size() == 3
    assert set(heard) == {"here"}
    h.cvode.extra_scatter_gather_remove((heard.append, "here"))
    count = len(heard)
    h.cvode.solve(3)
    assert len(heard) == count


def test_ends_have_no_membrane(h: Any, soma: Any) -> None:
    dend = h.Section(name="dend")
    dend.L, dend.diam = 50, 1
    dend.connect(soma(0.5))
    h.cvode.use_fast_imem(True)
    clamp = h.IClamp(soma(0.5))
    clamp.dur, clamp.amp = 10, 0.1
    h.finitialize(-65)
    h.cvode.solve(1)
    assert soma(0).i_membrane_ == soma(1).i_membrane_ == dend(1).i_membrane_ == 0
    assert dend(0).i_membrane_ == soma(0.5).i_membrane_ > 0.01
    every = [segment.i_membrane_ for section in (soma, dend) for segment in section]
    assert sum(every) == pytest.approx(clamp.i, abs=1e-12)
    clamp.amp = 0
    h.finitialize(-65)
    assert soma(0.5).i_membrane_ == 0


def test_events_with_flags_are_those_of_the_cell_itself(h: Any, soma: Any) -> None:
    h.cvode.active(0)
    cell, synapse = h.IntFire1(), h.ExpSyn(soma(0.5))
    connection, other = h.NetCon(None, cell, 0, 0, 2), h.NetCon(None, synapse)
    h.finitialize(-65)
    assert connection.event(0) == 1
    h.fadvance()
    assert cell.m == 2
    connection.weight[0] = 0.2
    connection.event(h.t, 1)
    h.fadvance()
    assert cell.m == 0
    connection.event(h.t)
    h.fadvance()
    assert cell.m == 0.2
    with pytest.raises(HocError, match="flag"):
        other.event(1, 1)
    connection.active(False)
    assert connection.event(1) == 0


def test_where_connections_begin_and_end_and_which_are_listed(h: Any, soma: Any) -> None:
    synapse, train, cell = h.ExpSyn(soma(0.5)), h.NetStim(), h.IntFire1()
    gate = h.NetCon(soma(0.5).hh._ref_m, synapse, sec=soma)
    assert gate.preloc() == -2
    h.pop_section()
    assert gate.preseg() is None
    kept = [h.NetCon(train, cell), h.NetCon(soma(0.5)._ref_v, synapse, sec=soma)]
    assert kept[0].postloc() == kept[0].preloc() == -1
    assert [str(one) for one in h.cvode.netconlist("NetStim[<0-9>*]", "", "")] == [str(kept[0])]
    assert [str(one) for one in h.cvode.netconlist("", "", synapse.hname())] == [str(gate), str(kept[1])]
    gone = h.Section(name="gone")
    there = h.ExpSyn(gone(0.5))
    kept.append(h.NetCon(gone(0.5)._ref_v, there, sec=gone))
    h.delete_section(sec=gone)
    assert kept[2].precell() is kept[2].postcell() is None
    assert len(h.cvode.netconlist(train, "", "")) == 1
    for wrong in (
        lambda: h.cvode.netconlist("foo<<", "", ""),
        lambda: kept[0].setpost([]),
        lambda: h.NetCon(None, None).record(h.Vector()),
    ):
        with pytest.raises(HocError):
            wrong()


def test_rates_of_too_few_values_are_refused(h: Any, soma: Any) -> None:
    values, rates = h.Vector(), h.Vector()
    h.finitialize(-65)
    h.cvode.states(values)
    h.cvode.f(0, values, rates)
    assert rates.size() == values.size() == 4
    with pytest.raises(HocError, match="size"):
        h.cvode.f(0, h.Vector(), rates)
    h.cvode.use_local_dt(True)
    assert h.cvode.current_method() == 1301


@pytest.mark.parametrize("active", [False, True])
def test_recordings_outlive_their_connections(h: Any, soma: Any, active: bool) -> None:
    h.cvode.active(active)
    clamp, times, numbers = h.IClamp(soma(0.5)), h.Vector(), h.Vector()
    clamp.dur, clamp.amp = 30, 0.3
    trains = [h.NetStim() for _ in range(3)]
    for k, train in enumerate(trains):
        train.start, train.interval, train.number, train.noise = 1 + 0.1 * k, 2, 3, 0
        h.NetCon(train, None).record(times, numbers, k)
    cell, fired, spikes = h.IntFire1(), h.Vector(), h.Vector()
    kept = h.NetCon(trains[0], cell, 0, 0.5, 2)
    h.NetCon(cell, None).record(fired)
    h.NetCon(soma(0.5)._ref_v, None, sec=soma).record(spikes)
    for _ in range(2):
        h.finitialize(-65)
        h.continuerun(10)
        np.testing.assert_allclose(times, [1, 1.1, 1.2, 3, 3.1, 3.2, 5, 5.1, 5.2], atol=1e-9)
        assert numbers.to_python() == [0, 1, 2] * 3
        np.testing.assert_allclose(fired, [1.5], atol=1e-9)
        assert spikes.size() == 1
    again = h.Vector()
    h.NetCon(trains[1], None).record(again)  # instead of the first recording
    h.finitialize(-65)
    h.continuerun(10)
    assert again.size() == 3
    assert numbers.to_python() == [0, 2] * 3
    assert kept


@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize("watched", [False, True])
def test_a_source_has_one_vector_of_times_and_one_function(h: Any, soma: Any, watched: bool, active: bool) -> None:
    """Whichever of its NetCons is asked, as in NEURON 9.0.2: in rasters of cells with many NetCons each spike is once."""
    h.cvode.active(active)
    clamp, stim, cells = h.IClamp(soma(0.5)), h.NetStim(), [h.IntFire1() for _ in range(2)]
    clamp.dur, clamp.amp = 1, 0.5
    stim.number, stim.start, stim.noise = 1, 1, 0
    one, other = (h.NetCon(soma(0.5)._ref_v if watched else stim, cell, sec=soma) for cell in cells)
    times, numbers, late, called = h.Vector(), h.Vector(), h.Vector(), []

    def run() -> tuple[list[float], int, int, list[str]]:
        called.clear()
        h.finitialize(-65)
        h.continuerun(10)
        return list(numbers), times.size(), late.size(), list(called)

    one.record(times, numbers, 7)
    other.record(times, numbers, 8)
    assert run() == ([8], 1, 0, [])
    one.record(lambda: called.append("one"))
    other.record(lambda: called.append("other"))
    assert run() == ([8], 1, 0, ["other"])
    other.record(late)
    times.resize(0)
    with pytest.warns(UserWarning, match=r"NetCon\[\d\]\.record: .*has asked.*one Vector"):
        one.record(h.Vector())
    other.record(late)
    assert run()[1:] == (0, 1, ["other"])
    third = h.NetCon(soma(0.5)._ref_v if watched else stim, cells[0], sec=soma)
    assert third.get_recordvec().same(late)
    assert one.get_recordvec().same(late)
    del one, other  # the source goes on with what it has
    assert run()[1:] == (0, 1, ["other"])
    third.record()
    late.resize(0)
    assert third.get_recordvec() is None
    assert run()[1:] == (0, 0, ["other"])
    third.record("")
    assert run()[3] == []
    third.record(late)
    h.ParallelContext().gid_connect(77, cells[0], third)  # a cell that is not here: what records stays with the last source
    assert third.get_recordvec() is None
    del third
    with pytest.raises(HocError, match="callback"):
        h.NetCon(stim, None).record(3)


def test_numbers_of_connections_begin_anew_when_none_is_left(h: Any) -> None:
    """They are what a raster has if nothing else is given: networks that are built anew have the same, as in NEURON."""
    times, numbers, stim = h.Vector(), h.Vector(), h.NetStim()
    stim.number, stim.start = 1, 1
    for _ in range(2):
        connections = [h.NetCon(stim, None), h.NetCon(stim, None)]
        connections[1].record(times, numbers)
        assert str(connections) == "[NetCon[0], NetCon[1]]"
        h.finitialize(-65)
        h.cvode.solve(2)
        assert list(numbers) == [1]
        del connections


@pytest.mark.parametrize("active", [False, True])
@pytest.mark.parametrize("watched", [False, True])
def test_a_vector_of_spikes_may_go_while_its_connection_stays(h: Any, soma: Any, watched: bool, active: bool) -> None:
    h.cvode.active(active)
    clamp, stim, cell = h.IClamp(soma(0.5)), h.NetStim(), h.IntFire1()
    clamp.dur, clamp.amp = 1e9, 0.5
    stim.number, stim.start, stim.noise = 2, 1, 0
    connection = h.NetCon(soma(0.5)._ref_v if watched else stim, cell, sec=soma)
    times = h.Vector()
    connection.record(times)
    for stop in (20, 5):
        h.finitialize(-65)
        h.continuerun(stop)
    assert times.size() == 1
    del times
    h.continuerun(20)
    assert connection.get_recordvec() is None
    again = h.Vector()
    connection.record(again)
    h.finitialize(-65)
    h.continuerun(20)
    assert again.size() == 2


@pytest.mark.parametrize("adaptive", [False, True])
def test_what_is_above_a_threshold_at_once_is_a_spike(h: Any, soma: Any, adaptive: bool) -> None:
    """At the beginning, by a script or where a threshold sinks; not where it was above. Times of NEURON 9.0.2."""
    rests, moves = (h.Section(name=name) for name in ("rests", "moves"))
    for section in (rests, moves):
        section.insert("pas").e_pas = 20
    h.cvode_active(adaptive)
    late = 0 if adaptive else 1e-10

    def spikes_of(section: Any, threshold: float) -> tuple[Any, Any]:
        connection, times = h.NetCon(section(0.5)._ref_v, None, threshold, 1, 0, sec=section), h.Vector()
        connection.record(times)
        return connection, times

    first, times = spikes_of(moves, 10)
    lowered, others = spikes_of(rests, 50)
    h.finitialize(20)
    h.continuerun(1)
    assert list(times) == [late]
    assert list(others) == []
    lowered.threshold = 15
    new = spikes_of(soma, -100)
    h.continuerun(2)
    assert list(others) == pytest.approx([1], abs=1e-9)
    assert list(new[1]) == ([] if adaptive else pytest.approx([1], abs=1e-9))
    for v in (30, -5):
        moves(0.5).v = v
        h.cvode.re_init()
        h.continuerun(2.001 + 0.1 * (v < 0))
    moves(0.5).v = 15
    h.cvode.re_init()
    h.continuerun(3)
    assert times[0] == late
    assert list(times)[1:] == pytest.approx([2.1], abs=0.03)
    first.threshold = 30
    h.continuerun(4)
    first.threshold = 5
    h.continuerun(5)
    assert list(times)[2:] == pytest.approx([4], abs=1e-9)
    h.cvode_active(False)


def test_variables_other_than_voltages_are_watched_in_variable_steps(h: Any, soma: Any) -> None:
    """NEURON 9.0.2 fires at the events that lift a conductance over a threshold, and where internal steps end."""
    synapse, source = h.ExpSyn(soma(0.5)), h.NetStim()
    synapse.tau, source.start, source.number, source.interval = 1, 1, 2, 5
    connection = h.NetCon(source, synapse, 0, 0, 0.002)
    detector, times = h.NetCon(synapse._ref_g, None, 0.001, 1, 0, sec=soma), h.Vector()
    detector.record(times)
    h.cvode_active(True)
    h.finitialize(-65)
    h.continuerun(10)
    h.cvode_active(False)
    assert list(times) == pytest.approx([1, 6], abs=1e-9)
    assert connection.valid()


def test_what_is_above_a_threshold_does_not_rise_with_another_engine(h: Any, soma: Any) -> None:
    """NEURON 9.0.2 fires once, whatever is edited in the middle of a spike."""
    section, saved = h.Section(name="section"), h.SaveState()
    section.insert("pas").e_pas = 30
    other, times = h.Section(name="other"), h.Vector()
    connection = h.NetCon(section(0.5)._ref_v, None, 10, 1, 0, sec=section)
    connection.record(times)
    h.cvode_active(True)
    h.finitialize(-65)
    while section.v < 15:
        h.fadvance()
    saved.save()
    other.nseg = 3
    h.fadvance()
    section.nseg = 3
    h.fadvance()
    other.insert("hh")
    for active in (False, True):
        h.cvode_active(active)
        h.fadvance()
        h.fadvance()
    assert times.size() == 1
    other.uninsert("hh")
    section.nseg = other.nseg = 1
    counter = h.APCount(soma(0.5))
    h.fadvance()
    saved.restore()
    h.fadvance()
    h.fadvance()
    section.v = -65
    h.cvode.re_init()
    h.fadvance()
    other.nseg = 3
    section.v = 20
    h.cvode.re_init()
    t = h.t
    h.fadvance()
    h.cvode_active(False)
    assert list(times)[1:] == [t]
    assert counter.n == 0
