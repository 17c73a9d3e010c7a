"""Where a rate stops being a number: only ever called when a split step has failed.

In: the last state that was finite, and the kernels compiled for "split". Out: the unknown and the place whose own rate is at
fault, not those to which exchange with neighbours carried it.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from rxd.discretize.records import LANES, Group
from rxd.solve.calls import call_at
from rxd.solve.lane_lu import lane_kernel
from rxd.solve.problem import Problem


def first_bad_rate(problem: Problem, kernels: Any, y: np.ndarray, t: float, dt: float) -> tuple[str, str] | None:
    """Label and place of the first unknown whose gate, reaction or current is not finite, or None.

    Looked for at y, at both ends of the step, and where its own rates alone would take every node in the step.
    """
    discretization = problem.discretization
    for when, ahead in ((t, 0.0), (t + dt, 0.0), (t + 0.5 * dt, 0.5 * dt), (t + dt, dt)):
        for group, compiled in zip(discretization.groups, kernels.groups, strict=True):
            found = _in_group(group, compiled, y, when, ahead)
            if found is not None:
                label, segment = discretization.layout.locate(found)
                return label, discretization.place(segment)
    return None


def _in_group(group: Group, compiled: Any, y: np.ndarray, t: float, ahead: float) -> int | None:
    """State position of the first unknown of a group with a rate that is not finite, or None."""
    for first in range(0, group.n, LANES):
        node = np.minimum(first + np.arange(LANES), group.n - 1)
        values, fields = y[group.position[:, node]], np.ascontiguousarray(group.fields[first // LANES])
        rates = _rates(compiled, values, fields, t)
        if ahead:
            rates = _rates(compiled, values + ahead * rates, fields, t)
        bad = np.argwhere(~np.isfinite(rates).T)
        if len(bad):
            lane, row = bad[0]
            return int(group.position[row, node[lane]])
    return None


def _rates(compiled: Any, values: np.ndarray, fields: np.ndarray, t: float) -> np.ndarray:
    """What chemistry and currents do to each unknown of a chunk, and NaN where a gate has no value, shaped as ``values``."""
    gates, chemistry, electric = compiled.addresses[:3]
    rows = 2 * len(values) + len(compiled.pattern) + 2 * len(compiled.gates)
    total = np.zeros_like(values)
    for address, moved in ((gates, compiled.gates), (chemistry, compiled.active), (electric, compiled.moved)):
        if not address:
            continue
        X, F, J = values.copy(), np.zeros((rows, LANES)), np.zeros((rows, LANES))
        _evaluate(address, X.reshape(-1), fields.reshape(-1), t, F.reshape(-1), J.reshape(-1))
        if address == gates:
            total[moved] += X[moved] - values[moved]  # over no time: zero, or not a number
        else:
            # a current has its rate and its slope in two rows
            total[moved] += F[: 2 * len(moved) : 2] if address == electric else F[: len(moved)]
    return total


@lane_kernel
def _evaluate(address: int, X: np.ndarray, P: np.ndarray, t: float, F: np.ndarray, J: np.ndarray) -> None:
    call_at(address, X, 0, P, 0, t, F, 0, J, 0)
