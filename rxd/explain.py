"""`Simulation.explain()`: every stage of a compiled model in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rxd.simulation import Simulation


def counts(sim: Simulation) -> str:
    """One paragraph: what is solved and with what."""
    segments, discretization = sim.discretization.segments, sim.discretization
    entries = sum(
        group.n * len(kernels.program.entry) for group, kernels in zip(discretization.groups, sim.kernels.groups, strict=True)
    )
    exchange = sum(3 * t.n for t in discretization.transports)
    return (
        f"{segments.morphology.n_sections} sections, {segments.n} segments, {sim.problem.size} unknowns in "
        f"{len(discretization.layout.blocks)} fields, {len(discretization.groups)} groups; about {entries + exchange} "
        f"non-zeros ({entries} local, {exchange} exchange)"
    )


def explain(sim: Simulation, latex: bool = False) -> str:
    """Equations, blocks, solver and source as text."""
    lines = ["WHAT IS SOLVED", counts(sim), "", "EQUATIONS (without exchange between nodes)"]
    lines.append(sim.system.latex() if latex else str(sim.system))
    lines += ["", "UNKNOWNS"]
    blocks = sim.discretization.layout.blocks.values()
    lines += [f"  {block.label} [{block.unit}]: {len(block)} nodes, y[{block.start}:{block.stop}]" for block in blocks]
    lines += ["", "EXCHANGE"]
    for transport in sim.discretization.transports:
        junctions = len(transport.parent) - transport.n
        lines.append(f"  {transport.label}: forest of {transport.n} nodes and {junctions} branch points")
    lines += ["", "STEPPER", sim.stepper.describe(), "", f"SOURCE ({sim.kernels.path})", sim.kernels.source]
    return "\n".join(lines)
