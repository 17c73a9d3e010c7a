"""Mechanisms and equations on disk: what is read is what would be made, and nothing is read that is not."""

from __future__ import annotations

import inspect
import os
import subprocess
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sympy
from sympy.core.cache import clear_cache

from rxd import library, reversal
from rxd.codegen import kept_equations
from rxd.codegen.fingerprint import Fingerprint, NotKnownError, fingerprint
from rxd.codegen.kept_equations import recalled
from rxd.declare.symbols import IonSymbol
from rxd.neuron import Session, h
from rxd.neuron import rxd as neuron_rxd
from rxd.neuron.engine import blueprints
from rxd.neuron.engine.tabulated import hh_with_tables
from rxd.neuron.mods import files as modfiles

x, y = sympy.symbols("x y", real=True)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache."""
    monkeypatch.setenv("AXOPLASM_CACHE", str(tmp_path))
    return tmp_path / "equations"


def refuse() -> Any:
    raise AssertionError("made although it is on disk")


def _run() -> tuple[np.ndarray, ...]:
    """A cell with channels, a synapse, chemistry and a clamp, in a session of its own."""
    with Session() as session:
        soma, dend = h.Section(name="soma"), h.Section(name="dend")
        dend.connect(soma)
        for section in (soma, dend):
            section.insert("hh" if section is soma else "pas")
        synapse = h.ExpSyn(dend(0.5))
        source = h.NetStim()
        source.start, source.number = 1, 2
        connection = h.NetCon(source, synapse)
        connection.weight[0] = 0.01
        cytosol = neuron_rxd.Region([soma, dend], name="cytosol", nrn_region="i")
        ca = neuron_rxd.Species(cytosol, d=0.5, name="ca", charge=2, initial=1e-3)
        decay = neuron_rxd.Rate(ca, -0.2 * ca / (1 + neuron_rxd.rxdmath.exp(ca)))
        v = h.Vector().record(soma(0.5)._ref_v)
        h.finitialize(-65)
        h.continuerun(5)
        states = session.run.engine.y.copy()
        mark = Fingerprint()
        mark.add(session.run.engine.system.groups)
        del decay, connection
        return np.array(v), states, np.frombuffer(mark.hexdigest().encode(), dtype=np.uint8)


def test_a_model_from_disk_is_the_model_to_the_last_bit(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(blueprints, "recalled", lambda what, key, make: make())
        expected = _run()
    written = _run()
    assert sorted(file.name.split("_")[0] for file in folder.iterdir()) == ["equations", *3 * ["mechanism"]]
    monkeypatch.setattr(blueprints, "_written", refuse)
    for found in (written, _run()):
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("harm", [lambda b: b[:-7], lambda b: b"", lambda b: b[:40] + b"\x00" + b[41:], lambda b: b[:32]])
def test_a_broken_file_is_made_again(folder: Path, harm: Any) -> None:
    made = [recalled("thing", 1, lambda: (x + 1, {"a": y}))]
    (file,) = folder.iterdir()
    file.write_bytes(harm(file.read_bytes()))
    made.append(recalled("thing", 1, lambda: (x + 1, {"a": y})))
    made.append(recalled("thing", 1, refuse))
    assert made[0] == made[1] == made[2]


def test_other_keys_sources_and_versions_are_other_files(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recalled("thing", (x, 1), lambda: 1) == 1
    assert recalled("thing", (x, 2), lambda: 2) == 2
    assert recalled("thing", (x, 1.0), lambda: 3) == 3
    monkeypatch.setattr(kept_equations, "source_mark", lambda: "an edit")
    assert recalled("thing", (x, 1), lambda: 4) == 4
    monkeypatch.setattr(sympy, "__version__", "0")
    assert recalled("thing", (x, 1), lambda: 5) == 5
    assert len(list(folder.iterdir())) == 5


def test_without_a_folder_everything_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("AXOPLASM_CACHE", str(tmp_path / "file"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert [recalled("thing", 1, lambda made=made: made) for made in (1, 2)] == [1, 2]
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]


def test_what_warns_warns_each_time(folder: Path) -> None:
    def make() -> int:
        warnings.warn("look", UserWarning, stacklevel=2)
        return 1

    for _ in range(2):
        with pytest.warns(UserWarning, match="look"):
            assert recalled("thing", 1, make) == 1
    assert not list(folder.iterdir())


def test_what_another_process_would_not_know_is_made_each_time(folder: Path) -> None:
    assert [recalled("thing", lambda: 0, lambda made=made: made) for made in (1, 2)] == [1, 2]
    assert [recalled("thing", sympy.Dummy("a"), lambda made=made: made) for made in (1, 2)] == [1, 2]
    assert [recalled("thing", 1, lambda made=made: lambda: made)() for made in (1, 2)] == [1, 2]
    # SymPy would arrange it otherwise when it is read: it is not kept
    odd = sympy.Mul(2, sympy.Add(x, 1, evaluate=False), x, evaluate=False)
    hidden = sympy.Tuple(sympy.Max(x, sympy.Max(y, 1), evaluate=False), odd)
    assert fingerprint(recalled("odd", 1, lambda: hidden)) == fingerprint(recalled("odd", 1, lambda: hidden))


def _needed(make: Any) -> list[bool]:
    """Which arguments a function must get."""
    return [p.default is p.empty and p.kind != p.VAR_KEYWORD for p in inspect.signature(make).parameters.values()]


def _mechanisms() -> list[Any]:
    """What makes one without being told of a model."""
    found = [each for name, each in sorted(vars(library).items()) if inspect.isfunction(each)]
    return [hh_with_tables, *(each for each in found if not any(_needed(each)))]


@pytest.mark.parametrize("make", _mechanisms())
def test_mechanisms_are_kept_as_they_are(folder: Path, make: Any) -> None:
    assert fingerprint(recalled("mechanism", 1, make)) == fingerprint(recalled("mechanism", 1, refuse)) == fingerprint(make())


def test_what_is_kept_is_read_without_a_sum(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recalled("mechanism", 1, hh_with_tables)

    def sums(*_: Any) -> Any:
        raise AssertionError("SymPy makes a sum, for which it loads its tensors")

    clear_cache()  # SymPy's memory of the sums that it made a moment ago
    monkeypatch.setattr(sympy.Add, "flatten", sums)
    assert recalled("mechanism", 1, refuse)


def test_a_fingerprint_tells_things_apart() -> None:
    cases = [(x, x > 0), (x, x >= 0)]
    things: list[Any] = [x, y, x + y, x * y, x**2, x + 1, x + 1.0, x + sympy.Rational(1, 2), sympy.exp(x), sympy.Symbol("x")]
    things += [IonSymbol("k_i", "e"), IonSymbol("k", "i"), reversal("k"), *(sympy.Piecewise(case, (y, True)) for case in cases)]
    things += [1, 1.0, True, "1", b"1", None, (1, 2), [1, 2], (2, 1), ((1,), 2), {"a": 1}, {"a": 2}, frozenset({1}), int, float]
    assert len({fingerprint(thing) for thing in things}) == len(things)
    assert fingerprint(x + y) == fingerprint(sympy.Symbol("y", real=True) + sympy.Symbol("x", real=True))
    with pytest.raises(NotKnownError):
        fingerprint(lambda: 0)


def test_a_fingerprint_is_that_of_every_process() -> None:
    code = (
        "import rxd.library; from rxd.codegen.fingerprint import fingerprint; "
        "print(fingerprint(rxd.library.hh(), frozenset({'one', 'two', 'three'})))"
    )
    found = set()
    for seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(Path(__file__).resolve().parents[2])}
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)
        found.add((done.stdout, done.stderr))
    assert found == {(fingerprint(library.hh(), frozenset({"one", "two", "three"})) + "\n", "")}


GATE = """
NEURON { SUFFIX slow NONSPECIFIC_CURRENT i RANGE g, tau }
PARAMETER { g = 0.001 (S/cm2) tau = 3 (ms) }
ASSIGNED { v (mV) i (mA/cm2) }
STATE { m }
INITIAL { m = 0 }
BREAKPOINT { SOLVE states METHOD cnexp i = g * m * (v + 70) }
DERIVATIVE states { m' = (half(v) - m) / tau }
FUNCTION half(u (mV)) { half = 1 / (1 + exp(-(u + 50) / 7)) }
"""


def _state_of_slow(place: Path) -> float:
    """Of a mechanism in a mod file, after some steps of a session of its own."""
    with Session():
        h.nrn_load_dll(str(place))
        soma = h.Section(name="soma")
        soma.insert("slow")
        h.finitialize(-40)
        for _ in range(3):
            h.fadvance()
        return float(soma(0.5).slow.m)


def test_a_mod_file_is_translated_once_for_all_processes(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = tmp_path / "mods"
    place.mkdir()
    (place / "slow.mod").write_text(GATE)
    first = _state_of_slow(place)
    assert len(list(folder.glob("translation_*.pickle"))) == 1
    with monkeypatch.context() as alone:
        alone.setattr(modfiles, "read_file", lambda *_: refuse())
        assert _state_of_slow(place) == first
    (place / "slow.mod").write_text(GATE.replace("tau = 3", "tau = 6"))  # another text is read, though its length is the same
    assert 0 < _state_of_slow(place) < 0.6 * first


def test_a_mod_file_that_includes_another_is_read_each_time(folder: Path, tmp_path: Path) -> None:
    place = tmp_path / "mods"
    place.mkdir()
    (place / "slow.mod").write_text(
        GATE.replace("FUNCTION half", 'INCLUDE "shift.inc"\nFUNCTION half').replace("50", "shift()")
    )
    (place / "shift.inc").write_text("FUNCTION shift() { shift = 50 }\n")
    first = _state_of_slow(place)
    (place / "shift.inc").write_text("FUNCTION shift() { shift = 30 }\n")
    assert _state_of_slow(place) < 0.5 * first
    assert not list(folder.glob("translation_*.pickle"))
