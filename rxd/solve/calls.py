"""How compiled models are called: one signature for all, so that what calls them is compiled once for all models.

In: functions of a generated module (`rxd.codegen.coupled_text`) as C functions. A model's constants come as three arrays:
``fields`` (numbers per node, in lanes), ``table`` (one row per group, see `COLUMNS`) and ``places`` (state positions).
"""

from __future__ import annotations

from typing import Any, Final

import numba as nb
import numpy as np
from numba import types

from rxd.solve.lane_lu import lane_kernel

COLUMNS: Final = ("nodes", "fields", "starts", "position", "jacobian", "timed", "n_timed")
"""Columns of the table: nodes; where fields, first positions, all positions, Jacobian values and timed rows begin; how
many of the last."""

VECTOR, INTEGERS, TABLE = types.float64[::1], types.int64[::1], types.int64[:, ::1]
RATES: Final = types.void(VECTOR, types.float64, VECTOR, VECTOR, VECTOR, TABLE, INTEGERS)
LINEARISE: Final = types.void(VECTOR, types.float64, VECTOR, VECTOR, VECTOR, VECTOR, VECTOR, TABLE, INTEGERS)


def callback(signature: Any) -> Any:
    """Decorator that makes a C function of a generated driver."""
    return nb.cfunc(signature, cache=True, fastmath={"contract", "nsz", "arcp"}, error_model="numpy")


@lane_kernel
def call_rates(
    function: Any, y: np.ndarray, t: float, f: np.ndarray, work: np.ndarray, model: tuple[np.ndarray, np.ndarray, np.ndarray]
) -> None:
    """Right-hand side without exchange between nodes into ``f``."""
    fields, table, places = model
    function(y, t, f, work, fields, table, places)


@lane_kernel
def call_linearise(
    function: Any,
    y: np.ndarray,
    t: float,
    f: np.ndarray,
    drift: np.ndarray,
    jacobian: np.ndarray,
    work: np.ndarray,
    model: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> None:
    """The same with its explicit time derivative added to ``drift`` and the values of its Jacobian in ``jacobian``."""
    fields, table, places = model
    function(y, t, f, drift, jacobian, work, fields, table, places)
