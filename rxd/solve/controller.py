"""Step sizes: what error is tolerated, how long the next step may be, how long the first.

In: error estimates in units of the tolerance. Out: steps in ms. The controller is proportional-integral (Gustafsson 1991,
https://doi.org/10.1145/210232.210242), the first step is chosen as in Hairer, Norsett and Wanner, Solving Ordinary Differential
Equations I, section II.4 (https://doi.org/10.1007/978-3-540-78862-1).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from geometry.records import dataclass
from rxd.solve.problem import Problem

SAFETY: Final = 0.9
SHRINK: Final = 0.2
GROW: Final = 6.0
LEAST_ERROR: Final = 1e-3
"""Errors below this fraction of the tolerance say nothing about how they will grow."""
SMALLEST: Final = 1e-10
"""Shortest step in ms: far below anything a membrane does."""
ROUND_OFF: Final = 1e-9
"""Fraction of a step below which two times are the same."""
TYPICAL_VOLTAGE, TYPICAL_FRACTION, TYPICAL_CONDUCTANCE, TYPICAL_CONCENTRATION = 10.0, 0.1, 1e-3, 1e-3
"""mV, 1, uS, mM: what counts as small in a default absolute tolerance."""


@dataclass(frozen=True, slots=True)
class Controller:
    """Proportional-integral control of the error of one step.

    Attributes
    ----------
    order : int
        One more than the order of the embedded formula: the error goes with this power of the step.
    """

    order: int

    def accepted(self, error: float, before: float, rejected: bool) -> float:
        """Factor for the next step after an accepted one; it does not grow right after a rejection."""
        return min(1.0 if rejected else GROW, next_factor(error, before, self.order))

    def rejected(self, error: float) -> float:
        """Factor for trying a step again."""
        if not np.isfinite(error):
            return SHRINK
        return shorter_factor(error, self.order)


# Python and compiled loops (`rxd.solve.direct_march`) both use the four functions that follow.
def shorter_factor(error: float, order: float) -> float:
    """How much shorter a step has to be that is tried again."""
    return max(SHRINK, SAFETY * error ** (-1.0 / order))


def shortest_step(t: float) -> float:
    """The shortest step that is tried again, ms: far below anything a membrane does, far above the spacing of numbers."""
    return max(SMALLEST, 16 * np.spacing(t))


def next_factor(error: float, before: float, order: float) -> float:
    """How much longer the next step may be, from the errors of this one and of the one before."""
    now, last = max(error, LEAST_ERROR), max(before, LEAST_ERROR)
    return min(GROW, max(SHRINK, SAFETY * now ** (-0.7 / order) * last ** (0.4 / order)))


def fitted_step(wanted: float, left: float, adaptive: bool) -> float:
    """A step that ends at the end exactly, without leaving a sliver for the next."""
    if wanted >= left * (1.0 - ROUND_OFF):
        return left
    if adaptive and wanted > 0.5 * left:
        return 0.5 * left
    return wanted


def absolute_tolerance(problem: Problem, rtol: float, atol: float | None) -> np.ndarray:
    """Absolute tolerance of every unknown, shape (size,), in its unit, times the ``atolscale`` of its species.

    Without ``atol`` it is ``rtol`` times what is small for an unknown of its kind: 10 mV, a gate of 0.1, the largest initial
    concentration of the species on its region (1e-3 mM if that is zero), 1e-3 uS for a synapse.
    """
    if atol is not None:
        return np.ascontiguousarray(atol * problem.scale)
    typical = np.empty(problem.size)
    for block in problem.discretization.layout.blocks.values():
        here = slice(block.start, block.stop)
        if block.unit == "mM":
            typical[here] = np.max(np.abs(problem.initial[here]), initial=0.0) or TYPICAL_CONCENTRATION
        else:
            typical[here] = {"mV": TYPICAL_VOLTAGE, "uS": TYPICAL_CONDUCTANCE}.get(block.unit, TYPICAL_FRACTION)
    return rtol * typical * problem.scale


def first_step(
    y: np.ndarray, rates: np.ndarray, moved_rates: np.ndarray, probe: float, weight: np.ndarray, order: int
) -> float:
    """Length of a first step from the rates here and a probing distance further, in ms.

    Parameters
    ----------
    y, rates, moved_rates, weight : ndarray, shape (size,)
        State; f there and at ``y + probe * rates``; tolerated error.
    probe : float
        `probing_step`.
    order : int
    """
    slope = _largest(rates / weight)
    curvature = _largest((moved_rates - rates) / weight) / probe
    steepest = max(slope, curvature)
    wanted = max(1e-6, probe * 1e-3) if steepest <= 1e-15 else (0.01 / steepest) ** (1.0 / (order + 1))
    return max(SMALLEST, min(100.0 * probe, wanted))


def probing_step(y: np.ndarray, rates: np.ndarray, weight: np.ndarray) -> float:
    """A step of explicit Euler that changes the state by about a hundredth, in ms."""
    size, slope = _largest(y / weight), _largest(rates / weight)
    return 1e-6 if size < 1e-5 or slope < 1e-5 else max(SMALLEST, 0.01 * size / slope)


def _largest(values: np.ndarray) -> float:
    return float(np.max(np.abs(values)))
