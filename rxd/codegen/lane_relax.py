"""One linearly implicit step of a group's chemistry as straight vector code: no list of operations is read at run time.

In: the pattern of a Jacobian and its `LaneProgram`. Out: an operation for generated kernels. It factorises ``I - s J`` and
solves for both stages of `rxd.solve.split_kernels` with all entries as values of the compiler, which keeps what it can in
registers. It says the same as `rxd.solve.split_kernels.relax`, which does it for systems too large for this.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from rxd.codegen.sparse import make_program
from rxd.solve.lane_operations import splat

WIDTH: Final = 8
"""Lanes at a time: one AVX-512 vector."""
LARGEST: Final = 1500
"""Products in a factorisation and two solves up to which code is written out; compilation takes about 0.5 ms each."""
CONTRACT: Final = ("contract", "nsz", "arcp")
DOUBLES: Final = ir.VectorType(ir.DoubleType(), WIDTH)


def operations(program: np.ndarray) -> Iterator[tuple[int, list[tuple[int, list[tuple[int, int]]]]]]:
    """The pivots of `LaneProgram.factor`: (kk, [(ik, [(ij, kj), ...]), ...])."""
    at = 0
    while at < len(program):
        pivot, rows, found = int(program[at]), int(program[at + 1]), []
        at += 2
        for _ in range(rows):
            entry, columns = int(program[at]), int(program[at + 1])
            at += 2
            found.append((entry, [(int(program[at + 2 * c]), int(program[at + 2 * c + 1])) for c in range(columns)]))
            at += 2 * columns
        yield pivot, found


def substitutions(program: np.ndarray) -> Iterator[tuple[int, list[tuple[int, int]]]]:
    """The unknowns of `LaneProgram.lower` or `upper`: (unknown, [(entry, other unknown), ...])."""
    at = 0
    while at < len(program):
        unknown, count = int(program[at]), int(program[at + 1])
        at += 2
        yield unknown, [(int(program[at + 2 * c]), int(program[at + 2 * c + 1])) for c in range(count)]
        at += 2 * count


def products(n: int, pattern: Sequence[tuple[int, int]]) -> int:
    """How many products a factorisation and two solves take."""
    program = make_program(n, pattern)
    found = sum(1 + len(columns) for _, rows in operations(program.factor) for _, columns in rows)
    return found + 2 * sum(len(terms) for part in (program.lower, program.upper) for _, terms in substitutions(part))


def make_relax(active: Sequence[int], pattern: Sequence[tuple[int, int]], lanes: int) -> Any:
    """``op(X, F, J, l, step, weight, carried)`` for lanes l to l + WIDTH of rows of ``lanes``: see `_Writer`."""

    @intrinsic
    def operation(typing_context: Any, X: Any, F: Any, J: Any, lane: Any, step: Any, weight: Any, carried: Any) -> Any:
        signature = types.void(X, F, J, types.intp, types.float64, types.float64, types.float64)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            _Writer(builder, args, active, pattern, lanes).write()
            return context.get_dummy_value()

        return signature, generate

    return operation


class _Writer:
    """Writes ``(I - s J) w = s F``, ``X += weight w``, and with ``c != 0`` also ``(I - s J) w' = c w``, ``X += w'``."""

    def __init__(self, builder: Any, args: Any, active: Sequence[int], pattern: Sequence[tuple[int, int]], lanes: int) -> None:
        self.builder, self.active, self.pattern, self.lanes = builder, active, pattern, lanes
        self.X, self.F, self.J, self.lane, self.step, self.weight, self.carried = args
        self.program = make_program(len(active), pattern)
        self.values = {int(entry): value for value, entry in enumerate(self.program.entry)}
        self.diagonal = frozenset(map(int, self.program.diagonal))
        self.minus_step = self.splat(self.builder.fneg(self.step))
        self.entries: dict[int, Any] = {}
        self.inverse: dict[int, Any] = {}

    def write(self) -> None:
        """The whole step."""
        n, step = len(self.active), self.splat(self.step)
        self.factorise()
        first = self.solve([self.multiply(step, self.load(self.F, row)) for row in range(n)])
        weight = self.splat(self.weight)
        old = [self.load(self.X, row) for row in self.active]
        state = [self.add(old[row], self.multiply(weight, first[row])) for row in range(n)]
        for row in range(n):
            self.store(self.X, self.active[row], state[row])
        two_stages = self.builder.fcmp_unordered("!=", self.carried, ir.Constant(ir.DoubleType(), 0.0))
        with self.builder.if_then(two_stages):
            carried = self.splat(self.carried)
            second = self.solve([self.multiply(carried, value) for value in first])
            for row in range(n):
                self.store(self.X, self.active[row], self.add(state[row], second[row]))

    def entry(self, number: int) -> Any:
        """An entry of ``I - s J`` or of its factors, made where it is first needed; None if only fill will create it."""
        if number not in self.entries:
            value = None
            if number in self.values:
                value = self.multiply(self.minus_step, self.load(self.J, self.values[number]))
            if number in self.diagonal:
                one = self.constant(1.0)
                value = one if value is None else self.add(value, one)
            self.entries[number] = value
        return self.entries[number]

    def factorise(self) -> None:
        """Entries below the diagonal become multipliers."""
        for pivot, rows in operations(self.program.factor):
            self.inverse[pivot] = reciprocal(self.builder, self.entry(pivot))
            for entry, columns in rows:
                self.entries[entry] = self.multiply(self.entry(entry), self.inverse[pivot])
                for target, right in columns:
                    self.entries[target] = self.subtract(self.entry(target), self.entry(entry), self.entry(right))

    def solve(self, values: list[Any]) -> list[Any]:
        """The solution for a right-hand side."""
        found = list(values)
        for part in (self.program.lower, self.program.upper):
            for unknown, terms in substitutions(part):
                for entry, other in terms:
                    found[unknown] = self.subtract(found[unknown], self.entry(entry), found[other])
                if part is self.program.upper:
                    found[unknown] = self.multiply(found[unknown], self.inverse[int(self.program.diagonal[unknown])])
        return found

    def address(self, rows: Any, row: int) -> Any:
        """Of the lanes of a row, as a vector."""
        index = self.builder.add(self.lane, ir.Constant(self.lane.type, int(row) * self.lanes))
        return self.builder.bitcast(self.builder.gep(rows, [index]), DOUBLES.as_pointer())

    def load(self, rows: Any, row: int) -> Any:
        """Lanes of a row."""
        value = self.builder.load(self.address(rows, row))
        value.align = 8
        return value

    def store(self, rows: Any, row: int, value: Any) -> None:
        """Lanes of a row."""
        self.builder.store(value, self.address(rows, row)).align = 8

    def constant(self, number: float) -> Any:
        """The same number in all lanes."""
        return ir.Constant(DOUBLES, [number] * WIDTH)

    def splat(self, value: Any) -> Any:
        """A scalar in all lanes."""
        return splat(self.builder, value, WIDTH)

    def multiply(self, one: Any, other: Any) -> Any:
        """One times other."""
        return self.builder.fmul(one, other, flags=CONTRACT)

    def add(self, one: Any, other: Any) -> Any:
        """One plus other."""
        return self.builder.fadd(one, other, flags=CONTRACT)

    def subtract(self, old: Any, one: Any, other: Any) -> Any:
        """Old, if there is one, minus a product."""
        product = self.multiply(one, other)
        return self.builder.fneg(product) if old is None else self.builder.fsub(old, product, flags=CONTRACT)


def reciprocal(builder: Any, value: Any) -> Any:
    """One over a vector. A division of eight doubles takes 16 cycles; where AVX-512 estimates it, two Newton steps take 4."""
    one = ir.Constant(DOUBLES, [1.0] * WIDTH)
    if not binding.get_host_cpu_features().get("avx512f"):
        return builder.fdiv(one, value, flags=CONTRACT)
    mask = ir.IntType(8)
    kind = ir.FunctionType(DOUBLES, [DOUBLES, DOUBLES, mask])
    estimate = builder.module.declare_intrinsic("llvm.x86.avx512.rcp14.pd.512", (), kind)
    found = builder.call(estimate, [value, ir.Constant(DOUBLES, [0.0] * WIDTH), ir.Constant(mask, 255)])
    for _ in range(2):
        error = builder.fsub(one, builder.fmul(value, found, flags=CONTRACT), flags=CONTRACT)
        found = builder.fadd(found, builder.fmul(found, error, flags=CONTRACT), flags=CONTRACT)
    return found
