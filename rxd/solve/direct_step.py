"""A whole Rosenbrock step with the embedded direct solver in one compiled call."""

from __future__ import annotations

from typing import Any

import numpy as np

from rxd.solve.assembly import add_electrodes, add_exchange
from rxd.solve.direct_kernels import prepare, solve
from rxd.solve.lane_lu import lane_kernel
from rxd.solve.stages import sum_stages, worst_error


@lane_kernel
def attempt(
    function: Any,
    y: np.ndarray,
    t: float,
    h: float,
    f0: np.ndarray,
    drift: np.ndarray,
    jacobian: np.ndarray,
    electrodes: Any,
    exchange: Any,
    U: np.ndarray,
    vectors: Any,
    new: np.ndarray,
    tableau: Any,
    atol: np.ndarray,
    rtol: float,
    solver: Any,
    work: np.ndarray,
    model: Any,
) -> tuple[float, int]:
    """All stages of a step from y at t over h; returns the largest error in units of the tolerance and where it is.

    ``function`` is the model's right-hand side; ``f0``, ``drift``, ``jacobian`` its value and derivatives at (t, y). The
    stages end up in U, the new state in ``new``.
    """
    gamma, a, c, alpha, slopes, fresh = tableau
    start, current, conductance = electrodes
    point, f, rest = vectors
    fields, table, places = model
    prepare(jacobian, 1.0 / (gamma * h), conductance, solver)
    for i in range(alpha.size):
        sum_stages(y, U, a[i], c[i] / h, i, drift, slopes[i] * h, point, rest)
        if fresh[i]:
            function(point, t + alpha[i] * h, f, work, fields, table, places)
            add_exchange(point, f, exchange)
            add_electrodes(point, f, start, current, conductance, exchange[5])
            solve(rest, f, True, U[i], solver)
        else:
            solve(rest, f0, True, U[i], solver)
    last = U[alpha.size - 1]
    for k in range(y.size):
        new[k] = point[k] + last[k]
    return worst_error(last, y, new, atol, rtol)
