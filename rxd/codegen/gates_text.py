"""Source text of the kernels that move gates: by their exact exponential, or blocks of states by Newton's method.

In: a group with its gates in the order in which they move. Out: one function; what a part of it reads is what those before it
have left.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sympy

from rxd.codegen.exponentials import share_exponentials
from rxd.codegen.lane_relax import operations, substitutions
from rxd.codegen.sparse import LaneProgram, make_program
from rxd.codegen.text import lane_body, lane_function, lane_head, names_in
from rxd.codegen.vmath import NEAR_0
from rxd.discretize.records import LANES
from rxd.symbolic.system import AffineGate, LocalSystem, SolvedBlock

__all__ = ["gates_text"]

DOC: Final = "Advance gates by dt, those of the form x_inf + (x - x_inf) exp(-dt / tau) exactly."
HEAD: Final = len(lane_head("", ""))
TURNS: Final = 22
"""Iterations after which there is no solution: NEURON's number."""
SMALL_SUM: Final = 1e-6
SMALL_EACH: Final = 1e-8
TINY: Final = 1e-15
"""Changes at which an iteration ends, of all states together or of each relative to itself; and what is as good as zero."""


def gates_text(group: LocalSystem) -> str:
    """The gates of a group: runs of affine ones, and blocks that are solved."""
    lines: list[str] = []
    run: list[AffineGate] = []
    for gate in (*group.gates, None):
        if isinstance(gate, AffineGate):
            run.append(gate)
            continue
        texts = [_affine_text(group, run)] if run else []
        texts += [_solved_text(group, gate)] if gate is not None else []
        for text in texts:
            lines += text[HEAD:] if lines else text
        run = []
    return "\n".join(lines)


def _affine_text(group: LocalSystem, gates: Sequence[AffineGate]) -> list[str]:
    """Exact exponential step of the affine gates with v frozen: ``x += r (exp(z) - 1) / z``, r and z in rows of J between.

    Where z is small in all lanes, as it is unless dt is as long as a gate's time constant, a polynomial does.
    """
    targets, expressions, small, large = [], [], [], []
    dt = sympy.Symbol("dt", real=True)
    for i, gate in enumerate(gates):
        x = group.symbol_of(gate.label)
        # The same as x_inf + (x - x_inf) exp(-dt decay), also where decay is zero and x_inf = source / decay is not there.
        targets += [f"J[{2 * i * LANES} + l]", f"z{i}"]
        expressions += [dt * (gate.source - gate.decay * x), -dt * gate.decay]
        row = f"X[{group.unknowns.index(gate.label) * LANES} + l] += J[{2 * i * LANES} + l] *"
        small.append(f"{row} exponential_ratio_near_0(J[{(2 * i + 1) * LANES} + l])")
        large.append(f"{row} exponential_ratio(J[{(2 * i + 1) * LANES} + l])")
    taken = names_in(group) | {target for target in targets if target.startswith("z")} | {"large"}
    shared, expressions = share_exponentials(expressions, sorted(taken))
    head = lane_function(f"gates_{group.name}", group, targets, expressions, DOC, shared, ("large = 0",))
    body = [f"        J[{(2 * i + 1) * LANES} + l] = z{i}" for i in range(len(gates))]
    body += [f"        large += 1 if abs(z{i}) > {NEAR_0} else 0" for i in range(len(gates))]
    tail = ["    if large == 0:", f"        for l in range({LANES}):", *(f"            {line}" for line in small)]
    tail += ["    else:", f"        for l in range({LANES}):", *(f"            {line}" for line in large)]
    return [*head.split("\n"), *body, *tail]


def _solved_text(group: LocalSystem, block: SolvedBlock) -> list[str]:
    """A block of states by Newton's method, lane by lane until each has arrived; NaN for one that does not in `TURNS`.

    Rows of J hold the states before the step and, last, 1 for a lane that still moves. ``D__``, ``M__`` and ``I__`` are
    changes, entries of the matrix, and inverse pivots.
    """
    n, once = len(block.labels), block.turns == "once"
    rows = [group.unknowns.index(label) * LANES for label in block.labels]
    program = make_program(n, [(i, j) for i, j, _ in block.matrix])
    targets = [f"D__{i}" for i in range(n)] + [f"M__{entry}" for entry in program.entry]
    old = {SolvedBlock.before(i): f"X[{row} + l]" if once else f"J[{i * LANES} + l]" for i, row in enumerate(rows)}
    values = [*block.residuals, *(value for *_, value in block.matrix)]
    body = [f"{symbol.name} = {place}" for symbol, place in old.items() if any(symbol in v.free_symbols for v in values)]
    body += lane_body(group, targets, values, (), {*(symbol.name for symbol in old), "go", "left", "moved"})
    body += _elimination(program, targets[n:])
    head = [*lane_head(f"gates_{group.name}", DOC), f"    for l in range({LANES}):"]
    theta = None if block.theta is None else f"P[{group.fields.index(block.theta) * LANES} + l]"
    if once:
        part = "" if theta is None else f" / {theta}"
        step = [f"X[{row} + l] += D__{i}{part}" for i, row in enumerate(rows)]
        return [*head, *(f"        {line}" for line in (*body, *step))]
    start = [f"        J[{i * LANES} + l] = X[{row} + l]" for i, row in enumerate(rows)]
    return [*head, *start, f"        J[{n * LANES} + l] = 1.0", *_turns(block, rows, body), *_straight_on(rows, theta)]


def _turns(block: SolvedBlock, rows: Sequence[int], body: Sequence[str]) -> list[str]:
    """Newton's iterations around one of them."""
    n = len(rows)
    flag = f"J[{n * LANES} + l]"
    step = [f"go = {flag}"]
    for i, row in enumerate(rows):
        x = f"X[{row} + l]"
        step.append(f"{x} = {x} + D__{i} if go > 0.0 else {x}")
        step += [f"{x} = 0.0 if {x} < 0.0 and go > 0.0 else {x}"] if block.turns == "sum" else []
    if block.turns == "sum":
        step.append("moved = " + " + ".join(f"abs(D__{i})" for i in range(n)) + f" - {SMALL_SUM}")
    else:
        step += ["moved = -1.0"]
        step += [f"moved = max(moved, abs(D__{i}) - {SMALL_EACH} * abs(X[{r} + l]) - {TINY})" for i, r in enumerate(rows)]
    step += [f"{flag} = go if moved > 0.0 else 0.0", f"left += {flag}"]
    return [
        f"    for _ in range({TURNS}):",
        "        left = 0.0",
        f"        for l in range({LANES}):",
        *(f"            {line}" for line in (*body, *step)),
        "        if left == 0.0:",
        "            break",
        "    else:",
        f"        for l in range({LANES}):",
        *(f"            X[{row} + l] = math.nan if {flag} > 0.0 else X[{row} + l]" for row in rows),
    ]


def _straight_on(rows: Sequence[int], theta: str | None) -> list[str]:
    """From the part of the step that has been solved for to its end."""
    if theta is None:
        return []
    step = [f"X[{row} + l] += (X[{row} + l] - J[{i * LANES} + l]) * (1.0 / {theta} - 1.0)" for i, row in enumerate(rows)]
    return [f"    for l in range({LANES}):", *(f"        {line}" for line in step)]


def _elimination(program: LaneProgram, entries: Sequence[str]) -> list[str]:
    """Lines that solve for the changes."""
    filled = set(entries)
    lines = []

    def minus(target: str, product: str) -> str:
        known = target in filled or target.startswith("D__")
        filled.add(target)
        return f"{target} = {target} - {product}" if known else f"{target} = -{product}"

    for pivot, below in operations(program.factor):
        lines.append(f"I__{pivot} = 1.0 / M__{pivot}")
        for entry, columns in below:
            lines.append(f"M__{entry} = M__{entry} * I__{pivot}")
            lines += [minus(f"M__{target}", f"M__{entry} * M__{right}") for target, right in columns]
    for unknown, terms in substitutions(program.lower):
        lines += [minus(f"D__{unknown}", f"M__{entry} * D__{other}") for entry, other in terms]
    for unknown, terms in substitutions(program.upper):
        lines += [minus(f"D__{unknown}", f"M__{entry} * D__{other}") for entry, other in terms]
        lines.append(f"D__{unknown} = D__{unknown} * I__{program.diagonal[unknown]}")
    return lines
