"""Numbers in a table as functions of an expression: values at points, and between them in straight lines.

In: grids and values. Out: expressions that kernels and NumPy evaluate, with derivatives.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import sympy

from rxd.declare.functions import clipped

__all__ = ["Numbers", "entry", "interpolated", "place"]


class Numbers(sympy.AtomicExpr):
    """A row of numbers within an expression."""

    __slots__ = ("values",)
    values: tuple[float, ...]
    is_commutative = True

    def __new__(cls, values: Iterable[float]) -> Numbers:
        """The same numbers are the same expression."""
        made: Numbers = super().__new__(cls)
        made.values = tuple(map(float, values))
        return made

    def _hashable_content(self) -> tuple[Any, ...]:
        return self.values

    @property
    def name(self) -> str:
        """A name for generated code: other numbers have another one."""
        return f"TABLE_{hashlib.sha256(np.array(self.values).tobytes()).hexdigest()[:16]}"

    def sort_key(self, order: Any = None) -> Any:
        """By name: SymPy asks for an order of the terms of a sum."""
        return self.class_key(), (1, (self.name,)), sympy.S.One.sort_key(), sympy.S.One

    def _sympyrepr(self, printer: Any) -> str:
        return self.name

    def _sympystr(self, printer: Any) -> str:
        return self.name

    def _lane(self, printer: Any) -> str:
        return self.name

    def _numpycode(self, printer: Any) -> str:
        return f"{printer._module_format('numpy.array')}({list(self.values)})"


class _OfTable(sympy.Function):
    """A function of an expression and a row of numbers that is flat but for jumps."""

    nargs = 2

    def fdiff(self, argindex: int = 1) -> sympy.Expr:
        """Zero."""
        return sympy.Integer(0)


class entry(_OfTable):  # noqa: N801 - the name under which generated code knows it
    """``entry(k, numbers)``: the number at place k, a whole number."""

    def _lane(self, printer: Any) -> str:
        k, numbers = (printer.doprint(argument) for argument in self.args)
        return f"entry_of({numbers}, {k})"

    def _numpycode(self, printer: Any) -> str:
        k, numbers = (printer.doprint(argument) for argument in self.args)
        array, take = printer._module_format("numpy.asarray"), printer._module_format("numpy.take")
        return f"{take}({numbers}, {array}({k}).astype(int), mode='clip')"


class place(_OfTable):  # noqa: N801
    """``place(x, grid)``: the number of the interval of an increasing grid that x is in, the first or last one beyond."""

    def _lane(self, printer: Any) -> str:
        x, grid = (printer.doprint(argument) for argument in self.args)
        return f"place_of({grid}, {x})"

    def _numpycode(self, printer: Any) -> str:
        x, grid = (printer.doprint(argument) for argument in self.args)
        search, clip = printer._module_format("numpy.searchsorted"), printer._module_format("numpy.clip")
        return f"{clip}({search}({grid}, {x}, side='right') - 1, 0, {len(self.args[1].values) - 2})"


def interpolated(arguments: Sequence[Any], grids: Sequence[np.ndarray], values: np.ndarray) -> sympy.Expr:
    """Linear interpolation in each argument, flat beyond the ends.

    Parameters
    ----------
    grids : sequence of ndarray
        Increasing, at least two points each.
    values : ndarray, shape (len(grids[0]), len(grids[1]), ...)
    """
    below: list[Any] = []
    weights: list[Any] = []
    for x, grid in zip(arguments, grids, strict=True):
        points = Numbers(grid)
        k = place(x, points)
        low, high = entry(k, points), entry(k + 1, points)
        below.append(k)
        weights.append(clipped((x - low) / (high - low), 0, 1))
    flat, strides = Numbers(values.ravel()), [int(np.prod(values.shape[i + 1 :])) for i in range(values.ndim)]
    total: Any = sympy.Integer(0)
    for corner in itertools.product((0, 1), repeat=len(grids)):
        position: Any = sum((low + up) * stride for low, up, stride in zip(below, corner, strides, strict=True))
        weight = sympy.Mul(*(w if up else 1 - w for w, up in zip(weights, corner, strict=True)))
        total += weight * entry(position, flat)
    return total
