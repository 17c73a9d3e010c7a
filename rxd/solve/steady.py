"""Steady state: Newton's method with pseudo-transient continuation on the stepper's own Jacobian and linear solver.

Each iteration solves ``(1 / h I - J) u = f(y)``, which is a step of linearly implicit Euler of length h; h grows as the
changes get small (Kelley and Keyes 1998, https://doi.org/10.1137/S0036142996304796), so that the iteration starts as a
simulation and ends as Newton's method. What the equations conserve stays as it is at the start: with J singular there is a
steady state for every amount, and the identity picks the one that belongs to the initial amounts.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from rxd.errors import ConvergenceError
from rxd.solve.equations import Equations, Linearisation
from rxd.solve.linear import LinearSolver, SolveError
from rxd.solve.problem import Reason

FIRST, LONGEST, SHORTEST = 1e-2, 1e6, 1e-9
"""Pseudo-time steps in ms. The longest still leaves the amounts of conserved species as they are to round-off."""
ITERATIONS: Final = 500
LARGEST_CHANGE: Final = 0.3
"""An iteration may change an unknown by this part of itself and its typical size, else it is repeated with a shorter step."""


def steady_state(
    equations: Equations, t: float, y: np.ndarray, solver: LinearSolver, atol: np.ndarray, rtol: float
) -> np.ndarray:
    """State with ``f(t, y) = 0`` that the given one leads to, shape (size,).

    Parameters
    ----------
    equations : Equations
    t : float, ms
        Clamps act as they do from then on.
    y : ndarray, shape (size,)
        Where to begin.
    solver : LinearSolver
    atol : ndarray, shape (size,)
    rtol : float
        A step of the longest pseudo-time that changes less than a thousandth of these is the end.

    Raises
    ------
    ConvergenceError
        If there is none within reach: the model may oscillate.
    """
    y, rates, change = y.copy(), np.empty(equations.size), np.empty(equations.size)
    linearisation = equations.make_linearisation(equations.electrodes(t))
    typical = atol / rtol
    h = FIRST
    for _ in range(ITERATIONS):
        equations.linearise(t, y, rates, linearisation)
        while not (moved := _relative_change(linearisation, solver, h, y, rates, change, typical)) < LARGEST_CHANGE:
            h *= 0.25
            if h < SHORTEST:
                raise _failure(equations, t, h, rates / (typical + np.abs(y)))
        y += change
        if h >= LONGEST and float(np.max(np.abs(change) / (atol + rtol * np.abs(y)))) < 1e-3:
            return y
        h = min(LONGEST, h * (10.0 if moved < 0.01 else 4.0 if moved < 0.1 else 1.5))
    raise _failure(equations, t, h, rates / (typical + np.abs(y)))


def _relative_change(
    linearisation: Linearisation,
    solver: LinearSolver,
    h: float,
    y: np.ndarray,
    rates: np.ndarray,
    change: np.ndarray,
    typical: np.ndarray,
) -> float:
    """Solve for the change over h; its largest part relative to the state, infinite or NaN if there is no solution."""
    try:
        solver.prepare(linearisation, 1.0 / h)
        solver.solve(rates, change)
    except SolveError:
        return np.inf
    return float(np.max(np.abs(change) / (typical + np.abs(y))))


def _failure(equations: Equations, t: float, h: float, relative_rates: np.ndarray) -> ConvergenceError:
    discretization = equations.discretization
    worst = int(np.argmax(np.where(np.isfinite(relative_rates), np.abs(relative_rates), np.inf)))
    label, segment = discretization.layout.locate(worst)
    return ConvergenceError(Reason.NO_STEADY_STATE.value, t=t, dt=h, unknown=label, place=discretization.place(segment))
