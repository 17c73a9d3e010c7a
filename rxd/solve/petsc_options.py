"""Load PETSc on first use; bring options into its database and take them out again.

In: options as users write them, ``{"ksp_type": "gmres"}`` or ``"-ksp_type gmres -ksp_monitor"``. Out: PETSc's module, and a
context in which its database holds the options under the prefix ``axoplasm_``. Options given at run time (``PETSC_OPTIONS``, or
the arguments a script handed to ``petsc4py.init`` itself) win over those written in Python.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any, Final

from rxd.errors import DeclarationError

PREFIX: Final = "axoplasm_"
Given = Mapping[str, Any] | str | None
_OPTION: Final = re.compile(r"-[A-Za-z_]")


def load_petsc() -> Any:
    """PETSc's Python module, initialised without a look at ``sys.argv``; a script that did so before keeps what it did.

    Raises
    ------
    DeclarationError
        If petsc4py is not installed.
    """
    try:
        import petsc4py
    except ImportError as error:
        message = (
            "PETSc, the extra 'petsc', is not installed here. In a clone run `make test`, which compiles it once per machine; "
            "elsewhere run `pip install 'axoplasm[petsc]'`, which compiles it too (about 10 minutes). "
            "Trees of segments need no PETSc: solver='direct'."
        )
        raise DeclarationError(message) from error
    with _one_blas_thread():
        # Without its signal handlers: a crash elsewhere is not PETSc's to report.
        petsc4py.init(["axoplasm", "-no_signal_handler"])
        from petsc4py import PETSc
    return PETSc


@contextmanager
def _one_blas_thread() -> Iterator[None]:
    """Let OpenBLAS start without threads when PETSc's library loads it, unless the user set a number.

    Vectors of some ten thousand numbers are shared between threads that wait for each other: on a busy machine an inner product
    of 15,000 numbers took 24 ms instead of 18 us.
    """
    if "OPENBLAS_NUM_THREADS" in os.environ:
        yield
        return
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    try:
        yield
    finally:
        del os.environ["OPENBLAS_NUM_THREADS"]


def parse_options(given: Given) -> Mapping[str, str | None]:
    """Options by name without dash and prefix, in the order given; None marks a flag.

    Parameters
    ----------
    given : mapping, str or None
        ``{"ksp_type": "bcgs", "ksp_monitor": None}`` or ``"-ksp_type bcgs -ksp_monitor"``; names with or without the prefix.

    Raises
    ------
    DeclarationError
        If a name is not one, or a string holds a value without an option before it.
    """
    if given is None:
        return MappingProxyType({})
    pairs = _split(given) if isinstance(given, str) else list(given.items())
    found: dict[str, str | None] = {}
    for name, value in pairs:
        if not isinstance(name, str) or not re.fullmatch(r"-?[A-Za-z_]\S*", name):
            message = f"petsc_options: {name!r} is no option's name. Write {{'ksp_type': 'gmres'}} or '-ksp_type gmres'."
            raise DeclarationError(message)
        found[name.removeprefix("-").removeprefix(PREFIX)] = _text(value)
    return MappingProxyType(found)


def _split(line: str) -> list[tuple[str, Any]]:
    """A command line into pairs; a negative number is a value, as in PETSc."""
    pairs: list[tuple[str, Any]] = []
    for word in shlex.split(line):
        if _OPTION.match(word):
            pairs.append((word, None))
        elif pairs and pairs[-1][1] is None:
            pairs[-1] = (pairs[-1][0], word)
        else:
            message = f"petsc_options: the value '{word}' belongs to no option. Write '-ksp_type gmres -ksp_monitor'."
            raise DeclarationError(message)
    return pairs


def _text(value: Any) -> str | None:
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return ",".join(str(item) for item in value)
    return str(value)


@contextmanager
def pushed_options(petsc: Any, options: Mapping[str, str | None]) -> Iterator[None]:
    """Put options into PETSc's database and remove them at the end; those already there, given at run time, stay as they are.

    Raises
    ------
    DeclarationError
        At the end, for options that nothing asked for: a typing error, or an option of a solver that is not in use.
    """
    database = petsc.Options(PREFIX)
    fresh = [name for name in options if not database.hasName(name)]
    try:
        for name in fresh:
            database.setValue(name, options[name])
        yield
        ignored = [name for name in fresh if not database.used(name)]
    finally:
        for name in fresh:
            database.delValue(name)
    if ignored:
        names = ", ".join(f"'{name}'" for name in ignored)
        message = (
            f"petsc_options: PETSc never asked for {names}. Is the name right, and is the solver it belongs to in use? "
            "petsc_options={'ksp_view': None} prints the solver in use with the prefixes of its parts."
        )
        raise DeclarationError(message)


def given_at_run_time(petsc: Any, name: str) -> bool:
    """Whether PETSc's database holds ``-axoplasm_<name>`` now."""
    return bool(petsc.Options(PREFIX).hasName(name))
