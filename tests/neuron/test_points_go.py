"""Point processes that a script lets go of leave no trace in a model that has run with them."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import pytest

from rxd.neuron import h
from rxd.neuron.engine.placed import Placed

pytestmark = pytest.mark.usefixtures("session")


@pytest.fixture
def soma() -> Any:
    section = h.Section(name="soma")
    section.L = section.diam = 20
    section.insert("pas")
    return section


def run(soma: Any) -> float:
    h.finitialize(-70)
    h.continuerun(2)
    return float(soma(0.5).v)


def clamp(seg: Any) -> Any:
    made = h.IClamp(seg)
    made.dur, made.amp = 100, 0.1
    return made


def held(seg: Any) -> Any:
    made = h.SEClamp(seg)
    made.dur1, made.amp1 = 100, -20
    return made


def synapse(seg: Any) -> Any:
    made = h.AlphaSynapse(seg)
    made.gmax = 0.1
    return made


@pytest.mark.parametrize("make", [clamp, held, synapse])
@pytest.mark.parametrize("variable", [False, True])
def test_what_is_let_go_of_does_not_act(soma: Any, make: Callable[[Any], Any], variable: bool) -> None:
    h.CVode().active(variable)
    point = make(soma(0.5))
    known = weakref.ref(point)
    current = h.Vector().record(point._ref_i)
    assert run(soma) > -65
    assert len(current) > 2
    del point, current
    gc.collect()
    assert run(soma) == pytest.approx(-70, abs=1e-6)
    assert known() is None
    assert soma(0.5).point_processes() == []


def test_in_the_middle_of_a_run(soma: Any) -> None:
    """v falls from where it is by exp(-t / tau), tau = 1 ms, as soon as the clamp is gone; NEURON's steps: 1 / (1 + dt)."""
    point = clamp(soma(0.5))
    h.finitialize(-70)
    h.continuerun(1)
    before = soma(0.5).v + 70
    del point
    h.continuerun(2)
    assert soma(0.5).v + 70 == pytest.approx(before / 1.025**40, rel=1e-9)


def test_another_in_its_place_begins_with_its_own_values(soma: Any) -> None:
    """The new one may have the same address in memory."""
    first = h.ExpSyn(soma(0.5))
    first.tau = 7
    connection = h.NetCon(None, first)
    connection.weight[0] = 0.01
    h.finitialize(-70)
    connection.event(0.5)
    h.continuerun(1)
    assert first.g > 0
    for _ in range(5):
        del first
        first = h.ExpSyn(soma(0.5))
        assert (first.g, first.tau) == (0, 0.1)
        h.continuerun(h.t + 0.5)
        assert first.g == 0
    assert not connection.valid()


def test_a_vector_plays_as_long_as_it_is_kept(soma: Any) -> None:
    point = clamp(soma(0.5))
    course, times = h.Vector([0.2, 0.2]), h.Vector([0, 10])
    course.play(point._ref_amp, times, 1)
    assert run(soma) > -69
    del course
    point.amp = 0
    assert (run(soma), point.amp) == (pytest.approx(-70, abs=1e-9), 0)


@pytest.mark.parametrize("variable", [False, True])
def test_what_records_or_plays_a_clamp_does_not_keep_it(soma: Any, variable: bool) -> None:
    h.CVode().active(variable)
    point = clamp(soma(0.5))
    current, course, times = h.Vector().record(point._ref_i), h.Vector([0.2, 0.2]), h.Vector([0, 10])
    course.play(point._ref_amp, times, 1)
    pointer = point._ref_amp
    assert run(soma) > -69
    del point
    h.continuerun(3)
    assert run(soma) == pytest.approx(-70, abs=1e-6)
    assert (len(current) > 2, len(course)) == (True, 2)
    with pytest.raises(ReferenceError, match="the point process is gone"):
        pointer.get()


def test_connections_outlive_the_sections_of_their_sources(soma: Any) -> None:
    source, target = h.Section(name="source"), h.ExpSyn(soma(0.5))
    connection = h.NetCon(source(0.5)._ref_v, target, sec=source)
    connection.weight[0] = 0.01
    run(soma)
    del source
    gc.collect()
    assert run(soma) == pytest.approx(-70, abs=1e-9)
    connection.event(3)
    h.continuerun(5)
    assert soma(0.5).v > -70 + 1e-3


def test_the_newest_comes_first(soma: Any) -> None:
    made = [clamp(soma(0.5)), synapse(soma(0.5)), clamp(soma(0.5))]
    assert soma(0.5).point_processes() == made[::-1]


def test_a_number_is_that_of_the_living() -> None:
    class Thing:
        kind, values, arrays = "Thing", {"a": 1.0}, {}

    placed, things = Placed(), [Thing(), Thing()]
    for thing in things:
        placed.append(thing)
    assert [placed.number(thing) for thing in things] == [0, 1]
    del thing, things[0]
    assert (placed[0].kind, placed[0].values, placed[1]) == ("Thing", {"a": 1.0}, things[0])
    another = Thing()
    assert placed.number(another) is None
    assert (things[0] in placed, len(placed)) == (True, 2)
