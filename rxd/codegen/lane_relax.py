"""One linearly implicit step of a group's chemistry as straight vector code: no list of operations is read at run time.

In: the pattern of a Jacobian, its `LaneProgram` and which entries are short polynomials. Out: an operation for generated
kernels. It factorises ``I / s - J`` and solves for both stages of `rxd.solve.split_kernels` with all entries as values of the
compiler, which keeps what it can in registers. It says the same as `rxd.solve.split_kernels.relax`, which does it for systems
too large for this. The processor is to wait for as little as possible: between one pivot and the next lie a reciprocal, a
product and a sum, between one unknown and the next a product.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from rxd.codegen.polynomials import Polynomial
from rxd.codegen.sparse import make_program
from rxd.solve.lane_operations import splat
from rxd.solve.vectors import reciprocal

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


def make_relax(
    active: Sequence[int], pattern: Sequence[tuple[int, int]], polynomials: Mapping[int, Polynomial], lanes: int
) -> Any:
    """``op(X, P, F, J, l, step, carried)`` for lanes l to l + WIDTH of rows of ``lanes``: see `_Writer`."""

    @intrinsic
    def operation(typing_context: Any, X: Any, P: Any, F: Any, J: Any, lane: Any, step: Any, carried: Any) -> Any:
        signature = types.void(X, P, F, J, types.intp, types.float64, types.float64)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            _Writer(builder, args, active, pattern, polynomials, lanes).write()
            return context.get_dummy_value()

        return signature, generate

    return operation


class _Writer:
    """Writes ``(I / s - J) w = F``, ``X += w``, and with ``c != 0`` also ``(I / s - J) w' = c / s w``, ``X += w'``.

    Value k of the Jacobian is a polynomial of X and P, or else row k of J. So methods must be stiffly accurate: of the first
    stage all counts (`Stages.first` + `Stages.fresh` = 1).
    """

    def __init__(
        self,
        builder: Any,
        args: Any,
        active: Sequence[int],
        pattern: Sequence[tuple[int, int]],
        polynomials: Mapping[int, Polynomial],
        lanes: int,
    ) -> None:
        self.builder, self.active, self.polynomials, self.lanes = builder, active, polynomials, lanes
        self.X, self.P, self.F, self.J, self.lane, self.step, self.carried = args
        self.program = make_program(len(active), pattern)
        self.values = {int(entry): value for value, entry in enumerate(self.program.entry)}
        self.diagonal = frozenset(map(int, self.program.diagonal))
        self.per_step = self.splat(builder.fdiv(ir.Constant(ir.DoubleType(), 1.0), self.step))
        self.entries: dict[int, Any] = {}
        self.inverse: dict[int, Any] = {}
        self.scaled: dict[int, Any] = {}

    def write(self) -> None:
        """The whole step."""
        n = len(self.active)
        self.factorise()
        first = self.solve([self.load(self.F, row) for row in range(n)])
        state = [self.add(self.load(self.X, row), w) for row, w in zip(self.active, first, strict=True)]
        for row in range(n):
            self.store(self.X, self.active[row], state[row])
        two_stages = self.builder.fcmp_unordered("!=", self.carried, ir.Constant(ir.DoubleType(), 0.0))
        with self.builder.if_then(two_stages):
            carried = self.multiply(self.splat(self.carried), self.per_step)
            second = self.solve([self.multiply(carried, value) for value in first])
            for row in range(n):
                self.store(self.X, self.active[row], self.add(state[row], second[row]))

    def entry(self, number: int) -> Any:
        """An entry of ``I - s J`` or of its factors, made where it is first needed; None if only fill will create it."""
        if number not in self.entries:
            value = self.per_step if number in self.diagonal else None
            if number in self.values:
                value = self.minus_slope(value, self.values[number])
            self.entries[number] = value
        return self.entries[number]

    def minus_slope(self, value: Any, k: int) -> Any:
        """What there is, if anything, minus a value of the Jacobian."""
        if k not in self.polynomials:
            slope = self.load(self.J, k)
            return self.builder.fneg(slope) if value is None else self.minus(value, slope)
        for coefficient, unknowns, fields in self.polynomials[k]:
            term = self.constant(-coefficient)
            for rows, row in [*((self.X, row) for row in unknowns), *((self.P, row) for row in fields)]:
                term = self.multiply(term, self.load(rows, row))
            value = term if value is None else self.add(value, term)
        return value

    def factorise(self) -> None:
        """Entries below the diagonal become multipliers."""
        for pivot, rows in operations(self.program.factor):
            self.inverse[pivot] = reciprocal(self.builder, self.entry(pivot))
            for entry, columns in rows:
                self.entries[entry] = self.multiply(self.entry(entry), self.inverse[pivot])
                for target, right in columns:
                    self.entries[target] = self.subtract(self.entry(target), self.entry(entry), self.entry(right))
        for unknown, terms in substitutions(self.program.upper):
            inverse = self.inverse[int(self.program.diagonal[unknown])]
            self.scaled.update({entry: self.multiply(inverse, self.entry(entry)) for entry, _ in terms})

    def solve(self, values: list[Any]) -> list[Any]:
        """The solution for a right-hand side; rows of the upper factor are divided by their pivots beforehand."""
        found = list(values)
        for unknown, terms in substitutions(self.program.lower):
            for entry, other in terms:
                found[unknown] = self.subtract(found[unknown], self.entry(entry), found[other])
        for unknown, terms in substitutions(self.program.upper):
            found[unknown] = self.multiply(found[unknown], self.inverse[int(self.program.diagonal[unknown])])
            for entry, other in terms:
                found[unknown] = self.subtract(found[unknown], self.scaled[entry], found[other])
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

    def minus(self, one: Any, other: Any) -> Any:
        """One minus other."""
        return self.builder.fsub(one, other, flags=CONTRACT)

    def subtract(self, old: Any, one: Any, other: Any) -> Any:
        """Old, if there is one, minus a product."""
        product = self.multiply(one, other)
        return self.builder.fneg(product) if old is None else self.builder.fsub(old, product, flags=CONTRACT)
