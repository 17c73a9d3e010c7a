"""Machine code of kernels on disk, taken from there before numba knows how to compile anything.

In: a Python function. Out: the function compiled, from numba's own files beside it or by numba. Before numba looks into such a
file it loads all that it knows of Python and NumPy, of which machine code that is there already needs nothing: half of the time
it takes to be ready, and a script whose kernels are all there never spends it.
"""

from __future__ import annotations

import hashlib
import importlib
import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from functools import cached_property
from typing import Any, Final

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile, NullCache
from numba.core.ccallback import CFunc
from numba.core.compiler import Compiler
from numba.core.runtime.nrt import rtsys
from numba.core.sigutils import normalize_signature

__all__ = [
    "KernelFiles",
    "NotKeptError",
    "ReadyCompiler",
    "kept_c_function",
    "kept_code_only",
    "kept_kernel",
    "load_numba",
]

_ONLY_KEPT: ContextVar[bool] = ContextVar("only_kept", default=False)

BROKEN: Final = (
    pickle.UnpicklingError, EOFError, OSError, ValueError, AttributeError, ImportError, LookupError, TypeError, OverflowError,
    MemoryError, RuntimeError,
)  # fmt: skip
"""What a file that was cut off, or written by somebody else, or that may not be read, ends in when it is read."""

FIRST: Final = (
    *(
        f"cpython.{name}"
        for name in (
            "builtins", "charseq", "enumimpl", "hashing", "heapq", "iterators", "listobj", "numbers", "rangeobj", "setobj",
            "slicing", "tupleobj", "unicode",
        )
    ),
    "core.optional", "core.inline_closurecall", "misc.gdb_hook", "misc.literal",
)  # fmt: skip
"""What numba loads before its linear algebra."""


def load_numba() -> None:
    """Have numba load what it knows of Python and NumPy, as its first compiled function would, in a third less time.

    It would import all of `scipy.linalg` to see whether SciPy is there, which it is. What uses its BLAS still asks for it.
    """
    if "numba.np.arraymath" in sys.modules:
        return
    for name in FIRST:  # in numba's own order: the first of two that know a function is asked first
        with suppress(ImportError):
            importlib.import_module(f"numba.{name}")
    linalg: Any = importlib.import_module("numba.np.linalg")
    ensure = linalg.ensure_blas
    linalg.ensure_blas = lambda: None
    try:
        arraymath: Any = importlib.import_module("numba.np.arraymath")
        arraymath.ensure_blas = ensure
    finally:
        linalg.ensure_blas = ensure


class NotKeptError(Exception):
    """Something would have to be compiled where that was ruled out."""


@contextmanager
def kept_code_only() -> Iterator[None]:
    """Machine code is taken from disk alone: what is not there is not compiled, which raises `NotKeptError`."""
    before = _ONLY_KEPT.set(True)
    try:
        yield
    finally:
        _ONLY_KEPT.reset(before)


class ReadyCompiler(Compiler):
    """Numba's compiler, which loads what it knows when there is something to compile."""

    def __init__(self, *arguments: Any) -> None:
        if _ONLY_KEPT.get():
            raise NotKeptError
        load_numba()
        super().__init__(*arguments)


class _Store(IndexDataCacheFile):
    """Numba's files of a function, with machine code in a file that is named by its own arguments and processor.

    Numba gives it the next free number: two processes that compile for other arguments, or on other processors of one cluster,
    at the same time both take this number, and each gets the other's machine code from then on. Nor is code there before the
    index tells of it here: whoever reads between, or after an interruption, would find what an older source was.
    """

    def save(self, key: Any, data: Any) -> None:
        """Write down machine code."""
        name = self._data_name_pattern.replace("{number:d}", hashlib.sha256(repr(key).encode()).hexdigest()[:16])
        self._save_data(name, data)
        known = self._load_index()
        if known.get(key) != name:
            self._save_index({**known, key: name})


class _Files(FunctionCache):
    """Numba's files of a function."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        self._cache_file = _Store(self._cache_path, self._impl.filename_base, self._impl.locator.get_source_stamp())

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What is there for a signature, or None."""
        rtsys.initialize(target_context)  # functions that machine code calls
        try:
            with self._guard_against_spurious_io_errors():
                return self._load_overload(sig, target_context)
        except BROKEN:
            with suppress(OSError):
                self.flush()
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep it if there is room: what was compiled runs in any case."""
        with suppress(OSError):
            super().save_overload(sig, data)


class KernelFiles:
    """The same, which numba looks for (and tries to write to) when somebody asks: most kernels are never called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    @cached_property
    def _files(self) -> _Files | NullCache:
        try:
            return _Files(self._function)
        except RuntimeError:  # numba finds no folder that it may write to: kernels are compiled in each process
            return NullCache()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._files, name)


def kept_kernel(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator as `numba.njit` with ``cache=True``.

    Parameters
    ----------
    **options
        As numba takes them.
    """
    plain: Any = numba.njit(**{"pipeline_class": ReadyCompiler, **options})

    def compiled(function: Callable[..., Any]) -> Any:
        made = plain(function)
        made._cache = KernelFiles(function)
        return made

    return compiled


def kept_c_function(signature: Any, pipeline_class: Any, **options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator as `numba.cfunc` with ``cache=True``: it compiles at once.

    Parameters
    ----------
    signature, pipeline_class, **options
        As numba takes them.
    """

    def compiled(function: Callable[..., Any]) -> Any:
        made: Any = CFunc(function, normalize_signature(signature), locals={}, options=options, pipeline_class=pipeline_class)
        made._cache = KernelFiles(function)
        made.compile()
        return made

    return compiled
