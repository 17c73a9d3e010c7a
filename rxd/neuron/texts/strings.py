"""String and StringFunctions: texts as objects, and what hoc does with texts.

In: texts. Out: numbers, and texts written into references.
"""

from __future__ import annotations

import re
import sys
from typing import Any

from rxd.neuron.errors import HocError
from rxd.neuron.events.artificial import Artificial
from rxd.neuron.hoc_object import HocObject
from rxd.neuron.mechanisms.points import PointProcess
from rxd.neuron.session import current_session
from rxd.neuron.texts.lists import List
from rxd.neuron.vectors.pointers import EntryPointer

__all__ = ["String", "StringFunctions"]


class String(HocObject):
    """A text with a name: `h.String("abc").s`."""

    def __init__(self, text: str = "") -> None:
        self.s = str(text)
        self._number = current_session().number("String")

    @property
    def _ref_s(self) -> EntryPointer:
        return EntryPointer(self.__dict__, "s")


class StringFunctions(HocObject):
    """What hoc does with texts; results go into a reference (`h.ref("")`, or a strdef in hoc)."""

    def len(self, text: str) -> int:
        """Number of characters."""
        return len(_plain(text))

    def substr(self, text: str, part: str) -> int:
        """Where a part begins, -1 if it does not occur."""
        return _plain(text).find(_plain(part))

    def head(self, text: str, pattern: str, into: Any) -> int:
        """Write what comes before the first match of a regular expression; returns where that begins, -1 if there is none."""
        match = _found(pattern, text)
        into.set("" if match is None else _plain(text)[: match.start()])
        return -1 if match is None else match.start()

    def tail(self, text: str, pattern: str, into: Any) -> int:
        """Write what follows the first match of a regular expression; returns where that begins, -1 if there is none."""
        match = _found(pattern, text)
        into.set("" if match is None else _plain(text)[match.end() :])
        return -1 if match is None else match.end()

    def left(self, text: Any, n: float) -> float:
        """Keep the first n characters."""
        _check_length(text, n)
        text.set(_plain(text)[: int(n)])
        return 1.0

    def right(self, text: Any, n: float) -> float:
        """Remove the first n characters."""
        _check_length(text, n)
        text.set(_plain(text)[int(n) :])
        return 1.0

    def ltrim(self, text: Any, into: Any, characters: str = " \r\n\t\f\v") -> float:
        """Write the text without blanks in front."""
        into.set(_plain(text).lstrip(characters))
        return 0.0

    def rtrim(self, text: Any, into: Any, characters: str = " \r\n\t\f\v") -> float:
        """Write the text without blanks behind."""
        into.set(_plain(text).rstrip(characters))
        return 0.0

    def is_name(self, name: str) -> bool:
        """Whether hoc knows this name."""
        from rxd.neuron import h

        return hasattr(h, _plain(name))

    def alias(self, thing: Any, name: str | None = None, meaning: Any = None) -> float:
        """Another name for a variable (a pointer) or an object, among those of an object of a template.

        `alias(thing, "name")` takes the name away, `alias(thing)` all.
        """
        aliases = _aliases_of(thing)
        if name is None:
            aliases.clear()
        elif meaning is None:
            aliases.pop(name, None)
        elif name in thing.template.public or name in thing.procedures:
            raise HocError(f"{name} is already a name of {thing}: an alias is another one.")
        else:
            aliases[name] = meaning
        return 0.0

    def alias_list(self, thing: Any) -> List:
        """A List of Strings: the names that `alias` has given."""
        found = List()
        for name in _aliases_of(thing):
            found.append(String(name))
        return found

    def is_point_process(self, thing: object) -> int:
        """Whether an object is a point process or an artificial cell."""
        return int(isinstance(thing, PointProcess))

    def is_artificial(self, thing: object) -> int:
        """Whether an object is an artificial cell."""
        return int(isinstance(thing, Artificial))


def _found(pattern: Any, text: Any) -> re.Match[str] | None:
    """Where a text matches a regular expression first; what is none matches nothing, and is said, as in NEURON."""
    try:
        return re.search(_plain(pattern), _plain(text))
    except re.error as error:
        sys.stderr.write(f"{_plain(pattern)!r} is no regular expression: {error}\n")
        return None


def _aliases_of(thing: Any) -> dict[str, Any]:
    """The aliases of an object of a template.

    Raises
    ------
    HocError
        For another object.
    """
    if not getattr(type(thing), "is_template", False):
        raise HocError(f"StringFunctions: {thing!r} is not an object of a hoc template; set an attribute of a Python object.")
    found: dict[str, Any] = thing.aliases
    return found


def _check_length(text: Any, n: float) -> None:
    length = len(_plain(text))
    if not 0 <= int(n) <= length:
        raise HocError(f"Arg out of range: {_plain(text)!r} has {length} characters, not {int(n)}.")


def _plain(text: Any) -> str:
    """A text, or the one a reference holds."""
    return str(text.get()) if hasattr(text, "get") else str(text)
