"""The cable's part of a split step where a linear circuit goes with it: compiled, for any circuit.

In: v, currents and clamps as in `rxd.solve.split_cable`, a `Circuit`. Out: v and all unknowns of the circuit a step further, by
the same stages. What flows through a membrane, charge included, flows into what is outside of it; what a clamp injects comes
from ground into the cell, and it measures the potential inside against ground.
"""

from __future__ import annotations

import numpy as np

from rxd.solve.cable_sweeps import U
from rxd.solve.circuits import Circuit
from rxd.solve.lane_operations import inner_kernel, part_kernel
from rxd.solve.schemes import Stages
from rxd.solve.split_cable import Cable

__all__ = ["circuit_step"]


@inner_kernel
def assemble_circuit(
    y: np.ndarray,
    start: int,
    per_step: float,
    value: np.ndarray,
    slope: np.ndarray,
    cable: Cable,
    circuit: Circuit,
) -> None:
    """The matrix ``C / s + G`` with the slopes of currents, and the right-hand side at the present values."""
    A, b, x, given = circuit.matrix, circuit.right, circuit.x, cable.given
    n = circuit.inside.size
    for k in range(A.size):
        A[k] = 0.0
    for i in range(b.size):
        b[i] = circuit.source[i]
    for e in range(circuit.row.size):
        A[circuit.place[e]] += circuit.c[e] * per_step + circuit.g[e]
        b[circuit.row[e]] -= circuit.g[e] * x[circuit.column[e]]
    for k in range(n):
        capacity, leak, rest = given[k], given[n + k], given[2 * n + k]
        through = leak - capacity * slope[start + k]
        current = capacity * value[start + k] + leak * (rest - x[k])
        A[circuit.diagonal[k]] += through
        b[k] += current
        out = circuit.inside[k]
        if out >= 0:
            A[circuit.mirror[k]] -= through
            b[out] -= current


@inner_kernel
def add_clamps(node: np.ndarray, conductance: np.ndarray, drive: np.ndarray, circuit: Circuit) -> None:
    """What clamps inject."""
    for c in range(node.size):
        k = node[c]
        out = circuit.inside[k]
        v = circuit.x[k]
        circuit.matrix[circuit.diagonal[k]] += conductance[c]
        if out >= 0:
            v += circuit.x[out]
            circuit.matrix[circuit.cross[k]] += conductance[c]
        circuit.right[k] += drive[c] - conductance[c] * v


@inner_kernel
def factorise_circuit(circuit: Circuit) -> None:
    """Eliminate unknown by unknown; the last ones together, with pivots."""
    turns = circuit.turns
    A, first, lower, upper, fill = circuit.matrix, circuit.first, circuit.lower, circuit.upper, circuit.fill
    at = 0
    for p in range(circuit.pivot.size):
        inverse = 1.0 / A[circuit.diagonal[circuit.pivot[p]]]
        for a in range(first[p], first[p + 1]):
            f = A[lower[a]] * inverse
            A[lower[a]] = f
            for b in range(first[p], first[p + 1]):
                A[fill[at]] -= f * A[upper[b]]
                at += 1
    m, D = circuit.last.size, circuit.dense
    for k in range(m):
        best = k
        for i in range(k + 1, m):
            if abs(A[D + i * m + k]) > abs(A[D + best * m + k]):
                best = i
        turns[k] = best
        if best != k:
            for j in range(m):
                A[D + k * m + j], A[D + best * m + j] = A[D + best * m + j], A[D + k * m + j]
        inverse = 1.0 / A[D + k * m + k]
        for i in range(k + 1, m):
            f = A[D + i * m + k] * inverse
            A[D + i * m + k] = f
            if f != 0.0:
                for j in range(k + 1, m):
                    A[D + i * m + j] -= f * A[D + k * m + j]


@inner_kernel
def solve_circuit(circuit: Circuit, b: np.ndarray) -> None:
    """Solve with the factors, in place."""
    turns = circuit.turns
    A, first, lower, upper, near, last = (
        circuit.matrix, circuit.first, circuit.lower, circuit.upper, circuit.near, circuit.last,
    )  # fmt: skip
    for p in range(circuit.pivot.size):
        own = b[circuit.pivot[p]]
        for a in range(first[p], first[p + 1]):
            b[near[a]] -= A[lower[a]] * own
    m, D = last.size, circuit.dense
    for k in range(m):
        if turns[k] != k:
            b[last[k]], b[last[turns[k]]] = b[last[turns[k]]], b[last[k]]
    for k in range(m):
        for i in range(k + 1, m):
            b[last[i]] -= A[D + i * m + k] * b[last[k]]
    for k in range(m - 1, -1, -1):
        own = b[last[k]]
        for j in range(k + 1, m):
            own -= A[D + k * m + j] * b[last[j]]
        b[last[k]] = own / A[D + k * m + k]
    for p in range(circuit.pivot.size - 1, -1, -1):
        k = circuit.pivot[p]
        own = b[k]
        for a in range(first[p], first[p + 1]):
            own -= A[upper[a]] * b[near[a]]
        b[k] = own / A[circuit.diagonal[k]]


@part_kernel
def circuit_step(
    y: np.ndarray,
    start: int,
    dt: float,
    value: np.ndarray,
    slope: np.ndarray,
    clamp_node: np.ndarray,
    clamp_conductance: np.ndarray,
    clamp_drive: np.ndarray,
    cable: Cable,
    average: np.ndarray,
    averaged: bool,
    circuit: Circuit,
    stages: Stages,
) -> None:
    """Advance v and the unknowns of a circuit by dt; arguments as for `rxd.solve.split_cable.cable_step`."""
    n, nodes, x, b = circuit.inside.size, cable.slot.size, circuit.x, circuit.right
    per_step = 1.0 / (stages.gamma * dt)
    u = U * cable.size
    for k in range(n):
        x[k] = y[start + k]
    for k in range(n, nodes):
        x[k] = cable.table[u + cable.slot[k]]
    assemble_circuit(y, start, per_step, value, slope, cable, circuit)
    add_clamps(clamp_node, clamp_conductance, clamp_drive, circuit)
    factorise_circuit(circuit)
    solve_circuit(circuit, b)
    if averaged:
        for k in range(n):
            average[k] = (stages.mean_1 + stages.mean_2 * stages.fresh) * b[k]
    weight = stages.first + stages.fresh
    for i in range(x.size):
        x[i] += weight * b[i]
    if stages.number > 1:
        again = circuit.again
        for i in range(x.size):
            again[i] = 0.0
        for e in range(circuit.row.size):
            again[circuit.row[e]] += stages.carried * per_step * circuit.c[e] * b[circuit.column[e]]
        solve_circuit(circuit, again)
        if averaged:
            for k in range(n):
                average[k] += stages.mean_2 * again[k]
        for i in range(x.size):
            x[i] += again[i]
    for k in range(n):
        y[start + k] = x[k]
    for k in range(nodes):
        cable.table[u + cable.slot[k]] = x[k]
