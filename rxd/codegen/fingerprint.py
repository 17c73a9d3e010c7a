"""A hash of expressions and of records that hold them, by which what follows from them is found on disk.

In: expressions, records, tuples, mappings, numbers, texts. Out: the same text for the same things, in every process. Parts that
occur many times are looked at once: SymPy's own text of hh's rates from tables takes longer to write than such a script runs.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np
import sympy

from rxd.declare.symbols import IonSymbol, NodeSymbol

__all__ = ["Fingerprint", "NotKnownError", "fingerprint"]


class NotKnownError(TypeError):
    """Something that may be another thing in another process: a function, a symbol of a live model."""


class Fingerprint:
    """Takes things in, one after the other.

    Parameters
    ----------
    named : bool
        Whether classes that were made at run time, and symbols of live models, count by their names.
    """

    def __init__(self, named: bool = False) -> None:
        self._named = named
        self._hash = hashlib.sha256()
        self._rows: dict[str, int] = {}
        self._seen: dict[int, tuple[Any, int]] = {}  # with the thing itself: its id is its own as long as it lives

    def add(self, thing: Any) -> None:
        """Take in one more.

        Raises
        ------
        NotKnownError
            For what has no text that is the same in every process.
        """
        self._hash.update(b"%d;" % self._number(thing))

    def hexdigest(self) -> str:
        """The hash of all that was taken in."""
        return self._hash.hexdigest()

    def _number(self, thing: Any) -> int:
        """Which of the different parts this is."""
        found = self._seen.get(id(thing))
        if found is not None:
            return found[1]
        row = self._row(thing)
        number = self._rows.get(row)
        if number is None:
            number = self._rows[row] = len(self._rows)
            self._hash.update(f"{len(row)} {row}\n".encode())
        self._seen[id(thing)] = thing, number
        return number

    def _row(self, thing: Any) -> str:
        """Its kind, and what it is made of by number."""
        if isinstance(thing, sympy.Basic):
            return f"{self._class(type(thing))} {list(map(self._number, thing.args))}" if thing.args else self._leaf(thing)
        if thing is None or isinstance(thing, (bool, int, float, str, bytes, np.number)):
            return f"{type(thing).__name__} {thing!r}"
        if isinstance(thing, type):
            return f"class {self._class(thing)}"
        if isinstance(thing, Mapping):
            return f"mapping {[(self._number(key), self._number(value)) for key, value in thing.items()]}"
        if isinstance(thing, frozenset):
            return f"set {sorted(map(self._number, sorted(thing, key=repr)))}"
        if isinstance(thing, (tuple, list)):
            return f"{type(thing).__name__} {list(map(self._number, thing))}"
        if is_dataclass(thing):
            return f"{self._class(type(thing))} {[self._number(getattr(thing, each.name)) for each in fields(thing)]}"
        text = getattr(thing, "text", None)
        if isinstance(text, str):  # a function that was made of its text
            return f"{self._class(type(thing))} {text!r}"
        raise NotKnownError(f"{thing!r}")

    def _leaf(self, thing: sympy.Basic) -> str:
        if isinstance(thing, (NodeSymbol, sympy.Dummy)) and not self._named:
            raise NotKnownError(f"{thing}")
        whose = (thing.ion, thing.what) if isinstance(thing, IonSymbol) else ()
        return f"{self._class(type(thing))} {sympy.srepr(thing)} {whose}"

    def _class(self, kind: type) -> str:
        name = f"{kind.__module__}.{kind.__qualname__}"
        if not self._named and getattr(sys.modules.get(kind.__module__), kind.__qualname__, None) is not kind:
            raise NotKnownError(name)
        return name


def fingerprint(*things: Any) -> str:
    """The hash of some things.

    Raises
    ------
    NotKnownError
        If one of them has none.
    """
    found = Fingerprint()
    for thing in things:
        found.add(thing)
    return found.hexdigest()
