"""Elimination of the unknowns that a node keeps to itself, as lists of operations cut from a group's sparse LU.

In: a `LaneProgram`. Out: a `LocalProgram`, and all lists end to end on one `Tape` for the compiled kernels.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from geometry.records import dataclass
from rxd.codegen.sparse import LaneProgram


class Tape:
    """Lists of integers laid end to end."""

    def __init__(self) -> None:
        self.parts: list[np.ndarray] = []
        self.size = 0

    def add(self, values: Sequence[int] | np.ndarray) -> tuple[int, int]:
        """Append; returns where the list begins and ends."""
        array = np.asarray(values, dtype=np.int64).ravel()
        self.parts.append(array)
        self.size += len(array)
        return self.size - len(array), self.size

    def array(self) -> np.ndarray:
        """All lists in one array."""
        return np.concatenate(self.parts) if self.parts else np.zeros(0, dtype=np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class LocalProgram:
    """The part of a `LaneProgram` that eliminates local unknowns, and the entries that remain for the tree.

    ``kept`` are the entries of which substitutions need the factors; ``lower``, ``upper`` and ``diagonal`` count in these.
    ``fill`` are the entries that no Jacobian value goes to.
    """

    factor: list[int]
    lower: list[int]
    upper: list[int]
    diagonal: list[int]
    kept: list[int]
    remaining: dict[tuple[int, int], int]
    fill: list[int]


def local_program(program: LaneProgram, exchanged: Sequence[int]) -> LocalProgram:
    """Cut a program that eliminates ``exchanged`` last before it does."""
    last = set(exchanged)
    lower, upper = _rows(program.lower), _rows(program.upper)
    remaining = {(k, k): int(program.diagonal[k]) for k in last}
    for rows in (lower, upper):
        for k, pairs in rows:
            remaining |= {(k, j): entry for entry, j in pairs if k in last and j in last}
    below = [(k, [(e, j) for e, j in pairs if j not in last]) for k, pairs in lower]
    above = [(k, pairs) for k, pairs in upper if k not in last]
    pivots = [int(program.diagonal[k]) for k, _ in above]
    kept = sorted({*pivots, *(entry for _, pairs in (*below, *above) for entry, _ in pairs)})
    number = {entry: i for i, entry in enumerate(kept)}
    return LocalProgram(
        factor=_first_pivots(program.factor, program.n - len(last)),
        lower=_flat(below, number),
        upper=_flat(above, number),
        diagonal=[number.get(int(entry), 0) for entry in program.diagonal],
        kept=kept,
        remaining=remaining,
        fill=sorted(set(range(program.nnz)) - {int(entry) for entry in program.entry}),
    )


def _rows(steps: np.ndarray) -> list[tuple[int, list[tuple[int, int]]]]:
    """Steps of a substitution as (unknown, [(entry, other unknown) ...])."""
    rows, i, values = [], 0, steps.tolist()
    while i < len(values):
        k, count = values[i], values[i + 1]
        pairs = values[i + 2 : i + 2 + 2 * count]
        rows.append((k, list(zip(pairs[::2], pairs[1::2], strict=True))))
        i += 2 + 2 * count
    return rows


def _flat(rows: list[tuple[int, list[tuple[int, int]]]], number: dict[int, int]) -> list[int]:
    """Steps as kernels read them; those that do nothing are left out where no pivot follows."""
    return [value for k, pairs in rows for value in (k, len(pairs), *(x for e, j in pairs for x in (number[e], j)))]


def _first_pivots(factor: np.ndarray, count: int) -> list[int]:
    """Steps of a factorisation up to the given number of pivots."""
    values, i = factor.tolist(), 0
    for _ in range(count):
        rows = values[i + 1]
        i += 2
        for _ in range(rows):
            i += 2 + 2 * values[i + 1]
    return values[:i]
