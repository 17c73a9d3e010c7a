"""Recordings that single steps compute later: what a script reads itself after every step, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from rxd.neuron import h
from rxd.neuron.engine.late import ROOM

MODS = {
    "syn": """
NEURON { POINT_PROCESS Syn NONSPECIFIC_CURRENT i RANGE tau, e, g }
PARAMETER { tau = 4 (ms)  e = 0 (mV) }
ASSIGNED { v (mV)  i (nA)  g (uS) }
STATE { s (uS) }
BREAKPOINT { SOLVE d METHOD cnexp  g = 3*s  i = g*(v - e) }
DERIVATIVE d { s' = -s/tau }
NET_RECEIVE(weight (uS)) { s = s + weight }
"""
}
STEPS = ROOM + 60

pytestmark = pytest.mark.usefixtures("mods")


def cell() -> dict[str, Any]:
    """Two sections with what NEURON's and a mod file's currents are made of, and pointers to these."""
    soma, dend = h.Section(name="soma"), h.Section(name="dend")
    dend.connect(soma(1))
    for section in (soma, dend):
        section.L, section.diam, section.nseg = 50, 3, 3
        section.insert("hh")
        section.insert("pas")
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 0.5, 100, 0.3
    syn, stim = h.Syn(dend(0.5)), h.NetStim()
    stim.start, stim.interval, stim.number = 1, 1.3, 100
    wire = h.NetCon(stim, syn, 0, 0.2, 0.001)
    pointers = [soma(0.5)._ref_ina, dend(0.9)._ref_ik, soma(0.1)._ref_i_pas, syn._ref_i, syn._ref_g, soma(0.5)._ref_v, h._ref_t]
    return {"soma": soma, "dend": dend, "clamp": clamp, "syn": syn, "kept": (stim, wire), "pointers": pointers}


def compared(parts: dict[str, Any], between: Callable[[int, list[Any]], None], pointers: list[Any] | None = None) -> None:
    """Step, do something between steps, and compare recordings with what was read after every step."""
    pointers = parts["pointers"] if pointers is None else pointers
    vectors = [h.Vector().record(pointer) for pointer in pointers]
    h.finitialize(-65)
    read = [[pointer[0] for pointer in pointers]]
    for step in range(STEPS):
        h.fadvance()
        read.append([pointer[0] for pointer in pointers])
        between(step, vectors)
    for vector, values in zip(vectors, np.array(read).T, strict=True):
        # NumPy's powers of single numbers and of arrays differ in the last digit
        np.testing.assert_allclose(np.array(vector), values, rtol=1e-14, atol=0)


def nothing(step: int, vectors: list[Any]) -> None:
    pass


def test_recordings_of_currents_are_what_is_read_after_every_step() -> None:
    compared(cell(), nothing)


def test_who_looks_at_a_vector_during_the_run_sees_all_that_was_recorded() -> None:
    def look(step: int, vectors: list[Any]) -> None:
        if step % 7 == 0:
            assert [len(vector) for vector in vectors] == [step + 2] * len(vectors)

    compared(cell(), look)


def test_parameters_set_between_steps_count_from_then_on_only() -> None:
    parts = cell()

    def change(step: int, vectors: list[Any]) -> None:
        if step % 50 == 20:
            parts["soma"](0.5).gnabar_hh *= 0.9
            parts["soma"].e_pas -= 1
            parts["syn"].e = -1.0 * step

    compared(parts, change)


def test_events_that_change_what_is_compiled_come_in_between() -> None:
    parts = cell()

    def change(step: int, vectors: list[Any]) -> None:
        if step == 40:
            h.celsius = 10
        if step == 80:
            parts["dend"].nseg = 5
        if step == 120:
            parts["syn"].tau = 2

    parts["pointers"] = [parts["soma"](0.5)._ref_ina, parts["soma"](0.1)._ref_i_pas]
    try:
        compared(parts, change)
    finally:
        h.celsius = 6.3


def test_a_vector_may_play_into_the_variable_that_is_recorded() -> None:
    parts = cell()
    course, times = h.Vector([0.0, 1.0, 0.5]), h.Vector([0.0, 3.0, 6.0])
    course.play(parts["soma"](0.5)._ref_gnabar_hh, times, True)
    compared(parts, nothing)
    course.play_remove()


def test_steps_at_once_and_a_new_recording_go_on_after_single_steps() -> None:
    parts = cell()
    late, alone = h.Vector().record(parts["soma"](0.5)._ref_ina), h.Vector()
    h.finitialize(-65)
    h.continuerun(20)
    expected = np.array(late)
    h.finitialize(-65)
    for _ in range(30):
        h.fadvance()
    h.continuerun(5)
    for _ in range(30):
        h.fadvance()
    alone.record(parts["soma"](0.5)._ref_ik)  # other recordings from the next start on
    h.continuerun(20)
    np.testing.assert_array_equal(np.array(late), expected)


def test_an_array_that_shows_the_room_of_a_vector_is_up_to_date_at_every_step() -> None:
    """`record` keeps the room of a Vector: an array taken before shows what is written there."""
    parts = cell()
    vector = h.Vector(STEPS + 1)
    shown = vector.as_numpy()
    vector.record(parts["soma"](0.5)._ref_ina)
    h.finitialize(-65)
    for step in range(1, 20):
        h.fadvance()
        assert shown[step] == pytest.approx(parts["soma"](0.5).ina, rel=1e-14)


def test_a_vector_that_records_nothing_yet_is_not_looked_for_among_the_others() -> None:
    """Thousands of recordings, each of which went through all others: half a minute of an LFPy run."""
    from rxd.neuron.session import current_session

    parts = cell()
    run = current_session().run
    announced = run._announced
    vectors = [h.Vector().record(parts["soma"](0.5)._ref_v) for _ in range(5)]
    assert run._announced is announced
    assert len(announced) == 5
    vectors[0].record(parts["soma"](0.5)._ref_ina)  # and no longer v
    vectors[1].play_remove()
    assert len(run._announced) == 4
    h.finitialize(-65)
    h.fadvance()
    assert [vector.size() for vector in vectors] == [2, 0, 2, 2, 2]
    assert abs(vectors[0][1]) < 1
    vectors[2].play_remove()
    vectors[1].record(parts["soma"](0.5)._ref_v)
    h.finitialize(-65)
    assert [vector.size() for vector in vectors] == [1, 1, 2, 1, 1]


@pytest.mark.parametrize("at_once", [False, True])
def test_currents_of_a_step_follow_from_what_was_played_for_its_middle(at_once: bool) -> None:
    """The parameter itself shows what is played for the step's end, as in NEURON 9.0.2."""
    parts = cell()
    syn, soma = parts["syn"], parts["soma"]
    values, times = h.Vector([-10, 10, 0]), h.Vector([0, 1, 3])
    values.play(syn._ref_e, times, True)
    i, g, v, e = (h.Vector().record(at) for at in (syn._ref_i, syn._ref_g, parts["dend"](0.5)._ref_v, syn._ref_e))
    h.finitialize(-65)
    if at_once:
        h.continuerun(2.5)
    else:
        for _ in range(100):
            h.fadvance()
    middle = np.interp((np.arange(100) + 0.5) * h.dt, [0, 1, 3], [-10, 10, 0])
    np.testing.assert_allclose(np.array(i)[1:], np.array(g)[1:] * (np.array(v)[:-1] - middle), rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(np.array(e)[1:], np.interp(np.arange(1, 101) * h.dt, [0, 1, 3], [-10, 10, 0]), atol=1e-12)
    assert np.ptp(np.array(g)) > 0
    assert soma.nseg == 3
