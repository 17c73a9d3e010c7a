"""NEURON's hh as NEURON computes it: rates read from tables.

In: nothing. Out: the mechanism of `rxd.library.hh`, but with steady states and time constants of the gates interpolated
linearly between whole millivolts from -100 to 100 mV and constant beyond, as NEURON does while `h.usetable_hh` is 1. That
moves a resting potential by some hundredths of a millivolt; with `h.usetable_hh = 0` the exact rates are used, here as there.
"""

from __future__ import annotations

from typing import Any

import sympy

from rxd import Gate, Mechanism, celsius, library, v
from rxd.declare.cases import Cases
from rxd.declare.functions import clipped, floor

__all__ = ["hh_with_tables"]


def hh_with_tables(**parameters: Any) -> Mechanism:
    """Hodgkin-Huxley channels with tabulated rates; arguments as for `rxd.library.hh`.

    With entries ``a / s`` for the steady state and ``q / s`` for the time constant (see `_entries`) one division a gate is
    enough for both, instead of five: they would take longer than everything else in a step.
    """
    exact = library.hh(**parameters)
    inside = clipped(v, -100, 100)
    below = floor(inside)
    weight = inside - below
    speed = 3 ** ((celsius - 6.3) / 10)
    gates = []
    for gate in exact.gates:
        x = gate.symbol
        (a0, q0, s0), (a1, q1, s1) = _entries(x.name, below), _entries(x.name, below + 1)
        opened = (1 - weight) * a0 * s1 + weight * a1 * s0
        lasting = (1 - weight) * q0 * s1 + weight * q1 * s0
        gates.append(Gate(x, speed * (opened - s0 * s1 * x) / lasting, opened / (s0 * s1)))
    return Mechanism(
        name=exact.name,
        parameters=exact.parameters,
        gates=tuple(gates),
        currents=exact.currents,
        ions=exact.ions,
        reference=exact.reference,
    )


def _entries(gate: str, at: Any) -> tuple[Any, Any, Any]:
    """The entry of a gate's tables at a whole number of mV: ``a, q, s`` with alpha = a / q and alpha + beta = s / q."""
    if gate == "h":
        opening, q = 0.07 * sympy.exp(-(at + 65) / 20), sympy.exp(-(at + 35) / 10) + 1
        return opening * q, q, opening * q + 1
    scale, middle, beta = (
        (1, 40, 4 * sympy.exp(-(at + 65) / 18)) if gate == "m" else (0.1, 55, 0.125 * sympy.exp(-(at + 65) / 80))
    )
    z = -(at + middle) / 10  # alpha is scale z / (exp(z) - 1); z = 0 is met exactly or not by less than 0.1
    a = scale * Cases((1, sympy.Eq(z, 0)), (z, True))
    q = Cases((1, sympy.Eq(z, 0)), (sympy.exp(z) - 1, True))
    return a, q, a + beta * q
