"""Kernels compiled by a second process while the first does something else."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numba as nb
import numpy as np
import pytest

import geometry
import rxd
from rxd.codegen import apart
from rxd.codegen.apart import Apart, Rehearsal, on_disk
from rxd.solve.coupled import CoupledStepper
from rxd.solve.direct_march import march

SOURCE = """
from rxd.solve.lane_operations import lean_kernel


@lean_kernel
def double(x, factor):
    for k in range(x.size):
        x[k] *= 2.0 * factor


def rehearse():
    import numpy

    double(numpy.ones(3), 1.5)


@lean_kernel
def wrong(x, factor):
    x.nothing_of_this_name()
"""


@pytest.fixture
def shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module of kernels that nobody has compiled, on a machine of two processors."""
    (tmp_path / "shared_kernels.py").write_text(SOURCE)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(apart, "processors", lambda: 2)
    yield importlib.import_module("shared_kernels")
    del sys.modules["shared_kernels"]


def test_what_the_other_process_compiles_is_there_for_this_one(shared: Any) -> None:
    x = np.ones(3)
    assert not on_disk(shared.double)
    with Apart([(shared.double, (x, 1.5))]) as helper:
        assert helper.busy
        helper.ask(shared.double, x, 2.5)  # of the same types
        helper.settle()
        assert not helper.busy
    assert on_disk(shared.double)
    shared.double(x, 1.5)
    np.testing.assert_array_equal(x, 3.0)
    assert sum(shared.double.stats.cache_hits.values()) == 1
    assert not shared.double.stats.cache_misses


def test_what_it_cannot_compile_ends_it_and_nobody_waits(shared: Any) -> None:
    x = np.ones(3)
    with Apart([(shared.wrong, (x, 1.5))]) as helper:
        helper.ask(shared.double, x, 1.5)
        helper.settle()
        assert not helper.busy
        helper.ask(shared.double, x, 1)  # there is nobody to ask
        assert not helper.busy
    shared.double(x, 1.0)
    np.testing.assert_array_equal(x, 2.0)
    assert sum(shared.double.stats.cache_misses.values()) == 1


def test_what_it_has_not_begun_is_compiled_here_instead(shared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "ORDER", "import sys; sys.stdin.buffer.read(1); sys.stdin.buffer.read()")
    monkeypatch.setattr(apart, "PATIENCE", 0.2)
    with Apart([(shared.wrong, (np.ones(3), 1.5))]) as helper:  # it keeps this one
        helper.ask(shared.double, np.ones(3), 1.5)
        helper.ask(shared.double, np.ones(3), 2)
        helper.settle()
    assert len(shared.double.signatures) == 2
    assert not shared.wrong.signatures


def test_nobody_waits_forever_for_one_that_does_not_answer(shared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "ORDER", "import time; time.sleep(600)")
    monkeypatch.setattr(apart, "PATIENCE", 0.2)
    with Apart([(shared.double, (np.ones(3), 1.5))]) as helper:
        helper.settle()
        assert not helper.busy
        assert helper._process is None


def test_it_has_ended_when_the_model_is_made_or_given_up(shared: Any) -> None:
    processes = []

    def give_up() -> None:
        with Apart([(shared.double, (np.ones(3), 1.5))]) as helper:
            processes.append(helper._process)
            raise ValueError("given up")

    with pytest.raises(ValueError, match="given up"):
        give_up()
    (process,) = processes
    assert process is not None
    assert process.returncode is not None


@pytest.mark.parametrize(("processors", "executable"), [(1, sys.executable), (2, ""), (2, "/somewhere/a-program")])
def test_there_is_none_where_it_would_not_help_or_cannot_be(
    shared: Any, monkeypatch: pytest.MonkeyPatch, processors: int, executable: str
) -> None:
    monkeypatch.setattr(apart, "processors", lambda: processors)
    monkeypatch.setattr(sys, "executable", executable)
    helper = Apart([(shared.double, (np.ones(3), 1.5))])
    assert helper._process is None
    assert not helper.busy


def test_there_is_none_for_what_is_on_disk(shared: Any) -> None:
    shared.double(np.ones(3), 1.5)
    assert Apart([(shared.double, (np.ones(3), 1.5))])._process is None


@pytest.mark.parametrize(("options", "wanted"), [({}, (march,)), ({"solver": "petsc"}, ()), ({"solver": "direct"}, (march,))])
def test_the_coupled_stepper_asks_for_the_step_of_its_own_solver(options: dict[str, str], wanted: tuple[Any, ...]) -> None:
    system = rxd.Model(geometry.cylinder(10, 1), segments=1).compile("coupled").system
    assert tuple(function for function, _ in CoupledStepper.shared(system, options)) == wanted
    assert all(map(on_disk, wanted))
    box = rxd.Model(geometry.cylinder(10, 1), segments=1)
    box.add(rxd.Species(rxd.Extracellular(-3, -3, -3, 13, 3, 3, dx=3), name="k", d=2.6, charge=1, initial=3.0))
    assert CoupledStepper.shared(box.compile("split", dt=0.025).system, options) == ()


@pytest.mark.parametrize("rate", [0.1, 0.1 * rxd.t])
def test_it_asks_for_a_step_of_the_types_that_the_model_then_has(rate: Any) -> None:
    model = rxd.Model(geometry.cylinder(10, 1), segments=1)
    x = rxd.Species(rxd.Region(model.morphology.all, "cyt", side="i"), name="x", initial=1.0)
    model.add(x, rxd.Rate(x, rate))
    for function, arguments in CoupledStepper.shared(model.compile("coupled").system, {}):
        assert tuple(map(nb.typeof, arguments)) in function.signatures


def test_what_a_rehearsal_compiles_is_there_for_this_process(shared: Any) -> None:
    rehearsal = Rehearsal((shared.double,), shared.__name__, "rehearse")
    assert Rehearsal((shared.double,), shared.__name__, "rehearse")._process is None  # one is at it
    rehearsal.settle()
    assert on_disk(shared.double)
    shared.double(np.ones(3), 1.5)
    assert not shared.double.stats.cache_misses
    again = Rehearsal((shared.double,), shared.__name__, "rehearse")
    assert again._process is None  # there is nothing to rehearse
    again.settle()


def test_a_rehearsal_that_does_not_end_is_ended(shared: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "REHEARSE", "import time; time.sleep(1000)")
    monkeypatch.setattr(apart, "PATIENCE", 0.1)
    rehearsal = Rehearsal((shared.double,), shared.__name__, "rehearse")
    process = rehearsal._process
    assert process is not None
    rehearsal.settle()
    assert process.returncode != 0
    assert not on_disk(shared.double)
