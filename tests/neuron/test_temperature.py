"""Scripts that go through temperatures: what depends on `h.celsius` is read by kernels that are the same for all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy

from rxd.declare.symbols import celsius, v
from rxd.neuron.session import Session
from rxd.symbolic.thermal import thermal_number, with_temperature_apart

TEMPERATURES = (6.3, 9.0, 14.0, 6.3)


def cell(h: Any) -> Any:
    soma = h.Section(name="soma")
    soma.L = soma.diam = 20
    soma.insert("hh")
    clamp = h.IClamp(soma(0.5))
    clamp.delay, clamp.dur, clamp.amp = 1, 100, 0.3
    return soma, clamp


def at(temperature: float) -> tuple[float, float]:
    """What a session that knows only this temperature gives."""
    with Session():
        from rxd.neuron import h

        soma, clamp = cell(h)
        h.celsius = temperature
        h.finitialize(-65)
        h.continuerun(8)
        assert clamp.i == 0.3
        return soma(0.5).v, soma(0.5).hh.mtau


def test_a_loop_over_temperatures_gives_what_each_gives_alone() -> None:
    with Session() as session:
        from rxd.neuron import h

        soma, _clamp = cell(h)
        found, engines = [], set()
        for temperature in TEMPERATURES:
            h.celsius = temperature
            h.finitialize(-65)
            h.continuerun(8)
            found.append((soma(0.5).v, soma(0.5).hh.mtau))
            engines.add(id(session.run.engine))
        assert len(engines) <= 2
        assert session.run.engine.follows_temperature
    assert np.allclose(found, [at(temperature) for temperature in TEMPERATURES], rtol=1e-9, atol=0)


def test_the_temperature_may_change_between_steps() -> None:
    """Rates are those of the temperature at the step: with it the time constant that is shown afterwards."""
    with Session():
        from rxd.neuron import h

        soma, _clamp = cell(h)
        h.usetable_hh = 0
        h.finitialize(-65)
        for temperature in (10, 20, 30):
            shown = soma(0.5).hh.mtau
            h.celsius = temperature
            assert soma(0.5).hh.mtau == shown
            h.fadvance()
            u = soma(0.5).v
            opening, closing = 0.1 * (u + 40) / (1 - np.exp(-(u + 40) / 10)), 4 * np.exp(-(u + 65) / 18)
            assert soma(0.5).hh.mtau == pytest.approx(3 ** (-(temperature - 6.3) / 10) / (opening + closing), rel=1e-12)


def test_parts_that_depend_on_the_temperature_alone_are_taken_out() -> None:
    x = sympy.Symbol("x", real=True)
    speed = 3 ** ((celsius - 6.3) / 10)
    whole = speed * sympy.sqrt(celsius) * sympy.exp(-v / (0.08 * (celsius + 273.15))) * (1 - x) + celsius * x
    parts: dict[sympy.Symbol, sympy.Expr] = {}

    def apart(part: sympy.Expr) -> sympy.Symbol:
        symbol = sympy.Symbol(f"part_{len(parts)}")
        parts[symbol] = part
        return symbol

    rest = with_temperature_apart(whole, 20.0, apart)
    assert celsius not in rest.free_symbols
    assert len(parts) == 3
    values = {symbol: thermal_number(part, 25.0) for symbol, part in parts.items()}
    expected = whole.subs({celsius: 25.0, v: -40.0, x: 0.3})
    assert float(rest.subs({**values, v: -40.0, x: 0.3})) == pytest.approx(float(expected), rel=1e-12)


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        (0, [0.053570602, 0.055115469, 0.057859582, 0.062077325]),
        (1, [0.053430703, 0.054655863, 0.056875002, 0.060368435]),
    ],
)
def test_rates_see_a_played_temperature_at_the_end_of_the_step_and_tables_at_its_start(tables, expected):
    opened = []
    with Session():
        from rxd.neuron import h

        soma = h.Section(name="soma")
        soma.L = soma.diam = 10
        soma.insert("hh")
        clamp = h.IClamp(soma(0.5))
        clamp.dur, clamp.amp = 1e9, 0.1
        h.usetable_hh = tables
        degrees, times = h.Vector([6.3, 106.3, 106.3]), h.Vector([0, 1, 1e9])
        degrees.play(h._ref_celsius, times, 1)
        h.finitialize(-65)
        for _ in range(4):
            h.fadvance()
            opened.append(soma(0.5).hh.m)
    assert opened == pytest.approx(expected, abs=1e-9)  # NEURON 9.0.2
