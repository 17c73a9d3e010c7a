"""hoc's own text files: the one that `ropen` has opened to be read, and the one of `wopen` to be written.

In: names of files, formats. Out: numbers and words read, text written; without a file of `ropen` the file whose code runs is
read on, behind the statement that reads (`rxd.neuron.hoc.pieces`); without any, standard input and output.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TextIO

from rxd.neuron.errors import HocError
from rxd.neuron.hoc.pieces import SourceText
from rxd.neuron.hoc.printing import formatted

if TYPE_CHECKING:
    from rxd.neuron.session import Session

__all__ = ["STREAM_FUNCTIONS", "Streams"]


class Streams:
    """The two files of a session."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._in: SourceText | None = None
        self._out: TextIO | None = None
        self._printed: tuple[TextIO, TextIO] | None = None

    def open_to_read(self, name: str | None) -> bool:
        """Open a file, or close the present one; whether that could be done."""
        self._in = None
        if name is None:
            return True
        try:
            self._in = SourceText(Path(name).read_text(encoding="utf-8", errors="replace"))
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

    def print_to(self, name: str | None) -> None:
        """Let all that is printed go into a file; without a name, to where it went before."""
        if self._printed is not None:
            file, before = self._printed
            if sys.stdout is file:
                sys.stdout = before
            file.close()
            self._printed = None
        if name is not None:
            self._printed = Path(name).open("w", encoding="utf-8"), sys.stdout  # noqa: SIM115 - open until the script ends it
            sys.stdout = self._printed[0]

    def write(self, text: str) -> None:
        """Write to the file of `wopen`, or to standard output."""
        if self._out is None:
            sys.stdout.write(text)
        else:
            self._out.write(text)
            self._out.flush()

    @property
    def _source(self) -> SourceText | None:
        """What is read: the file of `ropen`, or else the file whose code runs; None for standard input."""
        return self._session.hoc.source if self._in is None else self._in

    def number(self) -> float:
        """The next number; what is none is passed over."""
        found = self._typed() if self._source is None else self._source.number()
        if found is None:
            raise HocError("EOF in fscan")
        return found

    def line(self, word: bool) -> str:
        """The next line with its end, or the next word."""
        source = SourceText(_typed_line()) if self._source is None else self._source
        found = source.word() if word else source.line()
        if not found:
            raise HocError("EOF in getstr")
        return found

    @staticmethod
    def _typed() -> float | None:
        while text := _typed_line():
            number = SourceText(text).number()
            if number is not None:
                return number
        return None


def _typed_line() -> str:
    try:
        return sys.stdin.readline()
    except OSError as error:  # pytest lets nobody read while it captures
        raise HocError(f"Nothing to read: no file is open, and standard input says {error}.") from error


def ropen(session: Session, name: str | None = None) -> float:
    """Open a text file for `fscan` and `getstr`, or close it; 1 if that could be done."""
    return float(session.streams.open_to_read(name))


def wopen(session: Session, name: str | None = None) -> float:
    """Open a text file for `fprint`, or close it; 1 if that could be done."""
    return float(session.streams.open_to_write(name))


def hoc_stdout(session: Session, name: str | None = None) -> float:
    """Let what is printed go into a file; without a name, to where it went before."""
    session.streams.print_to(name)
    return 0.0


def fprint(session: Session, *arguments: Any) -> float:
    """Write a formatted text to the file of `wopen`, or to standard output; how long it is."""
    text = formatted(list(arguments))
    session.streams.write(text)
    return float(len(text))


def fscan(session: Session) -> float:
    """The next number of the file of `ropen`, or of the file whose code runs."""
    return session.streams.number()


def getstr(session: Session, into: Any, word: float = 0.0) -> float:
    """Read the next line, or the next word, into a text reference; how long it is."""
    text = session.streams.line(bool(word))
    into.set(text)
    return float(len(text))


STREAM_FUNCTIONS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {function.__name__: function for function in (ropen, wopen, hoc_stdout, fprint, fscan, getstr)}
)
