"""Source text of kernels: one function per group and purpose, a readable loop over lanes each.

Layout inside a kernel: ``X[u * W + l]`` unknown u of lane l, ``P[f * W + l]`` field f, outputs likewise.
"""

from __future__ import annotations

import sys
from collections.abc import Container, Iterable, Sequence
from typing import Final

import sympy

from geometry.records import dataclass
from rxd.codegen.printer import LanePrinter, assignments
from rxd.discretize.records import LANES
from rxd.symbolic.system import VOLTAGE, LocalSystem


@dataclass(frozen=True, slots=True)
class Terms:
    """Expressions of one kernel with the pattern of their derivatives.

    ``rows``: labels whose values are computed; ``pattern``: (row, column) pairs of the Jacobian in terms of positions in
    ``rows`` and ``columns``.
    """

    rows: tuple[str, ...]
    values: tuple[sympy.Expr, ...]
    pattern: tuple[tuple[int, int], ...]
    derivatives: tuple[sympy.Expr, ...]


def differentiate(rows: Sequence[str], values: Sequence[sympy.Expr], columns: Sequence[sympy.Symbol]) -> Terms:
    """Values with their exact sparse Jacobian with respect to ``columns``."""
    pattern, derivatives = [], []
    for i, value in enumerate(values):
        present = value.free_symbols
        for j, symbol in enumerate(columns):
            if symbol in present:
                slope = sympy.diff(value, symbol)
                if slope != 0:
                    pattern.append((i, j))
                    derivatives.append(slope)
    return Terms(tuple(rows), tuple(values), tuple(pattern), tuple(derivatives))


OUTPUTS: Final = 120
"""Results of one loop over lanes; LLVM makes no vector code of a loop with more than 200."""
KERNEL_ARGUMENTS: Final = "X, P, t, dt, F, J"


def lane_head(name: str, doc: str) -> list[str]:
    """First lines of a kernel."""
    return ["@kernel", f"def {name}({KERNEL_ARGUMENTS}):", f'    """{doc}"""', "    whole_vectors()", "    rows_apart()"]


def lane_function(
    name: str,
    group: LocalSystem,
    targets: Sequence[str],
    expressions: Sequence[sympy.Expr],
    doc: str,
    shared: Sequence[tuple[sympy.Symbol, sympy.Expr]] = (),
    before: Sequence[str] = (),
    most: int = sys.maxsize,
) -> str:
    """A kernel that loads what its expressions need, and assigns them to ``targets``; they may contain ``shared`` symbols.

    ``before``: lines before the loop; ``most``: targets of one loop, else there are several.
    """
    lines = [*lane_head(name, doc), *(f"    {line}" for line in before)]
    for first in range(0, len(targets), most) or (0,):
        lines += _lane_loop(group, targets[first : first + most], expressions[first : first + most], shared)
    return "\n".join(lines)


def _lane_loop(
    group: LocalSystem,
    targets: Sequence[str],
    expressions: Sequence[sympy.Expr],
    shared: Sequence[tuple[sympy.Symbol, sympy.Expr]],
) -> list[str]:
    """A loop over lanes that loads what its expressions need, and assigns them to ``targets``."""
    body = lane_body(group, targets, expressions, shared)
    return [f"    for l in range({LANES}):", *(f"        {line}" for line in body or ["pass"])]


def lane_body(
    group: LocalSystem,
    targets: Sequence[str],
    expressions: Sequence[sympy.Expr],
    shared: Sequence[tuple[sympy.Symbol, sympy.Expr]] = (),
    taken: Iterable[str] = (),
) -> list[str]:
    """Lines that load what expressions need in one lane, and assign them; ``taken``: names to leave alone."""
    used = set().union(*(expression.free_symbols for expression in (*expressions, *(value for _, value in shared))))
    body = []
    for row, symbol in enumerate(group.symbols):
        if symbol in used:
            body.append(f"{symbol.name} = X[{row * LANES} + l]")
    for row, field in enumerate(group.fields):
        if field.symbol in used:
            body.append(f"{field.name} = P[{row * LANES} + l]")
    body += [f"{symbol.name} = {LanePrinter().doprint(value)}" for symbol, value in shared]
    avoided = names_in(group) | {symbol.name for symbol, _ in shared} | set(targets) | set(taken)
    return body + assignments(targets, expressions, avoided)


def names_in(group: LocalSystem) -> set[str]:
    """Names that stand for something in a kernel of a group."""
    own = {symbol.name for symbol in group.symbols} | {field.name for field in group.fields}
    return own | {"t", "dt", "l", "X", "P", "F", "J"}


def chemistry_terms(group: LocalSystem) -> Terms:
    """Rates of everything that is neither a gate nor constant, with their Jacobian among themselves."""
    exact = set(group.moved)
    rows = [label for label, _ in group.rates if label not in exact]
    values = [rate for label, rate in group.rates if label not in exact]
    return differentiate(rows, values, [group.symbol_of(label) for label in rows])


def electric_rows(group: LocalSystem) -> tuple[str, ...]:
    """Labels that currents change, v first."""
    if not group.processes:
        return ()
    moved = dict.fromkeys(label for process in group.processes for label, _ in process.effects if label != VOLTAGE)
    return (VOLTAGE, *moved)


def chemistry_text(group: LocalSystem, terms: Terms, left_out: Container[int] = ()) -> str:
    """Rates F and Jacobian J of the chemistry, but for some rows of J."""
    kept = [k for k in range(len(terms.pattern)) if k not in left_out]
    targets = [f"F[{i * LANES} + l]" for i in range(len(terms.rows))] + [f"J[{k * LANES} + l]" for k in kept]
    doc = f"Rates of {', '.join(terms.rows)} and their Jacobian ({len(kept)} of {len(terms.pattern)} entries)."
    expressions = [*terms.values, *(terms.derivatives[k] for k in kept)]
    return lane_function(f"chemistry_{group.name}", group, targets, expressions, doc, most=OUTPUTS)


def electric_text(group: LocalSystem) -> str:
    """What currents do to v and species, and how that depends on v: F rows 2 r (value) and 2 r + 1 (slope)."""
    v = group.symbol_of(VOLTAGE)
    totals: dict[str, sympy.Expr] = dict.fromkeys(electric_rows(group), sympy.Integer(0))
    drivers, expressions = [], []
    for number, process in enumerate(group.processes):
        value, slope = sympy.Symbol(f"i{number}", real=True), sympy.Symbol(f"g{number}", real=True)
        drivers.append((value, slope))
        expressions += [process.expression, sympy.Integer(0) if process.explicit else sympy.diff(process.expression, v)]
        for label, factor in process.effects:
            totals[label] += factor * value
    # The same currents i0, i1 ... stand in every total: charge and moles agree to round-off.
    slopes = dict(drivers)
    rows = list(totals)
    finals = [f"F[{2 * r * LANES} + l]" for r in range(len(rows))] + [f"F[{(2 * r + 1) * LANES} + l]" for r in range(len(rows))]
    results = [totals[label] for label in rows] + [totals[label].xreplace(slopes) for label in rows]
    targets = [name for value, slope in drivers for name in (value.name, slope.name)]
    head = lane_function(
        f"electric_{group.name}",
        group,
        targets,
        [*expressions],
        f"Currents and what they do to {', '.join(rows)}.",
    )
    known = {s.name for s in _loaded(group, expressions)}
    extra = [
        f for f in group.fields if f.name not in known and any(f.symbol in total.free_symbols for total in totals.values())
    ]
    loads = [f"        {f.name} = P[{group.fields.index(f) * LANES} + l]" for f in extra]
    tail = [f"        {line}" for line in assignments(finals, results, _taken(group, drivers, head))]
    return "\n".join([head, *loads, *tail])


def _loaded(group: LocalSystem, expressions: Sequence[sympy.Expr]) -> set[sympy.Symbol]:
    """Fields that the first block of assignments loads."""
    return set().union(*(e.free_symbols for e in expressions)) & {f.symbol for f in group.fields}


def _taken(group: LocalSystem, drivers: Iterable[tuple[sympy.Symbol, sympy.Symbol]], head: str) -> set[str]:
    """Names that the second block of assignments must leave alone, the first block's subexpressions included."""
    names = {s.name for pair in drivers for s in pair} | {s.name for s in group.symbols} | {f.name for f in group.fields}
    return names | {line.split(" = ")[0].strip() for line in head.splitlines() if " = " in line}
