"""What scripts do between steps, as observed in NEURON 9.0.2: clocks, grids of recordings, plot intervals, `psolve`."""

from __future__ import annotations

from typing import Any

import pytest

from rxd.neuron.errors import HocError, NotSupported
from rxd.neuron.session import Session


@pytest.fixture
def h() -> Any:
    with Session():
        from rxd.neuron import h

        h.load_file("stdrun.hoc")
        yield h


@pytest.fixture
def soma(h: Any) -> Any:
    found = h.Section(name="soma")
    found.insert("pas")
    return found


@pytest.mark.parametrize("single", [True, False])
def test_grids_begin_with_frecord_init_and_show_their_own_times(h: Any, soma: Any, single: bool) -> None:
    clock, steps = h.Vector().record(h._ref_t, 0.2), h.Vector().record(h._ref_t)

    def go(stop: float) -> None:
        while single and h.t < stop - 0.5 * h.dt:
            h.fadvance()
        h.continuerun(stop)

    h.dt = 0.03
    h.finitialize(-65)
    go(0.33)
    assert clock.to_python() == [0, 0.2]
    h.frecord_init()
    assert (clock.to_python(), steps.to_python()) == ([], [h.t])
    go(1.11)
    assert clock.to_python() == pytest.approx([0.33, 0.53, 0.73, 0.93], rel=1e-14)
    assert steps[1] == pytest.approx(0.36, rel=1e-14)


def test_setting_the_clock_leaves_the_queue_as_it_is(h: Any, soma: Any) -> None:
    clock = h.Vector().record(h._ref_t, 0.2)
    h.dt = 0.03
    h.finitialize(-65)
    h.t = -1
    h.continuerun(-0.5)
    assert clock.to_python() == [0]
    h.finitialize(-65)
    h.t = 5
    h.continuerun(5.5)
    assert clock.to_python() == pytest.approx([0.2 * k for k in range(28)], rel=1e-12)


def test_vectors_record_and_play_from_the_next_start_on(h: Any, soma: Any) -> None:
    clamp = h.IClamp(soma(0.5))
    clamp.dur = 1e9
    times, levels, seen = h.Vector([0, 1, 2]), h.Vector([0.0, 0.1, 0.05]), h.Vector()
    h.finitialize(-65)
    h.continuerun(0.5)
    levels.play(clamp._ref_amp, times, True)
    seen.record(clamp._ref_amp)
    h.continuerun(1)
    assert (clamp.amp, seen.to_python()) == (0, [])
    h.frecord_init()
    h.continuerun(1.1)
    assert seen.to_python() == [0.0] * 5
    h.finitialize(-65)
    h.continuerun(0.1)
    assert seen.to_python() == pytest.approx([0, 0.0025, 0.005, 0.0075, 0.01])


def test_plot_intervals_are_whole_and_psolve_does_not_go_beyond(h: Any, soma: Any) -> None:
    h.dt, h.steps_per_ms = 0.0123, 40
    h.stdrun_quiet = 1
    h.stdinit()
    assert (h.dt, h.nstep_steprun) == (0.0125, 2)
    h.continuerun(0.03)
    assert h.t == pytest.approx(0.025)
    h.continuerun(0.04)
    assert h.t == pytest.approx(0.05)
    h.dt = 0.05
    h.ParallelContext().psolve(0.18)
    assert h.t == pytest.approx(0.15)


def test_the_first_handlers_see_the_clock_of_before(h: Any, soma: Any) -> None:
    seen: list[tuple[int, float]] = []
    handlers = [h.FInitializeHandler(kind, (lambda k: seen.append((k, h.t)), kind)) for kind in (3, 0, 1, 2)]
    h.finitialize(-65)
    h.continuerun(0.2)
    seen.clear()
    h.finitialize(-65)
    assert seen == [(3, pytest.approx(0.2)), (0, 0), (1, 0), (2, 0)]
    assert len(handlers) == 4


def test_what_is_called_at_a_spike_may_stop_the_run_at_the_end_of_its_step(h: Any, soma: Any) -> None:
    soma.insert("hh")
    clamp, seen = h.IClamp(soma(0.5)), []
    soma.L = soma.diam = 10
    clamp.dur, clamp.amp = 1e9, 0.05

    def stop() -> None:
        seen.append(h.t)
        h.stoprun = 1

    detector = h.NetCon(soma(0.5)._ref_v, None, sec=soma)
    detector.record(stop)
    h.finitialize(-65)
    h.continuerun(100)
    assert len(seen) == 1
    assert h.t == pytest.approx(seen[-1] + h.dt, abs=1e-9)


def test_variables_of_a_new_process_come_back(h: Any) -> None:
    h.dt, h.celsius, h.secondorder, h.t, h.tstop = 0.1, 30, 2, 7, 99
    assert h.initnrn() == 1
    assert (h.dt, h.celsius, h.secondorder, h.t, h.tstop) == (0.025, 6.3, 0, 0, 99)


def test_code_runs_in_the_session_it_was_given_in(h: Any) -> None:
    one = Session()
    with one:
        h("x = 1")
        pointer, played = h.Pointer("x", "y = $1"), h.Vector([5, 6])
        played.play("z = $1", h.Vector([0, 0.5]))
        handler = h.FInitializeHandler("w = 9")
    with Session() as other:
        h("x = 100")
        pointer.assign(4)
        one.run.finitialize(-65)
        one.run.fadvance()
        assert dict(other.hoc.variables) == {"x": 100}
    assert handler is not None
    assert dict(one.hoc.variables) == {"x": 4, "y": 4, "z": 5, "w": 9}


def test_netcons_of_one_variable_of_a_point_process_share_a_threshold(h: Any) -> None:
    synapse, other = h.ExpSyn(h.Section(name="s")(0.5)), h.ExpSyn(h.Section(name="t")(0.5))
    first, second = (h.NetCon(synapse._ref_g, None) for _ in range(2))
    apart = [h.NetCon(synapse._ref_i, None), h.NetCon(other._ref_g, None)]
    first.threshold = 4
    assert second.threshold == 4
    assert h.NetCon(synapse._ref_g, None, 7, 1, 1).threshold == 7  # the last one counts, as in NEURON 9.0.2
    assert [one.threshold for one in (first, second, *apart)] == [7, 7, 10, 10]


def test_clamps_follow_variables_by_number(h: Any) -> None:
    """`pc.target_var` of a clamp: from the end of a step on it has what the source has there; numbers of NEURON 9.0.2."""
    cells = h.ParallelContext()
    a, b = (h.Section(name=name) for name in "ab")
    for section in (a, b):
        section.L = section.diam = 20
        section.insert("hh")
    push = h.IClamp(a(0.5))
    push.delay, push.dur, push.amp = 1, 1, 1
    hold = h.SEClamp(b(0.5))
    hold.rs, hold.dur1 = 100, 1e9
    for wrong in (lambda: cells.source_var(a(0.5)._ref_v, -1), lambda: cells.target_var(hold, hold._ref_amp1, -1)):
        with pytest.raises(HocError, match="not negative"):
            wrong()
    cells.source_var(a(0.5)._ref_v, 1, sec=a)
    cells.target_var(hold, hold._ref_amp1, 1)
    cells.setup_transfer()
    v, level, theirs = (h.Vector().record(one) for one in (b(0.5)._ref_v, hold._ref_amp1, a(0.5)._ref_v))

    def one_by_one(stop: float) -> None:
        while h.t < stop - 0.5 * h.dt:
            h.fadvance()

    for run in (h.continuerun, cells.psolve, one_by_one):
        h.finitialize(-65)
        run(5)
        assert list(level) == list(theirs)
        assert (v[60], v[90], v[150]) == pytest.approx((-59.0371894, 32.0944600, -19.7533507), abs=1e-6)
    h.cvode_active(1)
    h.finitialize(-65)
    with pytest.raises(NotSupported, match="a clamp that follows a variable"):
        h.fadvance()
    h.cvode_active(0)
    cells.gid_clear()  # and nothing follows any more
    h.finitialize(-65)
    kept = hold.amp1
    h.continuerun(2)
    assert hold.amp1 == kept != a.v
    cells.source_var(b(0.5)._ref_v, 1, sec=b)
