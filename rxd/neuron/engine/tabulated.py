"""NEURON's hh as NEURON computes it: rates read from tables.

In: nothing. Out: the mechanism of `rxd.library.hh`, but with steady states and time constants of the gates interpolated
linearly between whole millivolts, as NEURON does while `h.usetable_hh` is 1. That moves a resting potential
by some hundredths of a millivolt; with `h.usetable_hh = 0` the exact rates are used, here as there.
"""

from __future__ import annotations

from typing import Any

import sympy

from rxd import Gate, Mechanism, celsius, library, v, vtrap

__all__ = ["hh_with_tables"]


class floor(sympy.Function):  # noqa: N801 - the name under which generated code knows it
    """The whole number below; flat between its jumps, so that rates have derivatives."""

    nargs = 1

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """Zero."""
        return sympy.Integer(0)


def hh_with_tables(**parameters: Any) -> Mechanism:
    """Hodgkin-Huxley channels with tabulated rates; arguments as for `rxd.library.hh`."""
    exact = library.hh(**parameters)
    below = floor(v)
    weight = v - below
    gates = []
    for gate in exact.gates:
        steady, time_constant = (
            (1 - weight) * column(below) + weight * column(below + 1) for column in _columns(gate.symbol.name)
        )
        gates.append(Gate(gate.symbol, (steady - gate.symbol) / time_constant, steady))
    return Mechanism(
        name=exact.name,
        parameters=exact.parameters,
        gates=tuple(gates),
        currents=exact.currents,
        ions=exact.ions,
        reference=exact.reference,
    )


def _columns(gate: str) -> tuple[Any, Any]:
    """Steady state and time constant of a gate as functions of v."""

    def rates(at: Any) -> tuple[Any, Any]:
        if gate == "m":
            return 0.1 * vtrap(-(at + 40), 10), 4 * sympy.exp(-(at + 65) / 18)
        if gate == "h":
            return 0.07 * sympy.exp(-(at + 65) / 20), 1 / (sympy.exp(-(at + 35) / 10) + 1)
        return 0.01 * vtrap(-(at + 55), 10), 0.125 * sympy.exp(-(at + 65) / 80)

    speed = 3 ** ((celsius - 6.3) / 10)

    def steady(at: Any) -> Any:
        alpha, beta = rates(at)
        return alpha / (alpha + beta)

    def time_constant(at: Any) -> Any:
        alpha, beta = rates(at)
        return 1 / (speed * (alpha + beta))

    return steady, time_constant
