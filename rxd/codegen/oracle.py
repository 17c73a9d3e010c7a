"""The readable oracle: right-hand sides and Jacobians evaluated with NumPy, an independent path to the same numbers."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

import numpy as np
import sympy
from sympy.printing.numpy import NumPyPrinter
from sympy.simplify.cse_main import tree_cse
from sympy.utilities.iterables import numbered_symbols

from rxd.declare.functions import bernoulli_ratio, bernoulli_slope, linear_solution, nonlinear_solution
from rxd.discretize.records import Discretization, Group
from rxd.symbolic.system import LocalSystem, System

ITERATIONS: Final = 50
NAME: Final = "_lambdifygenerated"  # what SymPy calls its functions


def _ratio(z: Any) -> Any:
    z = np.asarray(z, dtype=float)
    safe = np.where(np.abs(z) < 1e-4, 1.0, z)
    return np.where(np.abs(z) < 1e-4, 1 - z / 2 + z**2 / 12 - z**4 / 720, safe / np.expm1(safe))


def _slope(z: Any) -> Any:
    z = np.asarray(z, dtype=float)
    small = np.abs(z) < 1e-2
    safe = np.where(small, 1.0, z)
    e = np.exp(-np.abs(safe))
    far = np.where(
        safe > 0, e * (-np.expm1(-np.abs(safe)) - safe) / np.expm1(-np.abs(safe)) ** 2, (e - 1 - safe * e) / (e - 1) ** 2
    )
    return np.where(small, -0.5 + z / 6 - z**3 / 180 + z**5 / 5040, far)


def _linear_solution(i: Any, n: Any, *entries: Any) -> Any:
    """Unknown i of n linear equations, node by node."""
    rows, matrix = int(n), np.broadcast_arrays(*(np.asarray(entry, dtype=float) for entry in entries))
    a = np.stack(matrix[: rows * rows], axis=-1).reshape(*matrix[0].shape, rows, rows)
    b = np.stack(matrix[rows * rows :], axis=-1)
    return np.linalg.solve(a, b[..., None])[..., int(i), 0]


def _nonlinear_solution(i: int, system: Callable[..., Any], start: Sequence[Any]) -> Any:
    """Unknown i of equations, node by node; NaN where Newton's method finds no solution without negative values."""
    n, x = len(start), np.stack(np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in start)))
    remaining = np.inf
    for _ in range(ITERATIONS):
        parts = np.broadcast_arrays(*(np.asarray(value, dtype=float) for value in (*system(*x), x[0])))
        values = np.stack(parts[:-1], axis=-1)
        matrix, right = values[..., n:].reshape(*values.shape[:-1], n, n), -values[..., :n, None]
        x = np.stack([np.broadcast_to(value, values.shape[:-1]) for value in x])
        change = np.moveaxis(np.linalg.solve(matrix, right)[..., 0], -1, 0)
        x = np.maximum(x + change, 0.0)
        remaining = np.max(np.abs(change) / (1e-3 + np.abs(x)), axis=0)
        if np.all(remaining <= 1e-13):
            break
    return np.where(remaining <= 1e-6, x[i], np.nan)


class NumpyFunction:
    """A function ``f(X, P, t) -> list`` with X (n_unknowns, n) and P (n_fields, n); `at` gives its values at one node.

    Attributes
    ----------
    text : str
        What it was made of.
    """

    __slots__ = ("_branches", "_function", "text")

    def __init__(self, text: str, branches: bool) -> None:
        names: dict[str, Any] = {**vars(np), **_own()}
        exec(compile(text, "<expressions>", "exec"), names)  # noqa: S102 - what was printed from expressions
        self.text, self._branches, self._function = text, branches, names[NAME]

    def __reduce__(self) -> Any:
        return NumpyFunction, (self.text, self._branches)

    def __call__(self, X: np.ndarray, P: np.ndarray, t: float) -> list[np.ndarray]:
        """The values of each expression at every node, shape (n,)."""
        shape = X.shape[1:]
        values = (np.asarray(value, dtype=float) for value in self.at(X, P, t))
        return [value if value.shape == shape else np.broadcast_to(value, shape) for value in values]

    def at(self, x: Iterable[Any], p: Iterable[Any], t: float) -> list[Any]:
        """The same at one node, for NumPy's numbers: it computes with a few of them faster than with arrays of one element."""
        if not self._branches:
            return list(self._function(*x, *p, t))
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # NumPy computes those that are not taken, too
            return list(self._function(*x, *p, t))


def make_numpy(group: LocalSystem, expressions: list[sympy.Expr]) -> NumpyFunction:
    """A NumPy function ``f(X, P, t) -> list`` with X (n_unknowns, n) and P (n_fields, n)."""
    symbols = [*group.symbols, *(field.symbol for field in group.fields), sympy.Symbol("t", real=True)]
    own = _own()
    settings = {"fully_qualified_modules": False, "inline": True, "allow_unknown_functions": True}
    printer = _Printer({**settings, "user_functions": {name: name for name in own}})
    # what a solution's equations have in common with the rest must stay within their lambda
    plain = not any(expression.has(linear_solution, nonlinear_solution) for expression in expressions)
    # all of NumPy by its name would be imported to be there
    modules = [own, dict(vars(np))]
    function = sympy.lambdify(symbols, expressions, modules=modules, printer=printer, cse=_shared if plain else False)
    others = (
        (module, ", ".join(sorted(names))) for module, names in sorted(printer.module_imports.items()) if module != "numpy"
    )
    text = "".join(f"from {module} import {names}\n" for module, names in others) + inspect.getsource(function)
    return NumpyFunction(text, any(expression.has(sympy.Piecewise) for expression in expressions))


def _own() -> dict[str, Any]:
    """Functions that NumPy lacks, by the names that are printed."""
    return {
        bernoulli_ratio.__name__: _ratio,
        bernoulli_slope.__name__: _slope,
        "clip": _clip,
        linear_solution.__name__: _linear_solution,
        nonlinear_solution.__name__: _nonlinear_solution,
    }


class _Printer(NumPyPrinter):
    """NumPy code that asks for branches with `where`: `select` takes ten times as long for the few numbers of a small model."""

    def _print_Piecewise(self, expression: sympy.Piecewise) -> str:
        *branches, (last, always) = expression.args
        where = self._module_format("numpy.where")
        text = self._print(last)
        if always != sympy.true:
            text = f"{where}({self._print(always)}, {text}, {self._module_format('numpy.nan')})"
        for value, condition in reversed(branches):
            text = f"{where}({self._print(condition)}, {self._print(value)}, {text})"
        return f"({text})"


def _shared(expressions: list[sympy.Expr]) -> Any:
    """Parts that occur more than once, computed once; otherwise everything as it is written."""
    return tree_cse(expressions, numbered_symbols("shared_"))


def _clip(x: Any, low: Any, high: Any) -> Any:
    return np.minimum(np.maximum(x, low), high)


def fields_of(group: Group) -> np.ndarray:
    """Fields of a group by node, shape (n_fields, n)."""
    chunks, fields, lanes = group.fields.shape
    return group.fields.transpose(1, 0, 2).reshape(fields, chunks * lanes)[:, : group.n]


def local_rates(system: System, discretization: Discretization, y: np.ndarray, t: float) -> np.ndarray:
    """Time derivative of every unknown without exchange between nodes, shape (size,)."""
    total = np.zeros_like(y)
    for local, group in zip(system.groups, discretization.groups, strict=True):
        sides = local.right_hand_side()
        values = make_numpy(local, list(sides.values()))(y[group.position], fields_of(group), t)
        for row, value in enumerate(values):
            np.add.at(total, group.position[row], value)
    return total


def initial_gates(system: System, discretization: Discretization, y: np.ndarray) -> np.ndarray:
    """State with the gates of mechanisms at their declared initial values (expressions of v, ions and parameters).

    A copy, unless there are none.
    """
    result = y.copy() if any(local.initials for local in system.groups) else y
    for local, group in zip(system.groups, discretization.groups, strict=True):
        if not local.initials:
            continue
        rows = [local.unknowns.index(label) for label, _ in local.initials]
        values = make_numpy(local, [expression for _, expression in local.initials])(y[group.position], fields_of(group), 0.0)
        for row, value in zip(rows, values, strict=True):
            result[group.position[row]] = value
    return result
