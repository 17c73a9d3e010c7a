"""hoc's own text files: the one that `ropen` has opened to be read, and the one of `wopen` to be written.

In: names of files, formats. Out: numbers and words read, text written; without a file, standard input and output.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TextIO

from rxd.neuron.errors import HocError
from rxd.neuron.hoc.printing import formatted

if TYPE_CHECKING:
    from rxd.neuron.session import Session

__all__ = ["STREAM_FUNCTIONS", "Streams"]

_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


class Streams:
    """The two files of a session."""

    def __init__(self, session: Session) -> None:
        self._text: str | None = None
        self._at = 0
        self._out: TextIO | None = None

    def open_to_read(self, name: str | None) -> bool:
        """Open a file, or close the present one; whether that could be done."""
        self._text, self._at = None, 0
        if name is None:
            return True
        try:
            self._text = Path(name).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return False
        return True

    def open_to_write(self, name: str | None) -> bool:
        """Open a file, or close the present one; whether that could be done."""
        if self._out is not None:
            self._out.close()
            self._out = None
        if name is None:
            return True
        try:
            self._out = Path(name).open("w", encoding="utf-8")  # noqa: SIM115 - open until the script closes it
        except OSError:
            return False
        return True

    def write(self, text: str) -> None:
        """Write to the file of `wopen`, or to standard output."""
        if self._out is None:
            sys.stdout.write(text)
        else:
            self._out.write(text)
            self._out.flush()

    def number(self) -> float:
        """The next number; what is none is passed over."""
        while True:
            if self._text is None:
                return self._typed()
            match = _NUMBER.search(self._text, self._at)
            if match is None:
                self._at = len(self._text)
                raise HocError("EOF in fscan")
            self._at = match.end()
            return float(match.group())

    def line(self, word: bool) -> str:
        """The next line with its end, or the next word."""
        text = sys.stdin.readline() if self._text is None else self._text[self._at :]
        match = re.match(r"\s*(\S+)" if word else r"[^\n]*\n?", text)
        if match is None or not match.group():
            raise HocError("EOF in getstr")
        self._at += match.end() if self._text is not None else 0
        return match.group(1) if word else match.group()

    @staticmethod
    def _typed() -> float:
        while text := sys.stdin.readline():
            match = _NUMBER.search(text)
            if match is not None:
                return float(match.group())
        raise HocError("EOF in fscan")


def ropen(session: Session, name: str | None = None) -> float:
    """Open a text file for `fscan` and `getstr`, or close it; 1 if that could be done."""
    return float(session.streams.open_to_read(name))


def wopen(session: Session, name: str | None = None) -> float:
    """Open a text file for `fprint`, or close it; 1 if that could be done."""
    return float(session.streams.open_to_write(name))


def fprint(session: Session, *arguments: Any) -> float:
    """Write a formatted text to the file of `wopen`, or to standard output; how long it is."""
    text = formatted(list(arguments))
    session.streams.write(text)
    return float(len(text))


def fscan(session: Session) -> float:
    """The next number of the file of `ropen`."""
    return session.streams.number()


def getstr(session: Session, into: Any, word: float = 0.0) -> float:
    """Read the next line, or the next word, into a text reference; how long it is."""
    text = session.streams.line(bool(word))
    into.set(text)
    return float(len(text))


STREAM_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {function.__name__: function for function in (ropen, wopen, fprint, fscan, getstr)}
)
