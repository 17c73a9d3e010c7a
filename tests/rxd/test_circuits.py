"""Circuits beside the cable: the planned elimination against dense algebra, and a step's two stages."""

from __future__ import annotations

import numpy as np
import pytest

from rxd.solve.circuit_step import factorise_circuit, solve_circuit
from rxd.solve.circuits import Circuit, Entries, plan_circuit
from rxd.solve.lane_operations import lean_kernel


def chain(n: int, extra: int, seed: int) -> Entries:
    """A chain of n nodes with a loop, beside it unknowns some of which have no diagonal."""
    random = np.random.default_rng(seed)
    rows, columns, values = [], [], []
    pairs = [(k, k + 1) for k in range(n - 1)] + [(0, n - 1), (n // 2, n)]
    for a, b in pairs:
        g = random.uniform(0.5, 2.0)
        for i, j, sign in ((a, a, 1), (b, b, 1), (a, b, -1), (b, a, -1)):
            rows.append(i)
            columns.append(j)
            values.append(sign * g)
    for k in range(n + 1):
        rows.append(k)
        columns.append(k)
        values.append(random.uniform(0.1, 1.0))
    for k in range(n + 1, n + 1 + extra):  # a source of voltage: its current enters a node, whose potential it sets
        node = int(random.integers(n))
        rows += [node, k]
        columns += [k, node]
        values += [-1.0, 1.0]
    return Entries(np.array(rows), np.array(columns), np.zeros(len(rows)), np.array(values))


@lean_kernel
def solve(circuit: Circuit, right: np.ndarray) -> None:
    factorise_circuit(circuit)
    solve_circuit(circuit, right)


def dense(entries: Entries, size: int) -> np.ndarray:
    matrix = np.zeros((size, size))
    np.add.at(matrix, (entries.row, entries.column), entries.g)
    return matrix


def assembled(circuit: Circuit) -> None:
    circuit.matrix[:] = 0.0
    np.add.at(circuit.matrix, circuit.place, circuit.g)


@pytest.mark.parametrize(("n", "extra", "seed"), [(6, 0, 0), (9, 1, 1), (25, 1, 2), (30, 2, 5)])
def test_the_planned_elimination_solves_what_dense_algebra_solves(n: int, extra: int, seed: int) -> None:
    entries, size = chain(n, extra, seed), n + 1 + extra
    circuit = plan_circuit(entries, 1, size, np.array([-1]))
    matrix, right = dense(entries, size), np.random.default_rng(seed).normal(size=size)
    assembled(circuit)
    found = right.copy()
    solve(circuit, found)
    assert found == pytest.approx(np.linalg.solve(matrix, right), rel=1e-9, abs=1e-12)


def test_a_tree_fills_nothing_in() -> None:
    """Unknowns with few neighbours first: a long chain is eliminated from its ends."""
    n = 200
    k = np.arange(n - 1)
    rows, columns = np.concatenate([k, k + 1, np.arange(n)]), np.concatenate([k + 1, k, np.arange(n)])
    entries = Entries(rows, columns, np.zeros(len(rows)), np.where(rows == columns, 3.0, -1.0))
    circuit = plan_circuit(entries, 1, n, np.array([-1]))
    assert len(circuit.matrix) == n + 2 * (n - 1)
    assert len(circuit.pivot) == n
    assert not len(circuit.last)
