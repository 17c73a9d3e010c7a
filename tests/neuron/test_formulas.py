"""What a second engine of a session need not make again, and what a script need not load."""

from __future__ import annotations

import os
import subprocess
import sys
from math import exp
from pathlib import Path
from typing import Any

import pytest

from rxd.neuron.engine import blueprints, formulas
from rxd.neuron.session import Session

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def h() -> Any:
    with Session():
        from rxd.neuron import h

        yield h


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The gates at rest for which SymPy has written a function."""
    found: list[Any] = []
    make = formulas.make_numpy

    def counted(group: Any, expressions: Any) -> Any:
        if len(expressions) == 3:  # else a current
            found.append(expressions)
        return make(group, expressions)

    monkeypatch.setattr(formulas, "make_numpy", counted)
    monkeypatch.setattr(blueprints, "recalled", lambda what, key, make: make())  # from disk none is made
    return found


def _exact_rest(v: float) -> float:
    """Hodgkin and Huxley's potassium gate at rest."""
    alpha, beta = 0.01 * 10 * (-(v + 55) / 10) / (exp(-(v + 55) / 10) - 1), 0.125 * exp(-(v + 65) / 80)
    return alpha / (alpha + beta)


def test_the_next_engine_takes_the_functions_of_the_last_with_its_own_numbers(h: Any, made: list[Any]) -> None:
    soma = h.Section(name="soma")
    soma.insert("hh")
    h.finitialize(-65)
    assert len(made) == 1
    soma.nseg = 3
    h.finitialize(-50)
    assert len(made) == 1
    assert [segment.hh.n for segment in soma] == pytest.approx([_exact_rest(-50)] * 3, rel=1e-12)


def test_another_equation_gets_another_function(h: Any, made: list[Any]) -> None:
    soma = h.Section(name="soma")
    soma.insert("hh")
    h.finitialize(-50.5)
    between = soma(0.5).hh.n
    h.usetable_hh = 0
    h.finitialize(-50.5)
    assert len(made) == 2
    assert soma(0.5).hh.n == pytest.approx(_exact_rest(-50.5), rel=1e-12)
    assert 0 < abs(between - soma(0.5).hh.n) < 1e-4  # a table is not exact between its entries


def test_old_functions_make_room(h: Any, made: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    for keeper in (formulas, blueprints):
        monkeypatch.setattr(keeper, "MOST", 1)
    soma = h.Section(name="soma")
    soma.insert("hh")
    for table in (1, 0, 1):
        h.usetable_hh = table
        h.finitialize(-65)
    assert len(made) == 3


def test_a_small_script_does_not_wait_for_scipy() -> None:
    code = (
        "import sys; from neuron import h; s = h.Section(name='s'); s.insert('hh'); h.finitialize(-65); h.fadvance(); "
        "print(sorted({'scipy.linalg', 'scipy.sparse', 'scipy.spatial'} & set(sys.modules)))"
    )
    command = [sys.executable, "-m", "rxd.neuron", "-c", code]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, env={**os.environ, "PYTHONPATH": str(ROOT)}, cwd=ROOT
    )
    assert (done.stdout.strip(), done.returncode) == ("[]", 0), done.stderr
