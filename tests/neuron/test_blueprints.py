"""Equations that the engines of a session share: edits of numbers give what a session of their own gives, to the last bit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba as nb
import numpy as np
import pytest

from rxd.neuron import Session, h, rxd


def two_compartments(nseg: int = 5) -> tuple[Any, Any]:
    soma, dend = h.Section(name="soma"), h.Section(name="dend")
    soma.L = soma.diam = 20
    dend.L, dend.diam, dend.nseg = 200, 1, nseg
    dend.connect(soma(1))
    soma.insert("hh")
    dend.insert("pas")
    return soma, dend


def run(soma: Any) -> np.ndarray:
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 5, 0.5
    recorded = h.Vector().record(soma(0.5)._ref_v)
    h.finitialize(-65)
    h.continuerun(6)
    return np.array(recorded)


def shape(soma: Any, dend: Any) -> None:
    dend.L, dend.diam, soma.diam = 300, 2, 15


def segments(soma: Any, dend: Any) -> None:
    dend.nseg = 9


def membrane(soma: Any, dend: Any) -> None:
    dend.cm, soma.Ra, soma.gnabar_hh, dend(0.3).pas.g = 2, 80, 0.1, 0.002


def mechanism(soma: Any, dend: Any) -> None:
    dend.insert("hh")


def temperature(soma: Any, dend: Any) -> None:
    h.celsius = 10


def potential(soma: Any, dend: Any) -> None:
    soma.ena = 40


def tree(soma: Any, dend: Any) -> None:
    h.disconnect(sec=dend)
    dend.connect(soma(0.5))


EDITS = [shape, segments, membrane, mechanism, temperature, potential, tree]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: edit.__name__)
def test_a_model_edited_after_a_run_is_that_of_a_session_of_its_own(edit: Callable[[Any, Any], None]) -> None:
    with Session():
        soma, dend = two_compartments()
        before = run(soma)
        edit(soma, dend)
        edited = run(soma)
    with Session():
        soma, dend = two_compartments()
        edit(soma, dend)
        alone = run(soma)
    # a temperature that has changed is in fields, not in the kernels' constants: rounded in another order
    np.testing.assert_allclose(edited, alone, rtol=1e-11 if edit is temperature else 0, atol=0)
    assert not np.array_equal(before, edited)


def chemistry(rate: float, names: tuple[str, str] = ("ca", "buf")) -> tuple[Any, ...]:
    dend = h.Section(name="dend")
    dend.L, dend.nseg = 50, 11
    cytosol = rxd.Region([dend], name="cyt", nrn_region="i")
    ca = rxd.Species(cytosol, d=0.5, name=names[0], charge=2, initial=lambda node: 1e-3 if node.x < 0.5 else 0)
    buffer = rxd.Species(cytosol, name=names[1], initial=1e-3)
    bound = rxd.Species(cytosol, name="bound", initial=0)
    factor = rxd.Parameter(cytosol, name="factor", initial=1.0)
    reaction = rxd.Reaction(ca + buffer, bound, rate * factor, 0.05)
    return dend, cytosol, ca, buffer, bound, factor, reaction


def test_other_rates_and_other_objects_of_the_same_names() -> None:
    found = []
    for shared in (True, False):
        session = Session()
        results = []
        for rate in (100, 20, 100):
            with session if shared else Session():
                model = chemistry(rate)
                h.finitialize(-65)
                h.continuerun(2)
                results.append(np.array(model[2].nodes.concentration))
                del model
        found.append(results)
        assert len({id(blueprint) for blueprint in session.run.blueprints._known.values()}) == (2 if shared else 0)
    np.testing.assert_array_equal(found[0], found[1])
    assert not np.array_equal(found[0][0], found[0][1])


def test_equations_are_written_down_once_for_all_numbers() -> None:
    with Session() as session:
        soma, dend = two_compartments()
        run(soma)
        (blueprint,) = session.run.blueprints._known.values()
        for edit in (shape, segments, membrane, potential, tree):
            edit(soma, dend)
            run(soma)
        assert list(session.run.blueprints._known.values()) == [blueprint]
        assert len(blueprint.compiled) == 1


@pytest.mark.parametrize("variable", [False, True])
def test_types_of_arguments_are_found_once_for_all_numbers(monkeypatch: pytest.MonkeyPatch, variable: bool) -> None:
    """Numba takes longer to find them than a small model runs, and scripts make a model anew for each length."""
    with Session():
        soma, dend = two_compartments()
        h.CVode().active(variable)
        before = run(soma)
        asked, typeof = [], nb.typeof
        monkeypatch.setattr(nb, "typeof", lambda value: (asked.append(1), typeof(value))[1])
        dend.L = 300
        assert run(soma)[-1] != before[-1]
        assert not asked


def test_variable_and_fixed_steps_have_equations_of_their_own() -> None:
    with Session():
        soma, _ = two_compartments()
        fixed = run(soma)
        h.cvode_active(True)
        run(soma)
        h.cvode_active(False)
        np.testing.assert_array_equal(run(soma), fixed)


def clamped(soma: Any, dend: Any, amplitudes: dict[str, float]) -> np.ndarray:
    """Clamps at several places for a run."""
    made = []
    for name, amplitude in amplitudes.items():
        clamp = h.IClamp({"soma": soma, "middle": dend}[name](0.5)) if name != "end" else h.IClamp(dend(1))
        clamp.delay, clamp.dur, clamp.amp = 0.5, 3, amplitude
        made.append(clamp)
    currents = [h.Vector().record(clamp._ref_i) for clamp in made]
    recorded = h.Vector().record(soma(0.5)._ref_v)
    h.finitialize(-65)
    h.continuerun(3)
    return np.array([recorded, *currents])


INSIDE = [{"soma": 0.4}, {"middle": 0.2}, {"middle": 0.1, "soma": 0.2}, {}, {"soma": -0.1}]
AT_ENDS = [{"soma": 0.4}, {"end": 0.1, "soma": 0.2}, {}, {"end": -0.1}]  # there a clamp has a node of its own


@pytest.mark.parametrize(("clamps", "most"), [(INSIDE, 1), (AT_ENDS, len(AT_ENDS))])
def test_clamps_come_and_go_without_another_engine(clamps: list[dict[str, float]], most: int) -> None:
    with Session() as session:
        soma, dend = two_compartments()
        together, engines = [], set()
        for amplitudes in clamps:
            together.append(clamped(soma, dend, amplitudes))
            engines.add(session.run.engine)
        assert len(engines) <= most
    for amplitudes, found in zip(clamps, together, strict=True):
        with Session():
            soma, dend = two_compartments()
            np.testing.assert_allclose(found, clamped(soma, dend, amplitudes), rtol=0, atol=1e-9)


@pytest.mark.parametrize("at_once", [True, False])
def test_a_clamp_that_comes_moves_and_goes_in_a_run(at_once: bool) -> None:
    def advance(until: float) -> None:
        if at_once:
            h.continuerun(until)
        else:
            while h.t < until - 0.01:
                h.fadvance()

    def voltages(clamps: Callable[[Any, Any], Any]) -> np.ndarray:
        with Session():
            soma, dend = two_compartments()
            recorded = h.Vector().record(dend(0.5)._ref_v)
            h.finitialize(-65)
            steps = iter(clamps(soma, dend))
            for until in (1, 2, 3, 4):
                next(steps)
                advance(until)
            return np.array(recorded)

    def one(soma: Any, dend: Any) -> Any:
        yield
        clamp = h.IClamp(dend(0.1))
        clamp.delay, clamp.dur, clamp.amp = 0, 100, 0.1
        yield
        clamp.loc(soma(0.5))
        yield
        del clamp
        yield

    def two(soma: Any, dend: Any) -> Any:
        first, second = h.IClamp(dend(0.1)), h.IClamp(soma(0.5))
        first.delay, first.dur, first.amp = 1, 1, 0.1
        second.delay, second.dur, second.amp = 2, 1, 0.1
        for _ in range(4):
            yield

    np.testing.assert_allclose(voltages(one), voltages(two), rtol=0, atol=1e-9)
