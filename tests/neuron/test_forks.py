"""What a process loads for those it forks."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import numba
import numpy as np
import pytest

from geometry.kernel_files import NotKeptError, ReadyCompiler, kept_code_only
from rxd.codegen.cache import load_file
from rxd.neuron import Session, h
from rxd.neuron.forks import Forks, steps_of_a_cell


@pytest.fixture
def session() -> Iterator[Session]:
    """A session of its own."""
    with Session() as own:
        yield own


@pytest.fixture
def rehearsed(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """What has been rehearsed so far: variable steps or fixed ones."""
    seen: list[bool] = []
    monkeypatch.setattr("rxd.neuron.forks.steps_of_a_cell", seen.append)
    return seen


def test_the_first_fork_beyond_a_few_loads_what_children_need_and_no_other(session: Session, rehearsed: list[bool]) -> None:
    forks = Forks(2)
    for _ in range(2):
        forks.count()
    assert rehearsed == []
    forks.count()
    assert sorted(rehearsed) == [False, True]
    assert session.hoc.shapes is not None  # what parses hoc code
    forks.count()
    assert len(rehearsed) == 2


def test_nothing_is_loaded_where_a_model_has_run(session: Session, rehearsed: list[bool]) -> None:
    section = h.Section(name="section")
    h.finitialize(-65)
    Forks(0).count()
    assert rehearsed == []
    del section


def test_a_thread_beside_the_main_one_leaves_it_to_the_main_one(session: Session, rehearsed: list[bool]) -> None:
    forks = Forks(0)
    thread = threading.Thread(target=forks.count)
    thread.start()
    thread.join()
    assert rehearsed == []
    forks.count()
    assert len(rehearsed) == 2


def test_forks_are_watched(monkeypatch: pytest.MonkeyPatch) -> None:
    before: list[Callable[[], None]] = []
    monkeypatch.setattr(os, "register_at_fork", lambda **hooks: before.append(hooks["before"]))
    forks = Forks(1)
    forks.watch()
    assert before == [forks.count]
    monkeypatch.delattr(os, "register_at_fork")
    forks.watch()  # nothing can be forked there
    assert len(before) == 1


@pytest.mark.parametrize("variable", [True, False])
def test_the_rehearsal_leaves_the_script_alone(session: Session, variable: bool) -> None:
    section = h.Section(name="section")
    h.finitialize(-60)
    with kept_code_only(), suppress(NotKeptError):  # as it is called
        steps_of_a_cell(variable)
    assert [each.name() for each in h.allsec()] == ["section"]
    assert h.t == 0
    assert section(0.5).v == -60
    assert not h.cvode_active()


def test_nothing_is_compiled_where_only_kept_code_is_wanted() -> None:
    @numba.njit(pipeline_class=ReadyCompiler)  # without a file
    def doubled(x: float) -> float:
        return 2 * x

    with kept_code_only(), pytest.raises(NotKeptError):
        doubled(1.5)
    assert np.isclose(doubled(1.5), 3.0)  # nothing is left behind


COMPILES = """import numba
from geometry.kernel_files import ReadyCompiler

@numba.njit(pipeline_class=ReadyCompiler)
def halved(x):
    return x / 2

half = halved(3.0)
"""


def test_generated_code_that_is_not_kept_is_loaded_later(tmp_path: Path) -> None:
    path = tmp_path / "not_kept_before.py"
    with kept_code_only(), pytest.raises(NotKeptError):
        load_file(path, COMPILES)
    assert load_file(path, COMPILES).half == 1.5
