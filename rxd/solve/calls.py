"""How compiled models are called: kernels by address, from loops that are compiled once for all models.

In: addresses of the functions of a generated module (`rxd.codegen.coupled_module`) and a model's constants as three arrays:
``fields`` (numbers per node, in lanes), ``table`` (one row per group, see the columns below) and ``places`` (state positions).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from rxd.discretize.records import LANES
from rxd.solve.lane_lu import load
from rxd.solve.lane_operations import draft_kernel, lean_kernel
from rxd.solve.lane_store import add_row, load_scattered, put_rows
from rxd.solve.vectors import data_of

NODES, UNKNOWNS, N_FIELDS, ENTRIES, N_TIMED, SCATTERED = range(6)
"""Columns of the table: nodes, unknowns, fields, Jacobian values, rows that time changes; whether nodes lie anywhere."""
FIELDS, STARTS, POSITION, TIMED, JACOBIAN, RATES, LINEARISE = range(6, 13)
"""Where fields, first positions, all positions, timed rows and Jacobian values begin; addresses of the two kernels."""

Model = tuple[np.ndarray, np.ndarray, np.ndarray]
"""``fields``, ``table`` and ``places``."""


def _make_call() -> Any:
    """``op(address, X, x, P, p, t, F, f, J, j)``: the kernel at an address with X from x on, P from p and so on."""

    @intrinsic
    def operation(
        typing_context: Any, address: Any, X: Any, x: Any, P: Any, p: Any, t: Any, F: Any, f: Any, J: Any, j: Any
    ) -> Any:
        signature = types.void(types.int64, X, types.intp, P, types.intp, types.float64, F, types.intp, J, types.intp)

        def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            def data(position: int) -> Any:
                array = data_of(context, builder, sig.args[position], args[position])
                return builder.gep(array, [args[position + 1]])

            double = ir.DoubleType()
            row = double.as_pointer()
            function_type = ir.FunctionType(ir.VoidType(), [row, row, double, double, row, row])
            function = builder.inttoptr(args[0], function_type.as_pointer())
            builder.call(function, [data(1), data(3), args[5], ir.Constant(double, 0.0), data(6), data(8)])
            return context.get_dummy_value()

        return signature, generate

    return operation


call_at = _make_call()


@lean_kernel
def call_rates(y: np.ndarray, t: float, f: np.ndarray, work: np.ndarray, model: Model) -> None:
    """Right-hand side without exchange between nodes into ``f``."""
    fields, table, places = model
    for k in range(f.size):
        f[k] = 0.0
    for g in range(table.shape[0]):
        row = table[g]
        rates = row[UNKNOWNS] * LANES
        for first in range(0, row[NODES], LANES):
            _load(y, first, row, places, work)
            call_at(row[RATES], work, 0, fields, row[FIELDS] + first * row[N_FIELDS], t, work, rates, work, 2 * rates)
            _store(work, first, row, places, f)


@lean_kernel
def call_linearise(
    y: np.ndarray, t: float, f: np.ndarray, drift: np.ndarray, jacobian: np.ndarray, work: np.ndarray, model: Model
) -> None:
    """The same with its explicit time derivative added to ``drift`` and the values of its Jacobian in ``jacobian``."""
    fields, table, places = model
    for k in range(f.size):
        f[k] = 0.0
    for g in range(table.shape[0]):
        row = table[g]
        rates, size = row[UNKNOWNS] * LANES, row[ENTRIES] * LANES
        for first in range(0, row[NODES], LANES):
            _load(y, first, row, places, work)
            call_at(row[LINEARISE], work, 0, fields, row[FIELDS] + first * row[N_FIELDS], t, work, rates, work, 2 * rates)
            _store(work, first, row, places, f)
            there, width = row[JACOBIAN] + first * row[ENTRIES], min(LANES, row[NODES] - first)
            for k in range(size):
                jacobian[there + k] = work[2 * rates + k]
            for r in range(row[N_TIMED]):
                at = row[POSITION] + places[row[TIMED] + r] * row[NODES] + first
                add_row(work, 2 * rates + size + r * LANES, places, at, width, drift)


@lean_kernel
def call_constants(address: int, fields: np.ndarray, chunks: int, given: int, made: int) -> None:
    """Fill in the constants of a group behind the fields that they are made of: ``given + made`` rows a chunk."""
    for chunk in range(chunks):
        at = chunk * (given + made) * LANES
        call_at(address, fields, at, fields, at, 0.0, fields, at + given * LANES, fields, at)


@draft_kernel
def _load(y: np.ndarray, first: int, row: np.ndarray, places: np.ndarray, X: np.ndarray) -> None:
    """Unknowns of a chunk into lanes; missing lanes repeat the last node."""
    width = min(LANES, row[NODES] - first)
    if row[SCATTERED]:
        load_scattered(y, places, row[POSITION], row[NODES], row[UNKNOWNS], first, width, X)
    else:
        load(y, places[row[STARTS] : row[STARTS] + row[UNKNOWNS]], first, width, X)


@draft_kernel
def _store(work: np.ndarray, first: int, row: np.ndarray, places: np.ndarray, f: np.ndarray) -> None:
    """Rates of a chunk to their nodes; those that share unknowns with others add theirs."""
    width, rates = min(LANES, row[NODES] - first), row[UNKNOWNS] * LANES
    if row[SCATTERED]:
        for u in range(row[UNKNOWNS]):
            add_row(work, rates + u * LANES, places, row[POSITION] + u * row[NODES] + first, width, f)
    else:
        put_rows(work, rates, places, row[STARTS], row[UNKNOWNS], first, width, f)
