"""Diffusion in voxels over a step as if time were not divided: the exponential of the exchange, to a tolerance.

In: graphs of voxels as `rxd.solve.graph_kernels` has them. Out: their concentrations a step further. NEURON's implicit
scheme for voxels is accurate; a first-order step that is to follow it takes this in place of Runge-Kutta-Chebyshev, whose error
at the same number of stages is twenty times as large and more.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from rxd.solve.graph_kernels import FINISH, FOLD, MANY, PUT, Graph, Graphs, Stage, pick, run_stage
from rxd.solve.lane_operations import inner_kernel

TOLERANCE: Final = 4e-2
"""Error in what is left of the fastest mode after a step; that of smooth modes falls with the cube of their rates."""
SLOW: Final = 0.08
"""Step times spectral radius up to which the method of second order with two stages is as good."""
LARGEST: Final = 250.0
"""Step times spectral radius; longer steps are divided."""
DEGREE: Final = 60
"""Largest degree, for which `Graphs.work` has room at its end."""


@inner_kernel
def remainder(s: float) -> float:
    """``((1 - exp(-s)) / s - 1 + s / 2) / s**2`` for positive s."""
    if s > 1.0:
        return ((-math.expm1(-s) / s - 1.0) / s + 0.5) / s
    total, term, k = 0.0, 1.0 / 6.0, 3.0
    while abs(term) > 1e-17:
        total += term
        k += 1.0
        term *= -s / k
    return total


@inner_kernel
def multiply(c: np.ndarray, degree: int, z: float) -> None:
    """Multiply a Chebyshev series in ``1 - 2 s / z`` by s; its degree grows by one."""
    before, now = 0.0, c[0]
    for k in range(degree + 2):
        after = c[k + 1] if k < degree else 0.0
        c[k] = 0.5 * z * (now - (before if k == 1 else 0.5 * before) - 0.5 * after)
        before, now = now, after


@inner_kernel
def coefficients(z: float, c: np.ndarray) -> int:
    """Polynomial near ``(1 - exp(-s)) / s`` for s from 0 to z, and as ``1 - s / 2`` near 0; returns its degree.

    As a Chebyshev series in ``1 - 2 s / z``: that of `remainder`, cut where what follows is below the tolerance, times s**2,
    plus ``1 - s / 2``: smooth modes, which last, have an error of second order at least.
    """
    degree = -1
    for k in range(DEGREE + 1):
        c[k] = 0.0
    if z > SLOW:
        degree = min(4 + math.ceil(math.sqrt(12.0 * z)), DEGREE - 2)
        nodes = degree + 2
        for j in range(nodes):
            x = math.cos((j + 0.5) * math.pi / nodes)
            value = 2.0 / nodes * remainder(0.5 * z * (1.0 - x))
            c[0] += 0.5 * value
            c[1] += x * value
            before, now = 1.0, x
            for k in range(2, degree + 1):
                before, now = now, 2.0 * x * now - before
                c[k] += now * value
        while degree > 0 and z * z * z * abs(c[degree]) < TOLERANCE:
            degree -= 1
        multiply(c, degree, z)
        multiply(c, degree + 1, z)
    c[0] += 1.0 - 0.25 * z
    c[1] += 0.25 * z
    return degree + 2


@inner_kernel
def exponential(
    graph: Graph,
    z: float,
    scale: float,
    dt: float,
    u: np.ndarray,
    source: np.ndarray,
    drift: np.ndarray,
    moved: bool,
    work: np.ndarray,
    flow: np.ndarray,
    first: int,
    second: int,
) -> int:
    """Advance u by dt, of which the fastest rate is ``z / dt``, with a constant source (mM/ms); returns the number of stages.

    ``u + dt p(dt A) (A u + source)`` with a polynomial p near ``(exp(s) - 1) / s``, summed by Clenshaw's recurrence: mass is
    kept to round-off, as all that is added has gone through A once. The stages are those of `chebyshev`.
    """
    n = u.size
    rates, a, b, c = work[:n], work[n : 2 * n], work[2 * n : 3 * n], work[work.size - DEGREE - 1 :]
    degree = coefficients(z, c)
    inflow = 1.0 if moved else 0.0
    run_stage(graph, Stage(PUT, scale, 0.0, 0.0, 0.0, inflow, 1.0, u, source, rates, u, flow), first, second)
    now, old = rates, rates
    for k in range(degree - 1, -1, -1):
        twice = 2.0 if k > 0 else 1.0
        c_now, c_other, c_old, along = twice, dt * c[k], -1.0, twice * 2.0 * dt / z * scale
        if k == degree - 1:
            c_now, c_other, c_old, along = 0.0, c_other + twice * dt * c[degree], 0.0, along * dt * c[degree]
        elif k == degree - 2:
            c_other, c_old = c_other - dt * c[degree], 0.0
        last = k == 0 and not moved
        if k < degree - 2 or last:
            kind, where = FINISH if last else FOLD, old
        else:
            kind, where = PUT, a if k == degree - 1 else b
        run_stage(graph, Stage(kind, along, c_now, c_other, c_old, 0.0, 0.0, now, rates, where, u, flow), first, second)
        now, old = where, a if k == degree - 1 else now
    if moved:
        for i in range(n):
            u[i] += now[i]
            drift[i] = now[i] / dt
    return degree + 1


@inner_kernel
def diffuse_exactly(y: np.ndarray, dt: float, source: np.ndarray, drift: np.ndarray, graphs: Graphs) -> None:
    """Advance every species in voxels (and segments joined to them) by dt."""
    for s in range(graphs.species.shape[0]):
        start, n, moved, g = graphs.species[s]
        part = slice(start, start + n)
        whole = max(dt * graphs.scale[s] * graphs.radius[g], 1e-6)
        pieces = math.ceil(whole / LARGEST)
        for _ in range(pieces):
            graphs.counts[0] += exponential(
                pick(graphs, g),
                whole / pieces,
                graphs.scale[s],
                dt / pieces,
                y[part],
                source[part] if moved == 1 else y[part],
                drift[part],
                moved == 1,
                graphs.work,
                graphs.flow,
                graphs.first if n >= MANY else 0,
                graphs.second if n >= MANY else 0,
            )
