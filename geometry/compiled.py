"""How kernels are compiled and called: those that only kernels call, and those that threads share.

`inner` and `forced` leave out what Python needs to call a function, which for twenty arrays takes as long to compile as the
function, and what numba does to a function before it knows who calls it (`Draft`). None of these kernels counts references: one
that hands on arrays counts each up and down, atomically, which took more than a third of the time. So they cannot allocate
either, and all arrays belong to who calls them from Python. `in_ranges` stands for numba's `prange`: what that makes of a loop
takes as long again to compile as the loop, and everybody waits for that, while few have the voxels that are worth several
threads.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import MappingProxyType
from typing import Any, Final

import numba
import numpy as np
from llvmlite.binding import Linkage
from numba import types
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Flags
from numba.core.cpu import CPUContext
from numba.core.untyped_passes import ReconstructSSA

from geometry.kernel_files import ReadyCompiler, kept_kernel
from geometry.single_assignment import SingleAssignment

__all__ = ["ZERO", "forced", "in_ranges", "inner", "inner_options", "lean", "sized"]


# "returned NULL without setting an exception", says Python if it calls what only kernels can, and goes on in peace.
_REFUSAL: Final = ctypes.PYFUNCTYPE(ctypes.c_void_p, *3 * [ctypes.c_void_p])(lambda *_: None)

PLAIN: Final = (types.Number, types.Boolean, types.CPointer, types.Array, types.UniTuple)
"""Types on which an operation always gives the same type."""

DISPENSABLE: Final = frozenset({"inline_closure_likes", "inline_overloads", "nopython_rewrites"})
"""What numba does for functions within functions, for what NumPy's own names stand for, and for sums of whole arrays, which
would allocate: a twentieth of the time."""


class Linked(JITCodeLibrary):
    """A function into which the code of all that it calls is linked, once, however many of them call each other."""

    def finalize(self) -> None:
        """Take in what this function calls, and make machine code of all."""
        self._link()
        super().finalize()

    def _link(self) -> None:
        for library in self._called():
            self._reload_init.update(library._reload_init)
            alone = library._own_module() if isinstance(library, Draft) else library._get_module_for_linking()
            self._final_module.link_in(alone, preserve=True)
        self._linking_libraries = []

    def _called(self) -> list[Any]:
        """All that this function calls, and what that calls and has not taken in: each behind those who call it.

        LLVM takes in what somebody asks for who is there already, and leaves out the rest.
        """
        found: dict[Any, None] = {}
        path = [(self, iter(self._calls()))]
        while path:
            library, calls = path[-1]
            called = next((each for each in calls if each not in found), None)
            if called is None:
                found[library] = None
                path.pop()
            else:
                path.append((called, iter(called._calls() if isinstance(called, Draft) else ())))
        return list(found)[-2::-1]

    def _calls(self) -> tuple[Any, ...]:
        """What this function calls and has not taken in."""
        return tuple(self._linking_libraries)


class Draft(Linked):
    """A function that only kernels call: LLVM's code as numba wrote it, neither optimised nor made machine code by itself.

    A kernel takes the code of all it calls into its own and optimises it there; numba would do so, and make machine code, for
    each of them before that, which took as long as the kernel that somebody calls.
    """

    optimised = False

    def _optimize_functions(self, module: Any) -> None:
        if self.optimised:
            super()._optimize_functions(module)
        else:
            module.data_layout = self._codegen._data_layout

    def finalize(self) -> None:
        """Leave all but this function itself to who calls it."""
        if self.optimised:
            self._link()
            self._optimize_final_module()
        self._finalize_dynamic_globals()
        self._finalized = True

    def _own_module(self) -> Any:
        """The function as something to link: who has it already needs no other."""
        self._ensure_finalized()
        for function in self._final_module.functions:
            if not function.is_declaration and function.linkage == Linkage.external:
                function.linkage = "linkonce_odr"
        return self._final_module

    def _get_module_for_linking(self) -> Any:
        """The same with all that it calls, for functions that are compiled as numba compiles."""
        if self._shared_module is None:
            self._shared_module = self._own_module().clone()
            for library in self._called():
                alone = library._own_module() if isinstance(library, Draft) else library._get_module_for_linking()
                self._shared_module.link_in(alone, preserve=True)
        return self._shared_module

    def get_pointer_to_function(self, name: str) -> int:
        """What Python reaches if it calls this function, whose own machine code there is not."""
        return int(ctypes.cast(_REFUSAL, ctypes.c_void_p).value or 0)

    @property
    def codegen(self) -> Draft:
        """Who is told of the function's surroundings (`set_env`); what is nowhere in memory needs none."""
        return self

    def set_env(self, name: str, surroundings: object) -> None:
        """Only what raises or holds Python's objects has a use for them."""


class OptimisedDraft(Draft):
    """The same, optimised once by itself: LLVM makes less of a loop in a function in which it has inlined many."""

    optimised = True


class Settings(Flags):
    """Numba's settings of a function, equal where the same ones are made.

    Numba asks a hundred rules for every operation, each of which looks up what it found for the same settings; to compare all
    of them, made or not, took a sixth of the time.
    """

    __slots__ = ()
    names = hash(tuple(sorted(Flags.options)))  # what a `Flags` hashes to, all of them

    def __hash__(self) -> int:
        return self.names

    def __eq__(self, other: object) -> bool:
        return self._values == other._values if isinstance(other, Settings) else bool(super().__eq__(other))


class Remembering:
    """Numba's knowledge of types, which finds out once what an operation on numbers or arrays gives, not for every line.

    It would try a hundred rules for every sum, half of them about arrays: a third of the time that a long kernel takes.
    """

    __slots__ = ("_context", "_found")

    def __init__(self, context: Any) -> None:
        self._context = context
        self._found: dict[Any, Any] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def resolve_function_type(self, function: Any, arguments: Any, named: Any) -> Any:
        """Signature of a function for arguments of these types."""
        if named or not all(isinstance(each, PLAIN) for each in arguments):
            return self._context.resolve_function_type(function, arguments, named)
        key = (function, tuple(arguments))
        if key not in self._found:
            self._found[key] = self._context.resolve_function_type(function, arguments, named)
        return self._found[key]

    def resolve_setitem(self, target: Any, index: Any, value: Any) -> Any:
        """Signature of writing into an array."""
        key = ("set", target, index, value)
        if key not in self._found:
            self._found[key] = self._context.resolve_setitem(target, index, value)
        return self._found[key]


class QuickContext(CPUContext):
    """Numba's knowledge of operations, which does not look through all of it once more for each use of an array.

    Where it asks whether an array is kept in another way than arrays are, which none is, it would first see whether somebody
    has said anything new meanwhile.
    """

    def get_function(self, function: Any, signature: Any, _firstcall: bool = True) -> Any:
        """How an operation is done."""
        return super().get_function(function, signature, _firstcall and function != "__array__")


class QuickCompiler(ReadyCompiler):
    """Numba's compiler with a memory (`Remembering`), and a function that takes in each that it calls once."""

    kind: type[Linked] = Linked

    def compile_extra(self, function: Any) -> Any:
        """Compile a Python function."""
        self.state.typingctx, self.state.flags = Remembering(self.state.typingctx), Settings(self.state.flags)
        self.state.targetctx.__class__ = QuickContext  # a copy that numba has made for this function
        self.state.library = self.kind(self.state.targetctx.codegen(), function.__qualname__)
        self.state.library.enable_object_caching()
        return super().compile_extra(function)

    def define_pipelines(self) -> Any:
        """What numba does to a function, without what finds nothing in ours, and with names told apart in one pass."""
        managers = super().define_pipelines()
        for manager in managers:
            kept = ((each, text) for each, text in manager.passes if each.name() not in DISPENSABLE)
            manager.passes = [(SingleAssignment if each is ReconstructSSA else each, text) for each, text in kept]
            manager.finalize()
        return managers


class InnerCompiler(QuickCompiler):
    """The same, whose result is a `Draft`."""

    kind = Draft


class OptimisingCompiler(QuickCompiler):
    """The same, whose result is an `OptimisedDraft`."""

    kind = OptimisedDraft


_compile: Any = numba.njit  # its types do not know the options below
inner_options: Final = MappingProxyType(
    {"pipeline_class": InnerCompiler, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, "_nrt": False}
)
"""How functions are compiled that only kernels call."""
hot_options: Final = MappingProxyType({**inner_options, "pipeline_class": OptimisingCompiler})
"""The same of those with loops in which time is spent."""
lean: Any = kept_kernel(pipeline_class=QuickCompiler, nogil=True, error_model="numpy", _nrt=False, no_cfunc_wrapper=True)
"""Decorator of kernels that Python calls, from several threads if it likes."""
inner: Any = _compile(error_model="numpy", **inner_options)
"""Decorator of kernels that other kernels call; Python cannot."""
forced: Any = _compile(error_model="numpy", forceinline=True, **inner_options)
"""The same, written into the kernel that calls."""
ZERO: Any = np.int64(0)
"""Where a kernel begins to count: with a plain 0 numba compiles what is called with the count once more, for the constant."""
FEW: Final = 4096
"""Nodes up to which Python sets up by itself."""
RANGES: Final = 4
"""Ranges a thread gets, so that none waits long for the others."""


def sized(kernel: Any, nodes: int) -> Callable[..., Any]:
    """A kernel for setting up, or its Python where that is done before numba has the kernel ready.

    Python takes a few microseconds a node; a kernel is compiled for a quarter of a second, and loaded for ten milliseconds.
    """
    python: Callable[..., Any] = kernel.py_func
    return python if nodes <= FEW and not kernel.signatures else kernel


def in_ranges(kernel: Callable[..., None], count: int, least: int, *arguments: Any) -> None:
    """Call ``kernel(begin, end, *arguments)`` for ranges that make up 0 to ``count``, none shorter than ``least``.

    Parameters
    ----------
    kernel : callable
        Compiled with ``nogil=True``; ranges must not write the same numbers.
    count, least : int
        Number of pieces of work, and how many are worth a call.
    *arguments
        Passed on to every call.
    """
    threads = numba.get_num_threads() if count >= 2 * least else 1
    if threads == 1:
        kernel(0, count, *arguments)
        return
    size = max(least, -(-count // (RANGES * threads)))
    with ThreadPoolExecutor(threads) as pool:
        calls = [pool.submit(kernel, begin, min(begin + size, count), *arguments) for begin in range(0, count, size)]
        for call in calls:
            call.result()
