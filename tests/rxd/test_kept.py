"""Arguments unpacked once: the same arrays, numbers and nested tuples, and what compiled code does not know."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

from rxd.solve.kept import Kept, kept
from rxd.solve.lane_operations import lean_kernel


class Inner(NamedTuple):
    numbers: np.ndarray
    flag: bool


class Outer(NamedTuple):
    table: np.ndarray
    count: int
    inner: Inner


@lean_kernel
def weigh(holder: Kept, factor: float) -> float:
    """Sum of the inner numbers, weighted by the table's size; the first number doubles."""
    table, count, inner = kept(holder)
    total = 0.0
    for k in range(inner.numbers.size):
        total += inner.numbers[k]
    inner.numbers[0] *= 2.0
    return factor * (total * table.shape[0] + count) if inner.flag else -1.0


def test_a_function_sees_and_changes_the_same_arrays() -> None:
    numbers = np.array([1.0, 2.0, 3.0])
    holder = Kept(Outer(np.zeros((4, 2), dtype=np.int64), 7, Inner(numbers, flag=True)))
    assert weigh(holder, 2.0) == 2 * (6 * 4 + 7)
    assert numbers[0] == 2.0
    numbers[1] = 10.0
    assert weigh(holder, 1.0) == 15 * 4 + 7
    assert weigh(Kept(Outer(np.zeros((4, 2), dtype=np.int64), 7, Inner(numbers, flag=False))), 1.0) == -1.0


@lean_kernel
def back(holder: Kept) -> tuple:
    """What is kept."""
    return kept(holder)


@pytest.mark.parametrize(
    "values",
    [(1, 2.5), (True, False, 3, (True, False), -2.5, (7, (True,)), False), ((False, True), True), (0.5, (), (True, 1e300))],
)
def test_numbers_lie_where_compiled_code_looks_for_them(values: tuple) -> None:
    assert back(Kept(values)) == values


def test_what_compiled_code_cannot_read_is_refused() -> None:
    with pytest.raises(TypeError, match="not 'ca'"):
        Kept((1, (2.0, "ca")))
