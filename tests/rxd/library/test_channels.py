"""Every channel against its paper's formulas written in NumPy: kinetics, steady states, currents, removable singularities.

A row of CHANNELS holds the mechanism, per gate a function (v, celsius, ca) -> (steady state, time constant), per current its
value from (v, gates, parameters) and the voltages at which a formula is 0/0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import sympy
from numpy import exp

import rxd
from rxd import library

V = np.array([-110.3, -91.0, -78.7, -64.9, -52.1, -41.3, -26.2, -8.8, 3.1, 19.7, 41.5, 97.0])
PLACE = {"e_na": 53.0, "e_k": -86.0, "e_ca": 121.0, "ca_i": 3.1e-4, "ca_o": 1.9, "na_i": 11.0, "na_o": 143.0}
F_OVER_R = 1.602176634e-19 / 1.380649e-23  # that of charge and Boltzmann constant, K/V


def from_rates(alpha: Any, beta: Any, speed: float = 1.0) -> tuple[Any, Any]:
    return alpha / (alpha + beta), 1 / (speed * (alpha + beta))


def hh_gates() -> dict[str, Callable]:
    def speed(c: float) -> float:
        return 3 ** ((c - 6.3) / 10)

    return {
        "m": lambda v, c, _: from_rates(0.1 * (v + 40) / (1 - exp(-(v + 40) / 10)), 4 * exp(-(v + 65) / 18), speed(c)),
        "h": lambda v, c, _: from_rates(0.07 * exp(-(v + 65) / 20), 1 / (1 + exp(-(v + 35) / 10)), speed(c)),
        "n": lambda v, c, _: from_rates(0.01 * (v + 55) / (1 - exp(-(v + 55) / 10)), 0.125 * exp(-(v + 65) / 80), speed(c)),
    }


def na_t_gates() -> dict[str, Callable]:
    def speed(c: float) -> float:
        return 2.3 ** ((c - 21) / 10)

    def m(v: Any, c: float, _: float) -> tuple[Any, Any]:
        alpha = 0.182 * (v + 38) / (1 - exp(-(v + 38) / 6))
        return from_rates(alpha, 0.124 * (-v - 38) / (1 - exp((v + 38) / 6)), speed(c))

    def h(v: Any, c: float, _: float) -> tuple[Any, Any]:
        alpha = -0.015 * (v + 66) / (1 - exp((v + 66) / 6))
        return from_rates(alpha, -0.015 * (-v - 66) / (1 - exp((-v - 66) / 6)), speed(c))

    return {"m": m, "h": h}


def kdr_n(v: Any, c: float, _: float) -> tuple[Any, Any]:
    a = exp(1e-3 * -3 * (v - 13) * F_OVER_R / (273.15 + c))
    b = exp(1e-3 * -3 * 0.7 * (v - 13) * F_OVER_R / (273.15 + c))
    return 1 / (1 + a), np.maximum(b / (0.02 * (1 + a)), 2)


def ka_n(v: Any, c: float, _: float) -> tuple[Any, Any]:
    zeta = -1.5 + -1 / (1 + exp((v + 40) / 5))
    a = exp(1e-3 * zeta * (v - 11) * F_OVER_R / (273.15 + c))
    b = exp(1e-3 * zeta * 0.55 * (v - 11) * F_OVER_R / (273.15 + c))
    return 1 / (1 + a), np.maximum(b / (5 ** ((c - 24) / 10) * 0.05 * (1 + a)), 0.1)


def ka_l(v: Any, c: float, _: float) -> tuple[Any, Any]:
    return 1 / (1 + exp(1e-3 * 3 * (v + 56) * F_OVER_R / (273.15 + c))), np.maximum(0.26 * (v + 50), 2)


def cal_m(v: Any, c: float, _: float) -> tuple[Any, Any]:
    alpha = 15.69 * (81.5 - v) / (exp((81.5 - v) / 10) - 1)
    speed = 5 ** ((c - 25) / 10)
    tau = exp(0.0378 * 2 * 0.1 * (v - 4)) / (speed * 0.1 * (1 + exp(0.0378 * 2 * (v - 4))))
    return alpha / (alpha + 0.29 * exp(-v / 10.86)), np.maximum(tau, 0.2 / speed)


def bk_o(v: Any, c: float, ca: float) -> tuple[Any, Any]:
    k1 = 0.48e-3 * exp(-2 * 0.84 * 1e-3 * F_OVER_R * v / (273.15 + c))
    k2 = 0.13e-6 * exp(-2 * 1.0 * 1e-3 * F_OVER_R * v / (273.15 + c))
    return from_rates(ca * 0.28 / (ca + k1), 0.48 / (1 + ca / k2))


def ghk_drive(v: Any, c: float) -> Any:
    f = 1e3 * (273.15 + c) / F_OVER_R / 2
    x = v / f
    return -f * (1 - PLACE["ca_i"] / PLACE["ca_o"] * exp(x)) * x / (exp(x) - 1)


def ncx_net(v: Any, c: float) -> Any:
    x = 1e-3 * v * F_OVER_R / (273.15 + c)
    nai, nao, cai, cao = (PLACE[name] for name in ("na_i", "na_o", "ca_i", "ca_o"))
    net = 0.002 / (87.5**3 + nao**3) / (1.38 + cao) / (1 + 0.1 * exp(-0.65 * x))
    return net * (exp(0.35 * x) * nai**3 * cao - exp(-0.65 * x) * nao**3 * cai)


@dataclass(frozen=True)
class Channel:
    """What a channel should be: kinetics by gate, currents, ions, singular voltages of its published formulas."""

    gates: dict[str, Callable]
    currents: dict[str, Callable]
    ions: dict[str, str | None]
    singular: tuple[float, ...] = ()
    arguments: dict[str, float] = field(default_factory=dict)


CHANNELS = {
    "hh": Channel(
        hh_gates(),
        {
            "ina": lambda v, x, _: 0.12 * x["m"] ** 3 * x["h"] * (v - 53),
            "ik": lambda v, x, _: 0.036 * x["n"] ** 4 * (v + 86),
            "il": lambda v, _, __: 0.0003 * (v + 54.3),
        },
        {"ina": "na", "ik": "k", "il": None},
        singular=(-40.0, -55.0),
    ),
    "pas": Channel({}, {"i": lambda v, _, __: 0.001 * (v + 70)}, {"i": None}),
    "na_t": Channel(
        na_t_gates(), {"ina": lambda v, x, _: 2.04 * x["m"] ** 3 * x["h"] * (v - 53)}, {"ina": "na"}, singular=(-38.0, -66.0)
    ),
    "kdr": Channel({"n": kdr_n}, {"ik": lambda v, x, _: 0.003 * x["n"] * (v + 86)}, {"ik": "k"}),
    "ka": Channel({"n": ka_n, "l": ka_l}, {"ik": lambda v, x, _: 0.008 * x["n"] * x["l"] * (v + 86)}, {"ik": "k"}),
    "ih": Channel(
        {"m": lambda v, _, __: from_rates(0.001 * 6.43 * (v + 154.9) / (exp((v + 154.9) / 11.9) - 1), 0.193 * exp(v / 33.1))},
        {"ihcn": lambda v, x, _: 0.0002 * x["m"] * (v + 45)},
        {"ihcn": None},
        singular=(-154.9,),
    ),
    "ca_hva": Channel(
        {
            "m": lambda v, _, __: from_rates(0.055 * (-27 - v) / (exp((-27 - v) / 3.8) - 1), 0.94 * exp((-75 - v) / 17)),
            "h": lambda v, _, __: from_rates(0.000457 * exp((-13 - v) / 50), 0.0065 / (exp((-v - 15) / 28) + 1)),
        },
        {"ica": lambda v, x, _: 0.000992 * x["m"] ** 2 * x["h"] * (v - 121)},
        {"ica": "ca"},
        singular=(-27.0,),
    ),
    "cal": Channel(
        {"m": cal_m},
        {"ica": lambda v, x, c: 0.003 * x["m"] ** 2 * (0.001 / (0.001 + PLACE["ca_i"])) * ghk_drive(v, c)},
        {"ica": "ca"},
        singular=(81.5, 0.0),
    ),
    "kca": Channel(
        {"z": lambda v, _, ca: (1 / (1 + (0.00043 / ca) ** 4.8) + 0 * v, 1.0 + 0 * v)},
        {"ik": lambda v, x, _: 0.0441 * x["z"] * (v + 86)},
        {"ik": "k"},
    ),
    "bk": Channel({"o": bk_o}, {"ik": lambda v, x, _: 0.01 * x["o"] * (v + 86)}, {"ik": "k"}),
    "ncx": Channel(
        {}, {"ina": lambda v, _, c: 3 * ncx_net(v, c), "ica": lambda v, _, c: -2 * ncx_net(v, c)}, {"ina": "na", "ica": "ca"}
    ),
}
GATED = [name for name, channel in CHANNELS.items() if channel.gates]
SINGULAR = [(name, v) for name, channel in CHANNELS.items() for v in channel.singular]


@pytest.mark.parametrize("celsius", [6.3, 23.0, 36.5])
@pytest.mark.parametrize("name", GATED)
def test_gates_are_those_of_the_paper(name: str, celsius: float, parts: Callable, numbers: Callable) -> None:
    mechanism = parts(getattr(library, name)())
    expected = CHANNELS[name].gates
    assert set(mechanism.gates) == set(expected)
    for gate, formula in expected.items():
        steady, tau = formula(V, celsius, PLACE["ca_i"])
        values = {"v": V, "celsius": celsius, **PLACE, **mechanism.parameters}
        np.testing.assert_allclose(numbers(mechanism.gates[gate].initial, **values), steady, rtol=1e-11)
        for x in (0.0, 0.3, 1.0):
            rate = numbers(mechanism.gates[gate].rate, **values, **{gate: x})
            np.testing.assert_allclose(rate, (steady - x) / tau, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("name", CHANNELS)
def test_currents_are_those_of_the_paper(name: str, parts: Callable, numbers: Callable) -> None:
    mechanism = parts(getattr(library, name)())
    channel, celsius = CHANNELS[name], 31.0
    gates = {gate: 0.2 + 0.07 * i + 0.01 * np.arange(len(V)) for i, gate in enumerate(channel.gates)}
    assert {current: c.ion for current, c in mechanism.currents.items()} == channel.ions
    for current, formula in channel.currents.items():
        values = {"v": V, "celsius": celsius, **PLACE, **mechanism.parameters, **gates}
        found = numbers(mechanism.currents[current].density, **values)
        np.testing.assert_allclose(found, formula(V, gates, celsius), rtol=1e-11)


@pytest.mark.parametrize("name", GATED)
def test_gates_rest_at_their_steady_state_and_stay_in_bounds(name: str, parts: Callable, numbers: Callable) -> None:
    mechanism = parts(getattr(library, name)())
    values = {"v": np.linspace(-150, 100, 251), "celsius": 31.0, **PLACE, **mechanism.parameters}
    for symbol, gate in mechanism.gates.items():
        steady = numbers(gate.initial, **values)
        assert np.all((steady >= 0) & (steady <= 1))
        fastest = np.abs(numbers(gate.rate, **values, **{symbol: 0.0})) + np.abs(numbers(gate.rate, **values, **{symbol: 1.0}))
        assert np.all(np.abs(numbers(gate.rate, **values, **{symbol: steady})) <= 1e-14 * fastest)
        assert np.all(numbers(gate.rate, **values, **{symbol: 0.0}) >= 0)
        assert np.all(numbers(gate.rate, **values, **{symbol: 1.0}) <= 0)


@pytest.mark.parametrize(("name", "v"), SINGULAR)
def test_removable_singularities_are_removed(name: str, v: float, parts: Callable, numbers: Callable) -> None:
    """At the voltage itself the value is finite and what the paper's formula tends to; the slope is finite as well."""
    mechanism, channel, celsius, h = parts(getattr(library, name)()), CHANNELS[name], 31.0, 1e-3
    values = {"celsius": celsius, **PLACE, **mechanism.parameters}
    steady = {gate: lambda u, f=f: f(u, celsius, PLACE["ca_i"])[0] for gate, f in channel.gates.items()}
    expressions = [(gate.initial, steady[symbol]) for symbol, gate in mechanism.gates.items()]
    gates = dict.fromkeys(channel.gates, 0.4)
    expressions += [(c.density, lambda u, f=channel.currents[s]: f(u, gates, celsius)) for s, c in mechanism.currents.items()]
    for expression, formula in expressions:
        # The mean of two neighbours is the limit up to the square of their distance.
        limit = (formula(v - h) + formula(v + h)) / 2
        np.testing.assert_allclose(numbers(expression, v=v, **values, **gates), limit, rtol=1e-6, atol=1e-12)
        slope = (formula(v + h) - formula(v - h)) / (2 * h)
        np.testing.assert_allclose(numbers(sympy.diff(expression, rxd.v), v=v, **values, **gates), slope, rtol=1e-5, atol=1e-9)


def test_hodgkin_huxley_rests_near_minus_65(parts: Callable, numbers: Callable) -> None:
    """The steady-state currents balance at one potential, with a positive slope there: -65 mV of the squid axon."""
    mechanism = parts(library.hh())
    v = np.linspace(-80, -50, 3001)
    values = {"v": v, "celsius": 6.3, "e_na": 50.0, "e_k": -77.0, **mechanism.parameters}
    steady = {name: numbers(gate.initial, **values) for name, gate in mechanism.gates.items()}
    total = sum(numbers(current.density, **values, **steady) for current in mechanism.currents.values())
    crossing = np.flatnonzero((total[:-1] < 0) & (total[1:] >= 0))
    assert len(crossing) == 1
    assert v[crossing[0]] == pytest.approx(-65.0, abs=0.05)
    np.testing.assert_allclose([steady[g][np.argmin(abs(v + 65))] for g in "mhn"], [0.0529, 0.5961, 0.3177], atol=1e-4)


def test_hodgkin_huxley_brings_its_reversal_potentials() -> None:
    assert dict(library.hh().ions) == {"na": 50.0, "k": -77.0}


def test_sk_channel_has_a_slope_without_calcium(parts: Callable, numbers: Callable) -> None:
    gate = parts(library.kca()).gates["z"]
    calcium = next(symbol for symbol in gate.initial.free_symbols if symbol.name == "ca_i")
    assert numbers(gate.initial, ca_i=0.0, k=0.00043) == 0.0
    assert numbers(sympy.diff(gate.initial, calcium), ca_i=0.0, k=0.00043) == 0.0
    assert numbers(gate.initial, ca_i=0.00043, k=0.00043) == pytest.approx(0.5, rel=1e-14)


def test_ghk_current_vanishes_at_the_nernst_potential(parts: Callable, numbers: Callable) -> None:
    celsius = 31.0
    nernst = 1e3 * (273.15 + celsius) / F_OVER_R / 2 * np.log(PLACE["ca_o"] / PLACE["ca_i"])
    current = parts(library.cal()).currents["ica"].density
    values = {"celsius": celsius, "m": 1.0, "gcalbar": 1.0, "ki": 1.0, **PLACE}
    assert numbers(current, v=nernst, **values) == pytest.approx(0.0, abs=1e-10)
    assert numbers(current, v=nernst - 1, **values) < 0 < numbers(current, v=nernst + 1, **values)


def test_exchanger_reverses_where_three_sodium_balance_one_calcium(parts: Callable, numbers: Callable) -> None:
    celsius = 31.0
    thermal = 1e3 * (273.15 + celsius) / F_OVER_R
    e_na, e_ca = thermal * np.log(143 / 11), thermal / 2 * np.log(1.9 / 3.1e-4)
    mechanism = parts(library.ncx())
    values = {"celsius": celsius, **PLACE, **mechanism.parameters}
    ina, ica = (mechanism.currents[name].density for name in ("ina", "ica"))
    scale = abs(numbers(ina, v=-60.0, **values))
    assert abs(numbers(ina, v=3 * e_na - 2 * e_ca, **values)) < 1e-9 * scale
    below = 3 * e_na - 2 * e_ca - 20
    # Below it calcium leaves (an outward current of calcium), three sodium enter and the sum is inward.
    assert numbers(ica, v=below, **values) > 0 > numbers(ina, v=below, **values)
    np.testing.assert_allclose(numbers(ina, v=V, **values) / numbers(ica, v=V, **values), -1.5, rtol=1e-13)


@pytest.mark.parametrize("name", [name for name in CHANNELS if name != "ncx"])
def test_parameters_reach_the_current(name: str, parts: Callable, numbers: Callable) -> None:
    """Twice the conductance is twice the current: the first parameter is what a user takes it for."""
    mechanism = parts(getattr(library, name)())
    first = next(iter(mechanism.parameters))
    values = {"v": -50.0, "celsius": 20.0, **PLACE, **mechanism.parameters, **dict.fromkeys(mechanism.gates, 0.5)}
    current = next(iter(mechanism.currents.values())).density
    doubled = {**values, first: 2 * values[first]}
    assert numbers(current, **doubled) == pytest.approx(2 * numbers(current, **values), rel=1e-14)
    assert parts(getattr(library, name)(**{first: 0.123})).parameters[first] == 0.123
