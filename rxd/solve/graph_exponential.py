"""Diffusion in voxels over a step: a polynomial in the exchange, near its exponential, with few stages.

In: graphs of voxels as `rxd.solve.graph_kernels` has them. Out: their concentrations a step further.

A step multiplies a mode by a polynomial R(s) of its rate times the step, s, which is at most z: explicit, one stage a degree,
so that mass is kept to round-off. Methods of second order that are stable and no more, Runge-Kutta-Chebyshev among them, leave
nineteen twentieths of many fast modes, which pile up where something flows in all the time: at a source, at a membrane. The
polynomials here are those of second order, ``R = 1 - s + s**2 / 2 + ...``, that come closest to ``exp(-s)`` as a whole: with
about as many stages what is wrong with fast modes falls to a seventh, and with smooth ones to a half.
"""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.polynomial import chebyshev

from rxd.solve.graph_kernels import FINISH, FOLD, PUT, Graph, Graphs, Stage, move, pick, run_stage
from rxd.solve.lane_operations import inner_kernel
from rxd.solve.team import Team, ended, wait

STAGES: Final = (*range(2, 21), 24, 28, 34, 40, 50, 60)
"""Numbers of stages that there are polynomials for; longer steps than the last can take are divided."""
QUICK: Final = (0.43, 0.4)
"""Up to ``z = 0.43 stages**2 - 0.4`` a mode is wrong by 0.28 of what it was at most (two stages), by a seventh mostly."""
FINE: Final = (0.285, 0.5)
"""The same for an error of 0.04, as small as NEURON's implicit scheme is for modes that matter."""


def make_polynomials(reach: tuple[float, float]) -> tuple[np.ndarray, np.ndarray]:
    """How far each number of stages reaches, and the coefficients of its polynomial p, with ``R(s) = 1 - s p(s)``.

    p is ``1 - s / 2 + s**2 q(s)``, q the polynomial for which the squares of ``R - exp(-s)`` are least at the nodes of
    Chebyshev's polynomials: within a few per cent of the least largest error.

    Returns
    -------
    z : ndarray, shape (n,)
        Step times spectral radius.
    coefficients : ndarray, shape (n, largest number of stages)
        Of Chebyshev's polynomials in ``1 - 2 s / z``.
    """
    z = np.array([reach[0] * stages**2 - reach[1] for stages in STAGES])
    coefficients = np.zeros((len(STAGES), STAGES[-1]))
    for stages, end, row in zip(STAGES, z, coefficients, strict=True):
        row[:2] = 1.0 - 0.25 * end, 0.25 * end
        if stages == 2:
            continue
        nodes = 2 * stages + 8
        x = np.cos((np.arange(nodes) + 0.5) * math.pi / nodes)
        s = 0.5 * end * (1.0 - x)
        wrong = -np.expm1(-s) - s * (1.0 - 0.5 * s)
        basis = chebyshev.chebvander(x, stages - 3) * (s**3)[:, None]
        q = np.linalg.lstsq(basis, wrong, rcond=None)[0]
        along = [0.5 * end, -0.5 * end]
        row[:stages] += chebyshev.chebmul(chebyshev.chebmul(q, along), along)
    return z, coefficients


@inner_kernel
def exponential(
    graph: Graph,
    z: float,
    c: np.ndarray,
    stages: int,
    scale: float,
    dt: float,
    u: np.ndarray,
    source: np.ndarray,
    drift: np.ndarray,
    moved: bool,
    work: np.ndarray,
    flow: np.ndarray,
    team: Team,
    phase: int,
    since: int,
) -> int:
    """Advance u by dt, of which the fastest rate is ``z / dt`` at most, with a constant source (mM/ms); returns the stages.

    ``u + dt p(-dt A) (A u + source)``, summed by Clenshaw's recurrence: mass is kept to round-off, as all that is added has
    gone through A once. The first stage is the rates at the start; coefficients of the next two take in what it gives.
    """
    n, degree = u.size, stages - 1
    rates, a, b = work[:n], work[n : 2 * n], work[2 * n : 3 * n]
    inflow = 1.0 if moved else 0.0
    run_stage(graph, Stage(PUT, scale, 0.0, 0.0, 0.0, inflow, 1.0, u, source, rates, u, flow), team, phase + 1, since)
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
        run_stage(
            graph,
            Stage(kind, along, c_now, c_other, c_old, 0.0, 0.0, now, rates, where, u, flow),
            team,
            phase + stages - k,
            since,
        )
        now, old = where, a if k == degree - 1 else now
    if moved:
        move(graph, dt, now, u, drift, team, phase + stages + 1)
    return stages


@inner_kernel
def diffuse(y: np.ndarray, dt: float, source: np.ndarray, drift: np.ndarray, graphs: Graphs, team: Team, phase: int) -> None:
    """Advance every species in voxels (and segments joined to them) by dt: what this member of a team does of it."""
    last, blocks, since = -1, 0, phase
    for s in range(graphs.species.shape[0]):
        start, n, moved, g = graphs.species[s]
        part, graph = slice(start, start + n), pick(graphs, g)
        if g != last:
            wait(team, 0, blocks - 1, phase)  # other blocks, in the same room
            last, blocks, since = g, graph.blocks.shape[0] - 1, phase
        whole = dt * graphs.scale[s] * graphs.radius[g]
        pieces = max(1, math.ceil(whole / graphs.reach[-1]))
        row = 0
        while graphs.reach[row] < whole / pieces:
            row += 1
        for _ in range(pieces):
            stages = exponential(
                graph,
                graphs.reach[row],
                graphs.polynomials[row],
                graphs.stages[row],
                graphs.scale[s],
                dt / pieces,
                y[part],
                source[part] if moved == 1 else y[part],
                drift[part],
                moved == 1,
                graphs.work,
                graphs.flow,
                team,
                phase,
                since,
            )
            phase += stages + moved
            if team.member == 0:
                graphs.counts[0] += stages
    ended(team, phase, blocks)
