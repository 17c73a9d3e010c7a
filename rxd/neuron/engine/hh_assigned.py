"""What NEURON's hh assigns: conductances, steady states and time constants.

In: v and gates. Out: the numbers that NEURON shows. Rates are read from tables, as there, while `h.usetable_hh` is 1: linear
between whole millivolts from -100 to 100, and beyond as at the ends. Conductances are those of the currents: of a step's start.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

__all__ = ["ASSIGNED", "NEEDED", "STARTED", "vtrap"]

NEEDED = frozenset({"v", "m_hh", "h_hh", "n_hh", "gnabar_hh", "gkbar_hh"})
STARTED = frozenset({"gna_hh", "gk_hh"})
EDGE = 100.0  # mV, where the tables end


def vtrap(x: Any, y: float) -> np.ndarray:
    """``x / (exp(x / y) - 1)``, also at x = 0."""
    z = x / y
    small = np.abs(z) < 1e-6
    return np.where(small, y * (1 - z / 2), x / np.expm1(np.where(small, 1.0, z)))


def _rates(v: np.ndarray, gate: str) -> tuple[np.ndarray, np.ndarray]:
    """Opening and closing rate of a gate, 1/ms, at 6.3 degrees."""
    if gate == "m":
        return 0.1 * vtrap(-(v + 40), 10), 4 * np.exp(-(v + 65) / 18)
    if gate == "h":
        return 0.07 * np.exp(-(v + 65) / 20), 1 / (np.exp(-(v + 35) / 10) + 1)
    return 0.01 * vtrap(-(v + 55), 10), 0.125 * np.exp(-(v + 65) / 80)


def _tabulated(value: Callable[[np.ndarray], np.ndarray], v: Any, numbers: Mapping[str, float]) -> np.ndarray:
    """A function of v, from its table if hh has one."""
    if not numbers["usetable_hh"]:
        return value(np.asarray(v, dtype=float))
    within = np.clip(v, -EDGE, EDGE)
    below = np.minimum(np.floor(within), EDGE - 1)
    low, high = value(below), value(below + 1)
    return low + (within - below) * (high - low)


def _steady(gate: str) -> Callable[..., Any]:
    def exact(v: np.ndarray) -> np.ndarray:
        opening, closing = _rates(v, gate)
        return opening / (opening + closing)

    return lambda get, numbers: _tabulated(exact, get["v"], numbers)


def _time_constant(gate: str) -> Callable[..., Any]:
    def exact(v: np.ndarray) -> np.ndarray:
        return np.asarray(1 / sum(_rates(v, gate)))

    return lambda get, numbers: _tabulated(exact, get["v"], numbers) / 3.0 ** ((numbers["celsius"] - 6.3) / 10.0)


ASSIGNED: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "gna_hh": lambda get, _: get["gnabar_hh"] * get["m_hh"] ** 3 * get["h_hh"],
        "gk_hh": lambda get, _: get["gkbar_hh"] * get["n_hh"] ** 4,
        **{f"{gate}inf_hh": _steady(gate) for gate in "mhn"},
        **{f"{gate}tau_hh": _time_constant(gate) for gate in "mhn"},
    }
)
