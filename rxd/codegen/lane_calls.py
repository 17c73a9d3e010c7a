"""Calling generated kernels by address from loops that are compiled once for all models.

Every generated kernel has one signature, ``void (X, P, t, dt, F, J)`` on rows of lanes, so the time loops need not be compiled
anew for each model: they take the addresses as numbers.
"""

from __future__ import annotations

from typing import Any, Final

import numba as nb
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

ROW: Final = types.CPointer(types.float64)
KERNEL: Final = types.void(ROW, ROW, types.float64, types.float64, ROW, ROW)


def lane_kernel_decorator() -> Any:
    """Decorator of generated kernels: a C function with vector-friendly arithmetic, cached on disk beside its source."""
    return nb.cfunc(KERNEL, cache=True, fastmath={"contract", "nsz", "arcp"}, error_model="numpy")


@intrinsic
def call_kernel(typing_context: Any, address: Any, X: Any, P: Any, at: Any, t: Any, dt: Any, F: Any, J: Any) -> Any:
    """Call the kernel at an address with the data of X, F, J and of P from element ``at`` on."""
    signature = types.void(types.int64, X, P, types.int64, types.float64, types.float64, F, J)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def data(position: int) -> Any:
            return cgutils.create_struct_proxy(sig.args[position])(context, builder, args[position]).data

        double = ir.DoubleType()
        row = double.as_pointer()
        function_type = ir.FunctionType(ir.VoidType(), [row, row, double, double, row, row])
        function = builder.inttoptr(args[0], function_type.as_pointer())
        fields = builder.gep(data(2), [args[3]])
        builder.call(function, [data(1), fields, args[4], args[5], data(6), data(7)])
        return context.get_dummy_value()

    return signature, generate
