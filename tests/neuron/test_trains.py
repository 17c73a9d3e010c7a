"""NetStims and played Vectors in the compiled loop: the same numbers, to the last bit, as steps made one by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rxd.neuron.random_numbers.philox import Stream, look_ahead
from rxd.neuron.session import Session


@pytest.fixture
def h() -> Any:
    with Session():
        from rxd.neuron import h

        h.load_file("stdrun.hoc")
        yield h


def both(
    h: Any, vectors: list[Any], stop: float, begin: Callable[[], Any] = lambda: None
) -> tuple[list[list[float]], list[list[float]]]:
    """What Vectors record step by step, and in runs."""
    found = []
    for single in (True, False):
        begin()
        h.finitialize(-65)
        if single:
            while h.t < stop - 0.5 * h.dt:
                h.fadvance()
        else:
            h.continuerun(stop)
        found.append([vector.to_python() for vector in vectors])
    return found[0], found[1]


def cells_with_trains(h: Any) -> tuple[list[Any], list[Any]]:
    """Three cells that excite each other and are excited by NetStims of all kinds; and what is recorded."""
    kept, vectors, cells = [], [], [h.Section(name=f"cell{i}") for i in range(3)]
    synapses = []
    spikes, numbers, regular = h.Vector(), h.Vector(), h.Vector()
    for cell in cells:
        cell.L = cell.diam = 10
        cell.insert("hh")
        synapses += [h.Exp2Syn(cell(0.5)), h.ExpSyn(cell(0.5))]
        synapses[-1].tau = 0.7
    for i, (noise, number) in enumerate([(0, 1e9), (0.3, 1e9), (1, 1e9), (0, 3), (1, 4), (0.5, 1), (0, 1e9), (0, 1e9)]):
        train = h.NetStim()
        train.number, train.noise, train.start, train.interval = number, noise, 0.3 * i, 2.5 if i < 6 else 5
        wires = [h.NetCon(train, synapses[i % 6], 0, delay, 0.002 + 0.001 * i) for delay in (0.5, 0.0, 7.01)]
        wires[0].record(spikes, numbers, i)
        kept += [train, *wires]
    kept[5].record(regular)
    for i, cell in enumerate(cells):
        kept += [h.NetCon(cell(0.5)._ref_v, synapses[(2 * i + 3) % 6], -10, delay, 0.01, sec=cell) for delay in (0.0, 0.4, 20)]
        kept[-1].record(spikes, numbers, 10 + i)
    vectors = [h.Vector().record(cell(0.5)._ref_v) for cell in cells]
    vectors += [h.Vector().record(synapse._ref_g) for synapse in synapses]
    vectors += [h.Vector().record(synapses[0]._ref_i, 0.1), spikes, numbers, regular]
    return [*kept, *cells, *synapses], vectors


def test_netstims_and_spikes_are_those_of_single_steps(h: Any, loop_lengths: list[int]) -> None:
    kept, vectors = cells_with_trains(h)
    one, many = both(h, vectors, 60)
    assert len(one[-2]) > 80
    assert {10, 11, 12} < set(one[-2])
    assert one == many
    assert loop_lengths == [2400]  # one run of the loop: nothing has ended it
    assert kept


def test_netstims_go_on_where_a_run_ended(h: Any) -> None:
    """Runs that functions and spikes end: trains are computed ahead, but only what has been reached counts."""
    kept, vectors = cells_with_trains(h)
    cell, seen = kept[-9], []
    assert cell.L == 10
    call = h.NetCon(cell(0.5)._ref_v, None, sec=cell)
    call.record(lambda: seen.append(h.t))
    far = h.IntFire1()
    arrives = h.NetCon(cell(0.5)._ref_v, far, -10, 1.5, 0.3, sec=cell)

    def faster() -> None:
        kept[0].interval = 1.7  # counts from its next spike on

    def schedule() -> None:
        kept[0].interval = 2.5
        h.cvode.event(17.3, faster)

    handler = h.FInitializeHandler(schedule)
    one, many = both(h, vectors, 40)
    assert one == many
    assert seen[: len(seen) // 2] == seen[len(seen) // 2 :] != []
    assert far.m > 0
    assert handler
    del call, arrives


def test_a_netstim_is_stopped_by_an_event(h: Any) -> None:
    """What starts and stops it is left to Python, and what it has sent before arrives."""
    kept, vectors = cells_with_trains(h)
    stop, start = h.NetCon(None, kept[0], 0, 0, -1), h.NetCon(None, kept[0], 0, 0, 1)

    def schedule() -> None:
        stop.event(10.01)
        start.event(30.02)

    handler = h.FInitializeHandler(schedule)
    one, many = both(h, vectors, 45)
    assert one == many
    mine = np.array(one[-3])[np.array(one[-2]) == 0]
    assert not ((mine > 10.01) & (mine < 30)).any()
    assert (mine > 30).any()
    assert handler


def test_a_connection_that_is_gone_delivers_no_more(h: Any) -> None:
    cell = h.Section(name="cell")
    synapse, train = h.ExpSyn(cell(0.5)), h.NetStim()
    train.number, train.start = 1e9, 1
    wires = [h.NetCon(train, synapse, 0, 0, 0.01), h.NetCon(train, synapse, 0, 0, 0.02)]
    g = h.Vector().record(synapse._ref_g)
    h.finitialize(-65)
    h.continuerun(5)
    both_wires = max(g)
    wires.pop()
    h.finitialize(-65)
    h.continuerun(5)
    assert both_wires == pytest.approx(3 * max(g))
    wires[0].weight[0] = 0.04
    h.finitialize(-65)
    h.continuerun(5)
    assert max(g) == pytest.approx(both_wires * 4 / 3)
    wires[0].active(False)
    h.finitialize(-65)
    h.continuerun(5)
    assert max(g) == 0


def test_streams_looked_ahead_at_are_those_taken_from() -> None:
    streams = [Stream(1, 2, 3), Stream(4, 5, 6, 7), Stream(8, 9, 10)]
    for stream, place in zip(streams, (0, 5, 18), strict=True):
        stream.place = place
    counts = [3, 0, 11]
    ahead = look_ahead(streams, counts)
    assert [stream.place for stream in streams] == [0, 5, 18]
    for stream, count, numbers in zip(streams, counts, ahead, strict=True):
        assert numbers.tolist() == [stream.one() for _ in range(count)]


PLAYED: dict[str, Callable[[Any, Any], Any]] = {
    "clamp": lambda h, kept: kept["clamp"]._ref_amp,
    "voltage clamp": lambda h, kept: kept["hold"]._ref_amp1,
    "conductance": lambda h, kept: kept["cell"](0.3)._ref_gnabar_hh,
    "reversal": lambda h, kept: kept["synapse"]._ref_e,
    "elsewhere": lambda h, kept: kept["note"],
}


@pytest.mark.parametrize("continuous", [True, False])
@pytest.mark.parametrize("where", PLAYED)
def test_played_vectors_are_those_of_single_steps(h: Any, loop_lengths: list[int], where: str, continuous: bool) -> None:
    cell = h.Section(name="cell")
    cell.L, cell.diam, cell.nseg = 50, 10, 3
    cell.insert("hh")
    kept: dict[str, Any] = {"cell": cell, "clamp": h.IClamp(cell(0.5)), "note": h.ref(0.0), "synapse": h.ExpSyn(cell(0.9))}
    kept["clamp"].delay, kept["clamp"].dur = 2, 20
    if where == "voltage clamp":
        kept["hold"] = h.SEClamp(cell(0.2))
        kept["hold"].dur1, kept["hold"].rs = 12, 5
    train = h.NetStim()
    train.number, train.start, train.interval = 100, 1, 3
    wire = h.NetCon(train, kept["synapse"], 0, 0, 0.01)
    size = {"clamp": 0.3, "voltage clamp": 20, "conductance": 0.12, "reversal": 10, "elsewhere": 1}[where]
    course = h.Vector(size * np.array([0, 1, 0.2, 0.9, -0.3, 0.5]) - (65 if where == "voltage clamp" else 0))
    times = h.Vector([0.51, 3, 3, 6.013, 9, 14])
    pointer = PLAYED[where](h, kept)
    course.play(pointer, times, continuous)
    vectors = [h.Vector().record(cell(x)._ref_v) for x in (0, 0.1, 0.5)]
    if where in {"clamp", "voltage clamp"}:
        electrode = kept["clamp" if where == "clamp" else "hold"]
        vectors += [h.Vector().record(electrode._ref_i), h.Vector().record(cell(0.5)._ref_ina)]
    one, many = both(h, vectors, 20, lambda: pointer.set(course[4]))  # until the first time that is what counts
    assert one == many
    assert len(loop_lengths) <= 4
    assert pointer[0] == pytest.approx(course[5] + (course[5] - course[4]) * 6 / 5 if continuous else course[5])
    course.play_remove()
    unplayed, _ = both(h, vectors, 20)
    assert (unplayed != one) == (where != "elsewhere")
    assert wire


def test_what_the_loop_cannot_play_is_played_step_by_step(h: Any, loop_lengths: list[int]) -> None:
    cell = h.Section(name="cell")
    cell.insert("pas")
    course = h.Vector([1e-4, 1e-2])
    course.play(cell(0.5)._ref_g_pas, h.Vector([0, 5]), True)
    clamp = h.IClamp(cell(0.5))
    clamp.dur, clamp.amp = 10, 1
    one, many = both(h, [h.Vector().record(cell(0.5)._ref_v)], 5)
    assert one == many
    assert loop_lengths == []
