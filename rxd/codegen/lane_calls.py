"""Calling kernels by address: from loops that are compiled once for all models, and between the parts of such a loop.

Every generated kernel has one signature, ``void (X, P, t, dt, F, J)`` on rows of lanes, so the time loops need not be compiled
anew for each model: they take the addresses as numbers. The parts of a loop are called so, too, because numba compiles what it
can see: a part that a model does not need is then never compiled, and the others are not optimised once more inside the loop.
"""

from __future__ import annotations

from typing import Any, Final

import numba as nb
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from geometry.compiled import QuickCompiler
from geometry.kernel_files import kept_c_function
from rxd.solve.vectors import data_of

ROW: Final = types.CPointer(types.float64)
ARITHMETIC: Final = ("contract", "nsz", "arcp")
"""What LLVM may do to products, sums and quotients of generated kernels."""
LINE: Final = 64
"""Bytes of a cache line."""
KERNEL: Final = types.void(ROW, ROW, types.float64, types.float64, ROW, ROW)


def lane_kernel_decorator() -> Any:
    """Decorator of generated kernels."""
    return c_function(KERNEL)


def c_function(signature: Any) -> Any:
    """Decorator of C functions with vector-friendly arithmetic, cached on disk beside their source."""
    return kept_c_function(signature, QuickCompiler, fastmath=set(ARITHMETIC), error_model="numpy")


@intrinsic
def whole_vectors(typing_context: Any) -> Any:
    """Have the function around it compiled for the widest vectors there are: LLVM takes half of AVX-512 unless told.

    What it has no registers for, all constants among it, it keeps on a stack that begins at a cache line: a vector that lies
    across two lines is read half as fast, which took a quarter of a large kernel's time.
    """

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        # llvmlite lets only names through that it knows; this one is LLVM's.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        builder.function.attributes.alignstack = LINE
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def on_its_own(typing_context: Any) -> Any:
    """Have LLVM leave the function around it out of those that call it."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        builder.function.attributes.add("noinline")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def rows_apart(typing_context: Any) -> Any:
    """Tell LLVM that the rows given to the kernel around it do not overlap; else it compares all of them with each other."""

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        for argument in builder.function.args:
            if argument.type == ir.DoubleType().as_pointer():
                argument.add_attribute("noalias")
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def call_kernel(typing_context: Any, address: Any, X: Any, P: Any, at: Any, t: Any, dt: Any, F: Any, J: Any) -> Any:
    """Call the kernel at an address with the data of X, F, J and of P from element ``at`` on."""
    signature = types.void(types.int64, X, P, types.int64, types.float64, types.float64, F, J)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        def data(position: int) -> Any:
            return data_of(context, builder, sig.args[position], args[position])

        double = ir.DoubleType()
        row = double.as_pointer()
        function_type = ir.FunctionType(ir.VoidType(), [row, row, double, double, row, row])
        function = builder.inttoptr(args[0], function_type.as_pointer())
        fields = builder.gep(data(2), [args[3]])
        builder.call(function, [data(1), fields, args[4], args[5], data(6), data(7)])
        return context.get_dummy_value()

    return signature, generate


def part_address(part: Any, *arguments: Any) -> int:
    """Address of a compiled part of a loop for arguments of the types of these; compiles it, or takes it from numba's cache."""
    made = _compiled(part, arguments)
    return int(made.library.get_pointer_to_function(made.fndesc.llvm_func_name))


def c_address(function: Any, *arguments: Any) -> int:
    """The same of a function that C can call: one that was compiled with its wrapper for C."""
    made = _compiled(function, arguments)
    return int(made.library.get_pointer_to_function(made.fndesc.llvm_cfunc_wrapper_name))


def _compiled(function: Any, arguments: tuple[Any, ...]) -> Any:
    signature = tuple(nb.typeof(argument) for argument in arguments)
    function.compile(signature)
    return function.overloads[signature]


def _call_part(typing_context: Any, address: Any, arguments: Any) -> Any:
    """Call the part at an address, which `part_address` gave for arguments of the types in this tuple."""
    signature = types.void(types.int64, arguments)

    def generate(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kinds = list(sig.args[1])
        function_type = context.call_conv.get_function_type(types.none, kinds)
        function = builder.inttoptr(args[0], function_type.as_pointer())
        # as one compiled function calls another; parts raise nothing, so what they say of errors is left alone
        context.call_conv.call_function(builder, function, types.none, kinds, cgutils.unpack_tuple(builder, args[1]))
        return context.get_dummy_value()

    return signature, generate


call_part: Any = intrinsic(_call_part)
