"""What all models share: wrapping a simulation as `Built`, with the least traffic and arithmetic a step can do with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy

import rxd
from benchmarks.built import Built

# Flops that a function costs in vectorised code; a division or root counts as the additions that run in its time.
COST = {sympy.exp: 20, sympy.log: 20, sympy.Piecewise: 4, sympy.sin: 20, sympy.cos: 20, sympy.tanh: 25}


def stepped(
    sim: rxd.Simulation, until: float, dt: float, nodes: int, check: Callable[[], float], unit: str = "segment and step"
) -> Built:
    """A simulation that runs to a time with fixed steps; builds everything a first step needs."""
    done = sim.run(dt).statistics

    def run() -> None:
        sim.run(until)

    steps = round(until / dt)
    facts = {"nodes": nodes, "steps": steps, "sweeps": done.iterations / max(done.steps, 1), **work(sim, nodes)}
    return Built(run, check, nodes * steps, unit, sim.reset, facts)


def work(sim: rxd.Simulation, nodes: int) -> dict[str, float]:
    """The least a step must do per node: bytes moved, flops, and the bytes of all it touches (the working set).

    Every unknown is read and written once by chemistry and once by transport, every field and transport coefficient read once.
    Flops are those of one evaluation of every rate and current and of its diagonal derivative, and of one sweep of transport.
    """
    system, discretization = sim.system, sim.discretization
    size = discretization.layout.size
    numbers = 4.0 * size + sum(group.fields.size for group in discretization.groups)
    numbers += sum(t.capacity.size + t.conductance.size for t in discretization.transports)
    numbers += sum(g.capacity.size + 1.5 * g.neighbours for g in discretization.graphs)
    flops = sum(8.0 * t.n for t in discretization.transports) + sum(2.0 * g.neighbours for g in discretization.graphs)
    expressions = {group.name: group for group in system.groups}
    for group in discretization.groups:
        local = expressions[group.name]
        rates = [rate for _, rate in local.rates] + [process.expression for process in local.processes]
        rates += [part for gate in local.gates for part in (gate.source, gate.decay)]
        flops += 2.0 * shared_flops(rates) * group.segment.size
    return {"bytes": 8.0 * numbers / nodes, "flops": flops / nodes, "working_set": 8.0 * numbers}


def shared_flops(expressions: list[Any]) -> float:
    """Flops of expressions after their common parts are computed once."""
    replacements, reduced = sympy.cse(expressions)
    return float(sum(_flops(e) for _, e in replacements) + sum(_flops(e) for e in reduced))


def _flops(expression: Any) -> float:
    total = 0.0
    for node in sympy.preorder_traversal(expression):
        if node.is_Add or node.is_Mul:
            total += len(node.args) - 1
        elif node.is_Pow:
            whole = node.exp.is_Integer
            total += (abs(int(node.exp)).bit_length() if whole else 40) + (4 if node.exp.is_negative else 0)
        else:
            total += COST.get(node.func, 0)
    return total
