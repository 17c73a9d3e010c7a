"""Mechanisms and equations on disk: what SymPy would write down again, to the letter, each time a script starts.

In: what something follows from, and how it is made. Out: that thing, from ``$AXOPLASM_CACHE/equations`` or made and kept there.
A file is named by all that it follows from, our sources and SymPy's version among it; one that is broken is made again. What is
kept is compared, before it is written, with what reading gives: expressions that SymPy would arrange otherwise are not kept.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, TypeVar

import sympy
from sympy.core.relational import Relational

from rxd.codegen.cache import lasting_folder, source_mark, write_whole
from rxd.codegen.fingerprint import NotKnownError, fingerprint
from rxd.codegen.pruning import prune, used
from rxd.declare.symbols import IonSymbol

__all__ = ["recalled"]

Thing = TypeVar("Thing")
SIZE: Final = hashlib.sha256().digest_size
UNREADABLE: Final = (pickle.PickleError, EOFError, AttributeError, ImportError, IndexError, KeyError, TypeError, ValueError)
UNWRITABLE: Final = (pickle.PickleError, AttributeError, TypeError, RecursionError)
PLAIN: Final = (sympy.Add, sympy.Mul, sympy.Pow, sympy.Function, sympy.Piecewise, Relational)
"""What SymPy would simplify once more when it is read."""


def recalled(what: str, key: Any, make: Callable[[], Thing]) -> Thing:
    """What was made of the same things before, by this version of everything; or what is made now.

    Parameters
    ----------
    what : str
        A word for the name of the file.
    key : object
        All that it follows from besides our sources, as `fingerprint` takes it; what that does not take is made every time.
    make : callable
        Without arguments; what warns is made every time, and warns.
    """
    folder = lasting_folder("equations")
    if folder is None:
        return make()
    try:
        mark = fingerprint(what, key, source_mark(), sympy.__version__, sys.version_info[:3], sys.implementation.name)
    except NotKnownError:
        return make()
    path = folder / f"{what}_{mark[:32]}.pickle"
    found = _read(path)
    if found is not None:
        used(path)
        return found
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        made = make()
    for warning in said:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno, source=warning.source)
    if not said:
        _keep(path, made)
    return made


def _read(path: Path) -> Any:
    """What a file holds; None if there is none, or not a whole one."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    digest, text = content[:SIZE], content[SIZE:]
    if hashlib.sha256(text).digest() != digest:
        return None
    with suppress(*UNREADABLE):
        return pickle.loads(text)
    return None


def _keep(path: Path, made: Any) -> None:
    """Write it down if reading gives the same."""
    with suppress(NotKnownError, *UNWRITABLE), io.BytesIO() as buffer:
        _Writer(buffer, protocol=pickle.HIGHEST_PROTOCOL).dump(made)
        text = buffer.getvalue()
        if fingerprint(pickle.loads(text)) == fingerprint(made):
            prune(path.parent)
            with suppress(OSError):
                write_whole(path, hashlib.sha256(text).digest() + text)


class _Writer(pickle.Pickler):
    """Writes expressions as they are: each part once, and without a way back through SymPy's simplifications."""

    def reducer_override(self, thing: Any) -> Any:
        """How a thing is made again."""
        if isinstance(thing, IonSymbol):
            return IonSymbol, (thing.ion, thing.what)
        if isinstance(thing, sympy.Basic) and thing.args:
            return (_plain if isinstance(thing, PLAIN) else _made), (thing.func, *thing.args)
        if isinstance(thing, MappingProxyType):
            return _frozen, (dict(thing),)
        return NotImplemented


def _plain(kind: Any, *arguments: Any) -> Any:
    return kind(*arguments, evaluate=False)


def _made(kind: Any, *arguments: Any) -> Any:
    return kind(*arguments)


def _frozen(items: dict[Any, Any]) -> MappingProxyType[Any, Any]:
    return MappingProxyType(items)
