"""Source of the kernels with which the direct solver goes through a group's nodes, once a stage, with nothing read from lists.

In: a group of nodes on segments and which of the model's unknowns nodes exchange. Out: the text of three kernels. They work on
halves of chunks, eight nodes each: of what nodes keep, a row is `LANES` numbers of a chunk; of what the tree has (R, Z, S),
``places`` has where each half begins, a row is eight numbers. The elimination of local unknowns is that of
`rxd.solve.direct_local`, written out.

    begin  rates and Jacobian at a state; factors to A, what is left of the matrix to S; the first stage
    stage  rates at a state; U, what a stage has besides, becomes the stage's right-hand side, local unknowns eliminated
    take   solution of the tree in R; U becomes the solution
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import sympy

from geometry.records import dataclass
from rxd.codegen.coupled_text import Constants, Known, Layers, add_rates, jacobian_entries, row, time_slopes
from rxd.codegen.lane_relax import operations, substitutions
from rxd.codegen.sparse import LaneProgram, make_program
from rxd.discretize.records import LANES
from rxd.solve.direct_local import LocalProgram, local_program
from rxd.symbolic.system import VOLTAGE, LocalSystem, System

WIDTH: Final = 8
"""Lanes of a wave of the tree."""
Pattern = tuple[tuple[int, int], ...]
"""Row and column of every value of a group's Jacobian."""
SHORT: Final = 40
"""Lines up to which a loop is not told how often it runs: LLVM would write it out lane by lane instead of making vectors."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What nodes of a group exchange, by its rows: which of the model's exchanged unknowns each is; which share a capacity.

    ``size`` is that of the blocks of the tree that the group's nodes have.
    """

    rows: tuple[int, ...]
    numbers: tuple[int, ...]
    capacities: tuple[int, ...]
    size: int

    def at(self, array: str, number: int, place: str) -> str:
        """A lane of a row of the tree's; the first row has it at this place."""
        return f"{array}[{place} + {number * WIDTH}]" if number else f"{array}[{place}]"


def exchange_labels(system: System, lone: str = "") -> list[str]:
    """What nodes of trees exchange, in the order of its numbers: v first, what is alone in its equation last."""
    moving = [u.label for u in system.unknowns if u.diffusion > 0 and not u.box and not u.voxel_sections]
    return [VOLTAGE, *(label for label in moving if label != lone), *([lone] if lone else [])]


def lone_label(system: System, patterns: Mapping[str, Pattern]) -> str:
    """What nodes exchange and that no other one of these changes, even by way of what is local; or nothing.

    Its rows of the tree's blocks are diagonal, which saves a tenth of the work with them.
    """
    labels = exchange_labels(system)
    candidates = labels[1:]
    for group in system.groups:
        rows = [k for k, label in enumerate(group.unknowns) if label in labels]
        program = make_program(len(group.unknowns), patterns[group.name], rows)
        coupled = {group.unknowns[row] for row, other in local_program(program, rows).remaining if row != other}
        candidates = [label for label in candidates if label not in coupled]
    return candidates[-1] if candidates else ""


def exchanged_of(system: System, group: LocalSystem, lone: str = "") -> Exchanged:
    """What a group's nodes exchange."""
    labels = exchange_labels(system, lone)
    rows = [group.unknowns.index(label) for label in labels if label in group.unknowns]
    regions = [system.unknown(group.unknowns[k]).region or group.unknowns[k] for k in rows]
    kinds = list(dict.fromkeys(regions))
    numbers = tuple(labels.index(group.unknowns[k]) for k in rows)
    return Exchanged(tuple(rows), numbers, tuple(map(kinds.index, regions)), len(labels) if len(rows) > 1 else 1)


@dataclass(frozen=True, slots=True)
class Elimination:
    """What the texts of a group share: the elimination of its local unknowns, and names that nothing else has."""

    group: LocalSystem
    exchanged: Exchanged
    program: LaneProgram
    local: LocalProgram
    prefix: str

    def name(self, kind: str, number: int) -> str:
        """Of a rate f, an entry m, an unknown u."""
        return f"{self.prefix}{kind}{number}"

    def half(self, array: str) -> str:
        """Name of the place where a half begins in an array."""
        return f"{self.prefix}{array}"

    def lane(self, array: str) -> str:
        """Name of the place of a lane in the first row of a half."""
        return f"{self.prefix}{array}l"

    def of_f(self) -> list[str]:
        """Names of rates."""
        return [self.name("f", k) for k in range(len(self.group.unknowns))]

    def places(self) -> list[str]:
        """Where a half begins in the arrays of the nodes."""
        sizes = {"x": len(self.group.unknowns), "a": len(self.local.kept), "c": len(set(self.exchanged.capacities))}
        return [
            f"half = (q & 1) * {WIDTH}",
            *(f"{self.half(array)} = (q >> 1) * {size * LANES} + half" for array, size in sizes.items()),
        ]

    def forward(self) -> list[str]:
        """Local unknowns out of the right-hand side; local ones to U, exchanged ones to the tree with their state."""
        lines = []
        for unknown, terms in substitutions(self._array(self.local.lower)):
            u = self.name("u", unknown)
            lines += [f"{u} = {u} - {row('A', entry, self.lane('a'))} * {self.name('u', other)}" for entry, other in terms]
        for k in range(len(self.group.unknowns)):
            if k not in self.exchanged.rows:
                lines.append(f"{row('U', k, self.lane('x'))} = {self.name('u', k)}")
        for k, number, capacity in self._exchanged():
            lines.append(
                f"{self.exchanged.at('R', number, self.lane('r'))} = {self.name('u', k)} * {row('C', capacity, self.lane('c'))}"
            )
            lines.append(f"{self.exchanged.at('Z', number, self.lane('r'))} = {row('X', k, self.lane('x'))}")
        absent = sorted(set(range(self.exchanged.size)) - set(self.exchanged.numbers))
        return lines + [f"{self.exchanged.at('R', number, self.lane('r'))} = 0.0" for number in absent]

    def backward(self) -> list[str]:
        """The solution from that of the tree."""
        lines = []
        for k, number, _ in self._exchanged():
            lines.append(f"{self.name('u', k)} = {self.exchanged.at('R', number, self.lane('r'))}")
            lines.append(f"{row('U', k, self.lane('x'))} = {self.name('u', k)}")
        for unknown, terms in substitutions(self._array(self.local.upper)):
            u = self.name("u", unknown)
            lines.append(f"{u} = {row('U', unknown, self.lane('x'))}")
            lines += [f"{u} = {u} - {row('A', entry, self.lane('a'))} * {self.name('u', other)}" for entry, other in terms]
            lines.append(f"{u} = {u} * {row('A', self.local.diagonal[unknown], self.lane('a'))}")
            lines.append(f"{row('U', unknown, self.lane('x'))} = {u}")
        return lines

    def factorise(self) -> list[str]:
        """``shift - J`` of named values of J; factors to A, the rest to S."""
        lines, known = [], set()
        for value, entry in enumerate(self.program.entry.tolist()):
            shifted = "shift" if entry in self.program.diagonal else "0.0"
            lines.append(f"{self.name('m', entry)} = {shifted} - {self.name('j', value)}")
            known.add(entry)
        for entry in sorted(set(self.program.diagonal.tolist()) - known):
            lines.append(f"{self.name('m', entry)} = shift")
            known.add(entry)
        for pivot, rows in operations(self._array(self.local.factor)):
            lines.append(f"{self.name('m', pivot)} = reciprocal({self.name('m', pivot)})")
            for entry, columns in rows:
                lines.append(f"{self.name('m', entry)} = {self.name('m', entry)} * {self.name('m', pivot)}")
                for target, right in columns:
                    start = f"{self.name('m', target)} - " if target in known else "-"
                    lines.append(f"{self.name('m', target)} = {start}{self.name('m', entry)} * {self.name('m', right)}")
                    known.add(target)
        lines += [f"{row('A', k, self.lane('a'))} = {self.name('m', entry)}" for k, entry in enumerate(self.local.kept)]
        return lines + self._blocks(known)

    def _blocks(self, known: set[int]) -> list[str]:
        left, m = {}, self.exchanged.size
        for k, i, capacity in self._exchanged():
            for other, j, _ in self._exchanged():
                entry = self.local.remaining.get((k, other))
                if entry in known:
                    left[i * m + j] = f"{self.name('m', entry)} * {row('C', capacity, self.lane('c'))}"
        return [f"{self.exchanged.at('S', e, self.lane('s'))} = {left.get(e, '0.0')}" for e in range(m * m)]

    def _exchanged(self) -> list[tuple[int, int, int]]:
        """Row, number and capacity of each exchanged unknown."""
        exchanged = self.exchanged
        return list(zip(exchanged.rows, exchanged.numbers, exchanged.capacities, strict=True))

    @staticmethod
    def _array(values: Sequence[int]) -> np.ndarray:
        return np.array(values, dtype=np.int64)


def elimination(system: System, group: LocalSystem, pattern: Pattern, lone: str) -> Elimination:
    """The elimination of a group's local unknowns."""
    exchanged = exchanged_of(system, group, lone)
    rows = sorted(exchanged.rows)
    program = make_program(len(group.unknowns), pattern, rows)
    names, prefix = [symbol.name for symbol in group.symbols] + [each.name for each in group.fields], "w"
    while any(name.startswith(prefix) for name in names):
        prefix += "_"
    return Elimination(group, exchanged, program, local_program(program, rows), prefix)


def stage_texts(
    system: System, group: LocalSystem, constants: Constants, known: Known, pattern: Pattern, lone: str
) -> list[str]:
    """Kernels ``begin_<group>``, ``stage_<group>`` and ``take_<group>``, and what the direct solver must know of them."""
    parts = elimination(system, group, pattern, lone)
    begin, stage = _begin(parts, constants, known), _stage(parts, constants, known)
    exchanged = parts.exchanged
    fact = f"EXCHANGED_{group.name} = {tuple(zip(exchanged.rows, exchanged.numbers, exchanged.capacities, strict=True))}"
    # only now it is known how many rows of fields the kernels read
    fields = f"{parts.half('p')} = (q >> 1) * {len(known.order) * LANES} + half"
    return [
        fact,
        _kernel(
            parts, "begin", "X, P, F, U, A, C, S, R, Z, D, blocks, places, shift, slope, t, apart, n, width", fields, begin
        ),
        _kernel(parts, "stage", "X, P, U, A, C, R, Z, places, t, n, width", fields, stage),
        _kernel(parts, "take", "U, A, R, places, n, width", "", parts.backward()),
    ]


def _stage(parts: Elimination, constants: Constants, known: Known) -> list[str]:
    layers = Layers(parts.group)
    add_rates(parts.group, layers, parts.of_f())
    lines = layers.lines(constants, known, parts.lane("x"), parts.lane("p"))
    lines += [f"{parts.name('u', k)} = {row('U', k, parts.lane('x'))} + {f}" for k, f in enumerate(parts.of_f())]
    return lines + parts.forward()


def _begin(parts: Elimination, constants: Constants, known: Known) -> list[str]:
    group, layers, zero = parts.group, Layers(parts.group), sympy.Integer(0)
    add_rates(group, layers, parts.of_f())
    entries = jacobian_entries(group, layers)
    for k, key in enumerate(sorted(entries)):
        layers.put(parts.name("j", k), *entries[key], f"j{key[0]}_{key[1]}")
    slopes = time_slopes(group)
    for k, slope in slopes:
        layers.put(parts.name("d", k), slope, zero, "")
    timed = [k for k, _ in slopes]
    lines = layers.lines(constants, known, parts.lane("x"), parts.lane("p"))
    for k, f in enumerate(parts.of_f()):
        lines.append(f"{row('F', k, parts.lane('f'))} = {f}")
        lines.append(f"{parts.name('u', k)} = {f}" + (f" + slope * {parts.name('d', k)}" if k in timed else ""))
    lines += [f"{row('D', k, parts.lane('x'))} = {parts.name('d', k)}" for k in timed]
    return lines + parts.factorise() + parts.forward()


def _kernel(parts: Elimination, name: str, arguments: str, fields: str, lines: list[str]) -> str:
    """A kernel with a loop over halves and one over their lanes."""
    head = [f"@{name}_kernel", f"def {name}_{parts.group.name}({arguments}):", "    whole_vectors()", "    rows_apart()"]
    starts = [*parts.places(), *([fields] if fields else []), f"{parts.half('r')} = places[q]"]
    if name == "begin":
        starts.append(f"{parts.half('s')} = blocks[q]")
        starts.append(f"{parts.half('f')} = {parts.half('x')} * apart")
    head += ["    for q in range(n):", *(f"        {line}" for line in starts)]
    head.append(f"        for l in range({WIDTH if len(lines) > SHORT else 'width'}):")
    used = [array for array in "xacprsf" if any(parts.lane(array) in line for line in lines)]
    lines = [f"{parts.lane(array)} = {parts.half(array)} + l" for array in used] + lines
    return "\n".join([*head, *(f"            {line}" for line in lines)])
