"""Forms that many mechanisms share: gates from rates or from steady states, the thermal voltage, two exponentials.

In: SymPy expressions of a mechanism's symbols. Out: `rxd.declare.mechanism.Gate` and SymPy expressions.
"""

from __future__ import annotations

from typing import Any

import sympy

from cable.constants import FARADAY, GAS_CONSTANT, KELVIN_AT_ZERO_CELSIUS
from rxd.declare.mechanism import Gate
from rxd.declare.symbols import celsius


def opening(symbol: sympy.Symbol, alpha: Any, beta: Any, speed: Any = 1) -> Gate:
    """A gate that opens at rate alpha and closes at rate beta: ``dx/dt = speed (alpha (1 - x) - beta x)``, 1/ms.

    It starts at its steady state ``alpha / (alpha + beta)``.
    """
    return Gate(symbol, speed * (alpha * (1 - symbol) - beta * symbol), alpha / (alpha + beta))


def relaxing(symbol: sympy.Symbol, steady: Any, tau: Any) -> Gate:
    """A gate that relaxes: ``dx/dt = (steady - x) / tau`` with tau in ms, from its steady state."""
    return Gate(symbol, (steady - symbol) / tau, steady)


def q10(base: float, reference: float) -> sympy.Expr:
    """``base ** ((celsius - reference) / 10)``: how much faster than at the reference temperature."""
    return base ** ((celsius - reference) / 10)


def thermal_voltage() -> sympy.Expr:
    """``R T / F`` in mV at the model's temperature."""
    return 1e3 * GAS_CONSTANT / FARADAY * (celsius + KELVIN_AT_ZERO_CELSIUS)


def rise_time(tau1: sympy.Symbol, tau2: sympy.Symbol) -> sympy.Expr:
    """Rise time (ms) below the decay time, as in NEURON: for equal times the difference of exponentials would vanish."""
    return sympy.Max(sympy.Min(tau1, 0.9999 * tau2), 1e-9 * tau2)


def peak_factor(rise: Any, decay: Any) -> sympy.Expr:
    """Factor that gives ``exp(-t / decay) - exp(-t / rise)`` a peak of 1.

    The peak is at ``rise decay / (decay - rise) ln(decay / rise)``.
    """
    peak = rise * decay / (decay - rise) * sympy.log(decay / rise)
    return 1 / (sympy.exp(-peak / decay) - sympy.exp(-peak / rise))
